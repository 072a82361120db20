//! An explanation as text and as JSON: rule by rule the values compared, the records, joined or not.
//!
//! In: the outcomes for two legs. Out: text for a terminal, a JSON value. All values are escaped.

use crate::base::{CaptureTime, NS_PER_S, RecordRef};
use crate::call::{Compared, Refusal, RuleOutcome};
use serde_json::{Value, json};
use std::fmt::Write;

/// Bytes of the wire as one printable line: control characters, quotes of terminals and whatever is
/// no UTF-8 become `\xNN`; so does what would turn the direction of the text.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || is_invisible(character) {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    push_hex(&mut text, byte);
                }
            } else if character == '\\' {
                text.push_str("\\\\");
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            push_hex(&mut text, *byte);
        }
    }
    text
}

/// The same in ASCII alone.
#[must_use]
pub fn printable_ascii(bytes: &[u8]) -> String {
    let mut text = String::new();
    for character in printable(bytes).chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                push_hex(&mut text, byte);
            }
        }
    }
    text
}

fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push_str("\\x");
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// Zero-width characters, and those that turn the direction of writing.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Seconds with milliseconds, rounded towards zero.
#[must_use]
pub fn seconds(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let per_s = NS_PER_S.unsigned_abs();
    format!("{sign}{}.{:03} s", ns / per_s, ns % per_s / 1_000_000)
}

/// Why a rule did not join, in words.
#[must_use]
pub fn refusal_text(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Off => "the rule is switched off".to_owned(),
        Refusal::Absent(what) => format!("no {what}"),
        Refusal::Differs(what) => format!("differs: {what}"),
        Refusal::Failed(what, status) => format!("{what} failed with {status}"),
        Refusal::OutsideWindow(what, ns) => format!("outside the window: {what}, {}", seconds(*ns)),
        Refusal::Ambiguous(leg) => format!("leg {leg} fits too, or better"),
        Refusal::Demoted(demotion) => {
            format!(
                "the value does not discriminate: {} ({} legs)",
                demotion.reason.text(),
                demotion.legs
            )
        }
        Refusal::NotMerged => "holds, but its class is not in the merge set".to_owned(),
        Refusal::Conflict => {
            "holds, but would join two calls that different parties answered".to_owned()
        }
        Refusal::BeyondLimit => "holds, but was not compared: too many candidates".to_owned(),
    }
}

/// Stable name of a refusal, for JSON.
#[must_use]
pub const fn refusal_name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Off => "off",
        Refusal::Absent(_) => "absent",
        Refusal::Differs(_) => "differs",
        Refusal::Failed(..) => "failed",
        Refusal::OutsideWindow(..) => "outside-window",
        Refusal::Ambiguous(_) => "ambiguous",
        Refusal::Demoted(_) => "demoted",
        Refusal::NotMerged => "not-merged",
        Refusal::Conflict => "conflict",
        Refusal::BeyondLimit => "beyond-limit",
    }
}

/// Where a record is, as the edge knows it: path, member and number; the plain reference otherwise.
pub type PlaceOf<'a> = &'a dyn Fn(RecordRef) -> String;

/// The explanation of two legs as text. `names` are what they are called, escaped; `is_one_call`
/// whether the run put them into one call, by these rules or by way of other legs.
#[must_use]
pub fn explain_text(
    names: [&str; 2],
    is_one_call: bool,
    outcomes: &[RuleOutcome],
    place_of: PlaceOf<'_>,
) -> String {
    let mut text = String::new();
    let joined: Vec<&str> =
        outcomes.iter().filter(|o| o.joined.is_ok()).map(|o| o.rule.name()).collect();
    line(&mut text, &format!("left   {}", names[0]));
    line(&mut text, &format!("right  {}", names[1]));
    let verdict = match (joined.is_empty(), is_one_call) {
        (false, _) => format!("one call: joined by {}", joined.join(", ")),
        (true, true) => {
            "one call, by way of other legs: no rule joins these two (show tells how)".to_owned()
        }
        (true, false) => "not one call: no rule joins these two legs".to_owned(),
    };
    line(&mut text, &verdict);
    for outcome in outcomes {
        let word = if outcome.joined.is_ok() { "joined" } else { "not joined" };
        let why = outcome.joined.as_ref().err().map(refusal_text);
        let tail = why.map(|why| format!(": {why}")).unwrap_or_default();
        line(&mut text, "");
        line(&mut text, &format!("{} ({}) {word}{tail}", outcome.rule, outcome.class));
        for compared in &outcome.compared {
            let sign = if compared.left == compared.right { "=" } else { "|" };
            let (left, right) = (shown(&compared.left), shown(&compared.right));
            line(&mut text, &format!("  {}: {left} {sign} {right}", compared.what));
        }
        for record in &outcome.records {
            line(&mut text, &format!("  at {}", printable(place_of(*record).as_bytes())));
        }
        if !outcome.compared.is_empty() {
            line(&mut text, &format!("  source: {}", outcome.rule.source()));
        }
    }
    text
}

fn line(text: &mut String, content: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{content}");
}

fn shown(value: &[u8]) -> String {
    if value.is_empty() { "(none)".to_owned() } else { printable(value) }
}

/// The explanation of two legs as JSON.
#[must_use]
pub fn explain_json(
    names: [&str; 2],
    is_one_call: bool,
    outcomes: &[RuleOutcome],
    place_of: PlaceOf<'_>,
) -> Value {
    let rules: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            let refusal = outcome.joined.as_ref().err();
            json!({
                "rule": outcome.rule.name(),
                "class": outcome.class.name(),
                "source": outcome.rule.source(),
                "joined": refusal.is_none(),
                "refusal": refusal.map(refusal_name),
                "why": refusal.map(refusal_text),
                "compared": outcome.compared.iter().map(compared_json).collect::<Vec<_>>(),
                "records": outcome.records.iter().map(|r| place_of(*r)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let is_joined = outcomes.iter().any(|outcome| outcome.joined.is_ok());
    json!({
        "schema": "respool explain 1",
        "left": names[0],
        "right": names[1],
        "joined": is_joined,
        "one_call": is_one_call,
        "rules": rules,
    })
}

pub(super) fn compared_json(compared: &Compared) -> Value {
    json!({
        "what": compared.what,
        "left": printable(&compared.left),
        "right": printable(&compared.right),
    })
}

/// A moment as JSON: nanoseconds since the epoch.
#[must_use]
pub fn time_json(time: CaptureTime) -> Value {
    json!(time.ns())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{RuleTable, explain_pair};
    use crate::leg::Leg;

    #[test]
    fn hostile_values_are_escaped() {
        for (bytes, expect) in [
            (&b"a\x1b[2Jb"[..], "a\\x1b[2Jb"),
            (b"line\r\nline", "line\\x0d\\x0aline"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("M\u{fc}ller".as_bytes(), "M\u{fc}ller"),
            ("\u{202e}evil".as_bytes(), "\\xe2\\x80\\xaeevil"),
            (b"back\\slash", "back\\\\slash"),
        ] {
            assert_eq!(printable(bytes), expect);
        }
        assert_eq!(printable_ascii("M\u{fc}".as_bytes()), "M\\xc3\\xbc");
    }

    #[test]
    fn seconds_of_any_size() {
        assert_eq!(seconds(1_500_000_000), "1.500 s");
        assert_eq!(seconds(-1_000_000), "-0.001 s");
        assert_eq!(seconds(i64::MIN), "-9223372036.854 s");
    }

    #[test]
    fn every_rule_is_named_in_text_and_json() {
        let legs = [b"x\x07", b"y\x07"].map(|id| Leg::new(crate::base::SensorId(0), id));
        let outcomes = explain_pair(&legs[0], &legs[1], &RuleTable::default());
        let place_of = |record: RecordRef| record.to_string();
        let names = ["x\\x07", "y\\x07"];
        let text = explain_text(names, false, &outcomes, &place_of);
        let head = "left   x\\x07\nright  y\\x07\nnot one call: no rule joins these two legs\n";
        assert!(text.starts_with(head));
        let json = explain_json(names, false, &outcomes, &place_of);
        for (rule, told) in
            crate::call::RuleName::ALL.into_iter().zip(json["rules"].as_array().unwrap())
        {
            assert!(text.contains(&format!("\n{rule} (")), "{rule}");
            assert_eq!(told["rule"], rule.name());
            assert_eq!(told["joined"], false);
        }
    }
}
