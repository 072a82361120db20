//! Units of counting: what is one channel before deduplication. A CDR, or a merged call of several.
//!
//! A unit occupies the union of its CDRs' intervals, has the numbers of its first CDR, and is excluded
//! by the 487 rule only if all its CDRs are (design.md section 12, point 3).

use super::reading::Cut;
use super::table::{CdrTable, CdrTimes, Row, Rows, by_start};
use crate::leg::{Cdr, CdrSource};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

pub use super::table::REQUEST_TERMINATED;

/// Which CDRs make one unit. A CDR should be in one group; one in none is not counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Groups(Kept);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kept {
    /// Every one of so many CDRs for itself.
    Singles(u32),
    /// The group of every CDR.
    Of(Vec<u32>),
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
        let mut group_of = vec![NO_GROUP; cdr_count];
        for (number, group) in (0u32..).zip(groups) {
            for member in group {
                if let Some(of_member) = group_of.get_mut(*member) {
                    *of_member = number;
                }
            }
        }
        Self::of_members(group_of)
    }

    /// Groups as the number of the group of every CDR, by index. Numbers are counted from 0 and should
    /// leave few out.
    #[must_use]
    pub const fn of_members(group_of: Vec<u32>) -> Self {
        Self(Kept::Of(group_of))
    }
}

/// The group of a CDR that is in none.
const NO_GROUP: u32 = u32::MAX;
/// No row.
const NO_ROW: u32 = u32::MAX;

/// One unit. Where its first CDR or its branches are others under the two choices of `cut`, each choice
/// has a unit of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct UnitHead {
    /// Its first CDR, as a row.
    pub(super) first: u32,
    /// The first of all its CDRs, those included that do not exist under its choices of `cut`.
    start: u32,
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
    #[inline]
    pub(super) const fn exists(&self, cut: Cut) -> bool {
        self.cuts & bit(cut) != 0
    }

    /// Whether all its CDRs end in 487 under a choice of `cut`.
    #[inline]
    pub(super) const fn is_terminated(&self, cut: Cut) -> bool {
        self.terminated & bit(cut) != 0
    }

    /// Whether it is the same under both choices of `cut`.
    pub(super) const fn is_alike(&self) -> bool {
        self.cuts == bit(Cut::Packets) | bit(Cut::VendorTimeouts)
            && matches!(self.terminated, 0b00 | 0b11)
    }
}

/// Which rows make units.
#[derive(Clone, Debug)]
enum Order {
    /// Every row for itself.
    All,
    /// Every one of these for itself; by start.
    Some(Vec<u32>),
    /// Groups of rows.
    Grouped(Members),
}

/// The rows of each group, by start.
#[derive(Clone, Debug)]
struct Members {
    /// For every row the next one of its group.
    next: Vec<u32>,
    /// For every row whether it is the first one of a group, a bit each.
    firsts: Vec<u64>,
}

impl Members {
    /// Rows stand by start, and so do those of each group.
    fn new(rows: &[Row], group_of: &[u32]) -> Self {
        let groups = group_of.iter().filter(|group| **group != NO_GROUP).max();
        let mut last_of = vec![NO_ROW; groups.map_or(0, |group| *group as usize + 1)];
        let mut next = vec![NO_ROW; rows.len()];
        let mut firsts = vec![0u64; rows.len().div_ceil(64)];
        for (at, row) in (0u32..).zip(rows) {
            let group = group_of.get(row.place() as usize).copied().unwrap_or(NO_GROUP);
            let Some(last) = last_of.get_mut(group as usize) else { continue };
            match next.get_mut(*last as usize) {
                Some(next) => *next = at,
                None => firsts[at as usize / 64] |= 1 << (at % 64),
            }
            *last = at;
        }
        Self { next, firsts }
    }

    #[inline]
    fn is_first(&self, at: u32) -> bool {
        self.firsts[at as usize / 64] >> (at % 64) & 1 == 1
    }
}

/// The table of a scenario: its own, or one that others share.
#[derive(Clone, Debug)]
enum Table<'a> {
    Own(CdrTable<'a>),
    Shared(&'a CdrTable<'a>),
}

impl<'a> Table<'a> {
    #[inline]
    const fn rows(&self) -> &Rows<'a> {
        match self {
            Self::Own(table) => table.rows(),
            Self::Shared(table) => table.rows(),
        }
    }
}

/// CDRs and groups, prepared once for all readings.
#[derive(Clone, Debug)]
pub struct Units<'a> {
    table: Table<'a>,
    /// CDRs that are not in the table; their rows are numbered behind those of the table.
    added: Rows<'a>,
    order: Order,
    cdr_count: usize,
}

impl<'a> Units<'a> {
    /// Sorts and keys the units. Any order of CDRs and groups gives the same counts.
    #[must_use]
    pub fn new(cdrs: impl Into<CdrSource<'a>>, groups: &Groups) -> Self {
        Self::made(Table::Own(CdrTable::new(cdrs)), groups)
    }

    /// As [`Self::new`] for the CDRs of a table that several scenarios share.
    #[must_use]
    pub fn of(table: &'a CdrTable<'a>, groups: &Groups) -> Self {
        Self::made(Table::Shared(table), groups)
    }

    /// Every CDR for itself: those of a table without some, given by index and rising, and with others.
    #[must_use]
    pub fn changed(
        table: &'a CdrTable<'a>,
        without: &[u32],
        with: impl Into<CdrSource<'a>>,
    ) -> Self {
        let added = table.rows_of_others(with.into());
        let mut units =
            Self { table: Table::Shared(table), added, order: Order::All, cdr_count: 0 };
        let base = table.rows().rows.len();
        let is_out = |row: &Row| without.binary_search(&row.place()).is_ok();
        let mut of_table =
            (0..place(base)).filter(|at| !is_out(&table.rows().rows[*at as usize])).peekable();
        let mut others = (place(base)..place(base + units.added.rows.len())).peekable();
        let all = (base + units.added.rows.len()).saturating_sub(without.len());
        let mut order = Vec::with_capacity(all);
        loop {
            let next = match (of_table.peek(), others.peek()) {
                (Some(own), Some(other)) if units.by_start(*own, *other).is_gt() => others.next(),
                (Some(_), _) => of_table.next(),
                (None, _) => others.next(),
            };
            let Some(next) = next else { break };
            units.cdr_count += usize::from(!units.row(next).is_only_when_cut());
            order.push(next);
        }
        units.order = Order::Some(order);
        units
    }

    fn made(table: Table<'a>, groups: &Groups) -> Self {
        let rows = &table.rows().rows;
        let order = match &groups.0 {
            Kept::Singles(count) if *count >= place(rows.len()) => Order::All,
            Kept::Singles(count) => {
                let numbered = rows.iter().zip(0u32..);
                let known = numbered.filter(|(row, _)| row.place() < *count);
                Order::Some(known.map(|(_, at)| at).collect())
            }
            Kept::Of(group_of) => Order::Grouped(Members::new(rows, group_of)),
        };
        let cdr_count = rows.iter().filter(|row| !row.is_only_when_cut()).count();
        Self { table, added: Rows::NONE, order, cdr_count }
    }

    /// The units by start of the first CDR.
    pub(super) fn heads(&self) -> Heads<'_, 'a> {
        let end = match &self.order {
            Order::Some(rows) => rows.len(),
            Order::All | Order::Grouped(_) => self.table.rows().rows.len(),
        };
        Heads { units: self, at: 0, end: place(end), later: BinaryHeap::new() }
    }

    /// The rows that a row is numbered among, and the row.
    #[inline]
    fn row_of(&self, at: u32) -> (&Rows<'a>, &Row) {
        let rows = self.table.rows();
        match rows.rows.get(at as usize) {
            Some(row) => (rows, row),
            None => (&self.added, &self.added.rows[at as usize - rows.rows.len()]),
        }
    }

    /// A CDR by the number of its row.
    #[inline]
    pub(super) fn row(&self, at: u32) -> &Row {
        self.row_of(at).1
    }

    /// The moments of a CDR by the number of its row.
    #[inline]
    pub(super) fn times(&self, at: u32) -> CdrTimes {
        let (rows, row) = self.row_of(at);
        rows.times(row)
    }

    /// A CDR by the number of its row; absent when it cannot be read any more.
    pub(super) fn cdr(&self, at: u32) -> Option<Cdr> {
        let (rows, row) = self.row_of(at);
        rows.cdrs.get(row.place())
    }

    /// The rows of some CDRs, rising.
    pub(super) fn rows_with(&self, mut is_wanted: impl FnMut(&Cdr) -> bool) -> Vec<u32> {
        let mut found = Vec::new();
        let mut before = 0;
        for rows in [self.table.rows(), &self.added] {
            let mut wanted: Vec<u32> = Vec::new();
            rows.cdrs.each(0..place(rows.cdrs.len()), |place, cdr| {
                if is_wanted(cdr) {
                    wanted.push(place);
                }
            });
            let numbered = (before..).zip(&rows.rows);
            let of_wanted = numbered.filter(|(_, row)| wanted.binary_search(&row.place()).is_ok());
            found.extend(of_wanted.map(|(at, _)| at));
            before += place(rows.rows.len());
        }
        found
    }

    /// The order of the CDRs of two rows, of which one can be in the table and one beside it.
    pub(super) fn by_start(&self, at: u32, other: u32) -> Ordering {
        let by_moment = self.row(at).started_ns().cmp(&self.row(other).started_ns());
        let by_rest = || Some(by_start(&self.cdr(at)?, &self.cdr(other)?));
        by_moment.then_with(|| by_rest().unwrap_or(by_moment))
    }

    /// How long before its unit's start an answer can be.
    pub(super) fn lead_ns(&self) -> i64 {
        self.table.rows().lead_ns.max(self.added.lead_ns)
    }

    fn single(&self, at: u32) -> UnitHead {
        let (rows, row) = self.row_of(at);
        let cuts = row.cuts();
        UnitHead {
            first: at,
            start: at,
            branches: rows.branches(row).max(1),
            cuts,
            terminated: row.terminated() & cuts,
        }
    }

    /// A group of rows under a choice of `cut`; absent when it does not exist then.
    fn head_under(&self, start: u32, cut: Cut) -> Option<UnitHead> {
        let mut head: Option<UnitHead> = None;
        for at in self.list(start) {
            let (rows, row) = self.row_of(at);
            if row.exists(cut) {
                let (cuts, terminated) = (bit(cut), bit(cut));
                let new = UnitHead { first: at, start, branches: 1, cuts, terminated };
                let head = head.get_or_insert(new);
                head.branches = head.branches.max(rows.branches(row));
                head.terminated &= row.terminated();
            }
        }
        head
    }

    /// One unit, or one for each choice of `cut`.
    fn heads_of(&self, start: u32) -> [Option<UnitHead>; 2] {
        let packets = self.head_under(start, Cut::Packets);
        let vendor = self.head_under(start, Cut::VendorTimeouts);
        match (packets, vendor) {
            (Some(packets), Some(vendor))
                if (packets.first, packets.branches) == (vendor.first, vendor.branches) =>
            {
                let cuts = packets.cuts | vendor.cuts;
                let terminated = packets.terminated | vendor.terminated;
                [Some(UnitHead { cuts, terminated, ..packets }), None]
            }
            _ => [vendor, packets],
        }
    }

    fn list(&self, start: u32) -> impl Iterator<Item = u32> {
        let next = match &self.order {
            Order::Grouped(members) => &*members.next,
            Order::All | Order::Some(_) => &[],
        };
        std::iter::successors(Some(start), move |at| {
            next.get(*at as usize).copied().filter(|next| *next != NO_ROW)
        })
    }

    /// The rows of the CDRs of a unit that exist under a choice of `cut`, by start.
    #[inline]
    pub(super) fn rows_of(&self, head: &UnitHead, cut: Cut) -> impl Iterator<Item = u32> {
        self.list(head.start).filter(move |at| self.row(*at).exists(cut))
    }

    /// The only CDR of a unit, as a row; absent when it has several.
    #[inline]
    pub(super) fn only_row(&self, head: &UnitHead) -> Option<u32> {
        match &self.order {
            Order::Grouped(members) if members.next[head.start as usize] != NO_ROW => None,
            _ => Some(head.start),
        }
    }

    /// The CDRs of a unit that exist under a choice of `cut`, by start.
    pub(super) fn cdrs_of(&self, head: &UnitHead, cut: Cut) -> impl Iterator<Item = Cdr> {
        self.rows_of(head, cut).filter_map(|at| self.cdr(at))
    }

    /// How many CDRs exist when the packets decide the ends.
    #[must_use]
    pub const fn cdr_count(&self) -> usize {
        self.cdr_count
    }

    /// How many units exist when the packets decide the ends.
    #[must_use]
    pub fn unit_count(&self) -> usize {
        match &self.order {
            // Every CDR is one.
            Order::All => self.cdr_count,
            Order::Some(rows) => {
                rows.iter().filter(|at| self.row(**at).exists(Cut::Packets)).count()
            }
            Order::Grouped(_) => self.heads().filter(|head| head.exists(Cut::Packets)).count(),
        }
    }
}

fn place(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Units by start of the first CDR.
#[derive(Debug)]
pub(super) struct Heads<'u, 'a> {
    units: &'u Units<'a>,
    /// The row, or place of a row, that is looked at next.
    at: u32,
    end: u32,
    /// Units of groups that were met already and begin later.
    later: BinaryHeap<Reverse<UnitHead>>,
}

impl Iterator for Heads<'_, '_> {
    type Item = UnitHead;

    fn next(&mut self) -> Option<UnitHead> {
        loop {
            if let Some(Reverse(head)) = self.later.peek()
                && head.first < self.at
            {
                return self.later.pop().map(|Reverse(head)| head);
            }
            if self.at == self.end {
                return None;
            }
            let at = self.at;
            self.at += 1;
            let members = match &self.units.order {
                Order::All => return Some(self.units.single(at)),
                Order::Some(rows) => return Some(self.units.single(rows[at as usize])),
                Order::Grouped(members) => members,
            };
            if !members.is_first(at) {
                continue;
            }
            if members.next[at as usize] == NO_ROW {
                return Some(self.units.single(at));
            }
            let [first, later] = self.units.heads_of(at);
            self.later.extend(later.map(Reverse));
            if first.is_some() {
                return first;
            }
        }
    }
}
