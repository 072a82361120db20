//! EDGE: the result database: values in, one SQLite file out, whole or not at all; and back.
//!
//! Equal rows give an equal file: nothing here reads a clock, and rows are written in sorted order.
//! The tables and their columns are described in `schema.sql`.

mod cells;
mod database;
mod read;
mod read_legs;
mod rows;
mod text;
mod write;
mod write_legs;
mod write_readings;

pub use database::{Database, SCHEMA, StoreError};
pub use read::{ReadError, StoredRun, is_sqlite};
pub use rows::{
    BranchRow, CallRow, CaptureRow, CdrRow, ChannelDayRow, ChannelHourRow, EvidenceRow, LegRow,
    ReadingVerdictRow, RunRow, VerdictRow,
};
pub use text::{escaped_text, unescaped_bytes};
