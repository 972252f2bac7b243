//! A plan as Markdown: what it comes to, what to read first, people, and everything else folded.

use crate::plan::finding::{Finding, Level};
use crate::plan::input::Mode;
use crate::plan::people::PeopleRow;
use crate::report::hide::Hide;
use crate::report::plan_view::roles::RoleLine;
use crate::report::plan_view::{Counts, PlanView, nothing_to_do, others};
use crate::report::wording::{self, counted, number};

use super::page::{Page, Row, Section};
use super::{Options, marker, text};

/// The longest stack name that is shown whole; it can never be cut away.
const MOST_NAME: usize = 200;
/// The longest text of a finding that is shown whole, in characters.
const MOST_MESSAGE: usize = 2000;
/// How many people a headline names.
const MOST_HEADLINE_NAMES: usize = 5;
/// How many of those who have a set of which changes what it allows.
const MOST_ALTERED_NAMES: usize = 20;
/// From what size on a document has room for them, in bytes.
const ROOM_FOR_NAMES: usize = 50_000;
/// How many sets that change stand above.
const MOST_ALTERED: usize = 10;
/// How many subjects a finding names.
const MOST_SUBJECTS: usize = 10;

/// What the plan is shown as.
#[derive(Debug, Clone, Copy)]
pub struct Title<'a> {
    /// `rolecall plan`, `rolecall plan --base`.
    pub command: &'a str,
    /// How it is carried out.
    pub apply: Apply<'a>,
    /// The command that shows everything.
    pub everything: &'a str,
}

/// How a plan is carried out once it is approved.
#[derive(Debug, Clone, Copy)]
pub enum Apply<'a> {
    /// With this command line.
    Command(&'a str),
    /// Not at all, for this reason.
    Not(&'a str),
}

/// Writes a plan.
pub fn write(view: &PlanView<'_>, title: Title<'_>, options: Options) -> String {
    let hide = Hide::of_plan(options.people, view.plan);
    let most = options.max_size;
    let mut sections = vec![
        super::rules::section(view, &hide, most),
        findings(view, &hide, most),
        super::people::section(view, &hide, most),
    ];
    sections.extend(super::entities::sections(view, &hide, most));
    sections.push(super::assignments::section(view, &hide, most));
    sections.push(roles(view, &hide, most));
    sections.push(super::records::section(view, &hide, most));
    sections.push(super::outputs::section(view, &hide, most));
    sections.push(lint(view, &hide, most));
    let page = Page {
        top: top(view, title, &hide, most),
        sections,
        bottom: bottom(view, title),
        everything: text::code(title.everything),
    };
    page.write(most)
}

fn top(view: &PlanView<'_>, title: Title<'_>, hide: &Hide, most: usize) -> String {
    let plan = view.plan;
    let mut out = marker("plan", &text::clip(&plan.stack, MOST_NAME));
    let stack = hide.name(&text::clip(&plan.stack, MOST_NAME));
    out.push_str(&format!("## {}: {stack}\n\n", title.command));
    if plan.is_refused() {
        let refusals = plan.findings.iter().filter(|f| f.level == Level::Refusal).count();
        out.push_str(&format!(
            "**This plan is refused** and cannot be applied: {} below {} why.\n\n",
            counted(refusals as u64, "finding"),
            if refusals == 1 { "says" } else { "say" }
        ));
    }
    out.push_str(&format!("**{}**", sum(view)));
    let people = [
        (plan.people.gaining, "gains", "gain"),
        (plan.people.losing, "loses", "lose"),
        (plan.people.longer, "keeps", "keep"),
    ];
    let people: Vec<String> = people
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| {
            let verb = if count == 1 { one } else { many };
            let longer = if one == "keeps" { " for longer" } else { "" };
            format!("{} {verb} access{longer}", wording::people(count))
        })
        .collect();
    match people.is_empty() {
        true if plan.is_empty() || view.headlines.iter().any(|headline| headline.longer) => {}
        true => out.push_str(&format!(" {}, as far as members are known.", view.nobody())),
        false => out.push_str(&format!(" **{}.**", people.join(", "))),
    }
    out.push('\n');
    // What stands above the sections is never cut.
    let names = match most < ROOM_FOR_NAMES {
        true => MOST_HEADLINE_NAMES,
        false => MOST_ALTERED_NAMES,
    };
    altered(view, (title.everything, names), hide, &mut out);
    for headline in &view.headlines {
        let names = headline.people.iter().map(|user| view.labels.user(user));
        let names = match headline.people.is_empty() || hide.counts_only() {
            true => String::new(),
            false => format!(": {}", text::some_of(names, headline.count, MOST_HEADLINE_NAMES)),
        };
        out.push_str(&format!("\n**! {}**{names}\n", headline.words()));
    }
    out
}

/// Sets of which changes what they allow, an item each; names that are left out are said to be where everything is.
fn altered(view: &PlanView<'_>, (everything, most): (&str, usize), hide: &Hide, out: &mut String) {
    let lines = view.altered.iter().take(MOST_ALTERED);
    for (number, line) in lines.enumerate() {
        let words = line.words(&text::name(line.set.permission_set.as_str()));
        let via = super::people::paths(&line.via);
        let place = line
            .location
            .map(|at| format!(" ({})", text::code(&at.to_string())));
        let marks = line.plainly().or_else(|| line.marks());
        let marks = marks.map(|marks| format!(": **{marks}**"));
        let names = line.people.iter().map(|user| view.labels.user(user));
        let names = match line.people.is_empty() || hide.counts_only() {
            true => String::new(),
            false => {
                let count = line.set.holders.people;
                let names = text::some_of(names, count, most);
                let rest = match count > most.min(line.people.len()) as u64 {
                    true if count > PeopleRow::MOST_NAMED as u64 => {
                        format!(" (1,000 of them: {})", text::code(everything))
                    }
                    true => format!(" (all of them: {})", text::code(everything)),
                    false => String::new(),
                };
                format!(", for {names}{rest}")
            }
        };
        let lead = if number == 0 { "\n" } else { "" };
        out.push_str(&format!(
            "{lead}- {words}, via {via}{}{}{names}\n",
            place.unwrap_or_default(),
            marks.unwrap_or_default()
        ));
    }
    let rest = view.altered.len().saturating_sub(MOST_ALTERED) as u64;
    if rest > 0 {
        out.push_str(&format!("- … {} more\n", counted(rest, "permission set")));
    }
}

/// `Plan: 12 to add, 1 to change, 3 to remove; 2 roles to provision.`
fn sum(view: &PlanView<'_>) -> String {
    let plan = view.plan;
    if plan.is_empty() {
        let (heading, sentence) = nothing_to_do(plan);
        return format!("{heading}: {sentence}.");
    }
    if plan.changes_nothing_in_the_service() {
        return "Nothing to change in the service; the state is brought up to date.".to_owned();
    }
    let Counts {
        add,
        change,
        remove,
        provision,
    } = view.counts;
    let provision = match provision {
        0 => String::new(),
        count => format!("; {} to provision", counted(count, "role")),
    };
    format!(
        "Plan: {} to add, {} to change, {} to remove{provision}.",
        number(add),
        number(change),
        number(remove)
    )
}

fn findings(view: &PlanView<'_>, hide: &Hide, most: usize) -> Section {
    // The section for roles says it in place.
    let mut findings: Vec<&Finding> = view
        .plan
        .findings
        .iter()
        .filter(|finding| *finding.code != *"role-arn-changes")
        .collect();
    findings.sort_by_key(|finding| finding.level);
    let mut section = Section {
        title: "Read this first",
        summary: counted(findings.len() as u64, "finding"),
        open: 20,
        rank: 0,
        ..Section::default()
    };
    section.fill(&findings, most, |item| finding(view, item, hide), |_| 1);
    section
}

/// What the configuration is warned of, whether or not the plan changes anything about it.
fn lint(view: &PlanView<'_>, hide: &Hide, most: usize) -> Section {
    let warnings: Vec<&Finding> = view.plan.lint.iter().collect();
    let mut section = Section {
        title: "Warnings about what is written",
        summary: counted(warnings.len() as u64, "warning"),
        open: 0,
        rank: 7,
        ..Section::default()
    };
    section.fill(&warnings, most, |item| finding(view, item, hide), |_| 1);
    section
}

/// One finding as an item of a list.
fn finding(view: &PlanView<'_>, finding: &Finding, hide: &Hide) -> Row {
    let word = match finding.level {
        Level::Refusal => "refused",
        Level::Held => "held",
        Level::Warning => "warning",
        Level::Unverified => "unverified",
        Level::Note => "note",
    };
    let message = view.naming.apply(&finding.message);
    let message = hide.sentence(&text::clip(&message, MOST_MESSAGE));
    let place = finding
        .location
        .as_ref()
        .map(|at| format!(" ({})", text::code(&at.to_string())));
    let short = format!(
        "- **{word}** {}: {message}{}",
        text::code(&finding.code),
        place.unwrap_or_default()
    );
    let mut full = short.clone();
    if !finding.subjects.is_empty() {
        let total = finding.subjects.len() as u64;
        // Any of them may be a person, also one who stands nowhere else in the plan.
        let names = if hide.counts_only() {
            format!("{} not named here", number(total))
        } else {
            let subjects = finding.subjects.iter().map(|subject| view.naming.apply(subject));
            text::some_of(subjects, total, MOST_SUBJECTS)
        };
        full.push_str(&format!("\n  - {names}"));
    }
    if let Some(remedy) = &finding.remedy {
        full.push_str(&format!(
            "\n  - Help: {}",
            hide.sentence(&text::clip(remedy, MOST_MESSAGE))
        ));
    }
    Row {
        short: (full != short).then_some(short),
        full,
        weight: 1,
        mark: None,
    }
}

fn roles(view: &PlanView<'_>, hide: &Hide, most: usize) -> Section {
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
    let mut lines: Vec<&RoleLine> = view.roles.iter().collect();
    lines.sort_by_key(|line| line.deleted.is_empty());
    let mut section = Section {
        title: "IAM roles",
        summary: parts.join(" · "),
        lead: (!effects.deleted.is_empty()).then_some(
            "A role that is deleted has another ARN when access is granted again: policies that name it stop matching.",
        ),
        head: &["role", "created in", "updated in", "**deleted** from"],
        open: if effects.deleted.is_empty() { 0 } else { 10 },
        rank: 4,
        thing: "role",
        ..Section::default()
    };
    let weight = |line: &&RoleLine| (line.created.len() + line.updated.len() + line.deleted.len()) as u64;
    section.fill(&lines, most, |line| role(view, line, hide, weight(line)), weight);
    section
}

fn role(view: &PlanView<'_>, line: &RoleLine, hide: &Hide, weight: u64) -> Row {
    let deleted: Vec<u32> = line.deleted.iter().map(|(rank, _)| *rank).collect();
    let name = match line.deleted.as_slice() {
        [(_, role)] => role.clone(),
        _ => format!(
            "AWSReservedSSO_{}_…",
            view.labels.permission_set(line.permission_set)
        ),
    };
    let cells = [
        hide.name(&name),
        accounts(view, &line.created, 4),
        accounts(view, &line.updated, 4),
        accounts(view, &deleted, 8),
    ];
    Row::new(text::row(&cells), weight)
}

/// `18 accounts: prod-1..12, staging … 5 more`; nothing for none.
pub(super) fn accounts(view: &PlanView<'_>, ranks: &[u32], most: usize) -> String {
    let names = view.labels.accounts(ranks);
    account_names(&names, most)
}

/// The same for names.
pub(super) fn account_names<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let count = names.len() as u64;
    let ranges = wording::ranges(names);
    let listed = if ranges.len() <= most + 1 {
        text::some_of(&ranges, ranges.len() as u64, most)
    } else {
        text::some_of(names, count, most)
    };
    match count {
        0 => String::new(),
        1 => listed,
        count => format!("{}: {listed}", counted(count, "account")),
    }
}

fn bottom(view: &PlanView<'_>, title: Title<'_>) -> String {
    let plan = view.plan;
    let mut out = String::from("---\n\n");
    let place = match &plan.instance.organization {
        Some(organization) => format!(
            "{} in {}",
            text::code(organization.as_str()),
            text::code(&plan.instance.region)
        ),
        None => text::code(&plan.instance.region),
    };
    out.push_str(&format!("Instance of {place}."));
    let others = others(plan);
    if !others.is_empty() {
        out.push_str(&format!(" Other assignments there: {}.", others.join(", ")));
    }
    if !plan.changes_nothing_in_the_service() {
        out.push_str(&format!(
            " About {}, {} at the service's quota.",
            counted(plan.cost.total_calls, "API call"),
            wording::seconds(plan.cost.seconds)
        ));
    }
    match plan.mode {
        Mode::Revokes => out.push_str(" Narrowed to what goes (`--only revokes`)."),
        Mode::Expired => out.push_str(" Narrowed to what expired (`--only expired`)."),
        Mode::Standing => out.push_str(" Narrowed to what was agreed on beforehand (`--standing`)."),
        Mode::Freeze => out.push_str(" Everything that frozen users and groups have (`freeze`)."),
        Mode::All | Mode::Destroy => {}
    }
    out.push_str(&format!("\n\nDigest {}", text::code(&plan.digest)));
    match title.apply {
        _ if plan.is_refused() || plan.is_empty() => out.push('\n'),
        Apply::Command(command) => {
            let block = text::fence("sh", &[command.to_owned()], 0);
            out.push_str(&format!(" · to do exactly this plan, or nothing:\n\n{block}\n"));
        }
        Apply::Not(why) => out.push_str(&format!(" · {why}\n")),
    }
    out
}
