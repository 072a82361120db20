//! A list that is nearly always short: its first items stand in it, so that a usual leg allocates nothing.

/// Items in the order they were added.
#[derive(Clone, Debug)]
pub(super) struct Few<T, const N: usize> {
    first: [Option<T>; N],
    count: usize,
    /// What came after the first `N`.
    more: Vec<T>,
}

impl<T: Copy, const N: usize> Few<T, N> {
    /// An empty list.
    pub(super) const fn new() -> Self {
        Self { first: [None; N], count: 0, more: Vec::new() }
    }

    pub(super) fn push(&mut self, item: T) {
        match self.first.get_mut(self.count) {
            Some(place) => *place = Some(item),
            None => self.more.push(item),
        }
        self.count += 1;
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    pub(super) fn first(&self) -> Option<&T> {
        self.first.first().and_then(Option::as_ref)
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        match self.first.get(place) {
            Some(item) => item.as_ref(),
            None => self.more.get(place - N),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first[..self.count.min(N)].iter().flatten().chain(&self.more)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first[..self.count.min(N)].iter_mut().flatten().chain(&mut self.more)
    }
}

impl<T: Copy + PartialEq, const N: usize> Few<T, N> {
    pub(super) fn contains(&self, item: &T) -> bool {
        self.iter().any(|known| known == item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_order_beyond_the_room_in_the_list() {
        let mut few: Few<u32, 2> = Few::new();
        assert_eq!((few.len(), few.first(), few.get(0)), (0, None, None));
        (0..5).for_each(|item| few.push(item));
        few.iter_mut().for_each(|item| *item *= 10);
        assert_eq!(few.iter().copied().collect::<Vec<_>>(), [0, 10, 20, 30, 40]);
        assert_eq!(
            (few.len(), few.first(), few.get(1), few.get(4)),
            (5, Some(&0), Some(&10), Some(&40))
        );
        assert_eq!(few.get(5), None);
        assert!(few.contains(&40) && !few.contains(&1));
    }
}
