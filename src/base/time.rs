//! Capture time: nanoseconds since the Unix epoch, taken from a packet record.
//!
//! It is the only time in the core; wall time exists at the edges alone, for progress.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU64;

/// Nanoseconds in a second.
pub const NS_PER_S: i64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const NS_PER_MS: i64 = 1_000_000;

/// A moment in capture time, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// Years 1677 to 2262 fit; a capture that claims another year is clamped where it is decoded.
/// An absent moment (`Option`) takes no more room than a moment.
#[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(from = "i64", into = "i64")]
pub struct CaptureTime(NonZeroU64);

impl From<i64> for CaptureTime {
    fn from(ns: i64) -> Self {
        Self::from_ns(ns)
    }
}

impl From<CaptureTime> for i64 {
    fn from(time: CaptureTime) -> Self {
        time.ns()
    }
}

/// Between nanoseconds and what is kept: it keeps the order, as unsigned numbers. The earliest moment
/// would be 0 and takes the place of the next one, which is none of its own.
const SIGN: u64 = 1 << 63;

impl CaptureTime {
    /// The earliest moment that fits.
    pub const MIN: Self = Self(NonZeroU64::MIN);
    /// The latest moment that fits.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// The moment `ns` nanoseconds after the epoch.
    #[must_use]
    #[inline]
    pub const fn from_ns(ns: i64) -> Self {
        match NonZeroU64::new(ns.cast_unsigned() ^ SIGN) {
            Some(kept) => Self(kept),
            None => Self::MIN,
        }
    }

    /// The moment `seconds` and `ns` after the epoch; clamped to what fits.
    #[must_use]
    pub const fn from_parts(seconds: i64, ns: i64) -> Self {
        Self::from_ns(seconds.saturating_mul(NS_PER_S).saturating_add(ns))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn ns(self) -> i64 {
        let kept = self.0.get();
        let is_earliest = kept == Self::MIN.0.get();
        ((kept - is_earliest as u64) ^ SIGN).cast_signed()
    }

    /// This moment moved by `ns`; clamped to what fits.
    #[must_use]
    pub const fn plus_ns(self, ns: i64) -> Self {
        Self::from_ns(self.ns().saturating_add(ns))
    }

    /// Nanoseconds from `earlier` to `self`, negative when `self` is the earlier one.
    #[must_use]
    pub const fn since_ns(self, earlier: Self) -> i64 {
        self.ns().saturating_sub(earlier.ns())
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn floor_seconds(self) -> i64 {
        self.ns().div_euclid(NS_PER_S)
    }
}

impl Default for CaptureTime {
    /// The epoch.
    fn default() -> Self {
        Self::from_ns(0)
    }
}

impl fmt::Debug for CaptureTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("CaptureTime").field(&self.ns()).finish()
    }
}

impl fmt::Display for CaptureTime {
    /// Seconds since the epoch with nine decimals, as packet tools print it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.ns().div_euclid(NS_PER_S);
        let ns = self.ns().rem_euclid(NS_PER_S);
        write!(formatter, "{seconds}.{ns:09}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_moments_before_the_epoch() {
        assert_eq!(CaptureTime::from_ns(-1).to_string(), "-1.999999999");
        assert_eq!(CaptureTime::from_parts(2, 5).to_string(), "2.000000005");
    }

    #[test]
    fn clamps_instead_of_wrapping() {
        assert_eq!(CaptureTime::from_parts(i64::MAX, 0), CaptureTime::MAX);
        assert_eq!(CaptureTime::from_parts(i64::MIN, 0), CaptureTime::MIN);
        assert_eq!(CaptureTime::MIN.plus_ns(-1), CaptureTime::MIN);
    }

    #[test]
    fn moments_stand_in_the_order_of_their_nanoseconds() {
        let moments = [i64::MIN, -1, 0, 1, i64::MAX].map(CaptureTime::from_ns);
        assert!(moments.is_sorted_by(|earlier, later| earlier < later));
        assert_eq!(moments.map(CaptureTime::ns), [i64::MIN, -1, 0, 1, i64::MAX]);
        assert_eq!(CaptureTime::default().ns(), 0);
        assert_eq!(size_of::<Option<CaptureTime>>(), size_of::<CaptureTime>());
    }
}
