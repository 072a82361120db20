//! Evidently different calls that deduplication hides (design.md section 12, point 5): how many, and the
//! days when each is a channel of its own.

use super::calendar::Calendar;
use super::count::{DayCount, day_counts};
use super::dedup::{Clusters, Grouping, Member, clusters, counts, dedup_reach, split};
use super::evident::Distinct;
use super::history::EvidentlyDifferent;
use super::interval::{Interval, Shape, interval_of, union};
use super::reading::{Branches, CountReading};
use super::sweep::{ALL_LANES, Change, Timeline};
use super::unit::{UnitHead, Units};

/// Evidently different calls that one reading makes one channel.
pub(super) struct Hidden<'p> {
    reading: CountReading,
    distinct: &'p dyn Distinct,
    grouping: Grouping,
    counted: Vec<Member>,
    /// Groups that hold such calls.
    groups: u32,
    /// The first rows of units that are another call than the first of their group.
    apart: Vec<u32>,
}

impl<'p> Hidden<'p> {
    pub(super) fn new(reading: CountReading, distinct: &'p dyn Distinct) -> Self {
        Self {
            reading,
            distinct,
            grouping: Grouping::default(),
            counted: Vec::new(),
            groups: 0,
            apart: Vec::new(),
        }
    }

    /// Looks at the units of a cluster.
    pub(super) fn look(&mut self, units: &Units<'_>, cluster: &[Member]) {
        let Self { reading, distinct, grouping, counted, groups, apart } = self;
        counted.clear();
        counted.extend(cluster.iter().filter(|member| counts(&member.head, *reading)));
        grouping.each(counted, reading.dedup, |group| {
            let before = apart.len();
            split(units, group, *distinct, |member| apart.push(member.head.first));
            *groups += u32::from(apart.len() > before);
        });
    }

    /// What was found; absent without any.
    pub(super) fn told(self, units: &Units<'_>, calendar: &Calendar) -> Option<EvidentlyDifferent> {
        let Self { reading, groups, mut apart, .. } = self;
        let legs = u32::try_from(apart.len()).unwrap_or(u32::MAX);
        apart.sort_unstable();
        let days = || days_with_apart(units, calendar, reading, &apart);
        (legs > 0).then(|| EvidentlyDifferent { groups, legs, days: days() })
    }
}

/// The union of what the CDRs of some units occupy.
pub(super) fn union_of(
    units: &Units<'_>,
    some: impl Iterator<Item = UnitHead>,
    shape: Shape,
    into: &mut Vec<Interval>,
) {
    into.clear();
    for head in some {
        let rows = units.rows_of(&head, shape.cut);
        into.extend(rows.filter_map(|at| interval_of(&units.times(at), shape)));
    }
    if into.len() > 1 {
        union(into);
    }
}

/// The days' figures under a reading when some units, by their first rows and rising, are channels of their
/// own.
fn days_with_apart(
    units: &Units<'_>,
    calendar: &Calendar,
    reading: CountReading,
    apart: &[u32],
) -> Vec<DayCount> {
    let shape = Shape { cut: reading.cut, span: reading.span, edges: reading.edges };
    let timeline = Timeline::new(calendar, None);
    let (grouping, intervals) = (Grouping::default(), Vec::new());
    let mut pass = Apart { units, reading, shape, apart, timeline, grouping, intervals };
    clusters(units, |head| counts(head, reading), dedup_reach, &mut pass);
    let told = pass.timeline.finish();
    day_counts(told.hours(told.class_of(0)), calendar)
}

/// One reading, with some units apart.
struct Apart<'p, 'a, 'c> {
    units: &'p Units<'a>,
    reading: CountReading,
    shape: Shape,
    apart: &'p [u32],
    timeline: Timeline<'c>,
    grouping: Grouping,
    intervals: Vec<Interval>,
}

impl Clusters for Apart<'_, '_, '_> {
    fn cluster(&mut self, members: &[Member]) {
        let Self { units, reading, shape, apart, timeline, grouping, intervals } = self;
        let mut push = |heads: &mut dyn Iterator<Item = UnitHead>, branches: u16| {
            let weight = if reading.branches == Branches::Branch { branches } else { 1 };
            union_of(units, heads, *shape, intervals);
            for found in &*intervals {
                let lanes = ALL_LANES;
                timeline.push(Change { at_ns: found.start_ns, weight, lanes }, true);
                timeline.push(Change { at_ns: found.end_ns, weight, lanes }, false);
            }
        };
        grouping.each(members, reading.dedup, |group| {
            let is_apart = |head: &UnitHead| apart.binary_search(&head.first).is_ok();
            let heads = || group.iter().map(|member| member.head);
            let left = || heads().filter(|head| !is_apart(head));
            push(&mut left(), left().map(|head| head.branches).max().unwrap_or(1));
            for head in heads().filter(is_apart) {
                push(&mut std::iter::once(head), head.branches);
            }
        });
    }

    fn passed(&mut self, start_ns: i64) {
        let start_ns = start_ns.saturating_sub(self.units.lead_ns());
        self.timeline.passed(self.shape.edges.start_ns(start_ns));
    }
}
