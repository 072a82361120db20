//! Where the headers of a message lie: one pass over its head, without allocation.
//!
//! Usual lines are ended and not folded; where their name is spelled as in its RFC it is told by a few
//! compares of words. Any other line is read by [`Lines`], the walk that knows all of what lines may be.

use super::header_name::HeaderName;
use super::lines::{Head, Line, Lines, colon_of};
use super::search::LineFeeds;
use super::text::trim;

/// Lines of headers outside [`HeaderName`] that are kept; a head with more of them is walked again.
const OTHERS: usize = 12;

/// Where a header line lies in the head; `end` 0 is nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) colon: u32,
    /// The end of the line; white space and line ends of folds may stand before it.
    pub(super) end: u32,
}

/// A line of which nothing else is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stretch {
    pub(super) start: u32,
    pub(super) end: u32,
}

/// The places of the header lines.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The first line of each header.
    first: [Place; HeaderName::COUNT],
    /// Headers with more than one line, one bit each.
    repeated: u64,
    /// The first lines that are of no header in [`HeaderName`]; some may have no name at all.
    others: [Stretch; OTHERS],
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
        first: [Place { colon: 0, end: 0 }; HeaderName::COUNT],
        repeated: 0,
        others: [Stretch { start: 0, end: 0 }; OTHERS],
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

    /// The lines that are of no header in [`HeaderName`]; absent when they are more than are kept.
    pub(super) fn others(&self) -> Option<&[Stretch]> {
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

    /// Finds lines that are ended and not folded, as nearly all are; gives where one begins that is
    /// neither, or the blank line.
    #[inline(always)]
    fn read_usual(&mut self, bytes: &[u8], mut at: usize) -> usize {
        if bytes.get(at).is_none_or(|byte| *byte <= b' ') {
            return at;
        }
        let mut line_feeds = LineFeeds::new(bytes, at);
        while let Some(line_feed) = line_feeds.next() {
            // Not the first byte of the line, which is text.
            let around = bytes.get(line_feed - 1..).and_then(|rest| rest.first_chunk());
            let Some([before, _, behind]) = around else { break };
            if matches!(behind, b' ' | b'\t') {
                break;
            }
            self.add_usual(bytes, at, line_feed - usize::from(*before == b'\r'));
            at = line_feed + 1;
            if *behind <= b' ' {
                break;
            }
        }
        at
    }

    /// Adds the line that lies there and begins with text.
    #[inline(always)]
    fn add_usual(&mut self, bytes: &[u8], start: usize, end: usize) {
        match usual_name(bytes, start) {
            Name::Of(header, length) => {
                // No byte of such a name ends a line, nor does its colon.
                self.add(header, Place { colon: (start + length) as u32, end: end as u32 });
            }
            Name::Other => self.add_other(Stretch { start: start as u32, end: end as u32 }),
            Name::Odd => self.add_odd(start, bytes.get(start..end).unwrap_or_default()),
        }
    }

    #[inline]
    fn add(&mut self, header: HeaderName, place: Place) {
        let first = &mut self.first[header as usize];
        if first.end == 0 { *first = place } else { self.repeated |= 1 << header as u64 }
    }

    #[inline]
    fn add_other(&mut self, line: Stretch) {
        if let Some(free) = self.others.get_mut(self.other_count) {
            *free = line;
        }
        self.other_count += 1;
    }

    #[cold]
    fn add_any(&mut self, line: &Line<'_>) {
        self.add_odd(line.start, line.bytes);
    }

    /// Adds a line whose name is spelled in any way, or that has none.
    #[inline(never)]
    fn add_odd(&mut self, start: usize, line: &[u8]) {
        let end = (start + line.len()) as u32;
        let colon = colon_of(line);
        let name = colon.map(|colon| trim(line.get(..colon).unwrap_or_default()));
        match colon.zip(name.and_then(HeaderName::from_bytes)) {
            Some((colon, header)) => self.add(header, Place { colon: (start + colon) as u32, end }),
            None => self.add_other(Stretch { start: start as u32, end }),
        }
    }
}

/// What a line's name is at a glance.
enum Name {
    /// That of a header, with its length: a colon follows.
    Of(HeaderName, usize),
    /// None of [`HeaderName`] in any spelling.
    Other,
    /// It has to be looked at.
    Odd,
}

/// The name of the line that begins at `start`, with text; more lines may follow it.
#[inline(always)]
fn usual_name(bytes: &[u8], start: usize) -> Name {
    let begin = bytes.get(start..start + KEY_BYTES).and_then(|begin| begin.first_chunk());
    let Some(block): Option<&[u8; KEY_BYTES]> = begin else { return Name::Odd };
    let ([front, back], _) = block.as_chunks() else { return Name::Odd };
    let (front, back) = (u64::from_le_bytes(*front), u64::from_le_bytes(*back));
    let begin = folded_begin(front);
    let mut candidate = SLOTS[slot(begin)];
    while let Some(header) = candidate {
        let key = &KEYS[header as usize];
        if (front ^ key.front) & key.front_mask == 0 && (back ^ key.back) & key.back_mask == 0 {
            return Name::Of(header, usize::from(key.length));
        }
        // Of the shortest name white space may follow.
        if begin != key.begin && key.length > 2 {
            break;
        }
        candidate = key.next;
        if candidate.is_none() {
            return Name::Odd;
        }
    }
    // Names of one letter are compact forms.
    let second = (front >> 8) as u8;
    if second <= b' ' || second == b':' { Name::Odd } else { Name::Other }
}

/// Bytes in which a usual name and its colon lie.
const KEY_BYTES: usize = 16;

/// A name as words.
#[derive(Clone, Copy)]
struct Key {
    /// The first eight bytes of name and colon, and the eight behind them.
    front: u64,
    back: u64,
    /// Which of their bytes count.
    front_mask: u64,
    back_mask: u64,
    /// The first three letters of the name, folded.
    begin: u32,
    length: u8,
    /// Another name with the same first letters.
    next: Option<HeaderName>,
}

/// The names by their numbers. Those that do not fit the words with their colon equal nothing.
static KEYS: [Key; HeaderName::COUNT] = TABLES.0;
/// The names that have some first letters, in any spelling, by [`slot`].
static SLOTS: [Option<HeaderName>; SLOT_COUNT] = TABLES.1;
const SLOT_COUNT: usize = 128;
const TABLES: ([Key; HeaderName::COUNT], [Option<HeaderName>; SLOT_COUNT]) = tables();

/// The first three bytes of a line, letters in lower case; other bytes may meet some that they are not.
#[inline(always)]
const fn folded_begin(front: u64) -> u32 {
    front as u32 & 0x00FF_FFFF | 0x0020_2020
}

/// Names that begin with other letters never have the same: the factor was found by trying.
#[inline(always)]
const fn slot(begin: u32) -> usize {
    (begin.wrapping_mul(0x8834_91C9) >> 25) as usize
}

const fn tables() -> ([Key; HeaderName::COUNT], [Option<HeaderName>; SLOT_COUNT]) {
    let mut keys = [const { key(b"") }; HeaderName::COUNT];
    let mut slots = [None; SLOT_COUNT];
    let mut number = 0;
    while number < HeaderName::COUNT {
        let header = HeaderName::ALL[number];
        let name = header.name().as_bytes();
        keys[number] = key(name);
        // Behind the shortest name stands its colon, or white space.
        let behind = if name.len() == 2 { [b':', b' ', b'\t', b'\r'] } else { [name[2]; 4] };
        let mut place = 0;
        while place < behind.len() {
            let begin = keys[number].begin & 0xFFFF | (behind[place] as u32 | 0x20) << 16;
            let slot = &mut slots[slot(begin)];
            match *slot {
                Some(known) if known as usize != number => {
                    assert!(keys[known as usize].begin == begin, "two names meet");
                    keys[number].next = Some(known);
                }
                _ => {}
            }
            *slot = Some(header);
            place += 1;
        }
        number += 1;
    }
    (keys, slots)
}

const fn key(name: &[u8]) -> Key {
    let mut words = [0_u64; 2];
    let mut masks = [0_u64; 2];
    let mut place = 0;
    while place <= name.len() && place < KEY_BYTES {
        let byte = if place < name.len() { name[place] } else { b':' };
        words[place / 8] |= (byte as u64) << (8 * (place % 8));
        masks[place / 8] |= 0xFF << (8 * (place % 8));
        place += 1;
    }
    if name.len() >= KEY_BYTES {
        // A line begins with no such byte.
        words[0] = 0;
    }
    Key {
        front: words[0],
        back: words[1],
        front_mask: masks[0],
        back_mask: masks[1],
        begin: begin_of(name),
        length: name.len() as u8,
        next: None,
    }
}

const fn begin_of(name: &[u8]) -> u32 {
    match name {
        [] => 0,
        [one] => *one as u32 | 0x20,
        [one, two] => (*one as u32 | 0x20) | (*two as u32 | 0x20) << 8 | (b':' as u32) << 16,
        [one, two, three, ..] => {
            (*one as u32 | 0x20) | (*two as u32 | 0x20) << 8 | (*three as u32 | 0x20) << 16
        }
    }
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
