//! `respool explain`: rule by rule why two legs are one call, or why they are not.

use super::calls::CallsArguments;
use super::error::CliError;
use super::output;
use crate::base::RecordRef;
use crate::report::call::leg_text;
use crate::report::explain::{Explained, explain_json, explain_text};
use crate::run::CallRun;
use clap::Args;

/// Say rule by rule why two legs are one call, or why they are not
#[derive(Args, Debug)]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    read: CallsArguments,
    /// Call-ID of a leg, or its beginning; give it twice. SENSOR=CALL-ID names the leg of one sensor
    #[arg(long = "leg", value_name = "CALL-ID", required = true, allow_hyphen_values = true)]
    legs: Vec<String>,
    /// Columns of the text [default: those of the terminal, else 80]
    #[arg(long, value_name = "N")]
    width: Option<usize>,
}

/// Flags in, the explanation printed.
pub(super) fn run(arguments: &ExplainArguments) -> Result<(), CliError> {
    let [first, second] = arguments.legs.as_slice() else {
        return Err(CliError::NotTwoLegs { found: arguments.legs.len() });
    };
    let calls = arguments.read.calls()?;
    let (left, right) = pair(&calls, first, second)?;
    let outcomes = calls.explain(left, right);
    let place_of = |record: RecordRef| calls.place(record);
    let view = calls.view(&place_of);
    let legs = [left, right].map(|leg| leg_text(view, leg));
    let explained = Explained {
        legs: [&legs[0], &legs[1]],
        is_one_call: calls.grouping.place_of(left) == calls.grouping.place_of(right),
        outcomes: &outcomes,
        place_of: &place_of,
        name_of: &|leg| view.leg_name(leg),
    };
    let page = if arguments.read.input.json {
        format!("{:#}\n", explain_json(explained))
    } else {
        explain_text(explained, arguments.width.unwrap_or_else(output::width))
    };
    output::print(&page)
}

/// Two different legs. One Call-ID given twice is the legs that two sensors saw.
fn pair(calls: &CallRun, first: &str, second: &str) -> Result<(u32, u32), CliError> {
    let (left, right) = (calls.find(first)?, calls.find(second)?);
    match (left.as_slice(), right.as_slice()) {
        ([left], [right]) if left != right => Ok((*left, *right)),
        ([one, other], same) if same == [*one, *other] => Ok((*one, *other)),
        ([left], [right]) if left == right => Err(CliError::SameLeg { typed: first.to_owned() }),
        _ => {
            let (typed, legs) = if left.len() > 1 { (first, left) } else { (second, right) };
            let sensors = legs
                .iter()
                .map(|leg| calls.sensor_name(calls.outlines.at(*leg).sensor).to_owned())
                .collect::<Vec<_>>();
            Err(CliError::LegOfSensors { typed: typed.to_owned(), sensors: sensors.join(", ") })
        }
    }
}
