//! `respool show`: one call with all its legs: who was in it, what happened, and its ladder.

use super::calls::CallsArguments;
use super::error::CliError;
use super::output;
use crate::base::RecordRef;
use crate::report::audit_json::call_json;
use crate::report::call::call_text;
use crate::report::ladder::{LadderStyle, ladder};
use clap::Args;

/// In place of the ladder.
const NO_LADDER: &str =
    "  not drawn: a database holds no messages; give the spool in its place to see them\n";
/// Messages of the ladder.
const ROWS_DEFAULT: usize = 500;

/// Show one call over all its legs: parties, transfers, why its legs are one call, and a ladder
#[derive(Args, Debug)]
pub(super) struct ShowArguments {
    /// Call-ID of any of its legs, or the beginning of one; behind `--` where it begins with a hyphen
    #[arg(value_name = "CALL-ID")]
    call_id: String,
    #[command(flatten)]
    read: CallsArguments,
    /// ASCII alone
    #[arg(long)]
    ascii: bool,
    /// Columns of the ladder [default: those of the terminal, else 80]
    #[arg(long, value_name = "N")]
    width: Option<usize>,
    /// Messages of the ladder
    #[arg(long, value_name = "N", default_value_t = ROWS_DEFAULT)]
    rows: usize,
}

/// Flags in, the call printed.
pub(super) fn run(arguments: &ShowArguments) -> Result<(), CliError> {
    let calls = arguments.read.calls()?;
    let place_of = |record: RecordRef| calls.place(record);
    let view = calls.view(&place_of);
    let mut numbers: Vec<usize> = Vec::new();
    for leg in calls.find(&arguments.call_id)? {
        // One Call-ID at two sensors can be two calls.
        let number = calls.grouping.place_of(leg);
        numbers.extend(number.filter(|number| !numbers.contains(number)));
    }
    let shown: Vec<_> = numbers.into_iter().map(|number| &calls.merged.calls[number]).collect();
    if arguments.read.input.json {
        let json: Vec<_> = shown.into_iter().map(|call| call_json(view, call)).collect();
        return output::print(&format!("{:#}\n", serde_json::Value::from(json)));
    }
    let style = LadderStyle {
        width: arguments.width.unwrap_or_else(output::width),
        ascii: arguments.ascii,
        rows_max: arguments.rows,
    };
    for call in shown {
        let text = call_text(view, call);
        let text = if arguments.ascii { escape_non_ascii(&text) } else { text };
        let drawn = calls.legs_of(call).map(|legs| ladder(&legs.iter().collect::<Vec<_>>(), style));
        let drawn = drawn.as_deref().unwrap_or(NO_LADDER);
        output::print(&format!("{text}\nLadder\n{drawn}"))?;
    }
    Ok(())
}

/// The text holds no control characters any more; what is not ASCII becomes `\xNN`.
fn escape_non_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() {
            ascii.push(char::from(byte));
        } else {
            ascii.push_str(&format!("\\x{byte:02x}"));
        }
    }
    ascii
}
