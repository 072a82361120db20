//! The machine: a leg's facts in, CDRs out, by the rules of the vendor's sniffer (facts B, C, N).
//!
//! Two runs over the same events: one shows what the packets show, one closes calls where the
//! sniffer's live timeouts would. Both are pure functions of the facts, the rules and the horizon.
//!
//! Where the sniffer closes calls by its wall clock (its clean-up runs every few seconds), capture
//! time decides here: a call closes in the very second its timer is due.

mod addresses;
mod call;
mod close;
mod family;
mod handlers;
mod response;

use super::cdr::{Cdr, VendorCut};
use super::events::{Event, Happening, events};
use super::fact::{FactKey, MessageKind};
use super::lattice::Leg;
use super::rules::{NumberRules, TimingRules};
use crate::base::{CaptureTime, Endpoint};
use crate::sip::Method;
use call::{OpenCall, Part};
pub use family::{FamilyCdrs, FamilyLeg, finalise_family};

/// Whether the live timeouts close calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    /// What the packets show: a dialog that goes on after a timeout is still one call.
    Shown,
    /// The sniffer in real time: close logic 1 to 8 of facts C.
    Live,
}

/// What every step of a run needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'r> {
    pub(super) timing: &'r TimingRules,
    pub(super) numbers: &'r NumberRules,
    pub(super) mode: Mode,
}

/// Finalises a leg into CDRs, in order of start.
///
/// `horizon` is the latest moment that the sensor's captures reach: timers that are due after it
/// never fired. A leg without INVITE gives none (design.md section 12, point 13).
#[must_use]
pub fn finalise(
    leg: &Leg,
    leg_index: u32,
    timing: &TimingRules,
    numbers: &NumberRules,
    horizon: CaptureTime,
) -> Vec<Cdr> {
    let events = events(leg);
    let shown = run(leg, &events, Rules { timing, numbers, mode: Mode::Shown }, horizon);
    let live = run(leg, &events, Rules { timing, numbers, mode: Mode::Live }, horizon);
    combine(leg, leg_index, &shown, &live)
}

fn run(leg: &Leg, events: &[Event<'_>], rules: Rules<'_>, horizon: CaptureTime) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut open: Option<OpenCall<'_>> = None;
    for event in events {
        if let Some(mut call) = open.take() {
            match call.close_before(event, rules) {
                Some(reason) => parts.push(call.into_part(Some(reason), rules)),
                None => open = Some(call),
            }
        }
        match (&mut open, event.happening) {
            (Some(call), Happening::Message(key)) => {
                call.message(leg, key, event.time, rules);
            }
            (Some(call), Happening::Rtp(span)) => call.rtp(span, rules),
            (Some(call), Happening::Rtcp(span)) => call.rtcp(span, rules),
            (None, Happening::Message(key)) if creates_call(leg, &key) => {
                let mut call = OpenCall::new(leg, key, event.time, rules);
                call.message(leg, key, event.time, rules);
                open = Some(call);
            }
            (None, _) => {}
        }
    }
    if let Some(mut call) = open {
        let reason = call.close_by(horizon, rules);
        parts.push(call.into_part(reason, rules));
    }
    parts
}

/// Only an INVITE creates a call (facts A.2), and not one that carries CSTA events (facts A.11).
fn creates_call(leg: &Leg, key: &FactKey<'_>) -> bool {
    key.kind == MessageKind::Request(Method::Invite)
        && leg.invite_parties(key).is_none_or(|parties| !parties.is_csta)
}

/// One CDR for each part the packets show, with the live end beside it; then the parts that exist
/// only because the live timeouts split the leg.
fn combine(leg: &Leg, leg_index: u32, shown: &[Part], live: &[Part]) -> Vec<Cdr> {
    let mut cdrs: Vec<Cdr> = shown
        .iter()
        .map(|part| {
            let mut cdr = to_cdr(leg, leg_index, part);
            cdr.vendor_cut = vendor_cut(part, live);
            cdr
        })
        .collect();
    let only_live = live
        .iter()
        .filter(|part| !shown.iter().any(|other| other.started == part.started))
        .map(|part| Cdr { only_when_cut: true, ..to_cdr(leg, leg_index, part) });
    cdrs.extend(only_live);
    cdrs.sort_by_key(|cdr| (cdr.started, cdr.only_when_cut));
    for (sequence, cdr) in cdrs.iter_mut().enumerate() {
        cdr.sequence = u16::try_from(sequence).unwrap_or(u16::MAX);
    }
    cdrs
}

fn vendor_cut(part: &Part, live: &[Part]) -> Option<VendorCut> {
    match live.iter().find(|other| other.started == part.started) {
        Some(other) if other.ended == part.ended && other.bye == part.bye => None,
        Some(other) => Some(VendorCut {
            ended: other.ended,
            bye: other.bye,
            last_response: other.last_response,
        }),
        // Live, an earlier part was still open and swallowed this one: it has no channel of its own.
        None => Some(VendorCut {
            ended: part.started,
            bye: part.bye,
            last_response: part.last_response,
        }),
    }
}

fn to_cdr(leg: &Leg, leg_index: u32, part: &Part) -> Cdr {
    Cdr {
        leg: leg_index,
        sequence: 0,
        sensor: leg.sensor(),
        call_id: leg.call_id().into(),
        caller: part.caller.clone(),
        called: part.called.clone(),
        started: part.started,
        ended: part.ended,
        connected: part.connected,
        progressed: part.progressed,
        source: part.source,
        destination: part.destination,
        last_response: part.last_response,
        bye: part.bye,
        hung_up_by: part.hung_up_by,
        vendor_cut: None,
        only_when_cut: false,
        branches: count_branches(leg, part),
        has_media: part.has_media,
        vendor_blind: leg.is_vendor_blind(),
    }
}

/// Fork destinations tried within the part: distinct To-tags of final or provisional responses to
/// its INVITEs, or distinct (Via branch, destination) of INVITEs that open a dialog, whichever is more.
fn count_branches(leg: &Leg, part: &Part) -> u16 {
    let mut to_tags: Vec<&[u8]> = Vec::new();
    let mut challenge_tags: Vec<&[u8]> = Vec::new();
    let mut invites: Vec<(u32, Endpoint, Endpoint)> = Vec::new();
    for (key, times) in leg.messages() {
        if times.first() < part.started || times.first() > part.ended {
            continue;
        }
        match key.kind {
            MessageKind::Response(status)
                if key.cseq_method == Method::Invite && status > 100 && !key.to_tag.is_empty() =>
            {
                to_tags.push(key.to_tag);
                if is_challenge(status) {
                    challenge_tags.push(key.to_tag);
                }
            }
            MessageKind::Request(Method::Invite) if key.to_tag.is_empty() => {
                invites.push((key.cseq_number, key.source, key.destination));
            }
            _ => {}
        }
    }
    invites.sort_unstable();
    invites.dedup();
    let forked = invites
        .chunk_by(|(cseq, source, _), (next_cseq, next_source, _)| {
            (cseq, source) == (next_cseq, next_source)
        })
        .map(<[_]>::len)
        .max();
    // A challenge (401, 407) answers with a To-tag of its own and is no destination.
    let answered =
        distinct(&mut to_tags).len() - only_challenges(leg, distinct(&mut challenge_tags));
    u16::try_from(answered.max(forked.unwrap_or(1)).max(1)).unwrap_or(u16::MAX)
}

fn distinct<'t, 'l>(tags: &'t mut Vec<&'l [u8]>) -> &'t [&'l [u8]] {
    tags.sort_unstable();
    tags.dedup();
    tags
}

const fn is_challenge(status: u16) -> bool {
    matches!(status, 401 | 407)
}

/// How many of the sorted To-tags of challenges no other response carries.
fn only_challenges(leg: &Leg, challenge_tags: &[&[u8]]) -> usize {
    if challenge_tags.is_empty() {
        return 0;
    }
    let mut answered_again: Vec<&[u8]> = leg
        .messages()
        .filter(|(key, _)| {
            matches!(key.kind, MessageKind::Response(status) if status > 100 && !is_challenge(status))
                && challenge_tags.binary_search(&key.to_tag).is_ok()
        })
        .map(|(key, _)| key.to_tag)
        .collect();
    challenge_tags.len() - distinct(&mut answered_again).len()
}
