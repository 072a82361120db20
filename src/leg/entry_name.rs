//! Names that a spool gives to the files and archive entries of a call (facts G, run section 3).

use md5::{Digest, Md5};

/// Names longer than this, `.pcap` included, are shortened with a digest.
const NAME_BYTES_MAX: usize = 92;
/// Bytes of a shortened name before the digest.
const NAME_PREFIX_BYTES: usize = 54;
const SUFFIX: &[u8] = b".pcap";

/// The name of an entry without its suffix and without what varies between releases: what the sniffer
/// makes of a Call-ID. Not reversible, and several Call-IDs can have the same one.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntryName(Box<[u8]>);

impl EntryName {
    /// The name of the entries of a Call-ID: every byte outside `[A-Za-z0-9:.@-]` becomes `_`; a long
    /// name becomes its first 54 bytes, `_hash_` and the MD5 of the rest in hex (run section 3).
    #[must_use]
    pub fn of_call_id(call_id: &[u8]) -> Self {
        let mut name: Vec<u8> = call_id.iter().map(|byte| escape(*byte)).collect();
        if name.len() + SUFFIX.len() > NAME_BYTES_MAX {
            name.extend_from_slice(SUFFIX);
            let rest = name.split_off(NAME_PREFIX_BYTES);
            name.extend_from_slice(b"_hash_");
            for byte in Md5::digest(&rest) {
                name.extend_from_slice(format!("{byte:02x}").as_bytes());
            }
        }
        Self(name.into())
    }

    /// The name in an entry's path; absent when the path is empty.
    #[must_use]
    pub fn of_entry(path: &[u8]) -> Option<Self> {
        let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let stem = base.strip_suffix(SUFFIX).unwrap_or(base);
        (!stem.is_empty()).then(|| Self(stem.into()))
    }
}

const fn escape(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b':' | b'.' | b'@' | b'-' => byte,
        _ => b'_',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_the_sniffer_wrote_them() {
        let check = |call_id: &str, entry: &str| {
            assert_eq!(
                EntryName::of_call_id(call_id.as_bytes()),
                EntryName::of_entry(entry.as_bytes()).expect("entries of the table have names"),
                "{call_id}"
            );
        };
        check("coll/1@h", "coll_1@h.pcap");
        check("unicode-é@h", "unicode-__@h.pcap");
        check("pc#3@h", "pc_3@h.pcap");
        check("noat", "noat.pcap");
        // 87 bytes keep their name, 88 do not (run section 3).
        let long = "abcdefghij".repeat(9);
        check(&long[..87], &format!("{}.pcap", &long[..87]));
        assert!(EntryName::of_call_id(&long.as_bytes()[..88]).0.windows(6).any(|w| w == b"_hash_"));
    }
}
