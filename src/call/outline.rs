//! What the rules read of a leg. In: a [`Leg`]. Out: [`OutlineParts`], which `outlines` keeps packed and
//! gives back as a [`LegOutline`].

use super::transactions::{Dialog, Refer, dialogs, refers};
use crate::base::{CaptureId, CaptureTime, Endpoint, FileId, RecordRef, SensorId};
use crate::leg::{FactKey, FactTimes, IdentifierSet, Leg, MessageKind};
use crate::sip::Method;

/// A message: its key and when it was seen.
pub type Message<'a> = (FactKey<'a>, &'a FactTimes);

/// A moment and the record that shows it. Without an order on purpose: what happened first is told by
/// time, and at one moment by content, never by where a record lay in files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment {
    /// When.
    pub time: CaptureTime,
    /// Where it was seen.
    pub record: RecordRef,
}

impl Moment {
    /// First sight of a message.
    #[must_use]
    pub fn of(times: &FactTimes) -> Self {
        Self { time: times.first(), record: times.record }
    }
}

/// Final failure of an INVITE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Status code, 300 or more.
    pub status: u16,
    /// When it was seen first.
    pub seen: Moment,
}

/// A BYE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HangUp {
    /// When it was seen first.
    pub seen: Moment,
    /// Whether the side that sent the first INVITE sent it.
    pub by_caller: bool,
}

/// What the rules read of a leg, as [`super::outlines::Outlines`] keeps it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LegOutline<'o> {
    /// The sensor.
    pub sensor: SensorId,
    /// The Call-ID as on the wire.
    pub call_id: &'o [u8],
    /// First INVITE; where there is none, the first message.
    pub started: Moment,
    /// Last message or media packet.
    pub ended: CaptureTime,
    /// Whether an INVITE was seen.
    pub has_invite: bool,
    /// First 2xx to an INVITE.
    pub answered: Option<Moment>,
    /// First CANCEL.
    pub cancelled: Option<Moment>,
    /// First final failure of an INVITE that opens a dialog; challenges (401, 407) and what only
    /// asks for another try (422, 494) are none.
    pub failed: Option<Failure>,
    /// The last BYE, by its first sight.
    pub hung_up: Option<HangUp>,
    /// Sender of the first INVITE.
    pub source: Endpoint,
    /// Receiver of the last hop of the first INVITE.
    pub destination: Endpoint,
    /// User of From of the first INVITE.
    pub caller: &'o [u8],
    /// User of To of the first INVITE, else of its Request-URI.
    pub called: &'o [u8],
    /// User of the Request-URI of the first INVITE.
    pub request_user: &'o [u8],
    /// Dialogs, REFER transactions and identifiers, packed.
    pub lists: Lists<'o>,
}

/// What [`LegOutline::dialogs`], [`LegOutline::refers`] and the functions beside them read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lists<'o> {
    /// Which kinds of identifier there are, and whether there are REFER transactions.
    pub(super) kinds: u32,
    pub(super) bytes: &'o [u8],
}

/// A leg on its way into [`super::outlines::Outlines`].
#[derive(Clone, Debug)]
pub struct OutlineParts<'l> {
    /// All but the lists.
    pub head: LegOutline<'l>,
    /// Dialogs by their two tags.
    pub dialogs: Vec<Dialog<'l>>,
    /// REFER transactions by time.
    pub refers: Vec<Refer<'l>>,
    /// What the leg says about others.
    pub identifiers: &'l IdentifierSet,
}

impl<'l> OutlineParts<'l> {
    /// Reads a leg.
    #[must_use]
    pub fn of(leg: &'l Leg) -> Self {
        let by_key: Vec<Message<'l>> = leg.messages().collect();
        let mut order: Vec<(CaptureTime, usize)> =
            by_key.iter().enumerate().map(|(at, (_, times))| (times.first(), at)).collect();
        order.sort_unstable();
        let messages: Vec<Message<'l>> = order.into_iter().map(|(_, at)| by_key[at]).collect();
        let opening = |key: &FactKey<'_>| {
            key.kind == MessageKind::Request(Method::Invite) && key.to_tag.is_empty()
        };
        let invite = messages
            .iter()
            .find(|(key, _)| opening(key))
            .or_else(|| messages.iter().find(|(key, _)| is_request(key, Method::Invite)));
        let first = invite.or_else(|| messages.first());
        let mut hops = messages.iter().filter(|(key, _)| {
            invite.is_some_and(|(first, _)| {
                opening(key)
                    && key.from_tag == first.from_tag
                    && key.cseq_number == first.cseq_number
            })
        });
        let parties = invite.and_then(|(key, _)| leg.invite_parties(key)).unwrap_or_default();
        let called =
            if parties.to_user.is_empty() { parties.request_user } else { parties.to_user };
        // By tag: both sides may sit behind one address.
        let by_caller =
            |key: &FactKey<'_>| invite.is_some_and(|(first, _)| key.from_tag == first.from_tag);
        let unknown = Moment { time: CaptureTime::default(), record: RecordRef::default() };
        let head = LegOutline {
            sensor: leg.sensor(),
            call_id: leg.call_id(),
            started: first.map_or(unknown, |(_, times)| Moment::of(times)),
            ended: leg.last_seen().unwrap_or_default(),
            has_invite: invite.is_some(),
            answered: first_of(&messages, |key| {
                status_of(key, Method::Invite).is_some_and(|code| (200..300).contains(&code))
            }),
            cancelled: first_of(&messages, |key| is_request(key, Method::Cancel)),
            failed: first_failure(&messages),
            hung_up: messages
                .iter()
                .rfind(|(key, _)| is_request(key, Method::Bye))
                .map(|(key, times)| HangUp { seen: Moment::of(times), by_caller: by_caller(key) }),
            source: first.map_or(Endpoint::UNKNOWN, |(key, _)| key.source),
            destination: hops
                .next_back()
                .or(first)
                .map_or(Endpoint::UNKNOWN, |(key, _)| key.destination),
            caller: parties.from_user,
            called,
            request_user: parties.request_user,
            lists: Lists::default(),
        };
        Self {
            head,
            dialogs: dialogs(&messages),
            refers: refers(&messages, leg, by_caller),
            identifiers: leg.identifiers(),
        }
    }
}

impl LegOutline<'_> {
    /// A leg of which nothing is known.
    pub const EMPTY: Self = {
        let unknown = CaptureId { file: FileId(0), member: 0 };
        Self {
            sensor: SensorId(0),
            call_id: &[],
            started: Moment {
                time: CaptureTime::from_ns(0),
                record: RecordRef { capture: unknown, index: 0 },
            },
            ended: CaptureTime::from_ns(0),
            has_invite: false,
            answered: None,
            cancelled: None,
            failed: None,
            hung_up: None,
            source: Endpoint::UNKNOWN,
            destination: Endpoint::UNKNOWN,
            caller: &[],
            called: &[],
            request_user: &[],
            lists: Lists { kinds: 0, bytes: &[] },
        }
    };

    /// When the packets say that it is over: last BYE, else final failure. Absent when they do not.
    #[must_use]
    pub fn terminated(&self) -> Option<CaptureTime> {
        match (self.hung_up, self.answered) {
            (Some(hang_up), _) => Some(hang_up.seen.time),
            (None, Some(_)) => None,
            (None, None) => self.failed.map(|failure| failure.seen.time),
        }
    }

    /// Whether the leg was refused: a final failure, and no answer.
    #[must_use]
    pub fn refused_with(&self) -> Option<u16> {
        if self.answered.is_some() { None } else { self.failed.map(|failure| failure.status) }
    }

    /// Nanoseconds of silence between two legs; 0 or less when they overlap.
    #[must_use]
    pub fn gap_ns(&self, other: &LegOutline<'_>) -> i64 {
        let latest_start = self.started.time.max(other.started.time);
        latest_start.since_ns(self.ended.min(other.ended))
    }
}

/// Whether the message is a request with this method.
pub(super) fn is_request(key: &FactKey<'_>, method: Method) -> bool {
    key.kind == MessageKind::Request(method)
}

/// The status of a response to this method; absent for other messages.
pub(super) fn status_of(key: &FactKey<'_>, method: Method) -> Option<u16> {
    match key.kind {
        MessageKind::Response(status) if key.cseq_method == method => Some(status),
        _ => None,
    }
}

fn first_of(messages: &[Message<'_>], is_wanted: impl Fn(&FactKey<'_>) -> bool) -> Option<Moment> {
    messages.iter().find(|(key, _)| is_wanted(key)).map(|(_, times)| Moment::of(times))
}

/// A failure counts when no 2xx was seen before it: later ones belong to re-INVITEs or lost forks.
fn first_failure(messages: &[Message<'_>]) -> Option<Failure> {
    for (key, times) in messages {
        match status_of(key, Method::Invite) {
            Some(200..300) => return None,
            Some(401 | 407 | 422 | 494) | None => {}
            Some(status) if status >= 300 => {
                return Some(Failure { status, seen: Moment::of(times) });
            }
            Some(_) => {}
        }
    }
    None
}
