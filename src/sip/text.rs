//! Byte helpers of the room: linear white space, trimming, numbers, quoted strings.

use super::search::find;

/// Linear white space, line ends of folded values included (RFC 3261 section 25.1, LWS).
#[inline]
pub(super) const fn is_space(byte: u8) -> bool {
    byte <= b' ' && matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Characters of a token (RFC 3261 section 25.1).
#[inline]
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// `bytes` without white space before it.
pub(super) const fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_space(*first) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// `bytes` without white space behind it.
pub(super) const fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last] = bytes {
        if !is_space(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// `bytes` without white space around it.
pub(super) const fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// Whether `bytes` begins with `prefix`, ASCII case ignored.
pub(super) fn starts_with_ignoring_case(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// Splits at the first `separator`: what stands before it, and what stands behind it if it is there.
pub(super) fn split_at_byte(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match find(bytes, [separator]) {
        Some(at) => (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..)),
        None => (bytes, None),
    }
}

/// Numbers of so many digits are below 2^64.
const DIGITS_THAT_FIT: usize = 19;

/// The decimal number at the start of `bytes` and the rest; absent without a digit or beyond `u64`.
pub(super) fn leading_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digit_of = |byte: &u8| Some(byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9);
    let mut number = 0_u64;
    let mut length = 0;
    for digit in bytes.iter().take(DIGITS_THAT_FIT).map_while(digit_of) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        length += 1;
    }
    if length == DIGITS_THAT_FIT {
        for digit in bytes.iter().skip(length).map_while(digit_of) {
            number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
            length += 1;
        }
    }
    (length > 0).then_some((number, bytes.get(length..)?))
}

/// The decimal number that is all of `bytes`, white space around it ignored.
pub(super) fn whole_number(bytes: &[u8]) -> Option<u64> {
    leading_number(trim(bytes)).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
}

/// Position behind the quoted string that opens at `bytes[0]`; absent when it is never closed.
pub(super) fn quoted_string_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// `bytes` without the double quotes around it; escapes inside stay, and so does a lone quote.
pub(super) fn unquote(bytes: &[u8]) -> &[u8] {
    let inner = bytes.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\""));
    inner.unwrap_or(bytes)
}

/// Position of the first `wanted` byte that stands outside quoted strings and angle brackets.
///
/// A quote that is never closed is an ordinary character, so that one stray quote hides nothing.
pub(super) fn find_outside(bytes: &[u8], wanted: u8) -> Option<usize> {
    find_outside_once(bytes, wanted, &mut false)
}

/// The pieces of `bytes` between `separator`s outside quoted strings and angle brackets; at least one.
pub(super) fn split_outside(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    let mut unclosed_quote = false;
    std::iter::from_fn(move || {
        let bytes = rest?;
        let Some(at) = find_outside_once(bytes, separator, &mut unclosed_quote) else {
            return rest.take();
        };
        rest = bytes.get(at + 1..);
        bytes.get(..at)
    })
}

/// As [`find_outside`]; `unclosed_quote` remembers over calls that a quote had no end, so that a value
/// of many such quotes is not searched to its end again for each.
fn find_outside_once(bytes: &[u8], wanted: u8, unclosed_quote: &mut bool) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        let step = find(rest, [wanted, b'"', b'<'])?;
        at += step;
        let rest = rest.get(step..)?;
        match rest.first() {
            Some(byte) if *byte == wanted => return Some(at),
            Some(b'"') if !*unclosed_quote => match quoted_string_end(rest) {
                Some(length) => at += length,
                None => {
                    *unclosed_quote = true;
                    at += 1;
                }
            },
            Some(b'<') => at += memchr::memchr(b'>', rest)? + 1,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, wanted: u8, expect: Option<usize>) {
        assert_eq!(find_outside(bytes.as_bytes(), wanted), expect, "{bytes}");
    }

    #[test]
    fn finds_bytes_outside_quotes_and_brackets() {
        check("a,b", b',', Some(1));
        check("\"a,b\",c", b',', Some(5));
        check("\"a\\\",b\",c", b',', Some(7));
        check("<a,b>,c", b',', Some(5));
        check("\"a,b", b',', Some(2));
        check("<a,b", b',', None);
        check("", b',', None);
    }

    #[test]
    fn numbers_do_not_overflow() {
        assert_eq!(whole_number(b" 42\r\n "), Some(42));
        assert_eq!(whole_number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(whole_number(b"18446744073709551616"), None);
        assert_eq!(whole_number(b"-1"), None);
        assert_eq!(whole_number(b""), None);
    }
}
