//! Dialogs and REFER transactions inside a leg, as the transfer rules need them.

use super::outline::{Moment, is_request, status_of};
use crate::base::{CaptureTime, Endpoint};
use crate::leg::{FactKey, IdentifierKind, LegView, MessageKind, SeenMessage};
use crate::sip::Method;
use std::collections::{BTreeMap, BTreeSet};

/// A dialog: two tags, whichever side they belong to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dialog<'o> {
    /// The tags, the smaller one first.
    pub tags: (&'o [u8], &'o [u8]),
    /// First 2xx to an INVITE in it: from here on it is no early dialog.
    pub confirmed: Option<CaptureTime>,
}

/// A REFER and what became of it (RFC 3515).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refer<'o> {
    /// CSeq number of the REFER.
    pub cseq: u32,
    /// First sight of the REFER.
    pub sent: Moment,
    /// Whether the side that sent the first INVITE sent it; false without INVITE.
    pub by_caller: bool,
    /// Who sent it: the transferor's address.
    pub sender: Endpoint,
    /// Who got it: the transferee's address, behind the last hop.
    pub receiver: Endpoint,
    /// Refer-To as `user@host`; absent when it could not be read.
    pub target: Option<&'o [u8]>,
    /// The dialog that Refer-To says to replace: `call-id;to-tag;from-tag`.
    pub replaces: Option<&'o [u8]>,
    /// Dialog or Call-ID that it names by Target-Dialog or a Call-ID URI header.
    pub target_dialog: Option<&'o [u8]>,
    /// Referred-By as `user@host`.
    pub referred_by: Option<&'o [u8]>,
    /// First final response, with its moment.
    pub response: Option<(u16, Moment)>,
    /// Last final status that a NOTIFY told about it (200 or more).
    pub notified: Option<(u16, Moment)>,
}

impl Refer<'_> {
    /// The status by which the transfer failed; absent when it did not.
    #[must_use]
    pub fn failed_with(&self) -> Option<u16> {
        self.response
            .map(|(status, _)| status)
            .filter(|status| *status >= 300)
            .or_else(|| self.notified.map(|(status, _)| status).filter(|status| *status >= 300))
    }

    /// Whether the REFER itself was refused.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.response.is_some_and(|(status, _)| status >= 300)
    }

    /// The 2xx to it; the REFER itself where no response was captured.
    #[must_use]
    pub fn accepted(&self) -> CaptureTime {
        match self.response {
            Some((200..300, moment)) => moment.time,
            _ => self.sent.time,
        }
    }
}

/// Puts the dialogs of a leg into `found`, by their tags. A leg has one as a rule, so that a list is
/// searched; forks and floods are sorted.
pub(super) fn dialogs<'l>(leg: &LegView<'l>, found: &mut Vec<Dialog<'l>>) {
    found.clear();
    // The tags of the message before, as they stood in it: nearly always those of the next one too.
    let mut before: [&[u8]; 2] = [&[]; 2];
    for SeenMessage { key, first, .. } in leg.by_time() {
        if key.from_tag.is_empty() || key.to_tag.is_empty() {
            continue;
        }
        let confirmed = match (key.kind, key.cseq_method) {
            (MessageKind::Response(200..300), Method::Invite) => Some(*first),
            _ => None,
        };
        if is_same(before[0], key.from_tag) && is_same(before[1], key.to_tag) {
            if confirmed.is_some()
                && let Some(last) = found.last_mut()
            {
                last.confirmed = earlier(last.confirmed, confirmed);
            }
            continue;
        }
        before = [key.from_tag, key.to_tag];
        let tags = (key.from_tag.min(key.to_tag), key.from_tag.max(key.to_tag));
        match found.last_mut().filter(|last| last.tags == tags) {
            Some(last) => last.confirmed = earlier(last.confirmed, confirmed),
            None => found.push(Dialog { tags, confirmed }),
        }
    }
    if found.len() < 2 {
        return;
    }
    found.sort_by_key(|dialog| dialog.tags);
    found.dedup_by(|next, kept| {
        let is_same = next.tags == kept.tags;
        if is_same {
            kept.confirmed = earlier(kept.confirmed, next.confirmed);
        }
        is_same
    });
}

/// Whether two strings are one: a leg holds most of its strings once, so that their places tell.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    std::ptr::eq(one, other) || one == other
}

fn earlier(one: Option<CaptureTime>, other: Option<CaptureTime>) -> Option<CaptureTime> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A REFER and all its senders: the transferor, and proxies on the way.
type Sent<'l> = (Refer<'l>, BTreeSet<Endpoint>);

/// Puts the REFER transactions of a leg that has some into `into`, by time.
pub(super) fn refers<'l>(
    leg: &LegView<'l>,
    into: &mut Vec<Refer<'l>>,
    by_caller: impl Fn(&FactKey<'_>) -> bool,
) {
    // By CSeq number and From tag: both sides count their own requests.
    let mut found: BTreeMap<(u32, &[u8]), Sent<'l>> = BTreeMap::new();
    for message in leg.by_time() {
        let key = &message.key;
        if is_request(key, Method::Refer) {
            let (refer, senders) =
                found.entry((key.cseq_number, key.from_tag)).or_insert_with(|| {
                    (
                        opened(key.cseq_number, Moment::of_message(message), key.source),
                        BTreeSet::new(),
                    )
                });
            // Messages come by time, so the last hop has the last word.
            refer.receiver = key.destination;
            refer.by_caller = by_caller(key);
            senders.insert(key.source);
        }
    }
    for message in leg.by_time() {
        let key = &message.key;
        if let Some(status @ 200..) = status_of(key, Method::Refer)
            && let Some((refer, _)) = found.get_mut(&(key.cseq_number, key.from_tag))
            && refer.response.is_none_or(|(known, _)| matches!(known, 401 | 407))
        {
            refer.response = Some((status, Moment::of_message(message)));
        }
    }
    for (identifier, _) in leg.identifiers() {
        for (refer, senders) in found.values_mut() {
            if refer.cseq == identifier.cseq && senders.contains(&identifier.said_by) {
                let value = Some(identifier.value);
                match identifier.kind {
                    IdentifierKind::ReferTo => refer.target = value,
                    IdentifierKind::ReferToReplaces => refer.replaces = value,
                    IdentifierKind::TargetDialog => refer.target_dialog = value,
                    IdentifierKind::ReferredBy => refer.referred_by = value,
                    _ => {}
                }
            }
        }
    }
    into.extend(found.into_values().map(|(refer, _)| refer));
    // Stable: the tags of equal ones order them, as they stand in the map.
    into.sort_by_key(|refer| (refer.sent.time, refer.cseq));
    apply_notifications(into, leg);
}

fn opened<'l>(cseq: u32, sent: Moment, sender: Endpoint) -> Refer<'l> {
    Refer {
        cseq,
        by_caller: false,
        sent,
        sender,
        receiver: sender,
        target: None,
        replaces: None,
        target_dialog: None,
        referred_by: None,
        response: None,
        notified: None,
    }
}

/// A NOTIFY belongs to the latest REFER before it that was not refused: the `id` of its Event
/// header is not kept, and a transferor waits for the outcome before it tries again.
fn apply_notifications(refers: &mut [Refer<'_>], leg: &LegView<'_>) {
    let mut told: Vec<(Moment, u16)> = leg
        .of_kind(IdentifierKind::SipfragStatus)
        .iter()
        .filter_map(|(identifier, sighting)| {
            let status = std::str::from_utf8(identifier.value).ok()?.trim().parse().ok()?;
            Some((Moment { time: sighting.first, record: sighting.record }, status))
        })
        .filter(|(_, status)| *status >= 200)
        .collect();
    told.sort_by_key(|(moment, status)| (moment.time, *status));
    for (moment, status) in told {
        let latest = refers
            .iter_mut()
            .rev()
            .find(|refer| refer.sent.time <= moment.time && !refer.is_refused());
        if let Some(refer) = latest {
            refer.notified = Some((status, moment));
        }
    }
}
