//! One large pcap read by all threads: ranges of it are pieces of work of their own.
//!
//! In: a mapped pcap. Out: the same datagrams, records, notes and losses as if one thread had read it.
//! Records that stand alone (plain UDP, nearly all) are taken by whichever thread has their range. All
//! others (fragments, TCP, tunnels, odd links) change what the capture's dissector holds, so they are
//! put aside and taken in the order of the capture, under a lock, by whoever finishes the range that is
//! next. The last range may hold damage and is read in order as well.

use super::extract::{entry_name_of, finish_capture};
use super::gather::{FileSummary, Gathering, Origin};
use super::map::{Content, DROPPED_UNIT_BYTES, FileBytes, OpenFile, OpenRules};
use crate::base::{CaptureId, CaptureTime, FileId};
use crate::capture::{
    CaptureEnd, CaptureParser, CaptureRange, LinkType, PcapHeader, RangeSplitter, Record, TimeOrder,
};
use crate::leg::CaptureRules;
use crate::packet::Dissector;
use crate::spool::{FileKind, SpoolFile};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Smaller captures are read by one thread.
const RANGED_BYTES_MIN: u64 = 64 << 20;
/// Size of the longest ranges. A dialog that lies in ranges of two threads is packed twice and joined: ranges
/// of 4 MiB take longer for SIP alone than those of 16 MiB, although they fit the cache
/// (benches/runs/2026-11-29).
const RANGE_BYTES_MAX: usize = 16 << 20;
/// Captures that are open as ranges at one time, the largest first.
pub(super) const RANGED_FILES_MAX: usize = 64;

/// When and how a capture is read in ranges. Changes no result.
#[derive(Clone, Copy, Debug)]
pub struct RangeRules {
    /// Smaller captures are read by one thread.
    pub capture_bytes_min: u64,
    /// Size of the longest ranges.
    pub range_bytes_max: usize,
    /// How files are opened; those that are not mapped are read by one thread.
    pub open: OpenRules,
}

impl Default for RangeRules {
    fn default() -> Self {
        Self {
            capture_bytes_min: RANGED_BYTES_MIN,
            range_bytes_max: RANGE_BYTES_MAX,
            open: OpenRules::default(),
        }
    }
}

/// A large pcap that is read in ranges.
pub(super) struct RangedFile<'f> {
    id: FileId,
    file: &'f SpoolFile,
    opened: OpenFile,
    header: PcapHeader,
    origin: Origin,
    split: Mutex<Split>,
    order: Mutex<InOrder>,
}

struct Split {
    splitter: RangeSplitter,
    /// Ranges given so far.
    given: usize,
}

/// What must see the ranges in the order of the capture.
struct InOrder {
    dissector: Dissector,
    records: u64,
    times: TimeOrder,
    /// The range whose records are taken next.
    next: usize,
    /// Ranges that are read and wait for one before them.
    waiting: BTreeMap<usize, Aside>,
    /// Number and place of the last range, once it was found.
    last: Option<(usize, CaptureRange)>,
}

/// The records of a range that do not stand alone, with their own bytes.
#[derive(Default)]
struct Aside {
    bytes: Vec<u8>,
    records: Vec<AsideRecord>,
    plain_datagrams: u64,
    /// Those of all records of the range.
    times: TimeOrder,
}

struct AsideRecord {
    time: CaptureTime,
    offset: u64,
    index: u32,
    original_length: u32,
    /// Where its bytes end in [`Aside::bytes`]; they start where those of the record before end.
    end: usize,
    link: LinkType,
}

impl Aside {
    fn add(&mut self, record: &Record<'_>) {
        self.bytes.extend_from_slice(record.bytes);
        let Record { time, index, offset, link, original_length, .. } = *record;
        let end = self.bytes.len();
        self.records.push(AsideRecord { time, offset, index, original_length, end, link });
    }

    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut start = 0;
        self.records.iter().map(move |aside| {
            let AsideRecord { time, offset, index, original_length, end, link } = *aside;
            let bytes = &self.bytes[start..end];
            start = end;
            Record { time, index, offset, link, bytes, original_length }
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A worker that panicked has ended the program already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'f> RangedFile<'f> {
    /// Opens a file in ranges; absent where it is small, is no pcap, or cannot be mapped: then it is
    /// read as a whole.
    pub(super) fn open(id: FileId, file: &'f SpoolFile, rules: &RangeRules) -> Option<Self> {
        if file.size < rules.capture_bytes_min || !has_packets(file.kind) {
            return None;
        }
        let opened = OpenFile::open(&file.path, &rules.open).ok()?;
        let Content::Whole(bytes @ FileBytes::Mapped(_)) = &opened.content else { return None };
        let splitter = RangeSplitter::new(bytes, rules.range_bytes_max)?;
        let dissector = Dissector::new(CaptureId { file: id, member: 0 });
        let waiting = BTreeMap::new();
        let times = TimeOrder::default();
        let in_order = InOrder { dissector, records: 0, times, next: 0, waiting, last: None };
        Some(Self {
            id,
            file,
            header: splitter.header(),
            origin: Origin { sensor: file.sensor, entry_name: entry_name_of(file, b"").to_vec() },
            split: Mutex::new(Split { splitter, given: 0 }),
            order: Mutex::new(in_order),
            opened,
        })
    }

    /// The file's number.
    pub(super) const fn id(&self) -> FileId {
        self.id
    }

    /// The file's place in the spool.
    pub(super) const fn file(&self) -> &'f SpoolFile {
        self.file
    }

    /// The open file.
    pub(super) const fn opened(&self) -> &OpenFile {
        &self.opened
    }

    fn bytes(&self) -> &FileBytes {
        static NONE: FileBytes = FileBytes::Owned(Vec::new());
        // Opened as such; other content is never made into ranges.
        if let Content::Whole(bytes) = &self.opened.content { bytes } else { &NONE }
    }

    /// Reads ranges until none is left to take. `done` hears how many bytes each had. True for the one
    /// worker that ended the capture.
    pub(super) fn read(
        &self,
        gathering: &mut Gathering,
        rules: &CaptureRules,
        mut done: impl FnMut(u64),
    ) -> bool {
        let mut summary = FileSummary::default();
        let mut has_ended = false;
        loop {
            let mut split = lock(&self.split);
            let Some(range) = split.splitter.next_range(self.bytes()) else { break };
            let number = split.given;
            split.given += 1;
            drop(split);
            let bytes = range.bytes.clone();
            done(bytes.len() as u64);
            let aside = if range.is_last {
                None
            } else {
                Some(self.read_range(&range, gathering, rules, &mut summary))
            };
            let mut order = lock(&self.order);
            match aside {
                Some(aside) => {
                    order.waiting.insert(number, aside);
                }
                None => order.last = Some((number, range)),
            }
            has_ended |= self.go_on(&mut order, gathering, rules, &mut summary);
            drop(order);
            // With the unit that the range before it ends in, which would stay otherwise.
            let start = bytes.start.saturating_sub(DROPPED_UNIT_BYTES);
            self.bytes().drop_behind(start..bytes.end);
        }
        gathering.add_summary(self.id, self.file.sensor, summary);
        has_ended
    }

    /// Reads one range: gives what stands alone, puts the rest aside.
    fn read_range(
        &self,
        range: &CaptureRange,
        gathering: &mut Gathering,
        rules: &CaptureRules,
        summary: &mut FileSummary,
    ) -> Aside {
        let capture = CaptureId { file: self.id, member: 0 };
        let mut aside = Aside::default();
        let mut take = |record: Record<'_>| {
            summary.saw(record.time);
            match Dissector::plain(capture, &record) {
                Some(datagram) => {
                    aside.plain_datagrams += 1;
                    let is_sip = gathering.datagram(&self.origin, &datagram, rules);
                    summary.sip_messages += u64::from(is_sip);
                }
                None => aside.add(&record),
            }
        };
        let mut parser = self.parser(range);
        parser.push(&self.bytes()[range.bytes.clone()], &mut take);
        // Joints lie between sound records: such a range has neither notes nor losses.
        aside.times = parser.finish(&mut take).order;
        aside
    }

    fn parser(&self, range: &CaptureRange) -> CaptureParser {
        let capture = CaptureId { file: self.id, member: 0 };
        let offset = range.bytes.start as u64;
        CaptureParser::resume_at(capture, self.header, offset, range.first_index)
    }

    /// Takes what is next in the order of the capture; true when that was all.
    fn go_on(
        &self,
        order: &mut InOrder,
        gathering: &mut Gathering,
        rules: &CaptureRules,
        summary: &mut FileSummary,
    ) -> bool {
        while let Some(aside) = order.waiting.remove(&order.next) {
            order.next += 1;
            order.records += aside.plain_datagrams + aside.records.len() as u64;
            order.times.append(&aside.times);
            order.dissector.count_plain(aside.plain_datagrams);
            for record in aside.records() {
                order.dissector.record(&record, &mut |datagram| {
                    let is_sip = gathering.datagram(&self.origin, &datagram, rules);
                    summary.sip_messages += u64::from(is_sip);
                });
            }
        }
        let Some((_, last)) = order.last.take_if(|(number, _)| *number == order.next) else {
            return false;
        };
        let captured = self.read_last(&last, order, gathering, rules, summary);
        gathering.counts.captures_opened += 1;
        let of = (self.id, self.file, &b""[..]);
        finish_capture(gathering, summary, of, captured, &mut order.dissector);
        gathering.counts.file_bytes += self.bytes().len() as u64;
        true
    }

    fn read_last(
        &self,
        range: &CaptureRange,
        order: &mut InOrder,
        gathering: &mut Gathering,
        rules: &CaptureRules,
        summary: &mut FileSummary,
    ) -> CaptureEnd {
        let dissector = &mut order.dissector;
        let mut take = |record: Record<'_>| {
            summary.saw(record.time);
            dissector.record(&record, &mut |datagram| {
                let is_sip = gathering.datagram(&self.origin, &datagram, rules);
                summary.sip_messages += u64::from(is_sip);
            });
        };
        let mut parser = self.parser(range).after(order.times);
        parser.push(&self.bytes()[range.bytes.clone()], &mut take);
        let mut captured = parser.finish(&mut take);
        captured.records += order.records;
        captured
    }
}

/// Whether files of this kind hold packets.
pub(super) const fn has_packets(kind: FileKind) -> bool {
    !matches!(kind, FileKind::Graph | FileKind::Audio | FileKind::AudioGraph)
}
