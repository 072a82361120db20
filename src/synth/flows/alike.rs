//! Look-alikes: calls that share what other scripts share within one call, and are different calls. A
//! rule that joins any of them is wrong.

use super::basic::{cancel, hang_up, set_up_with, talk};
use super::special::{pause, redirected, redirected_leg};
use super::transfer::{next_timing, transferred};
use super::{Scene, Timing};
use crate::leg::Side;
use crate::synth::build::{LegBuilder, Parts, ms};
use crate::synth::script::ScriptedCall;

/// Every leg is a call of its own.
fn apart(scene: &Scene<'_>, legs: Vec<LegBuilder>) -> Vec<ScriptedCall> {
    legs.into_iter().map(|leg| scene.call(vec![leg], vec![])).collect()
}

/// The same numbers within ten seconds, between other telephones: people of one company call a hotline.
pub(super) fn numbers(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut first = scene.plain_leg();
    let timing = scene.timing();
    let caller = scene.phone(2, first.caller.user.clone());
    let callee = scene.phone(3, first.callee.user.clone());
    let call_id = scene.call_id(caller.contact.address);
    let mut second = scene.leg(call_id, caller, callee);
    let start = timing.start.plus_ns(scene.delay(100, 9_500));
    let later = next_timing(scene, start);
    talk(&mut first, timing, Side::Caller);
    talk(&mut second, later, Side::Callee);
    apart(scene, vec![first, second])
}

/// A trunk writes one charging identifier on all its calls.
pub(super) fn token(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    "P-Charging-Vector: icid-value=\"trunk-east\";icid-generated-at=10.0.0.30\r\n"
        .clone_into(&mut leg.every);
    let timing = scene.timing();
    talk(&mut leg, timing, Side::Caller);
    apart(scene, vec![leg])
}

/// A gateway writes the nil Session-ID, or always the same pair.
pub(super) fn session_id(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    leg.session_ids = Some(if scene.random.percent(50) {
        ("0".repeat(32), "0".repeat(32))
    } else {
        (
            "a0b9b2a1e4db51f082e777c0df9015e5".to_owned(),
            "6bea155500105000a0002c31246a214b".to_owned(),
        )
    });
    let timing = scene.timing();
    talk(&mut leg, timing, Side::Caller);
    apart(scene, vec![leg])
}

/// A relay uses the ports of a call again: both as soon as it ended, or one of them shortly before.
pub(super) fn media(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut first = scene.plain_leg();
    let timing = scene.timing();
    let (caller, called) = (scene.number(), scene.number());
    let (caller, callee) = (scene.phone(2, caller), scene.phone(3, called));
    let call_id = scene.call_id(caller.contact.address);
    let mut second = scene.leg(call_id, caller, callee);
    first.caller.media = scene.relay(4, String::new()).media;
    first.callee.media = scene.relay(5, String::new()).media;
    second.caller.media = first.caller.media;
    let start = if scene.random.percent(50) {
        second.callee.media = first.callee.media;
        timing.hangup.plus_ns(scene.delay(500, 5_000))
    } else {
        second.callee.media = scene.relay(6, String::new()).media;
        timing.hangup.plus_ns(-scene.delay(100, 900))
    };
    let later = next_timing(scene, start);
    talk(&mut first, timing, Side::Caller);
    talk(&mut second, later, Side::Caller);
    apart(scene, vec![first, second])
}

/// A 302 sends a caller on, who gives up; another calls that target then, half of the time through
/// the same gateway.
pub(super) fn redirect(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let (mut first, target) = redirected_leg(scene);
    redirected(scene, &mut first, &target);
    let number = scene.number();
    let mut other = scene.phone(3, number);
    if scene.random.percent(50) {
        other.contact = first.caller.contact;
    }
    let call_id = scene.call_id(other.contact.address);
    let mut second = scene.leg(call_id, other, target);
    second.request_uri = Some(second.callee.contact_uri());
    let start = scene.start.plus_ns(scene.delay(60, 20_000));
    let later = next_timing(scene, start);
    talk(&mut second, later, Side::Caller);
    apart(scene, vec![first, second])
}

/// A blind transfer, and another caller who calls its target meanwhile: half of the time before the
/// transferee does, half of the time through the same gateway.
pub(super) fn transfer(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let (first, second, referred) = transferred(scene);
    let number = scene.number();
    let mut other = scene.phone(3, number);
    if scene.random.percent(50) {
        other.contact = first.caller.contact;
    }
    let call_id = scene.call_id(other.contact.address);
    let mut third = scene.leg(call_id, other, second.callee.clone());
    let delay =
        if scene.random.percent(50) { scene.delay(21, 85) } else { scene.delay(100, 20_000) };
    let timing = next_timing(scene, referred.plus_ns(delay));
    talk(&mut third, timing, Side::Caller);
    let relations = vec![super::relation(0, 1, super::RelationKind::Refer)];
    vec![scene.call(vec![first, second], relations), scene.call(vec![third], vec![])]
}

/// A dialler calls several numbers at once for one calling number. Two answer; right then it gives up
/// one for its own reasons, the others when nobody answers.
pub(super) fn dialler(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let number = scene.number();
    let dialler = scene.phone(0, number);
    let count = scene.random.between(4, 7).unsigned_abs();
    let answer = scene.start.plus_ns(scene.delay(3_000, 12_000));
    let mut legs = Vec::new();
    for member in 0..count {
        let number = scene.number();
        let callee = scene.phone(1 + member, number);
        let call_id = scene.call_id(dialler.contact.address);
        let mut leg = scene.leg(call_id, dialler.clone(), callee);
        leg.caller.media.port = 20_000 + 2 * member as u16;
        let start = scene.start.plus_ns(ms(15 * member as i64));
        if member < 2 {
            let answer = answer.plus_ns(ms(700 * member as i64));
            let hangup = answer.plus_ns(scene.delay(4_000, 90_000));
            talk(&mut leg, Timing { start, answer, hangup }, Side::Callee);
        } else {
            let offer = leg.sdp(Side::Caller, "sendrecv", false);
            let invite = leg.request(start, Side::Caller, "INVITE", false, &offer);
            leg.respond(start.plus_ns(ms(16)), &invite, 100, Parts::default());
            leg.respond(start.plus_ns(ms(400)), &invite, 180, Parts::default());
            let tag = leg.callee_tag.clone();
            let given_up =
                if member == 2 { answer.plus_ns(ms(900)) } else { start.plus_ns(ms(25_000)) };
            cancel(&mut leg, &invite, given_up, &tag);
        }
        legs.push(leg);
    }
    apart(scene, legs)
}

/// Somebody calls back minutes after a call, and says with In-Reply-To which one it was.
pub(super) fn callback(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut first = scene.plain_leg();
    let timing = scene.timing();
    talk(&mut first, timing, Side::Caller);
    let call_id = scene.call_id(first.callee.contact.address);
    let mut second = scene.leg(call_id, first.callee.clone(), first.caller.clone());
    let start = timing.hangup.plus_ns(pause(scene) + ms(40_000));
    let later = next_timing(scene, start);
    let lines = format!("In-Reply-To: {}\r\n", first.call_id);
    set_up_with(&mut second, later.start, later.answer, &lines);
    second.media(later.answer.plus_ns(ms(40)), later.hangup);
    hang_up(&mut second, later.hangup, Side::Caller);
    apart(scene, vec![first, second])
}
