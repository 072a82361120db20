//! The sentences of the report: what the verdict is, why, what weakens it, what to do.

use super::check::CheckReport;
use super::escape::terminal;
use super::format::{channels, counted, grouped, local_s, margin};
use crate::channel::reading::Unlock;
use crate::license::lock::{GRACE_DAYS, LOCK_DAYS, WINDOW_DAYS};
use crate::license::{Caveat, LockState, Outcome, Scenario, ScenarioVerdict};
use jiff::civil::Date;

/// Days named one by one.
const DAYS_NAMED_MAX: usize = 6;

/// A scenario with its header, escaped.
pub(super) fn scenario_label(scenario: &Scenario) -> String {
    scenario.header().map_or_else(
        || scenario.name().to_owned(),
        |header| format!("{} {}", scenario.name(), terminal(header.as_bytes())),
    )
}

fn limit(verdict: &ScenarioVerdict) -> String {
    counted(verdict.limit_channels, "channel", "channels")
}

/// What was done to the count, as the subject of the verdict.
fn remedy(scenario: &Scenario) -> String {
    match scenario {
        Scenario::AsIs => "re-computing the CDRs from this spool".to_owned(),
        Scenario::MergeHeader(header) => format!(
            "re-computing the CDRs with callidmerge_header = {}",
            terminal(header.as_bytes())
        ),
        Scenario::Merged => "importing CDRs merged by call".to_owned(),
        Scenario::Recorded => "a recount of the recorded CDRs".to_owned(),
    }
}

/// The verdict in one sentence, without its word.
pub(super) fn headline(report: &CheckReport, verdict: &ScenarioVerdict) -> String {
    let remedy = remedy(&verdict.scenario);
    let accepted = verdict.caveats.iter().any(|c| matches!(c, Caveat::LossAccepted { .. }));
    if report.other_causes().next().is_some() {
        let by_count = verdict.judged.outcome.name();
        return format!(
            "{remedy} would not lift the license lock, because it has another cause than the count \
             (by the count alone: {by_count})."
        );
    }
    let condition = if accepted { ", if nothing that was lost matters" } else { "" };
    match verdict.judged.outcome {
        Outcome::Lifts if verdict.judged.deciding.is_none() && verdict.never_locked => format!(
            "only {} can be seen, and a lockdown begins with {} days over the limit in a row; {remedy} \
             would leave nothing to lock{condition}.",
            counted(verdict.days.len() as u64, "day", "days"),
            GRACE_DAYS + 1
        ),
        Outcome::Lifts if verdict.never_locked => format!(
            "in what this spool shows, no more than {GRACE_DAYS} days in a row are over the limit \
             of {}; {remedy} would leave nothing to lock{condition}.",
            limit(verdict)
        ),
        Outcome::Lifts => format!("{remedy} would lift the license lock{condition}."),
        Outcome::Stays if verdict.state == LockState::Lockdown => {
            format!("{remedy} would not help{condition}: the lockdown would go on.")
        }
        Outcome::Stays => format!("{remedy} would not lift the license lock{condition}."),
        Outcome::CannotTell => {
            let days: Vec<String> = verdict
                .judged
                .missing_days
                .iter()
                .filter_map(|day| report.calendar.days().get(*day))
                .map(|day| day.date.to_string())
                .collect();
            format!(
                "whether {remedy} would lift the license lock hangs on what is missing of {}.",
                list(&days)
            )
        }
    }
}

fn list(items: &[String]) -> String {
    if items.len() <= DAYS_NAMED_MAX {
        return items.join(", ");
    }
    let more = items.len() - DAYS_NAMED_MAX;
    format!("{} and {more} more", items[..DAYS_NAMED_MAX].join(", "))
}

/// Why, in one paragraph: for the database.
#[must_use]
pub fn why(report: &CheckReport, verdict: &ScenarioVerdict) -> String {
    reasons(report, verdict).join(" ")
}

/// Why: the run of days, and the day that decides.
pub(super) fn reasons(report: &CheckReport, verdict: &ScenarioVerdict) -> Vec<String> {
    let judged = &verdict.judged;
    let limit = limit(verdict);
    let as_of = report.as_of;
    let mut reasons = vec![match judged.run_days {
        0 => format!("{as_of} is not over the limit of {limit}."),
        1 => format!("{as_of} is over the limit of {limit}, the day before is not."),
        run => {
            let first = verdict.days.len().saturating_sub(run);
            let first = verdict.days.get(first).map_or(as_of, |row| row.date);
            format!("{first} to {as_of} are {run} days in a row over the limit of {limit}.")
        }
    }];
    reasons.push(match verdict.reading.unlock {
        Unlock::RunWithinGrace => format!(
            "Up to {GRACE_DAYS} days over in a row are free, from day {} on a lockdown is in \
             progress, after {LOCK_DAYS} the GUI is locked.",
            GRACE_DAYS + 1
        ),
        Unlock::LastDay => "Under this reading only the last day counts.".to_owned(),
        Unlock::WholeWindow => {
            format!("Under this reading no one of the last {WINDOW_DAYS} days may be over.")
        }
    });
    reasons.extend(under_loss(verdict));
    if let Some(deciding) = judged.deciding {
        let row = verdict.days.get(deciding.day);
        let date = row.map_or(as_of, |row| row.date);
        let at_least =
            if row.is_some_and(|row| row.coverage.is_lower_bound() && row.fewest.is_none()) {
                "at least "
            } else {
                ""
            };
        let which = match verdict.reading.unlock {
            Unlock::RunWithinGrace => format!("Of the last {} days the lowest", GRACE_DAYS + 1),
            Unlock::LastDay => "The last day".to_owned(),
            Unlock::WholeWindow => format!("Of the last {WINDOW_DAYS} days the highest"),
        };
        reasons.push(format!(
            "{which} decides: {date} with {at_least}{} channels, {}.",
            channels(deciding.figure, verdict.limit_channels),
            margin(deciding.margin)
        ));
    } else {
        reasons.push(format!(
            "Fewer than {} days are seen, so that no run can pass the free days.",
            GRACE_DAYS + 1
        ));
    }
    reasons
}

/// What the bounds say: how long the run of days over is at least and at most, and whether that decides.
fn under_loss(verdict: &ScenarioVerdict) -> Vec<String> {
    let judged = &verdict.judged;
    let days = |days: usize| counted(days as u64, "day", "days");
    let mut reasons = Vec::new();
    if judged.outcome == Outcome::CannotTell {
        reasons.push(format!("By what was read alone: {}.", judged.without_loss.name()));
    }
    if judged.run_days_at_least < judged.run_days {
        reasons.push(format!(
            "Certain of that run, whatever was lost: {}. A lost CANCEL, leg or header can also make \
             channels fewer.",
            days(judged.run_days_at_least)
        ));
    }
    if judged.run_days_at_most > judged.run_days {
        reasons.push(format!(
            "With what may be missing the run can be up to {}.",
            days(judged.run_days_at_most)
        ));
    }
    let is_uncertain = verdict.days.iter().any(|day| day.coverage.is_lower_bound());
    let is_accepted = verdict.caveats.iter().any(|c| matches!(c, Caveat::LossAccepted { .. }));
    let is_told = judged.outcome != Outcome::CannotTell && judged.deciding.is_some();
    let is_hedged = verdict.caveats.iter().any(|caveat| caveat.otherwise().is_some());
    if is_uncertain && !is_accepted && is_told && !is_hedged {
        reasons.push(
            "Under this reading this is certain: it holds with every day that a loss touches over \
             the limit, and with only those channels that no loss can have made more."
                .to_owned(),
        );
    }
    reasons
}

/// What the database counts beside what a recompute would give; absent without recorded CDRs.
pub(super) fn recorded_against_recount(report: &CheckReport) -> Option<String> {
    let of = |wanted: Scenario| report.scenarios.iter().find(|v| v.scenario == wanted);
    let (recorded, again) = (of(Scenario::Recorded)?, of(Scenario::AsIs)?);
    let on_last_day = |verdict: &ScenarioVerdict| {
        verdict
            .days
            .last()
            .map_or_else(|| "0".to_owned(), |day| channels(day.figure, verdict.limit_channels))
    };
    let counted_as = |verdict: &ScenarioVerdict| {
        format!(
            "{} channels on {}, {} over, state {}",
            on_last_day(verdict),
            report.as_of,
            counted(verdict.days_over as u64, "day", "days"),
            verdict.state.name()
        )
    };
    Some(format!(
        "The database counts {} ({}); a recompute would give {} ({}).",
        counted_as(recorded),
        counted(recorded.cdr_count as u64, "CDR", "CDRs"),
        counted_as(again),
        counted(again.cdr_count as u64, "CDR", "CDRs"),
    ))
}

/// That other readings of the closed rule say otherwise, and the single choices that are enough; absent
/// when all agree.
pub(super) fn disagreement(verdict: &ScenarioVerdict) -> Option<String> {
    let agreement = &verdict.agreement;
    let otherwise = agreement.readings.saturating_sub(agreement.agreeing);
    if otherwise == 0 {
        return None;
    }
    let flips: Vec<String> = agreement
        .flips
        .iter()
        .map(|flip| format!("{}={} ({})", flip.axis.name(), flip.choice, flip.outcome.name()))
        .collect();
    let enough = match flips.len() {
        0 => "no single other choice is enough".to_owned(),
        1 => format!("one other choice is enough: {}", flips[0]),
        _ => format!("each of these choices alone is enough: {}", flips.join(", ")),
    };
    let told = [
        (Outcome::Lifts, agreement.lifts, "lift"),
        (Outcome::Stays, agreement.stays, "stay"),
        (Outcome::CannotTell, agreement.cannot_tell, "cannot tell"),
    ];
    let others = told
        .iter()
        .filter(|(outcome, readings, _)| *readings > 0 && *outcome != verdict.judged.outcome);
    let others: Vec<String> =
        others.map(|(_, readings, what)| format!("{} {what}", grouped(*readings as u64))).collect();
    Some(format!(
        "{} of {} of the GUI's rule, which is not public, do not agree: {}; {enough}.",
        grouped(otherwise as u64),
        counted(agreement.readings as u64, "reading", "readings"),
        others.join(", "),
    ))
}

/// A caveat in one sentence.
pub(super) fn caveat(report: &CheckReport, caveat: &Caveat) -> String {
    match caveat {
        Caveat::RestsOnDeduplication { groups, legs, otherwise } => format!(
            "This rests on the vendor's rule of equal last six digits, which here takes {} for one \
             channel with others although they are evidently different calls (in {}). Counted each \
             for itself: {}.",
            counted(u64::from(*legs), "leg", "legs"),
            counted(u64::from(*groups), "group", "groups"),
            otherwise.name()
        ),
        Caveat::HidesDifferentCalls { groups, legs } => format!(
            "The rule of equal last six digits hides {} of evidently different calls (in {}); the \
             verdict does not hang on it.",
            counted(u64::from(*legs), "leg", "legs"),
            counted(u64::from(*groups), "group", "groups")
        ),
        Caveat::RestsOnCut { otherwise } => format!(
            "This rests on where a call ends: counted the other way about the vendor's live \
             timeouts (axis cut) it is: {}.",
            otherwise.name()
        ),
        Caveat::StateBeforeUnseen { days_seen } => {
            let seen = counted(*days_seen as u64, "day", "days");
            let unlock = report.deciding().map(|verdict| verdict.reading.unlock);
            if *days_seen <= GRACE_DAYS && unlock == Some(Unlock::RunWithinGrace) {
                return format!(
                    "Only {seen} can be seen: with so few the verdict by the count is the same \
                     whatever is counted. What the days before did is not known."
                );
            }
            format!(
                "Only {seen} can be seen, a lock needs more than {LOCK_DAYS}; what the days before \
                 did is not known."
            )
        }
        Caveat::RestsOnFirstDay { otherwise } => format!(
            "Calls that already ran at the first packet and of which nothing was captured are not \
             seen. If they put the first day over the limit: {}.",
            otherwise.name()
        ),
        Caveat::RestsOnLastDay { until, otherwise } => format!(
            "The last day is not over: SIP ends at {}. If the rest of that day puts it over the \
             limit: {}. Judge the day before with --as-of, or read the whole day.",
            local_s(*until, report.calendar.zone()),
            otherwise.name()
        ),
        Caveat::RestsOnLackingHours { days, first, last, otherwise } => {
            lacking_hours(*days, (*first, *last), *otherwise)
        }
        Caveat::ExcludedByConfiguration { messages, cdrs } => format!(
            "The configuration leaves out {} and {} that the captures hold; none of them is counted. \
             See that it is the configuration of the sniffer that wrote them.",
            counted(*messages, "SIP message", "SIP messages"),
            counted(*cdrs, "CDR", "CDRs")
        ),
        Caveat::LastDayPartial { until } => format!(
            "The captures end at {}; the last day can still rise.",
            local_s(*until, report.calendar.zone())
        ),
        Caveat::LossAccepted { days } => format!(
            "Losses on {} were accepted by request and count as read.",
            counted(*days as u64, "day", "days")
        ),
        Caveat::DaysClipped { days } => format!(
            "{} before the first one shown were left out; check the clocks of the captures.",
            counted(u64::from(*days), "day", "days")
        ),
    }
}

fn lacking_hours(days: usize, (first, last): (Date, Date), otherwise: Outcome) -> String {
    let when = match days {
        1 => format!("On {first}"),
        _ => format!("On {} from {first} to {last}", counted(days as u64, "day", "days")),
    };
    format!(
        "{when} a sensor has no SIP in hours in which it has some on most days. If captures are missing \
         there and those days were over the limit: {}.",
        otherwise.name()
    )
}

/// How many readings share a verdict.
pub(super) fn agreeing(verdict: &ScenarioVerdict) -> String {
    let agreement = &verdict.agreement;
    let all = counted(agreement.readings as u64, "reading", "readings");
    if agreement.agreeing == agreement.readings && agreement.readings > 1 {
        return format!("all {all} agree");
    }
    format!("{} of {all} agree", grouped(agreement.agreeing as u64))
}

/// What to do now.
pub(super) fn next_step(report: &CheckReport, verdict: &ScenarioVerdict) -> Vec<String> {
    let mut steps = Vec::new();
    if report.other_causes().next().is_some() {
        steps.push("Do not re-compute: settle the other cause of the lock first.".to_owned());
        return steps;
    }
    match verdict.judged.outcome {
        Outcome::Lifts => {
            if report.input.rtp_left_out.is_some() && verdict.scenario != Scenario::Recorded {
                steps.push(
                    "Check again with RTP, without --without-rtp: the sniffer will read it, and calls \
                     then last longer or are cut elsewhere."
                        .to_owned(),
                );
            }
            if report.license.is_none() {
                steps.push(
                    "Make sure that the count is the cause of the lock: an expired license, other \
                     hardware or no contact with the license server are only looked for with \
                     --license FILE."
                        .to_owned(),
                );
            }
            steps.push(
                "Keep a copy of the database: re-computing empties its tables first.".to_owned(),
            );
            if let Scenario::MergeHeader(header) = &verdict.scenario {
                let header = terminal(header.as_bytes());
                steps.push(format!("In voipmonitor.conf: callidmerge_header = {header}"));
            }
        }
        Outcome::Stays => {
            steps
                .push("Do not re-compute: it would cost the present CDRs and not help.".to_owned());
            let others = report.scenarios.iter().filter(|other| {
                other.judged.outcome == Outcome::Lifts && other.scenario != Scenario::Recorded
            });
            let others: Vec<String> = others
                .map(|other| format!("{} ({})", scenario_label(&other.scenario), agreeing(other)))
                .collect();
            steps.push(if others.is_empty() {
                "No remedy here lifts the lock: fewer channels, a larger license or the vendor's \
                 support are left."
                    .to_owned()
            } else {
                format!("Would lift the lock by the count: {}.", others.join(", "))
            });
        }
        Outcome::CannotTell => steps.push(
            "Bring back or repair what is listed under 'Lost' and check again; --accept-loss \
             judges by what was read alone."
                .to_owned(),
        ),
    }
    steps
}
