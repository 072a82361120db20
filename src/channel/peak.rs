//! The busiest hour of a history: its figure, and what some CDRs alone amount to in it.
//!
//! In: units, a calendar, a reading. Out: the largest figure of a day with its hour, and the part that
//! the CDRs of one call have in such an hour.

use super::calendar::{Calendar, Hour};
use super::count::Channels;
use super::history::History;
use super::reading::{Reading, Window};
use super::unit::{Groups, Units};
use crate::leg::Cdr;

/// The largest figure of all days.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BusiestHour {
    /// The figure under the reading's window: the mean of the hour, or its peak.
    pub figure: Channels,
    /// The first hour that has it.
    pub hour: Hour,
}

/// The hour that decides a history under a reading; absent when there never was a channel.
#[must_use]
pub fn busiest_hour(
    history: &History,
    calendar: &Calendar,
    reading: Reading,
) -> Option<BusiestHour> {
    let of_days = history.days.iter().map(|day| match reading.window {
        Window::HourlyMean => (day.mean, day.mean_hour),
        Window::HourlyPeak => (Channels::whole(day.peak_channels), day.peak_hour),
    });
    // The first day wins among equals.
    let (figure, hour) = of_days.reduce(|best, day| if day.0 > best.0 { day } else { best })?;
    let hour = *calendar.hours().get(hour)?;
    (figure > Channels::ZERO).then_some(BusiestHour { figure, hour })
}

/// How many channels fewer some CDRs are in an hour when they are one unit, not one each. Exact for
/// these CDRs alone; deduplication with others is not seen here.
#[must_use]
pub fn merging_saves(cdrs: &[Cdr], hour: Hour, calendar: &Calendar, reading: Reading) -> Channels {
    let figure = |groups: &Groups| {
        let history = Units::new(cdrs, groups).history(calendar, reading.count);
        let at = calendar.hours().iter().position(|other| other.started == hour.started);
        at.and_then(|at| history.hours.get(at).copied()).unwrap_or_default()
    };
    let apart = figure(&Groups::singles(cdrs.len()));
    let together = figure(&Groups::of(&[(0..cdrs.len()).collect()], cdrs.len()));
    match reading.window {
        Window::HourlyMean => Channels {
            numerator: apart.channel_ns.saturating_sub(together.channel_ns),
            denominator: hour.length_ns().max(1),
        },
        Window::HourlyPeak => {
            Channels::whole(apart.peak_channels.saturating_sub(together.peak_channels))
        }
    }
}
