//! The command line: the only part that knows there is a process around it.

pub mod args;
pub mod env;
pub mod error;
pub mod exit;
