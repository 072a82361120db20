//! TCP segments of one flow direction to connections, and each to its bytes in order.
//!
//! A function of the set of segments: they are sorted by time and content, cut into connections, laid
//! out by sequence number (each byte from the segment that brought it first) and read from start to
//! end. The time of a piece is the latest among the pieces up to it since the start or the last gap:
//! the moment from which it could be consumed in order.

use super::bound::{Dropped, Waits};
use super::segment::{Segment, is_tls};
use crate::base::limits::{
    TCP_JUMP_BYTES_MAX, TCP_QUIET_JUMP_BYTES_MAX, TCP_QUIET_SECONDS, TCP_SYN_LATE_BYTES_MAX,
    TCP_SYN_LATE_SECONDS,
};
use crate::base::{CaptureTime, NS_PER_S, RecordRef};
use std::collections::BTreeMap;

/// What comes next in a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Bytes(Piece),
    /// Bytes that no segment brought.
    Gap(u64),
}

/// Bytes that one segment brought first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Piece {
    /// From when on they can be consumed in order, and the record of that moment.
    pub(super) time: CaptureTime,
    pub(super) record: RecordRef,
    pub(super) vendor_blind: bool,
    segment: usize,
    from: usize,
    to: usize,
}

/// Segments of one connection with their places in its sequence space, in order of time.
#[derive(Debug)]
pub(super) struct Connection {
    segments: Vec<(i64, Segment)>,
    /// Place of the first byte after the SYN; absent when no SYN was seen.
    start: Option<i64>,
    /// Sequence number and place that later numbers are unwrapped against.
    reference: (u32, i64),
}

/// The connections of one flow direction, in order of time.
pub(super) fn connections(mut segments: Vec<Segment>) -> Vec<Connection> {
    segments.sort_unstable();
    let mut connections: Vec<Connection> = Vec::new();
    for segment in segments {
        match connections.last_mut().and_then(|last| Some((last.place(&segment)?, last))) {
            Some((place, connection)) => connection.add(place, segment),
            None => connections.push(Connection::of(segment)),
        }
    }
    connections
}

impl Connection {
    fn of(segment: Segment) -> Self {
        let mut connection =
            Self { segments: Vec::new(), start: None, reference: (segment.sequence, 0) };
        connection.add(0, segment);
        connection
    }

    /// The place of a segment in this connection; absent when it belongs to another one.
    fn place(&self, segment: &Segment) -> Option<i64> {
        let (_, latest) = self.segments.last()?;
        let (sequence, place) = self.reference;
        // Signed distance: numbers wrap around (RFC 9293 section 3.4).
        let jump = i64::from(segment.sequence.wrapping_sub(sequence).cast_signed());
        let quiet_ns = segment.time.since_ns(latest.time);
        if jump.abs() > TCP_JUMP_BYTES_MAX
            || (jump.abs() > TCP_QUIET_JUMP_BYTES_MAX && quiet_ns > TCP_QUIET_SECONDS * NS_PER_S)
        {
            return None;
        }
        let place = place + jump;
        if segment.syn && self.start != Some(place) {
            let lowest = self.segments.iter().map(|(place, _)| *place).min()?;
            let first = self.segments.first().map(|(_, segment)| segment.time)?;
            let late = self.start.is_none()
                && (0..=TCP_SYN_LATE_BYTES_MAX).contains(&(lowest - place))
                && segment.time.since_ns(first) <= TCP_SYN_LATE_SECONDS * NS_PER_S;
            return late.then_some(place);
        }
        Some(place)
    }

    fn add(&mut self, place: i64, segment: Segment) {
        if segment.syn {
            self.start = Some(place);
        }
        self.reference = (segment.sequence, place);
        self.segments.push((place, segment));
    }

    /// The bytes of a piece.
    pub(super) fn bytes(&self, piece: &Piece) -> &[u8] {
        &self.segments[piece.segment].1.bytes[piece.from..piece.to]
    }

    /// Segments with payload, and how many of them brought no new byte.
    pub(super) fn segment_counts(&self, steps: &[Step]) -> (u64, u64) {
        let with_payload =
            self.segments.iter().filter(|(_, segment)| !segment.bytes.is_empty()).count();
        let mut used: Vec<usize> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Bytes(piece) => Some(piece.segment),
                Step::Gap(_) => None,
            })
            .collect();
        used.sort_unstable();
        used.dedup();
        (with_payload as u64, (with_payload - used.len()) as u64)
    }

    /// What there is of it, when a segment looks like TLS.
    pub(super) fn tls(&self) -> Option<Dropped> {
        let segments = || self.segments.iter().map(|(_, segment)| segment);
        let all = segments().map(Waits::dropped).reduce(Dropped::join);
        all.filter(|_| segments().any(|segment| is_tls(&segment.bytes)))
    }

    /// First and last moment.
    pub(super) fn span(&self) -> Option<(CaptureTime, CaptureTime)> {
        let first = self.segments.first().map(|(_, segment)| segment.time)?;
        let last = self.segments.last().map(|(_, segment)| segment.time)?;
        Some((first, last))
    }

    /// The stream from start to end.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut covered = Covered::default();
        let mut places: Vec<(i64, i64, usize)> = Vec::new();
        let mut end_on_wire = i64::MIN;
        for (index, (place, segment)) in self.segments.iter().enumerate() {
            let end = place + i64::try_from(segment.bytes.len()).unwrap_or(0);
            end_on_wire = end_on_wire.max(end + i64::from(segment.missing));
            covered.add(*place, end, |from, to| places.push((from, to, index)));
        }
        places.sort_unstable();
        let mut steps = Vec::new();
        let mut expected = self.start;
        let mut latest: Option<(CaptureTime, RecordRef)> = None;
        for (from, to, index) in places {
            let (place, segment) = &self.segments[index];
            if let Some(missing) = expected.map(|expected| from - expected)
                && missing > 0
            {
                steps.push(Step::Gap(missing.unsigned_abs()));
                latest = None;
            }
            let own = (segment.time, segment.record);
            let (time, record) = latest.map_or(own, |latest| latest.max(own));
            latest = Some((time, record));
            // Both differences lie inside the segment, which is shorter than 2^31.
            let offset = |at: i64| usize::try_from(at - place).unwrap_or(0);
            steps.push(Step::Bytes(Piece {
                time,
                record,
                vendor_blind: segment.vendor_blind,
                segment: index,
                from: offset(from),
                to: offset(to),
            }));
            expected = Some(to);
        }
        if let Some(missing) = expected.map(|expected| end_on_wire.saturating_sub(expected))
            && missing > 0
        {
            steps.push(Step::Gap(missing.unsigned_abs()));
        }
        steps
    }
}

/// Places that are filled, as disjoint ranges from start to end.
#[derive(Debug, Default)]
struct Covered {
    ranges: BTreeMap<i64, i64>,
}

impl Covered {
    /// Fills a range and tells its parts that were empty, in rising order. Ranges that touch are
    /// merged, so the work over all calls is linear in their number (times a logarithm).
    fn add(&mut self, start: i64, end: i64, mut empty: impl FnMut(i64, i64)) {
        if start >= end {
            return;
        }
        let (mut at, mut low, mut high) = (start, start, end);
        if let Some((&from, &to)) = self.ranges.range(..=start).next_back()
            && to >= start
        {
            at = at.max(to);
            low = from;
            high = high.max(to);
        }
        while let Some((&from, &to)) = self.ranges.range(start..=end).next() {
            if from > at {
                empty(at, from);
            }
            at = at.max(to);
            high = high.max(to);
            self.ranges.remove(&from);
        }
        if at < end {
            empty(at, end);
        }
        self.ranges.insert(low, high);
    }
}
