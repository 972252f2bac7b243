//! Who gains what by a plan that was approved.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName, PrincipalKey, UserName};

/// A class of people who gain a set in some accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ApprovedRow {
    /// Who; none when nobody can tell, or when another row with the same `everyone` names them.
    pub people: Vec<UserName>,
    /// BLAKE3 of all user names, where there are more than a plan names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everyone: Option<Arc<str>>,
    /// Which set.
    pub permission_set: PermissionSetName,
    /// Where, ascending.
    pub accounts: Vec<AccountKey>,
    /// Through whom.
    pub via: BTreeSet<PrincipalKey>,
}
