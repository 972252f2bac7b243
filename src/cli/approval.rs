//! Who says yes to a plan: a person, an approved digest, or `--auto-approve`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::id::{AccountKey, UserName};
use crate::model::approved::ApprovedRow;
use crate::model::record::Recorded;
use crate::plan::approved_people::{ApprovedPeople, NewlyGaining, names_everyone};
use crate::plan::becoming::Becoming;
use crate::plan::change::{ActionKind, GrantReason};
use crate::plan::people::PeopleChange;
use crate::plan::risk::SetRisk;
use crate::plan::{Plan, resume_of};
use crate::report::escape::{escape, name};
use crate::report::plan_view::policy_diff::{DiffLine, lines};
use crate::report::plan_view::{Labels, PlanView, principal_name};
use crate::report::style::{Meaning, Styles};
use crate::report::terminal::plan::{Title, write};
use crate::report::wording::{self, some_of};

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
        /// Rules may be taken over that let more pass.
        rules: bool,
    },
    /// `--standing`: nobody, since everything in the plan was agreed on beforehand.
    Standing,
    /// A person is to be asked.
    Ask,
}

/// Whether a plan brings back what someone removed from the service.
pub fn restores(plan: &Plan) -> bool {
    plan.actions.iter().any(|action| action.restore)
        || plan.grants.iter().any(|step| step.reason == GrantReason::Restore)
}

/// Whether that is nothing but what someone took from roles in the accounts.
fn gives_roles_back(plan: &Plan) -> bool {
    let mut restored = plan.actions.iter().filter(|action| action.restore).peekable();
    restored.peek().is_some()
        && restored.all(|action| action.kind == ActionKind::Provision)
        && !plan.grants.iter().any(|step| step.reason == GrantReason::Restore)
}

/// Whether a plan takes somebody for a user who had the name before, who has or gets access by that.
pub fn lets_in_strangers(plan: &Plan) -> bool {
    let strangers: BTreeSet<&UserName> = plan.strangers().collect();
    let gains = plan.people.rows.iter().filter(|row| row.change.comes());
    let mut people = gains.flat_map(|row| {
        let crowd = row
            .everyone
            .as_ref()
            .and_then(|hash| plan.people.crowds.get(hash));
        crowd.unwrap_or(&row.people)
    });
    !strangers.is_empty() && people.any(|user| strangers.contains(user))
}

/// The file that keeps who gains what by the last plan, as far as a digest covers it; beside its text.
pub const LAST_PEOPLE: &str = "last-plan-people.json";

/// What stands above a plan when differences of plans are shown.
pub const TITLE: Title<'_> = Title {
    command: "rolecall plan",
    provider: None,
};

/// The plan as plain text: what differences of plans are shown over.
pub fn rendered(view: &PlanView<'_>) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = write(view, TITLE, Styles::PLAIN, &mut out);
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
/// The same digest goes on. So does a plan that only has what is left of the interrupted run with that digest. A plan
/// that does the same for other people goes on if nobody newly gains what the approval covers. Who was approved is
/// in the journal where a run began; `people` are those that are at hand otherwise.
///
/// # Errors
/// A refusal (exit code 3) that shows how the plans differ, as far as the approved one is at hand.
pub fn same_as_approved(
    env: &Env,
    plan: &Plan,
    recorded: &Recorded,
    digest: &str,
    approved: Approved<'_>,
    people: Option<&ApprovedPeople>,
) -> Result<(), Failure> {
    if *plan.digest == *digest {
        return Ok(());
    }
    let resumed = recorded
        .unfinished
        .as_ref()
        .filter(|run| *run.digest == *digest && resume_of(run, plan));
    if let Some(run) = resumed {
        let rows = run.people.as_deref().or(people.map(|people| &*people.rows));
        return goes_on(env, plan, rows);
    }
    let people = people.map(|approved| (approved, ApprovedPeople::of(plan)));
    if let Some((before, now)) = people
        && before.steps == now.steps
    {
        let changed = before.changed_since(&now);
        if !changed.is_empty() {
            let named = some_of(
                changed.iter().map(|name| escape(name.as_str())),
                changed.len() as u64,
                4,
            );
            return Err(Failure::refused(format!(
                "the plan gives permission sets that allow something else since it was approved: {named}; nothing was done"
            ))
            .help("look at what they allow now, review the plan, and approve that one"));
        }
        let production = before.newly_production(&now);
        if !production.is_empty() {
            return Err(newly_production(plan, &production));
        }
        return same_steps(env, plan, &approved, &before.newly_gaining(&now));
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

/// The plan is what is left of an interrupted run. Whoever gains something by it must have been approved with that
/// run: `rows`, where that is known.
fn goes_on(env: &Env, plan: &Plan, rows: Option<&[ApprovedRow]>) -> Result<(), Failure> {
    let now = ApprovedPeople::of(plan);
    let news = match rows {
        Some(rows) => now.not_in(rows),
        None if now.rows.is_empty() => Vec::new(),
        None => {
            return Err(Failure::refused(
                "this goes on with the interrupted run of the approved plan, but people gain what an approval covers, \
                 and whom that one covered is not recorded here; nothing was done",
            )
            .help("review the plan as it is now, and approve that one"));
        }
    };
    if !news.is_empty() && !rows.is_none_or(names_everyone) {
        return Err(Failure::refused(
            "this goes on with the interrupted run of the approved plan, but that one covered more people than were \
             recorded by name, and nobody can tell whether it covered those who still gain something; nothing was done",
        )
        .help("review the plan as it is now, and approve that one"));
    }
    if !news.is_empty() {
        return Err(newly_gaining(plan, &news));
    }
    env.say("This goes on with the interrupted run of the approved plan.");
    Ok(())
}

/// The plan does what was approved, but not for the same people.
fn same_steps(env: &Env, plan: &Plan, approved: &Approved<'_>, news: &[NewlyGaining]) -> Result<(), Failure> {
    if !news.is_empty() {
        return Err(newly_gaining(plan, news));
    }
    match approved {
        Approved::Plan(_) => {
            env.say("The steps are the approved ones, and nobody newly gains what the approval covers.");
            Ok(())
        }
        Approved::Text(_) | Approved::Unknown => Err(Failure::refused(
            "nobody newly gains a permission set marked as a risk, but it is not the same people any more, or not \
             through the same groups, and a digest stands for exactly those; nothing was done",
        )
        .help("approve the plan as it is now; a saved plan (apply FILE) allows for people who left")),
    }
}

/// The plan does what was approved, in accounts that nobody has looked at as production.
fn newly_production(plan: &Plan, accounts: &[&AccountKey]) -> Failure {
    let labels = Labels::new(plan);
    let ranks = accounts.iter().filter_map(|key| plan.names.account_rank(key));
    let named: Vec<&str> = ranks.map(|rank| labels.account(rank)).collect();
    let named = wording::accounts(&named, named.len() as u64, 6);
    Failure::refused(format!(
        "the plan gives access in accounts that became production since it was approved: {named}; nothing was done"
    ))
    .help("review the plan as it is now, and approve that one")
}

/// The most people that a refusal names.
const MOST_NEW: usize = 20;

fn newly_gaining(plan: &Plan, news: &[NewlyGaining]) -> Failure {
    let labels = Labels::new(plan);
    let mut lines: Vec<String> = news
        .iter()
        .take(MOST_NEW)
        .map(|new| line_of(plan, &labels, new))
        .collect();
    let rest = news.len().saturating_sub(MOST_NEW);
    if rest > 0 {
        lines.push(format!("… and {rest} more"));
    }
    Failure::refused(format!(
        "people would newly gain what was not approved; nothing was done:\n  {}",
        lines.join("\n  ")
    ))
    .help("review the plan as it is now, and approve that one")
}

/// `Bob Stone (bob) gains admin (administrator) in prod-1..3, through platform`.
fn line_of(plan: &Plan, labels: &Labels<'_>, new: &NewlyGaining) -> String {
    let who = match &new.person {
        Some(user) => match plan.user_names.get(user) {
            Some(shown) => format!("{} ({})", name(shown), escape(user.as_str())),
            None => name(user.as_str()).into_owned(),
        },
        None => "people who cannot all be named".to_owned(),
    };
    let risk = plan.risks.sets.get(&new.permission_set).and_then(SetRisk::mark);
    let risk = risk.map_or(String::new(), |mark| format!(" ({})", mark.word()));
    let ranks = new.accounts.iter().filter_map(|key| plan.names.account_rank(key));
    let accounts: Vec<&str> = ranks.map(|rank| labels.account(rank)).collect();
    let accounts = wording::accounts(&accounts, accounts.len() as u64, 6);
    let via = some_of(new.via.iter().map(principal_name), new.via.len() as u64, 4);
    // Where that cannot be told, as of people who are not named one by one, it is a gain.
    let had_it = plan.people.rows.iter().any(|row| {
        let same_people = match &new.person {
            Some(person) => row.people.contains(person),
            None => row.people.is_empty(),
        };
        let everywhere = || {
            let mut ranks = new.accounts.iter().map(|key| plan.names.account_rank(key));
            ranks.all(|rank| rank.is_some_and(|rank| row.accounts.binary_search(&rank).is_ok()))
        };
        row.change == PeopleChange::KeepsLonger
            && plan.names.permission_set(row.permission_set) == Some(&new.permission_set)
            && row.via == new.via
            && same_people
            && everywhere()
    });
    let set = escape(new.permission_set.as_str());
    // By this plan nobody gains the set: the rest of it is theirs already, or comes with the group.
    let by_change = !had_it && is_by_change(plan, new);
    match (had_it, by_change) {
        (true, _) => format!("{who} keeps {set}{risk} in {accounts} for longer, through {via}"),
        (_, true) => format!("{who} gains what {set}{risk} newly allows in {accounts}, through {via}"),
        _ => format!("{who} gains {set}{risk} in {accounts}, through {via}"),
    }
}

/// Whether somebody stands behind a set whose policies change, and gains nothing by a grant of it.
fn is_by_change(plan: &Plan, new: &NewlyGaining) -> bool {
    let is_it = |row: &&Becoming| {
        row.permission_set == new.permission_set && new.via.len() == 1 && new.via.contains(&row.via)
    };
    let changes = plan.risks.covered_altered().any(|row| is_it(&row));
    let gains = plan.people.rows.iter().any(|row| {
        row.change.comes()
            && row.via == new.via
            && plan.names.permission_set(row.permission_set) == Some(&new.permission_set)
            && new
                .person
                .as_ref()
                .is_none_or(|person| row.people.contains(person))
    });
    changes && !gains
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

/// What helps where nobody can be asked: only `apply` takes approvals.
pub fn without_asking(command: &str) -> &'static str {
    match command {
        "apply" => "approve a reviewed plan (apply FILE, or --digest), or use --auto-approve",
        _ => "run it in a terminal, or use --auto-approve",
    }
}

/// Gets a yes for a plan that was shown.
///
/// # Errors
/// When nobody says yes, nobody can be asked, or `--auto-approve` alone does not cover the plan.
pub fn approve(
    env: &Env,
    plan: &Plan,
    consent: &Consent<'_>,
    command: &str,
    question: &str,
) -> Result<(), Failure> {
    match consent {
        Consent::Reviewed(..) | Consent::Digest(_) => Ok(()),
        Consent::Automatic { restore: false, .. } if gives_roles_back(plan) => Err(Failure::refused(
            "the plan gives roles back what someone took from them in the accounts, perhaps for a reason; \
             --auto-approve alone does not do that",
        )
        .help("add --restore, approve the plan's digest with --digest, or answer the question yourself")),
        Consent::Automatic { restore: false, .. } if restores(plan) => Err(Failure::refused(
            "the plan brings back access that someone removed from the service, perhaps for a reason; \
             --auto-approve alone does not do that",
        )
        .help("add --restore, approve the plan's digest with --digest, or answer the question yourself")),
        Consent::Automatic { restore: false, .. } if lets_in_strangers(plan) => Err(Failure::refused(
            "the plan takes another person for a user of the same name that was made before, and gives them what that \
             one had; --auto-approve alone does not do that",
        )
        .help("add --restore, approve the plan's digest with --digest, or answer the question yourself")),
        Consent::Automatic { rules: false, .. } if plan.rules.may_loosen() => Err(Failure::refused(
            "the plan changes the rules that plans are judged by so that more may pass; --auto-approve alone does not \
             do that",
        )
        .help("add --accept-rules, approve the plan's digest with --digest, or answer the question yourself")),
        Consent::Automatic { .. } | Consent::Standing => Ok(()),
        Consent::Ask if !env.can_ask => Err(Failure::new(
            "nobody can be asked here: standard input is no terminal",
        )
        .help(without_asking(command))),
        Consent::Ask => match env
            .ask(&format!("\n{question} Only \"yes\" goes on: "))
            .as_deref()
        {
            Some("yes") => Ok(()),
            _ => Err(Failure::new("not approved; nothing was done")),
        },
    }
}
