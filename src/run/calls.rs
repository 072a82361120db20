//! Calls of a spool or of the database of a run: reads it, groups its legs, and finds legs, calls and
//! costs in what came out.
//!
//! In: what to read and the rules. Out: [`CallRun`], from which `audit`, `explain` and `show` print.

use super::check::walk_options;
use super::config::{CallsConfig, StoredConfig};
use super::error::Error;
use super::paths::TypedPaths;
use super::reconstruct::{ReconstructOptions, reconstruct};
use super::side_by_side;
use super::spill::{Spill, were_read};
use crate::base::{CaptureId, CaptureTime, FileId, Note, NoteKind, RecordRef, SensorId};
use crate::call::{
    Audit, AuditFilter, Call, Grouping, LegOutline, MergedCalls, Outlines, RuleOutcome, RuleTable,
    audit, explain, merge,
};
use crate::channel::{Calendar, Channels, Groups, Reading, Units, busiest_hour, merging_saves};
use crate::leg::{Cdr, Leg, Legs};
use crate::report::audit::PeakCost;
use crate::report::call::CallsView;
use crate::report::explain::{PlaceOf, printable};
use crate::spool::SpoolListing;
use crate::store::StoredRun;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Call-IDs that are proposed for one that was not found.
const PROPOSALS_MAX: usize = 5;

/// Where the names of files come from.
#[derive(Debug)]
enum Places {
    /// The walk of a spool.
    Spool(SpoolListing, TypedPaths),
    /// The table of a database.
    Database(BTreeMap<FileId, Vec<u8>>),
}

/// Everything that the calls of a spool, or of the database of a run, are made of.
#[derive(Debug)]
pub struct CallRun {
    /// The legs as they were read; absent for a database, which holds no messages.
    pub legs: Option<Legs>,
    /// The legs as the rules read them.
    pub outlines: Outlines,
    /// Their CDRs: by leg, then by start.
    pub cdrs: Vec<Cdr>,
    /// Names of the sensors by number; the unnamed one is empty.
    pub sensors: Vec<String>,
    /// How the legs were joined.
    pub grouping: Grouping,
    /// The calls.
    pub merged: MergedCalls,
    /// The rules that were used.
    pub rules: RuleTable,
    /// The zone in which moments are told and days are cut.
    pub time_zone: TimeZone,
    places: Places,
    /// First and last record; absent without records.
    span: Option<(CaptureTime, CaptureTime)>,
    /// Parts of what was read that are lost.
    losses: usize,
    /// What the user should know of the work directory.
    messages: Vec<String>,
}

/// What is grouped, whatever it was read from.
struct Read {
    legs: Option<Legs>,
    outlines: Outlines,
    cdrs: Vec<Cdr>,
    sensors: Vec<String>,
    places: Places,
    span: Option<(CaptureTime, CaptureTime)>,
    losses: usize,
    messages: Vec<String>,
}

/// Reads spools and groups their legs into calls.
///
/// # Errors
/// When the paths cannot be walked or hold no call.
pub fn calls(config: &CallsConfig) -> Result<CallRun, Error> {
    let found = reconstruct(&config.spools, &options(config))?;
    if found.ledger.value("leg.with_invite") == 0 {
        return Err(Error::NoCalls { files: found.listing.files.len() });
    }
    let first = found.spans.values().map(|span| span.first).min();
    let last = found.spans.values().map(|span| span.last).max();
    let pool = side_by_side::pool(config.threads)?;
    let cdrs = found.cdrs.iter().collect();
    let cdrs_are_whole = found.cdrs.are_whole();
    let read = Read {
        outlines: found.outlines,
        legs: Some(found.legs),
        cdrs,
        sensors: found.listing.sensors.clone(),
        places: Places::Spool(found.listing, found.paths),
        span: first.zip(last),
        losses: found.losses.len(),
        messages: found.profile.messages,
    };
    let (rules, time_zone) = (config.rules.clone(), config.time_zone.clone());
    let mut run = pool.install(|| grouped(read, rules, time_zone, &found.spill))?;
    run.messages.extend(found.spill.message());
    were_read(run.outlines.are_whole() && cdrs_are_whole)?;
    Ok(run)
}

/// Reads the database of a run and groups its legs into calls, by the same functions as [`calls`].
///
/// # Errors
/// When it is no database of this program and version, or holds no call.
pub fn stored_calls(config: &StoredConfig) -> Result<CallRun, Error> {
    let stored = StoredRun::read(&config.path)?;
    if !stored.outlines.iter().any(|leg| leg.has_invite) {
        return Err(Error::NoCalls { files: stored.captures });
    }
    let wrong = |problem| Error::StoredValue { path: config.path.clone(), problem };
    let rules = config.rules.clone().map_or_else(
        || RuleTable::from_toml(&stored.rules).map_err(|error| wrong(error.to_string())),
        Ok,
    )?;
    let time_zone = config.time_zone.clone().map_or_else(
        || {
            let zone = TimeZoneDatabase::bundled().get(&stored.time_zone);
            zone.map_err(|error| wrong(error.to_string()))
        },
        Ok,
    )?;
    let read = Read {
        legs: None,
        outlines: stored.outlines,
        cdrs: stored.cdrs,
        sensors: stored.sensors,
        places: Places::Database(stored.files),
        span: stored.span,
        losses: stored.losses,
        messages: Vec::new(),
    };
    // All of it was read into memory already.
    let spill = Spill::new(0, 1, None);
    side_by_side::pool(config.threads)?.install(|| grouped(read, rules, time_zone, &spill))
}

fn grouped(
    read: Read,
    rules: RuleTable,
    time_zone: TimeZone,
    spill: &Spill,
) -> Result<CallRun, Error> {
    let Read { legs, outlines, cdrs, sensors, places, span, losses, messages } = read;
    let (grouping, ()) = side_by_side::group(&outlines, &rules, spill, || ())?;
    let merged = merge(&outlines, &grouping, &cdrs);
    Ok(CallRun {
        legs,
        outlines,
        cdrs,
        sensors,
        grouping,
        merged,
        rules,
        time_zone,
        places,
        span,
        losses,
        messages,
    })
}

fn options(config: &CallsConfig) -> ReconstructOptions {
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

/// What to say when pairs were not compared; absent when all were.
pub(super) fn left_out_note(grouping: &Grouping) -> Option<Note> {
    let pairs = grouping.left_out;
    (pairs > 0).then(|| Note {
        // About no file: the pairs are spread over all of them.
        capture: CaptureId { file: FileId::SEVERAL, member: 0 },
        offset: None,
        record: None,
        kind: NoteKind::Limit,
        detail: format!(
            "{pairs} pairs of legs were not compared: more legs than are compared share one value; \
             calls may be missing joins, so merged counts are upper bounds"
        ),
    })
}

impl CallRun {
    /// What makes the calls less than the whole truth, a line each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let losses = self.losses;
        let lost = (losses > 0).then(|| {
            format!("{losses} parts of what was read are lost: legs may be missing; see check")
        });
        let left_out = left_out_note(&self.grouping).map(|note| note.detail);
        self.messages.iter().cloned().chain(lost).chain(left_out).collect()
    }

    /// Where a record is: path, member of an archive, number of the record as packet tools count.
    #[must_use]
    pub fn place(&self, record: RecordRef) -> String {
        let CaptureId { file, member } = record.capture;
        let path = match &self.places {
            Places::Spool(listing, paths) => {
                listing.path(file).map(|path| paths.shown(path).display().to_string())
            }
            Places::Database(files) => files.get(&file).map(|path| {
                let path = Path::new(OsStr::from_bytes(path));
                path.display().to_string()
            }),
        };
        let path = path.unwrap_or_else(|| record.to_string());
        match member {
            0 => format!("{path}, record {}", record.index),
            _ => format!("{path}, member {member}, record {}", record.index),
        }
    }

    /// What the report reads of it.
    #[must_use]
    pub fn view<'a>(&'a self, place_of: PlaceOf<'a>) -> CallsView<'a> {
        CallsView {
            outlines: &self.outlines,
            grouping: &self.grouping,
            rules: &self.rules,
            merged: &self.merged,
            sensors: &self.sensors,
            zone: &self.time_zone,
            place_of,
        }
    }

    /// The legs with a Call-ID: as it is on the wire or as it is printed, else the only Call-ID that
    /// begins so. `SENSOR=CALL-ID` names the leg that one sensor saw.
    ///
    /// # Errors
    /// When there is none; with Call-IDs that hold the text.
    pub fn find(&self, typed: &str) -> Result<Vec<u32>, Error> {
        let with = |wanted: &dyn Fn(&LegOutline<'_>) -> bool| -> Vec<u32> {
            let legs = (0u32..).zip(self.outlines.iter());
            legs.filter(|(_, leg)| wanted(leg)).map(|(number, _)| number).collect()
        };
        let is = |leg: &LegOutline<'_>, name: &str| {
            *leg.call_id == *name.as_bytes() || printable(leg.call_id) == name
        };
        let exact = with(&|leg| is(leg, typed));
        if !exact.is_empty() {
            return Ok(exact);
        }
        if let Some((sensor, call_id)) = typed.split_once('=') {
            let of_sensor = with(&|leg| is(leg, call_id) && self.sensor_name(leg.sensor) == sensor);
            if !of_sensor.is_empty() {
                return Ok(of_sensor);
            }
        }
        let beginning = with(&|leg| printable(leg.call_id).starts_with(typed));
        let call_id = |leg: &u32| self.outlines.at(*leg).call_id;
        let first = beginning.first().map(call_id);
        let is_one_call_id = beginning.iter().all(|leg| Some(call_id(leg)) == first);
        if !beginning.is_empty() && is_one_call_id {
            return Ok(beginning);
        }
        let mut near: Vec<String> = self
            .outlines
            .iter()
            .map(|leg| printable(leg.call_id))
            .filter(|call_id| call_id.contains(typed))
            .take(PROPOSALS_MAX)
            .collect();
        near.dedup();
        Err(Error::NoSuchLeg { typed: typed.to_owned(), legs: self.outlines.len(), near })
    }

    /// What every rule says about two legs.
    #[must_use]
    pub fn explain(&self, first: u32, second: u32) -> Vec<RuleOutcome> {
        explain(&self.outlines, &self.grouping, &self.rules, first, second)
    }

    /// The call of a leg; absent when there is no such leg.
    #[must_use]
    pub fn call_of(&self, leg: u32) -> Option<&Call> {
        self.merged.calls.get(self.grouping.place_of(leg)?)
    }

    /// The legs of a call, as they were read; absent for a database, which holds no messages.
    #[must_use]
    pub fn legs_of(&self, call: &Call) -> Option<Vec<Leg>> {
        let legs = self.legs.as_ref()?;
        Some(call.legs.iter().filter_map(|leg| legs.get(*leg)).collect())
    }

    /// The name of a sensor; empty for the unnamed one.
    #[must_use]
    pub fn sensor_name(&self, sensor: SensorId) -> &str {
        self.sensors.get(usize::from(sensor.0)).map_or("", String::as_str)
    }

    /// What was counted apart although it is one call, as far as the filter keeps it.
    #[must_use]
    pub fn audit(&self, filter: &AuditFilter) -> Audit {
        let Self { outlines, grouping, merged, cdrs, rules, .. } = self;
        let mut audit = audit(outlines, grouping, merged, cdrs, rules);
        audit.retain(filter, outlines, grouping, merged);
        audit
    }

    /// What the calls of an audit cost at the peak; absent when there never was a channel.
    #[must_use]
    pub fn peak_cost(&self, audit: &Audit) -> Option<PeakCost> {
        let reading = Reading::documented();
        let cdrs = &self.cdrs;
        let calendar = self.calendar()?;
        let busiest = |groups: &Groups| {
            busiest_hour(
                &Units::new(cdrs, groups).history(&calendar, reading.count),
                &calendar,
                reading,
            )
        };
        let figure = |groups: &[Vec<usize>]| {
            busiest(&Groups::of(groups, cdrs.len()))
                .map_or(Channels::ZERO, |busiest| busiest.figure)
        };
        let as_is = busiest(&Groups::singles(cdrs.len()))?;
        let day = calendar.days().get(as_is.hour.day)?.date;
        let of_day = Calendar::new(self.time_zone.clone(), day, day);
        let cost_of = |call: usize| {
            let own: Vec<Cdr> = self
                .merged
                .cdr_groups
                .get(call)
                .into_iter()
                .flatten()
                .filter_map(|place| cdrs.get(*place).cloned())
                .collect();
            let is_there =
                |cdr: &Cdr| cdr.started < as_is.hour.ended && cdr.ended >= as_is.hour.started;
            if own.iter().any(is_there) {
                merging_saves(&own, as_is.hour, &of_day, reading)
            } else {
                Channels::ZERO
            }
        };
        Some(PeakCost {
            merged: figure(&self.merged.cdr_groups),
            of_calls: audit.calls.iter().map(|found| cost_of(found.call)).collect(),
            what_if: audit.what_if.iter().map(|row| figure(&row.cdr_groups)).collect(),
            as_is,
        })
    }

    /// The days with data.
    fn calendar(&self) -> Option<Calendar> {
        let (first, last) = self.span?;
        let date = |moment| Calendar::date_of(&self.time_zone, moment);
        Some(Calendar::new(self.time_zone.clone(), date(first), date(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_were_not_compared_are_a_note() {
        let grouping = |left_out| Grouping { left_out, ..Grouping::default() };
        assert_eq!(left_out_note(&grouping(0)), None);
        let note = left_out_note(&grouping(7)).unwrap();
        assert_eq!(note.kind, NoteKind::Limit);
        assert!(note.detail.starts_with("7 pairs of legs were not compared"), "{}", note.detail);
    }
}
