//! Accounts and organizational units.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, AccountKey, Email, OuPath, ServiceId};

use super::snapshot::Entity;

/// Whether an account can be a target of assignments.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// In use.
    #[default]
    Active,
    /// Being created.
    PendingActivation,
    /// Closed by its owner or by AWS, for 90 days.
    Suspended,
    /// Being closed.
    PendingClosure,
    /// Gone for good.
    Closed,
}

impl AccountStatus {
    /// What keeps anybody from entering such an account, in words; `None` where it is in use. What is assigned stays, and is
    /// of use again if the account is reopened (Organizations user guide, "Closing a member account": within 90 days).
    pub fn shut(self) -> Option<&'static str> {
        match self {
            AccountStatus::Active => None,
            AccountStatus::PendingActivation => Some("not active yet: nobody can enter it now"),
            AccountStatus::Suspended => Some(
                "suspended: nobody can enter it now; what is assigned is back if it is reopened within 90 days",
            ),
            AccountStatus::PendingClosure => Some(
                "being closed: nobody can enter it now; what is assigned is back if it is reopened within 90 days",
            ),
            AccountStatus::Closed => Some("closed for good: nobody can enter it any more"),
        }
    }

    /// Whether grants can be made and taken there.
    pub fn is_assignable(self) -> bool {
        self == AccountStatus::Active
    }
}

/// An account of the organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Account {
    /// What identifies it.
    pub key: AccountKey,
    /// What people call it; in desired, the label unless said otherwise.
    pub name: Arc<str>,
    /// The root user's e-mail address, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Where it stands; in desired, `None` when the block does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ou: Option<OuPath>,
    /// Tags; in desired, `None` when the block does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<Arc<str>, Arc<str>>>,
    /// Whether it can be assigned to; meaningful in observed only.
    #[serde(default)]
    pub status: AccountStatus,
    /// Whether it is the organisation's management account; meaningful in observed only.
    #[serde(default)]
    pub management: bool,
}

impl Account {
    /// The account, with the unit and the tags that its block says; where the block does not, as it is.
    pub fn as_declared(&self, declared: &Account) -> Account {
        Account {
            ou: declared.ou.clone().or_else(|| self.ou.clone()),
            tags: declared.tags.clone().or_else(|| self.tags.clone()),
            ..self.clone()
        }
    }

    /// Its id, once it has one.
    pub fn id(&self) -> Option<&AccountId> {
        match &self.key {
            AccountKey::Id(id) => Some(id),
            AccountKey::Email(_) => None,
        }
    }
}

impl Entity<Account> {
    /// Whether a block says what the account is called: the label is a name only for want of another.
    pub fn has_name(&self) -> bool {
        let mut addresses = self.addresses.iter();
        addresses.any(|address| *address.label != *self.value.name)
    }
}

/// An organizational unit; the root has the empty path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OrganizationalUnit {
    /// The key.
    pub path: OuPath,
    /// The id (`ou-…`, or `r-…` for the root), once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ServiceId>,
}
