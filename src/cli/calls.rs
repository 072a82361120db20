//! What `audit`, `explain` and `show` read: paths and flags as typed in, a [`CallRun`] out.

use super::error::CliError;
use super::input::{Input, InputArguments};
use super::output;
use crate::run::{self, CallRun, CallsConfig};
use clap::Args;
use std::path::PathBuf;

/// What to read and how.
#[derive(Args, Debug)]
pub(super) struct CallsArguments {
    /// Spools, parts of spools, directories or captures; `-` is standard input
    #[arg(required = true, value_name = "SPOOL")]
    spools: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) input: InputArguments,
}

impl CallsArguments {
    /// The validated configuration. What the configuration file asks for in vain goes to standard error.
    pub(super) fn config(&self) -> Result<CallsConfig, CliError> {
        let Input { from, to, zones, conf, sensors, rules } = self.input.read(&self.spools)?;
        self.warn(&conf.warnings);
        Ok(CallsConfig {
            spools: self.spools.clone(),
            from,
            to,
            time_zone: zones.gui,
            spool_zone: zones.spool,
            sensors,
            rules,
            threads: self.input.threads,
            progress: !self.input.quiet,
            timing: conf.timing,
            numbers: conf.numbers,
            capture: conf.capture,
        })
    }

    /// Reads and groups. What makes the calls less than the whole truth goes to standard error.
    pub(super) fn calls(&self, config: &CallsConfig) -> Result<CallRun, CliError> {
        let calls = run::calls(config)?;
        self.warn(&calls.warnings());
        Ok(calls)
    }

    fn warn(&self, warnings: &[String]) {
        if !self.input.quiet {
            warnings.iter().for_each(|warning| output::warn(warning));
        }
    }
}
