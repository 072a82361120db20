//! What whole runs answered, kept beside the segments: one file for each answer, named by its key.
//!
//! A file is a segment of one entry, made under another name and renamed when it is whole, so nobody
//! meets half of one. It is read without the directory's lock and without a look at the segments: an
//! answer that is there costs its own bytes, however large the directory is.

use super::directory::{LOCK_NAME, lock};
use super::entry::{HEADER_BYTES, Owner, SEGMENT_HEAD_BYTES};
use super::key::program_digest;
use super::segment::{self, Appender};
use crate::base::limits::{WORK_ANSWER_BYTES_MAX, WORK_ANSWERS_MAX};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const ANSWER_PREFIX: &str = "answer-";
/// Name of an answer until it is whole. One that a killed run left is written over.
const UNFINISHED_NAME: &str = "answering";

/// The answers below a work directory.
#[derive(Clone, Debug)]
pub(in crate::run) struct Answers {
    directory: PathBuf,
    program: u128,
}

/// What there is for a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::run) enum Kept {
    /// The answer as it was put.
    Whole(Vec<u8>),
    /// One that is not as it was written.
    Damaged,
    /// None of this program.
    Nothing,
}

impl Answers {
    /// Those of this program below a directory, which need not be there.
    pub(in crate::run) fn below(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), program: program_digest() }
    }

    /// Whether there is any answer, be it of this program or not.
    pub(in crate::run) fn is_any(&self) -> bool {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).any(|name| is_answer(&name))
    }

    /// The answer that was put under the key.
    pub(in crate::run) fn get(&self, key: u128) -> Kept {
        match self.read(key) {
            Ok(Some(payload)) => Kept::Whole(payload),
            Ok(None) => Kept::Nothing,
            Err(error) if error.kind() == ErrorKind::NotFound => Kept::Nothing,
            Err(_) => Kept::Damaged,
        }
    }

    fn read(&self, key: u128) -> io::Result<Option<Vec<u8>>> {
        let file = File::open(self.path(key))?;
        match segment::owner(&file)? {
            (_, Some(owner)) if owner == self.owner(key) => {}
            // Of another program, or of another format.
            (_, Some(owner)) if owner.options == key => return Ok(None),
            (true, None) => return Ok(None),
            _ => return Err(ErrorKind::InvalidData.into()),
        }
        let head = SEGMENT_HEAD_BYTES as u64;
        let bytes = file.metadata()?.len().saturating_sub(head);
        if bytes > most_bytes() {
            return Err(ErrorKind::InvalidData.into());
        }
        segment::read(&file, (head, bytes), &key.to_le_bytes())
    }

    /// Keeps an answer, and of the others the newest ones.
    ///
    /// # Errors
    ///
    /// With the reason why it could not be kept.
    pub(in crate::run) fn put(&self, key: u128, payload: &[u8]) -> Result<(), String> {
        let bytes = payload.len();
        if bytes > WORK_ANSWER_BYTES_MAX {
            return Err(format!("{bytes} bytes are more than are kept"));
        }
        let _lock = lock(&self.directory.join(LOCK_NAME))?;
        self.write(key, payload).map_err(|error| error.to_string())
    }

    fn write(&self, key: u128, payload: &[u8]) -> io::Result<()> {
        let others = self.others(key)?;
        let run = others.last().map_or(1, |(run, _)| run.saturating_add(1));
        let unfinished = self.directory.join(UNFINISHED_NAME);
        remove(&unfinished)?;
        let made = Appender::create(&unfinished, self.owner(key)).and_then(|mut appender| {
            appender.put(run, &key.to_le_bytes(), payload)?;
            appender.flush()
        });
        if let Err(error) = made.and_then(|()| fs::rename(&unfinished, self.path(key))) {
            let _stays = fs::remove_file(&unfinished);
            return Err(error);
        }
        let room = WORK_ANSWERS_MAX.saturating_sub(1);
        let too_many = others.len().saturating_sub(room);
        others[..too_many].iter().try_for_each(|(_, path)| remove(path))
    }

    /// The answers to other keys, the oldest first: the run that wrote each, and its file. Those of another
    /// program, and what is none, can never be of use and are the oldest of all: 0.
    fn others(&self, key: u128) -> io::Result<Vec<(u64, PathBuf)>> {
        let own = self.path(key);
        let mut others = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path != own && path.file_name().is_some_and(is_answer) {
                others.push((self.run_of(&path).unwrap_or(0), path));
            }
        }
        others.sort();
        Ok(others)
    }

    fn run_of(&self, path: &Path) -> Option<u64> {
        let file = File::open(path).ok()?;
        let (_, owner) = segment::owner(&file).ok()?;
        owner.filter(|owner| owner.program == self.program)?;
        let mut run = None;
        segment::walk(&file, |entry| run = Some(entry.header.run)).ok()?;
        run
    }

    fn owner(&self, key: u128) -> Owner {
        Owner { program: self.program, options: key }
    }

    fn path(&self, key: u128) -> PathBuf {
        self.directory.join(format!("{ANSWER_PREFIX}{key:032x}"))
    }
}

fn is_answer(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(ANSWER_PREFIX.as_bytes())
}

/// Bytes of the largest entry that is written.
const fn most_bytes() -> u64 {
    (HEADER_BYTES + size_of::<u128>() + WORK_ANSWER_BYTES_MAX) as u64
}

/// Removes a file that need not be there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
