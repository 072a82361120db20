//! The result of a run as rows of the database.

use super::config::CheckConfig;
use super::error::Error;
use super::reconstruct::Reconstruction;
use super::spill::were_read;
use crate::base::{CaptureId, CaptureTime, FileId};
use crate::call::{
    Branch, CallGroup, Evidence, EvidenceList, Grouping, OutlineParts, Told, branches,
};
use crate::channel::Channels;
use crate::leg::{Cdr, Leg};
use crate::license::{DayRow, Margin, ScenarioVerdict};
use crate::report::explain::refusal_text;
use crate::report::{CheckReport, why};
use crate::store::{
    BranchRow, CallRow, CaptureRow, CdrRow, ChannelDayRow, ChannelHourRow, Database, EvidenceRow,
    LegRow, ReadingVerdictRow, RunRow, VerdictRow,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What is saved.
pub(super) struct Saved<'s> {
    pub(super) config: &'s CheckConfig,
    pub(super) found: &'s Reconstruction,
    pub(super) grouping: &'s Grouping,
    pub(super) report: &'s CheckReport,
}

/// Writes everything and puts the file in its place.
pub(super) fn save(mut database: Database, saved: &Saved<'_>) -> Result<(), Error> {
    write_run(&database, saved)?;
    write_captures(&database, saved.found)?;
    write_legs(&mut database, saved)?;
    write_cdrs(&database, saved)?;
    write_calls(&database, saved)?;
    for verdict in &saved.report.scenarios {
        write_history(&database, saved.report, verdict)?;
    }
    write_verdicts(&database, saved.report)?;
    write_readings(&database, &saved.report.scenarios)?;
    database.write_notes(&saved.report.input.notes)?;
    database.write_losses(&saved.found.losses)?;
    database.write_ledger(&saved.found.ledger)?;
    were_read(saved.found.are_whole())?;
    database.commit()?;
    Ok(())
}

fn write_run(database: &Database, saved: &Saved<'_>) -> Result<(), Error> {
    let as_of = saved.report.as_of.to_string();
    database.write_run(&RunRow {
        arguments: &saved.config.arguments,
        time_zone: &saved.config.time_zone_name,
        limit_channels: Some(saved.config.limit_channels),
        as_of: Some(&as_of),
        rules: &saved.config.rules.to_toml(),
    })?;
    Ok(())
}

fn write_captures(database: &Database, found: &Reconstruction) -> Result<(), Error> {
    let shown = |file: &FileId| {
        found.listing.path(*file).map(|path| found.paths.shown(path)).unwrap_or_default()
    };
    let shown: Vec<PathBuf> = found.files.keys().map(shown).collect();
    let rows: Vec<CaptureRow<'_>> = found
        .files
        .iter()
        .zip(&shown)
        .filter_map(|((file, summary), shown)| {
            let listed = found.listing.files.get(file.0 as usize)?;
            Some(CaptureRow {
                id: CaptureId { file: *file, member: 0 },
                path: listed.name.as_os_str().as_bytes(),
                member_name: b"",
                sensor: found.listing.sensor_name(listed.sensor),
                bytes: listed.size,
                records: summary.records,
                seen: summary.span.map(|span| (span.first, span.last)),
                cut: is_cut(found, *file),
                shown: shown.as_os_str().as_bytes(),
            })
        })
        .collect();
    database.write_captures(&rows)?;
    Ok(())
}

fn is_cut(found: &Reconstruction, file: FileId) -> bool {
    found.losses.iter().any(|loss| loss.file == file && loss.kind == crate::base::LossKind::CutTail)
}

/// Legs whose rows are made while those before are written.
const LEGS_A_PIECE: u32 = 4_096;

/// A leg that rows are made of.
struct ReadLeg {
    leg: Leg,
    branches: Vec<Branch>,
}

impl ReadLeg {
    fn of(leg: Leg) -> Self {
        Self { branches: branches(&leg), leg }
    }
}

/// Legs and their branches, piece by piece: one piece is written while the next one is read.
fn write_legs(database: &mut Database, saved: &Saved<'_>) -> Result<(), Error> {
    let legs = &saved.found.legs;
    let end = legs.numbers().end;
    let read = |first: u32| -> Vec<(u32, ReadLeg)> {
        let piece = first..first.saturating_add(LEGS_A_PIECE).min(end);
        let of = |leg: u32| Some((leg, ReadLeg::of(legs.get(leg)?)));
        piece.into_par_iter().filter_map(of).collect()
    };
    let mut made = read(0);
    for first in legs.numbers().step_by(LEGS_A_PIECE as usize) {
        let (next, written) = rayon::join(
            || read(first.saturating_add(LEGS_A_PIECE)),
            || write_piece(database, saved, &made),
        );
        written?;
        made = next;
    }
    Ok(())
}

fn write_piece(
    database: &mut Database,
    saved: &Saved<'_>,
    legs: &[(u32, ReadLeg)],
) -> Result<(), Error> {
    let found = saved.found;
    let outlines: Vec<OutlineParts<'_>> =
        legs.par_iter().map(|(_, read)| OutlineParts::of(&read.leg)).collect();
    let rows: Vec<LegRow<'_>> = legs
        .iter()
        .zip(&outlines)
        .map(|((id, ReadLeg { leg, .. }), outline)| LegRow {
            id: *id,
            sensor: found.listing.sensor_name(leg.sensor()),
            outline,
            seen: leg.first_seen().zip(leg.last_seen()),
            messages: leg.message_count() as u64,
            has_media: leg.media().last().is_some(),
            vendor_blind: leg.is_vendor_blind(),
        })
        .collect();
    database.write_legs(&rows)?;
    let rows: Vec<BranchRow<'_>> =
        legs.iter().flat_map(|(leg, read)| branch_rows(*leg, read)).collect();
    database.write_branches(&rows)?;
    Ok(())
}

fn branch_rows(leg: u32, read: &ReadLeg) -> Vec<BranchRow<'_>> {
    let numbered = (1u32..).zip(&read.branches);
    let row = |(number, branch)| {
        let Branch { to_tag, via_branches, request_uri, started, status, .. }: &Branch = branch;
        BranchRow {
            leg,
            number,
            to_tag,
            via_branch: via_branches.first().map_or(b"".as_slice(), |first| first),
            request_uri: request_uri.as_deref().unwrap_or_default(),
            first: started.time,
            final_response: *status,
        }
    };
    numbered.map(row).collect()
}

/// CDRs whose rows are made at once.
const CDRS_A_PIECE: usize = 4_096;

/// `id_sensor`: the sensor's name where it is a number, as the vendor names sensor directories; else
/// the configuration's.
fn write_cdrs(database: &Database, saved: &Saved<'_>) -> Result<(), Error> {
    let Saved { found, config, .. } = saved;
    let id_sensor =
        |cdr: &Cdr| found.listing.sensor_name(cdr.sensor).parse().ok().or(config.spool.id_sensor);
    let mut cdrs = found.cdrs.iter();
    let mut written = 0;
    loop {
        let piece: Vec<Cdr> = cdrs.by_ref().take(CDRS_A_PIECE).collect();
        let rows: Vec<CdrRow<'_>> = piece
            .iter()
            .map(|cdr| CdrRow {
                cdr,
                call_id: found.legs.call_id(cdr.leg),
                id_sensor: id_sensor(cdr),
            })
            .collect();
        if rows.is_empty() {
            break;
        }
        database.write_cdrs(written + 1, &rows)?;
        written += rows.len() as i64;
    }
    Ok(())
}

fn write_calls(database: &Database, saved: &Saved<'_>) -> Result<(), Error> {
    let grouping = saved.grouping;
    let mut conflicts: BTreeMap<u32, String> = BTreeMap::new();
    for conflict in &grouping.conflicts {
        let call = grouping.group_with(conflict.left).map_or(conflict.left, |group| group.id);
        let text = conflicts.entry(call).or_default();
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&format!("{} with leg {}", conflict.rule, conflict.right));
    }
    let spans = call_spans(saved.found, grouping);
    let rows: Vec<CallRow<'_>> = grouping
        .groups
        .iter()
        .zip(spans)
        .map(|(group, span)| CallRow {
            id: group.id,
            started: span.started,
            ended: span.ended,
            legs: group.legs,
            answered: span.is_answered,
            conflict: conflicts.get(&group.id).map(String::as_str),
        })
        .collect();
    database.write_calls(&rows)?;
    let told = |found: &Evidence| grouping.told(&saved.found.outlines, &saved.config.rules, found);
    write_evidence(database, &grouping.evidence, told)
}

/// From the first start to the last end of a call.
#[derive(Clone, Copy, Default)]
struct CallSpan {
    started: CaptureTime,
    ended: CaptureTime,
    is_answered: bool,
}

/// As [`crate::call::merge`] has them, without the rest of what it makes: by the CDRs, and of a call
/// without any by its legs.
fn call_spans(found: &Reconstruction, grouping: &Grouping) -> Vec<CallSpan> {
    let mut spans: Vec<Option<CallSpan>> = vec![None; grouping.groups.len()];
    let joined = |known: Option<CallSpan>, started: CaptureTime, ended: CaptureTime| {
        let new = CallSpan { started, ended: ended.max(started), is_answered: false };
        let known = known.unwrap_or(new);
        let (started, ended) = (known.started.min(new.started), known.ended.max(new.ended));
        CallSpan { started, ended, ..known }
    };
    for cdr in found.cdrs.iter().filter(|cdr| !cdr.only_when_cut) {
        let group = grouping.groups.of_legs().get(cdr.leg as usize);
        let Some(span) = group.and_then(|group| spans.get_mut(*group as usize)) else { continue };
        let whole = joined(*span, cdr.started, cdr.ended);
        let is_answered = whole.is_answered || cdr.connected.is_some();
        *span = Some(CallSpan { is_answered, ..whole });
    }
    let of_legs = |group: CallGroup<'_>| {
        let legs = group.legs.iter().filter_map(|leg| found.outlines.get(*leg));
        legs.fold(None, |span, leg| Some(joined(span, leg.started.time, leg.ended)))
    };
    let all = grouping.groups.iter().zip(spans);
    all.map(|(group, span)| span.or_else(|| of_legs(group)).unwrap_or_default()).collect()
}

fn write_evidence(
    database: &Database,
    evidence: &EvidenceList,
    told: impl Fn(&Evidence) -> Told,
) -> Result<(), Error> {
    let told: Vec<Told> = evidence.iter().map(|found| told(&found)).collect();
    let reasons: Vec<String> = evidence
        .iter()
        .map(|found| match found.joined {
            Ok(()) => "joined".to_owned(),
            Err(refusal) => refusal_text(&refusal),
        })
        .collect();
    let rows: Vec<EvidenceRow<'_>> = evidence
        .iter()
        .zip(reasons.iter().zip(&told))
        .map(|(found, (reason, Told { compared, records }))| {
            let first = compared.first();
            EvidenceRow {
                legs: (found.left, found.right),
                rule: found.rule.name(),
                class: found.class.name(),
                joined: found.is_joined(),
                reason,
                values: (
                    first.map_or(b"".as_slice(), |compared| &compared.left),
                    first.map_or(b"".as_slice(), |compared| &compared.right),
                ),
                records: (records.first().copied(), records.get(1).copied()),
            }
        })
        .collect();
    database.write_evidence(&rows)?;
    Ok(())
}

/// Thousandths of a channel, rounded down; saturates.
fn millichannels(figure: Channels) -> u64 {
    let scaled = figure.numerator.saturating_mul(1_000) / u128::from(figure.denominator.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// `HH:MM+OO:OO` on the day's local clock.
fn hour_name(date: jiff::civil::Date, hour: &crate::channel::Hour) -> String {
    let (wall, offset) = (hour.wall_minute, hour.offset_s / 60);
    let sign = if offset < 0 { '-' } else { '+' };
    let offset = offset.unsigned_abs();
    format!("{date} {:02}:{:02}{sign}{:02}:{:02}", wall / 60, wall % 60, offset / 60, offset % 60)
}

fn write_history(
    database: &Database,
    report: &CheckReport,
    verdict: &ScenarioVerdict,
) -> Result<(), Error> {
    let (scenario, reading) = (scenario_name(verdict), verdict.reading.to_string());
    let calendar = &report.calendar;
    let day_of = |hour: &crate::channel::Hour| &calendar.days()[hour.day];
    let names: Vec<String> =
        calendar.hours().iter().map(|hour| hour_name(day_of(hour).date, hour)).collect();
    let hours: Vec<ChannelHourRow<'_>> = calendar
        .hours()
        .iter()
        .zip(&verdict.history.hours)
        .zip(&names)
        .map(|((hour, count), name)| ChannelHourRow {
            scenario: &scenario,
            reading: &reading,
            started: hour.started,
            hour: name,
            channel_ns: count.channel_ns,
            peak_channels: count.peak_channels,
            lower_bound: verdict
                .days
                .get(hour.day)
                .is_some_and(|day| day.coverage.is_lower_bound()),
        })
        .collect();
    database.write_channel_hours(&hours)?;
    let dates: Vec<String> = verdict.days.iter().map(|day| day.date.to_string()).collect();
    let days: Vec<ChannelDayRow<'_>> = verdict
        .days
        .iter()
        .zip(&dates)
        .map(|(day, date)| day_row(&scenario, &reading, day, date))
        .collect();
    database.write_channel_days(&days)?;
    Ok(())
}

fn day_row<'r>(
    scenario: &'r str,
    reading: &'r str,
    day: &DayRow,
    date: &'r str,
) -> ChannelDayRow<'r> {
    ChannelDayRow {
        scenario,
        reading,
        day: date,
        counted_millichannels: millichannels(day.figure),
        peak_channels: day.count.peak_channels,
        over: Some(day.over),
        days_over: u32::try_from(day.run_days).unwrap_or(u32::MAX),
        state: Some(day.state.name()),
        lower_bound: day.coverage.is_lower_bound(),
    }
}

fn scenario_name(verdict: &ScenarioVerdict) -> String {
    let name = verdict.scenario.name();
    verdict.scenario.header().map_or_else(|| name.to_owned(), |header| format!("{name}={header}"))
}

/// Limit minus figure.
fn margin_millichannels(margin: Margin) -> i64 {
    let distance = i64::try_from(millichannels(margin.distance)).unwrap_or(i64::MAX);
    if margin.above { -distance } else { distance }
}

/// Every reading that was compared, whether it is listed or not. All scenarios have the same.
fn write_readings(database: &Database, verdicts: &[ScenarioVerdict]) -> Result<(), Error> {
    let readings = verdicts.first().map_or(&[][..], |verdict| verdict.readings.as_slice());
    let names: Vec<String> = readings.iter().map(|(reading, _)| reading.to_string()).collect();
    for verdict in verdicts {
        let scenario = scenario_name(verdict);
        let rows: Vec<ReadingVerdictRow<'_>> = verdict
            .readings
            .iter()
            .zip(&names)
            .map(|((_, judged), reading)| ReadingVerdictRow {
                scenario: &scenario,
                reading,
                verdict: judged.outcome.name(),
                run_days: [judged.run_days, judged.run_days_at_least, judged.run_days_at_most],
                decisive_millichannels: judged.deciding.map(|day| millichannels(day.figure)),
                margin_millichannels: judged.deciding.map(|day| margin_millichannels(day.margin)),
            })
            .collect();
        database.write_reading_verdicts(&rows)?;
    }
    Ok(())
}

fn write_verdicts(database: &Database, report: &CheckReport) -> Result<(), Error> {
    let texts: Vec<(String, String, String)> = report
        .scenarios
        .iter()
        .map(|verdict| {
            let reason = why(report, verdict);
            (scenario_name(verdict), verdict.reading.to_string(), reason)
        })
        .collect();
    let rows: Vec<VerdictRow<'_>> = report
        .scenarios
        .iter()
        .zip(&texts)
        .map(|(verdict, (scenario, reading, reason))| {
            let deciding = verdict.judged.deciding;
            VerdictRow {
                scenario,
                reading,
                verdict: verdict.judged.outcome.name(),
                decisive_millichannels: deciding.map(|day| millichannels(day.figure)),
                margin_millichannels: deciding.map(|day| margin_millichannels(day.margin)),
                reason,
            }
        })
        .collect();
    database.write_verdicts(&rows)?;
    Ok(())
}
