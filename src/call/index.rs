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
use std::hash::BuildHasher;

/// Bits of memory for each key by which lone keys are told: one in so many stays by accident.
const LONE_BITS_PER_KEY: usize = 8;

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
    /// Where the value stands.
    start: usize,
    length: u32,
    /// The leg.
    leg: u32,
    /// What the leg is to it.
    role: Role,
    /// When the role begins.
    at: CaptureTime,
    /// When the leg ends.
    until: CaptureTime,
}

/// The keys that one rule takes from the legs, their values in one buffer.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    list: Vec<Entry>,
    values: Vec<u8>,
    /// Which keys meet is decided by the values: the hash only sorts most of them, in an order that no
    /// result shows, so its seed may be known.
    hasher: foldhash::fast::FixedState,
}

impl Entries {
    /// Adds the key of a leg that ends at `until`; its role begins at `at`.
    pub fn add(
        &mut self,
        value: &[u8],
        (role, at): (Role, CaptureTime),
        (leg, until): (u32, CaptureTime),
    ) {
        let hash = self.hasher.hash_one(value);
        let start = self.values.len();
        self.values.extend_from_slice(value);
        // Values are texts of a leg, far below 32 bits.
        let length = value.len() as u32;
        self.list.push(Entry { hash, start, length, leg, role, at, until });
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        &self.values[entry.start..entry.start + entry.length as usize]
    }

    /// Drops keys that stand alone, as nearly all do: only those that may stand twice are sorted.
    fn drop_lone(&mut self) {
        let bits = (self.list.len() * LONE_BITS_PER_KEY).next_power_of_two().max(64);
        let place = |entry: &Entry| {
            let bit = entry.hash as usize & (bits - 1);
            (bit / 64, 1_u64 << (bit % 64))
        };
        let (mut once, mut twice) = (vec![0_u64; bits / 64], vec![0_u64; bits / 64]);
        for entry in &self.list {
            let (word, bit) = place(entry);
            twice[word] |= once[word] & bit;
            once[word] |= bit;
        }
        self.list.retain(|entry| {
            let (word, bit) = place(entry);
            twice[word] & bit != 0
        });
    }

    /// Sorts by value, then role, time and leg; equal ones stay once.
    fn sort(&mut self) {
        let mut list = std::mem::take(&mut self.list);
        let rest = |entry: &Entry| (entry.role, entry.at, entry.leg, entry.until);
        list.sort_unstable_by(|left, right| {
            left.hash
                .cmp(&right.hash)
                .then_with(|| self.value(left).cmp(self.value(right)))
                .then_with(|| rest(left).cmp(&rest(right)))
        });
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
    /// Values that do not discriminate.
    pub demoted: BTreeMap<Vec<u8>, Demotion>,
    /// Pairs left out because a leg had too many for one key.
    pub left_out: u64,
}

/// Finds the candidates among `entries`; `must_adjoin` as in [`judge`].
#[must_use]
pub fn candidates(
    mut entries: Entries,
    pairings: &[Pairing],
    outlines: &[LegOutline],
    table: &RuleTable,
    must_adjoin: bool,
) -> Candidates {
    entries.drop_lone();
    entries.sort();
    let mut found = Candidates::default();
    for run in entries.list.chunk_by(|left, right| entries.is_same_value(left, right)) {
        if run.len() < 2 {
            continue;
        }
        let mut shared: Vec<u32> =
            run.iter().filter(|entry| entry.role == Role::Shared).map(|entry| entry.leg).collect();
        shared.sort_unstable();
        shared.dedup();
        let demotion = judge(outlines, &shared, table.shared_legs_max, must_adjoin);
        if let Some(demotion) = demotion {
            found.demoted.insert(entries.value(&run[0]).to_vec(), demotion);
        }
        for pairing in pairings {
            pair_up(run, *pairing, demotion.is_some(), &mut found);
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
fn pair_up(run: &[Entry], pairing: Pairing, is_demoted: bool, found: &mut Candidates) {
    let firsts = with_role(run, pairing.first);
    let seconds = with_role(run, pairing.second);
    let is_demoted = is_demoted && pairing.first == Role::Shared;
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
