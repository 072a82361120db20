//! A CDR to the interval of time in which it occupies a channel, under the axes `cut`, `span`, `edges`.

use super::reading::{Cut, Edges, Span};
use super::table::CdrTimes;
use crate::base::{CaptureTime, NS_PER_S};
use crate::leg::Cdr;

const NS_PER_US: i64 = 1_000;
const US_PER_MS: i64 = 1_000;

/// Half-open interval in nanoseconds; never empty.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Interval {
    /// First moment.
    pub start_ns: i64,
    /// The first moment after it.
    pub end_ns: i64,
}

/// The axes that decide an interval.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Shape {
    /// Which end of the CDR counts.
    pub cut: Cut,
    /// Which part of the call is a channel.
    pub span: Span,
    /// Where the interval begins and ends.
    pub edges: Edges,
}

/// The interval of a CDR; absent when it occupies nothing: a part that only the vendor's timeouts
/// make, an unanswered call where only connected time counts, exact edges that coincide.
#[must_use]
pub fn interval(cdr: &Cdr, shape: Shape) -> Option<Interval> {
    if cdr.only_when_cut && shape.cut == Cut::Packets {
        return None;
    }
    interval_of(&CdrTimes::of(cdr), shape)
}

/// The interval of a CDR that exists under the choice of `cut`; absent when it occupies nothing.
pub(super) fn interval_of(times: &CdrTimes, shape: Shape) -> Option<Interval> {
    let (start, end) = occupied(times, shape.cut, shape.span)?;
    let edges = shape.edges;
    let (start_ns, end_ns) = (edges.start_ns(start.ns()), edges.end_ns(end.ns()));
    (start_ns < end_ns).then_some(Interval { start_ns, end_ns })
}

/// First and last moment before the axis `edges` shapes them; they can coincide.
pub(super) fn occupied(
    times: &CdrTimes,
    cut: Cut,
    span: Span,
) -> Option<(CaptureTime, CaptureTime)> {
    let end = match cut {
        Cut::Packets => times.ended,
        Cut::VendorTimeouts => times.vendor_ended,
    };
    let start = match span {
        Span::WholeCall => times.started,
        Span::Connected => times.connected?,
    };
    // A cut before the answer leaves nothing connected.
    (start <= end).then_some((start, end))
}

impl Edges {
    /// Where the interval of a call that starts at a moment begins. Keeps the order of moments.
    pub(super) const fn start_ns(self, start_ns: i64) -> i64 {
        match self {
            Self::Exact => start_ns,
            Self::WholeSeconds => start_ns.div_euclid(NS_PER_S).saturating_mul(NS_PER_S),
        }
    }

    /// Where the interval of a call that ends at a moment ends. Keeps the order of moments.
    ///
    /// Whole seconds, both inside: as in the sniffer, which counts in microseconds, an end counts for
    /// the next second when it lies more than 1000 us behind the full one (facts E,
    /// tools_global.h:83).
    pub(super) const fn end_ns(self, end_ns: i64) -> i64 {
        match self {
            Self::Exact => end_ns,
            Self::WholeSeconds => {
                let behind = end_ns.rem_euclid(NS_PER_S) / NS_PER_US > US_PER_MS;
                let last = end_ns.div_euclid(NS_PER_S) + if behind { 1 } else { 0 };
                (last + 1).saturating_mul(NS_PER_S)
            }
        }
    }
}

/// Sorts intervals and joins those that overlap or touch.
pub fn union(intervals: &mut Vec<Interval>) {
    intervals.sort_unstable();
    intervals.dedup_by(|next, kept| {
        let joins = next.start_ns <= kept.end_ns;
        if joins {
            kept.end_ns = kept.end_ns.max(next.end_ns);
        }
        joins
    });
}

/// Most of some intervals at one moment, and the first such moment; absent without intervals. For
/// units other than channels: channels of a codec, registrations.
#[must_use]
pub fn most_at_once(intervals: &[Interval]) -> Option<(u64, CaptureTime)> {
    let starts = intervals.iter().map(|interval| (interval.start_ns, 1i64));
    let ends = intervals.iter().map(|interval| (interval.end_ns, -1));
    let mut changes: Vec<(i64, i64)> = starts.chain(ends).collect();
    // At one moment ends sort before starts: half-open.
    changes.sort_unstable();
    let (mut up, mut most) = (0i64, None);
    for (moment, change) in changes {
        up += change;
        if change > 0 && most.is_none_or(|(channels, _)| up > channels) {
            most = Some((up, moment));
        }
    }
    most.map(|(channels, moment)| (channels.unsigned_abs(), CaptureTime::from_ns(moment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_at_once_is_half_open() {
        let of = |pairs: &[(i64, i64)]| {
            let intervals: Vec<Interval> = pairs
                .iter()
                .map(|(start_ns, end_ns)| Interval { start_ns: *start_ns, end_ns: *end_ns })
                .collect();
            most_at_once(&intervals).map(|(most, at)| (most, at.ns()))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(0, 5), (5, 9)]), Some((1, 0)));
        assert_eq!(of(&[(0, 6), (5, 9), (5, 7), (6, 8)]), Some((3, 5)));
    }
}
