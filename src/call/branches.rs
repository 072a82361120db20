//! Branches of a leg: the fork destinations of its opening INVITE, each with its outcome.
//!
//! In: a leg. Out: one [`Branch`] per To-tag (a callee that answered in some way), and one per
//! destination that was tried and answered without a To-tag, or not at all.

use super::outline::{Message, Moment, is_request, status_of};
use crate::base::{CaptureTime, Endpoint};
use crate::leg::{FactKey, IdentifierKind, Leg, MessageKind, ViaBranch};
use crate::sip::Method;
use std::collections::{BTreeMap, BTreeSet};

/// How a branch ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BranchOutcome {
    /// 2xx, and it stayed.
    Answered,
    /// 2xx, and a BYE after another branch had answered too: the loser of a forked 2xx
    /// (RFC 3261 section 13.2.2.4).
    AnsweredAndReleased,
    /// Final failure; 487 after a CANCEL.
    Failed(u16),
    /// 199: the proxy said that it ended, before the final response (RFC 6228).
    EndedEarly,
    /// CANCEL was sent and no final response seen.
    Cancelled,
    /// No final response was seen.
    Open,
}

/// One fork destination inside a leg.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Branch {
    /// To-tag of the callee; empty when no response gave one.
    pub to_tag: Box<[u8]>,
    /// Branches of the topmost Via on the way: one per hop.
    pub via_branches: Vec<Box<[u8]>>,
    /// Request-URI as `user@host` of the INVITE that went there; absent when it is not known which.
    pub request_uri: Option<Box<[u8]>>,
    /// Where the INVITE went: the last hop that was seen.
    pub destination: Endpoint,
    /// First INVITE of the branch; where only the response is known, the response.
    pub started: Moment,
    /// First 180, 181, 182 or 183.
    pub ringing: Option<CaptureTime>,
    /// First 2xx.
    pub answered: Option<CaptureTime>,
    /// CANCEL to it.
    pub cancelled: Option<CaptureTime>,
    /// BYE in its dialog.
    pub hung_up: Option<CaptureTime>,
    /// First final status.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: BranchOutcome,
}

/// The branches of a leg by start, To-tag, receiver. A leg without an opening INVITE has none; one with
/// an opening INVITE has at least one.
#[must_use]
pub fn branches(leg: &Leg) -> Vec<Branch> {
    let mut messages: Vec<Message<'_>> = leg.messages().collect();
    messages.sort_by_key(|(key, times)| (times.first(), *key));
    let invites: Vec<Message<'_>> = messages
        .iter()
        .copied()
        .filter(|(key, _)| is_request(key, Method::Invite) && key.to_tag.is_empty())
        .collect();
    let Some((first, _)) = invites.first() else {
        return Vec::new();
    };
    let from_tag = &first.from_tag;
    let mut found = by_to_tag(leg, &messages, &invites, from_tag);
    found.extend(without_tag(leg, &messages, &invites, &found));
    release_losers(&mut found);
    let key = |branch: &Branch| {
        (
            branch.started.time,
            branch.to_tag.clone(),
            branch.destination,
            branch.via_branches.clone(),
        )
    };
    found.sort_by_cached_key(key);
    found
}

fn is_response_to_invite(key: &FactKey<'_>) -> bool {
    matches!(key.kind, MessageKind::Response(_)) && key.cseq_method == Method::Invite
}

/// One branch per To-tag in responses to opening INVITEs. A challenge asks for another INVITE of
/// the same attempt: it is no destination.
fn by_to_tag(
    leg: &Leg,
    messages: &[Message<'_>],
    invites: &[Message<'_>],
    from_tag: &[u8],
) -> Vec<Branch> {
    let opening: BTreeSet<u32> = invites.iter().map(|(key, _)| key.cseq_number).collect();
    let mut tags: BTreeMap<&[u8], Vec<Message<'_>>> = BTreeMap::new();
    for (key, times) in messages {
        let is_answer = is_response_to_invite(key)
            && opening.contains(&key.cseq_number)
            && *key.from_tag == *from_tag
            && !key.to_tag.is_empty()
            && !matches!(key.kind, MessageKind::Response(100 | 401 | 407));
        if is_answer {
            tags.entry(key.to_tag).or_default().push((*key, times));
        }
    }
    let mut found: Vec<Branch> = Vec::new();
    for (to_tag, responses) in tags {
        let vias: BTreeSet<ViaBranch<'_>> = responses.iter().map(|(key, _)| key.branch).collect();
        let sources: BTreeSet<Endpoint> = responses.iter().map(|(key, _)| key.source).collect();
        // The way there: the last INVITE whose Via branch and receiver are those of the responses.
        let way = invites
            .iter()
            .rfind(|(key, _)| vias.contains(&key.branch) && sources.contains(&key.destination))
            .or_else(|| invites.iter().rfind(|(key, _)| vias.contains(&key.branch)))
            .or_else(|| invites.iter().rfind(|(key, _)| sources.contains(&key.destination)));
        let statuses = relay_free(&responses);
        let mut branch = opened(leg, to_tag, way.copied(), responses[0]);
        branch.via_branches =
            vias.iter().filter(|via| !via.is_empty()).map(ViaBranch::to_bytes).collect();
        fill(&mut branch, &statuses, messages);
        found.push(branch);
    }
    found
}

/// Status and time of each response, first sight of each.
fn relay_free(responses: &[Message<'_>]) -> Vec<(u16, CaptureTime)> {
    responses
        .iter()
        .filter_map(|(key, times)| Some((status_of(key, Method::Invite)?, times.first())))
        .collect()
}

fn opened(leg: &Leg, to_tag: &[u8], way: Option<Message<'_>>, response: Message<'_>) -> Branch {
    let (key, times) = way.unwrap_or(response);
    let destination = if way.is_some() { key.destination } else { key.source };
    Branch {
        to_tag: to_tag.into(),
        via_branches: Vec::new(),
        request_uri: way.and_then(|(invite, _)| request_uri(leg, &invite)),
        destination,
        started: Moment::of(times),
        ringing: None,
        answered: None,
        cancelled: None,
        hung_up: None,
        status: None,
        outcome: BranchOutcome::Open,
    }
}

/// Known when the sender of the INVITE asked for one URI in this transaction; else told apart by the
/// user that the INVITE's parties hold.
fn request_uri(leg: &Leg, invite: &FactKey<'_>) -> Option<Box<[u8]>> {
    let user = leg.invite_parties(invite).map(|parties| parties.request_user);
    let uris: Vec<&[u8]> = leg
        .identifiers()
        .of_kind(IdentifierKind::RequestUri)
        .filter(|(uri, _)| uri.said_by == invite.source && uri.cseq == invite.cseq_number)
        .map(|(uri, _)| uri.value)
        .collect();
    match uris.as_slice() {
        [one] => Some((*one).into()),
        many => {
            let mut of_user =
                many.iter().filter(|uri| user.is_some_and(|user| super::uri::user_of(uri) == user));
            match (of_user.next(), of_user.next()) {
                (Some(one), None) => Some((*one).into()),
                _ => None,
            }
        }
    }
}

fn fill(branch: &mut Branch, statuses: &[(u16, CaptureTime)], messages: &[Message<'_>]) {
    for (status, time) in statuses {
        match status {
            180..=183 => branch.ringing = branch.ringing.or(Some(*time)),
            200..300 => branch.answered = branch.answered.or(Some(*time)),
            _ => {}
        }
        if *status >= 200 {
            branch.status = branch.status.or(Some(*status));
        }
    }
    for (key, times) in messages {
        let in_dialog = !branch.to_tag.is_empty()
            && (*key.to_tag == *branch.to_tag || *key.from_tag == *branch.to_tag);
        if is_request(key, Method::Bye) && in_dialog {
            branch.hung_up = branch.hung_up.or(Some(times.first()));
        }
        if is_request(key, Method::Cancel)
            && (branch.via_branches.iter().any(|via| ViaBranch::new(via) == key.branch)
                || key.destination == branch.destination)
        {
            branch.cancelled = branch.cancelled.or(Some(times.first()));
        }
    }
    let was_ended_early = statuses.iter().any(|(status, _)| *status == 199);
    branch.outcome = match branch.status {
        Some(200..300) => BranchOutcome::Answered,
        Some(status) => BranchOutcome::Failed(status),
        None if was_ended_early => BranchOutcome::EndedEarly,
        None if branch.cancelled.is_some() => BranchOutcome::Cancelled,
        None => BranchOutcome::Open,
    };
}

/// Destinations of the last hop that no To-tag came from. A hop that was passed on is none, nor is an
/// INVITE that was only challenged.
fn without_tag(
    leg: &Leg,
    messages: &[Message<'_>],
    invites: &[Message<'_>],
    tagged: &[Branch],
) -> Vec<Branch> {
    let senders: BTreeSet<Endpoint> = invites.iter().map(|(key, _)| key.source).collect();
    let reached: BTreeSet<Endpoint> = tagged.iter().map(|branch| branch.destination).collect();
    let vias = tagged.iter().flat_map(|branch| &branch.via_branches);
    let known: BTreeSet<ViaBranch<'_>> = vias.map(|via| ViaBranch::new(via)).collect();
    let challenged: BTreeSet<(ViaBranch<'_>, u32)> = messages
        .iter()
        .filter(|(key, _)| matches!(status_of(key, Method::Invite), Some(401 | 407)))
        .map(|(key, _)| (key.branch, key.cseq_number))
        .collect();
    let mut ways: BTreeMap<(Endpoint, ViaBranch<'_>), Message<'_>> = BTreeMap::new();
    for (key, times) in invites {
        let is_last_hop =
            !senders.contains(&key.destination) && !reached.contains(&key.destination);
        let is_new = key.branch.is_empty() || !known.contains(&key.branch);
        if is_last_hop && is_new && !challenged.contains(&(key.branch, key.cseq_number)) {
            ways.entry((key.destination, key.branch)).or_insert((*key, times));
        }
    }
    let mut found: Vec<Branch> = ways
        .into_values()
        .map(|way| {
            let mut branch = opened(leg, b"", Some(way), way);
            branch.via_branches = vec![way.0.branch.to_bytes()];
            let answers: Vec<Message<'_>> = messages
                .iter()
                .copied()
                .filter(|(key, _)| {
                    is_response_to_invite(key)
                        && key.branch == way.0.branch
                        && key.source == way.0.destination
                })
                .collect();
            fill(&mut branch, &relay_free(&answers), messages);
            branch
        })
        .collect();
    if found.is_empty() && tagged.is_empty() {
        // Challenged and given up: still one attempt.
        let way = invites[invites.len() - 1];
        let mut branch = opened(leg, b"", Some(way), way);
        branch.via_branches = vec![way.0.branch.to_bytes()];
        fill(&mut branch, &[], messages);
        found.push(branch);
    }
    found
}

/// Of several branches with a 2xx, one that was hung up while another went on has lost.
fn release_losers(found: &mut [Branch]) {
    let Some(last) = found
        .iter()
        .filter(|branch| branch.answered.is_some())
        .map(|branch| branch.hung_up.unwrap_or(CaptureTime::MAX))
        .max()
    else {
        return;
    };
    let answered = found.iter().filter(|branch| branch.answered.is_some()).count();
    if answered < 2 {
        return;
    }
    let mut winner_is_left = true;
    for branch in found.iter_mut().filter(|branch| branch.answered.is_some()) {
        let is_last = branch.hung_up.unwrap_or(CaptureTime::MAX) == last;
        if is_last && winner_is_left {
            winner_is_left = false;
        } else if branch.hung_up.is_some() {
            branch.outcome = BranchOutcome::AnsweredAndReleased;
        }
    }
}
