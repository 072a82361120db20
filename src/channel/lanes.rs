//! All readings at once: one sweep for all readings that share `cut`, `span` and `edges`.
//!
//! Most units are the same under every choice of `dedup`, `terminated` and `branches`: one leg, no
//! neighbour with its numbers, not ended by 487, not forked. They move one common counter. Only the
//! others differ by lane, a lane being one choice on these three axes; their changes carry a mask of
//! lanes. Between two such changes a lane differs from the common counter by a constant, so its peak
//! is that of the common counter plus the constant, and no lane has to be touched.

use super::calendar::Calendar;
use super::count::union_of;
use super::count::{DayCount, HourCount, day_counts};
use super::dedup::{clusters, group_same_key};
use super::interval::{Interval, Shape, occupied};
use super::reading::{Branches, CountReading, Cut, Dedup, Edges, Span, Terminated};
use super::unit::{UnitTable, Units};
use crate::base::CaptureTime;

/// Choices on `dedup`, `terminated` and `branches`: 4 x 2 x 2.
const LANES: usize = 16;

/// The lane of a reading. `branches` runs fastest, then `terminated`.
const fn lane_of(dedup: Dedup, terminated: Terminated, branches: Branches) -> usize {
    dedup as usize * 4 + terminated as usize * 2 + branches as usize
}

/// A change of the lanes of a mask at a moment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Change {
    at_ns: i64,
    weight: u16,
    lanes: u16,
}

/// Rises and falls of the lanes that are not common.
#[derive(Debug, Default)]
struct Changes {
    rises: Vec<Change>,
    falls: Vec<Change>,
    /// Intervals of the cluster at hand: most lanes have the same ones.
    pending: Vec<(Interval, u16, u16)>,
}

impl Changes {
    /// Lanes occupied for an interval.
    fn push(&mut self, occupied: Interval, weight: u16, lanes: u16) {
        self.pending.push((occupied, weight, lanes));
    }

    /// Writes what is pending: lanes with the same interval share one rise and one fall. A lane that
    /// has the same interval twice keeps both.
    fn flush(&mut self) {
        self.pending.sort_unstable();
        self.pending.dedup_by(|next, kept| {
            let joins = (next.0, next.1) == (kept.0, kept.1) && next.2 & kept.2 == 0;
            if joins {
                kept.2 |= next.2;
            }
            joins
        });
        for (occupied, weight, lanes) in self.pending.drain(..) {
            self.rises.push(Change { at_ns: occupied.start_ns, weight, lanes });
            self.falls.push(Change { at_ns: occupied.end_ns, weight, lanes });
        }
    }

    /// A unit, or group, of `branches` branches: one channel in the lanes by leg, as many as it has
    /// branches in the lanes by branch.
    fn push_channel(&mut self, occupied: Interval, branches: u16, lanes: u16) {
        const BY_BRANCH: u16 = 0xaaaa;
        if branches == 1 {
            self.push(occupied, 1, lanes);
        } else {
            self.push(occupied, 1, lanes & !BY_BRANCH);
            self.push(occupied, branches, lanes & BY_BRANCH);
        }
    }

    fn sort(&mut self) {
        self.rises.sort_unstable();
        self.falls.sort_unstable();
    }
}

/// What is prepared once for a choice of `cut`.
struct Prepared {
    /// Units that are the same in every lane.
    common: Vec<u32>,
    /// Units without neighbours that differ by lane: several CDRs, 487, branches.
    single: Vec<u32>,
    /// Units that some choice of `dedup` may join.
    clusters: Vec<Vec<u32>>,
}

fn prepare(table: &UnitTable) -> Prepared {
    let clusters = clusters(table);
    let mut clustered = vec![false; table.heads.len()];
    for unit in clusters.iter().flatten() {
        clustered[*unit as usize] = true;
    }
    let (mut common, mut single) = (Vec::new(), Vec::new());
    for (unit, head) in (0u32..).zip(&table.heads) {
        if clustered[unit as usize] {
            continue;
        }
        let one_cdr = head.members.1 - head.members.0 == 1;
        let list = if one_cdr && !head.terminated && head.branches == 1 {
            &mut common
        } else {
            &mut single
        };
        list.push(unit);
    }
    Prepared { common, single, clusters }
}

/// Starts and ends of the common units, each sorted, before the axis `edges` shapes them.
fn common_moments(
    table: &UnitTable,
    common: &[u32],
    cut: Cut,
    span: Span,
) -> (Vec<CaptureTime>, Vec<CaptureTime>) {
    let occupied_by = |unit: &u32| {
        let times = table.times_of(&table.heads[*unit as usize]).first()?;
        occupied(times, cut, span)
    };
    let (mut starts, mut ends): (Vec<_>, Vec<_>) = common.iter().filter_map(occupied_by).unzip();
    starts.sort_unstable();
    ends.sort_unstable();
    (starts, ends)
}

/// The changes of everything that is not common.
fn lane_changes(table: &UnitTable, prepared: &Prepared, shape: Shape) -> Changes {
    const COUNTED: u16 = 0xcccc;
    let mut changes = Changes::default();
    let mut intervals = Vec::new();
    for unit in &prepared.single {
        let head = &table.heads[*unit as usize];
        let lanes = if head.terminated { COUNTED } else { u16::MAX };
        union_of(table, &[*unit], shape, &mut intervals);
        for occupied in &intervals {
            changes.push_channel(*occupied, head.branches, lanes);
        }
        changes.flush();
    }
    let mut groups: Vec<(u32, u32)> = Vec::new();
    let mut counted: Vec<u32> = Vec::new();
    for cluster in &prepared.clusters {
        for terminated in Terminated::ALL.iter().copied() {
            counted.clear();
            counted.extend(cluster.iter().filter(|unit| {
                terminated == Terminated::Counted || !table.heads[**unit as usize].terminated
            }));
            for dedup in Dedup::ALL.iter().copied() {
                groups.clear();
                groups.extend(counted.iter().map(|unit| (*unit, *unit)));
                group_same_key(&table.heads, &counted, dedup, |unit, first| {
                    // Unit numbers rise inside a cluster.
                    let place = groups.partition_point(|(_, known)| *known < unit);
                    groups[place].0 = first;
                });
                groups_changes(table, &mut groups, shape, |occupied, branches| {
                    let lane = lane_of(dedup, terminated, Branches::Leg);
                    changes.push_channel(occupied, branches, 0b11 << lane);
                });
            }
        }
        changes.flush();
    }
    changes.sort();
    changes
}

/// Calls `push` for every interval of every group; `groups` pairs the first unit of a group with a
/// unit of it, and is sorted by it.
fn groups_changes(
    table: &UnitTable,
    groups: &mut [(u32, u32)],
    shape: Shape,
    mut push: impl FnMut(Interval, u16),
) {
    groups.sort_unstable();
    let (mut of, mut intervals) = (Vec::new(), Vec::new());
    for group in groups.chunk_by(|left, right| left.0 == right.0) {
        of.clear();
        of.extend(group.iter().map(|(_, unit)| *unit));
        let branches = of.iter().map(|unit| table.heads[*unit as usize].branches).max();
        union_of(table, &of, shape, &mut intervals);
        for occupied in &intervals {
            push(*occupied, branches.unwrap_or(1));
        }
    }
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
        for lane in 0..LANES {
            if change.lanes >> lane & 1 == 1 {
                self.extra[lane] += weight;
                self.extra_area[lane] += area;
            }
        }
        if sign > 0 {
            self.settle();
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
struct Streams<'a> {
    edges: Edges,
    starts: &'a [CaptureTime],
    ends: &'a [CaptureTime],
    rises: &'a [Change],
    falls: &'a [Change],
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
fn sweep(mut streams: Streams<'_>, calendar: &Calendar) -> [Vec<HourCount>; LANES] {
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

/// The days' figures under each of several readings, in their order.
pub(super) fn evaluate(
    units: &Units<'_>,
    calendar: &Calendar,
    readings: &[CountReading],
) -> Vec<Vec<DayCount>> {
    let mut results = vec![Vec::new(); readings.len()];
    for cut in Cut::ALL.iter().copied() {
        if readings.iter().all(|reading| reading.cut != cut) {
            continue;
        }
        let table = units.table(cut);
        let prepared = prepare(table);
        for span in Span::ALL.iter().copied() {
            let wanted = |edges: Edges| {
                let place = readings.iter().enumerate();
                place.filter(move |(_, r)| (r.cut, r.span, r.edges) == (cut, span, edges))
            };
            if Edges::ALL.iter().all(|edges| wanted(*edges).next().is_none()) {
                continue;
            }
            let (starts, ends) = common_moments(table, &prepared.common, cut, span);
            for edges in Edges::ALL.iter().copied() {
                if wanted(edges).next().is_none() {
                    continue;
                }
                let shape = Shape { cut, span, edges };
                let changes = lane_changes(table, &prepared, shape);
                let streams = Streams {
                    edges,
                    starts: &starts,
                    ends: &ends,
                    rises: &changes.rises,
                    falls: &changes.falls,
                };
                let lanes = sweep(streams, calendar);
                for (place, reading) in wanted(edges) {
                    let lane = lane_of(reading.dedup, reading.terminated, reading.branches);
                    results[place] = day_counts(&lanes[lane], calendar);
                }
            }
        }
    }
    results
}
