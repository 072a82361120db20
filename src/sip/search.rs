//! Search for bytes in short texts: lines of a head, parts of a value.
//!
//! Nearly all of them are shorter than what a call of a vector search costs. Blocks of fixed size are
//! compared in place instead, by a handful of vector instructions.

use wide::u8x16;

/// Bytes that are looked at in one step.
pub(super) const BLOCK_BYTES: usize = 16;

const ONES: u64 = 0x0101_0101_0101_0101;

/// Position of the first byte that is one of `wanted`.
#[inline(always)]
pub(super) fn find<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    let mut at = 0;
    for block in blocks {
        if let Some(step) = find_in_block(block, wanted) {
            return Some(at + step);
        }
        at += BLOCK_BYTES;
    }
    if rest.is_empty() {
        return None;
    }
    // The last block or word begins with bytes that were looked at and are not wanted.
    if let Some(block) = bytes.last_chunk() {
        let step = find_in_block(block, wanted)?;
        return Some(bytes.len() - BLOCK_BYTES + step);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let step = find_in_word(u64::from_le_bytes(*first), wanted);
        if step < 8 {
            return Some(step);
        }
        let step = find_in_word(u64::from_le_bytes(*last), wanted);
        return (step < 8).then_some(bytes.len() - 8 + step);
    }
    bytes.iter().position(|byte| wanted.contains(byte))
}

/// Position of the first of `wanted` in a block.
#[inline(always)]
pub(super) fn find_in_block<const N: usize>(
    block: &[u8; BLOCK_BYTES],
    wanted: [u8; N],
) -> Option<usize> {
    let block = u8x16::new(*block);
    let none = u8x16::splat(0);
    let marks = wanted.iter().fold(none, |marks, byte| marks | block.simd_eq(u8x16::splat(*byte)));
    match marks.to_bitmask() {
        0 => None,
        bits => Some(bits.trailing_zeros() as usize),
    }
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
            for block in bytes.windows(BLOCK_BYTES) {
                let block: &[u8; BLOCK_BYTES] = block.try_into().unwrap();
                let expect = block.iter().position(|byte| *byte == b'b');
                prop_assert_eq!(find_in_block(block, [b'b']), expect);
            }
        }

        #[test]
        fn finds_in_a_word_what_a_plain_look_finds(word in any::<u64>(), wanted in any::<[u8; 2]>()) {
            let bytes = word.to_le_bytes();
            let expect = |wanted: &[u8]| bytes.iter().position(|byte| wanted.contains(byte)).unwrap_or(8);
            prop_assert_eq!(find_in_word(word, wanted), expect(&wanted));
            prop_assert_eq!(find_in_word(word, [bytes[3]]), expect(&bytes[3..4]));
        }
    }
}
