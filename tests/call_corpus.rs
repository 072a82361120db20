//! The corpus against its hand-written truth: which legs are one call, by which rule, and which only
//! look like it. In `truth.toml` and, where it is there, `calls.toml`: `[[call]]` lists the legs of one
//! call, and the rule that must be among those that join it; `[[near_miss]]` two legs that a rule outside
//! the merge set ties; `[[apart]]` two legs that look alike to a rule, which must compare them and must not
//! join them; `[[branch]]` a fork destination of a leg; `sensors` the directories of the input that are one
//! each. `corpus/README.md` says which case shows what, and a test holds it.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it compared"
)]

use respool::call::{
    Branch, BranchOutcome, Grouping, LegOutline, Outlines, Refusal, RuleName, RuleTable, branches,
    explain, group, merge, outline_all,
};
use respool::leg::Leg;
use respool::run::{ReconstructOptions, reconstruct};
use respool::spool::WalkOptions;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What joins by default: each must be shown by a case.
const JOINING: [RuleName; 9] = [
    RuleName::CallId,
    RuleName::Replaces,
    RuleName::Refer,
    RuleName::Redirect,
    RuleName::SessionId,
    RuleName::Header,
    RuleName::Icid,
    RuleName::Media,
    RuleName::Fork,
];
/// What is reported only.
const REPORTED: [RuleName; 3] = [RuleName::Recording, RuleName::History, RuleName::Numbers];

#[derive(serde::Deserialize)]
struct Truth {
    #[serde(default)]
    sensors: Vec<String>,
    #[serde(default)]
    call: Vec<OneCall>,
    #[serde(default)]
    near_miss: Vec<OneCall>,
    #[serde(default)]
    apart: Vec<OneCall>,
    #[serde(default)]
    branch: Vec<OneBranch>,
}

/// One fork destination of a leg.
#[derive(serde::Deserialize)]
struct OneBranch {
    leg: String,
    to_tag: String,
    /// `answered`, `released` (the loser of two answers), or the status of its failure.
    outcome: String,
}

/// Legs by Call-ID, or SENSOR=CALL-ID.
#[derive(serde::Deserialize)]
struct OneCall {
    legs: Vec<String>,
    rule: Option<String>,
}

fn rule_of(call: &OneCall) -> Option<RuleName> {
    call.rule.as_ref().map(|name| RuleName::from_name(name).expect("a rule of the program"))
}

struct Case {
    truth: Truth,
    names: Vec<String>,
    legs: Vec<Leg>,
    outlines: Outlines,
    grouping: Grouping,
}

/// Through the whole pipeline: files to legs to calls.
fn run(directory: &Path, truth: Truth) -> Case {
    let input = directory.join("input");
    let sensors = truth.sensors.iter().map(|name| (name.clone(), input.join(name))).collect();
    let walk = WalkOptions { sensors, ..WalkOptions::default() };
    let options = ReconstructOptions { walk, threads: 1, ..ReconstructOptions::default() };
    let found = reconstruct(&[input], &options).expect("the case can be read");
    let legs: Vec<Leg> = found.legs.iter().collect();
    let outlines = outline_all(&legs);
    let grouping = group(&outlines, &RuleTable::default());
    let name = |leg: LegOutline<'_>| {
        let call_id = String::from_utf8_lossy(leg.call_id).into_owned();
        match found.listing.sensor_name(leg.sensor) {
            "" => call_id,
            sensor => format!("{sensor}={call_id}"),
        }
    };
    let names = outlines.iter().map(name).collect();
    Case { truth, names, legs, outlines, grouping }
}

fn cases() -> BTreeMap<String, Case> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(corpus).expect("the corpus is there") {
        let directory: PathBuf = entry.expect("the corpus can be read").path();
        let parts = ["truth.toml", "calls.toml"].map(|name| directory.join(name));
        let text = parts.map(|path| std::fs::read_to_string(path).unwrap_or_default()).concat();
        let truth: Truth = toml::from_str(&text).expect("truth is TOML");
        if !truth.call.is_empty() {
            let name = directory.file_name().expect("a directory").to_string_lossy().into_owned();
            found.insert(name, run(&directory, truth));
        }
    }
    found
}

impl Case {
    fn check(&self, case: &str) {
        let expect: BTreeSet<BTreeSet<&str>> = self
            .truth
            .call
            .iter()
            .map(|call| call.legs.iter().map(String::as_str).collect())
            .collect();
        let name = |leg: &u32| self.names[*leg as usize].as_str();
        let found: BTreeSet<BTreeSet<&str>> = self
            .grouping
            .groups
            .iter()
            .map(|group| group.legs.iter().map(name).collect())
            .collect();
        let evidence: Vec<String> = self
            .grouping
            .evidence
            .iter()
            .map(|e| format!("{} {} and {}: {:?}", e.rule, name(&e.left), name(&e.right), e.joined))
            .collect();
        assert_eq!(found, expect, "{case}: {evidence:#?}");
        for call in &self.truth.call {
            let by = self.rules(&call.legs, true);
            assert!(rule_of(call).is_none_or(|rule| by.contains(&rule)), "{case}: {by:?}");
        }
        for miss in &self.truth.near_miss {
            let by = self.rules(&miss.legs, false);
            assert!(rule_of(miss).is_some_and(|rule| by.contains(&rule)), "{case}: {by:?}");
        }
        self.truth.apart.iter().for_each(|apart| self.check_apart(case, apart));
        self.check_branches(case);
    }

    /// The rule compared the two, found them different, and no other rule joined them.
    fn check_apart(&self, case: &str, apart: &OneCall) {
        let rule = rule_of(apart).expect("a rule is named");
        let number = |name: &String| {
            let place = self.names.iter().position(|other| other == name);
            u32::try_from(place.expect("a leg of the case")).expect("few legs")
        };
        let [left, right] = &apart.legs[..] else { panic!("{case}: two legs look alike") };
        let (left, right) = (number(left), number(right));
        let table = RuleTable::default();
        let outcomes = explain(&self.outlines, &self.grouping, &table, left, right);
        let outcome = outcomes.iter().find(|outcome| outcome.rule == rule).expect("every rule");
        let refusal = outcome.joined.as_ref().err();
        let is_compared = refusal.is_some_and(|why| !matches!(why, Refusal::Absent(_)));
        assert!(is_compared && !outcome.compared.is_empty(), "{case}: {outcome:?}");
        let groups = [left, right].map(|leg| self.grouping.place_of(leg));
        assert_ne!(groups[0], groups[1], "{case}: {:?}", apart.legs);
    }

    /// All branches of the legs whose branches are told.
    fn check_branches(&self, case: &str) {
        let told = &self.truth.branch;
        for (name, leg) in self.names.iter().zip(&self.legs) {
            let expect: BTreeSet<(String, String)> = told
                .iter()
                .filter(|branch| branch.leg == *name)
                .map(|branch| (branch.to_tag.clone(), branch.outcome.clone()))
                .collect();
            let outcome = |branch: &Branch| match branch.outcome {
                BranchOutcome::Answered => "answered".to_owned(),
                BranchOutcome::AnsweredAndReleased => "released".to_owned(),
                BranchOutcome::Failed(status) => status.to_string(),
                other => format!("{other:?}"),
            };
            let tag = |branch: &Branch| String::from_utf8_lossy(&branch.to_tag).into_owned();
            let found: BTreeSet<(String, String)> =
                branches(leg).iter().map(|branch| (tag(branch), outcome(branch))).collect();
            assert!(expect.is_empty() || found == expect, "{case}: {found:?}, not {expect:?}");
        }
        let is_leg = |branch: &OneBranch| self.names.contains(&branch.leg);
        assert!(told.iter().all(is_leg), "{case}: a branch of no leg");
    }

    /// The rules that hold among legs, and joined them or not.
    fn rules(&self, legs: &[String], joined: bool) -> BTreeSet<RuleName> {
        let is_in = |leg: u32| legs.contains(&self.names[leg as usize]);
        let among = self.grouping.evidence.iter().filter(|e| is_in(e.left) && is_in(e.right));
        among.filter(|e| e.is_joined() == joined).map(|e| e.rule).collect()
    }
}

#[test]
fn calls_are_what_the_scenarios_say() {
    let cases = cases();
    for (name, case) in &cases {
        case.check(name);
        println!("{name}: {} legs, {} calls", case.names.len(), case.truth.call.len());
    }
    for rule in JOINING {
        let is_there = |call: &OneCall| call.legs.len() > 1 && rule_of(call) == Some(rule);
        let count =
            cases.values().flat_map(|case| &case.truth.call).filter(|c| is_there(c)).count();
        assert!(count > 0, "no case shows how {rule} joins");
    }
    for rule in REPORTED {
        let misses = cases.values().flat_map(|case| &case.truth.near_miss);
        assert!(misses.filter(|miss| rule_of(miss) == Some(rule)).count() > 0, "no case of {rule}");
    }
    for rule in RuleName::ALL {
        let mut apart = cases.values().flat_map(|case| &case.truth.apart);
        assert!(apart.any(|pair| rule_of(pair) == Some(rule)), "no look-alike of {rule}");
    }
}

/// Conservation, over every case: each leg and each CDR is in exactly one call, and a call lasts from the
/// start of its first CDR to the end of its last.
#[test]
fn every_leg_and_every_cdr_is_in_exactly_one_call() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let (mut legs, mut together) = (0, 0);
    for entry in std::fs::read_dir(corpus).expect("the corpus is there") {
        let input = entry.expect("an entry").path().join("input");
        if !input.is_dir() {
            continue;
        }
        let options = ReconstructOptions { threads: 1, ..ReconstructOptions::default() };
        let found = reconstruct(std::slice::from_ref(&input), &options).expect("the case");
        let outlines = outline_all(&found.legs.iter().collect::<Vec<_>>());
        let grouping = group(&outlines, &RuleTable::default());
        let all: Vec<_> = found.cdrs.iter().collect();
        let merged = merge(&outlines, &grouping, &all);
        let mut of_calls: Vec<u32> = merged.calls.iter().flat_map(|c| c.legs.clone()).collect();
        of_calls.sort_unstable();
        let expect: Vec<u32> = (0u32..).take(outlines.len()).collect();
        assert_eq!(of_calls, expect, "{}", input.display());
        let mut cdrs = merged.cdr_groups.concat();
        cdrs.sort_unstable();
        assert_eq!(cdrs, (0..all.len()).collect::<Vec<_>>(), "{}", input.display());
        for (call, own) in merged.calls.iter().zip(&merged.cdr_groups) {
            let own: Vec<_> = own.iter().map(|place| &all[*place]).collect();
            let whole = || own.iter().filter(|cdr| !cdr.only_when_cut);
            if let Some(first) = whole().map(|cdr| cdr.started).min() {
                assert_eq!(call.started, first, "{}", input.display());
                assert_eq!(Some(call.ended), whole().map(|cdr| cdr.ended).max());
                assert_eq!(call.connected, whole().filter_map(|cdr| cdr.connected).min());
            }
            assert!(own.iter().all(|cdr| call.legs.contains(&cdr.leg)));
            together += usize::from(call.legs.len() > 1);
        }
        legs += outlines.len();
    }
    assert!(legs > 1_000 && together > 300, "{legs} legs, {together} calls of several");
}

/// What the table of `corpus/README.md` must have a row of, beside every rule.
const SHOWN: [&str; 18] = [
    "parallel fork",
    "serial fork",
    "forked 2xx with the loser's BYE",
    "199",
    "CANCEL and 487 per branch",
    "ring group",
    "blind transfer",
    "attended transfer",
    "semi-attended transfer",
    "refused transfer",
    "failed transfer",
    "chain of transfers",
    "REFER under a Call-ID of its own",
    "pickup with Replaces, early-only",
    "3xx, same Call-ID",
    "3xx, new Call-ID",
    "BYE with Also",
    "transfer by re-INVITE only",
];

/// Cells of the rows of a table in Markdown that have `columns` of them.
fn rows(text: &str, columns: usize) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Option<Vec<String>> {
        let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
        Some(inner.split(" | ").map(|cell| cell.trim_matches('`').to_owned()).collect())
    };
    text.lines().filter_map(cells).filter(|row| row.len() == columns).skip(1).collect()
}

/// Names in a cell: `-` is none.
fn listed(cell: &str) -> Vec<&str> {
    cell.split(", ").map(|name| name.trim_matches('`')).filter(|name| *name != "-").collect()
}

/// Every line has a case that joins (or shows the branches) and one that stays apart; each case is
/// there, and its truth says so.
#[test]
fn the_table_of_the_corpus_is_true() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/README.md");
    let text = std::fs::read_to_string(readme).expect("corpus/README.md is there");
    let cases = cases();
    let case = |name: &str| cases.get(name).unwrap_or_else(|| panic!("no case {name} with calls"));
    let table = rows(&text, 3);
    let mut shown: Vec<&str> = table.iter().map(|row| row[0].as_str()).collect();
    shown.sort_unstable();
    let rules = RuleName::ALL.map(|rule| format!("rule {rule}"));
    let mut wanted: Vec<&str> = rules.iter().map(String::as_str).chain(SHOWN).collect();
    wanted.sort_unstable();
    assert_eq!(shown, wanted);
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for row in &table {
        let [line, joins, apart] = &row[..] else { panic!("three cells") };
        named.extend(listed(joins));
        named.extend(listed(apart));
        let rule = line.strip_prefix("rule ").and_then(RuleName::from_name);
        let is_of = |call: &OneCall| rule.is_none() || rule_of(call) == rule;
        for name in listed(joins) {
            let truth = &case(name).truth;
            let joined = truth.call.iter().any(|call| call.legs.len() > 1 && is_of(call));
            let reported = truth.near_miss.iter().any(is_of);
            let has_branches = rule.is_none() && truth.branch.len() > 1;
            let is_one_leg = rule.is_none() && line.contains("same Call-ID");
            assert!(
                joined || reported || has_branches || is_one_leg,
                "{line}: {name} joins nothing"
            );
        }
        for name in listed(apart) {
            let truth = &case(name).truth;
            assert!(truth.apart.iter().any(is_of), "{line}: nothing looks alike in {name}");
        }
        let only_apart = line.starts_with("refused") || line.starts_with("failed");
        assert_ne!(listed(joins).is_empty(), !only_apart, "{line}");
        let inside_a_leg = ["fork", "199", "CANCEL", "same Call-ID"];
        let may_lack = rule.is_none() && inside_a_leg.iter().any(|word| line.contains(word));
        assert!(may_lack || !listed(apart).is_empty(), "{line}: no look-alike");
    }
    let unnamed: Vec<&String> = cases
        .iter()
        .filter(|(name, case)| !case.truth.apart.is_empty() && !named.contains(name.as_str()))
        .map(|(name, _)| name)
        .collect();
    assert!(unnamed.is_empty(), "look-alikes that the table does not name: {unnamed:?}");
}

/// Most channels at one moment, by hand: the union of each group's intervals, half-open; groups that
/// end in 487 altogether do not count. No numbers are alike in the cases that use it.
fn peak_by_hand(groups: &[Vec<(i64, i64)>]) -> usize {
    let mut edges: Vec<(i64, i64)> = Vec::new();
    for group in groups {
        let mut spans = group.clone();
        spans.sort_unstable();
        let mut until = i64::MIN;
        for (start, end) in spans {
            if end > until {
                edges.push((start.max(until), 1));
                edges.push((end, -1));
                until = end;
            }
        }
    }
    edges.sort_unstable();
    let (mut now, mut most) = (0, 0);
    for (_, step) in edges {
        now += step;
        most = most.max(now);
    }
    usize::try_from(most).expect("never below 0")
}

/// The intervals of the CDRs that count, by leg and by call.
fn intervals(input: &Path) -> [Vec<Vec<(i64, i64)>>; 2] {
    let roots = [input.to_path_buf()];
    let found = reconstruct(&roots, &ReconstructOptions::default()).expect("the case can be read");
    let grouping =
        group(&outline_all(&found.legs.iter().collect::<Vec<_>>()), &RuleTable::default());
    let mut by_call = vec![Vec::new(); grouping.groups.len()];
    let mut answered = vec![false; grouping.groups.len()];
    let mut by_leg = Vec::new();
    for cdr in found.cdrs.iter().filter(|cdr| !cdr.only_when_cut) {
        let call = grouping.groups.of_legs()[cdr.leg as usize] as usize;
        let span = (cdr.started.ns(), cdr.ended.ns());
        by_call[call].push(span);
        answered[call] |= cdr.last_response != 487;
        if cdr.last_response != 487 {
            by_leg.push(vec![span]);
        }
    }
    let counted = by_call.into_iter().zip(answered).filter(|(_, counts)| *counts);
    [by_leg, counted.map(|(spans, _)| spans).collect()]
}

/// Limit, then days over and verdict of `as-is` and of `merged`, by the scenario; the peaks by hand.
fn check_scenarios(case: &str, limit: &str, expect: [(u64, &str); 2]) {
    let input = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(case).join("input");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_respool"))
        .args(["check", "--limit", limit, "--quiet", "--json"])
        .arg(&input)
        .output()
        .expect("the program runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let peaks = intervals(&input).map(|groups| peak_by_hand(&groups));
    let named = |name: &str| {
        let scenarios = report["scenarios"].as_array().expect("scenarios");
        scenarios.iter().find(|scenario| scenario["name"] == name).expect("the scenario").clone()
    };
    for ((name, (days_over, verdict)), peak) in ["as-is", "merged"].iter().zip(expect).zip(peaks) {
        let scenario = named(name);
        assert_eq!(scenario["days_over"], days_over, "{case} {name}");
        assert_eq!(scenario["verdict"], verdict, "{case} {name}");
        assert_eq!(scenario["peak_channels"], peak, "{case} {name}");
    }
    println!("{case}: peak {} by leg, {} by call", peaks[0], peaks[1]);
}

#[test]
fn merging_changes_peak_days_and_verdict() {
    check_scenarios("readme-spool", "3", [(16, "stays"), (0, "lifts")]);
    // Below one channel on the mean of an hour: never over, and the peak shows what was merged.
    for case in ["b2bua-x-call-id", "b2bua-without-trace", "header-suffix", "ring-group"] {
        check_scenarios(case, "1", [(0, "lifts"), (0, "lifts")]);
    }
}
