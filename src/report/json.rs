//! The check report as JSON, schema `respool.check/1`. Every field is documented at its struct.
//!
//! Everything outside the object `input` is a function of the set of records: captures split, joined
//! or given twice change nothing there. Exact numbers are strings of decimal digits where they can
//! pass 2^53. A new field does not change the schema's number; a changed or missing one does.

use super::check::{CheckReport, LeftOut};
use super::format::{channels, distance, local_s, utc_ms};
use super::sentences::caveat as caveat_sentence;
use crate::base::{CaptureTime, FileId};
use crate::channel::{Axis, Calendar, Channels, Reading};
use crate::license::{
    Caveat, DayRow, Deciding, Judged, LicenseReport, Margin, Outcome, ScenarioVerdict,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// The schema's name and number.
pub const CHECK_SCHEMA: &str = "respool.check/1";

/// The whole document.
#[derive(Clone, Debug, Serialize)]
pub struct CheckJson {
    /// [`CHECK_SCHEMA`].
    pub schema: &'static str,
    /// Verdict of the run: that of the deciding scenario, or `stays` when the license is locked for
    /// another cause than the count; `lifts`, `stays` or `cannot-tell`; null without scenarios.
    pub verdict: Option<&'static str>,
    /// Exit code of `check`: 0 lifts, 1 stays, 3 cannot tell, 2 without scenarios.
    pub exit_code: u8,
    /// Name of the deciding scenario, as in `scenarios[].name`.
    pub decided_by: Option<&'static str>,
    /// Channels that the license allows.
    pub limit_channels: Option<u64>,
    /// Day of the verdict, `YYYY-MM-DD`.
    pub as_of: String,
    /// Whether the user gave that day.
    pub as_of_given: bool,
    /// Time zone of all days and hours.
    pub time_zone: String,
    /// First and last SIP message, UTC, `YYYY-MM-DD HH:MM:SS.mmm`, cut to the millisecond; null without.
    pub covered: Option<[String; 2]>,
    /// Legs: Call-IDs by sensor.
    pub legs: u64,
    /// Legs with packets in an encapsulation that the vendor's sniffer does not read.
    pub legs_vendor_blind: u64,
    /// CDRs with RTP or RTCP.
    pub cdrs_with_media: u64,
    /// Answered CDRs with neither a BYE nor media: they end at their last SIP message.
    pub cdrs_ended_by_signalling: u64,
    /// Calls that the legs were joined to; null when they were not.
    pub calls: Option<u64>,
    /// Names of the sensors; the unnamed one is empty.
    pub sensors: Vec<String>,
    /// Calls that ran when the captures began, or may have run under a Call-ID with more messages than
    /// are kept; null without any.
    pub running_at_start: Option<RunningJson>,
    /// One object a scenario, in the order of design.md section 7.
    pub scenarios: Vec<ScenarioJson>,
    /// The installed license; null when none was given.
    pub license: Option<LicenseJson>,
    /// What was read: the only part that depends on how records lie in files.
    pub input: InputJson,
}

/// Calls of which the captures hold no INVITE because they ran before.
#[derive(Clone, Debug, Serialize)]
pub struct RunningJson {
    /// How many.
    pub calls: usize,
    /// When the last one was seen last, or first with an INVITE; UTC.
    pub until: String,
}

/// The installed license, checked.
#[derive(Clone, Debug, Serialize)]
pub struct LicenseJson {
    /// Units that its keys allow here; null without keys.
    pub limit_units: Option<u64>,
    /// Units in use; null when not known.
    pub units_in_use: Option<u64>,
    /// What `units_in_use` is: `exact`, `at-most` (what was counted holds more than the unit),
    /// `at-least` (something is missing), `about` (both); null when not known.
    pub units_in_use_bound: Option<&'static str>,
    /// Whether captures showed the units in use; else the license file said so.
    pub shown_by_captures: bool,
    /// Causes of a lock in force.
    pub causes: Vec<CauseJson>,
    /// What is to be known and locks nothing.
    pub notices: Vec<String>,
}

/// A cause of a lock.
#[derive(Clone, Debug, Serialize)]
pub struct CauseJson {
    /// `count`, `expired`, `binding` or `contact`.
    pub kind: &'static str,
    /// One sentence.
    pub sentence: String,
    /// Whether a recompute can lift it.
    pub recompute_can_lift: bool,
}

/// One scenario.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioJson {
    /// `as-is`, `merge-header`, `merged` or `recorded`.
    pub name: &'static str,
    /// The header of `merge-header`; else null.
    pub header: Option<String>,
    /// How to get there, with the line of voipmonitor.conf.
    pub how: String,
    /// `lifts`, `stays` or `cannot-tell`.
    pub verdict: &'static str,
    /// By this count no run of days over ever passes the grace.
    pub never_locked: bool,
    /// The verdict if nothing that was lost matters.
    pub without_loss: &'static str,
    /// Days that may miss something and on which the verdict hangs.
    pub missing_days: Vec<String>,
    /// The reading that decided, `axis=choice,...`.
    pub reading: String,
    /// Consecutive days over up to the day of the verdict.
    pub run_days: usize,
    /// The same by the channels that are there whatever was lost.
    pub run_days_at_least: usize,
    /// The same when every day that may miss something is over.
    pub run_days_at_most: usize,
    /// State on the day of the verdict: `within`, `grace`, `lockdown` or `locked`.
    pub state: &'static str,
    /// Days over the limit.
    pub days_over: usize,
    /// The day that decides; null when too few days are seen.
    pub deciding: Option<DecidingJson>,
    /// Most channels at one moment.
    pub peak_channels: u64,
    /// First moments of the first stretches at the peak, UTC.
    pub peak_at: Vec<String>,
    /// How many stretches there are.
    pub peak_count: u64,
    /// CDRs counted.
    pub cdrs: usize,
    /// Units counted: CDRs, or merged calls.
    pub units: usize,
    /// What belongs beside the verdict.
    pub caveats: Vec<CaveatJson>,
    /// What the other readings say.
    pub agreement: AgreementJson,
    /// The verdict under every reading that was compared, the deciding one first; only with
    /// `--readings all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readings: Option<Vec<ReadingJson>>,
    /// The days in order.
    pub days: Vec<DayJson>,
    /// The hours in order.
    pub hours: Vec<HourJson>,
}

/// An exact figure: `numerator` / `denominator` channels.
#[derive(Clone, Debug, Serialize)]
pub struct FigureJson {
    /// Two decimals, rounded down, `>` in front when that hides being over the limit.
    pub text: String,
    /// Channel nanoseconds, or channels when the denominator is 1; decimal digits.
    pub numerator: String,
    /// Nanoseconds of the hour, or 1.
    pub denominator: u64,
}

/// A distance from the limit.
#[derive(Clone, Debug, Serialize)]
pub struct MarginJson {
    /// Two decimals, rounded down; `<0.01` when that hides that it is not 0.
    pub text: String,
    /// Whether the figure is above the limit; equal is not above.
    pub above: bool,
    /// Numerator of the exact distance; decimal digits.
    pub numerator: String,
    /// Its denominator.
    pub denominator: u64,
}

/// The deciding day.
#[derive(Clone, Debug, Serialize)]
pub struct DecidingJson {
    /// Its date.
    pub date: String,
    /// Its figure.
    pub figure: FigureJson,
    /// Distance from the limit.
    pub margin: MarginJson,
}

/// A caveat.
#[derive(Clone, Debug, Serialize)]
pub struct CaveatJson {
    /// Stable name.
    pub kind: &'static str,
    /// The sentence of the text report.
    pub sentence: String,
    /// The verdict otherwise; null when it does not change.
    pub otherwise: Option<&'static str>,
}

/// Readings compared.
#[derive(Clone, Debug, Serialize)]
pub struct AgreementJson {
    /// How many.
    pub readings: usize,
    /// With the verdict of the deciding one.
    pub agreeing: usize,
    /// That lift.
    pub lifts: usize,
    /// That stay.
    pub stays: usize,
    /// That cannot tell.
    pub cannot_tell: usize,
    /// Single axes that change the verdict.
    pub flips: Vec<FlipJson>,
    /// The agreeing reading nearest to the other verdict; null when none has a margin.
    pub nearest: Option<NearestJson>,
}

/// A single axis that changes the verdict.
#[derive(Clone, Debug, Serialize)]
pub struct FlipJson {
    /// The axis.
    pub axis: &'static str,
    /// The choice.
    pub choice: &'static str,
    /// The verdict then.
    pub verdict: &'static str,
}

/// The verdict under one reading.
#[derive(Clone, Debug, Serialize)]
pub struct ReadingJson {
    /// `axis=choice,...`.
    pub reading: String,
    /// `lifts`, `stays` or `cannot-tell`.
    pub verdict: &'static str,
    /// The verdict by what was read alone.
    pub without_loss: &'static str,
    /// Consecutive days over up to the day of the verdict.
    pub run_days: usize,
    /// The same by the channels that are there whatever was lost.
    pub run_days_at_least: usize,
    /// The same when every day that may miss something is over.
    pub run_days_at_most: usize,
    /// The day that decides; null when too few days are seen.
    pub deciding: Option<DecidingJson>,
}

/// The reading nearest to the other verdict.
#[derive(Clone, Debug, Serialize)]
pub struct NearestJson {
    /// `axis=choice,...`.
    pub reading: String,
    /// Its margin.
    pub margin: MarginJson,
}

/// One day.
#[derive(Clone, Debug, Serialize)]
pub struct DayJson {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// The figure by the axis `window`.
    pub figure: FigureJson,
    /// Its distance from the limit.
    pub margin: MarginJson,
    /// Start of the hour with the largest mean, UTC.
    pub mean_hour: Option<String>,
    /// Largest peak of an hour.
    pub peak_channels: u64,
    /// Whether the day is over the limit.
    pub over: bool,
    /// Consecutive days over up to this one.
    pub run_days: usize,
    /// State of the lock.
    pub state: &'static str,
    /// Hours of the day with SIP.
    pub covered_hours: usize,
    /// Hours of the day: 23, 24 or 25 in most zones.
    pub hours: usize,
    /// Whether something may be missing of the day: then there is no upper bound.
    pub lower_bound: bool,
    /// The figure of the channels that are there whatever was lost; null when it is `figure`.
    pub fewest: Option<FigureJson>,
    /// The figure with every call that ran when the captures began; null when it is `figure`.
    pub most: Option<FigureJson>,
}

/// One hour.
#[derive(Clone, Debug, Serialize)]
pub struct HourJson {
    /// Its start, UTC.
    pub started: String,
    /// Its start on the local clock, with the zone's abbreviation.
    pub local: String,
    /// Its length in seconds.
    pub length_s: u64,
    /// Channel nanoseconds, decimal digits; the mean is this over the length.
    pub channel_ns: String,
    /// Most channels at one moment.
    pub peak_channels: u64,
    /// Whether there is SIP in it.
    pub covered: bool,
}

/// What was read.
#[derive(Clone, Debug, Serialize)]
pub struct InputJson {
    /// Files in the order of their ids.
    pub files: Vec<FileJson>,
    /// Captures.
    pub captures: u64,
    /// Members of archives.
    pub members: u64,
    /// Packet records.
    pub records: u64,
    /// SIP messages, copies included.
    pub sip_messages: u64,
    /// The conservation ledger, by name.
    pub ledger: BTreeMap<&'static str, u64>,
    /// Notes by kind.
    pub notes: BTreeMap<&'static str, u64>,
    /// What could not be read.
    pub losses: Vec<LossJson>,
    /// RTP files that were left out on request; null when none was.
    pub rtp_left_out: Option<LeftOut>,
}

/// A file.
#[derive(Clone, Debug, Serialize)]
pub struct FileJson {
    /// Its path; bytes that are no UTF-8 as `\xNN`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// A loss.
#[derive(Clone, Debug, Serialize)]
pub struct LossJson {
    /// What was lost.
    pub kind: &'static str,
    /// Place of the file in `files`; null where it is of several.
    pub file: Option<u32>,
    /// First and last moment, UTC; null when it can be anywhere.
    pub when: Option<[String; 2]>,
    /// Bytes as stored; 0 when not known.
    pub bytes: u64,
    /// One line.
    pub detail: String,
}

/// The report as indented JSON with a line end.
#[must_use]
pub fn json(report: &CheckReport) -> String {
    // Strings, numbers and maps with string keys always serialise.
    let mut text = serde_json::to_string_pretty(&document(report)).unwrap_or_default();
    text.push('\n');
    text
}

/// The report as the values of the JSON document.
#[must_use]
pub fn document(report: &CheckReport) -> CheckJson {
    let deciding = report.deciding();
    let covered_hours = report.coverage.covered_hours(&report.calendar);
    CheckJson {
        schema: CHECK_SCHEMA,
        verdict: report.outcome().map(Outcome::name),
        exit_code: report.outcome().map_or(2, Outcome::exit_code),
        decided_by: deciding.map(|verdict| verdict.scenario.name()),
        limit_channels: deciding.map(|verdict| verdict.limit_channels),
        as_of: report.as_of.to_string(),
        as_of_given: report.as_of_given,
        time_zone: report.time_zone.clone(),
        covered: report.coverage.bounds().map(|(first, last)| [utc_ms(first), utc_ms(last)]),
        legs: report.legs,
        legs_vendor_blind: report.legs_vendor_blind,
        cdrs_with_media: report.cdrs_with_media,
        cdrs_ended_by_signalling: report.cdrs_ended_by_signalling,
        calls: report.calls,
        sensors: report.sensors.clone(),
        running_at_start: running(report),
        scenarios: report
            .scenarios
            .iter()
            .map(|verdict| scenario(report, verdict, &covered_hours))
            .collect(),
        license: report.license.as_ref().map(license),
        input: input(report),
    }
}

fn running(report: &CheckReport) -> Option<RunningJson> {
    let running = &report.coverage.running;
    let until = running.iter().map(|(_, last)| *last).max()?;
    Some(RunningJson { calls: running.len(), until: utc_ms(until) })
}

fn license(license: &LicenseReport) -> LicenseJson {
    LicenseJson {
        limit_units: license.limit_units,
        units_in_use: license.units_in_use.map(|used| used.units),
        units_in_use_bound: license.units_in_use.map(|used| used.bound.name()),
        shown_by_captures: license.units_in_use.is_some_and(|used| used.shown_by_captures),
        causes: license
            .causes
            .iter()
            .map(|cause| CauseJson {
                kind: cause.kind.name(),
                sentence: cause.sentence.clone(),
                recompute_can_lift: cause.recompute_can_lift,
            })
            .collect(),
        notices: license.notices.clone(),
    }
}

fn figure(figure: Channels, limit_channels: u64) -> FigureJson {
    FigureJson {
        text: channels(figure, limit_channels),
        numerator: figure.numerator.to_string(),
        denominator: figure.denominator,
    }
}

fn margin(margin: Margin) -> MarginJson {
    MarginJson {
        text: distance(margin),
        above: margin.above,
        numerator: margin.distance.numerator.to_string(),
        denominator: margin.distance.denominator,
    }
}

fn scenario(
    report: &CheckReport,
    verdict: &ScenarioVerdict,
    covered_hours: &[bool],
) -> ScenarioJson {
    let judged = &verdict.judged;
    let limit = verdict.limit_channels;
    let calendar = &report.calendar;
    let date = |day: usize| calendar.days().get(day).map(|day| day.date.to_string());
    ScenarioJson {
        name: verdict.scenario.name(),
        header: verdict.scenario.header().map(str::to_owned),
        how: verdict.scenario.how(),
        verdict: judged.outcome.name(),
        never_locked: verdict.never_locked,
        without_loss: judged.without_loss.name(),
        missing_days: judged.missing_days.iter().filter_map(|day| date(*day)).collect(),
        reading: verdict.reading.to_string(),
        run_days: judged.run_days,
        run_days_at_least: judged.run_days_at_least,
        run_days_at_most: judged.run_days_at_most,
        state: verdict.state.name(),
        days_over: verdict.days_over,
        deciding: judged.deciding.map(|day| deciding(day, limit, calendar)),
        peak_channels: verdict.history.peak_channels,
        peak_at: verdict.history.peak_spans.iter().map(|span| utc_ms(span.started)).collect(),
        peak_count: verdict.history.peak_span_count,
        cdrs: verdict.cdr_count,
        units: verdict.unit_count,
        caveats: verdict.caveats.iter().map(|item| caveat(report, item)).collect(),
        agreement: agreement(verdict),
        readings: report.lists_readings.then(|| readings(verdict, calendar)),
        days: verdict.days.iter().map(|row| day(row, limit, calendar)).collect(),
        hours: hours(verdict, calendar, covered_hours),
    }
}

fn deciding(deciding: Deciding, limit_channels: u64, calendar: &Calendar) -> DecidingJson {
    let day = calendar.days().get(deciding.day);
    DecidingJson {
        date: day.map(|day| day.date.to_string()).unwrap_or_default(),
        figure: figure(deciding.figure, limit_channels),
        margin: margin(deciding.margin),
    }
}

fn readings(verdict: &ScenarioVerdict, calendar: &Calendar) -> Vec<ReadingJson> {
    let limit = verdict.limit_channels;
    let of = |(reading, judged): &(Reading, Judged)| ReadingJson {
        reading: reading.to_string(),
        verdict: judged.outcome.name(),
        without_loss: judged.without_loss.name(),
        run_days: judged.run_days,
        run_days_at_least: judged.run_days_at_least,
        run_days_at_most: judged.run_days_at_most,
        deciding: judged.deciding.map(|day| deciding(day, limit, calendar)),
    };
    verdict.readings.iter().map(of).collect()
}

fn caveat(report: &CheckReport, caveat: &Caveat) -> CaveatJson {
    CaveatJson {
        kind: caveat.name(),
        sentence: caveat_sentence(report, caveat),
        otherwise: caveat.otherwise().map(Outcome::name),
    }
}

fn agreement(verdict: &ScenarioVerdict) -> AgreementJson {
    let agreement = &verdict.agreement;
    AgreementJson {
        readings: agreement.readings,
        agreeing: agreement.agreeing,
        lifts: agreement.lifts,
        stays: agreement.stays,
        cannot_tell: agreement.cannot_tell,
        flips: agreement
            .flips
            .iter()
            .map(|flip| FlipJson {
                axis: Axis::name(flip.axis),
                choice: flip.choice,
                verdict: flip.outcome.name(),
            })
            .collect(),
        nearest: agreement.nearest.map(|nearest| NearestJson {
            reading: nearest.reading.to_string(),
            margin: margin(nearest.margin),
        }),
    }
}

fn day(row: &DayRow, limit: u64, calendar: &Calendar) -> DayJson {
    DayJson {
        date: row.date.to_string(),
        figure: figure(row.figure, limit),
        margin: margin(row.margin),
        mean_hour: calendar.hours().get(row.count.mean_hour).map(|hour| utc_ms(hour.started)),
        peak_channels: row.count.peak_channels,
        over: row.over,
        run_days: row.run_days,
        state: row.state.name(),
        covered_hours: row.coverage.covered_hours,
        hours: row.coverage.hours,
        lower_bound: row.coverage.is_lower_bound(),
        fewest: row.fewest.map(|fewest| figure(fewest, limit)),
        most: row.most.map(|most| figure(most, limit)),
    }
}

fn hours(verdict: &ScenarioVerdict, calendar: &Calendar, covered: &[bool]) -> Vec<HourJson> {
    calendar
        .hours()
        .iter()
        .zip(&verdict.history.hours)
        .zip(covered)
        .map(|((hour, count), covered)| HourJson {
            started: utc_ms(hour.started),
            local: local_s(hour.started, calendar.zone()),
            length_s: hour.length_ns() / 1_000_000_000,
            channel_ns: count.channel_ns.to_string(),
            peak_channels: count.peak_channels,
            covered: *covered,
        })
        .collect()
}

fn input(report: &CheckReport) -> InputJson {
    let input = &report.input;
    let when = |(first, last): (CaptureTime, CaptureTime)| [utc_ms(first), utc_ms(last)];
    InputJson {
        files: input
            .files
            .iter()
            .map(|file| FileJson { path: super::escape::terminal(&file.path), bytes: file.bytes })
            .collect(),
        captures: input.captures,
        members: input.members,
        records: input.records,
        sip_messages: input.sip_messages,
        ledger: input.ledger.iter().collect(),
        notes: input.notes.counts().map(|(kind, count)| (kind.name(), count)).collect(),
        losses: report
            .coverage
            .losses
            .iter()
            .map(|loss| LossJson {
                kind: loss.kind.name(),
                file: (loss.file != FileId::SEVERAL).then_some(loss.file.0),
                when: loss.when.map(when),
                bytes: loss.bytes,
                detail: loss.detail.clone(),
            })
            .collect(),
        rtp_left_out: input.rtp_left_out,
    }
}
