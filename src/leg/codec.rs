//! Numbers to bytes and back, for legs, CDRs and outlines: small numbers in one byte. Reading never fails:
//! past the end of the bytes there are zeros and empty strings.
//!
//! A number takes a byte for every seven bits. How many bytes it has is told by the zeros at the low end
//! of its first one, so that it is read by one load and one shift; nine bytes begin with a zero byte.

use crate::base::Endpoint;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bits of a number that one byte holds.
const BITS: u32 = 7;
/// Bytes of a number whose length fits its first byte.
const SHIFTED_BYTES_MAX: u32 = 8;

/// The bits of a number of so many bytes.
const MASKS: [u64; SHIFTED_BYTES_MAX as usize + 1] = {
    let (mut masks, mut count) = ([0; SHIFTED_BYTES_MAX as usize + 1], 0);
    while count < masks.len() {
        masks[count] = (1 << (BITS * count as u32)) - 1;
        count += 1;
    }
    masks
};

/// Longest number.
const NUMBER_BYTES_MAX: usize = 9;

/// Appends numbers by way of a room of known size, where none needs a look at how much room is left.
pub(super) struct Writer<'b> {
    bytes: &'b mut Vec<u8>,
    room: [u8; ROOM_BYTES],
    length: usize,
}

const ROOM_BYTES: usize = 512;

impl<'b> Writer<'b> {
    /// Nothing is appended before [`Self::flush`].
    pub(super) const fn new(bytes: &'b mut Vec<u8>) -> Self {
        Self { bytes, room: [0; ROOM_BYTES], length: 0 }
    }

    /// Makes room for so many numbers and bytes, to be called before they are put.
    #[inline(always)]
    pub(super) fn make_room(&mut self, numbers: usize) {
        if self.length + numbers * NUMBER_BYTES_MAX > ROOM_BYTES {
            self.flush();
        }
    }

    /// Adds a byte.
    #[inline(always)]
    pub(super) fn byte(&mut self, byte: u8) {
        self.room[self.length] = byte;
        self.length += 1;
    }

    /// As [`put`].
    #[inline(always)]
    pub(super) fn put(&mut self, number: u64) {
        if number < 1 << BITS {
            self.byte((number << 1 | 1) as u8);
            return;
        }
        let (bytes, count) = encoded(number);
        self.room[self.length..self.length + NUMBER_BYTES_MAX].copy_from_slice(&bytes);
        self.length += count;
    }

    /// As [`put_signed`].
    #[inline(always)]
    pub(super) fn put_signed(&mut self, number: i64) {
        self.put(unsigned(number));
    }

    /// As [`put_bytes`]; it makes room itself.
    #[inline(always)]
    pub(super) fn put_bytes(&mut self, string: &[u8]) {
        self.put_joined(&[], string);
    }

    /// As [`put_bytes`], of a string in two parts.
    #[inline(always)]
    pub(super) fn put_joined(&mut self, front: &[u8], rest: &[u8]) {
        self.make_room(1);
        self.put((front.len() + rest.len()) as u64);
        if !front.is_empty() {
            self.put_part(front);
        }
        self.put_part(rest);
    }

    #[inline(always)]
    fn put_part(&mut self, string: &[u8]) {
        match self.room.get_mut(self.length..self.length + string.len()) {
            Some(room) => {
                room.copy_from_slice(string);
                self.length += string.len();
            }
            None => self.flush().extend_from_slice(string),
        }
    }

    /// Bytes that there are with what was added.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() + self.length
    }

    /// Appends what was added. Gives the bytes, to which anything may be appended then.
    pub(super) fn flush(&mut self) -> &mut Vec<u8> {
        self.bytes.extend_from_slice(&self.room[..self.length]);
        self.length = 0;
        self.bytes
    }
}

/// How many bytes a number takes, by the zeros before its first bit.
static COUNTS: [u32; u64::BITS as usize] = {
    let mut counts = [0; u64::BITS as usize];
    let mut zeros = 0;
    while zeros < u64::BITS {
        counts[zeros as usize] = (u64::BITS - zeros).div_ceil(BITS);
        zeros += 1;
    }
    counts
};

/// The bytes of a number, and how many count.
#[inline(always)]
fn encoded(number: u64) -> ([u8; NUMBER_BYTES_MAX], usize) {
    let mut bytes = [0; NUMBER_BYTES_MAX];
    let count = COUNTS[(number | 1).leading_zeros() as usize];
    if count > SHIFTED_BYTES_MAX {
        bytes[1..].copy_from_slice(&number.to_le_bytes());
        return (bytes, NUMBER_BYTES_MAX);
    }
    let shifted = (number << 1 | 1) << (count - 1);
    bytes[..8].copy_from_slice(&shifted.to_le_bytes());
    (bytes, count as usize)
}

/// A number of either sign as one without: near zero stays near zero.
#[inline(always)]
const fn unsigned(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// Appends a number.
#[inline(always)]
pub fn put(bytes: &mut Vec<u8>, number: u64) {
    if number < 1 << BITS {
        bytes.push((number << 1 | 1) as u8);
    } else {
        put_large(bytes, number);
    }
}

/// The only byte of a small number; absent for others.
#[must_use]
pub fn small(number: u64) -> Option<u8> {
    (number < 1 << BITS).then_some((number << 1 | 1) as u8)
}

/// As [`put`].
fn put_large(bytes: &mut Vec<u8>, number: u64) {
    let (encoded, count) = encoded(number);
    bytes.extend_from_slice(&encoded[..count]);
}

/// Appends a number of either sign; those near zero are short.
#[inline]
pub fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put(bytes, unsigned(number));
}

/// Appends a string behind its length.
#[inline]
pub fn put_bytes(bytes: &mut Vec<u8>, string: &[u8]) {
    put(bytes, string.len() as u64);
    bytes.extend_from_slice(string);
}

/// Appends an address: the port with a bit for the kind of address, then the octets.
pub fn put_end(bytes: &mut Vec<u8>, end: Endpoint) {
    let is_six = end.address.is_ipv6();
    put(bytes, u64::from(end.port) << 1 | u64::from(is_six));
    match end.address {
        IpAddr::V4(address) => bytes.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => bytes.extend_from_slice(&address.octets()),
    }
}

/// Reads what was appended, in the same order.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'b>(pub &'b [u8]);

impl<'b> Reader<'b> {
    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number.
    #[inline]
    pub fn number(&mut self) -> u64 {
        if let Some(bytes) = self.0.first_chunk::<8>() {
            let bytes = u64::from_le_bytes(*bytes);
            // The bit behind the first byte: the compiler need not ask whether there is a bit at all.
            let count = (bytes | 1 << SHIFTED_BYTES_MAX).trailing_zeros() + 1;
            if count <= SHIFTED_BYTES_MAX {
                self.0 = &self.0[count as usize..];
                return bytes >> count & MASKS[count as usize];
            }
        }
        let (number, rest) = rare_number(self.0);
        self.0 = rest;
        number
    }

    /// A number that has 32 bits.
    #[inline]
    pub fn small(&mut self) -> u32 {
        self.number() as u32
    }

    /// A number of either sign.
    #[inline]
    pub fn signed(&mut self) -> i64 {
        let number = self.number();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }

    /// A string.
    #[inline]
    pub fn bytes(&mut self) -> &'b [u8] {
        let length = usize::try_from(self.number()).unwrap_or(usize::MAX);
        let (string, rest) = self.0.split_at_checked(length).unwrap_or((&[], &[]));
        self.0 = rest;
        string
    }

    /// So many bytes; zeros past the end.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let Some((bytes, rest)) = self.0.split_first_chunk::<N>() else { return [0; N] };
        self.0 = rest;
        *bytes
    }

    /// An address.
    pub fn end(&mut self) -> Endpoint {
        let head = self.number();
        let address: IpAddr = match head & 1 {
            0 => Ipv4Addr::from(self.array()).into(),
            _ => Ipv6Addr::from(self.array()).into(),
        };
        Endpoint::new(address, (head >> 1) as u16)
    }

    /// How many things follow that take a byte or more each: never more than there are bytes.
    #[inline]
    pub fn count(&mut self) -> usize {
        usize::try_from(self.number()).unwrap_or(usize::MAX).min(self.0.len())
    }
}

/// A number of nine bytes, or one near the end, and what is behind it. No method: who reads much keeps the
/// reader in registers as long as no call has its address.
fn rare_number(bytes: &[u8]) -> (u64, &[u8]) {
    if let Some((first, rest)) = bytes.split_first()
        && first & 1 == 1
    {
        return (u64::from(first >> 1), rest);
    }
    let mut reader = Reader(bytes);
    let mut bytes = [0; 8];
    let first = reader.byte();
    let count = first.trailing_zeros();
    let is_shifted = count < SHIFTED_BYTES_MAX;
    bytes[0] = if is_shifted { first } else { reader.byte() };
    let rest = if is_shifted { count as usize } else { 7 };
    for byte in &mut bytes[1..=rest] {
        *byte = reader.byte();
    }
    let number = u64::from_le_bytes(bytes);
    (if is_shifted { number >> (count + 1) } else { number }, reader.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_read(
            numbers in prop::collection::vec(any::<u64>(), 0..80),
            shift in 0u32..64,
            string in prop::collection::vec(any::<u8>(), 0..600),
            address in any::<IpAddr>(),
        ) {
            let mut bytes = Vec::new();
            let mut writer = Writer::new(&mut bytes);
            for number in &numbers {
                writer.make_room(2);
                writer.put(number >> shift);
                writer.put_signed((*number as i64) >> shift);
            }
            writer.put_bytes(&string);
            let (front, rest) = string.split_at(string.len() / 3);
            writer.put_joined(front, rest);
            let length = writer.len();
            prop_assert_eq!(writer.flush().len(), length);
            let end = Endpoint::new(address, numbers.len() as u16);
            let mut one_by_one = Vec::new();
            for number in &numbers {
                put(&mut one_by_one, number >> shift);
                put_signed(&mut one_by_one, (*number as i64) >> shift);
            }
            put_bytes(&mut one_by_one, &string);
            put_bytes(&mut one_by_one, &string);
            prop_assert_eq!(&bytes, &one_by_one);
            put_end(&mut bytes, end);
            let mut reader = Reader(&bytes);
            for number in &numbers {
                prop_assert_eq!(reader.number(), number >> shift);
                prop_assert_eq!(reader.signed(), (*number as i64) >> shift);
            }
            prop_assert_eq!(reader.bytes(), &string[..]);
            prop_assert_eq!(reader.bytes(), &string[..]);
            prop_assert_eq!(reader.end(), end);
            prop_assert_eq!((reader.number(), reader.byte(), reader.bytes()), (0, 0, &[][..]));
        }

        /// Any bytes can be read; counts are bounded by what is there.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader(&bytes);
            for _ in 0..10 {
                prop_assert!(reader.count() <= bytes.len());
                reader.bytes();
                reader.signed();
                reader.end();
            }
        }
    }
}
