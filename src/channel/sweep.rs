//! The sweep: sorted changes of channels in, the hours of every lane out.
//!
//! Most changes are those of all lanes alike and move one common counter. Between two changes of single
//! lanes a lane differs from the common counter by a constant, so that its peak is that of the common
//! counter plus the constant, and no lane has to be touched. Lanes that no change tells apart are one
//! class, and are counted once.

use super::calendar::Calendar;
use super::count::{Edge, HourCount};
use super::reading::Edges;

/// Choices on `cut`, `dedup`, `terminated` and `branches`: 2 x 4 x 2 x 2.
pub(super) const LANES: usize = 32;

/// Lanes in classes: those of one class are in the same changes.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    /// The lanes of each class. Together they are all lanes.
    lanes: Vec<u32>,
    /// The masks that the classes follow from; none any more when there are too many.
    seen: Vec<u32>,
}

/// So many masks are told apart; with more, every lane is a class of its own.
const MASKS_SEEN_MAX: usize = 64;

impl Classes {
    /// All lanes in one class.
    pub(super) fn new() -> Self {
        Self { lanes: vec![u32::MAX], seen: Vec::new() }
    }

    /// Tells lanes in a mask from those outside.
    pub(super) fn split(&mut self, mask: u32) {
        if self.lanes.len() == LANES || self.seen.contains(&mask) {
            return;
        }
        if self.seen.len() == MASKS_SEEN_MAX {
            self.lanes = (0..LANES).map(|lane| 1 << lane).collect();
            return;
        }
        self.seen.push(mask);
        for place in 0..self.lanes.len() {
            let (inside, outside) = (self.lanes[place] & mask, self.lanes[place] & !mask);
            if inside != 0 && outside != 0 {
                self.lanes[place] = inside;
                self.lanes.push(outside);
            }
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.lanes.len()
    }

    /// The class of a lane.
    pub(super) fn of_lane(&self, lane: usize) -> usize {
        self.lanes.iter().position(|lanes| lanes >> lane & 1 == 1).unwrap_or_default()
    }

    /// The classes of the lanes of a mask, as a mask.
    pub(super) fn of_lanes(&self, mask: u32) -> u32 {
        let classes = self.lanes.iter().enumerate();
        classes.fold(0, |classes, (class, lanes)| classes | u32::from(lanes & mask != 0) << class)
    }
}

/// A change of the lanes, or classes, of a mask at a moment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Change {
    pub(super) at_ns: i64,
    pub(super) weight: u16,
    pub(super) lanes: u32,
}

/// The counters of a sweep inside one hour; a lane is a class here. Areas are kept as if every change lasted to the end of
/// the hour, so that a change costs one addition.
struct Counters {
    classes: usize,
    common: i64,
    common_area: i128,
    /// Largest common count since a lane last changed.
    common_peak: i64,
    extra: [i64; LANES],
    extra_area: [i128; LANES],
    peak: [i64; LANES],
}

impl Counters {
    const fn new(classes: usize) -> Self {
        Self {
            classes,
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
        for lane in 0..self.classes {
            self.extra_area[lane] = i128::from(self.extra[lane]) * i128::from(length_ns);
            self.peak[lane] = self.common + self.extra[lane];
        }
    }

    /// Brings the lanes' peaks up to the stretch in which their extras were constant.
    fn settle(&mut self) {
        let peaks = self.peak[..self.classes].iter_mut().zip(&self.extra);
        for (peak, extra) in peaks {
            *peak = (*peak).max(self.common_peak + extra);
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

    fn end_hour(&mut self, into: &mut [Vec<HourCount>]) {
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
/// never counts both. `edges` is still to shape starts and ends.
#[derive(Clone, Copy)]
pub(super) struct Streams<'a> {
    pub(super) edges: Edges,
    pub(super) starts: &'a [i64],
    pub(super) ends: &'a [i64],
    pub(super) rises: &'a [Change],
    pub(super) falls: &'a [Change],
}

/// Takes the first item of a list.
fn take_first<T: Copy>(list: &mut &[T]) -> Option<T> {
    let (first, rest) = list.split_first()?;
    *list = rest;
    Some(*first)
}

impl<'a> Streams<'a> {
    /// The changes of one class by moment.
    pub(super) fn of_class(self, class: usize) -> impl Iterator<Item = Edge> + 'a {
        let mut walk = Walk::new(self);
        std::iter::from_fn(move || {
            loop {
                let (at_ns, next) = walk.next()?;
                let (sign, change) = match next {
                    Next::End => return Some((at_ns, -1)),
                    Next::Start => return Some((at_ns, 1)),
                    Next::Fall(change) => (-1, change),
                    Next::Rise(change) => (1, change),
                };
                if change.lanes >> class & 1 == 1 {
                    return Some((at_ns, sign * i64::from(change.weight)));
                }
            }
        })
    }
}

/// One change of the streams.
enum Next {
    End,
    Fall(Change),
    Start,
    Rise(Change),
}

/// The streams, with the moments of their next changes; the latest moment for a stream that is over.
struct Walk<'a> {
    streams: Streams<'a>,
    start_ns: i64,
    end_ns: i64,
    rise_ns: i64,
    fall_ns: i64,
}

impl<'a> Walk<'a> {
    fn new(streams: Streams<'a>) -> Self {
        let mut walk = Self { streams, start_ns: 0, end_ns: 0, rise_ns: 0, fall_ns: 0 };
        walk.look_at_start();
        walk.look_at_end();
        walk.look_at_lanes();
        walk
    }

    #[inline]
    fn look_at_start(&mut self) {
        let edges = self.streams.edges;
        self.start_ns = self.streams.starts.first().map_or(i64::MAX, |at| edges.start_ns(*at));
    }

    #[inline]
    fn look_at_end(&mut self) {
        let edges = self.streams.edges;
        self.end_ns = self.streams.ends.first().map_or(i64::MAX, |at| edges.end_ns(*at));
    }

    #[inline]
    fn look_at_lanes(&mut self) {
        self.rise_ns = self.streams.rises.first().map_or(i64::MAX, |change| change.at_ns);
        self.fall_ns = self.streams.falls.first().map_or(i64::MAX, |change| change.at_ns);
    }

    /// The moment of the next change; the latest one without any.
    #[inline]
    fn next_ns(&self) -> i64 {
        self.start_ns.min(self.end_ns).min(self.rise_ns.min(self.fall_ns))
    }

    /// The next change and its moment.
    #[inline]
    fn next(&mut self) -> Option<(i64, Next)> {
        let at_ns = self.next_ns();
        if at_ns == i64::MAX {
            return None;
        }
        if self.end_ns == at_ns {
            take_first(&mut self.streams.ends);
            self.look_at_end();
            return Some((at_ns, Next::End));
        }
        if self.fall_ns == at_ns {
            let change = take_first(&mut self.streams.falls)?;
            self.look_at_lanes();
            return Some((at_ns, Next::Fall(change)));
        }
        if self.start_ns == at_ns {
            take_first(&mut self.streams.starts);
            self.look_at_start();
            return Some((at_ns, Next::Start));
        }
        let change = take_first(&mut self.streams.rises)?;
        self.look_at_lanes();
        Some((at_ns, Next::Rise(change)))
    }

    /// Applies all changes before `until_ns`; `hour_end_ns` is what areas reach to.
    fn apply(&mut self, counters: &mut Counters, until_ns: i64, hour_end_ns: i64) {
        while self.next_ns() < until_ns {
            let Some((at_ns, next)) = self.next() else { return };
            let left_ns = hour_end_ns - at_ns.min(hour_end_ns);
            match next {
                Next::End => {
                    counters.common -= 1;
                    counters.common_area -= i128::from(left_ns);
                }
                Next::Fall(change) => counters.change(change, -1, left_ns),
                Next::Start => {
                    counters.common += 1;
                    counters.common_area += i128::from(left_ns);
                    counters.common_peak = counters.common_peak.max(counters.common);
                }
                Next::Rise(change) => counters.change(change, 1, left_ns),
            }
        }
    }
}

/// Hours of every class; changes name classes.
pub(super) fn sweep(
    streams: Streams<'_>,
    classes: usize,
    calendar: &Calendar,
) -> Vec<Vec<HourCount>> {
    let mut hours: Vec<Vec<HourCount>> = vec![Vec::new(); classes];
    let mut counters = Counters::new(classes);
    let mut walk = Walk::new(streams);
    for hour in calendar.hours() {
        let (from, until) = (hour.started.ns(), hour.ended.ns());
        // What happens at the first moment belongs to the hour from its start on.
        walk.apply(&mut counters, from.saturating_add(1), from);
        counters.begin_hour(until - from);
        walk.apply(&mut counters, until, until);
        counters.end_hour(&mut hours);
    }
    hours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_tell_lanes_apart_as_masks_do() {
        let mut classes = Classes::new();
        classes.split(u32::MAX);
        assert_eq!(classes.count(), 1);
        classes.split(0xffff);
        classes.split(0xff);
        assert_eq!(classes.count(), 3);
        assert_eq!(classes.of_lane(0), classes.of_lane(7));
        assert_ne!(classes.of_lane(7), classes.of_lane(8));
        assert_ne!(classes.of_lane(15), classes.of_lane(16));
        let of = |mask: u32| classes.of_lanes(mask).count_ones();
        assert_eq!([of(0xff), of(0xffff), of(u32::MAX), of(0)], [1, 2, 3, 0]);
        // However many masks there are.
        for mask in 0..1_000 {
            classes.split(mask * 0x0101);
        }
        assert!(classes.count() == LANES && classes.seen.len() <= MASKS_SEEN_MAX);
    }
}
