//! `respool check`: flags as typed, the configuration made from them, the report printed.

use super::error::CliError;
use super::input::rules;
use super::license;
use super::output;
use super::zone::parse_zone;
use crate::channel::ReadingPins;
use crate::license::Outcome;
use crate::license::Scenario;
use crate::report::{CheckReport, TextStyle, json, text};
use crate::run::{self, CheckConfig, InstalledLicense, RecordedSource};
use crate::spool::VoipmonitorConf;
use crate::spool::conf::port_ranges;
use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

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
    /// Which rules join legs into calls, and their parameters (TOML)
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Write all results to this SQLite file
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Worker threads [default: one for each processor]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Only these ports carry SIP, as 5060,5070-5080 [default: the configuration's, else any]
    #[arg(long, value_name = "LIST")]
    sip_ports: Option<String>,
    /// Tell on standard error what each stage took
    #[arg(long)]
    profile: bool,
    /// No progress and no warnings on standard error
    #[arg(long)]
    quiet: bool,
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
    if !arguments.quiet {
        warnings.iter().for_each(|warning| output::warn(warning));
    }
    let (report, profile) = run::profiled(&config)?;
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
        if self.json {
            return json(report);
        }
        text(report, TextStyle { width: self.columns(), colour: output::takes_colour() })
    }

    pub(super) fn columns(&self) -> usize {
        self.width.unwrap_or_else(output::width)
    }

    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet
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
        let (from, to) = (day("--from", self.from.as_ref())?, day("--to", self.to.as_ref())?);
        let as_of = day("--as-of", self.as_of.as_ref())?;
        check_days(from, to, as_of)?;
        let conf = self.conf.as_deref().map(VoipmonitorConf::load).transpose()?;
        let is_configured = conf.is_some();
        let mut conf = conf.unwrap_or_default();
        let zones = self.zones(&conf)?;
        if let Some(ports) = &self.sip_ports {
            let wrong = || CliError::NotPorts { value: ports.clone() };
            conf.capture.sip_ports = port_ranges(ports).ok_or_else(wrong)?;
        } else if !is_configured {
            conf.capture.sip_ports.clear();
        }
        self.spools.iter().try_for_each(|path| check_spool(path))?;
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
            sensors: sensors(&self.sensors, &self.spools)?,
            scenario,
            accept_loss: self.accept_loss,
            reading: ReadingPins::parse(&self.reading).map_err(|reason| CliError::NotAReading {
                value: self.reading.clone(),
                reason: reason.to_string(),
            })?,
            all_readings: self.readings == Readings::All,
            rules: rules(self.rules.as_deref())?,
            database: self.db.clone(),
            threads: self.threads,
            progress: !self.quiet,
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

    fn zones(&self, conf: &VoipmonitorConf) -> Result<Zones, CliError> {
        zones(self.time_zone.as_deref(), self.spool_zone.as_deref(), conf)
    }
}

/// The zones as typed, else the configuration's, else UTC.
pub(super) fn zones(
    typed: Option<&str>,
    spool_typed: Option<&str>,
    conf: &VoipmonitorConf,
) -> Result<Zones, CliError> {
    let (gui, gui_name) = match (typed, &conf.spool.zone, &conf.spool.zone_name) {
        (Some(name), _, _) => (parse_zone("--time-zone", name)?, name.to_owned()),
        (None, Some(zone), Some(name)) => (zone.clone(), name.clone()),
        _ => (TimeZone::UTC, "UTC".to_owned()),
    };
    let spool = match spool_typed {
        Some(name) => parse_zone("--spool-zone", name)?,
        None => conf.spool.zone.clone().unwrap_or_else(|| gui.clone()),
    };
    // As the database spells it, where it has it.
    let gui_name = gui.iana_name().map_or(gui_name, str::to_owned);
    Ok(Zones { gui, gui_name, spool })
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

pub(super) struct Zones {
    pub(super) gui: TimeZone,
    pub(super) gui_name: String,
    pub(super) spool: TimeZone,
}

pub(super) fn day(flag: &'static str, typed: Option<&String>) -> Result<Option<Date>, CliError> {
    let Some(value) = typed else { return Ok(None) };
    let is_a_day = value.len() == 10;
    let parsed = value.parse().ok().filter(|_| is_a_day);
    parsed.map(Some).ok_or_else(|| CliError::NotADay { flag, value: value.clone() })
}

pub(super) fn check_days(
    from: Option<Date>,
    to: Option<Date>,
    as_of: Option<Date>,
) -> Result<(), CliError> {
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(CliError::DaysReversed { from, to });
    }
    match as_of {
        Some(as_of) if from.is_some_and(|from| as_of < from) || to.is_some_and(|to| as_of > to) => {
            Err(CliError::AsOfNotRead { as_of })
        }
        _ => Ok(()),
    }
}

/// A path that holds nothing at all is told before anything is read.
pub(super) fn check_spool(path: &Path) -> Result<(), CliError> {
    if path == Path::new("-") {
        return Ok(());
    }
    let wrong = |source| CliError::NoSuchPath { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(wrong)?.is_dir() {
        return Ok(());
    }
    let mut below = walkdir::WalkDir::new(path).follow_links(true).into_iter();
    // What cannot be looked at is not nothing.
    let holds_something = |entry: walkdir::Result<walkdir::DirEntry>| {
        entry.map_or(true, |entry| !entry.file_type().is_dir())
    };
    if below.any(holds_something) {
        return Ok(());
    }
    Err(CliError::EmptyDirectory { path: path.to_owned() })
}

pub(super) fn sensors(
    typed: &[String],
    spools: &[PathBuf],
) -> Result<Vec<(String, PathBuf)>, CliError> {
    typed
        .iter()
        .map(|value| {
            let wrong = || CliError::NotASensor { value: value.clone() };
            let (name, path) = value.split_once('=').ok_or_else(wrong)?;
            if name.is_empty() || path.is_empty() {
                return Err(wrong());
            }
            let (name, path) = (name.to_owned(), PathBuf::from(path));
            let missing = |source| CliError::NoSuchPath { path: path.clone(), source };
            let mapped = path.canonicalize().map_err(missing)?;
            let touches = |spool: &PathBuf| {
                let spool = spool.canonicalize().unwrap_or_default();
                mapped.starts_with(&spool) || spool.starts_with(&mapped)
            };
            if spools.iter().any(touches) {
                Ok((name, path))
            } else {
                Err(CliError::SensorElsewhere { name, path })
            }
        })
        .collect()
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
