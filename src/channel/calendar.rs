//! Days and hours of a time zone as capture time.
//!
//! An hour is a local wall hour: it starts where the local clock shows a full hour or jumps. A day
//! with a change of the clock has 23 or 25 of them; a repeated hour is two hours. Where a clock moves
//! by half an hour an hour can be shorter, and means are over its true length.

use crate::base::CaptureTime;
use crate::base::limits::HISTORY_DAYS_MAX;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::ops::Range;

const NS_PER_HOUR: i64 = 3_600_000_000_000;

/// One local hour, half-open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hour {
    /// Its first moment.
    pub started: CaptureTime,
    /// The first moment after it.
    pub ended: CaptureTime,
    /// Number of its day in [`Calendar::days`].
    pub day: usize,
    /// What the local clock shows at its start, in minutes after midnight.
    pub wall_minute: u16,
    /// Offset of the local clock from UTC in seconds; tells the two hours of a repeated hour apart.
    pub offset_s: i32,
}

impl Hour {
    /// Its length in nanoseconds; never 0.
    #[must_use]
    pub const fn length_ns(&self) -> u64 {
        self.ended.since_ns(self.started).unsigned_abs()
    }
}

/// One local day.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Day {
    /// Its date.
    pub date: Date,
    /// Its first moment.
    pub started: CaptureTime,
    /// The first moment after it.
    pub ended: CaptureTime,
    /// Its hours in [`Calendar::hours`].
    pub hours: Range<usize>,
}

/// Consecutive days of one time zone, cut into hours.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    asked: (Date, Date),
    days: Vec<Day>,
    hours: Vec<Hour>,
    clipped_days: u32,
}

impl Calendar {
    /// The days from `first` to `last`, both inside. At most [`HISTORY_DAYS_MAX`], the latest ones;
    /// [`Self::clipped_days`] says how many were left out. `first` after `last` gives no day.
    #[must_use]
    pub fn new(zone: TimeZone, first: Date, last: Date) -> Self {
        let earliest = last.saturating_sub((HISTORY_DAYS_MAX as i64 - 1).days());
        let clipped_days = days_between(first, earliest);
        let (days, hours) = (Vec::new(), Vec::new());
        let mut calendar = Self { zone, asked: (first, last), days, hours, clipped_days };
        let mut date = first.max(earliest);
        while date <= last {
            calendar.push_day(date);
            match date.tomorrow() {
                Ok(next) => date = next,
                Err(_) => break,
            }
        }
        calendar
    }

    /// The date of a moment.
    #[must_use]
    pub fn date_of(zone: &TimeZone, time: CaptureTime) -> Date {
        zone.to_datetime(timestamp(time.ns())).date()
    }

    fn push_day(&mut self, date: Date) {
        let (Some(start), Some(end)) =
            (self.day_start(date), date.tomorrow().ok().and_then(|next| self.day_start(next)))
        else {
            return;
        };
        // A zone that crossed the date line skipped a whole date.
        if start >= end {
            return;
        }
        let first_hour = self.hours.len();
        let mut at = start;
        while at < end {
            let offset_s = self.zone.to_offset(timestamp(at)).seconds();
            let local = at.saturating_add(i64::from(offset_s) * 1_000_000_000);
            let next_full = at.saturating_add(NS_PER_HOUR - local.rem_euclid(NS_PER_HOUR));
            let next = self.next_jump(at, offset_s).unwrap_or(end).min(next_full).min(end);
            self.hours.push(Hour {
                started: CaptureTime::from_ns(at),
                ended: CaptureTime::from_ns(next),
                day: self.days.len(),
                wall_minute: wall_minute(local),
                offset_s,
            });
            at = next;
        }
        self.days.push(Day {
            date,
            started: CaptureTime::from_ns(start),
            ended: CaptureTime::from_ns(end),
            hours: first_hour..self.hours.len(),
        });
    }

    fn day_start(&self, date: Date) -> Option<i64> {
        let zoned = date.to_zoned(self.zone.clone()).ok()?;
        i64::try_from(zoned.timestamp().as_nanosecond()).ok()
    }

    /// The next moment after `at` and within an hour where the offset changes.
    fn next_jump(&self, at: i64, offset_s: i32) -> Option<i64> {
        let limit = at.saturating_add(NS_PER_HOUR);
        self.zone
            .following(timestamp(at))
            .map(|transition| (transition.timestamp().as_nanosecond(), transition.offset()))
            .take_while(|(moment, _)| *moment < i128::from(limit))
            .find(|(moment, offset)| *moment > i128::from(at) && offset.seconds() != offset_s)
            .and_then(|(moment, _)| i64::try_from(moment).ok())
    }

    /// The time zone.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// First and last day as they were asked for; with them and [`Self::zone`], [`Self::new`] makes the
    /// same calendar.
    #[must_use]
    pub const fn asked(&self) -> (Date, Date) {
        self.asked
    }

    /// The days in order.
    #[must_use]
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// The hours in order, without gaps.
    #[must_use]
    pub fn hours(&self) -> &[Hour] {
        &self.hours
    }

    /// Days before the first one that were left out because there were too many.
    #[must_use]
    pub const fn clipped_days(&self) -> u32 {
        self.clipped_days
    }

    /// First moment and the first moment after the last; both 0 when there is no day.
    #[must_use]
    pub fn bounds_ns(&self) -> (i64, i64) {
        match (self.days.first(), self.days.last()) {
            (Some(first), Some(last)) => (first.started.ns(), last.ended.ns()),
            _ => (0, 0),
        }
    }

    /// Numbers of the days that a closed span of time touches.
    #[must_use]
    pub fn days_touched(&self, first: CaptureTime, last: CaptureTime) -> Range<usize> {
        let low = self.days.partition_point(|day| day.ended <= first);
        let high = self.days.partition_point(|day| day.started <= last);
        low..high.max(low)
    }

    /// Numbers of the hours that a closed span of time touches.
    #[must_use]
    pub fn hours_touched(&self, first: CaptureTime, last: CaptureTime) -> Range<usize> {
        let low = self.hours.partition_point(|hour| hour.ended <= first);
        let high = self.hours.partition_point(|hour| hour.started <= last);
        low..high.max(low)
    }
}

fn days_between(first: Date, later: Date) -> u32 {
    first.until(later).map_or(0, |span| u32::try_from(span.get_days().max(0)).unwrap_or(0))
}

fn wall_minute(local_ns: i64) -> u16 {
    let minute = local_ns.div_euclid(60_000_000_000).rem_euclid(1_440);
    u16::try_from(minute).unwrap_or(0)
}

/// The whole range of capture time fits jiff's.
fn timestamp(ns: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(ns)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn calendar(zone: &str, first: Date, last: Date) -> Calendar {
        Calendar::new(TimeZone::get(zone).unwrap(), first, last)
    }

    fn walls(calendar: &Calendar) -> Vec<u16> {
        calendar.hours().iter().map(|hour| hour.wall_minute).collect()
    }

    #[test]
    fn the_day_that_loses_an_hour_has_23() {
        let day = date(2026, 3, 29);
        let calendar = calendar("Europe/Prague", day, day);
        assert_eq!(calendar.hours().len(), 23);
        assert_eq!(walls(&calendar)[..4], [0, 60, 180, 240]);
        assert!(calendar.hours().iter().all(|hour| hour.length_ns() == 3_600_000_000_000));
    }

    #[test]
    fn the_day_that_repeats_an_hour_has_25_and_the_offset_tells_them_apart() {
        let day = date(2026, 10, 25);
        let calendar = calendar("Europe/Prague", day, day);
        assert_eq!(calendar.hours().len(), 25);
        assert_eq!(walls(&calendar)[..5], [0, 60, 120, 120, 180]);
        assert_eq!(calendar.hours()[2].offset_s, 7_200);
        assert_eq!(calendar.hours()[3].offset_s, 3_600);
    }

    #[test]
    fn a_clock_that_moves_by_half_an_hour_makes_short_hours() {
        let day = date(2026, 4, 5);
        let calendar = calendar("Australia/Lord_Howe", day, day);
        let total: u64 = calendar.hours().iter().map(Hour::length_ns).sum();
        assert_eq!(total, 49 * 1_800_000_000_000);
        assert_eq!(walls(&calendar)[..4], [0, 60, 90, 120]);
        assert_eq!(calendar.hours()[2].length_ns(), 1_800_000_000_000);
    }

    #[test]
    fn a_zone_off_the_full_hour_starts_its_hours_there() {
        let day = date(2026, 1, 1);
        let calendar = calendar("Asia/Kathmandu", day, day);
        assert_eq!(calendar.hours().len(), 24);
        assert_eq!(calendar.hours()[0].started.floor_seconds() % 3_600, 900);
    }

    #[test]
    fn a_date_that_a_zone_skipped_is_no_day() {
        let calendar = calendar("Pacific/Apia", date(2011, 12, 29), date(2011, 12, 31));
        let dates: Vec<Date> = calendar.days().iter().map(|day| day.date).collect();
        assert_eq!(dates, [date(2011, 12, 29), date(2011, 12, 31)]);
    }

    #[test]
    fn too_long_a_span_keeps_its_latest_days_and_says_so() {
        let calendar = calendar("UTC", date(1980, 1, 1), date(2026, 1, 1));
        assert_eq!(calendar.days().len(), HISTORY_DAYS_MAX);
        assert_eq!(calendar.days().last().unwrap().date, date(2026, 1, 1));
        assert_eq!(calendar.clipped_days() as usize, 16_803 - HISTORY_DAYS_MAX);
    }

    #[test]
    fn touched_days_are_closed_at_both_ends() {
        let calendar = calendar("UTC", date(2026, 1, 1), date(2026, 1, 3));
        let second = calendar.days()[1].started;
        assert_eq!(calendar.days_touched(second, second), 1..2);
        assert_eq!(calendar.days_touched(second.plus_ns(-1), second), 0..2);
        assert_eq!(calendar.days_touched(CaptureTime::MIN, CaptureTime::MAX), 0..3);
        assert_eq!(calendar.hours_touched(second.plus_ns(-1), second), 23..25);
    }
}
