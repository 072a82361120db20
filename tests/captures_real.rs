//! Every real capture of the corpora gives exactly as many records as tshark found packets.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect"
)]

use respool::base::{CaptureId, FileId, Loss, Note};
use respool::capture::{CaptureParser, split_ranges};
use respool::container::{ContainerSink, MemberNumber, StreamEnd, Unpacker};
use std::path::{Path, PathBuf};

/// Files whose count differs: our count, and the cause.
const EXCEPTIONS: &[(&str, u64, &str)] = &[(
    "aboutsip+pkts/pkts-core__src__test__resources__io__pkts__cool.pcap",
    0,
    "other byte order and lengths 14 too large in every record: tshark gives up, too",
)];

fn corpora() -> Option<PathBuf> {
    let named = std::env::var_os("RESPOOL_CORPORA").map(PathBuf::from);
    let path = named
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"))
        .join("real");
    if path.is_dir() {
        return Some(path);
    }
    println!("no corpora at {}: nothing compared", path.display());
    None
}

/// Counts the records of the single stream that a file is.
struct Counter {
    parser: Option<CaptureParser>,
    records: u64,
    troubles: Vec<String>,
}

impl Counter {
    fn count(file: &[u8], piece: usize) -> Self {
        let parser = Some(CaptureParser::new(CaptureId::default()));
        let mut counter = Self { parser, records: 0, troubles: Vec::new() };
        let mut unpacker = Unpacker::new(FileId(0));
        for bytes in file.chunks(piece) {
            unpacker.push(bytes, &mut counter);
        }
        unpacker.finish(&mut counter);
        counter
    }
}

impl ContainerSink for Counter {
    fn open(&mut self, member: MemberNumber, _: &[u8]) -> bool {
        assert_eq!(member, 0);
        true
    }
    fn data(&mut self, _: MemberNumber, bytes: &[u8]) {
        let records = &mut self.records;
        let parser = self.parser.as_mut().expect("the stream is open");
        parser.push(bytes, &mut |record| {
            *records += 1;
            assert_eq!(u64::from(record.index), *records);
        });
    }
    fn close(&mut self, _: MemberNumber, end: StreamEnd) {
        assert_eq!(end, StreamEnd::Complete);
        let records = &mut self.records;
        let parser = self.parser.take().expect("closed once");
        let ended = parser.finish(&mut |_| *records += 1);
        assert_eq!(ended.records, *records);
        let notes = ended.notes.kept().map(|note| note.detail.clone());
        self.troubles.extend(notes.chain(ended.losses.into_iter().map(|loss| loss.detail)));
    }
    fn note(&mut self, note: Note) {
        self.troubles.push(note.detail);
    }
    fn loss(&mut self, loss: Loss) {
        self.troubles.push(loss.detail);
    }
}

#[test]
fn records_equal_tshark_packets() {
    let Some(real) = corpora() else { return };
    let truth = std::fs::read_to_string(real.join("truth.tsv")).expect("the truth table");
    let mut compared = 0;
    for row in truth.lines().skip(1) {
        let mut fields = row.split('\t');
        let (Some(name), Some(packets)) = (fields.next(), fields.next()) else {
            panic!("row {row}");
        };
        let file = std::fs::read(real.join(name)).expect("a file of the table");
        let whole = Counter::count(&file, file.len());
        if let Some((_, ours, cause)) = EXCEPTIONS.iter().find(|(other, ..)| *other == name) {
            assert_eq!(whole.records, *ours, "{name}: {cause}");
            continue;
        }
        let packets: u64 = packets.parse().expect("a count");
        assert_eq!(whole.records, packets, "{name}: {:?}", whole.troubles);
        let in_pieces = Counter::count(&file, 1_000);
        assert_eq!(in_pieces.records, packets, "{name} in pieces");
        assert_eq!(in_pieces.troubles, whole.troubles, "{name} in pieces");
        if !whole.troubles.is_empty() {
            println!("{name}: {:?}", whole.troubles);
        }
        compared += 1;
    }
    assert!(compared >= 80, "only {compared} files compared");
}

#[test]
fn ranges_give_the_records_of_the_whole() {
    let Some(real) = corpora() else { return };
    let mut split = 0;
    for entry in std::fs::read_to_string(real.join("truth.tsv")).expect("truth").lines().skip(1) {
        let name = entry.split('\t').next().expect("a name");
        let file = std::fs::read(real.join(name)).expect("a file of the table");
        let Some((header, ranges)) = split_ranges(&file, 10_000) else { continue };
        let mut whole = Vec::new();
        let mut keep = |record: respool::capture::Record<'_>| {
            whole.push((record.index, record.offset, record.time, record.bytes.to_vec()));
        };
        let mut parser = CaptureParser::new(CaptureId::default());
        parser.push(&file, &mut keep);
        parser.finish(&mut keep);
        let mut parts = Vec::new();
        for range in &ranges {
            let mut keep = |record: respool::capture::Record<'_>| {
                parts.push((record.index, record.offset, record.time, record.bytes.to_vec()));
            };
            let offset = range.bytes.start as u64;
            let id = CaptureId::default();
            let mut parser = CaptureParser::resume_at(id, header, offset, range.first_index);
            parser.push(&file[range.bytes.clone()], &mut keep);
            parser.finish(&mut keep);
        }
        assert!(whole == parts, "{name}: {} ranges", ranges.len());
        split += usize::from(ranges.len() > 1);
    }
    assert!(split > 10, "only {split} captures were split");
}
