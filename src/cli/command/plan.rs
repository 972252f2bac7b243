//! `plan`: what would change.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;

use crate::cli::advice::shell_word;
use crate::cli::approval;
use crate::cli::args::formats::PlanFormat;
use crate::cli::args::{GivenVariable, Only, PlanArgs};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::{Begun, Stack};
use crate::cli::planning::{Planned, checked_plan, make_plan, make_plan_with, plan_and_leave};
use crate::cli::saved_plan::{self, MadeWith};
use crate::cli::variables::Given;
use crate::config::evaluate::ProviderSettings;
use crate::model::record::{Recorded, Seen};
use crate::model::stack::Desired;
use crate::plan::Plan;
use crate::plan::approved_people::ApprovedPeople;
use crate::plan::base::applied;
use crate::plan::input::{INPUT_VERSION, Mode, Options, PlanInput};
use crate::provider::frozen::Frozen;
use crate::report::hide::Hide;
use crate::report::json::plan::PlanJson;
use crate::report::junit;
use crate::report::markdown;
use crate::report::plan_view::PlanView;
use crate::report::sarif;
use crate::report::style::Styles;
use crate::report::terminal::plan::{Detail, Title, write_body, write_title};

/// Runs it.
pub fn run(env: &Env, args: &PlanArgs) -> Result<Exit, Failure> {
    if args.base.is_some() {
        for given in &args.variables.given {
            if let GivenVariable::File(path) = given {
                Env::check_named(path)?;
            }
        }
    }
    let made_with = MadeWith {
        max_removals: args.max_removals,
        variables: Given::read(env, &args.variables)?,
    };
    let (plan, provider) = match &args.replay {
        Some(path) => (replay(env, path)?, None),
        None => planned(env, args, &made_with.variables)?,
    };
    if let Some(path) = &args.out {
        saved_plan::save(env, path, &plan, &made_with)?;
    }
    let view = env.timed("grouping", || PlanView::new(&plan));
    env.timed("writing", || {
        let body = OnceCell::new();
        if args.base.is_none() {
            remember(env, &view, &body);
        }
        show(env, args, &view, &body, provider.as_deref())
    })?;
    drop(view);
    let (refused, empty) = (plan.is_refused(), plan.is_empty());
    leave(plan);
    if refused {
        return Ok(Exit::Refused);
    }
    let found = args.detailed_exitcode && !empty;
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

/// What is planned from, according to the options.
fn planned(env: &Env, args: &PlanArgs, given: &Given) -> Result<(Plan, Option<String>), Failure> {
    if let Some(base) = &args.base {
        let more = args.also_read.iter().map(PathBuf::as_path);
        let env = env.confined([env.dir.as_path(), base.as_path()].into_iter().chain(more))?;
        let stack = Stack::load_given(&env, given)?;
        return compared(&env, args, given, &stack, base);
    }
    let mut stack = Stack::load_given(env, given)?;
    let Begun {
        offline,
        mut store,
        recorded,
        provider,
    } = stack.begun(env, args.refresh && !args.observed)?;
    stack.put_away(&offline);
    super::tell_remarks(env, &mut store);
    super::tell_state(env, &store, &recorded);
    super::check_state(&args.state, &store, &recorded)?;
    super::tell_run(env, &store)?;
    super::tell_history(env, &store);
    let options = Options {
        mode: if args.destroy {
            Mode::Destroy
        } else if args.standing {
            Mode::Standing
        } else {
            mode(args.only)
        },
        max_removals: args.max_removals,
        unrefreshed: !args.refresh,
        base: false,
    };
    let parts = |planned: Planned| (planned.provider.name().to_owned(), planned.input, planned.plan);
    let planned = if args.observed {
        let frozen = last_reading(env, args, &recorded, &offline.provider)?;
        make_plan_with(env, &stack, Some(offline), recorded, options, frozen).map(parts)
    } else if options.unrefreshed {
        make_plan(env, &stack, offline, recorded, options).map(parts)
    } else {
        let recorded = super::foreseen(env, &offline.provider, recorded, &mut store)?;
        let provider = provider.map_or_else(|| env.provider(&offline.provider), Ok)?;
        plan_and_leave(env, &stack, offline, provider, recorded, options)
    };
    let (provider, input, plan) = match (planned, &args.dump_input) {
        (Err(Failure::Unsound { violations, input }), Some(path)) => {
            dump(env, path, (*input).clone())?;
            return Err(Failure::Unsound { violations, input });
        }
        (planned, _) => planned?,
    };
    if let Some(path) = &args.dump_input {
        dump(env, path, input)?;
    } else {
        leave(input);
    }
    leave(stack);
    Ok((plan, Some(provider)))
}

/// Leaves a large value to the end of the process, which is near and gives its memory back at once; doing so piece by
/// piece takes a noticeable part of a plan's time.
fn leave<T>(value: T) {
    std::mem::forget(value);
}

/// The last recorded reading, unless it is too old.
fn last_reading(
    env: &Env,
    args: &PlanArgs,
    recorded: &Recorded,
    settings: &ProviderSettings,
) -> Result<Frozen, Failure> {
    let Some(observed) = recorded.seen.as_ref().and_then(Seen::observed) else {
        return Err(
            Failure::new("the state holds no reading of the service to plan with")
                .help("run `rolecall observe`"),
        );
    };
    let now = env.clock(settings)?;
    let age = age(observed.at, now);
    let old = format!(
        "the service was last read {} ago, at {}",
        wording(age),
        observed.at
    );
    if age > args.max_age {
        return Err(
            Failure::refused(format!("{old}; that is longer than {}", wording(args.max_age)))
                .help("run `rolecall observe`, or allow more with --max-age"),
        );
    }
    env.say(&format!("note: {old}; this plan goes by that"));
    Ok(Frozen::new(settings.name(), now, observed))
}

/// How long ago; a reading of the future is new.
fn age(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or_default()
}

/// A length of time in its two largest units.
fn wording(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, _) => format!("{minutes} min"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// The plan from another configuration to this one.
fn compared(
    env: &Env,
    args: &PlanArgs,
    given: &Given,
    stack: &Stack,
    base: &Path,
) -> Result<(Plan, Option<String>), Failure> {
    let now = env.now();
    let base_env = Env {
        dir: base.to_owned(),
        ..env.clone()
    };
    let base = Stack::load_given(&base_env, given)?.lenient();
    let offline = base.evaluated(&base_env, now, None)?;
    let next = stack.evaluated(env, now, None)?;
    let fail = |error: crate::id::IdError| Failure::new(error.to_string());
    let (_, first) = applied(&offline.desired, &next.desired.snapshot, now).map_err(fail)?;
    // With what both refer to in view, look-ups have answers.
    let before = base.evaluated(&base_env, now, Some(&first))?;
    let (recorded, observed) = applied(&before.desired, &next.desired.snapshot, now).map_err(fail)?;
    let expires = |desired: &Desired| {
        let blocks = &desired.snapshot.access.declarations;
        blocks.iter().any(|block| block.expires.is_some())
    };
    if expires(&before.desired) || expires(&next.desired) {
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        env.say(&format!(
            "note: what expires is judged by the date of this machine, {now}"
        ));
    }
    let options = Options {
        max_removals: args.max_removals,
        base: true,
        ..Options::default()
    };
    let frozen = Frozen::new("declared", now, observed);
    let planned = make_plan_with(env, stack, Some(next), recorded, options, frozen)?;
    if let Some(path) = &args.dump_input {
        dump(env, path, planned.input)?;
    }
    Ok((planned.plan, None))
}

fn dump(env: &Env, path: &Path, mut input: PlanInput) -> Result<(), Failure> {
    input.redact();
    env.write_private(path, |out| serde_json::to_writer(out, &input).map_err(Into::into))
}

fn replay(env: &Env, path: &Path) -> Result<Plan, Failure> {
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
    checked_plan(env, input)
}

/// Keeps the plan's text and the people that its digest covers, so that `apply --digest` can show what became
/// different. A stack without a state has no place for it, and not being able to write is no error.
fn remember(env: &Env, view: &PlanView<'_>, body: &OnceCell<Vec<u8>>) {
    let directory = env.own_directory();
    if env.exists(&directory) {
        let _ = env.write_private(&directory.join("last-plan.txt"), |out| {
            write_title(view, approval::TITLE, Styles::PLAIN, out)?;
            out.write_all(body.get_or_init(|| plain_body(view)))
        });
        let people = ApprovedPeople::of(view.plan);
        let _ = env.write_private(&directory.join(approval::LAST_PEOPLE), |out| {
            Ok(serde_json::to_writer(out, &people)?)
        });
    }
}

/// The plan without its title as plain text, which is both remembered and, mostly, shown.
fn plain_body(view: &PlanView<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = write_body(view, Detail::Sentences, Styles::PLAIN, &mut out);
    out
}

fn show(
    env: &Env,
    args: &PlanArgs,
    view: &PlanView<'_>,
    body: &OnceCell<Vec<u8>>,
    provider: Option<&str>,
) -> Result<(), Failure> {
    let plan = view.plan;
    let hide = Hide::of_plan(args.format.people(), plan);
    if args.digest_only {
        super::tell_refusals(env, plan, &hide);
        // What is refused is not to be approved.
        if plan.is_refused() {
            return Ok(());
        }
        return env.print(|out| writeln!(out, "{}", plan.digest));
    }
    let command = if args.destroy {
        "rolecall destroy"
    } else if args.base.is_some() {
        "rolecall plan --base"
    } else {
        "rolecall plan"
    };
    match args.format.format() {
        PlanFormat::Json => super::print_json_for(env, &PlanJson::new(view), &hide)?,
        PlanFormat::Text => {
            let title = Title { command, provider };
            super::print_text_for(env, &hide, |out| {
                write_title(view, title, env.out, out)?;
                if hide.counts_only() {
                    write_body(&view.counting_people(), Detail::Sentences, env.out, out)
                } else if env.verbose > 0 {
                    write_body(view, Detail::Causes, env.out, out)
                } else if env.out.color() {
                    write_body(view, Detail::Sentences, env.out, out)
                } else {
                    out.write_all(body.get_or_init(|| plain_body(view)))
                }
            })?;
        }
        PlanFormat::Markdown => {
            let text = as_markdown(env, args, view, command);
            env.print(|out| out.write_all(text.as_bytes()))?;
        }
        PlanFormat::Sarif => {
            super::print_json(env, &sarif::of_plan(plan, &hide, &env.directory_in_repository()))?;
        }
        PlanFormat::Junit => super::print_junit(env, junit::of_plan(plan, &hide))?,
    }
    if let Some(path) = &args.out {
        tell_saved(env, path, plan);
    }
    Ok(())
}

fn as_markdown(env: &Env, args: &PlanArgs, view: &PlanView<'_>, command: &str) -> String {
    let apply = to_apply(env, args, view.plan);
    let title = markdown::plan::Title {
        command,
        apply: match &apply {
            Ok(command) => markdown::plan::Apply::Command(command),
            Err(why) => markdown::plan::Apply::Not(why),
        },
        everything: &as_json(env, args),
    };
    markdown::plan::write(view, title, args.format.markdown.options())
}

/// The command line that shows the same plan whole. Values of variables may be secret; they are not repeated.
fn as_json(env: &Env, args: &PlanArgs) -> String {
    let word = |path: &Path| shell_word(&path.to_string_lossy());
    let mut command = String::from("plan");
    let paths = [("--base", &args.base), ("--replay", &args.replay)];
    for (option, path) in paths {
        if let Some(path) = path {
            command.push_str(&format!(" {option} {}", word(path)));
        }
    }
    let flags = [
        ("--destroy", args.destroy),
        ("--observed", args.observed),
        ("--refresh=false", !args.refresh),
        ("--standing", args.standing),
    ];
    for (option, given) in flags {
        if given {
            command.push_str(&format!(" {option}"));
        }
    }
    if let Some(only) = args.only.and_then(|only| only.to_possible_value()) {
        command.push_str(&format!(" --only {}", only.get_name()));
    }
    if let Some(most) = args.max_removals {
        command.push_str(&format!(" --max-removals {most}"));
    }
    env.typed(&format!("{command} --json"))
}

/// The command line that carries the plan out, or why there is none.
fn to_apply(env: &Env, args: &PlanArgs, plan: &Plan) -> Result<String, &'static str> {
    if args.base.is_some() {
        return Err("a comparison of two configurations, which nothing can be applied from");
    }
    if args.destroy {
        return Err("carried out with `rolecall destroy`, which shows it again and asks");
    }
    if args.replay.is_some() {
        return Err("planned from a dumped input, not from a stack");
    }
    let standing = if args.standing { "--standing " } else { "" };
    let mut command = format!("apply {standing}--digest {}", plan.digest);
    if let Some(only) = args.only.and_then(|only| only.to_possible_value()) {
        command.push_str(&format!(" --only {}", only.get_name()));
    }
    if let Some(most) = args.max_removals {
        command.push_str(&format!(" --max-removals {most}"));
    }
    // Values may be secret; they are not repeated.
    if !args.variables.given.is_empty() {
        command.push_str(" # with the same --var and --var-file");
    }
    Ok(env.typed(&command))
}

fn tell_saved(env: &Env, path: &Path, plan: &Plan) {
    let file = shell_word(&path.to_string_lossy());
    if plan.is_refused() {
        env.say(&format!(
            "Saved for reading only (`{}`): this plan is refused, and cannot be applied.",
            env.typed(&format!("show {file}"))
        ));
    } else {
        env.say(&format!(
            "Saved. `{}` does exactly this plan or nothing.",
            env.typed(&format!("apply {file}"))
        ));
    }
}
