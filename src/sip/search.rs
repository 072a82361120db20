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

/// Position of the first byte from `from` on that is one of `wanted`: as [`find`], where what stands
/// before `from` is at hand.
#[inline(always)]
pub(super) fn find_from<const N: usize>(
    bytes: &[u8],
    mut from: usize,
    wanted: [u8; N],
) -> Option<usize> {
    while let Some(block) = bytes.get(from..)?.first_chunk() {
        if let Some(step) = find_in_block(block, wanted) {
            return Some(from + step);
        }
        from += BLOCK_BYTES;
    }
    let left = bytes.len() - from;
    let Some(block) = bytes.last_chunk() else {
        let step = bytes.get(from..)?.iter().position(|byte| wanted.contains(byte))?;
        return Some(from + step);
    };
    match marks_in_block(block, wanted) >> (BLOCK_BYTES - left) {
        0 => None,
        marks => Some(from + marks.trailing_zeros() as usize),
    }
}

/// Position of the first of `wanted` in a block.
#[inline(always)]
pub(super) fn find_in_block<const N: usize>(
    block: &[u8; BLOCK_BYTES],
    wanted: [u8; N],
) -> Option<usize> {
    match marks_in_block(block, wanted) {
        0 => None,
        marks => Some(marks.trailing_zeros() as usize),
    }
}

/// A bit for each byte of a block that is one of `wanted`, the lowest for the first byte.
#[inline(always)]
fn marks_in_block<const N: usize>(block: &[u8; BLOCK_BYTES], wanted: [u8; N]) -> u32 {
    let block = u8x16::new(*block);
    let none = u8x16::splat(0);
    let marks = wanted.iter().fold(none, |marks, byte| marks | block.simd_eq(u8x16::splat(*byte)));
    marks.to_bitmask()
}

/// Whether none of `unwanted` is among the last `length` bytes.
#[inline(always)]
pub(super) fn ends_without<const N: usize>(bytes: &[u8], length: usize, unwanted: [u8; N]) -> bool {
    match bytes.last_chunk() {
        Some(block) if length <= BLOCK_BYTES => {
            marks_in_block(block, unwanted) >> (BLOCK_BYTES - length) == 0
        }
        _ => find(bytes.get(bytes.len() - length.min(bytes.len())..).unwrap_or(bytes), unwanted)
            .is_none(),
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
            for length in 0..=bytes.len() {
                let expect = !bytes[bytes.len() - length..].contains(&b'b');
                prop_assert_eq!(ends_without(bytes, length, [b'b', b'z']), expect);
            }
            for from in 0..=bytes.len() {
                let expect = bytes[from..].iter().position(|byte| b"ce".contains(byte));
                let found = find_from(bytes, from, [b'c', b'e']);
                prop_assert_eq!(found, expect.map(|step| from + step));
            }
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
