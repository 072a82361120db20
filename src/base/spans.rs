//! A set of moments kept as spans: moments nearer than a gap share one span.
//!
//! Keeps what timing rules need (where silence lies) in a few words, however many packets there were.

use super::time::CaptureTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// First and last moment of one span, both inside.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Span {
    /// First moment.
    pub first: CaptureTime,
    /// Last moment.
    pub last: CaptureTime,
}

/// Spans in rising order, no two nearer than `GAP_NS` (gap inclusive).
///
/// A join-semilattice: two moments share a span exactly when a chain of moments with steps of at
/// most `GAP_NS` links them, whatever the order of insertion.
#[derive(Clone, Default)]
pub struct Spans<const GAP_NS: i64> {
    kept: Kept,
}

/// Nearly every set is one span, which costs no allocation.
#[derive(Clone, Default)]
enum Kept {
    #[default]
    None,
    One(Span),
    /// Never shorter than two.
    More(Vec<Span>),
}

impl<const GAP_NS: i64> PartialEq for Spans<GAP_NS> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<const GAP_NS: i64> Eq for Spans<GAP_NS> {}

impl<const GAP_NS: i64> fmt::Debug for Spans<GAP_NS> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.as_slice()).finish()
    }
}

/// As the list of its spans.
impl<const GAP_NS: i64> Serialize for Spans<GAP_NS> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

/// Whatever the list is, a set comes out.
impl<'de, const GAP_NS: i64> Deserialize<'de> for Spans<GAP_NS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut spans = Self::default();
        for Span { first, last } in Vec::deserialize(deserializer)? {
            spans.insert_span(Span { first: first.min(last), last: last.max(first) });
        }
        Ok(spans)
    }
}

impl<const GAP_NS: i64> Spans<GAP_NS> {
    /// The set that holds one moment.
    #[must_use]
    pub const fn of(moment: CaptureTime) -> Self {
        Self { kept: Kept::One(Span { first: moment, last: moment }) }
    }

    /// Adds one moment. Cheap when moments come in order.
    #[inline]
    pub fn insert(&mut self, moment: CaptureTime) {
        let last = match &mut self.kept {
            Kept::None => None,
            Kept::One(span) => Some(span),
            Kept::More(spans) => spans.last_mut(),
        };
        let at_moment = Span { first: moment, last: moment };
        match last {
            Some(last) if moment >= last.first => {
                if moment.since_ns(last.last) <= GAP_NS {
                    last.last = last.last.max(moment);
                } else {
                    self.append(at_moment);
                }
            }
            _ => self.insert_span(at_moment),
        }
    }

    /// Adds a span that is farther than the gap behind all others.
    fn append(&mut self, added: Span) {
        match &mut self.kept {
            Kept::None => self.kept = Kept::One(added),
            Kept::One(only) => self.kept = Kept::More(vec![*only, added]),
            Kept::More(spans) => spans.push(added),
        }
    }

    /// Adds all moments of `other`.
    pub fn join(&mut self, other: &Self) {
        match (self.as_slice(), other.as_slice()) {
            (_, []) => {}
            ([], _) => self.clone_from(other),
            (_, [only]) => self.insert_span(*only),
            (own, others) => self.kept = merged::<GAP_NS>(own, others),
        }
    }

    /// What of the spans lies between two moments, both inside.
    #[must_use]
    pub fn within(&self, first: CaptureTime, last: CaptureTime) -> Self {
        let cut = |span: &Span| {
            let span = Span { first: span.first.max(first), last: span.last.min(last) };
            (span.first <= span.last).then_some(span)
        };
        let mut parts = self.as_slice().iter().filter_map(cut);
        // What is cut off at the ends brings no two spans nearer to each other.
        let kept = match (parts.next(), parts.next()) {
            (None, _) => Kept::None,
            (Some(only), None) => Kept::One(only),
            (Some(one), Some(two)) => Kept::More([one, two].into_iter().chain(parts).collect()),
        };
        Self { kept }
    }

    /// The spans in rising order.
    #[must_use]
    pub fn as_slice(&self) -> &[Span] {
        match &self.kept {
            Kept::None => &[],
            Kept::One(span) => std::slice::from_ref(span),
            Kept::More(spans) => spans,
        }
    }

    /// The earliest moment; absent when the set is empty.
    #[must_use]
    pub fn first(&self) -> Option<CaptureTime> {
        self.as_slice().first().map(|span| span.first)
    }

    /// The latest moment; absent when the set is empty.
    #[must_use]
    pub fn last(&self) -> Option<CaptureTime> {
        self.as_slice().last().map(|span| span.last)
    }

    /// Whether no moment was added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self.kept, Kept::None)
    }

    /// Adds a span whose inner steps are known to be at most `GAP_NS`.
    pub fn insert_span(&mut self, added: Span) {
        if let Kept::More(more) = &mut self.kept
            && more.last().is_some_and(|last| added.first.since_ns(last.last) > GAP_NS)
        {
            more.push(added);
            return;
        }
        let spans = self.as_slice();
        let start = spans.partition_point(|span| added.first.since_ns(span.last) > GAP_NS);
        let end = start
            + spans[start..].partition_point(|span| span.first.since_ns(added.last) <= GAP_NS);
        let mut merged = added;
        if let (Some(low), Some(high)) = (spans[start..end].first(), spans[start..end].last()) {
            merged.first = merged.first.min(low.first);
            merged.last = merged.last.max(high.last);
        }
        let is_all = start == 0 && end == spans.len();
        match &mut self.kept {
            Kept::More(more) if !is_all => {
                more.splice(start..end, [merged]);
            }
            Kept::One(other) if !is_all => {
                let pair = if start == 0 { vec![merged, *other] } else { vec![*other, merged] };
                self.kept = Kept::More(pair);
            }
            kept => *kept = Kept::One(merged),
        }
        if let Kept::More(more) = &self.kept
            && let [only] = more.as_slice()
        {
            self.kept = Kept::One(*only);
        }
    }
}

/// The union of two sets, of which one has more than one span: one pass over both.
fn merged<const GAP_NS: i64>(own: &[Span], others: &[Span]) -> Kept {
    let (mut own, mut others) = (own.iter().peekable(), others.iter().peekable());
    let mut next = || match (own.peek(), others.peek()) {
        (Some(one), Some(other)) if other.first < one.first => others.next(),
        (None, _) => others.next(),
        _ => own.next(),
    };
    let mut all: Vec<Span> = Vec::new();
    while let Some(span) = next() {
        match all.last_mut() {
            Some(last) if span.first.since_ns(last.last) <= GAP_NS => {
                last.last = last.last.max(span.last);
            }
            _ => all.push(*span),
        }
    }
    match all.as_slice() {
        [only] => Kept::One(*only),
        _ => Kept::More(all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, by brute force: sort, cut where the step is larger than the gap.
    fn oracle(mut moments: Vec<i64>) -> Vec<(i64, i64)> {
        moments.sort_unstable();
        let mut spans: Vec<(i64, i64)> = Vec::new();
        for moment in moments {
            match spans.last_mut() {
                Some(last) if moment - last.1 <= 10 => last.1 = moment,
                _ => spans.push((moment, moment)),
            }
        }
        spans
    }

    fn pairs(spans: &Spans<10>) -> Vec<(i64, i64)> {
        spans.as_slice().iter().map(|span| (span.first.ns(), span.last.ns())).collect()
    }

    proptest! {
        /// A part of the spans is what their parts make when they are added one by one.
        #[test]
        fn parts_are_those_of_each_span(
            moments in prop::collection::vec(0i64..400, 0..40),
            first in 0i64..400,
            last in 0i64..400,
        ) {
            let mut spans = Spans::<10>::default();
            for moment in moments {
                spans.insert(CaptureTime::from_ns(moment));
            }
            let (first, last) = (CaptureTime::from_ns(first), CaptureTime::from_ns(last));
            let mut expect = Spans::<10>::default();
            for span in spans.as_slice() {
                let part = Span { first: span.first.max(first), last: span.last.min(last) };
                if part.first <= part.last {
                    expect.insert_span(part);
                }
            }
            prop_assert_eq!(spans.within(first, last), expect);
        }

        #[test]
        fn any_order_and_any_split_give_the_definition(
            moments in prop::collection::vec(0i64..400, 0..40),
            cut in 0usize..40,
        ) {
            let cut = cut.min(moments.len());
            let (mut left, mut right) = (Spans::<10>::default(), Spans::<10>::default());
            for moment in &moments[..cut] {
                left.insert(CaptureTime::from_ns(*moment));
            }
            for moment in &moments[cut..] {
                right.insert(CaptureTime::from_ns(*moment));
            }
            let mut mirrored = right.clone();
            mirrored.join(&left);
            left.join(&right);
            left.join(&right);
            prop_assert_eq!(pairs(&left), oracle(moments));
            prop_assert_eq!(left, mirrored);
        }
    }
}
