//! Drift as text, a section per cause.

use std::io::{self, Write};

use crate::drift::{Cause, Subject};
use crate::report::drift_view::{DriftRow, DriftView};
use crate::report::escape::{escape, name};
use crate::report::style::{Meaning, Styles};
use crate::report::wording::{self, counted, number};

use super::Page;
use super::entities::detail;
use super::page::column;

const MOST_ROWS: usize = 40;
const MOST_HELD: usize = 12;

/// Writes drift.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(view: &DriftView<'_>, provider: &str, styles: Styles, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(out, styles);
    let title = page.paint(Meaning::Heading, "rolecall drift");
    let (stack, at) = (name(view.stack), view.observed.at);
    page.line(&format!(
        "{title}   stack {stack} · provider {provider} · read {at}"
    ))?;
    page.blank()?;
    held(view, &mut page)?;
    for cause in Cause::ALL {
        section(view, cause, &mut page)?;
    }
    footer(view, &mut page)
}

fn held(view: &DriftView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.held.is_empty() {
        return Ok(());
    }
    page.heading(
        "Held: could not be read, nothing is said about it",
        &number(view.held.len() as u64),
    )?;
    for (subject, why) in view.held.iter().take(MOST_HELD) {
        let mark = page.paint(Meaning::Warning, "?");
        page.line(&format!("  {mark} {}: {}", escape(subject), escape(why)))?;
    }
    let rest = view.held.len().saturating_sub(MOST_HELD) as u64;
    if rest > 0 {
        page.line(&format!("    … {} more", number(rest)))?;
    }
    Ok(())
}

fn section(view: &DriftView<'_>, cause: Cause, page: &mut Page<'_>) -> io::Result<()> {
    let rows: Vec<&DriftRow<'_>> = view.rows.iter().filter(|row| row.item.cause == cause).collect();
    if rows.is_empty() {
        return Ok(());
    }
    page.heading(cause.title(), "")?;
    let shown = || rows.iter().take(MOST_ROWS);
    let titles: Vec<String> = shown().map(|row| title(row)).collect();
    let places: Vec<String> = shown().map(|row| accounts(view, row)).collect();
    let first = column(titles.iter().map(String::as_str), 44);
    let second = column(places.iter().map(String::as_str), 44);
    for ((row, title), place) in shown().zip(&titles).zip(&places) {
        let origin = page.paint(Meaning::Aside, origin(row));
        let cells = [(title.clone(), first), (place.clone(), second), (origin, 0)];
        page.row(mark(cause), &cells)?;
        for item in &row.details {
            detail(item, false, page)?;
        }
    }
    let rest = rows.len().saturating_sub(MOST_ROWS) as u64;
    if rest > 0 {
        page.line(&format!("    … {} more (--json lists all)", number(rest)))?;
    }
    let remedy = page.paint(Meaning::Aside, format!("    {}", cause.remedy()));
    page.line(&remedy)
}

fn mark(cause: Cause) -> (Meaning, &'static str) {
    match cause {
        Cause::Missing => (Meaning::Removed, "-"),
        Cause::Unmanaged | Cause::Orphaned => (Meaning::Added, "+"),
        Cause::Changed | Cause::AccountMoved => (Meaning::Changed, "~"),
        Cause::Rebound | Cause::Overdue => (Meaning::Warning, "!"),
        Cause::StaleProvisioning | Cause::RoleTampered => (Meaning::Changed, "↻"),
    }
}

fn title(row: &DriftRow<'_>) -> String {
    let shown = name(&row.name);
    match &row.item.subject {
        Subject::Entity { key, .. } => format!("{} {shown}", key.kind().name().replace('_', " ")),
        Subject::Grants { .. } => shown.into_owned(),
        Subject::Roles { .. } => format!("roles of {shown}"),
    }
}

fn accounts(view: &DriftView<'_>, row: &DriftRow<'_>) -> String {
    let keys = match &row.item.subject {
        Subject::Entity { .. } => return String::new(),
        Subject::Grants { accounts, .. } | Subject::Roles { accounts, .. } => accounts,
    };
    let names: Vec<String> = keys.iter().map(|key| view.account(key)).collect();
    let count = names.len() as u64;
    let listed = wording::accounts(&names, count, 3);
    match count {
        1 => listed,
        count => format!("{}: {listed}", counted(count, "account")),
    }
}

fn origin(row: &DriftRow<'_>) -> String {
    let place = row.item.location.as_ref().map(ToString::to_string);
    let block = row.item.addresses.first().map(ToString::to_string);
    let since = row.item.since.map(|time| format!("since {time}"));
    let parts: Vec<String> = [place.or(block), since].into_iter().flatten().collect();
    parts.join("  ")
}

fn footer(view: &DriftView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let drift = view.drift;
    if !(drift.is_empty() && view.held.is_empty()) {
        page.blank()?;
    }
    let rest: Vec<String> = [
        (drift.unchanged, "as applied"),
        (drift.ignored, "ignored"),
        (drift.out_of_scope, "out of scope"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", number(count)))
    .collect();
    let others = if rest.is_empty() {
        String::new()
    } else {
        format!("  Assignments: {}.", rest.join(", "))
    };
    if drift.is_empty() {
        let good = page.paint(Meaning::Good, "No drift.");
        return page.line(&format!("{good}{others}"));
    }
    let found = counted(drift.items.len() as u64, "finding");
    let found = page.paint(Meaning::Heading, format!("Drift: {found}."));
    page.line(&format!("{found}{others}"))
}
