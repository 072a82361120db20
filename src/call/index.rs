//! Candidate pairs through sorted keys: a rule never sees all pairs.
//!
//! In: the keys that a rule takes from each leg. Out: the pairs worth comparing, and the values that
//! do not discriminate.

use super::discriminate::{Demotion, judge};
use super::outline::LegOutline;
use super::table::RuleTable;
use crate::base::CaptureTime;
use crate::base::limits::CANDIDATES_PER_KEY_MAX;
use std::collections::BTreeMap;

/// What a leg is to a key.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Carries the value as others do; judged for discrimination.
    Shared,
    /// Names something that another leg is.
    Names,
    /// Is what another leg names.
    Is,
    /// A second thing to be named by; each rule says what.
    Other,
}

/// A key of one leg.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Entry {
    /// The value.
    pub key: Vec<u8>,
    /// What the leg is to it.
    pub role: Role,
    /// When the role begins.
    pub at: CaptureTime,
    /// The leg.
    pub leg: u32,
    /// When the leg ends.
    pub until: CaptureTime,
}

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
    /// Values that do not discriminate.
    pub demoted: BTreeMap<Vec<u8>, Demotion>,
    /// Pairs left out because a leg had too many for one key.
    pub left_out: u64,
}

/// Finds the candidates among `entries`; `must_adjoin` as in [`judge`].
#[must_use]
pub fn candidates(
    mut entries: Vec<Entry>,
    pairings: &[Pairing],
    outlines: &[LegOutline],
    table: &RuleTable,
    must_adjoin: bool,
) -> Candidates {
    entries.sort_unstable();
    entries.dedup_by(|next, kept| {
        next.key == kept.key && next.role == kept.role && next.at == kept.at && next.leg == kept.leg
    });
    let mut found = Candidates::default();
    for run in entries.chunk_by(|left, right| left.key == right.key) {
        if run.len() < 2 {
            continue;
        }
        let mut shared: Vec<u32> =
            run.iter().filter(|entry| entry.role == Role::Shared).map(|entry| entry.leg).collect();
        shared.sort_unstable();
        shared.dedup();
        if let Some(demotion) = judge(outlines, &shared, table.shared_legs_max, must_adjoin) {
            found.demoted.insert(run[0].key.clone(), demotion);
        }
        for pairing in pairings {
            pair_up(run, *pairing, &mut found);
        }
    }
    found.pairs.sort_unstable();
    found.pairs.dedup();
    found
}

fn with_role(run: &[Entry], role: Role) -> &[Entry] {
    let start = run.partition_point(|entry| entry.role < role);
    let end = run.partition_point(|entry| entry.role <= role);
    &run[start..end]
}

/// A demoted value pairs each leg with the next one only: enough for a near miss.
fn pair_up(run: &[Entry], pairing: Pairing, found: &mut Candidates) {
    let firsts = with_role(run, pairing.first);
    let seconds = with_role(run, pairing.second);
    let is_demoted = pairing.first == Role::Shared
        && run.first().is_some_and(|e| found.demoted.contains_key(&e.key));
    let cap = if is_demoted { 1 } else { CANDIDATES_PER_KEY_MAX };
    for (place, first) in firsts.iter().enumerate() {
        let (low, high) = match pairing.window {
            Window::After(low, high) => (first.at.plus_ns(low), first.at.plus_ns(high)),
            Window::Near(slack) => (first.at, first.until.plus_ns(slack)),
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
