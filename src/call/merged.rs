//! Merged CDRs: one per call. In: outlines, grouping, CDRs. Out: [`MergedCalls`].

use super::evidence::Evidence;
use super::group::Grouping;
use super::groups::CallGroup;
use super::outlines::Outlines;
use super::story::{StoryEvent, story};
use super::uri::plain_user;
use crate::base::CaptureTime;
use crate::leg::{Bye, Cdr, Cdrs};

/// How a call ended, as one result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallResult {
    /// Whether any leg was answered.
    pub is_answered: bool,
    /// Last response: of the answered leg that ended last; of the first leg where none was answered.
    pub last_response: u16,
    /// How that leg ended; absent for a call without a CDR.
    pub bye: Option<Bye>,
}

/// A party and the time it was in the call.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PartySpan {
    /// From when: its first INVITE, or its answer.
    pub from: CaptureTime,
    /// Until the end of its leg.
    pub until: CaptureTime,
    /// Its number; its address where it has none.
    pub party: Vec<u8>,
}

/// One call: its legs, and what they amount to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// Its smallest leg: the name of the call.
    pub id: u32,
    /// Its legs, rising.
    pub legs: Vec<u32>,
    /// Start of the first leg.
    pub started: CaptureTime,
    /// End of the last leg.
    pub ended: CaptureTime,
    /// First answer; absent when no leg was answered.
    pub connected: Option<CaptureTime>,
    /// Nanoseconds during which at least one leg was connected.
    pub connected_ns: i64,
    /// The union of its CDRs, as the packets show them: what a merged call occupies. Empty without
    /// CDRs.
    pub occupied: Vec<(CaptureTime, CaptureTime)>,
    /// Who was in it, by time.
    pub parties: Vec<PartySpan>,
    /// One result.
    pub result: CallResult,
    /// What happened, by time.
    pub story: Vec<StoryEvent>,
    /// Indexes of the evidence that joined it, in [`Grouping::evidence`].
    pub evidence: Vec<usize>,
}

/// All calls of a run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MergedCalls {
    /// The calls by id, as in [`Grouping::groups`].
    pub calls: Vec<Call>,
    /// For each call the indexes of its CDRs, rising; empty for a call of legs without INVITE. A CDR
    /// is in exactly one.
    pub cdr_groups: Vec<Vec<usize>>,
}

/// The call of every CDR, by its place in [`Grouping::groups`]: all that counting needs.
///
/// # Panics
/// As [`merge`].
#[must_use]
pub fn calls_of_cdrs(grouping: &Grouping, cdrs: &Cdrs) -> Vec<u32> {
    let mut calls = Vec::with_capacity(cdrs.len());
    calls.extend(cdrs.legs().map(|leg| {
        let call = grouping.place_of(leg);
        assert!(call.is_some(), "a CDR names a leg of its run");
        u32::try_from(call.unwrap_or_default()).unwrap_or(u32::MAX)
    }));
    calls
}

/// For each call the indexes of its CDRs, as in [`MergedCalls::cdr_groups`].
fn cdr_groups(grouping: &Grouping, cdrs: &[Cdr]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); grouping.groups.len()];
    for (place, cdr) in cdrs.iter().enumerate() {
        let group = grouping.place_of(cdr.leg);
        assert!(group.is_some(), "a CDR names a leg of its run");
        groups[group.unwrap_or_default()].push(place);
    }
    groups
}

/// Merges. `cdrs` name legs by their place among `outlines`.
///
/// # Panics
/// When a CDR names a leg that is not there: the caller mixed two runs.
#[must_use]
pub fn merge(outlines: &Outlines, grouping: &Grouping, cdrs: &[Cdr]) -> MergedCalls {
    let cdr_groups = cdr_groups(grouping, cdrs);
    let mut evidence_groups: Vec<Vec<usize>> = vec![Vec::new(); grouping.groups.len()];
    for (place, found) in grouping.evidence.iter().enumerate().filter(|(_, f)| f.is_joined()) {
        evidence_groups[grouping.place_of(found.left).unwrap_or_default()].push(place);
    }
    let calls = grouping
        .groups
        .iter()
        .zip(cdr_groups.iter().zip(evidence_groups))
        .map(|(group, (own, evidence))| {
            let own: Vec<&Cdr> = own.iter().map(|place| &cdrs[*place]).collect();
            merge_one(outlines, grouping, group, &own, evidence)
        })
        .collect();
    MergedCalls { calls, cdr_groups }
}

fn merge_one(
    outlines: &Outlines,
    grouping: &Grouping,
    group: CallGroup<'_>,
    cdrs: &[&Cdr],
    evidence: Vec<usize>,
) -> Call {
    let CallGroup { id, legs } = group;
    // Parts that exist only by the vendor's cut repeat what the uncut CDR holds.
    let whole: Vec<&Cdr> = cdrs.iter().copied().filter(|cdr| !cdr.only_when_cut).collect();
    let occupied = union(whole.iter().map(|cdr| (cdr.started, cdr.ended)).collect());
    let connected = union(
        whole
            .iter()
            .filter_map(|cdr| cdr.connected.map(|connected| (connected, cdr.ended)))
            .collect(),
    );
    let of_legs = union(
        legs.iter().map(|leg| outlines.span(*leg)).map(|leg| (leg.started, leg.ended)).collect(),
    );
    let spans = if occupied.is_empty() { &of_legs } else { &occupied };
    let joined: Vec<Evidence> = evidence.iter().map(|place| grouping.evidence.at(*place)).collect();
    Call {
        id,
        legs: legs.to_vec(),
        started: spans.first().map(|span| span.0).unwrap_or_default(),
        ended: spans.last().map(|span| span.1).unwrap_or_default(),
        connected: connected.first().map(|span| span.0),
        connected_ns: length_ns(&connected),
        occupied,
        parties: parties(outlines, legs),
        result: result(&whole),
        story: story(outlines, legs, &joined),
        evidence,
    }
}

/// The union of intervals, rising and apart. An interval that ends before it starts is its start.
#[must_use]
pub fn union(mut spans: Vec<(CaptureTime, CaptureTime)>) -> Vec<(CaptureTime, CaptureTime)> {
    spans.sort_unstable();
    let mut merged: Vec<(CaptureTime, CaptureTime)> = Vec::new();
    for (start, end) in spans {
        let end = end.max(start);
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// Nanoseconds in intervals that are apart.
#[must_use]
pub fn length_ns(spans: &[(CaptureTime, CaptureTime)]) -> i64 {
    spans.iter().fold(0, |sum, (start, end)| sum.saturating_add(end.since_ns(*start)))
}

fn result(cdrs: &[&Cdr]) -> CallResult {
    let answered = cdrs
        .iter()
        .filter(|cdr| cdr.connected.is_some())
        .max_by_key(|cdr| (cdr.ended, cdr.leg, cdr.sequence));
    let first = cdrs.iter().min_by_key(|cdr| (cdr.started, cdr.leg, cdr.sequence));
    CallResult {
        is_answered: answered.is_some(),
        last_response: answered.or(first).map_or(0, |cdr| cdr.last_response),
        bye: answered.or(first).map(|cdr| cdr.bye),
    }
}

/// Callers from their INVITE, callees from their answer, both to the end of the leg; one party in
/// several legs at a time is there once.
fn parties(outlines: &Outlines, legs: &[u32]) -> Vec<PartySpan> {
    let mut spans: Vec<(Vec<u8>, CaptureTime, CaptureTime)> = Vec::new();
    for leg in legs.iter().map(|leg| outlines.at(*leg)).filter(|leg| leg.has_invite) {
        let name = |user: &[u8], address: String| {
            let user = plain_user(user).into_owned();
            if user.is_empty() { address.into_bytes() } else { user }
        };
        spans.push((name(leg.caller, leg.source.to_string()), leg.started.time, leg.ended));
        if let Some(answer) = leg.answered {
            spans.push((name(leg.called, leg.destination.to_string()), answer.time, leg.ended));
        }
    }
    spans.sort_unstable();
    let mut merged: Vec<PartySpan> = Vec::new();
    for (party, from, until) in spans {
        match merged.last_mut() {
            Some(last) if last.party == party && from <= last.until => {
                last.until = last.until.max(until);
            }
            _ => merged.push(PartySpan { from, until, party }),
        }
    }
    merged.sort_unstable();
    merged
}
