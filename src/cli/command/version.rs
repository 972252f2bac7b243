//! `version`

use crate::cli::args::VersionArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;

/// Runs it.
pub fn run(env: &Env, args: &VersionArgs) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if args.json {
        super::print_json(env, &serde_json::json!({ "version": version }))?;
    } else {
        env.print(|out| writeln!(out, "rolecall {version}"))?;
    }
    Ok(Exit::Done)
}
