//! The search for evidence: keys, candidates, comparison and choice, rule by rule.
//!
//! In: outlines of all legs, rule table. Out: what each rule says about all legs. Every step is made of
//! parts that know nothing of each other, legs or pairs by ranges, so they may be run side by side; what
//! comes out is sorted, so the order of the legs and of the parts cannot matter.

use super::discriminate::DemotedValue;
use super::evidence::{Comparison, Evidence, Refusal};
use super::filter::Filter;
use super::index::{Candidates, Entries, candidates};
use super::outlines::Outlines;
use super::rule::{Class, RuleName};
use super::rules::{
    Context, Key, KeyValue, Keys, asks, compare, meeting_window_ns, meets, must_adjoin, offers,
    pairings, resolve, target_keys,
};
use super::said::MediaValue;
use super::table::RuleTable;
use super::tokens::Tokens;
use crate::base::Endpoint;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::ops::Range;

/// Room in the filter for each leg: it has some eight keys that others may have, so one key in six is
/// kept by accident.
const SLOTS_PER_LEG: usize = 48;
/// Odd numbers without a pattern, by which rules, moments and values are mixed into one hash.
const OF_RULE: u64 = 0x9E37_79B9_7F4A_7C15;
const OF_MOMENT: u64 = 0xC2B2_AE3D_27D4_EB4F;
const OF_ALL: u64 = 0xD6E8_FEB8_6659_FD93;

/// The keys that were kept, by rule.
#[derive(Clone, Debug, Default)]
pub struct KeptKeys {
    of_rule: [Entries; RuleName::ALL.len()],
}

impl KeptKeys {
    /// Adds the keys of other legs.
    pub fn append(&mut self, other: Self) {
        for (own, others) in self.of_rule.iter_mut().zip(other.of_rule) {
            own.append(others);
        }
    }

    /// Takes the keys of one rule out.
    #[must_use]
    pub fn take(&mut self, rule: RuleName) -> Entries {
        std::mem::take(&mut self.of_rule[rule as usize])
    }

    fn add(&mut self, rule: RuleName, hash: u64, key: Key<'_>, leg: u32) {
        let value = key.value.text();
        self.of_rule[rule as usize].add(hash, &value, (key.role, key.at), leg);
    }
}

/// What one rule says about all legs.
#[derive(Clone, Debug)]
pub struct RuleEvidence {
    pub(super) rule: RuleName,
    /// By legs.
    pub(super) evidence: Vec<Evidence>,
    /// The shared values, of each piece of evidence.
    pub(super) tokens: Tokens,
    pub(super) demoted: Vec<DemotedValue>,
    pub(super) comparisons: u64,
    pub(super) left_out: u64,
}

/// A search among all legs.
#[derive(Debug)]
pub struct Search<'o> {
    outlines: &'o Outlines,
    table: &'o RuleTable,
    rules: Vec<RuleName>,
    filter: Filter,
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
            filter: Filter::new(outlines.len(), SLOTS_PER_LEG),
            hasher: foldhash::fast::FixedState::default(),
        }
    }

    /// The rules that may say something.
    #[must_use]
    pub fn rules(&self) -> &[RuleName] {
        &self.rules
    }

    /// The first pass, over all legs: remembers which keys were there, and keeps those that ask.
    #[must_use]
    pub fn mark(&self, legs: Range<u32>) -> KeptKeys {
        let mut kept = KeptKeys::default();
        for leg in legs {
            let outline = self.outlines.at(leg);
            for rule in &self.rules {
                let mut ask = |key: Key<'_>| {
                    let hash = self.hash(key.value);
                    self.filter.mark(mixed(*rule, hash, 0));
                    kept.add(*rule, hash, key, leg);
                };
                asks(*rule, self.table, &outline, &mut Keys::new(&outline, &mut ask));
                let window_ns = meeting_window_ns(*rule, self.table);
                let mut meet = |key: Key<'_>| {
                    let moment = moment_of(&key, window_ns);
                    self.filter.mark(mixed(*rule, self.hash(key.value), moment));
                };
                meets(*rule, self.table, &outline, &mut Keys::new(&outline, &mut meet));
            }
        }
        kept
    }

    /// The second pass, when the first one is over for all legs: keeps the keys that may meet others.
    /// `asked` is what the first pass kept, of all legs.
    #[must_use]
    pub fn meet(&self, legs: Range<u32>, asked: &KeptKeys) -> KeptKeys {
        let mut kept = KeptKeys::default();
        for leg in legs {
            let outline = self.outlines.at(leg);
            let is_asked = |rule: RuleName| !asked.of_rule[rule as usize].is_empty();
            let targets = if is_asked(RuleName::Refer) || is_asked(RuleName::Redirect) {
                target_keys(&outline)
            } else {
                Vec::new()
            };
            for rule in &self.rules {
                if is_asked(*rule) {
                    let mut offer = |key: Key<'_>| {
                        let hash = self.hash(key.value);
                        if self.filter.was_there(mixed(*rule, hash, 0)) {
                            kept.add(*rule, hash, key, leg);
                        }
                    };
                    let mut keys = Keys::new(&outline, &mut offer);
                    offers(*rule, self.table, &outline, &targets, &mut keys);
                }
                let window_ns = meeting_window_ns(*rule, self.table);
                let mut meet = |key: Key<'_>| {
                    let hash = self.hash(key.value);
                    if self.may_meet(*rule, hash, moment_of(&key, window_ns), window_ns.is_some()) {
                        kept.add(*rule, hash, key, leg);
                    }
                };
                meets(*rule, self.table, &outline, &mut Keys::new(&outline, &mut meet));
            }
        }
        kept
    }

    fn may_meet(&self, rule: RuleName, hash: u64, moment: i64, has_window: bool) -> bool {
        let near = |by: i64| self.filter.was_there(mixed(rule, hash, moment.saturating_add(by)));
        self.filter.was_there_twice(mixed(rule, hash, moment))
            || (has_window && (near(-1) || near(1)))
    }

    fn hash(&self, value: KeyValue<'_>) -> u64 {
        match value {
            KeyValue::Bytes(bytes) => self.hasher.hash_one(bytes),
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

    /// The pairs that a rule compares, by the keys that both passes kept of it.
    #[must_use]
    pub fn candidates(&self, rule: RuleName, keys: Entries) -> Candidates {
        let pairings = pairings(rule, self.table);
        candidates(keys, (rule, &pairings), self.outlines, self.table, must_adjoin(rule))
    }

    /// Compares some of the candidates; the evidence of each part goes to [`Search::resolve`].
    #[must_use]
    pub fn compare(
        &self,
        rule: RuleName,
        candidates: &Candidates,
        pairs: &[(u32, u32)],
    ) -> RuleEvidence {
        let (outlines, table) = (self.outlines, self.table);
        let context = Context { outlines, table, demoted: &candidates.demoted, explains: false };
        let mut made = RuleEvidence::none(rule);
        for (left, right) in pairs {
            let mut found = compare(rule, context, *left, *right);
            let tokens = std::mem::take(&mut found.tokens);
            if let Some(evidence) = evidence_from(rule, table, (*left, *right), &found) {
                made.evidence.push(evidence);
                made.tokens.push(tokens.iter().map(|token| &**token));
            }
        }
        made
    }

    /// Joins the parts, in the order of their pairs, and lets the rule choose among them.
    #[must_use]
    pub fn resolve(
        &self,
        rule: RuleName,
        candidates: Candidates,
        parts: impl IntoIterator<Item = RuleEvidence>,
    ) -> RuleEvidence {
        let mut made = RuleEvidence::none(rule);
        for mut part in parts {
            made.evidence.append(&mut part.evidence);
            made.tokens.append(part.tokens);
        }
        resolve(rule, self.outlines, &mut made.evidence, &made.tokens);
        made.comparisons = candidates.pairs.len() as u64;
        made.left_out = candidates.left_out;
        made.demoted = candidates.demoted;
        made
    }
}

impl RuleEvidence {
    fn none(rule: RuleName) -> Self {
        Self {
            rule,
            evidence: Vec::new(),
            tokens: Tokens::default(),
            demoted: Vec::new(),
            comparisons: 0,
            left_out: 0,
        }
    }
}

/// The part of time that a key is in: with a window, two roles that are near enough are in the same part
/// or in parts beside each other.
fn moment_of(key: &Key<'_>, window_ns: Option<i64>) -> i64 {
    window_ns.map_or(0, |window_ns| key.at.ns().div_euclid(window_ns.max(1)))
}

const fn mixed(rule: RuleName, hash: u64, moment: i64) -> u64 {
    let of_rule = (rule as u64 + 1).wrapping_mul(OF_RULE);
    let of_moment = moment.cast_unsigned().wrapping_mul(OF_MOMENT);
    (hash ^ of_rule).wrapping_add(of_moment).wrapping_mul(OF_ALL)
}

/// Evidence is kept when the rule held, or when its value was demoted; `joined` is whether the merge
/// set takes it, before choice and conflicts.
fn evidence_from(
    rule: RuleName,
    table: &RuleTable,
    (left, right): (u32, u32),
    found: &Comparison<'_>,
) -> Option<Evidence> {
    let (class, joined) = match &found.holds {
        Ok(class) if table.joins(rule, *class, *class > rule.class()) => (*class, Ok(())),
        Ok(class) => (*class, Err(Refusal::NotMerged)),
        Err(Refusal::Demoted(_)) if table.joins(rule, Class::Weak, true) => (Class::Weak, Ok(())),
        Err(refusal @ Refusal::Demoted(_)) => (Class::Weak, Err(refusal.clone())),
        Err(_) => return None,
    };
    Some(Evidence { rule, class, left, right, joined })
}
