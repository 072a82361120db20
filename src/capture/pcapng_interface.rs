//! pcapng interfaces: link type, snaplen, and how their timestamps count.

use super::LinkType;
use crate::base::CaptureTime;
use pcap_parser::pcapng::{
    PcapNGOption, parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
};

/// Option codes of an Interface Description Block (pcapng draft, section 4.2).
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

/// How many nanoseconds a timestamp unit is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Resolution {
    /// 10^-n for n up to 9: nanoseconds in a unit.
    Multiply(u64),
    /// 10^-n for larger n: units in a nanosecond.
    Divide(u128),
    /// 2^-n.
    Shift(u32),
}

/// One interface of a section.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// 0: none.
    pub(super) snaplen: u32,
    resolution: Resolution,
    offset_seconds: i64,
}

impl Interface {
    /// From a whole Interface Description Block; the flag is false when its options are damaged.
    /// Absent when it is too short for its fixed fields.
    pub(super) fn parse(block: &[u8], big_endian: bool) -> Option<(Self, bool)> {
        let fixed = block.get(8..16)?;
        let link = two(&fixed[..2], big_endian);
        let snaplen = four(&fixed[4..8], big_endian);
        let mut interface = Self {
            link: LinkType(link),
            snaplen,
            resolution: Resolution::Multiply(1_000),
            offset_seconds: 0,
        };
        let parsed = if big_endian {
            parse_interfacedescriptionblock_be(block)
        } else {
            parse_interfacedescriptionblock_le(block)
        };
        let Ok((_, parsed)) = parsed else { return Some((interface, false)) };
        interface.options(&parsed.options, big_endian);
        Some((interface, true))
    }

    /// The raw options are read here: pcap-parser's own values take if_tsoffset as little-endian in every
    /// section and reject every power of two as if_tsresol.
    fn options(&mut self, options: &[PcapNGOption<'_>], big_endian: bool) {
        for option in options {
            let value: &[u8] = &option.value;
            match (option.code.0, value) {
                (IF_TSRESOL, [resolution, ..]) => self.resolution = decode_resolution(*resolution),
                (IF_TSOFFSET, value) => {
                    if let Some(eight) = value.first_chunk::<8>() {
                        self.offset_seconds = if big_endian {
                            i64::from_be_bytes(*eight)
                        } else {
                            i64::from_le_bytes(*eight)
                        };
                    }
                }
                _ => {}
            }
        }
    }

    /// The moment of a timestamp; the flag is true when it had to be clamped.
    pub(super) fn time(&self, units: u64) -> (CaptureTime, bool) {
        if self.offset_seconds == 0
            && let Resolution::Multiply(factor) = self.resolution
            && let Some(ns) = units.checked_mul(factor)
            && let Ok(ns) = i64::try_from(ns)
        {
            return (CaptureTime::from_ns(ns), false);
        }
        let ns = match self.resolution {
            Resolution::Multiply(factor) => u128::from(units) * u128::from(factor),
            Resolution::Divide(divisor) => u128::from(units) / divisor,
            Resolution::Shift(bits) => (u128::from(units) * 1_000_000_000) >> bits,
        };
        // At most 2^64 * 10^9, which fits.
        let ns = i128::try_from(ns).unwrap_or(i128::MAX);
        let ns = ns.saturating_add(i128::from(self.offset_seconds) * 1_000_000_000);
        match i64::try_from(ns) {
            Ok(ns) => (CaptureTime::from_ns(ns), false),
            Err(_) if ns < 0 => (CaptureTime::MIN, true),
            Err(_) => (CaptureTime::MAX, true),
        }
    }
}

fn decode_resolution(value: u8) -> Resolution {
    let exponent = u32::from(value & 0x7f);
    if value & 0x80 != 0 {
        Resolution::Shift(exponent)
    } else if exponent <= 9 {
        Resolution::Multiply(10u64.pow(9 - exponent))
    } else {
        Resolution::Divide(10u128.checked_pow(exponent - 9).unwrap_or(u128::MAX))
    }
}

/// Two bytes in the section's order.
pub(super) fn two(bytes: &[u8], big_endian: bool) -> u16 {
    let Some(raw) = bytes.first_chunk() else { return 0 };
    if big_endian { u16::from_be_bytes(*raw) } else { u16::from_le_bytes(*raw) }
}

/// Four bytes in the section's order.
pub(super) fn four(bytes: &[u8], big_endian: bool) -> u32 {
    let Some(raw) = bytes.first_chunk() else { return 0 };
    if big_endian { u32::from_be_bytes(*raw) } else { u32::from_le_bytes(*raw) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_of_every_resolution() {
        let check = |resolution: u8, offset_seconds: i64, units: u64, expect: (i64, bool)| {
            let interface = Interface {
                link: LinkType(1),
                snaplen: 0,
                resolution: decode_resolution(resolution),
                offset_seconds,
            };
            let (time, clamped) = interface.time(units);
            assert_eq!((time.ns(), clamped), expect, "{resolution} {offset_seconds} {units}");
        };
        check(6, 0, 1_700_000_000_123_456, (1_700_000_000_123_456_000, false));
        check(9, 0, 1_700_000_000_123_456_789, (1_700_000_000_123_456_789, false));
        check(0, 0, 5, (5_000_000_000, false));
        check(3, -2, 1_500, (-500_000_000, false));
        check(12, 0, 1_999, (1, false));
        check(127, 0, u64::MAX, (0, false));
        check(0x80, 0, 7, (7_000_000_000, false));
        check(0x80 | 10, 1, 512, (1_500_000_000, false));
        check(0x80 | 32, 0, 3 << 31, (1_500_000_000, false));
        check(0xff, 0, u64::MAX, (0, false));
        check(0, 0, u64::MAX, (i64::MAX, true));
        check(6, i64::MIN, 0, (i64::MIN, true));
    }
}
