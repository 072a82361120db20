//! Why a run could not do what was asked. Bad data is never among it: that is notes and losses.

use super::recorded::RecordedError;
use crate::license::PolicyError;
use crate::spool::SpoolError;
use crate::store::StoreError;
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
    /// Not one packet record in all that was read.
    #[error("no captures: {0}\ngive the directory that holds the dates of the spool, or a capture")]
    NoCaptures(String),
    /// The recorded CDRs cannot be read.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// The installed license cannot be checked.
    #[error("the license: {0}")]
    License(PolicyError),
    /// The database cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
