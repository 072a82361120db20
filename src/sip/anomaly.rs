//! What a message does against its grammar, as a set of bits with names for notes.

use std::fmt;

/// One departure from the grammar of RFC 3261; the message was used all the same.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Anomaly {
    /// The bytes end inside the start line or the headers: snaplen, or a gap in a stream.
    Cut,
    /// The body is shorter than Content-Length says.
    BodyCut,
    /// A header is folded over several lines (allowed, deprecated by RFC 7230 in HTTP only).
    Folded,
    /// A line ends with LF alone.
    LfOnly,
    /// Lines end with CR alone.
    CrOnly,
    /// A header line without colon, or with nothing before it; skipped.
    NoColon,
    /// White space before the colon of a header (allowed).
    SpaceBeforeColon,
    /// Bytes of the start line or headers that are not UTF-8.
    NotUtf8,
    /// The version is not `SIP/2.0`.
    Version,
    /// More white space in the start line than one space at each place.
    StartLineSpaces,
    /// No Call-ID, or an empty one.
    NoCallId,
    /// More than one Call-ID; the first is used.
    DuplicateCallId,
    /// The Call-ID lies in the line where the bytes end, so it may be only a part.
    CallIdCut,
    /// No CSeq.
    NoCseq,
    /// A CSeq that is not a number of at most 32 bits and a method.
    BadCseq,
    /// More than one CSeq; the first is used.
    DuplicateCseq,
    /// The method in CSeq is not that of the request (ACK and CANCEL have their own, too).
    CseqMethodMismatch,
    /// No From.
    NoFrom,
    /// No To.
    NoTo,
    /// More than one From or To; the first is used.
    DuplicateParty,
    /// No Via.
    NoVia,
    /// A Content-Length that is not a number, or several that differ; the first is used.
    BadContentLength,
}

impl Anomaly {
    /// All of them, in the order of the bits.
    pub const ALL: [Self; 22] = [
        Self::Cut,
        Self::BodyCut,
        Self::Folded,
        Self::LfOnly,
        Self::CrOnly,
        Self::NoColon,
        Self::SpaceBeforeColon,
        Self::NotUtf8,
        Self::Version,
        Self::StartLineSpaces,
        Self::NoCallId,
        Self::DuplicateCallId,
        Self::CallIdCut,
        Self::NoCseq,
        Self::BadCseq,
        Self::DuplicateCseq,
        Self::CseqMethodMismatch,
        Self::NoFrom,
        Self::NoTo,
        Self::DuplicateParty,
        Self::NoVia,
        Self::BadContentLength,
    ];

    /// Stable name used in notes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::BodyCut => "body-cut",
            Self::Folded => "folded",
            Self::LfOnly => "lf-only",
            Self::CrOnly => "cr-only",
            Self::NoColon => "no-colon",
            Self::SpaceBeforeColon => "space-before-colon",
            Self::NotUtf8 => "not-utf-8",
            Self::Version => "version",
            Self::StartLineSpaces => "start-line-spaces",
            Self::NoCallId => "no-call-id",
            Self::DuplicateCallId => "duplicate-call-id",
            Self::CallIdCut => "call-id-cut",
            Self::NoCseq => "no-cseq",
            Self::BadCseq => "bad-cseq",
            Self::DuplicateCseq => "duplicate-cseq",
            Self::CseqMethodMismatch => "cseq-method-mismatch",
            Self::NoFrom => "no-from",
            Self::NoTo => "no-to",
            Self::DuplicateParty => "duplicate-party",
            Self::NoVia => "no-via",
            Self::BadContentLength => "bad-content-length",
        }
    }
}

/// A set of anomalies.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Anomalies(u32);

impl Anomalies {
    /// Adds one.
    pub const fn add(&mut self, anomaly: Anomaly) {
        self.0 |= 1 << anomaly as u32;
    }

    /// Adds one if `condition` holds.
    pub const fn add_if(&mut self, condition: bool, anomaly: Anomaly) {
        if condition {
            self.add(anomaly);
        }
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & (1 << anomaly as u32) != 0
    }

    /// Whether the message follows its grammar.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether something is wrong, not merely unusual: folding and white space before a colon are
    /// allowed by RFC 3261, so they alone do not make a message malformed.
    #[must_use]
    pub const fn is_malformed(self) -> bool {
        let allowed = 1 << Anomaly::Folded as u32 | 1 << Anomaly::SpaceBeforeColon as u32;
        self.0 & !allowed != 0
    }

    /// The anomalies in the order of [`Anomaly::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.into_iter().filter(move |anomaly| self.contains(*anomaly))
    }
}

impl fmt::Display for Anomalies {
    /// Names joined by a comma and a space; nothing for an empty set.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, anomaly) in self.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(formatter, "{separator}{}", anomaly.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_follow_the_table() {
        for (bit, anomaly) in Anomaly::ALL.into_iter().enumerate() {
            assert_eq!(anomaly as usize, bit);
            let mut set = Anomalies::default();
            set.add(anomaly);
            assert_eq!(set.iter().collect::<Vec<_>>(), [anomaly]);
            assert_eq!(set.to_string(), anomaly.name());
        }
    }

    #[test]
    fn unusual_is_not_malformed() {
        let mut set = Anomalies::default();
        set.add(Anomaly::Folded);
        assert!(!set.is_malformed());
        set.add(Anomaly::Cut);
        assert!(set.is_malformed());
        assert_eq!(set.to_string(), "cut, folded");
    }
}
