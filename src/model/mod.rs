//! The things rolecall talks about, in plain data.
//!
//! What is declared (*desired*), what was applied (*recorded*) and what the
//! service answered (*observed*) are one shape, [`Snapshot`]: entities by key,
//! and access as a relation. Ids and deferred values are optional in it, so that
//! three sources can be compared by the same code.

pub mod access;
pub mod account;
pub mod action;
pub mod approved;
pub mod aws_policies;
pub mod denial;
pub mod duration;
pub mod escalation;
pub mod fingerprint;
pub mod freeze;
pub mod guardrail;
pub mod history;
pub mod identities;
pub mod in_account;
pub mod instance;
pub mod likeness;
pub mod made;
pub mod matching;
pub mod mention;
pub mod permission_set;
pub mod policy;
pub mod policy_document;
pub mod policy_file;
pub mod principal;
pub mod privilege;
pub mod rank_rule;
pub mod reach;
pub mod record;
pub mod resource_pattern;
pub mod role_content;
pub mod roles;
pub mod rules;
pub mod snapshot;
pub mod stack;
pub mod standing;
pub mod text;
pub mod widening;

pub use access::{Access, Declaration, Names, Note, Tuple};
pub use account::{Account, AccountStatus, OrganizationalUnit};
pub use permission_set::{Boundary, CustomerManagedPolicy, PermissionSet, SessionDuration};
pub use principal::{Group, User};
pub use snapshot::{Entity, Management, Snapshot};
pub use text::{Part, Reference, ServiceAttribute, Text};
