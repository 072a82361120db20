//! What a leg says about media and targets, in a form that is compared without its text.

use super::uri::{plain_user, user_of};
use crate::base::{CaptureTime, Endpoint, RecordRef};
use crate::leg::IdentifierKind;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

/// An identifier of a leg: its value, and who said it first when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Said<'o> {
    /// Its value, in the form that the kind names.
    pub value: &'o [u8],
    /// Source address of the message that carried it.
    pub said_by: Endpoint,
    /// First time.
    pub first: CaptureTime,
    /// The record that first showed it.
    pub record: RecordRef,
}

/// A media address or an `o=` line. Equal values are equal texts; their order is not that of the texts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MediaValue<'o> {
    /// `ip:port`, as [`Endpoint`] prints it.
    Address(Endpoint),
    /// `session-id address`, without leading zeros.
    Origin(u64, IpAddr),
    /// Any other text.
    Text(IdentifierKind, &'o [u8]),
}

/// Forms of a value among keys.
const PUT_ADDRESS: u8 = 0;
const PUT_ORIGIN: u8 = 1;
const PUT_ADDRESS_TEXT: u8 = 2;
const PUT_ORIGIN_TEXT: u8 = 3;

/// A session id of fewer digits is no clock (RFC 4566 section 5.2 wants an NTP time stamp).
const ORIGIN_DIGITS_MIN: usize = 6;
const ORIGIN_MIN: u64 = 100_000;

impl<'o> MediaValue<'o> {
    /// The value of an identifier of kind [`IdentifierKind::MediaAddress`] or
    /// [`IdentifierKind::MediaOrigin`].
    #[must_use]
    pub fn of(kind: IdentifierKind, text: &'o [u8]) -> Self {
        let found = if kind == IdentifierKind::MediaOrigin {
            origin_of(text).map(|(id, address)| Self::Origin(id, address))
        } else {
            endpoint_of(text).map(Self::Address)
        };
        found.unwrap_or(Self::Text(kind, text))
    }

    /// As on the wire.
    #[must_use]
    pub fn text(&self) -> Cow<'o, [u8]> {
        match self {
            Self::Address(end) => {
                let mut text = Vec::with_capacity(22);
                end.append_to(&mut text);
                Cow::Owned(text)
            }
            Self::Origin(id, address) => Cow::Owned(format!("{id} {address}").into_bytes()),
            Self::Text(_, text) => Cow::Borrowed(text),
        }
    }

    /// Bytes that are equal when the values are.
    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        let put_address = |bytes: &mut Vec<u8>, address: &IpAddr| match address {
            IpAddr::V4(address) => bytes.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => bytes.extend_from_slice(&address.octets()),
        };
        match self {
            Self::Address(end) => {
                bytes.push(PUT_ADDRESS);
                bytes.extend_from_slice(&end.port.to_le_bytes());
                put_address(bytes, &end.address);
            }
            Self::Origin(id, address) => {
                bytes.push(PUT_ORIGIN);
                bytes.extend_from_slice(&id.to_le_bytes());
                put_address(bytes, address);
            }
            Self::Text(kind, text) => {
                let is_origin = *kind == IdentifierKind::MediaOrigin;
                bytes.push(if is_origin { PUT_ORIGIN_TEXT } else { PUT_ADDRESS_TEXT });
                bytes.extend_from_slice(text);
            }
        }
    }

    /// The value of what [`Self::put`] wrote.
    pub(super) fn read(bytes: &'o [u8]) -> Self {
        let (form, rest) = bytes.split_first().unwrap_or((&PUT_ADDRESS_TEXT, &[]));
        let address_at = |start: usize| {
            let rest = rest.get(start..).unwrap_or_default();
            let v6 = || <[u8; 16]>::try_from(rest).map(IpAddr::from);
            <[u8; 4]>::try_from(rest).map(IpAddr::from).or_else(|_| v6()).ok()
        };
        let value = match *form {
            PUT_ADDRESS => rest.first_chunk().zip(address_at(2)).map(|(port, address)| {
                Self::Address(Endpoint::new(address, u16::from_le_bytes(*port)))
            }),
            PUT_ORIGIN => rest
                .first_chunk()
                .zip(address_at(8))
                .map(|(id, address)| Self::Origin(u64::from_le_bytes(*id), address)),
            PUT_ORIGIN_TEXT => Some(Self::Text(IdentifierKind::MediaOrigin, rest)),
            _ => None,
        };
        value.unwrap_or(Self::Text(IdentifierKind::MediaAddress, rest))
    }

    /// The address that it names; absent where it names none.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(end) => Some(end.address),
            Self::Origin(_, address) => Some(*address),
            Self::Text(kind, text) => {
                let text = std::str::from_utf8(text).ok()?;
                if *kind == IdentifierKind::MediaOrigin {
                    return text.rsplit(' ').next()?.parse().ok();
                }
                text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip())
            }
        }
    }

    /// Hold (0.0.0.0) and switched-off streams (port 0) say nothing; nor does an `o=` line that many
    /// write.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let says = match self {
            Self::Address(end) => end.port != 0,
            Self::Origin(id, _) => *id >= ORIGIN_MIN,
            Self::Text(IdentifierKind::MediaOrigin, text) => {
                let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                digits >= ORIGIN_DIGITS_MIN
            }
            Self::Text(_, text) => !text.ends_with(b":0"),
        };
        says && self.address().is_none_or(|address| !address.is_unspecified())
    }
}

/// The number that a text prints as; absent for one with leading zeros or other signs, and for those of
/// twenty digits.
fn number_of(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 || (text.len() > 1 && text[0] == b'0') {
        return None;
    }
    let mut number = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    Some(number)
}

/// The address that prints as this text; absent where none does.
fn address_of(text: &[u8]) -> Option<IpAddr> {
    match address_4_of(text) {
        Some((address, [])) => Some(IpAddr::V4(address)),
        _ => address_6_of(text),
    }
}

fn address_6_of(text: &[u8]) -> Option<IpAddr> {
    if !text.contains(&b':') {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let address: IpAddr = text.parse().ok()?;
    (address.to_string() == text).then_some(address)
}

/// The address of IPv4 that stands at the beginning of a text as it prints, and what is behind it.
#[inline]
fn address_4_of(text: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let (first, rest) = octet_of(text)?;
    let (mut address, mut rest) = (first, rest);
    for _ in 0..3 {
        let (octet, behind) = octet_of(rest.strip_prefix(b".")?)?;
        (address, rest) = (address << 8 | octet, behind);
    }
    Some((Ipv4Addr::from_bits(address), rest))
}

/// The octet that stands at the beginning of a text without leading zeros, and what is behind it.
#[inline]
fn octet_of(text: &[u8]) -> Option<(u32, &[u8])> {
    let digit = |place: usize| {
        let digit = u32::from(text.get(place)?.wrapping_sub(b'0'));
        (digit <= 9).then_some(digit)
    };
    let one = digit(0)?;
    let Some(two) = digit(1) else { return Some((one, &text[1..])) };
    let number = 10 * one + two;
    // Behind a zero there is no digit, and none behind three.
    let (number, digits) = match digit(2) {
        Some(three) => (10 * number + three, 3),
        None => (number, 2),
    };
    let is_octet = one != 0 && number <= 255 && (digits < 3 || digit(3).is_none());
    is_octet.then(|| (number, &text[digits..]))
}

fn endpoint_of(text: &[u8]) -> Option<Endpoint> {
    let port_of = |text: &[u8]| u16::try_from(number_of(text)?).ok();
    if let Some((address, [b':', port @ ..])) = address_4_of(text) {
        return Some(Endpoint::new(IpAddr::V4(address), port_of(port)?));
    }
    let colon = text.iter().rposition(|byte| *byte == b':')?;
    let bare = text[..colon].strip_prefix(b"[")?.strip_suffix(b"]")?;
    let address = address_6_of(bare).filter(IpAddr::is_ipv6)?;
    Some(Endpoint::new(address, port_of(&text[colon + 1..])?))
}

fn origin_of(text: &[u8]) -> Option<(u64, IpAddr)> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    Some((number_of(&text[..space])?, address_of(&text[space + 1..])?))
}

/// A media stream that a leg names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stream<'o> {
    /// Its address, or its `o=` line.
    pub value: MediaValue<'o>,
    /// Who said it.
    pub said_by: Endpoint,
    /// First time.
    pub first: CaptureTime,
    /// The record that first showed it.
    pub record: RecordRef,
}

/// The host of a target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Host<'o> {
    /// There is no `@`.
    None,
    /// Behind the last `@`.
    Text(&'o [u8]),
    /// As it prints.
    Address(IpAddr),
}

/// Whom an INVITE asks for: `user@host`, or a text without `@`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target<'o> {
    /// Before the last `@`.
    pub user: &'o [u8],
    /// Behind it.
    pub host: Host<'o>,
}

impl<'o> Target<'o> {
    /// From its text.
    #[must_use]
    pub fn of(text: &'o [u8]) -> Self {
        let user = user_of(text);
        let host = match text.get(user.len() + 1..) {
            Some(host) => address_of(host).map_or(Host::Text(host), Host::Address),
            None => Host::None,
        };
        Self { user, host }
    }

    /// As on the wire.
    #[must_use]
    pub fn text(&self) -> Cow<'o, [u8]> {
        match self.host {
            Host::None => Cow::Borrowed(self.user),
            Host::Text(host) => Cow::Owned([self.user, b"@", host].concat()),
            Host::Address(host) => {
                Cow::Owned([self.user, b"@", host.to_string().as_bytes()].concat())
            }
        }
    }

    /// What it is found by, as [`super::uri::target_key`] says.
    #[must_use]
    pub fn key(&self) -> Cow<'o, [u8]> {
        let user = plain_user(self.user);
        match self.host {
            Host::Text(host) if user.is_empty() => Cow::Owned(host.to_ascii_lowercase()),
            Host::Address(host) if user.is_empty() => Cow::Owned(host.to_string().into_bytes()),
            _ => user,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::uri::target_key;
    use super::*;

    fn assert_comes_back(value: MediaValue<'_>) {
        let mut bytes = Vec::new();
        value.put(&mut bytes);
        assert_eq!(MediaValue::read(&bytes), value);
    }

    #[test]
    fn every_text_comes_back_and_is_read_as_before() {
        for (text, is_short) in [
            ("10.0.0.1:4000", true),
            ("10.0.0.1:0", true),
            ("0.0.0.0:4000", true),
            ("[2001:db8::1]:65535", true),
            ("10.0.0.1:04000", false),
            ("010.0.0.1:4000", false),
            ("10.0.0.1", false),
            ("10.0.0.1.2:3", false),
            ("10.0.0.256:3", false),
            ("10.0.0.:3", false),
            ("10..0.1:3", false),
            ("10.0.00.1:3", false),
            ("255.255.255.255:65535", true),
            ("10.0.0.1:65536", false),
            ("[2001:DB8::1]:4", false),
            ("2001:db8::1", false),
            ("[10.0.0.1]:4", false),
            ("host:3", false),
            (":", false),
            ("", false),
        ] {
            let value = MediaValue::of(IdentifierKind::MediaAddress, text.as_bytes());
            assert_eq!(*value.text(), *text.as_bytes());
            assert_comes_back(value);
            assert_eq!(matches!(value, MediaValue::Address(_)), is_short, "{text}");
            let socket = text.parse::<std::net::SocketAddr>().ok();
            assert_eq!(value.address(), socket.map(|socket| socket.ip()), "{text}");
        }
        for (text, is_short, is_usable) in [
            ("123456 10.0.0.1", true, true),
            ("99999 10.0.0.1", true, false),
            ("123456 0.0.0.0", true, false),
            ("123456 ::1", true, true),
            ("0123456 10.0.0.1", false, true),
            ("9999999999999999999 10.0.0.1", true, true),
            ("10000000000000000000 10.0.0.1", false, true),
            ("123456  10.0.0.1", false, true),
            ("123456 host", false, true),
            ("123456x 10.0.0.1", false, true),
            ("", false, false),
        ] {
            let value = MediaValue::of(IdentifierKind::MediaOrigin, text.as_bytes());
            assert_eq!(*value.text(), *text.as_bytes());
            assert_comes_back(value);
            assert_eq!(matches!(value, MediaValue::Origin(..)), is_short, "{text}");
            assert_eq!(value.is_usable(), is_usable, "{text}");
        }
    }

    #[test]
    fn targets_have_the_keys_of_their_texts() {
        for text in [
            "200@10.0.0.1",
            "a@b@c",
            "@Host",
            "@10.0.0.1",
            "@",
            "200",
            "",
            "+1-2@h",
            "x;y@::1",
            "a@01.2.3.4",
        ] {
            let target = Target::of(text.as_bytes());
            assert_eq!(*target.text(), *text.as_bytes());
            assert_eq!(target.key(), target_key(text.as_bytes()), "{text}");
        }
    }
}
