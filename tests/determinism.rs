//! The output is a function of the set of records: not of threads, of the order in which directories
//! list their files, nor of how the records lie in captures.
//!
//! Compared are the JSON of `check` outside its object `input`, and the rows of the database but for
//! those that tell where records lie: the tables `captures`, `notes`, `note_counts` and `ledger`, the
//! arguments in `runs`, and the references to records in `evidence` and to files in `losses`. Where
//! only threads or the order of directories differ, every byte is compared.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it compared"
)]

#[path = "determinism/captures.rs"]
mod captures;
mod common;

use captures::{
    Format, Packet, coarse, fragmented, in_time_order, read, segmented, shuffled, written,
};
use respool::synth::Random;
use rusqlite::types::ValueRef;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Tables that tell where records lie.
const OF_FILES: [&str; 4] = ["captures", "notes", "note_counts", "ledger"];
/// Columns that do; so do all that name a record.
const COLUMNS_OF_FILES: [(&str, &str); 2] = [("runs", "arguments"), ("losses", "file")];

fn program(words: &[&str], directory: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_respool"))
        .args(words)
        .current_dir(directory)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(error, "", "{words:?}");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// What a run gave.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Output {
    json: String,
    /// Rows by table or view, each `column=value` of all columns.
    rows: BTreeMap<String, Vec<Vec<(String, String)>>>,
}

impl Output {
    /// Runs `check` in a directory.
    fn of(directory: &Path, roots: &[&str], more: &[&str]) -> Self {
        let scratch = TempDir::new().unwrap();
        let database = scratch.path().join("result.db");
        let common = ["--json", "--quiet", "--db", database.to_str().unwrap()];
        let limit = if more.contains(&"--limit") { &[][..] } else { &["--limit", "2"][..] };
        let words = [&["check"], roots, limit, &common, more].concat();
        let (code, json) = program(&words, directory);
        assert!(matches!(code, Some(0 | 1 | 3)), "{words:?} ended with {code:?}");
        Self { json, rows: rows_of(&database) }
    }

    /// What is a function of the set of records alone.
    fn of_records(&self) -> Self {
        let (outside, _) = self.json.split_once("\n  \"input\": {").unwrap();
        let keeps = |table: &str, column: &str| {
            !COLUMNS_OF_FILES.contains(&(table, column))
                && column != "record"
                && !column.ends_with("_record")
        };
        let mut rows = self.rows.clone();
        rows.retain(|table, _| !OF_FILES.contains(&table.as_str()));
        for (table, rows) in &mut rows {
            rows.iter_mut().for_each(|row| row.retain(|(column, _)| keeps(table, column)));
            if table == "losses" {
                rows.sort();
            }
        }
        Self { json: outside.to_owned(), rows }
    }

    #[track_caller]
    fn assert_equal(&self, other: &Self, what: &str) {
        if self == other {
            return;
        }
        for (left, right) in self.json.lines().zip(other.json.lines()) {
            assert_eq!(left, right, "{what}: JSON");
        }
        assert_eq!(self.json.len(), other.json.len(), "{what}: JSON");
        for (table, rows) in &self.rows {
            let others = &other.rows[table];
            for (row, other) in rows.iter().zip(others) {
                assert_eq!(row, other, "{what}: {table}");
            }
            assert_eq!(rows.len(), others.len(), "{what}: rows of {table}");
        }
        panic!("{what}: tables differ");
    }
}

fn rows_of(database: &Path) -> BTreeMap<String, Vec<Vec<(String, String)>>> {
    let database = rusqlite::Connection::open(database).unwrap();
    let mut names =
        database.prepare("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").unwrap();
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(names.len() > 10, "{names:?}");
    let rows = |name: &String| {
        let mut statement = database.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut found = Vec::new();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let value = |at: usize| match row.get_ref(at).unwrap() {
                ValueRef::Null => "NULL".to_owned(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            };
            let named = |(at, column): (usize, &String)| (column.clone(), value(at));
            found.push(columns.iter().enumerate().map(named).collect());
        }
        found
    };
    names.iter().map(|name| (name.clone(), rows(name))).collect()
}

/// A directory with a spool of these captures.
fn spool_of(captures: &[(String, Vec<u8>)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("spool")).unwrap();
    for (name, bytes) in captures {
        fs::write(directory.path().join("spool").join(name), bytes).unwrap();
    }
    directory
}

fn output_of(captures: &[(String, Vec<u8>)]) -> Output {
    Output::of(spool_of(captures).path(), &["spool"], &[]).of_records()
}

fn capture(name: &str, packets: &[Packet], format: Format) -> (String, Vec<u8>) {
    (name.to_owned(), written(packets, format))
}

/// Everything that the law says of a list of packets; `cuts`: how many places to split at, all of
/// them when it is larger than there are.
#[track_caller]
fn check_packets(what: &str, packets: &[Packet], cuts: usize, expect_legs: usize) {
    let whole = output_of(&[capture("whole.pcap", packets, Format::Pcap)]);
    assert!(whole.rows["legs"].len() >= expect_legs, "{what}: {} legs", whole.rows["legs"].len());
    let check = |captures: &[(String, Vec<u8>)], how: String| {
        output_of(captures).assert_equal(&whole, &format!("{what}, {how}"));
    };
    check(&[capture("whole.pcapng", packets, Format::PcapNg)], "as pcapng".to_owned());
    // Split: the first piece is now the first, now the last by name, the formats take turns.
    let step = packets.len().div_ceil(cuts).max(1);
    for (turn, cut) in (1..packets.len()).step_by(step).enumerate() {
        let (first, second) = packets.split_at(cut);
        let names = if turn % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
        let formats = if turn % 3 == 0 {
            [Format::PcapNg, Format::Pcap]
        } else {
            [Format::Pcap, Format::PcapNg]
        };
        let pieces = [capture(names[0], first, formats[0]), capture(names[1], second, formats[1])];
        check(&pieces, format!("split before record {}", cut + 1));
    }
    for seed in 0..3 {
        let mut random = Random::new(seed, &[7]);
        let mut dealt: Vec<Vec<Packet>> = vec![Vec::new(); 4];
        packets.iter().for_each(|packet| dealt[random.next() as usize % 4].push(packet.clone()));
        let pieces: Vec<(String, Vec<u8>)> = dealt
            .iter()
            .enumerate()
            .map(|(at, piece)| capture(&format!("{at}.pcap"), piece, Format::Pcap))
            .collect();
        check(&pieces, format!("dealt to four captures, seed {seed}"));
    }
    // Joined out of order: reversed halves, reversed, shuffled.
    let (first, second) = packets.split_at(packets.len() / 2);
    let halves = [second, first].concat();
    let reversed: Vec<Packet> = packets.iter().rev().cloned().collect();
    for (order, how) in [
        (halves, "halves in reverse"),
        (reversed, "in reverse"),
        (shuffled(packets, 5), "shuffled"),
        (in_time_order(shuffled(packets, 6)), "in the order of time"),
    ] {
        check(&[capture("joined.pcap", &order, Format::Pcap)], format!("one capture, {how}"));
    }
    let twice = [packets, packets].concat();
    check(&[capture("twice.pcap", &twice, Format::Pcap)], "each record twice".to_owned());
    let same = [
        capture("one.pcap", packets, Format::Pcap),
        capture("two.pcap", packets, Format::Pcap),
        capture("three.pcapng", packets, Format::PcapNg),
    ];
    check(&same, "given under three names".to_owned());
    let directory = spool_of(&same[..1]);
    let roots = Output::of(directory.path(), &["spool", "spool", "spool/one.pcap"], &[]);
    roots.of_records().assert_equal(&whole, &format!("{what}, the same root twice"));
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The packets of a case of our corpus, in the order of its files.
fn case(name: &str) -> Vec<Packet> {
    let input = corpus().join(name).join("input");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(input).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| read(path)).collect()
}

/// Between the parts of one packet.
const APART_NS: i64 = 40_000;

const CASES_MIXED: [&str; 3] = ["b2bua-x-call-id", "tcp-and-nanoseconds", "fork-two-answers"];

/// B2BUA legs in fragments, TCP in small segments, a fork, media: small enough for every record.
fn mixed() -> Vec<Packet> {
    let whole = CASES_MIXED.map(case).concat();
    segmented(&fragmented(&in_time_order(whole), 300, APART_NS), 120, APART_NS)
}

#[test]
fn split_at_any_record_joined_or_given_twice() {
    let packets = mixed();
    let whole = CASES_MIXED.map(case).concat();
    let (before, after) = (whole.len(), packets.len());
    assert!(before + 20 < after && after < 200, "{before} packets in {after} parts");
    check_packets("mixed", &packets, usize::MAX, 4);
}

/// The legs, and all that follows from them, of packets that are whole and of the same packets in
/// fragments and segments of any size, in any order, over one capture or two.
#[test]
fn fragments_and_segments_of_any_size_give_the_legs_of_the_whole() {
    let whole = in_time_order(CASES_MIXED.map(case).concat());
    let expected = output_of(&[capture("whole.pcap", &whole, Format::Pcap)]);
    assert!(expected.rows["legs"].len() >= 4);
    let mut random = Random::new(11, &[]);
    for round in 0..40 {
        // The parts of a packet at its own moment: else its messages would be complete later.
        let (fragment, segment) = (8 + random.next() % 700, 1 + random.next() % 500);
        let parts = segmented(&fragmented(&whole, fragment as usize, 0), segment as usize, 0);
        assert!(parts.len() > whole.len(), "{fragment} {segment}");
        let parts = shuffled(&parts, round);
        let (first, second) = parts.split_at(random.next() as usize % parts.len());
        let captures =
            [capture("a.pcap", first, Format::Pcap), capture("b.pcap", second, Format::PcapNg)];
        let what = format!("fragments of {fragment}, segments of {segment}, round {round}");
        output_of(&captures).assert_equal(&expected, &what);
    }
}

/// With times in whole seconds most packets share their moment with others: ties are broken by content.
#[test]
fn ties_are_broken_by_content() {
    check_packets("mixed in whole seconds", &coarse(&mixed()), 25, 4);
    let transfers = ["attended-transfer", "blind-transfer-and-refused-refer", "pickup-early-only"];
    for name in transfers {
        check_packets(&format!("{name} in whole seconds"), &coarse(&case(name)), 8, 2);
    }
    check_packets("media in whole seconds", &coarse(&case("no-bye-with-media")), 8, 1);
}

#[test]
fn cases_of_the_corpus() {
    for (name, legs) in [
        ("attended-transfer", 2),
        ("auth-407", 1),
        ("b2bua-without-trace", 2),
        ("blind-transfer-and-refused-refer", 2),
        ("busy-487-and-404", 2),
        ("bye-unanswered", 1),
        ("call-id-reuse", 1),
        ("cancel-race", 1),
        ("mirrored-and-late", 1),
        ("missing-day", 1),
        ("no-bye-with-media", 1),
        ("pickup-early-only", 2),
        ("redirect-new-call-id", 2),
        ("reinvite-after-an-hour", 1),
    ] {
        check_packets(name, &case(name), 4, legs);
    }
}

/// Runs the generator in a directory; the spool is `spool`, a flat one has a capture a day.
fn synth(arguments: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    let words: Vec<&str> =
        "synth --out spool".split(' ').chain(arguments.split_whitespace()).collect();
    let (code, _) = program(&words, directory.path());
    assert_eq!(code, Some(0), "{arguments}");
    directory
}

const MIX: &str = "--mix answered=20,b2bua-header=15,b2bua-session-id=10,b2bua-icid=5,\
                   b2bua-bare=10,fork-parallel=10,tcp=15,no-bye=5,call-id-reuse=5,redirect=5";

#[test]
fn a_generated_day() {
    let directory = synth(&format!("--seed 21 --flat --calls-per-hour 5 --rtp {MIX}"));
    let packets = read(&directory.path().join("spool/2026-11-02.pcap"));
    assert!(packets.len() > 3_000, "{}", packets.len());
    check_packets(
        "a generated day",
        &segmented(&fragmented(&packets, 320, APART_NS), 100, APART_NS),
        6,
        100,
    );
}

/// The sniffer's own zoo: 78 calls of every kind, 24 MB.
#[test]
fn the_zoo() {
    let Some(corpora) = common::corpora("voipmonitor-spools") else { return };
    let packets = read(&corpora.join("zoo.pcap.zst"));
    let whole = output_of(&[capture("zoo.pcap", &packets, Format::Pcap)]);
    assert!(whole.rows["cdrs"].len() > 70, "{}", whole.rows["cdrs"].len());
    let mut random = Random::new(3, &[]);
    let mut dealt: Vec<Vec<Packet>> = vec![Vec::new(); 5];
    packets.iter().for_each(|packet| dealt[random.next() as usize % 5].push(packet.clone()));
    let dealt: Vec<(String, Vec<u8>)> = dealt
        .iter()
        .enumerate()
        .map(|(at, piece)| capture(&at.to_string(), piece, Format::PcapNg))
        .collect();
    output_of(&dealt).assert_equal(&whole, "zoo, dealt to five captures");
    let (first, second) = packets.split_at(packets.len() / 3);
    let joined = capture("joined", &[second, first, second].concat(), Format::Pcap);
    output_of(&[joined]).assert_equal(&whole, "zoo, joined out of order, a part twice");
}

/// Copies a tree, creating the files and the directories in the given order.
fn copy_in_order(from: &Path, to: &Path, order: impl Fn(&[PathBuf]) -> Vec<PathBuf>) {
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(from)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(from).unwrap().to_owned())
        .collect();
    files.sort();
    assert!(files.len() > 20, "{}", files.len());
    for file in order(&files) {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(&file), target).unwrap();
    }
}

#[test]
fn threads_and_the_order_of_directories() {
    let arguments = format!("--seed 8 --calls-per-hour 6 --days 2 --rtp --pieces {MIX}");
    let made = synth(&arguments);
    let limit = ["--limit", "1"];
    let base = Output::of(made.path(), &["spool"], &limit);
    assert!(base.rows["cdrs"].len() > 200, "{}", base.rows["cdrs"].len());
    for threads in ["1", "2", "3", "8"] {
        let more = [&limit[..], &["--threads", threads]].concat();
        Output::of(made.path(), &["spool"], &more)
            .assert_equal(&base, &format!("{threads} threads"));
    }
    for seed in 0..3 {
        // In the same place, because paths are in the output.
        let (spool, original) = (made.path().join("spool"), made.path().join("original"));
        fs::rename(&spool, &original).unwrap();
        copy_in_order(&original, &spool, |files| shuffled(files, seed));
        fs::remove_dir_all(&original).unwrap();
        Output::of(made.path(), &["spool"], &limit)
            .assert_equal(&base, &format!("directories made in another order, seed {seed}"));
    }
    // The days as roots of their own, in the order of the calendar and against it. A call that was
    // made late on the last day may have begun its transfer on the next.
    let days = fs::read_dir(made.path().join("spool")).unwrap();
    let mut days: Vec<String> = days
        .map(|day| format!("spool/{}", day.unwrap().file_name().into_string().unwrap()))
        .collect();
    days.sort();
    for _ in 0..2 {
        let roots: Vec<&str> = days.iter().map(String::as_str).collect();
        let output = Output::of(made.path(), &roots, &limit);
        output.of_records().assert_equal(&base.of_records(), &format!("roots {roots:?}"));
        days.reverse();
    }
}

/// Captures with many files, so that workers meet in many orders.
#[test]
fn threads_over_many_captures() {
    let packets = segmented(&fragmented(&mixed(), 200, APART_NS), 60, APART_NS);
    let pieces: Vec<(String, Vec<u8>)> = packets
        .iter()
        .enumerate()
        .map(|(at, packet)| {
            capture(&format!("{at:03}"), std::slice::from_ref(packet), Format::Pcap)
        })
        .collect();
    let directory = spool_of(&pieces);
    let base = Output::of(directory.path(), &["spool"], &["--threads", "1"]);
    for threads in ["2", "3", "8", "8", "8"] {
        Output::of(directory.path(), &["spool"], &["--threads", threads])
            .assert_equal(&base, &format!("one record a capture, {threads} threads"));
    }
    let whole = output_of(&[capture("whole", &packets, Format::Pcap)]);
    base.of_records().assert_equal(&whole, "one record a capture");
}
