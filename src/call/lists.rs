//! The lists of an outline, packed: identifiers by kind, REFER transactions, dialogs.
//!
//! In: the parts of a leg. Out: its bytes, and the lists read out of them. Of the identifiers only those are
//! kept that rules or stories read.

use super::outline::{LegOutline, Moment};
use super::packed::{Base, Reader, put_end, put_moment, put_number, put_text, put_time};
use super::said::{Host, MediaValue, Said, Stream, Target};
use super::transactions::{Dialog, Refer};
use crate::base::Endpoint;
use crate::leg::codec;
use crate::leg::{Identifier, IdentifierKind, Sighting};

/// Forms of a media value; who said it, and at which moment of the leg, stands above them.
const TEXT: u8 = 0;
const OF_SAYER: u8 = 1;
const OF_OTHER: u8 = 2;
const AS_BEFORE: u8 = 3;
const FORM: u8 = 3;
const BY: u8 = 12;
const BY_SOURCE: u8 = 4;
const BY_DESTINATION: u8 = 8;
const WHEN: u8 = 48;
const AT_OTHER: u8 = 0;
const AT_START: u8 = 16;
const AT_ANSWER: u8 = 32;
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

fn base_of(head: &LegOutline<'_>) -> Base {
    Base { started: head.started, source: head.source, destination: head.destination }
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

/// Which kinds of identifier there are; the identifiers of each kind behind the kind and their length, all
/// of them behind their length; the REFER requests behind their length; the dialogs.
/// `list` is room; the identifiers come by kind and value.
pub(super) fn put_lists<'l>(
    bytes: &mut Vec<u8>,
    list: &mut Vec<u8>,
    head: &LegOutline<'_>,
    identifiers: impl Iterator<Item = (Identifier<'l>, Sighting)>,
    refers: &[Refer<'_>],
    dialogs: &[Dialog<'_>],
) {
    let base = base_of(head);
    list.clear();
    let mut kinds = if refers.is_empty() { 0 } else { REFERS };
    // The kind that is put now, where its identifiers begin, and the value that was put last.
    let mut now: Option<(IdentifierKind, usize, &[u8])> = None;
    for (said, sighting) in identifiers.filter(|(said, _)| is_read(said.kind)) {
        let before = now.filter(|(kind, ..)| *kind == said.kind);
        let start = before.map_or_else(
            || {
                end_kind(list, now);
                kinds |= bit_of(said.kind);
                list.extend_from_slice(&[said.kind as u8, 0]);
                list.len()
            },
            |(_, start, _)| start,
        );
        put_said(list, head, &base, (&said, sighting), before.map(|(.., value)| value));
        now = Some((said.kind, start, said.value));
    }
    end_kind(list, now);
    put_number(bytes, u64::from(kinds));
    put_text(bytes, list);
    list.clear();
    for refer in refers {
        put_refer(list, &base, refer);
    }
    put_text(bytes, list);
    for dialog in dialogs {
        put_text(bytes, dialog.tags.0);
        put_text(bytes, dialog.tags.1);
        let answer = head.answered.map(|answer| answer.time);
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

/// Puts the length of the identifiers of one kind before them, where a byte was left for it, which is enough
/// as a rule: it is known only now.
fn end_kind(list: &mut Vec<u8>, kind: Option<(IdentifierKind, usize, &[u8])>) {
    let Some((_, start, _)) = kind else { return };
    let length = (list.len() - start) as u64;
    match (codec::small(length), list.get_mut(start - 1)) {
        (Some(length), Some(room)) => *room = length,
        _ => {
            let mut long = Vec::new();
            put_number(&mut long, length);
            list.splice(start - 1..start, long);
        }
    }
}

/// Beside the kinds that there are: there are REFER transactions.
const REFERS: u32 = 1 << 31;

/// The place of a kind among the kinds that there are.
const fn bit_of(kind: IdentifierKind) -> u32 {
    1 << kind as u32
}

/// Puts one identifier; `before` is the value of the one before, if that is of the same kind. Called from one
/// place, for each identifier of each leg: the call itself would cost a tenth of it.
#[inline(always)]
fn put_said(
    list: &mut Vec<u8>,
    head: &LegOutline<'_>,
    base: &Base,
    (said, sighting): (&Identifier<'_>, Sighting),
    before: Option<&[u8]>,
) {
    let is_repeated = before == Some(said.value);
    if said.kind == IdentifierKind::RequestUri {
        if !is_repeated {
            put_target(list, head, Target::of(said.value));
        }
        return;
    }
    let seen = Moment { time: sighting.first, record: sighting.record };
    if is_media(said.kind) {
        let when = match seen {
            seen if seen == head.started => AT_START,
            seen if head.answered == Some(seen) => AT_ANSWER,
            _ => AT_OTHER,
        };
        put_media(list, base, said, is_repeated, when);
        if when != AT_OTHER {
            return;
        }
    } else {
        // An equal value is that of the one before: its length is one more otherwise.
        put_number(list, if is_repeated { 0 } else { said.value.len() as u64 + 1 });
        list.extend_from_slice(if is_repeated { &[] } else { said.value });
        base.put_end(list, said.said_by);
    }
    put_moment(list, seen, base.started);
}

/// Puts what was said and who said it; `when` tells of the moment, or that it follows.
fn put_media(list: &mut Vec<u8>, base: &Base, said: &Identifier<'_>, is_repeated: bool, when: u8) {
    let by = match said.said_by {
        end if end == base.source => BY_SOURCE,
        end if end == base.destination => BY_DESTINATION,
        _ => 0,
    };
    if is_repeated {
        list.push(AS_BEFORE | by | when);
        if by == 0 {
            put_end(list, said.said_by);
        }
        return;
    }
    let value = MediaValue::of(said.kind, said.value);
    let form = match value {
        MediaValue::Text(..) => TEXT,
        _ if value.address() == Some(said.said_by.address) => OF_SAYER,
        _ => OF_OTHER,
    };
    list.push(form | by | when);
    if by == 0 {
        put_end(list, said.said_by);
    }
    match (form, value) {
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
    pub fn dialogs(self) -> impl Iterator<Item = Dialog<'o>> {
        let mut reader = Reader { rest: self.lists.bytes };
        let (_, _) = (reader.text(), reader.text());
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
    pub fn refers(self) -> impl Iterator<Item = Refer<'o>> {
        let mut reader = Reader { rest: self.lists.bytes };
        let (_, list) = (reader.text(), reader.text());
        let (mut reader, base) = (Reader { rest: list }, base_of(&self));
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

    /// Whether it has identifiers of a kind that rules read.
    #[must_use]
    pub const fn has_kind(&self, kind: IdentifierKind) -> bool {
        self.lists.kinds & bit_of(kind) != 0
    }

    /// Whether it has REFER transactions.
    #[must_use]
    pub const fn has_refers(&self) -> bool {
        self.lists.kinds & REFERS != 0
    }

    /// The packed identifiers of one kind.
    fn list_of(self, kind: IdentifierKind) -> Reader<'o> {
        if !self.has_kind(kind) {
            return Reader { rest: &[] };
        }
        let mut all = Reader { rest: Reader { rest: self.lists.bytes }.text() };
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
    pub fn of_kind(self, kind: IdentifierKind) -> impl Iterator<Item = Said<'o>> {
        let is_other = is_media(kind) || kind == IdentifierKind::RequestUri;
        let mut reader = if is_other { Reader { rest: &[] } } else { self.list_of(kind) };
        let (base, mut value): (Base, &[u8]) = (base_of(&self), &[]);
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
    pub fn streams(self, kind: IdentifierKind) -> impl Iterator<Item = Stream<'o>> {
        let mut reader = if is_media(kind) { self.list_of(kind) } else { Reader { rest: &[] } };
        let (base, mut value) = (base_of(&self), MediaValue::Text(kind, &[]));
        let answered = self.answered;
        let is_origin = kind == IdentifierKind::MediaOrigin;
        std::iter::from_fn(move || {
            if reader.rest.is_empty() {
                return None;
            }
            let form = reader.byte();
            let said_by = match form & BY {
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
            let Moment { time, record } = match form & WHEN {
                AT_START => base.started,
                AT_ANSWER => answered.unwrap_or(base.started),
                _ => reader.moment(base.started),
            };
            Some(Stream { value, said_by, first: time, record })
        })
    }

    /// The values of [`Self::streams`], each once.
    pub fn media_values(self, kind: IdentifierKind) -> impl Iterator<Item = MediaValue<'o>> {
        let mut reader = if is_media(kind) { self.list_of(kind) } else { Reader { rest: &[] } };
        let (source, destination) = (self.source, self.destination);
        let is_origin = kind == IdentifierKind::MediaOrigin;
        std::iter::from_fn(move || {
            while !reader.rest.is_empty() {
                let form = reader.byte();
                let is_followed = form & WHEN == AT_OTHER;
                let said_by = match form & BY {
                    BY_SOURCE => source,
                    BY_DESTINATION => destination,
                    _ => reader.end(),
                };
                let value = match form & FORM {
                    AS_BEFORE => {
                        if is_followed {
                            reader.skip_moment();
                        }
                        continue;
                    }
                    OF_SAYER if is_origin => MediaValue::Origin(reader.number(), said_by.address),
                    OF_SAYER => {
                        let port = reader.number() as u16;
                        MediaValue::Address(Endpoint { port, ..said_by })
                    }
                    OF_OTHER if is_origin => {
                        MediaValue::Origin(reader.number(), reader.end().address)
                    }
                    OF_OTHER => MediaValue::Address(reader.end()),
                    _ => MediaValue::Text(kind, reader.text()),
                };
                if is_followed {
                    reader.skip_moment();
                }
                return Some(value);
            }
            None
        })
    }

    /// The Request-URIs of its INVITEs, each once, by their texts.
    pub fn request_uris(self) -> impl Iterator<Item = Target<'o>> {
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
