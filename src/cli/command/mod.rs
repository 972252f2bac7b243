//! The commands, one file each.

pub mod access;
pub mod access_diff;
pub mod access_explain;
pub mod apply;
pub mod completions;
pub mod console;
pub mod destroy;
pub mod drift;
pub mod fmt;
pub mod force_unlock;
pub mod freeze;
pub mod graph;
pub mod import;
pub mod init;
pub mod observe;
pub mod output;
pub mod plan;
pub mod policy;
pub mod report;
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

use crate::apply::foresee;
use crate::config::evaluate::{ProviderSettings, StateSettings};
use crate::model::record::Recorded;
use crate::plan::Plan;
use crate::plan::finding::Level;
use crate::provider::ReadRequest;
use crate::report::escape::{escape, escape_lines};
use crate::report::hide::Hide;
use crate::report::json::hide::without_people;
use crate::state::StateStore;
use crate::state::local::LocalStore;

use super::args::{StateArgs, VariableArgs};
use super::env::Env;
use super::error::Failure;
use super::pipeline::Stack;

/// Writes a value as indented JSON to standard output.
pub(super) fn print_json<T: Serialize>(env: &Env, value: &T) -> Result<(), Failure> {
    env.print(|out| {
        serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
        writeln!(out)
    })
}

/// As [`print_json`]; where people are counted, without their names.
fn print_json_for<T: Serialize>(env: &Env, value: &T, hide: &Hide) -> Result<(), Failure> {
    if !hide.counts_only() {
        return print_json(env, value);
    }
    let value = without_people(value, hide).map_err(|error| Failure::new(error.to_string()))?;
    print_json(env, &value)
}

/// Writes text to standard output; where people are counted, without their names.
fn print_text_for(
    env: &Env,
    hide: &Hide,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<(), Failure> {
    if !hide.counts_only() {
        return env.print(write);
    }
    let mut text = Vec::new();
    write(&mut text)?;
    let text = hide.apply_styled(&String::from_utf8_lossy(&text));
    env.print(|out| out.write_all(text.as_bytes()))
}

/// Writes a JUnit report to standard output.
fn print_junit(env: &Env, report: Result<String, impl std::fmt::Display>) -> Result<(), Failure> {
    let report = report.map_err(|error| Failure::new(format!("cannot write the report: {error}")))?;
    env.print(|out| out.write_all(report.as_bytes()))
}

/// The stack's store, for commands that need nothing else of the configuration: mistakes elsewhere in it do not
/// keep anyone from the state.
fn store_of(env: &Env) -> Result<LocalStore, Failure> {
    Ok(store_and_provider_of(env)?.0)
}

/// As [`store_of`], with the provider that the configuration names.
fn store_and_provider_of(env: &Env) -> Result<(LocalStore, ProviderSettings), Failure> {
    let (state, provider) = match Stack::load(env, &VariableArgs::default()) {
        Ok(stack) => {
            let evaluation = stack.evaluate(env.now(), None);
            (evaluation.state, evaluation.provider)
        }
        Err(_) => (StateSettings::default(), ProviderSettings::default()),
    };
    Ok((env.store(&state)?, provider))
}

/// What the state holds.
fn recorded_of(env: &Env) -> Result<Recorded, Failure> {
    let mut store = store_of(env)?;
    let recorded = store.load()?;
    tell_remarks(env, &mut store);
    tell_state(env, &store, &recorded);
    Ok(recorded)
}

/// With `-v`, which state this is.
fn tell_state(env: &Env, store: &LocalStore, recorded: &Recorded) {
    let place = store.directory().display();
    match &recorded.lineage {
        Some(lineage) => env.detail(&format!(
            "state {} of lineage {lineage} from {place}",
            recorded.serial
        )),
        None => env.detail(&format!("no state yet in {place}")),
    }
}

/// Says who is changing things right now, for whoever looks without the lock.
fn tell_run(env: &Env, store: &LocalStore) -> Result<(), Failure> {
    if let Some(holder) = store.running(&env.host())? {
        env.say(&format!(
            "note: {} has run `{}` since {} (pid {} on {}) and may still be at it: this shows what was done so far",
            escape(&holder.owner),
            escape(&holder.command),
            holder.since,
            holder.pid,
            escape(&holder.host)
        ));
    }
    Ok(())
}

/// What is recorded, as it will be once the next run has found out what became of the calls that a crashed run had
/// under way: whoever only looks sees what that run will see, and writes nothing.
fn foreseen(
    env: &Env,
    settings: &ProviderSettings,
    recorded: Recorded,
    store: &mut LocalStore,
) -> Result<Recorded, Failure> {
    let unfinished = recorded.unfinished.as_ref();
    if unfinished.is_none_or(|run| run.in_doubt.is_empty()) {
        return Ok(recorded);
    }
    let provider = env.provider(settings)?;
    let last_run = store.last_run()?;
    let known = foresee(recorded, provider.as_ref(), &last_run, &ReadRequest::default());
    known.map_err(Failure::from)
}

/// Says when the history, which opening does not read whole, is damaged.
fn tell_history(env: &Env, store: &LocalStore) {
    if let Err(error) = store.verify() {
        let failure = Failure::State(error);
        env.say(&format!(
            "note: the history is damaged; what is recorded is whole: {}",
            escape_lines(&failure.to_string())
        ));
        if let Some(advice) = env.advice(&failure) {
            env.say(&format!("help: {advice}"));
        }
    }
}

/// Says why a plan is refused, where the plan itself is not shown.
fn tell_refusals(env: &Env, plan: &Plan, hide: &Hide) {
    let refusals = plan
        .findings
        .iter()
        .filter(|finding| finding.level == Level::Refusal);
    for finding in refusals {
        env.say(&format!(
            "refused[{}]: {}",
            finding.code,
            escape(&hide.apply(&finding.message))
        ));
        if let Some(remedy) = &finding.remedy {
            env.say(&format!("help: {}", escape(&hide.apply(remedy))));
        }
    }
}

/// Refuses to go on where the state is not the one that is meant: without it, access that was taken away since the
/// last apply would be taken for somebody else's, and no rule of that apply would hold.
///
/// # Errors
/// A refusal (exit code 3).
fn check_state(wanted: &StateArgs, store: &LocalStore, recorded: &Recorded) -> Result<(), Failure> {
    let place = store.directory().display();
    let help = "plan where the state is kept, or bring it there: `rolecall state import`";
    match (&recorded.lineage, &wanted.lineage) {
        (None, Some(_)) => {}
        (None, None) if wanted.require_state => {}
        (Some(lineage), Some(wanted)) if **lineage != **wanted => {
            return Err(Failure::refused(format!(
                "the state in {place} is of lineage {lineage}, and {} is meant; nothing was done",
                escape(wanted)
            ))
            .help(help));
        }
        _ => return Ok(()),
    }
    Err(Failure::refused(format!("there is no state in {place}; nothing was done")).help(help))
}

/// Passes on what the store noticed.
fn tell_remarks(env: &Env, store: &mut LocalStore) {
    for remark in store.take_remarks() {
        env.say(&format!("note: {}", escape_lines(&remark)));
    }
}
