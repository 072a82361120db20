//! Evidence with what stands beside it until legs are joined.
//!
//! In: what comparisons decided, in the order of their legs. Out: their evidence, what the rules choose by, and
//! what joining believes by. Legs are far apart where they lie: what is asked of them later is noted here.

use super::conflict::disagree;
use super::evidence::{Evidence, Refusal};
use super::evidence_list::EvidenceList;
use super::outline::LegOutline;
use super::rule::{Class, RuleName};
use super::rules::Judgement;
use super::table::RuleTable;
use super::tokens::Tokens;
use crate::base::roomy;

/// What two legs are to each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Sides {
    /// From the start of the right leg to that of the left one.
    pub(super) apart_ns: i64,
    /// Whether they do not agree about the call; false where the rule does not ask.
    pub(super) strays: bool,
    /// Whether the left one was answered.
    pub(super) is_left_answered: bool,
    /// Whether the right one was.
    pub(super) is_right_answered: bool,
    /// Whether the left one leads to where the right one comes from, and is not the later one.
    pub(super) left_leads: bool,
}

/// Evidence by legs, then rule.
#[derive(Clone, Debug, Default)]
pub struct FoundEvidence {
    pub(super) evidence: EvidenceList,
    pub(super) sides: Vec<Sides>,
    /// The shared values, of evidence that joined when it was found.
    pub(super) tokens: Tokens,
}

impl FoundEvidence {
    /// Adds what a rule found about two legs, where it is evidence. It is when the rule held, or when its
    /// value was demoted; whether the merge set takes it is told before choice and conflicts.
    pub(super) fn add(
        &mut self,
        (rule, table): (RuleName, &RuleTable),
        legs: (u32, u32),
        (left, right): (&LegOutline<'_>, &LegOutline<'_>),
        found: &Judgement<'_>,
    ) {
        let Some(evidence) = evidence_from(rule, table, legs, found) else { return };
        let is_joined = evidence.is_joined();
        self.evidence.push(&evidence);
        self.sides.push(Sides {
            apart_ns: left.started.time.since_ns(right.started.time),
            strays: is_joined && rule.is_shared_value() && disagree(left, right),
            is_left_answered: left.answered.is_some(),
            is_right_answered: right.answered.is_some(),
            left_leads: left.destination.address == right.source.address
                && left.started.time <= right.started.time,
        });
        let tokens = if is_joined { &*found.tokens } else { &[] };
        self.tokens.push(tokens.iter().map(|token| &**token));
    }

    /// Room for what is found about so many pairs.
    #[must_use]
    pub fn about(pairs: usize) -> Self {
        Self {
            evidence: EvidenceList::default(),
            sides: roomy(pairs),
            tokens: Tokens::for_lists(pairs),
        }
    }

    /// Adds what was found about later legs.
    pub fn append(&mut self, behind: Self) {
        self.evidence.append(&behind.evidence);
        self.sides.extend_from_slice(&behind.sides);
        self.tokens.append(behind.tokens);
    }

    /// The places of evidence of a rule that joins its legs, each with its first shared value.
    pub(super) fn joined_by(&self, rule: RuleName) -> impl Iterator<Item = (usize, &[u8])> {
        let places =
            (0..self.evidence.len()).filter(move |place| self.evidence.joins_by(*place, rule));
        places.filter_map(|place| Some((place, self.tokens.first(place)?)))
    }
}

fn evidence_from(
    rule: RuleName,
    table: &RuleTable,
    (left, right): (u32, u32),
    found: &Judgement<'_>,
) -> Option<Evidence> {
    let (class, joined) = match found.holds {
        Ok(class) if table.joins(rule, class, class > rule.class()) => (class, Ok(())),
        Ok(class) => (class, Err(Refusal::NotMerged)),
        Err(Refusal::Demoted(_)) if table.joins(rule, Class::Weak, true) => (Class::Weak, Ok(())),
        Err(refusal @ Refusal::Demoted(_)) => (Class::Weak, Err(refusal)),
        Err(_) => return None,
    };
    Some(Evidence { rule, class, left, right, joined })
}
