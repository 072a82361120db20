//! `respool check`: flags as typed, the configuration made from them, the report printed.

use super::error::CliError;
use super::input::{Input, InputArguments, day};
use super::license;
use super::output;
use super::zone::parse_zone;
use crate::channel::ReadingPins;
use crate::license::Outcome;
use crate::license::Scenario;
use crate::report::{CheckReport, TextStyle, json, text};
use crate::run::{self, CheckConfig, InstalledLicense, RecordedSource};
use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// Say whether recomputing the CDRs would lift the license lock
#[derive(Args, Debug)]
pub(super) struct CheckArguments {
    /// Spools, parts of spools, directories or captures; `-` is standard input
    #[arg(required = true, value_name = "SPOOL")]
    spools: Vec<PathBuf>,
    /// Concurrent channels that the license allows [default: what the keys of --license give]
    // Whether there is one is looked at later: `history` needs none.
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// The installed license, described in TOML: looks for causes of a lock other than the count
    #[arg(long, value_name = "FILE")]
    license: Option<PathBuf>,
    /// Day of the verdict, YYYY-MM-DD [default: the last day with data]
    #[arg(long, value_name = "DAY")]
    as_of: Option<String>,
    #[command(flatten)]
    input: InputArguments,
    /// Whose verdict decides the exit code: as-is, merge-header[=HEADER], merged, recorded
    #[arg(long, value_name = "NAME", default_value = "as-is")]
    scenario: String,
    /// Take what could not be read as if it had held no calls
    #[arg(long)]
    accept_loss: bool,
    /// Fix choices of the reading, as axis=choice,...
    #[arg(long, value_name = "SPEC", default_value = "")]
    reading: String,
    /// List the verdict under all readings that --reading leaves open, or under the deciding one alone
    #[arg(long, value_name = "WHICH", default_value = "documented")]
    readings: Readings,
    /// CDRs of the database as CSV, columns as in the table cdr: what the GUI counts now
    #[arg(long, value_name = "FILE")]
    recorded: Option<PathBuf>,
    /// Time zone of the dates in --recorded [default: that of the GUI]
    #[arg(long, value_name = "ZONE", requires = "recorded")]
    recorded_zone: Option<String>,
    /// Write all results to this SQLite file
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Tell on standard error what each stage took
    #[arg(long)]
    profile: bool,
    /// Columns of the text [default: those of the terminal, else 80]
    #[arg(long, value_name = "N")]
    width: Option<usize>,
}

/// How many readings are judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Readings {
    /// The documented one, with what --reading fixes
    Documented,
    /// All that --reading leaves open
    All,
}

/// Flags in, exit code out.
pub(super) fn run(arguments: &CheckArguments, as_typed: Vec<String>) -> Result<u8, CliError> {
    let (config, warnings) = arguments.config(as_typed)?;
    if !arguments.input.quiet {
        warnings.iter().for_each(|warning| output::warn(warning));
    }
    let (report, profile) = run::profiled(&config)?;
    if !arguments.input.quiet {
        profile.messages.iter().for_each(|message| output::warn(message));
    }
    if arguments.profile {
        output::tell(&profile.to_string());
    }
    if report.input.captures == 0 {
        let paths: Vec<_> = config.spools.iter().map(|path| path.display().to_string()).collect();
        let files = report.input.files.len();
        return Err(CliError::NoCaptures { paths: paths.join(", "), files });
    }
    output::print(&arguments.page(&report))?;
    // The verdict stays the exit code when the reader of the text went away.
    Ok(report.outcome().map_or(super::EXIT_FAILURE, Outcome::exit_code))
}

impl CheckArguments {
    fn page(&self, report: &CheckReport) -> String {
        if self.input.json {
            return json(report);
        }
        text(report, TextStyle { width: self.columns(), colour: output::takes_colour() })
    }

    pub(super) fn columns(&self) -> usize {
        self.width.unwrap_or_else(output::width)
    }

    pub(super) const fn is_json(&self) -> bool {
        self.input.json
    }

    pub(super) const fn is_quiet(&self) -> bool {
        self.input.quiet
    }

    /// The validated configuration, and what the configuration file asks for in vain.
    fn config(&self, as_typed: Vec<String>) -> Result<(CheckConfig, Vec<String>), CliError> {
        self.config_or(None, as_typed)
    }

    /// The same, with a limit for when neither flag nor license gives one.
    pub(super) fn config_or(
        &self,
        limit_default: Option<u32>,
        as_typed: Vec<String>,
    ) -> Result<(CheckConfig, Vec<String>), CliError> {
        let license = self.license.as_deref().map(license::load).transpose()?;
        let (limit_channels, limit_warning) = limit(self.limit, license.as_ref(), limit_default)?;
        let as_of = day("--as-of", self.as_of.as_ref())?;
        let Input { from, to, zones, mut conf, sensors, without_rtp, rules, work, memory_bytes } =
            self.input.read(&self.spools)?;
        check_as_of(as_of, from, to)?;
        let scenario = scenario(&self.scenario, conf.capture.merge_header.as_deref())?;
        if scenario == Scenario::Recorded && self.recorded.is_none() {
            return Err(CliError::NothingRecorded);
        }
        let recorded = self.recorded(&zones.gui)?;
        let config = CheckConfig {
            spools: self.spools.clone(),
            limit_channels,
            license,
            as_of,
            from,
            to,
            time_zone: zones.gui,
            time_zone_name: zones.gui_name,
            spool_zone: zones.spool,
            sensors,
            without_rtp,
            scenario,
            accept_loss: self.accept_loss,
            reading: ReadingPins::parse(&self.reading).map_err(|reason| CliError::NotAReading {
                value: self.reading.clone(),
                reason: reason.to_string(),
            })?,
            all_readings: self.readings == Readings::All,
            rules,
            database: self.db.clone(),
            threads: self.input.threads,
            progress: !self.input.quiet,
            work,
            memory_bytes,
            timing: conf.timing,
            numbers: conf.numbers,
            capture: conf.capture,
            spool: conf.spool,
            recorded,
            arguments: as_typed,
        };
        conf.warnings.extend(limit_warning);
        Ok((config, conf.warnings))
    }

    fn recorded(&self, gui: &TimeZone) -> Result<Option<RecordedSource>, CliError> {
        let Some(path) = &self.recorded else { return Ok(None) };
        let zone = match &self.recorded_zone {
            Some(name) => parse_zone("--recorded-zone", name)?,
            None => gui.clone(),
        };
        Ok(Some(RecordedSource { path: path.clone(), zone }))
    }
}

/// The limit, and a warning where the flag and the keys of the license differ: the flag is what counts.
fn limit(
    typed: Option<u32>,
    installed: Option<&InstalledLicense>,
    default: Option<u32>,
) -> Result<(u32, Option<String>), CliError> {
    let of_keys = installed.and_then(InstalledLicense::limit_channels);
    let limit = typed.or(of_keys).or(default).ok_or(CliError::NoLimit)?;
    if limit == 0 {
        return Err(CliError::LimitOfZero);
    }
    let other = of_keys.filter(|of_keys| *of_keys != limit);
    let warning = other.map(|of_keys| {
        format!("--limit {limit} is used, although the keys of the license give {of_keys}")
    });
    Ok((limit, warning))
}

fn check_as_of(as_of: Option<Date>, from: Option<Date>, to: Option<Date>) -> Result<(), CliError> {
    match as_of {
        Some(as_of) if from.is_some_and(|from| as_of < from) || to.is_some_and(|to| as_of > to) => {
            Err(CliError::AsOfNotRead { as_of })
        }
        _ => Ok(()),
    }
}

fn scenario(typed: &str, configured: Option<&str>) -> Result<Scenario, CliError> {
    let wrong = || CliError::NotAScenario { value: typed.to_owned() };
    match typed.split_once('=').unwrap_or((typed, "")) {
        ("as-is", "") => Ok(Scenario::AsIs),
        ("merged", "") => Ok(Scenario::Merged),
        ("recorded", "") => Ok(Scenario::Recorded),
        ("merge-header", "") => {
            configured.map(|header| Scenario::MergeHeader(header.to_owned())).ok_or_else(wrong)
        }
        ("merge-header", header) => Ok(Scenario::MergeHeader(header.to_owned())),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
