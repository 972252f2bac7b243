//! A plan as text: findings, entities, assignments, roles, people, totals.

use std::io::{self, Write};

use crate::plan::finding::{Finding, Level};
use crate::report::escape::{escape, name};
use crate::report::naming::Naming;
use crate::report::plan_view::{Counts, PlanView, nothing_to_do, others};
use crate::report::style::{Meaning, Styles};
use crate::report::wording::{self, counted, number, some_of};

use super::Page;

const MOST_FINDINGS: usize = 30;
const MOST_DELETED_ROLES: usize = 12;
const MOST_HEADLINE_NAMES: usize = 3;

/// What the plan is shown as.
#[derive(Debug, Clone, Copy)]
pub struct Title<'a> {
    /// `rolecall plan`, `rolecall destroy`.
    pub command: &'a str,
    /// The provider's name, where the plan was just made with one.
    pub provider: Option<&'a str>,
}

/// Writes a plan.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(view: &PlanView<'_>, title: Title<'_>, styles: Styles, out: &mut dyn Write) -> io::Result<()> {
    write_title(view, title, styles, out)?;
    write_body(view, Detail::Sentences, styles, out)
}

/// Writes what stands above a plan.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_title(
    view: &PlanView<'_>,
    title: Title<'_>,
    styles: Styles,
    out: &mut dyn Write,
) -> io::Result<()> {
    header(view, title, &mut Page::new(out, styles))
}

/// How much is said of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Who gains and loses what.
    Sentences,
    /// Below each sentence, by which blocks.
    Causes,
}

/// Writes a plan without its title.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_body(
    view: &PlanView<'_>,
    detail: Detail,
    styles: Styles,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page::new(out, styles);
    super::rules::write(view, &mut page)?;
    findings(view, &mut page)?;
    super::entities::write(view, &mut page)?;
    super::assignments::write(view, &mut page)?;
    super::records::write(view, &mut page)?;
    roles(view, &mut page)?;
    super::people::write(view, detail, &mut page)?;
    super::outputs::write(view, &mut page)?;
    totals(view, &mut page)?;
    footer(view, &mut page)
}

fn header(view: &PlanView<'_>, title: Title<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let plan = view.plan;
    let place = match &plan.instance.organization {
        Some(organization) => format!("{organization}, {}", plan.instance.region),
        None => plan.instance.region.to_string(),
    };
    let provider = match title.provider {
        Some(provider) => format!("provider {provider} ({place})"),
        None => place,
    };
    let command = page.paint(Meaning::Heading, title.command);
    let state = match &plan.lineage {
        Some(_) => format!("state {}", plan.serial),
        None => "no state yet".to_owned(),
    };
    page.line(&format!(
        "{command}   stack {} · {provider} · {state}",
        name(&plan.stack)
    ))?;
    page.blank()
}

fn findings(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    // The section for roles says it in place.
    let shown_elsewhere = |finding: &&Finding| *finding.code == *"role-arn-changes";
    let mut findings: Vec<&Finding> = view
        .plan
        .findings
        .iter()
        .filter(|f| !shown_elsewhere(f))
        .collect();
    if findings.is_empty() {
        return Ok(());
    }
    findings.sort_by_key(|finding| finding.level);
    page.heading("Read this first", &counted(findings.len() as u64, "finding"))?;
    for item in findings.iter().take(MOST_FINDINGS) {
        finding(item, &view.naming, page)?;
    }
    let rest = findings.len().saturating_sub(MOST_FINDINGS) as u64;
    if rest > 0 {
        page.line(&format!("    … {} more (--json lists all)", number(rest)))?;
    }
    page.blank()
}

/// One finding: its weight, message, subjects, place and remedy.
pub fn finding(finding: &Finding, naming: &Naming, page: &mut Page<'_>) -> io::Result<()> {
    let (meaning, word) = match finding.level {
        Level::Refusal => (Meaning::Error, "refused"),
        Level::Held => (Meaning::Warning, "held"),
        Level::Warning => (Meaning::Warning, "warning"),
        Level::Unverified => (Meaning::Changed, "unverified"),
        Level::Note => (Meaning::Aside, "note"),
    };
    let label = page.paint(meaning, word);
    let place = finding
        .location
        .as_ref()
        .map(|at| format!("   {at}"))
        .unwrap_or_default();
    let place = page.paint(Meaning::Aside, place);
    let message = naming.apply(&finding.message);
    let message = escape(&message);
    page.line(&format!("  {label}[{}]: {message}{place}", finding.code))?;
    if !finding.subjects.is_empty() {
        let total = finding.subjects.len() as u64;
        let subjects = finding.subjects.iter().map(|subject| naming.apply(subject));
        page.line(&format!("      {}", some_of(subjects, total, 5)))?;
    }
    match &finding.remedy {
        Some(remedy) => page.line(&format!("      help: {}", escape(remedy))),
        None => Ok(()),
    }
}

fn roles(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let effects = &view.plan.roles;
    let parts: Vec<String> = [
        (effects.created.len(), "created"),
        (effects.updated.len(), "updated"),
        (effects.deleted.len(), "deleted"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", number(count as u64)))
    .collect();
    if parts.is_empty() {
        return Ok(());
    }
    page.heading("Roles", &parts.join(" · "))?;
    let vanishing: Vec<_> = view
        .roles
        .iter()
        .filter(|line| !line.deleted.is_empty())
        .collect();
    for line in vanishing.iter().take(MOST_DELETED_ROLES) {
        let role = match line.deleted.as_slice() {
            [(_, role)] => role.clone(),
            _ => format!(
                "AWSReservedSSO_{}_…",
                view.labels.permission_set(line.permission_set)
            ),
        };
        let accounts: Vec<&str> = line
            .deleted
            .iter()
            .map(|(rank, _)| view.labels.account(*rank))
            .collect();
        let accounts = wording::accounts(&accounts, accounts.len() as u64, 4);
        let mark = page.paint(Meaning::Warning, "!");
        let verb = if line.deleted.len() == 1 {
            "disappears"
        } else {
            "disappear"
        };
        page.line(&format!(
            "  {mark} {role} {verb} from {accounts}; a later grant gets a new ARN"
        ))?;
    }
    let rest = vanishing.len().saturating_sub(MOST_DELETED_ROLES) as u64;
    if rest > 0 {
        page.line(&format!(
            "    … and those of {} more",
            counted(rest, "permission set")
        ))?;
    }
    Ok(())
}

fn totals(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let parts = others(view.plan);
    if parts.is_empty() {
        return Ok(());
    }
    page.heading("Other assignments of the instance", &parts.join(" · "))
}

/// `12 to add, 1 to change, 3 to remove; 2 roles to provision`
pub fn sum_of(counts: Counts) -> String {
    let provision = match counts.provision {
        0 => String::new(),
        1 => "; 1 role to provision".to_owned(),
        count => format!("; {} roles to provision", number(count)),
    };
    format!(
        "{} to add, {} to change, {} to remove{provision}",
        number(counts.add),
        number(counts.change),
        number(counts.remove)
    )
}

/// What nobody may overlook, a line each.
fn headlines(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    for headline in &view.headlines {
        let mark = page.paint(Meaning::Warning, format!("! {}", headline.words()));
        let names = headline.people.iter().map(|user| view.labels.user(user));
        let names = match headline.people.is_empty() {
            true => String::new(),
            false => format!(": {}", some_of(names, headline.count, MOST_HEADLINE_NAMES)),
        };
        page.line(&format!("{mark}{names}"))?;
    }
    Ok(())
}

fn footer(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let plan = view.plan;
    let digest = format!("Digest {}", plan.digest);
    if plan.is_empty() {
        let (heading, sentence) = nothing_to_do(plan);
        let good = page.paint(Meaning::Good, format!("{heading}."));
        page.line(&format!("{good} {sentence}.   {digest}"))?;
        return refused(view, page);
    }
    page.blank()?;
    headlines(view, page)?;
    if plan.changes_nothing_in_the_service() {
        page.line("Plan: nothing to change in the service; the state is brought up to date.")?;
        page.line(&digest)?;
        return refused(view, page);
    }
    let sum = format!("Plan: {}.", sum_of(view.counts));
    let sum = page.paint(Meaning::Heading, sum);
    page.line(&sum)?;
    let calls = counted(plan.cost.total_calls, "API call");
    let time = wording::seconds(plan.cost.seconds);
    page.line(&format!(
        "About {calls}, {time} at the service's quota.      {digest}"
    ))?;
    refused(view, page)
}

fn refused(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if !view.plan.is_refused() {
        return Ok(());
    }
    let refused = page.paint(
        Meaning::Error,
        "This plan is refused; see the findings at the top.",
    );
    page.line(&refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserName;
    use crate::report::plan_view::tests::{administers, large, small};

    fn text(plan: &crate::plan::Plan) -> String {
        let mut out = Vec::new();
        let title = Title {
            command: "rolecall plan",
            provider: Some("simulator"),
        };
        write(&PlanView::new(plan), title, Styles::PLAIN, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_small_plan_reads_as_sentences_about_named_things() {
        let text = text(&small());
        let expected = [
            "rolecall plan   stack acme · provider simulator (o-a1b2c3d4e5, eu-west-1) · state 41",
            "  ~ admin  access/permission_sets.hcl:14",
            "      session_duration          PT4H → PT1H",
            "        -         \"s3:*\"",
            "        +         \"s3:Get*\"",
            "      pushed to its roles in 2 accounts",
            "  + platform → admin    12 accounts in workloads/prod  access/prod.hcl:31  OPS-1412",
            "  - contractors → view  3 accounts: sandbox-1..3       assignment.sandbox removed",
            "  ! AWSReservedSSO_view_… disappear from sandbox-1..3; a later grant gets a new ARN",
            "  gain    14 people   admin in 12 accounts   Ada Lovelace, Grace Hopper … 12 more",
            "  loses    1 person   view in sandbox-1..3   Bob Stone (keeps power-user there); effective within 4 h",
            "Plan: 12 to add, 1 to change, 3 to remove; 2 roles to provision.",
            "About 63 API calls, 9 s at the service's quota.      Digest 9f3c-2ab7",
        ];
        for line in expected {
            assert!(
                text.lines().any(|shown| shown == line),
                "no line\n{line}\nin\n{text}"
            );
        }
    }

    #[test]
    fn with_causes_everyone_who_comes_to_marked_access_is_named() {
        let mut plan = small();
        let row = plan.people.rows.iter_mut().find(|row| row.count == 14).unwrap();
        let names = (0..120).map(|n| UserName::new(format!("p{n:03}")).unwrap());
        (row.people, row.count) = (names.collect(), 120);
        let named = |plan: &crate::plan::Plan, detail| {
            let mut out = Vec::new();
            write_body(&PlanView::new(plan), detail, Styles::PLAIN, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            let names = (0..120).filter(|n| text.contains(&format!("p{n:03}")));
            (names.count(), text.contains(" … 20 more (--json lists all)"))
        };
        assert_eq!(named(&plan, Detail::Causes), (2, false));
        administers(&mut plan, 0);
        assert_eq!(named(&plan, Detail::Causes), (100, true));
        // The headline names three.
        assert_eq!(named(&plan, Detail::Sentences), (3, false));
    }

    #[test]
    fn a_plan_of_very_many_grants_stays_readable() {
        let text = text(&large(300, 40, 25));
        assert!(text.lines().count() < 200, "{} lines", text.lines().count());
        assert!(text.contains("Plan: 300,000 to add"), "{text}");
    }

    #[test]
    fn names_from_outside_cannot_move_the_cursor() {
        let mut plan = small();
        let names: Vec<std::sync::Arc<str>> = plan.account_names.values().cloned().collect();
        let evil: std::sync::Arc<str> = "x\u{1b}[2K\u{202e}y".into();
        for shown in plan.account_names.values_mut() {
            *shown = evil.clone();
        }
        assert!(!names.is_empty());
        let text = text(&plan);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert!(text.contains("\\u{1b}"), "{text}");
    }
}
