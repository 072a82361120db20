//! Values to bytes: text, JSON, CSV, ladders. No I/O, no clock; the same value gives the same bytes.

pub mod audit;
pub mod audit_json;
pub mod call;
pub mod check;
#[cfg(test)]
mod check_tests;
pub mod escape;
pub mod explain;
pub mod format;
pub mod history;
pub mod json;
pub mod ladder;
pub mod readings;
mod sentences;
pub mod text;

pub use check::{CheckReport, InputFile, InputReport};
pub use history::{HistoryReport, ScenarioHistory};
pub use json::json;
pub use sentences::why;
pub use text::{TextStyle, text};
