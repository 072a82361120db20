//! Bytes to packet records: pcap, pcapng and ERF.
//!
//! In: the bytes of one capture, whole or in pieces of any size. Out: its records in order, borrowed
//! from what was pushed, and at the end what was odd and what was lost. Never fails: damage is stepped
//! over at the next plausible record. Which records come does not depend on the pieces.

mod erf;
mod order;
mod parser;
mod pcap;
mod pcapng;
mod pcapng_interface;
mod ranges;
mod resume;

use crate::base::CaptureTime;

pub use order::TimeOrder;
pub use parser::{CaptureEnd, CaptureParser};
pub use pcap::PcapHeader;
pub use ranges::{CaptureRange, RangeSplitter, split_ranges};

/// One packet record, borrowed from the capture's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it was captured.
    pub time: CaptureTime,
    /// Number in its capture from 1; saturates at `u32::MAX`.
    pub index: u32,
    /// Byte offset of the record's header in its capture.
    pub offset: u64,
    /// Link type (LINKTYPE_ registry), FCS bits removed.
    pub link: LinkType,
    /// The bytes that were captured, from the link header on.
    pub bytes: &'a [u8],
    /// Length on the wire; larger than `bytes` when the capture's snaplen cut it.
    pub original_length: u32,
}

/// A link type of the LINKTYPE_ registry of tcpdump.org.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkType(pub u16);

impl LinkType {
    /// From the link field of a pcap header, whose upper bits tell about frame check sequences.
    #[must_use]
    pub fn from_pcap_field(field: u32) -> Self {
        let link = field & 0x03ff_ffff;
        // The registry has 16 bits; more is damage, and no link type that anybody reads.
        Self(u16::try_from(link & 0xffff).unwrap_or(u16::MAX))
    }
}

/// Format of a capture.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CaptureFormat {
    /// pcap of any kind.
    Pcap,
    /// pcapng.
    PcapNg,
    /// ERF, as Endace cards write it.
    Erf,
}
