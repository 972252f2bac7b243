//! Account assignments: created and deleted by asynchronous requests, listed by account and set or by principal.
//!
//! Operation names, fields and errors are those of the service model (sso-admin 2020-07-20).

use std::collections::BTreeSet;

use super::World;
use super::call::{Listed, Operation, Page, Subject};
use super::clock::Time;
use super::error::ServiceError;
use super::grant::Parts;
use super::identity_store::PrincipalKind;
use super::place::{AccountIx, PrincipalIx, SetIx};
use super::quota;
use super::request::{Request, RequestKind, Status};
use super::validate::violation;

/// Lists return at most 100 to a page (service model).
const PAGE: u32 = 100;

/// Who an assignment is for: `PrincipalType` and `PrincipalId`.
pub type PrincipalRef<'a> = (PrincipalKind, &'a str);

/// `AccountAssignmentOperationStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentStatus {
    /// `Status`.
    pub status: Status,
    /// `RequestId`.
    pub request_id: String,
    /// `FailureReason`.
    pub failure_reason: Option<String>,
    /// `TargetId`; the `TargetType` is `AWS_ACCOUNT`.
    pub account_id: String,
    /// `PermissionSetArn`.
    pub permission_set_arn: String,
    /// `PrincipalType`.
    pub principal_type: PrincipalKind,
    /// `PrincipalId`.
    pub principal_id: String,
    /// `CreatedDate`.
    pub created: Time,
}

/// `AccountAssignment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountAssignment {
    /// `AccountId`.
    pub account_id: String,
    /// `PermissionSetArn`.
    pub permission_set_arn: String,
    /// `PrincipalType`.
    pub principal_type: PrincipalKind,
    /// `PrincipalId`; it may belong to nobody any more.
    pub principal_id: String,
}

/// `OperationStatusFilter` and where to find the page: which requests to list.
pub type StatusFilter = Option<Status>;

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// `CreateAccountAssignment`. Creating one that exists succeeds and changes nothing but a stale or missing role.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for an unknown account or permission set (the request for a principal that is not
    /// there fails later); `ConflictException` while its deletion is in progress; `ServiceQuotaExceededException`;
    /// `ThrottlingException` when too many are outstanding; `AccessDeniedException` for the delegated administrator, see
    /// [`super::authorize`].
    pub fn create_account_assignment(
        &mut self,
        account: &str,
        set: &str,
        principal: PrincipalRef<'_>,
    ) -> Answer<AssignmentStatus> {
        let operation = Operation::CreateAccountAssignment;
        self.call(operation, self.grant_subject(account, set, principal), |world| {
            let (account, set) = (world.target(account)?, world.find_set(set)?);
            world.authorize_assignment(operation, account, set)?;
            let request = match world.known_principal(principal) {
                Ok(principal) => world.begin_assigning(Parts {
                    account,
                    set,
                    principal,
                })?,
                Err(_) => world.begin_for_stranger(operation, (account, set), principal)?,
            };
            world.assignment_status(&request).ok_or_else(no_request)
        })
    }

    /// `DeleteAccountAssignment`, also of a principal that was deleted. Where there is no such assignment, the request
    /// fails later.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for an unknown account or permission set; `ConflictException` while another request
    /// for it is in progress; `ThrottlingException`; `AccessDeniedException`.
    pub fn delete_account_assignment(
        &mut self,
        account: &str,
        set: &str,
        principal: PrincipalRef<'_>,
    ) -> Answer<AssignmentStatus> {
        let operation = Operation::DeleteAccountAssignment;
        self.call(operation, self.grant_subject(account, set, principal), |world| {
            let (account, set) = (world.target(account)?, world.find_set(set)?);
            world.authorize_assignment(operation, account, set)?;
            let request = match world.known_principal(principal) {
                Ok(principal) => world.begin_unassigning(Parts {
                    account,
                    set,
                    principal,
                })?,
                Err(_) => world.begin_for_stranger(operation, (account, set), principal)?,
            };
            world.assignment_status(&request).ok_or_else(no_request)
        })
    }

    /// `DescribeAccountAssignmentCreationStatus`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn describe_account_assignment_creation_status(
        &mut self,
        request_id: &str,
    ) -> Answer<AssignmentStatus> {
        let operation = Operation::DescribeAccountAssignmentCreationStatus;
        self.call(operation, self.request_subject(request_id), |world| {
            let request = world.find_request(request_id).filter(|r| is_creation(r));
            request
                .and_then(|request| world.assignment_status(request))
                .ok_or_else(no_request)
        })
    }

    /// `DescribeAccountAssignmentDeletionStatus`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn describe_account_assignment_deletion_status(
        &mut self,
        request_id: &str,
    ) -> Answer<AssignmentStatus> {
        let operation = Operation::DescribeAccountAssignmentDeletionStatus;
        self.call(operation, self.request_subject(request_id), |world| {
            let request = world.find_request(request_id).filter(|r| is_deletion(r));
            request
                .and_then(|request| world.assignment_status(request))
                .ok_or_else(no_request)
        })
    }

    /// `ListAccountAssignmentCreationStatus`, optionally only those with a status.
    ///
    /// # Errors
    /// `ValidationException` for a page that cannot be.
    pub fn list_account_assignment_creation_status(
        &mut self,
        filter: StatusFilter,
        page: &Page,
    ) -> Answer<Listed<AssignmentStatus>> {
        let operation = Operation::ListAccountAssignmentCreationStatus;
        self.call(operation, Subject::Nothing, |world| {
            world.list_statuses(is_creation, filter, page)
        })
    }

    /// `ListAccountAssignmentDeletionStatus`, optionally only those with a status.
    ///
    /// # Errors
    /// `ValidationException` for a page that cannot be.
    pub fn list_account_assignment_deletion_status(
        &mut self,
        filter: StatusFilter,
        page: &Page,
    ) -> Answer<Listed<AssignmentStatus>> {
        let operation = Operation::ListAccountAssignmentDeletionStatus;
        self.call(operation, Subject::Nothing, |world| {
            world.list_statuses(is_deletion, filter, page)
        })
    }

    /// `ListAccountAssignments` of a permission set in an account.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn list_account_assignments(
        &mut self,
        account: &str,
        set: &str,
        page: &Page,
    ) -> Answer<Listed<AccountAssignment>> {
        self.call(
            Operation::ListAccountAssignments,
            Subject::text(format!("{account} {set}")),
            |world| {
                let (start, count) = page.window(PAGE)?;
                let (account, set) = (world.target(account)?, world.find_set(set)?);
                let principals = world
                    .access
                    .pair(account, set)
                    .map_or(&[][..], |pair| pair.principals());
                let from = principals.iter().enumerate().skip(start);
                let described = from
                    .filter_map(|(n, principal)| Some((n, world.describe_grant(account, set, *principal)?)));
                Ok(Listed::collect(described, count))
            },
        )
    }

    /// `ListAccountAssignmentsForPrincipal`: for a user also those of its groups. Only from the management account.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `AccessDeniedException`.
    pub fn list_account_assignments_for_principal(
        &mut self,
        principal: PrincipalRef<'_>,
        account: Option<&str>,
        page: &Page,
    ) -> Answer<Listed<AccountAssignment>> {
        self.call(
            Operation::ListAccountAssignmentsForPrincipal,
            Subject::text(principal.1),
            |world| {
                let (start, count) = page.window(PAGE)?;
                let only = account.map(|id| world.target(id)).transpose()?;
                let at = world.known_principal(principal)?;
                let groups: Vec<PrincipalIx> = match principal.0 {
                    PrincipalKind::User => world.identity_store.groups_of(at).collect(),
                    PrincipalKind::Group => Vec::new(),
                };
                let mut all = Vec::new();
                for who in std::iter::once(at).chain(groups) {
                    let pairs = world.access.of_principal(who).into_iter();
                    let wanted = pairs.filter(|(account, _)| only.is_none_or(|only| only == *account));
                    all.extend(wanted.map(|(account, set)| (account, set, who)));
                }
                let from = all.into_iter().enumerate().skip(start);
                let described = from.filter_map(|(n, (account, set, who))| {
                    Some((n, world.describe_grant(account, set, who)?))
                });
                Ok(Listed::collect(described, count))
            },
        )
    }

    /// Why creating an assignment fails in the end, if it does.
    pub(super) fn assign_failure(
        &self,
        account: AccountIx,
        set: SetIx,
        principal: PrincipalIx,
    ) -> Option<String> {
        if self.identity_store.live(principal).is_none() {
            let kind = self.identity_store.principal(principal)?.kind();
            return Some(self.no_assignee(kind, &self.principal_id(principal)?));
        }
        self.role_failure(account, set)
    }

    /// Why deleting an assignment fails in the end, if it does.
    pub(super) fn unassign_failure(
        &self,
        account: AccountIx,
        set: SetIx,
        principal: PrincipalIx,
    ) -> Option<String> {
        if self.access.has(account, set, principal) {
            return None;
        }
        let id = self.principal_id(principal).unwrap_or_default();
        Some(self.no_entitlement(account, set, &id))
    }

    /// The service's words for a principal that it was told to assign something to and does not find.
    pub(super) fn no_assignee(&self, kind: PrincipalKind, id: &str) -> String {
        format!(
            "Received a 404 status error: the {} assignee {id} was not found in directory {}",
            kind.as_str(),
            self.ids.identity_store_id()
        )
    }

    /// The service's words for an assignment that it was told to delete and does not find, as Terraform's AWS provider
    /// quotes them (`resourceAccountAssignmentDelete`).
    pub(super) fn no_entitlement(&self, account: AccountIx, set: SetIx, principal: &str) -> String {
        let account = self.organization.account(account);
        format!(
            "Received a 404 status error: EntitlementItem doesn't exist with the given entitlement key \
             EntitlementKey{{accessorId=AccessorId{{value={principal}}}, resourceId=ResourceId{{value={}}}, \
             auxiliaryResourceId=AuxiliaryResourceId{{value={}}}, containerId=ContainerId{{value={}}}}}",
            account.map_or("", |account| account.id.as_str()),
            self.permission_set_arn(set).unwrap_or_default(),
            self.ids.instance_arn()
        )
    }

    /// Starts a request for somebody whom the directory never had.
    fn begin_for_stranger(
        &mut self,
        operation: Operation,
        (account, set): (AccountIx, SetIx),
        (kind, id): PrincipalRef<'_>,
    ) -> Answer<Request> {
        if !is_principal_id(id) {
            return Err(violation(
                id,
                "principalId",
                "satisfy regular expression pattern: ^([0-9a-f]{10}-|)[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-\
                 [A-Fa-f0-9]{4}-[A-Fa-f0-9]{12}$",
            ));
        }
        let request = RequestKind::Stranger {
            is_creation: operation == Operation::CreateAccountAssignment,
            account,
            set,
            kind,
            id: id.to_owned(),
        };
        self.start(operation, request)
    }

    /// Whether a request changes a role, as things stand: the first assignment makes it, the last one removes it, one
    /// made while it is stale updates it, and provisioning rewrites it.
    pub(super) fn changes_role(&self, kind: &RequestKind) -> bool {
        let leaving = |set, account| {
            let pending = self.requests.pending_pair(set, account);
            pending
                .filter(|request| match request.kind {
                    RequestKind::Unassign { principal, .. } => self.access.has(account, set, principal),
                    _ => false,
                })
                .count()
        };
        match *kind {
            // What will fail touches no role.
            RequestKind::Assign { principal, .. } if self.identity_store.live(principal).is_none() => false,
            RequestKind::Unassign {
                account,
                set,
                principal,
            } if !self.access.has(account, set, principal) => false,
            RequestKind::Assign { account, set, .. } => match self.access.pair(account, set) {
                Some(pair) => {
                    pair.role().is_none()
                        || self.is_stale(pair)
                        || pair.principals().len() <= leaving(set, account)
                }
                None => true,
            },
            RequestKind::Unassign { account, set, .. } => {
                let left = self
                    .access
                    .pair(account, set)
                    .map_or(0, |pair| pair.principals().len());
                left <= 1 + leaving(set, account)
            }
            RequestKind::Provision { account, .. } => account.is_some(),
            RequestKind::Account { .. } | RequestKind::Stranger { .. } => false,
        }
    }

    /// The account an operation names.
    pub(super) fn target(&self, id: &str) -> Answer<AccountIx> {
        if id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(violation(
                id,
                "targetId",
                "satisfy regular expression pattern: \\d{12}",
            ));
        }
        self.organization
            .account_by_id(id)
            .ok_or_else(|| ServiceError::not_found(format!("AWS account {id} not found in the organization")))
    }

    /// A principal by id, also one that was deleted.
    pub(super) fn known_principal(&self, (kind, id): PrincipalRef<'_>) -> Answer<PrincipalIx> {
        let known = self
            .ids
            .parse_principal_id(id)
            .and_then(|uuid| self.identity_store.by_uuid(uuid));
        known
            .filter(|at| {
                self.identity_store
                    .principal(*at)
                    .is_some_and(|p| p.kind() == kind)
            })
            .ok_or_else(|| ServiceError::not_found(format!("{} not found.", kind.as_str())))
    }

    /// What is being made counts as made: otherwise requests that are in progress together would go beyond the quota.
    pub(super) fn check_assignment_quotas(&self, account: AccountIx, set: SetIx) -> Answer<()> {
        let quotas = &self.settings.quotas;
        let unlimited = quotas.permission_sets_per_account == u32::MAX && quotas.accounts == u32::MAX;
        if unlimited || self.access.pair(account, set).is_some() {
            return Ok(());
        }
        let coming = self.requests.pairs_being_assigned();
        let coming: BTreeSet<(AccountIx, SetIx)> = coming
            .filter(|(account, set)| self.access.pair(*account, *set).is_none())
            .collect();
        if coming.contains(&(account, set)) {
            return Ok(());
        }
        let of_account = coming.iter().filter(|(other, _)| *other == account).count();
        let here = self.access.pairs(account).len() + of_account;
        quota::room(
            here,
            quotas.permission_sets_per_account,
            "permission sets provisioned in an account",
        )?;
        if here > 0 {
            return Ok(());
        }
        let new: BTreeSet<AccountIx> = coming
            .iter()
            .map(|(account, _)| *account)
            .filter(|account| self.access.pairs(*account).is_empty())
            .collect();
        quota::room(
            self.access.assigned_accounts() + new.len(),
            quotas.accounts,
            "AWS accounts or applications",
        )
    }

    fn list_statuses(
        &self,
        of_kind: fn(&Request) -> bool,
        filter: StatusFilter,
        page: &Page,
    ) -> Answer<Listed<AssignmentStatus>> {
        let (start, count) = page.window(PAGE)?;
        let wanted =
            |request: &&Request| of_kind(request) && filter.is_none_or(|status| status == request.status);
        let from = self.requests.from(start as u64).filter(wanted);
        let described =
            from.filter_map(|r| Some((usize::try_from(r.sequence).ok()?, self.assignment_status(r)?)));
        Ok(Listed::collect(described, count))
    }

    fn assignment_status(&self, request: &Request) -> Option<AssignmentStatus> {
        let grant = match &request.kind {
            RequestKind::Assign {
                account,
                set,
                principal,
            }
            | RequestKind::Unassign {
                account,
                set,
                principal,
            } => self.describe_grant(*account, *set, *principal)?,
            RequestKind::Stranger {
                account,
                set,
                kind,
                id,
                ..
            } => AccountAssignment {
                account_id: self.organization.account(*account)?.id.clone(),
                permission_set_arn: self.permission_set_arn(*set)?,
                principal_type: *kind,
                principal_id: id.clone(),
            },
            RequestKind::Provision { .. } | RequestKind::Account { .. } => return None,
        };
        Some(AssignmentStatus {
            status: request.status,
            request_id: self.request_uuid(request),
            failure_reason: request.failure.as_deref().map(str::to_owned),
            account_id: grant.account_id,
            permission_set_arn: grant.permission_set_arn,
            principal_type: grant.principal_type,
            principal_id: grant.principal_id,
            created: request.created,
        })
    }

    fn describe_grant(
        &self,
        account: AccountIx,
        set: SetIx,
        principal: PrincipalIx,
    ) -> Option<AccountAssignment> {
        Some(AccountAssignment {
            account_id: self.organization.account(account)?.id.clone(),
            permission_set_arn: self.permission_set_arn(set)?,
            principal_type: self.identity_store.principal(principal)?.kind(),
            principal_id: self.principal_id(principal)?,
        })
    }

    fn request_subject(&self, id: &str) -> Subject {
        let request = self.find_request(id);
        request.map_or_else(|| Subject::text(id), |request| Subject::Request(request.sequence))
    }

    fn grant_subject(&self, account: &str, set: &str, principal: PrincipalRef<'_>) -> Subject {
        let places = || {
            Some(Subject::Grant {
                account: self.organization.account_by_id(account)?.number(),
                set: self.find_set(set).ok()?.number(),
                principal: self.known_principal(principal).ok()?.number(),
            })
        };
        places().unwrap_or_else(|| Subject::text(format!("{account} {set} {}", principal.1)))
    }
}

fn is_creation(request: &Request) -> bool {
    request.kind.creates_assignment()
}

fn is_deletion(request: &Request) -> bool {
    request.kind.deletes_assignment()
}

/// A UUID, with the ten hexadecimal digits of a directory before it or without (service model).
fn is_principal_id(id: &str) -> bool {
    let uuid = match id.len() {
        36 => Some(id),
        47 => id.split_once('-').and_then(|(directory, uuid)| {
            let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            (directory.len() == 10 && directory.bytes().all(digit)).then_some(uuid)
        }),
        _ => None,
    };
    uuid.is_some_and(|uuid| uuid::Uuid::try_parse(uuid).is_ok())
}

/// Retryable, as the service model describes this exception: an earlier write has not taken effect everywhere yet.
pub(super) fn conflict_in_progress() -> ServiceError {
    ServiceError::conflict(
        "There is a conflicting operation in progress on this resource. Please try again after it has completed.",
    )
}

pub(super) fn no_request() -> ServiceError {
    ServiceError::not_found("Request not found.")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::clock::Latency;
    use super::super::error::ErrorCode;
    use super::super::permission_set::CustomerManagedPolicy;
    use super::super::tamper::Tamper;
    use super::super::tests::{Stage, make_set, person, stage};
    use super::*;

    const A: &str = "111122223333";
    const B: &str = "222233334444";

    #[test]
    fn a_creation_is_in_progress_until_the_clock_reaches_its_end() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        let who = (PrincipalKind::Group, group.as_str());
        let status = world.create_account_assignment(A, &set, who).unwrap();
        assert_eq!(
            (status.status, status.account_id.as_str()),
            (Status::InProgress, A)
        );
        assert!(
            world
                .list_account_assignments(A, &set, &Page::default())
                .unwrap()
                .items
                .is_empty()
        );
        world.advance(Duration::from_millis(1_999));
        let describe = |world: &mut World| {
            world
                .describe_account_assignment_creation_status(&status.request_id)
                .unwrap()
                .status
        };
        assert_eq!(describe(&mut world), Status::InProgress);
        world.advance(Duration::from_millis(2_001));
        assert_eq!(describe(&mut world), Status::Succeeded);
        let listed = world
            .list_account_assignments(A, &set, &Page::default())
            .unwrap()
            .items;
        assert_eq!(
            (listed.len(), listed[0].principal_id.as_str()),
            (1, group.as_str())
        );
        let error = world
            .describe_account_assignment_deletion_status(&status.request_id)
            .unwrap_err();
        assert_eq!(
            error.code,
            ErrorCode::ResourceNotFoundException,
            "a creation is no deletion"
        );
    }

    #[test]
    fn creating_an_existing_assignment_succeeds_and_changes_nothing() {
        let mut stage = stage();
        stage.grant(A);
        let roles = stage.world.list_roles(A, "/aws-reserved/").unwrap();
        let status = stage.grant(A);
        assert_eq!(status.status, Status::Succeeded);
        assert_eq!(
            stage
                .world
                .list_account_assignments(A, &stage.set, &Page::default())
                .unwrap()
                .items
                .len(),
            1
        );
        assert_eq!(stage.world.list_roles(A, "/aws-reserved/").unwrap(), roles);
    }

    #[test]
    fn deleting_what_is_not_there_is_accepted_and_fails() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        let unknown = "01234567-89ab-4cde-8f01-23456789abcd";
        for id in [group.as_str(), unknown] {
            let deleted = world.delete_account_assignment(A, &set, (PrincipalKind::Group, id));
            let begun = deleted.unwrap();
            assert_eq!(
                (begun.status, begun.principal_id.as_str()),
                (Status::InProgress, id)
            );
            world.settle();
            let ended = world.describe_account_assignment_deletion_status(&begun.request_id);
            let instance = world.ids().instance_arn();
            let reason = format!(
                "Received a 404 status error: EntitlementItem doesn't exist with the given entitlement key \
                 EntitlementKey{{accessorId=AccessorId{{value={id}}}, resourceId=ResourceId{{value={A}}}, \
                 auxiliaryResourceId=AuxiliaryResourceId{{value={set}}}, \
                 containerId=ContainerId{{value={instance}}}}}"
            );
            let wanted = AssignmentStatus {
                status: Status::Failed,
                failure_reason: Some(reason),
                ..begun
            };
            assert_eq!(ended.unwrap(), wanted);
        }
    }

    #[test]
    fn who_is_unknown_or_deleted_is_accepted_and_fails_and_leaves_nothing() {
        let Stage {
            mut world,
            set,
            group,
            user,
            ..
        } = stage();
        world
            .delete_principal(PrincipalKind::Group, &group, None)
            .unwrap();
        let store = world.ids().identity_store_id();
        let elsewhere = "0123456789-01234567-89ab-4cde-8f01-23456789ABCD";
        for (kind, id) in [
            (PrincipalKind::Group, group.as_str()),
            (PrincipalKind::Group, user.as_str()),
            (PrincipalKind::User, elsewhere),
        ] {
            let begun = world.create_account_assignment(A, &set, (kind, id)).unwrap();
            assert_eq!((begun.status, begun.principal_type), (Status::InProgress, kind));
            world.settle();
            let ended = world.describe_account_assignment_creation_status(&begun.request_id);
            let reason = format!(
                "Received a 404 status error: the {} assignee {id} was not found in directory {store}",
                kind.as_str()
            );
            let wanted = AssignmentStatus {
                status: Status::Failed,
                failure_reason: Some(reason),
                ..begun
            };
            assert_eq!(ended.unwrap(), wanted);
        }
        assert!(world.list_roles(A, "/aws-reserved/").unwrap().is_empty());
        let failed = world
            .list_account_assignment_creation_status(Some(Status::Failed), &Page::default())
            .unwrap();
        assert_eq!(failed.items.len(), 3);
        for id in [
            "nobody",
            "0123456789-nobody",
            "ABCDEF0123-01234567-89ab-4cde-8f01-23456789abcd",
        ] {
            let refused = world.create_account_assignment(A, &set, (PrincipalKind::User, id));
            assert_eq!(refused.unwrap_err().code, ErrorCode::ValidationException, "{id}");
        }
    }

    #[test]
    fn unknown_accounts_and_sets_are_refused_at_once() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        let code = |r: Answer<AssignmentStatus>| r.unwrap_err().code;
        let group_ref = (PrincipalKind::Group, group.as_str());
        assert_eq!(
            code(world.create_account_assignment("999999999999", &set, group_ref)),
            ErrorCode::ResourceNotFoundException
        );
        assert_eq!(
            code(world.create_account_assignment("1", &set, group_ref)),
            ErrorCode::ValidationException
        );
        assert_eq!(
            code(world.create_account_assignment(A, "arn:x", group_ref)),
            ErrorCode::ResourceNotFoundException
        );
    }

    #[test]
    fn fifteen_creations_may_be_outstanding() {
        let Stage { mut world, set, .. } = stage();
        let groups: Vec<String> = (0..16)
            .map(|n| world.create_group(&format!("g{n}"), None).unwrap())
            .collect();
        for group in &groups[..15] {
            world
                .create_account_assignment(A, &set, (PrincipalKind::Group, group))
                .unwrap();
        }
        let last = (PrincipalKind::Group, groups[15].as_str());
        let error = world.create_account_assignment(B, &set, last).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ThrottlingException: There are too many requests processing. Please try again later."
        );
        let listed = world
            .list_account_assignment_creation_status(Some(Status::InProgress), &Page::default())
            .unwrap();
        assert_eq!(listed.items.len(), 15);
        world.advance_to_next();
        world.create_account_assignment(B, &set, last).unwrap();
        world.settle();
        let listed = world
            .list_account_assignment_creation_status(Some(Status::InProgress), &Page::default())
            .unwrap();
        assert!(listed.items.is_empty());
        let listed = world
            .list_account_assignment_creation_status(Some(Status::Succeeded), &Page::default())
            .unwrap();
        assert_eq!(listed.items.len(), 16);
    }

    #[test]
    fn one_role_at_a_time_changes_in_an_account() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        let other = make_set(&mut world, "other");
        let mut settings = world.settings().clone();
        settings.latency = Latency {
            assignment: (3_000, 3_000),
            ..Latency::default()
        };
        world.configure(settings).unwrap();
        let who = (PrincipalKind::Group, group.as_str());
        let begun = world.now();
        for set in [&set, &other] {
            world.create_account_assignment(A, set, who).unwrap();
            world.create_account_assignment(B, set, who).unwrap();
        }
        let mut ends = Vec::new();
        while let Some(at) = world.next_event() {
            ends.push(at.since(begun).as_secs());
            world.advance_to_next();
        }
        ends.dedup();
        assert_eq!(
            ends,
            [3, 6],
            "in parallel across accounts, one after the other within"
        );
    }

    #[test]
    fn more_people_for_a_role_that_is_there_do_not_wait() {
        let Stage {
            mut world,
            set,
            group,
            user,
            ..
        } = stage();
        let mut settings = world.settings().clone();
        settings.latency = Latency {
            assignment: (3_000, 3_000),
            ..Latency::default()
        };
        world.configure(settings).unwrap();
        world
            .create_account_assignment(A, &set, (PrincipalKind::Group, &group))
            .unwrap();
        world.settle();
        let begun = world.now();
        let more = world.create_user(person("more")).unwrap();
        for id in [&user, &more] {
            world
                .create_account_assignment(A, &set, (PrincipalKind::User, id))
                .unwrap();
        }
        world.settle();
        assert_eq!(world.now().since(begun), Duration::from_secs(3));
    }

    #[test]
    fn create_and_delete_of_one_assignment_conflict_while_either_is_in_progress() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        let who = (PrincipalKind::Group, group.as_str());
        world.create_account_assignment(A, &set, who).unwrap();
        let error = world.delete_account_assignment(A, &set, who).unwrap_err();
        assert_eq!(error.code, ErrorCode::ConflictException);
        world.settle();
        let deletion = world.delete_account_assignment(A, &set, who).unwrap();
        assert_eq!(
            world.create_account_assignment(A, &set, who).unwrap_err().code,
            ErrorCode::ConflictException
        );
        assert_eq!(
            world.delete_account_assignment(A, &set, who).unwrap_err().code,
            ErrorCode::ConflictException
        );
        world.settle();
        let ended = world
            .describe_account_assignment_deletion_status(&deletion.request_id)
            .unwrap();
        assert_eq!(ended.status, Status::Succeeded);
    }

    #[test]
    fn a_set_cannot_be_deleted_while_it_is_assigned_or_about_to_be() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        let who = (PrincipalKind::Group, group.as_str());
        let refused = |world: &mut World| {
            let error = world.delete_permission_set(&set).unwrap_err();
            error.code == ErrorCode::ConflictException
                && error.message.starts_with("Could not delete because")
        };
        world.create_account_assignment(A, &set, who).unwrap();
        assert!(refused(&mut world));
        world.settle();
        assert!(refused(&mut world));
        world.delete_account_assignment(A, &set, who).unwrap();
        assert!(refused(&mut world), "deprovisioning takes its time");
        world.settle();
        world.delete_permission_set(&set).unwrap();
    }

    #[test]
    fn a_missing_customer_managed_policy_fails_the_assignment_in_that_account() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        let policy = CustomerManagedPolicy {
            name: "audit".into(),
            path: "/team/".into(),
        };
        world.attach_customer_managed_policy(&set, &policy).unwrap();
        let account = world.organization().account_by_id(A).unwrap();
        world.set_policy_exists(account, &policy, false).unwrap();
        let who = (PrincipalKind::Group, group.as_str());
        let here = world.create_account_assignment(A, &set, who).unwrap();
        let there = world.create_account_assignment(B, &set, who).unwrap();
        world.settle();
        let here = world
            .describe_account_assignment_creation_status(&here.request_id)
            .unwrap();
        assert_eq!(here.status, Status::Failed);
        assert!(
            here.failure_reason
                .unwrap()
                .contains("arn:aws:iam::111122223333:policy/team/audit")
        );
        assert!(world.list_roles(A, "/aws-reserved/").unwrap().is_empty());
        let there = world
            .describe_account_assignment_creation_status(&there.request_id)
            .unwrap();
        assert_eq!(there.status, Status::Succeeded);
    }

    #[test]
    fn more_than_ten_managed_policies_fail_at_the_role_although_the_set_may_have_them() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        for n in 0..11 {
            world
                .attach_managed_policy(&set, &format!("arn:aws:iam::aws:policy/P{n}"))
                .unwrap();
        }
        let status = world
            .create_account_assignment(A, &set, (PrincipalKind::Group, &group))
            .unwrap();
        world.settle();
        let status = world
            .describe_account_assignment_creation_status(&status.request_id)
            .unwrap();
        assert!(status.failure_reason.unwrap().contains("PoliciesPerRole: 10"));
    }

    #[test]
    fn a_suspended_account_fails_assignments() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        world
            .tamper(&Tamper::SuspendAccount { account: A.into() })
            .unwrap();
        let status = world
            .create_account_assignment(A, &set, (PrincipalKind::Group, &group))
            .unwrap();
        world.settle();
        let status = world
            .describe_account_assignment_creation_status(&status.request_id)
            .unwrap();
        assert_eq!(status.status, Status::Failed);
        assert!(status.failure_reason.unwrap().contains("SUSPENDED"));
    }

    #[test]
    fn a_deleted_principal_leaves_its_assignment_which_can_be_listed_and_deleted() {
        let mut stage = stage();
        stage.grant(A);
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage;
        world
            .delete_principal(PrincipalKind::Group, &group, None)
            .unwrap();
        let listed = world
            .list_account_assignments(A, &set, &Page::default())
            .unwrap()
            .items;
        assert_eq!(listed[0].principal_id, group);
        let who = (PrincipalKind::Group, group.as_str());
        let again = world.create_account_assignment(A, &set, who).unwrap();
        world.settle();
        let again = world
            .describe_account_assignment_creation_status(&again.request_id)
            .unwrap();
        assert_eq!(again.status, Status::Failed, "it is not made again for nobody");
        world.delete_account_assignment(A, &set, who).unwrap();
        world.settle();
        assert!(
            world
                .list_account_assignments(A, &set, &Page::default())
                .unwrap()
                .items
                .is_empty()
        );
    }

    #[test]
    fn a_users_list_includes_what_its_groups_have() {
        let mut stage = stage();
        stage.grant(A);
        let user = stage.user.clone();
        stage.create(B, PrincipalKind::User, &user);
        let Stage {
            mut world,
            group,
            user,
            ..
        } = stage;
        let who = (PrincipalKind::User, user.as_str());
        let before = world
            .list_account_assignments_for_principal(who, None, &Page::default())
            .unwrap()
            .items;
        assert_eq!(before.len(), 1);
        world.create_group_membership(&group, &user).unwrap();
        let after = world
            .list_account_assignments_for_principal(who, None, &Page::default())
            .unwrap()
            .items;
        assert_eq!(after.len(), 2);
        let only = world
            .list_account_assignments_for_principal(who, Some(A), &Page::default())
            .unwrap()
            .items;
        assert_eq!((only.len(), only[0].principal_type), (1, PrincipalKind::Group));
    }

    #[test]
    fn an_account_has_at_most_so_many_sets_and_an_instance_so_many_accounts() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        let mut settings = world.settings().clone();
        settings.quotas.permission_sets_per_account = 1;
        settings.quotas.accounts = 2;
        world.configure(settings).unwrap();
        let other = make_set(&mut world, "other");
        let who = (PrincipalKind::Group, group.as_str());
        for account in [A, B] {
            world.create_account_assignment(account, &set, who).unwrap();
            world.settle();
        }
        let error = world.create_account_assignment(A, &other, who).unwrap_err();
        assert_eq!(error.code, ErrorCode::ServiceQuotaExceededException);
        let error = world
            .create_account_assignment("333344445555", &set, who)
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::ServiceQuotaExceededException);
        assert!(
            world.create_account_assignment(A, &set, who).is_ok(),
            "an existing pair needs no more room"
        );
    }

    #[test]
    fn requests_in_progress_count_against_the_quotas() {
        let Stage {
            mut world,
            set,
            group,
            user,
            ..
        } = stage();
        let mut settings = world.settings().clone();
        settings.quotas.permission_sets_per_account = 1;
        settings.quotas.accounts = 1;
        world.configure(settings).unwrap();
        let other = make_set(&mut world, "other");
        let who = (PrincipalKind::Group, group.as_str());
        world.create_account_assignment(A, &set, who).unwrap();
        for (account, set) in [(A, &other), (B, &set)] {
            let error = world.create_account_assignment(account, set, who).unwrap_err();
            assert_eq!(error.code, ErrorCode::ServiceQuotaExceededException);
        }
        let also = (PrincipalKind::User, user.as_str());
        assert!(world.create_account_assignment(A, &set, also).is_ok());
    }
}
