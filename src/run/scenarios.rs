//! Scenarios: which CDRs, grouped how, each remedy would leave (design.md section 7).

use super::config::CheckConfig;
use super::error::Error;
use super::look::is_written;
use super::reconstruct::Reconstruction;
use super::side_by_side;
use crate::base::limits::MERGE_HEADERS_MAX;
use crate::base::{CaptureTime, SensorId};
use crate::call::{Grouping, MergeLinks, MergeRules, RuleTable, cdrs_by_call, merge_by_header};
use crate::channel::{CdrTable, Groups, Joining, Units};
use crate::leg::Cdr;
use crate::license::{Coverage, Scenario};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The CDRs of a scenario, beside those of the run.
#[derive(Debug)]
pub(super) enum ScenarioCdrs<'f> {
    /// Those of the run.
    OfRun(&'f [Cdr]),
    /// Those of the run without some, by index and rising, and with others; each stands for itself.
    Changed { without: Vec<u32>, with: Vec<Cdr> },
    /// Others altogether.
    Others(Vec<Cdr>),
}

/// One scenario, ready to be counted.
#[derive(Debug)]
pub(super) struct ScenarioUnits<'f> {
    /// Which.
    pub(super) scenario: Scenario,
    /// Its CDRs.
    pub(super) cdrs: ScenarioCdrs<'f>,
    /// What makes one unit of counting.
    pub(super) groups: Groups,
    /// How its legs become units.
    pub(super) joining: Joining,
    /// What it covers, where that is not what the captures cover.
    pub(super) coverage: Option<Coverage>,
    /// Why legs were joined or not, where the scenario merges.
    pub(super) grouping: Option<Grouping>,
}

impl<'f> ScenarioUnits<'f> {
    fn single(scenario: Scenario, cdrs: ScenarioCdrs<'f>) -> Self {
        let count = match &cdrs {
            ScenarioCdrs::OfRun(cdrs) => cdrs.len(),
            ScenarioCdrs::Others(cdrs) => cdrs.len(),
            ScenarioCdrs::Changed { .. } => 0,
        };
        Self {
            scenario,
            groups: Groups::singles(count),
            cdrs,
            joining: Joining::Alone,
            coverage: None,
            grouping: None,
        }
    }
}

impl ScenarioUnits<'_> {
    /// What is counted; `table` is of the CDRs of the run.
    pub(super) fn units<'u>(&'u self, table: &'u CdrTable<'u>) -> Units<'u> {
        match &self.cdrs {
            ScenarioCdrs::OfRun(_) => Units::of(table, &self.groups),
            ScenarioCdrs::Changed { without, with } => Units::changed(table, without, with),
            ScenarioCdrs::Others(cdrs) => Units::new(cdrs, &self.groups),
        }
    }
}

/// Every scenario that the captures allow, `as-is` first; `recorded` where CDRs were given.
///
/// # Errors
///
/// When a file with what does not fit the memory cannot be read back.
pub(super) fn scenario_units<'f>(
    config: &CheckConfig,
    found: &'f Reconstruction,
    recorded: Option<Vec<Cdr>>,
) -> Result<Vec<ScenarioUnits<'f>>, Error> {
    let links = &found.links;
    let header = |header: String| {
        let cdrs = with_header(config, found, &header);
        let single = ScenarioUnits::single(Scenario::MergeHeader(header), cdrs);
        ScenarioUnits { joining: Joining::ByEvidence, ..single }
    };
    let (of_headers, merged) = rayon::join(
        || headers(config, links).into_par_iter().map(header).collect::<Vec<_>>(),
        || merged(found, &config.rules),
    );
    let mut units = vec![as_is(config, found)];
    units.extend(of_headers);
    units.push(merged?);
    units.extend(recorded.map(as_recorded));
    Ok(units)
}

/// What the sniffer writes with its present configuration, `callidmerge_header` included.
fn as_is<'f>(config: &CheckConfig, found: &'f Reconstruction) -> ScenarioUnits<'f> {
    let cdrs = config.capture.merge_header.as_deref().map_or_else(
        || ScenarioCdrs::OfRun(&found.cdrs),
        |header| with_header(config, found, header),
    );
    let joining = match config.capture.merge_header {
        Some(_) => Joining::ByEvidence,
        None => Joining::Alone,
    };
    ScenarioUnits { joining, ..ScenarioUnits::single(Scenario::AsIs, cdrs) }
}

/// The headers to try: the one that the user names, then those of the captures that name most legs.
/// The one that is configured already is no remedy.
fn headers(config: &CheckConfig, links: &MergeLinks) -> Vec<String> {
    let configured = config.capture.merge_header.as_deref().unwrap_or_default();
    let mut headers: Vec<String> =
        config.scenario.header().map(str::to_owned).into_iter().collect();
    for candidate in links.headers().into_iter().take(MERGE_HEADERS_MAX) {
        let is_known = |known: &str| known.eq_ignore_ascii_case(&candidate.name);
        if !is_known(configured) && !headers.iter().any(|header| is_known(header)) {
            headers.push(candidate.name);
        }
    }
    headers
}

fn with_header<'f>(
    config: &CheckConfig,
    found: &'f Reconstruction,
    header: &str,
) -> ScenarioCdrs<'f> {
    let horizons: BTreeMap<SensorId, CaptureTime> =
        found.spans.iter().map(|(sensor, span)| (*sensor, span.last)).collect();
    let rules = MergeRules {
        timing: &config.timing,
        numbers: &config.numbers,
        secret: config.capture.merge_secret.as_deref(),
        horizons: &horizons,
    };
    let keep = |cdr: &Cdr| is_written(&config.capture, cdr);
    let made = merge_by_header(&found.legs, &found.links, header, rules, keep);
    if made.changed.is_empty() {
        return ScenarioCdrs::OfRun(&found.cdrs);
    }
    let is_changed = |cdr: &Cdr| made.changed.binary_search(&cdr.leg).is_ok();
    let numbered = (0u32..).zip(&found.cdrs);
    let without = numbered.filter(|(_, cdr)| is_changed(cdr)).map(|(place, _)| place).collect();
    ScenarioCdrs::Changed { without, with: made.added }
}

fn merged<'f>(found: &'f Reconstruction, table: &RuleTable) -> Result<ScenarioUnits<'f>, Error> {
    let grouping = side_by_side::group(&found.outlines, table, &found.spill)?;
    let (ends, members) = cdrs_by_call(&grouping, &found.cdrs);
    Ok(ScenarioUnits {
        groups: Groups::flat(ends, members),
        joining: Joining::ByEvidence,
        grouping: Some(grouping),
        ..ScenarioUnits::single(Scenario::Merged, ScenarioCdrs::OfRun(&found.cdrs))
    })
}

/// What the database counts. It says nothing about days before its first and after its last CDR.
fn as_recorded<'f>(cdrs: Vec<Cdr>) -> ScenarioUnits<'f> {
    let first = cdrs.iter().map(|cdr| cdr.started).min();
    let last = cdrs.iter().map(|cdr| cdr.ended).max();
    let spans = first.zip(last).into_iter().collect();
    let coverage = Some(Coverage { spans, ..Coverage::default() });
    ScenarioUnits {
        coverage,
        ..ScenarioUnits::single(Scenario::Recorded, ScenarioCdrs::Others(cdrs))
    }
}
