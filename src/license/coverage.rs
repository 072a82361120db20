//! What the captures covered and what was lost, by day and hour (design.md section 12, point 1).

use crate::base::limits::{LOSSES_NAMED_MAX, LOSSES_NAMED_PER_DAY_MAX};
use crate::base::{CaptureTime, FileId, Loss, LossKind, NS_PER_S};
use crate::channel::{Calendar, Day, Doubt, Hour, Joining};
use crate::leg::Cdr;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A lost packet can belong to a call that lasted so long: the vendor's `absolute_timeout`, unless the
/// configuration allows longer ones.
pub const LOSS_REACH_NS: i64 = 4 * 3_600 * NS_PER_S;

/// Whose packets a file holds, where its place in the sniffer's spool says so (facts G).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum FileScope {
    /// All packets of the calls that began between these moments, both inside, and of no others.
    CallsBegun(CaptureTime, CaptureTime),
    /// Media only: what is missing of it can make no call shorter and take none out of the count.
    NoSignalling,
}

/// What the configuration of the sniffer leaves out of what was read.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Excluded {
    /// SIP messages by port or address family.
    pub messages: u64,
    /// CDRs of kinds that are not written.
    pub cdrs: u64,
}

impl Excluded {
    /// Whether nothing is left out.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.messages == 0 && self.cdrs == 0
    }
}

/// What was read and what was not.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Coverage {
    /// First and last moment of hours with SIP, by sensor; any order, overlaps allowed. Made from the times
    /// of messages, not from the bounds of captures: else it would matter how records lie in files, and a
    /// stray packet that is no SIP would cover a day.
    pub spans: Vec<Vec<(CaptureTime, CaptureTime)>>,
    /// What could not be read.
    pub losses: Vec<Loss>,
    /// Scopes of the files that lost something; without one a file may hold any call's packets.
    pub scopes: BTreeMap<FileId, FileScope>,
    /// Calls that ran when a sensor's captures began, or soon after, and whose INVITE was not
    /// captured: from the first packet to the last one of the call, or to its first INVITE inside the
    /// dialog. And the time of a sensor's captures for each Call-ID with more messages than are kept of
    /// one: later calls under it may have been dropped. They are no channels as read.
    pub running: Vec<(CaptureTime, CaptureTime)>,
    /// Legs of which less is certain than was read: those that were read from an INVITE inside their
    /// dialog on, and those of which a cap dropped messages.
    pub midway: BTreeSet<u32>,
    /// The longest call that the configuration allows (`absolute_timeout`), in nanoseconds.
    pub call_ns_max: i64,
    /// What the configuration leaves out.
    pub excluded: Excluded,
}

/// One day of a calendar.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct DayCoverage {
    /// Hours of the day with SIP.
    pub covered_hours: usize,
    /// Hours of the day.
    pub hours: usize,
    /// How many of [`Coverage::losses`] may be of this day.
    pub loss_count: usize,
    /// Places in [`Coverage::losses`] of the first [`LOSSES_NAMED_PER_DAY_MAX`] of them.
    pub losses: Vec<usize>,
}

impl DayCoverage {
    /// Whether there is no SIP on the day.
    #[must_use]
    pub const fn is_without_capture(&self) -> bool {
        self.covered_hours == 0
    }

    /// Whether something may be missing of the day: then its count has no upper bound, and what was
    /// read need not be the lower one ([`crate::channel::bounds`]).
    #[must_use]
    pub const fn is_lower_bound(&self) -> bool {
        self.is_without_capture() || self.loss_count > 0
    }
}

impl Coverage {
    /// Nothing is missing on any day of the calendar: for CDRs that come from no capture
    /// (`recorded`), which no loss of captures touches.
    #[must_use]
    pub fn complete(calendar: &Calendar) -> Self {
        let (first, end) = calendar.bounds_ns();
        let span = (CaptureTime::from_ns(first), CaptureTime::from_ns(end.saturating_sub(1)));
        Self { spans: vec![vec![span]], ..Self::default() }
    }

    /// First and last SIP message; absent without any.
    #[must_use]
    pub fn bounds(&self) -> Option<(CaptureTime, CaptureTime)> {
        let spans = || self.spans.iter().flatten();
        let first = spans().map(|span| span.0).min()?;
        let last = spans().map(|span| span.1).max()?;
        Some((first, last))
    }

    /// The days to judge: from the first day with data to `as_of`, by default the last calendar day
    /// with data (design.md section 12, point 16). Data are SIP messages and starts of CDRs; absent when
    /// there is neither. An `as_of` before the first data gives that one day.
    #[must_use]
    pub fn calendar(&self, cdrs: &[Cdr], zone: &TimeZone, as_of: Option<Date>) -> Option<Calendar> {
        let starts = || cdrs.iter().map(|cdr| cdr.started);
        let records = self.bounds();
        let first = starts().min().into_iter().chain(records.map(|(first, _)| first)).min()?;
        let last = starts().max().into_iter().chain(records.map(|(_, last)| last)).max()?;
        let as_of = as_of.unwrap_or_else(|| Calendar::date_of(zone, last));
        let first = Calendar::date_of(zone, first).min(as_of);
        Some(Calendar::new(zone.clone(), first, as_of))
    }

    /// Where packets are missing that could take a channel out of the count: the losses, and the days
    /// without any capture. Encrypted signalling takes none out where each leg counts for itself: the
    /// sniffer cannot read it either, and writes the CDRs of the others without it. It can hold what
    /// two legs have in common.
    #[must_use]
    pub fn doubts(&self, calendar: &Calendar, joining: Joining) -> Vec<Doubt> {
        let of_loss = |loss: &Loss| {
            if loss.kind == LossKind::Encrypted && joining == Joining::Alone {
                return None;
            }
            let packets = loss.when.unwrap_or((CaptureTime::MIN, CaptureTime::MAX));
            match self.scopes.get(&loss.file) {
                None => Some(Doubt { packets, starts: None }),
                Some(FileScope::CallsBegun(first, last)) => {
                    Some(Doubt { packets, starts: Some((*first, *last)) })
                }
                Some(FileScope::NoSignalling) => None,
            }
        };
        let covered = self.covered_hours(calendar);
        let empty =
            calendar.days().iter().filter(|day| !covered[day.hours.clone()].contains(&true));
        let of_day = |day: &Day| Doubt { packets: (day.started, day.ended), starts: None };
        self.losses.iter().filter_map(of_loss).chain(empty.map(of_day)).collect()
    }

    /// Which hours of the calendar a capture touches.
    #[must_use]
    pub fn covered_hours(&self, calendar: &Calendar) -> Vec<bool> {
        hours_of(self.spans.iter().flatten(), calendar)
    }

    /// Days on which a sensor has no SIP in an hour of the day in which it has some on at least half of all
    /// days: where captures are missing, a sensor was down, or nobody called. Of the first and the last
    /// day only what lies between the first and the last message.
    #[must_use]
    pub fn lacking_days(&self, calendar: &Calendar) -> Vec<bool> {
        let mut lacking = vec![false; calendar.days().len()];
        let Some((first, last)) = self.bounds() else { return lacking };
        if lacking.len() < USUAL_DAYS_MIN {
            return lacking;
        }
        let inside = calendar.hours_touched(first, last);
        let slot_of = |hour: &Hour| usize::from(hour.wall_minute) / 60;
        for spans in &self.spans {
            let covered = hours_of(spans, calendar);
            let hours = || calendar.hours().iter().zip(&covered).enumerate();
            let mut days_of_slot = [const { BTreeSet::new() }; SLOTS];
            for (_, (hour, _)) in hours().filter(|(_, (_, is_covered))| **is_covered) {
                days_of_slot[slot_of(hour).min(SLOTS - 1)].insert(hour.day);
            }
            let usual = days_of_slot.map(|days| 2 * days.len() >= lacking.len());
            for (number, (hour, is_covered)) in hours() {
                if !is_covered && inside.contains(&number) && usual[slot_of(hour).min(SLOTS - 1)] {
                    lacking[hour.day] = true;
                }
            }
        }
        lacking
    }

    /// Every day of the calendar.
    #[must_use]
    pub fn by_day(&self, calendar: &Calendar) -> Vec<DayCoverage> {
        let covered = self.covered_hours(calendar);
        let mut days: Vec<DayCoverage> = calendar
            .days()
            .iter()
            .map(|day| DayCoverage {
                covered_hours: covered[day.hours.clone()].iter().filter(|hour| **hour).count(),
                hours: day.hours.len(),
                loss_count: 0,
                losses: Vec::new(),
            })
            .collect();
        // Days touched by starts and ends, so that a million losses at unknown times stay linear.
        let mut change = vec![0i64; days.len() + 1];
        for (place, loss) in self.losses.iter().enumerate() {
            let (first, last) = loss.when.unwrap_or((CaptureTime::MIN, CaptureTime::MAX));
            let touched =
                calendar.days_touched(first, last.plus_ns(self.call_ns_max.max(LOSS_REACH_NS)));
            change[touched.start] += 1;
            change[touched.end] -= 1;
            if place < LOSSES_NAMED_MAX {
                for day in &mut days[touched] {
                    if day.losses.len() < LOSSES_NAMED_PER_DAY_MAX {
                        day.losses.push(place);
                    }
                }
            }
        }
        let mut open = 0i64;
        for (day, delta) in days.iter_mut().zip(change) {
            open += delta;
            day.loss_count = usize::try_from(open).unwrap_or(0);
        }
        days
    }
}

/// Hours of a day.
const SLOTS: usize = 24;
/// Of fewer days nothing is usual.
const USUAL_DAYS_MIN: usize = 4;

/// Which hours of the calendar some spans touch.
fn hours_of<'s>(
    spans: impl IntoIterator<Item = &'s (CaptureTime, CaptureTime)>,
    calendar: &Calendar,
) -> Vec<bool> {
    // Starts and ends by hour, so that a million spans of three years each stay linear.
    let mut change = vec![0i64; calendar.hours().len() + 1];
    for (first, last) in spans {
        let touched = calendar.hours_touched(*first, *last);
        change[touched.start] += 1;
        change[touched.end] -= 1;
    }
    let mut open = 0;
    change[..calendar.hours().len()]
        .iter()
        .map(|delta| {
            open += delta;
            open > 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    fn at(calendar: &Calendar, day: usize, hour: i64) -> CaptureTime {
        calendar.days()[day].started.plus_ns(hour * 3_600 * NS_PER_S)
    }

    fn loss(when: Option<(CaptureTime, CaptureTime)>) -> Loss {
        Loss {
            when,
            kind: LossKind::UnreadableFile,
            file: FileId(0),
            bytes: 0,
            detail: String::new(),
        }
    }

    #[test]
    fn complete_coverage_misses_nothing() {
        let calendar = Calendar::new(TimeZone::UTC, date(2026, 1, 1), date(2026, 1, 4));
        let days = Coverage::complete(&calendar).by_day(&calendar);
        assert!(days.iter().all(|day| day.covered_hours == 24 && !day.is_lower_bound()));
    }

    #[test]
    fn the_days_to_judge_reach_from_the_first_data_to_the_day_of_the_verdict() {
        let calendar = Calendar::new(TimeZone::UTC, date(2026, 1, 1), date(2026, 1, 4));
        let coverage = Coverage {
            spans: vec![vec![(at(&calendar, 1, 5), at(&calendar, 2, 7))]],
            ..Coverage::default()
        };
        let days = |as_of| {
            let calendar = coverage.calendar(&[], &TimeZone::UTC, as_of).unwrap();
            let days = calendar.days();
            (days[0].date, days[days.len() - 1].date)
        };
        assert_eq!(days(None), (date(2026, 1, 2), date(2026, 1, 3)));
        assert_eq!(days(Some(date(2026, 1, 9))), (date(2026, 1, 2), date(2026, 1, 9)));
        assert_eq!(days(Some(date(2025, 1, 1))), (date(2025, 1, 1), date(2025, 1, 1)));
        assert!(Coverage::default().calendar(&[], &TimeZone::UTC, None).is_none());
    }

    #[test]
    fn a_loss_reaches_four_hours_further_and_one_without_time_everywhere() {
        let calendar = Calendar::new(TimeZone::UTC, date(2026, 1, 1), date(2026, 1, 4));
        let coverage = Coverage {
            spans: vec![vec![(at(&calendar, 0, 5), at(&calendar, 0, 7))]],
            losses: vec![
                loss(Some((at(&calendar, 1, 19), at(&calendar, 1, 19)))),
                loss(Some((at(&calendar, 1, 20), at(&calendar, 1, 20)))),
                loss(None),
            ],
            ..Coverage::default()
        };
        let days = coverage.by_day(&calendar);
        let losses: Vec<&[usize]> = days.iter().map(|day| day.losses.as_slice()).collect();
        assert_eq!(losses, [&[2][..], &[0, 1, 2], &[1, 2], &[2]]);
        assert_eq!(days[0].covered_hours, 3);
        assert!(days[1].is_without_capture());
    }
}
