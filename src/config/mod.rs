//! From HCL text to values: syntax, expressions, functions.

pub mod convert;
pub mod display;
pub mod files;
pub mod functions;
pub mod number;
pub mod types;
pub mod value;
