//! The sections for units, accounts, users, groups and permission sets.

use std::io;

use crate::address::Kind;
use crate::id::EntityKey;
use crate::plan::change::Reason;
use crate::report::escape::{escape, name};
use crate::report::plan_view::PlanView;
use crate::report::plan_view::entities::{Detail, EntityChange, EntityRow, pushed};
use crate::report::plan_view::entity_lines::{EntityLine, fold, noun, short_arn, summary, title};
use crate::report::plan_view::policy_diff::{self, DiffLine};
use crate::report::plan_view::risk::{Risk, of_them_marked};
use crate::report::style::Meaning;
use crate::report::wording::{counted, number, some_of};

use super::Page;
use super::page::column;

const MOST_ROWS: usize = 30;
const MOST_POLICY_LINES: usize = 24;
const MOST_ITEMS: usize = 12;
/// Of a new policy: lines, and characters of one.
const MOST_NEW_LINES: usize = 40;
const MOST_CHARACTERS: usize = 400;

/// Writes a section per kind that has changes.
pub fn write(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    for kind in Kind::ALL {
        let rows: Vec<&EntityRow<'_>> = view
            .entities
            .iter()
            .filter(|row| row.entity.kind() == kind)
            .collect();
        if rows.is_empty() {
            continue;
        }
        page.heading(title(kind), &summary(&rows))?;
        let lines = fold(&rows);
        let names: Vec<String> = lines.iter().take(MOST_ROWS).map(line_name).collect();
        let width = column(names.iter().map(String::as_str), 34);
        for line in lines.iter().take(MOST_ROWS) {
            match line {
                EntityLine::One(row) => one(row, width, page)?,
                EntityLine::Many(rows) => many(rows, width, page)?,
            }
        }
        let rest: usize = lines.iter().skip(MOST_ROWS).map(EntityLine::count).sum();
        if rest > 0 {
            let marked = of_them_marked(lines.iter().skip(MOST_ROWS).map(EntityLine::gravest));
            page.line(&format!(
                "    … {} more{marked} (--json lists all)",
                number(rest as u64)
            ))?;
        }
    }
    Ok(())
}

fn line_name(line: &EntityLine<'_, '_>) -> String {
    match line {
        EntityLine::One(row) => name(&row.name).into_owned(),
        EntityLine::Many(rows) => {
            let kind = rows.first().map_or(Kind::User, |row| row.entity.kind());
            counted(rows.len() as u64, noun(kind))
        }
    }
}

fn mark(row: &EntityRow<'_>) -> (Meaning, &'static str) {
    match row.change {
        _ if row.restore => (Meaning::Warning, "!"),
        EntityChange::Rebound => (Meaning::Warning, "!"),
        EntityChange::Created => (Meaning::Added, "+"),
        EntityChange::Updated => (Meaning::Changed, "~"),
        EntityChange::Provisioned => (Meaning::Changed, "↻"),
        EntityChange::Deleted => (Meaning::Removed, "-"),
    }
}

fn many(rows: &[&EntityRow<'_>], width: usize, page: &mut Page<'_>) -> io::Result<()> {
    let Some(first) = rows.first() else {
        return Ok(());
    };
    let title = line_name(&EntityLine::Many(rows.to_vec()));
    let names = some_of(rows.iter().map(|row| &row.name), rows.len() as u64, 4);
    let place = first.location.map(ToString::to_string).unwrap_or_default();
    let cells = [(title, width), (names, 0), (page.paint(Meaning::Aside, place), 0)];
    page.row(mark(first), &cells)
}

fn one(row: &EntityRow<'_>, width: usize, page: &mut Page<'_>) -> io::Result<()> {
    let title = name(&row.name).into_owned();
    let created = row.change == EntityChange::Created;
    let inline = match row.details.as_slice() {
        [
            Detail::Items {
                name: "members",
                removed,
                added,
            },
        ] => Some(members(removed, added, created)),
        details if created && row.entity.kind() == Kind::Account => Some(account(details)),
        _ => None,
    };
    let mut cells = vec![(title, width)];
    cells.extend(inline.clone().map(|text| (text, 0)));
    cells.push((origin(row, page), 0));
    page.row(mark(row), &cells)?;
    if let Some(why) = row.blocked {
        let blocked = page.paint(Meaning::Warning, "blocked");
        page.line(&format!("      {blocked}: {}", escape(why)))?;
    }
    for found in &row.risks {
        risk(found, page)?;
    }
    if inline.is_some() {
        return Ok(());
    }
    for item in &row.details {
        detail(item, created, page)?;
    }
    Ok(())
}

/// A mark on a line of its own, with what says so.
pub fn risk(risk: &Risk, page: &mut Page<'_>) -> io::Result<()> {
    let because = match risk.because.len() as u64 {
        0 => String::new(),
        count if risk.role.is_some() => format!(" ({})", some_of(&risk.because, count, 3)),
        count => format!(": {}", some_of(&risk.because, count, 3)),
    };
    let mark = page.paint(Meaning::Warning, format!("! {}", risk.words()));
    page.line(&format!("      {mark}{because}"))
}

/// Where it is declared, and why unless that is plain to see.
fn origin(row: &EntityRow<'_>, page: &Page<'_>) -> String {
    let place = row.location.map(ToString::to_string);
    let why = match row.reason {
        Reason::Declared | Reason::ConfigurationChanged | Reason::ContentChanged => None,
        Reason::BlockRemoved => Some("block removed".to_owned()),
        Reason::Destroy => None,
        reason => Some(escape(&reason.sentence()).into_owned()),
    };
    let user = match row.entity {
        EntityKey::User(key) if !row.name.contains(key.as_str()) => Some(escape(key.as_str()).into_owned()),
        _ => None,
    };
    let parts: Vec<String> = [user, place, why].into_iter().flatten().collect();
    page.paint(Meaning::Aside, parts.join("  "))
}

fn members(removed: &[String], added: &[String], created: bool) -> String {
    let list = |names: &[String]| some_of(names, names.len() as u64, 4);
    if created && removed.is_empty() {
        return format!("{}: {}", counted(added.len() as u64, "member"), list(added));
    }
    let mut parts = Vec::new();
    if !added.is_empty() {
        parts.push(format!("members + {}", list(added)));
    }
    if !removed.is_empty() {
        let word = if parts.is_empty() { "members " } else { "" };
        parts.push(format!("{word}- {}", list(removed)));
    }
    parts.join("  ")
}

fn account(details: &[Detail]) -> String {
    let values = details.iter().filter_map(|detail| match detail {
        Detail::Field {
            name,
            after: Some(after),
            ..
        } if name == "ou" => Some(format!("in {}", escape(after))),
        Detail::Field {
            after: Some(after), ..
        } => Some(escape(after).into_owned()),
        _ => None,
    });
    values.collect::<Vec<_>>().join("  ")
}

/// One difference of an entity.
pub fn detail(detail: &Detail, created: bool, page: &mut Page<'_>) -> io::Result<()> {
    const NAME: usize = 26;
    let pad = |name: &str| {
        format!(
            "      {}{}",
            name,
            " ".repeat(NAME.saturating_sub(name.chars().count()).max(1))
        )
    };
    match detail {
        Detail::Field { name, before, after } => {
            let value = |value: &Option<String>| {
                value
                    .as_deref()
                    .map_or("(none)".into(), |v| escape(v).into_owned())
            };
            let text = match (before, after) {
                (None, Some(_)) if created => value(after),
                _ => format!("{} → {}", value(before), value(after)),
            };
            page.line(&format!("{}{text}", pad(name)))
        }
        Detail::Items { name, removed, added } if created && removed.is_empty() => {
            let short: Vec<&str> = added.iter().map(|item| short_arn(item)).collect();
            page.line(&format!(
                "{}{}",
                pad(name),
                some_of(&short, short.len() as u64, MOST_ITEMS)
            ))
        }
        Detail::Items { name, removed, added } => items(&pad(name), &pad(""), removed, added, page),
        Detail::Policy { name, lines } => {
            let changed = lines
                .iter()
                .filter(|line| !matches!(line, DiffLine::Same(_) | DiffLine::Gap));
            page.line(&format!(
                "{}{} differ",
                pad(name),
                counted(changed.count() as u64, "line")
            ))?;
            policy(lines, page)
        }
        Detail::NewPolicy {
            statements, lines, ..
        } => {
            let text = statements.map_or("not a policy yet".to_owned(), |count| counted(count, "statement"));
            page.line(&format!("{}{text}", pad("inline_policy")))?;
            new_policy(lines, page)
        }
        Detail::Provision { accounts, edited } => {
            let text = pushed(*accounts, edited.as_deref().map(escape).as_deref());
            page.line(&format!("      {text}"))
        }
    }
}

fn items(
    first: &str,
    next: &str,
    removed: &[String],
    added: &[String],
    page: &mut Page<'_>,
) -> io::Result<()> {
    let signed = removed
        .iter()
        .map(|item| (Meaning::Removed, "-", item))
        .chain(added.iter().map(|item| (Meaning::Added, "+", item)));
    for (index, (meaning, sign, item)) in signed.take(MOST_ITEMS).enumerate() {
        let lead = if index == 0 { first } else { next };
        let text = page.paint(meaning, format!("{sign} {}", escape(item)));
        page.line(&format!("{lead}{text}"))?;
    }
    let rest = (removed.len() + added.len()).saturating_sub(MOST_ITEMS);
    if rest > 0 {
        page.line(&format!("{next}… {} more", number(rest as u64)))?;
    }
    Ok(())
}

fn policy(lines: &[DiffLine], page: &mut Page<'_>) -> io::Result<()> {
    let (lines, rest) = policy_diff::cut(lines, MOST_POLICY_LINES);
    for line in &lines {
        let text = match line {
            DiffLine::Same(text) => page.paint(Meaning::Aside, format!("  {}", escape(text))),
            DiffLine::Removed(text) => page.paint(Meaning::Removed, format!("- {}", escape(text))),
            DiffLine::Added(text) => page.paint(Meaning::Added, format!("+ {}", escape(text))),
            DiffLine::Gap => page.paint(Meaning::Aside, "  ⋮"),
        };
        page.line(&format!("        {text}"))?;
    }
    if rest > 0 {
        let rest = counted(rest as u64, "line");
        page.line(&format!(
            "          … {rest} of what goes or stays left out (--json lists all)"
        ))?;
    }
    Ok(())
}

/// What a new policy says. It is what a reviewer approves, so much of it is shown, and what is not is counted.
fn new_policy(lines: &[String], page: &mut Page<'_>) -> io::Result<()> {
    for line in lines.iter().take(MOST_NEW_LINES) {
        let kept: String = line.chars().take(MOST_CHARACTERS).collect();
        let cut = line.chars().count().saturating_sub(MOST_CHARACTERS) as u64;
        let cut = if cut > 0 {
            format!(" … {} more (--json has all)", counted(cut, "character"))
        } else {
            String::new()
        };
        let text = page.paint(Meaning::Added, format!("+ {}{cut}", escape(&kept)));
        page.line(&format!("        {text}"))?;
    }
    let rest = lines.len().saturating_sub(MOST_NEW_LINES);
    if rest > 0 {
        let rest = counted(rest as u64, "line");
        page.line(&format!("          … {rest} more (--json has the whole policy)"))?;
    }
    Ok(())
}
