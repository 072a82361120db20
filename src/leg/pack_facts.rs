//! The messages of a leg to bytes and back.
//!
//! The messages of a dialog repeat each other: each says what it has of the one before, and what else it has.

use super::codec::{Reader, Writer, put, put_bytes};
use super::fact::{FactKey, FactTimes, MESSAGE_GAP_NS, MessageKind, MessageSpans};
use super::fact_set::{Fact, FactSet, NO_PARTIES, PackedParties};
use super::pack::{PackBase, Places, put_spans, read_spans};
use super::texts::{Text, TextView};
use super::via_branch::ViaBranch;
use super::view::LegView;
use crate::base::{CaptureTime, Endpoint};
use crate::sip::Method;

/// Methods by number.
const METHODS: [Method; 15] = [
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Register,
    Method::Options,
    Method::Prack,
    Method::Update,
    Method::Info,
    Method::Refer,
    Method::Subscribe,
    Method::Notify,
    Method::Message,
    Method::Publish,
    Method::Other,
];
/// Numbers of kinds from here on are responses, this one plus their status.
const RESPONSES: u32 = 16;

/// Bits of the byte that each message begins with; its upper half is the CSeq method.
const AUTH_FAILED: u8 = 1;
const HAS_SDP: u8 = 2;
const HAS_PARTIES: u8 = 4;
const HAS_SPANS: u8 = 8;

/// Bits of its second byte: what it has of the message before, and what follows.
const OTHER_CSEQ: u8 = 1;
const OTHER_BRANCH: u8 = 2;
/// From tag and To tag.
const TAGS: u8 = 3 << 2;
const SAME_TAGS: u8 = 0;
const SWAPPED_TAGS: u8 = 1 << 2;
const OTHER_TO_TAG: u8 = 2 << 2;
const OTHER_TAGS: u8 = 3 << 2;
/// Source and destination.
const ENDS: u8 = 3 << 4;
const SAME_ENDS: u8 = 0;
const SWAPPED_ENDS: u8 = 1 << 4;
const OTHER_ENDS: u8 = 2 << 4;
/// What it is: a request of the CSeq method, a response that every call has, or the number that follows.
const KIND: u8 = 3 << 6;
const IS_OF_CSEQ: u8 = 0;
const IS_OK: u8 = 1 << 6;
const IS_TRYING: u8 = 2 << 6;
const OTHER_KIND: u8 = 3 << 6;

/// Bits of the byte that the numbers of an INVITE begin with: the users that are there have those above.
const IS_CSTA: u8 = 1;
const FIRST_USER: u8 = 2;

/// What most messages have of the one before, with strings and addresses in any form.
#[derive(Clone, Copy, Default)]
struct Before<S, E> {
    cseq_number: u32,
    /// Of From and of To.
    tags: (S, S),
    branch: S,
    /// Source and destination.
    ends: (E, E),
}

/// The rest of a message, but for its times.
struct Head {
    kind: MessageKind,
    cseq_method: Method,
    bits: u8,
    parties: u16,
}

impl Head {
    const fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }
}

impl FactSet {
    /// Appends the messages.
    pub(super) fn pack(&self, bytes: &mut Vec<u8>, base: PackBase) {
        put_bytes(bytes, self.texts.as_bytes());
        put(bytes, self.parties.len() as u64);
        self.parties.iter().for_each(|parties| pack_parties(bytes, parties));
        put(bytes, self.facts.len() as u64);
        let (mut places, mut writer) = (Places::new(base), Writer::new(bytes));
        let mut before = Before::default();
        for fact in &self.facts {
            let moment = moment_of(fact);
            pack_fact(&mut writer, fact, moment.is_some(), &before);
            before = Before {
                cseq_number: fact.cseq_number,
                tags: (fact.from_tag, fact.to_tag),
                branch: fact.branch,
                ends: (fact.source, fact.destination),
            };
            match moment {
                Some(moment) => writer.put(base.units_of(moment) as u64),
                None => put_spans(writer.flush(), fact.times.spans.as_slice(), base),
            }
            places.put(&mut writer, fact.times.record);
        }
        writer.flush();
    }

    /// Takes what [`Self::pack`] appended; what was there is gone.
    pub(super) fn unpack(&mut self, reader: &mut Reader<'_>, base: PackBase) {
        self.texts.set_bytes(reader.bytes());
        self.parties.clear();
        let count = reader.count();
        self.parties.reserve(count);
        for _ in 0..count {
            self.parties.push(unpack_parties(reader));
        }
        self.facts.clear();
        self.forget_near();
        let (mut places, mut before) = (Places::new(base), Before::default());
        let count = reader.count();
        self.facts.reserve(count);
        for _ in 0..count {
            let head = read_message(reader, &mut before, |text| text, |text| text);
            let spans = if head.has(HAS_SPANS) {
                read_spans(reader, base)
            } else {
                MessageSpans::of(moment(reader, base))
            };
            let Before { cseq_number, tags, branch, ends } = before;
            self.facts.push(Fact {
                times: FactTimes { spans, record: places.read(reader) },
                cseq_number,
                kind: head.kind,
                from_tag: tags.0,
                to_tag: tags.1,
                branch,
                source: ends.0,
                destination: ends.1,
                parties: head.parties,
                cseq_method: head.cseq_method,
                auth_failed: head.has(AUTH_FAILED),
                has_sdp: head.has(HAS_SDP),
            });
        }
    }
}

/// Reads what [`FactSet::pack`] appended, without making a set of it.
pub(super) fn read_facts<'b>(reader: &mut Reader<'b>, base: PackBase, into: &mut LegView<'b>) {
    let texts = TextView(reader.bytes());
    for _ in 0..reader.count() {
        into.push_parties(unpack_parties(reader).view(texts));
    }
    let mut places = Places::new(base);
    let none = (Endpoint::UNKNOWN, Endpoint::UNKNOWN);
    let mut before = Before { cseq_number: 0, tags: (&[][..], &[][..]), branch: &[], ends: none };
    let count = reader.count();
    // A reader of its own, of which the usual message lends nobody the address.
    let mut own = *reader;
    for _ in 0..count {
        let (text, end) = (|text| texts.get(text), |text| texts.endpoint(text));
        let head = read_message(&mut own, &mut before, text, end);
        let first = if head.has(HAS_SPANS) {
            let mut behind = own;
            let spans = read_spans::<MESSAGE_GAP_NS>(&mut behind, base);
            own = behind;
            into.push_spans(spans.as_slice())
        } else {
            moment(&mut own, base)
        };
        let key = FactKey {
            cseq_number: before.cseq_number,
            kind: head.kind,
            cseq_method: head.cseq_method,
            from_tag: before.tags.0,
            to_tag: before.tags.1,
            branch: ViaBranch::of_kept(before.branch),
            source: before.ends.0,
            destination: before.ends.1,
            auth_failed: head.has(AUTH_FAILED),
            has_sdp: head.has(HAS_SDP),
        };
        into.push(key, first, places.read(&mut own), head.parties);
    }
    *reader = own;
}

/// A string by its number.
#[inline(always)]
fn text(reader: &mut Reader<'_>) -> Text {
    Text::from_number(reader.small())
}

/// Appends the numbers of an INVITE: which there are, and those.
fn pack_parties(bytes: &mut Vec<u8>, parties: &PackedParties) {
    let users = parties.users.iter().enumerate().filter(|(_, user)| **user != Text::EMPTY);
    let is_csta = if parties.is_csta { IS_CSTA } else { 0 };
    bytes.push(users.clone().fold(is_csta, |bits, (at, _)| bits | FIRST_USER << at));
    for (_, user) in users {
        put(bytes, u64::from(user.to_number()));
    }
}

/// Reads the numbers of an INVITE.
fn unpack_parties(reader: &mut Reader<'_>) -> PackedParties {
    let bits = reader.byte();
    let mut users = [Text::EMPTY; 6];
    for (at, user) in users.iter_mut().enumerate() {
        if bits & FIRST_USER << at != 0 {
            *user = text(reader);
        }
    }
    PackedParties { users, is_csta: bits & IS_CSTA != 0 }
}

/// A message is packed as at most so many numbers and bytes, its spans aside.
const PACKED_NUMBERS: usize = 14;

/// The only moment at which a message was seen; absent where there are more.
fn moment_of(fact: &Fact) -> Option<CaptureTime> {
    match fact.times.spans.as_slice() {
        [span] if span.first == span.last => Some(span.first),
        _ => None,
    }
}

/// Adds a message but for its times, which are to follow: a moment or spans.
#[inline(always)]
fn pack_fact(
    writer: &mut Writer<'_>,
    fact: &Fact,
    is_seen_once: bool,
    before: &Before<Text, Text>,
) {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let bits = flag(fact.auth_failed, AUTH_FAILED)
        | flag(fact.has_sdp, HAS_SDP)
        | flag(fact.parties != NO_PARTIES, HAS_PARTIES)
        | flag(!is_seen_once, HAS_SPANS);
    let tags = match (fact.from_tag, fact.to_tag) {
        tags if tags == before.tags => SAME_TAGS,
        (from, to) if (to, from) == before.tags => SWAPPED_TAGS,
        (from, _) if from == before.tags.0 => OTHER_TO_TAG,
        _ => OTHER_TAGS,
    };
    let ends = match (fact.source, fact.destination) {
        ends if ends == before.ends => SAME_ENDS,
        (source, destination) if (destination, source) == before.ends => SWAPPED_ENDS,
        _ => OTHER_ENDS,
    };
    let (kind, number) = match fact.kind {
        MessageKind::Request(method) if method == fact.cseq_method => (IS_OF_CSEQ, 0),
        MessageKind::Response(200) => (IS_OK, 0),
        MessageKind::Response(100) => (IS_TRYING, 0),
        MessageKind::Request(method) => (OTHER_KIND, method as u32),
        MessageKind::Response(status) => (OTHER_KIND, RESPONSES + u32::from(status)),
    };
    let is_other_cseq = fact.cseq_number != before.cseq_number;
    let is_other_branch = fact.branch != before.branch;
    writer.make_room(PACKED_NUMBERS);
    writer.byte(bits | (fact.cseq_method as u8) << 4);
    let others = flag(is_other_cseq, OTHER_CSEQ) | flag(is_other_branch, OTHER_BRANCH);
    writer.byte(others | tags | ends | kind);
    let mut put = |is_there: bool, number: u32| {
        if is_there {
            writer.put(u64::from(number));
        }
    };
    put(kind == OTHER_KIND, number);
    put(is_other_cseq, fact.cseq_number);
    put(tags == OTHER_TAGS, fact.from_tag.to_number());
    put(tags >= OTHER_TO_TAG, fact.to_tag.to_number());
    put(is_other_branch, fact.branch.to_number());
    put(ends == OTHER_ENDS, fact.source.to_number());
    put(ends == OTHER_ENDS, fact.destination.to_number());
    put(fact.parties != NO_PARTIES, u32::from(fact.parties));
}

/// The only moment of a message.
#[inline(always)]
fn moment(reader: &mut Reader<'_>, base: PackBase) -> CaptureTime {
    base.time(reader.number() as i64)
}

/// Reads a message but for its times, which stand behind it. `before` is what the one before had, and
/// becomes what this one has; `text` and `end` make of the strings that lie before all messages what is
/// wanted of them.
#[inline(always)]
fn read_message<S: Copy, E: Copy>(
    reader: &mut Reader<'_>,
    before: &mut Before<S, E>,
    string: impl Fn(Text) -> S,
    end: impl Fn(Text) -> E,
) -> Head {
    let (bits, like) = (reader.byte(), reader.byte());
    let method = |number: u32| METHODS.get(number as usize).copied().unwrap_or(Method::Other);
    let cseq_method = method(u32::from(bits >> 4));
    let kind = match like & KIND {
        IS_OF_CSEQ => MessageKind::Request(cseq_method),
        IS_OK => MessageKind::Response(200),
        IS_TRYING => MessageKind::Response(100),
        _ => match reader.small() {
            number @ 0..RESPONSES => MessageKind::Request(method(number)),
            number => MessageKind::Response((number - RESPONSES) as u16),
        },
    };
    if like & OTHER_CSEQ != 0 {
        before.cseq_number = reader.small();
    }
    match like & TAGS {
        SAME_TAGS => {}
        SWAPPED_TAGS => before.tags = (before.tags.1, before.tags.0),
        OTHER_TO_TAG => before.tags.1 = string(text(reader)),
        _ => before.tags = (string(text(reader)), string(text(reader))),
    }
    if like & OTHER_BRANCH != 0 {
        before.branch = string(text(reader));
    }
    match like & ENDS {
        SAME_ENDS => {}
        SWAPPED_ENDS => before.ends = (before.ends.1, before.ends.0),
        _ => before.ends = (end(text(reader)), end(text(reader))),
    }
    let parties = if bits & HAS_PARTIES != 0 { reader.small() as u16 } else { NO_PARTIES };
    Head { kind, cseq_method, bits, parties }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_stand_by_their_number() {
        for (number, method) in METHODS.into_iter().enumerate() {
            assert_eq!(method as usize, number);
        }
        assert_eq!(METHODS.last(), Some(&Method::Other), "the last of the methods");
    }
}
