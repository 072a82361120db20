//! When SIP was captured, by sensor: what a day needs to count as covered, and where stretches without any
//! begin and end. Records of other kinds say nothing about calls.

use super::gather::TimeSpan;
use crate::base::limits::CALL_REACH_NS;
use crate::base::{CaptureTime, NS_PER_S, SensorId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An hour in nanoseconds.
pub(super) const HOUR_NS: i64 = 3_600 * NS_PER_S;

/// When one sensor captured SIP.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct SipHours {
    /// First and last message; absent when there was none.
    pub span: Option<TimeSpan>,
    /// Hours since the epoch with a message.
    pub hours: BTreeSet<i64>,
}

impl SipHours {
    /// Adds what another part of the captures held.
    pub(super) fn join(&mut self, other: Self) {
        if let Some(span) = other.span {
            self.span.get_or_insert(span).join(span);
        }
        self.hours.extend(other.hours);
    }

    /// Where the captures of this sensor begin, or begin again behind an hour without any SIP: the latest
    /// such moment up to `moment`. Absent when nothing was heard before it.
    fn begin(&self, moment: CaptureTime) -> Option<CaptureTime> {
        let first = self.span?.first;
        let of_moment = moment.ns().div_euclid(HOUR_NS);
        let mut hour = *self.hours.range(..=of_moment).next_back()?;
        // Farther back than calls reach it does not matter.
        while hour > of_moment - 2 - CALL_REACH_NS / HOUR_NS && self.hours.contains(&(hour - 1)) {
            hour -= 1;
        }
        let begin = CaptureTime::from_ns(hour.saturating_mul(HOUR_NS)).max(first);
        (begin <= moment).then_some(begin)
    }
}

/// When every sensor captured SIP.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Heard(BTreeMap<SensorId, SipHours>);

impl Heard {
    /// Adds what a sensor captured.
    pub(super) fn add(&mut self, sensor: SensorId, hours: SipHours) {
        if hours.span.is_some() {
            self.0.entry(sensor).or_default().join(hours);
        }
    }

    /// Adds what others heard.
    pub(super) fn join(&mut self, other: Self) {
        other.0.into_iter().for_each(|(sensor, hours)| self.add(sensor, hours));
    }

    /// By sensor.
    pub fn sensors(&self) -> impl Iterator<Item = (SensorId, &SipHours)> {
        self.0.iter().map(|(sensor, hours)| (*sensor, hours))
    }

    /// First and last message of all; absent without any.
    #[must_use]
    pub fn span(&self) -> Option<TimeSpan> {
        self.0.values().filter_map(|hours| hours.span).reduce(TimeSpan::joined)
    }

    /// The hours of the only sensor, as a file has one.
    pub(super) fn into_only(self) -> SipHours {
        self.0.into_values().next().unwrap_or_default()
    }

    /// When the captures began before which a call may have begun that is first seen at `seen`: the last
    /// time before it that they began, or began again behind an hour without SIP. Absent when they had gone on
    /// for longer than a call is expected to reach, so that its INVITE was lost in some other way.
    #[must_use]
    pub(super) fn began_before(&self, sensor: SensorId, seen: CaptureTime) -> Option<CaptureTime> {
        let begin = self.0.get(&sensor)?.begin(seen)?;
        (seen <= begin.plus_ns(CALL_REACH_NS)).then_some(begin)
    }
}

/// Hears messages; those of one sensor and hour come one after the other.
#[derive(Debug, Default)]
pub(super) struct Listener {
    sensor: SensorId,
    hours: SipHours,
    /// The hour of the last message in nanoseconds, half-open, so that most messages cost few compares.
    hour: (i64, i64),
    heard: Heard,
}

impl Listener {
    /// A message was captured.
    #[inline]
    pub(super) fn saw(&mut self, sensor: SensorId, time: CaptureTime) {
        if sensor != self.sensor {
            self.change(sensor);
        }
        match &mut self.hours.span {
            Some(span) => span.join(TimeSpan::at(time)),
            none => *none = Some(TimeSpan::at(time)),
        }
        if time.ns() < self.hour.0 || time.ns() >= self.hour.1 {
            let hour = time.ns().div_euclid(HOUR_NS);
            let start = hour.saturating_mul(HOUR_NS);
            self.hour = (start, start.saturating_add(HOUR_NS));
            self.hours.hours.insert(hour);
        }
    }

    #[cold]
    fn change(&mut self, sensor: SensorId) {
        self.heard.add(self.sensor, std::mem::take(&mut self.hours));
        (self.sensor, self.hour) = (sensor, (0, 0));
    }

    /// Adds what was heard elsewhere.
    pub(super) fn add(&mut self, sensor: SensorId, hours: SipHours) {
        self.heard.add(sensor, hours);
    }

    /// Adds what another one heard.
    pub(super) fn join(&mut self, other: Self) {
        self.heard.join(other.into_heard());
    }

    /// All that was heard.
    pub(super) fn into_heard(mut self) -> Heard {
        self.change(SensorId::default());
        self.heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> CaptureTime {
        CaptureTime::from_ns(hours * HOUR_NS + 60 * NS_PER_S)
    }

    fn heard(messages: &[(u16, i64)]) -> Heard {
        let mut listener = Listener::default();
        messages.iter().for_each(|(sensor, hour)| listener.saw(SensorId(*sensor), at(*hour)));
        listener.into_heard()
    }

    #[test]
    fn what_is_heard_is_a_function_of_the_messages() {
        let all = [(1, 5), (2, 5), (1, 6), (1, 2), (2, 9)];
        let whole = heard(&all);
        for cut in 0..=all.len() {
            let mut parts = heard(&all[cut..]);
            parts.join(heard(&all[..cut]));
            assert_eq!(parts, whole, "{cut}");
        }
        let hours: Vec<(u16, Vec<i64>)> = whole
            .sensors()
            .map(|(sensor, hours)| (sensor.0, hours.hours.iter().copied().collect()))
            .collect();
        assert_eq!(hours, [(1, vec![2, 5, 6]), (2, vec![5, 9])]);
        assert_eq!(whole.span(), Some(TimeSpan { first: at(2), last: at(9) }));
        assert_eq!(Heard::default().span(), None);
    }

    /// A message long before or an hour of silence does not hide where captures begin.
    #[test]
    fn captures_begin_again_behind_an_hour_without_sip() {
        let hour = |hours: i64| CaptureTime::from_ns(hours * HOUR_NS);
        let heard = heard(&[(1, 0), (1, 100), (1, 101), (1, 102), (1, 103), (1, 104), (1, 105)]);
        let began = |hours| heard.began_before(SensorId(1), at(hours));
        assert_eq!(began(0), Some(at(0)));
        assert_eq!((began(100), began(103)), (Some(hour(100)), Some(hour(100))));
        assert_eq!(began(105), None, "its INVITE had to be there");
        assert_eq!(heard.began_before(SensorId(2), at(100)), None);
        assert_eq!(heard.began_before(SensorId(1), hour(-1)), None);
    }
}
