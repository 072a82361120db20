//! The body of a message: its parts, the session description, sipfrag, recording metadata.

use super::message::Message;
use super::start_line::{self, StartLine};
use super::text::{split_at_byte, starts_with_ignoring_case, trim};
use super::{header_name::HeaderName, parameter};
use crate::base::limits::MULTIPART_DEPTH_MAX;
use memchr::{memchr, memmem};

/// One part of a body that is itself not multipart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part<'a> {
    /// Its Content-Type with parameters; empty when it has none.
    pub content_type: &'a [u8],
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl Part<'_> {
    /// Whether the media type is `media_type`, case ignored, parameters aside.
    #[must_use]
    pub fn is(&self, media_type: &[u8]) -> bool {
        is_media_type(self.content_type, media_type)
    }
}

fn is_media_type(content_type: &[u8], media_type: &[u8]) -> bool {
    trim(split_at_byte(content_type, b';').0).eq_ignore_ascii_case(media_type)
}

/// An open multipart: what is left of it and its boundary.
#[derive(Clone, Copy, Debug, Default)]
struct Multipart<'a> {
    rest: &'a [u8],
    boundary: &'a [u8],
}

/// The parts of a message's body: the body itself, or the parts of a multipart body (RFC 2046 section
/// 5.1, RFC 5621), nested ones unfolded in order. A part that the bytes cut off is given as far as it
/// goes; multiparts deeper than [`MULTIPART_DEPTH_MAX`] are given as a part, unopened.
pub fn parts<'a>(message: &Message<'a>) -> impl Iterator<Item = Part<'a>> + use<'a> {
    let whole = Part { content_type: message.content_type(), bytes: message.body() };
    let mut pending = (!whole.bytes.is_empty()).then_some(whole);
    let mut open = [Multipart::default(); MULTIPART_DEPTH_MAX];
    let mut depth = 0;
    std::iter::from_fn(move || {
        loop {
            if let Some(part) = pending.take() {
                let Some(inner) = multipart_of(&part).filter(|_| depth < MULTIPART_DEPTH_MAX)
                else {
                    return Some(part);
                };
                open[depth] = inner;
                depth += 1;
            }
            let level = depth.checked_sub(1)?;
            match next_part(&mut open[level]) {
                Some(part) => pending = Some(part),
                None => depth = level,
            }
        }
    })
}

fn multipart_of<'a>(part: &Part<'a>) -> Option<Multipart<'a>> {
    if !starts_with_ignoring_case(part.content_type, b"multipart/") {
        return None;
    }
    let parameters = split_at_byte(part.content_type, b';').1?;
    let boundary = parameter::parameter(parameters, b"boundary")?;
    if boundary.is_empty() {
        return None;
    }
    // What stands before the first delimiter is a preamble.
    let first = find_delimiter(part.bytes, boundary)?;
    Some(Multipart { rest: part.bytes.get(first.behind..)?, boundary })
}

/// A delimiter line: where the part before it ends, and where the text behind the boundary begins.
struct Delimiter {
    part_end: usize,
    behind: usize,
}

/// The first `--boundary` at the start of a line.
fn find_delimiter(bytes: &[u8], boundary: &[u8]) -> Option<Delimiter> {
    memmem::find_iter(bytes, boundary).find_map(|at| {
        let dashes = at.checked_sub(2)?;
        let before = bytes.get(..dashes)?;
        let is_delimiter = bytes.get(dashes..at) == Some(b"--")
            && (before.is_empty() || before.last() == Some(&b'\n'))
            && matches!(
                bytes.get(at + boundary.len()),
                None | Some(b'-' | b'\r' | b'\n' | b' ' | b'\t')
            );
        if !is_delimiter {
            return None;
        }
        let line = before.strip_suffix(b"\n").unwrap_or(before);
        let part = line.strip_suffix(b"\r").unwrap_or(line);
        Some(Delimiter { part_end: part.len(), behind: at + boundary.len() })
    })
}

/// The next part; absent behind the closing delimiter `--boundary--` and at the end.
fn next_part<'a>(multipart: &mut Multipart<'a>) -> Option<Part<'a>> {
    if multipart.rest.is_empty() || multipart.rest.starts_with(b"--") {
        return None;
    }
    let bytes = multipart.rest.get(memchr(b'\n', multipart.rest)? + 1..)?;
    let bytes = match find_delimiter(bytes, multipart.boundary) {
        Some(delimiter) => {
            multipart.rest = bytes.get(delimiter.behind..)?;
            bytes.get(..delimiter.part_end)?
        }
        None => {
            multipart.rest = &[];
            bytes
        }
    };
    Some(split_part(bytes))
}

/// Divides a part at its blank line; its Content-Type is the first header of that name.
fn split_part(bytes: &[u8]) -> Part<'_> {
    let mut content_type: &[u8] = &[];
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let length = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = trim(rest.get(..length).unwrap_or_default());
        at = at.saturating_add(length + 1);
        if line.is_empty() {
            break;
        }
        let (name, value) = split_at_byte(line, b':');
        let is_type = HeaderName::from_bytes(trim(name)) == Some(HeaderName::ContentType);
        if is_type && content_type.is_empty() {
            content_type = trim(value.unwrap_or_default());
        }
    }
    Part { content_type, bytes: bytes.get(at..).unwrap_or_default() }
}

/// The session description of a message, also inside a multipart body; absent when there is none.
/// A body without Content-Type that begins with `v=` is taken for one.
#[must_use]
#[inline]
pub fn sdp_body<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let body = message.body();
    if body.is_empty() {
        return None;
    }
    // As nearly all senders write it; any other way is found below.
    if message.content_type() == b"application/sdp" {
        return Some(body);
    }
    sdp_part(message)
}

fn sdp_part<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    parts(message)
        .find(|part| {
            part.is(b"application/sdp")
                || part.content_type.is_empty() && part.bytes.starts_with(b"v=")
        })
        .map(|part| part.bytes)
}

/// The status that the body of a NOTIFY reports about a transfer: that of the status line of a
/// `message/sipfrag` part (RFC 3515 section 2.4.5, RFC 3420); absent when there is none.
#[must_use]
pub fn sipfrag_status(message: &Message<'_>) -> Option<u16> {
    let part = parts(message).find(|part| part.is(b"message/sipfrag"))?;
    let (line, is_whole, _) = start_line::first_line(part.bytes);
    match start_line::parse(line, is_whole)?.line {
        StartLine::Response { status, .. } => Some(status),
        StartLine::Request { .. } => None,
    }
}

/// The metadata by which a recording session says what it records (RFC 7866 section 8, RFC 7865);
/// absent when the message is none of a recording session.
#[must_use]
pub fn recording_metadata<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    // A description that is all of the body leaves no place for them.
    if message.content_type() == b"application/sdp" {
        return None;
    }
    parts(message)
        .find(|part| part.is(b"application/rs-metadata+xml") || part.is(b"application/rs-metadata"))
        .map(|part| part.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::scan;

    /// `content type|body` of every part.
    fn check(content_type: &str, body: &str, expect: &[&str]) {
        let payload = format!("INVITE sip:a@b SIP/2.0\r\nc: {content_type}\r\n\r\n{body}");
        let message = scan(payload.as_bytes()).expect("a start line");
        let found: Vec<_> = parts(&message)
            .map(|part| {
                format!("{}|{}", part.content_type.escape_ascii(), part.bytes.escape_ascii())
            })
            .collect();
        assert_eq!(found, expect, "{payload}");
    }

    #[test]
    fn parts_of_bodies() {
        check("text/plain", "", &[]);
        check("application/sdp;x=1", "v=0", &["application/sdp;x=1|v=0"]);
        let mixed = "multipart/mixed;boundary=\"b1\"";
        check(
            mixed,
            "pre\r\n--b1\r\nContent-Type: a/b\r\n\r\nx\r\n--b1\r\n\r\ny\r\n--b1--\r\nz",
            &["a/b|x", "|y"],
        );
        check(mixed, "--b1\nc : a/b\nX: y\n\nx\n--b1--", &["a/b|x"]);
        check(mixed, "--b1\r\nc: a/b\r\n\r\ncut of", &["a/b|cut of"]);
        check(mixed, "--b1\r\nc: a/b", &["a/b|"]);
        check(mixed, "no boundary", &["multipart/mixed;boundary=\\\"b1\\\"|no boundary"]);
        check("multipart/mixed", "--b1\r\n", &["multipart/mixed|--b1\\r\\n"]);
        check(
            mixed,
            "--b1\r\nc: multipart/x;boundary=b2\r\n\r\n--b2\r\nc: d/e\r\n\r\nq\r\n--b2--\r\n--b1\r\nc: f/g\r\n\r\nr\r\n--b1--",
            &["d/e|q", "f/g|r"],
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let mut body = String::new();
        for level in 0..50 {
            body += &format!("--b{level}\r\nc: multipart/m;boundary=b{}\r\n\r\n", level + 1);
        }
        let payload = format!("INVITE sip:a@b SIP/2.0\r\nc: multipart/m;boundary=b0\r\n\r\n{body}");
        let message = scan(payload.as_bytes()).expect("a start line");
        assert_eq!(parts(&message).count(), 1);
    }

    #[test]
    fn named_parts() {
        let sipfrag =
            "NOTIFY sip:a@b SIP/2.0\nc: message/sipfrag;version=2.0\n\nSIP/2.0 503 No\r\n";
        let message = scan(sipfrag.as_bytes()).expect("a start line");
        assert_eq!(sipfrag_status(&message), Some(503));
        assert_eq!(sdp_body(&message), None);
        let untyped = scan(b"INVITE sip:a@b SIP/2.0\n\nv=0\n").expect("a start line");
        assert_eq!(sdp_body(&untyped), Some(&b"v=0\n"[..]));
        let recording = "INVITE sip:a@b SIP/2.0\nc: multipart/mixed;boundary=x\n\n--x\n\
            Content-Type: application/sdp\n\nv=0\n--x\nContent-Type: application/rs-metadata+xml\n\n\
            <recording/>\n--x--\n";
        let message = scan(recording.as_bytes()).expect("a start line");
        assert_eq!(sdp_body(&message), Some(&b"v=0"[..]));
        assert_eq!(recording_metadata(&message), Some(&b"<recording/>"[..]));
        assert_eq!(sipfrag_status(&message), None);
    }
}
