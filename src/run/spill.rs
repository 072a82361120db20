//! Packed items (legs, outlines, CDRs, keys of rules) in memory as long as the budget allows, then in files
//! without a name, which are gone with the process whatever ends it.

use super::blocks::Blocks;
use super::error::Error;
use super::map::Mapping;
use crate::base::{PackedBytes, PackedRun};
use crate::leg::join::join_runs;
use crate::leg::leg_run::LegRun;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Part of the budget that packed items may take: a file that the system caches is read nearly as fast as
/// memory, and the rest is for what has no file, about 120 bytes a leg.
const SHARE_OF_BUDGET: u64 = 16;
/// Part of the budget that all tables may take.
const TABLES_SHARE_OF_BUDGET: u64 = 8;
/// What a leg takes in a table, about.
const TABLE_LEG_BYTES: u64 = 4 << 10;
/// Legs in a table at the most: more of them do not fit the caches.
const TABLE_LEGS_MAX: u64 = 4 << 10;
/// Legs in a table at the least: fewer would cut most calls in parts.
const TABLE_LEGS_MIN: u64 = 1 << 10;
/// Where large files without a name belong; `TMPDIR` comes first, because it was chosen.
const LARGE_FILES: &str = "/var/tmp";

/// What packed items may take of the memory, for all workers together.
#[derive(Debug)]
pub(super) struct Spill {
    directory: PathBuf,
    bytes_max: u64,
    held: AtomicU64,
    table_legs_max: usize,
    /// Why a file could not be written; what belongs there stays in memory then.
    failure: OnceLock<String>,
}

impl Spill {
    /// A budget of `memory_bytes` for the whole run, 0 for none; files go to `directory` where one is given.
    pub(super) fn new(memory_bytes: u64, threads: usize, directory: Option<&Path>) -> Self {
        let (bytes_max, tables) = match memory_bytes {
            0 => (u64::MAX, u64::MAX),
            budget => (budget / SHARE_OF_BUDGET, budget / TABLES_SHARE_OF_BUDGET),
        };
        let legs = tables / threads.max(1) as u64 / TABLE_LEG_BYTES;
        let legs = legs.clamp(TABLE_LEGS_MIN, TABLE_LEGS_MAX);
        Self {
            directory: directory.map_or_else(temporary_directory, Path::to_path_buf),
            bytes_max,
            held: AtomicU64::new(0),
            failure: OnceLock::new(),
            table_legs_max: usize::try_from(legs).unwrap_or(usize::MAX),
        }
    }

    /// Legs that a table may hold before it becomes a run.
    pub(super) const fn table_legs_max(&self) -> usize {
        self.table_legs_max
    }

    /// Whether so many more bytes fit; then they are counted.
    pub(super) fn holds(&self, bytes: u64) -> bool {
        let fits = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        self.held.try_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// What the user should know of it: more memory is used than was allowed. No part of a result.
    pub(super) fn message(&self) -> Option<String> {
        let failure = self.failure.get()?;
        Some(format!("{failure}: what is beyond the memory budget stays in memory"))
    }

    fn failed(&self, error: &io::Error) {
        // One is told: they are of one directory.
        self.failure.get_or_init(|| format!("{}: {error}", self.directory.display()));
    }

    /// So many bytes that were held are held no more.
    pub(super) fn let_go(&self, bytes: u64) {
        // What stayed in memory because its file could not be written was never counted.
        let less = |held: u64| Some(held.saturating_sub(bytes));
        let _ = self.held.try_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

fn temporary_directory() -> PathBuf {
    let chosen = std::env::var_os("TMPDIR").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = || Some(PathBuf::from(LARGE_FILES)).filter(|path| path.is_dir());
    chosen.or_else(usual).unwrap_or_else(std::env::temp_dir)
}

/// A run with fewer legs waits for others, to become one with them: a run costs as much as some legs.
const SMALL_RUN_LEGS: usize = 512;

/// The runs of legs of one worker.
#[derive(Debug, Default)]
pub(super) struct Runs {
    kept: PackedRuns,
    small: Vec<LegRun>,
    small_legs: usize,
}

impl Runs {
    /// Keeps a run.
    pub(super) fn keep(&mut self, run: LegRun, spill: &Spill) {
        if run.len() >= SMALL_RUN_LEGS {
            self.kept.keep(run.into_packed(), spill);
            return;
        }
        self.small_legs += run.len();
        self.small.push(run);
        if self.small_legs >= spill.table_legs_max() {
            self.end_small(spill);
        }
    }

    /// Nothing more is kept.
    pub(super) fn end_small(&mut self, spill: &Spill) {
        self.small_legs = 0;
        let small = std::mem::take(&mut self.small);
        for run in if small.len() > 1 { join_runs(&small) } else { small } {
            self.kept.keep(run.into_packed(), spill);
        }
    }

    /// Bytes that were written to the file.
    pub(super) const fn bytes_written(&self) -> u64 {
        self.kept.bytes_written
    }

    /// All runs, those in the file mapped.
    ///
    /// # Errors
    ///
    /// When the file cannot be mapped or read again.
    pub(super) fn finish(self) -> io::Result<Vec<LegRun>> {
        let kept = self.kept.finish()?.into_iter().map(LegRun::new);
        Ok(kept.chain(self.small).collect())
    }
}

/// What is written at once: Linux caches it in pieces as large as that, and brings a whole piece into the
/// memory of the process when one page of it is touched.
const WRITTEN_AT_ONCE_BYTES: usize = 64 << 10;

/// Where the bytes of a run are.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// With the run.
    Own,
    /// In a block, from there on.
    Block(usize, usize),
    /// In the file, from there on.
    File(u64),
}

/// Runs of packed items in memory as long as the budget allows, then in one file.
#[derive(Debug, Default)]
pub(super) struct PackedRuns {
    /// In the order in which they were kept; without their bytes, until [`Self::finish`], where these are
    /// elsewhere.
    kept: Vec<(Place, PackedRun)>,
    /// For those that are dropped together before long.
    blocks: Option<Blocks>,
    file: Option<File>,
    bytes_written: u64,
    /// The file could not be written; the runs stay in memory then.
    has_failed: bool,
}

impl PackedRuns {
    /// Keeps a run; gives its place among all that [`Self::finish`] gives.
    pub(super) fn keep(&mut self, run: PackedRun, spill: &Spill) -> usize {
        let place = self.kept.len();
        if self.has_failed || spill.holds(run.byte_count() as u64) {
            self.hold(run);
            return place;
        }
        match self.write(&run, &spill.directory) {
            Ok(()) => {
                let from = self.bytes_written;
                self.bytes_written += run.byte_count() as u64;
                self.kept.push((Place::File(from), run.moved(Arc::new(Vec::new()), 0)));
            }
            Err(error) => {
                self.has_failed = true;
                spill.failed(&error);
                self.hold(run);
            }
        }
        place
    }

    fn hold(&mut self, run: PackedRun) {
        let copied = self.blocks.as_mut().and_then(|blocks| blocks.add(run.bytes()));
        self.kept.push(match copied {
            Some((block, from)) => (Place::Block(block, from), run.moved(Arc::new(Vec::new()), 0)),
            None => (Place::Own, run),
        });
    }

    fn write(&mut self, run: &PackedRun, directory: &Path) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(directory)?),
        };
        file.seek(SeekFrom::Start(self.bytes_written))?;
        run.bytes().chunks(WRITTEN_AT_ONCE_BYTES).try_for_each(|piece| file.write_all(piece))
    }

    /// All runs in the order in which they were kept, those in the file mapped.
    ///
    /// # Errors
    ///
    /// When the file cannot be mapped or read again.
    pub(super) fn finish(self) -> io::Result<Vec<PackedRun>> {
        let file = self.file.map(|file| reread(file, self.bytes_written)).transpose()?;
        let blocks = self.blocks.map(Blocks::finish).unwrap_or_default();
        let in_place = |(place, run): (Place, PackedRun)| {
            let (source, from) = match place {
                Place::Own => return Ok(run),
                Place::Block(block, from) => (blocks.get(block), from),
                Place::File(from) => {
                    (file.as_ref(), usize::try_from(from).map_err(io::Error::other)?)
                }
            };
            // There is one where a place in it was given.
            Ok(match source {
                Some(source) => run.moved(Arc::clone(source), from),
                None => run,
            })
        };
        self.kept.into_iter().map(in_place).collect()
    }
}

/// Runs that several threads make, part by part.
#[derive(Debug)]
pub(super) struct SharedRuns<'s> {
    spill: &'s Spill,
    runs: Mutex<PackedRuns>,
}

impl<'s> SharedRuns<'s> {
    pub(super) fn new(spill: &'s Spill) -> Self {
        Self { spill, runs: Mutex::default() }
    }

    /// For runs that are dropped together before long.
    pub(super) fn for_a_while(spill: &'s Spill) -> Self {
        let runs = PackedRuns { blocks: Some(Blocks::default()), ..PackedRuns::default() };
        Self { spill, runs: Mutex::new(runs) }
    }

    /// Keeps runs of one part, one behind the other; gives their places, to be brought in the order of the
    /// parts for [`Self::finish`].
    pub(super) fn keep(&self, runs: impl IntoIterator<Item = PackedRun>) -> Vec<usize> {
        // A worker that panicked has ended the program already.
        let mut kept = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.into_iter().map(|run| kept.keep(run, self.spill)).collect()
    }

    /// All runs, in the order of `places`.
    ///
    /// # Errors
    ///
    /// When the file with some of them cannot be read back.
    pub(super) fn finish(
        self,
        places: impl IntoIterator<Item = usize>,
    ) -> Result<Vec<PackedRun>, Error> {
        let runs = self.runs.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Option<PackedRun>> =
            runs.finish().map_err(Error::Spill)?.into_iter().map(Some).collect();
        let take = |place: usize| found.get_mut(place).and_then(Option::take);
        Ok(places.into_iter().filter_map(take).collect())
    }
}

/// The bytes of a file of our own, which nobody else can cut: it has no name.
fn reread(mut file: File, bytes: u64) -> io::Result<Arc<dyn PackedBytes>> {
    if let Some(mapping) = Mapping::new(&file)? {
        return Ok(Arc::new(SpilledBytes { mapping, reads: AtomicU32::new(0) }));
    }
    let mut read = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(bytes).read_to_end(&mut read)?;
    if read.len() as u64 != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Arc::new(read))
}

/// To be asked when items were read and before anything made of them is told: a file that cannot be read
/// any more gives zeros.
///
/// # Errors
///
/// When the file with some of them was lost.
pub(super) fn were_read(are_whole: bool) -> Result<(), Error> {
    if are_whole { Ok(()) } else { Err(lost()) }
}

/// A file of packed items was lost.
fn lost() -> Error {
    Error::Spill(io::Error::other("a part of it was lost while it was in use"))
}

/// Items read in any order until the memory that they were read into is let go: each may bring up to
/// sixteen pages in, so a file takes some megabytes at the most.
const READS_PER_RELEASE: u32 = 256;

/// A file of packed items.
#[derive(Debug)]
struct SpilledBytes {
    mapping: Mapping,
    reads: AtomicU32,
}

impl PackedBytes for SpilledBytes {
    fn bytes(&self) -> &[u8] {
        &self.mapping
    }

    fn was_read(&self) {
        if self.reads.fetch_add(1, Ordering::Relaxed) % READS_PER_RELEASE == READS_PER_RELEASE - 1 {
            self.release();
        }
    }

    fn release(&self) {
        self.mapping.drop_behind(0..usize::MAX);
    }

    fn is_whole(&self) -> bool {
        !self.mapping.was_cut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SensorId;
    use crate::base::packed::release;
    use crate::leg::join::join_stretch;
    use crate::leg::leg_run::RunBuilder;
    use crate::leg::{Leg, Legs};

    const LEGS: u32 = SMALL_RUN_LEGS as u32;

    fn run(first: u32) -> LegRun {
        let mut builder = RunBuilder::default();
        for number in first..first + LEGS {
            builder.push(&Leg::new(SensorId(0), format!("{number:06}@host").as_bytes()));
        }
        builder.finish().pop().unwrap()
    }

    fn call_ids(runs: Vec<LegRun>) -> Vec<Vec<u8>> {
        let legs = |run: &LegRun| {
            (0..run.len()).map(|at| run.read(at).call_id().to_vec()).collect::<Vec<_>>()
        };
        let mut found: Vec<Vec<u8>> = runs.iter().flat_map(legs).collect();
        release(runs.iter().map(LegRun::packed));
        assert!(runs.iter().all(|run| run.leg(9).call_id().ends_with(b"@host")));
        found.sort();
        found
    }

    #[test]
    fn runs_beyond_the_budget_come_back_from_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let one = run(0).packed().byte_count() as u64;
        for (fit, budget) in [(0, 1), (2, one * 2 * SHARE_OF_BUDGET), (5, 0)] {
            let spill = Spill::new(budget, 2, Some(directory.path()));
            let mut runs = Runs::default();
            for first in [0, 1, 2, 3, 4].map(|run| run * LEGS) {
                runs.keep(run(first), &spill);
            }
            assert_eq!(runs.bytes_written(), (5 - fit) * one, "{budget}");
            let expect: Vec<Vec<u8>> =
                (0..5 * LEGS).map(|number| format!("{number:06}@host").into_bytes()).collect();
            assert_eq!(call_ids(runs.finish().unwrap()), expect);
        }
        let left = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 0, "the file has no name");
    }

    /// A file that is lost gives no legs: that must not go unnoticed.
    #[test]
    fn a_lost_file_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spill::new(1, 2, Some(directory.path()));
        let mut runs = Runs::default();
        runs.keep(run(0), &spill);
        let file = runs.kept.file.as_ref().unwrap().try_clone().unwrap();
        let runs = runs.finish().unwrap();
        let stretch = join_stretch(&runs, (None, None), |_| true);
        let legs = Legs::joined(runs, vec![stretch]);
        assert!(legs.call_id(9).ends_with(b"@host") && were_read(legs.are_whole()).is_ok());
        file.set_len(0).unwrap();
        // Where the guard had no room for another map, as beside the tests of maps, all was read at once.
        let is_lost = legs.call_id(9).is_empty();
        let told = were_read(legs.are_whole()).map_err(|error| error.to_string());
        assert_eq!(told.is_err(), is_lost, "{told:?}");
    }

    /// Parts that end in any order come back in theirs, in memory and from a file.
    #[test]
    fn shared_runs_come_back_in_the_order_of_their_places() {
        let directory = tempfile::tempdir().unwrap();
        for budget in [0, 1] {
            let spill = Spill::new(budget, 2, Some(directory.path()));
            let kept = SharedRuns::new(&spill);
            let of_part = |first: u32| kept.keep([run(first).into_packed()]);
            let late = of_part(LEGS);
            let early = of_part(0);
            let none = kept.keep([]);
            let found = kept.finish(early.into_iter().chain(none).chain(late)).unwrap();
            let legs = Legs::in_order(found.into_iter().map(LegRun::new));
            assert_eq!((legs.len(), legs.call_id(0)), (2 * LEGS as usize, &b"000000@host"[..]));
            let call_ids: Vec<Vec<u8>> =
                legs.numbers().map(|leg| legs.call_id(leg).to_vec()).collect();
            assert!(call_ids.is_sorted());
        }
    }

    /// Small runs become one, with legs of which they hold parts joined.
    #[test]
    fn small_runs_become_one() {
        let spill = Spill::new(0, 1, None);
        let mut runs = Runs::default();
        for number in [5u32, 3, 5, 4] {
            let mut builder = RunBuilder::default();
            builder.push(&Leg::new(SensorId(0), format!("{number}9@host").as_bytes()));
            builder.finish().into_iter().for_each(|run| runs.keep(run, &spill));
        }
        runs.end_small(&spill);
        let runs = runs.finish().unwrap();
        assert_eq!((runs.len(), runs[0].len()), (1, 3));
    }

    #[test]
    fn runs_stay_in_memory_where_nothing_can_be_written() {
        let spill = Spill::new(1, 2, Some(Path::new("no such directory")));
        let mut runs = Runs::default();
        for first in [0, 1, 2, 3, 4].map(|run| run * LEGS) {
            runs.keep(run(first), &spill);
        }
        assert!(spill.message().unwrap().starts_with("no such directory: "));
        assert_eq!(runs.finish().unwrap().len(), 5);
    }
}
