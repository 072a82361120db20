//! `respool history`: channels over time for every scenario, the GUI's 14-day table, and who was up
//! at the peak.

use super::check::CheckArguments;
use super::error::CliError;
use super::output;
use crate::report::history::{HistoryReport, ScenarioHistory, legs_at_peak};
use crate::run::{self, HistoryRun};
use clap::Args;

/// Print the channels of every hour and day, for each scenario
// The flags are those of `check`, so that both read the same; only the limit may be left out.
#[derive(Args, Debug)]
pub(super) struct HistoryArguments {
    #[command(flatten)]
    check: CheckArguments,
    /// Print CSV, one row an hour and scenario
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// More channels than any count; stands for no limit.
const NO_LIMIT: u32 = u32::MAX;

/// Flags in, exit code out.
pub(super) fn run(arguments: &HistoryArguments, as_typed: Vec<String>) -> Result<u8, CliError> {
    let (config, warnings) = arguments.check.config_or(Some(NO_LIMIT), as_typed)?;
    if !arguments.check.is_quiet() {
        warnings.iter().for_each(|warning| output::warn(warning));
    }
    let made = run::history(&config)?;
    if !arguments.check.is_quiet() {
        made.messages.iter().for_each(|message| output::warn(message));
    }
    let limit = (config.limit_channels != NO_LIMIT).then_some(u64::from(config.limit_channels));
    output::print(&page(arguments, &made, limit))?;
    Ok(0)
}

fn page(arguments: &HistoryArguments, made: &HistoryRun, limit_channels: Option<u64>) -> String {
    let report = &made.report;
    let up_at = |scenario: usize| {
        let up = made.up_at_peak.iter().find(|up| up.scenario == scenario);
        up.map_or(&[][..], |up| &up.channels)
    };
    let history = HistoryReport {
        calendar: &report.calendar,
        time_zone: &report.time_zone,
        limit_channels,
        sensors: &report.sensors,
        scenarios: report
            .scenarios
            .iter()
            .enumerate()
            .map(|(place, verdict)| ScenarioHistory {
                scenario: &verdict.scenario,
                history: &verdict.history,
                up_at_peak: up_at(place),
            })
            .collect(),
    };
    if arguments.csv {
        return history.csv();
    }
    if arguments.check.is_json() {
        return history.json();
    }
    let mut text = history.text(arguments.check.columns());
    for up in &made.up_at_peak {
        let Some(verdict) = report.scenarios.get(up.scenario) else { continue };
        text.push('\n');
        text.push_str(&legs_at_peak(
            &verdict.scenario,
            up.moment,
            &up.channels,
            &report.sensors,
            report.calendar.zone(),
        ));
    }
    text
}
