//! The leg: all SIP of one Call-ID seen by one sensor, as a set of facts that joins.

use super::fact::{FactKey, FactTimes, InviteParties};
use super::identifier::{Identifier, Sighting};
use super::media::MediaActivity;
use crate::base::{CaptureTime, RecordRef, SensorId};
use std::collections::BTreeMap;

/// A join-semilattice: [`Leg::join`] is commutative, associative and idempotent, so any order, split
/// or duplication of the records gives an equal leg.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leg {
    pub(super) sensor: SensorId,
    pub(super) call_id: Box<[u8]>,
    pub(super) facts: BTreeMap<FactKey, FactTimes>,
    pub(super) parties: BTreeMap<FactKey, InviteParties>,
    pub(super) identifiers: BTreeMap<Identifier, Sighting>,
    pub(super) media: MediaActivity,
    pub(super) vendor_blind: bool,
}

impl Leg {
    /// An empty leg.
    #[must_use]
    pub fn new(sensor: SensorId, call_id: &[u8]) -> Self {
        Self {
            sensor,
            call_id: call_id.into(),
            facts: BTreeMap::new(),
            parties: BTreeMap::new(),
            identifiers: BTreeMap::new(),
            media: MediaActivity::default(),
            vendor_blind: false,
        }
    }

    /// The sensor that saw it.
    #[must_use]
    pub const fn sensor(&self) -> SensorId {
        self.sensor
    }

    /// The Call-ID, as on the wire.
    #[must_use]
    pub fn call_id(&self) -> &[u8] {
        &self.call_id
    }

    /// The messages by key; their order of time is that of `FactTimes::first`, then of the keys.
    pub fn messages(&self) -> impl Iterator<Item = (&FactKey, &FactTimes)> {
        self.facts.iter()
    }

    /// The numbers of the INVITE with this key; absent for other messages.
    #[must_use]
    pub fn invite_parties(&self, key: &FactKey) -> Option<&InviteParties> {
        self.parties.get(key)
    }

    /// The identifiers by kind and value.
    pub fn identifiers(&self) -> impl Iterator<Item = (&Identifier, &Sighting)> {
        self.identifiers.iter()
    }

    /// Media packets that were attributed to it.
    #[must_use]
    pub const fn media(&self) -> &MediaActivity {
        &self.media
    }

    /// Whether the vendor's sniffer could not have read some of its packets (facts F).
    #[must_use]
    pub const fn is_vendor_blind(&self) -> bool {
        self.vendor_blind
    }

    /// First moment of any message; absent for an empty leg.
    #[must_use]
    pub fn first_seen(&self) -> Option<CaptureTime> {
        self.facts.values().map(FactTimes::first).min()
    }

    /// Last moment of any message or media packet; absent for an empty leg.
    #[must_use]
    pub fn last_seen(&self) -> Option<CaptureTime> {
        let signal = self.facts.values().map(FactTimes::last).max();
        signal.max(self.media.last())
    }

    /// Adds one copy of the message `key`, seen at `time` in `record`.
    pub fn add_message(&mut self, key: FactKey, time: CaptureTime, record: RecordRef) {
        let seen = FactTimes::once(time, record);
        self.facts.entry(key).and_modify(|known| known.join(&seen)).or_insert(seen);
    }

    /// Adds the numbers of the INVITE `key`; of two that differ the smaller one stays.
    pub fn add_parties(&mut self, key: FactKey, parties: InviteParties) {
        let known = self.parties.entry(key).or_insert_with(|| parties.clone());
        if parties < *known {
            *known = parties;
        }
    }

    /// Adds one identifier with where it was seen.
    pub fn add_identifier(&mut self, identifier: Identifier, sighting: Sighting) {
        self.identifiers
            .entry(identifier)
            .and_modify(|known| known.join(sighting))
            .or_insert(sighting);
    }
}
