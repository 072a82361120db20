//! The license file of `check`: a description of the installed license, and the policy it is under.

use super::error::CliError;
use crate::license::{License, Measured, Policy, PolicyError};
use crate::run::InstalledLicense;
use jiff::Timestamp;
use std::path::Path;

/// Policy of a license file that names none.
const POLICY_DEFAULT: &str = "voipmonitor";

/// Reads the file; what it says is tried once, so that a slip shows before the spool is read.
pub(super) fn load(path: &Path) -> Result<InstalledLicense, CliError> {
    let unreadable = |source| CliError::NoLicenseFile { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    understand(&text).map_err(|source| CliError::NotALicense { path: path.to_owned(), source })
}

fn understand(text: &str) -> Result<InstalledLicense, PolicyError> {
    let license = License::parse(text)?;
    let policy = Policy::preset(license.policy.as_deref().unwrap_or(POLICY_DEFAULT))?;
    license.check(&policy, Timestamp::UNIX_EPOCH, Measured::default())?;
    Ok(InstalledLicense { license, policy })
}
