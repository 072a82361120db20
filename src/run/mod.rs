//! EDGE: threads, joining, progress. Files in, legs, CDRs and verdicts out.
//!
//! Each thread reads file after file into a gathering of its own; gatherings join partition by
//! partition in a fixed order, so that the result does not depend on who read what.

mod check;
pub mod config;
mod error;
mod extract;
mod gather;
pub mod map;
mod progress;
mod ranges;
mod reconstruct;
mod save;
mod scenarios;
mod streams;

pub use check::check;
pub use config::CheckConfig;
pub use error::Error;
pub use gather::{FileSummary, TimeSpan};
pub use ranges::RangeRules;
pub use reconstruct::{ReconstructOptions, Reconstruction, reconstruct};
