//! The rules by name: class and source of each. What a rule does is in `rules/`.

use std::fmt;

/// How much an evidence weighs. Orders from the strongest to the weakest.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// The messages name each other's dialog.
    Proof,
    /// A value made for one conversation is shared, or cause and effect were both seen.
    Strong,
    /// Said about parties, not about the conversation.
    Medium,
    /// Likeness of numbers and time.
    Weak,
}

impl Class {
    /// All classes, strongest first.
    pub const ALL: [Self; 4] = [Self::Proof, Self::Strong, Self::Medium, Self::Weak];

    /// The name used in rule files and output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::Strong => "strong",
            Self::Medium => "medium",
            Self::Weak => "weak",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A rule. The order is the one in which evidence of equal class is believed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RuleName {
    /// One dialog seen by two sensors.
    CallId,
    /// Replaces names a dialog.
    Replaces,
    /// REFER, or BYE with Also, and the INVITE it caused.
    Refer,
    /// 3xx and the INVITE it caused.
    Redirect,
    /// The pair of UUIDs of a session.
    SessionId,
    /// A header with another leg's Call-ID, a suffix of a Call-ID, or a configured token.
    Header,
    /// The charging identifier of an IMS.
    Icid,
    /// The same media streams on both legs.
    Media,
    /// One leg rings several; one answers, the others are cancelled.
    Fork,
    /// A recording session and what it records.
    Recording,
    /// Diverted from the number that another leg called.
    History,
    /// Last digits of both numbers and the time of start.
    Numbers,
}

/// Some of the rules.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RuleSet(u32);

impl RuleSet {
    /// Those whose bit is set; see [`Self::bit`].
    #[must_use]
    pub const fn of_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bit of a rule.
    #[must_use]
    pub const fn bit(rule: RuleName) -> u32 {
        1 << rule as u32
    }

    /// Whether a rule is among them.
    #[must_use]
    pub const fn has(self, rule: RuleName) -> bool {
        self.0 & Self::bit(rule) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether one of these rules is among them.
    #[must_use]
    pub fn has_any(self, rules: &[RuleName]) -> bool {
        rules.iter().any(|rule| self.has(*rule))
    }

    /// All of them in the order of belief.
    pub fn iter(self) -> impl Iterator<Item = RuleName> {
        RuleName::ALL.into_iter().filter(move |rule| self.has(*rule))
    }
}

impl FromIterator<RuleName> for RuleSet {
    fn from_iter<T: IntoIterator<Item = RuleName>>(rules: T) -> Self {
        Self(rules.into_iter().fold(0, |bits, rule| bits | Self::bit(rule)))
    }
}

impl RuleName {
    /// All rules in the order of belief.
    pub const ALL: [Self; 12] = [
        Self::CallId,
        Self::Replaces,
        Self::Refer,
        Self::Redirect,
        Self::SessionId,
        Self::Header,
        Self::Icid,
        Self::Media,
        Self::Fork,
        Self::Recording,
        Self::History,
        Self::Numbers,
    ];

    /// The name used in rule files and output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallId => "call-id",
            Self::Replaces => "replaces",
            Self::Refer => "refer",
            Self::Redirect => "redirect",
            Self::SessionId => "session-id",
            Self::Header => "header",
            Self::Icid => "icid",
            Self::Media => "media",
            Self::Fork => "fork",
            Self::Recording => "recording",
            Self::History => "history",
            Self::Numbers => "numbers",
        }
    }

    /// The rule with this name; absent when there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// The best class that evidence of this rule can have.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::CallId | Self::Replaces | Self::Refer => Class::Proof,
            Self::Redirect
            | Self::SessionId
            | Self::Header
            | Self::Icid
            | Self::Media
            | Self::Fork => Class::Strong,
            Self::Recording | Self::History => Class::Medium,
            Self::Numbers => Class::Weak,
        }
    }

    /// Where the rule comes from.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::CallId => "RFC 3261 section 12",
            Self::Replaces => "RFC 3891 section 3; RFC 5589 section 7",
            Self::Refer => "RFC 3515, RFC 3892, RFC 4538, RFC 5589 section 6",
            Self::Redirect => "RFC 3261 section 8.1.3.4",
            Self::SessionId => "RFC 7989",
            Self::Header => "vendor's callidmerge_header and matchheader; RFC 3261 section 20.21",
            Self::Icid => "RFC 7315 section 4.6",
            Self::Media => "RFC 4566 sections 5.2, 5.7, 5.14",
            Self::Fork => "RFC 3261 section 16, as a B2BUA does it",
            Self::Recording => "RFC 7866",
            Self::History => "RFC 5806, RFC 7044",
            Self::Numbers => "vendor's Legs by CID",
        }
    }

    /// Whether evidence says that two legs share a value, not that one caused the other. Only such
    /// evidence can be a coincidence, and so a conflict.
    #[must_use]
    pub const fn is_shared_value(self) -> bool {
        !matches!(self, Self::CallId | Self::Replaces | Self::Refer | Self::Redirect)
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
