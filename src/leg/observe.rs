//! One message in, facts of its leg out.

use super::fact::{FactKey, FactTimes, InviteParties, MessageKind};
use super::fact_set::Told;
use super::identify::identify;
use super::lattice::Leg;
use super::via_branch::ViaBranch;
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
    let (key, told, sdp) = fact_key(leg, datagram, message);
    if datagram.vendor_blind {
        leg.mark_vendor_blind();
    }
    let is_invite = key.kind == MessageKind::Request(Method::Invite);
    let parties = is_invite.then(|| invite_parties(message));
    identify(leg, datagram, message, &key, sdp, scratch);
    let times = FactTimes::once(datagram.time, datagram.record);
    leg.add_told_message(&key, &told, parties.as_ref(), times);
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

/// The key of a message's fact, without the strings that the leg knows, and the session description of a
/// message that shapes the dialog.
#[inline]
fn fact_key<'m>(
    leg: &Leg,
    datagram: &Datagram<'_>,
    message: &Message<'m>,
) -> (FactKey<'m>, Told<'m>, Option<&'m [u8]>) {
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
    let shapes_dialog = shapes_the_dialog(cseq_method);
    let (mut told, mut sdp) = (Told::default(), None);
    if shapes_dialog {
        let lines = [HeaderName::From, HeaderName::To, HeaderName::Via];
        told = leg.facts.told(lines.map(|name| message.whole_line(name)));
        sdp = sdp_body(message);
    }
    let is_new = told.known.map(|known| shapes_dialog && known.is_none());
    let key = FactKey {
        // A thousand INFOs of a call say no more than when they were: one fact holds them all.
        cseq_number: cseq.filter(|_| shapes_dialog).map_or(0, |cseq| cseq.number),
        kind,
        cseq_method,
        from_tag: if is_new[0] { text(message.from().tag()) } else { &[] },
        to_tag: if is_new[1] { text(message.to().tag()) } else { &[] },
        branch: ViaBranch::new(if is_new[2] { text(message.via_branch()) } else { &[] }),
        source: datagram.source,
        destination: datagram.destination,
        auth_failed,
        has_sdp: sdp.is_some(),
    };
    (key, told, sdp)
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
