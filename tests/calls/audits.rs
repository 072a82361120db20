//! Audits: what was counted too much, what nearly joined, what another rule or header would do.

use super::support::*;
use respool::base::{CaptureTime, NS_PER_S, SensorId};
use respool::call::{Audit, AuditFilter, Class, MergedCalls, RuleName, RuleTable, audit, merge};
use respool::leg::{Bye, Cdr, Ends, IdentifierKind::*};
use respool::report::audit::{Audited, audit_text, channel_hours};
use respool::report::audit_json::audit_json;
use respool::report::call::CallsView;

/// One CDR per leg, from its outline.
fn cdrs(run: &Run) -> Vec<Cdr> {
    (0u32..)
        .zip(run.outlines.iter())
        .map(|(leg, outline)| Cdr {
            leg,
            sequence: 0,
            sensor: SensorId(0),
            caller: outline.caller.into(),
            called: outline.called.into(),
            started: outline.started.time,
            ended: outline.ended,
            connected: outline.answered.map(|answer| answer.time),
            progressed: None,
            ends: Ends::new(outline.source, outline.destination),
            last_response: 200,
            bye: Bye::ByeConfirmed,
            hung_up_by: None,
            vendor_cut: None,
            only_when_cut: false,
            branches: 1,
            has_media: false,
            vendor_blind: false,
        })
        .collect()
}

/// Two joined legs of 60 s that overlap, two that only numbers would join, two tied by a token.
fn world() -> (Run, Vec<Cdr>, MergedCalls, Audit) {
    let leg = |id: &str, start: f64, to: &str| {
        Scenario::new(id, "a", "p").talk(start, 2.0, start + 59.95, "4930100", to)
    };
    let token = |id: &str, start: f64| {
        leg(id, start, id).say(start, Header, "x-asterisk-linkedid: 1.7\x1b")
    };
    let scenarios = [
        leg("a1", 0.0, "700"),
        leg("a2", 0.0, "800").say(0.0, Header, "x-cid: a1"),
        leg("b1", 100.0, "900"),
        leg("b2", 105.0, "900"),
        token("c1", 200.0),
        token("c2", 230.0),
    ];
    let run = check(&scenarios, "a1+a2 b1 b2 c1 c2");
    let cdrs = cdrs(&run);
    let merged = merge(&run.outlines, &run.grouping, &cdrs);
    let found = audit(&run.outlines, &run.grouping, &merged, &cdrs, &RuleTable::default());
    (run, cdrs, merged, found)
}

#[test]
fn costs_near_misses_and_what_if() {
    let (run, cdrs, _, found) = world();
    assert_eq!(found.calls.len(), 1);
    let worst = &found.calls[0];
    assert_eq!((worst.call, worst.channels, worst.concurrent_max), (0, 2, 2));
    assert_eq!(worst.cost_ns, 60 * NS_PER_S);
    let misses: Vec<(RuleName, u32, u32, i64)> = found
        .near_misses
        .iter()
        .map(|miss| (run.grouping.evidence.at(miss.evidence), miss.cost_ns))
        .map(|(evidence, cost_ns)| (evidence.rule, evidence.left, evidence.right, cost_ns))
        .collect();
    assert_eq!(misses, [(RuleName::Numbers, 2, 3, 55 * NS_PER_S)]);
    let rows: Vec<(&str, usize, i64)> =
        found.what_if.iter().map(|row| (row.name.as_str(), row.joins, row.saved_ns)).collect();
    let expect = [
        ("numbers", 1, 55 * NS_PER_S),
        ("header x-asterisk-linkedid", 1, 30 * NS_PER_S),
        ("history", 0, 0),
        ("recording", 0, 0),
    ];
    assert_eq!(rows, expect);
    for row in &found.what_if {
        let mut all: Vec<usize> = row.cdr_groups.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..cdrs.len()).collect::<Vec<_>>(), "every CDR is in one group");
    }
    let header = &found.headers[0];
    assert_eq!(
        (header.name.as_str(), header.legs, header.shared_values),
        ("x-asterisk-linkedid", 2, 1)
    );
    assert_eq!((found.headers[1].name.as_str(), found.headers[1].names_call_id), ("x-cid", 1));
}

/// The documented reading does not count a leg that ended in 487: joining it saves nothing, nor does it
/// cost anything that it makes the call longer.
#[test]
fn near_misses_with_a_cancelled_leg_cost_nothing() {
    let leg = |id: &str, start: f64| {
        Scenario::new(id, "a", "p").talk(start, 2.0, start + 59.95, "4930100", "900")
    };
    let run = check(&[leg("b1", 0.0), leg("b2", 5.0)], "b1 b2");
    let cost = |responses: [u16; 2]| {
        let mut cdrs = cdrs(&run);
        cdrs.iter_mut().zip(responses).for_each(|(cdr, response)| cdr.last_response = response);
        let merged = merge(&run.outlines, &run.grouping, &cdrs);
        let table = RuleTable::default();
        let found = audit(&run.outlines, &run.grouping, &merged, &cdrs, &table).near_misses;
        assert_eq!(found.len(), 1);
        found[0].cost_ns
    };
    assert_eq!(cost([200, 200]), 55 * NS_PER_S);
    assert_eq!(cost([200, 487]), 0);
    assert_eq!(cost([487, 200]), 0);
    assert_eq!(cost([487, 487]), 0);
}

#[test]
fn filters() {
    let (run, _, merged, _) = world();
    let keeps = |filter: AuditFilter| -> Vec<usize> {
        let kept = merged.calls.iter().enumerate();
        kept.filter(|(_, call)| filter.keeps(call, &run.outlines, &run.grouping))
            .map(|(place, _)| place)
            .collect()
    };
    let all = AuditFilter::default;
    assert_eq!(keeps(all()), [0, 1, 2, 3, 4]);
    assert_eq!(keeps(AuditFilter { from: Some(at(210.0)), ..all() }), [3, 4]);
    assert_eq!(keeps(AuditFilter { until: Some(at(100.0)), ..all() }), [0]);
    assert_eq!(keeps(AuditFilter { until: Some(CaptureTime::MIN), ..all() }), [0usize; 0]);
    assert_eq!(keeps(AuditFilter { number: Some(b"800".to_vec()), ..all() }), [0]);
    assert_eq!(keeps(AuditFilter { address: Some([10, 0, 0, 1].into()), ..all() }), [0usize; 0]);
    assert_eq!(keeps(AuditFilter { rule: Some(RuleName::Header), ..all() }), [0]);
    assert_eq!(keeps(AuditFilter { class: Some(Class::Proof), ..all() }), [0usize; 0]);
}

#[test]
fn a_filter_keeps_calls_and_near_misses() {
    let (run, _, merged, found) = world();
    let kept = |filter: AuditFilter| {
        let mut audit = found.clone();
        audit.retain(&filter, &run.outlines, &run.grouping, &merged);
        (audit.calls.len(), audit.near_misses.len())
    };
    let all = AuditFilter::default;
    assert_eq!(kept(all()), (1, found.near_misses.len()));
    assert_eq!(kept(AuditFilter { rule: Some(RuleName::Header), ..all() }).0, 1);
    assert_eq!(kept(AuditFilter { rule: Some(RuleName::Icid), ..all() }), (0, 0));
    assert_eq!(kept(AuditFilter { until: Some(CaptureTime::MIN), ..all() }), (0, 0));
    let weak = kept(AuditFilter { class: Some(Class::Weak), ..all() });
    assert_eq!(weak.0, 0);
    assert!(weak.1 >= 1, "the pair that only numbers would join");
}

#[test]
fn text_and_json_say_the_same_and_escape() {
    let (run, _, merged, found) = world();
    let (zone, rules) = (jiff::tz::TimeZone::UTC, RuleTable::default());
    let place_of = |record: respool::base::RecordRef| format!("x.pcap, record {}", record.index);
    let view = CallsView {
        outlines: &run.outlines,
        grouping: &run.grouping,
        rules: &rules,
        merged: &merged,
        sensors: &[String::new()],
        zone: &zone,
        place_of: &place_of,
    };
    let audited = Audited { audit: &found, view, peak: None };
    let text = audit_text(audited, 10);
    let json = audit_json(audited);
    for line in [
        "1 call was counted as more than one channel: 0.016 channel-hours too much",
        "  2 channels for one call, 2 of them at once: 0.016 channel-hours too much",
        "  2.000 s leg 1: 700 answers",
        "  0.015 channel-hours: b1 and b2 by numbers (weak): holds, but evidence of its class joins only where --rules says so",
        "  header x-asterisk-linkedid: 0.008 channel-hours less; 1 join, 0 conflicts",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} not in\n{text}");
    }
    assert!(!text.contains('\x1b'));
    assert_eq!(json["calls"][0]["legs"], serde_json::json!(["a1", "a2"]));
    assert_eq!(json["calls"][0]["cost_channel_ns"], 60 * NS_PER_S);
    assert_eq!(json["near_misses"][0]["rule"], "numbers");
    assert_eq!(json["what_if"][0]["name"], "numbers");
    assert_eq!(channel_hours(i64::MAX), "2562047.788");
    assert_eq!((channel_hours(-1).as_str(), channel_hours(1).as_str()), ("0.000", "<0.001"));
}
