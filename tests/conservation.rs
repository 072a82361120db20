//! The conservation ledger over every input at hand: records in = used + explained.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it compared"
)]

mod common;
#[path = "common/conservation.rs"]
mod conservation;

use common::corpora;
use conservation::violations;
use respool::base::Ledger;
use respool::leg::CaptureRules;
use respool::run::{ReconstructOptions, reconstruct};
use std::path::{Path, PathBuf};

/// Checks one input under several rules and adds what it counted.
fn check(input: &Path, total: &mut Ledger) {
    let only_5060 = CaptureRules { sip_ports: vec![(5_060, 5_060)], ..CaptureRules::default() };
    for capture in [CaptureRules::default(), only_5060] {
        let options = ReconstructOptions { capture, ..ReconstructOptions::default() };
        let found = reconstruct(&[input.to_owned()], &options).unwrap();
        let broken = violations(&found);
        assert!(broken.is_empty(), "{}:\n{}", input.display(), broken.join("\n"));
        *total += found.ledger;
    }
}

fn folders(path: &Path, below: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path().join(below));
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.exists()).collect();
    paths.sort();
    paths
}

fn reached(total: &Ledger, counters: &[&str]) {
    for counter in counters {
        assert!(total.value(counter) > 0, "no input reached {counter}");
    }
}

#[test]
fn corpus() {
    let mut total = Ledger::default();
    let cases = folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"), "input");
    assert!(cases.len() >= 30, "{} cases", cases.len());
    for case in &cases {
        check(case, &mut total);
    }
    reached(&total, &["sip.observed", "payload.media", "sip.framed", "file.read"]);
}

#[test]
fn spools_of_the_sniffer() {
    let Some(spools) = corpora("voipmonitor-spools") else { return };
    let mut total = Ledger::default();
    for spool in folders(&spools, "spool") {
        check(&spool, &mut total);
    }
    // Fragments are put together by the sniffer before it writes a spool.
    reached(&total, &["sip.observed", "payload.media", "file.not_listed"]);
}

#[test]
fn real_captures() {
    let Some(real) = corpora("real") else { return };
    let mut total = Ledger::default();
    let truth = std::fs::read_to_string(real.join("truth.tsv")).unwrap();
    for name in truth.lines().skip(1).filter_map(|line| line.split('\t').next()) {
        check(&real.join(name), &mut total);
    }
    let rare = ["packet.records_kept_segment", "sip.framed", "sip.excluded_by_conf"];
    reached(&total, &rare);
    println!("{} records", total.value("capture.records"));
}
