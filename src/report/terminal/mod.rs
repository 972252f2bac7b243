//! Views as text for a terminal: short whatever the size, aligned, coloured by meaning.
//!
//! Every section has a budget of lines. What does not fit is folded first (all
//! rows of one block on one line) and counted at the end, so that a plan of a
//! million grants still fits a few screens.

pub mod access;
pub(in crate::report) mod assignments;
pub mod drift;
mod entities;
pub mod outputs;
mod page;
pub(in crate::report) mod people;
pub mod plan;
mod records;
mod rules;
pub mod state;

pub use page::Page;
