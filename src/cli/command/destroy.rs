//! `destroy`: removes what the state records as this stack's own.

use crate::cli::approval::Consent;
use crate::cli::args::DestroyArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::variables::Given;
use crate::plan::input::{Mode, Options};

use super::apply::Job;

/// Runs it.
pub fn run(env: &Env, args: &DestroyArgs) -> Result<Exit, Failure> {
    let job = Job {
        env,
        command: "destroy",
        question: "Remove all of this?",
        consent: if args.auto_approve {
            Consent::Automatic {
                restore: false,
                rules: false,
            }
        } else {
            Consent::Ask
        },
        json: args.format.is_json(),
        reason: args.reason.as_deref(),
        revision: None,
        base_revision: None,
        state: Default::default(),
    };
    let options = Options {
        mode: Mode::Destroy,
        ..Options::default()
    };
    job.run(&Given::read(env, &args.variables)?, &args.lock, options)
}
