//! One leg between two phones: RFC 3665 sections 3.1 to 3.11, RFC 5359 section 2.1, RFC 4028.

use super::{BYE_ANSWER_NS, Scene, Timing};
use crate::base::{CaptureTime, NS_PER_S};
use crate::leg::Side;
use crate::synth::build::{LegBuilder, Parts, ms};
use crate::synth::message::Transaction;
use crate::synth::script::ScriptedCall;

/// INVITE, 100, 180, 200 at `answer`, ACK.
pub(super) fn set_up(leg: &mut LegBuilder, start: CaptureTime, answer: CaptureTime) -> Transaction {
    set_up_with(leg, start, answer, "")
}

/// As [`set_up`], with more header lines in the INVITE.
pub(super) fn set_up_with(
    leg: &mut LegBuilder,
    start: CaptureTime,
    answer: CaptureTime,
    lines: &str,
) -> Transaction {
    let mut offer = leg.sdp(Side::Caller, "sendrecv", false);
    offer.extra.push_str(lines);
    let invite = leg.request(start, Side::Caller, "INVITE", false, &offer);
    answer_invite(leg, &invite, start, answer);
    invite
}

/// 100, 180, 200 at `answer`, ACK to an INVITE that was sent at `start`.
pub(super) fn answer_invite(
    leg: &mut LegBuilder,
    invite: &Transaction,
    start: CaptureTime,
    answer: CaptureTime,
) {
    leg.respond(start.plus_ns(ms(18)), invite, 100, Parts::default());
    let ringing = (answer.since_ns(start) / 2_000 * 1_000).min(ms(400));
    leg.respond(start.plus_ns(ringing), invite, 180, Parts::default());
    let sdp = leg.sdp(Side::Callee, "sendrecv", true);
    leg.respond(answer, invite, 200, sdp);
    leg.ack(answer.plus_ns(ms(22)), Side::Caller, invite, true);
}

/// BYE of one side at `hangup`, and its 200.
pub(super) fn hang_up(leg: &mut LegBuilder, hangup: CaptureTime, side: Side) {
    let bye = leg.request(hangup, side, "BYE", true, &Parts::default());
    leg.respond(hangup.plus_ns(BYE_ANSWER_NS), &bye, 200, Parts::default());
}

/// Which side hangs up.
pub(super) fn any_side(scene: &mut Scene<'_>) -> Side {
    if scene.random.percent(60) { Side::Caller } else { Side::Callee }
}

/// A whole answered call on one leg.
pub(super) fn talk(leg: &mut LegBuilder, timing: Timing, side: Side) {
    set_up(leg, timing.start, timing.answer);
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
    hang_up(leg, timing.hangup, side);
}

/// A re-INVITE of the caller, its 200 and ACK.
fn reinvite(leg: &mut LegBuilder, at: CaptureTime, direction: [&str; 2], lines: &str) {
    let mut offer = leg.sdp(Side::Caller, direction[0], false);
    offer.extra.push_str(lines);
    let invite = leg.request(at, Side::Caller, "INVITE", true, &offer);
    let mut sdp = leg.sdp(Side::Callee, direction[1], true);
    sdp.extra.push_str(lines);
    leg.respond(at.plus_ns(ms(35)), &invite, 200, sdp);
    leg.ack(at.plus_ns(ms(52)), Side::Caller, &invite, true);
}

pub(super) fn answered(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let (timing, side) = (scene.timing(), any_side(scene));
    talk(&mut leg, timing, side);
    vec![scene.call(vec![leg], vec![])]
}

/// The called side refuses.
pub(super) fn refused(scene: &mut Scene<'_>, status: u16) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let start = scene.start;
    let offer = leg.sdp(Side::Caller, "sendrecv", false);
    let invite = leg.request(start, Side::Caller, "INVITE", false, &offer);
    leg.respond(start.plus_ns(ms(20)), &invite, 100, Parts::default());
    let mut refusal = start.plus_ns(scene.delay(60, 900));
    if status == 486 && scene.random.percent(40) {
        leg.respond(start.plus_ns(ms(60)), &invite, 180, Parts::default());
        refusal = start.plus_ns(scene.delay(900, 12_000));
    }
    leg.respond(refusal, &invite, status, Parts::default());
    leg.ack(refusal.plus_ns(ms(15)), Side::Caller, &invite, false);
    vec![scene.call(vec![leg], vec![])]
}

/// CANCEL of an INVITE, its 200, 487 and ACK; the 487 comes 40 ms after `at`.
pub(super) fn cancel(leg: &mut LegBuilder, invite: &Transaction, at: CaptureTime, tag: &str) {
    let cancel = leg.cancel(at, invite);
    leg.respond_tagged(at.plus_ns(ms(20)), &cancel, 200, tag, Parts::default());
    leg.respond_tagged(at.plus_ns(ms(40)), invite, 487, tag, Parts::default());
    leg.ack_tagged(at.plus_ns(ms(55)), Side::Caller, invite, false, tag);
}

pub(super) fn no_answer(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let start = scene.start;
    let offer = leg.sdp(Side::Caller, "sendrecv", false);
    let invite = leg.request(start, Side::Caller, "INVITE", false, &offer);
    leg.respond(start.plus_ns(ms(20)), &invite, 100, Parts::default());
    leg.respond(start.plus_ns(scene.delay(100, 700)), &invite, 180, Parts::default());
    let tag = leg.callee_tag.clone();
    cancel(&mut leg, &invite, start.plus_ns(scene.delay(3_000, 45_000)), &tag);
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn auth(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let mut timing = scene.timing();
    let nonce = scene.random.next();
    let offer = leg.sdp(Side::Caller, "sendrecv", false);
    let invite = leg.request(timing.start, Side::Caller, "INVITE", false, &offer);
    let challenge = format!(
        "Proxy-Authenticate: Digest realm=\"sip.example.com\", nonce=\"{nonce:016x}\", algorithm=MD5\r\n"
    );
    leg.respond(timing.start.plus_ns(ms(25)), &invite, 407, Parts::lines(challenge));
    leg.ack(timing.start.plus_ns(ms(40)), Side::Caller, &invite, false);
    let credentials = format!(
        "Proxy-Authorization: Digest username=\"{}\", realm=\"sip.example.com\", nonce=\"{nonce:016x}\", \
         uri=\"sip:sip.example.com\", response=\"{:032x}\"\r\n",
        leg.caller.user,
        u128::from(nonce) * 3
    );
    timing.start = timing.start.plus_ns(ms(70));
    set_up_with(&mut leg, timing.start, timing.answer, &credentials);
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
    hang_up(&mut leg, timing.hangup, Side::Caller);
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn hold(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let timing = scene.timing();
    set_up(&mut leg, timing.start, timing.answer);
    let third = timing.hangup.since_ns(timing.answer) / 3_000 * 1_000;
    let held = timing.answer.plus_ns(third);
    let resumed = held.plus_ns(third);
    reinvite(&mut leg, held, ["sendonly", "recvonly"], "");
    reinvite(&mut leg, resumed, ["sendrecv", "sendrecv"], "");
    leg.media(timing.answer.plus_ns(ms(40)), held);
    leg.media(resumed.plus_ns(ms(60)), timing.hangup);
    hang_up(&mut leg, timing.hangup, Side::Callee);
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn session_timer(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let mut timing = scene.timing();
    if scene.total_ns.is_none() {
        timing.hangup = timing.answer.plus_ns(scene.delay(1_800_000, 9_000_000));
    }
    let lines = "Session-Expires: 1800;refresher=uac\r\n";
    set_up_with(&mut leg, timing.start, timing.answer, lines);
    // RFC 4028 section 7.2: refresh at half the interval.
    let mut refresh = timing.answer.plus_ns(900 * NS_PER_S);
    while refresh.plus_ns(NS_PER_S) < timing.hangup {
        reinvite(&mut leg, refresh, ["sendrecv", "sendrecv"], lines);
        refresh = refresh.plus_ns(900 * NS_PER_S);
    }
    leg.media(timing.answer.plus_ns(ms(40)), timing.hangup);
    hang_up(&mut leg, timing.hangup, Side::Caller);
    vec![scene.call(vec![leg], vec![])]
}
