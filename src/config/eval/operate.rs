//! Operators and conditionals.

use crate::config::budget;
use crate::config::convert::convert;
use crate::config::eval::{EvalResult, Evaluator, Failure, both, code, error, too_large};
use crate::config::number::{Number, NumberError};
use crate::config::syntax::{BinaryOp, Expr, UnaryOp};
use crate::config::types::{Type, unify};
use crate::config::value::{Data, Value};
use crate::source::Span;

impl Evaluator<'_> {
    pub(super) fn unary(&mut self, operator: UnaryOp, operand: &Expr, span: Span) -> EvalResult {
        let value = self.eval(operand)?;
        let ty = match operator {
            UnaryOp::Negate => Type::Number,
            UnaryOp::Not => Type::Bool,
        };
        let value = operand_of(&value, &ty, span)?;
        let result = match (operator, value.data()) {
            (UnaryOp::Negate, Data::Number(number)) => Value::number(number.neg()),
            (UnaryOp::Not, Data::Bool(flag)) => Value::bool(!flag),
            _ => Value::unknown(ty),
        };
        Ok(result.with_sensitive(value.is_sensitive()))
    }

    pub(super) fn binary(&mut self, operator: BinaryOp, left: &Expr, right: &Expr, span: Span) -> EvalResult {
        match operator {
            BinaryOp::And => return self.logical(false, left, right),
            BinaryOp::Or => return self.logical(true, left, right),
            _ => {}
        }
        let (a, b) = both(self.eval(left), self.eval(right))?;
        if matches!(operator, BinaryOp::Equal | BinaryOp::NotEqual) {
            look_through(&[&a, &b], span)?;
        }
        match operator {
            BinaryOp::Equal => return Ok(a.equals(&b)),
            BinaryOp::NotEqual => {
                let equal = a.equals(&b);
                return Ok(match equal.as_bool() {
                    Some(flag) => Value::bool(!flag).with_sensitive(equal.is_sensitive()),
                    None => equal,
                });
            }
            _ => {}
        }
        let (a, b) = both(
            operand_of(&a, &Type::Number, left.span),
            operand_of(&b, &Type::Number, right.span),
        )?;
        let sensitive = a.is_sensitive() || b.is_sensitive();
        let result = match (a.as_number(), b.as_number()) {
            (Some(a), Some(b)) => arithmetic(operator, a, b).map_err(|reason| {
                Failure::of(
                    error(code::ARITHMETIC, reason.to_string(), span, "")
                        .help("guard the divisor with a conditional, such as `x == 0 ? 0 : y / x`"),
                )
            })?,
            _ if compares(operator) => Value::unknown(Type::Bool),
            _ => Value::unknown(Type::Number),
        };
        Ok(result.with_sensitive(sensitive))
    }

    /// `&&` and `||`: `decisive` is the value of one side that makes the other irrelevant.
    fn logical(&mut self, decisive: bool, left: &Expr, right: &Expr) -> EvalResult {
        let a = operand_of(&self.eval(left)?, &Type::Bool, left.span)?;
        if a.as_bool() == Some(decisive) {
            self.survey_expr(right)?;
            return Ok(a);
        }
        let b = operand_of(&self.eval(right)?, &Type::Bool, right.span)?;
        let sensitive = a.is_sensitive() || b.is_sensitive();
        let result = match (a.as_bool(), b.as_bool()) {
            (_, Some(flag)) if flag == decisive => Value::bool(decisive),
            (Some(_), Some(flag)) => Value::bool(flag),
            _ => Value::unknown(Type::Bool),
        };
        Ok(result.with_sensitive(sensitive))
    }

    /// The truth of a condition (`None`: unknown) and whether it is sensitive.
    pub(super) fn condition(&mut self, condition: &Expr) -> EvalResult<(Option<bool>, bool)> {
        let value = self.eval(condition)?;
        if value.is_null() {
            return Err(Failure::of(
                error(
                    code::NULL_VALUE,
                    "a condition is null",
                    condition.span,
                    "this is null",
                )
                .because("a condition is either true or false")
                .help("compare it: `x != null`, or give it a default"),
            ));
        }
        let value = operand_of(&value, &Type::Bool, condition.span)?;
        Ok((value.as_bool(), value.is_sensitive()))
    }

    /// Both arms are looked at, because their types decide the result's; only the chosen one's errors count.
    pub(super) fn conditional(
        &mut self,
        condition: &Expr,
        then: &Expr,
        otherwise: &Expr,
        span: Span,
    ) -> EvalResult {
        let condition = self.condition(condition);
        let (then_value, other_value) = (self.eval(then), self.eval(otherwise));
        let (truth, sensitive) = condition?;
        let (chosen, other) = match truth {
            Some(true) => (then_value, other_value),
            Some(false) => (other_value, then_value),
            None => {
                let (a, b) = both(then_value, other_value)?;
                look_through(&[&a, &b], span)?;
                let ty = common(&a, &b).ok_or_else(|| inconsistent(&a, &b, then, otherwise, span))?;
                return Ok(Value::unknown(ty)
                    .with_sensitive(sensitive || a.contains_sensitive() || b.contains_sensitive()));
            }
        };
        let other = match other {
            Err(failure) if failure.always => {
                return both(chosen, Err(failure)).map(|(value, _): (Value, Value)| value);
            }
            other => other,
        };
        let chosen = chosen?;
        let Ok(other) = other else {
            return Ok(chosen.with_sensitive(sensitive));
        };
        let mismatch = || match truth {
            Some(true) => inconsistent(&chosen, &other, then, otherwise, span),
            _ => inconsistent(&other, &chosen, then, otherwise, span),
        };
        look_through(&[&chosen, &other], span)?;
        let ty = common(&chosen, &other).ok_or_else(mismatch)?;
        let value = convert(&chosen, &ty).map_err(|_| mismatch())?;
        // As in Terraform, an arm's mark is the result's whichever arm is chosen.
        Ok(value.with_sensitive(sensitive || other.is_sensitive()))
    }
}

/// Takes the steps for what looks at every element of values.
fn look_through(values: &[&Value], span: Span) -> EvalResult<()> {
    let looked = values
        .iter()
        .try_for_each(|value| budget::survey(value).map(|_| ()));
    looked.map_err(|spent| too_large(spent, span))
}

/// The type of a conditional with these arms; `Any` leaves the chosen one as it is.
fn common(a: &Value, b: &Value) -> Option<Type> {
    let simple = |value: &Value| match value.data() {
        Data::Bool(_) => Some(Type::Bool),
        Data::Number(_) => Some(Type::Number),
        Data::String(_) => Some(Type::String),
        _ => None,
    };
    match (simple(a), simple(b)) {
        (Some(a), Some(b)) if a == b => return Some(a),
        _ => {}
    }
    let undecided = |value: &Value| value.as_unknown().is_some_and(|unknown| unknown.ty == Type::Any);
    if undecided(a) || undecided(b) {
        return Some(Type::Any);
    }
    let (a, b) = (a.ty(), b.ty());
    if a == b { Some(a) } else { unify(&[a, b]) }
}

fn inconsistent(a: &Value, b: &Value, then: &Expr, otherwise: &Expr, span: Span) -> Box<Failure> {
    let (first, second) = (a.friendly_type(), b.friendly_type());
    Failure::of(
        error(
            code::INCONSISTENT_ARMS,
            "the two results of a conditional have no type in common",
            span,
            "",
        )
        .also(then.span, format!("{first} here"))
        .also(otherwise.span, format!("{second} here"))
        .because("the result must have one type, whichever side is chosen")
        .help("convert one side, for instance with `tostring`, `tolist` or `tomap`; entities go with entities only"),
    )
}

/// A value as an operand: converted, not null.
fn operand_of(value: &Value, ty: &Type, span: Span) -> EvalResult {
    if value.is_null() {
        return Err(Failure::of(
            error(code::NULL_VALUE, "an operand is null", span, "this is null")
                .because(format!("a {ty} is required here"))
                .help("give it a default, for instance with `coalesce`"),
        ));
    }
    convert(value, ty).map_err(|reason| {
        Failure::of(error(
            code::WRONG_TYPE,
            format!("an operand does not fit: {reason}"),
            span,
            "",
        ))
    })
}

fn compares(operator: BinaryOp) -> bool {
    use BinaryOp::{Greater, GreaterOrEqual, Less, LessOrEqual};
    matches!(operator, Less | LessOrEqual | Greater | GreaterOrEqual)
}

fn arithmetic(operator: BinaryOp, a: &Number, b: &Number) -> Result<Value, NumberError> {
    Ok(match operator {
        BinaryOp::Add => Value::number(a.add(b)?),
        BinaryOp::Subtract => Value::number(a.sub(b)?),
        BinaryOp::Multiply => Value::number(a.mul(b)?),
        BinaryOp::Divide => Value::number(a.div(b)?),
        BinaryOp::Remainder => Value::number(a.rem(b)?),
        BinaryOp::Less => Value::bool(a < b),
        BinaryOp::LessOrEqual => Value::bool(a <= b),
        BinaryOp::Greater => Value::bool(a > b),
        BinaryOp::GreaterOrEqual => Value::bool(a >= b),
        // These do not come here: they take operands other than numbers.
        BinaryOp::Equal | BinaryOp::NotEqual | BinaryOp::And | BinaryOp::Or => Value::bool(a == b),
    })
}
