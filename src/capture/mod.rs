//! Bytes to packet records: pcap and pcapng.

use crate::base::CaptureTime;

/// One packet record, borrowed from the capture's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it was captured.
    pub time: CaptureTime,
    /// Number in its capture from 1.
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
