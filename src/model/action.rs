//! Effects on the service, in plain data: what a plan consists of, what apply carries out, what the journal keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{
    AccountKey, EntityKey, GroupName, OuPath, PermissionSetName, PrincipalKey, ServiceId, UserName,
};

use super::account::Account;
use super::permission_set::PermissionSet;
use super::principal::{Group, User};
use super::text::Text;

/// One effect on the service. Names, not ids: ids are looked up when the call is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// Make a unit below its parent.
    CreateOrganizationalUnit {
        /// Its path.
        path: OuPath,
    },
    /// Give a unit another name; its place in the tree stays.
    RenameOrganizationalUnit {
        /// The path before.
        from: OuPath,
        /// The path after.
        to: OuPath,
    },
    /// Create an account (asynchronous), place and tag it.
    CreateAccount {
        /// What it shall be.
        account: Account,
    },
    /// Move an account to a unit.
    MoveAccount {
        /// Which.
        account: AccountKey,
        /// From where.
        from: OuPath,
        /// To where.
        to: OuPath,
    },
    /// Set an account's tags; tags not named are removed.
    TagAccount {
        /// Which.
        account: AccountKey,
        /// Before.
        from: BTreeMap<Arc<str>, Arc<str>>,
        /// After.
        to: BTreeMap<Arc<str>, Arc<str>>,
    },
    /// Create a user.
    CreateUser {
        /// Who.
        user: User,
    },
    /// Change a user's attributes, the user name included.
    UpdateUser {
        /// Before.
        from: User,
        /// After.
        to: User,
    },
    /// Delete a user and the memberships. The service keeps its assignments, as those of nobody.
    DeleteUser {
        /// Who.
        user: UserName,
    },
    /// Create a group, without members.
    CreateGroup {
        /// Which; members are added by steps of their own.
        group: Group,
    },
    /// Change a group's display name or description.
    UpdateGroup {
        /// Before, without members.
        from: Group,
        /// After, without members.
        to: Group,
    },
    /// Delete a group and its memberships. The service keeps its assignments, as those of nobody.
    DeleteGroup {
        /// Which.
        group: GroupName,
    },
    /// Put a user into a group.
    AddMember {
        /// The group.
        group: GroupName,
        /// The user.
        user: UserName,
    },
    /// Take a user out of a group.
    RemoveMember {
        /// The group.
        group: GroupName,
        /// The user.
        user: UserName,
    },
    /// Create a permission set with all it consists of.
    CreatePermissionSet {
        /// Which.
        permission_set: Box<PermissionSet>,
    },
    /// Change a permission set; roles keep the old content until it is provisioned.
    UpdatePermissionSet {
        /// Before.
        from: Box<PermissionSet>,
        /// After.
        to: Box<PermissionSet>,
    },
    /// Delete a permission set that has no assignments any more.
    DeletePermissionSet {
        /// Which.
        name: PermissionSetName,
    },
    /// Push a permission set's content into the roles of accounts (asynchronous).
    Provision {
        /// Which.
        name: PermissionSetName,
        /// Where; `None` means every account that has it, in one request.
        accounts: Option<BTreeSet<AccountKey>>,
    },
    /// Make an assignment (asynchronous).
    Grant {
        /// Where.
        account: AccountKey,
        /// What.
        permission_set: PermissionSetName,
        /// To whom.
        principal: PrincipalKey,
    },
    /// Take an assignment away (asynchronous).
    Revoke {
        /// Where.
        account: AccountKey,
        /// What.
        permission_set: PermissionSetName,
        /// From whom.
        principal: PrincipalKey,
    },
}

impl Effect {
    /// The entity the effect creates, changes or deletes; `None` for grants and revokes.
    pub fn entity(&self) -> Option<EntityKey> {
        Some(match self {
            Effect::CreateOrganizationalUnit { path } => EntityKey::OrganizationalUnit(path.clone()),
            Effect::RenameOrganizationalUnit { to, .. } => EntityKey::OrganizationalUnit(to.clone()),
            Effect::CreateAccount { account } => EntityKey::Account(account.key.clone()),
            Effect::MoveAccount { account, .. } | Effect::TagAccount { account, .. } => {
                EntityKey::Account(account.clone())
            }
            Effect::CreateUser { user } | Effect::UpdateUser { to: user, .. } => {
                EntityKey::User(user.user_name.clone())
            }
            Effect::DeleteUser { user } => EntityKey::User(user.clone()),
            Effect::CreateGroup { group } | Effect::UpdateGroup { to: group, .. } => {
                EntityKey::Group(group.display_name.clone())
            }
            Effect::DeleteGroup { group }
            | Effect::AddMember { group, .. }
            | Effect::RemoveMember { group, .. } => EntityKey::Group(group.clone()),
            Effect::CreatePermissionSet { permission_set }
            | Effect::UpdatePermissionSet {
                to: permission_set, ..
            } => EntityKey::PermissionSet(permission_set.name.clone()),
            Effect::DeletePermissionSet { name } | Effect::Provision { name, .. } => {
                EntityKey::PermissionSet(name.clone())
            }
            Effect::Grant { .. } | Effect::Revoke { .. } => return None,
        })
    }

    /// The texts in it that may wait for what apply learns.
    pub fn texts(&self) -> Vec<&Text> {
        match self {
            Effect::CreatePermissionSet { permission_set: set }
            | Effect::UpdatePermissionSet { to: set, .. } => {
                let optional = [&set.description, &set.relay_state, &set.inline_policy];
                optional.into_iter().flatten().chain(set.tags.values()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What an effect taught us: what the service assigned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Learned {
    /// The id or ARN of what was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ServiceId>,
    /// The suffix of the role that a grant created, when it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<super::roles::RoleSuffix>,
}
