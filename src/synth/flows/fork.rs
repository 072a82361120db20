//! One Call-ID over a proxy: two hops, parallel and serial forks (RFC 3261 sections 16.7 and 16.8).

use super::basic::cancel;
use super::{BYE_ANSWER_NS, Scene, proxy};
use crate::base::{CaptureTime, Endpoint};
use crate::leg::Side;
use crate::synth::build::{LegBuilder, Parts, ms};
use crate::synth::message::Transaction;
use crate::synth::script::ScriptedCall;

/// INVITE from the caller to the proxy, and its 100.
fn invite_proxy(leg: &mut LegBuilder, start: CaptureTime) -> (Transaction, Parts) {
    leg.outbound = Some(proxy());
    let offer = leg.sdp(Side::Caller, "sendrecv", false);
    let invite = leg.request(start, Side::Caller, "INVITE", false, &offer);
    leg.respond(start.plus_ns(ms(15)), &invite, 100, Parts::default());
    (invite, offer)
}

/// The proxy passes a response of a branch on to the caller 8 ms later.
fn relay_response(
    leg: &mut LegBuilder,
    at: CaptureTime,
    hops: [&Transaction; 2],
    status: u16,
    tag: &str,
    parts: &Parts,
) {
    leg.respond_tagged(at, hops[1], status, tag, parts.clone());
    leg.respond_tagged(at.plus_ns(ms(8)), hops[0], status, tag, parts.clone());
}

/// The branch with the leg's own To tag answers; the ACK goes straight to it.
fn answer_branch(leg: &mut LegBuilder, at: CaptureTime, hops: [&Transaction; 2]) {
    let (tag, sdp) = (leg.callee_tag.clone(), leg.sdp(Side::Callee, "sendrecv", true));
    relay_response(leg, at, hops, 200, &tag, &sdp);
    let direct = Transaction { destination: leg.callee.contact, ..hops[0].clone() };
    leg.ack_tagged(at.plus_ns(ms(25)), Side::Caller, &direct, true, &tag);
}

pub(super) fn proxied(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let timing = scene.timing();
    let (invite, offer) = invite_proxy(&mut leg, timing.start);
    let target = leg.callee.contact;
    let at = timing.start.plus_ns(ms(17));
    let second = leg.forward(at, Side::Caller, &invite, proxy(), target, &offer);
    let tag = leg.callee_tag.clone();
    relay_response(
        &mut leg,
        timing.start.plus_ns(ms(300)),
        [&invite, &second],
        180,
        &tag,
        &Parts::default(),
    );
    let sdp = leg.sdp(Side::Callee, "sendrecv", true);
    relay_response(&mut leg, timing.answer, [&invite, &second], 200, &tag, &sdp);
    leg.ack(timing.answer.plus_ns(ms(25)), Side::Caller, &invite, true);
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
    let bye = Transaction { destination: proxy(), ..bye_of(&mut leg, timing.hangup) };
    let none = Parts::default();
    let forwarded =
        leg.forward(timing.hangup.plus_ns(ms(5)), Side::Caller, &bye, proxy(), target, &none);
    let confirmed = timing.hangup.plus_ns(BYE_ANSWER_NS);
    relay_response(&mut leg, confirmed, [&bye, &forwarded], 200, &tag, &none);
    vec![scene.call(vec![leg], vec![])]
}

/// BYE of the caller towards the proxy.
fn bye_of(leg: &mut LegBuilder, at: CaptureTime) -> Transaction {
    let contact = leg.callee.contact;
    leg.callee.contact = proxy();
    let bye = leg.request(at, Side::Caller, "BYE", true, &Parts::default());
    leg.callee.contact = contact;
    bye
}

/// The address of another phone of the called party.
fn other_phone(scene: &mut Scene<'_>, leg: &LegBuilder) -> (Endpoint, String) {
    let user = leg.callee.user.clone();
    (scene.phone(3, user).contact, format!("{:08x}", scene.random.next() as u32))
}

pub(super) fn parallel(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let (loser, loser_tag) = other_phone(scene, &leg);
    let timing = scene.timing();
    let (invite, offer) = invite_proxy(&mut leg, timing.start);
    let winner = leg.callee.contact;
    let fork = |leg: &mut LegBuilder, delay, target| {
        let at = timing.start.plus_ns(ms(delay));
        leg.forward(at, Side::Caller, &invite, proxy(), target, &offer)
    };
    let lost = fork(&mut leg, 17, loser);
    let won = fork(&mut leg, 18, winner);
    let tag = leg.callee_tag.clone();
    let none = Parts::default();
    let ringing = timing.start.plus_ns(ms(260));
    relay_response(&mut leg, ringing, [&invite, &lost], 180, &loser_tag, &none);
    relay_response(&mut leg, ringing.plus_ns(ms(90)), [&invite, &won], 180, &tag, &none);
    let busy = scene.random.percent(25);
    if busy {
        let refusal = timing.start.plus_ns(ms(1_200));
        leg.respond_tagged(refusal, &lost, 486, &loser_tag, Parts::default());
        leg.ack_tagged(refusal.plus_ns(ms(9)), Side::Caller, &lost, false, &loser_tag);
    }
    answer_branch(&mut leg, timing.answer, [&invite, &won]);
    if !busy {
        cancel(&mut leg, &lost, timing.answer.plus_ns(ms(9)), &loser_tag);
    }
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
    super::basic::hang_up(&mut leg, timing.hangup, Side::Caller);
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn serial(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let (first, first_tag) = other_phone(scene, &leg);
    let mut timing = scene.timing();
    let (invite, offer) = invite_proxy(&mut leg, timing.start);
    let none = Parts::default();
    let at = timing.start.plus_ns(ms(17));
    let lost = leg.forward(at, Side::Caller, &invite, proxy(), first, &offer);
    let ringing = timing.start.plus_ns(ms(240));
    relay_response(&mut leg, ringing, [&invite, &lost], 180, &first_tag, &none);
    // The proxy gives up on the first phone before it tries the second.
    let given_up = timing.start.plus_ns(scene.delay(4_000, 12_000));
    cancel(&mut leg, &lost, given_up, &first_tag);
    let second_at = given_up.plus_ns(ms(70));
    let winner = leg.callee.contact;
    let won = leg.forward(second_at, Side::Caller, &invite, proxy(), winner, &offer);
    let tag = leg.callee_tag.clone();
    relay_response(&mut leg, second_at.plus_ns(ms(200)), [&invite, &won], 180, &tag, &none);
    timing.answer = second_at.plus_ns(scene.delay(1_500, 9_000));
    timing.hangup = timing.hangup.max(timing.answer.plus_ns(ms(4_000)));
    answer_branch(&mut leg, timing.answer, [&invite, &won]);
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
    super::basic::hang_up(&mut leg, timing.hangup, Side::Callee);
    vec![scene.call(vec![leg], vec![])]
}
