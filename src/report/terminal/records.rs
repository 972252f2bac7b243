//! What happens to the state alone: by what it is, a few lines each.

use std::io;

use crate::report::escape::{escape, name};
use crate::report::plan_view::records::{RecordKind, RecordRow, RecordSubject};
use crate::report::plan_view::{PlanView, principal_name};
use crate::report::style::Meaning;
use crate::report::wording::{self, counted, number};

use super::Page;
use super::page::column;

/// Lines per kind of change.
const MOST_ROWS: usize = 8;

/// Writes the section, if only the state changes somewhere.
pub fn write(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let kinds = [
        (RecordKind::TakenIn, "taken in as they are"),
        (RecordKind::Noted, "known from now on"),
        (RecordKind::Relabelled, "relabelled"),
        (RecordKind::Dropped, "dropped"),
    ];
    let of = |kind: RecordKind| -> Vec<&RecordRow<'_>> {
        view.record_rows.iter().filter(|row| row.kind == kind).collect()
    };
    let summary = kinds.iter().filter_map(|(kind, what)| {
        let count: u64 = of(*kind).iter().map(|row| row.count()).sum();
        (count > 0).then(|| format!("{} {what}", number(count)))
    });
    let summary: Vec<String> = summary.collect();
    if summary.is_empty() {
        return Ok(());
    }
    page.heading("State only, nothing changes in the service", &summary.join(" · "))?;
    for (kind, _) in kinds {
        let rows = of(kind);
        if rows.is_empty() || kind == RecordKind::Noted {
            continue;
        }
        if kind == RecordKind::TakenIn {
            page.line("    these exist already, and belong to this stack from now on: removing their blocks removes them")?;
        }
        section(view, kind, &rows, page)?;
    }
    Ok(())
}

fn section(
    view: &PlanView<'_>,
    kind: RecordKind,
    rows: &[&RecordRow<'_>],
    page: &mut Page<'_>,
) -> io::Result<()> {
    let mark = match kind {
        RecordKind::TakenIn => (Meaning::Added, "="),
        RecordKind::Noted | RecordKind::Relabelled => (Meaning::Aside, "~"),
        RecordKind::Dropped => (Meaning::Aside, "×"),
    };
    let lines: Vec<(String, String, String)> = rows
        .iter()
        .take(MOST_ROWS)
        .map(|row| (what(view, row), place(view, row), origin(row)))
        .collect();
    let (first, second) = (
        column(lines.iter().map(|line| line.0.as_str()), 44),
        column(lines.iter().map(|line| line.1.as_str()), 44),
    );
    for (what, place, origin) in lines {
        let origin = page.paint(Meaning::Aside, origin);
        page.row(mark, &[(what, first), (place, second), (origin, 0)])?;
    }
    let rest: u64 = rows.iter().skip(MOST_ROWS).map(|row| row.count()).sum();
    if rest > 0 {
        page.line(&format!("    … {} more (--json lists all)", number(rest)))?;
    }
    Ok(())
}

fn what(view: &PlanView<'_>, row: &RecordRow<'_>) -> String {
    match &row.subject {
        RecordSubject::Entity(key) => name(&key.to_string()).into_owned(),
        RecordSubject::Grants {
            principal,
            permission_set,
            ..
        } => {
            let principal = view.labels.principal(*principal).map(principal_name);
            let set = view.labels.permission_set(*permission_set);
            format!("{} → {}", name(&principal.unwrap_or_default()), name(set))
        }
    }
}

fn place(view: &PlanView<'_>, row: &RecordRow<'_>) -> String {
    let RecordSubject::Grants { accounts, .. } = &row.subject else {
        return String::new();
    };
    let count = accounts.len() as u64;
    let listed = wording::accounts(&view.labels.accounts(accounts), count, 3);
    if count == 1 {
        listed
    } else {
        format!("{}: {listed}", counted(count, "account"))
    }
}

fn origin(row: &RecordRow<'_>) -> String {
    let place = row.location.map(ToString::to_string);
    let why = row.why();
    let parts: Vec<String> = [place, why].into_iter().flatten().collect();
    escape(&parts.join("   ")).into_owned()
}
