//! Outputs that come, change or go.

use crate::report::hide::Hide;
use crate::report::json::parts::OutputChangeJson;
use crate::report::plan_view::PlanView;
use crate::report::terminal::outputs::{short, what_else};
use crate::report::wording::counted;

use super::page::{Row, Section};
use super::text;

/// A row per output that is not what it was.
pub fn section(view: &PlanView<'_>, hide: &Hide, most: usize) -> Section {
    let changes: Vec<(&str, OutputChangeJson)> = view
        .plan
        .output_changes
        .iter()
        .map(|(name, change)| (&**name, change.into()))
        .collect();
    let mut section = Section {
        title: "Outputs",
        summary: counted(changes.len() as u64, "change"),
        head: &["", "output", "before", "after"],
        open: 0,
        rank: 6,
        ..Section::default()
    };
    section.fill(&changes, most, |(name, change)| row(name, change, hide), |_| 1);
    section
}

fn row(name: &str, change: &OutputChangeJson, hide: &Hide) -> Row {
    let what = match (&change.before, &change.after) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let value = |output: &Option<crate::report::json::parts::OutputJson>| {
        output
            .as_ref()
            .map(|output| hide.name(&short(output)))
            .unwrap_or_default()
    };
    let (before, mut after) = (value(&change.before), value(&change.after));
    if let (Some(old), Some(new)) = (&change.before, &change.after)
        && before == after
    {
        after = format!("{after} ({})", what_else(old, new));
    }
    let cells = [what.to_owned(), text::name(name), before, after];
    Row::new(text::row(&cells), 1)
}
