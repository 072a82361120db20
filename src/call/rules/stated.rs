//! What each leg says, where one of them does not carry what a directed rule compares: so that a refusal
//! always states the values of both, never only that something is missing.

use super::header::named;
use super::recording::names_of;
use super::refer::targets_of;
use super::replaces::{DialogName, tags_text};
use crate::call::evidence::{Comparison, Refusal};
use crate::call::outline::LegOutline;
use crate::call::rule::RuleName;
use crate::call::table::RuleTable;
use crate::leg::IdentifierKind::{self, Diversion, HistoryInfo, Recording, RedirectContact};

/// What is stated of the two sides, and the same with the sides exchanged.
pub(in crate::call) const STATED: [[&str; 2]; 6] =
    [REPLACED, REFERRED, REDIRECTED, NAMED, RECORDED, DIVERTED];
const REPLACED: [&str; 2] = ["Replaces said, own dialogs", "own dialogs, Replaces said"];
const REFERRED: [&str; 2] = ["REFER or Also to, INVITE for", "INVITE for, REFER or Also to"];
const REDIRECTED: [&str; 2] = ["redirected to, INVITE for", "INVITE for, redirected to"];
const NAMED: [&str; 2] = ["Call-ID in a header, own Call-ID", "own Call-ID, Call-ID in a header"];
const RECORDED: [&str; 2] = ["session recorded, own session", "own session, session recorded"];
pub(super) const DIVERTED: [&str; 2] = ["diverted from, called", "called, diverted from"];
/// Values of one leg that are shown; more of them explain nothing.
const VALUES_MAX: usize = 4;

/// Adds what `a` says of other legs beside what `b` is, by a directed rule; nothing for other rules.
/// The values of `b` stand left when it is the left leg.
pub(super) fn stated<'o>(
    rule: RuleName,
    table: &RuleTable,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
    is_right: bool,
) -> Comparison<'o> {
    let nothing = Comparison::refused(Refusal::Off);
    let ([forth, back], said, is) = match rule {
        RuleName::Replaces => (REPLACED, replaced(a), tags_text(&DialogName::parse(b""), b)),
        RuleName::Refer => (
            REFERRED,
            referred(a),
            list(targets_of(*b).map(|target| target.text().into_owned()).collect()),
        ),
        RuleName::Redirect => (
            REDIRECTED,
            of_kinds(a, &[RedirectContact]),
            list(targets_of(*b).map(|target| target.text().into_owned()).collect()),
        ),
        RuleName::Header => (
            NAMED,
            list(named(*a, table).map(|(_, call_id, _)| call_id.to_vec()).collect()),
            b.call_id.to_vec(),
        ),
        RuleName::Recording => {
            (RECORDED, of_kinds(a, &[Recording]), list(names_of(*b).map(<[u8]>::to_vec).collect()))
        }
        RuleName::History => (DIVERTED, of_kinds(a, &[Diversion, HistoryInfo]), b.called.to_vec()),
        _ => return nothing,
    };
    if is_right { nothing.with(back, is, said) } else { nothing.with(forth, said, is) }
}

/// Different values, the first few.
fn list(mut values: Vec<Vec<u8>>) -> Vec<u8> {
    values.sort();
    values.dedup();
    values.truncate(VALUES_MAX);
    values.join(&b' ')
}

fn of_kinds(leg: &LegOutline<'_>, kinds: &[IdentifierKind]) -> Vec<u8> {
    let of = |kind: &IdentifierKind| leg.of_kind(*kind).map(|found| found.value.to_vec());
    list(kinds.iter().flat_map(of).collect())
}

fn replaced(leg: &LegOutline<'_>) -> Vec<u8> {
    let of_refers = leg.refers().filter_map(|refer| refer.replaces);
    let of_invite = leg.of_kind(IdentifierKind::Replaces).map(|found| found.value);
    list(of_invite.chain(of_refers).map(<[u8]>::to_vec).collect())
}

fn referred(leg: &LegOutline<'_>) -> Vec<u8> {
    let targets = leg.refers().filter_map(|refer| refer.target);
    let also = leg.of_kind(IdentifierKind::Also).map(|found| found.value);
    list(targets.chain(also).map(<[u8]>::to_vec).collect())
}
