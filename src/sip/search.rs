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

/// Bytes whose bits make one word.
const WORD_BYTES: usize = 64;

/// The places of line feeds, one after the other: they are near to each other, so it costs less to find
/// many at once, a bit each, than each from the one before.
#[derive(Clone, Debug)]
pub(super) struct LineFeeds<'b> {
    bytes: &'b [u8],
    /// What was not looked at of the bytes that make whole words.
    words: std::slice::Iter<'b, [u8; WORD_BYTES]>,
    /// Where the bytes begin whose bits are at hand.
    base: usize,
    /// Bits of those that were not given yet, the lowest for the first byte.
    marks: u64,
}

impl<'b> LineFeeds<'b> {
    /// The places from `from` on.
    #[inline(always)]
    pub(super) fn new(bytes: &'b [u8], from: usize) -> Self {
        let (words, _) = bytes.get(from..).unwrap_or_default().as_chunks();
        // One word before the first.
        let base = from.wrapping_sub(WORD_BYTES);
        Self { bytes, words: words.iter(), base, marks: 0 }
    }

    /// The next place; absent behind the last one.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            let base = self.base.wrapping_add(WORD_BYTES);
            self.marks = match self.words.next() {
                Some(word) => marks_in_word(word),
                None => marks_at_end(self.bytes, base)?,
            };
            self.base = base;
        }
        let at = self.base + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(at)
    }
}

/// A bit for each of the bytes from `from` on, fewer than make a word, that is a line feed; absent where
/// there are none.
#[inline(never)]
fn marks_at_end(bytes: &[u8], from: usize) -> Option<u64> {
    let rest = bytes.get(from..).filter(|rest| !rest.is_empty())?;
    if let Some(word) = bytes.last_chunk() {
        return Some(marks_in_word(word) >> (WORD_BYTES - rest.len()));
    }
    Some(rest.iter().rev().fold(0, |marks, byte| marks << 1 | u64::from(*byte == b'\n')))
}

#[inline(always)]
fn marks_in_word(word: &[u8; WORD_BYTES]) -> u64 {
    let (blocks, _) = word.as_chunks::<BLOCK_BYTES>();
    let marks = |at: usize| u64::from(marks_in_block(&blocks[at], [b'\n']));
    marks(0) | marks(1) << 16 | marks(2) << 32 | marks(3) << 48
}

/// A bit for each byte that is a space or below it, the lowest for the first byte; absent for fewer
/// bytes than a block and for more than [`WORD_BYTES`].
#[inline(always)]
pub(super) fn white_space(bytes: &[u8]) -> Option<u64> {
    let marks = |block: &[u8; BLOCK_BYTES]| {
        let block = u8x16::new(*block);
        u64::from(block.min(u8x16::splat(b' ')).simd_eq(block).to_bitmask())
    };
    let last = bytes.last_chunk().filter(|_| bytes.len() <= WORD_BYTES)?;
    let (blocks, _) = bytes.as_chunks();
    let all = blocks.iter().rev().fold(0, |sum, block| sum << BLOCK_BYTES | marks(block));
    // The last block may lie over the one before it.
    Some(all | marks(last) << (bytes.len() - BLOCK_BYTES))
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
        fn finds_what_a_plain_look_finds(bytes in "[a-e]{0,170}") {
            let bytes = bytes.as_bytes();
            let expect = |wanted: &[u8]| bytes.iter().position(|byte| wanted.contains(byte));
            prop_assert_eq!(find(bytes, [b'a']), expect(b"a"));
            prop_assert_eq!(find(bytes, [b'a', b'd']), expect(b"ad"));
            prop_assert_eq!(find(bytes, [b'z']), None);
            for length in 0..=bytes.len() {
                let expect = !bytes[bytes.len() - length..].contains(&b'b');
                prop_assert_eq!(ends_without(bytes, length, [b'b', b'z']), expect);
            }
            for block in bytes.windows(BLOCK_BYTES) {
                let block: &[u8; BLOCK_BYTES] = block.try_into().unwrap();
                let expect = block.iter().position(|byte| *byte == b'b');
                prop_assert_eq!(find_in_block(block, [b'b']), expect);
            }
        }

        #[test]
        fn finds_line_feeds(bytes in "[a\n]{0,200}") {
            let bytes = bytes.as_bytes();
            for from in 0..=bytes.len() {
                let mut line_feeds = LineFeeds::new(bytes, from);
                let found: Vec<usize> = std::iter::from_fn(|| line_feeds.next()).collect();
                let expect: Vec<usize> =
                    (from..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
                prop_assert_eq!(found, expect);
            }
        }

        #[test]
        fn finds_white_space(bytes in "[ a\t-]{16,64}") {
            let bytes = bytes.as_bytes();
            let expect = bytes.iter().rev().fold(0, |marks, byte| marks << 1 | u64::from(*byte <= b' '));
            prop_assert_eq!(white_space(bytes), Some(expect));
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
