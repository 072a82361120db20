//! `call-id`: one dialog seen by two sensors (RFC 3261 section 12: Call-ID and both tags).

use crate::call::evidence::{Comparison, Refusal};
use crate::call::outline::LegOutline;
use crate::call::rule::Class;
use crate::call::table::{ADJOIN_WINDOW_NS, RuleTable};
use crate::call::uri::number_key;

/// Proof by both tags. A B2BUA that keeps the Call-ID changes the tags: then the numbers and the
/// start must agree, and it is strong.
pub(super) fn compare<'o>(
    table: &RuleTable,
    a: &LegOutline<'o>,
    b: &LegOutline<'o>,
) -> Comparison<'o> {
    let show = |comparison: Comparison<'o>| {
        comparison.with("Call-ID", a.call_id, b.call_id).at(&[a.started.record, b.started.record])
    };
    if a.call_id != b.call_id {
        return show(Comparison::refused(Refusal::Differs("Call-ID")));
    }
    if a.gap_ns(b) > ADJOIN_WINDOW_NS {
        return show(Comparison::refused(Refusal::OutsideWindow("the two sensors", a.gap_ns(b))));
    }
    let shared = a.dialogs().find(|dialog| b.dialogs().any(|other| other.tags == dialog.tags));
    if let Some(dialog) = shared {
        let tags = [dialog.tags.0, dialog.tags.1].join(&b' ');
        return show(Comparison::held(Class::Proof))
            .with("tags", tags.clone(), tags)
            .token(a.call_id);
    }
    let key = |user: &'o [u8]| number_key(user, table.numbers_digits);
    let is_alike = key(a.caller).is_some()
        && key(a.caller) == key(b.caller)
        && key(a.called) == key(b.called)
        && a.started.time.since_ns(b.started.time).saturating_abs() <= table.fork_window_ns;
    let outcome = if is_alike {
        Comparison::held(Class::Strong).token(a.call_id)
    } else {
        Comparison::refused(Refusal::Differs("tags"))
    };
    show(outcome).with("caller", a.caller, b.caller).with("called", a.called, b.called)
}
