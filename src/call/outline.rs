//! What the rules read of a leg. In: a [`Leg`]. Out: [`OutlineParts`], which `outlines` keeps packed and
//! gives back as a [`LegOutline`].

use super::transactions::{Dialog, Refer, dialogs, refers};
use crate::base::{CaptureId, CaptureTime, Endpoint, FileId, RecordRef, SensorId};
use crate::leg::{FactKey, FactTimes, IdentifierSet, Leg, LegView, MessageKind, SeenMessage};
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

    /// First sight of a message.
    #[must_use]
    pub fn of_message(message: &SeenMessage<'_>) -> Self {
        Self { time: message.first, record: message.record }
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
        let mut room = OutlineRoom::default();
        let head = room.read(&LegView::of(leg));
        let OutlineRoom { dialogs, refers } = room;
        Self { head, dialogs, refers, identifiers: leg.identifiers() }
    }
}

/// Room for the lists of one leg after the other.
#[derive(Clone, Debug, Default)]
pub struct OutlineRoom<'l> {
    /// Dialogs by their two tags.
    pub(super) dialogs: Vec<Dialog<'l>>,
    /// REFER transactions by time.
    pub(super) refers: Vec<Refer<'l>>,
}

impl<'l> OutlineRoom<'l> {
    /// Reads a leg: all but its lists out, and these into the room.
    pub(super) fn read(&mut self, leg: &LegView<'l>) -> LegOutline<'l> {
        let mut seen = Milestones::default();
        leg.by_time().for_each(|message| seen.add(message));
        let moment = |message: Option<&SeenMessage<'_>>| message.map(Moment::of_message);
        let mut head = LegOutline {
            sensor: leg.sensor(),
            call_id: leg.call_id(),
            ended: leg.last_seen().unwrap_or_default(),
            answered: moment(seen.answered),
            cancelled: moment(seen.cancelled),
            failed: seen.failed,
            ..LegOutline::EMPTY
        };
        let invite = seen.opening.or(seen.invite);
        if let Some(first) = invite.or(seen.first) {
            head.started = Moment::of_message(first);
            head.source = first.key.source;
            head.destination = seen.last_hop.unwrap_or(first).key.destination;
        }
        if let Some(parties) = invite.and_then(|invite| leg.invite_parties(invite)) {
            head.has_invite = true;
            head.caller = parties.from_user;
            head.request_user = parties.request_user;
            let has_to = !parties.to_user.is_empty();
            head.called = if has_to { parties.to_user } else { parties.request_user };
        }
        // By tag: both sides may sit behind one address.
        let by_caller =
            |key: &FactKey<'_>| invite.is_some_and(|first| key.from_tag == first.key.from_tag);
        head.hung_up = seen
            .hung_up
            .map(|bye| HangUp { seen: Moment::of_message(bye), by_caller: by_caller(&bye.key) });
        dialogs(leg, &mut self.dialogs);
        self.refers.clear();
        if seen.has_refer {
            refers(leg, &mut self.refers, by_caller);
        }
        head
    }
}

/// The messages of a leg that an outline tells of, from one look at all of them by time.
#[derive(Default)]
struct Milestones<'v, 'l> {
    /// The first one.
    first: Option<&'v SeenMessage<'l>>,
    /// The first INVITE, and the first that opens a dialog, with the last hop of that.
    invite: Option<&'v SeenMessage<'l>>,
    opening: Option<&'v SeenMessage<'l>>,
    last_hop: Option<&'v SeenMessage<'l>>,
    /// The first 2xx to an INVITE, and the first CANCEL.
    answered: Option<&'v SeenMessage<'l>>,
    cancelled: Option<&'v SeenMessage<'l>>,
    failed: Option<Failure>,
    /// The last BYE.
    hung_up: Option<&'v SeenMessage<'l>>,
    has_refer: bool,
}

impl<'v, 'l> Milestones<'v, 'l> {
    fn add(&mut self, message: &'v SeenMessage<'l>) {
        let key = &message.key;
        self.first.get_or_insert(message);
        match (key.kind, key.cseq_method) {
            (MessageKind::Request(Method::Invite), _) => {
                self.invite.get_or_insert(message);
                if key.to_tag.is_empty() {
                    let FactKey { from_tag, cseq_number, .. } =
                        self.opening.get_or_insert(message).key;
                    if (key.from_tag, key.cseq_number) == (from_tag, cseq_number) {
                        self.last_hop = Some(message);
                    }
                }
            }
            (MessageKind::Request(Method::Cancel), _) => {
                self.cancelled.get_or_insert(message);
            }
            (MessageKind::Request(Method::Bye), _) => self.hung_up = Some(message),
            (MessageKind::Request(Method::Refer), _) => self.has_refer = true,
            (MessageKind::Response(200..300), Method::Invite) => {
                self.answered.get_or_insert(message);
            }
            // Challenges and what only asks for another try are no failures.
            (MessageKind::Response(401 | 407 | 422 | 494), _) => {}
            // A failure counts when no 2xx was seen before it: later ones belong to re-INVITEs or lost
            // forks.
            (MessageKind::Response(status), Method::Invite)
                if status >= 300 && self.answered.is_none() =>
            {
                let seen = Moment::of_message(message);
                self.failed.get_or_insert(Failure { status, seen });
            }
            _ => {}
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
