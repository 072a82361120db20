//! Units of counting: what is one channel before deduplication. A CDR, or a merged call of several.
//!
//! A unit occupies the union of its CDRs' intervals, has the numbers of its first CDR, and is excluded
//! by the 487 rule only if all its CDRs are (design.md section 12, point 3).

use super::reading::Cut;
use super::table::{CdrTable, Row, Rows};
use crate::leg::Cdr;
use std::borrow::Cow;

pub use super::table::REQUEST_TERMINATED;

/// Which CDRs make one unit. A CDR should be in one group; one in none is not counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Groups(Kept);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kept {
    /// Every one of so many CDRs for itself.
    Singles(u32),
    /// Group g holds `members[ends[g - 1]..ends[g]]`.
    Lists { ends: Vec<u32>, members: Vec<u32> },
}

impl Groups {
    /// Every one of `cdr_count` CDRs for itself: the scenarios without merged calls.
    #[must_use]
    pub fn singles(cdr_count: usize) -> Self {
        Self(Kept::Singles(u32::try_from(cdr_count).unwrap_or(u32::MAX)))
    }

    /// Groups as lists of CDR indexes. Indexes of no CDR are passed over.
    #[must_use]
    pub fn of(groups: &[Vec<usize>], cdr_count: usize) -> Self {
        let (mut ends, mut members) = (Vec::with_capacity(groups.len()), Vec::new());
        for group in groups {
            let known = group.iter().filter(|index| **index < cdr_count);
            members.extend(known.filter_map(|index| u32::try_from(*index).ok()));
            ends.push(place(members.len()));
        }
        Self::flat(ends, members)
    }

    /// Groups as one list of CDR indexes: group g holds `members[ends[g - 1]..ends[g]]`. Indexes of no
    /// CDR are passed over when the units are made.
    #[must_use]
    pub const fn flat(ends: Vec<u32>, members: Vec<u32>) -> Self {
        Self(Kept::Lists { ends, members })
    }
}

fn place(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The group of a row that is in none.
const NO_GROUP: u32 = u32::MAX;

/// One unit. Where its first CDR or its branches are others under the two choices of `cut`, each choice
/// has a unit of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnitHead {
    /// Its first CDR, as a row.
    pub(super) first: u32,
    /// Its place in the members.
    members: (u32, u32),
    /// Most fork destinations of any of its CDRs.
    pub(super) branches: u16,
    /// The choices of `cut` under which it exists, a bit each.
    cuts: u8,
    /// Those under which all its CDRs end in 487.
    terminated: u8,
}

/// The bit of a choice of `cut`.
const fn bit(cut: Cut) -> u8 {
    1 << cut as u8
}

impl UnitHead {
    /// Whether it exists under a choice of `cut`.
    pub(super) const fn exists(&self, cut: Cut) -> bool {
        self.cuts & bit(cut) != 0
    }

    /// Whether all its CDRs end in 487 under a choice of `cut`.
    pub(super) const fn is_terminated(&self, cut: Cut) -> bool {
        self.terminated & bit(cut) != 0
    }
}

/// CDRs and groups, prepared once for all readings.
#[derive(Clone, Debug)]
pub struct Units<'a> {
    table: Cow<'a, CdrTable<'a>>,
    /// CDRs that are not in the table; their rows are numbered behind those of the table.
    added: Rows<'a>,
    /// By start of the first CDR.
    pub(super) heads: Vec<UnitHead>,
    /// Rows of all units, each unit's by start.
    members: Vec<u32>,
    pub(super) key_count: usize,
    cdr_count: usize,
}

impl<'a> Units<'a> {
    /// Sorts and keys the units. Any order of CDRs and groups gives the same counts.
    #[must_use]
    pub fn new(cdrs: &'a [Cdr], groups: &Groups) -> Self {
        Self::made(Cow::Owned(CdrTable::new(cdrs)), groups)
    }

    /// As [`Self::new`] for the CDRs of a table that several scenarios share.
    #[must_use]
    pub fn of(table: &'a CdrTable<'a>, groups: &Groups) -> Self {
        Self::made(Cow::Borrowed(table), groups)
    }

    /// Every CDR for itself: those of a table without some, given by index and rising, and with others.
    #[must_use]
    pub fn changed(
        table: &'a CdrTable<'a>,
        without: &[u32],
        with: impl IntoIterator<Item = &'a Cdr>,
    ) -> Self {
        let added = table.rows_of_others(with);
        let mut units = Self::empty(Cow::Borrowed(table), added);
        let base = units.table.rows().len();
        let is_out = |row: &Row| without.binary_search(&row.place).is_ok();
        let mut of_table =
            (0..place(base)).filter(|at| !is_out(&table.rows()[*at as usize])).peekable();
        let mut others = (place(base)..place(base + units.added.rows.len())).peekable();
        let mut order = Vec::with_capacity(base + units.added.rows.len());
        loop {
            let next = match (of_table.peek(), others.peek()) {
                (Some(own), Some(other)) if units.starts_later(*own, *other) => others.next(),
                (Some(_), _) => of_table.next(),
                (None, _) => others.next(),
            };
            let Some(next) = next else { break };
            order.push(next);
        }
        units.push_singles(order);
        units
    }

    fn empty(table: Cow<'a, CdrTable<'a>>, added: Rows<'a>) -> Self {
        let key_count = table.key_count().max(added.key_count());
        let (heads, members) = (Vec::new(), Vec::new());
        Self { table, added, heads, members, key_count, cdr_count: 0 }
    }

    fn made(table: Cow<'a, CdrTable<'a>>, groups: &Groups) -> Self {
        let mut units = Self::empty(table, Rows::default());
        let rows = place(units.table.rows().len());
        match &groups.0 {
            Kept::Singles(count) if *count >= rows => units.push_singles((0..rows).collect()),
            Kept::Singles(count) => {
                let rows = units.table.rows().iter().zip(0u32..);
                let known = rows.filter(|(row, _)| row.place < *count).map(|(_, at)| at).collect();
                units.push_singles(known);
            }
            Kept::Lists { ends, members } => units.push_groups(ends, members),
        }
        units.cdr_count = units.table.rows().iter().filter(|row| !row.only_when_cut).count();
        units
    }

    fn push_singles(&mut self, rows: Vec<u32>) {
        self.heads.reserve_exact(rows.len());
        for (at, row_at) in (0u32..).zip(&rows) {
            let row = *self.row(*row_at);
            let cuts = row.cuts();
            self.cdr_count += usize::from(!row.only_when_cut);
            self.heads.push(UnitHead {
                first: *row_at,
                members: (at, at + 1),
                branches: row.branches.max(1),
                cuts,
                terminated: row.terminated & cuts,
            });
        }
        self.members = rows;
    }

    /// Rows stand by start, and so does every unit's first one when it is met: nothing is sorted.
    fn push_groups(&mut self, ends: &[u32], members: &[u32]) {
        let rows = self.table.rows();
        let mut group_of = vec![NO_GROUP; rows.len()];
        let mut start = 0;
        for (group, end) in (0u32..).zip(ends) {
            let members = members.get(start..*end as usize).unwrap_or_default();
            for member in members {
                if let Some(of_member) = group_of.get_mut(*member as usize) {
                    *of_member = group;
                }
            }
            start = *end as usize;
        }
        // The place in the members of each group, in the order in which rows first name it.
        let mut next_of = vec![NO_GROUP; ends.len()];
        let mut order: Vec<(u32, u32)> = Vec::with_capacity(ends.len());
        let size = |group: u32| {
            let before = group.checked_sub(1).map_or(0, |before| ends[before as usize]);
            ends[group as usize].saturating_sub(before)
        };
        let mut taken = 0u32;
        let mut sorted = vec![0u32; members.len()];
        for (at, row) in (0u32..).zip(rows) {
            let group = group_of[row.place as usize];
            let Some(next) = next_of.get_mut(group as usize) else { continue };
            if *next == NO_GROUP {
                *next = taken;
                order.push((taken, group));
                taken += size(group);
            }
            sorted[*next as usize] = at;
            *next += 1;
        }
        self.members = sorted;
        self.heads.reserve_exact(order.len());
        let mut is_in_order = true;
        for (from, group) in order {
            is_in_order &= self.push_unit((from, next_of[group as usize]));
        }
        if !is_in_order {
            self.heads.sort_by_key(|head| head.first);
        }
    }

    /// One unit, or one for each choice of `cut`; false when they do not stand in the order of starts.
    fn push_unit(&mut self, members: (u32, u32)) -> bool {
        let rows = self.members[members.0 as usize..members.1 as usize].iter();
        let rows = rows.map(|at| (*at, self.table.rows()[*at as usize]));
        let under = |cut: Cut| {
            let mut head: Option<UnitHead> = None;
            for (at, row) in rows.clone().filter(|(_, row)| row.exists(cut)) {
                let new = UnitHead {
                    first: at,
                    members,
                    branches: 1,
                    cuts: bit(cut),
                    terminated: bit(cut),
                };
                let head = head.get_or_insert(new);
                head.branches = head.branches.max(row.branches);
                head.terminated &= row.terminated;
            }
            head
        };
        match (under(Cut::Packets), under(Cut::VendorTimeouts)) {
            (Some(packets), Some(vendor))
                if (packets.first, packets.branches) == (vendor.first, vendor.branches) =>
            {
                self.heads.push(UnitHead {
                    cuts: packets.cuts | vendor.cuts,
                    terminated: packets.terminated | vendor.terminated,
                    ..packets
                });
                true
            }
            (packets, vendor) => {
                let is_one = packets.is_none() || vendor.is_none();
                self.heads.extend(vendor.into_iter().chain(packets));
                is_one
            }
        }
    }

    /// A CDR by the number of its row.
    #[inline]
    pub(super) fn row(&self, at: u32) -> &Row {
        let rows = self.table.rows();
        let at = at as usize;
        rows.get(at).unwrap_or_else(|| &self.added.rows[at - rows.len()])
    }

    pub(super) fn cdr(&self, at: u32) -> &'a Cdr {
        let row = self.row(at);
        match (at as usize) < self.table.rows().len() {
            true => &self.table.cdrs()[row.place as usize],
            false => self.added.cdrs[row.place as usize],
        }
    }

    /// Whether the CDR of one row comes behind that of another.
    fn starts_later(&self, at: u32, other: u32) -> bool {
        super::table::by_start(self.cdr(at), self.cdr(other)).is_gt()
    }

    /// The first CDR of a unit.
    #[inline]
    pub(super) fn first(&self, unit: u32) -> &Row {
        self.row(self.heads[unit as usize].first)
    }

    /// The start of a unit in nanoseconds.
    #[inline]
    pub(super) fn started_ns(&self, unit: u32) -> i64 {
        self.first(unit).times.started.ns()
    }

    /// The rows of the CDRs of a unit, by start, those included that do not exist under its choice of
    /// `cut`.
    pub(super) fn members_of(&self, head: &UnitHead) -> &[u32] {
        &self.members[head.members.0 as usize..head.members.1 as usize]
    }

    /// The CDRs of a unit that exist under a choice of `cut`, by start.
    pub(super) fn rows_of(&self, head: &UnitHead, cut: Cut) -> impl Iterator<Item = &Row> {
        self.members_of(head).iter().map(|at| self.row(*at)).filter(move |row| row.exists(cut))
    }

    /// The same.
    pub(super) fn cdrs_of(&self, head: &UnitHead, cut: Cut) -> impl Iterator<Item = &'a Cdr> {
        let exists = move |at: &&u32| self.row(**at).exists(cut);
        self.members_of(head).iter().filter(exists).map(|at| self.cdr(*at))
    }

    /// Whether every unit is the same under both choices of `cut`.
    pub(super) fn cuts_are_alike(&self, units: &[u32]) -> bool {
        units.iter().map(|unit| &self.heads[*unit as usize]).all(|head| {
            head.cuts == bit(Cut::Packets) | bit(Cut::VendorTimeouts)
                && matches!(head.terminated, 0b00 | 0b11)
        })
    }

    /// How many CDRs exist when the packets decide the ends.
    #[must_use]
    pub const fn cdr_count(&self) -> usize {
        self.cdr_count
    }

    /// How many units exist when the packets decide the ends.
    #[must_use]
    pub fn unit_count(&self) -> usize {
        self.heads.iter().filter(|head| head.exists(Cut::Packets)).count()
    }
}
