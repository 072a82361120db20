//! A seed to a stream of numbers.
//!
//! Our own dozen lines (SplitMix64, Steele, Lea, Flood 2014): the bytes that a seed gives are part of
//! the corpus, and a crate may change its stream with a version.

/// A deterministic stream of numbers; every call of a spool has its own, so that minutes are independent.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Random {
    /// The stream named by a seed and any number of further words (a call's ordinal, for instance).
    #[must_use]
    pub fn new(seed: u64, words: &[u64]) -> Self {
        let state =
            words.iter().fold(mix(seed ^ GAMMA), |state, word| mix(state ^ mix(*word ^ GAMMA)));
        Self { state }
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// A number from 0 up to, without, `bound`; 0 when `bound` is 0. The bias (below 2^-32 for the
    /// bounds used here) does not matter for test data.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// A number from `low` to `high`, both inside.
    pub const fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high.abs_diff(low) + 1) as i64
    }

    /// True `percent` times of a hundred.
    pub const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        // First outputs of the reference implementation for state 1234567 (Vigna, splitmix64.c).
        let mut random = Random { state: 1_234_567 };
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
        assert_eq!(random.next(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::new(7, &[1, 2]);
        for _ in 0..10_000 {
            assert!(random.below(7) < 7);
            assert!((-3..=3).contains(&random.between(-3, 3)));
        }
        assert_eq!(random.below(0), 0);
    }
}
