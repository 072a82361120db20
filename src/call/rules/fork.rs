//! `fork`: an element rings several legs for one caller; one answers and the others are cancelled.
//!
//! The outbound legs find each other by answer and CANCEL, the inbound leg them by start and outcome;
//! so it works without the inbound leg. What fits twice is refused.

use super::Keys;
use crate::base::CaptureTime;
use crate::call::evidence::{Comparison, Evidence, Refusal, moment_text};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::table::{NUMBERS_DIGITS, RuleTable};
use crate::call::uri::number_key;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const SIBLING: &[u8] = b"fork";
const INBOUND: &[u8] = b"fork inbound";

/// The caller and the element that forks. Role `Names` is an answered outbound leg, `Is` a cancelled
/// one, `Other` an inbound leg; each leg may be outbound and inbound.
pub(super) fn keys(keys: &mut Keys<'_>) {
    let leg = keys.outline;
    let Some(caller) = number_key(&leg.caller, NUMBERS_DIGITS).filter(|_| leg.has_invite) else {
        return;
    };
    let key = |element: IpAddr| [element.to_string().as_bytes(), b" ", &caller].concat();
    if leg.answered.is_some() {
        keys.add(Role::Names, key(leg.source.address));
    } else if leg.cancelled.is_some() {
        keys.add(Role::Is, key(leg.source.address));
    }
    if settled(leg).is_some() {
        keys.add(Role::Other, key(leg.destination.address));
    }
}

/// The moment that ends the ringing: answer, else CANCEL.
fn settled(leg: &LegOutline) -> Option<CaptureTime> {
    leg.answered.or(leg.cancelled).map(|moment| moment.time)
}

pub(super) fn compare(table: &RuleTable, a: &LegOutline, b: &LegOutline) -> Comparison {
    if !a.has_invite || !b.has_invite {
        let seen = |leg: &LegOutline| if leg.has_invite { "seen" } else { "none" };
        let refused = Comparison::refused(Refusal::Absent("a leg has no INVITE"));
        return refused.with_text("INVITE", seen(a), seen(b));
    }
    if a.source.address == b.source.address { siblings(table, a, b) } else { inbound(table, a, b) }
}

fn show(comparison: Comparison, a: &LegOutline, b: &LegOutline) -> Comparison {
    let settled_text = |leg: &LegOutline| {
        let word = if leg.answered.is_some() { "answered" } else { "cancelled" };
        settled(leg)
            .map_or_else(|| "neither".to_owned(), |time| format!("{word} {}", moment_text(time)))
    };
    comparison
        .with("caller", &a.caller, &b.caller)
        .with_times("start", a.started.time, b.started.time)
        .with_text("outcome", settled_text(a), settled_text(b))
        .at(&[a.started.record, b.started.record])
}

/// What both shapes ask for; absent when it is met.
fn common_refusal(table: &RuleTable, a: &LegOutline, b: &LegOutline) -> Option<Refusal> {
    let key = |leg: &LegOutline| number_key(&leg.caller, NUMBERS_DIGITS);
    let apart_ns = a.started.time.since_ns(b.started.time).saturating_abs();
    if key(a).is_none() || key(a) != key(b) {
        Some(Refusal::Differs("caller"))
    } else if apart_ns > table.fork_window_ns {
        Some(Refusal::OutsideWindow("the starts", apart_ns))
    } else {
        None
    }
}

/// `a` was answered, `b` was cancelled for it.
fn siblings(table: &RuleTable, a: &LegOutline, b: &LegOutline) -> Comparison {
    let outcome = common_refusal(table, a, b).map_or_else(
        || {
            let (Some(answer), None, Some(cancel)) = (a.answered, b.answered, b.cancelled) else {
                return Comparison::refused(Refusal::Differs(
                    "outcome: not one answered, one cancelled",
                ));
            };
            let apart_ns = cancel.time.since_ns(answer.time).saturating_abs();
            if apart_ns > table.fork_window_ns {
                Comparison::refused(Refusal::OutsideWindow("answer and CANCEL", apart_ns))
            } else {
                Comparison::held(Class::Strong).token(SIBLING)
            }
        },
        Comparison::refused,
    );
    show(outcome, a, b).with_text("element", a.source.address, b.source.address)
}

/// `a` comes into the element, `b` goes out of it.
fn inbound(table: &RuleTable, a: &LegOutline, b: &LegOutline) -> Comparison {
    let outcome = if a.destination.address != b.source.address {
        Comparison::refused(Refusal::Differs("element"))
    } else if let Some(refusal) = common_refusal(table, a, b) {
        Comparison::refused(refusal)
    } else if b.started.time < a.started.time {
        Comparison::refused(Refusal::Differs("order: the outbound leg is older"))
    } else {
        match (settled(a), settled(b)) {
            (Some(_), Some(_)) if a.answered.is_none() && b.answered.is_some() => {
                Comparison::refused(Refusal::Differs("outcome: answered only outbound"))
            }
            (Some(left), Some(right)) => {
                let apart_ns = left.since_ns(right).saturating_abs();
                if apart_ns > table.fork_window_ns {
                    Comparison::refused(Refusal::OutsideWindow("the outcomes", apart_ns))
                } else {
                    Comparison::held(Class::Strong).token(INBOUND)
                }
            }
            _ => Comparison::refused(Refusal::Absent("a leg has neither answer nor CANCEL")),
        }
    };
    show(outcome, a, b).with_text("element", a.destination.address, b.source.address)
}

/// A cancelled leg has one answered sibling, an outbound leg one inbound, an inbound leg at least two
/// outbound and at most one of them answered: else it is no fork, or it is not clear which.
pub(super) fn resolve(outlines: &[LegOutline], evidence: &mut [Evidence]) {
    let leg = |number: u32| &outlines[number as usize];
    let sibling = |found: &Evidence| {
        // The cancelled one first.
        if leg(found.left).answered.is_some() {
            (found.right, found.left)
        } else {
            (found.left, found.right)
        }
    };
    refuse_second(evidence, SIBLING, sibling);
    let outbound = |found: &Evidence| {
        if leg(found.left).destination.address == leg(found.right).source.address
            && leg(found.left).started.time <= leg(found.right).started.time
        {
            (found.right, found.left)
        } else {
            (found.left, found.right)
        }
    };
    refuse_second(evidence, INBOUND, outbound);
    let mut fans: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for found in joined(evidence, INBOUND) {
        let (out, into) = outbound(found);
        fans.entry(into).or_default().insert(out);
    }
    for found in evidence.iter_mut().filter(|found| found.is_joined() && is_shape(found, INBOUND)) {
        let fan = &fans[&outbound(found).1];
        let answered = fan.iter().filter(|out| leg(**out).answered.is_some()).count();
        if fan.len() < 2 {
            found.joined = Err(Refusal::Differs("number of legs: one outbound leg is no fork"));
        } else if answered > 1 {
            found.joined = Err(Refusal::Differs("outcome: several outbound legs were answered"));
        }
    }
}

fn is_shape(found: &Evidence, shape: &[u8]) -> bool {
    found.tokens.first().is_some_and(|token| token == shape)
}

fn joined<'a>(evidence: &'a [Evidence], shape: &'a [u8]) -> impl Iterator<Item = &'a Evidence> {
    evidence.iter().filter(move |found| found.is_joined() && is_shape(found, shape))
}

/// Refuses all evidence of a leg that has more than one partner.
fn refuse_second(evidence: &mut [Evidence], shape: &[u8], sides: impl Fn(&Evidence) -> (u32, u32)) {
    let mut partners: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for found in joined(evidence, shape) {
        let (leg, partner) = sides(found);
        partners.entry(leg).or_default().insert(partner);
    }
    for found in evidence.iter_mut().filter(|found| found.is_joined() && is_shape(found, shape)) {
        let (leg, partner) = sides(found);
        let other = partners[&leg].iter().find(|other| **other != partner);
        if let Some(other) = other {
            found.joined = Err(Refusal::Ambiguous(*other));
        }
    }
}
