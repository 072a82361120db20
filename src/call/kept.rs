//! The keys that were kept, packed, by rule and by a part of all hashes.
//!
//! In: keys of legs, in any order. Out: runs of packed bytes, one item for each rule and part, which may lie
//! anywhere until they are read. Keys with equal values are in one part: parts are compared by themselves.

use super::outline::LegOutline;
use super::packed::{Reader, put_text, put_time};
use super::rule::RuleName;
use super::rules::{Key, KeyValue};
use crate::base::{CaptureTime, PackedBuilder, PackedRun, roomy};

/// Legs for each part: the keys of one rule in one part are some megabytes then.
const LEGS_PER_PART: usize = 32_768;
/// More parts would be read in pieces too small.
const PARTS_MAX: usize = 16;
/// Bytes of keys after which a run ends: far below what places in a run can tell.
const RUN_BYTES_MAX: usize = 64 << 20;

/// Hash, leg, role, start.
const FIXED_BYTES: usize = 4 + 4 + 1 + 8;
/// These, and a byte each of end, length and value.
const ENTRY_BYTES_MIN: usize = FIXED_BYTES + 3;

/// Beside the role of a key.
const IS_ANSWERED: u8 = 4;
const HAS_MOMENT: u8 = 8;
const ROLE: u8 = 3;

/// What a leg is to a key.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Carries the value as others do; judged for discrimination.
    Shared,
    /// Names something that another leg is.
    Names,
    /// Is what another leg names.
    Is,
    /// A second thing to be named by; each rule says what.
    Other,
}

const ROLES: [Role; 4] = [Role::Shared, Role::Names, Role::Is, Role::Other];

/// The parts that suit so many legs.
pub(super) fn parts_for(legs: usize) -> usize {
    legs.div_ceil(LEGS_PER_PART).clamp(1, PARTS_MAX)
}

/// The part that a hash is in.
fn part_of(hash: u64, parts: usize) -> usize {
    // The upper bits choose the part; the lower ones tell keys apart within it.
    ((u128::from(hash) * parts as u128) >> 64) as usize
}

/// Keys on their way into runs.
#[derive(Debug)]
pub(super) struct KeptKeys {
    parts: usize,
    /// By rule, then part.
    lists: Vec<Vec<u8>>,
    bytes: usize,
    scratch: Vec<u8>,
    runs: Vec<PackedRun>,
}

/// The leg that a key is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyOwner {
    pub(super) number: u32,
    /// When it began, and when it ended.
    pub(super) span: (CaptureTime, CaptureTime),
    pub(super) is_answered: bool,
}

impl KeyOwner {
    pub(super) fn of(number: u32, leg: &LegOutline<'_>) -> Self {
        let span = (leg.started.time, leg.ended);
        Self { number, span, is_answered: leg.answered.is_some() }
    }
}

impl KeptKeys {
    pub(super) fn new(parts: usize) -> Self {
        let lists = vec![Vec::new(); RuleName::ALL.len() * parts];
        Self { parts, lists, bytes: 0, scratch: Vec::new(), runs: Vec::new() }
    }

    /// Adds a key of a leg, with the hash of its value.
    pub(super) fn add(&mut self, key: &Key<'_>, hash: u64, leg: &KeyOwner) {
        let list = &mut self.lists[key.rule as usize * self.parts + part_of(hash, self.parts)];
        let before = list.len();
        let (started, ended) = leg.span;
        let has_moment = key.at != started;
        let what = key.role as u8
            | if leg.is_answered { IS_ANSWERED } else { 0 }
            | if has_moment { HAS_MOMENT } else { 0 };
        // Put together first: the list is asked for room once.
        let mut fixed = [0; FIXED_BYTES];
        fixed[..4].copy_from_slice(&(hash as u32).to_le_bytes());
        fixed[4..8].copy_from_slice(&leg.number.to_le_bytes());
        fixed[8] = what;
        fixed[9..].copy_from_slice(&started.ns().to_le_bytes());
        list.extend_from_slice(&fixed);
        put_time(list, ended, started);
        if has_moment {
            put_time(list, key.at, started);
        }
        if let KeyValue::Bytes(bytes) = key.value {
            put_text(list, bytes);
        } else {
            self.scratch.clear();
            key.value.put(&mut self.scratch);
            put_text(list, &self.scratch);
        }
        self.bytes += list.len() - before;
    }

    /// To be called between legs: ends the run where it is long enough.
    pub(super) fn end_leg(&mut self) {
        if self.bytes > RUN_BYTES_MAX {
            self.end_run();
        }
    }

    fn end_run(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut packed = PackedBuilder::default();
        for list in &mut self.lists {
            packed.push(list);
            list.clear();
        }
        self.bytes = 0;
        self.runs.extend(packed.finish());
    }

    /// All runs; those of one part and rule are items of equal place.
    pub(super) fn finish(mut self) -> Vec<PackedRun> {
        self.end_run();
        self.runs
    }
}

/// A key of a leg, read again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'k> {
    /// As [`KeyValue`] packs it: equal ones are equal values.
    pub(super) value: &'k [u8],
    /// What the leg is to it.
    pub(super) role: Role,
    /// When the role begins.
    pub(super) at: CaptureTime,
    pub(super) leg: u32,
    /// When the leg began, and when it ended.
    pub(super) span: (CaptureTime, CaptureTime),
    pub(super) is_answered: bool,
}

/// The keys of one rule in one part.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    bytes: Vec<u8>,
    /// The hash, then the place in `starts`; by hash.
    order: Vec<u64>,
    starts: Vec<usize>,
}

impl Entries {
    /// Reads them out of the runs of all legs.
    pub(super) fn read(rule: RuleName, (part, parts): (usize, usize), runs: &[PackedRun]) -> Self {
        let item = rule as usize * parts + part;
        let bytes = runs.iter().map(|run| run.item(item).len()).sum();
        let mut entries = Self { bytes: roomy(bytes), ..Self::default() };
        for run in runs {
            entries.bytes.extend_from_slice(run.read(item));
        }
        let count = bytes / ENTRY_BYTES_MIN;
        (entries.order, entries.starts) = (roomy(count), roomy(count));
        let mut reader = Reader { rest: &entries.bytes };
        while !reader.rest.is_empty() {
            let start = entries.bytes.len() - reader.rest.len();
            // Memory ends long before 32 bits do.
            entries.order.push(u64::from(hash_of(&mut reader)) << 32 | entries.starts.len() as u64);
            entries.starts.push(start);
            skip_entry(&mut reader);
        }
        entries.order.sort_unstable();
        entries
    }

    /// Hands over the keys by equal values, where more than one key has it; by role, time and leg, and equal
    /// ones once.
    pub(super) fn for_each_value(&self, mut take: impl FnMut(&[Entry<'_>])) {
        let mut run: Vec<Entry<'_>> = Vec::new();
        for same in self.order.chunk_by(|left, right| left >> 32 == right >> 32) {
            if same.len() < 2 {
                continue;
            }
            run.clear();
            run.extend(same.iter().map(|place| self.entry(*place as u32 as usize)));
            run.sort_unstable_by_key(order_of);
            run.dedup_by_key(|entry| order_of(entry));
            for equal in run.chunk_by(|left, right| left.value == right.value) {
                if equal.len() > 1 {
                    take(equal);
                }
            }
        }
    }

    fn entry(&self, place: usize) -> Entry<'_> {
        let mut reader = Reader { rest: &self.bytes[self.starts[place]..] };
        hash_of(&mut reader);
        read_entry(&mut reader)
    }
}

fn order_of<'k>(entry: &Entry<'k>) -> (&'k [u8], Role, CaptureTime, u32) {
    (entry.value, entry.role, entry.at, entry.leg)
}

fn hash_of(reader: &mut Reader<'_>) -> u32 {
    <[u8; 4]>::try_from(reader.bytes(4)).map_or(0, u32::from_le_bytes)
}

/// Goes behind what stands behind the hash.
fn skip_entry(reader: &mut Reader<'_>) {
    let fixed = reader.bytes(FIXED_BYTES - 4);
    reader.skip_time();
    if fixed.get(4).is_some_and(|what| what & HAS_MOMENT != 0) {
        reader.skip_time();
    }
    reader.text();
}

/// What stands behind the hash.
fn read_entry<'k>(reader: &mut Reader<'k>) -> Entry<'k> {
    let leg = <[u8; 4]>::try_from(reader.bytes(4)).map_or(0, u32::from_le_bytes);
    let what = reader.byte();
    let started = <[u8; 8]>::try_from(reader.bytes(8)).map_or(0, i64::from_le_bytes);
    let started = CaptureTime::from_ns(started);
    let ended = reader.time(started);
    let at = if what & HAS_MOMENT != 0 { reader.time(started) } else { started };
    Entry {
        value: reader.text(),
        role: ROLES[usize::from(what & ROLE)],
        at,
        leg,
        span: (started, ended),
        is_answered: what & IS_ANSWERED != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What equal values have comes back once, in one part, whatever run it was in.
    #[test]
    fn keys_come_back_by_value() {
        let at = |ns| CaptureTime::from_ns(ns);
        for parts in [1, 3, 16] {
            let mut runs = Vec::new();
            for number in [2, 0, 1] {
                let leg = KeyOwner::of(number, &LegOutline::EMPTY);
                let mut kept = KeptKeys::new(parts);
                for (hash, value) in [(1 << 63, &b"one"[..]), (5, b"two"), (5, b"three")] {
                    let value = KeyValue::Bytes(value);
                    let key = |rule, role, at| Key { rule, role, at, value };
                    kept.add(&key(RuleName::Icid, Role::Shared, at(0)), hash, &leg);
                    kept.add(&key(RuleName::Icid, Role::Shared, at(0)), hash, &leg);
                    kept.add(&key(RuleName::Refer, Role::Is, at(9)), hash, &leg);
                }
                let (rule, value) = (RuleName::Icid, KeyValue::Bytes(b"lone"));
                let lone = Key { rule, role: Role::Is, at: at(0), value };
                kept.add(&lone, u64::from(number), &leg);
                kept.end_leg();
                runs.extend(kept.finish());
            }
            let mut found = Vec::new();
            for part in 0..parts {
                let entries = Entries::read(RuleName::Icid, (part, parts), &runs);
                entries.for_each_value(|run| {
                    let legs: Vec<u32> = run.iter().map(|entry| entry.leg).collect();
                    found.push((run[0].value.to_vec(), legs));
                });
            }
            found.sort();
            let values = [&b"one"[..], b"three", b"two"];
            assert_eq!(found, values.map(|value| (value.to_vec(), vec![0, 1, 2])), "{parts}");
        }
    }
}
