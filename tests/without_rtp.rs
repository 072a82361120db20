//! `--without-rtp`: as if the spool's RTP directories were not there, and said so.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const RESPOOL: &str = env!("CARGO_BIN_EXE_respool");

fn check(spool: &Path, words: &[&str]) -> String {
    let mut command = Command::new(RESPOOL);
    command.arg("check").arg(spool).args(["--limit", "1", "--quiet"]).args(words);
    String::from_utf8(command.output().expect("respool starts").stdout).unwrap()
}

/// The results, and what was read.
fn results(spool: &Path, words: &[&str]) -> (Value, Value) {
    let mut whole: Value =
        serde_json::from_str(&check(spool, &[words, &["--json"]].concat())).unwrap();
    let input = whole["input"].take();
    (whole, input)
}

/// The RTP directories below one.
fn rtp_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.filter(|path| path.is_dir());
    below
        .flat_map(|path| if path.ends_with("RTP") { vec![path] } else { rtp_below(&path) })
        .collect()
}

#[test]
fn rtp_that_is_left_out_is_as_if_it_were_not_there_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("spool");
    let words = ["synth", "--calls-per-hour", "6", "--rtp", "--rtp-pps", "1", "--out"];
    assert!(Command::new(RESPOOL).args(words).arg(&spool).status().unwrap().success());
    let work = directory.path().join("work");
    let work = ["--work", work.to_str().unwrap()];
    let with = results(&spool, &work);
    assert!(with.0["cdrs_with_media"].as_u64() > Some(10), "{}", with.0["cdrs_with_media"]);
    assert_eq!(with.1["rtp_left_out"], Value::Null);
    let told = check(&spool, &["--without-rtp"]);
    let first = results(&spool, &[&work[..], &["--without-rtp"]].concat());
    let again = results(&spool, &[&work[..], &["--without-rtp"]].concat());
    assert_eq!(first, again, "a kept answer is one to the same question");
    assert_eq!(with, results(&spool, &work));

    let rtp = rtp_below(&spool);
    let files = rtp.iter().flat_map(|path| fs::read_dir(path).unwrap());
    let sizes: Vec<u64> = files.map(|file| file.unwrap().metadata().unwrap().len()).collect();
    assert!(!sizes.is_empty());
    assert_eq!(first.1["rtp_left_out"]["files"].as_u64(), Some(sizes.len() as u64));
    assert_eq!(first.1["rtp_left_out"]["bytes"].as_u64(), Some(sizes.iter().sum()));
    assert!(told.contains("Left out by --without-rtp: "), "{told}");
    assert!(!told.contains("No RTP is in the captures"), "{told}");

    rtp.iter().for_each(|path| fs::remove_dir_all(path).unwrap());
    assert_eq!(first.0, results(&spool, &[]).0);
    assert_eq!(first.0["cdrs_with_media"], 0);
}
