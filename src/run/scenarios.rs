//! Scenarios: which CDRs, grouped how, each remedy would leave (design.md section 7).

use super::config::CheckConfig;
use super::reconstruct::Reconstruction;
use crate::call::{Grouping, MergedCalls, RuleTable, group, merge, outline_all};
use crate::channel::Groups;
use crate::leg::Cdr;
use crate::license::Scenario;

/// One scenario, ready to be counted.
#[derive(Debug)]
pub(super) struct ScenarioUnits<'f> {
    /// Which.
    pub(super) scenario: Scenario,
    /// Its CDRs.
    pub(super) cdrs: &'f [Cdr],
    /// What makes one unit of counting.
    pub(super) groups: Groups,
    /// The calls, where the scenario merges.
    pub(super) calls: Option<MergedCalls>,
    /// Why legs were joined or not; with `calls`.
    pub(super) grouping: Option<Grouping>,
}

/// Every scenario that the captures allow, `as-is` first.
pub(super) fn scenario_units<'f>(
    config: &CheckConfig,
    found: &'f Reconstruction,
) -> Vec<ScenarioUnits<'f>> {
    vec![as_is(found), merged(found, &config.rules)]
}

fn as_is(found: &Reconstruction) -> ScenarioUnits<'_> {
    ScenarioUnits {
        scenario: Scenario::AsIs,
        cdrs: &found.cdrs,
        groups: Groups::singles(found.cdrs.len()),
        calls: None,
        grouping: None,
    }
}

fn merged<'f>(found: &'f Reconstruction, table: &RuleTable) -> ScenarioUnits<'f> {
    let outlines = outline_all(&found.legs);
    let grouping = group(&outlines, table);
    let calls = merge(&outlines, &grouping, &found.cdrs);
    ScenarioUnits {
        scenario: Scenario::Merged,
        cdrs: &found.cdrs,
        groups: Groups::of(&calls.cdr_groups, found.cdrs.len()),
        calls: Some(calls),
        grouping: Some(grouping),
    }
}
