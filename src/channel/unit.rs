//! Units of counting: what is one channel before deduplication. A CDR, or a merged call of several.
//!
//! A unit occupies the union of its CDRs' intervals, has the numbers of its first CDR, and is excluded
//! by the 487 rule only if all its CDRs are (design.md section 12, point 3).

use super::number::{NumberKey, last_six};
use super::reading::Cut;
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
    pub(super) members: Vec<u32>,
    pub(super) key_count: usize,
}

impl UnitTable {
    /// The CDRs of a unit, by start.
    pub(super) fn members_of(&self, head: &UnitHead) -> &[u32] {
        &self.members[head.members.0 as usize..head.members.1 as usize]
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
        Self {
            cdrs,
            packets: table(cdrs, groups, &pairs, Cut::Packets),
            vendor: differs.then(|| table(cdrs, groups, &pairs, Cut::VendorTimeouts)),
        }
    }

    pub(super) fn table(&self, cut: Cut) -> &UnitTable {
        match (&self.vendor, cut) {
            (Some(vendor), Cut::VendorTimeouts) => vendor,
            _ => &self.packets,
        }
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

/// Numbers the pairs of keys that occur. The numbers never reach a result.
fn number_pairs(cdrs: &[Cdr]) -> NumberPairs {
    let mut known: HashMap<(NumberKey, NumberKey), u32, foldhash::fast::RandomState> =
        HashMap::default();
    let of_cdr = cdrs
        .iter()
        .map(|cdr| match (last_six(&cdr.caller), last_six(&cdr.called)) {
            (Some(caller), Some(called)) => {
                let next = u32::try_from(known.len()).unwrap_or(NO_KEY);
                *known.entry((caller, called)).or_insert(next)
            }
            _ => NO_KEY,
        })
        .collect();
    NumberPairs { of_cdr, count: known.len() }
}

fn table(cdrs: &[Cdr], groups: &Groups, pairs: &NumberPairs, cut: Cut) -> UnitTable {
    let mut heads = Vec::with_capacity(groups.ends.len());
    let mut members: Vec<u32> = Vec::with_capacity(groups.members.len());
    for group in 0..groups.ends.len() {
        let start = members.len();
        members.extend(
            groups.members[groups.range(group)].iter().filter(|index| {
                cut == Cut::VendorTimeouts || !cdrs[**index as usize].only_when_cut
            }),
        );
        let own = &mut members[start..];
        if own.len() > 1 {
            own.sort_unstable_by(|left, right| {
                by_start(&cdrs[*left as usize], &cdrs[*right as usize])
            });
        }
        let Some(first) = own.first().copied() else { continue };
        let all = || own.iter().map(|index| &cdrs[*index as usize]);
        heads.push(UnitHead {
            started_ns: cdrs[first as usize].started.ns(),
            first,
            members: (
                u32::try_from(start).unwrap_or(u32::MAX),
                u32::try_from(start + own.len()).unwrap_or(u32::MAX),
            ),
            key: pairs.of_cdr[first as usize],
            branches: all().map(|cdr| cdr.branches).max().unwrap_or(1).max(1),
            sensor: cdrs[first as usize].sensor.0,
            terminated: all().all(|cdr| last_response(cdr, cut) == REQUEST_TERMINATED),
        });
    }
    heads.sort_unstable_by(|left, right| {
        left.started_ns
            .cmp(&right.started_ns)
            .then_with(|| by_start(&cdrs[left.first as usize], &cdrs[right.first as usize]))
    });
    UnitTable { heads, members, key_count: pairs.count }
}
