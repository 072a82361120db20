//! The rules, each a function from a file to complaints.

use crate::code::{SourceFile, block_end};

/// The rooms; each may use those before it.
pub(crate) const ROOMS: [&str; 15] = [
    "base",
    "container",
    "capture",
    "packet",
    "sip",
    "leg",
    "call",
    "channel",
    "license",
    "report",
    "synth",
    "spool",
    "store",
    "run",
    "cli",
];
/// The rooms that do input and output, use threads and read the clock.
const EDGES: [&str; 4] = ["spool", "store", "run", "cli"];
/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 600;
/// Lines of `main.rs`.
const MAIN_LINES_MAX: usize = 60;
/// Lines of code in a function, as clippy counts them.
const FUNCTION_LINES_MAX: usize = 70;

/// What the core must not name.
const OUTSIDE_WORLD: [&str; 20] = [
    "std::fs",
    "std::thread",
    "std::env",
    "std::process",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "rayon",
    "rusqlite",
    "walkdir",
    "memmap2",
    "indicatif",
    "clap",
];
/// What no room may use: output goes through `cli`, which writes to a handle.
const PRINTING: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];

/// Everything that is wrong with a file.
pub(crate) fn complaints(file: &SourceFile) -> Vec<String> {
    let found = [
        header(file),
        size(file),
        directions(file),
        outside_world(file),
        hash_order(file),
        unsafety(file),
        functions(file),
        left_for_later(file),
        unexplained(file),
    ];
    found.into_iter().flatten().map(|what| format!("src/{}: {what}", file.path)).collect()
}

fn is_core(file: &SourceFile) -> bool {
    file.room().is_some_and(|room| !EDGES.contains(&room))
}

fn header(file: &SourceFile) -> Vec<String> {
    let first = file.text.lines().next().unwrap_or("");
    let says = first.strip_prefix("//!").is_some_and(|what| what.trim().len() > 3);
    if says { vec![] } else { vec!["line 1: no //! header that says what it is".to_owned()] }
}

fn size(file: &SourceFile) -> Vec<String> {
    let test_lines = file
        .code
        .lines()
        .zip(file.product.lines())
        .filter(|(code, product)| !code.trim().is_empty() && product.trim().is_empty());
    let lines = file.text.lines().count() - test_lines.count();
    let most = if file.path == "main.rs" { MAIN_LINES_MAX } else { FILE_LINES_MAX };
    if file.product.trim().is_empty() || lines <= most {
        return vec![];
    }
    vec![format!("{lines} lines without tests; at most {most}")]
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where a word or path stands in code, not as a part of a longer word.
fn occurrences<'a>(code: &'a str, what: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(what).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let after = bytes.get(at + what.len()).copied();
        let ends_as_word = what.bytes().next_back().is_some_and(is_word);
        let in_longer = before.is_some_and(is_word) || ends_as_word && after.is_some_and(is_word);
        !in_longer
    })
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// The `use` declarations with their braces multiplied out, blanks removed, and where each begins.
fn use_paths(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for at in occurrences(code, "use") {
        let rest = &code[at + 3..];
        let Some(ends) = rest.find(';') else { continue };
        let words: Vec<&str> = rest[..ends].split_whitespace().collect();
        let mut tree = words.join(" ");
        for mark in ["::", "{", "}", ","] {
            tree = tree.replace(&format!(" {mark}"), mark).replace(&format!("{mark} "), mark);
        }
        multiply_out("", &tree, &mut |path| paths.push((at, path)));
    }
    paths
}

fn multiply_out(prefix: &str, tree: &str, sink: &mut impl FnMut(String)) {
    let Some(opens) = tree.find('{') else { return sink(format!("{prefix}{tree}")) };
    let closes = block_end(tree, opens).saturating_sub(1).max(opens + 1);
    let prefix = format!("{prefix}{}", &tree[..opens]);
    let (mut depth, mut start) = (0_usize, opens + 1);
    for (at, byte) in tree.bytes().enumerate().take(closes + 1).skip(opens + 1) {
        match byte {
            b'{' => depth += 1,
            b'}' if at < closes => depth = depth.saturating_sub(1),
            b',' | b'}' if depth == 0 => {
                if start < at {
                    multiply_out(&prefix, &tree[start..at], sink);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The first name of a path, and what follows it.
fn first_name(path: &str) -> (&str, &str) {
    let end = path.bytes().position(|byte| !is_word(byte)).unwrap_or(path.len());
    path.split_at(end)
}

fn directions(file: &SourceFile) -> Vec<String> {
    let Some(room) = file.room() else { return vec![] };
    let code = &file.product;
    let climb = "super::".repeat(file.depth());
    let uses = use_paths(code);
    let in_uses = |at: usize| {
        uses.iter().any(|(start, _)| at > *start && code[*start..at].find(';').is_none())
    };
    let mut named: Vec<(usize, String)> = uses.clone();
    for root in ["crate::", climb.as_str()] {
        // A path in a use was multiplied out already; a longer climb contains this one.
        let inline = occurrences(code, root).filter(|at| !in_uses(*at));
        named.extend(inline.map(|at| (at, code[at..].to_owned())));
    }
    let mut complaints = Vec::new();
    for (at, path) in named {
        let rest = path.strip_prefix("crate::").or_else(|| path.strip_prefix(climb.as_str()));
        if path == "crate" || path.starts_with("crate as ") {
            complaints.push(format!("line {}: crate under another name", line_of(code, at)));
        }
        let Some(rest) = rest else { continue };
        let (used, _) = first_name(rest);
        let place = |room: &str| ROOMS.iter().position(|known| *known == room);
        match (place(used), place(room)) {
            (Some(other), Some(own)) if other <= own => {}
            (Some(_), _) => {
                complaints.push(format!("line {}: {room} uses {used}", line_of(code, at)));
            }
            (None, _) => {
                let what = if used.is_empty() { "crate::*" } else { used };
                complaints.push(format!("line {}: {what} is no room", line_of(code, at)));
            }
        }
    }
    complaints.dedup();
    complaints
}

fn outside_world(file: &SourceFile) -> Vec<String> {
    let code = &file.product;
    let mut complaints = Vec::new();
    for what in PRINTING {
        if let Some(at) = occurrences(code, what).next() {
            complaints.push(format!("line {}: {what}", line_of(code, at)));
        }
    }
    if !is_core(file) {
        return complaints;
    }
    let uses = use_paths(code);
    for what in OUTSIDE_WORLD {
        let in_use =
            uses.iter().find(|(_, path)| occurrences(path, what).next().is_some() || path == what);
        let place = in_use.map(|(at, _)| *at).or_else(|| occurrences(code, what).next());
        if let Some(at) = place {
            complaints.push(format!("line {}: {what} in the core", line_of(code, at)));
        }
    }
    complaints
}

fn hash_order(file: &SourceFile) -> Vec<String> {
    if !is_core(file) || file.text.contains("order never leaves") {
        return vec![];
    }
    let found = ["HashMap", "HashSet", "HashTable"].into_iter().filter_map(|what| {
        let at = occurrences(&file.product, what).next()?;
        let line = line_of(&file.product, at);
        Some(format!("line {line}: {what} without a comment why its order never leaves"))
    });
    found.collect()
}

fn unsafety(file: &SourceFile) -> Vec<String> {
    if file.path == "run/map.rs" {
        return vec![];
    }
    let found = ["unsafe", "unsafe_code"].into_iter().filter_map(|what| {
        let at = occurrences(&file.code, what).next()?;
        Some(format!("line {}: {what} outside run/map.rs", line_of(&file.code, at)))
    });
    found.collect()
}

fn functions(file: &SourceFile) -> Vec<String> {
    let code = &file.product;
    let mut complaints = Vec::new();
    for at in occurrences(code, "fn") {
        let rest = &code[at..];
        let (name, _) = first_name(rest[2..].trim_start());
        let opens = rest.find('{').unwrap_or(rest.len());
        // A type `fn(...)`, or a declaration without a body.
        if name.is_empty() || signature_ends(rest) < opens {
            continue;
        }
        let body = &rest[opens..block_end(rest, opens)];
        let inside = body.lines().filter(|line| !line.trim().is_empty()).count();
        let lines = inside.saturating_sub(2);
        if lines > FUNCTION_LINES_MAX {
            let line = line_of(code, at);
            complaints.push(format!(
                "line {line}: {name} has {lines} lines; at most {FUNCTION_LINES_MAX}"
            ));
        }
    }
    complaints
}

/// Where a declaration without body ends: the first `;` outside brackets (`[u8; 4]` has one inside).
fn signature_ends(rest: &str) -> usize {
    let mut depth = 0_i32;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' => break,
            b';' if depth <= 0 => return at,
            _ => {}
        }
    }
    rest.len()
}

fn left_for_later(file: &SourceFile) -> Vec<String> {
    let found = ["TODO", "FIXME"].into_iter().filter_map(|what| {
        let at = occurrences(&file.text, what).next()?;
        Some(format!("line {}: {what}", line_of(&file.text, at)))
    });
    found.collect()
}

/// A call that ends the program needs the reason why it cannot be reached, right above its statement.
fn unexplained(file: &SourceFile) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let code: Vec<&str> = file.product.lines().collect();
    let mut complaints = Vec::new();
    for (at, line) in code.iter().enumerate() {
        let calls = [".expect(", ".unwrap()", ".expect_err(", ".unwrap_err()"];
        let Some(call) = calls.iter().find(|call| line.contains(**call)) else { continue };
        let mut start = at;
        while start > 0 {
            let above = code[start - 1].trim_end();
            let is_attribute = above.trim_start().starts_with("#[");
            if !is_attribute && (above.trim().is_empty() || above.ends_with([';', '{', '}', ','])) {
                break;
            }
            start -= 1;
        }
        let is_explained = start > 0 && lines[start - 1].trim_start().starts_with("//");
        if !is_explained {
            complaints.push(format!(
                "line {}: {call} without a comment above why it cannot fail",
                at + 1
            ));
        }
    }
    complaints
}
