//! Link headers of the LINKTYPE_ registry: what lies behind them is an ethertype and a packet.
//!
//! etherparse has no lax SLL and no SLL2, PPP, HDLC or loop header: these few bytes are taken off here.

use super::counters::Outcome;
use super::fast::{by_version, is_ip_family};
use super::frame::{Frame, be16};
use super::walk::{Unread, Walk, short};
use crate::capture::LinkType;

impl Walk<'_> {
    /// A whole record.
    pub(super) fn link(&mut self, frame: Frame, link: LinkType, bytes: &[u8]) -> Outcome {
        if bytes.is_empty() {
            return if frame.missing > 0 { Outcome::CutHeader } else { Outcome::Empty };
        }
        match link.0 {
            1 => self.ethernet(frame, bytes),
            // NULL: the address family in the byte order of the capturing host; LOOP: big-endian.
            0 => self.loopback(frame, bytes),
            108 => self.loopback(frame.blind(), bytes),
            113 => self.cooked(frame, bytes, 14, 16),
            276 => self.cooked(frame, bytes, 0, 20),
            12 | 14 | 101 => self.raw(frame, bytes),
            228 | 229 => self.raw(frame.blind(), bytes),
            9 => self.ppp(frame.blind(), bytes),
            51 => self.pppoe(frame.blind(), bytes),
            104 => match (be16(bytes, 2), bytes.get(4..)) {
                (Some(ethertype), Some(rest)) => self.ethertype(frame.blind(), ethertype, rest),
                _ => short(frame),
            },
            100 => self.llc(frame, bytes),
            105 => self.wifi(frame.blind(), bytes),
            127 => self.radiotap(frame, bytes),
            _ => {
                let unread = self.held.unread_links.entry(link.0).or_insert(Unread {
                    first: frame.time,
                    last: frame.time,
                    records: 0,
                    bytes: 0,
                });
                unread.first = unread.first.min(frame.time);
                unread.last = unread.last.max(frame.time);
                unread.records += 1;
                unread.bytes += bytes.len() as u64;
                Outcome::UnknownLink
            }
        }
    }

    /// Destination, source, ethertype or length.
    pub(super) fn ethernet(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        match (be16(bytes, 12), bytes.get(14..)) {
            (Some(ethertype), Some(rest)) => self.ethertype(frame, ethertype, rest),
            _ => short(frame),
        }
    }

    /// Linux cooked capture: the protocol at `field`, the packet from `header` on.
    fn cooked(&mut self, frame: Frame, bytes: &[u8], field: usize, header: usize) -> Outcome {
        match (be16(bytes, field), bytes.get(header..)) {
            // 1: Novell 802.3 without LLC; 4: 802.2 LLC.
            (Some(1), Some(_)) => Outcome::NotIp,
            (Some(4), Some(rest)) => self.llc(frame, rest),
            // The sniffer looks for the tag of SLL2 at the wrong place (facts F).
            (Some(ethertype @ 0x8100), Some(rest)) if header == 20 => {
                self.ethertype(frame.blind(), ethertype, rest)
            }
            (Some(ethertype), Some(rest)) => self.ethertype(frame, ethertype, rest),
            _ => short(frame),
        }
    }

    /// An address family and a packet.
    fn loopback(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        let Some((family, rest)) = bytes.split_first_chunk::<4>() else {
            return short(frame);
        };
        if is_ip_family(*family) { self.raw(frame, rest) } else { Outcome::NotIp }
    }

    /// An IP packet without link header.
    pub(super) fn raw(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        if by_version(bytes).is_some() { self.ip(frame, bytes) } else { Outcome::NotIp }
    }

    /// 802.2 LLC with SNAP (RFC 1042).
    pub(super) fn llc(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        match bytes.split_first_chunk::<8>() {
            Some(([0xaa, 0xaa, 3, 0, 0, _, high, low], rest)) => {
                self.ethertype(frame, u16::from_be_bytes([*high, *low]), rest)
            }
            _ => Outcome::NotIp,
        }
    }
}
