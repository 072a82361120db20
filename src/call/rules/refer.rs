//! `refer`: a REFER, or a BYE with Also, and the INVITE that it caused (RFC 3515, 3892, 4538, 5589).

use super::replaces::{DialogName, Found, tags_text};
use super::{Context, Keys, TakeKey};
use crate::base::{CaptureTime, Endpoint};
use crate::call::evidence::{Comparison, Refusal};
use crate::call::found::FoundEvidence;
use crate::call::index::Role;
use crate::call::outline::{LegOutline, Moment};
use crate::call::outlines::Outlines;
use crate::call::rule::{Class, RuleName};
use crate::call::said::Target;
use crate::call::table::{ADJOIN_WINDOW_NS, RuleTable};
use crate::call::transactions::Refer;
use crate::call::uri::{number_key, target_key};
use crate::leg::IdentifierKind;
use std::borrow::Cow;
use std::collections::BTreeMap;

pub(super) fn asks(leg: &LegOutline<'_>, keys: &mut Keys<'_, impl TakeKey>) {
    for refer in leg.refers().filter(|refer| refer.failed_with().is_none()) {
        if let Some(target) = refer.target.map(target_key) {
            keys.add_at(Role::Names, &target, refer.sent.time);
            keys.add_behind(Role::Names, CONSULTATION, &target, refer.sent.time);
        }
        if let Some(dialog) = refer.target_dialog {
            let call_id = DialogName::parse(dialog).call_id;
            keys.add_behind(Role::Shared, CALL_ID, call_id, leg.started.time);
        }
    }
    for also in leg.of_kind(IdentifierKind::Also) {
        keys.add_at(Role::Names, &target_key(also.value), also.first);
    }
}

/// Call-IDs, consultations and targets share an index; a space keeps them apart.
pub(super) const CONSULTATION: &[u8] = b"consultation ";
pub(super) const CALL_ID: &[u8] = b"call-id ";

/// Whom the INVITE of a leg asks for: its Request-URIs, then the numbers.
pub(in crate::call) fn targets_of<'o>(leg: LegOutline<'o>) -> impl Iterator<Item = Target<'o>> {
    let numbers = [leg.request_user, leg.called].map(Target::of);
    leg.request_uris().chain(numbers).filter(|target| !target.key().is_empty())
}

/// The target among those of `leg` that equals `wanted`: user, or host where there is no user.
pub(super) fn matching_target<'o>(leg: &LegOutline<'o>, wanted: &[u8]) -> Option<Target<'o>> {
    let key = target_key(wanted);
    targets_of(*leg).find(|target| !key.is_empty() && target.key() == key)
}

/// The target that was found, else the first one of `leg`; empty where it has none.
pub(super) fn asked_text<'o>(leg: &LegOutline<'o>, found: Option<Target<'o>>) -> Cow<'o, [u8]> {
    found.or_else(|| targets_of(*leg).next()).map(|target| target.text()).unwrap_or_default()
}

/// `a` transfers, `b` is what the transfer caused, or the dialog that an outside REFER is about.
pub(super) fn compare<'o>(
    context: Context<'_>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let table = context.table;
    let mut best = Comparison::refused(Refusal::Absent("neither leg asks with REFER or Also"));
    for refer in &a.refers().collect::<Vec<_>>() {
        if let Some(dialog) = refer.target_dialog {
            best = best.or_better(compare_dialog(refer, dialog, b));
        }
        best = best.or_better(compare_refer(context, refer, a, b));
        best = best.or_better(compare_consultation(table, refer, a, b));
    }
    for also in a.of_kind(IdentifierKind::Also) {
        let sent = Moment { time: also.first, record: also.record };
        best = best.or_better(compare_also(table, also.value, sent, also.said_by, a, b));
    }
    best
}

fn compare_dialog<'o>(refer: &Refer<'o>, dialog: &'o [u8], b: &LegOutline<'o>) -> Comparison<'o> {
    let name = DialogName::parse(dialog);
    let outcome = if name.call_id != b.call_id {
        Comparison::refused(Refusal::Differs("Call-ID"))
    } else if let Some(status) = refer.failed_with() {
        Comparison::refused(Refusal::Failed("REFER", status))
    } else if matches!(name.find(b), Found::Other) {
        Comparison::refused(Refusal::Differs("tags"))
    } else {
        Comparison::held(Class::Proof).token(b.call_id)
    };
    outcome
        .with(
            "Target-Dialog or Call-ID in Refer-To",
            dialog,
            tags_text(&DialogName::parse(dialog), b),
        )
        .at(&[refer.sent.record, b.started.record])
}

fn compare_refer<'o>(
    context: Context<'_>,
    refer: &Refer<'o>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let table = context.table;
    let Some(target) = refer.target else {
        return Comparison::refused(Refusal::Absent("the Refer-To cannot be read"));
    };
    let found = matching_target(b, target);
    let asked = asked_text(b, found);
    let show = |comparison: Comparison<'o>| {
        comparison
            .with("Refer-To and the INVITE's target", target, asked.clone())
            .with("REFER (its 2xx), INVITE", refer.accepted(), b.started.time)
            .at(&[refer.sent.record, b.started.record])
    };
    if found.is_none() || !b.has_invite {
        return show(Comparison::refused(Refusal::Differs("target")));
    }
    if let Some(status) = refer.failed_with() {
        let what = if refer.is_refused() { "REFER" } else { "NOTIFY" };
        return show(Comparison::refused(Refusal::Failed(what, status)));
    }
    if let Some(refusal) = outside(refer.sent.time, refer.accepted(), b, table.refer_window_ns) {
        return show(Comparison::refused(refusal));
    }
    let (_, party) = transfer_parties(context.outlines, refer, a);
    let outcome = judge_transferee(table, refer, &party, b);
    let outcome = match (outcome.holds.is_ok(), b.refused_with()) {
        (true, Some(status)) => Comparison::refused(Refusal::Failed("INVITE", status)),
        _ => outcome,
    };
    let named = b.of_kind(IdentifierKind::ReferredBy).next().map(|said| said.value);
    show(outcome.token(token_of(a, refer.sent.time, refer.sender)))
        .with("Referred-By", refer.referred_by.unwrap_or_default(), named.unwrap_or_default())
        .with("transferee", party, b.caller)
        .with("transferee's address", refer.receiver, b.source)
}

/// Semi-attended without Replaces: the transferor rang the target, gave up with CANCEL when it sent
/// the REFER to it, and the REFER went well.
fn compare_consultation<'o>(
    table: &RuleTable,
    refer: &Refer<'o>,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let (Some(target), Some(cancel), None) = (refer.target, b.cancelled, b.answered) else {
        return Comparison::refused(Refusal::Absent(
            "neither leg is a consultation that was cancelled",
        ));
    };
    let after_ns = cancel.time.since_ns(refer.sent.time);
    let window = table.fork_window_ns.saturating_neg()..=table.refer_window_ns;
    let key = |user: &'o [u8]| number_key(user, table.numbers_digits);
    let party = transferee(!refer.by_caller, a);
    let Some(asked) = matching_target(b, target).filter(|_| b.has_invite) else {
        return Comparison::refused(Refusal::Absent(
            "neither leg is a consultation that was cancelled",
        ));
    };
    let outcome = if let Some(status) = refer.failed_with() {
        Comparison::refused(Refusal::Failed("REFER", status))
    } else if b.started.time >= refer.sent.time || !window.contains(&after_ns) {
        Comparison::refused(Refusal::OutsideWindow("CANCEL of the consultation", after_ns))
    } else if refer.sender.address != b.source.address
        || key(party).is_none()
        || key(party) != key(b.caller)
    {
        Comparison::refused(Refusal::Differs("transferor"))
    } else {
        let token =
            [&token_of(a, refer.sent.time, refer.sender)[..], b" after consultation"].concat();
        Comparison::held(Class::Strong).token(token)
    };
    outcome
        .with("Refer-To and the consultation's target", target, asked.text())
        .with("REFER sent, consultation cancelled", refer.sent.time, cancel.time)
        .with("transferor", party, b.caller)
        .with("transferor's address", refer.sender, b.source)
        .at(&[refer.sent.record, cancel.record])
}

/// Tells a transfer from the others of its leg: when it was asked for, and by whom.
fn token_of(leg: &LegOutline<'_>, sent: CaptureTime, by: Endpoint) -> Vec<u8> {
    [leg.call_id, format!(" transfer at {sent} by {by}").as_bytes()].concat()
}

/// Proof by Referred-By, or by the dialog to replace; strong by the transferee's number and address.
fn judge_transferee<'o>(
    table: &RuleTable,
    refer: &Refer<'o>,
    party: &[u8],
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let same_address = refer.receiver.address == b.source.address;
    let party = number_key(party, table.numbers_digits);
    let same_party = party.is_some() && party == number_key(b.caller, table.numbers_digits);
    let mut says = b.of_kind(IdentifierKind::ReferredBy).peekable();
    let is_replacing = refer.replaces.is_some_and(|dialog| {
        b.of_kind(IdentifierKind::Replaces)
            .any(|said| DialogName::parse(said.value).call_id == DialogName::parse(dialog).call_id)
    });
    if is_replacing && (same_address || same_party) {
        return Comparison::held(Class::Proof);
    }
    match (refer.referred_by, says.peek().is_some()) {
        (Some(by), true) => {
            let is_equal = says.any(|said| target_key(said.value) == target_key(by));
            if !is_equal {
                Comparison::refused(Refusal::Differs("Referred-By"))
            } else if same_address || same_party {
                Comparison::held(Class::Proof)
            } else {
                Comparison::refused(Refusal::Differs("transferee"))
            }
        }
        _ if same_address && same_party => Comparison::held(Class::Strong),
        _ => Comparison::refused(Refusal::Differs("transferee")),
    }
}

/// The party that was asked to call: the other one than the sender.
pub(in crate::call) fn transferee<'o>(by_caller: bool, leg: &LegOutline<'o>) -> &'o [u8] {
    if by_caller { leg.called } else { leg.caller }
}

/// The leg whose dialog a REFER outside of it is about (Target-Dialog, RFC 4538; Call-ID in Refer-To).
pub(in crate::call) fn leg_about<'a>(
    outlines: &'a Outlines,
    refer: &Refer<'_>,
    own: &LegOutline<'_>,
) -> Option<LegOutline<'a>> {
    let name = DialogName::parse(refer.target_dialog?);
    let leg = outlines.get(outlines.find(own.sensor, name.call_id)?)?;
    (leg.has_invite && !matches!(name.find(&leg), Found::Other)).then_some(leg)
}

/// Numbers of who transfers and of who is transferred. A REFER under a Call-ID of its own names no
/// parties: they are those of the dialog that it is about, told by their addresses. Where nothing tells,
/// who transfers is an address, and who is transferred is empty.
pub(in crate::call) fn transfer_parties(
    outlines: &Outlines,
    refer: &Refer<'_>,
    leg: &LegOutline<'_>,
) -> (Vec<u8>, Vec<u8>) {
    if leg.has_invite {
        let party = |by_caller| transferee(by_caller, leg).to_vec();
        return (party(!refer.by_caller), party(refer.by_caller));
    }
    let dialog = leg_about(outlines, refer, leg);
    let number_at = |end: Endpoint| {
        let dialog = dialog?;
        let is_there = [dialog.source, dialog.destination].map(|side| side.address == end.address);
        match is_there {
            [true, false] => Some(dialog.caller.to_vec()),
            [false, true] => Some(dialog.called.to_vec()),
            _ => None,
        }
    };
    // A controller is no party of the dialog: it goes by its address.
    let sender = number_at(refer.sender).unwrap_or_else(|| refer.sender.to_string().into_bytes());
    (sender, number_at(refer.receiver).unwrap_or_default())
}

/// Whether the caller's side said something with a BYE: as the BYE's tag says, else the address.
pub(in crate::call) fn is_by_caller(said_by: Endpoint, leg: &LegOutline<'_>) -> bool {
    leg.hung_up.map_or(said_by.address == leg.source.address, |hang_up| hang_up.by_caller)
}

fn outside(
    sent: CaptureTime,
    accepted: CaptureTime,
    b: &LegOutline<'_>,
    window_ns: i64,
) -> Option<Refusal> {
    // A response later than its transaction lasts (64 T1) extends nothing.
    let accepted = accepted.min(sent.plus_ns(ADJOIN_WINDOW_NS));
    let before_ns = sent.since_ns(b.started.time);
    let after_ns = b.started.time.since_ns(accepted);
    if before_ns > 0 {
        Some(Refusal::OutsideWindow("INVITE before the transfer", before_ns))
    } else if after_ns > window_ns {
        Some(Refusal::OutsideWindow("INVITE after the transfer", after_ns))
    } else {
        None
    }
}

fn compare_also<'o>(
    table: &RuleTable,
    also: &'o [u8],
    sent: Moment,
    sender: Endpoint,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let found = matching_target(b, also);
    let asked = asked_text(b, found);
    let is_caller = is_by_caller(sender, a);
    let receiver = if is_caller { a.destination } else { a.source };
    let party = transferee(is_caller, a);
    let key = |user: &'o [u8]| number_key(user, table.numbers_digits);
    let outcome = if found.is_none() || !b.has_invite {
        Comparison::refused(Refusal::Differs("target"))
    } else if let Some(refusal) = outside(sent.time, sent.time, b, table.refer_window_ns) {
        Comparison::refused(refusal)
    } else if receiver.address != b.source.address
        || key(party).is_none()
        || key(party) != key(b.caller)
    {
        Comparison::refused(Refusal::Differs("transferee"))
    } else if let Some(status) = b.refused_with() {
        Comparison::refused(Refusal::Failed("INVITE", status))
    } else {
        Comparison::held(Class::Strong).token(token_of(a, sent.time, sender))
    };
    outcome
        .with("Also and the INVITE's target", also, asked)
        .with("Also sent, INVITE sent", sent.time, b.started.time)
        .with("transferee", party, b.caller)
        .with("transferee's address", receiver, b.source)
        .at(&[sent.record, b.started.record])
}

/// One transfer causes one INVITE: without Referred-By, the first that fits is believed.
pub(super) fn resolve(outlines: &Outlines, found: &mut FoundEvidence) {
    let start = |leg: u32| outlines.span(leg).started;
    let caused = |place: usize| {
        let (left, right) = found.evidence.legs(place);
        if found.sides[place].apart_ns > 0 { left } else { right }
    };
    let mut first: BTreeMap<&[u8], u32> = BTreeMap::new();
    for (place, token) in found.joined_by(RuleName::Refer) {
        let leg = caused(place);
        let known = first.entry(token).or_insert(leg);
        if *known != leg && (start(leg), leg) < (start(*known), *known) {
            *known = leg;
        }
    }
    let of_class = |place: usize| found.evidence.at(place).class == Class::Strong;
    let strong = found.joined_by(RuleName::Refer).filter(|(place, _)| of_class(*place));
    let chosen = strong.filter_map(|(place, token)| {
        let chosen = *first.get(token)?;
        (chosen != caused(place)).then_some((place, Refusal::Ambiguous(chosen)))
    });
    let refused: Vec<(usize, Refusal)> = chosen.collect();
    refused.into_iter().for_each(|(place, refusal)| found.evidence.refuse(place, refusal));
}
