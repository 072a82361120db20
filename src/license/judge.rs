//! Days' figures to a verdict: what a recount would do to the lock, by what margin, how sure it is.
//!
//! A loss is judged at both bounds (design.md section 12, point 1): with the channels that are there
//! whatever was lost ([`crate::channel::bounds`]), and with the days that it touches over the limit. So
//! are calls whose INVITE came before the captures began: without them, and with each as a channel.
//! Lifting can only get harder with more days over, so the two bounds decide.

use super::coverage::{Coverage, DayCoverage, Excluded};
use super::lock::{
    GRACE_DAYS, LOCK_DAYS, LockState, WINDOW_DAYS, is_over, judge_days, lifts, run_days,
};
use super::verdict::{
    Agreement, Caveat, DayRow, Deciding, Flip, Judged, Margin, Nearest, Outcome, Question,
    Scenario, ScenarioVerdict,
};
use crate::base::CaptureTime;
use crate::channel::bounds::{fewest, most};
use crate::channel::count::Counted;
use crate::channel::evident::Distinct;
use crate::channel::history::EvidentlyDifferent;
use crate::channel::reading::{Unlock, Window};
use crate::channel::{
    Axis, Bounded, Calendar, Channels, CountReading, DayCount, History, Joining, Reading, Units,
    count,
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
    /// How legs become units, and so what a missing leg could have to do with others.
    pub joining: Joining,
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
    let open: Vec<bool> = coverage.iter().map(DayCoverage::is_lower_bound).collect();
    let (figures, history) = Figures::new(&evidence, question, open);
    let bounds = figures.bounds(&history.days, reading);
    let judged = judge_reading(&bounds, question, reading);
    let over = over_days(&history.days, question, reading);
    let locks = judge_days(&over, reading.lock, reading.unlock);
    let caveats = caveats(&evidence, question, &history, &judged, &figures);
    let days = rows(&evidence, question, &bounds, coverage);
    let high = if question.accept_loss { over.clone() } else { bounds.over(question, reading).1 };
    let mut last = None;
    let readings: Vec<(Reading, Judged)> = question
        .readings
        .iter()
        .map(|reading| (*reading, figures.judge(question, *reading, &mut last)))
        .collect();
    ScenarioVerdict {
        scenario,
        reading,
        limit_channels: question.limit_channels,
        never_locked: judged.outcome == Outcome::Lifts && longest_run(&high) <= GRACE_DAYS,
        days_over: over.iter().filter(|day| **day).count(),
        state: locks.last().map_or(LockState::Within, |day| day.state),
        days,
        caveats,
        agreement: agreement(question, &readings, judged.outcome, &figures),
        readings,
        judged,
        history,
        cdr_count: evidence.units.cdr_count(),
        unit_count: evidence.units.unit_count(),
    }
}

/// Days' figures under one reading: as read, and how much fewer or more they can be.
#[derive(Clone, Copy, Debug)]
pub struct DayBounds<'a> {
    /// As read.
    pub read: &'a [DayCount],
    /// At least; absent when nothing that is missing can have taken a channel away.
    pub fewest: Option<BoundedDays<'a>>,
    /// At most, where `open` does not say that there is no such bound; absent when it is what was read.
    pub most: Option<BoundedDays<'a>>,
    /// Days without an upper bound.
    pub open: &'a [bool],
}

/// One bound of the days: figures, and on which days they stand in place of what was read.
#[derive(Clone, Copy, Debug)]
pub struct BoundedDays<'a> {
    /// The figures; any on the other days.
    pub days: &'a [DayCount],
    /// On which days.
    pub differs: &'a [bool],
}

impl BoundedDays<'_> {
    /// The figures of a day; absent where it is as read.
    fn of(&self, day: usize) -> Option<&DayCount> {
        self.days.get(day).filter(|_| self.differs.get(day) == Some(&true))
    }
}

impl DayBounds<'_> {
    /// Which days are over at least, and which at most.
    fn over(&self, question: &Question, reading: Reading) -> (Vec<bool>, Vec<bool>) {
        let is_over = |day: &DayCount| {
            is_over(figure(day, reading.window), question.limit_channels, reading.over)
        };
        let days = self.read.iter().enumerate();
        days.map(|(place, day)| {
            let read = is_over(day);
            let bound = |bound: Option<BoundedDays<'_>>| bound?.of(place).map(is_over);
            let open = self.open.get(place) == Some(&true);
            (
                read && bound(self.fewest).unwrap_or(true),
                read || open || bound(self.most).unwrap_or(false),
            )
        })
        .unzip()
    }
}

/// One bound under every reading.
struct Variant {
    days: Vec<Vec<DayCount>>,
    differs: Vec<bool>,
}

impl Variant {
    fn of(bounded: Bounded, calendar: &Calendar, counts: &[CountReading]) -> Self {
        let units = Units::new(&bounded.cdrs, &bounded.groups);
        Self { days: count::evaluate(&units, calendar, counts), differs: bounded.days }
    }

    fn at(&self, place: usize) -> Option<BoundedDays<'_>> {
        Some(BoundedDays { days: self.days.get(place)?, differs: &self.differs })
    }
}

/// The days' figures under every reading that is asked for, counted once, with their bounds.
struct Figures {
    counts: Vec<CountReading>,
    days: Vec<Vec<DayCount>>,
    /// What deduplication hides under the question's reading.
    hidden: Option<EvidentlyDifferent>,
    fewest: Option<Variant>,
    most: Option<Variant>,
    open: Vec<bool>,
}

impl Figures {
    /// Counts; the history is that under the question's reading.
    fn new(evidence: &Evidence<'_>, question: &Question, open: Vec<bool>) -> (Self, History) {
        let mut counts: Vec<CountReading> =
            question.readings.iter().map(|reading| reading.count).collect();
        counts.push(question.reading.count);
        counts.push(other_cut(question.reading).count);
        counts.sort_unstable();
        counts.dedup();
        let Evidence { units, calendar, coverage, .. } = *evidence;
        let reading = question.reading.count;
        let counted = count::evaluate_in_full(units, calendar, &counts, reading, evidence.distinct);
        let doubts = coverage.doubts(calendar, evidence.joining);
        let fewest = fewest(units, calendar, &doubts, &coverage.midway, evidence.joining)
            .map(|bounded| Variant::of(bounded, calendar, &counts));
        let most = most(units, calendar, &coverage.running)
            .map(|bounded| Variant::of(bounded, calendar, &counts));
        // The reading is among them.
        let history = counted.history.unwrap_or_default();
        let Counted { days, hidden, .. } = counted;
        (Self { counts, days, hidden, fewest, most, open }, history)
    }

    /// The days under a reading; none under one that was not asked for.
    fn of(&self, reading: Reading) -> &[DayCount] {
        let place = self.counts.binary_search(&reading.count);
        place.ok().and_then(|place| self.days.get(place)).map_or(&[], Vec::as_slice)
    }

    /// Some days' figures with the bounds that they have under a reading.
    fn bounds<'f>(&'f self, read: &'f [DayCount], reading: Reading) -> DayBounds<'f> {
        let place = self.counts.binary_search(&reading.count).ok();
        let at = |variant: &'f Option<Variant>| variant.as_ref()?.at(place?);
        DayBounds { read, fewest: at(&self.fewest), most: at(&self.most), open: &self.open }
    }

    /// Days whose figure can be another one than was read.
    fn doubtful_days(&self) -> usize {
        let differs = |variant: &Option<Variant>, day: usize| {
            variant.as_ref().is_some_and(|variant| variant.differs.get(day) == Some(&true))
        };
        let days = self.open.iter().enumerate();
        let open = |(day, open): &(usize, &bool)| {
            **open || differs(&self.fewest, *day) || differs(&self.most, *day)
        };
        days.filter(open).count()
    }

    /// The verdict under a reading. `last` is what was found for the one before: the axes `lock` and
    /// `unlock`, by which readings come last, leave it as it is.
    fn judge<'f>(
        &'f self,
        question: &Question,
        reading: Reading,
        last: &mut Option<(Reading, &'f [DayCount], Overs)>,
    ) -> Judged {
        let alike = |other: &Reading| {
            (other.count, other.window, other.over) == (reading.count, reading.window, reading.over)
        };
        if !last.as_ref().is_some_and(|(other, ..)| alike(other)) {
            *last = None;
        }
        let (_, days, overs) = last.get_or_insert_with(|| {
            let days = self.of(reading);
            (reading, days, Overs::of(&self.bounds(days, reading), question, reading))
        });
        judge_overs(overs, days, question, reading)
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

/// The verdict under one reading.
#[must_use]
pub fn judge_reading(bounds: &DayBounds<'_>, question: &Question, reading: Reading) -> Judged {
    judge_overs(&Overs::of(bounds, question, reading), bounds.read, question, reading)
}

/// Which days are over: as read, at least, and at most.
struct Overs {
    read: Vec<bool>,
    low: Vec<bool>,
    high: Vec<bool>,
}

impl Overs {
    fn of(bounds: &DayBounds<'_>, question: &Question, reading: Reading) -> Self {
        let (low, high) = bounds.over(question, reading);
        Self { read: over_days(bounds.read, question, reading), low, high }
    }
}

/// The verdict by which days are over; `days` are their figures as read.
fn judge_overs(
    Overs { read, low, high }: &Overs,
    days: &[DayCount],
    question: &Question,
    reading: Reading,
) -> Judged {
    let is_certain = lifts(low, reading.unlock) == lifts(high, reading.unlock);
    let lifted = lifts(read, reading.unlock);
    let outcome =
        if is_certain || question.accept_loss { outcome_of(lifted) } else { Outcome::CannotTell };
    let missing_days = if is_certain {
        Vec::new()
    } else {
        let end = read.len();
        let first = end.saturating_sub(deciding_days(reading.unlock));
        (first..end).filter(|day| low[*day] != high[*day]).collect()
    };
    Judged {
        outcome,
        without_loss: outcome_of(lifted),
        run_days: run_days(read),
        run_days_at_least: run_days(low),
        run_days_at_most: run_days(high),
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

fn longest_run(over: &[bool]) -> usize {
    let (mut longest, mut run) = (0, 0);
    for over in over {
        run = if *over { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn caveats(
    evidence: &Evidence<'_>,
    question: &Question,
    history: &History,
    judged: &Judged,
    figures: &Figures,
) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    let reading = question.reading;
    let again = |days: &[DayCount], reading| {
        judge_reading(&figures.bounds(days, reading), question, reading).outcome
    };
    if let Some(hidden) = &figures.hidden {
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
    let days = figures.doubtful_days();
    if question.accept_loss && days > 0 {
        caveats.push(Caveat::LossAccepted { days });
    }
    caveats.extend(coverage_caveats(evidence, question, history, judged, figures));
    caveats
}

fn coverage_caveats(
    evidence: &Evidence<'_>,
    question: &Question,
    history: &History,
    judged: &Judged,
    figures: &Figures,
) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    let days = evidence.calendar.days();
    if days.len() <= LOCK_DAYS {
        caveats.push(Caveat::StateBeforeUnseen { days_seen: days.len() });
    }
    let hangs_on = |is_unseen: &dyn Fn(usize) -> bool| {
        judged.outcome == Outcome::Lifts
            && !question.accept_loss
            && with_open_days(question, history, figures, is_unseen) == Outcome::CannotTell
    };
    let otherwise = Outcome::Stays;
    if hangs_on(&|day| day == 0) {
        caveats.push(Caveat::RestsOnFirstDay { otherwise });
    }
    let last_day = days.len().saturating_sub(1);
    let until = unfinished(evidence);
    let is_last = |day: usize| until.is_some() && day == last_day;
    let hangs_on_last = hangs_on(&is_last);
    if let Some(until) = until {
        caveats.push(match hangs_on_last {
            true => Caveat::RestsOnLastDay { until, otherwise },
            false => Caveat::LastDayPartial { until },
        });
    }
    let lacking = evidence.coverage.lacking_days(evidence.calendar);
    let lacks = |day: usize| lacking.get(day) == Some(&true);
    let mut lacked =
        days.iter().zip(&lacking).filter(|(_, lacks)| **lacks).map(|(day, _)| day.date);
    // With the rest of the last day, where that alone changes nothing.
    if (hangs_on(&lacks) || !hangs_on_last && hangs_on(&|day| lacks(day) || is_last(day)))
        && let Some(first) = lacked.next()
    {
        let days = lacking.iter().filter(|lacks| **lacks).count();
        let last = lacked.next_back().unwrap_or(first);
        caveats.push(Caveat::RestsOnLackingHours { days, first, last, otherwise });
    }
    let Excluded { messages, cdrs } = evidence.coverage.excluded;
    if judged.outcome != Outcome::Stays && !evidence.coverage.excluded.is_empty() {
        caveats.push(Caveat::ExcludedByConfiguration { messages, cdrs });
    }
    if evidence.calendar.clipped_days() > 0 {
        caveats.push(Caveat::DaysClipped { days: evidence.calendar.clipped_days() });
    }
    caveats
}

/// The last message, where the last day goes on for an hour or more behind it.
fn unfinished(evidence: &Evidence<'_>) -> Option<CaptureTime> {
    let (_, last) = evidence.coverage.bounds()?;
    let day = evidence.calendar.days().last()?;
    let behind = evidence.calendar.hours_touched(last, last).end;
    (last >= day.started && behind < evidence.calendar.hours().len()).then_some(last)
}

/// The outcome when some days more have no upper bound.
fn with_open_days(
    question: &Question,
    history: &History,
    figures: &Figures,
    is_unseen: &dyn Fn(usize) -> bool,
) -> Outcome {
    let days = figures.open.iter().enumerate();
    let open: Vec<bool> = days.map(|(day, open)| *open || is_unseen(day)).collect();
    let bounds = DayBounds { open: &open, ..figures.bounds(&history.days, question.reading) };
    judge_reading(&bounds, question, question.reading).outcome
}

fn rows(
    evidence: &Evidence<'_>,
    question: &Question,
    bounds: &DayBounds<'_>,
    coverage: Vec<DayCoverage>,
) -> Vec<DayRow> {
    let reading = question.reading;
    let locks =
        judge_days(&over_days(bounds.read, question, reading), reading.lock, reading.unlock);
    let days = evidence.calendar.days().iter().zip(bounds.read).enumerate();
    days.zip(locks)
        .zip(coverage)
        .map(|(((place, (day, count)), lock), coverage)| {
            let figure = |count: &DayCount| figure(count, reading.window);
            let bound = |bound: Option<BoundedDays<'_>>| bound?.of(place).map(figure);
            let (fewest, most) = (bound(bounds.fewest), bound(bounds.most));
            let figure = figure(count);
            DayRow {
                date: day.date,
                figure,
                count: *count,
                margin: Margin::of(figure, question.limit_channels),
                over: lock.over,
                run_days: lock.run_days,
                state: lock.state,
                fewest: fewest.filter(|fewest| *fewest < figure),
                most: most.filter(|most| *most > figure),
                coverage,
            }
        })
        .collect()
}

fn agreement(
    question: &Question,
    readings: &[(Reading, Judged)],
    decided: Outcome,
    figures: &Figures,
) -> Agreement {
    let mut agreement = Agreement { readings: readings.len(), ..Agreement::default() };
    for (reading, judged) in readings {
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
        let outcome = figures.judge(question, reading, &mut None).outcome;
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
