//! Work of the core that is independent leg by leg or pair by pair, shared among threads. The results
//! are those of the core's own functions, whoever did which part.

use super::error::Error;
use crate::base::SensorId;
use crate::call::{
    CallIds, Grouping, KeptKeys, LEGS_PER_CHUNK, MergeLinks, OutlineParts, Outlines, RuleTable,
    Search, group_by,
};
use crate::leg::{Leg, Legs};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::ops::Range;

/// Legs of one part of the work: full chunks of outlines, and enough of them that parts are few.
const LEGS_PER_PART: usize = LEGS_PER_CHUNK * 8;
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

/// What one look at each leg tells.
#[derive(Debug, Default)]
pub(super) struct LegsSeen {
    /// What the rules read of them, by number.
    pub(super) outlines: Outlines,
    /// What merge headers name.
    pub(super) links: MergeLinks,
}

impl LegsSeen {
    /// Adds the legs behind these.
    fn append(&mut self, next: Self) {
        self.outlines.append(next.outlines);
        self.links.append(next.links);
    }
}

/// Looks at each leg once; `secret` is what hides the values of merge headers.
pub(super) fn look(legs: &Legs, secret: Option<&[u8]>) -> LegsSeen {
    let known = CallIds::of(legs);
    let look = |part: Range<u32>| {
        let mut seen = LegsSeen::default();
        let mut leg = Leg::new(SensorId::default(), b"");
        let all = part.clone();
        for number in part {
            if legs.read(number, &mut leg) {
                seen.outlines.push(&OutlineParts::of(&leg));
                seen.links.add(&known, number, &leg, secret);
            }
        }
        legs.release(all);
        seen.outlines.shrink();
        seen
    };
    let seen: Vec<LegsSeen> = parts(legs.numbers()).into_par_iter().map(look).collect();
    let mut all = LegsSeen::default();
    seen.into_iter().for_each(|part| all.append(part));
    all
}

/// Legs as outlines, by number.
pub(super) fn outlines(legs: &Legs) -> Outlines {
    let outlines = |part: Range<u32>| {
        let mut made = Outlines::default();
        part.filter_map(|leg| legs.get(leg)).for_each(|leg| made.push(&OutlineParts::of(&leg)));
        made.shrink();
        made
    };
    let made: Vec<Outlines> = parts(legs.numbers()).into_par_iter().map(outlines).collect();
    let mut all = Outlines::default();
    made.into_iter().for_each(|part| all.append(part));
    all
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
