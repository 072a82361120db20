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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::{Generator, Kind, Mix, Parameters};

    /// The reading by its definition, without streaming: groups by comparing all with all, then every
    /// moment at which anything changes.
    fn oracle(cdrs: &[CdrTruth]) -> BTreeMap<i64, i128> {
        let mut counted: Vec<&CdrTruth> =
            cdrs.iter().filter(|cdr| cdr.last_response != 487).collect();
        counted.sort_by_key(|cdr| cdr.started_ns);
        let mut groups: Vec<Vec<&CdrTruth>> = Vec::new();
        for cdr in counted {
            let same = |first: &CdrTruth| {
                let key = |cdr: &CdrTruth| number_key(&cdr.caller).zip(number_key(&cdr.called));
                key(first).is_some()
                    && key(first) == key(cdr)
                    && cdr.started_ns - first.started_ns <= 10_000_000_000
            };
            match groups.iter_mut().find(|group| same(group[0])) {
                Some(group) => group.push(cdr),
                None => groups.push(vec![cdr]),
            }
        }
        let mut moments: Vec<i64> =
            cdrs.iter().flat_map(|cdr| [cdr.started_ns, cdr.ended_ns]).collect();
        let (low, high) = (moments.iter().min().copied(), moments.iter().max().copied());
        let hour_ns = 3_600_000_000_000;
        if let (Some(low), Some(high)) = (low, high) {
            moments.extend((low / hour_ns..=high / hour_ns + 1).map(|hour| hour * hour_ns));
        }
        moments.sort_unstable();
        moments.dedup();
        let mut hours = BTreeMap::new();
        for pair in moments.windows(2) {
            let is_up = |cdr: &&CdrTruth| cdr.started_ns <= pair[0] && pair[0] < cdr.ended_ns;
            let up = groups.iter().filter(|group| group.iter().any(is_up)).count();
            if up > 0 {
                *hours.entry(pair[0] / hour_ns * hour_ns).or_default() +=
                    i128::from(pair[1] - pair[0]) * up as i128;
            }
        }
        hours
    }

    fn table_of(generator: &Generator) -> (Vec<CdrTruth>, Vec<HourTruth>, Vec<DayTruth>) {
        let mut table = HourTable::new(generator.parameters().time_zone.clone());
        let mut cdrs = Vec::new();
        for minute in generator.minutes() {
            table.advance(minute.start);
            for leg in generator.calls_of(minute).into_iter().flat_map(|call| call.legs) {
                if let Some(cdr) = leg.truth {
                    table.add(&cdr);
                    cdrs.push(cdr);
                }
            }
        }
        let (hours, days) = table.finish();
        (cdrs, hours, days)
    }

    #[test]
    fn table_equals_the_definition_at_every_event() {
        for (seed, calls_per_hour, rtp_pps) in [(1, 6, 0), (2, 20, 1), (3, 25, 0), (4, 1, 1)] {
            let generator = Generator::new(Parameters {
                seed,
                days: 2,
                calls_per_hour,
                rtp_pps,
                mix: Mix::parse("two-sensors=20,b2bua-bare=20,no-answer=10,ring-group=20").unwrap(),
                ..Parameters::default()
            });
            let (cdrs, hours, days) = table_of(&generator);
            assert!(cdrs.len() > 50, "{}", cdrs.len());
            let hours: BTreeMap<i64, i128> =
                hours.iter().map(|hour| (hour.start_ns, hour.channel_ns)).collect();
            assert_eq!(hours, oracle(&cdrs), "seed {seed}");
            for day in days {
                assert_eq!(hours[&day.maximum_at_ns], day.maximum_channel_ns);
            }
        }
    }

    #[test]
    fn a_peak_holds_exactly_what_was_asked_for() {
        for (kind, channels) in
            [(Kind::Answered, 1), (Kind::B2buaHeader, 2), (Kind::B2buaBare, 2), (Kind::Hold, 1)]
        {
            let generator = Generator::new(Parameters {
                calls_per_hour: 0,
                days: 3,
                peak_calls: crate::synth::DayValues::parse("1-3=3,2=0").unwrap(),
                peak_kind: kind,
                ..Parameters::default()
            });
            let (_, _, days) = table_of(&generator);
            assert_eq!(days.len(), 2, "{kind:?}");
            for day in days {
                let exact = 3 * channels * 3_600_000_000_000i128;
                let slack = 3 * 7 * 100_000_000i128;
                let difference = exact - day.maximum_channel_ns;
                // The second leg of a pair begins a little later than the first and ends by its BYE.
                let allowed = if channels == 1 { 0..=0 } else { -slack..=slack };
                assert!(allowed.contains(&difference), "{kind:?} {difference}");
            }
        }
    }

    fn cdr(caller: &str, called: &str, start_ms: i64, end_ms: i64) -> CdrTruth {
        CdrTruth {
            sensor: String::new(),
            call_id: String::new(),
            sequence: 0,
            started_ns: start_ms * 1_000_000,
            connected_ns: None,
            progressed_ns: None,
            ended_ns: end_ms * 1_000_000,
            answered: true,
            last_response: 200,
            bye: 3,
            bye_after_timeout: None,
            hung_up_by: None,
            caller: caller.to_owned(),
            called: called.to_owned(),
            source: String::new(),
            destination: String::new(),
        }
    }

    #[test]
    fn groups_end_ten_seconds_after_their_first() {
        let sum = |cdrs: &[CdrTruth]| {
            let mut table = HourTable::new(TimeZone::UTC);
            cdrs.iter().for_each(|cdr| table.add(cdr));
            table.finish().0.iter().map(|hour| hour.channel_ns).sum::<i128>() / 1_000_000
        };
        let first = cdr("+420111222333", "800", 0, 20_000);
        assert_eq!(sum(&[first.clone(), cdr("111222333", "800", 10_000, 20_000)]), 20_000);
        assert_eq!(sum(&[first.clone(), cdr("222333", "800", 10_001, 20_000)]), 29_999);
        assert_eq!(sum(&[first.clone(), cdr("22333", "800", 1_000, 20_000)]), 39_000);
        assert_eq!(sum(&[first, cdr("111222333", "800;x=1", 5_000, 30_000)]), 30_000);
        let hidden = cdr("Anonymous", "800", 0, 20_000);
        assert_eq!(sum(&[hidden.clone(), hidden]), 40_000);
    }
}
