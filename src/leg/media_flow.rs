//! Media flows: RTP and RTCP packets by their addresses, before it is known whose they are.

use super::media::{MediaActivity, MediaSpans};
use crate::base::limits::MEDIA_FLOWS_MAX;
use crate::base::{CaptureTime, Endpoint, SensorId};
use std::collections::BTreeMap;
use std::hash::BuildHasher;

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

/// Media flows and when their packets were seen. Joins by union.
#[derive(Clone, Debug, Default)]
pub struct MediaFlows<S> {
    flows: hashbrown::HashMap<FlowKey, MediaActivity, S>,
    /// Packets of flows beyond the cap; they are counted, not used.
    dropped_packets: u64,
}

impl<S: BuildHasher> MediaFlows<S> {
    /// No flows. Keys are hostile, so the hasher's seed is random; the order never leaves:
    /// [`Self::into_sorted`] sorts.
    #[must_use]
    pub const fn new(hasher: S) -> Self {
        Self { flows: hashbrown::HashMap::with_hasher(hasher), dropped_packets: 0 }
    }

    /// Adds one media packet.
    pub fn packet(&mut self, key: &FlowKey, kind: MediaKind, time: CaptureTime) {
        if let Some(activity) = self.flows.get_mut(key) {
            spans_of(activity, kind).insert(time);
        } else if self.flows.len() < MEDIA_FLOWS_MAX {
            let activity = self.flows.entry(key.clone()).or_default();
            spans_of(activity, kind).insert(time);
        } else {
            self.dropped_packets += 1;
        }
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
}
