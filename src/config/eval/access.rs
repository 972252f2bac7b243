//! Attributes and elements of values.

use std::sync::Arc;

use crate::config::eval::{EvalResult, Failure, PathStep, Scope, code, error};
use crate::config::number::Number;
use crate::config::types::Type;
use crate::config::value::{Data, Fields, Value};
use crate::diagnostic::did_you_mean;
use crate::source::Span;

/// One step of a traversal.
pub(super) fn step(value: &Value, step: &PathStep, scope: &dyn Scope) -> EvalResult {
    match (step.attribute, step.key.data()) {
        (true, Data::String(name)) => attribute(value, name, step.span, scope),
        (false, Data::String(name)) if value.as_entity().is_some() => {
            let value = attribute(value, name, step.span, scope)?;
            Ok(value.with_sensitive(step.key.is_sensitive()))
        }
        _ => index(value, &step.key, step.span),
    }
}

/// `value.name`
pub(super) fn attribute(value: &Value, name: &Arc<str>, span: Span, scope: &dyn Scope) -> EvalResult {
    let found = match value.data() {
        Data::Object(fields) => field(fields, name, span, "this object", value.is_sensitive())?,
        Data::Map(map) => field(&map.fields, name, span, "this map", value.is_sensitive())?,
        Data::Entity(entity) => scope.attribute(entity, name, span)?,
        Data::Unknown(unknown) => match &unknown.ty {
            Type::Any | Type::Entity(None) => Value::unknown(Type::Any),
            Type::Entity(Some(kind)) => {
                scope.survey_attribute(*kind, name, span)?;
                Value::unknown(Type::Any)
            }
            Type::Map(element) => Value::unknown(element.as_ref().clone()),
            Type::Object(object) => match object.attributes.get(name) {
                Some(attribute) => Value::unknown(attribute.ty.clone()),
                None => {
                    let names = object.attributes.keys().map(AsRef::as_ref).collect();
                    return Err(missing(name, names, span, "this object", value.is_sensitive()));
                }
            },
            ty => return Err(no_attributes(&ty.friendly(), name, span)),
        },
        Data::Null(_) => {
            return Err(Failure::of(
                error(
                    code::NULL_VALUE,
                    format!("`.{name}` is asked of null"),
                    span,
                    "what is before this is null",
                )
                .help(format!(
                    "use `try(….{name}, null)`, or a conditional that leaves null out"
                )),
            ));
        }
        _ => return Err(no_attributes(&value.friendly_type(), name, span)),
    };
    Ok(found.with_sensitive(value.is_sensitive()))
}

/// `value[key]`
pub(super) fn index(value: &Value, key: &Value, span: Span) -> EvalResult {
    let sensitive = value.is_sensitive() || key.is_sensitive();
    if value.is_null() {
        return Err(Failure::of(
            error(
                code::NULL_VALUE,
                "an element is asked of null",
                span,
                "what is before this is null",
            )
            .help("use `try(…, null)`, or a conditional that leaves null out"),
        ));
    }
    if key.is_null() {
        return Err(Failure::of(error(
            code::NULL_VALUE,
            "an index is null",
            span,
            "this is null",
        )));
    }
    let found = match value.data() {
        Data::List(_) | Data::Tuple(_) => item(value, key, span)?,
        Data::Map(map) => {
            let unknown = Value::unknown(map.element.clone());
            entry(&map.fields, key, span, unknown, ("this map", sensitive))?
        }
        Data::Object(fields) => entry(
            fields,
            key,
            span,
            Value::unknown(Type::Any),
            ("this object", sensitive),
        )?,
        Data::Unknown(unknown) => match &unknown.ty {
            Type::List(element) | Type::Map(element) => Value::unknown(element.as_ref().clone()),
            Type::Any | Type::Tuple(_) | Type::Object(_) | Type::Entity(_) => Value::unknown(Type::Any),
            Type::Set(_) => return Err(set_index(span)),
            ty => return Err(no_elements(&ty.friendly(), span)),
        },
        Data::Set(_) => return Err(set_index(span)),
        _ => return Err(no_elements(&value.friendly_type(), span)),
    };
    Ok(found.with_sensitive(sensitive))
}

fn field(fields: &Fields, name: &str, span: Span, what: &str, hide: bool) -> EvalResult {
    match fields.get(name) {
        Some(value) => Ok(value.clone()),
        None => Err(missing(
            name,
            fields.keys().map(AsRef::as_ref).collect(),
            span,
            what,
            hide,
        )),
    }
}

/// `hide`: neither the name nor those that exist may be shown, since they are sensitive.
fn missing(name: &str, names: Vec<&str>, span: Span, what: &str, hide: bool) -> Box<Failure> {
    if hide {
        let message = format!("{what} has no such element");
        return Failure::of(
            error(code::UNKNOWN_ATTRIBUTE, message, span, "not found")
                .because("names are not shown, since a sensitive value is involved"),
        );
    }
    let known = names.get(..names.len().min(12)).unwrap_or(&[]);
    let cause = match known {
        [] => format!("{what} is empty"),
        some => format!("{what} has {}", some.join(", ")),
    };
    let finding = error(
        code::UNKNOWN_ATTRIBUTE,
        format!("{what} has no `{name}`"),
        span,
        "not found",
    )
    .because(cause);
    Failure::of(match did_you_mean(name, names) {
        Some(close) => finding.help(close),
        None => finding.help(format!(
            "use `lookup(…, \"{name}\", default)` or `try` if it may be absent"
        )),
    })
}

fn no_attributes(found: &str, name: &str, span: Span) -> Box<Failure> {
    let finding = error(
        code::UNKNOWN_ATTRIBUTE,
        format!("a {found} has no attribute `{name}`"),
        span,
        "",
    );
    let sequence = ["list", "set", "tuple"]
        .iter()
        .any(|kind| found.starts_with(kind));
    Failure::of(if sequence {
        finding.help(format!(
            "to take it of every element, write `[*].{name}`; of one, `[0].{name}`"
        ))
    } else {
        finding.help("only objects, maps and entities have attributes")
    })
}

fn no_elements(found: &str, span: Span) -> Box<Failure> {
    Failure::of(error(
        code::INVALID_INDEX,
        format!("a {found} has no elements to index"),
        span,
        "",
    ))
}

fn set_index(span: Span) -> Box<Failure> {
    Failure::of(
        error(code::INVALID_INDEX, "a set has no index", span, "")
            .because("elements of a set are known by their value only")
            .help("use `tolist(…)`, or a `for` expression"),
    )
}

fn item(value: &Value, key: &Value, span: Span) -> EvalResult {
    let items = value.elements().unwrap_or(&[]);
    let invalid = |why: String| Failure::of(error(code::INVALID_INDEX, why, span, ""));
    let number = match key.data() {
        Data::Number(number) => number.clone(),
        Data::String(text) => match Number::parse(text) {
            Some(number) => number,
            None => return Err(invalid("an index into a list is a number".to_owned())),
        },
        Data::Unknown(_) => {
            let ty = match value.data() {
                Data::List(list) => list.element.clone(),
                _ => Type::Any,
            };
            return Ok(Value::unknown(ty));
        }
        _ => return Err(invalid("an index into a list is a number".to_owned())),
    };
    let found = number.to_usize().and_then(|at| items.get(at));
    found.cloned().ok_or_else(|| {
        let shown = if key.is_sensitive() {
            "this index".to_owned()
        } else {
            format!("index {number}")
        };
        match items.len() {
            0 => invalid(format!("{shown} is out of range: there are no elements")),
            count => invalid(format!(
                "{shown} is out of range: there are {count} elements, 0 to {}",
                count - 1
            )),
        }
    })
}

/// `what`: how to call the value, and whether its keys or this one must be hidden.
fn entry(fields: &Fields, key: &Value, span: Span, unknown: Value, what: (&str, bool)) -> EvalResult {
    let (what, hide) = what;
    match key.data() {
        Data::String(name) => field(fields, name, span, what, hide),
        Data::Number(number) => field(fields, &number.to_string(), span, what, hide),
        Data::Bool(flag) => field(fields, &flag.to_string(), span, what, hide),
        Data::Unknown(_) => Ok(unknown),
        _ => Err(Failure::of(error(
            code::INVALID_INDEX,
            format!("a key of {what} is a string, not a {}", key.friendly_type()),
            span,
            "",
        ))),
    }
}
