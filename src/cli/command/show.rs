//! `show`: a saved plan, or the state.

use crate::cli::args::ShowArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::saved_plan;
use crate::report::json::plan::PlanJson;
use crate::report::json::state::StateJson;
use crate::report::plan_view::PlanView;
use crate::report::state_view::StateView;
use crate::report::terminal::plan::{Title, write};
use crate::report::terminal::state;

/// Runs it.
pub fn run(env: &Env, args: &ShowArgs) -> Result<Exit, Failure> {
    match &args.plan {
        Some(path) => {
            let plan = saved_plan::load(env, path)?;
            let view = PlanView::new(&plan);
            if args.format.is_json() {
                super::print_json(env, &PlanJson::new(&view))?;
            } else {
                let title = Title {
                    command: "saved plan",
                    provider: None,
                };
                env.print(|out| write(&view, title, env.out, out))?;
            }
        }
        None => {
            let recorded = super::recorded_of(env)?;
            let view = StateView::new(&recorded);
            if args.format.is_json() {
                super::print_json(env, &StateJson::new(&recorded, &view))?;
            } else {
                env.print(|out| state::write(&recorded, &view, env.out, out))?;
            }
        }
    }
    Ok(Exit::Done)
}
