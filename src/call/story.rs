//! The story of a call: who called whom, who transferred whom to whom, when it ended.
//!
//! In: outlines, grouping, the legs of one call and the evidence that joined them. Out: events by time.

use super::evidence::Evidence;
use super::outline::{LegOutline, Moment};
use super::outlines::Outlines;
use super::rule::RuleName;
use super::rules::{is_by_caller, transfer_parties, transferee};
use super::table::{CAUSE_WINDOW_NS, FORK_WINDOW_NS};
use super::transactions::Refer;
use super::uri::user_of;
use crate::base::CaptureTime;
use crate::leg::IdentifierKind;

/// How a party was handed over.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TransferKind {
    /// REFER without Replaces (RFC 5589 section 6).
    Blind,
    /// REFER with Replaces of an answered consultation (RFC 5589 section 7).
    Attended,
    /// REFER with Replaces of a consultation that still rang.
    SemiAttended,
    /// BYE with Also.
    Also,
    /// By re-INVITE alone: the element moved the media.
    ReInvite,
}

impl TransferKind {
    /// For a person.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Attended => "attended",
            Self::SemiAttended => "semi-attended",
            Self::Also => "BYE with Also",
            Self::ReInvite => "re-INVITE",
        }
    }
}

/// What became of a transfer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TransferOutcome {
    /// NOTIFY said 2xx, or the new leg was answered.
    Completed,
    /// The REFER was refused with this status.
    Refused(u16),
    /// It was accepted, and NOTIFY told this failure.
    Failed(u16),
    /// Nothing said how it ended.
    Unknown,
}

/// Who transferred whom to whom.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Transfer {
    /// How.
    pub kind: TransferKind,
    /// The number that transfers.
    pub transferor: Vec<u8>,
    /// The number that is transferred.
    pub transferee: Vec<u8>,
    /// To whom: user of the target.
    pub target: Vec<u8>,
    /// What became of it.
    pub outcome: TransferOutcome,
    /// The leg that it caused; absent when none was joined.
    pub new_leg: Option<u32>,
}

/// What happened.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum StoryKind {
    /// First INVITE of a leg: from, to.
    Invited(Vec<u8>, Vec<u8>),
    /// A 3xx sent the caller on: to this target, in this leg (absent: the same leg, or none seen).
    Redirected(Vec<u8>, Option<u32>),
    /// Someone took over a dialog with Replaces and without REFER: who, whose leg.
    PickedUp(Vec<u8>, u32),
    /// First 2xx: who answered.
    Answered(Vec<u8>),
    /// A transfer was asked for.
    Transferred(Transfer),
    /// CANCEL.
    Cancelled,
    /// Final failure.
    Failed(u16),
    /// BYE: whose.
    HungUp(Vec<u8>),
}

/// One event of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoryEvent {
    /// When, and the record that shows it.
    pub moment: Moment,
    /// The leg it happened in.
    pub leg: u32,
    /// What.
    pub kind: StoryKind,
}

/// Tells the story of the legs of one call; `evidence` is what joined them.
#[must_use]
pub fn story(outlines: &Outlines, legs: &[u32], evidence: &[Evidence]) -> Vec<StoryEvent> {
    let scene = Scene { outlines, legs, evidence };
    let mut events: Vec<StoryEvent> = Vec::new();
    for leg in legs {
        scene.plain_events(*leg, &mut events);
        scene.transfers(*leg, &mut events);
        scene.redirections(*leg, &mut events);
        scene.pickups(*leg, &mut events);
    }
    scene.moved_media(&mut events);
    events.sort_by(|a, b| (a.moment.time, a.leg, &a.kind).cmp(&(b.moment.time, b.leg, &b.kind)));
    events.dedup();
    events
}

struct Scene<'a> {
    outlines: &'a Outlines,
    legs: &'a [u32],
    evidence: &'a [Evidence],
}

impl<'a> Scene<'a> {
    fn leg(&self, leg: u32) -> LegOutline<'a> {
        self.outlines.at(leg)
    }

    fn plain_events(&self, number: u32, events: &mut Vec<StoryEvent>) {
        let leg = self.leg(number);
        let mut tell = |moment, kind| events.push(StoryEvent { moment, leg: number, kind });
        if leg.has_invite {
            tell(leg.started, StoryKind::Invited(leg.caller.to_vec(), leg.called.to_vec()));
        }
        if let Some(answer) = leg.answered {
            tell(answer, StoryKind::Answered(leg.called.to_vec()));
        } else if let Some(failure) = leg.failed {
            tell(failure.seen, StoryKind::Failed(failure.status));
        }
        if let Some(cancel) = leg.cancelled {
            tell(cancel, StoryKind::Cancelled);
        }
        if let Some(hang_up) = leg.hung_up {
            tell(hang_up.seen, StoryKind::HungUp(transferee(!hang_up.by_caller, &leg).to_vec()));
        }
    }

    fn transfers(&self, number: u32, events: &mut Vec<StoryEvent>) {
        let leg = self.leg(number);
        for refer in &leg.refers().collect::<Vec<_>>() {
            let new_leg = self.caused_by(number, refer);
            let (transferor, transferee) = transfer_parties(self.outlines, refer, &leg);
            let transfer = Transfer {
                kind: self.kind_of(number, refer),
                transferor,
                transferee,
                target: refer.target.map(user_of).unwrap_or_default().to_vec(),
                outcome: self.outcome_of(refer, new_leg),
                new_leg,
            };
            let kind = StoryKind::Transferred(transfer);
            events.push(StoryEvent { moment: refer.sent, leg: number, kind });
        }
        for also in leg.of_kind(IdentifierKind::Also) {
            let by_caller = is_by_caller(also.said_by, &leg);
            let new_leg = self.later_partners(RuleName::Refer, number, also.first).next();
            let transfer = Transfer {
                kind: TransferKind::Also,
                transferor: transferee(!by_caller, &leg).to_vec(),
                transferee: transferee(by_caller, &leg).to_vec(),
                target: user_of(also.value).to_vec(),
                outcome: self.by_answer(new_leg),
                new_leg,
            };
            let moment = Moment { time: also.first, record: also.record };
            let kind = StoryKind::Transferred(transfer);
            events.push(StoryEvent { moment, leg: number, kind });
        }
    }

    /// The other legs that evidence of a rule ties to this one.
    fn partners(&self, rule: RuleName, leg: u32) -> impl Iterator<Item = u32> {
        self.evidence.iter().filter_map(move |found| match (found.rule == rule, found) {
            (true, found) if found.left == leg => Some(found.right),
            (true, found) if found.right == leg => Some(found.left),
            _ => None,
        })
    }

    /// Those that started at or after `time`, by number.
    fn later_partners(
        &self,
        rule: RuleName,
        leg: u32,
        time: CaptureTime,
    ) -> impl Iterator<Item = u32> {
        self.partners(rule, leg).filter(move |other| self.leg(*other).started.time >= time)
    }

    /// By the evidence of this REFER, or the INVITE that replaces the dialog that it names.
    fn caused_by(&self, number: u32, refer: &Refer<'_>) -> Option<u32> {
        let of_refer = refer.target.and_then(|target| {
            let key = super::uri::target_key(target);
            self.later_partners(RuleName::Refer, number, refer.sent.time).find(|other| {
                let leg = self.leg(*other);
                leg.has_invite && super::rules::targets_of(leg).any(|asked| asked.key() == key)
            })
        });
        of_refer.or_else(|| {
            let dialog = refer.replaces?;
            self.legs.iter().copied().find(|leg| {
                self.leg(*leg).started.time >= refer.sent.time
                    && self
                        .leg(*leg)
                        .of_kind(IdentifierKind::Replaces)
                        .any(|named| call_id_of(named.value) == call_id_of(dialog))
            })
        })
    }

    /// A consultation that was answered before the REFER is attended; one that was given up for it is
    /// semi-attended too.
    fn kind_of(&self, number: u32, refer: &Refer<'_>) -> TransferKind {
        let Some(dialog) = refer.replaces else {
            let was_given_up = self.partners(RuleName::Refer, number).any(|other| {
                let leg = self.leg(other);
                leg.cancelled.is_some()
                    && leg.answered.is_none()
                    && leg.started.time < refer.sent.time
            });
            return if was_given_up { TransferKind::SemiAttended } else { TransferKind::Blind };
        };
        let consultation =
            self.legs.iter().find(|leg| self.leg(**leg).call_id == call_id_of(dialog));
        let was_answered = consultation
            .and_then(|leg| self.leg(*leg).answered)
            .is_some_and(|answer| answer.time <= refer.sent.time);
        match consultation {
            Some(_) if !was_answered => TransferKind::SemiAttended,
            _ => TransferKind::Attended,
        }
    }

    fn outcome_of(&self, refer: &Refer<'_>, new_leg: Option<u32>) -> TransferOutcome {
        match (refer.response, refer.notified) {
            (Some((status @ 300.., _)), _) => TransferOutcome::Refused(status),
            (_, Some((status @ 300.., _))) => TransferOutcome::Failed(status),
            (_, Some(_)) => TransferOutcome::Completed,
            _ => self.by_answer(new_leg),
        }
    }

    fn by_answer(&self, new_leg: Option<u32>) -> TransferOutcome {
        let is_answered = new_leg.is_some_and(|leg| self.leg(leg).answered.is_some());
        if is_answered { TransferOutcome::Completed } else { TransferOutcome::Unknown }
    }

    fn redirections(&self, number: u32, events: &mut Vec<StoryEvent>) {
        for contact in self.leg(number).of_kind(IdentifierKind::RedirectContact) {
            let key = super::uri::target_key(contact.value);
            let follower =
                self.later_partners(RuleName::Redirect, number, contact.first).find(|other| {
                    super::rules::targets_of(self.leg(*other)).any(|asked| asked.key() == key)
                });
            let moment = Moment { time: contact.first, record: contact.record };
            let kind = StoryKind::Redirected(user_of(contact.value).to_vec(), follower);
            events.push(StoryEvent { moment, leg: number, kind });
        }
    }

    /// Replaces that no REFER of the call asked for.
    fn pickups(&self, number: u32, events: &mut Vec<StoryEvent>) {
        for named in self.leg(number).of_kind(IdentifierKind::Replaces) {
            let call_id = call_id_of(named.value);
            let was_asked_for = self.legs.iter().any(|leg| {
                self.leg(*leg)
                    .refers()
                    .filter_map(|refer| refer.replaces)
                    .any(|dialog| call_id_of(dialog) == call_id)
            });
            let replaced = self
                .partners(RuleName::Replaces, number)
                .find(|other| self.leg(*other).call_id == call_id);
            if let (false, Some(replaced)) = (was_asked_for, replaced) {
                let moment = Moment { time: named.first, record: named.record };
                let kind = StoryKind::PickedUp(self.leg(number).caller.to_vec(), replaced);
                events.push(StoryEvent { moment, leg: number, kind });
            }
        }
    }

    /// Two answered legs share media, and the later one began after the answer of the earlier: the
    /// element moved a party. Whose leg ended then has transferred.
    fn moved_media(&self, events: &mut Vec<StoryEvent>) {
        for found in self.evidence {
            if !matches!(found.rule, RuleName::Media | RuleName::SessionId) {
                continue;
            }
            let (mut kept, mut new) = (found.left, found.right);
            if self.leg(kept).started.time > self.leg(new).started.time {
                std::mem::swap(&mut kept, &mut new);
            }
            let (stays, comes) = (self.leg(kept), self.leg(new));
            let (Some(answer), Some(joined)) = (stays.answered, comes.answered) else {
                continue;
            };
            let is_later = comes.started.time.since_ns(answer.time) > FORK_WINDOW_NS;
            if !is_later || self.partners(RuleName::Refer, new).next().is_some() {
                continue;
            }
            let leaves = self.legs.iter().map(|leg| self.leg(*leg)).find(|leg| {
                leg.started.time < comes.started.time
                    && leg.hung_up.is_some_and(|hang_up| {
                        let end = hang_up.seen.time;
                        end >= comes.started.time
                            && end.since_ns(joined.time) <= CAUSE_WINDOW_NS
                            && end < stays.ended
                    })
            });
            let transferor = leaves.map_or(stays.called, |leg| leg.called).to_vec();
            let transfer = Transfer {
                kind: TransferKind::ReInvite,
                transferee: other_than(&transferor, &stays),
                transferor,
                target: comes.called.to_vec(),
                outcome: TransferOutcome::Completed,
                new_leg: Some(new),
            };
            let kind = StoryKind::Transferred(transfer);
            events.push(StoryEvent { moment: comes.started, leg: kept, kind });
        }
    }
}

fn call_id_of(dialog: &[u8]) -> &[u8] {
    dialog.split(|byte| *byte == b';').next().unwrap_or_default()
}

/// The other party of a leg.
fn other_than(party: &[u8], leg: &LegOutline<'_>) -> Vec<u8> {
    if party == leg.caller { leg.called.to_vec() } else { leg.caller.to_vec() }
}
