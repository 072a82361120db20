//! A CDR to the interval of time in which it occupies a channel, under the axes `cut`, `span`, `edges`.

use super::reading::{Cut, Edges, Span};
use crate::base::{CaptureTime, NS_PER_MS, NS_PER_S};
use crate::leg::Cdr;

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
    let end = match (shape.cut, cdr.vendor_cut) {
        (Cut::VendorTimeouts, Some(vendor)) => vendor.ended,
        _ => cdr.ended,
    };
    let start = match shape.span {
        Span::WholeCall => cdr.started,
        Span::Connected => cdr.connected?,
    };
    // A cut before the answer leaves nothing connected.
    if end < start {
        return None;
    }
    let (start_ns, end_ns) = match shape.edges {
        Edges::Exact => (start.ns(), end.ns()),
        Edges::WholeSeconds => whole_seconds(start, end),
    };
    (start_ns < end_ns).then_some(Interval { start_ns, end_ns })
}

/// From the second of the start to that of the end, both inside. As the sniffer, an end counts for
/// the next second when it lies more than 1 ms behind the full one (facts E, tools_global.h:83).
fn whole_seconds(start: CaptureTime, end: CaptureTime) -> (i64, i64) {
    let behind_ns = end.ns().rem_euclid(NS_PER_S);
    let last = end.floor_seconds() + i64::from(behind_ns > NS_PER_MS);
    (start.floor_seconds().saturating_mul(NS_PER_S), (last + 1).saturating_mul(NS_PER_S))
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
