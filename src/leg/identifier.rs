//! Identifiers for correlation: what a leg says about other legs.

use crate::base::{CaptureTime, Endpoint, RecordRef};

/// What an identifier is. Values are bytes; the form of each is said at the variant.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum IdentifierKind {
    /// `Replaces` header of an INVITE (RFC 3891): `call-id;to-tag;from-tag`, then `;early-only` when set.
    Replaces,
    /// `Replaces` inside a Refer-To URI (RFC 5589), same form, percent-decoded.
    ReferToReplaces,
    /// Refer-To URI of a REFER without its URI headers: `user@host`, or as on the wire.
    ReferTo,
    /// `Call-ID` URI header inside a Refer-To, or `Target-Dialog` (RFC 4538): `call-id;remote-tag;local-tag`.
    TargetDialog,
    /// Referred-By URI (RFC 3892): `user@host`.
    ReferredBy,
    /// Status code in the body of a NOTIFY with Content-Type message/sipfrag (RFC 3515): decimal digits.
    SipfragStatus,
    /// Contact of a 3xx to an INVITE: `user@host`.
    RedirectContact,
    /// `Also` of a BYE or INVITE (old transfer): `user@host`.
    Also,
    /// Session-ID (RFC 7989): `local;remote`, lower-case hex; `remote` empty when absent.
    SessionId,
    /// P-Charging-Vector icid-value (RFC 7315).
    Icid,
    /// In-Reply-To: one Call-ID a value.
    InReplyTo,
    /// A header that may carry another leg's Call-ID or a shared token: `lower-case-name: value`.
    Header,
    /// Diversion user (RFC 5806).
    Diversion,
    /// History-Info user (RFC 7044).
    HistoryInfo,
    /// SDP media address of this leg: `ip:port` as [`Endpoint`] prints it.
    MediaAddress,
    /// SDP `o=` line without its user name: `session-id version?` kept as `sess-id address`.
    MediaOrigin,
    /// Codec negotiated in an SDP answer: `name/rate`, lower-case.
    Codec,
    /// User-Agent or Server.
    UserAgent,
    /// Request-URI of an INVITE: `user@host`.
    RequestUri,
    /// A From tag or To tag seen in the leg, raw.
    Tag,
    /// Contact of the party: `user@host`.
    Contact,
    /// A recording session (RFC 7866) says what it records: a UUID of the metadata's sipSessionID, lower-case
    /// hex; `rs-metadata` where they name none.
    Recording,
    /// Reason header (RFC 3326): `protocol;cause=n`.
    Reason,
}

impl IdentifierKind {
    /// Every kind, in their order.
    pub const ALL: [Self; 23] = [
        Self::Replaces,
        Self::ReferToReplaces,
        Self::ReferTo,
        Self::TargetDialog,
        Self::ReferredBy,
        Self::SipfragStatus,
        Self::RedirectContact,
        Self::Also,
        Self::SessionId,
        Self::Icid,
        Self::InReplyTo,
        Self::Header,
        Self::Diversion,
        Self::HistoryInfo,
        Self::MediaAddress,
        Self::MediaOrigin,
        Self::Codec,
        Self::UserAgent,
        Self::RequestUri,
        Self::Tag,
        Self::Contact,
        Self::Recording,
        Self::Reason,
    ];

    /// Stable name, for the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replaces => "replaces",
            Self::ReferToReplaces => "refer-to-replaces",
            Self::ReferTo => "refer-to",
            Self::TargetDialog => "target-dialog",
            Self::ReferredBy => "referred-by",
            Self::SipfragStatus => "sipfrag-status",
            Self::RedirectContact => "redirect-contact",
            Self::Also => "also",
            Self::SessionId => "session-id",
            Self::Icid => "icid",
            Self::InReplyTo => "in-reply-to",
            Self::Header => "header",
            Self::Diversion => "diversion",
            Self::HistoryInfo => "history-info",
            Self::MediaAddress => "media-address",
            Self::MediaOrigin => "media-origin",
            Self::Codec => "codec",
            Self::UserAgent => "user-agent",
            Self::RequestUri => "request-uri",
            Self::Tag => "tag",
            Self::Contact => "contact",
            Self::Recording => "recording",
            Self::Reason => "reason",
        }
    }

    /// The kind with this name; absent when there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One identifier: kind, value, and who said it. Borrowed, from a message or from the set that keeps it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identifier<'l> {
    /// What it is.
    pub kind: IdentifierKind,
    /// Its value, in the form that the kind names.
    pub value: &'l [u8],
    /// Source address of the message that carried it.
    pub said_by: Endpoint,
    /// CSeq number of that message: ties a Refer-To to its REFER, a redirect to its INVITE.
    pub cseq: u32,
}

/// When and where an identifier was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sighting {
    /// First time.
    pub first: CaptureTime,
    /// Last time.
    pub last: CaptureTime,
    /// The record that first showed it.
    pub record: RecordRef,
}

impl Sighting {
    /// Joins two sightings of the same thing; equal times are broken by record.
    pub fn join(&mut self, other: Self) {
        if (other.first, other.record) < (self.first, self.record) {
            self.record = other.record;
            self.first = other.first;
        }
        self.last = self.last.max(other.last);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Few values, so that identifiers meet.
    pub(in crate::leg) fn any_identifier() -> impl Strategy<Value = Identifier<'static>> {
        const VALUES: [&[u8]; 4] = [b"0", b"1", b"22", b"21"];
        (0usize..4, 0u32..2).prop_map(|(value, cseq)| Identifier {
            kind: if value % 2 == 0 { IdentifierKind::Icid } else { IdentifierKind::ReferTo },
            value: VALUES[value],
            said_by: Endpoint::UNKNOWN,
            cseq,
        })
    }
}
