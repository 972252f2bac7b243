//! `output`: the outputs, as last applied.

use serde_json::Value;

use crate::cli::args::OutputArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::config::syntax::write::expression;
use crate::diagnostic::did_you_mean;
use crate::report::escape::escape;
use crate::report::json::parts::{OutputJson, outputs};

/// Runs it.
pub fn run(env: &Env, args: &OutputArgs) -> Result<Exit, Failure> {
    let recorded = super::recorded_of(env)?;
    let Some(name) = &args.name else {
        let shown = outputs(&recorded.outputs, false);
        if args.format.is_json() {
            super::print_json(env, &shown)?;
        } else {
            env.print(|out| {
                shown
                    .iter()
                    .try_for_each(|(name, output)| writeln!(out, "{name} = {}", text(output, 0)))
            })?;
        }
        return Ok(Exit::Done);
    };
    // Whoever names a sensitive output wants its value.
    let all = outputs(&recorded.outputs, true);
    let Some(output) = all.get(name) else {
        let close = did_you_mean(name, all.keys().map(String::as_str));
        return Err(Failure::new(format!("there is no output `{name}`"))
            .help(close.unwrap_or_else(|| "declare it with an `output` block and apply".to_owned())));
    };
    match &output.value {
        Some(value) if args.format.is_json() => super::print_json(env, value)?,
        Some(Value::String(bare)) => env.print(|out| writeln!(out, "{bare}"))?,
        _ => env.print(|out| writeln!(out, "{}", text(output, 0)))?,
    }
    Ok(Exit::Done)
}

/// An output's value as HCL; lines after the first are indented by `indent` spaces.
pub fn text(output: &OutputJson, indent: usize) -> String {
    let Some(value) = &output.value else {
        return "(sensitive value)".to_owned();
    };
    let written = expression(value);
    let lines: Vec<String> = written.lines().map(|line| escape(line).into_owned()).collect();
    lines.join(&format!("\n{}", " ".repeat(indent)))
}
