//! A report as bytes, and back: what of it the configuration and the walk of a later run do not tell
//! themselves.

use super::parts::{PartsError, ledger};
use crate::base::Notes;
use crate::channel::Calendar;
use crate::license::{Coverage, LicenseReport, ScenarioVerdict};
use crate::report::CheckReport;
use crate::report::check::{InputFile, InputReport, LeftOut};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// What is written of a report.
#[derive(Serialize)]
struct Writing<'w> {
    scenarios: &'w [ScenarioVerdict],
    decided_by: usize,
    days: (Date, Date),
    as_of: Date,
    coverage: &'w Coverage,
    legs: u64,
    legs_vendor_blind: u64,
    cdrs_with_media: u64,
    cdrs_ended_by_signalling: u64,
    calls: Option<u64>,
    license: &'w Option<LicenseReport>,
    captures: u64,
    members: u64,
    records: u64,
    sip_messages: u64,
    ledger: Vec<(&'w str, u64)>,
    notes: &'w Notes,
}

/// The same as it is read, field by field in the same order.
#[derive(Deserialize)]
struct Reading<'r> {
    scenarios: Vec<ScenarioVerdict>,
    decided_by: usize,
    days: (Date, Date),
    as_of: Date,
    coverage: Coverage,
    legs: u64,
    legs_vendor_blind: u64,
    cdrs_with_media: u64,
    cdrs_ended_by_signalling: u64,
    calls: Option<u64>,
    license: Option<LicenseReport>,
    captures: u64,
    members: u64,
    records: u64,
    sip_messages: u64,
    #[serde(borrow)]
    ledger: Vec<(&'r str, u64)>,
    notes: Notes,
}

/// What of a report is known before anything is read.
#[derive(Clone, Debug)]
pub(in crate::run) struct KnownBefore {
    /// The GUI's time zone.
    pub(in crate::run) zone: TimeZone,
    /// Its name for output.
    pub(in crate::run) time_zone: String,
    /// Whether the user gave the day of the verdict.
    pub(in crate::run) as_of_given: bool,
    /// Whether the verdicts under every reading are to be listed.
    pub(in crate::run) lists_readings: bool,
    /// Names of the sensors, by id.
    pub(in crate::run) sensors: Vec<String>,
    /// The files, in the order of their ids.
    pub(in crate::run) files: Vec<InputFile>,
    /// RTP that was left out on request.
    pub(in crate::run) rtp_left_out: Option<LeftOut>,
}

/// Bytes of a report.
pub(in crate::run) fn encode(report: &CheckReport) -> Result<Vec<u8>, PartsError> {
    let CheckReport {
        scenarios,
        decided_by,
        calendar,
        as_of,
        coverage,
        legs,
        legs_vendor_blind,
        cdrs_with_media,
        cdrs_ended_by_signalling,
        calls,
        license,
        input,
        // `KnownBefore` has these, the files and what was left out.
        time_zone: _,
        as_of_given: _,
        lists_readings: _,
        sensors: _,
    } = report;
    let InputReport {
        files: _,
        captures,
        members,
        records,
        sip_messages,
        ledger,
        notes,
        rtp_left_out: _,
    } = input;
    let writing = Writing {
        scenarios,
        decided_by: *decided_by,
        days: calendar.asked(),
        as_of: *as_of,
        coverage,
        legs: *legs,
        legs_vendor_blind: *legs_vendor_blind,
        cdrs_with_media: *cdrs_with_media,
        cdrs_ended_by_signalling: *cdrs_ended_by_signalling,
        calls: *calls,
        license,
        captures: *captures,
        members: *members,
        records: *records,
        sip_messages: *sip_messages,
        ledger: ledger.iter().collect(),
        notes,
    };
    Ok(postcard::to_stdvec(&writing)?)
}

/// The report that [`encode`] wrote, of a run that knows the same before it reads.
///
/// # Errors
///
/// When the bytes are not what was written.
pub(in crate::run) fn decode(bytes: &[u8], known: KnownBefore) -> Result<CheckReport, PartsError> {
    let (read, behind) = postcard::take_from_bytes::<Reading<'_>>(bytes)?;
    if !behind.is_empty() {
        return Err(PartsError::Length);
    }
    let (first, last) = read.days;
    Ok(CheckReport {
        scenarios: read.scenarios,
        decided_by: read.decided_by,
        calendar: Calendar::new(known.zone, first, last),
        time_zone: known.time_zone,
        as_of: read.as_of,
        as_of_given: known.as_of_given,
        coverage: read.coverage,
        sensors: known.sensors,
        legs: read.legs,
        legs_vendor_blind: read.legs_vendor_blind,
        cdrs_with_media: read.cdrs_with_media,
        cdrs_ended_by_signalling: read.cdrs_ended_by_signalling,
        calls: read.calls,
        license: read.license,
        lists_readings: known.lists_readings,
        input: InputReport {
            files: known.files,
            captures: read.captures,
            members: read.members,
            records: read.records,
            sip_messages: read.sip_messages,
            ledger: ledger(read.ledger)?,
            notes: read.notes,
            rtp_left_out: known.rtp_left_out,
        },
    })
}
