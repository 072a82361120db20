//! Audit: which legs were counted apart although they are one call, what nearly joined, and what
//! another rule would have joined. In: outlines, grouping, calls, CDRs. Out: [`Audit`].
//!
//! Costs are channel-nanoseconds by the packets: the sum of the CDRs that count by themselves (all but
//! those that end in 487) less the union of all.

use super::evidence::{Evidence, Refusal};
use super::group::{Grouping, group};
use super::merged::{Call, MergedCalls, length_ns, merge, union};
use super::outline::LegOutline;
use super::outlines::Outlines;
use super::rule::{Class, RuleName};
use super::rules::header_parts;
use super::table::RuleTable;
use crate::base::limits::WHAT_IF_HEADERS_MAX;
use crate::base::{CaptureTime, Endpoint};
use crate::leg::{Cdr, IdentifierKind};
use std::collections::{BTreeMap, BTreeSet};

/// A call that was counted as more than one channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditedCall {
    /// Its place in [`MergedCalls::calls`].
    pub call: usize,
    /// How many channels its CDRs were, each for its own time; those that end in 487 were none.
    pub channels: usize,
    /// Most of its CDRs at one moment.
    pub concurrent_max: usize,
    /// Channel-nanoseconds that it was counted too much.
    pub cost_ns: i64,
}

/// Two calls that evidence of a rule outside the merge set, or refused evidence, would join.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NearMiss {
    /// The strongest evidence, by its place in [`Grouping::evidence`].
    pub evidence: usize,
    /// Channel-nanoseconds that joining the two would save.
    pub cost_ns: i64,
}

/// What the run would be with one thing switched on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WhatIf {
    /// The rule, or `header NAME`.
    pub name: String,
    /// Calls then.
    pub calls: usize,
    /// Legs that would move into another call.
    pub joins: usize,
    /// Joins that would be refused as conflicts.
    pub conflicts: usize,
    /// Channel-nanoseconds saved against the grouping as it is.
    pub saved_ns: i64,
    /// For each call then, the indexes of its CDRs: from these the peak is counted.
    pub cdr_groups: Vec<Vec<usize>>,
}

/// A header in the captures that may link legs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CandidateHeader {
    /// Its name in lower case.
    pub name: String,
    /// Legs that carry it.
    pub legs: usize,
    /// Legs in which it names another leg's Call-ID.
    pub names_call_id: usize,
    /// Values that more than one leg shares.
    pub shared_values: usize,
    /// Most legs that share one value.
    pub legs_per_value_max: usize,
}

/// What an audit found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Audit {
    /// Worst first.
    pub calls: Vec<AuditedCall>,
    /// Worst first, one for two calls.
    pub near_misses: Vec<NearMiss>,
    /// Best first.
    pub what_if: Vec<WhatIf>,
    /// By name.
    pub headers: Vec<CandidateHeader>,
}

/// What to keep of an audit. Absent: everything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuditFilter {
    /// Calls that are there at or after this moment (a day or an hour by both ends).
    pub from: Option<CaptureTime>,
    /// Calls that are there before this moment.
    pub until: Option<CaptureTime>,
    /// Calls with a number that ends so.
    pub number: Option<Vec<u8>>,
    /// Calls with a leg from or to this address.
    pub address: Option<std::net::IpAddr>,
    /// Calls joined by this rule.
    pub rule: Option<RuleName>,
    /// Calls joined by evidence of this class.
    pub class: Option<Class>,
}

impl AuditFilter {
    /// Whether a call is kept.
    #[must_use]
    pub fn keeps(&self, call: &Call, outlines: &Outlines, grouping: &Grouping) -> bool {
        let evidence = || call.evidence.iter().filter_map(|place| grouping.evidence.get(*place));
        self.is_about(call, outlines)
            && self.rule.is_none_or(|rule| evidence().any(|found| found.rule == rule))
            && self.class.is_none_or(|class| evidence().any(|found| found.class == class))
    }

    /// Whether two calls that did not join are kept: one of them is asked for, and the evidence is.
    #[must_use]
    pub fn keeps_miss(
        &self,
        found: &Evidence,
        outlines: &Outlines,
        grouping: &Grouping,
        merged: &MergedCalls,
    ) -> bool {
        let call_of = |leg: u32| merged.calls.get(grouping.place_of(leg)?);
        let is_asked = |leg| call_of(leg).is_some_and(|call| self.is_about(call, outlines));
        (is_asked(found.left) || is_asked(found.right))
            && self.rule.is_none_or(|rule| found.rule == rule)
            && self.class.is_none_or(|class| found.class == class)
    }

    /// Time, number and address.
    fn is_about(&self, call: &Call, outlines: &Outlines) -> bool {
        let legs = || call.legs.iter().filter_map(|leg| outlines.get(*leg));
        let has_address = |leg: LegOutline<'_>, address| {
            [leg.source, leg.destination].iter().any(|end: &Endpoint| end.address == address)
        };
        self.from.is_none_or(|from| call.ended >= from)
            && self.until.is_none_or(|until| call.started < until)
            && self.number.as_ref().is_none_or(|number| {
                legs().any(|leg| leg.caller.ends_with(number) || leg.called.ends_with(number))
            })
            && self.address.is_none_or(|address| legs().any(|leg| has_address(leg, address)))
    }
}

impl Audit {
    /// Leaves out the calls and near misses that the filter does not keep; the tables of the whole run stay.
    pub fn retain(
        &mut self,
        filter: &AuditFilter,
        outlines: &Outlines,
        grouping: &Grouping,
        merged: &MergedCalls,
    ) {
        self.calls.retain(|found| {
            let call = merged.calls.get(found.call);
            call.is_some_and(|call| filter.keeps(call, outlines, grouping))
        });
        self.near_misses.retain(|miss| {
            let found = grouping.evidence.get(miss.evidence);
            found.is_some_and(|found| filter.keeps_miss(&found, outlines, grouping, merged))
        });
    }
}

/// Audits a run. The what-if table groups the run anew for each row.
#[must_use]
pub fn audit(
    outlines: &Outlines,
    grouping: &Grouping,
    merged: &MergedCalls,
    cdrs: &[Cdr],
    table: &RuleTable,
) -> Audit {
    let headers = candidate_headers(outlines);
    Audit {
        calls: audited_calls(merged, cdrs),
        near_misses: near_misses(grouping, merged, cdrs),
        what_if: what_if(outlines, grouping, cdrs, table, &headers),
        headers,
    }
}

/// The final response whose legs do not count by themselves (design.md section 6, axis terminated).
const REQUEST_TERMINATED: u16 = 487;

/// The intervals of some CDRs.
struct Spans {
    /// Of those that count by themselves.
    counted: Vec<(CaptureTime, CaptureTime)>,
    /// Of all, joined: what they occupy as one call; empty when none of them counts.
    occupied: Vec<(CaptureTime, CaptureTime)>,
}

fn spans_of(places: &[usize], cdrs: &[Cdr]) -> Spans {
    let whole = || places.iter().map(|place| &cdrs[*place]).filter(|cdr| !cdr.only_when_cut);
    let span = |cdr: &Cdr| (cdr.started, cdr.ended.max(cdr.started));
    let is_counted = |cdr: &&Cdr| cdr.last_response != REQUEST_TERMINATED;
    let counted: Vec<_> = whole().filter(is_counted).map(span).collect();
    let occupied = if counted.is_empty() { Vec::new() } else { union(whole().map(span).collect()) };
    Spans { counted, occupied }
}

fn audited_calls(merged: &MergedCalls, cdrs: &[Cdr]) -> Vec<AuditedCall> {
    let mut calls: Vec<AuditedCall> = merged
        .cdr_groups
        .iter()
        .enumerate()
        .filter_map(|(call, places)| {
            let Spans { counted, occupied } = spans_of(places, cdrs);
            // A cancelled leg may lengthen a call by more than its other legs overlap.
            let cost_ns = length_ns(&counted).saturating_sub(length_ns(&occupied)).max(0);
            let concurrent_max = most_at_once(&counted);
            // Parts of one leg, one after the other, are no second channel.
            (merged.calls[call].legs.len() > 1 && counted.len() > 1).then_some(AuditedCall {
                call,
                channels: counted.len(),
                concurrent_max,
                cost_ns,
            })
        })
        .collect();
    calls.sort_by_key(|audited| {
        (std::cmp::Reverse((audited.cost_ns, audited.channels)), audited.call)
    });
    calls
}

/// Half-open: one that ends as another starts is not there with it.
fn most_at_once(spans: &[(CaptureTime, CaptureTime)]) -> usize {
    let mut edges: Vec<(CaptureTime, bool)> =
        spans.iter().flat_map(|(start, end)| [(*start, true), (*end, false)]).collect();
    edges.sort_unstable();
    let (mut now, mut most) = (0usize, 0usize);
    for (_, starts) in edges {
        now = if starts { now + 1 } else { now.saturating_sub(1) };
        most = most.max(now);
    }
    most
}

fn near_misses(grouping: &Grouping, merged: &MergedCalls, cdrs: &[Cdr]) -> Vec<NearMiss> {
    let mut best: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for (place, found) in grouping.evidence.iter().enumerate() {
        let groups = [found.left, found.right].map(|leg| grouping.groups.of_legs()[leg as usize]);
        let pair = (groups[0].min(groups[1]), groups[0].max(groups[1]));
        if pair.0 == pair.1 || !is_near(&found) {
            continue;
        }
        let known = best.entry(pair).or_insert(place);
        let rank = |place: usize| {
            (grouping.evidence.at(place).class, grouping.evidence.at(place).rule, place)
        };
        if rank(place) < rank(*known) {
            *known = place;
        }
    }
    let mut misses: Vec<NearMiss> = best
        .into_iter()
        .map(|((left, right), evidence)| {
            let [one, other] = [left, right].map(|call| &merged.cdr_groups[call as usize]);
            let both: Vec<usize> = one.iter().chain(other).copied().collect();
            let occupied_ns = |places: &[usize]| length_ns(&spans_of(places, cdrs).occupied);
            let apart_ns = occupied_ns(one).saturating_add(occupied_ns(other));
            // A cancelled leg counts for nothing by itself, and may lengthen the call that it joins.
            NearMiss { evidence, cost_ns: apart_ns.saturating_sub(occupied_ns(&both)).max(0) }
        })
        .collect();
    misses.sort_by_key(|miss| (std::cmp::Reverse(miss.cost_ns), miss.evidence));
    misses
}

/// What was refused for another's sake is no near miss: the other was the right one.
const fn is_near(found: &Evidence) -> bool {
    matches!(found.joined, Err(Refusal::NotMerged | Refusal::Demoted(_) | Refusal::Conflict))
}

/// The headers of the captures that name Call-IDs or share values; others tell nothing.
#[must_use]
pub fn candidate_headers(outlines: &Outlines) -> Vec<CandidateHeader> {
    let call_ids: BTreeSet<&[u8]> = outlines.iter().map(|leg| leg.call_id).collect();
    let mut seen: Vec<(&[u8], &[u8], u32)> = Vec::new();
    for (place, leg) in (0u32..).zip(outlines.iter()) {
        for header in leg.of_kind(IdentifierKind::Header) {
            if let Some((name, value)) = header_parts(header.value).filter(|(_, v)| !v.is_empty()) {
                seen.push((name, value, place));
            }
        }
    }
    seen.sort_unstable();
    seen.dedup();
    let mut found = Vec::new();
    for of_name in seen.chunk_by(|left, right| left.0 == right.0) {
        let legs: BTreeSet<u32> = of_name.iter().map(|(_, _, leg)| *leg).collect();
        let names: BTreeSet<u32> = of_name
            .iter()
            .filter(|(_, value, leg)| {
                *value != outlines.at(*leg).call_id && call_ids.contains(value)
            })
            .map(|(_, _, leg)| *leg)
            .collect();
        let sizes = || of_name.chunk_by(|left, right| left.1 == right.1).map(<[_]>::len);
        let header = CandidateHeader {
            name: String::from_utf8_lossy(of_name[0].0).into_owned(),
            legs: legs.len(),
            names_call_id: names.len(),
            shared_values: sizes().filter(|size| *size > 1).count(),
            legs_per_value_max: sizes().max().unwrap_or(0),
        };
        if header.names_call_id > 0 || header.shared_values > 0 {
            found.push(header);
        }
    }
    found
}

/// The tables of the what-if rows: each rule that does not join now, and the likeliest candidate
/// headers, at most [`WHAT_IF_HEADERS_MAX`] of those listed.
#[must_use]
pub fn what_if_tables(table: &RuleTable, headers: &[CandidateHeader]) -> Vec<(String, RuleTable)> {
    let mut rows = Vec::new();
    for rule in RuleName::ALL {
        if !table.is_on(rule) || !table.joins(rule, rule.class(), false) {
            let mut changed = table.clone();
            let switch = changed.switch_mut(rule);
            switch.on = true;
            switch.joins = Some(true);
            rows.push((rule.name().to_owned(), changed));
        }
    }
    let mut likely: Vec<&CandidateHeader> = headers.iter().collect();
    likely.sort_by_key(|header| {
        (std::cmp::Reverse((header.names_call_id, header.shared_values)), &header.name)
    });
    for header in likely.into_iter().take(WHAT_IF_HEADERS_MAX) {
        let mut changed = table.clone();
        let is_new = |names: &[String]| !names.contains(&header.name);
        if header.names_call_id > 0 && is_new(&table.call_id_headers) {
            changed.call_id_headers.push(header.name.clone());
        }
        if header.shared_values > 0 && is_new(&table.token_headers) {
            changed.token_headers.push(header.name.clone());
        }
        if changed != *table {
            rows.push((format!("header {}", header.name), changed));
        }
    }
    rows
}

fn what_if(
    outlines: &Outlines,
    grouping: &Grouping,
    cdrs: &[Cdr],
    table: &RuleTable,
    headers: &[CandidateHeader],
) -> Vec<WhatIf> {
    let occupied_ns = |groups: &[Vec<usize>]| {
        groups.iter().fold(0i64, |sum, places| {
            sum.saturating_add(length_ns(&spans_of(places, cdrs).occupied))
        })
    };
    let now_ns = occupied_ns(&merge(outlines, grouping, cdrs).cdr_groups);
    let mut rows: Vec<WhatIf> = what_if_tables(table, headers)
        .into_iter()
        .map(|(name, changed)| {
            let then = group(outlines, &changed);
            let cdr_groups = merge(outlines, &then, cdrs).cdr_groups;
            WhatIf {
                name,
                calls: then.groups.len(),
                joins: grouping.groups.len().saturating_sub(then.groups.len()),
                conflicts: then.conflicts.len(),
                saved_ns: now_ns.saturating_sub(occupied_ns(&cdr_groups)),
                cdr_groups,
            }
        })
        .collect();
    rows.sort_by(|a, b| (b.saved_ns, b.joins, &a.name).cmp(&(a.saved_ns, a.joins, &b.name)));
    rows
}
