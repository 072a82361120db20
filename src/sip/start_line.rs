//! The start line: is this payload SIP, and what request or response is it.

use super::method::Method;
use super::search::find;
use super::text::{is_space, is_token, starts_with_ignoring_case, trim, trim_end, trim_start};
use memchr::{memchr, memchr2, memrchr2};

/// The first line of a message (RFC 3261 sections 7.1 and 7.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// Its method.
        method: Method,
        /// The method as on the wire; tells unknown methods apart.
        token: &'a [u8],
        /// The Request-URI as on the wire, angle brackets of faulty senders included; cut off where
        /// the bytes end.
        uri: &'a [u8],
    },
    /// A response.
    Response {
        /// The status code, three digits.
        status: u16,
        /// The reason phrase; may be empty.
        reason: &'a [u8],
    },
}

/// A start line and what is odd about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ParsedStartLine<'a> {
    /// The line.
    pub(super) line: StartLine<'a>,
    /// The version is not `SIP/2.0`.
    pub(super) other_version: bool,
    /// More than one white space at a place.
    pub(super) loose_spaces: bool,
}

/// A start line and where it ends.
pub(super) struct FirstLine<'a> {
    pub(super) parsed: ParsedStartLine<'a>,
    /// Its length without its end.
    pub(super) length: usize,
    /// The position behind its end.
    pub(super) behind: usize,
}

/// The start line of nearly all messages: of the right version, with one space at each place, ended by
/// CRLF, and for a request with a known method. Absent: [`read`] has to look.
#[inline(always)]
pub(super) fn usual(payload: &[u8]) -> Option<FirstLine<'_>> {
    let length = find(payload, [b'\r', b'\n'])?;
    if payload.get(length..length + 2) != Some(b"\r\n") {
        return None;
    }
    let line = payload.get(..length)?;
    let line = match line.strip_prefix(b"SIP/2.0 ") {
        Some(code) => usual_status(code)?,
        None => usual_request(line)?,
    };
    let parsed = ParsedStartLine { line, other_version: false, loose_spaces: false };
    Some(FirstLine { parsed, length, behind: length + 2 })
}

/// The status line whose code and reason are `rest`.
#[inline]
fn usual_status(rest: &[u8]) -> Option<StartLine<'_>> {
    let [high, middle, low, b' ', reason @ ..] = rest else { return None };
    let digits = [*high, *middle, *low];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let status = digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    Some(StartLine::Response { status, reason: trim(reason) })
}

#[inline]
fn usual_request(line: &[u8]) -> Option<StartLine<'_>> {
    let before_version = line.strip_suffix(b" SIP/2.0")?;
    // The longest known method is SUBSCRIBE.
    let space = find(before_version, [b' ']).filter(|space| *space < 10)?;
    let (token, uri) = (before_version.get(..space)?, before_version.get(space + 1..)?);
    let method = Method::from_token(token);
    let is_loose = |end: Option<&u8>| end.is_none_or(|byte| is_space(*byte));
    if method == Method::Other || is_loose(uri.first()) || is_loose(uri.last()) {
        return None;
    }
    Some(StartLine::Request { method, token, uri })
}

/// The start line, whatever is odd about it; absent when there is none.
pub(super) fn read(payload: &[u8]) -> Option<FirstLine<'_>> {
    let (line, is_whole, behind) = first_line(payload);
    Some(FirstLine { parsed: parse(line, is_whole)?, length: line.len(), behind })
}

/// Whether `payload` begins with a SIP start line, keep-alive white space before it skipped.
///
/// Any token is a method. A request line must end with a SIP version, or be cut off inside a URI of
/// a scheme that SIP uses. The vendor's sniffer knows its methods only, and does not look at the
/// rest of the line (facts F).
#[inline]
#[must_use]
pub fn looks_like_sip(payload: &[u8]) -> bool {
    // One look at the first byte ends it for RTP, RTCP, STUN, TLS and empty payloads.
    match payload.first() {
        Some(byte) if is_token(*byte) => is_start(payload),
        Some(byte) if is_space(*byte) => is_start(trim_start(payload)),
        _ => false,
    }
}

fn is_start(bytes: &[u8]) -> bool {
    let (line, is_whole, _) = first_line(bytes);
    parse(line, is_whole).is_some()
}

/// The first line without its end, whether its end is there, and the position behind its end.
/// A line ends with LF, CRLF, or with CR alone.
pub(super) fn first_line(bytes: &[u8]) -> (&[u8], bool, usize) {
    let Some(at) = memchr2(b'\n', b'\r', bytes) else {
        return (bytes, false, bytes.len());
    };
    let is_crlf = bytes.get(at) == Some(&b'\r') && bytes.get(at + 1) == Some(&b'\n');
    (bytes.get(..at).unwrap_or_default(), true, at + 1 + usize::from(is_crlf))
}

/// Parses a start line; absent when it is none. `is_whole` says that its line end was seen.
pub(super) fn parse(line: &[u8], is_whole: bool) -> Option<ParsedStartLine<'_>> {
    if starts_with_ignoring_case(line, b"SIP/") {
        parse_status_line(line)
    } else {
        parse_request_line(line, is_whole)
    }
}

/// Length of a SIP version (`SIP/` digits, and `.` digits) at the start of `bytes`.
fn version_length(bytes: &[u8]) -> Option<usize> {
    if !starts_with_ignoring_case(bytes, b"SIP/") || !bytes.get(4)?.is_ascii_digit() {
        return None;
    }
    let tail = bytes.iter().skip(4).position(|byte| !byte.is_ascii_digit() && *byte != b'.');
    Some(tail.map_or(bytes.len(), |length| length + 4))
}

fn is_version_2(version: &[u8]) -> bool {
    version.eq_ignore_ascii_case(b"SIP/2.0")
}

fn parse_status_line(line: &[u8]) -> Option<ParsedStartLine<'_>> {
    let length = version_length(line)?;
    let rest = line.get(length..)?;
    let code = trim_start(rest);
    let digits = code.get(..3)?;
    if code.len() == rest.len() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let reason = code.get(3..)?;
    // A fourth digit makes another number; a letter is a reason whose space was forgotten.
    if reason.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let status = digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    Some(ParsedStartLine {
        line: StartLine::Response { status, reason: trim(reason) },
        other_version: !is_version_2(line.get(..length)?),
        loose_spaces: rest.len() - code.len() > 1,
    })
}

fn parse_request_line(line: &[u8], is_whole: bool) -> Option<ParsedStartLine<'_>> {
    let length = line.iter().position(|byte| !is_token(*byte))?;
    let token = line.get(..length)?;
    let rest = line.get(length..)?;
    if token.is_empty() || !matches!(rest.first(), Some(b' ' | b'\t')) {
        return None;
    }
    let method = Method::from_token(token);
    let trimmed = trim_end(rest);
    let before_version = memrchr2(b' ', b'\t', trimmed)?;
    let version = trimmed.get(before_version + 1..)?;
    let uri = trim(trimmed.get(..before_version)?);
    if version_length(version) == Some(version.len()) && !uri.is_empty() {
        return Some(ParsedStartLine {
            line: StartLine::Request { method, token, uri },
            other_version: is_whole && !is_version_2(version),
            loose_spaces: uri.len() + version.len() + 2 != rest.len(),
        });
    }
    // Cut off before the version was whole: only a scheme of SIP tells it from other text.
    let uri = trim_start(rest);
    if is_whole || !has_sip_scheme(uri) {
        return None;
    }
    let uri = uri.get(..memchr(b' ', uri).unwrap_or(uri.len()))?;
    Some(ParsedStartLine {
        line: StartLine::Request { method, token, uri },
        other_version: false,
        loose_spaces: false,
    })
}

fn has_sip_scheme(uri: &[u8]) -> bool {
    const SCHEMES: [&[u8]; 4] = [b"sip:", b"sips:", b"tel:", b"urn:"];
    SCHEMES.iter().any(|scheme| starts_with_ignoring_case(uri, scheme))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(payload: &[u8], expect: bool) {
        assert_eq!(looks_like_sip(payload), expect, "{}", payload.escape_ascii());
    }

    #[test]
    fn sip_is_told_from_other_payloads() {
        check(b"INVITE sip:a@b SIP/2.0\r\n\r\n", true);
        check(b"\r\n\r\nINVITE sip:a@b SIP/2.0\r\n\r\n", true);
        check(b"SIP/2.0 200 OK\r\n", true);
        check(b"SIP/2.0 200\r\n", true);
        check(b"SIP/2.0 487", true);
        check(b"sip/2.0 200 OK\r\n", true);
        check(b"FOO bar SIP/2.0\n", true);
        check(b"INVITE tel:+4930 SIP/2.0\r", true);
        check(b"INVITE  sip:a@b  SIP/2.0  \r\n", true);
        check(b"INVITE <sip:a@b> SIP/2.0\r\n", true);
        check(b"INVITE sip:a@b; lr SIP/2.0\r\n", true);
        check(b"INVITE sip:a@b SI", true);
        check(b"INVITE sip:a", true);
        check(b"OPTIONS sip:a@b SIP/7.0\r\n", true);
    }

    #[test]
    fn other_protocols_are_not_sip() {
        check(b"", false);
        check(b"\r\n\r\n", false);
        check(b"\0", false);
        check(&[0x80, 0, 0, 1], false);
        check(&[0x16, 3, 1, 0, 200], false);
        check(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], false);
        check(b"GET / HTTP/1.1\r\n\r\n", false);
        check(b"HTTP/1.1 200 OK\r\n\r\n", false);
        check(b"OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n", false);
        check(b"RTSP/1.0 200 OK\r\n", false);
        check(b"NOTIFY * HTTP/1.1\r\n", false);
        check(b"OPTIONS * HT", false);
        check(b"hello world", false);
        check(b"INVITE\r\nContent-Length: 0\r\n", false);
        check(b"INVITE foo@bar.com SIP\r\n", false);
        check(b"INVITE sip:a@b\r\n", false);
        check(b"INVITE SIP/2.0\r\n", false);
        check(b"SIP/2.0 OK\r\n", false);
        check(b"SIP/2.0 20\r\n", false);
        check(b"SIP/2.0 4294967301 x\r\n", false);
        check(b"SIP/2.0200 OK\r\n", false);
        check(b"SIP/ 200 OK\r\n", false);
        check(b"> INVITE sip:a@b SIP/2.0\r\n", false);
        check(b"Via: SIP/2.0\r\n", false);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// A start line that is told at a glance is what a close look says.
        #[test]
        fn usual_lines_are_what_any_lines_are(
            begin in prop::sample::select(vec!["SIP/2.0 ", "INVITE ", "SUBSCRIBE ", "FOO ", "ACK", ""]),
            middle in "[ \t\r\n]?[12a:;]{0,4}[ \t]?[12a ]{0,20}",
            end in prop::sample::select(vec!["\r\n", " SIP/2.0\r\n", "  SIP/2.0\r\n", "\n", "\r", ""]),
        ) {
            let payload = [begin, &middle, end, "x: y\r\n"].concat();
            let seen = |line: FirstLine<'_>| (format!("{:?}", line.parsed), line.length, line.behind);
            let glance = usual(payload.as_bytes()).map(seen);
            if glance.is_some() {
                let look = read(payload.as_bytes()).map(|line| (format!("{:?}", line.parsed), line.length, line.behind));
                prop_assert_eq!(glance, look);
            }
        }
    }

    #[test]
    fn parts_of_the_line() {
        let parsed = parse(b"INVITE  sip:a@b; lr  SIP/2.0 ", true);
        let line =
            StartLine::Request { method: Method::Invite, token: b"INVITE", uri: b"sip:a@b; lr" };
        assert_eq!(
            parsed,
            Some(ParsedStartLine { line, other_version: false, loose_spaces: true })
        );
        let parsed = parse(b"SIP/3 180 Ringing now", true);
        let line = StartLine::Response { status: 180, reason: b"Ringing now" };
        assert_eq!(
            parsed,
            Some(ParsedStartLine { line, other_version: true, loose_spaces: false })
        );
        let parsed = parse(b"INVITE sip:a@b SIP/", false).map(|parsed| parsed.line);
        let line = StartLine::Request { method: Method::Invite, token: b"INVITE", uri: b"sip:a@b" };
        assert_eq!(parsed, Some(line));
    }
}
