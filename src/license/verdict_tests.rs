//! Tests of the verdict: runs, losses at both bounds, caveats, readings.

use super::coverage::{Coverage, Excluded};
use super::judge::{BoundedDays, DayBounds, Evidence, judge, judge_reading};
use super::verdict::*;
use crate::base::{CaptureTime, Endpoint, FileId, Loss, LossKind};
use crate::channel::bounds::fewest;
use crate::channel::evident::SameHop;
use crate::channel::oracle::cdr;
use crate::channel::{Calendar, Groups, Joining, Reading, ReadingPins, Units};
use crate::leg::{Bye, Cdr, Ends, VendorCut};
use jiff::civil::date;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

const S: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * S;

/// Days of a spool in UTC: `calls[d]` calls of other numbers, each over the whole tenth hour of day d.
pub(crate) struct Spool {
    pub(crate) cdrs: Vec<Cdr>,
    pub(crate) calendar: Calendar,
    pub(crate) coverage: Coverage,
}

pub(crate) fn spool(calls: &[u32]) -> Spool {
    let first = date(2026, 3, 1);
    let last = first.saturating_add(jiff::Span::new().days(calls.len() as i64 - 1));
    let calendar = Calendar::new(TimeZone::UTC, first, last);
    let mut spool = Spool { cdrs: Vec::new(), calendar, coverage: Coverage::default() };
    spool.coverage.spans.push(Vec::new());
    for (day, count) in calls.iter().enumerate() {
        let start = spool.calendar.days()[day].started.ns();
        spool.coverage.spans[0].push((at(start), at(start + 24 * HOUR - 1)));
        for call in 0..*count {
            let leg = day as u32 * 1_000 + call;
            let caller = format!("1{call:05}");
            spool.cdrs.push(cdr(leg, (&caller, "200000"), start + 10 * HOUR, start + 11 * HOUR));
        }
    }
    spool
}

fn at(ns: i64) -> CaptureTime {
    CaptureTime::from_ns(ns)
}

fn question(limit_channels: u64) -> Question {
    let pins = ReadingPins::default();
    Question {
        limit_channels,
        reading: pins.reading(),
        readings: pins.readings(),
        accept_loss: false,
    }
}

pub(crate) fn verdict(spool: &Spool, question: &Question) -> ScenarioVerdict {
    let units = Units::new(&spool.cdrs, &Groups::singles(spool.cdrs.len()));
    let evidence = Evidence {
        units: &units,
        calendar: &spool.calendar,
        coverage: &spool.coverage,
        distinct: &SameHop,
        joining: Joining::Alone,
    };
    judge(Scenario::AsIs, evidence, question)
}

fn days(within: usize, over: usize) -> Vec<u32> {
    [vec![2; within], vec![4; over]].concat()
}

fn lose(spool: &mut Spool, day: usize) {
    let start = spool.calendar.days()[day].started.ns();
    spool.coverage.losses.push(Loss {
        when: Some((at(start + 10 * HOUR), at(start + 11 * HOUR))),
        kind: LossKind::UnreadableFile,
        file: FileId(0),
        bytes: 1,
        detail: "a".to_owned(),
    });
}

#[test]
fn runs_decide_and_the_margin_is_that_of_the_day_that_would_flip_it() {
    // limit 3; (days within, days over) -> verdict, run, margin above
    for (within, over, outcome, above) in [
        (16, 0, Outcome::Lifts, false),
        (13, 3, Outcome::Lifts, false),
        (12, 4, Outcome::Stays, true),
        (2, 14, Outcome::Stays, true),
        (0, 16, Outcome::Stays, true),
    ] {
        let found = verdict(&spool(&days(within, over)), &question(3));
        assert_eq!(found.judged.outcome, outcome, "{within} {over}");
        assert_eq!(found.judged.run_days, over);
        assert_eq!(found.days_over, over);
        let margin = found.judged.deciding.unwrap().margin;
        assert_eq!((margin.above, margin.distance), (above, crate::channel::Channels::whole(1)));
        assert_eq!(found.never_locked, over <= 3);
    }
}

#[test]
fn a_run_that_ended_lifts_and_was_a_lock() {
    let calls = [vec![4; 15], vec![2]].concat();
    let found = verdict(&spool(&calls), &question(3));
    assert_eq!((found.judged.outcome, found.never_locked), (Outcome::Lifts, false));
    assert_eq!(found.judged.deciding.unwrap().day, 15);
    let flips: Vec<_> = found.agreement.flips.iter().map(|f| (f.axis.name(), f.choice)).collect();
    assert_eq!(flips, [("unlock", "whole-window")]);
    assert_eq!(found.agreement.readings, 3_072);
    assert_eq!(found.agreement.lifts + found.agreement.stays, 3_072);
    assert_eq!(found.agreement.agreeing, found.agreement.lifts);
}

#[test]
fn exactly_at_the_limit_flips_on_the_axis_over_alone() {
    let found = verdict(&spool(&[3; 16]), &question(3));
    assert_eq!((found.judged.outcome, found.never_locked), (Outcome::Lifts, true));
    let flips: Vec<_> = found.agreement.flips.iter().map(|f| (f.axis.name(), f.choice)).collect();
    assert!(flips.contains(&("over", "at-least")), "{flips:?}");
    assert!(found.agreement.nearest.unwrap().margin.distance.numerator == 0);
}

#[test]
fn a_loss_matters_only_where_it_can_decide() {
    // Days 12 to 15 decide. Day 13 is within the limit as read.
    let calls = [vec![2; 12], vec![4, 2, 4, 4]].concat();
    let mut elsewhere = spool(&calls);
    lose(&mut elsewhere, 5);
    let found = verdict(&elsewhere, &question(3));
    assert_eq!(found.judged.outcome, Outcome::Lifts);
    assert!(found.judged.missing_days.is_empty());

    let mut deciding = spool(&calls);
    lose(&mut deciding, 13);
    let found = verdict(&deciding, &question(3));
    assert_eq!(found.judged.outcome, Outcome::CannotTell);
    assert_eq!(found.judged.without_loss, Outcome::Lifts);
    assert_eq!(found.judged.missing_days, [13]);
    assert_eq!((found.judged.run_days, found.judged.run_days_at_most), (2, 4));

    let accepted = Question { accept_loss: true, ..question(3) };
    let found = verdict(&deciding, &accepted);
    assert_eq!(found.judged.outcome, Outcome::Lifts);
    assert!(found.caveats.contains(&Caveat::LossAccepted { days: 1 }));
}

#[test]
fn a_day_without_any_capture_in_the_deciding_run_is_lost() {
    let mut gap = spool(&[vec![2; 12], vec![4, 4, 0, 4]].concat());
    gap.coverage.spans[0].remove(14);
    let found = verdict(&gap, &question(3));
    assert_eq!(found.judged.outcome, Outcome::CannotTell);
    assert_eq!(found.judged.missing_days, [14]);
    assert!(found.days[14].coverage.is_without_capture());
}

#[test]
fn a_short_spool_says_what_it_cannot_see() {
    let found = verdict(&spool(&[4, 4]), &question(3));
    assert_eq!(found.judged.outcome, Outcome::Lifts);
    assert!(found.judged.deciding.is_none());
    assert!(found.caveats.contains(&Caveat::StateBeforeUnseen { days_seen: 2 }));
    // Three days over and a first day with calls that may have run before.
    let found = verdict(&spool(&[2, 4, 4, 4]), &question(3));
    assert_eq!(found.judged.outcome, Outcome::Lifts);
    assert!(found.caveats.contains(&Caveat::RestsOnFirstDay { otherwise: Outcome::Stays }));
}

/// A day that is not over breaks a run only as long as it stays within the limit.
#[test]
fn a_lift_by_a_last_day_that_is_not_over_says_so() {
    let calls = [vec![2; 10], vec![4; 5], vec![0]].concat();
    let until = |spool: &mut Spool, ns: i64| {
        let last = spool.coverage.spans[0].last_mut().unwrap();
        last.1 = last.0.plus_ns(ns);
        last.1
    };
    let mut partial = spool(&calls);
    let end = until(&mut partial, 8 * HOUR);
    let found = verdict(&partial, &question(3));
    assert_eq!(found.judged.outcome, Outcome::Lifts);
    let expect = Caveat::RestsOnLastDay { until: end, otherwise: Outcome::Stays };
    assert!(found.caveats.contains(&expect), "{:?}", found.caveats);
    // Into its last hour it is over.
    until(&mut partial, 23 * HOUR + 1);
    assert_eq!(verdict(&partial, &question(3)).caveats, []);
    // Where nothing hangs on it, it is only said that it can rise.
    let mut within = spool(&[vec![2; 12], vec![4, 4, 2, 2]].concat());
    let until = until(&mut within, 8 * HOUR);
    assert_eq!(verdict(&within, &question(3)).caveats, [Caveat::LastDayPartial { until }]);
}

/// Hours that a sensor usually has and lacks on the days that decide.
#[test]
fn a_lift_by_days_that_lack_usual_hours_says_so() {
    let mut lacking = spool(&[vec![4; 12], vec![0; 4]].concat());
    let whole = lacking.coverage.spans[0].clone();
    let cut = |(first, last): &(CaptureTime, CaptureTime)| {
        [(*first, first.plus_ns(9 * HOUR - 1)), (first.plus_ns(18 * HOUR), *last)]
    };
    let without: Vec<_> = whole[12..].iter().flat_map(cut).collect();
    lacking.coverage.spans = vec![[&whole[..12], &without].concat(), whole.clone()];
    let found = verdict(&lacking, &question(3));
    assert_eq!(found.judged.outcome, Outcome::Lifts);
    let (first, last) = (date(2026, 3, 13), date(2026, 3, 16));
    let expect = Caveat::RestsOnLackingHours { days: 4, first, last, otherwise: Outcome::Stays };
    assert!(found.caveats.contains(&expect), "{:?}", found.caveats);
    // What only the lesser half of the days has is not usual, and a stay needs no such word.
    lacking.coverage.spans = vec![whole[..7].to_vec(), whole.clone()];
    assert_eq!(verdict(&lacking, &question(3)).caveats, []);
    let mut stays = spool(&[4; 16]);
    stays.coverage.spans.push(whole[..12].to_vec());
    assert_eq!(verdict(&stays, &question(3)).judged.outcome, Outcome::Stays);
    assert_eq!(verdict(&stays, &question(3)).caveats, []);
}

/// What the configuration leaves out of the captures may be what the GUI counts.
#[test]
fn a_lift_beside_what_the_configuration_leaves_out_says_so() {
    let mut within = spool(&[2; 16]);
    within.coverage.excluded = Excluded { messages: 7, cdrs: 2 };
    let expect = Caveat::ExcludedByConfiguration { messages: 7, cdrs: 2 };
    assert_eq!(verdict(&within, &question(3)).caveats, [expect]);
    assert_eq!(verdict(&within, &question(1)).caveats, []);
}

/// A call may last as long as the configuration allows.
#[test]
fn losses_reach_as_far_as_calls_may() {
    let mut long = spool(&[2; 16]);
    lose(&mut long, 10);
    let touched = |spool: &Spool| -> Vec<usize> {
        let days = spool.coverage.by_day(&spool.calendar);
        (0..days.len()).filter(|day| days[*day].loss_count > 0).collect()
    };
    assert_eq!(touched(&long), [10]);
    long.coverage.call_ns_max = 24 * HOUR;
    assert_eq!(touched(&long), [10, 11]);
}

/// Design.md section 12, point 5: one trunk number calling one hotline.
#[test]
fn a_verdict_that_rests_on_hiding_calls_says_so() {
    let mut hotline = spool(&[4; 16]);
    for cdr in &mut hotline.cdrs {
        cdr.caller = (*b"100000").into();
        let end = |last| Endpoint::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), 5_060);
        cdr.ends = Ends::new(end(1), end(2));
    }
    let found = verdict(&hotline, &question(3));
    assert_eq!(found.judged.outcome, Outcome::Lifts);
    let expect = Caveat::RestsOnDeduplication { groups: 16, legs: 48, otherwise: Outcome::Stays };
    assert_eq!(found.caveats[0], expect);
    // Without addresses nothing is evident.
    for cdr in &mut hotline.cdrs {
        cdr.ends = Ends::new(cdr.source(), Endpoint::UNKNOWN);
    }
    assert_eq!(verdict(&hotline, &question(3)).caveats, []);
    for cdr in &mut hotline.cdrs {
        cdr.ends = Ends::new(cdr.source(), cdr.source());
    }
    // With a limit far above, it is said but nothing hangs on it.
    let found = verdict(&hotline, &question(100));
    assert_eq!(found.caveats[0], Caveat::HidesDifferentCalls { groups: 16, legs: 48 });
}

/// Design.md section 12, point 6.
#[test]
fn a_verdict_that_rests_on_the_vendors_timeouts_says_so() {
    let mut cut = spool(&[4; 16]);
    for cdr in &mut cut.cdrs {
        cdr.vendor_cut = Some(VendorCut {
            ended: cdr.started.plus_ns(300 * S),
            bye: Bye::Zombie,
            last_response: 200,
        });
    }
    let found = verdict(&cut, &question(3));
    assert_eq!(found.judged.outcome, Outcome::Stays);
    assert_eq!(found.caveats, [Caveat::RestsOnCut { otherwise: Outcome::Lifts }]);
    assert!(found.agreement.flips.iter().any(|flip| flip.axis.name() == "cut"));
}

#[test]
fn pinned_axes_leave_only_their_readings_to_compare() {
    let pins = ReadingPins::parse("over=at-least,unlock=last-day").unwrap();
    let question = Question { reading: pins.reading(), readings: pins.readings(), ..question(4) };
    let found = verdict(&spool(&[4; 16]), &question);
    assert_eq!(found.judged.outcome, Outcome::Stays);
    assert_eq!(found.agreement.readings, 3_072 / 6);
    assert!(found.agreement.flips.iter().all(|flip| flip.axis.name() != "over"));
    assert_ne!(found.reading, Reading::documented());
}

/// Sharing work over readings changes none of them.
#[test]
fn every_reading_is_judged_as_if_it_were_alone() {
    let mut mixed = spool(&[2, 4, 3, 4, 4]);
    for (index, cdr) in mixed.cdrs.iter_mut().enumerate() {
        cdr.branches = 1 + u16::from(index % 3 == 0);
        cdr.last_response = if index % 4 == 0 { 487 } else { 200 };
        cdr.caller = format!("10000{}", index % 3).into_bytes().into();
        cdr.only_when_cut = index % 5 == 0;
    }
    lose(&mut mixed, 3);
    let question = question(2);
    let units = Units::new(&mixed.cdrs, &Groups::singles(mixed.cdrs.len()));
    let evidence = Evidence {
        units: &units,
        calendar: &mixed.calendar,
        coverage: &mixed.coverage,
        distinct: &SameHop,
        joining: Joining::Alone,
    };
    let open: Vec<bool> =
        mixed.coverage.by_day(&mixed.calendar).iter().map(|day| day.is_lower_bound()).collect();
    let doubts = mixed.coverage.doubts(&mixed.calendar, Joining::Alone);
    let fewest =
        fewest(&units, &mixed.calendar, &doubts, &BTreeSet::new(), Joining::Alone).unwrap();
    let fewest_units = Units::new(&fewest.cdrs, &fewest.groups);
    let verdict = judge(Scenario::AsIs, evidence, &question);
    let together = &verdict.readings;
    assert_eq!(together.len(), question.readings.len());
    let mut outcomes = [0, 0, 0];
    for (reading, judged) in together {
        let read = units.history(&mixed.calendar, reading.count).days;
        let low = fewest_units.history(&mixed.calendar, reading.count).days;
        let low = BoundedDays { days: &low, differs: &fewest.days };
        let bounds = DayBounds { read: &read, fewest: Some(low), most: None, open: &open };
        let alone = judge_reading(&bounds, &question, *reading);
        assert_eq!(judged, &alone, "{reading}");
        outcomes[judged.outcome as usize] += 1;
    }
    let agreement = &verdict.agreement;
    assert_eq!([agreement.lifts, agreement.stays, agreement.cannot_tell], outcomes);
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
    assert_eq!(verdict.judged, together[0].1);
}
