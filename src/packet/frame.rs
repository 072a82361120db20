//! What is known about the bytes at hand while the layers of one record are taken off.

use crate::base::limits::TUNNEL_DEPTH_MAX;
use crate::base::{CaptureTime, RecordRef};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The state that travels from an outer layer to the inner ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) time: CaptureTime,
    pub(super) record: RecordRef,
    /// VLAN tags seen so far, folded: a part of the identity of fragments (RFC 791 reassembles per
    /// network).
    pub(super) vlan: u32,
    /// Bytes of the innermost IP payload that the snaplen cut off.
    pub(super) missing: u32,
    /// IP layers entered.
    pub(super) depth: u8,
    /// Whether an encapsulation was met that the vendor's sniffer cannot read.
    pub(super) vendor_blind: bool,
}

impl Frame {
    pub(super) const fn new(time: CaptureTime, record: RecordRef) -> Self {
        Self { time, record, vlan: 0, missing: 0, depth: 0, vendor_blind: false }
    }

    /// The frame inside an encapsulation that the vendor's sniffer cannot read.
    pub(super) const fn blind(self) -> Self {
        Self { vendor_blind: true, ..self }
    }

    /// The frame one IP layer further in; absent when the bound is hit.
    pub(super) fn deeper(self) -> Option<Self> {
        (self.depth < TUNNEL_DEPTH_MAX).then_some(Self { depth: self.depth + 1, ..self })
    }

    /// The frame inside a tag with this number.
    pub(super) const fn tagged(self, tag: u16) -> Self {
        Self { vlan: (self.vlan << 12) ^ (tag as u32 & 0xfff), ..self }
    }
}

/// Addresses of one IP header.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) struct Addresses {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
}

/// A big-endian 16-bit field; absent when the bytes end before it.
#[inline]
pub(super) fn be16(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// A big-endian 32-bit field; absent when the bytes end before it.
#[inline]
pub(super) fn be32(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}
