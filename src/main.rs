//! Arguments to exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    respool::cli::run(std::env::args_os())
}
