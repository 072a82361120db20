//! Search for bytes in short texts: lines of a head, parts of a value.
//!
//! Nearly all of them are shorter than what a call of a vector search costs. Blocks of fixed size are
//! looked at in place instead, in a form that compilers turn into a handful of vector instructions.

/// Bytes that are looked at in one step.
const BLOCK_BYTES: usize = 16;

const ONES: u64 = 0x0101_0101_0101_0101;

/// Position of the first byte that is one of `wanted`.
#[inline(always)]
pub(super) fn find<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<usize> {
    // One after the other and without an exit in the middle, so that all bytes of a block are compared
    // with one wanted byte at once.
    let has =
        |block: &[u8; BLOCK_BYTES], one: u8| block.iter().fold(false, |any, b| any | (*b == one));
    let has_any = |block: &_| wanted.iter().fold(false, |any, one| any | has(block, *one));
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    for (number, block) in blocks.iter().enumerate() {
        if has_any(block) {
            let ([low, high], _) = block.as_chunks() else { return None };
            let step = match find_in_word(u64::from_le_bytes(*low), wanted) {
                8 => 8 + find_in_word(u64::from_le_bytes(*high), wanted),
                step => step,
            };
            return Some(number * BLOCK_BYTES + step);
        }
    }
    if let Some(word) = rest.first_chunk() {
        let step = find_in_word(u64::from_le_bytes(*word), wanted);
        if step < 8 {
            return Some(bytes.len() - rest.len() + step);
        }
    }
    // The last word begins with bytes that were looked at and are not wanted.
    if let Some(word) = bytes.last_chunk() {
        let step = find_in_word(u64::from_le_bytes(*word), wanted);
        return (step < 8).then_some(bytes.len() - 8 + step);
    }
    bytes.iter().position(|byte| wanted.contains(byte))
}

/// Position of the first of `wanted` among eight bytes in little-endian order; 8 when none is there.
#[inline(always)]
pub(super) fn find_in_word<const N: usize>(word: u64, wanted: [u8; N]) -> usize {
    let marks = wanted.iter().fold(0, |marks, byte| {
        let differences = word ^ (ONES * u64::from(*byte));
        // A borrow can only come from a byte that is zero, so the lowest mark is true.
        marks | (differences.wrapping_sub(ONES) & !differences)
    });
    ((marks & (ONES << 7)).trailing_zeros() / 8) as usize
}

/// The eight bytes from `at` on in little-endian order; absent where the bytes end before.
#[inline(always)]
pub(super) fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_look_finds(bytes in "[a-e]{0,70}") {
            let bytes = bytes.as_bytes();
            let expect = |wanted: &[u8]| bytes.iter().position(|byte| wanted.contains(byte));
            prop_assert_eq!(find(bytes, [b'a']), expect(b"a"));
            prop_assert_eq!(find(bytes, [b'a', b'd']), expect(b"ad"));
            prop_assert_eq!(find(bytes, [b'z']), None);
        }

        #[test]
        fn finds_in_a_word_what_a_plain_look_finds(word in any::<u64>(), wanted in any::<[u8; 2]>()) {
            let bytes = word.to_le_bytes();
            let expect = |wanted: &[u8]| bytes.iter().position(|byte| wanted.contains(byte)).unwrap_or(8);
            prop_assert_eq!(find_in_word(word, wanted), expect(&wanted));
            prop_assert_eq!(find_in_word(word, [bytes[3]]), expect(&bytes[3..4]));
            prop_assert_eq!(word_at(&bytes, 0), Some(word));
            prop_assert_eq!(word_at(&bytes, 1), None);
        }
    }
}
