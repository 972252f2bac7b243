//! From HCL text to values: syntax, expressions, functions.

pub mod budget;
pub mod check;
pub mod codes;
pub mod console;
pub mod constraint;
pub mod convert;
pub mod decode;
pub mod deviations;
pub mod display;
pub mod entities;
pub mod eval;
pub mod evaluate;
pub mod files;
pub mod functions;
pub mod module;
pub mod number;
pub mod program;
pub mod rules;
pub mod schema;
pub mod syntax;
pub mod types;
pub mod value;
