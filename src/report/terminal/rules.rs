//! Changed rules, before anything else: a change may try to loosen its own judge.

use std::io;
use std::sync::Arc;

use crate::plan::rules::{RuleChange, RuleChangeKind};
use crate::report::escape::escape;
use crate::report::plan_view::policy_diff::DiffLine;
use crate::report::plan_view::{PlanView, rule_text};
use crate::report::style::Meaning;
use crate::report::wording::{counted, number};

use super::Page;

/// Of what a rule no longer says, and of what it says now: a reviewer has to see what loosens.
const MOST_LINES: usize = 30;

/// Writes them; nothing without any.
///
/// # Errors
/// When the page cannot be written to.
pub fn write(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let changes = &view.plan.rules.changes;
    if changes.is_empty() {
        return Ok(());
    }
    let loosening = changes.iter().filter(|change| change.may_loosen).count() as u64;
    let mut sum = counted(changes.len() as u64, "rule");
    if loosening > 0 {
        sum = format!("{sum} · {} may loosen", number(loosening));
    }
    page.heading("Rules changed", &sum)?;
    changes.iter().try_for_each(|change| rule(change, page))?;
    page.blank()
}

fn rule(change: &RuleChange, page: &mut Page<'_>) -> io::Result<()> {
    let (mark, meaning) = match change.change {
        RuleChangeKind::Added => ("+", Meaning::Added),
        RuleChangeKind::Changed => ("~", Meaning::Changed),
        RuleChangeKind::Removed => ("-", Meaning::Removed),
    };
    let label = change.label.as_ref();
    let label = label
        .map(|label| format!(" \"{}\"", escape(label)))
        .unwrap_or_default();
    let mark = page.paint(meaning, mark);
    let loosens = match change.may_loosen {
        true => page.paint(Meaning::Warning, "  may loosen"),
        false => String::new(),
    };
    let place = change.location.as_ref();
    let place = place.map(|at| format!("  {at}")).unwrap_or_default();
    let place = page.paint(Meaning::Aside, place);
    page.line(&format!("  {mark} {}{label}{loosens}{place}", change.rule.name()))?;
    if let Some(text) = rule_text::of(change) {
        if let Some(note) = &text.note {
            page.line(&format!("      {}", page.paint(Meaning::Aside, note)))?;
        }
        if !text.lines.is_empty() {
            return text_lines(&text.lines, page);
        }
    }
    lines(&change.before, ("-", Meaning::Removed), page)?;
    lines(&change.after, ("+", Meaning::Added), page)
}

/// The lines of a text that differ: more of them, since those around are among them.
fn text_lines(lines: &[DiffLine], page: &mut Page<'_>) -> io::Result<()> {
    let most = 2 * MOST_LINES;
    for line in lines.iter().take(most) {
        let meaning = match line {
            DiffLine::Removed(_) => Meaning::Removed,
            DiffLine::Added(_) => Meaning::Added,
            DiffLine::Same(_) | DiffLine::Gap => Meaning::Aside,
        };
        let text = page.paint(meaning, escape(&rule_text::signed(line)));
        page.line(&format!("      {text}"))?;
    }
    rest(lines.len().saturating_sub(most), page)
}

fn rest(count: usize, page: &mut Page<'_>) -> io::Result<()> {
    match count {
        0 => Ok(()),
        rest => page.line(&format!(
            "      … {} more (--json lists all)",
            number(rest as u64)
        )),
    }
}

fn lines(lines: &[Arc<str>], (mark, meaning): (&str, Meaning), page: &mut Page<'_>) -> io::Result<()> {
    for line in lines.iter().take(MOST_LINES) {
        let text = page.paint(meaning, format!("{mark} {}", escape(line)));
        page.line(&format!("      {text}"))?;
    }
    rest(lines.len().saturating_sub(MOST_LINES), page)
}
