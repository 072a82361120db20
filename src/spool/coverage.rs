//! Which days and hours of a spool hold signalling, and which days inside its span hold none.

use super::layout::Granularity;
use super::listing::SpoolFile;
use jiff::ToSpan;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// The hours of one day that have a directory with signalling: bit `n` is hour `n`.
/// All bits are set where only the day is known (old schema).
pub type DayHours = u32;

const WHOLE_DAY: DayHours = (1 << 24) - 1;

/// Days with signalling, by the directories of the spool, in its local time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Coverage {
    days: BTreeMap<Date, DayHours>,
}

impl Coverage {
    /// Adds a file. Files that cannot hold signalling, or lie outside the layout, add nothing: a day
    /// with media alone is a day whose signalling was lost.
    pub(super) fn add(&mut self, file: &SpoolFile) {
        let Some(placement) = file.placement.filter(|_| file.kind.may_hold_sip()) else { return };
        let hours = match placement.granularity {
            Granularity::Day => WHOLE_DAY,
            // An hour is 0 to 23 in a civil time.
            Granularity::Hour | Granularity::Minute => 1 << placement.start.hour(),
        };
        *self.days.entry(placement.start.date()).or_default() |= hours;
    }

    /// The days with signalling, in order, with their hours.
    pub fn days(&self) -> impl Iterator<Item = (Date, DayHours)> + '_ {
        self.days.iter().map(|(day, hours)| (*day, *hours))
    }

    /// First and last day with signalling; absent when no file lies in the vendor's layout.
    #[must_use]
    pub fn span(&self) -> Option<(Date, Date)> {
        Some((*self.days.first_key_value()?.0, *self.days.last_key_value()?.0))
    }

    /// Days inside the span without any signalling: each counts as lost (design.md section 12, point 1).
    #[must_use]
    pub fn missing_days(&self) -> Vec<Date> {
        let mut missing = Vec::new();
        let days = self.days.keys();
        for (earlier, later) in days.clone().zip(days.skip(1)) {
            let between = earlier.series(1.day()).skip(1);
            missing.extend(between.take_while(|day| day < later));
        }
        missing
    }
}
