//! Delegated administrators: that of IAM Identity Center, and those of other services, which may read the organisation.
//!
//! Operation names, fields and errors are those of the service model (organizations 2016-11-28).

use std::collections::BTreeMap;

use super::World;
use super::call::{Operation, Subject};
use super::clock::Time;
use super::effect::Effect;
use super::error::{ErrorCode, Reason, ServiceError};
use super::organization::{AccountDescription, SERVICE_PRINCIPAL, unrecognized_service};
use super::place::AccountIx;

/// By service, its delegated administrators and since when they are.
pub type Delegated = BTreeMap<String, BTreeMap<AccountIx, Time>>;

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// `RegisterDelegatedAdministrator`: never the management account, and one account for IAM Identity Center. How many
    /// other services may have differs between them; here there is no limit.
    ///
    /// # Errors
    /// `InvalidInputException` for what is no service; `AccountNotFoundException`, `AccountAlreadyRegisteredException`;
    /// `ConstraintViolationException` for a service without access to the organisation, for the management account, for an
    /// account that is closed, and for a second one of IAM Identity Center (service model, its reasons).
    pub fn register_delegated_administrator(&mut self, id: &str, service: &str) -> Answer<()> {
        self.call(Operation::RegisterDelegatedAdministrator, Subject::text(id), |world| {
            if !service.ends_with(".amazonaws.com") {
                return Err(unrecognized_service());
            }
            let at = world.org_account(id)?;
            world.check_delegate(at, service)?;
            if world.delegations(at).iter().any(|(of, _)| of == service) {
                return Err(ServiceError::new(
                    ErrorCode::AccountAlreadyRegisteredException,
                    "The provided account is already a delegated administrator for your organization.",
                ));
            }
            if service != SERVICE_PRINCIPAL {
                return world.commit(Effect::DelegatedFor {
                    service: service.to_owned(),
                    account: at,
                    delegated: true,
                });
            }
            if world.organization.delegated().is_some() {
                let error = ServiceError::new(
                    ErrorCode::ConstraintViolationException,
                    "You have exceeded the allowed number of delegated administrators for the delegated service.",
                );
                return Err(error.because(Reason::MaxDelegatedAdministratorsForServiceLimitExceeded));
            }
            world.commit(Effect::Delegated { to: Some(at) })
        })
    }

    /// Whether an account can be a delegated administrator of a service at all.
    fn check_delegate(&self, at: AccountIx, service: &str) -> Answer<()> {
        let (message, reason) = if !self.has_access(service) {
            (
                "You must enable service access before you register a delegated administrator. Call the \
                 EnableAWSServiceAccess API first.",
                Reason::ServiceAccessNotEnabled,
            )
        } else if at == self.organization.management() {
            (
                "You cannot register master account/yourself as delegated administrator for your organization.",
                Reason::CannotRegisterMasterAsDelegatedAdministrator,
            )
        } else if !self.is_usable(at) {
            (
                "You cannot register a suspended account as a delegated administrator.",
                Reason::CannotRegisterSuspendedAccountAsDelegatedAdministrator,
            )
        } else {
            return Ok(());
        };
        Err(ServiceError::new(ErrorCode::ConstraintViolationException, message).because(reason))
    }

    /// `DeregisterDelegatedAdministrator`.
    ///
    /// # Errors
    /// `InvalidInputException` for what is no service, `AccountNotFoundException`, `AccountNotRegisteredException`.
    pub fn deregister_delegated_administrator(&mut self, id: &str, service: &str) -> Answer<()> {
        let operation = Operation::DeregisterDelegatedAdministrator;
        self.call(operation, Subject::text(id), |world| {
            if !service.ends_with(".amazonaws.com") {
                return Err(unrecognized_service());
            }
            let at = world.org_account(id)?;
            if !world.delegations(at).iter().any(|(of, _)| of == service) {
                return Err(ServiceError::new(
                    ErrorCode::AccountNotRegisteredException,
                    "The specified account is not a delegated administrator for this AWS service.",
                ));
            }
            world.commit(match service {
                SERVICE_PRINCIPAL => Effect::Delegated { to: None },
                _ => Effect::DelegatedFor {
                    service: service.to_owned(),
                    account: at,
                    delegated: false,
                },
            })
        })
    }

    /// `ListDelegatedAdministrators`, of one service or of any: accounts, and since when (`DelegationEnabledDate`).
    ///
    /// # Errors
    /// `AccessDeniedException` outside the management account and the delegated administrators.
    pub fn list_delegated_administrators(
        &mut self,
        service: Option<&str>,
    ) -> Answer<Vec<(AccountDescription, Time)>> {
        let operation = Operation::ListDelegatedAdministrators;
        self.call(operation, Subject::Nothing, |world| {
            let accounts = (0..world.organization.accounts_made()).map(AccountIx::new);
            let delegated = accounts.filter_map(|at| {
                let of = world.delegations(at).into_iter();
                let wanted = of.filter(|(of, _)| service.is_none_or(|service| of == service));
                let since = wanted.map(|(_, since)| since).min()?;
                let account = world.organization.account(at)?;
                Some((world.describe(account), since))
            });
            Ok(delegated.collect())
        })
    }

    /// `ListDelegatedServicesForAccount`: the service principals, and since when.
    ///
    /// # Errors
    /// `AccountNotFoundException`, `AccountNotRegisteredException`.
    pub fn list_delegated_services(&mut self, account: &str) -> Answer<Vec<(String, Time)>> {
        let operation = Operation::ListDelegatedServicesForAccount;
        self.call(operation, Subject::text(account), |world| {
            let at = world.org_account(account)?;
            let services = world.delegations(at);
            if !services.is_empty() {
                return Ok(services);
            }
            Err(ServiceError::new(
                ErrorCode::AccountNotRegisteredException,
                "The provided account is not a registered delegated administrator for your organization.",
            ))
        })
    }

    /// What is stored after the dates.
    pub fn delegated(&self) -> &Delegated {
        &self.delegated
    }

    /// Takes over what was stored after the dates. A world that was stored without it knows the administrator of IAM
    /// Identity Center alone.
    pub fn restore_delegated(&mut self, delegated: Delegated) {
        self.delegated = delegated;
    }

    /// Who administers IAM Identity Center from now on.
    pub(super) fn note_delegated(&mut self, to: Option<AccountIx>) {
        let accounts = to.into_iter().map(|account| (account, self.now)).collect();
        self.delegated.insert(SERVICE_PRINCIPAL.to_owned(), accounts);
    }

    /// An account administers another service from now on, or does not any more. Whether there is such an account.
    pub(super) fn note_delegated_for(&mut self, service: &str, account: AccountIx, delegated: bool) -> bool {
        if self.organization.account(account).is_none() {
            return false;
        }
        let accounts = self.delegated.entry(service.to_owned()).or_default();
        match delegated {
            true => accounts.insert(account, self.now),
            false => accounts.remove(&account),
        };
        true
    }

    /// Whether an account is the delegated administrator of any service.
    pub(super) fn is_delegated(&self, at: AccountIx) -> bool {
        !self.delegations(at).is_empty()
    }

    /// The services that an account administers, and since when; of worlds that did not record it, from their
    /// beginning.
    fn delegations(&self, at: AccountIx) -> Vec<(String, Time)> {
        let since = &self.delegated;
        let of_instance = (self.organization.delegated() == Some(at)).then(|| {
            let since = since
                .get(SERVICE_PRINCIPAL)
                .and_then(|accounts| accounts.get(&at));
            (
                SERVICE_PRINCIPAL.to_owned(),
                since.copied().unwrap_or(Time::BEGINNING),
            )
        });
        let others = since.iter().filter(|(service, _)| *service != SERVICE_PRINCIPAL);
        let others = others.filter_map(|(service, accounts)| Some((service.clone(), *accounts.get(&at)?)));
        of_instance.into_iter().chain(others).collect()
    }

    /// Whether a service may act in the organisation's accounts. IAM Identity Center may from the start.
    fn has_access(&self, service: &str) -> bool {
        match self.instance.services.get(service) {
            Some(since) => since.is_some(),
            None => service == SERVICE_PRINCIPAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::call::Caller;
    use super::super::tests::world;
    use super::*;

    #[test]
    fn there_is_one_delegated_administrator_and_never_the_management_account() {
        let mut world = world();
        world
            .ensure_account("111122223333", "a", "a@example.com")
            .unwrap();
        world
            .ensure_account("222233334444", "b", "b@example.com")
            .unwrap();
        let management = world.describe_organization().unwrap().management_account_id;
        let mut register = |id: &str| world.register_delegated_administrator(id, SERVICE_PRINCIPAL);
        assert_eq!(
            register(&management).unwrap_err().code,
            ErrorCode::ConstraintViolationException
        );
        register("111122223333").unwrap();
        assert_eq!(
            register("111122223333").unwrap_err().code,
            ErrorCode::AccountAlreadyRegisteredException
        );
        assert_eq!(
            register("222233334444").unwrap_err().code,
            ErrorCode::ConstraintViolationException
        );
        let listed = world.list_delegated_administrators(None).unwrap();
        assert_eq!(listed[0].0.id, "111122223333");
        world.set_caller(Caller::account("111122223333"));
        let error = world
            .deregister_delegated_administrator("111122223333", SERVICE_PRINCIPAL)
            .unwrap_err();
        assert_eq!(
            error.code,
            ErrorCode::AccessDeniedException,
            "only the management account may"
        );
    }

    #[test]
    fn other_services_have_administrators_of_their_own_once_they_have_access() {
        const SERVICE: &str = "config.amazonaws.com";
        let mut world = world();
        for (id, email) in [
            ("111122223333", "a@example.com"),
            ("222233334444", "b@example.com"),
        ] {
            world.ensure_account(id, email, email).unwrap();
        }
        let error = world
            .register_delegated_administrator("111122223333", SERVICE)
            .unwrap_err();
        assert_eq!(
            error.code,
            ErrorCode::ConstraintViolationException,
            "it has no access yet"
        );
        assert_eq!(error.reason, Some(Reason::ServiceAccessNotEnabled));
        world.enable_service_access(SERVICE).unwrap();
        world.advance(Duration::from_secs(60));
        world
            .register_delegated_administrator("111122223333", SERVICE)
            .unwrap();
        world
            .register_delegated_administrator("222233334444", SERVICE_PRINCIPAL)
            .unwrap();
        let listed = |world: &mut World, service: Option<&str>| -> Vec<String> {
            let listed = world.list_delegated_administrators(service).unwrap();
            listed.into_iter().map(|(account, _)| account.id).collect()
        };
        assert_eq!(listed(&mut world, None), ["111122223333", "222233334444"]);
        assert_eq!(listed(&mut world, Some(SERVICE)), ["111122223333"]);
        assert_eq!(listed(&mut world, Some(SERVICE_PRINCIPAL)), ["222233334444"]);
        let services = world.list_delegated_services("111122223333").unwrap();
        let [(service, since)] = &services[..] else {
            panic!("{services:?}")
        };
        assert_eq!(service, SERVICE);
        assert!(world.now().since(*since) < Duration::from_secs(60) && *since > Time::BEGINNING);
        // It is kept when the world is stored.
        let stored = postcard::to_stdvec(&(&world, world.delegated())).unwrap();
        let (mut read, delegated): (World, Delegated) = postcard::from_bytes(&stored).unwrap();
        read.restore_delegated(delegated);
        assert_eq!(listed(&mut read, Some(SERVICE)), ["111122223333"]);
        // It stays registered when its service loses its access.
        read.disable_service_access(SERVICE).unwrap();
        assert_eq!(listed(&mut read, Some(SERVICE)), ["111122223333"]);
        // It may read the organisation, and nothing of IAM Identity Center.
        world.set_caller(Caller::account("111122223333"));
        assert!(world.list_roots().is_ok());
        assert!(world.list_permission_sets(&Default::default()).is_err());
        world.set_caller(Caller::default());
        world
            .deregister_delegated_administrator("111122223333", SERVICE)
            .unwrap();
        assert_eq!(listed(&mut world, None), ["222233334444"]);
        world.set_caller(Caller::account("111122223333"));
        assert!(world.list_roots().is_err());
    }

    #[test]
    fn a_closed_account_becomes_no_delegated_administrator() {
        let mut world = world();
        let id = "111122223333";
        world.ensure_account(id, "a", "a@example.com").unwrap();
        world.close_account(id).unwrap();
        for settled in [false, true] {
            if settled {
                world.settle();
            }
            let error = world
                .register_delegated_administrator(id, SERVICE_PRINCIPAL)
                .unwrap_err();
            let wanted = Reason::CannotRegisterSuspendedAccountAsDelegatedAdministrator;
            assert_eq!(error.reason, Some(wanted), "{settled}");
        }
        world.disable_service_access(SERVICE_PRINCIPAL).unwrap();
        let error = world
            .register_delegated_administrator(id, SERVICE_PRINCIPAL)
            .unwrap_err();
        assert_eq!(error.reason, Some(Reason::ServiceAccessNotEnabled));
        let error = world
            .register_delegated_administrator(id, "nonsense")
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidInputException);
    }

    #[test]
    fn an_account_leaves_by_itself_and_the_management_account_does_not() {
        let mut world = world();
        world
            .ensure_account("111122223333", "a", "a@example.com")
            .unwrap();
        let error = world.leave_organization().unwrap_err();
        assert_eq!(error.code, ErrorCode::MasterCannotLeaveOrganizationException);
        world
            .register_delegated_administrator("111122223333", SERVICE_PRINCIPAL)
            .unwrap();
        world.set_caller(Caller::account("111122223333"));
        let error = world.leave_organization().unwrap_err();
        assert_eq!(error.code, ErrorCode::ConstraintViolationException);
        world.set_caller(Caller::default());
        world
            .deregister_delegated_administrator("111122223333", SERVICE_PRINCIPAL)
            .unwrap();
        world.set_caller(Caller::account("111122223333"));
        world.leave_organization().unwrap();
        world.set_caller(Caller::default());
        let left = world.describe_account("111122223333").unwrap_err();
        assert_eq!(left.code, ErrorCode::AccountNotFoundException);
    }
}
