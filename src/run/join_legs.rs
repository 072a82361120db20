//! The runs of all workers to the legs of the run, stretch by stretch of their keys on all threads.

use super::error::Error;
use super::gather::TimeSpan;
use super::heard::Heard;
use super::spill::{SharedRuns, Spill, were_read};
use crate::base::PackedRun;
use crate::base::packed::release;
use crate::leg::Legs;
use crate::leg::join::{Bounds, copy_stretch, cut_keys, join_stretch};
use crate::leg::leg_run::LegRun;
use crate::leg::pack::PackedLeg;
use rayon::prelude::*;

/// Stretches for each thread: threads that are done early find more work.
const STRETCHES_PER_THREAD: usize = 8;
/// What goes to a file at once, about.
const REWRITTEN_BYTES: usize = 8 << 20;

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

impl JoinedLegs {
    fn add(&mut self, tally: Tally) {
        self.with_invite += tally.with_invite;
        self.without_invite += tally.without_invite;
        self.running.extend(tally.running);
    }
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
    fn keep(&mut self, leg: &PackedLeg<'_>, heard: &Heard) -> bool {
        if leg.has_invite() {
            self.with_invite += 1;
            return true;
        }
        self.without_invite += 1;
        self.running.extend(running(leg, heard));
        leg.has_refer()
    }
}

fn running(leg: &PackedLeg<'_>, heard: &Heard) -> Option<TimeSpan> {
    if !leg.is_midway() {
        return None;
    }
    let first = heard.began_before(leg.sensor(), leg.first_seen()?)?;
    Some(TimeSpan { first, last: leg.last_signal()? })
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
    heard: &Heard,
    spill: &Spill,
    rewrites: bool,
) -> Result<JoinedLegs, Error> {
    let mut all = JoinedLegs::default();
    all.legs = if rewrites {
        rewritten(runs, heard, spill, &mut all)?
    } else {
        let stretches = by_stretches(&runs, STRETCHES_PER_THREAD, |bounds, tally| {
            join_stretch(&runs, bounds, |leg| tally.keep(&leg, heard))
        });
        let joined = stretches.into_iter().map(|(stretch, tally)| {
            all.add(tally);
            stretch
        });
        let joined = joined.collect();
        Legs::joined(runs, joined)
    };
    all.running.sort_by_key(|span| (span.first, span.last));
    Ok(all)
}

/// Joins the legs stretch by stretch, on all threads; gives what each stretch made, in the order of keys.
fn by_stretches<T: Send>(
    runs: &[LegRun],
    stretches_per_thread: usize,
    join: impl Fn(Bounds<'_>, &mut Tally) -> T + Sync,
) -> Vec<(T, Tally)> {
    let keys = cut_keys(runs, rayon::current_num_threads() * stretches_per_thread);
    let of_stretch = |stretch: usize| {
        let from = stretch.checked_sub(1).and_then(|before| keys.get(before));
        let mut tally = Tally::default();
        let made = join((from, keys.get(stretch)), &mut tally);
        (made, tally)
    };
    (0..=keys.len()).into_par_iter().map(of_stretch).collect()
}

/// All legs in a file of their own.
fn rewritten(
    runs: Vec<LegRun>,
    heard: &Heard,
    spill: &Spill,
    all: &mut JoinedLegs,
) -> Result<Legs, Error> {
    let held: usize = runs
        .iter()
        .map(LegRun::packed)
        .filter(|run| run.is_held())
        .map(PackedRun::byte_count)
        .sum();
    let file = SharedRuns::new(spill);
    // One stretch a thread: a stretch that begins looks for its key all over the files.
    let stretches = by_stretches(&runs, 1, |bounds, tally| {
        let mut places = Vec::new();
        let keep = |leg: PackedLeg<'_>| tally.keep(&leg, heard);
        copy_stretch(&runs, bounds, keep, REWRITTEN_BYTES, |run| {
            places.extend(file.keep([run.into_packed()]));
            release(runs.iter().map(LegRun::packed));
        });
        places
    });
    let mut order = Vec::new();
    for (places, tally) in stretches {
        order.extend(places);
        all.add(tally);
    }
    // What was copied of a file that was lost is nothing.
    were_read(runs.iter().all(|run| run.packed().is_whole()))?;
    drop(runs);
    spill.let_go(held as u64);
    Ok(Legs::in_order(file.finish(order)?.into_iter().map(LegRun::new)))
}
