//! pcapng: the walk from block to block.
//!
//! In: bytes from a block on. Out: records of the packet blocks (enhanced, simple, obsolete). Sections
//! may change the byte order; each has its own interfaces. Offsets and numbers count over the whole
//! capture.

use super::Record;
use super::parser::{Progress, Report};
use super::pcapng_interface::{Interface, four, two};
use crate::base::limits::{CAPTURE_BLOCK_BYTES_MAX, CAPTURE_INTERFACES_MAX};
use crate::base::{CaptureTime, LossKind, NoteKind};

/// Block type of a section header; the same in both byte orders.
pub(super) const SECTION_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// Type, length and the length behind the body.
const BLOCK_BYTES_MIN: usize = 12;
/// Longest block that is believed where nothing but its own bytes speaks for it.
const RESUME_BLOCK_BYTES_MAX: u32 = 1 << 20;

/// The walk.
#[derive(Default)]
pub(super) struct NgWalk {
    big_endian: bool,
    interfaces: Vec<Interface>,
    /// Where damage began, while a place to resume at is looked for.
    damage: Option<u64>,
    simple_noted: bool,
    /// The first few unknown block types, so that each is noted once.
    unknown_noted: Vec<u32>,
}

/// What is at a place that should be a block.
enum Found {
    /// A block of this many bytes, padding included.
    Block(usize),
    /// A block whose second length is wrong, but another block follows.
    Mismatch(usize),
    Need(usize),
    /// The data ends inside a block of this length.
    Short(usize),
    No,
}

/// Fields of a packet block, whatever its kind.
struct Packet<'a> {
    interface: usize,
    /// Absent: the block has none.
    units: Option<u64>,
    captured: usize,
    original: u32,
    /// Data and what follows it in the block.
    body: &'a [u8],
}

impl NgWalk {
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
            if let Some(start) = self.damage {
                match self.next_block(&data[at..], 0, at_end) {
                    Ok(found) => {
                        self.damage = None;
                        at += found;
                        report.damaged(start, at);
                    }
                    Err((found, Some(needed))) => {
                        return Progress { used: at + found, needed: needed - found };
                    }
                    Err((_, None)) => {
                        self.damage = None;
                        report.damaged(start, data.len());
                        return Progress { used: data.len(), needed: 0 };
                    }
                }
            }
            let rest = &data[at..];
            match self.find(rest, at_end) {
                Found::Block(length) => {
                    self.block(&rest[..length], at, report, emit);
                    at += length;
                }
                Found::Mismatch(length) => {
                    report.note(NoteKind::Damaged, at, "the two lengths of a block differ");
                    self.block(&rest[..length], at, report, emit);
                    at += length;
                }
                Found::Need(needed) => return Progress { used: at, needed },
                Found::Short(length) => match self.next_block(rest, 1, true) {
                    Ok(found) => {
                        report.damaged(report.offset(at), at + found);
                        at += found;
                    }
                    Err(_) => {
                        let detail = format!("ends inside a block of {length} bytes");
                        report.cut_tail(at, rest.len(), &detail);
                        return Progress { used: data.len(), needed: 0 };
                    }
                },
                Found::No => {
                    self.damage = Some(report.offset(at));
                    at += 1;
                }
            }
        }
    }

    /// Byte order of the block at the front of `rest`, which has at least 12 bytes: a section header
    /// brings its own. Read here because the length behind the type cannot be read without it.
    fn order(&self, rest: &[u8]) -> Option<bool> {
        if !rest.starts_with(&SECTION_MAGIC) {
            return Some(self.big_endian);
        }
        match rest.get(8..12)? {
            [0x1a, 0x2b, 0x3c, 0x4d] => Some(true),
            [0x4d, 0x3c, 0x2b, 0x1a] => Some(false),
            _ => None,
        }
    }

    fn find(&self, rest: &[u8], at_end: bool) -> Found {
        if rest.len() < BLOCK_BYTES_MIN {
            return if at_end {
                Found::Short(BLOCK_BYTES_MIN)
            } else {
                Found::Need(BLOCK_BYTES_MIN)
            };
        }
        let Some(big_endian) = self.order(rest) else { return Found::No };
        let stated = four(&rest[4..8], big_endian);
        if (stated as usize) < BLOCK_BYTES_MIN || stated > CAPTURE_BLOCK_BYTES_MAX {
            return Found::No;
        }
        // Some writers leave the padding out of the length; Wireshark rounds up, too.
        let length = (stated as usize).next_multiple_of(4);
        if rest.len() < length {
            return if at_end { Found::Short(length) } else { Found::Need(length) };
        }
        if four(&rest[length - 4..], big_endian) == stated {
            return Found::Block(length);
        }
        let behind = &rest[length..];
        if behind.is_empty() && at_end {
            return Found::Mismatch(length);
        }
        if behind.len() < BLOCK_BYTES_MIN {
            return if at_end { Found::No } else { Found::Need(length + BLOCK_BYTES_MIN) };
        }
        if self.is_plausible_header(behind) { Found::Mismatch(length) } else { Found::No }
    }

    /// Whether 12 bytes look like the start of a block that captures are made of.
    fn is_plausible_header(&self, bytes: &[u8]) -> bool {
        let Some(big_endian) = self.order(bytes) else { return false };
        let length = four(&bytes[4..], big_endian);
        let known = matches!(
            four(bytes, big_endian),
            SECTION_HEADER
                | INTERFACE_DESCRIPTION
                | OBSOLETE_PACKET
                | SIMPLE_PACKET
                | NAME_RESOLUTION
                | INTERFACE_STATISTICS
                | ENHANCED_PACKET
        );
        known
            && length as usize >= BLOCK_BYTES_MIN
            && length.is_multiple_of(4)
            && length <= RESUME_BLOCK_BYTES_MAX
    }

    /// The first place from `from` on where a plausible, whole block starts that is followed by another
    /// or by the end. An error tells the first place that cannot be decided and how many bytes that
    /// takes (none: there is no such place).
    fn next_block(
        &self,
        data: &[u8],
        from: usize,
        at_end: bool,
    ) -> Result<usize, (usize, Option<usize>)> {
        for at in from..data.len() {
            let rest = &data[at..];
            if rest.len() < BLOCK_BYTES_MIN {
                return Err((at, (!at_end).then_some(at + BLOCK_BYTES_MIN)));
            }
            if !self.is_plausible_header(rest) {
                continue;
            }
            let big_endian = self.order(rest).unwrap_or(self.big_endian);
            let length = four(&rest[4..], big_endian) as usize;
            let known = rest.len().min(length + BLOCK_BYTES_MIN);
            if known < length + BLOCK_BYTES_MIN && !at_end {
                return Err((at, Some(at + length + BLOCK_BYTES_MIN)));
            }
            if known < length || four(&rest[length - 4..], big_endian) as usize != length {
                continue;
            }
            let behind = &rest[length..];
            if behind.len() < BLOCK_BYTES_MIN || self.is_plausible_header(behind) {
                return Ok(at);
            }
        }
        Err((data.len(), (!at_end).then_some(data.len() + BLOCK_BYTES_MIN)))
    }

    /// Reads a whole block.
    fn block(
        &mut self,
        block: &[u8],
        at: usize,
        report: &mut Report,
        emit: &mut impl FnMut(Record<'_>),
    ) {
        match four(block, self.order(block).unwrap_or(self.big_endian)) {
            SECTION_HEADER => self.section(block, at, report),
            INTERFACE_DESCRIPTION => self.interface(block, at, report),
            ENHANCED_PACKET => {
                let packet = self.enhanced(block);
                self.packet(packet, at, block.len(), report, emit);
            }
            OBSOLETE_PACKET => {
                let packet = self.obsolete(block);
                self.packet(packet, at, block.len(), report, emit);
            }
            SIMPLE_PACKET => {
                let packet = self.simple(block);
                self.packet(packet, at, block.len(), report, emit);
            }
            // Names, statistics, journal, secrets, custom: they hold no packets.
            NAME_RESOLUTION | INTERFACE_STATISTICS | 9 | 10 | 0x0bad | 0x4000_0bad => {}
            unknown => {
                let first = self.unknown_noted.len() < 16 && !self.unknown_noted.contains(&unknown);
                if first {
                    self.unknown_noted.push(unknown);
                    let detail = format!("blocks of type {unknown:#x} skipped");
                    report.note(NoteKind::Unsupported, at, detail);
                }
            }
        }
    }

    fn section(&mut self, block: &[u8], at: usize, report: &mut Report) {
        self.big_endian = self.order(block).unwrap_or(self.big_endian);
        self.interfaces.clear();
        let major = block.get(12..14).map_or(0, |raw| two(raw, self.big_endian));
        if major != 1 {
            let detail = format!("pcapng version {major}; read as version 1");
            report.note(NoteKind::Unsupported, at, detail);
        }
    }

    fn interface(&mut self, block: &[u8], at: usize, report: &mut Report) {
        let Some((interface, sound)) = Interface::parse(block, self.big_endian) else {
            report.note(NoteKind::Damaged, at, "interface block too short");
            return;
        };
        if !sound {
            let detail = "options of an interface block are damaged; defaults used";
            report.note(NoteKind::Damaged, at, detail);
        }
        if self.interfaces.len() < CAPTURE_INTERFACES_MAX {
            self.interfaces.push(interface);
        } else {
            report.note(NoteKind::Limit, at, "too many interfaces in one section");
        }
    }

    // The packet blocks are read here: pcap-parser allocates for their options, refuses a block for an
    // option nobody asked for, and gives the obsolete one as unknown.

    fn enhanced<'b>(&self, block: &'b [u8]) -> Option<Packet<'b>> {
        let fixed = block.get(8..28)?;
        let field = |at: usize| four(&fixed[at..], self.big_endian);
        Some(Packet {
            interface: field(0) as usize,
            units: Some((u64::from(field(4)) << 32) | u64::from(field(8))),
            captured: field(12) as usize,
            original: field(16),
            body: block.get(28..block.len().checked_sub(4)?)?,
        })
    }

    fn obsolete<'b>(&self, block: &'b [u8]) -> Option<Packet<'b>> {
        let fixed = block.get(8..28)?;
        let field = |at: usize| four(&fixed[at..], self.big_endian);
        Some(Packet {
            interface: usize::from(two(fixed, self.big_endian)),
            units: Some((u64::from(field(4)) << 32) | u64::from(field(8))),
            captured: field(12) as usize,
            original: field(16),
            body: block.get(28..block.len().checked_sub(4)?)?,
        })
    }

    fn simple<'b>(&self, block: &'b [u8]) -> Option<Packet<'b>> {
        let body = block.get(12..block.len().checked_sub(4)?)?;
        let original = four(&block[8..12], self.big_endian);
        let snaplen = self.interfaces.first().map_or(0, |interface| interface.snaplen);
        let captured = if snaplen == 0 { original } else { original.min(snaplen) };
        // What is there is all that can be: the block has no captured length of its own.
        let captured = (captured as usize).min(body.len());
        Some(Packet { interface: 0, units: None, captured, original, body })
    }

    fn packet(
        &mut self,
        packet: Option<Packet<'_>>,
        at: usize,
        block_bytes: usize,
        report: &mut Report,
        emit: &mut impl FnMut(Record<'_>),
    ) {
        let bytes = packet.as_ref().and_then(|packet| packet.body.get(..packet.captured));
        let (Some(packet), Some(bytes)) = (&packet, bytes) else {
            let detail = "packet block shorter than its packet; skipped";
            return lose_block(detail, at, block_bytes, report);
        };
        let Some(interface) = self.interfaces.get(packet.interface) else {
            let detail = "packet block of an interface that was not described; skipped";
            return lose_block(detail, at, block_bytes, report);
        };
        let time = match packet.units.map(|units| interface.time(units)) {
            Some((time, false)) => time,
            Some((time, true)) => {
                report.note_record(NoteKind::ClockOutOfRange, at, "time clamped");
                time
            }
            None => {
                if !self.simple_noted {
                    self.simple_noted = true;
                    let detail =
                        "simple packet blocks have no time; that of the record before used";
                    report.note_record(NoteKind::ClockOutOfRange, at, detail);
                    report.lose_times(detail);
                }
                report.last_time().unwrap_or(CaptureTime::from_ns(0))
            }
        };
        if packet.captured > packet.original as usize {
            let detail =
                format!("{} bytes captured of {} on the wire", packet.captured, packet.original);
            report.note_record(NoteKind::Damaged, at, detail);
        }
        let link = interface.link;
        let (index, offset) = report.next_record(at, time);
        emit(Record { time, index, offset, link, bytes, original_length: packet.original });
    }
}

/// A packet block that cannot be given.
fn lose_block(detail: &str, at: usize, block_bytes: usize, report: &mut Report) {
    report.note(NoteKind::Damaged, at, detail);
    report.lose(LossKind::Damaged, block_bytes as u64, detail.to_owned());
}
