//! Functions of the expression language: Terraform's pure ones, one table per file.
//!
//! A function states its parameters, its result and an example next to its implementation; the evaluator does
//! the rest for it, so that an implementation sees known, unmarked arguments of the right types unless it asks
//! for something else:
//!
//! - arguments are converted to their parameters' types;
//! - a null is refused unless the parameter allows it;
//! - an argument that is unknown, or has anything unknown in it, makes the result unknown unless the parameter
//!   allows it;
//! - marks are taken off and put on the result unless the parameter allows them.

mod args;
mod cidr;
mod collection;
pub mod convert;
mod csv;
mod datetime;
mod decimal;
mod encoding;
pub(in crate::config) mod filesystem;
mod format;
pub mod impure;
pub mod json;
mod mapping;
mod network;
mod numeric;
mod re2;
pub mod reference;
mod regex;
mod sensitive;
mod string;
mod timestamp;
pub(in crate::config) mod yaml;
mod yaml_text;

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::config::files::Files;
use crate::config::types::Type;
use crate::config::value::{Fields, Value};

/// One function.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence for the reference.
    pub summary: &'static str,
    /// An expression that uses it, and what it gives as the console prints it.
    pub example: (&'static str, &'static str),
    /// Its parameters.
    pub params: &'static [Param],
    /// What any further arguments are.
    pub variadic: Option<Param>,
    /// The type of its result, for when an argument is unknown.
    pub returns: Returns,
    /// What it runs.
    pub body: Body,
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name, for messages and the reference.
    pub name: &'static str,
    /// What arguments are converted to.
    pub ty: ParamType,
    /// Null is passed on, not refused.
    pub allow_null: bool,
    /// Unknown values are passed on; else the result is unknown.
    pub allow_unknown: bool,
    /// Marks are passed on, and the function marks its result itself; else the result is marked if an argument is.
    pub allow_sensitive: bool,
}

/// A parameter's type, as a constant.
#[derive(Debug, Clone, Copy)]
pub enum ParamType {
    /// Anything, as it is.
    Any,
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `list(T)`
    List(&'static ParamType),
    /// `set(T)`
    Set(&'static ParamType),
    /// `map(T)`
    Map(&'static ParamType),
}

/// What a function returns, as far as that can be said before it runs.
#[derive(Clone, Copy)]
pub enum Returns {
    /// Always this.
    Fixed(ParamType),
    /// What this makes of the arguments, some of which are unknown.
    From(fn(&[Value]) -> Type),
}

impl std::fmt::Debug for Returns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Returns::Fixed(ty) => write!(f, "Fixed({ty:?})"),
            Returns::From(_) => f.write_str("From"),
        }
    }
}

/// A function of the arguments' values.
pub type EagerBody = fn(&mut CallCx<'_>, &[Value]) -> Result<Value, FunctionError>;

/// What a function runs.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// A function of the arguments' values.
    Eager(EagerBody),
    /// `try`: the first argument that evaluates without an error.
    Try,
    /// `can`: whether the argument evaluates without an error.
    Can,
}

/// What a function can ask of its surroundings.
pub struct CallCx<'a> {
    /// The stack's files.
    pub files: &'a dyn Files,
    /// Renders a template text with variables, for `templatefile`: name for messages, text, variables.
    pub render: &'a dyn Fn(&str, &str, &Fields) -> Result<Value, FunctionError>,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FunctionError {
    /// Which argument is at fault, from 0; `None` for the call as a whole.
    pub argument: Option<usize>,
    /// Why, as a clause: "the given key does not identify an element".
    pub message: String,
    /// What to do about it, as a clause: "use `floor` to round it".
    pub help: Option<String>,
}

impl FunctionError {
    /// The call as a whole failed.
    pub fn new(message: impl Into<String>) -> Self {
        FunctionError {
            argument: None,
            message: message.into(),
            help: None,
        }
    }

    /// An argument is at fault.
    pub fn argument(index: usize, message: impl Into<String>) -> Self {
        FunctionError {
            argument: Some(index),
            message: message.into(),
            help: None,
        }
    }
}

impl From<crate::config::budget::Spent> for FunctionError {
    fn from(spent: crate::config::budget::Spent) -> Self {
        FunctionError::new(spent.to_string())
    }
}

impl FunctionError {
    /// The same, with a remedy.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Param {
    /// A parameter with the defaults: null refused, unknown and sensitive handled by the evaluator.
    pub const fn new(name: &'static str, ty: ParamType) -> Self {
        Param {
            name,
            ty,
            allow_null: false,
            allow_unknown: false,
            allow_sensitive: false,
        }
    }

    /// The same, with null passed on.
    #[must_use]
    pub const fn nullable(mut self) -> Self {
        self.allow_null = true;
        self
    }

    /// The same, with unknown values passed on.
    #[must_use]
    pub const fn unknowable(mut self) -> Self {
        self.allow_unknown = true;
        self
    }

    /// The same, with marks passed on.
    #[must_use]
    pub const fn markable(mut self) -> Self {
        self.allow_sensitive = true;
        self
    }
}

impl ParamType {
    /// As a type to convert to.
    pub fn to_type(self) -> Type {
        match self {
            ParamType::Any => Type::Any,
            ParamType::Bool => Type::Bool,
            ParamType::Number => Type::Number,
            ParamType::String => Type::String,
            ParamType::List(element) => Type::list(element.to_type()),
            ParamType::Set(element) => Type::set(element.to_type()),
            ParamType::Map(element) => Type::map(element.to_type()),
        }
    }
}

impl Function {
    /// A function of a fixed number of arguments.
    pub const fn new(
        name: &'static str,
        summary: &'static str,
        example: (&'static str, &'static str),
        params: &'static [Param],
        returns: ParamType,
        body: EagerBody,
    ) -> Self {
        Function {
            name,
            summary,
            example,
            params,
            variadic: None,
            returns: Returns::Fixed(returns),
            body: Body::Eager(body),
        }
    }

    /// The same, taking more arguments.
    #[must_use]
    pub const fn with_more(mut self, param: Param) -> Self {
        self.variadic = Some(param);
        self
    }

    /// The same, with a result type that hangs on the arguments.
    #[must_use]
    pub const fn returning(mut self, returns: fn(&[Value]) -> Type) -> Self {
        self.returns = Returns::From(returns);
        self
    }

    /// The parameter that takes argument `index`.
    pub fn param(&self, index: usize) -> Option<&Param> {
        self.params.get(index).or(self.variadic.as_ref())
    }

    /// `substr(string, offset, length)`, for messages and the reference.
    pub fn signature(&self) -> String {
        let mut names: Vec<String> = self.params.iter().map(|param| param.name.to_owned()).collect();
        names.extend(self.variadic.map(|param| format!("{}...", param.name)));
        format!("{}({})", self.name, names.join(", "))
    }
}

/// Every table, one per file.
const TABLES: &[&[Function]] = &[
    collection::TABLE,
    csv::TABLE,
    convert::TABLE,
    datetime::TABLE,
    encoding::TABLE,
    filesystem::TABLE,
    format::TABLE,
    json::TABLE,
    mapping::TABLE,
    network::TABLE,
    numeric::TABLE,
    regex::TABLE,
    sensitive::TABLE,
    string::TABLE,
    yaml::TABLE,
];

/// Every function, by name.
pub static FUNCTIONS: LazyLock<Vec<&'static Function>> = LazyLock::new(|| {
    let mut all: Vec<&'static Function> = TABLES.iter().flat_map(|table| table.iter()).collect();
    all.sort_by_key(|function| function.name);
    all
});

static BY_NAME: LazyLock<FxHashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    FUNCTIONS
        .iter()
        .map(|function| (function.name, *function))
        .collect()
});

/// The function with a name; `core::name` is the same as `name`.
pub fn find(name: &str) -> Option<&'static Function> {
    let name = name.strip_prefix("core::").unwrap_or(name);
    BY_NAME.get(name).copied()
}
