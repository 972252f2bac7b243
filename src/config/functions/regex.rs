//! `regex` and `regexall`.

use std::sync::Arc;

use crate::config::budget;
use crate::config::functions::args::{Outcome, at, refuse, text};
use crate::config::functions::re2::{self, Pattern};
use crate::config::functions::{Function, Param, ParamType};
use crate::config::types::Type;
use crate::config::value::{Fields, Value};

const PARAMS: &[Param] = &[
    Param::new("pattern", ParamType::String),
    Param::new("string", ParamType::String),
];

/// This file's functions.
pub const TABLE: &[Function] = &[
    Function::new("regex", "The first match of a regular expression; with groups, a list of them, or an object if they have names.", (r#"regex("[a-z]+", "42 ada 7")"#, r#""ada""#), PARAMS, ParamType::Any, |_, a| regex(a)).returning(result_type),
    Function::new("regexall", "Every match of a regular expression, each as `regex` gives it.", (r#"regexall("[0-9]+", "42 ada 7")"#, r#"["42", "7"]"#), PARAMS, ParamType::Any, |_, a| regexall(a)).returning(|a| Type::list(result_type(a))),
];

fn regex(arguments: &[Value]) -> Outcome {
    let pattern = pattern(arguments)?;
    let whole = text(arguments, 1)?;
    match pattern.regex.captures(whole) {
        Some(found) => Ok(captured(&pattern, &found)),
        None => refuse(
            1,
            "the pattern matches nothing in it",
            "wrap the call in `try` or `can`, or use `regexall`",
        ),
    }
}

fn regexall(arguments: &[Value]) -> Outcome {
    let pattern = pattern(arguments)?;
    let mut found = Vec::new();
    for captures in pattern.regex.captures_iter(text(arguments, 1)?) {
        let one = captured(&pattern, &captures);
        budget::kept(&one)?;
        found.push(one);
    }
    Ok(Value::list(match_type(&pattern), found))
}

fn pattern(arguments: &[Value]) -> Result<std::rc::Rc<Pattern>, super::FunctionError> {
    let pattern =
        re2::compile(text(arguments, 0)?).or_else(|error| refuse(0, error.to_string(), re2::HELP))?;
    let named = pattern.groups.iter().filter(|group| group.is_some()).count();
    if named > 0 && named < pattern.groups.len() {
        return refuse(
            0,
            "it has groups with and without names",
            "name all groups, or none; (?:…) groups without capturing",
        );
    }
    Ok(pattern)
}

/// The type of a match, as far as the pattern is known.
fn result_type(arguments: &[Value]) -> Type {
    at(arguments, 0)
        .as_str()
        .and_then(|text| re2::compile(text).ok())
        .map_or(Type::Any, |pattern| match_type(&pattern))
}

fn match_type(pattern: &Pattern) -> Type {
    if pattern.groups.is_empty() {
        return Type::String;
    }
    let names: Vec<Arc<str>> = pattern
        .groups
        .iter()
        .flatten()
        .map(|name| Arc::from(name.as_str()))
        .collect();
    if names.is_empty() {
        return Type::tuple(vec![Type::String; pattern.groups.len()]);
    }
    Type::object(names.into_iter().map(|name| (name, Type::String)))
}

fn captured(pattern: &Pattern, found: &::regex::Captures<'_>) -> Value {
    let group = |index: usize| {
        found.get(index).map_or_else(
            || Value::null(Type::String),
            |group| Value::string(group.as_str()),
        )
    };
    if pattern.groups.is_empty() {
        return group(0);
    }
    let groups = pattern
        .groups
        .iter()
        .enumerate()
        .map(|(index, name)| (name, group(index + 1)));
    if pattern.groups.iter().any(Option::is_some) {
        let fields: Fields = groups
            .filter_map(|(name, value)| Some((Arc::from(name.as_deref()?), value)))
            .collect();
        return Value::object(fields);
    }
    Value::tuple(groups.map(|(_, value)| value).collect())
}
