//! The sweep: sorted changes of channels in, the hours of every lane out.
//!
//! Most changes are those of all lanes alike and move one common counter. Between two changes of single
//! lanes a lane differs from the common counter by a constant, so that its peak is that of the common
//! counter plus the constant, and no lane has to be touched.

use super::calendar::Calendar;
use super::count::HourCount;
use super::reading::Edges;
use crate::base::CaptureTime;

/// Choices on `dedup`, `terminated` and `branches`: 4 x 2 x 2.
pub(super) const LANES: usize = 16;

/// A change of the lanes of a mask at a moment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Change {
    pub(super) at_ns: i64,
    pub(super) weight: u16,
    pub(super) lanes: u16,
}

/// The counters of a sweep inside one hour. Areas are kept as if every change lasted to the end of
/// the hour, so that a change costs one addition.
struct Counters {
    common: i64,
    common_area: i128,
    /// Largest common count since a lane last changed.
    common_peak: i64,
    extra: [i64; LANES],
    extra_area: [i128; LANES],
    peak: [i64; LANES],
}

impl Counters {
    const fn new() -> Self {
        Self {
            common: 0,
            common_area: 0,
            common_peak: 0,
            extra: [0; LANES],
            extra_area: [0; LANES],
            peak: [0; LANES],
        }
    }

    fn begin_hour(&mut self, length_ns: i64) {
        self.common_area = i128::from(self.common) * i128::from(length_ns);
        self.common_peak = self.common;
        for lane in 0..LANES {
            self.extra_area[lane] = i128::from(self.extra[lane]) * i128::from(length_ns);
            self.peak[lane] = self.common + self.extra[lane];
        }
    }

    /// Brings the lanes' peaks up to the stretch in which their extras were constant.
    fn settle(&mut self) {
        for lane in 0..LANES {
            self.peak[lane] = self.peak[lane].max(self.common_peak + self.extra[lane]);
        }
        self.common_peak = self.common;
    }

    fn change(&mut self, change: Change, sign: i64, left_ns: i64) {
        self.settle();
        let weight = sign * i64::from(change.weight);
        let area = i128::from(weight) * i128::from(left_ns);
        // A rise needs no second look: the peak since now on is taken at the next change.
        let mut lanes = change.lanes;
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize;
            lanes &= lanes - 1;
            self.extra[lane] += weight;
            self.extra_area[lane] += area;
        }
    }

    fn end_hour(&mut self, into: &mut [Vec<HourCount>; LANES]) {
        self.settle();
        for (lane, hours) in into.iter_mut().enumerate() {
            hours.push(HourCount {
                channel_ns: (self.common_area + self.extra_area[lane]).unsigned_abs(),
                peak_channels: self.peak[lane].unsigned_abs(),
            });
        }
    }
}

/// Four sorted streams of changes. What ends at a moment goes before what starts there, so that a peak
/// never counts both.
pub(super) struct Streams<'a> {
    pub(super) edges: Edges,
    pub(super) starts: &'a [CaptureTime],
    pub(super) ends: &'a [CaptureTime],
    pub(super) rises: &'a [Change],
    pub(super) falls: &'a [Change],
}

impl Streams<'_> {
    /// Applies all changes before `until_ns`, or at it when `inclusive`; `hour_end_ns` is what areas
    /// reach to.
    fn apply(&mut self, counters: &mut Counters, until_ns: i64, inclusive: bool, hour_end_ns: i64) {
        let edges = self.edges;
        loop {
            let start = self.starts.first().map_or(i64::MAX, |time| edges.start_ns(*time));
            let end = self.ends.first().map_or(i64::MAX, |time| edges.end_ns(*time));
            let rise = self.rises.first().map_or(i64::MAX, |change| change.at_ns);
            let fall = self.falls.first().map_or(i64::MAX, |change| change.at_ns);
            let next = start.min(end).min(rise).min(fall);
            if next > until_ns || (next == until_ns && !inclusive) || next == i64::MAX {
                return;
            }
            let left_ns = hour_end_ns - next.min(hour_end_ns);
            if end == next {
                counters.common -= 1;
                counters.common_area -= i128::from(left_ns);
                self.ends = &self.ends[1..];
            } else if fall == next {
                counters.change(self.falls[0], -1, left_ns);
                self.falls = &self.falls[1..];
            } else if start == next {
                counters.common += 1;
                counters.common_area += i128::from(left_ns);
                counters.common_peak = counters.common_peak.max(counters.common);
                self.starts = &self.starts[1..];
            } else {
                counters.change(self.rises[0], 1, left_ns);
                self.rises = &self.rises[1..];
            }
        }
    }
}

/// Hours of every lane.
pub(super) fn sweep(mut streams: Streams<'_>, calendar: &Calendar) -> [Vec<HourCount>; LANES] {
    let mut lanes: [Vec<HourCount>; LANES] = std::array::from_fn(|_| Vec::new());
    let mut counters = Counters::new();
    for hour in calendar.hours() {
        let (from, until) = (hour.started.ns(), hour.ended.ns());
        // What happens at the first moment belongs to the hour from its start on.
        streams.apply(&mut counters, from, true, from);
        counters.begin_hour(until - from);
        streams.apply(&mut counters, until, false, until);
        counters.end_hour(&mut lanes);
    }
    lanes
}
