//! Union of legs that refuses conflicts: a group must not join two calls that are evidently different.
//!
//! In: evidence in a canonical order, strongest first. Out: groups, and the evidence that was refused.

use super::groups::CallGroups;
use super::outline::LegOutline;
use super::outlines::Outlines;
use super::rule::{Class, RuleName};
use super::table::{FORK_WINDOW_NS, NUMBERS_DIGITS};
use super::uri::number_key;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Evidence that would have joined two calls that were both answered, by different parties, over
/// evidence that neither of them knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Conflict {
    /// The rule whose evidence was refused.
    pub rule: RuleName,
    /// Index of that evidence in [`super::Grouping::evidence`].
    pub evidence: usize,
    /// The smaller leg of the evidence.
    pub left: u32,
    /// The larger one.
    pub right: u32,
}

/// What a group knows about itself.
#[derive(Clone, Debug, Default)]
struct Group {
    /// Last digits of the numbers that answered; absent ones as their leg's Call-ID.
    answered_by: BTreeSet<Vec<u8>>,
    /// When its legs were answered, in nanoseconds.
    answers: BTreeSet<i64>,
    /// The values that joined it, by number.
    tokens: BTreeSet<u32>,
    legs: usize,
}

/// Union-find over legs whose root is the smallest leg.
#[derive(Clone, Debug)]
pub(super) struct Unions<'o> {
    outlines: &'o Outlines,
    parents: Vec<u32>,
    /// By root; a leg that nothing joined has none.
    groups: BTreeMap<u32, Group>,
}

impl Group {
    /// A leg alone.
    fn of(leg: &LegOutline<'_>) -> Self {
        let mut group = Self { legs: 1, ..Self::default() };
        if let Some(answer) = leg.answered {
            let number = number_key(leg.called, NUMBERS_DIGITS);
            let party = number.map_or_else(|| leg.call_id.to_vec(), Cow::into_owned);
            group.answered_by.insert(party);
            group.answers.insert(answer.time.ns());
        }
        group
    }
}

impl<'o> Unions<'o> {
    pub(super) fn new(outlines: &'o Outlines) -> Self {
        Self { outlines, parents: outlines.numbers().collect(), groups: BTreeMap::new() }
    }

    /// Takes what the group of a root knows.
    fn take(&mut self, root: u32) -> Group {
        let known = self.groups.remove(&root);
        known.unwrap_or_else(|| Group::of(&self.outlines.at(root)))
    }

    /// The smallest leg of the group of `leg`.
    pub(super) fn root(&mut self, leg: u32) -> u32 {
        let mut root = leg;
        while self.parents[root as usize] != root {
            root = self.parents[root as usize];
        }
        let mut step = leg;
        while self.parents[step as usize] != root {
            step = std::mem::replace(&mut self.parents[step as usize], root);
        }
        root
    }

    /// Joins the groups of two legs, or says that it would be a conflict.
    pub(super) fn join(
        &mut self,
        left: u32,
        right: u32,
        tokens: &[u32],
        may_conflict: bool,
    ) -> Result<(), ()> {
        let (left, right) = (self.root(left), self.root(right));
        let (low, high) = (left.min(right), left.max(right));
        if low == high {
            if let Some(group) = self.groups.get_mut(&low) {
                group.tokens.extend(tokens);
            }
            return Ok(());
        }
        let (mut kept, taken) = (self.take(low), self.take(high));
        if may_conflict && are_in_conflict(&kept, &taken, tokens) {
            for (root, group) in [(low, kept), (high, taken)] {
                if group.legs > 1 {
                    self.groups.insert(root, group);
                }
            }
            return Err(());
        }
        absorb(&mut kept, taken);
        kept.tokens.extend(tokens);
        self.parents[high as usize] = low;
        self.groups.insert(low, kept);
        Ok(())
    }

    /// The legs by group, each leg in exactly one.
    pub(super) fn into_groups(mut self) -> CallGroups {
        CallGroups::of((0u32..).take(self.parents.len()).map(|leg| self.root(leg)).collect())
    }
}

/// Whether evidence can be a coincidence: a shared value, below proof, that no other rule supports.
pub(super) const fn may_conflict(rule: RuleName, class: Class, is_corroborated: bool) -> bool {
    rule.is_shared_value() && !matches!(class, Class::Proof) && !is_corroborated
}

/// Whether two legs were both answered, by different parties and at different moments.
pub(super) fn disagree<'o>(one: &LegOutline<'o>, other: &LegOutline<'o>) -> bool {
    let (Some(first), Some(second)) = (one.answered, other.answered) else {
        return false;
    };
    let number = number_key(one.called, NUMBERS_DIGITS);
    let same_party = number.is_some() && number == number_key(other.called, NUMBERS_DIGITS);
    !same_party && first.time.since_ns(second.time).saturating_abs() > FORK_WINDOW_NS
}

/// Two single legs know nothing yet that the evidence could contradict.
fn are_in_conflict(one: &Group, other: &Group, tokens: &[u32]) -> bool {
    let is_established = one.legs > 1 || other.legs > 1;
    let both_answered = !one.answers.is_empty() && !other.answers.is_empty();
    if !is_established || !both_answered {
        return false;
    }
    let knows =
        tokens.iter().any(|token| one.tokens.contains(token) || other.tokens.contains(token));
    let (few, many) = if one.legs <= other.legs { (one, other) } else { (other, one) };
    let same_party = few.answered_by.iter().any(|party| many.answered_by.contains(party));
    // A 2xx travels through all legs of a chain at once.
    let same_answer = few.answers.iter().any(|answer| {
        let from = answer.saturating_sub(FORK_WINDOW_NS);
        many.answers.range(from..=answer.saturating_add(FORK_WINDOW_NS)).next().is_some()
    });
    !knows && !same_party && !same_answer
}

fn absorb(kept: &mut Group, mut taken: Group) {
    if taken.legs > kept.legs {
        std::mem::swap(kept, &mut taken);
    }
    kept.legs += taken.legs;
    kept.answered_by.append(&mut taken.answered_by);
    kept.answers.append(&mut taken.answers);
    kept.tokens.append(&mut taken.tokens);
}
