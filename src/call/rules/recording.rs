//! `recording`: a recording session (SIPREC) names what it records (RFC 7866).

use super::Keys;
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::leg::IdentifierKind;

/// What a recording may name: the Call-ID, or a UUID of the session.
pub(super) fn names_of(leg: &LegOutline) -> Vec<Vec<u8>> {
    let mut names = vec![leg.call_id.to_vec()];
    for (session, _) in leg.of_kind(IdentifierKind::SessionId) {
        let halves = session.value.split(|byte| *byte == b';');
        names.extend(
            halves.filter(|half| half.iter().any(|byte| *byte != b'0')).map(<[u8]>::to_vec),
        );
    }
    names
}

pub(super) fn keys(keys: &mut Keys<'_>) {
    for name in names_of(keys.outline) {
        keys.add(Role::Is, name);
    }
    for (recording, _) in keys.outline.of_kind(IdentifierKind::Recording) {
        keys.add(Role::Names, recording.value);
    }
}

/// `a` records `b`. Medium: a recording is a leg of its own (design.md section 12, point 13).
pub(super) fn compare(a: &LegOutline, b: &LegOutline) -> Comparison {
    let mut best = Comparison::refused(Refusal::Absent("neither leg is a recording session"));
    let names = names_of(b);
    for (recording, sighting) in a.of_kind(IdentifierKind::Recording) {
        let outcome = if !names.iter().any(|name| **name == *recording.value) {
            Comparison::refused(Refusal::Differs("recorded session"))
        } else if a.gap_ns(b) > 0 {
            Comparison::refused(Refusal::OutsideWindow("the two legs", a.gap_ns(b)))
        } else {
            Comparison::held(Class::Medium).token(recording.value)
        };
        let outcome = outcome
            .with("recorded session", recording.value, &b.call_id)
            .at(&[sighting.record, b.started.record]);
        best = best.or_better(outcome);
    }
    best
}
