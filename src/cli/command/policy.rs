//! `policy`: the IAM policy that whoever runs rolecall needs.

use crate::cli::args::{PolicyArgs, PolicyPurpose};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::provider::aws::policy::{Purpose, policy};

/// Runs it.
pub fn run(env: &Env, args: &PolicyArgs) -> Result<Exit, Failure> {
    let purpose = match args.purpose {
        PolicyPurpose::Plan => Purpose::Plan,
        PolicyPurpose::Apply => Purpose::Apply,
    };
    super::print_json(env, &policy(purpose))?;
    Ok(Exit::Done)
}
