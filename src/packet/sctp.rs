//! SCTP (RFC 9260): user messages in data chunks.
//!
//! A message in one chunk is delivered at once; the parts of a larger one are kept until all captures
//! are read and then joined by transmission sequence number.

use super::Transport;
use super::bound::{Dropped, Waits};
use super::counters::Outcome;
use super::frame::{Addresses, Frame, be16, be32};
use super::walk::{Walk, short};
use crate::base::{CaptureTime, Endpoint, RecordRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One direction of an association.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) struct SctpKey {
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
    /// Verification tag, which tells associations apart that use the same ports again.
    pub(super) tag: u32,
}

/// One data chunk that is not a whole message. Ordered by time, then content, then record.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) struct SctpPart {
    pub(super) time: CaptureTime,
    /// Transmission sequence number.
    pub(super) tsn: u32,
    pub(super) stream: u16,
    pub(super) begins: bool,
    pub(super) ends: bool,
    pub(super) vendor_blind: bool,
    /// Bytes that the snaplen cut off this chunk.
    pub(super) missing: u32,
    #[serde(with = "serde_bytes")]
    pub(super) bytes: Box<[u8]>,
    pub(super) record: RecordRef,
}

impl Waits for SctpPart {
    fn dropped(&self) -> Dropped {
        Dropped::of(self.record, self.time, 1, self.bytes.len())
    }

    fn is_copy_of(&self, other: &Self) -> bool {
        (self.time, self.tsn, self.stream, self.begins, self.ends)
            == (other.time, other.tsn, other.stream, other.begins, other.ends)
            && (self.vendor_blind, self.missing) == (other.vendor_blind, other.missing)
            && self.bytes == other.bytes
    }

    fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// Parts of messages of one capture.
#[derive(Debug, Default)]
pub(super) struct SctpStore {
    pub(super) parts: BTreeMap<SctpKey, Vec<SctpPart>>,
    /// Memory in use.
    pub(super) memory: usize,
}

impl SctpStore {
    fn add(&mut self, key: SctpKey, part: SctpPart) {
        self.memory += part.memory();
        self.parts.entry(key).or_default().push(part);
    }
}

/// The parts of one direction of an association as runs that belong together: from a part that begins
/// a message up to the one that ends it, or as far as the sequence numbers go on. Depends on the set of
/// parts alone: of two with one number the first by time counts.
pub(super) fn runs(mut parts: Vec<SctpPart>) -> Vec<Vec<SctpPart>> {
    parts.sort_unstable();
    let mut places: BTreeMap<i64, SctpPart> = BTreeMap::new();
    let (mut reference, mut reference_place) = (parts.first().map_or(0, |part| part.tsn), 0i64);
    for part in parts {
        // Signed distance: numbers wrap around (RFC 9260 section 1.6).
        reference_place += i64::from(part.tsn.wrapping_sub(reference).cast_signed());
        reference = part.tsn;
        places.entry(reference_place).or_insert(part);
    }
    let mut runs: Vec<Vec<SctpPart>> = Vec::new();
    let mut expected = None;
    for (place, part) in places {
        let goes_on = expected == Some(place)
            && !part.begins
            && runs
                .last()
                .and_then(|run| run.last())
                .is_some_and(|last| !last.ends && last.stream == part.stream);
        expected = Some(place + 1);
        match runs.last_mut() {
            Some(run) if goes_on => run.push(part),
            _ => runs.push(vec![part]),
        }
    }
    runs
}

impl Walk<'_> {
    /// A packet: common header, then chunks, each padded to a multiple of four.
    pub(super) fn sctp(&mut self, frame: Frame, addresses: Addresses, bytes: &[u8]) -> Outcome {
        let (Some(source), Some(destination), Some(tag), Some(mut rest)) =
            (be16(bytes, 0), be16(bytes, 2), be32(bytes, 4), bytes.get(12..))
        else {
            return short(frame);
        };
        let key = SctpKey {
            source: Endpoint::new(addresses.source, source),
            destination: Endpoint::new(addresses.destination, destination),
            tag,
        };
        let mut outcome = Outcome::SctpControl;
        while let Some((header, _)) = rest.split_first_chunk::<4>() {
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            if length < 4 {
                break;
            }
            let chunk = &rest[..length.min(rest.len())];
            if header[0] == 0 {
                let missing = u32::try_from(length - chunk.len()).unwrap_or(u32::MAX);
                // The sniffer does not read SCTP (facts F).
                let data = self.data_chunk(Frame { missing, ..frame.blind() }, key, chunk);
                if outcome != Outcome::Datagram {
                    outcome = data;
                }
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        outcome
    }

    /// RFC 9260 section 3.3.1: flags, length, TSN, stream, stream sequence, protocol, user data.
    fn data_chunk(&mut self, frame: Frame, key: SctpKey, chunk: &[u8]) -> Outcome {
        let (Some(tsn), Some(stream), Some(data)) =
            (be32(chunk, 4), be16(chunk, 8), chunk.get(16..))
        else {
            return short(frame);
        };
        let flags = chunk[1];
        let (ends, begins) = (flags & 1 != 0, flags & 2 != 0);
        if begins && ends {
            return self.deliver(frame, (key.source, key.destination), Transport::Sctp, data);
        }
        let part = SctpPart {
            time: frame.time,
            record: frame.record,
            tsn,
            stream,
            begins,
            ends,
            vendor_blind: frame.vendor_blind,
            missing: frame.missing,
            bytes: data.into(),
        };
        self.held.sctp.add(key, part);
        self.held.ledger.add("packet.sctp_parts", 1);
        Outcome::SctpPart
    }
}
