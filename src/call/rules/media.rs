//! `media`: the same media streams on both legs while they overlap: a B2BUA that does not relay media.
//!
//! A stream is told by its SDP address, or by the `o=` line that a B2BUA passed on. One address is
//! not enough for two answered legs: a telephone may use one port for two calls.

use super::icid::{NEITHER_SIDE, ONE_SIDE};
use super::{Context, Keys};
use crate::base::{CaptureTime, Endpoint, RecordRef};
use crate::call::discriminate::{Demotion, DemotionReason};
use crate::call::evidence::{Comparison, Refusal, Value};
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::said::{MediaValue, Stream as SaidStream};
use crate::call::uri::is_private;
use crate::leg::IdentifierKind;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Who said a value in one leg, and when first.
struct Stream<'o> {
    value: MediaValue<'o>,
    /// Rising, each once.
    sayers: Vec<Endpoint>,
    first: CaptureTime,
    record: RecordRef,
}

impl Stream<'_> {
    /// By address alone: a telephone may use a connection a call.
    fn hosts(&self) -> Vec<IpAddr> {
        let mut hosts: Vec<IpAddr> = self.sayers.iter().map(|sayer| sayer.address).collect();
        hosts.dedup();
        hosts
    }
}

/// In the order of their texts.
type Streams<'o> = Vec<Stream<'o>>;

fn streams<'o>(leg: &LegOutline<'o>, kind: IdentifierKind) -> Streams<'o> {
    let mut found: Streams<'o> = Vec::new();
    for said in leg.streams(kind).filter(|said| said.value.is_usable()) {
        let SaidStream { value, said_by, first, record } = said;
        let Some(stream) = found.last_mut().filter(|stream| stream.value == value) else {
            found.push(Stream { value, sayers: vec![said_by], first, record });
            continue;
        };
        // They stand by who said them.
        if stream.sayers.last() != Some(&said_by) {
            stream.sayers.push(said_by);
        }
        if (first, record) < (stream.first, stream.record) {
            stream.first = first;
            stream.record = record;
        }
    }
    found
}

/// The streams of both legs that have one value.
type Shared<'s, 'o> = Vec<(&'s Stream<'o>, &'s Stream<'o>)>;

fn shared<'s, 'o>(left: &'s Streams<'o>, right: &'s Streams<'o>) -> Shared<'s, 'o> {
    let by_value: BTreeMap<MediaValue<'_>, &Stream<'_>> =
        right.iter().map(|stream| (stream.value, stream)).collect();
    left.iter().filter_map(|one| Some((one, *by_value.get(&one.value)?))).collect()
}

pub(super) fn meets(leg: &LegOutline<'_>, keys: &mut Keys<'_>) {
    for kind in [IdentifierKind::MediaAddress, IdentifierKind::MediaOrigin] {
        leg.media_values(kind)
            .filter(MediaValue::is_usable)
            .for_each(|value| keys.add_media(value));
    }
}

pub(super) fn compare<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let address = compare_kind(context, a, b, IdentifierKind::MediaAddress, "media address");
    address.or_better(compare_kind(context, a, b, IdentifierKind::MediaOrigin, "o= line"))
}

fn compare_kind<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
    kind: IdentifierKind,
    what: &'static str,
) -> Comparison<'o> {
    let (left, right) = (streams(a, kind), streams(b, kind));
    if left.is_empty() || right.is_empty() {
        let why = if left.is_empty() && right.is_empty() { NEITHER_SIDE } else { ONE_SIDE };
        let absent = Comparison::refused(Refusal::Absent(why));
        return absent.with(what, text(&left), text(&right)).at(&first_records(&left, &right));
    }
    let shared = shared(&left, &right);
    if shared.is_empty() {
        let differs = Comparison::refused(Refusal::Differs(what));
        return differs.with(what, text(&left), text(&right)).at(&first_records(&left, &right));
    }
    let records: Vec<RecordRef> =
        shared.iter().take(2).flat_map(|(one, other)| [one.record, other.record]).collect();
    let outcome = judge(context, a, b, &shared);
    let mut outcome = outcome.with(what, text(&left), text(&right)).at(&records);
    outcome.tokens = shared.iter().map(|(one, _)| one.value.text()).collect();
    for (one, other) in shared.iter().take(2) {
        let sayers = |stream: &Stream<'_>| Value::Ends(stream.sayers.clone());
        outcome = outcome.with("said by", sayers(one), sayers(other));
    }
    outcome
}

fn text<'o>(streams: &Streams<'o>) -> Value<'o> {
    Value::Media(streams.iter().take(4).map(|stream| stream.value).collect())
}

/// What shows the first stream of each leg that names one.
fn first_records(left: &Streams<'_>, right: &Streams<'_>) -> Vec<RecordRef> {
    let first = |streams: &Streams<'_>| streams.first().map(|stream| stream.record);
    [left, right].into_iter().filter_map(first).collect()
}

fn judge<'o>(
    context: Context<'_>,
    a: &LegOutline<'_>,
    b: &LegOutline<'_>,
    shared: &Shared<'_, '_>,
) -> Comparison<'o> {
    let gap_ns = a.gap_ns(b);
    if gap_ns > 0 {
        return Comparison::refused(Refusal::OutsideWindow("the two legs", gap_ns));
    }
    let (mut usable, mut demotion) = (Vec::new(), None);
    for (one, other) in shared {
        let is_apart = one.value.address().is_some_and(is_private) && !have_common_element(a, b);
        if let Some(known) = context.demotion_of(one.value) {
            demotion = Some(known);
        } else if is_apart {
            demotion = Some(Demotion { reason: DemotionReason::PrivateAddress, legs: 2 });
        } else {
            usable.push((*one, *other));
        }
    }
    if usable.is_empty() {
        return Comparison::refused(
            demotion.map_or(Refusal::Differs("media address"), Refusal::Demoted),
        );
    }
    // An element says on one leg what it was told on the other; who says the same on both legs has
    // one port for two calls. And it passes on at once.
    usable.retain(|(one, other)| one.hosts() != other.hosts());
    let passed_on = usable;
    let apart_ns = |(one, other): &(&Stream<'_>, &Stream<'_>)| {
        one.first.since_ns(other.first).saturating_abs()
    };
    let Some(nearest_ns) = passed_on.iter().map(apart_ns).min() else {
        return Comparison::refused(Refusal::Differs("calls: one party says it on both legs"));
    };
    let has_all = has_both_sides(passed_on.iter().map(|(one, _)| &*one.sayers))
        && has_both_sides(passed_on.iter().map(|(_, other)| &*other.sayers));
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
fn has_both_sides<'s>(sayers: impl Iterator<Item = &'s [Endpoint]>) -> bool {
    let sides: BTreeSet<&[Endpoint]> = sayers.collect();
    let is_within = |one: &[Endpoint], other: &[Endpoint]| {
        one.iter().all(|end| other.binary_search(end).is_ok())
    };
    sides
        .iter()
        .any(|one| sides.iter().any(|other| !is_within(one, other) && !is_within(other, one)))
}

/// The element between two legs is an end of both: it took the offer on one and gave it on the other.
fn have_common_element(a: &LegOutline<'_>, b: &LegOutline<'_>) -> bool {
    a.destination.address == b.source.address || b.destination.address == a.source.address
}
