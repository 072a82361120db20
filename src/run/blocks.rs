//! The bytes of many runs that are dropped together, in few large blocks.
//!
//! Small blocks that were given back stay with the allocator, and what is large for a while
//! ([`roomy()`]) has no use for them: so they would cost memory to the end.

use crate::base::{PackedBytes, roomy};
use std::sync::Arc;

/// So much stays where it is: it is not worth a copy.
const BESIDE_BYTES: usize = 4 << 20;
/// Blocks are at least as long as lists that are worth their own room.
const BLOCK_BYTES_MIN: usize = 1 << 20;

/// The blocks, as they are filled.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    full: Vec<Vec<u8>>,
    open: Vec<u8>,
    /// Bytes that stay where they are.
    beside_bytes: usize,
}

impl Blocks {
    /// Copies the bytes of a run behind those before: gives the block and where they begin in it. Absent where
    /// they may stay where they are.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        if self.beside_bytes + bytes.len() <= BESIDE_BYTES {
            self.beside_bytes += bytes.len();
            return None;
        }
        if self.open.capacity() - self.open.len() < bytes.len() {
            let next = roomy(bytes.len().max(BLOCK_BYTES_MIN));
            self.full.push(std::mem::replace(&mut self.open, next));
        }
        let place = (self.full.len(), self.open.len());
        self.open.extend_from_slice(bytes);
        Some(place)
    }

    /// The blocks by number.
    pub(super) fn finish(mut self) -> Vec<Arc<dyn PackedBytes>> {
        self.full.push(self.open);
        self.full.into_iter().map(|block| Arc::new(block) as Arc<dyn PackedBytes>).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_copied_lies_where_it_was_said_to() {
        let run = |number: u8| vec![number; BESIDE_BYTES / 4 + usize::from(number)];
        let mut blocks = Blocks::default();
        let places: Vec<_> = (0..80).map(|number| blocks.add(&run(number))).collect();
        let kept = blocks.finish();
        assert!(kept.len() > 3, "more than one block");
        assert!(places[..3].iter().all(Option::is_none));
        for (number, place) in (0u8..).zip(places).skip(4) {
            let ((block, from), run) = (place.unwrap(), run(number));
            assert_eq!(kept[block].bytes()[from..from + run.len()], run, "{number}");
        }
    }
}
