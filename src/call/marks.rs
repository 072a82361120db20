//! What the first pass over all legs notes of their keys, so that the second one keeps few of them and
//! reads few legs.
//!
//! In: marks, a hash of each key with its rule and its part of time. Out: whether a key may meet another one, and
//! what the second pass knows of a leg without reading it, packed.

use super::filter::Filter;
use super::packed::{Reader, put_number};
use super::rule::{RuleName, RuleSet};
use super::rules::{Key, meeting_window_ns};
use super::table::RuleTable;
use crate::base::{CaptureTime, PackedRun};
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
    /// Those of them that were taken for twofold, marked again.
    again: Filter,
    /// Values by which legs ask for others, whatever the rule.
    asked: Filter,
    /// The rules by which a leg asks, by their bits.
    asking: AtomicU32,
}

impl Marks {
    /// For so many legs.
    pub(super) fn new(legs: usize) -> Self {
        let filter = |slots| Filter::new(legs, slots);
        Self {
            alike: filter(SLOTS_PER_LEG),
            again: filter(AGAIN_SLOTS_PER_LEG),
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
    /// To be called for what [`Search::mark`](super::search::Search::mark) knows of all legs before the first is
    /// asked for.
    pub fn narrow(&self, known: &PackedRun) {
        let marks = known_legs(known).flat_map(|leg| leg.marks());
        let twofold = marks.filter(|mark| self.alike.was_there_twice(slot(*mark)));
        twofold.for_each(|mark| self.again.mark(slot(mark.wrapping_mul(OF_AGAIN))));
    }

    /// Whether another key may have this mark.
    pub(super) fn may_meet(&self, mark: u32) -> bool {
        self.alike.was_there_twice(slot(mark))
            && self.again.was_there_twice(slot(mark.wrapping_mul(OF_AGAIN)))
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
    /// Nothing does.
    pub(super) const NONE: Self = Self { alike: false, asked: false };
}

/// Bytes of a hash.
const HASH_BYTES: usize = size_of::<u32>();

/// What the first pass knows of the keys of some legs, some 45 bytes a leg: enough for the second one to tell
/// which of them need not be read again.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownKeys {
    /// For each leg the number of its marks and they themselves, then the same of its offered values.
    bytes: Vec<u8>,
    /// The marks of the keys of one leg that others may have.
    marks: Vec<u8>,
    /// Hashes of its values by which others may ask.
    offered: Vec<u8>,
}

impl KnownKeys {
    pub(super) fn add_mark(&mut self, mark: u32) {
        self.marks.extend_from_slice(&mark.to_le_bytes());
    }

    pub(super) fn add_offered(&mut self, hash: u64) {
        self.offered.extend_from_slice(&(hash as u32).to_le_bytes());
    }

    /// To be called behind the keys of each leg.
    pub(super) fn end_leg(&mut self) {
        for hashes in [&mut self.marks, &mut self.offered] {
            put_number(&mut self.bytes, (hashes.len() / HASH_BYTES) as u64);
            self.bytes.append(hashes);
        }
    }

    /// All legs as the only item of a run, for [`known_legs`].
    pub(super) fn finish(self) -> PackedRun {
        // A run of legs is far below what 32 bits can tell.
        let end = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        PackedRun::new(self.bytes, vec![end])
    }
}

/// What is known of one leg.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownLeg<'k> {
    marks: &'k [u8],
    offered: &'k [u8],
}

/// The legs that a run of [`KnownKeys::finish`] tells of, in their order. Other bytes give some legs.
pub(super) fn known_legs(run: &PackedRun) -> impl Iterator<Item = KnownLeg<'_>> {
    let mut reader = Reader { rest: run.item(0) };
    std::iter::from_fn(move || {
        (!reader.rest.is_empty())
            .then(|| KnownLeg { marks: counted(&mut reader), offered: counted(&mut reader) })
    })
}

/// Hashes behind their number.
fn counted<'k>(reader: &mut Reader<'k>) -> &'k [u8] {
    let count = usize::try_from(reader.number()).unwrap_or(usize::MAX);
    reader.bytes(count.saturating_mul(HASH_BYTES))
}

impl<'k> KnownLeg<'k> {
    fn marks(self) -> impl Iterator<Item = u32> + 'k {
        hashes_of(self.marks)
    }

    /// What may meet it.
    pub(super) fn meeting(self, marks: &Marks) -> Meeting {
        Meeting {
            alike: self.marks().any(|mark| marks.may_meet(mark)),
            asked: hashes_of(self.offered).any(|hash| marks.may_be_asked(hash)),
        }
    }
}

fn hashes_of(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<HASH_BYTES>().0.iter().map(|hash| u32::from_le_bytes(*hash))
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
        ) {
            let table = RuleTable { fork_window_ns: window_ns, ..RuleTable::default() };
            let (moments, marks) = (MomentsOf::new(&table), Marks::new(1_000));
            let of = |at: i64| {
                let (rule, value) = (RuleName::Fork, KeyValue::Bytes(b""));
                let key = Key { rule, role: Role::Other, at: CaptureTime::from_ns(at), value };
                let mut known = KnownKeys::default();
                moments.marks(&key, 1, |mark| known.add_mark(mark));
                known.end_leg();
                known.finish()
            };
            let both = [at, at + by].map(of);
            let legs = || both.iter().flat_map(known_legs);
            legs().flat_map(KnownLeg::marks).for_each(|mark| marks.mark(mark));
            both.iter().for_each(|known| marks.narrow(known));
            prop_assert_eq!(legs().filter(|leg| leg.meeting(&marks).alike).count(), 2);
        }
    }
}
