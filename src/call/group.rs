//! Legs to groups. In: outlines of all legs, rule table. Out: a [`Grouping`]: every leg in exactly one
//! group, all evidence that held, and why the rest of it did not join.
//!
//! Steps: the search rule by rule (`search`), union from the strongest evidence to the weakest. Every step
//! sorts, so the order of the legs cannot matter.

use super::conflict::{Conflict, Unions, disagree, may_conflict};
use super::discriminate::DemotedValue;
use super::evidence::{Evidence, Refusal, Told};
use super::groups::{CallGroup, CallGroups};
use super::outlines::{Outlines, outline_all};
use super::rule::{Class, RuleName};
use super::rules::{Context, compare};
use super::search::{RuleEvidence, Search};
use super::table::RuleTable;
use super::tokens::Tokens;
use crate::leg::Leg;
use hashbrown::HashMap;

/// Legs grouped into calls, with the reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// The calls by id. Every leg is in exactly one.
    pub groups: CallGroups,
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
    /// The place of the group of a leg; absent when there is no such leg.
    #[must_use]
    pub fn place_of(&self, leg: u32) -> Option<usize> {
        self.groups.of_legs().get(leg as usize).map(|place| *place as usize)
    }

    /// The group of a leg; absent when there is no such leg.
    #[must_use]
    pub fn group_with(&self, leg: u32) -> Option<CallGroup<'_>> {
        self.groups.get(self.place_of(leg)?)
    }

    /// Calls with an INVITE: all but a REFER under a Call-ID of its own that nothing joins. `outlines` are
    /// the legs that were grouped.
    #[must_use]
    pub fn conversations(&self, outlines: &Outlines) -> usize {
        let has_invite = |leg: &u32| outlines.span(*leg).has_invite;
        self.groups.iter().filter(|group| group.legs.iter().any(has_invite)).count()
    }

    /// The evidence about two legs, by rule.
    #[must_use]
    pub fn evidence_about(&self, left: u32, right: u32) -> &[Evidence] {
        let wanted = (left.min(right), left.max(right));
        let legs = |found: &Evidence| (found.left, found.right);
        let start = self.evidence.partition_point(|found| legs(found) < wanted);
        let about = &self.evidence[start..];
        &about[..about.partition_point(|found| legs(found) == wanted)]
    }

    /// The evidence of `rule` about two legs; absent when the rule did not hold.
    #[must_use]
    pub fn evidence_of(&self, rule: RuleName, left: u32, right: u32) -> Option<&Evidence> {
        self.evidence_about(left, right).iter().find(|found| found.rule == rule)
    }

    /// The demoted values of one rule, by value.
    #[must_use]
    pub fn demoted_of(&self, rule: RuleName) -> &[DemotedValue] {
        let start = self.demoted.partition_point(|demoted| demoted.rule < rule);
        let end = self.demoted.partition_point(|demoted| demoted.rule <= rule);
        &self.demoted[start..end]
    }

    /// The values that evidence of this grouping compared. `outlines` and `table` are those of the grouping.
    #[must_use]
    pub fn told(&self, outlines: &Outlines, table: &RuleTable, evidence: &Evidence) -> Told {
        let Evidence { rule, left, right, .. } = *evidence;
        let demoted = self.demoted_of(rule);
        let context = Context { outlines, table, demoted, explains: false };
        compare(rule, context, left, right).told()
    }
}

/// Groups legs given in any order; leg numbers are places by sensor and Call-ID.
#[must_use]
pub fn group_legs(legs: &[Leg], table: &RuleTable) -> Grouping {
    group(&outline_all(legs), table)
}

/// Groups legs by their outlines, which stand by sensor and Call-ID (see [`outline_all`]).
#[must_use]
pub fn group(outlines: &Outlines, table: &RuleTable) -> Grouping {
    let search = Search::new(outlines, table);
    let mut kept = search.mark(outlines.numbers());
    let met = search.meet(outlines.numbers(), &kept);
    kept.append(met);
    let rule_evidence = |rule: &RuleName| {
        let candidates = search.candidates(*rule, kept.take(*rule));
        let found = search.compare(*rule, &candidates, &candidates.pairs);
        search.resolve(*rule, candidates, [found])
    };
    let found = search.rules().iter().map(rule_evidence).collect();
    group_by(outlines, found)
}

/// Groups legs by what each rule says about them, in any order: the rules know nothing of each other.
#[must_use]
pub fn group_by(outlines: &Outlines, mut rules: Vec<RuleEvidence>) -> Grouping {
    rules.sort_by_key(|found| found.rule);
    let mut grouping = Grouping::default();
    let mut order: Vec<(u32, u32, u32, u32)> = Vec::new();
    for (place, found) in (0u32..).zip(&mut rules) {
        grouping.left_out += found.left_out;
        grouping.comparisons += found.comparisons;
        grouping.demoted.append(&mut found.demoted);
        let evidence = (0u32..).zip(&found.evidence);
        order.extend(evidence.map(|(at, evidence)| (evidence.left, evidence.right, place, at)));
    }
    // A rule says one thing about two legs, so this is by legs, then rule.
    order.sort_unstable();
    let tokens: Vec<&Tokens> = rules.iter().map(|found| &found.tokens).collect();
    let numbers = numbered(&tokens, order.iter().map(|(_, _, rule, at)| (*rule, *at)));
    let evidence =
        |(_, _, rule, at): (u32, u32, u32, u32)| rules[rule as usize].evidence[at as usize].clone();
    grouping.evidence = order.into_iter().map(evidence).collect();
    drop(rules);
    union(outlines, &mut grouping, &numbers);
    grouping
}

/// Shared values as numbers, of each piece of evidence; equal values have one number.
struct Numbered {
    /// Where the numbers of each piece of evidence end.
    ends: Vec<u32>,
    numbers: Vec<u32>,
}

impl Numbered {
    fn of(&self, evidence: usize) -> &[u32] {
        let start = evidence.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.numbers[start as usize..self.ends[evidence] as usize]
    }
}

fn numbered(tokens: &[&Tokens], evidence: impl Iterator<Item = (u32, u32)>) -> Numbered {
    // Its order never leaves: numbers are given in the order of the evidence.
    let mut known: HashMap<&[u8], u32, foldhash::fast::RandomState> = HashMap::default();
    let mut made = Numbered { ends: Vec::new(), numbers: Vec::new() };
    for (rule, at) in evidence {
        for value in tokens[rule as usize].of(at as usize) {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            made.numbers.push(*known.entry(value).or_insert(next));
        }
        made.ends.push(u32::try_from(made.numbers.len()).unwrap_or(u32::MAX));
    }
    made
}

/// Joins by evidence, strongest class first. Within a class: legs that agree about the call before
/// legs that do not, what several rules say before what one says, then the rule's rank, the nearer
/// starts, the legs. So calls form first, and the weakest link between two of them is the one dropped.
fn union(outlines: &Outlines, grouping: &mut Grouping, tokens: &Numbered) {
    let evidence = &mut grouping.evidence;
    let mut order: Vec<Ranked> = Vec::new();
    let mut place = 0;
    for about in evidence.chunk_by(|one, other| (one.left, one.right) == (other.left, other.right))
    {
        let is_corroborated = about.iter().filter(|found| found.is_joined()).count() > 1;
        let mut disagrees = None;
        for (found, place) in about.iter().zip(place..).filter(|(found, _)| found.is_joined()) {
            let strays = found.rule.is_shared_value()
                && *disagrees.get_or_insert_with(|| {
                    disagree(&outlines.at(found.left), &outlines.at(found.right))
                });
            let start = |leg: u32| outlines.span(leg).started;
            let apart_ns = start(found.left).since_ns(start(found.right)).saturating_abs();
            let doubt = (strays, !is_corroborated);
            order.push(((found.class, doubt, found.rule), apart_ns, place));
        }
        place += u32::try_from(about.len()).unwrap_or(u32::MAX);
    }
    // Evidence stands by legs.
    order.sort_unstable();
    let mut unions = Unions::new(outlines);
    for ((class, (_, is_alone), rule), _, place) in order {
        let found = &mut evidence[place as usize];
        let (left, right) = (found.left, found.right);
        let doubtful = may_conflict(rule, class, !is_alone);
        if unions.join(left, right, tokens.of(place as usize), doubtful).is_err() {
            found.joined = Err(Refusal::Conflict);
            let evidence = place as usize;
            grouping.conflicts.push(Conflict { rule, evidence, left, right });
        }
    }
    grouping.conflicts.sort_by_key(|conflict| conflict.evidence);
    grouping.groups = unions.into_groups();
}

/// Evidence in the order in which it is believed: class, doubt, rule; nanoseconds between the starts; its
/// place among all evidence.
type Ranked = ((Class, (bool, bool), RuleName), i64, u32);
