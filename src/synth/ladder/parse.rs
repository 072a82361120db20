//! Ladder text to statements.

use crate::base::limits::LADDER_STATEMENTS_MAX;
use crate::base::{CaptureTime, Endpoint, NS_PER_S};
use std::collections::BTreeMap;
use std::fmt;

/// What is wrong with a ladder, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LadderError {
    /// Line from 1.
    pub line: usize,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for LadderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for LadderError {}

/// Keys with their values in the order of the line; a flag has an empty value.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub(super) pairs: Vec<(String, String)>,
}

impl Keys {
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }
}

/// A file that messages go to.
#[derive(Clone, Debug)]
pub(super) struct FileLine {
    pub(super) path: String,
    pub(super) keys: Keys,
}

/// A message or a media burst.
#[derive(Clone, Debug)]
pub(super) struct MessageLine {
    pub(super) time: CaptureTime,
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
    pub(super) what: String,
    pub(super) keys: Keys,
}

#[derive(Clone, Debug)]
pub(super) enum Statement {
    File(FileLine),
    Message(MessageLine),
}

/// A line before its meaning is known.
#[derive(Clone)]
struct RawLine {
    number: usize,
    words: Vec<String>,
    shift_ns: i64,
}

/// A `repeat` that was not ended yet.
struct Block {
    number: usize,
    turns: u32,
    period_ns: i64,
    /// Line numbers and texts.
    lines: Vec<(usize, String)>,
}

fn error<T>(line: usize, message: impl Into<String>) -> Result<T, LadderError> {
    Err(LadderError { line, message: message.into() })
}

/// Words of a line; double quotes keep spaces.
fn words(line: usize, text: &str) -> Result<Vec<String>, LadderError> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let (mut quoted, mut begun) = (false, false);
    for character in text.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                begun = true;
            }
            '#' if !quoted && !begun => break,
            _ if character.is_whitespace() && !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(character);
                begun = true;
            }
        }
    }
    if quoted {
        return error(line, "expected a closing '\"'");
    }
    if begun {
        words.push(word);
    }
    Ok(words)
}

/// Seconds with up to nine decimals to nanoseconds; absent when the text is no number of seconds.
pub(super) fn seconds_ns(text: &str) -> Option<i64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let nanoseconds: i64 = format!("{fraction:0<9}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(NS_PER_S)?.checked_add(nanoseconds)
}

/// An address with or without a port.
pub(super) fn endpoint(text: &str, default_port: u16) -> Option<Endpoint> {
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(Endpoint::new(socket.ip(), socket.port()));
    }
    text.parse().ok().map(|address| Endpoint::new(address, default_port))
}

/// Takes `repeat` blocks apart: every line of them once a turn.
fn unrolled(text: &str) -> Result<Vec<RawLine>, LadderError> {
    let mut lines: Vec<RawLine> = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let split = words(number, line)?;
        match split.first().map(String::as_str) {
            None => {}
            Some("repeat") => {
                if open.is_some() {
                    return error(number, "a 'repeat' inside a 'repeat' is not possible");
                }
                let wrong = || LadderError {
                    line: number,
                    message: "expected 'repeat N every SECONDS'".to_owned(),
                };
                let [_, turns, every, period] = split.as_slice() else { return Err(wrong()) };
                let turns = turns.parse().ok().filter(|_| every == "every").ok_or_else(wrong)?;
                let period_ns = seconds_ns(period).ok_or_else(wrong)?;
                open = Some(Block { number, turns, period_ns, lines: Vec::new() });
            }
            Some("end") => {
                let Some(block) = open.take() else {
                    return error(number, "'end' without 'repeat'");
                };
                for turn in 0..block.turns {
                    for (number, line) in &block.lines {
                        let line = line.replace("{n}", &(turn + 1).to_string());
                        let shift_ns = i64::from(turn).saturating_mul(block.period_ns);
                        lines.push(RawLine {
                            number: *number,
                            words: words(*number, &line)?,
                            shift_ns,
                        });
                        if lines.len() > LADDER_STATEMENTS_MAX {
                            return error(*number, "more lines than a ladder may have");
                        }
                    }
                }
            }
            Some(_) => match &mut open {
                Some(block) => block.lines.push((number, line.to_owned())),
                None => lines.push(RawLine { number, words: split, shift_ns: 0 }),
            },
        }
    }
    match open {
        Some(block) => error(block.number, "'repeat' without 'end'"),
        None => Ok(lines),
    }
}

/// Hosts and moment zero while lines are read.
#[derive(Default)]
struct Names {
    start: Option<CaptureTime>,
    hosts: BTreeMap<String, Endpoint>,
}

impl Names {
    fn start_line(&mut self, line: &RawLine) -> Result<(), LadderError> {
        let moment = line.words.get(1).and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let nanoseconds = moment.and_then(|moment| i64::try_from(moment.as_nanosecond()).ok());
        let Some(nanoseconds) = nanoseconds.filter(|_| line.words.len() == 2) else {
            return error(line.number, "expected 'start TIME' such as 2026-11-20T10:00:00Z");
        };
        self.start = Some(CaptureTime::from_ns(nanoseconds));
        Ok(())
    }

    fn host_line(&mut self, line: &RawLine) -> Result<(), LadderError> {
        let [_, name, address] = line.words.as_slice() else {
            return error(line.number, "expected 'host NAME ADDRESS[:PORT]'");
        };
        let Some(endpoint) = endpoint(address, 5060) else {
            return error(line.number, format!("expected an IP address, found '{address}'"));
        };
        self.hosts.insert(name.clone(), endpoint);
        Ok(())
    }

    /// `NAME` or `NAME:PORT`.
    fn host(&self, line: usize, text: &str) -> Result<Endpoint, LadderError> {
        if let Some(endpoint) = self.hosts.get(text) {
            return Ok(*endpoint);
        }
        let with_port = text.rsplit_once(':').and_then(|(name, port)| {
            Some(Endpoint::new(self.hosts.get(name)?.address, port.parse().ok()?))
        });
        with_port.map_or_else(
            || {
                let known: Vec<&str> = self.hosts.keys().map(String::as_str).collect();
                let known = known.join(", ");
                error(line, format!("unknown host '{text}'; known hosts: {known}"))
            },
            Ok,
        )
    }

    fn message_line(&self, line: &RawLine) -> Result<MessageLine, LadderError> {
        let number = line.number;
        let [time, source, arrow, destination, what, rest @ ..] = line.words.as_slice() else {
            return error(number, "expected '+SECONDS SOURCE > DESTINATION METHOD-OR-STATUS'");
        };
        let Some(offset_ns) = seconds_ns(time) else {
            return error(number, format!("expected seconds such as +0.250, found '{time}'"));
        };
        if arrow != ">" {
            return error(number, format!("expected '>' between two hosts, found '{arrow}'"));
        }
        let Some(start) = self.start else {
            return error(number, "expected 'start TIME' before the first message");
        };
        let is_status = what.len() == 3 && what.bytes().all(|byte| byte.is_ascii_digit());
        let is_method = !what.is_empty() && what.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_status && !is_method {
            return error(number, format!("expected a method or a status code, found '{what}'"));
        }
        Ok(MessageLine {
            time: start.plus_ns(offset_ns).plus_ns(line.shift_ns),
            source: self.host(number, source)?,
            destination: self.host(number, destination)?,
            what: what.clone(),
            keys: keys(number, rest, MESSAGE_KEYS)?,
        })
    }
}

const FILE_KEYS: &[&str] = &["nanoseconds", "snaplen", "lzo", "pieces", "cut"];
const MESSAGE_KEYS: &[&str] = &[
    "again",
    "body",
    "branch",
    "by",
    "call-id",
    "contact",
    "copies",
    "cseq",
    "direction",
    "every",
    "from",
    "from-tag",
    "header",
    "late",
    "lost",
    "method",
    "new",
    "sdp",
    "ssrc",
    "to",
    "to-tag",
    "transport",
    "type",
    "until",
    "uri",
];
/// Keys whose values are seconds, whole numbers, and addresses with ports: checked where they stand.
const SECONDS_KEYS: &[&str] = &["every", "late", "until"];
const NUMBER_KEYS: &[&str] = &["copies", "cseq", "cut", "snaplen", "ssrc"];

fn keys(line: usize, words: &[String], known: &[&str]) -> Result<Keys, LadderError> {
    let mut keys = Keys::default();
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        if !known.contains(&key) {
            let known = known.join(", ");
            return error(line, format!("unknown key '{key}'; known keys: {known}"));
        }
        let expected = match key {
            "again" if !value.split(',').all(|part| seconds_ns(part).is_some()) => "seconds",
            "sdp" if endpoint(value, 0).is_none_or(|end| end.port == 0) => "ADDRESS:PORT",
            "transport" if !matches!(value, "udp" | "tcp") => "udp or tcp",
            "by" if !matches!(value, "caller" | "callee") => "caller or callee",
            _ if SECONDS_KEYS.contains(&key) && seconds_ns(value).is_none() => "seconds",
            _ if NUMBER_KEYS.contains(&key) && value.parse::<u32>().is_err() => "a whole number",
            _ => "",
        };
        if !expected.is_empty() {
            return error(line, format!("expected {expected} after '{key}=', found '{value}'"));
        }
        keys.pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(keys)
}

/// All statements with their line numbers.
pub(super) fn parse(text: &str) -> Result<Vec<(usize, Statement)>, LadderError> {
    let mut names = Names::default();
    let mut statements = Vec::new();
    for line in unrolled(text)? {
        match line.words[0].as_str() {
            "start" => names.start_line(&line)?,
            "host" => names.host_line(&line)?,
            "file" => {
                let Some(path) = line.words.get(1) else {
                    return error(line.number, "expected 'file PATH'");
                };
                let keys = keys(line.number, &line.words[2..], FILE_KEYS)?;
                let file = FileLine { path: path.clone(), keys };
                statements.push((line.number, Statement::File(file)));
            }
            word if word.starts_with('+') => {
                let message = names.message_line(&line)?;
                statements.push((line.number, Statement::Message(message)));
            }
            word => {
                let expected = "expected start, host, file, repeat, end or +SECONDS";
                return error(line.number, format!("{expected}, found '{word}'"));
            }
        }
    }
    Ok(statements)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message of the error that a ladder gives.
    fn check(text: &str, line: usize, expect: &str) {
        let error = parse(text).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.message.contains(expect), "{error}");
    }

    const HEAD: &str = "start 2026-11-20T10:00:00Z\nhost a 10.0.0.1\nhost b 10.0.0.2:5070\n";

    #[test]
    fn errors_name_the_line_and_what_was_expected() {
        check("start yesterday", 1, "expected 'start TIME'");
        check("host a", 1, "expected 'host NAME ADDRESS");
        check("\nhost a 10.0.0", 2, "expected an IP address, found '10.0.0'");
        check("host a 10.0.0.1\nhost b 10.0.0.2\n+0 a > b BYE", 3, "expected 'start TIME' before");
        check("begin", 1, "expected start, host, file");
        check(&format!("{HEAD}+0.0 a > c INVITE"), 4, "unknown host 'c'; known hosts: a, b");
        check(&format!("{HEAD}+0.0 a - b INVITE"), 4, "expected '>'");
        check(&format!("{HEAD}+0.0 a > b invite"), 4, "expected a method or a status");
        check(&format!("{HEAD}+zero a > b INVITE"), 4, "expected seconds");
        check(&format!("{HEAD}+0 a > b INVITE callid=x"), 4, "unknown key 'callid'");
        check(
            &format!("{HEAD}+0 a > b INVITE sdp=10.0.0.1"),
            4,
            "expected ADDRESS:PORT after 'sdp='",
        );
        check(&format!("{HEAD}+0 a > b INVITE cseq=x"), 4, "expected a whole number");
        check(&format!("{HEAD}+0 a > b INVITE to=\"x"), 4, "closing");
        check("repeat 2 every 1\n", 1, "without 'end'");
        check("end", 1, "without 'repeat'");
        check("repeat x every 1\nend", 1, "expected 'repeat N every SECONDS'");
        check("file", 1, "expected 'file PATH'");
    }

    #[test]
    fn reads_times_hosts_and_repetitions() {
        let text =
            format!("{HEAD}repeat 3 every 60.5\n+0.25 a > b:7000 INVITE call-id=c{{n}} # x\nend");
        let statements = parse(&text).unwrap();
        assert_eq!(statements.len(), 3);
        let Statement::Message(last) = &statements[2].1 else { panic!("a message") };
        assert_eq!(last.time.ns(), 1_795_168_800 * NS_PER_S + 121_250_000_000);
        assert_eq!(last.keys.value("call-id"), Some("c3"));
        assert_eq!(last.destination.to_string(), "10.0.0.2:7000");
    }
}
