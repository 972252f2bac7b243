//! `plan`: what would change.

use crate::cli::args::{Only, PlanArgs};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::{Stack, checked_plan, make_plan};
use crate::cli::{approval, saved_plan};
use crate::plan::Plan;
use crate::plan::input::{INPUT_VERSION, Mode, Options, PlanInput};
use crate::report::json::plan::PlanJson;
use crate::report::plan_view::PlanView;
use crate::report::terminal::plan::{Title, write};
use crate::state::StateStore;

/// Runs it.
pub fn run(env: &Env, args: &PlanArgs) -> Result<Exit, Failure> {
    let (plan, provider) = match &args.replay {
        Some(path) => (replay(env, path)?, None),
        None => planned(env, args)?,
    };
    if let Some(path) = &args.out {
        saved_plan::save(env, path, &plan)?;
    }
    remember(env, &plan);
    show(env, args, &plan, provider.as_deref())?;
    if plan.is_refused() {
        return Ok(Exit::Refused);
    }
    let found = args.detailed_exitcode && !plan.is_empty();
    Ok(if found { Exit::Found } else { Exit::Done })
}

/// What `--only` and `--destroy` mean.
pub fn mode(only: Option<Only>) -> Mode {
    match only {
        None => Mode::All,
        Some(Only::Revokes) => Mode::Revokes,
        Some(Only::Expired) => Mode::Expired,
    }
}

fn planned(env: &Env, args: &PlanArgs) -> Result<(Plan, Option<String>), Failure> {
    let stack = Stack::load(env, &args.variables)?;
    let offline = stack.evaluated(env, env.now(), None)?;
    let mut store = env.store(&offline.state)?;
    let recorded = store.load()?;
    super::tell_remarks(env, &mut store);
    let options = Options {
        mode: if args.destroy {
            Mode::Destroy
        } else {
            mode(args.only)
        },
        max_removals: args.max_removals,
        unrefreshed: !args.refresh,
    };
    let mut planned = make_plan(env, &stack, recorded, options)?;
    if let Some(path) = &args.dump_input {
        planned.input.redact();
        env.write_private(path, |out| {
            serde_json::to_writer(out, &planned.input).map_err(Into::into)
        })?;
    }
    Ok((planned.plan, Some(planned.provider.name().to_owned())))
}

fn replay(env: &Env, path: &std::path::Path) -> Result<Plan, Failure> {
    let bytes = env.read(path)?;
    let shown = path.display();
    let input: PlanInput = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(format!("{shown} is no dumped input of a plan: {error}")))?;
    if input.format_version != INPUT_VERSION {
        return Err(Failure::new(format!(
            "{shown} has input format {}, and this rolecall reads {INPUT_VERSION}",
            input.format_version
        )));
    }
    if input.desired.redacted {
        return Err(Failure::new(format!(
            "{shown} had sensitive values taken out, and cannot be replayed"
        )));
    }
    checked_plan(&input)
}

/// Keeps the plan's text, so that `apply --digest` can show what became different. A stack without a state has no
/// place for it, and not being able to write is no error.
fn remember(env: &Env, plan: &Plan) {
    let directory = env.own_directory();
    if env.exists(&directory) {
        let text = approval::rendered(plan);
        let _ = env.write_private(&directory.join("last-plan.txt"), |out| {
            out.write_all(text.as_bytes())
        });
    }
}

fn show(env: &Env, args: &PlanArgs, plan: &Plan, provider: Option<&str>) -> Result<(), Failure> {
    if args.digest_only {
        return env.print(|out| writeln!(out, "{}", plan.digest));
    }
    let view = PlanView::new(plan);
    if args.format.is_json() {
        return super::print_json(env, &PlanJson::new(&view));
    }
    let command = if args.destroy {
        "rolecall destroy"
    } else {
        "rolecall plan"
    };
    env.print(|out| write(&view, Title { command, provider }, env.out, out))?;
    if let Some(path) = &args.out {
        env.say(&format!(
            "Saved. `rolecall apply {}` does exactly this plan or nothing.",
            path.display()
        ));
    }
    Ok(())
}
