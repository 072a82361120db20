//! The verdict as values: scenario, question, margin, caveats, day table, agreement of the readings.

use super::coverage::DayCoverage;
use super::lock::LockState;
use crate::base::CaptureTime;
use crate::channel::{Axis, Channels, DayCount, History, Reading};
use jiff::civil::Date;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// A remedy (design.md section 7).
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Scenario {
    /// The legs as the sniffer would write them again.
    AsIs,
    /// As the sniffer would write them with `callidmerge_header` set to this header.
    MergeHeader(String),
    /// Calls: what an import of merged CDRs, or a correction by the vendor's support, would give.
    Merged,
    /// The CDRs of the existing database: what the GUI counts now.
    Recorded,
}

impl Scenario {
    /// Stable name used in output; the header of `merge-header` is apart.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AsIs => "as-is",
            Self::MergeHeader(_) => "merge-header",
            Self::Merged => "merged",
            Self::Recorded => "recorded",
        }
    }

    /// How to get there, with the exact line of voipmonitor.conf where one is needed (facts A.7). The
    /// header is as in the captures: escape before printing.
    #[must_use]
    pub fn how(&self) -> String {
        match self {
            Self::AsIs => "re-compute with the present voipmonitor.conf".to_owned(),
            Self::MergeHeader(header) => {
                format!("callidmerge_header = {header} in voipmonitor.conf, then re-compute")
            }
            Self::Merged => {
                "import CDRs merged by call, or have the vendor's support correct the count"
                    .to_owned()
            }
            Self::Recorded => "nothing: this is what the GUI counts now".to_owned(),
        }
    }

    /// The header of `merge-header`; absent for the others.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::MergeHeader(header) => Some(header),
            _ => None,
        }
    }
}

/// What a recount would do to the lock.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Outcome {
    /// The lock would be lifted, or there would be none.
    Lifts,
    /// The lock, or the lockdown in progress, would stay.
    Stays,
    /// What was lost could decide either way.
    CannotTell,
}

impl Outcome {
    /// Stable name used in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lifts => "lifts",
            Self::Stays => "stays",
            Self::CannotTell => "cannot-tell",
        }
    }

    /// Exit code of `check` (design.md section 7).
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Lifts => 0,
            Self::Stays => 1,
            Self::CannotTell => 3,
        }
    }
}

/// What is asked of every scenario.
#[derive(Clone, Debug)]
pub struct Question {
    /// Channels that the license allows.
    pub limit_channels: u64,
    /// The reading that decides: documented, or with what the user pinned.
    pub reading: Reading,
    /// All readings to compare with; those that the user's pins admit.
    pub readings: Vec<Reading>,
    /// Whether the user accepts the losses: their days count as they were read.
    pub accept_loss: bool,
}

/// Distance of a figure from the limit, exact.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Margin {
    /// How far, in channels.
    pub distance: Channels,
    /// Whether the figure is above the limit.
    pub above: bool,
}

impl Margin {
    /// The margin of a figure.
    #[must_use]
    pub fn of(figure: Channels, limit_channels: u64) -> Self {
        let limit = u128::from(limit_channels).saturating_mul(u128::from(figure.denominator));
        let distance = Channels {
            numerator: figure.numerator.abs_diff(limit),
            denominator: figure.denominator,
        };
        Self { distance, above: figure.numerator > limit }
    }
}

/// The day whose figure the verdict hangs on: with the limit on its other side the verdict flips.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Deciding {
    /// Number of the day in the calendar.
    pub day: usize,
    /// Its figure.
    pub figure: Channels,
    /// Its distance from the limit.
    pub margin: Margin,
}

/// The verdict under one reading.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Judged {
    /// The verdict.
    pub outcome: Outcome,
    /// The verdict if nothing is missing.
    pub without_loss: Outcome,
    /// Consecutive days over up to the last day.
    pub run_days: usize,
    /// The same by the channels that are there whatever was lost.
    pub run_days_at_least: usize,
    /// The same when every day that may miss something is over.
    pub run_days_at_most: usize,
    /// The deciding day; absent when too few days are seen for any limit to keep the lock.
    pub deciding: Option<Deciding>,
    /// Days whose count may be another one, and on which the verdict hangs.
    pub missing_days: Vec<usize>,
}

/// Something that belongs into the first lines, beside the verdict.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Caveat {
    /// The verdict is another one when evidently different calls are not taken for one channel.
    RestsOnDeduplication {
        /// Groups with such calls.
        groups: u32,
        /// Legs that are another call than the first of their group.
        legs: u32,
        /// The verdict when they count.
        otherwise: Outcome,
    },
    /// The same, but the verdict does not hang on it.
    HidesDifferentCalls {
        /// Groups with such calls.
        groups: u32,
        /// Legs that are another call than the first of their group.
        legs: u32,
    },
    /// The verdict is another one when the vendor's live timeouts cut calls, or do not.
    RestsOnCut {
        /// The verdict under the other choice of the axis `cut`.
        otherwise: Outcome,
    },
    /// The spool is shorter than the lock needs: the state before its first day is unseen.
    StateBeforeUnseen {
        /// Days seen.
        days_seen: usize,
    },
    /// Calls that ran at the first packet are unseen, and the verdict hangs on the first day.
    RestsOnFirstDay {
        /// The verdict if the first day were over the limit.
        otherwise: Outcome,
    },
    /// The last day ends early, and the verdict hangs on it.
    RestsOnLastDay {
        /// The last message.
        until: CaptureTime,
        /// The verdict if the last day came to be over the limit.
        otherwise: Outcome,
    },
    /// On some days a sensor has no SIP in hours in which it usually has, and the verdict hangs on them.
    RestsOnLackingHours {
        /// How many days.
        days: usize,
        /// The first of them.
        first: Date,
        /// The last of them.
        last: Date,
        /// The verdict if they were over the limit.
        otherwise: Outcome,
    },
    /// The configuration leaves out some of what the captures hold: none of it was counted.
    ExcludedByConfiguration {
        /// SIP messages by port or address family.
        messages: u64,
        /// CDRs of kinds that are not written.
        cdrs: u64,
    },
    /// The last day ends early: its figure can still rise.
    LastDayPartial {
        /// The last packet.
        until: CaptureTime,
    },
    /// Losses were accepted: the verdict holds if nothing that was lost matters.
    LossAccepted {
        /// Days that may miss something.
        days: usize,
    },
    /// Days before the history's first one were left out because there were too many.
    DaysClipped {
        /// How many.
        days: u32,
    },
}

impl Caveat {
    /// Stable name used in output.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RestsOnDeduplication { .. } => "rests-on-deduplication",
            Self::HidesDifferentCalls { .. } => "hides-different-calls",
            Self::RestsOnCut { .. } => "rests-on-cut",
            Self::StateBeforeUnseen { .. } => "state-before-unseen",
            Self::RestsOnFirstDay { .. } => "rests-on-first-day",
            Self::RestsOnLastDay { .. } => "rests-on-last-day",
            Self::RestsOnLackingHours { .. } => "rests-on-lacking-hours",
            Self::ExcludedByConfiguration { .. } => "excluded-by-configuration",
            Self::LastDayPartial { .. } => "last-day-partial",
            Self::LossAccepted { .. } => "loss-accepted",
            Self::DaysClipped { .. } => "days-clipped",
        }
    }

    /// The verdict in the other case; absent when the caveat does not change it.
    #[must_use]
    pub const fn otherwise(&self) -> Option<Outcome> {
        match self {
            Self::RestsOnDeduplication { otherwise, .. }
            | Self::RestsOnCut { otherwise }
            | Self::RestsOnFirstDay { otherwise }
            | Self::RestsOnLastDay { otherwise, .. }
            | Self::RestsOnLackingHours { otherwise, .. } => Some(*otherwise),
            _ => None,
        }
    }
}

/// One line of the day table.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DayRow {
    /// The date.
    pub date: Date,
    /// The figure by the axis `window`.
    pub figure: Channels,
    /// The largest mean and peak of an hour, and which hours.
    pub count: DayCount,
    /// Distance of the figure from the limit.
    pub margin: Margin,
    /// Whether it is over.
    pub over: bool,
    /// Consecutive days over up to this one.
    pub run_days: usize,
    /// State of the lock on this day.
    pub state: LockState,
    /// The figure of the channels that are there whatever was lost; absent when it is the same.
    pub fewest: Option<Channels>,
    /// The figure with the calls that ran when the captures began; absent when it is the same. On a
    /// day that lost something there is no upper bound at all.
    pub most: Option<Channels>,
    /// What was covered and lost.
    pub coverage: DayCoverage,
}

/// How many readings say what.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Agreement {
    /// Readings compared.
    pub readings: usize,
    /// Those with the same verdict as the deciding reading.
    pub agreeing: usize,
    /// Readings under which it lifts.
    pub lifts: usize,
    /// Readings under which it stays.
    pub stays: usize,
    /// Readings under which it cannot be told.
    pub cannot_tell: usize,
    /// Single axes that flip the verdict.
    pub flips: Vec<Flip>,
    /// The agreeing reading that comes nearest to flipping; absent when none has a margin.
    pub nearest: Option<Nearest>,
}

/// A change on one axis that changes the verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Flip {
    /// The axis.
    pub axis: Axis,
    /// The choice that flips.
    pub choice: &'static str,
    /// The verdict then.
    pub outcome: Outcome,
}

// Derived it would borrow the choice for the life of the program.
impl<'d> Deserialize<'d> for Flip {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written {
            axis: Axis,
            choice: String,
            outcome: Outcome,
        }
        let Written { axis, choice, outcome } = Written::deserialize(deserializer)?;
        let known = axis.choices().iter().copied().find(|known| *known == choice);
        let unknown = || D::Error::custom(format!("axis {} has no choice '{choice}'", axis.name()));
        Ok(Self { axis, choice: known.ok_or_else(unknown)?, outcome })
    }
}

/// A reading and how near it is to the other verdict.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Nearest {
    /// The reading.
    pub reading: Reading,
    /// Its margin.
    pub margin: Margin,
}

/// The verdict on one scenario.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ScenarioVerdict {
    /// The scenario.
    pub scenario: Scenario,
    /// The reading that decided.
    pub reading: Reading,
    /// The limit.
    pub limit_channels: u64,
    /// The verdict under that reading.
    pub judged: Judged,
    /// Whether no run of days over ever passes the grace, losses included: by this count the license
    /// was never locked.
    pub never_locked: bool,
    /// Days over the limit.
    pub days_over: usize,
    /// State on the last day.
    pub state: LockState,
    /// The day table.
    pub days: Vec<DayRow>,
    /// The history under the deciding reading.
    pub history: History,
    /// What to know beside the verdict.
    pub caveats: Vec<Caveat>,
    /// What the other readings say.
    pub agreement: Agreement,
    /// The verdict under every reading of the question, in their order.
    pub readings: Vec<(Reading, Judged)>,
    /// CDRs and units that were counted.
    pub cdr_count: usize,
    /// Units: CDRs, or merged calls.
    pub unit_count: usize,
}
