//! What is not evaluated is looked at all the same: a name that nothing declares is wrong in the body of a `for` that
//! has no elements today, and behind an `&&`. Somebody would find it on the day an account is added.
//!
//! Such parts are evaluated once, with what `for` binds unknown. Only failures that do not depend on values
//! ([`Failure::always`](super::Failure::always)) count.

use std::sync::Arc;

use crate::config::syntax::{Expr, For, Part};
use crate::config::types::Type;
use crate::config::value::{Data, Value};
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
    pub(super) fn survey_for(&mut self, each: &For, collection: &Value) -> EvalResult<()> {
        let key = each.key_name.as_ref();
        self.survey(|evaluator| {
            let any = (&each.value_name, element_of(collection));
            evaluator.with_unknown(key, any, |evaluator| {
                let parts = [each.condition.as_ref(), each.key.as_ref(), Some(&each.value)];
                let parts = parts.into_iter().flatten();
                super::all(parts.map(|part| evaluator.survey_expr(part))).map(drop)
            })
        })
    }

    /// Looks at what a splat asks of each element.
    pub(super) fn survey_splat(&mut self, each: &Expr, collection: &Value) -> EvalResult<()> {
        self.survey(|evaluator| {
            evaluator.items.push(element_of(collection));
            let found = evaluator.survey_expr(each);
            evaluator.items.pop();
            found
        })
    }

    /// Binds the names of a `for`, that of the value to something unknown.
    pub(super) fn with_unknown<T>(
        &mut self,
        key: Option<&Arc<str>>,
        value: (&Arc<str>, Value),
        look: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.with_bound((key, Value::unknown(Type::Any)), value, look)
    }
}

/// Something unknown that could be an element of a collection: of its type, where all elements have one.
pub(super) fn element_of(collection: &Value) -> Value {
    let ty = match collection.data() {
        Data::List(_) | Data::Set(_) | Data::Map(_) | Data::Unknown(_) => collection.ty(),
        _ => Type::Any,
    };
    Value::unknown(ty.element().cloned().unwrap_or(Type::Any))
}
