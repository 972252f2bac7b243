//! The evaluator: an expression and a scope make a value.
//!
//! It reports every error of an expression it can reach, not the first. Nothing is evaluated that need not be:
//! `&&`, `||`, `try` and `can` are lazy, names are resolved along their whole path so that `account.x.id` never
//! touches another account.

mod access;
mod call;
mod collect;
mod operate;
mod survey;

use std::sync::Arc;

use crate::address::Kind;
use crate::config::budget::{self, Spent};
use crate::config::files::Files;
use crate::config::functions::{self, Function};
use crate::config::syntax::{Expr, ExprKind, Part, Step, Wording};
use crate::config::types::Type;
use crate::config::value::{Data, Entity, Part as TextPart, Value};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// The stable codes of findings made here.
pub mod code {
    use crate::diagnostic::Code;

    /// A name that nothing declares.
    pub const UNKNOWN_NAME: Code = Code("unknown-name");
    /// An attribute or key that the value does not have.
    pub const UNKNOWN_ATTRIBUTE: Code = Code("unknown-attribute");
    /// An index that is out of range or no index at all.
    pub const INVALID_INDEX: Code = Code("invalid-index");
    /// A value of the wrong type.
    pub const WRONG_TYPE: Code = Code("wrong-type");
    /// Null where a value is needed.
    pub const NULL_VALUE: Code = Code("null-value");
    /// A function that does not exist.
    pub const UNKNOWN_FUNCTION: Code = Code("unknown-function");
    /// A call that the function refuses.
    pub const FUNCTION_CALL: Code = Code("function-call");
    /// One key twice in a `for`.
    pub const DUPLICATE_KEY: Code = Code("duplicate-key");
    /// Arms of a conditional with nothing in common.
    pub const INCONSISTENT_ARMS: Code = Code("inconsistent-conditional");
    /// A number that does not exist, like `0 / 0`.
    pub const ARITHMETIC: Code = Code("arithmetic");
    /// More levels than the evaluator follows.
    pub const TOO_DEEP: Code = Code("too-deep");
    /// More than an evaluation may do or make.
    pub const TOO_LARGE: Code = Code("too-large");
}

/// Deeper recursion than this is refused; the parser admits fewer levels, templates in templates more.
const MAX_DEPTH: usize = 400;

/// Why there is no value: at least one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether it is wrong whatever the values are, as an undeclared name is: `try`, `can` and the arm of a
    /// conditional that is not chosen do not hide it.
    pub always: bool,
}

impl Failure {
    /// A failure that depends on values, which `try` may catch.
    pub fn of(diagnostic: Diagnostic) -> Box<Failure> {
        Box::new(Failure {
            diagnostics: vec![diagnostic],
            always: false,
        })
    }

    /// A failure whatever the values are.
    pub fn always(diagnostic: Diagnostic) -> Box<Failure> {
        Box::new(Failure {
            diagnostics: vec![diagnostic],
            always: true,
        })
    }

    fn join(&mut self, other: Failure) {
        self.diagnostics.extend(other.diagnostics);
        self.always |= other.always;
    }
}

/// A value, or why there is none.
pub type EvalResult<T = Value> = Result<T, Box<Failure>>;

/// One step after a name, with any index evaluated.
#[derive(Debug, Clone)]
pub struct PathStep {
    /// `.name` gives a string; `[…]` what is in it.
    pub key: Value,
    /// Whether it was written as `.name`.
    pub attribute: bool,
    /// Where it stands.
    pub span: Span,
}

impl PathStep {
    /// The name of a `.name` or the known text of an index.
    pub fn name(&self) -> Option<&str> {
        self.key.as_str()
    }
}

/// What names mean.
///
/// The evaluator hands over a name with all the steps after it, and the scope consumes as many as it can answer
/// at once: for `account.x.tags["env"]` it may look up the one attribute `tags` of the one block `x` and say
/// that it consumed two steps; the evaluator applies the rest. Names bound by `for` never get here.
///
/// A scope evaluates other expressions to answer. It should do so in an order in which what is needed is there
/// (the graph's), since a chain of thousands of locals resolved by recursion would take that many stack frames.
pub trait Scope {
    /// The value of a name and the steps consumed after it.
    ///
    /// # Errors
    /// [`Failure::always`] for what nothing declares, with close names; [`Failure::of`] for what has no value.
    fn resolve(&self, name: &str, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)>;

    /// An attribute of an entity.
    ///
    /// # Errors
    /// For an attribute its kind does not have, or one that cannot be computed.
    fn attribute(&self, entity: &Arc<Entity>, name: &str, span: Span) -> EvalResult;

    /// Whether entities of a kind, of which none is known, have an attribute.
    ///
    /// # Errors
    /// When they have not.
    fn survey_attribute(&self, _kind: Kind, _name: &str, _span: Span) -> EvalResult<()> {
        Ok(())
    }

    /// The files that functions may read.
    fn files(&self) -> &dyn Files;

    /// What a `for` that is written like this one made before, with no other names bound around it.
    fn recall(&self, _wording: Wording) -> Option<Value> {
        None
    }

    /// Takes note of what a `for` made that has no other names bound around it, for [`Scope::recall`].
    fn remember(&self, _wording: Wording, _made: &Value) {}

    /// The function with a name.
    fn function(&self, name: &str) -> Option<&'static Function> {
        functions::find(name)
    }
}

/// Evaluates an expression.
///
/// # Errors
/// Every finding that evaluation came upon.
pub fn eval(expr: &Expr, scope: &dyn Scope) -> EvalResult {
    Evaluator::new(scope).eval(expr)
}

/// Looks for names that nothing declares, in every part of an expression.
///
/// # Errors
/// What is wrong whatever the values are.
pub fn survey(expr: &Expr, scope: &dyn Scope) -> EvalResult<()> {
    Evaluator::new(scope).survey_expr(expr)
}

/// Evaluates an expression with names bound in front of the scope's, as `for` binds them.
///
/// # Errors
/// Every finding that evaluation came upon.
pub fn eval_with(expr: &Expr, scope: &dyn Scope, bound: Vec<(Arc<str>, Value)>) -> EvalResult {
    let mut evaluator = Evaluator::new(scope);
    evaluator.bound = bound;
    evaluator.eval(expr)
}

/// Reads an attribute or element of a value, as a step of a traversal does.
///
/// # Errors
/// When the value has no such attribute or element.
pub fn step(value: &Value, step: &PathStep, scope: &dyn Scope) -> EvalResult {
    access::step(value, step, scope)
}

struct Evaluator<'s> {
    scope: &'s dyn Scope,
    /// Names bound by `for`, innermost last.
    bound: Vec<(Arc<str>, Value)>,
    /// Elements that splats are at, innermost last.
    items: Vec<Value>,
    depth: usize,
    /// Whether this is about names alone, and all parts are looked at.
    surveying: bool,
}

fn error(code: Code, message: impl Into<Arc<str>>, span: Span, label: &str) -> Diagnostic {
    Diagnostic::error(code, message).at(span, label)
}

/// Both results, or the findings of both.
fn both<A, B>(left: EvalResult<A>, right: EvalResult<B>) -> EvalResult<(A, B)> {
    match (left, right) {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
        (Err(mut failure), Err(other)) => {
            failure.join(*other);
            Err(failure)
        }
    }
}

/// All results, or the findings of all that failed.
fn all<T>(results: impl Iterator<Item = EvalResult<T>>) -> EvalResult<Vec<T>> {
    let mut values = Vec::with_capacity(results.size_hint().0);
    let mut failed: Option<Box<Failure>> = None;
    for result in results {
        match (result, &mut failed) {
            (Ok(value), None) => values.push(value),
            (Ok(_), Some(_)) => {}
            (Err(failure), None) => failed = Some(failure),
            (Err(failure), Some(known)) => known.join(*failure),
        }
    }
    match failed {
        None => Ok(values),
        Some(failure) => Err(failure),
    }
}

/// The failure of what is too large, which no `try` hides.
pub(in crate::config) fn too_large(what: Spent, span: Span) -> Box<Failure> {
    Failure::always(
        error(
            code::TOO_LARGE,
            what.to_string(),
            span,
            "here the limit is passed",
        )
        .because("an evaluation is limited, so that a text of a few lines cannot fill a machine")
        .help(
            "look for what multiplies: collections or texts made of each other, `for` in `for`, `setproduct`",
        ),
    )
}

/// A collection that was made, unless it stands for more than may be.
fn looked_through(value: Value, span: Span) -> EvalResult {
    budget::survey(&value).map_err(|spent| too_large(spent, span))?;
    Ok(value)
}

impl<'s> Evaluator<'s> {
    fn new(scope: &'s dyn Scope) -> Self {
        Evaluator {
            scope,
            bound: Vec::new(),
            items: Vec::new(),
            depth: 0,
            surveying: false,
        }
    }

    fn eval(&mut self, expr: &Expr) -> EvalResult {
        if let ExprKind::Literal(value) = &expr.kind {
            return Ok(value.clone());
        }
        if self.depth >= MAX_DEPTH {
            return Err(Failure::always(
                error(
                    code::TOO_DEEP,
                    "the expression is nested too deeply",
                    expr.span,
                    "",
                )
                .help("give inner parts names of their own under `locals`"),
            ));
        }
        budget::step().map_err(|spent| too_large(spent, expr.span))?;
        self.depth += 1;
        let result = self.eval_kind(expr);
        self.depth -= 1;
        result
    }

    /// Evaluates what is kept in a collection.
    fn kept(&mut self, expr: &Expr) -> EvalResult {
        let value = self.eval(expr)?;
        budget::kept(&value).map_err(|spent| too_large(spent, expr.span))?;
        Ok(value)
    }

    fn eval_kind(&mut self, expr: &Expr) -> EvalResult {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Literal(value) => Ok(value.clone()),
            ExprKind::Name(name, steps) => self.name(name, steps, span),
            ExprKind::Steps(base, steps) => {
                let base = self.eval(base)?;
                self.steps(base, steps)
            }
            ExprKind::SplatItem => Ok(self.items.last().cloned().unwrap_or(Value::NULL)),
            ExprKind::Splat(base, each) => self.splat(base, each),
            ExprKind::Template(parts) => self.template(parts, span),
            ExprKind::Tuple(items) => {
                let items = all(items.iter().map(|item| self.kept(item)))?;
                looked_through(Value::tuple(items), span)
            }
            ExprKind::Object(items) => self.object(items, span),
            ExprKind::Call(call) => self.call(call, span),
            ExprKind::Conditional(arms) => {
                let [condition, then, otherwise] = arms.as_ref();
                self.conditional(condition, then, otherwise, span)
            }
            ExprKind::Unary(operator, operand) => self.unary(*operator, operand, span),
            ExprKind::Binary(operator, operands) => {
                let [left, right] = operands.as_ref();
                self.binary(*operator, left, right, span)
            }
            ExprKind::For(each) => self.remembered(each),
        }
    }

    fn name(&mut self, name: &str, steps: &[Step], span: Span) -> EvalResult {
        let bound = self.bound.iter().rev().find(|(bound, _)| bound.as_ref() == name);
        if let Some((_, value)) = bound {
            let value = value.clone();
            return self.steps(value, steps);
        }
        let path = all(steps.iter().map(|step| self.path_step(step)))?;
        let (mut value, consumed) = self.scope.resolve(name, &path, span)?;
        for step in path.iter().skip(consumed) {
            value = access::step(&value, step, self.scope)?;
        }
        Ok(value)
    }

    fn path_step(&mut self, step: &Step) -> EvalResult<PathStep> {
        Ok(match step {
            Step::Attribute(name, span) => PathStep {
                key: Value::from(Data::String(name.clone())),
                attribute: true,
                span: *span,
            },
            Step::Index(index) => PathStep {
                key: self.eval(index)?,
                attribute: false,
                span: index.span,
            },
        })
    }

    fn steps(&mut self, mut value: Value, steps: &[Step]) -> EvalResult {
        for step in steps {
            value = match step {
                Step::Attribute(name, span) => access::attribute(&value, name, *span, self.scope)?,
                Step::Index(index) => {
                    let key = self.eval(index)?;
                    access::index(&value, &key, index.span)?
                }
            };
        }
        Ok(value)
    }

    fn template(&mut self, parts: &[Part], span: Span) -> EvalResult {
        let mut text = Text::new(span);
        self.render(parts, &mut text)?;
        Ok(text.finish())
    }

    fn render(&mut self, parts: &[Part], text: &mut Text) -> EvalResult<()> {
        all(parts.iter().map(|part| self.render_part(part, text))).map(|_| ())
    }

    fn render_part(&mut self, part: &Part, text: &mut Text) -> EvalResult<()> {
        match part {
            Part::Literal(literal) => {
                let grown = budget::more_text(text.literal.len(), literal.len());
                grown.map_err(|spent| too_large(spent, text.span))?;
                text.literal.push_str(literal);
                Ok(())
            }
            Part::Interpolation(expr) => {
                let value = self.eval(expr)?;
                text.push(&value, expr.span)
            }
            Part::If {
                condition,
                then,
                otherwise,
            } => match self.condition(condition)? {
                (Some(truth), sensitive) => {
                    text.sensitive |= sensitive;
                    let (chosen, other) = if truth {
                        (then, otherwise)
                    } else {
                        (otherwise, then)
                    };
                    self.render(chosen, text)?;
                    self.survey_parts(other, text.span)
                }
                (None, sensitive) => {
                    text.sensitive |= sensitive;
                    text.opaque = true;
                    self.survey_parts(then, text.span)?;
                    self.survey_parts(otherwise, text.span)
                }
            },
            Part::For {
                key,
                value,
                collection,
                body,
            } => {
                let span = collection.span;
                let collection = self.eval(collection)?;
                text.sensitive |= collection.is_sensitive();
                let items = match self.surveying {
                    true => None,
                    false => collect::items(&collection, span, key.is_some())?,
                };
                text.opaque |= items.is_none();
                for (item_key, item) in items.into_iter().flatten() {
                    budget::step().map_err(|spent| too_large(spent, span))?;
                    self.with_bound((key.as_ref(), item_key), (value, item), |evaluator| {
                        evaluator.render(body, text)
                    })?;
                }
                self.survey(|evaluator| {
                    let any = survey::element_of(&collection);
                    evaluator.with_unknown(key.as_ref(), (value, any), |evaluator| {
                        evaluator.survey_parts(body, text.span)
                    })
                })
            }
        }
    }
}

/// Text under construction, whole until something unknown is put in.
struct Text {
    /// The whole template.
    span: Span,
    literal: String,
    parts: Vec<TextPart>,
    sensitive: bool,
    opaque: bool,
}

impl Text {
    fn new(span: Span) -> Self {
        Text {
            span,
            literal: String::new(),
            parts: Vec::new(),
            sensitive: false,
            opaque: false,
        }
    }

    fn push(&mut self, value: &Value, span: Span) -> EvalResult<()> {
        self.sensitive |= value.is_sensitive();
        match value.data() {
            Data::String(text) => {
                budget::more_text(self.literal.len(), text.len()).map_err(|spent| too_large(spent, span))?;
                self.literal.push_str(text);
            }
            Data::Number(number) => {
                use std::fmt::Write as _;
                let _ = write!(self.literal, "{number}");
            }
            Data::Bool(flag) => self.literal.push_str(if *flag { "true" } else { "false" }),
            Data::Null(_) => {
                return Err(Failure::of(
                    error(
                        code::NULL_VALUE,
                        "null cannot be put into text",
                        span,
                        "this is null",
                    )
                    .help("use `coalesce(…, \"\")` or a conditional to say what null should become"),
                ));
            }
            Data::Unknown(unknown) if unknown.ty.is_primitive() || unknown.ty == Type::Any => {
                match value.parts() {
                    Some(parts) => {
                        budget::parts(&parts).map_err(|spent| too_large(spent, span))?;
                        let literal = std::mem::take(&mut self.literal);
                        self.parts.push(TextPart::Literal(literal.into()));
                        self.parts.extend(parts);
                    }
                    None => self.opaque = true,
                }
            }
            Data::Entity(entity) => {
                return Err(Failure::of(
                    error(
                        code::WRONG_TYPE,
                        format!(
                            "{} cannot be put into text: it is {} itself",
                            entity.address,
                            entity.kind()
                        ),
                        span,
                        "an entity, not a text",
                    )
                    .help("choose one of its attributes, such as its name or id"),
                ));
            }
            _ => {
                let found = value.friendly_type();
                return Err(Failure::of(
                    error(
                        code::WRONG_TYPE,
                        format!("a {found} cannot be put into text"),
                        span,
                        "not a text, number or bool",
                    )
                    .help("use `jsonencode(…)` or `join(\", \", …)` to say how it should be written"),
                ));
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Value {
        let value = if self.opaque {
            Value::unknown(Type::String)
        } else if self.parts.is_empty() {
            Value::string(self.literal)
        } else {
            self.parts.push(TextPart::Literal(self.literal.into()));
            Value::template(self.parts)
        };
        value.with_sensitive(self.sensitive)
    }
}

#[cfg(test)]
mod tests;
