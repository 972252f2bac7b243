//! `validate`: everything that is wrong with the configuration.

use crate::cli::args::ValidateArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::report::diagnostics::{to_json, write_text};

/// Runs it.
pub fn run(env: &Env, args: &ValidateArgs) -> Result<Exit, Failure> {
    let stack = Stack::load(env, &args.variables)?;
    let evaluation = stack.evaluate(env.now(), None);
    let found = evaluation.diagnostics;
    if args.format.is_json() {
        super::print_json(env, &to_json(&found, stack.sources()))?;
    } else {
        write_text(&found, stack.sources(), env.err.color(), &mut env.stderr())?;
        if !found.has_errors() {
            env.print(|out| writeln!(out, "The configuration is valid."))?;
        }
    }
    Ok(if found.has_errors() {
        Exit::Error
    } else {
        Exit::Done
    })
}
