//! Back-to-back user agents: pairs of legs with every kind of trace (or none), and ring groups.

use super::basic::{any_side, cancel, hang_up, set_up};
use super::{BYE_ANSWER_NS, Scene, Timing, b2bua, relation};
use crate::leg::Side;
use crate::synth::build::{LegBuilder, Parts, ms};
use crate::synth::script::{RelationKind, ScriptedCall};

/// The two legs of a pair and the slots that tie them together.
fn legs(scene: &mut Scene<'_>, kind: RelationKind) -> (LegBuilder, LegBuilder) {
    let (caller, called) = (scene.number(), scene.number());
    // Half of the time the second leg has another called number, and deduplication cannot join them;
    // a peak is made of such pairs only.
    let translated = scene.total_ns.is_some() || scene.random.percent(50);
    let target = if translated { scene.extension() } else { called.clone() };
    let phone = scene.phone(0, caller.clone());
    let callee = scene.phone(1, target);
    // Without another trace the media address would be the only one: a leg of kind `nothing` is relayed.
    let relayed = match kind {
        RelationKind::Media => false,
        RelationKind::Nothing => true,
        _ => scene.random.percent(50),
    };
    let (mut inner, mut outer) = (scene.relay(2, called), scene.relay(3, caller));
    if !relayed {
        inner.media = callee.media;
        outer.media = phone.media;
    }
    let call_id = scene.call_id(phone.contact.address);
    let second_id = match kind {
        RelationKind::Suffix => format!("{call_id}_b2b-1"),
        _ => scene.call_id(b2bua().address),
    };
    let first = scene.leg(call_id, phone, inner);
    let second = scene.leg(second_id, outer, callee);
    (first, second)
}

/// Puts the trace of a kind into the two legs.
fn mark(
    scene: &mut Scene<'_>,
    first: &mut LegBuilder,
    second: &mut LegBuilder,
    kind: RelationKind,
) {
    match kind {
        RelationKind::Header => second.every = format!("X-Call-ID: {}\r\n", first.call_id),
        RelationKind::SessionId => {
            let mut uuid = || format!("{:016x}{:016x}", scene.random.next(), scene.random.next());
            let pair = (uuid(), uuid());
            first.session_ids = Some(pair.clone());
            second.session_ids = Some(pair);
        }
        RelationKind::Icid => {
            let icid = scene.random.next();
            let line = format!(
                "P-Charging-Vector: icid-value=\"{icid:016x}\";icid-generated-at=10.0.0.20\r\n"
            );
            first.every.clone_from(&line);
            second.every = line;
        }
        _ => {}
    }
}

/// One inbound and one outbound leg.
pub(super) fn pair(scene: &mut Scene<'_>, kind: RelationKind) -> Vec<ScriptedCall> {
    let (mut first, mut second) = legs(scene, kind);
    mark(scene, &mut first, &mut second, kind);
    let (timing, side) = (scene.timing(), any_side(scene));
    set_up(&mut first, timing.start, timing.answer.plus_ns(ms(12)));
    set_up(&mut second, timing.start.plus_ns(ms(35)), timing.answer);
    first.media(timing.answer.plus_ns(ms(50)), timing.hangup);
    second.media(timing.answer.plus_ns(ms(45)), timing.hangup);
    hang_up(&mut first, timing.hangup, side);
    hang_up(&mut second, timing.hangup.plus_ns(ms(10)), side);
    vec![scene.call(vec![first, second], vec![relation(0, 1, kind)])]
}

/// One inbound leg; every member of the group has a leg of its own; the first to answer wins.
pub(super) fn ring_group(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let (caller, called) = (scene.number(), scene.number());
    let phone = scene.phone(0, caller.clone());
    let inner = scene.relay(0, called);
    let call_id = scene.call_id(phone.contact.address);
    let mut inbound = scene.leg(call_id, phone, inner);
    let Timing { start, answer, hangup } = scene.timing();
    set_up(&mut inbound, start, answer.plus_ns(ms(12)));
    inbound.media(answer.plus_ns(ms(50)), hangup);
    hang_up(&mut inbound, hangup, Side::Caller);
    let members = scene.random.between(2, 4).unsigned_abs();
    let winner = scene.random.below(members);
    let mut legs = vec![inbound];
    for member in 0..members {
        let user = scene.extension();
        let target = scene.phone(1 + member, user);
        let outer = scene.relay(1 + member, caller.clone());
        let call_id = scene.call_id(b2bua().address);
        let mut leg = scene.leg(call_id, outer, target);
        let invited = start.plus_ns(ms(30 + 4 * member as i64));
        if member == winner {
            set_up(&mut leg, invited, answer);
            leg.media(answer.plus_ns(ms(45)), hangup);
            let confirmed = hangup.plus_ns(ms(10) + BYE_ANSWER_NS / 3);
            hang_up(&mut leg, confirmed, Side::Caller);
        } else {
            let offer = leg.sdp(Side::Caller, "sendrecv", false);
            let invite = leg.request(invited, Side::Caller, "INVITE", false, &offer);
            leg.respond(invited.plus_ns(ms(16)), &invite, 100, Parts::default());
            leg.respond(invited.plus_ns(ms(210)), &invite, 180, Parts::default());
            let tag = leg.callee_tag.clone();
            cancel(&mut leg, &invite, answer.plus_ns(ms(14 + member as i64)), &tag);
        }
        legs.push(leg);
    }
    let relations = (1..legs.len()).map(|second| relation(0, second, RelationKind::Fork)).collect();
    vec![scene.call(legs, relations)]
}
