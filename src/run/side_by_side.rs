//! Work of the core that is independent leg by leg or pair by pair, shared among threads. The results
//! are those of the core's own functions, whoever did which part.

use super::error::Error;
use crate::call::{Grouping, KeptKeys, Outlines, RuleTable, Search, group_by};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::ops::Range;

/// Legs of one part of the work: enough of them that parts are few.
const LEGS_PER_PART: usize = 2_048;
/// Pairs of one part of the work.
const PAIRS_PER_PART: usize = 512;

/// The threads of a run; 0 is one for each processor.
pub(super) fn pool(threads: usize) -> Result<ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(Error::Threads)
}

/// Numbers of legs in parts, rising.
pub(super) fn parts(legs: Range<u32>) -> Vec<Range<u32>> {
    let starts = legs.clone().step_by(LEGS_PER_PART);
    starts.map(|start| start..legs.end.min(start.saturating_add(LEGS_PER_PART as u32))).collect()
}

/// As [`crate::call::group()`], the legs, rules and pairs side by side.
pub(super) fn group(outlines: &Outlines, table: &RuleTable) -> Grouping {
    let search = Search::new(outlines, table);
    let parts = parts(outlines.numbers());
    let joined = |parts: Vec<KeptKeys>| {
        let mut all = KeptKeys::default();
        parts.into_iter().for_each(|part| all.append(part));
        all
    };
    let mut kept = joined(parts.par_iter().map(|part| search.mark(part.clone())).collect());
    let met: Vec<KeptKeys> =
        parts.par_iter().map(|part| search.meet(part.clone(), &kept)).collect();
    met.into_iter().for_each(|part| kept.append(part));
    let keys: Vec<_> = search.rules().iter().map(|rule| (*rule, kept.take(*rule))).collect();
    let of_rules = keys.into_par_iter().map(|(rule, keys)| {
        let candidates = search.candidates(rule, keys);
        let parts = candidates.pairs.par_chunks(PAIRS_PER_PART);
        let found: Vec<_> = parts.map(|part| search.compare(rule, &candidates, part)).collect();
        search.resolve(rule, candidates, found)
    });
    group_by(outlines, of_rules.collect())
}
