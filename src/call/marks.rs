//! What the first pass over all legs notes of their keys, so that the second one keeps few of them and, where
//! memory allows, reads few legs.
//!
//! In: marks, a hash of each key with its rule and its part of time. Out: whether a key may meet another one.

use super::filter::Filter;
use super::rule::{RuleName, RuleSet};
use super::rules::{Key, meeting_window_ns};
use super::table::RuleTable;
use crate::base::CaptureTime;
use std::sync::atomic::{AtomicU32, Ordering};

/// Room in the filter for each leg: it has some seven keys that others may have, so one key in six is
/// taken for one that stands twice by accident.
const SLOTS_PER_LEG: usize = 40;
/// Room for those, some two for each leg: of the accidents one in eight is left.
const AGAIN_SLOTS_PER_LEG: usize = 16;
/// Room for what legs ask for: few ask.
const ASKED_SLOTS_PER_LEG: usize = 8;
/// A part of time is so many windows long at the least: few roles are so near to its ends that the next part
/// matters.
const WINDOWS_PER_MOMENT: i64 = 16;
/// Odd numbers without a pattern, by which rules, moments and values are mixed into one hash.
const OF_RULE: u32 = 0x9E37_79B9;
const OF_MOMENT: u32 = 0xC2B2_AE3D;
const OF_ALL: u32 = 0xD6E8_FEB9;
/// And one that gives a hash another slot than that of its neighbours.
const OF_AGAIN: u32 = 0x85EB_CA6B;

/// What the first pass over all legs notes of all keys; gone when the second one is over.
#[derive(Debug)]
pub struct Marks {
    /// Keys that legs have alike.
    alike: Filter,
    /// Those of them that were taken for twofold, where they are marked again.
    again: Option<Filter>,
    /// Values by which legs ask for others, whatever the rule.
    asked: Filter,
    /// The rules by which a leg asks, by their bits.
    asking: AtomicU32,
}

impl Marks {
    /// For so many legs; whether twofold keys are marked again, by [`Self::narrow`].
    pub(super) fn new(legs: usize, is_narrowed: bool) -> Self {
        let filter = |slots| Filter::new(legs, slots);
        Self {
            alike: filter(SLOTS_PER_LEG),
            again: is_narrowed.then(|| filter(AGAIN_SLOTS_PER_LEG)),
            asked: filter(ASKED_SLOTS_PER_LEG),
            asking: AtomicU32::new(0),
        }
    }

    /// Marks a key that others may have.
    #[inline]
    pub(super) fn mark(&self, mark: u32) {
        self.alike.mark(slot(mark));
    }

    /// Marks a value by which a rule asks.
    pub(super) fn ask(&self, rule: RuleName, hash: u64) {
        self.asked.mark(slot(hash as u32));
        self.asking.fetch_or(RuleSet::bit(rule), Ordering::Relaxed);
    }

    /// Marks again what may stand twice: the more stand in the first filter, the more meet there by accident.
    /// To be called for all known keys before the first is asked for.
    pub fn narrow(&self, known: &KnownKeys) {
        if let Some(again) = &self.again {
            let twofold =
                known.marks.iter().filter(|mark| self.alike.was_there_twice(slot(**mark)));
            twofold.for_each(|mark| again.mark(slot(mark.wrapping_mul(OF_AGAIN))));
        }
    }

    /// Whether another key may have this mark.
    pub(super) fn may_meet(&self, mark: u32) -> bool {
        let is_twofold = |again: &Filter| again.was_there_twice(slot(mark.wrapping_mul(OF_AGAIN)));
        self.alike.was_there_twice(slot(mark)) && self.again.as_ref().is_none_or(is_twofold)
    }

    /// Whether a leg may ask by this value.
    pub(super) fn may_be_asked(&self, hash: u32) -> bool {
        self.asked.was_there(slot(hash))
    }

    /// The rules by which a leg asks.
    pub(super) fn asking(&self) -> RuleSet {
        RuleSet::of_bits(self.asking.load(Ordering::Relaxed))
    }
}

/// What may meet a leg.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Meeting {
    /// Others with a key of it.
    pub(super) alike: bool,
    /// Others that ask for it.
    pub(super) asked: bool,
}

impl Meeting {
    /// Nothing is known.
    pub(super) const ANY: Self = Self { alike: true, asked: true };
    /// Nothing does.
    pub(super) const NONE: Self = Self { alike: false, asked: false };
}

/// What the first pass knows of the keys of some legs, some 50 bytes a leg: enough for the second one to tell
/// which of them need not be read again.
#[derive(Clone, Debug, Default)]
pub struct KnownKeys {
    /// The marks of the keys that others may have.
    marks: Vec<u32>,
    /// Hashes of the values by which others may ask.
    offered: Vec<u32>,
    /// Where both end for each leg.
    ends: Vec<(u32, u32)>,
}

impl KnownKeys {
    pub(super) fn add_mark(&mut self, mark: u32) {
        self.marks.push(mark);
    }

    pub(super) fn add_offered(&mut self, hash: u64) {
        self.offered.push(hash as u32);
    }

    /// To be called behind the keys of each leg.
    pub(super) fn end_leg(&mut self) {
        // A run of legs is far below what 32 bits can tell.
        self.ends.push((self.marks.len() as u32, self.offered.len() as u32));
    }

    /// What may meet the leg with this place among the legs.
    pub(super) fn meeting(&self, place: usize, marks: &Marks) -> Meeting {
        let end_of = |place: usize| self.ends.get(place).copied().unwrap_or_default();
        let (from, to) = (place.checked_sub(1).map(end_of).unwrap_or_default(), end_of(place));
        let known = &self.marks[from.0 as usize..to.0 as usize];
        let offered = &self.offered[from.1 as usize..to.1 as usize];
        Meeting {
            alike: known.iter().any(|mark| marks.may_meet(*mark)),
            asked: offered.iter().any(|hash| marks.may_be_asked(*hash)),
        }
    }
}

/// Parts of time as long as one rule needs them.
#[derive(Clone, Copy, Debug)]
struct Moments {
    /// Whatever is farther apart does not meet.
    window_ns: i64,
    /// A part is as long as so many bits of a time in nanoseconds can tell: no division finds it.
    bits: u32,
}

impl Moments {
    const fn new(window_ns: i64) -> Self {
        let length_ns = match window_ns {
            ..=0 => WINDOWS_PER_MOMENT,
            _ => window_ns.saturating_mul(WINDOWS_PER_MOMENT),
        };
        // So many bits tell at least as much; all but the sign at the most.
        Self { window_ns, bits: i64::BITS - (length_ns - 1).leading_zeros() }
    }

    /// The part with this time, and whether what is near enough may be in the parts before and behind.
    const fn of(self, at: CaptureTime) -> (i64, [bool; 2]) {
        let last_ns = i64::MAX >> (i64::BITS - 1 - self.bits);
        let since_ns = at.ns() & last_ns;
        let near = [since_ns < self.window_ns, last_ns - since_ns < self.window_ns];
        (at.ns() >> self.bits, near)
    }
}

/// The parts of time of the rules for which it matters when their keys are.
#[derive(Clone, Copy, Debug)]
pub(super) struct MomentsOf {
    fork: Option<Moments>,
    numbers: Option<Moments>,
}

impl MomentsOf {
    pub(super) fn new(table: &RuleTable) -> Self {
        let of_rule = |rule| meeting_window_ns(rule, table).map(Moments::new);
        Self { fork: of_rule(RuleName::Fork), numbers: of_rule(RuleName::Numbers) }
    }

    /// The marks of a key whose value has this hash: that of its part of time, and those of the parts beside
    /// it that are near enough. Two keys that are near enough to each other have one in common.
    #[inline]
    pub(super) fn marks(&self, key: &Key<'_>, hash: u64, mut take: impl FnMut(u32)) {
        let moments = match key.rule {
            RuleName::Fork => self.fork,
            RuleName::Numbers => self.numbers,
            _ => None,
        };
        let Some(moments) = moments else { return take(mixed(key.rule, hash, 0)) };
        let (moment, [before, behind]) = moments.of(key.at);
        take(mixed(key.rule, hash, moment));
        if before {
            take(mixed(key.rule, hash, moment.wrapping_sub(1)));
        }
        if behind {
            take(mixed(key.rule, hash, moment.wrapping_add(1)));
        }
    }
}

/// A mark as filters read it: they choose by the upper bits.
fn slot(mark: u32) -> u64 {
    u64::from(mark) << u32::BITS
}

const fn mixed(rule: RuleName, hash: u64, moment: i64) -> u32 {
    let of_rule = (rule as u32 + 1).wrapping_mul(OF_RULE);
    let of_moment = (moment as u32).wrapping_mul(OF_MOMENT);
    (hash as u32 ^ of_rule).wrapping_add(of_moment).wrapping_mul(OF_ALL)
}

#[cfg(test)]
mod tests {
    use super::super::index::Role;
    use super::super::rules::KeyValue;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Two keys within the window find each other, wherever parts of time end.
        #[test]
        fn keys_within_the_window_may_meet(
            at in prop_oneof![
                -1_000i64..1_000,
                i64::MIN..i64::MIN + 1_000,
                i64::MAX - 1_000..i64::MAX - 20,
            ],
            (by, window_ns) in prop_oneof![
                (0i64..=20).prop_flat_map(|window| (0..=window, Just(window))),
                (0i64..=20, i64::MAX - 2..=i64::MAX),
            ],
            is_narrowed in any::<bool>(),
        ) {
            let table = RuleTable { fork_window_ns: window_ns, ..RuleTable::default() };
            let (moments, marks) = (MomentsOf::new(&table), Marks::new(1_000, is_narrowed));
            let of = |at: i64| {
                let (rule, value) = (RuleName::Fork, KeyValue::Bytes(b""));
                let key = Key { rule, role: Role::Other, at: CaptureTime::from_ns(at), value };
                let mut known = KnownKeys::default();
                moments.marks(&key, 1, |mark| known.add_mark(mark));
                known.end_leg();
                known
            };
            let both = [at, at + by].map(of);
            both.iter().flat_map(|known| &known.marks).for_each(|mark| marks.mark(*mark));
            both.iter().for_each(|known| marks.narrow(known));
            for known in both {
                prop_assert!(known.meeting(0, &marks).alike);
            }
        }
    }
}
