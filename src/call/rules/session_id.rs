//! `session-id`: the pair of UUIDs of a session, which swap per direction (RFC 7989).

use super::{Context, Keys};
use crate::base::RecordRef;
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::table::ADJOIN_WINDOW_NS;
use crate::call::uri::number_key;
use crate::leg::IdentifierKind;
use std::collections::BTreeMap;

/// Pairs whose two UUIDs are known, and UUIDs whose partner is not yet: nil or absent.
#[derive(Default)]
struct Sessions<'a> {
    pairs: BTreeMap<(&'a [u8], &'a [u8]), RecordRef>,
    singles: BTreeMap<&'a [u8], RecordRef>,
}

/// A nil UUID is 32 zeros and stands for no session (RFC 7989 section 5).
fn is_nil(uuid: &[u8]) -> bool {
    uuid.iter().all(|byte| *byte == b'0')
}

fn sessions(leg: &LegOutline) -> Sessions<'_> {
    let mut found = Sessions::default();
    for (identifier, sighting) in leg.of_kind(IdentifierKind::SessionId) {
        let mut halves = identifier.value.splitn(2, |byte| *byte == b';');
        let local = halves.next().unwrap_or_default();
        let remote = halves.next().unwrap_or_default();
        match (is_nil(local), is_nil(remote)) {
            // Some devices repeat their own UUID as the other one: that names no pair.
            (false, false) if local == remote => {}
            (false, false) => {
                found
                    .pairs
                    .entry((local.min(remote), local.max(remote)))
                    .or_insert(sighting.record);
            }
            (false, true) => {
                found.singles.entry(local).or_insert(sighting.record);
            }
            (true, false) => {
                found.singles.entry(remote).or_insert(sighting.record);
            }
            (true, true) => {}
        }
    }
    found
}

fn pair_text(pair: (&[u8], &[u8])) -> Vec<u8> {
    [pair.0, pair.1].join(&b';')
}

pub(super) fn keys(keys: &mut Keys<'_>) {
    let found = sessions(keys.outline);
    for pair in found.pairs.keys() {
        keys.add(Role::Shared, pair_text(*pair));
        keys.add(Role::Shared, pair.0);
        keys.add(Role::Shared, pair.1);
    }
    for single in found.singles.keys() {
        keys.add(Role::Shared, single);
    }
}

fn text(found: &Sessions<'_>) -> Vec<u8> {
    let pairs = found.pairs.keys().map(|pair| pair_text(*pair));
    let singles = found.singles.keys().map(|single| single.to_vec());
    let all: Vec<Vec<u8>> = pairs.chain(singles).take(4).collect();
    all.join(&b' ')
}

pub(super) fn compare(context: Context<'_>, a: &LegOutline, b: &LegOutline) -> Comparison {
    let (left, right) = (sessions(a), sessions(b));
    if text(&left).is_empty() || text(&right).is_empty() {
        let absent = Comparison::refused(Refusal::Absent("Session-ID"));
        let is_said = text(&left) != text(&right);
        return if is_said {
            absent.with("Session-ID", &text(&left), &text(&right))
        } else {
            absent
        };
    }
    let show = |comparison: Comparison| {
        comparison.with("Session-ID", &text(&left), &text(&right)).at(&first_records(&left, &right))
    };
    let mut refusal = Refusal::Differs("Session-ID");
    for pair in left.pairs.keys().filter(|pair| right.pairs.contains_key(*pair)) {
        let gap_ns = a.gap_ns(b);
        if let Some(demotion) = context.demoted.get(&pair_text(*pair)) {
            refusal = Refusal::Demoted(*demotion);
        } else if gap_ns > ADJOIN_WINDOW_NS {
            refusal = Refusal::OutsideWindow("the two legs", gap_ns);
        } else {
            let records = [left.pairs[pair], right.pairs[pair]];
            return Comparison::held(Class::Strong)
                .token(pair.0)
                .token(pair.1)
                .with("Session-ID pair", &pair_text(*pair), &pair_text(*pair))
                .at(&records);
        }
    }
    if let Some(outcome) = half(context, a, b, &left, &right) {
        match outcome {
            Ok(held) => return show(held),
            Err(found) => refusal = found,
        }
    }
    show(Comparison::refused(refusal))
}

fn first_records(left: &Sessions<'_>, right: &Sessions<'_>) -> Vec<RecordRef> {
    [left, right]
        .iter()
        .filter_map(|found| found.pairs.values().chain(found.singles.values()).next().copied())
        .collect()
}

/// A leg that never learnt the other UUID (not answered, or cut) shares its one: then the caller
/// must be the same, and the legs must overlap. Two known pairs with one UUID in common are two
/// sessions of one device.
fn half(
    context: Context<'_>,
    a: &LegOutline,
    b: &LegOutline,
    left: &Sessions<'_>,
    right: &Sessions<'_>,
) -> Option<Result<Comparison, Refusal>> {
    let all = |found: &Sessions<'_>| -> Vec<Vec<u8>> {
        let halves = found.pairs.keys().flat_map(|pair| [pair.0.to_vec(), pair.1.to_vec()]);
        halves.chain(found.singles.keys().map(|single| single.to_vec())).collect()
    };
    let others = all(right);
    let uuid = all(left).into_iter().find(|uuid| others.contains(uuid))?;
    let key = |user: &[u8]| number_key(user, context.table.numbers_digits);
    Some(if !left.pairs.is_empty() && !right.pairs.is_empty() {
        Err(Refusal::Differs("the other UUID of the pair"))
    } else if let Some(demotion) = context.demoted.get(&uuid) {
        Err(Refusal::Demoted(*demotion))
    } else if key(&a.caller).is_none() || key(&a.caller) != key(&b.caller) {
        Err(Refusal::Differs("caller, with one UUID known"))
    } else if a.gap_ns(b) > 0 {
        Err(Refusal::OutsideWindow("the two legs", a.gap_ns(b)))
    } else {
        Ok(Comparison::held(Class::Strong).token(&uuid).with("UUID", &uuid, &uuid))
    })
}
