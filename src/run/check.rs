//! The main job: a configuration in, what `check` reports out.

use super::config::CheckConfig;
use super::error::Error;
use crate::report::CheckReport;

/// Stands in for the run until it is there.
///
/// # Errors
///
/// Always.
pub fn check(_config: &CheckConfig) -> Result<CheckReport, Error> {
    Err(Error::NotBuilt)
}
