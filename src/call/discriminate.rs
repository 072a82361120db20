//! The test that an identifier discriminates (design.md section 12, point 8).
//!
//! In: the legs that share a value. Out: nothing, or why the value says little.

use super::rule::RuleName;
use super::table::{ADJOIN_WINDOW_NS, DISCRIMINATION_WINDOW_NS};
use crate::base::CaptureTime;

/// Why a value was demoted to weak.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DemotionReason {
    /// More legs than allowed share it within an hour.
    SharedByTooMany,
    /// Answered legs that share it neither overlap nor adjoin.
    Apart,
    /// A private address said by peers that have no element in common.
    PrivateAddress,
}

impl DemotionReason {
    /// For a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::SharedByTooMany => "shared by too many legs within an hour",
            Self::Apart => "shared by answered legs that neither overlap nor adjoin in time",
            Self::PrivateAddress => "a private address behind different peers",
        }
    }
}

/// A demoted value: why, and how many legs share it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Demotion {
    /// Why.
    pub reason: DemotionReason,
    /// Legs that share the value.
    pub legs: usize,
}

/// A value that was demoted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DemotedValue {
    /// The rule that reads it.
    pub rule: RuleName,
    /// The value.
    pub value: Vec<u8>,
    /// Why.
    pub demotion: Demotion,
}

/// The values of one rule, among those of all that stand by rule and value.
#[must_use]
pub fn demoted_of(demoted: &[DemotedValue], rule: RuleName) -> &[DemotedValue] {
    let start = demoted.partition_point(|demoted| demoted.rule < rule);
    let end = demoted.partition_point(|demoted| demoted.rule <= rule);
    &demoted[start..end]
}

/// A leg that shares a value.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Sharer {
    /// The leg.
    pub leg: u32,
    /// First INVITE, else first message.
    pub started: CaptureTime,
    /// Last message or media packet.
    pub ended: CaptureTime,
    /// Whether it was answered.
    pub is_answered: bool,
}

/// Judges a value by the legs that share it, each once. `must_adjoin`: whether answered legs apart in time
/// speak against it (a token is made for one conversation; a media port is reused).
#[must_use]
pub fn judge(legs: &[Sharer], shared_legs_max: usize, must_adjoin: bool) -> Option<Demotion> {
    let demoted = |reason| Some(Demotion { reason, legs: legs.len() });
    if legs.len() > shared_legs_max {
        let mut starts: Vec<i64> = legs.iter().map(|leg| leg.started.ns()).collect();
        starts.sort_unstable();
        let is_crowded = starts
            .iter()
            .zip(starts.iter().skip(shared_legs_max))
            .any(|(first, last)| last.saturating_sub(*first) < DISCRIMINATION_WINDOW_NS);
        if is_crowded {
            return demoted(DemotionReason::SharedByTooMany);
        }
    }
    if !must_adjoin || legs.len() < 2 {
        return None;
    }
    let mut answered: Vec<(i64, i64)> = legs
        .iter()
        .filter(|leg| leg.is_answered)
        .map(|leg| (leg.started.ns(), leg.ended.ns()))
        .collect();
    answered.sort_unstable();
    let mut reach = i64::MAX;
    for (start, end) in answered {
        if reach != i64::MAX && start.saturating_sub(reach) > ADJOIN_WINDOW_NS {
            return demoted(DemotionReason::Apart);
        }
        reach = if reach == i64::MAX { end } else { reach.max(end) };
    }
    None
}
