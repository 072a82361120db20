//! Work of the core that is independent leg by leg or pair by pair, shared among threads. The results
//! are those of the core's own functions, whoever did which part.

use super::error::Error;
use super::spill::{SharedRuns, Spill, were_read};
use crate::base::PackedRun;
use crate::call::{
    FoundEvidence, Grouping, KnownKeys, Marked, Outlines, Pair, Pairs, RuleTable, Search, group_by,
};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::ops::Range;

/// Legs of one part of the work: enough of them that parts are few.
const LEGS_PER_PART: u32 = 1_024;
/// Legs whose keys go to one run: enough of them that the keys of one rule in one part lie together.
const LEGS_PER_RUN: u32 = 4_096;
/// What is remembered of the keys of a leg between the two passes, about.
const REMEMBERED_BYTES_PER_LEG: u64 = 64;
/// As many times of that must be left of the budget.
const ROOM_FOR_REMEMBERED: u64 = 8;
/// Pairs of one part of the work.
const PAIRS_PER_PART: usize = 512;
/// Pairs whose evidence is held in parts before it goes to the rest.
const PAIRS_PER_ROUND: usize = 131_072;

/// The threads of a run; 0 is one for each processor.
pub(super) fn pool(threads: usize) -> Result<ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(Error::Threads)
}

/// Numbers of legs in parts, rising.
pub(super) fn parts(legs: Range<u32>) -> Vec<Range<u32>> {
    parts_of(legs, LEGS_PER_PART)
}

fn parts_of(legs: Range<u32>, length: u32) -> Vec<Range<u32>> {
    let starts = legs.clone().step_by(length as usize);
    starts.map(|start| start..legs.end.min(start.saturating_add(length))).collect()
}

/// As [`crate::call::group()`], the legs, parts of keys and pairs side by side. Keys that do not fit the memory
/// go to a file. `beside` is done while one thread puts the groups together.
///
/// # Errors
///
/// When that file cannot be read back.
pub(super) fn group<T: Send>(
    outlines: &Outlines,
    table: &RuleTable,
    spill: &Spill,
    beside: impl FnOnce() -> T + Send,
) -> Result<(Grouping, T), Error> {
    // What is remembered has no file: where it is no small part of the budget, all legs are read twice instead.
    let remembered_bytes = outlines.len() as u64 * REMEMBERED_BYTES_PER_LEG;
    let remembers = spill.holds(remembered_bytes * ROOM_FOR_REMEMBERED);
    if remembers {
        spill.let_go(remembered_bytes * (ROOM_FOR_REMEMBERED - 1));
    }
    let search = Search::new(outlines, table).remembering(remembers);
    let kept = keys(&search, outlines, spill)?;
    if remembers {
        spill.let_go(remembered_bytes);
    }
    let candidates = |(rule, part)| (rule, search.candidates(rule, part, &kept));
    let found: Vec<_> = search.parts().into_par_iter().map(candidates).collect();
    let are_whole = kept.iter().all(PackedRun::is_whole);
    spill.let_go(kept.iter().filter(|run| run.is_held()).map(|run| run.byte_count() as u64).sum());
    drop(kept);
    were_read(are_whole)?;
    let pairs = Pairs::of(found, |list| list.par_sort_unstable());
    let compare = |part: &[Pair]| search.compare(part, pairs.demoted());
    let mut found = FoundEvidence::about(pairs.list.len());
    for round in pairs.list.chunks(PAIRS_PER_ROUND) {
        let parts: Vec<FoundEvidence> = round.par_chunks(PAIRS_PER_PART).map(compare).collect();
        parts.into_iter().for_each(|part| found.append(part));
    }
    Ok(rayon::join(|| group_by(outlines, pairs, found), beside))
}

/// The keys that may meet others.
fn keys(search: &Search<'_>, outlines: &Outlines, spill: &Spill) -> Result<Vec<PackedRun>, Error> {
    let kept = SharedRuns::new(spill);
    let marks = search.marks();
    let parts = parts_of(outlines.numbers(), LEGS_PER_RUN);
    let keep = |runs: Vec<PackedRun>| kept.keep(runs);
    let mark = |part: &Range<u32>| {
        let Marked { kept: asking, known } = search.mark(part.clone(), &marks);
        (keep(asking), known)
    };
    let marked: Vec<(Vec<usize>, Option<KnownKeys>)> = parts.par_iter().map(mark).collect();
    marked.par_iter().filter_map(|(_, known)| known.as_ref()).for_each(|known| marks.narrow(known));
    let meet = |(part, (_, known)): (&Range<u32>, &(Vec<usize>, Option<KnownKeys>))| {
        keep(search.meet(part.clone(), &marks, known.as_ref()))
    };
    let meeting: Vec<Vec<usize>> = parts.par_iter().zip(&marked).map(meet).collect();
    let asking: Vec<Vec<usize>> = marked.into_iter().map(|(asking, _)| asking).collect();
    drop(marks);
    outlines.release();
    kept.finish(asking.into_iter().chain(meeting).flatten())
}
