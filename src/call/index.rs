//! Candidate pairs through sorted keys: a rule never sees all pairs.
//!
//! In: the keys that a rule takes from each leg. Out: the pairs worth comparing, and the values that
//! do not discriminate.

use super::discriminate::{DemotedValue, judge};
use super::outlines::Outlines;
use super::rule::RuleName;
use super::table::RuleTable;
use crate::base::CaptureTime;
use crate::base::limits::CANDIDATES_PER_KEY_MAX;

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

/// A key of one leg; its value stands in [`Entries`].
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    /// When the role begins.
    at: CaptureTime,
    /// Where the value stands.
    start: usize,
    /// The leg.
    leg: u32,
    length: u16,
    /// What the leg is to it.
    role: Role,
}

/// The keys that one rule takes from legs, their values in one buffer: those that may stand twice.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    list: Vec<Entry>,
    values: Vec<u8>,
}

impl Entries {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds the key of a leg, with the hash of its value; its role begins at `at`.
    pub(super) fn add(
        &mut self,
        hash: u64,
        value: &[u8],
        (role, at): (Role, CaptureTime),
        leg: u32,
    ) {
        let start = self.values.len();
        // Values are texts of a leg, far below 16 bits.
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.values.extend_from_slice(&value[..usize::from(length)]);
        self.list.push(Entry { hash, at, start, leg, length, role });
    }

    /// Adds the keys that were taken elsewhere.
    pub(super) fn append(&mut self, mut other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        let start = self.values.len();
        other.list.iter_mut().for_each(|entry| entry.start += start);
        self.list.append(&mut other.list);
        self.values.append(&mut other.values);
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        &self.values[entry.start..entry.start + usize::from(entry.length)]
    }

    /// Drops keys that stand alone by their hash.
    fn drop_lone(&mut self) {
        self.list.sort_unstable_by_key(|entry| entry.hash);
        let mut kept = 0;
        let mut start = 0;
        while start < self.list.len() {
            let hash = self.list[start].hash;
            let length = self.list[start..].iter().take_while(|entry| entry.hash == hash).count();
            if length > 1 {
                self.list.copy_within(start..start + length, kept);
                kept += length;
            }
            start += length;
        }
        self.list.truncate(kept);
    }

    /// Sorts by value, then role, time and leg; equal ones stay once.
    fn sort(&mut self) {
        self.drop_lone();
        let mut list = std::mem::take(&mut self.list);
        let rest = |entry: &Entry| (entry.role, entry.at, entry.leg);
        for run in list.chunk_by_mut(|left, right| left.hash == right.hash) {
            run.sort_unstable_by(|left, right| {
                let by_value = self.value(left).cmp(self.value(right));
                by_value.then_with(|| rest(left).cmp(&rest(right)))
            });
        }
        list.dedup_by(|next, kept| {
            (next.role, next.at, next.leg) == (kept.role, kept.at, kept.leg)
                && self.is_same_value(next, kept)
        });
        self.list = list;
    }

    fn is_same_value(&self, left: &Entry, right: &Entry) -> bool {
        left.hash == right.hash && self.value(left) == self.value(right)
    }
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
    /// Values that do not discriminate, by value.
    pub demoted: Vec<DemotedValue>,
    /// Pairs left out because a leg had too many for one key.
    pub left_out: u64,
}

/// Finds the candidates of a rule among its `entries`; `must_adjoin` as in [`judge`].
#[must_use]
pub(super) fn candidates(
    mut entries: Entries,
    (rule, pairings): (RuleName, &[Pairing]),
    outlines: &Outlines,
    table: &RuleTable,
    must_adjoin: bool,
) -> Candidates {
    entries.sort();
    let mut found = Candidates::default();
    let mut shared: Vec<u32> = Vec::new();
    for run in entries.list.chunk_by(|left, right| entries.is_same_value(left, right)) {
        if run.len() < 2 {
            continue;
        }
        shared.clear();
        shared.extend(with_role(run, Role::Shared).iter().map(|entry| entry.leg));
        shared.sort_unstable();
        shared.dedup();
        let demotion = judge(outlines, &shared, table.shared_legs_max, must_adjoin);
        if let Some(demotion) = demotion {
            let value = entries.value(&run[0]).to_vec();
            found.demoted.push(DemotedValue { rule, value, demotion });
        }
        for pairing in pairings {
            pair_up(run, *pairing, demotion.is_some(), outlines, &mut found);
        }
    }
    found.demoted.sort_unstable_by(|left, right| left.value.cmp(&right.value));
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
fn pair_up(
    run: &[Entry],
    pairing: Pairing,
    is_demoted: bool,
    outlines: &Outlines,
    found: &mut Candidates,
) {
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
            Window::Near(slack) => (first.at, outlines.span(first.leg).ended.plus_ns(slack)),
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
