//! Every archive of the sniffer's spools holds the members and packets that its listing says.
//!
//! The listings were made by another program from the same files.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect"
)]

use respool::base::{CaptureId, FileId, Loss, LossKind, Note};
use respool::capture::{CaptureEnd, CaptureParser};
use respool::container::{ContainerSink, MemberNumber, StreamEnd, Unpacker};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn spools() -> Option<PathBuf> {
    let named = std::env::var_os("RESPOOL_CORPORA").map(PathBuf::from);
    let path = named
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"))
        .join("voipmonitor-spools");
    if path.is_dir() {
        return Some(path);
    }
    println!("no corpora at {}: nothing compared", path.display());
    None
}

/// A stream that came out of a file.
#[derive(Clone, Debug)]
struct Stream {
    name: String,
    end: StreamEnd,
    capture: CaptureEnd,
    bytes: u64,
}

#[derive(Default)]
struct Collector {
    open: BTreeMap<MemberNumber, (String, CaptureParser, u64)>,
    streams: BTreeMap<MemberNumber, Stream>,
    losses: Vec<Loss>,
}

impl ContainerSink for Collector {
    fn open(&mut self, member: MemberNumber, name: &[u8]) -> bool {
        let name = String::from_utf8(name.to_vec()).expect("the sniffer writes ASCII names");
        let parser = CaptureParser::new(CaptureId { file: FileId(0), member });
        assert!(self.open.insert(member, (name, parser, 0)).is_none(), "a number given twice");
        true
    }
    fn data(&mut self, member: MemberNumber, bytes: &[u8]) {
        let (_, parser, count) = self.open.get_mut(&member).expect("data of an open stream");
        parser.push(bytes, &mut |_| {});
        *count += bytes.len() as u64;
    }
    fn close(&mut self, member: MemberNumber, end: StreamEnd) {
        let (name, parser, bytes) = self.open.remove(&member).expect("closed once");
        let capture = parser.finish(&mut |_| {});
        let stream = Stream { name, end, capture, bytes };
        assert!(self.streams.insert(member, stream).is_none());
    }
    fn note(&mut self, _: Note) {}
    fn loss(&mut self, loss: Loss) {
        self.losses.push(loss);
    }
}

fn unpack(file: &Path, piece: usize) -> (Vec<Stream>, Vec<Loss>) {
    let bytes = std::fs::read(file).expect("a listed file");
    let mut collector = Collector::default();
    let mut unpacker = Unpacker::new(FileId(0));
    for part in bytes.chunks(piece.max(1)) {
        unpacker.push(part, &mut collector);
    }
    unpacker.finish(&mut collector);
    assert!(collector.open.is_empty(), "a stream was left open");
    (collector.streams.into_values().collect(), collector.losses)
}

/// What a listing says about the entries of one name.
#[derive(Debug)]
struct Listed {
    name: String,
    pieces: usize,
    bare: usize,
    codec: String,
    packets: Option<u64>,
    leftover: Option<u64>,
}

/// A file of a listing and its entries.
struct ListedFile {
    path: String,
    entries: Vec<Listed>,
}

fn number_after(line: &str, key: &str) -> Option<u64> {
    let rest = &line[line.find(key)? + key.len()..];
    let digits = rest.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

fn parse_entry(line: &str, name: &str) -> Listed {
    let parts = line.split("parts=[").nth(1).and_then(|rest| rest.split(")]").next());
    let count = |needle: &str| parts.map_or(0, |parts| parts.matches(needle).count());
    let codec = line.split("inner=").nth(1).unwrap_or("").chars();
    let codec = codec.take_while(char::is_ascii_alphabetic).collect();
    Listed {
        name: name.to_owned(),
        pieces: count("'#"),
        bare: count("''"),
        codec,
        packets: number_after(line, " pkts="),
        leftover: number_after(line, " leftover="),
    }
}

fn parse_listing(text: &str) -> Vec<ListedFile> {
    let mut files: Vec<ListedFile> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("== ") {
            let (path, _) = rest.rsplit_once(" bytes kind=").expect("a header");
            let (path, _) = path.rsplit_once(' ').expect("a size");
            files.push(ListedFile { path: path.to_owned(), entries: Vec::new() });
        } else if let Some((name, _)) = line.split_once("  parts=[") {
            let entry = parse_entry(line, name.trim_start());
            files.last_mut().expect("a file").entries.push(entry);
        } else if line.contains(" pkts=") {
            let entry = parse_entry(line, "");
            files.last_mut().expect("a file").entries.push(entry);
        }
    }
    files
}

/// Streams that a listed name makes: one per bare entry, one more when only pieces are there.
fn expected_streams(listed: &Listed) -> usize {
    if listed.name.is_empty() { 1 } else { listed.bare.max(usize::from(listed.pieces > 0)) }
}

fn compare(path: &Path, listed: &ListedFile, packets_seen: &mut BTreeMap<String, u64>) {
    for piece in [usize::MAX, 777] {
        let (streams, losses) = unpack(path, piece);
        let place = format!("{} in pieces of {piece}", path.display());
        if listed.entries.is_empty() {
            let empty = std::fs::metadata(path).expect("a file").len() == 0;
            assert!(streams.len() <= 1, "{place}: {} streams", streams.len());
            assert_eq!(empty, losses.iter().any(|loss| loss.kind == LossKind::CutTail), "{place}");
            continue;
        }
        let total: usize = listed.entries.iter().map(expected_streams).sum();
        assert_eq!(streams.len(), total, "{place}");
        let mut order: Vec<&str> = Vec::new();
        for stream in &streams {
            if !order.contains(&stream.name.as_str()) {
                order.push(&stream.name);
            }
        }
        let names: Vec<&str> = listed.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(order, names, "{place}");
        for entry in &listed.entries {
            let same: Vec<&Stream> =
                streams.iter().filter(|stream| stream.name == entry.name).collect();
            compare_entry(entry, &same, &place, packets_seen);
        }
    }
}

fn compare_entry(
    entry: &Listed,
    streams: &[&Stream],
    place: &str,
    packets_seen: &mut BTreeMap<String, u64>,
) {
    let place = format!("{place}: {}", entry.name);
    assert_eq!(streams.len(), expected_streams(entry), "{place}");
    if entry.name.ends_with(".graph") || (entry.codec == "raw" && entry.packets.is_some()) {
        assert!(streams.iter().all(|stream| stream.capture.format.is_none()), "{place}");
        return;
    }
    for stream in streams {
        let records = stream.capture.records;
        *packets_seen.entry(format!("{place} {}", streams.len())).or_default() += records;
        if entry.bare > 0 && entry.packets.is_some() {
            assert_eq!(stream.end, StreamEnd::Complete, "{place}");
            assert!(stream.capture.losses.is_empty(), "{place}: {:?}", stream.capture.losses);
        }
        match (entry.codec.as_str(), entry.packets, streams.len()) {
            // The listing did not decode snappy; the other variants hold the same calls.
            ("SNA", _, _) => assert!(records >= 2, "{place}"),
            (_, Some(packets), 1) => {
                assert_eq!(records, packets, "{place}");
                let cut = entry.leftover.unwrap_or(0);
                let lost: u64 = stream.capture.losses.iter().map(|loss| loss.bytes).sum();
                assert_eq!(lost, cut, "{place}");
            }
            // Calls of one escaped name: the listing ran them into one.
            (_, _, 2..) => assert!(matches!(records, 7 | 496 | 372), "{place}: {records}"),
            (_, None, _) => assert_eq!((records, stream.bytes), (0, 0), "{place}"),
            other => panic!("{place}: {other:?}"),
        }
    }
}

#[test]
fn archives_hold_what_their_listings_say() {
    let Some(spools) = spools() else { return };
    let mut variants = 0;
    let mut files = 0;
    for variant in std::fs::read_dir(&spools).expect("the corpus").flatten() {
        let listing = variant.path().join("LISTING.txt");
        let Ok(text) = std::fs::read_to_string(&listing) else { continue };
        variants += 1;
        let mut packets_seen = BTreeMap::new();
        for listed in parse_listing(&text) {
            compare(&variant.path().join("spool").join(&listed.path), &listed, &mut packets_seen);
            files += 1;
        }
        println!(
            "{}: {} packets",
            variant.path().display(),
            packets_seen.values().sum::<u64>() / 2
        );
    }
    assert!(variants >= 22 && files > 300, "{variants} variants, {files} files");
}

#[test]
fn the_capture_that_the_spools_were_made_of_is_whole() {
    let Some(spools) = spools() else { return };
    let (streams, losses) = unpack(&spools.join("zoo.pcap.zst"), 100_000);
    let [stream] = &streams[..] else { panic!("{} streams", streams.len()) };
    // Counted with capinfos 4.0.17.
    assert_eq!((stream.capture.records, stream.end), (101_596, StreamEnd::Complete));
    assert_eq!((stream.name.as_str(), losses.len(), stream.capture.losses.len()), ("", 0, 0));
}

/// Packets of each SIP and RTP stream of a spool, by archive and name.
fn packets_by_name(spool: &Path) -> BTreeMap<String, Vec<u64>> {
    let mut packets = BTreeMap::<String, Vec<u64>>::new();
    let mut todo = vec![spool.to_path_buf()];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a directory");
            todo.extend(entries.flatten().map(|entry| entry.path()));
            continue;
        }
        let directory = path.parent().expect("a parent").strip_prefix(spool).expect("inside");
        if directory.ends_with("GRAPH") {
            continue;
        }
        for stream in unpack(&path, usize::MAX).0 {
            let key = format!("{} {}", directory.display(), stream.name);
            packets.entry(key).or_default().push(stream.capture.records);
        }
    }
    packets.values_mut().for_each(|list| list.sort_unstable());
    packets
}

#[test]
fn every_entry_codec_gives_the_packets_of_the_plain_spool() {
    let Some(spools) = spools() else { return };
    // Snappy is what the listings lack.
    let plain = packets_by_name(&spools.join("tar-sip-none/spool"));
    assert!(plain.len() > 100);
    for variant in [
        "default",
        "tar-sip-gzip",
        "tar-entry-gzip",
        "tar-entry-zstd",
        "tar-entry-lzo",
        "tar-entry-lz4",
        "tar-entry-snappy",
    ] {
        let other = packets_by_name(&spools.join(variant).join("spool"));
        let differing: Vec<_> = plain
            .iter()
            .filter(|(name, packets)| other.get(*name) != Some(packets))
            // How often the sniffer cuts a reused Call-ID depends on its wall clock (run section 2).
            .filter(|(name, _)| !name.contains("reused@"))
            .map(|(name, packets)| (name, packets, other.get(name)))
            .collect();
        assert!(differing.is_empty(), "{variant}: {differing:?}");
    }
}
