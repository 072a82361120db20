//! `fork`: an element rings several legs for one caller; one answers and the others are cancelled.
//!
//! The outbound legs find each other by answer and CANCEL, the inbound leg them by start and outcome;
//! so it works without the inbound leg. What fits twice is refused.

use super::{KeyValue, Keys, Parties, TakeKey};
use crate::base::CaptureTime;
use crate::call::evidence::{Comparison, Refusal, Value};
use crate::call::found::{FoundEvidence, Sides};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::{Class, RuleName};
use crate::call::table::{NUMBERS_DIGITS, RuleTable};
use crate::call::uri::number_key;

const SIBLING: &[u8] = b"fork";
const INBOUND: &[u8] = b"fork inbound";

/// The caller and the element that forks. Role `Names` is an answered outbound leg, `Is` a cancelled
/// one, `Other` an inbound leg; each leg may be outbound and inbound.
pub(super) fn meets(
    leg: &LegOutline<'_>,
    parties: &Parties<'_>,
    keys: &mut Keys<'_, impl TakeKey>,
) {
    if !leg.has_invite || settled(leg).is_none() {
        return;
    }
    let Some(caller) = parties.caller_by(leg, NUMBERS_DIGITS) else { return };
    let role = if leg.answered.is_some() { Role::Names } else { Role::Is };
    keys.add_value(role, KeyValue::At(leg.source.address, &caller));
    keys.add_value(Role::Other, KeyValue::At(leg.destination.address, &caller));
}

/// The moment that ends the ringing: answer, else CANCEL.
fn settled(leg: &LegOutline<'_>) -> Option<CaptureTime> {
    leg.answered.or(leg.cancelled).map(|moment| moment.time)
}

/// What tells the shape in which the rule holds, `a` before `b`; or why it does not.
pub(super) fn judge(
    table: &RuleTable,
    a: &LegOutline<'_>,
    b: &LegOutline<'_>,
) -> Result<&'static [u8], Refusal> {
    if !a.has_invite || !b.has_invite {
        Err(Refusal::Absent("a leg has no INVITE"))
    } else if are_siblings(a, b) {
        siblings(table, a, b)
    } else {
        inbound(table, a, b)
    }
}

fn are_siblings(a: &LegOutline<'_>, b: &LegOutline<'_>) -> bool {
    a.source.address == b.source.address
}

pub(super) fn compare<'o>(
    table: &RuleTable,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let held = |shape: &'static [u8]| Comparison::held(Class::Strong).token(shape);
    let outcome = judge(table, a, b).map_or_else(Comparison::refused, held);
    if !a.has_invite || !b.has_invite {
        let seen = |leg: &LegOutline<'_>| if leg.has_invite { "seen" } else { "none" };
        return outcome.with("INVITE", seen(a), seen(b));
    }
    let element = if are_siblings(a, b) { a.source.address } else { a.destination.address };
    show(outcome, a, b).with("element", element, b.source.address)
}

fn show<'o>(comparison: Comparison<'o>, a: &LegOutline<'o>, b: &LegOutline<'o>) -> Comparison<'o> {
    let outcome = |leg: &LegOutline<'_>| {
        let word = if leg.answered.is_some() { "answered" } else { "cancelled" };
        settled(leg).map_or_else(|| Value::from("neither"), |time| Value::Outcome(word, time))
    };
    comparison
        .with("caller", a.caller, b.caller)
        .with("start", a.started.time, b.started.time)
        .with("outcome", outcome(a), outcome(b))
        .at(&[a.started.record, b.started.record])
}

/// What both shapes ask for.
fn common(table: &RuleTable, a: &LegOutline<'_>, b: &LegOutline<'_>) -> Result<(), Refusal> {
    let caller = number_key(a.caller, NUMBERS_DIGITS);
    let apart_ns = a.started.time.since_ns(b.started.time).saturating_abs();
    if caller.is_none() || caller != number_key(b.caller, NUMBERS_DIGITS) {
        Err(Refusal::Differs("caller"))
    } else if apart_ns > table.fork_window_ns {
        Err(Refusal::OutsideWindow("the starts", apart_ns))
    } else {
        Ok(())
    }
}

/// `a` was answered, `b` was cancelled for it.
fn siblings(
    table: &RuleTable,
    a: &LegOutline<'_>,
    b: &LegOutline<'_>,
) -> Result<&'static [u8], Refusal> {
    common(table, a, b)?;
    let (Some(answer), None, Some(cancel)) = (a.answered, b.answered, b.cancelled) else {
        return Err(Refusal::Differs("outcome: not one answered, one cancelled"));
    };
    let apart_ns = cancel.time.since_ns(answer.time).saturating_abs();
    if apart_ns > table.fork_window_ns {
        Err(Refusal::OutsideWindow("answer and CANCEL", apart_ns))
    } else {
        Ok(SIBLING)
    }
}

/// `a` comes into the element, `b` goes out of it.
fn inbound(
    table: &RuleTable,
    a: &LegOutline<'_>,
    b: &LegOutline<'_>,
) -> Result<&'static [u8], Refusal> {
    if a.destination.address != b.source.address {
        return Err(Refusal::Differs("element"));
    }
    common(table, a, b)?;
    if b.started.time < a.started.time {
        return Err(Refusal::Differs("order: the outbound leg is older"));
    }
    let (Some(left), Some(right)) = (settled(a), settled(b)) else {
        return Err(Refusal::Absent("a leg has neither answer nor CANCEL"));
    };
    if a.answered.is_none() && b.answered.is_some() {
        return Err(Refusal::Differs("outcome: answered only outbound"));
    }
    let apart_ns = left.since_ns(right).saturating_abs();
    if apart_ns > table.fork_window_ns {
        Err(Refusal::OutsideWindow("the outcomes", apart_ns))
    } else {
        Ok(INBOUND)
    }
}

/// Evidence of one shape: a leg, its partner, the place of the evidence.
type Pair = (u32, u32, usize);

/// A cancelled leg has one answered sibling, an outbound leg one inbound, an inbound leg at least two
/// outbound and at most one of them answered: else it is no fork, or it is not clear which.
pub(super) fn resolve(found: &mut FoundEvidence) {
    let mut cancelled_first = of_shape(found, SIBLING, |sides| sides.is_left_answered);
    refuse_second(found, &mut cancelled_first);
    let mut outbound_first = of_shape(found, INBOUND, |sides| sides.left_leads);
    refuse_second(found, &mut outbound_first);
    let swapped = |(out, into, place): Pair| (into, out, place);
    let mut fans: Vec<Pair> = outbound_first.into_iter().map(swapped).collect();
    fans.retain(|(_, _, place)| found.evidence.is_joined(*place));
    fans.sort_unstable();
    for fan in fans.chunk_by(|left, right| left.0 == right.0) {
        let legs = || fan.chunk_by(|left, right| left.1 == right.1).map(|same| same[0]);
        let is_answered = |(into, out, place): &Pair| {
            let sides = found.sides[*place];
            if out < into { sides.is_left_answered } else { sides.is_right_answered }
        };
        let answered = legs().filter(is_answered).count();
        let refusal = if legs().count() < 2 {
            Refusal::Differs("number of legs: one outbound leg is no fork")
        } else if answered > 1 {
            Refusal::Differs("outcome: several outbound legs were answered")
        } else {
            continue;
        };
        for (_, _, place) in fan {
            found.evidence.refuse(*place, refusal);
        }
    }
}

/// The joined evidence of one shape, the right leg first where `is_right_first` says so.
fn of_shape(
    found: &FoundEvidence,
    shape: &[u8],
    is_right_first: impl Fn(Sides) -> bool,
) -> Vec<Pair> {
    let of_shape = found.joined_by(RuleName::Fork).filter(|(_, token)| *token == shape);
    of_shape
        .map(|(place, _)| {
            let (left, right) = found.evidence.legs(place);
            if is_right_first(found.sides[place]) {
                (right, left, place)
            } else {
                (left, right, place)
            }
        })
        .collect()
}

/// Refuses all evidence of a leg that has more than one partner, each for the first of the others.
fn refuse_second(found: &mut FoundEvidence, pairs: &mut [Pair]) {
    pairs.sort_unstable();
    for of_leg in pairs.chunk_by(|left, right| left.0 == right.0) {
        for (_, partner, place) in of_leg {
            let other = of_leg.iter().find(|(_, other, _)| other != partner);
            if let Some((_, other, _)) = other {
                found.evidence.refuse(*place, Refusal::Ambiguous(*other));
            }
        }
    }
}
