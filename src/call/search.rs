//! The search for evidence: keys, candidates and comparison.
//!
//! In: outlines of all legs, rule table. Out: evidence by legs, then rule. Every step is made of parts that
//! know nothing of each other: legs by ranges, keys by rule and part of their hashes, pairs by ranges. So they
//! may be run side by side, and lie anywhere in between; what comes out is sorted, so the order of the legs
//! and the number of the parts cannot matter.

use super::discriminate::{DemotedValue, demoted_of};
use super::filter::Filter;
use super::found::FoundEvidence;
use super::index::{Candidates, candidates};
use super::kept::{Entries, KeptKeys, parts_for};
use super::outline::LegOutline;
use super::outlines::Outlines;
use super::rule::RuleName;
use super::rules::{
    Context, Key, KeyValue, Keys, asks, compare_legs, meeting_window_ns, meets, must_adjoin,
    offers, pairings, target_keys,
};
use super::said::MediaValue;
use super::table::RuleTable;
use crate::base::{Endpoint, PackedRun, roomy};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Room in the filter for each leg: it has some seven keys that others may have, so one key in six is
/// kept by accident.
const SLOTS_PER_LEG: usize = 40;
/// Room for what legs ask for: few ask.
const ASKED_SLOTS_PER_LEG: usize = 8;
/// A part of time is so many windows long: few roles are so near to its ends that the next part matters.
const WINDOWS_PER_MOMENT: i64 = 16;
/// Odd numbers without a pattern, by which rules, moments and values are mixed into one hash.
const OF_RULE: u64 = 0x9E37_79B9_7F4A_7C15;
const OF_MOMENT: u64 = 0xC2B2_AE3D_27D4_EB4F;
const OF_ALL: u64 = 0xD6E8_FEB8_6659_FD93;

/// What the first pass over all legs notes of all keys; gone when the second one is over.
#[derive(Debug)]
pub struct Marks {
    /// Keys that legs have alike.
    alike: Filter,
    /// Keys by which legs ask for others.
    asked: Filter,
    /// The rules by which a leg asks, a bit each.
    asking: AtomicU32,
}

impl Marks {
    fn is_asked(&self, rule: RuleName) -> bool {
        self.asking.load(Ordering::Relaxed) & (1 << rule as u32) != 0
    }
}

/// A pair that a rule compares, the smaller leg first.
pub type Pair = (u32, u32, RuleName);

/// What all rules compare.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// Each once; to be sorted before they are compared.
    pub list: Vec<Pair>,
    /// Values that do not discriminate, by rule and value.
    pub(super) demoted: Vec<DemotedValue>,
    /// Pairs left out because a leg had too many for one key.
    pub(super) left_out: u64,
}

impl Pairs {
    /// Values that do not discriminate, by rule and value.
    #[must_use]
    pub fn demoted(&self) -> &[DemotedValue] {
        &self.demoted
    }

    /// Joins the candidates of all rules and parts; what several parts found becomes one when the list was
    /// sorted by `sort`.
    #[must_use]
    pub fn of(found: Vec<(RuleName, Candidates)>, sort: impl FnOnce(&mut Vec<Pair>)) -> Self {
        let list = roomy(found.iter().map(|(_, found)| found.pairs.len()).sum());
        let mut all = Self { list, ..Self::default() };
        for (rule, mut found) in found {
            all.list.extend(found.pairs.iter().map(|(left, right)| (*left, *right, rule)));
            all.demoted.append(&mut found.demoted);
            all.left_out += found.left_out;
        }
        sort(&mut all.list);
        all.list.dedup();
        all.demoted.sort_unstable_by(|left, right| {
            (left.rule, &left.value).cmp(&(right.rule, &right.value))
        });
        all
    }
}

/// A search among all legs.
#[derive(Debug)]
pub struct Search<'o> {
    outlines: &'o Outlines,
    table: &'o RuleTable,
    rules: Vec<RuleName>,
    /// Into how many parts the keys of a rule go.
    parts: usize,
    /// Which keys meet is decided by their values: hashes only tell most of them apart, and no result
    /// shows them, so the seed may be known.
    hasher: foldhash::fast::FixedState,
}

impl<'o> Search<'o> {
    /// Begins a search by the rules that are on.
    #[must_use]
    pub fn new(outlines: &'o Outlines, table: &'o RuleTable) -> Self {
        let last = outlines.len().checked_sub(1).and_then(|last| u32::try_from(last).ok());
        let sensor = |leg: u32| outlines.at(leg).sensor;
        // By sensor, so the first and the last tell; a sensor sees one leg by one Call-ID.
        let has_sensors = last.is_some_and(|last| sensor(0) != sensor(last));
        let can_be =
            |rule: &RuleName| table.is_on(*rule) && (has_sensors || *rule != RuleName::CallId);
        Self {
            outlines,
            table,
            rules: RuleName::ALL.into_iter().filter(can_be).collect(),
            parts: parts_for(outlines.len()),
            hasher: foldhash::fast::FixedState::default(),
        }
    }

    /// The same with so many parts; changes no result.
    #[must_use]
    pub fn with_parts(self, parts: usize) -> Self {
        Self { parts: parts.max(1), ..self }
    }

    /// The rules that may say something, each with the parts that its keys go into.
    #[must_use]
    pub fn parts(&self) -> Vec<(RuleName, usize)> {
        let of_rule =
            |rule: &RuleName| (0..self.parts).map(|part| (*rule, part)).collect::<Vec<_>>();
        self.rules.iter().flat_map(of_rule).collect()
    }

    /// What the first pass marks.
    #[must_use]
    pub fn marks(&self) -> Marks {
        let filter = |slots| Filter::new(self.outlines.len(), slots);
        Marks {
            alike: filter(SLOTS_PER_LEG),
            asked: filter(ASKED_SLOTS_PER_LEG),
            asking: AtomicU32::new(0),
        }
    }

    /// The first pass, over all legs: remembers which keys were there, and keeps those that ask.
    #[must_use]
    pub fn mark(&self, legs: Range<u32>, marks: &Marks) -> Vec<PackedRun> {
        let mut kept = KeptKeys::new(self.parts);
        for (leg, outline) in self.legs(legs) {
            for rule in &self.rules {
                let mut ask = |key: Key<'_>| {
                    let hash = self.hash(key.value);
                    marks.asked.mark(mixed(*rule, hash, 0));
                    marks.asking.fetch_or(1 << *rule as u32, Ordering::Relaxed);
                    kept.add(*rule, hash, key, (leg, &outline));
                };
                asks(*rule, self.table, &outline, &mut Keys::new(&outline, &mut ask));
                let window_ns = meeting_window_ns(*rule, self.table);
                let mut meet = |key: Key<'_>| {
                    let (moment, _) = moment_of(&key, window_ns);
                    marks.alike.mark(mixed(*rule, self.hash(key.value), moment));
                };
                meets(*rule, self.table, &outline, &mut Keys::new(&outline, &mut meet));
            }
            kept.end_leg();
        }
        kept.finish()
    }

    /// The second pass, when the first one is over for all legs: keeps the keys that may meet others.
    #[must_use]
    pub fn meet(&self, legs: Range<u32>, marks: &Marks) -> Vec<PackedRun> {
        let mut kept = KeptKeys::new(self.parts);
        for (leg, outline) in self.legs(legs) {
            let is_aimed = marks.is_asked(RuleName::Refer) || marks.is_asked(RuleName::Redirect);
            let targets = if is_aimed { target_keys(&outline) } else { Vec::new() };
            for rule in &self.rules {
                if marks.is_asked(*rule) {
                    let mut offer = |key: Key<'_>| {
                        let hash = self.hash(key.value);
                        if marks.asked.was_there(mixed(*rule, hash, 0)) {
                            kept.add(*rule, hash, key, (leg, &outline));
                        }
                    };
                    let mut keys = Keys::new(&outline, &mut offer);
                    offers(*rule, self.table, &outline, &targets, &mut keys);
                }
                let window_ns = meeting_window_ns(*rule, self.table);
                let mut meet = |key: Key<'_>| {
                    let hash = self.hash(key.value);
                    let moment = moment_of(&key, window_ns);
                    if may_meet(&marks.alike, *rule, hash, moment) {
                        kept.add(*rule, hash, key, (leg, &outline));
                    }
                };
                meets(*rule, self.table, &outline, &mut Keys::new(&outline, &mut meet));
            }
            kept.end_leg();
        }
        kept.finish()
    }

    fn legs(&self, legs: Range<u32>) -> impl Iterator<Item = (u32, LegOutline<'o>)> {
        legs.clone().zip(self.outlines.range(legs))
    }

    fn hash(&self, value: KeyValue<'_>) -> u64 {
        match value {
            KeyValue::Bytes(bytes) => self.hasher.hash_one(bytes),
            KeyValue::Media(value) => match value {
                MediaValue::Address(Endpoint { address: IpAddr::V4(address), port }) => {
                    let number = u64::from(address.to_bits()) << 16 | u64::from(port);
                    self.hasher.hash_one(number)
                }
                MediaValue::Origin(id, IpAddr::V4(address)) => {
                    self.hasher.hash_one((id, address.to_bits()))
                }
                value => self.hasher.hash_one(value),
            },
        }
    }

    /// The pairs that a rule compares by one part of its keys; `kept` is what both passes kept of all legs.
    #[must_use]
    pub fn candidates(&self, rule: RuleName, part: usize, kept: &[PackedRun]) -> Candidates {
        let entries = Entries::read(rule, (part, self.parts), kept);
        candidates(&entries, (rule, &pairings(rule, self.table)), self.table, must_adjoin(rule))
    }

    /// Compares some of the pairs, which are sorted.
    #[must_use]
    pub fn compare(&self, pairs: &[Pair], demoted: &[DemotedValue]) -> FoundEvidence {
        let mut found = FoundEvidence::default();
        let mut left: Option<(u32, LegOutline<'_>)> = None;
        let mut right: Option<(u32, LegOutline<'_>)> = None;
        let outline = |known: &mut Option<(u32, LegOutline<'o>)>, leg: u32| match known {
            Some((number, outline)) if *number == leg => *outline,
            none => none.insert((leg, self.outlines.at(leg))).1,
        };
        for (one, other, rule) in pairs {
            let legs = (&outline(&mut left, *one), &outline(&mut right, *other));
            let demoted = demoted_of(demoted, *rule);
            let (outlines, table) = (self.outlines, self.table);
            let context = Context { outlines, table, demoted, explains: false };
            let compared = compare_legs(*rule, context, legs.0, legs.1);
            found.add((*rule, self.table), (*one, *other), legs, &compared);
        }
        found
    }
}

fn may_meet(alike: &Filter, rule: RuleName, hash: u64, (moment, near): (i64, Near)) -> bool {
    let was_there = |moment| alike.was_there(mixed(rule, hash, moment));
    alike.was_there_twice(mixed(rule, hash, moment))
        || (near.before && was_there(moment.saturating_sub(1)))
        || (near.behind && was_there(moment.saturating_add(1)))
}

/// Whether what is near enough to a role may be in the part of time before or behind its own.
#[derive(Clone, Copy, Debug, Default)]
struct Near {
    before: bool,
    behind: bool,
}

/// The part of time that a key is in, where its time matters.
fn moment_of(key: &Key<'_>, window_ns: Option<i64>) -> (i64, Near) {
    let Some(window_ns) = window_ns else { return (0, Near::default()) };
    let length_ns = window_ns.max(1).saturating_mul(WINDOWS_PER_MOMENT);
    let since_ns = key.at.ns().rem_euclid(length_ns);
    let near = Near {
        before: since_ns < window_ns,
        behind: since_ns.saturating_add(window_ns) >= length_ns,
    };
    (key.at.ns().div_euclid(length_ns), near)
}

const fn mixed(rule: RuleName, hash: u64, moment: i64) -> u64 {
    let of_rule = (rule as u64 + 1).wrapping_mul(OF_RULE);
    let of_moment = moment.cast_unsigned().wrapping_mul(OF_MOMENT);
    (hash ^ of_rule).wrapping_add(of_moment).wrapping_mul(OF_ALL)
}

#[cfg(test)]
mod tests {
    use super::super::index::Role;
    use super::*;
    use crate::base::CaptureTime;
    use proptest::prelude::*;

    proptest! {
        /// Two keys within the window find each other, wherever parts of time end.
        #[test]
        fn keys_within_the_window_may_meet(
            at in prop_oneof![-1_000i64..1_000, i64::MIN..i64::MIN + 1_000],
            (by, window_ns) in (0i64..=20).prop_flat_map(|window| (0..=window, Just(window))),
        ) {
            let moment = |at: i64| {
                let at = CaptureTime::from_ns(at);
                let key = Key { role: Role::Other, at, value: KeyValue::Bytes(b"") };
                moment_of(&key, Some(window_ns))
            };
            let moments = [at, at + by].map(moment);
            let alike = Filter::new(1_000, SLOTS_PER_LEG);
            for (moment, _) in moments {
                alike.mark(mixed(RuleName::Fork, 1, moment));
            }
            for moment in moments {
                prop_assert!(may_meet(&alike, RuleName::Fork, 1, moment));
            }
        }
    }
}
