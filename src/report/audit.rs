//! An audit as text and as JSON. In: the audit and what it is about. Out: text for a terminal, a JSON
//! value. The story of a call in words is here too.

use super::explain::{compared_json, printable, refusal_text, seconds, time_json};
use crate::call::{
    Audit, AuditedCall, Call, Evidence, Grouping, LegOutline, MergedCalls, StoryEvent, StoryKind,
    Transfer, TransferOutcome,
};
use serde_json::{Value, json};
use std::fmt::Write;

/// What an audit is about.
#[derive(Clone, Copy)]
pub struct Audited<'a> {
    /// The audit.
    pub audit: &'a Audit,
    /// The legs by number.
    pub outlines: &'a [LegOutline],
    /// How they were joined.
    pub grouping: &'a Grouping,
    /// The calls.
    pub merged: &'a MergedCalls,
}

/// Channel-hours with three decimals, rounded down.
#[must_use]
pub fn channel_hours(ns: i64) -> String {
    let thousandths = ns.max(0) / 3_600_000_000;
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// An event in words.
#[must_use]
pub fn event_text(event: &StoryEvent) -> String {
    match &event.kind {
        StoryKind::Invited(from, to) => format!("{} calls {}", party(from), party(to)),
        StoryKind::Redirected(to, Some(leg)) => format!("sent on to {} (leg {leg})", party(to)),
        StoryKind::Redirected(to, None) => format!("sent on to {}", party(to)),
        StoryKind::PickedUp(by, leg) => format!("{} takes over leg {leg}", party(by)),
        StoryKind::Answered(by) => format!("{} answers", party(by)),
        StoryKind::Transferred(transfer) => transfer_text(transfer),
        StoryKind::Cancelled => "cancelled".to_owned(),
        StoryKind::Failed(status) => format!("failed with {status}"),
        StoryKind::HungUp(by) => format!("{} hangs up", party(by)),
    }
}

fn party(number: &[u8]) -> String {
    if number.is_empty() { "(no number)".to_owned() } else { printable(number) }
}

fn transfer_text(transfer: &Transfer) -> String {
    let outcome = match transfer.outcome {
        TransferOutcome::Completed => "done".to_owned(),
        TransferOutcome::Refused(status) => format!("refused with {status}"),
        TransferOutcome::Failed(status) => format!("failed with {status}"),
        TransferOutcome::Unknown => "outcome not seen".to_owned(),
    };
    let leg = transfer.new_leg.map(|leg| format!(", leg {leg}")).unwrap_or_default();
    format!(
        "{} transfers {} to {} ({}, {outcome}{leg})",
        party(&transfer.transferor),
        party(&transfer.transferee),
        party(&transfer.target),
        transfer.kind.name(),
    )
}

/// The audit as text; at most `rows` of each table.
#[must_use]
pub fn audit_text(audited: Audited<'_>, rows: usize) -> String {
    let Audited { audit, .. } = audited;
    let mut text = String::new();
    line(&mut text, &format!("calls counted as more than one channel: {}", audit.calls.len()));
    for found in audit.calls.iter().take(rows) {
        call_text(&mut text, audited, found);
    }
    line(&mut text, "");
    line(&mut text, &format!("near misses: {}", audit.near_misses.len()));
    for miss in audit.near_misses.iter().take(rows) {
        if let Some(found) = audited.grouping.evidence.get(miss.evidence) {
            let hours = channel_hours(miss.cost_ns);
            line(&mut text, &format!("  {hours} channel-hours: {}", evidence_text(audited, found)));
        }
    }
    line(&mut text, "");
    let demoted = &audited.grouping.demoted;
    line(&mut text, &format!("values that do not discriminate: {}", demoted.len()));
    for value in demoted.iter().take(rows) {
        let (shown, why) = (printable(&value.value), value.demotion.reason.text());
        let legs = value.demotion.legs;
        line(&mut text, &format!("  {}: {shown}: {why} ({legs} legs)", value.rule));
    }
    line(&mut text, "");
    line(&mut text, "what if this were on:");
    for row in audit.what_if.iter().take(rows) {
        let saved = channel_hours(row.saved_ns);
        let name = printable(row.name.as_bytes());
        line(
            &mut text,
            &format!(
                "  {name}: {saved} channel-hours less, {} joins, {} conflicts",
                row.joins, row.conflicts
            ),
        );
    }
    line(&mut text, "");
    line(&mut text, &format!("headers that may link legs: {}", audit.headers.len()));
    for header in audit.headers.iter().take(rows) {
        line(
            &mut text,
            &format!(
                "  {}: in {} legs, names a Call-ID in {}, {} shared values, at most {} legs a value",
                printable(header.name.as_bytes()),
                header.legs,
                header.names_call_id,
                header.shared_values,
                header.legs_per_value_max
            ),
        );
    }
    text
}

fn line(text: &mut String, content: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{content}");
}

fn call_id(outlines: &[LegOutline], leg: u32) -> String {
    outlines.get(leg as usize).map(|outline| printable(&outline.call_id)).unwrap_or_default()
}

fn evidence_text(audited: Audited<'_>, found: &Evidence) -> String {
    let ids = [found.left, found.right].map(|leg| call_id(audited.outlines, leg));
    let why = found.joined.as_ref().err().map(refusal_text);
    let tail = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{} {}: {} and {}{tail}", found.rule, found.class, ids[0], ids[1])
}

fn call_text(text: &mut String, audited: Audited<'_>, found: &AuditedCall) {
    let Some(call) = audited.merged.calls.get(found.call) else {
        return;
    };
    let hours = channel_hours(found.cost_ns);
    line(text, "");
    line(
        text,
        &format!(
            "call {}: {} channels for one, {} at once, {hours} channel-hours too much",
            call.id, found.channels, found.concurrent_max
        ),
    );
    for leg in &call.legs {
        line(text, &format!("  leg {leg} {}", call_id(audited.outlines, *leg)));
    }
    for evidence in call.evidence.iter().filter_map(|place| audited.grouping.evidence.get(*place)) {
        line(text, &format!("  by {}", evidence_text(audited, evidence)));
    }
    for event in &call.story {
        let after = seconds(event.moment.time.since_ns(call.started));
        line(text, &format!("  {after} leg {}: {}", event.leg, event_text(event)));
    }
}

/// The audit as JSON, whole.
#[must_use]
pub fn audit_json(audited: Audited<'_>) -> Value {
    let Audited { audit, grouping, merged, .. } = audited;
    let calls: Vec<Value> = audit
        .calls
        .iter()
        .filter_map(|found| {
            let call = merged.calls.get(found.call)?;
            let mut value = call_json(audited, call);
            value["channels"] = json!(found.channels);
            value["concurrent_max"] = json!(found.concurrent_max);
            value["cost_channel_ns"] = json!(found.cost_ns);
            Some(value)
        })
        .collect();
    let misses: Vec<Value> = audit
        .near_misses
        .iter()
        .filter_map(|miss| {
            let mut value = evidence_json(audited, grouping.evidence.get(miss.evidence)?);
            value["cost_channel_ns"] = json!(miss.cost_ns);
            Some(value)
        })
        .collect();
    let what_if: Vec<Value> = audit
        .what_if
        .iter()
        .map(|row| {
            json!({
                "name": printable(row.name.as_bytes()),
                "calls": row.calls,
                "joins": row.joins,
                "conflicts": row.conflicts,
                "saved_channel_ns": row.saved_ns,
            })
        })
        .collect();
    let headers: Vec<Value> = audit
        .headers
        .iter()
        .map(|header| {
            json!({
                "name": printable(header.name.as_bytes()),
                "legs": header.legs,
                "names_call_id": header.names_call_id,
                "shared_values": header.shared_values,
                "legs_per_value_max": header.legs_per_value_max,
            })
        })
        .collect();
    let demoted: Vec<Value> = grouping
        .demoted
        .iter()
        .map(|value| {
            json!({
                "rule": value.rule.name(),
                "value": printable(&value.value),
                "why": value.demotion.reason.text(),
                "legs": value.demotion.legs,
            })
        })
        .collect();
    json!({
        "calls": calls,
        "near_misses": misses,
        "demoted": demoted,
        "what_if": what_if,
        "headers": headers,
    })
}

/// One call as JSON.
#[must_use]
pub fn call_json(audited: Audited<'_>, call: &Call) -> Value {
    let evidence: Vec<Value> = call
        .evidence
        .iter()
        .filter_map(|place| audited.grouping.evidence.get(*place))
        .map(|found| evidence_json(audited, found))
        .collect();
    let story: Vec<Value> = call
        .story
        .iter()
        .map(|event| {
            json!({
                "time_ns": time_json(event.moment.time),
                "leg": event.leg,
                "event": event_text(event),
            })
        })
        .collect();
    let parties: Vec<Value> = call
        .parties
        .iter()
        .map(|span| {
            json!({
                "party": printable(&span.party),
                "from_ns": time_json(span.from),
                "until_ns": time_json(span.until),
            })
        })
        .collect();
    json!({
        "id": call.id,
        "legs": call.legs.iter().map(|leg| call_id(audited.outlines, *leg)).collect::<Vec<_>>(),
        "started_ns": time_json(call.started),
        "ended_ns": time_json(call.ended),
        "connected_ns": call.connected.map(time_json),
        "connected_duration_ns": call.connected_ns,
        "answered": call.result.is_answered,
        "last_response": call.result.last_response,
        "parties": parties,
        "story": story,
        "evidence": evidence,
    })
}

fn evidence_json(audited: Audited<'_>, found: &Evidence) -> Value {
    json!({
        "rule": found.rule.name(),
        "class": found.class.name(),
        "left": call_id(audited.outlines, found.left),
        "right": call_id(audited.outlines, found.right),
        "joined": found.is_joined(),
        "why": found.joined.as_ref().err().map(refusal_text),
        "compared": found.compared.iter().map(compared_json).collect::<Vec<_>>(),
    })
}
