//! The section for changed rules, before anything else: a change may try to loosen its own judge.

use std::sync::Arc;

use crate::plan::rules::{RuleChange, RuleChangeKind};
use crate::report::hide::Hide;
use crate::report::plan_view::{PlanView, rule_text};
use crate::report::wording::{counted, number};

use super::page::{Row, Section};
use super::text;

/// The longest line of a rule that is shown whole, in characters.
const MOST_LINE: usize = 400;

/// Rules that are not as they were last applied, with every part that differs.
pub fn section(view: &PlanView<'_>, hide: &Hide, most: usize) -> Section {
    let changes = &view.plan.rules.changes;
    let loosening = changes.iter().filter(|change| change.may_loosen).count() as u64;
    let mut summary = counted(changes.len() as u64, "rule");
    if loosening > 0 {
        summary.push_str(&format!(" · {} may let more pass", number(loosening)));
    }
    let mut section = Section {
        title: "Rules changed",
        summary,
        lead: Some(
            "Rules say what a plan may do. This plan was judged by them as they were so far; once it is carried out, the next \
             ones are judged by what they say now.",
        ),
        open: 20,
        rank: 0,
        thing: "rule",
        ..Section::default()
    };
    section.fill(changes, most, |change| row(change, hide), |_| 1);
    section
}

fn row(change: &RuleChange, hide: &Hide) -> Row {
    let word = match change.change {
        RuleChangeKind::Added => "add",
        RuleChangeKind::Changed => "change",
        RuleChangeKind::Removed => "remove",
    };
    let label = change.label.as_ref();
    let label = label.map(|label| format!(" {}", hide.name(label)));
    let place = change.location.as_ref();
    let place = place.map(|at| format!(" ({})", text::code(&at.to_string())));
    let loosens = if change.may_loosen {
        ": **something may pass now that did not before**"
    } else {
        ""
    };
    let short = format!(
        "- **{word}** {}{}{}{loosens}",
        text::code(change.rule.name()),
        label.unwrap_or_default(),
        place.unwrap_or_default(),
    );
    let signed = |sign: &'static str, lines: &[Arc<str>]| -> Vec<String> {
        let lines = lines.iter();
        lines
            .map(|line| format!("{sign} {}", text::clip(&hide.apply(line), MOST_LINE)))
            .collect()
    };
    let text = rule_text::of(change);
    let note = text.as_ref().and_then(|text| text.note.clone());
    let lines: Vec<String> = match &text {
        Some(text) if !text.lines.is_empty() => {
            let shown = |line| text::clip(&hide.apply(&rule_text::signed(line)), MOST_LINE).into_owned();
            text.lines.iter().map(shown).collect()
        }
        _ => [signed("-", &change.before), signed("+", &change.after)].concat(),
    };
    let short = match note {
        Some(note) => format!("{short} ({note})"),
        None => short,
    };
    if lines.is_empty() {
        return Row::new(short, 1);
    }
    Row {
        full: format!("{short}\n\n{}\n", text::fence("diff", &lines, 2)),
        short: Some(short),
        weight: 1,
        mark: None,
    }
}
