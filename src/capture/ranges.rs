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
    /// Whether it reaches to the end of the capture. Only this one can hold damage.
    pub is_last: bool,
}

/// Finds one range after the other, so that the first can be parsed while the next is looked for.
#[derive(Clone, Debug)]
pub struct RangeSplitter {
    header: PcapHeader,
    range_bytes_max: usize,
    /// Where the next range starts, and the number of its first record.
    next: Option<(usize, u32)>,
}

/// Ranges grow with what lies before them to one such part of it, and shrink to one of
/// [`OF_WHAT_FOLLOWS`] of what follows: nobody waits long for the first, and all are done at about the
/// same time. Long ones in between, because a dialog that two ranges hold costs more than one.
const OF_WHAT_CAME: usize = 2;
/// See [`OF_WHAT_CAME`].
const OF_WHAT_FOLLOWS: usize = 8;
/// The shortest are such a part of the longest.
const OF_LONGEST: usize = 16;

impl RangeSplitter {
    /// For the pcap `bytes`, into ranges of about `range_bytes_max` or less. Absent when they are no pcap
    /// (pcapng is parsed as a whole: its interfaces may be anywhere).
    #[must_use]
    pub fn new(bytes: &[u8], range_bytes_max: usize) -> Option<Self> {
        let header = PcapHeader::parse(bytes)?;
        let range_bytes_max = range_bytes_max.max(1);
        Some(Self { header, range_bytes_max, next: Some((FILE_HEADER_BYTES, 1)) })
    }

    fn range_bytes(&self, start: usize, length: usize) -> usize {
        let fitting = (start / OF_WHAT_CAME).min(length.saturating_sub(start) / OF_WHAT_FOLLOWS);
        fitting.clamp(self.range_bytes_max.div_ceil(OF_LONGEST), self.range_bytes_max)
    }

    /// The capture's file header.
    #[must_use]
    pub const fn header(&self) -> PcapHeader {
        self.header
    }

    /// The next range of the same `bytes`; absent after the last one. From the first odd record on,
    /// everything is one range.
    pub fn next_range(&mut self, bytes: &[u8]) -> Option<CaptureRange> {
        let (start, first_index) = self.next.take()?;
        let range_bytes = self.range_bytes(start, bytes.len());
        let header_bytes = self.header.record_header_bytes();
        let sound_at = |at: usize| {
            let found = bytes.get(at..).and_then(|rest| self.header.record(rest));
            found.filter(|found| self.header.is_sound(found))
        };
        let (mut at, mut index) = (start, first_index);
        let mut current = sound_at(at);
        let mut touched = 0;
        while let Some(header) = current {
            let end = at + header_bytes + header.captured as usize;
            touched ^= touch(bytes, at, end);
            let following = sound_at(end);
            // A joint lies between sound records only, and one more follows: then the parser gives a
            // record before it can meet damage, and judges that damage as it would in the whole.
            if at - start >= range_bytes && following.is_some() {
                std::hint::black_box(touched);
                self.next = Some((at, index));
                return Some(CaptureRange { bytes: start..at, first_index, is_last: false });
            }
            (at, current) = (end, following);
            index = index.saturating_add(1);
        }
        Some(CaptureRange { bytes: start..bytes.len(), first_index, is_last: true })
    }
}

/// Touches the cache lines of a record. A walk that skips them is as slow as memory answers, because its
/// steps are uneven; one that takes every line is foreseen by the processor, and the lines are needed
/// soon after.
#[inline]
fn touch(bytes: &[u8], start: usize, end: usize) -> u8 {
    let lines = (start + LINE_BYTES..end).step_by(LINE_BYTES).take(TOUCHED_LINES_MAX);
    lines.fold(0, |touched, at| touched ^ bytes.get(at).copied().unwrap_or_default())
}

/// Size of a cache line nearly everywhere.
const LINE_BYTES: usize = 64;
/// Longer records are not touched to their end.
const TOUCHED_LINES_MAX: usize = 24;

/// All ranges of [`RangeSplitter`] at once. Parsed one by one with
/// [`super::CaptureParser::resume_at`] they give the same records as the whole.
#[must_use]
pub fn split_ranges(
    bytes: &[u8],
    range_bytes_max: usize,
) -> Option<(PcapHeader, Vec<CaptureRange>)> {
    let mut splitter = RangeSplitter::new(bytes, range_bytes_max)?;
    let ranges = std::iter::from_fn(|| splitter.next_range(bytes)).collect();
    Some((splitter.header(), ranges))
}
