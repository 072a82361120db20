//! What a script is made of: packets, media bursts, legs with their truth, calls with their relations.

use super::kind::Kind;
use crate::base::{CaptureTime, Endpoint};
use serde::Serialize;

/// How the bytes of a packet travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wire {
    /// One datagram.
    Udp,
    /// One segment; a message never spans two.
    Tcp {
        /// Sequence number of the first byte.
        sequence: u32,
        /// Next byte expected from the other side.
        acknowledgement: u32,
    },
}

/// One packet of a script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScriptedPacket {
    /// When it is captured; always whole microseconds, which is all that a classic pcap holds.
    pub time: CaptureTime,
    /// Sender.
    pub source: Endpoint,
    /// Receiver.
    pub destination: Endpoint,
    /// Transport.
    pub wire: Wire,
    /// The payload.
    pub bytes: Vec<u8>,
}

/// Media packets at a steady pace, kept as a rule: a long call costs no memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MediaBurst {
    /// Time of the first packet.
    pub first: CaptureTime,
    /// Nanoseconds between packets.
    pub period_ns: i64,
    /// Number of packets; at least 1.
    pub count: u32,
    /// Sender.
    pub source: Endpoint,
    /// Receiver.
    pub destination: Endpoint,
    /// Synchronisation source (RFC 3550 section 5.1).
    pub ssrc: u32,
    /// Whether these are RTCP sender reports instead of RTP.
    pub rtcp: bool,
}

impl MediaBurst {
    /// Time of packet `index`, from 0.
    #[must_use]
    pub const fn time_of(&self, index: u32) -> CaptureTime {
        self.first.plus_ns(self.period_ns.saturating_mul(index as i64))
    }

    /// Time of the last packet.
    #[must_use]
    pub const fn last(&self) -> CaptureTime {
        self.time_of(self.count.saturating_sub(1))
    }
}

/// The CDR that the packets of a leg show: rules of facts C, without the vendor's live timeouts.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct CdrTruth {
    /// The sensor's name; empty for the unnamed one.
    pub sensor: String,
    /// Call-ID as on the wire.
    pub call_id: String,
    /// Number of the CDR among those of its Call-ID, from 0.
    pub sequence: u16,
    /// First INVITE, nanoseconds since the epoch.
    pub started_ns: i64,
    /// First 2xx to an INVITE; absent when not answered.
    pub connected_ns: Option<i64>,
    /// First 18x or first 2xx that is not to a BYE; absent when there was none.
    pub progressed_ns: Option<i64>,
    /// First 2xx to the BYE, else the last packet, media included.
    pub ended_ns: i64,
    /// Whether there was a 2xx to an INVITE.
    pub answered: bool,
    /// `lastSIPresponseNum`.
    pub last_response: u16,
    /// `bye`, when no timeout fires.
    pub bye: u8,
    /// `bye` that a timeout gives although it changes no time: the sniffer writes it when the capture
    /// goes on long enough. Absent when it is the same.
    pub bye_after_timeout: Option<u8>,
    /// `caller` or `callee`; absent without BYE.
    pub hung_up_by: Option<&'static str>,
    /// User part of From.
    pub caller: String,
    /// User part of To.
    pub called: String,
    /// Source of the first INVITE.
    pub source: String,
    /// Destination of the last INVITE towards the called party.
    pub destination: String,
}

/// One leg as one sensor sees it; of a Call-ID that is used twice, one of the uses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScriptedLeg {
    /// Name of the sensor; empty for the unnamed one.
    pub sensor: String,
    /// Call-ID as on the wire.
    pub call_id: String,
    /// Name of its file in a spool, without extension: the Call-ID, or the number of a REGISTER.
    pub file_stem: String,
    /// SIP packets in rising time.
    pub packets: Vec<ScriptedPacket>,
    /// Media; empty unless asked for.
    pub media: Vec<MediaBurst>,
    /// Its CDR; absent for a leg without INVITE.
    pub truth: Option<CdrTruth>,
}

impl ScriptedLeg {
    /// Time of the first SIP packet; it names the minute in a spool.
    #[must_use]
    pub fn first(&self) -> CaptureTime {
        self.packets.first().map(|packet| packet.time).unwrap_or_default()
    }
}

/// Why two legs belong together.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationKind {
    /// `Replaces` in an INVITE (RFC 3891).
    Replaces,
    /// REFER and the INVITE that it asked for (RFC 3515, 3892).
    Refer,
    /// 3xx and the INVITE to its Contact.
    Redirect,
    /// Session-ID (RFC 7989).
    SessionId,
    /// P-Charging-Vector icid-value (RFC 7315).
    Icid,
    /// A header that holds the other leg's Call-ID.
    Header,
    /// The Call-ID is the other one with a known suffix.
    Suffix,
    /// The same SDP media address at the same time.
    Media,
    /// One inbound leg, several outbound legs of one element.
    Fork,
    /// BYE with Also.
    Also,
    /// The same leg at another sensor.
    Sensor,
    /// A B2BUA that leaves no trace in the packets.
    Nothing,
}

/// Two legs of a call that belong together.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Relation {
    /// Index of the earlier leg among the legs of the call.
    pub first: usize,
    /// Index of the later leg.
    pub second: usize,
    /// Why.
    pub kind: RelationKind,
    /// Whether the packets prove it or speak strongly for it.
    pub in_packets: bool,
}

/// The legs of one conversation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScriptedCall {
    /// Number of the script in the spool, from 0; two calls share it when one script makes two calls.
    pub ordinal: u64,
    /// What it does.
    pub kind: Kind,
    /// Its legs in the order in which they begin.
    pub legs: Vec<ScriptedLeg>,
    /// How they are tied together.
    pub relations: Vec<Relation>,
}
