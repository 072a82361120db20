//! A number to the key that deduplication compares: 'last 6 digits' (design.md section 6; section 12,
//! point 17).

use std::borrow::Cow;

/// Digits that the vendor compares ('Legs by CID').
pub const DIGITS_COMPARED: usize = 6;

/// What two numbers must share to be the same. Two keys are comparable only within one kind.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum NumberKey {
    /// The last six digits, or all of them when there are fewer: the decimal number that they write
    /// behind a leading 1, so that `0101` and `101` differ.
    Digits(u32),
    /// The whole text, in lower case, of a user without any digit.
    Text(Vec<u8>),
}

/// The key of a user part as it was on the wire; absent when it is empty or anonymous, which never
/// deduplicates.
///
/// URI parameters (from `;`), a host (from `@`) and visual separators (RFC 3966 section 3: `-`, `.`,
/// `(`, `)`, and spaces) are dropped; `%XX` is decoded first, so that `%2B420` is `+420`.
#[must_use]
pub fn last_six(user: &[u8]) -> Option<NumberKey> {
    // The usual number needs no second look.
    let bare = user.strip_prefix(b"+").unwrap_or(user);
    if bare.iter().all(u8::is_ascii_digit) {
        if let Some(last) = bare.last_chunk::<DIGITS_COMPARED>() {
            let digits = last.iter().fold(1, |all, digit| 10 * all + u32::from(digit - b'0'));
            return Some(NumberKey::Digits(digits));
        }
        if let Some(key) = digits_key(bare) {
            return Some(key);
        }
    }
    let user = strip_scheme(user.trim_ascii());
    let end = user.iter().position(|byte| matches!(byte, b';' | b'@' | b'?')).unwrap_or(user.len());
    // Anonymous is tested on the bare name, before separators are gone.
    let bare = percent_decode(&user[..end]);
    let bare = bare.as_ref();
    if is_anonymous(bare) {
        return None;
    }
    if let Some(key) = digits_key(bare) {
        return Some(key);
    }
    let text: Vec<u8> = bare
        .iter()
        .filter(|byte| !is_visual_separator(**byte))
        .map(u8::to_ascii_lowercase)
        .collect();
    (!text.is_empty() && text != b"+").then_some(NumberKey::Text(text))
}

fn digits_key(bare: &[u8]) -> Option<NumberKey> {
    let (mut packed, mut place) = (0, 1);
    let digits = bare.iter().rev().filter(|byte| byte.is_ascii_digit()).take(DIGITS_COMPARED);
    for digit in digits {
        packed += u32::from(digit - b'0') * place;
        place *= 10;
    }
    (place > 1).then_some(NumberKey::Digits(place + packed))
}

fn strip_scheme(user: &[u8]) -> &[u8] {
    for scheme in [&b"sips:"[..], b"sip:", b"tel:"] {
        if user.len() >= scheme.len() && user[..scheme.len()].eq_ignore_ascii_case(scheme) {
            return &user[scheme.len()..];
        }
    }
    user
}

fn is_visual_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')' | b' ' | b'\t')
}

/// The names that stand for 'no number' (RFC 3323 section 4.1.1.3, RFC 3325, and what gateways write).
fn is_anonymous(user: &[u8]) -> bool {
    [&b"anonymous"[..], b"unavailable", b"restricted", b"unknown", b"private", b"withheld"]
        .iter()
        .any(|name| user.trim_ascii().eq_ignore_ascii_case(name))
}

fn percent_decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        if *byte == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (hex_value(*high), hex_value(*low))
        {
            decoded.push(high * 16 + low);
            rest = after;
            continue;
        }
        decoded.push(*byte);
        rest = tail;
    }
    Cow::Owned(decoded)
}

fn hex_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Option<NumberKey> {
        Some(NumberKey::Digits(format!("1{text}").parse().unwrap()))
    }

    fn text(text: &str) -> Option<NumberKey> {
        Some(NumberKey::Text(text.into()))
    }

    #[test]
    fn last_six_of_all_kinds_of_users() {
        let cases: &[(&str, Option<NumberKey>)] = &[
            // The vendor's own example (facts 0): these two do not share their last six digits.
            ("123456001", digits("456001")),
            ("123456002", digits("456002")),
            ("00420123456001", digits("456001")),
            ("+420 123-456.001", digits("456001")),
            ("(02) 12-34", digits("021234")),
            ("%2B420123456", digits("123456")),
            ("+420123456;phone-context=+44", digits("123456")),
            ("tel:+1-201-555-0123", digits("550123")),
            ("123456@host9", digits("123456")),
            // Fewer digits compare whole, so 101 and 9101 differ.
            ("101", digits("101")),
            ("9101", digits("9101")),
            ("0101", digits("0101")),
            // Letters and digits: its digits (section 12, point 17).
            ("agent12b345", digits("12345")),
            ("alice", text("alice")),
            ("Alice.Smith", text("alicesmith")),
            ("*", text("*")),
            ("", None),
            ("  ", None),
            ("+", None),
            ("anonymous", None),
            ("Anonymous", None),
            ("unavailable", None),
            (";phone-context=+1", None),
        ];
        for (user, expect) in cases {
            assert_eq!(&last_six(user.as_bytes()), expect, "{user:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_compare_as_bytes() {
        assert_eq!(last_six(b"\xff\xfe"), Some(NumberKey::Text(vec![0xff, 0xfe])));
        assert_eq!(last_six(b"%zz%4"), digits("4"));
        assert_eq!(last_six(b"%"), Some(NumberKey::Text(vec![b'%'])));
    }
}
