//! Functions over numbers.

use crate::config::functions::args::{Outcome, items, number, refuse, whole};
use crate::config::functions::{EagerBody, Function, FunctionError, Param, ParamType};
use crate::config::number::{Number, NumberError};
use crate::config::types::Type;
use crate::config::value::Value;

const NUMBER: Param = Param::new("number", ParamType::Number);

/// This file's functions.
pub const TABLE: &[Function] = &[
    one("abs", "A number without its sign.", ("abs(-3)", "3"), |_, a| abs(a)),
    one("ceil", "The nearest whole number that is not smaller.", ("ceil(1.2)", "2"), |_, a| ceil(a)),
    one("floor", "The nearest whole number that is not larger.", ("floor(1.8)", "1"), |_, a| floor(a)),
    Function::new(
        "log",
        "The logarithm of a number to a base.",
        ("log(16, 2)", "4"),
        &[NUMBER, Param::new("base", ParamType::Number)],
        ParamType::Number,
        |_, a| log(a),
    ),
    Function::new("max", "The largest of the numbers.", ("max(3, 5, 4)", "5"), &[], ParamType::Number, |_, a| max(a))
        .with_more(NUMBER),
    Function::new("min", "The smallest of the numbers.", ("min(3, 5, 4)", "3"), &[], ParamType::Number, |_, a| min(a))
        .with_more(NUMBER),
    Function::new(
        "pow",
        "A number to a power.",
        ("pow(2, 10)", "1024"),
        &[NUMBER, Param::new("power", ParamType::Number)],
        ParamType::Number,
        |_, a| pow(a),
    ),
    Function::new(
        "range",
        "The numbers from a start (0) up to but without a limit, in steps (1 or -1): range(limit), range(start, limit) or range(start, limit, step).",
        ("range(1, 4)", "[1, 2, 3]"),
        &[],
        ParamType::List(&ParamType::Number),
        |_, a| range(a),
    )
    .with_more(NUMBER),
    one("signum", "-1, 0 or 1: the sign of a number.", ("signum(-13)", "-1"), |_, a| signum(a)),
    Function::new(
        "sum",
        "The sum of the numbers in a collection.",
        ("sum([1, 2.5])", "3.5"),
        &[Param::new("list", ParamType::Any)],
        ParamType::Number,
        |_, a| sum(a),
    ),
];

const fn one(
    name: &'static str,
    summary: &'static str,
    example: (&'static str, &'static str),
    body: EagerBody,
) -> Function {
    Function::new(name, summary, example, &[NUMBER], ParamType::Number, body)
}

/// `range` makes at most this many numbers.
const RANGE_LIMIT: usize = 1_024;

fn abs(arguments: &[Value]) -> Outcome {
    let number = number(arguments, 0)?;
    Ok(Value::number(if number.is_negative() {
        number.neg()
    } else {
        number.clone()
    }))
}

fn ceil(arguments: &[Value]) -> Outcome {
    round(number(arguments, 0)?, false)
}

fn floor(arguments: &[Value]) -> Outcome {
    round(number(arguments, 0)?, true)
}

fn round(number: &Number, down: bool) -> Outcome {
    if number.is_zero() {
        return Ok(Value::number(Number::from_i64(0)));
    }
    if number.is_integer() || number.is_infinite() {
        return Ok(Value::number(number.clone()));
    }
    let (negative, magnitude) = number.truncated();
    let towards_zero = Number::from_integer(negative, magnitude);
    if negative == down {
        let step = Number::from_i64(if down { -1 } else { 1 });
        return arithmetic(towards_zero.add(&step));
    }
    Ok(Value::number(towards_zero))
}

fn arithmetic(result: Result<Number, NumberError>) -> Outcome {
    result
        .map(Value::number)
        .map_err(|error| FunctionError::new(error.to_string()).with_help("check for infinities"))
}

/// A number as these functions take it: of 64 bits, as in Terraform.
fn float(arguments: &[Value], index: usize) -> Result<f64, FunctionError> {
    let given = number(arguments, index)?;
    match given.to_f64() {
        float if float.is_infinite() && !given.is_infinite() => refuse(
            index,
            "it is beyond 1.8e308 in size, and this works with numbers of 64 bits",
            "use a smaller number",
        ),
        float => Ok(float),
    }
}

fn log(arguments: &[Value]) -> Outcome {
    let (value, base) = (float(arguments, 0)?, float(arguments, 1)?);
    if value < 0.0 {
        return refuse(0, "a negative number has no logarithm", "use a number from 0 up");
    }
    // The quotient of natural logarithms, as Terraform computes it: log(1000, 10) is a little below 3.
    from_float(
        libm::log(value) / libm::log(base),
        1,
        "a logarithm needs a base above 0 that is not 1",
        "use a base such as 2 or 10",
    )
}

fn pow(arguments: &[Value]) -> Outcome {
    let (base, power) = (float(arguments, 0)?, float(arguments, 1)?);
    from_float(
        power_of(base, power),
        1,
        "a negative number has no power with a fraction",
        "use a whole power",
    )
}

/// A power in doubles, the way Terraform's language computes it: the whole part of the exponent by repeated squaring of
/// the base's fraction, so that the last digits drift as they do there; `pow(10, 100)` is a little above a googol.
fn power_of(base: f64, power: f64) -> f64 {
    if power == 0.5 {
        return base.sqrt();
    }
    let special = base == 0.0 || !base.is_finite() || !power.is_finite() || power.abs() >= 9e18;
    if special || power == 0.0 || base == 1.0 {
        return base.powf(power);
    }
    let (mut whole, mut rest) = (power.abs().trunc(), power.abs().fract());
    if rest != 0.0 && base < 0.0 {
        return f64::NAN;
    }
    let mut result = 1.0;
    if rest != 0.0 {
        if rest > 0.5 {
            rest -= 1.0;
            whole += 1.0;
        }
        result = libm::exp(rest * libm::log(base));
    }
    let (mut square, mut square_exponent) = libm::frexp(base);
    let mut exponent = 0_i32;
    // Below 9e18, so that it fits; the loop ends sooner than the bits do once the result is nothing or infinite.
    let mut left = whole as u64;
    while left != 0 {
        if square_exponent.abs() > 1 << 12 {
            exponent = exponent.saturating_add(square_exponent);
            break;
        }
        if left & 1 == 1 {
            result *= square;
            exponent += square_exponent;
        }
        square *= square;
        square_exponent <<= 1;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        left >>= 1;
    }
    if power < 0.0 {
        result = 1.0 / result;
        exponent = -exponent;
    }
    libm::ldexp(result, exponent)
}

fn from_float(result: f64, index: usize, problem: &str, help: &str) -> Outcome {
    match Number::from_f64(result) {
        // Of a fraction, the digits that tell its double apart are what goes on from here.
        Some(exact) if exact.is_integer() || result.is_infinite() => Ok(Value::number(exact)),
        Some(exact) => Ok(Value::number(Number::parse(&result.to_string()).unwrap_or(exact))),
        None => refuse(index, problem, help),
    }
}

fn max(arguments: &[Value]) -> Outcome {
    extreme(arguments, |new, best| new > best)
}

fn min(arguments: &[Value]) -> Outcome {
    extreme(arguments, |new, best| new < best)
}

fn extreme(arguments: &[Value], better: fn(&Number, &Number) -> bool) -> Outcome {
    let mut best: Option<&Number> = None;
    for index in 0..arguments.len() {
        let new = number(arguments, index)?;
        if best.is_none_or(|best| better(new, best)) {
            best = Some(new);
        }
    }
    best.map(|best| Value::number(best.clone())).ok_or_else(|| {
        FunctionError::new("it needs at least one number").with_help("expand a list with `list...`")
    })
}

fn signum(arguments: &[Value]) -> Outcome {
    Ok(Value::number(Number::from_i64(whole(arguments, 0)?.signum())))
}

fn range(arguments: &[Value]) -> Outcome {
    let zero = Number::ZERO;
    let (start, end) = match arguments.len() {
        1 => (&zero, number(arguments, 0)?),
        2 | 3 => (number(arguments, 0)?, number(arguments, 1)?),
        _ => {
            return Err(
                FunctionError::new("it takes one, two or three numbers").with_help("write range(limit)")
            );
        }
    };
    let down = end < start;
    let step = if arguments.len() == 3 {
        number(arguments, 2)?.clone()
    } else {
        Number::from_i64(if down { -1 } else { 1 })
    };
    if start != end && !step.is_zero() && step.is_negative() != down {
        return refuse(
            2,
            "the step leads away from the limit",
            "change the sign of the step",
        );
    }
    let mut found = Vec::new();
    let mut next = start.clone();
    while if down { next > *end } else { next < *end } {
        if found.len() >= RANGE_LIMIT {
            return Err(
                FunctionError::new(format!("it makes more than {RANGE_LIMIT} numbers"))
                    .with_help("use a nearer limit or a larger step"),
            );
        }
        found.push(Value::number(next.clone()));
        next = match next.add(&step) {
            Ok(next) => next,
            Err(_) => break,
        };
    }
    Ok(Value::list(Type::Number, found))
}

fn sum(arguments: &[Value]) -> Outcome {
    let items = items(arguments, 0)?;
    if items.is_empty() {
        return refuse(0, "an empty collection has no sum", "use sum(concat([0], list))");
    }
    let mut total = Number::ZERO;
    for (index, item) in items.iter().enumerate() {
        let item = crate::config::convert::convert(item, &Type::Number)
            .ok()
            .filter(|item| !item.is_null());
        let Some(number) = item.as_ref().and_then(Value::as_number) else {
            return refuse(
                0,
                format!("its element {index} is not a number"),
                "use only numbers, or text that writes one",
            );
        };
        total = match total.add(number) {
            Ok(total) => total,
            Err(error) => return refuse(0, error.to_string(), "use finite numbers"),
        };
    }
    Ok(Value::number(total))
}
