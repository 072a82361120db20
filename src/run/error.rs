//! Why a run could not do what was asked. Bad data is never among it: that is notes and losses.

use super::recorded::RecordedError;
use crate::license::PolicyError;
use crate::spool::SpoolError;
use crate::store::{ReadError, StoreError};
use std::path::PathBuf;
use thiserror::Error;

/// What ended a run.
#[derive(Debug, Error)]
pub enum Error {
    /// The paths given cannot be walked.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The worker threads could not be started.
    #[error("the worker threads could not be started: {0}; try --threads 1")]
    Threads(rayon::ThreadPoolBuildError),
    /// Legs that did not fit the memory budget cannot be read back.
    #[error(
        "the file for legs beyond --memory cannot be read back: {0}\ngive more --memory, or another \
         directory in TMPDIR"
    )]
    Spill(std::io::Error),
    /// Not one packet record in all that was read.
    #[error("no captures: {0}\ngive the directory that holds the dates of the spool, or a capture")]
    NoCaptures(String),
    /// The recorded CDRs cannot be read.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// The license file says something that cannot be read on the day of the verdict.
    #[error("the license file: {0}")]
    License(#[from] PolicyError),
    /// The database cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database cannot be read.
    #[error(transparent)]
    Stored(#[from] ReadError),
    /// A database names a zone or rules that this program does not know.
    #[error("{}: {problem}; write it anew with check --db, or give the spool", path.display())]
    StoredValue {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Captures, and not one INVITE in them.
    #[error(
        "no calls: {files} files were read and none holds an INVITE; see check for what they hold"
    )]
    NoCalls {
        /// Files that were read.
        files: usize,
    },
    /// No leg has the Call-ID.
    #[error("no leg has the Call-ID {typed} among {legs} legs{}", proposals(near))]
    NoSuchLeg {
        /// As typed.
        typed: String,
        /// Legs there are.
        legs: usize,
        /// Call-IDs that hold the text.
        near: Vec<String>,
    },
}

fn proposals(near: &[String]) -> String {
    if near.is_empty() {
        "; give one as it stands in the Call-ID header, or its beginning".to_owned()
    } else {
        format!("; these hold it, give more of one: {}", near.join(", "))
    }
}
