//! URIs: sip, sips, tel, and others as far as they have the same parts.

use super::parameter;
use super::search::find;
use super::text::{is_space, split_at_byte, trim};
use memchr::memchr;
use std::borrow::Cow;

/// A URI as on the wire (RFC 3261 section 19.1, RFC 3966). Absent parts are empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Uri<'a> {
    raw: &'a [u8],
    scheme: &'a [u8],
    user: &'a [u8],
    host: &'a [u8],
    port: &'a [u8],
    parameters: &'a [u8],
    headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Takes a URI apart; angle brackets around it are dropped. Never fails.
    #[must_use]
    pub fn new(raw: &'a [u8]) -> Self {
        let raw = trim(raw);
        // As nearly all are written.
        if let Some(rest) = raw.strip_prefix(b"sip:") {
            let scheme = raw.get(..3).unwrap_or_default();
            return Self { raw, scheme, ..Self::default() }.with_sip_parts(rest);
        }
        Self::of_any(raw)
    }

    fn of_any(raw: &'a [u8]) -> Self {
        let raw = raw.strip_prefix(b"<").map_or(raw, |inner| {
            trim(inner.get(..find(inner, [b'>']).unwrap_or(inner.len())).unwrap_or_default())
        });
        let scheme = scheme_of(raw);
        let rest = match scheme.len() {
            0 => raw,
            length => raw.get(length + 1..).unwrap_or_default(),
        };
        let uri = Self { raw, scheme, ..Self::default() };
        if scheme.is_empty() || uri.is_scheme(b"sip") || uri.is_scheme(b"sips") {
            uri.with_sip_parts(rest)
        } else if uri.is_scheme(b"tel") {
            let (user, parameters) = split_at_byte(rest, b';');
            Self { user, parameters: parameters.unwrap_or_default(), ..uri }
        } else {
            uri
        }
    }

    fn with_sip_parts(self, rest: &'a [u8]) -> Self {
        // `@` cannot stand unescaped in any other part, so the first one ends the user part.
        let (user, host_part) = match split_at_byte(rest, b'@') {
            (user, Some(host_part)) => (user, host_part),
            (host_part, None) => (&[][..], host_part),
        };
        let host_end = match host_part.first() {
            Some(b'[') => find(host_part, [b']']).map_or(host_part.len(), |at| at + 1),
            _ => find(host_part, [b':', b';', b'?']).unwrap_or(host_part.len()),
        };
        let (host, behind) = host_part.split_at_checked(host_end).unwrap_or((host_part, &[]));
        let parts_at = find(behind, [b';', b'?']).unwrap_or(behind.len());
        let (port, behind) = behind.split_at_checked(parts_at).unwrap_or((behind, &[]));
        let (parameters, headers) = split_at_byte(behind, b'?');
        Self {
            user,
            host: trim(host),
            port: trim(port.strip_prefix(b":").unwrap_or(port)),
            parameters,
            headers: headers.unwrap_or_default(),
            ..self
        }
    }

    /// The whole URI without brackets and white space around it.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The scheme without its colon, as on the wire; empty for `user@host` of faulty senders.
    #[must_use]
    pub const fn scheme(&self) -> &'a [u8] {
        self.scheme
    }

    /// Whether the scheme is `scheme`, case ignored.
    #[must_use]
    pub const fn is_scheme(&self, scheme: &[u8]) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// What stands before `@`, password included and escapes kept, as the vendor takes it; the
    /// number up to `;` for `tel:`. Empty when absent, and for other schemes.
    #[must_use]
    pub const fn user(&self) -> &'a [u8] {
        self.user
    }

    /// The host; an IPv6 address keeps its brackets.
    #[must_use]
    pub const fn host(&self) -> &'a [u8] {
        self.host
    }

    /// The port; absent when there is none, or none that is a port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        std::str::from_utf8(self.port).ok()?.parse().ok()
    }

    /// All parameters, with the `;` before them.
    #[must_use]
    pub const fn parameters(&self) -> &'a [u8] {
        self.parameters
    }

    /// One parameter, name without regard to case; empty for a flag.
    #[must_use]
    pub fn parameter(&self, name: &[u8]) -> Option<&'a [u8]> {
        parameter::parameter(self.parameters, name)
    }

    /// The headers behind `?` as pairs of name and value, escapes kept
    /// (see [`percent_decode`]): `Replaces=...` of an attended transfer (RFC 5589).
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.headers.split(|byte| *byte == b'&').filter_map(|pair| {
            let (name, value) = split_at_byte(pair, b'=');
            (!name.is_empty()).then(|| (name, value.unwrap_or_default()))
        })
    }

    /// The first header of the URI named `name`, case ignored, escapes kept.
    #[must_use]
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers().find(|pair| pair.0.eq_ignore_ascii_case(name)).map(|pair| pair.1)
    }
}

/// The scheme of `raw`, empty when there is none. `host:port` has none: digits follow its colon.
fn scheme_of(raw: &[u8]) -> &[u8] {
    let length = raw
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')))
        .unwrap_or(raw.len());
    let scheme = raw.get(..length).unwrap_or_default();
    let is_scheme =
        raw.get(length) == Some(&b':') && scheme.first().is_some_and(u8::is_ascii_alphabetic);
    let behind = raw.get(length + 1..).unwrap_or_default();
    let port_length = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_usual = || {
        let usual: [&[u8]; 4] = [b"sip", b"sips", b"tel", b"urn"];
        usual.iter().any(|usual| scheme.eq_ignore_ascii_case(usual))
    };
    let is_port = port_length > 0
        && !is_usual()
        && behind
            .get(port_length)
            .is_none_or(|byte| matches!(byte, b';' | b'?') || is_space(*byte));
    if is_scheme && !is_port { scheme } else { &[] }
}

/// Decodes `%xx` (RFC 3261 section 19.1.2); a `%` without two hexadecimal digits stays as it is.
#[must_use]
pub fn percent_decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'%', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, behind)) = rest.split_first() {
        let digits = (*byte == b'%').then(|| Some((hex(*behind.first()?)?, hex(*behind.get(1)?)?)));
        if let Some(Some((high, low))) = digits {
            decoded.push(high << 4 | low);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            decoded.push(*byte);
            rest = behind;
        }
    }
    Cow::Owned(decoded)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `scheme user host port parameters`, absent ones as `-`.
    fn check(raw: &str, expect: &str) {
        let uri = Uri::new(raw.as_bytes());
        let port = uri.port().map(|port| port.to_string()).unwrap_or_default();
        let parts = [uri.scheme(), uri.user(), uri.host(), port.as_bytes(), uri.parameters()];
        let parts = parts.map(|part| match String::from_utf8_lossy(part) {
            part if part.is_empty() => "-".to_owned(),
            part => part.into_owned(),
        });
        assert_eq!(parts.join(" "), expect, "{raw}");
    }

    #[test]
    fn parts() {
        check("sip:alice@example.com", "sip alice example.com - -");
        check("<sip:alice@example.com>", "sip alice example.com - -");
        check(" < sip:a@b > ", "sip a b - -");
        check("sips:a:secret@h:5061;transport=tcp", "sips a:secret h 5061 ;transport=tcp");
        check("SIP:h", "SIP - h - -");
        check(
            "sip:+49301;phone-context=x@h;user=phone",
            "sip +49301;phone-context=x h - ;user=phone",
        );
        check("sip:u?x@h?Replaces=1", "sip u?x h - -");
        check("sip:[2001:db8::10]:5070", "sip - [2001:db8::10] 5070 -");
        check("sip:[2001:db8::10:5070]", "sip - [2001:db8::10:5070] - -");
        check("sip:u@[::1]", "sip u [::1] - -");
        check("sip:u@[::1", "sip u [::1 - -");
        check("tel:+1-201-555-0123;ext=1", "tel +1-201-555-0123 - - ext=1");
        check("urn:service:sos", "urn - - - -");
        check("alice@example.com", "- alice example.com - -");
        check("example.com:5060", "- - example.com 5060 -");
        check("sip:5060", "sip - 5060 - -");
        check("sip:u@h:99999", "sip u h - -");
        check("sip:", "sip - - - -");
        check("*", "- - * - -");
        check("", "- - - - -");
    }

    #[test]
    fn headers_of_an_attended_transfer() {
        let raw = b"sip:b@h;x?Replaces=1%40h%3Bto-tag%3D2%3Bfrom-tag%3D3&Require=replaces&";
        let uri = Uri::new(raw);
        let replaces = uri.header(b"replaces").map(percent_decode);
        assert_eq!(replaces.as_deref(), Some(&b"1@h;to-tag=2;from-tag=3"[..]));
        assert_eq!(uri.headers().count(), 2);
        assert_eq!(uri.parameter(b"X"), Some(&b""[..]));
        assert_eq!(uri.parameter(b"y"), None);
    }

    proptest! {
        /// The usual scheme is told at a glance as by a close look.
        #[test]
        fn the_usual_scheme_is_one_of_any(rest in "[0-9a@:;?<> ]{0,12}") {
            let raw = format!("sip:{rest}");
            let raw = trim(raw.as_bytes());
            prop_assert_eq!(Uri::new(raw), Uri::of_any(raw));
        }
    }

    #[test]
    fn percent_signs() {
        for (raw, expect) in
            [("a%40b", "a@b"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%%41", "%A"), ("", "")]
        {
            assert_eq!(percent_decode(raw.as_bytes()), expect.as_bytes(), "{raw}");
        }
    }
}
