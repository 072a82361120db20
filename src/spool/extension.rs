//! What the name of a file promises, for files that turn out to be no capture.

/// Extensions of captures, and of archives that are not read and mostly hold some. Digits behind them
/// count a rotation (`day.pcap3`).
const EXTENSIONS: [&[u8]; 15] = [
    b"pcap", b"pcapng", b"cap", b"ntar", b"dmp", b"erf", b"snoop", b"trc", b"zip", b"z", b"bz",
    b"rar", b"lzma", b"br", b"lz",
];

/// Whether a name says that the file is a capture, or an archive of a format that is not read:
/// any of its extensions does (`x.pcap.gz.1`).
#[must_use]
pub fn is_named_as_capture(name: &[u8]) -> bool {
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    name.split(|byte| *byte == b'.').skip(1).any(|part| {
        let lower = part.to_ascii_lowercase();
        let digits = lower.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let word = &lower[..lower.len() - digits];
        EXTENSIONS.contains(&word) || matches!(&*lower, b"7z" | b"5vw" | b"tbz2")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_promise_a_capture() {
        let check = |name: &str, expect| {
            assert_eq!(is_named_as_capture(name.as_bytes()), expect, "{name}");
        };
        for name in ["a.pcap", "a.PCAPNG", "x/a.cap", "a.pcap.gz", "a.pcap0", "a.pcap.bz2", "a.zip"]
        {
            check(name, true);
        }
        for name in ["a.snoop", "a.7z", "a.cap12", "a.dmp.1", "a.tar.bz2", "a.Z"] {
            check(name, true);
        }
        for name in
            ["README", "README.txt", "pcap", "x.pcap/README", "a.pcapx", "a.gz", "a.tar", ""]
        {
            check(name, false);
        }
        for name in ["notes.md", "a.txt.gz", "capture", "a.1", "a.", ".", "a.log.2"] {
            check(name, false);
        }
    }
}
