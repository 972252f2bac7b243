//! The least-privilege IAM policy of whoever runs rolecall, from the table of operations.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::operation::{Family, Need, Operation};

/// What the caller shall be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Look: `plan`, `drift`, `import`, `observe`.
    Plan,
    /// Change things too: `apply`, `destroy`.
    Apply,
}

/// The IAM actions that IAM Identity Center takes from the *caller* where a permission set is provisioned in the
/// management account: its own service-linked role may not create roles there (user guide, "Using service-linked
/// roles").
const MANAGEMENT_ACCOUNT_ACTIONS: [&str; 19] = [
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:CreateSAMLProvider",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:GetRole",
    "iam:GetSAMLProvider",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:TagSAMLProvider",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
    "iam:UpdateSAMLProvider",
    "iam:DeleteSAMLProvider",
];

/// What the caller does with the key of an instance that is encrypted with a customer-managed one: both services use it
/// with the caller's permissions (AWS's managed policies AWSSSOReadOnly and AWSSSODirectoryReadOnly for those who read,
/// AWSSSOMasterAccountAdministrator for those who write).
const KEY_ACTIONS: [&str; 3] = [
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKeyWithoutPlaintext",
];

/// The policy document. Statements that a stack does not need (it manages no users, no accounts, nothing in the
/// management account; its instance has no key of its own) can be left out; their `Sid` says what they are for.
pub fn policy(purpose: Purpose) -> Value {
    let mut statements = vec![
        statement("ReadIdentityCenter", Need::Plan, Family::Sso),
        statement("ReadDirectory", Need::Plan, Family::IdentityStore),
        statement("ReadOrganization", Need::Plan, Family::Organizations),
        key(
            "CustomerManagedKeyOfIdentityCenter",
            purpose,
            ("sso", "sso:instance-arn", "arn:*:sso:::instance/*"),
        ),
        key(
            "CustomerManagedKeyOfDirectory",
            purpose,
            (
                "identitystore",
                "identitystore:identitystore-arn",
                "arn:*:identitystore::*:identitystore/*",
            ),
        ),
    ];
    if purpose == Purpose::Apply {
        statements.extend([
            statement("WriteAccess", Need::Access, Family::Sso),
            statement("WriteDirectory", Need::Directory, Family::IdentityStore),
            statement("WriteOrganization", Need::Organization, Family::Organizations),
            management_account(),
            providers_in_the_management_account(),
        ]);
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn statement(sid: &str, need: Need, family: Family) -> Value {
    let operations = Operation::ALL.iter();
    let wanted = operations.filter(|operation| operation.need() == need && operation.family() == family);
    let actions: BTreeSet<String> = wanted.map(|operation| operation.action()).collect();
    let resource = match (need, family) {
        // Creating one checks the instance, assigning checks the set and the account as well.
        (Need::Access, _) => json!([
            "arn:*:sso:::instance/*",
            "arn:*:sso:::permissionSet/*/*",
            "arn:*:sso:::account/*"
        ]),
        _ => json!("*"),
    };
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource })
}

/// The use of a customer-managed key by one of the services, for what it encrypts of such an instance or directory.
fn key(sid: &str, purpose: Purpose, (service, context, arn): (&str, &str, &str)) -> Value {
    let actions = match purpose {
        Purpose::Plan => KEY_ACTIONS.get(..1),
        Purpose::Apply => KEY_ACTIONS.get(..),
    };
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Action": actions,
        "Resource": "*",
        "Condition": {
            "StringLike": {
                "kms:ViaService": format!("{service}.*.amazonaws.com"),
                format!("kms:EncryptionContext:aws:{context}"): arn,
            }
        }
    })
}

fn management_account() -> Value {
    let actions: BTreeSet<&str> = MANAGEMENT_ACCOUNT_ACTIONS.into_iter().collect();
    json!({
        "Sid": "RolesInTheManagementAccount",
        "Effect": "Allow",
        "Action": actions,
        "Resource": [
            "arn:*:iam::*:role/aws-reserved/sso.amazonaws.com/*",
            "arn:*:iam::*:saml-provider/AWSSSO_*"
        ]
    })
}

/// Listing names no provider: IAM takes the action only where the resource is everything (service authorization
/// reference of IAM).
fn providers_in_the_management_account() -> Value {
    json!({
        "Sid": "ProvidersInTheManagementAccount",
        "Effect": "Allow",
        "Action": ["iam:ListSAMLProviders"],
        "Resource": "*"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(policy: &Value) -> BTreeSet<String> {
        let statements = policy["Statement"].as_array().unwrap();
        let all = statements.iter().flat_map(|s| s["Action"].as_array().unwrap());
        all.map(|action| action.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn planning_may_look_and_nothing_else() {
        let plan = actions(&policy(Purpose::Plan));
        assert!(plan.contains("sso:ListAccountAssignments"));
        assert!(plan.contains("organizations:ListTagsForResource"));
        for action in &plan {
            let verb = action.split(':').nth(1).unwrap();
            assert!(
                action == "kms:Decrypt" || ["List", "Describe", "Get"].iter().any(|v| verb.starts_with(v)),
                "{action}"
            );
        }
    }

    #[test]
    fn applying_may_do_what_every_operation_takes() {
        let apply = actions(&policy(Purpose::Apply));
        assert!(actions(&policy(Purpose::Plan)).is_subset(&apply));
        for operation in Operation::ALL {
            // Nobody can be denied GetCallerIdentity (STS API reference).
            assert!(
                apply.contains(&operation.action()) || *operation == Operation::GetCallerIdentity,
                "{operation}"
            );
        }
        assert!(apply.iter().all(|action| !action.contains('*')));
    }

    #[test]
    fn a_policy_fits_where_a_role_takes_it() {
        // A managed policy has at most 6,144 characters without white space (IAM quotas page).
        assert!(policy(Purpose::Apply).to_string().len() <= 6_144);
    }
}
