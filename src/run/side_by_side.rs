//! Work of the core that is independent leg by leg or rule by rule, shared among threads. The results
//! are those of the core's own functions, whoever did which part.

use super::error::Error;
use crate::call::{Grouping, LegOutline, RuleName, RuleTable, group_by, rule_evidence};
use crate::leg::Legs;
use rayon::ThreadPool;
use rayon::prelude::*;

/// The threads of a run; 0 is one for each processor.
pub(super) fn pool(threads: usize) -> Result<ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(Error::Threads)
}

/// Legs as outlines, by number.
pub(super) fn outlines(legs: &Legs) -> Vec<LegOutline> {
    let outline = |leg: u32| legs.get(leg).map(|leg| LegOutline::of(&leg));
    legs.numbers().into_par_iter().filter_map(outline).collect()
}

/// As [`crate::call::group()`], the rules side by side.
pub(super) fn group(outlines: &[LegOutline], table: &RuleTable) -> Grouping {
    let rules = RuleName::ALL.into_par_iter().filter(|rule| table.is_on(*rule));
    group_by(outlines, rules.map(|rule| rule_evidence(rule, outlines, table)).collect())
}
