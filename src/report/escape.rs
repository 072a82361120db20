//! Bytes of a capture made harmless for a terminal.

use std::fmt::Write;

/// Text for a terminal: control characters, ESC, bidirectional controls, invisible characters and bytes
/// that are no UTF-8 become `\xNN`, one for each byte; a backslash doubles, so that no two inputs give
/// the same text.
#[must_use]
pub fn terminal(bytes: &[u8]) -> String {
    let mut safe = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '\\' {
                safe.push_str("\\\\");
            } else if is_harmless(character) {
                safe.push(character);
            } else {
                push_hex(&mut safe, character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        push_hex(&mut safe, chunk.invalid());
    }
    safe
}

fn push_hex(safe: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(safe, "\\x{byte:02x}");
    }
}

fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::terminal;

    #[test]
    fn what_a_header_can_do_to_a_terminal_is_gone() {
        let cases: &[(&[u8], &str)] = &[
            (b"alice", "alice"),
            ("P\u{159}emysl".as_bytes(), "P\u{159}emysl"),
            (b"\x1b[2J\x07\r\n\t", "\\x1b[2J\\x07\\x0d\\x0a\\x09"),
            ("\u{202e}evil\u{2069}".as_bytes(), "\\xe2\\x80\\xaeevil\\xe2\\x81\\xa9"),
            ("\u{9b}31m".as_bytes(), "\\xc2\\x9b31m"),
            (b"\xff\xc3(", "\\xff\\xc3("),
            (b"\\x1b", "\\\\x1b"),
            (b"\x7f", "\\x7f"),
        ];
        for (bytes, expect) in cases {
            assert_eq!(&terminal(bytes), expect, "{bytes:?}");
        }
    }
}
