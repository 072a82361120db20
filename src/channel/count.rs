//! Intervals to figures: a sweep over sorted interval edges, exact, in integer nanoseconds.
//!
//! An hour has an area (channel nanoseconds) and a peak; a day the largest of either. No buckets, no
//! floats: a mean is a fraction.

use super::calendar::Calendar;
use super::dedup::{Grouping, group};
use super::history::History;
use super::interval::{Interval, Shape, interval_of, union};
use super::reading::{Branches, CountReading};
use super::table::Row;
use super::unit::Units;
use serde::{Deserialize, Deserializer, Serialize};
use std::cmp::Ordering;
use std::num::NonZeroU64;

/// An exact number of channels: a mean is channel nanoseconds over the nanoseconds of its hour.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Channels {
    /// Channel nanoseconds, or channels when `denominator` is 1.
    pub numerator: u128,
    /// Nanoseconds of the hour, or 1; never 0.
    #[serde(deserialize_with = "not_zero")]
    pub denominator: u64,
}

fn not_zero<'d, D: Deserializer<'d>>(deserializer: D) -> Result<u64, D::Error> {
    NonZeroU64::deserialize(deserializer).map(NonZeroU64::get)
}

impl Channels {
    /// No channel.
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };

    /// A whole number of channels.
    #[must_use]
    pub const fn whole(channels: u64) -> Self {
        Self { numerator: channels as u128, denominator: 1 }
    }
}

impl Ord for Channels {
    fn cmp(&self, other: &Self) -> Ordering {
        // 2^32 CDRs times 2^16 branches times 2^42 ns stay below 2^90; hours below 2^42 ns: the
        // products saturate only for fractions that no capture can make.
        let left = self.numerator.saturating_mul(u128::from(other.denominator));
        let right = other.numerator.saturating_mul(u128::from(self.denominator));
        left.cmp(&right)
    }
}

impl PartialOrd for Channels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Channels {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Channels {}

/// What one hour holds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct HourCount {
    /// Channel nanoseconds.
    pub channel_ns: u128,
    /// Most channels at one moment.
    pub peak_channels: u64,
}

/// What one day holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DayCount {
    /// The largest mean of an hour.
    pub mean: Channels,
    /// Number of the first hour with that mean, in [`Calendar::hours`].
    pub mean_hour: usize,
    /// The largest peak of an hour.
    pub peak_channels: u64,
    /// Number of the first hour with that peak.
    pub peak_hour: usize,
}

/// A change of the number of channels: moment in nanoseconds, and by how many.
pub(super) type Edge = (i64, i64);

/// Edges of all channels under a reading, sorted by time.
pub(super) fn edges(units: &Units<'_>, reading: CountReading, grouping: &Grouping) -> Vec<Edge> {
    let shape = Shape { cut: reading.cut, span: reading.span, edges: reading.edges };
    let mut edges = Vec::with_capacity(grouping.group_of.len() * 2);
    let mut push = |occupied: Interval, branches: u16| {
        let weight = match reading.branches {
            Branches::Leg => 1,
            Branches::Branch => i64::from(branches),
        };
        edges.push((occupied.start_ns, weight));
        edges.push((occupied.end_ns, -weight));
    };
    let mut intervals = Vec::new();
    let order = grouping.units_by_group();
    let same = |left: &u32, right: &u32| {
        grouping.group_of[*left as usize] == grouping.group_of[*right as usize]
    };
    for channel in order.chunk_by(same) {
        let branches = channel.iter().map(|unit| units.heads[*unit as usize].branches).max();
        let branches = branches.unwrap_or(1);
        union_of(units, channel, shape, &mut intervals);
        for occupied in &intervals {
            push(*occupied, branches);
        }
    }
    edges.sort_unstable();
    edges
}

/// The union of what the CDRs of some units occupy.
pub(super) fn union_of(units: &Units<'_>, some: &[u32], shape: Shape, into: &mut Vec<Interval>) {
    into.clear();
    for unit in some {
        let rows = units.rows_of(&units.heads[*unit as usize], shape.cut);
        into.extend(rows.filter_map(|row: &Row| interval_of(&row.times, shape)));
    }
    if into.len() > 1 {
        union(into);
    }
}

/// Walks the step function inside the calendar's bounds: `visit(from, until, channels)` for every
/// step, also those without channels.
pub(super) fn steps(
    edges: impl IntoIterator<Item = Edge>,
    calendar: &Calendar,
    mut visit: impl FnMut(i64, i64, u64),
) {
    let (first, end) = calendar.bounds_ns();
    let (mut at, mut channels) = (first, 0i64);
    for (moment, change) in edges {
        let moment = moment.clamp(first, end);
        if moment > at {
            visit(at, moment, channels.unsigned_abs());
            at = moment;
        }
        channels += change;
    }
    if at < end {
        visit(at, end, channels.unsigned_abs());
    }
}

/// Figures of every hour of the calendar.
pub(super) fn hour_counts(edges: &[Edge], calendar: &Calendar) -> Vec<HourCount> {
    let hours = calendar.hours();
    let mut counts = vec![HourCount::default(); hours.len()];
    let mut hour = 0;
    steps(edges.iter().copied(), calendar, |from, until, channels| {
        let mut from = from;
        while from < until && hour < hours.len() {
            let hour_end = hours[hour].ended.ns();
            let upto = until.min(hour_end);
            let count = &mut counts[hour];
            count.channel_ns += u128::from(channels) * u128::from(upto.abs_diff(from));
            count.peak_channels = count.peak_channels.max(channels);
            from = upto;
            if upto == hour_end {
                hour += 1;
            }
        }
    });
    counts
}

/// Figures of every day from those of its hours.
pub(super) fn day_counts(hours: &[HourCount], calendar: &Calendar) -> Vec<DayCount> {
    let day_of = |day: &super::calendar::Day| {
        let first = day.hours.start;
        let mut count =
            DayCount { mean: Channels::ZERO, mean_hour: first, peak_channels: 0, peak_hour: first };
        for hour in day.hours.clone() {
            let mean = Channels {
                numerator: hours[hour].channel_ns,
                denominator: calendar.hours()[hour].length_ns().max(1),
            };
            if mean > count.mean {
                (count.mean, count.mean_hour) = (mean, hour);
            }
            if hours[hour].peak_channels > count.peak_channels {
                (count.peak_channels, count.peak_hour) = (hours[hour].peak_channels, hour);
            }
        }
        count
    };
    calendar.days().iter().map(day_of).collect()
}

/// The days' figures under each of several readings, in their order. Readings share their work: units
/// are sorted once, and one sweep serves all readings that have the same intervals.
#[must_use]
pub fn evaluate(
    units: &Units<'_>,
    calendar: &Calendar,
    readings: &[CountReading],
) -> Vec<Vec<DayCount>> {
    if let [reading] = readings {
        let grouping = group(units, *reading);
        let hours = hour_counts(&edges(units, *reading, &grouping), calendar);
        return vec![day_counts(&hours, calendar)];
    }
    super::lanes::evaluate(units, calendar, readings, None).days
}

/// As [`evaluate`], with the history under one of the readings; absent when it is not among them.
#[must_use]
pub fn evaluate_with_history(
    units: &Units<'_>,
    calendar: &Calendar,
    readings: &[CountReading],
    reading: CountReading,
) -> (Vec<Vec<DayCount>>, Option<History>) {
    let evaluated = super::lanes::evaluate(units, calendar, readings, Some(reading));
    (evaluated.days, evaluated.history)
}
