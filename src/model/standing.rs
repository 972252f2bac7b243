//! Standing approvals: changes that were agreed on beforehand, so that a scheduled run may make them alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::OuPath;
use crate::source::Location;

use super::guardrail::Selector;

/// What made a grant necessary.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A block that granted the same set to the same principal before selects another account now.
    AccountJoined,
    /// A block that granted the same set in the same account before names another principal now.
    PrincipalJoined,
    /// A block declares it, new or changed.
    Declared,
}

impl Cause {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Cause::AccountJoined => "account_joined",
            Cause::PrincipalJoined => "principal_joined",
            Cause::Declared => "declared",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Cause::AccountJoined, Cause::PrincipalJoined, Cause::Declared];
        all.into_iter().find(|cause| cause.name() == name)
    }
}

/// A `standing_approval` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StandingApproval {
    /// What it is called.
    pub label: Arc<str>,
    /// Why it was agreed on.
    pub reason: Arc<str>,
    /// What may have made the grant necessary.
    pub causes: BTreeSet<Cause>,
    /// Which grants.
    pub of: Selector,
    /// In accounts that the organization has below these units, as the service shows it; `None` means anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organizational_units: Option<BTreeSet<OuPath>>,
    /// From when on it holds no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}
