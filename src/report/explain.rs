//! An explanation as text and as JSON: rule by rule the values compared, the records, joined or not.
//!
//! In: the outcomes for two legs. Out: text for a terminal, a JSON value. All values are escaped.

use crate::base::{CaptureTime, NS_PER_S, RecordRef};
use crate::call::{Compared, Refusal, RuleName, RuleOutcome};
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
        Refusal::Absent(what) => format!("nothing to compare: {what}"),
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
        Refusal::NotMerged => {
            "holds, but evidence of its class joins only where --rules says so".to_owned()
        }
        Refusal::Conflict => {
            "holds, but would join two calls that different parties answered".to_owned()
        }
        Refusal::BeyondLimit => "holds, but was not compared: too many candidates".to_owned(),
    }
}

/// The same with another leg by its name, `name_of` its number.
pub(super) fn refusal_with_names(refusal: &Refusal, name_of: &dyn Fn(u32) -> String) -> String {
    match refusal {
        Refusal::Ambiguous(leg) => format!("leg {} fits too, or better", name_of(*leg)),
        _ => refusal_text(refusal),
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

/// Two legs and what every rule says about them.
#[derive(Clone, Copy)]
pub struct Explained<'a> {
    /// What the legs are, a line each, escaped; the first line is the name.
    pub legs: [&'a [String]; 2],
    /// Whether the run put them into one call, by these rules or by way of other legs.
    pub is_one_call: bool,
    /// What the rules say.
    pub outcomes: &'a [RuleOutcome],
    /// Where a record is.
    pub place_of: PlaceOf<'a>,
    /// The name of a leg by its number.
    pub name_of: &'a dyn Fn(u32) -> String,
}

/// The explanation of two legs as text; `width`: the columns in which two values still share a line.
#[must_use]
pub fn explain_text(explained: Explained<'_>, width: usize) -> String {
    let Explained { legs, outcomes, place_of, name_of, .. } = explained;
    let mut text = String::new();
    for (side, leg) in ["left ", "right"].into_iter().zip(legs) {
        for (number, own) in leg.iter().enumerate() {
            let margin = if number == 0 { side } else { "     " };
            line(&mut text, &format!("{margin}  {own}"));
        }
    }
    line(&mut text, "");
    verdict(&mut text, explained);
    let mut ordered: Vec<&RuleOutcome> = outcomes.iter().collect();
    // What was compared stands first; most rules have nothing to compare.
    ordered.sort_by_key(|outcome| {
        let rank = match &outcome.joined {
            Ok(()) => 0,
            Err(refusal) if is_near(outcome.rule, refusal) => 1,
            Err(Refusal::Absent(_) | Refusal::Off) => 3,
            Err(_) => 2,
        };
        (rank, std::cmp::Reverse(alike(outcome)))
    });
    for outcome in ordered {
        let word = if outcome.joined.is_ok() { "joined" } else { "not joined" };
        let why = outcome.joined.as_ref().err().map(|why| refusal_with_names(why, name_of));
        let tail = why.map(|why| format!(": {why}")).unwrap_or_default();
        line(&mut text, "");
        line(&mut text, &format!("{} ({}) {word}{tail}", outcome.rule, outcome.class));
        for compared in &outcome.compared {
            compared_lines(&mut text, compared, width);
        }
        for record in &outcome.records {
            line(&mut text, &format!("  at {}", printable(place_of(*record).as_bytes())));
        }
        line(&mut text, &format!("  source: {}", outcome.rule.source()));
    }
    text
}

/// One call or not, by which rules, and which ones nearly joined them.
fn verdict(text: &mut String, explained: Explained<'_>) {
    let Explained { is_one_call, outcomes, name_of, .. } = explained;
    let joined: Vec<&str> =
        outcomes.iter().filter(|o| o.joined.is_ok()).map(|o| o.rule.name()).collect();
    let verdict = match (joined.is_empty(), is_one_call) {
        (false, _) => format!("ONE CALL: joined by {}", joined.join(", ")),
        (true, true) => {
            "ONE CALL, by way of other legs: no rule joins these two (show tells how)".to_owned()
        }
        (true, false) => "NOT ONE CALL: no rule joins these two legs".to_owned(),
    };
    line(text, &verdict);
    for outcome in outcomes {
        if let Err(refusal) = &outcome.joined
            && is_near(outcome.rule, refusal)
        {
            let why = refusal_with_names(refusal, name_of);
            line(text, &format!("nearly by {}: {why}", outcome.rule));
        }
    }
    let is_told = is_one_call
        || outcomes.iter().any(|o| o.joined.as_ref().is_err_and(|why| is_near(o.rule, why)));
    let most = outcomes.iter().rev().max_by_key(|outcome| alike(outcome));
    if let Some((outcome, Err(refusal))) = most
        .map(|outcome| (outcome, &outcome.joined))
        .filter(|(most, _)| !is_told && alike(most) > 0)
    {
        let why = refusal_with_names(refusal, name_of);
        line(text, &format!("most alike by {}: {why}", outcome.rule));
    }
}

/// How many of the values that a rule compared are equal.
fn alike(outcome: &RuleOutcome) -> usize {
    let is_equal = |pair: &&Compared| pair.left == pair.right && !pair.left.is_empty();
    outcome.compared.iter().filter(is_equal).count()
}

/// Whether the values were those of one call, and something else stood against it. That one caller had
/// two calls at different times, which is all that `fork` sees of most pairs, is not near.
fn is_near(rule: RuleName, refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Absent(_) | Refusal::Differs(_) | Refusal::Off => false,
        Refusal::OutsideWindow(..) => rule != RuleName::Fork,
        _ => true,
    }
}

/// Two values in one line, or below each other where the line would be too long.
fn compared_lines(text: &mut String, compared: &Compared, width: usize) {
    let is_equal = compared.left == compared.right && !compared.left.is_empty();
    let sign = if is_equal { "=" } else { "|" };
    let (left, right) = (shown(&compared.left), shown(&compared.right));
    let joined = format!("  {}: {left} {sign} {right}", compared.what);
    if joined.chars().count() <= width {
        line(text, &joined);
    } else {
        line(text, &format!("  {}:", compared.what));
        line(text, &format!("    left   {left}"));
        line(text, &format!("    right  {right}"));
    }
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
pub fn explain_json(explained: Explained<'_>) -> Value {
    let Explained { legs, is_one_call, outcomes, place_of, name_of } = explained;
    let name = |side: usize| legs[side].first();
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
                "why": refusal.map(|why| refusal_with_names(why, name_of)),
                "compared": outcome.compared.iter().map(compared_json).collect::<Vec<_>>(),
                "records": outcome.records.iter().map(|r| place_of(*r)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let is_joined = outcomes.iter().any(|outcome| outcome.joined.is_ok());
    json!({
        "schema": "respool explain 1",
        "left": name(0),
        "right": name(1),
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
        let legs = ["x\\x07", "y\\x07"].map(|name| [name.to_owned(), "who".to_owned()]);
        let explained = Explained {
            legs: [&legs[0], &legs[1]],
            is_one_call: false,
            outcomes: &outcomes,
            place_of: &place_of,
            name_of: &|leg| leg.to_string(),
        };
        let text = explain_text(explained, 80);
        let head = "left   x\\x07\n       who\nright  y\\x07\n       who\n\n\
                    NOT ONE CALL: no rule joins these two legs\n";
        assert!(text.starts_with(head), "{text}");
        let json = explain_json(explained);
        for (rule, told) in RuleName::ALL.into_iter().zip(json["rules"].as_array().unwrap()) {
            assert!(text.contains(&format!("\n{rule} (")), "{rule}");
            assert_eq!(told["rule"], rule.name());
            assert_eq!(told["joined"], false);
        }
    }
}
