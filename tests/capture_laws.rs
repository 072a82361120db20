//! Laws of the capture parser over hand-made captures: every field of every format is read; pieces in
//! which bytes arrive do not matter; a cut capture gives a prefix; damage is stepped over and counted.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect"
)]

use proptest::prelude::*;
use respool::base::{CaptureId, FileId, Loss, LossKind, Note, NoteKind};
use respool::capture::{CaptureFormat, CaptureParser, split_ranges};

/// A record with its own bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Owned {
    ns: i64,
    index: u32,
    offset: u64,
    link: u16,
    bytes: Vec<u8>,
    original: u32,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Parsed {
    format: Option<CaptureFormat>,
    records: Vec<Owned>,
    notes: Vec<Note>,
    /// Of all notes, the same one as often as it was made.
    counts: Vec<(NoteKind, u64)>,
    losses: Vec<Loss>,
}

impl Parsed {
    fn kinds(&self) -> Vec<NoteKind> {
        self.notes.iter().map(|note| note.kind).collect()
    }
    fn lost(&self) -> Vec<(LossKind, u64)> {
        self.losses.iter().map(|loss| (loss.kind, loss.bytes)).collect()
    }
}

fn finish<'a>(mut parser: CaptureParser, pieces: impl IntoIterator<Item = &'a [u8]>) -> Parsed {
    let mut records = Vec::new();
    let mut keep = |record: respool::capture::Record<'_>| {
        records.push(Owned {
            ns: record.time.ns(),
            index: record.index,
            offset: record.offset,
            link: record.link.0,
            bytes: record.bytes.to_vec(),
            original: record.original_length,
        });
    };
    for piece in pieces {
        parser.push(piece, &mut keep);
    }
    let end = parser.finish(&mut keep);
    assert_eq!(end.records, records.len() as u64);
    let times = records.first().map(|record| record.ns).zip(records.last().map(|last| last.ns));
    assert_eq!(end.first_last.map(|(first, last)| (first.ns(), last.ns())), times);
    let notes = end.notes.kept().cloned().collect();
    let counts = end.notes.counts().collect();
    Parsed { format: end.format, records, notes, counts, losses: end.losses }
}

fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Parsed {
    finish(CaptureParser::new(CaptureId { file: FileId(3), member: 1 }), pieces)
}

// ---- builders ----

#[derive(Clone, Copy)]
struct Pcap {
    magic: u32,
    big_endian: bool,
    link: u32,
}

const MICRO: u32 = 0xa1b2_c3d4;
const NANO: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;
const START: u32 = 1_700_000_000;

impl Pcap {
    const USUAL: Self = Self { magic: MICRO, big_endian: false, link: 1 };

    fn words(&self, words: &[u32], out: &mut Vec<u8>) {
        for word in words {
            out.extend(if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() });
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let version = if self.big_endian { 0x0002_0004 } else { 0x0004_0002 };
        self.words(&[self.magic, version, 0, 0, 10_000, self.link], &mut out);
        out
    }

    fn record(&self, seconds: u32, fraction: u32, original: u32, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.words(&[seconds, fraction, bytes.len() as u32, original], &mut out);
        if self.magic == MODIFIED {
            self.words(&[7, 0], &mut out);
        }
        out.extend(bytes);
        out
    }
}

fn payload(index: u32) -> Vec<u8> {
    (0..20 + index * 13 % 90).map(|at| (at.wrapping_mul(37) ^ index) as u8).collect()
}

/// Records `from..to`, a second apart.
fn records(format: &Pcap, from: u32, to: u32) -> Vec<u8> {
    let each = |index: u32| {
        let bytes = payload(index);
        format.record(START + index, index * 11, bytes.len() as u32 + index % 3, &bytes)
    };
    (from..to).flat_map(each).collect()
}

fn pcap(format: &Pcap, count: u32) -> Vec<u8> {
    [format.header(), records(format, 0, count)].concat()
}

/// A pcapng block of one byte order.
fn block(kind: u32, body: &[u8], big_endian: bool) -> Vec<u8> {
    let mut padded = body.to_vec();
    padded.resize(body.len().next_multiple_of(4), 0);
    let length = padded.len() as u32 + 12;
    let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    [&word(kind)[..], &word(length), &padded, &word(length)].concat()
}

struct Ng(bool);

impl Ng {
    fn u16(&self, value: u16) -> [u8; 2] {
        if self.0 { value.to_be_bytes() } else { value.to_le_bytes() }
    }
    fn u32(&self, value: u32) -> [u8; 4] {
        if self.0 { value.to_be_bytes() } else { value.to_le_bytes() }
    }
    fn section(&self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        let body = [&self.u32(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat();
        block(0x0a0d_0d0a, &body, self.0)
    }
    fn interface(&self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [&self.u16(link)[..], &[0, 0], &self.u32(snaplen)].concat();
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(value.len() as u16));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        block(1, &body, self.0)
    }
    fn enhanced(&self, interface: u32, units: u64, original: u32, bytes: &[u8]) -> Vec<u8> {
        let words = [interface, (units >> 32) as u32, units as u32, bytes.len() as u32, original];
        let fixed: Vec<u8> = words.iter().flat_map(|word| self.u32(*word)).collect();
        block(6, &[&fixed, bytes].concat(), self.0)
    }
    fn obsolete(&self, interface: u16, units: u64, bytes: &[u8]) -> Vec<u8> {
        let mut body = [self.u16(interface), self.u16(9)].concat();
        for word in [(units >> 32) as u32, units as u32, bytes.len() as u32, bytes.len() as u32] {
            body.extend(self.u32(word));
        }
        body.extend(bytes);
        block(2, &body, self.0)
    }
    fn simple(&self, original: u32, bytes: &[u8]) -> Vec<u8> {
        block(3, &[&self.u32(original)[..], bytes].concat(), self.0)
    }
}

/// A pcapng with everything in it: two sections of different byte order, several interfaces.
fn everything() -> Vec<u8> {
    let (little, big) = (Ng(false), Ng(true));
    [
        little.section(),
        little.interface(1, 0, &[]),
        little.interface(113, 0, &[(9, &[9]), (2, b"eth0")]),
        little.enhanced(0, 1_700_000_000_000_001, 99, b"first"),
        little.enhanced(1, 1_700_000_000_000_000_002, 6, b"second"),
        block(0x0000_0b0b, b"unknown", false),
        little.simple(5, b"third"),
        block(5, &[0; 20], false),
        big.section(),
        big.interface(101, 4, &[(9, &[0x80 | 10]), (14, &100i64.to_be_bytes())]),
        big.enhanced(0, 1_024 + 512, 4, b"four"),
        big.obsolete(0, 2_048, b"five"),
        big.simple(9, b"sixs"),
    ]
    .concat()
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let swapped = Pcap { big_endian: true, ..Pcap::USUAL };
    let nano = Pcap { magic: NANO, ..Pcap::USUAL };
    let modified = Pcap { magic: MODIFIED, ..Pcap::USUAL };
    let large: Vec<u8> = vec![9; 70_000];
    vec![
        ("usual", pcap(&Pcap::USUAL, 40)),
        ("no records", pcap(&Pcap::USUAL, 0)),
        ("big-endian", pcap(&swapped, 12)),
        ("nanoseconds", pcap(&nano, 12)),
        ("nanoseconds, big-endian", pcap(&Pcap { big_endian: true, ..nano }, 12)),
        ("modified", pcap(&modified, 12)),
        ("modified, big-endian", pcap(&Pcap { big_endian: true, ..modified }, 12)),
        (
            "longer than snaplen",
            [
                pcap(&Pcap::USUAL, 3),
                Pcap::USUAL.record(START + 3, 0, 70_000, &large),
                records(&Pcap::USUAL, 4, 9),
            ]
            .concat(),
        ),
        ("appended", [pcap(&Pcap::USUAL, 5), pcap(&Pcap { link: 113, ..swapped }, 5)].concat()),
        (
            "damaged",
            [pcap(&Pcap::USUAL, 9), vec![0xee; 333], records(&Pcap::USUAL, 9, 30)].concat(),
        ),
        ("everything", everything()),
        ("text", b"this is no capture at all, just some text".to_vec()),
        ("empty", Vec::new()),
    ]
}

// ---- what is read ----

#[test]
fn every_pcap_format_gives_its_records() {
    for magic in [MICRO, NANO, MODIFIED] {
        for big_endian in [false, true] {
            for link in [1, 0xf400_0001, 276] {
                let format = Pcap { magic, big_endian, link };
                let file = pcap(&format, 10);
                let parsed = parse([&file[..]]);
                assert_eq!(parsed.format, Some(CaptureFormat::Pcap));
                assert_eq!((parsed.notes.len(), parsed.losses.len()), (0, 0), "{:?}", parsed.notes);
                assert_eq!(parsed.records.len(), 10);
                let mut offset = 24;
                for (index, record) in (0u32..).zip(&parsed.records) {
                    let bytes = payload(index);
                    let scale = if magic == NANO { 1 } else { 1_000 };
                    let ns =
                        i64::from(START + index) * 1_000_000_000 + i64::from(index) * 11 * scale;
                    let original = bytes.len() as u32 + index % 3;
                    let link = if link == 276 { 276 } else { 1 };
                    let length = bytes.len() as u64;
                    let expect = Owned { ns, index: index + 1, offset, link, bytes, original };
                    assert_eq!(*record, expect, "{magic:x} {big_endian}");
                    offset += length + if magic == MODIFIED { 24 } else { 16 };
                }
            }
        }
    }
}

#[test]
fn pcapng_sections_interfaces_and_packet_blocks_are_read() {
    let parsed = parse([&everything()[..]]);
    let brief: Vec<_> = parsed
        .records
        .iter()
        .map(|record| (record.ns, record.link, &record.bytes[..], record.original))
        .collect();
    let second = 1_000_000_000i64;
    assert_eq!(
        brief,
        [
            (1_700_000_000 * second + 1_000, 1, &b"first"[..], 99),
            (1_700_000_000 * second + 2, 113, b"second", 6),
            (1_700_000_000 * second + 2, 1, b"third", 5),
            (101 * second + second / 2, 101, b"four", 4),
            (102 * second, 101, b"five", 4),
            (102 * second, 101, b"sixs", 9),
        ]
    );
    assert_eq!(parsed.kinds(), [NoteKind::Unsupported, NoteKind::ClockOutOfRange]);
    // Packets without a time can be of any.
    let lost: Vec<_> = parsed.losses.iter().map(|loss| (loss.kind, loss.when)).collect();
    assert_eq!(lost, [(LossKind::Damaged, None)]);
}

/// Where records go back in time, by more than taps do, they bound no loss; else the last one does.
#[test]
fn records_bound_losses_where_they_come_in_order() {
    let format = Pcap::USUAL;
    for (seconds, bound) in
        [(&[10, 20, 30][..], Some(30)), (&[10, 30, 25], Some(25)), (&[30, 10, 40], None)]
    {
        let mut file = format.header();
        for second in seconds {
            file.extend(format.record(*second, 0, 3, b"abc"));
        }
        file.extend([0; 5]);
        let losses = parse([&file[..]]).losses;
        let when =
            losses[0].when.map(|(first, last)| (first.floor_seconds(), last.floor_seconds()));
        assert_eq!(when, bound.map(|bound| (bound, bound)), "{seconds:?}");
    }
}

#[test]
fn odd_headers_are_believed_when_records_line_up() {
    let check = |what: &str, odd: &[u8], expect: &[NoteKind]| {
        let file = [pcap(&Pcap::USUAL, 3), odd.to_vec(), records(&Pcap::USUAL, 4, 12)].concat();
        let parsed = parse([&file[..]]);
        assert_eq!(parsed.records.len(), 12, "{what}: {:?}", parsed.notes);
        assert_eq!(parsed.kinds(), expect, "{what}");
        assert_eq!(parsed.losses, [], "{what}");
        parsed.records[3].clone()
    };
    let usual = Pcap::USUAL;
    let damaged = [NoteKind::Damaged];
    let longer = check("captured > original", &usual.record(START + 3, 0, 2, b"abcd"), &damaged);
    assert_eq!((longer.original, &longer.bytes[..]), (2, &b"abcd"[..]));
    let carried = check("fraction", &usual.record(START, 3_000_000, 4, b"abcd"), &damaged);
    assert_eq!(carried.ns, i64::from(START + 3) * 1_000_000_000);
    let empty = check("no bytes", &usual.record(START + 3, 0, 40, b""), &damaged);
    assert_eq!((empty.original, empty.bytes.len()), (40, 0));
}

/// An odd record is met again and again until the bytes behind it are all there; it is one anomaly.
#[test]
fn an_odd_record_is_noted_once_whatever_the_pieces() {
    let usual = Pcap::USUAL;
    let oddities = [
        ("captured > original", usual.record(START + 3, 0, 2, b"abcd")),
        ("fraction", usual.record(START, 3_000_000, 4, b"abcd")),
        ("no bytes", usual.record(START + 3, 0, 40, b"")),
    ];
    let garbage = vec![0xee; 70];
    let other = Pcap { link: 113, big_endian: true, ..usual };
    let tails = [
        ("nothing", Vec::new()),
        ("a record", records(&usual, 4, 5)),
        ("records", records(&usual, 4, 12)),
        ("garbage", garbage.clone()),
        ("garbage and records", [garbage, records(&usual, 4, 12)].concat()),
        // What the fuzzer found.
        ("another capture", pcap(&other, 5)),
    ];
    for (what, odd) in &oddities {
        for (behind, tail) in &tails {
            let file = [pcap(&usual, 3), odd.clone(), tail.clone()].concat();
            let whole = parse([&file[..]]);
            let name = format!("{what}, {behind} behind it");
            for cut in 1..file.len() {
                let (left, right) = file.split_at(cut);
                let parsed = parse([left, right]);
                assert_eq!(parsed.counts, whole.counts, "{name}, cut at {cut}");
                assert_eq!(parsed.notes, whole.notes, "{name}, cut at {cut}");
            }
            for size in [1, 7, 16] {
                assert_eq!(parse(file.chunks(size)).counts, whole.counts, "{name}, by {size}");
            }
        }
    }
}

// ---- damage ----

#[test]
fn damage_is_stepped_over_and_counted() {
    let usual = Pcap::USUAL;
    let front = pcap(&usual, 9);
    let check = |what: &str, middle: &[u8], from: u32, expect: &[u32], lost: u64| {
        let file = [&front[..], middle, &records(&usual, from, 30)].concat();
        let parsed = parse([&file[..]]);
        let seconds: Vec<u32> = parsed
            .records
            .iter()
            .map(|record| u32::try_from(record.ns / 1_000_000_000).expect("a second") - START)
            .collect();
        assert_eq!(seconds, expect, "{what}: {:?}", parsed.notes);
        assert_eq!(parsed.lost(), [(LossKind::Damaged, lost)], "{what}");
        assert_eq!(parsed.kinds(), [NoteKind::Damaged], "{what}");
        assert_eq!(parsed.notes[0].offset, Some(front.len() as u64), "{what}");
        let (first, last) = parsed.losses[0].when.expect("records around it");
        assert_eq!(first.floor_seconds(), i64::from(START) + 8, "{what}");
        assert_eq!(last.floor_seconds(), i64::from(START + from), "{what}");
    };
    let all: Vec<u32> = (0..30).collect();
    check("garbage", &[0xee; 333], 9, &all, 333);
    check("zeros", &[0; 4_096], 9, &all, 4_096);
    let without = |gone: u32| (0..30).filter(|index| *index != gone).collect::<Vec<_>>();
    let mut record = records(&usual, 9, 10);
    record[8..12].copy_from_slice(&0x4000_0000u32.to_le_bytes());
    check("length far too large", &record, 10, &without(9), record.len() as u64);
    let mut record = records(&usual, 9, 10);
    record[8..12].copy_from_slice(&300u32.to_le_bytes());
    record[12..16].copy_from_slice(&300u32.to_le_bytes());
    check("length too large", &record, 10, &without(9), record.len() as u64);
    let mut record = records(&usual, 9, 10);
    record.truncate(record.len() - 10);
    check("bytes missing", &record, 10, &without(9), record.len() as u64);
}

#[test]
fn a_clock_that_was_set_is_no_damage() {
    let usual = Pcap::USUAL;
    let mut file = pcap(&usual, 5);
    file.extend(usual.record(START + 900_000_000, 0, 4, b"late"));
    file.extend(usual.record(5, 0, 4, b"early"[..4].as_ref()));
    let parsed = parse([&file[..]]);
    assert_eq!((parsed.records.len(), parsed.notes.len()), (7, 0));
}

#[test]
fn damaged_blocks_are_stepped_over_and_counted() {
    let little = Ng(false);
    let block_of =
        |index: u64| little.enhanced(0, 1_000_000 * index, 9, format!("packet {index}").as_bytes());
    let front = [little.section(), little.interface(1, 0, &[]), block_of(1)].concat();
    let check = |what: &str, middle: &[u8], records: usize, kinds: &[NoteKind], lost: &[u64]| {
        let file = [&front[..], middle, &block_of(7), &block_of(8)].concat();
        let parsed = parse([&file[..]]);
        assert_eq!(parsed.records.len(), records, "{what}: {:?}", parsed.notes);
        assert_eq!(parsed.kinds(), kinds, "{what}");
        let bytes: Vec<u64> = parsed.losses.iter().map(|loss| loss.bytes).collect();
        assert_eq!(bytes, lost, "{what}");
        assert!(parse(file.chunks(5)) == parsed, "{what} in pieces");
    };
    let damaged = [NoteKind::Damaged];
    check("garbage", &[0xee; 101], 3, &damaged, &[101]);
    let mut trailing = block_of(2);
    let length = trailing.len();
    trailing[length - 1] = 1;
    check("trailing length", &trailing, 4, &damaged, &[]);
    let mut leading = block_of(2);
    leading[5] = 0x70;
    check("leading length", &leading, 3, &damaged, &[leading.len() as u64]);
    check("unknown interface", &little.enhanced(4, 0, 1, b"x"), 3, &damaged, &[36]);
    let mut short = block_of(2);
    short[20] = 0xff;
    check("captured length", &short, 3, &damaged, &[short.len() as u64]);
    check("unknown type", &block(0x1234, b"abc", false), 3, &[NoteKind::Unsupported], &[]);
}

#[test]
fn a_cut_tail_is_counted() {
    let file = pcap(&Pcap::USUAL, 9);
    let whole = parse([&file[..]]);
    let last = whole.records[8].offset as usize;
    for length in last + 1..file.len() {
        let parsed = parse([&file[..length]]);
        assert_eq!(parsed.records, whole.records[..8], "cut at {length}");
        assert_eq!(parsed.lost(), [(LossKind::CutTail, (length - last) as u64)], "cut at {length}");
        assert_eq!(parsed.notes[0].offset, Some(last as u64), "cut at {length}");
    }
    for (bytes, kind) in
        [(&b""[..], NoteKind::Cut), (&file[..23], NoteKind::Cut), (b"text", NoteKind::NotACapture)]
    {
        let parsed = parse([bytes]);
        assert_eq!((parsed.format, parsed.kinds()), (None, vec![kind]));
        assert_eq!(parsed.losses.len(), usize::from(kind == NoteKind::Cut));
    }
}

// ---- laws ----

#[test]
fn pieces_of_any_fixed_size_give_the_same() {
    for (what, file) in samples() {
        let whole = parse([&file[..]]);
        for size in [1, 2, 3, 15, 16, 17, 100, 4_099] {
            assert!(parse(file.chunks(size)) == whole, "{what} in pieces of {size}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn pieces_of_any_size_give_the_same(
        sample in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let samples = samples();
        let (what, file) = &samples[sample.index(samples.len())];
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(file.len() + 1)).collect();
        places.extend([0, file.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|pair| &file[pair[0]..pair[1]]);
        prop_assert!(parse(pieces) == parse([&file[..]]), "{}", what);
    }
}

#[test]
fn a_capture_cut_anywhere_gives_a_prefix() {
    for (what, file) in samples() {
        let whole = parse([&file[..]]);
        let step = (file.len() / 700).max(1);
        for length in (0..file.len()).step_by(step) {
            let part = parse([&file[..length]]);
            assert!(whole.records.starts_with(&part.records), "{what} cut at {length}");
        }
    }
}

/// A seeded generator, so that a failure can be repeated (xorshift64*).
struct Random(u64);

impl Random {
    /// Seeded by RESPOOL_SEED, to search further or to repeat.
    fn seeded() -> Self {
        let seed = std::env::var("RESPOOL_SEED").ok().and_then(|seed| seed.parse().ok());
        Self(seed.unwrap_or(0x5eed_u64).max(1))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

/// Parses a file range by range.
fn parse_ranges(file: &[u8], target: usize) -> Option<Vec<Owned>> {
    let (header, ranges) = split_ranges(file, target)?;
    let joints = ranges.windows(2).all(|pair| pair[0].bytes.end == pair[1].bytes.start);
    assert!(joints && ranges.last().is_some_and(|last| last.bytes.end == file.len()));
    let id = CaptureId::default();
    let one = |range: &respool::capture::CaptureRange| {
        let offset = range.bytes.start as u64;
        let parser = CaptureParser::resume_at(id, header, offset, range.first_index);
        finish(parser, [&file[range.bytes.clone()]]).records
    };
    Some(ranges.iter().flat_map(one).collect())
}

#[test]
fn flipped_bytes_never_panic_and_laws_still_hold() {
    let mut random = Random::seeded();
    for (what, file) in samples() {
        let rounds = if file.len() > 20_000 { 30 } else { 400 };
        for round in 0..rounds {
            let mut damaged = file.clone();
            if damaged.is_empty() {
                continue;
            }
            for _ in 0..=random.below(4) {
                let at = random.below(damaged.len());
                damaged[at] ^= 1 << random.below(8);
            }
            let place = format!("{what}, round {round}");
            let whole = parse([&damaged[..]]);
            let pieces = parse(damaged.chunks(1 + random.below(300)));
            assert!(whole == pieces, "{place}:\n{whole:?}\n{pieces:?}");
            if let Some(records) = parse_ranges(&damaged, random.below(900)) {
                assert!(records == whole.records, "{place} in ranges");
            }
        }
    }
}

#[test]
fn a_flipped_byte_loses_two_records_at_most() {
    let file = pcap(&Pcap::USUAL, 40);
    let whole = parse([&file[..]]);
    for at in 24..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x55;
        let parsed = parse([&damaged[..]]);
        let kept = whole.records.iter().filter(|record| {
            parsed
                .records
                .iter()
                .any(|other| (other.offset, &other.bytes) == (record.offset, &record.bytes))
        });
        let lost = whole.records.len() - kept.count();
        assert!(lost <= 2, "byte {at}: {lost} records lost, {:?}", parsed.notes);
        let extra = parsed.records.len() as i64 - whole.records.len() as i64;
        assert!((-2..=0).contains(&extra), "byte {at}: {extra}");
    }
}

#[test]
fn whole_slices_are_not_copied() {
    let file = pcap(&Pcap::USUAL, 200);
    let mut inside = 0;
    let range = file.as_ptr_range();
    let mut parser = CaptureParser::new(CaptureId::default());
    parser.push(&file, &mut |record| inside += usize::from(range.contains(&record.bytes.as_ptr())));
    assert_eq!(inside, 199, "all but the last, which waits for what follows it");
    assert_eq!(parser.finish(&mut |_| {}).records, 200);
}

#[test]
fn many_losses_are_added_up() {
    let usual = Pcap::USUAL;
    let mut file = usual.header();
    for index in 0..1_500 {
        file.extend(records(&usual, index * 7, index * 7 + 7));
        file.extend([0xee; 40]);
    }
    let parsed = parse([&file[..]]);
    assert_eq!(parsed.records.len(), 7 * 1_500);
    assert_eq!(parsed.losses.len(), 1_000);
    assert_eq!(parsed.losses.iter().map(|loss| loss.bytes).sum::<u64>(), 40 * 1_500);
}
