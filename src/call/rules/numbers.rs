//! `numbers`: the last digits of caller and called are equal and the starts are near: the vendor's
//! Legs by CID (facts A.10). Weak: two calls in quick succession look the same.

use super::{Keys, Parties, TakeKey};
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::table::RuleTable;
use crate::call::uri::number_key;
use std::borrow::Cow;

/// Last digits of the caller and of the called.
type Numbers<'o> = (Cow<'o, [u8]>, Cow<'o, [u8]>);

fn key<'o>(leg: &LegOutline<'o>, digits: usize) -> Option<Numbers<'o>> {
    if !leg.has_invite {
        return None;
    }
    Some((number_key(leg.caller, digits)?, number_key(leg.called, digits)?))
}

pub(super) fn meets(
    leg: &LegOutline<'_>,
    parties: &Parties<'_>,
    keys: &mut Keys<'_, impl TakeKey>,
) {
    if let Some((caller, called)) = parties.both().filter(|_| leg.has_invite) {
        keys.add_pair(Role::Other, caller, called);
    }
}

/// The shared numbers, or why the rule does not hold.
pub(super) fn judge(
    table: &RuleTable,
    a: &LegOutline<'_>,
    b: &LegOutline<'_>,
) -> Result<Vec<u8>, Refusal> {
    let (left, right) = (key(a, table.numbers_digits), key(b, table.numbers_digits));
    let apart_ns = a.started.time.since_ns(b.started.time).saturating_abs();
    match (left, right) {
        (Some(left), Some(right)) if left != right => {
            let is_caller = left.0 != right.0;
            Err(Refusal::Differs(if is_caller { "caller" } else { "called" }))
        }
        (Some(_), Some(_)) if apart_ns > table.numbers_window_ns => {
            Err(Refusal::OutsideWindow("the starts", apart_ns))
        }
        (Some((caller, called)), Some(_)) => Ok([&caller[..], b" ", &called].concat()),
        _ => Err(Refusal::Absent("a leg has no INVITE with a calling and a called number")),
    }
}

pub(super) fn compare<'o>(
    table: &RuleTable,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let held = |token: Vec<u8>| Comparison::held(Class::Weak).token(token);
    judge(table, a, b)
        .map_or_else(Comparison::refused, held)
        .with("caller", a.caller, b.caller)
        .with("called", a.called, b.called)
        .with("start", a.started.time, b.started.time)
        .at(&[a.started.record, b.started.record])
}
