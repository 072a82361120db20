//! The byte strings of one leg in one buffer: a handful of allocations a leg instead of one a value.

use crate::base::Endpoint;
use std::net::IpAddr;

/// Equal strings are looked for in this much of a buffer, where tags and addresses that every message
/// repeats stand; what comes behind may stand twice.
const SEARCHED_BYTES: usize = 1_024;

/// What the strings of a usual leg take: room for them at once instead of growth in steps.
const USUAL_BYTES: usize = 256;

/// A buffer of strings that outgrew what was needed by this much is made anew.
const WASTED_BYTES_MAX: usize = 1 << 20;

/// One string in [`Texts`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Text(u32);

impl Text {
    /// The empty string.
    pub(super) const EMPTY: Self = Self(u32::MAX);
}

/// Strings of at most 65,535 bytes, each behind its length in two bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Their length when all of them were needed last.
    needed: usize,
}

impl Texts {
    /// Bytes that the strings take, lengths included.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the caps of a leg may have dropped so many of the strings that they are worth copying anew.
    pub(super) const fn is_wasteful(&self) -> bool {
        self.bytes.len() - self.needed > self.needed + WASTED_BYTES_MAX
    }

    /// All strings are needed now.
    pub(super) const fn are_needed(&mut self) {
        self.needed = self.bytes.len();
    }

    /// A string that was added.
    #[inline]
    pub(super) fn get(&self, text: Text) -> &[u8] {
        self.at(text.0 as usize).unwrap_or_default()
    }

    #[inline]
    fn at(&self, start: usize) -> Option<&[u8]> {
        let (length, rest) = self.bytes.get(start..)?.split_first_chunk::<2>()?;
        rest.get(..usize::from(u16::from_le_bytes(*length)))
    }

    /// Adds a string; an equal one near the start is used again. Longer ones than are kept are cut:
    /// `FACT_TEXT_BYTES_MAX` is far below.
    #[inline]
    pub(super) fn add(&mut self, text: &[u8]) -> Text {
        if text.is_empty() {
            return Text::EMPTY;
        }
        let mut start = 0;
        while start < self.bytes.len().min(SEARCHED_BYTES) {
            let Some(known) = self.at(start) else { break };
            if known == text {
                return Text(start as u32);
            }
            start += 2 + known.len();
        }
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(USUAL_BYTES);
        }
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        // A leg's strings are bounded by its facts, far below 32 bits.
        let place = Text(self.bytes.len() as u32);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&text[..usize::from(length)]);
        place
    }

    /// Adds an address and port: the octets of the address, then the port.
    #[inline]
    pub(super) fn add_endpoint(&mut self, endpoint: Endpoint) -> Text {
        let port = endpoint.port.to_be_bytes();
        match endpoint.address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                self.add(&[a, b, c, d, port[0], port[1]])
            }
            IpAddr::V6(address) => {
                let mut octets = [0; 18];
                octets[..16].copy_from_slice(&address.octets());
                octets[16..].copy_from_slice(&port);
                self.add(&octets)
            }
        }
    }

    /// An address and port that were added.
    #[inline]
    pub(super) fn endpoint(&self, text: Text) -> Endpoint {
        match *self.get(text) {
            [a, b, c, d, high, low] => {
                Endpoint::new(IpAddr::from([a, b, c, d]), u16::from_be_bytes([high, low]))
            }
            [ref octets @ .., high, low] if octets.len() == 16 => {
                let octets: [u8; 16] = octets.try_into().unwrap_or_default();
                Endpoint::new(IpAddr::from(octets), u16::from_be_bytes([high, low]))
            }
            _ => Endpoint::UNKNOWN,
        }
    }

    /// Gives back what growth took beyond need.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_and_equal_ones_share_their_place() {
        let mut texts = Texts::default();
        let long = vec![b'x'; SEARCHED_BYTES];
        let ends = [
            Endpoint::UNKNOWN,
            Endpoint::new([10, 0, 0, 1].into(), 5060),
            Endpoint::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), 65_535),
        ];
        let (tag, empty) = (texts.add(b"tag"), texts.add(b""));
        let places = ends.map(|end| texts.add_endpoint(end));
        let far = texts.add(&long);
        let size = texts.len();
        assert_eq!((texts.get(tag), texts.get(empty)), (&b"tag"[..], &b""[..]));
        assert_eq!(texts.get(far), long);
        for (end, place) in ends.into_iter().zip(places) {
            assert_eq!(texts.endpoint(place), end);
            texts.add_endpoint(end);
        }
        texts.add(b"tag");
        assert_eq!(texts.len(), size, "nothing was added twice");
        assert_eq!(texts.endpoint(tag), Endpoint::UNKNOWN);
    }
}
