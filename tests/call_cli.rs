//! `audit`, `explain` and `show` as a person types them, over the corpus.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::process::Command;

/// Exit code, standard output, standard error.
fn respool(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_respool"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))
        .args(arguments)
        .arg("--quiet")
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn says(arguments: &[&str], lines: &[&str]) -> String {
    let (code, text, error) = respool(arguments);
    assert_eq!((code, error.as_str()), (0, ""), "{arguments:?}");
    for line in lines {
        assert!(text.contains(line), "{line:?} not in\n{text}");
    }
    text
}

#[test]
fn audit_lists_what_one_call_cost() {
    let text = says(
        &["audit", "attended-transfer/input"],
        &[
            "1 call was counted as more than one channel",
            "read: 3 legs, which are 1 call",
            "2002 transfers 1001 to 3003 (attended, done, leg 3)",
            "  leg 1 and leg 2 by replaces (proof)\n      Replaces in Refer-To two@h;c2;b2\n      Call-ID two@h\n",
            "attended-transfer/input/capture.pcap, record 9",
        ],
    );
    assert!(!text.contains("call 2:"), "{text}");
    // The two legs that were cancelled end in 487: they are no channels.
    says(&["audit", "ring-group/input"], &["  2 channels for one call, 2 of them at once"]);
    for (flag, value, count) in [
        ("--rule", "replaces", 1),
        ("--rule", "icid", 0),
        ("--class", "proof", 1),
        ("--class", "weak", 0),
        ("--number", "3003", 1),
        ("--number", "4004", 0),
        ("--address", "10.0.0.3", 1),
        ("--address", "10.0.0.9", 0),
        ("--day", "2026-11-20", 1),
        ("--day", "2026-11-21", 0),
    ] {
        let (code, text, _) = respool(&["audit", "attended-transfer/input", "--json", flag, value]);
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let found = json["calls"].as_array().map(Vec::len);
        assert_eq!((code, found), (0, Some(count)), "{flag} {value}");
    }
}

/// Two calls of two legs each from 10:00 to 11:00 every day, which the scenario of the spool says.
#[test]
fn audit_counts_the_peak() {
    let (_, text, _) = respool(&["audit", "readme-spool/input", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let part = |value: &serde_json::Value| {
        let numerator: f64 = value["numerator"].as_str().expect("text").parse().expect("a number");
        numerator / value["denominator"].as_f64().expect("a number")
    };
    let (as_is, merged) =
        (part(&json["peak"]["as_is_channels"]), part(&json["peak"]["merged_channels"]));
    assert!((3.9..4.2).contains(&as_is) && (1.9..2.2).contains(&merged), "{as_is} {merged}");
    let calls = json["calls"].as_array().expect("calls");
    let cost: f64 = calls.iter().map(|call| part(&call["peak_channels"])).sum();
    // No numbers are alike in this spool, so the parts add up to the whole within the same hour.
    assert!((1.9..2.2).contains(&cost), "{cost}");
}

#[test]
fn what_a_rule_would_save_at_the_peak() {
    let text = says(
        &["audit", "numbers-are-weak/input"],
        &[
            "one@h and two@h by numbers (weak): holds, but evidence of its class joins only where --rules says so",
        ],
    );
    assert!(text.contains("  numbers: 0.006 channel-hours less, "), "{text}");
    let rules = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(rules.path(), "numbers.joins = true").expect("written");
    let path = rules.path().to_str().expect("UTF-8");
    says(
        &["audit", "numbers-are-weak/input", "--rules", path],
        &["leg 1 and leg 2 by numbers (weak)"],
    );
    std::fs::write(rules.path(), "nubmers.joins = true").expect("written");
    let (code, _, error) = respool(&["audit", "numbers-are-weak/input", "--rules", path]);
    assert_eq!(code, 2);
    assert!(error.contains("nubmers"), "{error}");
}

#[test]
fn explain_names_every_rule() {
    let legs = ["--leg", "in@h", "--leg", "out@pbx"];
    let arguments = |case| [&["explain", case][..], &legs[..]].concat();
    let text = says(
        &arguments("b2bua-without-trace/input"),
        &[
            "NOT ONE CALL: no rule joins these two legs",
            "  called: 800100200 | 2002",
            "  media address: 10.0.0.1:4000 10.0.0.20:6002 | 10.0.0.20:6000 10.0.0.2:4002",
            "replaces (proof) not joined: nothing to compare: neither leg says Replaces",
            "  own dialogs, Replaces said: in@h;",
            "b2bua-without-trace/input/capture.pcap, record 3",
        ],
    );
    for rule in respool::call::RuleName::ALL {
        assert!(text.contains(&format!("\n{rule} (")), "{rule}");
    }
    says(&arguments("b2bua-x-call-id/input"), &["ONE CALL: joined by header"]);
    says(
        &["explain", "ring-group/input", "--leg", "c@pbx", "--leg", "d@pbx"],
        &["ONE CALL, by way of other legs"],
    );
    says(
        &[
            "explain",
            "two-sensors/input",
            "--sensor",
            "berlin=two-sensors/input/berlin",
            "--sensor",
            "paris=two-sensors/input/paris",
            "--leg",
            "berlin=both@h",
            "--leg",
            "paris=both@h",
        ],
        &["ONE CALL: joined by call-id", "both@h (sensor berlin)"],
    );
}

#[test]
fn show_tells_the_story_and_draws() {
    let text = says(
        &["show", "two@h", "attended-transfer/input", "--ascii", "--width", "100"],
        &[
            "1001 to 2002, 2026-11-20 10:00:00 UTC, 60.030 s",
            "  2002 from 2.000 s until 20.430 s",
            "  20.230 s leg 2: 3003 hangs up",
            "      20.100     3 |-----------------------INVITE----------------------->|",
        ],
    );
    assert!(text.is_ascii());
}

#[test]
fn mistakes_say_what_to_do() {
    for (arguments, expect) in [
        (&["explain", "icid/input", "--leg", "in@h"][..], "give --leg CALL-ID twice"),
        (&["explain", "icid/input", "--leg", "in@h", "--leg", "in@h"], "both name the same leg"),
        (&["show", "nobody", "icid/input"], "no leg has the Call-ID nobody among 4 legs"),
        (&["show", "h", "icid/input"], "these hold it, give more of one: "),
        (&["show", "x", "no-calls/input"], "no calls: "),
        (&["audit", "icid/input", "--rule", "reefer"], "the rules are call-id, replaces"),
        (&["audit", "icid/input", "--hour", "10"], "--day"),
    ] {
        let (code, _, error) = respool(arguments);
        assert_eq!(code, 2, "{arguments:?}");
        assert!(error.contains(expect), "{arguments:?}: {error}");
    }
}
