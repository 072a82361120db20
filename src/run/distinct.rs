//! Evidently different calls, told with the evidence (design.md section 12, point 5).
//!
//! Two answered dialogs over the same hop are two calls unless something ties them together: evidence
//! of any rule but that of the numbers, which is what deduplication itself compares, or the same
//! parties on the same media.

use crate::call::said::MediaValue;
use crate::call::{Evidence, Grouping, Outlines, Refusal, RuleName};
use crate::channel::evident::{Distinct, SameHop};
use crate::leg::{Cdr, IdentifierKind};
use crate::license::Scenario;
use std::collections::BTreeSet;

/// What is known about pairs of legs, from the scenario that merges.
pub(super) struct LinkedLegs<'u> {
    grouping: &'u Grouping,
    outlines: &'u Outlines,
}

impl<'u> LinkedLegs<'u> {
    pub(super) const fn new(grouping: &'u Grouping, outlines: &'u Outlines) -> Self {
        Self { grouping, outlines }
    }

    /// The test for the CDRs of a scenario. Recorded CDRs name no leg: only they themselves tell.
    pub(super) fn distinct(&self, scenario: &Scenario) -> impl Distinct {
        let has_legs = *scenario != Scenario::Recorded;
        move |first: &Cdr, other: &Cdr| {
            SameHop.evidently_different(first, other)
                && (!has_legs || self.nothing_ties(first, other))
        }
    }

    fn nothing_ties(&self, first: &Cdr, other: &Cdr) -> bool {
        let group = |cdr: &Cdr| self.grouping.place_of(cdr.leg);
        let is_one_call = group(first).is_some() && group(first) == group(other);
        if is_one_call || self.grouping.evidence_about(first.leg, other.leg).any(links) {
            return false;
        }
        let other_parties = first.caller != other.caller || first.called != other.called;
        other_parties || !self.share_media(first.leg, other.leg)
    }

    /// Whether two legs name a media address in common; not where one names none.
    fn share_media(&self, first: u32, other: u32) -> bool {
        let media = |leg: u32| {
            let outline = self.outlines.get(leg);
            outline.into_iter().flat_map(|outline| outline.streams(IdentifierKind::MediaAddress))
        };
        let of_first: BTreeSet<MediaValue<'_>> = media(first).map(|stream| stream.value).collect();
        media(other).any(|stream| of_first.contains(&stream.value))
    }
}

/// Whether evidence ties two legs together. A value that does not discriminate does not, nor does
/// one that was refused because the calls are evidently different.
fn links(found: Evidence) -> bool {
    let holds = matches!(found.joined, Ok(()) | Err(Refusal::NotMerged));
    holds && found.rule != RuleName::Numbers
}
