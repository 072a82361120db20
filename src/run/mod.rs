//! EDGE: threads, joining, progress. Files in, legs, CDRs and verdicts out.
//!
//! Each thread reads file after file into a gathering of its own (`read_files`). Its legs become sorted
//! runs, in memory or beyond the budget in a file (`spill`), which are joined by stretches of their keys
//! (`join_legs`); so the result does not depend on who read what. What reading a file gave can be kept
//! for the next run of the program (`kept_files`, `work`), and so can what `check` answered (`answer`).

mod answer;
mod blocks;
pub mod calls;
mod check;
pub mod config;
mod cut_messages;
mod distinct;
mod error;
mod extract;
mod gather;
mod heard;
mod join_legs;
mod kept_files;
mod look;
pub mod machine;
pub mod map;
mod measure;
mod paths;
mod profile;
mod progress;
mod ranges;
mod read_files;
mod reconstruct;
mod recorded;
mod rotation;
mod save;
mod scenarios;
mod side_by_side;
mod spill;
mod streams;
mod work;

pub use calls::{CallRun, calls, stored_calls};
pub use check::{HistoryRun, UpAtPeak, check, history, profiled};
pub use config::{CallsConfig, CheckConfig, InstalledLicense, StoredConfig};
pub use error::Error;
pub use gather::{FileSummary, TimeSpan};
pub use heard::{Heard, SipHours};
pub use look::LegFlags;
pub use profile::{Profile, Stage};
pub use ranges::RangeRules;
pub use reconstruct::{ReconstructOptions, Reconstruction, reconstruct};
pub use recorded::{RecordedError, RecordedSource};
