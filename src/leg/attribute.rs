//! Whose media a flow is: by SDP address and port, or by the Call-ID in the name of its archive entry.
//!
//! The sniffer registers the addresses of an SDP when it sees it and hands every packet to the calls
//! registered for its destination, else for its source (facts and run section 2). Here all legs are
//! known first, so that the order of packets and files cannot matter.

use super::entry_name::EntryName;
use super::fact::MessageKind;
use super::identifier::IdentifierKind;
use super::lattice::Leg;
use super::media::{MediaActivity, MediaSpans};
use super::media_flow::FlowKey;
use crate::base::spans::Span;
use crate::base::{CaptureTime, Endpoint, NS_PER_S, SensorId};
use crate::sip::Method;
use std::collections::BTreeMap;

/// Media may come before the SDP that announces its address: early media races the answer. 2 s is
/// well above a round trip and well below the time after which ports are used again.
const EARLY_MEDIA_NS: i64 = 2 * NS_PER_S;

/// An address that a leg's SDP claimed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Claim {
    sensor: SensorId,
    endpoint: Endpoint,
    since: CaptureTime,
    leg: usize,
}

/// Attributes flows to legs. `legs` stand in any order; the result is theirs with media added.
/// Gives the number of flows that no leg claimed.
pub fn attribute(legs: &mut [Leg], flows: &BTreeMap<FlowKey, MediaActivity>) -> u64 {
    if flows.is_empty() {
        return 0;
    }
    let claims = claims(legs);
    let names = names(legs);
    let last_signals: Vec<Option<CaptureTime>> = legs.iter().map(|leg| leg.last_signal()).collect();
    let refused: Vec<bool> = legs.iter().map(is_refused).collect();
    let finder =
        Finder { claims: &claims, names: &names, last_signals: &last_signals, refused: &refused };
    let mut unclaimed = 0;
    for (key, activity) in flows {
        let shares = finder.shares(key, activity);
        unclaimed += u64::from(shares.is_empty());
        for (leg, share) in shares {
            legs[leg].add_media(&share);
        }
    }
    unclaimed
}

/// Whether all of a leg's INVITEs failed: it never had a session.
fn is_refused(leg: &Leg) -> bool {
    let statuses = || {
        leg.messages().filter(|(key, _)| key.cseq_method == Method::Invite).filter_map(
            |(key, _)| match key.kind {
                MessageKind::Response(status) => Some(status),
                MessageKind::Request(_) => None,
            },
        )
    };
    statuses().any(|status| status >= 300) && !statuses().any(|status| status / 100 == 2)
}

/// Every address that an SDP of a leg named, sorted by address and time.
fn claims(legs: &[Leg]) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (index, leg) in legs.iter().enumerate() {
        for (identifier, sighting) in leg.identifiers().of_kind(IdentifierKind::MediaAddress) {
            if let Some(endpoint) = parse_endpoint(identifier.value) {
                claims.push(Claim {
                    sensor: leg.sensor(),
                    endpoint,
                    since: sighting.first,
                    leg: index,
                });
            }
        }
    }
    claims.sort_unstable();
    claims
}

/// Legs by the name that a spool gives to their entries.
fn names(legs: &[Leg]) -> BTreeMap<(SensorId, EntryName), Vec<usize>> {
    let mut names: BTreeMap<(SensorId, EntryName), Vec<usize>> = BTreeMap::new();
    for (index, leg) in legs.iter().enumerate() {
        names.entry((leg.sensor(), EntryName::of_call_id(leg.call_id()))).or_default().push(index);
    }
    names
}

/// The address in an identifier of kind `MediaAddress`: `ip:port`, IPv6 in brackets.
fn parse_endpoint(value: &[u8]) -> Option<Endpoint> {
    let address: std::net::SocketAddr = std::str::from_utf8(value).ok()?.parse().ok()?;
    Some(Endpoint::new(address.ip(), address.port()))
}

struct Finder<'f> {
    claims: &'f [Claim],
    names: &'f BTreeMap<(SensorId, EntryName), Vec<usize>>,
    last_signals: &'f [Option<CaptureTime>],
    refused: &'f [bool],
}

impl Finder<'_> {
    /// What each leg gets of a flow, by leg.
    fn shares(&self, key: &FlowKey, activity: &MediaActivity) -> BTreeMap<usize, MediaActivity> {
        let mut shares: BTreeMap<usize, MediaActivity> = BTreeMap::new();
        let named = self.named(key);
        self.share(key, named, &activity.rtp, 0, &mut shares, |share| &mut share.rtp);
        self.share(key, named, &activity.rtcp, 1, &mut shares, |share| &mut share.rtcp);
        shares
    }

    /// The legs that the entry's name can mean; absent when the capture has no such names.
    fn named(&self, key: &FlowKey) -> Option<&[usize]> {
        let name = EntryName::of_entry(&key.entry_name)?;
        self.names.get(&(key.sensor, name)).map(Vec::as_slice)
    }

    fn share(
        &self,
        key: &FlowKey,
        named: Option<&[usize]>,
        spans: &MediaSpans,
        port_offset: u16,
        shares: &mut BTreeMap<usize, MediaActivity>,
        pick: impl Fn(&mut MediaActivity) -> &mut MediaSpans,
    ) {
        if spans.is_empty() {
            return;
        }
        let claims = self.claims_of(key, named, port_offset);
        if claims.is_empty() {
            // The sniffer put the packet into this leg's file, so it knew an address that the SDP
            // here does not show (a cut body, NAT); with several legs of that name nobody can tell.
            if let Some([leg]) = named {
                pick(shares.entry(*leg).or_default()).join(spans);
            }
            return;
        }
        for span in spans.as_slice() {
            for (leg, part) in self.split(&claims, *span) {
                pick(shares.entry(leg).or_default()).insert_span(part);
            }
        }
    }

    /// The claims on the destination, else on the source, in the order of time.
    fn claims_of(&self, key: &FlowKey, named: Option<&[usize]>, port_offset: u16) -> Vec<Claim> {
        let mut found: Vec<Claim> = Vec::new();
        for endpoint in [key.destination, key.source] {
            // RTCP goes to the next port, or to the same one (RFC 5761).
            for offset in [0, port_offset] {
                let port = endpoint.port.wrapping_sub(offset);
                let wanted = Endpoint::new(endpoint.address, port);
                let start = self
                    .claims
                    .partition_point(|claim| (claim.sensor, claim.endpoint) < (key.sensor, wanted));
                found.extend(
                    self.claims[start..]
                        .iter()
                        .take_while(|claim| claim.sensor == key.sensor && claim.endpoint == wanted)
                        .filter(|claim| named.is_none_or(|legs| legs.contains(&claim.leg))),
                );
                if offset == port_offset && port_offset == 0 {
                    break;
                }
            }
            if !found.is_empty() {
                break;
            }
        }
        found.sort_unstable_by_key(|claim| (claim.since, claim.leg));
        found.dedup();
        found
    }

    /// Splits a span among claims: each leg gets the part from its claim until another leg claims the
    /// address after this leg's last message. Two legs that are both alive share it: the media of a
    /// B2BUA that does not relay belongs to both legs. A leg that was refused has no session that goes
    /// on: behind its last message the address is that of a leg that was not (a ringing call that a
    /// colleague picked up, with the caller's address in both).
    fn split(&self, claims: &[Claim], span: Span) -> Vec<(usize, Span)> {
        let mut parts = Vec::new();
        for claim in claims {
            let ended = claims
                .iter()
                .filter(|other| other.leg != claim.leg && other.since > claim.since)
                .filter(|other| self.last_signals[claim.leg] < Some(other.since))
                .map(|other| other.since)
                .min();
            let by_refusal = self.last_signals[claim.leg]
                .filter(|_| self.refused[claim.leg])
                .filter(|last| self.is_claimed_by_session(claims, claim.leg, *last))
                .map(|last| last.plus_ns(1));
            let ended = ended.into_iter().chain(by_refusal).min();
            let first = span.first.max(claim.since.plus_ns(-EARLY_MEDIA_NS));
            let last = ended.map_or(span.last, |ended| span.last.min(ended.plus_ns(-1)));
            if first <= last {
                parts.push((claim.leg, Span { first, last }));
            }
        }
        parts
    }

    /// Whether another leg, one that was not refused, claims the address by a moment.
    fn is_claimed_by_session(&self, claims: &[Claim], leg: usize, by: CaptureTime) -> bool {
        claims.iter().any(|other| other.leg != leg && other.since <= by && !self.refused[other.leg])
    }
}
