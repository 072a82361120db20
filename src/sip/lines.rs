//! The header lines of a message, one by one, folded ones put together: how lines may end.

use super::search::find;
use super::text::trim;
use memchr::memchr;

/// One header line, folded lines included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header<'a> {
    /// The name as on the wire, long or compact.
    pub name: &'a [u8],
    /// The value without white space around it, folded lines kept.
    pub value: &'a [u8],
    /// Whether the bytes end inside this line.
    pub is_cut: bool,
}

/// The lines between the start line and the blank line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) bytes: &'a [u8],
    /// Lines end with CR alone.
    pub(super) cr_only: bool,
}

/// Whether a line end stands at the end. A CR ends the line even where its LF is missing.
pub(super) fn ends_line(bytes: &[u8]) -> bool {
    matches!(bytes.last(), Some(b'\r' | b'\n'))
}

/// Splits a line into name and value; `touches_end` says that no line end follows it.
pub(super) fn header_of(line: &[u8], touches_end: bool) -> Option<Header<'_>> {
    let colon = colon_of(line)?;
    let value = line.get(colon + 1..)?;
    let is_cut = touches_end && !ends_line(line);
    Some(Header { name: trim(line.get(..colon)?), value: trim(value), is_cut })
}

/// Position of the colon of a header line with a name before it.
pub(super) fn colon_of(line: &[u8]) -> Option<usize> {
    find(line, [b':']).filter(|colon| *colon > 0)
}

impl<'a> Head<'a> {
    /// The lines from a line's start on that have a name.
    pub(super) fn lines_from(self, at: usize) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let mut lines = Lines::new(self, at);
        std::iter::from_fn(move || {
            loop {
                let line = lines.next_line()?;
                let touches_end = lines.at == self.bytes.len();
                if let Some(header) = header_of(line.bytes, touches_end && !line.is_ended) {
                    return Some(header);
                }
            }
        })
    }
}

/// One header line with its folded lines; `bytes` may keep white space and line ends at its end.
pub(super) struct Line<'a> {
    pub(super) start: usize,
    pub(super) bytes: &'a [u8],
    pub(super) is_ended: bool,
}

/// Walks the lines of a head.
pub(super) struct Lines<'a> {
    head: Head<'a>,
    /// Where the next line begins; behind the blank line at the end.
    pub(super) at: usize,
    /// Where the headers end.
    pub(super) head_end: usize,
    pub(super) saw_blank: bool,
    pub(super) saw_fold: bool,
    pub(super) saw_lf_only: bool,
}

impl<'a> Lines<'a> {
    pub(super) const fn new(head: Head<'a>, at: usize) -> Self {
        let head_end = head.bytes.len();
        Self { head, at, head_end, saw_blank: false, saw_fold: false, saw_lf_only: false }
    }

    /// The next header line; absent at the blank line and at the end of the bytes.
    pub(super) fn next_line(&mut self) -> Option<Line<'a>> {
        let bytes = self.head.bytes;
        let start = self.at;
        if self.saw_blank || start >= bytes.len() {
            return None;
        }
        let (mut end, mut is_ended) = self.line_end(start);
        if is_ended && end == start {
            self.saw_blank = true;
            self.head_end = start;
            return None;
        }
        while is_ended && matches!(bytes.get(self.at), Some(b' ' | b'\t')) {
            self.saw_fold = true;
            (end, is_ended) = self.line_end(self.at);
        }
        Some(Line { start, bytes: bytes.get(start..end)?, is_ended })
    }

    /// Moves behind the line that begins at `from`: where its text ends, and whether it has an end.
    fn line_end(&mut self, from: usize) -> (usize, bool) {
        let rest = self.head.bytes.get(from..).unwrap_or_default();
        let mark = if self.head.cr_only { b'\r' } else { b'\n' };
        let Some(length) = memchr(mark, rest) else {
            self.at = self.head.bytes.len();
            // A CR at the very end is half of a CRLF: the line is whole.
            let length = rest.strip_suffix(b"\r").map_or(rest.len(), <[u8]>::len);
            return (from + length, length < rest.len() && length > 0);
        };
        self.at = from + length + 1;
        if self.head.cr_only {
            return (from + length, true);
        }
        if length > 0 && rest.get(length - 1) == Some(&b'\r') {
            return (from + length - 1, true);
        }
        self.saw_lf_only = true;
        (from + length, true)
    }
}
