//! Functions over maps, objects and sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::budget;
use crate::config::convert::{convert, unify_values};
use crate::config::functions::args::{Outcome, at, element_type, fields, items, kind, refuse, text};
use crate::config::functions::collection::named;
use crate::config::functions::{EagerBody, Function, FunctionError, Param, ParamType};
use crate::config::types::{Type, unify};
use crate::config::value::{Data, Fields, Value, entity_keys, set_order};
use crate::id::EntityKey;

const MAP: Param = Param::new("map", ParamType::Any).unknowable().markable();
const SET_OF_ANY: ParamType = ParamType::Set(&ParamType::Any);
const SET: Param = Param::new("sets", SET_OF_ANY).unknowable();
const STRINGS: ParamType = ParamType::List(&ParamType::String);

/// This file's functions.
pub const TABLE: &[Function] = &[
    Function::new(
        "keys",
        "The keys of a map or the names of an object's attributes, in order.",
        ("keys({ b = 1, a = 2 })", r#"["a", "b"]"#),
        &[MAP],
        ParamType::Any,
        |_, a| keys(a),
    ),
    Function::new(
        "lookup",
        "The value of a key, or a default where the map has no such key.",
        (r#"lookup({ a = 1 }, "b", 0)"#, "0"),
        &[MAP, Param::new("key", ParamType::String)],
        ParamType::Any,
        |_, a| lookup(a),
    )
    .with_more(
        Param::new("default", ParamType::Any)
            .nullable()
            .unknowable()
            .markable(),
    ),
    Function::new(
        "merge",
        "Maps or objects in one; of equal keys the last counts.",
        ("merge({ a = 1 }, { b = 2 })", "{a = 1, b = 2}"),
        &[],
        ParamType::Any,
        |_, a| merge(a),
    )
    .with_more(
        Param::new("maps", ParamType::Any)
            .nullable()
            .unknowable()
            .markable(),
    ),
    set_function(
        "setintersection",
        "The elements that all sets have.",
        (r#"setintersection(["a", "b"], ["b"])"#, r#"["b"]"#),
        |_, a| setintersection(a),
    ),
    Function::new(
        "setproduct",
        "Every combination of one element from each collection.",
        (r#"setproduct(["a", "b"], [1])"#, r#"[["a", 1], ["b", 1]]"#),
        &[],
        ParamType::Any,
        |_, a| setproduct(a),
    )
    .with_more(Param::new("sets", ParamType::Any).unknowable().markable()),
    Function::new(
        "setsubtract",
        "The elements of the first set that the second has not.",
        (r#"setsubtract(["a", "b"], ["a"])"#, r#"["b"]"#),
        &[Param::new("a", SET_OF_ANY), Param::new("b", SET_OF_ANY)],
        SET_OF_ANY,
        |_, a| setsubtract(a),
    )
    .returning(set_type),
    set_function(
        "setunion",
        "The elements that any of the sets has.",
        (r#"setunion(["a"], ["b"])"#, r#"["a", "b"]"#),
        |_, a| setunion(a),
    ),
    Function::new(
        "transpose",
        "A map of lists of text turned over: from each element to the keys that had it.",
        (r#"transpose({ a = ["x"], b = ["x"] })"#, r#"{x = ["a", "b"]}"#),
        &[Param::new("map", ParamType::Map(&STRINGS))],
        ParamType::Map(&STRINGS),
        |_, a| transpose(a),
    ),
    Function::new(
        "values",
        "The values of a map or object, in the order of their keys.",
        ("values({ b = 1, a = 2 })", "[2, 1]"),
        &[MAP],
        ParamType::Any,
        |_, a| values(a),
    ),
    Function::new(
        "zipmap",
        "A map from keys to the values at the same position.",
        (r#"zipmap(["a", "b"], [1, 2])"#, "{a = 1, b = 2}"),
        &[
            Param::new("keys", STRINGS).unknowable(),
            Param::new("values", ParamType::Any).unknowable().markable(),
        ],
        ParamType::Any,
        |_, a| zipmap(a),
    ),
];

const fn set_function(
    name: &'static str,
    summary: &'static str,
    example: (&'static str, &'static str),
    body: EagerBody,
) -> Function {
    Function::new(name, summary, example, &[SET], SET_OF_ANY, body)
        .with_more(SET)
        .returning(set_type)
}

fn keys(arguments: &[Value]) -> Outcome {
    let value = at(arguments, 0);
    let sensitive = value.is_sensitive();
    let texts = |names: Vec<&Arc<str>>| {
        names
            .into_iter()
            .map(|name| Value::string(name.clone()))
            .collect::<Vec<_>>()
    };
    let result = match value.data() {
        Data::Map(map) => Value::list(Type::String, texts(map.fields.keys().collect())),
        Data::Object(fields) => Value::tuple(texts(fields.keys().collect())),
        // An object's names are part of its type.
        Data::Unknown(unknown) => match &unknown.ty {
            Type::Object(object) => Value::tuple(texts(object.attributes.keys().collect())),
            _ => Value::unknown(Type::list(Type::String)),
        },
        _ => {
            return refuse(
                0,
                format!("it is {}, and a map or object is required", kind(value)),
                "write a map as { key = value }",
            );
        }
    };
    Ok(result.with_sensitive(sensitive))
}

fn values(arguments: &[Value]) -> Outcome {
    let value = at(arguments, 0);
    let sensitive = value.is_sensitive();
    let result = match value.data() {
        Data::Map(map) => Value::list(map.element.clone(), map.fields.values().cloned().collect()),
        Data::Object(fields) => Value::tuple(fields.values().cloned().collect()),
        Data::Unknown(unknown) => Value::unknown(match &unknown.ty {
            Type::Object(object) => Type::tuple(
                object
                    .attributes
                    .values()
                    .map(|attribute| attribute.ty.clone())
                    .collect(),
            ),
            Type::Map(element) => Type::List(element.clone()),
            _ => Type::Any,
        }),
        _ => {
            return refuse(
                0,
                format!("it is {}, and a map or object is required", kind(value)),
                "write a map as { key = value }",
            );
        }
    };
    Ok(result.with_sensitive(sensitive))
}

fn lookup(arguments: &[Value]) -> Outcome {
    let map = at(arguments, 0);
    let key = text(arguments, 1)?;
    if arguments.len() > 3 {
        return Err(FunctionError::new("it takes a map, a key and a default")
            .with_help("leave out what follows the default"));
    }
    let sensitive = map.is_sensitive();
    if !map.is_known() {
        return Ok(Value::unknown(element_type(map)).with_sensitive(sensitive));
    }
    let found = fields(arguments, 0)?.get(key);
    let default = match (arguments.get(2), map.data()) {
        (Some(default), Data::Map(map)) => match convert(default, &map.element) {
            Ok(converted) => Some(converted),
            Err(_) => {
                let message = format!(
                    "it is {}, and the map's elements are {}s",
                    kind(default),
                    map.element.friendly()
                );
                return refuse(2, message, "give a default of the elements' type");
            }
        },
        (default, _) => default.cloned(),
    };
    match found.cloned().or(default) {
        Some(value) => Ok(value.with_sensitive(sensitive)),
        None => refuse(
            1,
            format!("there is no key {key:?}"),
            format!("give a default: lookup(…, {key:?}, default)"),
        ),
    }
}

fn merge(arguments: &[Value]) -> Outcome {
    let mut sensitive = false;
    let mut unknown = false;
    let mut all: Vec<(Arc<str>, Value)> = Vec::new();
    for (index, value) in arguments.iter().enumerate() {
        sensitive |= value.is_sensitive();
        match value.data() {
            Data::Null(Type::Map(_) | Type::Object(_) | Type::Any) => {}
            Data::Unknown(state) if matches!(state.ty, Type::Map(_) | Type::Object(_) | Type::Any) => {
                unknown = true
            }
            Data::Map(_) | Data::Object(_) => {
                let fields = value.fields().into_iter().flat_map(Fields::iter);
                all.extend(fields.map(|(key, value)| (key.clone(), value.clone())));
            }
            _ => {
                return refuse(
                    index,
                    match value.data() {
                        Data::Null(ty) => format!("it is a null {ty}, and a map or object is required"),
                        _ => format!("it is {}, and a map or object is required", kind(value)),
                    },
                    "write a map as { key = value }",
                );
            }
        }
    }
    let types: Vec<Type> = arguments
        .iter()
        .filter(|value| !value.is_null())
        .map(Value::ty)
        .collect();
    let same_map = match types.as_slice() {
        [first @ Type::Map(_), rest @ ..] => rest.iter().all(|ty| ty == first).then(|| first.clone()),
        _ => None,
    };
    let result = match (same_map, unknown) {
        (Some(ty), true) => Value::unknown(ty),
        (Some(ty), false) => Value::map(
            ty.element().cloned().unwrap_or(Type::Any),
            all.into_iter().collect(),
        ),
        (None, true) => Value::unknown(merged_type(&types)),
        (None, false) => Value::object(all.into_iter().collect()),
    };
    Ok(result.with_sensitive(sensitive))
}

/// The type of merged objects of which some are unknown; only object types say what attributes there will be.
fn merged_type(types: &[Type]) -> Type {
    let mut attributes = BTreeMap::new();
    for ty in types {
        let Type::Object(object) = ty else {
            return Type::Any;
        };
        attributes.extend(
            object
                .attributes
                .iter()
                .map(|(name, attribute)| (name.clone(), attribute.ty.clone())),
        );
    }
    Type::object(attributes)
}

fn zipmap(arguments: &[Value]) -> Outcome {
    let (keys, values) = (at(arguments, 0), at(arguments, 1));
    let sensitive = values.is_sensitive();
    let list = matches!(values.ty(), Type::List(_));
    if !keys.is_wholly_known() || !values.is_known() {
        let ty = if list {
            Type::map(element_type(values))
        } else {
            Type::Any
        };
        return Ok(Value::unknown(ty).with_sensitive(sensitive));
    }
    if !matches!(values.data(), Data::List(_) | Data::Tuple(_)) {
        return refuse(
            1,
            format!("it is {}, and a list or tuple is required", kind(values)),
            "use `tolist` on a set",
        );
    }
    let (names, items) = (items(arguments, 0)?, items(arguments, 1)?);
    if names.len() != items.len() {
        return refuse(
            1,
            format!("there are {} values for {} keys", items.len(), names.len()),
            "give one value per key",
        );
    }
    if let Some(position) = names.iter().position(Value::is_null) {
        return refuse(
            0,
            format!("its element {position} is null, which cannot be a key"),
            "use `compact` to drop nulls",
        );
    }
    let fields = named(names.iter(), items.iter().cloned());
    let result = if list {
        Value::map(element_type(values), fields)
    } else {
        Value::object(fields)
    };
    Ok(result.with_sensitive(sensitive))
}

fn transpose(arguments: &[Value]) -> Outcome {
    let mut turned: BTreeMap<Arc<str>, Vec<Value>> = BTreeMap::new();
    for (key, list) in fields(arguments, 0)?.iter() {
        if list.is_null() {
            return refuse(
                0,
                format!("the list of {key:?} is null"),
                "write `[]` for an empty list",
            );
        }
        for item in list.children() {
            let Some(text) = item.as_str() else {
                return refuse(
                    0,
                    format!("the list of {key:?} holds a null"),
                    "use `compact` to drop nulls",
                );
            };
            turned
                .entry(Arc::from(text))
                .or_default()
                .push(Value::string(key.clone()));
        }
    }
    let fields = turned
        .into_iter()
        .map(|(key, list)| (key, Value::list(Type::String, list)))
        .collect();
    Ok(Value::map(Type::list(Type::String), fields))
}

fn set_type(arguments: &[Value]) -> Type {
    let types: Vec<Type> = arguments.iter().map(element_type).collect();
    Type::set(unify(&types).unwrap_or(Type::Any))
}

/// The sets brought to one element type.
fn unified_sets(arguments: &[Value]) -> Result<(Type, Vec<Value>), FunctionError> {
    // An empty set has no say in the type.
    let counted: Vec<Value> = arguments
        .iter()
        .filter(|set| element_type(set) != Type::Any)
        .cloned()
        .collect();
    let Some((ty, _)) = unify_values(&counted) else {
        return Err(
            FunctionError::new("the sets' elements have no type in common").with_help("convert them first")
        );
    };
    let wanted = if counted.is_empty() {
        Type::set(Type::Any)
    } else {
        ty
    };
    let sets: Result<Vec<Value>, _> = arguments.iter().map(|set| convert(set, &wanted)).collect();
    match sets {
        Ok(sets) => Ok((wanted.element().cloned().unwrap_or(Type::Any), sets)),
        Err(error) => Err(FunctionError::new(error.to_string()).with_help("convert them first")),
    }
}

fn setunion(arguments: &[Value]) -> Outcome {
    let (element, sets) = unified_sets(arguments)?;
    if !sets.iter().all(Value::is_known) {
        return Ok(Value::unknown(Type::set(element)));
    }
    Ok(Value::set(
        element,
        sets.iter().flat_map(Value::children).cloned().collect(),
    ))
}

fn setintersection(arguments: &[Value]) -> Outcome {
    let (element, sets) = unified_sets(arguments)?;
    if !sets.iter().all(Value::is_wholly_known) {
        return Ok(Value::unknown(Type::set(element)));
    }
    let Some((first, rest)) = sets.split_first() else {
        return Ok(Value::set(element, Vec::new()));
    };
    let rest: Vec<Members<'_>> = rest.iter().map(Members::of).collect();
    let everywhere = |item: &&Value| rest.iter().all(|set| set.have(item));
    Ok(Value::set(
        element,
        first.children().filter(everywhere).cloned().collect(),
    ))
}

fn setsubtract(arguments: &[Value]) -> Outcome {
    let (element, sets) = unified_sets(arguments)?;
    let kept = match sets.as_slice() {
        [a, b] => {
            let others = Members::of(b);
            a.children().filter(|item| !others.have(item)).cloned().collect()
        }
        _ => Vec::new(),
    };
    Ok(Value::set(element, kept))
}

/// What a set holds, to be asked often.
enum Members<'v> {
    /// Entities are not in the order of what they are compared by.
    Entities(BTreeSet<&'v EntityKey>),
    Ordered(&'v [Value]),
}

impl<'v> Members<'v> {
    fn of(set: &'v Value) -> Self {
        let items = set.elements().unwrap_or(&[]);
        match entity_keys(items) {
            Some(keys) => Members::Entities(keys),
            None => Members::Ordered(items),
        }
    }

    fn have(&self, wanted: &Value) -> bool {
        match self {
            Members::Entities(keys) => wanted
                .as_entity()
                .is_some_and(|entity| keys.contains(&entity.key)),
            Members::Ordered(items) => items.binary_search_by(|item| set_order(item, wanted)).is_ok(),
        }
    }
}

/// Combinations of more elements than this are refused rather than computed.
const PRODUCT_LIMIT: usize = 2_000_000;

fn setproduct(arguments: &[Value]) -> Outcome {
    if arguments.len() < 2 {
        return Err(
            FunctionError::new("it needs at least two collections").with_help("write setproduct(a, b)")
        );
    }
    let sensitive = arguments.iter().any(Value::is_sensitive);
    // A set among them makes the result a set, since there is no order to keep.
    let mut ordered = true;
    let mut types = Vec::new();
    let mut columns: Vec<Vec<Value>> = Vec::new();
    let mut unknown = false;
    for (index, value) in arguments.iter().enumerate() {
        ordered &= !matches!(value.ty(), Type::Set(_));
        let list = match value.data() {
            Data::List(_) | Data::Set(_) | Data::Tuple(_) => convert(value, &Type::list(Type::Any))
                .or_else(|error| refuse(index, error.to_string(), "convert its elements"))?,
            Data::Unknown(state)
                if matches!(
                    state.ty,
                    Type::List(_) | Type::Set(_) | Type::Tuple(_) | Type::Any
                ) =>
            {
                unknown = true;
                value.clone()
            }
            _ => {
                return refuse(
                    index,
                    format!("it is {}, and a list, set or tuple is required", kind(value)),
                    "put a single value between square brackets",
                );
            }
        };
        types.push(element_type(&list));
        columns.push(list.children().cloned().collect());
    }
    let element = Type::tuple(types);
    if unknown {
        let ty = if ordered {
            Type::list(element)
        } else {
            Type::set(element)
        };
        return Ok(Value::unknown(ty).with_sensitive(sensitive));
    }
    let total = columns
        .iter()
        .try_fold(1_usize, |total, column| total.checked_mul(column.len()));
    if total.is_none_or(|total| total > PRODUCT_LIMIT) {
        return Err(
            FunctionError::new(format!("it makes more than {PRODUCT_LIMIT} combinations"))
                .with_help("filter the collections first"),
        );
    }
    budget::elements(total.unwrap_or(0).saturating_mul(columns.len() + 1))?;
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for column in &columns {
        rows = rows
            .iter()
            .flat_map(|row| {
                column
                    .iter()
                    .map(|item| row.iter().chain([item]).cloned().collect())
            })
            .collect();
    }
    let rows = rows.into_iter().map(Value::tuple).collect();
    let result = if ordered {
        Value::list(element, rows)
    } else {
        Value::set(element, rows)
    };
    Ok(result.with_sensitive(sensitive))
}
