//! `header`: a header whose value is another leg's Call-ID, a Call-ID derived by a known suffix, or
//! a configured token. None of the legs need be there first.

use super::{Context, Keys, TakeKey, icid};
use crate::base::RecordRef;
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::{Class, RuleName};
use crate::call::table::{ADJOIN_WINDOW_NS, RuleTable};
use crate::leg::IdentifierKind;

/// Name and value of an identifier of kind [`IdentifierKind::Header`].
#[must_use]
pub fn header_parts(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = value.iter().position(|byte| *byte == b':')?;
    Some((&value[..colon], value[colon + 1..].trim_ascii()))
}

/// `value` without the suffix that one of `patterns` describes; absent when none fits.
#[must_use]
pub fn derived_base<'a>(value: &'a [u8], patterns: &[String]) -> Option<&'a [u8]> {
    patterns.iter().find_map(|pattern| {
        let base = without_suffix(value, pattern.as_bytes())?;
        (!base.is_empty()).then_some(base)
    })
}

/// From the end: `#` takes digits greedily, any other byte itself.
fn without_suffix<'a>(value: &'a [u8], pattern: &[u8]) -> Option<&'a [u8]> {
    let mut rest = value;
    for byte in pattern.iter().rev() {
        if *byte == b'#' {
            let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            rest = &rest[..rest.len() - digits];
        } else {
            rest = rest.strip_suffix(&[*byte])?;
        }
    }
    Some(rest)
}

/// The Call-IDs that a leg names: what named them, value, record.
pub(super) fn named<'o>(
    leg: LegOutline<'o>,
    table: &RuleTable,
) -> impl Iterator<Item = (&'static str, &'o [u8], RecordRef)> {
    let own = leg.call_id;
    let is_listed = |name: &[u8]| table.call_id_headers.iter().any(|n| n.as_bytes() == name);
    let headers = leg.of_kind(IdentifierKind::Header).filter_map(move |header| {
        let (name, value) = header_parts(header.value)?;
        is_listed(name).then_some(("header with a Call-ID", value, header.record))
    });
    let replies = leg
        .of_kind(IdentifierKind::InReplyTo)
        .filter(move |_| is_listed(b"in-reply-to"))
        .map(|reply| ("In-Reply-To", reply.value, reply.record));
    headers
        .chain(replies)
        .flat_map(move |(what, value, record)| {
            let base = derived_base(value, &table.call_id_suffixes);
            [Some(value), base].into_iter().flatten().map(move |id| (what, id, record))
        })
        .filter(move |(_, id, _)| !id.is_empty() && *id != own)
}

fn is_token_header(table: &RuleTable, value: &[u8]) -> bool {
    header_parts(value).is_some_and(|(name, value)| {
        !value.is_empty() && table.token_headers.iter().any(|n| n.as_bytes() == name)
    })
}

pub(super) fn asks(table: &RuleTable, leg: &LegOutline<'_>, keys: &mut Keys<'_, impl TakeKey>) {
    let has_headers = leg.has_kind(IdentifierKind::Header);
    if has_headers || leg.has_kind(IdentifierKind::InReplyTo) {
        for (_, call_id, _) in named(*leg, table) {
            keys.add(Role::Names, call_id);
        }
    }
    if let Some(base) = derived_base(leg.call_id, &table.call_id_suffixes) {
        keys.add(Role::Names, base);
        keys.add(Role::Other, base);
    }
    if !has_headers || table.token_headers.is_empty() {
        return;
    }
    for header in leg.of_kind(IdentifierKind::Header) {
        if is_token_header(table, header.value) {
            keys.add(Role::Shared, header.value);
        }
    }
}

pub(super) fn compare<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let table = context.table;
    let tokens = icid::shared(context, a, b, "token header", |leg| {
        leg.of_kind(IdentifierKind::Header)
            .filter(|header| is_token_header(table, header.value))
            .map(|header| (header.value, header.record))
            .collect()
    });
    let direct = super::either(RuleName::Header, context, a, b, |from, to| names(table, from, to));
    // What is only stated explains less than what was compared.
    let is_silent = |found: &Comparison<'_>| matches!(found.holds, Err(Refusal::Absent(_)));
    let others = derived(table, a, b).or_better(tokens);
    match (is_silent(&direct), is_silent(&others)) {
        (true, true) if !table.token_headers.is_empty() => {
            let mut both = direct;
            both.compared.extend(others.compared);
            both
        }
        (_, true) => direct,
        (true, false) => others,
        (false, false) => direct.or_better(others),
    }
}

fn in_time<'o>(a: &LegOutline<'o>, b: &LegOutline<'o>, token: &'o [u8]) -> Comparison<'o> {
    let gap_ns = a.gap_ns(b);
    if gap_ns > ADJOIN_WINDOW_NS {
        Comparison::refused(Refusal::OutsideWindow("the two legs", gap_ns))
    } else {
        Comparison::held(Class::Strong).token(token)
    }
}

fn names<'o>(table: &RuleTable, a: &LegOutline<'o>, b: &LegOutline<'o>) -> Comparison<'o> {
    let mut best = Comparison::refused(Refusal::Absent("no header of either leg names a Call-ID"));
    for (what, call_id, record) in named(*a, table) {
        let outcome = if call_id == b.call_id {
            in_time(a, b, call_id)
                .with("start", a.started.time, b.started.time)
                .with("end", a.ended, b.ended)
        } else {
            Comparison::refused(Refusal::Differs("Call-ID"))
        };
        best =
            best.or_better(outcome.with(what, call_id, b.call_id).at(&[record, b.started.record]));
    }
    best
}

/// One Call-ID derives from the other, or both from a third.
fn derived<'o>(table: &RuleTable, a: &LegOutline<'o>, b: &LegOutline<'o>) -> Comparison<'o> {
    let base = |leg: &LegOutline<'o>| derived_base(leg.call_id, &table.call_id_suffixes);
    let (left, right) = (base(a), base(b));
    if left.is_none() && right.is_none() {
        return Comparison::refused(Refusal::Absent("no Call-ID has a known suffix"));
    }
    let left_root = left.unwrap_or(a.call_id);
    let right_root = right.unwrap_or(b.call_id);
    let is_derived = left_root == right_root || left_root == b.call_id || right_root == a.call_id;
    let outcome = if is_derived {
        in_time(a, b, left_root).with("Call-ID without suffix", left_root, right_root)
    } else {
        Comparison::refused(Refusal::Differs("Call-ID without suffix"))
    };
    outcome.with("Call-ID", a.call_id, b.call_id).at(&[a.started.record, b.started.record])
}
