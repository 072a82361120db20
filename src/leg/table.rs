//! Legs by key, while their messages come in: what a worker fills, and turns into runs.
//!
//! A leg whose dialog has ended is packed soon, and its room is used for the next leg: the legs that
//! messages come for stay few, and in the cache. A message that comes for such a leg later makes another
//! part of it, and the parts are joined when the run is made.
//!
//! The hash table gives places only, and its order never leaves: runs are sorted.

use super::join::first_bytes;
use super::lattice::Leg;
use super::leg_run::{LegRun, RunBuilder};
use super::pack::{PackedLeg, pack};
use super::texts::is_same;
use crate::base::SensorId;
use hashbrown::HashTable;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};

/// Legs that have ended and wait for the messages that still follow an end: an ACK, the same message at
/// the next hop, a message sent again.
const ENDED_LEGS_MAX: usize = 64;

/// Legs by sensor and Call-ID.
#[derive(Debug)]
pub struct LegTable<S> {
    /// Chosen once a run: keys are hostile, so its seed is random, and no result depends on it.
    hasher: S,
    /// Places in `slots`.
    places: HashTable<u32>,
    slots: Vec<Slot>,
    /// Places that hold no leg but the room of one, the last one to be used next.
    free: Vec<u32>,
    /// The place that was asked for last.
    last: u32,
    /// Places whose legs have ended, in that order.
    ended: VecDeque<u32>,
    packed: Packed,
}

#[derive(Debug)]
struct Slot {
    leg: Leg,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Free,
    Open,
    Ended,
}

/// Legs that were packed, in the order of their ends.
#[derive(Debug, Default)]
struct Packed {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Packed {
    fn leg(&self, number: usize) -> PackedLeg<'_> {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        PackedLeg::new(&self.bytes[start..self.ends[number]])
    }
}

/// A leg, or a part of one, on its way into a run.
#[derive(Clone, Copy)]
struct Part<'t> {
    sensor: SensorId,
    /// The first bytes of the Call-ID, which decide nearly every comparison.
    start: u64,
    leg: PartLeg<'t>,
}

#[derive(Clone, Copy)]
enum PartLeg<'t> {
    Packed(PackedLeg<'t>),
    Open(&'t Leg),
}

impl<'t> Part<'t> {
    fn new(leg: PartLeg<'t>) -> Self {
        let (sensor, call_id) = match leg {
            PartLeg::Packed(packed) => packed.key(),
            PartLeg::Open(leg) => (leg.sensor(), leg.call_id()),
        };
        Self { sensor, start: first_bytes(call_id), leg }
    }

    fn call_id(&self) -> &'t [u8] {
        match self.leg {
            PartLeg::Packed(packed) => packed.call_id(),
            PartLeg::Open(leg) => leg.call_id(),
        }
    }

    fn is_of_leg(&self, other: &Self) -> bool {
        (self.sensor, self.start) == (other.sensor, other.start)
            && self.call_id() == other.call_id()
    }
}

impl<S: BuildHasher> LegTable<S> {
    /// An empty table.
    #[must_use]
    pub fn new(hasher: S) -> Self {
        Self {
            hasher,
            places: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            last: 0,
            ended: VecDeque::new(),
            packed: Packed::default(),
        }
    }

    /// The leg with this key, made when it is not there.
    pub fn leg(&mut self, sensor: SensorId, call_id: &[u8]) -> &mut Leg {
        let Self { hasher, places, slots, free, last, .. } = self;
        let hash = hash_key(hasher, sensor, call_id);
        let is_wanted = |place: &u32| {
            let leg = &slots[*place as usize].leg;
            is_same(leg.call_id(), call_id) && leg.sensor() == sensor
        };
        if let Some(place) = places.find(hash, is_wanted) {
            *last = *place;
            return &mut slots[*place as usize].leg;
        }
        let place = match free.pop() {
            Some(place) => {
                let slot = &mut slots[place as usize];
                slot.leg.reset(sensor, call_id);
                slot.state = State::Open;
                place
            }
            None => {
                slots.push(Slot { leg: Leg::new(sensor, call_id), state: State::Open });
                // A table is turned into a run long before 32 bits end.
                (slots.len() - 1) as u32
            }
        };
        places.insert_unique(hash, place, |place| {
            let leg = &slots[*place as usize].leg;
            hash_key(hasher, leg.sensor(), leg.call_id())
        });
        *last = place;
        &mut slots[place as usize].leg
    }

    /// Says that the dialog of the leg that was asked for last has ended: few messages will follow. A
    /// hint that changes no result.
    pub fn end_last(&mut self) {
        let Some(slot) = self.slots.get_mut(self.last as usize) else { return };
        if slot.state != State::Open {
            return;
        }
        slot.state = State::Ended;
        self.ended.push_back(self.last);
        if self.ended.len() > ENDED_LEGS_MAX
            && let Some(place) = self.ended.pop_front()
        {
            self.pack(place);
        }
    }

    /// Packs the leg at a place, which is free then.
    fn pack(&mut self, place: u32) {
        let slot = &mut self.slots[place as usize];
        let hash = hash_key(&self.hasher, slot.leg.sensor(), slot.leg.call_id());
        if let Ok(entry) = self.places.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        pack(&slot.leg, &mut self.packed.bytes);
        self.packed.ends.push(self.packed.bytes.len());
        slot.state = State::Free;
        self.free.push(place);
    }

    /// What hashes its keys.
    #[must_use]
    pub const fn hasher(&self) -> &S {
        &self.hasher
    }

    /// How many legs it holds; parts of one leg count each.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len() - self.free.len() + self.packed.ends.len()
    }

    /// Whether it holds no leg.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all legs out, as sorted runs.
    pub fn take_runs(&mut self) -> Vec<LegRun> {
        let open = self.slots.iter().filter(|slot| slot.state != State::Free);
        let open = open.map(|slot| PartLeg::Open(&slot.leg));
        let packed = (0..self.packed.ends.len()).map(|at| PartLeg::Packed(self.packed.leg(at)));
        let mut parts: Vec<Part<'_>> = packed.chain(open).map(Part::new).collect();
        parts.sort_unstable_by(|left, right| {
            (left.sensor, left.start)
                .cmp(&(right.sensor, right.start))
                .then_with(|| left.call_id().cmp(right.call_id()))
        });
        let mut builder = RunBuilder::default();
        for of_leg in parts.chunk_by(Part::is_of_leg) {
            match of_leg {
                [Part { leg: PartLeg::Packed(packed), .. }] => builder.push_packed(packed.bytes()),
                [Part { leg: PartLeg::Open(leg), .. }] => builder.push(leg),
                several => builder.push(&joined(several)),
            }
        }
        self.clear();
        builder.finish()
    }

    fn clear(&mut self) {
        self.places.clear();
        self.ended.clear();
        self.packed.bytes.clear();
        self.packed.ends.clear();
        self.free.clear();
        for slot in &mut self.slots {
            slot.state = State::Free;
        }
        self.free.extend((0..self.slots.len() as u32).rev());
    }
}

/// The leg of which these are parts.
fn joined(parts: &[Part<'_>]) -> Leg {
    let (sensor, call_id) =
        parts.first().map_or((SensorId::default(), &[][..]), |part| (part.sensor, part.call_id()));
    let mut leg = Leg::new(sensor, call_id);
    let mut room = Leg::new(sensor, call_id);
    for part in parts {
        match part.leg {
            PartLeg::Open(open) => leg.join(open),
            PartLeg::Packed(packed) => {
                packed.unpack(&mut room);
                leg.join(&room);
            }
        }
    }
    leg
}

fn hash_key<S: BuildHasher>(hasher: &S, sensor: SensorId, call_id: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(call_id);
    state.write_u16(sensor.0);
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::super::lattice::tests::{Fact, any_fact, leg_of};
    use super::*;
    use proptest::prelude::*;

    fn call_id(number: usize) -> Vec<u8> {
        format!("call-{number}@host").into_bytes()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever ends when, a table gives each leg once and with all its facts.
        #[test]
        fn ends_change_no_leg(
            facts in prop::collection::vec((0usize..90, any_fact(), prop::bool::ANY), 0..300),
        ) {
            let mut table = LegTable::new(foldhash::fast::FixedState::with_seed(7));
            let mut expected = std::collections::BTreeMap::<Vec<u8>, Leg>::new();
            // Twice: the second run is made in the room of the first.
            for _ in 0..2 {
                for (number, fact, ends) in &facts {
                    let call_id = call_id(*number);
                    let part = named(&call_id, fact);
                    table.leg(SensorId(1), &call_id).join(&part);
                    if *ends {
                        table.end_last();
                    }
                    expected.entry(call_id).or_insert_with_key(|id| Leg::new(SensorId(1), id)).join(&part);
                }
                prop_assert_eq!(table.is_empty(), facts.is_empty());
                let runs = table.take_runs();
                let mut found = Vec::new();
                for run in &runs {
                    for place in 0..run.len() {
                        let mut leg = Leg::new(SensorId(0), b"");
                        run.leg(place).unpack(&mut leg);
                        found.push(leg);
                    }
                }
                prop_assert_eq!(found, expected.values().cloned().collect::<Vec<_>>());
                prop_assert!(table.is_empty());
                expected.clear();
            }
        }
    }

    /// A leg of that name with one fact.
    fn named(call_id: &[u8], fact: &Fact) -> Leg {
        let mut leg = Leg::new(SensorId(1), call_id);
        leg.join(&leg_of(std::slice::from_ref(fact)));
        leg
    }
}
