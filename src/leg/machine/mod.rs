//! The machine: a leg's facts in, CDRs out, by the rules of the vendor's sniffer (facts B, C, N).
//!
//! Two runs over the same events: one shows what the packets show, one closes calls where the
//! sniffer's live timeouts would. Both are pure functions of the facts, the rules and the horizon. They
//! differ in when a call closes and in nothing else: as long as no timeout has done something in one of
//! them alone, which is so for nearly every leg, one run serves for both.
//!
//! Where the sniffer closes calls by its wall clock (its clean-up runs every few seconds), capture
//! time decides here: a call closes in the very second its timer is due.

mod addresses;
mod call;
mod close;
mod family;
mod few;
mod handlers;
mod response;

use super::cdr::{Cdr, Ends, VendorCut};
use super::events::{Event, Happening};
use super::fact::{InviteParties, MessageKind};
use super::lattice::Leg;
use super::rules::{NumberRules, TimingRules};
use super::view::{LegView, SeenMessage};
use crate::base::{CaptureTime, Endpoint};
use crate::sip::Method;
use call::{OpenCall, Part};
use close::{CloseReason, Waits};
pub use family::{FamilyCdrs, FamilyLeg, finalise_family};
use few::Few;
use std::convert::Infallible;

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
    waits: &'r Waits,
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
    let view = LegView::of(leg);
    let mut finaliser = Finaliser::new(timing, numbers);
    finaliser.leg(&view, leg_index, horizon);
    finaliser.cdrs
}

/// Finalises one leg after the other, in room that it keeps.
#[derive(Debug)]
pub struct Finaliser<'r, 'l> {
    timing: &'r TimingRules,
    numbers: &'r NumberRules,
    waits: Waits,
    shown: Vec<Part<'l>>,
    live: Vec<Part<'l>>,
    cdrs: Vec<Cdr>,
}

impl<'r, 'l> Finaliser<'r, 'l> {
    /// By some rules.
    #[must_use]
    pub fn new(timing: &'r TimingRules, numbers: &'r NumberRules) -> Self {
        let (waits, shown, live, cdrs) = (Waits::of(timing), Vec::new(), Vec::new(), Vec::new());
        Self { timing, numbers, waits, shown, live, cdrs }
    }

    /// The CDRs of a leg, as [`finalise`] makes them.
    pub fn leg(&mut self, leg: &LegView<'l>, leg_index: u32, horizon: CaptureTime) -> &[Cdr] {
        let are_alike = self.both_runs(leg, horizon);
        let Self { shown, live, cdrs, .. } = self;
        cdrs.clear();
        combine(leg, leg_index, shown, if are_alike { shown } else { live }, cdrs);
        cdrs
    }

    /// Plays both runs; whether the live run did what the shown run did. Else it stands for itself.
    fn both_runs(&mut self, leg: &LegView<'l>, horizon: CaptureTime) -> bool {
        let Self { timing, numbers, waits, shown, live, .. } = self;
        let rules = |mode| Rules { timing, waits, numbers, mode };
        let both = run(
            leg,
            rules(Mode::Live),
            shown,
            |call, event, rules| call.both_before(event, rules),
            |call, rules| call.both_by(horizon, rules),
        );
        if both.is_err() {
            one_run(leg, rules(Mode::Live), horizon, live);
            one_run(leg, rules(Mode::Shown), horizon, shown);
        }
        both.is_ok()
    }
}

fn one_run<'l>(
    leg: &LegView<'l>,
    rules: Rules<'_>,
    horizon: CaptureTime,
    parts: &mut Vec<Part<'l>>,
) {
    let played = run(
        leg,
        rules,
        parts,
        |call, event, rules| Ok::<_, Infallible>(call.close_before(event, rules)),
        |call, rules| Ok(call.close_by(horizon, rules)),
    );
    match played {
        Ok(()) => {}
    }
}

/// Plays the events into `parts`, in which nothing is left of what was there; `before` says whether the
/// open call closes before an event, `at_end` why it is closed by the end of the captures.
fn run<'l, E>(
    leg: &LegView<'l>,
    rules: Rules<'_>,
    parts: &mut Vec<Part<'l>>,
    before: impl Fn(&mut OpenCall<'l>, &Event<'_, 'l>, Rules<'_>) -> Result<Option<CloseReason>, E>,
    at_end: impl FnOnce(&mut OpenCall<'l>, Rules<'_>) -> Result<Option<CloseReason>, E>,
) -> Result<(), E> {
    parts.clear();
    let mut open: Option<OpenCall<'l>> = None;
    for event in leg.events() {
        if let Some(call) = &mut open
            && let Some(reason) = before(call, &event, rules)?
        {
            parts.push(call.part(Some(reason), rules));
            open = None;
        }
        match (&mut open, event.happening) {
            (Some(call), Happening::Message(message)) => {
                let parties = leg.invite_parties(message);
                call.message(&message.key, parties, event.time, rules);
            }
            (Some(call), Happening::Rtp(span)) => call.rtp(span, rules),
            (Some(call), Happening::Rtcp(span)) => call.rtcp(span, rules),
            (None, Happening::Message(message)) => {
                if let Some(parties) = leg.invite_parties(message).filter(creates_call) {
                    let key = &message.key;
                    let call = open.insert(OpenCall::new(key, parties, event.time, rules));
                    call.message(key, Some(parties), event.time, rules);
                }
            }
            (None, _) => {}
        }
    }
    if let Some(call) = &mut open {
        let reason = at_end(call, rules)?;
        parts.push(call.part(reason, rules));
    }
    Ok(())
}

/// Only an INVITE creates a call (facts A.2), and not one that carries CSTA events (facts A.11).
const fn creates_call(parties: &&InviteParties<'_>) -> bool {
    !parties.is_csta
}

/// One CDR for each part the packets show, with the live end beside it; then the parts that exist
/// only because the live timeouts split the leg.
fn combine(
    leg: &LegView<'_>,
    leg_index: u32,
    shown: &[Part<'_>],
    live: &[Part<'_>],
    cdrs: &mut Vec<Cdr>,
) {
    for part in shown {
        let mut cdr = to_cdr(leg, leg_index, part);
        cdr.vendor_cut = vendor_cut(part, live);
        cdrs.push(cdr);
    }
    let only_live = live
        .iter()
        .filter(|part| !shown.iter().any(|other| other.started == part.started))
        .map(|part| Cdr { only_when_cut: true, ..to_cdr(leg, leg_index, part) });
    cdrs.extend(only_live);
    cdrs.sort_by_key(|cdr| (cdr.started, cdr.only_when_cut));
    for (sequence, cdr) in cdrs.iter_mut().enumerate() {
        cdr.sequence = u16::try_from(sequence).unwrap_or(u16::MAX);
    }
}

fn vendor_cut(part: &Part<'_>, live: &[Part<'_>]) -> Option<VendorCut> {
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

fn to_cdr(leg: &LegView<'_>, leg_index: u32, part: &Part<'_>) -> Cdr {
    Cdr {
        leg: leg_index,
        sequence: 0,
        sensor: leg.sensor(),
        caller: part.caller.into(),
        called: part.called.into(),
        started: part.started,
        ended: part.ended,
        connected: part.connected,
        progressed: part.progressed,
        ends: Ends::new(part.source, part.destination),
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
fn count_branches(leg: &LegView<'_>, part: &Part<'_>) -> u16 {
    let mut to_tags = Tags::default();
    let mut challenge_tags = Tags::default();
    let mut invites: Few<(u32, Endpoint, Endpoint), 4> = Few::new();
    for SeenMessage { key, first, .. } in leg.messages() {
        if *first < part.started || *first > part.ended {
            continue;
        }
        match key.kind {
            MessageKind::Response(status)
                if key.cseq_method == Method::Invite && status > 100 && !key.to_tag.is_empty() =>
            {
                to_tags.add(key.to_tag);
                if is_challenge(status) {
                    challenge_tags.add(key.to_tag);
                }
            }
            MessageKind::Request(Method::Invite) if key.to_tag.is_empty() => {
                invites.push((key.cseq_number, key.source, key.destination));
            }
            _ => {}
        }
    }
    // A challenge (401, 407) answers with a To-tag of its own and is no destination.
    let answered = to_tags.distinct().len() - only_challenges(leg, &mut challenge_tags);
    u16::try_from(answered.max(most_forked(&invites)).max(1)).unwrap_or(u16::MAX)
}

/// Most destinations that one source sent the INVITE of one transaction to; at least 1.
fn most_forked(invites: &Few<(u32, Endpoint, Endpoint), 4>) -> usize {
    if invites.len() < 2 {
        return 1;
    }
    let mut sorted: Vec<(u32, Endpoint, Endpoint)> = invites.iter().copied().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let same = |left: &(u32, Endpoint, Endpoint), right: &(u32, Endpoint, Endpoint)| {
        (left.0, left.1) == (right.0, right.1)
    };
    sorted.chunk_by(same).map(<[_]>::len).max().unwrap_or(1)
}

/// To-tags: the first one, and those that were added behind another one. A leg has one as a rule.
#[derive(Default)]
struct Tags<'l> {
    first: Option<&'l [u8]>,
    more: Vec<&'l [u8]>,
}

impl<'l> Tags<'l> {
    fn add(&mut self, tag: &'l [u8]) {
        let first = *self.first.get_or_insert(tag);
        // A leg holds most of its strings once, so that their places tell.
        let is_known = |known: &[u8]| std::ptr::eq(known, tag) || known == tag;
        if !is_known(first) && !self.more.last().is_some_and(|last| is_known(last)) {
            self.more.push(tag);
        }
    }

    /// Each once, rising.
    fn distinct(&mut self) -> &[&'l [u8]] {
        if self.more.is_empty() {
            return self.first.as_slice();
        }
        self.more.extend(self.first.take());
        self.more.sort_unstable();
        self.more.dedup();
        &self.more
    }
}

const fn is_challenge(status: u16) -> bool {
    matches!(status, 401 | 407)
}

/// How many of the To-tags of challenges no other response carries.
fn only_challenges<'l>(leg: &LegView<'l>, challenge_tags: &mut Tags<'l>) -> usize {
    let challenge_tags = challenge_tags.distinct();
    if challenge_tags.is_empty() {
        return 0;
    }
    let mut answered_again = Tags::default();
    for SeenMessage { key, .. } in leg.messages() {
        if matches!(key.kind, MessageKind::Response(status) if status > 100 && !is_challenge(status))
            && challenge_tags.binary_search(&key.to_tag).is_ok()
        {
            answered_again.add(key.to_tag);
        }
    }
    challenge_tags.len() - answered_again.distinct().len()
}

#[cfg(test)]
mod tests {
    use super::super::fact::FactKey;
    use super::super::via_branch::ViaBranch;
    use super::*;
    use crate::base::{NS_PER_S, RecordRef, SensorId};
    use crate::leg::MediaActivity;
    use proptest::prelude::*;

    type Message = (MessageKind, Method, u32, u8, bool, i64);

    /// Messages that open, fork, answer, refuse and end calls, at steps around the timers.
    fn any_message() -> impl Strategy<Value = Message> {
        use MessageKind::{Request, Response};
        let kind = prop_oneof![
            4 => Just((Request(Method::Invite), Method::Invite)),
            1 => Just((Request(Method::Ack), Method::Ack)),
            2 => Just((Request(Method::Bye), Method::Bye)),
            1 => Just((Request(Method::Cancel), Method::Cancel)),
            2 => Just((Response(200), Method::Bye)),
            1 => Just((Response(200), Method::Cancel)),
            7 => prop::sample::select(vec![100, 180, 183, 200, 302, 401, 481, 486, 487, 503])
                .prop_map(|status| (Response(status), Method::Invite)),
        ];
        let step_s = prop_oneof![
            9 => Just(0),
            4 => 1i64..8,
            2 => prop::sample::select(vec![10, 15, 16, 60, 61, 180, 300, 301, 3_601, 14_401]),
        ];
        (kind, 1u32..3, 0u8..3, prop::bool::ANY, step_s).prop_map(
            |((kind, method), cseq, tags, back, step)| (kind, method, cseq, tags, back, step),
        )
    }

    fn leg_of(messages: &[Message], rtp: &[(usize, i64)]) -> Leg {
        let mut leg = Leg::new(SensorId(0), b"call@host");
        let ends = [[10, 0, 0, 1], [10, 0, 0, 2]].map(|ip| Endpoint::new(ip.into(), 5060));
        let mut times = vec![CaptureTime::default()];
        for (kind, cseq_method, cseq_number, tags, back, step_s) in messages {
            let last = times.last().copied().unwrap_or_default();
            let time = last.plus_ns(step_s * NS_PER_S + 1_000_000);
            times.push(time);
            let [source, destination] = if *back { [ends[1], ends[0]] } else { ends };
            let branch = [&b"z1"[..], b"z2"][usize::from(*tags % 2)];
            let key = FactKey {
                cseq_number: *cseq_number,
                kind: *kind,
                cseq_method: *cseq_method,
                from_tag: [&b"f"[..], b"g", b"f"][usize::from(*tags)],
                to_tag: [&b""[..], b"", b"t"][usize::from(*tags)],
                branch: ViaBranch::new(branch),
                source,
                destination,
                auth_failed: false,
                has_sdp: *kind == MessageKind::Request(Method::Invite),
            };
            let parties = InviteParties { to_user: branch, ..InviteParties::default() };
            let parties = (*kind == MessageKind::Request(Method::Invite)).then_some(parties);
            leg.add_message(&key, parties.as_ref(), time, RecordRef::default());
        }
        for (place, length_s) in rtp {
            let mut media = MediaActivity::default();
            let first = times[place % times.len()];
            for second in 0..*length_s {
                media.rtp.insert(first.plus_ns(second * NS_PER_S));
            }
            leg.add_media(&media);
        }
        leg
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// One run for both is what the two runs are.
        #[test]
        fn one_run_serves_for_both(
            messages in prop::collection::vec(any_message(), 1..14),
            rtp in prop::collection::vec((0usize..14, 1i64..400), 0..3),
            behind_s in prop_oneof![Just(0i64), 0i64..400, Just(20_000)],
            is_quick in prop::bool::ANY,
        ) {
            let leg = leg_of(&messages, &rtp);
            let mut timing = TimingRules::default();
            if is_quick {
                timing.close_after_bye_confirmed_ns = 0;
                timing.response_default_timeout_ns = 0;
            }
            let numbers = NumberRules::default();
            let horizon = leg.last_seen().unwrap_or_default().plus_ns(behind_s * NS_PER_S);
            let view = LegView::of(&leg);
            let waits = Waits::of(&timing);
            let alone = |mode| {
                let rules = Rules { timing: &timing, waits: &waits, numbers: &numbers, mode };
                let mut parts = Vec::new();
                one_run(&view, rules, horizon, &mut parts);
                parts
            };
            let mut finaliser = Finaliser::new(&timing, &numbers);
            let are_alike = finaliser.both_runs(&view, horizon);
            let live = if are_alike { &finaliser.shown } else { &finaliser.live };
            prop_assert_eq!(live, &alone(Mode::Live));
            prop_assert_eq!(&finaliser.shown, &alone(Mode::Shown));
        }
    }
}
