//! An installed license against its policy: the limit its keys give, and every cause of a lock that is
//! in force at a moment. Only a count can be lifted by a recompute.

use super::lock::LockState;
use super::policy::{AboveAction, BindingMatch, Combine, Policy, PolicyError};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A license as the user describes it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct License {
    /// Name of a built-in policy; absent: the user gives a policy file.
    pub policy: Option<String>,
    /// The keys.
    #[serde(default)]
    pub keys: Vec<LicenseKey>,
    /// Host-ID of this machine; absent: all keys count here.
    pub host: Option<String>,
    /// Formal end, `YYYY-MM-DD`, the last day of it; absent: none.
    pub formal_end: Option<String>,
    /// Whether it was cancelled: then there is no renewal grace.
    #[serde(default)]
    pub cancelled: bool,
    /// Trials and tests that were started.
    #[serde(default)]
    pub terms: Vec<StartedTerm>,
    /// What the license is bound to, by kind.
    #[serde(default)]
    pub bound: BTreeMap<String, String>,
    /// What this machine has, by kind.
    #[serde(default)]
    pub machine: BTreeMap<String, String>,
    /// Last successful contact with the license server, RFC 3339.
    pub last_contact: Option<String>,
    /// Days on which it was issued again, `YYYY-MM-DD`.
    #[serde(default)]
    pub reissued: Vec<String>,
    /// Units in use that captures cannot show.
    pub units_in_use: Option<u64>,
}

/// One key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct LicenseKey {
    /// A name for it; never the key itself.
    pub name: String,
    /// Units it gives.
    pub units: u64,
    /// Its kind, when the policy has kinds.
    pub kind: Option<String>,
    /// Host-IDs it was registered on, in order.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// A term that was started.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct StartedTerm {
    /// Its name in the policy.
    pub name: String,
    /// When it was started, RFC 3339.
    pub started: String,
}

/// What a figure of units says about how many there were.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum UnitsBound {
    /// So many.
    #[default]
    Exact,
    /// So many or fewer: what was counted holds more than the unit.
    AtMost,
    /// So many or more: something is missing of what was counted.
    AtLeast,
    /// Neither: what was counted holds more than the unit, and something is missing of it.
    About,
}

impl UnitsBound {
    /// Stable name used in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::AtMost => "at-most",
            Self::AtLeast => "at-least",
            Self::About => "about",
        }
    }

    /// The bound of a figure that may hold more than the unit, and of which something may be missing.
    #[must_use]
    pub const fn of(holds_more: bool, misses: bool) -> Self {
        match (holds_more, misses) {
            (false, false) => Self::Exact,
            (true, false) => Self::AtMost,
            (false, true) => Self::AtLeast,
            (true, true) => Self::About,
        }
    }

    /// The figure with its bound, for a person.
    fn said(self, units: u64) -> String {
        match self {
            Self::Exact => units.to_string(),
            Self::AtMost => format!("at most {units}"),
            Self::AtLeast => format!("at least {units}"),
            Self::About => format!("about {units}"),
        }
    }
}

/// What was counted of the policy's unit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Measured {
    /// Most units at once, from captures; absent when captures cannot show it.
    pub peak_units: Option<u64>,
    /// What that figure is.
    pub bound: UnitsBound,
    /// State of the lock by the count, for policies with a schedule of days.
    pub count_state: Option<LockState>,
}

/// Units in use.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct UnitsInUse {
    /// How many.
    pub units: u64,
    /// What the figure is.
    pub bound: UnitsBound,
    /// Whether captures showed it; else the license file said so.
    pub shown_by_captures: bool,
}

/// Why a license is locked, or refuses.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum CauseKind {
    /// The count is over the limit.
    Count,
    /// Its time is over.
    Expired,
    /// The machine is another one.
    Binding,
    /// Too long without contact with the license server.
    Contact,
}

impl CauseKind {
    /// Stable name used in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Expired => "expired",
            Self::Binding => "binding",
            Self::Contact => "contact",
        }
    }
}

/// A cause of a lock in force.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LockCause {
    /// What kind.
    pub kind: CauseKind,
    /// One sentence.
    pub sentence: String,
    /// Whether re-computing call records can lift it: only a count can.
    pub recompute_can_lift: bool,
}

/// A license checked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LicenseReport {
    /// Units allowed on this machine; absent when no key is given.
    pub limit_units: Option<u64>,
    /// Units in use; absent when neither captures nor the license file show them.
    pub units_in_use: Option<UnitsInUse>,
    /// Causes in force.
    pub causes: Vec<LockCause>,
    /// What is to be known and locks nothing.
    pub notices: Vec<String>,
}

impl LicenseReport {
    /// Causes that no recompute can lift: with one of them no remedy of the count helps.
    pub fn unliftable(&self) -> impl Iterator<Item = &LockCause> {
        self.causes.iter().filter(|cause| !cause.recompute_can_lift)
    }
}

impl License {
    /// Reads a license file.
    ///
    /// # Errors
    /// Names the line of what is no TOML or no known field.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        toml::from_str(text).map_err(|error| PolicyError(error.to_string()))
    }

    /// The limit that the keys give on this machine, with a notice for every key that does not count
    /// fully; absent without keys.
    ///
    /// # Errors
    /// Names a key whose kind the policy does not know.
    pub fn limit_units(&self, policy: &Policy) -> Result<(Option<u64>, Vec<String>), PolicyError> {
        let mut notices = Vec::new();
        let mut counted: BTreeMap<&str, u32> = BTreeMap::new();
        let mut units = Vec::new();
        for key in &self.keys {
            let allowance = match &key.kind {
                None => None,
                Some(kind) => Some(policy.key_kinds.get(kind).ok_or_else(|| {
                    PolicyError(format!("key '{}': the policy has no kind '{kind}'", key.name))
                })?),
            };
            let hosts_max = allowance.map_or(usize::MAX, |a| a.hosts_max.value as usize);
            let place = self.host.as_ref().map(|host| key.hosts.iter().position(|h| h == host));
            match place {
                Some(None) => {
                    notices.push(format!("key '{}' is not registered on this host", key.name));
                    continue;
                }
                Some(Some(place)) if place >= hosts_max => {
                    notices.push(format!(
                        "key '{}' is for {hosts_max} hosts and this is one more",
                        key.name
                    ));
                    continue;
                }
                _ => {}
            }
            let of_kind = counted.entry(key.kind.as_deref().unwrap_or_default()).or_default();
            *of_kind += 1;
            let most = allowance.and_then(|a| a.keys_per_host_max.as_ref()).map(|m| m.value);
            if most.is_some_and(|most| *of_kind > most) {
                notices.push(format!("key '{}' is one more than a host may have", key.name));
                continue;
            }
            units.push(key.units);
        }
        if self.keys.is_empty() {
            return Ok((None, notices));
        }
        let limit = match policy.limit.combine.value {
            Combine::Sum => units.iter().fold(0u64, |sum, one| sum.saturating_add(*one)),
            Combine::Largest => units.iter().copied().max().unwrap_or(0),
        };
        Ok((Some(limit), notices))
    }

    /// Checks the license at a moment.
    ///
    /// # Errors
    /// Names a date, moment, kind or term that cannot be read or that the policy does not know.
    pub fn check(
        &self,
        policy: &Policy,
        at: Timestamp,
        measured: Measured,
    ) -> Result<LicenseReport, PolicyError> {
        let (limit_units, mut notices) = self.limit_units(policy)?;
        let in_use =
            |units, bound, shown_by_captures| UnitsInUse { units, bound, shown_by_captures };
        let units_in_use = measured
            .peak_units
            .map(|units| in_use(units, measured.bound, true))
            .or(self.units_in_use.map(|units| in_use(units, UnitsBound::Exact, false)));
        if units_in_use.is_some_and(|used| !used.shown_by_captures) {
            notices.push(format!(
                "captures cannot show the unit '{}': its count comes from the license file",
                policy.unit.description
            ));
        }
        notices.extend(units_in_use.and_then(|used| in_use_notice(policy, limit_units, used)));
        let mut causes = Vec::new();
        causes.extend(count_cause(policy, limit_units, units_in_use, measured.count_state));
        causes.extend(self.validity_cause(policy, at, &mut notices)?);
        causes.extend(self.binding_cause(policy, &mut notices));
        causes.extend(self.contact_cause(policy, at)?);
        notices.extend(self.reissue_notice(policy, at)?);
        Ok(LicenseReport { limit_units, units_in_use, causes, notices })
    }

    /// Valid while the formal end, its grace, or any started term lasts.
    fn validity_cause(
        &self,
        policy: &Policy,
        at: Timestamp,
        notices: &mut Vec<String>,
    ) -> Result<Option<LockCause>, PolicyError> {
        let mut ends: Vec<(Timestamp, String)> = Vec::new();
        if let Some(text) = &self.formal_end {
            let end = date("formal_end", text)?;
            let grace = match &policy.validity {
                Some(validity) if !self.cancelled => validity.renewal_grace_days.value,
                _ => 0,
            };
            let last = end.saturating_add(i64::from(grace).days());
            let until = end_of_day(last)?;
            if at >= end_of_day(end)? && at < until {
                notices.push(format!("the license ended on {end}; renewal grace until {last}"));
            }
            let grace =
                if grace > 0 { format!(" and {grace} days of grace") } else { String::new() };
            ends.push((until, format!("the license ended on {end}{grace}")));
        }
        for started in &self.terms {
            let term =
                policy.terms.iter().find(|term| term.name == started.name).ok_or_else(|| {
                    PolicyError(format!("the policy has no term '{}'", started.name))
                })?;
            let start = moment("started", &started.started)?.to_zoned(TimeZone::UTC);
            let span = i64::from(term.months.unwrap_or(0))
                .months()
                .days(i64::from(term.days.unwrap_or(0)))
                .hours(i64::from(term.hours.unwrap_or(0)));
            let end = start.saturating_add(span).timestamp();
            ends.push((end, format!("{} ended at {end}", started.name)));
        }
        let latest = ends.into_iter().max_by_key(|(end, _)| *end);
        Ok(latest.filter(|(end, _)| at >= *end).map(|(_, sentence)| LockCause {
            kind: CauseKind::Expired,
            sentence,
            recompute_can_lift: false,
        }))
    }

    fn binding_cause(&self, policy: &Policy, notices: &mut Vec<String>) -> Option<LockCause> {
        let binding = policy.binding.as_ref()?;
        let mut compared = Vec::new();
        for kind in &binding.to.value {
            match (self.bound.get(kind), self.machine.get(kind)) {
                (Some(bound), Some(machine)) => compared.push((kind, bound == machine)),
                (Some(_), None) => {
                    notices
                        .push(format!("the license is bound to {kind}, which is not given here"));
                }
                _ => {}
            }
        }
        let matches = match binding.how_many.value {
            BindingMatch::All => compared.iter().all(|(_, equal)| *equal),
            BindingMatch::Any => compared.is_empty() || compared.iter().any(|(_, equal)| *equal),
        };
        let other: Vec<&str> =
            compared.iter().filter(|(_, equal)| !equal).map(|(kind, _)| kind.as_str()).collect();
        (!matches).then(|| LockCause {
            kind: CauseKind::Binding,
            sentence: format!("the license is bound to another {}", other.join(", ")),
            recompute_can_lift: false,
        })
    }

    fn contact_cause(
        &self,
        policy: &Policy,
        at: Timestamp,
    ) -> Result<Option<LockCause>, PolicyError> {
        let (Some(contact), Some(last)) = (&policy.contact, &self.last_contact) else {
            return Ok(None);
        };
        let last = moment("last_contact", last)?;
        let hours = contact.deactivated_after_hours.value;
        let silent_s = at.as_second().saturating_sub(last.as_second());
        Ok((silent_s >= i64::from(hours) * 3_600).then(|| LockCause {
            kind: CauseKind::Contact,
            sentence: format!("no contact with the license server since {last}, {hours} h allowed"),
            recompute_can_lift: false,
        }))
    }

    fn reissue_notice(
        &self,
        policy: &Policy,
        at: Timestamp,
    ) -> Result<Option<String>, PolicyError> {
        let Some(reissue) = &policy.reissue else { return Ok(None) };
        let today = TimeZone::UTC.to_datetime(at).date();
        let mut this_month = 0;
        for text in &self.reissued {
            let day = date("reissued", text)?;
            this_month += u32::from((day.year(), day.month()) == (today.year(), today.month()));
        }
        let most = reissue.per_month_max.value;
        Ok((this_month >= most).then(|| {
            format!(
                "issued again {this_month} times this month, {most} allowed: not before the next"
            )
        }))
    }
}

/// What a figure from captures that is not exact says about the limit; absent for an exact one.
fn in_use_notice(policy: &Policy, limit: Option<u64>, used: UnitsInUse) -> Option<String> {
    if used.bound == UnitsBound::Exact || policy.above.action.value == AboveAction::Lock {
        return None;
    }
    let seen = format!("{} at once ({})", used.bound.said(used.units), policy.unit.description);
    let Some(limit) = limit else { return Some(seen) };
    let (over, sure_below) = (used.units > limit, used.bound == UnitsBound::AtMost);
    Some(match (over, sure_below, used.bound) {
        (false, true, _) => format!("{seen}: never more than the limit of {limit}"),
        (true, _, UnitsBound::AtLeast) => format!("{seen}: more than the limit of {limit}"),
        _ => format!("{seen}: whether it was ever more than the limit of {limit} cannot be told"),
    })
}

fn count_cause(
    policy: &Policy,
    limit_units: Option<u64>,
    units_in_use: Option<UnitsInUse>,
    state: Option<LockState>,
) -> Option<LockCause> {
    let recompute_can_lift = policy.above.recountable.value;
    let unit = &policy.unit.description;
    let sentence = match policy.above.action.value {
        AboveAction::Lock => match state? {
            LockState::Locked => format!("locked by the count of its unit ({unit})"),
            LockState::Lockdown => {
                format!("lockdown in progress by the count of its unit ({unit})")
            }
            LockState::Within | LockState::Grace => return None,
        },
        AboveAction::Refuse => {
            let (limit, UnitsInUse { units, bound, .. }) = (limit_units?, units_in_use?);
            // A figure that may hold more than the unit is certain only below the limit.
            if units <= limit || matches!(bound, UnitsBound::AtMost | UnitsBound::About) {
                return None;
            }
            let used = bound.said(units);
            format!("{used} in use of {limit} ({unit}): what is above is refused")
        }
    };
    Some(LockCause { kind: CauseKind::Count, sentence, recompute_can_lift })
}

fn date(field: &str, text: &str) -> Result<Date, PolicyError> {
    text.parse().map_err(|_| PolicyError(format!("{field}: '{text}' is not a date YYYY-MM-DD")))
}

fn moment(field: &str, text: &str) -> Result<Timestamp, PolicyError> {
    text.parse().map_err(|_| {
        PolicyError(format!("{field}: '{text}' is not a moment as RFC 3339 writes it"))
    })
}

fn end_of_day(day: Date) -> Result<Timestamp, PolicyError> {
    let next = day.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC));
    next.map(|zoned| zoned.timestamp())
        .map_err(|_| PolicyError(format!("{day} is beyond what can be computed")))
}
