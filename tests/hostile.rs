//! Every case of the corpus cut at every byte and with flipped bytes: no panic, no hang, bounded
//! memory, and what is missing is said with its place.
//!
//! `RESPOOL_HOSTILE=full` takes every file, every cut and many more flips; the usual run takes a few
//! files of each case and samples what is larger than a single call.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it compared"
)]

#[path = "common/conservation.rs"]
mod conservation;

use conservation::violations;
use respool::base::{CaptureId, FileId, Loss, Note};
use respool::capture::{CaptureEnd, CaptureParser};
use respool::container::{ContainerSink, MemberNumber, StreamEnd, Unpacker};
use respool::packet::Dissector;
use respool::run::{ReconstructOptions, reconstruct};
use respool::sip;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Files of a case in the usual run: its spool's files are all of one kind.
const FILES_PER_CASE: usize = 2;
/// Cuts and flips of one file in the usual run.
const CUTS_PER_FILE: usize = 1_500;
const FLIPS_PER_FILE: usize = 150;
/// ... of which this many go through the whole run.
const RUNS_PER_FILE: usize = 4;
/// One reading of a file of some kilobytes that takes so long hangs.
const HANG: Duration = Duration::from_secs(10);
/// What the test may hold at its peak.
const MEMORY_KIB_MAX: u64 = 1 << 20;

fn is_full() -> bool {
    std::env::var("RESPOOL_HOSTILE").is_ok_and(|value| value == "full")
}

/// A record by when it was and what it held.
type Seen = (i64, Vec<u8>);

/// What came out of a file.
#[derive(Default)]
struct Reading {
    parsers: BTreeMap<MemberNumber, (CaptureParser, Option<Dissector>)>,
    records: BTreeSet<Seen>,
    /// Starts of records in the file itself, and its end.
    boundaries: BTreeSet<u64>,
    notes: Vec<Note>,
    losses: Vec<Loss>,
    messages: usize,
    residue_bytes: usize,
}

impl Reading {
    fn of(file: &[u8]) -> Self {
        let begun = Instant::now();
        let mut reading = Self::default();
        let mut unpacker = Unpacker::new(FileId(0));
        unpacker.push(file, &mut reading);
        unpacker.finish(&mut reading);
        assert!(reading.parsers.is_empty(), "a stream was not closed");
        assert!(begun.elapsed() < HANG, "{:?} for {} bytes", begun.elapsed(), file.len());
        reading
    }

    fn ended(&mut self, member: MemberNumber, end: CaptureEnd) {
        if member == 0 && end.format.is_some() {
            self.boundaries.insert(24);
        }
        self.notes.extend(end.notes.kept().cloned());
        self.losses.extend(end.losses);
    }

    /// Offsets at which it says that something is missing or wrong.
    fn places(&self) -> Vec<u64> {
        self.notes.iter().filter_map(|note| note.offset).collect()
    }
}

impl ContainerSink for Reading {
    fn open(&mut self, member: MemberNumber, _: &[u8]) -> bool {
        let id = CaptureId { file: FileId(0), member };
        self.parsers.insert(member, (CaptureParser::new(id), Some(Dissector::new(id))));
        true
    }

    fn data(&mut self, member: MemberNumber, bytes: &[u8]) {
        let Some((parser, Some(dissector))) = self.parsers.get_mut(&member) else { return };
        let (records, boundaries) = (&mut self.records, &mut self.boundaries);
        let messages = &mut self.messages;
        parser.push(bytes, &mut |record| {
            records.insert((record.time.ns(), record.bytes.to_vec()));
            boundaries.insert(record.offset);
            dissector.record(&record, &mut |datagram| {
                *messages += usize::from(
                    sip::looks_like_sip(datagram.payload) && sip::scan(datagram.payload).is_some(),
                );
            });
        });
    }

    fn close(&mut self, member: MemberNumber, _: StreamEnd) {
        let Some((parser, dissector)) = self.parsers.remove(&member) else { return };
        let records = &mut self.records;
        let boundaries = &mut self.boundaries;
        let mut dissector = dissector.unwrap();
        let end = parser.finish(&mut |record| {
            records.insert((record.time.ns(), record.bytes.to_vec()));
            boundaries.insert(record.offset);
            dissector.record(&record, &mut |_| {});
        });
        self.ended(member, end);
        let dissected = dissector.finish();
        self.notes.extend(dissected.notes.kept().cloned());
        self.losses.extend(dissected.losses);
        self.residue_bytes += dissected.residue.payload_bytes();
    }

    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    fn loss(&mut self, loss: Loss) {
        self.losses.push(loss);
    }
}

/// A generator of the SplitMix64 family with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).unwrap()
    }
}

/// Cuts in rising order: all, or a sample.
fn cuts(length: usize, random: &mut Random) -> Vec<usize> {
    if is_full() && length <= 100_000 || length <= CUTS_PER_FILE {
        return (0..length).collect();
    }
    let mut cuts: Vec<usize> = (0..CUTS_PER_FILE).map(|_| random.below(length)).collect();
    cuts.extend([0, 1, length - 1]);
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// The files of a case with their paths inside its input.
fn files(input: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let listing = respool::spool::walk(&[input.to_owned()], &Default::default()).unwrap();
    let mut paths: Vec<PathBuf> = listing.files.into_iter().map(|file| file.path).collect();
    if !is_full() {
        paths.truncate(FILES_PER_CASE);
    }
    let input = std::fs::canonicalize(input).unwrap();
    let inside = |path: &Path| path.strip_prefix(&input).unwrap().to_owned();
    paths.iter().map(|path| (inside(path), std::fs::read(path).unwrap())).collect()
}

fn cases() -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let entries = std::fs::read_dir(corpus).unwrap();
    let inputs = entries.map(|entry| entry.unwrap().path().join("input"));
    let mut inputs: Vec<PathBuf> = inputs.filter(|path| path.is_dir()).collect();
    inputs.sort();
    assert!(inputs.len() >= 30, "{} cases", inputs.len());
    inputs
}

/// A cut file gives only what the whole gives, and says where it ends unless nothing is missing or it
/// ends where a record of a plain capture does, which nobody can tell from a capture that ends there.
fn check_cut(name: &Path, whole: &Reading, bytes: &[u8], cut: usize) {
    let reading = Reading::of(&bytes[..cut]);
    assert!(reading.records.is_subset(&whole.records), "{} at {cut}", name.display());
    let is_plain = bytes.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1])
        || bytes.starts_with(&[0x4d, 0x3c, 0xb2, 0xa1]);
    let at_boundary = is_plain && whole.boundaries.contains(&(cut as u64));
    if reading.records.len() < whole.records.len() && !at_boundary {
        let places = reading.places();
        assert!(!places.is_empty(), "{} cut at {cut} says nothing", name.display());
        if is_plain {
            let last = places.iter().max().copied();
            let record = whole.boundaries.range(..=cut as u64).next_back().copied();
            assert_eq!(last, record.or(Some(0)), "{} at {cut}: {places:?}", name.display());
            assert!(!reading.losses.is_empty(), "{} cut at {cut} loses nothing", name.display());
        }
    }
}

#[test]
fn cut_at_every_byte() {
    let (mut random, mut count) = (Random(1), 0);
    for input in cases() {
        for (name, bytes) in files(&input) {
            let name = input.join(name);
            let whole = Reading::of(&bytes);
            for cut in cuts(bytes.len(), &mut random) {
                check_cut(&name, &whole, &bytes, cut);
                count += 1;
            }
        }
    }
    bounded_memory();
    println!("{count} cuts");
}

#[test]
fn flipped_bytes() {
    let (mut random, mut count, mut noticed) = (Random(2), 0, 0);
    for input in cases() {
        for (_, bytes) in files(&input) {
            let flips = if is_full() { bytes.len() * 3 } else { FLIPS_PER_FILE };
            let whole = Reading::of(&bytes);
            for _ in 0..flips {
                let mut flipped = bytes.clone();
                let at = random.below(flipped.len());
                flipped[at] ^= u8::try_from(1 + random.below(255)).unwrap();
                let reading = Reading::of(&flipped);
                assert!(reading.residue_bytes <= bytes.len() * 8);
                // A plain capture never gives more bytes than it has, whatever its lengths say.
                let given: usize = reading.records.iter().map(|(_, bytes)| bytes.len()).sum();
                assert!(bytes.starts_with(&[0x28, 0xb5]) || given <= bytes.len());
                noticed += usize::from(reading.notes.len() > whole.notes.len());
                count += 1;
            }
        }
    }
    bounded_memory();
    assert!(noticed > count / 100, "{noticed} of {count} flips were noticed");
    println!("{count} flips, {noticed} noticed");
}

/// Through the whole run: the ledger still balances, and cut files still reach the losses.
#[test]
fn through_the_whole_run() {
    let (mut random, mut count) = (Random(3), 0);
    let options = ReconstructOptions { threads: 1, ..ReconstructOptions::default() };
    for input in cases() {
        for (name, bytes) in files(&input) {
            let scratch = tempfile::tempdir().unwrap();
            let path = scratch.path().join(&name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            for round in 0..RUNS_PER_FILE {
                let mut hostile = bytes.clone();
                if round % 2 == 0 {
                    hostile.truncate(random.below(bytes.len()));
                } else {
                    let at = random.below(hostile.len());
                    hostile[at] ^= 0x55;
                }
                std::fs::write(&path, &hostile).unwrap();
                let found = reconstruct(&[scratch.path().to_owned()], &options).unwrap();
                let broken = violations(&found);
                assert!(broken.is_empty(), "{}: {broken:?}", name.display());
                let is_cut = Reading::of(&hostile).losses.len();
                assert!(found.losses.len() >= is_cut, "{}: losses got lost", name.display());
                for loss in &found.losses {
                    assert!(loss.when.is_some() || found.spans.is_empty(), "{loss:?}");
                }
                count += 1;
            }
        }
    }
    println!("{count} runs");
}

/// Where the system tells it, the peak of this process.
fn bounded_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    assert!(kib.unwrap_or(0) < MEMORY_KIB_MAX, "{kib:?} KiB at the peak");
}
