//! `history`: a leg was diverted from the number that another leg of the same caller called
//! (Diversion, RFC 5806; History-Info, RFC 7044).

use super::{Keys, TakeKey};
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::said::Said;
use crate::call::table::{ADJOIN_WINDOW_NS, RuleTable};
use crate::call::uri::{number_key, user_of};
use crate::leg::IdentifierKind;
use std::borrow::Cow;

/// Entries that say where a call came from; History-Info also lists where it goes.
fn diverted_from<'o>(
    leg: LegOutline<'o>,
    digits: usize,
) -> impl Iterator<Item = (Cow<'o, [u8]>, Said<'o>)> {
    let own = number_key(leg.called, digits);
    leg.of_kind(IdentifierKind::Diversion)
        .chain(leg.of_kind(IdentifierKind::HistoryInfo))
        .filter_map(move |said| {
            let key = number_key(user_of(said.value), digits)?;
            (Some(&key) != own.as_ref()).then_some((key, said))
        })
}

pub(super) fn asks(table: &RuleTable, leg: &LegOutline<'_>, keys: &mut Keys<'_, impl TakeKey>) {
    for (from, _) in diverted_from(*leg, table.numbers_digits) {
        if let Some(caller) = number_key(leg.caller, table.numbers_digits) {
            keys.add_pair(Role::Names, &caller, &from);
        }
    }
}

/// `a` was diverted from the number that `b` called.
pub(super) fn compare<'o>(
    table: &RuleTable,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let mut best =
        Comparison::refused(Refusal::Absent("neither leg says Diversion or History-Info"));
    let key = |user: &'o [u8]| number_key(user, table.numbers_digits);
    for (from, said) in diverted_from(*a, table.numbers_digits) {
        let after_ns = a.started.time.since_ns(b.ended);
        let outcome = if Some(&from) != key(b.called).as_ref() {
            Comparison::refused(Refusal::Differs("diverting number"))
        } else if key(a.caller).is_none() || key(a.caller) != key(b.caller) {
            Comparison::refused(Refusal::Differs("caller"))
        } else if a.started.time < b.started.time || after_ns > ADJOIN_WINDOW_NS {
            Comparison::refused(Refusal::OutsideWindow("the diverted leg", after_ns))
        } else {
            Comparison::held(Class::Medium).token(b.call_id)
        };
        let outcome = outcome
            .with(super::stated::DIVERTED[0], said.value, b.called)
            .with("caller", a.caller, b.caller)
            .with("start", a.started.time, b.started.time)
            .at(&[said.record, b.started.record]);
        best = best.or_better(outcome);
    }
    best
}
