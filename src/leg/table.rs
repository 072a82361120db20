//! Legs by key, while their messages come in: what a worker fills, and turns into runs.
//!
//! The hash table gives places only, and its order never leaves: runs are sorted.

use super::join::first_bytes;
use super::lattice::Leg;
use super::leg_run::{LegRun, RunBuilder};
use super::texts::is_same;
use crate::base::SensorId;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// Legs by sensor and Call-ID.
#[derive(Debug)]
pub struct LegTable<S> {
    /// Chosen once a run: keys are hostile, so its seed is random, and no result depends on it.
    hasher: S,
    /// Places in `legs`.
    places: HashTable<u32>,
    /// Those in use stand first; the others keep their room for legs to come.
    legs: Vec<Leg>,
    used: usize,
}

impl<S: BuildHasher> LegTable<S> {
    /// An empty table.
    #[must_use]
    pub const fn new(hasher: S) -> Self {
        Self { hasher, places: HashTable::new(), legs: Vec::new(), used: 0 }
    }

    /// The leg with this key, made when it is not there.
    pub fn leg(&mut self, sensor: SensorId, call_id: &[u8]) -> &mut Leg {
        let Self { hasher, places, legs, used } = self;
        let hash = hash_key(hasher, sensor, call_id);
        let is_wanted = |place: &u32| {
            let leg = &legs[*place as usize];
            is_same(leg.call_id(), call_id) && leg.sensor() == sensor
        };
        if let Some(place) = places.find(hash, is_wanted) {
            return &mut legs[*place as usize];
        }
        if *used == legs.len() {
            legs.push(Leg::new(sensor, call_id));
        } else {
            legs[*used].reset(sensor, call_id);
        }
        // A table is turned into a run long before 32 bits end.
        places.insert_unique(hash, *used as u32, |place| {
            let leg = &legs[*place as usize];
            hash_key(hasher, leg.sensor(), leg.call_id())
        });
        *used += 1;
        &mut legs[*used - 1]
    }

    /// What hashes its keys.
    #[must_use]
    pub const fn hasher(&self) -> &S {
        &self.hasher
    }

    /// How many legs it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether it holds no leg.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Takes all legs out, as sorted runs.
    pub fn take_runs(&mut self) -> Vec<LegRun> {
        let legs = &self.legs[..self.used];
        let mut order: Vec<(SensorId, u64, u32)> = (0u32..)
            .zip(legs)
            .map(|(place, leg)| (leg.sensor(), first_bytes(leg.call_id()), place))
            .collect();
        order.sort_unstable_by(|left, right| {
            let call_id = |place: u32| legs[place as usize].call_id();
            (left.0, left.1)
                .cmp(&(right.0, right.1))
                .then_with(|| call_id(left.2).cmp(call_id(right.2)))
        });
        let mut builder = RunBuilder::default();
        for (_, _, place) in order {
            builder.push(&legs[place as usize]);
        }
        self.places.clear();
        self.used = 0;
        builder.finish()
    }
}

fn hash_key<S: BuildHasher>(hasher: &S, sensor: SensorId, call_id: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(call_id);
    state.write_u16(sensor.0);
    state.finish()
}
