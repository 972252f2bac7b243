//! Where a part of a permission set's inline policy is written: in blocks, in what `jsonencode` is given, or in a heredoc.

use crate::config::check::head;
use crate::config::decode::json_places;
use crate::config::syntax::{Block, Expr, ExprKind, Part};
use crate::source::{SourceMap, Span};

/// A part of a policy.
pub(super) struct Place<'p> {
    /// Which statement, from 0.
    pub statement: usize,
    /// Which element of it; `""` for the statement as a whole.
    pub element: &'p str,
    /// A text in that, where it is one.
    pub value: Option<&'p str>,
}

/// In a `policy` block.
pub(super) fn in_policy(policy: &Block, place: &Place<'_>) -> Span {
    let mut statements = policy
        .body
        .blocks
        .iter()
        .filter(|block| block.kind.as_ref() == "statement");
    statements.nth(place.statement).map_or_else(
        || head(policy),
        |statement| in_block(statement, place.element, place.value),
    )
}

/// In a `statement` block.
pub(super) fn in_block(statement: &Block, element: &str, value: Option<&str>) -> Span {
    let name = match element {
        "Sid" => "sid",
        "Effect" => "effect",
        "Action" => "actions",
        "NotAction" => "not_actions",
        "Resource" => "resources",
        "NotResource" => "not_resources",
        "Condition" => return in_condition(statement, value),
        _ => return head(statement),
    };
    let mut attributes = statement.body.attributes.iter();
    let attribute = attributes.find(|attribute| attribute.name.as_ref() == name);
    let Some(attribute) = attribute else {
        return head(statement);
    };
    value
        .and_then(|value| literal(&attribute.expr, value))
        .unwrap_or(attribute.expr.span)
}

fn in_condition(statement: &Block, value: Option<&str>) -> Span {
    let conditions = || {
        let blocks = statement.body.blocks.iter();
        blocks.filter(|block| block.kind.as_ref() == "condition")
    };
    let of = |block: &Block| {
        let mut attributes = block.body.attributes.iter();
        attributes.find_map(|attribute| literal(&attribute.expr, value?))
    };
    conditions()
        .find_map(of)
        .unwrap_or_else(|| head(conditions().next().unwrap_or(statement)))
}

/// In an expression that makes a document; `None` where its statements are not written out.
pub(super) fn in_document(expr: &Expr, place: &Place<'_>, sources: &SourceMap) -> Option<Span> {
    let call = match &expr.kind {
        ExprKind::Call(call) => call,
        // With anything but text in it, what is written is not what comes out.
        _ if text_of(expr).is_some() => return in_heredoc(expr.span, place, sources),
        _ => return None,
    };
    let document = call
        .arguments
        .first()
        .filter(|_| call.name.as_ref() == "jsonencode")?;
    let statements = member(document, "Statement")?;
    let statement = match &statements.kind {
        ExprKind::Tuple(items) => items.get(place.statement)?,
        ExprKind::Object(_) if place.statement == 0 => statements,
        _ => return None,
    };
    let Some(element) = member(statement, place.element) else {
        return Some(statement.span);
    };
    let text = place.value.and_then(|value| literal(element, value));
    Some(text.unwrap_or(element.span))
}

fn in_heredoc(span: Span, place: &Place<'_>, sources: &SourceMap) -> Option<Span> {
    let written = sources.file(span.file)?.text.get(span.range())?;
    let (opening, body) = written.split_once('\n').filter(|_| written.starts_with("<<"))?;
    let document = json_places::read(body)?;
    let statements = document.member("Statement")?;
    let statement = match &statements.kind {
        json_places::Kind::Array(items) => items.get(place.statement)?,
        _ => statements,
    };
    let element = statement.member(place.element);
    let text = element.and_then(|element| element.text(place.value?));
    let range = &text.or(element).unwrap_or(statement).range;
    let from = span.start as usize + opening.len() + 1;
    Some(Span::new(span.file, from + range.start..from + range.end))
}

/// A member of an object that is written out.
fn member<'e>(object: &'e Expr, name: &str) -> Option<&'e Expr> {
    let ExprKind::Object(items) = &object.kind else {
        return None;
    };
    let of = |(key, value): &'e (Expr, Expr)| {
        let is_it = key.as_keyword() == Some(name) || text_of(key).as_deref() == Some(name);
        is_it.then_some(value)
    };
    items.iter().find_map(of)
}

/// The text that an expression writes out.
fn text_of(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Literal(value) => value.as_str().map(str::to_owned),
        ExprKind::Template(parts) => parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Some(text.as_ref()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// Where a text is written out in an expression.
pub(super) fn literal(expr: &Expr, text: &str) -> Option<Span> {
    match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Template(_) => {
            (text_of(expr).as_deref() == Some(text)).then_some(expr.span)
        }
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
