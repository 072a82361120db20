//! Figures of hours and days, exact, in integer nanoseconds.
//!
//! An hour has an area (channel nanoseconds) and a peak; a day the largest of either. No buckets, no
//! floats: a mean is a fraction.

use super::calendar::Calendar;
use super::evident::Distinct;
use super::history::{EvidentlyDifferent, History};
use super::reading::CountReading;
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
    super::lanes::evaluate(units, calendar, readings, None, None).days
}

/// As [`evaluate`], with the history under one of the readings; absent when it is not among them.
#[must_use]
pub fn evaluate_with_history(
    units: &Units<'_>,
    calendar: &Calendar,
    readings: &[CountReading],
    reading: CountReading,
) -> (Vec<Vec<DayCount>>, Option<History>) {
    let evaluated = super::lanes::evaluate(units, calendar, readings, Some(reading), None);
    (evaluated.days, evaluated.history)
}

/// What several readings give, and one of them in full.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The days' figures under each reading, in their order.
    pub days: Vec<Vec<DayCount>>,
    /// The history under the one reading; absent when it is not among them.
    pub history: Option<History>,
    /// What deduplication hides under it; absent when it hides no evidently different call.
    pub hidden: Option<EvidentlyDifferent>,
}

/// As [`evaluate_with_history`], with the evidently different calls that the reading makes one channel.
#[must_use]
pub fn evaluate_in_full(
    units: &Units<'_>,
    calendar: &Calendar,
    readings: &[CountReading],
    reading: CountReading,
    distinct: &dyn Distinct,
) -> Counted {
    let made = super::lanes::evaluate(units, calendar, readings, Some(reading), Some(distinct));
    Counted { days: made.days, history: made.history, hidden: made.hidden }
}
