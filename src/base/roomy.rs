//! Lists that are large for a while.
//!
//! An allocator keeps small blocks that were given back, and where blocks that stay lie between them they
//! cost memory to the end. A large block goes back to the system at once; room in it that is not used costs
//! no memory.

/// Blocks of this size are given back at once: 32 MiB is the most that glibc raises its limit to
/// (`M_MMAP_THRESHOLD` in mallopt(3)), whatever was freed before.
const GIVEN_BACK_BYTES: usize = 33 << 20;
/// Lists below that are too small to matter.
const WORTHWHILE_BYTES: usize = 1 << 20;

/// An empty list for about so many values, which will be dropped before long.
#[must_use]
pub fn roomy<T>(capacity: usize) -> Vec<T> {
    let bytes = capacity.saturating_mul(size_of::<T>());
    let most = GIVEN_BACK_BYTES / size_of::<T>().max(1);
    Vec::with_capacity(if bytes < WORTHWHILE_BYTES { capacity } else { capacity.max(most) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_lists_have_room_to_be_given_back() {
        assert!(roomy::<u64>(10).capacity() < 100);
        let large = roomy::<u64>(WORTHWHILE_BYTES);
        assert!(large.is_empty() && large.capacity() * 8 >= GIVEN_BACK_BYTES - 8);
        assert!(roomy::<u8>(GIVEN_BACK_BYTES * 2).capacity() >= GIVEN_BACK_BYTES * 2);
    }
}
