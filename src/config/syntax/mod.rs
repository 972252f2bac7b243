//! Syntax: HCL text to a compact form of our own that remembers where everything stood.
//!
//! Only this folder names the HCL crate. Its syntax tree takes some thirty times the text's size, so it is
//! lowered and dropped item by item: an item is one top-level block or attribute. Parsing by item also lets one
//! run report the errors of several items, and keeps the parser's cost linear.
//!
//! Everything here is a pure function of a file's id and text, so files can be parsed in parallel.

pub mod layout;
mod lower;
mod scan;
mod template;
mod tokens;
pub mod write;

use std::sync::Arc;

use crate::config::value::Value;
use crate::source::Span;

pub use lower::{parse_body, parse_expression, parse_template};

/// The contents of a file or a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body {
    /// `name = expression`, in the order written.
    pub attributes: Vec<Attribute>,
    /// `kind "label" { … }`, in the order written.
    pub blocks: Vec<Block>,
}

/// `name = expression`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// The expression; shared, since instances of a block evaluate it again and again.
    pub expr: Arc<Expr>,
}

/// `kind "label" { … }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The block type.
    pub kind: Arc<str>,
    /// Where the block type stands.
    pub kind_span: Span,
    /// The labels, quoted or not.
    pub labels: Vec<Label>,
    /// What is between the braces.
    pub body: Body,
    /// The whole block, braces included.
    pub span: Span,
}

/// A block's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its text, without quotes.
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExprKind {
    /// A value written out.
    Literal(Value),
    /// A name, and what follows it: `account.x.tags["env"]`.
    Name(Arc<str>, Vec<Step>),
    /// What follows another expression: `f(x).a[0]`.
    Steps(Box<Expr>, Vec<Step>),
    /// The element that the innermost splat around it is at.
    SplatItem,
    /// `base[*]…` or `base.*…`: the second expression for each element of the first.
    Splat(Box<Expr>, Box<Expr>),
    /// Text with anything in it.
    Template(Vec<Part>),
    /// `[a, b]`
    Tuple(Vec<Expr>),
    /// `{ a = 1, (k) = 2 }`
    Object(Vec<(Expr, Expr)>),
    /// `name(arguments…)`
    Call(Box<Call>),
    /// `condition ? then : else`
    Conditional(Box<[Expr; 3]>),
    /// `-x`, `!x`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`
    Binary(BinaryOp, Box<[Expr; 2]>),
    /// `[for … ]`, `{for … }`
    For(Box<For>),
}

/// One step of a traversal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `.name`
    Attribute(Arc<str>, Span),
    /// `[expression]`, and the older `.0`
    Index(Expr),
}

impl Step {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Step::Attribute(_, span) => *span,
            Step::Index(expr) => expr.span,
        }
    }
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Literal(Arc<str>),
    /// `${ … }`
    Interpolation(Expr),
    /// `%{ if … } … %{ else } … %{ endif }`
    If {
        /// The condition.
        condition: Expr,
        /// What is rendered if it holds.
        then: Vec<Part>,
        /// What is rendered otherwise.
        otherwise: Vec<Part>,
    },
    /// `%{ for k, v in … } … %{ endfor }`
    For {
        /// The name of the key or index.
        key: Option<Arc<str>>,
        /// The name of the element.
        value: Arc<str>,
        /// What is gone through.
        collection: Expr,
        /// What is rendered for each element.
        body: Vec<Part>,
    },
}

/// A function call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function's name, with its namespace if one is given.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// The arguments.
    pub arguments: Vec<Expr>,
    /// Whether the last argument is followed by `...`: its elements are arguments.
    pub expand: bool,
}

/// A `for` expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct For {
    /// The name of the key or index.
    pub key_name: Option<Arc<str>>,
    /// The name of the element.
    pub value_name: Arc<str>,
    /// What is gone through.
    pub collection: Expr,
    /// Of `{for … : key => value}`.
    pub key: Option<Expr>,
    /// The result for each element.
    pub value: Expr,
    /// `if …`
    pub condition: Option<Expr>,
    /// `...`: values of one key make a list.
    pub grouping: bool,
    /// How it is written.
    pub wording: Wording,
}

/// A hash of an expression's text: equal ones mean the same where their names do.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wording([u8; 32]);

impl std::fmt::Debug for Wording {
    /// As a span, it is no part of what an expression means.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("_")
    }
}

impl Wording {
    /// Of an expression that is written like this.
    pub fn of(text: &str) -> Self {
        Wording(*blake3::hash(text.as_bytes()).as_bytes())
    }
}

/// An operator on one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Negate,
    /// `!`
    Not,
}

/// An operator on two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `&&`
    And,
    /// `||`
    Or,
}

impl Expr {
    /// Calls `visit` with every name in the expression that is not bound by a `for` in it, and the steps after it.
    pub fn references<'a>(&'a self, visit: &mut dyn FnMut(&'a str, &'a [Step], Span)) {
        walk(self, &mut Vec::new(), visit);
    }

    /// The name, if the expression is a bare name, as in `type = string`.
    pub fn as_keyword(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name, steps) if steps.is_empty() => Some(name),
            _ => None,
        }
    }
}

type Visit<'v, 'a> = &'v mut dyn FnMut(&'a str, &'a [Step], Span);

fn walk<'a>(expr: &'a Expr, bound: &mut Vec<&'a str>, visit: Visit<'_, 'a>) {
    match &expr.kind {
        ExprKind::Literal(_) | ExprKind::SplatItem => {}
        ExprKind::Name(name, steps) => {
            if !bound.contains(&name.as_ref()) {
                visit(name, steps, expr.span);
            }
            walk_steps(steps, bound, visit);
        }
        ExprKind::Steps(base, steps) => {
            walk(base, bound, visit);
            walk_steps(steps, bound, visit);
        }
        ExprKind::Splat(base, each) => {
            walk(base, bound, visit);
            walk(each, bound, visit);
        }
        ExprKind::Template(parts) => walk_parts(parts, bound, visit),
        ExprKind::Tuple(items) => items.iter().for_each(|item| walk(item, bound, visit)),
        ExprKind::Object(items) => {
            for (key, value) in items {
                walk(key, bound, visit);
                walk(value, bound, visit);
            }
        }
        ExprKind::Call(call) => call.arguments.iter().for_each(|item| walk(item, bound, visit)),
        ExprKind::Conditional(arms) => arms.iter().for_each(|item| walk(item, bound, visit)),
        ExprKind::Unary(_, operand) => walk(operand, bound, visit),
        ExprKind::Binary(_, operands) => operands.iter().for_each(|item| walk(item, bound, visit)),
        ExprKind::For(each) => {
            walk(&each.collection, bound, visit);
            let before = bound.len();
            bound.extend(each.key_name.as_deref());
            bound.push(&each.value_name);
            let inner = each.key.iter().chain([&each.value]).chain(&each.condition);
            inner.for_each(|item| walk(item, bound, visit));
            bound.truncate(before);
        }
    }
}

fn walk_steps<'a>(steps: &'a [Step], bound: &mut Vec<&'a str>, visit: Visit<'_, 'a>) {
    for step in steps {
        if let Step::Index(index) = step {
            walk(index, bound, visit);
        }
    }
}

fn walk_parts<'a>(parts: &'a [Part], bound: &mut Vec<&'a str>, visit: Visit<'_, 'a>) {
    for part in parts {
        match part {
            Part::Literal(_) => {}
            Part::Interpolation(expr) => walk(expr, bound, visit),
            Part::If {
                condition,
                then,
                otherwise,
            } => {
                walk(condition, bound, visit);
                walk_parts(then, bound, visit);
                walk_parts(otherwise, bound, visit);
            }
            Part::For {
                key,
                value,
                collection,
                body,
            } => {
                walk(collection, bound, visit);
                let before = bound.len();
                bound.extend(key.as_deref());
                bound.push(value);
                walk_parts(body, bound, visit);
                bound.truncate(before);
            }
        }
    }
}
