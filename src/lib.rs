//! Access as code for AWS IAM Identity Center: who may enter which account with which permissions, as files that
//! are planned, reviewed and applied.
//!
//! # Bird's eye
//!
//! ```text
//! files ──compile──> program ─┐
//! provider.read ──> observed ─┼─evaluate──> desired ┐
//! state store ────────────────┴──────────> recorded ┴─> PlanInput ──plan──> Plan ──check──> view
//!                                                                            └─> apply: intent → call → outcome
//! ```
//!
//! [`config`] turns HCL into a [`model::stack::Desired`]; a [`provider`] answers with a
//! [`model::instance::Observed`]; the [`state`] holds a [`model::record::Recorded`]. All three carry one shape, a
//! [`model::Snapshot`]: entities by key, and access as a relation of packed tuples ([`model::access`]). [`plan`]
//! compares them, purely; [`apply`] carries a plan out through the provider and keeps a journal; [`report`] builds
//! views; [`import`] goes the other way, from a reading to the text that a person would have written for it;
//! `rego` asks a stack's
//! own policies about a finished plan; [`cli`] is the only part that knows there is a process around it.
//!
//! # Invariants
//!
//! - Planning is a pure function of one serialisable value. No clock, file, network or environment is read outside
//!   [`cli`] and the concrete adapters (the simulator's world file, the journal, sled).
//! - A grant's identity is (account, permission set, principal), never a position or an id the service made up.
//! - Nothing is concluded from what could not be read: such things are *held*.
//! - A stack removes only what it recorded as its own, unless `unmanaged = "remove"` says otherwise inside a scope.
//! - An intent is durable before its call leaves; whatever happens after that, the next run finds out.
//! - Every finished plan is read by a checker that shares no code with the planner ([`plan::check`]).
//! - Names of outside crates stay in one file each: HCL in `config/syntax`, petgraph in `graph`, sled in
//!   `state/sled`, the interpreter of Rego in `rego/`.
//!
//! Modules import leftwards only: diagnostic → source; address → id; model → id, address; graph → address, model;
//! config → these; import → config, model; plan → these but config; state and provider → id, address, model; apply → plan, graph and both
//! seams; rego → diagnostic, model, plan's findings;
//! report → model, plan, apply's events; cli → everything. A test holds the imports against this list.

pub mod address;
pub mod apply;
pub mod cli;
pub mod config;
pub mod diagnostic;
pub mod drift;
pub mod graph;
pub mod id;
pub mod import;
pub mod model;
pub mod plan;
pub mod provider;
#[cfg(feature = "rego")]
pub mod rego;
pub mod report;
pub mod source;
pub mod state;
#[cfg(test)]
mod testing;
