//! The remedies on the command line: merge headers, recorded CDRs, history, licenses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn respool(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_respool"));
    command.args(words).output().unwrap()
}

fn corpus(case: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(case).join("input");
    path.to_str().unwrap().to_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs `check --json` and gives its document.
fn check(words: &[&str]) -> Value {
    let words = [&["check", "--json", "--quiet"], words].concat();
    let output = respool(&words);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)))
}

/// Name, header and peak of every scenario.
fn peaks(document: &Value) -> Vec<String> {
    let scenarios = document["scenarios"].as_array().unwrap().iter();
    scenarios
        .map(|scenario| {
            let header = scenario["header"].as_str().unwrap_or("-");
            format!("{} {header} {}", scenario["name"].as_str().unwrap(), scenario["peak_channels"])
        })
        .collect()
}

fn write(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_header_of_the_captures_is_tried() {
    let document = check(&[&corpus("b2bua-x-call-id"), "--limit", "1"]);
    assert_eq!(peaks(&document), ["as-is - 2", "merge-header x-call-id 1", "merged - 1"]);
    let how = document["scenarios"][1]["how"].as_str().unwrap();
    assert_eq!(how, "callidmerge_header = x-call-id in voipmonitor.conf, then re-compute");
}

#[test]
fn a_header_that_is_asked_for_is_tried_and_decides() {
    let spool = corpus("b2bua-x-call-id");
    let words = [&*spool, "--limit", "1", "--scenario", "merge-header=X-Other"];
    let document = check(&words);
    assert_eq!(document["decided_by"], "merge-header");
    let expect = ["as-is - 2", "merge-header X-Other 2", "merge-header x-call-id 1", "merged - 1"];
    assert_eq!(peaks(&document), expect);
}

#[test]
fn the_configured_header_is_how_things_are() {
    let folder = TempDir::new().unwrap();
    let conf = write(&folder, "voipmonitor.conf", "callidmerge_header = X-Call-ID\n");
    let words = [&*corpus("b2bua-x-call-id"), "--limit", "1", "--conf", conf.to_str().unwrap()];
    assert_eq!(peaks(&check(&words)), ["as-is - 1", "merged - 1"]);
}

#[test]
fn recorded_cdrs_are_what_the_gui_counts_now() {
    let folder = TempDir::new().unwrap();
    let csv = "calldate,duration,caller,called,lastSIPresponseNum,id_sensor\n\
               2026-11-20 10:00:00,14,1001,800100200,200,1\n\
               2026-11-20 10:00:00,14,1001,2002,200,1\n\
               2026-11-20 10:00:00,14,1001,3003,200,1\n";
    let path = write(&folder, "cdr.csv", csv);
    let spool = corpus("b2bua-x-call-id");
    let words = [&*spool, "--limit", "1", "--recorded", path.to_str().unwrap()];
    let document = check(&words);
    assert_eq!(peaks(&document)[3], "recorded - 3");
    let text = stdout(&respool(&[&["check", "--quiet", "--width", "200"], &words[..]].concat()));
    assert!(text.contains("The database counts 0.01 channels on 2026-11-20"), "{text}");
    // An hour ahead of UTC: the dates are those of another zone.
    let zone = ["--recorded-zone", "Europe/Berlin"];
    let peak_at = &check(&[&words[..], &zone].concat())["scenarios"][3]["peak_at"][0];
    assert_eq!(peak_at.as_str().unwrap(), "2026-11-20 09:00:00.000");
}

#[test]
fn recorded_cdrs_that_cannot_be_read_are_refused_by_line() {
    let folder = TempDir::new().unwrap();
    let csv = "calldate,duration,caller,called,lastSIPresponseNum\n\
               2026-11-20 10:00:00,14,1001,2002,200\n\
               2026-11-20,14,1001,2002,OK\n";
    let path = write(&folder, "cdr.csv", csv);
    let spool = corpus("b2bua-x-call-id");
    let refused = |words: &[&str], expect: &str| {
        let output = respool(&[&["check", &*spool, "--limit", "1"], words].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(expect), "{}", stderr(&output));
    };
    refused(&["--recorded", path.to_str().unwrap()], "cdr.csv, line 3: ");
    refused(&["--recorded", "/no/such.csv"], "/no/such.csv: ");
    refused(&["--scenario", "recorded"], "needs the CDRs of the database");
}

#[test]
fn every_reading_is_listed_where_they_are_asked_for() {
    let spool = corpus("b2bua-x-call-id");
    let words = ["check", &*spool, "--limit", "1", "--quiet", "--readings", "all"];
    let text = stdout(&respool(&words));
    let lines = text.lines().filter(|line| line.contains("cut=") && line.contains("unlock="));
    assert_eq!(lines.count(), 3_072);
    let pinned = [&words[..], &["--reading", "dedup=none,cut=packets"]].concat();
    let text = stdout(&respool(&pinned));
    let lines = text.lines().filter(|line| line.contains("cut=") && line.contains("unlock="));
    assert_eq!(lines.count(), 3_072 / 8);
}

/// The list in the JSON, each scenario with its own verdicts and figures: two legs of one call, an hour
/// of channels at most, on one day.
#[test]
fn every_reading_is_in_the_json_of_every_scenario() {
    let spool = corpus("b2bua-x-call-id");
    let pins = "cut=packets,span=whole-call,edges=exact,dedup=none,terminated=excluded,branches=leg,\
                over=at-least,lock=more-than-14";
    let words = [&*spool, "--limit", "2", "--readings", "all", "--reading", pins];
    let document = check(&words);
    let listed = |scenario: &Value| {
        let readings = scenario["readings"].as_array().unwrap().iter();
        readings
            .map(|reading| {
                let name = reading["reading"].as_str().unwrap();
                let left = name.replace(pins.split(",over").next().unwrap(), "");
                let figure = &reading["deciding"]["figure"]["text"];
                let verdict = reading["verdict"].as_str().unwrap();
                assert_eq!(reading["without_loss"], verdict);
                let runs = ["run_days_at_least", "run_days", "run_days_at_most"];
                let runs: Vec<u64> =
                    runs.iter().map(|run| reading[run].as_u64().unwrap()).collect();
                format!("{left}: {verdict} {figure} {runs:?}")
            })
            .collect::<Vec<String>>()
    };
    let expect = |mean: &str, peak: &str, outcome: &str, runs: &str| {
        let line = |window: &str, unlock: &str, figure: &str, outcome: &str, runs: &str| {
            format!(
                ",window={window},over=at-least,lock=more-than-14,unlock={unlock}: {outcome} {figure} {runs}"
            )
        };
        vec![
            line("hourly-mean", "run-within-grace", "null", "lifts", "[0, 0, 0]"),
            line("hourly-mean", "last-day", mean, "lifts", "[0, 0, 0]"),
            line("hourly-mean", "whole-window", mean, "lifts", "[0, 0, 0]"),
            line("hourly-peak", "run-within-grace", "null", "lifts", runs),
            line("hourly-peak", "last-day", peak, outcome, runs),
            line("hourly-peak", "whole-window", peak, outcome, runs),
        ]
    };
    for scenario in document["scenarios"].as_array().unwrap() {
        let is_as_is = scenario["name"] == "as-is";
        let mean = scenario["days"][0]["figure"]["text"].to_string();
        let expect = if is_as_is {
            expect(&mean, "\"2\"", "stays", "[1, 1, 1]")
        } else {
            expect(&mean, "\"1\"", "lifts", "[0, 0, 0]")
        };
        assert_eq!(listed(scenario), expect, "{}", scenario["name"]);
    }
    let without = check(&[&*spool, "--limit", "2"]);
    assert!(without["scenarios"][0].get("readings").is_none());
}

/// What an auditor finds of the scenarios: verdict, days and hours of each, and every reading.
#[test]
fn the_database_holds_every_scenario_and_reading() {
    let folder = TempDir::new().unwrap();
    let database = folder.path().join("run.db");
    let spool = corpus("b2bua-x-call-id");
    check(&[&*spool, "--limit", "1", "--db", database.to_str().unwrap()]);
    let database = rusqlite::Connection::open(&database).unwrap();
    let count = |sql: &str| {
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect::<Vec<(String, i64)>>()
    };
    for (table, rows) in
        [("verdicts", 1), ("reading_verdicts", 3_072), ("channel_days", 1), ("channel_hours", 24)]
    {
        let sql = format!("SELECT scenario, count(*) FROM {table} GROUP BY 1 ORDER BY 1");
        let expect = ["as-is", "merge-header=x-call-id", "merged"];
        assert_eq!(count(&sql), expect.map(|name| (name.to_owned(), rows)), "{table}");
    }
    let differ = "SELECT v.scenario, count(*) FROM verdicts v JOIN reading_verdicts r
        USING (scenario, reading, verdict) GROUP BY 1 ORDER BY 1";
    assert_eq!(count(differ).len(), 3);
}

#[test]
fn the_history_of_every_scenario() {
    let spool = corpus("b2bua-x-call-id");
    let text = stdout(&respool(&["history", &spool, "--quiet"]));
    for expect in ["merge-header x-call-id (UTC)", "Concurrent calls, last 14 days", "2026-11-20"] {
        assert!(text.contains(expect), "{expect}: {text}");
    }
    // Who was up: two channels as it is, and both legs in one where they are merged.
    let at_peak: Vec<&str> = text.split("Up at the peak of ").skip(1).collect();
    assert!(at_peak[0].starts_with("as-is (2026-11-20 10:00:00 UTC): 2 channels"), "{text}");
    assert!(at_peak[2].starts_with("merged (2026-11-20 10:00:00 UTC): 1 channel\n"), "{text}");
    assert!(at_peak[0].contains("  1001 -> 2002  out@pbx"), "{text}");
    let csv = stdout(&respool(&["history", &spool, "--quiet", "--csv"]));
    assert!(csv.starts_with("scenario,header,date,hour_started_utc"), "{csv}");
    assert!(csv.lines().any(|line| line.starts_with("merge-header,x-call-id,2026-11-20,")));
    let json = stdout(&respool(&["history", &spool, "--quiet", "--json"]));
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&document["schema"], &document["limit_channels"]),
        (&"respool.history/1".into(), &Value::Null)
    );
    let with_limit = respool(&["history", &spool, "--quiet", "--json", "--limit", "7"]);
    let document: Value = serde_json::from_slice(&with_limit.stdout).unwrap();
    assert_eq!(document["limit_channels"], 7);
}

#[test]
fn licenses_are_listed_shown_and_checked() {
    let list = stdout(&respool(&["license", "list"]));
    assert_eq!(list.lines().count(), 5);
    let shown = stdout(&respool(&["license", "show", "digium"]));
    assert!(shown.contains("10 + 5 = 15"), "{shown}");
    let unknown = respool(&["license", "show", "other"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("built in are voipmonitor, digium"));
    let folder = TempDir::new().unwrap();
    let text = "formal_end = '2026-01-31'\nkeys = [{ name = 'a', units = 8 }]\n";
    let path = write(&folder, "license.toml", text);
    let on = |day: &str| respool(&["license", "check", path.to_str().unwrap(), "--as-of", day]);
    let (good, ended) = (on("2026-02-20"), on("2026-02-21"));
    assert_eq!((good.status.code(), ended.status.code()), (Some(0), Some(1)));
    assert!(stdout(&good).contains("limit: 8 x concurrent channel"), "{}", stdout(&good));
    assert!(stdout(&ended).contains("no recompute lifts it"), "{}", stdout(&ended));
    let help = stdout(&respool(&["license", "check", "--help"]));
    assert!(
        help.contains("Exit codes: 0 no cause of a lock is in force, 1 at least one is"),
        "{help}"
    );
    let missing = respool(&["license", "check", "/no/such.toml"]);
    assert_eq!(missing.status.code(), Some(2));
}

/// A capture of raw IPv4 (link type 228) with SIP over UDP, one record a message: second, text.
fn capture(messages: &[(u32, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [0xA1B2_C3D4u32, 0x0004_0002, 0, 0, 65_535, 228] {
        bytes.extend(word.to_le_bytes());
    }
    for (second, text) in messages {
        let text = text.replace('\n', "\r\n");
        let length = u16::try_from(28 + text.len()).unwrap();
        for word in [1_795_168_800 + second, 0, u32::from(length), u32::from(length)] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([0x45, 0]);
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([0x13, 0xC4, 0x13, 0xC4]);
        bytes.extend((length - 20).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn answer(call_id: &str, codec: &str, media_port: u16, header: &str) -> (String, String) {
    let head = format!(
        "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{call_id}\nFrom: <sip:1@a>;tag=f\n\
         To: <sip:2@b>;tag=t\nCall-ID: {call_id}\nCSeq: 1 INVITE\n"
    );
    let sdp = format!(
        "v=0\no=- 1 1 IN IP4 10.0.0.2\ns=-\nc=IN IP4 10.0.0.2\nt=0 0\nm=audio {media_port} RTP/AVP 18\n\
         a=rtpmap:18 {codec}/8000\n"
    );
    let length = sdp.len() + sdp.matches('\n').count();
    (
        format!(
            "INVITE sip:2@b SIP/2.0\n{}{header}Content-Length: 0\n\n",
            head.replace(";tag=t", "")
        ),
        format!(
            "SIP/2.0 200 OK\n{head}Content-Type: application/sdp\nContent-Length: {length}\n\n{sdp}"
        ),
    )
}

fn hang_up(call_id: &str) -> String {
    format!(
        "BYE sip:2@b SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb{call_id}\n\
         From: <sip:1@a>;tag=f\nTo: <sip:2@b>;tag=t\nCall-ID: {call_id}\nCSeq: 2 BYE\n\
         Content-Length: 0\n\n"
    )
}

fn registered(user: &str, expires: &str) -> String {
    format!(
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKr\nFrom: <sip:{user}@a>;tag=f\n\
         To: <sip:{user}@a>;tag=t\nCall-ID: r-{user}\nCSeq: 1 REGISTER\n{expires}Content-Length: 0\n\n"
    )
}

#[test]
fn units_of_other_licenses_are_counted_from_captures() {
    let folder = TempDir::new().unwrap();
    let mut messages = Vec::new();
    // Three calls at once, two of them with G.729; three users, of whom two at once.
    for (number, codec) in [(0, "G729"), (1, "g729"), (2, "PCMA")] {
        let call_id = format!("call{number}");
        let (invite, ok) = answer(&call_id, codec, 4_000, "");
        messages.push((number, invite));
        messages.push((10 + number, ok));
        messages.push((60 + number, hang_up(&call_id)));
    }
    messages
        .push((1, registered("ann", "Contact: <sip:ann@10.0.0.1>;expires=60\nExpires: 3600\n")));
    messages.push((50, registered("ann", "Expires: 60\n")));
    messages.push((70, registered("bob", "Expires: 30\n")));
    messages.push((200, registered("cid", "Expires: 30\n")));
    messages.push((201, registered("dan", "Expires: 0\n")));
    messages.sort_by_key(|(second, _)| *second);
    let spool = write(&folder, "a.pcap", capture(&messages));
    let used = |policy: &str| {
        let license = write(&folder, "license.toml", format!("policy = '{policy}'\n"));
        let words =
            [spool.to_str().unwrap(), "--limit", "9", "--license", license.to_str().unwrap()];
        let document = check(&words);
        let license = &document["license"];
        (license["units_in_use"].as_u64(), license["shown_by_captures"].as_bool())
    };
    assert_eq!(used("digium"), (Some(2), Some(true)));
    assert_eq!(used("innovaphone"), (Some(2), Some(true)));
    // Equal numbers within 10 s: one channel by the documented reading.
    assert_eq!(used("voipmonitor"), (Some(1), Some(true)));
    assert_eq!(used("ayrix"), (None, Some(false)));
}

/// A figure that holds more than the unit is told as what it is, in text and JSON.
#[test]
fn a_figure_of_units_is_told_with_its_bound() {
    let folder = TempDir::new().unwrap();
    let (invite, ok) = answer("call", "G729", 4_000, "");
    let spool = capture(&[(0, invite), (10, ok), (60, hang_up("call"))]);
    let spool = write(&folder, "a.pcap", spool);
    // units of the key, causes, what is said
    for (units, said) in [
        (1, "at most 1 at once (G.729 channel): never more than the limit of 1"),
        (
            0,
            "at most 1 at once (G.729 channel): whether it was ever more than the limit of 0 cannot be",
        ),
    ] {
        let text = format!(
            "policy = 'digium'\nkeys = [{{ name = 'a', units = {units}, kind = 'codec' }}]\n"
        );
        let license = write(&folder, "license.toml", text);
        let words = [
            "check",
            spool.to_str().unwrap(),
            "--limit",
            "9",
            "--quiet",
            "--license",
            license.to_str().unwrap(),
        ];
        let document: Value =
            serde_json::from_slice(&respool(&[&words[..], &["--json"]].concat()).stdout).unwrap();
        let license = &document["license"];
        assert_eq!(license["units_in_use_bound"], "at-most");
        assert_eq!(license["causes"].as_array().unwrap().len(), 0);
        let notice = license["notices"][0].as_str().unwrap();
        let unit = notice.split('(').nth(1).and_then(|rest| rest.split(')').next()).unwrap();
        assert!(notice.starts_with(&said.replace("G.729 channel", unit)), "{notice}");
        let text = stdout(&respool(&[&words[..], &["--width", "300"]].concat()));
        assert!(text.contains(&format!("License: {notice}")), "{text}");
    }
}

/// Calls of which the capture holds no INVITE, because they ran when it began: at most a channel each.
#[test]
fn calls_that_ran_when_the_capture_began_are_told() {
    let folder = TempDir::new().unwrap();
    let (invite, ok) = answer("call", "PCMA", 4_000, "");
    let messages =
        [(0, hang_up("older")), (1, invite), (11, ok), (60, hang_up("call")), (70, hang_up("old"))];
    let spool = write(&folder, "a.pcap", capture(&messages));
    let words = ["check", spool.to_str().unwrap(), "--limit", "1", "--quiet"];
    let text = stdout(&respool(&[&words[..], &["--width", "300"]].concat()));
    let expect = "2 calls ran already when the captures began; the INVITE is not in them. As read they \
                  are no channels, at most one each. The last one was seen at 2026-";
    let place = expect.find("2026-").unwrap();
    assert!(text.contains(&expect[..place]), "{text}");
    let document: Value =
        serde_json::from_slice(&respool(&[&words[..], &["--json"]].concat()).stdout).unwrap();
    assert_eq!(document["running_at_start"]["calls"], 2);
    let day = &document["scenarios"][0]["days"][0];
    let numerator = |figure: &Value| figure["numerator"].as_str().unwrap().parse::<u64>().unwrap();
    // 70 s of the one that ended last, none of the one that ended first.
    assert_eq!(numerator(&day["most"]), numerator(&day["figure"]) + 70_000_000_000);
    // One of them and the call: two at once, over the limit of 1 by the peak of the hour.
    let pins = "window=hourly-peak,unlock=last-day";
    let told = respool(&[&words[..], &["--reading", pins, "--json"]].concat());
    let document: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&document["verdict"], told.status.code()), (&"cannot-tell".into(), Some(3)));
    let with_room =
        respool(&["check", spool.to_str().unwrap(), "--limit", "3", "--quiet", "--reading", pins]);
    assert_eq!(with_room.status.code(), Some(0));
}

/// Two answered calls over one hop, three seconds apart, from one number to another: deduplication
/// takes them for one. Whether they are evidently two is in the caveats.
#[test]
fn evidently_different_calls_are_told_with_the_evidence() {
    let folder = TempDir::new().unwrap();
    let caveats = |second_port: u16, header: &str| {
        let mut messages = Vec::new();
        for (number, port, header) in [(0, 4_000, ""), (3, second_port, header)] {
            let call_id = format!("call{number}");
            let (invite, ok) = answer(&call_id, "PCMA", port, header);
            messages.push((number, invite));
            messages.push((10 + number, ok));
            messages.push((60 + number, hang_up(&call_id)));
        }
        messages.sort_by_key(|(second, _)| *second);
        let spool = write(&folder, "a.pcap", capture(&messages));
        let document = check(&[spool.to_str().unwrap(), "--limit", "9"]);
        let caveats = document["scenarios"][0]["caveats"].as_array().unwrap().clone();
        assert_eq!(document["scenarios"][0]["peak_channels"], 1);
        caveats.iter().any(|caveat| caveat["kind"] == "hides-different-calls")
    };
    assert!(caveats(5_000, ""), "other media, nothing ties them");
    assert!(!caveats(4_000, ""), "the same parties on the same media");
    assert!(!caveats(5_000, "X-Call-ID: call0\n"), "a header ties them");
}
