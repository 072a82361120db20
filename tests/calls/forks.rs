//! Forks: branches inside a leg, and ring groups of a B2BUA over several legs.

use super::support::*;
use respool::base::{CaptureId, RecordRef, SensorId};
use respool::call::{Branch, BranchOutcome, RuleName, branches};
use respool::leg::{FactKey, InviteParties, Leg, MessageKind, ViaBranch};
use respool::sip::Method;

/// One leg, hop by hop: `from>to METHOD-or-status method via to-tag`.
fn leg(lines: &[(f64, &str, &str, &str, &str)]) -> Leg {
    let mut leg = Leg::new(SensorId(0), b"x");
    for (index, (seconds, way, what, via, to_tag)) in (1u32..).zip(lines) {
        let (source, destination) = way.split_once('>').unwrap();
        let (kind, method) = match what.split_once(' ') {
            Some((status, method)) => (
                MessageKind::Response(status.parse().unwrap()),
                Method::from_token(method.as_bytes()),
            ),
            None => {
                let method = Method::from_token(what.as_bytes());
                (MessageKind::Request(method), method)
            }
        };
        let key = FactKey {
            cseq_number: if method == Method::Bye { 2 } else { 1 },
            kind,
            cseq_method: method,
            from_tag: b"f",
            to_tag: to_tag.as_bytes(),
            branch: ViaBranch::new(via.as_bytes()),
            source: end(source),
            destination: end(destination),
            auth_failed: false,
            has_sdp: false,
        };
        let parties = (*what == "INVITE").then(InviteParties::default);
        let record = RecordRef { capture: CaptureId::default(), index };
        leg.add_message(&key, parties.as_ref(), at(*seconds), record);
    }
    leg
}

fn outcomes(leg: &Leg) -> Vec<(String, BranchOutcome)> {
    branches(leg)
        .into_iter()
        .map(|Branch { to_tag, outcome, .. }| {
            (String::from_utf8(to_tag.to_vec()).unwrap(), outcome)
        })
        .collect()
}

fn check_branches(lines: &[(f64, &str, &str, &str, &str)], expect: &[(&str, BranchOutcome)]) {
    let expect: Vec<(String, BranchOutcome)> =
        expect.iter().map(|(tag, outcome)| ((*tag).to_owned(), *outcome)).collect();
    assert_eq!(outcomes(&leg(lines)), expect);
}

#[test]
fn parallel_fork_with_cancel_and_487() {
    check_branches(
        &[
            (0.0, "a>p", "INVITE", "v0", ""),
            (0.1, "p>b", "INVITE", "v1", ""),
            (0.1, "p>c", "INVITE", "v2", ""),
            (0.2, "b>p", "180 INVITE", "v1", "b"),
            (0.3, "c>p", "180 INVITE", "v2", "c"),
            (2.0, "b>p", "200 INVITE", "v1", "b"),
            (2.1, "p>a", "200 INVITE", "v0", "b"),
            (2.1, "p>c", "CANCEL", "v2", ""),
            (2.2, "c>p", "487 INVITE", "v2", "c"),
        ],
        &[("b", BranchOutcome::Answered), ("c", BranchOutcome::Failed(487))],
    );
}

#[test]
fn serial_fork() {
    check_branches(
        &[
            (0.0, "a>p", "INVITE", "v0", ""),
            (0.1, "p>b", "INVITE", "v1", ""),
            (3.0, "b>p", "486 INVITE", "v1", "b"),
            (3.1, "p>c", "INVITE", "v2", ""),
            (5.0, "c>p", "200 INVITE", "v2", "c"),
        ],
        &[("b", BranchOutcome::Failed(486)), ("c", BranchOutcome::Answered)],
    );
}

#[test]
fn forked_2xx_and_the_losers_bye() {
    check_branches(
        &[
            (0.0, "a>p", "INVITE", "v0", ""),
            (2.0, "p>a", "200 INVITE", "v0", "b"),
            (2.1, "p>a", "200 INVITE", "v0", "c"),
            (2.3, "a>p", "BYE", "v9", "c"),
            (60.0, "a>p", "BYE", "v8", "b"),
        ],
        &[("b", BranchOutcome::Answered), ("c", BranchOutcome::AnsweredAndReleased)],
    );
}

#[test]
fn early_end_silence_and_cancel_without_answer() {
    check_branches(
        &[
            (0.0, "a>p", "INVITE", "v0", ""),
            (0.1, "p>b", "INVITE", "v1", ""),
            (0.2, "p>c", "INVITE", "v2", ""),
            (0.3, "p>d", "INVITE", "v3", ""),
            (1.0, "p>a", "180 INVITE", "v0", "b"),
            (2.0, "p>a", "199 INVITE", "v0", "b"),
            (3.0, "p>c", "CANCEL", "v2", ""),
        ],
        &[
            ("b", BranchOutcome::EndedEarly),
            ("", BranchOutcome::Open),
            ("", BranchOutcome::Cancelled),
            ("", BranchOutcome::Open),
        ],
    );
}

#[test]
fn a_challenge_is_no_branch_and_a_hop_is_none() {
    check_branches(
        &[
            (0.0, "a>p", "INVITE", "v0", ""),
            (0.1, "p>a", "407 INVITE", "v0", "proxy"),
            (0.2, "a>p", "INVITE", "v1", ""),
            (0.3, "p>b", "INVITE", "v2", ""),
            (2.0, "b>p", "200 INVITE", "v2", "b"),
            (2.1, "p>a", "200 INVITE", "v1", "b"),
        ],
        &[("b", BranchOutcome::Answered)],
    );
    assert_eq!(branches(&leg(&[(0.0, "a>p", "BYE", "v", "b")])), []);
    check_branches(&[(0.0, "a>p", "INVITE", "v0", "")], &[("", BranchOutcome::Open)]);
}

/// p rings 200, 201 and 202 for 100; 200 answers at 3.
fn ring_group(prefix: &str, start: f64) -> Vec<Scenario> {
    let name = |n: u32| format!("{prefix}{n}");
    let mut legs = vec![
        Scenario::new(&name(0), "a", "p").talk(start, 3.1, start + 60.0, "4930100", "700"),
        Scenario::new(&name(1), "p", "b").talk(start + 0.2, 2.8, start + 60.1, "4930100", "200"),
    ];
    for (n, to) in [(2, "c"), (3, "d")] {
        legs.push(
            Scenario::new(&name(n), "p", to)
                .invite(start + 0.2, "4930100", &format!("20{n}"))
                .ring(start + 0.4)
                .cancel(start + 3.05),
        );
    }
    legs
}

#[test]
fn ring_group_with_and_without_the_inbound_leg() {
    let legs = ring_group("g", 0.0);
    let run = check(&legs, "g0+g1+g2+g3");
    assert!(run.joined().iter().all(|found| found.rule == RuleName::Fork));
    check(&legs[1..], "g1+g2+g3");
    check(&legs[1..3], "g1+g2");
    // Nobody answers: all are cancelled when the caller gives up.
    let given_up = |name: &str, from: &str, to: &str, called: &str, start: f64| {
        Scenario::new(name, from, to)
            .invite(start, "4930100", called)
            .ring(start + 0.3)
            .cancel(9.0 + start)
    };
    let legs = [
        given_up("i", "a", "p", "700", 0.0),
        given_up("j", "p", "b", "200", 0.1),
        given_up("k", "p", "c", "201", 0.1),
    ];
    check(&legs, "i+j+k");
}

#[test]
fn look_alikes_of_a_ring_group() {
    let legs = ring_group("g", 0.0);
    // One outbound leg is a plain hop: fork says nothing.
    check(&legs[..2], "g0 g1");
    // Cancelled much later than the answer.
    let late = Scenario::new("l", "p", "c").invite(0.2, "4930100", "201").ring(0.3).cancel(9.0);
    check(&[legs[1].clone(), late], "g1 l");
    // Started earlier than forks do.
    let early = Scenario::new("e", "p", "c").invite(-2.1, "4930100", "201").ring(0.3).cancel(3.05);
    check(&[legs[1].clone(), early], "e g1");
    // Another caller, another element, no caller.
    let other = |name: &str, element: &str, from: &str| {
        Scenario::new(name, element, "c").invite(0.2, from, "201").ring(0.3).cancel(3.05)
    };
    check(&[legs[1].clone(), other("o", "p", "4930101")], "g1 o");
    check(&[legs[1].clone(), other("o", "q", "4930100")], "g1 o");
    let hidden = Scenario::new("h", "p", "b").talk(0.2, 2.8, 60.0, "anonymous", "200");
    check(&[hidden, other("o", "p", "anonymous")], "h o");
    // Two outbound legs answered at once: two calls of one caller number, not one fork.
    let both = Scenario::new("s", "p", "e").talk(0.3, 2.8, 60.0, "4930100", "204");
    check(&[legs[0].clone(), legs[1].clone(), both], "g0 g1 s");
    // Two answers fit one cancelled leg: not clear which.
    let second = Scenario::new("s", "p", "e").talk(0.3, 2.8, 60.0, "4930100", "204");
    check(&[legs[1].clone(), legs[2].clone(), second], "g1 g2 s");
}
