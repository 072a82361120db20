//! An audit and its calls as JSON. In: the same as the text. Out: JSON values, whole: no row is left out.

use super::audit::{Audited, figure};
use super::call::{CallsView, event_text};
use super::explain::{compared_json, printable, refusal_with_names, time_json};
use crate::call::{Call, Evidence, Told};
use crate::channel::Channels;
use serde_json::{Value, json};

/// The audit as JSON.
#[must_use]
pub fn audit_json(audited: Audited<'_>) -> Value {
    json!({
        "schema": "respool audit 1",
        "legs": audited.view.outlines.len(),
        "calls_in_all": audited.view.merged.calls.len(),
        "peak": peak(audited),
        "calls": calls(audited),
        "near_misses": near_misses(audited),
        "demoted": demoted(audited.view),
        "what_if": what_if(audited),
        "headers": headers(audited),
    })
}

/// Exact, as in the JSON of `check`: a mean is channel-nanoseconds over the nanoseconds of its hour.
fn channels_json(channels: Channels) -> Value {
    json!({
        "text": figure(channels),
        "numerator": channels.numerator.to_string(),
        "denominator": channels.denominator,
    })
}

fn peak(audited: Audited<'_>) -> Value {
    audited.peak.map_or(Value::Null, |peak| {
        json!({
            "hour_started_ns": time_json(peak.as_is.hour.started),
            "hour_ended_ns": time_json(peak.as_is.hour.ended),
            "as_is_channels": channels_json(peak.as_is.figure),
            "merged_channels": channels_json(peak.merged),
        })
    })
}

fn calls(audited: Audited<'_>) -> Vec<Value> {
    let one = |(place, found): (usize, &crate::call::AuditedCall)| {
        let call = audited.view.merged.calls.get(found.call)?;
        let mut value = call_json(audited.view, call);
        value["channels"] = json!(found.channels);
        value["concurrent_max"] = json!(found.concurrent_max);
        value["cost_channel_ns"] = json!(found.cost_ns);
        let at_peak = audited.peak.and_then(|peak| peak.of_calls.get(place));
        value["peak_channels"] = at_peak.map_or(Value::Null, |channels| channels_json(*channels));
        Some(value)
    };
    audited.audit.calls.iter().enumerate().filter_map(one).collect()
}

fn near_misses(audited: Audited<'_>) -> Vec<Value> {
    let one = |miss: &crate::call::NearMiss| {
        let found = audited.view.grouping.evidence.get(miss.evidence)?;
        let mut value = evidence_json(audited.view, &found);
        value["cost_channel_ns"] = json!(miss.cost_ns);
        Some(value)
    };
    audited.audit.near_misses.iter().filter_map(one).collect()
}

fn demoted(view: CallsView<'_>) -> Vec<Value> {
    view.grouping
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
        .collect()
}

fn what_if(audited: Audited<'_>) -> Vec<Value> {
    let one = |(place, row): (usize, &crate::call::WhatIf)| {
        let then = audited.peak.and_then(|peak| peak.what_if.get(place));
        json!({
            "name": printable(row.name.as_bytes()),
            "calls": row.calls,
            "joins": row.joins,
            "conflicts": row.conflicts,
            "saved_channel_ns": row.saved_ns,
            "peak_channels": then.map_or(Value::Null, |channels| channels_json(*channels)),
        })
    };
    audited.audit.what_if.iter().enumerate().map(one).collect()
}

fn headers(audited: Audited<'_>) -> Vec<Value> {
    let one = |header: &crate::call::CandidateHeader| {
        json!({
            "name": printable(header.name.as_bytes()),
            "legs": header.legs,
            "names_call_id": header.names_call_id,
            "shared_values": header.shared_values,
            "legs_per_value_max": header.legs_per_value_max,
        })
    };
    audited.audit.headers.iter().map(one).collect()
}

/// One call as JSON.
#[must_use]
pub fn call_json(view: CallsView<'_>, call: &Call) -> Value {
    let story: Vec<Value> = call
        .story
        .iter()
        .map(|event| {
            json!({
                "time_ns": time_json(event.moment.time),
                "leg": view.leg_name(event.leg),
                "event": event_text(view, call, event),
                "record": (view.place_of)(event.moment.record),
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
        "legs": view.by_start(call).into_iter().map(|leg| view.leg_name(leg)).collect::<Vec<_>>(),
        "started_ns": time_json(call.started),
        "ended_ns": time_json(call.ended),
        "connected_ns": call.connected.map(time_json),
        "connected_duration_ns": call.connected_ns,
        "answered": call.result.is_answered,
        "last_response": call.result.last_response,
        "parties": parties,
        "story": story,
        "evidence": view.evidence_of(call).map(|found| evidence_json(view, &found)).collect::<Vec<_>>(),
    })
}

fn evidence_json(view: CallsView<'_>, found: &Evidence) -> Value {
    let name_of = |leg| view.leg_name(leg);
    let Told { compared, records } = view.told(found);
    json!({
        "rule": found.rule.name(),
        "class": found.class.name(),
        "left": view.leg_name(found.left),
        "right": view.leg_name(found.right),
        "joined": found.is_joined(),
        "why": found.joined.as_ref().err().map(|why| refusal_with_names(why, &name_of)),
        "compared": compared.iter().map(compared_json).collect::<Vec<_>>(),
        "records": records.iter().map(|record| (view.place_of)(*record)).collect::<Vec<_>>(),
    })
}
