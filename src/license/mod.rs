//! History to lock state to verdict; license systems and their policies.
//!
//! In: the days' figures of a scenario under every reading, the limit, what was covered and lost.
//! Out: the verdict, how sure it is, and what would change it.

#[cfg(test)]
mod bounds_tests;
pub mod coverage;
pub mod installed;
#[cfg(test)]
mod installed_tests;
pub mod judge;
pub mod lock;
pub mod policy;
pub mod verdict;
#[cfg(test)]
pub(crate) mod verdict_tests;

pub use coverage::{Coverage, DayCoverage, Excluded, FileScope};
pub use installed::{
    CauseKind, License, LicenseKey, LicenseReport, LockCause, Measured, StartedTerm, UnitsBound,
    UnitsInUse,
};
pub use judge::{BoundedDays, DayBounds, Evidence, judge, judge_reading};
pub use lock::{DayLock, LockState, judge_days, lifts};
pub use policy::{Policy, PolicyError, UnitKind};
pub use verdict::{
    Agreement, Caveat, DayRow, Deciding, Flip, Judged, Margin, Nearest, Outcome, Question,
    Scenario, ScenarioVerdict,
};
