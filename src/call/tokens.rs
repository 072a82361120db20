//! The shared values of much evidence in one buffer.

/// Lists of values, one list for each piece of evidence.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    /// Where the values of each list end in `ends`.
    lists: Vec<usize>,
    /// Where each value ends in `bytes`.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tokens {
    /// Adds a list.
    pub(super) fn push<'t>(&mut self, values: impl IntoIterator<Item = &'t [u8]>) {
        for value in values {
            self.bytes.extend_from_slice(value);
            self.ends.push(self.bytes.len());
        }
        self.lists.push(self.ends.len());
    }

    /// Adds the lists of others behind these.
    pub(super) fn append(&mut self, other: Self) {
        if self.lists.is_empty() {
            *self = other;
            return;
        }
        let (values, bytes) = (self.ends.len(), self.bytes.len());
        self.lists.extend(other.lists.iter().map(|end| end + values));
        self.ends.extend(other.ends.iter().map(|end| end + bytes));
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// The values of a list; none where there is no such list.
    pub(super) fn of(&self, list: usize) -> impl Iterator<Item = &[u8]> {
        let start = list.checked_sub(1).and_then(|before| self.lists.get(before));
        let end = self.lists.get(list).copied().unwrap_or_default();
        (start.copied().unwrap_or_default()..end).map(|value| {
            let start = value.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[start..self.ends[value]]
        })
    }

    /// The first value of a list.
    pub(super) fn first(&self, list: usize) -> Option<&[u8]> {
        self.of(list).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_in_their_order() {
        let mut tokens = Tokens::default();
        tokens.push([&b"a"[..], b"", b"bc"]);
        tokens.push([]);
        let mut other = tokens.clone();
        other.push([&b"d"[..]]);
        tokens.append(other);
        let expect: [&[&[u8]]; 5] = [&[b"a", b"", b"bc"], &[], &[b"a", b"", b"bc"], &[], &[b"d"]];
        for (list, expect) in expect.into_iter().enumerate() {
            assert_eq!(tokens.of(list).collect::<Vec<_>>(), expect);
        }
        assert_eq!(
            (tokens.first(1), tokens.first(4), tokens.first(5)),
            (None, Some(&b"d"[..]), None)
        );
    }
}
