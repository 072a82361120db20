//! All legs of a run, in the order that numbers them: by sensor, then Call-ID.
//!
//! A leg is read by its number and made anew each time, so that what keeps legs may keep them packed.

use super::lattice::Leg;
use super::media::MediaActivity;
use crate::base::SensorId;
use std::ops::Range;

/// Legs by number.
#[derive(Clone, Debug, Default)]
pub struct Legs {
    list: Vec<Leg>,
}

impl Legs {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Their numbers.
    #[must_use]
    pub fn numbers(&self) -> Range<u32> {
        // Memory ends long before 32 bits do.
        0..u32::try_from(self.list.len()).unwrap_or(u32::MAX)
    }

    /// The sensor of a leg; the unnamed one where there is no such leg.
    #[must_use]
    pub fn sensor(&self, leg: u32) -> SensorId {
        self.list.get(leg as usize).map(Leg::sensor).unwrap_or_default()
    }

    /// The Call-ID of a leg; empty where there is no such leg.
    #[must_use]
    pub fn call_id(&self, leg: u32) -> &[u8] {
        self.list.get(leg as usize).map(Leg::call_id).unwrap_or_default()
    }

    /// A leg with its media; absent where there is no such leg.
    #[must_use]
    pub fn get(&self, leg: u32) -> Option<Leg> {
        self.list.get(leg as usize).cloned()
    }

    /// All legs by number.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Leg> {
        self.list.iter().cloned()
    }

    /// The number of the leg with this Call-ID on this sensor.
    #[must_use]
    pub fn find(&self, sensor: SensorId, call_id: &[u8]) -> Option<u32> {
        let wanted = (sensor, call_id);
        let place = self.list.binary_search_by(|leg| (leg.sensor(), leg.call_id()).cmp(&wanted));
        place.ok().and_then(|place| u32::try_from(place).ok())
    }

    /// Adds media packets to legs.
    pub fn add_media(&mut self, media: &[(u32, MediaActivity)]) {
        for (leg, activity) in media {
            if let Some(leg) = self.list.get_mut(*leg as usize) {
                leg.add_media(activity);
            }
        }
    }
}

impl FromIterator<Leg> for Legs {
    /// Legs in any order; no two have the same sensor and Call-ID.
    fn from_iter<T: IntoIterator<Item = Leg>>(legs: T) -> Self {
        let mut list: Vec<Leg> = legs.into_iter().collect();
        list.sort_by(|left, right| {
            (left.sensor(), left.call_id()).cmp(&(right.sensor(), right.call_id()))
        });
        Self { list }
    }
}
