//! What Organizations has besides its tree: services with access to it, accounts that are closed or leave, lists of
//! children and of requests for accounts.
//!
//! Operation names, fields and errors are those of the service model (organizations 2016-11-28).

use std::collections::BTreeMap;
use std::time::Duration;

use super::World;
use super::call::{Listed, Operation, Page, Subject};
use super::clock::Time;
use super::effect::Effect;
use super::error::{ErrorCode, Reason, ServiceError};
use super::organization::{
    Account, AccountState, CreateAccountStatus, SERVICE_PRINCIPAL, UnitDescription, unrecognized_service,
};
use super::place::AccountIx;
use super::request::{RequestKind, Status};

/// Organizations returns at most 20 to a page (service model).
const PAGE: u32 = 20;

/// How long an account that was created stays in the organisation at least.
const WAIT_PERIOD: Duration = Duration::from_secs(4 * 24 * 60 * 60);

/// What `ListChildren` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildKind {
    /// `ACCOUNT`
    Account,
    /// `ORGANIZATIONAL_UNIT`
    Unit,
}

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// `EnableAWSServiceAccess`: lets a service act in the organisation's accounts. IAM Identity Center may from the start.
    ///
    /// # Errors
    /// `InvalidInputException` for what is no service principal.
    pub fn enable_service_access(&mut self, service: &str) -> Answer<()> {
        self.service_access(Operation::EnableServiceAccess, service, true)
    }

    /// `DisableAWSServiceAccess`: who administers the service stays registered. No error and no effect on registrations is
    /// documented, and services "leave any historical data and configuration in place to support a possible re-enabling"
    /// (service model); only [`World::deregister_delegated_administrator`] ends one. What the service itself then no
    /// longer does in the accounts is not simulated.
    ///
    /// # Errors
    /// `InvalidInputException` for what is no service principal.
    pub fn disable_service_access(&mut self, service: &str) -> Answer<()> {
        self.service_access(Operation::DisableServiceAccess, service, false)
    }

    /// `ListAWSServiceAccessForOrganization`: service principals, and since when.
    ///
    /// # Errors
    /// `InvalidInputException` for a page that cannot be.
    pub fn list_service_access(&mut self, page: &Page) -> Answer<Listed<(String, Time)>> {
        let operation = Operation::ListServiceAccessForOrganization;
        self.call(operation, Subject::Nothing, |world| {
            let (start, count) = page.window(PAGE)?;
            let mut all: BTreeMap<String, Option<Time>> = world.instance.services.clone();
            all.entry(SERVICE_PRINCIPAL.to_owned())
                .or_insert(Some(Time::BEGINNING));
            let enabled = all
                .into_iter()
                .filter_map(|(service, since)| Some((service, since?)));
            Ok(Listed::collect(enabled.enumerate().skip(start), count))
        })
    }

    /// `CloseAccount`: the account is suspended after a while; its assignments stay.
    ///
    /// # Errors
    /// `AccountNotFoundException`, `AccountAlreadyClosedException`, `ConflictException` while it is being closed,
    /// `ConstraintViolationException` for the management account.
    pub fn close_account(&mut self, id: &str) -> Answer<()> {
        self.call(Operation::CloseAccount, Subject::text(id), |world| {
            let account = world.org_account(id)?;
            if account == world.organization.management() {
                let error = ServiceError::new(
                    ErrorCode::ConstraintViolationException,
                    "You cannot close the management account of an organization.",
                );
                return Err(error.because(Reason::CannotCloseManagementAccount));
            }
            match world.organization.account(account).map(|account| account.state) {
                Some(AccountState::PendingClosure) => Err(super::assignment::conflict_in_progress()),
                Some(AccountState::Suspended | AccountState::Closed) => Err(ServiceError::new(
                    ErrorCode::AccountAlreadyClosedException,
                    "The account is already closed.",
                )),
                _ => {
                    let done = world.close_in_a_while();
                    world.commit(Effect::AccountClosing { account, done })
                }
            }
        })
    }

    /// `RemoveAccountFromOrganization`: the account goes, with its tags and with what was assigned in it.
    ///
    /// # Errors
    /// `AccountNotFoundException`, `MasterCannotLeaveOrganizationException` for the management account, and
    /// `ConstraintViolationException` for the delegated administrator and for an account that was created less than four
    /// days ago (`WAIT_PERIOD_ACTIVE` of the service model; invited accounts do not wait, nor does any without quotas).
    pub fn remove_account_from_organization(&mut self, id: &str) -> Answer<()> {
        let operation = Operation::RemoveAccountFromOrganization;
        self.call(operation, Subject::text(id), |world| {
            let at = world.org_account(id)?;
            world.remove(at)
        })
    }

    /// `LeaveOrganization`: the account that calls goes, as if it was removed.
    ///
    /// # Errors
    /// `MasterCannotLeaveOrganizationException` for the management account, and as
    /// [`World::remove_account_from_organization`].
    pub fn leave_organization(&mut self) -> Answer<()> {
        self.call(Operation::LeaveOrganization, Subject::Nothing, |world| {
            let management = world.organization.management();
            let at = match &world.caller.account {
                Some(id) => world.org_account(id)?,
                None => management,
            };
            world.remove(at)
        })
    }

    fn remove(&mut self, at: AccountIx) -> Answer<()> {
        self.check_removal(at)?;
        let pairs = self.access.pairs(at).iter();
        let assigned = pairs.flat_map(|pair| pair.principals().iter().map(|who| (pair.set(), *who)));
        for (set, principal) in assigned.collect::<Vec<_>>() {
            self.commit(Effect::Revoked {
                account: at,
                set,
                principal,
            })?;
        }
        self.commit(Effect::AccountRemoved { account: at })
    }

    fn check_removal(&self, at: AccountIx) -> Answer<()> {
        if at == self.organization.management() {
            return Err(ServiceError::new(
                ErrorCode::MasterCannotLeaveOrganizationException,
                "You can't remove a management account from an organization.",
            ));
        }
        let violation = |message: &str, reason| {
            ServiceError::new(ErrorCode::ConstraintViolationException, message).because(reason)
        };
        if self.is_delegated(at) {
            return Err(violation(
                "You attempted to remove an account that is registered as a delegated administrator for a service \
                 integrated with your organization.",
                Reason::CannotRemoveDelegatedAdministratorFromOrg,
            ));
        }
        let account = self.organization.account(at);
        let waits = |account: &Account| account.created && self.now.since(account.joined) < WAIT_PERIOD;
        if !self.is_unlimited() && account.is_some_and(waits) {
            return Err(violation(
                "You must wait until at least four days after the account was created before you can remove it from \
                 the organization.",
                Reason::WaitPeriodActive,
            ));
        }
        Ok(())
    }

    /// `DescribeOrganizationalUnit`.
    ///
    /// # Errors
    /// `OrganizationalUnitNotFoundException`.
    pub fn describe_organizational_unit(&mut self, id: &str) -> Answer<UnitDescription> {
        self.call(
            Operation::DescribeOrganizationalUnit,
            Subject::text(id),
            |world| world.unit_named(id),
        )
    }

    /// `ListChildren`: the ids of the accounts or units directly below a root or unit.
    ///
    /// # Errors
    /// `ParentNotFoundException`.
    pub fn list_children(&mut self, parent: &str, kind: ChildKind, page: &Page) -> Answer<Listed<String>> {
        self.call(Operation::ListChildren, Subject::text(parent), |world| {
            let (start, count) = page.window(PAGE)?;
            let children = world.child_ids(parent, kind)?;
            Ok(Listed::collect(
                children.into_iter().enumerate().skip(start),
                count,
            ))
        })
    }

    /// `ListCreateAccountStatus`, of those in the given states; none given is all of them.
    ///
    /// # Errors
    /// `InvalidInputException` for a page that cannot be.
    pub fn list_create_account_status(
        &mut self,
        states: &[Status],
        page: &Page,
    ) -> Answer<Listed<CreateAccountStatus>> {
        self.call(Operation::ListCreateAccountStatus, Subject::Nothing, |world| {
            let (start, count) = page.window(PAGE)?;
            let requests = world.requests.from(start as u64);
            let wanted = requests.filter(|request| {
                matches!(request.kind, RequestKind::Account { .. })
                    && (states.is_empty() || states.contains(&request.status))
            });
            let described =
                wanted.filter_map(|r| Some((usize::try_from(r.sequence).ok()?, world.account_status(r))));
            Ok(Listed::collect(described, count))
        })
    }

    fn service_access(&mut self, operation: Operation, service: &str, enabled: bool) -> Answer<()> {
        self.call(operation, Subject::text(service), |world| {
            if !service.ends_with(".amazonaws.com") {
                return Err(unrecognized_service());
            }
            let service = service.to_owned();
            world.commit(Effect::ServiceAccess { service, enabled })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Stage, stage, world};
    use super::*;

    #[test]
    fn identity_center_has_access_from_the_start_and_it_can_be_taken() {
        let mut world = world();
        let names = |world: &mut World| -> Vec<String> {
            let listed = world.list_service_access(&Page::default()).unwrap();
            listed.items.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&mut world), ["sso.amazonaws.com"]);
        world.enable_service_access("config.amazonaws.com").unwrap();
        world.disable_service_access("sso.amazonaws.com").unwrap();
        assert_eq!(names(&mut world), ["config.amazonaws.com"]);
        assert!(world.enable_service_access("nonsense").is_err());
    }

    #[test]
    fn a_closed_account_is_suspended_after_a_while() {
        let Stage { mut world, .. } = stage();
        world.close_account("111122223333").unwrap();
        let state = |world: &mut World| world.describe_account("111122223333").unwrap().state;
        assert_eq!(state(&mut world), AccountState::PendingClosure);
        let error = world.close_account("111122223333").unwrap_err();
        assert_eq!(error.code, ErrorCode::ConflictException);
        world.settle();
        assert_eq!(state(&mut world), AccountState::Suspended);
        let error = world.close_account("111122223333").unwrap_err();
        assert_eq!(error.code, ErrorCode::AccountAlreadyClosedException);
        assert_eq!(world.next_event(), None);
        let management = world.describe_organization().unwrap().management_account_id;
        assert!(world.close_account(&management).is_err());
    }

    #[test]
    fn a_removed_account_takes_what_was_assigned_in_it_along() {
        const A: &str = "111122223333";
        let mut stage = stage();
        stage.grant(A);
        let Stage { mut world, set, .. } = stage;
        let remove = |world: &mut World, id: &str| world.remove_account_from_organization(id);
        let management = world.describe_organization().unwrap().management_account_id;
        let error = remove(&mut world, &management).unwrap_err();
        assert_eq!(error.code, ErrorCode::MasterCannotLeaveOrganizationException);
        world
            .register_delegated_administrator(A, SERVICE_PRINCIPAL)
            .unwrap();
        let error = remove(&mut world, A).unwrap_err();
        assert_eq!(
            error.reason,
            Some(Reason::CannotRemoveDelegatedAdministratorFromOrg)
        );
        world
            .deregister_delegated_administrator(A, SERVICE_PRINCIPAL)
            .unwrap();
        // It was invited, so it need not wait.
        remove(&mut world, A).unwrap();
        let error = world.describe_account(A).unwrap_err();
        assert_eq!(error.code, ErrorCode::AccountNotFoundException);
        assert_eq!(
            remove(&mut world, A).unwrap_err().code,
            ErrorCode::AccountNotFoundException
        );
        let accounts = world.list_accounts(&Page::default()).unwrap().items;
        assert!(accounts.iter().all(|account| account.id != A));
        world.delete_permission_set(&set).unwrap();
        // What is taken to exist from the start does not come back.
        let taken = world.ensure_account(A, "prod", "prod@example.com").unwrap();
        assert_eq!(taken, super::super::Existence::Absent);
        let stored: World = serde_json::from_str(&serde_json::to_string(&world).unwrap()).unwrap();
        assert_eq!(stored.organization.accounts().count(), accounts.len());
    }

    #[test]
    fn a_created_account_stays_for_four_days() {
        let mut world = world();
        let asked = world
            .create_account("new", "new@example.com", &BTreeMap::new(), None)
            .unwrap();
        world.settle();
        let made = world.describe_create_account_status(&asked.id).unwrap();
        let id = made.account_id.unwrap();
        let error = world.remove_account_from_organization(&id).unwrap_err();
        assert_eq!(error.reason, Some(Reason::WaitPeriodActive));
        world.advance(WAIT_PERIOD);
        world.remove_account_from_organization(&id).unwrap();
        // Its address is free again.
        let again = world
            .create_account("new", "new@example.com", &BTreeMap::new(), None)
            .unwrap();
        world.settle();
        let again = world.describe_create_account_status(&again.id).unwrap();
        assert_eq!(again.state, Status::Succeeded);
        assert_ne!(again.account_id, Some(id));
    }

    #[test]
    fn children_and_requests_for_accounts_are_listed() {
        let Stage { mut world, .. } = stage();
        let root = world.ids().root_id();
        world
            .create_organizational_unit(&root, "Workloads", &BTreeMap::new())
            .unwrap();
        let units = world
            .list_children(&root, ChildKind::Unit, &Page::default())
            .unwrap();
        assert_eq!(units.items.len(), 1);
        let unit = world.describe_organizational_unit(&units.items[0]).unwrap();
        assert_eq!(unit.name, "Workloads");
        assert!(
            world.describe_organizational_unit(&root).is_err(),
            "the root is no unit"
        );
        world
            .create_account("new", "new@example.com", &BTreeMap::new(), None)
            .unwrap();
        let all = |world: &mut World, states: &[Status]| {
            world
                .list_create_account_status(states, &Page::default())
                .unwrap()
                .items
                .len()
        };
        assert_eq!(all(&mut world, &[Status::Succeeded]), 0);
        world.settle();
        assert_eq!(
            (all(&mut world, &[Status::Succeeded]), all(&mut world, &[])),
            (1, 1)
        );
    }
}
