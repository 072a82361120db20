//! The messages of a leg to bytes and back.

use super::codec::{Reader, Writer, put, put_bytes};
use super::fact::{FactTimes, MESSAGE_GAP_NS, MessageKind, MessageSpans};
use super::fact_set::{Fact, FactSet, NO_PARTIES, PackedParties};
use super::pack::{PackBase, Places, put_spans, read_spans};
use super::texts::{Text, TextView};
use super::view::LegView;
use crate::base::CaptureTime;
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

impl FactSet {
    /// Appends the messages.
    pub(super) fn pack(&self, bytes: &mut Vec<u8>, base: PackBase) {
        put_bytes(bytes, self.texts.as_bytes());
        put(bytes, self.parties.len() as u64);
        for parties in &self.parties {
            bytes.push(u8::from(parties.is_csta));
            for user in parties.users {
                put(bytes, u64::from(user.to_number()));
            }
        }
        put(bytes, self.facts.len() as u64);
        let (mut places, mut writer) = (Places::new(base), Writer::new(bytes));
        for fact in &self.facts {
            pack_fact(&mut writer, fact, base, &mut places);
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
        let mut places = Places::new(base);
        let count = reader.count();
        self.facts.reserve(count);
        for _ in 0..count {
            self.facts.push(unpack_fact(reader, |reader, has_spans| {
                let spans = if has_spans {
                    read_spans(reader, base)
                } else {
                    MessageSpans::of(moment(reader, base))
                };
                FactTimes { spans, record: places.read(reader) }
            }));
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
    let count = reader.count();
    // A reader of its own, of which the usual message lends nobody the address.
    let mut own = *reader;
    for _ in 0..count {
        let fact = unpack_fact(&mut own, |reader, has_spans| {
            let first = if has_spans {
                let mut behind = *reader;
                let spans = read_spans::<MESSAGE_GAP_NS>(&mut behind, base);
                *reader = behind;
                into.push_spans(spans.as_slice())
            } else {
                moment(reader, base)
            };
            (first, places.read(reader))
        });
        let (first, record) = fact.times;
        into.push(fact.key(texts), first, record, fact.parties);
    }
    *reader = own;
}

/// A string by its number.
#[inline]
fn text(reader: &mut Reader<'_>) -> Text {
    Text::from_number(reader.small())
}

/// Reads the numbers of an INVITE.
fn unpack_parties(reader: &mut Reader<'_>) -> PackedParties {
    let is_csta = reader.byte() != 0;
    PackedParties { users: [(); 6].map(|()| text(reader)), is_csta }
}

/// A message is packed as at most so many numbers and bytes, its spans aside.
const PACKED_NUMBERS: usize = 13;

fn pack_fact(writer: &mut Writer<'_>, fact: &Fact, base: PackBase, places: &mut Places) {
    let spans = fact.times.spans.as_slice();
    let moment = match spans {
        [span] if span.first == span.last => Some(span.first),
        _ => None,
    };
    let bits = [
        (fact.auth_failed, AUTH_FAILED),
        (fact.has_sdp, HAS_SDP),
        (fact.parties != NO_PARTIES, HAS_PARTIES),
        (moment.is_none(), HAS_SPANS),
    ];
    let bits = bits.iter().fold(0, |sum, (is_set, bit)| if *is_set { sum | bit } else { sum });
    writer.make_room(PACKED_NUMBERS);
    writer.byte(bits | (fact.cseq_method as u8) << 4);
    let kind = match fact.kind {
        MessageKind::Request(method) => method as u32,
        MessageKind::Response(status) => RESPONSES + u32::from(status),
    };
    writer.put(u64::from(kind));
    writer.put(u64::from(fact.cseq_number));
    for text in [fact.from_tag, fact.to_tag, fact.branch, fact.source, fact.destination] {
        writer.put(u64::from(text.to_number()));
    }
    if fact.parties != NO_PARTIES {
        writer.put(u64::from(fact.parties));
    }
    match moment {
        Some(moment) => writer.put_signed(moment.ns().wrapping_sub(base.first_ns)),
        None => put_spans(writer.flush(), spans, base),
    }
    places.put(writer, fact.times.record);
}

/// The only moment of a message.
#[inline]
fn moment(reader: &mut Reader<'_>, base: PackBase) -> CaptureTime {
    CaptureTime::from_ns(base.first_ns.wrapping_add(reader.signed()))
}

/// Reads a message; its strings are those that lie before all messages. `times` reads when it was seen,
/// which stands last: as spans, or as its only moment.
#[inline]
fn unpack_fact<'b, T>(
    reader: &mut Reader<'b>,
    times: impl FnOnce(&mut Reader<'b>, bool) -> T,
) -> Fact<T> {
    let bits = reader.byte();
    let method = |number: u32| METHODS.get(number as usize).copied().unwrap_or(Method::Other);
    let kind = match reader.small() {
        number @ 0..RESPONSES => MessageKind::Request(method(number)),
        number => MessageKind::Response((number - RESPONSES) as u16),
    };
    let cseq_number = reader.small();
    // One by one: a closure over an array of five is not made flat by the compiler.
    let (from_tag, to_tag, branch) = (text(reader), text(reader), text(reader));
    let (source, destination) = (text(reader), text(reader));
    let parties = if bits & HAS_PARTIES != 0 { reader.small() as u16 } else { NO_PARTIES };
    Fact {
        times: times(reader, bits & HAS_SPANS != 0),
        cseq_number,
        kind,
        from_tag,
        to_tag,
        branch,
        source,
        destination,
        parties,
        cseq_method: method(u32::from(bits >> 4)),
        auth_failed: bits & AUTH_FAILED != 0,
        has_sdp: bits & HAS_SDP != 0,
    }
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
