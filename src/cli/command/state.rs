//! `state …`: looking into the state, and changing it without touching the service.

use std::collections::BTreeSet;
use std::path::Path;

use crate::address::{Address, InstanceKey};
use crate::cli::advice::shell_word;
use crate::cli::args::{FormatArgs, LockArgs, StateCommand};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::diagnostic::did_you_mean;
use crate::model::record::Recorded;
use crate::report::escape::escape_lines;
use crate::report::json::state::StateJson;
use crate::report::state_view::StateView;
use crate::report::terminal::{Page, state};
use crate::state::entry::Author;
use crate::state::local::LocalStore;
use crate::state::{Entry, StateError, StateStore, export, export_file, sound};

/// Runs it.
pub fn run(env: &Env, command: StateCommand) -> Result<Exit, Failure> {
    match command {
        StateCommand::List { prefix, format } => list(env, prefix.as_deref(), format),
        StateCommand::Show { address, format } => show(env, &address, format),
        StateCommand::Mv { from, to, lock } => mv(env, &from, &to, &lock),
        StateCommand::Rm { address, lock } => rm(env, &address, &lock),
        StateCommand::Export { out } => export_to(env, out.as_deref()),
        StateCommand::Import { file, force, lock } => import(env, &file, force, &lock),
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

/// The store under the lock, and who writes to it when.
fn locked(env: &Env, command: &str, lock: &LockArgs) -> Result<(LocalStore, Author), Failure> {
    let (mut store, provider) = super::store_and_provider_of(env)?;
    env.create_own_directory()?;
    store.lock(&env.lock_request(command, lock.lock_timeout))?;
    let author = Author {
        at: env.history_time(&provider),
        actor: env.actor().into(),
    };
    Ok((store, author))
}

/// Appends entries and keeps the checkpoint up to date.
fn write(store: &mut LocalStore, entries: &[Entry]) -> Result<(), Failure> {
    store.append(entries)?;
    store.sync()?;
    let recorded = store.load()?;
    store.checkpoint(&recorded)?;
    Ok(())
}

/// The addresses that a typed one stands for: itself, or without an instance key all instances of its block.
fn standing_for(recorded: &Recorded, address: &Address) -> Vec<Address> {
    let view = StateView::new(recorded);
    let same = |known: &&Address| {
        **known == *address || (address.instance == InstanceKey::None && known.block() == *address)
    };
    view.addresses().into_iter().filter(same).cloned().collect()
}

fn mv(env: &Env, from: &str, to: &str, lock: &LockArgs) -> Result<Exit, Failure> {
    let (from, to) = (parse(from)?, parse(to)?);
    if from.kind != to.kind || from.data != to.data {
        return Err(Failure::new(format!("{from} and {to} are of different kinds")));
    }
    let (mut store, by) = locked(env, "rolecall state mv", lock)?;
    let recorded = store.load()?;
    known(&recorded, &from)?;
    let moves = moves(&recorded, &from, &to)?;
    let entries: Vec<Entry> = moves
        .iter()
        .map(|(from, to)| Entry::AddressMoved {
            by: by.clone(),
            from: from.clone(),
            to: to.clone(),
        })
        .collect();
    write(&mut store, &entries)?;
    super::tell_remarks(env, &mut store);
    for (from, to) in &moves {
        env.say(&format!("{from} is now {to}"));
    }
    Ok(Exit::Done)
}

/// What becomes of each address. Where something else is recorded already, nothing can be moved to.
fn moves(recorded: &Recorded, from: &Address, to: &Address) -> Result<Vec<(Address, Address)>, Failure> {
    let moves: Vec<(Address, Address)> = standing_for(recorded, from)
        .into_iter()
        .map(|address| {
            let to = if address == *from {
                to.clone()
            } else {
                Address {
                    instance: address.instance.clone(),
                    ..to.clone()
                }
            };
            (address, to)
        })
        .collect();
    if from == to {
        return Err(Failure::new(format!("{from} is what it is called already")));
    }
    let whole = moves.iter().any(|(address, _)| address != from);
    let view = StateView::new(recorded);
    let moved: BTreeSet<&Address> = moves.iter().map(|(address, _)| address).collect();
    let others: BTreeSet<&Address> = view.addresses().difference(&moved).copied().collect();
    let taken = |to: &Address| others.iter().copied().find(|known| collide(known, to, whole));
    match moves.iter().find_map(|(_, to)| taken(to)) {
        None => Ok(moves),
        Some(known) => Err(
            Failure::new(format!("{to} is taken: the state has {known}")).help(format!(
                "`rolecall state show {}` shows it",
                shell_word(&known.to_string())
            )),
        ),
    }
}

/// Whether two addresses cannot stand side by side: the same one, or a block with instance keys and without. A whole
/// block does not move into another one.
fn collide(known: &Address, to: &Address, whole: bool) -> bool {
    let keyless = |address: &Address| address.instance == InstanceKey::None;
    known == to || (known.block() == to.block() && (whole || keyless(known) || keyless(to)))
}

fn rm(env: &Env, address: &str, lock: &LockArgs) -> Result<Exit, Failure> {
    let address = parse(address)?;
    let (mut store, by) = locked(env, "rolecall state rm", lock)?;
    let recorded = store.load()?;
    known(&recorded, &address)?;
    let addresses = standing_for(&recorded, &address);
    let entries: Vec<Entry> = addresses
        .iter()
        .map(|address| Entry::AddressRemoved {
            by: by.clone(),
            address: address.clone(),
        })
        .collect();
    write(&mut store, &entries)?;
    super::tell_remarks(env, &mut store);
    for address in &addresses {
        env.say(&format!("{address} is forgotten; the service keeps it"));
    }
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

fn import(env: &Env, file: &Path, force: bool, lock: &LockArgs) -> Result<Exit, Failure> {
    let imported: Recorded = export_file::load(file)?;
    sound::check(&imported).map_err(|problem| {
        Failure::new(format!("{} is no sound state: {problem}", file.display()))
            .help("nothing was imported; take another export")
    })?;
    let (mut store, by) = locked(env, "rolecall state import", lock)?;
    let present = match store.verify().and_then(|()| store.load()) {
        Ok(present) => Some(present),
        Err(error @ StateError::Damaged { .. }) => {
            env.say(&format!("note: {}", escape_lines(&error.to_string())));
            None
        }
        Err(error) => return Err(error.into()),
    };
    // A damaged state may still say what it was.
    let before = present.clone().or_else(|| store.last_known());
    if let (Some(before), false) = (&before, force) {
        fits(before, &imported, present.is_some())?;
    }
    if present.is_none() {
        for path in store.set_aside()? {
            env.say(&format!("put aside as {}", path.display()));
        }
    }
    let serial = imported.serial;
    let recorded = Box::new(imported);
    write(&mut store, &[Entry::Imported { by, recorded }])?;
    super::tell_remarks(env, &mut store);
    env.say(&format!("imported state {serial}"));
    Ok(Exit::Done)
}

/// That an export may take the place of a state: it is of the same lineage and, unless the state is damaged, not
/// older.
fn fits(present: &Recorded, imported: &Recorded, sound: bool) -> Result<(), Failure> {
    if present.lineage.is_some() && present.lineage != imported.lineage {
        return Err(
            Failure::refused("the export is of another state: their lineages differ").help(
                "import it where there is no state yet, or into the stack it came from; --force does it all the same",
            ),
        );
    }
    if sound && imported.serial < present.serial {
        return Err(Failure::refused(format!(
            "the state is sound and newer: it has serial {}, the export {}",
            present.serial, imported.serial
        ))
        .help("nothing needs repair; --force goes back to the export all the same"));
    }
    Ok(())
}
