//! Types as written: `list(object({ name = string, port = optional(number, 22) }))`.

use std::sync::Arc;

use crate::address::Kind;
use crate::config::convert::convert;
use crate::config::syntax::{Call, Expr, ExprKind};
use crate::config::types::{AttributeType, ObjectType, Optional, Type};
use crate::config::value::Value;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};

/// A type that does not exist or is not written as one.
const BAD_TYPE: Code = Code("bad-type");

const NAMES: &[&str] = &[
    "any", "bool", "number", "string", "list", "set", "map", "object", "tuple", "optional",
];

/// Reads a type. Entities have types too: `account`, `list(group)`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_type(expr: &Expr) -> Result<Type, Box<Diagnostic>> {
    if let Some(name) = expr.as_keyword() {
        return keyword(name, expr);
    }
    match &expr.kind {
        ExprKind::Call(call) => constructed(call, expr),
        ExprKind::Literal(value) if value.as_str().is_some() => {
            let text = value.as_str().unwrap_or_default();
            Err(error(
                expr,
                "a type is written without quotes",
                Some(format!("write `{text}`")),
            ))
        }
        _ => Err(error(
            expr,
            "this is not a type",
            Some("types are like `string`, `list(number)` or `map(string)`".to_owned()),
        )),
    }
}

fn keyword(name: &str, expr: &Expr) -> Result<Type, Box<Diagnostic>> {
    match name {
        "any" => Ok(Type::Any),
        "bool" => Ok(Type::Bool),
        "number" => Ok(Type::Number),
        "string" => Ok(Type::String),
        "list" | "set" | "map" => {
            let help = format!("say of what: `{name}(string)`, or `{name}(any)`");
            Err(error(
                expr,
                &format!("`{name}` needs the type of its elements"),
                Some(help),
            ))
        }
        _ => match Kind::from_name(name).filter(|kind| *kind != Kind::Assignment) {
            Some(kind) => Ok(Type::Entity(Some(kind))),
            None => Err(unknown(name, expr)),
        },
    }
}

fn unknown(name: &str, expr: &Expr) -> Box<Diagnostic> {
    let kinds = Kind::ALL.iter().map(|kind| kind.name());
    let help = did_you_mean(name, NAMES.iter().copied().chain(kinds));
    error(
        expr,
        &format!("there is no type `{name}`"),
        help.or_else(|| Some(format!("there are {}", NAMES.join(", ")))),
    )
}

fn constructed(call: &Call, expr: &Expr) -> Result<Type, Box<Diagnostic>> {
    let one = || match call.arguments.as_slice() {
        [element] => parse_type(element),
        _ => Err(error(expr, &format!("`{}` takes one type", call.name), None)),
    };
    match call.name.as_ref() {
        "list" => one().map(Type::list),
        "set" => one().map(Type::set),
        "map" => one().map(Type::map),
        "tuple" => match call.arguments.as_slice() {
            [
                Expr {
                    kind: ExprKind::Tuple(items),
                    ..
                },
            ] => items
                .iter()
                .map(parse_type)
                .collect::<Result<Vec<_>, _>>()
                .map(Type::tuple),
            _ => Err(error(
                expr,
                "`tuple` takes a list of types",
                Some("write `tuple([string, number])`".to_owned()),
            )),
        },
        "object" => match call.arguments.as_slice() {
            [
                Expr {
                    kind: ExprKind::Object(items),
                    ..
                },
            ] => object(items),
            _ => Err(error(
                expr,
                "`object` takes names and types",
                Some("write `object({ name = string })`".to_owned()),
            )),
        },
        "optional" => Err(error(expr, "`optional` stands inside `object({ … })` only", None)),
        name => Err(unknown(name, expr)),
    }
}

fn object(items: &[(Expr, Expr)]) -> Result<Type, Box<Diagnostic>> {
    let mut object = ObjectType::default();
    for (key, ty) in items {
        let literal = match &key.kind {
            ExprKind::Literal(value) => value.as_str().map(Arc::from),
            _ => key.as_keyword().map(Arc::from),
        };
        let Some(name) = literal else {
            return Err(error(key, "an attribute's name is written out", None));
        };
        object.attributes.insert(name, attribute(ty)?);
    }
    Ok(Type::Object(Arc::new(object)))
}

fn attribute(expr: &Expr) -> Result<AttributeType, Box<Diagnostic>> {
    let call = match &expr.kind {
        ExprKind::Call(call) if call.name.as_ref() == "optional" => call,
        _ => {
            return Ok(AttributeType {
                ty: parse_type(expr)?,
                optional: None,
            });
        }
    };
    match call.arguments.as_slice() {
        [ty] => Ok(AttributeType {
            ty: parse_type(ty)?,
            optional: Some(Optional::Null),
        }),
        [ty, default] => {
            let ty = parse_type(ty)?;
            let value = constant(default)?;
            let value = convert(&value, &ty)
                .map_err(|why| error(default, &format!("the default does not fit: {why}"), None))?;
            Ok(AttributeType {
                ty,
                optional: Some(Optional::Default(value)),
            })
        }
        _ => Err(error(expr, "`optional` takes a type and perhaps a default", None)),
    }
}

/// A value written out, without names or functions.
///
/// # Errors
/// When it is computed.
pub fn constant(expr: &Expr) -> Result<Value, Box<Diagnostic>> {
    let computed = || {
        error(
            expr,
            "this must be a value written out",
            Some("names and functions mean nothing here".to_owned()),
        )
    };
    if expr.as_keyword().is_some() {
        return Err(computed());
    }
    crate::config::eval::eval(expr, &Nothing).map_err(|failure| {
        failure
            .diagnostics
            .into_iter()
            .next()
            .map_or_else(computed, Box::new)
    })
}

/// A scope without names.
struct Nothing;

impl crate::config::eval::Scope for Nothing {
    fn resolve(
        &self,
        name: &str,
        _: &[crate::config::eval::PathStep],
        span: crate::source::Span,
    ) -> crate::config::eval::EvalResult<(Value, usize)> {
        let message = format!("`{name}` cannot be used here: this must be a value written out");
        Err(crate::config::eval::Failure::always(
            Diagnostic::error(BAD_TYPE, message).at(span, ""),
        ))
    }

    fn attribute(
        &self,
        _: &Arc<crate::config::value::Entity>,
        _: &str,
        _: crate::source::Span,
    ) -> crate::config::eval::EvalResult {
        Ok(Value::NULL)
    }

    fn files(&self) -> &dyn crate::config::files::Files {
        &crate::config::files::NoFiles
    }
}

fn error(expr: &Expr, message: &str, help: Option<String>) -> Box<Diagnostic> {
    let error = Diagnostic::error(BAD_TYPE, message).at(expr.span, "");
    Box::new(match help {
        Some(help) => error.help(help),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::syntax::parse_expression;
    use crate::source::FileId;

    fn parse(text: &str) -> Result<String, String> {
        let expr = parse_expression(FileId(0), text).unwrap();
        parse_type(&expr)
            .map(|ty| ty.to_string())
            .map_err(|error| error.message.to_string())
    }

    #[test]
    fn types_read_back_as_written() {
        for text in [
            "string",
            "list(number)",
            "map(list(any))",
            "account",
            "set(group)",
            "tuple([string, bool])",
        ] {
            assert_eq!(parse(text).unwrap(), text);
        }
        let object = parse("object({ a = string, b = optional(number, 3) })").unwrap();
        assert_eq!(object, "object({a = string, b = optional(number)})");
    }

    #[test]
    fn what_is_no_type_is_refused_with_a_reason() {
        assert_eq!(parse("strin").unwrap_err(), "there is no type `strin`");
        assert_eq!(
            parse("\"string\"").unwrap_err(),
            "a type is written without quotes"
        );
        assert_eq!(
            parse("list").unwrap_err(),
            "`list` needs the type of its elements"
        );
        assert_eq!(
            parse("object({ a = optional(number, \"x\") })")
                .unwrap_err()
                .split(':')
                .next(),
            Some("the default does not fit")
        );
    }
}
