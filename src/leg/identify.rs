//! What a message says about other legs and about its media: identifiers for correlation.
//!
//! Sources: RFC 3261, 3326, 3515, 3891, 3892, 4538, 5589, 5806, 7044, 7315, 7866, 7989; design.md section 5.

use super::fact::{FactKey, MessageKind};
use super::identifier::{Identifier, IdentifierKind, Sighting};
use super::lattice::Leg;
use super::observe::{Scratch, text};
use crate::base::Endpoint;
use crate::base::limits::{
    CANDIDATE_VALUE_BYTES_MAX, FACT_TEXT_BYTES_MAX, HEADER_CANDIDATES_PER_INVITE_MAX,
};
use crate::packet::Datagram;
use crate::sip::{
    HeaderName, Message, Method, NameAddr, SessionId, Uri, icid_value, name_addrs, parse_replaces,
    parse_session_id, percent_decode, recorded_sessions, recording_metadata, sdp, sipfrag_status,
};

/// Candidate headers shorter than this identify nothing, unless they are named after Call-IDs.
const CANDIDATE_VALUE_BYTES_MIN: usize = 6;

/// Adds the identifiers of one message to its leg; `sdp` is its session description.
pub(super) fn identify(
    leg: &mut Leg,
    datagram: &Datagram<'_>,
    message: &Message<'_>,
    key: &FactKey<'_>,
    sdp: Option<&[u8]>,
    scratch: &mut Scratch,
) {
    let Scratch { value } = scratch;
    let mut found = Found { leg, datagram, cseq: key.cseq_number, scratch: value };
    match key.kind {
        MessageKind::Request(Method::Invite) => found.invite(message),
        MessageKind::Request(Method::Refer) => found.refer(message),
        MessageKind::Request(Method::Notify) => found.notify(message),
        MessageKind::Request(Method::Bye) if message.has(HeaderName::Also) => {
            found.user_hosts(message, HeaderName::Also, IdentifierKind::Also);
        }
        MessageKind::Response(300..=399) if key.cseq_method == Method::Invite => {
            found.user_hosts(message, HeaderName::Contact, IdentifierKind::RedirectContact);
        }
        _ => {}
    }
    if matches!(key.cseq_method, Method::Invite | Method::Ack | Method::Prack | Method::Update) {
        found.session_and_charging(message);
        if let Some(sdp) = sdp {
            found.media(sdp, key);
        }
    }
}

/// Headers by which an INVITE names other dialogs and parties; most have none of them.
const NAMING_OTHERS: [HeaderName; 7] = [
    HeaderName::Replaces,
    HeaderName::TargetDialog,
    HeaderName::ReferredBy,
    HeaderName::Also,
    HeaderName::Diversion,
    HeaderName::HistoryInfo,
    HeaderName::InReplyTo,
];

/// Recording metadata that name no session.
const RECORDING_UNNAMED: &[u8] = b"rs-metadata";

struct Found<'f, 'd> {
    leg: &'f mut Leg,
    datagram: &'f Datagram<'d>,
    cseq: u32,
    scratch: &'f mut Vec<u8>,
}

impl Found<'_, '_> {
    fn add(&mut self, kind: IdentifierKind, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        let identifier =
            Identifier { kind, value: text(value), said_by: self.datagram.source, cseq: self.cseq };
        let time = self.datagram.time;
        let record = self.datagram.record;
        self.leg.add_identifier(identifier, Sighting { first: time, last: time, record });
    }

    fn invite(&mut self, message: &Message<'_>) {
        if NAMING_OTHERS.into_iter().any(|name| message.has(name)) {
            self.others_named(message);
        }
        if let crate::sip::StartLine::Request { uri, .. } = message.start() {
            self.add_user_host(IdentifierKind::RequestUri, &Uri::new(uri));
        }
        self.recording(message);
        self.candidates(message);
    }

    /// What an INVITE says about other dialogs and parties.
    fn others_named(&mut self, message: &Message<'_>) {
        for value in message.headers(HeaderName::Replaces) {
            self.replaces(IdentifierKind::Replaces, value);
        }
        self.target_dialog(message);
        self.user_hosts(message, HeaderName::ReferredBy, IdentifierKind::ReferredBy);
        self.user_hosts(message, HeaderName::Also, IdentifierKind::Also);
        self.users(message, HeaderName::Diversion, IdentifierKind::Diversion);
        self.users(message, HeaderName::HistoryInfo, IdentifierKind::HistoryInfo);
        for value in message.headers(HeaderName::InReplyTo) {
            for call_id in value.split(|byte| *byte == b',') {
                self.add(IdentifierKind::InReplyTo, call_id.trim_ascii());
            }
        }
    }

    /// Adds the value in the scratch room.
    fn add_scratch(&mut self, kind: IdentifierKind) {
        let value = std::mem::take(self.scratch);
        self.add(kind, &value);
        *self.scratch = value;
    }

    /// Puts letters in lower case behind what is in the scratch room.
    fn push_lower_case(&mut self, text: &[u8]) {
        let start = self.scratch.len();
        self.scratch.extend_from_slice(text);
        self.scratch[start..].make_ascii_lowercase();
    }

    /// Adds parts with a separator between them.
    fn add_joined(&mut self, kind: IdentifierKind, parts: &[&[u8]], separator: u8) {
        self.scratch.clear();
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                self.scratch.push(separator);
            }
            self.scratch.extend_from_slice(part);
        }
        self.add_scratch(kind);
    }

    /// Adds `user@host`, or the host alone, lower-case host: what two URIs of one target share.
    fn add_user_host(&mut self, kind: IdentifierKind, uri: &Uri<'_>) {
        let (user, host) = (uri.user(), uri.host());
        self.scratch.clear();
        self.scratch.extend_from_slice(user);
        if !user.is_empty() && !host.is_empty() {
            self.scratch.push(b'@');
        }
        self.push_lower_case(host);
        self.add_scratch(kind);
    }

    /// What a recording session records; that it is one, where its metadata name no session.
    fn recording(&mut self, message: &Message<'_>) {
        let Some(metadata) = recording_metadata(message) else { return };
        let mut is_named = false;
        for session in recorded_sessions(metadata) {
            for uuid in [session.local, session.remote] {
                if SessionId::is_uuid(uuid) {
                    self.add(IdentifierKind::Recording, &uuid.to_ascii_lowercase());
                    is_named = true;
                }
            }
        }
        if !is_named {
            self.add(IdentifierKind::Recording, RECORDING_UNNAMED);
        }
    }

    /// Headers of the deployment's own that may name another leg: `X-...`, and others whose name says
    /// that they hold a Call-ID (`Parent-Call-ID`).
    fn candidates(&mut self, message: &Message<'_>) {
        let mut kept = 0;
        // None of the headers that are read by name is named like that.
        for header in message.other_headers() {
            let holds_call_id = holds_call_id(header.name);
            let is_own = matches!(header.name, [b'x' | b'X', b'-', ..]) || holds_call_id;
            if !is_own || header.is_cut {
                continue;
            }
            let longest = if holds_call_id {
                // Whole with its name, or not at all: a cut value could equal another Call-ID.
                FACT_TEXT_BYTES_MAX.saturating_sub(header.name.len() + 2)
            } else {
                CANDIDATE_VALUE_BYTES_MAX
            };
            let least = if names_call_ids(header.name) { 1 } else { CANDIDATE_VALUE_BYTES_MIN };
            let fits = (least..=longest).contains(&header.value.len());
            if !fits {
                continue;
            }
            if kept == HEADER_CANDIDATES_PER_INVITE_MAX {
                self.leg.mark_over_limit();
                break;
            }
            kept += 1;
            self.scratch.clear();
            self.push_lower_case(header.name);
            self.scratch.extend_from_slice(b": ");
            self.scratch.extend_from_slice(header.value);
            self.add_scratch(IdentifierKind::Header);
        }
    }

    fn refer(&mut self, message: &Message<'_>) {
        for value in message.headers(HeaderName::ReferTo) {
            let uri = NameAddr::new(value).uri();
            self.add_user_host(IdentifierKind::ReferTo, &uri);
            if let Some(replaces) = uri.header(b"Replaces") {
                self.replaces(IdentifierKind::ReferToReplaces, &percent_decode(replaces));
            }
            if let Some(call_id) = uri.header(b"Call-ID") {
                self.add(IdentifierKind::TargetDialog, &percent_decode(call_id));
            }
        }
        self.target_dialog(message);
        self.user_hosts(message, HeaderName::ReferredBy, IdentifierKind::ReferredBy);
    }

    fn notify(&mut self, message: &Message<'_>) {
        if let Some(status) = sipfrag_status(message) {
            self.add(IdentifierKind::SipfragStatus, status.to_string().as_bytes());
        }
    }

    fn replaces(&mut self, kind: IdentifierKind, value: &[u8]) {
        let replaces = parse_replaces(value);
        if replaces.call_id.is_empty() {
            return;
        }
        let parts = [replaces.call_id, replaces.to_tag, replaces.from_tag, b"early-only"];
        let count = if replaces.early_only { 4 } else { 3 };
        self.add_joined(kind, &parts[..count], b';');
    }

    fn target_dialog(&mut self, message: &Message<'_>) {
        for value in message.headers(HeaderName::TargetDialog) {
            let dialog = crate::sip::parse_target_dialog(value);
            if !dialog.call_id.is_empty() {
                let parts = [dialog.call_id, dialog.remote_tag, dialog.local_tag];
                self.add_joined(IdentifierKind::TargetDialog, &parts, b';');
            }
        }
    }

    fn user_hosts(&mut self, message: &Message<'_>, header: HeaderName, kind: IdentifierKind) {
        for value in message.headers(header) {
            for address in name_addrs(value) {
                self.add_user_host(kind, &address.uri());
            }
        }
    }

    fn users(&mut self, message: &Message<'_>, header: HeaderName, kind: IdentifierKind) {
        for value in message.headers(header) {
            for address in name_addrs(value) {
                self.add(kind, address.uri().user());
            }
        }
    }

    fn session_and_charging(&mut self, message: &Message<'_>) {
        if let Some(value) = message.header(HeaderName::SessionId) {
            let session = parse_session_id(value);
            if !session.local.is_empty() {
                self.scratch.clear();
                self.push_lower_case(session.local);
                self.scratch.push(b';');
                self.push_lower_case(session.remote);
                self.add_scratch(IdentifierKind::SessionId);
            }
        }
        if let Some(icid) = message.header(HeaderName::PChargingVector).and_then(icid_value) {
            self.add(IdentifierKind::Icid, icid);
        }
    }

    fn media(&mut self, body: &[u8], key: &FactKey) {
        let mut description = sdp::Description::new(body);
        if let Some(origin) = description.origin() {
            let parts = [origin.session_id, origin.address];
            self.add_joined(IdentifierKind::MediaOrigin, &parts, b' ');
        }
        let is_answer = matches!(key.kind, MessageKind::Response(200..=299));
        while let Some(media) = description.next_media() {
            let Some(address) = media.address.filter(|address| !address.is_unspecified()) else {
                continue;
            };
            if media.port == 0 {
                continue;
            }
            self.media_address(Endpoint::new(address, media.port));
            if let Some(rtcp) = media.rtcp {
                self.media_address(Endpoint::new(rtcp.address.unwrap_or(address), rtcp.port));
            }
            if is_answer && let Some(codec) = media.codecs().next() {
                self.scratch.clear();
                self.push_lower_case(codec.name);
                if let Some(rate) = codec.rate {
                    self.scratch.push(b'/');
                    push_number(self.scratch, rate);
                }
                self.add_scratch(IdentifierKind::Codec);
            }
        }
    }

    fn media_address(&mut self, endpoint: Endpoint) {
        self.scratch.clear();
        endpoint.append_to(self.scratch);
        self.add_scratch(IdentifierKind::MediaAddress);
    }
}

/// Appends the decimal digits of a number, without the machinery of formatting.
fn push_number(text: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; "4294967295".len()];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[start..]);
}

/// Whether a header is named after Call-IDs (X-Call-ID, X-CID): its value may be as short as they are.
fn names_call_ids(name: &[u8]) -> bool {
    contains_any(name, &[b"call", b"cid"])
}

/// Whether a header's name says that it holds another leg's Call-ID.
fn holds_call_id(name: &[u8]) -> bool {
    contains_any(name, &[b"call-id", b"callid", b"cid"]) && !name.eq_ignore_ascii_case(b"call-id")
}

/// Whether one of `parts`, which all begin with `c`, stands in `name`, case ignored.
fn contains_any(name: &[u8], parts: &[&[u8]]) -> bool {
    (0..name.len()).filter(|at| matches!(name[*at], b'c' | b'C')).any(|at| {
        let is_there = |part: &&[u8]| {
            name.get(at..at + part.len()).is_some_and(|text| text.eq_ignore_ascii_case(part))
        };
        parts.iter().any(is_there)
    })
}
