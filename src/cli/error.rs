//! Why a command did not do its work: what happened, where, what to do next.

use crate::license::PolicyError;
use crate::run;
use crate::spool::ConfError;
use std::path::PathBuf;
use thiserror::Error;

/// What ended a command.
#[derive(Debug, Error)]
pub(super) enum CliError {
    #[error(
        "--limit 0: a license has at least one channel; give the number of concurrent channels that yours allows"
    )]
    LimitOfZero,
    #[error("{flag} {value}: not a day; give one as YYYY-MM-DD, for instance 2026-11-20")]
    NotADay { flag: &'static str, value: String },
    #[error("--from {from} is after --to {to}: give the earlier day to --from")]
    DaysReversed { from: jiff::civil::Date, to: jiff::civil::Date },
    #[error(
        "--as-of {as_of} is outside --from and --to: the day of the verdict must be among the days that are read"
    )]
    AsOfNotRead { as_of: jiff::civil::Date },
    #[error("{flag} {value}: unknown time zone; {hint}")]
    UnknownZone { flag: &'static str, value: String, hint: String },
    #[error("--sensor {value}: expected NAME=PATH, for instance --sensor berlin=/spools/berlin")]
    NotASensor { value: String },
    #[error("--sensor {name}={}: the path lies neither in nor around any of the spools given; add it to them, or correct it", path.display())]
    SensorElsewhere { name: String, path: PathBuf },
    #[error("--sip-ports {value}: expected ports or ranges such as 5060,5070-5080")]
    NotPorts { value: String },
    #[error("--reading {value}: {reason}")]
    NotAReading { value: String, reason: String },
    #[error(
        "--scenario {value}: expected as-is, merged, recorded, or merge-header=HEADER (the header may be left out where --conf sets callidmerge_header)"
    )]
    NotAScenario { value: String },
    #[error(
        "--memory {value}: expected a number of bytes of at least {least}, as 256M, 2G or 268435456"
    )]
    NotASize { value: String, least: &'static str },
    #[error("--work {}: lies inside the spool {}, where nothing is ever written; give a directory elsewhere", path.display(), spool.display())]
    WorkInsideSpool { path: PathBuf, spool: PathBuf },
    #[error("{}: {source}; give the path of a spool, a directory or a capture", path.display())]
    NoSuchPath { path: PathBuf, source: std::io::Error },
    #[error("{}: the directory holds no file; give the directory that holds the dates of the spool, or a capture", path.display())]
    EmptyDirectory { path: PathBuf },
    #[error(
        "no captures in {paths}: {files} files were read and none is a capture or an archive of captures; see `spooldir` in voipmonitor.conf for where the spool lies"
    )]
    NoCaptures { paths: String, files: usize },
    #[error(
        "--scenario recorded needs the CDRs of the database: give them with --recorded FILE.csv"
    )]
    NothingRecorded,
    #[error(transparent)]
    Policy(PolicyError),
    #[error("{}: {source}; give a file that describes the license, see the README", path.display())]
    NoLicenseFile { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    NotALicense { path: PathBuf, source: PolicyError },
    #[error(
        "no limit: give --limit N, the concurrent channels that the license allows, or keys in the file of --license"
    )]
    NoLimit,
    #[error("{}: {source}; --rules takes the path of a TOML file", path.display())]
    NoSuchFile { path: PathBuf, source: std::io::Error },
    #[error("--rules {}: {reason}", path.display())]
    NotRules { path: PathBuf, reason: String },
    #[error("explain compares two legs, and {found} were named: give --leg CALL-ID twice")]
    NotTwoLegs { found: usize },
    #[error("--leg {typed}: both name the same leg; give the Call-IDs of two")]
    SameLeg { typed: String },
    #[error("--leg {typed}: the sensors {sensors} saw this Call-ID; give --leg SENSOR=CALL-ID")]
    LegOfSensors { typed: String, sensors: String },
    #[error(
        "{flag} says how captures are read, and {} is a database of captures that were read already; leave it out, or give it to the check --db that writes the database", path.display()
    )]
    NotForADatabase { flag: &'static str, path: PathBuf },
    #[error("{} is a database: give it alone, or give spools", path.display())]
    DatabaseAmongSpools { path: PathBuf },
    #[error(transparent)]
    Conf(#[from] ConfError),
    #[error(transparent)]
    Run(#[from] run::Error),
    #[error(transparent)]
    Synth(#[from] super::synth::SynthError),
    #[error("standard output: {0}")]
    Output(std::io::Error),
}
