//! 802.11 data frames, bare or behind a radiotap header: LLC lies where the header ends.

use super::counters::Outcome;
use super::frame::Frame;
use super::walk::{Walk, short};

impl Walk<'_> {
    /// Radiotap (radiotap.org): version 0, padding, length of the header, little-endian.
    pub(super) fn radiotap(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        let Some((header, _)) = bytes.split_first_chunk::<4>() else {
            return short(frame);
        };
        let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
        // The sniffer takes every such header for one of 52 bytes.
        let frame = if length == 52 { frame } else { frame.blind() };
        match bytes.get(length..) {
            Some(rest) if header[0] == 0 && length >= 8 => self.wifi(frame, rest),
            _ => short(frame),
        }
    }

    /// IEEE 802.11 section 9.3.2.1: only plain data frames carry anything readable.
    pub(super) fn wifi(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        let [control, flags, ..] = bytes else {
            return short(frame);
        };
        // Type data; the subtype bit 0x40 announces a frame without data.
        if control & 0x0f != 0x08 || control & 0x40 != 0 {
            return Outcome::NotIp;
        }
        if flags & 0x40 != 0 {
            return Outcome::Encrypted;
        }
        let mut header = if flags & 3 == 3 { 30 } else { 24 };
        if control & 0x80 != 0 {
            // Quality of service, and with the order bit high-throughput control.
            header += if flags & 0x80 != 0 { 6 } else { 2 };
        }
        let Some(rest) = bytes.get(header..) else {
            return short(frame);
        };
        // Some drivers pad the header to a multiple of four.
        let padded = bytes.get(header.next_multiple_of(4)..).unwrap_or_default();
        let body = if rest.starts_with(&[0xaa, 0xaa, 3]) { rest } else { padded };
        self.llc(frame, body)
    }
}
