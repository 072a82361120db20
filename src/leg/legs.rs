//! All legs of a run, in the order that numbers them: by sensor, then Call-ID.
//!
//! Legs are kept packed, in memory or in files; one is unpacked each time that it is read.

use super::join::{LegPlace, Stretch};
use super::lattice::Leg;
use super::leg_run::{LegRun, RunBuilder};
use super::media::MediaActivity;
use super::pack::{LegKey, PackedLeg};
use super::view::LegView;
use crate::base::packed::release;
use crate::base::{PackedList, PackedRun, SensorId};
use std::fmt;
use std::ops::Range;

/// Legs by number. Equal, and shown, as the legs that they are, however they lie.
#[derive(Clone, Default)]
pub struct Legs {
    kept: Kept,
    /// What was attributed to legs, by leg, each once.
    media: Vec<(u32, MediaActivity)>,
}

/// How they lie.
#[derive(Clone)]
enum Kept {
    /// In the runs that they came in.
    InRuns { runs: Vec<LegRun>, places: Vec<LegPlace> },
    /// In their order.
    InOrder(PackedList),
}

impl Default for Kept {
    fn default() -> Self {
        Self::InOrder(PackedList::default())
    }
}

impl Legs {
    /// The legs of runs that were joined stretch by stretch; the stretches stand in the order of keys.
    #[must_use]
    pub fn joined(mut runs: Vec<LegRun>, stretches: Vec<Stretch>) -> Self {
        let joined = u32::try_from(runs.len()).unwrap_or(u32::MAX);
        let mut places = Vec::with_capacity(stretches.iter().map(|s| s.places.len()).sum());
        for stretch in stretches {
            let moved = u32::try_from(runs.len()).unwrap_or(u32::MAX) - joined;
            places.extend(stretch.places.iter().map(|place| match place.run {
                run if run >= joined => LegPlace { run: run + moved, ..*place },
                _ => *place,
            }));
            runs.extend(stretch.anew);
        }
        Self { kept: Kept::InRuns { runs, places }, media: Vec::new() }
    }

    /// The legs of runs that stand in the order of keys and have no key in common.
    #[must_use]
    pub fn in_order(runs: impl IntoIterator<Item = LegRun>) -> Self {
        let list = runs.into_iter().map(LegRun::into_packed).collect();
        Self { kept: Kept::InOrder(list), media: Vec::new() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.kept {
            Kept::InRuns { places, .. } => places.len(),
            Kept::InOrder(list) => list.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that they are kept in, wherever these lie, parts of legs that were joined included.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        match &self.kept {
            Kept::InRuns { runs, places } => {
                let of_run = |run: &PackedRun| run.byte_count() + size_of_val(run.ends());
                let runs = runs.iter().map(LegRun::packed).map(of_run).sum::<usize>();
                runs + size_of_val(&places[..])
            }
            Kept::InOrder(list) => list.byte_count(),
        }
    }

    /// Their numbers.
    #[must_use]
    pub fn numbers(&self) -> Range<u32> {
        // Memory ends long before 32 bits do.
        0..u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    /// A leg as it is kept, without its media; absent where there is no such leg.
    #[must_use]
    #[inline]
    pub fn packed(&self, leg: u32) -> Option<PackedLeg<'_>> {
        match &self.kept {
            Kept::InRuns { runs, places } => {
                let LegPlace { run, place } = *places.get(leg as usize)?;
                Some(runs.get(run as usize)?.read(place as usize))
            }
            Kept::InOrder(list) => list.get(leg).map(PackedLeg::new),
        }
    }

    /// The sensor of a leg; the unnamed one where there is no such leg.
    #[must_use]
    pub fn sensor(&self, leg: u32) -> SensorId {
        self.packed(leg).map(|leg| leg.sensor()).unwrap_or_default()
    }

    /// The Call-ID of a leg; empty where there is no such leg.
    #[must_use]
    pub fn call_id(&self, leg: u32) -> &[u8] {
        self.packed(leg).map(|leg| leg.call_id()).unwrap_or_default()
    }

    /// A leg with its media; absent where there is no such leg.
    #[must_use]
    pub fn get(&self, leg: u32) -> Option<Leg> {
        let mut made = Leg::new(SensorId::default(), b"");
        self.packed(leg)?.unpack(&mut made);
        if let Some(media) = self.media_of(leg) {
            made.add_media(media);
        }
        Some(made)
    }

    /// Makes `view` that of the leg of this number, with its media, and gives its packed form; absent, and
    /// nothing changed, where there is no such leg.
    pub fn view<'l>(&'l self, number: u32, view: &mut LegView<'l>) -> Option<PackedLeg<'l>> {
        let packed = self.packed(number)?;
        view.read(&packed, self.media_of(number));
        Some(packed)
    }

    /// What was attributed to a leg.
    fn media_of(&self, number: u32) -> Option<&MediaActivity> {
        let place = self.media.binary_search_by_key(&number, |(leg, _)| *leg).ok()?;
        Some(&self.media[place].1)
    }

    /// All legs by number.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Leg> {
        self.numbers().filter_map(|leg| self.get(leg))
    }

    /// The number of the leg with this Call-ID on this sensor.
    #[must_use]
    pub fn find(&self, sensor: SensorId, call_id: &[u8]) -> Option<u32> {
        self.find_among(self.numbers(), (sensor, call_id))
    }

    /// The same, among some of the legs.
    #[must_use]
    pub fn find_among(&self, legs: Range<u32>, key: LegKey<'_>) -> Option<u32> {
        let Range { mut start, mut end } = legs;
        while start < end {
            let middle = start.midpoint(end);
            match self.packed(middle)?.key().cmp(&key) {
                std::cmp::Ordering::Less => start = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => end = middle,
            }
        }
        None
    }

    /// Adds media packets to legs.
    pub fn add_media(&mut self, mut media: Vec<(u32, MediaActivity)>) {
        self.media.append(&mut media);
        self.media.sort_by_key(|(leg, _)| *leg);
        self.media.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1.join(&next.1);
            }
            is_same
        });
        self.media.shrink_to_fit();
    }

    /// Whether all legs that were read so far are those that were kept; false when a file of them was
    /// lost meanwhile: then nothing that was made of them counts.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        match &self.kept {
            Kept::InRuns { runs, .. } => runs.iter().all(|run| run.packed().is_whole()),
            Kept::InOrder(list) => list.is_whole(),
        }
    }

    /// Lets go of memory that only repeats what a file holds; changes nothing else.
    pub fn release(&self) {
        match &self.kept {
            Kept::InRuns { runs, .. } => {
                release(runs.iter().map(LegRun::packed));
            }
            Kept::InOrder(list) => list.release(),
        }
    }
}

impl PartialEq for Legs {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Legs {}

impl fmt::Debug for Legs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<Leg> for Legs {
    /// Legs in any order; no two have the same sensor and Call-ID.
    fn from_iter<T: IntoIterator<Item = Leg>>(legs: T) -> Self {
        let mut list: Vec<Leg> = legs.into_iter().collect();
        list.sort_by(|left, right| {
            (left.sensor(), left.call_id()).cmp(&(right.sensor(), right.call_id()))
        });
        let mut builder = RunBuilder::default();
        list.iter().for_each(|leg| builder.push(leg));
        Self::in_order(builder.finish())
    }
}
