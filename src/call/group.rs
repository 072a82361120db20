//! Legs to groups. In: outlines of all legs, rule table. Out: a [`Grouping`]: every leg in exactly one
//! group, all evidence that held, and why the rest of it did not join.
//!
//! Steps: keys, candidates, comparison, choice within a rule, union from the strongest evidence to
//! the weakest. Every step sorts, so the order of the legs cannot matter.

use super::conflict::{Conflict, Unions, disagree, may_conflict};
use super::discriminate::Demotion;
use super::evidence::{Comparison, Evidence, Refusal};
use super::index::{Candidates, Entries, candidates};
use super::outline::{LegOutline, outline_all};
use super::rule::{Class, RuleName};
use super::rules::{Context, Keys, compare, keys, must_adjoin, pairings, resolve};
use super::table::RuleTable;
use crate::leg::Leg;
use std::collections::BTreeMap;

/// The legs of one call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallGroup {
    /// Its smallest leg: the name of the call.
    pub id: u32,
    /// Its legs, rising.
    pub legs: Vec<u32>,
}

/// A value that was demoted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DemotedValue {
    /// The rule that reads it.
    pub rule: RuleName,
    /// The value.
    pub value: Vec<u8>,
    /// Why.
    pub demotion: Demotion,
}

/// Legs grouped into calls, with the reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// The calls by id. Every leg is in exactly one.
    pub groups: Vec<CallGroup>,
    /// For each leg the index of its group in `groups`.
    pub group_of: Vec<u32>,
    /// Evidence of every rule that held, and of values that were demoted; by legs, then rule.
    pub evidence: Vec<Evidence>,
    /// Joins that were refused because the calls are evidently different.
    pub conflicts: Vec<Conflict>,
    /// Values that do not discriminate, by rule and value.
    pub demoted: Vec<DemotedValue>,
    /// Comparisons made: near-linear in the number of legs.
    pub comparisons: u64,
    /// Pairs not compared because a leg had too many candidates for one key; 0 without a flood.
    pub left_out: u64,
}

impl Grouping {
    /// The group of a leg; absent when there is no such leg.
    #[must_use]
    pub fn group_with(&self, leg: u32) -> Option<&CallGroup> {
        self.groups.get(*self.group_of.get(leg as usize)? as usize)
    }

    /// Calls with an INVITE: all but a REFER under a Call-ID of its own that nothing joins. `outlines` are
    /// the legs that were grouped.
    #[must_use]
    pub fn conversations(&self, outlines: &[LegOutline]) -> usize {
        let has_invite =
            |leg: &u32| outlines.get(*leg as usize).is_some_and(|outline| outline.has_invite);
        self.groups.iter().filter(|group| group.legs.iter().any(has_invite)).count()
    }

    /// The evidence of `rule` about two legs; absent when the rule did not hold.
    #[must_use]
    pub fn evidence_of(&self, rule: RuleName, left: u32, right: u32) -> Option<&Evidence> {
        let wanted = (left.min(right), left.max(right), rule);
        let place = self
            .evidence
            .binary_search_by_key(&wanted, |found| (found.left, found.right, found.rule));
        place.ok().map(|place| &self.evidence[place])
    }

    /// The demoted values of one rule, as comparisons read them.
    #[must_use]
    pub fn demoted_of(&self, rule: RuleName) -> BTreeMap<Vec<u8>, Demotion> {
        let of_rule = self.demoted.iter().filter(|demoted| demoted.rule == rule);
        of_rule.map(|demoted| (demoted.value.clone(), demoted.demotion)).collect()
    }
}

/// Groups legs given in any order; leg numbers are places by sensor and Call-ID.
#[must_use]
pub fn group_legs(legs: &[Leg], table: &RuleTable) -> Grouping {
    group(&outline_all(legs), table)
}

/// Groups legs by their outlines, which stand by sensor and Call-ID (see [`outline_all`]).
#[must_use]
pub fn group(outlines: &[LegOutline], table: &RuleTable) -> Grouping {
    let rules = RuleName::ALL.into_iter().filter(|rule| table.is_on(*rule));
    group_by(outlines, rules.map(|rule| rule_evidence(rule, outlines, table)).collect())
}

/// Groups legs by what each rule says about them, in any order: the rules know nothing of each other,
/// so they may be run side by side.
#[must_use]
pub fn group_by(outlines: &[LegOutline], mut rules: Vec<RuleEvidence>) -> Grouping {
    rules.sort_by_key(|found| found.rule);
    let mut grouping = Grouping::default();
    for found in rules {
        let RuleEvidence { rule, mut evidence, demoted, comparisons, left_out } = found;
        grouping.left_out += left_out;
        grouping.comparisons += comparisons;
        grouping.evidence.append(&mut evidence);
        let named = |(value, demotion)| DemotedValue { rule, value, demotion };
        grouping.demoted.extend(demoted.into_iter().map(named));
    }
    grouping.evidence.sort_by_key(|found| (found.left, found.right, found.rule));
    union(outlines, &mut grouping);
    grouping
}

/// What one rule says about all legs.
#[derive(Clone, Debug)]
pub struct RuleEvidence {
    rule: RuleName,
    evidence: Vec<Evidence>,
    demoted: BTreeMap<Vec<u8>, Demotion>,
    comparisons: u64,
    left_out: u64,
}

/// Runs one rule over its candidates.
#[must_use]
pub fn rule_evidence(rule: RuleName, outlines: &[LegOutline], table: &RuleTable) -> RuleEvidence {
    let mut entries = Entries::default();
    for (leg, outline) in (0u32..).zip(outlines) {
        keys(rule, table, &mut Keys { leg, outline, entries: &mut entries });
    }
    let pairing = pairings(rule, table);
    let Candidates { pairs, demoted, left_out } =
        candidates(entries, &pairing, outlines, table, must_adjoin(rule));
    let comparisons = pairs.len() as u64;
    let context = Context { outlines, table, demoted: &demoted, explains: false };
    let mut evidence: Vec<Evidence> = pairs
        .into_iter()
        .filter_map(|(left, right)| {
            evidence_from(rule, table, left, right, compare(rule, context, left, right))
        })
        .collect();
    resolve(rule, outlines, &mut evidence);
    RuleEvidence { rule, evidence, demoted, comparisons, left_out }
}

/// Evidence is kept when the rule held, or when its value was demoted; `joined` is whether the merge
/// set takes it, before choice and conflicts.
fn evidence_from(
    rule: RuleName,
    table: &RuleTable,
    left: u32,
    right: u32,
    found: Comparison,
) -> Option<Evidence> {
    let (class, joined) = match found.holds {
        Ok(class) if table.joins(rule, class, class > rule.class()) => (class, Ok(())),
        Ok(class) => (class, Err(Refusal::NotMerged)),
        Err(Refusal::Demoted(_)) if table.joins(rule, Class::Weak, true) => (Class::Weak, Ok(())),
        Err(refusal @ Refusal::Demoted(_)) => (Class::Weak, Err(refusal)),
        Err(_) => return None,
    };
    let Comparison { compared, records, tokens, .. } = found;
    Some(Evidence { rule, class, left, right, joined, compared, records, tokens })
}

/// Joins by evidence, strongest class first. Within a class: legs that agree about the call before
/// legs that do not, what several rules say before what one says, then the rule's rank, the nearer
/// starts, the legs. So calls form first, and the weakest link between two of them is the one dropped.
fn union(outlines: &[LegOutline], grouping: &mut Grouping) {
    let evidence = &mut grouping.evidence;
    let mut rules_of_pair: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for found in evidence.iter().filter(|found| found.is_joined()) {
        *rules_of_pair.entry((found.left, found.right)).or_default() += 1;
    }
    let is_corroborated = |found: &Evidence| {
        rules_of_pair.get(&(found.left, found.right)).is_some_and(|rules| *rules > 1)
    };
    let start = |leg: u32| outlines[leg as usize].started.time;
    let mut order: Vec<usize> =
        (0..evidence.len()).filter(|place| evidence[*place].is_joined()).collect();
    order.sort_by_cached_key(|place| {
        let found = &evidence[*place];
        let apart_ns = start(found.left).since_ns(start(found.right)).saturating_abs();
        let strays = found.rule.is_shared_value()
            && disagree(&outlines[found.left as usize], &outlines[found.right as usize]);
        let doubt = (strays, !is_corroborated(found));
        (found.class, doubt, found.rule, apart_ns, found.left, found.right)
    });
    let mut unions = Unions::new(outlines);
    for place in order {
        let found = &evidence[place];
        let (rule, left, right) = (found.rule, found.left, found.right);
        let doubtful = may_conflict(rule, found.class, is_corroborated(found));
        if unions.join(left, right, &found.tokens, doubtful).is_err() {
            evidence[place].joined = Err(Refusal::Conflict);
            grouping.conflicts.push(Conflict { rule, evidence: place, left, right });
        }
    }
    grouping.conflicts.sort_by_key(|conflict| conflict.evidence);
    collect(outlines.len(), &mut unions, grouping);
}

/// Conservation: each leg goes to the group of its root, once.
fn collect(legs: usize, unions: &mut Unions<'_>, grouping: &mut Grouping) {
    let mut groups: Vec<CallGroup> = Vec::new();
    let mut group_of: Vec<u32> = Vec::with_capacity(legs);
    for leg in (0u32..).take(legs) {
        let root = unions.root(leg);
        if root == leg {
            // A root is its group's smallest leg, so it comes before all others.
            group_of.push(u32::try_from(groups.len()).unwrap_or(u32::MAX));
            groups.push(CallGroup { id: leg, legs: vec![leg] });
        } else {
            let group = group_of[root as usize];
            group_of.push(group);
            groups[group as usize].legs.push(leg);
        }
    }
    assert_eq!(
        groups.iter().map(|group| group.legs.len()).sum::<usize>(),
        legs,
        "every leg is in exactly one call"
    );
    grouping.groups = groups;
    grouping.group_of = group_of;
}
