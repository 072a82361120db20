//! Records to datagrams and ordered streams: link layers, tunnels, IP, fragments, UDP, TCP.

use crate::base::{CaptureTime, Endpoint, RecordRef};

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
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Time of the record that completed it.
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
    /// Whether the capture's snaplen cut the payload.
    pub cut: bool,
    /// Whether the vendor's sniffer could not have unpacked the encapsulation (facts F).
    pub vendor_blind: bool,
}
