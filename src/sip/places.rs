//! Where the headers of a message lie: one pass over its head, without allocation.
//!
//! Usual lines (ended, not folded, the name spelled as in its RFC) are told by a few compares of
//! words. Any other line is read by [`Lines`], the walk that knows all of what lines may be.

use super::header_name::HeaderName;
use super::lines::{Head, Line, Lines, colon_of};
use super::search::{BLOCK_BYTES, find, find_from, find_in_block};
use super::text::trim;

/// Lines of headers outside [`HeaderName`] that are kept; a head with more of them is walked again.
const OTHERS: usize = 12;

/// Where a header line lies in the head; `end` 0 is nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) start: u32,
    pub(super) colon: u32,
    /// The end of the line; white space and line ends of folds may stand before it.
    pub(super) end: u32,
}

/// The places of the header lines.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The first line of each header.
    first: [Place; HeaderName::COUNT],
    /// Headers with more than one line, one bit each.
    repeated: u64,
    /// The first lines of headers outside [`HeaderName`].
    others: [Place; OTHERS],
    /// How many of those lines there are.
    other_count: usize,
}

/// Where the headers end and where the body begins.
pub(super) struct HeadEnd {
    pub(super) head: usize,
    pub(super) body: usize,
}

impl Places {
    pub(super) const NONE: Self = Self {
        first: [Place { start: 0, colon: 0, end: 0 }; HeaderName::COUNT],
        repeated: 0,
        others: [Place { start: 0, colon: 0, end: 0 }; OTHERS],
        other_count: 0,
    };

    /// The first line of a header; absent when it has none.
    #[inline]
    pub(super) const fn first(&self, name: HeaderName) -> Option<Place> {
        let place = self.first[name as usize];
        if place.end == 0 { None } else { Some(place) }
    }

    /// Whether a header has more than one line.
    pub(super) const fn is_repeated(&self, name: HeaderName) -> bool {
        self.repeated & (1 << name as u64) != 0
    }

    /// The lines of headers outside [`HeaderName`]; absent when they are more than are kept.
    pub(super) fn others(&self) -> Option<&[Place]> {
        self.others.get(..self.other_count)
    }

    /// Finds the lines of a head up to the blank line. Its length was limited to 32 bits.
    #[inline]
    pub(super) fn read(&mut self, head: Head<'_>) -> HeadEnd {
        let mut at = 0;
        loop {
            if !head.cr_only {
                at = self.read_usual(head.bytes, at);
                if let Some(b"\r\n") = head.bytes.get(at..at + 2) {
                    return HeadEnd { head: at, body: at + 2 };
                }
            }
            let mut lines = Lines::new(head, at);
            let Some(line) = lines.next_line() else {
                return HeadEnd { head: lines.head_end, body: lines.at };
            };
            self.add_any(&line);
            at = lines.at;
        }
    }

    /// Finds lines as long as they are usual; gives where one begins that is not.
    #[inline(always)]
    fn read_usual(&mut self, bytes: &[u8], mut at: usize) -> usize {
        while let Some(line) = usual_line(bytes, at) {
            let (start, colon, end) = (at as u32, (at + line.colon) as u32, line.end as u32);
            self.add(line.header, Place { start, colon, end });
            at = line.next;
        }
        at
    }

    #[inline]
    fn add(&mut self, header: Option<HeaderName>, place: Place) {
        match header {
            Some(header) if self.first[header as usize].end == 0 => {
                self.first[header as usize] = place;
            }
            Some(header) => self.repeated |= 1 << header as u64,
            None => {
                if let Some(free) = self.others.get_mut(self.other_count) {
                    *free = place;
                }
                self.other_count += 1;
            }
        }
    }

    #[cold]
    fn add_any(&mut self, line: &Line<'_>) {
        let Some(colon) = colon_of(line.bytes) else { return };
        let header = HeaderName::from_bytes(trim(line.bytes.get(..colon).unwrap_or_default()));
        let (start, end) = (line.start, line.start + line.bytes.len());
        let colon = start + colon;
        self.add(header, Place { start: start as u32, colon: colon as u32, end: end as u32 });
    }
}

/// A usual line.
struct Usual {
    /// Its colon, counted from its start.
    colon: usize,
    /// Where its text ends.
    end: usize,
    /// Where the next line begins.
    next: usize,
    /// Absent where the program does not read the header by name.
    header: Option<HeaderName>,
}

/// The line that begins at `at`; absent when it is not usual, as the blank line is not.
#[inline(always)]
fn usual_line(bytes: &[u8], at: usize) -> Option<Usual> {
    let (colon, header) = usual_name(bytes.get(at..)?)?;
    let line_feed = find_from(bytes, at, [b'\n'])?;
    let next = line_feed + 1;
    let end = line_feed - usize::from(bytes.get(line_feed.wrapping_sub(1)) == Some(&b'\r'));
    // A folded line goes on.
    let is_whole = !matches!(bytes.get(next), Some(b' ' | b'\t'));
    (is_whole && at + colon < end).then_some(Usual { colon, end, next, header })
}

/// The colon and the header of the line that `rest` begins with; absent when the name has white space
/// around it or is not found at a glance. The colon may be that of a later line.
#[inline(always)]
fn usual_name(rest: &[u8]) -> Option<(usize, Option<HeaderName>)> {
    let block = rest.first_chunk::<BLOCK_BYTES>()?;
    let ([front, back], _) = block.as_chunks() else { return None };
    let (front, back) = (u64::from_le_bytes(*front), u64::from_le_bytes(*back));
    // The blank line and a fold are none.
    if front as u8 <= b' ' {
        return None;
    }
    let Some(length) = find_in_block(block, [b':']) else { return long_name(rest) };
    if length < 2 {
        return short_name(front as u8, length);
    }
    let (front, back) = (front & MASKS[length].0, back & MASKS[length].1);
    // No header in any spelling has this slot, or only one has.
    if let Some(header) = SLOTS[slot(front, back)] {
        let key = &KEYS[header as usize];
        if key.front == front && key.back == back && key.length == length {
            return Some((length, Some(header)));
        }
        if folded(key.front) == folded(front) && folded(key.back) == folded(back) {
            return other_name(rest, length);
        }
    }
    is_bare(rest, length).then_some((length, None))
}

/// Whether the name has no white space around it.
#[inline(always)]
fn is_bare(rest: &[u8], length: usize) -> bool {
    let is_text = |byte: Option<&u8>| byte.is_some_and(|byte| *byte > b' ');
    is_text(rest.first()) && is_text(rest.get(length.wrapping_sub(1)))
}

/// A name of one letter or none.
#[cold]
fn short_name(first: u8, length: usize) -> Option<(usize, Option<HeaderName>)> {
    (length == 1).then(|| (length, HeaderName::from_compact(first)))
}

/// A name that is longer than a block.
#[cold]
fn long_name(rest: &[u8]) -> Option<(usize, Option<HeaderName>)> {
    other_name(rest, BLOCK_BYTES + find(rest.get(BLOCK_BYTES..)?, [b':'])?)
}

/// A name in any spelling.
#[cold]
fn other_name(rest: &[u8], length: usize) -> Option<(usize, Option<HeaderName>)> {
    is_bare(rest, length).then(|| (length, rest.get(..length).and_then(HeaderName::from_bytes)))
}

/// The one header whose name, in any spelling, has this slot.
static SLOTS: [Option<HeaderName>; SLOT_COUNT] = slots();
const SLOT_COUNT: usize = 128;

/// The names as words.
static KEYS: [Key; HeaderName::COUNT] = keys();

/// The first eight bytes of a name and the eight behind them, with zeros behind its end.
struct Key {
    front: u64,
    back: u64,
    length: usize,
}

/// What of two words belongs to a name of this length.
static MASKS: [(u64, u64); BLOCK_BYTES] = masks();

/// Letters in lower case; other bytes may meet some that they are not.
#[inline(always)]
const fn folded(word: u64) -> u64 {
    word | 0x2020_2020_2020_2020
}

/// Two names shorter than a block never have the same: the factor was found by trying.
#[inline(always)]
const fn slot(front: u64, back: u64) -> usize {
    let sum = folded(front).wrapping_add(folded(back));
    (sum.wrapping_mul(0xCD61_3E30_D8F1_6ADF) >> 57) as usize
}

const fn slots() -> [Option<HeaderName>; SLOT_COUNT] {
    let mut slots = [None; SLOT_COUNT];
    let mut number = 0;
    while number < HeaderName::COUNT {
        let Key { front, back, length } = KEYS[number];
        if length < BLOCK_BYTES {
            let slot = slot(front, back);
            assert!(slots[slot].is_none(), "two names meet");
            slots[slot] = Some(HeaderName::ALL[number]);
        }
        number += 1;
    }
    slots
}

const fn keys() -> [Key; HeaderName::COUNT] {
    let mut keys = [const { Key { front: 0, back: 0, length: 0 } }; HeaderName::COUNT];
    let mut number = 0;
    while number < HeaderName::COUNT {
        let name = HeaderName::ALL[number].name().as_bytes();
        let mut place = 0;
        while place < name.len() && place < BLOCK_BYTES {
            let byte = (name[place] as u64) << (8 * (place % 8));
            if place < 8 {
                keys[number].front |= byte;
            } else {
                keys[number].back |= byte;
            }
            place += 1;
        }
        keys[number].length = name.len();
        number += 1;
    }
    keys
}

const fn masks() -> [(u64, u64); BLOCK_BYTES] {
    let mut masks = [(0, 0); BLOCK_BYTES];
    let mut length = 1;
    while length < BLOCK_BYTES {
        let (front, back) = masks[length - 1];
        masks[length] =
            if length <= 8 { (front << 8 | 0xFF, 0) } else { (front, back << 8 | 0xFF) };
        length += 1;
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lines of any kind: names in all spellings, folds, all line ends, damage.
    fn any_head() -> impl Strategy<Value = String> {
        let known = prop::sample::select(HeaderName::ALL.to_vec());
        let name = prop_oneof![
            6 => known.prop_map(|header| header.name().to_owned()),
            1 => prop::sample::select(HeaderName::ALL.to_vec()).prop_map(|header| header.name().to_lowercase()),
            2 => "[a-zA-Z]",
            2 => "X-[A-Za-z-]{0,30}",
            1 => "[ \tCcFfTtRrSs:-]{0,12}",
        ];
        let space = prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\t")];
        let end = prop_oneof![
            12 => Just("\r\n"),
            1 => Just("\n"),
            1 => Just("\r"),
            1 => Just("\r\n "),
            1 => Just("\r\n\r\n"),
            1 => Just(""),
        ];
        let colon = prop_oneof![9 => Just(":"), 1 => Just("")];
        let line = (name, space.clone(), colon, space, "[ -~]{0,30}", end).prop_map(
            |(name, before, colon, behind, value, end)| {
                [&name, before, colon, behind, &value, end].concat()
            },
        );
        prop::collection::vec(line, 0..20).prop_map(|lines| lines.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// The quick pass sees what the walk over all kinds of lines sees.
        #[test]
        fn usual_lines_are_read_as_any_lines(text in any_head(), cr_only in prop::bool::weighted(0.1)) {
            let head = Head { bytes: text.as_bytes(), cr_only };
            let mut quick = Places::NONE;
            let end = quick.read(head);
            let mut slow = Places::NONE;
            let mut lines = Lines::new(head, 0);
            while let Some(line) = lines.next_line() {
                slow.add_any(&line);
            }
            prop_assert_eq!((end.head, end.body), (lines.head_end, lines.at));
            prop_assert_eq!(format!("{quick:?}"), format!("{slow:?}"));
        }
    }
}
