//! The conservation ledger: what went in equals what was used plus what is explained.

use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Named counters that add up over workers. A name is `room.what`, for instance `capture.records`.
///
/// Conservation laws over these names are checked by tests and printed by the report.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ledger {
    counters: BTreeMap<&'static str, u64>,
}

impl Ledger {
    /// Adds `amount` to the counter `name`.
    pub fn add(&mut self, name: &'static str, amount: u64) {
        if amount > 0 {
            *self.counters.entry(name).or_default() += amount;
        }
    }

    /// The value of a counter; 0 when nothing was added.
    #[must_use]
    pub fn value(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    /// All counters in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counters.iter().map(|(name, value)| (*name, *value))
    }
}

impl AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        for (name, amount) in other.counters {
            self.add(name, amount);
        }
    }
}
