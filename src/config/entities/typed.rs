//! What an attribute takes, checked: conversion to its type, entities of the right kinds.

use std::sync::Arc;

use crate::address::Kind;
use crate::config::budget;
use crate::config::convert::convert;
use crate::config::entities::{Engine, ModuleScope, silent};
use crate::config::eval::{EvalResult, Failure, code, eval, too_large};
use crate::config::schema::{AttributeSchema, Need, Ty};
use crate::config::syntax::{Expr, ExprKind};
use crate::config::types::Type;
use crate::config::value::{Data, Entity, Origin, Value};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// A sensitive value in an entity's attribute.
const SENSITIVE: Code = Code("sensitive-attribute");
/// A needed attribute that is null.
const MISSING: Code = Code("missing-attribute");
/// An account id without quotes.
const UNQUOTED_ID: Code = Code("unquoted-account-id");
/// Something other than an entity of the right kind where one is needed.
const WRONG_ENTITY: Code = Code("wrong-entity");

impl Engine<'_> {
    /// An attribute's value as its schema wants it; null if it is absent.
    pub(in crate::config) fn typed(&self, schema: &AttributeSchema, value: Value, expr: &Expr) -> EvalResult {
        let found = budget::copied(&value).map_err(|spent| too_large(spent, expr.span))?;
        if found.sensitive {
            return Err(sensitive(schema.name, expr.span));
        }
        if value.is_null() {
            return self.may_be_null(schema, expr).map(|()| Value::NULL);
        }
        match schema.ty {
            Ty::Bool => self.plain(schema, &value, &Type::Bool, expr),
            Ty::Number => self.plain(schema, &value, &Type::Number, expr),
            Ty::String => self.text(schema, &value, expr),
            Ty::Text => self.simple(schema, &value, &Type::String, expr),
            Ty::Strings => self.plain(schema, &value, &Type::list(Type::String), expr),
            Ty::Tags => self.plain(schema, &value, &Type::map(Type::String), expr),
            Ty::Entity(kind) => self.one_entity(schema, value, kind, expr),
            Ty::Entities(kinds) => {
                let entities = self.entity_list(schema.name, &value, kinds, expr)?;
                let element = match kinds {
                    [kind] => Type::Entity(Some(*kind)),
                    _ => Type::Entity(None),
                };
                Ok(Value::list(
                    element,
                    entities.into_iter().map(Value::entity).collect(),
                ))
            }
            Ty::CustomerPolicies | Ty::Boundary | Ty::Patterns(_) | Ty::Any | Ty::Type | Ty::Address => {
                Ok(value)
            }
        }
    }

    /// Whether an attribute may be null, which is to be absent.
    ///
    /// # Errors
    /// When the block needs it.
    pub(in crate::config) fn may_be_null(&self, schema: &AttributeSchema, expr: &Expr) -> EvalResult<()> {
        if schema.need != Need::Required {
            return Ok(());
        }
        Err(Failure::always(
            Diagnostic::error(MISSING, format!("`{}` is needed, and it is null", schema.name))
                .at(expr.span, "this is null")
                .because(schema.doc)
                .help(format!("give it a value ({})", schema.ty.shown())),
        ))
    }

    fn text(&self, schema: &AttributeSchema, value: &Value, expr: &Expr) -> EvalResult {
        if let (Data::Number(number), "id") = (value.data(), schema.name) {
            return Err(Failure::always(
                Diagnostic::error(UNQUOTED_ID, "an account id is text, not a number")
                    .at(expr.span, "this is a number")
                    .because("as a number it loses leading zeros, and an id is exactly 12 digits")
                    .help(format!(
                        "put it in quotes: `id = \"{:0>12}\"`",
                        number.to_string()
                    )),
            ));
        }
        self.plain(schema, value, &Type::String, expr)
    }

    /// Converts what must be wholly known.
    fn plain(&self, schema: &AttributeSchema, value: &Value, ty: &Type, expr: &Expr) -> EvalResult {
        let converted = self.simple(schema, value, ty, expr)?;
        if !converted.is_wholly_known() {
            let part = first_unknown(&converted).unwrap_or(converted.clone());
            return Err(self.unknown(&part, &format!("`{}`", schema.name), expr.span));
        }
        if converted.children().any(Value::is_null) {
            return Err(Failure::always(
                Diagnostic::error(code::NULL_VALUE, format!("`{}` holds null", schema.name))
                    .at(expr.span, "an element of this is null")
                    .help("leave nulls out: `[for x in … : x if x != null]`"),
            ));
        }
        Ok(converted)
    }

    fn simple(&self, schema: &AttributeSchema, value: &Value, ty: &Type, expr: &Expr) -> EvalResult {
        if let Some(entity) = first_entity(value) {
            return Err(Failure::always(
                Diagnostic::error(
                    code::WRONG_TYPE,
                    format!(
                        "`{}` takes {}, not {} {}",
                        schema.name,
                        article(schema.ty),
                        if matches!(
                            entity.kind(),
                            Kind::Account | Kind::OrganizationalUnit | Kind::Assignment
                        ) {
                            "an"
                        } else {
                            "a"
                        },
                        entity.kind()
                    ),
                )
                .at(expr.span, format!("this is `{}`", entity.address))
                .help("choose one of its attributes, such as its name"),
            ));
        }
        convert(value, ty).map_err(|why| {
            let found = value.friendly_type();
            let error = Diagnostic::error(
                code::WRONG_TYPE,
                format!("`{}` takes {}", schema.name, article(schema.ty)),
            )
            .at(expr.span, format!("this is a {found}"));
            let error = if why.path.is_empty() {
                error
            } else {
                error.because(why.to_string())
            };
            Failure::always(match (schema.ty, value.data()) {
                (Ty::Strings, Data::String(_)) => error.help("put it into a list: `[…]`"),
                _ => error,
            })
        })
    }

    fn one_entity(&self, schema: &AttributeSchema, value: Value, kind: Kind, expr: &Expr) -> EvalResult {
        match value.data() {
            Data::Entity(entity) if entity.kind() == kind => Ok(value),
            Data::Unknown(_) => Err(self.unknown(&value, &format!("`{}`", schema.name), expr.span)),
            _ => Err(wrong(schema.name, &[kind], &value, expr.span)),
        }
    }

    /// Evaluates what shall be a list of entities. If it fails, what is wrong with those of its elements that can be
    /// evaluated is said all the same.
    pub(in crate::config) fn of_list(
        &self,
        name: &str,
        kinds: &[Kind],
        expr: &Expr,
        scope: &ModuleScope<'_, '_>,
    ) -> EvalResult {
        let value = eval(expr, scope);
        if let (Err(_), ExprKind::Tuple(items)) = (&value, &expr.kind) {
            for item in items {
                let known = eval(item, scope).ok().filter(|value| !value.contains_sensitive());
                let wrong = known.and_then(|value| {
                    self.collect(name, &value, kinds, item.span, &mut Vec::new())
                        .err()
                });
                if let Some(wrong) = wrong {
                    self.report_failure(*wrong);
                }
            }
        }
        value
    }

    /// The entities of a value: lists, sets and maps of them flatten, a single one is a list of one.
    ///
    /// # Errors
    /// Whatever is not an entity of one of the kinds, with the place of the element that holds it.
    pub fn entity_list(
        &self,
        name: &str,
        value: &Value,
        kinds: &[Kind],
        expr: &Expr,
    ) -> EvalResult<Vec<Arc<Entity>>> {
        // Marks of the elements are on them, or on the list for a set or a selection by a sensitive condition.
        if value.contains_sensitive() {
            return Err(sensitive(name, expr.span));
        }
        let mut found = Vec::new();
        let parts: Option<(&[Expr], &[Value])> = match &expr.kind {
            ExprKind::Tuple(exprs) => value.elements().map(|values| (exprs.as_slice(), values)),
            _ => None,
        };
        match parts {
            Some((exprs, values)) if exprs.len() == values.len() => {
                let mut failure = None;
                for (expr, value) in exprs.iter().zip(values) {
                    if let Err(error) = self.collect(name, value, kinds, expr.span, &mut found) {
                        self.report_failure(*error);
                        failure = Some(silent());
                    }
                }
                failure.map_or(Ok(()), Err)?;
            }
            _ => self.collect(name, value, kinds, expr.span, &mut found)?,
        }
        Ok(found)
    }

    fn collect(
        &self,
        name: &str,
        value: &Value,
        kinds: &[Kind],
        span: Span,
        found: &mut Vec<Arc<Entity>>,
    ) -> EvalResult<()> {
        match value.data() {
            Data::Entity(entity) if kinds.contains(&entity.kind()) => {
                found.push(entity.clone());
                Ok(())
            }
            Data::List(_) | Data::Set(_) | Data::Tuple(_) | Data::Map(_) | Data::Object(_) => value
                .children()
                .try_for_each(|child| self.collect(name, child, kinds, span, found)),
            Data::Unknown(unknown) => {
                // A look-up that has no answer yet selects nothing yet.
                if unknown.origin == Origin::Opaque && self.awaits_look_ups() {
                    return Ok(());
                }
                match &unknown.origin {
                    Origin::Reference(_) => Err(wrong(name, kinds, value, span)),
                    _ => Err(self.unknown(value, &format!("`{name}`"), span)),
                }
            }
            _ => Err(wrong(name, kinds, value, span)),
        }
    }
}

fn sensitive(name: &str, span: Span) -> Box<Failure> {
    Failure::always(
        Diagnostic::error(SENSITIVE, format!("`{name}` cannot hold a sensitive value"))
            .at(
                span,
                "part of this is sensitive, or was chosen by something that is",
            )
            .because("what the service is told is shown in plans and kept in the state")
            .help("use `nonsensitive(…)` if it may be shown"),
    )
}

fn wrong(name: &str, kinds: &[Kind], value: &Value, span: Span) -> Box<Failure> {
    let plural: Vec<String> = kinds.iter().map(|kind| plural(*kind)).collect();
    let takes = plural.join(" and ");
    let first = kinds.first().map_or("account", |kind| kind.name());
    let (found, help) = match value.data() {
        Data::Entity(entity) => (entity.address.to_string(), None),
        Data::String(text) => {
            let declare = format!("declare it (`{first} \"label\" {{ … }}`)");
            // Units are looked up all at once, through the organization.
            let look_up = match kinds.first() {
                Some(Kind::OrganizationalUnit) => {
                    "`data \"organization\" \"x\" {}` and `.ou[\"path\"]`".to_owned()
                }
                _ => format!("`data \"{first}\" \"label\" {{ … }}`"),
            };
            let help = format!("{declare} or look it up ({look_up}), and write the reference without quotes");
            (format!("the text {text:?}"), Some(help))
        }
        Data::Unknown(unknown) => {
            let found = match &unknown.origin {
                Origin::Reference(reference) => {
                    format!("the {} of {}", reference.attribute, reference.entity)
                }
                _ => "not known".to_owned(),
            };
            (
                found,
                Some("write the entity itself, without the attribute".to_owned()),
            )
        }
        Data::Null(_) => (
            "null".to_owned(),
            Some("leave nulls out: `[for x in … : x if x != null]`".to_owned()),
        ),
        _ => (format!("a {}", value.friendly_type()), None),
    };
    let error =
        Diagnostic::error(WRONG_ENTITY, format!("`{name}` takes {takes}; this is {found}")).at(span, "");
    Failure::always(match help {
        Some(help) => error.help(help),
        None => error,
    })
}

fn plural(kind: Kind) -> String {
    match kind {
        Kind::OrganizationalUnit => "organizational units".to_owned(),
        Kind::PermissionSet => "permission sets".to_owned(),
        other => format!("{other}s"),
    }
}

/// What a type is in a message: `a text`, `a list of strings`.
fn article(ty: Ty) -> String {
    match ty {
        Ty::Bool => "true or false".to_owned(),
        Ty::String | Ty::Text => "a string".to_owned(),
        other => format!("a {}", other.shown()),
    }
}

fn first_entity(value: &Value) -> Option<&Arc<Entity>> {
    value
        .as_entity()
        .or_else(|| value.children().find_map(first_entity))
}

fn first_unknown(value: &Value) -> Option<Value> {
    if !value.is_known() {
        return Some(value.clone());
    }
    value.children().find_map(first_unknown)
}
