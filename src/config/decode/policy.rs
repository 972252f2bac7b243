//! `policy { statement { … } }`: a policy document as blocks, rendered as JSON.

use serde_json::{Map, Value as Json, json};

use crate::config::decode::blocks::Nested;
use crate::config::decode::policy_place;
use crate::config::decode::reader::Reader;
use crate::config::entities::ModuleScope;
use crate::config::rules::inline_policy;
use crate::config::syntax::Block;
use crate::diagnostic::{Code, Severity};

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
    let mut whole = true;
    for (index, block) in blocks.enumerate() {
        let nested = Nested::new(reader.engine, &scope, block, schema);
        match statement(&nested) {
            Some(statement) => {
                if report(&nested, inline_policy::statement(index, &statement)) {
                    reader.failed.set(true);
                }
                statements.push(statement);
            }
            None => {
                whole = false;
                reader.failed.set(true);
            }
        }
    }
    if !whole {
        return None;
    }
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    let text = document.to_string();
    let found = inline_policy::whole(&text, &statements);
    super::permission_set::report_policy(reader, found, crate::config::check::head(policy));
    (!reader.failed.get()).then_some(text)
}

/// Reports what is wrong with a statement, each at the attribute it is about; whether there is an error.
fn report(nested: &Nested<'_, '_, '_>, found: Vec<inline_policy::InStatement>) -> bool {
    let mut failed = false;
    for (place_in_order, found) in found.into_iter().enumerate() {
        let inline_policy::InStatement {
            element,
            value,
            mut finding,
        } = found;
        failed |= finding.severity == Severity::Error;
        finding.code = BAD_STATEMENT;
        // What is written here has the names of attributes, not those of the document.
        for (key, name) in [
            ("`NotAction`", "`not_actions`"),
            ("`Action`", "`actions`"),
            ("`NotResource`", "`not_resources`"),
            ("`Resource`", "`resources`"),
            ("`Effect`", "`effect`"),
            ("`Sid`", "`sid`"),
        ] {
            finding.message = finding.message.replace(key, name);
            finding.cause = finding.cause.map(|cause| cause.replace(key, name));
        }
        finding.message = finding.message.replace(" of the policy", "");
        let place = policy_place::in_block(nested.block, element, value.as_deref());
        // Two conditions, or two attributes that are missing, are two findings at one place; the same one in every
        // instance of a block is one.
        let aspect = format!("{element} {place_in_order}");
        nested.engine.report(finding.at(place, "").aspect(aspect));
    }
    failed
}

/// What is written in a block, right or wrong; `None` if an attribute has no value, which is reported.
fn statement(nested: &Nested<'_, '_, '_>) -> Option<Json> {
    let attributes = [
        "sid",
        "effect",
        "actions",
        "not_actions",
        "resources",
        "not_resources",
    ];
    // Every one is looked at, so that one that is broken does not hide the next.
    let broken = attributes.iter().filter(|name| nested.is_broken(name)).count();
    let condition = conditions(nested);
    if broken > 0 {
        return None;
    }
    let mut fields = Map::new();
    if let Some(sid) = nested.text("sid") {
        fields.insert("Sid".to_owned(), Json::from(&*sid));
    }
    let effect = nested.text("effect");
    fields.insert(
        "Effect".to_owned(),
        Json::from(effect.as_deref().unwrap_or("Allow")),
    );
    for (name, key) in [
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ] {
        if let Some(texts) = nested.texts(name) {
            let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
            fields.insert(key.to_owned(), Json::from(texts));
        }
    }
    if let Some(condition) = condition? {
        fields.insert("Condition".to_owned(), condition);
    }
    Some(Json::Object(fields))
}

/// `{ operator: { key: [values] } }`; conditions with one operator and key are joined.
fn conditions(nested: &Nested<'_, '_, '_>) -> Option<Option<Json>> {
    let schema = nested.schema.block("condition")?;
    let mut operators = Map::new();
    let mut whole = true;
    for block in nested
        .block
        .body
        .blocks
        .iter()
        .filter(|block| block.kind.as_ref() == "condition")
    {
        let condition = Nested::new(nested.engine, nested.scope, block, schema);
        let parts = (
            condition.text("test"),
            condition.text("variable"),
            condition.texts("values"),
        );
        let (Some(test), Some(variable), Some(values)) = parts else {
            whole = false;
            continue;
        };
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
    whole.then(|| (!operators.is_empty()).then_some(Json::Object(operators)))
}
