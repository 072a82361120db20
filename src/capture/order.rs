//! Whether the records of a capture come in the order of time.

use crate::base::{CaptureTime, NS_PER_S};
use serde::{Deserialize, Serialize};

/// Records of several processors or interfaces, and small corrections of a clock, go back by less.
const JITTER_NS: i64 = 10 * NS_PER_S;

/// The times of records in the order in which they lie in a capture.
///
/// Captures of a later time can stand before those of an earlier one where somebody put them together.
/// Then the records before and after a place say nothing about when what is missing there was.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TimeOrder {
    earliest: CaptureTime,
    latest: CaptureTime,
    goes_back: bool,
}

impl Default for TimeOrder {
    fn default() -> Self {
        Self { earliest: CaptureTime::MAX, latest: CaptureTime::MIN, goes_back: false }
    }
}

impl TimeOrder {
    /// The next record.
    #[inline]
    pub fn saw(&mut self, time: CaptureTime) {
        if time < self.latest {
            self.saw_earlier(time);
        }
        self.latest = self.latest.max(time);
        self.earliest = self.earliest.min(time);
    }

    #[cold]
    fn saw_earlier(&mut self, time: CaptureTime) {
        self.goes_back |= self.latest.since_ns(time) > JITTER_NS;
    }

    /// Adds what lies behind it.
    pub fn append(&mut self, behind: &Self) {
        self.goes_back |= behind.goes_back || self.latest.since_ns(behind.earliest) > JITTER_NS;
        self.latest = self.latest.max(behind.latest);
        self.earliest = self.earliest.min(behind.earliest);
    }

    /// Whether a record is earlier than one before it, by more than taps and clocks explain.
    #[must_use]
    pub const fn goes_back(&self) -> bool {
        self.goes_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(seconds: &[i64]) -> TimeOrder {
        let mut order = TimeOrder::default();
        seconds.iter().for_each(|seconds| order.saw(CaptureTime::from_parts(*seconds, 0)));
        order
    }

    #[test]
    fn what_goes_back() {
        for (seconds, expect) in [
            (&[][..], false),
            (&[5], false),
            (&[1, 2, 2, 60], false),
            (&[20, 10, 25, 15], false),
            (&[20, 9], true),
            (&[20, 15, 9], true),
            (&[100, 200, 50, 300], true),
        ] {
            assert_eq!(order(seconds).goes_back(), expect, "{seconds:?}");
        }
    }

    proptest! {
        #[test]
        fn parts_in_their_order_tell_the_same(
            seconds in prop::collection::vec(0i64..40, 0..12),
            cut in any::<prop::sample::Index>(),
        ) {
            let (before, behind) = seconds.split_at(cut.index(seconds.len() + 1));
            let mut joined = order(before);
            joined.append(&order(behind));
            prop_assert_eq!(joined, order(&seconds));
        }
    }
}
