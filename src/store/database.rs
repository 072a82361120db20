//! The file: made beside its final name, renamed when whole, removed when not.

use rusqlite::Connection;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The tables and views.
pub const SCHEMA: &str = include_str!("schema.sql");
/// `application_id` in the file's header: "rspl".
pub(super) const APPLICATION_ID: i32 = 0x7273_706c;
/// `user_version`: the version of the schema.
pub(super) const SCHEMA_VERSION: i32 = 2;

/// Why there is no database.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file cannot be made or renamed.
    #[error("cannot write the database {}: {source}; give --db a path in a directory that can be written", path.display())]
    Unwritable {
        /// Its final path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something else already has the name.
    #[error("{} exists and is not a database of this program; give --db another path, nothing was changed", path.display())]
    Occupied {
        /// Its final path.
        path: PathBuf,
    },
    /// SQLite could not write, for instance on a full disk.
    #[error("cannot write the database {}: {source}", path.display())]
    Sqlite {
        /// Its final path.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// A database in the making. Dropped before [`Database::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Database {
    /// Absent after it was closed.
    connection: Option<Connection>,
    path: PathBuf,
    /// Absent after the rename.
    partial: Option<PathBuf>,
}

impl Database {
    /// Makes an empty database for a final path. A database of an earlier run there stays until the
    /// commit replaces it.
    ///
    /// # Errors
    ///
    /// When the directory cannot be written, or the path is taken by something else.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let unwritable = |source| StoreError::Unwritable { path: path.to_owned(), source };
        if is_occupied(path).map_err(unwritable)? {
            return Err(StoreError::Occupied { path: path.to_owned() });
        }
        let partial = partial_path(path);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&partial)
            .map_err(unwritable)?;
        let mut database =
            Self { connection: None, path: path.to_owned(), partial: Some(partial.clone()) };
        let opened = Connection::open(&partial).and_then(|connection| {
            prepare(&connection)?;
            Ok(connection)
        });
        database.connection = Some(opened.map_err(|source| database.failed(source))?);
        Ok(database)
    }

    /// Finishes the file and gives it its name.
    ///
    /// # Errors
    ///
    /// When the last rows or the name cannot be written; nothing is left behind then.
    pub fn commit(mut self) -> Result<(), StoreError> {
        if let Some(connection) = self.connection.take() {
            let indexes = "CREATE INDEX legs_call_id ON legs (call_id);
                CREATE INDEX cdrs_leg ON cdrs (leg);
                CREATE INDEX cdrs_started ON cdrs (started_ns);
                CREATE INDEX call_legs_leg ON call_legs (leg);
                CREATE INDEX evidence_other_leg ON evidence (other_leg);
                COMMIT;";
            let finished = connection.execute_batch(indexes);
            finished.map_err(|source| self.failed(source))?;
            connection.close().map_err(|(_, source)| self.failed(source))?;
        }
        let Some(partial) = &self.partial else { return Ok(()) };
        let named = File::open(partial)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(partial, &self.path));
        named.map_err(|source| StoreError::Unwritable { path: self.path.clone(), source })?;
        self.partial = None;
        Ok(())
    }

    pub(super) fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite { path: self.path.clone(), source }
    }

    /// The connection, inside the transaction of the run.
    pub(super) fn connection(&self) -> Result<&Connection, StoreError> {
        let closed = || self.failed(rusqlite::Error::InvalidQuery);
        self.connection.as_ref().ok_or_else(closed)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.connection = None;
        if let Some(partial) = self.partial.take() {
            // Nobody is left to tell; the name says what it is.
            let _ = fs::remove_file(partial);
        }
    }
}

/// One transaction, no journal: a file that is not finished is thrown away as a whole. References are
/// checked by tests instead of at each row.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = OFF;
         PRAGMA synchronous = OFF;
         PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA temp_store = MEMORY;
         PRAGMA foreign_keys = OFF;
         PRAGMA application_id = {APPLICATION_ID};
         PRAGMA user_version = {SCHEMA_VERSION};
         BEGIN;"
    ))?;
    connection.execute_batch(SCHEMA)
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

/// Whether a path is taken by anything but an earlier result or an empty file.
fn is_occupied(path: &Path) -> std::io::Result<bool> {
    const HEADER: u64 = 100;
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(path.file_name().is_none());
        }
        Err(error) => return Err(error),
    };
    if !metadata.is_file() {
        return Ok(true);
    }
    let mut header = Vec::new();
    File::open(path)?.take(HEADER).read_to_end(&mut header)?;
    let is_ours = header.starts_with(b"SQLite format 3\0")
        && header.get(68..72) == Some(APPLICATION_ID.to_be_bytes().as_slice());
    Ok(!is_ours && !header.is_empty())
}
