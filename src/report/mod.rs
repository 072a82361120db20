//! Values to bytes: text, JSON, CSV. No I/O, no clock; the same value gives the same bytes.

pub mod check;
pub mod escape;
pub mod format;
pub mod json;
mod sentences;
pub mod text;

pub use check::{CheckReport, InputFile, InputReport};
pub use json::json;
pub use sentences::why;
pub use text::{TextStyle, text};
