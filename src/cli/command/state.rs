//! `state …`: looking into the state, and changing it without touching the service.

use std::path::Path;

use crate::address::Address;
use crate::cli::args::{FormatArgs, LockArgs, StateCommand};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::diagnostic::did_you_mean;
use crate::model::record::Recorded;
use crate::report::json::state::StateJson;
use crate::report::state_view::StateView;
use crate::report::terminal::{Page, state};
use crate::state::entry::Author;
use crate::state::local::LocalStore;
use crate::state::{Entry, StateStore, export, export_file};

/// Runs it.
pub fn run(env: &Env, command: StateCommand) -> Result<Exit, Failure> {
    match command {
        StateCommand::List { prefix, format } => list(env, prefix.as_deref(), format),
        StateCommand::Show { address, format } => show(env, &address, format),
        StateCommand::Mv { from, to, lock } => mv(env, &from, &to, &lock),
        StateCommand::Rm { address, lock } => rm(env, &address, &lock),
        StateCommand::Export { out } => export_to(env, out.as_deref()),
        StateCommand::Import {
            file,
            replace_damaged,
            lock,
        } => import(env, &file, replace_damaged, &lock),
        StateCommand::Log { format } => super::state_log::run(env, format),
    }
}

fn list(env: &Env, prefix: Option<&str>, format: FormatArgs) -> Result<Exit, Failure> {
    let recorded = super::recorded_of(env)?;
    let view = StateView::new(&recorded);
    let addresses: Vec<String> = view
        .addresses()
        .into_iter()
        .map(ToString::to_string)
        .filter(|address| prefix.is_none_or(|prefix| address.starts_with(prefix)))
        .collect();
    if format.is_json() {
        super::print_json(env, &addresses)?;
    } else {
        env.print(|out| {
            addresses
                .iter()
                .try_for_each(|address| writeln!(out, "{address}"))
        })?;
    }
    Ok(Exit::Done)
}

fn parse(text: &str) -> Result<Address, Failure> {
    text.parse()
        .map_err(|error: crate::address::AddressError| Failure::new(error.to_string()))
}

/// That something is recorded at an address, or what is close to it.
fn known(recorded: &Recorded, address: &Address) -> Result<(), Failure> {
    let view = StateView::new(recorded);
    let same = |known: &&Address| **known == *address || known.block() == *address;
    let addresses = view.addresses();
    if addresses.iter().any(same) {
        return Ok(());
    }
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let close = did_you_mean(&address.to_string(), names.iter().map(String::as_str));
    Err(Failure::new(format!("the state has nothing at {address}"))
        .help(close.unwrap_or_else(|| "`rolecall state list` shows what there is".to_owned())))
}

fn show(env: &Env, address: &str, format: FormatArgs) -> Result<Exit, Failure> {
    let address = parse(address)?;
    let recorded = super::recorded_of(env)?;
    known(&recorded, &address)?;
    let view = StateView::new(&recorded).at(&address);
    if format.is_json() {
        super::print_json(env, &StateJson::new(&recorded, &view))?;
    } else {
        env.print(|out| state::rows(&recorded, &view, &mut Page::new(out, env.out)))?;
    }
    Ok(Exit::Done)
}

/// The store under the lock, and what it holds.
fn locked(env: &Env, command: &str, lock: &LockArgs) -> Result<LocalStore, Failure> {
    let mut store = super::store_of(env)?;
    env.create_own_directory()?;
    store.lock(&env.lock_request(command, lock.lock_timeout))?;
    Ok(store)
}

fn author(env: &Env) -> Author {
    Author {
        at: env.now(),
        actor: env.actor().into(),
    }
}

/// Appends one entry and keeps the checkpoint up to date.
fn write(store: &mut LocalStore, entry: Entry) -> Result<(), Failure> {
    store.append(&[entry])?;
    store.sync()?;
    let recorded = store.load()?;
    store.checkpoint(&recorded)?;
    Ok(())
}

fn mv(env: &Env, from: &str, to: &str, lock: &LockArgs) -> Result<Exit, Failure> {
    let (from, to) = (parse(from)?, parse(to)?);
    if from.kind != to.kind || from.data != to.data {
        return Err(Failure::new(format!("{from} and {to} are of different kinds")));
    }
    let mut store = locked(env, "rolecall state mv", lock)?;
    known(&store.load()?, &from)?;
    let said = format!("{from} is now {to}");
    write(
        &mut store,
        Entry::AddressMoved {
            by: author(env),
            from,
            to,
        },
    )?;
    super::tell_remarks(env, &mut store);
    env.say(&said);
    Ok(Exit::Done)
}

fn rm(env: &Env, address: &str, lock: &LockArgs) -> Result<Exit, Failure> {
    let address = parse(address)?;
    let mut store = locked(env, "rolecall state rm", lock)?;
    known(&store.load()?, &address)?;
    let said = format!("{address} is forgotten; the service keeps it");
    write(
        &mut store,
        Entry::AddressRemoved {
            by: author(env),
            address,
        },
    )?;
    super::tell_remarks(env, &mut store);
    env.say(&said);
    Ok(Exit::Done)
}

fn export_to(env: &Env, path: Option<&Path>) -> Result<Exit, Failure> {
    let recorded = super::recorded_of(env)?;
    let write = |out: &mut dyn std::io::Write| {
        export::write_json(&recorded, out).map_err(|error| std::io::Error::other(error.to_string()))
    };
    match path {
        Some(path) => env.write_private(path, write)?,
        None => env.print(write)?,
    }
    Ok(Exit::Done)
}

fn import(env: &Env, file: &Path, replace_damaged: bool, lock: &LockArgs) -> Result<Exit, Failure> {
    let imported: Recorded = export_file::load(file)?;
    let mut store = locked(env, "rolecall state import", lock)?;
    if replace_damaged {
        for path in store.set_aside()? {
            env.say(&format!("put aside as {}", path.display()));
        }
    }
    let present = store.load()?;
    let other = present.lineage.is_some() && present.lineage != imported.lineage;
    if other {
        return Err(
            Failure::refused("the export is of another state: their lineages differ")
                .help("import it where there is no state yet, or into the stack it came from"),
        );
    }
    let recorded = Box::new(imported);
    write(
        &mut store,
        Entry::Imported {
            by: author(env),
            recorded,
        },
    )?;
    super::tell_remarks(env, &mut store);
    env.say("imported");
    Ok(Exit::Done)
}
