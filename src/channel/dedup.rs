//! Deduplication: which units are one channel (design.md section 6, axis `dedup`).
//!
//! In: the units by start. Out: the group of every unit. The 487 rule has gone before (section 12,
//! point 4). Near-linear whatever the input: every unit is looked at once per choice.

use super::evident::Distinct;
use super::reading::{CountReading, Dedup, Terminated};
use super::table::NO_KEY;
use super::unit::{UnitHead, Units};
use crate::base::NS_PER_S;
use std::collections::BTreeMap;

/// Starts this far apart, inclusive, can be one channel ('Legs by CID': 10 s).
pub const DEDUP_WINDOW_NS: i64 = 10 * NS_PER_S;

/// The group of a unit that does not count at all.
pub(super) const EXCLUDED: u32 = u32::MAX;

/// Which unit belongs to which channel.
#[derive(Clone, Debug)]
pub(super) struct Grouping {
    /// For every unit the number of the first unit of its group, or [`EXCLUDED`].
    pub(super) group_of: Vec<u32>,
}

/// Groups the units under a reading.
pub(super) fn group(units: &Units<'_>, reading: CountReading) -> Grouping {
    let CountReading { cut, dedup, terminated, .. } = reading;
    let counts = |head: &UnitHead| {
        head.exists(cut) && (terminated == Terminated::Counted || !head.is_terminated(cut))
    };
    let mut group_of: Vec<u32> = (0u32..)
        .zip(&units.heads)
        .map(|(unit, head)| if counts(head) { unit } else { EXCLUDED })
        .collect();
    if dedup == Dedup::None {
        return Grouping { group_of };
    }
    let by_key = units_by_key(units, counts);
    let same_key = |left: &u32, right: &u32| units.first(*left).key == units.first(*right).key;
    for same in by_key.chunk_by(same_key).filter(|same| same.len() > 1) {
        let join = |unit: u32, first: u32| group_of[unit as usize] = first;
        group_same_key(units, same, dedup, join);
    }
    Grouping { group_of }
}

/// Groups units of one pair of numbers, given by start; `join(unit, first)` for every unit that joins
/// the group that `first` opened.
pub(super) fn group_same_key(
    units: &Units<'_>,
    same: &[u32],
    dedup: Dedup,
    join: impl FnMut(u32, u32),
) {
    match dedup {
        Dedup::GroupFirst => chain(units, same, false, join),
        Dedup::GroupLatest => chain(units, same, true, join),
        Dedup::AcrossSensors => across_sensors(units, same, join),
        Dedup::None => {}
    }
}

/// Numbers of the wanted units that have a key, sorted by key, inside a key by start: a counting sort.
pub(super) fn units_by_key(units: &Units<'_>, wanted: impl Fn(&UnitHead) -> bool) -> Vec<u32> {
    let key_of = |head: &UnitHead| {
        let key = units.row(head.first).key;
        (key != NO_KEY && wanted(head)).then_some(key as usize)
    };
    let mut places = vec![0u32; units.key_count + 1];
    for key in units.heads.iter().filter_map(key_of) {
        places[key + 1] += 1;
    }
    for key in 0..units.key_count {
        places[key + 1] += places[key];
    }
    let mut sorted = vec![0u32; places[units.key_count] as usize];
    for (unit, head) in (0u32..).zip(&units.heads) {
        if let Some(key) = key_of(head) {
            let place = &mut places[key];
            sorted[*place as usize] = unit;
            *place += 1;
        }
    }
    sorted
}

pub(super) fn within_window(units: &Units<'_>, earlier: u32, later: u32) -> bool {
    units.started_ns(later).saturating_sub(units.started_ns(earlier)) <= DEDUP_WINDOW_NS
}

/// Joins a unit to the open group when it starts near the group's first unit, or, `from_latest`, near
/// its latest one.
fn chain(units: &Units<'_>, same: &[u32], from_latest: bool, mut join: impl FnMut(u32, u32)) {
    let Some((mut first, mut reference)) = same.first().map(|unit| (*unit, *unit)) else {
        return;
    };
    for unit in same.iter().copied() {
        if within_window(units, reference, unit) {
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
fn across_sensors(units: &Units<'_>, same: &[u32], mut join: impl FnMut(u32, u32)) {
    // Groups by their first unit. Those before `open` start too early for any later unit.
    let mut groups: Vec<u32> = Vec::new();
    let mut open = 0;
    // Per sensor: every group before the cursor is closed or has a unit of that sensor.
    let mut cursors: BTreeMap<u16, usize> = BTreeMap::new();
    for unit in same.iter().copied() {
        let sensor = units.first(unit).sensor;
        while groups.get(open).is_some_and(|group| !within_window(units, *group, unit)) {
            open += 1;
        }
        let cursor = cursors.entry(sensor).or_default();
        *cursor = open.max(*cursor);
        while groups.get(*cursor).is_some_and(|group| units.first(*group).sensor == sensor) {
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
    pub(super) fn split(&mut self, units: &Units<'_>, distinct: &dyn Distinct) -> (u32, u32) {
        let mut touched: Vec<u32> = Vec::new();
        let mut taken_out = 0;
        for (unit, group) in (0u32..).zip(self.group_of.iter_mut()) {
            if *group == unit || *group == EXCLUDED {
                continue;
            }
            let first = units.cdr(units.heads[*group as usize].first);
            let own = units.cdr(units.heads[unit as usize].first);
            if distinct.evidently_different(first, own) {
                touched.push(*group);
                *group = unit;
                taken_out += 1;
            }
        }
        touched.sort_unstable();
        touched.dedup();
        (u32::try_from(touched.len()).unwrap_or(u32::MAX), taken_out)
    }
}
