//! The one pass over all legs: what the CDRs, the rules and the merge headers need of each.
//!
//! Reading a leg costs more than looking at it, so it is read once for all of them.

use super::error::Error;
use super::gather::TimeSpan;
use super::reconstruct::ReconstructOptions;
use super::side_by_side::parts;
use super::spill::{SharedRuns, Spill};
use crate::base::{CaptureTime, PackedRun, SensorId};
use crate::call::{CallIds, MergeLinks, OutlineBuilder, OutlineParts, Outlines};
use crate::leg::midway::is_midway;
use crate::leg::{CaptureRules, Cdr, Leg, Legs, finalise};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// What the legs told.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// CDRs by leg, then by start.
    pub(super) cdrs: Vec<Cdr>,
    /// What the rules read, by leg.
    pub(super) outlines: Outlines,
    /// What merge headers name.
    pub(super) links: MergeLinks,
    pub(super) flags: LegFlags,
}

/// What is counted or noted of single legs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LegFlags {
    /// Legs with an INVITE.
    pub with_invite: u64,
    /// Legs of which the vendor's sniffer could not have read some packets.
    pub vendor_blind: u64,
    /// Legs that are seen from the middle on, each with its first message.
    pub midway: Vec<(u32, CaptureTime)>,
    /// Legs of which a cap dropped facts.
    pub over_limit: Vec<u32>,
}

impl LegFlags {
    fn add(&mut self, number: u32, leg: &Leg) {
        self.with_invite += u64::from(leg.has_invite());
        self.vendor_blind += u64::from(leg.is_vendor_blind());
        if is_midway(leg) {
            self.midway.push((number, leg.first_seen().unwrap_or_default()));
        }
        if leg.is_over_limit() {
            self.over_limit.push(number);
        }
    }

    fn append(&mut self, mut behind: Self) {
        self.with_invite += behind.with_invite;
        self.vendor_blind += behind.vendor_blind;
        self.midway.append(&mut behind.midway);
        self.over_limit.append(&mut behind.over_limit);
    }
}

/// Looks at each leg once, on all threads.
///
/// # Errors
///
/// When a file with outlines beyond the memory budget cannot be read back.
pub(super) fn look(
    legs: &Legs,
    options: &ReconstructOptions,
    spans: &BTreeMap<SensorId, TimeSpan>,
    spill: &Spill,
) -> Result<Seen, Error> {
    let mut known = CallIds::new(legs);
    let marks: Vec<Vec<PackedRun>> =
        parts(legs.numbers()).into_par_iter().map(|part| known.mark(part)).collect();
    known.index(marks.into_iter().flatten());
    let kept = SharedRuns::new(spill);
    let of_part = |part: Range<u32>| {
        let (seen, outlines) = look_at_part(legs, part, options, spans, &known);
        (seen, kept.keep(outlines))
    };
    let seen: Vec<(Seen, Vec<usize>)> =
        parts(legs.numbers()).into_par_iter().map(of_part).collect();
    let cdrs = seen.iter().map(|(part, _)| part.cdrs.len()).sum();
    let mut all = Seen { cdrs: Vec::with_capacity(cdrs), ..Seen::default() };
    let mut order = Vec::with_capacity(seen.len());
    for (part, places) in seen {
        all.cdrs.extend(part.cdrs);
        all.links.append(part.links);
        all.flags.append(part.flags);
        order.extend(places);
    }
    all.outlines = Outlines::new(kept.finish(order)?);
    Ok(all)
}

/// What the legs of one part tell, and their outlines, packed.
fn look_at_part(
    legs: &Legs,
    part: Range<u32>,
    options: &ReconstructOptions,
    spans: &BTreeMap<SensorId, TimeSpan>,
    known: &CallIds<'_>,
) -> (Seen, Vec<PackedRun>) {
    let (rules, secret) = (&options.capture, options.capture.merge_secret.as_deref());
    let mut seen = Seen { cdrs: Vec::with_capacity(part.len()), ..Seen::default() };
    let mut outlines = OutlineBuilder::default();
    let mut leg = Leg::new(SensorId::default(), b"");
    for number in part {
        if !legs.read(number, &mut leg) {
            continue;
        }
        seen.flags.add(number, &leg);
        let horizon = spans.get(&leg.sensor()).map_or(CaptureTime::MAX, |span| span.last);
        let made = finalise(&leg, number, &options.timing, &options.numbers, horizon);
        seen.cdrs.extend(made.into_iter().filter(|cdr| is_written(rules, cdr)));
        outlines.push(&OutlineParts::of(&leg));
        seen.links.add(known, number, &leg, secret);
    }
    (seen, outlines.finish())
}

/// Whether the vendor's configuration lets the sniffer write the CDR (facts C, 'Not written at all').
pub(super) fn is_written(rules: &CaptureRules, cdr: &Cdr) -> bool {
    !rules.writes_nothing
        && (!rules.only_answered || cdr.connected.is_some())
        && (!rules.only_with_rtp || cdr.has_media)
        && !rules.ignores_response(cdr.last_response)
}
