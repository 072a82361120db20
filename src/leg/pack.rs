//! A leg to bytes and back: what legs are kept as, in memory and in files.
//!
//! A packed leg begins with what can be told without unpacking it (file, sensor, flags, first and last
//! moment, Call-ID); then come its messages, its identifiers and its media. Times stand as distances from
//! the first moment, in microseconds where all of them are whole ones; records as steps from one to the
//! next. Which bytes a leg has may depend on the order in which its messages came; the leg that they unpack
//! to does not.

use super::codec::{Reader, Writer, put, put_signed};
use super::fact_set::Digest;
use super::lattice::Leg;
use super::media::MediaActivity;
use super::midway::is_midway;
use crate::base::spans::Span;
use crate::base::{CaptureId, CaptureTime, FileId, RecordRef, SensorId, Spans};

/// The form of packed legs: files that hold another one are not read.
pub const PACK_VERSION: u32 = 2;

/// File (4 bytes), sensor (2), flags (1), length of the Call-ID (2), first moment (8).
const HEAD_BYTES: usize = 17;

const VENDOR_BLIND: u8 = 1;
const OVER_LIMIT: u8 = 2;
const HAS_INVITE: u8 = 4;
const HAS_REFER: u8 = 8;
const MIDWAY: u8 = 16;
const HAS_MESSAGES: u8 = 32;
const USUAL_TIMES: u8 = 64;

/// Moments of captures are microseconds as a rule.
const USUAL_NS: i64 = 1_000;

/// What distances are measured from.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackBase {
    pub(super) first_ns: i64,
    pub(super) file: FileId,
    /// Whether all distances between its times are whole microseconds.
    are_usual: bool,
}

impl PackBase {
    /// A distance between two times as it is packed.
    #[inline(always)]
    pub(super) const fn units(self, ns: i64) -> i64 {
        if self.are_usual { ns / USUAL_NS } else { ns }
    }

    /// What such a distance is in nanoseconds.
    #[inline(always)]
    pub(super) const fn ns(self, units: i64) -> i64 {
        units.wrapping_mul(if self.are_usual { USUAL_NS } else { 1 })
    }

    /// A time as it is packed.
    #[inline(always)]
    pub(super) const fn units_of(self, time: CaptureTime) -> i64 {
        self.units(time.ns().wrapping_sub(self.first_ns))
    }

    /// The time that is packed so.
    #[inline(always)]
    pub(super) const fn time(self, units: i64) -> CaptureTime {
        CaptureTime::from_ns(self.first_ns.wrapping_add(self.ns(units)))
    }

    /// How much later a time is, as it is packed.
    #[inline(always)]
    pub(super) const fn units_between(self, first: CaptureTime, last: CaptureTime) -> u64 {
        self.units(last.ns().wrapping_sub(first.ns())) as u64
    }

    /// The time that is so much later.
    #[inline(always)]
    pub(super) const fn later(self, first: CaptureTime, units: u64) -> CaptureTime {
        CaptureTime::from_ns(first.ns().wrapping_add(self.ns(units as i64)))
    }
}

/// Whether all times of a leg lie whole microseconds behind a moment.
fn are_usual(leg: &Leg, first_ns: i64) -> bool {
    let is_usual = |time: CaptureTime| time.ns().wrapping_sub(first_ns) % USUAL_NS == 0;
    // Most things were seen once.
    let both = |first, last| is_usual(first) && (last == first || is_usual(last));
    let of_spans = |spans: &[Span]| spans.iter().all(|span| both(span.first, span.last));
    leg.facts.times().all(|times| of_spans(times.spans.as_slice()))
        && leg.identifiers().sightings().all(|seen| both(seen.first, seen.last))
        && of_spans(leg.media().rtp.as_slice())
        && of_spans(leg.media().rtcp.as_slice())
}

/// Records as steps from one to the next.
pub(super) struct Places {
    base: PackBase,
    last: RecordRef,
}

impl Places {
    pub(super) const fn new(base: PackBase) -> Self {
        let capture = CaptureId { file: base.file, member: 0 };
        Self { base, last: RecordRef { capture, index: 0 } }
    }

    /// Adds a record: three numbers at most.
    #[inline(always)]
    pub(super) fn put(&mut self, writer: &mut Writer<'_>, record: RecordRef) {
        let step = i64::from(record.index) - i64::from(self.last.index);
        let moved = record.capture != self.last.capture;
        writer.put(((step << 1 ^ step >> 63) as u64) << 1 | u64::from(moved));
        if moved {
            let CaptureId { file, member } = record.capture;
            writer.put_signed(i64::from(file.0) - i64::from(self.base.file.0));
            writer.put(u64::from(member));
        }
        self.last = record;
    }

    /// Reads a record.
    #[inline(always)]
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> RecordRef {
        let number = reader.number();
        let step = (number >> 2) as i64 ^ -((number >> 1 & 1) as i64);
        self.last.index = i64::from(self.last.index).wrapping_add(step) as u32;
        if number & 1 != 0 {
            (self.last.capture, *reader) = read_capture(*reader, self.base);
        }
        self.last
    }
}

/// The capture of a record that is of another one than the record before, and what is behind it.
fn read_capture(mut reader: Reader<'_>, base: PackBase) -> (CaptureId, Reader<'_>) {
    let file = i64::from(base.file.0).wrapping_add(reader.signed()) as u32;
    (CaptureId { file: FileId(file), member: reader.small() }, reader)
}

/// Appends spans.
pub(super) fn put_spans(bytes: &mut Vec<u8>, spans: &[Span], base: PackBase) {
    put(bytes, spans.len() as u64);
    for span in spans {
        put_signed(bytes, base.units_of(span.first));
        put(bytes, base.units_between(span.first, span.last));
    }
}

/// Reads spans.
pub(super) fn read_spans<const GAP_NS: i64>(
    reader: &mut Reader<'_>,
    base: PackBase,
) -> Spans<GAP_NS> {
    let mut spans = Spans::default();
    for _ in 0..reader.count() {
        let first = base.time(reader.signed());
        let last = base.later(first, reader.number());
        spans.insert_span(Span { first, last: last.max(first) });
    }
    spans
}

/// Appends a leg.
pub fn pack(leg: &Leg, bytes: &mut Vec<u8>) {
    let Digest { first, last, has_invite, has_refer } = leg.facts.digest();
    let mut flags = 0;
    let mut set = |is_set: bool, flag: u8| flags |= if is_set { flag } else { 0 };
    set(leg.is_vendor_blind(), VENDOR_BLIND);
    set(leg.is_over_limit(), OVER_LIMIT);
    set(has_invite, HAS_INVITE);
    set(has_refer, HAS_REFER);
    set(is_midway(leg), MIDWAY);
    set(first.is_some(), HAS_MESSAGES);
    let file = leg.facts.times().next().map(|times| times.record.capture.file);
    let first_ns = first.unwrap_or_default().ns();
    let are_usual = are_usual(leg, first_ns);
    set(are_usual, USUAL_TIMES);
    let base = PackBase { first_ns, file: file.unwrap_or_default(), are_usual };
    bytes.extend_from_slice(&base.file.0.to_le_bytes());
    bytes.extend_from_slice(&leg.sensor().0.to_le_bytes());
    bytes.push(flags);
    // The table takes none longer than `CALL_ID_BYTES_MAX`.
    let length = u16::try_from(leg.call_id().len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&base.first_ns.to_le_bytes());
    bytes.extend_from_slice(&leg.call_id()[..usize::from(length)]);
    let last = last.unwrap_or_default();
    put(bytes, base.units_of(last) as u64);
    leg.facts.pack(bytes, base);
    leg.identifiers().pack(bytes, base, &leg.facts);
    put_spans(bytes, leg.media().rtp.as_slice(), base);
    put_spans(bytes, leg.media().rtcp.as_slice(), base);
}

/// What legs are sorted by.
pub type LegKey<'k> = (SensorId, &'k [u8]);

/// The bytes of one leg.
#[derive(Clone, Copy, Debug)]
pub struct PackedLeg<'p> {
    bytes: &'p [u8],
    head: [u8; HEAD_BYTES],
}

impl<'p> PackedLeg<'p> {
    /// The leg in these bytes, which [`pack`] made. Other bytes give some leg.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'p [u8]) -> Self {
        let head = bytes.first_chunk().copied().unwrap_or([0; HEAD_BYTES]);
        Self { bytes, head }
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'p [u8] {
        self.bytes
    }

    /// Sensor and Call-ID.
    #[must_use]
    #[inline]
    pub fn key(&self) -> LegKey<'p> {
        (self.sensor(), self.call_id())
    }

    /// The sensor that saw it.
    #[must_use]
    #[inline]
    pub const fn sensor(&self) -> SensorId {
        SensorId(u16::from_le_bytes([self.head[4], self.head[5]]))
    }

    /// The Call-ID.
    #[must_use]
    #[inline]
    pub fn call_id(&self) -> &'p [u8] {
        let length = u16::from_le_bytes([self.head[7], self.head[8]]);
        self.bytes.get(HEAD_BYTES..HEAD_BYTES + usize::from(length)).unwrap_or_default()
    }

    const fn has(&self, flag: u8) -> bool {
        self.head[6] & flag != 0
    }

    /// As [`Leg::has_invite`].
    #[must_use]
    pub const fn has_invite(&self) -> bool {
        self.has(HAS_INVITE)
    }

    /// Whether it holds a REFER.
    #[must_use]
    pub const fn has_refer(&self) -> bool {
        self.has(HAS_REFER)
    }

    /// As [`is_midway`].
    #[must_use]
    pub const fn is_midway(&self) -> bool {
        self.has(MIDWAY)
    }

    /// As [`Leg::is_vendor_blind`].
    #[must_use]
    pub const fn is_vendor_blind(&self) -> bool {
        self.has(VENDOR_BLIND)
    }

    /// As [`Leg::is_over_limit`].
    #[must_use]
    pub const fn is_over_limit(&self) -> bool {
        self.has(OVER_LIMIT)
    }

    const fn first_ns(&self) -> i64 {
        let [.., a, b, c, d, e, f, g, h] = self.head;
        i64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// As [`Leg::first_seen`].
    #[must_use]
    pub fn first_seen(&self) -> Option<CaptureTime> {
        self.has(HAS_MESSAGES).then(|| CaptureTime::from_ns(self.first_ns()))
    }

    fn body(&self) -> Reader<'p> {
        Reader(self.bytes.get(HEAD_BYTES + self.call_id().len()..).unwrap_or_default())
    }

    /// As [`Leg::last_signal`].
    #[must_use]
    pub fn last_signal(&self) -> Option<CaptureTime> {
        self.has(HAS_MESSAGES).then(|| self.base().time(self.body().number() as i64))
    }

    /// What stands behind the head: messages, identifiers, media.
    pub(super) fn facts(&self) -> (Reader<'p>, PackBase) {
        let mut reader = self.body();
        reader.number();
        (reader, self.base())
    }

    const fn base(&self) -> PackBase {
        let [a, b, c, d, ..] = self.head;
        let file = FileId(u32::from_le_bytes([a, b, c, d]));
        PackBase { first_ns: self.first_ns(), file, are_usual: self.has(USUAL_TIMES) }
    }

    /// Reads what stands behind messages and identifiers.
    pub(super) fn media(reader: &mut Reader<'_>, base: PackBase) -> MediaActivity {
        MediaActivity { rtp: read_spans(reader, base), rtcp: read_spans(reader, base) }
    }

    /// Makes `leg` this leg; what it was is gone.
    pub fn unpack(&self, leg: &mut Leg) {
        leg.reset(self.sensor(), self.call_id());
        if self.is_vendor_blind() {
            leg.mark_vendor_blind();
        }
        if self.is_over_limit() {
            leg.mark_over_limit();
        }
        let (mut reader, base) = self.facts();
        leg.facts.unpack(&mut reader, base);
        leg.unpack_identifiers(&mut reader, base);
        *leg.media_mut() = Self::media(&mut reader, base);
    }
}

/// Gives a packed leg another number of its file and another sensor; all its records are of one file.
pub fn renumber(bytes: &mut [u8], file: FileId, sensor: SensorId) {
    if let Some(head) = bytes.first_chunk_mut::<6>() {
        head[..4].copy_from_slice(&file.0.to_le_bytes());
        head[4..].copy_from_slice(&sensor.0.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::fact::tests::AnyKey;
    use super::super::identifier::{Identifier, IdentifierKind};
    use super::super::lattice::tests::{Fact, any_fact, leg_of};
    use super::super::view::LegView;
    use super::*;
    use proptest::prelude::*;

    fn packed(leg: &Leg) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack(leg, &mut bytes);
        bytes
    }

    fn unpacked(bytes: &[u8]) -> Leg {
        let mut leg = Leg::new(SensorId(9), b"what it was is gone");
        PackedLeg::new(bytes).unpack(&mut leg);
        leg
    }

    /// What a message says about others, seen where it was seen: an address of media and an `o=` line, of
    /// which one may name the host of the other.
    fn said_by_message(fact: &Fact) -> Vec<Fact> {
        const ADDRESSES: [&[u8]; 5] = [b"10.0.0.1:1", b"10.0.0.1:2", b"10.0.0.2:1", b":7", b"host"];
        const ORIGINS: [&[u8]; 4] = [b"1 10.0.0.1", b"1 10.0.0.2", b"2 10.0.0.1", b"10.0.0.3"];
        let Fact::Message(key, _, time, index) = fact else { return Vec::new() };
        let said = |kind, value| {
            let said_by = key.source;
            let identifier = Identifier { kind, value, said_by, cseq: key.cseq_number };
            Fact::Identifier(identifier, *time, *index)
        };
        let (address, origin) = (*index as usize, (*index / 5) as usize);
        vec![
            said(IdentifierKind::MediaAddress, ADDRESSES[address % ADDRESSES.len()]),
            said(IdentifierKind::MediaOrigin, ORIGINS[origin % ORIGINS.len()]),
        ]
    }

    fn time_of(fact: &mut Fact) -> &mut i64 {
        match fact {
            Fact::Message(_, _, time, _) | Fact::Identifier(_, time, _) | Fact::Rtp(time) => time,
        }
    }

    /// Facts of a leg, some of which say what its messages say; at whole microseconds or at any times.
    fn any_facts(count: usize) -> impl Strategy<Value = Vec<Fact>> {
        let facts = prop::collection::vec(any_fact(), 0..count);
        (facts, 0i64..3).prop_map(|(mut facts, times)| {
            if times > 0 {
                let usual = |time: &mut i64| *time = *time / USUAL_NS * USUAL_NS + times;
                facts.iter_mut().map(time_of).for_each(usual);
            }
            let said: Vec<_> = facts.iter().step_by(2).flat_map(said_by_message).collect();
            facts.extend(said);
            facts
        })
    }

    proptest! {
        #[test]
        fn a_leg_comes_back(facts in any_facts(25)) {
            let mut leg = leg_of(&facts);
            if facts.len() % 2 == 0 {
                leg.mark_vendor_blind();
                leg.mark_over_limit();
            }
            let bytes = packed(&leg);
            let view = PackedLeg::new(&bytes);
            prop_assert_eq!(view.key(), (leg.sensor(), leg.call_id()));
            prop_assert_eq!(view.first_seen(), leg.first_seen());
            prop_assert_eq!(view.last_signal(), leg.last_signal());
            prop_assert_eq!(view.has_invite(), leg.has_invite());
            prop_assert_eq!(view.is_midway(), is_midway(&leg));
            prop_assert_eq!(view.is_vendor_blind(), leg.is_vendor_blind());
            prop_assert_eq!(view.is_over_limit(), leg.is_over_limit());
            prop_assert_eq!(&unpacked(&bytes), &leg);
            let mut read = LegView::default();
            read.read(&view, None);
            prop_assert!(read.identifiers().iter().copied().eq(leg.identifiers().iter()));
        }

        /// A leg whose facts were unpacked goes on as if it had never been packed.
        #[test]
        fn packing_in_between_changes_nothing(
            before in any_facts(20),
            after in any_facts(20),
        ) {
            let mut leg = unpacked(&packed(&leg_of(&before)));
            leg.join(&unpacked(&packed(&leg_of(&after))));
            let all: Vec<_> = before.into_iter().chain(after).collect();
            prop_assert_eq!(leg, leg_of(&all));
        }

        #[test]
        fn damaged_bytes_give_some_leg(
            facts in any_facts(12),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            is_cut in any::<bool>(),
        ) {
            let mut bytes = packed(&leg_of(&facts));
            let at = at.index(bytes.len());
            if is_cut { bytes.truncate(at) } else { bytes[at] = byte }
            let leg = unpacked(&bytes);
            let _ = (leg.messages().count(), leg.identifiers().iter().count(), packed(&leg));
            let mut view = LegView::default();
            view.read(&PackedLeg::new(&bytes), None);
            let _ = (view.events().count(), view.last_seen(), view.by_time().count());
        }
    }

    #[test]
    fn records_of_other_files_move_with_theirs() {
        let message = Fact::Message(AnyKey::default(), None, 5, 3);
        let mut bytes = packed(&leg_of(&[message]));
        renumber(&mut bytes, FileId(7), SensorId(3));
        assert_eq!(PackedLeg::new(&bytes).key(), (SensorId(3), &b"call@host"[..]));
        let leg = unpacked(&bytes);
        let (_, times) = leg.messages().next().unwrap();
        assert_eq!((times.record.capture.file, times.record.index), (FileId(7), 3));
    }
}
