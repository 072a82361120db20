//! Days' figures to a verdict: what a recount would do to the lock, by what margin, how sure it is.
//!
//! A loss is judged at both bounds (design.md section 12, point 1): its days as they were counted, and
//! as days over the limit. Lifting can only get harder with more days over, so the two bounds decide.

use super::coverage::{Coverage, DayCoverage};
use super::lock::{
    GRACE_DAYS, LOCK_DAYS, LockState, WINDOW_DAYS, is_over, judge_days, lifts, run_days,
};
use super::verdict::{
    Agreement, Caveat, DayRow, Deciding, Flip, Judged, Margin, Nearest, Outcome, Question,
    Scenario, ScenarioVerdict,
};
use crate::channel::evident::Distinct;
use crate::channel::reading::{Unlock, Window};
use crate::channel::{
    Axis, Calendar, Channels, CountReading, DayCount, History, Reading, Units, count,
};

/// Everything that the judgement of one scenario needs.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The CDRs and groups of the scenario.
    pub units: &'a Units<'a>,
    /// Days from the first with data to the day of the verdict.
    pub calendar: &'a Calendar,
    /// What was covered and lost.
    pub coverage: &'a Coverage,
    /// Which deduplicated legs are evidently different calls.
    pub distinct: &'a dyn Distinct,
}

/// The figure of a day by the axis `window`.
const fn figure(day: &DayCount, window: Window) -> Channels {
    match window {
        Window::HourlyMean => day.mean,
        Window::HourlyPeak => Channels::whole(day.peak_channels),
    }
}

/// Judges one scenario under the question's reading and compares with all its readings.
#[must_use]
pub fn judge(scenario: Scenario, evidence: Evidence<'_>, question: &Question) -> ScenarioVerdict {
    let reading = question.reading;
    let coverage = evidence.coverage.by_day(evidence.calendar);
    let uncertain: Vec<bool> = coverage.iter().map(DayCoverage::is_lower_bound).collect();
    let history = evidence.units.history(evidence.calendar, reading.count);
    let judged = judge_reading(&history.days, &uncertain, question, reading);
    let over = over_days(&history.days, question, reading);
    let locks = judge_days(&over, reading.lock, reading.unlock);
    let figures = Figures::new(&evidence, question);
    let caveats = caveats(&evidence, question, &history, &uncertain, &judged, &figures);
    let days = rows(&evidence, question, &history, coverage);
    ScenarioVerdict {
        scenario,
        reading,
        limit_channels: question.limit_channels,
        never_locked: judged.outcome == Outcome::Lifts
            && longest_run(&over, &uncertain, question.accept_loss) <= GRACE_DAYS,
        days_over: over.iter().filter(|day| **day).count(),
        state: locks.last().map_or(LockState::Within, |day| day.state),
        days,
        caveats,
        agreement: agreement(question, &uncertain, judged.outcome, &figures),
        judged,
        history,
        cdr_count: evidence.units.cdr_count(),
        unit_count: evidence.units.unit_count(),
    }
}

/// The verdict under every reading of the question, in their order: what `--readings all` lists.
#[must_use]
pub fn judge_readings(evidence: Evidence<'_>, question: &Question) -> Vec<(Reading, Judged)> {
    let coverage = evidence.coverage.by_day(evidence.calendar);
    let uncertain: Vec<bool> = coverage.iter().map(DayCoverage::is_lower_bound).collect();
    let figures = Figures::new(&evidence, question);
    let judged =
        |reading: &Reading| judge_reading(figures.of(*reading), &uncertain, question, *reading);
    question.readings.iter().map(|reading| (*reading, judged(reading))).collect()
}

/// The days' figures under every reading that is asked for, counted once.
struct Figures {
    counts: Vec<CountReading>,
    days: Vec<Vec<DayCount>>,
}

impl Figures {
    fn new(evidence: &Evidence<'_>, question: &Question) -> Self {
        let mut counts: Vec<CountReading> =
            question.readings.iter().map(|reading| reading.count).collect();
        counts.push(question.reading.count);
        counts.push(other_cut(question.reading).count);
        counts.sort_unstable();
        counts.dedup();
        let days = count::evaluate(evidence.units, evidence.calendar, &counts);
        Self { counts, days }
    }

    /// The days under a reading; none under one that was not asked for.
    fn of(&self, reading: Reading) -> &[DayCount] {
        let place = self.counts.binary_search(&reading.count);
        place.ok().and_then(|place| self.days.get(place)).map_or(&[], Vec::as_slice)
    }
}

/// The reading with the other choice on the axis `cut`.
fn other_cut(reading: Reading) -> Reading {
    reading.with(Axis::Cut, 1 - reading.choice(Axis::Cut))
}

fn over_days(days: &[DayCount], question: &Question, reading: Reading) -> Vec<bool> {
    days.iter()
        .map(|day| is_over(figure(day, reading.window), question.limit_channels, reading.over))
        .collect()
}

fn outcome_of(lifted: bool) -> Outcome {
    if lifted { Outcome::Lifts } else { Outcome::Stays }
}

/// The verdict under one reading. `uncertain` says which days are only lower bounds.
#[must_use]
pub fn judge_reading(
    days: &[DayCount],
    uncertain: &[bool],
    question: &Question,
    reading: Reading,
) -> Judged {
    let low = over_days(days, question, reading);
    let high: Vec<bool> = low.iter().zip(uncertain).map(|(over, open)| *over || *open).collect();
    let lifted = lifts(&low, reading.unlock);
    let lifted_at_most = lifts(&high, reading.unlock);
    let outcome = if lifted == lifted_at_most || question.accept_loss {
        outcome_of(lifted)
    } else {
        Outcome::CannotTell
    };
    let missing_days = if lifted == lifted_at_most {
        Vec::new()
    } else {
        let first = days.len().saturating_sub(deciding_days(reading.unlock));
        (first..days.len()).filter(|day| uncertain[*day] && !low[*day]).collect()
    };
    Judged {
        outcome,
        without_loss: outcome_of(lifted),
        run_days: run_days(&low),
        run_days_at_most: run_days(&high),
        deciding: deciding(days, question, reading),
        missing_days,
    }
}

/// How many of the last days decide under a choice of the axis `unlock`.
const fn deciding_days(unlock: Unlock) -> usize {
    match unlock {
        Unlock::RunWithinGrace => GRACE_DAYS + 1,
        Unlock::LastDay => 1,
        Unlock::WholeWindow => WINDOW_DAYS,
    }
}

/// The lock stays by the grace when the smallest of the last four days is over, by the window when the
/// largest of its days is.
fn deciding(days: &[DayCount], question: &Question, reading: Reading) -> Option<Deciding> {
    let wanted = deciding_days(reading.unlock);
    let smallest = reading.unlock != Unlock::WholeWindow;
    if smallest && days.len() < wanted {
        return None;
    }
    let first = days.len().saturating_sub(wanted);
    let figures = (first..days.len()).map(|day| (figure(&days[day], reading.window), day));
    let (figure, day) = if smallest {
        figures.min_by(|left, right| left.0.cmp(&right.0))
    } else {
        figures.rev().max_by(|left, right| left.0.cmp(&right.0))
    }?;
    Some(Deciding { day, figure, margin: Margin::of(figure, question.limit_channels) })
}

fn longest_run(over: &[bool], uncertain: &[bool], accept_loss: bool) -> usize {
    let (mut longest, mut run) = (0, 0);
    for (over, open) in over.iter().zip(uncertain) {
        run = if *over || (*open && !accept_loss) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn caveats(
    evidence: &Evidence<'_>,
    question: &Question,
    history: &History,
    uncertain: &[bool],
    judged: &Judged,
    figures: &Figures,
) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    let reading = question.reading;
    let again =
        |days: &[DayCount], reading| judge_reading(days, uncertain, question, reading).outcome;
    if let Some(hidden) =
        evidence.units.evidently_different(evidence.calendar, reading.count, evidence.distinct)
    {
        let (groups, legs) = (hidden.groups, hidden.legs);
        let otherwise = again(&hidden.days, reading);
        caveats.push(if otherwise == judged.outcome {
            Caveat::HidesDifferentCalls { groups, legs }
        } else {
            Caveat::RestsOnDeduplication { groups, legs, otherwise }
        });
    }
    let other = other_cut(reading);
    let otherwise = again(figures.of(other), other);
    if otherwise != judged.outcome {
        caveats.push(Caveat::RestsOnCut { otherwise });
    }
    if question.accept_loss && uncertain.contains(&true) {
        let days = uncertain.iter().filter(|open| **open).count();
        caveats.push(Caveat::LossAccepted { days });
    }
    caveats.extend(coverage_caveats(evidence, question, history, uncertain, judged));
    caveats
}

fn coverage_caveats(
    evidence: &Evidence<'_>,
    question: &Question,
    history: &History,
    uncertain: &[bool],
    judged: &Judged,
) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    let days = evidence.calendar.days();
    if days.len() <= LOCK_DAYS {
        caveats.push(Caveat::StateBeforeUnseen { days_seen: days.len() });
    }
    let mut first_open = uncertain.to_vec();
    if let Some(first) = first_open.first_mut() {
        *first = true;
    }
    let strict = Question { accept_loss: false, ..question.clone() };
    let with_first_open = judge_reading(&history.days, &first_open, &strict, question.reading);
    if judged.outcome == Outcome::Lifts
        && with_first_open.outcome == Outcome::CannotTell
        && !question.accept_loss
    {
        caveats.push(Caveat::RestsOnFirstDay { otherwise: Outcome::Stays });
    }
    if let (Some((_, last)), Some(day)) = (evidence.coverage.bounds(), days.last())
        && last >= day.started
        && evidence.calendar.hours_touched(last, last).end < evidence.calendar.hours().len()
    {
        caveats.push(Caveat::LastDayPartial { until: last });
    }
    if evidence.calendar.clipped_days() > 0 {
        caveats.push(Caveat::DaysClipped { days: evidence.calendar.clipped_days() });
    }
    caveats
}

fn rows(
    evidence: &Evidence<'_>,
    question: &Question,
    history: &History,
    coverage: Vec<DayCoverage>,
) -> Vec<DayRow> {
    let reading = question.reading;
    let locks =
        judge_days(&over_days(&history.days, question, reading), reading.lock, reading.unlock);
    let days = evidence.calendar.days().iter().zip(&history.days);
    days.zip(locks)
        .zip(coverage)
        .map(|(((day, count), lock), coverage)| {
            let figure = figure(count, reading.window);
            DayRow {
                date: day.date,
                figure,
                count: *count,
                margin: Margin::of(figure, question.limit_channels),
                over: lock.over,
                run_days: lock.run_days,
                state: lock.state,
                coverage,
            }
        })
        .collect()
}

fn agreement(
    question: &Question,
    uncertain: &[bool],
    decided: Outcome,
    figures: &Figures,
) -> Agreement {
    let judged =
        |reading: Reading| judge_reading(figures.of(reading), uncertain, question, reading);
    let mut agreement = Agreement { readings: question.readings.len(), ..Agreement::default() };
    for reading in &question.readings {
        let judged = judged(*reading);
        match judged.outcome {
            Outcome::Lifts => agreement.lifts += 1,
            Outcome::Stays => agreement.stays += 1,
            Outcome::CannotTell => agreement.cannot_tell += 1,
        }
        if judged.outcome != decided {
            continue;
        }
        agreement.agreeing += 1;
        if let Some(Deciding { margin, .. }) = judged.deciding
            && agreement.nearest.is_none_or(|n| margin.distance < n.margin.distance)
        {
            agreement.nearest = Some(Nearest { reading: *reading, margin });
        }
    }
    for (axis, choice, reading) in single_changes(question) {
        let outcome = judged(reading).outcome;
        if outcome != decided {
            agreement.flips.push(Flip { axis, choice, outcome });
        }
    }
    agreement
}

/// The readings that differ from the deciding one on one axis, as far as they are to be compared.
fn single_changes(question: &Question) -> Vec<(Axis, &'static str, Reading)> {
    let mut readings = question.readings.clone();
    readings.sort_unstable();
    let mut changes = Vec::new();
    for axis in Axis::ALL {
        for (number, name) in axis.choices().iter().enumerate() {
            let reading = question.reading.with(axis, number);
            if reading != question.reading && readings.binary_search(&reading).is_ok() {
                changes.push((axis, *name, reading));
            }
        }
    }
    changes
}
