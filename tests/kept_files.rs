//! Runs that take up what earlier ones kept (`--work`) and runs in little memory (`--memory`): the bytes that
//! come out are those of a run from nothing.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use respool::run::{RangeRules, ReconstructOptions, Reconstruction, reconstruct};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

const RESPOOL: &str = env!("CARGO_BIN_EXE_respool");

/// A spool made for one test, with files that look old enough to be mapped.
fn spool(directory: &Path, arguments: &[&str]) -> PathBuf {
    let spool = directory.join("spool");
    let made = Command::new(RESPOOL).args(["synth", "--out"]).arg(&spool).args(arguments).status();
    assert!(made.unwrap().success());
    for file in files_below(&spool) {
        let then = SystemTime::now() - Duration::from_secs(86_400);
        File::options().append(true).open(file).unwrap().set_modified(then).unwrap();
    }
    spool
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .collect();
    files.sort();
    files
}

/// Everything that a run says, as text; equal texts are equal results.
fn told(spool: &Path, options: &ReconstructOptions) -> (String, Vec<String>) {
    let found = reconstruct(&[spool.to_owned()], options).expect("the spool is there");
    let Reconstruction { legs, cdrs, spans, heard, ledger, notes, losses, .. } = &found;
    let Reconstruction { running, registrations, .. } = &found;
    let files: Vec<_> = found
        .files
        .values()
        .map(|file| (file.captures, file.records, file.sip_messages, file.span, &file.order))
        .collect();
    let text = format!(
        "{legs:#?}\n{cdrs:#?}\n{files:#?}\n{spans:?}\n{heard:?}\n{ledger:#?}\n{notes:#?}\n{losses:#?}\n\
         {running:?}\n{:?}",
        registrations.intervals()
    );
    (text, found.profile.messages)
}

fn same(expect: &str, found: &str, what: &str) {
    let differs = expect.lines().zip(found.lines()).find(|(one, other)| one != other);
    assert!(expect == found, "{what}: {differs:?}");
}

/// One large capture shared by the threads, archives, and many files of one call.
const KINDS: [(&str, &[&str]); 3] = [
    ("flat", &["--calls-per-hour", "15", "--days", "1", "--flat", "--rtp", "--rtp-pps", "2"]),
    ("archives", &["--calls-per-hour", "15", "--days", "1"]),
    ("files", &["--calls-per-hour", "8", "--days", "1", "--files", "--rtp", "--rtp-pps", "1"]),
];

fn options(threads: usize) -> ReconstructOptions {
    let ranges =
        RangeRules { capture_bytes_min: 100_000, range_bytes_max: 50_000, ..RangeRules::default() };
    ReconstructOptions { threads, ranges, ..ReconstructOptions::default() }
}

#[test]
fn little_memory_changes_nothing() {
    for (kind, arguments) in KINDS {
        let directory = tempfile::tempdir().unwrap();
        let spool = spool(directory.path(), arguments);
        let (expect, _) = told(&spool, &options(1));
        for threads in [1, 2] {
            let little = ReconstructOptions { memory_bytes: 1, ..options(threads) };
            same(&expect, &told(&spool, &little).0, kind);
        }
    }
}

#[test]
fn a_second_run_gives_the_same_and_reads_nothing() {
    for (kind, arguments) in KINDS {
        let directory = tempfile::tempdir().unwrap();
        let spool = spool(directory.path(), arguments);
        let work = directory.path().join("work");
        let (expect, _) = told(&spool, &options(2));
        let kept = ReconstructOptions { work: Some(work.clone()), ..options(2) };
        for run in ["first", "second"] {
            let before = kept_bytes(&work);
            let (found, messages) = told(&spool, &kept);
            same(&expect, &found, &format!("{kind}, {run} run"));
            assert_eq!(messages, [""; 0], "{kind}, {run} run");
            // What is read is kept.
            assert_eq!(before == kept_bytes(&work), run == "second", "{kind}, {run} run");
        }
        let before = kept_bytes(&work);
        let little = ReconstructOptions { memory_bytes: 1, threads: 1, ..kept };
        same(&expect, &told(&spool, &little).0, &format!("{kind}, nothing is read"));
        assert_eq!(before, kept_bytes(&work), "{kind}, nothing is read");
        // Neither size nor time nor head nor tail tell that it is another file.
        let largest = files_below(&spool)
            .into_iter()
            .max_by_key(|file| fs::metadata(file).unwrap().len())
            .unwrap();
        spoil(&largest);
        let (now, _) = told(&spool, &options(2));
        same(&now, &told(&spool, &little).0, &format!("{kind}, the spoilt file is read"));
        assert_ne!(before, kept_bytes(&work), "{kind}, the spoilt file is read");
        // Small files are looked at whole.
        if fs::metadata(&largest).unwrap().len() > 64 << 10 {
            assert!(now != expect, "{kind}: the spoilt file reads as before");
        }
    }
}

/// Bytes of what a work directory keeps. What a run leaves out it has not read: it keeps what it reads.
fn kept_bytes(work: &Path) -> Vec<(PathBuf, u64)> {
    if !work.exists() {
        return Vec::new();
    }
    let segments = files_below(work).into_iter().filter(|file| !file.ends_with("lock"));
    segments.map(|file| (file.clone(), fs::metadata(file).unwrap().len())).collect()
}

/// Zeros in the middle of a file, and its time as it was.
fn spoil(path: &Path) {
    let metadata = fs::metadata(path).unwrap();
    let mut bytes = fs::read(path).unwrap();
    let (start, end) = (20_000.min(bytes.len()), bytes.len().saturating_sub(20_000));
    bytes.get_mut(start..end).unwrap_or_default().fill(0);
    fs::write(path, bytes).unwrap();
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(metadata.modified().unwrap()).unwrap();
}

#[test]
fn a_changed_file_is_read_anew() {
    let directory = tempfile::tempdir().unwrap();
    let spool = spool(directory.path(), KINDS[0].1);
    let kept = ReconstructOptions { work: Some(directory.path().join("work")), ..options(2) };
    told(&spool, &kept);
    let file = files_below(&spool).pop().unwrap();
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let (expect, _) = told(&spool, &options(2));
    same(&expect, &told(&spool, &kept).0, "a file that was cut");
    fs::remove_file(&file).unwrap();
    fs::write(spool.join("other.pcap"), &bytes).unwrap();
    let (expect, _) = told(&spool, &options(2));
    same(&expect, &told(&spool, &kept).0, "a file with another name");
}

/// What happened while files were read need not happen the next time.
#[test]
fn a_run_that_was_disturbed_is_not_repeatable() {
    fn nothing(_: &Path) {}
    fn grow(path: &Path) {
        let grown = path.with_file_name("grown");
        // Once: a file that is opened by the hook of another is not there any more.
        if path.extension().is_some() && fs::rename(path.with_file_name("grow"), &grown).is_ok() {
            let mut bytes = fs::read(path).unwrap();
            bytes.extend([0; 16]);
            fs::write(path, bytes).unwrap();
        }
    }
    fn remove_others(path: &Path) {
        for other in files_below(path.parent().unwrap()) {
            if other != path {
                fs::remove_file(other).unwrap();
            }
        }
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/answered/input/capture.pcap");
    type Hook = fn(&Path);
    let cases: [(&str, Hook, bool); 3] =
        [("nothing", nothing, true), ("grows", grow, false), ("is gone", remove_others, false)];
    for (what, opened, expect) in cases {
        let directory = tempfile::tempdir().unwrap();
        let spool = directory.path().join("spool");
        fs::create_dir(&spool).unwrap();
        for name in ["a.pcap", "b.pcap"] {
            fs::copy(&corpus, spool.join(name)).unwrap();
        }
        fs::write(spool.join("grow"), b"").unwrap();
        let mut options = options(1);
        options.ranges.open.opened = opened;
        let run = |work: Option<PathBuf>| {
            let options = ReconstructOptions { work, ..options.clone() };
            reconstruct(std::slice::from_ref(&spool), &options).unwrap().is_repeatable
        };
        assert_eq!(run(Some(directory.path().join("work"))), expect, "{what}");
        assert!(!run(None), "without a work directory nothing is kept");
    }
}
