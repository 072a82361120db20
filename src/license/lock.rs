//! Lock state by day, from which days are over the limit (design.md section 7; facts E, L).
//!
//! Runs of consecutive days over: 0 within; 1 to 3 grace; 4 to 14 lockdown in progress; more than 14
//! locked.

use crate::channel::Channels;
use crate::channel::reading::{Lock, Over, Unlock};
use serde::{Deserialize, Serialize};

/// Longest run of days over that has no effect: '3 consecutive days free'.
pub const GRACE_DAYS: usize = 3;
/// The run that locks: 'after 14 days'; by the axis `lock` exactly so many, or more.
pub const LOCK_DAYS: usize = 14;
/// Days that the GUI's table shows ('Concurrent Calls Stats': last 14 days).
pub const WINDOW_DAYS: usize = 14;

/// What the GUI does on a day. Ordered by how bad it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum LockState {
    /// Not over the limit.
    Within,
    /// Over the limit, still free.
    Grace,
    /// Lockdown in progress.
    Lockdown,
    /// Locked.
    Locked,
}

impl LockState {
    /// Stable name used in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Grace => "grace",
            Self::Lockdown => "lockdown",
            Self::Locked => "locked",
        }
    }

    /// The state that a run of so many consecutive days over makes.
    #[must_use]
    pub const fn of_run(run_days: usize, lock: Lock) -> Self {
        let locks_from = match lock {
            Lock::MoreThan14 => LOCK_DAYS + 1,
            Lock::AtLeast14 => LOCK_DAYS,
        };
        if run_days == 0 {
            Self::Within
        } else if run_days <= GRACE_DAYS {
            Self::Grace
        } else if run_days < locks_from {
            Self::Lockdown
        } else {
            Self::Locked
        }
    }
}

/// Whether a day's figure is over the limit.
#[must_use]
pub fn is_over(figure: Channels, limit_channels: u64, over: Over) -> bool {
    let limit = Channels::whole(limit_channels);
    match over {
        Over::MoreThan => figure > limit,
        Over::AtLeast => figure >= limit,
    }
}

/// Length of the run of days over that ends on the last day.
#[must_use]
pub fn run_days(over: &[bool]) -> usize {
    over.iter().rev().take_while(|day| **day).count()
}

/// Whether a recount lifts a lock on the last of these days. `over` says for each day whether it is
/// over the limit; no day at all lifts.
#[must_use]
pub fn lifts(over: &[bool], unlock: Unlock) -> bool {
    match unlock {
        Unlock::RunWithinGrace => run_days(over) <= GRACE_DAYS,
        Unlock::LastDay => !over.last().copied().unwrap_or(false),
        Unlock::WholeWindow => !over.iter().rev().take(WINDOW_DAYS).any(|day| *day),
    }
}

/// The lock on one day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DayLock {
    /// Whether the day is over the limit.
    pub over: bool,
    /// Consecutive days over up to and with this one.
    pub run_days: usize,
    /// The state on the day. A lockdown or lock stays until the axis `unlock` lifts it.
    pub state: LockState,
}

/// The lock day by day, from a state within the limit before the first day.
#[must_use]
pub fn judge_days(over: &[bool], lock: Lock, unlock: Unlock) -> Vec<DayLock> {
    let mut days: Vec<DayLock> = Vec::with_capacity(over.len());
    for (day, is_over) in over.iter().copied().enumerate() {
        let before = days.last().copied();
        let run_days = if is_over { before.map_or(0, |b| b.run_days) + 1 } else { 0 };
        let mut state = LockState::of_run(run_days, lock);
        if let Some(before) = before
            && before.state >= LockState::Lockdown
            && !lifts(&over[..=day], unlock)
        {
            state = state.max(before.state);
        }
        days.push(DayLock { over: is_over, run_days, state });
    }
    days
}

#[cfg(test)]
mod tests {
    use super::LockState::{Grace, Lockdown, Locked, Within};
    use super::*;

    /// Written from design.md section 7: run, state when more than 14 locks, state when 14 lock,
    /// lifted by: run within the grace, last day within, no day of the window over.
    const TABLE: [(usize, LockState, LockState, [bool; 3]); 17] = [
        (0, Within, Within, [true, true, true]),
        (1, Grace, Grace, [true, false, false]),
        (2, Grace, Grace, [true, false, false]),
        (3, Grace, Grace, [true, false, false]),
        (4, Lockdown, Lockdown, [false, false, false]),
        (5, Lockdown, Lockdown, [false, false, false]),
        (6, Lockdown, Lockdown, [false, false, false]),
        (7, Lockdown, Lockdown, [false, false, false]),
        (8, Lockdown, Lockdown, [false, false, false]),
        (9, Lockdown, Lockdown, [false, false, false]),
        (10, Lockdown, Lockdown, [false, false, false]),
        (11, Lockdown, Lockdown, [false, false, false]),
        (12, Lockdown, Lockdown, [false, false, false]),
        (13, Lockdown, Lockdown, [false, false, false]),
        (14, Lockdown, Locked, [false, false, false]),
        (15, Locked, Locked, [false, false, false]),
        (16, Locked, Locked, [false, false, false]),
    ];

    #[test]
    fn every_run_length_under_every_lock_and_unlock() {
        for (run, more_than_14, at_least_14, lifted) in TABLE {
            let mut over = vec![false; 20 - run];
            over.extend(vec![true; run]);
            for (unlock, lifted) in Unlock::ALL.iter().zip(lifted) {
                assert_eq!(lifts(&over, *unlock), lifted, "run {run} {unlock:?}");
                for (lock, state) in
                    [(Lock::MoreThan14, more_than_14), (Lock::AtLeast14, at_least_14)]
                {
                    let days = judge_days(&over, lock, *unlock);
                    let last = days.last().unwrap();
                    assert_eq!((last.run_days, last.state), (run, state), "run {run} {lock:?}");
                }
            }
        }
    }

    /// A run, then one day within: what the three unlock choices say on that day.
    #[test]
    fn one_day_within_after_every_run_length() {
        for (run, more_than_14, at_least_14, _) in TABLE {
            let mut over = vec![true; run];
            over.push(false);
            for (lock, state) in [(Lock::MoreThan14, more_than_14), (Lock::AtLeast14, at_least_14)]
            {
                for unlock in [Unlock::RunWithinGrace, Unlock::LastDay] {
                    let last = *judge_days(&over, lock, unlock).last().unwrap();
                    assert_eq!((last.run_days, last.state), (0, Within), "run {run}");
                    assert!(lifts(&over, unlock));
                }
                let last = *judge_days(&over, lock, Unlock::WholeWindow).last().unwrap();
                let held = if state >= Lockdown { state } else { Within };
                assert_eq!(last.state, held, "run {run} {lock:?}");
                assert_eq!(lifts(&over, Unlock::WholeWindow), run == 0);
            }
        }
    }

    #[test]
    fn a_day_leaves_the_window_after_14_days() {
        let mut over = vec![true];
        over.extend([false; 13]);
        assert!(!lifts(&over, Unlock::WholeWindow));
        over.push(false);
        assert!(lifts(&over, Unlock::WholeWindow));
    }

    /// Facts E (vendor's page): '3 consecutive days free, day 4 lockdown starts, after 14 days locked'.
    #[test]
    fn the_vendors_calendar() {
        let states: Vec<LockState> =
            judge_days(&[true; 15], Lock::MoreThan14, Unlock::RunWithinGrace)
                .iter()
                .map(|day| day.state)
                .collect();
        assert_eq!(states[..3], [Grace; 3]);
        assert_eq!(states[3], Lockdown);
        assert_eq!(states[13], Lockdown);
        assert_eq!(states[14], Locked);
    }

    #[test]
    fn a_mean_is_compared_in_integers() {
        let hour = 3_600_000_000_000;
        let mean = |channel_ns| Channels { numerator: channel_ns, denominator: hour };
        let exactly_ten = 10 * u128::from(hour);
        for (channel_ns, over, expect) in [
            (exactly_ten, Over::MoreThan, false),
            (exactly_ten, Over::AtLeast, true),
            (exactly_ten + 1, Over::MoreThan, true),
            (exactly_ten - 1, Over::AtLeast, false),
        ] {
            assert_eq!(is_over(mean(channel_ns), 10, over), expect, "{channel_ns} {over:?}");
        }
    }
}
