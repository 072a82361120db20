//! `numbers`: the last digits of caller and called are equal and the starts are near: the vendor's
//! Legs by CID (facts A.10). Weak: two calls in quick succession look the same.

use super::Keys;
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::table::RuleTable;
use crate::call::uri::number_key;
use std::borrow::Cow;

type Numbers<'o> = (Cow<'o, [u8]>, Cow<'o, [u8]>);

fn key<'o>(leg: &LegOutline<'o>, digits: usize) -> Option<Numbers<'o>> {
    if !leg.has_invite {
        return None;
    }
    Some((number_key(leg.caller, digits)?, number_key(leg.called, digits)?))
}

pub(super) fn meets(table: &RuleTable, leg: &LegOutline<'_>, keys: &mut Keys<'_>) {
    if let Some((caller, called)) = key(leg, table.numbers_digits) {
        keys.add_joined(Role::Other, &[&caller, b" ", &called], leg.started.time);
    }
}

pub(super) fn compare<'o>(
    table: &RuleTable,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let (left, right) = (key(a, table.numbers_digits), key(b, table.numbers_digits));
    let apart_ns = a.started.time.since_ns(b.started.time).saturating_abs();
    let outcome = match (left, right) {
        (Some(left), Some(right)) if left != right => {
            let is_caller = left.0 != right.0;
            Comparison::refused(Refusal::Differs(if is_caller { "caller" } else { "called" }))
        }
        (Some(_), Some(_)) if apart_ns > table.numbers_window_ns => {
            Comparison::refused(Refusal::OutsideWindow("the starts", apart_ns))
        }
        (Some((caller, called)), Some(_)) => {
            Comparison::held(Class::Weak).token([&caller[..], b" ", &called].concat())
        }
        _ => Comparison::refused(Refusal::Absent(
            "a leg has no INVITE with a calling and a called number",
        )),
    };
    outcome
        .with("caller", a.caller, b.caller)
        .with("called", a.called, b.called)
        .with("start", a.started.time, b.started.time)
        .at(&[a.started.record, b.started.record])
}
