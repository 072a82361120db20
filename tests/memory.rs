//! What a whole run holds in memory at most, with a budget and without: the figure of `--profile`, which is
//! the system's own (`VmHWM`).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::path::Path;
use std::process::{Command, Output};

const RESPOOL: &str = env!("CARGO_BIN_EXE_respool");

fn check(spool: &Path, memory: &str, temporary: &Path) -> Output {
    let words = ["--limit", "100", "--json", "--threads", "2", "--profile", "--memory", memory];
    let mut command = Command::new(RESPOOL);
    command.arg("check").arg(spool).args(words).env("TMPDIR", temporary);
    command.output().expect("respool starts")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn most_held_mb(output: &Output) -> f64 {
    let told = told(output);
    let line = told.lines().find_map(|line| line.strip_prefix("most memory held: "));
    let figure = line.and_then(|line| line.strip_suffix(" MB")).unwrap_or_else(|| panic!("{told}"));
    figure.parse().unwrap()
}

/// 210,000 legs. Without a budget they take some 173 MB, with the smallest some 93 MB, of which some 40 MB
/// whatever the number of legs is; so a budget that bounded only a part of what a run holds would fail here.
#[test]
fn a_budget_bounds_what_a_run_holds() {
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("spool");
    let words = ["synth", "--calls-per-hour", "7000", "--out"];
    assert!(Command::new(RESPOOL).args(words).arg(&spool).status().unwrap().success());
    let unbounded = check(&spool, "1024G", directory.path());
    let bounded = check(&spool, "1M", directory.path());
    assert_eq!(bounded.stdout, unbounded.stdout);
    assert!(!told(&bounded).contains("warning"), "{}", told(&bounded));
    let (all_mb, some_mb) = (most_held_mb(&unbounded), most_held_mb(&bounded));
    assert!(some_mb < 0.75 * all_mb, "{some_mb} MB of {all_mb} MB");

    // Without a place for its files it goes on in memory, says so once, and finds the same.
    let nowhere = check(&spool, "1M", &directory.path().join("absent"));
    assert_eq!(nowhere.stdout, unbounded.stdout);
    assert_eq!(nowhere.status.code(), unbounded.status.code());
    let warnings: Vec<String> =
        told(&nowhere).lines().filter(|line| line.contains("warning")).map(str::to_owned).collect();
    let expect = "what is beyond the memory budget stays in memory";
    assert!(matches!(&warnings[..], [one] if one.ends_with(expect)), "{warnings:?}");
}
