//! Rows into tables. Each function sorts what it is given, so that equal sets give an equal file.

use super::database::{Database, StoreError};
use super::rows::{
    BranchRow, CallRow, CaptureRow, CdrRow, ChannelDayRow, ChannelHourRow, EvidenceRow, RunRow,
    VerdictRow,
};
use super::text::escaped_text;
use crate::base::{CaptureTime, Ledger, Loss, Notes, RecordRef};
use rusqlite::{Statement, params};

/// SQLite has 64-bit signed integers.
pub(super) fn integer(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

pub(super) fn ns(moment: Option<CaptureTime>) -> Option<i64> {
    moment.map(CaptureTime::ns)
}

pub(super) fn record_text(record: Option<RecordRef>) -> Option<String> {
    let record = record?;
    Some(format!("{}/{}/{}", record.capture.file.0, record.capture.member, record.index))
}

pub(super) fn sorted_by_key<T, K: Ord>(rows: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let mut sorted: Vec<&T> = rows.iter().collect();
    sorted.sort_by_key(|row| key(row));
    sorted
}

impl Database {
    /// Prepares `INSERT INTO table VALUES (?, ...)` once and runs it for each row.
    pub(super) fn insert<T>(
        &self,
        table: &str,
        columns: usize,
        rows: impl IntoIterator<Item = T>,
        bind: impl Fn(&mut Statement<'_>, T) -> rusqlite::Result<usize>,
    ) -> Result<(), StoreError> {
        let marks = vec!["?"; columns].join(", ");
        let sql = format!("INSERT INTO {table} VALUES ({marks})");
        let inserted = self.connection()?.prepare(&sql).and_then(|mut statement| {
            rows.into_iter().try_for_each(|row| bind(&mut statement, row).map(|_| ()))
        });
        inserted.map_err(|source| self.failed(source))
    }

    /// Writes the run itself.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write; so for all functions of this kind.
    pub fn write_run(&self, run: &RunRow<'_>) -> Result<(), StoreError> {
        let arguments = serde_json::Value::from(run.arguments).to_string();
        self.insert("runs", 7, [run], |statement, run| {
            let version = env!("CARGO_PKG_VERSION");
            statement.execute(params![
                1,
                version,
                arguments,
                run.time_zone,
                run.limit_channels,
                run.as_of,
                run.rules
            ])
        })
    }

    /// Writes captures.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_captures(&self, captures: &[CaptureRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(captures, |capture| capture.id);
        self.insert("captures", 11, sorted, |statement, capture| {
            statement.execute(params![
                capture.id.file.0,
                capture.id.member,
                escaped_text(capture.path),
                escaped_text(capture.member_name),
                capture.sensor,
                integer(capture.bytes),
                integer(capture.records),
                ns(capture.seen.map(|seen| seen.0)),
                ns(capture.seen.map(|seen| seen.1)),
                capture.cut,
                escaped_text(capture.shown),
            ])
        })
    }

    /// Writes CDRs; their legs must have been written.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_cdrs(&self, cdrs: &[CdrRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(cdrs, |row| (row.cdr.leg, row.cdr.sequence));
        self.insert("cdrs", 25, (1_i64..).zip(sorted), |statement, (id, row)| {
            let cdr = row.cdr;
            let (source, destination) = cdr.ends.both();
            statement.execute(params![
                id,
                cdr.leg,
                cdr.sequence,
                escaped_text(row.call_id),
                row.id_sensor,
                escaped_text(&cdr.caller),
                escaped_text(&cdr.called),
                cdr.started.ns(),
                cdr.ended.ns(),
                ns(cdr.connected),
                ns(cdr.progressed),
                source.address.to_string(),
                source.port,
                destination.address.to_string(),
                destination.port,
                cdr.last_response,
                cdr.bye.code(),
                cdr.hung_up_by.map(|side| side.name()),
                ns(cdr.vendor_cut.map(|cut| cut.ended)),
                cdr.vendor_cut.map(|cut| cut.bye.code()),
                cdr.vendor_cut.map(|cut| cut.last_response),
                cdr.only_when_cut,
                cdr.branches,
                cdr.has_media,
                cdr.vendor_blind,
            ])
        })
    }

    /// Writes the fork destinations of legs.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_branches(&self, branches: &[BranchRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(branches, |branch| (branch.leg, branch.number));
        self.insert("branches", 7, sorted, |statement, branch| {
            statement.execute(params![
                branch.leg,
                branch.number,
                escaped_text(branch.to_tag),
                escaped_text(branch.via_branch),
                escaped_text(branch.request_uri),
                branch.first.ns(),
                branch.final_response,
            ])
        })
    }

    /// Writes calls and which legs they have.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_calls(&self, calls: &[CallRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(calls, |call| call.id);
        self.insert("calls", 6, &sorted, |statement, call| {
            statement.execute(params![
                call.id,
                call.started.ns(),
                call.ended.ns(),
                integer(call.legs.len()),
                call.answered,
                call.conflict,
            ])
        })?;
        let mut members: Vec<(u32, u32)> = Vec::new();
        for call in sorted {
            members.extend(call.legs.iter().map(|leg| (call.id, *leg)));
        }
        members.sort_unstable();
        self.insert("call_legs", 2, members, |statement, (call, leg)| {
            statement.execute(params![call, leg])
        })
    }

    /// Writes evidence. The same evidence given twice is one row.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_evidence(&self, evidence: &[EvidenceRow<'_>]) -> Result<(), StoreError> {
        let mut sorted =
            sorted_by_key(evidence, |row| (row.legs, row.rule, row.values, row.records));
        sorted.dedup_by_key(|row| (row.legs, row.rule, row.values));
        self.insert("evidence", 10, sorted, |statement, row| {
            statement.execute(params![
                row.legs.0,
                row.legs.1,
                row.rule,
                row.class,
                row.joined,
                row.reason,
                escaped_text(row.values.0),
                escaped_text(row.values.1),
                record_text(row.records.0),
                record_text(row.records.1),
            ])
        })
    }

    /// Writes the hours of scenarios and readings.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_channel_hours(&self, hours: &[ChannelHourRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(hours, |row| (row.scenario, row.reading, row.started));
        self.insert("channel_hours", 7, sorted, |statement, row| {
            statement.execute(params![
                row.scenario,
                row.reading,
                row.started.ns(),
                row.hour,
                integer(row.channel_ns),
                integer(row.peak_channels),
                row.lower_bound,
            ])
        })
    }

    /// Writes the days of scenarios and readings.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_channel_days(&self, days: &[ChannelDayRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(days, |row| (row.scenario, row.reading, row.day));
        self.insert("channel_days", 9, sorted, |statement, row| {
            statement.execute(params![
                row.scenario,
                row.reading,
                row.day,
                integer(row.counted_millichannels),
                integer(row.peak_channels),
                row.over,
                row.days_over,
                row.state,
                row.lower_bound,
            ])
        })
    }

    /// Writes verdicts.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_verdicts(&self, verdicts: &[VerdictRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(verdicts, |row| (row.scenario, row.reading));
        self.insert("verdicts", 6, sorted, |statement, row| {
            statement.execute(params![
                row.scenario,
                row.reading,
                row.verdict,
                row.decisive_millichannels.map(integer),
                row.margin_millichannels,
                row.reason,
            ])
        })
    }

    /// Writes the notes that were kept, and the counts of all.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_notes(&self, notes: &Notes) -> Result<(), StoreError> {
        self.insert("notes", 6, notes.kept(), |statement, note| {
            statement.execute(params![
                note.kind.name(),
                note.capture.file.0,
                note.capture.member,
                note.record,
                note.offset.map(integer),
                escaped_text(note.detail.as_bytes()),
            ])
        })?;
        self.insert("note_counts", 2, notes.counts(), |statement, (kind, count)| {
            statement.execute(params![kind.name(), integer(count)])
        })
    }

    /// Writes losses.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_losses(&self, losses: &[Loss]) -> Result<(), StoreError> {
        let mut sorted: Vec<&Loss> = losses.iter().collect();
        sorted.sort();
        self.insert("losses", 6, sorted, |statement, loss| {
            statement.execute(params![
                loss.kind.name(),
                loss.file.0,
                ns(loss.when.map(|when| when.0)),
                ns(loss.when.map(|when| when.1)),
                integer(loss.bytes),
                escaped_text(loss.detail.as_bytes()),
            ])
        })
    }

    /// Writes the conservation ledger.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_ledger(&self, ledger: &Ledger) -> Result<(), StoreError> {
        self.insert("ledger", 2, ledger.iter(), |statement, (name, value)| {
            statement.execute(params![name, integer(value)])
        })
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
