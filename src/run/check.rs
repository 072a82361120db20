//! The main job: a configuration in, what `check` reports out, and the database where one was asked for.

use super::answer::Asked;
use super::calls::left_out_note;
use super::config::{CheckConfig, InstalledLicense};
use super::distinct::LinkedLegs;
use super::error::Error;
use super::gather::TimeSpan;
use super::heard::{HOUR_NS, SipHours};
use super::measure::measure;
use super::paths::TypedPaths;
use super::profile::Profile;
use super::reconstruct::{ReconstructOptions, Reconstruction, Walked, read_walked, walk_roots};
use super::recorded::{Recorded, read_recorded};
use super::save::{Saved, save};
use super::scenarios::{ScenarioUnits, Scenarios};
use super::side_by_side::pool;
use super::spill::were_read;
use crate::base::{CaptureTime, FileId};
use crate::channel::{Calendar, Units};
use crate::leg::Cdr;
use crate::license::{
    Coverage, Evidence, Excluded, FileScope, LicenseReport, Question, Scenario, ScenarioVerdict,
    judge,
};
use crate::report::CheckReport;
use crate::report::check::{InputFile, InputReport, LeftOut};
use crate::report::history::NamedCdr;
use crate::spool::{FileKind, SkipCount, SkipReason, SpoolListing, WalkOptions};
use crate::store::Database;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Reads the spools and judges every scenario.
///
/// # Errors
///
/// When the paths cannot be walked, hold no capture with a record, or the database cannot be written.
/// Bad data is never an error: it is notes, losses, and a verdict that knows.
pub fn check(config: &CheckConfig) -> Result<CheckReport, Error> {
    profiled(config).map(|(report, _)| report)
}

/// As [`check`], and what each stage took.
///
/// # Errors
///
/// As [`check`].
pub fn profiled(config: &CheckConfig) -> Result<(CheckReport, Profile), Error> {
    let mut begun = None;
    if Asked::is_possible(config) {
        let mut walked = walk_roots(&config.spools, &options(config))?;
        let pool = pool(config.threads)?;
        let asked = pool.install(|| Asked::new(config, &walked.listing));
        if let Some(asked) = &asked {
            if let Some(report) = pool.install(|| asked.take(&mut walked)) {
                return Ok((report, walked.profile));
            }
            walked.digests = Some(asked.files());
        }
        begun = Some((walked, asked));
    }
    judged(config, begun, |_, _, _, _| ()).map(|(report, _, profile)| (report, profile))
}

/// The legs that were up at the first moment of a scenario's peak.
#[derive(Clone, Debug)]
pub struct UpAtPeak {
    /// The scenario, by its place in the report.
    pub scenario: usize,
    /// The moment.
    pub moment: CaptureTime,
    /// The channels up then, each with its CDRs.
    pub channels: Vec<Vec<NamedCdr>>,
}

/// What `history` prints: the report, and who was up at each peak.
#[derive(Clone, Debug)]
pub struct HistoryRun {
    /// As `check` makes it.
    pub report: CheckReport,
    /// One for each scenario that ever had a channel.
    pub up_at_peak: Vec<UpAtPeak>,
    /// What the user should know of the work directory: no part of a result.
    pub messages: Vec<String>,
}

/// Reads the spools and counts every scenario, with the legs at its peak.
///
/// # Errors
///
/// As [`check`].
pub fn history(config: &CheckConfig) -> Result<HistoryRun, Error> {
    let (report, up_at_peak, profile) = judged(config, None, up_at_peak)?;
    let up_at_peak = up_at_peak.into_iter().flatten().collect();
    Ok(HistoryRun { report, up_at_peak, messages: profile.messages })
}

fn up_at_peak(
    scenario: usize,
    units: &Units<'_>,
    verdict: &ScenarioVerdict,
    call_id: CallIds<'_>,
) -> Option<UpAtPeak> {
    let moment = verdict.history.peak_spans.first()?.started;
    let up = units.up_at(verdict.reading.count, moment);
    let named = |cdr: Cdr| NamedCdr { call_id: call_id(&verdict.scenario, cdr.leg).to_vec(), cdr };
    let cdrs = |channel: Vec<Cdr>| channel.into_iter().map(named).collect();
    Some(UpAtPeak { scenario, moment, channels: up.into_iter().map(cdrs).collect() })
}

/// The Call-ID of a leg of a scenario.
type CallIds<'c> = &'c (dyn Fn(&Scenario, u32) -> &'c [u8] + Sync);

/// What was walked already, and the question where an answer to it can be kept.
type Begun<'c> = (Walked, Option<Asked<'c>>);

/// The report, and what `look` made of every scenario, by its place in the report.
fn judged<T: Send>(
    config: &CheckConfig,
    begun: Option<Begun<'_>>,
    look: impl Fn(usize, &Units<'_>, &ScenarioVerdict, CallIds<'_>) -> T + Sync,
) -> Result<(CheckReport, Vec<T>, Profile), Error> {
    // Before any work: what cannot be read or written must not cost an hour.
    let recorded = config.recorded.as_ref().map(read_recorded).transpose()?;
    let (recorded, recorded_call_ids) =
        recorded.map(|Recorded { cdrs, call_ids }| (cdrs, call_ids)).unzip();
    let database = config.database.as_deref().map(Database::create).transpose()?;
    let options = options(config);
    let (walked, asked) = begun
        .map_or_else(|| walk_roots(&config.spools, &options).map(|walked| (walked, None)), Ok)?;
    let mut found = read_walked(&config.spools, walked, &options)?;
    let mut profile = std::mem::take(&mut found.profile);
    let Some(days) = days(config, &found) else {
        return Err(Error::NoCaptures(lost_lines(&found)));
    };
    let calendar = Calendar::new(config.time_zone.clone(), days.0, days.1);
    let pool = pool(config.threads)?;
    let coverage = coverage(config, &found);
    let mut scenarios = pool.install(|| Scenarios::new(config, &found, recorded.as_deref()))?;
    let table = pool.install(|| scenarios.take_table());
    found.release();
    profile.ended("scenarios", ("legs", found.legs.len() as u64), 0);
    let linked = LinkedLegs::new(&scenarios.grouping, &found.outlines);
    let question = question(config);
    let call_id = |scenario: &Scenario, leg: u32| match scenario {
        Scenario::Recorded => {
            let call_ids = recorded_call_ids.as_deref().unwrap_or_default();
            call_ids.get(leg as usize).map_or(&[][..], |call_id| &**call_id)
        }
        _ => found.legs.call_id(leg),
    };
    let judge_all = || {
        scenarios.each(&table, |place, scenario, units| {
            let bases = (&linked, &calendar, &coverage);
            let verdict = verdict(&scenarios.all[place], scenario, units, bases, &question);
            let looked = look(place, units, &verdict, &call_id);
            (verdict, looked)
        })
    };
    let conversations = || scenarios.grouping.conversations(&found.outlines) as u64;
    let (judged, calls) = pool.install(|| match scenarios.is_one_by_one() {
        // What is read of the outlines would be in memory beside what is counted.
        true => (judge_all(), conversations()),
        false => rayon::join(judge_all, conversations),
    });
    drop(table);
    let (verdicts, looked) = judged.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    profile.ended("judge readings", ("scenarios", verdicts.len() as u64), 0);
    were_read(found.are_whole())?;
    profile.messages.extend(found.spill.message());
    let mut report = report(config, &scenarios, (calendar, coverage), (verdicts, calls));
    report.license = license(config, &found, &report)?;
    left_out_note(&scenarios.grouping).into_iter().for_each(|note| report.input.notes.add(note));
    profile.ended("report", ("notes", report.input.notes.kept().count() as u64), 0);
    if let Some(database) = database {
        let grouping = &scenarios.grouping;
        let saved = Saved { config, found: &found, grouping, report: &report };
        pool.install(|| save(database, &saved))?;
        profile.ended("write database", ("CDRs", found.cdrs.len() as u64), 0);
    }
    if let Some(asked) = asked {
        pool.install(|| asked.keep(&report, &found, &mut profile));
    }
    Ok((report, looked, profile))
}

/// The installed license on the day of the verdict, with what the captures show of its unit.
fn license(
    config: &CheckConfig,
    found: &Reconstruction,
    report: &CheckReport,
) -> Result<Option<LicenseReport>, Error> {
    let Some(InstalledLicense { license, policy }) = &config.license else { return Ok(None) };
    let end = report.calendar.days().last().map(|day| day.ended.plus_ns(-1)).unwrap_or_default();
    let at = Timestamp::from_nanosecond(i128::from(end.ns())).unwrap_or(Timestamp::UNIX_EPOCH);
    let measured = measure(policy, found, report);
    Ok(Some(license.check(policy, at, measured)?))
}

fn options(config: &CheckConfig) -> ReconstructOptions {
    let zones = (&config.time_zone, &config.spool_zone);
    ReconstructOptions {
        walk: walk_options((config.from, config.to), zones, &config.sensors, config.without_rtp),
        timing: config.timing.clone(),
        numbers: config.numbers.clone(),
        capture: config.capture.clone(),
        threads: config.threads,
        progress: config.progress,
        work: config.work.clone(),
        memory_bytes: config.memory_bytes,
        ..ReconstructOptions::default()
    }
}

/// What a walk takes: from the start of the first day to the end of the last one, in the GUI's zone; the
/// other zone is that of the spool's directories.
pub(super) fn walk_options(
    (from, to): (Option<Date>, Option<Date>),
    (zone, spool_zone): (&TimeZone, &TimeZone),
    sensors: &[(String, PathBuf)],
    without_rtp: bool,
) -> WalkOptions {
    let start = |day| day_start(day, zone);
    WalkOptions {
        zone: spool_zone.clone(),
        from: from.and_then(start),
        to: to.and_then(|day| day.tomorrow().ok()).and_then(start),
        sensors: sensors.to_vec(),
        without_rtp,
    }
}

fn day_start(day: Date, zone: &TimeZone) -> Option<CaptureTime> {
    let moment = day.to_zoned(zone.clone()).ok()?.timestamp().as_nanosecond();
    i64::try_from(moment).ok().map(CaptureTime::from_ns)
}

/// First and last day of the calendar: those with data, within what the user asked for.
fn days(config: &CheckConfig, found: &Reconstruction) -> Option<(Date, Date)> {
    let TimeSpan { first, last } = heard_span(found)?;
    let date = |moment| Calendar::date_of(&config.time_zone, moment);
    let first = config.from.unwrap_or_else(|| date(first));
    let last_day = config.to.map_or_else(|| date(last), |to| date(last).min(to));
    let last = config.as_of.unwrap_or(last_day);
    (first <= last).then_some((first, last))
}

/// First and last SIP message, as other records say nothing about calls; of captures without any, first and
/// last record.
fn heard_span(found: &Reconstruction) -> Option<TimeSpan> {
    found.heard.span().or_else(|| found.spans.values().copied().reduce(TimeSpan::joined))
}

/// Hours in which SIP was captured, what was lost, and what had begun before.
fn coverage(config: &CheckConfig, found: &Reconstruction) -> Coverage {
    let hours = |heard: &SipHours| -> Vec<(CaptureTime, CaptureTime)> {
        let clipped = |hour: &i64| {
            let start = CaptureTime::from_ns(hour.saturating_mul(HOUR_NS));
            let span = heard.span?;
            Some((start.max(span.first), start.plus_ns(HOUR_NS - 1).min(span.last)))
        };
        heard.hours.iter().filter_map(clipped).collect()
    };
    let midway = &found.flags.midway;
    // Until the INVITE inside the dialog, from which on they are CDRs.
    let until_seen = midway.iter().filter_map(|(leg, seen)| {
        Some((found.heard.began_before(found.legs.sensor(*leg), *seen)?, *seen))
    });
    let running = found.running.iter().map(|span| (span.first, span.last));
    // A dropped message can be the end of a call that was read.
    let dropped = found.flags.messages_dropped.iter().copied();
    Coverage {
        spans: found.heard.sensors().map(|(_, heard)| hours(heard)).collect(),
        running: running.chain(until_seen).collect(),
        losses: found.losses.clone(),
        scopes: scopes(found),
        midway: midway.iter().map(|(leg, _)| *leg).chain(dropped).collect(),
        call_ns_max: config.timing.absolute_timeout_ns,
        excluded: Excluded {
            messages: found.ledger.value("sip.excluded_by_conf"),
            cdrs: found.flags.cdrs_left_out,
        },
    }
}

/// Whose packets the files hold that lost something, where their place in the spool says so: the sniffer
/// writes all packets of a call into the file of its first minute, signalling and media apart (facts G).
fn scopes(found: &Reconstruction) -> BTreeMap<FileId, FileScope> {
    let scope = |file: FileId| {
        let file = found.listing.files.get(file.0 as usize)?;
        match file.kind {
            FileKind::Sip | FileKind::All => {
                file.starts.map(|(first, end)| FileScope::CallsBegun(first, end.plus_ns(-1)))
            }
            FileKind::Plain => None,
            _ => Some(FileScope::NoSignalling),
        }
    };
    found.losses.iter().filter_map(|loss| Some((loss.file, scope(loss.file)?))).collect()
}

fn question(config: &CheckConfig) -> Question {
    let reading = config.reading.reading();
    Question {
        limit_channels: u64::from(config.limit_channels),
        reading,
        readings: config.reading.readings(),
        accept_loss: config.accept_loss,
    }
}

fn verdict(
    scenario: &Scenario,
    made: &ScenarioUnits<'_>,
    units: &Units<'_>,
    (linked, calendar, coverage): (&LinkedLegs<'_>, &Calendar, &Coverage),
    question: &Question,
) -> ScenarioVerdict {
    let distinct = linked.distinct(scenario);
    let coverage = made.coverage.as_ref().unwrap_or(coverage);
    let joining = made.joining;
    let evidence = Evidence { units, calendar, coverage, distinct: &distinct, joining };
    judge(scenario.clone(), evidence, question)
}

fn report(
    config: &CheckConfig,
    scenarios: &Scenarios<'_>,
    (calendar, coverage): (Calendar, Coverage),
    (verdicts, calls): (Vec<ScenarioVerdict>, u64),
) -> CheckReport {
    let found = scenarios.found;
    let decided_by =
        verdicts.iter().position(|verdict| verdict.scenario == config.scenario).unwrap_or_default();
    let as_of = calendar.days().last().map(|day| day.date).unwrap_or_default();
    CheckReport {
        scenarios: verdicts,
        decided_by,
        calendar,
        time_zone: config.time_zone_name.clone(),
        as_of,
        as_of_given: config.as_of.is_some(),
        coverage,
        sensors: found.listing.sensors.clone(),
        legs: found.ledger.value("leg.with_invite"),
        legs_vendor_blind: found.flags.vendor_blind,
        cdrs_with_media: found.flags.cdrs_with_media,
        cdrs_ended_by_signalling: found.flags.cdrs_ended_by_signalling,
        calls: Some(calls),
        license: None,
        lists_readings: config.all_readings,
        input: input(found),
    }
}

/// What was walked, by number: the files, then what could not be looked at.
pub(super) fn input_files(listing: &SpoolListing, paths: &TypedPaths) -> Vec<InputFile> {
    let shown = |path: &Path, bytes| InputFile {
        path: paths.shown(path).into_os_string().into_vec(),
        bytes,
    };
    let files = listing.files.iter().map(|file| shown(&file.path, file.size));
    files.chain(listing.unreadable.iter().map(|lost| shown(&lost.path, 0))).collect()
}

/// The RTP that was left out on request; absent when none was.
pub(super) fn rtp_left_out(listing: &SpoolListing) -> Option<LeftOut> {
    let SkipCount { entries: files, bytes } = *listing.skipped.get(&SkipReason::Rtp)?;
    Some(LeftOut { files, bytes })
}

fn input(found: &Reconstruction) -> InputReport {
    let sum = |pick: fn(&super::FileSummary) -> u64| found.files.values().map(pick).sum();
    InputReport {
        files: input_files(&found.listing, &found.paths),
        captures: sum(|file| file.captures),
        members: sum(|file| file.captures.saturating_sub(u64::from(file.captures == 1))),
        records: sum(|file| file.records),
        sip_messages: found.ledger.value("sip.messages"),
        ledger: found.ledger.clone(),
        notes: found.notes.clone(),
        rtp_left_out: rtp_left_out(&found.listing),
    }
}

/// What could not be read, for the message that there is nothing to judge.
fn lost_lines(found: &Reconstruction) -> String {
    let files = found.listing.files.len();
    let mut text = format!("{files} files were looked at");
    for (_, note) in (0..5).zip(found.notes.kept()) {
        text.push_str("\n  ");
        if let Some(path) = found.listing.path(note.capture.file) {
            text.push_str(&format!("{}: ", found.paths.shown(path).display()));
        }
        text.push_str(&note.detail);
    }
    text
}
