//! Names of the headers that the program reads, with their compact forms.

/// A header that the program reads by name; any other is found by [`super::Message::header_named`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum HeaderName {
    /// `Call-ID`, compact `i`: RFC 3261 section 20.8.
    CallId,
    /// `From`, compact `f`: RFC 3261 section 20.20.
    From,
    /// `To`, compact `t`: RFC 3261 section 20.39.
    To,
    /// `Via`, compact `v`: RFC 3261 section 20.42.
    Via,
    /// `CSeq`: RFC 3261 section 20.16.
    CSeq,
    /// `Contact`, compact `m`: RFC 3261 section 20.10.
    Contact,
    /// `Content-Type`, compact `c`: RFC 3261 section 20.15.
    ContentType,
    /// `Content-Length`, compact `l`: RFC 3261 section 20.14.
    ContentLength,
    /// `User-Agent`: RFC 3261 section 20.41.
    UserAgent,
    /// `Server`: RFC 3261 section 20.35.
    Server,
    /// `Record-Route`: RFC 3261 section 20.30.
    RecordRoute,
    /// `Route`: RFC 3261 section 20.34.
    Route,
    /// `Refer-To`, compact `r`: RFC 3515.
    ReferTo,
    /// `Referred-By`, compact `b`: RFC 3892.
    ReferredBy,
    /// `Replaces`: RFC 3891.
    Replaces,
    /// `Target-Dialog`: RFC 4538.
    TargetDialog,
    /// `Session-ID`: RFC 7989.
    SessionId,
    /// `P-Charging-Vector`: RFC 7315.
    PChargingVector,
    /// `P-Asserted-Identity`: RFC 3325.
    PAssertedIdentity,
    /// `P-Preferred-Identity`: RFC 3325.
    PPreferredIdentity,
    /// `Remote-Party-ID`: draft-ietf-sip-privacy.
    RemotePartyId,
    /// `Diversion`: RFC 5806.
    Diversion,
    /// `History-Info`: RFC 7044.
    HistoryInfo,
    /// `In-Reply-To`: RFC 3261 section 20.21.
    InReplyTo,
    /// `Also`: draft-ietf-sip-cc-transfer (old transfer).
    Also,
    /// `Reason`: RFC 3326.
    Reason,
    /// `Event`, compact `o`: RFC 6665.
    Event,
    /// `Subscription-State`: RFC 6665.
    SubscriptionState,
    /// `Expires`: RFC 3261 section 20.19.
    Expires,
    /// `Session-Expires`, compact `x`: RFC 4028.
    SessionExpires,
    /// `RSeq`: RFC 3262.
    RSeq,
    /// `RAck`: RFC 3262.
    RAck,
    /// `Require`: RFC 3261 section 20.32.
    Require,
    /// `Supported`, compact `k`: RFC 3261 section 20.37.
    Supported,
    /// `Warning`: RFC 3261 section 20.43.
    Warning,
}

impl HeaderName {
    /// How many there are.
    pub const COUNT: usize = 35;

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::CallId,
        Self::From,
        Self::To,
        Self::Via,
        Self::CSeq,
        Self::Contact,
        Self::ContentType,
        Self::ContentLength,
        Self::UserAgent,
        Self::Server,
        Self::RecordRoute,
        Self::Route,
        Self::ReferTo,
        Self::ReferredBy,
        Self::Replaces,
        Self::TargetDialog,
        Self::SessionId,
        Self::PChargingVector,
        Self::PAssertedIdentity,
        Self::PPreferredIdentity,
        Self::RemotePartyId,
        Self::Diversion,
        Self::HistoryInfo,
        Self::InReplyTo,
        Self::Also,
        Self::Reason,
        Self::Event,
        Self::SubscriptionState,
        Self::Expires,
        Self::SessionExpires,
        Self::RSeq,
        Self::RAck,
        Self::Require,
        Self::Supported,
        Self::Warning,
    ];

    /// The long name, as RFC 3261 and its successors write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallId => "Call-ID",
            Self::From => "From",
            Self::To => "To",
            Self::Via => "Via",
            Self::CSeq => "CSeq",
            Self::Contact => "Contact",
            Self::ContentType => "Content-Type",
            Self::ContentLength => "Content-Length",
            Self::UserAgent => "User-Agent",
            Self::Server => "Server",
            Self::RecordRoute => "Record-Route",
            Self::Route => "Route",
            Self::ReferTo => "Refer-To",
            Self::ReferredBy => "Referred-By",
            Self::Replaces => "Replaces",
            Self::TargetDialog => "Target-Dialog",
            Self::SessionId => "Session-ID",
            Self::PChargingVector => "P-Charging-Vector",
            Self::PAssertedIdentity => "P-Asserted-Identity",
            Self::PPreferredIdentity => "P-Preferred-Identity",
            Self::RemotePartyId => "Remote-Party-ID",
            Self::Diversion => "Diversion",
            Self::HistoryInfo => "History-Info",
            Self::InReplyTo => "In-Reply-To",
            Self::Also => "Also",
            Self::Reason => "Reason",
            Self::Event => "Event",
            Self::SubscriptionState => "Subscription-State",
            Self::Expires => "Expires",
            Self::SessionExpires => "Session-Expires",
            Self::RSeq => "RSeq",
            Self::RAck => "RAck",
            Self::Require => "Require",
            Self::Supported => "Supported",
            Self::Warning => "Warning",
        }
    }

    /// The header named by `name`, long or compact, case ignored; absent for any other.
    #[must_use]
    #[inline]
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        // Nearly all senders write the names as the RFC does: compares of constants, without a call.
        let found = match name {
            b"Call-ID" => Self::CallId,
            b"From" => Self::From,
            b"To" => Self::To,
            b"Via" => Self::Via,
            b"CSeq" => Self::CSeq,
            b"Contact" => Self::Contact,
            b"Content-Type" => Self::ContentType,
            b"Content-Length" => Self::ContentLength,
            b"User-Agent" => Self::UserAgent,
            b"Server" => Self::Server,
            b"Record-Route" => Self::RecordRoute,
            b"Route" => Self::Route,
            b"Refer-To" => Self::ReferTo,
            b"Referred-By" => Self::ReferredBy,
            b"Replaces" => Self::Replaces,
            b"Target-Dialog" => Self::TargetDialog,
            b"Session-ID" => Self::SessionId,
            b"P-Charging-Vector" => Self::PChargingVector,
            b"P-Asserted-Identity" => Self::PAssertedIdentity,
            b"P-Preferred-Identity" => Self::PPreferredIdentity,
            b"Remote-Party-ID" => Self::RemotePartyId,
            b"Diversion" => Self::Diversion,
            b"History-Info" => Self::HistoryInfo,
            b"In-Reply-To" => Self::InReplyTo,
            b"Also" => Self::Also,
            b"Reason" => Self::Reason,
            b"Event" => Self::Event,
            b"Subscription-State" => Self::SubscriptionState,
            b"Expires" => Self::Expires,
            b"Session-Expires" => Self::SessionExpires,
            b"RSeq" => Self::RSeq,
            b"RAck" => Self::RAck,
            b"Require" => Self::Require,
            b"Supported" => Self::Supported,
            b"Warning" => Self::Warning,
            [letter] => return Self::from_compact(*letter),
            _ => return Self::from_other_case(name),
        };
        Some(found)
    }

    /// The header with this long name, case ignored.
    fn from_other_case(name: &[u8]) -> Option<Self> {
        // Few share a length, so the name of an unknown header costs one or two compares.
        let candidates: &[Self] = match name.len() {
            2 => &[Self::To],
            3 => &[Self::Via],
            4 => &[Self::From, Self::CSeq, Self::Also, Self::RSeq, Self::RAck],
            5 => &[Self::Route, Self::Event],
            6 => &[Self::Server, Self::Reason],
            7 => &[Self::CallId, Self::Contact, Self::Expires, Self::Require, Self::Warning],
            8 => &[Self::ReferTo, Self::Replaces],
            9 => &[Self::Diversion, Self::Supported],
            10 => &[Self::UserAgent, Self::SessionId],
            11 => &[Self::ReferredBy, Self::InReplyTo],
            12 => &[Self::ContentType, Self::RecordRoute, Self::HistoryInfo],
            13 => &[Self::TargetDialog],
            14 => &[Self::ContentLength],
            15 => &[Self::RemotePartyId, Self::SessionExpires],
            17 => &[Self::PChargingVector],
            18 => &[Self::SubscriptionState],
            19 => &[Self::PAssertedIdentity],
            20 => &[Self::PPreferredIdentity],
            _ => return None,
        };
        let is_same = |one: &Self| one.name().as_bytes().eq_ignore_ascii_case(name);
        candidates.iter().copied().find(is_same)
    }

    /// The header with this compact form (IANA registry of SIP header fields), case ignored.
    #[must_use]
    pub const fn from_compact(letter: u8) -> Option<Self> {
        Some(match letter.to_ascii_lowercase() {
            b'i' => Self::CallId,
            b'f' => Self::From,
            b't' => Self::To,
            b'v' => Self::Via,
            b'm' => Self::Contact,
            b'c' => Self::ContentType,
            b'l' => Self::ContentLength,
            b'r' => Self::ReferTo,
            b'b' => Self::ReferredBy,
            b'o' => Self::Event,
            b'x' => Self::SessionExpires,
            b'k' => Self::Supported,
            _ => return None,
        })
    }
}

/// Compact forms of headers outside [`HeaderName`] (IANA registry of SIP header fields).
const OTHER_COMPACT: [(u8, &str); 8] = [
    (b'a', "Accept-Contact"),
    (b'd', "Request-Disposition"),
    (b'e', "Content-Encoding"),
    (b'j', "Reject-Contact"),
    (b'n', "Identity-Info"),
    (b's', "Subject"),
    (b'u', "Allow-Events"),
    (b'y', "Identity"),
];

/// The long form of a header name: that of a compact one, else `name` itself.
#[must_use]
pub fn long_name(name: &[u8]) -> &[u8] {
    let [letter] = name else {
        return name;
    };
    if let Some(known) = HeaderName::from_compact(*letter) {
        return known.name().as_bytes();
    }
    OTHER_COMPACT
        .iter()
        .find(|(compact, _)| *compact == letter.to_ascii_lowercase())
        .map_or(name, |(_, long)| long.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (number, header) in HeaderName::ALL.into_iter().enumerate() {
            assert_eq!(header as usize, number);
            let name = header.name();
            for spelling in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
                assert_eq!(HeaderName::from_bytes(spelling.as_bytes()), Some(header), "{name}");
            }
            assert_eq!(HeaderName::from_bytes(format!("{name}-").as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn compact_forms_are_those_of_the_registry() {
        let registry = "aAccept-Contact bReferred-By cContent-Type dRequest-Disposition \
            eContent-Encoding fFrom iCall-ID jReject-Contact kSupported lContent-Length mContact \
            nIdentity-Info oEvent rRefer-To sSubject tTo uAllow-Events vVia xSession-Expires \
            yIdentity";
        for entry in registry.split_whitespace() {
            let (compact, long) = entry.split_at(1);
            assert_eq!(long_name(compact.as_bytes()), long.as_bytes());
            assert_eq!(long_name(compact.to_uppercase().as_bytes()), long.as_bytes());
        }
        assert_eq!(long_name(b"z"), b"z");
        assert_eq!(long_name(b"X-Call-ID"), b"X-Call-ID");
    }
}
