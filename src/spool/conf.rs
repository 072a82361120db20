//! `voipmonitor.conf`: bytes in, the rules of `leg` and the settings of the spool out.
//!
//! Only keys that change what a CDR is, or where and when captures lie, are read (facts H); all others
//! are ignored. A key given twice keeps its first value, as in the sniffer (run section 1). With
//! `mysqlloadconfig` the sniffer's database may overrule its file: the file alone may not be what ran.

use super::conf_line::{ConfLine, conf_lines};
use crate::base::NS_PER_S;
use crate::base::limits::MERGE_SECRET_BYTES_MAX;
use crate::leg::{CaptureRules, NumberRules, TimingRules};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where and how the sniffer wrote its spool.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SpoolSettings {
    /// `spooldir`, `spooldir_rtp`, `spooldir_2`, `spooldir_2_rtp`: directories that hold packets, in
    /// this order, those that are set.
    pub directories: Vec<PathBuf>,
    /// `utc`, else `timezone`: the zone of the directories; absent: the sensor's own, not known here.
    pub zone: Option<TimeZone>,
    /// The name of `zone` as the configuration gives it; absent with `zone`.
    pub zone_name: Option<String>,
    /// `id_sensor`; absent: NULL in the vendor's database.
    pub id_sensor: Option<u16>,
    /// `spooldir_by_sensor` or `spooldir_by_sensorname`: a directory a sensor.
    pub by_sensor: bool,
}

/// What a `voipmonitor.conf` says that matters here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct VoipmonitorConf {
    /// When calls close.
    pub timing: TimingRules,
    /// Which numbers are caller and called.
    pub numbers: NumberRules,
    /// What the sniffer reads and writes.
    pub capture: CaptureRules,
    /// Where it writes.
    pub spool: SpoolSettings,
    /// Settings that the sniffer obeys and this program cannot, one line each for a person.
    pub warnings: Vec<String>,
}

/// Why a configuration was not taken.
#[derive(Debug, Error)]
pub enum ConfError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key that matters has a value that it cannot have.
    #[error("{}:{line}: {key} = {value:?}: expected {allowed}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The value as given.
        value: String,
        /// What the key takes.
        allowed: &'static str,
    },
}

const YES_OR_NO: &str = "yes or no";
const SECONDS: &str = "whole seconds from 0 to 2147483647";
const PORTS: &str = "ports from 0 to 65535 or ranges such as 5060-5080, separated by commas";

impl VoipmonitorConf {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a key that matters has a value that it cannot have.
    pub fn load(path: &Path) -> Result<Self, ConfError> {
        let failed = |source| ConfError::Read { path: path.to_owned(), source };
        Self::parse(&std::fs::read(path).map_err(failed)?, path)
    }

    /// Reads the bytes of a file; `path` is for messages only.
    ///
    /// # Errors
    ///
    /// When a key that matters has a value that it cannot have.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, ConfError> {
        let reader = Reader { path, lines: conf_lines(bytes) };
        let mut conf = Self::default();
        read_timing(&reader, &mut conf.timing)?;
        read_numbers(&reader, &mut conf.numbers)?;
        read_capture(&reader, &mut conf.capture, &mut conf.warnings)?;
        read_spool(&reader, &mut conf.spool)?;
        Ok(conf)
    }
}

fn read_timing(reader: &Reader<'_>, rules: &mut TimingRules) -> Result<(), ConfError> {
    let seconds: [(&str, &mut i64); 8] = [
        ("absolute_timeout", &mut rules.absolute_timeout_ns),
        ("rtptimeout", &mut rules.rtp_timeout_ns),
        ("sipwithoutrtptimeout", &mut rules.sip_without_rtp_timeout_ns),
        ("onewaytimeout", &mut rules.oneway_timeout_ns),
        ("bye_timeout", &mut rules.bye_timeout_ns),
        ("bye_confirmed_timeout", &mut rules.bye_confirmed_timeout_ns),
        ("redirect_response_300_timeout", &mut rules.redirect_response_300_timeout_ns),
        ("response_default_timeout", &mut rules.response_default_timeout_ns),
    ];
    for (key, setting) in seconds {
        reader.set(key, SECONDS, setting, seconds_in_ns)?;
    }
    let confirmed = "ignore_duration_after_bye_confirmed";
    reader.set(confirmed, YES_OR_NO, &mut rules.ignore_duration_after_bye_confirmed, yes_or_no)?;
    let keep = "keep_final_last_sip_response";
    reader.set(keep, YES_OR_NO, &mut rules.keep_final_last_sip_response, yes_or_no)?;
    let close = &mut rules.close_after_bye_confirmed_ns;
    reader.set("quick_save_cdr", "no, yes or quick", close, |word| match word {
        "quick" => Some(0),
        _ => yes_or_no(word).map(|quick| if quick { NS_PER_S } else { 5 * NS_PER_S }),
    })
}

fn read_numbers(reader: &Reader<'_>, rules: &mut NumberRules) -> Result<(), ConfError> {
    let mode = &mut rules.called_from_request_uri;
    reader.set(
        "destination_number_mode",
        "1 (To) or 2 (Request-URI)",
        mode,
        |word| match word {
            "1" => Some(false),
            "2" => Some(true),
            _ => None,
        },
    )?;
    let semicolon = &mut rules.semicolon_in_number;
    reader.set("enable_semicolon_in_number", "yes, no or force", semicolon, |word| match word {
        "force" => Some(true),
        _ => yes_or_no(word),
    })?;
    let switches: [(&str, &mut bool); 7] = [
        ("sipoverlap", &mut rules.overlap_dialling),
        ("last_dest_number", &mut rules.last_destination_number),
        ("callernum_numberonly", &mut rules.caller_number_only),
        ("passertedidentity", &mut rules.asserted_identity),
        ("ppreferredidentity", &mut rules.preferred_identity),
        ("remotepartyid", &mut rules.remote_party_id),
        ("remotepartypriority", &mut rules.remote_party_id_first),
    ];
    for (key, setting) in switches {
        reader.set(key, YES_OR_NO, setting, yes_or_no)?;
    }
    Ok(())
}

/// Whether the values of a header with this name are read from INVITEs: one of the deployment's own, or
/// one that says that it holds a Call-ID.
fn may_name_legs(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-")
        || name == "in-reply-to"
        || ["call-id", "callid", "cid"].iter().any(|part| name.contains(part))
}

fn read_capture(
    reader: &Reader<'_>,
    rules: &mut CaptureRules,
    warnings: &mut Vec<String>,
) -> Result<(), ConfError> {
    for line in reader.all("sipport") {
        rules.sip_ports.extend(reader.value(line, PORTS, port_ranges)?);
    }
    rules.sip_ports.sort_unstable();
    rules.sip_ports.dedup();
    if rules.sip_ports.is_empty() {
        // With a configuration the sniffer's default holds (design.md section 12, point 15).
        rules.sip_ports.push((5060, 5060));
    }
    let mut ipv6 = false;
    reader.set("ipv6", YES_OR_NO, &mut ipv6, yes_or_no)?;
    rules.without_ipv6 = !ipv6;
    let header = reader.first(&["callidmerge_header"]);
    rules.merge_header = header.map(|line| line.value.clone());
    if let Some(line) = header.filter(|line| !may_name_legs(&line.value)) {
        warnings.push(format!(
            "{}:{}: {} = {}: of headers with such a name the values are not read; legs count as if they \
             were not joined by it",
            reader.path.display(),
            line.number,
            line.key,
            line.value,
        ));
    }
    // The sniffer keeps 127 bytes of it (voipmonitor.cpp:1025, 7185).
    let secret = reader.first(&["callidmerge_secret"]).map(|line| line.value.as_bytes());
    let kept = |secret: &[u8]| secret[..secret.len().min(MERGE_SECRET_BYTES_MAX)].into();
    rules.merge_secret = secret.filter(|secret| !secret.is_empty()).map(kept);
    reader.set("nocdr", YES_OR_NO, &mut rules.writes_nothing, yes_or_no)?;
    reader.set("cdronlyanswered", YES_OR_NO, &mut rules.only_answered, yes_or_no)?;
    reader.set("cdronlyrtp", YES_OR_NO, &mut rules.only_with_rtp, yes_or_no)?;
    let Some(line) = reader.first(&["cdr_ignore_response", "nocdr_for_last_responses"]) else {
        return Ok(());
    };
    for rule in line.value.split([',', ';']).map(str::trim).filter(|rule| !rule.is_empty()) {
        let (code, condition) = rule.split_once(char::is_whitespace).unwrap_or((rule, ""));
        let allowed = "response codes from 0 to 699, or their first digits";
        let in_range = |code: &str| code.parse().ok().filter(|code| *code <= 699_u16);
        let code = in_range(code).ok_or_else(|| reader.bad(line, allowed))?;
        if condition.is_empty() {
            rules.ignored_responses.push(code);
        } else {
            warnings.push(format!(
                "{}:{}: {} = {rule:?}: conditions are not evaluated, these CDRs are counted",
                reader.path.display(),
                line.number,
                line.key,
            ));
        }
    }
    Ok(())
}

fn read_spool(reader: &Reader<'_>, spool: &mut SpoolSettings) -> Result<(), ConfError> {
    let directories = ["spooldir", "spooldir_rtp", "spooldir_2", "spooldir_2_rtp"];
    let set = directories.iter().filter_map(|key| reader.first(&[key]));
    spool.directories = set.map(|line| PathBuf::from(&line.value)).collect();
    if let Some(line) = reader.first(&["timezone"]) {
        spool.zone = Some(reader.value(line, "an IANA time zone such as Europe/Prague", zone)?);
        spool.zone_name = Some(line.word().trim_start_matches(':').to_owned());
    }
    if let Some(line) = reader.first(&["utc", "sql_time_utc"])
        && reader.value(line, YES_OR_NO, yes_or_no)?
    {
        spool.zone = Some(TimeZone::UTC);
        spool.zone_name = Some("UTC".to_owned());
    }
    if let Some(line) = reader.first(&["id_sensor"]) {
        let allowed = "a number from 0 to 65535, or -1 for none";
        spool.id_sensor = reader.value(line, allowed, |word| match word {
            "-1" => Some(None),
            _ => word.parse().ok().map(Some),
        })?;
    }
    for key in ["spooldir_by_sensor", "spooldir_by_sensorname"] {
        let mut by_sensor = false;
        reader.set(key, YES_OR_NO, &mut by_sensor, yes_or_no)?;
        spool.by_sensor |= by_sensor;
    }
    Ok(())
}

/// The lines of a file by key.
struct Reader<'a> {
    path: &'a Path,
    lines: Vec<ConfLine>,
}

impl Reader<'_> {
    /// The first line with the first of these names that is there at all: a name, then its aliases.
    fn first(&self, names: &[&str]) -> Option<&ConfLine> {
        names.iter().find_map(|name| self.all(name).next())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &ConfLine> {
        self.lines.iter().filter(move |line| line.key == name)
    }

    /// Sets what a key says; leaves the default where the key is absent.
    fn set<T>(
        &self,
        key: &str,
        allowed: &'static str,
        setting: &mut T,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<(), ConfError> {
        if let Some(line) = self.first(&[key]) {
            *setting = self.value(line, allowed, parse)?;
        }
        Ok(())
    }

    fn value<T>(
        &self,
        line: &ConfLine,
        allowed: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ConfError> {
        parse(line.word()).ok_or_else(|| self.bad(line, allowed))
    }

    fn bad(&self, line: &ConfLine, allowed: &'static str) -> ConfError {
        ConfError::Value {
            path: self.path.to_owned(),
            line: line.number,
            key: line.key.clone(),
            value: line.value.clone(),
            allowed,
        }
    }
}

/// The sniffer takes anything that does not begin with `y` or `1` for no (tools.cpp:7687); here what
/// is neither a yes nor a no is an error, because it is more likely a slip than a wish.
fn yes_or_no(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "y" | "1" => Some(true),
        "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

fn seconds_in_ns(word: &str) -> Option<i64> {
    let seconds: u32 = word.parse().ok()?;
    // The sniffer keeps it in an int.
    i32::try_from(seconds).ok().map(|seconds| i64::from(seconds) * NS_PER_S)
}

fn zone(word: &str) -> Option<TimeZone> {
    // The sniffer puts it into TZ, where a colon may come first and POSIX rules are allowed.
    let name = word.strip_prefix(':').unwrap_or(word);
    TimeZoneDatabase::bundled().get(name).or_else(|_| TimeZone::posix(name)).ok()
}

/// Reads `5060,5061;5070-5080` as inclusive ranges; absent when a part is no port or range.
#[must_use]
pub fn port_ranges(text: &str) -> Option<Vec<(u16, u16)>> {
    let parts = text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty());
    let ranges: Option<Vec<_>> = parts
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first <= last).then_some((first, last))
        })
        .collect();
    ranges.filter(|ranges| !ranges.is_empty())
}

#[cfg(test)]
#[path = "conf_tests.rs"]
mod tests;
