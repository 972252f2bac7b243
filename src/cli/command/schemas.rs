//! `schemas`: writes the JSON Schemas of the machine-readable formats.

use crate::cli::args::SchemasArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::report::json::schemas;

/// Runs it.
pub fn run(env: &Env, args: &SchemasArgs) -> Result<Exit, Failure> {
    for (name, schema) in schemas() {
        env.write_private(&args.dir.join(name), |out| {
            serde_json::to_writer_pretty(&mut *out, &schema)?;
            writeln!(out)
        })?;
    }
    Ok(Exit::Done)
}
