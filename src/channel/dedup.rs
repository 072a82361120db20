//! Deduplication: which units are one channel (design.md section 6, axis `dedup`).
//!
//! In: the units by start. Out: clusters of units, which no choice joins with others, and the groups inside
//! a cluster. The 487 rule has gone before (section 12, point 4). Near-linear whatever the input: every unit
//! is looked at once per choice.

use super::evident::Distinct;
use super::reading::{CountReading, Dedup, Terminated};
use super::table::NO_KEY;
use super::unit::{UnitHead, Units};
use crate::base::NS_PER_S;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Starts this far apart, inclusive, can be one channel ('Legs by CID': 10 s).
pub const DEDUP_WINDOW_NS: i64 = 10 * NS_PER_S;

/// A unit, with what deduplication compares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) head: UnitHead,
    /// Its start in nanoseconds.
    pub(super) started_ns: i64,
    /// The sensor of its first CDR: a merged call stands for that.
    pub(super) sensor: u16,
}

/// What clusters go to, roughly in the order of their starts.
pub(super) trait Clusters {
    /// Units that can be one channel under some choice, by start; one unit where no other can be.
    fn cluster(&mut self, members: &[Member]);

    /// No unit that starts before the moment comes any more.
    fn passed(&mut self, _start_ns: i64) {}
}

/// Units of equal numbers that starts in reach of each other join.
struct Chain {
    key: u64,
    /// The first two, of which there are `count`, at least 1; the rest.
    pair: [Member; 2],
    count: usize,
    rest: Vec<Member>,
}

impl Chain {
    const fn new(key: u64, member: Member) -> Self {
        Self { key, pair: [member; 2], count: 1, rest: Vec::new() }
    }

    fn last(&self) -> Member {
        self.rest.last().copied().unwrap_or(self.pair[self.count - 1])
    }

    fn push(&mut self, member: Member) {
        match self.pair.get_mut(self.count) {
            Some(room) => {
                *room = member;
                self.count += 1;
            }
            None => self.rest.push(member),
        }
    }

    fn end(&self, all: &mut Vec<Member>, into: &mut impl Clusters) {
        if self.rest.is_empty() {
            into.cluster(&self.pair[..self.count]);
            return;
        }
        all.clear();
        all.extend(self.pair);
        all.extend(&self.rest);
        into.cluster(all);
    }
}

/// Chains that may go on.
struct Open<R> {
    chains: Vec<Chain>,
    /// The chain of each key; only looked up, never walked, so its order never leaves.
    of_key: HashMap<u64, u32, foldhash::fast::RandomState>,
    /// The last start that can join one which is the last so far.
    reach: R,
    /// Room for the members of long chains.
    all: Vec<Member>,
}

/// So few new chains are not looked at but after a while.
const CHAINS_FEW: usize = 64;
/// After so long changes are swept, however few there are.
const LONG_NS: i64 = 1_800 * NS_PER_S;

impl<R: Fn(i64) -> i64> Open<R> {
    fn add(&mut self, key: u64, member: Member, into: &mut impl Clusters) {
        let next = u32::try_from(self.chains.len()).unwrap_or(u32::MAX);
        let place = *self.of_key.entry(key).or_insert(next);
        let Some(chain) = self.chains.get_mut(place as usize) else {
            self.chains.push(Chain::new(key, member));
            return;
        };
        if member.started_ns <= (self.reach)(chain.last().started_ns) {
            chain.push(member);
        } else {
            let ended = std::mem::replace(chain, Chain::new(key, member));
            ended.end(&mut self.all, into);
        }
    }

    /// Ends the chains that no unit from `now_ns` on can join; gives the first start of the others.
    fn end_old(&mut self, now_ns: i64, into: &mut impl Clusters) -> i64 {
        let Self { chains, of_key, reach, all } = self;
        let mut first_ns = now_ns;
        chains.retain(|chain| {
            let goes_on = now_ns <= reach(chain.last().started_ns);
            if goes_on {
                first_ns = first_ns.min(chain.pair[0].started_ns);
            } else {
                chain.end(all, into);
            }
            goes_on
        });
        of_key.clear();
        of_key.extend((0u32..).zip(&*chains).map(|(place, chain)| (chain.key, place)));
        first_ns
    }
}

/// All units that are wanted, in chains of equal numbers with steps within `reach`.
pub(super) fn clusters(
    units: &Units<'_>,
    wanted: impl Fn(&UnitHead) -> bool,
    reach: impl Fn(i64) -> i64,
    into: &mut impl Clusters,
) {
    let (chains, of_key, all) = (Vec::new(), HashMap::default(), Vec::new());
    let mut open = Open { chains, of_key, reach, all };
    let (mut looked_ns, mut left, mut seen) = (None, 0, 0);
    for head in units.heads() {
        if !wanted(&head) {
            continue;
        }
        let row = units.row(head.first);
        let started_ns = row.started_ns();
        // Often enough that little waits, and so rarely that it costs little however long chains are.
        seen += 1;
        let is_due = || {
            let since_ns = started_ns.saturating_sub(looked_ns?);
            let are_many =
                since_ns >= DEDUP_WINDOW_NS && open.chains.len() >= 2 * left + CHAINS_FEW;
            Some(are_many || since_ns >= LONG_NS && seen >= left)
        };
        if is_due().unwrap_or(true) {
            let first_ns = open.end_old(started_ns, into);
            into.passed(first_ns);
            (looked_ns, left, seen) = (Some(started_ns), open.chains.len(), 0);
        }
        let member = Member { head, started_ns, sensor: row.sensor() };
        match row.key() {
            NO_KEY => into.cluster(&[member]),
            key => open.add(key, member, into),
        }
    }
    open.end_old(i64::MAX, into);
    // Those whose reach has no end.
    let Open { chains, mut all, .. } = open;
    chains.iter().for_each(|chain| chain.end(&mut all, into));
}

/// As far as the longest window of the axis `dedup`: every choice of the axes `cut`, `dedup` and
/// `terminated` only refines such chains, since leaving units out, or measuring from the first, joins less.
pub(super) const fn dedup_reach(start_ns: i64) -> i64 {
    start_ns.saturating_add(DEDUP_WINDOW_NS)
}

/// Whether a unit counts under a reading.
pub(super) fn counts(head: &UnitHead, reading: CountReading) -> bool {
    let CountReading { cut, terminated, .. } = reading;
    head.exists(cut) && (terminated == Terminated::Counted || !head.is_terminated(cut))
}

/// Groups units of one pair of numbers, given by start; `join(unit, first)` for every unit that joins
/// the group that `first` opened, by their places among them.
pub(super) fn group_same_key(same: &[Member], dedup: Dedup, join: impl FnMut(usize, usize)) {
    match dedup {
        Dedup::GroupFirst => chain(same, false, join),
        Dedup::GroupLatest => chain(same, true, join),
        Dedup::AcrossSensors => across_sensors(same, join),
        Dedup::None => {}
    }
}

pub(super) const fn within_window(earlier: &Member, later: &Member) -> bool {
    later.started_ns.saturating_sub(earlier.started_ns) <= DEDUP_WINDOW_NS
}

/// Joins a unit to the open group when it starts near the group's first unit, or, `from_latest`, near
/// its latest one.
fn chain(same: &[Member], from_latest: bool, mut join: impl FnMut(usize, usize)) {
    let (mut first, mut reference) = (0, 0);
    for (place, member) in same.iter().enumerate() {
        if within_window(&same[reference], member) {
            join(place, first);
            if from_latest {
                reference = place;
            }
        } else {
            (first, reference) = (place, place);
        }
    }
}

/// Joins a unit to the earliest open group that has no unit of its sensor yet.
fn across_sensors(same: &[Member], mut join: impl FnMut(usize, usize)) {
    // Groups by their first unit. Those before `open` start too early for any later unit.
    let mut groups: Vec<usize> = Vec::new();
    let mut open = 0;
    // Per sensor: every group before the cursor is closed or has a unit of that sensor.
    let mut cursors: BTreeMap<u16, usize> = BTreeMap::new();
    for (place, member) in same.iter().enumerate() {
        while groups.get(open).is_some_and(|group| !within_window(&same[*group], member)) {
            open += 1;
        }
        let cursor = cursors.entry(member.sensor).or_default();
        *cursor = open.max(*cursor);
        while groups.get(*cursor).is_some_and(|group| same[*group].sensor == member.sensor) {
            *cursor += 1;
        }
        if let Some(first) = groups.get(*cursor) {
            join(place, *first);
            *cursor += 1;
        } else {
            groups.push(place);
        }
    }
}

/// Room for the groups of a cluster.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    /// For every unit the first unit of its group, and itself; those of one group side by side.
    groups: Vec<(usize, usize)>,
    members: Vec<Member>,
}

impl Grouping {
    /// The groups of a cluster under a reading.
    pub(super) fn each(
        &mut self,
        cluster: &[Member],
        dedup: Dedup,
        mut visit: impl FnMut(&[Member]),
    ) {
        if let [_] = cluster {
            return visit(cluster);
        }
        let Self { groups, members } = self;
        groups.clear();
        groups.extend((0..cluster.len()).map(|place| (place, place)));
        group_same_key(cluster, dedup, |place, first| groups[place].0 = first);
        groups.sort_unstable();
        for group in groups.chunk_by(|left, right| left.0 == right.0) {
            members.clear();
            members.extend(group.iter().map(|(_, place)| cluster[*place]));
            visit(members);
        }
    }
}

/// Takes out of a group every unit that is evidently another call than the group's first unit.
pub(super) fn split(
    units: &Units<'_>,
    group: &[Member],
    distinct: &dyn Distinct,
    mut take_out: impl FnMut(Member),
) {
    let Some((first, others)) = group.split_first() else { return };
    if others.is_empty() {
        return;
    }
    let Some(first) = units.cdr(first.head.first) else { return };
    for member in others {
        let own = units.cdr(member.head.first);
        if own.is_some_and(|own| distinct.evidently_different(&first, &own)) {
            take_out(*member);
        }
    }
}
