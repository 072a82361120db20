//! Our CDRs against those that the vendor's sniffer computed from the same packets.
//!
//! Each spool of the shared corpora holds what sniffer 2026.04.0 wrote; `cdr.tsv` beside it holds the CDRs
//! it put into its database. Everything must be equal, to the millisecond, but for the cases that the
//! sniffer itself decides by its wall clock; those are named below, each with its reason.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::corpora;
use respool::leg::{Cdr, Side};
use respool::report::format;
use respool::run::{ReconstructOptions, reconstruct};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The compared columns, in the order of the rendered row.
const COLUMNS: [&str; 14] = [
    "callID",
    "calldate",
    "callend",
    "duration",
    "connect_duration",
    "progress_time",
    "caller",
    "called",
    "sipcallerip",
    "sipcalledip",
    "sipcallerport",
    "sipcalledport",
    "lastSIPresponseNum",
    "bye",
];

/// The sniffer's rows by Call-ID, `whohanged` last.
fn vendor_rows(path: &Path) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let place = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        let mut row: Vec<String> =
            COLUMNS.iter().map(|column| fields[place(column)].to_owned()).collect();
        row.push(fields[place("whohanged")].to_owned());
        // The export escapes backslashes.
        let call_id = fields[place("callID")].replace("\\\\", "\\");
        row[0].clone_from(&call_id);
        rows.entry(call_id).or_default().push(row.join(" "));
    }
    rows
}

fn our_row(cdr: &Cdr) -> String {
    let seconds = |ns: Option<i64>| ns.map_or_else(|| "NULL".to_owned(), format::vendor_seconds);
    [
        String::from_utf8_lossy(&cdr.call_id).into_owned(),
        format::vendor_date_time(cdr.started),
        format::vendor_date_time(cdr.ended),
        format::vendor_seconds(cdr.duration_ns()),
        seconds(cdr.connect_duration_ns()),
        seconds(cdr.progress_ns()),
        String::from_utf8_lossy(&cdr.caller).into_owned(),
        String::from_utf8_lossy(&cdr.called).into_owned(),
        cdr.source.address.to_string(),
        cdr.destination.address.to_string(),
        cdr.source.port.to_string(),
        cdr.destination.port.to_string(),
        cdr.last_response.to_string(),
        cdr.bye.code().to_string(),
        cdr.hung_up_by.map_or("NULL", Side::name).to_owned(),
    ]
    .join(" ")
}

fn our_rows(spool: PathBuf) -> BTreeMap<String, Vec<String>> {
    let found = reconstruct(&[spool], &ReconstructOptions::default()).unwrap();
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for cdr in found.cdrs.iter().filter(|cdr| !cdr.only_when_cut) {
        let call_id = String::from_utf8_lossy(&cdr.call_id).into_owned();
        rows.entry(call_id).or_default().push(our_row(cdr));
    }
    rows
}

/// Compares one spool; every Call-ID that differs must be in `exceptions`, and every exception must differ.
fn check(variant: &str, exceptions: &[(&str, &str)]) {
    let Some(corpora) = corpora("voipmonitor-spools") else { return };
    let spool = corpora.join(variant);
    compare(variant, our_rows(spool.join("spool")), vendor_rows(&spool.join("cdr.tsv")), exceptions);
}

fn compare(
    variant: &str,
    ours: BTreeMap<String, Vec<String>>,
    theirs: BTreeMap<String, Vec<String>>,
    exceptions: &[(&str, &str)],
) {
    let call_ids: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let mut differing = BTreeSet::new();
    let mut unexplained = Vec::new();
    for call_id in call_ids {
        if ours.get(call_id) == theirs.get(call_id) {
            continue;
        }
        let name = exceptions.iter().find(|(name, _)| call_id.starts_with(name));
        match name {
            Some((name, _)) => {
                differing.insert(*name);
            }
            None => unexplained.push(format!(
                "{call_id}\n  ours   {:?}\n  theirs {:?}",
                ours.get(call_id),
                theirs.get(call_id)
            )),
        }
    }
    assert!(unexplained.is_empty(), "{variant}:\n{}", unexplained.join("\n"));
    let stale: Vec<&str> =
        exceptions.iter().map(|(name, _)| *name).filter(|name| !differing.contains(name)).collect();
    assert!(stale.is_empty(), "{variant}: exceptions that no longer differ: {stale:?}");
    println!("{variant}: {} Call-IDs equal, {} excepted", theirs.len() - differing.len(), differing.len());
}

#[test]
fn default() {
    check("default", &[]);
}
