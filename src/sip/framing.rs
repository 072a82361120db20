//! One direction of a byte stream to SIP messages, framed by Content-Length (RFC 3261 section 18.3).
//!
//! In: ordered chunks with their time and record, gaps, the end. Out: messages through a sink, and a
//! tally. What comes out depends on the bytes alone, never on how chunks divide them: every decision
//! is made on whole lines and whole bodies. Lines end with LF or CRLF; CR alone ends no line here.
//!
//! Decisions of ours:
//! - Between messages, lines are skipped until one is a start line; a stream that starts in the
//!   middle, or goes on behind a gap, comes back into step there.
//! - A start line inside a head shows that bytes are missing: what stood before is given as cut.
//! - Without a readable Content-Length (mandatory on streams) the body is taken to be empty, so the
//!   next message is found by its start line. Such a head without Call-ID is no message but a
//!   stray line, for instance of a message/sipfrag body in the middle of which the stream started.
//! - While in step, bodies are never searched: SIP text inside a body is no message.

use super::message::scan;
use super::start_line;
use crate::base::limits::{FRAMED_BODY_BYTES_MAX, FRAMED_HEAD_BYTES_MAX};
use crate::base::{CaptureTime, RecordRef};
use memchr::memchr;

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
    /// Inside a body that ends at `end`.
    Body { end: usize },
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
        if self.buffer.is_empty() {
            // The usual case, whole messages in a chunk, copies nothing.
            let used = self.advance(bytes, &mut sink);
            self.buffer.extend_from_slice(bytes.get(used..).unwrap_or_default());
            return;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend_from_slice(bytes);
        let used = self.advance(&buffer, &mut sink);
        buffer.drain(..used);
        self.buffer = buffer;
    }

    /// Bytes are missing here: gives what there is of a message as cut, and seeks the next start line.
    pub fn gap(&mut self, mut sink: impl FnMut(FramedMessage<'_>)) {
        self.tally.gaps += 1;
        self.close(&mut sink);
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
            self.tally.discarded_bytes += buffer.len() as u64;
        }
        self.state = State::Seeking;
        self.searched = 0;
    }

    fn give(&mut self, bytes: &[u8], end: FrameEnd, sink: &mut impl FnMut(FramedMessage<'_>)) {
        let (time, record) = self.last;
        self.tally.messages += 1;
        self.tally.cut_messages += u64::from(end == FrameEnd::Cut);
        sink(FramedMessage { bytes, time, record, end });
    }

    /// Walks through `bytes` as far as they decide something; how many are done with.
    fn advance(&mut self, bytes: &[u8], sink: &mut impl FnMut(FramedMessage<'_>)) -> usize {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let length = match self.step(rest) {
                Step::Wait => return used,
                Step::Go => continue,
                Step::Skip(length) => length,
                Step::Discard(length) => {
                    self.tally.discarded_bytes += length as u64;
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
            State::Body { end } if rest.len() >= end => {
                self.state = State::Seeking;
                Step::Give(end, FrameEnd::Complete)
            }
            State::Body { .. } => Step::Wait,
        }
    }

    fn seek(&mut self, rest: &[u8]) -> Step {
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank > 0 {
            return Step::Skip(blank);
        }
        let Some(end) = self.line_end(rest, 0) else {
            if rest.len() <= FRAMED_HEAD_BYTES_MAX {
                return Step::Wait;
            }
            self.state = State::SkippingLine;
            return Step::Go;
        };
        if end <= FRAMED_HEAD_BYTES_MAX && is_start_line(rest.get(..end).unwrap_or_default()) {
            self.state = State::Head { line: end };
            self.searched = end;
            return Step::Go;
        }
        Step::Discard(end)
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
                self.state = State::Body { end: head.len() + length };
                Step::Go
            }
            Some(_) => {
                self.tally.limit_hits += 1;
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
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    start_line::parse(text, true).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `stream` in chunks of `size`; `\0` in it stands for a gap. One string a message:
    /// how it ended, and the first and last bytes of its text.
    fn frames(stream: &str, size: usize) -> (Vec<String>, FramingTally) {
        let mut found = Vec::new();
        let mut framer = Framer::new();
        let mut keep = |message: FramedMessage<'_>| {
            let text = String::from_utf8_lossy(message.bytes).replace("\r\n", "|");
            found.push(format!("{:?} {text}", message.end));
        };
        for (number, piece) in stream.split('\0').enumerate() {
            if number > 0 {
                framer.gap(&mut keep);
            }
            for chunk in piece.as_bytes().chunks(size) {
                framer.chunk(chunk, CaptureTime::MIN, RecordRef::default(), &mut keep);
            }
        }
        framer.finish(&mut keep);
        let tally = framer.tally();
        (found, tally)
    }

    fn check(stream: &str, expect: &[&str]) -> FramingTally {
        let stream = stream.replace('|', "\r\n");
        let (whole, tally) = frames(&stream, usize::MAX);
        assert_eq!(whole, expect, "{stream}");
        for size in 1..=stream.len() {
            assert_eq!(frames(&stream, size), (whole.clone(), tally), "chunks of {size}: {stream}");
        }
        tally
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
            "A x SIP/2.0|i: 1|\0rest|l: 0||B x SIP/2.0|l: 0||",
            &["Cut A x SIP/2.0|i: 1|", "Complete B x SIP/2.0|l: 0||"],
        );
        check(
            "A x SIP/2.0|l: 9||v=0\0B x SIP/2.0|l: 0||",
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
    fn limits() {
        let long = "x".repeat(FRAMED_HEAD_BYTES_MAX);
        let stream = format!("A x SIP/2.0\r\ni: 1\r\ns: {long}\r\nB y SIP/2.0\r\nl: 0\r\n\r\n");
        for size in [1, 1000, usize::MAX] {
            let (found, tally) = frames(&stream, size);
            assert_eq!(found, ["Limit A x SIP/2.0|i: 1|", "Complete B y SIP/2.0|l: 0||"]);
            assert_eq!((tally.limit_hits, tally.discarded_bytes), (1, long.len() as u64 + 5));
        }
        let stream = format!("{long}{long}\r\nA x SIP/2.0\r\nl: 0\r\n\r\n");
        for size in [1, 1000, usize::MAX] {
            let (found, tally) = frames(&stream, size);
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
