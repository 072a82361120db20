//! The scanner: a payload to a borrowed [`Message`], in one pass, without allocation.

use super::anomaly::{Anomalies, Anomaly};
use super::header_name::{HeaderName, long_name};
use super::lines::{Head, Header, Lines, colon_of, ends_line, header_of};
use super::method::Method;
use super::name_addr::NameAddr;
use super::parameter;
use super::places::Places;
use super::search::find;
use super::start_line::{self, FirstLine as StartOf, ParsedStartLine, StartLine};
use super::text::{
    find_outside, is_space, is_token, leading_number, trim, trim_start, whole_number,
};

/// One SIP message, borrowed from its payload. What is absent is empty or `None`.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// All that stands behind the start line; the walk over its lines ends at the blank one.
    head: Head<'a>,
    head_end: usize,
    start: StartLine<'a>,
    start_line: &'a [u8],
    cseq: Option<CSeq>,
    places: Places,
    body: &'a [u8],
    trailing: &'a [u8],
    /// Where the line ends inside which the bytes end; 0 when they end inside none.
    cut_line_end: u32,
    /// What is odd about the start line.
    start_anomalies: Anomalies,
}

/// The CSeq header (RFC 3261 section 20.16).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The method.
    pub method: Method,
}

/// Scans one payload; absent exactly when [`super::looks_like_sip`] says no.
///
/// Only lines before the first blank line are headers. A payload that ends before it is flagged
/// [`Anomaly::Cut`], and values of its last line are used only where a part cannot be taken for the
/// whole (see [`Message::call_id_is_cut`]).
#[must_use]
pub fn scan(payload: &[u8]) -> Option<Message<'_>> {
    with_message(payload, Clone::clone)
}

/// As [`scan`], and gives the message to `take` where it stands: it is large, and moving it would copy
/// it.
#[inline]
pub fn with_message<'a, R>(payload: &'a [u8], take: impl FnOnce(&Message<'a>) -> R) -> Option<R> {
    // One look at the first byte ends it for RTP, RTCP, STUN, TLS and empty payloads.
    let text = match payload.first() {
        Some(0x80..) => return None,
        Some(byte) if is_token(*byte) => payload,
        Some(byte) if is_space(*byte) => trim_start(payload),
        _ => return None,
    };
    // Positions are kept in 32 bits; no datagram or framed message comes near.
    let text = text.get(..u32::MAX as usize).unwrap_or(text);
    let mut message = match start_line::usual(text) {
        Some(first) => Message::of(text, &first, false, Anomalies::default()),
        None => Message::of_any(text)?,
    };
    message.read();
    Some(take(&message))
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
    /// A message of which only the start line was read.
    #[inline(always)]
    fn of(
        payload: &'a [u8],
        first: &StartOf<'a>,
        cr_only: bool,
        start_anomalies: Anomalies,
    ) -> Self {
        let rest = payload.get(first.behind..).unwrap_or_default();
        Message {
            head: Head { bytes: rest, cr_only },
            start: first.parsed.line,
            start_line: payload.get(..first.length).unwrap_or_default(),
            head_end: 0,
            cseq: None,
            places: Places::NONE,
            body: &[],
            trailing: &[],
            cut_line_end: if ends_line(rest) { 0 } else { rest.len() as u32 },
            start_anomalies,
        }
    }

    /// As [`Self::of`], whatever is odd about the start line; absent when there is none.
    #[cold]
    fn of_any(payload: &'a [u8]) -> Option<Self> {
        let first = start_line::read(payload)?;
        let line_end = payload.get(first.length..first.behind).unwrap_or_default();
        // A CR where the bytes end may be the first half of a CRLF.
        let cr_only = line_end == b"\r" && first.behind < payload.len();
        let anomalies = anomalies_of_start(&first.parsed, cr_only, line_end);
        Some(Self::of(payload, &first, cr_only, anomalies))
    }

    /// Finds the headers and divides what stands behind them.
    #[inline(never)]
    fn read(&mut self) {
        let rest = self.head.bytes;
        let end = self.places.read(self.head);
        self.head_end = end.head;
        self.cseq = self.read_cseq();
        self.body = rest.get(end.body..).unwrap_or_default();
        // Content-Length divides what stands behind the head: the rest is no part of the message
        // (RFC 3261 section 18.3).
        if !self.body.is_empty()
            && let Some(length) = self.content_length()
            && let Some((body, trailing)) = self.body.split_at_checked(length)
        {
            (self.body, self.trailing) = (body, trailing);
        }
    }

    /// What the message does against its grammar. All of it is looked for here: nearly nobody asks.
    #[must_use]
    pub fn anomalies(&self) -> Anomalies {
        let head = self.head.bytes.get(..self.head_end).unwrap_or_default();
        let is_utf8 = [self.start_line, head]
            .into_iter()
            .all(|bytes| bytes.is_ascii() || std::str::from_utf8(bytes).is_ok());
        let mut anomalies = self.start_anomalies;
        self.add_anomalies_of_lines(&mut anomalies);
        self.add_anomalies_of_body(&mut anomalies);
        anomalies.add_if(!is_utf8, Anomaly::NotUtf8);
        let call_id = self.first_line(HeaderName::CallId);
        let is_empty = call_id.as_ref().is_none_or(|line| line.value.is_empty());
        anomalies.add_if(is_empty, Anomaly::NoCallId);
        anomalies.add_if(call_id.is_some_and(|line| line.is_cut), Anomaly::CallIdCut);
        anomalies.add_if(!self.has(HeaderName::From), Anomaly::NoFrom);
        anomalies.add_if(!self.has(HeaderName::To), Anomaly::NoTo);
        anomalies.add_if(!self.has(HeaderName::Via), Anomaly::NoVia);
        match self.cseq() {
            None if self.has(HeaderName::CSeq) => anomalies.add(Anomaly::BadCseq),
            None => anomalies.add(Anomaly::NoCseq),
            Some(cseq) => {
                let mismatch = self.method().is_some_and(|method| method != cseq.method);
                anomalies.add_if(mismatch, Anomaly::CseqMethodMismatch);
            }
        }
        anomalies
    }

    fn add_anomalies_of_lines(&self, anomalies: &mut Anomalies) {
        let mut lines = Lines::new(self.head, 0);
        while let Some(line) = lines.next_line() {
            let Some(colon) = colon_of(line.bytes) else {
                anomalies.add(Anomaly::NoColon);
                continue;
            };
            let name = line.bytes.get(..colon).unwrap_or_default();
            let trimmed = trim(name);
            anomalies.add_if(trimmed.len() != name.len(), Anomaly::SpaceBeforeColon);
            let Some(header) = HeaderName::from_bytes(trimmed) else { continue };
            let is_first = self
                .places
                .first(header)
                .is_some_and(|place| place.colon as usize == line.start + colon);
            if !is_first {
                let value = trim(line.bytes.get(colon + 1..).unwrap_or_default());
                self.add_anomaly_of_repeated(header, value, anomalies);
            }
        }
        anomalies.add_if(lines.saw_fold, Anomaly::Folded);
        anomalies.add_if(lines.saw_lf_only, Anomaly::LfOnly);
        anomalies.add_if(!lines.saw_blank, Anomaly::Cut);
    }

    fn add_anomaly_of_repeated(&self, header: HeaderName, value: &[u8], anomalies: &mut Anomalies) {
        match header {
            HeaderName::ContentLength => {
                let differs = self.header(HeaderName::ContentLength) != Some(value);
                anomalies.add_if(differs, Anomaly::BadContentLength);
            }
            HeaderName::CallId => anomalies.add(Anomaly::DuplicateCallId),
            HeaderName::CSeq => anomalies.add(Anomaly::DuplicateCseq),
            HeaderName::From | HeaderName::To => anomalies.add(Anomaly::DuplicateParty),
            _ => {}
        }
    }

    fn add_anomalies_of_body(&self, anomalies: &mut Anomalies) {
        match self.content_length() {
            None => {
                let has_header = self.header(HeaderName::ContentLength).is_some();
                anomalies.add_if(has_header, Anomaly::BadContentLength);
            }
            Some(length) => anomalies.add_if(self.body.len() < length, Anomaly::BodyCut),
        }
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
        self.places.first(HeaderName::CallId).is_some_and(|place| self.is_cut(place.end))
    }

    /// The first CSeq; absent when it is missing, no number of 32 bits and a method, or cut in two.
    #[must_use]
    pub const fn cseq(&self) -> Option<CSeq> {
        self.cseq
    }

    /// [`Self::cseq`], which everybody asks for.
    #[inline]
    fn read_cseq(&self) -> Option<CSeq> {
        let header = self.first_line(HeaderName::CSeq)?;
        usual_cseq(header.value).or_else(|| any_cseq(&header))
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
        if is_list && let Some(end) = find_outside(header.value, b',') {
            return NameAddr::new(header.value.get(..end).unwrap_or_default());
        }
        NameAddr::of_trimmed(header.value, header.is_cut)
    }

    /// The `branch` of the topmost Via, quotes dropped; empty when absent or when the bytes end
    /// inside it.
    #[must_use]
    pub fn via_branch(&self) -> &'a [u8] {
        let Some(header) = self.first_line(HeaderName::Via) else {
            return &[];
        };
        // Nearly always no quotes, brackets or list come before the first parameter.
        let at = find(header.value, [b';', b',', b'"', b'<']).unwrap_or_default();
        let behind = header.value.get(at..);
        if let Some(branch) = behind.and_then(|behind| usual_branch(behind, header.is_cut)) {
            return branch;
        }
        if let Some(parameters @ [b';', ..]) = behind
            && let Some(found) = parameter::find_in_first(parameters, b"branch")
        {
            let whole = found.filter(|found| !(header.is_cut && found.is_last));
            return whole.and_then(|found| found.value).unwrap_or_default();
        }
        top_branch(&header)
    }

    /// Whether a header is there.
    #[inline]
    #[must_use]
    pub const fn has(&self, name: HeaderName) -> bool {
        self.places.first(name).is_some()
    }

    /// The first value of a header, folded lines kept; absent when the header is.
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.first_line(name).map(|header| header.value)
    }

    /// What stands behind the colon of a header's first line, white space around it kept: two equal ones have
    /// equal values. Empty where the header is absent or the bytes end inside the line.
    #[inline]
    #[must_use]
    pub fn whole_line(&self, name: HeaderName) -> &'a [u8] {
        let place = self.places.first(name).filter(|place| !self.is_cut(place.end));
        let line = place
            .and_then(|place| self.head.bytes.get(place.colon as usize + 1..place.end as usize));
        line.unwrap_or_default()
    }

    /// The values of all lines of a header, in order.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let is_repeated = self.places.is_repeated(name);
        let from = if is_repeated { 0 } else { self.head.bytes.len() };
        let only = self.header(name).filter(|_| !is_repeated);
        let lines = self.head.lines_from(from);
        let all = lines.filter(move |header| HeaderName::from_bytes(header.name) == Some(name));
        only.into_iter().chain(all.map(|header| header.value))
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

    /// The header lines in order, at least those of headers outside [`HeaderName`].
    pub fn other_headers(&self) -> impl Iterator<Item = Header<'a>> {
        let kept = self.places.others();
        let from = if kept.is_some() { self.head.bytes.len() } else { 0 };
        let kept = kept.unwrap_or_default().iter().filter_map(|line| {
            let bytes = self.head.bytes.get(line.start as usize..line.end as usize)?;
            header_of(bytes, self.is_cut(line.end))
        });
        kept.chain(self.head.lines_from(from))
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

    #[inline]
    fn first_line(&self, name: HeaderName) -> Option<FirstLine<'a>> {
        let place = self.places.first(name)?;
        let value = self.head.bytes.get(place.colon as usize + 1..place.end as usize)?;
        // Nearly always one space stands before it and nothing behind it.
        let value = match value {
            [b' ', rest @ ..] if begins_and_ends_in_text(rest) => rest,
            _ => trim(value),
        };
        Some(FirstLine { value, is_cut: self.is_cut(place.end) })
    }

    /// Whether the bytes end inside the line that ends there.
    #[inline]
    const fn is_cut(&self, line_end: u32) -> bool {
        line_end == self.cut_line_end
    }
}

/// Whether no white space stands around the bytes, of which there are some.
#[inline]
fn begins_and_ends_in_text(bytes: &[u8]) -> bool {
    let is_text = |byte: Option<&u8>| byte.is_some_and(|byte| *byte > b' ');
    is_text(bytes.first()) && is_text(bytes.last())
}

/// The CSeq where one space stands between a number of few digits and a method that is known.
#[inline]
fn usual_cseq(value: &[u8]) -> Option<CSeq> {
    const DIGITS_MAX: usize = 9;
    let (mut number, mut length) = (0, 0);
    while let Some(digit @ b'0'..=b'9') = value.get(length)
        && length < DIGITS_MAX
    {
        number = number * 10 + u32::from(digit - b'0');
        length += 1;
    }
    let method = value.get(length..)?.strip_prefix(b" ").map(Method::from_token)?;
    (length > 0 && method != Method::Other).then_some(CSeq { number, method })
}

/// [`Message::cseq`] of any CSeq line.
fn any_cseq(header: &FirstLine<'_>) -> Option<CSeq> {
    let (number, rest) = leading_number(header.value)?;
    let number = u32::try_from(number).ok()?;
    let rest = trim_start(rest);
    let length = rest.iter().position(|byte| !is_token(*byte)).unwrap_or(rest.len());
    let method = Method::from_token(rest.get(..length)?);
    // No known method is the beginning of another one, so a known one is whole.
    let is_part = length == 0 || header.is_cut && method == Method::Other;
    (!is_part).then_some(CSeq { number, method })
}

/// The branch where it is the first parameter and nothing is odd about it.
#[inline]
fn usual_branch(parameters: &[u8], is_cut: bool) -> Option<&[u8]> {
    let value = parameters.strip_prefix(b";branch=")?;
    let branch = match find(value, [b';', b',', b'"', b'<']) {
        Some(end) if matches!(value.get(end), Some(b';' | b',')) => value.get(..end)?,
        None if !is_cut => value,
        _ => return None,
    };
    matches!(branch, [b'!'..=b'~', .., b'!'..=b'~']).then_some(branch)
}

/// [`Message::via_branch`] of any Via line.
fn top_branch<'a>(header: &FirstLine<'a>) -> &'a [u8] {
    let end = find_outside(header.value, b',');
    let top = end.and_then(|end| header.value.get(..end)).unwrap_or(header.value);
    let parameters = find(top, [b';']).and_then(|at| top.get(at..)).unwrap_or_default();
    match parameter::find(parameters, b"branch") {
        Some(found) if !(header.is_cut && end.is_none() && found.is_last) => {
            found.value.unwrap_or_default()
        }
        _ => &[],
    }
}

/// The value of the first line of a header.
struct FirstLine<'a> {
    value: &'a [u8],
    /// Whether the bytes end inside this line.
    is_cut: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Headers every message here has but for those under test.
    const REST: &str = "f: <sip:a@b>\r\nt: <sip:c@d>\r\nv: SIP/2.0/UDP h\r\nCSeq: 1 INVITE\r\n";

    fn check(headers: &str, call_id: &str, anomalies: &str) {
        let payload = format!("INVITE sip:c@d SIP/2.0\r\n{REST}{headers}");
        let message = scan(payload.as_bytes()).expect("a start line");
        assert_eq!(message.call_id(), call_id.as_bytes(), "{headers:?}");
        assert_eq!(message.anomalies().to_string(), anomalies, "{headers:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// The branch at a glance is the one of a close look.
        #[test]
        fn usual_branches_are_those_of_any_via(
            value in "(;branch=|;BRANCH=|;|,)?[a;, \t]{0,3}(;branch=)?[ab;,\"< \r\n=]{0,9}",
            is_cut in prop::bool::ANY,
        ) {
            let value = trim(value.as_bytes());
            let header = FirstLine { value, is_cut };
            if let Some(branch) = usual_branch(value, is_cut) {
                prop_assert_eq!(branch, top_branch(&header));
            }
        }

        /// A CSeq at a glance is that of a close look.
        #[test]
        fn usual_cseqs_are_those_of_any(
            value in "[0-9]{0,11}[ \t]{0,2}(INVITE|BYE|ACK|FOO)?[ ;A-]{0,2}",
            is_cut in prop::bool::ANY,
        ) {
            let value = trim(value.as_bytes());
            if let Some(cseq) = usual_cseq(value) {
                prop_assert_eq!(Some(cseq), any_cseq(&FirstLine { value, is_cut }));
            }
        }

        /// White space around a value is dropped, whatever stands there.
        #[test]
        fn values_are_trimmed(value in "[ \t]{0,2}[a-c \t]{0,3}[ \t]{0,2}") {
            let payload = format!("INVITE sip:c@d SIP/2.0\r\nSubject: x\r\nVia:{value}\r\n\r\n");
            let message = scan(payload.as_bytes()).expect("a start line");
            let found = message.header(HeaderName::Via).unwrap_or_default();
            prop_assert_eq!(found, trim(value.as_bytes()));
        }
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// The branch that is found at a glance is that of a close look.
        #[test]
        fn a_branch_is_found_in_any_via(
            value in "[a,;\"<> ]{0,4}(;branch|; branch|;BRANCH|,branch|branch)?(=|=\"| = )?[a,;\"<>b]{0,6}",
            end in prop::sample::select(vec!["", "\r", "\r\n", "\r\n\r\n"]),
        ) {
            let payload = format!("BYE sip:a SIP/2.0\r\nVia:{value}{end}");
            let message = scan(payload.as_bytes()).expect("a start line");
            let expect = message.first_line(HeaderName::Via).map(|header| top_branch(&header));
            prop_assert_eq!(message.via_branch(), expect.unwrap_or_default());
        }
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
