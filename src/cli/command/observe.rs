//! `observe`: a dated reading of the service, kept in the state for plans that ask nobody.

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::ObserveArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::{Stack, read};
use crate::model::record::Seen;
use crate::state::{Entry, StateStore};

/// The result for machines.
#[derive(Serialize)]
struct ObserveJson {
    /// When the service was read, by the provider's clock.
    at: Timestamp,
    /// How many accounts were seen.
    accounts: usize,
    /// How many users.
    users: usize,
    /// How many groups.
    groups: usize,
    /// How many permission sets.
    permission_sets: usize,
    /// How many grants.
    grants: usize,
    /// How many things could not be read.
    held: usize,
    /// How many calls it took.
    calls: u64,
}

/// Runs it.
pub fn run(env: &Env, args: &ObserveArgs) -> Result<Exit, Failure> {
    let stack = Stack::load(env, &args.variables)?;
    let offline = stack.evaluated(env, env.now(), None)?;
    env.create_own_directory()?;
    let mut store = env.store(&offline.state)?;
    store.lock(&env.lock_request("rolecall observe", args.lock.lock_timeout))?;
    let recorded = store.load()?;
    super::tell_remarks(env, &mut store);
    let reading = read(env, &stack, offline, &recorded, true)?;
    if let Some(instance) = recorded
        .instance
        .as_ref()
        .filter(|known| known.arn != reading.observed.instance.arn)
    {
        return Err(Failure::refused(format!(
            "the state is of instance {}, and this is {}",
            instance.arn, reading.observed.instance.arn
        ))
        .help("look at the provider's Region and profile"));
    }
    let observed = reading.observed;
    let snapshot = &observed.snapshot;
    let result = ObserveJson {
        at: observed.at,
        accounts: snapshot.accounts.len(),
        users: snapshot.users.len(),
        groups: snapshot.groups.len(),
        permission_sets: snapshot.permission_sets.len(),
        grants: snapshot.access.len(),
        held: observed.held.len(),
        calls: observed.calls.values().sum(),
    };
    store.append(&[Entry::of_reading(recorded.seen.as_ref(), Seen::of(observed))])?;
    store.sync()?;
    let recorded = store.load()?;
    store.checkpoint(&recorded)?;
    super::tell_remarks(env, &mut store);
    show(env, args, &result)?;
    Ok(Exit::Done)
}

fn show(env: &Env, args: &ObserveArgs, result: &ObserveJson) -> Result<(), Failure> {
    if args.json {
        return super::print_json(env, result);
    }
    env.print(|out| {
        writeln!(
            out,
            "Observed at {}: {} grants of {} permission sets in {} accounts, {} groups, {} users.",
            result.at, result.grants, result.permission_sets, result.accounts, result.groups, result.users
        )?;
        if result.held > 0 {
            writeln!(
                out,
                "{} things could not be read; plans with this reading leave them alone.",
                result.held
            )?;
        }
        writeln!(
            out,
            "`rolecall plan --observed` plans with it, without asking the service."
        )
    })
}
