//! Channels over time under one reading: hours, days, the largest peak and who was up then.

use super::calendar::Calendar;
use super::count::{DayCount, Edge, HourCount, day_counts, edges, hour_counts, steps};
use super::dedup::group;
use super::evident::Distinct;
use super::interval::{Shape, interval};
use super::reading::CountReading;
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
    /// The changes of channels by moment, and the hours that they give.
    pub(super) fn of(
        edges: impl IntoIterator<Item = Edge>,
        hours: Vec<HourCount>,
        calendar: &Calendar,
    ) -> Self {
        let days = day_counts(&hours, calendar);
        let peak_channels = hours.iter().map(|hour| hour.peak_channels).max().unwrap_or(0);
        let mut history =
            Self { hours, days, peak_channels, peak_spans: Vec::new(), peak_span_count: 0 };
        if peak_channels > 0 {
            // Edges that cancel out split a step without changing it: the parts are one stretch.
            let mut peak_until = None;
            steps(edges, calendar, |from, until, channels| {
                if channels == peak_channels {
                    history.add_peak(from, until, peak_until == Some(from));
                    peak_until = Some(until);
                }
            });
        }
        history
    }

    fn add_peak(&mut self, from: i64, until: i64, continues: bool) {
        let (started, ended) = (CaptureTime::from_ns(from), CaptureTime::from_ns(until));
        if !continues {
            self.peak_span_count += 1;
            if self.peak_spans.len() < PEAK_SPANS_MAX {
                self.peak_spans.push(PeakSpan { started, ended });
            }
        } else if let Some(last) = self.peak_spans.last_mut()
            && last.ended == started
        {
            last.ended = ended;
        }
    }
}

impl<'a> Units<'a> {
    /// The history under a reading.
    #[must_use]
    pub fn history(&self, calendar: &Calendar, reading: CountReading) -> History {
        let grouping = group(self, reading);
        let edges = edges(self, reading, &grouping);
        let hours = hour_counts(&edges, calendar);
        History::of(edges, hours, calendar)
    }

    /// What deduplication hides under a reading; absent when it hides no evidently different call.
    #[must_use]
    pub fn evidently_different(
        &self,
        calendar: &Calendar,
        reading: CountReading,
        distinct: &dyn Distinct,
    ) -> Option<EvidentlyDifferent> {
        let mut grouping = group(self, reading);
        let (groups, legs) = grouping.split(self, distinct);
        if legs == 0 {
            return None;
        }
        let hours = hour_counts(&edges(self, reading, &grouping), calendar);
        Some(EvidentlyDifferent { groups, legs, days: day_counts(&hours, calendar) })
    }

    /// The channels that are up at a moment under a reading: the CDRs of each, by start.
    #[must_use]
    pub fn up_at(&self, reading: CountReading, moment: CaptureTime) -> Vec<Vec<&'a Cdr>> {
        let grouping = group(self, reading);
        let shape = Shape { cut: reading.cut, span: reading.span, edges: reading.edges };
        let order = grouping.units_by_group();
        let is_up = |cdr: &&Cdr| {
            interval(cdr, shape)
                .is_some_and(|i| i.start_ns <= moment.ns() && moment.ns() < i.end_ns)
        };
        order
            .chunk_by(|left, right| {
                grouping.group_of[*left as usize] == grouping.group_of[*right as usize]
            })
            .map(|channel| {
                let heads = channel.iter().map(|unit| &self.heads[*unit as usize]);
                let cdrs = heads.flat_map(|head| self.cdrs_of(head, reading.cut));
                cdrs.filter(is_up).collect::<Vec<_>>()
            })
            .filter(|cdrs| !cdrs.is_empty())
            .collect()
    }
}
