//! Functions that convert, count and try.

use crate::config::convert::convert;
use crate::config::functions::{Body, CallCx, Function, FunctionError, Param, ParamType, Returns};
use crate::config::types::Type;
use crate::config::value::{Data, Value};

const ANY: Param = Param::new("value", ParamType::Any);
/// Conversions pass everything on: null and unknown take on the type, and marks stay where they are.
const CONVERTED: Param = ANY.nullable().unknowable().markable();

/// This file's functions.
pub const TABLE: &[Function] = &[
    Function {
        name: "can",
        summary: "Whether an expression evaluates without an error.",
        example: ("can({}.a)", "false"),
        params: &[ANY],
        variadic: None,
        returns: Returns::Fixed(ParamType::Bool),
        body: Body::Can,
    },
    Function {
        name: "length",
        summary: "The number of elements of a collection, of attributes of an object, or of characters of a string.",
        example: (r#"length(["a", "b"])"#, "2"),
        params: &[CONVERTED],
        variadic: None,
        returns: Returns::Fixed(ParamType::Number),
        body: Body::Eager(length),
    },
    conversion(
        "tobool",
        "Converts to a bool.",
        ("tobool(\"true\")", "true"),
        to_bool,
    ),
    conversion(
        "tolist",
        "Converts to a list; the elements are brought to one type.",
        (r#"tolist(["a", 1])"#, r#"["a", "1"]"#),
        to_list,
    ),
    conversion(
        "tomap",
        "Converts to a map; the elements are brought to one type.",
        (r#"tomap({ a = 1, b = "x" })"#, r#"{a = "1", b = "x"}"#),
        to_map,
    ),
    conversion(
        "tonumber",
        "Converts to a number.",
        (r#"tonumber("1.5")"#, "1.5"),
        to_number,
    ),
    conversion(
        "toset",
        "Converts to a set: sorted, without repeats, the elements brought to one type.",
        (r#"toset(["b", "a", "b"])"#, r#"["a", "b"]"#),
        to_set,
    ),
    conversion(
        "tostring",
        "Converts to a string.",
        ("tostring(1.5)", r#""1.5""#),
        to_string,
    ),
    Function {
        name: "try",
        summary: "The value of the first expression that evaluates without an error.",
        example: (r#"try({}.a, "none")"#, r#""none""#),
        params: &[],
        variadic: Some(Param::new("expressions", ParamType::Any)),
        returns: Returns::Fixed(ParamType::Any),
        body: Body::Try,
    },
];

const fn conversion(
    name: &'static str,
    summary: &'static str,
    example: (&'static str, &'static str),
    body: fn(&mut CallCx<'_>, &[Value]) -> Result<Value, FunctionError>,
) -> Function {
    Function {
        name,
        summary,
        example,
        params: &[CONVERTED],
        variadic: None,
        returns: Returns::Fixed(ParamType::Any),
        body: Body::Eager(body),
    }
}

fn first(arguments: &[Value]) -> Result<&Value, FunctionError> {
    arguments
        .first()
        .ok_or_else(|| FunctionError::new("an argument is missing"))
}

fn converted(arguments: &[Value], ty: &Type) -> Result<Value, FunctionError> {
    convert(first(arguments)?, ty).map_err(|error| FunctionError::argument(0, error.to_string()))
}

fn to_bool(_: &mut CallCx<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::Bool)
}

fn to_number(_: &mut CallCx<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::Number)
}

fn to_string(_: &mut CallCx<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::String)
}

fn to_list(_: &mut CallCx<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::list(Type::Any))
}

fn to_set(_: &mut CallCx<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::set(Type::Any))
}

fn to_map(_: &mut CallCx<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::map(Type::Any))
}

fn length(_: &mut CallCx<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    use unicode_segmentation::UnicodeSegmentation;
    let value = first(arguments)?;
    let count = match value.data() {
        Data::Unknown(unknown) => match &unknown.ty {
            // How many elements a tuple or object has is part of its type.
            Type::Tuple(items) => items.len(),
            Type::Object(object) => object.attributes.len(),
            Type::Bool | Type::Number | Type::Entity(_) => return Err(no_length(value)),
            _ => return Ok(Value::unknown(Type::Number).with_sensitive(value.is_sensitive())),
        },
        // Unknown elements may turn out equal.
        Data::Set(set) if set.items.len() > 1 && !value.is_wholly_known() => {
            return Ok(Value::unknown(Type::Number).with_sensitive(value.is_sensitive()));
        }
        Data::String(text) => text.graphemes(true).count(),
        Data::List(_) | Data::Set(_) | Data::Tuple(_) | Data::Map(_) | Data::Object(_) => {
            value.children().count()
        }
        Data::Null(_) => return Err(FunctionError::argument(0, "it must not be null")),
        _ => return Err(no_length(value)),
    };
    Ok(Value::count(count).with_sensitive(value.is_sensitive()))
}

fn no_length(value: &Value) -> FunctionError {
    let found = value.friendly_type();
    FunctionError::argument(
        0,
        format!("a collection, an object or a string is required, not a {found}"),
    )
}
