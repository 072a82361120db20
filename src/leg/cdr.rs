//! The call detail record: what the vendor's sniffer would write for a leg.

use super::short_text::ShortText;
use crate::base::{CaptureTime, Endpoint, SensorId};
use std::net::{IpAddr, Ipv4Addr};

/// Which party did something.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// The party that sent the first INVITE.
    Caller,
    /// The other one.
    Callee,
}

impl Side {
    /// The value of the vendor's column `whohanged`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }

    /// The side with this name; absent when there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Caller, Self::Callee].into_iter().find(|side| side.name() == name)
    }
}

/// How a CDR ended: the vendor's column `bye` (facts C, calltable.cpp:7380-7406).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Bye {
    /// Not answered.
    Unanswered = 0,
    /// Answered, no BYE seen.
    AnsweredWithoutBye = 1,
    /// BYE without a 200 to it.
    ByeUnconfirmed = 2,
    /// BYE and its 200.
    ByeConfirmed = 3,
    /// Only one direction of SIP was seen.
    OneWay = 101,
    /// Longer than `absolute_timeout`.
    AbsoluteTimeout = 102,
    /// BYE seen and still packets after `bye_timeout`.
    ByeTimeout = 103,
    /// No RTP for `rtptimeout`.
    RtpTimeout = 104,
    /// One direction of SIP and silence for `onewaytimeout`.
    OneWayTimeout = 105,
    /// BYE without any 18x or 2xx.
    ByeWithoutProgress = 106,
    /// 300 s without 18x, 2xx and RTP.
    Zombie = 107,
    /// No RTP at all for `sipwithoutrtptimeout`.
    SipWithoutRtp = 108,
    /// Too many SIP packets.
    TooManyPackets = 109,
}

impl Bye {
    /// The number in the vendor's column `bye`.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The end with this number; absent when there is none.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        [
            Self::Unanswered,
            Self::AnsweredWithoutBye,
            Self::ByeUnconfirmed,
            Self::ByeConfirmed,
            Self::OneWay,
            Self::AbsoluteTimeout,
            Self::ByeTimeout,
            Self::RtpTimeout,
            Self::OneWayTimeout,
            Self::ByeWithoutProgress,
            Self::Zombie,
            Self::SipWithoutRtp,
            Self::TooManyPackets,
        ]
        .into_iter()
        .find(|end| end.code() == code)
    }
}

/// Where the vendor's live timeouts (facts C, close logic 2 to 8) would have ended the CDR.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VendorCut {
    /// `callend` of the cut CDR.
    pub ended: CaptureTime,
    /// `bye` of the cut CDR.
    pub bye: Bye,
    /// `lastSIPresponseNum` of the cut CDR.
    pub last_response: u16,
}

/// Source and destination, of which nearly all are of IPv4.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ends(Packed);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Packed {
    /// Addresses, then ports.
    V4([Ipv4Addr; 2], [u16; 2]),
    Other(Box<(Endpoint, Endpoint)>),
}

impl Ends {
    /// Packs source and destination.
    #[must_use]
    pub fn new(source: Endpoint, destination: Endpoint) -> Self {
        Self(match (source.address, destination.address) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                Packed::V4([from, to], [source.port, destination.port])
            }
            _ => Packed::Other(Box::new((source, destination))),
        })
    }

    /// Both addresses unknown.
    pub const UNKNOWN: Self = Self(Packed::V4([Ipv4Addr::UNSPECIFIED; 2], [0; 2]));

    /// Source and destination.
    #[must_use]
    pub fn both(&self) -> (Endpoint, Endpoint) {
        match &self.0 {
            Packed::V4([from, to], [from_port, to_port]) => (
                Endpoint::new(IpAddr::V4(*from), *from_port),
                Endpoint::new(IpAddr::V4(*to), *to_port),
            ),
            Packed::Other(ends) => **ends,
        }
    }
}

/// One CDR, with both ends: what the packets show, and where the vendor's timeouts would cut it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cdr {
    /// The leg it was made from: index in the run's legs, which are sorted by sensor and Call-ID. The
    /// Call-ID, the vendor's `fbasename`, is the leg's.
    pub leg: u32,
    /// Number of this CDR among those of its leg, from 0, by start.
    pub sequence: u16,
    /// The sensor that saw the leg.
    pub sensor: SensorId,
    /// Calling number by `NumberRules`, as on the wire; empty when there is none.
    pub caller: ShortText,
    /// Called number by `NumberRules`, as on the wire; empty when there is none.
    pub called: ShortText,
    /// `calldate`: time of the first INVITE.
    pub started: CaptureTime,
    /// `callend` as the packets show it.
    pub ended: CaptureTime,
    /// First 2xx to a known INVITE; absent when the call was not answered.
    pub connected: Option<CaptureTime>,
    /// First 18x, or first 2xx that is not to a BYE; absent when there was none.
    pub progressed: Option<CaptureTime>,
    /// Source of the first INVITE, and destination of the last forward one.
    pub ends: Ends,
    /// `lastSIPresponseNum`; 0 when no response was seen.
    pub last_response: u16,
    /// `bye`.
    pub bye: Bye,
    /// `whohanged`; absent without BYE.
    pub hung_up_by: Option<Side>,
    /// The earlier end that the vendor's live timeouts would give; absent when they change nothing.
    pub vendor_cut: Option<VendorCut>,
    /// A part that exists only where the vendor's timeouts split the leg (a re-INVITE after the cut):
    /// counted by readings with the axis `cut` on the vendor's timeouts, by no other.
    pub only_when_cut: bool,
    /// Number of fork destinations that were tried (To-tags, Via branches, Request-URIs); at least 1.
    pub branches: u16,
    /// Whether any RTP or RTCP was attributed to it.
    pub has_media: bool,
    /// Whether the vendor's sniffer could not have read some of its packets (facts F).
    pub vendor_blind: bool,
}

impl Cdr {
    /// `sipcallerip`, `sipcallerport`: source of the first INVITE.
    #[must_use]
    pub fn source(&self) -> Endpoint {
        self.ends.both().0
    }

    /// `sipcalledip`, `sipcalledport`: destination of the last forward INVITE.
    #[must_use]
    pub fn destination(&self) -> Endpoint {
        self.ends.both().1
    }

    /// `duration` in nanoseconds, by the packets.
    #[must_use]
    pub const fn duration_ns(&self) -> i64 {
        self.ended.since_ns(self.started)
    }

    /// `connect_duration` in nanoseconds, by the packets; absent when not answered.
    #[must_use]
    pub fn connect_duration_ns(&self) -> Option<i64> {
        self.connected.map(|connected| self.ended.since_ns(connected))
    }

    /// `progress_time` in nanoseconds; absent when there was no progress.
    #[must_use]
    pub fn progress_ns(&self) -> Option<i64> {
        self.progressed.map(|progressed| progressed.since_ns(self.started))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        let four = Endpoint::new([10, 0, 0, 1].into(), 5060);
        let six = Endpoint::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), 65_535);
        for (source, destination) in [(four, six), (six, four), (four, four), (six, six)] {
            assert_eq!(Ends::new(source, destination).both(), (source, destination));
        }
        assert_eq!(Ends::UNKNOWN.both(), (Endpoint::UNKNOWN, Endpoint::UNKNOWN));
    }

    /// A spool has millions of them.
    #[test]
    fn a_cdr_is_small() {
        assert_eq!(size_of::<Cdr>(), 120);
    }
}
