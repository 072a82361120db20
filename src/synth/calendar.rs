//! Days and dates in integers, and the local clock of a spool.

use crate::base::{CaptureTime, NS_PER_S};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Seconds in a day of 24 hours.
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// Year, month, day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct CivilDate {
    /// Year.
    pub year: i64,
    /// Month from 1.
    pub month: i64,
    /// Day of the month from 1.
    pub day: i64,
}

/// Days since 1970-01-01 of a date (Hinnant, `days_from_civil`).
#[must_use]
pub const fn day_of_civil(date: CivilDate) -> i64 {
    let year = if date.month <= 2 { date.year - 1 } else { date.year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let shifted_month = (date.month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + date.day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a number of days since 1970-01-01.
#[must_use]
pub const fn civil_of_day(day: i64) -> CivilDate {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted - era * 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    CivilDate { year, month, day: day_of_year - (153 * shifted_month + 2) / 5 + 1 }
}

/// `YYYY-MM-DD` of a number of days since 1970-01-01.
#[must_use]
pub fn format_day(day: i64) -> String {
    let CivilDate { year, month, day } = civil_of_day(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Days since 1970-01-01 of `YYYY-MM-DD`; absent when the text is no date.
#[must_use]
pub fn parse_day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let mut number = |digits: usize| {
        let part = parts.next()?;
        let valid = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| part.parse::<i64>().ok()).flatten()
    };
    let date = CivilDate { year: number(4)?, month: number(2)?, day: number(2)? };
    let day = day_of_civil(date);
    (civil_of_day(day) == date).then_some(day)
}

/// Day since the epoch, hour, minute and second on the local clock.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct LocalTime {
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

/// Seconds by which the local clock is ahead of UTC; 0 for a moment outside the calendar.
fn offset_seconds(zone: &TimeZone, seconds: i64) -> i64 {
    Timestamp::from_second(seconds).map_or(0, |moment| i64::from(zone.to_offset(moment).seconds()))
}

/// The local clock's reading at a moment.
pub(crate) fn local_time(zone: &TimeZone, time: CaptureTime) -> LocalTime {
    let seconds = time.floor_seconds();
    let local = seconds + offset_seconds(zone, seconds);
    let of_day = local.rem_euclid(SECONDS_PER_DAY);
    LocalTime {
        day: local.div_euclid(SECONDS_PER_DAY),
        hour: of_day / 3_600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
    }
}

/// First second of a local day, in seconds since the epoch; for a zone that skips midnight, the first
/// second that exists.
pub(crate) fn start_of_day_s(zone: &TimeZone, day: i64) -> i64 {
    let naive = day * SECONDS_PER_DAY;
    // The offset shortly before and the one shortly after: midnight is at one of the two.
    let mut best = naive - offset_seconds(zone, naive - SECONDS_PER_DAY / 2);
    for guess in [naive - offset_seconds(zone, best - 1), naive - offset_seconds(zone, best)] {
        let here = local_time(zone, CaptureTime::from_parts(guess, 0));
        let before = local_time(zone, CaptureTime::from_parts(guess - 1, 0));
        if here.day == day && before.day < day {
            best = guess;
            break;
        }
    }
    best
}

/// The start of the local clock hour that holds a moment, in nanoseconds since the epoch.
pub(crate) fn start_of_hour_ns(zone: &TimeZone, time_ns: i64) -> i64 {
    let seconds = time_ns.div_euclid(NS_PER_S);
    let local = seconds + offset_seconds(zone, seconds);
    (seconds - local.rem_euclid(3_600)) * NS_PER_S
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZoneDatabase;

    #[test]
    fn days_and_dates_are_inverse() {
        for day in -200_000..200_000 {
            assert_eq!(day_of_civil(civil_of_day(day)), day);
        }
        assert_eq!(format_day(20_777), "2026-11-20");
        assert_eq!(parse_day("2026-11-20"), Some(20_777));
        for text in ["2026-02-30", "2026-1-01", "26-01-01", "x", "2026-11-20T", "2026-13-01"] {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }

    #[test]
    fn local_days_follow_the_zone() {
        let zone = TimeZoneDatabase::bundled().get("Europe/Prague").unwrap();
        // 2026-10-25 has 25 hours, 2026-03-29 has 23 (EU directive 2000/84/EC).
        for (date, hours) in [("2026-10-25", 25), ("2026-03-29", 23), ("2026-03-30", 24)] {
            let day = parse_day(date).unwrap();
            let length = start_of_day_s(&zone, day + 1) - start_of_day_s(&zone, day);
            assert_eq!(length, hours * 3_600, "{date}");
        }
        assert_eq!(start_of_day_s(&TimeZone::UTC, 20_777), 20_777 * 86_400);
    }
}
