//! A source file with its comments and texts blanked out, and its tests known.

use std::ops::Range;
use std::path::PathBuf;

/// One file of `src/`.
pub(crate) struct SourceFile {
    /// Path below `src/`.
    pub(crate) path: String,
    /// As written.
    pub(crate) text: String,
    /// The same with comments, and the insides of strings and characters, as blanks: every byte is
    /// where it was.
    pub(crate) code: String,
    /// `code` with its tests as blanks too.
    pub(crate) product: String,
}

impl SourceFile {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank_comments_and_texts(text);
        let mut product = code.clone().into_bytes();
        for range in test_items(&code) {
            blank(&mut product[range]);
        }
        let product = String::from_utf8_lossy(&product).into_owned();
        Self { path: path.to_owned(), text: text.to_owned(), code, product }
    }

    /// The room; absent for files of `src/` itself.
    pub(crate) fn room(&self) -> Option<&str> {
        self.path.split_once('/').map(|(room, _)| room)
    }

    /// Says that all of it is test.
    pub(crate) fn make_test(&mut self) {
        let mut product = self.code.clone().into_bytes();
        blank(&mut product);
        self.product = String::from_utf8_lossy(&product).into_owned();
    }

    /// How many modules it lies deep: `leg/mod.rs` 1, `leg/cdr.rs` 2.
    pub(crate) fn depth(&self) -> usize {
        let names = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") { names - 1 } else { names }
    }

    /// Files that are modules of tests of this one.
    pub(crate) fn test_modules(&self) -> Vec<PathBuf> {
        let own = PathBuf::from(&self.path);
        let folder = own.parent().map(PathBuf::from).unwrap_or_default();
        let is_folder = own.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs");
        let below = if is_folder { folder.clone() } else { own.with_extension("") };
        test_items(&self.code)
            .into_iter()
            .filter(|range| self.code[range.clone()].ends_with(';'))
            .filter_map(|range| {
                let item = &self.code[range.clone()];
                let name = item.split_once("mod ")?.1.trim_end_matches(';').trim();
                let given = self.text[range].split_once("path = \"").map(|(_, rest)| rest);
                let given = given.and_then(|rest| rest.split_once('"'));
                Some(match given {
                    Some((path, _)) => folder.join(path),
                    None => below.join(format!("{name}.rs")),
                })
            })
            .collect()
    }
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// Where `#[cfg(test)]` items lie, attribute included.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for (at, _) in code.match_indices("#[cfg(test)]") {
        if items.last().is_some_and(|item| item.contains(&at)) {
            continue;
        }
        let rest = &code[at..];
        let opens = rest.find('{').unwrap_or(rest.len());
        let ends = rest.find(';').map_or(rest.len(), |ends| ends + 1);
        let len = if ends < opens { ends } else { block_end(rest, opens) };
        items.push(at..at + len);
    }
    items
}

/// The end of the block that opens at `opens`.
pub(crate) fn block_end(code: &str, opens: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(opens) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

fn blank_comments_and_texts(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        let (keep, len) = token(rest, at.checked_sub(1).map(|before| text.as_bytes()[before]));
        blank(&mut bytes[at + keep..(at + len).saturating_sub(keep).max(at + keep)]);
        at += len;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How long the token is that begins here, and how many of its first and last bytes stay.
fn token(rest: &[u8], before: Option<u8>) -> (usize, usize) {
    let until = |mark: &[u8], from: usize| {
        let found = rest[from..].windows(mark.len()).position(|window| window == mark);
        found.map_or(rest.len(), |found| from + found + mark.len())
    };
    let in_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match rest {
        [b'/', b'/', ..] => (0, until(b"\n", 0)),
        [b'/', b'*', ..] => (0, until(b"*/", 2)),
        [b'"', ..] => (1, quoted(rest, b'"')),
        [b'r', b'"' | b'#', ..] | [b'b', b'r', ..] if !in_word => raw_string(rest),
        [b'\'', b'\\', ..] => (1, quoted(rest, b'\'')),
        // One character, not a lifetime.
        [b'\'', ..] => match rest.iter().take(6).skip(2).position(|byte| *byte == b'\'') {
            Some(closes) if is_one_character(&rest[1..closes + 2]) => (1, closes + 3),
            _ => (1, 1),
        },
        _ => (1, 1),
    }
}

fn is_one_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().count() == 1)
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn raw_string(rest: &[u8]) -> (usize, usize) {
    let letters = if rest[0] == b'b' { 2 } else { 1 };
    let hashes = rest[letters..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(letters + hashes) != Some(&b'"') {
        return (1, 1);
    }
    let mut mark = vec![b'"'];
    mark.resize(hashes + 1, b'#');
    let from = letters + hashes + 1;
    let found = rest[from..].windows(mark.len()).position(|window| window == mark);
    (1, found.map_or(rest.len(), |found| from + found + mark.len()))
}
