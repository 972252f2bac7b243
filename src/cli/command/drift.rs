//! `drift`: what the service has, against what was applied and declared.

use crate::cli::args::DriftArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::{Stack, read_closely};
use crate::drift::find;
use crate::report::drift_view::DriftView;
use crate::report::json::drift::DriftJson;
use crate::report::terminal::drift::write;
use crate::state::StateStore;

/// Runs it.
pub fn run(env: &Env, args: &DriftArgs) -> Result<Exit, Failure> {
    let stack = Stack::load(env, &args.variables)?;
    let offline = stack.evaluated(env, env.now(), None)?;
    let mut store = env.store(&offline.state)?;
    let recorded = store.load()?;
    super::tell_remarks(env, &mut store);
    super::tell_state(env, &store, &recorded);
    super::tell_run(env, &store)?;
    let reading = read_closely(env, &stack, &recorded)?;
    let drift = find(
        &reading.desired,
        &recorded,
        &reading.observed,
        reading.provider.now(),
    )?;
    let view = DriftView::new(&reading.name, &drift, &reading.observed);
    if args.format.is_json() {
        super::print_json(env, &DriftJson::new(&view))?;
    } else {
        env.print(|out| write(&view, reading.provider.name(), env.out, out))?;
    }
    Ok(if drift.is_empty() { Exit::Done } else { Exit::Found })
}
