//! What `callidmerge_header` would do: which headers name other legs, and the CDRs with one of them
//! set. In: the run's legs and CDRs. Out: the CDRs as the sniffer would write them.
//!
//! The sniffer joins by sensor and by exact value (facts A.7): no suffix, no shared token, no other
//! sensor's leg. Legs that name none and are named by none keep their CDRs.

use super::filter::Filter;
use super::merge_secret::reveal;
use super::rules::header_parts;
use crate::base::limits::CALL_ID_BYTES_MAX;
use crate::base::{CaptureTime, PackedBuilder, PackedList, PackedRun, SensorId};
use crate::leg::{
    Cdr, CdrBuilder, Cdrs, FamilyLeg, IdentifierKind, LegView, Legs, NumberRules, TimingRules,
    finalise_family,
};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// The name under which the values of In-Reply-To (RFC 3261 section 20.21) are candidates.
const IN_REPLY_TO: &str = "in-reply-to";

/// Room for each Call-ID in the first look: one value in nine is looked for in vain.
const SLOTS_PER_CALL_ID: usize = 8;

/// A header with which the sniffer could merge.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct MergeHeader {
    /// Its name in lower case; header names are compared without case.
    pub name: String,
    /// Legs in which it names another leg of the sensor.
    pub legs: usize,
}

/// The run with a merge header set: the CDRs without it, but for some legs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeaderMerge {
    /// Legs whose CDRs are others now, rising.
    pub changed: Vec<u32>,
    /// What the changed legs have in place of theirs, family by family.
    pub added: Cdrs,
    /// Legs that the header names as a child, and whether they went into another leg's CDR.
    pub named: usize,
    /// Which leg went into the CDR of which other.
    pub merged: Vec<(u32, u32)>,
}

impl HeaderMerge {
    /// All CDRs, by leg, then start; `cdrs` as they were merged, by leg.
    #[must_use]
    pub fn cdrs(&self, cdrs: &[Cdr]) -> Vec<Cdr> {
        let is_left = |cdr: &&Cdr| self.changed.binary_search(&cdr.leg).is_err();
        let left = cdrs.iter().filter(is_left).cloned();
        let mut all: Vec<Cdr> = left.chain(self.added.iter()).collect();
        all.sort_by_key(|cdr| (cdr.leg, cdr.sequence));
        all
    }
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

/// Every so many legs one is in the index of Call-IDs: those between two of them lie side by side.
const LEGS_PER_MARK: u32 = 64;

/// The Call-IDs of all legs: a first look, because nearly all values of headers are none, and an index,
/// because legs may lie in a file, where a search among all of them would cost a page a step.
#[derive(Debug)]
pub struct CallIds<'l> {
    legs: &'l Legs,
    filter: Filter,
    /// The hash only spares a search; its seed may be known.
    hasher: foldhash::fast::FixedState,
    /// Of every [`LEGS_PER_MARK`]th leg the sensor, in two bytes, and the Call-ID.
    marks: PackedList,
}

impl<'l> CallIds<'l> {
    /// Those of `legs`, for which [`Self::mark`] is still to be called.
    #[must_use]
    pub fn new(legs: &'l Legs) -> Self {
        let filter = Filter::new(legs.len(), SLOTS_PER_CALL_ID);
        let hasher = foldhash::fast::FixedState::default();
        Self { legs, filter, hasher, marks: PackedList::default() }
    }

    /// Those of `legs`.
    #[must_use]
    pub fn of(legs: &'l Legs) -> Self {
        let mut made = Self::new(legs);
        let marks = made.mark(legs.numbers());
        made.index(marks);
        made
    }

    /// Looks at some legs; every leg wants to be looked at once, in any order. Gives their marks.
    #[must_use]
    pub fn mark(&self, legs: std::ops::Range<u32>) -> Vec<PackedRun> {
        let mut marks = PackedBuilder::default();
        for number in legs {
            let Some(leg) = self.legs.packed(number) else { continue };
            let (sensor, call_id) = leg.key();
            self.filter.mark(self.hasher.hash_one(call_id));
            if number.is_multiple_of(LEGS_PER_MARK) {
                marks.push_with(|bytes| {
                    bytes.extend_from_slice(&sensor.0.to_be_bytes());
                    bytes.extend_from_slice(call_id);
                });
            }
        }
        marks.finish()
    }

    /// Takes the marks of all legs, in the order of the legs.
    pub fn index(&mut self, marks: impl IntoIterator<Item = PackedRun>) {
        self.marks = marks.into_iter().collect();
    }

    /// The leg with this Call-ID on this sensor. A value that the sniffer does not read (1024 bytes and
    /// more) finds none.
    fn find(&self, sensor: SensorId, call_id: &[u8]) -> Option<u32> {
        let may_be = call_id.len() <= CALL_ID_BYTES_MAX
            && self.filter.was_there(self.hasher.hash_one(call_id));
        if !may_be {
            return None;
        }
        let is_behind = |mark: &[u8]| {
            let (of_sensor, of_call_id) = mark.split_at_checked(2).unwrap_or_default();
            (of_sensor, of_call_id) > (&sensor.0.to_be_bytes()[..], call_id)
        };
        let std::ops::Range { mut start, mut end } = self.marks.numbers();
        while start < end {
            let middle = start.midpoint(end);
            if self.marks.get(middle).is_some_and(is_behind) {
                end = middle;
            } else {
                start = middle + 1;
            }
        }
        let first = start.checked_sub(1)?.saturating_mul(LEGS_PER_MARK);
        let last = first.saturating_add(LEGS_PER_MARK).min(self.legs.numbers().end);
        self.legs.find_among(first..last, (sensor, call_id))
    }
}

/// A leg in which a header names another leg of its sensor.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Link {
    /// The place of the header's name.
    header: u32,
    child: u32,
    parent: u32,
}

/// Which headers of the captures name which legs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MergeLinks {
    /// Names of headers, in lower case.
    headers: Vec<String>,
    links: Vec<Link>,
}

impl MergeLinks {
    /// What the headers of all legs name; with `secret` what they name hidden by that.
    #[must_use]
    pub fn of(legs: &Legs, secret: Option<&[u8]>) -> Self {
        let (call_ids, mut links) = (CallIds::of(legs), Self::default());
        let mut leg = LegView::default();
        for number in legs.numbers() {
            if legs.view(number, &mut leg).is_some() {
                links.add(&call_ids, number, &leg, secret);
            }
        }
        links
    }

    /// Adds what the headers of a leg name.
    pub fn add(
        &mut self,
        known: &CallIds<'_>,
        number: u32,
        leg: &LegView<'_>,
        secret: Option<&[u8]>,
    ) {
        for (name, value, _) in candidates(leg) {
            let parent = revealed(value, secret)
                .filter(|value| **value != *leg.call_id())
                .and_then(|value| known.find(leg.sensor(), &value));
            if let Some(parent) = parent {
                let header = self.place_of(&name.to_ascii_lowercase());
                self.links.push(Link { header, child: number, parent });
            }
        }
    }

    /// Adds what was found in other legs.
    pub fn append(&mut self, other: Self) {
        let places: Vec<u32> = other.headers.iter().map(|name| self.place_of(name)).collect();
        let moved = |link: Link| Link { header: places[link.header as usize], ..link };
        self.links.extend(other.links.into_iter().map(moved));
    }

    fn place_of(&mut self, name: &str) -> u32 {
        let known = self.headers.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.headers.push(name.to_owned());
            self.headers.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// The headers of the captures that name another leg of their sensor, most legs first.
    #[must_use]
    pub fn headers(&self) -> Vec<MergeHeader> {
        let mut children: Vec<(u32, u32)> =
            self.links.iter().map(|link| (link.header, link.child)).collect();
        children.sort_unstable();
        children.dedup();
        let by_header = children.chunk_by(|left, right| left.0 == right.0);
        let mut headers: Vec<MergeHeader> = by_header
            .map(|legs| MergeHeader {
                name: self.headers[legs[0].0 as usize].clone(),
                legs: legs.len(),
            })
            .collect();
        headers.sort_by(|left, right| (right.legs, &left.name).cmp(&(left.legs, &right.name)));
        headers
    }

    /// Child and parent by one header, rising.
    fn by_header(&self, header: &str) -> Vec<(u32, u32)> {
        let named = |link: &&Link| {
            let name = self.headers.get(link.header as usize);
            name.is_some_and(|name| name.eq_ignore_ascii_case(header))
        };
        let mut links: Vec<(u32, u32)> =
            self.links.iter().filter(named).map(|link| (link.child, link.parent)).collect();
        links.sort_unstable();
        links.dedup();
        links
    }
}

/// The headers of the captures that name another leg of their sensor, most legs first; with `secret`
/// those that name it hidden by that.
#[must_use]
pub fn merge_headers(legs: &Legs, secret: Option<&[u8]>) -> Vec<MergeHeader> {
    MergeLinks::of(legs, secret).headers()
}

/// What may carry a Call-ID: the header's name in lower case, its value, and when it was first seen.
fn candidates<'v>(
    leg: &'v LegView<'_>,
) -> impl Iterator<Item = (Cow<'v, str>, &'v [u8], CaptureTime)> {
    let replies = leg.of_kind(IdentifierKind::InReplyTo).iter();
    let replies =
        replies.map(|(reply, sighting)| (Cow::Borrowed(IN_REPLY_TO), reply.value, sighting.first));
    let headers = leg.of_kind(IdentifierKind::Header).iter();
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

/// The CDRs of the run with `callidmerge_header` set to `header`. `links` are those of the legs, with the
/// secret of `rules`; `is_written` is whether the configuration lets a CDR be written at all.
#[must_use]
pub fn merge_by_header(
    legs: &Legs,
    links: &MergeLinks,
    header: &str,
    rules: MergeRules<'_>,
    is_written: impl Fn(&Cdr) -> bool,
) -> HeaderMerge {
    let links = links.by_header(header);
    let mut made = HeaderMerge {
        named: links.chunk_by(|left, right| left.0 == right.0).count(),
        ..HeaderMerge::default()
    };
    let mut added = CdrBuilder::default();
    for family in families(&links).chunk_by(|left, right| left.0 == right.0) {
        let family = family.iter().map(|(_, leg)| *leg);
        made.changed.extend(family.clone());
        let own: Vec<(u32, LegView<'_>)> = family
            .filter_map(|leg| {
                let mut view = LegView::default();
                legs.view(leg, &mut view).map(|_| (leg, view))
            })
            .collect();
        let names: Vec<Vec<Name>> =
            own.iter().map(|(_, leg)| names_of(leg, header, rules.secret)).collect();
        let members: Vec<FamilyLeg<'_>> = own
            .iter()
            .zip(&names)
            .map(|((index, leg), names)| FamilyLeg {
                leg,
                index: *index,
                names: names.iter().map(|(time, name)| (*time, &**name)).collect(),
            })
            .collect();
        let sensor = members.first().map(|member| member.leg.sensor()).unwrap_or_default();
        let horizon = rules.horizons.get(&sensor).copied().unwrap_or(CaptureTime::MAX);
        let played = finalise_family(&members, rules.timing, rules.numbers, horizon);
        played.cdrs.iter().filter(|cdr| is_written(cdr)).for_each(|cdr| added.push(cdr));
        made.merged.extend(played.merged);
    }
    made.changed.sort_unstable();
    made.added = Cdrs::new(added.finish());
    made.merged.sort_unstable();
    made
}

/// When a Call-ID was named, and which.
type Name = (CaptureTime, Box<[u8]>);

/// What the INVITEs of a leg say in a header, by time.
fn names_of(leg: &LegView<'_>, header: &str, secret: Option<&[u8]>) -> Vec<Name> {
    let mut names: Vec<Name> = candidates(leg)
        .filter(|(name, ..)| name.eq_ignore_ascii_case(header))
        .filter_map(|(_, value, first)| Some((first, revealed(value, secret)?.into())))
        .collect();
    names.sort_unstable();
    names
}

/// Legs that name each other, directly or by way of others, each behind the place of its family, which has
/// more than one; rising.
fn families(links: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut legs: Vec<u32> = links.iter().flat_map(|(child, parent)| [*child, *parent]).collect();
    legs.sort_unstable();
    legs.dedup();
    // All of them are there: they were just put.
    let place = |leg: u32| legs.binary_search(&leg).unwrap_or_default() as u32;
    let mut roots: Vec<u32> = (0..).take(legs.len()).collect();
    for (child, parent) in links {
        let (one, other) = (root(&mut roots, place(*child)), root(&mut roots, place(*parent)));
        roots[one.max(other) as usize] = one.min(other);
    }
    let numbered = (0u32..).zip(&legs);
    let mut families: Vec<(u32, u32)> =
        numbered.map(|(at, leg)| (root(&mut roots, at), *leg)).collect();
    families.sort_unstable();
    families
}

/// The smallest leg of a family, halving the path to it.
fn root(roots: &mut [u32], mut leg: u32) -> u32 {
    while roots[leg as usize] != leg {
        roots[leg as usize] = roots[roots[leg as usize] as usize];
        leg = roots[leg as usize];
    }
    leg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leg::Leg;

    #[test]
    fn the_index_finds_every_leg_and_no_other() {
        for legs in [0u32, 1, 63, 64, 65, 128, 300] {
            let call_id = |leg: u32| format!("{leg:04}@host").into_bytes();
            let of_sensor =
                |sensor: u16| (0..legs).map(move |leg| Leg::new(SensorId(sensor), &call_id(leg)));
            let legs_of_both: Legs = of_sensor(0).chain(of_sensor(3)).collect();
            let known = CallIds::of(&legs_of_both);
            for (number, leg) in legs_of_both.numbers().zip(legs_of_both.iter()) {
                assert_eq!(known.find(leg.sensor(), leg.call_id()), Some(number), "of {legs}");
            }
            for (sensor, absent) in [(0, &b""[..]), (1, b"0000@host"), (0, b"9"), (3, b"0000@hos")]
            {
                assert_eq!(known.find(SensorId(sensor), absent), None, "of {legs}");
            }
        }
    }
}
