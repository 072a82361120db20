//! `callidmerge_secret`: the value of a merge header in, the Call-ID that it hides out.
//!
//! As `process_packet__merge` and `base64decode` of the sniffer do it (sniff.cpp:8051-8065,
//! tools_global.cpp:1433-1482): base64 up to the first `=`, a foreign character for the bits of `/`, left
//! over bits dropped; then XOR with the secret, over and over.

/// The Call-ID that a value hides; absent where the sniffer's result is not defined: with a byte above
/// 127, for which it looks outside its table.
#[must_use]
pub fn reveal(value: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    if secret.is_empty() || !value.is_ascii() {
        return None;
    }
    let ends = |byte: &&u8| !matches!(**byte, b'=' | 0);
    let (mut revealed, mut waiting, mut bits) = (Vec::new(), 0u32, 0u32);
    for byte in value.iter().take_while(ends) {
        waiting = waiting << 6 | u32::from(six_bits(*byte));
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            let [.., low] = (waiting >> bits).to_be_bytes();
            revealed.push(low ^ secret[revealed.len() % secret.len()]);
        }
    }
    Some(revealed)
}

/// What a character stands for (RFC 4648 section 4); 63 for one that is no base64.
const fn six_bits(character: u8) -> u8 {
    match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        _ => 63,
    }
}

#[cfg(test)]
mod tests {
    use super::reveal;

    /// Values made by `printf | base64` of the bytes XORed by hand.
    #[test]
    fn values_are_revealed_as_the_sniffer_does() {
        for (value, secret, expect) in [
            // RFC 4648 section 10, XORed with a blank: the case of every letter changes.
            ("Zm9vYmFy", " ", Some(&b"FOOBAR"[..])),
            ("Zm9vYmE=", " ", Some(b"FOOBA")),
            ("Zm9vYg==", " ", Some(b"FOOB")),
            // Without padding, and with anything behind it.
            ("Zm9vYg", " ", Some(b"FOOB")),
            ("Zm9vYg==Zm9v", " ", Some(b"FOOB")),
            // The secret is used over and over.
            ("Zm9vYmFy", " \0", Some(b"FoObAr")),
            // A foreign character counts as '/'.
            ("Zm9v-", " ", Some(b"FOO")),
            ("-w==", "\0", Some(b"\xff")),
            ("", "x", Some(b"")),
            ("Zm9v", "", None),
            ("Zm9v\u{e9}", "x", None),
        ] {
            let found = reveal(value.as_bytes(), secret.as_bytes());
            assert_eq!(found.as_deref(), expect, "{value} {secret:?}");
        }
    }
}
