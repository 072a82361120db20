//! Explanation: for any two legs what every rule compared, and why it joined them or not.

use super::evidence::{Compared, Refusal, Told};
use super::group::{Grouping, group};
use super::outlines::Outlines;
use super::rule::{Class, RuleName};
use super::rules::{Context, compare};
use super::table::RuleTable;
use crate::base::RecordRef;
use crate::leg::Leg;

/// What one rule says about two legs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleOutcome {
    /// The rule.
    pub rule: RuleName,
    /// The class of the evidence; the rule's best where it does not hold.
    pub class: Class,
    /// `Ok` when it joined the two, else why not.
    pub joined: Result<(), Refusal>,
    /// The values compared, of the first leg left.
    pub compared: Vec<Compared>,
    /// The records that show them.
    pub records: Vec<RecordRef>,
}

/// Explains two legs of a grouping, by number. Agrees with it: a rule says `joined` exactly when the
/// grouping holds joined evidence of it.
#[must_use]
pub fn explain(
    outlines: &Outlines,
    grouping: &Grouping,
    table: &RuleTable,
    first: u32,
    second: u32,
) -> Vec<RuleOutcome> {
    RuleName::ALL
        .into_iter()
        .map(|rule| {
            let mut outcome = outcome_of(rule, outlines, grouping, table, first, second);
            if first > second {
                outcome.compared.iter_mut().for_each(Compared::mirror);
            }
            outcome
        })
        .collect()
}

/// The values stand as for the smaller leg left.
fn outcome_of(
    rule: RuleName,
    outlines: &Outlines,
    grouping: &Grouping,
    table: &RuleTable,
    first: u32,
    second: u32,
) -> RuleOutcome {
    if let Some(found) = grouping.evidence_of(rule, first, second) {
        let Told { compared, records } = grouping.told(outlines, table, &found);
        let (class, joined) = (found.class, found.joined);
        return RuleOutcome { rule, class, joined, compared, records };
    }
    let demoted = grouping.demoted_of(rule);
    let context = Context { outlines, table, demoted, explains: true };
    let found = compare(rule, context, first.min(second), first.max(second));
    let (class, refusal) = match found.holds {
        _ if !table.is_on(rule) => (rule.class(), Refusal::Off),
        Ok(class) => (class, Refusal::BeyondLimit),
        Err(refusal) => (rule.class(), refusal),
    };
    let Told { compared, records } = found.told();
    RuleOutcome { rule, class, joined: Err(refusal), compared, records }
}

/// Explains two legs as if they were alone: for legs outside a run. What needs the others (values
/// that many share, ring groups) cannot be seen here.
#[must_use]
pub fn explain_pair(left: &Leg, right: &Leg, table: &RuleTable) -> Vec<RuleOutcome> {
    let is_swapped = (left.sensor(), left.call_id()) > (right.sensor(), right.call_id());
    let legs = if is_swapped { [right, left] } else { [left, right] };
    let outlines: Outlines = legs.into_iter().collect();
    let grouping = group(&outlines, table);
    let (first, second) = if is_swapped { (1, 0) } else { (0, 1) };
    explain(&outlines, &grouping, table, first, second)
}
