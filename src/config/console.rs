//! The console's core: one line of text is one expression, and its value one line of text.

use crate::config::budget;
use crate::config::eval::{EvalResult, Failure, Scope, eval, too_large};
use crate::config::syntax::parse_expression;
use crate::source::FileId;

/// Evaluates one expression and shows its value on one line. `file` is the id under which the caller's source map
/// knows the text, for the places in findings.
///
/// # Errors
/// What is wrong with the text or its evaluation.
pub fn evaluate_line(file: FileId, text: &str, scope: &dyn Scope) -> EvalResult<String> {
    let expr = parse_expression(file, text).map_err(|diagnostics| {
        Box::new(Failure {
            diagnostics,
            always: true,
        })
    })?;
    // Of several lines none has less than the first.
    budget::begin();
    let value = eval(&expr, scope)?;
    budget::survey(&value).map_err(|spent| too_large(spent, expr.span))?;
    Ok(value.to_string())
}
