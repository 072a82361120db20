//! The identifiers of a leg, packed: a sorted list over one buffer of strings.

use super::codec::{Reader, Writer, put, put_end};
use super::fact_set::FactSet;
use super::identifier::{Identifier, IdentifierKind, Sighting};
use super::pack::{PackBase, Places};
use super::texts::{Text, Texts, is_same};
use crate::base::limits::IDENTIFIERS_PER_LEG_MAX;
use crate::base::{CaptureTime, Endpoint, RecordRef};
use std::cmp::Ordering;
use std::fmt;

/// An identifier is packed as at most so many numbers and bytes, its strings aside.
const PACKED_NUMBERS: usize = 8;

/// The byte that an identifier begins with: its kind, and what it has of others.
const KIND: u8 = 31;
/// In place of kinds: an address of media, behind what stands before it in an `o=` line that names it, so that
/// the value of that line is a part of this one; and such a line.
const ADDRESS_OF_ORIGIN: u8 = 30;
const ORIGIN_OF_ADDRESS: u8 = 31;
/// What each of these numbers is.
const KINDS: [Option<IdentifierKind>; KIND as usize + 1] = {
    let (mut kinds, mut kind) = ([None; KIND as usize + 1], 0);
    while kind < IdentifierKind::ALL.len() {
        kinds[kind] = Some(IdentifierKind::ALL[kind]);
        kind += 1;
    }
    kinds[ADDRESS_OF_ORIGIN as usize] = Some(IdentifierKind::MediaAddress);
    kinds[ORIGIN_OF_ADDRESS as usize] = Some(IdentifierKind::MediaOrigin);
    kinds
};
/// So many of these are looked for in a leg.
const JOINED_MAX: usize = 4;
/// Its value is that of the one before.
const SAME_VALUE: u8 = 32;
/// A message of the leg showed it first, whose place follows.
const OF_MESSAGE: u8 = 64;
/// It was seen again later.
const SEEN_AGAIN: u8 = 128;

#[derive(Clone, Debug)]
struct Packed {
    sighting: Sighting,
    value: Text,
    said_by: Endpoint,
    cseq: u32,
    kind: IdentifierKind,
}

/// What an identifier has of the message that showed it first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Shown {
    pub(super) said_by: Endpoint,
    pub(super) cseq: u32,
    pub(super) first: CaptureTime,
    pub(super) record: RecordRef,
}

impl Shown {
    /// Adds what no message of the leg tells.
    #[inline(never)]
    fn put(&self, writer: &mut Writer<'_>, base: PackBase, places: &mut Places) {
        put_end(writer.flush(), self.said_by);
        writer.put(u64::from(self.cseq));
        writer.put_signed(base.units_of(self.first));
        places.put(writer, self.record);
    }

    /// Reads what [`Self::put`] added; gives what is behind it, too.
    #[inline(never)]
    fn read<'b>(mut reader: Reader<'b>, base: PackBase, places: &mut Places) -> (Self, Reader<'b>) {
        let shown = Self {
            said_by: reader.end(),
            cseq: reader.small(),
            first: base.time(reader.signed()),
            record: places.read(&mut reader),
        };
        (shown, reader)
    }
}

/// Origins of which the text was put with that of an address.
#[derive(Default)]
struct Joined {
    /// The place of each among the identifiers, and where its text begins.
    origins: [(usize, usize); JOINED_MAX],
    count: usize,
}

impl Joined {
    fn start_of(&self, origin: usize) -> Option<usize> {
        let known = self.origins[..self.count].iter().find(|(place, _)| *place == origin);
        known.map(|(_, start)| *start)
    }

    fn add(&mut self, origin: usize, start: usize) {
        if let Some(room) = self.origins.get_mut(self.count) {
            *room = (origin, start);
            self.count += 1;
        }
    }
}

/// A text before its last bytes, and those.
fn split_behind(text: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    text.split_at_checked(text.len().checked_sub(length)?)
}

/// Reads what [`IdentifierSet::pack`] appended, and hands over one after the other. `shown` tells what a
/// message of the leg has, by its place.
#[inline(always)]
pub(super) fn read_identifiers<'b>(
    reader: &mut Reader<'b>,
    base: PackBase,
    shown: impl Fn(usize) -> Option<Shown>,
    mut add: impl FnMut(Identifier<'b>, Sighting),
) {
    let (mut places, mut value) = (Places::new(base), &[][..]);
    let count = reader.count();
    let all = reader.0;
    // A reader of its own, of which the usual identifier lends nobody the address.
    let mut own = *reader;
    for _ in 0..count {
        let head = own.byte();
        let kind = KINDS[usize::from(head & KIND)];
        match head & (KIND | SAME_VALUE) {
            ADDRESS_OF_ORIGIN => {
                let front = own.small() as usize;
                value = own.bytes().get(front..).unwrap_or_default();
            }
            ORIGIN_OF_ADDRESS => {
                let (start, length) = (own.small() as usize, own.small() as usize);
                let from_start = all.get(start..).unwrap_or_default();
                value = from_start.get(..length).unwrap_or_default();
            }
            kind if kind & SAME_VALUE == 0 => value = own.bytes(),
            _ => {}
        }
        let shown = if head & OF_MESSAGE != 0 {
            shown(own.small() as usize)
        } else {
            let (shown, behind) = Shown::read(own, base, &mut places);
            own = behind;
            Some(shown)
        };
        let again = if head & SEEN_AGAIN != 0 { own.number() } else { 0 };
        // Bytes that were damaged name kinds and messages that there are not.
        if let Some((kind, Shown { said_by, cseq, first, record })) = kind.zip(shown) {
            let last = base.later(first, again);
            add(Identifier { kind, value, said_by, cseq }, Sighting { first, last, record });
        }
    }
    *reader = own;
}

/// Identifiers with their sightings, in the order of [`Identifier`]. A join-semilattice.
#[derive(Clone, Default)]
pub struct IdentifierSet {
    list: Vec<Packed>,
    texts: Texts,
}

impl PartialEq for IdentifierSet {
    fn eq(&self, other: &Self) -> bool {
        self.list.len() == other.list.len() && self.iter().eq(other.iter())
    }
}

impl Eq for IdentifierSet {}

impl fmt::Debug for IdentifierSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl IdentifierSet {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The identifiers by kind and value, each with its sighting.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Identifier<'_>, Sighting)> {
        self.list.iter().map(|packed| (self.view(packed), packed.sighting))
    }

    /// When and where the identifiers were seen, in the same order.
    pub(super) fn sightings(&self) -> impl Iterator<Item = Sighting> {
        self.list.iter().map(|packed| packed.sighting)
    }

    /// The identifiers of one kind.
    pub fn of_kind(
        &self,
        kind: IdentifierKind,
    ) -> impl Iterator<Item = (Identifier<'_>, Sighting)> {
        let start = self.list.partition_point(|packed| packed.kind < kind);
        self.list[start..]
            .iter()
            .take_while(move |packed| packed.kind == kind)
            .map(|packed| (self.view(packed), packed.sighting))
    }

    /// Adds an identifier and when it was seen. True when the cap dropped the largest one.
    #[inline]
    pub fn add(&mut self, identifier: Identifier<'_>, sighting: Sighting) -> bool {
        match self.list.binary_search_by(|packed| self.compare(packed, &identifier)) {
            Ok(place) => {
                self.list[place].sighting.join(sighting);
                false
            }
            Err(place) if place >= IDENTIFIERS_PER_LEG_MAX => true,
            Err(place) => {
                let Identifier { kind, value, said_by, cseq } = identifier;
                let value = self.texts.add(value);
                self.list.insert(place, Packed { sighting, value, said_by, cseq, kind });
                let is_over = self.list.len() > IDENTIFIERS_PER_LEG_MAX;
                if is_over {
                    self.list.pop();
                }
                if self.texts.is_wasteful() {
                    *self = self.anew();
                }
                is_over
            }
        }
    }

    /// Adds all of another set; true when the cap dropped some.
    pub fn join(&mut self, other: &Self) -> bool {
        other
            .iter()
            .fold(false, |is_over, (identifier, sighting)| self.add(identifier, sighting) | is_over)
    }

    /// A copy without the strings of identifiers that the cap dropped.
    fn anew(&self) -> Self {
        let mut copy = Self::default();
        for packed in &self.list {
            let value = copy.texts.add(self.texts.get(packed.value));
            copy.list.push(Packed { value, ..*packed });
        }
        copy.texts.are_needed();
        copy
    }

    /// Forgets all identifiers and keeps their room.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.texts.clear();
    }

    /// Appends the identifiers of a leg with these messages.
    pub(super) fn pack(&self, bytes: &mut Vec<u8>, base: PackBase, facts: &FactSet) {
        put(bytes, self.list.len() as u64);
        let start = bytes.len();
        let (mut places, mut writer) = (Places::new(base), Writer::new(bytes));
        let (mut before, mut joined) = (None, Joined::default());
        for (at, packed) in self.list.iter().enumerate() {
            let Packed { sighting, value, said_by, cseq, kind } = packed;
            let Sighting { first, last, record } = *sighting;
            let shown = Shown { said_by: *said_by, cseq: *cseq, first, record };
            let place = facts.place_of(&shown);
            let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
            let is_same = before == Some(value);
            before = Some(value);
            let flags = flag(is_same, SAME_VALUE)
                | flag(place.is_some(), OF_MESSAGE)
                | flag(last != first, SEEN_AGAIN);
            writer.make_room(PACKED_NUMBERS);
            if is_same {
                writer.byte(*kind as u8 | flags);
            } else {
                self.put_value(&mut writer, at, flags, start, &mut joined);
                writer.make_room(PACKED_NUMBERS);
            }
            match place {
                Some(place) => writer.put(place as u64),
                None => shown.put(&mut writer, base, &mut places),
            }
            if last != first {
                writer.put(base.units_between(first, last));
            }
        }
        writer.flush();
    }

    /// Adds the first byte of an identifier and its value. `start` is where the identifiers begin.
    #[inline(always)]
    fn put_value(
        &self,
        writer: &mut Writer<'_>,
        at: usize,
        flags: u8,
        start: usize,
        joined: &mut Joined,
    ) {
        let Packed { value, kind, .. } = &self.list[at];
        let text = self.texts.get(*value);
        match kind {
            IdentifierKind::MediaAddress => {
                if let Some((origin, front)) = self.origin_of(at, text, joined) {
                    writer.byte(ADDRESS_OF_ORIGIN | flags);
                    writer.put(front.len() as u64);
                    writer.put_joined(front, text);
                    joined.add(origin, writer.len() - front.len() - text.len() - start);
                    return;
                }
            }
            IdentifierKind::MediaOrigin => {
                if let Some(place) = joined.start_of(at) {
                    writer.byte(ORIGIN_OF_ADDRESS | flags);
                    writer.put(place as u64);
                    writer.put(text.len() as u64);
                    return;
                }
            }
            _ => {}
        }
        writer.byte(*kind as u8 | flags);
        writer.put_bytes(text);
    }

    /// The place of an `o=` line that names the host of this address of media, and what stands in it before
    /// that; absent where its text was put already.
    fn origin_of(&self, at: usize, address: &[u8], joined: &Joined) -> Option<(usize, &[u8])> {
        if joined.count == JOINED_MAX {
            return None;
        }
        let colon = address.iter().rposition(|byte| *byte == b':')?;
        let host = &address[..colon];
        // Addresses come right before origins. A plain loop: the adapters of iterators are not made flat here.
        let (mut origin, mut searched) = (at + 1, 0);
        let front = loop {
            let packed = self.list.get(origin)?;
            if packed.kind == IdentifierKind::MediaOrigin {
                let text = self.texts.get(packed.value);
                match split_behind(text, host.len()) {
                    Some((front, rest)) if is_same(rest, host) => break front,
                    _ => searched += 1,
                }
            }
            if packed.kind > IdentifierKind::MediaOrigin || searched == JOINED_MAX {
                return None;
            }
            origin += 1;
        };
        joined.start_of(origin).is_none().then_some((origin, front))
    }

    /// Takes what [`Self::pack`] appended for a leg with these messages; what was there is gone.
    pub(super) fn unpack(&mut self, reader: &mut Reader<'_>, base: PackBase, facts: &FactSet) {
        self.clear();
        let Self { list, texts } = self;
        let mut before = Text::EMPTY;
        let shown = |place| facts.shown(place);
        read_identifiers(reader, base, shown, |identifier, sighting| {
            let Identifier { kind, value, said_by, cseq } = identifier;
            before = texts.add_near(value, [before]);
            list.push(Packed { sighting, value: before, said_by, cseq, kind });
        });
        self.texts.are_needed();
    }

    fn view<'s>(&'s self, packed: &Packed) -> Identifier<'s> {
        let Packed { kind, value, said_by, cseq, .. } = *packed;
        Identifier { kind, value: self.texts.get(value), said_by, cseq }
    }

    /// The order of [`Identifier`].
    #[inline]
    fn compare(&self, packed: &Packed, other: &Identifier<'_>) -> Ordering {
        packed
            .kind
            .cmp(&other.kind)
            .then_with(|| self.texts.get(packed.value).cmp(other.value))
            .then_with(|| packed.said_by.cmp(&other.said_by))
            .then_with(|| packed.cseq.cmp(&other.cseq))
    }
}
