//! Who says yes to a plan: a person, an approved digest, or `--auto-approve`.

use std::path::Path;

use crate::model::record::Recorded;
use crate::plan::change::GrantReason;
use crate::plan::{Plan, resume_of};
use crate::report::plan_view::PlanView;
use crate::report::plan_view::policy_diff::{DiffLine, lines};
use crate::report::style::{Meaning, Styles};
use crate::report::terminal::plan::{Title, write};

use super::env::Env;
use super::error::Failure;
use super::saved_plan::Loaded;

/// What was given on the command line.
pub enum Consent<'a> {
    /// A saved plan.
    Reviewed(&'a Path, Box<Loaded>),
    /// A digest.
    Digest(&'a str),
    /// `--auto-approve`, and whether `--restore` came with it.
    Automatic {
        /// Access that someone took away may be brought back.
        restore: bool,
    },
    /// A person is to be asked.
    Ask,
}

/// Whether a plan brings back what someone removed from the service.
pub fn restores(plan: &Plan) -> bool {
    plan.actions.iter().any(|action| action.restore)
        || plan.grants.iter().any(|step| step.reason == GrantReason::Restore)
}

/// The plan as plain text: what differences of plans are shown over.
pub fn rendered(view: &PlanView<'_>) -> String {
    let mut out = Vec::new();
    let title = Title {
        command: "rolecall plan",
        provider: None,
    };
    // Writing to memory does not fail.
    let _ = write(view, title, Styles::PLAIN, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// What was approved, as far as it is at hand.
#[derive(Clone, Copy)]
pub enum Approved<'a> {
    /// The plan itself.
    Plan(&'a Plan),
    /// Its text.
    Text(&'a str),
    /// Its digest alone.
    Unknown,
}

/// Every action in full: what the text leaves out may be what differs.
fn actions_in_full(plan: &Plan) -> String {
    serde_json::to_string_pretty(&plan.actions).unwrap_or_default()
}

/// Holds the plan made now against the one that was approved.
///
/// The same digest goes on. So does a plan that only has what is left of the interrupted run with that digest.
///
/// # Errors
/// A refusal (exit code 3) that shows how the plans differ, as far as the approved one is at hand.
pub fn same_as_approved(
    env: &Env,
    plan: &Plan,
    recorded: &Recorded,
    digest: &str,
    approved: Approved<'_>,
) -> Result<(), Failure> {
    if *plan.digest == *digest {
        return Ok(());
    }
    let resumes = |run: &crate::model::record::UnfinishedRun| *run.digest == *digest && resume_of(run, plan);
    if recorded.unfinished.as_ref().is_some_and(resumes) {
        env.say("This goes on with the interrupted run of the approved plan.");
        return Ok(());
    }
    let now = rendered(&PlanView::new(plan));
    match approved {
        Approved::Plan(before) => {
            show_difference(env, &rendered(&PlanView::new(before)), &now);
            // The text is what was reviewed. Only where it reads the same are the actions compared in full.
            let (left, right) = (actions_in_full(before), actions_in_full(plan));
            if reads_the_same(&rendered(&PlanView::new(before)), &now) && left != right {
                env.say("The steps in full differ:\n");
                show_lines(env, &left, &right);
            }
        }
        Approved::Text(text) => show_difference(env, text, &now),
        Approved::Unknown => env.say(&format!("The plan is now:\n\n{now}")),
    }
    Err(Failure::refused(format!(
        "the plan is no longer the approved one: its digest is {}, approved was {digest}; nothing was done",
        plan.digest
    ))
    .help("review the plan as it is now, and approve that one"))
}

/// Whether two plans differ in nothing but their title and the line with the digest.
fn reads_the_same(left: &str, right: &str) -> bool {
    let body = |text: &str| -> Vec<String> {
        let lines = text.lines().skip(1).filter(|line| !line.contains("Digest "));
        lines
            .map(|line| line.trim_end().to_owned())
            .filter(|line| !line.is_empty())
            .collect()
    };
    body(left) == body(right)
}

/// The most lines of a difference that are shown: more is not read.
const MOST_LINES: usize = 120;

fn show_difference(env: &Env, approved: &str, now: &str) {
    env.say("The approved plan (-) and the plan as it is now (+) differ:\n");
    show_lines(env, approved, now);
}

fn show_lines(env: &Env, approved: &str, now: &str) {
    let all = lines(approved, now, 2);
    let left_out = all.len().saturating_sub(MOST_LINES);
    for line in all.into_iter().take(MOST_LINES) {
        let text = match line {
            DiffLine::Same(text) => format!("  {text}"),
            DiffLine::Removed(text) => env.err.paint(Meaning::Removed, format!("- {text}")),
            DiffLine::Added(text) => env.err.paint(Meaning::Added, format!("+ {text}")),
            DiffLine::Gap => env.err.paint(Meaning::Aside, "  ⋮"),
        };
        env.say(&text);
    }
    if left_out > 0 {
        env.say(&format!(
            "  … {left_out} more lines; compare `{}` with `{}`",
            env.typed("show FILE"),
            env.typed("plan")
        ));
    }
    env.say("");
}

/// Gets a yes for a plan that was shown.
///
/// # Errors
/// When nobody says yes, nobody can be asked, or `--auto-approve` alone does not cover the plan.
pub fn approve(env: &Env, plan: &Plan, consent: &Consent<'_>, question: &str) -> Result<(), Failure> {
    match consent {
        Consent::Reviewed(..) | Consent::Digest(_) => Ok(()),
        Consent::Automatic { restore } if restores(plan) && !restore => Err(Failure::refused(
            "the plan brings back access that someone removed from the service, perhaps for a reason; \
             --auto-approve alone does not do that",
        )
        .help("add --restore, approve the plan's digest with --digest, or answer the question yourself")),
        Consent::Automatic { .. } => Ok(()),
        Consent::Ask if !env.can_ask => Err(Failure::new(
            "nobody can be asked here: standard input is no terminal",
        )
        .help("approve a reviewed plan (apply FILE, or --digest), or use --auto-approve")),
        Consent::Ask => match env
            .ask(&format!("\n{question} Only \"yes\" goes on: "))
            .as_deref()
        {
            Some("yes") => Ok(()),
            _ => Err(Failure::new("not approved; nothing was done")),
        },
    }
}
