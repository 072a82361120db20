//! `recording`: a recording session (SIPREC) names what it records (RFC 7866).

use super::{Keys, TakeKey};
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::leg::IdentifierKind;

/// What a recording may name: the Call-ID, or a UUID of the session.
pub(super) fn names_of(leg: LegOutline<'_>) -> impl Iterator<Item = &[u8]> {
    let halves = leg.of_kind(IdentifierKind::SessionId).flat_map(|session| {
        let halves = session.value.split(|byte| *byte == b';');
        halves.filter(|half| half.iter().any(|byte| *byte != b'0'))
    });
    std::iter::once(leg.call_id).chain(halves)
}

pub(super) fn asks(leg: &LegOutline<'_>, keys: &mut Keys<'_, impl TakeKey>) {
    for recording in leg.of_kind(IdentifierKind::Recording) {
        keys.add(Role::Names, recording.value);
    }
}

/// `a` records `b`. Medium: a recording is a leg of its own (design.md section 12, point 13).
pub(super) fn compare<'o>(a: &LegOutline<'o>, b: &LegOutline<'o>) -> Comparison<'o> {
    let mut best = Comparison::refused(Refusal::Absent("neither leg is a recording session"));
    for recording in a.of_kind(IdentifierKind::Recording) {
        let outcome = if !names_of(*b).any(|name| name == recording.value) {
            Comparison::refused(Refusal::Differs("recorded session"))
        } else if a.gap_ns(b) > 0 {
            Comparison::refused(Refusal::OutsideWindow("the two legs", a.gap_ns(b)))
        } else {
            Comparison::held(Class::Medium).token(recording.value)
        };
        let outcome = outcome
            .with("recorded session", recording.value, b.call_id)
            .at(&[recording.record, b.started.record]);
        best = best.or_better(outcome);
    }
    best
}
