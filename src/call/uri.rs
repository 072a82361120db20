//! Small comparisons of identities: `user@host` values and the last digits of numbers.

use std::borrow::Cow;
use std::net::IpAddr;

/// The user part of `user@host`; the whole value when it has no `@`.
#[must_use]
pub fn user_of(value: &[u8]) -> &[u8] {
    value.iter().rposition(|byte| *byte == b'@').map_or(value, |at| &value[..at])
}

/// The host part of `user@host`; empty when it has no `@`.
#[must_use]
pub fn host_of(value: &[u8]) -> &[u8] {
    value.iter().rposition(|byte| *byte == b'@').map_or(&[][..], |at| &value[at + 1..])
}

/// What a target is found by: its user without URI parameters and visual separators, or its host
/// in lower case when it has no user.
#[must_use]
pub fn target_key(value: &[u8]) -> Cow<'_, [u8]> {
    let user = plain_user(user_of(value));
    if user.is_empty() { Cow::Owned(host_of(value).to_ascii_lowercase()) } else { user }
}

/// A user part without parameters; of a telephone number without visual separators (RFC 3966).
#[must_use]
pub fn plain_user(user: &[u8]) -> Cow<'_, [u8]> {
    let user = user.split(|byte| *byte == b';').next().unwrap_or_default();
    let is_separator = |byte: &u8| matches!(byte, b'-' | b'.' | b'(' | b')' | b' ');
    if !user.iter().any(is_separator) {
        return Cow::Borrowed(user);
    }
    let is_number = user.iter().any(u8::is_ascii_digit)
        && user.iter().all(|byte| byte.is_ascii_digit() || *byte == b'+' || is_separator(byte));
    if is_number {
        Cow::Owned(user.iter().copied().filter(|byte| !is_separator(byte)).collect())
    } else {
        Cow::Borrowed(user)
    }
}

/// The last `digits` digits of a user; a user without digits compares as text (design.md section 6).
/// Absent for empty and anonymous users, which are never alike.
#[must_use]
pub fn number_key(user: &[u8], digits: usize) -> Option<Cow<'_, [u8]>> {
    let number = user.strip_prefix(b"+").unwrap_or(user);
    let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    if is_number {
        return Some(Cow::Borrowed(&number[number.len().saturating_sub(digits)..]));
    }
    let user = user.split(|byte| *byte == b';').next().unwrap_or_default();
    let found: Vec<u8> = user.iter().copied().filter(u8::is_ascii_digit).collect();
    if found.is_empty() {
        let text = user.to_ascii_lowercase();
        let is_nobody = matches!(
            text.as_slice(),
            b"" | b"anonymous" | b"unknown" | b"unavailable" | b"restricted" | b"private"
        );
        return (!is_nobody).then_some(Cow::Owned(text));
    }
    Some(Cow::Owned(found[found.len().saturating_sub(digits)..].to_vec()))
}

/// Whether an address is not routed in public, so that different hosts may own the same one
/// (RFC 1918, RFC 6598, RFC 4193, loopback, link-local).
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || (v6.segments()[0] & 0xfe00) == 0xfc00
                || (v6.segments()[0] & 0xffc0) == 0xfe80
                || v6.to_ipv4_mapped().is_some_and(|v4| is_private(IpAddr::V4(v4)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_digits_follow_the_design() {
        let key = |user: &str| {
            number_key(user.as_bytes(), 6).map(|k| String::from_utf8(k.into_owned()).unwrap())
        };
        assert_eq!(key("+49 (30) 123-4567"), Some("234567".into()));
        assert_eq!(key("101"), Some("101".into()));
        assert_eq!(key("alice7x12"), Some("712".into()));
        assert_eq!(key("Alice;phone-context=1"), Some("alice".into()));
        assert_eq!(key("anonymous"), None);
        assert_eq!(key(""), None);
    }

    #[test]
    fn targets_are_found_by_user_then_host() {
        assert_eq!(*target_key(b"+1-555-0100;npdi@h"), *b"+15550100");
        assert_eq!(*target_key(b"a-b@h"), *b"a-b");
        assert_eq!(*target_key(b"@Example.COM"), *b"example.com");
        assert_eq!(*target_key(b"200"), *b"200");
    }

    #[test]
    fn private_addresses() {
        for (text, expect) in
            [("10.0.0.1", true), ("100.64.0.1", true), ("8.8.8.8", false), ("fd00::1", true)]
        {
            assert_eq!(is_private(text.parse().unwrap()), expect, "{text}");
        }
    }
}
