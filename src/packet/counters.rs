//! What became of each record: exactly one outcome, counted under a name of the ledger.

use crate::base::Ledger;

/// The one thing that became of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// At least one datagram was delivered.
    Datagram,
    /// An IP fragment was kept for reassembly.
    Fragment,
    /// TCP bytes were kept for reassembly.
    Segment,
    /// A part of an SCTP message was kept for reassembly.
    SctpPart,
    /// A TCP segment without payload.
    TcpControl,
    /// TCP payload of a flow that shows no sign of SIP and is larger than what is kept of such.
    TcpNotSip,
    /// Payload of ESP or 802.11 that is encrypted.
    Encrypted,
    /// SCTP without data: acknowledgements, heartbeats, handshakes.
    SctpControl,
    /// No bytes at all, or a datagram of length 0.
    Empty,
    /// A frame that carries no IP (ARP, spanning tree, 802.11 management ...).
    NotIp,
    /// ICMP and ICMPv6: what they quote is never a message.
    Icmp,
    /// Another IP protocol.
    OtherProtocol,
    /// A link type that is not read.
    UnknownLink,
    /// The capture's snaplen ended before the payload.
    CutHeader,
    /// Headers that contradict themselves.
    Malformed,
    /// More encapsulations than the named bound.
    TooDeep,
}

/// Ledger names of the outcomes: their sum is `packet.records`.
pub const OUTCOME_COUNTERS: [&str; 16] = [
    "packet.records_with_datagram",
    "packet.records_kept_fragment",
    "packet.records_kept_segment",
    "packet.records_kept_sctp_part",
    "packet.explained_tcp_control",
    "packet.explained_tcp_not_sip",
    "packet.explained_encrypted",
    "packet.explained_sctp_control",
    "packet.explained_empty",
    "packet.explained_not_ip",
    "packet.explained_icmp",
    "packet.explained_other_protocol",
    "packet.explained_unknown_link",
    "packet.explained_cut_header",
    "packet.explained_malformed",
    "packet.explained_too_deep",
];

/// What waited for other records, inside tunnels too, and the counters of what became of it: each sum
/// is the first counter, when all captures were joined.
pub const KEPT_COUNTERS: [(&str, &[&str]); 3] = [
    (
        "packet.fragments",
        &[
            "packet.fragments_used",
            "packet.fragments_duplicate",
            "packet.fragments_incomplete",
            "packet.fragments_released",
            "packet.fragments_dropped",
        ],
    ),
    (
        "packet.segments",
        &[
            "packet.segments_used",
            "packet.segments_duplicate",
            "packet.segments_not_sip",
            "packet.tcp_segments_dropped",
        ],
    ),
    (
        "packet.sctp_parts",
        &["packet.sctp_parts_used", "packet.sctp_parts_duplicate", "packet.sctp_parts_dropped"],
    ),
];

/// Counters of one capture, plain words so that the fast path pays one addition each.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    pub(super) records: u64,
    outcomes: [u64; OUTCOME_COUNTERS.len()],
}

impl Counters {
    #[inline]
    pub(super) fn count(&mut self, outcome: Outcome) {
        self.outcomes[outcome as usize] += 1;
    }

    /// Counts the datagrams of the fast path, which gave one each.
    pub(super) fn count_fast(&mut self, datagrams: u64) {
        self.outcomes[Outcome::Datagram as usize] += datagrams;
    }

    pub(super) fn pour(&self, ledger: &mut Ledger) {
        ledger.add("packet.records", self.records);
        for (name, amount) in OUTCOME_COUNTERS.iter().zip(self.outcomes) {
            ledger.add(name, amount);
        }
    }
}
