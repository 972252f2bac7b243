//! Values for the stack's variables, weakest first: environment, `*.auto.hclvars`, `--var-file`, `--var`.

use crate::config::evaluate::VariableInput;
use crate::config::module::variable_file;
use crate::diagnostic::Diagnostics;
use crate::source::SourceMap;

use super::args::VariableArgs;
use super::env::Env;
use super::error::Failure;

/// Reads all of them. What is wrong inside the files goes to `found`, their text to `sources`.
///
/// # Errors
/// When a file cannot be read, or an option is not `NAME=VALUE`.
pub fn collect(
    env: &Env,
    args: &VariableArgs,
    sources: &mut SourceMap,
    found: &mut Diagnostics,
) -> Result<Vec<VariableInput>, Failure> {
    let mut inputs: Vec<VariableInput> = env
        .variables()
        .iter()
        .map(|(name, value)| VariableInput::environment(name, value))
        .collect();
    let automatic = env.automatic_variable_files()?;
    for path in automatic.iter().chain(&args.var_files) {
        let text = env.read_text(path)?;
        let shown = path.strip_prefix(&env.dir).unwrap_or(path);
        let name = shown.display().to_string();
        let (body, problems) = variable_file(sources, &name, &text);
        problems.into_iter().for_each(|problem| found.push(problem));
        inputs.extend(VariableInput::of_file(&body, &name));
    }
    for option in &args.vars {
        let Some((name, value)) = option.split_once('=') else {
            return Err(
                Failure::new(format!("--var {option}: a value is missing")).help("write --var NAME=VALUE")
            );
        };
        inputs.push(VariableInput::option(name.trim(), value));
    }
    Ok(inputs)
}
