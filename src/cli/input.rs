//! What the commands read, and by which rules: flags as typed in, an [`Input`] out.

use super::error::CliError;
use super::zone::parse_zone;
use crate::call::RuleTable;
use crate::run::StoredConfig;
use crate::run::machine::memory_bytes;
use crate::spool::VoipmonitorConf;
use crate::spool::conf::port_ranges;
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// How to read, shared by all commands that read spools; where is theirs.
#[derive(Args, Debug)]
pub(super) struct InputArguments {
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
    /// Leave out what lies in the spool's RTP directories and RTP archives: far less to read, but a call
    /// without a BYE ends at its last SIP message, and the timeouts act as if there had been no RTP
    #[arg(long)]
    without_rtp: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub(super) json: bool,
    /// Worker threads [default: one for each processor]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(super) threads: usize,
    /// Keep what each capture gave below DIR, and what `check` answered: a later run reads only what is new
    /// or changed, and one that was stopped goes on
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Memory that the run may take, as 256M or 2G; what does not fit goes to disk until it is needed
    /// [default: a quarter of the machine's]
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// No progress and no warnings on standard error
    #[arg(long)]
    pub(super) quiet: bool,
}

/// The flags of [`InputArguments`], validated.
pub(super) struct Input {
    /// First day that is read; absent: the first there is.
    pub(super) from: Option<Date>,
    /// Last day that is read; absent: the last there is. Not before `from`.
    pub(super) to: Option<Date>,
    /// The zones.
    pub(super) zones: Zones,
    /// The sniffer's configuration, with the ports that are typed; what it asks for in vain is among
    /// its warnings.
    pub(super) conf: VoipmonitorConf,
    /// Sensors that the user named, with the paths of their captures.
    pub(super) sensors: Vec<(String, PathBuf)>,
    /// Whether the spool's RTP is left out.
    pub(super) without_rtp: bool,
    /// What joins legs into calls.
    pub(super) rules: RuleTable,
    /// The work directory; in none of the spools.
    pub(super) work: Option<PathBuf>,
    /// Memory for what is known of the legs, in bytes; 0 is without bound.
    pub(super) memory_bytes: u64,
}

impl InputArguments {
    /// Validates what was typed for `spools`, which must hold something.
    pub(super) fn read(&self, spools: &[PathBuf]) -> Result<Input, CliError> {
        let (from, to) = (day("--from", self.from.as_ref())?, day("--to", self.to.as_ref())?);
        check_days(from, to)?;
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
        spools.iter().try_for_each(|path| check_spool(path))?;
        let sensors = sensors(&self.sensors, spools)?;
        let rules = self.rules.as_deref().map(rules).transpose()?.unwrap_or_default();
        if let Some(path) = &self.work {
            check_work(path, spools)?;
        }
        let work = self.work.clone();
        let memory_bytes = match &self.memory {
            Some(typed) => size(typed)
                .ok_or_else(|| CliError::NotASize { value: typed.clone(), least: MEMORY_MIN })?,
            None => memory_bytes().map_or(0, |bytes| bytes / MEMORY_SHARE),
        };
        let without_rtp = self.without_rtp;
        Ok(Input { from, to, zones, conf, sensors, without_rtp, rules, work, memory_bytes })
    }

    /// The same for a database. What says how to read captures is refused: they are read already.
    pub(super) fn stored(&self, path: &Path) -> Result<StoredConfig, CliError> {
        let typed = [
            ("--from", self.from.is_some()),
            ("--to", self.to.is_some()),
            ("--spool-zone", self.spool_zone.is_some()),
            ("--conf", self.conf.is_some()),
            ("--sensor", !self.sensors.is_empty()),
            ("--sip-ports", self.sip_ports.is_some()),
            ("--without-rtp", self.without_rtp),
            ("--work", self.work.is_some()),
            ("--memory", self.memory.is_some()),
        ];
        if let Some((flag, _)) = typed.into_iter().find(|(_, is_typed)| *is_typed) {
            return Err(CliError::NotForADatabase { flag, path: path.to_owned() });
        }
        let zone = |name: &String| parse_zone("--time-zone", name);
        Ok(StoredConfig {
            path: path.to_owned(),
            rules: self.rules.as_deref().map(rules).transpose()?,
            time_zone: self.time_zone.as_ref().map(zone).transpose()?,
            threads: self.threads,
        })
    }
}

/// A bound below this would be one of the disk alone.
const MEMORY_MIN_BYTES: u64 = 1 << 20;
/// The same as it is told.
const MEMORY_MIN: &str = "1M";
/// The part of the machine's memory that is taken without a flag is one of so many.
const MEMORY_SHARE: u64 = 4;

/// Bytes, with K, M, G or T for powers of 1024; absent when it is no such number, or too small.
fn size(typed: &str) -> Option<u64> {
    let (digits, shift) = match typed.as_bytes().last()?.to_ascii_uppercase() {
        b'K' => (&typed[..typed.len() - 1], 10),
        b'M' => (&typed[..typed.len() - 1], 20),
        b'G' => (&typed[..typed.len() - 1], 30),
        b'T' => (&typed[..typed.len() - 1], 40),
        _ => (typed, 0),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let bytes = digits.parse::<u64>().ok()?.checked_mul(1 << shift)?;
    (bytes >= MEMORY_MIN_BYTES).then_some(bytes)
}

/// The work directory may lie around a spool, but never inside one.
fn check_work(path: &Path, spools: &[PathBuf]) -> Result<(), CliError> {
    // It need not be there yet: what is there of its path decides.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let known = absolute.ancestors().find_map(|above| {
        let rest = absolute.strip_prefix(above).ok()?;
        Some(above.canonicalize().ok()?.join(rest))
    });
    let resolved = known.unwrap_or(absolute);
    let is_inside =
        |spool: &&PathBuf| spool.canonicalize().is_ok_and(|spool| resolved.starts_with(spool));
    match spools.iter().find(is_inside) {
        Some(spool) => {
            Err(CliError::WorkInsideSpool { path: path.to_owned(), spool: spool.clone() })
        }
        None => Ok(()),
    }
}

/// The rules of a file.
fn rules(path: &Path) -> Result<RuleTable, CliError> {
    let unread = |source| CliError::NoSuchFile { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unread)?;
    RuleTable::from_toml(&text)
        .map_err(|error| CliError::NotRules { path: path.to_owned(), reason: error.to_string() })
}

/// The zones as typed, else the configuration's, else UTC.
fn zones(
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

fn check_days(from: Option<Date>, to: Option<Date>) -> Result<(), CliError> {
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(CliError::DaysReversed { from, to });
    }
    Ok(())
}

/// A path that holds nothing at all is told before anything is read.
fn check_spool(path: &Path) -> Result<(), CliError> {
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

fn sensors(typed: &[String], spools: &[PathBuf]) -> Result<Vec<(String, PathBuf)>, CliError> {
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
