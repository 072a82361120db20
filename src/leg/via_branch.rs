//! The branch of a Via header, which names a transaction, without the letters that nearly every one begins
//! with: a leg keeps some branches, and each would repeat them.

use std::cmp::Ordering;
use std::fmt;

/// What a branch begins with that is unique over all transactions (RFC 3261 section 8.1.1.7).
const COOKIE: &[u8] = b"z9hG4bK";
/// What is kept of a branch without that begins with this byte; what is kept of others never does.
const WHOLE: u8 = 0;

/// A branch as on the wire, by which it is ordered and told from others; empty when absent.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct ViaBranch<'l> {
    /// Only what would be kept apart from a branch without.
    has_cookie: bool,
    rest: &'l [u8],
}

impl<'l> ViaBranch<'l> {
    /// The branch with these bytes.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'l [u8]) -> Self {
        match bytes.strip_prefix(COOKIE) {
            Some(rest) if rest.first().is_some_and(|first| *first != WHOLE) => {
                Self { has_cookie: true, rest }
            }
            _ => Self { has_cookie: false, rest: bytes },
        }
    }

    /// Whether it is absent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty() && !self.has_cookie
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Box<[u8]> {
        self.bytes().copied().collect()
    }

    fn bytes(&self) -> impl Iterator<Item = &'l u8> {
        let cookie = if self.has_cookie { COOKIE } else { &[] };
        cookie.iter().chain(self.rest)
    }

    /// What is kept of it, for [`Self::of_kept`]: as it stands, or, of a branch without the usual letters, put
    /// together by who keeps it.
    #[inline]
    pub(super) const fn kept(&self) -> Result<&'l [u8], Odd<'l>> {
        if self.has_cookie || self.rest.is_empty() { Ok(self.rest) } else { Err(Odd(self.rest)) }
    }

    /// The branch of which this was kept.
    #[inline]
    pub(super) const fn of_kept(kept: &'l [u8]) -> Self {
        match kept {
            [WHOLE, rest @ ..] => Self { has_cookie: false, rest },
            rest => Self { has_cookie: !rest.is_empty(), rest },
        }
    }
}

/// A branch that does not begin as RFC 3261 wants it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Odd<'l>(&'l [u8]);

impl Odd<'_> {
    /// What is kept of it.
    pub(super) fn kept(self) -> Vec<u8> {
        [&[WHOLE], self.0].concat()
    }
}

impl Ord for ViaBranch<'_> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if self.has_cookie == other.has_cookie {
            return self.rest.cmp(other.rest);
        }
        self.bytes().cmp(other.bytes())
    }
}

impl PartialOrd for ViaBranch<'_> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for ViaBranch<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.to_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_branch() -> impl Strategy<Value = Vec<u8>> {
        let rest = || prop::collection::vec(0u8..3, 0..4);
        let cut =
            (0..=COOKIE.len(), rest()).prop_map(|(cut, rest)| [&COOKIE[..cut], &rest].concat());
        prop_oneof![rest(), rest().prop_map(|rest| [COOKIE, &rest].concat()), cut]
    }

    proptest! {
        #[test]
        fn a_branch_is_its_bytes(one in any_branch(), other in any_branch()) {
            let [first, second] = [&one, &other].map(|bytes| ViaBranch::new(bytes));
            prop_assert_eq!(&*first.to_bytes(), &one[..]);
            prop_assert_eq!(first.is_empty(), one.is_empty());
            prop_assert_eq!(first.cmp(&second), one.cmp(&other));
            prop_assert_eq!(first == second, one == other);
            let kept = first.kept().map_or_else(Odd::kept, <[u8]>::to_vec);
            prop_assert_eq!(ViaBranch::of_kept(&kept), first);
        }
    }
}
