//! The hour table: channel-nanoseconds per local clock hour and the daily maximum of their means.
//!
//! The documented reading of design.md section 6, computed by our own plain arithmetic: whole calls,
//! half-open; CDRs whose last response is 487 do not count; CDRs whose caller and called have the same
//! last six digits, and which start within 10 s of the first of their group, count once.

use super::calendar::{local_time, start_of_hour_ns};
use super::script::CdrTruth;
use crate::base::{CaptureTime, NS_PER_S};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// CDRs that start within this of the first of their group count once; the bound is inside.
const GROUP_WINDOW_NS: i64 = 10 * NS_PER_S;
/// Digits that are compared.
const DIGITS: usize = 6;

/// One hour.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct HourTruth {
    /// Start of the hour, nanoseconds since the epoch.
    pub start_ns: i64,
    /// Start of the hour in UTC, for people.
    pub start: String,
    /// Sum of the time that channels were up.
    pub channel_ns: i128,
}

/// One local day.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct DayTruth {
    /// `YYYY-MM-DD` on the local clock.
    pub day: String,
    /// The largest of the day's `channel_ns`; divided by 3600e9 it is the day's count.
    pub maximum_channel_ns: i128,
    /// Start of the first hour that has it, nanoseconds since the epoch.
    pub maximum_at_ns: i64,
}

/// What deduplication compares of a number; absent for numbers that never deduplicate.
fn number_key(user: &str) -> Option<String> {
    if user.is_empty() || user.eq_ignore_ascii_case("anonymous") {
        return None;
    }
    let user = user.split(';').next().unwrap_or(user);
    let digits: String = user.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return Some(user.to_owned());
    }
    Some(digits[digits.len().saturating_sub(DIGITS)..].to_owned())
}

/// A CDR waiting for its turn, ordered by start.
type Waiting = (i64, i64, Option<(String, String)>);

/// A group of CDRs that count once.
struct Group {
    first_ns: i64,
    /// Half-open intervals.
    intervals: Vec<(i64, i64)>,
}

/// Adds CDRs up; needs memory for the CDRs of about a minute, not of a spool.
pub struct HourTable {
    zone: TimeZone,
    waiting: BinaryHeap<Reverse<Waiting>>,
    groups: BTreeMap<(String, String), Group>,
    hours: BTreeMap<i64, i128>,
}

impl HourTable {
    /// An empty table on a local clock.
    #[must_use]
    pub const fn new(zone: TimeZone) -> Self {
        Self { zone, waiting: BinaryHeap::new(), groups: BTreeMap::new(), hours: BTreeMap::new() }
    }

    /// Adds one CDR, in any order, unless it starts before a moment given to [`Self::advance`].
    pub fn add(&mut self, cdr: &CdrTruth) {
        if cdr.last_response == 487 {
            return;
        }
        let key = number_key(&cdr.caller).zip(number_key(&cdr.called));
        self.waiting.push(Reverse((cdr.started_ns, cdr.ended_ns, key)));
    }

    /// No CDR that is still to come starts before `moment`.
    pub fn advance(&mut self, moment: CaptureTime) {
        while let Some(Reverse((start, end, key))) = self.waiting.pop() {
            if start >= moment.ns() {
                self.waiting.push(Reverse((start, end, key)));
                break;
            }
            self.place(start, end, key);
        }
        let is_closed =
            |group: &Group| moment.ns().saturating_sub(group.first_ns) > GROUP_WINDOW_NS;
        let closed: Vec<_> = self.groups.extract_if(.., |_, group| is_closed(group)).collect();
        for (_, group) in closed {
            self.count_group(group);
        }
    }

    /// Puts a CDR, the earliest that is left, into its group.
    fn place(&mut self, start: i64, end: i64, key: Option<(String, String)>) {
        let Some(key) = key else {
            self.count(start, end);
            return;
        };
        if let Some(group) = self.groups.get_mut(&key)
            && start - group.first_ns <= GROUP_WINDOW_NS
        {
            group.intervals.push((start, end));
            return;
        }
        let group = Group { first_ns: start, intervals: vec![(start, end)] };
        if let Some(closed) = self.groups.insert(key, group) {
            self.count_group(closed);
        }
    }

    /// A group is one channel while any of its CDRs lasts.
    fn count_group(&mut self, mut group: Group) {
        group.intervals.sort_unstable();
        let mut reached = i64::MIN;
        for (start, end) in group.intervals {
            self.count(start.max(reached), end);
            reached = reached.max(end);
        }
    }

    /// Adds a half-open interval to the hours that it touches.
    fn count(&mut self, start: i64, end: i64) {
        let mut from = start;
        while from < end {
            let hour = start_of_hour_ns(&self.zone, from);
            let until = end.min(hour + 3_600 * NS_PER_S);
            *self.hours.entry(hour).or_default() += i128::from(until - from);
            from = until;
        }
    }

    /// The hours with any channel, and the days that hold them.
    #[must_use]
    pub fn finish(mut self) -> (Vec<HourTruth>, Vec<DayTruth>) {
        self.advance(CaptureTime::MAX);
        let mut days: BTreeMap<i64, (i128, i64)> = BTreeMap::new();
        let mut hours = Vec::with_capacity(self.hours.len());
        for (start_ns, channel_ns) in &self.hours {
            let moment = CaptureTime::from_ns(*start_ns);
            let day = days.entry(local_time(&self.zone, moment).day).or_insert((0, *start_ns));
            if *channel_ns > day.0 {
                *day = (*channel_ns, *start_ns);
            }
            let utc = local_time(&TimeZone::UTC, moment);
            hours.push(HourTruth {
                start_ns: *start_ns,
                start: format!(
                    "{}T{:02}:{:02}Z",
                    super::calendar::format_day(utc.day),
                    utc.hour,
                    utc.minute
                ),
                channel_ns: *channel_ns,
            });
        }
        let days = days
            .into_iter()
            .map(|(day, (maximum_channel_ns, maximum_at_ns))| DayTruth {
                day: super::calendar::format_day(day),
                maximum_channel_ns,
                maximum_at_ns,
            })
            .collect();
        (hours, days)
    }
}
