//! Laws: order does not matter, every leg is in one call, explanations agree with the grouping.

use super::support::*;
use proptest::prelude::*;
use respool::base::{CaptureTime, SensorId};
use respool::call::{
    Grouping, Outlines, Refusal, RuleName, RuleTable, Search, explain, explain_pair, group,
    group_legs, group_with, merge, outline_all,
};
use respool::leg::{Bye, Cdr, Ends, IdentifierKind::*, Leg, ShortText};

/// Small worlds in which everything collides: few values, few parties, a few seconds.
fn arbitrary_leg() -> impl Strategy<Value = Scenario> {
    let kinds = prop::sample::select(vec![
        SessionId,
        Icid,
        InReplyTo,
        Header,
        Diversion,
        MediaAddress,
        MediaOrigin,
        Recording,
        RedirectContact,
        Also,
        Replaces,
        ReferredBy,
    ]);
    (
        (0u16..2, "[a-e](_b2b-1)?", "[abp]", "[bcp]", 0.0..12.0f64),
        ("10[01]", "20[01]", 0u8..5),
        prop::collection::vec((kinds, 0u8..3, any::<bool>()), 0..4),
        prop::option::of((any::<bool>(), "20[01]", prop::sample::select(vec![202u16, 603]))),
    )
        .prop_map(|((sensor, id, from, to, start), (caller, called, fate), said, refer)| {
            let mut leg =
                Scenario::on_sensor(sensor, &id, &from, &to).invite(start, &caller, &called);
            leg = match fate {
                0 | 1 => leg.answer(start + 1.0).bye(start + 20.0, true),
                2 => leg.cancel(start + 1.0),
                3 => leg.fail(start + 1.0, 486),
                _ => leg,
            };
            for (kind, value, forward) in said {
                let text = match kind {
                    SessionId => ["aa;bb", "bb;aa", "aa;00"][usize::from(value)],
                    InReplyTo | Recording => ["a", "b", "a_b2b-1"][usize::from(value)],
                    Header => ["x-cid: a", "x-tok: 1", "x-tok: 2"][usize::from(value)],
                    MediaAddress => {
                        ["10.9.9.9:4000", "8.8.8.8:4000", "8.8.4.4:5000"][usize::from(value)]
                    }
                    MediaOrigin => {
                        ["1234567 8.8.8.8", "1234568 8.8.4.4", "1 10.0.0.1"][usize::from(value)]
                    }
                    Replaces => ["a;f-a;t-a", "b;t-b;f-b;early-only", "a;x;y"][usize::from(value)],
                    Icid => ["i", "j", "k"][usize::from(value)],
                    _ => ["200@h", "201@h", "100@h"][usize::from(value)],
                };
                leg = leg.said(start + 0.5, forward, 1, kind, text);
            }
            if let Some((by_caller, target, status)) = refer {
                leg = leg.refer(start + 3.0, by_caller, 2, &format!("{target}@h"), status).said(
                    start + 3.0,
                    by_caller,
                    2,
                    ReferredBy,
                    "200@h",
                );
            }
            leg
        })
}

fn world() -> impl Strategy<Value = Vec<Leg>> {
    prop::collection::vec(arbitrary_leg(), 1..10).prop_map(|scenarios| {
        // One leg per sensor and Call-ID: the last drawn stays.
        let mut by_name = std::collections::BTreeMap::new();
        for scenario in scenarios {
            let leg = scenario.leg;
            by_name.insert((leg.sensor(), leg.call_id().to_vec()), leg);
        }
        by_name.into_values().collect()
    })
}

fn tables() -> impl Strategy<Value = RuleTable> {
    prop::sample::select(vec![
        "",
        "merge = [\"proof\", \"strong\", \"medium\", \"weak\"]\nheader.token = [\"x-tok\"]",
        "numbers.joins = true\nmedia.on = false",
        "merge = [\"proof\"]\nicid.joins = true\nshared-legs = 2",
    ])
    .prop_map(|text| RuleTable::from_toml(text).expect("a good table"))
}

fn permutations(legs: &[Leg]) -> Vec<Vec<Leg>> {
    let Some((first, rest)) = legs.split_first() else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for shorter in permutations(rest) {
        for place in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(place, first.clone());
            all.push(longer);
        }
    }
    all
}

fn all_explanations(outlines: &Outlines, grouping: &Grouping, table: &RuleTable) -> String {
    let count = outlines.len() as u32;
    let pairs = (0..count).flat_map(|left| (0..count).map(move |right| (left, right)));
    let told: Vec<_> = pairs
        .filter(|(left, right)| left != right)
        .map(|(left, right)| explain(outlines, grouping, table, left, right))
        .collect();
    format!("{told:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Groups, ids and explanations for all orders of up to four legs.
    #[test]
    fn all_permutations_are_equal(legs in world(), table in tables()) {
        let legs = &legs[..legs.len().min(4)];
        let outlines = outline_all(legs);
        let grouping = group(&outlines, &table);
        let told = all_explanations(&outlines, &grouping, &table);
        for order in permutations(legs) {
            let shuffled = outline_all(&order);
            prop_assert_eq!(&shuffled, &outlines);
            let again = group(&shuffled, &table);
            prop_assert_eq!(&again, &grouping);
            prop_assert_eq!(&all_explanations(&shuffled, &again, &table), &told);
            prop_assert_eq!(&group_legs(&order, &table), &grouping);
        }
    }

    /// Keys in any number of parts give the same grouping.
    #[test]
    fn parts_of_keys_change_nothing(legs in world(), table in tables(), parts in 1usize..40) {
        let outlines = outline_all(&legs);
        let search = Search::new(&outlines, &table).with_parts(parts);
        let grouping = group(&outlines, &table);
        prop_assert_eq!(&group_with(&outlines, &search), &grouping);
    }

    /// For every pair and rule: explain says joined exactly when the grouping has the evidence; and no
    /// rule holds for a pair that its index did not find.
    #[test]
    fn explanations_agree_with_the_grouping(legs in world(), table in tables()) {
        let outlines = outline_all(&legs);
        let grouping = group(&outlines, &table);
        for left in 0..outlines.len() as u32 {
            for right in left + 1..outlines.len() as u32 {
                for outcome in explain(&outlines, &grouping, &table, left, right) {
                    let joined = grouping.evidence.iter().any(|found| {
                        (found.rule, found.left, found.right) == (outcome.rule, left, right)
                            && found.is_joined()
                    });
                    prop_assert_eq!(outcome.joined.is_ok(), joined);
                    prop_assert!(!outcome.compared.is_empty(), "{}: values of both", outcome.rule);
                    prop_assert_ne!(outcome.joined, Err(Refusal::BeyondLimit), "{} {:?}", outcome.rule, outcome.compared);
                }
            }
        }
    }

    /// Conservation, and connectedness: a group is what joined evidence links, no more and no less.
    #[test]
    fn groups_are_the_components_of_joined_evidence(legs in world(), table in tables()) {
        let outlines = outline_all(&legs);
        let grouping = group(&outlines, &table);
        let mut seen: Vec<u32> = grouping.groups.iter().flat_map(|g| g.legs.to_vec()).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..outlines.len() as u32).collect::<Vec<_>>());
        let mut name: Vec<u32> = (0..outlines.len() as u32).collect();
        for _ in 0..outlines.len() {
            for found in grouping.evidence.iter().filter(|found| found.is_joined()) {
                let low = name[found.left as usize].min(name[found.right as usize]);
                name[found.left as usize] = low;
                name[found.right as usize] = low;
            }
        }
        for group in grouping.groups.iter() {
            for leg in group.legs {
                prop_assert_eq!(name[*leg as usize], group.id);
            }
        }
    }

    /// A pair explained alone says the same from both sides, mirrored.
    #[test]
    fn explanations_mirror(legs in world(), table in tables()) {
        if let [one, other, ..] = &legs[..] {
            let forth = explain_pair(one, other, &table);
            let back = explain_pair(other, one, &table);
            for (forth, back) in forth.into_iter().zip(back) {
                prop_assert_eq!(&forth.joined, &back.joined);
                for (left, right) in forth.compared.iter().zip(&back.compared) {
                    prop_assert_eq!((&left.left, &left.right), (&right.right, &right.left));
                }
            }
        }
    }
}

#[test]
fn a_pair_that_did_not_join_names_every_rule() {
    let one = Scenario::new("x", "a", "p").talk(0.0, 2.0, 60.0, "1", "2");
    let other = Scenario::new("y", "p", "b").talk(30.0, 2.0, 90.0, "1", "2");
    let told = explain_pair(&one.leg, &other.leg, &RuleTable::default());
    let rules: Vec<RuleName> = told.iter().map(|outcome| outcome.rule).collect();
    assert_eq!(rules, RuleName::ALL);
    let numbers = told.last().expect("the last rule");
    assert_eq!(numbers.joined, Err(Refusal::OutsideWindow("the starts", 30_000_000_000)));
    assert_eq!(numbers.compared[2].left, b"2024-01-01T00:00:00.000000Z");
    assert_eq!(numbers.compared[2].right, b"2024-01-01T00:00:30.000000Z");
}

/// Where one leg, or both, lack what a rule compares, the values of both are stated all the same.
#[test]
fn what_one_leg_lacks_is_stated_beside_what_the_other_says() {
    let one = Scenario::new("x", "a", "p").talk(0.0, 2.0, 60.0, "1", "2");
    let other = Scenario::new("y", "p", "b")
        .say(0.0, SessionId, "aa;bb")
        .say(0.0, Replaces, "z;t1;t2")
        .refer(30.0, true, 5, "700@h", 202)
        .talk(0.0, 2.0, 90.0, "1", "2");
    let told = explain_pair(&one.leg, &other.leg, &RuleTable::default());
    let values = |rule: RuleName| -> Vec<(String, String)> {
        let outcome = told.iter().find(|outcome| outcome.rule == rule).expect("every rule");
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        outcome.compared.iter().map(|both| (text(&both.left), text(&both.right))).collect()
    };
    let has = |rule: RuleName, left: &str, right: &str| {
        let found = values(rule);
        assert!(found.contains(&(left.to_owned(), right.to_owned())), "{rule}: {found:?}");
    };
    has(RuleName::SessionId, "", "aa;bb");
    has(RuleName::Icid, "", "");
    has(RuleName::Media, "", "");
    has(RuleName::Replaces, "x;f-x;t-x", "z;t1;t2");
    has(RuleName::Replaces, "", "y;f-y;t-y");
    has(RuleName::Refer, "2@example.com", "700@h");
    has(RuleName::Refer, "", "2 2@example.com");
    has(RuleName::Redirect, "", "2 2@example.com");
    has(RuleName::Redirect, "2 2@example.com", "");
    has(RuleName::Header, "", "y");
    has(RuleName::Header, "x", "");
    has(RuleName::Recording, "", "aa bb y");
    has(RuleName::History, "", "2");
    has(RuleName::Numbers, "2", "2");
}

fn cdr(leg: u32, started: f64, connected: Option<f64>, ended: f64, last_response: u16) -> Cdr {
    Cdr {
        leg,
        sequence: 0,
        sensor: SensorId(0),
        caller: ShortText::default(),
        called: ShortText::default(),
        started: at(started),
        ended: at(ended),
        connected: connected.map(at),
        progressed: None,
        ends: Ends::UNKNOWN,
        last_response,
        bye: if connected.is_some() { Bye::ByeConfirmed } else { Bye::Unanswered },
        hung_up_by: None,
        vendor_cut: None,
        only_when_cut: false,
        branches: 1,
        has_media: false,
        vendor_blind: false,
    }
}

#[test]
fn merged_cdrs() {
    let named = |id: &str, value: &str| {
        Scenario::new(id, "a", "p").say(0.0, Header, value).talk(0.0, 2.0, 60.0, "1", id)
    };
    let run =
        check(&[named("x", "x-no: 1"), named("y", "x-cid: x"), named("z", "x-no: 2")], "x+y z");
    // x has two CDRs, apart: a Call-ID that came back.
    let cdrs = [
        cdr(2, 1.0, None, 3.0, 486),
        cdr(1, 0.1, Some(5.0), 20.0, 200),
        cdr(0, 0.0, None, 10.0, 487),
        cdr(0, 30.0, Some(32.0), 40.0, 200),
    ];
    let merged = merge(&run.outlines, &run.grouping, &cdrs);
    assert_eq!(merged.cdr_groups, [vec![1, 2, 3], vec![0]]);
    let call = &merged.calls[0];
    assert_eq!((call.started, call.ended, call.connected), (at(0.0), at(40.0), Some(at(5.0))));
    assert_eq!(call.occupied, [(at(0.0), at(20.0)), (at(30.0), at(40.0))]);
    assert_eq!(call.connected_ns, 23_000_000_000);
    assert_eq!((call.result.is_answered, call.result.last_response), (true, 200));
    let other = &merged.calls[1];
    assert_eq!((other.result.is_answered, other.result.last_response), (false, 486));
    assert_eq!((other.connected, other.connected_ns), (None, 0));
}

#[test]
fn an_empty_run_has_no_calls() {
    assert_eq!(group_legs(&[], &RuleTable::default()), Grouping::default());
    let empty = Leg::new(SensorId(0), b"x");
    let outlines = outline_all(&[empty]);
    let grouping = group(&outlines, &RuleTable::default());
    assert_eq!(merge(&outlines, &grouping, &[]).calls[0].started, CaptureTime::default());
}

/// The small worlds of the laws above hold evidence of every rule, joined and refused: else the laws
/// would say nothing about it.
#[test]
fn the_worlds_exercise_every_rule() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let table = RuleTable::from_toml(
        "merge = [\"proof\", \"strong\", \"medium\", \"weak\"]\nheader.token = [\"x-tok\"]",
    )
    .unwrap();
    let mut joined = std::collections::BTreeSet::new();
    let mut conflicts = 0;
    for _ in 0..600 {
        let legs = world().new_tree(&mut runner).unwrap().current();
        let grouping = group_legs(&legs, &table);
        joined.extend(grouping.evidence.iter().filter(|e| e.is_joined()).map(|e| e.rule));
        conflicts += grouping.conflicts.len();
    }
    assert_eq!(joined.into_iter().collect::<Vec<_>>(), RuleName::ALL);
    assert!(conflicts > 0);
}
