//! Each rule: one case that joins, and its look-alikes.

use super::support::*;
use respool::call::{Class, DemotionReason, Refusal, RuleName, RuleTable};
use respool::leg::IdentifierKind::*;

/// A B2BUA's two legs: a calls the element p, p calls b. Nothing but time and numbers in common.
fn hop(name: &str, start: f64) -> [Scenario; 2] {
    [
        Scenario::new(&format!("{name}1"), "a", "p").talk(
            start,
            3.0,
            start + 60.0,
            "4930111",
            "200",
        ),
        Scenario::new(&format!("{name}2"), "p", "b").talk(
            start + 0.1,
            2.8,
            start + 60.1,
            "4930111",
            "200",
        ),
    ]
}

#[test]
fn numbers_are_weak_and_join_only_when_switched_on() {
    let legs = hop("n", 0.0);
    let run = check(&legs, "n1 n2");
    let found = run.grouping.evidence_of(RuleName::Numbers, 0, 1).expect("a near miss");
    assert_eq!((found.class, &found.joined), (Class::Weak, &Err(Refusal::NotMerged)));
    let table = RuleTable::from_toml("numbers.joins = true").unwrap();
    expect_calls(&run_with(&legs, &table), "n1+n2");
    let [one, _] = hop("n", 0.0);
    let [late, _] = hop("l", 10.5);
    expect_calls(&run_with(&[one.clone(), late], &table), "n1 l1");
    let other = Scenario::new("o1", "a", "p").talk(1.0, 3.0, 60.0, "4930111", "201");
    expect_calls(&run_with(&[one.clone(), other], &table), "n1 o1");
    let nobody = |id: &str| Scenario::new(id, "a", "p").talk(1.0, 3.0, 60.0, "anonymous", "200");
    expect_calls(&run_with(&[nobody("x"), nobody("y")], &table), "x y");
}

#[test]
fn call_id_of_two_sensors_is_one_dialog() {
    let seen = |sensor| Scenario::on_sensor(sensor, "x", "a", "b").talk(0.0, 2.0, 60.0, "1", "2");
    let run = check(&[seen(0), seen(1)], "x+x");
    assert_eq!(run.joined()[0].class, Class::Proof);
    let stranger =
        Scenario::on_sensor(1, "x", "c", "d").tags("q", "r").talk(0.0, 2.0, 60.0, "3", "4");
    check(&[seen(0), stranger], "x x");
    let later = Scenario::on_sensor(1, "x", "a", "b").talk(600.0, 2.0, 660.0, "1", "2");
    check(&[seen(0), later], "x x");
}

#[test]
fn replaces_names_the_dialog_by_all_three() {
    let target = Scenario::new("x", "a", "b").talk(0.0, 2.0, 60.0, "1", "2");
    let by = |value: &str| {
        Scenario::new("y", "c", "a").say(10.0, Replaces, value).talk(10.0, 1.0, 90.0, "3", "1")
    };
    let run = check(&[target.clone(), by("x;f-x;t-x")], "x+y");
    assert_eq!((run.joined()[0].rule, run.joined()[0].class), (RuleName::Replaces, Class::Proof));
    check(&[target.clone(), by("x;t-x;f-x")], "x+y");
    check(&[target.clone(), by("x;t-x;other")], "x y");
    check(&[target.clone(), by("xx;t-x;f-x")], "x y");
    // Early-only on a confirmed dialog is refused with 486 (RFC 3891 section 3).
    check(&[target.clone(), by("x;f-x;t-x;early-only")], "x y");
    let refused = Scenario::new("y", "c", "a")
        .say(10.0, Replaces, "x;f-x;t-x")
        .invite(10.0, "3", "1")
        .fail(10.1, 481);
    check(&[target.clone(), refused], "x y");
    let after = Scenario::new("y", "c", "a")
        .say(99.0, Replaces, "x;f-x;t-x")
        .talk(99.0, 1.0, 120.0, "3", "1");
    check(&[target, after], "x y");
}

#[test]
fn session_id_swaps_per_direction() {
    let (u, v, w) = ("aa01", "bb02", "cc03");
    let with = |id: &str, from: &str, to: &str, value: &str, start: f64| {
        Scenario::new(id, from, to).say(start, SessionId, value).talk(
            start,
            2.0,
            start + 60.0,
            "1",
            id,
        )
    };
    let pair = |a: &str, b: &str| format!("{a};{b}");
    let one = with("x", "a", "p", &pair(u, v), 0.0);
    check(&[one.clone(), with("y", "p", "b", &pair(v, u), 0.1)], "x+y");
    check(&[one.clone(), with("y", "p", "b", &pair(u, v), 0.1)], "x+y");
    // One device, two sessions.
    check(&[one.clone(), with("y", "p", "b", &pair(u, w), 0.1)], "x y");
    // A UUID that stands for both sides.
    let own = |id: &str| with(id, "a", "p", &pair(u, u), 0.0);
    check(&[own("x"), own("y")], "x y");
    // Nil says nothing.
    let nil = "0".repeat(32);
    let nothing = |id: &str| with(id, "a", "p", &pair(&nil, &nil), 0.0);
    check(&[nothing("x"), nothing("y")], "x y");
    // The pair an hour later: it was not made for one conversation.
    let run = check(&[one.clone(), with("y", "p", "b", &pair(v, u), 3600.0)], "x y");
    assert_eq!(run.grouping.demoted[0].demotion.reason, DemotionReason::Apart);
    // A fork that never learnt the other half.
    let half = Scenario::new("y", "p", "c")
        .say(0.1, SessionId, &pair(u, &nil))
        .invite(0.1, "1", "7")
        .cancel(2.0);
    check(&[one.clone(), half.clone()], "x+y");
    let stranger = Scenario::new("z", "p", "c")
        .say(0.1, SessionId, &pair(u, &nil))
        .invite(0.1, "5", "7")
        .cancel(2.0);
    check(&[one, stranger], "x z");
}

#[test]
fn icid_must_discriminate() {
    let with = |id: &str, value: &str, start: f64| {
        Scenario::new(id, "a", "p").say(start, Icid, value).talk(start, 2.0, start + 60.0, "1", id)
    };
    check(&[with("x", "K1", 0.0), with("y", "K1", 0.1)], "x+y");
    check(&[with("x", "K1", 0.0), with("y", "K2", 0.1)], "x y");
    check(&[with("x", "", 0.0), with("y", "", 0.1)], "x y");
    check(&[with("x", "K1", 0.0), with("y", "K1", 3600.0)], "x y");
    let crowd: Vec<Scenario> =
        (0..17).map(|n| with(&format!("{}", (b'a' + n) as char), "0", f64::from(n))).collect();
    let run = check(&crowd, "a b c d e f g h i j k l m n o p q");
    let demoted = &run.grouping.demoted[0];
    assert_eq!(demoted.demotion.reason, DemotionReason::SharedByTooMany);
    assert_eq!(demoted.demotion.legs, 17);
    check(&crowd[..16], "a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p");
}

#[test]
fn header_names_a_call_id_in_any_order_and_chains() {
    let with = |id: &str, value: &str, start: f64| {
        Scenario::new(id, "p", "b").say(start, Header, value).talk(
            start,
            2.0,
            start + 60.0,
            "1",
            id,
        )
    };
    // c names b, b names a; b was captured before a (facts A.7 gaps a and b).
    let (a, b, c) =
        (with("a", "x-cid: none", 0.2), with("b", "x-cid: a", 0.1), with("c", "x-call-id: b", 0.0));
    check(&[a.clone(), b.clone(), c.clone()], "a+b+c");
    check(&[a.clone(), with("b", "x-other: a", 0.1)], "a b");
    check(&[a.clone(), with("b", "x-cid: A", 0.1)], "a b");
    check(&[a.clone(), with("b", "x-cid: a_b2b-1", 0.1)], "a+b");
    // A call back replies to a call that is over.
    let reply = |start| {
        Scenario::new("r", "b", "a").say(start, InReplyTo, "a").talk(
            start,
            2.0,
            start + 60.0,
            "2",
            "1",
        )
    };
    check(&[a.clone(), reply(10.0)], "a+r");
    check(&[a, reply(600.0)], "a r");
}

#[test]
fn call_id_suffixes_and_their_look_alikes() {
    let named =
        |id: &str, start: f64| Scenario::new(id, "p", "b").talk(start, 2.0, start + 60.0, "1", id);
    check(&[named("k", 0.0), named("k_b2b-1", 0.1), named("k_pbx-12", 0.2)], "k+k_b2b-1+k_pbx-12");
    check(&[named("k_b2b-1", 0.1), named("k_b2b-2", 0.2)], "k_b2b-1+k_b2b-2");
    check(&[named("k", 0.0), named("k_b2b-", 0.1), named("k_b2b-x", 0.1)], "k k_b2b- k_b2b-x");
    check(&[named("k", 0.0), named("kk_b2b-1", 0.1), named("k-1", 0.1)], "k kk_b2b-1 k-1");
    check(&[named("k", 0.0), named("k_b2b-1", 900.0)], "k k_b2b-1");
}

#[test]
fn token_headers_only_when_configured() {
    let with = |id: &str, start: f64| {
        Scenario::new(id, "p", "b").say(start, Header, "x-asterisk-linkedid: 17.4").talk(
            start,
            2.0,
            start + 60.0,
            "1",
            id,
        )
    };
    let legs = [with("x", 0.0), with("y", 5.0)];
    check(&legs, "x y");
    let table = RuleTable::from_toml("header.token = [\"X-Asterisk-LinkedID\"]").unwrap();
    expect_calls(&run_with(&legs, &table), "x+y");
    expect_calls(&run_with(&[with("x", 0.0), with("y", 900.0)], &table), "x y");
}

/// Offer of the caller, answer of the callee, as said by the ends of this leg.
fn media(scenario: Scenario, start: f64, offer: &str, answer: &str) -> Scenario {
    scenario.said(start, true, 1, MediaAddress, offer).said(
        start + 2.0,
        false,
        1,
        MediaAddress,
        answer,
    )
}

#[test]
fn media_passed_on_by_an_element() {
    let x = media(Scenario::new("x", "a", "p"), 0.0, "10.0.0.97:4000", "10.0.0.98:5000")
        .talk(0.0, 2.0, 60.0, "1", "2");
    let y = media(Scenario::new("y", "p", "b"), 0.1, "10.0.0.97:4000", "10.0.0.98:5000")
        .talk(0.1, 1.9, 60.0, "8", "9");
    let run = check(&[x.clone(), y.clone()], "x+y");
    assert_eq!(run.joined()[0].rule, RuleName::Media);
    // The port again, later.
    let later = media(Scenario::new("y", "p", "b"), 99.0, "10.0.0.97:4000", "10.0.0.98:5000")
        .talk(99.0, 1.9, 160.0, "8", "9");
    check(&[x.clone(), later], "x y");
    // One telephone, one port, two calls at a time: the other side differs.
    let second = media(Scenario::new("y", "p", "c"), 5.0, "10.0.0.97:4000", "10.0.0.99:5000")
        .talk(5.0, 1.9, 60.0, "8", "9");
    check(&[x.clone(), second], "x y");
    // A load generator: the same two ports for all its calls, said by the same two ends.
    let again = media(Scenario::new("y", "a", "p"), 1.0, "10.0.0.97:4000", "10.0.0.98:5000")
        .talk(1.0, 2.0, 60.0, "1", "9");
    check(&[x.clone(), again], "x y");
    // The same through an element: the offers are not passed on at once.
    let through = media(Scenario::new("y", "p", "b"), 9.0, "10.0.0.97:4000", "10.0.0.98:5000")
        .talk(9.0, 2.0, 60.0, "1", "9");
    check(&[x.clone(), through], "x y");
    // Not answered: the offer alone, passed on at once, by another sender.
    let offered = Scenario::new("y", "p", "b")
        .say(0.1, MediaAddress, "10.0.0.97:4000")
        .invite(0.1, "8", "9")
        .cancel(3.0);
    check(&[x.clone(), offered], "x+y");
    let slow = Scenario::new("y", "p", "b")
        .say(9.0, MediaAddress, "10.0.0.97:4000")
        .invite(9.0, "8", "9")
        .cancel(12.0);
    check(&[x.clone(), slow], "x y");
    let same = Scenario::new("y", "a", "p")
        .say(0.1, MediaAddress, "10.0.0.97:4000")
        .invite(0.1, "1", "9")
        .cancel(8.0);
    check(&[x, same], "x y");
    // Hold.
    let held = |id: &str, to: &str| {
        media(Scenario::new(id, "a", to), 0.0, "0.0.0.0:4000", "0.0.0.0:5000")
            .talk(0.0, 2.0, 60.0, "1", "2")
    };
    check(&[held("x", "p"), held("y", "q")], "x y");
}

#[test]
fn private_media_addresses_behind_different_peers() {
    let (offer, answer) = ("192.168.1.10:4000", "192.168.1.1:5000");
    let x = media(Scenario::new("x", "203.0.113.1:5060", "p"), 0.0, offer, answer)
        .talk(0.0, 2.0, 60.0, "1", "2");
    let y = media(Scenario::new("y", "198.51.100.1:5060", "q"), 0.1, offer, answer)
        .talk(0.1, 2.0, 60.0, "3", "4");
    let run = check(&[x.clone(), y], "x y");
    let found = run.grouping.evidence_of(RuleName::Media, 0, 1).expect("reported");
    assert_eq!(found.class, Class::Weak);
    assert!(
        matches!(&found.joined, Err(Refusal::Demoted(d)) if d.reason == DemotionReason::PrivateAddress)
    );
    let y = media(Scenario::new("y", "p", "q"), 0.1, offer, answer).talk(0.1, 2.0, 60.0, "3", "4");
    check(&[x, y], "x+y");
}

#[test]
fn media_origin_lines() {
    let with = |id: &str, from: &str, to: &str, offer: &str, answer: &str| {
        Scenario::new(id, from, to)
            .said(0.0, true, 1, MediaOrigin, offer)
            .said(2.0, false, 1, MediaOrigin, answer)
            .talk(0.0, 2.0, 60.0, id, "2")
    };
    let (o, a) = ("3913243554 203.0.113.5", "3913243999 203.0.113.9");
    check(&[with("x", "a", "p", o, a), with("y", "p", "b", o, a)], "x+y");
    check(&[with("x", "a", "p", o, a), with("y", "p", "b", o, "3913243111 203.0.113.9")], "x y");
    check(
        &[
            with("x", "a", "p", "0 203.0.113.5", "1 203.0.113.9"),
            with("y", "p", "b", "0 203.0.113.5", "1 203.0.113.9"),
        ],
        "x y",
    );
}

#[test]
fn history_is_medium() {
    let first = Scenario::new("x", "a", "p").invite(0.0, "111", "222").ring(0.1).fail(20.0, 486);
    let diverted = |kind, value: &str, start: f64| {
        Scenario::new("y", "p", "c").say(start, kind, value).talk(
            start,
            2.0,
            start + 60.0,
            "111",
            "333",
        )
    };
    let table = RuleTable::from_toml("history.joins = true").unwrap();
    for kind in [Diversion, HistoryInfo] {
        let run = check(&[first.clone(), diverted(kind, "222", 20.1)], "x y");
        let found = run.grouping.evidence_of(RuleName::History, 0, 1).expect("reported");
        assert_eq!((found.class, &found.joined), (Class::Medium, &Err(Refusal::NotMerged)));
        expect_calls(&run_with(&[first.clone(), diverted(kind, "222", 20.1)], &table), "x+y");
        expect_calls(&run_with(&[first.clone(), diverted(kind, "224", 20.1)], &table), "x y");
        expect_calls(&run_with(&[first.clone(), diverted(kind, "222", 90.0)], &table), "x y");
    }
    let stranger = Scenario::new("y", "p", "c")
        .say(20.1, Diversion, "222")
        .talk(20.1, 2.0, 60.0, "999", "333");
    expect_calls(&run_with(&[first, stranger], &table), "x y");
}

#[test]
fn recording_is_told_and_not_merged() {
    let call = Scenario::new("x", "a", "p").talk(0.0, 2.0, 60.0, "1", "2");
    let recording = |what: &str| {
        Scenario::new("y", "p", "r").say(2.0, Recording, what).talk(2.0, 0.1, 60.0, "5", "6")
    };
    let run = check(&[call.clone(), recording("x")], "x y");
    let found = run.grouping.evidence_of(RuleName::Recording, 0, 1).expect("reported");
    assert_eq!(found.joined, Err(Refusal::NotMerged));
    let run = check(&[call, recording("z")], "x y");
    assert_eq!(run.grouping.evidence_of(RuleName::Recording, 0, 1), None);
}

#[test]
fn a_coincidence_between_two_established_calls_is_a_conflict() {
    let icid = |id: &str, token: &str, from: &str, to: &str, start: f64| {
        Scenario::new(id, "a", "p").say(start, Icid, token).talk(start, 2.0, start + 60.0, from, to)
    };
    // a1-a2 and b1-b2 are two calls; a stray token ties a2 to b1.
    let a2 = icid("a2", "A", "100", "200", 0.1).say(0.1, Header, "x-link: S");
    let b1 = icid("b1", "B", "300", "400", 20.0).say(20.0, Header, "x-link: S");
    let legs = [icid("a1", "A", "100", "200", 0.0), a2, b1, icid("b2", "B", "300", "400", 20.1)];
    let table = RuleTable::from_toml("header.token = [\"x-link\"]").unwrap();
    let run = run_with(&legs, &table);
    expect_calls(&run, "a1+a2 b1+b2");
    assert_eq!(run.grouping.conflicts.len(), 1);
    let conflict = &run.grouping.conflicts[0];
    assert_eq!((conflict.rule, conflict.left, conflict.right), (RuleName::Header, 1, 2));
    // Proof is never in conflict.
    let mut proven = legs.clone();
    proven[2] = proven[2].clone().say(20.0, Replaces, "a2;f-a2;t-a2");
    expect_calls(&run_with(&proven, &table), "a1+a2+b1+b2");
}
