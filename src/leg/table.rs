//! Legs by key, split in partitions: what a worker fills and a reducer joins.
//!
//! Partitions are chosen by a hash of the key that is the same in every run, so the partition of a leg
//! depends on its key alone. Inside a partition the order never leaves: [`LegTable::into_partitions`]
//! sorts.

use super::lattice::Leg;
use crate::base::SensorId;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// Partitions of a run; a power of two, and enough that two to sixty-four workers share them evenly.
pub const PARTITIONS: usize = 64;

/// Legs by sensor and Call-ID.
#[derive(Debug)]
pub struct LegTable<S> {
    /// Chosen once a run: keys are hostile, so its seed is random, and no result depends on it.
    hasher: S,
    partitions: Vec<HashTable<Leg>>,
}

impl<S: BuildHasher + Clone> LegTable<S> {
    /// An empty table.
    #[must_use]
    pub fn new(hasher: S) -> Self {
        let mut partitions = Vec::new();
        partitions.resize_with(PARTITIONS, HashTable::new);
        Self { hasher, partitions }
    }

    /// The leg with this key, made when it is not there.
    pub fn leg(&mut self, sensor: SensorId, call_id: &[u8]) -> &mut Leg {
        let hash = self.hash(sensor, call_id);
        let Self { hasher, partitions } = self;
        let partition = &mut partitions[partition(sensor, call_id)];
        partition
            .entry(
                hash,
                |leg| leg.sensor() == sensor && leg.call_id() == call_id,
                |leg| hash_key(hasher, leg.sensor(), leg.call_id()),
            )
            .or_insert_with(|| Leg::new(sensor, call_id))
            .into_mut()
    }

    /// How many legs it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.partitions.iter().map(HashTable::len).sum()
    }

    /// Whether it holds no leg.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The legs of each partition, sorted by sensor and Call-ID.
    #[must_use]
    pub fn into_partitions(self) -> Vec<Vec<Leg>> {
        self.partitions
            .into_iter()
            .map(|partition| sorted(partition.into_iter().collect()))
            .collect()
    }

    fn hash(&self, sensor: SensorId, call_id: &[u8]) -> u64 {
        hash_key(&self.hasher, sensor, call_id)
    }
}

fn hash_key<S: BuildHasher>(hasher: &S, sensor: SensorId, call_id: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(call_id);
    state.write_u16(sensor.0);
    state.finish()
}

/// FNV-1a over the key: only spreads legs over partitions, so it needs no seed and no strength.
fn partition(sensor: SensorId, call_id: &[u8]) -> usize {
    let mut state = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(sensor.0);
    for byte in call_id.iter().rev().take(24) {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The upper bits are the best mixed ones; 64 partitions need six.
    (state >> 58) as usize % PARTITIONS
}

fn sorted(mut legs: Vec<Leg>) -> Vec<Leg> {
    legs.sort_unstable_by(|left, right| {
        (left.sensor(), left.call_id()).cmp(&(right.sensor(), right.call_id()))
    });
    legs
}

/// Joins sorted lists of legs into one sorted list in which every key stands once.
#[must_use]
pub fn join_sorted(lists: Vec<Vec<Leg>>) -> Vec<Leg> {
    let mut all = sorted(lists.into_iter().flatten().collect());
    let mut joined: Vec<Leg> = Vec::with_capacity(all.len());
    for leg in all.drain(..) {
        match joined.last_mut() {
            Some(last) if last.sensor() == leg.sensor() && last.call_id() == leg.call_id() => {
                last.join(&leg);
            }
            _ => joined.push(leg),
        }
    }
    joined.iter_mut().for_each(Leg::shrink);
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_what_two_workers_saw() {
        let hasher = foldhash::fast::FixedState::with_seed(7);
        let mut left = LegTable::new(hasher.clone());
        let mut right = LegTable::new(hasher);
        for index in 0..200u32 {
            let call_id = format!("call-{index}@host");
            left.leg(SensorId(0), call_id.as_bytes());
            right.leg(SensorId(u16::from(index % 2 == 0)), call_id.as_bytes());
        }
        assert_eq!(left.len(), 200);
        let mut total = 0;
        for (a, b) in left.into_partitions().into_iter().zip(right.into_partitions()) {
            let joined = join_sorted(vec![a, b]);
            assert!(
                joined
                    .is_sorted_by(|x, y| { (x.sensor(), x.call_id()) < (y.sensor(), y.call_id()) })
            );
            total += joined.len();
        }
        assert_eq!(total, 300, "200 of sensor 0, 100 more of sensor 1");
    }
}
