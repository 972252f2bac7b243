//! `console`: one expression per line of standard input, one value per line of standard output.

use std::io::{self, Write};

use crate::cli::args::ConsoleArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::config::console::evaluate_line;
use crate::config::eval::Scope;
use crate::config::evaluate::with_scope;
use crate::diagnostic::{Diagnostics, Severity};
use crate::report::diagnostics::write_text;
use crate::report::escape::escape;
use crate::source::SourceMap;

/// A directory without a configuration is good enough to evaluate in.
const NO_CONFIGURATION: &str = "no-configuration";

/// Runs it.
pub fn run(env: &Env, args: &ConsoleArgs) -> Result<Exit, Failure> {
    let stack = Stack::load(env, &args.variables)?;
    let wrong = |severity, code: &str| severity == Severity::Error && code != NO_CONFIGURATION;
    if stack
        .found()
        .iter()
        .any(|(item, _)| wrong(item.severity, item.code.0))
    {
        write_text(stack.found(), stack.sources(), env.err.color(), &mut env.stderr())?;
        return Ok(Exit::Error);
    }
    let options = stack.options(env.now(), None);
    let mut sources = stack.sources().clone();
    let Some(program) = stack.program() else {
        return Err(Failure::new("there is no configuration"));
    };
    let result = with_scope(program, &options, stack.files(), |scope, found| {
        lines(env, scope, found, &mut sources)
    });
    result.map_err(Failure::new)?
}

fn lines(
    env: &Env,
    scope: &dyn Scope,
    found: &dyn Fn() -> Diagnostics,
    sources: &mut SourceMap,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    let mut out = env.stdout();
    for (number, line) in env.input().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let file = sources.add(format!("line {}", number + 1), line.as_str());
        let result = evaluate_line(file, &line, scope);
        let mut problems = found();
        match result {
            Ok(value) => {
                writeln!(out, "{}", visible(&value))?;
                flush(&mut out)?;
            }
            Err(failure) => {
                failure
                    .diagnostics
                    .into_iter()
                    .for_each(|problem| problems.push(problem));
                exit = Exit::Error;
            }
        }
        if !problems.is_empty() {
            write_text(&problems, sources, env.err.color(), &mut env.stderr())?;
        }
    }
    Ok(exit)
}

/// A value whose texts may come from outside, with nothing in it that a terminal would obey or hide; as an
/// expression it is the same.
fn visible(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if escape(c.encode_utf8(&mut [0; 4])).len() == c.len_utf8() {
            out.push(c);
        } else if u32::from(c) > 0xffff {
            out.push_str(&format!("\\U{:08x}", u32::from(c)));
        } else {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    out
}

/// Each answer is there before the next question.
fn flush(out: &mut impl Write) -> io::Result<()> {
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_as_an_escape() {
        assert_eq!(visible(r#""aé\n\"b""#), r#""aé\n\"b""#);
        assert_eq!(
            visible("\"\u{1b}[2J\u{202e}\u{e0041}\""),
            r#""\u001b[2J\u202e\U000e0041""#
        );
    }
}
