//! `history`: a leg was diverted from the number that another leg of the same caller called
//! (Diversion, RFC 5806; History-Info, RFC 7044).

use super::Keys;
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::table::{ADJOIN_WINDOW_NS, RuleTable};
use crate::call::uri::{number_key, user_of};
use crate::leg::{Identifier, IdentifierKind, Sighting};

/// Entries that say where a call came from; History-Info also lists where it goes.
fn diverted_from(
    leg: &LegOutline,
    digits: usize,
) -> impl Iterator<Item = (Vec<u8>, Identifier<'_>, Sighting)> {
    let own = number_key(&leg.called, digits);
    leg.of_kind(IdentifierKind::Diversion)
        .chain(leg.of_kind(IdentifierKind::HistoryInfo))
        .filter_map(move |(identifier, sighting)| {
            let key = number_key(user_of(identifier.value), digits)?;
            (Some(&key) != own.as_ref()).then_some((key, identifier, sighting))
        })
}

pub(super) fn keys(table: &RuleTable, keys: &mut Keys<'_>) {
    let (leg, digits) = (keys.outline, table.numbers_digits);
    let Some(caller) = number_key(&leg.caller, digits) else {
        return;
    };
    if let Some(called) = number_key(&leg.called, digits) {
        keys.add(Role::Is, [&caller[..], b" ", &called].concat());
    }
    for (from, _, _) in diverted_from(leg, digits) {
        keys.add(Role::Names, [&caller[..], b" ", &from].concat());
    }
}

/// `a` was diverted from the number that `b` called.
pub(super) fn compare(table: &RuleTable, a: &LegOutline, b: &LegOutline) -> Comparison {
    let mut best =
        Comparison::refused(Refusal::Absent("neither leg says Diversion or History-Info"));
    let key = |user: &[u8]| number_key(user, table.numbers_digits);
    for (from, identifier, sighting) in diverted_from(a, table.numbers_digits) {
        let after_ns = a.started.time.since_ns(b.ended);
        let outcome = if Some(&from) != key(&b.called).as_ref() {
            Comparison::refused(Refusal::Differs("diverting number"))
        } else if key(&a.caller).is_none() || key(&a.caller) != key(&b.caller) {
            Comparison::refused(Refusal::Differs("caller"))
        } else if a.started.time < b.started.time || after_ns > ADJOIN_WINDOW_NS {
            Comparison::refused(Refusal::OutsideWindow("the diverted leg", after_ns))
        } else {
            Comparison::held(Class::Medium).token(&b.call_id)
        };
        let outcome = outcome
            .with(super::stated::DIVERTED[0], identifier.value, &b.called)
            .with("caller", &a.caller, &b.caller)
            .with_times("start", a.started.time, b.started.time)
            .at(&[sighting.record, b.started.record]);
        best = best.or_better(outcome);
    }
    best
}
