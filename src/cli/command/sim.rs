//! `sim …`: acts on the simulated service.

use crate::cli::args::{SimCommand, VariableArgs};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::provider::simulator::Simulator;
use crate::provider::simulator::world::call::CallEntry;
use crate::provider::simulator::world::tamper::Tamper;

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
            let calls: Vec<CallEntry> =
                simulator(env)?.with_world(|world| world.calls().entries().cloned().collect())?;
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
