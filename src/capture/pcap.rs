//! pcap: the file header and the walk from record to record.
//!
//! In: bytes from a record on. Out: records, as far as the bytes go. A record is given when the header
//! behind it is plausible too, so that a wrong length is noticed at the record that has it.

use super::parser::{Progress, Report};
use super::resume::{Chain, chain, next_chain};
use super::{LinkType, Record};
use crate::base::limits::{CAPTURE_BLOCK_BYTES_MAX, CAPTURE_SNAPLEN_MAX};
use crate::base::{CaptureTime, NoteKind};
use pcap_parser::parse_pcap_header;

/// Size of the file header.
pub(super) const FILE_HEADER_BYTES: usize = 24;

/// What a pcap's file header says, as far as records need it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PcapHeader {
    /// Link type of all records.
    pub link: LinkType,
    /// Snaplen field; a hint only, the sniffer writes 10000 and longer packets (run section 3).
    pub snaplen: u32,
    big_endian: bool,
    nanoseconds: bool,
    /// Kuznetzov's records of 24 bytes.
    modified: bool,
}

/// The fields of a record header.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordHeader {
    pub(super) seconds: u32,
    pub(super) fraction: u32,
    pub(super) captured: u32,
    pub(super) original: u32,
}

impl PcapHeader {
    /// Reads a file header; absent when `bytes` are shorter than one or it is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<FILE_HEADER_BYTES>()?;
        // pcap-parser does not know the modified format in big-endian order.
        if header[..4] == [0xa1, 0xb2, 0xcd, 0x34] {
            return Some(Self {
                link: LinkType::from_pcap_field(word(&header[20..], true)),
                snaplen: word(&header[16..], true),
                big_endian: true,
                nanoseconds: false,
                modified: true,
            });
        }
        let (_, parsed) = parse_pcap_header(header).ok()?;
        Some(Self {
            link: LinkType::from_pcap_field(parsed.network.0.cast_unsigned()),
            snaplen: parsed.snaplen,
            big_endian: parsed.is_bigendian(),
            nanoseconds: parsed.is_nanosecond_precision(),
            modified: parsed.is_modified_format(),
        })
    }

    /// Size of a record header.
    pub(super) const fn record_header_bytes(&self) -> usize {
        if self.modified { 24 } else { 16 }
    }

    /// What a second is divided in.
    pub(super) const fn fractions(&self) -> u32 {
        if self.nanoseconds { 1_000_000_000 } else { 1_000_000 }
    }

    /// Longest record that is believed.
    pub(super) fn captured_max(&self) -> u32 {
        self.snaplen.clamp(CAPTURE_SNAPLEN_MAX, CAPTURE_BLOCK_BYTES_MAX)
    }

    /// Reads the record header at the front of `bytes`.
    ///
    /// Own code: pcap-parser's record functions need the whole record before they give its header, so
    /// nothing could be judged before it is believed, and they lack the modified big-endian form.
    #[inline]
    pub(super) fn record(&self, bytes: &[u8]) -> Option<RecordHeader> {
        let raw = bytes.first_chunk::<16>()?;
        let field = |at: usize| {
            let four = [raw[at], raw[at + 1], raw[at + 2], raw[at + 3]];
            if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        Some(RecordHeader {
            seconds: field(0),
            fraction: field(4),
            captured: field(8),
            original: field(12),
        })
    }

    /// The moment of a record; a fraction of more than a second carries over.
    #[inline]
    pub(super) fn time(&self, header: &RecordHeader) -> CaptureTime {
        let scale = if self.nanoseconds { 1 } else { 1_000 };
        CaptureTime::from_parts(i64::from(header.seconds), i64::from(header.fraction) * scale)
    }

    /// Whether nothing about a header is odd.
    #[inline]
    pub(super) fn is_sound(&self, header: &RecordHeader) -> bool {
        header.captured.wrapping_sub(1) < self.captured_max()
            && header.captured <= header.original
            && header.fraction < self.fractions()
    }
}

fn word(bytes: &[u8], big_endian: bool) -> u32 {
    let Some(four) = bytes.first_chunk() else { return 0 };
    if big_endian { u32::from_be_bytes(*four) } else { u32::from_le_bytes(*four) }
}

/// The walk through a pcap behind its file header.
pub(super) struct PcapWalk {
    pub(super) header: PcapHeader,
    /// Where damage began, while a place to resume at is looked for.
    damage: Option<u64>,
}

/// What an odd record header turned out to be.
enum Odd {
    /// Believable all the same; true when it deserves a note.
    Record,
    /// A file header: another capture was appended.
    Appended(PcapHeader),
    Damaged,
    /// More bytes are needed, this many in all from the record on.
    Need(usize),
}

impl PcapWalk {
    pub(super) fn new(header: PcapHeader) -> Self {
        Self { header, damage: None }
    }

    /// Gives the records at the front of `data`.
    pub(super) fn run(
        &mut self,
        data: &[u8],
        at_end: bool,
        report: &mut Report,
        emit: &mut impl FnMut(Record<'_>),
    ) -> Progress {
        let mut at = 0;
        loop {
            if self.damage.is_some() {
                match self.resume(data, at, at_end, report) {
                    Ok(found) => at = found,
                    Err(progress) => return progress,
                }
            }
            at = self.sound_records(data, at, report, emit);
            match self.odd_record(data, at, at_end, report, emit) {
                Ok(next) => at = next,
                Err(progress) => return progress,
            }
        }
    }

    /// The tight loop: gives sound records that are followed by a sound header; returns where it
    /// stopped.
    #[inline]
    fn sound_records(
        &self,
        data: &[u8],
        mut at: usize,
        report: &mut Report,
        emit: &mut impl FnMut(Record<'_>),
    ) -> usize {
        let format = self.header;
        let header_bytes = format.record_header_bytes();
        let Some(mut header) = data.get(at..).and_then(|rest| format.record(rest)) else {
            return at;
        };
        while format.is_sound(&header) {
            let start = at + header_bytes;
            let end = start + header.captured as usize;
            // The next header's first 16 bytes are there, so this record is whole.
            let Some(next) = data.get(end..).and_then(|rest| format.record(rest)) else { break };
            if !format.is_sound(&next) {
                break;
            }
            self.give(&header, &data[start..end], at, report, emit);
            (at, header) = (end, next);
        }
        at
    }

    #[inline]
    fn give(
        &self,
        header: &RecordHeader,
        bytes: &[u8],
        at: usize,
        report: &mut Report,
        emit: &mut impl FnMut(Record<'_>),
    ) {
        let time = self.header.time(header);
        let (index, offset) = report.next_record(at, time);
        let (link, original_length) = (self.header.link, header.original);
        emit(Record { time, index, offset, link, bytes, original_length });
    }

    /// Decides about the record at `at`, where the tight loop stopped: it is odd, or what follows is,
    /// or the bytes end.
    fn odd_record(
        &mut self,
        data: &[u8],
        at: usize,
        at_end: bool,
        report: &mut Report,
        emit: &mut impl FnMut(Record<'_>),
    ) -> Result<usize, Progress> {
        let format = self.header;
        let header_bytes = format.record_header_bytes();
        let rest = &data[at..];
        let header = match format.record(rest) {
            Some(header) if rest.len() >= header_bytes => header,
            _ if at_end => {
                report.cut_tail(at, rest.len(), "ends inside a record header");
                return Err(Progress { used: data.len(), needed: 0 });
            }
            _ => return Err(Progress { used: at, needed: header_bytes }),
        };
        let is_odd = !format.is_sound(&header);
        if is_odd {
            match self.judge(rest, &header, at_end) {
                Odd::Record => {}
                Odd::Appended(appended) => {
                    report.note(NoteKind::Damaged, at, "another pcap is appended here; read on");
                    self.header = appended;
                    return Ok(at + FILE_HEADER_BYTES);
                }
                Odd::Damaged => {
                    self.damage = Some(report.offset(at));
                    return Ok(at + 1);
                }
                Odd::Need(needed) => return Err(Progress { used: at, needed }),
            }
        }
        let length = header_bytes + header.captured as usize;
        if rest.len() < length {
            if !at_end {
                return Err(Progress { used: at, needed: length + header_bytes });
            }
            return self.short_tail(data, at, length, report);
        }
        match self.behind(rest, length, at_end) {
            Chain::Need(needed) => return Err(Progress { used: at, needed }),
            Chain::Yes => {}
            Chain::No => {
                // What follows is damaged, or this record's own length is: then a chain of plausible
                // records starts inside it.
                match next_chain(&format, rest, 1, length, at_end, report.last_time()) {
                    (_, Chain::Need(needed)) => {
                        // Doubled, so that a hostile record is searched a few times only.
                        let needed = needed.max(rest.len().saturating_mul(2));
                        return Err(Progress { used: at, needed });
                    }
                    (found, Chain::Yes) => {
                        report.damaged(report.offset(at), at + found);
                        return Ok(at + found);
                    }
                    (_, Chain::No) => self.damage = Some(report.offset(at + length)),
                }
            }
        }
        // Said only now: until here the record may be met again, with more bytes at hand.
        if is_odd {
            report.odd_header(at, &format, &header);
        }
        self.give(&header, &rest[header_bytes..length], at, report, emit);
        Ok(at + length)
    }

    /// Whether what follows a record of `length` bytes can be: a header that is sound or believable, or
    /// the end.
    fn behind(&self, rest: &[u8], length: usize, at_end: bool) -> Chain {
        let behind = &rest[length..];
        let header_bytes = self.header.record_header_bytes();
        let Some(next) = self.header.record(behind).filter(|_| behind.len() >= header_bytes) else {
            return if at_end { Chain::Yes } else { Chain::Need(length + header_bytes) };
        };
        if self.header.is_sound(&next) {
            return Chain::Yes;
        }
        match self.judge(behind, &next, at_end) {
            Odd::Record | Odd::Appended(_) => Chain::Yes,
            Odd::Damaged => Chain::No,
            Odd::Need(needed) => Chain::Need(length + needed),
        }
    }

    /// Judges an odd header at the front of `rest` by what follows it.
    fn judge(&self, rest: &[u8], header: &RecordHeader, at_end: bool) -> Odd {
        if is_pcap_magic(rest) {
            return match PcapHeader::parse(rest) {
                Some(appended) => Odd::Appended(appended),
                None if at_end => Odd::Damaged,
                None => Odd::Need(FILE_HEADER_BYTES),
            };
        }
        let zeros = header.seconds | header.fraction | header.captured | header.original == 0;
        if zeros || header.captured > self.header.captured_max() {
            return Odd::Damaged;
        }
        let length = self.header.record_header_bytes() + header.captured as usize;
        let time = Some(self.header.time(header));
        match chain(&self.header, rest, length, at_end, time, true) {
            Chain::Yes => Odd::Record,
            Chain::No => Odd::Damaged,
            Chain::Need(needed) => Odd::Need(needed),
        }
    }

    /// The data ends inside the record at `at`: cut, or its length is damaged and whole records follow.
    fn short_tail(
        &mut self,
        data: &[u8],
        at: usize,
        length: usize,
        report: &mut Report,
    ) -> Result<usize, Progress> {
        let rest = &data[at..];
        match next_chain(&self.header, rest, 1, rest.len(), true, report.last_time()) {
            (found, Chain::Yes) => {
                report.damaged(report.offset(at), at + found);
                Ok(at + found)
            }
            _ => {
                let detail = format!("ends inside a record of {length} bytes");
                report.cut_tail(at, rest.len(), &detail);
                Err(Progress { used: data.len(), needed: 0 })
            }
        }
    }

    /// Looks for the next plausible record from `at` on.
    fn resume(
        &mut self,
        data: &[u8],
        at: usize,
        at_end: bool,
        report: &mut Report,
    ) -> Result<usize, Progress> {
        let Some(start) = self.damage else { return Ok(at) };
        let rest = data.get(at..).unwrap_or_default();
        match next_chain(&self.header, rest, 0, rest.len(), at_end, report.last_time()) {
            (found, Chain::Yes) => {
                self.damage = None;
                report.damaged(start, at + found);
                Ok(at + found)
            }
            (found, Chain::Need(needed)) if !at_end => {
                Err(Progress { used: at + found, needed: needed.saturating_sub(found) })
            }
            _ => {
                self.damage = None;
                report.damaged(start, data.len());
                Err(Progress { used: data.len(), needed: 0 })
            }
        }
    }
}

/// Whether bytes start with any pcap magic.
pub(super) fn is_pcap_magic(bytes: &[u8]) -> bool {
    matches!(
        bytes.first_chunk::<4>(),
        Some(
            [0xd4, 0xc3, 0xb2, 0xa1]
                | [0xa1, 0xb2, 0xc3, 0xd4]
                | [0x4d, 0x3c, 0xb2, 0xa1]
                | [0xa1, 0xb2, 0x3c, 0x4d]
                | [0x34, 0xcd, 0xb2, 0xa1]
                | [0xa1, 0xb2, 0xcd, 0x34]
        )
    )
}
