//! Union of legs that refuses conflicts: a group must not join two calls that are evidently different.
//!
//! In: evidence in a canonical order, strongest first. Out: groups, and the evidence that was refused.

use super::groups::CallGroups;
use super::outline::LegOutline;
use super::outlines::Outlines;
use super::rule::{Class, RuleName};
use super::table::{FORK_WINDOW_NS, NUMBERS_DIGITS};
use super::uri::number_key;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::collections::BTreeSet;

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
struct Known {
    /// Last digits of the numbers that answered; absent ones as their leg's Call-ID.
    answered_by: BTreeSet<Vec<u8>>,
    /// When its legs were answered, in nanoseconds.
    answers: BTreeSet<i64>,
    /// The values that joined it, by number.
    tokens: BTreeSet<u32>,
}

/// Stands for no value.
const NONE: u32 = u32::MAX;

/// Values that joined a group, one behind the other.
#[derive(Clone, Copy, Debug)]
struct Chain {
    first: u32,
    last: u32,
}

/// Union-find over legs whose root is the smallest leg.
///
/// Most groups never meet evidence that could contradict them, so what a group knows is gathered when it is
/// asked for first, and kept from then on: each leg is asked once at the most.
#[derive(Debug)]
pub(super) struct Unions<'o> {
    outlines: &'o Outlines,
    parents: Vec<u32>,
    /// The legs of a group in a ring.
    next: Vec<u32>,
    /// Values, each with the place of the next one of its group.
    tokens: Vec<(u32, u32)>,
    /// By root, where values joined it. Its order never leaves: roots are asked for one by one.
    chains: HashMap<u32, Chain, RandomState>,
    /// The same, where what a group knows was asked for.
    known: HashMap<u32, Known, RandomState>,
}

impl Known {
    fn add(&mut self, leg: &LegOutline<'_>) {
        if let Some(answer) = leg.answered {
            let number = number_key(leg.called, NUMBERS_DIGITS);
            let party = number.map_or_else(|| leg.call_id.to_vec(), Cow::into_owned);
            self.answered_by.insert(party);
            self.answers.insert(answer.time.ns());
        }
    }

    fn size(&self) -> usize {
        self.answered_by.len() + self.answers.len() + self.tokens.len()
    }

    fn joined(mut self, mut other: Self) -> Self {
        if other.size() > self.size() {
            std::mem::swap(&mut self, &mut other);
        }
        self.answered_by.extend(other.answered_by);
        self.answers.extend(other.answers);
        self.tokens.extend(other.tokens);
        self
    }
}

impl<'o> Unions<'o> {
    pub(super) fn new(outlines: &'o Outlines) -> Self {
        let legs: Vec<u32> = outlines.numbers().collect();
        Self {
            outlines,
            next: legs.clone(),
            parents: legs,
            tokens: Vec::new(),
            chains: HashMap::default(),
            known: HashMap::default(),
        }
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
        if low != high {
            // Two single legs know nothing yet that the evidence could contradict.
            let is_established = !self.is_single(low) || !self.is_single(high);
            if may_conflict && is_established && self.are_in_conflict(low, high, tokens) {
                return Err(());
            }
            self.unite(low, high);
        }
        self.add_tokens(low, tokens);
        Ok(())
    }

    fn is_single(&self, root: u32) -> bool {
        self.next[root as usize] == root
    }

    fn are_in_conflict(&mut self, low: u32, high: u32, tokens: &[u32]) -> bool {
        let (one, other) = (self.take_known(low), self.take_known(high));
        let found = are_in_conflict(&one, &other, tokens);
        self.known.insert(low, one);
        self.known.insert(high, other);
        found
    }

    /// What the group of a root knows, gathered where it was not asked for before.
    fn take_known(&mut self, root: u32) -> Known {
        if let Some(known) = self.known.remove(&root) {
            return known;
        }
        let mut known = Known::default();
        let mut leg = root;
        loop {
            known.add(&self.outlines.at(leg));
            leg = self.next[leg as usize];
            if leg == root {
                break;
            }
        }
        let mut place = self.chains.get(&root).map_or(NONE, |chain| chain.first);
        while place != NONE {
            let (token, next) = self.tokens[place as usize];
            known.tokens.insert(token);
            place = next;
        }
        known
    }

    /// Joins two groups; `low` is the smaller root.
    fn unite(&mut self, low: u32, high: u32) {
        if self.known.contains_key(&low) || self.known.contains_key(&high) {
            let (one, other) = (self.take_known(low), self.take_known(high));
            self.known.insert(low, one.joined(other));
        }
        self.parents[high as usize] = low;
        self.next.swap(low as usize, high as usize);
        if let Some(behind) = self.chains.remove(&high) {
            self.add_chain(low, behind);
        }
    }

    fn add_tokens(&mut self, root: u32, tokens: &[u32]) {
        if tokens.is_empty() {
            return;
        }
        if let Some(known) = self.known.get_mut(&root) {
            known.tokens.extend(tokens);
        }
        for token in tokens {
            // Memory ends long before 32 bits do.
            let place = self.tokens.len() as u32;
            self.tokens.push((*token, NONE));
            self.add_chain(root, Chain { first: place, last: place });
        }
    }

    fn add_chain(&mut self, root: u32, behind: Chain) {
        let chain = self.chains.entry(root).or_insert(behind);
        if chain.first != behind.first {
            self.tokens[chain.last as usize].1 = behind.first;
            chain.last = behind.last;
        }
    }

    /// The legs by group, each leg in exactly one.
    pub(super) fn into_groups(mut self) -> CallGroups {
        (self.next, self.tokens) = (Vec::new(), Vec::new());
        (self.chains, self.known) = (HashMap::default(), HashMap::default());
        let mut roots = std::mem::take(&mut self.parents);
        // A parent is the smaller leg, so its root is known before it is asked for.
        for leg in 0..roots.len() {
            roots[leg] = roots[roots[leg] as usize];
        }
        CallGroups::of(roots)
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

/// Whether both groups were answered, by different parties and at different moments, and neither knows the
/// values that would join them.
fn are_in_conflict(one: &Known, other: &Known, tokens: &[u32]) -> bool {
    if one.answers.is_empty() || other.answers.is_empty() {
        return false;
    }
    let knows =
        tokens.iter().any(|token| one.tokens.contains(token) || other.tokens.contains(token));
    let is_fewer = one.answers.len() <= other.answers.len();
    let (few, many) = if is_fewer { (one, other) } else { (other, one) };
    let same_party = few.answered_by.iter().any(|party| many.answered_by.contains(party));
    // A 2xx travels through all legs of a chain at once.
    let same_answer = few.answers.iter().any(|answer| {
        let from = answer.saturating_sub(FORK_WINDOW_NS);
        many.answers.range(from..=answer.saturating_add(FORK_WINDOW_NS)).next().is_some()
    });
    !knows && !same_party && !same_answer
}
