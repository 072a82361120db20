//! The files of a run, read by all threads into one gathering each; or taken as an earlier run kept them.

use super::extract::Extraction;
use super::gather::{Gathering, Hasher};
use super::kept_files::{Keeping, KeptFiles};
use super::map::{Change, Content, OpenFile};
use super::progress::Progress;
use super::ranges::{RANGED_FILES_MAX, RangedFile, has_packets};
use super::reconstruct::ReconstructOptions;
use super::spill::Spill;
use crate::base::{CaptureId, FileId, Loss, LossKind, Note, NoteKind};
use crate::spool::{SpoolFile, SpoolListing};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What every worker reads by.
pub(super) struct ReadRules<'r> {
    pub(super) listing: &'r SpoolListing,
    pub(super) options: &'r ReconstructOptions,
    pub(super) hasher: &'r Hasher,
    pub(super) spill: &'r Arc<Spill>,
    /// What earlier runs kept, and where this one keeps; absent without a work directory.
    pub(super) kept: Option<&'r KeptFiles>,
    /// Set when something happened that another run over the same bytes need not meet: a file could not be
    /// read, or changed while it was read.
    pub(super) is_disturbed: &'r AtomicBool,
}

/// A file that all workers read, and how it is kept.
struct SharedFile<'r> {
    ranged: RangedFile<'r>,
    keeping: Option<Keeping>,
}

/// Reads the files with one gathering a thread: all of them read the ranges of the largest captures,
/// then each takes the next file, largest first, until none is left. Which worker read which file cannot
/// matter, because gatherings join.
pub(super) fn read_files(rules: &ReadRules<'_>) -> Vec<Gathering> {
    let ReadRules { listing, options, hasher, spill, kept, .. } = rules;
    let mut order: Vec<usize> = (0..listing.files.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(listing.files[*at].size), *at));
    let shared: Vec<SharedFile<'_>> = order
        .iter()
        .take(RANGED_FILES_MAX)
        .filter_map(|at| rules.share(id_of(*at), &listing.files[*at]))
        .collect();
    order.retain(|at| shared.iter().all(|file| file.ranged.id() != id_of(*at)));
    let progress = Progress::new(options.progress, listing.bytes());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    rayon::broadcast(|context| {
        let mut gathering = Gathering::new(hasher, spill);
        for file in &shared {
            rules.read_shared(&mut gathering, file, context.index(), &progress);
        }
        while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let file = &listing.files[*at];
            if has_packets(file.kind) {
                let outcome = match kept {
                    None => rules.read_file(&mut gathering, id_of(*at), file).map(|_| ()),
                    Some(kept) => rules.read_or_take(
                        &mut gathering,
                        kept,
                        context.index(),
                        (id_of(*at), file),
                    ),
                };
                rules.complain(&mut gathering, id_of(*at), file, outcome);
            } else {
                gathering.ledger.add("file.skipped", 1);
            }
            progress.advance(file.size);
        }
        gathering.end();
        // A worker that panicked has ended the program already.
        done.lock().unwrap_or_else(PoisonError::into_inner).push(gathering);
    });
    progress.finish();
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The walk refuses more files than a number can tell apart.
fn id_of(place: usize) -> FileId {
    FileId(u32::try_from(place).unwrap_or(u32::MAX))
}

impl<'r> ReadRules<'r> {
    /// Opens a file for all workers; absent for one that a single worker reads, or that is kept.
    fn share(&self, id: FileId, file: &'r SpoolFile) -> Option<SharedFile<'r>> {
        let ranged = RangedFile::open(id, file, &self.options.ranges)?;
        let Some(kept) = self.kept else { return Some(SharedFile { ranged, keeping: None }) };
        if kept.holds(id, file) {
            return None;
        }
        let keeping = kept.keeping(file, rayon::current_num_threads());
        Some(SharedFile { ranged, keeping })
    }

    /// Reads what is left of a file that all workers read.
    fn read_shared(
        &self,
        gathering: &mut Gathering,
        file: &SharedFile<'_>,
        worker: usize,
        progress: &Progress,
    ) {
        let ranged = &file.ranged;
        let rules = &self.options.capture;
        let read = |into: &mut Gathering| ranged.read(into, rules, |bytes| progress.advance(bytes));
        let Some(keeping) = &file.keeping else {
            if read(gathering) {
                let changed =
                    self.look_for_change(gathering, ranged.id(), ranged.file(), ranged.opened());
                self.complain(gathering, ranged.id(), ranged.file(), changed.map(|_| ()));
            }
            return;
        };
        let mut own = gathering.for_one_file(self.hasher, keeping.writer(worker));
        let has_ended = read(&mut own);
        let (parts, runs) = gathering.take_back(own);
        if has_ended {
            let changed =
                self.look_for_change(gathering, ranged.id(), ranged.file(), ranged.opened());
            if !matches!(changed, Ok(true)) {
                keeping.give_up();
            }
            self.complain(gathering, ranged.id(), ranged.file(), changed.map(|_| ()));
        }
        keeping.add(parts, &runs);
        runs.into_iter().for_each(|run| gathering.keep_run(run));
        if let Some(parts) = keeping.end(self.hasher, self.spill, worker) {
            parts.add_to(gathering, ranged.id(), ranged.file().sensor);
        }
    }

    /// Takes a file as it was kept, or reads and keeps it.
    fn read_or_take(
        &self,
        gathering: &mut Gathering,
        kept: &KeptFiles,
        worker: usize,
        (id, file): (FileId, &SpoolFile),
    ) -> io::Result<()> {
        if kept.take(gathering, id, file) {
            return Ok(());
        }
        let Some(keeping) = kept.keeping(file, 1) else {
            return self.read_file(gathering, id, file).map(|_| ());
        };
        let mut own = gathering.for_one_file(self.hasher, keeping.writer(worker));
        let outcome = self.read_file(&mut own, id, file);
        let (parts, runs) = gathering.take_back(own);
        if !matches!(outcome, Ok(true)) {
            keeping.give_up();
        }
        keeping.add(parts, &runs);
        runs.into_iter().for_each(|run| gathering.keep_run(run));
        if let Some(parts) = keeping.end(self.hasher, self.spill, worker) {
            parts.add_to(gathering, id, file.sensor);
        }
        outcome.map(|_| ())
    }

    /// Reads a file; true when it is the same now as when it was opened.
    fn read_file(
        &self,
        gathering: &mut Gathering,
        id: FileId,
        file: &SpoolFile,
    ) -> io::Result<bool> {
        let mut opened = OpenFile::open(&file.path, &self.options.ranges.open)?;
        let extraction = Extraction::new(gathering, &self.options.capture, id, file);
        match &mut opened.content {
            Content::Whole(bytes) => extraction.whole(bytes),
            Content::Pieces(pieces) => extraction.pieces(|buffer| pieces.read(buffer))?,
        }
        self.look_for_change(gathering, id, file, &opened)
    }

    /// A file that changed while it was read is a loss; true when it did not.
    fn look_for_change(
        &self,
        gathering: &mut Gathering,
        id: FileId,
        file: &SpoolFile,
        opened: &OpenFile,
    ) -> io::Result<bool> {
        let was_cut_before = opened.size().is_some_and(|size| size < file.size);
        let (kind, detail) = match opened.change()? {
            Change::None | Change::Grew | Change::Rewritten if was_cut_before => {
                (LossKind::CutTail, "was cut before it was read")
            }
            Change::None => return Ok(true),
            Change::Grew => {
                (LossKind::CutTail, "grew while it was read; what came later was not read")
            }
            Change::Cut => (LossKind::CutTail, "was cut while it was read"),
            Change::Rewritten => (LossKind::Damaged, "was rewritten while it was read"),
        };
        self.is_disturbed.store(true, Ordering::Relaxed);
        gathering.losses.push(Loss {
            when: file.reach(),
            kind,
            file: id,
            bytes: 0,
            detail: detail.to_owned(),
        });
        Ok(false)
    }

    /// Counts a file; one that could not be read is a note and a loss.
    fn complain(
        &self,
        gathering: &mut Gathering,
        id: FileId,
        file: &SpoolFile,
        outcome: io::Result<()>,
    ) {
        gathering.ledger.add("file.read", u64::from(outcome.is_ok()));
        if let Err(error) = outcome {
            self.is_disturbed.store(true, Ordering::Relaxed);
            gathering.ledger.add("file.unreadable", 1);
            gathering.notes.add(Note {
                capture: CaptureId { file: id, member: 0 },
                offset: None,
                record: None,
                kind: NoteKind::Unreadable,
                detail: format!("{}: {error}; skipped", file.path.display()),
            });
            gathering.losses.push(Loss {
                when: file.reach(),
                kind: LossKind::UnreadableFile,
                file: id,
                bytes: file.size,
                detail: error.to_string(),
            });
        }
    }
}
