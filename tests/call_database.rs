//! The database of `check --db` tells of calls what the spool tells: `audit`, `explain` and `show` print
//! the same bytes of both, for every case of the corpus and for a generated spool.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use respool::call::RuleTable;
use respool::leg::{CaptureRules, NumberRules, TimingRules};
use respool::run::{CallRun, CallsConfig, StoredConfig, calls, stored_calls};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Exit code, standard output, standard error; the working directory is the corpus.
fn respool(words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_respool"))
        .current_dir(corpus())
        .args(words)
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A spool and the database that `check` wrote of it.
struct Pair {
    scratch: TempDir,
    spool: String,
    /// Flags that say how the spool is read.
    flags: Vec<String>,
}

impl Pair {
    fn new(spool: &str, sensors: &[&str]) -> Self {
        let scratch = TempDir::new().expect("a directory");
        let sensor = |name: &&str| ["--sensor".to_owned(), format!("{name}={spool}/{name}")];
        let flags = sensors.iter().flat_map(sensor).collect();
        let pair = Self { scratch, spool: spool.to_owned(), flags };
        let flags = pair.flags.iter().map(String::as_str);
        let words = ["check", spool, "--limit", "2", "--quiet", "--db"].into_iter();
        let database = pair.database();
        let words: Vec<&str> = words.chain([database.as_str()]).chain(flags).collect();
        let (code, _, error) = respool(&words);
        assert!(matches!(code, Some(0 | 1 | 3)), "{spool}: {error}");
        pair
    }

    fn database(&self) -> String {
        self.scratch.path().join("run.db").to_str().expect("UTF-8").to_owned()
    }

    /// The same command over both.
    fn both(&self, command: &str, more: &[&str]) -> [(Option<i32>, String, String); 2] {
        let database = self.database();
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let of = |path, flags: &[&str]| respool(&[&[command, path], more, flags].concat());
        [of(&self.spool, &flags), of(&database, &[])]
    }

    fn check(&self, command: &str, more: &[&str]) {
        let [spool, database] = self.both(command, more);
        assert_eq!(spool, database, "{command} {} {more:?}", self.spool);
    }

    fn runs(&self) -> Option<[CallRun; 2]> {
        let root = corpus().join(&self.spool);
        let sensors = self.flags.iter().filter_map(|flag| flag.split_once('='));
        let sensors = sensors.map(|(name, path)| (name.to_owned(), corpus().join(path)));
        let spool = calls(&CallsConfig {
            spools: vec![root],
            from: None,
            to: None,
            time_zone: jiff::tz::TimeZone::UTC,
            spool_zone: jiff::tz::TimeZone::UTC,
            sensors: sensors.collect(),
            without_rtp: false,
            rules: RuleTable::default(),
            threads: 1,
            progress: false,
            work: None,
            // What is found lies in files; of the database it lies in memory.
            memory_bytes: 1,
            timing: TimingRules::default(),
            numbers: NumberRules::default(),
            capture: CaptureRules { sip_ports: Vec::new(), ..CaptureRules::default() },
        });
        let (path, rules, time_zone) = (self.database().into(), None, None);
        let stored = StoredConfig { path, rules, time_zone, threads: 0 };
        Some([spool.ok()?, stored_calls(&stored).expect("the database is read")])
    }
}

fn cases() -> Vec<(String, Vec<String>)> {
    #[derive(serde::Deserialize)]
    struct Truth {
        #[serde(default)]
        sensors: Vec<String>,
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(corpus()).expect("the corpus is there") {
        let path = entry.expect("an entry").path();
        if path.join("input").is_dir() {
            let text = std::fs::read_to_string(path.join("truth.toml")).unwrap_or_default();
            let truth: Truth = toml::from_str(&text).expect("truth is TOML");
            let name = path.file_name().expect("a name").to_str().expect("UTF-8").to_owned();
            found.push((name, truth.sensors));
        }
    }
    found.sort();
    found
}

#[test]
fn every_case_is_read_back_as_it_was() {
    let (mut legs, mut pairs) = (0, 0);
    for (case, sensors) in cases() {
        let sensors: Vec<&str> = sensors.iter().map(String::as_str).collect();
        let pair = Pair::new(&format!("{case}/input"), &sensors);
        pair.check("audit", &["--rows", "9999"]);
        pair.check("audit", &["--json"]);
        let Some([spool, stored]) = pair.runs() else { continue };
        assert_eq!(spool.cdrs, stored.cdrs, "{case}");
        assert_eq!(spool.outlines, stored.outlines, "{case}");
        assert_eq!(spool.grouping, stored.grouping, "{case}");
        assert_eq!(spool.merged, stored.merged, "{case}");
        legs += spool.outlines.len();
        let count = u32::try_from(spool.outlines.len()).expect("few legs").min(8);
        for (left, right) in (0..count).flat_map(|left| (0..count).map(move |r| (left, r))) {
            assert_eq!(spool.explain(left, right), stored.explain(left, right), "{case}");
            pairs += usize::from(left != right);
        }
    }
    assert!(legs > 1_000 && pairs > 500, "{legs} legs, {pairs} pairs");
}

#[test]
fn the_commands_print_the_same_of_both() {
    for (case, left, right) in [
        ("b2bua-without-trace", "in@h", "out@pbx"),
        ("attended-transfer", "one@h", "two@h"),
        ("ring-group", "c@pbx", "d@pbx"),
    ] {
        let pair = Pair::new(&format!("{case}/input"), &[]);
        let legs = ["--leg", left, "--leg", right];
        pair.check("explain", &legs);
        pair.check("explain", &[&legs[..], &["--json"]].concat());
        pair.check("audit", &["--rule", "replaces"]);
        pair.check("audit", &["--time-zone", "Asia/Tokyo", "--day", "2026-11-20", "--hour", "19"]);
        pair.check("explain", &["--leg", "nobody", "--leg", left]);
    }
    let pair = Pair::new("two-sensors/input", &["berlin", "paris"]);
    pair.check("explain", &["--leg", "berlin=both@h", "--leg", "paris=both@h"]);
}

/// A ladder needs messages: the rest is the same, and its place says why there is none.
#[test]
fn show_says_what_a_database_lacks() {
    let pair = Pair::new("attended-transfer/input", &[]);
    let database = pair.database();
    let (_, of_spool, _) = respool(&["show", "two@h", &pair.spool]);
    let (code, of_database, error) = respool(&["show", "two@h", &database]);
    let (before, ladder) = of_spool.split_once("\nLadder\n").expect("a ladder");
    let (same, reason) = of_database.split_once("\nLadder\n").expect("a place for it");
    assert_eq!((code, error.as_str(), same), (Some(0), "", before));
    assert!(ladder.contains("INVITE") && reason.contains("a database holds no messages"));
    let json = |path: &str| respool(&["show", "two@h", path, "--json"]);
    assert_eq!(json(&pair.spool), json(&database));
}

#[test]
fn rules_are_those_of_the_run_until_others_are_given() {
    let scratch = TempDir::new().expect("a directory");
    let path = |name: &str| scratch.path().join(name).to_str().expect("UTF-8").to_owned();
    let (rules, other, database) = (path("rules.toml"), path("other.toml"), path("run.db"));
    std::fs::write(&rules, "numbers = { joins = true, seconds = 7.5 }").expect("written");
    std::fs::write(&other, "").expect("written");
    let spool = "numbers-are-weak/input";
    let check = ["check", spool, "--limit", "2", "--quiet", "--db", &database, "--rules", &rules];
    assert!(matches!(respool(&check).0, Some(0 | 1 | 3)));
    let audit = |words: &[&str]| respool(&[&["audit"], words].concat());
    assert_eq!(audit(&[&database]), audit(&[spool, "--rules", &rules]));
    assert_eq!(audit(&[&database, "--rules", &other]), audit(&[spool]));
    assert_ne!(audit(&[&database]).1, audit(&[spool]).1);
}

#[test]
fn what_is_no_database_of_this_version_is_told() {
    let scratch = TempDir::new().expect("a directory");
    let path = |name: &str| scratch.path().join(name).to_str().expect("UTF-8").to_owned();
    let (foreign, old) = (path("foreign.db"), path("old.db"));
    let make = |path: &str, sql: &str| {
        rusqlite::Connection::open(path).expect("a file").execute_batch(sql).expect("SQL");
    };
    make(&foreign, "CREATE TABLE t (x)");
    make(&old, "PRAGMA application_id = 0x7273706c; PRAGMA user_version = 1; CREATE TABLE t (x)");
    let pair = Pair::new("icid/input", &[]);
    let database = pair.database();
    let broken = path("broken.db");
    std::fs::copy(&database, &broken).expect("copied");
    make(&broken, "UPDATE identifiers SET kind = 'nonsense'");
    for (words, expect) in [
        (&["audit", &foreign][..], "not a database of this program"),
        (&["audit", &old], "version 1 of the schema, this program reads 2"),
        (&["audit", &broken], "cannot read the database"),
        (&["audit", &database, "icid/input"], "give it alone, or give spools"),
        (&["show", "in@h", &database, "--from", "2026-11-20"], "--from says how captures are read"),
        (&["show", "in@h", &database, "--sensor", "a=icid"], "--sensor says how captures are read"),
    ] {
        let (code, _, error) = respool(words);
        assert_eq!(code, Some(2), "{words:?}");
        assert!(error.contains(expect), "{words:?}: {error}");
    }
}
