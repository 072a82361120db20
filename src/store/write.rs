//! Rows into tables. Each function sorts what it is given, so that equal sets give an equal file.

use super::cells::{Address, Cells, OrNull, Text, bind};
use super::database::{Database, StoreError};
use super::rows::{
    BranchRow, CallRow, CaptureRow, CdrRow, ChannelDayRow, ChannelHourRow, EvidenceRow, RunRow,
    VerdictRow,
};
use crate::base::{Ledger, Loss, Notes};
use rusqlite::Connection;

/// SQLite has 64-bit signed integers.
pub(super) fn integer(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

pub(super) fn sorted_by_key<T, K: Ord>(rows: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let mut sorted: Vec<&T> = rows.iter().collect();
    sorted.sort_by_key(|row| key(row));
    sorted
}

/// Rows of one statement: what a statement costs beside its rows is shared, and the place of the last row
/// is known when the next one comes.
const ROWS_A_STATEMENT: usize = 32;

fn insert_all<T>(
    connection: &Connection,
    table: &str,
    columns: usize,
    mut rows: impl Iterator<Item = T>,
    bind: impl Fn(&mut Cells<'_, '_>, T) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let row = format!("({})", vec!["?"; columns].join(", "));
    let prepare = |rows: usize| {
        // A failure ends the whole file: nothing needs to be kept for undoing the statement alone.
        let rows = vec![&*row; rows].join(", ");
        connection.prepare(&format!("INSERT OR FAIL INTO {table} VALUES {rows}"))
    };
    let mut text = Vec::new();
    let mut together: Vec<T> = Vec::with_capacity(ROWS_A_STATEMENT);
    let mut of_many = None;
    loop {
        together.extend(rows.by_ref().take(ROWS_A_STATEMENT));
        if together.len() < ROWS_A_STATEMENT {
            break;
        }
        let statement = match &mut of_many {
            Some(statement) => statement,
            None => of_many.insert(prepare(ROWS_A_STATEMENT)?),
        };
        let mut cells = Cells::new(statement, &mut text);
        together.drain(..).try_for_each(|row| bind(&mut cells, row))?;
        statement.raw_execute()?;
    }
    if together.is_empty() {
        return Ok(());
    }
    let mut statement = prepare(1)?;
    for row in together {
        bind(&mut Cells::new(&mut statement, &mut text), row)?;
        statement.raw_execute()?;
    }
    Ok(())
}

impl Database {
    /// Runs `INSERT INTO table VALUES (?, ...), ...` for the rows, many at a time.
    pub(super) fn insert<T>(
        &self,
        table: &str,
        columns: usize,
        rows: impl IntoIterator<Item = T>,
        bind: impl Fn(&mut Cells<'_, '_>, T) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        insert_all(self.connection()?, table, columns, rows.into_iter(), bind)
            .map_err(|source| self.failed(source))
    }

    /// Writes the run itself.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write; so for all functions of this kind.
    pub fn write_run(&self, run: &RunRow<'_>) -> Result<(), StoreError> {
        let arguments = serde_json::Value::from(run.arguments).to_string();
        self.insert("runs", 7, [run], |cells, run| {
            let version = env!("CARGO_PKG_VERSION");
            bind!(cells;
                1,
                version,
                &arguments,
                run.time_zone,
                run.limit_channels,
                run.as_of,
                run.rules
            )
        })
    }

    /// Writes captures.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_captures(&self, captures: &[CaptureRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(captures, |capture| capture.id);
        self.insert("captures", 11, sorted, |cells, capture| {
            bind!(cells;
                capture.id.file.0,
                capture.id.member,
                Text(capture.path),
                Text(capture.member_name),
                capture.sensor,
                integer(capture.bytes),
                integer(capture.records),
                OrNull(capture.seen.map(|seen| seen.0)),
                OrNull(capture.seen.map(|seen| seen.1)),
                capture.cut,
                Text(capture.shown),
            )
        })
    }

    /// Writes CDRs, numbered from `first` on; their legs must have been written.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_cdrs(&self, first: i64, cdrs: &[CdrRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(cdrs, |row| (row.cdr.leg, row.cdr.sequence));
        self.insert("cdrs", 25, (first..).zip(sorted), |cells, (id, row)| {
            let cdr = row.cdr;
            let (source, destination) = cdr.ends.both();
            bind!(cells;
                id,
                cdr.leg,
                cdr.sequence,
                Text(row.call_id),
                row.id_sensor,
                Text(&cdr.caller),
                Text(&cdr.called),
                cdr.started,
                cdr.ended,
                OrNull(cdr.connected),
                OrNull(cdr.progressed),
                Address(source.address),
                source.port,
                Address(destination.address),
                destination.port,
                cdr.last_response,
                cdr.bye.code(),
                cdr.hung_up_by.map(|side| side.name()),
                OrNull(cdr.vendor_cut.map(|cut| cut.ended)),
                cdr.vendor_cut.map(|cut| cut.bye.code()),
                cdr.vendor_cut.map(|cut| cut.last_response),
                cdr.only_when_cut,
                cdr.branches,
                cdr.has_media,
                cdr.vendor_blind,
            )
        })
    }

    /// Writes the fork destinations of legs.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_branches(&self, branches: &[BranchRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(branches, |branch| (branch.leg, branch.number));
        self.insert("branches", 7, sorted, |cells, branch| {
            bind!(cells;
                branch.leg,
                branch.number,
                Text(branch.to_tag),
                Text(branch.via_branch),
                Text(branch.request_uri),
                branch.first,
                branch.final_response,
            )
        })
    }

    /// Writes calls and which legs they have.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_calls(&self, calls: &[CallRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(calls, |call| call.id);
        self.insert("calls", 6, &sorted, |cells, call| {
            bind!(cells;
                call.id,
                call.started,
                call.ended,
                integer(call.legs.len()),
                call.answered,
                call.conflict,
            )
        })?;
        let mut members: Vec<(u32, u32)> = Vec::new();
        for call in sorted {
            members.extend(call.legs.iter().map(|leg| (call.id, *leg)));
        }
        members.sort_unstable();
        self.insert("call_legs", 2, members, |cells, (call, leg)| bind!(cells; call, leg))
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
        self.insert("evidence", 10, sorted, |cells, row| {
            bind!(cells;
                row.legs.0,
                row.legs.1,
                row.rule,
                row.class,
                row.joined,
                row.reason,
                Text(row.values.0),
                Text(row.values.1),
                OrNull(row.records.0),
                OrNull(row.records.1),
            )
        })
    }

    /// Writes the hours of scenarios and readings.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_channel_hours(&self, hours: &[ChannelHourRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(hours, |row| (row.scenario, row.reading, row.started));
        self.insert("channel_hours", 7, sorted, |cells, row| {
            bind!(cells;
                row.scenario,
                row.reading,
                row.started,
                row.hour,
                integer(row.channel_ns),
                integer(row.peak_channels),
                row.lower_bound,
            )
        })
    }

    /// Writes the days of scenarios and readings.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_channel_days(&self, days: &[ChannelDayRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(days, |row| (row.scenario, row.reading, row.day));
        self.insert("channel_days", 9, sorted, |cells, row| {
            bind!(cells;
                row.scenario,
                row.reading,
                row.day,
                integer(row.counted_millichannels),
                integer(row.peak_channels),
                row.over,
                row.days_over,
                row.state,
                row.lower_bound,
            )
        })
    }

    /// Writes verdicts.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_verdicts(&self, verdicts: &[VerdictRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(verdicts, |row| (row.scenario, row.reading));
        self.insert("verdicts", 6, sorted, |cells, row| {
            bind!(cells;
                row.scenario,
                row.reading,
                row.verdict,
                row.decisive_millichannels.map(integer),
                row.margin_millichannels,
                row.reason,
            )
        })
    }

    /// Writes the notes that were kept, and the counts of all.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_notes(&self, notes: &Notes) -> Result<(), StoreError> {
        self.insert("notes", 6, notes.kept(), |cells, note| {
            bind!(cells;
                note.kind.name(),
                note.capture.file.0,
                note.capture.member,
                note.record,
                note.offset.map(integer),
                Text(note.detail.as_bytes()),
            )
        })?;
        self.insert(
            "note_counts",
            2,
            notes.counts(),
            |cells, (kind, count)| bind!(cells; kind.name(), integer(count)),
        )
    }

    /// Writes losses.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_losses(&self, losses: &[Loss]) -> Result<(), StoreError> {
        let mut sorted: Vec<&Loss> = losses.iter().collect();
        sorted.sort();
        self.insert("losses", 6, sorted, |cells, loss| {
            bind!(cells;
                loss.kind.name(),
                loss.file.0,
                OrNull(loss.when.map(|when| when.0)),
                OrNull(loss.when.map(|when| when.1)),
                integer(loss.bytes),
                Text(loss.detail.as_bytes()),
            )
        })
    }

    /// Writes the conservation ledger.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_ledger(&self, ledger: &Ledger) -> Result<(), StoreError> {
        self.insert(
            "ledger",
            2,
            ledger.iter(),
            |cells, (name, value)| bind!(cells; name, integer(value)),
        )
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
