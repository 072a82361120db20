//! `media`: the same media streams on both legs while they overlap: a B2BUA that does not relay media.
//!
//! A stream is told by its SDP address, or by the `o=` line that a B2BUA passed on. One address is
//! not enough for two answered legs: a telephone may use one port for two calls.

use super::icid::{NEITHER_SIDE, ONE_SIDE};
use super::{Context, Judgement, KeyValue, Keys, TakeKey};
use crate::base::{CaptureTime, Endpoint, RecordRef};
use crate::call::discriminate::{Demotion, DemotionReason};
use crate::call::evidence::{Comparison, Refusal, Value};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::said::{MediaValue, Stream as SaidStream};
use crate::call::uri::is_private;
use crate::leg::IdentifierKind;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Who said a value in one leg, and when first.
struct Stream<'s, 'o> {
    value: MediaValue<'o>,
    /// By who said it.
    said: &'s [SaidStream<'o>],
    first: CaptureTime,
    record: RecordRef,
}

impl<'s, 'o> Stream<'s, 'o> {
    /// What was said of one value, at least once.
    fn of(said: &'s [SaidStream<'o>]) -> Self {
        let mut stream =
            Self { value: said[0].value, said, first: said[0].first, record: said[0].record };
        for SaidStream { first, record, .. } in said {
            if (*first, *record) < (stream.first, stream.record) {
                (stream.first, stream.record) = (*first, *record);
            }
        }
        stream
    }

    /// Who said it: rising, each once.
    fn sayers(&self) -> impl Iterator<Item = Endpoint> + use<'s, 'o> {
        self.said.chunk_by(|one, other| one.said_by == other.said_by).map(|same| same[0].said_by)
    }

    /// By address alone: a telephone may use a connection a call.
    fn hosts(&self) -> impl Iterator<Item = IpAddr> + use<'s, 'o> {
        let is_same = |one: &SaidStream<'_>, other: &SaidStream<'_>| {
            one.said_by.address == other.said_by.address
        };
        self.said.chunk_by(is_same).map(|same| same[0].said_by.address)
    }
}

/// In the order of their texts.
type Streams<'s, 'o> = Vec<Stream<'s, 'o>>;

/// All that a leg says of one kind, in the order of the texts, then of who said it.
fn said<'o>(leg: &LegOutline<'o>, kind: IdentifierKind) -> Vec<SaidStream<'o>> {
    leg.streams(kind).filter(|said| said.value.is_usable()).collect()
}

fn streams<'s, 'o>(said: &'s [SaidStream<'o>]) -> Streams<'s, 'o> {
    said.chunk_by(|one, other| one.value == other.value).map(Stream::of).collect()
}

/// The streams of both legs that have one value.
type Shared<'r, 's, 'o> = Vec<(&'r Stream<'s, 'o>, &'r Stream<'s, 'o>)>;

/// So few streams are looked through; more of them are sorted.
const FEW_STREAMS: usize = 8;

fn shared<'r, 's, 'o>(left: &'r Streams<'s, 'o>, right: &'r Streams<'s, 'o>) -> Shared<'r, 's, 'o> {
    if right.len() <= FEW_STREAMS {
        let equal = |one: &Stream<'_, '_>| right.iter().find(|other| other.value == one.value);
        return left.iter().filter_map(|one| Some((one, equal(one)?))).collect();
    }
    let by_value: BTreeMap<MediaValue<'_>, &Stream<'_, '_>> =
        right.iter().map(|stream| (stream.value, stream)).collect();
    left.iter().filter_map(|one| Some((one, *by_value.get(&one.value)?))).collect()
}

pub(super) fn meets(leg: &LegOutline<'_>, keys: &mut Keys<'_, impl TakeKey>) {
    for kind in [IdentifierKind::MediaAddress, IdentifierKind::MediaOrigin] {
        leg.media_values(kind)
            .filter(MediaValue::is_usable)
            .for_each(|value| keys.add_value(Role::Shared, KeyValue::Media(value)));
    }
}

/// What [`compare`] decides.
pub(super) fn judge<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Judgement<'o> {
    let gap_ns = a.gap_ns(b);
    if gap_ns > 0 {
        return Judgement::refused(Refusal::OutsideWindow("the two legs", gap_ns));
    }
    let (address, depth) = judge_kind(context, a, b, IdentifierKind::MediaAddress);
    if depth == (true, SHOWN_MAX) {
        return address;
    }
    // As `or_better` chooses.
    let (origin, depth_of_origin) = judge_kind(context, a, b, IdentifierKind::MediaOrigin);
    if depth_of_origin > depth { origin } else { address }
}

/// What one kind of value decides, and how far it got: whether it holds, and how many shared values would be
/// shown.
fn judge_kind<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
    kind: IdentifierKind,
) -> (Judgement<'o>, (bool, usize)) {
    let said = [a, b].map(|leg| said(leg, kind));
    let [left, right] = [streams(&said[0]), streams(&said[1])];
    let shared = shared(&left, &right);
    if shared.is_empty() {
        return (Judgement::refused(Refusal::Absent(NEITHER_SIDE)), (false, 0));
    }
    let holds = judge_shared(context, a, b, &shared);
    let is_evidence = matches!(holds, Ok(_) | Err(Refusal::Demoted(_)));
    let tokens = || shared.iter().map(|(one, _)| one.value.text()).collect();
    let tokens = if is_evidence { tokens() } else { Vec::new() };
    (Judgement { holds, tokens }, (holds.is_ok(), shared.len().min(SHOWN_MAX)))
}

pub(super) fn compare<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let address = compare_kind(context, a, b, IdentifierKind::MediaAddress, "media address");
    address.or_better(compare_kind(context, a, b, IdentifierKind::MediaOrigin, "o= line"))
}

/// Shared values that are shown with who said them.
const SHOWN_MAX: usize = 2;

fn compare_kind<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
    kind: IdentifierKind,
    what: &'static str,
) -> Comparison<'o> {
    let said = [a, b].map(|leg| said(leg, kind));
    let [left, right] = [streams(&said[0]), streams(&said[1])];
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
    let shown = || shared.iter().take(SHOWN_MAX);
    let records: Vec<RecordRef> =
        shown().flat_map(|(one, other)| [one.record, other.record]).collect();
    let holds = judge_shared(context, a, b, &shared);
    let outcome = holds.map_or_else(Comparison::refused, Comparison::held);
    let mut outcome = outcome.with(what, text(&left), text(&right)).at(&records);
    outcome.tokens = shared.iter().map(|(one, _)| one.value.text()).collect();
    for (one, other) in shown() {
        let sayers = |stream: &Stream<'_, '_>| Value::Ends(stream.sayers().collect());
        outcome = outcome.with("said by", sayers(one), sayers(other));
    }
    outcome
}

fn text<'o>(streams: &Streams<'_, 'o>) -> Value<'o> {
    Value::Media(streams.iter().take(4).map(|stream| stream.value).collect())
}

/// What shows the first stream of each leg that names one.
fn first_records(left: &Streams<'_, '_>, right: &Streams<'_, '_>) -> Vec<RecordRef> {
    let first = |streams: &Streams<'_, '_>| streams.first().map(|stream| stream.record);
    [left, right].into_iter().filter_map(first).collect()
}

/// Whether the rule holds by the values that both legs name.
fn judge_shared(
    context: Context<'_>,
    a: &LegOutline<'_>,
    b: &LegOutline<'_>,
    shared: &Shared<'_, '_, '_>,
) -> Result<Class, Refusal> {
    let gap_ns = a.gap_ns(b);
    if gap_ns > 0 {
        return Err(Refusal::OutsideWindow("the two legs", gap_ns));
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
        return Err(demotion.map_or(Refusal::Differs("media address"), Refusal::Demoted));
    }
    // An element says on one leg what it was told on the other; who says the same on both legs has
    // one port for two calls. And it passes on at once.
    usable.retain(|(one, other)| one.hosts().ne(other.hosts()));
    let passed_on = usable;
    let apart_ns = |(one, other): &(&Stream<'_, '_>, &Stream<'_, '_>)| {
        one.first.since_ns(other.first).saturating_abs()
    };
    let Some(nearest_ns) = passed_on.iter().map(apart_ns).min() else {
        return Err(Refusal::Differs("calls: one party says it on both legs"));
    };
    let is_offer_only = a.answered.is_none() || b.answered.is_none();
    let has_all = || {
        has_both_sides(passed_on.iter().map(|(one, _)| one.said))
            && has_both_sides(passed_on.iter().map(|(_, other)| other.said))
    };
    if !is_offer_only && !has_all() {
        return Err(Refusal::Differs("media of the other side"));
    }
    if nearest_ns > context.table.media_window_ns {
        return Err(Refusal::OutsideWindow("the same media", nearest_ns));
    }
    Ok(Class::Strong)
}

/// Two of the values were said from different sides of the leg: each by someone who did not say the
/// other. A proxy on the way says both.
fn has_both_sides<'s, 'o: 's>(said: impl Iterator<Item = &'s [SaidStream<'o>]>) -> bool {
    let mut sides: Vec<&[SaidStream<'_>]> = said.collect();
    if sides.len() > FEW_STREAMS {
        let sayers = |side: &[SaidStream<'_>]| -> Vec<Endpoint> {
            side.iter().map(|said| said.said_by).collect()
        };
        sides.sort_by_cached_key(|side| sayers(side));
        sides.dedup_by_key(|side| sayers(side));
    }
    let is_within = |one: &[SaidStream<'_>], other: &[SaidStream<'_>]| {
        let is_there =
            |end: &Endpoint| other.binary_search_by_key(end, |said| said.said_by).is_ok();
        one.iter().all(|said| is_there(&said.said_by))
    };
    sides
        .iter()
        .any(|one| sides.iter().any(|other| !is_within(one, other) && !is_within(other, one)))
}

/// The element between two legs is an end of both: it took the offer on one and gave it on the other.
fn have_common_element(a: &LegOutline<'_>, b: &LegOutline<'_>) -> bool {
    a.destination.address == b.source.address || b.destination.address == a.source.address
}
