//! Numbers to bytes and back: LEB128, small numbers in one byte. Reading never fails: past the end of
//! the bytes there are zeros and empty strings.

/// Bits of a number that one byte holds.
const BITS: u32 = 7;
/// More bytes follow.
const MORE: u8 = 1 << BITS;

/// Appends a number.
#[inline]
pub(super) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= u64::from(MORE) {
        bytes.push(number as u8 | MORE);
        number >>= BITS;
    }
    bytes.push(number as u8);
}

/// Appends a number of either sign; those near zero are short.
#[inline]
pub(super) fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put(bytes, ((number << 1) ^ (number >> 63)) as u64);
}

/// Appends a string behind its length.
#[inline]
pub(super) fn put_bytes(bytes: &mut Vec<u8>, string: &[u8]) {
    put(bytes, string.len() as u64);
    bytes.extend_from_slice(string);
}

/// Reads what was appended, in the same order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    /// One byte.
    #[inline]
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number.
    #[inline]
    pub(super) fn number(&mut self) -> u64 {
        let first = self.byte();
        if first < MORE {
            return u64::from(first);
        }
        let mut number = u64::from(first & (MORE - 1));
        let mut shift = BITS;
        loop {
            let byte = self.byte();
            number |= u64::from(byte & (MORE - 1)) << shift;
            shift += BITS;
            if byte < MORE || shift >= u64::BITS {
                return number;
            }
        }
    }

    /// A number that has 32 bits.
    #[inline]
    pub(super) fn small(&mut self) -> u32 {
        self.number() as u32
    }

    /// A number of either sign.
    #[inline]
    pub(super) fn signed(&mut self) -> i64 {
        let number = self.number();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }

    /// A string.
    #[inline]
    pub(super) fn bytes(&mut self) -> &'b [u8] {
        let length = usize::try_from(self.number()).unwrap_or(usize::MAX);
        let (string, rest) = self.0.split_at_checked(length).unwrap_or((&[], &[]));
        self.0 = rest;
        string
    }

    /// How many things follow that take a byte or more each: never more than there are bytes.
    #[inline]
    pub(super) fn count(&mut self) -> usize {
        usize::try_from(self.number()).unwrap_or(usize::MAX).min(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_read(
            numbers in prop::collection::vec(any::<u64>(), 0..8),
            shift in 0u32..64,
            string in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut bytes = Vec::new();
            for number in &numbers {
                put(&mut bytes, number >> shift);
                put_signed(&mut bytes, (*number as i64) >> shift);
            }
            put_bytes(&mut bytes, &string);
            let mut reader = Reader(&bytes);
            for number in &numbers {
                prop_assert_eq!(reader.number(), number >> shift);
                prop_assert_eq!(reader.signed(), (*number as i64) >> shift);
            }
            prop_assert_eq!(reader.bytes(), &string[..]);
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
            }
        }
    }
}
