//! GRE (RFC 2784, 2890; version 1 of RFC 2637) and what travels in it, ERSPAN above all.

use super::counters::Outcome;
use super::frame::{Frame, be16};
use super::walk::{Walk, short};

impl Walk<'_> {
    /// A GRE header and its payload. etherparse has no GRE.
    pub(super) fn gre(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        let (Some(flags), Some(protocol)) = (be16(bytes, 0), be16(bytes, 2)) else {
            return short(frame);
        };
        let sequence = flags & 0x1000 != 0;
        let mut at = 4;
        // Checksum or routing announce the same word; then key, sequence, acknowledgement.
        at += if flags & 0xc000 != 0 { 4 } else { 0 };
        at += if flags & 0x2000 != 0 { 4 } else { 0 };
        at += if sequence { 4 } else { 0 };
        at += if flags & 7 == 1 && flags & 0x0080 != 0 { 4 } else { 0 };
        let Some(rest) = bytes.get(at..) else {
            return short(frame);
        };
        match (flags & 7, protocol) {
            // Acknowledgements of PPTP carry nothing.
            (1, _) if rest.is_empty() => Outcome::Empty,
            // PPTP is not among the payloads that the sniffer lists.
            (1, 0x880b) | (0, 0x880b) => self.ppp(frame.blind(), rest),
            (0, 0x88be) => self.erspan(frame, sequence, rest),
            // ERSPAN III: 12 bytes, and 8 more when its last bit says so.
            (0, 0x22eb) => {
                let optional = rest.get(11).is_some_and(|byte| byte & 1 == 1);
                self.bridged(frame, rest.get(if optional { 20 } else { 12 }..))
            }
            (0, 0x6558) => self.bridged(frame, Some(rest)),
            (0, _) => self.ethertype(frame, protocol, rest),
            _ => Outcome::OtherProtocol,
        }
    }

    /// ERSPAN I has no header of its own; II has 8 bytes and always a sequence number.
    fn erspan(&mut self, frame: Frame, sequence: bool, rest: &[u8]) -> Outcome {
        if sequence && rest.first().is_some_and(|byte| byte >> 4 == 1) {
            self.bridged(frame, rest.get(8..))
        } else {
            self.bridged(frame, Some(rest))
        }
    }
}
