//! What someone changed inside an account, past IAM Identity Center: roles, the SAML provider, policies.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName};

use super::permission_set::PermissionSet;
use super::text::Text;

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
        /// What was edited, for people: `policy attached: arn:…`, `inline policy replaced: {…}`.
        edits: BTreeSet<Arc<str>>,
        /// The set was changed as well, and the change has not come into the role.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        behind: bool,
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
/// What stands before the policy that somebody put in the place of a role's own. Readings that were recorded before it
/// was read have the words alone.
const REPLACED: &str = "inline policy replaced: ";
/// What stands before the ARN of a policy that somebody detached from a role.
const DETACHED: &str = "policy detached: ";
/// How much of an edit is shown where people read it.
const MOST_SHOWN: usize = 240;

/// An edit of a role: somebody attached a policy.
pub fn attached(arn: &str) -> String {
    format!("{ATTACHED}{arn}")
}

/// An edit of a role: somebody detached a policy.
pub fn detached(arn: &str) -> String {
    format!("{DETACHED}{arn}")
}

/// An edit of a role: somebody replaced its inline policy. Written on one line, as far as it is JSON.
pub fn replaced(policy: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(policy).ok();
    let line = value.map_or_else(|| policy.to_owned(), |value| value.to_string());
    format!("{REPLACED}{line}")
}

/// An edit as people read it: a long policy is cut.
pub fn in_brief(edit: &str) -> Cow<'_, str> {
    match edit.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", edit.get(..end).unwrap_or_default()).into(),
        None => edit.into(),
    }
}

/// A permission set as a role has it whose edits are these: with the policies that were attached, without those that
/// were detached, with the inline policy that is there now. The set is what the role was provisioned with.
pub fn with_edits<'e>(set: &PermissionSet, edits: impl IntoIterator<Item = &'e Arc<str>>) -> PermissionSet {
    let mut set = set.clone();
    for edit in edits {
        if let Some(arn) = attached_policy(edit) {
            set.managed_policies.insert(arn.into());
        } else if let Some(arn) = edit.strip_prefix(DETACHED) {
            set.managed_policies.remove(arn);
        } else if let Some(policy) = edit.strip_prefix(REPLACED) {
            set.inline_policy = Some(Text::known(policy));
        }
    }
    set
}

/// The ARN of the policy that an edit attached, if that is what it did.
pub fn attached_policy(edit: &str) -> Option<&str> {
    edit.strip_prefix(ATTACHED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::privilege::{Privilege, judge};

    #[test]
    fn a_role_is_judged_by_the_inline_policy_that_it_has_now() {
        let mut set = PermissionSet::new(PermissionSetName::new("view").unwrap());
        set.inline_policy = Some(Text::known(r#"{"Statement":[]}"#));
        let judged = |policy: &str| judge(&with_edits(&set, &[replaced(policy).into()])).privilege;
        let allow = |actions: &str| {
            format!(
                "{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{{\"Effect\": \"Allow\", \"Action\": \"{actions}\", \
                 \"Resource\": \"*\"}}]\n}}"
            )
        };
        assert_eq!(judged(&allow("*")), Some(Privilege::Administrator));
        assert_eq!(judged(&allow("iam:PutRolePolicy")), Some(Privilege::Escalation));
        assert_eq!(judged(&allow("s3:GetObject")), None);
        // A policy that was detached gives nothing any more.
        let arn = "arn:aws:iam::aws:policy/AdministratorAccess";
        let mut admin = set.clone();
        admin.managed_policies.insert(arn.into());
        assert_eq!(judge(&admin).privilege, Some(Privilege::Administrator));
        assert_eq!(
            judge(&with_edits(&admin, &[detached(arn).into()])).privilege,
            None
        );
        // As readings recorded it before the policy was read.
        let old: Arc<str> = "inline policy replaced".into();
        assert_eq!(with_edits(&set, &[old]), set);
        let long = replaced(&allow(&"s3:GetObject".repeat(100)));
        assert!(!long.contains('\n') && in_brief(&long).chars().count() == MOST_SHOWN + 1);
    }
}
