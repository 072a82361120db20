//! The capture parser: keeps what a push left over, and reports at the end.
//!
//! In: a capture's bytes in pieces of any size. Out: records. A slice that holds whole records is
//! walked in place; only a record that spans two pushes is copied.

use super::erf::{self, ErfWalk};
use super::order::TimeOrder;
use super::pcap::{FILE_HEADER_BYTES, PcapHeader, PcapWalk, RecordHeader, is_pcap_magic};
use super::pcapng::{NgWalk, SECTION_MAGIC};
use super::resume::Chain;
use super::{CaptureFormat, Record};
use crate::base::limits::LOSSES_PER_CAPTURE_MAX;
use crate::base::{CaptureId, CaptureTime, Loss, LossKind, Note, NoteKind, Notes};

/// What a capture was, once it has ended.
#[derive(Clone, Debug)]
pub struct CaptureEnd {
    /// Absent: no capture, or too short to tell.
    pub format: Option<CaptureFormat>,
    /// Records that were given (in a range, those of the range).
    pub records: u64,
    /// Bytes that were pushed.
    pub bytes: u64,
    /// Times of the first and the last record, in the order of the capture.
    pub first_last: Option<(CaptureTime, CaptureTime)>,
    /// Whether they come in the order of time.
    pub order: TimeOrder,
    /// What was odd.
    pub notes: Notes,
    /// What was lost. `when` spans the records around the loss: at the end of a capture it is the last
    /// record's time twice, and what was lost came at or after it. Absent where no record bounds it.
    pub losses: Vec<Loss>,
    /// Whether no record followed the last loss: then nothing in the capture says until when it reaches.
    pub last_loss_is_open: bool,
}

/// How far a walk came.
pub(super) struct Progress {
    /// Bytes that are done with.
    pub(super) used: usize,
    /// Bytes that the next step needs, counted behind those.
    pub(super) needed: usize,
}

/// Counters, notes and losses of one capture.
pub(super) struct Report {
    capture: CaptureId,
    /// Offset in the capture of the data in hand.
    base: u64,
    /// Number of the last record.
    index: u32,
    records: u64,
    first: Option<CaptureTime>,
    last: Option<CaptureTime>,
    notes: Notes,
    losses: Vec<Loss>,
    /// The last loss waits for the record behind it, which bounds its time.
    open_loss: bool,
    order: TimeOrder,
    /// What records lack that have no time of their own.
    without_times: Option<&'static str>,
}

impl Report {
    fn new(capture: CaptureId) -> Self {
        Self {
            capture,
            base: 0,
            index: 0,
            records: 0,
            first: None,
            last: None,
            notes: Notes::default(),
            losses: Vec::new(),
            open_loss: false,
            order: TimeOrder::default(),
            without_times: None,
        }
    }

    /// Offset in the capture of place `at` of the data in hand.
    pub(super) fn offset(&self, at: usize) -> u64 {
        self.base.saturating_add(at as u64)
    }

    /// Time of the last record.
    pub(super) fn last_time(&self) -> Option<CaptureTime> {
        self.last
    }

    /// Counts the record at place `at`; returns its number and its offset.
    #[inline]
    pub(super) fn next_record(&mut self, at: usize, time: CaptureTime) -> (u32, u64) {
        self.index = self.index.saturating_add(1);
        self.records += 1;
        if self.first.is_none() {
            self.first = Some(time);
        }
        self.last = Some(time);
        self.order.saw(time);
        if self.open_loss {
            self.close_loss(time);
        }
        (self.index, self.offset(at))
    }

    #[cold]
    fn close_loss(&mut self, time: CaptureTime) {
        self.open_loss = false;
        if let Some(loss) = self.losses.last_mut() {
            let (low, high) = loss.when.unwrap_or((time, time));
            loss.when = Some((low.min(time), high.max(time)));
        }
    }

    /// Notes an anomaly at place `at`.
    pub(super) fn note(&mut self, kind: NoteKind, at: usize, detail: impl Into<String>) {
        self.note_at(kind, self.offset(at), None, detail);
    }

    fn note_at(
        &mut self,
        kind: NoteKind,
        offset: u64,
        record: Option<u32>,
        detail: impl Into<String>,
    ) {
        let (capture, offset) = (self.capture, Some(offset));
        self.notes.add(Note { capture, offset, record, kind, detail: detail.into() });
    }

    /// Notes an anomaly of the record at place `at` that is about to be given.
    pub(super) fn note_record(&mut self, kind: NoteKind, at: usize, detail: impl Into<String>) {
        let record = Some(self.index.saturating_add(1));
        self.note_at(kind, self.offset(at), record, detail);
    }

    /// A header that is odd and was believed.
    #[cold]
    pub(super) fn odd_header(&mut self, at: usize, format: &PcapHeader, header: &RecordHeader) {
        let detail = if header.fraction >= format.fractions() {
            format!("fraction of a second is {}; carried over", header.fraction)
        } else if header.captured > header.original {
            format!("{} bytes captured of {} on the wire", header.captured, header.original)
        } else {
            "record without bytes".to_owned()
        };
        self.note_record(NoteKind::Damaged, at, detail);
    }

    /// Bytes from offset `start` to place `end` were skipped.
    #[cold]
    pub(super) fn damaged(&mut self, start: u64, end: usize) {
        let bytes = self.offset(end).saturating_sub(start);
        let detail = format!("{bytes} damaged bytes at {start} skipped");
        self.note_at(NoteKind::Damaged, start, None, detail.clone());
        self.lose(LossKind::Damaged, bytes, detail);
    }

    /// The capture ends inside something of which `bytes` are there.
    #[cold]
    pub(super) fn cut_tail(&mut self, at: usize, bytes: usize, detail: &str) {
        if bytes == 0 {
            return;
        }
        self.note(NoteKind::Cut, at, detail);
        let detail = format!("{detail} at {}", self.offset(at));
        self.lose(LossKind::CutTail, bytes as u64, detail);
    }

    /// Records have no time of their own: they can be anywhere.
    #[cold]
    pub(super) const fn lose_times(&mut self, detail: &'static str) {
        self.without_times = Some(detail);
    }

    /// What was lost, and whether the last of it has no record behind it.
    fn take_losses(&mut self) -> (Vec<Loss>, bool) {
        let mut losses = std::mem::take(&mut self.losses);
        let mut is_open = self.open_loss;
        if self.order.goes_back() {
            // The records around it bound no loss.
            losses.iter_mut().for_each(|loss| loss.when = None);
            is_open = false;
        }
        if let Some(detail) = self.without_times {
            let (file, detail) = (self.capture.file, detail.to_owned());
            let kind = LossKind::Damaged;
            losses.insert(0, Loss { when: None, kind, file, bytes: 0, detail });
        }
        (losses, is_open)
    }

    /// Lists a loss behind the last record.
    pub(super) fn lose(&mut self, kind: LossKind, bytes: u64, detail: String) {
        let when = self.last.map(|last| (last, last));
        self.open_loss = true;
        if self.losses.len() >= LOSSES_PER_CAPTURE_MAX
            && let Some(last) = self.losses.last_mut()
        {
            last.bytes = last.bytes.saturating_add(bytes);
            last.detail = "this and all further losses of the capture".to_owned();
            return;
        }
        let file = self.capture.file;
        self.losses.push(Loss { when, kind, file, bytes, detail });
    }
}

/// What is not read, by its first bytes: captures (Wireshark's wiretap library), and archives, which beside
/// captures hold some.
const OTHER_MAGICS: [(&[u8], Other, &str); 28] = [
    (b"snoop\0\0\0", Other::Capture, "snoop"),
    (b"btsnoop\0", Other::Capture, "btsnoop"),
    (b"GMBU", Other::Capture, "Network Monitor 2"),
    (b"RTSS", Other::Capture, "Network Monitor 1"),
    (b"XCP\0", Other::Capture, "NetXray"),
    (b"TRSNIFF ", Other::Capture, "Sniffer"),
    (&[0x1c, 0x00, 0x01, 0xac], Other::Capture, "Ixia lcap"),
    (&[0x1c, 0x00, 0x01, 0xab], Other::Capture, "Ixia lcap"),
    (b"\x7fver", Other::Capture, "EtherPeek"),
    (b"iptrace ", Other::Capture, "iptrace"),
    (b"\x05VNF", Other::Capture, "Visual Networks"),
    (b"TR\0d", Other::Capture, "nettl"),
    (b"\0\0\x02\0\x12\x05\0\x10", Other::Capture, "K12"),
    (b"PK\x03\x04", Other::Archive, "zip"),
    (b"PK\x07\x08", Other::Archive, "zip"),
    (b"BZh", Other::Archive, "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", Other::Archive, "7z"),
    (b"Rar!\x1a\x07", Other::Archive, "rar"),
    (b"070701", Other::Archive, "cpio"),
    (b"070702", Other::Archive, "cpio"),
    (b"070707", Other::Archive, "cpio"),
    (b"\x89LZO\0\r\n\x1a\n", Other::Archive, "lzop"),
    (b"LZIP", Other::Archive, "lzip"),
    (b"LRZI", Other::Archive, "lrzip"),
    (b"\x1f\x9d\x90", Other::Archive, "compress"),
    (b"\x5d\0\0\x80\0", Other::Archive, "lzma"),
    (b"!<arch>\n", Other::Archive, "ar"),
    (b"xar!", Other::Archive, "xar"),
];
/// The longest of them.
const OTHER_MAGIC_BYTES: usize = 9;

/// What a format that is not read is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Other {
    Capture,
    /// Files, or the compressed bytes of one.
    Archive,
}

impl Other {
    const fn words(self) -> &'static str {
        match self {
            Self::Capture => "a capture",
            Self::Archive => "an archive",
        }
    }
}

/// What it is, and the name of the format, when it is one of those that are not read.
fn other_format(data: &[u8]) -> Option<(Other, &'static str)> {
    let found = OTHER_MAGICS.iter().find(|(magic, ..)| data.starts_with(magic));
    found.map(|(_, other, name)| (*other, *name))
}

/// Room for what pushes leave over that is kept from one capture to the next: some usual records.
const LEFT_BYTES_KEPT: usize = 256 << 10;

enum Walk {
    /// Not yet known.
    Start,
    Pcap(PcapWalk),
    PcapNg(Box<NgWalk>),
    Erf(ErfWalk),
    /// No capture; its bytes are counted.
    Unknown,
}

/// Parses one capture.
pub struct CaptureParser {
    walk: Walk,
    report: Report,
    /// What earlier pushes left over.
    left: Vec<u8>,
    /// Bytes that must be at hand before the next step.
    needed: usize,
    bytes: u64,
}

impl CaptureParser {
    /// A parser for the bytes of `capture` from its start.
    #[must_use]
    pub fn new(capture: CaptureId) -> Self {
        Self {
            walk: Walk::Start,
            report: Report::new(capture),
            left: Vec::new(),
            needed: 0,
            bytes: 0,
        }
    }

    /// A parser for the bytes of a pcap from the record on that is number `index` (from 1) and starts
    /// at byte `offset`: a range of [`super::split_ranges`].
    #[must_use]
    pub fn resume_at(capture: CaptureId, header: PcapHeader, offset: u64, index: u32) -> Self {
        let mut parser = Self::new(capture);
        parser.walk = Walk::Pcap(PcapWalk::new(header));
        parser.report.base = offset;
        parser.report.index = index.saturating_sub(1);
        parser
    }

    /// The same parser, behind records of the capture that others read.
    #[must_use]
    pub const fn after(mut self, order: TimeOrder) -> Self {
        self.report.order = order;
        self
    }

    /// Takes the next bytes; gives every record that is certain by then.
    pub fn push(&mut self, bytes: &[u8], emit: &mut impl FnMut(Record<'_>)) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let mut at = 0;
        while !self.left.is_empty() && at < bytes.len() {
            let take = self.needed.saturating_sub(self.left.len()).clamp(1, bytes.len() - at);
            self.left.extend_from_slice(&bytes[at..at + take]);
            at += take;
            if self.left.len() < self.needed {
                return;
            }
            let mut left = std::mem::take(&mut self.left);
            let used = self.run(&left, false, emit);
            let rest = left.len() - used;
            if rest <= take {
                // What is left over lies whole in this push: go on there, in place.
                at -= rest;
                left.clear();
            } else {
                left.drain(..used);
            }
            self.left = left;
        }
        if at < bytes.len() {
            let used = self.run(&bytes[at..], false, emit);
            self.left.extend_from_slice(&bytes[at + used..]);
        }
    }

    /// No more bytes come: gives the records that waited for what follows them.
    pub fn finish(mut self, emit: &mut impl FnMut(Record<'_>)) -> CaptureEnd {
        self.end(emit)
    }

    /// As [`Self::finish`]; the parser can take another capture after [`Self::restart`].
    pub fn end(&mut self, emit: &mut impl FnMut(Record<'_>)) -> CaptureEnd {
        let mut left = std::mem::take(&mut self.left);
        self.run(&left, true, emit);
        left.clear();
        self.left = left;
        let format = match &self.walk {
            Walk::Pcap(_) => Some(CaptureFormat::Pcap),
            Walk::PcapNg(_) => Some(CaptureFormat::PcapNg),
            Walk::Erf(_) => Some(CaptureFormat::Erf),
            Walk::Start | Walk::Unknown => None,
        };
        let report = &mut self.report;
        let (losses, last_loss_is_open) = report.take_losses();
        CaptureEnd {
            format,
            records: report.records,
            bytes: self.bytes,
            first_last: report.first.zip(report.last),
            order: report.order,
            notes: std::mem::take(&mut report.notes),
            losses,
            last_loss_is_open,
        }
    }

    /// Begins another capture, in the room of the one that has ended.
    pub fn restart(&mut self, capture: CaptureId) {
        let mut left = std::mem::take(&mut self.left);
        left.clear();
        left.shrink_to(LEFT_BYTES_KEPT);
        *self = Self { left, ..Self::new(capture) };
    }

    /// Works on `data`, which lies at the report's base; returns how much is done with.
    fn run(&mut self, data: &[u8], at_end: bool, emit: &mut impl FnMut(Record<'_>)) -> usize {
        let mut done = 0;
        if matches!(self.walk, Walk::Start) {
            match self.start(data, at_end) {
                Ok(used) => done = used,
                Err(needed) => {
                    self.needed = needed;
                    return 0;
                }
            }
            self.report.base += done as u64;
        }
        let data = &data[done..];
        let progress = match &mut self.walk {
            Walk::Pcap(walk) => walk.run(data, at_end, &mut self.report, emit),
            Walk::PcapNg(walk) => walk.run(data, at_end, &mut self.report, emit),
            Walk::Erf(walk) => walk.run(data, at_end, &mut self.report, emit),
            Walk::Start | Walk::Unknown => Progress { used: data.len(), needed: 0 },
        };
        self.report.base += progress.used as u64;
        self.needed = progress.needed;
        done + progress.used
    }

    /// Tells the format; gives the length of the file header, or how many bytes it takes to tell.
    fn start(&mut self, data: &[u8], at_end: bool) -> Result<usize, usize> {
        if data.starts_with(&SECTION_MAGIC) {
            self.walk = Walk::PcapNg(Box::default());
            return Ok(0);
        }
        if let Some(header) = PcapHeader::parse(data) {
            self.walk = Walk::Pcap(PcapWalk::new(header));
            return Ok(FILE_HEADER_BYTES);
        }
        let may_become = is_pcap_magic(data) || data.len() < SECTION_MAGIC.len();
        if may_become && !at_end {
            return Err(FILE_HEADER_BYTES);
        }
        if let Some((other, name)) = other_format(data) {
            self.walk = Walk::Unknown;
            let detail = format!("{} of the format {name}, which is not read", other.words());
            self.report.note(NoteKind::Unsupported, 0, detail.clone());
            self.report.lose(LossKind::UnknownFormat, 0, detail);
            return Ok(0);
        }
        if !at_end && OTHER_MAGICS.iter().any(|(magic, ..)| magic.starts_with(data)) {
            return Err(OTHER_MAGIC_BYTES);
        }
        match erf::chain(data, at_end) {
            Chain::Yes => {
                self.walk = Walk::Erf(ErfWalk::default());
                return Ok(0);
            }
            Chain::Need(needed) => return Err(needed),
            Chain::No => {}
        }
        self.walk = Walk::Unknown;
        if may_become {
            self.report.note(NoteKind::Cut, 0, "capture ends before its file header does");
            let detail = "capture without a whole file header".to_owned();
            self.report.lose(LossKind::CutTail, data.len() as u64, detail);
        } else {
            self.report.note(NoteKind::NotACapture, 0, "no capture: its magic is not known");
        }
        Ok(0)
    }
}
