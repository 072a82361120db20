//! IP fragments of one capture, kept until all captures are read.
//!
//! A datagram is built from the fragments of the whole run sorted by time ([`super::assemble`]), not
//! as they come: etherparse's defragmentation pool takes them in order of arrival, per thread, and
//! needs strict slices, which a snaplen breaks. One exception keeps memory low: a datagram that begins
//! like RTP or RTCP leaves as soon as it is whole, because its bytes decide nothing but a media time.

use super::assemble::{Whole, contiguous};
use super::bound::{Dropped, Waits};
use super::frame::Addresses;
use crate::base::limits::DATAGRAM_BYTES_MAX;
use crate::base::{CaptureTime, RecordRef};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the fragments of one datagram share (RFC 791 section 3.2, RFC 8200 section 4.5).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) struct FragmentKey {
    pub(super) addresses: Addresses,
    pub(super) identification: u32,
    pub(super) protocol: u8,
    pub(super) vlan: u32,
}

/// One fragment with its own bytes. Ordered by time, then content; the record comes last, because
/// where a fragment lay in files must not decide which of two at one moment counts.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) struct Fragment {
    pub(super) time: CaptureTime,
    pub(super) offset: u32,
    /// Whether another fragment follows.
    pub(super) more: bool,
    /// Protocol of the whole payload.
    pub(super) protocol: u8,
    /// Bytes that the snaplen cut off this fragment.
    pub(super) missing: u32,
    pub(super) depth: u8,
    pub(super) vendor_blind: bool,
    #[serde(with = "serde_bytes")]
    pub(super) bytes: Box<[u8]>,
    pub(super) record: RecordRef,
}

impl Fragment {
    /// End of this fragment in the whole payload, as it was on the wire.
    pub(super) fn end(&self) -> u32 {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.offset.saturating_add(length).saturating_add(self.missing)
    }

    /// Whether it is the head of a UDP datagram that begins like RTP or RTCP (version 2).
    pub(super) fn is_media_head(&self) -> bool {
        self.offset == 0
            && self.protocol == 17
            && self.bytes.get(8).is_some_and(|byte| byte >> 6 == 2)
    }
}

impl Waits for Fragment {
    fn dropped(&self) -> Dropped {
        Dropped::of(self.record, self.time, 1, self.bytes.len())
    }

    fn is_copy_of(&self, other: &Self) -> bool {
        (self.time, self.offset, self.more, self.protocol, self.missing, self.depth)
            == (other.time, other.offset, other.more, other.protocol, other.missing, other.depth)
            && (self.vendor_blind, &self.bytes) == (other.vendor_blind, &other.bytes)
    }

    fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// What became of a fragment.
pub(super) enum Added {
    Kept,
    Malformed,
    /// It completed a datagram of media.
    Media(Whole),
}

/// Fragments with one key, and what tells cheaply whether they can be whole.
#[derive(Debug, Default)]
struct Kept {
    fragments: Vec<Fragment>,
    bytes: u64,
    total: Option<u32>,
    is_media: bool,
}

/// Fragments of one capture. The map's order never leaves: [`FragmentStore::into_sorted`] sorts by key.
#[derive(Debug, Default)]
pub(super) struct FragmentStore {
    by_key: HashMap<FragmentKey, Kept, foldhash::quality::RandomState>,
    /// Memory in use.
    pub(super) memory: usize,
}

impl FragmentStore {
    /// Keeps a fragment.
    pub(super) fn add(&mut self, key: FragmentKey, fragment: Fragment) -> Added {
        if fragment.bytes.is_empty() || fragment.end() > DATAGRAM_BYTES_MAX {
            return Added::Malformed;
        }
        self.memory += fragment.memory();
        let kept = self.by_key.entry(key).or_default();
        kept.bytes += fragment.bytes.len() as u64;
        kept.is_media |= fragment.is_media_head();
        if !fragment.more {
            kept.total.get_or_insert(fragment.end());
        }
        kept.fragments.push(fragment);
        if kept.is_media
            && kept.total.map(u64::from) == Some(kept.bytes)
            && let Some(whole) = contiguous(&kept.fragments)
        {
            self.memory -= kept.fragments.iter().map(Waits::memory).sum::<usize>();
            self.by_key.remove(&key);
            return Added::Media(whole);
        }
        Added::Kept
    }

    /// Everything kept, by key.
    pub(super) fn into_sorted(self) -> BTreeMap<FragmentKey, Vec<Fragment>> {
        self.by_key.into_iter().map(|(key, kept)| (key, kept.fragments)).collect()
    }
}
