//! The command line: the only part that knows there is a process around it.

pub mod advice;
pub mod approval;
pub mod args;
pub mod asked;
pub mod command;
pub mod disk_files;
pub mod env;
pub mod error;
pub mod exit;
pub mod pipeline;
pub mod place;
pub mod planning;
mod policies;
pub mod progress;
pub mod saved_plan;
pub mod service;
mod variables;

use clap::Parser;
use clap::error::ErrorKind;

use crate::apply::event::Event;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::report::diagnostics::to_json;
use crate::source::SourceMap;

use args::{AccessCommand, AccessFormat, Cli, Command, StateCommand};
use env::Env;
use error::Failure;
use exit::Exit;

/// A failure that is no mistake in the configuration.
const FAILED: Code = Code("failed");

/// Runs the command that the process was started with.
pub fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody reading the help is no error.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
                _ => Exit::Error,
            };
        }
    };
    let env = Env::new(&cli.global);
    let machine = machine(&cli.command);
    match dispatch(&env, cli.command) {
        Ok(exit) => exit,
        Err(failure) => {
            if !failure.is_broken_pipe() {
                complain(&env, &failure);
                // Whoever cannot be written to has been told above.
                let _ = tell_machine(&env, machine, &failure);
            }
            failure.exit()
        }
    }
}

fn complain(env: &Env, failure: &Failure) {
    if let Failure::Diagnostics(parts) = failure {
        let (found, sources) = parts.as_ref();
        let color = env.err.color();
        let _ = crate::report::diagnostics::write_text(found, sources, color, &mut env.stderr());
    } else {
        env.complain(failure);
    }
}

/// What a program that reads standard output expects there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machine {
    /// Nothing: a person reads.
    No,
    /// One document.
    Document,
    /// A line per event.
    Lines,
}

fn machine(command: &Command) -> Machine {
    let json = match command {
        Command::Apply(args) if args.format.is_json() => return Machine::Lines,
        Command::Destroy(args) if args.format.is_json() => return Machine::Lines,
        Command::Freeze(args) if args.format.is_json() && args.principal.is_some() && !args.lift => {
            return Machine::Lines;
        }
        Command::Freeze(args) => args.format.is_json(),
        Command::Validate(args) => args.format.is_json(),
        Command::Fmt(args) => args.json,
        Command::Plan(args) => args.format.is_json(),
        Command::Drift(args) => args.format.is_json(),
        Command::Import(args) => args.json,
        Command::Observe(args) => args.json,
        Command::Show(args) => args.format.is_json(),
        Command::Output(args) => args.format.is_json(),
        Command::Access(args) => match &args.question {
            Some(AccessCommand::Explain(args)) => args.format.is_json(),
            Some(AccessCommand::Diff(args)) => args.json || args.format == AccessFormat::Json,
            None => args.json || args.format == AccessFormat::Json,
        },
        Command::State(
            StateCommand::List { format, .. }
            | StateCommand::Show { format, .. }
            | StateCommand::Log { format, .. },
        ) => format.is_json(),
        _ => false,
    };
    if json { Machine::Document } else { Machine::No }
}

/// What failed, as `validate --json` writes it, unless the command has written its document before it failed; for a
/// run as events.
fn tell_machine(env: &Env, machine: Machine, failure: &Failure) -> Result<(), Failure> {
    match (machine, failure) {
        (Machine::Document, _) if env.has_printed() => Ok(()),
        (Machine::Document, Failure::Diagnostics(parts)) => {
            let (found, sources) = parts.as_ref();
            command::print_json(env, &to_json(found, sources))
        }
        (Machine::Lines, failure) => {
            let lines: Vec<String> = error_events(env, failure)
                .iter()
                .map(|event| serde_json::to_string(event).unwrap_or_default())
                .collect();
            env.print(|out| lines.iter().try_for_each(|line| writeln!(out, "{line}")))
        }
        (Machine::Document, failure) => {
            let mut error = Diagnostic::error(FAILED, failure.to_string());
            if let Some(advice) = env.advice(failure) {
                error = error.help(advice);
            }
            let mut found = Diagnostics::new();
            found.push(error);
            command::print_json(env, &to_json(&found, &SourceMap::new()))
        }
        (Machine::No, _) => Ok(()),
    }
}

fn error_events(env: &Env, failure: &Failure) -> Vec<Event> {
    let Failure::Diagnostics(parts) = failure else {
        return vec![Event::Error {
            message: failure.to_string().into(),
            remedy: env.advice(failure).map(Into::into),
            location: match failure {
                Failure::Asked { asked, .. } => Some(asked.at.clone()),
                _ => None,
            },
        }];
    };
    let (found, sources) = parts.as_ref();
    let errors = found.sorted().into_iter().map(|(item, _)| item);
    let errors = errors.filter(|item| item.severity == Severity::Error);
    errors
        .map(|item| Event::Error {
            message: item.message.clone(),
            remedy: item.remedy.clone(),
            location: item
                .primary
                .as_ref()
                .and_then(|label| sources.location(label.span)),
        })
        .collect()
}

fn dispatch(env: &Env, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => command::init::run(env, &args),
        Command::Validate(args) => command::validate::run(env, &args),
        Command::Fmt(args) => command::fmt::run(env, &args),
        Command::Plan(args) => command::plan::run(env, &args),
        Command::Apply(args) => command::apply::run(env, &args),
        Command::Destroy(args) => command::destroy::run(env, &args),
        Command::Freeze(args) => command::freeze::run(env, &args),
        Command::Drift(args) => command::drift::run(env, &args),
        Command::Import(args) => command::import::run(env, &args),
        Command::Observe(args) => command::observe::run(env, &args),
        Command::Show(args) => command::show::run(env, &args),
        Command::Graph(args) => command::graph::run(env, &args),
        Command::Console(args) => command::console::run(env, &args),
        Command::Access(args) => command::access::run(env, &args),
        Command::Report(args) => command::report::run(env, &args),
        Command::State(command) => command::state::run(env, command),
        Command::Output(args) => command::output::run(env, &args),
        Command::ForceUnlock(args) => command::force_unlock::run(env, &args),
        Command::Policy(args) => command::policy::run(env, &args),
        Command::Sim(command) => command::sim::run(env, command),
        Command::Completions(args) => command::completions::run(env, &args),
        Command::Version(args) => command::version::run(env, &args),
        Command::Schemas(args) => command::schemas::run(env, &args),
    }
}
