//! Applying: carrying a plan out, step by step, so that it can be killed anywhere.
//!
//! [`walk`] says which steps may start, [`pace`] how many, [`retry`] what an
//! error means; all three are pure. [`run`] puts them together: an intent is
//! durable before its call leaves, outcomes become durable with the next
//! intents, and at the end the service is read again and recorded.

mod called;
#[cfg(test)]
mod changed_tests;
mod describe;
mod ending;
pub mod event;
#[cfg(test)]
mod fault_tests;
pub mod ids;
mod launch;
pub mod pace;
pub mod queue;
mod reading;
mod records;
mod recover;
pub mod retry;
pub mod run;
mod settle;
mod silence;
mod since;
mod stale;
#[cfg(test)]
mod tests;
mod trouble;
mod tuples;
pub mod walk;

pub use describe::describe;
pub use recover::{foresee, recover, settle};
pub use run::{ApplyError, ApplyResult, Failure, RunOptions, apply};
