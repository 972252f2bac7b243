//! The instance, who is calling, its limits, and everything one reading of it returned.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, AccountKey, EntityKey, PermissionSetName, PrincipalKey, ServiceId};

use super::in_account::InAccount;
use super::roles::RoleRow;
use super::snapshot::Snapshot;

/// The Identity Center instance a stack is bound to.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Instance {
    /// `arn:aws:sso:::instance/ssoins-…`: what the state is bound to.
    pub arn: ServiceId,
    /// `d-…`
    pub identity_store: ServiceId,
    /// `o-…`, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<ServiceId>,
    /// The Region it lives in.
    pub region: Arc<str>,
    /// The organisation's management account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_account: Option<AccountId>,
}

/// Whom the service sees.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Caller {
    /// The caller's account.
    pub account: AccountId,
    /// The caller's ARN.
    pub arn: Arc<str>,
    /// What that account is to Identity Center.
    pub role: CallerRole,
    /// The principal by which the caller got in, when it is an Identity Center session: its own path must not
    /// be cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<CallerSession>,
}

/// What the caller's account is to Identity Center (user guide, "Delegated administration").
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CallerRole {
    /// The management account: may do everything.
    Management,
    /// The delegated administrator: may not touch permission sets provisioned in the management account, nor
    /// assignments there.
    DelegatedAdministrator,
    /// Any other account: may read at best.
    Member,
}

/// An Identity Center session: who is in which account with which set.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct CallerSession {
    /// The user.
    pub user: crate::id::UserName,
    /// The permission set of the session's role.
    pub permission_set: PermissionSetName,
}

/// The quotas that apply ("Quotas and limits in IAM Identity Center"; raisable ones may have been raised).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Quotas {
    /// Permission sets per instance.
    pub permission_sets: u32,
    /// Permission sets provisioned in one account.
    pub permission_sets_per_account: u32,
    /// AWS- and customer-managed policies per permission set.
    pub managed_policies_per_set: u32,
    /// Accounts per organisation that a run may reach by provisioning everywhere at once.
    pub provision_all_reach: u32,
    /// Users and groups.
    pub users: u32,
    /// Groups.
    pub groups: u32,
    /// Calls a second to Identity Center, all operations together.
    pub calls_per_second: u32,
    /// Calls a second to the identity store.
    pub identity_store_calls_per_second: u32,
    /// Assignment creations in progress at once, and as many deletions.
    pub assignments_in_flight: u32,
    /// Provisionings in progress at once.
    pub provisionings_in_flight: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Quotas {
            permission_sets: 3500,
            permission_sets_per_account: 500,
            managed_policies_per_set: 20,
            provision_all_reach: 3500,
            users: 100_000,
            groups: 100_000,
            calls_per_second: 20,
            identity_store_calls_per_second: 20,
            assignments_in_flight: 15,
            provisionings_in_flight: 3,
        }
    }
}

/// Something that could not be read, so that nothing about it may be concluded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Held {
    /// What.
    pub subject: HeldSubject,
    /// Why, as a sentence with the service's own words and the request id where there is one.
    pub why: Arc<str>,
}

/// What is held: grants that match it are neither granted, revoked nor called unmanaged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeldSubject {
    /// One entity and all grants that name it.
    Entity(EntityKey),
    /// A principal and all grants that name it.
    Principal(PrincipalKey),
    /// The grants of one set in one account.
    Pair(AccountKey, PermissionSetName),
    /// Members of a group: its grants are known, the people are not.
    Members(crate::id::GroupName),
    /// Everything of a kind.
    All(crate::address::Kind),
}

/// An asynchronous request that the service has not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct InProgress {
    /// The service's request id.
    pub request_id: Arc<str>,
    /// What it is doing.
    pub what: super::action::Effect,
}

impl Observed {
    /// Whether nothing of a kind could be read.
    pub fn is_unread(&self, kind: crate::address::Kind) -> bool {
        let mut held = self.held.iter();
        held.any(|held| held.subject == HeldSubject::All(kind))
    }
}

/// Everything one reading returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Observed {
    /// When it was read, by the provider's clock.
    pub at: Timestamp,
    /// From where.
    pub instance: Instance,
    /// By whom; `None` when that could not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// What applies there.
    #[serde(default)]
    pub quotas: Quotas,
    /// The entities and the access relation.
    pub snapshot: Snapshot,
    /// The provisioned roles, ascending by pair, as ranks in the names of `snapshot.access`.
    #[serde(default)]
    pub roles: Vec<RoleRow>,
    /// What could not be read.
    #[serde(default)]
    pub held: Vec<Held>,
    /// What is not as it should be inside accounts, as far as the provider can look there.
    #[serde(default)]
    pub in_accounts: Vec<InAccount>,
    /// What the service is still doing.
    #[serde(default)]
    pub in_progress: Vec<InProgress>,
    /// How many calls the reading took, by operation.
    #[serde(default)]
    pub calls: BTreeMap<Arc<str>, u64>,
}
