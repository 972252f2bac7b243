//! Arguments of a call as Rust values, and the ways to refuse one.
//!
//! The registry has converted every argument to its parameter's type already, so that a function sees text
//! where it declared text; what remains to be checked here is what types cannot say.

use crate::config::functions::FunctionError;
use crate::config::number::Number;
use crate::config::types::Type;
use crate::config::value::{Data, Fields, Value};

/// What a function makes of its arguments.
pub type Outcome = Result<Value, FunctionError>;

/// Refuses the argument at `index` (0 is the first): what is wrong with it, and what to do.
pub fn refuse<T>(
    index: usize,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Result<T, FunctionError> {
    Err(FunctionError::argument(index, message).with_help(help))
}

/// The argument at `index`; null when the call has fewer.
pub fn at(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::NULL)
}

/// Text.
///
/// # Errors
/// When the argument is something else.
pub fn text(arguments: &[Value], index: usize) -> Result<&str, FunctionError> {
    match at(arguments, index).as_str() {
        Some(text) => Ok(text),
        None => refuse(
            index,
            format!("it is {}, and text is required", kind(at(arguments, index))),
            "write it between quotes",
        ),
    }
}

/// A number.
///
/// # Errors
/// When the argument is something else.
pub fn number(arguments: &[Value], index: usize) -> Result<&Number, FunctionError> {
    match at(arguments, index).as_number() {
        Some(number) => Ok(number),
        None => refuse(
            index,
            format!("it is {}, and a number is required", kind(at(arguments, index))),
            "use `tonumber` on text",
        ),
    }
}

/// A whole number of 64 bits.
///
/// # Errors
/// When the argument has a fraction or is larger.
pub fn whole(arguments: &[Value], index: usize) -> Result<i64, FunctionError> {
    let number = number(arguments, index)?;
    match number.to_i64() {
        Some(whole) => Ok(whole),
        None => refuse(
            index,
            format!("{number} is not a whole number of ordinary size"),
            "use `floor` or `ceil` to round it",
        ),
    }
}

/// The elements of a list, set or tuple.
///
/// # Errors
/// When the argument is something else.
pub fn items(arguments: &[Value], index: usize) -> Result<&[Value], FunctionError> {
    match at(arguments, index).elements() {
        Some(items) => Ok(items),
        None => refuse(
            index,
            format!(
                "it is {}, and a list, set or tuple is required",
                kind(at(arguments, index))
            ),
            "put a single value between square brackets",
        ),
    }
}

/// The elements of a map or object.
///
/// # Errors
/// When the argument is something else.
pub fn fields(arguments: &[Value], index: usize) -> Result<&Fields, FunctionError> {
    match at(arguments, index).fields() {
        Some(fields) => Ok(fields),
        None => refuse(
            index,
            format!(
                "it is {}, and a map or object is required",
                kind(at(arguments, index))
            ),
            "write a map as { key = value }",
        ),
    }
}

/// The type in a few words, with its article.
pub fn kind(value: &Value) -> String {
    if value.is_null() {
        return "null".to_owned();
    }
    let name = value.friendly_type();
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {name}")
}

/// A list of text.
pub fn strings(items: impl IntoIterator<Item = impl AsRef<str>>) -> Value {
    Value::list(
        Type::String,
        items
            .into_iter()
            .map(|item| Value::string(item.as_ref()))
            .collect(),
    )
}

/// Whether it is a list (not a set or tuple).
pub fn is_list(value: &Value) -> bool {
    matches!(value.data(), Data::List(_))
}

/// The type of a list's, set's or map's elements; `Any` for others.
pub fn element_type(value: &Value) -> Type {
    match value.data() {
        Data::List(collection) | Data::Set(collection) => collection.element.clone(),
        Data::Map(map) => map.element.clone(),
        Data::Unknown(unknown) => unknown.ty.element().cloned().unwrap_or(Type::Any),
        _ => Type::Any,
    }
}
