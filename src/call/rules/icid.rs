//! `icid`: the charging identifier of an IMS is the same on all legs of a call (RFC 7315).

use super::{Context, Keys, TakeKey};
use crate::base::RecordRef;
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::table::ADJOIN_WINDOW_NS;
use crate::leg::IdentifierKind;

pub(super) fn meets(leg: &LegOutline<'_>, keys: &mut Keys<'_, impl TakeKey>) {
    for icid in leg.of_kind(IdentifierKind::Icid) {
        if !icid.value.is_empty() {
            keys.add(Role::Shared, icid.value);
        }
    }
}

pub(super) fn compare<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    shared(context, a, b, "icid-value", |leg| {
        leg.of_kind(IdentifierKind::Icid)
            .filter(|icid| !icid.value.is_empty())
            .map(|icid| (icid.value, icid.record))
            .collect()
    })
}

/// Only one leg carries what a rule compares.
pub(super) const ONE_SIDE: &str = "only one leg carries it";
/// No leg does.
pub(super) const NEITHER_SIDE: &str = "neither leg carries it";

/// Compares two legs by tokens that are made for one conversation.
pub(super) fn shared<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
    what: &'static str,
    tokens: impl Fn(&LegOutline<'o>) -> Vec<(&'o [u8], RecordRef)>,
) -> Comparison<'o> {
    let (left, right) = (tokens(a), tokens(b));
    let (Some(one), Some(other)) = (left.first(), right.first()) else {
        let first = |tokens: &[(&'o [u8], RecordRef)]| {
            tokens.first().map(|(value, _)| *value).unwrap_or_default()
        };
        let is_said = !left.is_empty() || !right.is_empty();
        let why = if is_said { ONE_SIDE } else { NEITHER_SIDE };
        let records: Vec<RecordRef> =
            left.first().or(right.first()).map(|(_, record)| *record).into_iter().collect();
        let absent = Comparison::refused(Refusal::Absent(why));
        return absent.with(what, first(&left), first(&right)).at(&records);
    };
    let mut refusal = Refusal::Differs(what);
    let mut seen = (one, other);
    for pair in left.iter().flat_map(|l| right.iter().map(move |r| (l, r))) {
        if pair.0.0 != pair.1.0 {
            continue;
        }
        seen = pair;
        let gap_ns = a.gap_ns(b);
        if let Some(demotion) = context.demotion(pair.0.0) {
            refusal = Refusal::Demoted(demotion);
        } else if gap_ns > ADJOIN_WINDOW_NS {
            refusal = Refusal::OutsideWindow("the two legs", gap_ns);
        } else {
            return Comparison::held(Class::Strong)
                .token(pair.0.0)
                .with(what, pair.0.0, pair.1.0)
                .at(&[pair.0.1, pair.1.1]);
        }
    }
    Comparison::refused(refusal).with(what, seen.0.0, seen.1.0).at(&[seen.0.1, seen.1.1])
}
