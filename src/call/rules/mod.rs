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
use super::evidence::{Comparison, Refusal};
use super::found::FoundEvidence;
use super::index::{Pairing, Role, Window};
use super::outline::LegOutline;
use super::outlines::Outlines;
use super::rule::{Class, RuleName, RuleSet};
use super::said::{MediaValue, Target};
use super::table::{ADJOIN_WINDOW_NS, RuleTable};
use super::uri::{number_key, plain_user};
use crate::base::CaptureTime;
use crate::leg::IdentifierKind;
use std::borrow::Cow;
use std::net::IpAddr;

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
    pub(super) rule: RuleName,
    pub(super) role: Role,
    /// When the role begins.
    pub(super) at: CaptureTime,
    pub(super) value: KeyValue<'k>,
}

/// The value of a key: bytes that are equal when the values are, or what has such bytes as well. Most keys
/// stand alone: what is made of several parts is put together only where it is kept.
#[derive(Clone, Copy)]
pub(super) enum KeyValue<'k> {
    Bytes(&'k [u8]),
    Media(MediaValue<'k>),
    /// An address and a number seen there.
    At(IpAddr, &'k [u8]),
    /// A value behind a word that says what it stands for.
    Behind(&'static [u8], &'k [u8]),
    /// Two texts with a space between; there is none in the first one.
    Pair(&'k [u8], &'k [u8]),
}

impl<'k> KeyValue<'k> {
    /// Two texts with a space between. `scratch` is room for them, used where they have a space of their own.
    fn pair(one: &'k [u8], other: &'k [u8], scratch: &'k mut Vec<u8>) -> Self {
        if !one.contains(&b' ') {
            return Self::Pair(one, other);
        }
        scratch.clear();
        [one, b" ", other].into_iter().for_each(|part| scratch.extend_from_slice(part));
        // What is equal when put together is to be equal in both parts.
        let space = scratch.iter().position(|byte| *byte == b' ').unwrap_or_default();
        Self::Pair(&scratch[..space], &scratch[space + 1..])
    }

    /// Its bytes.
    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Bytes(value) => bytes.extend_from_slice(value),
            Self::Media(value) => value.put(bytes),
            Self::Pair(one, other) => {
                [one, &b" "[..], other].iter().for_each(|part| bytes.extend_from_slice(part));
            }
            Self::Behind(word, value) => {
                bytes.extend_from_slice(word);
                bytes.extend_from_slice(value);
            }
            Self::At(address, number) => {
                match address {
                    IpAddr::V4(address) => {
                        bytes.push(b'4');
                        bytes.extend_from_slice(&address.octets());
                    }
                    IpAddr::V6(address) => {
                        bytes.push(b'6');
                        bytes.extend_from_slice(&address.octets());
                    }
                }
                bytes.extend_from_slice(number);
            }
        }
    }
}

/// The last digits of who calls whom: three rules ask for them.
pub(super) struct Parties<'o> {
    /// How many digits.
    digits: usize,
    caller: Option<Cow<'o, [u8]>>,
    called: Option<Cow<'o, [u8]>>,
}

impl<'o> Parties<'o> {
    pub(super) fn of(table: &RuleTable, leg: &LegOutline<'o>) -> Self {
        let digits = table.numbers_digits;
        let [caller, called] = [leg.caller, leg.called].map(|user| number_key(user, digits));
        Self { digits, caller, called }
    }

    /// Both, where both are known.
    fn both(&self) -> Option<(&[u8], &[u8])> {
        Some((self.caller.as_deref()?, self.called.as_deref()?))
    }

    /// So many digits of the caller of `leg`, which these parties are of.
    fn caller_by(&self, leg: &LegOutline<'o>, digits: usize) -> Option<Cow<'_, [u8]>> {
        if digits == self.digits {
            return self.caller.as_deref().map(Cow::Borrowed);
        }
        number_key(leg.caller, digits)
    }
}

/// Who takes keys. Known when compiled: a call through a pointer costs as much as most keys do.
pub(super) trait TakeKey: FnMut(Key<'_>) {}
impl<T: FnMut(Key<'_>)> TakeKey for T {}

/// Takes the keys of one leg.
pub(super) struct Keys<'a, T> {
    started: CaptureTime,
    /// The rule whose keys are taken.
    rule: RuleName,
    /// Room for a key of several parts, the same for all legs.
    scratch: &'a mut Vec<u8>,
    take: T,
}

impl<'a, T: TakeKey> Keys<'a, T> {
    pub(super) fn new(leg: &LegOutline<'_>, scratch: &'a mut Vec<u8>, take: T) -> Self {
        Self { started: leg.started.time, rule: RuleName::CallId, scratch, take }
    }

    fn add(&mut self, role: Role, key: &[u8]) {
        self.add_at(role, key, self.started);
    }

    fn add_at(&mut self, role: Role, key: &[u8], at: CaptureTime) {
        (self.take)(Key { rule: self.rule, role, at, value: KeyValue::Bytes(key) });
    }

    /// Two texts with a space between.
    fn add_pair(&mut self, role: Role, one: &[u8], other: &[u8]) {
        let value = KeyValue::pair(one, other, self.scratch);
        (self.take)(Key { rule: self.rule, role, at: self.started, value });
    }

    /// A value behind a word that says what it stands for.
    fn add_behind(&mut self, role: Role, word: &'static [u8], value: &[u8], at: CaptureTime) {
        (self.take)(Key { rule: self.rule, role, at, value: KeyValue::Behind(word, value) });
    }

    fn add_value(&mut self, role: Role, value: KeyValue<'_>) {
        (self.take)(Key { rule: self.rule, role, at: self.started, value });
    }
}

/// Keys of a leg by which it asks for others: few legs have any, so all of them are kept.
pub(super) fn asks(
    rules: RuleSet,
    table: &RuleTable,
    leg: &LegOutline<'_>,
    keys: &mut Keys<'_, impl TakeKey>,
) {
    use IdentifierKind::{Also, Diversion, HistoryInfo, Recording, RedirectContact, Replaces};
    if rules.has(RuleName::Header) {
        keys.rule = RuleName::Header;
        header::asks(table, leg, keys);
    }
    if rules.has(RuleName::Replaces) && (leg.has_kind(Replaces) || leg.has_refers()) {
        keys.rule = RuleName::Replaces;
        replaces::asks(leg, keys);
    }
    if rules.has(RuleName::Refer) && (leg.has_kind(Also) || leg.has_refers()) {
        keys.rule = RuleName::Refer;
        refer::asks(leg, keys);
    }
    if rules.has(RuleName::Redirect) && leg.has_kind(RedirectContact) {
        keys.rule = RuleName::Redirect;
        redirect::asks(leg, keys);
    }
    if rules.has(RuleName::Recording) && leg.has_kind(Recording) {
        keys.rule = RuleName::Recording;
        recording::asks(leg, keys);
    }
    if rules.has(RuleName::History) && (leg.has_kind(Diversion) || leg.has_kind(HistoryInfo)) {
        keys.rule = RuleName::History;
        history::asks(table, leg, keys);
    }
}

/// A value by which a leg may be asked for, given once whatever the rules that ask for it.
#[derive(Clone, Copy)]
pub(super) struct Offer<'k> {
    what: Offered,
    pub(super) value: KeyValue<'k>,
}

/// What a leg offers.
#[derive(Clone, Copy)]
enum Offered {
    CallId,
    /// What its INVITE asks for.
    Target,
    /// A UUID of its session.
    Session,
    /// Who calls whom.
    Numbers,
}

impl Offer<'_> {
    /// Its keys by the rules by which one asks.
    pub(super) fn keys(&self, asked: RuleSet, leg: &LegOutline<'_>, mut take: impl FnMut(Key<'_>)) {
        let Self { what, value } = *self;
        let at = leg.started.time;
        let mut key = |rule, role, at, value| {
            if asked.has(rule) {
                take(Key { rule, role, at, value });
            }
        };
        let behind = |word| match value {
            KeyValue::Bytes(value) => KeyValue::Behind(word, value),
            other => other,
        };
        match what {
            Offered::CallId => {
                for rule in [RuleName::Replaces, RuleName::Header, RuleName::Recording] {
                    key(rule, Role::Is, at, value);
                }
                key(RuleName::Refer, Role::Other, at, behind(refer::CALL_ID));
            }
            Offered::Target => {
                key(RuleName::Refer, Role::Is, at, value);
                key(RuleName::Redirect, Role::Is, at, value);
                if let Some(cancel) = leg.cancelled {
                    key(RuleName::Refer, Role::Is, cancel.time, behind(refer::CONSULTATION));
                }
            }
            Offered::Session => key(RuleName::Recording, Role::Is, at, value),
            Offered::Numbers => key(RuleName::History, Role::Is, at, value),
        }
    }
}

/// What a leg may be asked for by, where one asks by these rules.
pub(super) fn offers(
    asked: RuleSet,
    leg: &LegOutline<'_>,
    parties: &Parties<'_>,
    scratch: &mut Vec<u8>,
    mut take: impl FnMut(Offer<'_>),
) {
    take(Offer { what: Offered::CallId, value: KeyValue::Bytes(leg.call_id) });
    if leg.has_invite && asked.has_any(&[RuleName::Refer, RuleName::Redirect]) {
        targets(leg, |key| {
            take(Offer { what: Offered::Target, value: KeyValue::Bytes(key) });
        });
    }
    if asked.has(RuleName::Recording) && leg.has_kind(IdentifierKind::SessionId) {
        // The first name is the Call-ID.
        for name in recording::names_of(*leg).skip(1) {
            take(Offer { what: Offered::Session, value: KeyValue::Bytes(name) });
        }
    }
    if asked.has(RuleName::History)
        && let Some((caller, called)) = parties.both()
    {
        let value = KeyValue::pair(caller, called, scratch);
        take(Offer { what: Offered::Numbers, value });
    }
}

/// What the targets of a leg with an INVITE are found by.
fn targets(leg: &LegOutline<'_>, mut take: impl FnMut(&[u8])) {
    let mut known: &[u8] = &[];
    for target in leg.request_uris() {
        take_target(target, &mut known, &mut take);
    }
    for number in [leg.request_user, leg.called] {
        // What has a host of its own is read otherwise than a user of the same text.
        if number != known || number.contains(&b'@') {
            take_target(Target::of(number), &mut known, &mut take);
        }
    }
}

/// Takes the key of a target, unless it has the user `known`, by which the one before was found: nearly all
/// targets of a leg have one user, and so one key.
fn take_target<'o>(target: Target<'o>, known: &mut &'o [u8], take: &mut impl FnMut(&[u8])) {
    if !known.is_empty() && *known == target.user {
        return;
    }
    let mut key = plain_user(target.user);
    if key.is_empty() {
        key = target.key();
    } else {
        *known = target.user;
    }
    if !key.is_empty() {
        take(&key);
    }
}

/// Keys that legs have alike: needed only where two have the same, within [`meeting_window_ns`].
pub(super) fn meets(
    rules: RuleSet,
    leg: &LegOutline<'_>,
    parties: &Parties<'_>,
    keys: &mut Keys<'_, impl TakeKey>,
) {
    if rules.has(RuleName::CallId) {
        keys.rule = RuleName::CallId;
        keys.add(Role::Other, leg.call_id);
    }
    if rules.has(RuleName::SessionId) && leg.has_kind(IdentifierKind::SessionId) {
        keys.rule = RuleName::SessionId;
        session_id::meets(leg, keys);
    }
    if rules.has(RuleName::Icid) && leg.has_kind(IdentifierKind::Icid) {
        keys.rule = RuleName::Icid;
        icid::meets(leg, keys);
    }
    if rules.has(RuleName::Media) {
        keys.rule = RuleName::Media;
        media::meets(leg, keys);
    }
    if rules.has(RuleName::Fork) {
        keys.rule = RuleName::Fork;
        fork::meets(leg, parties, keys);
    }
    if rules.has(RuleName::Numbers) {
        keys.rule = RuleName::Numbers;
        numbers::meets(leg, parties, keys);
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
        return Comparison::refused(Refusal::Absent("there is no such leg"));
    };
    compare_legs(rule, context, &a, &b)
}

/// What a comparison decides, without what it tells.
pub(super) struct Judgement<'o> {
    /// As [`Comparison::holds`]. A refusal that keeps no evidence may be another one.
    pub(super) holds: Result<Class, Refusal>,
    /// As [`Comparison::tokens`], where evidence is kept.
    pub(super) tokens: Vec<Cow<'o, [u8]>>,
}

impl Judgement<'_> {
    const fn refused(refusal: Refusal) -> Self {
        Self { holds: Err(refusal), tokens: Vec::new() }
    }
}

/// What [`compare_legs`] decides: most pairs are compared by three rules, and nobody reads what is compared.
pub(super) fn judge_legs<'o>(
    rule: RuleName,
    context: Context<'o>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Judgement<'o> {
    match rule {
        RuleName::Media => media::judge(context, a, b),
        RuleName::Fork => {
            let (class, table) = (Class::Strong, context.table);
            let forth = fork::judge(table, a, b);
            match forth.or_else(|refusal| fork::judge(table, b, a).map_err(|_| refusal)) {
                Ok(token) => Judgement { holds: Ok(class), tokens: vec![Cow::Borrowed(token)] },
                Err(refusal) => Judgement::refused(refusal),
            }
        }
        RuleName::Numbers => match numbers::judge(context.table, a, b) {
            Ok(token) => Judgement { holds: Ok(Class::Weak), tokens: vec![Cow::Owned(token)] },
            Err(refusal) => Judgement::refused(refusal),
        },
        _ => {
            let Comparison { holds, tokens, .. } = compare_legs(rule, context, a, b);
            Judgement { holds, tokens }
        }
    }
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
