//! Units of counting: what is one channel before deduplication. A CDR, or a merged call of several.
//!
//! A unit occupies the union of its CDRs' intervals, has the numbers of its first CDR, and is excluded
//! by the 487 rule only if all its CDRs are (design.md section 12, point 3).

use super::number::{NumberKey, last_six};
use super::reading::Cut;
use crate::base::CaptureTime;
use crate::leg::Cdr;
use hashbrown::HashMap;
use std::cmp::Ordering;
use std::ops::Range;

/// The final response that the 487 rule excludes.
pub const REQUEST_TERMINATED: u16 = 487;

/// Which CDRs make one unit. A CDR should be in one group; one in none is not counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Groups {
    /// Group g holds `members[ends[g - 1]..ends[g]]`.
    ends: Vec<u32>,
    members: Vec<u32>,
}

impl Groups {
    /// Every one of `cdr_count` CDRs for itself: the scenarios without merged calls.
    #[must_use]
    pub fn singles(cdr_count: usize) -> Self {
        let count = u32::try_from(cdr_count).unwrap_or(u32::MAX);
        Self { ends: (1..=count).collect(), members: (0..count).collect() }
    }

    /// Groups as lists of CDR indexes. Indexes of no CDR are passed over.
    #[must_use]
    pub fn of(groups: &[Vec<usize>], cdr_count: usize) -> Self {
        let mut made = Self { ends: Vec::with_capacity(groups.len()), members: Vec::new() };
        for group in groups {
            let known = group.iter().filter(|index| **index < cdr_count);
            made.members.extend(known.filter_map(|index| u32::try_from(*index).ok()));
            made.ends.push(u32::try_from(made.members.len()).unwrap_or(u32::MAX));
        }
        made
    }

    /// Groups as they are kept: the indexes of the CDRs by group, and where each group ends among them.
    #[must_use]
    pub const fn flat(ends: Vec<u32>, members: Vec<u32>) -> Self {
        Self { ends, members }
    }

    fn range(&self, group: usize) -> Range<usize> {
        let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[group] as usize
    }
}

/// What deduplication needs to know of a unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnitHead {
    /// Start of its first CDR, in nanoseconds.
    pub(super) started_ns: i64,
    /// Its first CDR.
    pub(super) first: u32,
    /// Its place in the members of the table.
    pub(super) members: (u32, u32),
    /// Number of its pair of numbers; [`NO_KEY`] when it never deduplicates.
    pub(super) key: u32,
    /// Most fork destinations of any of its CDRs.
    pub(super) branches: u16,
    /// The sensor of its first CDR.
    pub(super) sensor: u16,
    /// Whether all its CDRs end in 487.
    pub(super) terminated: bool,
}

/// The key of units that never deduplicate.
pub(super) const NO_KEY: u32 = u32::MAX;

/// The units that exist under one choice of the axis `cut`, by start.
#[derive(Clone, Debug)]
pub(super) struct UnitTable {
    pub(super) heads: Vec<UnitHead>,
    /// CDRs of all units, in the order of the units.
    members: Vec<u32>,
    /// What sweeps need of every member, beside it: CDRs lie in another order and are large.
    times: Vec<CdrTimes>,
    /// The group of every unit.
    groups: Vec<u32>,
    pub(super) key_count: usize,
}

/// The moments of a CDR.
#[derive(Clone, Copy, Debug)]
pub(super) struct CdrTimes {
    pub(super) started: CaptureTime,
    pub(super) connected: Option<CaptureTime>,
    pub(super) ended: CaptureTime,
    /// The end that the vendor's timeouts give, which can be the same.
    pub(super) vendor_ended: CaptureTime,
}

impl CdrTimes {
    /// The moments of a CDR.
    pub(super) fn of(cdr: &Cdr) -> Self {
        Self {
            started: cdr.started,
            connected: cdr.connected,
            ended: cdr.ended,
            vendor_ended: cdr.vendor_cut.map_or(cdr.ended, |cut| cut.ended),
        }
    }
}

impl UnitTable {
    /// The CDRs of a unit, by start.
    pub(super) fn members_of(&self, head: &UnitHead) -> &[u32] {
        &self.members[head.members.0 as usize..head.members.1 as usize]
    }

    /// The moments of the CDRs of a unit, by start.
    pub(super) fn times_of(&self, head: &UnitHead) -> &[CdrTimes] {
        &self.times[head.members.0 as usize..head.members.1 as usize]
    }
}

/// CDRs and groups, prepared once for all readings.
#[derive(Clone, Debug)]
pub struct Units<'a> {
    pub(super) cdrs: &'a [Cdr],
    packets: UnitTable,
    /// Absent when no CDR has a part that exists only under the vendor's timeouts, nor a last
    /// response that they change: then the units are the same.
    vendor: Option<UnitTable>,
}

impl<'a> Units<'a> {
    /// Sorts and keys the units. Any order of CDRs and groups gives the same counts.
    #[must_use]
    pub fn new(cdrs: &'a [Cdr], groups: &Groups) -> Self {
        let pairs = number_pairs(cdrs);
        let differs = cdrs.iter().any(|cdr| {
            cdr.only_when_cut
                || cdr.vendor_cut.is_some_and(|cut| {
                    (cut.last_response == REQUEST_TERMINATED)
                        != (cdr.last_response == REQUEST_TERMINATED)
                })
        });
        let all: Vec<u32> = (0u32..).take(groups.ends.len()).collect();
        let packets = table(cdrs, groups, &pairs, Cut::Packets, all);
        let vendor = differs.then(|| {
            // Nearly sorted already: what the packets have, then what only the timeouts make.
            let mut seen = vec![false; groups.ends.len()];
            packets.groups.iter().for_each(|group| seen[*group as usize] = true);
            let mut order = packets.groups.clone();
            order.extend((0u32..).zip(&seen).filter(|(_, seen)| !**seen).map(|(group, _)| group));
            table(cdrs, groups, &pairs, Cut::VendorTimeouts, order)
        });
        Self { cdrs, packets, vendor }
    }

    pub(super) fn table(&self, cut: Cut) -> &UnitTable {
        match (&self.vendor, cut) {
            (Some(vendor), Cut::VendorTimeouts) => vendor,
            _ => &self.packets,
        }
    }

    /// Whether the choices of `cut` have units of their own.
    pub(super) const fn tables_differ(&self) -> bool {
        self.vendor.is_some()
    }

    /// How many CDRs exist when the packets decide the ends.
    #[must_use]
    pub fn cdr_count(&self) -> usize {
        self.cdrs.iter().filter(|cdr| !cdr.only_when_cut).count()
    }

    /// How many units exist when the packets decide the ends.
    #[must_use]
    pub const fn unit_count(&self) -> usize {
        self.packets.heads.len()
    }
}

/// The last response of a CDR under a choice of the axis `cut`.
pub(super) fn last_response(cdr: &Cdr, cut: Cut) -> u16 {
    match (cut, cdr.vendor_cut) {
        (Cut::VendorTimeouts, Some(vendor)) => vendor.last_response,
        _ => cdr.last_response,
    }
}

/// A total order of CDRs that depends on nothing but what they hold: start, sensor, Call-ID, sequence,
/// and the rest for CDRs of an import that share all four.
fn by_start(left: &Cdr, right: &Cdr) -> Ordering {
    let key = |cdr: &Cdr| (cdr.started, cdr.sensor);
    key(left)
        .cmp(&key(right))
        .then_with(|| left.call_id.cmp(&right.call_id))
        .then_with(|| {
            let rest = |cdr: &Cdr| {
                (cdr.sequence, cdr.ended, cdr.connected, cdr.last_response, cdr.branches)
            };
            rest(left).cmp(&rest(right))
        })
        .then_with(|| (&left.caller, &left.called).cmp(&(&right.caller, &right.called)))
}

struct NumberPairs {
    of_cdr: Vec<u32>,
    count: usize,
}

/// Only looked up, never walked, so its order never leaves.
type FastMap<K> = HashMap<K, u32, foldhash::fast::RandomState>;

/// Numbers the pairs of keys that occur. The numbers never reach a result.
fn number_pairs(cdrs: &[Cdr]) -> NumberPairs {
    // Keys of digits stay below this; texts are numbered from here on.
    const FIRST_TEXT: u32 = 1 << 31;
    let mut texts: FastMap<Vec<u8>> = HashMap::default();
    let mut packed = |key: NumberKey| match key {
        NumberKey::Digits(digits) => u64::from(digits),
        NumberKey::Text(text) => {
            let next = FIRST_TEXT.saturating_add(u32::try_from(texts.len()).unwrap_or(u32::MAX));
            u64::from(*texts.entry(text).or_insert(next))
        }
    };
    let mut known: FastMap<u64> = HashMap::default();
    let of_cdr = cdrs
        .iter()
        .map(|cdr| match (last_six(&cdr.caller), last_six(&cdr.called)) {
            (Some(caller), Some(called)) => {
                let next = u32::try_from(known.len()).unwrap_or(NO_KEY);
                let pair = packed(caller) << 32 | packed(called);
                *known.entry(pair).or_insert(next)
            }
            _ => NO_KEY,
        })
        .collect();
    NumberPairs { of_cdr, count: known.len() }
}

/// The members of a group that exist under a choice of `cut`, by start.
fn members_under<'g>(
    cdrs: &[Cdr],
    groups: &'g Groups,
    group: u32,
    cut: Cut,
    into: &mut Vec<&'g u32>,
) {
    let all = groups.members[groups.range(group as usize)].iter();
    let exists = |index: &&u32| cut == Cut::VendorTimeouts || !cdrs[**index as usize].only_when_cut;
    into.clear();
    into.extend(all.filter(exists));
    if into.len() > 1 {
        into.sort_unstable_by(|left, right| {
            by_start(&cdrs[**left as usize], &cdrs[**right as usize])
        });
    }
}

/// The units under a choice of `cut`. `order` holds every group once; the nearer it is to the order
/// by start, the less work.
fn table(
    cdrs: &[Cdr],
    groups: &Groups,
    pairs: &NumberPairs,
    cut: Cut,
    order: Vec<u32>,
) -> UnitTable {
    let mut own = Vec::new();
    let mut starts: Vec<(CaptureTime, u32, u32)> = Vec::with_capacity(order.len());
    for group in order {
        members_under(cdrs, groups, group, cut, &mut own);
        if let Some(first) = own.first() {
            starts.push((cdrs[**first as usize].started, **first, group));
        }
    }
    starts.sort_by(|left, right| {
        let ties = || by_start(&cdrs[left.1 as usize], &cdrs[right.1 as usize]);
        left.0.cmp(&right.0).then_with(ties)
    });
    let mut table = UnitTable {
        heads: Vec::with_capacity(starts.len()),
        members: Vec::with_capacity(groups.members.len()),
        times: Vec::with_capacity(groups.members.len()),
        groups: starts.iter().map(|(_, _, group)| *group).collect(),
        key_count: pairs.count,
    };
    let place = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    for (started, first, group) in starts {
        members_under(cdrs, groups, group, cut, &mut own);
        let start = table.members.len();
        let (mut branches, mut terminated) = (1, true);
        for index in &own {
            let cdr = &cdrs[**index as usize];
            branches = branches.max(cdr.branches);
            terminated &= last_response(cdr, cut) == REQUEST_TERMINATED;
            table.members.push(**index);
            table.times.push(CdrTimes::of(cdr));
        }
        table.heads.push(UnitHead {
            started_ns: started.ns(),
            first,
            members: (place(start), place(table.members.len())),
            key: pairs.of_cdr[first as usize],
            branches,
            sensor: cdrs[first as usize].sensor.0,
            terminated,
        });
    }
    table
}
