//! The work directory as a whole: opened and indexed, asked, written to, closed.

use super::compact::{Plan, is_worthwhile};
use super::entry::{Owner, SEGMENT_HEAD_BYTES};
use super::key::{FileKey, program_digest};
use super::segment::{self, Appender, Segment};
use hashbrown::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

pub(super) const LOCK_NAME: &str = "lock";
const SEGMENT_PREFIX: &str = "segment-";

/// Path digests come from names in a hostile spool: the seed is random. Its order reaches no result.
type Index = HashMap<u128, Place, foldhash::quality::RandomState>;

/// Where the latest entry of a path lies.
#[derive(Debug)]
struct Place {
    /// Among the segments that were there at the start.
    segment: usize,
    offset: u64,
    /// Header, key and payload.
    bytes: u64,
    run: u64,
    /// Whether this run took it, or found that it is of a state of the file that is over.
    used: AtomicBool,
}

/// An open work directory, which no other run can open. Shared by all workers.
#[derive(Debug)]
pub(in crate::run) struct WorkDirectory {
    path: PathBuf,
    owner: Owner,
    /// Held for as long as this lives.
    _lock: File,
    segments: Vec<Segment>,
    index: Index,
    /// Bytes of entries that a later one of their path replaced already.
    superseded_bytes: u64,
    run: u64,
    next_segment: AtomicU64,
    writers: Vec<Mutex<Writer>>,
    reused: AtomicU64,
    damaged: AtomicU64,
}

/// The segment that one worker writes.
#[derive(Debug, Default)]
struct Writer {
    state: WriterState,
    /// What it stored in this run: digest of the path.
    stored: Vec<u128>,
}

#[derive(Debug, Default)]
enum WriterState {
    /// Nothing was stored yet: this segment is taken over, or a new one made.
    #[default]
    Closed,
    Open(Appender),
    /// Writing failed: this worker stores nothing more.
    Failed(io::Error),
}

/// What opening gave.
#[derive(Debug)]
pub(in crate::run) struct Opened {
    /// Absent when it cannot be used: the run goes on without.
    pub(in crate::run) directory: Option<WorkDirectory>,
    /// What the user should know, line by line.
    pub(in crate::run) messages: Vec<String>,
}

/// What a run had of its work directory.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::run) struct WorkSummary {
    /// Files that were not read because an earlier run had read them.
    pub(in crate::run) reused_files: u64,
    /// Files that were read and stored.
    pub(in crate::run) stored_files: u64,
    /// Bytes of all entries that are there now, without what is replaced.
    pub(in crate::run) live_bytes: u64,
    /// What the user should know, line by line.
    pub(in crate::run) messages: Vec<String>,
}

impl WorkDirectory {
    /// Opens `path`, which is made when it is not there, for as many workers as given and for files read
    /// by the options of this digest ([`super::options_digest`]). Never fails: what stands in the way is
    /// told.
    pub(in crate::run) fn open(path: &Path, options_digest: u128, workers: usize) -> Opened {
        let owner = Owner { program: program_digest(), options: options_digest };
        Self::open_as(path, owner, workers)
    }

    pub(super) fn open_as(path: &Path, owner: Owner, workers: usize) -> Opened {
        let mut messages = Vec::new();
        let directory = match Self::opened(path, owner, workers, &mut messages) {
            Ok(directory) => Some(directory),
            Err(reason) => {
                messages.push(format!(
                    "the work directory {} is not used, all files are read: {reason}",
                    path.display()
                ));
                None
            }
        };
        Opened { directory, messages }
    }

    fn opened(
        path: &Path,
        owner: Owner,
        workers: usize,
        messages: &mut Vec<String>,
    ) -> Result<Self, String> {
        fs::create_dir_all(path).map_err(|error| error.to_string())?;
        let lock = lock(&path.join(LOCK_NAME))?;
        let found = find_segments(path, owner).map_err(|error| error.to_string())?;
        messages.extend(found.messages(path));
        let mut directory = Self {
            path: path.to_owned(),
            owner,
            _lock: lock,
            segments: Vec::new(),
            index: Index::default(),
            superseded_bytes: 0,
            run: 1,
            next_segment: AtomicU64::new(found.last_number + 1),
            writers: (0..workers.max(1)).map(|_| Mutex::default()).collect(),
            reused: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
        };
        for (path, file) in found.usable {
            if let Err(error) = directory.add_segment(path.clone(), file) {
                messages.push(format!("{}: {error}; what it holds is read anew", path.display()));
            }
        }
        Ok(directory)
    }

    /// Walks a segment into the index.
    fn add_segment(&mut self, path: PathBuf, file: File) -> io::Result<()> {
        let segment = self.segments.len();
        let Self { index, superseded_bytes, run, .. } = self;
        let mut found = Vec::new();
        let end = segment::walk(&file, |entry| {
            *run = (*run).max(entry.header.run.saturating_add(1));
            let Some(path) = super::key::path_of(entry.key) else { return };
            let used = AtomicBool::new(false);
            let (offset, bytes, run) = (entry.offset, entry.bytes, entry.header.run);
            found.push((
                super::key::digest_of_path(path),
                Place { segment, offset, bytes, run, used },
            ));
        })?;
        for (path, place) in found {
            let bytes = place.bytes;
            match index.get_mut(&path) {
                Some(known) if known.run > place.run => *superseded_bytes += bytes,
                Some(known) => {
                    *superseded_bytes += known.bytes;
                    *known = place;
                }
                None => {
                    index.insert(path, place);
                }
            }
        }
        self.segments.push(Segment { path, file, end });
        Ok(())
    }

    /// What reading the file gave in an earlier run; absent when it has to be read: it is new, it
    /// changed, or its entry cannot be read.
    pub(in crate::run) fn get(&self, key: &FileKey) -> Option<Vec<u8>> {
        let place = self.index.get(&key.path_digest())?;
        place.used.store(true, Ordering::Relaxed);
        let segment = self.segments.get(place.segment)?;
        match segment::read(&segment.file, (place.offset, place.bytes), key.bytes()) {
            Ok(payload) => {
                self.reused.fetch_add(u64::from(payload.is_some()), Ordering::Relaxed);
                payload
            }
            Err(_) => {
                self.damaged.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// The number of this run of the program, larger than that of every entry that was there before.
    pub(in crate::run) const fn run(&self) -> u64 {
        self.run
    }

    /// Whether an earlier run kept this very state of the file; then [`Self::get`] gives it, unless it is
    /// damaged.
    pub(in crate::run) fn holds(&self, key: &FileKey) -> bool {
        let Some(place) = self.index.get(&key.path_digest()) else { return false };
        let segment = self.segments.get(place.segment);
        segment.is_some_and(|segment| {
            segment::has_key(&segment.file, (place.offset, place.bytes), key.bytes())
        })
    }

    /// A payload of [`Self::get`] that cannot be understood: its file was read after all.
    pub(in crate::run) fn was_not_understood(&self) {
        self.reused.fetch_sub(1, Ordering::Relaxed);
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps what reading the file gave, for later runs. `worker` is below the number of workers; each
    /// writes a segment of its own. What cannot be kept is told by [`Self::finish`].
    pub(in crate::run) fn put(&self, worker: usize, key: &FileKey, payload: &[u8]) {
        let worker = worker % self.writers.len();
        // A worker that panicked has ended the program already.
        let mut writer = self.writers[worker].lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(writer.state, WriterState::Closed) {
            writer.state = match self.appender(worker) {
                Ok(appender) => WriterState::Open(appender),
                Err(error) => WriterState::Failed(error),
            };
        }
        let WriterState::Open(appender) = &mut writer.state else { return };
        match appender.put(self.run, key.bytes(), payload) {
            Ok(0) => {}
            Ok(_) => writer.stored.push(key.path_digest()),
            Err(error) => writer.state = WriterState::Failed(error),
        }
    }

    /// The segment of a worker: the one of its number that was there at the start, else a new one.
    fn appender(&self, worker: usize) -> io::Result<Appender> {
        match self.segments.get(worker) {
            Some(segment) => Appender::reopen(&segment.path, segment.end),
            None => Appender::create(&self.new_segment_path(), self.owner),
        }
    }

    fn new_segment_path(&self) -> PathBuf {
        let number = self.next_segment.fetch_add(1, Ordering::Relaxed);
        self.path.join(format!("{SEGMENT_PREFIX}{number:08}"))
    }

    /// Writes what waits, and makes room when more than half of the directory is of no use. To be called
    /// when all files are read; without it what the last moments stored is lost, nothing else.
    pub(in crate::run) fn finish(mut self) -> WorkSummary {
        let mut summary =
            WorkSummary { reused_files: *self.reused.get_mut(), ..WorkSummary::default() };
        let mut ends = Vec::new();
        let mut failure = None;
        for (worker, writer) in std::mem::take(&mut self.writers).into_iter().enumerate() {
            let mut writer = writer.into_inner().unwrap_or_else(PoisonError::into_inner);
            let end = match &mut writer.state {
                WriterState::Open(appender) => {
                    failure = appender.flush().err().or(failure);
                    appender.end()
                }
                WriterState::Closed | WriterState::Failed(_) => {
                    self.segments.get(worker).map_or(0, |segment| segment.end)
                }
            };
            ends.push(end);
            summary.stored_files += writer.stored.len() as u64;
            for path in writer.stored {
                self.superseded_bytes += self.index.remove(&path).map_or(0, |place| place.bytes);
            }
            if let WriterState::Failed(error) = writer.state {
                failure = Some(error);
            }
        }
        let others = self.segments.iter().skip(ends.len()).map(|segment| segment.end);
        let total: u64 = ends.iter().copied().chain(others).sum();
        if let Some(error) = failure {
            let path = self.path.display();
            summary.messages.push(format!("{path}: {error}; not all of this run could be kept"));
        }
        let damaged = *self.damaged.get_mut();
        if damaged > 0 {
            let path = self.path.display();
            summary.messages.push(format!(
                "{path}: {damaged} entries were damaged; their files were read anew"
            ));
        }
        summary.live_bytes = self.make_room(total, &mut summary.messages);
        summary
    }

    /// Gives the bytes that are left, what is replaced not counted.
    fn make_room(&self, total: u64, messages: &mut Vec<String>) -> u64 {
        let live = total.saturating_sub(self.superseded_bytes);
        // Of files that this run did not meet some are gone from the spool, some were not asked for.
        let unused: u64 = self
            .index
            .values()
            .filter(|place| !place.used.load(Ordering::Relaxed))
            .map(|place| place.bytes)
            .sum();
        if !is_worthwhile(total, live.saturating_sub(unused)) {
            return live;
        }
        let new = self.new_segment_path();
        let made = Plan::new(&self.path, self.owner).and_then(|plan| {
            if is_worthwhile(total, plan.live) {
                plan.carry_out(&self.path, &new, self.owner)?;
            }
            Ok(plan.live)
        });
        made.unwrap_or_else(|error| {
            let path = self.path.display();
            messages.push(format!("{path}: {error}; it could not be made smaller"));
            live
        })
    }
}

/// Takes the lock, which ends with the process, however it ends.
pub(super) fn lock(path: &Path) -> Result<File, String> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).open(path);
    let mut file = opened.map_err(|error| format!("{}: {error}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {
            // Only for the message of another run.
            let told = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
            told.map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut process = String::new();
            let _unknown = file.take(32).read_to_string(&mut process);
            Err(format!("another run uses it (process {process})"))
        }
        Err(TryLockError::Error(error)) => Err(format!("{}: {error}", path.display())),
    }
}

/// The segments of a directory.
#[derive(Debug, Default)]
struct Found {
    usable: Vec<(PathBuf, File)>,
    last_number: u64,
    of_other_options: u64,
    of_other_programs: u64,
}

impl Found {
    fn messages(&self, path: &Path) -> Vec<String> {
        let mut messages = Vec::new();
        if self.of_other_options > 0 {
            messages.push(format!(
                "{}: {} bytes are of files that were read by other options and are not used",
                path.display(),
                self.of_other_options
            ));
        }
        if self.of_other_programs > 0 {
            messages.push(format!(
                "{}: {} bytes were kept by another version of the program and are removed",
                path.display(),
                self.of_other_programs
            ));
        }
        messages
    }
}

/// Lists the segments in the order of their numbers. Those of another program can never be used again
/// and are removed; what is no segment is left alone.
fn find_segments(path: &Path, owner: Owner) -> io::Result<Found> {
    let mut found = Found::default();
    let mut numbered: Vec<(u64, PathBuf)> = fs::read_dir(path)?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((number_of(&path)?, path))
        })
        .collect();
    numbered.sort();
    for (number, path) in numbered {
        found.last_number = found.last_number.max(number);
        let Ok(file) = File::open(&path) else { continue };
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        match segment::owner(&file) {
            Ok((_, Some(of))) if of == owner => found.usable.push((path, file)),
            Ok((_, Some(of))) if of.program == owner.program => found.of_other_options += size,
            // Killed before its head was whole: nothing in it can be of use.
            Ok((true, None)) if size < SEGMENT_HEAD_BYTES as u64 => drop(fs::remove_file(&path)),
            Ok((true, _)) => {
                found.of_other_programs += size;
                let _stays = fs::remove_file(&path);
            }
            Ok((false, _)) | Err(_) => {}
        }
    }
    Ok(found)
}

/// The number in the name of a segment; absent for other names.
fn number_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_prefix(SEGMENT_PREFIX)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The segments that an owner has in a directory, for compaction.
pub(super) fn segments_of(path: &Path, owner: Owner) -> io::Result<Vec<(PathBuf, File)>> {
    find_segments(path, owner).map(|found| found.usable)
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
