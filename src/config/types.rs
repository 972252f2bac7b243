//! Types of values: Terraform's, and one of our own for entities.
//!
//! Unification finds the type that several values can all be converted to, as the elements of a list
//! or the arms of a conditional require.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::address::Kind;
use crate::config::convert::convertible;
use crate::config::value::Value;

/// The type of a value, or the constraint that a value is converted to. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// As a constraint: any type, to be found out. As the type of null or of an unknown: not known yet.
    Any,
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `list(T)`
    List(Arc<Type>),
    /// `set(T)`
    Set(Arc<Type>),
    /// `map(T)`
    Map(Arc<Type>),
    /// `tuple([T, …])`
    Tuple(Arc<Vec<Type>>),
    /// `object({ name = T, … })`
    Object(Arc<ObjectType>),
    /// An entity of one block kind, or (`None`) of any.
    Entity(Option<Kind>),
}

/// The attributes of an object type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectType {
    /// By name.
    pub attributes: BTreeMap<Arc<str>, AttributeType>,
}

/// One attribute of an object type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeType {
    /// Its type.
    pub ty: Type,
    /// `optional(T)` or `optional(T, default)`; only in constraints, never in a value's own type.
    pub optional: Option<Optional>,
}

/// What an attribute that is left out, or given as null, becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Optional {
    /// Null.
    Null,
    /// This value, converted to the attribute's type.
    Default(Value),
}

impl Type {
    /// `list(element)`
    pub fn list(element: Type) -> Type {
        Type::List(Arc::new(element))
    }

    /// `set(element)`
    pub fn set(element: Type) -> Type {
        Type::Set(Arc::new(element))
    }

    /// `map(element)`
    pub fn map(element: Type) -> Type {
        Type::Map(Arc::new(element))
    }

    /// `tuple([…])`
    pub fn tuple(elements: Vec<Type>) -> Type {
        Type::Tuple(Arc::new(elements))
    }

    /// `object({…})` with required attributes.
    pub fn object(attributes: impl IntoIterator<Item = (Arc<str>, Type)>) -> Type {
        let attributes = attributes
            .into_iter()
            .map(|(name, ty)| (name, AttributeType { ty, optional: None }))
            .collect();
        Type::Object(Arc::new(ObjectType { attributes }))
    }

    /// `bool`, `number` or `string`.
    pub fn is_primitive(&self) -> bool {
        matches!(self, Type::Bool | Type::Number | Type::String)
    }

    /// `list`, `set` or `map`.
    pub fn is_collection(&self) -> bool {
        matches!(self, Type::List(_) | Type::Set(_) | Type::Map(_))
    }

    /// Whether `Any` occurs anywhere in it.
    pub fn has_any(&self) -> bool {
        match self {
            Type::Any => true,
            Type::Bool | Type::Number | Type::String | Type::Entity(_) => false,
            Type::List(element) | Type::Set(element) | Type::Map(element) => element.has_any(),
            Type::Tuple(elements) => elements.iter().any(Type::has_any),
            Type::Object(object) => object.attributes.values().any(|attribute| attribute.ty.has_any()),
        }
    }

    /// The element type of a list, set or map.
    pub fn element(&self) -> Option<&Type> {
        match self {
            Type::List(element) | Type::Set(element) | Type::Map(element) => Some(element),
            _ => None,
        }
    }

    /// A few words for messages: `string`, `list of number`, `object`, `tuple`, `account`.
    pub fn friendly(&self) -> String {
        match self {
            Type::Any => "value of a type not known yet".to_owned(),
            Type::Bool => "bool".to_owned(),
            Type::Number => "number".to_owned(),
            Type::String => "string".to_owned(),
            Type::List(element) => format!("list of {}", element.friendly_element()),
            Type::Set(element) => format!("set of {}", element.friendly_element()),
            Type::Map(element) => format!("map of {}", element.friendly_element()),
            Type::Tuple(_) => "tuple".to_owned(),
            Type::Object(_) => "object".to_owned(),
            Type::Entity(Some(kind)) => kind.name().to_owned(),
            Type::Entity(None) => "entity".to_owned(),
        }
    }

    fn friendly_element(&self) -> String {
        match self {
            Type::Any => "any".to_owned(),
            other => other.friendly(),
        }
    }
}

impl fmt::Display for Type {
    /// As written in a `type = …`: `list(object({a = string, b = optional(number)}))`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("any"),
            Type::Bool => f.write_str("bool"),
            Type::Number => f.write_str("number"),
            Type::String => f.write_str("string"),
            Type::List(element) => write!(f, "list({element})"),
            Type::Set(element) => write!(f, "set({element})"),
            Type::Map(element) => write!(f, "map({element})"),
            Type::Tuple(elements) => {
                f.write_str("tuple([")?;
                for (index, element) in elements.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{element}")?;
                }
                f.write_str("])")
            }
            Type::Object(object) => {
                f.write_str("object({")?;
                for (index, (name, attribute)) in object.attributes.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{name} = ")?;
                    match attribute.optional {
                        Some(_) => write!(f, "optional({})", attribute.ty)?,
                        None => write!(f, "{}", attribute.ty)?,
                    }
                }
                f.write_str("})")
            }
            Type::Entity(Some(kind)) => f.write_str(kind.name()),
            Type::Entity(None) => f.write_str("entity"),
        }
    }
}

/// The type that values of all these types can be converted to; `None` when there is none.
///
/// No types at all unify to `Any`. Numbers and bools give way to strings; tuples of different lengths
/// become lists, objects with different attributes become maps; a mixture of kinds takes the first of lists, maps,
/// tuples and sets that the others convert to. Entities unify with entities only.
pub fn unify(types: &[Type]) -> Option<Type> {
    let known: Vec<&Type> = types.iter().filter(|ty| **ty != Type::Any).collect();
    let Some(first) = known.first() else {
        return Some(Type::Any);
    };
    if known.iter().all(|ty| ty == first) {
        return Some((*first).clone());
    }
    if known.iter().all(|ty| ty.is_primitive()) {
        let bools_and_numbers = known.iter().all(|ty| **ty != Type::String);
        let mixed = known.contains(&&Type::Bool) && known.contains(&&Type::Number);
        return (!(bools_and_numbers && mixed)).then_some(Type::String);
    }
    if known.iter().all(|ty| matches!(ty, Type::Entity(_))) {
        return Some(Type::Entity(None));
    }
    let all = |test: fn(&Type) -> bool| known.iter().all(|ty| test(ty));
    if all(|ty| matches!(ty, Type::Object(_))) {
        return unify_objects(&known);
    }
    if all(|ty| matches!(ty, Type::Tuple(_))) {
        return unify_tuples(&known);
    }
    if all(|ty| matches!(ty, Type::List(_))) {
        return unify_elements(&known).map(Type::list);
    }
    if all(|ty| matches!(ty, Type::Set(_))) {
        return unify_elements(&known).map(Type::set);
    }
    if all(|ty| matches!(ty, Type::List(_) | Type::Tuple(_)))
        && let Some(element) = unify_elements(&known)
    {
        return Some(Type::list(element));
    }
    if all(|ty| matches!(ty, Type::Object(_) | Type::Map(_)))
        && let Some(element) = unify_elements(&known)
    {
        return Some(Type::map(element));
    }
    if all(|ty| matches!(ty, Type::List(_) | Type::Tuple(_)))
        && let Some(element) = unify_elements(&known)
    {
        return Some(Type::list(element));
    }
    preferred(&known)
}

/// The first of the types, in order of preference, that all the others convert to.
fn preferred(types: &[&Type]) -> Option<Type> {
    let rank = |ty: &Type| match ty {
        Type::String => 0,
        Type::List(_) | Type::Map(_) => 1,
        Type::Tuple(_) | Type::Object(_) => 2,
        _ => 3,
    };
    let mut ordered = types.to_vec();
    ordered.sort_by_key(|ty| rank(ty));
    let fits = |wanted: &&&Type| types.iter().all(|ty| ty == *wanted || convertible(ty, wanted));
    ordered.iter().find(fits).map(|ty| (*ty).clone())
}

fn unify_objects(types: &[&Type]) -> Option<Type> {
    let objects: Vec<&ObjectType> = types
        .iter()
        .filter_map(|ty| match ty {
            Type::Object(object) => Some(object.as_ref()),
            _ => None,
        })
        .collect();
    let first = objects.first()?;
    let same_names = objects
        .iter()
        .all(|object| object.attributes.keys().eq(first.attributes.keys()));
    if !same_names {
        return unify_elements(types).map(Type::map);
    }
    let attributes: Option<Vec<(Arc<str>, Type)>> = first
        .attributes
        .keys()
        .map(|name| {
            let of_name: Vec<Type> = objects
                .iter()
                .filter_map(|object| object.attributes.get(name))
                .map(|attribute| attribute.ty.clone())
                .collect();
            Some((name.clone(), unify(&of_name)?))
        })
        .collect();
    attributes.map(Type::object)
}

fn unify_tuples(types: &[&Type]) -> Option<Type> {
    let tuples: Vec<&Vec<Type>> = types
        .iter()
        .filter_map(|ty| match ty {
            Type::Tuple(elements) => Some(elements.as_ref()),
            _ => None,
        })
        .collect();
    let first = tuples.first()?;
    if tuples.iter().any(|tuple| tuple.len() != first.len()) {
        return unify_elements(types).map(Type::list);
    }
    let columns: Option<Vec<Type>> = (0..first.len())
        .map(|index| {
            let column: Vec<Type> = tuples
                .iter()
                .filter_map(|tuple| tuple.get(index).cloned())
                .collect();
            unify(&column)
        })
        .collect();
    columns.map(Type::tuple)
}

/// One type for every element of every one of these.
fn unify_elements(types: &[&Type]) -> Option<Type> {
    let mut elements: Vec<Type> = Vec::new();
    let mut push = |ty: &Type| {
        if !elements.contains(ty) {
            elements.push(ty.clone());
        }
    };
    for ty in types {
        match ty {
            Type::List(element) | Type::Set(element) | Type::Map(element) => push(element),
            Type::Tuple(tuple) => tuple.iter().for_each(&mut push),
            Type::Object(object) => object
                .attributes
                .values()
                .for_each(|attribute| push(&attribute.ty)),
            _ => return None,
        }
    }
    unify(&elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(names: &[(&str, Type)]) -> Type {
        Type::object(names.iter().map(|(name, ty)| (Arc::from(*name), ty.clone())))
    }

    #[test]
    fn primitives_give_way_to_strings() {
        assert_eq!(unify(&[Type::Number, Type::String]), Some(Type::String));
        assert_eq!(unify(&[Type::Bool, Type::String]), Some(Type::String));
        assert_eq!(unify(&[Type::Number, Type::Any]), Some(Type::Number));
        assert_eq!(unify(&[]), Some(Type::Any));
        assert_eq!(unify(&[Type::Number, Type::list(Type::Number)]), None);
    }

    #[test]
    fn structures_give_way_to_collections() {
        assert_eq!(
            unify(&[
                object(&[("a", Type::Number)]),
                object(&[("a", Type::Number), ("b", Type::String)])
            ]),
            Some(Type::map(Type::String))
        );
        assert_eq!(
            unify(&[Type::tuple(vec![Type::Number]), Type::tuple(vec![])]),
            Some(Type::list(Type::Number))
        );
    }

    #[test]
    fn entities_never_become_objects() {
        let account = Type::Entity(Some(Kind::Account));
        assert_eq!(unify(&[account.clone(), object(&[("id", Type::String)])]), None);
        assert_eq!(
            unify(&[account, Type::Entity(Some(Kind::User))]),
            Some(Type::Entity(None))
        );
    }

    #[test]
    fn types_read_as_written() {
        let ty = Type::list(object(&[("a", Type::String), ("b", Type::map(Type::Any))]));
        assert_eq!(ty.to_string(), "list(object({a = string, b = map(any)}))");
        assert_eq!(Type::list(Type::Number).friendly(), "list of number");
    }
}
