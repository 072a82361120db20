//! The outlines of all legs, packed: a few flat buffers, about 190 bytes a leg.
//!
//! In: the parts of each leg, in the order that numbers legs: sensor, Call-ID. Out: a [`LegOutline`] by
//! number, read anew each time. Of the identifiers only those are kept that rules or stories read.

use super::lists::put_lists;
use super::outline::{Failure, HangUp, LegOutline, Lists, Moment, OutlineParts, OutlineRoom};
use super::packed::{Reader, put_end, put_moment, put_number, put_record, put_text, put_time};
use crate::base::{CaptureTime, PackedBuilder, PackedList, PackedRun, SensorId};
use crate::leg::{Leg, LegView};
use std::cmp::Ordering;

/// Which optional parts follow.
const HAS_INVITE: u8 = 1;
const ANSWERED: u8 = 2;
const CANCELLED: u8 = 4;
const FAILED: u8 = 8;
const HUNG_UP: u8 = 16;
const BY_CALLER: u8 = 32;
const REQUEST_IS_CALLED: u8 = 64;

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
    /// Room for a list whose length must stand before it.
    list: Vec<u8>,
}

impl OutlineBuilder {
    /// Adds the next leg.
    pub fn push(&mut self, parts: &OutlineParts<'_>) {
        let OutlineParts { head, dialogs, refers, identifiers } = parts;
        let list = &mut self.list;
        self.packed.push_with(|bytes| {
            put_head(bytes, head);
            put_lists(bytes, list, head, identifiers.iter(), refers, dialogs);
        });
    }

    /// Reads the next leg and adds it.
    pub fn push_view<'l>(&mut self, leg: &LegView<'l>, room: &mut OutlineRoom<'l>) {
        let head = room.read(leg);
        let list = &mut self.list;
        self.packed.push_with(|bytes| {
            put_head(bytes, &head);
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

/// Outlines by number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outlines(PackedList);

impl Outlines {
    /// Those that builders made, one behind the other.
    #[must_use]
    pub fn new(packed: impl IntoIterator<Item = PackedRun>) -> Self {
        Self(packed.into_iter().collect())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their numbers.
    #[must_use]
    pub fn numbers(&self) -> std::ops::Range<u32> {
        self.0.numbers()
    }

    /// Bytes that they are kept in, wherever these lie.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        self.0.byte_count()
    }

    /// Whether all that was read so far is what was kept; see [`crate::base::PackedBytes::is_whole`].
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.0.is_whole()
    }

    /// Lets go of memory that only repeats what a file holds; changes nothing else.
    pub fn release(&self) {
        self.0.release();
    }

    /// A leg by its number; absent when there is none.
    #[must_use]
    pub fn get(&self, leg: u32) -> Option<LegOutline<'_>> {
        self.0.get(leg).map(|rest| read_head(Reader { rest }))
    }

    /// A leg by its number.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn at(&self, leg: u32) -> LegOutline<'_> {
        read_head(self.reader(leg))
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

    fn reader(&self, leg: u32) -> Reader<'_> {
        let found = self.0.get(leg);
        assert!(found.is_some(), "there is a leg of this number");
        Reader { rest: found.unwrap_or_default() }
    }

    /// All legs by number.
    pub fn iter(&self) -> impl Iterator<Item = LegOutline<'_>> {
        self.0.iter().map(|rest| read_head(Reader { rest }))
    }

    /// Some legs by number, rising.
    pub fn range(&self, legs: std::ops::Range<u32>) -> impl Iterator<Item = LegOutline<'_>> {
        self.0.range(legs).map(|rest| read_head(Reader { rest }))
    }

    /// The number of the leg with this Call-ID on this sensor.
    #[must_use]
    pub fn find(&self, sensor: SensorId, call_id: &[u8]) -> Option<u32> {
        let numbers = self.numbers();
        let (mut low, mut high) = (numbers.start, numbers.end);
        while low < high {
            let middle = low + (high - low) / 2;
            let leg = self.at(middle);
            match (leg.sensor, leg.call_id).cmp(&(sensor, call_id)) {
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

fn put_head(bytes: &mut Vec<u8>, head: &LegOutline<'_>) {
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
            | flag(head.request_user == head.called, REQUEST_IS_CALLED),
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
    put_text(bytes, head.call_id);
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

fn read_head(mut reader: Reader<'_>) -> LegOutline<'_> {
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
    let (call_id, caller, called) = (reader.text(), reader.text(), reader.text());
    let request_user = if flags & REQUEST_IS_CALLED != 0 { called } else { reader.text() };
    let kinds = reader.number_32();
    LegOutline {
        sensor,
        call_id,
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
