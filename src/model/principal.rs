//! Users and groups of the identity store.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{GroupName, ServiceId, UserName};

/// A user of the identity store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct User {
    /// The key.
    pub user_name: UserName,
    /// The id, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ServiceId>,
    /// First name; the service wants one, 1 to 1024 characters. Empty when not known.
    #[serde(default)]
    pub given_name: Arc<str>,
    /// Last name, likewise.
    #[serde(default)]
    pub family_name: Arc<str>,
    /// How the portal calls the person; "given family" unless said otherwise.
    #[serde(default)]
    pub display_name: Arc<str>,
    /// The one e-mail address the service stores for a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Arc<str>>,
    /// Set when a directory syncs this user: the id it has there. Such a user is looked up, never written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Arc<str>>,
}

impl User {
    /// Whether the two describe the same user, ids aside.
    pub fn same_as(&self, other: &User) -> bool {
        self.user_name == other.user_name
            && self.given_name == other.given_name
            && self.family_name == other.family_name
            && self.display_name == other.display_name
            && self.email == other.email
    }

    /// The name to show to people: the display name, else the user name.
    pub fn shown(&self) -> &str {
        if self.display_name.is_empty() {
            self.user_name.as_str()
        } else {
            &self.display_name
        }
    }
}

/// A group of the identity store. Groups do not nest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Group {
    /// The key.
    pub display_name: GroupName,
    /// The id, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ServiceId>,
    /// Free text, 1 to 1024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Arc<str>>,
    /// Who is in it. `None`: desired says nothing about members (a look-up), or they could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<BTreeSet<UserName>>,
    /// Set when a directory syncs this group: the id it has there. Such a group is looked up, never written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Arc<str>>,
}
