//! The commands, one file each.

pub mod access;
pub mod apply;
pub mod completions;
pub mod console;
pub mod destroy;
pub mod drift;
pub mod fmt;
pub mod force_unlock;
pub mod graph;
pub mod import;
pub mod init;
pub mod observe;
pub mod output;
pub mod plan;
pub mod policy;
pub mod schemas;
pub mod show;
pub mod sim;
pub mod sim_serve;
pub mod state;
pub mod state_log;
pub mod validate;
pub mod version;

use std::io;

use serde::Serialize;

use crate::config::evaluate::StateSettings;
use crate::model::record::Recorded;
use crate::state::StateStore;
use crate::state::local::LocalStore;

use super::args::VariableArgs;
use super::env::Env;
use super::error::Failure;
use super::pipeline::Stack;

/// Writes a value as indented JSON to standard output.
fn print_json<T: Serialize>(env: &Env, value: &T) -> Result<(), Failure> {
    env.print(|out| {
        serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
        writeln!(out)
    })
}

/// The stack's store, for commands that need nothing else of the configuration: mistakes elsewhere in it do not
/// keep anyone from the state.
fn store_of(env: &Env) -> Result<LocalStore, Failure> {
    let settings = match Stack::load(env, &VariableArgs::default()) {
        Ok(stack) => stack.evaluate(env.now(), None).state,
        Err(_) => StateSettings::default(),
    };
    env.store(&settings)
}

/// What the state holds.
fn recorded_of(env: &Env) -> Result<Recorded, Failure> {
    let mut store = store_of(env)?;
    let recorded = store.load()?;
    tell_remarks(env, &mut store);
    Ok(recorded)
}

/// Passes on what the store noticed.
fn tell_remarks(env: &Env, store: &mut LocalStore) {
    for remark in store.take_remarks() {
        env.say(&format!("note: {remark}"));
    }
}
