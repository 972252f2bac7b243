//! Policies in Rego over a plan's JSON form: what they deny, and what they warn of.
//!
//! Rules are written as for Open Policy Agent and conftest: in any package, `deny`, `violation` and `warn` (or names that
//! begin so, like `deny_wildcards`), as sets of messages, in either version of the language. They see the plan as
//! `input`, the data files as `data`, and nothing else: no network, no environment, no chance, and of the time only the
//! moment that the plan was made for, so that one plan always has one judgement.
//!
//! What a policy could do to a run is bounded beforehand, since an interpreter cannot take it back: files, nesting and
//! time have limits, and functions that call themselves are refused (Rego has none).

mod builtins;
mod engine;
mod input;
mod syntax;
#[cfg(test)]
mod tests;
mod unasked;
mod verdict;

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::policy_file::PolicyFile;
use crate::plan::finding::Finding;

/// Something wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyError {
    /// The file.
    pub file: Arc<str>,
    /// Line and column from 1, where known.
    pub at: Option<(u32, u32)>,
    /// What is wrong, as a clause.
    pub message: String,
    /// What to do about it.
    pub help: Option<Arc<str>>,
}

/// What the policies say of a plan.
#[derive(Debug, Default)]
pub struct Judgement {
    /// What they deny and warn of.
    pub findings: Vec<Finding>,
    /// What they printed.
    pub printed: Vec<String>,
}

/// What can be told of policy files without a plan.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What is wrong with them.
    pub errors: Vec<PolicyError>,
    /// What cannot be meant: rules that nobody asks, and parts of the plan that there are not. Nothing is remarked on as
    /// long as something is wrong.
    pub remarks: Vec<PolicyError>,
}

/// Looks at policy files. The schema, as JSON, is that of the plans that they will see.
pub fn check(files: &[PolicyFile], schema: &serde_json::Value) -> Checked {
    let checked = apart(|| {
        let policies = engine::Policies::load(files, Timestamp::UNIX_EPOCH)?;
        Ok(policies.remarks(schema))
    });
    let checked = checked.unwrap_or_else(|error| Err(vec![error]));
    match checked {
        Ok(remarks) => Checked {
            remarks,
            ..Checked::default()
        },
        Err(errors) => Checked {
            errors,
            ..Checked::default()
        },
    }
}

/// Asks the policies about a plan, given as JSON. `now` is the moment it was planned for.
///
/// # Errors
/// What is wrong with the files, or went wrong while they were evaluated.
pub fn judge(files: &[PolicyFile], now: Timestamp, plan: &str) -> Result<Judgement, Vec<PolicyError>> {
    apart(|| engine::Policies::load(files, now)?.judge(plan)).unwrap_or_else(|error| Err(vec![error]))
}

/// Enough for the deepest tree that a file within the limits can hold.
const STACK: usize = 512 * 1024 * 1024;

/// Runs on a stack that deep expressions cannot exhaust; a panic of the interpreter is an error.
fn apart<R: Send>(run: impl FnOnce() -> R + Send) -> Result<R, PolicyError> {
    let failed = |message: String| PolicyError {
        file: Arc::from(""),
        at: None,
        message,
        help: None,
    };
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new()
            .name("policies".to_owned())
            .stack_size(STACK);
        let thread = builder
            .spawn_scoped(scope, run)
            .map_err(|error| failed(format!("the policies cannot be evaluated: {error}")))?;
        thread
            .join()
            .map_err(|_| failed("the policies cannot be evaluated: the interpreter gave up".to_owned()))
    })
}
