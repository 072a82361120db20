//! A leg's facts in the order of time: what the machine runs over.

use super::fact::{FactKey, InviteParties, MessageKind};
use super::lattice::Leg;
use crate::base::CaptureTime;
use crate::base::spans::Span;
use crate::sip::Method;

/// What happened at a moment.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'t, 'l> {
    /// A message was seen: its first copy, or the last copy of a span of retransmissions; with its
    /// place among [`Leg::messages`].
    Message(&'t FactKey<'l>, usize),
    /// RTP began, and goes on without a pause until the end of the span.
    Rtp(Span),
    /// RTCP began, and goes on without a pause until the end of the span.
    Rtcp(Span),
}

/// One event of a leg.
#[derive(Clone, Copy, Debug)]
pub struct Event<'t, 'l> {
    /// When.
    pub time: CaptureTime,
    /// What.
    pub happening: Happening<'t, 'l>,
}

/// When something happened, and its number: messages by place, then RTP, then RTCP spans.
type Step = (CaptureTime, u32);

/// The events of a leg in the order of time.
#[derive(Debug)]
pub struct Events<'l> {
    leg: &'l Leg,
    /// The messages by key, each with the moment of its first copy.
    messages: Vec<(FactKey<'l>, CaptureTime)>,
    steps: Vec<Step>,
}

impl<'l> Events<'l> {
    /// At the same moment requests come before responses of the same transaction and earlier
    /// transactions before later ones (the order of [`FactKey`], in which a leg keeps its messages), so
    /// that the order is a function of the facts alone; media comes after messages.
    #[must_use]
    pub fn of(leg: &'l Leg) -> Self {
        let mut messages = Vec::with_capacity(leg.message_count());
        let mut steps: Vec<Step> = Vec::with_capacity(leg.message_count() + 4);
        for ((key, times), place) in leg.messages().zip(0u32..) {
            messages.push((key, times.first()));
            for span in times.spans.as_slice() {
                steps.push((span.first, place));
                if span.last > span.first {
                    steps.push((span.last, place));
                }
            }
        }
        let media = leg.media();
        let spans = media.rtp.as_slice().iter().chain(media.rtcp.as_slice());
        // Caps on facts and spans keep the sum far below 32 bits.
        let numbers = messages.len() as u32..;
        steps.extend(spans.zip(numbers).map(|(span, number)| (span.first, number)));
        steps.sort_unstable();
        Self { leg, messages, steps }
    }

    /// The events.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Event<'_, 'l>> {
        self.steps.iter().map(|(time, number)| {
            let happening = self.happening(*number as usize);
            Event { time: *time, happening }
        })
    }

    fn happening(&self, number: usize) -> Happening<'_, 'l> {
        if let Some((key, _)) = self.messages.get(number) {
            return Happening::Message(key, number);
        }
        let number = number - self.messages.len();
        let media = self.leg.media();
        let (rtp, rtcp) = (media.rtp.as_slice(), media.rtcp.as_slice());
        rtp.get(number)
            .map_or_else(|| Happening::Rtcp(rtcp[number - rtp.len()]), |span| Happening::Rtp(*span))
    }

    /// The leg.
    #[must_use]
    pub const fn leg(&self) -> &'l Leg {
        self.leg
    }

    /// The numbers of an INVITE, by its key and place; absent for other messages.
    #[must_use]
    pub fn invite_parties(&self, key: &FactKey<'_>, place: usize) -> Option<InviteParties<'l>> {
        let is_invite = key.kind == MessageKind::Request(Method::Invite);
        is_invite.then(|| self.leg.parties_at(place).unwrap_or_default())
    }

    /// The messages by key, each with the moment of its first copy.
    #[must_use]
    pub fn messages(&self) -> &[(FactKey<'l>, CaptureTime)] {
        &self.messages
    }
}
