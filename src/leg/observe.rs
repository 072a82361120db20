//! One message in, facts of its leg out.

use super::fact::{FactKey, InviteParties, MessageKind};
use super::identify::identify;
use super::lattice::Leg;
use crate::base::limits::FACT_TEXT_BYTES_MAX;
use crate::packet::Datagram;
use crate::sip::{HeaderName, Message, Method, StartLine, sdp_body, vendor_number};

/// Content type of computer-telephony events (ECMA-323).
const CSTA: &[u8] = b"application/csta+xml";

/// Room in which values are put together, used again for every message.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pub(super) value: Vec<u8>,
}

/// Adds what a message says to its leg. The caller found the leg by the message's Call-ID. True when the
/// message most likely ends the leg's dialog.
pub fn observe(
    leg: &mut Leg,
    datagram: &Datagram<'_>,
    message: &Message<'_>,
    scratch: &mut Scratch,
) -> bool {
    let Some((key, sdp)) = fact_key(datagram, message) else { return false };
    if datagram.vendor_blind {
        leg.mark_vendor_blind();
    }
    let is_invite = key.kind == MessageKind::Request(Method::Invite);
    let parties = is_invite.then(|| invite_parties(message));
    identify(leg, datagram, message, &key, sdp, scratch);
    leg.add_message(&key, parties.as_ref(), datagram.time, datagram.record);
    ends_dialog(&key)
}

/// Whether few messages of the dialog follow this one: its BYE was answered, or its INVITE refused for
/// good, without a request to authenticate, to go elsewhere or to try again.
const fn ends_dialog(key: &FactKey<'_>) -> bool {
    let MessageKind::Response(status) = key.kind else { return false };
    match key.cseq_method {
        Method::Bye => status >= 200 && !matches!(status, 401 | 407),
        Method::Invite => status >= 400 && !matches!(status, 401 | 407 | 422 | 491),
        _ => false,
    }
}

/// The key of a message's fact, and the session description of a message that shapes the dialog; absent
/// when the start line and the CSeq name no method.
#[inline]
fn fact_key<'m>(
    datagram: &Datagram<'_>,
    message: &Message<'m>,
) -> Option<(FactKey<'m>, Option<&'m [u8]>)> {
    let cseq = message.cseq();
    let (kind, auth_failed) = match message.start() {
        StartLine::Request { method, .. } => (MessageKind::Request(method), false),
        StartLine::Response { status, reason } => {
            let auth_failed = status == 200 && reason.eq_ignore_ascii_case(b"Auth failed");
            (MessageKind::Response(status), auth_failed)
        }
    };
    let cseq_method = match (cseq, kind) {
        (Some(cseq), _) => cseq.method,
        (None, MessageKind::Request(method)) => method,
        // Cut before its CSeq: whose response it is cannot be told, but it is a packet of the call.
        (None, MessageKind::Response(_)) => Method::Other,
    };
    let mut key = FactKey {
        cseq_number: cseq.map_or(0, |cseq| cseq.number),
        kind,
        cseq_method,
        from_tag: &[],
        to_tag: &[],
        branch: &[],
        source: datagram.source,
        destination: datagram.destination,
        auth_failed,
        has_sdp: false,
    };
    let mut sdp = None;
    if shapes_the_dialog(cseq_method) {
        sdp = sdp_body(message);
        key.from_tag = text(message.from().tag());
        key.to_tag = text(message.to().tag());
        key.branch = text(message.via_branch());
        key.has_sdp = sdp.is_some();
    } else {
        // A thousand INFOs of a call say no more than when they were: one fact holds them all.
        key.cseq_number = 0;
    }
    Some((key, sdp))
}

/// Whether messages of this method are kept one by one.
const fn shapes_the_dialog(method: Method) -> bool {
    match method {
        Method::Invite
        | Method::Ack
        | Method::Cancel
        | Method::Bye
        | Method::Prack
        | Method::Update
        | Method::Refer
        | Method::Notify => true,
        Method::Register
        | Method::Options
        | Method::Info
        | Method::Subscribe
        | Method::Message
        | Method::Publish
        | Method::Other => false,
    }
}

/// The numbers of an INVITE, before any rule chose between them (facts B).
fn invite_parties<'m>(message: &Message<'m>) -> InviteParties<'m> {
    let number = |value: &'m [u8]| text(vendor_number(value, false, false));
    let header = |name: HeaderName| message.header(name).map(number).unwrap_or_default();
    // Whether `;` ends the caller's number is a rule of its own, applied when the CDR is made.
    let from = message.header(HeaderName::From).map(|value| vendor_number(value, false, true));
    let request_user = match message.start() {
        StartLine::Request { uri, .. } => number(uri),
        StartLine::Response { .. } => &[],
    };
    InviteParties {
        from_user: from.map(text).unwrap_or_default(),
        to_user: header(HeaderName::To),
        request_user,
        asserted_user: header(HeaderName::PAssertedIdentity),
        preferred_user: header(HeaderName::PPreferredIdentity),
        remote_party_user: header(HeaderName::RemotePartyId),
        is_csta: message
            .content_type()
            .windows(CSTA.len())
            .any(|part| part.eq_ignore_ascii_case(CSTA)),
    }
}

/// A header text as a fact, at most as long as facts are kept.
pub(super) fn text(bytes: &[u8]) -> &[u8] {
    bytes.get(..FACT_TEXT_BYTES_MAX).unwrap_or(bytes)
}
