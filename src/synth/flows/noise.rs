//! Messages that make no call: REGISTER (RFC 3665 section 2.1), OPTIONS, MESSAGE (RFC 3428).

use super::{Scene, proxy};
use crate::leg::Side;
use crate::synth::build::{LegBuilder, Parts, ms};
use crate::synth::message::Body;
use crate::synth::script::ScriptedCall;

/// A phone and the registrar.
fn leg_to_proxy(scene: &mut Scene<'_>) -> LegBuilder {
    let user = scene.extension();
    let phone = scene.phone(0, user);
    let mut registrar = phone.clone();
    registrar.contact = proxy();
    registrar.agent = "Registrar/1.0";
    let call_id = scene.call_id(phone.contact.address);
    scene.leg(call_id, phone, registrar)
}

pub(super) fn register(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = leg_to_proxy(scene);
    leg.request_uri = Some("sip:sip.example.com".to_owned());
    let start = scene.start;
    let nonce = scene.random.next();
    let expires = "Expires: 3600\r\n";
    let first = leg.request(start, Side::Caller, "REGISTER", false, &Parts::lines(expires));
    let challenge =
        format!("WWW-Authenticate: Digest realm=\"sip.example.com\", nonce=\"{nonce:016x}\"\r\n");
    leg.respond(start.plus_ns(ms(12)), &first, 401, Parts::lines(challenge));
    let credentials = format!(
        "{expires}Authorization: Digest username=\"{}\", realm=\"sip.example.com\", \
         nonce=\"{nonce:016x}\", uri=\"sip:sip.example.com\", response=\"{:032x}\"\r\n",
        leg.caller.user,
        u128::from(nonce) * 5
    );
    let at = start.plus_ns(ms(30));
    let second = leg.request(at, Side::Caller, "REGISTER", false, &Parts::lines(credentials));
    leg.respond(at.plus_ns(ms(14)), &second, 200, Parts::lines(expires));
    vec![scene.call(vec![leg], vec![])]
}

pub(super) fn options(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = leg_to_proxy(scene);
    let start = scene.start;
    let ping = leg.request(start, Side::Caller, "OPTIONS", false, &Parts::default());
    leg.respond(start.plus_ns(ms(5)), &ping, 200, Parts::default());
    let mut call = scene.call(vec![leg], vec![]);
    for leg in &mut call.legs {
        // The sniffer's name for it (run section 3).
        leg.file_stem = format!("OPT_{}_{}_{}", leg.call_id, ping.cseq, start.ns() / 1_000);
    }
    vec![call]
}

pub(super) fn message(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    let mut leg = scene.plain_leg();
    let start = scene.start;
    let text = format!("Please call back at {}.", scene.number());
    let parts =
        Parts { extra: String::new(), body: Some(Body { content_type: "text/plain", text }) };
    let message = leg.request(start, Side::Caller, "MESSAGE", false, &parts);
    leg.respond(start.plus_ns(ms(40)), &message, 200, Parts::default());
    vec![scene.call(vec![leg], vec![])]
}
