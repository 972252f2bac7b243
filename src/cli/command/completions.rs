//! `completions`: a completion script.

use clap::CommandFactory;

use crate::cli::args::{Cli, CompletionsArgs};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;

/// Runs it.
pub fn run(env: &Env, args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rolecall", &mut script);
    env.print(|out| out.write_all(&script))?;
    Ok(Exit::Done)
}
