//! What was in the spool and could not be read: it makes every count a lower bound.

use super::provenance::FileId;
use super::time::CaptureTime;
use serde::{Deserialize, Serialize};

/// What was lost.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum LossKind {
    /// A file that could not be opened or read.
    UnreadableFile,
    /// A file or member of a format that is not read.
    UnknownFormat,
    /// The missing tail of a file, member or capture.
    CutTail,
    /// Damaged bytes inside a capture or archive that were skipped.
    Damaged,
    /// Packets of a link type or encapsulation that is not read.
    UnknownLink,
    /// SIP inside TLS.
    Encrypted,
    /// Bytes missing in a TCP stream of SIP, or fragments missing of a datagram.
    Gap,
    /// A cap was hit and something was dropped.
    Limit,
}

impl LossKind {
    /// Stable name used in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnreadableFile => "unreadable-file",
            Self::UnknownFormat => "unknown-format",
            Self::CutTail => "cut-tail",
            Self::Damaged => "damaged",
            Self::UnknownLink => "unknown-link",
            Self::Encrypted => "encrypted",
            Self::Gap => "gap",
            Self::Limit => "limit",
        }
    }
}

/// One loss, placed in time as well as it can be.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Loss {
    /// First and last moment that the lost bytes may belong to: from the records around it, or
    /// from the date, hour and minute of its path. Absent: it can be anywhere in the spool.
    pub when: Option<(CaptureTime, CaptureTime)>,
    /// What was lost.
    pub kind: LossKind,
    /// The file.
    pub file: FileId,
    /// Bytes lost, as stored; 0 when not known.
    pub bytes: u64,
    /// One line for a person.
    pub detail: String,
}
