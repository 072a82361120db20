//! TCP segments of one capture, kept until all captures are read.
//!
//! Only flows with a sign of SIP (or WebSocket, or HEP) are kept in full; others up to a named number
//! of bytes, because the sign may come later or lie in another capture; TLS flows leave only their
//! span. All by flow direction.

use super::Flow;
use super::websocket;
use crate::base::limits::{
    TCP_BYTES_PER_CAPTURE_MAX, TCP_FLOWS_PER_CAPTURE_MAX, TCP_UNDECIDED_BYTES_PER_CAPTURE_MAX,
    TCP_UNDECIDED_BYTES_PER_FLOW_MAX,
};
use crate::base::{CaptureTime, RecordRef};
use hashbrown::HashMap;
use memchr::memmem;
use std::collections::BTreeMap;

/// One segment with its payload. Ordered by time, then content; the record comes last, because where
/// a segment lay in files must not decide which of two at one moment counts.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Segment {
    pub(super) time: CaptureTime,
    /// Sequence number of the first payload byte.
    pub(super) sequence: u32,
    /// Whether a connection begins here.
    pub(super) syn: bool,
    pub(super) vendor_blind: bool,
    /// Bytes that the snaplen cut off.
    pub(super) missing: u32,
    pub(super) bytes: Box<[u8]>,
    pub(super) record: RecordRef,
}

/// Moments and bytes of something that was not kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Dropped {
    /// The first by place.
    pub(super) record: RecordRef,
    pub(super) first: CaptureTime,
    pub(super) last: CaptureTime,
    pub(super) segments: u64,
    pub(super) bytes: u64,
}

impl Dropped {
    /// One segment.
    fn of(segment: &Segment) -> Self {
        Self {
            record: segment.record,
            first: segment.time,
            last: segment.time,
            segments: 1,
            bytes: segment.bytes.len() as u64,
        }
    }

    /// Both.
    pub(super) fn join(self, other: Self) -> Self {
        Self {
            record: self.record.min(other.record),
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            segments: self.segments + other.segments,
            bytes: self.bytes + other.bytes,
        }
    }

    fn joined(current: Option<Self>, other: Self) -> Option<Self> {
        Some(current.map_or(other, |dropped| dropped.join(other)))
    }
}

/// What is known of one flow direction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct FlowSegments {
    /// A segment showed SIP, a WebSocket or HEP.
    pub(super) signed: bool,
    /// A segment showed a TLS record.
    pub(super) tls: Option<Dropped>,
    /// Segments dropped before any sign, or beyond a cap.
    pub(super) dropped: Option<Dropped>,
    pub(super) segments: Vec<Segment>,
    bytes: usize,
}

impl FlowSegments {
    /// What two captures know of one flow.
    pub(super) fn join(&mut self, other: Self) {
        self.signed |= other.signed;
        if let Some(tls) = other.tls {
            self.tls = Dropped::joined(self.tls, tls);
        }
        if let Some(dropped) = other.dropped {
            self.dropped = Dropped::joined(self.dropped, dropped);
        }
        self.segments.extend(other.segments);
    }

    fn drop_segments(&mut self) -> usize {
        for segment in std::mem::take(&mut self.segments) {
            let dropped = Dropped::of(&segment);
            self.dropped = Dropped::joined(self.dropped, dropped);
        }
        std::mem::take(&mut self.bytes)
    }
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Kept,
    NotSip,
    Tls,
    OverLimit,
}

/// What the payload of a segment shows.
enum Sign {
    Sip,
    Tls,
    Nothing,
}

/// Segments of one capture. The map's order never leaves: [`Self::into_sorted`] sorts by flow.
#[derive(Debug, Default)]
pub(super) struct SegmentStore {
    flows: HashMap<Flow, FlowSegments, foldhash::quality::RandomState>,
    undecided_bytes: usize,
    signed_bytes: usize,
    /// Segments dropped for a cap although they may be SIP.
    pub(super) over_limit: Option<Dropped>,
}

impl SegmentStore {
    /// Keeps a segment that has payload, or begins a connection.
    pub(super) fn add(&mut self, flow: Flow, segment: Segment) -> Fate {
        let dropped = Dropped::of(&segment);
        if self.flows.len() >= TCP_FLOWS_PER_CAPTURE_MAX && !self.flows.contains_key(&flow) {
            self.over_limit = Dropped::joined(self.over_limit, dropped);
            return Fate::OverLimit;
        }
        let state = self.flows.entry(flow).or_default();
        let size = segment.bytes.len() + size_of::<Segment>();
        if !state.signed {
            match sign(&segment.bytes) {
                Sign::Sip => {
                    state.signed = true;
                    self.undecided_bytes -= state.bytes;
                    self.signed_bytes += state.bytes;
                }
                Sign::Tls if state.tls.is_none() => {
                    self.undecided_bytes -= state.drop_segments();
                    // What came before on a TLS connection is its handshake or the middle of a record.
                    state.tls = state.dropped.take();
                    state.tls = Dropped::joined(state.tls, dropped);
                    return Fate::Tls;
                }
                Sign::Tls | Sign::Nothing => {}
            }
        }
        if state.signed {
            if self.signed_bytes + size > TCP_BYTES_PER_CAPTURE_MAX {
                state.dropped = Dropped::joined(state.dropped, dropped);
                self.over_limit = Dropped::joined(self.over_limit, dropped);
                return Fate::OverLimit;
            }
            self.signed_bytes += size;
        } else if state.tls.is_some() {
            state.tls = Dropped::joined(state.tls, dropped);
            return Fate::Tls;
        } else if state.dropped.is_some()
            || state.bytes + size > TCP_UNDECIDED_BYTES_PER_FLOW_MAX
            || self.undecided_bytes + size > TCP_UNDECIDED_BYTES_PER_CAPTURE_MAX
        {
            self.undecided_bytes -= state.drop_segments();
            state.dropped = Dropped::joined(state.dropped, dropped);
            return Fate::NotSip;
        } else {
            self.undecided_bytes += size;
        }
        state.bytes += size;
        state.segments.push(segment);
        Fate::Kept
    }

    /// Everything kept, by flow.
    pub(super) fn into_sorted(self) -> BTreeMap<Flow, FlowSegments> {
        self.flows.into_iter().collect()
    }
}

/// The sign in one segment: it need not stand at its start, which may lie inside a message.
fn sign(bytes: &[u8]) -> Sign {
    if let [0x14..=0x17, 3, 0..=4, high, low, ..] = bytes
        && u16::from_be_bytes([*high, *low]) <= 0x4800
    {
        return Sign::Tls;
    }
    if bytes.starts_with(b"HEP3")
        || memmem::find(bytes, b"SIP/2.0").is_some()
        || websocket::is_sip_upgrade(bytes)
        || websocket::begins_sip_frame(bytes)
    {
        return Sign::Sip;
    }
    Sign::Nothing
}
