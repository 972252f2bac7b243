//! Values for the stack's variables, weakest first: environment, `*.auto.hclvars`, then `--var` and
//! `--var-file` in the order given.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::evaluate::VariableInput;
use crate::config::module::variable_file;
use crate::diagnostic::Diagnostics;
use crate::source::SourceMap;

use super::args::{GivenVariable, VariableArgs};
use super::env::Env;
use super::error::Failure;

/// What the command line gave, in order: a saved plan carries it, so that the same plan can be made again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given(Vec<GivenValue>);

/// One `--var` or `--var-file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GivenValue {
    /// `NAME=VALUE`
    Option(String),
    /// A file of variables.
    File(GivenFile),
}

/// A file of variables as it was when the command ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct GivenFile {
    /// What it is called in messages.
    name: String,
    /// What it says.
    text: String,
}

impl Given {
    /// Reads the files that the command line names.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn read(env: &Env, args: &VariableArgs) -> Result<Self, Failure> {
        let read = |given: &GivenVariable| -> Result<GivenValue, Failure> {
            Ok(match given {
                GivenVariable::Option(option) => GivenValue::Option(option.clone()),
                GivenVariable::File(path) => GivenValue::File(read_file(env, path)?),
            })
        };
        Ok(Given(args.given.iter().map(read).collect::<Result<_, _>>()?))
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was given, without the values: they may be secret.
    pub fn summary(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|given| match given {
            GivenValue::Option(option) => {
                let name = option.split('=').next().unwrap_or_default().trim();
                format!("--var {name}")
            }
            GivenValue::File(file) => format!("--var-file {}", file.name),
        })
    }
}

fn read_file(env: &Env, path: &Path) -> Result<GivenFile, Failure> {
    let text = env.read_text(path)?;
    let shown = path.strip_prefix(&env.dir).unwrap_or(path);
    Ok(GivenFile {
        name: shown.display().to_string(),
        text,
    })
}

/// Reads all of them. What is wrong inside the files goes to `found`, their text to `sources`.
///
/// # Errors
/// When a file cannot be read, or an option is not `NAME=VALUE`.
pub fn collect(
    env: &Env,
    given: &Given,
    sources: &mut SourceMap,
    found: &mut Diagnostics,
) -> Result<Vec<VariableInput>, Failure> {
    let mut inputs: Vec<VariableInput> = env
        .variables()
        .iter()
        .map(|(name, value)| VariableInput::environment(name, value))
        .collect();
    let mut taken = |file: &GivenFile| {
        let (body, problems) = variable_file(sources, &file.name, &file.text);
        problems.into_iter().for_each(|problem| found.push(problem));
        VariableInput::of_file(&body, &file.name)
    };
    for path in env.automatic_variable_files()? {
        inputs.extend(taken(&read_file(env, &path)?));
    }
    for given in &given.0 {
        match given {
            GivenValue::File(file) => inputs.extend(taken(file)),
            GivenValue::Option(option) => {
                let (name, value) = option.split_once('=').ok_or_else(|| {
                    Failure::new(format!("--var {option}: a value is missing")).help("write --var NAME=VALUE")
                })?;
                inputs.push(VariableInput::option(name.trim(), value));
            }
        }
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_names_variables_and_keeps_their_values() {
        let option = |text: &str| GivenValue::Option(text.to_owned());
        let file = GivenValue::File(GivenFile {
            name: "prod.hclvars".to_owned(),
            text: "key = 1".to_owned(),
        });
        let given = Given(vec![option("token = s3cret"), file, option("n=1=2")]);
        let summary: Vec<String> = given.summary().collect();
        assert_eq!(summary, ["--var token", "--var-file prod.hclvars", "--var n"]);
        assert!(!given.is_empty() && Given::default().is_empty());
    }
}
