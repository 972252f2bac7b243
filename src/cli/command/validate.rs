//! `validate`: everything that is wrong with the configuration.

use crate::cli::args::ValidateArgs;
use crate::cli::args::formats::DiagnosticsFormat;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::diagnostic::{Code, Diagnostic};
use crate::report::diagnostics::{to_json, write_text};
use crate::report::sarif;

/// A provider or a state that this build does not have.
const NOT_BUILT_IN: Code = Code("not-built-in");

/// Runs it.
pub fn run(env: &Env, args: &ValidateArgs) -> Result<Exit, Failure> {
    let stack = Stack::load(env, &args.variables)?;
    let evaluation = stack.evaluate(env.now(), None);
    let mut found = evaluation.diagnostics;
    for failure in env.lacking(&evaluation.provider, &evaluation.state) {
        let help = env.advice(&failure).unwrap_or_default();
        found.push(Diagnostic::error(NOT_BUILT_IN, failure.to_string()).help(help));
    }
    match args.format.format() {
        DiagnosticsFormat::Json => super::print_json(env, &to_json(&found, stack.sources()))?,
        DiagnosticsFormat::Sarif => {
            let directory = env.directory_in_repository();
            super::print_json(env, &sarif::of_diagnostics(&found, stack.sources(), &directory))?;
        }
        DiagnosticsFormat::Text => {
            write_text(&found, stack.sources(), env.err.color(), &mut env.stderr())?;
            if !found.has_errors() {
                env.print(|out| writeln!(out, "The configuration is valid."))?;
            }
        }
    }
    Ok(if found.has_errors() {
        Exit::Error
    } else {
        Exit::Done
    })
}
