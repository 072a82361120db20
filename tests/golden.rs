//! Every case of `corpus/` through the real program: exit code, text and JSON against golden files, CDRs,
//! calls and days against truth that was written by hand.
//!
//! A case is a directory with `case.toml` (purpose, source, command, what to expect), `input/` (made by
//! `scripts/make-corpus` from `case.ladder` or `case.synth`), `truth.toml`, and the golden files
//! `expected.txt` and `expected.json`. The program runs in the directory of the case, so that paths are
//! relative. The JSON is kept without the hours in which nothing happened.
//!
//! `SNAPSHOTS=overwrite cargo test --test golden` writes the golden files anew, and the example in
//! README.md with them. Read the difference before it is committed. `case.toml` and `truth.toml` are
//! never written: where they and the program differ, one of them is wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const NS_PER_MS: i64 = 1_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    purpose: String,
    source: String,
    command: String,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    exit: i32,
    /// Verdicts by scenario.
    #[serde(default)]
    verdicts: BTreeMap<String, String>,
    /// How many readings share the verdict of the deciding scenario: `all` or `some`.
    agree: Option<String>,
    /// The axes that alone change it.
    flips: Option<BTreeSet<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    #[serde(default)]
    cdr: Vec<TruthCdr>,
    /// How many CDRs there are, where none is listed.
    cdrs: Option<usize>,
    #[serde(default)]
    call: Vec<TruthCall>,
    #[serde(default)]
    day: Vec<TruthDay>,
    losses: Option<TruthLosses>,
    days_over: Option<u64>,
    first_day: Option<String>,
    last_day: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TruthLosses {
    cut_captures: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TruthCdr {
    call_id: String,
    #[serde(default)]
    sequence: i64,
    started: String,
    duration_ms: Option<i64>,
    duration_ns: Option<i64>,
    /// Absent: not answered.
    connect_duration_ms: Option<i64>,
    connect_duration_ns: Option<i64>,
    /// Absent: no 18x and no 2xx.
    progress_ms: Option<i64>,
    last_response: i64,
    /// Absent: the facts do not decide it.
    bye: Option<i64>,
    /// Absent: no BYE.
    hung_up_by: Option<String>,
    caller: String,
    called: String,
    branches: Option<i64>,
    /// The earlier end by the vendor's timeouts.
    vendor_cut_ms: Option<i64>,
    vendor_cut_bye: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TruthCall {
    legs: BTreeSet<String>,
    /// The rule that joins them.
    rule: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TruthDay {
    day: String,
    /// Channel milliseconds of the hour with the largest mean.
    channel_ms: i64,
    over: Option<bool>,
}

/// What differs, all cases together, so that one run shows everything.
#[derive(Default)]
struct Findings {
    text: String,
}

impl Findings {
    fn equal<T: PartialEq + Debug>(&mut self, what: &str, found: T, expect: T) {
        if found != expect {
            writeln!(self.text, "{what}: found {found:?}, expected {expect:?}").unwrap();
        }
    }

    fn golden(&mut self, what: &str, found: &str, path: &Path) {
        let expected = Data::read_from(path, Some(DataFormat::Text)).raw();
        let assert = Assert::new().action_env("SNAPSHOTS");
        if let Err(error) = assert.try_eq(Some(&what), Data::text(found), expected) {
            writeln!(self.text, "{error}").unwrap();
        }
    }

    fn finish(self) {
        assert!(self.text.is_empty(), "\n{}", self.text);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn cases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("corpus")).unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.join("case.toml").is_file());
    cases.sort();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    cases
}

fn check(directory: &Path, case: &CaseFile, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_respool"))
        .current_dir(directory)
        .args(["check", "input", "--quiet"])
        .args(case.command.split_whitespace())
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn every_case_gives_what_it_is_expected_to_give() {
    let mut findings = Findings::default();
    for directory in cases() {
        let name = directory.file_name().unwrap().to_string_lossy().into_owned();
        let case: CaseFile = read(&directory.join("case.toml"));
        assert!(!case.purpose.is_empty() && !case.source.is_empty(), "{name}");
        let text = check(&directory, &case, &["--width", "80"]);
        let errors = String::from_utf8_lossy(&text.stderr);
        findings.equal(&format!("{name}: standard error"), &*errors, "");
        findings.equal(&format!("{name}: exit code"), text.status.code(), Some(case.expect.exit));
        let shown = String::from_utf8(text.stdout).unwrap();
        findings.golden(&format!("{name}: text"), &shown, &directory.join("expected.txt"));

        let scratch = TempDir::new().unwrap();
        let database = scratch.path().join("run.db");
        let json = check(&directory, &case, &["--json", "--db", database.to_str().unwrap()]);
        let code = json.status.code();
        findings.equal(&format!("{name}: exit code with --json"), code, Some(case.expect.exit));
        let document: Value = serde_json::from_slice(&json.stdout).unwrap();
        let kept = without_idle_hours(document.clone());
        findings.golden(&format!("{name}: JSON"), &kept, &directory.join("expected.json"));

        compare_verdicts(&name, &document, &case.expect, &mut findings);
        let truth: Truth = read(&directory.join("truth.toml"));
        compare_days(&name, &document, &truth, &mut findings);
        let database = Connection::open(&database).unwrap();
        compare_cdrs(&name, &database, &truth, &mut findings);
        compare_calls(&name, &database, &truth, &mut findings);
        compare_hours(&name, &database, &directory.join("truth/hours.json"), &mut findings);
    }
    findings.finish();
}

/// The document, indented, without the hours in which there was no channel.
fn without_idle_hours(mut document: Value) -> String {
    for scenario in document["scenarios"].as_array_mut().unwrap() {
        let hours = scenario["hours"].as_array_mut().unwrap();
        hours.retain(|hour| hour["peak_channels"] != 0);
    }
    serde_json::to_string_pretty(&document).unwrap() + "\n"
}

fn scenario<'a>(document: &'a Value, name: &str) -> &'a Value {
    let all = document["scenarios"].as_array().unwrap();
    all.iter().find(|scenario| scenario["name"] == name).unwrap_or(&Value::Null)
}

fn compare_verdicts(name: &str, document: &Value, expect: &Expect, findings: &mut Findings) {
    findings.equal(
        &format!("{name}: exit code in the JSON"),
        document["exit_code"].as_i64(),
        Some(i64::from(expect.exit)),
    );
    for (which, verdict) in &expect.verdicts {
        let found = scenario(document, which)["verdict"].as_str();
        findings.equal(&format!("{name}: verdict {which}"), found, Some(verdict));
    }
    let decided_by = document["decided_by"].as_str().unwrap();
    let agreement = &scenario(document, decided_by)["agreement"];
    if let Some(agree) = &expect.agree {
        let all = agreement["agreeing"] == agreement["readings"];
        findings.equal(&format!("{name}: agree"), if all { "all" } else { "some" }, agree);
    }
    if let Some(expect) = &expect.flips {
        let flips = agreement["flips"].as_array().unwrap();
        let found: BTreeSet<String> =
            flips.iter().map(|flip| flip["axis"].as_str().unwrap().to_owned()).collect();
        findings.equal(&format!("{name}: flips"), &found, expect);
    }
}

/// Days of the scenario `as-is` under the documented reading.
fn compare_days(name: &str, document: &Value, truth: &Truth, findings: &mut Findings) {
    let as_is = scenario(document, "as-is");
    let days = as_is["days"].as_array().unwrap();
    for expect in &truth.day {
        let what = format!("{name}: {}", expect.day);
        let Some(day) = days.iter().find(|day| day["date"] == *expect.day) else {
            findings.equal(&what, "no such day", "a day");
            continue;
        };
        // Whole channels only where there was none at all.
        let numerator: i64 = day["figure"]["numerator"].as_str().unwrap().parse().unwrap();
        findings.equal(&what, numerator, expect.channel_ms * NS_PER_MS);
        if let Some(over) = expect.over {
            findings.equal(&format!("{what}: over"), day["over"].as_bool(), Some(over));
        }
    }
    if let Some(expect) = truth.days_over {
        findings.equal(&format!("{name}: days over"), as_is["days_over"].as_u64(), Some(expect));
    }
    let date = |day: Option<&Value>| day.and_then(|day| day["date"].as_str().map(str::to_owned));
    for (expect, found) in [(&truth.first_day, days.first()), (&truth.last_day, days.last())] {
        if expect.is_some() {
            findings.equal(&format!("{name}: first or last day"), &date(found), expect);
        }
    }
}

/// A CDR as both sides can say it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Row {
    call_id: String,
    sequence: i64,
    started_ns: i64,
    duration_ns: i64,
    connect_duration_ns: Option<i64>,
    progress_ns: Option<i64>,
    last_response: i64,
    bye: Option<i64>,
    hung_up_by: Option<String>,
    caller: String,
    called: String,
    cut_duration_ns: Option<i64>,
    cut_bye: Option<i64>,
}

impl From<&TruthCdr> for Row {
    fn from(truth: &TruthCdr) -> Self {
        let ns = |ms: i64| ms * NS_PER_MS;
        Self {
            call_id: truth.call_id.clone(),
            sequence: truth.sequence,
            started_ns: {
                let started: jiff::Timestamp = truth.started.parse().unwrap();
                i64::try_from(started.as_nanosecond()).unwrap()
            },
            duration_ns: truth.duration_ns.or(truth.duration_ms.map(ns)).unwrap(),
            connect_duration_ns: truth.connect_duration_ns.or(truth.connect_duration_ms.map(ns)),
            progress_ns: truth.progress_ms.map(ns),
            last_response: truth.last_response,
            bye: truth.bye,
            hung_up_by: truth.hung_up_by.clone(),
            caller: truth.caller.clone(),
            called: truth.called.clone(),
            cut_duration_ns: truth.vendor_cut_ms.map(ns),
            cut_bye: truth.vendor_cut_bye,
        }
    }
}

/// Rows of the result database, each with its branches.
fn rows(database: &Connection) -> Vec<(Row, i64)> {
    let sql =
        "SELECT call_id, sequence, started_ns, ended_ns - started_ns, ended_ns - connected_ns,
        progressed_ns - started_ns, last_response, bye, hung_up_by, caller, called,
        cut_ended_ns - started_ns, cut_bye, branches FROM cdrs WHERE NOT only_when_cut";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        let cdr = Row {
            call_id: row.get(0)?,
            sequence: row.get(1)?,
            started_ns: row.get(2)?,
            duration_ns: row.get(3)?,
            connect_duration_ns: row.get(4)?,
            progress_ns: row.get(5)?,
            last_response: row.get(6)?,
            bye: row.get(7)?,
            hung_up_by: row.get(8)?,
            caller: row.get(9)?,
            called: row.get(10)?,
            cut_duration_ns: row.get(11)?,
            cut_bye: row.get(12)?,
        };
        Ok((cdr, row.get(13)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn compare_cdrs(name: &str, database: &Connection, truth: &Truth, findings: &mut Findings) {
    let found = rows(database);
    let count = truth.cdrs.or(Some(truth.cdr.len()).filter(|count| *count > 0));
    if let Some(expect) = count {
        findings.equal(&format!("{name}: CDRs"), found.len(), expect);
    }
    let found: BTreeMap<(String, i64), (Row, i64)> = found
        .into_iter()
        .map(|(row, branches)| ((row.call_id.clone(), row.sequence), (row, branches)))
        .collect();
    for expect in &truth.cdr {
        let row = Row::from(expect);
        let what = format!("{name}: CDR");
        let Some((cdr, branches)) = found.get(&(row.call_id.clone(), row.sequence)) else {
            findings.equal(&what, None, Some(row));
            continue;
        };
        let found = Row { bye: row.bye.and(cdr.bye), ..cdr.clone() };
        findings.equal(&what, &found, &row);
        if let Some(expect) = expect.branches {
            findings.equal(&format!("{name}: branches"), *branches, expect);
        }
    }
    if let Some(TruthLosses { cut_captures: expect }) = truth.losses {
        let sql = "SELECT count(*) FROM losses WHERE kind = 'cut-tail'";
        let cut: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
        // One cut shows once for every container around it.
        findings.equal(&format!("{name}: cut captures"), cut.min(expect), expect);
    }
}

fn compare_calls(name: &str, database: &Connection, truth: &Truth, findings: &mut Findings) {
    if truth.call.is_empty() {
        return;
    }
    let sql =
        "SELECT call_legs.call, legs.call_id FROM call_legs JOIN legs ON legs.id = call_legs.leg";
    let mut statement = database.prepare(sql).unwrap();
    let pairs = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let mut by_call: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for (call, leg) in pairs.map(Result::unwrap) {
        by_call.entry(call).or_default().insert(leg);
    }
    let found: BTreeSet<BTreeSet<String>> = by_call.into_values().collect();
    let expect = truth.call.iter().map(|call| call.legs.clone()).collect();
    findings.equal(&format!("{name}: calls"), found, expect);
    let sql = "SELECT count(*) FROM evidence
        JOIN legs AS one ON one.id = evidence.leg JOIN legs AS two ON two.id = evidence.other_leg
        WHERE joined AND rule = ?1 AND one.call_id IN (SELECT value FROM json_each(?2))
        AND two.call_id IN (SELECT value FROM json_each(?2))";
    for call in &truth.call {
        let Some(rule) = &call.rule else { continue };
        let legs = serde_json::to_string(&call.legs).unwrap();
        let count: i64 = database.query_row(sql, [rule, &legs], |row| row.get(0)).unwrap();
        let what = format!("{name}: {} evidence that joins {legs}", rule);
        findings.equal(&what, count > 0, true);
    }
}

/// The exact table of the generator, which counts by itself.
fn compare_hours(name: &str, database: &Connection, path: &Path, findings: &mut Findings) {
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let truth: Value = serde_json::from_str(&text).unwrap();
    let hours = truth["hours"].as_array().unwrap();
    let expect: BTreeMap<i64, i64> = hours
        .iter()
        .map(|hour| (hour["start_ns"].as_i64().unwrap(), hour["channel_ns"].as_i64().unwrap()))
        .collect();
    let sql = "SELECT started_ns, channel_ns FROM channel_hours
        WHERE scenario = 'as-is' AND channel_ns > 0";
    let mut statement = database.prepare(sql).unwrap();
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let found: BTreeMap<i64, i64> = found.map(Result::unwrap).collect();
    assert!(expect.len() > 100, "{name}");
    findings.equal(&format!("{name}: hours"), found, expect);
}

/// The case in the README is shown as the program prints it.
#[test]
fn the_readme_shows_real_output() {
    const BEGIN: &str = "<!-- the output of corpus/readme-spool -->\n```text\n";
    const END: &str = "```\n";
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let directory = root().join("corpus/readme-spool");
    let case: CaseFile = read(&directory.join("case.toml"));
    let shown = String::from_utf8(check(&directory, &case, &["--width", "80"]).stdout).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut findings = Findings::default();
    let real = format!("{before}{BEGIN}{shown}{END}{after}");
    findings.golden("the README's example", &real, &path);
    findings.finish();
}
