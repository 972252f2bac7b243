//! Functions that put on, take off and ask for the sensitive mark.

use crate::config::functions::args::{Outcome, at};
use crate::config::functions::{Function, Param, ParamType};
use crate::config::types::Type;
use crate::config::value::{Data, Value};

const VALUE: Param = Param::new("value", ParamType::Any)
    .nullable()
    .unknowable()
    .markable();

/// This file's functions.
pub const TABLE: &[Function] = &[
    Function::new(
        "ephemeralasnull",
        "The value itself: there are no ephemeral values here.",
        (r#"ephemeralasnull("a")"#, r#""a""#),
        &[VALUE],
        ParamType::Any,
        |_, a| Ok(at(a, 0).clone()),
    ),
    Function::new(
        "issensitive",
        "Whether a value is marked as sensitive.",
        (r#"issensitive(sensitive("a"))"#, "true"),
        &[VALUE],
        ParamType::Bool,
        |_, a| issensitive(a),
    ),
    Function::new(
        "nonsensitive",
        "A value without its mark: it may be shown from here on.",
        (r#"nonsensitive(sensitive("a"))"#, r#""a""#),
        &[VALUE],
        ParamType::Any,
        |_, a| Ok(at(a, 0).shallow_unmarked()),
    ),
    Function::new(
        "sensitive",
        "A value marked as sensitive: shown as (sensitive value).",
        (r#"sensitive("a")"#, "(sensitive value)"),
        &[VALUE],
        ParamType::Any,
        |_, a| Ok(at(a, 0).clone().with_sensitive(true)),
    ),
];

fn issensitive(arguments: &[Value]) -> Outcome {
    let value = at(arguments, 0);
    // What is only partly known may still turn out sensitive.
    Ok(match value.data() {
        Data::Unknown(_) if !value.is_sensitive() => Value::unknown(Type::Bool),
        _ => Value::bool(value.is_sensitive()),
    })
}
