//! Sorted runs of packed legs: what a worker's table becomes when it is full, and what joins back.

use super::lattice::Leg;
use super::pack::{LegKey, PackedLeg, pack, renumber};
use crate::base::{FileId, PackedBuilder, PackedRun, SensorId};
use std::ops::Range;

/// Packed legs by sensor and Call-ID, each key once.
#[derive(Clone, Debug)]
pub struct LegRun(PackedRun);

impl LegRun {
    /// The legs of a run that [`Self::into_packed`] gave.
    #[must_use]
    pub const fn new(packed: PackedRun) -> Self {
        Self(packed)
    }

    /// Its bytes and where each leg ends in them.
    #[must_use]
    pub fn into_packed(self) -> PackedRun {
        self.0
    }

    /// The same, not taken.
    #[must_use]
    pub const fn packed(&self) -> &PackedRun {
        &self.0
    }

    /// How many legs.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A run of what [`PackedRun::bytes`] and [`PackedRun::ends`] gave, of one file that has another
    /// number now. Absent when the two do not fit.
    #[must_use]
    pub fn of_file(
        mut bytes: Vec<u8>,
        ends: Vec<u32>,
        (file, sensor): (FileId, SensorId),
    ) -> Option<Self> {
        let mut start = 0;
        for end in &ends {
            renumber(bytes.get_mut(start..*end as usize)?, file, sensor);
            start = *end as usize;
        }
        Some(Self(PackedRun::new(bytes, ends)))
    }

    /// A leg by its place.
    #[must_use]
    #[inline]
    pub fn leg(&self, place: usize) -> PackedLeg<'_> {
        PackedLeg::new(self.0.item(place))
    }

    /// The same; see [`PackedRun::read`].
    #[must_use]
    #[inline]
    pub fn read(&self, place: usize) -> PackedLeg<'_> {
        PackedLeg::new(self.0.read(place))
    }

    /// The place of the first leg that does not stand before `key`.
    #[must_use]
    pub fn place_of(&self, key: LegKey<'_>) -> usize {
        let Range { mut start, mut end } = 0..self.len();
        while start < end {
            let middle = start.midpoint(end);
            if self.read(middle).key() < key { start = middle + 1 } else { end = middle }
        }
        start
    }
}

/// Makes runs of legs that come sorted.
#[derive(Debug, Default)]
pub struct RunBuilder(PackedBuilder);

impl RunBuilder {
    /// Adds a leg behind all others.
    pub fn push(&mut self, leg: &Leg) {
        self.0.push_with(|bytes| pack(leg, bytes));
    }

    /// Adds a packed leg behind all others.
    pub fn push_packed(&mut self, leg: &[u8]) {
        self.0.push(leg);
    }

    /// How many legs there are in the run that is not full.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds no leg that is not in a full run.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The runs: none without a leg, nearly always one.
    #[must_use]
    pub fn finish(self) -> Vec<LegRun> {
        self.0.finish().into_iter().map(LegRun).collect()
    }
}
