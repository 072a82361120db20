//! The shared values of much evidence in one buffer.

use crate::base::roomy;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;

/// A Call-ID, an address: what most values are.
const SHORT_VALUE_BYTES: usize = 32;

/// Lists of values, one list for each piece of evidence.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    /// Where the values of each list end in `ends`.
    lists: Vec<u32>,
    /// Where each value ends in `bytes`.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tokens {
    /// Room for so many lists of one short value.
    pub(super) fn for_lists(count: usize) -> Self {
        let bytes = count.saturating_mul(SHORT_VALUE_BYTES);
        Self { lists: roomy(count), ends: roomy(count), bytes: roomy(bytes) }
    }

    /// Adds a list.
    pub(super) fn push<'t>(&mut self, values: impl IntoIterator<Item = &'t [u8]>) {
        for value in values {
            self.bytes.extend_from_slice(value);
            self.ends.push(self.bytes.len());
        }
        self.lists.push(number(self.ends.len()));
    }

    /// Adds the lists of others behind these.
    pub(super) fn append(&mut self, other: Self) {
        let (values, bytes) = (number(self.ends.len()), self.bytes.len());
        self.lists.extend(other.lists.iter().map(|end| end + values));
        self.ends.extend(other.ends.iter().map(|end| end + bytes));
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// Which values of a list there are.
    fn values_of(&self, list: usize) -> std::ops::Range<usize> {
        let start = list.checked_sub(1).and_then(|before| self.lists.get(before));
        let end = self.lists.get(list).copied().unwrap_or_default();
        start.copied().unwrap_or_default() as usize..end as usize
    }

    fn value(&self, value: usize) -> &[u8] {
        let start = value.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[value]]
    }

    /// The first value of a list.
    pub(super) fn first(&self, list: usize) -> Option<&[u8]> {
        self.values_of(list).next().map(|value| self.value(value))
    }

    /// The values as numbers, where a value stands more than once; others tie nothing.
    pub(super) fn numbered(self) -> Numbered {
        let hasher = RandomState::default();
        let hash = |value: &u32| hasher.hash_one(self.value(*value as usize));
        // Its order never leaves: a value has the number of the first one that is equal.
        let mut known: HashTable<u32> = HashTable::with_capacity(self.ends.len());
        let mut numbers: Vec<u32> = roomy(self.ends.len());
        numbers.extend(0..number(self.ends.len()));
        let mut is_shared = vec![false; self.ends.len()];
        for value in 0..number(self.ends.len()) {
            let is_equal = |other: &u32| self.value(*other as usize) == self.value(value as usize);
            match known.entry(hash(&value), is_equal, hash) {
                Entry::Occupied(first) => {
                    let first = *first.get();
                    numbers[value as usize] = first;
                    is_shared[first as usize] = true;
                }
                Entry::Vacant(none) => {
                    none.insert(value);
                }
            }
        }
        drop(known);
        let mut made = Numbered { ends: roomy(self.lists.len()), numbers: roomy(self.ends.len()) };
        for list in 0..self.lists.len() {
            let values = numbers[self.values_of(list)].iter();
            made.numbers.extend(values.filter(|value| is_shared[**value as usize]));
            made.ends.push(number(made.numbers.len()));
        }
        made
    }
}

/// Memory ends long before 32 bits do.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Shared values as numbers, of each piece of evidence; equal values have one number, and those that stand
/// once are left out.
#[derive(Clone, Debug)]
pub(super) struct Numbered {
    /// Where the numbers of each piece of evidence end.
    ends: Vec<u32>,
    numbers: Vec<u32>,
}

impl Numbered {
    pub(super) fn of(&self, evidence: usize) -> &[u32] {
        let start = evidence.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.numbers[start as usize..self.ends[evidence] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Tokens {
        let mut tokens = Tokens::default();
        tokens.push([&b"a"[..], b"", b"bc"]);
        tokens.push([]);
        let mut other = tokens.clone();
        other.push([&b"d"[..]]);
        tokens.append(other);
        tokens
    }

    #[test]
    fn lists_come_back_in_their_order() {
        let tokens = some();
        let expect: [&[&[u8]]; 5] = [&[b"a", b"", b"bc"], &[], &[b"a", b"", b"bc"], &[], &[b"d"]];
        for (list, expect) in expect.into_iter().enumerate() {
            let found: Vec<&[u8]> =
                tokens.values_of(list).map(|value| tokens.value(value)).collect();
            assert_eq!(found, expect);
        }
        assert_eq!(
            (tokens.first(1), tokens.first(4), tokens.first(5)),
            (None, Some(&b"d"[..]), None)
        );
    }

    #[test]
    fn equal_values_have_one_number_and_lone_ones_have_none() {
        let numbered = some().numbered();
        let found: Vec<&[u32]> = (0..5).map(|list| numbered.of(list)).collect();
        assert_eq!(found, [&[0, 1, 2][..], &[], &[0, 1, 2], &[], &[]]);
    }
}
