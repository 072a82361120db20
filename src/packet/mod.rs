//! Records to datagrams and ordered streams: link layers, tunnels, IP, fragments, UDP, TCP, SCTP.
//!
//! In: the records of one capture, one [`Dissector`] each. Out: a [`Datagram`] for every payload that
//! one record holds, at once; what needs other records (fragments, TCP segments, fragmented SCTP
//! messages) as a [`Residue`], which [`reassemble()`] turns into datagrams and ordered streams over all
//! captures of a run. The residue is sorted by time before anything is built from it, so that the
//! output depends on the set of records and not on which file they came from, nor in which order.

mod assemble;
mod bound;
mod counters;
mod dissector;
mod esp;
mod fast;
mod fragment;
mod frame;
mod framing;
mod gre;
mod hep;
mod ip;
mod link;
mod reassemble;
mod residue;
mod restore;
mod sctp;
mod segment;
mod stream;
mod tagged;
mod tcp;
mod tunnel;
mod udp;
mod walk;
mod websocket;
mod wifi;

pub use counters::{KEPT_COUNTERS, OUTCOME_COUNTERS};
pub use dissector::{Dissected, Dissector, Settings};
pub use reassemble::{Reassembled, StreamSink, reassemble};
pub use residue::{Residue, Residues};

use crate::base::{CaptureTime, Endpoint, RecordRef};
use serde::{Deserialize, Serialize};

/// What carried a payload.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Transport {
    /// UDP (RFC 768).
    Udp,
    /// TCP (RFC 9293).
    Tcp,
    /// SCTP data chunks (RFC 4168).
    Sctp,
    /// WebSocket frames over TCP (RFC 7118).
    WebSocket,
    /// Handed over by a capture agent in HEP.
    Hep,
}

/// A payload with its addresses: one UDP datagram, one SCTP message, one WebSocket message, one
/// segment of TCP that the spool rebuilt, or one message body of HEP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Datagram<'a> {
    /// Time of the record that completed it; for HEP the time that the capture agent wrote.
    pub time: CaptureTime,
    /// The record that completed it.
    pub record: RecordRef,
    /// Who sent it (innermost addresses).
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// What carried it.
    pub transport: Transport,
    /// The payload that is there.
    pub payload: &'a [u8],
    /// Whether bytes of the payload are missing at its end: cut by the capture's snaplen, or a
    /// fragment that is in no capture.
    pub cut: bool,
    /// Whether the vendor's sniffer could not have unpacked the encapsulation (facts F).
    pub vendor_blind: bool,
}

/// One direction of a TCP connection's addresses.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Flow {
    /// Who sends.
    pub source: Endpoint,
    /// Who receives.
    pub destination: Endpoint,
}

/// The next bytes of one direction of a TCP connection, in sequence order, each byte once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StreamChunk<'a> {
    /// Whose bytes.
    pub flow: Flow,
    /// When these bytes could be consumed in order: the latest time among the segments that first
    /// delivered the bytes up to here since the connection's start or its last gap.
    pub time: CaptureTime,
    /// The record of that time.
    pub record: RecordRef,
    /// The bytes, never empty.
    pub bytes: &'a [u8],
    /// Whether the vendor's sniffer could not have unpacked the encapsulation (facts F).
    pub vendor_blind: bool,
}

/// Bytes of a stream that are in no capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StreamGap {
    /// Whose bytes.
    pub flow: Flow,
    /// How many are missing, by sequence numbers.
    pub missing_bytes: u64,
}

/// What happens on one direction of a connection, from `Start` to `End`; directions never interleave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StreamEvent<'a> {
    /// A connection begins (a SYN, the first segment seen, or a jump in the same flow).
    Start(Flow),
    /// Bytes in order.
    Chunk(StreamChunk<'a>),
    /// Missing bytes before the next chunk, or at the end.
    Gap(StreamGap),
    /// Nothing more of this connection.
    End(Flow),
}
