//! What someone changed inside an account, past IAM Identity Center: roles, the SAML provider, policies.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName};

use super::permission_set::PermissionSet;

/// Something in an account that is not as IAM Identity Center left it. Only providers that can look into accounts
/// report any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct InAccount {
    /// Which account.
    pub account: AccountKey,
    /// What is wrong there.
    pub fault: AccountFault,
}

/// What is wrong in an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountFault {
    /// The provisioned role of a permission set is gone, though the set is assigned.
    RoleGone {
        /// Of which set.
        permission_set: PermissionSetName,
    },
    /// The provisioned role of a permission set was edited.
    RoleEdited {
        /// Of which set.
        permission_set: PermissionSetName,
        /// What was edited, for people: `policy attached: arn:…`.
        edits: BTreeSet<Arc<str>>,
    },
    /// The SAML provider through which people sign in is gone: nobody gets in.
    SamlProviderGone,
    /// A customer-managed policy that permission sets assigned there refer to does not exist.
    PolicyGone {
        /// The policy's path and name: `/team/audit`.
        policy: Arc<str>,
        /// Which sets need it.
        permission_sets: BTreeSet<PermissionSetName>,
    },
}

/// What stands before the ARN of a policy that somebody attached to a role.
const ATTACHED: &str = "policy attached: ";

/// An edit of a role: somebody attached a policy.
pub fn attached(arn: &str) -> String {
    format!("{ATTACHED}{arn}")
}

/// A permission set as a role has it whose edits are these, as far as they are attached policies.
pub fn with_attached<'e>(
    set: &PermissionSet,
    edits: impl IntoIterator<Item = &'e Arc<str>>,
) -> PermissionSet {
    let mut set = set.clone();
    let attached = edits.into_iter().filter_map(|edit| attached_policy(edit));
    set.managed_policies.extend(attached.map(Into::into));
    set
}

/// What was edited of the role of a set in an account.
pub fn edits_of<'f>(
    faults: &'f [InAccount],
    in_account: &AccountKey,
    of: &PermissionSetName,
) -> Vec<&'f Arc<str>> {
    let of_role = faults.iter().filter_map(|found| match &found.fault {
        AccountFault::RoleEdited {
            permission_set,
            edits,
        } if found.account == *in_account && permission_set == of => Some(edits),
        _ => None,
    });
    of_role.flatten().collect()
}

/// The ARN of the policy that an edit attached, if that is what it did.
pub fn attached_policy(edit: &str) -> Option<&str> {
    edit.strip_prefix(ATTACHED)
}
