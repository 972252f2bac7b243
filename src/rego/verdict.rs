//! From what rules say to findings.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::PolicyError;
use super::syntax::{Definition, Kind};
use crate::plan::finding::{Finding, Level};
use crate::source::Location;

/// More findings are counted, not listed.
const MOST: usize = 1000;

/// One message of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Said {
    message: String,
    severity: Option<String>,
    remedy: Option<String>,
    subjects: BTreeSet<Arc<str>>,
}

/// The messages in a rule's value: a set, a list or the keys of an object, of texts or of objects with `msg`. `of_entries`
/// when the rule is, at least in part, defined entry by entry.
pub(super) fn said(
    value: &Value,
    definition: &Definition,
    of_entries: bool,
) -> Result<Vec<Said>, PolicyError> {
    let shown = definition.shown();
    let items: Vec<Result<Said, String>> = match value {
        Value::Null | Value::Bool(false) => Vec::new(),
        Value::Bool(true) => vec![Ok(plain("the rule holds for this plan".to_owned()))],
        Value::Array(items) => items.iter().map(one).collect(),
        // `deny[msg] if { … }` is, since version 1 of the language, an object of messages.
        Value::Object(fields) if fields.values().all(|value| *value == Value::Bool(true)) => {
            fields.keys().map(|key| named(key)).collect()
        }
        Value::Object(fields) if of_entries => {
            let mut items = Vec::new();
            fields
                .iter()
                .for_each(|(key, value)| entry(key, value, &mut items));
            items
        }
        other => vec![one(other)],
    };
    let items: Result<Vec<Said>, String> = items.into_iter().collect();
    items.map_err(|message| PolicyError {
        file: Arc::clone(&definition.file),
        at: Some(definition.at),
        message: format!("`{shown}` gives {message}"),
        help: Some("a message is a text, or an object with a text `msg`".into()),
    })
}

/// The messages of one entry, as of `deny["key"] := "message"`, `deny.key if …` or `deny.key contains "message"`.
fn entry(key: &str, value: &Value, items: &mut Vec<Result<Said, String>>) {
    match value {
        Value::Null | Value::Bool(false) => {}
        Value::Bool(true) => items.push(named(key)),
        Value::Array(list) => items.extend(list.iter().map(one)),
        Value::Object(fields) if !fields.contains_key("msg") => {
            fields.iter().for_each(|(key, value)| entry(key, value, items));
        }
        other => items.push(one(other)),
    }
}

/// A key of such an object; one that is an object itself is spelled as JSON.
fn named(key: &str) -> Result<Said, String> {
    match serde_json::from_str(key) {
        Ok(object @ Value::Object(_)) => one(&object),
        _ => Ok(plain(key.to_owned())),
    }
}

fn plain(message: String) -> Said {
    Said {
        message,
        severity: None,
        remedy: None,
        subjects: BTreeSet::new(),
    }
}

fn one(value: &Value) -> Result<Said, String> {
    match value {
        Value::String(text) => Ok(plain(text.clone())),
        Value::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
            let subjects = fields.get("subjects").and_then(Value::as_array);
            let subjects = subjects.into_iter().flatten().filter_map(Value::as_str);
            Ok(Said {
                message: text("msg").ok_or("an object without a text `msg`")?,
                severity: text("severity"),
                remedy: text("remedy"),
                subjects: subjects.map(Arc::from).collect(),
            })
        }
        Value::Number(_) => Err("a number".to_owned()),
        Value::Array(_) => Err("a list in a list".to_owned()),
        Value::Bool(_) | Value::Null => Err("a message that is none".to_owned()),
    }
}

/// The findings, refusals first.
pub(super) fn findings(said: Vec<(Said, &Definition)>) -> Vec<Finding> {
    let mut found: Vec<Finding> = said
        .into_iter()
        .map(|(said, definition)| finding(said, definition))
        .collect();
    found.sort();
    found.dedup();
    let rest = found.len().saturating_sub(MOST);
    if rest > 0 {
        let level = found.get(MOST).map_or(Level::Warning, |finding| finding.level);
        found.truncate(MOST);
        let message = format!("policies find {rest} more things, which are not listed");
        found.push(Finding::new(level, "policy", message));
    }
    found
}

fn finding(said: Said, definition: &Definition) -> Finding {
    let severity = said.severity.map(|severity| severity.trim().to_owned());
    let is_mild = severity.as_ref().is_some_and(|severity| {
        ["warn", "warning", "note", "info"].contains(&severity.to_ascii_lowercase().as_str())
    });
    let level = match definition.kind {
        Kind::Deny if !is_mild => Level::Refusal,
        _ => Level::Warning,
    };
    let severity = severity
        .map(|severity| format!(" ({severity})"))
        .unwrap_or_default();
    let rule = definition.shown();
    let remedy = said.remedy.map(Arc::from);
    let advice = || {
        Arc::from(format!(
            "change what is declared, or the policy {} in a change of its own",
            definition.file
        ))
    };
    Finding {
        subjects: said.subjects,
        remedy: remedy.or_else(|| (level == Level::Refusal).then(advice)),
        location: Some(Location {
            file: Arc::clone(&definition.file),
            line: definition.at.0,
            column: definition.at.1,
        }),
        ..Finding::new(
            level,
            "policy",
            format!("policy {rule}{severity}: {}", said.message),
        )
    }
}
