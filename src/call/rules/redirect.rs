//! `redirect`: a 3xx names a Contact, and the same caller then calls it (RFC 3261 section 8.1.3.4).

use super::Keys;
use super::refer::{matching_target, targets_of};
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::table::RuleTable;
use crate::call::uri::{number_key, target_key};
use crate::leg::IdentifierKind;

pub(super) fn keys(keys: &mut Keys<'_>) {
    let leg = keys.outline;
    for (contact, sighting) in leg.of_kind(IdentifierKind::RedirectContact) {
        keys.add_at(Role::Names, target_key(contact.value), sighting.first);
    }
    if leg.has_invite {
        for target in targets_of(leg) {
            keys.add(Role::Is, target_key(&target));
        }
    }
}

/// `a` was redirected, `b` follows.
pub(super) fn compare(table: &RuleTable, a: &LegOutline, b: &LegOutline) -> Comparison {
    let mut best =
        Comparison::refused(Refusal::Absent("neither leg was redirected by a 3xx with Contact"));
    for (contact, sighting) in a.of_kind(IdentifierKind::RedirectContact) {
        let found = matching_target(b, contact.value);
        let asked = found.clone().or_else(|| targets_of(b).into_iter().next()).unwrap_or_default();
        let after_ns = b.started.time.since_ns(sighting.first);
        let key = |user: &[u8]| number_key(user, table.numbers_digits);
        let outcome = if found.is_none() || !b.has_invite {
            Comparison::refused(Refusal::Differs("target"))
        } else if !(0..=table.redirect_window_ns).contains(&after_ns) {
            Comparison::refused(Refusal::OutsideWindow("INVITE after the 3xx", after_ns))
        } else if a.answered.is_some() {
            Comparison::refused(Refusal::Differs("the redirected leg was answered"))
        } else if key(&a.caller).is_none() || key(&a.caller) != key(&b.caller) {
            Comparison::refused(Refusal::Differs("caller"))
        } else if a.source.address != b.source.address {
            Comparison::refused(Refusal::Differs("caller's address"))
        } else {
            Comparison::held(Class::Strong).token(&[&a.call_id, &b" redirected"[..]].concat())
        };
        let outcome = outcome
            .with("Contact and the INVITE's target", contact.value, &asked)
            .with_times("3xx, INVITE sent", sighting.first, b.started.time)
            .with("caller", &a.caller, &b.caller)
            .with_text("caller's address", a.source, b.source)
            .at(&[sighting.record, b.started.record]);
        best = best.or_better(outcome);
    }
    best
}
