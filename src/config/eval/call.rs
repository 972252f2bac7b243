//! Function calls.

use std::cell::Cell;
use std::sync::Arc;

use crate::config::budget;
use crate::config::convert::convert;
use crate::config::eval::{
    EvalResult, Evaluator, Failure, PathStep, Scope, all, code, error, eval_with, too_large,
};
use crate::config::files::Files;
use crate::config::functions::{Body, CallCx, FUNCTIONS, Function, FunctionError, Returns, impure};
use crate::config::syntax::{Call, Expr, parse_template};
use crate::config::types::Type;
use crate::config::value::{Data, Entity, Fields, Value};
use crate::diagnostic::did_you_mean;
use crate::source::{FileId, Span};

/// The file of text that is in no source map: a template read by `templatefile`.
const NO_FILE: FileId = FileId(u32::MAX);

impl Evaluator<'_> {
    pub(super) fn call(&mut self, call: &Call, span: Span) -> EvalResult {
        let Some(function) = self.scope.function(&call.name) else {
            if let Some(left_out) = impure::find(&call.name) {
                let finding = error(
                    code::UNKNOWN_FUNCTION,
                    format!("there is no function `{}` here: {}", call.name, left_out.reason),
                    call.name_span,
                    "",
                );
                return Err(Failure::always(finding.help(left_out.instead)));
            }
            let names = FUNCTIONS.iter().map(|function| function.name);
            let finding = error(
                code::UNKNOWN_FUNCTION,
                format!("there is no function `{}`", call.name),
                call.name_span,
                "",
            );
            return Err(Failure::always(match did_you_mean(&call.name, names) {
                Some(close) => finding.help(close),
                None => finding.help("the language reference lists the functions there are"),
            }));
        };
        match function.body {
            Body::Try => self.attempt(call, span),
            Body::Can => self.can(function, call, span),
            Body::Eager(body) => self.eager(function, body, call, span),
        }
    }

    fn attempt(&mut self, call: &Call, span: Span) -> EvalResult {
        let mut last = None;
        for argument in &call.arguments {
            match self.eval(argument) {
                Err(failure) if !failure.always => last = Some(failure),
                result => return result,
            }
        }
        let finding = error(
            code::FUNCTION_CALL,
            "`try` has no expression that succeeds",
            span,
            "",
        );
        let reasons = last.map(|failure| failure.diagnostics).unwrap_or_default();
        Err(Failure::of(match reasons.first() {
            Some(reason) => finding
                .because(format!("the last one fails: {}", reason.message))
                .help("end it with a constant that always succeeds"),
            None => finding.help("give it at least one expression"),
        }))
    }

    fn can(&mut self, function: &Function, call: &Call, span: Span) -> EvalResult {
        let [argument] = call.arguments.as_slice() else {
            return Err(wrong_count(function, call, call.arguments.len(), span));
        };
        match self.eval(argument) {
            Ok(value) if !value.is_known() => {
                Ok(Value::unknown(Type::Bool).with_sensitive(value.is_sensitive()))
            }
            Ok(_) => Ok(Value::TRUE),
            Err(failure) if failure.always => Err(failure),
            Err(_) => Ok(Value::FALSE),
        }
    }

    fn eager(
        &mut self,
        function: &'static Function,
        body: fn(&mut CallCx<'_>, &[Value]) -> Result<Value, FunctionError>,
        call: &Call,
        span: Span,
    ) -> EvalResult {
        // A few values that nobody keeps are no matter.
        let are_many = call.arguments.len() > 16;
        let values = all(call.arguments.iter().map(|argument| match are_many {
            true => self.kept(argument),
            false => self.eval(argument),
        }))?;
        let Some(values) = expanded(call, values)? else {
            return Ok(Value::unknown(returned(function, &[])));
        };
        let count = values.len();
        let enough = count >= function.params.len();
        if !enough || (count > function.params.len() && function.variadic.is_none()) {
            return Err(wrong_count(function, call, count, span));
        }
        let converted = values
            .iter()
            .enumerate()
            .map(|(index, value)| argument(function, call, index, value));
        let mut arguments = all(converted)?;
        let mut sensitive = false;
        let mut unknown = false;
        for (index, value) in arguments.iter_mut().enumerate() {
            let Some(param) = function.param(index) else {
                continue;
            };
            // What may be sensitive and unknown is not looked through: to look one thing up in a large map does not
            // take as long as reading all of it, however often it is done.
            if param.allow_sensitive && param.allow_unknown {
                continue;
            }
            let found = budget::survey(value).map_err(|spent| too_large(spent, span))?;
            if !param.allow_sensitive && found.sensitive {
                sensitive = true;
                *value = value.unmarked();
            }
            unknown |= !param.allow_unknown && !found.known;
        }
        if unknown {
            return Ok(Value::unknown(returned(function, &arguments)).with_sensitive(sensitive));
        }
        let render = |name: &str, text: &str, variables: &Fields| render(self.scope, name, text, variables);
        let mut cx = CallCx {
            files: self.scope.files(),
            render: &render,
        };
        let result = body(&mut cx, &arguments).map_err(|reason| {
            if let Some(spent) = budget::spent() {
                return too_large(spent, span);
            }
            if sensitive || arguments.iter().any(Value::contains_sensitive) {
                // The reason, and what to do about it, may quote what must not be shown.
                let message = "it fails; why is not shown, since an argument is sensitive";
                let reason = FunctionError {
                    message: message.to_owned(),
                    help: None,
                    ..reason
                };
                return refused(function, call, &reason, span);
            }
            refused(function, call, &reason, span)
        })?;
        let made = match result.data() {
            Data::String(text) => budget::text(text.len()),
            _ => budget::elements(result.children().count()),
        };
        made.map_err(|spent| too_large(spent, span))?;
        Ok(result.with_sensitive(sensitive))
    }
}

fn returned(function: &Function, arguments: &[Value]) -> Type {
    match function.returns {
        Returns::Fixed(ty) => ty.to_type(),
        Returns::From(_) if arguments.is_empty() => Type::Any,
        Returns::From(find) => find(arguments),
    }
}

/// The arguments with the last one's elements in its place if `...` says so; `None` if those are unknown.
fn expanded(call: &Call, mut values: Vec<Value>) -> EvalResult<Option<Vec<Value>>> {
    if !call.expand {
        return Ok(Some(values));
    }
    let Some(last) = values.pop() else {
        return Ok(Some(values));
    };
    let span = call
        .arguments
        .last()
        .map_or(call.name_span, |argument| argument.span);
    match (last.elements(), last.data()) {
        (Some(items), _) => {
            let sensitive = last.is_sensitive();
            values.extend(items.iter().map(|item| item.clone().with_sensitive(sensitive)));
            Ok(Some(values))
        }
        (None, Data::Unknown(_)) => Ok(None),
        _ => Err(Failure::of(
            error(
                code::FUNCTION_CALL,
                format!("`...` cannot expand a {}", last.friendly_type()),
                span,
                "a list, set or tuple is required",
            )
            .help("leave out the `...`, or put the value in brackets"),
        )),
    }
}

fn place(call: &Call, index: usize) -> Option<&Expr> {
    call.arguments.get(index).or(call.arguments.last())
}

fn argument(function: &Function, call: &Call, index: usize, value: &Value) -> EvalResult {
    let Some(param) = function.param(index) else {
        return Ok(value.clone());
    };
    let span = place(call, index).map_or(call.name_span, |argument| argument.span);
    if value.is_null() && !param.allow_null {
        return Err(Failure::of(
            error(
                code::NULL_VALUE,
                format!("`{}` does not take null for `{}`", function.name, param.name),
                span,
                "this is null",
            )
            .help("give it a default, for instance with `coalesce`"),
        ));
    }
    convert(value, &param.ty.to_type()).map_err(|reason| {
        let message = format!("`{}` of `{}` does not fit: {reason}", param.name, function.name);
        Failure::of(
            error(code::FUNCTION_CALL, message, span, "")
                .because(format!("it is called as `{}`", function.signature())),
        )
    })
}

fn wrong_count(function: &Function, call: &Call, count: usize, span: Span) -> Box<Failure> {
    let wanted = match (function.params.len(), function.variadic.is_some()) {
        (1, false) => "one argument".to_owned(),
        (number, false) => format!("{number} arguments"),
        (number, true) => format!("at least {number}"),
    };
    let span = if count > function.params.len() {
        place(call, function.params.len()).map_or(span, |argument| argument.span)
    } else {
        span
    };
    Failure::of(
        error(
            code::FUNCTION_CALL,
            format!("`{}` takes {wanted}, not {count}", function.name),
            span,
            "",
        )
        .because(format!("it is called as `{}`", function.signature())),
    )
}

fn refused(function: &Function, call: &Call, reason: &FunctionError, span: Span) -> Box<Failure> {
    let span = reason
        .argument
        .and_then(|index| place(call, index))
        .map_or(span, |argument| argument.span);
    let param = reason.argument.and_then(|index| function.param(index));
    let message = match param {
        Some(param) => format!("`{}` of `{}`: {}", param.name, function.name, reason.message),
        None => format!("`{}`: {}", function.name, reason.message),
    };
    let finding = error(code::FUNCTION_CALL, message, span, "");
    Failure::of(match &reason.help {
        Some(help) => finding.help(help.clone()),
        None => finding.because(format!("it is called as `{}`", function.signature())),
    })
}

thread_local! {
    /// How many templates are being rendered inside each other.
    static RENDERING: Cell<usize> = const { Cell::new(0) };
}

/// Renders a template file with variables of its own. Templates may not render further templates.
fn render(scope: &dyn Scope, name: &str, text: &str, variables: &Fields) -> Result<Value, FunctionError> {
    let fail = |what: String| FunctionError::new(format!("{name}{what}"));
    if RENDERING.get() > 0 {
        return Err(fail(": a template cannot call `templatefile`".to_owned()));
    }
    let described = |failure: &[crate::diagnostic::Diagnostic]| {
        let first = failure.first();
        let line = first.and_then(|item| item.primary.as_ref()).map_or(1, |label| {
            let before = text.get(..label.span.start as usize).unwrap_or("");
            before.matches('\n').count() + 1
        });
        let message = first.map_or("it cannot be rendered", |item| item.message.as_ref());
        fail(format!(", line {line}: {message}"))
    };
    let template = parse_template(NO_FILE, text).map_err(|found| described(&found))?;
    let inner = Variables { scope, variables };
    RENDERING.set(1);
    let result = eval_with(&template, &inner, Vec::new());
    RENDERING.set(0);
    result.map_err(|failure| described(&failure.diagnostics))
}

/// The scope inside a template file: its variables and nothing else.
struct Variables<'a> {
    scope: &'a dyn Scope,
    variables: &'a Fields,
}

impl Scope for Variables<'_> {
    fn resolve(&self, name: &str, _: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        if let Some(value) = self.variables.get(name) {
            return Ok((value.clone(), 0));
        }
        let finding = error(
            code::UNKNOWN_NAME,
            format!("the template has no variable `{name}`"),
            span,
            "",
        );
        Err(Failure::always(
            match did_you_mean(name, self.variables.keys().map(AsRef::as_ref)) {
                Some(close) => finding.help(close),
                None => finding.help("pass it in the last argument"),
            },
        ))
    }

    fn attribute(&self, entity: &Arc<Entity>, name: &str, span: Span) -> EvalResult {
        self.scope.attribute(entity, name, span)
    }

    fn files(&self) -> &dyn Files {
        self.scope.files()
    }
}
