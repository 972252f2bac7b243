//! The sections for units, accounts, users, groups and permission sets: what differs, line by line.

use crate::address::Kind;
use crate::id::EntityKey;
use crate::plan::change::Reason;
use crate::report::hide::Hide;
use crate::report::plan_view::PlanView;
use crate::report::plan_view::entities::{Detail, EntityChange, EntityRow, pushed};
use crate::report::plan_view::entity_lines::{EntityLine, fold, noun, short_arn, summary, title};
use crate::report::plan_view::policy_diff::{self, DiffLine};
use crate::report::wording::{counted, number};

use super::marks::{because, marks};
use super::page::{Row, Section};
use super::text;

const MOST_NAMES: usize = 8;
const MOST_ITEMS: usize = 20;
/// The longest value that is shown whole, in characters.
const MOST_VALUE: usize = 400;
/// Lines of a policy's difference around which what goes is cut; what comes never is.
const MOST_POLICY_LINES: usize = 60;

/// A section per kind that has changes: first what gives access by itself.
pub fn sections(view: &PlanView<'_>, hide: &Hide, most: usize) -> Vec<Section> {
    let kinds = [
        Kind::PermissionSet,
        Kind::Group,
        Kind::User,
        Kind::Account,
        Kind::OrganizationalUnit,
    ];
    let of = |kind| -> Vec<&EntityRow<'_>> {
        let rows = view.entities.iter();
        rows.filter(|row| row.entity.kind() == kind).collect()
    };
    kinds
        .into_iter()
        .map(|kind| {
            let rows = of(kind);
            let mut section = Section {
                title: title(kind),
                summary: summary(&rows),
                open: match kind {
                    Kind::PermissionSet | Kind::Group => 10,
                    _ => 4,
                },
                rank: 3,
                thing: noun(kind),
                ..Section::default()
            };
            let lines = fold(&rows);
            let weight = |line: &EntityLine<'_, '_>| line.count() as u64;
            let mark = |line: &EntityLine<'_, '_>| line.gravest();
            section.fill_marked(&lines, most, |line| row(line, hide), weight, mark);
            section
        })
        .collect()
}

fn row(line: &EntityLine<'_, '_>, hide: &Hide) -> Row {
    match line {
        EntityLine::One(row) => one(row, hide),
        EntityLine::Many(rows) => many(rows, hide),
    }
}

fn many(rows: &[&EntityRow<'_>], hide: &Hide) -> Row {
    let count = rows.len() as u64;
    let Some(first) = rows.first() else {
        return Row::default();
    };
    let kind = first.entity.kind();
    let names = if kind == Kind::User && hide.counts_only() {
        String::new()
    } else {
        let names = rows.iter().map(|row| &row.name);
        format!(": {}", text::some_of(names, count, MOST_NAMES))
    };
    let text = format!(
        "- **{}** {}{names}{}",
        word(first),
        counted(count, noun(kind)),
        origin(first, hide)
    );
    Row::new(text, count)
}

fn one(row: &EntityRow<'_>, hide: &Hide) -> Row {
    let is_user = row.entity.kind() == Kind::User;
    let name = match row.entity {
        EntityKey::User(_) if hide.counts_only() => "1 user".to_owned(),
        EntityKey::User(key) if !row.name.contains(key.as_str()) => {
            format!("{} ({})", text::name(&row.name), text::name(key.as_str()))
        }
        _ => text::name(&row.name),
    };
    let mut short = format!(
        "- **{}** {name}{}{}",
        word(row),
        origin(row, hide),
        marks(&row.risks)
    );
    if let Some(why) = row.blocked {
        short.push_str(&format!("\n  - **blocked**: {}", hide.sentence(why)));
    }
    let mut full = short.clone();
    if !(is_user && hide.counts_only()) {
        let created = row.change == EntityChange::Created;
        for because in because(&row.risks) {
            full.push_str(&format!("\n  - {because}"));
        }
        for item in &row.details {
            full.push('\n');
            full.push_str(&detail(item, created, hide));
        }
    }
    Row {
        short: (full != short).then_some(short),
        full,
        weight: 1,
        mark: None,
    }
}

fn word(row: &EntityRow<'_>) -> &'static str {
    match row.change {
        _ if row.restore => "bring back",
        EntityChange::Rebound => "another one",
        EntityChange::Created => "add",
        EntityChange::Updated => "change",
        EntityChange::Provisioned => "provision",
        EntityChange::Deleted => "remove",
    }
}

/// Where it is written, and why unless that is plain to see.
fn origin(row: &EntityRow<'_>, hide: &Hide) -> String {
    let place = row
        .location
        .map(|at| format!(" ({})", text::code(&at.to_string())));
    let why = match row.reason {
        Reason::Declared | Reason::ConfigurationChanged | Reason::ContentChanged | Reason::Destroy => None,
        Reason::BlockRemoved => Some(": its block was removed".to_owned()),
        reason => Some(format!(": {}", hide.sentence(&reason.sentence()))),
    };
    format!("{}{}", place.unwrap_or_default(), why.unwrap_or_default())
}

/// One difference, as an item below an item.
pub fn detail(detail: &Detail, created: bool, hide: &Hide) -> String {
    match detail {
        Detail::Field { name, before, after } => {
            let value = |value: &Option<String>| match value {
                Some(value) => hide.name(&text::clip(value, MOST_VALUE)),
                None => "(none)".to_owned(),
            };
            let name = text::code(name);
            match (before, after) {
                (None, Some(_)) if created => format!("  - {name}: {}", value(after)),
                _ => format!("  - {name}: {} → {}", value(before), value(after)),
            }
        }
        Detail::Items { name, removed, added } => items(name, removed, added, hide),
        Detail::Policy { name, lines } => policy(name, lines, hide),
        Detail::NewPolicy {
            statements, lines, ..
        } => new_policy(*statements, lines, hide),
        Detail::Provision { accounts, edited } => {
            let pushed = pushed(*accounts, None);
            let edited = edited
                .as_ref()
                .map(|edited| format!("; {}", hide.sentence(edited)));
            format!("  - {pushed}{}", edited.unwrap_or_default())
        }
    }
}

fn items(name: &str, removed: &[String], added: &[String], hide: &Hide) -> String {
    let people = name == "members";
    let list = |verb: &str, items: &[String]| {
        let count = items.len() as u64;
        let text = if people {
            hide.people(items, count, MOST_NAMES)
        } else {
            let short = items.iter().map(|item| hide.apply(short_arn(item)));
            text::some_of(short, count, MOST_ITEMS)
        };
        (count > 0).then(|| format!("{verb} {text}"))
    };
    let parts = [list("**added**", added), list("**removed**", removed)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("  - `{name}`: {}", parts.join("; "))
}

/// What a new policy says: it is what a reviewer approves.
fn new_policy(statements: Option<u64>, lines: &[String], hide: &Hide) -> String {
    let title = statements.map_or("not a policy yet".to_owned(), |count| counted(count, "statement"));
    let rest = lines.len().saturating_sub(MOST_POLICY_LINES) as u64;
    let cut = match rest {
        0 => String::new(),
        rest => format!(
            ", {} more than shown (the plan as JSON has all)",
            counted(rest, "line")
        ),
    };
    let shown: Vec<String> = lines
        .iter()
        .take(MOST_POLICY_LINES)
        .map(|line| format!("+ {}", text::clip(&hide.apply(line), MOST_VALUE)))
        .collect();
    format!(
        "  - `inline_policy`: {title}{cut}\n\n{}\n",
        text::fence("diff", &shown, 4)
    )
}

fn policy(name: &str, lines: &[DiffLine], hide: &Hide) -> String {
    let changed = lines
        .iter()
        .filter(|line| !matches!(line, DiffLine::Same(_) | DiffLine::Gap))
        .count() as u64;
    let (lines, rest) = policy_diff::cut(lines, MOST_POLICY_LINES);
    let lines: Vec<String> = lines
        .iter()
        .map(|line| match line {
            DiffLine::Same(text) => format!("  {}", hide.apply(text)),
            DiffLine::Removed(text) => format!("- {}", hide.apply(text)),
            DiffLine::Added(text) => format!("+ {}", hide.apply(text)),
            DiffLine::Gap => "  ⋮".to_owned(),
        })
        .collect();
    let cut = match rest as u64 {
        0 => String::new(),
        1 => ", 1 line of what goes or stays left out".to_owned(),
        rest => format!(", {} lines of what goes or stays left out", number(rest)),
    };
    format!(
        "  - `{name}`: {} differ{cut}\n\n{}\n",
        counted(changed, "line"),
        text::fence("diff", &lines, 4)
    )
}
