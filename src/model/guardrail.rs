//! Guardrails: rules over who has what access, stated next to it and checked on every plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::source::Location;

/// Grants: of these principals, with these sets, in these accounts. `None` of a field means any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Selector {
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principals: Option<BTreeSet<PrincipalKey>>,
    /// With which sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_sets: Option<BTreeSet<PermissionSetName>>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<BTreeSet<AccountKey>>,
}

/// What a guardrail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Nobody may have such access, by whatever path.
    Deny(Selector),
    /// At most so many people may have such access.
    Limit {
        /// Which access.
        of: Selector,
        /// How many people.
        max_people: u64,
    },
    /// Every such grant must have something.
    Require {
        /// Which grants.
        of: Selector,
        /// It must expire within so many seconds from when it is planned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_within: Option<u64>,
        /// It must give a reason.
        #[serde(default)]
        reason: bool,
        /// It must be granted to a group.
        #[serde(default)]
        groups_only: bool,
    },
}

/// A `guardrail` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Guardrail {
    /// What it is called: a sentence.
    pub label: Arc<str>,
    /// Why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Arc<str>>,
    /// Whether breaking it refuses the plan; otherwise the plan only says so.
    pub refuses: bool,
    /// Groups and users it does not apply to.
    #[serde(default)]
    pub except: BTreeSet<PrincipalKey>,
    /// What it says; all of it must hold.
    pub rules: Vec<Rule>,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}
