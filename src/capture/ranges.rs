//! A large pcap split into ranges that are parsed apart.
//!
//! In: the whole pcap. Out: ranges whose joints are record starts, found by walking all record
//! headers: exact, and at several GB/s cheaper than checking a guess (crates section 5).

use super::pcap::{FILE_HEADER_BYTES, PcapHeader};
use std::ops::Range;

/// One part of a capture; [`super::CaptureParser::resume_at`] parses it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CaptureRange {
    /// Its bytes in the capture, from a record's header on.
    pub bytes: Range<usize>,
    /// Number of its first record in the capture, from 1.
    pub first_index: u32,
}

/// Splits a pcap into ranges of about `target_bytes`. Parsed one by one with
/// [`super::CaptureParser::resume_at`] they give the same records as the whole. Absent when `bytes` are
/// no pcap (pcapng is parsed as a whole: its interfaces may be anywhere). From the first odd record on,
/// everything is one range.
#[must_use]
pub fn split_ranges(bytes: &[u8], target_bytes: usize) -> Option<(PcapHeader, Vec<CaptureRange>)> {
    let format = PcapHeader::parse(bytes)?;
    let header_bytes = format.record_header_bytes();
    let mut ranges = Vec::new();
    let (mut at, mut index) = (FILE_HEADER_BYTES, 1u32);
    let (mut start, mut first_index) = (at, index);
    let sound_at = |at: usize| {
        bytes.get(at..).and_then(|rest| format.record(rest)).filter(|found| format.is_sound(found))
    };
    while let Some(header) = sound_at(at) {
        let next = at + header_bytes + header.captured as usize;
        // A joint lies between sound records only, and one more follows: then the parser gives a record
        // before it can meet damage, and judges that damage as it would in the whole.
        if at - start >= target_bytes.max(1) && sound_at(next).is_some() {
            ranges.push(CaptureRange { bytes: start..at, first_index });
            (start, first_index) = (at, index);
        }
        at = next;
        index = index.saturating_add(1);
    }
    ranges.push(CaptureRange { bytes: start..bytes.len(), first_index });
    Some((format, ranges))
}
