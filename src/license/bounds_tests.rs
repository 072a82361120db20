//! Tests of the bounds: constructed losses under which what was read is no lower bound, and calls that
//! ran when the captures began. Each case names the truth that a verdict of 'certain' would have missed.

use super::coverage::FileScope;
use super::judge::{Evidence, judge};
use super::verdict::*;
use super::verdict_tests::{Spool, spool};
use crate::base::{CaptureTime, FileId, Loss, LossKind};
use crate::channel::evident::SameHop;
use crate::channel::oracle::cdr;
use crate::channel::{Channels, Groups, Joining, ReadingPins, Units};

const S: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * S;

fn question(limit_channels: u64, pins: &str) -> Question {
    let pins = ReadingPins::parse(pins).unwrap();
    Question {
        limit_channels,
        reading: pins.reading(),
        readings: pins.readings(),
        accept_loss: false,
    }
}

fn verdict(spool: &Spool, joining: Joining, question: &Question) -> ScenarioVerdict {
    let units = Units::new(&spool.cdrs, &Groups::singles(spool.cdrs.len()));
    let evidence = Evidence {
        units: &units,
        calendar: &spool.calendar,
        coverage: &spool.coverage,
        distinct: &SameHop,
        joining,
    };
    judge(Scenario::AsIs, evidence, question)
}

/// Moment of a day, in nanoseconds after its midnight.
fn at(spool: &Spool, day: usize, ns: i64) -> CaptureTime {
    spool.calendar.days()[day].started.plus_ns(ns)
}

fn lose(spool: &mut Spool, day: usize, from_ns: i64, until_ns: i64) {
    let when = Some((at(spool, day, from_ns), at(spool, day, until_ns)));
    spool.coverage.losses.push(Loss {
        when,
        kind: LossKind::Damaged,
        file: FileId(0),
        bytes: 1,
        detail: String::new(),
    });
}

/// Five days of four calls from 10:00 to 11:00: over a limit of 3.
fn over() -> Spool {
    spool(&[2, 4, 4, 4, 4])
}

fn outcome(spool: &Spool, joining: Joining) -> Outcome {
    let found = verdict(spool, joining, &question(3, ""));
    assert_eq!(found.judged.without_loss, Outcome::Stays);
    found.judged.outcome
}

#[test]
fn a_loss_away_from_all_calls_leaves_a_stay_certain() {
    let mut spool = over();
    lose(&mut spool, 3, 20 * HOUR, 20 * HOUR + 60 * S);
    assert_eq!(outcome(&spool, Joining::Alone), Outcome::Stays);
    assert_eq!(outcome(&spool, Joining::ByEvidence), Outcome::Stays);
}

/// The truth: the leg ended in 487, which was lost, and never counted.
#[test]
fn a_lost_487_makes_a_stay_uncertain() {
    let unanswered = |last_response| {
        let mut spool = over();
        for cdr in &mut spool.cdrs {
            cdr.connected = None;
            cdr.last_response = last_response;
        }
        spool
    };
    for (from, until, expect) in [
        // In the middle of the calls, and behind what was read of them.
        (10 * HOUR + 60 * S, 10 * HOUR + 61 * S, Outcome::CannotTell),
        (12 * HOUR, 12 * HOUR + S, Outcome::CannotTell),
        // Before them.
        (9 * HOUR, 9 * HOUR + S, Outcome::Stays),
        // Longer after them than a call can last.
        (16 * HOUR, 16 * HOUR + S, Outcome::Stays),
    ] {
        let mut spool = unanswered(180);
        lose(&mut spool, 3, from, until);
        assert_eq!(outcome(&spool, Joining::Alone), expect, "{}", from / HOUR);
    }
    // Where legs that end in 487 count, it makes no difference whether it was lost; the end does.
    let mut spool = unanswered(180);
    lose(&mut spool, 3, 12 * HOUR, 12 * HOUR + S);
    let counted = verdict(&spool, Joining::Alone, &question(3, "terminated=counted"));
    assert_eq!(counted.judged.missing_days, [3]);
}

/// The truth: a CANCEL before the 200 makes the last response 487 for good (facts C).
#[test]
fn an_answered_call_counts_up_to_the_loss_when_it_was_answered_before() {
    // connected at; lost at; fewest channels of the hour 10:00
    for (connected, lost, fewest) in [
        (10 * HOUR, 10 * HOUR + HOUR / 2, Some((2, 1))),
        (10 * HOUR, 10 * HOUR + HOUR / 4, Some((1, 1))),
        (10 * HOUR + HOUR / 2, 10 * HOUR + HOUR / 4, Some((0, 1))),
        (10 * HOUR, 11 * HOUR + S, None),
        (10 * HOUR, 9 * HOUR, None),
    ] {
        let mut spool = over();
        for index in 0..spool.cdrs.len() {
            let start = spool.cdrs[index].started;
            spool.cdrs[index].connected = Some(start.plus_ns(connected - 10 * HOUR));
        }
        lose(&mut spool, 3, lost, lost + S);
        let found = verdict(&spool, Joining::Alone, &question(3, ""));
        let expect = fewest.map(|(numerator, denominator)| Channels { numerator, denominator });
        assert_eq!(found.days[3].fewest, expect, "{connected} {lost}");
        assert_eq!(found.days[2].fewest, None);
        let certain = if fewest.is_some() { Outcome::CannotTell } else { Outcome::Stays };
        assert_eq!(found.judged.outcome, certain);
    }
}

/// The truth: a leg with the same numbers, lost, between two that were read makes them one channel
/// (axis dedup, from the latest), or shifts the groups (from the first).
#[test]
fn a_lost_leg_can_bridge_two_channels() {
    for (dedup, gap, lost_at, expect) in [
        ("group-latest", 18, 9, Outcome::CannotTell),
        // Two lost legs do what one cannot.
        ("group-latest", 28, 9, Outcome::CannotTell),
        // Nothing was lost near.
        ("group-latest", 18, -3_600, Outcome::Stays),
        // From the first of a group on, a leg before both joins none that is further than 10 s away.
        ("group-first", 12, -9, Outcome::Stays),
    ] {
        let mut spool = over();
        for cdr in spool.cdrs.iter_mut().filter(|cdr| cdr.caller.ends_with(b"3")) {
            // The fourth call of a day has the numbers of the third, and starts a little later.
            cdr.caller = (*b"100002").into();
            cdr.started = cdr.started.plus_ns(gap * S);
            cdr.connected = Some(cdr.started);
            cdr.ended = cdr.ended.plus_ns(gap * S);
        }
        // Longer than an hour, so that the mean is over the limit of 3 in one hour in spite of the gap.
        for cdr in &mut spool.cdrs {
            cdr.ended = cdr.ended.plus_ns(2 * HOUR);
        }
        let lost = 10 * HOUR + lost_at * S;
        let length = if gap > 20 { 10 * S } else { S };
        // A spool of the sniffer: whole calls that began then are lost, and no packet of others.
        lose(&mut spool, 3, lost, lost + length + 4 * HOUR);
        let scope = FileScope::CallsBegun(at(&spool, 3, lost), at(&spool, 3, lost + length));
        spool.coverage.scopes.insert(FileId(0), scope);
        let found = verdict(&spool, Joining::Alone, &question(3, &format!("dedup={dedup}")));
        assert_eq!(found.judged.without_loss, Outcome::Stays);
        assert_eq!(found.judged.outcome, expect, "{dedup} {gap} {lost_at}");
    }
}

/// The truth: the evidence that would join two calls of the scenario `merged` was lost.
#[test]
fn lost_evidence_joins_calls() {
    // hour of the loss; each leg for itself; joined by evidence
    for (hour, alone, joined) in [
        (11 * HOUR + S, Outcome::Stays, Outcome::CannotTell),
        (8 * HOUR, Outcome::Stays, Outcome::CannotTell),
        // Further from the calls than a leg lasts.
        (5 * HOUR, Outcome::Stays, Outcome::Stays),
    ] {
        let mut spool = over();
        lose(&mut spool, 3, hour, hour);
        assert_eq!(outcome(&spool, Joining::Alone), alone, "{}", hour / HOUR);
        assert_eq!(outcome(&spool, Joining::ByEvidence), joined, "{}", hour / HOUR);
    }
    // With the days that are left the lock stays all the same.
    let mut long = spool(&[4; 8]);
    lose(&mut long, 0, 10 * HOUR, 10 * HOUR);
    assert_eq!(outcome(&long, Joining::ByEvidence), Outcome::Stays);
}

/// A file of the sniffer's spool holds whole calls of its minute: others are as sure as before.
#[test]
fn a_lost_minute_file_touches_its_own_calls_alone() {
    for (scope, expect) in [
        (None, Outcome::CannotTell),
        (Some((9 * HOUR, 9 * HOUR + 59 * S)), Outcome::Stays),
        (Some((10 * HOUR, 10 * HOUR + 59 * S)), Outcome::CannotTell),
    ] {
        let mut spool = over();
        lose(&mut spool, 3, 9 * HOUR, 14 * HOUR);
        if let Some((first, last)) = scope {
            let scope = FileScope::CallsBegun(at(&spool, 3, first), at(&spool, 3, last));
            spool.coverage.scopes.insert(FileId(0), scope);
        }
        assert_eq!(outcome(&spool, Joining::Alone), expect, "{scope:?}");
    }
    let mut spool = over();
    lose(&mut spool, 3, 9 * HOUR, 14 * HOUR);
    spool.coverage.scopes.insert(FileId(0), FileScope::NoSignalling);
    assert_eq!(outcome(&spool, Joining::ByEvidence), Outcome::Stays);
}

/// What the sniffer cannot read takes no CDR away from what it can; it can still be what legs share.
#[test]
fn encrypted_signalling_takes_no_leg_away() {
    let mut spool = over();
    lose(&mut spool, 3, 10 * HOUR, 11 * HOUR);
    spool.coverage.losses[0].kind = LossKind::Encrypted;
    assert_eq!(outcome(&spool, Joining::Alone), Outcome::Stays);
    assert_eq!(outcome(&spool, Joining::ByEvidence), Outcome::CannotTell);
}

/// A leg that is read from an INVITE inside its dialog on can have other numbers and another start.
#[test]
fn a_leg_read_from_the_middle_on_is_not_certain() {
    let mut spool = over();
    for cdr in &mut spool.cdrs {
        cdr.leg = 7;
    }
    assert_eq!(outcome(&spool, Joining::Alone), Outcome::Stays);
    spool.coverage.midway.insert(7);
    assert_eq!(outcome(&spool, Joining::Alone), Outcome::CannotTell);
}

/// A loss at an unknown time can touch every call.
#[test]
fn a_loss_anywhere_leaves_nothing_certain() {
    let mut spool = over();
    spool.coverage.losses.push(Loss {
        when: None,
        kind: LossKind::UnreadableFile,
        file: FileId(0),
        bytes: 0,
        detail: String::new(),
    });
    let found = verdict(&spool, Joining::Alone, &question(3, ""));
    assert_eq!(found.judged.outcome, Outcome::CannotTell);
    assert_eq!((found.judged.run_days_at_least, found.judged.run_days_at_most), (0, 5));
    let accepted = Question { accept_loss: true, ..question(3, "") };
    assert_eq!(verdict(&spool, Joining::Alone, &accepted).judged.outcome, Outcome::Stays);
}

/// Calls without INVITE count at most one channel each, from the first packet on.
#[test]
fn calls_that_ran_when_the_captures_began_can_keep_a_lock() {
    // calls of the first day, calls running, until; the verdict, the most channels of the first day
    for (first_day, running, until, outcome, most) in [
        (2, 0, 0, Outcome::Lifts, None),
        // Two calls of the first day and two that ran before, in other hours: never over.
        (2, 2, 9 * HOUR, Outcome::Lifts, None),
        (2, 3, 4 * HOUR, Outcome::Lifts, Some(3)),
        (2, 4, 4 * HOUR, Outcome::CannotTell, Some(4)),
        (2, 2, 11 * HOUR, Outcome::CannotTell, Some(4)),
        (2, 2, 10 * HOUR + HOUR / 4, Outcome::Lifts, None),
    ] {
        let mut spool = spool(&[first_day, 4, 4, 4]);
        let first = at(&spool, 0, 0);
        spool.coverage.running = vec![(first, first.plus_ns(until)); running];
        let found = verdict(&spool, Joining::Alone, &question(3, ""));
        assert_eq!(found.judged.outcome, outcome, "{running} {}", until / HOUR);
        assert_eq!(found.judged.without_loss, Outcome::Lifts);
        if let Some(most) = most {
            assert_eq!(found.days[0].most, Some(Channels::whole(most)));
        }
    }
}

/// Seven calls of one hour of the last day: with equal numbers near each other, ended by 487, without
/// numbers. `later`: two more in the afternoon, far from any loss among the seven.
fn seven_calls(later: bool) -> Spool {
    let mut spool = spool(&[0, 0]);
    let day = spool.calendar.days()[1].started.ns();
    for (index, (start, seconds, caller, connected, last_response)) in [
        (0, 4_000, "100001", Some(5), 200),
        (8, 4_000, "100001", Some(2), 200),
        (16, 3_000, "100001", Some(2), 200),
        (24, 30, "100001", None, 487),
        (30, 900, "100002", Some(9), 200),
        (33, 40, "100002", None, 487),
        (50, 7_000, "", Some(1), 200),
        (18_000, 7_200, "100003", Some(1), 200),
        (18_100, 7_200, "100004", Some(1), 200),
    ]
    .into_iter()
    .take(if later { 9 } else { 7 })
    .enumerate()
    {
        let start = day + 10 * HOUR + start * S;
        let mut cdr = cdr(index as u32, (caller, "200000"), start, start + seconds * S);
        cdr.connected = connected.map(|s: i64| CaptureTime::from_ns(start + s * S));
        cdr.last_response = last_response;
        spool.cdrs.push(cdr);
    }
    spool
}

/// Whatever the reading, what a loss can do stays between the bounds: the truth is a spool, what was
/// read is the spool without some packets.
#[test]
fn the_bounds_hold_the_truth_under_every_reading() {
    // How often a day was over at least, at most.
    let mut found = [0, 0];
    for later in [false, true] {
        let truth = seven_calls(later);
        let question = question(1, "");
        let true_runs: Vec<usize> = verdict(&truth, Joining::Alone, &question)
            .readings
            .iter()
            .map(|r| r.1.run_days)
            .collect();
        // The whole leg is lost, or its end: then a 487 is not known.
        for (lost, whole) in (0..7).flat_map(|lost| [(lost, true), (lost, false)]) {
            let read = without(&truth, lost, whole);
            let judged = verdict(&read, Joining::Alone, &question).readings;
            for ((reading, judged), run) in judged.iter().zip(&true_runs) {
                let bounds = judged.run_days_at_least..=judged.run_days_at_most;
                assert!(bounds.contains(run), "{lost} {whole} {reading}: {run} {judged:?}");
                found[0] += judged.run_days_at_least;
                found[1] += judged.run_days_at_most;
            }
        }
    }
    assert!(0 < found[0] && found[0] < found[1], "{found:?}");
}

/// What was read when a leg was lost: all of it, or what came a second after its start.
fn without(truth: &Spool, lost: usize, whole: bool) -> Spool {
    let mut read = spool(&[0, 0]);
    read.cdrs = truth.cdrs.clone();
    let leg = &mut read.cdrs[lost];
    let (from, until) = (leg.started, leg.ended);
    if whole {
        read.cdrs.remove(lost);
    } else {
        leg.ended = leg.started.plus_ns(S);
        leg.connected = leg.connected.filter(|connected| *connected <= leg.ended);
        leg.last_response = 180;
    }
    read.coverage.losses.push(Loss {
        when: Some((if whole { from } else { from.plus_ns(S) }, until)),
        kind: LossKind::Damaged,
        file: FileId(0),
        bytes: 1,
        detail: String::new(),
    });
    read
}
