//! Parameters to scripted calls, minute by minute: every minute is a function of seed and parameters.

use super::calendar::start_of_day_s;
use super::flows::{Scene, play};
use super::kind::Kind;
use super::parameters::Parameters;
use super::random::Random;
use super::script::ScriptedCall;
use crate::base::{CaptureTime, NS_PER_S};

/// Calls begun in each local hour of a day, as shares of the day: quiet nights, two busy peaks.
const HOUR_SHARES: [u64; 24] = [
    20, 12, 8, 8, 10, 20, 50, 100, 170, 210, 220, 215, 190, 195, 210, 210, 190, 150, 110, 80, 60,
    45, 35, 25,
];
/// A peak is held by calls of ten minutes, one after the other, from 09:59:30 to 11:09:30.
const PEAK_START_S: i64 = 10 * 3_600 - 30;
const PEAK_CALL_S: i64 = 600;
const PEAK_CALLS_IN_ROW: i64 = 7;
/// Ordinals of the calls of peaks lie above those of all others.
const PEAK_ORDINALS: u64 = 1 << 48;

/// One minute of a spool's local clock.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Minute {
    /// First moment of the minute.
    pub start: CaptureTime,
    /// Day of the spool from 1.
    day: u32,
    /// Minute of the local day from 0.
    of_day: u32,
}

/// Makes the calls of a spool.
#[derive(Clone, Debug)]
pub struct Generator {
    parameters: Parameters,
}

impl Generator {
    /// A generator for these parameters.
    #[must_use]
    pub const fn new(parameters: Parameters) -> Self {
        Self { parameters }
    }

    /// What it was made from.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// All minutes of the spool in rising time; a local day may have 23 or 25 hours.
    pub fn minutes(&self) -> impl Iterator<Item = Minute> + '_ {
        (1..=self.parameters.days).flat_map(move |day| {
            let (start_s, end_s) = self.bounds_of_day_s(day);
            let minutes = u32::try_from((end_s - start_s) / 60).unwrap_or(0);
            (0..minutes).map(move |of_day| {
                let start = CaptureTime::from_parts(start_s + i64::from(of_day) * 60, 0);
                Minute { start, day, of_day }
            })
        })
    }

    fn bounds_of_day_s(&self, day: u32) -> (i64, i64) {
        let local_day = self.parameters.first_day + i64::from(day) - 1;
        let zone = &self.parameters.time_zone;
        (start_of_day_s(zone, local_day), start_of_day_s(zone, local_day + 1))
    }

    /// Ordinary scripts that begin on a day before the given minute.
    fn begun_before(&self, day: u32, of_day: u32) -> u64 {
        let load = u64::from(self.parameters.day_load.of_day(day).unwrap_or(100));
        let total = u64::from(self.parameters.calls_per_hour) * 24 * load / 100;
        // A 25th hour is as quiet as the first ones.
        let share_of = |hour: usize| HOUR_SHARES.get(hour).copied().unwrap_or(0);
        let hour = (of_day / 60) as usize;
        let sum: u64 = HOUR_SHARES.iter().sum();
        let before: u64 = HOUR_SHARES.iter().take(hour).sum();
        let point = before * 60 + share_of(hour) * u64::from(of_day % 60);
        (u128::from(total) * u128::from(point) / u128::from(sum * 60)) as u64
    }

    /// Ordinary scripts of all days before this one.
    fn begun_on_days_before(&self, day: u32) -> u64 {
        (1..day).map(|earlier| self.begun_before(earlier, 24 * 60)).sum()
    }

    /// The calls whose scripts begin in a minute, by ordinal.
    #[must_use]
    pub fn calls_of(&self, minute: Minute) -> Vec<ScriptedCall> {
        let Minute { start, day, of_day } = minute;
        let base = self.begun_on_days_before(day);
        let first = self.begun_before(day, of_day);
        let end = self.begun_before(day, of_day + 1);
        let mut calls = Vec::new();
        for index in first..end {
            let ordinal = base + index;
            let mut random = Random::new(self.parameters.seed, &[ordinal]);
            let kind = self.parameters.mix.pick(random.next());
            let offset_us = random.between(0, 59_999_999);
            let begins = start.plus_ns(offset_us * 1_000);
            calls.append(&mut self.play(ordinal, kind, begins, None, random));
        }
        calls.append(&mut self.peak_calls_of(minute));
        calls
    }

    /// The calls of the day's peak that begin in a minute.
    fn peak_calls_of(&self, minute: Minute) -> Vec<ScriptedCall> {
        let at_once = u64::from(self.parameters.peak_calls.of_day(minute.day).unwrap_or(0));
        let mut calls = Vec::new();
        for row in 0..PEAK_CALLS_IN_ROW {
            let begins_s = PEAK_START_S + row * PEAK_CALL_S;
            if begins_s / 60 != i64::from(minute.of_day) {
                continue;
            }
            let begins = minute.start.plus_ns(begins_s % 60 * NS_PER_S);
            for lane in 0..at_once {
                let of_day = (row as u64) * at_once + lane;
                let ordinal = PEAK_ORDINALS + (u64::from(minute.day) << 24) + of_day;
                let random = Random::new(self.parameters.seed, &[ordinal]);
                let total = Some(PEAK_CALL_S * NS_PER_S);
                let kind = self.parameters.peak_kind;
                calls.append(&mut self.play(ordinal, kind, begins, total, random));
            }
        }
        calls
    }

    fn play(
        &self,
        ordinal: u64,
        kind: Kind,
        start: CaptureTime,
        total_ns: Option<i64>,
        random: Random,
    ) -> Vec<ScriptedCall> {
        let parameters = &self.parameters;
        play(&mut Scene { parameters, ordinal, kind, start, total_ns, random })
    }
}
