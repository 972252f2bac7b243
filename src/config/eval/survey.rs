//! What is not evaluated is looked at all the same: a name that nothing declares is wrong in the body of a `for` that
//! has no elements today, and behind an `&&`. Somebody would find it on the day an account is added.
//!
//! Such parts are evaluated once, with what `for` binds unknown. Only failures that do not depend on values
//! ([`Failure::always`](super::Failure::always)) count.

use std::sync::Arc;

use crate::config::syntax::{Expr, For, Part};
use crate::config::types::Type;
use crate::config::value::Value;
use crate::source::Span;

use super::{EvalResult, Evaluator, Text};

impl Evaluator<'_> {
    /// Looks at what evaluation leaves out. Inside of a `for` that is done once, when the whole `for` is looked at,
    /// and not for each element.
    pub(super) fn survey(&mut self, look: impl FnOnce(&mut Self) -> EvalResult<()>) -> EvalResult<()> {
        let inside = !self.bound.is_empty() || !self.items.is_empty();
        if inside && !self.surveying {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.surveying, true);
        let found = look(self);
        self.surveying = before;
        match found {
            Err(failure) if failure.always => Err(failure),
            _ => Ok(()),
        }
    }

    pub(super) fn survey_expr(&mut self, expr: &Expr) -> EvalResult<()> {
        self.survey(|evaluator| evaluator.eval(expr).map(drop))
    }

    pub(super) fn survey_parts(&mut self, parts: &[Part], span: Span) -> EvalResult<()> {
        self.survey(|evaluator| evaluator.render(parts, &mut Text::new(span)))
    }

    /// Looks at the parts of a `for` that see its elements.
    pub(super) fn survey_for(&mut self, each: &For) -> EvalResult<()> {
        let key = each.key_name.as_ref();
        self.survey(|evaluator| {
            evaluator.with_unknown(key, &each.value_name, |evaluator| {
                let parts = [each.condition.as_ref(), each.key.as_ref(), Some(&each.value)];
                let parts = parts.into_iter().flatten();
                super::all(parts.map(|part| evaluator.survey_expr(part))).map(drop)
            })
        })
    }

    /// Binds the names of a `for` to something unknown.
    pub(super) fn with_unknown<T>(
        &mut self,
        key: Option<&Arc<str>>,
        value: &Arc<str>,
        look: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let unknown = || Value::unknown(Type::Any);
        self.with_bound((key, unknown()), (value, unknown()), look)
    }
}
