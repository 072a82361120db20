//! EDGE: flags as typed, then a validated configuration, then a call into `run`; one file a subcommand.
//!
//! Exit codes: 0 the recompute lifts the lock, or there is none, or a command without a verdict did
//! its work; 1 the lock stays; 3 it cannot be told; 2 the usage was wrong or the work failed. Only
//! this room writes to the terminal.

mod audit;
mod calls;
mod check;
mod error;
mod explain;
mod history;
mod input;
mod license;
mod output;
mod show;
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
    History(history::HistoryArguments),
    License(license::LicenseArguments),
    Audit(audit::AuditArguments),
    Explain(explain::ExplainArguments),
    Show(show::ShowArguments),
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
    let asked = asked(arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()));
    let outcome = match parsed.command {
        Command::Check(check) => check::run(&check, asked),
        Command::History(history) => history::run(&history, asked),
        Command::License(license) => license::run(&license),
        Command::Audit(audit) => audit::run(&audit).map(|()| 0),
        Command::Explain(explain) => explain::run(&explain).map(|()| 0),
        Command::Show(show) => show::run(&show).map(|()| 0),
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

/// Flags that change neither what is read nor what is judged, and whether a value follows them.
const WITHOUT_EFFECT: [(&str, bool); 8] = [
    ("--threads", true),
    ("--work", true),
    ("--memory", true),
    ("--db", true),
    ("--width", true),
    ("--json", false),
    ("--quiet", false),
    ("--profile", false),
];

/// What was asked, for the database: the arguments without those that have no effect on the results,
/// so that equal results stay equal bytes.
fn asked(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut skip_value = false;
    for word in arguments {
        let (flag, value) = word.split_once('=').map_or((&*word, None), |(f, v)| (f, Some(v)));
        let known = WITHOUT_EFFECT.iter().find(|(name, _)| *name == flag);
        match known {
            _ if skip_value => skip_value = false,
            Some((_, takes_value)) => skip_value = *takes_value && value.is_none(),
            None => kept.push(word),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_without_effect_are_not_recorded() {
        let check = |line: &str, expect: &str| {
            let kept = asked(line.split(' ').map(str::to_owned));
            assert_eq!(kept.join(" "), expect, "{line}");
        };
        check("check s --limit 4", "check s --limit 4");
        check("check --threads 2 s --limit=4 --db=x --quiet", "check s --limit=4");
        check("check --work d --memory=2G s --limit 4 --profile", "check s --limit 4");
        check("check s --json --width 100 --limit 4 --db", "check s --limit 4");
        check("check --limit 4 --reading a=b s", "check --limit 4 --reading a=b s");
    }
}
