//! What a run was asked to do, validated: the command line in, made by `cli`; `run` takes it as true.

use super::recorded::RecordedSource;
use crate::call::RuleTable;
use crate::channel::ReadingPins;
use crate::leg::{CaptureRules, NumberRules, TimingRules};
use crate::license::{License, Policy, Scenario, UnitKind};
use crate::spool::SpoolSettings;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// A license as the user describes it, and the policy it is under.
#[derive(Clone, Debug)]
pub struct InstalledLicense {
    /// What the user says about it; can be read under `policy`.
    pub license: License,
    /// The rules of its vendor.
    pub policy: Policy,
}

impl InstalledLicense {
    /// Channels that its keys allow here; absent without keys, or when the policy counts another unit.
    #[must_use]
    pub fn limit_channels(&self) -> Option<u32> {
        if self.policy.unit.kind.value != UnitKind::Channels {
            return None;
        }
        let (units, _) = self.license.limit_units(&self.policy).ok()?;
        units.map(|units| u32::try_from(units).unwrap_or(u32::MAX))
    }
}

/// Everything that `check` needs to know.
#[derive(Clone, Debug)]
pub struct CheckConfig {
    /// Spools and captures, as given; at least one.
    pub spools: Vec<PathBuf>,
    /// Channels of the license; at least 1.
    pub limit_channels: u32,
    /// The installed license; absent: causes of a lock other than the count are not looked for.
    pub license: Option<InstalledLicense>,
    /// The day on which the verdict is asked for; absent: the last day with data.
    pub as_of: Option<Date>,
    /// First day that is read; absent: the first there is.
    pub from: Option<Date>,
    /// Last day that is read; absent: the last there is. Not before `from`.
    pub to: Option<Date>,
    /// The GUI's time zone: `--time-zone`, else the configuration's, else UTC.
    pub time_zone: TimeZone,
    /// Its name for output.
    pub time_zone_name: String,
    /// Time zone of the spool's directories: `--spool-zone`, else the configuration's, else `time_zone`.
    pub spool_zone: TimeZone,
    /// Sensors that the user named, with the paths of their captures.
    pub sensors: Vec<(String, PathBuf)>,
    /// Whether the spool's RTP is left out.
    pub without_rtp: bool,
    /// Whose verdict decides the exit code.
    pub scenario: Scenario,
    /// Whether losses are accepted as they are.
    pub accept_loss: bool,
    /// What the user fixed of the reading; the rest is documented, or open where all are compared.
    pub reading: ReadingPins,
    /// Whether every reading that the pins admit is compared, not the deciding one alone.
    pub all_readings: bool,
    /// What joins legs into calls.
    pub rules: RuleTable,
    /// Where the result database goes; absent: none is written.
    pub database: Option<PathBuf>,
    /// Worker threads; 0 is one for each processor.
    pub threads: usize,
    /// Whether progress may be drawn.
    pub progress: bool,
    /// Where what files gave is kept from run to run; outside the spools. Absent: nowhere.
    pub work: Option<PathBuf>,
    /// Memory that the run may take before what it holds goes to disk, in bytes; 0 is without bound.
    pub memory_bytes: u64,
    /// When calls close.
    pub timing: TimingRules,
    /// Which numbers count.
    pub numbers: NumberRules,
    /// What the sniffer reads and writes; `--sip-ports` is in here.
    pub capture: CaptureRules,
    /// What the configuration says about the spool.
    pub spool: SpoolSettings,
    /// CDRs of the existing database; absent: none were given.
    pub recorded: Option<RecordedSource>,
    /// What was asked, argument by argument, for the database; without flags that have no effect on
    /// the results.
    pub arguments: Vec<String>,
}

/// What the commands about calls (`audit`, `explain`, `show`) need to know.
#[derive(Clone, Debug)]
pub struct CallsConfig {
    /// Spools and captures, as given; at least one.
    pub spools: Vec<PathBuf>,
    /// First day that is read; absent: the first there is.
    pub from: Option<Date>,
    /// Last day that is read; absent: the last there is. Not before `from`.
    pub to: Option<Date>,
    /// The zone in which moments are told and days are cut.
    pub time_zone: TimeZone,
    /// Time zone of the spool's directories.
    pub spool_zone: TimeZone,
    /// Sensors that the user named, with the paths of their captures.
    pub sensors: Vec<(String, PathBuf)>,
    /// Whether the spool's RTP is left out.
    pub without_rtp: bool,
    /// What joins legs into calls.
    pub rules: RuleTable,
    /// Worker threads; 0 is one for each processor.
    pub threads: usize,
    /// Whether progress may be drawn.
    pub progress: bool,
    /// Where what files gave is kept from run to run; outside the spools. Absent: nowhere.
    pub work: Option<PathBuf>,
    /// Memory that the run may take before what it holds goes to disk, in bytes; 0 is without bound.
    pub memory_bytes: u64,
    /// When calls close.
    pub timing: TimingRules,
    /// Which numbers count.
    pub numbers: NumberRules,
    /// What the sniffer reads and writes.
    pub capture: CaptureRules,
}

/// Which database of an earlier run `audit`, `explain` and `show` read.
#[derive(Clone, Debug)]
pub struct StoredConfig {
    /// The file that `check --db` wrote.
    pub path: PathBuf,
    /// What joins legs into calls; absent: the rules of that run.
    pub rules: Option<RuleTable>,
    /// The zone in which moments are told and days are cut; absent: that of the run.
    pub time_zone: Option<TimeZone>,
    /// Worker threads; 0 is one for each processor.
    pub threads: usize,
}
