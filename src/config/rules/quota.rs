//! How many of a kind an instance holds.
//!
//! Source: "Quotas and limits in IAM Identity Center". Those that can be raised give a warning, since the plan reads
//! the quotas that apply; those that cannot, an error.

use crate::address::Kind;
use crate::config::rules::Finding;
use crate::diagnostic::Code;

/// More of a kind than an instance holds.
const QUOTA: Code = Code("quota-exceeded");

/// How many entities of a kind are declared.
pub fn count(kind: Kind, count: usize) -> Option<Finding> {
    let (limit, raisable) = match kind {
        Kind::PermissionSet => (3_500, true),
        Kind::Account => (3_000, true),
        Kind::User => (100_000, true),
        Kind::Group => (100_000, false),
        Kind::OrganizationalUnit | Kind::Assignment => return None,
    };
    if count <= limit {
        return None;
    }
    let what = match kind {
        Kind::PermissionSet => "permission sets",
        Kind::Account => "accounts and applications",
        Kind::User => "users",
        _ => "groups",
    };
    let message = format!("an instance holds {limit} {what}; this stack declares {count}");
    Some(if raisable {
        Finding::warning(QUOTA, message).help("make sure that the quota has been raised")
    } else {
        Finding::error(QUOTA, message).because("this quota cannot be raised")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive() {
        assert_eq!(count(Kind::PermissionSet, 3500), None);
        assert_eq!(
            count(Kind::PermissionSet, 3501).unwrap().severity,
            crate::diagnostic::Severity::Warning
        );
        assert_eq!(
            count(Kind::Group, 100_001).unwrap().severity,
            crate::diagnostic::Severity::Error
        );
        assert_eq!(count(Kind::Assignment, 10_000_000), None);
    }
}
