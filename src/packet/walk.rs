//! The slow path: takes the layers of one record off, one function a layer, and says what became of it.
//!
//! The functions of a walk lie in the file of their layer (`link`, `tagged`, `ip`, `udp`, `tcp`,
//! `sctp`, `gre`, `tunnel`, `esp`). Nesting is bounded by the IP layers entered ([`Frame::deeper`])
//! and by the tags taken off one frame.

use super::bound::Dropped;
use super::counters::Outcome;
use super::fragment::FragmentStore;
use super::frame::{Addresses, Frame};
use super::sctp::SctpStore;
use super::segment::SegmentStore;
use super::{Datagram, Residue, Transport};
use crate::base::{CaptureTime, Endpoint, Ledger};
use std::collections::BTreeMap;

/// Records of one link type or encapsulation that is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unread {
    pub(super) first: CaptureTime,
    pub(super) last: CaptureTime,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

/// What a walk keeps for later, and counts.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) ledger: Ledger,
    pub(super) fragments: FragmentStore,
    pub(super) segments: SegmentStore,
    pub(super) sctp: SctpStore,
    /// Records with a compressed HEP payload that is longer than what is kept.
    pub(super) hep_over_limit: Option<Dropped>,
    /// By link type.
    pub(super) unread_links: BTreeMap<u16, Unread>,
}

impl Held {
    /// Memory of what waits for other records.
    pub(super) const fn memory(&self) -> usize {
        self.fragments.memory + self.segments.memory + self.sctp.memory
    }

    /// Takes out what waits for other records.
    pub(super) fn take_residue(&mut self) -> Residue {
        let fragments = std::mem::take(&mut self.fragments).into_sorted();
        let segments = std::mem::take(&mut self.segments).into_sorted();
        Residue::new(fragments, segments, std::mem::take(&mut self.sctp).parts)
    }
}

/// One record on its way in.
pub(super) struct Walk<'w> {
    pub(super) held: &'w mut Held,
    pub(super) sink: &'w mut dyn FnMut(Datagram<'_>),
}

impl Walk<'_> {
    /// Delivers one payload.
    pub(super) fn deliver(
        &mut self,
        frame: Frame,
        (source, destination): (Endpoint, Endpoint),
        transport: Transport,
        payload: &[u8],
    ) -> Outcome {
        if payload.is_empty() {
            return if frame.missing > 0 { Outcome::CutHeader } else { Outcome::Empty };
        }
        self.held.ledger.add("packet.datagrams", 1);
        (self.sink)(Datagram {
            time: frame.time,
            record: frame.record,
            source,
            destination,
            transport,
            payload,
            cut: frame.missing > 0,
            vendor_blind: frame.vendor_blind,
        });
        Outcome::Datagram
    }

    /// The payload of an IP packet.
    pub(super) fn transport(
        &mut self,
        frame: Frame,
        addresses: Addresses,
        protocol: u8,
        bytes: &[u8],
    ) -> Outcome {
        match protocol {
            6 => self.tcp(frame, addresses, bytes),
            17 => self.udp(frame, addresses, bytes),
            132 => self.sctp(frame, addresses, bytes),
            4 => self.ip(frame, bytes),
            41 => self.ip(frame.blind(), bytes),
            47 => self.gre(frame, bytes),
            50 => self.esp(frame, addresses, bytes),
            137 => self.mpls(frame.blind(), bytes),
            // What an ICMP error quotes was sent before, by somebody else: never a message.
            1 | 58 => Outcome::Icmp,
            _ => Outcome::OtherProtocol,
        }
    }
}

/// What bytes that end too early mean.
pub(super) const fn short(frame: Frame) -> Outcome {
    if frame.missing > 0 { Outcome::CutHeader } else { Outcome::Malformed }
}

/// Whether a try at an encapsulation found nothing in it, so that the outer payload stands.
pub(super) const fn is_implausible(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Malformed | Outcome::NotIp | Outcome::CutHeader | Outcome::Empty)
}
