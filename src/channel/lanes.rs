//! All readings at once: one pass over the units for all readings.
//!
//! A lane is one choice on the other axes that count, `cut`, `dedup`, `terminated` and `branches`. What
//! these make of the units does not depend on `span` and `edges`: it is worked out once, cluster by cluster,
//! as parts, each with the lanes that count it as one channel. Where all lanes begin or end a channel at the
//! same moment, whatever part it is in, that is a change of the common counter.

use super::calendar::Calendar;
use super::count::{DayCount, day_counts};
use super::dedup::{Clusters, Member, clusters, dedup_reach, group_same_key};
use super::evident::Distinct;
use super::hidden::{Hidden, union_of};
use super::history::{EvidentlyDifferent, History};
use super::interval::{Interval, Shape, occupied};
use super::reading::{Branches, CountReading, Cut, Dedup, Edges, Span, Terminated};
use super::sweep::{ALL_LANES, Change, LANES, Timeline};
use super::table::CdrTimes;
use super::unit::{UnitHead, Units};

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

/// Units of a cluster that some lanes count as one channel.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Their places in [`Parts::places`].
    from: usize,
    until: usize,
    lanes: u32,
}

/// What the lanes make of a cluster; with room that clusters share.
#[derive(Debug, Default)]
struct Parts {
    parts: Vec<Part>,
    /// Units, by their places in the cluster.
    places: Vec<usize>,
    counted: Vec<usize>,
    counted_members: Vec<Member>,
    groups: Vec<(usize, usize)>,
    sorted: Vec<usize>,
    found: Vec<(usize, usize, u32)>,
}

impl Parts {
    /// Of a cluster of more than one unit.
    fn make(&mut self, cluster: &[Member]) {
        self.parts.clear();
        self.places.clear();
        match cluster {
            [first, second] => self.push_pair(first, second),
            _ => self.push_cluster(cluster),
        }
    }

    fn push(&mut self, some: impl IntoIterator<Item = usize>, lanes: u32) {
        if lanes == 0 {
            return;
        }
        let from = self.places.len();
        self.places.extend(some);
        self.parts.push(Part { from, until: self.places.len(), lanes });
    }

    /// Two units of equal numbers within the window: the usual cluster.
    fn push_pair(&mut self, first: &Member, second: &Member) {
        let [of_first, of_second] = [first, second].map(|member| lanes_of_unit(&member.head));
        let mut joins = lanes_of_dedup(Dedup::GroupFirst) | lanes_of_dedup(Dedup::GroupLatest);
        if first.sensor != second.sensor {
            joins |= lanes_of_dedup(Dedup::AcrossSensors);
        }
        let together = joins & of_first & of_second;
        self.push([0, 1], together);
        self.push([0], of_first & !together);
        self.push([1], of_second & !together);
    }

    /// Any cluster: the groups of every choice, equal ones once.
    fn push_cluster(&mut self, cluster: &[Member]) {
        self.find_groups(cluster);
        let Self { sorted, found, .. } = &mut *self;
        found.sort_unstable_by(|left, right| {
            sorted[left.0..left.1].cmp(&sorted[right.0..right.1]).then(left.2.cmp(&right.2))
        });
        let (sorted, found) = (std::mem::take(sorted), std::mem::take(found));
        for equal in found.chunk_by(|l, r| sorted[l.0..l.1] == sorted[r.0..r.1]) {
            let lanes = equal.iter().fold(0, |lanes, group| lanes | group.2);
            if let Some((from, until, _)) = equal.first() {
                self.push(sorted[*from..*until].iter().copied(), lanes);
            }
        }
        (self.sorted, self.found) = (sorted, found);
    }

    /// The groups of every choice, each with its lanes.
    fn find_groups(&mut self, cluster: &[Member]) {
        let Self { counted, counted_members, groups, sorted, found, .. } = self;
        sorted.clear();
        found.clear();
        // Where the choices of `cut` are alike the first is worked out for both.
        let (cuts, both) = match cluster.iter().all(|member| member.head.is_alike()) {
            true => (&Cut::ALL[..1], 0x0001_0001),
            false => (Cut::ALL, 1),
        };
        let choices = cuts.iter().flat_map(|cut| Terminated::ALL.iter().map(|t| (*cut, *t)));
        for (cut, terminated) in choices {
            let lane = lane_of(cut, Dedup::None, terminated, Branches::Leg);
            let counts = |place: &usize| lanes_of_unit(&cluster[*place].head) >> lane & 1 == 1;
            counted.clear();
            counted.extend((0..cluster.len()).filter(counts));
            counted_members.clear();
            counted_members.extend(counted.iter().map(|place| cluster[*place]));
            for dedup in Dedup::ALL.iter().copied() {
                groups.clear();
                groups.extend(counted.iter().map(|place| (*place, *place)));
                group_same_key(counted_members, dedup, |own, first| {
                    groups[own].0 = counted[first];
                });
                groups.sort_unstable();
                let lanes = (0b11 * both) << lane_of(cut, dedup, terminated, Branches::Leg);
                for group in groups.chunk_by(|left, right| left.0 == right.0) {
                    let from = sorted.len();
                    sorted.extend(group.iter().map(|(_, place)| *place));
                    found.push((from, sorted.len(), lanes));
                }
            }
        }
    }
}

/// Changes as they are found: one of the same moment and weight is looked for among so many last ones.
const LOOK_BACK: usize = 3;

/// Changes of one direction that a cluster makes, before the axis `edges` shapes their moments.
#[derive(Debug, Default)]
struct Moments(Vec<Change>);

impl Moments {
    fn push(&mut self, at_ns: i64, weight: u16, lanes: u32) {
        if lanes == 0 {
            return;
        }
        // Parts of one cluster often begin or end together: their lanes make one change.
        let from = self.0.len().saturating_sub(LOOK_BACK);
        let same = |known: &Change| {
            (known.at_ns, known.weight) == (at_ns, weight) && known.lanes & lanes == 0
        };
        let lanes = match self.0[from..].iter().position(same) {
            Some(place) => lanes | self.0.remove(from + place).lanes,
            None => lanes,
        };
        self.0.push(Change { at_ns, weight, lanes });
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

/// How some CDRs lie in time under a choice of `cut`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stretch {
    /// From the first of these moments to the second, without a gap; they can be one.
    One(i64, i64),
    /// With gaps.
    Gaps,
    /// They occupy nothing under any choice on `edges`.
    Never,
}

impl Stretch {
    fn of(times: &CdrTimes, cut: Cut, span: Span) -> Self {
        let found = occupied(times, cut, span);
        found.map_or(Self::Never, |(start, end)| Self::One(start.ns(), end.ns()))
    }

    /// Both together, in any order: what does not touch what is there already may be joined by a later
    /// one, but rarely.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, other) | (other, Self::Never) => other,
            (Self::One(first, last), Self::One(start, end)) if start <= last && first <= end => {
                Self::One(first.min(start), last.max(end))
            }
            _ => Self::Gaps,
        }
    }
}

/// The changes of one choice on `span`, for each choice on `edges` that is asked for.
struct OfSpan<'c> {
    span: Span,
    timelines: Vec<(Edges, Timeline<'c>)>,
    rises: Moments,
    falls: Moments,
    /// How each unit of a cluster lies, by choices on `cut`.
    stretches: Vec<[Stretch; 2]>,
    intervals: Vec<Interval>,
}

impl<'c> OfSpan<'c> {
    const fn new(span: Span, timelines: Vec<(Edges, Timeline<'c>)>) -> Self {
        Self {
            span,
            timelines,
            rises: Moments(Vec::new()),
            falls: Moments(Vec::new()),
            stretches: Vec::new(),
            intervals: Vec::new(),
        }
    }

    /// A channel of one CDR that no timeout cuts, of some branches and in some lanes; false when it is
    /// something else.
    #[inline]
    fn push_single(&mut self, times: &CdrTimes, branches: u16, lanes: u32) -> bool {
        let usual = Stretch::of(times, Cut::Packets, self.span);
        let (start, end) = match usual {
            Stretch::One(start, end) if start < end => (start, end),
            Stretch::Never => return true,
            Stretch::One(..) | Stretch::Gaps => return false,
        };
        for (edges, timeline) in &mut self.timelines {
            let (start_ns, end_ns) = (edges.start_ns(start), edges.end_ns(end));
            if lanes == ALL_LANES && branches == 1 {
                timeline.push_common(start_ns, end_ns);
                continue;
            }
            let by_branch = if branches == 1 { 0 } else { BY_BRANCH };
            for (weight, lanes) in [(1, lanes & !by_branch), (branches, lanes & by_branch)] {
                timeline.push(Change { at_ns: start_ns, weight, lanes }, true);
                timeline.push(Change { at_ns: end_ns, weight, lanes }, false);
            }
        }
        true
    }

    /// Looks how the units of a cluster lie.
    fn look(&mut self, units: &Units<'_>, cluster: &[Member]) {
        self.stretches.clear();
        for Member { head, .. } in cluster {
            let of_cut = |cut: Cut| {
                let rows = units.rows_of(head, cut);
                let of_row = |at| Stretch::of(&units.times(at), cut, self.span);
                rows.map(of_row).fold(Stretch::Never, Stretch::and)
            };
            self.stretches.push([of_cut(Cut::Packets), of_cut(Cut::VendorTimeouts)]);
        }
    }

    /// One channel of some units of the cluster that was looked at.
    fn push(&mut self, units: &Units<'_>, cluster: &[Member], some: &[usize], lanes: u32) {
        let branches = some.iter().map(|place| cluster[*place].head.branches).max().unwrap_or(1);
        let of_cut = |cut: Cut| {
            let own = some.iter().map(|place| self.stretches[*place][cut as usize]);
            match lanes & lanes_of_cut(cut) {
                0 => (Stretch::Never, 0),
                lanes => (own.fold(Stretch::Never, Stretch::and), lanes),
            }
        };
        let (packets, vendor) = (of_cut(Cut::Packets), of_cut(Cut::VendorTimeouts));
        if let Stretch::One(start, end) = packets.0
            && start < end
            && packets.0 == vendor.0
        {
            self.rises.push_channel(start, branches, lanes);
            self.falls.push_channel(end, branches, lanes);
            return;
        }
        for (cut, (found, lanes)) in [(Cut::Packets, packets), (Cut::VendorTimeouts, vendor)] {
            match found {
                Stretch::Never => {}
                Stretch::One(start, end) if start < end => {
                    self.rises.push_channel(start, branches, lanes);
                    self.falls.push_channel(end, branches, lanes);
                }
                // `edges` shapes them in another way than by moving their ends.
                Stretch::One(..) | Stretch::Gaps => {
                    let heads = some.iter().map(|place| cluster[*place].head);
                    self.push_odd(units, heads, cut, branches, lanes);
                }
            }
        }
    }

    /// A channel that is no single stretch of time by exact edges.
    fn push_odd(
        &mut self,
        units: &Units<'_>,
        heads: impl Iterator<Item = UnitHead> + Clone,
        cut: Cut,
        branches: u16,
        lanes: u32,
    ) {
        let Self { span, timelines, intervals, .. } = self;
        for (edges, timeline) in timelines {
            let shape = Shape { cut, span: *span, edges: *edges };
            union_of(units, heads.clone(), shape, intervals);
            for found in &*intervals {
                for (weight, lanes) in [(1, lanes & !BY_BRANCH), (branches, lanes & BY_BRANCH)] {
                    timeline.push(Change { at_ns: found.start_ns, weight, lanes }, true);
                    timeline.push(Change { at_ns: found.end_ns, weight, lanes }, false);
                }
            }
        }
    }

    /// The cluster has no further channel.
    fn flush(&mut self) {
        let Self { timelines, rises, falls, .. } = self;
        for (edges, timeline) in timelines {
            for change in &rises.0 {
                let at_ns = edges.start_ns(change.at_ns);
                timeline.push(Change { at_ns, ..*change }, true);
            }
            for change in &falls.0 {
                let at_ns = edges.end_ns(change.at_ns);
                timeline.push(Change { at_ns, ..*change }, false);
            }
        }
        rises.0.clear();
        falls.0.clear();
    }
}

/// The pass over the clusters.
struct Pass<'p, 'a, 'c> {
    units: &'p Units<'a>,
    parts: Parts,
    spans: Vec<OfSpan<'c>>,
    hidden: Option<Hidden<'p>>,
    /// Channels of some lanes.
    channels: usize,
}

impl Pass<'_, '_, '_> {
    /// A unit that is a channel for itself.
    fn alone(&mut self, member: &Member) {
        let Self { units, spans, .. } = self;
        let head = &member.head;
        let lanes = lanes_of_unit(head);
        self.channels += 1;
        let times = units.only_row(head).map(|row| units.times(row));
        let times = times.filter(|times| times.ended == times.vendor_ended);
        for of_span in spans {
            let is_single = |times: &CdrTimes| of_span.push_single(times, head.branches, lanes);
            if !times.as_ref().is_some_and(is_single) {
                let cluster = std::slice::from_ref(member);
                of_span.look(units, cluster);
                of_span.push(units, cluster, &[0], lanes);
                of_span.flush();
            }
        }
    }
}

impl Clusters for Pass<'_, '_, '_> {
    fn cluster(&mut self, members: &[Member]) {
        if let [member] = members {
            return self.alone(member);
        }
        if let Some(hidden) = &mut self.hidden {
            hidden.look(self.units, members);
        }
        self.parts.make(members);
        let Self { units, parts: Parts { parts, places, .. }, spans, .. } = self;
        self.channels += parts.len();
        for of_span in spans {
            of_span.look(units, members);
            for part in &*parts {
                of_span.push(units, members, &places[part.from..part.until], part.lanes);
            }
            of_span.flush();
        }
    }

    fn passed(&mut self, start_ns: i64) {
        let start_ns = start_ns.saturating_sub(self.units.lead_ns());
        for (edges, timeline) in self.spans.iter_mut().flat_map(|span| &mut span.timelines) {
            timeline.passed(edges.start_ns(start_ns));
        }
    }
}

/// How much was done: what readings share must not be done for each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Work {
    /// Channels of some lanes.
    pub(super) parts: usize,
    /// Sweeps, each of which sorts its own changes.
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
    /// What deduplication hides; absent when it hides no evidently different call, or nobody asked.
    pub(super) hidden: Option<EvidentlyDifferent>,
    pub(super) work: Work,
}

/// Evaluates several readings; `with_history` is the one whose hours and peaks are wanted too, and with
/// `distinct` what deduplication hides under it.
pub(super) fn evaluate(
    units: &Units<'_>,
    calendar: &Calendar,
    readings: &[CountReading],
    with_history: Option<CountReading>,
    distinct: Option<&dyn Distinct>,
) -> Evaluated {
    let is_asked = |span: Span, edges: Edges| {
        readings.iter().any(|reading| (reading.span, reading.edges) == (span, edges))
    };
    let watched = with_history.filter(|reading| readings.contains(reading));
    let of_span = |span: Span| {
        let edges = Edges::ALL.iter().copied().filter(|edges| is_asked(span, *edges));
        let timeline = |edges: Edges| {
            let own = watched.filter(|reading| (reading.span, reading.edges) == (span, edges));
            (edges, Timeline::new(calendar, own.as_ref().map(lane_of_reading)))
        };
        OfSpan::new(span, edges.map(timeline).collect())
    };
    let spans = Span::ALL.iter().copied().map(of_span);
    let spans = spans.filter(|of_span| !of_span.timelines.is_empty()).collect();
    let hidden =
        with_history.zip(distinct).map(|(reading, distinct)| Hidden::new(reading, distinct));
    let mut pass = Pass { units, parts: Parts::default(), spans, hidden, channels: 0 };
    clusters(units, |_| true, dedup_reach, &mut pass);
    let days = vec![Vec::new(); readings.len()];
    let work = Work { parts: pass.channels, ..Work::default() };
    let hidden = pass.hidden.and_then(|hidden| hidden.told(units, calendar));
    let mut made = Evaluated { days, history: None, hidden, work };
    for OfSpan { span, timelines, .. } in pass.spans {
        for (edges, timeline) in timelines {
            let mut told = timeline.finish();
            made.work.sweeps += 1;
            made.work.changes += told.changes;
            let classes = 0..told.class_count();
            let days: Vec<Vec<DayCount>> =
                classes.map(|class| day_counts(told.hours(class), calendar)).collect();
            for (place, reading) in readings.iter().enumerate() {
                if (reading.span, reading.edges) == (span, edges) {
                    let lane = lane_of_reading(reading);
                    made.days[place].clone_from(&days[told.class_of(lane)]);
                    if Some(*reading) == watched {
                        let history = History::of_lane(&mut told, lane, calendar);
                        made.history = made.history.or(history);
                    }
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
            evaluate(units, &calendar, readings, None, None).work
        };
        let Evaluated { days: results, work, .. } = evaluate(&units, &calendar, &all, None, None);
        assert!(results.iter().all(|days| days.len() == 3));
        assert_eq!(work.sweeps, 4);
        // A pair is one channel or two: together, first, second.
        assert_eq!(work.parts, 500 * (3 + 1));
        // Ends and starts of the lanes together count once: 2 of the leg alone, 4 of the pair.
        assert_eq!(work.changes, 4 * 500 * (2 + 4));
        // One reading of each interval set costs as many sweeps as all readings of it.
        let one: Vec<CountReading> =
            all.iter().copied().filter(|reading| lane_of_reading(reading) == 0).collect();
        assert_eq!(counted(&units, &one), work);
        let documented = counted(&units, &[Reading::documented().count]);
        assert_eq!(documented.sweeps, 1);
        // Parts that only the timeouts make cost no further sweep.
        cdrs[0].only_when_cut = true;
        let units = Units::new(&cdrs, &Groups::singles(cdrs.len()));
        let cut = counted(&units, &all);
        assert_eq!(cut.sweeps, 4);
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
            let member = |head: UnitHead| {
                let row = units.row(head.first);
                Member { head, started_ns: row.started_ns(), sensor: row.sensor() }
            };
            let members: Vec<Member> = units.heads().map(member).collect();
            let (mut pair, mut cluster) = (Parts::default(), Parts::default());
            pair.push_pair(&members[0], &members[1]);
            cluster.push_cluster(&members);
            let listed = |parts: &Parts| {
                let units = |part: &Part| parts.places[part.from..part.until].to_vec();
                let list = parts.parts.iter().map(|part| (units(part), part.lanes));
                let mut list: Vec<(Vec<usize>, u32)> = list.collect();
                list.sort();
                list
            };
            assert_eq!(listed(&pair), listed(&cluster), "{sensors:?} {responses:?}");
        }
    }
}
