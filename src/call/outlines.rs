//! The outlines of all legs, packed: a few flat buffers, about 160 bytes a leg, and 190 with their Call-IDs.
//!
//! In: the parts of each leg, in the order that numbers legs: sensor, Call-ID. Out: a [`LegOutline`] by
//! number, read anew each time. Of the identifiers only those are kept that rules or stories read.

use super::lists::put_lists;
use super::outline::{
    Failure, HangUp, LegName, LegOutline, Lists, Moment, OutlineParts, OutlineRoom,
};
use super::packed::{Reader, put_end, put_moment, put_number, put_record, put_text, put_time};
use crate::base::{CaptureTime, PackedBuilder, PackedList, PackedRun, SensorId};
use crate::leg::{Leg, LegNames, LegView};
use std::cmp::Ordering;

/// Which optional parts follow.
const HAS_INVITE: u8 = 1;
const ANSWERED: u8 = 2;
const CANCELLED: u8 = 4;
const FAILED: u8 = 8;
const HUNG_UP: u8 = 16;
const BY_CALLER: u8 = 32;
const REQUEST_IS_CALLED: u8 = 64;
const NAMED_BY_LEG: u8 = 128;

/// When a leg was there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LegSpan {
    /// First INVITE, else first message.
    pub started: CaptureTime,
    /// Last message or media packet.
    pub ended: CaptureTime,
    /// Whether it was answered.
    pub is_answered: bool,
    /// Whether an INVITE was seen.
    pub has_invite: bool,
}

/// Makes outlines of legs that come in the order that numbers them.
#[derive(Debug, Default)]
pub struct OutlineBuilder {
    packed: PackedBuilder,
    named_by_leg: bool,
    /// Room for a list whose length must stand before it.
    list: Vec<u8>,
}

impl OutlineBuilder {
    /// Makes outlines for [`Outlines::named`], which hold no Call-ID.
    #[must_use]
    pub fn named_by_leg(self, named_by_leg: bool) -> Self {
        Self { named_by_leg, ..self }
    }

    /// Adds the next leg.
    pub fn push(&mut self, parts: &OutlineParts<'_>) {
        let OutlineParts { head, dialogs, refers, identifiers } = parts;
        let (list, named_by_leg) = (&mut self.list, self.named_by_leg);
        self.packed.push_with(|bytes| {
            put_head(bytes, head, named_by_leg);
            put_lists(bytes, list, head, identifiers.iter(), refers, dialogs);
        });
    }

    /// Reads the next leg and adds it.
    pub fn push_view<'l>(&mut self, leg: &LegView<'l>, room: &mut OutlineRoom<'l>) {
        let head = room.read(leg);
        let (list, named_by_leg) = (&mut self.list, self.named_by_leg);
        self.packed.push_with(|bytes| {
            put_head(bytes, &head, named_by_leg);
            let identifiers = leg.identifiers().iter().copied();
            put_lists(bytes, list, &head, identifiers, &room.refers, &room.dialogs);
        });
    }

    /// The legs, packed, for [`Outlines::new`].
    #[must_use]
    pub fn finish(self) -> Vec<PackedRun> {
        self.packed.finish()
    }
}

/// Outlines by number. Equal where each is, wherever the Call-IDs stand.
#[derive(Clone, Debug, Default)]
pub struct Outlines {
    packed: PackedList,
    /// The Call-IDs of outlines without.
    names: Option<LegNames>,
}

impl PartialEq for Outlines {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Outlines {}

impl Outlines {
    /// Those that builders made, one behind the other.
    #[must_use]
    pub fn new(packed: impl IntoIterator<Item = PackedRun>) -> Self {
        Self::named(packed, None)
    }

    /// The same, of which those without a Call-ID have that of the leg of their number.
    #[must_use]
    pub fn named(packed: impl IntoIterator<Item = PackedRun>, names: Option<LegNames>) -> Self {
        Self { packed: packed.into_iter().collect(), names }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packed.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Their numbers.
    #[must_use]
    pub fn numbers(&self) -> std::ops::Range<u32> {
        self.packed.numbers()
    }

    /// Bytes that they are kept in, wherever these lie.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        self.packed.byte_count()
    }

    /// Whether all that was read so far is what was kept; see [`crate::base::PackedBytes::is_whole`].
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.packed.is_whole()
    }

    /// Lets go of memory that only repeats what a file holds; changes nothing else.
    pub fn release(&self) {
        self.packed.release();
    }

    /// A leg by its number; absent when there is none.
    #[must_use]
    pub fn get(&self, leg: u32) -> Option<LegOutline<'_>> {
        self.packed.get(leg).map(|rest| self.read(leg, rest))
    }

    /// A leg by its number.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn at(&self, leg: u32) -> LegOutline<'_> {
        self.read(leg, self.reader(leg).rest)
    }

    /// When a leg was there: the beginning of what [`Outlines::at`] reads.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn span(&self, leg: u32) -> LegSpan {
        let mut reader = self.reader(leg);
        let started = started_of(&mut reader);
        let ended = reader.time(started);
        let flags = reader.byte();
        LegSpan {
            started,
            ended,
            is_answered: flags & ANSWERED != 0,
            has_invite: flags & HAS_INVITE != 0,
        }
    }

    #[inline(always)]
    fn read<'o>(&'o self, leg: u32, rest: &'o [u8]) -> LegOutline<'o> {
        read_head(Reader { rest }, self.names.as_ref(), leg)
    }

    fn reader(&self, leg: u32) -> Reader<'_> {
        let found = self.packed.get(leg);
        assert!(found.is_some(), "there is a leg of this number");
        Reader { rest: found.unwrap_or_default() }
    }

    /// All legs by number.
    pub fn iter(&self) -> impl Iterator<Item = LegOutline<'_>> {
        (0..).zip(self.packed.iter()).map(|(leg, rest)| self.read(leg, rest))
    }

    /// Some legs by number, rising.
    pub fn range(&self, legs: std::ops::Range<u32>) -> impl Iterator<Item = LegOutline<'_>> {
        legs.clone().zip(self.packed.range(legs)).map(|(leg, rest)| self.read(leg, rest))
    }

    /// The number of the leg with this Call-ID on this sensor.
    #[must_use]
    pub fn find(&self, sensor: SensorId, call_id: &[u8]) -> Option<u32> {
        let numbers = self.numbers();
        let (mut low, mut high) = (numbers.start, numbers.end);
        while low < high {
            let middle = low + (high - low) / 2;
            let leg = self.at(middle);
            match (leg.sensor, leg.call_id()).cmp(&(sensor, call_id)) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }
}

impl<'l> FromIterator<&'l Leg> for Outlines {
    /// Legs in the order that numbers them.
    fn from_iter<T: IntoIterator<Item = &'l Leg>>(legs: T) -> Self {
        let mut builder = OutlineBuilder::default();
        legs.into_iter().for_each(|leg| builder.push(&OutlineParts::of(leg)));
        Self::new(builder.finish())
    }
}

/// All legs as outlines, in the order that numbers them: sensor, Call-ID.
#[must_use]
pub fn outline_all(legs: &[Leg]) -> Outlines {
    let mut sorted: Vec<&Leg> = legs.iter().collect();
    sorted.sort_by(|left, right| {
        (left.sensor(), left.call_id()).cmp(&(right.sensor(), right.call_id()))
    });
    sorted.into_iter().collect()
}

fn put_head(bytes: &mut Vec<u8>, head: &LegOutline<'_>, named_by_leg: bool) {
    bytes.extend_from_slice(&head.started.time.ns().to_le_bytes());
    put_time(bytes, head.ended, head.started.time);
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    bytes.push(
        flag(head.has_invite, HAS_INVITE)
            | flag(head.answered.is_some(), ANSWERED)
            | flag(head.cancelled.is_some(), CANCELLED)
            | flag(head.failed.is_some(), FAILED)
            | flag(head.hung_up.is_some(), HUNG_UP)
            | flag(head.hung_up.is_some_and(|hang_up| hang_up.by_caller), BY_CALLER)
            | flag(head.request_user == head.called, REQUEST_IS_CALLED)
            | flag(named_by_leg, NAMED_BY_LEG),
    );
    put_record(bytes, head.started.record);
    let moments = [
        head.answered,
        head.cancelled,
        head.failed.map(|failure| failure.seen),
        head.hung_up.map(|hang_up| hang_up.seen),
    ];
    for moment in moments.into_iter().flatten() {
        put_moment(bytes, moment, head.started);
    }
    if let Some(failure) = head.failed {
        put_number(bytes, u64::from(failure.status));
    }
    put_end(bytes, head.source);
    put_end(bytes, head.destination);
    put_number(bytes, u64::from(head.sensor.0));
    if !named_by_leg {
        put_text(bytes, head.call_id());
    }
    put_text(bytes, head.caller);
    put_text(bytes, head.called);
    if head.request_user != head.called {
        put_text(bytes, head.request_user);
    }
}

fn started_of(reader: &mut Reader<'_>) -> CaptureTime {
    let bytes = <[u8; 8]>::try_from(reader.bytes(8)).unwrap_or_default();
    CaptureTime::from_ns(i64::from_le_bytes(bytes))
}

fn read_head<'o>(mut reader: Reader<'o>, names: Option<&'o LegNames>, leg: u32) -> LegOutline<'o> {
    let time = started_of(&mut reader);
    let ended = reader.time(time);
    let flags = reader.byte();
    let started = Moment { time, record: reader.record() };
    let mut moment = |flag: u8| (flags & flag != 0).then(|| reader.moment(started));
    let (answered, cancelled) = (moment(ANSWERED), moment(CANCELLED));
    let (failed, hung_up) = (moment(FAILED), moment(HUNG_UP));
    let failed = failed.map(|seen| Failure { status: reader.number() as u16, seen });
    let hung_up = hung_up.map(|seen| HangUp { seen, by_caller: flags & BY_CALLER != 0 });
    let (source, destination) = (reader.end(), reader.end());
    let sensor = SensorId(reader.number() as u16);
    let name = match names {
        Some(names) if flags & NAMED_BY_LEG != 0 => LegName::OfLeg(names, leg),
        _ => LegName::Own(reader.text()),
    };
    let (caller, called) = (reader.text(), reader.text());
    let request_user = if flags & REQUEST_IS_CALLED != 0 { called } else { reader.text() };
    let kinds = reader.number_32();
    LegOutline {
        sensor,
        name,
        started,
        ended,
        has_invite: flags & HAS_INVITE != 0,
        answered,
        cancelled,
        failed,
        hung_up,
        source,
        destination,
        caller,
        called,
        request_user,
        lists: Lists { kinds, bytes: reader.rest },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Endpoint, RecordRef};
    use crate::leg::{FactKey, Legs, MessageKind, ViaBranch};
    use crate::sip::Method;

    fn leg(call_id: &str) -> Leg {
        let mut leg = Leg::new(SensorId(1), call_id.as_bytes());
        let key = FactKey {
            cseq_number: 1,
            kind: MessageKind::Request(Method::Invite),
            cseq_method: Method::Invite,
            from_tag: call_id.as_bytes(),
            to_tag: b"",
            branch: ViaBranch::new(b"z9hG4bK1"),
            source: Endpoint::UNKNOWN,
            destination: Endpoint::UNKNOWN,
            auth_failed: false,
            has_sdp: false,
        };
        leg.add_message(&key, None, CaptureTime::from_ns(5), RecordRef::default());
        leg
    }

    #[test]
    fn outlines_are_the_same_wherever_their_call_ids_stand() {
        let call_ids = ["a@host", "b@host", "c@host"];
        let legs: Legs = call_ids.into_iter().map(leg).collect();
        let own: Outlines = legs.iter().collect::<Vec<_>>().iter().collect();
        let mut builder = OutlineBuilder::default().named_by_leg(true);
        let (mut view, mut room) = (LegView::default(), OutlineRoom::default());
        for number in legs.numbers() {
            legs.view(number, &mut view).unwrap();
            builder.push_view(&view, &mut room);
        }
        let names = legs.names();
        assert!(names.is_some(), "they are held in memory");
        let named = Outlines::named(builder.finish(), names);
        assert_eq!(named, own);
        assert!(named.byte_count() + "a@host".len() * call_ids.len() <= own.byte_count());
        for outlines in [&own, &named] {
            let found: Vec<_> = outlines.range(1..3).map(|leg| leg.call_id().to_vec()).collect();
            assert_eq!(found, [b"b@host", b"c@host"]);
            assert_eq!(outlines.find(SensorId(1), b"c@host"), Some(2));
            assert_eq!(outlines.find(SensorId(1), b"d@host"), None);
        }
    }
}
