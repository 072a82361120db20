//! The one pass over all legs: what the CDRs, the rules and the merge headers need of each.
//!
//! Reading a leg costs more than looking at it, so it is read once for all of them.

use super::error::Error;
use super::gather::TimeSpan;
use super::reconstruct::ReconstructOptions;
use super::side_by_side::parts;
use super::spill::{SharedRuns, Spill};
use crate::base::{CaptureTime, PackedRun, SensorId};
use crate::call::{CallIds, MergeLinks, OutlineBuilder, OutlineRoom, Outlines};
use crate::leg::pack::PackedLeg;
use crate::leg::{CaptureRules, Cdr, CdrBuilder, Cdrs, Finaliser, LegView, Legs};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// What the legs told.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// CDRs by leg, then by start.
    pub(super) cdrs: Cdrs,
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
    /// Those of them of which it dropped messages.
    pub messages_dropped: Vec<u32>,
    /// CDRs with media.
    pub cdrs_with_media: u64,
    /// CDRs that were answered, and of which no packet says when they ended.
    pub cdrs_ended_by_signalling: u64,
    /// CDRs that the configuration leaves out.
    pub cdrs_left_out: u64,
}

impl LegFlags {
    fn add(&mut self, number: u32, leg: &PackedLeg<'_>) {
        self.with_invite += u64::from(leg.has_invite());
        self.vendor_blind += u64::from(leg.is_vendor_blind());
        if leg.is_midway() {
            self.midway.push((number, leg.first_seen().unwrap_or_default()));
        }
        if leg.is_over_limit() {
            self.over_limit.push(number);
        }
    }

    fn add_cdr(&mut self, cdr: &Cdr) {
        self.cdrs_with_media += u64::from(cdr.has_media);
        let is_open = cdr.connected.is_some() && cdr.hung_up_by.is_none() && !cdr.has_media;
        self.cdrs_ended_by_signalling += u64::from(is_open && !cdr.only_when_cut);
    }

    fn append(&mut self, mut behind: Self) {
        self.with_invite += behind.with_invite;
        self.vendor_blind += behind.vendor_blind;
        self.midway.append(&mut behind.midway);
        self.over_limit.append(&mut behind.over_limit);
        self.messages_dropped.append(&mut behind.messages_dropped);
        self.cdrs_with_media += behind.cdrs_with_media;
        self.cdrs_ended_by_signalling += behind.cdrs_ended_by_signalling;
        self.cdrs_left_out += behind.cdrs_left_out;
    }
}

/// Looks at each leg once, on all threads.
///
/// # Errors
///
/// When a file with outlines or CDRs beyond the memory budget cannot be read back.
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
    let (outlines, cdrs) = (SharedRuns::new(spill), SharedRuns::new(spill));
    let of_part = |part: Range<u32>| {
        let of_part = look_at_part(legs, part, options, spans, &known);
        let places = [outlines.keep(of_part.outlines), cdrs.keep(of_part.cdrs)];
        (of_part.links, of_part.flags, places)
    };
    let seen: Vec<_> = parts(legs.numbers()).into_par_iter().map(of_part).collect();
    let mut all = Seen::default();
    let (mut of_outlines, mut of_cdrs) = (Vec::new(), Vec::new());
    for (links, flags, [outlines, cdrs]) in seen {
        all.links.append(links);
        all.flags.append(flags);
        of_outlines.extend(outlines);
        of_cdrs.extend(cdrs);
    }
    all.outlines = Outlines::new(outlines.finish(of_outlines)?);
    all.cdrs = Cdrs::new(cdrs.finish(of_cdrs)?);
    Ok(all)
}

/// What the legs of one part told; outlines and CDRs are packed.
#[derive(Debug)]
struct SeenPart {
    cdrs: Vec<PackedRun>,
    outlines: Vec<PackedRun>,
    links: MergeLinks,
    flags: LegFlags,
}

fn look_at_part(
    legs: &Legs,
    part: Range<u32>,
    options: &ReconstructOptions,
    spans: &BTreeMap<SensorId, TimeSpan>,
    known: &CallIds<'_>,
) -> SeenPart {
    let (rules, secret) = (&options.capture, options.capture.merge_secret.as_deref());
    let (mut links, mut flags) = (MergeLinks::default(), LegFlags::default());
    let (mut outlines, mut cdrs) = (OutlineBuilder::default(), CdrBuilder::default());
    let mut finaliser = Finaliser::new(&options.timing, &options.numbers);
    let (mut leg, mut room) = (LegView::default(), OutlineRoom::default());
    for number in part {
        let Some(packed) = legs.view(number, &mut leg) else { continue };
        flags.add(number, &packed);
        let horizon = spans.get(&leg.sensor()).map_or(CaptureTime::MAX, |span| span.last);
        let made = finaliser.leg(&leg, number, horizon);
        for cdr in made {
            if is_written(rules, cdr) {
                flags.add_cdr(cdr);
                cdrs.push(cdr);
            } else {
                flags.cdrs_left_out += 1;
            }
        }
        outlines.push_view(&leg, &mut room);
        links.add(known, number, &leg, secret);
    }
    SeenPart { cdrs: cdrs.finish(), outlines: outlines.finish(), links, flags }
}

/// Whether the vendor's configuration lets the sniffer write the CDR (facts C, 'Not written at all').
pub(super) fn is_written(rules: &CaptureRules, cdr: &Cdr) -> bool {
    !rules.writes_nothing
        && (!rules.only_answered || cdr.connected.is_some())
        && (!rules.only_with_rtp || cdr.has_media)
        && !rules.ignores_response(cdr.last_response)
}
