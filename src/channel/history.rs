//! Channels over time under one reading: hours, days, the largest peak and who was up then.

use super::calendar::Calendar;
use super::count::{DayCount, HourCount, day_counts};
use super::dedup::{Clusters, Grouping, Member, clusters, counts, dedup_reach};
use super::interval::{Shape, interval_of};
use super::lanes::evaluate;
use super::reading::{CountReading, Dedup};
use super::sweep::Told;
use super::unit::Units;
use crate::base::CaptureTime;
use crate::base::limits::PEAK_SPANS_MAX;
use crate::leg::Cdr;
use serde::{Deserialize, Serialize};

/// One stretch of time at the largest peak, half-open.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PeakSpan {
    /// Its first moment.
    pub started: CaptureTime,
    /// The first moment after it.
    pub ended: CaptureTime,
}

/// Channels over time under one reading. Hours and days are those of the calendar it was made with.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct History {
    /// One entry for every hour of the calendar.
    pub hours: Vec<HourCount>,
    /// One entry for every day of the calendar.
    pub days: Vec<DayCount>,
    /// Most channels at one moment.
    pub peak_channels: u64,
    /// When the peak was reached, the first [`PEAK_SPANS_MAX`]; empty when there never was a channel.
    pub peak_spans: Vec<PeakSpan>,
    /// How often it was reached.
    pub peak_span_count: u64,
}

/// Deduplicated legs that are evidently different calls (design.md section 12, point 5).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EvidentlyDifferent {
    /// Groups that hold such legs.
    pub groups: u32,
    /// Legs that are another call than the first of their group.
    pub legs: u32,
    /// The days' figures when these legs are channels of their own.
    pub days: Vec<DayCount>,
}

impl History {
    /// The hours, and the stretches at their peak.
    fn of(hours: Vec<HourCount>, peaks: PeakWalk, calendar: &Calendar) -> Self {
        let days = day_counts(&hours, calendar);
        let peak_channels = hours.iter().map(|hour| hour.peak_channels).max().unwrap_or(0);
        let PeakWalk { spans, span_count, .. } = peaks;
        Self { hours, days, peak_channels, peak_spans: spans, peak_span_count: span_count }
    }

    /// What a timeline told of a lane that it watched; absent when it watched none.
    pub(super) fn of_lane(told: &mut Told, lane: usize, calendar: &Calendar) -> Option<Self> {
        let peaks = told.peaks.take()?;
        Some(Self::of(told.hours(told.class_of(lane)).to_vec(), peaks, calendar))
    }
}

/// A walk over the changes of channels by time that keeps the stretches at the largest number so far.
pub(super) struct PeakWalk {
    /// Up to where it came, and the end of the calendar.
    at_ns: i64,
    end_ns: i64,
    channels: i64,
    most: u64,
    /// Where the last stretch at the peak ends.
    until_ns: Option<i64>,
    spans: Vec<PeakSpan>,
    span_count: u64,
}

impl PeakWalk {
    /// From the beginning of a calendar to its end.
    pub(super) fn new(calendar: &Calendar) -> Self {
        let (at_ns, end_ns) = calendar.bounds_ns();
        Self {
            at_ns,
            end_ns,
            channels: 0,
            most: 0,
            until_ns: None,
            spans: Vec::new(),
            span_count: 0,
        }
    }

    /// A change at a moment inside the calendar, not before the one before.
    pub(super) fn change(&mut self, moment_ns: i64, change: i64) {
        if change == 0 {
            return;
        }
        self.step(moment_ns);
        self.channels += change;
    }

    /// No change comes any more.
    pub(super) fn end(&mut self) {
        self.step(self.end_ns);
    }

    fn step(&mut self, until_ns: i64) {
        let from_ns = self.at_ns;
        if until_ns <= from_ns {
            return;
        }
        self.at_ns = until_ns;
        let channels = self.channels.unsigned_abs();
        if channels > self.most {
            self.most = channels;
            (self.until_ns, self.span_count) = (None, 0);
            self.spans.clear();
        }
        if channels == self.most && channels > 0 {
            self.add_peak(from_ns, until_ns);
        }
    }

    fn add_peak(&mut self, from_ns: i64, until_ns: i64) {
        let (started, ended) = (CaptureTime::from_ns(from_ns), CaptureTime::from_ns(until_ns));
        // Changes that cancel out split a step without changing it: the parts are one stretch.
        if self.until_ns != Some(from_ns) {
            self.span_count += 1;
            if self.spans.len() < PEAK_SPANS_MAX {
                self.spans.push(PeakSpan { started, ended });
            }
        } else if let Some(last) = self.spans.last_mut()
            && last.ended == started
        {
            last.ended = ended;
        }
        self.until_ns = Some(until_ns);
    }
}

impl Units<'_> {
    /// The history under a reading.
    #[must_use]
    pub fn history(&self, calendar: &Calendar, reading: CountReading) -> History {
        // The reading is among them.
        evaluate(self, calendar, &[reading], Some(reading), None).history.unwrap_or_default()
    }

    /// The channels that are up at a moment under a reading: the CDRs of each, by start.
    #[must_use]
    pub fn up_at(&self, reading: CountReading, moment: CaptureTime) -> Vec<Vec<Cdr>> {
        let shape = Shape { cut: reading.cut, span: reading.span, edges: reading.edges };
        let is_up = |at: &u32| {
            interval_of(&self.times(*at), shape)
                .is_some_and(|i| i.start_ns <= moment.ns() && moment.ns() < i.end_ns)
        };
        let mut channels: Vec<(u32, Vec<Cdr>)> = Vec::new();
        self.grouped(reading, |group| {
            let rows = group.iter().flat_map(|member| self.rows_of(&member.head, reading.cut));
            let up: Vec<Cdr> = rows.filter(is_up).filter_map(|at| self.cdr(at)).collect();
            if let Some(first) = group.first().filter(|_| !up.is_empty()) {
                channels.push((first.head.first, up));
            }
        });
        channels.sort_by(|left, right| self.by_start(left.0, right.0));
        channels.into_iter().map(|(_, cdrs)| cdrs).collect()
    }

    /// Every channel under a reading, as its units by start.
    fn grouped(&self, reading: CountReading, visit: impl FnMut(&[Member])) {
        let mut each = Grouped { dedup: reading.dedup, grouping: Grouping::default(), visit };
        clusters(self, |head| counts(head, reading), dedup_reach, &mut each);
    }
}

/// Clusters to the groups that one choice on `dedup` makes of them.
struct Grouped<V> {
    dedup: Dedup,
    grouping: Grouping,
    visit: V,
}

impl<V: FnMut(&[Member])> Clusters for Grouped<V> {
    fn cluster(&mut self, members: &[Member]) {
        self.grouping.each(members, self.dedup, &mut self.visit);
    }
}
