//! Applying: carrying a plan out, step by step, so that it can be killed anywhere.
//!
//! [`walk`] says which steps may start, [`pace`] how many, [`retry`] what an
//! error means; all three are pure. [`run`] puts them together: an intent is
//! durable before its call leaves, outcomes become durable with the next
//! intents, and at the end the service is read again and recorded.

pub mod event;
pub mod ids;
pub mod pace;
pub mod retry;
pub mod walk;
