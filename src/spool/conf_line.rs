//! Lines of `voipmonitor.conf`: bytes in, keys with their values out. Knows no key.
//!
//! As the sniffer reads it (config_param.cpp:2623, SimpleIni with multiple keys): the file begins in
//! section `general`, keys outside it are ignored, names are equal in upper and lower case, `#` and
//! `;` begin a comment at the start of a line only, an empty value is no value.

/// One `key = value`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ConfLine {
    /// Number in the file from 1.
    pub(super) number: usize,
    /// In lower case.
    pub(super) key: String,
    /// Without the blanks around it; never empty.
    pub(super) value: String,
}

impl ConfLine {
    /// The value of a number or a switch: what stands before a `#` or `;` after a blank. The sniffer
    /// stops at the first byte that is no digit, so a comment there does no harm to it either.
    pub(super) fn word(&self) -> &str {
        let comment = self.value.char_indices().zip(self.value.chars().skip(1)).find_map(
            |((at, first), second)| {
                (first.is_whitespace() && matches!(second, '#' | ';')).then_some(at)
            },
        );
        self.value[..comment.unwrap_or(self.value.len())].trim_end()
    }
}

/// Splits a file into its lines. Bytes that are not UTF-8 are replaced; no key that matters has any.
pub(super) fn conf_lines(bytes: &[u8]) -> Vec<ConfLine> {
    let text = String::from_utf8_lossy(bytes);
    let mut in_general = true;
    let mut lines = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            let name = section.split(']').next().unwrap_or(section);
            in_general = name.trim().eq_ignore_ascii_case("general");
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim().to_owned());
        if in_general && !value.is_empty() {
            lines.push(ConfLine { number: index + 1, key, value });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(usize, &str, &str)]) {
        let lines = conf_lines(text.as_bytes());
        let read: Vec<_> = lines.iter().map(|l| (l.number, &*l.key, &*l.value)).collect();
        assert_eq!(read, expect, "{text:?}");
    }

    #[test]
    fn lines() {
        check("a=1\n", &[(1, "a", "1")]);
        check("[general]\r\n A = b c \r\n", &[(2, "a", "b c")]);
        check("# a = 1\n;b=2\n\nc = d # e\n", &[(4, "c", "d # e")]);
        check("[other]\na = 1\n[General]\nb = 2\n", &[(4, "b", "2")]);
        check("a =\nb\n= c\n", &[(3, "", "c")]);
        check("a = 1\na = 2\n", &[(1, "a", "1"), (2, "a", "2")]);
        check("\u{feff}a = b=c", &[(1, "a", "b=c")]);
    }

    #[test]
    fn words() {
        let check = |value: &str, expect: &str| {
            let line = ConfLine { number: 1, key: String::new(), value: value.to_owned() };
            assert_eq!(line.word(), expect);
        };
        check("5060", "5060");
        check("5060 # main", "5060");
        check("yes\t; really", "yes");
        check("a;b", "a;b");
        check("a#b", "a#b");
        check("é #x", "é");
    }
}
