//! TCP segments, kept by flow direction until all captures are read.
//!
//! Whether a flow is SIP (or a WebSocket, or HEP) is known for certain only when the records of all
//! captures are together: until then every flow is kept, whatever its segments look like. A flow none
//! of whose segments shows a sign is let go when it is longer than a cap.

use super::Flow;
use super::bound::{Dropped, Waits};
use super::websocket;
use crate::base::limits::TCP_UNDECIDED_BYTES_PER_FLOW_MAX;
use crate::base::{CaptureTime, RecordRef};
use hashbrown::HashMap;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One segment with its payload. Ordered by time, then content; the record comes last, because where
/// a segment lay in files must not decide which of two at one moment counts.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) struct Segment {
    pub(super) time: CaptureTime,
    /// Sequence number of the first payload byte.
    pub(super) sequence: u32,
    /// Whether a connection begins here.
    pub(super) syn: bool,
    pub(super) vendor_blind: bool,
    /// Bytes that the snaplen cut off.
    pub(super) missing: u32,
    #[serde(with = "serde_bytes")]
    pub(super) bytes: Box<[u8]>,
    pub(super) record: RecordRef,
}

impl Waits for Segment {
    fn dropped(&self) -> Dropped {
        let count = u64::from(!self.bytes.is_empty());
        Dropped::of(self.record, self.time, count, self.bytes.len())
    }

    fn is_copy_of(&self, other: &Self) -> bool {
        (self.time, self.sequence, self.syn, self.vendor_blind, self.missing)
            == (other.time, other.sequence, other.syn, other.vendor_blind, other.missing)
            && self.bytes == other.bytes
    }

    fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// What is known of one flow direction.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct FlowSegments {
    /// A segment showed SIP, a WebSocket or HEP.
    pub(super) signed: bool,
    /// Segments let go before any sign.
    pub(super) dropped: Option<Dropped>,
    /// One of those looked like TLS.
    pub(super) dropped_tls: bool,
    pub(super) segments: Vec<Segment>,
    /// Segments with payload that were there twice.
    pub(super) copies: u64,
    /// Memory of the segments.
    #[serde(skip)]
    memory: usize,
}

impl FlowSegments {
    /// What two parts of the records tell of one flow.
    pub(super) fn join(&mut self, other: Self) {
        self.signed |= other.signed;
        self.dropped = Dropped::joined(self.dropped, other.dropped);
        self.dropped_tls |= other.dropped_tls;
        self.copies += other.copies;
        self.memory += other.memory;
        self.segments.extend(other.segments);
        self.settle();
    }

    /// Works out the memory in use, which is not stored.
    pub(super) fn measure(&mut self) {
        self.memory = self.segments.iter().map(Waits::memory).sum();
    }

    /// Memory in use, that of the flow itself included.
    pub(super) const fn memory(&self) -> usize {
        self.memory + size_of::<Flow>() + size_of::<Self>()
    }

    fn add(&mut self, segment: Segment) {
        self.memory += segment.memory();
        self.segments.push(segment);
        self.settle();
    }

    /// Lets a flow without a sign go that is too long, or of which something was let go already.
    fn settle(&mut self) {
        if self.signed || self.segments.is_empty() {
            return;
        }
        if self.dropped.is_none() {
            if self.memory <= TCP_UNDECIDED_BYTES_PER_FLOW_MAX {
                return;
            }
            self.forget_copies();
        }
        if self.dropped.is_some() || self.memory > TCP_UNDECIDED_BYTES_PER_FLOW_MAX {
            self.let_go();
        }
    }

    /// Takes segments out that are there twice.
    pub(super) fn forget_copies(&mut self) {
        self.copies += super::bound::forget_copies(&mut self.segments);
        self.memory = self.segments.iter().map(Waits::memory).sum();
    }

    /// Lets all segments go.
    pub(super) fn let_go(&mut self) {
        for segment in std::mem::take(&mut self.segments) {
            self.dropped_tls |= is_tls(&segment.bytes);
            self.dropped = Dropped::joined(self.dropped, Some(segment.dropped()));
        }
        self.memory = 0;
    }

    /// Takes the segments out from a moment on, and tells them.
    pub(super) fn cut(&mut self, from: CaptureTime) -> Option<Dropped> {
        let dropped = super::bound::cut(&mut self.segments, from);
        self.memory = self.segments.iter().map(Waits::memory).sum();
        dropped
    }
}

/// Segments of one capture. The map's order never leaves: [`Self::into_sorted`] sorts by flow.
#[derive(Debug, Default)]
pub(super) struct SegmentStore {
    flows: HashMap<Flow, FlowSegments, foldhash::quality::RandomState>,
    /// Memory in use, at least.
    pub(super) memory: usize,
}

impl SegmentStore {
    /// Takes a segment that has payload, or begins a connection; tells whether it was kept.
    pub(super) fn add(&mut self, flow: Flow, segment: Segment) -> bool {
        let state = self.flows.entry(flow).or_default();
        let before = state.memory();
        state.signed = state.signed || shows_sip(&segment.bytes);
        state.add(segment);
        // The size of a new flow is counted with its first segment.
        self.memory += state.memory().saturating_sub(before) + size_of::<Flow>();
        !state.segments.is_empty()
    }

    /// Everything kept, by flow.
    pub(super) fn into_sorted(self) -> BTreeMap<Flow, FlowSegments> {
        self.flows.into_iter().collect()
    }
}

/// Whether a segment begins like a TLS record (RFC 8446 section 5.1) and shows nothing of ours.
pub(super) fn is_tls(bytes: &[u8]) -> bool {
    let begins_a_record = matches!(bytes, [0x14..=0x17, 3, 0..=4, high, low, ..]
        if u16::from_be_bytes([*high, *low]) <= 0x4800);
    begins_a_record && !shows_sip(bytes)
}

/// The sign in one segment: it need not stand at its start, which may lie inside a message.
fn shows_sip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HEP3")
        || memmem::find(bytes, b"SIP/2.0").is_some()
        || websocket::is_sip_upgrade(bytes)
        || websocket::begins_sip_frame(bytes)
}
