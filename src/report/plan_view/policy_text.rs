//! A policy that is new, as lines a person can read: what each statement allows or denies, on what, and when.
//!
//! The wording is IAM's own; the lines leave out what JSON needs and a reader does not. Nothing is cut here.

use serde_json::Value;

use crate::model::policy;
use crate::model::text::Text;

/// The policy, statement by statement; a text that is no policy, line by line.
pub fn lines(text: &Text) -> Vec<String> {
    let document = text.to_string();
    let statements = match serde_json::from_str::<Value>(&document) {
        Ok(parsed) => statements(&policy::canonical(&parsed)),
        Err(_) => None,
    };
    match statements {
        Some(statements) => statements.iter().flat_map(statement).collect(),
        None => document.lines().map(str::to_owned).collect(),
    }
}

/// How many statements; `None` when the text is no policy, or not yet one.
pub fn count(text: &Text) -> Option<u64> {
    let parsed = serde_json::from_str::<Value>(&text.to_string()).ok()?;
    Some(statements(&policy::canonical(&parsed))?.len() as u64)
}

fn statements(document: &Value) -> Option<Vec<Value>> {
    match document.get("Statement") {
        Some(Value::Array(statements)) if statements.iter().all(Value::is_object) => Some(statements.clone()),
        _ => None,
    }
}

/// `Allow s3:GetObject, s3:PutObject` and, each on a line of its own, on what and when.
fn statement(statement: &Value) -> Vec<String> {
    let field = |key: &str| statement.get(key);
    let effect = field("Effect").map_or_else(|| "?".to_owned(), plain);
    let mut head = match (field("Action"), field("NotAction")) {
        (Some(actions), _) => format!("{effect} {}", list(actions)),
        (None, Some(actions)) => format!("{effect} everything but {}", list(actions)),
        (None, None) => effect,
    };
    if let Some(sid) = field("Sid").map(plain).filter(|sid| !sid.is_empty()) {
        head = format!("{head}  ({sid})");
    }
    let mut out = vec![head];
    match (field("Resource"), field("NotResource")) {
        (Some(resources), _) => out.push(format!("  on {}", list(resources))),
        (None, Some(resources)) => out.push(format!("  on everything but {}", list(resources))),
        (None, None) => {}
    }
    let operators = field("Condition").and_then(Value::as_object);
    for (operator, keys) in operators.into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            out.push(format!("  if {operator} {key} = {}", list(values)));
        }
    }
    out
}

/// A canonical list of texts.
fn list(values: &Value) -> String {
    match values {
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        one => plain(one),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_says_what_it_allows_on_what_and_when() {
        let text = Text::known(
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["s3:Put*","s3:Get*"],"Resource":"*",
            "Condition":{"Bool":{"aws:SecureTransport":true}}},{"Effect":"Deny","NotAction":"iam:*","NotResource":["arn:aws:s3:::b"]}]}"#,
        );
        assert_eq!(
            lines(&text),
            [
                "Allow s3:Get*, s3:Put*  (A)",
                "  on *",
                "  if Bool aws:SecureTransport = true",
                "Deny everything but iam:*",
                "  on everything but arn:aws:s3:::b",
            ]
        );
        assert_eq!(count(&text), Some(2));
    }

    #[test]
    fn what_is_no_policy_is_shown_as_it_is() {
        let text = Text::known("{\n  \"Statement\": nonsense\n}");
        assert_eq!(lines(&text), ["{", "  \"Statement\": nonsense", "}"]);
        assert_eq!(count(&text), None);
    }
}
