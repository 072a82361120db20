//! What `audit`, `explain` and `show` read: paths and flags as typed in, a [`CallRun`] out.

use super::error::CliError;
use super::input::{Input, InputArguments};
use super::output;
use crate::run::{self, CallRun, CallsConfig};
use crate::store::is_sqlite;
use clap::Args;
use std::path::{Path, PathBuf};

/// What to read and how.
#[derive(Args, Debug)]
pub(super) struct CallsArguments {
    /// Spools, parts of spools, directories or captures (`-` is standard input), or one database that
    /// `check --db` wrote
    #[arg(required = true, value_name = "SPOOL|DB")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) input: InputArguments,
}

impl CallsArguments {
    /// Reads and groups. What makes the calls less than the whole truth goes to standard error, and so
    /// does what a configuration file asks for in vain.
    pub(super) fn calls(&self) -> Result<CallRun, CliError> {
        let calls = match self.database()? {
            Some(path) => run::stored_calls(&self.input.stored(path)?)?,
            None => run::calls(&self.config()?)?,
        };
        self.warn(&calls.warnings());
        Ok(calls)
    }

    /// The database among the paths, which must be alone.
    fn database(&self) -> Result<Option<&Path>, CliError> {
        let is_database =
            |path: &&PathBuf| path.is_file() && is_sqlite(path).is_ok_and(|is_sqlite| is_sqlite);
        match self.paths.iter().find(is_database) {
            Some(path) if self.paths.len() > 1 => {
                Err(CliError::DatabaseAmongSpools { path: path.clone() })
            }
            found => Ok(found.map(PathBuf::as_path)),
        }
    }

    fn config(&self) -> Result<CallsConfig, CliError> {
        let Input { from, to, zones, conf, sensors, without_rtp, rules, work, memory_bytes } =
            self.input.read(&self.paths)?;
        self.warn(&conf.warnings);
        Ok(CallsConfig {
            spools: self.paths.clone(),
            from,
            to,
            time_zone: zones.gui,
            spool_zone: zones.spool,
            sensors,
            without_rtp,
            rules,
            threads: self.input.threads,
            progress: !self.input.quiet,
            work,
            memory_bytes,
            timing: conf.timing,
            numbers: conf.numbers,
            capture: conf.capture,
        })
    }

    fn warn(&self, warnings: &[String]) {
        if !self.input.quiet {
            warnings.iter().for_each(|warning| output::warn(warning));
        }
    }
}
