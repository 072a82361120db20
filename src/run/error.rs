//! Why a run could not do what was asked. Bad data is never among it: that is notes and losses.

use crate::spool::{ConfError, SpoolError};
use thiserror::Error;

/// What ended a run.
#[derive(Debug, Error)]
pub enum Error {
    /// The paths given cannot be walked.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The vendor's configuration cannot be used.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The worker threads could not be started.
    #[error("the worker threads could not be started: {0}; try --threads 1")]
    Threads(rayon::ThreadPoolBuildError),
}
