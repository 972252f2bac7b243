//! What happens to the state alone.

use crate::report::hide::Hide;
use crate::report::plan_view::records::{RecordKind, RecordRow, RecordSubject};
use crate::report::plan_view::{PlanView, principal_name};
use crate::report::wording::number;

use super::page::{Row, Section};
use super::plan::accounts;
use super::text;

const MOST_ACCOUNTS: usize = 4;

/// What is taken into the state, called otherwise there, or dropped from it; what is only looked up is counted.
pub fn section(view: &PlanView<'_>, hide: &Hide, most: usize) -> Section {
    let kinds = [
        (RecordKind::TakenIn, "taken in as they are"),
        (RecordKind::Noted, "known from now on"),
        (RecordKind::Relabelled, "relabelled"),
        (RecordKind::Dropped, "dropped"),
    ];
    let summary = kinds.iter().filter_map(|(kind, what)| {
        let rows = view.record_rows.iter().filter(|row| row.kind == *kind);
        let count: u64 = rows.map(RecordRow::count).sum();
        (count > 0).then(|| format!("{} {what}", number(count)))
    });
    let summary: Vec<String> = summary.collect();
    let rows: Vec<&RecordRow<'_>> = view
        .record_rows
        .iter()
        .filter(|row| row.kind != RecordKind::Noted)
        .collect();
    let taken_in = rows.iter().any(|row| row.kind == RecordKind::TakenIn);
    let mut section = Section {
        title: "State only, nothing changes in the service",
        summary: summary.join(" · "),
        lead: taken_in.then_some(
            "What is taken in exists already, and belongs to this stack from now on: removing its block removes it.",
        ),
        head: &["", "what", "where", "why", "written in"],
        open: 0,
        rank: 5,
        thing: "thing",
        ..Section::default()
    };
    section.fill(&rows, most, |item| row(view, item, hide), |item| item.count());
    section
}

fn row(view: &PlanView<'_>, row: &RecordRow<'_>, hide: &Hide) -> Row {
    let what = match row.kind {
        RecordKind::TakenIn => "taken in",
        RecordKind::Noted => "known",
        RecordKind::Relabelled => "relabelled",
        RecordKind::Dropped => "dropped",
    };
    let (subject, place) = match &row.subject {
        RecordSubject::Entity(key) => (hide.name(&key.to_string()), String::new()),
        RecordSubject::Grants {
            principal,
            permission_set,
            accounts: ranks,
        } => {
            let principal = view.labels.principal(*principal).map(principal_name);
            let principal = hide.name(&principal.unwrap_or_default());
            let set = text::name(view.labels.permission_set(*permission_set));
            (
                format!("{principal} → {set}"),
                accounts(view, ranks, MOST_ACCOUNTS),
            )
        }
    };
    let cells = [
        what.to_owned(),
        subject,
        place,
        row.why().map(|why| hide.sentence(&why)).unwrap_or_default(),
        row.location
            .map(|at| text::code(&at.to_string()))
            .unwrap_or_default(),
    ];
    Row::new(text::row(&cells), row.count())
}
