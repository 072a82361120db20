//! Sorted runs of packed legs: what a worker's table becomes when it is full, and what joins back.

use super::lattice::Leg;
use super::pack::{LegKey, PackedLeg, pack, renumber};
use crate::base::{FileId, SensorId};
use std::fmt::Debug;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Bytes of a run after which another one is begun: places in a run have 32 bits.
const RUN_BYTES_MAX: usize = 1 << 30;

/// Bytes that packed legs lie in: memory, or a file that is mapped.
pub trait LegBytes: Deref<Target = [u8]> + Debug + Send + Sync {
    /// Lets go of memory that the file can fill again, of a part of the bytes. Changes no byte.
    fn release(&self, _part: Range<usize>) {}

    /// Whether all that was read so far are the bytes that were written; false when the file was lost.
    fn is_whole(&self) -> bool {
        true
    }
}

impl LegBytes for Vec<u8> {}

/// Packed legs by sensor and Call-ID, each key once.
#[derive(Clone, Debug)]
pub struct LegRun {
    source: Arc<dyn LegBytes>,
    /// Where the run begins in its source.
    from: usize,
    /// Where each leg ends, from the beginning of the run.
    ends: Vec<u32>,
}

impl LegRun {
    /// How many legs.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of its legs.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    /// The bytes of all its legs.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.source.get(self.from..self.from + self.byte_count()).unwrap_or_default()
    }

    /// Where each leg ends in [`Self::bytes`].
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The same run in another place, where its bytes stand from `from` on.
    #[must_use]
    pub fn moved(self, source: Arc<dyn LegBytes>, from: usize) -> Self {
        Self { source, from, ends: self.ends }
    }

    /// A run of what [`Self::bytes`] and [`Self::ends`] gave, of one file that has another number now.
    /// Absent when the two do not fit.
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
        Some(Self { source: Arc::new(bytes), from: 0, ends })
    }

    /// A leg by its place.
    #[must_use]
    #[inline]
    pub fn leg(&self, place: usize) -> PackedLeg<'_> {
        let start = match place {
            0 => 0,
            _ => self.ends.get(place - 1).map_or(0, |end| *end as usize),
        };
        let end = self.ends.get(place).map_or(start, |end| *end as usize);
        PackedLeg::new(self.source.get(self.from + start..self.from + end).unwrap_or_default())
    }

    /// The place of the first leg that does not stand before `key`.
    #[must_use]
    pub fn place_of(&self, key: LegKey<'_>) -> usize {
        let Range { mut start, mut end } = 0..self.len();
        while start < end {
            let middle = start.midpoint(end);
            if self.leg(middle).key() < key { start = middle + 1 } else { end = middle }
        }
        start
    }

    /// See [`LegBytes::release`]; the legs are given by their places.
    pub fn release(&self, legs: Range<usize>) {
        let end = |place: usize| self.ends.get(place).map_or(0, |end| *end as usize);
        let start = legs.start.checked_sub(1).map_or(0, end);
        if let Some(last) = legs.end.min(self.len()).checked_sub(1) {
            self.source.release(self.from + start..self.from + end(last));
        }
    }

    /// See [`LegBytes::is_whole`].
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.source.is_whole()
    }
}

/// Makes runs of legs that come sorted.
#[derive(Debug, Default)]
pub struct RunBuilder {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    whole: Vec<LegRun>,
}

impl RunBuilder {
    /// Adds a leg behind all others.
    pub fn push(&mut self, leg: &Leg) {
        pack(leg, &mut self.bytes);
        self.end_leg();
    }

    /// Adds a packed leg behind all others.
    pub fn push_packed(&mut self, leg: &[u8]) {
        self.bytes.extend_from_slice(leg);
        self.end_leg();
    }

    fn end_leg(&mut self) {
        // Below the cap, plus one leg, which is bounded by its facts.
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        if self.bytes.len() > RUN_BYTES_MAX {
            self.end_run();
        }
    }

    /// How many legs there are in the run that is not full.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it holds no leg that is not in a full run.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn end_run(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut ends = std::mem::take(&mut self.ends);
        bytes.shrink_to_fit();
        ends.shrink_to_fit();
        self.whole.push(LegRun { source: Arc::new(bytes), from: 0, ends });
    }

    /// The runs: none without a leg, nearly always one.
    #[must_use]
    pub fn finish(mut self) -> Vec<LegRun> {
        if !self.ends.is_empty() {
            self.end_run();
        }
        self.whole
    }
}
