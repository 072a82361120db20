//! The rules, a file each. A rule is two functions: the keys of a leg, and the comparison of two.
//!
//! The index finds the pairs by key; the comparison decides, and explains. It must never hold for a
//! pair that shares no key: then `explain` and the grouping would disagree (a test holds this).

mod call_id;
mod fork;
mod header;
mod history;
mod icid;
mod media;
mod numbers;
mod recording;
mod redirect;
mod refer;
mod replaces;
mod session_id;
mod stated;

use super::discriminate::Demotion;
use super::evidence::{Comparison, Evidence};
use super::index::{Entries, Pairing, Role, Window};
use super::outline::LegOutline;
use super::rule::RuleName;
use super::table::{ADJOIN_WINDOW_NS, RuleTable};
use crate::base::CaptureTime;
use std::collections::BTreeMap;

pub use header::{derived_base, header_parts};
pub(super) use refer::{is_by_caller, targets_of, transfer_parties, transferee};
pub(super) use stated::STATED;

/// What a comparison may look at besides the two legs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// All legs, by number.
    pub outlines: &'a [LegOutline],
    /// The rules' parameters.
    pub table: &'a RuleTable,
    /// Values of this rule that do not discriminate.
    pub demoted: &'a BTreeMap<Vec<u8>, Demotion>,
    /// Whether a person reads it: a refusal then states what both legs say. Decides nothing.
    pub explains: bool,
}

/// Collects the keys of one leg.
pub struct Keys<'a> {
    pub(super) leg: u32,
    pub(super) outline: &'a LegOutline,
    pub(super) entries: &'a mut Entries,
}

impl Keys<'_> {
    fn add(&mut self, role: Role, key: impl AsRef<[u8]>) {
        self.add_at(role, key, self.outline.started.time);
    }

    fn add_at(&mut self, role: Role, key: impl AsRef<[u8]>, at: CaptureTime) {
        self.entries.add(key.as_ref(), (role, at), (self.leg, self.outline.ended));
    }
}

/// Takes the keys of a leg.
pub fn keys(rule: RuleName, table: &RuleTable, keys: &mut Keys<'_>) {
    match rule {
        RuleName::CallId => call_id::keys(keys),
        RuleName::Replaces => replaces::keys(keys),
        RuleName::Refer => refer::keys(keys),
        RuleName::Redirect => redirect::keys(keys),
        RuleName::SessionId => session_id::keys(keys),
        RuleName::Header => header::keys(table, keys),
        RuleName::Icid => icid::keys(keys),
        RuleName::Media => media::keys(keys),
        RuleName::Fork => fork::keys(keys),
        RuleName::Recording => recording::keys(keys),
        RuleName::History => history::keys(table, keys),
        RuleName::Numbers => numbers::keys(table, keys),
    }
}

/// Which keys pair, and when.
#[must_use]
pub fn pairings(rule: RuleName, table: &RuleTable) -> Vec<Pairing> {
    let pair = |first, second, window| Pairing { first, second, window };
    let any = Window::After(i64::MIN, i64::MAX);
    let near = Window::Near(ADJOIN_WINDOW_NS);
    // Before the cause only what a consultation needs: its CANCEL.
    let caused = |window_ns: i64| {
        let (low, high) =
            (table.fork_window_ns.saturating_neg(), window_ns.saturating_add(ADJOIN_WINDOW_NS));
        pair(Role::Names, Role::Is, Window::After(low, high))
    };
    match rule {
        RuleName::CallId => vec![pair(Role::Other, Role::Other, near)],
        RuleName::Replaces | RuleName::Recording => vec![pair(Role::Names, Role::Is, any)],
        RuleName::Refer => {
            vec![caused(table.refer_window_ns), pair(Role::Shared, Role::Other, any)]
        }
        RuleName::Redirect => vec![caused(table.redirect_window_ns)],
        RuleName::SessionId | RuleName::Icid | RuleName::Media => {
            vec![pair(Role::Shared, Role::Shared, near)]
        }
        RuleName::Header => vec![
            pair(Role::Shared, Role::Shared, near),
            pair(Role::Names, Role::Is, any),
            pair(Role::Other, Role::Other, near),
        ],
        RuleName::Fork => {
            let window = table.fork_window_ns;
            let around = Window::After(window.saturating_neg(), window);
            vec![
                pair(Role::Names, Role::Is, around),
                pair(Role::Other, Role::Names, Window::After(0, window)),
                pair(Role::Other, Role::Is, Window::After(0, window)),
            ]
        }
        RuleName::History => {
            vec![pair(Role::Is, Role::Names, Window::Near(ADJOIN_WINDOW_NS))]
        }
        RuleName::Numbers => {
            vec![pair(Role::Other, Role::Other, Window::After(0, table.numbers_window_ns))]
        }
    }
}

/// Whether answered legs apart in time speak against a value of this rule.
#[must_use]
pub const fn must_adjoin(rule: RuleName) -> bool {
    !matches!(rule, RuleName::Media)
}

/// Compares two legs. The result does not depend on which is given first, except for the sides of
/// what was compared.
#[must_use]
pub fn compare(rule: RuleName, context: Context<'_>, left: u32, right: u32) -> Comparison {
    let legs = context.outlines;
    let (Some(a), Some(b)) = (legs.get(left as usize), legs.get(right as usize)) else {
        return Comparison::refused(super::evidence::Refusal::Absent("there is no such leg"));
    };
    let table = context.table;
    match rule {
        RuleName::CallId => call_id::compare(table, a, b),
        RuleName::Replaces => either(rule, context, a, b, replaces::compare),
        RuleName::Refer => {
            either(rule, context, a, b, |from, to| refer::compare(context, from, to))
        }
        RuleName::Redirect => {
            either(rule, context, a, b, |from, to| redirect::compare(table, from, to))
        }
        RuleName::SessionId => session_id::compare(context, a, b),
        RuleName::Header => header::compare(context, a, b),
        RuleName::Icid => icid::compare(context, a, b),
        RuleName::Media => media::compare(context, a, b),
        RuleName::Fork => either(rule, context, a, b, |from, to| fork::compare(table, from, to)),
        RuleName::Recording => either(rule, context, a, b, recording::compare),
        RuleName::History => {
            either(rule, context, a, b, |from, to| history::compare(table, from, to))
        }
        RuleName::Numbers => numbers::compare(table, a, b),
    }
}

/// Lets a rule choose between pairs that hold: the one INVITE of a REFER, the one answer of a fork.
pub fn resolve(rule: RuleName, outlines: &[LegOutline], evidence: &mut [Evidence]) {
    match rule {
        RuleName::Refer => refer::resolve(outlines, evidence),
        RuleName::Fork => fork::resolve(outlines, evidence),
        _ => {}
    }
}

/// Tries a directed comparison both ways and keeps what explains more. For a person a refusal also
/// states what the two legs say in a direction in which there was nothing to compare.
fn either(
    rule: RuleName,
    context: Context<'_>,
    a: &LegOutline,
    b: &LegOutline,
    directed: impl Fn(&LegOutline, &LegOutline) -> Comparison,
) -> Comparison {
    let (forth, back) = (directed(a, b), directed(b, a).mirrored());
    let silent = [forth.compared.is_empty(), back.compared.is_empty()];
    let mut best = forth.or_better(back);
    if context.explains && best.holds.is_err() {
        let stated = |is_right| {
            let (says, is) = if is_right { (b, a) } else { (a, b) };
            stated::stated(rule, context.table, says, is, is_right).compared
        };
        let silent = [false, true].into_iter().zip(silent).filter(|(_, is_silent)| *is_silent);
        best.compared.extend(silent.flat_map(|(is_right, _)| stated(is_right)));
    }
    best
}
