//! One fact of a leg: a message, whatever the number of its retransmissions and copies.

use super::via_branch::ViaBranch;
use crate::base::{CaptureTime, Endpoint, NS_PER_S, RecordRef, Spans};
use crate::sip::Method;

/// Copies of a message nearer than this share a span: below the shortest close timer of the vendor
/// (5 s), so no timer can expire inside a span, and above T2 (4 s, RFC 3261 section 17).
pub const MESSAGE_GAP_NS: i64 = 4 * NS_PER_S + NS_PER_S / 2;

/// When copies of one message were seen.
pub type MessageSpans = Spans<MESSAGE_GAP_NS>;

/// Request or response. Requests order before responses: at the same moment the cause comes first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MessageKind {
    /// A request and its method.
    Request(Method),
    /// A response and its status code.
    Response(u16),
}

/// What tells one message of a leg from another (design.md section 4).
/// Borrowed, from a message or from the leg that keeps it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FactKey<'l> {
    /// CSeq number; 0 when it could not be read. First, so that equal times order by transaction.
    pub cseq_number: u32,
    /// Method or status.
    pub kind: MessageKind,
    /// CSeq method.
    pub cseq_method: Method,
    /// From tag; empty when absent.
    pub from_tag: &'l [u8],
    /// To tag; empty when absent.
    pub to_tag: &'l [u8],
    /// Branch of the topmost Via; empty when absent.
    pub branch: ViaBranch<'l>,
    /// Sender's address.
    pub source: Endpoint,
    /// Receiver's address.
    pub destination: Endpoint,
    /// `SIP/2.0 200 Auth failed`: the sniffer takes it for a 4xx (facts C).
    pub auth_failed: bool,
    /// Whether the body is SDP (an offer or an answer).
    pub has_sdp: bool,
}

/// When a message was seen, and the record that first showed it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FactTimes {
    /// Spans of its copies; never empty.
    pub spans: MessageSpans,
    /// The record of the first copy; equal times are broken by record.
    pub record: RecordRef,
}

impl FactTimes {
    /// Seen once.
    #[must_use]
    pub fn once(time: CaptureTime, record: RecordRef) -> Self {
        Self { spans: MessageSpans::of(time), record }
    }

    /// First copy.
    #[must_use]
    pub fn first(&self) -> CaptureTime {
        self.spans.first().unwrap_or_default()
    }

    /// Last copy.
    #[must_use]
    pub fn last(&self) -> CaptureTime {
        self.spans.last().unwrap_or_default()
    }

    /// Joins the times of the same message seen elsewhere.
    pub fn join(&mut self, other: &Self) {
        if (other.first(), other.record) < (self.first(), self.record) {
            self.record = other.record;
        }
        self.spans.join(&other.spans);
    }
}

/// Numbers that an INVITE carries, as on the wire, before any rule chose between them.
/// User parts hold what stands before `@`, undecoded; empty when absent.
/// Borrowed like [`FactKey`].
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InviteParties<'l> {
    /// User of From.
    pub from_user: &'l [u8],
    /// User of To.
    pub to_user: &'l [u8],
    /// User of the Request-URI.
    pub request_user: &'l [u8],
    /// User of P-Asserted-Identity (RFC 3325).
    pub asserted_user: &'l [u8],
    /// User of P-Preferred-Identity (RFC 3325).
    pub preferred_user: &'l [u8],
    /// User of Remote-Party-ID.
    pub remote_party_user: &'l [u8],
    /// Whether the body is application/csta+xml: the sniffer makes no call of such an INVITE (facts
    /// A.11).
    pub is_csta: bool,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A key that owns its strings.
    #[derive(Clone, Debug)]
    pub(in crate::leg) struct AnyKey {
        pub(in crate::leg) kind: MessageKind,
        pub(in crate::leg) cseq_number: u32,
        pub(in crate::leg) from_tag: String,
        pub(in crate::leg) to_tag: String,
        pub(in crate::leg) branch: String,
        pub(in crate::leg) source: Endpoint,
        pub(in crate::leg) has_sdp: bool,
    }

    impl Default for AnyKey {
        fn default() -> Self {
            Self {
                kind: MessageKind::Request(Method::Invite),
                cseq_number: 1,
                from_tag: "f".to_owned(),
                to_tag: String::new(),
                branch: "z9hG4bK1".to_owned(),
                source: Endpoint::UNKNOWN,
                has_sdp: false,
            }
        }
    }

    impl AnyKey {
        pub(in crate::leg) fn as_key(&self) -> FactKey<'_> {
            FactKey {
                cseq_number: self.cseq_number,
                kind: self.kind,
                cseq_method: Method::Invite,
                from_tag: self.from_tag.as_bytes(),
                to_tag: self.to_tag.as_bytes(),
                branch: ViaBranch::new(self.branch.as_bytes()),
                source: self.source,
                destination: Endpoint::UNKNOWN,
                auth_failed: false,
                has_sdp: self.has_sdp,
            }
        }
    }

    /// Few values, so that keys meet.
    pub(in crate::leg) fn any_key() -> impl Strategy<Value = AnyKey> {
        let kind = prop_oneof![
            Just(MessageKind::Request(Method::Invite)),
            Just(MessageKind::Request(Method::Bye)),
            Just(MessageKind::Response(200)),
            Just(MessageKind::Response(487)),
        ];
        let source = prop_oneof![
            Just(Endpoint::UNKNOWN),
            Just(Endpoint::new([10, 0, 0, 1].into(), 5060)),
            Just(Endpoint::new([9, 0, 0, 1].into(), 5061)),
            Just(Endpoint::new([0; 8].into(), 5060)),
        ];
        (kind, 1u32..3, "[ab]{0,2}", prop::bool::ANY, source).prop_map(
            |(kind, cseq_number, to_tag, has_sdp, source)| AnyKey {
                kind,
                cseq_number,
                to_tag,
                has_sdp,
                source,
                ..AnyKey::default()
            },
        )
    }

    /// The user of From that an INVITE carries, and no other number.
    pub(in crate::leg) fn any_from_user() -> impl Strategy<Value = Option<&'static [u8]>> {
        prop_oneof![Just(None), Just(Some(&b"0"[..])), Just(Some(&b"1"[..])), Just(Some(&b"2"[..]))]
    }
}
