//! A reading: one choice on every axis of design.md section 6. Text to reading and back.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! axis {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(
            Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
        )]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All choices, the documented one first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            const NAMES: &'static [&'static str] = &[$($text,)+];

            /// Stable name used on the command line and in output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                Self::NAMES[self as usize]
            }
        }
    };
}

axis! {
    /// Which end of a CDR counts.
    Cut {
        /// The end that the packets show.
        Packets = "packets",
        /// The end that the vendor's live timeouts give (facts C, close logic 2 to 8).
        VendorTimeouts = "vendor-timeouts",
    }
}
axis! {
    /// Which part of a call is a channel.
    Span {
        /// From the INVITE to the end.
        WholeCall = "whole-call",
        /// From the 2xx to the end; unanswered legs never count.
        Connected = "connected",
    }
}
axis! {
    /// Where an interval begins and ends.
    Edges {
        /// Half-open, to the nanosecond.
        Exact = "exact",
        /// Whole seconds, both ends inside, as the sniffer's charts (facts E, charts.cpp:648).
        WholeSeconds = "whole-seconds",
    }
}
axis! {
    /// Which legs of equal last-6 numbers are one channel.
    Dedup {
        /// Start at most 10 s after the first leg of the group.
        GroupFirst = "group-first",
        /// Start at most 10 s after the latest leg of the group, so groups chain.
        GroupLatest = "group-latest",
        /// As `GroupFirst`, and every leg of a group from another sensor.
        AcrossSensors = "across-sensors",
        /// Every leg for itself.
        None = "none",
    }
}
axis! {
    /// Whether legs that end in 487 count.
    Terminated {
        /// They do not.
        Excluded = "excluded",
        /// They do.
        Counted = "counted",
    }
}
axis! {
    /// What a forked leg occupies.
    Branches {
        /// One channel.
        Leg = "leg",
        /// One channel a fork destination.
        Branch = "branch",
    }
}
axis! {
    /// The figure of a day.
    Window {
        /// The largest mean of an hour.
        HourlyMean = "hourly-mean",
        /// The largest peak of an hour.
        HourlyPeak = "hourly-peak",
    }
}
axis! {
    /// When a day is over the limit.
    Over {
        /// Figure > limit.
        MoreThan = "more-than",
        /// Figure >= limit.
        AtLeast = "at-least",
    }
}
axis! {
    /// How long a run of days over must be to lock.
    Lock {
        /// More than 14 days.
        MoreThan14 = "more-than-14",
        /// 14 days.
        AtLeast14 = "at-least-14",
    }
}
axis! {
    /// When a recount lifts a lock.
    Unlock {
        /// The run of days over that ends on the day is within the grace (0 to 3 days).
        RunWithinGrace = "run-within-grace",
        /// The day itself is within the limit.
        LastDay = "last-day",
        /// No day of the 14-day window is over.
        WholeWindow = "whole-window",
    }
}

/// One fully specified way to count channels and to judge the lock.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Reading {
    /// How channels are counted.
    pub count: CountReading,
    /// The figure of a day.
    pub window: Window,
    /// When a day is over.
    pub over: Over,
    /// When a run locks.
    pub lock: Lock,
    /// When a recount lifts.
    pub unlock: Unlock,
}

/// The axes that decide the step function; the other four only judge it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct CountReading {
    /// Which end of a CDR counts.
    pub cut: Cut,
    /// Which part of a call is a channel.
    pub span: Span,
    /// Where an interval begins and ends.
    pub edges: Edges,
    /// Which legs are one channel.
    pub dedup: Dedup,
    /// Whether legs ending in 487 count.
    pub terminated: Terminated,
    /// What a forked leg occupies.
    pub branches: Branches,
}

/// An axis, for code that walks over all of them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(missing_docs, reason = "each axis is documented at its own type")]
pub enum Axis {
    Cut,
    Span,
    Edges,
    Dedup,
    Terminated,
    Branches,
    Window,
    Over,
    Lock,
    Unlock,
}

impl Axis {
    /// All axes in the order of design.md section 6.
    pub const ALL: [Self; 10] = [
        Self::Cut,
        Self::Span,
        Self::Edges,
        Self::Dedup,
        Self::Terminated,
        Self::Branches,
        Self::Window,
        Self::Over,
        Self::Lock,
        Self::Unlock,
    ];

    /// Stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Span => "span",
            Self::Edges => "edges",
            Self::Dedup => "dedup",
            Self::Terminated => "terminated",
            Self::Branches => "branches",
            Self::Window => "window",
            Self::Over => "over",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
        }
    }

    /// Names of the choices, the documented one first.
    #[must_use]
    pub const fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Cut => Cut::NAMES,
            Self::Span => Span::NAMES,
            Self::Edges => Edges::NAMES,
            Self::Dedup => Dedup::NAMES,
            Self::Terminated => Terminated::NAMES,
            Self::Branches => Branches::NAMES,
            Self::Window => Window::NAMES,
            Self::Over => Over::NAMES,
            Self::Lock => Lock::NAMES,
            Self::Unlock => Unlock::NAMES,
        }
    }

    /// Why the choice is in doubt (design.md section 6; facts C and E).
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Cut => "the sniffer's own offline runs differ on where its live timeouts cut",
            Self::Span => {
                "the vendor writes 'concurrent calls'; the sniffer's charts count ringing"
            }
            Self::Edges => "the sniffer's charts count floor to ceil, both seconds inside",
            Self::Dedup => {
                "'Legs by CID': 10 s around; 'same call captured by several sensors' is one channel"
            }
            Self::Terminated => "the later revision of the vendor's page excludes 487",
            Self::Branches => "the vendor's table: 'forking: one per destination leg'",
            Self::Window => "'maximum ... averaged over 60-minute windows'",
            Self::Over => "'exceeds the license'",
            Self::Lock => "'after 14 days' and 'more than 14 consecutive days'",
            Self::Unlock => "'if the count is now within the license limit, the GUI will unlock'",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|axis| axis.name() == name)
    }
}

/// Takes a choice by number; out of range gives the documented one.
fn pick<T: Copy>(all: &[T], choice: usize) -> T {
    all.get(choice).copied().unwrap_or(all[0])
}

impl Reading {
    /// The reading that the vendor's documentation supports best: first choice on every axis.
    #[must_use]
    pub const fn documented() -> Self {
        Self {
            count: CountReading {
                cut: Cut::Packets,
                span: Span::WholeCall,
                edges: Edges::Exact,
                dedup: Dedup::GroupFirst,
                terminated: Terminated::Excluded,
                branches: Branches::Leg,
            },
            window: Window::HourlyMean,
            over: Over::MoreThan,
            lock: Lock::MoreThan14,
            unlock: Unlock::RunWithinGrace,
        }
    }

    /// The whole product of all axes, the documented reading first, the last axis running fastest.
    #[must_use]
    pub fn all() -> Vec<Self> {
        ReadingPins::default().readings()
    }

    /// The number of the choice taken on an axis; 0 is the documented one.
    #[must_use]
    pub const fn choice(self, axis: Axis) -> usize {
        match axis {
            Axis::Cut => self.count.cut as usize,
            Axis::Span => self.count.span as usize,
            Axis::Edges => self.count.edges as usize,
            Axis::Dedup => self.count.dedup as usize,
            Axis::Terminated => self.count.terminated as usize,
            Axis::Branches => self.count.branches as usize,
            Axis::Window => self.window as usize,
            Axis::Over => self.over as usize,
            Axis::Lock => self.lock as usize,
            Axis::Unlock => self.unlock as usize,
        }
    }

    /// This reading with another choice on one axis; a choice out of range gives the documented one.
    #[must_use]
    pub fn with(mut self, axis: Axis, choice: usize) -> Self {
        match axis {
            Axis::Cut => self.count.cut = pick(Cut::ALL, choice),
            Axis::Span => self.count.span = pick(Span::ALL, choice),
            Axis::Edges => self.count.edges = pick(Edges::ALL, choice),
            Axis::Dedup => self.count.dedup = pick(Dedup::ALL, choice),
            Axis::Terminated => self.count.terminated = pick(Terminated::ALL, choice),
            Axis::Branches => self.count.branches = pick(Branches::ALL, choice),
            Axis::Window => self.window = pick(Window::ALL, choice),
            Axis::Over => self.over = pick(Over::ALL, choice),
            Axis::Lock => self.lock = pick(Lock::ALL, choice),
            Axis::Unlock => self.unlock = pick(Unlock::ALL, choice),
        }
        self
    }
}

impl Default for Reading {
    fn default() -> Self {
        Self::documented()
    }
}

impl fmt::Display for Reading {
    /// `axis=choice,...` over all axes, as `ReadingPins` parses it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, axis) in Axis::ALL.into_iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let choice = axis.choices()[self.choice(axis)];
            write!(formatter, "{comma}{}={choice}", axis.name())?;
        }
        Ok(())
    }
}

/// Choices that the user fixed; the other axes stay open.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReadingPins {
    choices: [Option<usize>; Axis::ALL.len()],
}

/// Why a text is no reading.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ReadingError {
    /// An item without `=`.
    NotAnAssignment(String),
    /// No axis of this name.
    UnknownAxis(String),
    /// The axis is there, the choice is not.
    UnknownChoice(Axis, String),
    /// The axis is given twice.
    Twice(Axis),
}

impl fmt::Display for ReadingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnAssignment(item) => write!(formatter, "'{item}' is not axis=choice"),
            Self::UnknownAxis(name) => {
                let names = Axis::ALL.map(Axis::name).join(", ");
                write!(formatter, "no axis '{name}'; axes are {names}")
            }
            Self::UnknownChoice(axis, name) => {
                let names = axis.choices().join(", ");
                write!(
                    formatter,
                    "axis {} has no choice '{name}'; choices are {names}",
                    axis.name()
                )
            }
            Self::Twice(axis) => write!(formatter, "axis {} is given twice", axis.name()),
        }
    }
}

impl std::error::Error for ReadingError {}

impl ReadingPins {
    /// Reads `axis=choice,...`; an empty text pins nothing.
    ///
    /// # Errors
    /// Names the first item that is no known axis and choice, or an axis given twice.
    pub fn parse(text: &str) -> Result<Self, ReadingError> {
        let mut pins = Self::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let Some((name, choice)) = item.split_once('=') else {
                return Err(ReadingError::NotAnAssignment(item.to_owned()));
            };
            let (name, choice) = (name.trim(), choice.trim());
            let Some(axis) = Axis::named(name) else {
                return Err(ReadingError::UnknownAxis(name.to_owned()));
            };
            let Some(number) = axis.choices().iter().position(|known| *known == choice) else {
                return Err(ReadingError::UnknownChoice(axis, choice.to_owned()));
            };
            if pins.choices[axis as usize].replace(number).is_some() {
                return Err(ReadingError::Twice(axis));
            }
        }
        Ok(pins)
    }

    /// The pinned choices on top of the documented reading.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let mut reading = Reading::documented();
        for axis in Axis::ALL {
            if let Some(choice) = self.choices[axis as usize] {
                reading = reading.with(axis, choice);
            }
        }
        reading
    }

    /// Every reading that has the pinned choices; [`Self::reading`] comes first.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let mut readings = vec![self.reading()];
        for axis in Axis::ALL {
            if self.choices[axis as usize].is_some() {
                continue;
            }
            readings = readings
                .into_iter()
                .flat_map(|reading| (0..axis.choices().len()).map(move |c| reading.with(axis, c)))
                .collect();
        }
        readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_is_the_whole_product_and_starts_with_the_documented_one() {
        let all = Reading::all();
        assert_eq!(all.len(), 2 * 2 * 2 * 4 * 2 * 2 * 2 * 2 * 2 * 3);
        assert_eq!(all[0], Reading::documented());
        assert_eq!(all.iter().copied().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn every_reading_survives_printing_and_parsing() {
        for reading in Reading::all() {
            let pins = ReadingPins::parse(&reading.to_string()).unwrap();
            assert_eq!(pins.reading(), reading);
            assert_eq!(pins.readings(), [reading]);
        }
    }

    #[test]
    fn the_documented_reading_has_the_names_of_the_design() {
        assert_eq!(
            Reading::documented().to_string(),
            "cut=packets,span=whole-call,edges=exact,dedup=group-first,terminated=excluded,\
             branches=leg,window=hourly-mean,over=more-than,lock=more-than-14,\
             unlock=run-within-grace"
        );
    }

    #[test]
    fn pins_leave_the_other_axes_open() {
        let pins = ReadingPins::parse("dedup=none, cut=vendor-timeouts").unwrap();
        assert_eq!(pins.readings().len(), 3_072 / 8);
        assert!(pins.readings().iter().all(|reading| reading.count.dedup == Dedup::None));
        assert_eq!(pins.readings()[0], pins.reading());
    }

    #[test]
    fn errors_name_what_is_wrong_and_what_there_is() {
        let message = |text: &str| ReadingPins::parse(text).unwrap_err().to_string();
        assert_eq!(message("dedup"), "'dedup' is not axis=choice");
        assert!(message("size=1").starts_with("no axis 'size'; axes are cut, span"));
        assert_eq!(
            message("over=equal"),
            "axis over has no choice 'equal'; choices are more-than, at-least"
        );
        assert_eq!(message("cut=packets,cut=packets"), "axis cut is given twice");
    }
}
