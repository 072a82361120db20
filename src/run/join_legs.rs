//! The runs of all workers to the legs of the run, stretch by stretch of their keys on all threads.

use super::error::Error;
use super::gather::TimeSpan;
use super::spill::{Runs, Spill, lost};
use crate::base::SensorId;
use crate::base::limits::CALL_REACH_NS;
use crate::leg::Legs;
use crate::leg::join::{CutKey, Stretch, copied, cut_keys, join_stretch};
use crate::leg::leg_run::LegRun;
use crate::leg::pack::PackedLeg;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Stretches for each thread: threads that are done early find more work.
const STRETCHES_PER_THREAD: usize = 8;
/// What goes to a file at once, about: as much as a stretch holds.
const REWRITTEN_BYTES: usize = 4 << 20;

/// Joined legs, and what was seen of those that are not kept.
#[derive(Debug, Default)]
pub(super) struct JoinedLegs {
    /// Those that take part in calls: with an INVITE, or with a REFER under a Call-ID of its own.
    pub(super) legs: Legs,
    /// How many have an INVITE.
    pub(super) with_invite: u64,
    /// How many have none, those kept for their REFER among them.
    pub(super) without_invite: u64,
    /// From the first packet of their sensor to their own last message: calls that are answered, of which
    /// no INVITE was captured, and that were first seen so soon that they can have begun before.
    pub(super) running: Vec<TimeSpan>,
}

/// What one stretch counts.
#[derive(Debug, Default)]
struct Tally {
    with_invite: u64,
    without_invite: u64,
    running: Vec<TimeSpan>,
}

impl Tally {
    /// Counts a leg; true when it takes part in calls.
    fn keep(&mut self, leg: &PackedLeg<'_>, spans: &BTreeMap<SensorId, TimeSpan>) -> bool {
        if leg.has_invite() {
            self.with_invite += 1;
            return true;
        }
        self.without_invite += 1;
        self.running.extend(running(leg, spans));
        leg.has_refer()
    }
}

fn running(leg: &PackedLeg<'_>, spans: &BTreeMap<SensorId, TimeSpan>) -> Option<TimeSpan> {
    let first = spans.get(&leg.sensor())?.first;
    let is_early = leg.first_seen()? <= first.plus_ns(CALL_REACH_NS);
    let last = leg.last_signal()?;
    (is_early && leg.is_midway()).then_some(TimeSpan { first, last })
}

/// Joins runs, in the threads of the pool that this runs in. Legs stay in the runs that they came in; where
/// some of these are in files (`rewrites`), all legs go to a file of their own in the order of keys,
/// because legs all over a file cost a page each.
///
/// # Errors
///
/// When that file cannot be read back.
pub(super) fn join_legs(
    runs: Vec<LegRun>,
    spans: &BTreeMap<SensorId, TimeSpan>,
    spill: &Spill,
    rewrites: bool,
) -> Result<JoinedLegs, Error> {
    let bytes: usize = runs.iter().map(LegRun::byte_count).sum();
    let least = if rewrites { bytes / REWRITTEN_BYTES } else { 0 };
    let stretches = (rayon::current_num_threads() * STRETCHES_PER_THREAD).max(least);
    let keys = cut_keys(&runs, stretches);
    let rewritten = rewrites.then(Mutex::<Runs>::default);
    let stretches: Vec<(Stretch, Vec<usize>, Tally)> = (0..=keys.len())
        .into_par_iter()
        .map(|stretch| {
            let from = stretch.checked_sub(1).and_then(|before| keys.get(before));
            let (joined, tally) = join_one(&runs, (from, keys.get(stretch)), spans);
            let Some(rewritten) = &rewritten else { return (joined, Vec::new(), tally) };
            let copies = copied(&runs, joined);
            // A worker that panicked has ended the program already.
            let mut file = rewritten.lock().unwrap_or_else(PoisonError::into_inner);
            let places = copies.into_iter().map(|run| file.keep_apart(run, spill)).collect();
            (Stretch::default(), places, tally)
        })
        .collect();
    let mut all = JoinedLegs::default();
    let (mut joined, mut order) = (Vec::with_capacity(stretches.len()), Vec::new());
    for (stretch, places, tally) in stretches {
        joined.push(stretch);
        order.extend(places);
        all.with_invite += tally.with_invite;
        all.without_invite += tally.without_invite;
        all.running.extend(tally.running);
    }
    all.running.sort_by_key(|span| (span.first, span.last));
    all.legs = match rewritten {
        None => Legs::joined(runs, joined),
        Some(rewritten) => {
            // What was copied of a file that was lost is nothing.
            if !runs.iter().all(LegRun::is_whole) {
                return Err(lost());
            }
            drop(runs);
            let file = rewritten.into_inner().unwrap_or_else(PoisonError::into_inner);
            let found = file.finish().map_err(Error::Spill)?;
            Legs::in_order(
                order.into_iter().filter_map(|place| found.get(place).cloned()).collect(),
            )
        }
    };
    Ok(all)
}

/// Joins the legs of one stretch, and counts them.
fn join_one(
    runs: &[LegRun],
    bounds: (Option<&CutKey>, Option<&CutKey>),
    spans: &BTreeMap<SensorId, TimeSpan>,
) -> (Stretch, Tally) {
    let mut tally = Tally::default();
    let joined = join_stretch(runs, bounds, |leg| tally.keep(&leg, spans));
    (joined, tally)
}
