//! The binary: the real environment, one call, one exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    rolecall::cli::run().into()
}
