//! What the captures show of a license's unit (design.md section 8).

use super::reconstruct::Reconstruction;
use crate::leg::IdentifierKind;
use crate::license::policy::UnitKind;
use crate::license::{DayRow, Measured, Policy, Scenario, ScenarioVerdict, UnitsBound};
use crate::report::CheckReport;

/// Counts the unit of a policy. Nothing for what captures cannot show.
pub(super) fn measure(policy: &Policy, found: &Reconstruction, report: &CheckReport) -> Measured {
    let misses = misses(report);
    let at_most = |peak| Measured {
        peak_units: Some(peak),
        bound: UnitsBound::of(true, misses),
        count_state: None,
    };
    match policy.unit.kind.value {
        UnitKind::Channels => {
            let now = counted_now(report);
            let is_exact = now.is_some_and(|v| v.scenario == Scenario::Recorded) || !misses;
            Measured {
                peak_units: now.map(|verdict| verdict.history.peak_channels),
                bound: if is_exact { UnitsBound::Exact } else { UnitsBound::About },
                count_state: now.map(|verdict| verdict.state),
            }
        }
        UnitKind::CodecChannels => {
            let codec = policy.unit.codec.as_deref().unwrap_or_default();
            at_most(peak(codec_channels(found, codec.as_bytes())))
        }
        // A user that leaves before its registration ends is counted to that end, and one that
        // registered before the first packet is seen only when it registers again.
        UnitKind::RegisteredUsers => at_most(peak(found.registrations.intervals())),
        UnitKind::Objects => Measured::default(),
    }
}

/// Whether something is missing of what the captures show: then no figure is an upper bound.
fn misses(report: &CheckReport) -> bool {
    let coverage = &report.coverage;
    let lost_day = |row: &DayRow| row.coverage.is_lower_bound();
    !coverage.losses.is_empty()
        || !coverage.running.is_empty()
        || report.deciding().is_some_and(|verdict| verdict.days.iter().any(lost_day))
}

/// What the GUI counts now: the recorded CDRs, or else the captures as they are.
fn counted_now(report: &CheckReport) -> Option<&ScenarioVerdict> {
    let of = |wanted: Scenario| report.scenarios.iter().find(|v| v.scenario == wanted);
    of(Scenario::Recorded).or_else(|| of(Scenario::AsIs))
}

/// The connected time of every call that negotiated the codec in an SDP answer, in nanoseconds. Which
/// of them the product transcodes is not in the captures: all count, so the peak is at most that.
fn codec_channels(found: &Reconstruction, codec: &[u8]) -> Vec<(i64, i64)> {
    let negotiates = |leg: u32| {
        found.legs.get(leg).is_some_and(|leg| {
            leg.identifiers().of_kind(IdentifierKind::Codec).any(|(identifier, _)| {
                identifier.value.split(|byte| *byte == b'/').next() == Some(codec)
            })
        })
    };
    let whole = found.cdrs.iter().filter(|cdr| !cdr.only_when_cut);
    whole
        .filter(|cdr| negotiates(cdr.leg))
        .filter_map(|cdr| Some((cdr.connected?.ns(), cdr.ended.ns())))
        .collect()
}

/// Most half-open intervals at one moment.
fn peak(intervals: Vec<(i64, i64)>) -> u64 {
    let occupied = intervals.into_iter().filter(|(start, end)| start < end);
    // At one moment ends come before starts.
    let mut edges: Vec<(i64, bool)> =
        occupied.flat_map(|(start, end)| [(start, true), (end, false)]).collect();
    edges.sort_unstable();
    let (mut now, mut most) = (0u64, 0u64);
    for (_, starts) in edges {
        now = if starts { now + 1 } else { now.saturating_sub(1) };
        most = most.max(now);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_of_half_open_intervals() {
        let check = |intervals: &[(i64, i64)], expect: u64| {
            assert_eq!(peak(intervals.to_vec()), expect, "{intervals:?}");
        };
        check(&[], 0);
        check(&[(0, 10), (10, 20)], 1);
        check(&[(0, 11), (10, 20), (5, 5)], 2);
        check(&[(0, 30), (1, 2), (3, 4)], 2);
    }
}
