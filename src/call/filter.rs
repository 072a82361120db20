//! Which keys may stand twice: nearly all stand alone, and need not be kept to find that out.
//!
//! In: the hash of every key. Out: whether another key may have this hash; some that stand alone are
//! taken for others by accident, none the other way round.

use std::sync::atomic::{AtomicU64, Ordering};

/// Two bits each: was there, was there again.
const SLOTS_PER_WORD: usize = 32;

/// Marks that several threads may set; who set which cannot be told afterwards.
#[derive(Debug)]
pub(super) struct Filter {
    words: Vec<AtomicU64>,
}

impl Filter {
    /// For so many legs, with so many slots for each.
    pub(super) fn new(legs: usize, slots_per_leg: usize) -> Self {
        let words = (legs * slots_per_leg).div_ceil(SLOTS_PER_WORD).max(1);
        let mut filter = Self { words: Vec::new() };
        filter.words.resize_with(words, AtomicU64::default);
        filter
    }

    /// The word and the lower bit of the slot of a hash, which its upper bits choose.
    fn slot(&self, hash: u64) -> (&AtomicU64, u64) {
        let slots = self.words.len() * SLOTS_PER_WORD;
        let slot = ((u128::from(hash) * slots as u128) >> 64) as usize;
        (&self.words[slot / SLOTS_PER_WORD], 1 << (2 * (slot % SLOTS_PER_WORD)))
    }

    /// Says that a key was there.
    #[inline]
    pub(super) fn mark(&self, hash: u64) {
        let (word, once) = self.slot(hash);
        if word.fetch_or(once, Ordering::Relaxed) & once != 0 {
            word.fetch_or(once << 1, Ordering::Relaxed);
        }
    }

    /// Whether a key with this hash may have been there.
    pub(super) fn was_there(&self, hash: u64) -> bool {
        let (word, once) = self.slot(hash);
        word.load(Ordering::Relaxed) & once != 0
    }

    /// Whether it may have been there more than once.
    pub(super) fn was_there_twice(&self, hash: u64) -> bool {
        let (word, once) = self.slot(hash);
        word.load(Ordering::Relaxed) & (once << 1) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_that_stands_twice_is_taken_for_a_lone_one() {
        let filter = Filter::new(100, 48);
        let hash = |key: u64| key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (0..800).for_each(|key| filter.mark(hash(key)));
        (0..800).step_by(2).for_each(|key| filter.mark(hash(key)));
        let twice = |key: &u64| filter.was_there_twice(hash(*key));
        assert!((0..800).all(|key| filter.was_there(hash(key))));
        assert!((0..800).step_by(2).all(|key| twice(&key)));
        let by_accident = (1..800).step_by(2).filter(twice).count();
        assert!(by_accident < 150, "{by_accident} of 400");
        assert!((800..1_600).filter(|key| filter.was_there(hash(*key))).count() < 250);
    }
}
