//! Candidate pairs through sorted keys: a rule never sees all pairs.
//!
//! In: the keys that a rule takes from each leg. Out: the pairs worth comparing, and the values that
//! do not discriminate.

use super::discriminate::{DemotedValue, Sharer, judge};
use super::kept::{Entries, Entry};
use super::rule::RuleName;
use super::said::MediaValue;
use super::table::RuleTable;
use crate::base::limits::CANDIDATES_PER_KEY_MAX;

pub use super::kept::Role;

/// Which times of two entries go together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Window {
    /// The second begins this many nanoseconds after the first, at least and at most.
    After(i64, i64),
    /// They overlap, or are apart by at most this.
    Near(i64),
}

/// Two roles that are paired, and when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pairing {
    /// Role of the first.
    pub first: Role,
    /// Role of the second; the same role pairs within itself.
    pub second: Role,
    /// When.
    pub window: Window,
}

/// What the index of one rule gives.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// Pairs, the smaller leg first, sorted, each once.
    pub pairs: Vec<(u32, u32)>,
    /// Values that do not discriminate, by value.
    pub demoted: Vec<DemotedValue>,
    /// Pairs left out because a leg had too many for one key.
    pub left_out: u64,
}

/// Finds the candidates of a rule among its `entries`; `must_adjoin` as in [`judge`].
#[must_use]
pub(super) fn candidates(
    entries: &Entries,
    (rule, pairings): (RuleName, &[Pairing]),
    table: &RuleTable,
    must_adjoin: bool,
) -> Candidates {
    let mut found = Candidates::default();
    let mut shared: Vec<Sharer> = Vec::new();
    entries.for_each_value(|run| {
        shared.clear();
        shared.extend(with_role(run, Role::Shared).iter().map(sharer));
        shared.sort_unstable();
        shared.dedup();
        let demotion = judge(&shared, table.shared_legs_max, must_adjoin);
        if let Some(demotion) = demotion {
            let value = run[0].value;
            let value = match rule {
                RuleName::Media => MediaValue::read(value).text().into_owned(),
                _ => value.to_vec(),
            };
            found.demoted.push(DemotedValue { rule, value, demotion });
        }
        for pairing in pairings {
            pair_up(run, *pairing, demotion.is_some(), &mut found);
        }
    });
    found.demoted.sort_unstable_by(|left, right| left.value.cmp(&right.value));
    found.pairs.sort_unstable();
    found.pairs.dedup();
    found
}

const fn sharer(entry: &Entry<'_>) -> Sharer {
    let (started, ended) = entry.span;
    Sharer { leg: entry.leg, started, ended, is_answered: entry.is_answered }
}

fn with_role<'r, 'k>(run: &'r [Entry<'k>], role: Role) -> &'r [Entry<'k>] {
    let start = run.partition_point(|entry| entry.role < role);
    let end = run.partition_point(|entry| entry.role <= role);
    &run[start..end]
}

/// A demoted value pairs each leg with the next one only: enough for a near miss.
fn pair_up(run: &[Entry<'_>], pairing: Pairing, is_demoted: bool, found: &mut Candidates) {
    let firsts = with_role(run, pairing.first);
    let seconds = with_role(run, pairing.second);
    if seconds.is_empty() {
        return;
    }
    let is_demoted = is_demoted && pairing.first == Role::Shared;
    let cap = if is_demoted { 1 } else { CANDIDATES_PER_KEY_MAX };
    for (place, first) in firsts.iter().enumerate() {
        let (low, high) = match pairing.window {
            Window::After(low, high) => (first.at.plus_ns(low), first.at.plus_ns(high)),
            Window::Near(slack) => (first.at, first.span.1.plus_ns(slack)),
        };
        let (start, end) = if pairing.first == pairing.second {
            (place + 1, seconds.partition_point(|entry| entry.at <= high))
        } else {
            (
                seconds.partition_point(|entry| entry.at < low),
                seconds.partition_point(|entry| entry.at <= high),
            )
        };
        let near = seconds.get(start..end).unwrap_or_default();
        if !is_demoted {
            found.left_out += near.len().saturating_sub(cap) as u64;
        }
        for second in near.iter().take(cap).filter(|second| second.leg != first.leg) {
            found.pairs.push((first.leg.min(second.leg), first.leg.max(second.leg)));
        }
    }
}
