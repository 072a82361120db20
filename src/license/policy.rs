//! License systems as data (design.md section 8; facts L): what is counted, how keys add up, what binds
//! and what locks. Every value carries its source.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// A value and where it is documented.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it is documented.
    pub source: String,
}

/// What a license counts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "kebab-case")]
pub enum UnitKind {
    /// Concurrent channels; captures show them.
    Channels,
    /// Concurrent channels of a codec negotiated in SDP; captures show them.
    CodecChannels,
    /// Users registered at once (REGISTER with its expiry); captures show them.
    RegisteredUsers,
    /// Objects created in the product; captures cannot show them.
    Objects,
}

impl UnitKind {
    /// Whether captures can show the unit; else its count comes from the license file.
    #[must_use]
    pub const fn shown_by_captures(self) -> bool {
        !matches!(self, Self::Objects)
    }

    /// Stable name used in files and output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Channels => "channels",
            Self::CodecChannels => "codec-channels",
            Self::RegisteredUsers => "registered-users",
            Self::Objects => "objects",
        }
    }
}

/// How several keys make one limit.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// They add up.
    Sum,
    /// One counts: the largest.
    Largest,
}

/// What happens above the limit.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum AboveAction {
    /// A schedule of days leads to a lock.
    Lock,
    /// The single call or object is refused; nothing locks.
    Refuse,
}

/// How many kinds of binding must match.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum BindingMatch {
    /// One of those that the license names.
    Any,
    /// All that the license names.
    All,
}

/// The unit counted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct UnitPolicy {
    /// What is counted.
    pub kind: Sourced<UnitKind>,
    /// One unit in words.
    pub description: String,
    /// Codec name of [`UnitKind::CodecChannels`], as SDP writes it, lower case.
    pub codec: Option<String>,
}

/// How keys make a limit.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct LimitPolicy {
    /// Sum or largest.
    pub combine: Sourced<Combine>,
}

/// Allowances of one kind of key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct KeyKindPolicy {
    /// Host-IDs that a key can be registered on.
    pub hosts_max: Sourced<u32>,
    /// Keys of this kind that count on one host; absent: all.
    pub keys_per_host_max: Option<Sourced<u32>>,
}

/// What happens above the limit.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct AbovePolicy {
    /// Lock or refuse.
    pub action: Sourced<AboveAction>,
    /// Consecutive days over that are free; only with a lock.
    pub grace_days: Option<Sourced<u32>>,
    /// Consecutive days over after which it locks; only with a lock.
    pub lock_after_days: Option<Sourced<u32>>,
    /// Whether the count is made again from recorded calls, so that a recompute can lift the lock.
    pub recountable: Sourced<bool>,
}

/// How long a license is valid.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ValidityPolicy {
    /// Days after the formal end in which it still works; none after a cancellation.
    pub renewal_grace_days: Sourced<u32>,
}

/// A time that starts once and ends: trial, test license, test mode. Exactly one length is given.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TermPolicy {
    /// Its name, which the license file uses.
    pub name: String,
    /// Length in hours.
    pub hours: Option<u32>,
    /// Length in days.
    pub days: Option<u32>,
    /// Length in calendar months.
    pub months: Option<u32>,
    /// Where it is documented.
    pub source: String,
}

/// What a license is bound to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct BindingPolicy {
    /// Names of the kinds: `hardware-id`, `domain`, `ip-address`, ...
    pub to: Sourced<Vec<String>>,
    /// How many must match.
    #[serde(rename = "match")]
    pub how_many: Sourced<BindingMatch>,
}

/// Contact with the license server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ContactPolicy {
    /// Hours between checks.
    pub every_hours: Sourced<u32>,
    /// Hours without a successful check that deactivate.
    pub deactivated_after_hours: Sourced<u32>,
}

/// How often a license can be issued again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ReissuePolicy {
    /// Times in a calendar month.
    pub per_month_max: Sourced<u32>,
}

/// What a lock is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct LockPolicy {
    /// What it disables.
    pub disables: Sourced<Vec<String>>,
    /// What lifts it.
    pub lifted_by: Sourced<Vec<String>>,
}

/// One license system.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Short name.
    pub name: String,
    /// The product.
    pub title: String,
    /// The unit counted.
    pub unit: UnitPolicy,
    /// How keys make a limit.
    pub limit: LimitPolicy,
    /// Allowances by kind of key; absent: keys have none.
    #[serde(default)]
    pub key_kinds: BTreeMap<String, KeyKindPolicy>,
    /// What happens above the limit.
    pub above: AbovePolicy,
    /// How long it is valid; absent: a formal end has no grace.
    pub validity: Option<ValidityPolicy>,
    /// Trials, test licenses, test modes.
    #[serde(default)]
    pub terms: Vec<TermPolicy>,
    /// What it is bound to; absent: nothing.
    pub binding: Option<BindingPolicy>,
    /// Contact with a server; absent: none is needed.
    pub contact: Option<ContactPolicy>,
    /// How often it can be issued again; absent: no limit is documented.
    pub reissue: Option<ReissuePolicy>,
    /// What a lock is.
    pub lock: LockPolicy,
}

/// Why a policy or license file cannot be used: one sentence with the place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyError(pub String);

impl fmt::Display for PolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for PolicyError {}

/// The built-in policies as TOML, by name.
pub const PRESETS: [(&str, &str); 5] = [
    ("voipmonitor", include_str!("presets/voipmonitor.toml")),
    ("digium", include_str!("presets/digium.toml")),
    ("innovaphone", include_str!("presets/innovaphone.toml")),
    ("ayrix", include_str!("presets/ayrix.toml")),
    ("isp", include_str!("presets/isp.toml")),
];

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// Names the line of what is no TOML, no known field, or contradicts itself.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text).map_err(|error| PolicyError(error.to_string()))?;
        policy.validate()?;
        Ok(policy)
    }

    /// A built-in policy.
    ///
    /// # Errors
    /// Lists the names that there are when it is none of them.
    pub fn preset(name: &str) -> Result<Self, PolicyError> {
        match PRESETS.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(text),
            None => {
                let names = PRESETS.map(|(known, _)| known).join(", ");
                Err(PolicyError(format!("no policy '{name}'; built in are {names}")))
            }
        }
    }

    fn validate(&self) -> Result<(), PolicyError> {
        for term in &self.terms {
            let lengths = [term.hours, term.days, term.months];
            if lengths.iter().flatten().count() != 1 {
                let name = &term.name;
                return Err(PolicyError(format!(
                    "term '{name}' needs exactly one of hours, days, months"
                )));
            }
        }
        let schedule = (&self.above.grace_days, &self.above.lock_after_days);
        match (self.above.action.value, schedule) {
            (AboveAction::Lock, (Some(grace), Some(lock))) if grace.value < lock.value => {}
            (AboveAction::Lock, _) => {
                return Err(PolicyError(
                    "action 'lock' needs grace_days and a larger lock_after_days".to_owned(),
                ));
            }
            (AboveAction::Refuse, (None, None)) => {}
            (AboveAction::Refuse, _) => {
                return Err(PolicyError("action 'refuse' has no schedule of days".to_owned()));
            }
        }
        if self.unit.kind.value == UnitKind::CodecChannels && self.unit.codec.is_none() {
            return Err(PolicyError("unit codec-channels needs a codec".to_owned()));
        }
        Ok(())
    }
}
