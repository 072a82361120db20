//! Legs to groups. In: outlines of all legs, rule table. Out: a [`Grouping`]: every leg in exactly one
//! group, all evidence that held, and why the rest of it did not join.
//!
//! Steps: the search (`search`), the choice of the rules (`rules`), union from the strongest evidence to the weakest. Every step
//! sorts, so the order of the legs cannot matter.

use super::conflict::{Conflict, Unions, may_conflict};
use super::discriminate::{DemotedValue, demoted_of};
use super::evidence::{Evidence, Refusal, Told};
use super::evidence_list::EvidenceList;
use super::found::FoundEvidence;
use super::groups::{CallGroup, CallGroups};
use super::outlines::{Outlines, outline_all};
use super::rule::{Class, RuleName};
use super::rules::{Context, compare, resolve};
use super::search::{Marked, Pairs, Search};
use super::table::RuleTable;
use crate::base::roomy;
use crate::leg::Leg;

/// Legs grouped into calls, with the reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// The calls by id. Every leg is in exactly one.
    pub groups: CallGroups,
    /// Evidence of every rule that held, and of values that were demoted; by legs, then rule.
    pub evidence: EvidenceList,
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
    pub fn evidence_about(&self, left: u32, right: u32) -> impl Iterator<Item = Evidence> {
        self.evidence.places_about(left, right).map(|place| self.evidence.at(place))
    }

    /// The evidence of `rule` about two legs; absent when the rule did not hold.
    #[must_use]
    pub fn evidence_of(&self, rule: RuleName, left: u32, right: u32) -> Option<Evidence> {
        self.evidence_about(left, right).find(|found| found.rule == rule)
    }

    /// The demoted values of one rule, by value.
    #[must_use]
    pub fn demoted_of(&self, rule: RuleName) -> &[DemotedValue] {
        demoted_of(&self.demoted, rule)
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
    group_with(outlines, &Search::new(outlines, table))
}

/// The same by a search that was set up.
#[must_use]
pub fn group_with(outlines: &Outlines, search: &Search<'_>) -> Grouping {
    let marks = search.marks();
    let Marked { mut kept, known } = search.mark(outlines.numbers(), &marks);
    marks.narrow(&known);
    kept.append(&mut search.meet(outlines.numbers(), &marks, &known));
    let candidates = |(rule, part)| (rule, search.candidates(rule, part, &kept));
    let found = search.parts().into_iter().map(candidates).collect();
    let pairs = Pairs::of(found, |list| list.sort_unstable());
    let found = search.compare(&pairs.list, pairs.demoted());
    group_by(outlines, pairs, found)
}

/// Groups legs by what the rules found about all pairs.
#[must_use]
pub fn group_by(outlines: &Outlines, pairs: Pairs, mut found: FoundEvidence) -> Grouping {
    let Pairs { list, demoted, left_out } = pairs;
    let comparisons = list.len() as u64;
    drop(list);
    resolve(outlines, &mut found);
    let mut conflicts = Vec::new();
    let order = order_of(&found);
    let FoundEvidence { mut evidence, sides, tokens } = found;
    drop(sides);
    let tokens = tokens.numbered();
    let mut unions = Unions::new(outlines);
    for ((class, (_, is_alone), rule), _, place) in order {
        let place = place as usize;
        let (left, right) = evidence.legs(place);
        let doubtful = may_conflict(rule, class, !is_alone);
        if unions.join(left, right, tokens.of(place), doubtful).is_err() {
            evidence.refuse(place, Refusal::Conflict);
            conflicts.push(Conflict { rule, evidence: place, left, right });
        }
    }
    drop(tokens);
    conflicts.sort_by_key(|conflict| conflict.evidence);
    let groups = unions.into_groups();
    Grouping { groups, evidence, conflicts, demoted, comparisons, left_out }
}

/// Evidence in the order in which it is believed: class, doubt, rule; nanoseconds between the starts; its
/// place among all evidence.
type Ranked = ((Class, (bool, bool), RuleName), i64, u32);

/// The evidence that joins, strongest class first. Within a class: legs that agree about the call before
/// legs that do not, what several rules say before what one says, then the rule's rank, the nearer
/// starts, the legs. So calls form first, and the weakest link between two of them is the one dropped.
fn order_of(found: &FoundEvidence) -> Vec<Ranked> {
    let evidence = &found.evidence;
    let count = (0..evidence.len()).filter(|place| evidence.is_joined(*place)).count();
    let mut order: Vec<Ranked> = roomy(count);
    let mut start = 0;
    while start < evidence.len() {
        let legs = evidence.legs(start);
        let behind = start + 1..evidence.len();
        let end = behind.take_while(|place| evidence.legs(*place) == legs).count() + start + 1;
        let joined = || (start..end).filter(|place| evidence.is_joined(*place));
        let is_alone = joined().nth(1).is_none();
        order.extend(joined().map(|place| {
            let Evidence { class, rule, .. } = evidence.at(place);
            let sides = found.sides[place];
            // Memory ends long before 32 bits do. Evidence stands by legs.
            ((class, (sides.strays, is_alone), rule), sides.apart_ns.saturating_abs(), place as u32)
        }));
        start = end;
    }
    order.sort_unstable();
    order
}
