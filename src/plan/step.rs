//! Steps and what they wait for.
//!
//! With a million grants, an edge per step would outweigh the plan. So waiting
//! is stated where it is shared: a grant waits for the actions that concern its
//! set, its account or its principal; an action waits for *all* revokes of a
//! set; and only a revoke that would otherwise cut people off names the single
//! grants it waits for.
//!
//! Three orders hold at once: what is referred to comes first; nobody loses on the
//! way what they keep (`plan/keeping.rs`); nobody has on the way what is neither
//! theirs before nor after (`plan/widening.rs`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A step of a plan.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StepId {
    /// An index into the plan's actions.
    Action(u32),
    /// An index into the plan's grants.
    Grant(u32),
    /// An index into the plan's revokes.
    Revoke(u32),
}

/// Something to wait for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// One action.
    Action(u32),
    /// One grant.
    Grant(u32),
    /// One revoke.
    Revoke(u32),
    /// Every grant of the permission set with this rank.
    GrantsOfSet(u32),
    /// Every revoke of the permission set with this rank.
    RevokesOfSet(u32),
    /// Every revoke of the principal with this rank.
    RevokesOfPrincipal(u32),
}

/// What every step waits for. A step whose wait failed or was blocked is not run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Waits {
    /// For each action, in order of the plan's actions: what it waits for, ascending.
    pub actions: Vec<Vec<Wait>>,
    /// Grants of the set with this rank wait for these actions (its creation or update; after a run that left it to
    /// provision, what takes it from people).
    pub grants_of_set: BTreeMap<u32, Vec<u32>>,
    /// Grants in the account with this rank wait for these actions (its creation, or a move).
    pub grants_in_account: BTreeMap<u32, Vec<u32>>,
    /// Grants to the principal with this rank wait for these actions (its creation; for a group, those who leave it).
    pub grants_to_principal: BTreeMap<u32, Vec<u32>>,
    /// Grants that do not wait for what [`Waits::grants_of_set`] says, ascending: what is taken away waits for them, and
    /// the set comes to allow more only after that. Its provisioning brings their roles up to date with the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub early_grants: Vec<u32>,
    /// Revokes that wait for something, by index: the grants and actions by which the same people keep access.
    pub revokes: BTreeMap<u32, Vec<Wait>>,
}
