//! `respool license`: the license systems that are known, and an installed license checked.

use super::error::CliError;
use super::output;
use crate::license::policy::{PRESETS, Sourced};
use crate::license::{License, LicenseReport, Measured, Policy, PolicyError};
use crate::report::escape::terminal;
use crate::run::InstalledLicense;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fs;
use std::path::{Path, PathBuf};

/// Policy of a license file that names none.
const POLICY_DEFAULT: &str = "voipmonitor";

/// Below the flags of `license check`.
const CHECK_EXIT_CODES: &str = "\
Exit codes: 0 no cause of a lock is in force, 1 at least one is, 2 usage or failure. Captures are not
read here: whether the count of the calls locks is what `check --license FILE` says.";

/// Say what a license system counts and locks, and check an installed license
#[derive(Args, Debug)]
pub(super) struct LicenseArguments {
    #[command(subcommand)]
    command: LicenseCommand,
}

#[derive(Debug, Subcommand)]
enum LicenseCommand {
    /// The license systems that are built in
    List,
    /// One of them as a policy file, each value with its source
    Show {
        /// Its name
        name: String,
    },
    /// The limit that a license's keys give, and every cause of a lock in force
    #[command(after_help = CHECK_EXIT_CODES)]
    Check {
        /// The license file (TOML)
        file: PathBuf,
        /// Day of the check, YYYY-MM-DD [default: now]
        #[arg(long, value_name = "DAY")]
        as_of: Option<String>,
    },
}

/// Flags in, exit code out: 0, or 1 when a cause of a lock is in force.
pub(super) fn run(arguments: &LicenseArguments) -> Result<u8, CliError> {
    match &arguments.command {
        LicenseCommand::List => output::print(&list()?).map(|()| 0),
        LicenseCommand::Show { name } => {
            let policy = Policy::preset(name).map_err(CliError::Policy)?;
            let text =
                PRESETS.iter().find(|(known, _)| *known == policy.name).map(|(_, text)| *text);
            output::print(text.unwrap_or_default()).map(|()| 0)
        }
        LicenseCommand::Check { file, as_of } => check(file, as_of.as_deref()),
    }
}

fn list() -> Result<String, CliError> {
    let mut text = String::new();
    for (name, _) in PRESETS {
        let policy = Policy::preset(name).map_err(CliError::Policy)?;
        let shown = if policy.unit.kind.value.shown_by_captures() {
            "captures show it"
        } else {
            "captures cannot show it"
        };
        let Sourced { value, .. } = policy.unit.kind;
        text.push_str(&format!("{name:<12} {:<17} {}; {shown}\n", value.name(), policy.title));
    }
    Ok(text)
}

fn check(file: &Path, as_of: Option<&str>) -> Result<u8, CliError> {
    let InstalledLicense { license, policy } = load(file)?;
    let at = moment(as_of)?;
    let report = license.check(&policy, at, Measured::default()).map_err(wrong(file))?;
    output::print(&page(&policy, &report, at))?;
    Ok(u8::from(!report.causes.is_empty()))
}

/// The end of the day in UTC, in which the license file's dates are; now where none is given.
fn moment(as_of: Option<&str>) -> Result<Timestamp, CliError> {
    let Some(text) = as_of else { return Ok(Timestamp::now()) };
    let wrong = || CliError::NotADay { flag: "--as-of", value: text.to_owned() };
    let day: Date = text.parse().ok().filter(|_| text.len() == 10).ok_or_else(wrong)?;
    let end = day.at(23, 59, 59, 0).to_zoned(TimeZone::UTC).map_err(|_| wrong())?;
    Ok(end.timestamp())
}

fn page(policy: &Policy, report: &LicenseReport, at: Timestamp) -> String {
    let mut text = format!("{} at {at}\n", policy.title);
    let unit = &policy.unit.description;
    match report.limit_units {
        Some(limit) => text.push_str(&format!("limit: {limit} x {unit}\n")),
        None => text.push_str("limit: no key is given\n"),
    }
    if let Some(used) = report.units_in_use {
        text.push_str(&format!("in use: {}, by the license file\n", used.units));
    }
    for cause in &report.causes {
        let lift = if cause.recompute_can_lift {
            "a recompute may lift it"
        } else {
            "no recompute lifts it"
        };
        let sentence = terminal(cause.sentence.as_bytes());
        text.push_str(&format!("! {} ({}; {lift})\n", sentence, cause.kind.name()));
    }
    if report.causes.is_empty() {
        text.push_str("no cause of a lock is in force, the count of the captures aside\n");
    }
    for notice in &report.notices {
        text.push_str(&format!("  {}\n", terminal(notice.as_bytes())));
    }
    text
}

/// A license file with its policy: a built-in one by name, or a policy file (`.toml`), which is looked
/// for beside the license file. What it says is tried once, so that a slip shows before any spool is
/// read.
pub(super) fn load(path: &Path) -> Result<InstalledLicense, CliError> {
    let license = License::parse(&read(path)?).map_err(wrong(path))?;
    let name = license.policy.as_deref().unwrap_or(POLICY_DEFAULT);
    let policy = if name.ends_with(".toml") {
        let policy = path.parent().map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        Policy::parse(&read(&policy)?).map_err(wrong(&policy))?
    } else {
        Policy::preset(name).map_err(wrong(path))?
    };
    license.check(&policy, Timestamp::UNIX_EPOCH, Measured::default()).map_err(wrong(path))?;
    Ok(InstalledLicense { license, policy })
}

fn read(path: &Path) -> Result<String, CliError> {
    let unreadable = |source| CliError::NoLicenseFile { path: path.to_owned(), source };
    fs::read_to_string(path).map_err(unreadable)
}

fn wrong(path: &Path) -> impl FnOnce(PolicyError) -> CliError + '_ {
    move |source| CliError::NotALicense { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_listed() {
        let text = list().unwrap();
        assert_eq!(text.lines().count(), PRESETS.len());
        assert!(text.contains("voipmonitor  channels          VoIPmonitor GUI; captures show it"));
        assert!(text.contains("ayrix        objects           Ayrix; captures cannot show it"));
    }

    #[test]
    fn a_license_file_names_its_policy() {
        let folder = tempfile::TempDir::new().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let digium = write(
            "digium.toml",
            "policy = 'digium'\nkeys = [{ name = 'a', units = 10 }, { name = 'b', units = 5 }]\n",
        );
        let InstalledLicense { license, policy } = load(&digium).unwrap();
        let report = license.check(&policy, Timestamp::UNIX_EPOCH, Measured::default()).unwrap();
        assert_eq!(report.limit_units, Some(15));
        assert!(
            page(&policy, &report, Timestamp::UNIX_EPOCH).contains("limit: 15 x codec channel")
        );

        let own = write("own.toml", "policy = 'mine.toml'\n");
        assert!(load(&own).unwrap_err().to_string().contains("mine.toml"));
        write("mine.toml", Policy::preset("isp").map(|_| PRESETS[4].1).unwrap());
        assert_eq!(load(&own).unwrap().policy.name, "isp");

        let bad = write("bad.toml", "keys = 3\n");
        let error = load(&bad).unwrap_err().to_string();
        assert!(error.contains("bad.toml") && error.contains("line 1"), "{error}");
        let unknown = write("unknown.toml", "policy = 'else'\n");
        let error = load(&unknown).unwrap_err().to_string();
        assert!(error.contains("built in are voipmonitor, digium"), "{error}");
    }

    #[test]
    fn an_expired_license_is_a_cause() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("l.toml");
        fs::write(&path, "formal_end = '2026-01-01'\ncancelled = true\n").unwrap();
        let InstalledLicense { license, policy } = load(&path).unwrap();
        let on = |day| {
            let at = moment(Some(day)).unwrap();
            license.check(&policy, at, Measured::default()).unwrap().causes.len()
        };
        assert_eq!((on("2026-01-01"), on("2026-01-02")), (0, 1));
        assert!(moment(Some("tomorrow")).is_err());
    }
}
