//! ERF, the record format of Endace cards: bytes from a record on in, records out.
//!
//! The format has no file header and no magic ("ERF Extensible Record Format", Endace EDM11-01): a
//! stream is taken for it only when a chain of records lines up, and when it is nothing else. Only
//! records of Ethernet frames are read, which is what such cards write.

use super::parser::{Progress, Report};
use super::resume::Chain;
use super::{LinkType, Record};
use crate::base::limits::{ERF_CHAIN_TO_END_RECORDS, ERF_EXTENSIONS_MAX, RESUME_CHAIN_RECORDS};
use crate::base::{CaptureTime, NS_PER_S, NoteKind};

/// Fixed header: time, type, flags, record length, losses or colour, length on the wire.
const HEADER_BYTES: usize = 16;
/// An extension header; its first bit says whether another one follows.
const EXTENSION_BYTES: usize = 8;
/// What stands between the header and an Ethernet frame: offset and padding.
const ETHERNET_PAD_BYTES: usize = 2;
const ETHERNET_HEADER_BYTES: usize = 14;
/// Records are padded to a multiple of this.
const ALIGNMENT_BYTES: usize = 8;
/// How far apart the records of a chain may be.
const CHAIN_SPAN_NS: i64 = 86_400 * NS_PER_S;

/// What one record's headers say.
#[derive(Clone, Copy, Debug)]
struct ErfRecord {
    time: CaptureTime,
    /// Where its frame lies, and how long it was on the wire.
    frame_at: usize,
    frame_bytes: usize,
    wire_bytes: u32,
    /// The whole record.
    length: usize,
}

/// What the bytes at a place are.
enum Found {
    Record(ErfRecord),
    /// Not without this many bytes.
    Need(usize),
    Nothing,
}

/// The record at the front of `rest`, if it looks like one that a card wrote.
fn record(rest: &[u8]) -> Found {
    let Some(header) = rest.first_chunk::<HEADER_BYTES>() else {
        return Found::Need(HEADER_BYTES);
    };
    let [kind, flags] = [header[8], header[9]];
    // Ethernet, Ethernet with a colour, Ethernet with steering; two flags are reserved.
    if !matches!(kind & 0x7f, 2 | 11 | 16) || flags & 0xc0 != 0 {
        return Found::Nothing;
    }
    let length = usize::from(u16::from_be_bytes([header[10], header[11]]));
    let wire_bytes = usize::from(u16::from_be_bytes([header[14], header[15]]));
    let mut at = HEADER_BYTES;
    let mut more = kind & 0x80 != 0;
    while more {
        match rest.get(at) {
            Some(first) if at < HEADER_BYTES + ERF_EXTENSIONS_MAX * EXTENSION_BYTES => {
                more = first & 0x80 != 0;
            }
            Some(_) => return Found::Nothing,
            None => return Found::Need(at + 1),
        }
        at += EXTENSION_BYTES;
    }
    let frame_at = at + ETHERNET_PAD_BYTES;
    let Some(room) = length.checked_sub(frame_at) else { return Found::Nothing };
    // The padding behind a frame is shorter than what it is aligned to.
    if wire_bytes < ETHERNET_HEADER_BYTES
        || room < ETHERNET_HEADER_BYTES
        || room >= wire_bytes + ALIGNMENT_BYTES
    {
        return Found::Nothing;
    }
    let frame_bytes = room.min(wire_bytes);
    let wire_bytes = u32::from(u16::from_be_bytes([header[14], header[15]]));
    Found::Record(ErfRecord { time: moment(header), frame_at, frame_bytes, wire_bytes, length })
}

/// Seconds since the epoch in the upper half, 2^-32 s in the lower one, little-endian.
fn moment(header: &[u8; HEADER_BYTES]) -> CaptureTime {
    let fraction = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    let seconds = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    // To the nearest nanosecond; below 2^63, because the fraction is below 2^32.
    let ns = (u64::from(fraction) * NS_PER_S.unsigned_abs() + (1 << 31)) >> 32;
    CaptureTime::from_parts(i64::from(seconds), i64::try_from(ns).unwrap_or(0))
}

/// Whether a chain of records starts at the front of `rest`: [`RESUME_CHAIN_RECORDS`], or at least
/// [`ERF_CHAIN_TO_END_RECORDS`] that end exactly where the data ends, or one more whose last is cut.
pub(super) fn chain(rest: &[u8], at_end: bool) -> Chain {
    let mut at = 0usize;
    let mut before: Option<CaptureTime> = None;
    for count in 0..RESUME_CHAIN_RECORDS {
        let left = rest.len().saturating_sub(at);
        if at_end && left < HEADER_BYTES {
            let proof = ERF_CHAIN_TO_END_RECORDS + usize::from(at != rest.len());
            return if count >= proof { Chain::Yes } else { Chain::No };
        }
        match record(rest.get(at..).unwrap_or_default()) {
            Found::Record(found) => {
                let is_near = before.is_none_or(|before| {
                    (-CHAIN_SPAN_NS..=CHAIN_SPAN_NS).contains(&found.time.since_ns(before))
                });
                if !is_near {
                    return Chain::No;
                }
                before = Some(found.time);
                at = at.saturating_add(found.length);
            }
            Found::Need(needed) if !at_end => return Chain::Need(at.saturating_add(needed)),
            Found::Need(_) | Found::Nothing => return Chain::No,
        }
    }
    Chain::Yes
}

/// The walk through ERF records.
#[derive(Debug, Default)]
pub(super) struct ErfWalk {
    /// Where damage began, while a place to resume at is looked for.
    damage: Option<u64>,
}

impl ErfWalk {
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
            let rest = data.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return Progress { used: at, needed: HEADER_BYTES };
            }
            let needed = match record(rest) {
                Found::Record(found) => {
                    let until = found.frame_at + found.frame_bytes;
                    match rest.get(found.frame_at..until).filter(|_| found.length <= rest.len()) {
                        Some(bytes) => {
                            give(&found, bytes, at, report, emit);
                            at += found.length;
                            continue;
                        }
                        None => found.length,
                    }
                }
                Found::Need(needed) => needed,
                Found::Nothing => {
                    self.damage = Some(report.offset(at));
                    at += 1;
                    continue;
                }
            };
            if at_end {
                report.cut_tail(at, rest.len(), "ends inside an ERF record");
                return Progress { used: data.len(), needed: 0 };
            }
            return Progress { used: at, needed };
        }
    }

    /// Looks for the next chain of records from `at` on.
    fn resume(
        &mut self,
        data: &[u8],
        at: usize,
        at_end: bool,
        report: &mut Report,
    ) -> Result<usize, Progress> {
        let Some(start) = self.damage else { return Ok(at) };
        for place in at..data.len() {
            match chain(&data[place..], at_end) {
                Chain::Yes => {
                    self.damage = None;
                    report.damaged(start, place);
                    return Ok(place);
                }
                Chain::Need(needed) => return Err(Progress { used: place, needed }),
                Chain::No => {}
            }
        }
        if at_end {
            self.damage = None;
            report.damaged(start, data.len());
        }
        Err(Progress { used: data.len(), needed: HEADER_BYTES })
    }
}

fn give(
    found: &ErfRecord,
    bytes: &[u8],
    at: usize,
    report: &mut Report,
    emit: &mut impl FnMut(Record<'_>),
) {
    if found.time == CaptureTime::from_ns(0) {
        report.note_record(NoteKind::ClockOutOfRange, at, "ERF record without a time");
    }
    let (index, offset) = report.next_record(at, found.time);
    let link = LinkType(1);
    let original_length = found.wire_bytes;
    emit(Record { time: found.time, index, offset, link, bytes, original_length });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One record of a frame of `wire` bytes.
    fn erf(kind: u8, flags: u8, extensions: usize, wire: u16) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0x80, 7, 0, 0, 0, kind, flags];
        let frame = usize::from(wire) + ETHERNET_PAD_BYTES + extensions * EXTENSION_BYTES;
        let length = (HEADER_BYTES + frame).next_multiple_of(ALIGNMENT_BYTES);
        bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(wire.to_be_bytes());
        for extension in 0..extensions {
            bytes.extend([if extension + 1 < extensions { 0x83 } else { 3 }, 0, 0, 0, 0, 0, 0, 0]);
        }
        bytes.resize(length, 0xaa);
        bytes
    }

    #[test]
    fn a_record_is_believed_when_its_lengths_fit() {
        let check = |bytes: &[u8], expect: Option<(usize, usize)>| {
            let found = match record(bytes) {
                Found::Record(found) => Some((found.frame_at, found.frame_bytes)),
                Found::Need(_) | Found::Nothing => None,
            };
            assert_eq!(found, expect, "{bytes:x?}");
        };
        check(&erf(2, 4, 0, 60), Some((18, 60)));
        check(&erf(11, 5, 0, 61), Some((18, 61)));
        check(&erf(0x82, 4, 2, 60), Some((34, 60)));
        check(&erf(3, 4, 0, 60), None);
        check(&erf(2, 0x44, 0, 60), None);
        check(&erf(2, 4, 0, 13), None);
        let mut long = erf(2, 4, 0, 60);
        long[11] += 16;
        check(&long, None);
        check(&[0; 64], None);
        assert_eq!(moment(erf(2, 4, 0, 60).first_chunk().unwrap()).ns(), 7_500_000_000);
    }

    #[test]
    fn a_chain_must_be_long_or_reach_the_end() {
        let check = |records: usize, at_end: bool, expect: Chain| {
            assert_eq!(chain(&erf(2, 4, 0, 60).repeat(records), at_end), expect, "{records}");
        };
        check(2, true, Chain::No);
        check(3, true, Chain::Yes);
        check(3, false, Chain::Need(3 * 80 + HEADER_BYTES));
        check(6, false, Chain::Yes);
        let cut = erf(2, 4, 0, 60).repeat(5);
        assert_eq!(chain(&cut[..cut.len() - 3], true), Chain::Yes);
    }
}
