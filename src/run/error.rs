//! Why a run could not do what was asked. Bad data is never among it: that is notes and losses.

use thiserror::Error;

/// What ended a run.
#[derive(Debug, Error)]
pub enum Error {
    /// Stands in for the run until it is there.
    #[error("not built yet")]
    NotBuilt,
}
