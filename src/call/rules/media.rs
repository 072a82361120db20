//! `media`: the same media streams on both legs while they overlap: a B2BUA that does not relay media.
//!
//! A stream is told by its SDP address, or by the `o=` line that a B2BUA passed on. One address is
//! not enough for two answered legs: a telephone may use one port for two calls.

use super::icid::{NEITHER_SIDE, ONE_SIDE};
use super::{Context, Keys};
use crate::base::{CaptureTime, Endpoint, RecordRef};
use crate::call::discriminate::{Demotion, DemotionReason};
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::uri::is_private;
use crate::leg::IdentifierKind;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Who said a value in one leg, and when first.
struct Stream {
    sayers: BTreeSet<Endpoint>,
    first: CaptureTime,
    record: RecordRef,
}

type Streams<'a> = BTreeMap<&'a [u8], Stream>;

fn streams(leg: &LegOutline, kind: IdentifierKind) -> Streams<'_> {
    let mut found = Streams::new();
    for (identifier, sighting) in leg.of_kind(kind) {
        if !is_usable(identifier.value, kind) {
            continue;
        }
        let stream = found.entry(identifier.value).or_insert_with(|| Stream {
            sayers: BTreeSet::new(),
            first: sighting.first,
            record: sighting.record,
        });
        stream.sayers.insert(identifier.said_by);
        if (sighting.first, sighting.record) < (stream.first, stream.record) {
            stream.first = sighting.first;
            stream.record = sighting.record;
        }
    }
    found
}

/// Hold (0.0.0.0) and switched-off streams (port 0) say nothing; nor does an `o=` line that many
/// write: a session id of a few digits is no clock (RFC 4566 section 5.2 wants an NTP time stamp).
fn is_usable(value: &[u8], kind: IdentifierKind) -> bool {
    if kind == IdentifierKind::MediaOrigin {
        let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
        return digits >= 6
            && address_of(value, kind).is_none_or(|address| !address.is_unspecified());
    }
    !value.ends_with(b":0")
        && address_of(value, kind).is_none_or(|address| !address.is_unspecified())
}

fn address_of(value: &[u8], kind: IdentifierKind) -> Option<IpAddr> {
    let text = std::str::from_utf8(value).ok()?;
    if kind == IdentifierKind::MediaOrigin {
        return text.rsplit(' ').next()?.parse().ok();
    }
    text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip())
}

pub(super) fn keys(keys: &mut Keys<'_>) {
    for kind in [IdentifierKind::MediaAddress, IdentifierKind::MediaOrigin] {
        for value in streams(keys.outline, kind).keys() {
            keys.add(Role::Shared, value);
        }
    }
}

pub(super) fn compare(context: Context<'_>, a: &LegOutline, b: &LegOutline) -> Comparison {
    let address = compare_kind(context, a, b, IdentifierKind::MediaAddress, "media address");
    address.or_better(compare_kind(context, a, b, IdentifierKind::MediaOrigin, "o= line"))
}

fn compare_kind(
    context: Context<'_>,
    a: &LegOutline,
    b: &LegOutline,
    kind: IdentifierKind,
    what: &'static str,
) -> Comparison {
    let (left, right) = (streams(a, kind), streams(b, kind));
    if left.is_empty() || right.is_empty() {
        let why = if left.is_empty() && right.is_empty() { NEITHER_SIDE } else { ONE_SIDE };
        let absent = Comparison::refused(Refusal::Absent(why));
        return absent.with(what, &text(&left), &text(&right)).at(&first_records(&left, &right));
    }
    let shared: Vec<&[u8]> =
        left.keys().filter(|value| right.contains_key(*value)).copied().collect();
    if shared.is_empty() {
        let differs = Comparison::refused(Refusal::Differs(what));
        return differs.with(what, &text(&left), &text(&right)).at(&first_records(&left, &right));
    }
    let records: Vec<RecordRef> =
        shared.iter().take(2).flat_map(|v| [left[v].record, right[v].record]).collect();
    let outcome = judge(context, (a, &left), (b, &right), &shared, kind);
    let mut outcome = outcome.with(what, &text(&left), &text(&right)).at(&records);
    outcome.tokens = shared.iter().map(|value| value.to_vec()).collect();
    for value in shared.iter().take(2) {
        outcome = outcome.with("said by", &sayers(&left[value]), &sayers(&right[value]));
    }
    outcome
}

fn text(streams: &Streams<'_>) -> Vec<u8> {
    streams.keys().take(4).copied().collect::<Vec<_>>().join(&b' ')
}

/// What shows the first stream of each leg that names one.
fn first_records(left: &Streams<'_>, right: &Streams<'_>) -> Vec<RecordRef> {
    let first = |streams: &Streams<'_>| streams.values().next().map(|stream| stream.record);
    [left, right].into_iter().filter_map(first).collect()
}

fn sayers(stream: &Stream) -> Vec<u8> {
    stream.sayers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").into_bytes()
}

fn judge(
    context: Context<'_>,
    (a, left): (&LegOutline, &Streams<'_>),
    (b, right): (&LegOutline, &Streams<'_>),
    shared: &[&[u8]],
    kind: IdentifierKind,
) -> Comparison {
    let gap_ns = a.gap_ns(b);
    if gap_ns > 0 {
        return Comparison::refused(Refusal::OutsideWindow("the two legs", gap_ns));
    }
    let (mut usable, mut demotion) = (Vec::new(), None);
    for value in shared {
        let is_apart =
            address_of(value, kind).is_some_and(is_private) && !have_common_element(a, b);
        if let Some(known) = context.demoted.get(*value) {
            demotion = Some(*known);
        } else if is_apart {
            demotion = Some(Demotion { reason: DemotionReason::PrivateAddress, legs: 2 });
        } else {
            usable.push(*value);
        }
    }
    if usable.is_empty() {
        return Comparison::refused(
            demotion.map_or(Refusal::Differs("media address"), Refusal::Demoted),
        );
    }
    // An element says on one leg what it was told on the other; who says the same on both legs has
    // one port for two calls. And it passes on at once.
    let apart_ns = |value: &[u8]| left[value].first.since_ns(right[value].first).saturating_abs();
    // By address alone: a telephone may use a connection a call.
    let hosts = |stream: &Stream| -> BTreeSet<IpAddr> {
        stream.sayers.iter().map(|sayer| sayer.address).collect()
    };
    let passed_on: Vec<&[u8]> =
        usable.into_iter().filter(|value| hosts(&left[value]) != hosts(&right[value])).collect();
    let nearest_ns = passed_on.iter().map(|value| apart_ns(value)).min();
    let Some(nearest_ns) = nearest_ns else {
        return Comparison::refused(Refusal::Differs("calls: one party says it on both legs"));
    };
    let has_all = has_both_sides(&passed_on, left) && has_both_sides(&passed_on, right);
    let is_offer_only = a.answered.is_none() || b.answered.is_none();
    if !has_all && !is_offer_only {
        return Comparison::refused(Refusal::Differs("media of the other side"));
    }
    if nearest_ns > context.table.media_window_ns {
        return Comparison::refused(Refusal::OutsideWindow("the same media", nearest_ns));
    }
    Comparison::held(Class::Strong)
}

/// Two of the values were said from different sides of the leg: each by someone who did not say the
/// other. A proxy on the way says both.
fn has_both_sides(values: &[&[u8]], streams: &Streams<'_>) -> bool {
    let sides: BTreeSet<&BTreeSet<Endpoint>> =
        values.iter().map(|value| &streams[value].sayers).collect();
    sides.iter().any(|one| sides.iter().any(|other| !one.is_subset(other) && !other.is_subset(one)))
}

/// The element between two legs is an end of both: it took the offer on one and gave it on the other.
fn have_common_element(a: &LegOutline, b: &LegOutline) -> bool {
    a.destination.address == b.source.address || b.destination.address == a.source.address
}
