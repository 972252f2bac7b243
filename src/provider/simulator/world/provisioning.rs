//! Provisioning: bringing the roles in the accounts to a permission set's present definition, and knowing which are stale.
//!
//! Operation names, fields and errors are those of the service model (sso-admin 2020-07-20); the failure texts are
//! ones that users of the service have reported (hashicorp/terraform-provider-aws#35158, cloudposse/terraform-aws-sso#66).
//! That a set without assignments can be provisioned everywhere is seen in Terraform's AWS provider: it does so after
//! each change of a set's contents and waits for `SUCCEEDED`, also in its acceptance tests of sets that nobody is assigned
//! (`provisionPermissionSet` and `TestAccSSOAdminPermissionSetInlinePolicy_basic` in internal/service/ssoadmin).

use super::World;
use super::access::Pair;
use super::assignment::no_request;
use super::call::{Listed, Operation, Page, Subject};
use super::clock::Time;
use super::error::ServiceError;
use super::organization::AccountState;
use super::place::{AccountIx, SetIx};
use super::request::{Request, RequestKind, Status};

/// Lists return at most 100 to a page (service model).
const PAGE: u32 = 100;

/// `TargetType` and `TargetId` of `ProvisionPermissionSet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvisionTarget<'a> {
    /// `AWS_ACCOUNT`.
    AwsAccount(&'a str),
    /// `ALL_PROVISIONED_ACCOUNTS`: at most 3,500 of them (quotas page).
    AllProvisionedAccounts,
}

/// `ProvisioningStatus`, by which the provisioned sets and accounts can be filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvisioningStatus {
    /// `LATEST_PERMISSION_SET_PROVISIONED`
    Latest,
    /// `LATEST_PERMISSION_SET_NOT_PROVISIONED`
    NotLatest,
}

/// `PermissionSetProvisioningStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisioningRequestStatus {
    /// `Status`.
    pub status: Status,
    /// `RequestId`.
    pub request_id: String,
    /// `FailureReason`.
    pub failure_reason: Option<String>,
    /// `AccountId`; absent for all accounts.
    pub account_id: Option<String>,
    /// `PermissionSetArn`.
    pub permission_set_arn: String,
    /// `CreatedDate`.
    pub created: Time,
}

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// `ProvisionPermissionSet`. For all accounts of a set that is in none there is nothing to do, and the request
    /// succeeds; in one account that does not have the set it fails in the end.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ThrottlingException` when three are outstanding, `AccessDeniedException` for the
    /// delegated administrator, see [`super::authorize`].
    pub fn provision_permission_set(
        &mut self,
        set: &str,
        target: ProvisionTarget<'_>,
    ) -> Answer<ProvisioningRequestStatus> {
        let operation = Operation::ProvisionPermissionSet;
        let subject = match target {
            ProvisionTarget::AwsAccount(account) => Subject::text(format!("{set} {account}")),
            ProvisionTarget::AllProvisionedAccounts => Subject::text(set),
        };
        self.call(operation, subject, |world| {
            let set = world.find_set(set)?;
            let account = match target {
                ProvisionTarget::AwsAccount(id) => Some(world.target(id)?),
                ProvisionTarget::AllProvisionedAccounts => None,
            };
            world.authorize_set(operation, set)?;
            let request = world.start(operation, RequestKind::Provision { set, account })?;
            world.provisioning_status(&request).ok_or_else(no_request)
        })
    }

    /// `DescribePermissionSetProvisioningStatus`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn describe_permission_set_provisioning_status(
        &mut self,
        request_id: &str,
    ) -> Answer<ProvisioningRequestStatus> {
        let operation = Operation::DescribePermissionSetProvisioningStatus;
        self.call(operation, Subject::text(request_id), |world| {
            let request = world.find_request(request_id);
            request
                .and_then(|request| world.provisioning_status(request))
                .ok_or_else(no_request)
        })
    }

    /// `ListPermissionSetProvisioningStatus`, optionally only those with a status.
    ///
    /// # Errors
    /// `ValidationException` for a page that cannot be.
    pub fn list_permission_set_provisioning_status(
        &mut self,
        filter: Option<Status>,
        page: &Page,
    ) -> Answer<Listed<ProvisioningRequestStatus>> {
        self.call(
            Operation::ListPermissionSetProvisioningStatus,
            Subject::Nothing,
            |world| {
                let (start, count) = page.window(PAGE)?;
                let from = world.requests.from(start as u64);
                let wanted = from.filter(|request| filter.is_none_or(|status| status == request.status));
                let described = wanted
                    .filter_map(|r| Some((usize::try_from(r.sequence).ok()?, world.provisioning_status(r)?)));
                Ok(Listed::collect(described, count))
            },
        )
    }

    /// `ListAccountsForProvisionedPermissionSet`: the ids of the accounts, optionally only of those that are stale or not.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn list_accounts_for_provisioned_permission_set(
        &mut self,
        set: &str,
        filter: Option<ProvisioningStatus>,
        page: &Page,
    ) -> Answer<Listed<String>> {
        self.call(
            Operation::ListAccountsForProvisionedPermissionSet,
            Subject::text(set),
            |world| {
                let (start, count) = page.window(PAGE)?;
                let set = world.find_set(set)?;
                let from = world.access.accounts_with(set).iter().enumerate().skip(start);
                let described = from.filter_map(|(n, account)| {
                    let pair = world.access.pair(*account, set)?;
                    world
                        .has_status(pair, filter)
                        .then_some((n, world.organization.account(*account)?.id.clone()))
                });
                Ok(Listed::collect(described, count))
            },
        )
    }

    /// `ListPermissionSetsProvisionedToAccount`: the ARNs, optionally only of those that are stale or not.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn list_permission_sets_provisioned_to_account(
        &mut self,
        account: &str,
        filter: Option<ProvisioningStatus>,
        page: &Page,
    ) -> Answer<Listed<String>> {
        self.call(
            Operation::ListPermissionSetsProvisionedToAccount,
            Subject::text(account),
            |world| {
                let (start, count) = page.window(PAGE)?;
                let account = world.target(account)?;
                let from = world.access.pairs(account).iter().enumerate().skip(start);
                let wanted = from.filter(|(_, pair)| world.has_status(pair, filter));
                Ok(Listed::collect(
                    wanted.filter_map(|(n, pair)| Some((n, world.permission_set_arn(pair.set())?))),
                    count,
                ))
            },
        )
    }

    /// Why provisioning that was asked for at this time fails in the end, if it does. Provisioning all accounts leaves out
    /// those that are not active.
    pub(super) fn provision_failure(
        &self,
        set: SetIx,
        account: Option<AccountIx>,
        asked: Time,
    ) -> Option<String> {
        match account {
            Some(account) if self.access.pair(account, set).is_none() => {
                let id = self
                    .organization
                    .account(account)
                    .map_or("", |account| account.id.as_str());
                Some(format!(
                    "Received a 404 status error: Permission set provision not found in AWS account {id}."
                ))
            }
            Some(account) => self.role_failure(account, set),
            None if self.access.accounts_with(set).is_empty() => self
                .was_unassigned_after(set, asked)
                .then(|| "Received a 404 status error: Assignment not found.".to_owned()),
            None => self
                .reached(set)
                .into_iter()
                .find_map(|account| self.role_failure(account, set)),
        }
    }

    /// Whether an assignment of the set that was there at this time has been deleted since.
    fn was_unassigned_after(&self, set: SetIx, time: Time) -> bool {
        let mut requests = self.requests.from(0);
        requests.any(|request| {
            matches!(request.kind, RequestKind::Unassign { set: of, .. } if of == set)
                && request.status == Status::Succeeded
                && request.due > time
        })
    }

    /// Brings every role that a finished request reaches to the present definition. A request for all accounts that
    /// failed has still updated the accounts in which it could.
    pub(super) fn provision_reached(&mut self, set: SetIx, account: Option<AccountIx>, failed: bool) {
        let Some(revision) = self.permission_sets.get(set).map(|set| set.revision) else {
            return;
        };
        let accounts = match account {
            Some(_) if failed => Vec::new(),
            Some(account) => vec![account],
            None => self.reached(set),
        };
        for account in accounts {
            if !failed || self.role_failure(account, set).is_none() {
                self.access.reprovision(account, set, revision, self.now);
            }
        }
    }

    /// The accounts that provisioning everywhere reaches.
    fn reached(&self, set: SetIx) -> Vec<AccountIx> {
        let most = self.settings.quotas.provision_reach as usize;
        let active = |account: &&AccountIx| {
            self.organization
                .account(**account)
                .is_some_and(|a| a.state == AccountState::Active)
        };
        self.access
            .accounts_with(set)
            .iter()
            .filter(active)
            .take(most)
            .copied()
            .collect()
    }

    fn has_status(&self, pair: &Pair, filter: Option<ProvisioningStatus>) -> bool {
        match filter {
            None => true,
            Some(ProvisioningStatus::Latest) => !self.is_stale(pair),
            Some(ProvisioningStatus::NotLatest) => self.is_stale(pair),
        }
    }

    fn provisioning_status(&self, request: &Request) -> Option<ProvisioningRequestStatus> {
        let RequestKind::Provision { set, account } = request.kind else {
            return None;
        };
        Some(ProvisioningRequestStatus {
            status: request.status,
            request_id: self.request_uuid(request),
            failure_reason: request.failure.as_deref().map(str::to_owned),
            account_id: account
                .and_then(|at| self.organization.account(at))
                .map(|a| a.id.clone()),
            permission_set_arn: self.permission_set_arn(set)?,
            created: request.created,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorCode;
    use super::super::identity_store::PrincipalKind;
    use super::super::permission_set::{CustomerManagedPolicy, UpdatePermissionSet};
    use super::super::tamper::Tamper;
    use super::super::tests::{Stage, make_set, stage};
    use super::*;

    const A: &str = "111122223333";
    const B: &str = "222233334444";

    fn everywhere() -> Stage {
        let mut stage = stage();
        stage.grant(A);
        stage.grant(B);
        stage
    }

    fn stale(world: &mut World, set: &str) -> Vec<String> {
        let filter = Some(ProvisioningStatus::NotLatest);
        world
            .list_accounts_for_provisioned_permission_set(set, filter, &Page::default())
            .unwrap()
            .items
    }

    fn provision(world: &mut World, set: &str, target: ProvisionTarget<'_>) -> ProvisioningRequestStatus {
        let status = world.provision_permission_set(set, target).unwrap();
        assert_eq!(status.status, Status::InProgress);
        world.settle();
        world
            .describe_permission_set_provisioning_status(&status.request_id)
            .unwrap()
    }

    #[test]
    fn every_change_but_of_tags_makes_the_accounts_stale_until_provisioned() {
        let Stage { mut world, set, .. } = everywhere();
        let policy = CustomerManagedPolicy {
            name: "p".into(),
            path: "/".into(),
        };
        let managed = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        type Change<'a> = Box<dyn Fn(&mut World) -> Answer<()> + 'a>;
        let changes: Vec<Change<'_>> = vec![
            Box::new(|w| {
                w.update_permission_set(
                    &set,
                    UpdatePermissionSet {
                        description: Some("d".into()),
                        ..Default::default()
                    },
                )
            }),
            Box::new(|w| w.put_inline_policy(&set, r#"{"Statement":{}}"#)),
            Box::new(|w| w.delete_inline_policy(&set)),
            Box::new(|w| w.attach_managed_policy(&set, managed)),
            Box::new(|w| w.detach_managed_policy(&set, managed)),
            Box::new(|w| w.attach_customer_managed_policy(&set, &policy)),
            Box::new(|w| w.detach_customer_managed_policy(&set, &policy)),
            Box::new(|w| {
                w.put_permissions_boundary(
                    &set,
                    &super::super::permission_set::Boundary::Managed(managed.into()),
                )
            }),
            Box::new(|w| w.delete_permissions_boundary(&set)),
        ];
        for change in changes {
            assert!(stale(&mut world, &set).is_empty());
            change(&mut world).unwrap();
            assert_eq!(stale(&mut world, &set), [A, B]);
            let status = provision(&mut world, &set, ProvisionTarget::AllProvisionedAccounts);
            assert_eq!(status.status, Status::Succeeded);
        }
        world
            .tag_resource(&set, &[("k".to_owned(), "v".to_owned())].into())
            .unwrap();
        assert!(stale(&mut world, &set).is_empty());
    }

    #[test]
    fn one_account_can_be_provisioned_alone() {
        let Stage { mut world, set, .. } = everywhere();
        world.put_inline_policy(&set, r#"{"Statement":{}}"#).unwrap();
        let status = provision(&mut world, &set, ProvisionTarget::AwsAccount(A));
        assert_eq!(status.account_id.as_deref(), Some(A));
        assert_eq!(stale(&mut world, &set), [B]);
        let latest = Some(ProvisioningStatus::Latest);
        let listed = world
            .list_permission_sets_provisioned_to_account(B, latest, &Page::default())
            .unwrap();
        assert!(listed.items.is_empty());
        let listed = world
            .list_permission_sets_provisioned_to_account(B, None, &Page::default())
            .unwrap();
        assert_eq!(listed.items, [set]);
    }

    #[test]
    fn a_new_assignment_provisions_the_present_definition_in_its_account() {
        let mut stage = everywhere();
        stage
            .world
            .put_inline_policy(&stage.set, r#"{"Statement":{}}"#)
            .unwrap();
        let user = stage.user.clone();
        stage.create(A, PrincipalKind::User, &user);
        assert_eq!(stale(&mut stage.world, &stage.set), [B]);
    }

    #[test]
    fn without_assignments_there_is_nothing_to_provision_and_in_one_account_it_fails() {
        let Stage { mut world, .. } = everywhere();
        let unused = make_set(&mut world, "unused");
        let status = provision(&mut world, &unused, ProvisionTarget::AllProvisionedAccounts);
        assert_eq!((status.status, status.failure_reason), (Status::Succeeded, None));
        let status = provision(&mut world, &unused, ProvisionTarget::AwsAccount(A));
        assert_eq!(
            status.failure_reason.unwrap(),
            "Received a 404 status error: Permission set provision not found in AWS account 111122223333."
        );
        assert!(
            world.list_roles(A, "/aws-reserved/").unwrap().len() == 1,
            "no role was made"
        );
    }

    #[test]
    fn a_provision_that_races_with_the_last_revoke_fails() {
        let mut stage = stage();
        stage.grant(A);
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage;
        world.put_inline_policy(&set, r#"{"Statement":{}}"#).unwrap();
        world
            .delete_account_assignment(A, &set, (PrincipalKind::Group, &group))
            .unwrap();
        let targets = [
            ProvisionTarget::AwsAccount(A),
            ProvisionTarget::AllProvisionedAccounts,
        ];
        let asked = targets.map(|target| world.provision_permission_set(&set, target).unwrap().request_id);
        world.settle();
        let mut reason = |id: &str| {
            let status = world.describe_permission_set_provisioning_status(id).unwrap();
            assert_eq!(status.status, Status::Failed);
            status.failure_reason.unwrap()
        };
        assert_eq!(
            reason(&asked[0]),
            "Received a 404 status error: Permission set provision not found in AWS account 111122223333."
        );
        assert_eq!(
            reason(&asked[1]),
            "Received a 404 status error: Assignment not found."
        );
        // When the last assignment is gone, there is nothing to do.
        let status = provision(&mut world, &set, ProvisionTarget::AllProvisionedAccounts);
        assert_eq!(status.status, Status::Succeeded);
    }

    #[test]
    fn three_provisionings_may_be_outstanding() {
        let Stage { mut world, set, .. } = everywhere();
        for _ in 0..3 {
            world
                .provision_permission_set(&set, ProvisionTarget::AllProvisionedAccounts)
                .unwrap();
        }
        let error = world
            .provision_permission_set(&set, ProvisionTarget::AwsAccount(A))
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::ThrottlingException);
        let pending = Some(Status::InProgress);
        assert_eq!(
            world
                .list_permission_set_provisioning_status(pending, &Page::default())
                .unwrap()
                .items
                .len(),
            3
        );
        world.settle();
        assert!(
            world
                .provision_permission_set(&set, ProvisionTarget::AwsAccount(A))
                .is_ok()
        );
    }

    #[test]
    fn a_policy_missing_in_one_account_fails_the_request_and_leaves_that_account_stale() {
        let Stage { mut world, set, .. } = everywhere();
        world
            .attach_customer_managed_policy(
                &set,
                &CustomerManagedPolicy {
                    name: "p".into(),
                    path: "/".into(),
                },
            )
            .unwrap();
        world
            .tamper(&Tamper::RemovePolicy {
                account: B.into(),
                name: "p".into(),
                path: "/".into(),
            })
            .unwrap();
        let status = provision(&mut world, &set, ProvisionTarget::AllProvisionedAccounts);
        assert_eq!(status.status, Status::Failed);
        assert!(
            status
                .failure_reason
                .unwrap()
                .contains("arn:aws:iam::222233334444:policy/p")
        );
        assert_eq!(stale(&mut world, &set), [B]);
    }

    #[test]
    fn provisioning_everywhere_passes_over_suspended_accounts_and_stops_at_its_reach() {
        let Stage { mut world, set, .. } = everywhere();
        world.put_inline_policy(&set, r#"{"Statement":{}}"#).unwrap();
        world
            .tamper(&Tamper::SuspendAccount { account: A.into() })
            .unwrap();
        assert_eq!(
            provision(&mut world, &set, ProvisionTarget::AllProvisionedAccounts).status,
            Status::Succeeded
        );
        assert_eq!(stale(&mut world, &set), [A]);
        let mut settings = world.settings().clone();
        settings.quotas.provision_reach = 0;
        world.configure(settings).unwrap();
        world.put_inline_policy(&set, r#"{"Statement":{"a":1}}"#).unwrap();
        provision(&mut world, &set, ProvisionTarget::AllProvisionedAccounts);
        assert_eq!(stale(&mut world, &set), [A, B]);
    }
}
