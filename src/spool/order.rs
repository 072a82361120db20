//! The order of the files: by sensor, then by path inside the spool, restarted archives first.

use std::path::Path;

/// A restarted sniffer renames `X.tar.zst` to `X.tar.zst.1`, ... `.99`: the bare name is the newest.
const SIBLING_MAX: u8 = 99;

/// Sorts files of one sensor. Built from the path below the spool's root, so that a spool gives the
/// same order wherever it lies and whichever part of it was named.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct OrderKey {
    /// Bytes of the path without the sibling suffix.
    stem: Vec<u8>,
    /// 1 to 99, or 100 for the bare name.
    sibling: u8,
}

impl OrderKey {
    pub(super) fn new(path: &Path) -> Self {
        let bytes = path.as_os_str().as_encoded_bytes();
        match sibling_suffix(bytes) {
            Some((stem, number)) => Self { stem: stem.to_vec(), sibling: number },
            None => Self { stem: bytes.to_vec(), sibling: SIBLING_MAX + 1 },
        }
    }
}

/// Splits `X.tar.zst.7` into `X.tar.zst` and 7; absent for other names.
pub(super) fn sibling_suffix(path: &[u8]) -> Option<(&[u8], u8)> {
    let dot = path.iter().rposition(|byte| *byte == b'.')?;
    let (stem, digits) = (&path[..dot], &path[dot + 1..]);
    if digits.is_empty() || digits.len() > 2 || digits[0] == b'0' {
        return None;
    }
    let number: u8 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let name = stem.rsplit(|byte| *byte == b'/').next()?;
    let is_tar = name.ends_with(b".tar") || name.windows(5).any(|part| part == b".tar.");
    is_tar.then_some((stem, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarted_archives_come_before_the_bare_one() {
        let sorted = [
            "d/10/00/SIP/sip_2026-11-20-10-00.tar.zst.1",
            "d/10/00/SIP/sip_2026-11-20-10-00.tar.zst.2",
            "d/10/00/SIP/sip_2026-11-20-10-00.tar.zst.10",
            "d/10/00/SIP/sip_2026-11-20-10-00.tar.zst.99",
            "d/10/00/SIP/sip_2026-11-20-10-00.tar.zst",
            "d/10/01/SIP/sip_2026-11-20-10-01.tar",
        ];
        let mut shuffled = sorted;
        shuffled.reverse();
        shuffled.swap(0, 3);
        shuffled.sort_by_key(|path| OrderKey::new(Path::new(path)));
        assert_eq!(shuffled, sorted);
    }

    #[test]
    fn only_archives_have_siblings() {
        let check = |path: &str, expect: Option<u8>| {
            assert_eq!(sibling_suffix(path.as_bytes()).map(|(_, number)| number), expect, "{path}");
        };
        check("a.tar.1", Some(1));
        check("a.tar.gz.42", Some(42));
        check("a.tar.100", None);
        check("a.tar.01", None);
        check("a.tar.", None);
        check("a.tar", None);
        check("call@10.0.0.1", None);
        check("x.tar.d/call.1", None);
        check("capture.pcap.1", None);
    }
}
