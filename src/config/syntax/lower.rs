//! Parsing and lowering: from text, through the HCL crate's tree, to our own.

use std::ops::Range;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::{
    BinaryOperator, Expression, ForExpr, FuncCall, ObjectKey, TraversalOperator, UnaryOperator,
};
use hcl_edit::structure::{BlockLabel, Structure};
use hcl_edit::template::{Directive, Element, Template};
use hcl_edit::{Decorated, Ident};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::config::number::Number;
use crate::config::syntax::scan::{Problem, scan};
use crate::config::syntax::template::{Marked, Token, build, lines, unescape};
use crate::config::syntax::{
    Attribute, BinaryOp, Block, Body, Call, Expr, ExprKind, For, Label, Part, Step, UnaryOp, Wording,
};
use crate::config::value::Value;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// Text that is not HCL.
const SYNTAX: Code = Code("syntax-error");
/// One name given twice in one block.
const DUPLICATE: Code = Code("duplicate-attribute");

/// Parses a file. Items that cannot be parsed are left out of the body and reported, each on its own.
pub fn parse_body(file: FileId, text: &str) -> (Body, Vec<Diagnostic>) {
    let scanned = scan(text);
    let patched = patch(text, &scanned.numbers);
    let mut found: Vec<Diagnostic> = scanned
        .problems
        .iter()
        .map(|problem| explain(problem, file))
        .collect();
    let mut lowerer = Lowerer::new(file, text, 0);
    let mut body = Body::default();
    for item in scanned.items {
        let Some(source) = patched.get(item.clone()) else {
            continue;
        };
        match hcl_edit::parser::parse_body(source) {
            Ok(parsed) => {
                lowerer.offset = item.start;
                lowerer.body_into(&parsed, &mut body);
            }
            Err(error) => found.push(unexpected(&error, file, text, item)),
        }
    }
    duplicates(&body, &mut FxHashMap::default(), &mut found);
    (body, found)
}

/// Parses one expression that is the whole text.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_expression(file: FileId, text: &str) -> Result<Expr, Vec<Diagnostic>> {
    let source = checked(file, text)?;
    // The parser takes no space around an expression.
    let trimmed = source.trim();
    let start = source.len() - source.trim_start().len();
    let parsed = hcl_edit::parser::parse_expr(trimmed)
        .map_err(|error| vec![unexpected(&error, file, text, start..start + trimmed.len())])?;
    Ok(Lowerer::new(file, text, start).expr(&parsed))
}

/// Parses a template that is the whole text, as `templatefile` reads them.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_template(file: FileId, text: &str) -> Result<Expr, Vec<Diagnostic>> {
    let parsed = hcl_edit::parser::parse_template(text)
        .map_err(|error| vec![unexpected(&error, file, text, 0..text.len())])?;
    let lowerer = &mut Lowerer::new(file, text, 0);
    let span = lowerer.at(0..text.len());
    let mut tokens = Vec::new();
    lowerer.tokens(&parsed, false, &mut tokens);
    Ok(templated(build(tokens, false), span))
}

/// The text, once the scan has nothing against it.
fn checked(file: FileId, text: &str) -> Result<String, Vec<Diagnostic>> {
    // A line break may stand inside brackets only, so one expression is one item.
    let scanned = scan(text);
    if scanned.problems.is_empty() {
        return Ok(patch(text, &scanned.numbers));
    }
    Err(scanned
        .problems
        .iter()
        .map(|problem| explain(problem, file))
        .collect())
}

/// Replaces numbers beyond the parser's range by others of the same length; they are read from the text anyway.
fn patch(text: &str, numbers: &[Range<usize>]) -> String {
    let mut patched = text.to_owned();
    for range in numbers {
        let length = range.len();
        let stand_in = if length < 18 {
            "1".repeat(length)
        } else {
            format!("0.{}", "0".repeat(length - 2))
        };
        patched.replace_range(range.clone(), &stand_in);
    }
    patched
}

fn explain(problem: &Problem, file: FileId) -> Diagnostic {
    let at = |range: &Range<usize>| Span::new(file, range.clone());
    let error = |message: &str| Diagnostic::error(SYNTAX, message);
    match problem {
        Problem::String(range) => error("a string is not closed")
            .at(at(range), "opened here")
            .because("a quoted string ends on the line it begins on")
            .help("add the closing `\"`; for text of several lines use a heredoc (`<<-EOT` … `EOT`)"),
        Problem::Heredoc(range, word) => error("a heredoc is not closed")
            .at(at(range), "opened here")
            .because(format!("no line below consists of `{word}` alone"))
            .help(format!("put `{word}` on a line of its own after the text")),
        Problem::Comment(range) => error("a comment is not closed")
            .at(at(range), "opened here")
            .help("add `*/`, or use `#` for a comment to the end of the line"),
        Problem::Open(range) if range.len() == 2 => error("a template's `${` or `%{` is not closed")
            .at(at(range), "opened here")
            .help("add the closing `}`; for the characters themselves write `$${` or `%%{`"),
        Problem::Directive(range, end) => error("a template's directive has no end")
            .at(at(range), "begins here")
            .because(format!("the text ends without `%{{ {end} }}`"))
            .help(format!("add `%{{ {end} }}` behind what it is about")),
        Problem::Open(range) => error("a bracket is not closed")
            .at(at(range), "opened here")
            .because("the block or expression that begins here has no end")
            .help("add the closing bracket"),
        Problem::Mismatch(range, Some(open)) => error("brackets do not match")
            .at(at(range), "this closes something else")
            .also(at(open), "than what was opened here")
            .help("close the inner bracket first"),
        Problem::Mismatch(range, None) => error("a closing bracket has no opening one")
            .at(at(range), "nothing is open here")
            .help("remove it, or add the opening bracket"),
        Problem::Depth(range) => too_deep(at(range), "at most 60 brackets may be open at once"),
    }
}

/// What is nested so deeply that following it might exhaust the stack.
fn too_deep(span: Span, limit: &'static str) -> Diagnostic {
    Diagnostic::error(SYNTAX, "blocks, expressions or templates are nested too deeply")
        .at(span, "this is one level too many")
        .because(limit)
        .help("give inner parts names of their own under `locals`, or look the value up in a map")
}

/// What the parser proper stumbled over, in more words than its own.
fn unexpected(error: &hcl_edit::parser::Error, file: FileId, text: &str, item: Range<usize>) -> Diagnostic {
    let start = item.start + error.location().offset();
    let rest = text.get(start..item.end).unwrap_or("");
    let word = rest
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .next()
        .unwrap_or("");
    let first = rest.chars().next();
    let length = if word.is_empty() {
        first.map_or(0, char::len_utf8)
    } else {
        word.len()
    };
    let span = Span::new(file, start..start + length);
    let shown = match first {
        None | Some('\n' | '\r') => "the end of the line".to_owned(),
        Some(_) if !word.is_empty() => format!("`{word}`"),
        Some(c) if c.is_control() => "a control character".to_owned(),
        Some(c) => format!("`{c}`"),
    };
    if error.message().contains("redefined") {
        return Diagnostic::error(DUPLICATE, format!("{shown} is given twice"))
            .at(span, "the second time")
            .because("a name has one value in a block, and a key one in `{ … }`")
            .help("keep one of the two");
    }
    if error.message().contains("nesting depth") {
        return too_deep(
            span,
            "at most 64 levels of conditionals, operators, brackets and `%{ }` may stand inside each other",
        );
    }
    let before = text.get(..start).unwrap_or("");
    if let Some(head) = block_on_one_line(first, rest, before) {
        return Diagnostic::error(
            SYNTAX,
            "a block on one line holds one attribute at most, and no block",
        )
        .at(span, "this is more")
        .because(format!(
            "`{head}` begins on this line, and a block is closed or ends its line"
        ))
        .help("put each attribute and each block that is inside on a line of its own");
    }
    let finding = Diagnostic::error(SYNTAX, format!("{shown} is not expected here")).at(span, "");
    let finding = match error.message() {
        "" => finding,
        message => finding.because(format!("the parser says: {message}")),
    };
    finding.help(advice(first, rest, before))
}

/// The head of a block that was opened on the line where the parser stopped, if what it stopped at may be an attribute
/// or a block inside of it.
fn block_on_one_line<'t>(first: Option<char>, rest: &str, before: &'t str) -> Option<&'t str> {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let (head, inside) = line.split_once('{')?;
    let head = head.trim();
    let is_head = head.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && head.chars().all(|c| c.is_alphanumeric() || "_- \"".contains(c));
    let is_word = |c: char| c.is_alphabetic() || c == '_';
    let line_of_rest = rest.lines().next().unwrap_or_default();
    let more = match first {
        // The label or the body of a block inside.
        Some('"' | '{') => inside.trim().starts_with(is_word) && !inside.contains('='),
        // A second attribute, or a block after an attribute.
        Some(c) if is_word(c) => {
            !inside.trim().is_empty() && (line_of_rest.contains('=') || line_of_rest.contains('{'))
        }
        _ => false,
    };
    (is_head && more).then_some(head)
}

fn advice(first: Option<char>, rest: &str, before: &str) -> &'static str {
    match first {
        Some('\'' | '‘' | '’' | '“' | '”' | '„') => {
            "write strings in straight double quotes: `\"text\"`"
        }
        Some(':') => "attributes are written `name = value`; in `for` use `name in collection :`",
        Some(';') => "end the line instead; HCL has no `;`",
        Some('=') if rest.starts_with("=>") => "`=>` stands only in `{for key, value in … : key => value}`",
        Some('=') => "an attribute is one `name = value`; to compare, use `==`",
        Some('&' | '|') => "the logical operators are `&&` and `||`",
        Some(',') => "attributes of a block are separated by line breaks, not commas",
        None | Some('\n' | '\r') => {
            "complete what the line begins; an expression goes on over a line break only inside brackets"
        }
        _ if before.trim_end().ends_with('=') => {
            "put a value after `=`: text in quotes, a number, a list in `[ ]`, a reference"
        }
        _ => "check the line for a missing `=`, comma, quote or operator",
    }
}

/// Names given twice. `seen` is room for the names of one body.
fn duplicates<'b>(body: &'b Body, seen: &mut FxHashMap<&'b str, Span>, found: &mut Vec<Diagnostic>) {
    seen.clear();
    for attribute in &body.attributes {
        let Some(first) = seen.insert(&attribute.name, attribute.name_span) else {
            continue;
        };
        found.push(
            Diagnostic::error(DUPLICATE, format!("`{}` is given twice", attribute.name))
                .at(attribute.name_span, "the second time")
                .also(first, "the first time")
                .help("keep one of the two"),
        );
    }
    for block in &body.blocks {
        duplicates(&block.body, seen, found);
    }
}

struct Lowerer<'t> {
    file: FileId,
    text: &'t str,
    /// Where in the text what is being lowered begins.
    offset: usize,
    names: FxHashSet<Arc<str>>,
}

impl<'t> Lowerer<'t> {
    fn new(file: FileId, text: &'t str, offset: usize) -> Self {
        Lowerer {
            file,
            text,
            offset,
            names: FxHashSet::default(),
        }
    }

    fn at(&self, range: Range<usize>) -> Span {
        Span::new(self.file, self.offset + range.start..self.offset + range.end)
    }

    fn span(&self, spanned: &impl hcl_edit::Span) -> Span {
        self.at(spanned.span().unwrap_or(0..0))
    }

    fn source(&self, range: Range<usize>) -> &'t str {
        self.text
            .get(self.offset + range.start..self.offset + range.end)
            .unwrap_or("")
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let shared: Arc<str> = Arc::from(name);
        self.names.insert(shared.clone());
        shared
    }

    fn ident(&mut self, ident: &Decorated<Ident>) -> Arc<str> {
        self.name(ident.as_str())
    }

    fn body_into(&mut self, parsed: &hcl_edit::structure::Body, body: &mut Body) {
        for structure in parsed {
            match structure {
                Structure::Attribute(attribute) => {
                    let lowered = Attribute {
                        name: self.ident(&attribute.key),
                        name_span: self.span(&attribute.key),
                        expr: Arc::new(self.expr(&attribute.value)),
                    };
                    body.attributes.push(lowered);
                }
                Structure::Block(block) => {
                    let mut inner = Body::default();
                    self.body_into(&block.body, &mut inner);
                    let lowered = Block {
                        kind: self.ident(&block.ident),
                        kind_span: self.span(&block.ident),
                        labels: block.labels.iter().map(|label| self.label(label)).collect(),
                        body: inner,
                        span: self.span(block),
                    };
                    body.blocks.push(lowered);
                }
            }
        }
    }

    fn label(&mut self, label: &BlockLabel) -> Label {
        Label {
            text: self.name(label.as_str()),
            span: match label {
                BlockLabel::Ident(ident) => self.span(ident),
                BlockLabel::String(text) => self.span(text),
            },
        }
    }

    fn expr(&mut self, expr: &Expression) -> Expr {
        let span = self.span(expr);
        let kind = match expr {
            Expression::Null(_) => ExprKind::Literal(Value::NULL),
            Expression::Bool(value) => ExprKind::Literal(Value::bool(*value.value())),
            Expression::Number(_) => self.number(expr.span().unwrap_or(0..0)),
            Expression::String(text) => ExprKind::Literal(Value::string(text.as_str())),
            Expression::Array(items) => ExprKind::Tuple(items.iter().map(|item| self.expr(item)).collect()),
            Expression::Object(object) => ExprKind::Object(
                object
                    .iter()
                    .map(|(key, value)| (self.key(key), self.expr(value.expr())))
                    .collect(),
            ),
            Expression::StringTemplate(template) => {
                let mut tokens = Vec::new();
                self.tokens(template, true, &mut tokens);
                return templated(build(tokens, false), span);
            }
            Expression::HeredocTemplate(heredoc) => {
                let dedent = self.source(expr.span().unwrap_or(0..0)).starts_with("<<-");
                let mut tokens = Vec::new();
                self.tokens(&heredoc.template, false, &mut tokens);
                return templated(build(tokens, dedent), span);
            }
            Expression::Parenthesis(inner) => {
                let mut inner = self.expr(inner.inner());
                inner.span = span;
                return inner;
            }
            Expression::Variable(ident) => ExprKind::Name(self.ident(ident), Vec::new()),
            Expression::Conditional(arms) => ExprKind::Conditional(Box::new([
                self.expr(&arms.cond_expr),
                self.expr(&arms.true_expr),
                self.expr(&arms.false_expr),
            ])),
            Expression::FuncCall(call) => self.call(call),
            Expression::Traversal(traversal) => {
                let base = self.expr(&traversal.expr);
                return self.operators(base, &traversal.operators, span);
            }
            Expression::UnaryOp(operation) => {
                let operator = match operation.operator.value() {
                    UnaryOperator::Neg => UnaryOp::Negate,
                    UnaryOperator::Not => UnaryOp::Not,
                };
                ExprKind::Unary(operator, Box::new(self.expr(&operation.expr)))
            }
            Expression::BinaryOp(operation) => ExprKind::Binary(
                binary(*operation.operator.value()),
                Box::new([self.expr(&operation.lhs_expr), self.expr(&operation.rhs_expr)]),
            ),
            Expression::ForExpr(each) => self.for_expr(each),
        };
        Expr { kind, span }
    }

    /// A number from its source text, since the parser rounds large ones.
    fn number(&mut self, range: Range<usize>) -> ExprKind {
        let source: String = self.source(range).split_whitespace().collect();
        let value = match source.strip_prefix('-') {
            Some(digits) => Number::parse(digits).map(|number| number.neg()),
            None => Number::parse(&source),
        };
        ExprKind::Literal(value.map_or(Value::NULL, Value::number))
    }

    fn key(&mut self, key: &ObjectKey) -> Expr {
        match key {
            ObjectKey::Ident(ident) => Expr {
                span: self.span(ident),
                kind: ExprKind::Literal(Value::string(self.ident(ident))),
            },
            // A bare word is a key, whatever else it could mean.
            ObjectKey::Expression(Expression::Null(word)) => Expr {
                span: self.span(word),
                kind: ExprKind::Literal(Value::string("null")),
            },
            ObjectKey::Expression(expr) => self.expr(expr),
        }
    }

    fn call(&mut self, call: &FuncCall) -> ExprKind {
        let mut name = String::new();
        let mut span = self.span(&call.name.name);
        for part in &call.name.namespace {
            span = self.span(part).to(span);
            name.push_str(part.as_str());
            name.push_str("::");
        }
        name.push_str(call.name.name.as_str());
        ExprKind::Call(Box::new(Call {
            name: self.name(&name),
            name_span: span,
            arguments: call.args.iter().map(|argument| self.expr(argument)).collect(),
            expand: call.args.expand_final(),
        }))
    }

    fn for_expr(&mut self, each: &ForExpr) -> ExprKind {
        ExprKind::For(Box::new(For {
            key_name: each.intro.key_var.as_ref().map(|name| self.ident(name)),
            value_name: self.ident(&each.intro.value_var),
            collection: self.expr(&each.intro.collection_expr),
            key: each.key_expr.as_ref().map(|key| self.expr(key)),
            value: self.expr(&each.value_expr),
            condition: each.cond.as_ref().map(|condition| self.expr(&condition.expr)),
            grouping: each.grouping,
            wording: Wording::of(self.source(each.span().unwrap_or(0..0))),
        }))
    }

    /// What follows an expression. `[*]` takes all that follows it along to each element, `.*` only attributes
    /// and old-style indices; a bracket after these belongs to the resulting list.
    fn operators(&mut self, base: Expr, operators: &[Decorated<TraversalOperator>], whole: Span) -> Expr {
        // Most references have one step, and there are as many of them as there are members and grants.
        let mut steps = Vec::with_capacity(operators.len());
        let mut rest = operators;
        while let Some((operator, after)) = rest.split_first() {
            rest = after;
            let span = self.span(operator);
            let (inner, outer) = match operator.value() {
                TraversalOperator::GetAttr(name) => {
                    steps.push(Step::Attribute(self.ident(name), span));
                    continue;
                }
                TraversalOperator::Index(index) => {
                    steps.push(Step::Index(self.expr(index)));
                    continue;
                }
                TraversalOperator::LegacyIndex(index) => {
                    let index = usize::try_from(*index.value()).unwrap_or(usize::MAX);
                    let kind = ExprKind::Literal(Value::count(index));
                    steps.push(Step::Index(Expr { kind, span }));
                    continue;
                }
                TraversalOperator::FullSplat(_) => rest.split_at(rest.len()),
                TraversalOperator::AttrSplat(_) => {
                    let old = |operator: &&Decorated<TraversalOperator>| {
                        matches!(
                            operator.value(),
                            TraversalOperator::GetAttr(_) | TraversalOperator::LegacyIndex(_)
                        )
                    };
                    rest.split_at(rest.iter().take_while(old).count())
                }
            };
            let list = stepped(base, steps, whole);
            let item = Expr {
                kind: ExprKind::SplatItem,
                span,
            };
            let each = self.operators(item, inner, whole);
            let splat = Expr {
                kind: ExprKind::Splat(Box::new(list), Box::new(each)),
                span: whole,
            };
            return self.operators(splat, outer, whole);
        }
        stepped(base, steps, whole)
    }

    fn tokens(&mut self, template: &Template, quoted: bool, out: &mut Vec<Marked>) {
        for element in template {
            match element {
                Element::Literal(literal) => {
                    let source = literal
                        .span()
                        .map_or(literal.as_str(), |range| self.source(range));
                    if quoted {
                        out.push(Marked::literal(unescape(source, true)));
                    } else {
                        out.extend(lines(source).map(|line| Marked::literal(unescape(line, false))));
                    }
                }
                Element::Interpolation(interpolation) => out.push(Marked {
                    token: Token::Interpolation(self.expr(&interpolation.expr)),
                    before: interpolation.strip.strip_start(),
                    after: interpolation.strip.strip_end(),
                }),
                Element::Directive(directive) => self.directive(directive, quoted, out),
            }
        }
    }

    fn directive(&mut self, directive: &Directive, quoted: bool, out: &mut Vec<Marked>) {
        let marked = |token: Token, strip: hcl_edit::template::Strip| Marked {
            token,
            before: strip.strip_start(),
            after: strip.strip_end(),
        };
        match directive {
            Directive::If(directive) => {
                let condition = self.expr(&directive.if_expr.cond_expr);
                out.push(marked(Token::If(condition), directive.if_expr.strip));
                self.tokens(&directive.if_expr.template, quoted, out);
                if let Some(otherwise) = &directive.else_expr {
                    out.push(marked(Token::Else, otherwise.strip));
                    self.tokens(&otherwise.template, quoted, out);
                }
                out.push(marked(Token::EndIf, directive.endif_expr.strip));
            }
            Directive::For(directive) => {
                let each = &directive.for_expr;
                let key = each.key_var.as_ref().map(|name| self.ident(name));
                let value = self.ident(&each.value_var);
                let collection = self.expr(&each.collection_expr);
                out.push(marked(Token::For(key, value, collection), each.strip));
                self.tokens(&each.template, quoted, out);
                out.push(marked(Token::EndFor, directive.endfor_expr.strip));
            }
        }
    }
}

/// A template as an expression: plain text is a literal, one interpolation alone is what it interpolates.
fn templated(mut parts: Vec<Part>, span: Span) -> Expr {
    let kind = match parts.as_slice() {
        [] => ExprKind::Literal(Value::string("")),
        [Part::Literal(text)] => ExprKind::Literal(Value::string(text.clone())),
        [Part::Interpolation(_)] => match parts.pop() {
            Some(Part::Interpolation(inner)) => return Expr { span, ..inner },
            _ => ExprKind::Template(parts),
        },
        _ => ExprKind::Template(parts),
    };
    Expr { kind, span }
}

fn stepped(base: Expr, steps: Vec<Step>, span: Span) -> Expr {
    if steps.is_empty() {
        return base;
    }
    let kind = match base.kind {
        ExprKind::Name(name, before) if before.is_empty() => ExprKind::Name(name, steps),
        _ => ExprKind::Steps(Box::new(base), steps),
    };
    Expr { kind, span }
}

fn binary(operator: BinaryOperator) -> BinaryOp {
    match operator {
        BinaryOperator::Eq => BinaryOp::Equal,
        BinaryOperator::NotEq => BinaryOp::NotEqual,
        BinaryOperator::LessEq => BinaryOp::LessOrEqual,
        BinaryOperator::GreaterEq => BinaryOp::GreaterOrEqual,
        BinaryOperator::Less => BinaryOp::Less,
        BinaryOperator::Greater => BinaryOp::Greater,
        BinaryOperator::Plus => BinaryOp::Add,
        BinaryOperator::Minus => BinaryOp::Subtract,
        BinaryOperator::Mul => BinaryOp::Multiply,
        BinaryOperator::Div => BinaryOp::Divide,
        BinaryOperator::Mod => BinaryOp::Remainder,
        BinaryOperator::And => BinaryOp::And,
        BinaryOperator::Or => BinaryOp::Or,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId(0);

    fn messages(text: &str) -> Vec<(String, Range<usize>)> {
        let (_, found) = parse_body(FILE, text);
        found
            .iter()
            .map(|item| {
                (
                    item.message.to_string(),
                    item.primary.as_ref().unwrap().span.range(),
                )
            })
            .collect()
    }

    #[test]
    fn spans_point_into_the_whole_file() {
        let text = "# head\na = 1\n\nblock \"l\" {\n  x = foo.bar\n}\n";
        let (body, found) = parse_body(FILE, text);
        assert_eq!(found, []);
        let block = &body.blocks[0];
        assert_eq!(&text[block.labels[0].span.range()], "\"l\"");
        let attribute = &block.body.attributes[0];
        assert_eq!(&text[attribute.name_span.range()], "x");
        assert_eq!(&text[attribute.expr.span.range()], "foo.bar");
        assert_eq!(&text[block.kind_span.range()], "block");
    }

    #[test]
    fn lines_may_end_with_a_carriage_return_which_heredocs_keep() {
        let text = "a = 1\r\nb {\r\n  x = [ # c\r\n    1,\r\n  ]\r\n  // c\r\n  y = <<-E\r\n    p\r\n      q\r\n  E\r\n}\r\n/* d\r\n */\r\n\r\nc {}\r\n";
        let (body, found) = parse_body(FILE, text);
        assert_eq!(found, []);
        assert_eq!((body.attributes.len(), body.blocks.len()), (1, 2));
        let heredoc = &body.blocks[0].body.attributes[1].expr;
        let ExprKind::Literal(value) = &heredoc.kind else {
            panic!("{heredoc:?}")
        };
        // As Terraform 1.11.4 has it.
        assert_eq!(value.as_str(), Some("p\r\n  q\r\n"));
    }

    #[test]
    fn several_errors_of_a_file_are_all_reported() {
        let text = "a {\n  x = \n}\nb {\n  y = 'no'\n}\nc {\n  z = \"open\n}\nd {\n}\n";
        let found = messages(text);
        let mut at: Vec<&str> = found.iter().map(|(_, range)| &text[range.clone()]).collect();
        at.sort_unstable();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(at.contains(&"\"") && at.contains(&"'"), "{found:?}");
        assert_eq!(parse_body(FILE, text).0.blocks.len(), 1);
    }

    #[test]
    fn what_is_given_twice_is_reported_at_the_second_place() {
        for text in [
            "a {\n x = 1\n x = 2\n}\n",
            "x = 1\nx = 2\n",
            "y = { x = 1, x = 2 }\n",
        ] {
            let (_, found) = parse_body(FILE, text);
            let [finding] = found.as_slice() else {
                panic!("{found:?}");
            };
            assert_eq!(finding.message.as_ref(), "`x` is given twice");
            assert!(finding.primary.as_ref().unwrap().span.start > 5, "{finding:?}");
        }
    }

    #[test]
    fn references_leave_out_what_for_binds() {
        let expr = parse_expression(FILE, "[for k, v in var.x : \"${k}-${local.y[v]}\" if z]").unwrap();
        let mut names = Vec::new();
        expr.references(&mut |name, steps, _| names.push((name.to_owned(), steps.len())));
        assert_eq!(
            names,
            [
                ("var".to_owned(), 1),
                ("local".to_owned(), 2),
                ("z".to_owned(), 0)
            ]
        );
    }

    #[test]
    fn hostile_text_is_refused_without_harm() {
        for text in [
            "(".repeat(10_000),
            "[".repeat(10_000),
            "{a=".repeat(10_000),
            "!".repeat(10_000),
            format!("{}1", "-".repeat(10_000)),
            format!("1{}", "+1".repeat(10_000)),
            format!("{}1", "a ? b : ".repeat(10_000)),
            "\"${".repeat(10_000),
            "x[".repeat(10_000),
            "\u{0}".to_owned(),
            "\"\\u{d800}\"".to_owned(),
        ] {
            assert!(
                parse_expression(FILE, &text).is_err(),
                "{}",
                text.get(..10).unwrap_or(&text)
            );
        }
    }
}
