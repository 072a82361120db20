//! Packed items, each a few bytes of its own form, by number: in memory, or in a file that lies behind.
//!
//! Legs, outlines and CDRs of a run are kept so: there are millions of them, most are read in their order,
//! and what does not fit the memory can lie in a file without anybody who reads noticing.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a run after which another one is begun: places in a run have 32 bits.
const RUN_BYTES_MAX: usize = 1 << 30;

/// Bytes that packed items lie in: memory, or a file that is mapped.
pub trait PackedBytes: Debug + Send + Sync {
    /// All of them.
    fn bytes(&self) -> &[u8];

    /// Hears that an item is read, so that what was read long ago can be let go of. Changes no byte.
    fn was_read(&self) {}

    /// Lets go of memory that the file can fill again. Changes no byte.
    fn release(&self) {}

    /// Whether all that was read so far are the bytes that were written; false when the file was lost.
    fn is_whole(&self) -> bool {
        true
    }

    /// Whether they are held in memory, whatever is read.
    fn is_held(&self) -> bool {
        false
    }
}

impl PackedBytes for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn is_held(&self) -> bool {
        true
    }
}

/// Items one behind the other.
#[derive(Clone, Debug)]
pub struct PackedRun {
    source: Arc<dyn PackedBytes>,
    /// Where the run begins in its source.
    from: usize,
    /// Where each item ends, from the beginning of the run.
    ends: Vec<u32>,
}

impl PackedRun {
    /// Items of these bytes, which end there; those that end beyond the bytes are empty.
    #[must_use]
    pub fn new(bytes: Vec<u8>, ends: Vec<u32>) -> Self {
        Self { source: Arc::new(bytes), from: 0, ends }
    }

    /// How many items.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of its items.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    /// The bytes of all its items.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.source.bytes().get(self.from..self.from + self.byte_count()).unwrap_or_default()
    }

    /// Where each item ends in [`Self::bytes`].
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The same run in another place, where its bytes stand from `from` on.
    #[must_use]
    pub fn moved(self, source: Arc<dyn PackedBytes>, from: usize) -> Self {
        Self { source, from, ends: self.ends }
    }

    /// An item by its place; empty where there is none. Who reads many of a file in no order uses
    /// [`Self::read`].
    #[must_use]
    #[inline]
    pub fn item(&self, place: usize) -> &[u8] {
        let start = match place {
            0 => 0,
            _ => self.ends.get(place - 1).map_or(0, |end| *end as usize),
        };
        let end = self.ends.get(place).map_or(start, |end| *end as usize);
        self.source.bytes().get(self.from + start..self.from + end).unwrap_or_default()
    }

    /// The same; pages of a file that were read long ago leave the memory.
    #[must_use]
    #[inline]
    pub fn read(&self, place: usize) -> &[u8] {
        self.source.was_read();
        self.item(place)
    }

    /// See [`PackedBytes::is_whole`].
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.source.is_whole()
    }

    /// See [`PackedBytes::is_held`].
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.source.is_held()
    }
}

/// Lets go of memory that only repeats what files hold; changes nothing else.
pub fn release<'r>(runs: impl IntoIterator<Item = &'r PackedRun>) {
    let mut last: Option<&Arc<dyn PackedBytes>> = None;
    for run in runs {
        // Many runs lie in one file, one behind the other.
        if !last.is_some_and(|last| Arc::ptr_eq(last, &run.source)) {
            run.source.release();
        }
        last = Some(&run.source);
    }
}

/// Makes runs of items that come in their order.
#[derive(Debug, Default)]
pub struct PackedBuilder {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    whole: Vec<PackedRun>,
}

impl PackedBuilder {
    /// Adds an item behind all others: what `pack` appends.
    pub fn push_with(&mut self, pack: impl FnOnce(&mut Vec<u8>)) {
        pack(&mut self.bytes);
        // Below the cap, plus one item, which the limits bound.
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        if self.bytes.len() > RUN_BYTES_MAX {
            self.end_run();
        }
    }

    /// Adds an item behind all others.
    pub fn push(&mut self, item: &[u8]) {
        self.push_with(|bytes| bytes.extend_from_slice(item));
    }

    /// How many items there are in the run that is not full.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it holds no item that is not in a full run.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn end_run(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut ends = std::mem::take(&mut self.ends);
        bytes.shrink_to_fit();
        ends.shrink_to_fit();
        self.whole.push(PackedRun::new(bytes, ends));
    }

    /// The runs: none without an item, nearly always one.
    #[must_use]
    pub fn finish(mut self) -> Vec<PackedRun> {
        if !self.ends.is_empty() {
            self.end_run();
        }
        self.whole
    }
}

/// Items by number, from 0: those of runs, one run behind the other.
#[derive(Clone, Debug, Default)]
pub struct PackedList {
    runs: Vec<PackedRun>,
    /// The number behind the last item of each run.
    ends: Vec<u32>,
}

impl PackedList {
    /// How many items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the items, wherever they lie, and of the places where they end.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        let of_run = |run: &PackedRun| run.byte_count() + size_of_val(run.ends());
        self.runs.iter().map(of_run).sum()
    }

    /// Their numbers.
    #[must_use]
    pub fn numbers(&self) -> Range<u32> {
        0..self.ends.last().copied().unwrap_or(0)
    }

    /// Adds the items of a run behind all others.
    pub fn push(&mut self, run: PackedRun) {
        if run.is_empty() {
            return;
        }
        // Memory ends long before 32 bits do.
        let end = u32::try_from(self.len() + run.len()).unwrap_or(u32::MAX);
        self.ends.push(end);
        self.runs.push(run);
    }

    /// An item by its number; absent when there is none.
    #[must_use]
    #[inline]
    pub fn get(&self, number: u32) -> Option<&[u8]> {
        let (run, place) = self.place_of(number)?;
        Some(self.runs[run].read(place))
    }

    /// The run with the item, and its place there.
    #[inline]
    fn place_of(&self, number: u32) -> Option<(usize, usize)> {
        let run = self.ends.partition_point(|end| *end <= number);
        let first = run.checked_sub(1).map_or(0, |before| self.ends[before]);
        (run < self.runs.len()).then_some((run, (number - first) as usize))
    }

    /// All items by number.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.runs.iter().flat_map(|run| (0..run.len()).map(move |place| run.read(place)))
    }

    /// Some items by number, rising.
    pub fn range(&self, numbers: Range<u32>) -> impl Iterator<Item = &[u8]> {
        let (mut run, mut place) = self.place_of(numbers.start).unwrap_or((self.runs.len(), 0));
        numbers.map_while(move |_| {
            let found = self.runs.get(run)?.read(place);
            place += 1;
            if place == self.runs[run].len() {
                (run, place) = (run + 1, 0);
            }
            Some(found)
        })
    }

    /// See [`release`].
    pub fn release(&self) {
        release(&self.runs);
    }

    /// See [`PackedBytes::is_whole`].
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.runs.iter().all(PackedRun::is_whole)
    }
}

impl FromIterator<PackedRun> for PackedList {
    fn from_iter<T: IntoIterator<Item = PackedRun>>(runs: T) -> Self {
        let mut list = Self::default();
        runs.into_iter().for_each(|run| list.push(run));
        list
    }
}

impl PartialEq for PackedList {
    /// Equal items, however they lie in runs.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for PackedList {}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(items: &[&[u8]]) -> PackedRun {
        let mut builder = PackedBuilder::default();
        items.iter().for_each(|item| builder.push(item));
        builder.finish().pop().unwrap()
    }

    #[test]
    fn items_come_back_by_number() {
        let list: PackedList =
            [run(&[b"a", b"", b"bc"]), PackedRun::new(Vec::new(), Vec::new()), run(&[b"d"])]
                .into_iter()
                .collect();
        let expect: [&[u8]; 4] = [b"a", b"", b"bc", b"d"];
        assert_eq!(list.iter().collect::<Vec<_>>(), expect);
        for (number, item) in (0u32..).zip(expect) {
            assert_eq!(list.get(number), Some(item));
        }
        assert_eq!((list.get(4), list.len(), list.numbers()), (None, 4, 0..4));
        for start in 0..=4u32 {
            for end in start..=5 {
                let found: Vec<&[u8]> = list.range(start..end).collect();
                assert_eq!(found, expect[start as usize..(end as usize).min(4)], "{start}..{end}");
            }
        }
        let whole: PackedList = [run(&expect)].into_iter().collect();
        assert_eq!(whole, list);
        assert_ne!(PackedList::default(), list);
        assert!(PackedList::default().is_empty() && PackedBuilder::default().finish().is_empty());
    }

    /// Ends that do not fit their bytes give empty items, not a panic.
    #[test]
    fn a_run_that_does_not_fit_gives_empty_items() {
        let run = PackedRun::new(b"ab".to_vec(), vec![1, 9, 3]);
        assert_eq!(
            (run.item(0), run.item(1), run.item(2), run.item(3)),
            (&b"a"[..], &[][..], &[][..], &[][..])
        );
        assert_eq!(run.moved(Arc::new(b"xab".to_vec()), 1).item(0), b"a");
    }
}
