//! The outlines of all legs, packed: a few flat buffers, about 200 bytes a leg.
//!
//! In: the parts of each leg, in the order that numbers legs: sensor, Call-ID. Out: a [`LegOutline`] by
//! number, read anew each time. Of the identifiers only those are kept that rules or stories read.

use super::outline::{Failure, HangUp, LegOutline, Lists, Moment, OutlineParts};
use super::packed::{
    Base, Reader, put_end, put_moment, put_number, put_record, put_text, put_time,
};
use super::said::{Host, MediaValue, Said, Stream, Target};
use super::transactions::{Dialog, Refer};
use crate::base::{CaptureTime, Endpoint, SensorId};
use crate::leg::{Identifier, IdentifierKind, Leg, Sighting};
use std::cmp::Ordering;

/// Legs in one buffer: so few that their places in it fit 32 bits, whatever the limits let a leg say.
pub const LEGS_PER_CHUNK: usize = 256;

/// Which optional parts follow.
const HAS_INVITE: u8 = 1;
const ANSWERED: u8 = 2;
const CANCELLED: u8 = 4;
const FAILED: u8 = 8;
const HUNG_UP: u8 = 16;
const BY_CALLER: u8 = 32;
const REQUEST_IS_CALLED: u8 = 64;

/// Forms of a media value; who said it stands above them.
const TEXT: u8 = 0;
const OF_SAYER: u8 = 1;
const OF_OTHER: u8 = 2;
const AS_BEFORE: u8 = 3;
const FORM: u8 = 3;
const BY_SOURCE: u8 = 4;
const BY_DESTINATION: u8 = 8;
/// Forms of a target: whether its user is the called one, and what its host is.
const USER_IS_CALLED: u8 = 1;
const HOST: u8 = 14;
const HOST_TEXT: u8 = 2;
const HOST_IS_SOURCE: u8 = 4;
const HOST_IS_DESTINATION: u8 = 6;
const HOST_ADDRESS: u8 = 8;

/// A confirmed dialog; other values are its time.
const NOT_CONFIRMED: u8 = 0;
const CONFIRMED_BY_ANSWER: u8 = 1;
const CONFIRMED_AT: u8 = 2;

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

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Chunk {
    /// Where each leg ends in `bytes`.
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Chunk {
    fn bytes_of(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..self.ends[place] as usize]
    }
}

/// Outlines by number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outlines {
    /// All but the last hold [`LEGS_PER_CHUNK`] legs.
    chunks: Vec<Chunk>,
    /// Room for a list whose length must stand before it.
    list: Vec<u8>,
}

impl Outlines {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let last = self.chunks.last().map_or(0, |chunk| chunk.ends.len());
        self.chunks.len().saturating_sub(1) * LEGS_PER_CHUNK + last
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Their numbers.
    #[must_use]
    pub fn numbers(&self) -> std::ops::Range<u32> {
        // Memory ends long before 32 bits do.
        0..u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    /// Bytes that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_chunk =
            |chunk: &Chunk| size_of::<Chunk>() + chunk.ends.capacity() * 4 + chunk.bytes.capacity();
        self.chunks.iter().map(of_chunk).sum()
    }

    /// Adds the next leg.
    pub fn push(&mut self, parts: &OutlineParts<'_>) {
        if self.chunks.last().is_none_or(|chunk| chunk.ends.len() == LEGS_PER_CHUNK) {
            self.shrink();
            self.chunks.push(Chunk::default());
        }
        let Some(chunk) = self.chunks.last_mut() else { return };
        put_head(&mut chunk.bytes, &parts.head);
        put_lists(&mut chunk.bytes, &mut self.list, parts);
        chunk.ends.push(u32::try_from(chunk.bytes.len()).unwrap_or(u32::MAX));
    }

    /// Gives back what growth took beyond need.
    pub fn shrink(&mut self) {
        self.list = Vec::new();
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.ends.shrink_to_fit();
            chunk.bytes.shrink_to_fit();
        }
    }

    /// Adds the legs behind those that are here, which fill their chunks.
    ///
    /// # Panics
    /// When they do not: the legs would get other numbers.
    pub fn append(&mut self, mut next: Self) {
        assert!(self.len().is_multiple_of(LEGS_PER_CHUNK), "chunks are full");
        self.chunks.append(&mut next.chunks);
    }

    /// A leg by its number; absent when there is none.
    #[must_use]
    pub fn get(&self, leg: u32) -> Option<LegOutline<'_>> {
        ((leg as usize) < self.len()).then(|| self.at(leg))
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
        let leg = leg as usize;
        Reader { rest: self.chunks[leg / LEGS_PER_CHUNK].bytes_of(leg % LEGS_PER_CHUNK) }
    }

    /// All legs by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = LegOutline<'_>> {
        self.numbers().map(|leg| self.at(leg))
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
        let mut outlines = Self::default();
        legs.into_iter().for_each(|leg| outlines.push(&OutlineParts::of(leg)));
        outlines.shrink();
        outlines
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

fn base_of(head: &LegOutline<'_>) -> Base {
    Base { started: head.started, source: head.source, destination: head.destination }
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
        lists: Lists(reader.rest),
    }
}

/// Whether rules or stories read identifiers of this kind from outlines.
const fn is_read(kind: IdentifierKind) -> bool {
    matches!(
        kind,
        IdentifierKind::Replaces
            | IdentifierKind::ReferredBy
            | IdentifierKind::RedirectContact
            | IdentifierKind::Also
            | IdentifierKind::SessionId
            | IdentifierKind::Icid
            | IdentifierKind::InReplyTo
            | IdentifierKind::Header
            | IdentifierKind::Diversion
            | IdentifierKind::HistoryInfo
            | IdentifierKind::MediaAddress
            | IdentifierKind::MediaOrigin
            | IdentifierKind::RequestUri
            | IdentifierKind::Recording
    )
}

const fn is_media(kind: IdentifierKind) -> bool {
    matches!(kind, IdentifierKind::MediaAddress | IdentifierKind::MediaOrigin)
}

/// The length of the identifiers and which kinds there are; the identifiers of each kind behind the kind
/// and their length; the REFER requests behind their length; the dialogs.
fn put_lists(bytes: &mut Vec<u8>, list: &mut Vec<u8>, parts: &OutlineParts<'_>) {
    let base = base_of(&parts.head);
    list.clear();
    let mut kinds = 0_u32;
    let mut all = parts.identifiers.iter().filter(|(said, _)| is_read(said.kind)).peekable();
    while let Some((said, sighting)) = all.next() {
        let start = list.len();
        kinds |= bit_of(said.kind);
        list.push(said.kind as u8);
        put_said(list, &parts.head, (said, sighting), None);
        let mut before = said.value;
        while let Some(next) = all.next_if(|(next, _)| next.kind == said.kind) {
            put_said(list, &parts.head, next, Some(before));
            before = next.0.value;
        }
        // The length of the kind stands behind it: moved there, as it is known only now.
        let (body, length) = (start + 1, list.len() - start - 1);
        put_number(list, length as u64);
        list[body..].rotate_right(list_growth(length));
    }
    put_number(bytes, list.len() as u64);
    put_number(bytes, u64::from(kinds));
    bytes.extend_from_slice(list);
    list.clear();
    for refer in &parts.refers {
        put_refer(list, &base, refer);
    }
    put_text(bytes, list);
    for dialog in &parts.dialogs {
        put_text(bytes, dialog.tags.0);
        put_text(bytes, dialog.tags.1);
        let answer = parts.head.answered.map(|answer| answer.time);
        match dialog.confirmed {
            None => bytes.push(NOT_CONFIRMED),
            confirmed if confirmed == answer => bytes.push(CONFIRMED_BY_ANSWER),
            Some(confirmed) => {
                bytes.push(CONFIRMED_AT);
                put_time(bytes, confirmed, base.started.time);
            }
        }
    }
}

/// Bytes that [`put_number`] puts for a length.
const fn list_growth(length: usize) -> usize {
    (usize::BITS - (length | 1).leading_zeros()).div_ceil(7) as usize
}

/// The place of a kind among the kinds that there are.
const fn bit_of(kind: IdentifierKind) -> u32 {
    1 << kind as u32
}

fn put_said(
    list: &mut Vec<u8>,
    head: &LegOutline<'_>,
    (said, sighting): (Identifier<'_>, Sighting),
    before: Option<&[u8]>,
) {
    let is_repeated = before == Some(said.value);
    let base = base_of(head);
    if said.kind == IdentifierKind::RequestUri {
        if !is_repeated {
            put_target(list, head, Target::of(said.value));
        }
        return;
    }
    if is_media(said.kind) {
        put_media(list, &base, said, is_repeated);
    } else {
        // An equal value is that of the one before: its length is one more otherwise.
        put_number(list, if is_repeated { 0 } else { said.value.len() as u64 + 1 });
        list.extend_from_slice(if is_repeated { &[] } else { said.value });
        base.put_end(list, said.said_by);
    }
    put_moment(list, Moment { time: sighting.first, record: sighting.record }, base.started);
}

fn put_media(list: &mut Vec<u8>, base: &Base, said: Identifier<'_>, is_repeated: bool) {
    let by = match said.said_by {
        end if end == base.source => BY_SOURCE,
        end if end == base.destination => BY_DESTINATION,
        _ => 0,
    };
    let value = MediaValue::of(said.kind, said.value);
    let form = match value {
        _ if is_repeated => AS_BEFORE,
        MediaValue::Text(..) => TEXT,
        _ if value.address() == Some(said.said_by.address) => OF_SAYER,
        _ => OF_OTHER,
    };
    list.push(form | by);
    if by == 0 {
        put_end(list, said.said_by);
    }
    match (form, value) {
        (AS_BEFORE, _) => {}
        (_, MediaValue::Text(_, text)) => put_text(list, text),
        (OF_SAYER, MediaValue::Address(end)) => put_number(list, u64::from(end.port)),
        (OF_SAYER, MediaValue::Origin(id, _)) => put_number(list, id),
        (_, MediaValue::Address(end)) => put_end(list, end),
        (_, MediaValue::Origin(id, address)) => {
            put_number(list, id);
            put_end(list, Endpoint::new(address, 0));
        }
    }
}

fn put_target(list: &mut Vec<u8>, head: &LegOutline<'_>, target: Target<'_>) {
    let is_called = target.user == head.called;
    let form = match target.host {
        Host::None => 0,
        Host::Text(_) => HOST_TEXT,
        Host::Address(address) if address == head.source.address => HOST_IS_SOURCE,
        Host::Address(address) if address == head.destination.address => HOST_IS_DESTINATION,
        Host::Address(_) => HOST_ADDRESS,
    };
    list.push(form | if is_called { USER_IS_CALLED } else { 0 });
    if !is_called {
        put_text(list, target.user);
    }
    match (form, target.host) {
        (HOST_TEXT, Host::Text(host)) => put_text(list, host),
        (HOST_ADDRESS, Host::Address(address)) => {
            put_end(list, Endpoint::new(address, 0));
        }
        _ => {}
    }
}

fn put_refer(list: &mut Vec<u8>, base: &Base, refer: &Refer<'_>) {
    put_number(list, u64::from(refer.cseq));
    put_moment(list, refer.sent, base.started);
    list.push(u8::from(refer.by_caller));
    base.put_end(list, refer.sender);
    base.put_end(list, refer.receiver);
    for text in [refer.target, refer.replaces, refer.target_dialog, refer.referred_by] {
        Base::put_text(list, text);
    }
    base.put_status(list, refer.response);
    base.put_status(list, refer.notified);
}

impl<'o> LegOutline<'o> {
    /// Dialogs by their two tags.
    pub fn dialogs(&self) -> impl Iterator<Item = Dialog<'o>> + use<'o> {
        let mut reader = Reader { rest: self.lists.0 };
        let (length, _) = (reader.number(), reader.number());
        let (_, _) = (reader.bytes(length as usize), reader.text());
        let (started, answer) = (self.started.time, self.answered.map(|answer| answer.time));
        std::iter::from_fn(move || {
            if reader.rest.is_empty() {
                return None;
            }
            let tags = (reader.text(), reader.text());
            let confirmed = match reader.byte() {
                CONFIRMED_BY_ANSWER => answer,
                CONFIRMED_AT => Some(reader.time(started)),
                _ => None,
            };
            Some(Dialog { tags, confirmed })
        })
    }

    /// REFER transactions by time.
    pub fn refers(&self) -> impl Iterator<Item = Refer<'o>> + use<'o> {
        let mut reader = Reader { rest: self.lists.0 };
        let (length, _) = (reader.number(), reader.number());
        let (_, list) = (reader.bytes(length as usize), reader.text());
        let (mut reader, base) = (Reader { rest: list }, base_of(self));
        std::iter::from_fn(move || {
            (!reader.rest.is_empty()).then(|| Refer {
                cseq: reader.number_32(),
                sent: reader.moment(base.started),
                by_caller: reader.byte() != 0,
                sender: base.end(&mut reader),
                receiver: base.end(&mut reader),
                target: reader.optional_text(),
                replaces: reader.optional_text(),
                target_dialog: reader.optional_text(),
                referred_by: reader.optional_text(),
                response: base.status(&mut reader),
                notified: base.status(&mut reader),
            })
        })
    }

    /// The packed identifiers of one kind.
    fn list_of(&self, kind: IdentifierKind) -> Reader<'o> {
        let mut reader = Reader { rest: self.lists.0 };
        let (length, kinds) = (reader.number(), reader.number_32());
        if kinds & bit_of(kind) == 0 {
            return Reader { rest: &[] };
        }
        let mut all = Reader { rest: reader.bytes(length as usize) };
        while !all.rest.is_empty() {
            let (found, list) = (all.byte(), all.text());
            if found == kind as u8 {
                return Reader { rest: list };
            }
        }
        Reader { rest: &[] }
    }

    /// The identifiers of one kind by value, then by who said it. Media and Request-URIs have functions
    /// of their own, and of kinds that no rule reads there are none.
    pub fn of_kind(&self, kind: IdentifierKind) -> impl Iterator<Item = Said<'o>> + use<'o> {
        let is_other = is_media(kind) || kind == IdentifierKind::RequestUri;
        let mut reader = if is_other { Reader { rest: &[] } } else { self.list_of(kind) };
        let (base, mut value): (Base, &[u8]) = (base_of(self), &[]);
        std::iter::from_fn(move || {
            if reader.rest.is_empty() {
                return None;
            }
            if let Some(length) = reader.number().checked_sub(1) {
                value = reader.bytes(length as usize);
            }
            let said_by = base.end(&mut reader);
            let Moment { time, record } = reader.moment(base.started);
            Some(Said { value, said_by, first: time, record })
        })
    }

    /// The media that the leg names by one kind: its address or its `o=` line; in the order of their
    /// texts, then of who said them.
    pub fn streams(&self, kind: IdentifierKind) -> impl Iterator<Item = Stream<'o>> + use<'o> {
        let mut reader = if is_media(kind) { self.list_of(kind) } else { Reader { rest: &[] } };
        let (base, mut value) = (base_of(self), MediaValue::Text(kind, &[]));
        let is_origin = kind == IdentifierKind::MediaOrigin;
        std::iter::from_fn(move || {
            if reader.rest.is_empty() {
                return None;
            }
            let form = reader.byte();
            let said_by = match form & !FORM {
                BY_SOURCE => base.source,
                BY_DESTINATION => base.destination,
                _ => reader.end(),
            };
            value = match form & FORM {
                AS_BEFORE => value,
                OF_SAYER if is_origin => MediaValue::Origin(reader.number(), said_by.address),
                OF_SAYER => {
                    let port = reader.number() as u16;
                    MediaValue::Address(Endpoint { port, ..said_by })
                }
                OF_OTHER if is_origin => MediaValue::Origin(reader.number(), reader.end().address),
                OF_OTHER => MediaValue::Address(reader.end()),
                _ => MediaValue::Text(kind, reader.text()),
            };
            let Moment { time, record } = reader.moment(base.started);
            Some(Stream { value, said_by, first: time, record })
        })
    }

    /// The Request-URIs of its INVITEs, each once, by their texts.
    pub fn request_uris(&self) -> impl Iterator<Item = Target<'o>> + use<'o> {
        let mut reader = self.list_of(IdentifierKind::RequestUri);
        let (called, source, destination) = (self.called, self.source, self.destination);
        std::iter::from_fn(move || {
            if reader.rest.is_empty() {
                return None;
            }
            let form = reader.byte();
            let user = if form & USER_IS_CALLED != 0 { called } else { reader.text() };
            let host = match form & HOST {
                HOST_TEXT => Host::Text(reader.text()),
                HOST_IS_SOURCE => Host::Address(source.address),
                HOST_IS_DESTINATION => Host::Address(destination.address),
                HOST_ADDRESS => Host::Address(reader.end().address),
                _ => Host::None,
            };
            Some(Target { user, host })
        })
    }
}
