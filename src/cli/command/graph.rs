//! `graph`: declarations, or planned actions, and what depends on what.

use crate::cli::args::{GraphArgs, GraphFormat};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::cli::planning::make_plan;
use crate::plan::input::Options;
use crate::report::graph_view::{GraphView, Language};
use crate::state::StateStore;

/// Runs it.
pub fn run(env: &Env, args: &GraphArgs) -> Result<Exit, Failure> {
    let stack = Stack::load(env, &args.variables)?;
    let offline = stack.evaluated(env, env.now(), None)?;
    let view = if args.actions {
        let recorded = env.store(&offline.state)?.load()?;
        GraphView::of_plan(&make_plan(env, &stack, offline, recorded, Options::default())?.plan)
    } else {
        GraphView::of_declarations(&offline.desired)
    };
    let language = match args.format {
        GraphFormat::Dot => Language::Dot,
        GraphFormat::Mermaid => Language::Mermaid,
    };
    env.print(|out| view.write(language, out))?;
    Ok(Exit::Done)
}
