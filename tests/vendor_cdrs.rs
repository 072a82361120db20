//! Our CDRs against those that the vendor's sniffer computed from the same packets.
//!
//! Each spool of the shared corpora holds what sniffer 2026.04.0 wrote; `cdr.tsv` beside it holds the CDRs
//! it put into its database. Everything must be equal, to the millisecond, but for the cases that the
//! sniffer itself decides by its wall clock; those are named below, each with its reason.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it compared"
)]

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

/// Microseconds, rounded to milliseconds as the vendor's database does.
fn date_time(time: respool::base::CaptureTime) -> String {
    format::utc_ms(respool::base::CaptureTime::from_ns(time.ns() / 1000 * 1000 + 500_000))
}

fn vendor_seconds(ns: i64) -> String {
    let ms = (ns / 1000 + 500) / 1000;
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn our_row(cdr: &Cdr, call_id: &str) -> String {
    let seconds = |ns: Option<i64>| ns.map_or_else(|| "NULL".to_owned(), vendor_seconds);
    [
        call_id.to_owned(),
        date_time(cdr.started),
        date_time(cdr.ended),
        vendor_seconds(cdr.duration_ns()),
        seconds(cdr.connect_duration_ns()),
        seconds(cdr.progress_ns()),
        String::from_utf8_lossy(&cdr.caller).into_owned(),
        String::from_utf8_lossy(&cdr.called).into_owned(),
        cdr.source().address.to_string(),
        cdr.destination().address.to_string(),
        cdr.source().port.to_string(),
        cdr.destination().port.to_string(),
        cdr.last_response.to_string(),
        cdr.bye.code().to_string(),
        cdr.hung_up_by.map_or("NULL", Side::name).to_owned(),
    ]
    .join(" ")
}

fn our_rows(spool: PathBuf, options: &ReconstructOptions) -> BTreeMap<String, Vec<String>> {
    let found = reconstruct(&[spool], options).unwrap();
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for cdr in found.cdrs.iter().filter(|cdr| !cdr.only_when_cut) {
        let call_id = String::from_utf8_lossy(found.legs.call_id(cdr.leg)).into_owned();
        let row = our_row(&cdr, &call_id);
        rows.entry(call_id).or_default().push(row);
    }
    rows
}

/// Compares one spool; every Call-ID that differs must be in `exceptions`, and every exception must differ.
fn check(variant: &str, exceptions: &[(&str, &str)]) {
    let Some(corpora) = corpora("voipmonitor-spools") else { return };
    let spool = corpora.join(variant);
    let ours = our_rows(spool.join("spool"), &ReconstructOptions::default());
    compare(variant, ours, vendor_rows(&spool.join("cdr.tsv")), exceptions);
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
    let equal = theirs.keys().filter(|call_id| ours.get(*call_id) == theirs.get(*call_id)).count();
    println!("{variant}: {equal} Call-IDs equal, {} excepted", differing.len());
}

/// The offline run of the sniffer never cleans up between the two uses of this Call-ID, because its
/// clean-up runs by the wall clock; live, and in its simple mode, it splits them as we do (run section 2).
const REUSED: (&str, &str) =
    ("reused@", "wall-clock clean-up merges a Call-ID used again 62 s later");
/// INVITE alone: the timeout that names the end is the one at which the wall-clock clean-up happened to
/// run, 105 in most runs of the sniffer, 108 in some, 101 when it was ended first.
const INVITE_ONLY: (&str, &str) = ("invite-only@", "wall-clock clean-up picks the timeout");
/// With `tar = no` three Call-IDs that escape alike share one file, and the last truncates the others:
/// their packets are on no disk (run section 3).
const TRUNCATED: [(&str, &str); 2] =
    [("coll/1@", "file truncated by the sniffer"), ("coll?1@", "file truncated by the sniffer")];
/// The sniffer was killed while the call was up: half of its packets are on disk, no CDR was written.
const KILLED_MID_CALL: (&str, &str) = ("chatty@", "the sniffer was killed before it wrote the CDR");
/// The RTP that ends the call was seen by the sniffer and not saved (run section 2).
const RTP_NOT_SAVED: (&str, &str) = ("nobye-rtp20@", "the RTP that ends it is not in the spool");
/// Killed and started again over the same input: what was complete before the kill was written twice.
const WRITTEN_TWICE: [(&str, &str); 7] = [
    ("auth-407@", "written by both runs"),
    ("busy-486@", "written by both runs"),
    ("cancel-487@", "written by both runs"),
    ("normal-02-", "written by both runs"),
    ("normal-06-", "written by both runs"),
    ("normal-14-", "written by both runs"),
    ("unavail-503@", "written by both runs"),
];
/// Killed before anything but the first tar header reached the disk: CDRs in the database, no packets.
const NOT_ON_DISK: [(&str, &str); 7] = [
    ("auth-407@", "its packets are not on disk"),
    ("busy-486@", "its packets are not on disk"),
    ("cancel-487@", "its packets are not on disk"),
    ("normal-02-", "its packets are not on disk"),
    ("normal-06-", "its packets are not on disk"),
    ("normal-14-", "its packets are not on disk"),
    ("unavail-503@", "its packets are not on disk"),
];

macro_rules! variants {
    ($($name:ident $variant:literal [$($exception:expr),*];)*) => {
        $(#[test] fn $name() { check($variant, &[$($exception),*]); })*
    };
}

variants! {
    default "default" [REUSED];
    tar_sip_none "tar-sip-none" [REUSED];
    tar_sip_gzip "tar-sip-gzip" [REUSED];
    tar_sip_xz "tar-sip-xz" [REUSED];
    tar_entry_gzip "tar-entry-gzip" [REUSED];
    tar_entry_zstd "tar-entry-zstd" [REUSED];
    tar_entry_lzo "tar-entry-lzo" [REUSED];
    tar_entry_lz4 "tar-entry-lz4" [REUSED];
    tar_entry_snappy "tar-entry-snappy" [INVITE_ONLY];
    tar_entry_lzo_huge "tar-entry-lzo-huge" [REUSED];
    files_default "files-default" [REUSED, TRUNCATED[0], TRUNCATED[1]];
    files_gzip "files-gzip" [REUSED, TRUNCATED[0], TRUNCATED[1]];
    files_lzo "files-lzo" [REUSED, INVITE_ONLY, TRUNCATED[0], TRUNCATED[1]];
    sensor "sensor" [REUSED];
    sll_conv "sll-conv" [REUSED, INVITE_ONLY];
    live_pace "live-pace" [];
    kill9_tar "kill9-tar" [KILLED_MID_CALL];
    cleancache "cleancache" [REUSED];
    siponly_nortp "siponly-nortp" [REUSED, RTP_NOT_SAVED];
    rtpheader "rtpheader" [REUSED];
}

#[test]
fn kill9_zst() {
    let exceptions: Vec<(&str, &str)> = NOT_ON_DISK.into_iter().chain([KILLED_MID_CALL]).collect();
    check("kill9-zst", &exceptions);
}

#[test]
fn kill9_restarted() {
    let exceptions: Vec<(&str, &str)> =
        WRITTEN_TWICE.into_iter().chain([INVITE_ONLY, REUSED]).collect();
    check("kill9-restarted", &exceptions);
}

/// The export of this variant shows every address as 0.0.0.0: the sniffer's binary column was read as a
/// number. All other columns are compared.
#[test]
fn ipv6() {
    let Some(corpora) = corpora("voipmonitor-spools") else { return };
    let spool = corpora.join("ipv6");
    let blank = |rows: BTreeMap<String, Vec<String>>| -> BTreeMap<String, Vec<String>> {
        let blank_row = |row: &String| {
            let mut words: Vec<&str> = row.split(' ').collect();
            let first_address = words.len() - 7;
            words[first_address..first_address + 2].fill("address");
            words.join(" ")
        };
        rows.iter().map(|(key, rows)| (key.clone(), rows.iter().map(blank_row).collect())).collect()
    };
    let ours = our_rows(spool.join("spool"), &ReconstructOptions::default());
    compare("ipv6", blank(ours), blank(vendor_rows(&spool.join("cdr.tsv"))), &[REUSED]);
}

/// The capture itself, as the sniffer read it: with its ports, and without IPv6.
#[test]
fn zoo() {
    let Some(corpora) = corpora("voipmonitor-spools") else { return };
    let mut options = ReconstructOptions::default();
    options.capture.sip_ports = vec![(5060, 5061)];
    options.capture.without_ipv6 = true;
    let ours = our_rows(corpora.join("zoo.pcap.zst"), &options);
    compare("zoo", ours, vendor_rows(&corpora.join("default/cdr.tsv")), &[REUSED]);
}

/// The columns of the view `cdr`: those above under the vendor's names, then these.
const MORE_COLUMNS: [&str; 2] = ["whohanged", "id_sensor"];

/// The columns of the view, as a user reads them: through the program and the database.
fn rows_of_view(spool: &Path, conf: &str) -> BTreeMap<String, Vec<String>> {
    let scratch = tempfile::TempDir::new().unwrap();
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("voipmonitor.conf"), conf).unwrap();
    let (conf, database) = (path("voipmonitor.conf"), path("result.db"));
    let words = ["check", spool.to_str().unwrap(), "--limit", "4", "--quiet", "--db", &database];
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_respool"))
        .args(words)
        .args(["--conf", &conf])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{words:?}: {error}");
    let database = rusqlite::Connection::open(database).unwrap();
    let columns = ["fbasename"].iter().chain(&COLUMNS[1..]).chain(&MORE_COLUMNS);
    let columns: Vec<&str> = columns.copied().collect();
    let query = format!("SELECT {} FROM cdr", columns.join(", "));
    let mut statement = database.prepare(&query).unwrap();
    let mut found = statement.query([]).unwrap();
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Some(row) = found.next().unwrap() {
        let text = |at: usize| match row.get_ref(at).unwrap() {
            rusqlite::types::ValueRef::Null => "NULL".to_owned(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            other => panic!("{} holds {other:?}", columns[at]),
        };
        let values: Vec<String> = (0..columns.len()).map(text).collect();
        rows.entry(values[0].clone()).or_default().push(values.join(" "));
    }
    rows
}

/// The sniffer's rows with the columns of the view.
fn vendor_rows_of_view(path: &Path) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let head: Vec<&str> = text.lines().next().unwrap().split('\t').collect();
    let sensor = head.iter().position(|column| *column == "id_sensor").unwrap();
    let mut sensors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let call_id = fields[0].replace("\\\\", "\\");
        sensors.entry(call_id).or_default().push(fields[sensor].to_owned());
    }
    let mut rows = vendor_rows(path);
    for (call_id, rows) in &mut rows {
        for (row, sensor) in rows.iter_mut().zip(&sensors[call_id]) {
            row.push_str(&format!(" {sensor}"));
        }
    }
    rows
}

/// Compares the view `cdr` of a database with the sniffer's table.
fn check_view(name: &str, input: &str, table: &str, conf: &str, exceptions: &[(&str, &str)]) {
    let Some(corpora) = corpora("voipmonitor-spools") else { return };
    let ours = rows_of_view(&corpora.join(input), conf);
    compare(name, ours, vendor_rows_of_view(&corpora.join(table)), exceptions);
}

/// What the sniffer of the corpora was told beyond its defaults.
const PORTS: &str = "sipport = 5060\nsipport = 5061\n";

#[test]
fn view_of_default() {
    check_view("view of default", "default/spool", "default/cdr.tsv", PORTS, &[REUSED]);
}

#[test]
fn view_of_sensor() {
    check_view("view of sensor", "sensor/spool", "sensor/cdr.tsv", PORTS, &[REUSED]);
    let Some(corpora) = corpora("voipmonitor-spools") else { return };
    let rows = rows_of_view(&corpora.join("sensor/spool"), PORTS);
    assert!(rows.values().flatten().all(|row| row.ends_with(" 7")), "the sensor is number 7");
}

#[test]
fn view_of_live_pace() {
    check_view("view of live-pace", "live-pace/spool", "live-pace/cdr.tsv", PORTS, &[]);
}

#[test]
fn view_of_zoo() {
    check_view("view of zoo", "zoo.pcap.zst", "default/cdr.tsv", PORTS, &[REUSED]);
}
