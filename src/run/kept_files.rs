//! Files that are not read because an earlier run read them, and how this run keeps what it reads.
//!
//! A file has one entry in the work directory, written when all of it was read: all but its legs, how
//! many entries with runs of its legs came before, and the last runs. So a file is kept whole or not at
//! all, and no more than a run of its legs is in memory for it.

use super::answer::FileDigests;
use super::gather::{Gathering, Hasher};
use super::spill::Spill;
use super::work::{FileKey, GatheredParts, WorkDirectory};
use crate::base::{FileId, SensorId};
use crate::leg::leg_run::LegRun;
use crate::leg::pack::PACK_VERSION;
use crate::spool::SpoolFile;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The work directory of a run.
#[derive(Debug)]
pub(super) struct KeptFiles {
    work: Arc<WorkDirectory>,
    /// Where the keys of files are put down; absent when nobody asks for them.
    digests: Option<Arc<FileDigests>>,
}

impl KeptFiles {
    pub(super) fn new(work: WorkDirectory, digests: Option<Arc<FileDigests>>) -> Self {
        Self { work: Arc::new(work), digests }
    }

    /// The directory, when nothing reads any more.
    pub(super) fn into_work(self) -> Option<WorkDirectory> {
        Arc::into_inner(self.work)
    }

    /// Whether an earlier run kept the file as it is now.
    pub(super) fn holds(&self, id: FileId, file: &SpoolFile) -> bool {
        self.key(id, file).is_some_and(|key| self.work.holds(&key))
    }

    fn key(&self, id: FileId, file: &SpoolFile) -> Option<FileKey> {
        let key = FileKey::of(file).ok()??;
        if let Some(digests) = &self.digests {
            digests.put(id, file, &key);
        }
        Some(key)
    }

    /// Adds what an earlier run kept of the file; false when it has to be read.
    pub(super) fn take(&self, gathering: &mut Gathering, id: FileId, file: &SpoolFile) -> bool {
        let Some(key) = self.key(id, file) else { return false };
        let Some(payload) = self.work.get(&key) else { return false };
        let taken = self.taken(gathering, &key, &payload, (id, file.sensor));
        if taken.is_none() {
            self.work.was_not_understood();
        }
        taken.is_some()
    }

    /// Runs that were added before something turned out to be missing do no harm: the file's legs join
    /// with themselves.
    fn taken(
        &self,
        gathering: &mut Gathering,
        key: &FileKey,
        payload: &[u8],
        now: (FileId, SensorId),
    ) -> Option<()> {
        let (parts, legs) = GatheredParts::decode(payload, now.0, now.1).ok()?;
        let (run, legs) = legs.split_first_chunk::<8>()?;
        let (parts_before, mut rest) = number(legs)?;
        for part in 0..parts_before {
            let payload = self.work.get(&key.of_part(u64::from_le_bytes(*run), part))?;
            let (run, behind) = decode_run(&payload, now)?;
            gathering.keep_run(run);
            if !behind.is_empty() {
                return None;
            }
        }
        while !rest.is_empty() {
            let (run, behind) = decode_run(rest, now)?;
            gathering.keep_run(run);
            rest = behind;
        }
        parts.add_to(gathering, now.0, now.1);
        Some(())
    }

    /// Keeps a file that so many workers read; absent for one that cannot be kept: the standard input, a
    /// file that is written now.
    pub(super) fn keeping(&self, file: &SpoolFile, workers: usize) -> Option<Keeping> {
        let key = FileKey::of(file).ok()??;
        Some(Keeping {
            work: Arc::clone(&self.work),
            key,
            runs: Arc::default(),
            reading: AtomicUsize::new(workers),
            is_given_up: AtomicBool::new(false),
            gathered: Mutex::default(),
            sensor: file.sensor,
        })
    }
}

/// A file that is read and kept.
#[derive(Debug)]
pub(super) struct Keeping {
    work: Arc<WorkDirectory>,
    key: FileKey,
    /// Entries with runs of its legs so far.
    runs: Arc<AtomicU32>,
    /// Workers that have not ended.
    reading: AtomicUsize,
    is_given_up: AtomicBool,
    gathered: Mutex<Gathered>,
    sensor: SensorId,
}

/// What the workers gathered of a file.
#[derive(Debug, Default)]
struct Gathered {
    parts: Vec<GatheredParts>,
    /// Their last runs, encoded.
    runs: Vec<u8>,
}

impl Keeping {
    /// Writes runs of the file's legs as they become full.
    pub(super) fn writer(&self, worker: usize) -> RunWriter {
        let (work, runs) = (Arc::clone(&self.work), Arc::clone(&self.runs));
        RunWriter { work, key: self.key.clone(), runs, worker }
    }

    /// The file cannot be kept: it changed, or could not be read to its end.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Release);
    }

    /// Adds what a worker gathered, and its last runs.
    pub(super) fn add(&self, parts: GatheredParts, runs: &[LegRun]) {
        // A worker that panicked has ended the program already.
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.parts.push(parts);
        for run in runs {
            encode_run(run, &mut gathered.runs);
        }
    }

    /// A worker has ended. The last one writes the entry, and gets what all of them gathered.
    pub(super) fn end(
        &self,
        hasher: &Hasher,
        spill: &Arc<Spill>,
        worker: usize,
    ) -> Option<GatheredParts> {
        if self.reading.fetch_sub(1, Ordering::AcqRel) != 1 {
            return None;
        }
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let Gathered { parts, runs } = std::mem::take(&mut *gathered);
        let parts = joined(parts, self.sensor, hasher, spill)?;
        if !self.is_given_up.load(Ordering::Acquire) {
            let mut legs = self.work.run().to_le_bytes().to_vec();
            legs.extend(self.runs.load(Ordering::Acquire).to_le_bytes());
            legs.extend(runs);
            if let Ok(payload) = parts.encode(&legs) {
                self.work.put(worker, &self.key, &payload);
            }
        }
        Some(parts)
    }
}

/// What several workers gathered of one file, as if one had.
fn joined(
    mut parts: Vec<GatheredParts>,
    sensor: SensorId,
    hasher: &Hasher,
    spill: &Arc<Spill>,
) -> Option<GatheredParts> {
    let last = parts.pop()?;
    if parts.is_empty() {
        return Some(last);
    }
    let mut whole = Gathering::new(hasher, spill);
    for part in parts.into_iter().chain([last]) {
        part.add_to(&mut whole, FileId::default(), sensor);
    }
    let (_, flows) = whole.take_legs(hasher);
    Some(GatheredParts::new(whole, flows.into_sorted()))
}

/// Writes the runs that one worker makes of a file.
#[derive(Clone, Debug)]
pub(super) struct RunWriter {
    work: Arc<WorkDirectory>,
    key: FileKey,
    runs: Arc<AtomicU32>,
    worker: usize,
}

impl RunWriter {
    /// Writes a run.
    pub(super) fn put(&self, run: &LegRun) {
        let mut payload = Vec::new();
        encode_run(run, &mut payload);
        let number = self.runs.fetch_add(1, Ordering::AcqRel);
        self.work.put(self.worker, &self.key.of_part(self.work.run(), number), &payload);
    }
}

/// Version, number of legs, number of bytes, ends, bytes.
fn encode_run(run: &LegRun, payload: &mut Vec<u8>) {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
    payload.extend(PACK_VERSION.to_le_bytes());
    payload.extend(count(run.len()));
    let packed = run.packed();
    payload.extend(count(packed.byte_count()));
    payload.extend(packed.ends().iter().flat_map(|end| end.to_le_bytes()));
    payload.extend(packed.bytes());
}

/// A run of a file that has these numbers now, and what stands behind it.
fn decode_run(payload: &[u8], now: (FileId, SensorId)) -> Option<(LegRun, &[u8])> {
    let (version, payload) = number(payload)?;
    let (legs, payload) = number(payload)?;
    let (bytes, payload) = number(payload)?;
    if version != PACK_VERSION {
        return None;
    }
    let (ends, payload) = payload.split_at_checked((legs as usize).checked_mul(4)?)?;
    let (bytes, behind) = payload.split_at_checked(bytes as usize)?;
    let (ends, _) = ends.as_chunks::<4>();
    let ends = ends.iter().map(|end| u32::from_le_bytes(*end)).collect();
    Some((LegRun::of_file(bytes.to_vec(), ends, now)?, behind))
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number), rest))
}
