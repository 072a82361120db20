//! The identifiers of a leg, packed: a sorted list over one buffer of strings.

use super::codec::{Reader, Writer, put, put_bytes};
use super::identifier::{Identifier, IdentifierKind, Sighting};
use super::pack::{PackBase, Places};
use super::texts::{Text, TextView, Texts};
use crate::base::CaptureTime;
use crate::base::limits::IDENTIFIERS_PER_LEG_MAX;
use std::cmp::Ordering;
use std::fmt;

/// An identifier is packed as at most so many numbers and bytes.
const PACKED_NUMBERS: usize = 9;

#[derive(Clone, Debug)]
struct Packed {
    sighting: Sighting,
    value: Text,
    said_by: Text,
    cseq: u32,
    kind: IdentifierKind,
}

impl Packed {
    /// Reads one; absent where its kind is none. In place, so that the reader can stay in registers.
    #[inline(always)]
    fn unpack(reader: &mut Reader<'_>, base: PackBase, places: &mut Places) -> Option<Self> {
        let kind = IdentifierKind::ALL.get(usize::from(reader.byte())).copied();
        let value = Text::from_number(reader.small());
        let said_by = Text::from_number(reader.small());
        let cseq = reader.small();
        let first = base.first_ns.wrapping_add(reader.signed());
        let last = first.wrapping_add(reader.number() as i64);
        let (first, last) = (CaptureTime::from_ns(first), CaptureTime::from_ns(last));
        let sighting = Sighting { first, last, record: places.read(reader) };
        Some(Self { sighting, value, said_by, cseq, kind: kind? })
    }

    /// The identifier, over the strings of its set.
    #[inline]
    fn view<'t>(&self, texts: TextView<'t>) -> Identifier<'t> {
        Identifier {
            kind: self.kind,
            value: texts.get(self.value),
            said_by: texts.endpoint(self.said_by),
            cseq: self.cseq,
        }
    }
}

/// Reads what [`IdentifierSet::pack`] appended, without making a set of it.
pub(super) fn read_identifiers<'b>(
    reader: &mut Reader<'b>,
    base: PackBase,
    into: &mut Vec<(Identifier<'b>, Sighting)>,
) {
    let texts = TextView(reader.bytes());
    let mut places = Places::new(base);
    let count = reader.count();
    // A reader of its own, of which nobody is lent the address.
    let mut own = *reader;
    for _ in 0..count {
        if let Some(packed) = Packed::unpack(&mut own, base, &mut places) {
            into.push((packed.view(texts), packed.sighting));
        }
    }
    *reader = own;
}

/// Identifiers with their sightings, in the order of [`Identifier`]. A join-semilattice.
#[derive(Clone, Default)]
pub struct IdentifierSet {
    list: Vec<Packed>,
    texts: Texts,
    /// Who said the identifiers that were added last: most likely one of them says the next one too.
    near: [Text; 2],
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
                let said_by = self.texts.add_endpoint_near(said_by, self.near);
                let value = self.texts.add(value);
                if said_by != self.near[0] {
                    self.near = [said_by, self.near[0]];
                }
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
            let said_by = copy.texts.add(self.texts.get(packed.said_by));
            copy.list.push(Packed { value, said_by, ..*packed });
        }
        copy.texts.are_needed();
        copy
    }

    /// Forgets all identifiers and keeps their room.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.texts.clear();
        self.near = [Text::EMPTY; 2];
    }

    /// Appends the identifiers.
    pub(super) fn pack(&self, bytes: &mut Vec<u8>, base: PackBase) {
        put_bytes(bytes, self.texts.as_bytes());
        put(bytes, self.list.len() as u64);
        let (mut places, mut writer) = (Places::new(base), Writer::new(bytes));
        for Packed { sighting, value, said_by, cseq, kind } in &self.list {
            writer.make_room(PACKED_NUMBERS);
            writer.byte(*kind as u8);
            writer.put(u64::from(value.to_number()));
            writer.put(u64::from(said_by.to_number()));
            writer.put(u64::from(*cseq));
            writer.put_signed(sighting.first.ns().wrapping_sub(base.first_ns));
            writer.put(sighting.last.ns().wrapping_sub(sighting.first.ns()) as u64);
            places.put(&mut writer, sighting.record);
        }
        writer.flush();
    }

    /// Takes what [`Self::pack`] appended; what was there is gone.
    pub(super) fn unpack(&mut self, reader: &mut Reader<'_>, base: PackBase) {
        self.texts.set_bytes(reader.bytes());
        self.near = [Text::EMPTY; 2];
        self.list.clear();
        let mut places = Places::new(base);
        let count = reader.count();
        self.list.reserve(count);
        for _ in 0..count {
            self.list.extend(Packed::unpack(reader, base, &mut places));
        }
    }

    fn view<'s>(&'s self, packed: &Packed) -> Identifier<'s> {
        packed.view(self.texts.view())
    }

    /// The order of [`Identifier`].
    #[inline]
    fn compare(&self, packed: &Packed, other: &Identifier<'_>) -> Ordering {
        packed
            .kind
            .cmp(&other.kind)
            .then_with(|| self.texts.get(packed.value).cmp(other.value))
            .then_with(|| self.compare_said_by(packed, other))
            .then_with(|| packed.cseq.cmp(&other.cseq))
    }

    fn compare_said_by(&self, packed: &Packed, other: &Identifier<'_>) -> Ordering {
        if self.texts.is_ipv4(packed.said_by, other.said_by) {
            return Ordering::Equal;
        }
        self.texts.endpoint(packed.said_by).cmp(&other.said_by)
    }
}
