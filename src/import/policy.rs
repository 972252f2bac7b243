//! Inline policies: as statements where the `policy` block can say the same document, else as `jsonencode`, else as
//! the JSON text itself.

use serde_json::{Map, Value as Json};

use crate::config::syntax::write::{Block, Item, Value};
use crate::model::policy::equivalent;
use crate::model::text::Text;

/// The attribute or block that gives a permission set this inline policy.
pub(super) fn inline_policy(text: &str) -> Item {
    let Ok(document) = serde_json::from_str::<Json>(text) else {
        return attribute(Value::text(text));
    };
    if let Some(block) = statements(&document) {
        return Item::Block(block);
    }
    let ordered = in_usual_order(&document);
    // Repeated keys are lost on the way through, and so would their meaning be.
    let same = equivalent(&Text::known(text), &Text::known(ordered.to_string()));
    match Value::of_json(&ordered) {
        Some(value) if same => attribute(Value::Call("jsonencode".to_owned(), Box::new(value))),
        _ => attribute(Value::text(text)),
    }
}

fn attribute(value: Value) -> Item {
    Item::Attribute("inline_policy".to_owned(), value)
}

/// The document as a `policy` block; `None` if the block cannot say it, or would be hard to read for its conditions.
fn statements(document: &Json) -> Option<Block> {
    let fields = document.as_object()?;
    let known = fields.keys().all(|key| key == "Version" || key == "Statement");
    if !known || fields.get("Version")?.as_str()? != "2012-10-17" {
        return None;
    }
    let statements = fields.get("Statement")?.as_array()?;
    let mut policy = Block::new("policy", []);
    for statement in statements {
        policy
            .items
            .push(Item::Block(self::statement(statement.as_object()?)?));
    }
    (!statements.is_empty()).then_some(policy)
}

fn statement(fields: &Map<String, Json>) -> Option<Block> {
    const KNOWN: &[&str] = &[
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let twice = |one: &str, other: &str| fields.contains_key(one) && fields.contains_key(other);
    let unknown = fields.keys().any(|key| !KNOWN.contains(&key.as_str()));
    if unknown || twice("Action", "NotAction") || twice("Resource", "NotResource") {
        return None;
    }
    let mut block = Block::new("statement", []);
    if let Some(sid) = fields.get("Sid") {
        block = block.with("sid", Value::text(sid.as_str()?));
    }
    let effect = fields.get("Effect")?.as_str()?;
    if !matches!(effect, "Allow" | "Deny") {
        return None;
    }
    block = block.with("effect", Value::text(effect));
    for (key, name) in [
        ("Action", "actions"),
        ("NotAction", "not_actions"),
        ("Resource", "resources"),
        ("NotResource", "not_resources"),
    ] {
        if let Some(value) = fields.get(key) {
            block = block.with(name, texts(value)?);
        }
    }
    if let Some(condition) = fields.get("Condition") {
        block
            .items
            .push(Item::Block(only_condition(condition.as_object()?)?));
    }
    Some(block)
}

/// A single condition is readable as a block; of several, `jsonencode` shows more at a glance.
fn only_condition(operators: &Map<String, Json>) -> Option<Block> {
    let mut operators = operators.iter();
    let (Some((test, keys)), None) = (operators.next(), operators.next()) else {
        return None;
    };
    let mut keys = keys.as_object()?.iter();
    let (Some((variable, values)), None) = (keys.next(), keys.next()) else {
        return None;
    };
    let block = Block::new("condition", []).with("test", Value::text(test));
    Some(
        block
            .with("variable", Value::text(variable))
            .with("values", texts(values)?),
    )
}

/// A text or a list of texts.
fn texts(value: &Json) -> Option<Value> {
    match value {
        Json::String(text) => Some(Value::texts([text.as_str()])),
        Json::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(Json::as_str).collect();
            Some(Value::texts(items?)).filter(|_| !value.as_array().is_some_and(Vec::is_empty))
        }
        _ => None,
    }
}

/// The same document with its keys in the order that IAM's documentation uses.
fn in_usual_order(document: &Json) -> Json {
    const ORDER: &[&str] = &[
        "Version",
        "Id",
        "Statement",
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let rank = |key: &str| {
        ORDER
            .iter()
            .position(|known| *known == key)
            .unwrap_or(ORDER.len())
    };
    match document {
        Json::Object(fields) => {
            let mut fields: Vec<(&String, &Json)> = fields.iter().collect();
            fields.sort_by(|(left, _), (right, _)| (rank(left), left).cmp(&(rank(right), right)));
            let ordered = fields
                .into_iter()
                .map(|(key, value)| (key.clone(), in_usual_order(value)));
            Json::Object(ordered.collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(in_usual_order).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::syntax::write::file;

    fn written(policy: &str) -> String {
        file(&[inline_policy(policy)])
    }

    #[test]
    fn plain_statements_become_blocks() {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":["a","b"],
            "Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}"#;
        assert_eq!(
            written(policy),
            "policy {\n  statement {\n    effect    = \"Allow\"\n    actions   = [\"s3:Get*\"]\n    resources = [\"a\", \"b\"]\n    condition {\n      test     = \"Bool\"\n      variable = \"aws:SecureTransport\"\n      values   = [\"true\"]\n    }\n  }\n}\n"
        );
    }

    #[test]
    fn what_statements_cannot_say_is_jsonencode_and_what_that_cannot_say_is_text() {
        let mfa = r#"{"Statement":[{"Condition":{"Bool":{"aws:MultiFactorAuthPresent":true}},"Action":"*","Effect":"Deny","Resource":"*"}],"Version":"2012-10-17"}"#;
        assert!(written(mfa).starts_with("inline_policy = jsonencode({\n  Version = \"2012-10-17\"\n"));
        assert!(written(mfa).contains("aws:MultiFactorAuthPresent\" = true"));
        let old = r#"{"Version":"2008-10-17","Statement":[]}"#;
        assert_eq!(
            written(old),
            "inline_policy = jsonencode({ Version = \"2008-10-17\", Statement = [] })\n"
        );
        let number = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"a":1.50}}}]}"#;
        assert!(written(number).starts_with("inline_policy = \"{\\\"Version"));
        let variable = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}]}"#;
        assert!(written(variable).contains("[\"arn:aws:s3:::$${aws:username}\"]"));
    }
}
