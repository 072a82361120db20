//! All readings at once: one sweep for all readings that share `cut`, `span` and `edges`.
//!
//! A lane is one choice on the other three axes that count, `dedup`, `terminated` and `branches`. What
//! these make of the units does not depend on `span` and `edges`: it is worked out once a table, as
//! parts, each with the lanes that count it as one channel. Where all lanes begin or end a channel at
//! the same moment, whatever part it is in, that is a change of the common counter.

use super::calendar::Calendar;
use super::count::{DayCount, day_counts, union_of};
use super::dedup::{group_same_key, units_by_key, within_window};
use super::interval::{Shape, occupied};
use super::reading::{Branches, CountReading, Cut, Dedup, Edges, Span, Terminated};
use super::sweep::{Change, Streams, sweep};
use super::unit::{NO_KEY, UnitHead, UnitTable, Units};
use crate::base::CaptureTime;

/// Every lane.
const ALL_LANES: u16 = u16::MAX;
/// The lanes in which legs that end in 487 count.
const COUNTED: u16 = 0xcccc;
/// The lanes in which every branch is a channel.
const BY_BRANCH: u16 = 0xaaaa;

/// The lane of a reading. `branches` runs fastest, then `terminated`.
const fn lane_of(dedup: Dedup, terminated: Terminated, branches: Branches) -> usize {
    dedup as usize * 4 + terminated as usize * 2 + branches as usize
}

/// The lanes of a choice on `dedup`.
const fn lanes_of(dedup: Dedup) -> u16 {
    0b1111 << lane_of(dedup, Terminated::Excluded, Branches::Leg)
}

/// Units that some lanes count as one channel.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Their places in [`Parts::units`].
    from: u32,
    until: u32,
    /// Most branches of any of them.
    branches: u16,
    lanes: u16,
}

/// What the lanes make of the units of a table.
#[derive(Debug, Default)]
struct Parts {
    parts: Vec<Part>,
    units: Vec<u32>,
}

impl Parts {
    fn new(table: &UnitTable) -> Self {
        let heads = &table.heads;
        let by_key = units_by_key(table, |head| head.key != NO_KEY);
        // Chains of equal numbers with steps within the window: every choice of the axes `dedup` and
        // `terminated` only refines them, since leaving units out, or measuring from the first, joins
        // less.
        let near = |left: &u32, right: &u32| {
            let (left, right) = (&heads[*left as usize], &heads[*right as usize]);
            left.key == right.key && within_window(left, right)
        };
        let mut clusters: Vec<&[u32]> =
            by_key.chunk_by(near).filter(|units| units.len() > 1).collect();
        let mut in_cluster = vec![false; heads.len()];
        clusters.iter().copied().flatten().for_each(|unit| in_cluster[*unit as usize] = true);
        // By start, as the units are: then most changes come in the order of time.
        clusters.sort_unstable_by_key(|units| units.first().copied());
        let mut made = Self::default();
        for (unit, head) in (0u32..).zip(heads).filter(|(unit, _)| !in_cluster[*unit as usize]) {
            let lanes = if head.terminated { COUNTED } else { ALL_LANES };
            made.push(heads, &[unit], lanes);
        }
        let mut scratch = Scratch::default();
        for cluster in clusters {
            match cluster {
                [first, second] => made.push_pair(heads, *first, *second),
                _ => made.push_cluster(heads, cluster, &mut scratch),
            }
        }
        made
    }

    fn push(&mut self, heads: &[UnitHead], units: &[u32], lanes: u16) {
        if lanes == 0 {
            return;
        }
        let place = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let from = place(self.units.len());
        self.units.extend(units);
        let branches = units.iter().map(|unit| heads[*unit as usize].branches).max();
        let until = place(self.units.len());
        self.parts.push(Part { from, until, branches: branches.unwrap_or(1), lanes });
    }

    /// Two units of equal numbers within the window: the usual cluster.
    fn push_pair(&mut self, heads: &[UnitHead], first: u32, second: u32) {
        let (one, other) = (&heads[first as usize], &heads[second as usize]);
        let across = if one.sensor == other.sensor { 0 } else { lanes_of(Dedup::AcrossSensors) };
        let counts = |head: &UnitHead| if head.terminated { COUNTED } else { ALL_LANES };
        let joins = lanes_of(Dedup::GroupFirst) | lanes_of(Dedup::GroupLatest) | across;
        let together = joins & counts(one) & counts(other);
        self.push(heads, &[first, second], together);
        self.push(heads, &[first], counts(one) & !together);
        self.push(heads, &[second], counts(other) & !together);
    }

    /// Any cluster: the groups of every choice, equal ones once.
    fn push_cluster(&mut self, heads: &[UnitHead], cluster: &[u32], scratch: &mut Scratch) {
        let Scratch { counted, groups, units, found } = scratch;
        units.clear();
        found.clear();
        for terminated in Terminated::ALL.iter().copied() {
            counted.clear();
            counted.extend(cluster.iter().filter(|unit| {
                terminated == Terminated::Counted || !heads[**unit as usize].terminated
            }));
            for dedup in Dedup::ALL.iter().copied() {
                groups.clear();
                groups.extend(counted.iter().map(|unit| (*unit, *unit)));
                group_same_key(heads, counted, dedup, |unit, first| {
                    // Unit numbers rise inside a cluster.
                    let place = groups.partition_point(|(_, known)| *known < unit);
                    groups[place].0 = first;
                });
                groups.sort_unstable();
                let lanes = 0b11 << lane_of(dedup, terminated, Branches::Leg);
                for group in groups.chunk_by(|left, right| left.0 == right.0) {
                    let from = units.len();
                    units.extend(group.iter().map(|(_, unit)| *unit));
                    found.push((from, units.len(), lanes));
                }
            }
        }
        found.sort_unstable_by(|left, right| {
            units[left.0..left.1].cmp(&units[right.0..right.1]).then(left.2.cmp(&right.2))
        });
        for equal in found.chunk_by(|l, r| units[l.0..l.1] == units[r.0..r.1]) {
            let lanes = equal.iter().fold(0, |lanes, group| lanes | group.2);
            if let Some((from, until, _)) = equal.first() {
                self.push(heads, &units[*from..*until], lanes);
            }
        }
    }
}

/// Room that clusters share.
#[derive(Default)]
struct Scratch {
    counted: Vec<u32>,
    groups: Vec<(u32, u32)>,
    units: Vec<u32>,
    found: Vec<(usize, usize, u16)>,
}

/// A change before the axis `edges` shapes its moment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Moment {
    time: CaptureTime,
    weight: u16,
    lanes: u16,
}

/// Changes as they are found: one of the same moment and weight is looked for among so many last ones.
const LOOK_BACK: usize = 3;

/// Changes of one direction.
#[derive(Debug, Default)]
struct Moments {
    /// Of all lanes, by one.
    common: Vec<CaptureTime>,
    /// Of the lanes of a mask.
    lanes: Vec<Moment>,
}

impl Moments {
    fn push(&mut self, time: CaptureTime, weight: u16, lanes: u16) {
        if lanes == 0 {
            return;
        }
        // Parts of one cluster often begin or end together: their lanes make one change.
        let from = self.lanes.len().saturating_sub(LOOK_BACK);
        let same = |known: &Moment| {
            (known.time, known.weight) == (time, weight) && known.lanes & lanes == 0
        };
        let lanes = match self.lanes[from..].iter().position(same) {
            Some(place) => lanes | self.lanes.remove(from + place).lanes,
            None => lanes,
        };
        if lanes == ALL_LANES && weight == 1 {
            self.common.push(time);
        } else {
            self.lanes.push(Moment { time, weight, lanes });
        }
    }

    /// A channel of some branches: one in the lanes by leg, as many as it has branches in the others.
    fn push_channel(&mut self, time: CaptureTime, branches: u16, lanes: u16) {
        if branches == 1 {
            self.push(time, 1, lanes);
        } else {
            self.push(time, 1, lanes & !BY_BRANCH);
            self.push(time, branches, lanes & BY_BRANCH);
        }
    }

    /// Stable sorts take what is in order already as it is.
    fn sort(&mut self) {
        self.common.sort();
        self.lanes.sort();
    }
}

/// What is the same for every choice on `edges`.
struct Spans {
    rises: Moments,
    falls: Moments,
    /// Parts that are no single stretch of time, or none at all, by exact edges: those that `edges`
    /// shapes in another way than by moving their ends.
    odd: Vec<Part>,
}

impl Spans {
    fn new(table: &UnitTable, parts: &Parts, cut: Cut, span: Span) -> Self {
        let mut made =
            Self { rises: Moments::default(), falls: Moments::default(), odd: Vec::new() };
        for part in &parts.parts {
            match stretch(table, parts, part, cut, span) {
                Stretch::One(start, end) => {
                    made.rises.push_channel(start, part.branches, part.lanes);
                    made.falls.push_channel(end, part.branches, part.lanes);
                }
                Stretch::Odd => made.odd.push(*part),
                Stretch::Never => {}
            }
        }
        made.rises.sort();
        made.falls.sort();
        made
    }

    /// The changes of single lanes as `edges` shapes them.
    fn changes(
        &self,
        table: &UnitTable,
        parts: &Parts,
        shape: Shape,
    ) -> (Vec<Change>, Vec<Change>) {
        let (mut rises, mut falls) = (Vec::new(), Vec::new());
        let mut intervals = Vec::new();
        for part in &self.odd {
            union_of(table, units_of(parts, part), shape, &mut intervals);
            for found in &intervals {
                let by_leg = (1, part.lanes & !BY_BRANCH);
                let by_branch = (part.branches, part.lanes & BY_BRANCH);
                for (weight, lanes) in [by_leg, by_branch] {
                    rises.push(Change { at_ns: found.start_ns, weight, lanes });
                    falls.push(Change { at_ns: found.end_ns, weight, lanes });
                }
            }
        }
        let shaped = |moments: &[Moment], mut odd: Vec<Change>, at: &dyn Fn(CaptureTime) -> i64| {
            let has_odd = !odd.is_empty();
            odd.extend(moments.iter().map(|moment| {
                let Moment { time, weight, lanes } = *moment;
                Change { at_ns: at(time), weight, lanes }
            }));
            if has_odd {
                odd.sort_by_key(|change| change.at_ns);
            }
            odd
        };
        let edges = shape.edges;
        (
            shaped(&self.rises.lanes, rises, &|time| edges.start_ns(time)),
            shaped(&self.falls.lanes, falls, &|time| edges.end_ns(time)),
        )
    }
}

fn units_of<'p>(parts: &'p Parts, part: &Part) -> &'p [u32] {
    &parts.units[part.from as usize..part.until as usize]
}

/// How a part lies in time.
enum Stretch {
    /// From the first of these moments to the second, later one, without a gap.
    One(CaptureTime, CaptureTime),
    /// With gaps, or without length.
    Odd,
    /// It occupies nothing under any choice on `edges`.
    Never,
}

fn stretch(table: &UnitTable, parts: &Parts, part: &Part, cut: Cut, span: Span) -> Stretch {
    let mut whole: Option<(CaptureTime, CaptureTime)> = None;
    for unit in units_of(parts, part) {
        for times in table.times_of(&table.heads[*unit as usize]) {
            let Some((start, end)) = occupied(times, cut, span) else { continue };
            whole = match whole {
                None => Some((start, end)),
                // In any order: what does not touch what is there already may be joined by a later
                // one, but rarely.
                Some((first, last)) if start <= last && first <= end => {
                    Some((first.min(start), last.max(end)))
                }
                Some(_) => return Stretch::Odd,
            };
        }
    }
    match whole {
        None => Stretch::Never,
        Some((start, end)) if start < end => Stretch::One(start, end),
        Some(_) => Stretch::Odd,
    }
}

/// How much was done: what readings share must not be done for each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Work {
    /// Tables of which the parts were worked out.
    pub(super) tables: usize,
    /// Parts of them.
    pub(super) parts: usize,
    /// Sorts of changes.
    pub(super) sorts: usize,
    /// Sweeps.
    pub(super) sweeps: usize,
    /// Changes that sweeps walked over.
    pub(super) changes: usize,
}

/// The days' figures under each of several readings, in their order.
pub(super) fn evaluate(
    units: &Units<'_>,
    calendar: &Calendar,
    readings: &[CountReading],
) -> Vec<Vec<DayCount>> {
    evaluate_counting(units, calendar, readings).0
}

/// The same, with what it took.
pub(super) fn evaluate_counting(
    units: &Units<'_>,
    calendar: &Calendar,
    readings: &[CountReading],
) -> (Vec<Vec<DayCount>>, Work) {
    let mut results = vec![Vec::new(); readings.len()];
    let mut work = Work::default();
    let mut parts: Option<Parts> = None;
    for cut in Cut::ALL.iter().copied() {
        if readings.iter().all(|reading| reading.cut != cut) {
            continue;
        }
        let table = units.table(cut);
        if parts.is_none() || units.tables_differ() {
            let made = Parts::new(table);
            work.tables += 1;
            work.parts += made.parts.len();
            parts = Some(made);
        }
        let Some(parts) = &parts else { continue };
        for span in Span::ALL.iter().copied() {
            let of_span = |edges: Edges| {
                let place = readings.iter().enumerate();
                place.filter(move |(_, r)| (r.cut, r.span, r.edges) == (cut, span, edges))
            };
            if Edges::ALL.iter().all(|edges| of_span(*edges).next().is_none()) {
                continue;
            }
            let spans = Spans::new(table, parts, cut, span);
            work.sorts += 1;
            for edges in Edges::ALL.iter().copied() {
                if of_span(edges).next().is_none() {
                    continue;
                }
                let (rises, falls) = spans.changes(table, parts, Shape { cut, span, edges });
                let (starts, ends) = (&spans.rises.common, &spans.falls.common);
                work.sweeps += 1;
                work.changes += starts.len() + ends.len() + rises.len() + falls.len();
                let lanes =
                    sweep(Streams { edges, starts, ends, rises: &rises, falls: &falls }, calendar);
                for (place, reading) in of_span(edges) {
                    let lane = lane_of(reading.dedup, reading.terminated, reading.branches);
                    results[place] = day_counts(&lanes[lane], calendar);
                }
            }
        }
    }
    (results, work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::oracle::{cdr, count_readings};
    use crate::channel::{Groups, Reading};
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    const S: i64 = 1_000_000_000;

    /// The bound of 3 between all readings and one, as what is done and not as what time it takes: what
    /// readings share is done once, however many there are. `benches/readings.rs` takes the time.
    #[test]
    fn what_readings_share_is_done_once() {
        let calendar = Calendar::new(TimeZone::UTC, date(2026, 1, 1), date(2026, 1, 3));
        let (first, _) = calendar.bounds_ns();
        let mut cdrs = Vec::new();
        // Pairs of legs as a B2BUA makes them, and as many legs alone.
        for call in 0..500i64 {
            let start = first + call * 300 * S;
            let numbers = (&*format!("{call:06}"), "200000");
            let number = |leg| call as u32 * 4 + leg;
            cdrs.push(cdr(number(1), numbers, start, start + 90 * S));
            cdrs.push(cdr(number(2), numbers, start + S / 2, start + 91 * S));
            cdrs.push(cdr(number(3), ("", ""), start, start + 60 * S));
        }
        let units = Units::new(&cdrs, &Groups::singles(cdrs.len()));
        let all = count_readings();
        assert_eq!(all.len() * 24, Reading::all().len());
        let (results, work) = evaluate_counting(&units, &calendar, &all);
        assert!(results.iter().all(|days| days.len() == 3));
        // One table, since no CDR is another one when the vendor's timeouts cut.
        assert_eq!((work.tables, work.sorts, work.sweeps), (1, 4, 8));
        // A pair is one channel or two: together, first, second.
        assert_eq!(work.parts, 500 * (3 + 1));
        // Ends and starts of the lanes together count once: 2 of the leg alone, 4 of the pair.
        assert_eq!(work.changes, 8 * 500 * (2 + 4));
        // One reading of each interval set costs as many sweeps as all readings of it.
        let one: Vec<CountReading> = all
            .iter()
            .copied()
            .filter(|reading| lane_of(reading.dedup, reading.terminated, reading.branches) == 0)
            .collect();
        let (_, of_one) = evaluate_counting(&units, &calendar, &one);
        assert_eq!(of_one, work);
        let (_, documented) = evaluate_counting(&units, &calendar, &[Reading::documented().count]);
        assert_eq!((documented.tables, documented.sorts, documented.sweeps), (1, 1, 1));
        // With parts that only the timeouts make there are two tables, and never more.
        cdrs[0].only_when_cut = true;
        let units = Units::new(&cdrs, &Groups::singles(cdrs.len()));
        let (_, cut) = evaluate_counting(&units, &calendar, &all);
        assert_eq!((cut.tables, cut.sorts, cut.sweeps), (2, 4, 8));
    }

    /// A pair has its own way, any larger cluster the general one: both make the same of a pair.
    #[test]
    fn a_pair_is_made_as_any_cluster_is() {
        for (sensors, responses) in [
            ([0, 0], [200, 200]),
            ([0, 1], [200, 200]),
            ([0, 1], [487, 200]),
            ([0, 0], [200, 487]),
            ([1, 0], [487, 487]),
        ] {
            let mut cdrs = [cdr(0, ("1", "2"), 0, S), cdr(1, ("1", "2"), S / 2, 2 * S)];
            for (place, cdr) in cdrs.iter_mut().enumerate() {
                cdr.sensor.0 = sensors[place];
                cdr.last_response = responses[place];
            }
            let units = Units::new(&cdrs, &Groups::singles(2));
            let table = units.table(Cut::Packets);
            let (mut pair, mut cluster) = (Parts::default(), Parts::default());
            pair.push_pair(&table.heads, 0, 1);
            cluster.push_cluster(&table.heads, &[0, 1], &mut Scratch::default());
            let listed = |parts: &Parts| {
                let list = parts.parts.iter().map(|p| (units_of(parts, p).to_vec(), p.lanes));
                let mut list: Vec<(Vec<u32>, u16)> = list.collect();
                list.sort();
                list
            };
            assert_eq!(listed(&pair), listed(&cluster), "{sensors:?} {responses:?}");
        }
    }
}
