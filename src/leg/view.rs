//! A leg as it is looked at: its messages with their keys, in the order of keys and in that of time, and its
//! identifiers.
//!
//! In: a leg, or the bytes that it was packed to, whose strings are borrowed. Who looks at many packed legs
//! reads one after the other into one view, which keeps its room; so no leg is unpacked first.

use super::fact::{FactKey, InviteParties, MessageKind};
use super::fact_set::NO_PARTIES;
use super::identifier::{Identifier, IdentifierKind, Sighting};
use super::identifier_set::{Shown, read_identifiers};
use super::lattice::Leg;
use super::media::MediaActivity;
use super::pack::PackedLeg;
use super::pack_facts::read_facts;
use crate::base::spans::Span;
use crate::base::{CaptureTime, RecordRef, SensorId};
use crate::sip::Method;

/// A message, whatever the number of its copies.
#[derive(Clone, Debug)]
pub struct SeenMessage<'l> {
    /// What tells it from others.
    pub key: FactKey<'l>,
    /// The first copy.
    pub first: CaptureTime,
    /// The record of the first copy.
    pub record: RecordRef,
    /// Place among the numbers of the leg.
    parties: u16,
}

impl SeenMessage<'_> {
    /// What an identifier has of it.
    const fn shown(&self) -> Shown {
        let FactKey { source, cseq_number, .. } = self.key;
        Shown { said_by: source, cseq: cseq_number, first: self.first, record: self.record }
    }
}

/// When something happened, and its number: messages by place, then RTP, then RTCP spans.
pub(super) type Step = (CaptureTime, u32);

/// What is read of one leg.
#[derive(Clone, Debug, Default)]
pub struct LegView<'l> {
    sensor: SensorId,
    call_id: &'l [u8],
    vendor_blind: bool,
    /// By key.
    messages: Vec<SeenMessage<'l>>,
    parties: Vec<InviteParties<'l>>,
    /// Spans of messages that were seen at several moments, each with the place of its message.
    repeats: Vec<(u32, Span)>,
    identifiers: Vec<(Identifier<'l>, Sighting)>,
    /// Their kinds, a bit each.
    kinds: u32,
    media: MediaActivity,
    /// The first copies of messages.
    by_time: Vec<Step>,
    /// Those, repetitions, and media; empty where that is nothing but the first copies.
    steps: Vec<Step>,
}

impl<'l> LegView<'l> {
    /// Reads a leg.
    #[must_use]
    pub fn of(leg: &'l Leg) -> Self {
        let mut view = Self::default();
        (view.sensor, view.call_id) = (leg.sensor(), leg.call_id());
        view.vendor_blind = leg.is_vendor_blind();
        for (place, (key, times)) in leg.messages().enumerate() {
            let parties = leg.parties_at(place).map_or(NO_PARTIES, |parties| {
                view.parties.push(parties);
                // A set has fewer numbers than that, and more than there are never count.
                u16::try_from(view.parties.len() - 1).unwrap_or(NO_PARTIES)
            });
            let first = view.push_spans(times.spans.as_slice());
            view.push(key, first, times.record, parties);
        }
        view.identifiers.extend(leg.identifiers().iter());
        view.kinds = kinds(&view.identifiers);
        view.media = leg.media().clone();
        view.put_in_order();
        view
    }

    /// Makes it the view of a packed leg, to which more media was attributed perhaps.
    pub(super) fn read(&mut self, packed: &PackedLeg<'l>, media: Option<&MediaActivity>) {
        self.messages.clear();
        self.parties.clear();
        self.repeats.clear();
        self.identifiers.clear();
        (self.sensor, self.call_id) = packed.key();
        self.vendor_blind = packed.is_vendor_blind();
        let (mut reader, base) = packed.facts();
        read_facts(&mut reader, base, self);
        let Self { messages, identifiers, .. } = self;
        let shown = |place: usize| messages.get(place).map(SeenMessage::shown);
        let add = |identifier, sighting| identifiers.push((identifier, sighting));
        read_identifiers(&mut reader, base, shown, add);
        self.kinds = kinds(&self.identifiers);
        self.media = PackedLeg::media(&mut reader, base);
        if let Some(media) = media {
            self.media.join(media);
        }
        self.put_in_order();
    }

    /// Adds the numbers of an INVITE behind those that are there.
    pub(super) fn push_parties(&mut self, parties: InviteParties<'l>) {
        self.parties.push(parties);
    }

    /// Takes the spans of the message that is added next; gives its first moment.
    pub(super) fn push_spans(&mut self, spans: &[Span]) -> CaptureTime {
        if !matches!(spans, [span] if span.first == span.last) {
            // Caps on facts keep their number far below 32 bits.
            let place = self.messages.len() as u32;
            self.repeats.extend(spans.iter().map(|span| (place, *span)));
        }
        spans.first().map(|span| span.first).unwrap_or_default()
    }

    /// Adds a message behind those that are there, with the place of its numbers.
    #[inline]
    pub(super) fn push(
        &mut self,
        key: FactKey<'l>,
        first: CaptureTime,
        record: RecordRef,
        parties: u16,
    ) {
        self.messages.push(SeenMessage { key, first, record, parties });
    }

    /// At the same moment requests come before responses of the same transaction and earlier
    /// transactions before later ones (the order of [`FactKey`], in which a leg keeps its messages), so
    /// that the order is a function of the facts alone; media comes after messages.
    fn put_in_order(&mut self) {
        let Self { messages, repeats, media, by_time, steps, .. } = self;
        by_time.clear();
        steps.clear();
        by_time.extend((0..).zip(&*messages).map(|(place, message)| (message.first, place)));
        by_time.sort_unstable();
        if repeats.is_empty() && media.rtp.is_empty() && media.rtcp.is_empty() {
            return;
        }
        steps.extend_from_slice(by_time);
        for (place, span) in repeats {
            if span.first > messages[*place as usize].first {
                steps.push((span.first, *place));
            }
            if span.last > span.first {
                steps.push((span.last, *place));
            }
        }
        let spans = media.rtp.as_slice().iter().chain(media.rtcp.as_slice());
        // Caps on facts and spans keep the sum far below 32 bits.
        steps.extend(spans.zip(messages.len() as u32..).map(|(span, number)| (span.first, number)));
        steps.sort_unstable();
    }

    /// The sensor that saw it.
    #[must_use]
    pub const fn sensor(&self) -> SensorId {
        self.sensor
    }

    /// The Call-ID, as on the wire.
    #[must_use]
    pub const fn call_id(&self) -> &'l [u8] {
        self.call_id
    }

    /// Whether the vendor's sniffer could not have read some of its packets (facts F).
    #[must_use]
    pub const fn is_vendor_blind(&self) -> bool {
        self.vendor_blind
    }

    /// The messages by key.
    #[must_use]
    pub fn messages(&self) -> &[SeenMessage<'l>] {
        &self.messages
    }

    /// The messages by the time of their first copies, those of one moment by key.
    pub fn by_time(&self) -> impl DoubleEndedIterator<Item = &SeenMessage<'l>> + Clone {
        self.by_time.iter().map(|(_, place)| &self.messages[*place as usize])
    }

    /// What happened, in its order.
    pub(super) fn steps(&self) -> &[Step] {
        if self.steps.is_empty() { &self.by_time } else { &self.steps }
    }

    /// The numbers of an INVITE; absent for other messages.
    #[must_use]
    #[inline]
    pub fn invite_parties(&self, message: &SeenMessage<'l>) -> Option<&InviteParties<'l>> {
        const NONE: &InviteParties<'_> = &InviteParties {
            from_user: b"",
            to_user: b"",
            request_user: b"",
            asserted_user: b"",
            preferred_user: b"",
            remote_party_user: b"",
            is_csta: false,
        };
        let is_invite = message.key.kind == MessageKind::Request(Method::Invite);
        is_invite.then(|| self.parties.get(usize::from(message.parties)).unwrap_or(NONE))
    }

    /// The identifiers by kind and value, each with its sighting.
    #[must_use]
    pub fn identifiers(&self) -> &[(Identifier<'l>, Sighting)] {
        &self.identifiers
    }

    /// The identifiers of one kind.
    #[must_use]
    pub fn of_kind(&self, kind: IdentifierKind) -> &[(Identifier<'l>, Sighting)] {
        if self.kinds >> kind as u32 & 1 == 0 {
            return &[];
        }
        let start = self.identifiers.partition_point(|(known, _)| known.kind < kind);
        let rest = &self.identifiers[start..];
        &rest[..rest.partition_point(|(known, _)| known.kind == kind)]
    }

    /// Media packets that were attributed to it.
    #[must_use]
    pub const fn media(&self) -> &MediaActivity {
        &self.media
    }

    /// Last moment of any message; absent for an empty leg.
    #[must_use]
    pub fn last_signal(&self) -> Option<CaptureTime> {
        let repeated = self.repeats.iter().map(|(_, span)| span.last).max();
        self.by_time.last().map(|(time, _)| *time).max(repeated)
    }

    /// Last moment of any message or media packet; absent for an empty leg.
    #[must_use]
    pub fn last_seen(&self) -> Option<CaptureTime> {
        self.last_signal().max(self.media.last())
    }
}

/// The kinds of identifiers, a bit each.
fn kinds(identifiers: &[(Identifier<'_>, Sighting)]) -> u32 {
    identifiers.iter().fold(0, |kinds, (identifier, _)| kinds | 1 << identifier.kind as u32)
}

#[cfg(test)]
mod tests {
    use super::super::lattice::tests::{any_fact, leg_of};
    use super::super::pack::pack;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is read of a packed leg is what is read of the leg, whatever was read before.
        #[test]
        fn a_view_shows_what_the_leg_holds(
            facts in prop::collection::vec(any_fact(), 0..25),
            before in prop::collection::vec(any_fact(), 0..25),
        ) {
            let (leg, other) = (leg_of(&facts), leg_of(&before));
            let [bytes, other] = [&leg, &other].map(|leg| {
                let mut bytes = Vec::new();
                pack(leg, &mut bytes);
                bytes
            });
            let mut media = MediaActivity::default();
            media.rtp.insert(CaptureTime::from_ns(7));
            let mut view = LegView::default();
            view.read(&PackedLeg::new(&other), Some(&media));
            view.read(&PackedLeg::new(&bytes), None);
            let own = LegView::of(&leg);
            for view in [&view, &own] {
                prop_assert_eq!((view.sensor(), view.call_id()), (leg.sensor(), leg.call_id()));
                prop_assert_eq!(view.last_signal(), leg.last_signal());
                prop_assert_eq!(view.last_seen(), leg.last_seen());
                prop_assert_eq!(view.media(), leg.media());
                prop_assert!(view.identifiers().iter().copied().eq(leg.identifiers().iter()));
                for kind in IdentifierKind::ALL {
                    let found = view.of_kind(kind).iter().copied();
                    prop_assert!(found.eq(leg.identifiers().of_kind(kind)));
                }
                prop_assert_eq!(view.messages().len(), leg.message_count());
                for (message, (key, times)) in view.messages().iter().zip(leg.messages()) {
                    prop_assert_eq!(message.key, key);
                    prop_assert_eq!((message.first, message.record), (times.first(), times.record));
                    let parties = view.invite_parties(message).copied();
                    let is_invite = key.kind == MessageKind::Request(Method::Invite);
                    let expect = is_invite.then(|| leg.invite_parties(&key).unwrap_or_default());
                    prop_assert_eq!(parties, expect);
                }
                prop_assert!(view.by_time().map(|message| message.first).is_sorted());
                prop_assert_eq!(view.steps(), own.steps());
            }
        }
    }
}
