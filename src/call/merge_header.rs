//! What `callidmerge_header` would do: which headers name other legs, and the CDRs with one of them
//! set. In: the run's legs and CDRs. Out: the CDRs as the sniffer would write them.
//!
//! The sniffer joins by sensor and by exact value (facts A.7): no suffix, no shared token, no other
//! sensor's leg. Legs that name none and are named by none keep their CDRs.

use super::merge_secret::reveal;
use super::rules::header_parts;
use crate::base::limits::CALL_ID_BYTES_MAX;
use crate::base::{CaptureTime, SensorId};
use crate::leg::{
    Cdr, FamilyLeg, IdentifierKind, Leg, Legs, NumberRules, TimingRules, finalise_family,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The name under which the values of In-Reply-To (RFC 3261 section 20.21) are candidates.
const IN_REPLY_TO: &str = "in-reply-to";

/// A header with which the sniffer could merge.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct MergeHeader {
    /// Its name in lower case; header names are compared without case.
    pub name: String,
    /// Legs in which it names another leg of the sensor.
    pub legs: usize,
}

/// The run with a merge header set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeaderMerge {
    /// The CDRs, by leg, then start; `leg` as in the CDRs given.
    pub cdrs: Vec<Cdr>,
    /// Legs that the header names as a child, and whether they went into another leg's CDR.
    pub named: usize,
    /// Which leg went into the CDR of which other.
    pub merged: Vec<(u32, u32)>,
}

/// What the machine needs beside the legs.
#[derive(Clone, Copy, Debug)]
pub struct MergeRules<'r> {
    /// When calls close.
    pub timing: &'r TimingRules,
    /// Which numbers count.
    pub numbers: &'r NumberRules,
    /// `callidmerge_secret`, which hides the values; absent: they are plain.
    pub secret: Option<&'r [u8]>,
    /// The last moment of each sensor's captures; a sensor without one was captured for ever.
    pub horizons: &'r BTreeMap<SensorId, CaptureTime>,
}

/// The headers of the captures that name another leg of their sensor, most legs first; with `secret`
/// those that name it hidden by that.
#[must_use]
pub fn merge_headers(legs: &Legs, secret: Option<&[u8]>) -> Vec<MergeHeader> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (number, leg) in legs.numbers().zip(legs.iter()) {
        let mut of_leg: BTreeSet<Cow<'_, str>> = BTreeSet::new();
        for (name, value, _) in candidates(&leg) {
            if let Some(value) = revealed(value, secret)
                && names_another(legs, number, &value)
            {
                of_leg.insert(name);
            }
        }
        for name in of_leg {
            *found.entry(name.to_ascii_lowercase()).or_default() += 1;
        }
    }
    let mut headers: Vec<MergeHeader> =
        found.into_iter().map(|(name, legs)| MergeHeader { name, legs }).collect();
    headers.sort_by(|left, right| (right.legs, &left.name).cmp(&(left.legs, &right.name)));
    headers
}

/// What may carry a Call-ID: the header's name in lower case, its value, and when it was first seen.
fn candidates(leg: &Leg) -> impl Iterator<Item = (Cow<'_, str>, &[u8], CaptureTime)> {
    let replies = leg.identifiers().of_kind(IdentifierKind::InReplyTo);
    let replies =
        replies.map(|(reply, sighting)| (Cow::Borrowed(IN_REPLY_TO), reply.value, sighting.first));
    let headers = leg.identifiers().of_kind(IdentifierKind::Header);
    replies.chain(headers.filter_map(|(header, sighting)| {
        // Names are kept in lower case.
        let (name, value) = header_parts(header.value)?;
        Some((String::from_utf8_lossy(name), value, sighting.first))
    }))
}

/// The Call-ID that a value is, or hides. The sniffer reads no value of 1024 bytes and more.
fn revealed<'v>(value: &'v [u8], secret: Option<&[u8]>) -> Option<Cow<'v, [u8]>> {
    if value.is_empty() || value.len() > CALL_ID_BYTES_MAX {
        return None;
    }
    match secret {
        None => Some(Cow::Borrowed(value)),
        Some(secret) => reveal(value, secret).map(Cow::Owned),
    }
}

fn names_another(legs: &Legs, leg: u32, value: &[u8]) -> bool {
    value != legs.call_id(leg) && place_of(legs, legs.sensor(leg), value).is_some()
}

/// The leg with this Call-ID on this sensor. A value that the sniffer does not read (1024 bytes and more)
/// finds none.
fn place_of(legs: &Legs, sensor: SensorId, call_id: &[u8]) -> Option<u32> {
    if call_id.len() > CALL_ID_BYTES_MAX {
        return None;
    }
    legs.find(sensor, call_id)
}

/// The CDRs of the run with `callidmerge_header` set to `header`. `cdrs` stand by leg; `is_written` is whether the configuration lets a CDR be written at all.
#[must_use]
pub fn merge_by_header(
    legs: &Legs,
    cdrs: &[Cdr],
    header: &str,
    rules: MergeRules<'_>,
    is_written: impl Fn(&Cdr) -> bool,
) -> HeaderMerge {
    let names: Vec<Vec<Name>> =
        legs.iter().map(|leg| names_of(&leg, header, rules.secret)).collect();
    let families = families(legs, &names);
    let mut made = HeaderMerge {
        named: legs
            .numbers()
            .zip(&names)
            .filter(|(leg, names)| names.iter().any(|(_, name)| names_another(legs, *leg, name)))
            .count(),
        ..HeaderMerge::default()
    };
    let in_family: BTreeSet<u32> = families.iter().flatten().copied().collect();
    made.cdrs.extend(cdrs.iter().filter(|cdr| !in_family.contains(&cdr.leg)).cloned());
    for family in families {
        let own: Vec<(u32, Leg)> =
            family.iter().filter_map(|leg| Some((*leg, legs.get(*leg)?))).collect();
        let members: Vec<FamilyLeg<'_>> = own
            .iter()
            .map(|(index, leg)| FamilyLeg {
                leg,
                index: *index,
                names: names[*index as usize].iter().map(|(time, name)| (*time, &**name)).collect(),
            })
            .collect();
        let sensor = members.first().map(|member| member.leg.sensor()).unwrap_or_default();
        let horizon = rules.horizons.get(&sensor).copied().unwrap_or(CaptureTime::MAX);
        let played = finalise_family(&members, rules.timing, rules.numbers, horizon);
        made.cdrs.extend(played.cdrs.into_iter().filter(&is_written));
        made.merged.extend(played.merged);
    }
    made.cdrs.sort_by_key(|cdr| (cdr.leg, cdr.sequence));
    made.merged.sort_unstable();
    made
}

/// When a Call-ID was named, and which.
type Name = (CaptureTime, Box<[u8]>);

/// What the INVITEs of a leg say in a header, by time.
fn names_of(leg: &Leg, header: &str, secret: Option<&[u8]>) -> Vec<Name> {
    let mut names: Vec<Name> = candidates(leg)
        .filter(|(name, ..)| name.eq_ignore_ascii_case(header))
        .filter_map(|(_, value, first)| Some((first, revealed(value, secret)?.into())))
        .collect();
    names.sort_unstable();
    names
}

/// Legs that name each other, directly or by way of others; families of more than one, rising.
fn families(legs: &Legs, names: &[Vec<Name>]) -> Vec<Vec<u32>> {
    let mut roots: Vec<u32> = legs.numbers().collect();
    for (child, names) in legs.numbers().zip(names) {
        for (_, name) in names {
            if let Some(parent) = place_of(legs, legs.sensor(child), name) {
                let (one, other) = (root(&mut roots, child), root(&mut roots, parent));
                roots[one.max(other) as usize] = one.min(other);
            }
        }
    }
    let mut families: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for leg in legs.numbers() {
        let root = root(&mut roots, leg);
        // A root is the smallest leg of its family, so it stands first.
        if root != leg {
            families.entry(root).or_insert_with(|| vec![root]).push(leg);
        }
    }
    families.into_values().collect()
}

/// The smallest leg of a family, halving the path to it.
fn root(roots: &mut [u32], mut leg: u32) -> u32 {
    while roots[leg as usize] != leg {
        roots[leg as usize] = roots[roots[leg as usize] as usize];
        leg = roots[leg as usize];
    }
    leg
}
