//! What is written to the terminal, and how wide it is.

use super::error::CliError;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Width where the output is no terminal.
const WIDTH_DEFAULT: usize = 80;

/// Writes a result to standard output. A reader that went away is no failure: it has seen enough.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(()),
    }
}

/// Says on standard error why a command did not do its work.
pub(super) fn complain(error: &CliError) {
    // Nobody is left to tell when this fails; the exit code still says it.
    let _ = writeln!(io::stderr().lock(), "respool: {error}");
}

/// Says something on standard error that does not end the command.
pub(super) fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "respool: warning: {text}");
}

/// Writes something beside the result to standard error.
pub(super) fn tell(text: &str) {
    let _ = write!(io::stderr().lock(), "{text}");
}

/// Columns of the terminal that standard output is; 80 where it is none.
pub(super) fn width() -> usize {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map_or(WIDTH_DEFAULT, |(width, _)| usize::from(width.0))
}

/// Whether standard output takes colours (no-color.org).
pub(super) fn takes_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
