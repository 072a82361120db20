//! Deduplication: which units are one channel (design.md section 6, axis `dedup`).
//!
//! In: the units by start. Out: the group of every unit. The 487 rule has gone before (section 12,
//! point 4). Near-linear whatever the input: every unit is looked at once per choice.

use super::evident::Distinct;
use super::reading::{Dedup, Terminated};
use super::unit::{NO_KEY, UnitHead, UnitTable};
use crate::base::NS_PER_S;
use std::collections::BTreeMap;

/// Starts this far apart, inclusive, can be one channel ('Legs by CID': 10 s).
pub const DEDUP_WINDOW_NS: i64 = 10 * NS_PER_S;

/// The group of a unit that does not count at all.
pub(super) const EXCLUDED: u32 = u32::MAX;

/// Which unit belongs to which channel.
#[derive(Clone, Debug)]
pub(super) struct Grouping {
    /// For every unit of the table the number of the first unit of its group, or [`EXCLUDED`].
    pub(super) group_of: Vec<u32>,
}

/// Groups the units of a table.
pub(super) fn group(table: &UnitTable, dedup: Dedup, terminated: Terminated) -> Grouping {
    let heads = &table.heads;
    let counts = |head: &UnitHead| terminated == Terminated::Counted || !head.terminated;
    let mut group_of: Vec<u32> = (0u32..)
        .zip(heads)
        .map(|(unit, head)| if counts(head) { unit } else { EXCLUDED })
        .collect();
    if dedup == Dedup::None {
        return Grouping { group_of };
    }
    let by_key = units_by_key(table, |head| head.key != NO_KEY && counts(head));
    let same_key =
        |left: &u32, right: &u32| heads[*left as usize].key == heads[*right as usize].key;
    for units in by_key.chunk_by(same_key).filter(|units| units.len() > 1) {
        let join = |unit: u32, first: u32| group_of[unit as usize] = first;
        group_same_key(heads, units, dedup, join);
    }
    Grouping { group_of }
}

/// Groups units of one pair of numbers, given by start; `join(unit, first)` for every unit that joins
/// the group that `first` opened.
pub(super) fn group_same_key(
    heads: &[UnitHead],
    units: &[u32],
    dedup: Dedup,
    join: impl FnMut(u32, u32),
) {
    match dedup {
        Dedup::GroupFirst => chain(heads, units, false, join),
        Dedup::GroupLatest => chain(heads, units, true, join),
        Dedup::AcrossSensors => across_sensors(heads, units, join),
        Dedup::None => {}
    }
}

/// Unit numbers sorted by key, inside a key by start: a counting sort.
pub(super) fn units_by_key(table: &UnitTable, wanted: impl Fn(&UnitHead) -> bool) -> Vec<u32> {
    let mut places = vec![0u32; table.key_count + 1];
    for head in table.heads.iter().filter(|head| wanted(head)) {
        places[head.key as usize + 1] += 1;
    }
    for key in 0..table.key_count {
        places[key + 1] += places[key];
    }
    let mut sorted = vec![0u32; places[table.key_count] as usize];
    for (unit, head) in (0u32..).zip(&table.heads) {
        if wanted(head) {
            let place = &mut places[head.key as usize];
            sorted[*place as usize] = unit;
            *place += 1;
        }
    }
    sorted
}

pub(super) const fn within_window(earlier: &UnitHead, later: &UnitHead) -> bool {
    later.started_ns.saturating_sub(earlier.started_ns) <= DEDUP_WINDOW_NS
}

/// Joins a unit to the open group when it starts near the group's first unit, or, `from_latest`, near
/// its latest one.
fn chain(heads: &[UnitHead], units: &[u32], from_latest: bool, mut join: impl FnMut(u32, u32)) {
    let Some((mut first, mut reference)) = units.first().map(|unit| (*unit, *unit)) else {
        return;
    };
    for unit in units.iter().copied() {
        if within_window(&heads[reference as usize], &heads[unit as usize]) {
            join(unit, first);
            if from_latest {
                reference = unit;
            }
        } else {
            (first, reference) = (unit, unit);
        }
    }
}

/// Joins a unit to the earliest open group that has no unit of its sensor yet. A merged call stands
/// for the sensor of its first leg.
fn across_sensors(heads: &[UnitHead], units: &[u32], mut join: impl FnMut(u32, u32)) {
    // Groups by their first unit. Those before `open` start too early for any later unit.
    let mut groups: Vec<u32> = Vec::new();
    let mut open = 0;
    // Per sensor: every group before the cursor is closed or has a unit of that sensor.
    let mut cursors: BTreeMap<u16, usize> = BTreeMap::new();
    for unit in units.iter().copied() {
        let head = &heads[unit as usize];
        while groups.get(open).is_some_and(|g| !within_window(&heads[*g as usize], head)) {
            open += 1;
        }
        let cursor = cursors.entry(head.sensor).or_default();
        *cursor = open.max(*cursor);
        while groups.get(*cursor).is_some_and(|g| heads[*g as usize].sensor == head.sensor) {
            *cursor += 1;
        }
        if let Some(first) = groups.get(*cursor) {
            join(unit, *first);
            *cursor += 1;
        } else {
            groups.push(unit);
        }
    }
}

impl Grouping {
    /// Unit numbers with those of one group side by side, excluded ones left out.
    pub(super) fn units_by_group(&self) -> Vec<u32> {
        let mut places = vec![0u32; self.group_of.len() + 1];
        for group in self.group_of.iter().filter(|group| **group != EXCLUDED) {
            places[*group as usize + 1] += 1;
        }
        for group in 0..self.group_of.len() {
            places[group + 1] += places[group];
        }
        let mut sorted = vec![0u32; places.last().map_or(0, |all| *all as usize)];
        for (unit, group) in (0u32..).zip(&self.group_of) {
            if *group != EXCLUDED {
                let place = &mut places[*group as usize];
                sorted[*place as usize] = unit;
                *place += 1;
            }
        }
        sorted
    }

    /// Takes out of its group every unit that is evidently another call than the group's first unit.
    /// Gives the number of groups touched and of units taken out.
    pub(super) fn split(&mut self, table: &UnitTable, distinct: &dyn Distinct) -> (u32, u32) {
        let mut touched: Vec<u32> = Vec::new();
        let mut units = 0;
        for (unit, group) in (0u32..).zip(self.group_of.iter_mut()) {
            if *group == unit || *group == EXCLUDED {
                continue;
            }
            let first = table.heads[*group as usize].first as usize;
            let own = table.heads[unit as usize].first as usize;
            if distinct.evidently_different(first, own) {
                touched.push(*group);
                *group = unit;
                units += 1;
            }
        }
        touched.sort_unstable();
        touched.dedup();
        (u32::try_from(touched.len()).unwrap_or(u32::MAX), units)
    }
}
