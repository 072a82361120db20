//! The byte strings of one leg in one buffer: a handful of allocations a leg instead of one a value.

use crate::base::Endpoint;
use std::net::IpAddr;

/// Equal strings are looked for in this much of a buffer, where tags and addresses that every message
/// repeats stand; what comes behind may stand twice.
const SEARCHED_BYTES: usize = 1_024;

/// What the strings of a usual leg take: room for them at once instead of growth in steps.
const USUAL_BYTES: usize = 256;

/// A buffer of strings that outgrew what was needed by this much is made anew.
const WASTED_BYTES_MAX: usize = 1 << 20;

/// One string in [`Texts`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Text(u32);

impl Default for Text {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Text {
    /// The empty string.
    pub(super) const EMPTY: Self = Self(u32::MAX);

    /// A number that is small for the strings at the beginning, and 0 for the empty one.
    pub(super) const fn to_number(self) -> u32 {
        self.0.wrapping_add(1)
    }

    /// The string with such a number.
    pub(super) const fn from_number(number: u32) -> Self {
        Self(number.wrapping_sub(1))
    }
}

/// A bit that tells of the content: tags and branches of one leg differ near their ends.
#[inline]
fn mark(text: &[u8]) -> u64 {
    let tail = match text.last_chunk::<8>() {
        Some(tail) => u64::from_le_bytes(*tail),
        None => text.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    1 << (tail.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
}

/// Whether two strings are equal: most are longer than a word, shorter than a line of the cache, and
/// compared by two loads instead of a call.
#[inline(always)]
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    const SHORT: usize = 2 * size_of::<u128>();
    let ends = |text: &[u8]| {
        let first = text.first_chunk().map(|bytes| u128::from_le_bytes(*bytes));
        first.zip(text.last_chunk().map(|bytes| u128::from_le_bytes(*bytes)))
    };
    let short_ends = |text: &[u8]| {
        let first = text.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        first.zip(text.last_chunk().map(|bytes| u64::from_le_bytes(*bytes)))
    };
    match one.len() {
        length if length != other.len() => false,
        8..16 => short_ends(one) == short_ends(other),
        16..=SHORT => ends(one) == ends(other),
        _ => one == other,
    }
}

/// A length that does not fit one byte: two bytes with it follow.
const LONG: u8 = u8::MAX;

/// Strings of at most 65,535 bytes, each behind its length. Lengths from 255 on stand in two more bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Their length when all of them were needed last.
    needed: usize,
    /// A bit for each mark of a string that is there, and perhaps others: of a string whose bit is
    /// not set no equal one is searched.
    marks: u64,
}

impl Texts {
    /// Bytes that the strings take, lengths included.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the caps of a leg may have dropped so many of the strings that they are worth copying anew.
    pub(super) const fn is_wasteful(&self) -> bool {
        self.bytes.len() - self.needed > self.needed + WASTED_BYTES_MAX
    }

    /// All strings are needed now.
    pub(super) const fn are_needed(&mut self) {
        self.needed = self.bytes.len();
    }

    /// The strings, to read them.
    #[inline]
    pub(super) const fn view(&self) -> TextView<'_> {
        TextView(self.bytes.as_slice())
    }

    /// A string that was added.
    #[inline]
    pub(super) fn get(&self, text: Text) -> &[u8] {
        self.view().get(text)
    }

    /// Where an equal string stands in what is searched.
    #[inline]
    fn find(&self, text: &[u8]) -> Option<Text> {
        let mut start = 0;
        let end = self.bytes.len().min(SEARCHED_BYTES);
        while start < end {
            let (length, head) = match self.bytes[start..] {
                [LONG, low, high, ..] => (usize::from(u16::from_le_bytes([low, high])), 3),
                [length, ..] => (usize::from(length), 1),
                [] => break,
            };
            let from = start + head;
            let is_equal = |known: &[u8]| is_same(known, text);
            if length == text.len() && self.bytes.get(from..from + length).is_some_and(is_equal) {
                return Some(Text(start as u32));
            }
            start = from + length;
        }
        None
    }

    /// Adds a string; an equal one near the start is used again. Longer ones than are kept are cut:
    /// `FACT_TEXT_BYTES_MAX` is far below.
    #[inline]
    pub(super) fn add(&mut self, text: &[u8]) -> Text {
        if text.is_empty() {
            return Text::EMPTY;
        }
        let long = u16::try_from(text.len()).unwrap_or(u16::MAX);
        let text = &text[..usize::from(long)];
        let mark = mark(text);
        if self.marks & mark != 0
            && let Some(known) = self.find(text)
        {
            return known;
        }
        self.marks |= mark;
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(USUAL_BYTES);
        }
        // A leg's strings are bounded by its facts, far below 32 bits.
        let place = Text(self.bytes.len() as u32);
        match u8::try_from(long) {
            Ok(short) if short != LONG => self.bytes.push(short),
            _ => {
                let [low, high] = long.to_le_bytes();
                self.bytes.extend_from_slice(&[LONG, low, high]);
            }
        }
        self.bytes.extend_from_slice(text);
        place
    }

    /// Whether a string that was added is this one; false for some that are long.
    #[inline(always)]
    fn is(&self, known: Text, text: &[u8]) -> bool {
        let Some([length, rest @ ..]) = self.bytes.get(known.0 as usize..) else { return false };
        let length = usize::from(*length);
        length == text.len()
            && length != usize::from(LONG)
            && rest.get(..length).is_some_and(|known| is_same(known, text))
    }

    /// As [`Self::add`]; equal to one of `near`, most likely.
    #[inline(always)]
    pub(super) fn add_near<const N: usize>(&mut self, text: &[u8], near: [Text; N]) -> Text {
        if text.is_empty() {
            return Text::EMPTY;
        }
        match near.into_iter().find(|near| self.is(*near, text)) {
            Some(near) => near,
            None => self.add(text),
        }
    }

    /// As [`Self::add_endpoint`]; equal to one of `near`, most likely.
    #[inline]
    pub(super) fn add_endpoint_near(&mut self, endpoint: Endpoint, near: [Text; 2]) -> Text {
        match near.into_iter().find(|near| self.is_ipv4(*near, endpoint)) {
            Some(near) => near,
            None => self.add_endpoint(endpoint),
        }
    }

    /// Whether a string is this IPv4 address and port: a look at one word. False for any other address.
    #[inline]
    pub(super) fn is_ipv4(&self, text: Text, endpoint: Endpoint) -> bool {
        let IpAddr::V4(address) = endpoint.address else { return false };
        let ([a, b, c, d], [high, low]) = (address.octets(), endpoint.port.to_be_bytes());
        let known = self.bytes.get(text.0 as usize..).and_then(|bytes| bytes.first_chunk::<7>());
        known.is_some_and(|[length, content @ ..]| {
            *length == 6 && *content == [a, b, c, d, high, low]
        })
    }

    /// All strings as they lie, for [`Self::set_bytes`].
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes strings as [`Self::as_bytes`] gave them; those that were there are gone.
    pub(super) fn set_bytes(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.marks = if bytes.is_empty() { 0 } else { u64::MAX };
        self.are_needed();
    }

    /// Forgets all strings and keeps their room.
    pub(super) fn clear(&mut self) {
        self.set_bytes(&[]);
    }

    /// Adds an address and port: the octets of the address, then the port.
    #[inline]
    pub(super) fn add_endpoint(&mut self, endpoint: Endpoint) -> Text {
        let port = endpoint.port.to_be_bytes();
        match endpoint.address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                self.add(&[a, b, c, d, port[0], port[1]])
            }
            IpAddr::V6(address) => {
                let mut octets = [0; 18];
                octets[..16].copy_from_slice(&address.octets());
                octets[16..].copy_from_slice(&port);
                self.add(&octets)
            }
        }
    }

    /// An address and port that were added.
    #[inline]
    pub(super) fn endpoint(&self, text: Text) -> Endpoint {
        self.view().endpoint(text)
    }
}

/// The strings of [`Texts`], as [`Texts::as_bytes`] gives them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TextView<'b>(pub(super) &'b [u8]);

impl<'b> TextView<'b> {
    /// A string that was added.
    #[inline]
    pub(super) fn get(self, text: Text) -> &'b [u8] {
        self.at(text.0 as usize).unwrap_or_default()
    }

    #[inline]
    fn at(self, start: usize) -> Option<&'b [u8]> {
        let bytes = self.0.get(start..)?;
        match bytes {
            [length, rest @ ..] if *length != LONG => rest.get(..usize::from(*length)),
            [LONG, low, high, rest @ ..] => {
                rest.get(..usize::from(u16::from_le_bytes([*low, *high])))
            }
            _ => None,
        }
    }

    /// An address and port that were added.
    #[inline]
    pub(super) fn endpoint(self, text: Text) -> Endpoint {
        // Of IPv4 as a rule: one look at its length and one at what follows.
        let head = self.0.get(text.0 as usize..).and_then(|bytes| bytes.first_chunk::<7>());
        match head {
            Some([6, a, b, c, d, high, low]) => {
                Endpoint::new(IpAddr::from([*a, *b, *c, *d]), u16::from_be_bytes([*high, *low]))
            }
            _ => self.endpoint_6(text),
        }
    }

    fn endpoint_6(self, text: Text) -> Endpoint {
        match self.get(text) {
            [octets @ .., high, low] if octets.len() == 16 => {
                let octets: [u8; 16] = octets.try_into().unwrap_or_default();
                Endpoint::new(IpAddr::from(octets), u16::from_be_bytes([*high, *low]))
            }
            _ => Endpoint::UNKNOWN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn same_is_equal(one in "[ab]{0,40}", other in "[ab]{0,40}", at in any::<prop::sample::Index>()) {
            let (one, other) = (one.as_bytes(), other.as_bytes());
            prop_assert_eq!(is_same(one, other), one == other);
            let mut changed = one.to_vec();
            prop_assert!(is_same(one, &changed));
            if !changed.is_empty() {
                changed[at.index(one.len())] = b'c';
                prop_assert!(!is_same(one, &changed));
            }
        }
    }

    #[test]
    fn strings_come_back_and_equal_ones_share_their_place() {
        let mut texts = Texts::default();
        let long = vec![b'x'; SEARCHED_BYTES];
        let ends = [
            Endpoint::UNKNOWN,
            Endpoint::new([10, 0, 0, 1].into(), 5060),
            Endpoint::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), 65_535),
        ];
        let (tag, empty) = (texts.add(b"tag"), texts.add(b""));
        let places = ends.map(|end| texts.add_endpoint(end));
        let far = texts.add(&long);
        let size = texts.len();
        assert_eq!((texts.get(tag), texts.get(empty)), (&b"tag"[..], &b""[..]));
        assert_eq!(texts.get(far), long);
        for (end, place) in ends.into_iter().zip(places) {
            assert_eq!(texts.endpoint(place), end);
            for other in ends {
                let is_same = end == other && end.address.is_ipv4();
                assert_eq!(texts.is_ipv4(place, other), is_same, "{end} {other}");
            }
            assert_eq!(texts.add_endpoint(end), place);
            assert_eq!(texts.add_endpoint_near(end, [empty, tag]), place);
            assert_eq!(texts.add_endpoint_near(end, [tag, place]), place);
        }
        texts.add(b"tag");
        assert_eq!(texts.len(), size, "nothing was added twice");
        assert_eq!(texts.endpoint(tag), Endpoint::UNKNOWN);
    }
}
