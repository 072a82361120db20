//! What a spool shall hold.

use super::kind::{KINDS, Kind};
use jiff::tz::TimeZone;

/// How captures are laid out in files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layout {
    /// The vendor's default: one archive a minute and type.
    Spool,
    /// The vendor's `tar = no`: one file a call.
    Files,
    /// One capture a day.
    Flat,
}

/// Shares of the kinds of calls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mix {
    shares: Vec<(Kind, u32)>,
    total: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self::new(KINDS.to_vec())
    }
}

impl Mix {
    fn new(shares: Vec<(Kind, u32)>) -> Self {
        let total = shares.iter().map(|(_, share)| share).sum();
        Self { shares, total }
    }

    /// Reads `KIND=PERCENT,...`. What is left of 100 goes to ordinary answered calls.
    ///
    /// # Errors
    /// One line that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut shares = Vec::new();
        let mut left: u32 = 1_000;
        for part in text.split(',') {
            let (name, percent) = part
                .split_once('=')
                .ok_or_else(|| format!("expected KIND=PERCENT, found '{part}'"))?;
            let kind = Kind::from_name(name.trim()).ok_or_else(|| {
                let names: Vec<&str> = KINDS.iter().map(|(kind, _)| kind.name()).collect();
                format!("unknown kind '{name}'; the kinds are {}", names.join(", "))
            })?;
            let share = percent
                .trim()
                .parse::<u32>()
                .ok()
                .and_then(|percent| percent.checked_mul(10))
                .ok_or_else(|| format!("expected a whole percentage, found '{percent}'"))?;
            left = left
                .checked_sub(share)
                .ok_or_else(|| "the percentages add up to more than 100".to_owned())?;
            shares.push((kind, share));
        }
        if left > 0 {
            shares.push((Kind::Answered, left));
        }
        Ok(Self::new(shares))
    }

    /// The kind at a point of the mix, which is taken modulo the sum of the shares.
    #[must_use]
    pub fn pick(&self, point: u64) -> Kind {
        let mut rest = (point % u64::from(self.total.max(1))) as u32;
        for (kind, share) in &self.shares {
            if rest < *share {
                return *kind;
            }
            rest -= share;
        }
        Kind::Answered
    }

    /// Whether the mix can give this kind.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.shares.iter().any(|(other, share)| *other == kind && *share > 0)
    }
}

/// A value for some days of the spool, counted from 1.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DayValues {
    ranges: Vec<(u32, u32, u32)>,
}

impl DayValues {
    /// Reads `DAY=N` or `FIRST-LAST=N`, comma-separated; later entries win.
    ///
    /// # Errors
    /// One line that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let wrong =
                || format!("expected DAY=N or FIRST-LAST=N with days from 1, found '{part}'");
            let (days, value) = part.split_once('=').ok_or_else(wrong)?;
            let (first, last) = days.split_once('-').unwrap_or((days, days));
            let number = |text: &str| text.trim().parse::<u32>().ok();
            match (number(first), number(last), number(value)) {
                (Some(first), Some(last), Some(value)) if first >= 1 && first <= last => {
                    ranges.push((first, last, value));
                }
                _ => return Err(wrong()),
            }
        }
        Ok(Self { ranges })
    }

    /// The value of a day counted from 1; absent when none was given.
    #[must_use]
    pub fn of_day(&self, day: u32) -> Option<u32> {
        let inside = |range: &&(u32, u32, u32)| (range.0..=range.1).contains(&day);
        self.ranges.iter().rev().find(inside).map(|range| range.2)
    }
}

/// Everything that decides the bytes of a spool.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Seed.
    pub seed: u64,
    /// First local day, days since 1970-01-01.
    pub first_day: i64,
    /// Number of days.
    pub days: u32,
    /// Scripts begun an hour, as the mean of a day; the profile makes some hours busier.
    pub calls_per_hour: u32,
    /// Load of a day in per cent of the others (100); 0 leaves a day without ordinary calls.
    pub day_load: DayValues,
    /// Calls held at once from 10:00 to 11:00 local time of a day, on top of the others.
    pub peak_calls: DayValues,
    /// Kind of those calls.
    pub peak_kind: Kind,
    /// Shares of the kinds.
    pub mix: Mix,
    /// The local clock of the spool.
    pub time_zone: TimeZone,
    /// Name of the sensor; empty for none.
    pub sensor: String,
    /// Media packets a second and direction; 0 for SIP alone.
    pub rtp_pps: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            seed: 1,
            // 2026-11-02, a Monday.
            first_day: 20_759,
            days: 1,
            calls_per_hour: 60,
            day_load: DayValues::default(),
            peak_calls: DayValues::default(),
            peak_kind: Kind::Answered,
            mix: Mix::default(),
            time_zone: TimeZone::UTC,
            sensor: String::new(),
            rtp_pps: 0,
        }
    }
}

impl Parameters {
    /// Names of the sensors: two when the mix has calls that two sensors see.
    #[must_use]
    pub fn sensors(&self) -> [String; 2] {
        match (self.mix.has(Kind::TwoSensors), self.sensor.is_empty()) {
            (true, true) => ["1".to_owned(), "2".to_owned()],
            _ => [self.sensor.clone(), format!("{}-2", self.sensor)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_mixes_and_says_what_is_wrong() {
        let mix = Mix::parse("busy=40,b2bua-bare=10").unwrap();
        let count = |kind| (0..1_000).filter(|point| mix.pick(*point) == kind).count();
        assert_eq!(count(Kind::Busy), 400);
        assert_eq!(count(Kind::B2buaBare), 100);
        assert_eq!(count(Kind::Answered), 500);
        for (text, expect) in [
            ("busy", "expected KIND=PERCENT"),
            ("bus=1", "unknown kind 'bus'"),
            ("busy=x", "expected a whole percentage"),
            ("busy=60,auth=50", "more than 100"),
        ] {
            let error = Mix::parse(text).unwrap_err();
            assert!(error.contains(expect), "{text}: {error}");
        }
    }

    #[test]
    fn reads_values_of_days() {
        let values = DayValues::parse("1-16=3,7=0").unwrap();
        assert_eq!(values.of_day(1), Some(3));
        assert_eq!(values.of_day(7), Some(0));
        assert_eq!(values.of_day(17), None);
        for text in ["", "0=1", "3-2=1", "1=x", "1"] {
            assert!(DayValues::parse(text).is_err(), "{text}");
        }
    }
}
