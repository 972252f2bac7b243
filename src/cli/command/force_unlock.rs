//! `force-unlock`: takes the lock away from a run that is gone.

use crate::cli::args::ForceUnlockArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::state::StateStore;

/// Runs it.
pub fn run(env: &Env, args: &ForceUnlockArgs) -> Result<Exit, Failure> {
    let holder = super::store_of(env)?.force_unlock(&args.id)?;
    env.say(&format!(
        "unlocked: it was held by {} (pid {} on {}) for `{}` since {}",
        holder.owner, holder.pid, holder.host, holder.command, holder.since
    ));
    Ok(Exit::Done)
}
