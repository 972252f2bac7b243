//! Conversion of values to types.

use std::fmt;
use std::sync::Arc;

use crate::config::number::Number;
use crate::config::types::{AttributeType, ObjectType, Optional, Type, unify};
use crate::config::value::{Data, Fields, Origin, Unknown, Value};

/// Why a value cannot be converted, and where in it the reason lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertError {
    /// From the value to the part at fault: `[0]`, `.name`, outermost first.
    pub path: Vec<String>,
    /// What is wrong with that part, as the end of a sentence: "a number is required, not a string".
    pub message: String,
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "at {}: {}", self.path.concat(), self.message)
    }
}

impl std::error::Error for ConvertError {}

impl ConvertError {
    fn new(message: impl Into<String>) -> Self {
        ConvertError {
            path: Vec::new(),
            message: message.into(),
        }
    }

    fn under(mut self, step: String) -> Self {
        self.path.insert(0, step);
        self
    }
}

/// Converts a value to a type, `Any` in it standing for whatever is found.
///
/// Null and unknown values take on the type; marks stay where they are.
///
/// # Errors
/// When no conversion exists, or this value is not one that has it (`"x"` to a number).
pub fn convert(value: &Value, wanted: &Type) -> Result<Value, ConvertError> {
    let sensitive = value.is_sensitive();
    let converted = match value.data() {
        _ if *wanted == Type::Any => return Ok(value.clone()),
        Data::Null(ty) => {
            check(ty, wanted)?;
            Value::null(plain(wanted, ty))
        }
        Data::Unknown(unknown) => convert_unknown(unknown, wanted)?,
        _ => convert_known(value, wanted).map_err(|error| match sensitive && !error.path.is_empty() {
            // The mark is on the whole alone, and what is said of its parts may quote them.
            true => hidden(wanted),
            false => error,
        })?,
    };
    Ok(converted.with_sensitive(sensitive))
}

/// Whether values of one type can be converted to another, if perhaps not each of them.
pub fn convertible(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (_, Type::Any) | (Type::Any, _) => true,
        (Type::Bool | Type::Number | Type::String, Type::String) => true,
        (Type::Number | Type::String, Type::Number) | (Type::Bool | Type::String, Type::Bool) => true,
        (Type::Entity(_), Type::Entity(None)) => true,
        (Type::Entity(a), Type::Entity(b)) => a == b,
        (Type::List(a) | Type::Set(a), Type::List(b) | Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            convertible(a, b)
        }
        (Type::Tuple(items), Type::List(element) | Type::Set(element)) => {
            element_type(items.iter(), element).is_some()
        }
        (Type::Tuple(a), Type::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| convertible(a, b))
        }
        (Type::Object(object), Type::Map(element)) => {
            element_type(object.attributes.values().map(|attribute| &attribute.ty), element).is_some()
        }
        (Type::Map(element), Type::Object(object)) => object
            .attributes
            .values()
            .all(|attribute| convertible(element, &attribute.ty)),
        (Type::Object(a), Type::Object(b)) => b.attributes.iter().all(|(name, wanted)| {
            a.attributes.get(name).map_or(wanted.optional.is_some(), |found| {
                convertible(&found.ty, &wanted.ty)
            })
        }),
        _ => false,
    }
}

fn check(from: &Type, to: &Type) -> Result<(), ConvertError> {
    if convertible(from, to) {
        Ok(())
    } else {
        Err(mismatch(to, &from.friendly()))
    }
}

/// The element type a structure gets in a collection: as wanted, or found by unification.
fn element_type<'a>(found: impl Iterator<Item = &'a Type>, wanted: &Type) -> Option<Type> {
    let found: Vec<Type> = found.cloned().collect();
    let unified = if wanted.has_any() {
        unify(&found)?
    } else {
        wanted.clone()
    };
    let target = if *wanted == Type::Any { &unified } else { wanted };
    found
        .iter()
        .all(|ty| convertible(ty, target))
        .then(|| unified.clone())
}

fn convert_unknown(unknown: &Unknown, wanted: &Type) -> Result<Value, ConvertError> {
    check(&unknown.ty, wanted)?;
    let ty = plain(wanted, &unknown.ty);
    let keeps = ty == unknown.ty || (ty == Type::String && unknown.ty.is_primitive());
    let origin = if keeps {
        unknown.origin.clone()
    } else {
        Origin::Opaque
    };
    Ok(Value::unknown_of(ty, origin))
}

/// A constraint as the type of a value: nothing optional, `Any` filled in from what was found.
fn plain(wanted: &Type, found: &Type) -> Type {
    match (wanted, found) {
        (Type::Any, found) => found.clone(),
        (Type::List(a), Type::List(b) | Type::Set(b)) => Type::list(plain(a, b)),
        (Type::Set(a), Type::List(b) | Type::Set(b)) => Type::set(plain(a, b)),
        (Type::Map(a), Type::Map(b)) => Type::map(plain(a, b)),
        (Type::List(a), _) => Type::list(plain(a, &Type::Any)),
        (Type::Set(a), _) => Type::set(plain(a, &Type::Any)),
        (Type::Map(a), _) => Type::map(plain(a, &Type::Any)),
        (Type::Tuple(items), _) => Type::tuple(items.iter().map(|item| plain(item, &Type::Any)).collect()),
        (Type::Object(object), _) => Type::object(
            object
                .attributes
                .iter()
                .map(|(name, attribute)| (name.clone(), plain(&attribute.ty, &Type::Any))),
        ),
        (Type::Entity(None), Type::Entity(Some(kind))) => Type::Entity(Some(*kind)),
        (other, _) => other.clone(),
    }
}

fn convert_known(value: &Value, wanted: &Type) -> Result<Value, ConvertError> {
    match (value.data(), wanted) {
        (Data::Bool(_), Type::Bool) | (Data::Number(_), Type::Number) | (Data::String(_), Type::String) => {
            Ok(value.clone())
        }
        (Data::Bool(flag), Type::String) => Ok(Value::string(if *flag { "true" } else { "false" })),
        (Data::Number(number), Type::String) => Ok(Value::string(number.to_string())),
        (Data::String(text), Type::Number) => Number::parse(text)
            .map(Value::number)
            .ok_or_else(|| not_text_of("number", value, text)),
        (Data::String(text), Type::Bool) => match text.as_ref() {
            "true" | "1" => Ok(Value::TRUE),
            "false" | "0" => Ok(Value::FALSE),
            _ => Err(not_text_of("bool", value, text)),
        },
        (Data::Entity(entity), Type::Entity(kind)) if kind.is_none_or(|kind| kind == entity.kind()) => {
            Ok(value.clone())
        }
        (Data::List(list), Type::List(element)) if list.element == **element => Ok(value.clone()),
        (Data::Set(set), Type::Set(element)) if set.element == **element => Ok(value.clone()),
        (Data::List(_) | Data::Set(_) | Data::Tuple(_), Type::List(element)) => {
            let (element, items) = convert_items(value, element, wanted)?;
            Ok(Value::list(element, items))
        }
        (Data::List(_) | Data::Set(_) | Data::Tuple(_), Type::Set(element)) => {
            let (element, items) = convert_items(value, element, wanted)?;
            Ok(Value::set(element, items))
        }
        (Data::Tuple(items), Type::Tuple(types)) => convert_tuple(items, types),
        (Data::Map(map), Type::Map(element)) if map.element == **element => Ok(value.clone()),
        (Data::Map(_) | Data::Object(_), Type::Map(element)) => convert_map(value, element, wanted),
        (Data::Map(_) | Data::Object(_), Type::Object(object)) => convert_object(value, object),
        _ => Err(mismatch(wanted, &value.friendly_type())),
    }
}

fn not_text_of(what: &str, value: &Value, text: &str) -> ConvertError {
    if value.is_sensitive() {
        return ConvertError::new(format!(
            "a {what} is required, and this sensitive text is not one"
        ));
    }
    let shown: String = text.chars().take(60).collect();
    ConvertError::new(format!("a {what} is required, and {shown:?} is not one"))
}

fn hidden(wanted: &Type) -> ConvertError {
    let wanted = wanted.friendly();
    ConvertError::new(format!("this sensitive value does not convert to {wanted}"))
}

fn mismatch(wanted: &Type, found: &str) -> ConvertError {
    let wanted = wanted.friendly();
    let article = if wanted.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    let found_article = if found.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an "
    } else {
        "a "
    };
    let found_article = if found == "null" { "" } else { found_article };
    ConvertError::new(format!(
        "{article} {wanted} is required, not {found_article}{found}"
    ))
}

/// Elements of a sequence as elements of a list or set of `wanted`.
fn convert_items(value: &Value, wanted: &Type, whole: &Type) -> Result<(Type, Vec<Value>), ConvertError> {
    let items = value.elements().unwrap_or(&[]);
    let target = target_element(items.iter(), wanted, whole)?;
    // As in Terraform, where the keyword's type gives way to simple types, and to no others, in lists and sets.
    let is_simple = matches!(
        target,
        Type::Any | Type::Bool | Type::Number | Type::String | Type::Entity(_)
    );
    let untyped = |item: &Value| matches!(item.data(), Data::Null(Type::Any));
    let from_tuple = matches!(value.data(), Data::Tuple(_));
    if *wanted == Type::Any && from_tuple && !is_simple && items.iter().any(untyped) {
        return Err(ConvertError::new(
            "a null without a type stands beside lists, maps or objects: leave it out, or write an empty one",
        ));
    }
    let converted = items
        .iter()
        .enumerate()
        .map(|(index, item)| convert(item, &target).map_err(|error| error.under(format!("[{index}]"))))
        .collect::<Result<Vec<_>, _>>()?;
    let element = element_of(&target, converted.iter());
    Ok((element, converted))
}

fn convert_map(value: &Value, wanted: &Type, whole: &Type) -> Result<Value, ConvertError> {
    let fields = value.fields().cloned().unwrap_or_default();
    let target = target_element(fields.values(), wanted, whole)?;
    let converted = fields
        .iter()
        .map(|(key, item)| {
            let item = convert(item, &target).map_err(|error| error.under(format!("[{key:?}]")))?;
            Ok((key.clone(), item))
        })
        .collect::<Result<Vec<_>, ConvertError>>()?;
    let element = element_of(&target, converted.iter().map(|(_, item)| item));
    Ok(Value::map(element, converted.into_iter().collect()))
}

/// The type to convert each element to.
fn target_element<'a>(
    items: impl Iterator<Item = &'a Value>,
    wanted: &Type,
    whole: &Type,
) -> Result<Type, ConvertError> {
    if !wanted.has_any() {
        return Ok(wanted.clone());
    }
    let mut types: Vec<Type> = Vec::new();
    for item in items {
        // What each element becomes on its own, so that nested `any`s are filled in before unifying.
        let ty = match wanted {
            Type::Any => item.ty(),
            _ => convert(item, wanted).map_or_else(|_| item.ty(), |item| item.ty()),
        };
        if types.last() != Some(&ty) && !types.contains(&ty) {
            types.push(ty);
        }
    }
    match unify(&types) {
        Some(Type::Any) | None if *wanted != Type::Any => Ok(wanted.clone()),
        Some(unified) => Ok(unified),
        None => Err(ConvertError::new(format!(
            "a {} needs elements of one type, and these have no type in common",
            whole.friendly().split(' ').next().unwrap_or("collection")
        ))),
    }
}

/// The element type to record: the target, or what the elements turned out to be where it says `any`.
fn element_of<'a>(target: &Type, items: impl Iterator<Item = &'a Value>) -> Type {
    if !target.has_any() && !has_optional(target) {
        return target.clone();
    }
    let mut types: Vec<Type> = Vec::new();
    for item in items {
        let ty = item.ty();
        if !types.contains(&ty) {
            types.push(ty);
        }
    }
    match unify(&types) {
        Some(Type::Any) | None => plain(target, &Type::Any),
        Some(found) => found,
    }
}

fn has_optional(ty: &Type) -> bool {
    match ty {
        Type::List(element) | Type::Set(element) | Type::Map(element) => has_optional(element),
        Type::Tuple(items) => items.iter().any(has_optional),
        Type::Object(object) => object
            .attributes
            .values()
            .any(|attribute| attribute.optional.is_some() || has_optional(&attribute.ty)),
        _ => false,
    }
}

fn convert_tuple(items: &[Value], types: &[Type]) -> Result<Value, ConvertError> {
    if items.len() != types.len() {
        return Err(ConvertError::new(format!(
            "a tuple of {} elements is required, not of {}",
            types.len(),
            items.len()
        )));
    }
    items
        .iter()
        .zip(types)
        .enumerate()
        .map(|(index, (item, ty))| convert(item, ty).map_err(|error| error.under(format!("[{index}]"))))
        .collect::<Result<Vec<_>, _>>()
        .map(Value::tuple)
}

fn convert_object(value: &Value, object: &ObjectType) -> Result<Value, ConvertError> {
    let empty = Fields::new();
    let fields = value.fields().unwrap_or(&empty);
    let missing: Vec<String> = object
        .attributes
        .iter()
        .filter(|(name, attribute)| attribute.optional.is_none() && fields.get(name).is_none())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if !missing.is_empty() {
        let plural = if missing.len() == 1 {
            "attribute"
        } else {
            "attributes"
        };
        return Err(ConvertError::new(format!(
            "the required {plural} {} missing",
            listed(&missing)
        )));
    }
    object
        .attributes
        .iter()
        .map(|(name, attribute)| {
            let converted = convert_attribute(fields.get(name), attribute)
                .map_err(|error| error.under(format!(".{name}")))?;
            Ok((name.clone(), converted))
        })
        .collect::<Result<Vec<_>, ConvertError>>()
        .map(|fields| Value::object(fields.into_iter().collect()))
}

fn listed(names: &[String]) -> String {
    match names.split_last() {
        Some((last, [])) => format!("{last} is"),
        Some((last, rest)) => format!("{} and {last} are", rest.join(", ")),
        None => String::new(),
    }
}

fn convert_attribute(found: Option<&Value>, attribute: &AttributeType) -> Result<Value, ConvertError> {
    match (found, &attribute.optional) {
        (Some(value), Some(Optional::Default(default))) if value.is_null() => convert(default, &attribute.ty),
        (None, Some(Optional::Default(default))) => convert(default, &attribute.ty),
        (Some(value), _) => convert(value, &attribute.ty),
        (None, _) => Ok(Value::null(plain(&attribute.ty, &Type::Any))),
    }
}

/// The list or map that several values make when brought to one type; `None` if they have none in common.
pub fn unify_values(values: &[Value]) -> Option<(Type, Vec<Value>)> {
    let types: Vec<Type> = values.iter().map(Value::ty).collect();
    let unified = unify(&types)?;
    let converted: Result<Vec<Value>, _> = values.iter().map(|value| convert(value, &unified)).collect();
    Some((unified, converted.ok()?))
}

/// A name and a value, for tests and callers that build objects by hand.
pub fn field(name: &str, value: Value) -> (Arc<str>, Value) {
    (Arc::from(name), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn num(value: i64) -> Value {
        Value::number(Number::from_i64(value))
    }

    fn text(value: &str) -> Value {
        Value::string(value)
    }

    #[test]
    fn primitives_convert_through_text() {
        assert_eq!(convert(&text("1"), &Type::Bool).unwrap(), Value::TRUE);
        assert_eq!(
            convert(&text("1.50"), &Type::Number).unwrap(),
            Value::number(Number::parse("1.5").unwrap())
        );
        assert_eq!(convert(&num(3), &Type::String).unwrap(), text("3"));
        assert!(convert(&num(1), &Type::Bool).is_err());
        assert!(convert(&text("yes"), &Type::Bool).is_err());
        let secret = text("x").with_sensitive(true);
        assert!(
            !convert(&secret, &Type::Number).unwrap_err().message.contains('x') || {
                // The word "text" has an x of its own; the value in quotes must not be there.
                !convert(&secret, &Type::Number)
                    .unwrap_err()
                    .message
                    .contains("\"x\"")
            }
        );
    }

    #[test]
    fn structures_become_collections_of_one_type() {
        let tuple = Value::tuple(vec![Value::NULL, num(1), text("a")]);
        let list = convert(&tuple, &Type::list(Type::Any)).unwrap();
        assert_eq!(
            list,
            Value::list(
                Type::String,
                vec![Value::null(Type::String), text("1"), text("a")]
            )
        );
        let mixed = Value::tuple(vec![Value::TRUE, num(1)]);
        assert!(convert(&mixed, &Type::list(Type::Any)).is_err());
        let wanted = Type::list(Type::Number);
        let error = convert(&Value::tuple(vec![num(1), text("a")]), &wanted).unwrap_err();
        assert_eq!(error.path, ["[1]"]);
    }

    #[test]
    fn optional_attributes_are_filled_in() {
        let attribute = |ty: Type, optional: Option<Optional>| AttributeType { ty, optional };
        let wanted = Type::Object(Arc::new(ObjectType {
            attributes: [
                (Arc::from("a"), attribute(Type::String, None)),
                (Arc::from("b"), attribute(Type::Number, Some(Optional::Null))),
                (
                    Arc::from("c"),
                    attribute(Type::Number, Some(Optional::Default(text("7")))),
                ),
            ]
            .into(),
        }));
        let given = Value::object([field("a", num(1)), field("z", num(9))].into_iter().collect());
        let object = convert(&given, &wanted).unwrap();
        let expected = [
            field("a", text("1")),
            field("b", Value::null(Type::Number)),
            field("c", num(7)),
        ];
        assert_eq!(object, Value::object(expected.into_iter().collect()));
        let error = convert(&Value::object(Fields::new()), &wanted).unwrap_err();
        assert_eq!(error.message, "the required attribute `a` is missing");
        let list = convert(&Value::tuple(vec![given]), &Type::list(wanted)).unwrap();
        assert_eq!(
            list.ty().to_string(),
            "list(object({a = string, b = number, c = number}))"
        );
    }

    #[test]
    fn unknown_values_keep_what_is_known_of_them() {
        let unknown = Value::unknown(Type::Any);
        assert_eq!(
            convert(&unknown, &Type::Number).unwrap(),
            Value::unknown(Type::Number)
        );
        assert!(convert(&Value::unknown(Type::list(Type::String)), &Type::Number).is_err());
    }
}
