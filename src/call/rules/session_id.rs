//! `session-id`: the pair of UUIDs of a session, which swap per direction (RFC 7989).

use super::icid::{NEITHER_SIDE, ONE_SIDE};
use super::{Context, Keys, TakeKey};
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

impl Sessions<'_> {
    fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.singles.is_empty()
    }
}

/// A nil UUID is 32 zeros and stands for no session (RFC 7989 section 5).
fn is_nil(uuid: &[u8]) -> bool {
    uuid.iter().all(|byte| *byte == b'0')
}

fn sessions<'o>(leg: &LegOutline<'o>) -> Sessions<'o> {
    let mut found = Sessions::default();
    for said in leg.of_kind(IdentifierKind::SessionId) {
        let mut halves = said.value.splitn(2, |byte| *byte == b';');
        let local = halves.next().unwrap_or_default();
        let remote = halves.next().unwrap_or_default();
        match (is_nil(local), is_nil(remote)) {
            // Some devices repeat their own UUID as the other one: that names no pair.
            (false, false) if local == remote => {}
            (false, false) => {
                found.pairs.entry((local.min(remote), local.max(remote))).or_insert(said.record);
            }
            (false, true) => {
                found.singles.entry(local).or_insert(said.record);
            }
            (true, false) => {
                found.singles.entry(remote).or_insert(said.record);
            }
            (true, true) => {}
        }
    }
    found
}

fn pair_text(pair: (&[u8], &[u8])) -> Vec<u8> {
    [pair.0, pair.1].join(&b';')
}

pub(super) fn meets(leg: &LegOutline<'_>, keys: &mut Keys<'_, impl TakeKey>) {
    let found = sessions(leg);
    for pair in found.pairs.keys() {
        keys.add(Role::Shared, &pair_text(*pair));
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

pub(super) fn compare<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let (left, right) = (sessions(a), sessions(b));
    if left.is_empty() || right.is_empty() {
        let why = if left.is_empty() && right.is_empty() { NEITHER_SIDE } else { ONE_SIDE };
        let absent = Comparison::refused(Refusal::Absent(why));
        let records = first_records(&left, &right);
        return absent.with("Session-ID", text(&left), text(&right)).at(&records);
    }
    let show = |comparison: Comparison<'o>| {
        comparison.with("Session-ID", text(&left), text(&right)).at(&first_records(&left, &right))
    };
    let mut refusal = Refusal::Differs("Session-ID");
    for pair in left.pairs.keys().filter(|pair| right.pairs.contains_key(*pair)) {
        let gap_ns = a.gap_ns(b);
        if let Some(demotion) = context.demotion(&pair_text(*pair)) {
            refusal = Refusal::Demoted(demotion);
        } else if gap_ns > ADJOIN_WINDOW_NS {
            refusal = Refusal::OutsideWindow("the two legs", gap_ns);
        } else {
            let records = [left.pairs[pair], right.pairs[pair]];
            return Comparison::held(Class::Strong)
                .token(pair.0)
                .token(pair.1)
                .with("Session-ID pair", pair_text(*pair), pair_text(*pair))
                .at(&records);
        }
    }
    // A pair that both know, and that something stands against, is not half known.
    let is_unknown = matches!(refusal, Refusal::Differs(_));
    if is_unknown && let Some(outcome) = half(context, a, b, &left, &right) {
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
fn half<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
    left: &Sessions<'o>,
    right: &Sessions<'o>,
) -> Option<Result<Comparison<'o>, Refusal>> {
    let all = |found: &Sessions<'o>| -> Vec<&'o [u8]> {
        let halves = found.pairs.keys().flat_map(|pair| [pair.0, pair.1]);
        halves.chain(found.singles.keys().copied()).collect()
    };
    let others = all(right);
    let uuid = all(left).into_iter().find(|uuid| others.contains(uuid))?;
    let key = |user: &'o [u8]| number_key(user, context.table.numbers_digits);
    Some(if !left.pairs.is_empty() && !right.pairs.is_empty() {
        Err(Refusal::Differs("the other UUID of the pair"))
    } else if let Some(demotion) = context.demotion(uuid) {
        Err(Refusal::Demoted(demotion))
    } else if key(a.caller).is_none() || key(a.caller) != key(b.caller) {
        Err(Refusal::Differs("caller, with one UUID known"))
    } else if a.gap_ns(b) > 0 {
        Err(Refusal::OutsideWindow("the two legs", a.gap_ns(b)))
    } else {
        Ok(Comparison::held(Class::Strong).token(uuid).with("UUID", uuid, uuid))
    })
}
