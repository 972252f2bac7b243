//! From HCL text to values: syntax, expressions, functions.

pub mod console;
pub mod convert;
pub mod deviations;
pub mod display;
pub mod eval;
pub mod files;
pub mod functions;
pub mod number;
pub mod syntax;
pub mod types;
pub mod value;
