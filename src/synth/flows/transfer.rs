//! Transfers and pickups: RFC 3515, 3891, 3892, 5359 sections 2.4, 2.5 and 2.16, 5589.

use super::basic::{answer_invite, cancel, hang_up, set_up, talk};
use super::special::{new_call, pause};
use super::{Scene, Timing, relation};
use crate::base::CaptureTime;
use crate::leg::Side;
use crate::synth::build::{LegBuilder, Parts, ms};
use crate::synth::message::{Body, Party};
use crate::synth::script::{RelationKind, ScriptedCall};

/// NOTIFY of the progress of a REFER, from `side`, and its 200 (RFC 3515 section 2.4.4).
fn notify(leg: &mut LegBuilder, at: CaptureTime, side: Side, status_line: &str, is_last: bool) {
    let state = if is_last { "terminated;reason=noresource" } else { "active;expires=60" };
    let parts = Parts {
        extra: format!("Event: refer\r\nSubscription-State: {state}\r\n"),
        body: Some(Body {
            content_type: "message/sipfrag;version=2.0",
            text: format!("{status_line}\r\n"),
        }),
    };
    let notify = leg.request(at, side, "NOTIFY", true, &parts);
    leg.respond(at.plus_ns(ms(14)), &notify, 200, Parts::default());
}

/// REFER of the callee and its 202; `target` is the Refer-To URI.
fn refer(leg: &mut LegBuilder, at: CaptureTime, target: &str, status: u16) {
    let by = leg.callee.name_address();
    let lines = Parts::lines(format!("Refer-To: <{target}>\r\nReferred-By: {by}\r\n"));
    let refer = leg.request(at, Side::Callee, "REFER", true, &lines);
    leg.respond(at.plus_ns(ms(20)), &refer, status, Parts::default());
}

/// A call whose callee will transfer it: the leg, set up, and when it was answered.
fn first_leg(scene: &mut Scene<'_>) -> (LegBuilder, CaptureTime) {
    let mut leg = scene.plain_leg();
    let ring = scene.delay(1_500, 15_000);
    let answer = scene.start.plus_ns(ring);
    set_up(&mut leg, scene.start, answer);
    (leg, answer)
}

/// A third phone.
fn third(scene: &mut Scene<'_>) -> Party {
    let user = scene.extension();
    scene.phone(2, user)
}

/// When the transferred call is answered and hung up.
pub(super) fn next_timing(scene: &mut Scene<'_>, start: CaptureTime) -> Timing {
    let answer = start.plus_ns(scene.delay(1_500, 15_000));
    Timing { start, answer, hangup: answer.plus_ns(scene.delay(5_000, 300_000)) }
}

/// A blind transfer that goes well: its two legs, and when the REFER was sent.
pub(super) fn transferred(scene: &mut Scene<'_>) -> (LegBuilder, LegBuilder, CaptureTime) {
    let (mut first, answer) = first_leg(scene);
    let target = third(scene);
    let referred = answer.plus_ns(pause(scene));
    first.media(answer.plus_ns(ms(40)), referred);
    let uri = format!("sip:{}@{}", target.user, target.domain);
    refer(&mut first, referred, &uri, 202);
    notify(&mut first, referred.plus_ns(ms(50)), Side::Caller, "SIP/2.0 100 Trying", false);
    let timing = next_timing(scene, referred.plus_ns(ms(90)));
    let call_id = scene.call_id(first.caller.contact.address);
    let mut second = scene.leg(call_id, first.caller.clone(), target);
    let by = format!("Referred-By: {}\r\n", first.callee.name_address());
    new_call(&mut second, timing, &by);
    hang_up(&mut second, timing.hangup, Side::Callee);
    notify(&mut first, timing.answer.plus_ns(ms(60)), Side::Caller, "SIP/2.0 200 OK", true);
    hang_up(&mut first, timing.answer.plus_ns(ms(120)), Side::Callee);
    (first, second, referred)
}

pub(super) fn blind(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let (first, second, _) = transferred(scene);
    vec![scene.call(vec![first, second], vec![relation(0, 1, RelationKind::Refer)])]
}

pub(super) fn attended(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let (mut first, answer) = first_leg(scene);
    let target = third(scene);
    // The transferor calls the target.
    let called_at = answer.plus_ns(pause(scene));
    let consult = next_timing(scene, called_at);
    let call_id = scene.call_id(first.callee.contact.address);
    let mut second = scene.leg(call_id, first.callee.clone(), target.clone());
    set_up(&mut second, consult.start, consult.answer);
    let referred = consult.answer.plus_ns(pause(scene));
    first.media(answer.plus_ns(ms(40)), consult.start);
    second.media(consult.answer.plus_ns(ms(40)), referred);
    // Tags from the point of view of the target, who gets the INVITE (RFC 3891 section 3).
    let (to_tag, from_tag) = (second.callee_tag.clone(), second.caller_tag.clone());
    let escaped = second.call_id.replace('@', "%40");
    let uri = format!(
        "sip:{}@{}?Replaces={escaped}%3Bto-tag%3D{to_tag}%3Bfrom-tag%3D{from_tag}",
        target.user, target.domain
    );
    refer(&mut first, referred, &uri, 202);
    notify(&mut first, referred.plus_ns(ms(50)), Side::Caller, "SIP/2.0 100 Trying", false);
    let start = referred.plus_ns(ms(90));
    let replaced = start.plus_ns(ms(60));
    let timing = Timing { answer: replaced, ..next_timing(scene, start) };
    let call_id = scene.call_id(first.caller.contact.address);
    let mut last = scene.leg(call_id, first.caller.clone(), target);
    let lines = format!(
        "Replaces: {};to-tag={to_tag};from-tag={from_tag}\r\nReferred-By: {}\r\n",
        second.call_id,
        first.callee.name_address()
    );
    new_call(&mut last, timing, &lines);
    hang_up(&mut last, timing.hangup, Side::Caller);
    hang_up(&mut second, replaced.plus_ns(ms(30)), Side::Callee);
    notify(&mut first, replaced.plus_ns(ms(60)), Side::Caller, "SIP/2.0 200 OK", true);
    hang_up(&mut first, replaced.plus_ns(ms(120)), Side::Callee);
    let relations = vec![
        relation(0, 1, RelationKind::Replaces),
        relation(1, 2, RelationKind::Replaces),
        relation(0, 2, RelationKind::Refer),
    ];
    vec![scene.call(vec![first, second, last], relations)]
}

/// The REFER is declined; a call of the same caller to the same target soon after has nothing to do with it.
pub(super) fn refused(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let (mut first, answer) = first_leg(scene);
    let target = third(scene);
    let referred = answer.plus_ns(pause(scene));
    let uri = format!("sip:{}@{}", target.user, target.domain);
    refer(&mut first, referred, &uri, 603);
    let hangup = referred.plus_ns(pause(scene));
    first.media(answer.plus_ns(ms(40)), hangup);
    hang_up(&mut first, hangup, Side::Caller);
    let next = hangup.plus_ns(scene.delay(2_000, 9_000));
    let timing = next_timing(scene, next);
    let call_id = scene.call_id(first.caller.contact.address);
    let mut second = scene.leg(call_id, first.caller.clone(), target);
    talk(&mut second, timing, Side::Caller);
    vec![scene.call(vec![first], vec![]), scene.call(vec![second], vec![])]
}

/// A colleague takes a ringing call: INVITE with Replaces and early-only to the caller.
pub(super) fn pickup(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut first = scene.plain_leg();
    let start = scene.start;
    let offer = first.sdp(Side::Caller, "sendrecv", false);
    let invite = first.request(start, Side::Caller, "INVITE", false, &offer);
    first.respond(start.plus_ns(ms(18)), &invite, 100, Parts::default());
    first.respond(start.plus_ns(ms(300)), &invite, 180, Parts::default());
    let picked = start.plus_ns(scene.delay(2_000, 20_000));
    let colleague = third(scene);
    let call_id = scene.call_id(colleague.contact.address);
    let mut second = scene.leg(call_id, colleague, first.caller.clone());
    // The caller gets the INVITE: its own tag is the to-tag.
    let mut lines = second.sdp(Side::Caller, "sendrecv", false);
    lines.extra = format!(
        "Replaces: {};to-tag={};from-tag={};early-only\r\n",
        first.call_id, first.caller_tag, first.callee_tag
    );
    let pickup = second.request(picked, Side::Caller, "INVITE", false, &lines);
    let answer = picked.plus_ns(ms(80));
    answer_invite(&mut second, &pickup, picked, answer);
    let hangup = answer.plus_ns(scene.delay(5_000, 200_000));
    second.media(answer.plus_ns(ms(40)), hangup);
    hang_up(&mut second, hangup, Side::Caller);
    let tag = first.callee_tag.clone();
    cancel(&mut first, &invite, answer.plus_ns(ms(10)), &tag);
    vec![scene.call(vec![first, second], vec![relation(0, 1, RelationKind::Replaces)])]
}

/// BYE with Also: the other side calls the new target at once.
pub(super) fn bye_also(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let (mut first, answer) = first_leg(scene);
    let target = third(scene);
    let transferred = answer.plus_ns(pause(scene));
    first.media(answer.plus_ns(ms(40)), transferred);
    let lines = Parts::lines(format!("Also: <sip:{}@{}>\r\n", target.user, target.domain));
    let bye = first.request(transferred, Side::Callee, "BYE", true, &lines);
    first.respond(transferred.plus_ns(ms(20)), &bye, 200, Parts::default());
    let timing = next_timing(scene, transferred.plus_ns(ms(110)));
    let call_id = scene.call_id(first.caller.contact.address);
    let mut second = scene.leg(call_id, first.caller.clone(), target);
    talk(&mut second, timing, Side::Callee);
    vec![scene.call(vec![first, second], vec![relation(0, 1, RelationKind::Also)])]
}
