//! The console's core: one line of text is one expression, and its value one line of text.

use crate::config::eval::{EvalResult, Failure, Scope, eval};
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
    eval(&expr, scope).map(|value| value.to_string())
}
