//! IAM roles that a plan makes appear, change and vanish.

use serde::{Deserialize, Serialize};

use crate::model::access::Pair;
use crate::model::roles::RoleSuffix;

/// What happens to roles. Pairs are ranks in the plan's names, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoleEffects {
    /// The first assignment of a set in an account creates its role.
    pub created: Vec<Pair>,
    /// The set changes, and its role is provisioned again.
    pub updated: Vec<Pair>,
    /// The last assignment goes, and the role with it; a later grant gets another ARN.
    pub deleted: Vec<DeletedRole>,
}

/// A role that vanishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DeletedRole {
    /// Which account and set.
    pub pair: Pair,
    /// The suffix of its name, when it was read; policies that name the ARN will not match a later role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<RoleSuffix>,
}
