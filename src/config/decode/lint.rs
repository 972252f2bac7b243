//! Warnings about inline policies, each at the text that it is about.

use crate::config::check::head;
use crate::config::decode::blocks::Nested;
use crate::config::decode::reader::Reader;
use crate::config::decode::settings::bad;
use crate::config::rules::policy_lint::{self, Found, Settings};
use crate::config::syntax::{Block, Expr, ExprKind, Part as Piece};
use crate::model::text::{Part, Text};
use crate::source::Span;

/// The `lint` block.
pub(super) fn settings(read: &Nested<'_, '_, '_>) -> Settings {
    let list = |name: &str| {
        let items = read.texts(name).unwrap_or_default();
        if items.iter().any(|item| item.is_empty()) {
            bad(read, name, "holds an empty text, which means nothing", None);
        }
        items
    };
    Settings {
        off: read.flag("policies") == Some(false),
        known_actions: list("known_actions"),
        statements: list("ignore_statements"),
    }
}

/// Reports what is worth a warning in a set's inline policy.
pub(super) fn inline_policy(reader: &Reader<'_, '_>, text: &Text, settings: &Settings) {
    let text = match text {
        Text::Known(known) => known.to_string(),
        Text::Template(parts) => {
            let part = |part: &Part| match part {
                Part::Literal(literal) => literal.to_string(),
                Part::Reference(_) => "known-after-apply".to_owned(),
            };
            parts.iter().map(part).collect()
        }
    };
    let Ok(document) = serde_json::from_str(&text) else {
        return;
    };
    for found in policy_lint::check(&document, settings) {
        let place = place(reader, &found);
        let aspect = found.finding.message.clone();
        reader.engine.report(found.finding.at(place, "").aspect(aspect));
    }
}

fn place(reader: &Reader<'_, '_>, found: &Found) -> Span {
    let block = reader
        .block
        .blocks
        .iter()
        .find(|block| block.kind.as_ref() == "policy");
    let Some(policy) = block else {
        let whole = reader.place("inline_policy");
        let text = found.value.as_deref();
        let literal = text.and_then(|text| literal(reader.expr("inline_policy")?, text));
        return literal.unwrap_or(whole);
    };
    let mut statements = policy
        .body
        .blocks
        .iter()
        .filter(|block| block.kind.as_ref() == "statement");
    statements
        .nth(found.statement)
        .map_or_else(|| head(policy), |statement| in_statement(statement, found))
}

fn in_statement(statement: &Block, found: &Found) -> Span {
    let name = match found.element {
        "Action" => "actions",
        "NotAction" => "not_actions",
        "Condition" => {
            let mut conditions = statement
                .body
                .blocks
                .iter()
                .filter(|block| block.kind.as_ref() == "condition");
            let of = |block: &Block| {
                let mut exprs = block.body.attributes.iter();
                exprs.find_map(|attribute| literal(&attribute.expr, found.value.as_deref()?))
            };
            return conditions.find_map(of).unwrap_or_else(|| head(statement));
        }
        _ => "",
    };
    let attribute = statement
        .body
        .attributes
        .iter()
        .find(|attribute| attribute.name.as_ref() == name);
    let Some(attribute) = attribute else {
        return head(statement);
    };
    let text = found.value.as_deref();
    text.and_then(|text| literal(&attribute.expr, text))
        .unwrap_or(attribute.expr.span)
}

/// Where a text is written out in an expression.
fn literal(expr: &Expr, text: &str) -> Option<Span> {
    match &expr.kind {
        ExprKind::Literal(value) => (value.as_str() == Some(text)).then_some(expr.span),
        ExprKind::Template(parts) => match parts.as_slice() {
            [Piece::Literal(literal)] => (literal.as_ref() == text).then_some(expr.span),
            _ => None,
        },
        ExprKind::Tuple(items) => first(items, text),
        ExprKind::Object(items) => first(items.iter().flat_map(|(key, value)| [key, value]), text),
        ExprKind::Call(call) => first(&call.arguments, text),
        ExprKind::Conditional(arms) => first(arms.iter(), text),
        ExprKind::For(each) => first([&each.collection, &each.value], text),
        _ => None,
    }
}

fn first<'a>(exprs: impl IntoIterator<Item = &'a Expr>, text: &str) -> Option<Span> {
    exprs.into_iter().find_map(|expr| literal(expr, text))
}
