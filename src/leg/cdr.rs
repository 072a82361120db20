//! The call detail record: what the vendor's sniffer would write for a leg.

use crate::base::{CaptureTime, Endpoint, SensorId};

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

/// One CDR, with both ends: what the packets show, and where the vendor's timeouts would cut it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cdr {
    /// The leg it was made from: index in the run's legs, which are sorted by sensor and Call-ID.
    pub leg: u32,
    /// Number of this CDR among those of its leg, from 0, by start.
    pub sequence: u16,
    /// The sensor that saw the leg.
    pub sensor: SensorId,
    /// Call-ID, the vendor's `fbasename`, as it was on the wire.
    pub call_id: Box<[u8]>,
    /// Calling number by `NumberRules`, as on the wire; empty when there is none.
    pub caller: Box<[u8]>,
    /// Called number by `NumberRules`, as on the wire; empty when there is none.
    pub called: Box<[u8]>,
    /// `calldate`: time of the first INVITE.
    pub started: CaptureTime,
    /// `callend` as the packets show it.
    pub ended: CaptureTime,
    /// First 2xx to a known INVITE; absent when the call was not answered.
    pub connected: Option<CaptureTime>,
    /// First 18x, or first 2xx that is not to a BYE; absent when there was none.
    pub progressed: Option<CaptureTime>,
    /// `sipcallerip`, `sipcallerport`: source of the first INVITE.
    pub source: Endpoint,
    /// `sipcalledip`, `sipcalledport`: destination of the last forward INVITE.
    pub destination: Endpoint,
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
