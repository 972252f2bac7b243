//! `show`: a saved plan, or the state.

use std::path::Path;

use crate::cli::advice::shell_word;
use crate::cli::args::ShowArgs;
use crate::cli::args::formats::PlanFormat;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::saved_plan::{self, MadeWith};
use crate::plan::Plan;
use crate::report::escape::escape;
use crate::report::hide::{Hide, People};
use crate::report::json::plan::PlanJson;
use crate::report::json::state::StateJson;
use crate::report::junit;
use crate::report::markdown::{self, plan::Apply};
use crate::report::plan_view::PlanView;
use crate::report::sarif;
use crate::report::state_view::StateView;
use crate::report::terminal::plan::{Title, write};
use crate::report::terminal::state;

/// Runs it.
pub fn run(env: &Env, args: &ShowArgs) -> Result<Exit, Failure> {
    match &args.plan {
        Some(path) => {
            let saved_plan::Loaded { plan, made_with } = saved_plan::load(env, path)?;
            tell(env, path, &plan, &made_with);
            let view = PlanView::new(&plan);
            let hide = Hide::of_plan(args.format.people(), &plan);
            match args.format.format() {
                PlanFormat::Json => super::print_json_for(env, &PlanJson::new(&view), &hide)?,
                PlanFormat::Text => {
                    let title = Title {
                        command: "saved plan",
                        provider: None,
                    };
                    let view = match hide.counts_only() {
                        true => view.counting_people(),
                        false => view,
                    };
                    super::print_text_for(env, &hide, |out| write(&view, title, env.out, out))?;
                }
                PlanFormat::Markdown => {
                    let file = shell_word(&path.to_string_lossy());
                    let title = markdown::plan::Title {
                        command: "saved plan",
                        apply: Apply::Command(&env.typed(&format!("apply {file}"))),
                        everything: &env.typed(&format!("show {file} --json")),
                    };
                    let text = markdown::plan::write(&view, title, args.format.markdown.options());
                    env.print(|out| out.write_all(text.as_bytes()))?;
                }
                PlanFormat::Sarif => {
                    super::print_json(env, &sarif::of_plan(&plan, &hide, &env.directory_in_repository()))?;
                }
                PlanFormat::Junit => super::print_junit(env, junit::of_plan(&plan, &hide))?,
            }
        }
        None if !matches!(args.format.format(), PlanFormat::Text | PlanFormat::Json) => {
            return Err(Failure::new("the state has no such form")
                .help("give the file of a saved plan, or ask for text or json"));
        }
        None if args.format.people() == People::Counts => {
            return Err(Failure::new("the state cannot be shown without people's names")
                .help("--people counts is for saved plans: give the file of one"));
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

/// What a reader should know about a file that anybody may have written.
fn tell(env: &Env, path: &Path, plan: &Plan, made_with: &MadeWith) {
    let file = path.display();
    env.say(&format!(
        "note: this is what {file} says. A saved plan is untrusted input: apply plans anew, shows the plan it made, and \
         does it only if its digest is {}, or if it is the same plan for fewer people.",
        plan.digest
    ));
    if let Some(options) = made_with.summary() {
        env.say(&format!("note: it says it was made with {}", escape(&options)));
    }
    if plan.is_refused() {
        env.say("note: it is a refused plan, saved for reading only");
    }
}
