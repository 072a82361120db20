//! A database read back: what `audit`, `explain` and `show` need of a run.
//!
//! In: a file that [`super::Database`] wrote. Out: [`StoredRun`]. Opened read-only; a file of another
//! program or of another version of the schema is refused, and a value that no run writes is an error.

use super::database::{APPLICATION_ID, SCHEMA_VERSION};
use super::text::unescaped_bytes;
use crate::base::{CaptureId, CaptureTime, Endpoint, FileId, RecordRef, SensorId};
use crate::call::Outlines;
use crate::call::outline::Moment;
use crate::leg::{Bye, Cdr, Ends, Side, VendorCut};
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, Row};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Why a database cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// An SQLite file that this program did not write.
    #[error("{} is an SQLite file, but not a database of this program; give a spool, or the file of check --db", path.display())]
    Foreign {
        /// Its path.
        path: PathBuf,
    },
    /// Written by another version of the program.
    #[error("{}: the database has version {found} of the schema, this program reads {SCHEMA_VERSION}; write it anew with check --db, or give the spool", path.display())]
    OtherVersion {
        /// Its path.
        path: PathBuf,
        /// Its version.
        found: i32,
    },
    /// SQLite could not read it, or a value in it is none that a run writes.
    #[error("cannot read the database {}: {source}; write it anew with check --db, or give the spool", path.display())]
    Sqlite {
        /// Its path.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// A run as its database holds it.
#[derive(Debug)]
pub struct StoredRun {
    /// Name of the time zone of days and hours.
    pub time_zone: String,
    /// The rules that joined legs, as a rule file.
    pub rules: String,
    /// Paths of the files as they were typed.
    pub files: BTreeMap<FileId, Vec<u8>>,
    /// Files that were read.
    pub captures: usize,
    /// First and last record; absent without records.
    pub span: Option<(CaptureTime, CaptureTime)>,
    /// Names of the sensors that saw legs, by number.
    pub sensors: Vec<String>,
    /// What the rules read of the legs, by number.
    pub outlines: Outlines,
    /// The CDRs: by leg, then by start.
    pub cdrs: Vec<Cdr>,
    /// Parts of what was read that are lost.
    pub losses: usize,
}

/// Whether a file is an SQLite database, of whatever program.
///
/// # Errors
///
/// When it cannot be opened or read.
pub fn is_sqlite(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut head)?;
    Ok(head == MAGIC)
}

impl StoredRun {
    /// Reads a database.
    ///
    /// # Errors
    ///
    /// When it is none of this program and version, or cannot be read.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let failed = |source| ReadError::Sqlite { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get(0));
        let application: i32 = number("application_id").map_err(failed)?;
        if application != APPLICATION_ID {
            return Err(ReadError::Foreign { path: path.to_owned() });
        }
        let found: i32 = number("user_version").map_err(failed)?;
        if found != SCHEMA_VERSION {
            return Err(ReadError::OtherVersion { path: path.to_owned(), found });
        }
        read_all(&connection).map_err(failed)
    }
}

fn read_all(connection: &Connection) -> rusqlite::Result<StoredRun> {
    let run = "SELECT time_zone, rules FROM runs";
    let (time_zone, rules) = connection.query_row(run, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let captures = rows(connection, "SELECT file, member, shown FROM captures", |row| {
        Ok((FileId(row.get(0)?), bytes(row, 2)?))
    })?;
    let span = "SELECT min(first_ns), max(last_ns) FROM captures";
    let span = connection.query_row(span, [], |row| {
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        Ok(first.map(CaptureTime::from_ns).zip(last.map(CaptureTime::from_ns)))
    })?;
    let losses: u32 = connection.query_row("SELECT count(*) FROM losses", [], |row| row.get(0))?;
    let (sensors, outlines) = super::read_legs::legs(connection)?;
    let sensor_of: Vec<SensorId> = outlines.iter().map(|leg| leg.sensor).collect();
    let cdrs = rows(
        connection,
        "SELECT leg, sequence, caller, called, started_ns, ended_ns, connected_ns, \
         progressed_ns, source_address, source_port, destination_address, destination_port, \
         last_response, bye, hung_up_by, cut_ended_ns, cut_bye, cut_last_response, only_when_cut, \
         branches, has_media, vendor_blind FROM cdrs ORDER BY id",
        |row| cdr(row, &sensor_of),
    )?;
    Ok(StoredRun {
        time_zone,
        rules,
        captures: captures.len(),
        files: captures.into_iter().collect(),
        span,
        sensors,
        outlines,
        cdrs,
        losses: losses as usize,
    })
}

/// All rows of a query.
pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map([], read)?.collect()
}

fn cdr(row: &Row<'_>, sensor_of: &[SensorId]) -> rusqlite::Result<Cdr> {
    let leg: u32 = row.get(0)?;
    let sensor = *sensor_of.get(leg as usize).ok_or_else(|| wrong(0, "no such leg"))?;
    let end = |at: usize| -> rusqlite::Result<Endpoint> {
        let (address, port): (String, u16) = (row.get(at)?, row.get(at + 1)?);
        let address = address.parse().map_err(|_| wrong(at, "not an address"))?;
        Ok(Endpoint::new(address, port))
    };
    let bye = |at: usize, code| Bye::from_code(code).ok_or_else(|| wrong(at, "not an end"));
    let vendor_cut = match moment(row, 15)? {
        Some(ended) => {
            Some(VendorCut { ended, bye: bye(16, row.get(16)?)?, last_response: row.get(17)? })
        }
        None => None,
    };
    let side = |name: String| Side::from_name(&name).ok_or_else(|| wrong(14, "not a side"));
    Ok(Cdr {
        leg,
        sequence: row.get(1)?,
        sensor,
        caller: bytes(row, 2)?.into(),
        called: bytes(row, 3)?.into(),
        started: CaptureTime::from_ns(row.get(4)?),
        ended: CaptureTime::from_ns(row.get(5)?),
        connected: moment(row, 6)?,
        progressed: moment(row, 7)?,
        ends: Ends::new(end(8)?, end(10)?),
        last_response: row.get(12)?,
        bye: bye(13, row.get(13)?)?,
        hung_up_by: row.get::<_, Option<String>>(14)?.map(side).transpose()?,
        vendor_cut,
        only_when_cut: row.get(18)?,
        branches: row.get(19)?,
        has_media: row.get(20)?,
        vendor_blind: row.get(21)?,
    })
}

/// A value that no run writes.
pub(super) fn wrong(column: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}

/// Text of a column as the bytes that it was made from.
pub(super) fn bytes(row: &Row<'_>, at: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(unescaped_bytes(row.get_ref(at)?.as_str()?))
}

/// A moment; absent for NULL.
pub(super) fn moment(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<CaptureTime>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(CaptureTime::from_ns))
}

/// A moment and, in the next column, its record; absent for NULL.
pub(super) fn seen(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Moment>> {
    let Some(time) = moment(row, at)? else { return Ok(None) };
    Ok(Some(Moment { time, record: record(row, at + 1)? }))
}

/// `FILE/MEMBER/RECORD`.
pub(super) fn record(row: &Row<'_>, at: usize) -> rusqlite::Result<RecordRef> {
    let text = row.get_ref(at)?.as_str()?;
    let mut parts = text.splitn(3, '/').map(|part| part.parse::<u32>().ok());
    let mut part = || parts.next().flatten().ok_or_else(|| wrong(at, "not FILE/MEMBER/RECORD"));
    let capture = CaptureId { file: FileId(part()?), member: part()? };
    Ok(RecordRef { capture, index: part()? })
}

/// `ADDRESS:PORT`.
pub(super) fn endpoint(row: &Row<'_>, at: usize) -> rusqlite::Result<Endpoint> {
    let text = row.get_ref(at)?.as_str()?;
    let socket: std::net::SocketAddr = text.parse().map_err(|_| wrong(at, "not ADDRESS:PORT"))?;
    Ok(Endpoint::new(socket.ip(), socket.port()))
}
