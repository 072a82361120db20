//! Capture time: nanoseconds since the Unix epoch, taken from a packet record.
//!
//! It is the only time in the core; wall time exists at the edges alone, for progress.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Nanoseconds in a second.
pub const NS_PER_S: i64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const NS_PER_MS: i64 = 1_000_000;

/// A moment in capture time, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// Years 1677 to 2262 fit; a capture that claims another year is clamped where it is decoded.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct CaptureTime(i64);

impl CaptureTime {
    /// The earliest moment that fits.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment that fits.
    pub const MAX: Self = Self(i64::MAX);

    /// The moment `ns` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// The moment `seconds` and `ns` after the epoch; clamped to what fits.
    #[must_use]
    pub const fn from_parts(seconds: i64, ns: i64) -> Self {
        Self(seconds.saturating_mul(NS_PER_S).saturating_add(ns))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn ns(self) -> i64 {
        self.0
    }

    /// This moment moved by `ns`; clamped to what fits.
    #[must_use]
    pub const fn plus_ns(self, ns: i64) -> Self {
        Self(self.0.saturating_add(ns))
    }

    /// Nanoseconds from `earlier` to `self`, negative when `self` is the earlier one.
    #[must_use]
    pub const fn since_ns(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn floor_seconds(self) -> i64 {
        self.0.div_euclid(NS_PER_S)
    }
}

impl fmt::Display for CaptureTime {
    /// Seconds since the epoch with nine decimals, as packet tools print it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(NS_PER_S);
        let ns = self.0.rem_euclid(NS_PER_S);
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
    }
}
