//! The stack's policies in Rego: read with the configuration, and asked about every finished plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::policy_file::PolicyFile;
use crate::plan::Plan;
use crate::plan::finding::{Finding, Level};
use crate::plan::input::{Mode, PlanInput};
use crate::source::SourceMap;

use super::env::Env;
use super::error::Failure;

/// A policy that cannot be evaluated.
#[cfg(feature = "rego")]
const POLICY: Code = Code("policy-error");
/// A policy with a rule that nobody asks, or that asks for what no plan has.
#[cfg(feature = "rego")]
const NEVER_HOLDS: Code = Code("policy-never-holds");
/// Policies, and a build that cannot evaluate them.
#[cfg(not(feature = "rego"))]
const NOT_BUILT_IN: Code = Code("not-built-in");

/// Adds what is wrong with policy files, as far as that can be told without a plan, and their texts.
pub fn check(files: &[PolicyFile], sources: &mut SourceMap, found: &mut Diagnostics) {
    #[cfg(feature = "rego")]
    {
        let schema = crate::report::json::plan_schema().to_value();
        let checked = crate::rego::check(files, &schema);
        report(checked.errors, Diagnostic::error, POLICY, files, sources, found);
        let remarks = checked.remarks;
        report(remarks, Diagnostic::warning, NEVER_HOLDS, files, sources, found);
    }
    #[cfg(not(feature = "rego"))]
    {
        let _ = (files, sources);
        found.push(
            Diagnostic::error(
                NOT_BUILT_IN,
                "this rolecall is built without the feature `rego`, which policies need",
            )
            .help("build it with the default features: cargo install --locked --path ."),
        );
    }
}

/// Adds what the stack's policies say about a plan to its findings.
///
/// # Errors
/// When a policy cannot be evaluated.
pub fn judge(env: &Env, plan: &mut Plan, input: &PlanInput) -> Result<(), Failure> {
    plan.findings.extend(not_agreed(input));
    let files = &input.desired.policies;
    if files.is_empty() {
        return Ok(());
    }
    evaluate(env, plan, input, files)
}

#[cfg(feature = "rego")]
fn evaluate(env: &Env, plan: &mut Plan, input: &PlanInput, files: &[PolicyFile]) -> Result<(), Failure> {
    use crate::report::escape::escape;
    use crate::report::json::plan::PlanJson;
    use crate::report::plan_view::PlanView;

    let judged = env.timed("asking the policies", || {
        let document = serde_json::to_string(&PlanJson::new(&PlanView::new(plan)));
        let document = document.map_err(|error| Failure::new(error.to_string()))?;
        Ok::<_, Failure>(crate::rego::judge(files, input.now, &document))
    })?;
    match judged {
        Ok(judgement) => {
            for line in &judgement.printed {
                env.detail(&format!("policy: {}", escape(line)));
            }
            plan.findings.extend(
                judgement
                    .findings
                    .into_iter()
                    .map(|finding| softened(finding, plan.mode)),
            );
            Ok(())
        }
        Err(errors) if plan.mode.takes_away() => {
            plan.findings.extend(errors.into_iter().map(unheard));
            Ok(())
        }
        Err(errors) => {
            let (mut sources, mut found) = (SourceMap::new(), Diagnostics::default());
            report(errors, Diagnostic::error, POLICY, files, &mut sources, &mut found);
            Err(Failure::Diagnostics(Box::new((found, sources))))
        }
    }
}

#[cfg(not(feature = "rego"))]
fn evaluate(_: &Env, _: &mut Plan, _: &PlanInput, files: &[PolicyFile]) -> Result<(), Failure> {
    // A dumped input brings policies along that no configuration was read for.
    let (mut sources, mut found) = (SourceMap::new(), Diagnostics::default());
    check(files, &mut sources, &mut found);
    Err(Failure::Diagnostics(Box::new((found, sources))))
}

/// A policy that cannot be evaluated holds nothing up either where none would be heeded.
#[cfg(feature = "rego")]
fn unheard(error: crate::rego::PolicyError) -> Finding {
    let message = format!(
        "{} cannot be evaluated, and is not heard: {}",
        error.file, error.message
    );
    Finding::new(Level::Warning, "policy", message)
}

/// No rule holds a run up that only takes access away: guardrails do not either.
#[cfg(feature = "rego")]
fn softened(mut finding: Finding, mode: Mode) -> Finding {
    if mode.takes_away() && finding.level == Level::Refusal {
        finding.level = Level::Warning;
    }
    finding
}

/// What was agreed on beforehand was agreed on under the policies of the last apply, which cannot be asked any more once
/// a file is another.
fn not_agreed(input: &PlanInput) -> Option<Finding> {
    if input.options.mode != Mode::Standing {
        return None;
    }
    let declared = input.desired.policies.iter();
    let declared: BTreeSet<(&Arc<str>, &Arc<str>)> = declared.map(|file| (&file.path, &file.hash)).collect();
    let rules = input.recorded.rules.iter();
    let recorded: BTreeSet<(&Arc<str>, &Arc<str>)> = rules
        .flat_map(|rules| rules.policies.iter())
        .map(|file| (&file.path, &file.hash))
        .collect();
    let subjects: BTreeSet<Arc<str>> = declared
        .symmetric_difference(&recorded)
        .map(|(path, _)| Arc::clone(path))
        .collect();
    (!subjects.is_empty()).then(|| Finding {
        subjects,
        remedy: Some("apply the changed policies first, with a yes of their own".into()),
        ..Finding::new(
            Level::Refusal,
            "policies-changed",
            "the policies are not those of the last apply, under which grants were agreed on beforehand",
        )
    })
}

/// Errors or remarks with their places in the files' texts.
#[cfg(feature = "rego")]
fn report(
    errors: Vec<crate::rego::PolicyError>,
    new: fn(Code, String) -> Diagnostic,
    code: Code,
    files: &[PolicyFile],
    sources: &mut SourceMap,
    found: &mut Diagnostics,
) {
    use crate::source::Span;

    for error in errors {
        let mut diagnostic = new(code, error.message);
        if let Some(help) = error.help {
            diagnostic = diagnostic.help(help);
        }
        if let Some(file) = files.iter().find(|file| file.path == error.file) {
            let known = sources.files().find(|(_, known)| known.name == file.path);
            let known = known.map(|(id, _)| id);
            let id = known.unwrap_or_else(|| sources.add(Arc::clone(&file.path), Arc::clone(&file.text)));
            let (line, column) = error.at.unwrap_or((1, 1));
            let start = sources.file(id).map_or(0, |source| source.line_start(line));
            let rest = file.text.get(start..).unwrap_or_default();
            let before: usize = rest
                .chars()
                .take(column.saturating_sub(1) as usize)
                .map(char::len_utf8)
                .sum();
            let word = rest.get(before..).unwrap_or_default();
            let length = word
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
                .unwrap_or(word.len());
            let from = start + before;
            diagnostic = diagnostic.at(Span::new(id, from..from + length.max(1)), "");
        }
        found.push(diagnostic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy_file::PolicyContent;
    use crate::model::rules::Rules;
    use crate::plan::testing::World;

    #[cfg(feature = "rego")]
    #[test]
    fn no_policy_holds_up_what_only_takes_access_away() {
        let refusal = || Finding::new(Level::Refusal, "policy", "too many removals");
        for (mode, level) in [
            (Mode::All, Level::Refusal),
            (Mode::Destroy, Level::Refusal),
            (Mode::Standing, Level::Refusal),
            (Mode::Freeze, Level::Warning),
            (Mode::Revokes, Level::Warning),
            (Mode::Expired, Level::Warning),
        ] {
            assert_eq!(softened(refusal(), mode).level, level, "{mode:?}");
        }
        let note = Finding::new(Level::Note, "policy", "a note");
        assert_eq!(softened(note, Mode::Freeze).level, Level::Note);
    }

    #[test]
    fn what_was_agreed_on_holds_under_the_policies_of_then() {
        let file = |hash: &str| PolicyFile {
            path: "policies/a.rego".into(),
            content: PolicyContent::Rego,
            hash: hash.into(),
            text: "package main".into(),
        };
        let mut input = World::new().input(crate::plan::testing::Stack::new());
        input.desired.policies = vec![file("1")];
        input.recorded.rules = Some(Box::new(Rules::of(&input.desired)));
        input.options.mode = Mode::Standing;
        assert_eq!(not_agreed(&input), None);
        input.desired.policies = vec![file("2")];
        assert_eq!(not_agreed(&input).unwrap().level, Level::Refusal);
        input.desired.policies.clear();
        assert!(not_agreed(&input).is_some(), "taken away");
        input.options.mode = Mode::All;
        assert_eq!(not_agreed(&input), None, "that is what Rules changed is for");
    }
}
