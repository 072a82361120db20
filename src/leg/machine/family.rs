//! Legs that `callidmerge_header` may join, in; their CDRs as the sniffer writes them, out.
//!
//! The same machine, over the packets of all legs of a family in the order of time (facts A.7;
//! `process_packet__merge`, sniff.cpp:8042-8085). Its limits follow from what it looks up and when:
//! - the parent is looked for among the calls that are open at that moment, and only there;
//! - it is found by its own Call-ID alone: a leg that was merged itself is no parent, so chains break;
//! - a Call-ID that is known already (its 100 Trying came before its INVITE) is not looked up;
//! - once a leg was merged, only merged legs arm the timer that closes the call.

use super::super::cdr::Cdr;
use super::super::events::{Event, Happening};
use super::super::fact::MessageKind;
use super::super::rules::{NumberRules, TimingRules};
use super::super::view::LegView;
use super::call::{OpenCall, Part};
use super::close::{CloseReason, Waits};
use super::{Mode, Rules, combine, count_branches, creates_call};
use crate::base::CaptureTime;
use crate::base::limits::MERGED_LEGS_PER_CALL_MAX;
use crate::sip::Method;
use std::collections::BTreeMap;

/// A leg of a family: legs of one sensor that name each other's Call-IDs.
#[derive(Clone, Debug)]
pub struct FamilyLeg<'l> {
    /// The leg.
    pub leg: &'l LegView<'l>,
    /// Its index in the run's legs.
    pub index: u32,
    /// The Call-IDs that its INVITEs name in the merge header, each with the first time it was seen,
    /// by time.
    pub names: Vec<(CaptureTime, &'l [u8])>,
}

/// What the sniffer writes for a family.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FamilyCdrs {
    /// CDRs by leg, then start.
    pub cdrs: Vec<Cdr>,
    /// Which leg went into the CDR of which other, by index in the run's legs, as the packets show it.
    pub merged: Vec<(u32, u32)>,
}

/// Finalises a family. `horizon` as for [`super::finalise`].
#[must_use]
pub fn finalise_family(
    family: &[FamilyLeg<'_>],
    timing: &TimingRules,
    numbers: &NumberRules,
    horizon: CaptureTime,
) -> FamilyCdrs {
    let mut steps: Vec<(Event<'_, '_>, usize)> = Vec::new();
    for (place, member) in family.iter().enumerate() {
        steps.extend(member.leg.events().map(|event| (event, place)));
    }
    // Stable: packets of one leg keep their order; of one moment the first leg's come first.
    steps.sort_by_key(|(event, place)| (event.time, *place));
    let waits = &Waits::of(timing);
    let play = |mode| {
        let mut play = Play::new(family, Rules { timing, waits, numbers, mode });
        for (event, place) in &steps {
            play.step(event, *place);
        }
        play.finish(horizon)
    };
    let (shown, live) = (play(Mode::Shown), play(Mode::Live));
    let mut cdrs = Vec::new();
    for (place, member) in family.iter().enumerate() {
        let (shown_parts, live_parts) = (shown.parts_of(place), live.parts_of(place));
        let mut of_leg = Vec::new();
        combine(member.leg, member.index, &shown_parts, &live_parts, &mut of_leg);
        for cdr in &mut of_leg {
            let merged = shown.merged_at(place, cdr.started).or(live.merged_at(place, cdr.started));
            let part = shown_parts.iter().chain(&live_parts).find(|p| p.started == cdr.started);
            for leg in merged.into_iter().flatten() {
                let merged = family[*leg].leg;
                cdr.vendor_blind |= merged.is_vendor_blind();
                let branches = part.map_or(1, |part| count_branches(merged, part));
                cdr.branches = cdr.branches.max(branches);
            }
        }
        cdrs.extend(of_leg);
    }
    FamilyCdrs { cdrs, merged: shown.joins(family) }
}

/// A closed call: its part, and the legs that were merged into it.
type Closed<'l> = (Part<'l>, Vec<usize>);

/// The closed calls of every leg of a family, in one run over it.
struct Played<'l>(Vec<Vec<Closed<'l>>>);

impl<'l> Played<'l> {
    fn parts_of(&self, place: usize) -> Vec<Part<'l>> {
        self.0[place].iter().map(|(part, _)| *part).collect()
    }

    fn merged_at(&self, place: usize, started: CaptureTime) -> Option<&[usize]> {
        let closed = self.0[place].iter().find(|(part, _)| part.started == started);
        closed.map(|(_, merged)| merged.as_slice()).filter(|merged| !merged.is_empty())
    }

    fn joins(&self, family: &[FamilyLeg<'_>]) -> Vec<(u32, u32)> {
        let mut joins: Vec<(u32, u32)> = Vec::new();
        for (owner, closed) in self.0.iter().enumerate() {
            for leg in closed.iter().flat_map(|(_, merged)| merged) {
                joins.push((family[*leg].index, family[owner].index));
            }
        }
        joins.sort_unstable();
        joins.dedup();
        joins
    }
}

/// One run over a family.
struct Play<'f, 'l> {
    family: &'f [FamilyLeg<'l>],
    rules: Rules<'f>,
    by_call_id: BTreeMap<&'l [u8], usize>,
    /// `calls_listMAP`: the open call of each leg.
    open: Vec<Option<OpenCall<'l>>>,
    /// `calls_mergeMAP`: the leg in whose call a leg is.
    parent: Vec<Option<usize>>,
    /// Whether a response came before the leg's first INVITE.
    answered_early: Vec<bool>,
    closed: Vec<Vec<Closed<'l>>>,
}

impl<'f, 'l> Play<'f, 'l> {
    fn new(family: &'f [FamilyLeg<'l>], rules: Rules<'f>) -> Self {
        let count = family.len();
        Self {
            family,
            rules,
            by_call_id: (0..count).map(|place| (family[place].leg.call_id(), place)).collect(),
            open: (0..count).map(|_| None).collect(),
            parent: vec![None; count],
            answered_early: vec![false; count],
            closed: (0..count).map(|_| Vec::new()).collect(),
        }
    }

    fn step(&mut self, event: &Event<'_, 'l>, place: usize) {
        self.close_due(self.owner(place), event);
        if self.open[self.owner(place)].is_none() {
            self.open_or_merge(event, place);
        }
        let owner = self.owner(place);
        let (leg, rules) = (self.family[place].leg, self.rules);
        let Some(call) = &mut self.open[owner] else { return };
        call.merged_now = (owner != place).then_some(place);
        match event.happening {
            Happening::Message(message) => {
                call.message(&message.key, leg.invite_parties(message), event.time, rules);
            }
            Happening::Rtp(span) => call.rtp(span, rules),
            Happening::Rtcp(span) => call.rtcp(span, rules),
        }
    }

    /// The leg in whose call the packets of a leg go.
    fn owner(&self, place: usize) -> usize {
        self.parent[place].unwrap_or(place)
    }

    fn close_due(&mut self, owner: usize, event: &Event<'_, '_>) {
        let Some(mut call) = self.open[owner].take() else { return };
        match call.close_before(event, self.rules) {
            Some(reason) => self.close(owner, call.into_closed(Some(reason), self.rules)),
            None => self.open[owner] = Some(call),
        }
    }

    /// A closed call forgets its merged legs, and is a stranger to what comes later.
    fn close(&mut self, owner: usize, closed: Closed<'l>) {
        for leg in &closed.1 {
            self.parent[*leg] = None;
        }
        self.answered_early[owner] = false;
        self.closed[owner].push(closed);
    }

    /// The first packet of a Call-ID that no open call knows.
    fn open_or_merge(&mut self, event: &Event<'_, 'l>, place: usize) {
        let Happening::Message(message) = event.happening else { return };
        let (leg, key) = (self.family[place].leg, &message.key);
        let parties = leg.invite_parties(message).filter(creates_call);
        let Some(parties) = parties else {
            let early = matches!(key.kind, MessageKind::Response(_));
            self.answered_early[place] |= early && key.cseq_method == Method::Invite;
            return;
        };
        if !self.answered_early[place]
            && let Some(parent) = self.open_parent(event, place)
            && let Some(call) = &mut self.open[parent]
        {
            call.merged_legs.insert(place, None);
            self.parent[place] = Some(parent);
            return;
        }
        self.open[place] = Some(OpenCall::new(key, parties, event.time, self.rules));
    }

    /// The leg that the INVITE names, when a call of its own Call-ID is open at that moment.
    fn open_parent(&mut self, event: &Event<'_, '_>, place: usize) -> Option<usize> {
        let name = named_at(&self.family[place].names, event.time)?;
        let parent = *self.by_call_id.get(name)?;
        let call = self.open[parent].as_mut().filter(|_| parent != place)?;
        if call.merged_legs.len() >= MERGED_LEGS_PER_CALL_MAX {
            return None;
        }
        match call.close_until(event.time, self.rules) {
            None => Some(parent),
            // The packets may show later that it went on; the sniffer has closed it all the same.
            Some(_) if self.rules.mode == Mode::Shown => None,
            Some((_, reason)) => {
                let call = self.open[parent].take()?;
                self.close(parent, call.into_closed(Some(reason), self.rules));
                None
            }
        }
    }

    fn finish(mut self, horizon: CaptureTime) -> Played<'l> {
        for owner in 0..self.open.len() {
            if let Some(mut call) = self.open[owner].take() {
                let reason = call.close_by(horizon, self.rules);
                self.close(owner, call.into_closed(reason, self.rules));
            }
        }
        Played(self.closed)
    }
}

impl<'l> OpenCall<'l> {
    fn into_closed(self, reason: Option<CloseReason>, rules: Rules<'_>) -> Closed<'l> {
        let merged = self.merged_legs.keys().copied().collect();
        (self.part(reason, rules), merged)
    }
}

/// The Call-ID that INVITEs named last by `time`. Two names at one moment: which header the sniffer
/// would read first is not known, so neither counts.
fn named_at<'l>(names: &[(CaptureTime, &'l [u8])], time: CaptureTime) -> Option<&'l [u8]> {
    let (at, name) = *names.iter().filter(|(first, _)| *first <= time).max()?;
    let is_alone = !names.iter().any(|(first, other)| *first == at && *other != name);
    is_alone.then_some(name)
}
