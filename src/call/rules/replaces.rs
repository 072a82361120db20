//! `replaces`: an INVITE, or a Refer-To, names the dialog that it replaces (RFC 3891, RFC 5589).

use super::{Keys, TakeKey};
use crate::base::{CaptureTime, RecordRef};
use crate::call::evidence::{Comparison, Refusal};
use crate::call::index::Role;
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::table::CAUSE_WINDOW_NS;
use crate::leg::IdentifierKind;

/// `call-id;to-tag;from-tag` and `early-only`.
pub(super) struct DialogName<'a> {
    pub(super) call_id: &'a [u8],
    tags: Option<(&'a [u8], &'a [u8])>,
    early_only: bool,
}

impl<'a> DialogName<'a> {
    /// A Call-ID holds no semicolon (RFC 3261, `callid`); missing tags are taken as not said.
    pub(super) fn parse(value: &'a [u8]) -> Self {
        let mut parts = value.split(|byte| *byte == b';');
        let call_id = parts.next().unwrap_or_default();
        let (mut tags, mut early_only) = (Vec::new(), false);
        for part in parts {
            if part.eq_ignore_ascii_case(b"early-only") {
                early_only = true;
            } else {
                tags.push(part);
            }
        }
        let tags = match tags.as_slice() {
            [to, from, ..] => Some((*to, *from)),
            _ => None,
        };
        Self { call_id, tags, early_only }
    }

    /// The dialog of `leg` that is named. Tags match whichever side they are local to; a tag `0`
    /// also stands for none (RFC 3891 section 3).
    pub(super) fn find(&self, leg: &LegOutline<'_>) -> Found {
        let Some((to, from)) = self.tags else {
            return Found::NotSaid;
        };
        let tags = (to.min(from), to.max(from));
        let mut dialogs = leg.dialogs().peekable();
        if dialogs.peek().is_none() {
            return Found::NotSaid;
        }
        dialogs
            .find(|dialog| dialog.tags == tags)
            .map_or(Found::Other, |dialog| Found::Dialog(dialog.confirmed))
    }
}

/// What became of looking for a named dialog.
pub(super) enum Found {
    /// It is there; since when it is confirmed.
    Dialog(Option<CaptureTime>),
    /// Tags were not said, or not captured.
    NotSaid,
    /// The leg has other tags.
    Other,
}

/// All tags of a leg, for a person; the first few dialogs are enough to see the difference. They stand
/// in the order in which `named` has them, so that equal ones look equal.
pub(super) fn tags_text(named: &DialogName<'_>, leg: &LegOutline<'_>) -> Vec<u8> {
    let ordered = |low: &[u8], high: &[u8]| match named.tags {
        Some((to, from)) if to == high || from == low => [high, low].join(&b';'),
        _ => [low, high].join(&b';'),
    };
    let dialogs = leg.dialogs().take(4);
    let pairs: Vec<Vec<u8>> = dialogs.map(|dialog| ordered(dialog.tags.0, dialog.tags.1)).collect();
    [leg.call_id, &pairs.join(&b' ')].join(&b';')
}

pub(super) fn asks(leg: &LegOutline<'_>, keys: &mut Keys<'_, impl TakeKey>) {
    for identifier in leg.of_kind(IdentifierKind::Replaces) {
        keys.add(Role::Names, DialogName::parse(identifier.value).call_id);
    }
    for replaces in leg.refers().filter_map(|refer| refer.replaces) {
        keys.add(Role::Names, DialogName::parse(replaces).call_id);
    }
}

/// `a` names a dialog of `b`.
pub(super) fn compare<'o>(a: &LegOutline<'o>, b: &LegOutline<'o>) -> Comparison<'o> {
    let mut best = Comparison::refused(Refusal::Absent("neither leg says Replaces"));
    for said in a.of_kind(IdentifierKind::Replaces) {
        let failed = a.refused_with().map(|status| Refusal::Failed("INVITE with Replaces", status));
        let named = Named { value: said.value, at: said.first, record: said.record };
        best = best.or_better(judge("Replaces", &named, failed, b));
    }
    for refer in a.refers() {
        if let Some(value) = refer.replaces {
            let failed = refer.failed_with().map(|status| Refusal::Failed("REFER", status));
            let named = Named { value, at: refer.sent.time, record: refer.sent.record };
            best = best.or_better(judge("Replaces in Refer-To", &named, failed, b));
        }
    }
    best
}

struct Named<'a> {
    value: &'a [u8],
    at: CaptureTime,
    record: RecordRef,
}

fn judge<'o>(
    what: &'static str,
    named: &Named<'o>,
    failed: Option<Refusal>,
    target: &LegOutline<'o>,
) -> Comparison<'o> {
    let name = DialogName::parse(named.value);
    let show = |comparison: Comparison<'o>| {
        comparison
            .with(what, named.value, tags_text(&name, target))
            .at(&[named.record, target.started.record])
    };
    if name.call_id != target.call_id {
        return show(Comparison::refused(Refusal::Differs("Call-ID")));
    }
    let at = named.at;
    let (class, confirmed) = match name.find(target) {
        Found::Other => {
            return show(Comparison::refused(Refusal::Differs("tags"))).with(
                "Call-ID",
                name.call_id,
                target.call_id,
            );
        }
        Found::Dialog(confirmed) => (Class::Proof, confirmed),
        Found::NotSaid => (Class::Strong, target.answered.map(|answer| answer.time)),
    };
    let refusal = failed.or_else(|| {
        let over_ns = target.terminated().map_or(0, |end| at.since_ns(end));
        if over_ns > CAUSE_WINDOW_NS {
            Some(Refusal::OutsideWindow("Replaces after the end of its dialog", over_ns))
        } else if at < target.started.time {
            let early_ns = target.started.time.since_ns(at);
            Some(Refusal::OutsideWindow("Replaces before its dialog", early_ns))
        } else if name.early_only && confirmed.is_some_and(|confirmed| confirmed <= at) {
            Some(Refusal::Differs("early-only, and the dialog was confirmed"))
        } else {
            None
        }
    });
    let outcome =
        refusal.map_or_else(|| Comparison::held(class).token(target.call_id), Comparison::refused);
    show(outcome).with("Call-ID", name.call_id, target.call_id).with(
        "Replaces said, dialog began",
        at,
        target.started.time,
    )
}
