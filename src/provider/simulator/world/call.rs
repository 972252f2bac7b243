//! The operations by AWS's names, who calls them, the pages of lists, and the log of calls that tests read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::clock::Time;
use super::error::{ErrorCode, ServiceError};

/// The services that share a quota of requests per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IAM Identity Center (`sso`): 20 per second, all its operations together.
    Sso,
    /// The identity store: 20 per second.
    IdentityStore,
    /// Organizations.
    Organizations,
    /// IAM, in each account.
    Iam,
}

impl Family {
    /// The prefix of the family's actions in IAM policies.
    pub fn prefix(self) -> &'static str {
        match self {
            Family::Sso => "sso",
            Family::IdentityStore => "identitystore",
            Family::Organizations => "organizations",
            Family::Iam => "iam",
        }
    }
}

/// Whether an operation changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effectful {
    /// It only reads.
    Reads,
    /// It changes something.
    Writes,
}

macro_rules! operations {
    ($($variant:ident = $family:ident $name:literal $effect:ident;)*) => {
        /// An operation, by the name of its service and its own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "the variants are AWS's own names")]
        pub enum Operation { $($variant,)* }

        impl Operation {
            /// Every operation the world serves.
            pub const ALL: &'static [Operation] = &[$(Operation::$variant,)*];

            /// AWS's name of the operation.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$variant => $name,)* }
            }

            /// Whose quota it counts against.
            pub fn family(self) -> Family {
                match self { $(Operation::$variant => Family::$family,)* }
            }

            /// Whether it changes anything.
            pub fn effect(self) -> Effectful {
                match self { $(Operation::$variant => Effectful::$effect,)* }
            }
        }
    };
}

operations! {
    ListInstances = Sso "ListInstances" Reads;
    DescribeInstance = Sso "DescribeInstance" Reads;
    CreatePermissionSet = Sso "CreatePermissionSet" Writes;
    DescribePermissionSet = Sso "DescribePermissionSet" Reads;
    UpdatePermissionSet = Sso "UpdatePermissionSet" Writes;
    DeletePermissionSet = Sso "DeletePermissionSet" Writes;
    ListPermissionSets = Sso "ListPermissionSets" Reads;
    PutInlinePolicyToPermissionSet = Sso "PutInlinePolicyToPermissionSet" Writes;
    GetInlinePolicyForPermissionSet = Sso "GetInlinePolicyForPermissionSet" Reads;
    DeleteInlinePolicyFromPermissionSet = Sso "DeleteInlinePolicyFromPermissionSet" Writes;
    AttachManagedPolicyToPermissionSet = Sso "AttachManagedPolicyToPermissionSet" Writes;
    DetachManagedPolicyFromPermissionSet = Sso "DetachManagedPolicyFromPermissionSet" Writes;
    ListManagedPoliciesInPermissionSet = Sso "ListManagedPoliciesInPermissionSet" Reads;
    AttachCustomerManagedPolicyReferenceToPermissionSet = Sso "AttachCustomerManagedPolicyReferenceToPermissionSet" Writes;
    DetachCustomerManagedPolicyReferenceFromPermissionSet = Sso "DetachCustomerManagedPolicyReferenceFromPermissionSet" Writes;
    ListCustomerManagedPolicyReferencesInPermissionSet = Sso "ListCustomerManagedPolicyReferencesInPermissionSet" Reads;
    PutPermissionsBoundaryToPermissionSet = Sso "PutPermissionsBoundaryToPermissionSet" Writes;
    GetPermissionsBoundaryForPermissionSet = Sso "GetPermissionsBoundaryForPermissionSet" Reads;
    DeletePermissionsBoundaryFromPermissionSet = Sso "DeletePermissionsBoundaryFromPermissionSet" Writes;
    TagResource = Sso "TagResource" Writes;
    UntagResource = Sso "UntagResource" Writes;
    ListTagsForResource = Sso "ListTagsForResource" Reads;
    CreateAccountAssignment = Sso "CreateAccountAssignment" Writes;
    DeleteAccountAssignment = Sso "DeleteAccountAssignment" Writes;
    DescribeAccountAssignmentCreationStatus = Sso "DescribeAccountAssignmentCreationStatus" Reads;
    DescribeAccountAssignmentDeletionStatus = Sso "DescribeAccountAssignmentDeletionStatus" Reads;
    ListAccountAssignmentCreationStatus = Sso "ListAccountAssignmentCreationStatus" Reads;
    ListAccountAssignmentDeletionStatus = Sso "ListAccountAssignmentDeletionStatus" Reads;
    ListAccountAssignments = Sso "ListAccountAssignments" Reads;
    ListAccountAssignmentsForPrincipal = Sso "ListAccountAssignmentsForPrincipal" Reads;
    ProvisionPermissionSet = Sso "ProvisionPermissionSet" Writes;
    DescribePermissionSetProvisioningStatus = Sso "DescribePermissionSetProvisioningStatus" Reads;
    ListPermissionSetProvisioningStatus = Sso "ListPermissionSetProvisioningStatus" Reads;
    ListAccountsForProvisionedPermissionSet = Sso "ListAccountsForProvisionedPermissionSet" Reads;
    ListPermissionSetsProvisionedToAccount = Sso "ListPermissionSetsProvisionedToAccount" Reads;
    CreateUser = IdentityStore "CreateUser" Writes;
    DescribeUser = IdentityStore "DescribeUser" Reads;
    UpdateUser = IdentityStore "UpdateUser" Writes;
    DeleteUser = IdentityStore "DeleteUser" Writes;
    ListUsers = IdentityStore "ListUsers" Reads;
    GetUserId = IdentityStore "GetUserId" Reads;
    CreateGroup = IdentityStore "CreateGroup" Writes;
    DescribeGroup = IdentityStore "DescribeGroup" Reads;
    UpdateGroup = IdentityStore "UpdateGroup" Writes;
    DeleteGroup = IdentityStore "DeleteGroup" Writes;
    ListGroups = IdentityStore "ListGroups" Reads;
    GetGroupId = IdentityStore "GetGroupId" Reads;
    CreateGroupMembership = IdentityStore "CreateGroupMembership" Writes;
    DescribeGroupMembership = IdentityStore "DescribeGroupMembership" Reads;
    DeleteGroupMembership = IdentityStore "DeleteGroupMembership" Writes;
    ListGroupMemberships = IdentityStore "ListGroupMemberships" Reads;
    ListGroupMembershipsForMember = IdentityStore "ListGroupMembershipsForMember" Reads;
    GetGroupMembershipId = IdentityStore "GetGroupMembershipId" Reads;
    IsMemberInGroups = IdentityStore "IsMemberInGroups" Reads;
    DescribeOrganization = Organizations "DescribeOrganization" Reads;
    ListRoots = Organizations "ListRoots" Reads;
    ListOrganizationalUnitsForParent = Organizations "ListOrganizationalUnitsForParent" Reads;
    CreateOrganizationalUnit = Organizations "CreateOrganizationalUnit" Writes;
    UpdateOrganizationalUnit = Organizations "UpdateOrganizationalUnit" Writes;
    DeleteOrganizationalUnit = Organizations "DeleteOrganizationalUnit" Writes;
    ListAccounts = Organizations "ListAccounts" Reads;
    ListAccountsForParent = Organizations "ListAccountsForParent" Reads;
    DescribeAccount = Organizations "DescribeAccount" Reads;
    ListParents = Organizations "ListParents" Reads;
    CreateAccount = Organizations "CreateAccount" Writes;
    DescribeCreateAccountStatus = Organizations "DescribeCreateAccountStatus" Reads;
    MoveAccount = Organizations "MoveAccount" Writes;
    OrganizationsTagResource = Organizations "TagResource" Writes;
    OrganizationsUntagResource = Organizations "UntagResource" Writes;
    OrganizationsListTagsForResource = Organizations "ListTagsForResource" Reads;
    RegisterDelegatedAdministrator = Organizations "RegisterDelegatedAdministrator" Writes;
    DeregisterDelegatedAdministrator = Organizations "DeregisterDelegatedAdministrator" Writes;
    ListDelegatedAdministrators = Organizations "ListDelegatedAdministrators" Reads;
    PutAccountName = Organizations "PutAccountName" Writes;
    ListRoles = Iam "ListRoles" Reads;
    GetRole = Iam "GetRole" Reads;
    ListSamlProviders = Iam "ListSAMLProviders" Reads;
    // In the order in which they were added: stored calls name an operation by its place in this list.
    UpdateInstance = Sso "UpdateInstance" Writes;
    AddRegion = Sso "AddRegion" Writes;
    RemoveRegion = Sso "RemoveRegion" Writes;
    DescribeRegion = Sso "DescribeRegion" Reads;
    ListRegions = Sso "ListRegions" Reads;
    CreateInstanceAccessControlAttributeConfiguration = Sso "CreateInstanceAccessControlAttributeConfiguration" Writes;
    UpdateInstanceAccessControlAttributeConfiguration = Sso "UpdateInstanceAccessControlAttributeConfiguration" Writes;
    DeleteInstanceAccessControlAttributeConfiguration = Sso "DeleteInstanceAccessControlAttributeConfiguration" Writes;
    DescribeInstanceAccessControlAttributeConfiguration = Sso "DescribeInstanceAccessControlAttributeConfiguration" Reads;
    ListIdentityStores = IdentityStore "ListIdentityStores" Reads;
    DescribeIdentityStore = IdentityStore "DescribeIdentityStore" Reads;
    DescribeOrganizationalUnit = Organizations "DescribeOrganizationalUnit" Reads;
    ListChildren = Organizations "ListChildren" Reads;
    ListCreateAccountStatus = Organizations "ListCreateAccountStatus" Reads;
    CloseAccount = Organizations "CloseAccount" Writes;
    ListDelegatedServicesForAccount = Organizations "ListDelegatedServicesForAccount" Reads;
    EnableServiceAccess = Organizations "EnableAWSServiceAccess" Writes;
    DisableServiceAccess = Organizations "DisableAWSServiceAccess" Writes;
    ListServiceAccessForOrganization = Organizations "ListAWSServiceAccessForOrganization" Reads;
    ListAttachedRolePolicies = Iam "ListAttachedRolePolicies" Reads;
    ListRolePolicies = Iam "ListRolePolicies" Reads;
    GetRolePolicy = Iam "GetRolePolicy" Reads;
    ListRoleTags = Iam "ListRoleTags" Reads;
    GetSamlProvider = Iam "GetSAMLProvider" Reads;
    RemoveAccountFromOrganization = Organizations "RemoveAccountFromOrganization" Writes;
    LeaveOrganization = Organizations "LeaveOrganization" Writes;
}

impl fmt::Display for Operation {
    /// As the action is written in IAM policies: `sso:CreateAccountAssignment`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.family().prefix(), self.name())
    }
}

/// A text names no operation of the world.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no operation of the simulator; write it as AWS does, for example CreateAccountAssignment")]
pub struct UnknownOperation(pub String);

impl FromStr for Operation {
    type Err = UnknownOperation;

    /// Accepts `sso:CreatePermissionSet` and `CreatePermissionSet`; a bare name that two services share means
    /// IAM Identity Center's.
    fn from_str(text: &str) -> Result<Self, UnknownOperation> {
        Operation::ALL
            .iter()
            .copied()
            .find(|op| op.name() == text || op.to_string() == text)
            .ok_or_else(|| UnknownOperation(text.to_owned()))
    }
}

/// Who calls: an account of the organisation, and what IAM does not allow it there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// The caller's account; `None` is the management account.
    pub account: Option<String>,
    /// The Region whose endpoint is called; `None` is the instance's own.
    pub region: Option<String>,
    /// IAM actions the caller is not allowed, such as `sso:CreateAccountAssignment` or `iam:CreateRole`. The
    /// latter matter only for assignments in the management account, where IAM Identity Center acts with the
    /// caller's own permissions.
    pub denied: BTreeSet<String>,
    /// The caller's ARN, where it is known.
    pub arn: Option<String>,
}

impl Caller {
    /// The management account, allowed everything.
    pub fn management() -> Self {
        Self::default()
    }

    /// Another account of the organisation.
    pub fn account(id: &str) -> Self {
        Caller {
            account: Some(id.to_owned()),
            ..Self::default()
        }
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// `MaxResults`; the service's own maximum when absent.
    pub max_results: Option<u32>,
    /// `NextToken` of the previous answer.
    pub next_token: Option<String>,
}

impl Page {
    /// The page after the one that ended with `token`.
    pub fn after(token: Option<String>) -> Self {
        Page {
            max_results: None,
            next_token: token,
        }
    }

    /// Where to start and how many to return, when the service returns at most `most`.
    pub(super) fn window(&self, most: u32) -> Result<(usize, usize), ServiceError> {
        let count = self.max_results.unwrap_or(most);
        if !(1..=most).contains(&count) {
            let bound = if count == 0 {
                "greater than or equal to 1"
            } else {
                "less than or equal to"
            };
            let limit = if count == 0 {
                String::new()
            } else {
                format!(" {most}")
            };
            return Err(ServiceError::invalid(format!(
                "1 validation error detected: Value '{count}' at 'maxResults' failed to satisfy constraint: \
                 Member must have value {bound}{limit}"
            )));
        }
        let start = match &self.next_token {
            None => 0,
            Some(token) => token
                .strip_prefix("t-")
                .and_then(|at| usize::from_str_radix(at, 36).ok())
                .ok_or_else(|| ServiceError::invalid("Invalid NextToken"))?,
        };
        Ok((start, count as usize))
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// `NextToken`: how to ask for the next page; `None` at the end.
    pub next_token: Option<String>,
}

impl<T> Listed<T> {
    /// A page from `(position, item)` pairs that begin at the window's start, in rising positions.
    pub(super) fn collect(positioned: impl Iterator<Item = (usize, T)>, count: usize) -> Self {
        let mut positioned = positioned.peekable();
        let mut items = Vec::new();
        while items.len() < count {
            let Some((_, item)) = positioned.next() else { break };
            items.push(item);
        }
        let next_token = positioned.peek().map(|(at, _)| format!("t-{}", base36(*at)));
        Listed { items, next_token }
    }
}

fn base36(mut number: usize) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            break;
        }
    }
    digits.iter().rev().collect()
}

/// What a call was about, kept small; [`super::World::call_text`] writes it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// Nothing in particular.
    Nothing,
    /// A text: a name, an id.
    Text(Box<str>),
    /// A grant that the world knows the parts of, by their places.
    Grant {
        /// The account's place.
        account: u32,
        /// The permission set's place.
        set: u32,
        /// The principal's place.
        principal: u32,
    },
    /// An account and a permission set, by their places.
    Pair {
        /// The account's place.
        account: u32,
        /// The permission set's place.
        set: u32,
    },
    /// An asynchronous request about an assignment, by its number.
    Request(u64),
}

impl Subject {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Subject::Text(text.into().into_boxed_str())
    }
}

/// A call and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEntry {
    /// Counts all calls from 1.
    pub sequence: u64,
    /// When, on the simulated clock.
    pub at: Time,
    /// The operation.
    pub operation: Operation,
    /// What it was about.
    pub subject: Subject,
    /// The error it was answered with; `None` is success.
    pub error: Option<ErrorCode>,
}

/// How many calls of an operation were answered, and how many of those with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CallCount {
    /// All calls.
    pub calls: u64,
    /// Those answered with an error.
    pub errors: u64,
}

/// The latest calls in full, and the numbers of all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLog {
    next: u64,
    counts: BTreeMap<Operation, CallCount>,
    latest: VecDeque<CallEntry>,
}

/// How many calls the log keeps in full.
pub const CALLS_KEPT: usize = 50_000;

impl CallLog {
    /// The calls kept, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &CallEntry> + ExactSizeIterator {
        self.latest.iter()
    }

    /// How often an operation was called, since the world began.
    pub fn count(&self, operation: Operation) -> CallCount {
        self.counts.get(&operation).copied().unwrap_or_default()
    }

    /// The numbers of all operations that were called.
    pub fn counts(&self) -> &BTreeMap<Operation, CallCount> {
        &self.counts
    }

    /// How many calls there were.
    pub fn total(&self) -> u64 {
        self.next
    }

    /// The sequence number of the next call.
    pub(super) fn next_sequence(&self) -> u64 {
        self.next + 1
    }

    pub(super) fn push(&mut self, entry: CallEntry) {
        self.next = entry.sequence;
        let count = self.counts.entry(entry.operation).or_default();
        count.calls += 1;
        count.errors += u64::from(entry.error.is_some());
        if self.latest.len() >= CALLS_KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(entry);
    }

    /// Counts `calls` successful calls that are not logged one by one.
    pub(super) fn charge(&mut self, operation: Operation, calls: u64) {
        self.next += calls;
        self.counts.entry(operation).or_default().calls += calls;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_by_name_and_by_action() {
        for op in Operation::ALL {
            assert_eq!(op.to_string().parse::<Operation>().unwrap(), *op);
        }
        assert_eq!("CreatePermissionSet".parse(), Ok(Operation::CreatePermissionSet));
        assert_eq!("TagResource".parse(), Ok(Operation::TagResource));
        assert_eq!(
            "organizations:TagResource".parse(),
            Ok(Operation::OrganizationsTagResource)
        );
        assert!("CreateEverything".parse::<Operation>().is_err());
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let all: Vec<u32> = (0..95).collect();
        let mut seen = Vec::new();
        let mut page = Page {
            max_results: Some(10),
            next_token: None,
        };
        let mut pages = 0;
        loop {
            let (start, count) = page.window(100).unwrap();
            let listed = Listed::collect(all.iter().copied().enumerate().skip(start), count);
            seen.extend(listed.items);
            pages += 1;
            match listed.next_token {
                None => break,
                token => page.next_token = token,
            }
        }
        assert_eq!((seen, pages), (all, 10));
    }

    #[test]
    fn max_results_and_tokens_are_checked() {
        let page = |max| Page {
            max_results: Some(max),
            next_token: None,
        };
        assert_eq!(
            page(0).window(100).unwrap_err().code,
            ErrorCode::ValidationException
        );
        assert!(
            page(101)
                .window(100)
                .unwrap_err()
                .message
                .contains("less than or equal to 100")
        );
        assert!(Page::after(Some("x".into())).window(100).is_err());
    }

    #[test]
    fn the_log_counts_everything_and_keeps_the_latest() {
        let mut log = CallLog::default();
        for n in 1..=CALLS_KEPT as u64 + 5 {
            log.push(CallEntry {
                sequence: n,
                at: Time::BEGINNING,
                operation: Operation::ListUsers,
                subject: Subject::Nothing,
                error: (n == 1).then_some(ErrorCode::ThrottlingException),
            });
        }
        log.charge(Operation::ListGroups, 7);
        assert_eq!(log.entries().len(), CALLS_KEPT);
        assert_eq!(
            log.count(Operation::ListUsers),
            CallCount {
                calls: CALLS_KEPT as u64 + 5,
                errors: 1
            }
        );
        assert_eq!(log.total(), CALLS_KEPT as u64 + 12);
    }
}
