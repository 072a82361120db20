//! What the commands about calls read, and by which rules: flags as typed in, a [`CallsConfig`] out.

use super::check::{check_days, check_spool, day, sensors, zones};
use super::error::CliError;
use super::output;
use crate::call::RuleTable;
use crate::run::{self, CallRun, CallsConfig};
use crate::spool::VoipmonitorConf;
use crate::spool::conf::port_ranges;
use clap::Args;
use std::path::{Path, PathBuf};

/// Where to read, shared by `audit`, `explain` and `show`.
#[derive(Args, Debug)]
pub(super) struct InputArguments {
    /// Spools, parts of spools, directories or captures; `-` is standard input
    #[arg(required = true, value_name = "SPOOL")]
    spools: Vec<PathBuf>,
    /// First day to read, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Last day to read, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// Time zone of the GUI [default: the configuration's, else UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Time zone of the spool's directories [default: the configuration's, else that of the GUI]
    #[arg(long, value_name = "ZONE")]
    spool_zone: Option<String>,
    /// The sniffer's configuration, for its timeouts, numbers and ports
    #[arg(long, value_name = "FILE")]
    conf: Option<PathBuf>,
    /// Captures below PATH are those of sensor NAME; may be repeated
    #[arg(long = "sensor", value_name = "NAME=PATH")]
    sensors: Vec<String>,
    /// Which rules join legs into calls, and their parameters (TOML)
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Only these ports carry SIP, as 5060,5070-5080 [default: the configuration's, else any]
    #[arg(long, value_name = "LIST")]
    sip_ports: Option<String>,
    /// Print JSON instead of text
    #[arg(long)]
    pub(super) json: bool,
    /// Worker threads [default: one for each processor]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// No progress and no warnings on standard error
    #[arg(long)]
    quiet: bool,
}

impl InputArguments {
    /// The validated configuration. What the configuration file asks for in vain goes to standard error.
    pub(super) fn config(&self) -> Result<CallsConfig, CliError> {
        let (from, to) = (day("--from", self.from.as_ref())?, day("--to", self.to.as_ref())?);
        check_days(from, to, None)?;
        let conf = self.conf.as_deref().map(VoipmonitorConf::load).transpose()?;
        let is_configured = conf.is_some();
        let mut conf = conf.unwrap_or_default();
        let zones = zones(self.time_zone.as_deref(), self.spool_zone.as_deref(), &conf)?;
        if let Some(ports) = &self.sip_ports {
            let wrong = || CliError::NotPorts { value: ports.clone() };
            conf.capture.sip_ports = port_ranges(ports).ok_or_else(wrong)?;
        } else if !is_configured {
            conf.capture.sip_ports.clear();
        }
        self.spools.iter().try_for_each(|path| check_spool(path))?;
        let config = CallsConfig {
            spools: self.spools.clone(),
            from,
            to,
            time_zone: zones.gui,
            spool_zone: zones.spool,
            sensors: sensors(&self.sensors, &self.spools)?,
            rules: rules(self.rules.as_deref())?,
            threads: self.threads,
            progress: !self.quiet,
            timing: conf.timing,
            numbers: conf.numbers,
            capture: conf.capture,
        };
        self.warn(&conf.warnings);
        Ok(config)
    }

    /// Reads and groups. What makes the calls less than the whole truth goes to standard error.
    pub(super) fn calls(&self, config: &CallsConfig) -> Result<CallRun, CliError> {
        let calls = run::calls(config)?;
        self.warn(&calls.warnings());
        Ok(calls)
    }

    fn warn(&self, warnings: &[String]) {
        if !self.quiet {
            warnings.iter().for_each(|warning| output::warn(warning));
        }
    }
}

/// The rules of a file; the documented ones without.
pub(super) fn rules(path: Option<&Path>) -> Result<RuleTable, CliError> {
    let Some(path) = path else { return Ok(RuleTable::default()) };
    let unread = |source| CliError::NoSuchFile { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unread)?;
    RuleTable::from_toml(&text)
        .map_err(|error| CliError::NotRules { path: path.to_owned(), reason: error.to_string() })
}
