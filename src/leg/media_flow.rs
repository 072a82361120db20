//! Media flows: RTP and RTCP packets by their addresses, before it is known whose they are.

use super::media::{MediaActivity, MediaSpans};
use crate::base::limits::MEDIA_FLOWS_MAX;
use crate::base::{CaptureTime, Endpoint, SensorId};
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

/// What a media packet is, told by its first bytes (RFC 3550 section 5.1, RFC 5761 section 4).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MediaKind {
    /// RTP.
    Rtp,
    /// RTCP.
    Rtcp,
}

/// Shortest RTP header (RFC 3550 section 5.1).
const RTP_HEADER_BYTES: usize = 12;
/// Shortest RTCP packet (RFC 3550 section 6.4.2: an empty receiver report).
const RTCP_HEADER_BYTES: usize = 8;

/// Tells whether a UDP payload is a media packet: version 2, and for RTCP a packet type of 192 to 223
/// (RFC 5761 section 4). Absent: it is none.
#[must_use]
pub fn media_kind(payload: &[u8]) -> Option<MediaKind> {
    let [first, second, ..] = payload else { return None };
    if first & 0xC0 != 0x80 {
        return None;
    }
    if (192..=223).contains(second) && payload.len() >= RTCP_HEADER_BYTES {
        return Some(MediaKind::Rtcp);
    }
    (payload.len() >= RTP_HEADER_BYTES).then_some(MediaKind::Rtp)
}

/// Flows that are found without a look-up: more than a few calls have at one time, so that the packets
/// of many calls may alternate.
const RECENT_FLOWS: usize = 1 << 10;

/// What tells one media flow from another.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct FlowKey {
    /// The sensor that saw it.
    pub sensor: SensorId,
    /// Receiver.
    pub destination: Endpoint,
    /// Sender.
    pub source: Endpoint,
    /// Name of the archive entry or file of a spool's RTP directory that it lay in, which derives from
    /// the Call-ID; empty in other captures.
    #[serde(with = "serde_bytes")]
    pub entry_name: Box<[u8]>,
}

/// The same, borrowed: what a packet is looked up by, without a copy of the name.
#[derive(Clone, Copy, Debug)]
pub struct FlowRef<'n> {
    /// The sensor that saw it.
    pub sensor: SensorId,
    /// Receiver.
    pub destination: Endpoint,
    /// Sender.
    pub source: Endpoint,
    /// As [`FlowKey::entry_name`].
    pub entry_name: &'n [u8],
}

impl FlowRef<'_> {
    #[inline]
    fn is(&self, key: &FlowKey) -> bool {
        self.source.port == key.source.port
            && self.destination.port == key.destination.port
            && self.destination.address == key.destination.address
            && self.source.address == key.source.address
            && self.sensor == key.sensor
            && self.entry_name.len() == key.entry_name.len()
            && (self.entry_name.is_empty() || *self.entry_name == *key.entry_name)
    }

    /// A place that few other flows share: of the same call as little as of others.
    #[inline]
    fn slot(&self) -> usize {
        let word = |endpoint: Endpoint| {
            let address = match endpoint.address {
                IpAddr::V4(address) => address.to_bits(),
                IpAddr::V6(address) => address.to_bits() as u32,
            };
            address.wrapping_mul(0x9e37_79b1).wrapping_add(endpoint.port as u32)
        };
        let mixed = word(self.source).wrapping_mul(31).wrapping_add(word(self.destination));
        (mixed.wrapping_mul(0x85eb_ca6b) >> 16) as usize % RECENT_FLOWS
    }

    fn to_key(self) -> FlowKey {
        let Self { sensor, destination, source, entry_name } = self;
        FlowKey { sensor, destination, source, entry_name: entry_name.into() }
    }
}

impl FlowKey {
    fn as_ref(&self) -> FlowRef<'_> {
        let Self { sensor, destination, source, ref entry_name } = *self;
        FlowRef { sensor, destination, source, entry_name }
    }
}

/// Media flows and when their packets were seen. Joins by union.
#[derive(Clone, Debug)]
pub struct MediaFlows<S> {
    hasher: S,
    /// In the order in which they were first seen.
    flows: Vec<(FlowKey, MediaActivity)>,
    /// Places in `flows` by key.
    places: HashTable<u32>,
    /// Places of flows that were seen last, by [`FlowRef::slot`].
    recent: [u32; RECENT_FLOWS],
    /// Flows kept at most.
    most: usize,
    /// Flows from here on are not kept; absent: all are.
    beyond: Option<FlowKey>,
}

/// Media flows in the order of their keys.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct FlowTable {
    /// When the packets of each were seen.
    pub flows: BTreeMap<FlowKey, MediaActivity>,
    /// The smallest key that is not kept, nor any behind it; absent: all are kept.
    pub beyond: Option<FlowKey>,
}

impl<S: BuildHasher> MediaFlows<S> {
    /// No flows. Keys are hostile, so the hasher's seed is random; the order never leaves:
    /// [`Self::into_sorted`] sorts.
    #[must_use]
    pub const fn new(hasher: S) -> Self {
        Self::with_cap(hasher, MEDIA_FLOWS_MAX)
    }

    /// The same with another cap than [`MEDIA_FLOWS_MAX`].
    #[must_use]
    pub const fn with_cap(hasher: S, most: usize) -> Self {
        let places = HashTable::new();
        Self { hasher, flows: Vec::new(), places, recent: [0; RECENT_FLOWS], most, beyond: None }
    }

    /// Adds one media packet.
    #[inline]
    pub fn packet(&mut self, flow: FlowRef<'_>, kind: MediaKind, time: CaptureTime) {
        let place = self.recent[flow.slot()];
        if let Some((key, activity)) = self.flows.get_mut(place as usize)
            && flow.is(key)
        {
            spans_of(activity, kind).insert(time);
        } else {
            self.other_packet(flow, kind, time);
        }
    }

    /// A packet of a flow that is not among the last ones.
    fn other_packet(&mut self, flow: FlowRef<'_>, kind: MediaKind, time: CaptureTime) {
        let Some(place) = self.place_of(flow) else { return };
        self.recent[flow.slot()] = place;
        spans_of(&mut self.flows[place as usize].1, kind).insert(time);
        self.keep_within_cap();
    }

    /// The place of a flow, which is made when it is not there; absent for one that is not kept.
    fn place_of(&mut self, flow: FlowRef<'_>) -> Option<u32> {
        let Self { hasher, flows, places, .. } = self;
        let found =
            places.find(hash_flow(hasher, flow), |place| flow.is(&flows[*place as usize].0));
        if let Some(place) = found {
            return Some(*place);
        }
        let key = flow.to_key();
        if self.beyond.as_ref().is_some_and(|beyond| key >= *beyond) {
            return None;
        }
        // The cap on flows is far below what 32 bits number.
        let place = flows.len() as u32;
        flows.push((key, MediaActivity::default()));
        let rehash = |place: &u32| hash_flow(hasher, flows[*place as usize].0.as_ref());
        places.insert_unique(hash_flow(hasher, flow), place, rehash);
        Some(place)
    }

    /// A quarter above the cap, so that cutting is rare.
    fn keep_within_cap(&mut self) {
        if self.flows.len() > self.most.saturating_add(self.most / 4) {
            self.keep_smallest();
        }
    }

    /// Keeps the flows with the smallest keys, as many as the cap allows. Which those are is a function
    /// of the set of flows: a worker never drops one that belongs to the smallest of all.
    fn keep_smallest(&mut self) {
        let Self { hasher, flows, places, .. } = self;
        if flows.len() <= self.most {
            return;
        }
        let (_, (beyond, _), _) =
            flows.select_nth_unstable_by(self.most, |left, right| left.0.cmp(&right.0));
        self.beyond = Some(beyond.clone());
        flows.truncate(self.most);
        places.clear();
        for (place, (key, _)) in (0u32..).zip(flows.iter()) {
            let rehash = |place: &u32| hash_flow(hasher, flows[*place as usize].0.as_ref());
            places.insert_unique(hash_flow(hasher, key.as_ref()), place, rehash);
        }
        self.recent = [0; RECENT_FLOWS];
    }

    /// Adds flows that were seen elsewhere.
    pub fn add_table(&mut self, table: FlowTable) {
        for (key, activity) in table.flows {
            if let Some(place) = self.place_of(key.as_ref()) {
                self.flows[place as usize].1.join(&activity);
            }
            self.keep_within_cap();
        }
        self.beyond = self.beyond.take().into_iter().chain(table.beyond).min();
    }

    /// The flows in the order of their keys.
    #[must_use]
    pub fn into_sorted(mut self) -> FlowTable {
        self.keep_smallest();
        FlowTable { flows: self.flows.into_iter().collect(), beyond: self.beyond }
    }
}

fn hash_flow<S: BuildHasher>(hasher: &S, flow: FlowRef<'_>) -> u64 {
    let mut state = hasher.build_hasher();
    for endpoint in [flow.destination, flow.source] {
        match endpoint.address {
            IpAddr::V4(address) => {
                state.write_u64(u64::from(address.to_bits()) << 16 | u64::from(endpoint.port));
            }
            IpAddr::V6(address) => {
                state.write_u128(address.to_bits());
                state.write_u16(endpoint.port);
            }
        }
    }
    state.write_u16(flow.sensor.0);
    state.write(flow.entry_name);
    state.finish()
}

fn spans_of(activity: &mut MediaActivity, kind: MediaKind) -> &mut MediaSpans {
    match kind {
        MediaKind::Rtp => &mut activity.rtp,
        MediaKind::Rtcp => &mut activity.rtcp,
    }
}

/// Joins the flows that several workers saw: of all flows the [`MEDIA_FLOWS_MAX`] with the smallest keys.
#[must_use]
pub fn join_flows(tables: Vec<FlowTable>) -> FlowTable {
    join_within(tables, MEDIA_FLOWS_MAX)
}

fn join_within(tables: Vec<FlowTable>, most: usize) -> FlowTable {
    let beyond = tables.iter().filter_map(|table| table.beyond.clone()).min();
    let mut joined = FlowTable { flows: BTreeMap::new(), beyond };
    for table in tables {
        for (key, activity) in table.flows {
            if joined.beyond.as_ref().is_some_and(|beyond| key >= *beyond) {
                continue;
            }
            match joined.flows.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(activity);
                }
                Entry::Occupied(mut place) => place.get_mut().join(&activity),
            }
        }
    }
    if let Some(beyond) = joined.flows.keys().nth(most).cloned() {
        joined.flows.split_off(&beyond);
        joined.beyond = Some(beyond);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tells_media_by_its_first_bytes() {
        let check = |payload: &[u8], expect| assert_eq!(media_kind(payload), expect, "{payload:?}");
        check(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], Some(MediaKind::Rtp));
        check(&[0x80, 0xC8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], Some(MediaKind::Rtcp));
        check(&[0x81, 0xC9, 0, 1, 0, 0, 0, 0], Some(MediaKind::Rtcp));
        // Marker bit and dynamic payload type 96.
        check(&[0x80, 0xE0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], Some(MediaKind::Rtp));
        check(&[0x80, 0, 0, 1], None);
        check(b"INVITE sip:a@b SIP/2.0", None);
        check(&[0x00, 0x01, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0], None);
        check(&[], None);
    }

    /// Flows that differ in one part each, found again whatever came between.
    #[test]
    fn packets_find_their_flow_by_every_part() {
        let endpoint = |last: u8, port| Endpoint::new(IpAddr::from([10, 0, 0, last]), port);
        let v6 = Endpoint::new(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]), 9);
        let base = FlowRef {
            sensor: SensorId(0),
            destination: endpoint(1, 9),
            source: endpoint(2, 9),
            entry_name: b"",
        };
        let others = [
            base,
            FlowRef { sensor: SensorId(1), ..base },
            FlowRef { destination: endpoint(1, 10), ..base },
            FlowRef { source: endpoint(3, 9), ..base },
            FlowRef { entry_name: b"call", ..base },
            FlowRef { source: v6, ..base },
            FlowRef { destination: v6, ..base },
        ];
        let mut flows = MediaFlows::new(foldhash::fast::FixedState::with_seed(7));
        for round in 0..3 {
            for flow in others {
                flows.packet(flow, MediaKind::Rtp, CaptureTime::from_parts(round * 10, 0));
            }
        }
        let sorted = flows.into_sorted().flows;
        assert_eq!(sorted.len(), others.len());
        for flow in others {
            assert_eq!(sorted[&flow.to_key()].rtp.as_slice().len(), 3, "{flow:?}");
        }
    }

    proptest! {
        /// Whoever saw which packet: of all flows the smallest are kept, with all their packets.
        #[test]
        fn the_cap_is_of_the_set(
            packets in prop::collection::vec((0u8..40, 0i64..5, 0usize..3), 0..80),
            most in 1usize..20,
        ) {
            let endpoint = |last: u8| Endpoint::new(IpAddr::from([10, 0, 0, last]), 9);
            let flow = |last: &u8| FlowRef {
                sensor: SensorId(0),
                destination: endpoint(*last),
                source: endpoint(0),
                entry_name: b"",
            };
            let hasher = foldhash::fast::FixedState::with_seed(7);
            let mut workers = [0; 3].map(|_| MediaFlows::with_cap(hasher.clone(), most));
            let mut expected: BTreeMap<FlowKey, MediaActivity> = BTreeMap::new();
            for (last, time, worker) in &packets {
                let time = CaptureTime::from_parts(*time * 100, 0);
                workers[*worker].packet(flow(last), MediaKind::Rtp, time);
                expected.entry(flow(last).to_key()).or_default().rtp.insert(time);
            }
            let beyond = expected.keys().nth(most).cloned();
            if let Some(beyond) = &beyond {
                expected.split_off(beyond);
            }
            let joined = join_within(workers.map(MediaFlows::into_sorted).into(), most);
            prop_assert_eq!(joined, FlowTable { flows: expected, beyond });
        }
    }
}
