//! Session descriptions (RFC 8866): media addresses, codecs, directions, origin. Lines end with LF or
//! CRLF; what is cut off or malformed is absent.

use super::search::{LineFeeds, find, white_space};
use super::text::{leading_number, split_at_byte, trim, whole_number};
use crate::base::limits::CODECS_PER_MEDIA_MAX;
use std::net::IpAddr;

/// The direction of a media stream, seen by the sender of the description (RFC 8866 section 6.7).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Direction {
    /// `sendrecv`, also when none is given.
    #[default]
    SendReceive,
    /// `sendonly`: the other side is on hold.
    SendOnly,
    /// `recvonly`.
    ReceiveOnly,
    /// `inactive`.
    Inactive,
}

/// The `o=` line (RFC 8866 section 5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Origin<'a> {
    /// User name.
    pub user: &'a [u8],
    /// Session id.
    pub session_id: &'a [u8],
    /// Version of the description; rises with every change.
    pub version: &'a [u8],
    /// Address as on the wire; may be a host name.
    pub address: &'a [u8],
}

/// A codec: `name/rate` of one payload type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Codec<'a> {
    /// The payload type.
    pub payload_type: u8,
    /// Its encoding name, as on the wire or in RFC 3551.
    pub name: &'a [u8],
    /// Its clock rate in Hz; absent when the `rtpmap` does not say it.
    pub rate: Option<u32>,
}

/// The RTCP port of a media stream when it is not the next one (RFC 3605).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rtcp {
    /// Its address; absent when it is that of the media.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: u16,
}

/// One `m=` section.
#[derive(Clone, Copy, Debug)]
pub struct Media<'a> {
    /// `audio`, `video`, `image` ...
    pub kind: &'a [u8],
    /// From its own `c=` line, else that of the session; absent when it is missing or a host name.
    pub address: Option<IpAddr>,
    /// The port; 0 rejects or ends the stream.
    pub port: u16,
    /// The transport, `RTP/AVP` ...
    pub protocol: &'a [u8],
    /// The formats as on the wire, separated by spaces.
    pub formats: &'a [u8],
    /// `a=rtcp`, when given.
    pub rtcp: Option<Rtcp>,
    /// `a=rtcp-mux`: RTCP comes on the media's port (RFC 5761).
    pub rtcp_mux: bool,
    /// From its own attribute, else that of the session.
    pub direction: Direction,
    section: &'a [u8],
}

impl<'a> Media<'a> {
    /// Whether it is put on hold: `sendonly`, `inactive`, or the address 0.0.0.0 or `::` of RFC 2543.
    #[must_use]
    pub fn is_hold(&self) -> bool {
        matches!(self.direction, Direction::SendOnly | Direction::Inactive)
            || self.address.is_some_and(|address| address.is_unspecified())
    }

    /// Its codecs in the order of its formats; static payload types without `rtpmap` are named by
    /// RFC 3551, others left out. At most [`CODECS_PER_MEDIA_MAX`] formats are looked at.
    pub fn codecs(&self) -> impl Iterator<Item = Codec<'a>> + use<'a> {
        let section = self.section;
        words(self.formats).take(CODECS_PER_MEDIA_MAX).filter_map(number::<u8>).filter_map(
            move |payload_type| {
                rtpmap(section, payload_type).or_else(|| static_codec(payload_type))
            },
        )
    }
}

/// A description that is read from its start on: once, whatever is asked for.
#[derive(Clone, Debug)]
pub struct Description<'a> {
    lines: Lines<'a>,
    session: Attributes,
    /// The first `o=` line of the session.
    origin: Option<&'a [u8]>,
    /// The `m=` line that was met last, and where it begins.
    open: Option<(usize, &'a [u8])>,
}

impl<'a> Description<'a> {
    /// Reads what stands before the first media stream.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        let mut lines = Lines { body, at: 0, line_feeds: LineFeeds::new(body, 0) };
        let (mut session, mut origin) = (Attributes::default(), None);
        let open = lines.next_media(&mut session, &mut origin);
        Self { lines, session, origin, open }
    }

    /// The `o=` line; absent when it is missing or has less than six words.
    #[must_use]
    pub fn origin(&self) -> Option<Origin<'a>> {
        let line = self.origin.or_else(|| {
            // A faulty description, if any, says it behind its media.
            lines(self.lines.body).find(|line| line.starts_with(b"o="))
        });
        let line = line?.get(2..)?;
        let words = usual_words(line).or_else(|| {
            let mut words = words(line);
            let found = [(); 6].map(|()| words.next());
            found.last()?.map(|_| found.map(Option::unwrap_or_default))
        });
        let [user, session_id, version, _, _, address] = words?;
        Some(Origin { user, session_id, version, address })
    }

    /// The next media stream.
    pub fn next_media(&mut self) -> Option<Media<'a>> {
        loop {
            let (start, line) = self.open.take()?;
            let mut own = Attributes::default();
            self.open = self.lines.next_media(&mut own, &mut None);
            let body = self.lines.body;
            let end = self.open.map_or(body.len(), |(next, _)| next);
            let section = body.get(start..end).unwrap_or_default();
            if let Some(media) = media_of(line, section, &own, &self.session) {
                return Some(media);
            }
        }
    }
}

/// The `o=` line; absent when it is missing or has less than six words.
#[must_use]
pub fn origin(body: &[u8]) -> Option<Origin<'_>> {
    Description::new(body).origin()
}

/// The media streams of a description, in order.
pub fn media(body: &[u8]) -> impl Iterator<Item = Media<'_>> {
    let mut description = Description::new(body);
    std::iter::from_fn(move || description.next_media())
}

/// The lines of a description with their positions.
#[derive(Clone, Debug)]
struct Lines<'a> {
    body: &'a [u8],
    at: usize,
    line_feeds: LineFeeds<'a>,
}

impl<'a> Lines<'a> {
    /// The next line that begins with `m=`, and where it begins; what stands before it is noted.
    #[inline(never)]
    fn next_media(
        &mut self,
        before: &mut Attributes,
        origin: &mut Option<&'a [u8]>,
    ) -> Option<(usize, &'a [u8])> {
        loop {
            let start = self.at;
            let rest = self.body.get(start..).filter(|rest| !rest.is_empty())?;
            let end = self.line_feeds.next().unwrap_or(self.body.len());
            self.at = end + 1;
            let line = || self.body.get(start..end).map(<[u8]>::trim_ascii_end);
            match rest {
                [b'm', b'=', ..] => return Some((start, line()?)),
                // Most attributes say nothing that is noted: `rtpmap`, `fmtp`, `ptime`.
                [b'a', b'=', b'r', b't', b'p', ..] => {}
                [b'c', b'=', ..] | [b'a', b'=', b'i' | b'r' | b's', ..] => {
                    before.note(line()?);
                }
                [b'o', b'=', ..] if origin.is_none() => *origin = line(),
                _ => {}
            }
        }
    }
}

/// What session and media level say alike.
#[derive(Clone, Copy, Debug, Default)]
struct Attributes {
    /// A `c=` line was there, with an address or a host name.
    connection: Option<Option<IpAddr>>,
    direction: Option<Direction>,
    rtcp: Option<Rtcp>,
    rtcp_mux: bool,
}

impl Attributes {
    #[inline(never)]
    fn note(&mut self, line: &[u8]) {
        match line {
            [b'c', b'=', value @ ..] if self.connection.is_none() => {
                let usual = value.strip_prefix(b"IN IP4 ").and_then(ipv4);
                self.connection = Some(usual.or_else(|| words(value).nth(2).and_then(address)));
            }
            [b'a', b'=', value @ ..] => match value {
                b"sendrecv" => self.direction = Some(Direction::SendReceive),
                b"sendonly" => self.direction = Some(Direction::SendOnly),
                b"recvonly" => self.direction = Some(Direction::ReceiveOnly),
                b"inactive" => self.direction = Some(Direction::Inactive),
                b"rtcp-mux" => self.rtcp_mux = true,
                _ => self.rtcp = self.rtcp.or_else(|| rtcp(value.strip_prefix(b"rtcp:")?)),
            },
            _ => {}
        }
    }
}

/// `port` or `port IN IP4 address` (RFC 3605 section 2.1).
fn rtcp(value: &[u8]) -> Option<Rtcp> {
    let mut words = words(value);
    let port = number(words.next()?)?;
    Some(Rtcp { address: words.nth(2).and_then(address), port })
}

fn media_of<'a>(
    line: &'a [u8],
    section: &'a [u8],
    own: &Attributes,
    session: &Attributes,
) -> Option<Media<'a>> {
    let value = line.strip_prefix(b"m=")?;
    let ([kind, port, protocol], formats) = usual_words_and_rest(value).unwrap_or_else(|| {
        let (kind, rest) = next_word(value);
        let (port, rest) = next_word(rest);
        let (protocol, formats) = next_word(rest);
        ([kind, port, protocol], formats)
    });
    // `49170/2` are two ports; the first one is the stream's.
    let (port, behind) = leading_number(port)?;
    let port = u16::try_from(port).ok().filter(|_| matches!(behind, [] | [b'/', ..]))?;
    Some(Media {
        kind,
        address: own.connection.or(session.connection).flatten(),
        port,
        protocol,
        formats: trim(formats),
        rtcp: own.rtcp,
        rtcp_mux: own.rtcp_mux || session.rtcp_mux,
        direction: own.direction.or(session.direction).unwrap_or_default(),
        section,
    })
}

fn rtpmap(section: &[u8], payload_type: u8) -> Option<Codec<'_>> {
    lines(section).find_map(|line| {
        let (format, encoding) = next_word(line.strip_prefix(b"a=rtpmap:")?);
        if number::<u8>(format)? != payload_type {
            return None;
        }
        let (name, rest) = split_at_byte(trim(encoding), b'/');
        let rate = rest.and_then(|rest| number(split_at_byte(rest, b'/').0));
        (!name.is_empty()).then_some(Codec { payload_type, name, rate })
    })
}

/// Payload types with a fixed meaning (RFC 3551 section 6, tables 4 and 5).
fn static_codec(payload_type: u8) -> Option<Codec<'static>> {
    let (name, rate): (&[u8], u32) = match payload_type {
        0 => (b"PCMU", 8_000),
        3 => (b"GSM", 8_000),
        4 => (b"G723", 8_000),
        5 => (b"DVI4", 8_000),
        6 => (b"DVI4", 16_000),
        7 => (b"LPC", 8_000),
        8 => (b"PCMA", 8_000),
        // The clock of G.722 is 8,000 by an old mistake that was kept (RFC 3551 section 4.5.2).
        9 => (b"G722", 8_000),
        10 | 11 => (b"L16", 44_100),
        12 => (b"QCELP", 8_000),
        13 => (b"CN", 8_000),
        14 => (b"MPA", 90_000),
        15 => (b"G728", 8_000),
        16 => (b"DVI4", 11_025),
        17 => (b"DVI4", 22_050),
        18 => (b"G729", 8_000),
        25 => (b"CelB", 90_000),
        26 => (b"JPEG", 90_000),
        28 => (b"nv", 90_000),
        31 => (b"H261", 90_000),
        32 => (b"MPV", 90_000),
        33 => (b"MP2T", 90_000),
        34 => (b"H263", 90_000),
        _ => return None,
    };
    Some(Codec { payload_type, name, rate: Some(rate) })
}

/// The lines without their ends and the white space behind them.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = find(rest, [b'\n']).unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        rest = rest.get(length + 1..).unwrap_or_default();
        Some(line.trim_ascii_end())
    })
}

fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        while let [b' ' | b'\t', behind @ ..] = rest {
            rest = behind;
        }
        let length = rest.iter().position(|byte| matches!(byte, b' ' | b'\t'));
        let (word, behind) = rest.split_at(length.unwrap_or(rest.len()));
        rest = behind;
        (!word.is_empty()).then_some(word)
    })
}

/// The first words of a line; absent unless one space stands between each and they are as many.
fn usual_words<const N: usize>(line: &[u8]) -> Option<[&[u8]; N]> {
    usual_words_and_rest(line).map(|(words, _)| words)
}

/// The first words of a line and what follows them; absent unless one space stands behind each, or the
/// end of the line.
#[inline]
fn usual_words_and_rest<const N: usize>(line: &[u8]) -> Option<([&[u8]; N], &[u8])> {
    let mut marks = white_space(line)?;
    let mut found = [&[][..]; N];
    let mut start = 0;
    for word in &mut found {
        let end = (marks.trailing_zeros() as usize).min(line.len());
        *word = line.get(start..end).filter(|word| !word.is_empty())?;
        if line.get(end).is_some_and(|byte| *byte != b' ') {
            return None;
        }
        marks &= marks.wrapping_sub(1);
        start = end + 1;
    }
    Some((found, line.get(start..).unwrap_or_default()))
}

/// The first word and what follows it.
fn next_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let bytes = bytes.trim_ascii_start();
    let length = bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len());
    bytes.split_at_checked(length).unwrap_or((bytes, &[]))
}

fn number<T: TryFrom<u64>>(word: &[u8]) -> Option<T> {
    T::try_from(whole_number(word)?).ok()
}

/// An address, without `/ttl` behind it; absent for a host name.
fn address(word: &[u8]) -> Option<IpAddr> {
    if let Some(address) = ipv4(word) {
        return Some(address);
    }
    std::str::from_utf8(split_at_byte(word, b'/').0).ok()?.parse().ok()
}

/// Four numbers without zeros before them; anything else is for the library.
fn ipv4(word: &[u8]) -> Option<IpAddr> {
    let mut octets = [0; 4];
    let (mut place, mut number) = (0, None);
    for byte in word {
        number = match (byte, number) {
            (b'0'..=b'9', None) => Some(u16::from(byte - b'0')),
            (b'0'..=b'9', Some(number @ 1..=25)) => Some(number * 10 + u16::from(byte - b'0')),
            (b'.', Some(number)) if place < 3 => {
                octets[place] = u8::try_from(number).ok()?;
                place += 1;
                None
            }
            _ => return None,
        };
    }
    octets[3] = u8::try_from(number?).ok()?;
    (place == 3).then(|| IpAddr::from(octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The quick look at an address tells what the library does, or nothing.
        #[test]
        fn addresses_are_those_of_the_library(
            text in "[0-9]{0,4}\\.[0-9]{1,3}(\\.[0-9]{1,3}){1,3}[a/.]?", octets in any::<[u8; 4]>(),
        ) {
            let plain = IpAddr::from(octets);
            prop_assert_eq!(ipv4(plain.to_string().as_bytes()), Some(plain));
            let found = ipv4(text.as_bytes());
            prop_assert!(found.is_none() || found == text.parse().ok(), "{}", text);
        }
    }

    /// One string a stream: `kind address port direction codecs`.
    fn check(body: &str, expect: &[&str]) {
        let found: Vec<_> = media(body.as_bytes())
            .map(|media| {
                let codecs: Vec<_> = media
                    .codecs()
                    .map(|codec| {
                        let name = String::from_utf8_lossy(codec.name);
                        format!("{name}/{}", codec.rate.unwrap_or(0))
                    })
                    .collect();
                let address = media.address.map_or("-".to_owned(), |address| address.to_string());
                let kind = String::from_utf8_lossy(media.kind);
                format!(
                    "{kind} {address} {} {:?} {}",
                    media.port,
                    media.direction,
                    codecs.join(",")
                )
            })
            .collect();
        assert_eq!(found, expect, "{body}");
    }

    #[test]
    fn streams() {
        let session = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\nc=IN IP4 192.0.2.1\r\na=recvonly\r\n";
        check(
            &format!(
                "{session}m=audio 4000 RTP/AVP 0 8 101 99\r\na=rtpmap:101 telephone-event/8000\r\n"
            ),
            &["audio 192.0.2.1 4000 ReceiveOnly PCMU/8000,PCMA/8000,telephone-event/8000"],
        );
        check(
            &format!(
                "{session}m=audio 4000/2 RTP/AVP 9\na=sendonly\nm=video 0 RTP/AVP 31\nc=IN IP6 2001:db8::1\n"
            ),
            &[
                "audio 192.0.2.1 4000 SendOnly G722/8000",
                "video 2001:db8::1 0 ReceiveOnly H261/90000",
            ],
        );
        check("m=audio 4000 RTP/AVP 0", &["audio - 4000 SendReceive PCMU/8000"]);
        check("c=IN IP4 host.example\nm=audio 4000 RTP/AVP", &["audio - 4000 SendReceive "]);
        check(
            "c=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP 0\nc=IN IP4 224.2.1.1/127/3\n",
            &["audio 224.2.1.1 4000 SendReceive PCMU/8000"],
        );
        check(
            "m=audio x RTP/AVP 0\nm=audio 70000 RTP/AVP 0\nm=audio 2 RTP/AVP 300 3",
            &["audio - 2 SendReceive GSM/8000"],
        );
        check("m=image 5 udptl t38\n", &["image - 5 SendReceive "]);
        check(
            "m=audio 6 RTP/AVP 96 97\na=rtpmap:96 opus/48000/2\na=rtpmap:97 X\n",
            &["audio - 6 SendReceive opus/48000,X/0"],
        );
        check("s=m=no\nm=", &[]);
        check("", &[]);
    }

    #[test]
    fn rtcp_forms() {
        let of = |body: &'static str| media(body.as_bytes()).next().expect("a stream");
        let own = of("m=audio 4 RTP/AVP 0\na=rtcp:53020 IN IP6 2001:db8::3\na=rtcp-mux\n");
        assert_eq!(own.rtcp.map(|rtcp| rtcp.port), Some(53_020));
        assert_eq!(own.rtcp.and_then(|rtcp| rtcp.address), "2001:db8::3".parse().ok());
        assert!(own.rtcp_mux);
        let bare = of("m=audio 4 RTP/AVP 0\na=rtcp:5\n");
        assert_eq!(bare.rtcp, Some(Rtcp { address: None, port: 5 }));
        assert_eq!(of("m=audio 4 RTP/AVP 0\na=rtcp:x\n").rtcp, None);
    }

    #[test]
    fn hold_forms() {
        let is_hold = |body: &str| media(body.as_bytes()).any(|media| media.is_hold());
        assert!(is_hold("m=audio 4 RTP/AVP 0\nc=IN IP4 0.0.0.0\n"));
        assert!(is_hold("a=inactive\nm=audio 4 RTP/AVP 0\n"));
        assert!(!is_hold("m=audio 4 RTP/AVP 0\nc=IN IP4 192.0.2.1\n"));
    }

    #[test]
    fn origins() {
        let found = origin(b"v=0\no=bob 280744730 28977631 IN IP4 host.example.com\ns=\n");
        let expect = Origin {
            user: b"bob",
            session_id: b"280744730",
            version: b"28977631",
            address: b"host.example.com",
        };
        assert_eq!(found, Some(expect));
        assert_eq!(origin(b"o=bob 1 2 IN IP4"), None);
        assert_eq!(origin(b""), None);
    }
}
