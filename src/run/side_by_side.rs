//! Work of the core that is independent leg by leg or pair by pair, shared among threads. The results
//! are those of the core's own functions, whoever did which part.

use super::error::Error;
use super::spill::{SharedRuns, Spill, were_read};
use crate::base::PackedRun;
use crate::call::{
    FoundEvidence, Grouping, Marked, Outlines, Pair, Pairs, RuleTable, Search, group_by,
};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::ops::Range;

/// Legs of one part of the work: enough of them that parts are few.
const LEGS_PER_PART: u32 = 1_024;
/// Legs whose keys go to one run: enough of them that the keys of one rule in one part lie together.
const LEGS_PER_RUN: u32 = 4_096;
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
    let search = Search::new(outlines, table);
    let kept = keys(&search, outlines, spill)?;
    let candidates = |(rule, part)| (rule, search.candidates(rule, part, &kept));
    let found: Vec<_> = search.parts().into_par_iter().map(candidates).collect();
    let are_whole = kept.iter().all(PackedRun::is_whole);
    spill.let_go(held_bytes(&kept));
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
    let (kept, remembered) = (SharedRuns::for_a_while(spill), SharedRuns::for_a_while(spill));
    let marks = search.marks();
    let parts = parts_of(outlines.numbers(), LEGS_PER_RUN);
    let mark = |part: &Range<u32>| {
        let Marked { kept: asking, known } = search.mark(part.clone(), &marks);
        (kept.keep(asking), remembered.keep([known]))
    };
    let marked: Vec<_> = parts.par_iter().map(mark).collect();
    let (asking, known): (Vec<_>, Vec<_>) = marked.into_iter().unzip();
    let known = remembered.finish(known.into_iter().flatten())?;
    known.par_iter().for_each(|known| marks.narrow(known));
    let known_bytes = held_bytes(&known);
    // What is known of a part goes when the part was read again.
    let meet = |(part, known): (Range<u32>, PackedRun)| {
        let meeting = kept.keep(search.meet(part, &marks, &known));
        were_read(known.is_whole()).map(|()| meeting)
    };
    let meeting: Result<Vec<_>, Error> = parts.into_par_iter().zip(known).map(meet).collect();
    spill.let_go(known_bytes);
    drop(marks);
    outlines.release();
    kept.finish(asking.into_iter().chain(meeting?).flatten())
}

/// Bytes of runs that lie in memory.
fn held_bytes(runs: &[PackedRun]) -> u64 {
    runs.iter().filter(|run| run.is_held()).map(|run| run.byte_count() as u64).sum()
}
