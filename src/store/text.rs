//! Bytes from captures as text, reversibly.
//!
//! UTF-8 stays as it is. A byte that is no part of UTF-8, and NUL (where tools would stop), becomes
//! `\xHH`. A backslash stays too, unless what follows would make it look like such an escape; then it
//! becomes `\x5c` itself. So a Call-ID with a backslash equals the vendor's.

use std::borrow::Cow;
use std::fmt::Write;

/// Bytes in, text out.
#[must_use]
pub fn escaped_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if memchr::memchr2(0, b'\\', bytes).is_none() => Cow::Borrowed(text),
        _ => Cow::Owned(escape(bytes)),
    }
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 8);
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for (offset, character) in chunk.valid().char_indices() {
            let like_an_escape = character == '\\' && escape_at(&bytes[at + offset..]).is_some();
            if character == '\0' || like_an_escape {
                push_byte(&mut text, character as u8);
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|byte| push_byte(&mut text, *byte));
        at += chunk.valid().len() + chunk.invalid().len();
    }
    text
}

fn push_byte(text: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\\x{byte:02x}");
}

/// The byte that `\xHH` at the start of `bytes` stands for.
fn escape_at(bytes: &[u8]) -> Option<u8> {
    let [b'\\', b'x', high, low, ..] = bytes else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Text in, the bytes that [`escaped_text`] made it from out.
#[must_use]
pub fn unescaped_bytes(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((first, after)) = rest.split_first() {
        if let Some(byte) = escape_at(rest) {
            bytes.push(byte);
            rest = &rest[4..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes() {
        let check = |bytes: &[u8], expect: &str| assert_eq!(escaped_text(bytes), expect);
        check(b"call@10.0.0.1", "call@10.0.0.1");
        check("žluťoučký".as_bytes(), "žluťoučký");
        check(b"a\\b", "a\\b");
        check(b"a\\x4", "a\\x4");
        check(b"a\\x41", "a\\x5cx41");
        check(b"\xff\x00\\", "\\xff\\x00\\");
        check(b"\\xf\xe9", "\\xf\\xe9");
        check(b"", "");
    }

    proptest! {
        #[test]
        fn nothing_is_lost(bytes: Vec<u8>) {
            prop_assert_eq!(unescaped_bytes(&escaped_text(&bytes)), bytes);
        }

        #[test]
        fn nothing_is_lost_near_escapes(text in r"[\\xf0-9é\x00]{0,12}") {
            prop_assert_eq!(unescaped_bytes(&escaped_text(text.as_bytes())), text.as_bytes());
        }
    }
}
