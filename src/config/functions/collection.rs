//! Functions over lists, sets and tuples. Those over maps and objects are in `mapping`.

use std::sync::Arc;

use crate::config::budget;
use crate::config::convert::{convert, unify_values};
use crate::config::functions::args::{Outcome, at, element_type, is_list, items, kind, refuse, whole};
use crate::config::functions::{Function, FunctionError, Param, ParamType};
use crate::config::types::Type;
use crate::config::value::{Data, Fields, Value};

/// A list of anything whose elements may be unknown or marked.
const LIST: Param = Param::new("list", ParamType::List(&ParamType::Any))
    .unknowable()
    .markable();
/// A list of anything, all known.
const KNOWN_LIST: Param = Param::new("list", ParamType::List(&ParamType::Any));
/// A list of text.
const STRINGS: Param = Param::new("list", ParamType::List(&ParamType::String));
/// Whatever it is, as it is.
const ANY: Param = Param::new("list", ParamType::Any).unknowable().markable();
const BOOLS: Param = Param::new("list", ParamType::List(&ParamType::Bool)).unknowable();
const INDEX: Param = Param::new("index", ParamType::Number);
const LISTS_OF_ANY: ParamType = ParamType::List(&ParamType::List(&ParamType::Any));
const LIST_OF_ANY: ParamType = ParamType::List(&ParamType::Any);

/// This file's functions.
pub const TABLE: &[Function] = &[
    Function::new(
        "alltrue",
        "Whether every element is true; of an empty list, true.",
        ("alltrue([true, false])", "false"),
        &[BOOLS],
        ParamType::Bool,
        |_, a| all_true(a),
    ),
    Function::new(
        "anytrue",
        "Whether an element is true; of an empty list, false.",
        ("anytrue([true, false])", "true"),
        &[BOOLS],
        ParamType::Bool,
        |_, a| any_true(a),
    ),
    Function::new(
        "chunklist",
        "A list cut into lists of a size.",
        (r#"chunklist(["a", "b", "c"], 2)"#, r#"[["a", "b"], ["c"]]"#),
        &[LIST, Param::new("size", ParamType::Number)],
        LISTS_OF_ANY,
        |_, a| chunklist(a),
    )
    .returning(|a| Type::list(Type::list(element_type(at(a, 0))))),
    Function::new(
        "coalesce",
        "The first argument that is neither null nor empty text.",
        (r#"coalesce("", "b")"#, r#""b""#),
        &[],
        ParamType::Any,
        |_, a| coalesce(a),
    )
    .with_more(
        Param::new("values", ParamType::Any)
            .nullable()
            .unknowable()
            .markable(),
    ),
    Function::new(
        "coalescelist",
        "The first list that is not empty.",
        (r#"coalescelist([], ["b"])"#, r#"["b"]"#),
        &[],
        ParamType::Any,
        |_, a| coalescelist(a),
    )
    .with_more(
        Param::new("lists", ParamType::Any)
            .nullable()
            .unknowable()
            .markable(),
    ),
    Function::new(
        "compact",
        "A list of text without its empty and null elements.",
        (r#"compact(["a", "", null])"#, r#"["a"]"#),
        &[STRINGS],
        ParamType::List(&ParamType::String),
        |_, a| compact(a),
    ),
    Function::new(
        "concat",
        "Lists one after another.",
        (r#"concat(["a"], ["b", "c"])"#, r#"["a", "b", "c"]"#),
        &[],
        ParamType::Any,
        |_, a| concat(a),
    )
    .with_more(ANY),
    Function::new(
        "contains",
        "Whether a collection holds a value, which is never converted.",
        (r#"contains(["a", "b"], "a")"#, "true"),
        &[
            Param::new("list", ParamType::Any).unknowable(),
            Param::new("value", ParamType::Any).unknowable(),
        ],
        ParamType::Bool,
        |_, a| contains(a),
    ),
    Function::new(
        "distinct",
        "A list without repeats; the first of each stays.",
        (r#"distinct(["b", "a", "b"])"#, r#"["b", "a"]"#),
        &[KNOWN_LIST],
        LIST_OF_ANY,
        |_, a| distinct(a),
    )
    .returning(|a| Type::list(element_type(at(a, 0)))),
    Function::new(
        "element",
        "The element at an index, beginning again at the start past the end.",
        (r#"element(["a", "b"], 3)"#, r#""b""#),
        &[ANY, INDEX],
        ParamType::Any,
        |_, a| element(a),
    )
    .returning(|a| element_type(at(a, 0))),
    Function::new(
        "flatten",
        "A list with the lists inside it, at any depth, replaced by their elements.",
        (r#"flatten([["a"], ["b", ["c"]]])"#, r#"["a", "b", "c"]"#),
        &[ANY],
        ParamType::Any,
        |_, a| flatten(a),
    ),
    Function::new(
        "index",
        "Where in a list a value stands first, from 0.",
        (r#"index(["a", "b"], "b")"#, "1"),
        &[
            Param::new("list", ParamType::Any).unknowable(),
            Param::new("value", ParamType::Any),
        ],
        ParamType::Number,
        |_, a| index(a),
    ),
    Function::new(
        "matchkeys",
        "The values at whose position the keys hold one of the wanted.",
        (r#"matchkeys(["x", "y"], ["a", "b"], ["b"])"#, r#"["y"]"#),
        &[
            Param::new("values", LIST_OF_ANY),
            Param::new("keys", LIST_OF_ANY),
            Param::new("searchset", LIST_OF_ANY),
        ],
        LIST_OF_ANY,
        |_, a| matchkeys(a),
    )
    .returning(|a| Type::list(element_type(at(a, 0)))),
    Function::new(
        "one",
        "The only element of a collection, or null of an empty one; an error for more.",
        (r#"one(["a"])"#, r#""a""#),
        &[ANY],
        ParamType::Any,
        |_, a| one(a),
    ),
    Function::new(
        "reverse",
        "A list backwards.",
        (r#"reverse(["a", "b"])"#, r#"["b", "a"]"#),
        &[ANY],
        ParamType::Any,
        |_, a| reverse(a),
    ),
    Function::new(
        "slice",
        "The elements from a start up to but without an end.",
        (r#"slice(["a", "b", "c"], 1, 3)"#, r#"["b", "c"]"#),
        &[
            ANY,
            Param::new("start", ParamType::Number),
            Param::new("end", ParamType::Number),
        ],
        ParamType::Any,
        |_, a| slice(a),
    ),
    Function::new(
        "sort",
        "A list of text in the order of its characters' codes.",
        (r#"sort(["b", "a"])"#, r#"["a", "b"]"#),
        &[STRINGS.unknowable()],
        ParamType::List(&ParamType::String),
        |_, a| sort(a),
    ),
];

fn all_true(arguments: &[Value]) -> Outcome {
    decide(arguments, false)
}

fn any_true(arguments: &[Value]) -> Outcome {
    decide(arguments, true)
}

/// Whether an element decides (false for `alltrue`, true for `anytrue`); the opposite if none does. A null
/// counts as false.
fn decide(arguments: &[Value], decisive: bool) -> Outcome {
    if !at(arguments, 0).is_known() {
        return Ok(Value::unknown(Type::Bool));
    }
    let mut unknown = false;
    for item in items(arguments, 0)? {
        if !item.is_known() {
            // `alltrue` stops at the first element that is not known, `anytrue` looks further.
            if !decisive {
                return Ok(Value::unknown(Type::Bool));
            }
            unknown = true;
        } else if item.as_bool().unwrap_or(false) == decisive {
            return Ok(Value::bool(decisive));
        }
    }
    Ok(if unknown {
        Value::unknown(Type::Bool)
    } else {
        Value::bool(!decisive)
    })
}

fn chunklist(arguments: &[Value]) -> Outcome {
    let list = at(arguments, 0);
    let sensitive = list.is_sensitive();
    let element = element_type(list);
    if !list.is_known() {
        return Ok(Value::unknown(Type::list(Type::list(element))).with_sensitive(sensitive));
    }
    let size = whole(arguments, 1)?;
    let Ok(size) = usize::try_from(size) else {
        return refuse(
            1,
            format!("{size} is not a size"),
            "use a number above 0, or 0 for a single chunk",
        );
    };
    let items = items(arguments, 0)?;
    let size = if size == 0 { items.len().max(1) } else { size };
    let chunks = items
        .chunks(size)
        .map(|chunk| Value::list(element.clone(), chunk.to_vec()))
        .collect();
    Ok(Value::list(Type::list(element), chunks).with_sensitive(sensitive))
}

fn coalesce(arguments: &[Value]) -> Outcome {
    let Some((unified, values)) = unify_values(arguments).filter(|_| !arguments.is_empty()) else {
        return Err(FunctionError::new("the arguments have no type in common")
            .with_help("convert them, for example with `tostring`"));
    };
    // Which argument is taken tells something about every one.
    let sensitive = values.iter().any(Value::is_sensitive);
    for value in values {
        if !value.is_known() && value.parts().is_none() {
            return Ok(Value::unknown(unified).with_sensitive(sensitive));
        }
        // What apply will learn of an entity is neither null nor empty.
        if !value.is_null() && value.as_str() != Some("") {
            return Ok(value.with_sensitive(sensitive));
        }
    }
    Err(FunctionError::new("every argument is null or empty text")
        .with_help("add a last argument that is not"))
}

fn coalescelist(arguments: &[Value]) -> Outcome {
    if arguments.is_empty() {
        return Err(FunctionError::new("it needs at least one list")
            .with_help("write coalescelist(list, [\"fallback\"])"));
    }
    for (index, value) in arguments.iter().enumerate() {
        let ty = value.ty();
        let undecided = ty == Type::Any && !value.is_null();
        if !undecided && !matches!(ty, Type::List(_) | Type::Tuple(_)) {
            let message = format!("it is {}, and a list or tuple is required", kind(value));
            return refuse(index, message, "use `tolist`");
        }
    }
    // What is chosen tells of those that were not.
    let sensitive = arguments.iter().any(Value::contains_sensitive);
    for value in arguments {
        if !value.is_known() {
            return Ok(Value::unknown(Type::Any).with_sensitive(sensitive));
        }
        if value.children().next().is_some() {
            return Ok(value.clone().with_sensitive(sensitive));
        }
    }
    Err(FunctionError::new("every list is empty").with_help("add a last list that is not"))
}

fn compact(arguments: &[Value]) -> Outcome {
    let kept = items(arguments, 0)?
        .iter()
        .filter(|item| item.as_str().is_some_and(|text| !text.is_empty()));
    Ok(Value::list(Type::String, kept.cloned().collect()))
}

fn concat(arguments: &[Value]) -> Outcome {
    if arguments.is_empty() {
        return Err(
            FunctionError::new("it needs at least one list").with_help("write concat(list, [\"more\"])")
        );
    }
    let mut sensitive = false;
    let mut unknown = false;
    let mut joined: Vec<Value> = Vec::new();
    for (index, value) in arguments.iter().enumerate() {
        sensitive |= value.is_sensitive();
        match value.data() {
            Data::Unknown(state) if matches!(state.ty, Type::List(_) | Type::Tuple(_) | Type::Any) => {
                unknown = true
            }
            Data::List(list) => joined.extend(list.items.iter().cloned()),
            Data::Tuple(items) => joined.extend(items.iter().cloned()),
            _ => {
                return refuse(
                    index,
                    format!("it is {}, and a list or tuple is required", kind(value)),
                    "use `tolist` on a set",
                );
            }
        }
    }
    let types: Vec<Type> = arguments.iter().map(Value::ty).collect();
    let all_lists = types.iter().all(|ty| matches!(ty, Type::List(_)));
    let unified = crate::config::types::unify(&types).filter(|_| all_lists);
    let result = match (unified, unknown) {
        (Some(ty), true) => Value::unknown(ty),
        (None, true) => Value::unknown(Type::Any),
        (Some(ty), false) => convert(&Value::tuple(joined), &ty)
            .map_err(|error| FunctionError::new(error.to_string()).with_help("use `tolist` on each"))?,
        (None, false) => Value::tuple(joined),
    };
    Ok(result.with_sensitive(sensitive))
}

fn contains(arguments: &[Value]) -> Outcome {
    if !at(arguments, 0).is_known() {
        return Ok(Value::unknown(Type::Bool));
    }
    let mut unknown = false;
    for item in items(arguments, 0)? {
        match item.equals(at(arguments, 1)).as_bool() {
            Some(true) => return Ok(Value::TRUE),
            Some(false) => {}
            None => unknown = true,
        }
    }
    Ok(if unknown {
        Value::unknown(Type::Bool)
    } else {
        Value::FALSE
    })
}

fn distinct(arguments: &[Value]) -> Outcome {
    let list = at(arguments, 0);
    let items = items(arguments, 0)?;
    // Positions in the order of the values, the first of equal ones first.
    let mut order: Vec<usize> = (0..items.len()).collect();
    let item = |index: usize| items.get(index).unwrap_or(&Value::NULL);
    order.sort_by(|a, b| crate::config::value::set_order(item(*a), item(*b)).then(a.cmp(b)));
    order.dedup_by(|later, kept| item(*later) == item(*kept));
    order.sort_unstable();
    Ok(Value::list(
        element_type(list),
        order.into_iter().map(|index| item(index).clone()).collect(),
    ))
}

fn element(arguments: &[Value]) -> Outcome {
    let list = at(arguments, 0);
    let index = whole(arguments, 1)?;
    let sensitive = list.is_sensitive();
    match list.data() {
        Data::List(_) | Data::Tuple(_) => {}
        Data::Unknown(unknown) if matches!(unknown.ty, Type::List(_) | Type::Tuple(_) | Type::Any) => {
            return Ok(Value::unknown(element_type(list)).with_sensitive(sensitive));
        }
        _ => {
            return refuse(
                0,
                format!("it is {}, and a list or tuple is required", kind(list)),
                "use `tolist` on a set",
            );
        }
    }
    let items = items(arguments, 0)?;
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let index = index.checked_rem_euclid(length);
    match index.and_then(|index| items.get(usize::try_from(index).ok()?)) {
        Some(item) => Ok(item.clone().with_sensitive(sensitive)),
        None => refuse(
            0,
            "an empty list has no elements",
            "test length(list) first, or use `try`",
        ),
    }
}

fn flatten(arguments: &[Value]) -> Outcome {
    let value = at(arguments, 0);
    if !value.is_known() {
        return Ok(Value::unknown(Type::Any).with_sensitive(value.contains_sensitive()));
    }
    if value.elements().is_none() {
        return refuse(
            0,
            format!("it is {}, and a list, set or tuple is required", kind(value)),
            "use `values` on a map",
        );
    }
    let mut found = Vec::new();
    let mut sensitive = false;
    let known = flatten_into(value, &mut found, &mut sensitive);
    let result = if known {
        Value::tuple(found)
    } else {
        Value::unknown(Type::Any)
    };
    Ok(result.with_sensitive(sensitive))
}

/// Whether it is known how many elements there are. Marks of a list are the result's, marks of others stay theirs.
fn flatten_into(value: &Value, found: &mut Vec<Value>, sensitive: &mut bool) -> bool {
    *sensitive |= value.is_sensitive();
    let mut known = true;
    for item in value.children() {
        match item.data() {
            Data::List(_) | Data::Set(_) | Data::Tuple(_) => known &= flatten_into(item, found, sensitive),
            Data::Unknown(unknown)
                if matches!(
                    unknown.ty,
                    Type::List(_) | Type::Set(_) | Type::Tuple(_) | Type::Any
                ) =>
            {
                *sensitive |= item.is_sensitive();
                known = false;
            }
            _ => found.push(item.clone()),
        }
    }
    known
}

fn index(arguments: &[Value]) -> Outcome {
    let list = at(arguments, 0);
    match list.data() {
        Data::Unknown(_) => return Ok(Value::unknown(Type::Number)),
        Data::List(_) | Data::Tuple(_) => {}
        _ => {
            return refuse(
                0,
                format!("it is {}, and a list or tuple is required", kind(list)),
                "use `tolist` on a set",
            );
        }
    }
    for (position, item) in items(arguments, 0)?.iter().enumerate() {
        match item.equals(at(arguments, 1)).as_bool() {
            Some(true) => return Ok(Value::count(position)),
            Some(false) => {}
            None => return Ok(Value::unknown(Type::Number)),
        }
    }
    refuse(
        1,
        "the list does not hold this value",
        "use `contains` first; values are not converted, so 1 is not \"1\"",
    )
}

fn matchkeys(arguments: &[Value]) -> Outcome {
    let (values, keys) = (items(arguments, 0)?, items(arguments, 1)?);
    if values.len() != keys.len() {
        return refuse(
            1,
            format!("there are {} keys for {} values", keys.len(), values.len()),
            "give one key per value",
        );
    }
    let Some((_, lists)) = unify_values(&[at(arguments, 1).clone(), at(arguments, 2).clone()]) else {
        return refuse(
            2,
            "its elements and the keys have no type in common",
            "convert one of them",
        );
    };
    let (keys, wanted) = match lists.as_slice() {
        [keys, wanted] => (keys.elements().unwrap_or(&[]), wanted.elements().unwrap_or(&[])),
        _ => (&[][..], &[][..]),
    };
    budget::steps((keys.len() as u64).saturating_mul(wanted.len() as u64) / 8)?;
    let kept = values.iter().zip(keys).filter(|(_, key)| wanted.contains(key));
    Ok(Value::list(
        element_type(at(arguments, 0)),
        kept.map(|(value, _)| value.clone()).collect(),
    ))
}

fn one(arguments: &[Value]) -> Outcome {
    let value = at(arguments, 0);
    let sensitive = value.is_sensitive();
    if !value.is_known() {
        return Ok(Value::unknown(element_type(value)).with_sensitive(sensitive));
    }
    match value.elements() {
        Some([]) => Ok(Value::null(element_type(value)).with_sensitive(sensitive)),
        Some([only]) => Ok(only.clone().with_sensitive(sensitive)),
        Some(items) => refuse(
            0,
            format!("it has {} elements, and at most one is allowed", items.len()),
            "filter it with `for … if`",
        ),
        None => refuse(
            0,
            format!("it is {}, and a list, set or tuple is required", kind(value)),
            "use `[*]` to make a list of one",
        ),
    }
}

fn reverse(arguments: &[Value]) -> Outcome {
    let value = at(arguments, 0);
    let sensitive = value.is_sensitive();
    let backwards = |items: &[Value]| items.iter().rev().cloned().collect::<Vec<_>>();
    let result = match value.data() {
        Data::List(list) | Data::Set(list) => Value::list(list.element.clone(), backwards(&list.items)),
        Data::Tuple(items) => Value::tuple(backwards(items)),
        Data::Unknown(unknown) => Value::unknown(match &unknown.ty {
            Type::Set(element) => Type::List(element.clone()),
            Type::Tuple(items) => Type::tuple(items.iter().rev().cloned().collect()),
            other => other.clone(),
        }),
        _ => {
            return refuse(
                0,
                format!("it is {}, and a list, set or tuple is required", kind(value)),
                "use `strrev` on text",
            );
        }
    };
    Ok(result.with_sensitive(sensitive))
}

fn slice(arguments: &[Value]) -> Outcome {
    let value = at(arguments, 0);
    let sensitive = value.is_sensitive();
    let (start, end) = (whole(arguments, 1)?, whole(arguments, 2)?);
    let items = match value.data() {
        Data::List(list) => list.items.as_slice(),
        Data::Tuple(items) => items.as_slice(),
        Data::Unknown(unknown) if matches!(unknown.ty, Type::List(_) | Type::Any) => {
            return Ok(Value::unknown(unknown.ty.clone()).with_sensitive(sensitive));
        }
        Data::Unknown(unknown) if matches!(unknown.ty, Type::Tuple(_)) => {
            return Ok(Value::unknown(Type::Any).with_sensitive(sensitive));
        }
        _ => {
            return refuse(
                0,
                format!("it is {}, and a list or tuple is required", kind(value)),
                "use `tolist` on a set",
            );
        }
    };
    let Ok(first) = usize::try_from(start) else {
        return refuse(1, format!("the start {start} is negative"), "count from 0");
    };
    if end < start {
        return refuse(
            1,
            format!("the start {start} is after the end {end}"),
            "swap them",
        );
    }
    let Some(part) = usize::try_from(end).ok().and_then(|end| items.get(first..end)) else {
        return refuse(
            2,
            format!("the end {end} is beyond the {} elements", items.len()),
            "use length(list)",
        );
    };
    let part = part.to_vec();
    let result = if is_list(value) {
        Value::list(element_type(value), part)
    } else {
        Value::tuple(part)
    };
    Ok(result.with_sensitive(sensitive))
}

fn sort(arguments: &[Value]) -> Outcome {
    let list = at(arguments, 0);
    if !list.is_known() {
        return Ok(Value::unknown(Type::list(Type::String)));
    }
    let items = items(arguments, 0)?;
    if let Some(position) = items.iter().position(Value::is_null) {
        return refuse(
            0,
            format!("its element {position} is null, which cannot be sorted"),
            "use `compact` to drop nulls",
        );
    }
    if !list.is_wholly_known() {
        // How many there are stays known, which is in which place does not.
        return Ok(Value::list(
            Type::String,
            vec![Value::unknown(Type::String); items.len()],
        ));
    }
    let mut sorted = items.to_vec();
    sorted.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    Ok(Value::list(Type::String, sorted))
}

/// Pairs text keys with values, for callers in this folder.
pub(super) fn named<'a>(
    keys: impl Iterator<Item = &'a Value>,
    values: impl Iterator<Item = Value>,
) -> Fields {
    keys.filter_map(Value::as_str)
        .map(Arc::from)
        .zip(values)
        .collect()
}
