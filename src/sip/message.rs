//! The scanner: a payload to a borrowed [`Message`], in one pass, without allocation.

use super::anomaly::{Anomalies, Anomaly};
use super::header_name::{HeaderName, long_name};
use super::method::Method;
use super::name_addr::NameAddr;
use super::parameter;
use super::start_line::{self, ParsedStartLine, StartLine};
use super::text::{
    find_outside, is_space, is_token, leading_number, trim, trim_end, trim_start, whole_number,
};
use memchr::memchr;

/// One SIP message, borrowed from its payload. What is absent is empty or `None`.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    head: Head<'a>,
    start: StartLine<'a>,
    start_line: &'a [u8],
    /// First line of each header, as positions in the head.
    first: [Place; HeaderName::COUNT],
    body: &'a [u8],
    trailing: &'a [u8],
    /// What was seen on the way.
    anomalies: Anomalies,
}

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

/// The CSeq header (RFC 3261 section 20.16).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The method.
    pub method: Method,
}

/// Longest usual name of a header.
const NAME_BYTES: usize = 24;

/// Where a header line lies in the head; `end` 0 is nowhere.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: u32,
    /// The first byte of the value, white space before it skipped.
    value: u32,
    /// The end of the value, white space behind it dropped.
    value_end: u32,
    /// The end of the line.
    end: u32,
}

impl Place {
    /// The conversions fit: the payload was limited to 32 bits.
    fn of(line: &Line<'_>, colon: usize) -> Self {
        let after_colon = line.bytes.get(colon + 1..).unwrap_or_default();
        let until_end = trim_start(after_colon);
        let end = line.start + line.bytes.len();
        let value = end - until_end.len();
        Self {
            start: line.start as u32,
            value: value as u32,
            value_end: (value + trim_end(until_end).len()) as u32,
            end: end as u32,
        }
    }
}

/// The lines between the start line and the blank line.
#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    bytes: &'a [u8],
    /// Lines end with CR alone.
    cr_only: bool,
}

/// Scans one payload; absent exactly when [`super::looks_like_sip`] says no.
///
/// Only lines before the first blank line are headers. A payload that ends before it is flagged
/// [`Anomaly::Cut`], and values of its last line are used only where a part cannot be taken for the
/// whole (see [`Message::call_id_is_cut`]).
#[must_use]
pub fn scan(payload: &[u8]) -> Option<Message<'_>> {
    // One look at the first byte ends it for RTP, RTCP, STUN, TLS and empty payloads.
    let payload = match payload.first() {
        Some(byte) if is_token(*byte) => payload,
        Some(byte) if is_space(*byte) => trim_start(payload),
        _ => return None,
    };
    // Positions are kept in 32 bits; no datagram or framed message comes near.
    let payload = payload.get(..u32::MAX as usize).unwrap_or(payload);
    let (line, is_whole, behind) = start_line::first_line(payload);
    let parsed = start_line::parse(line, is_whole)?;
    let line_end = payload.get(line.len()..behind).unwrap_or_default();
    let rest = payload.get(behind..).unwrap_or_default();
    // A CR where the bytes end may be the first half of a CRLF.
    let cr_only = line_end == b"\r" && !rest.is_empty();
    let mut message = Message {
        head: Head { bytes: rest, cr_only },
        start: parsed.line,
        start_line: line,
        first: [Place::default(); HeaderName::COUNT],
        body: &[],
        trailing: &[],
        anomalies: anomalies_of_start(&parsed, cr_only, line_end),
    };
    message.read_head(rest);
    message.split_body();
    Some(message)
}

fn anomalies_of_start(parsed: &ParsedStartLine<'_>, cr_only: bool, line_end: &[u8]) -> Anomalies {
    let mut anomalies = Anomalies::default();
    anomalies.add_if(parsed.other_version, Anomaly::Version);
    anomalies.add_if(parsed.loose_spaces, Anomaly::StartLineSpaces);
    anomalies.add_if(cr_only, Anomaly::CrOnly);
    anomalies.add_if(line_end == b"\n", Anomaly::LfOnly);
    anomalies.add_if(line_end.is_empty(), Anomaly::Cut);
    anomalies
}

impl<'a> Message<'a> {
    /// Notes the place of each known header and finds the blank line.
    fn read_head(&mut self, rest: &'a [u8]) {
        let mut lines = Lines::new(self.head, 0);
        while let Some(line) = lines.next_line() {
            let Some(colon) = colon_of(line.bytes) else {
                self.anomalies.add(Anomaly::NoColon);
                continue;
            };
            let name = line.bytes.get(..colon).unwrap_or_default();
            let trimmed = trim(name);
            self.anomalies.add_if(trimmed.len() != name.len(), Anomaly::SpaceBeforeColon);
            let Some(header) = HeaderName::from_bytes(trimmed) else { continue };
            if self.first[header as usize].end == 0 {
                self.first[header as usize] = Place::of(&line, colon);
            } else {
                let value = trim(line.bytes.get(colon + 1..).unwrap_or_default());
                self.note_repeated(header, value);
            }
        }
        self.anomalies.add_if(lines.saw_fold, Anomaly::Folded);
        self.anomalies.add_if(lines.saw_lf_only, Anomaly::LfOnly);
        self.anomalies.add_if(!lines.saw_blank, Anomaly::Cut);
        self.head.bytes = rest.get(..lines.head_end).unwrap_or(rest);
        self.body = rest.get(lines.at..).unwrap_or_default();
    }

    fn note_repeated(&mut self, header: HeaderName, value: &[u8]) {
        match header {
            HeaderName::ContentLength => {
                let differs = self.header(HeaderName::ContentLength) != Some(value);
                self.anomalies.add_if(differs, Anomaly::BadContentLength);
            }
            HeaderName::CallId => self.anomalies.add(Anomaly::DuplicateCallId),
            HeaderName::CSeq => self.anomalies.add(Anomaly::DuplicateCseq),
            HeaderName::From | HeaderName::To => self.anomalies.add(Anomaly::DuplicateParty),
            _ => {}
        }
    }

    /// Content-Length divides what stands behind the head: the rest is no part of the message
    /// (RFC 3261 section 18.3).
    fn split_body(&mut self) {
        let Some(length) = self.content_length() else {
            let has_header = self.header(HeaderName::ContentLength).is_some();
            self.anomalies.add_if(has_header, Anomaly::BadContentLength);
            return;
        };
        match self.body.split_at_checked(length) {
            Some((body, trailing)) => (self.body, self.trailing) = (body, trailing),
            None => self.anomalies.add(Anomaly::BodyCut),
        }
    }

    /// What the message does against its grammar. What is only known when all headers were seen is
    /// looked for here: nearly nobody asks.
    #[must_use]
    pub fn anomalies(&self) -> Anomalies {
        let is_utf8 = [self.start_line, self.head.bytes]
            .into_iter()
            .all(|bytes| bytes.is_ascii() || std::str::from_utf8(bytes).is_ok());
        let has = |header: HeaderName| self.first[header as usize].end != 0;
        let mut anomalies = self.anomalies;
        anomalies.add_if(!is_utf8, Anomaly::NotUtf8);
        let call_id = self.first_line(HeaderName::CallId);
        let is_empty = call_id.as_ref().is_none_or(|line| line.value.is_empty());
        anomalies.add_if(is_empty, Anomaly::NoCallId);
        anomalies.add_if(call_id.is_some_and(|line| line.is_cut), Anomaly::CallIdCut);
        anomalies.add_if(!has(HeaderName::From), Anomaly::NoFrom);
        anomalies.add_if(!has(HeaderName::To), Anomaly::NoTo);
        anomalies.add_if(!has(HeaderName::Via), Anomaly::NoVia);
        match self.cseq() {
            None if has(HeaderName::CSeq) => anomalies.add(Anomaly::BadCseq),
            None => anomalies.add(Anomaly::NoCseq),
            Some(cseq) => {
                let mismatch = self.method().is_some_and(|method| method != cseq.method);
                anomalies.add_if(mismatch, Anomaly::CseqMethodMismatch);
            }
        }
        anomalies
    }

    /// The start line.
    #[must_use]
    pub const fn start(&self) -> StartLine<'a> {
        self.start
    }

    /// The method of a request; absent for a response.
    #[must_use]
    pub const fn method(&self) -> Option<Method> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The status code of a response; absent for a request.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// The first Call-ID without white space around it; empty when absent.
    #[must_use]
    pub fn call_id(&self) -> &'a [u8] {
        self.header(HeaderName::CallId).unwrap_or_default()
    }

    /// Whether the bytes end inside the Call-ID's line: what is there may be a part, so no leg may be
    /// made from it.
    #[must_use]
    pub fn call_id_is_cut(&self) -> bool {
        self.first_line(HeaderName::CallId).is_some_and(|header| header.is_cut)
    }

    /// The first CSeq; absent when it is missing, no number of 32 bits and a method, or cut in two.
    #[must_use]
    pub fn cseq(&self) -> Option<CSeq> {
        let header = self.first_line(HeaderName::CSeq)?;
        let (number, rest) = leading_number(header.value)?;
        let rest = trim_start(rest);
        let length = rest.iter().position(|byte| !is_token(*byte)).unwrap_or(rest.len());
        let method = Method::from_token(rest.get(..length)?);
        // No known method is the beginning of another one, so a known one is whole.
        let is_part = length == 0 || header.is_cut && method == Method::Other;
        let number = u32::try_from(number).ok()?;
        (!is_part).then_some(CSeq { number, method })
    }

    /// The first From.
    #[must_use]
    pub fn from(&self) -> NameAddr<'a> {
        self.name_addr(HeaderName::From)
    }

    /// The first To.
    #[must_use]
    pub fn to(&self) -> NameAddr<'a> {
        self.name_addr(HeaderName::To)
    }

    /// The first value of the first Contact; the others through [`super::name_addrs`].
    #[must_use]
    pub fn contact(&self) -> NameAddr<'a> {
        self.name_addr(HeaderName::Contact)
    }

    fn name_addr(&self, name: HeaderName) -> NameAddr<'a> {
        let Some(header) = self.first_line(name) else {
            return NameAddr::default();
        };
        // From and To are no lists: a comma belongs to a display name without quotes.
        let is_list = name == HeaderName::Contact;
        let end = if is_list { find_outside(header.value, b',') } else { None };
        let value = end.and_then(|end| header.value.get(..end)).unwrap_or(header.value);
        NameAddr::cut_if(value, header.is_cut && end.is_none())
    }

    /// The `branch` of the topmost Via, quotes dropped; empty when absent or when the bytes end
    /// inside it.
    #[must_use]
    pub fn via_branch(&self) -> &'a [u8] {
        let Some(header) = self.first_line(HeaderName::Via) else {
            return &[];
        };
        let end = find_outside(header.value, b',');
        let top = end.and_then(|end| header.value.get(..end)).unwrap_or(header.value);
        let parameters = memchr(b';', top).and_then(|at| top.get(at..)).unwrap_or_default();
        match parameter::find(parameters, b"branch") {
            Some(found) if !(header.is_cut && end.is_none() && found.is_last) => {
                found.value.unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// The first value of a header, folded lines kept; absent when the header is.
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.first_line(name).map(|header| header.value)
    }

    /// The values of all lines of a header, in order.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let place = self.first[name as usize];
        let from = if place.end == 0 { self.head.bytes.len() } else { place.start as usize };
        self.head
            .lines_from(from)
            .filter(move |header| HeaderName::from_bytes(header.name) == Some(name))
            .map(|header| header.value)
    }

    /// The values of all lines of any header, by its long name or its compact form, case ignored.
    pub fn header_named<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let wanted = long_name(name);
        self.head
            .lines_from(0)
            .filter(move |header| long_name(header.name).eq_ignore_ascii_case(wanted))
            .map(|header| header.value)
    }

    /// All header lines in order; lines without colon are left out.
    pub fn all_headers(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        self.head.lines_from(0)
    }

    /// What stands behind the blank line, as far as Content-Length goes; all of it without one.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// What stands behind the body that Content-Length says: padding, or another message
    /// (RFC 3261 section 18.3 discards it). Empty without Content-Length.
    #[must_use]
    pub const fn trailing(&self) -> &'a [u8] {
        self.trailing
    }

    /// The first Content-Length; absent when it is missing, no number, or cut in two.
    #[must_use]
    pub fn content_length(&self) -> Option<usize> {
        let header = self.first_line(HeaderName::ContentLength).filter(|header| !header.is_cut)?;
        usize::try_from(whole_number(header.value)?).ok()
    }

    /// The first Content-Type with its parameters; empty when absent.
    #[must_use]
    pub fn content_type(&self) -> &'a [u8] {
        self.header(HeaderName::ContentType).unwrap_or_default()
    }

    fn first_line(&self, name: HeaderName) -> Option<FirstLine<'a>> {
        let place = self.first[name as usize];
        let bytes = self.head.bytes;
        if place.end == 0 {
            return None;
        }
        let value = bytes.get(place.value as usize..place.value_end as usize)?;
        let touches_end = place.end as usize == bytes.len();
        Some(FirstLine { value, is_cut: touches_end && !ends_line(bytes) })
    }
}

/// The value of the first line of a header.
struct FirstLine<'a> {
    value: &'a [u8],
    /// Whether the bytes end inside this line.
    is_cut: bool,
}

/// Whether a line end stands at the end. A CR ends the line even where its LF is missing.
fn ends_line(bytes: &[u8]) -> bool {
    matches!(bytes.last(), Some(b'\r' | b'\n'))
}

/// Splits a line into name and value; `touches_end` says that no line end follows it.
fn header_of(line: &[u8], touches_end: bool) -> Option<Header<'_>> {
    let colon = colon_of(line)?;
    let value = line.get(colon + 1..)?;
    let is_cut = touches_end && !ends_line(line);
    Some(Header { name: trim(line.get(..colon)?), value: trim(value), is_cut })
}

/// Position of the colon of a header line with a name before it.
fn colon_of(line: &[u8]) -> Option<usize> {
    // Names are short: calling a vector search costs more than it saves.
    let near = line.iter().take(NAME_BYTES).position(|byte| *byte == b':');
    near.or_else(|| memchr(b':', line)).filter(|colon| *colon > 0)
}

impl<'a> Head<'a> {
    fn lines_from(self, at: usize) -> impl Iterator<Item = Header<'a>> + use<'a> {
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
struct Line<'a> {
    start: usize,
    bytes: &'a [u8],
    is_ended: bool,
}

/// Walks the lines of a head.
struct Lines<'a> {
    head: Head<'a>,
    /// Where the next line begins; behind the blank line at the end.
    at: usize,
    /// Where the headers end.
    head_end: usize,
    saw_blank: bool,
    saw_fold: bool,
    saw_lf_only: bool,
}

impl<'a> Lines<'a> {
    const fn new(head: Head<'a>, at: usize) -> Self {
        let head_end = head.bytes.len();
        Self { head, at, head_end, saw_blank: false, saw_fold: false, saw_lf_only: false }
    }

    /// The next header line; absent at the blank line and at the end of the bytes.
    fn next_line(&mut self) -> Option<Line<'a>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers every message here has but for those under test.
    const REST: &str = "f: <sip:a@b>\r\nt: <sip:c@d>\r\nv: SIP/2.0/UDP h\r\nCSeq: 1 INVITE\r\n";

    fn check(headers: &str, call_id: &str, anomalies: &str) {
        let payload = format!("INVITE sip:c@d SIP/2.0\r\n{REST}{headers}");
        let message = scan(payload.as_bytes()).expect("a start line");
        assert_eq!(message.call_id(), call_id.as_bytes(), "{headers:?}");
        assert_eq!(message.anomalies().to_string(), anomalies, "{headers:?}");
    }

    #[test]
    fn anomalies_are_named() {
        check("i: 1\r\n\r\n", "1", "");
        check("Call-ID \t: 1 \r\n\r\n", "1", "space-before-colon");
        check("call-id:\r\n 1\r\n\r\n", "1", "folded");
        check("i: 1\n\n", "1", "lf-only");
        check("no colon\r\n: x\r\ni: 1\r\n\r\n", "1", "no-colon");
        check("i: 1\r\ni: 2\r\n\r\n", "1", "duplicate-call-id");
        check("\r\ni: 1\r\n", "", "no-call-id");
        check("i: 12", "12", "cut, call-id-cut");
        check("i: 12\r", "12", "cut");
        check("i: 12\r\nl: 1", "12", "cut, bad-content-length");
        check("i: 1\r\nl: 3\r\n\r\nab", "1", "body-cut");
        check("i: 1\r\nl: 2\r\nContent-Length: 3\r\n\r\nabc", "1", "bad-content-length");
        check("i: 1\r\nl: -1\r\n\r\nabc", "1", "bad-content-length");
        check("i: 1\r\nCSeq: 2 BYE\r\n\r\n", "1", "duplicate-cseq");
        check("i: 1\r\nTo: x\r\n\r\n", "1", "duplicate-party");
    }

    #[test]
    fn lines_may_end_with_cr_alone() {
        let message = scan(b"BYE sip:a SIP/2.0\ri: 1\rCSeq: 7 BYE\rl: 2\r\rabc").expect("SIP");
        assert_eq!((message.call_id(), message.body()), (&b"1"[..], &b"ab"[..]));
        assert_eq!(message.trailing(), b"c");
        assert_eq!(message.cseq(), Some(CSeq { number: 7, method: Method::Bye }));
        assert!(message.anomalies().contains(Anomaly::CrOnly));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_kept() {
        let message =
            scan(b"BYE sip:a SIP/2.0\r\nFrom: \"J\xf6rg\" <sip:a@b>;tag=1\r\ni: \xff\r\n\r\n");
        let message = message.expect("SIP");
        assert_eq!(message.from().display(), b"J\xf6rg");
        assert_eq!(message.call_id(), b"\xff");
        assert!(message.anomalies().contains(Anomaly::NotUtf8));
    }

    #[test]
    fn headers_by_any_name() {
        let message =
            scan(b"BYE sip:a SIP/2.0\r\nX-CID: 1\r\ns: t\r\nx-cid: 2\r\nm: <sip:q>\r\n\r\n");
        let message = message.expect("SIP");
        let values = |name: &'static [u8]| message.header_named(name).collect::<Vec<_>>();
        assert_eq!(values(b"X-CID"), [b"1", b"2"]);
        assert_eq!(values(b"Subject"), [b"t"]);
        assert_eq!(values(b"m"), [b"<sip:q>"]);
        assert_eq!(values(b"x"), [b""; 0]);
        assert_eq!(message.headers(HeaderName::Contact).count(), 1);
        assert_eq!(message.headers(HeaderName::Via).count(), 0);
    }
}
