//! The API operations this provider calls: whose quota each counts against, which IAM action it takes, and whether
//! planning needs it or only applying.
//!
//! One table for everything that must agree: the calls that are counted, the action named when the service denies
//! one, and the policy that `rolecall policy` prints. Actions carry the names of the operations (Service
//! Authorization Reference, "Actions, resources, and condition keys" of each service).

use std::fmt;

/// The services that share a quota of requests per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IAM Identity Center: 20 calls a second, all its operations together (quotas page).
    Sso,
    /// The identity store: 20 calls a second (quotas page).
    IdentityStore,
    /// Organizations, which names no number for the operations used here.
    Organizations,
    /// The Security Token Service.
    Sts,
}

impl Family {
    /// Every family.
    pub const ALL: [Family; 4] = [
        Family::Sso,
        Family::IdentityStore,
        Family::Organizations,
        Family::Sts,
    ];

    /// The prefix of its actions in IAM policies.
    pub fn prefix(self) -> &'static str {
        match self {
            Family::Sso => "sso",
            Family::IdentityStore => "identitystore",
            Family::Organizations => "organizations",
            Family::Sts => "sts",
        }
    }
}

/// What an operation is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// To read the instance: every command that looks at it.
    Plan,
    /// To change permission sets and assignments, and to follow what becomes of it.
    Access,
    /// To change users, groups and memberships.
    Directory,
    /// To change organizational units and accounts.
    Organization,
}

macro_rules! operations {
    ($($variant:ident = $family:ident $name:literal $need:ident;)*) => {
        /// An operation, by AWS's name; the two of Organizations that share theirs with IAM Identity Center say so.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the variants are AWS's own names")]
        pub enum Operation { $($variant,)* }

        impl Operation {
            /// Every operation.
            pub const ALL: &'static [Operation] = &[$(Operation::$variant,)*];

            /// AWS's name of the operation.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$variant => $name,)* }
            }

            /// Whose quota it counts against.
            pub fn family(self) -> Family {
                match self { $(Operation::$variant => Family::$family,)* }
            }

            /// What it is called for.
            pub fn need(self) -> Need {
                match self { $(Operation::$variant => Need::$need,)* }
            }
        }
    };
}

operations! {
    GetCallerIdentity = Sts "GetCallerIdentity" Plan;
    ListInstances = Sso "ListInstances" Plan;
    ListPermissionSets = Sso "ListPermissionSets" Plan;
    DescribePermissionSet = Sso "DescribePermissionSet" Plan;
    GetInlinePolicyForPermissionSet = Sso "GetInlinePolicyForPermissionSet" Plan;
    ListManagedPoliciesInPermissionSet = Sso "ListManagedPoliciesInPermissionSet" Plan;
    ListCustomerManagedPolicyReferencesInPermissionSet = Sso "ListCustomerManagedPolicyReferencesInPermissionSet" Plan;
    GetPermissionsBoundaryForPermissionSet = Sso "GetPermissionsBoundaryForPermissionSet" Plan;
    ListTagsForResource = Sso "ListTagsForResource" Plan;
    ListAccountsForProvisionedPermissionSet = Sso "ListAccountsForProvisionedPermissionSet" Plan;
    ListPermissionSetsProvisionedToAccount = Sso "ListPermissionSetsProvisionedToAccount" Plan;
    ListAccountAssignments = Sso "ListAccountAssignments" Plan;
    ListAccountAssignmentsForPrincipal = Sso "ListAccountAssignmentsForPrincipal" Plan;
    ListAccountAssignmentCreationStatus = Sso "ListAccountAssignmentCreationStatus" Plan;
    ListAccountAssignmentDeletionStatus = Sso "ListAccountAssignmentDeletionStatus" Plan;
    ListPermissionSetProvisioningStatus = Sso "ListPermissionSetProvisioningStatus" Plan;
    DescribeAccountAssignmentCreationStatus = Sso "DescribeAccountAssignmentCreationStatus" Plan;
    DescribeAccountAssignmentDeletionStatus = Sso "DescribeAccountAssignmentDeletionStatus" Plan;
    DescribePermissionSetProvisioningStatus = Sso "DescribePermissionSetProvisioningStatus" Plan;
    CreatePermissionSet = Sso "CreatePermissionSet" Access;
    UpdatePermissionSet = Sso "UpdatePermissionSet" Access;
    DeletePermissionSet = Sso "DeletePermissionSet" Access;
    PutInlinePolicyToPermissionSet = Sso "PutInlinePolicyToPermissionSet" Access;
    DeleteInlinePolicyFromPermissionSet = Sso "DeleteInlinePolicyFromPermissionSet" Access;
    AttachManagedPolicyToPermissionSet = Sso "AttachManagedPolicyToPermissionSet" Access;
    DetachManagedPolicyFromPermissionSet = Sso "DetachManagedPolicyFromPermissionSet" Access;
    AttachCustomerManagedPolicyReferenceToPermissionSet = Sso "AttachCustomerManagedPolicyReferenceToPermissionSet" Access;
    DetachCustomerManagedPolicyReferenceFromPermissionSet = Sso "DetachCustomerManagedPolicyReferenceFromPermissionSet" Access;
    PutPermissionsBoundaryToPermissionSet = Sso "PutPermissionsBoundaryToPermissionSet" Access;
    DeletePermissionsBoundaryFromPermissionSet = Sso "DeletePermissionsBoundaryFromPermissionSet" Access;
    TagResource = Sso "TagResource" Access;
    UntagResource = Sso "UntagResource" Access;
    ProvisionPermissionSet = Sso "ProvisionPermissionSet" Access;
    CreateAccountAssignment = Sso "CreateAccountAssignment" Access;
    DeleteAccountAssignment = Sso "DeleteAccountAssignment" Access;
    ListUsers = IdentityStore "ListUsers" Plan;
    DescribeUser = IdentityStore "DescribeUser" Plan;
    GetUserId = IdentityStore "GetUserId" Plan;
    ListGroups = IdentityStore "ListGroups" Plan;
    DescribeGroup = IdentityStore "DescribeGroup" Plan;
    GetGroupId = IdentityStore "GetGroupId" Plan;
    ListGroupMemberships = IdentityStore "ListGroupMemberships" Plan;
    GetGroupMembershipId = IdentityStore "GetGroupMembershipId" Directory;
    CreateUser = IdentityStore "CreateUser" Directory;
    UpdateUser = IdentityStore "UpdateUser" Directory;
    DeleteUser = IdentityStore "DeleteUser" Directory;
    CreateGroup = IdentityStore "CreateGroup" Directory;
    UpdateGroup = IdentityStore "UpdateGroup" Directory;
    DeleteGroup = IdentityStore "DeleteGroup" Directory;
    CreateGroupMembership = IdentityStore "CreateGroupMembership" Directory;
    DeleteGroupMembership = IdentityStore "DeleteGroupMembership" Directory;
    DescribeOrganization = Organizations "DescribeOrganization" Plan;
    ListDelegatedAdministrators = Organizations "ListDelegatedAdministrators" Plan;
    ListRoots = Organizations "ListRoots" Plan;
    ListOrganizationalUnitsForParent = Organizations "ListOrganizationalUnitsForParent" Plan;
    ListAccounts = Organizations "ListAccounts" Plan;
    ListAccountsForParent = Organizations "ListAccountsForParent" Plan;
    DescribeAccount = Organizations "DescribeAccount" Plan;
    ListParents = Organizations "ListParents" Plan;
    ListAccountTags = Organizations "ListTagsForResource" Plan;
    ListCreateAccountStatus = Organizations "ListCreateAccountStatus" Plan;
    CreateOrganizationalUnit = Organizations "CreateOrganizationalUnit" Organization;
    UpdateOrganizationalUnit = Organizations "UpdateOrganizationalUnit" Organization;
    CreateAccount = Organizations "CreateAccount" Organization;
    DescribeCreateAccountStatus = Organizations "DescribeCreateAccountStatus" Organization;
    MoveAccount = Organizations "MoveAccount" Organization;
    TagAccount = Organizations "TagResource" Organization;
    UntagAccount = Organizations "UntagResource" Organization;
}

impl Operation {
    /// The IAM action that allows it.
    pub fn action(self) -> String {
        format!("{}:{}", self.family().prefix(), self.name())
    }

    /// Whether it only reads, so that calling it twice does no harm.
    pub fn reads(self) -> bool {
        ["List", "Describe", "Get"]
            .iter()
            .any(|verb| self.name().starts_with(verb))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planning_needs_nothing_that_writes() {
        for operation in Operation::ALL {
            if operation.need() == Need::Plan {
                assert!(operation.reads(), "{operation}");
            }
        }
        assert_eq!(Operation::TagAccount.action(), "organizations:TagResource");
    }
}
