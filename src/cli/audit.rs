//! `respool audit`: which legs were counted apart although they are one call, and what it cost.

use super::calls::CallsArguments;
use super::error::CliError;
use super::input::day;
use super::output;
use crate::base::{CaptureTime, RecordRef};
use crate::call::{AuditFilter, Class, RuleName};
use crate::report::audit::{Audited, audit_text};
use crate::report::audit_json::audit_json;
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::net::IpAddr;

/// Rows of each table of the text.
const ROWS_DEFAULT: usize = 20;
const HOUR_NS: i64 = 3_600 * crate::base::NS_PER_S;

/// List the calls that were counted as more than one channel, why, and what that cost
#[derive(Args, Debug)]
pub(super) struct AuditArguments {
    #[command(flatten)]
    read: CallsArguments,
    /// Only calls of this day, YYYY-MM-DD, in the time zone of the GUI
    #[arg(long, value_name = "DAY")]
    day: Option<String>,
    /// Only calls of this hour of the day, 0 to 23
    #[arg(long, value_name = "HOUR", requires = "day", value_parser = clap::value_parser!(i8).range(0..24))]
    hour: Option<i8>,
    /// Only calls with a calling or called number that ends so
    #[arg(long, value_name = "DIGITS")]
    number: Option<String>,
    /// Only calls with a leg from or to this IP address
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// Only calls that this rule joined, and near misses of this rule
    #[arg(long, value_name = "NAME", value_parser = rule)]
    rule: Option<RuleName>,
    /// Only calls joined by evidence of this class, and near misses of it: proof, strong, medium, weak
    #[arg(long, value_name = "NAME", value_parser = class)]
    class: Option<Class>,
    /// Rows of each table of the text
    #[arg(long, value_name = "N", default_value_t = ROWS_DEFAULT)]
    rows: usize,
}

/// Flags in, the audit printed.
pub(super) fn run(arguments: &AuditArguments) -> Result<(), CliError> {
    // What is mistyped must not cost the reading of a spool.
    let day = day("--day", arguments.day.as_ref())?;
    let calls = arguments.read.calls()?;
    let filter = arguments.filter(day, &calls.time_zone);
    let audit = calls.audit(&filter);
    let peak = calls.peak_cost(&audit);
    let place_of = |record: RecordRef| calls.place(record);
    let audited = Audited { audit: &audit, view: calls.view(&place_of), peak: peak.as_ref() };
    if arguments.read.input.json {
        return output::print(&format!("{:#}\n", audit_json(audited)));
    }
    output::print(&audit_text(audited, arguments.rows))
}

impl AuditArguments {
    fn filter(&self, day: Option<Date>, zone: &TimeZone) -> AuditFilter {
        let span = day.and_then(|day| span(day, self.hour, zone));
        AuditFilter {
            from: span.map(|(from, _)| from),
            until: span.map(|(_, until)| until),
            number: self.number.as_ref().map(|number| number.as_bytes().to_vec()),
            address: self.address,
            rule: self.rule,
            class: self.class,
        }
    }
}

/// A local day, or one hour of it; a repeated hour is the first one.
fn span(day: Date, hour: Option<i8>, zone: &TimeZone) -> Option<(CaptureTime, CaptureTime)> {
    let moment = |day: Date, hour: i8| {
        let zoned = day.at(hour, 0, 0, 0).to_zoned(zone.clone()).ok()?;
        i64::try_from(zoned.timestamp().as_nanosecond()).ok().map(CaptureTime::from_ns)
    };
    match hour {
        Some(hour) => moment(day, hour).map(|from| (from, from.plus_ns(HOUR_NS))),
        None => Some((moment(day, 0)?, moment(day.tomorrow().ok()?, 0)?)),
    }
}

fn rule(name: &str) -> Result<RuleName, String> {
    let names = RuleName::ALL.map(RuleName::name).join(", ");
    RuleName::from_name(name).ok_or_else(|| format!("no such rule; the rules are {names}"))
}

fn class(name: &str) -> Result<Class, String> {
    let names = Class::ALL.map(Class::name).join(", ");
    let found = Class::ALL.into_iter().find(|class| class.name() == name);
    found.ok_or_else(|| format!("no such class; the classes are {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_hours_are_local() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let check = |day: &str, hour, from: &str, until: &str| {
            let ns = |text: &str| {
                let moment: jiff::Timestamp = text.parse().unwrap();
                CaptureTime::from_ns(i64::try_from(moment.as_nanosecond()).unwrap())
            };
            let found = span(day.parse().unwrap(), hour, &zone);
            assert_eq!(found, Some((ns(from), ns(until))), "{day} {hour:?}");
        };
        check("2026-11-20", None, "2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z");
        check("2026-11-20", Some(10), "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z");
        // The clock goes back: a day of 25 hours.
        check("2026-10-25", None, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    }

    #[test]
    fn names_are_checked() {
        assert_eq!(rule("refer"), Ok(RuleName::Refer));
        assert!(rule("reefer").unwrap_err().contains("session-id"));
        assert_eq!(class("weak"), Ok(Class::Weak));
        assert!(class("week").unwrap_err().contains("medium"));
    }
}
