//! The search for evidence: keys, candidates and comparison.
//!
//! In: outlines of all legs, rule table. Out: evidence by legs, then rule. Every step is made of parts that
//! know nothing of each other: legs by ranges, keys by rule and part of their hashes, pairs by ranges. So they
//! may be run side by side, and lie anywhere in between; what comes out is sorted, so the order of the legs
//! and the number of the parts cannot matter.

use super::discriminate::{DemotedValue, demoted_of};
use super::found::FoundEvidence;
use super::index::{Candidates, candidates};
use super::kept::{Entries, KeptKeys, KeyOwner, parts_for};
use super::marks::{KnownKeys, Marks, Meeting, MomentsOf, known_legs};
use super::outline::LegOutline;
use super::outlines::Outlines;
use super::rule::{RuleName, RuleSet};
use super::rules::{
    Context, Key, KeyValue, Keys, Offer, Parties, asks, judge_legs, meets, must_adjoin, offers,
    pairings,
};
use super::said::MediaValue;
use super::table::RuleTable;
use crate::base::{Endpoint, PackedRun, roomy};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::ops::Range;

/// A pair that a rule compares, the smaller leg first.
pub type Pair = (u32, u32, RuleName);

/// What all rules compare.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// Each once; to be sorted before they are compared.
    pub list: Vec<Pair>,
    /// Values that do not discriminate, by rule and value.
    pub(super) demoted: Vec<DemotedValue>,
    /// Pairs left out because a leg had too many for one key.
    pub(super) left_out: u64,
}

impl Pairs {
    /// Values that do not discriminate, by rule and value.
    #[must_use]
    pub fn demoted(&self) -> &[DemotedValue] {
        &self.demoted
    }

    /// Joins the candidates of all rules and parts; what several parts found becomes one when the list was
    /// sorted by `sort`.
    #[must_use]
    pub fn of(found: Vec<(RuleName, Candidates)>, sort: impl FnOnce(&mut Vec<Pair>)) -> Self {
        let list = roomy(found.iter().map(|(_, found)| found.pairs.len()).sum());
        let mut all = Self { list, ..Self::default() };
        for (rule, mut found) in found {
            all.list.extend(found.pairs.iter().map(|(left, right)| (*left, *right, rule)));
            all.demoted.append(&mut found.demoted);
            all.left_out += found.left_out;
        }
        sort(&mut all.list);
        all.list.dedup();
        all.demoted.sort_unstable_by(|left, right| {
            (left.rule, &left.value).cmp(&(right.rule, &right.value))
        });
        all
    }
}

/// What the first pass over some legs gives.
#[derive(Debug)]
pub struct Marked {
    /// Keys that ask.
    pub kept: Vec<PackedRun>,
    /// What is known of the keys of these legs, for the second pass.
    pub known: PackedRun,
}

/// A search among all legs.
#[derive(Debug)]
pub struct Search<'o> {
    outlines: &'o Outlines,
    table: &'o RuleTable,
    rules: RuleSet,
    moments: MomentsOf,
    /// Into how many parts the keys of a rule go.
    parts: usize,
    /// Which keys meet is decided by their values: hashes only tell most of them apart, and no result
    /// shows them, so the seed may be known.
    hasher: foldhash::fast::FixedState,
}

impl<'o> Search<'o> {
    /// Begins a search by the rules that are on.
    #[must_use]
    pub fn new(outlines: &'o Outlines, table: &'o RuleTable) -> Self {
        let last = outlines.len().checked_sub(1).and_then(|last| u32::try_from(last).ok());
        let sensor = |leg: u32| outlines.at(leg).sensor;
        // By sensor, so the first and the last tell; a sensor sees one leg by one Call-ID.
        let has_sensors = last.is_some_and(|last| sensor(0) != sensor(last));
        let can_be =
            |rule: &RuleName| table.is_on(*rule) && (has_sensors || *rule != RuleName::CallId);
        Self {
            outlines,
            table,
            rules: RuleName::ALL.into_iter().filter(can_be).collect(),
            moments: MomentsOf::new(table),
            parts: parts_for(outlines.len()),
            hasher: foldhash::fast::FixedState::default(),
        }
    }

    /// The same with so many parts; changes no result.
    #[must_use]
    pub fn with_parts(self, parts: usize) -> Self {
        Self { parts: parts.max(1), ..self }
    }

    /// The rules that may say something, each with the parts that its keys go into.
    #[must_use]
    pub fn parts(&self) -> Vec<(RuleName, usize)> {
        let of_rule =
            |rule: RuleName| (0..self.parts).map(move |part| (rule, part)).collect::<Vec<_>>();
        self.rules.iter().flat_map(of_rule).collect()
    }

    /// What the first pass marks.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks::new(self.outlines.len())
    }

    /// The first pass, over all legs: remembers which keys were there, and keeps those that ask.
    #[must_use]
    pub fn mark(&self, legs: Range<u32>, marks: &Marks) -> Marked {
        let mut kept = KeptKeys::new(self.parts);
        let mut known = KnownKeys::default();
        let mut scratch = Vec::new();
        for (number, leg) in self.legs(legs) {
            let owner = KeyOwner::of(number, &leg);
            let ask = |key: Key<'_>| {
                let hash = self.hash(key.value);
                marks.ask(key.rule, hash);
                kept.add(&key, hash, &owner);
            };
            asks(self.rules, self.table, &leg, &mut Keys::new(&leg, &mut scratch, ask));
            let meet = |key: Key<'_>| {
                let hash = self.hash(key.value);
                self.moments.marks(&key, hash, |mark| {
                    marks.mark(mark);
                    known.add_mark(mark);
                });
            };
            let parties = Parties::of(self.table, &leg);
            meets(self.rules, &leg, &parties, &mut Keys::new(&leg, &mut scratch, meet));
            // Who asks is known when all legs were read: what might be asked for is remembered.
            let offer = |offer: Offer<'_>| known.add_offered(self.hash(offer.value));
            offers(self.rules, &leg, &parties, &mut scratch, offer);
            known.end_leg();
            kept.end_leg();
        }
        Marked { kept: kept.finish(), known: known.finish() }
    }

    /// The second pass, when the first one is over for all legs, and [`Marks::narrow`] was called for all that
    /// it knows: keeps the keys that may meet others. `known` is what the first pass knows of these legs.
    #[must_use]
    pub fn meet(&self, legs: Range<u32>, marks: &Marks, known: &PackedRun) -> Vec<PackedRun> {
        let mut kept = KeptKeys::new(self.parts);
        let mut scratch = Vec::new();
        for (number, known) in legs.zip(known_legs(known)) {
            let meeting = known.meeting(marks);
            if meeting != Meeting::NONE {
                let leg = self.outlines.at(number);
                self.keep(&mut kept, (number, &leg), (marks, meeting), &mut scratch);
            }
        }
        kept.finish()
    }

    /// Keeps the keys of a leg that may meet others.
    fn keep(
        &self,
        kept: &mut KeptKeys,
        (number, leg): (u32, &LegOutline<'_>),
        (marks, meeting): (&Marks, Meeting),
        scratch: &mut Vec<u8>,
    ) {
        let (owner, parties) = (KeyOwner::of(number, leg), Parties::of(self.table, leg));
        let asked = marks.asking();
        if meeting.asked && !asked.is_empty() {
            let offer = |offer: Offer<'_>| {
                let hash = self.hash(offer.value);
                if marks.may_be_asked(hash as u32) {
                    offer.keys(asked, leg, |key| kept.add(&key, hash, &owner));
                }
            };
            offers(asked, leg, &parties, scratch, offer);
        }
        if meeting.alike {
            let meet = |key: Key<'_>| {
                let hash = self.hash(key.value);
                let mut may_meet = false;
                self.moments.marks(&key, hash, |mark| may_meet |= marks.may_meet(mark));
                if may_meet {
                    kept.add(&key, hash, &owner);
                }
            };
            meets(self.rules, leg, &parties, &mut Keys::new(leg, scratch, meet));
        }
        kept.end_leg();
    }

    fn legs(&self, legs: Range<u32>) -> impl Iterator<Item = (u32, LegOutline<'o>)> {
        legs.clone().zip(self.outlines.range(legs))
    }

    #[inline]
    fn hash(&self, value: KeyValue<'_>) -> u64 {
        match value {
            // Whatever is before it: the same value is asked for in several ways.
            KeyValue::Bytes(bytes) | KeyValue::Behind(_, bytes) => self.hasher.hash_one(bytes),
            KeyValue::Pair(one, other) => self.hasher.hash_one((one, other)),
            KeyValue::At(IpAddr::V4(address), number) => {
                self.hasher.hash_one((address.to_bits(), number))
            }
            KeyValue::At(IpAddr::V6(address), number) => {
                self.hasher.hash_one((address.to_bits(), number))
            }
            KeyValue::Media(value) => match value {
                MediaValue::Address(Endpoint { address: IpAddr::V4(address), port }) => {
                    let number = u64::from(address.to_bits()) << 16 | u64::from(port);
                    self.hasher.hash_one(number)
                }
                MediaValue::Origin(id, IpAddr::V4(address)) => {
                    self.hasher.hash_one((id, address.to_bits()))
                }
                value => self.hasher.hash_one(value),
            },
        }
    }

    /// The pairs that a rule compares by one part of its keys; `kept` is what both passes kept of all legs.
    #[must_use]
    pub fn candidates(&self, rule: RuleName, part: usize, kept: &[PackedRun]) -> Candidates {
        let entries = Entries::read(rule, (part, self.parts), kept);
        candidates(&entries, (rule, &pairings(rule, self.table)), self.table, must_adjoin(rule))
    }

    /// Compares some of the pairs, which are sorted.
    #[must_use]
    pub fn compare(&self, pairs: &[Pair], demoted: &[DemotedValue]) -> FoundEvidence {
        let mut found = FoundEvidence::default();
        let mut left: Option<(u32, LegOutline<'_>)> = None;
        let mut right: Option<(u32, LegOutline<'_>)> = None;
        let read = |known: &mut Option<(u32, LegOutline<'o>)>, leg: u32| {
            if known.as_ref().is_none_or(|(number, _)| *number != leg) {
                *known = Some((leg, self.outlines.at(leg)));
            }
        };
        for (one, other, rule) in pairs {
            read(&mut left, *one);
            read(&mut right, *other);
            let (Some((_, a)), Some((_, b))) = (&left, &right) else { continue };
            let demoted = demoted_of(demoted, *rule);
            let (outlines, table) = (self.outlines, self.table);
            let context = Context { outlines, table, demoted, explains: false };
            let judged = judge_legs(*rule, context, a, b);
            found.add((*rule, self.table), (*one, *other), (a, b), &judged);
        }
        found
    }
}
