//! One direction of a byte stream to SIP messages, framed by Content-Length (RFC 3261 section 18.3).
//!
//! In: ordered chunks with their time and record, gaps, the end. Out: messages through a sink, and a
//! tally. What comes out depends on the bytes alone, never on how chunks divide them: every decision
//! is made on whole lines and whole bodies. Lines end with LF or CRLF; CR alone ends no line here.
//!
//! Decisions of ours:
//! - Between messages, lines are skipped until one is a start line; a stream that starts in the
//!   middle, or goes on behind a gap, comes back into step there. What stands before a start line in
//!   its own line is skipped, too: clients keep connections alive by bytes without a line end. Keep-alives
//!   of line ends (RFC 5626 section 3.5.1) and of NUL bytes are no line at all.
//! - A start line inside a head shows that bytes are missing: what stood before is given as cut.
//! - Without a readable Content-Length (mandatory on streams) the body is taken to be empty, so the
//!   next message is found by its start line. Such a head without Call-ID is no message but a
//!   stray line, for instance of a message/sipfrag body in the middle of which the stream started.
//! - While in step, bodies are never searched: SIP text inside a body is no message. Only where what
//!   follows a body is no start line, and becomes one with the last bytes of the body, these are given
//!   back: the length was too large. When the message really ended is not known then.
//! - What was skipped is told as a loss where it can have been a message: there is more of it than
//!   rests of bodies and keep-alives have, and nothing explains it.

use super::message::scan;
use super::method::Method;
use super::start_line::{self, StartLine};
use crate::base::limits::{FRAMED_BODY_BYTES_MAX, FRAMED_HEAD_BYTES_MAX, LOSSES_PER_CAPTURE_MAX};
use crate::base::{CaptureTime, RecordRef};
use memchr::{memchr, memchr_iter, memmem};

/// Bytes that belong to no message and are too few for one: the mandatory headers alone are longer.
const MESSAGE_BYTES_MIN: u64 = 64;
/// Last bytes of a body that a start line behind it may need, and the most of a line that may stand
/// before one.
const NEAR_BYTES: usize = 64;

/// How a framed message ended.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FrameEnd {
    /// Whole, as its Content-Length says.
    Complete,
    /// Its head is whole and says no length: taken to have no body.
    WithoutLength,
    /// Cut by a gap, by the end of the stream, or by a start line inside its head.
    Cut,
    /// Its Content-Length is above [`FRAMED_BODY_BYTES_MAX`]: given without its body.
    Limit,
}

/// One message of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FramedMessage<'a> {
    /// Its bytes, from the start line on.
    pub bytes: &'a [u8],
    /// Time of the chunk that completed it; of the last chunk it had when it is cut.
    pub time: CaptureTime,
    /// Record of that chunk.
    pub record: RecordRef,
    /// How it ended.
    pub end: FrameEnd,
}

/// What a stream held.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FramingTally {
    /// Messages given, cut ones included.
    pub messages: u64,
    /// Messages given that were cut.
    pub cut_messages: u64,
    /// Bytes that belong to no message; line ends between messages are not counted.
    pub discarded_bytes: u64,
    /// Bodies that took bytes of the message behind them.
    pub long_bodies: u64,
    /// Bytes of those, given with the body and again with the message that they begin, and the line ends
    /// among them.
    pub taken_back_bytes: u64,
    /// Times a head or body was above its limit.
    pub limit_hits: u64,
    /// Gaps that were told.
    pub gaps: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Between messages, at the start of a line.
    #[default]
    Seeking,
    /// Between messages, inside a line that is too long for a start line.
    SkippingLine,
    /// Inside a head; `line` is where its next unread line begins.
    Head { line: usize },
    /// Inside a body that ends at `end`, behind a head of `head` bytes.
    Body { head: usize, end: usize },
}

/// Bytes that may have been messages, and are given as none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unframed {
    /// Not before this moment.
    pub first: CaptureTime,
    /// Time of the last chunk with such bytes.
    pub last: CaptureTime,
    /// How many.
    pub bytes: u64,
    /// Whether they stand before the first message, which is how a stream that is entered in the middle of
    /// one begins.
    pub leads: bool,
}

impl Unframed {
    /// Adds what was skipped later.
    pub fn join(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.bytes += other.bytes;
        self.leads &= other.leads;
    }
}

/// Frames one direction of a byte stream. Holds at most one message.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    /// The message in work, or the line that was not whole.
    buffer: Vec<u8>,
    state: State,
    /// Bytes of the buffer that were searched for a line end in vain.
    searched: usize,
    last: (CaptureTime, RecordRef),
    /// The last bytes of the body before, and the line ends behind it, until something else follows.
    body_tail: Vec<u8>,
    /// Whether the body of the last message names the version of SIP: of a wrong length, it can be messages.
    body_names_sip: bool,
    /// Bytes in a row that belong to no message.
    skipped: Option<Unframed>,
    /// Whether those before them may be of it, too: then there need not be many.
    skipped_is_rest: bool,
    /// When the message before the last one was given, and the last one; at first, the first chunk.
    given: Option<[CaptureTime; 2]>,
    /// Whether bytes that belong to no message are expected: the body of a message without length, the
    /// rest of one whose beginning is missing.
    explains_skipped: bool,
    unframed: Vec<Unframed>,
    tally: FramingTally,
}

/// What one step through the bytes did.
enum Step {
    /// Bytes up to here belong to no message.
    Discard(usize),
    /// Line ends between messages.
    Skip(usize),
    /// A message ended here.
    Give(usize, FrameEnd),
    /// What is kept of the body before begins the next message.
    Back,
    /// Only the state changed.
    Go,
    /// More bytes are needed.
    Wait,
}

impl Framer {
    /// A framer at the start of a stream, or anywhere in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and gives every message that they complete.
    pub fn chunk(
        &mut self,
        bytes: &[u8],
        time: CaptureTime,
        record: RecordRef,
        mut sink: impl FnMut(FramedMessage<'_>),
    ) {
        if bytes.is_empty() {
            return;
        }
        self.last = (time, record);
        self.given.get_or_insert([time; 2]);
        let mut goes_on = true;
        if self.buffer.is_empty() {
            // The usual case, whole messages in a chunk, copies nothing.
            let (used, is_back) = self.advance(bytes, &mut sink);
            if is_back {
                self.buffer.append(&mut self.body_tail);
            }
            self.buffer.extend_from_slice(bytes.get(used..).unwrap_or_default());
            goes_on = is_back;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        while goes_on {
            let mut buffer = std::mem::take(&mut self.buffer);
            let (used, is_back) = self.advance(&buffer, &mut sink);
            let before = if is_back { std::mem::take(&mut self.body_tail) } else { Vec::new() };
            buffer.splice(..used, before);
            self.buffer = buffer;
            goes_on = is_back;
        }
    }

    /// Bytes are missing here: gives what there is of a message as cut, and seeks the next start line.
    pub fn gap(&mut self, mut sink: impl FnMut(FramedMessage<'_>)) {
        self.tally.gaps += 1;
        self.close(&mut sink);
        self.explains_skipped = true;
    }

    /// The stream ends here: gives what there is of a message as cut.
    pub fn finish(&mut self, mut sink: impl FnMut(FramedMessage<'_>)) {
        self.close(&mut sink);
    }

    /// What was seen up to now.
    #[must_use]
    pub const fn tally(&self) -> FramingTally {
        self.tally
    }

    /// What may have been messages and was given as none, in the order of the stream.
    #[must_use]
    pub fn unframed(&self) -> &[Unframed] {
        &self.unframed
    }

    /// Whether it is inside a message.
    #[must_use]
    pub const fn is_inside_message(&self) -> bool {
        matches!(self.state, State::Head { .. } | State::Body { .. })
    }

    fn close(&mut self, sink: &mut impl FnMut(FramedMessage<'_>)) {
        let buffer = std::mem::take(&mut self.buffer);
        if self.is_inside_message() {
            self.give(&buffer, FrameEnd::Cut, sink);
        } else {
            self.skip(buffer.len());
        }
        self.end_skipped();
        self.body_tail.clear();
        self.state = State::Seeking;
        self.searched = 0;
    }

    fn give(&mut self, bytes: &[u8], end: FrameEnd, sink: &mut impl FnMut(FramedMessage<'_>)) {
        let (time, record) = self.last;
        self.end_skipped();
        self.explains_skipped = end != FrameEnd::Complete;
        let [_, before] = self.given.unwrap_or([time; 2]);
        self.given = Some([before, time]);
        self.tally.messages += 1;
        self.tally.cut_messages += u64::from(end == FrameEnd::Cut);
        sink(FramedMessage { bytes, time, record, end });
    }

    /// These bytes belong to no message.
    fn skip(&mut self, bytes: usize) {
        if bytes > 0 {
            self.tally.discarded_bytes += bytes as u64;
            let now = self.unframed_now(bytes as u64);
            self.skipped_is_rest |= self.body_names_sip;
            match &mut self.skipped {
                Some(skipped) => skipped.join(&now),
                None => self.skipped = Some(now),
            }
        }
    }

    /// Bytes of the last chunk, or of those since the message before the last one.
    fn unframed_now(&self, bytes: u64) -> Unframed {
        let last = self.last.0;
        let [first, _] = self.given.unwrap_or([last; 2]);
        let leads = self.tally.messages + self.tally.gaps == 0;
        Unframed { first: first.min(last), last, bytes, leads }
    }

    /// Tells the bytes in a row that were skipped, where they can have been a message.
    fn end_skipped(&mut self) {
        let explained = self.explains_skipped;
        let is_rest = std::mem::take(&mut self.skipped_is_rest);
        let told =
            |skipped: &Unframed| (is_rest || skipped.bytes >= MESSAGE_BYTES_MIN) && !explained;
        if let Some(skipped) = self.skipped.take().filter(told) {
            self.tell(skipped);
        }
    }

    fn tell(&mut self, unframed: Unframed) {
        let is_full = self.unframed.len() >= LOSSES_PER_CAPTURE_MAX;
        match self.unframed.last_mut() {
            Some(last) if is_full || unframed.first <= last.last => last.join(&unframed),
            _ => self.unframed.push(unframed),
        }
    }

    /// Walks through `bytes` as far as they decide something; how many are done with, and whether what is
    /// kept of the body before comes before the rest.
    fn advance(&mut self, bytes: &[u8], sink: &mut impl FnMut(FramedMessage<'_>)) -> (usize, bool) {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let length = match self.step(rest) {
                Step::Wait => return (used, false),
                Step::Go => continue,
                Step::Skip(length) => length,
                Step::Back => {
                    self.searched = 0;
                    self.tally.long_bodies += 1;
                    self.tally.taken_back_bytes += self.body_tail.len() as u64;
                    let when = self.unframed_now(0);
                    self.tell(when);
                    return (used, true);
                }
                Step::Discard(length) => {
                    self.skip(length);
                    length
                }
                Step::Give(length, end) => {
                    self.give(rest.get(..length).unwrap_or_default(), end, sink);
                    length
                }
            };
            self.searched = 0;
            used += length;
        }
    }

    /// The next decision about `rest`, which begins at the message or line in work.
    fn step(&mut self, rest: &[u8]) -> Step {
        match self.state {
            State::Seeking => self.seek(rest),
            State::SkippingLine => match memchr(b'\n', rest) {
                Some(at) => {
                    self.state = State::Seeking;
                    Step::Discard(at + 1)
                }
                None if rest.is_empty() => Step::Wait,
                None => Step::Discard(rest.len()),
            },
            State::Head { line } => self.read_head_line(rest, line),
            State::Body { head, end } if rest.len() >= end => {
                self.state = State::Seeking;
                if end > head {
                    // With the line end that it begins behind, where it is short.
                    let tail = head.saturating_sub(1).max(end.saturating_sub(NEAR_BYTES));
                    self.body_tail.extend_from_slice(rest.get(tail..end).unwrap_or_default());
                }
                let body = rest.get(head..end).unwrap_or_default();
                self.body_names_sip = memmem::find(body, b"SIP/2.0").is_some();
                Step::Give(end, FrameEnd::Complete)
            }
            State::Body { .. } => Step::Wait,
        }
    }

    fn seek(&mut self, rest: &[u8]) -> Step {
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
        if blank > 0 {
            if !self.body_tail.is_empty() {
                let room = (2 * NEAR_BYTES).saturating_sub(self.body_tail.len());
                self.body_tail.extend(rest.iter().take(blank.min(room)));
            }
            return Step::Skip(blank);
        }
        let Some(end) = self.line_end(rest, 0) else {
            if rest.len() <= FRAMED_HEAD_BYTES_MAX {
                return Step::Wait;
            }
            self.body_tail.clear();
            self.state = State::SkippingLine;
            return Step::Go;
        };
        let line = rest.get(..end.min(FRAMED_HEAD_BYTES_MAX)).unwrap_or_default();
        let start = start_of(line);
        if start != Start::Known && self.goes_back(line) {
            return Step::Back;
        }
        self.body_tail.clear();
        match start {
            _ if end > FRAMED_HEAD_BYTES_MAX => Step::Discard(end),
            Start::Known | Start::Unknown => {
                self.state = State::Head { line: end };
                self.searched = end;
                Step::Go
            }
            Start::Behind(bytes) => Step::Discard(bytes),
            Start::None => Step::Discard(end),
        }
    }

    /// Whether the last lines of the body before and this one are a start line: then they are all that is
    /// kept of the body.
    fn goes_back(&mut self, line: &[u8]) -> bool {
        let tail = &self.body_tail;
        let mut text = Vec::new();
        let starts = memchr_iter(b'\n', tail).map(|at| at + 1).filter(|at| *at < tail.len());
        let found = starts.into_iter().find(|at| {
            text.clear();
            text.extend(tail.iter().skip(*at).chain(line));
            let whole = memchr(b'\n', &text).map_or(text.len(), |end| end + 1);
            start_of(text.get(..whole).unwrap_or_default()) == Start::Known
        });
        if let Some(at) = found {
            self.body_tail.drain(..at);
        }
        found.is_some()
    }

    fn read_head_line(&mut self, rest: &[u8], line: usize) -> Step {
        let end = self.line_end(rest, line);
        if end.unwrap_or(rest.len()) > FRAMED_HEAD_BYTES_MAX {
            self.tally.limit_hits += 1;
            self.state = State::SkippingLine;
            // The lines before are kept: the Call-ID is mostly among them.
            return Step::Give(line, FrameEnd::Limit);
        }
        let Some(end) = end else { return Step::Wait };
        let bytes = rest.get(line..end).unwrap_or_default();
        if matches!(bytes, b"\n" | b"\r\n") {
            return self.end_head(rest.get(..end).unwrap_or_default());
        }
        if is_start_line(bytes) {
            self.state = State::Seeking;
            return Step::Give(line, FrameEnd::Cut);
        }
        self.state = State::Head { line: end };
        Step::Go
    }

    /// The head is whole: how much body follows.
    fn end_head(&mut self, head: &[u8]) -> Step {
        self.state = State::Seeking;
        let message = scan(head);
        match message.as_ref().and_then(super::message::Message::content_length) {
            Some(length) if length <= FRAMED_BODY_BYTES_MAX => {
                self.state = State::Body { head: head.len(), end: head.len() + length };
                Step::Go
            }
            Some(_) => {
                self.tally.limit_hits += 1;
                self.body_names_sip = false;
                Step::Give(head.len(), FrameEnd::Limit)
            }
            None if message.is_some_and(|message| !message.call_id().is_empty()) => {
                Step::Give(head.len(), FrameEnd::WithoutLength)
            }
            None => Step::Discard(head.len()),
        }
    }

    /// Position behind the line that begins at `from`; bytes searched before are not searched again.
    fn line_end(&mut self, rest: &[u8], from: usize) -> Option<usize> {
        let from = from.max(self.searched);
        match memchr(b'\n', rest.get(from..)?) {
            Some(at) => Some(from + at + 1),
            None => {
                self.searched = rest.len();
                None
            }
        }
    }
}

/// Whether a whole line, its end included, is a start line.
fn is_start_line(line: &[u8]) -> bool {
    start(line) != Start::None
}

/// Whether a line begins a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Start {
    /// A start line, with a method that is known.
    Known,
    /// A request line with some other method.
    Unknown,
    /// A start line behind so many bytes that are none of it.
    Behind(usize),
    None,
}

fn start_of(line: &[u8]) -> Start {
    let first = start(line);
    if first == Start::Known || memmem::find(line, b"SIP/").is_none() {
        return first;
    }
    let behind = |at: &usize| line.get(*at..).is_some_and(|rest| start(rest) == Start::Known);
    (1..NEAR_BYTES.min(line.len())).find(behind).map_or(first, Start::Behind)
}

/// The same where the start line is the whole line.
fn start(line: &[u8]) -> Start {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match start_line::parse(text, true).map(|parsed| parsed.line) {
        Some(StartLine::Request { method: Method::Other, .. }) => Start::Unknown,
        Some(_) => Start::Known,
        None => Start::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One string a message (how it ended, and its text), the tally, what may have been messages.
    type Found = (Vec<String>, FramingTally, Vec<Unframed>);

    /// Feeds `stream` in chunks of `size`; `^` in it stands for a gap.
    fn frames(stream: &str, size: usize) -> Found {
        let mut found = Vec::new();
        let mut framer = Framer::new();
        let mut keep = |message: FramedMessage<'_>| {
            let text = String::from_utf8_lossy(message.bytes).replace("\r\n", "|");
            found.push(format!("{:?} {text}", message.end));
        };
        for (number, piece) in stream.split('^').enumerate() {
            if number > 0 {
                framer.gap(&mut keep);
            }
            for chunk in piece.as_bytes().chunks(size) {
                framer.chunk(chunk, CaptureTime::MIN, RecordRef::default(), &mut keep);
            }
        }
        framer.finish(&mut keep);
        let (tally, unframed) = (framer.tally(), framer.unframed().to_vec());
        (found, tally, unframed)
    }

    fn check(stream: &str, expect: &[&str]) -> FramingTally {
        check_all(stream, expect).0
    }

    fn check_all(stream: &str, expect: &[&str]) -> (FramingTally, Vec<Unframed>) {
        let stream = stream.replace('|', "\r\n");
        let whole = frames(&stream, usize::MAX);
        assert_eq!(whole.0, expect, "{stream}");
        for size in 1..=stream.len() {
            assert_eq!(frames(&stream, size), whole, "chunks of {size}: {stream}");
        }
        (whole.1, whole.2)
    }

    #[test]
    fn messages_by_length() {
        check("A x SIP/2.0|l: 2||ab", &["Complete A x SIP/2.0|l: 2||ab"]);
        check(
            "||A x SIP/2.0|Content-Length : 0||||SIP/2.0 200|l:1||x|",
            &["Complete A x SIP/2.0|Content-Length : 0||", "Complete SIP/2.0 200|l:1||x"],
        );
        // A SIP text inside a body is no message.
        check(
            "A x SIP/2.0|l: 29||B y SIP/2.0|i: b|l: 0|||||||C z SIP/2.0|l: 0||",
            &[
                "Complete A x SIP/2.0|l: 29||B y SIP/2.0|i: b|l: 0|||",
                "Complete C z SIP/2.0|l: 0||",
            ],
        );
        check("A x SIP/2.0|l:|  1||q", &["Complete A x SIP/2.0|l:|  1||q"]);
        check("A x SIP/2.0\nl: 1\n\nq", &["Complete A x SIP/2.0\nl: 1\n\nq"]);
    }

    #[test]
    fn without_length() {
        let tally = check(
            "A x SIP/2.0|i: 1||v=0|o=-|B x SIP/2.0|l: 0||",
            &["WithoutLength A x SIP/2.0|i: 1||", "Complete B x SIP/2.0|l: 0||"],
        );
        assert_eq!(tally.discarded_bytes, 10);
        let tally = check("SIP/2.0 200 OK||A x SIP/2.0|l: 0||", &["Complete A x SIP/2.0|l: 0||"]);
        assert_eq!(tally.discarded_bytes, 18);
        check("A x SIP/2.0|i: 1|l: -3||", &["WithoutLength A x SIP/2.0|i: 1|l: -3||"]);
    }

    #[test]
    fn comes_back_into_step() {
        check("tail|v=0|A x SIP/2.0|l: 0||", &["Complete A x SIP/2.0|l: 0||"]);
        check(
            "A x SIP/2.0|i: 1|^rest|l: 0||B x SIP/2.0|l: 0||",
            &["Cut A x SIP/2.0|i: 1|", "Complete B x SIP/2.0|l: 0||"],
        );
        check(
            "A x SIP/2.0|l: 9||v=0^B x SIP/2.0|l: 0||",
            &["Cut A x SIP/2.0|l: 9||v=0", "Complete B x SIP/2.0|l: 0||"],
        );
        check(
            "A x SIP/2.0|i: 1|B x SIP/2.0|l: 0||",
            &["Cut A x SIP/2.0|i: 1|", "Complete B x SIP/2.0|l: 0||"],
        );
        check("A x SIP/2.0|i: 1", &["Cut A x SIP/2.0|i: 1"]);
        check("A x SI", &[]);
        check("", &[]);
    }

    #[test]
    fn keep_alives() {
        let messages = ["Complete ACK x SIP/2.0|l: 0||", "Complete SIP/2.0 200|l: 1||q"];
        for (alive, discarded) in [("\0\0\0\0", 0), ("\0", 0), ("||", 0), ("jaK", 9), (" |", 9)] {
            let stream = format!("{alive}ACK x SIP/2.0|l: 0||{alive}SIP/2.0 200|l: 1||q{alive}");
            let (tally, unframed) = check_all(&stream, &messages);
            assert_eq!((tally.discarded_bytes, unframed.len()), (discarded, 0), "{alive:?}");
        }
        // A message of a method that is not known is one all the same.
        check("FOO x SIP/2.0|l: 0||", &["Complete FOO x SIP/2.0|l: 0||"]);
    }

    #[test]
    fn a_length_that_is_too_large_gives_back() {
        let next = "BYE sip:a@b SIP/2.0|Via: x|l: 0||";
        // A body that is not there at all.
        let stream = "ACK x SIP/2.0|l: 4||BYE x SIP/2.0|l: 0||";
        let (tally, _) = check_all(
            stream,
            &["Complete ACK x SIP/2.0|l: 4||BYE ", "Complete BYE x SIP/2.0|l: 0||"],
        );
        assert_eq!(tally.long_bodies, 1);
        for more in [1, 3, 7, 20, 21, 27] {
            for next in [next, "||SIP/2.0 200 OK|Via: a long one|l: 0||"] {
                let length = 5 + more;
                let taken = &next.replace('|', "\r\n")[..more];
                let first = format!("Complete ACK x SIP/2.0|l: {length}||v=0|{taken}");
                let first = first.replace("\r\n", "|");
                let second = format!("Complete {}", next.trim_start_matches('|'));
                let stream = format!("ACK x SIP/2.0|l: {length}||v=0|{next}");
                let expect = [first.as_str(), second.as_str()];
                let (tally, unframed) = check_all(&stream, &expect);
                let is_back = !taken.trim().is_empty();
                assert_eq!(tally.long_bodies, u64::from(is_back), "{stream}");
                assert_eq!(unframed.len(), usize::from(is_back), "{stream}");
            }
        }
        // One that is too small leaves a rest, which is no message.
        let (tally, unframed) = check_all(
            "ACK x SIP/2.0|l: 2||v=0|BYE x SIP/2.0|l: 0||",
            &["Complete ACK x SIP/2.0|l: 2||v=", "Complete BYE x SIP/2.0|l: 0||"],
        );
        assert_eq!((tally.discarded_bytes, unframed.len()), (3, 0));
    }

    #[test]
    fn what_may_have_been_messages() {
        let text = "Via: x|From: a|To: b|CSeq: 1 INVITE|Call-ID: one of some length|Expires: 9||";
        let bytes = text.replace('|', "\r\n").len() as u64 - 2;
        let message = "ACK x SIP/2.0|i: 1|l: 0||";
        let (without, long) = ("ACK x SIP/2.0|i: 1||", "x".repeat(80));
        for (stream, count, leads) in [
            (format!("{message}{text}{message}"), 1, false),
            (format!("{message}{text}"), 1, false),
            (format!("{text}{message}"), 1, true),
            // The end of a message, most of which is in the body before.
            (
                format!("ACK x SIP/2.0|l: 102||BYE x SIP/2.0|Via: {long}|Expires: 9||{message}"),
                1,
                false,
            ),
            // A message without length has a body, and a gap is told already.
            (format!("{without}{text}{message}"), 0, false),
            (format!("^{text}{message}"), 0, false),
            (format!("{message}^{text}{message}"), 0, false),
            (format!("{message}{message}"), 0, false),
        ] {
            let (_, _, unframed) = frames(&stream.replace('|', "\r\n"), 7);
            assert_eq!(unframed.len(), count, "{stream}");
            for unframed in unframed {
                assert_eq!(unframed.leads, leads, "{stream}");
                assert!(unframed.bytes == bytes || unframed.bytes == 12, "{stream}: {unframed:?}");
            }
        }
    }

    #[test]
    fn skipped_bytes_reach_from_the_message_before_the_last_one() {
        let mut framer = Framer::new();
        let junk = "x".repeat(100) + "\r\n";
        let message = "ACK x SIP/2.0\r\nl: 0\r\n\r\n";
        for (time, chunk) in (0..).zip([message, message, message, &junk, &junk, message]) {
            let time = CaptureTime::from_ns(time);
            framer.chunk(chunk.as_bytes(), time, RecordRef::default(), |_| {});
        }
        let found = framer.unframed().iter().map(|one| (one.first.ns(), one.last.ns(), one.bytes));
        assert_eq!(found.collect::<Vec<_>>(), [(1, 4, 204)]);
    }

    #[test]
    fn limits() {
        let long = "x".repeat(FRAMED_HEAD_BYTES_MAX);
        let stream = format!("A x SIP/2.0\r\ni: 1\r\ns: {long}\r\nB y SIP/2.0\r\nl: 0\r\n\r\n");
        for size in [1, 1000, usize::MAX] {
            let (found, tally, _) = frames(&stream, size);
            assert_eq!(found, ["Limit A x SIP/2.0|i: 1|", "Complete B y SIP/2.0|l: 0||"]);
            assert_eq!((tally.limit_hits, tally.discarded_bytes), (1, long.len() as u64 + 5));
        }
        let stream = format!("{long}{long}\r\nA x SIP/2.0\r\nl: 0\r\n\r\n");
        for size in [1, 1000, usize::MAX] {
            let (found, tally, _) = frames(&stream, size);
            assert_eq!(found, ["Complete A x SIP/2.0|l: 0||"]);
            assert_eq!(tally.discarded_bytes, 2 * long.len() as u64 + 2);
        }
        let stream = "A x SIP/2.0|i: 1|l: 99999999999||B x SIP/2.0|l: 0||";
        let tally = check(
            stream,
            &["Limit A x SIP/2.0|i: 1|l: 99999999999||", "Complete B x SIP/2.0|l: 0||"],
        );
        assert_eq!(tally.limit_hits, 1);
    }

    #[test]
    fn time_and_record_are_those_of_the_last_chunk() {
        let mut framer = Framer::new();
        let mut found = Vec::new();
        for (number, chunk) in
            [&b"A x SIP/2.0\r\nl: 1\r\n"[..], b"\r\n", b"qB x SI"].iter().enumerate()
        {
            let time = CaptureTime::from_ns(number as i64);
            let record = RecordRef { index: number as u32, ..RecordRef::default() };
            framer.chunk(chunk, time, record, |message| {
                found.push((message.time.ns(), message.record.index));
            });
        }
        assert_eq!(found, [(2, 2)]);
    }
}
