//! The leg: all SIP of one Call-ID seen by one sensor, as a set of facts that joins.

use super::codec::Reader;
use super::fact::{FactKey, FactTimes, InviteParties, MessageKind};
use super::fact_set::{FactSet, Told};
use super::identifier::{Identifier, Sighting};
use super::identifier_set::IdentifierSet;
use super::media::MediaActivity;
use super::pack::PackBase;
use crate::base::{CaptureTime, RecordRef, SensorId};
use crate::sip::Method;

/// A join-semilattice: [`Leg::join`] is commutative, associative and idempotent, so any order, split
/// or duplication of the records gives an equal leg.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leg {
    call_id: Vec<u8>,
    pub(super) facts: FactSet,
    identifiers: IdentifierSet,
    media: MediaActivity,
    sensor: SensorId,
    vendor_blind: bool,
    is_over_limit: bool,
}

impl Leg {
    /// An empty leg.
    #[must_use]
    pub fn new(sensor: SensorId, call_id: &[u8]) -> Self {
        Self {
            call_id: call_id.to_vec(),
            facts: FactSet::default(),
            identifiers: IdentifierSet::default(),
            media: MediaActivity::default(),
            sensor,
            vendor_blind: false,
            is_over_limit: false,
        }
    }

    /// Adds a message seen at `time` in `record`; an INVITE with the numbers that it carries, of which
    /// two for one key keep the smaller.
    ///
    /// The caps keep the smallest keys. Which ones are kept depends on the set of keys alone, so a
    /// capped leg still joins.
    #[inline]
    pub fn add_message(
        &mut self,
        key: &FactKey<'_>,
        parties: Option<&InviteParties<'_>>,
        time: CaptureTime,
        record: RecordRef,
    ) {
        self.is_over_limit |= self.facts.add(key, parties, FactTimes::once(time, record));
    }

    /// As [`Self::add_message`], where strings of the key may be known.
    #[inline]
    pub(super) fn add_told_message(
        &mut self,
        key: &FactKey<'_>,
        told: &Told<'_>,
        parties: Option<&InviteParties<'_>>,
        times: FactTimes,
    ) {
        self.is_over_limit |= self.facts.add_told(key, told, parties, times);
    }

    /// Adds an identifier and when it was seen.
    #[inline]
    pub fn add_identifier(&mut self, identifier: Identifier<'_>, sighting: Sighting) {
        self.is_over_limit |= self.identifiers.add(identifier, sighting);
    }

    /// Adds media packets.
    pub fn add_media(&mut self, media: &MediaActivity) {
        self.media.join(media);
    }

    /// Says that the vendor's sniffer could not have read one of its packets.
    pub const fn mark_vendor_blind(&mut self) {
        self.vendor_blind = true;
    }

    /// Adds all facts of the same leg seen elsewhere.
    pub fn join(&mut self, other: &Self) {
        self.is_over_limit |= self.facts.join(&other.facts);
        self.is_over_limit |= self.identifiers.join(&other.identifiers);
        self.media.join(&other.media);
        self.vendor_blind |= other.vendor_blind;
        self.is_over_limit |= other.is_over_limit;
    }

    /// Makes it an empty leg of another key, and keeps the room of what it held.
    pub(super) fn reset(&mut self, sensor: SensorId, call_id: &[u8]) {
        self.call_id.clear();
        self.call_id.extend_from_slice(call_id);
        self.facts.clear();
        self.identifiers.clear();
        self.media = MediaActivity::default();
        self.sensor = sensor;
        self.vendor_blind = false;
        self.is_over_limit = false;
    }

    /// Takes the identifiers that were packed with the messages that it has.
    pub(super) fn unpack_identifiers(&mut self, reader: &mut Reader<'_>, base: PackBase) {
        self.identifiers.unpack(reader, base, &self.facts);
    }

    pub(super) const fn media_mut(&mut self) -> &mut MediaActivity {
        &mut self.media
    }

    /// Says that a cap of `base/limits.rs` dropped facts of it.
    pub(super) const fn mark_over_limit(&mut self) {
        self.is_over_limit = true;
    }

    /// Whether a cap of `base/limits.rs` dropped facts of it.
    #[must_use]
    pub const fn is_over_limit(&self) -> bool {
        self.is_over_limit
    }

    /// Whether it holds an INVITE: only then it makes CDRs.
    #[must_use]
    pub fn has_invite(&self) -> bool {
        self.facts.kinds().any(|kind| kind == MessageKind::Request(Method::Invite))
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
    pub fn messages(&self) -> impl Iterator<Item = (FactKey<'_>, &FactTimes)> {
        self.facts.iter()
    }

    /// The numbers of the INVITE with this key; absent for other messages.
    #[must_use]
    pub fn invite_parties(&self, key: &FactKey<'_>) -> Option<InviteParties<'_>> {
        if key.kind == MessageKind::Request(Method::Invite) {
            self.facts.parties(key)
        } else {
            None
        }
    }

    /// The numbers of the message at a place of [`Leg::messages`]; absent where none were added.
    pub(super) fn parties_at(&self, place: usize) -> Option<InviteParties<'_>> {
        self.facts.parties_at(place)
    }

    /// The identifiers by kind and value.
    #[must_use]
    pub const fn identifiers(&self) -> &IdentifierSet {
        &self.identifiers
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
        self.facts.times().map(FactTimes::first).min()
    }

    /// How many messages it holds, copies not counted.
    #[must_use]
    pub const fn message_count(&self) -> usize {
        self.facts.len()
    }

    /// Last moment of any message; absent for an empty leg.
    #[must_use]
    pub fn last_signal(&self) -> Option<CaptureTime> {
        self.facts.times().map(FactTimes::last).max()
    }

    /// Last moment of any message or media packet; absent for an empty leg.
    #[must_use]
    pub fn last_seen(&self) -> Option<CaptureTime> {
        self.last_signal().max(self.media.last())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::fact::tests::{AnyKey, any_from_user, any_key};
    use super::super::identifier::tests::any_identifier;
    use super::*;
    use crate::base::CaptureId;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    pub(in crate::leg) enum Fact {
        Message(AnyKey, Option<&'static [u8]>, i64, u32),
        Identifier(Identifier<'static>, i64, u32),
        Rtp(i64),
    }

    pub(in crate::leg) fn any_fact() -> impl Strategy<Value = Fact> {
        let time = 0i64..60_000_000_000;
        prop_oneof![
            (any_key(), any_from_user(), time.clone(), 0u32..50)
                .prop_map(|(k, p, t, r)| Fact::Message(k, p, t, r)),
            (any_identifier(), time.clone(), 0u32..50)
                .prop_map(|(i, t, r)| Fact::Identifier(i, t, r)),
            time.prop_map(Fact::Rtp),
        ]
    }

    fn record(index: u32) -> RecordRef {
        RecordRef { capture: CaptureId::default(), index }
    }

    pub(in crate::leg) fn leg_of(facts: &[Fact]) -> Leg {
        let mut leg = Leg::new(SensorId(0), b"call@host");
        for fact in facts {
            match fact {
                Fact::Message(key, from_user, time, index) => {
                    let parties = from_user
                        .map(|from_user| InviteParties { from_user, ..InviteParties::default() });
                    let time = CaptureTime::from_ns(*time);
                    leg.add_message(&key.as_key(), parties.as_ref(), time, record(*index));
                }
                Fact::Identifier(identifier, time, index) => {
                    let time = CaptureTime::from_ns(*time);
                    let sighting = Sighting { first: time, last: time, record: record(*index) };
                    leg.add_identifier(*identifier, sighting);
                }
                Fact::Rtp(time) => {
                    let mut media = MediaActivity::default();
                    media.rtp.insert(CaptureTime::from_ns(*time));
                    leg.add_media(&media);
                }
            }
        }
        leg
    }

    pub(in crate::leg) fn joined(mut left: Leg, right: Leg) -> Leg {
        left.join(&right);
        left
    }

    proptest! {
        #[test]
        fn join_laws(
            a in prop::collection::vec(any_fact(), 0..25),
            b in prop::collection::vec(any_fact(), 0..25),
            c in prop::collection::vec(any_fact(), 0..25),
        ) {
            let (x, y, z) = (leg_of(&a), leg_of(&b), leg_of(&c));
            prop_assert_eq!(joined(x.clone(), y.clone()), joined(y.clone(), x.clone()));
            prop_assert_eq!(joined(x.clone(), x.clone()), x.clone());
            prop_assert_eq!(
                joined(joined(x.clone(), y.clone()), z.clone()),
                joined(x, joined(y, z))
            );
        }

        #[test]
        fn any_order_split_or_copy_gives_an_equal_leg(
            facts in prop::collection::vec(any_fact(), 0..40),
            shuffled in Just(()).prop_perturb(|(), mut rng| rng.next_u64()),
            cut in 0usize..40,
        ) {
            let whole = leg_of(&facts);
            let mut other = facts.clone();
            // A seeded shuffle: sort by a hash of seed and place.
            let mut places: Vec<(u64, usize)> = (0..other.len())
                .map(|at| {
                    let mixed = (at as u64 ^ shuffled).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    (mixed ^ (mixed >> 29), at)
                })
                .collect();
            places.sort_unstable();
            other = places.into_iter().map(|(_, at)| other[at].clone()).collect();
            let cut = cut.min(other.len());
            let halves = joined(leg_of(&other[cut..]), leg_of(&other[..cut]));
            prop_assert_eq!(&joined(halves, leg_of(&facts)), &whole);
        }
    }
}
