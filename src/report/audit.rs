//! An audit as text. In: the audit, the calls it is about, what they cost at the peak. Out: text for a
//! terminal: calls worst first, near misses, what another rule would save, candidate headers.

use super::call::{CallsView, call_heading, evidence_text, legs_text, line, pair_text, story_text};
use super::explain::printable;
use super::format::{channels, counted, local_hm, local_s};
use crate::call::{Audit, AuditedCall, NearMiss, RuleName, WhatIf};
use crate::channel::{BusiestHour, Channels};

/// What an audit is about.
#[derive(Clone, Copy)]
pub struct Audited<'a> {
    /// The audit.
    pub audit: &'a Audit,
    /// The calls.
    pub view: CallsView<'a>,
    /// What the calls cost at the peak; absent when there never was a channel.
    pub peak: Option<&'a PeakCost>,
}

/// What the audit means at the peak, under the documented reading.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PeakCost {
    /// The busiest hour with every leg for itself.
    pub as_is: BusiestHour,
    /// The figure of the busiest hour with merged calls, which may be another hour.
    pub merged: Channels,
    /// For each of [`Audit::calls`] the channels that its extra legs were in the hour of `as_is`.
    pub of_calls: Vec<Channels>,
    /// For each of [`Audit::what_if`] the figure of its busiest hour.
    pub what_if: Vec<Channels>,
}

/// Channel-hours with three decimals, rounded down; what is there and would print as nothing says so.
#[must_use]
pub fn channel_hours(ns: i64) -> String {
    if (1..3_600_000_000).contains(&ns) {
        return "<0.001".to_owned();
    }
    let thousandths = ns.max(0) / 3_600_000_000;
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// Channels with two decimals; what is there and would print as nothing says so.
pub(super) fn figure(value: Channels) -> String {
    let text = channels(value, u64::MAX);
    if text == "0.00" && value > Channels::ZERO { "<0.01".to_owned() } else { text }
}

/// How much smaller `then` is. The two may be of hours of different length.
#[must_use]
pub fn saved(now: Channels, then: Channels) -> Channels {
    let scaled = |of: Channels, by: u64| of.numerator.saturating_mul(u128::from(by));
    if now.denominator == then.denominator {
        let numerator = now.numerator.saturating_sub(then.numerator);
        return Channels { numerator, denominator: now.denominator };
    }
    // Only zones whose clock moves by parts of an hour, and empty histories, come here.
    let common = now.denominator.saturating_mul(then.denominator);
    let numerator = scaled(now, then.denominator).saturating_sub(scaled(then, now.denominator));
    Channels { numerator, denominator: common.max(1) }
}

/// The audit as text; at most `rows` of each table.
#[must_use]
pub fn audit_text(audited: Audited<'_>, rows: usize) -> String {
    let mut text = String::new();
    summary(&mut text, audited);
    for (place, found) in audited.audit.calls.iter().enumerate().take(rows) {
        one_call(&mut text, audited, place, found);
    }
    left_out(&mut text, audited.audit.calls.len(), rows);
    near_misses(&mut text, audited, rows);
    demoted(&mut text, audited, rows);
    what_if(&mut text, audited, rows);
    headers(&mut text, audited, rows);
    text
}

fn left_out(text: &mut String, all: usize, rows: usize) {
    if all > rows {
        line(text, &format!("  ... and {} more; --rows shows them, --json all", all - rows));
    }
}

fn summary(text: &mut String, audited: Audited<'_>) {
    let Audited { audit, view, .. } = audited;
    let cost_ns = audit.calls.iter().fold(0i64, |sum, found| sum.saturating_add(found.cost_ns));
    let calls = counted(audit.calls.len() as u64, "call was", "calls were");
    line(
        text,
        &format!(
            "{calls} counted as more than one channel: {} channel-hours too much",
            channel_hours(cost_ns)
        ),
    );
    let legs = view.outlines.iter().filter(|leg| leg.has_invite).count();
    let legs = counted(legs as u64, "leg", "legs");
    let all = counted(view.grouping.conversations(view.outlines) as u64, "call", "calls");
    line(text, &format!("read: {legs}, which are {all}"));
    let Some(peak) = audited.peak else { return };
    let hour = peak.as_is.hour;
    line(
        text,
        &format!(
            "busiest hour by leg: {} to {}, {} channels",
            local_s(hour.started, view.zone),
            local_hm(hour.ended, view.zone),
            figure(peak.as_is.figure),
        ),
    );
    line(
        text,
        &format!(
            "busiest hour by call: {} channels, {} fewer",
            figure(peak.merged),
            figure(saved(peak.as_is.figure, peak.merged)),
        ),
    );
}

fn one_call(text: &mut String, audited: Audited<'_>, place: usize, found: &AuditedCall) {
    let view = audited.view;
    let Some(call) = view.merged.calls.get(found.call) else {
        return;
    };
    line(text, "");
    line(text, &format!("call {}: {}", place + 1, call_heading(view, call)));
    let at_peak = match audited.peak.and_then(|peak| peak.of_calls.get(place)) {
        Some(none) if *none == Channels::ZERO => ", none in the busiest hour".to_owned(),
        Some(channels) => format!(", {} channels in the busiest hour", figure(*channels)),
        None => String::new(),
    };
    line(
        text,
        &format!(
            "  {} channels for one call, {} of them at once: {} channel-hours too much{at_peak}",
            found.channels,
            found.concurrent_max,
            channel_hours(found.cost_ns),
        ),
    );
    text.push_str(&legs_text(view, call));
    text.push_str(&evidence_text(view, call));
    text.push_str(&story_text(view, call));
}

fn near_misses(text: &mut String, audited: Audited<'_>, rows: usize) {
    let Audited { audit, view, .. } = audited;
    line(text, "");
    line(
        text,
        &format!("Near misses (pairs of calls that did not join): {}", audit.near_misses.len()),
    );
    let shown = || audit.near_misses.iter().take(rows);
    let rule_of = |miss: &NearMiss| view.grouping.evidence.get(miss.evidence).map(|e| e.rule);
    if shown().any(|miss| rule_of(miss) == Some(RuleName::Numbers)) {
        line(
            text,
            "  (by the documented reading the GUI counts pairs with equal numbers once already)",
        );
    }
    for miss in shown() {
        if let Some(found) = view.grouping.evidence.get(miss.evidence) {
            let hours = channel_hours(miss.cost_ns);
            line(text, &format!("  {hours} channel-hours: {}", pair_text(view, &found)));
        }
    }
    left_out(text, audit.near_misses.len(), rows);
    if shown().next().is_some() {
        line(text, "  respool explain SPOOL --leg ID --leg ID tells why a pair did not join");
    }
}

fn demoted(text: &mut String, audited: Audited<'_>, rows: usize) {
    let demoted = &audited.view.grouping.demoted;
    if demoted.is_empty() {
        return;
    }
    line(text, "");
    line(text, &format!("Values too common to tell calls apart: {}", demoted.len()));
    for value in demoted.iter().take(rows) {
        let (shown, why) = (printable(&value.value), value.demotion.reason.text());
        let legs = value.demotion.legs;
        line(text, &format!("  {}: {shown}: {why} ({legs} legs)", value.rule));
    }
    left_out(text, demoted.len(), rows);
}

fn what_if(text: &mut String, audited: Audited<'_>, rows: usize) {
    let audit = audited.audit;
    line(text, "");
    line(text, "What if a rule that does not join now did (--rules FILE switches it on)");
    let changes = |row: &WhatIf| row.joins > 0 || row.conflicts > 0;
    if !audit.what_if.iter().any(changes) {
        line(text, "  none of them would join anything");
    }
    let changing = audit.what_if.iter().enumerate().filter(|(_, row)| changes(row));
    for (place, row) in changing.take(rows) {
        let hours = channel_hours(row.saved_ns);
        let name = printable(row.name.as_bytes());
        let at_peak = audited
            .peak
            .and_then(|peak| Some(saved(peak.merged, *peak.what_if.get(place)?)))
            .map_or_else(String::new, |less| format!(", {} channels at the peak", figure(less)));
        let joins = counted(row.joins as u64, "join", "joins");
        let conflicts = counted(row.conflicts as u64, "conflict", "conflicts");
        line(text, &format!("  {name}: {hours} channel-hours less{at_peak}; {joins}, {conflicts}"));
    }
}

fn headers(text: &mut String, audited: Audited<'_>, rows: usize) {
    let audit = audited.audit;
    line(text, "");
    line(text, &format!("Headers in the captures that may link legs: {}", audit.headers.len()));
    for header in audit.headers.iter().take(rows) {
        line(
            text,
            &format!(
                "  {}: in {}, names another leg's Call-ID in {}, {}, at most {} legs share one",
                printable(header.name.as_bytes()),
                counted(header.legs as u64, "leg", "legs"),
                header.names_call_id,
                counted(header.shared_values as u64, "shared value", "shared values"),
                header.legs_per_value_max
            ),
        );
    }
    left_out(text, audit.headers.len(), rows);
}
