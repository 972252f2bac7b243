//! Variables: given from outside or by the calling module, converted, validated.

use std::sync::Arc;

use crate::config::check::head;
use crate::config::constraint::{constant, parse_type};
use crate::config::convert::{ConvertError, convert};
use crate::config::entities::{Engine, ModuleId, ModuleScope, Node, silent};
use crate::config::eval::{EvalResult, Failure, code, eval};
use crate::config::evaluate::{InputValue, VariableInput};
use crate::config::program::Variable;
use crate::config::syntax::{Block, Expr, ExprKind, parse_expression};
use crate::config::types::Type;
use crate::config::value::Value;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// A variable that needs a value and has none.
const MISSING: Code = Code("missing-variable");
/// A value of the wrong type.
const BAD_VALUE: Code = Code("bad-variable-value");
/// A value that a validation refuses.
const INVALID: Code = Code("invalid-variable");

/// A variable's declaration, read.
struct Declaration<'v> {
    name: &'v Arc<str>,
    block: &'v Block,
    ty: Type,
    default: Option<&'v Expr>,
    sensitive: bool,
    nullable: bool,
}

impl Engine<'_> {
    pub(super) fn variable(&self, id: ModuleId, index: u32) -> EvalResult {
        let (name, variable) = self
            .module(id)
            .and_then(|module| module.variables.at(index))
            .ok_or_else(silent)?;
        let declaration = self.declaration(id, name, variable)?;
        let value = self
            .given(id, &declaration)?
            .with_sensitive(declaration.sensitive);
        self.keep(Node::Variable(id, index), &value);
        self.validate(id, &declaration)?;
        Ok(value)
    }

    fn declaration<'v>(
        &self,
        id: ModuleId,
        name: &'v Arc<str>,
        variable: &'v Variable,
    ) -> EvalResult<Declaration<'v>> {
        let block = &variable.block;
        let find = |name: &str| {
            let attribute = block
                .body
                .attributes
                .iter()
                .find(|attribute| attribute.name.as_ref() == name);
            attribute.map(|attribute| attribute.expr.as_ref())
        };
        let scope = ModuleScope::new(self, id);
        let flag = |name: &str, default: bool| match find(name) {
            Some(expr) => self.flag(expr, &scope, name),
            None => Ok(default),
        };
        let ty = match find("type") {
            Some(expr) => parse_type(expr).map_err(|error| Failure::always(*error))?,
            None => Type::Any,
        };
        let declaration = Declaration {
            name,
            block,
            ty,
            default: find("default"),
            sensitive: flag("sensitive", false)?,
            nullable: flag("nullable", true)?,
        };
        match declaration.default {
            Some(expr) if !declaration.nullable && is_null(expr) => Err(Failure::always(
                Diagnostic::error(
                    BAD_VALUE,
                    format!("the default of `{name}` is null, and `nullable = false`"),
                )
                .at(expr.span, "")
                .help("remove the default, or `nullable = false`"),
            )),
            _ => Ok(declaration),
        }
    }

    fn given(&self, id: ModuleId, declaration: &Declaration<'_>) -> EvalResult {
        let given = if self.instance(id).call.is_none() {
            self.input(declaration)?
        } else {
            self.passed(id, declaration)?
        };
        match given {
            Some(value) if !value.is_null() => Ok(value),
            Some(null) if declaration.nullable => Ok(null),
            other => match declaration.default {
                Some(expr) => self.default(declaration, expr),
                None => Err(self.missing(id, declaration, other.is_some())),
            },
        }
    }

    fn default(&self, declaration: &Declaration<'_>, expr: &Expr) -> EvalResult {
        let value = constant(expr).map_err(|error| Failure::always(declaration.not_written_out(*error)))?;
        fit(&value, declaration, expr.span, "the default")
    }

    /// What the calling module passes.
    fn passed(&self, id: ModuleId, declaration: &Declaration<'_>) -> EvalResult<Option<Value>> {
        let Some((argument, caller, each)) = self.argument(id, declaration.name) else {
            return Ok(None);
        };
        let value = eval(&argument.expr, &ModuleScope::with(self, caller, each))?;
        let value = self.kept(value, argument.expr.span)?;
        fit(&value, declaration, argument.expr.span, "this").map(Some)
    }

    /// What was given from outside; of several, the last.
    fn input(&self, declaration: &Declaration<'_>) -> EvalResult<Option<Value>> {
        let inputs = &self.options.variables;
        match inputs
            .iter()
            .rev()
            .find(|input| input.name.as_ref() == declaration.name.as_ref())
        {
            Some(input) => read_input(input, declaration).map(Some),
            None => Ok(None),
        }
    }

    fn missing(&self, id: ModuleId, declaration: &Declaration<'_>, is_null: bool) -> Box<Failure> {
        let name = declaration.name;
        if let Some(call) = self.call_head(id) {
            let message = if is_null {
                format!("the module's variable `{name}` cannot be null")
            } else {
                format!("the module needs a value for its variable `{name}`")
            };
            return Failure::always(
                Diagnostic::error(MISSING, message)
                    .at(call, format!("`{name}` is missing"))
                    .also(head(declaration.block), "declared here, without a default")
                    .help(format!("add `{name} = …` to the call")),
            );
        }
        Failure::always(
            Diagnostic::error(MISSING, format!("the variable `{name}` has no value"))
                .at(head(declaration.block), "declared here, without a default")
                .help(format!(
                    "give one with `--var {name}=…`, in a `*.auto.hclvars` file, or as ROLECALL_VAR_{name}; or add a `default`"
                )),
        )
    }

    fn validate(&self, id: ModuleId, declaration: &Declaration<'_>) -> EvalResult<()> {
        let rules = declaration
            .block
            .body
            .blocks
            .iter()
            .filter(|block| block.kind.as_ref() == "validation");
        let mut failed = None;
        for rule in rules {
            if let Err(failure) = self.check_rule(id, declaration, rule) {
                self.report_failure(*failure);
                failed = Some(silent());
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn check_rule(&self, id: ModuleId, declaration: &Declaration<'_>, rule: &Block) -> EvalResult<()> {
        let find = |name: &str| {
            rule.body
                .attributes
                .iter()
                .find(|attribute| attribute.name.as_ref() == name)
        };
        let (Some(condition), Some(message)) = (find("condition"), find("error_message")) else {
            return Err(silent());
        };
        let scope = ModuleScope::new(self, id);
        let holds = eval(&condition.expr, &scope)?;
        if !holds.is_known() {
            return Ok(());
        }
        let known = convert(&holds, &Type::Bool)
            .ok()
            .and_then(|value| value.as_bool());
        match known {
            Some(true) => Ok(()),
            Some(false) => {
                let said = eval(&message.expr, &scope)?;
                let said = match (said.contains_sensitive(), said.as_str()) {
                    (false, Some(text)) => text.to_owned(),
                    _ => "the value is refused by its validation".to_owned(),
                };
                let (span, remark) = self.where_given(id, declaration);
                let error = Diagnostic::error(
                    INVALID,
                    format!("`{}`: {}", declaration.name, said.trim_end_matches('.')),
                );
                Err(Failure::always(
                    declaration
                        .shown(error.at(span, remark))
                        .also(condition.expr.span, "this does not hold"),
                ))
            }
            None => Err(Failure::always(
                Diagnostic::error(code::WRONG_TYPE, "a condition is true or false").at(
                    condition.expr.span,
                    format!("this is a {}", holds.friendly_type()),
                ),
            )),
        }
    }

    fn where_given(&self, id: ModuleId, declaration: &Declaration<'_>) -> (Span, String) {
        if let Some((argument, ..)) = self.argument(id, declaration.name) {
            return (argument.expr.span, "this value".to_owned());
        }
        let input = self
            .options
            .variables
            .iter()
            .rev()
            .find(|input| input.name == *declaration.name);
        match input {
            Some(VariableInput {
                value: InputValue::Expr(expr),
                ..
            }) => (expr.span, "this value".to_owned()),
            Some(input) => (head(declaration.block), format!("given by {}", input.origin)),
            None => (
                declaration
                    .default
                    .map_or(head(declaration.block), |expr| expr.span),
                "this value".to_owned(),
            ),
        }
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Literal(value) if value.is_null())
}

/// What is said of a sensitive value that does not fit.
const REDACTED: &str = "it is of another type (the value is sensitive and not shown)";

impl Declaration<'_> {
    /// Why a value does not fit, without the value if it is not to be shown.
    fn reason(&self, why: &ConvertError) -> String {
        if self.sensitive {
            return REDACTED.to_owned();
        }
        why.to_string()
    }

    /// What is wrong with an expression that is no value, without what it says if that is not to be shown.
    fn not_written_out(&self, mut error: Diagnostic) -> Diagnostic {
        if self.sensitive {
            let message = format!(
                "the value of `{}` is not written out as one (it is not shown)",
                self.name
            );
            (error.message, error.cause, error.remedy) = (Arc::from(message), None, None);
        }
        self.shown(error)
    }

    /// What is wrong with a value, without the lines that it is written in if it is not to be shown.
    fn shown(&self, error: Diagnostic) -> Diagnostic {
        match self.sensitive {
            true => error.without_source(),
            false => error,
        }
    }
}

fn fit(value: &Value, declaration: &Declaration<'_>, span: Span, what: &str) -> EvalResult {
    convert(value, &declaration.ty).map_err(|why| {
        let why = declaration.reason(&why);
        let error = Diagnostic::error(
            BAD_VALUE,
            format!("{what} does not fit the variable `{}`: {why}", declaration.name),
        );
        Failure::always(
            declaration
                .shown(error.at(span, ""))
                .also(head(declaration.block), format!("it takes `{}`", declaration.ty)),
        )
    })
}

/// A value of a type, as one writes it.
fn example(ty: &Type) -> String {
    match ty {
        Type::Any | Type::String | Type::Entity(_) => "\"text\"".to_owned(),
        Type::Bool => "true".to_owned(),
        Type::Number => "1".to_owned(),
        Type::List(element) | Type::Set(element) => format!("[{}]", example(element)),
        Type::Map(element) => format!("{{ key = {} }}", example(element)),
        Type::Tuple(elements) => {
            let elements: Vec<String> = elements.iter().map(example).collect();
            format!("[{}]", elements.join(", "))
        }
        Type::Object(object) => {
            let fields = object.attributes.iter();
            let fields: Vec<String> = fields
                .map(|(name, field)| format!("{name} = {}", example(&field.ty)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

fn read_input(input: &VariableInput, declaration: &Declaration<'_>) -> EvalResult {
    let text = match &input.value {
        InputValue::Expr(expr) => {
            let value =
                constant(expr).map_err(|error| Failure::always(declaration.not_written_out(*error)))?;
            return fit(&value, declaration, expr.span, "this");
        }
        InputValue::Text(text) => text,
    };
    let bad = |why: String| {
        let why = if declaration.sensitive {
            REDACTED.to_owned()
        } else {
            why
        };
        Failure::always(
            Diagnostic::error(
                BAD_VALUE,
                format!(
                    "the value of `{}` given by {} does not fit: {why}",
                    declaration.name, input.origin
                ),
            )
            .at(head(declaration.block), format!("it takes `{}`", declaration.ty))
            .help(format!(
                "written on a command line, as an expression: --var '{}={}'",
                declaration.name,
                example(&declaration.ty)
            )),
        )
    };
    // Text for a variable that takes text (or anything simple) is that text; else it is an expression.
    if declaration.ty.is_primitive() || declaration.ty == Type::Any {
        return convert(&Value::string(text.as_str()), &declaration.ty).map_err(|why| bad(why.to_string()));
    }
    let expr =
        parse_expression(FileId(u32::MAX), text).map_err(|_| bad("it is not an expression".to_owned()))?;
    let value = constant(&expr).map_err(|error| bad(error.message.to_string()))?;
    convert(&value, &declaration.ty).map_err(|why| bad(why.to_string()))
}
