//! Media flows: RTP and RTCP packets by their addresses, before it is known whose they are.

use super::media::{MediaActivity, MediaSpans};
use crate::base::limits::MEDIA_FLOWS_MAX;
use crate::base::{CaptureTime, Endpoint, SensorId};
use hashbrown::HashTable;
use std::collections::BTreeMap;
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

/// What tells one media flow from another.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FlowKey {
    /// The sensor that saw it.
    pub sensor: SensorId,
    /// Receiver.
    pub destination: Endpoint,
    /// Sender.
    pub source: Endpoint,
    /// Name of the archive entry or file of a spool's RTP directory that it lay in, which derives from
    /// the Call-ID; empty in other captures.
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
            && *self.entry_name == *key.entry_name
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
    /// Places of the last two flows: the two directions of one call, which is what a spool's RTP
    /// capture holds.
    recent: [u32; 2],
    /// Packets of flows beyond the cap; they are counted, not used.
    dropped_packets: u64,
}

impl<S: BuildHasher> MediaFlows<S> {
    /// No flows. Keys are hostile, so the hasher's seed is random; the order never leaves:
    /// [`Self::into_sorted`] sorts.
    #[must_use]
    pub const fn new(hasher: S) -> Self {
        let places = HashTable::new();
        Self { hasher, flows: Vec::new(), places, recent: [0; 2], dropped_packets: 0 }
    }

    /// Adds one media packet.
    #[inline]
    pub fn packet(&mut self, flow: FlowRef<'_>, kind: MediaKind, time: CaptureTime) {
        for place in self.recent {
            if let Some((key, activity)) = self.flows.get_mut(place as usize)
                && flow.is(key)
            {
                spans_of(activity, kind).insert(time);
                return;
            }
        }
        self.other_packet(flow, kind, time);
    }

    /// A packet of a flow that is not among the last ones.
    fn other_packet(&mut self, flow: FlowRef<'_>, kind: MediaKind, time: CaptureTime) {
        let Self { hasher, flows, places, .. } = self;
        let found =
            places.find(hash_flow(hasher, flow), |place| flow.is(&flows[*place as usize].0));
        let place = match found {
            Some(place) => *place,
            None if flows.len() < MEDIA_FLOWS_MAX => {
                // The cap on flows is far below what 32 bits number.
                let place = flows.len() as u32;
                flows.push((flow.to_key(), MediaActivity::default()));
                let rehash = |place: &u32| hash_flow(hasher, flows[*place as usize].0.as_ref());
                places.insert_unique(hash_flow(hasher, flow), place, rehash);
                place
            }
            None => {
                self.dropped_packets += 1;
                return;
            }
        };
        self.recent = [place, self.recent[0]];
        spans_of(&mut self.flows[place as usize].1, kind).insert(time);
    }

    /// Packets that were dropped by the cap on flows.
    #[must_use]
    pub const fn dropped_packets(&self) -> u64 {
        self.dropped_packets
    }

    /// The flows in the order of their keys.
    #[must_use]
    pub fn into_sorted(self) -> BTreeMap<FlowKey, MediaActivity> {
        self.flows.into_iter().collect()
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

/// Joins the flows that several workers saw.
#[must_use]
pub fn join_flows(
    tables: Vec<BTreeMap<FlowKey, MediaActivity>>,
) -> BTreeMap<FlowKey, MediaActivity> {
    let mut joined: BTreeMap<FlowKey, MediaActivity> = BTreeMap::new();
    for table in tables {
        for (key, activity) in table {
            joined.entry(key).or_default().join(&activity);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let sorted = flows.into_sorted();
        assert_eq!(sorted.len(), others.len());
        for flow in others {
            assert_eq!(sorted[&flow.to_key()].rtp.as_slice().len(), 3, "{flow:?}");
        }
    }
}
