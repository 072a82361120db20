//! The rule file (`--rules FILE`, TOML) to a [`RuleTable`]. In: its text. Out: the table, or what is
//! wrong with it, named by key. What the file does not say keeps its default.
//!
//! ```toml
//! merge = ["proof", "strong"]
//! [header]
//! call-id = ["x-call-id", "x-cid"]
//! token = ["x-asterisk-linkedid"]
//! suffixes = ["_b2b-#"]
//! [history]
//! joins = true
//! [numbers]
//! on = true
//! digits = 6
//! seconds = 10
//! ```

use super::rule::{Class, RuleName};
use super::table::{DISCRIMINATION_WINDOW_NS, RuleTable};
use crate::base::NS_PER_S;
use serde::Deserialize;
use std::fmt;

/// What is wrong with a rule file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RuleFileError {
    /// No TOML, an unknown key, or a value of the wrong type; the parser's words, with the line.
    Syntax(String),
    /// A value that makes no sense: its key, and what is allowed.
    Value {
        /// The key.
        key: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
}

impl fmt::Display for RuleFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => formatter.write_str(text),
            Self::Value { key, problem } => write!(formatter, "{key}: {problem}"),
        }
    }
}

impl std::error::Error for RuleFileError {}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct RuleFile {
    merge: Option<Vec<String>>,
    shared_legs: Option<usize>,
    call_id: Switches,
    replaces: Switches,
    refer: Timed,
    redirect: Timed,
    session_id: Switches,
    header: HeaderRule,
    icid: Switches,
    media: Timed,
    fork: Timed,
    recording: Switches,
    history: Switches,
    numbers: NumbersRule,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Switches {
    on: Option<bool>,
    joins: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Timed {
    on: Option<bool>,
    joins: Option<bool>,
    seconds: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct HeaderRule {
    on: Option<bool>,
    joins: Option<bool>,
    call_id: Option<Vec<String>>,
    token: Option<Vec<String>>,
    suffixes: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct NumbersRule {
    on: Option<bool>,
    joins: Option<bool>,
    digits: Option<usize>,
    seconds: Option<f64>,
}

impl RuleTable {
    /// Reads a rule file.
    ///
    /// # Errors
    /// When the text is no TOML, has an unknown key, or a value that makes no sense.
    pub fn from_toml(text: &str) -> Result<Self, RuleFileError> {
        let file: RuleFile =
            toml::from_str(text).map_err(|error| RuleFileError::Syntax(error.to_string()))?;
        let mut table = Self::default();
        file.fill_switches(&mut table);
        file.fill_values(&mut table)?;
        Ok(table)
    }
}

impl RuleTable {
    /// The file that gives this table: every key, in a fixed order.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut file = toml::Table::new();
        let names = |names: &[String]| toml::Value::from(names.to_vec());
        let classes: Vec<String> =
            self.merge_classes.iter().map(|class| class.name().to_owned()).collect();
        file.insert("merge".to_owned(), names(&classes));
        file.insert("shared-legs".to_owned(), number(self.shared_legs_max));
        for rule in RuleName::ALL {
            let switch = self.switch(rule);
            let mut own = toml::Table::new();
            own.insert("on".to_owned(), switch.on.into());
            if let Some(joins) = switch.joins {
                own.insert("joins".to_owned(), joins.into());
            }
            let window_ns = match rule {
                RuleName::Refer => Some(self.refer_window_ns),
                RuleName::Redirect => Some(self.redirect_window_ns),
                RuleName::Media => Some(self.media_window_ns),
                RuleName::Fork => Some(self.fork_window_ns),
                RuleName::Numbers => Some(self.numbers_window_ns),
                _ => None,
            };
            if let Some(window_ns) = window_ns {
                own.insert("seconds".to_owned(), seconds(window_ns).into());
            }
            if rule == RuleName::Header {
                own.insert("call-id".to_owned(), names(&self.call_id_headers));
                own.insert("token".to_owned(), names(&self.token_headers));
                own.insert("suffixes".to_owned(), names(&self.call_id_suffixes));
            }
            if rule == RuleName::Numbers {
                own.insert("digits".to_owned(), number(self.numbers_digits));
            }
            file.insert(rule.name().to_owned(), own.into());
        }
        file.to_string()
    }
}

fn number(value: usize) -> toml::Value {
    toml::Value::from(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Windows are whole microseconds and at most an hour, so the fraction is exact enough to come back.
fn seconds(window_ns: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 3.6e9")]
    let microseconds = (window_ns / 1_000) as f64;
    microseconds / 1e6
}

impl RuleFile {
    fn fill_switches(&self, table: &mut RuleTable) {
        let switches = [
            (RuleName::CallId, self.call_id.on, self.call_id.joins),
            (RuleName::Replaces, self.replaces.on, self.replaces.joins),
            (RuleName::Refer, self.refer.on, self.refer.joins),
            (RuleName::Redirect, self.redirect.on, self.redirect.joins),
            (RuleName::SessionId, self.session_id.on, self.session_id.joins),
            (RuleName::Header, self.header.on, self.header.joins),
            (RuleName::Icid, self.icid.on, self.icid.joins),
            (RuleName::Media, self.media.on, self.media.joins),
            (RuleName::Fork, self.fork.on, self.fork.joins),
            (RuleName::Recording, self.recording.on, self.recording.joins),
            (RuleName::History, self.history.on, self.history.joins),
            (RuleName::Numbers, self.numbers.on, self.numbers.joins),
        ];
        for (rule, on, joins) in switches {
            let switch = table.switch_mut(rule);
            switch.on = on.unwrap_or(switch.on);
            switch.joins = joins.or(switch.joins);
        }
    }

    fn fill_values(self, table: &mut RuleTable) -> Result<(), RuleFileError> {
        if let Some(names) = self.merge {
            table.merge_classes = classes(&names)?;
        }
        if let Some(legs) = self.shared_legs {
            if legs < 2 {
                return Err(wrong("shared-legs", format!("{legs} is too few; at least 2")));
            }
            table.shared_legs_max = legs;
        }
        let windows = [
            ("refer.seconds", self.refer.seconds, &mut table.refer_window_ns),
            ("redirect.seconds", self.redirect.seconds, &mut table.redirect_window_ns),
            ("media.seconds", self.media.seconds, &mut table.media_window_ns),
            ("fork.seconds", self.fork.seconds, &mut table.fork_window_ns),
            ("numbers.seconds", self.numbers.seconds, &mut table.numbers_window_ns),
        ];
        for (key, seconds, window_ns) in windows {
            if let Some(seconds) = seconds {
                *window_ns = window(key, seconds)?;
            }
        }
        if let Some(digits) = self.numbers.digits {
            if !(1..=32).contains(&digits) {
                return Err(wrong("numbers.digits", format!("{digits} is not within 1 to 32")));
            }
            table.numbers_digits = digits;
        }
        if let Some(names) = self.header.call_id {
            table.call_id_headers = headers("header.call-id", names)?;
        }
        if let Some(names) = self.header.token {
            table.token_headers = headers("header.token", names)?;
        }
        if let Some(patterns) = self.header.suffixes {
            table.call_id_suffixes = suffixes(patterns)?;
        }
        Ok(())
    }
}

fn wrong(key: &str, problem: String) -> RuleFileError {
    RuleFileError::Value { key: key.to_owned(), problem }
}

fn classes(names: &[String]) -> Result<Vec<Class>, RuleFileError> {
    let class = |name: &String| {
        Class::ALL.into_iter().find(|class| class.name() == name).ok_or_else(|| {
            wrong("merge", format!("{name:?} is no class; one of proof, strong, medium, weak"))
        })
    };
    names.iter().map(class).collect()
}

/// Rounded to the microsecond, which is finer than any window needs.
fn window(key: &str, seconds: f64) -> Result<i64, RuleFileError> {
    let hour = DISCRIMINATION_WINDOW_NS / NS_PER_S;
    if !(0.0..=3_600.0).contains(&seconds) {
        return Err(wrong(key, format!("{seconds} is not within 0 to {hour} seconds")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 3.6e9, checked above")]
    let microseconds = (seconds * 1e6).round() as i64;
    Ok(microseconds * 1_000)
}

fn headers(key: &str, names: Vec<String>) -> Result<Vec<String>, RuleFileError> {
    let header = |name: String| {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            Err(wrong(key, format!("{name:?} is no header name (RFC 3261, token)")))
        } else {
            Ok(name.to_ascii_lowercase())
        }
    };
    names.into_iter().map(header).collect()
}

/// A suffix of digits alone would derive any Call-ID from any other that it extends.
fn suffixes(patterns: Vec<String>) -> Result<Vec<String>, RuleFileError> {
    for pattern in &patterns {
        if !pattern.bytes().any(|byte| !byte.is_ascii_digit() && byte != b'#') {
            let problem = format!("{pattern:?} needs a character that is no digit and no #");
            return Err(wrong("header.suffixes", problem));
        }
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        RuleTable::from_toml(text).expect_err("must be refused").to_string()
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(RuleTable::from_toml(""), Ok(RuleTable::default()));
    }

    #[test]
    fn every_key_is_read() {
        let text = "
            merge = [\"proof\", \"weak\"]
            shared-legs = 8
            history.joins = true
            media = { on = false, seconds = 0.5 }
            numbers = { joins = true, digits = 9, seconds = 15 }
            fork.seconds = 3
            header = { call-id = [\"X-B\"], token = [\"X-Asterisk-Linkedid\"], suffixes = [\"-#x\"] }";
        let table = RuleTable::from_toml(text).unwrap();
        assert_eq!(table.merge_classes, [Class::Proof, Class::Weak]);
        assert_eq!(table.shared_legs_max, 8);
        assert_eq!(table.switch(RuleName::History).joins, Some(true));
        assert!(!table.is_on(RuleName::Media) && table.is_on(RuleName::Refer));
        assert_eq!(table.media_window_ns, NS_PER_S / 2);
        assert_eq!((table.numbers_digits, table.numbers_window_ns), (9, 15 * NS_PER_S));
        assert_eq!(table.fork_window_ns, 3 * NS_PER_S);
        assert_eq!(table.call_id_headers, ["x-b"]);
        assert_eq!(table.token_headers, ["x-asterisk-linkedid"]);
        assert_eq!(table.call_id_suffixes, ["-#x"]);
    }

    #[test]
    fn a_table_comes_back_from_its_file() {
        let mut table = RuleTable {
            merge_classes: vec![Class::Weak],
            refer_window_ns: 1_000,
            media_window_ns: 3_599_999_999_000,
            token_headers: vec!["x-y".to_owned()],
            call_id_suffixes: Vec::new(),
            numbers_digits: 9,
            shared_legs_max: 2,
            ..RuleTable::default()
        };
        *table.switch_mut(RuleName::CallId) =
            crate::call::table::RuleSwitch { on: false, joins: Some(false) };
        for table in [RuleTable::default(), table] {
            assert_eq!(
                RuleTable::from_toml(&table.to_toml()),
                Ok(table.clone()),
                "{}",
                table.to_toml()
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("nubmers.on = true", "nubmers"),
            ("numbers.digit = 6", "digit"),
            ("merge = [\"certain\"]", "certain"),
            ("numbers.digits = 0", "numbers.digits"),
            ("refer.seconds = -1", "refer.seconds"),
            ("refer.seconds = nan", "refer.seconds"),
            ("shared-legs = 1", "shared-legs"),
            ("header.token = [\"a b\"]", "header.token"),
            ("header.suffixes = [\"#\"]", "header.suffixes"),
            ("fork.on = 3", "fork"),
        ] {
            assert!(problem(text).contains(part), "{text}: {}", problem(text));
        }
    }
}
