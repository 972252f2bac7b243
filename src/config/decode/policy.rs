//! `policy { statement { … } }`: a policy document as blocks, rendered as JSON.

use serde_json::{Map, Value as Json, json};

use crate::config::decode::blocks::Nested;
use crate::config::decode::reader::Reader;
use crate::config::entities::ModuleScope;
use crate::config::syntax::Block;
use crate::diagnostic::{Code, Diagnostic};

/// A statement that says something in two ways, or an effect that does not exist.
const BAD_STATEMENT: Code = Code("bad-statement");

/// The document; `None` if anything in it is wrong, which is reported.
pub(super) fn render(reader: &Reader<'_, '_>, policy: &Block) -> Option<String> {
    let schema = reader.block.schema.block("policy")?.block("statement")?;
    let scope = ModuleScope::with(reader.engine, reader.entity.module, reader.entity.each.clone());
    let blocks = policy
        .body
        .blocks
        .iter()
        .filter(|block| block.kind.as_ref() == "statement");
    let mut statements = Vec::new();
    for block in blocks {
        let nested = Nested {
            engine: reader.engine,
            scope: &scope,
            block,
            schema,
        };
        match statement(&nested) {
            Some(statement) => statements.push(statement),
            None => reader.failed.set(true),
        }
    }
    if reader.failed.get() {
        return None;
    }
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    Some(document.to_string())
}

fn statement(nested: &Nested<'_, '_, '_>) -> Option<Json> {
    let attributes = [
        "sid",
        "effect",
        "actions",
        "not_actions",
        "resources",
        "not_resources",
    ];
    if attributes.iter().any(|name| nested.is_broken(name)) {
        return None;
    }
    let mut fields = Map::new();
    if let Some(sid) = nested.text("sid") {
        fields.insert("Sid".to_owned(), Json::from(&*sid));
    }
    fields.insert("Effect".to_owned(), Json::from(effect(nested)?));
    for (name, other, key) in [
        ("actions", "not_actions", "Action"),
        ("not_actions", "actions", "NotAction"),
        ("resources", "not_resources", "Resource"),
        ("not_resources", "resources", "NotResource"),
    ] {
        if name.starts_with("not_") && nested.expr(name).is_some() && nested.expr(other).is_some() {
            nested.engine.report(
                Diagnostic::error(
                    BAD_STATEMENT,
                    format!("a statement has `{other}` or `{name}`, not both"),
                )
                .at(nested.place(name), "")
                .also(nested.place(other), "the other one"),
            );
            return None;
        }
        if let Some(texts) = nested.texts(name) {
            let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
            fields.insert(key.to_owned(), Json::from(texts));
        }
    }
    if let Some(condition) = conditions(nested)? {
        fields.insert("Condition".to_owned(), condition);
    }
    Some(Json::Object(fields))
}

fn effect(nested: &Nested<'_, '_, '_>) -> Option<String> {
    let effect = nested
        .text("effect")
        .map_or_else(|| "Allow".to_owned(), |text| text.to_string());
    if matches!(effect.as_str(), "Allow" | "Deny") {
        return Some(effect);
    }
    nested.engine.report(
        Diagnostic::error(
            BAD_STATEMENT,
            format!("a statement's effect is `Allow` or `Deny`, not `{effect}`"),
        )
        .at(nested.place("effect"), ""),
    );
    None
}

/// `{ operator: { key: [values] } }`; conditions with one operator and key are joined.
fn conditions(nested: &Nested<'_, '_, '_>) -> Option<Option<Json>> {
    let schema = nested.schema.block("condition")?;
    let mut operators = Map::new();
    for block in nested
        .block
        .body
        .blocks
        .iter()
        .filter(|block| block.kind.as_ref() == "condition")
    {
        let condition = Nested {
            engine: nested.engine,
            scope: nested.scope,
            block,
            schema,
        };
        let (test, variable, values) = (
            condition.text("test")?,
            condition.text("variable")?,
            condition.texts("values")?,
        );
        let keys = operators
            .entry(test.to_string())
            .or_insert_with(|| Json::Object(Map::new()));
        if let Json::Object(keys) = keys {
            let list = keys
                .entry(variable.to_string())
                .or_insert_with(|| Json::Array(Vec::new()));
            if let Json::Array(list) = list {
                list.extend(values.iter().map(|value| Json::from(&**value)));
            }
        }
    }
    Some((!operators.is_empty()).then_some(Json::Object(operators)))
}
