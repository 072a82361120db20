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

use super::discriminate::{DemotedValue, Demotion};
use super::evidence::Comparison;
use super::found::FoundEvidence;
use super::index::{Pairing, Role, Window};
use super::outline::LegOutline;
use super::outlines::Outlines;
use super::rule::RuleName;
use super::said::{MediaValue, Target};
use super::table::{ADJOIN_WINDOW_NS, RuleTable};
use crate::base::CaptureTime;
use crate::leg::IdentifierKind;
use std::borrow::Cow;

pub use header::{derived_base, header_parts};
pub(super) use refer::{is_by_caller, targets_of, transfer_parties, transferee};
pub(super) use stated::STATED;

/// What a comparison may look at besides the two legs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// All legs, by number.
    pub outlines: &'a Outlines,
    /// The rules' parameters.
    pub table: &'a RuleTable,
    /// Values of this rule that do not discriminate, by value.
    pub demoted: &'a [DemotedValue],
    /// Whether a person reads it: a refusal then states what both legs say. Decides nothing.
    pub explains: bool,
}

impl Context<'_> {
    fn demotion(&self, value: &[u8]) -> Option<Demotion> {
        let place = self.demoted.binary_search_by(|known| (*known.value).cmp(value)).ok()?;
        Some(self.demoted[place].demotion)
    }

    fn demotion_of(&self, value: MediaValue<'_>) -> Option<Demotion> {
        if self.demoted.is_empty() { None } else { self.demotion(&value.text()) }
    }
}

/// A key of a leg.
#[derive(Clone, Copy)]
pub(super) struct Key<'k> {
    pub(super) role: Role,
    /// When the role begins.
    pub(super) at: CaptureTime,
    pub(super) value: KeyValue<'k>,
}

/// The value of a key: bytes that are equal when the values are, or media, which have such bytes as well.
#[derive(Clone, Copy)]
pub(super) enum KeyValue<'k> {
    Bytes(&'k [u8]),
    Media(MediaValue<'k>),
}

/// Takes the keys of one leg.
pub(super) struct Keys<'a> {
    started: CaptureTime,
    scratch: Vec<u8>,
    sink: &'a mut dyn FnMut(Key<'_>),
}

impl<'a> Keys<'a> {
    pub(super) fn new(leg: &LegOutline<'_>, sink: &'a mut dyn FnMut(Key<'_>)) -> Self {
        Self { started: leg.started.time, scratch: Vec::new(), sink }
    }

    fn add(&mut self, role: Role, key: &[u8]) {
        self.add_at(role, key, self.started);
    }

    fn add_at(&mut self, role: Role, key: &[u8], at: CaptureTime) {
        (self.sink)(Key { role, at, value: KeyValue::Bytes(key) });
    }

    /// A key of several parts.
    fn add_joined(&mut self, role: Role, parts: &[&[u8]], at: CaptureTime) {
        self.scratch.clear();
        parts.iter().for_each(|part| self.scratch.extend_from_slice(part));
        (self.sink)(Key { role, at, value: KeyValue::Bytes(&self.scratch) });
    }

    fn add_media(&mut self, value: MediaValue<'_>) {
        let key = Key { role: Role::Shared, at: self.started, value: KeyValue::Media(value) };
        (self.sink)(key);
    }
}

/// Keys of a leg by which it asks for others: few legs have any, so all of them are kept.
pub(super) fn asks(rule: RuleName, table: &RuleTable, leg: &LegOutline<'_>, keys: &mut Keys<'_>) {
    use IdentifierKind::{Also, Diversion, HistoryInfo, Recording, RedirectContact, Replaces};
    match rule {
        RuleName::Replaces if leg.has_kind(Replaces) || leg.has_refers() => {
            replaces::asks(leg, keys);
        }
        RuleName::Refer if leg.has_kind(Also) || leg.has_refers() => refer::asks(leg, keys),
        RuleName::Redirect if leg.has_kind(RedirectContact) => redirect::asks(leg, keys),
        RuleName::Header => header::asks(table, leg, keys),
        RuleName::Recording if leg.has_kind(Recording) => recording::asks(leg, keys),
        RuleName::History if leg.has_kind(Diversion) || leg.has_kind(HistoryInfo) => {
            history::asks(table, leg, keys);
        }
        _ => {}
    }
}

/// Keys by which it may be asked for: needed only where one asks.
/// `targets` are its [`target_keys`].
pub(super) fn offers(
    rule: RuleName,
    table: &RuleTable,
    leg: &LegOutline<'_>,
    targets: &[Cow<'_, [u8]>],
    keys: &mut Keys<'_>,
) {
    match rule {
        RuleName::Replaces | RuleName::Header => keys.add(Role::Is, leg.call_id),
        RuleName::Refer => refer::offers(leg, targets, keys),
        RuleName::Redirect => targets.iter().for_each(|target| keys.add(Role::Is, target)),
        RuleName::Recording => recording::offers(leg, keys),
        RuleName::History => history::offers(table, leg, keys),
        _ => {}
    }
}

/// What the targets of a leg with an INVITE are found by; two rules ask for it.
pub(super) fn target_keys<'o>(leg: &LegOutline<'o>) -> Vec<Cow<'o, [u8]>> {
    let mut keys: Vec<Cow<'o, [u8]>> = Vec::new();
    if !leg.has_invite {
        return keys;
    }
    let numbers = [leg.request_user, leg.called].map(Target::of);
    for target in leg.request_uris().chain(numbers) {
        let key = target.key();
        if !key.is_empty() && keys.last() != Some(&key) {
            keys.push(key);
        }
    }
    keys
}

/// Keys that legs have alike: needed only where two have the same, within [`meeting_window_ns`].
pub(super) fn meets(rule: RuleName, table: &RuleTable, leg: &LegOutline<'_>, keys: &mut Keys<'_>) {
    match rule {
        RuleName::CallId => keys.add(Role::Other, leg.call_id),
        RuleName::SessionId if leg.has_kind(IdentifierKind::SessionId) => {
            session_id::meets(leg, keys);
        }
        RuleName::Icid if leg.has_kind(IdentifierKind::Icid) => icid::meets(leg, keys),
        RuleName::Media => media::meets(leg, keys),
        RuleName::Fork => fork::meets(leg, keys),
        RuleName::Numbers => numbers::meets(table, leg, keys),
        _ => {}
    }
}

/// Most nanoseconds between two roles that [`meets`] gives; absent where their distance does not matter,
/// or where far ones tell whether a value discriminates.
pub(super) const fn meeting_window_ns(rule: RuleName, table: &RuleTable) -> Option<i64> {
    match rule {
        RuleName::Fork => Some(table.fork_window_ns),
        RuleName::Numbers => Some(table.numbers_window_ns),
        _ => None,
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
pub fn compare(rule: RuleName, context: Context<'_>, left: u32, right: u32) -> Comparison<'_> {
    let legs = context.outlines;
    let (Some(a), Some(b)) = (legs.get(left), legs.get(right)) else {
        return Comparison::refused(super::evidence::Refusal::Absent("there is no such leg"));
    };
    compare_legs(rule, context, &a, &b)
}

/// As [`compare`], of legs that were read.
pub(super) fn compare_legs<'o>(
    rule: RuleName,
    context: Context<'o>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
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

/// Lets the rules choose between pairs that hold: the one INVITE of a REFER, the one answer of a fork.
pub(super) fn resolve(outlines: &Outlines, found: &mut FoundEvidence) {
    refer::resolve(outlines, found);
    fork::resolve(found);
}

/// Tries a directed comparison both ways and keeps what explains more. For a person a refusal also
/// states what the two legs say in a direction in which there was nothing to compare.
fn either<'o>(
    rule: RuleName,
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
    directed: impl Fn(&LegOutline<'o>, &LegOutline<'o>) -> Comparison<'o>,
) -> Comparison<'o> {
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
