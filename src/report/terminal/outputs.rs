//! The section for outputs that come, change or go.

use std::io;

use serde_json::Value;

use crate::report::escape::escape;
use crate::report::json::parts::{OutputChangeJson, OutputJson};
use crate::report::plan_view::PlanView;
use crate::report::style::Meaning;
use crate::report::wording::number;

use super::Page;

/// The longest value that is shown whole, in characters.
const MOST_CHARACTERS: usize = 80;
const MOST_ROWS: usize = 30;

/// Writes a line per output that is not what it was.
pub fn write(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let changes: Vec<(&str, OutputChangeJson)> = view
        .plan
        .output_changes
        .iter()
        .map(|(name, change)| (&**name, change.into()))
        .collect();
    if changes.is_empty() {
        return Ok(());
    }
    let count = |wanted: (bool, bool)| {
        let sides = |change: &OutputChangeJson| (change.before.is_some(), change.after.is_some());
        changes
            .iter()
            .filter(|(_, change)| sides(change) == wanted)
            .count() as u64
    };
    let parts: Vec<String> = [
        (count((false, true)), "added"),
        (count((true, true)), "changed"),
        (count((true, false)), "removed"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", number(count)))
    .collect();
    page.heading("Outputs", &parts.join(" · "))?;
    for (name, change) in changes.iter().take(MOST_ROWS) {
        page.line(&line(name, change, page))?;
    }
    let rest = changes.len().saturating_sub(MOST_ROWS) as u64;
    if rest > 0 {
        page.line(&format!("    … {} more (--json lists all)", number(rest)))?;
    }
    Ok(())
}

fn line(name: &str, change: &OutputChangeJson, page: &Page<'_>) -> String {
    let (meaning, sign, text) = match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            let (old, new) = (short(before), short(after));
            let text = if old == new {
                format!("{new}  {}", what_else(before, after))
            } else {
                format!("{old} → {new}")
            };
            (Meaning::Changed, "~", text)
        }
        (None, Some(after)) => (Meaning::Added, "+", short(after)),
        (Some(before), None) => (Meaning::Removed, "-", short(before)),
        (None, None) => (Meaning::Aside, " ", String::new()),
    };
    format!("  {} {} = {text}", page.paint(meaning, sign), escape(name))
}

/// What differs of an output whose value reads the same.
pub fn what_else(before: &OutputJson, after: &OutputJson) -> &'static str {
    match (before.sensitive, after.sensitive) {
        (false, true) => "now sensitive",
        (true, false) => "no longer sensitive",
        _ if before.description != after.description => "another description",
        (true, true) => "another value",
        (false, false) => "differs further on",
    }
}

/// A value on one line, cut where it is long.
pub fn short(output: &OutputJson) -> String {
    let Some(value) = &output.value else {
        return "(sensitive value)".to_owned();
    };
    let whole = text(value);
    let whole = escape(&whole);
    if whole.chars().count() <= MOST_CHARACTERS {
        return whole.into_owned();
    }
    let start: String = whole.chars().take(MOST_CHARACTERS).collect();
    format!("{start}…")
}

/// A value as the console writes it: `[1, 2]`, `{a = "b"}`.
fn text(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{} = {}", key_text(key), text(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

fn key_text(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        Value::from(key).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::style::Styles;

    fn output(value: Value, sensitive: bool) -> OutputJson {
        OutputJson {
            value: (!sensitive).then_some(value),
            sensitive,
            description: None,
        }
    }

    fn shown(before: Option<OutputJson>, after: Option<OutputJson>) -> String {
        let mut out = Vec::new();
        let page = Page::new(&mut out, Styles::PLAIN);
        line("x", &OutputChangeJson { before, after }, &page)
    }

    #[test]
    fn values_are_on_one_line_and_sensitive_ones_hidden() {
        let list = output(serde_json::json!(["a\nb", { "k y": 1 }]), false);
        assert_eq!(
            shown(None, Some(list.clone())),
            r#"  + x = ["a\nb", {"k y" = 1}]"#
        );
        assert_eq!(
            shown(Some(list), Some(output(Value::Null, false))),
            r#"  ~ x = ["a\nb", {"k y" = 1}] → null"#
        );
        let hidden = output(Value::Null, true);
        assert_eq!(shown(Some(hidden.clone()), None), "  - x = (sensitive value)");
        assert_eq!(
            shown(Some(hidden.clone()), Some(hidden)),
            "  ~ x = (sensitive value)  another value"
        );
        let long = output(Value::from("é".repeat(200)), false);
        assert!(shown(None, Some(long)).ends_with("é…"));
    }

    #[test]
    fn a_name_cannot_hide_text() {
        let evil = output(Value::from("a\u{202e}b\u{1b}[2J"), false);
        let line = shown(None, Some(evil));
        assert!(!line.contains('\u{202e}') && !line.contains('\u{1b}'), "{line:?}");
    }
}
