//! Whose media a flow is: by SDP address and port, or by the Call-ID in the name of its archive entry.
//!
//! The sniffer registers the addresses of an SDP when it sees it and hands every packet to the calls
//! registered for its destination, else for its source (facts and run section 2). Here all legs are
//! known first, so that the order of packets and files cannot matter.

use super::entry_name::EntryName;
use super::fact::MessageKind;
use super::identifier::IdentifierKind;
use super::legs::Legs;
use super::media::{MediaActivity, MediaSpans};
use super::media_flow::FlowKey;
use super::view::LegView;
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
    leg: u32,
}

/// What attribution found.
#[derive(Clone, Debug, Default)]
pub struct Attributed {
    /// The media of legs, by flow, then leg; a leg stands once for each of its flows.
    pub media: Vec<(u32, MediaActivity)>,
    /// Flows that no leg claimed.
    pub unclaimed: u64,
}

/// Attributes flows to legs.
#[must_use]
pub fn attribute(legs: &Legs, flows: &BTreeMap<FlowKey, MediaActivity>) -> Attributed {
    let mut found = Attributed::default();
    if flows.is_empty() {
        return found;
    }
    let mut claims = Vec::new();
    let (mut last_signals, mut refused) = (Vec::new(), Vec::new());
    let mut leg = LegView::default();
    for number in legs.numbers() {
        legs.view(number, &mut leg);
        add_claims(number, &leg, &mut claims);
        last_signals.push(leg.last_signal());
        refused.push(is_refused(&leg));
    }
    claims.sort_unstable();
    // Only a spool's own captures are named after calls.
    let has_names = flows.keys().any(|key| !key.entry_name.is_empty());
    let names = if has_names { names(legs) } else { BTreeMap::new() };
    let finder =
        Finder { claims: &claims, names: &names, last_signals: &last_signals, refused: &refused };
    for (key, activity) in flows {
        let shares = finder.shares(key, activity);
        found.unclaimed += u64::from(shares.is_empty());
        found.media.extend(shares);
    }
    found
}

/// Whether all of a leg's INVITEs failed: it never had a session.
fn is_refused(leg: &LegView<'_>) -> bool {
    let statuses = || {
        let keys = leg.messages().iter().map(|message| &message.key);
        keys.filter(|key| key.cseq_method == Method::Invite).filter_map(|key| match key.kind {
            MessageKind::Response(status) => Some(status),
            MessageKind::Request(_) => None,
        })
    };
    statuses().any(|status| status >= 300) && !statuses().any(|status| status / 100 == 2)
}

/// Adds every address that an SDP of a leg named.
fn add_claims(number: u32, leg: &LegView<'_>, claims: &mut Vec<Claim>) {
    for (identifier, sighting) in leg.of_kind(IdentifierKind::MediaAddress) {
        if let Some(endpoint) = parse_endpoint(identifier.value) {
            let (sensor, since) = (leg.sensor(), sighting.first);
            claims.push(Claim { sensor, endpoint, since, leg: number });
        }
    }
}

/// Legs by the name that a spool gives to their entries.
fn names(legs: &Legs) -> BTreeMap<(SensorId, EntryName), Vec<u32>> {
    let mut names: BTreeMap<(SensorId, EntryName), Vec<u32>> = BTreeMap::new();
    for leg in legs.numbers() {
        let name = EntryName::of_call_id(legs.call_id(leg));
        names.entry((legs.sensor(leg), name)).or_default().push(leg);
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
    names: &'f BTreeMap<(SensorId, EntryName), Vec<u32>>,
    last_signals: &'f [Option<CaptureTime>],
    refused: &'f [bool],
}

impl Finder<'_> {
    /// What each leg gets of a flow, by leg.
    fn shares(&self, key: &FlowKey, activity: &MediaActivity) -> BTreeMap<u32, MediaActivity> {
        let mut shares: BTreeMap<u32, MediaActivity> = BTreeMap::new();
        let named = self.named(key);
        self.share(key, named, &activity.rtp, 0, &mut shares, |share| &mut share.rtp);
        self.share(key, named, &activity.rtcp, 1, &mut shares, |share| &mut share.rtcp);
        shares
    }

    /// The legs that the entry's name can mean; absent when the capture has no such names.
    fn named(&self, key: &FlowKey) -> Option<&[u32]> {
        let name = EntryName::of_entry(&key.entry_name)?;
        self.names.get(&(key.sensor, name)).map(Vec::as_slice)
    }

    fn share(
        &self,
        key: &FlowKey,
        named: Option<&[u32]>,
        spans: &MediaSpans,
        port_offset: u16,
        shares: &mut BTreeMap<u32, MediaActivity>,
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
        for claim in &claims {
            let (first, last) = self.bounds(&claims, claim);
            let part = spans.within(first, last);
            if !part.is_empty() {
                pick(shares.entry(claim.leg).or_default()).join(&part);
            }
        }
    }

    /// The claims on the destination, else on the source, in the order of time.
    fn claims_of(&self, key: &FlowKey, named: Option<&[u32]>, port_offset: u16) -> Vec<Claim> {
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

    /// The first and last moment of which a claim gets the media: from the claim until another leg
    /// claims the address after this leg's last message. Two legs that are both alive share it: the media of a
    /// B2BUA that does not relay belongs to both legs. A leg that was refused has no session that goes
    /// on: behind its last message the address is that of a leg that was not (a ringing call that a
    /// colleague picked up, with the caller's address in both).
    fn bounds(&self, claims: &[Claim], claim: &Claim) -> (CaptureTime, CaptureTime) {
        let ended = claims
            .iter()
            .filter(|other| other.leg != claim.leg && other.since > claim.since)
            .filter(|other| self.last_signals[claim.leg as usize] < Some(other.since))
            .map(|other| other.since)
            .min();
        let by_refusal = self.last_signals[claim.leg as usize]
            .filter(|_| self.refused[claim.leg as usize])
            .filter(|last| self.is_claimed_by_session(claims, claim.leg, *last))
            .map(|last| last.plus_ns(1));
        let ended = ended.into_iter().chain(by_refusal).min();
        let first = claim.since.plus_ns(-EARLY_MEDIA_NS);
        (first, ended.map_or(CaptureTime::MAX, |ended| ended.plus_ns(-1)))
    }

    /// Whether another leg, one that was not refused, claims the address by a moment.
    fn is_claimed_by_session(&self, claims: &[Claim], leg: u32, by: CaptureTime) -> bool {
        claims
            .iter()
            .any(|other| other.leg != leg && other.since <= by && !self.refused[other.leg as usize])
    }
}
