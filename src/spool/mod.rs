//! EDGE: which files there are, in which order; VoIPmonitor's layout; `voipmonitor.conf`; coverage.
//!
//! In: paths as the user gave them. Out: a [`SpoolListing`] whose order depends on the set of files
//! alone, and what the vendor's configuration says about rules and zones. Never writes.

pub mod conf;
mod conf_line;
mod coverage;
mod extension;
mod layout;
mod listing;
mod order;
mod roots;
mod sensor;
mod walk;

pub use conf::{ConfError, SpoolSettings, VoipmonitorConf};
pub use coverage::{Coverage, DayHours};
pub use extension::is_named_as_capture;
pub use layout::{FileKind, Granularity, Placement};
pub use listing::{SkipCount, SkipReason, SpoolFile, SpoolListing, Unreadable};
pub use walk::{SpoolError, WalkOptions, walk};
