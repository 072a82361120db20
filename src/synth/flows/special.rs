//! One leg with something special: redirection, loss, other transports, a Call-ID used twice, two sensors.

use super::basic::{answer_invite, any_side, hang_up, set_up, talk};
use super::{Scene, Timing, relation};
use crate::base::NS_PER_S;
use crate::leg::Side;
use crate::synth::build::{LegBuilder, Parts, ms};
use crate::synth::message::Party;
use crate::synth::script::{RelationKind, ScriptedCall, ScriptedLeg};

/// When an unanswered request is sent again (RFC 3261 sections 17.1.1.2 and 17.1.2.2), in milliseconds.
const INVITE_RETRANSMISSIONS_MS: [i64; 5] = [500, 1_500, 3_500, 7_500, 15_500];
const BYE_RETRANSMISSIONS_MS: [i64; 6] = [500, 1_500, 3_500, 7_500, 11_500, 15_500];

/// INVITE to a server that answers 302 with the Contact of `target`; ends 45 ms after the start.
pub(super) fn redirected(scene: &mut Scene<'_>, leg: &mut LegBuilder, target: &Party) {
    leg.outbound = Some(super::proxy());
    let offer = leg.sdp(Side::Caller, "sendrecv", false);
    let invite = leg.request(scene.start, Side::Caller, "INVITE", false, &offer);
    let contact = Parts::lines(format!("Contact: <{}>\r\n", target.contact_uri()));
    leg.respond(scene.start.plus_ns(ms(30)), &invite, 302, contact);
    leg.ack(scene.start.plus_ns(ms(45)), Side::Caller, &invite, false);
}

/// A leg to a number that a server redirects, and the party it is redirected to.
pub(super) fn redirected_leg(scene: &mut Scene<'_>) -> (LegBuilder, Party) {
    let leg = scene.plain_leg();
    let number = scene.number();
    (leg, scene.phone(2, number))
}

pub(super) fn redirect(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let (mut leg, target) = redirected_leg(scene);
    let timing = scene.timing();
    redirected(scene, &mut leg, &target);
    // RFC 3261 section 8.1.3.4: To, From and Call-ID stay, the Request-URI is the Contact.
    leg.request_uri = Some(target.contact_uri());
    leg.outbound = None;
    leg.callee.contact = target.contact;
    leg.callee.media = target.media;
    talk(&mut leg, Timing { start: timing.start.plus_ns(ms(80)), ..timing }, Side::Caller);
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn redirect_new_call_id(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let (mut leg, target) = redirected_leg(scene);
    let timing = scene.timing();
    redirected(scene, &mut leg, &target);
    let call_id = scene.call_id(leg.caller.contact.address);
    let mut second = scene.leg(call_id, leg.caller.clone(), target);
    second.request_uri = Some(second.callee.contact_uri());
    talk(&mut second, Timing { start: timing.start.plus_ns(ms(80)), ..timing }, Side::Caller);
    vec![scene.call(vec![leg, second], vec![relation(0, 1, RelationKind::Redirect)])]
}

pub(super) fn no_bye(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let timing = scene.timing();
    set_up(&mut leg, timing.start, timing.answer);
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn bye_unanswered(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let (timing, side) = (scene.timing(), any_side(scene));
    set_up(&mut leg, timing.start, timing.answer);
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
    let bye = leg.request(timing.hangup, side, "BYE", true, &Parts::default());
    for delay in BYE_RETRANSMISSIONS_MS {
        leg.retransmit(timing.hangup.plus_ns(ms(delay)), side, &bye);
    }
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn retransmission(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let timing = scene.timing();
    let offer = leg.sdp(Side::Caller, "sendrecv", false);
    let invite = leg.request(timing.start, Side::Caller, "INVITE", false, &offer);
    leg.retransmit(timing.start.plus_ns(ms(500)), Side::Caller, &invite);
    leg.respond(timing.start.plus_ns(ms(620)), &invite, 100, Parts::default());
    leg.respond(timing.start.plus_ns(ms(900)), &invite, 180, Parts::default());
    let answer = leg.sdp(Side::Callee, "sendrecv", true);
    leg.respond(timing.answer, &invite, 200, answer.clone());
    leg.respond(timing.answer.plus_ns(ms(500)), &invite, 200, answer.clone());
    leg.respond(timing.answer.plus_ns(ms(1_500)), &invite, 200, answer);
    leg.ack(timing.answer.plus_ns(ms(1_520)), Side::Caller, &invite, true);
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
    let bye = leg.request(timing.hangup, Side::Caller, "BYE", true, &Parts::default());
    leg.retransmit(timing.hangup.plus_ns(ms(500)), Side::Caller, &bye);
    leg.respond(timing.hangup.plus_ns(ms(530)), &bye, 200, Parts::default());
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn unreachable(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let offer = leg.sdp(Side::Caller, "sendrecv", false);
    let invite = leg.request(scene.start, Side::Caller, "INVITE", false, &offer);
    for delay in INVITE_RETRANSMISSIONS_MS {
        leg.retransmit(scene.start.plus_ns(ms(delay)), Side::Caller, &invite);
    }
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn tcp(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    leg.over_tcp = true;
    let (timing, side) = (scene.timing(), any_side(scene));
    talk(&mut leg, timing, side);
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn call_id_reuse(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut first = scene.plain_leg();
    let timing = scene.timing();
    talk(&mut first, timing, Side::Caller);
    // Another call with the same Call-ID: other tags, other called party, long after the first closed.
    let number = scene.number();
    let callee = scene.phone(2, number);
    let mut second = scene.leg(first.call_id.clone(), first.caller.clone(), callee);
    let start = timing.hangup.plus_ns(scene.delay(65_000, 600_000));
    let answer = start.plus_ns(scene.delay(1_500, 20_000));
    let hangup = answer.plus_ns(scene.delay(4_000, 120_000));
    talk(&mut second, Timing { start, answer, hangup }, Side::Callee);
    let [sensor, _] = scene.parameters.sensors();
    let mut second = second.finish(&sensor);
    if let Some(truth) = &mut second.truth {
        truth.sequence = 1;
    }
    vec![scene.call(vec![first], vec![]), scene.finished_call(vec![second], vec![])]
}

pub(super) fn two_sensors(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let (timing, side) = (scene.timing(), any_side(scene));
    set_up(&mut leg, timing.start, timing.answer);
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
    hang_up(&mut leg, timing.hangup, side);
    let [first, second] = scene.parameters.sensors();
    let leg = leg.finish(&first);
    let copy = seen_elsewhere(&leg, &second, scene.delay(0, 40));
    vec![scene.finished_call(vec![leg, copy], vec![relation(0, 1, RelationKind::Sensor)])]
}

/// The same leg at another sensor, `later_ns` later.
fn seen_elsewhere(leg: &ScriptedLeg, sensor: &str, later_ns: i64) -> ScriptedLeg {
    let mut copy = leg.clone();
    sensor.clone_into(&mut copy.sensor);
    for packet in &mut copy.packets {
        packet.time = packet.time.plus_ns(later_ns);
    }
    for burst in &mut copy.media {
        burst.first = burst.first.plus_ns(later_ns);
    }
    if let Some(truth) = &mut copy.truth {
        sensor.clone_into(&mut truth.sensor);
        truth.started_ns += later_ns;
        truth.ended_ns += later_ns;
        truth.connected_ns = truth.connected_ns.map(|time| time + later_ns);
        truth.progressed_ns = truth.progressed_ns.map(|time| time + later_ns);
    }
    copy
}

/// INVITE of one party to another outside of [`set_up`], for scripts that need other headers.
pub(super) fn new_call(leg: &mut LegBuilder, timing: Timing, lines: &str) {
    let mut offer = leg.sdp(Side::Caller, "sendrecv", false);
    offer.extra.push_str(lines);
    let invite = leg.request(timing.start, Side::Caller, "INVITE", false, &offer);
    answer_invite(leg, &invite, timing.start, timing.answer);
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
}

/// A short time after which people do the next thing, at least one second.
pub(super) fn pause(scene: &mut Scene<'_>) -> i64 {
    scene.delay(1_000, 20_000).max(NS_PER_S)
}
