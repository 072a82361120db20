//! Generated spools of many legs through the whole program: every CDR and every hour equals what the
//! generator knows from its script, to the nanosecond.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it compared"
)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const NS_PER_S: i64 = 1_000_000_000;

/// What is compared of a CDR, in words that say themselves what they are.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Row {
    sensor: String,
    call_id: String,
    started_ns: i64,
    connected_ns: Option<i64>,
    progressed_ns: Option<i64>,
    ended_ns: i64,
    last_response: i64,
    bye: i64,
    hung_up_by: Option<String>,
    caller: String,
    called: String,
    source: String,
    destination: String,
}

fn program(words: &str, directory: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_respool"))
        .args(words.split_whitespace())
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// After how many seconds without a packet the sniffer closes a call with this code (run section 2):
/// one-way, RTP, SIP without RTP.
fn timeout_s(bye: i64) -> i64 {
    match bye {
        105 => 15,
        104 => 300,
        108 => 3_600,
        other => panic!("bye {other} is no timeout"),
    }
}

/// The CDRs of the generator. A call that nothing ends in the packets is ended by a timeout, where the
/// captures go on for as long as that takes; `horizon_ns` is their last record by sensor.
fn truth_rows(truth: &Path, horizon_ns: &BTreeMap<String, i64>) -> Vec<Row> {
    let text = std::fs::read_to_string(truth.join("legs.jsonl")).unwrap();
    let row = |line: &str| {
        let leg: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| leg[name].as_str().unwrap().to_owned();
        let number = |name: &str| leg[name].as_i64();
        let ended_ns = number("ended_ns").unwrap();
        let sensor = text("sensor");
        let passes = |bye: &i64| horizon_ns[&sensor] - ended_ns > timeout_s(*bye) * NS_PER_S;
        let bye_by_timeout = number("bye_after_timeout").filter(passes);
        Row {
            call_id: text("call_id"),
            started_ns: number("started_ns").unwrap(),
            connected_ns: number("connected_ns"),
            progressed_ns: number("progressed_ns"),
            ended_ns,
            last_response: number("last_response").unwrap(),
            bye: bye_by_timeout.or(number("bye")).unwrap(),
            hung_up_by: leg["hung_up_by"].as_str().map(str::to_owned),
            caller: text("caller"),
            called: text("called"),
            source: text("source"),
            destination: text("destination"),
            sensor,
        }
    };
    let mut rows: Vec<Row> = text.lines().map(row).collect();
    rows.sort();
    rows
}

fn endpoint(address: &str, port: i64) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

fn program_rows(database: &rusqlite::Connection) -> Vec<Row> {
    let query = "SELECT legs.sensor, cdrs.* FROM cdrs JOIN legs ON legs.id = cdrs.leg \
                 WHERE NOT only_when_cut";
    let mut statement = database.prepare(query).unwrap();
    let found = statement.query_map([], |row| {
        let place = |side: &str| -> rusqlite::Result<String> {
            let address: String = row.get(format!("{side}_address").as_str())?;
            Ok(endpoint(&address, row.get(format!("{side}_port").as_str())?))
        };
        Ok(Row {
            sensor: row.get("sensor")?,
            call_id: row.get("call_id")?,
            started_ns: row.get("started_ns")?,
            connected_ns: row.get("connected_ns")?,
            progressed_ns: row.get("progressed_ns")?,
            ended_ns: row.get("ended_ns")?,
            last_response: row.get("last_response")?,
            bye: row.get("bye")?,
            hung_up_by: row.get("hung_up_by")?,
            caller: row.get("caller")?,
            called: row.get("called")?,
            source: place("source")?,
            destination: place("destination")?,
        })
    });
    let mut rows: Vec<Row> = found.unwrap().map(Result::unwrap).collect();
    rows.sort();
    rows
}

fn horizons(database: &rusqlite::Connection) -> BTreeMap<String, i64> {
    let query = "SELECT sensor, max(last_ns) FROM captures WHERE last_ns NOT NULL GROUP BY sensor";
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// Every CDR is there, with every value, and there is no other.
fn compare_rows(ours: &[Row], truth: &[Row]) {
    let (left, right): (BTreeSet<&Row>, BTreeSet<&Row>) =
        (ours.iter().collect(), truth.iter().collect());
    let only_ours: Vec<_> = left.difference(&right).take(5).collect();
    let only_truth: Vec<_> = right.difference(&left).take(5).collect();
    let differing = left.symmetric_difference(&right).count();
    assert!(
        differing == 0,
        "{differing} rows differ; ours: {only_ours:#?}\ntruth: {only_truth:#?}"
    );
    assert_eq!(ours.len(), truth.len());
}

/// Channel nanoseconds of every hour and the maximum of every day.
fn compare_hours(database: &rusqlite::Connection, json: &Value, truth: &Value) -> usize {
    let query = "SELECT started_ns, channel_ns FROM channel_hours WHERE scenario = 'as-is'";
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
    let ours: BTreeMap<i64, i64> =
        rows.unwrap().map(Result::unwrap).filter(|(_, channel_ns)| *channel_ns > 0).collect();
    let hours = truth["hours"].as_array().unwrap();
    let number = |value: &Value, name: &str| value[name].as_i64().unwrap();
    let theirs: BTreeMap<i64, i64> =
        hours.iter().map(|hour| (number(hour, "start_ns"), number(hour, "channel_ns"))).collect();
    assert_eq!(ours, theirs);
    let days = json["scenarios"][0]["days"].as_array().unwrap();
    let figure = |day: &Value| day["figure"]["numerator"].as_str().unwrap().parse::<i64>().unwrap();
    let ours: BTreeMap<String, i64> =
        days.iter().map(|day| (day["date"].as_str().unwrap().to_owned(), figure(day))).collect();
    assert!(days.iter().all(|day| day["figure"]["denominator"] == 3_600 * NS_PER_S));
    let theirs: BTreeMap<String, i64> = truth["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| (day["day"].as_str().unwrap().to_owned(), number(day, "maximum_channel_ns")))
        .collect();
    assert_eq!(ours, theirs);
    hours.len()
}

/// Generates a spool, runs `check` over it and compares everything.
fn check(arguments: &str, zone: &str, legs_min: usize) {
    let directory = TempDir::new().unwrap();
    let (code, _) = program(
        &format!("synth --out spool --truth truth --time-zone {zone} {arguments}"),
        directory.path(),
    );
    assert_eq!(code, Some(0), "{arguments}");
    let (code, json) = program(
        &format!("check spool --limit 1 --time-zone {zone} --json --quiet --db result.db"),
        directory.path(),
    );
    assert!(matches!(code, Some(0 | 1 | 3)), "{arguments}: {code:?}");
    let json: Value = serde_json::from_str(&json).unwrap();
    let database = rusqlite::Connection::open(directory.path().join("result.db")).unwrap();
    let truth = directory.path().join("truth");
    let ours = program_rows(&database);
    compare_rows(&ours, &truth_rows(&truth, &horizons(&database)));
    let legs = json["legs"].as_u64().unwrap() as usize;
    assert!(legs >= legs_min, "{legs} legs");
    let hours = std::fs::read_to_string(truth.join("hours.json")).unwrap();
    let hours = compare_hours(&database, &json, &serde_json::from_str(&hours).unwrap());
    println!("{arguments}: {legs} legs, {} CDRs and {hours} hours equal", ours.len());
}

#[test]
fn sixteen_days_of_signalling() {
    check("--seed 16 --days 16 --calls-per-hour 230", "UTC", 100_000);
}

/// Media in archives of their own, entries in pieces, two sensors, and a day of 25 hours.
#[test]
fn days_with_media_over_a_change_of_the_clock() {
    let kinds = "answered=40,two-sensors=10,no-bye=8,bye-unanswered=6,unreachable=6,hold=6,\
                 session-timer=4,call-id-reuse=6,fork-parallel=6,b2bua-bare=8";
    let arguments = format!(
        "--seed 4 --days 2 --start 2026-10-24 --calls-per-hour 30 --rtp --pieces --mix {kinds}"
    );
    check(&arguments, "Europe/Prague", 1_200);
}

/// Captures without the names of a spool's entries: media is told by the addresses in SDP alone, also
/// where two legs of a pickup, a transfer or a relay name the same one.
#[test]
fn a_flat_capture_with_media() {
    let kinds = "pickup=30,answered=10,transfer-blind=10,transfer-attended=10,fork-parallel=10,\
                 redirect=5,no-bye=5,b2bua-bare=10";
    check(&format!("--seed 21 --flat --rtp --calls-per-hour 15 --mix {kinds}"), "UTC", 500);
}

/// One file a call, as `tar = no`, and one capture a day; calls in rings of one pair of numbers.
#[test]
fn other_layouts() {
    check("--seed 5 --days 2 --calls-per-hour 40 --files", "Asia/Kathmandu", 1_500);
    check(
        "--seed 6 --days 2 --calls-per-hour 40 --flat --peak-channels 1=7,2=3",
        "America/St_Johns",
        1_500,
    );
}
