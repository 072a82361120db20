//! Scenarios: which CDRs, grouped how, each remedy would leave (design.md section 7).

use super::config::CheckConfig;
use super::error::Error;
use super::look::is_written;
use super::reconstruct::Reconstruction;
use super::side_by_side;
use crate::base::limits::MERGE_HEADERS_MAX;
use crate::base::{CaptureTime, SensorId};
use crate::call::{Grouping, MergeLinks, MergeRules, calls_of_cdrs, merge_by_header};
use crate::channel::table::{DraftPart, FilledPart, Row, TableDraft};
use crate::channel::{CdrTable, Groups, Joining, Units};
use crate::leg::{Cdr, Cdrs};
use crate::license::{Coverage, Scenario};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// CDRs that one part of a table is made of.
const CDRS_PER_PART: u32 = 16_384;

/// The CDRs of a run as counting needs them, made on all threads.
fn table(cdrs: &Cdrs) -> CdrTable<'_> {
    let mut draft = TableDraft::new(cdrs);
    let parts: Vec<DraftPart<'_>> = draft.parts(CDRS_PER_PART).collect();
    let filled: Vec<FilledPart> = parts.into_par_iter().map(DraftPart::fill).collect();
    draft.finish(filled, |rows| rows.par_sort_unstable_by_key(Row::order))
}

/// The CDRs of a scenario, beside those of the run.
#[derive(Debug)]
enum ScenarioCdrs<'s> {
    /// Those of the run, each for itself.
    OfRun,
    /// Those of the run, by call.
    ByCall,
    /// Those of the run without some, by index and rising, and with others; each stands for itself.
    Changed { without: Vec<u32>, with: Cdrs },
    /// Others altogether.
    Others(&'s [Cdr]),
}

/// One scenario, ready to be counted.
#[derive(Debug)]
pub(super) struct ScenarioUnits<'s> {
    cdrs: ScenarioCdrs<'s>,
    /// How its legs become units.
    pub(super) joining: Joining,
    /// What it covers, where that is not what the captures cover.
    pub(super) coverage: Option<Coverage>,
}

/// Every scenario that the captures allow, `as-is` first.
#[derive(Debug)]
pub(super) struct Scenarios<'s> {
    config: &'s CheckConfig,
    /// What the captures showed.
    pub(super) found: &'s Reconstruction,
    recorded: Option<&'s [Cdr]>,
    /// Which.
    pub(super) all: Vec<Scenario>,
    /// Why legs were joined or not, where a scenario merges.
    pub(super) grouping: Grouping,
    /// Those of merge headers, by header; none where they are made when they are counted.
    with_headers: BTreeMap<String, ScenarioCdrs<'s>>,
    is_one_by_one: bool,
    /// The CDRs of the run, as counting needs them; absent where they are made when that begins.
    table: Option<CdrTable<'s>>,
}

impl<'s> Scenarios<'s> {
    /// All that there are; `recorded` where CDRs were given. Beyond a memory budget each is made when it is
    /// counted, one after another.
    ///
    /// # Errors
    ///
    /// When a file with what does not fit the memory cannot be read back.
    pub(super) fn new(
        config: &'s CheckConfig,
        found: &'s Reconstruction,
        recorded: Option<&'s [Cdr]>,
    ) -> Result<Self, Error> {
        let headers = headers(config, &found.links);
        let (outlines, rules, spill) = (&found.outlines, &config.rules, &found.spill);
        let made = |header: &String| (header.clone(), with_header(config, found, header));
        let is_one_by_one = is_one_by_one(config, found.cdrs.len(), headers.len());
        let (with_headers, grouping) = match is_one_by_one {
            true => (BTreeMap::new(), side_by_side::group(outlines, rules, spill, || None)),
            false => rayon::join(
                || headers.par_iter().map(made).collect(),
                || side_by_side::group(outlines, rules, spill, || Some(table(&found.cdrs))),
            ),
        };
        let mut all = vec![Scenario::AsIs];
        all.extend(headers.into_iter().map(Scenario::MergeHeader));
        all.push(Scenario::Merged);
        all.extend(recorded.map(|_| Scenario::Recorded));
        let (grouping, table) = grouping?;
        Ok(Self { config, found, recorded, all, grouping, with_headers, is_one_by_one, table })
    }

    /// The CDRs of the run, as counting needs them; to be asked for once.
    pub(super) fn take_table(&mut self) -> CdrTable<'s> {
        self.table.take().unwrap_or_else(|| table(&self.found.cdrs))
    }

    /// Whether scenarios are made and counted one after another, because memory is bounded.
    pub(super) const fn is_one_by_one(&self) -> bool {
        self.is_one_by_one
    }

    /// What `of` makes of every scenario, in their order: side by side, or one after another where memory is
    /// bounded, so that there is never more than one needs.
    pub(super) fn each<T: Send>(
        &self,
        table: &CdrTable<'_>,
        of: impl Fn(usize, &ScenarioUnits<'_>, &Units<'_>) -> T + Sync,
    ) -> Vec<T> {
        let of_place = |place: usize| {
            let scenario = self.made(&self.all[place]);
            let units = self.units(&scenario, table);
            of(place, &scenario, &units)
        };
        let places = 0..self.all.len();
        match self.is_one_by_one {
            true => places
                .map(|place| {
                    self.found.release();
                    of_place(place)
                })
                .collect(),
            false => places.into_par_iter().map(of_place).collect(),
        }
    }

    fn units<'u>(&self, scenario: &'u ScenarioUnits<'_>, table: &'u CdrTable<'u>) -> Units<'u> {
        let cdrs = &self.found.cdrs;
        match &scenario.cdrs {
            ScenarioCdrs::OfRun => Units::of(table, &Groups::singles(cdrs.len())),
            ScenarioCdrs::ByCall => {
                Units::of(table, &Groups::of_members(calls_of_cdrs(&self.grouping, cdrs)))
            }
            ScenarioCdrs::Changed { without, with } => Units::changed(table, without, with),
            ScenarioCdrs::Others(cdrs) => Units::new(*cdrs, &Groups::singles(cdrs.len())),
        }
    }

    fn made(&self, scenario: &Scenario) -> ScenarioUnits<'_> {
        let with = |header: &str| match self.with_headers.get(header) {
            Some(known) => known.again(),
            None => with_header(self.config, self.found, header),
        };
        let of = |cdrs, joining| ScenarioUnits { cdrs, joining, coverage: None };
        match scenario {
            Scenario::AsIs => match self.config.capture.merge_header.as_deref() {
                // What the sniffer writes with its present configuration.
                Some(header) => of(with(header), Joining::ByEvidence),
                None => of(ScenarioCdrs::OfRun, Joining::Alone),
            },
            Scenario::MergeHeader(header) => of(with(header), Joining::ByEvidence),
            Scenario::Merged => of(ScenarioCdrs::ByCall, Joining::ByEvidence),
            Scenario::Recorded => as_recorded(self.recorded.unwrap_or_default()),
        }
    }
}

/// What counting takes beside the rows for each CDR and scenario, at the most about.
const SCENARIO_CDR_BYTES: u64 = 64;
/// Part of the budget that all scenarios together may take.
const SHARE_OF_BUDGET: u64 = 4;

/// Whether scenarios are made and counted one after another.
const fn is_one_by_one(config: &CheckConfig, cdrs: usize, headers: usize) -> bool {
    let bytes = (cdrs as u64 * SCENARIO_CDR_BYTES).saturating_mul(headers as u64 + 2);
    config.memory_bytes > 0 && bytes > config.memory_bytes / SHARE_OF_BUDGET
}

impl ScenarioCdrs<'_> {
    /// The same, which shares what it holds.
    fn again(&self) -> Self {
        match self {
            Self::OfRun => Self::OfRun,
            Self::ByCall => Self::ByCall,
            Self::Changed { without, with } => {
                Self::Changed { without: without.clone(), with: with.clone() }
            }
            Self::Others(cdrs) => Self::Others(cdrs),
        }
    }
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

fn with_header(
    config: &CheckConfig,
    found: &Reconstruction,
    header: &str,
) -> ScenarioCdrs<'static> {
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
        return ScenarioCdrs::OfRun;
    }
    let is_changed = |leg: &u32| made.changed.binary_search(leg).is_ok();
    let numbered = (0u32..).zip(found.cdrs.legs());
    let without = numbered.filter(|(_, leg)| is_changed(leg)).map(|(place, _)| place).collect();
    ScenarioCdrs::Changed { without, with: made.added }
}

/// What the database counts. It says nothing about days before its first and after its last CDR.
fn as_recorded(cdrs: &[Cdr]) -> ScenarioUnits<'_> {
    let first = cdrs.iter().map(|cdr| cdr.started).min();
    let last = cdrs.iter().map(|cdr| cdr.ended).max();
    let spans = vec![first.zip(last).into_iter().collect()];
    let coverage = Some(Coverage { spans, ..Coverage::default() });
    ScenarioUnits { cdrs: ScenarioCdrs::Others(cdrs), joining: Joining::Alone, coverage }
}
