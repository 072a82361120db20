//! All readings at once: one sweep for all readings that share `span` and `edges`.
//!
//! A lane is one choice on the other axes that count, `cut`, `dedup`, `terminated` and `branches`. What
//! these make of the units does not depend on `span` and `edges`: it is worked out once, as parts, each
//! with the lanes that count it as one channel. Where all lanes begin or end a channel at the same moment,
//! whatever part it is in, that is a change of the common counter.

use super::calendar::Calendar;
use super::count::{DayCount, day_counts, union_of};
use super::dedup::{group_same_key, units_by_key, within_window};
use super::history::History;
use super::interval::{Shape, occupied};
use super::reading::{Branches, CountReading, Cut, Dedup, Edges, Span, Terminated};
use super::sweep::{Change, Classes, LANES, Streams, sweep};
use super::unit::{UnitHead, Units};

/// Every lane.
const ALL_LANES: u32 = u32::MAX;
/// The lanes in which legs that end in 487 count.
const COUNTED: u32 = 0xcccc_cccc;
/// The lanes in which every branch is a channel.
const BY_BRANCH: u32 = 0xaaaa_aaaa;
/// Lanes of a choice on `cut`.
const LANES_OF_CUT: usize = LANES / 2;

/// The lane of a reading. `branches` runs fastest, then `terminated`, `dedup`, `cut`.
const fn lane_of(cut: Cut, dedup: Dedup, terminated: Terminated, branches: Branches) -> usize {
    cut as usize * LANES_OF_CUT + dedup as usize * 4 + terminated as usize * 2 + branches as usize
}

const fn lane_of_reading(reading: &CountReading) -> usize {
    lane_of(reading.cut, reading.dedup, reading.terminated, reading.branches)
}

/// The lanes of a choice on `cut`.
const fn lanes_of_cut(cut: Cut) -> u32 {
    0xffff << (cut as usize * LANES_OF_CUT)
}

/// The lanes of a choice on `dedup`.
const fn lanes_of_dedup(dedup: Dedup) -> u32 {
    (0b1111 * 0x0001_0001) << (dedup as usize * 4)
}

/// The lanes in which a unit counts.
fn lanes_of_unit(head: &UnitHead) -> u32 {
    Cut::ALL.iter().copied().filter(|cut| head.exists(*cut)).fold(0, |lanes, cut| {
        let counts = if head.is_terminated(cut) { COUNTED } else { ALL_LANES };
        lanes | lanes_of_cut(cut) & counts
    })
}

/// Units that some lanes count as one channel.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Their places in [`Parts::units`].
    from: u32,
    until: u32,
    /// Most branches of any of them.
    branches: u16,
    lanes: u32,
}

/// What the lanes make of the units: those with others of equal numbers near them, as parts.
#[derive(Debug, Default)]
struct Parts {
    parts: Vec<Part>,
    units: Vec<u32>,
    /// For every unit whether it is in a part; the others are each a channel for themselves.
    is_in_part: Vec<bool>,
}

impl Parts {
    fn new(units: &Units<'_>) -> Self {
        let by_key = units_by_key(units, |_| true);
        // Chains of equal numbers with steps within the window: every choice of the axes `cut`, `dedup`
        // and `terminated` only refines them, since leaving units out, or measuring from the first,
        // joins less.
        let near = |left: &u32, right: &u32| {
            units.first(*left).key == units.first(*right).key && within_window(units, *left, *right)
        };
        let mut clusters: Vec<&[u32]> =
            by_key.chunk_by(near).filter(|units| units.len() > 1).collect();
        let mut made = Self { is_in_part: vec![false; units.heads.len()], ..Self::default() };
        let clustered = clusters.iter().copied().flatten();
        clustered.for_each(|unit| made.is_in_part[*unit as usize] = true);
        // By start, as the units are: then most changes come in the order of time.
        clusters.sort_unstable_by_key(|units| units.first().copied());
        let mut scratch = Scratch::default();
        for cluster in clusters {
            match cluster {
                [first, second] => made.push_pair(units, *first, *second),
                _ => made.push_cluster(units, cluster, &mut scratch),
            }
        }
        made
    }

    /// The units that are in no part.
    fn alone(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.is_in_part).filter(|(_, is_in_part)| !**is_in_part).map(|(unit, _)| unit)
    }

    fn push(&mut self, units: &Units<'_>, some: &[u32], lanes: u32) {
        if lanes == 0 {
            return;
        }
        let place = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let from = place(self.units.len());
        self.units.extend(some);
        let branches = some.iter().map(|unit| units.heads[*unit as usize].branches).max();
        let until = place(self.units.len());
        self.parts.push(Part { from, until, branches: branches.unwrap_or(1), lanes });
    }

    /// Two units of equal numbers within the window: the usual cluster.
    fn push_pair(&mut self, units: &Units<'_>, first: u32, second: u32) {
        let counts = |unit: u32| lanes_of_unit(&units.heads[unit as usize]);
        let sensor = |unit: u32| units.first(unit).sensor;
        let mut joins = lanes_of_dedup(Dedup::GroupFirst) | lanes_of_dedup(Dedup::GroupLatest);
        if sensor(first) != sensor(second) {
            joins |= lanes_of_dedup(Dedup::AcrossSensors);
        }
        let together = joins & counts(first) & counts(second);
        self.push(units, &[first, second], together);
        self.push(units, &[first], counts(first) & !together);
        self.push(units, &[second], counts(second) & !together);
    }

    /// Any cluster: the groups of every choice, equal ones once.
    fn push_cluster(&mut self, units: &Units<'_>, cluster: &[u32], scratch: &mut Scratch) {
        let Scratch { counted, groups, units: sorted, found } = scratch;
        sorted.clear();
        found.clear();
        // Where the choices of `cut` are alike the first is worked out for both.
        let (cuts, both) = match units.cuts_are_alike(cluster) {
            true => (&Cut::ALL[..1], 0x0001_0001),
            false => (Cut::ALL, 1),
        };
        let choices = cuts.iter().flat_map(|cut| Terminated::ALL.iter().map(|t| (*cut, *t)));
        for (cut, terminated) in choices {
            let lane = lane_of(cut, Dedup::None, terminated, Branches::Leg);
            counted.clear();
            let counts =
                |unit: &&u32| lanes_of_unit(&units.heads[**unit as usize]) >> lane & 1 == 1;
            counted.extend(cluster.iter().filter(counts));
            for dedup in Dedup::ALL.iter().copied() {
                groups.clear();
                groups.extend(counted.iter().map(|unit| (*unit, *unit)));
                group_same_key(units, counted, dedup, |unit, first| {
                    // Unit numbers rise inside a cluster.
                    let place = groups.partition_point(|(_, known)| *known < unit);
                    groups[place].0 = first;
                });
                groups.sort_unstable();
                let lanes = (0b11 * both) << lane_of(cut, dedup, terminated, Branches::Leg);
                for group in groups.chunk_by(|left, right| left.0 == right.0) {
                    let from = sorted.len();
                    sorted.extend(group.iter().map(|(_, unit)| *unit));
                    found.push((from, sorted.len(), lanes));
                }
            }
        }
        found.sort_unstable_by(|left, right| {
            sorted[left.0..left.1].cmp(&sorted[right.0..right.1]).then(left.2.cmp(&right.2))
        });
        for equal in found.chunk_by(|l, r| sorted[l.0..l.1] == sorted[r.0..r.1]) {
            let lanes = equal.iter().fold(0, |lanes, group| lanes | group.2);
            if let Some((from, until, _)) = equal.first() {
                self.push(units, &sorted[*from..*until], lanes);
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
    found: Vec<(usize, usize, u32)>,
}

/// Changes as they are found: one of the same moment and weight is looked for among so many last ones.
const LOOK_BACK: usize = 3;

/// Changes of one direction, before the axis `edges` shapes their moments.
#[derive(Debug, Default)]
struct Moments {
    /// Of all lanes, by one.
    common: Vec<i64>,
    /// Of the lanes of a mask.
    lanes: Vec<Change>,
}

impl Moments {
    fn push(&mut self, at_ns: i64, weight: u16, lanes: u32) {
        if lanes == 0 {
            return;
        }
        if lanes == ALL_LANES && weight == 1 {
            self.common.push(at_ns);
            return;
        }
        // Parts of one cluster often begin or end together: their lanes make one change.
        let from = self.lanes.len().saturating_sub(LOOK_BACK);
        let same = |known: &Change| {
            (known.at_ns, known.weight) == (at_ns, weight) && known.lanes & lanes == 0
        };
        let lanes = match self.lanes[from..].iter().position(same) {
            Some(place) => lanes | self.lanes.remove(from + place).lanes,
            None => lanes,
        };
        if lanes == ALL_LANES && weight == 1 {
            self.common.push(at_ns);
        } else {
            self.lanes.push(Change { at_ns, weight, lanes });
        }
    }

    /// A channel of some branches: one in the lanes by leg, as many as it has branches in the others.
    fn push_channel(&mut self, at_ns: i64, branches: u16, lanes: u32) {
        if branches == 1 {
            self.push(at_ns, 1, lanes);
        } else {
            self.push(at_ns, 1, lanes & !BY_BRANCH);
            self.push(at_ns, branches, lanes & BY_BRANCH);
        }
    }
}

/// What is the same for every choice on `edges`.
struct Spans {
    rises: Moments,
    falls: Moments,
    /// Parts that are no single stretch of time, or none at all, by exact edges: those that `edges`
    /// shapes in another way than by moving their ends. Each with its lanes under one choice of `cut`.
    odd: Vec<(Cut, Vec<u32>, u16, u32)>,
    classes: Classes,
}

impl Spans {
    fn new(units: &Units<'_>, parts: &Parts, span: Span) -> Self {
        let (rises, falls) = (Moments::default(), Moments::default());
        let mut made = Self { rises, falls, odd: Vec::new(), classes: Classes::new() };
        for unit in parts.alone() {
            let head = &units.heads[unit as usize];
            let lanes = lanes_of_unit(head);
            // The usual unit: one CDR that no timeout cuts.
            if let [row] = units.members_of(head)
                && let times = &units.row(*row).times
                && times.ended == times.vendor_ended
                && let Some((start, end)) = occupied(times, Cut::Packets, span)
                && start < end
            {
                made.rises.push_channel(start.ns(), head.branches, lanes);
                made.falls.push_channel(end.ns(), head.branches, lanes);
                continue;
            }
            made.push(units, &[unit], span, head.branches, lanes);
        }
        for part in &parts.parts {
            made.push(units, units_of(parts, part), span, part.branches, part.lanes);
        }
        // Starts are in order already but for those of parts: stable sorts take them as they are.
        made.rises.common.sort();
        made.rises.lanes.sort();
        made.falls.common.sort_unstable();
        made.falls.lanes.sort_unstable();
        let changes = made.rises.lanes.iter().chain(&made.falls.lanes);
        changes.for_each(|change| made.classes.split(change.lanes));
        for (_, _, _, lanes) in &made.odd {
            made.classes.split(lanes & !BY_BRANCH);
            made.classes.split(lanes & BY_BRANCH);
        }
        made
    }

    fn push(&mut self, units: &Units<'_>, some: &[u32], span: Span, branches: u16, lanes: u32) {
        let of_cut = |cut: Cut| match lanes & lanes_of_cut(cut) {
            0 => (Stretch::Never, 0),
            lanes => (stretch(units, some, cut, span), lanes),
        };
        let (packets, vendor) = (of_cut(Cut::Packets), of_cut(Cut::VendorTimeouts));
        if let (Stretch::One(start, end), Stretch::One(vendor_start, vendor_end)) =
            (packets.0, vendor.0)
            && (start, end) == (vendor_start, vendor_end)
        {
            self.rises.push_channel(start, branches, lanes);
            self.falls.push_channel(end, branches, lanes);
            return;
        }
        for (cut, (found, lanes)) in [(Cut::Packets, packets), (Cut::VendorTimeouts, vendor)] {
            match found {
                Stretch::One(start, end) => {
                    self.rises.push_channel(start, branches, lanes);
                    self.falls.push_channel(end, branches, lanes);
                }
                Stretch::Odd => self.odd.push((cut, some.to_vec(), branches, lanes)),
                Stretch::Never => {}
            }
        }
    }

    /// The changes of single lanes as `edges` shapes them, by classes.
    fn changes(&self, units: &Units<'_>, span: Span, edges: Edges) -> (Vec<Change>, Vec<Change>) {
        let (mut rises, mut falls) = (Vec::new(), Vec::new());
        let mut intervals = Vec::new();
        for (cut, some, branches, lanes) in &self.odd {
            union_of(units, some, Shape { cut: *cut, span, edges }, &mut intervals);
            for found in &intervals {
                for (weight, lanes) in [(1, lanes & !BY_BRANCH), (*branches, lanes & BY_BRANCH)] {
                    let lanes = self.classes.of_lanes(lanes);
                    rises.push(Change { at_ns: found.start_ns, weight, lanes });
                    falls.push(Change { at_ns: found.end_ns, weight, lanes });
                }
            }
        }
        let shaped = |moments: &[Change], mut odd: Vec<Change>, at: fn(Edges, i64) -> i64| {
            let has_odd = !odd.is_empty();
            odd.extend(moments.iter().map(|change| {
                let lanes = self.classes.of_lanes(change.lanes);
                Change { at_ns: at(edges, change.at_ns), lanes, ..*change }
            }));
            if has_odd {
                odd.sort_by_key(|change| change.at_ns);
            }
            odd
        };
        (
            shaped(&self.rises.lanes, rises, Edges::start_ns),
            shaped(&self.falls.lanes, falls, Edges::end_ns),
        )
    }
}

fn units_of<'p>(parts: &'p Parts, part: &Part) -> &'p [u32] {
    &parts.units[part.from as usize..part.until as usize]
}

/// How some units lie in time under a choice of `cut`.
#[derive(Clone, Copy, Debug)]
enum Stretch {
    /// From the first of these moments to the second, later one, without a gap.
    One(i64, i64),
    /// With gaps, or without length.
    Odd,
    /// They occupy nothing under any choice on `edges`.
    Never,
}

fn stretch(units: &Units<'_>, some: &[u32], cut: Cut, span: Span) -> Stretch {
    let mut whole: Option<(i64, i64)> = None;
    for unit in some {
        for row in units.rows_of(&units.heads[*unit as usize], cut) {
            let Some((start, end)) = occupied(&row.times, cut, span) else { continue };
            let (start, end) = (start.ns(), end.ns());
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
    /// Channels of some lanes.
    pub(super) parts: usize,
    /// Sorts of changes.
    pub(super) sorts: usize,
    /// Sweeps.
    pub(super) sweeps: usize,
    /// Changes that sweeps walked over.
    pub(super) changes: usize,
}

/// What readings give.
#[derive(Debug)]
pub(super) struct Evaluated {
    /// The days' figures under each reading, in their order.
    pub(super) days: Vec<Vec<DayCount>>,
    /// The history under the reading that was to have one; absent when it is not among the readings.
    pub(super) history: Option<History>,
    pub(super) work: Work,
}

/// Evaluates several readings; `with_history` is the one whose hours and peaks are wanted too.
pub(super) fn evaluate(
    units: &Units<'_>,
    calendar: &Calendar,
    readings: &[CountReading],
    with_history: Option<CountReading>,
) -> Evaluated {
    let days = vec![Vec::new(); readings.len()];
    let mut made = Evaluated { days, history: None, work: Work::default() };
    let parts = Parts::new(units);
    made.work.parts = parts.alone().count() + parts.parts.len();
    for span in Span::ALL.iter().copied() {
        let of_span = |edges: Edges| {
            let place = readings.iter().enumerate();
            place.filter(move |(_, reading)| (reading.span, reading.edges) == (span, edges))
        };
        if Edges::ALL.iter().all(|edges| of_span(*edges).next().is_none()) {
            continue;
        }
        let spans = Spans::new(units, &parts, span);
        made.work.sorts += 1;
        for edges in Edges::ALL.iter().copied() {
            if of_span(edges).next().is_none() {
                continue;
            }
            let (rises, falls) = spans.changes(units, span, edges);
            let (starts, ends) = (&spans.rises.common, &spans.falls.common);
            made.work.sweeps += 1;
            made.work.changes += starts.len() + ends.len() + rises.len() + falls.len();
            let streams = Streams { edges, starts, ends, rises: &rises, falls: &falls };
            let hours = sweep(streams, spans.classes.count(), calendar);
            let days: Vec<Vec<DayCount>> =
                hours.iter().map(|hours| day_counts(hours, calendar)).collect();
            for (place, reading) in of_span(edges) {
                let class = spans.classes.of_lane(lane_of_reading(reading));
                made.days[place].clone_from(&days[class]);
                if Some(*reading) == with_history {
                    let changes = streams.of_class(class);
                    let hours = &hours[class];
                    made.history = Some(History::of(changes, hours.clone(), calendar));
                }
            }
        }
    }
    made
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
        let counted = |units: &Units<'_>, readings: &[CountReading]| {
            evaluate(units, &calendar, readings, None).work
        };
        let Evaluated { days: results, work, .. } = evaluate(&units, &calendar, &all, None);
        assert!(results.iter().all(|days| days.len() == 3));
        assert_eq!((work.sorts, work.sweeps), (2, 4));
        // A pair is one channel or two: together, first, second.
        assert_eq!(work.parts, 500 * (3 + 1));
        // Ends and starts of the lanes together count once: 2 of the leg alone, 4 of the pair.
        assert_eq!(work.changes, 4 * 500 * (2 + 4));
        // One reading of each interval set costs as many sweeps as all readings of it.
        let one: Vec<CountReading> =
            all.iter().copied().filter(|reading| lane_of_reading(reading) == 0).collect();
        assert_eq!(counted(&units, &one), work);
        let documented = counted(&units, &[Reading::documented().count]);
        assert_eq!((documented.sorts, documented.sweeps), (1, 1));
        // Parts that only the timeouts make cost no further sweep.
        cdrs[0].only_when_cut = true;
        let units = Units::new(&cdrs, &Groups::singles(cdrs.len()));
        let cut = counted(&units, &all);
        assert_eq!((cut.sorts, cut.sweeps), (2, 4));
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
            let (mut pair, mut cluster) = (Parts::default(), Parts::default());
            pair.push_pair(&units, 0, 1);
            cluster.push_cluster(&units, &[0, 1], &mut Scratch::default());
            let listed = |parts: &Parts| {
                let list = parts.parts.iter().map(|p| (units_of(parts, p).to_vec(), p.lanes));
                let mut list: Vec<(Vec<u32>, u32)> = list.collect();
                list.sort();
                list
            };
            assert_eq!(listed(&pair), listed(&cluster), "{sensors:?} {responses:?}");
        }
    }
}
