//! The runs of all workers to the legs of the run, stretch by stretch of their keys on all threads.

use super::gather::TimeSpan;
use crate::base::SensorId;
use crate::base::limits::CALL_REACH_NS;
use crate::leg::Legs;
use crate::leg::join::{cut_keys, join_stretch};
use crate::leg::leg_run::LegRun;
use crate::leg::pack::PackedLeg;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Stretches for each thread: threads that are done early find more work.
const STRETCHES_PER_THREAD: usize = 8;
/// Legs joined between two times that the memory of files is let go.
const RELEASED_LEGS: u64 = 16 << 10;

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

/// Joins runs, in the threads of the pool that this runs in.
pub(super) fn join_legs(runs: Vec<LegRun>, spans: &BTreeMap<SensorId, TimeSpan>) -> JoinedLegs {
    let keys = cut_keys(&runs, rayon::current_num_threads() * STRETCHES_PER_THREAD);
    let bounds = |stretch: usize| {
        (stretch.checked_sub(1).and_then(|before| keys.get(before)), keys.get(stretch))
    };
    let release = || runs.iter().for_each(LegRun::release);
    let stretches: Vec<_> = (0..=keys.len())
        .into_par_iter()
        .map(|stretch| {
            let mut tally = Tally::default();
            let mut seen = 0_u64;
            let joined = join_stretch(&runs, bounds(stretch), |leg| {
                seen += 1;
                if seen.is_multiple_of(RELEASED_LEGS) {
                    release();
                }
                tally.keep(&leg, spans)
            });
            (joined, tally)
        })
        .collect();
    release();
    let mut all = JoinedLegs::default();
    let mut joined = Vec::with_capacity(stretches.len());
    for (stretch, tally) in stretches {
        joined.push(stretch);
        all.with_invite += tally.with_invite;
        all.without_invite += tally.without_invite;
        all.running.extend(tally.running);
    }
    all.running.sort_by_key(|span| (span.first, span.last));
    all.legs = Legs::joined(runs, joined);
    all
}
