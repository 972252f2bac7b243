//! Values for the stack's variables, weakest first: environment, `*.auto.hclvars`, then `--var` and
//! `--var-file` in the order given.

use std::path::Path;

use crate::config::evaluate::VariableInput;
use crate::config::module::variable_file;
use crate::diagnostic::Diagnostics;
use crate::source::SourceMap;

use super::args::{GivenVariable, VariableArgs};
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
    let mut read = |path: &Path| -> Result<Vec<VariableInput>, Failure> {
        let text = env.read_text(path)?;
        let shown = path.strip_prefix(&env.dir).unwrap_or(path);
        let name = shown.display().to_string();
        let (body, problems) = variable_file(sources, &name, &text);
        problems.into_iter().for_each(|problem| found.push(problem));
        Ok(VariableInput::of_file(&body, &name))
    };
    for path in env.automatic_variable_files()? {
        inputs.extend(read(&path)?);
    }
    for given in &args.given {
        match given {
            GivenVariable::File(path) => inputs.extend(read(path)?),
            GivenVariable::Option(option) => {
                let (name, value) = option.split_once('=').ok_or_else(|| {
                    Failure::new(format!("--var {option}: a value is missing")).help("write --var NAME=VALUE")
                })?;
                inputs.push(VariableInput::option(name.trim(), value));
            }
        }
    }
    Ok(inputs)
}
