//! EDGE: flags as typed, then a validated configuration, then a call into `run`; one file a subcommand.
//!
//! Exit codes: 0 the recompute lifts the lock, or there is none, or a command without a verdict did
//! its work; 1 the lock stays; 3 it cannot be told; 2 the usage was wrong or the work failed. Only
//! this room writes to the terminal.

mod check;
mod error;
mod output;
pub mod synth;
mod zone;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Exit code of wrong usage and of failure.
const EXIT_FAILURE: u8 = 2;

/// Reads VoIPmonitor spools and captures and says whether recomputing the CDRs would lift the
/// license lock.
#[derive(Debug, Parser)]
#[command(name = "respool", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckArguments),
    Synth(synth::SynthArguments),
}

/// Arguments of the process in, its exit code out.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = match Arguments::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        // Help and version are no errors; clap knows where each goes and its exit code.
        Err(message) => {
            let code = u8::try_from(message.exit_code()).unwrap_or(EXIT_FAILURE);
            return ExitCode::from(message.print().map_or(EXIT_FAILURE, |()| code));
        }
    };
    let as_typed: Vec<String> =
        arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let outcome = match parsed.command {
        Command::Check(check) => check::run(&check, as_typed),
        Command::Synth(synth) => synth::run(&synth).map(|()| 0).map_err(error::CliError::Synth),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::complain(&error);
            ExitCode::from(EXIT_FAILURE)
        }
    }
}
