//! Where a fact came from: file, archive member, record.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A file of the run, by its place in the sorted list that the walk made.
///
/// The core never sees a path; the run edge keeps the table from id to path.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct FileId(pub u32);

impl FileId {
    /// Stands for several files, where something cannot be told of one: a loss over many captures. No
    /// file has this number, because the walk refuses so many.
    pub const SEVERAL: Self = Self(u32::MAX);
}

/// One capture stream: a whole file (`member` 0) or one member of an archive (1, 2, ...).
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct CaptureId {
    /// The file that holds it.
    pub file: FileId,
    /// 0 for a plain file, else the number of the member in archive order, from 1.
    pub member: u32,
}

/// One packet record: its capture and its number there.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct RecordRef {
    /// The capture.
    pub capture: CaptureId,
    /// The record's number in the capture from 1, as packet tools count frames;
    /// saturates at `u32::MAX`.
    pub index: u32,
}

impl fmt::Display for RecordRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CaptureId { file, member } = self.capture;
        write!(formatter, "file {} member {} record {}", file.0, member, self.index)
    }
}

/// A sensor of the run, by its place in the sorted list of sensor names.
///
/// Sensor 0 is the unnamed one: captures that lie under no sensor directory.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct SensorId(pub u16);
