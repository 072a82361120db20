//! Much evidence in few bytes each. In: evidence. Out: the same, by its place.

use super::discriminate::{Demotion, DemotionReason};
use super::evidence::{Evidence, Refusal};
use super::rule::{Class, RuleName};
use std::fmt;

/// What became of it. Numbers that go with it stand beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    Joined,
    NotMerged,
    Conflict,
    /// The number of a leg.
    Ambiguous,
    /// How many legs share the value.
    Demoted(DemotionReason),
    /// A place among the rare ones.
    Rare,
}

/// Evidence without the words of a refusal.
#[derive(Clone, Copy, Debug)]
struct Packed {
    left: u32,
    right: u32,
    number: u32,
    rule: RuleName,
    class: Class,
    outcome: Outcome,
}

/// Evidence by its place, 16 bytes each.
#[derive(Clone, Default)]
pub struct EvidenceList {
    list: Vec<Packed>,
    /// Refusals that are not numbers, each once: few, as each is a sentence of a rule.
    rare: Vec<Refusal>,
}

impl EvidenceList {
    /// How much there is.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Evidence by its place; absent when there is none.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Evidence> {
        self.list.get(place).map(|packed| self.unpacked(*packed))
    }

    /// Evidence by its place.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn at(&self, place: usize) -> Evidence {
        self.unpacked(self.list[place])
    }

    /// All of it by its place.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Evidence> + ExactSizeIterator {
        self.list.iter().map(|packed| self.unpacked(*packed))
    }

    /// The places about two legs, where evidence stands by legs.
    pub(super) fn places_about(&self, left: u32, right: u32) -> std::ops::Range<usize> {
        let wanted = (left.min(right), left.max(right));
        let legs = |packed: &Packed| (packed.left, packed.right);
        let start = self.list.partition_point(|packed| legs(packed) < wanted);
        start..start + self.list[start..].partition_point(|packed| legs(packed) == wanted)
    }

    /// Whether evidence joined its legs; false where there is none.
    pub(super) fn is_joined(&self, place: usize) -> bool {
        self.list.get(place).is_some_and(|packed| packed.outcome == Outcome::Joined)
    }

    /// Whether evidence is of this rule and joined its legs; false where there is none.
    pub(super) fn joins_by(&self, place: usize, rule: RuleName) -> bool {
        self.list.get(place).is_some_and(|packed| packed.rule == rule) && self.is_joined(place)
    }

    /// The two legs that evidence is about.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn legs(&self, place: usize) -> (u32, u32) {
        (self.list[place].left, self.list[place].right)
    }

    /// Adds evidence behind all other.
    pub(super) fn push(&mut self, evidence: &Evidence) {
        let Evidence { rule, class, left, right, joined } = *evidence;
        let (outcome, number) = self.packed(joined);
        self.list.push(Packed { left, right, number, rule, class, outcome });
    }

    /// Adds other evidence behind all of this.
    pub(super) fn append(&mut self, other: &Self) {
        other.iter().for_each(|evidence| self.push(&evidence));
    }

    /// Says that evidence does not join its legs.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn refuse(&mut self, place: usize, refusal: Refusal) {
        let (outcome, number) = self.packed(Err(refusal));
        (self.list[place].outcome, self.list[place].number) = (outcome, number);
    }

    fn packed(&mut self, joined: Result<(), Refusal>) -> (Outcome, u32) {
        match joined {
            Ok(()) => (Outcome::Joined, 0),
            Err(Refusal::NotMerged) => (Outcome::NotMerged, 0),
            Err(Refusal::Conflict) => (Outcome::Conflict, 0),
            Err(Refusal::Ambiguous(leg)) => (Outcome::Ambiguous, leg),
            Err(Refusal::Demoted(Demotion { reason, legs })) if u32::try_from(legs).is_ok() => {
                (Outcome::Demoted(reason), legs as u32)
            }
            Err(refusal) => {
                let known = self.rare.iter().position(|known| *known == refusal);
                let place = known.unwrap_or_else(|| {
                    self.rare.push(refusal);
                    self.rare.len() - 1
                });
                (Outcome::Rare, u32::try_from(place).unwrap_or(u32::MAX))
            }
        }
    }

    fn unpacked(&self, packed: Packed) -> Evidence {
        let Packed { left, right, number, rule, class, outcome } = packed;
        let joined = match outcome {
            Outcome::Joined => Ok(()),
            Outcome::NotMerged => Err(Refusal::NotMerged),
            Outcome::Conflict => Err(Refusal::Conflict),
            Outcome::Ambiguous => Err(Refusal::Ambiguous(number)),
            Outcome::Demoted(reason) => {
                Err(Refusal::Demoted(Demotion { reason, legs: number as usize }))
            }
            // It was put there when its place was given.
            Outcome::Rare => Err(self.rare.get(number as usize).copied().unwrap_or(Refusal::Off)),
        };
        Evidence { rule, class, left, right, joined }
    }
}

impl PartialEq for EvidenceList {
    /// Equal evidence, in whatever order rare refusals came.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for EvidenceList {}

impl fmt::Debug for EvidenceList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_comes_back_in_few_bytes() {
        let demotion = |legs| Demotion { reason: DemotionReason::Apart, legs };
        let outcomes = [
            Ok(()),
            Err(Refusal::NotMerged),
            Err(Refusal::Conflict),
            Err(Refusal::Ambiguous(7)),
            Err(Refusal::Demoted(demotion(17))),
            Err(Refusal::Demoted(demotion(usize::MAX))),
            Err(Refusal::Differs("one")),
            Err(Refusal::Differs("two")),
            Err(Refusal::Differs("one")),
            Err(Refusal::OutsideWindow("three", -1)),
        ];
        let evidence = |joined| Evidence {
            rule: RuleName::Fork,
            class: Class::Strong,
            left: 3,
            right: u32::MAX,
            joined,
        };
        let all: Vec<Evidence> = outcomes.into_iter().map(evidence).collect();
        let (mut list, mut behind) = (EvidenceList::default(), EvidenceList::default());
        all[7..].iter().for_each(|found| behind.push(found));
        all[..7].iter().for_each(|found| list.push(found));
        list.append(&behind);
        assert_eq!(list.iter().collect::<Vec<_>>(), all);
        assert_eq!((list.get(10), list.rare.len(), size_of::<Packed>()), (None, 4, 16));
        assert!(list.is_joined(0) && !list.is_joined(1) && !list.is_joined(10));
        list.refuse(0, Refusal::Conflict);
        assert_eq!(list.at(0).joined, Err(Refusal::Conflict));
        assert_eq!((list.places_about(u32::MAX, 3), list.places_about(3, 4)), (0..10, 0..0));
    }
}
