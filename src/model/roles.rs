//! The IAM roles that permission sets become in accounts, as far as they are known.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, PermissionSetName};

use super::access::Pair;

/// The 16 hexadecimal digits at the end of a role's name; new ones each time the role is created anew.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleSuffix(pub u64);

impl fmt::Display for RoleSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for RoleSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for RoleSuffix {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(RoleSuffix)
    }
}

impl Serialize for RoleSuffix {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoleSuffix {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for RoleSuffix {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RoleSuffix".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
    }
}

/// Whether a provisioned role has the permission set's current content.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Provisioning {
    /// `LATEST_PERMISSION_SET_PROVISIONED`.
    Latest,
    /// `LATEST_PERMISSION_SET_NOT_PROVISIONED`: the set changed since, so people have what it was before.
    Stale,
    /// Assignments exist, but the role is gone from the account (or differs from what was provisioned).
    Tampered,
}

/// One provisioned role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoleRow {
    /// Account and permission set, as ranks in the names of the snapshot's access.
    pub pair: Pair,
    /// The suffix of the role's name, when it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<RoleSuffix>,
    /// Whether it is up to date.
    pub provisioning: Provisioning,
}

/// The role's name in an account: `AWSReservedSSO_<set>_<16 hex>`, with `…` for an unknown suffix.
pub fn role_name(set: &PermissionSetName, suffix: Option<RoleSuffix>) -> String {
    match suffix {
        Some(suffix) => format!("AWSReservedSSO_{set}_{suffix}"),
        None => format!("AWSReservedSSO_{set}_…"),
    }
}

/// The role's ARN. The path carries the Region of the instance except for us-east-1 (user guide, "Referencing
/// permission sets in resource policies").
pub fn role_arn(account: &AccountId, region: &str, set: &PermissionSetName, suffix: RoleSuffix) -> String {
    let region = if region == "us-east-1" {
        String::new()
    } else {
        format!("{region}/")
    };
    let name = role_name(set, Some(suffix));
    format!("arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/{region}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arns_follow_the_user_guide() {
        let account = AccountId::new("111122223333").unwrap();
        let set = PermissionSetName::new("view").unwrap();
        let suffix = "00ff0000000000a1".parse().unwrap();
        assert_eq!(
            role_arn(&account, "eu-west-1", &set, suffix),
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_view_00ff0000000000a1"
        );
        assert_eq!(
            role_arn(&account, "us-east-1", &set, suffix),
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_view_00ff0000000000a1"
        );
    }
}
