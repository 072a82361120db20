//! `redirect`: a 3xx names a Contact, and the same caller then calls it (RFC 3261 section 8.1.3.4).

use super::refer::{asked_text, matching_target};
use super::{Keys, TakeKey};
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::table::RuleTable;
use crate::call::uri::{number_key, target_key};
use crate::leg::IdentifierKind;

pub(super) fn asks(leg: &LegOutline<'_>, keys: &mut Keys<'_, impl TakeKey>) {
    for contact in leg.of_kind(IdentifierKind::RedirectContact) {
        keys.add_at(Role::Names, &target_key(contact.value), contact.first);
    }
}

/// `a` was redirected, `b` follows.
pub(super) fn compare<'o>(
    table: &RuleTable,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let mut best =
        Comparison::refused(Refusal::Absent("neither leg was redirected by a 3xx with Contact"));
    for contact in a.of_kind(IdentifierKind::RedirectContact) {
        let found = matching_target(b, contact.value);
        let asked = asked_text(b, found);
        let after_ns = b.started.time.since_ns(contact.first);
        let key = |user: &'o [u8]| number_key(user, table.numbers_digits);
        let outcome = if found.is_none() || !b.has_invite {
            Comparison::refused(Refusal::Differs("target"))
        } else if !(0..=table.redirect_window_ns).contains(&after_ns) {
            Comparison::refused(Refusal::OutsideWindow("INVITE after the 3xx", after_ns))
        } else if a.answered.is_some() {
            Comparison::refused(Refusal::Differs("the redirected leg was answered"))
        } else if key(a.caller).is_none() || key(a.caller) != key(b.caller) {
            Comparison::refused(Refusal::Differs("caller"))
        } else if a.source.address != b.source.address {
            Comparison::refused(Refusal::Differs("caller's address"))
        } else {
            Comparison::held(Class::Strong).token([a.call_id, &b" redirected"[..]].concat())
        };
        let outcome = outcome
            .with("Contact and the INVITE's target", contact.value, asked)
            .with("3xx, INVITE sent", contact.first, b.started.time)
            .with("caller", a.caller, b.caller)
            .with("caller's address", a.source, b.source)
            .at(&[contact.record, b.started.record]);
        best = best.or_better(outcome);
    }
    best
}
