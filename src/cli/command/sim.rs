//! `sim …`: acts on the simulated service.

use crate::cli::args::{SimCommand, VariableArgs};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::provider::simulator::Simulator;
use crate::provider::simulator::world::call::Operation;
use crate::provider::simulator::world::clock::Time;
use crate::provider::simulator::world::error::ErrorCode;
use crate::provider::simulator::world::tamper::Tamper;

/// A call as a line of JSON.
#[derive(serde::Serialize)]
struct CallLine {
    sequence: u64,
    at: Time,
    operation: Operation,
    /// What it was about, by names and ids.
    subject: String,
    error: Option<ErrorCode>,
}

/// Runs it.
pub fn run(env: &Env, command: SimCommand) -> Result<Exit, Failure> {
    match command {
        SimCommand::Do { words } => {
            let change = Tamper::parse(&words).map_err(|error| {
                Failure::new(error.to_string()).help("`rolecall sim do --help` lists the changes")
            })?;
            let done = simulator(env)?.tamper(&change)?;
            done.map_err(|error| Failure::new(error.to_string()))?;
        }
        SimCommand::Serve(args) => return super::sim_serve::run(env, &args),
        SimCommand::Calls => {
            let calls: Vec<CallLine> = simulator(env)?.with_world(|world| {
                let lines = world.calls().entries().map(|call| CallLine {
                    sequence: call.sequence,
                    at: call.at,
                    operation: call.operation,
                    subject: world.subject_text(&call.subject),
                    error: call.error,
                });
                lines.collect()
            })?;
            let printed = env.print(|out| {
                calls.iter().try_for_each(|call| {
                    serde_json::to_writer(&mut *out, call)?;
                    writeln!(out)
                })
            });
            // Whoever reads the first lines of a log only has what they wanted.
            if let Err(failure) = printed
                && !failure.is_broken_pipe()
            {
                return Err(failure);
            }
        }
    }
    Ok(Exit::Done)
}

fn simulator(env: &Env) -> Result<Simulator, Failure> {
    // A world is made where a stack is, not wherever this is typed.
    if !env.has_configuration()? {
        let place = env.dir.display();
        return Err(Failure::new(format!(
            "there is no `*.hcl` file in `{place}`, so no simulated service either"
        ))
        .help("name the stack's directory with -C DIR"));
    }
    let stack = Stack::load(env, &VariableArgs::default())?;
    env.simulator(&stack.evaluate(env.now(), None).provider)
}
