//! Finding the instance and telling who the caller is to it.

use std::sync::Arc;

use aws_sdk_ssoadmin::types::{InstanceMetadata, InstanceStatus, RegionScope};

use super::super::operation::Operation;
use super::super::session::Session;
use super::organization::{self, Organization};
use super::sets;
use crate::id::{AccountId, PermissionSetName, ServiceId, UserName};
use crate::model::instance::{Caller, CallerRole, CallerSession, Instance};
use crate::provider::{CallError, ProviderError};

/// The instance in the client's Region, and the caller.
///
/// # Errors
/// When there is none there, saying where else to look.
pub async fn find(session: &Arc<Session>) -> Result<(Instance, Option<Caller>), ProviderError> {
    let (instances, identity, described) = tokio::join!(
        instances(session, None),
        session.read(Operation::GetCallerIdentity, || session
            .sts
            .get_caller_identity()
            .send()),
        organization::describe(session),
    );
    let instances = instances.map_err(ProviderError::Call)?;
    let organization = optional(session, described, "the organization").flatten();
    let identity = optional(session, identity, "the caller's identity");
    let management = organization.as_ref().and_then(|found| found.management.clone());
    let found = choose(&instances, management.as_ref());
    let Some(found) = found.filter(|found| !is_an_accounts_own(found, management.as_ref())) else {
        let account = identity.as_ref().and_then(|found| found.account());
        return Err(elsewhere(session, &instances, account).await);
    };
    if let Some(primary) = found
        .primary_region()
        .filter(|primary| *primary != &*session.region)
    {
        return Err(ProviderError::NoInstance {
            region: Arc::clone(&session.region),
            message: format!(
                "the instance is only replicated there; permission sets and assignments live in its primary Region: \
                 set region = \"{primary}\" in the provider block"
            )
            .into(),
        });
    }
    let instance = instance(session, found, organization.as_ref())?;
    let caller = match identity {
        Some(identity) => {
            let (account, arn) = (
                identity.account().unwrap_or_default(),
                identity.arn().unwrap_or_default(),
            );
            let is_owner = found.owner_account_id() == Some(account);
            caller(session, account, arn, is_owner, &instance).await
        }
        None => None,
    };
    Ok((instance, caller))
}

fn optional<T>(session: &Session, answer: Result<T, CallError>, what: &str) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            session.notice(format!("{what} cannot be read: {error}"));
            None
        }
    }
}

async fn instances(
    session: &Arc<Session>,
    scope: Option<RegionScope>,
) -> Result<Vec<InstanceMetadata>, CallError> {
    let send = |token| {
        let call = session.sso.list_instances().set_region_scope(scope.clone());
        call.set_next_token(token).send()
    };
    session
        .pages(Operation::ListInstances, send, |page| {
            (page.instances.unwrap_or_default(), page.next_token)
        })
        .await
}

/// The organisation's instance: permission sets live there, and not in those that single accounts may have.
fn choose<'i>(found: &'i [InstanceMetadata], management: Option<&AccountId>) -> Option<&'i InstanceMetadata> {
    let is_ready = |instance: &&InstanceMetadata| {
        instance
            .status()
            .is_none_or(|status| *status == InstanceStatus::Active)
    };
    let is_organizations = |instance: &&InstanceMetadata| {
        management.is_some_and(|account| instance.owner_account_id() == Some(account.as_str()))
    };
    let mut ready = found.iter().filter(is_ready);
    ready.clone().find(is_organizations).or_else(|| ready.next())
}

/// Whether an instance belongs to a single account: there are no permission sets in those (user guide, "Organization
/// and account instances").
fn is_an_accounts_own(found: &InstanceMetadata, management: Option<&AccountId>) -> bool {
    match (found.owner_account_id(), management) {
        (Some(owner), Some(management)) => owner != management.as_str(),
        _ => false,
    }
}

/// What to say when there is no instance here.
async fn elsewhere(
    session: &Arc<Session>,
    here: &[InstanceMetadata],
    asked_as: Option<&str>,
) -> ProviderError {
    let others = match here.is_empty() {
        true => instances(session, Some(RegionScope::AllRegions))
            .await
            .unwrap_or_default(),
        false => Vec::new(),
    };
    let regions: Vec<&str> = others
        .iter()
        .filter_map(InstanceMetadata::primary_region)
        .collect();
    let unready = here
        .first()
        .and_then(InstanceMetadata::status)
        .filter(|status| **status != InstanceStatus::Active);
    let own = here.first().and_then(InstanceMetadata::owner_account_id);
    let message = match (unready, regions.first()) {
        (None, None) if own.is_some() => format!(
            "the instance there is account {}'s own, and those have no permission sets; the organization's lives in \
             the Region where it was enabled, and only the management account and the delegated administrator see it: \
             set `region` and `profile` in the provider block",
            own.unwrap_or_default()
        ),
        (Some(status), _) => format!("the instance there is {status}; try again when it is ACTIVE"),
        (None, Some(region)) => format!("there is one in {region}: set region = \"{region}\" in the provider block"),
        (None, None) => "an instance lives in one Region, where it was enabled (the console of IAM Identity Center says \
                         which under Settings), and only the management account and the delegated administrator see \
                         it: set `region` and `profile` in the provider block"
            .to_owned(),
    };
    let asked_as = asked_as.map_or_else(String::new, |account| format!("asked as account {account}; "));
    ProviderError::NoInstance {
        region: Arc::clone(&session.region),
        message: format!("{asked_as}{message}").into(),
    }
}

fn instance(
    session: &Session,
    found: &InstanceMetadata,
    organization: Option<&Organization>,
) -> Result<Instance, ProviderError> {
    let id = |text: Option<&str>, what: &str| {
        ServiceId::new(text.unwrap_or_default()).map_err(|error| ProviderError::Storage {
            message: format!("ListInstances gave no usable {what}: {error}").into(),
        })
    };
    Ok(Instance {
        arn: id(found.instance_arn(), "instance ARN")?,
        identity_store: id(found.identity_store_id(), "identity store id")?,
        organization: organization.and_then(|found| ServiceId::new(&found.id).ok()),
        region: Arc::clone(&session.region),
        management_account: organization.and_then(|found| found.management.clone()),
    })
}

async fn caller(
    session: &Arc<Session>,
    account: &str,
    arn: &str,
    is_owner: bool,
    instance: &Instance,
) -> Option<Caller> {
    let account = AccountId::new(account).ok()?;
    let role = match &instance.management_account {
        Some(management) if *management == account => CallerRole::Management,
        None if is_owner => CallerRole::Management,
        // Then the service itself will say what the caller may not.
        None => return None,
        Some(_) => delegated_or_member(session, &account, instance).await,
    };
    Some(Caller {
        session: identity_center_session(arn),
        arn: arn.into(),
        account,
        role,
    })
}

/// What an account is that is not the management account. Only delegated administrators are told who they are; one that
/// IAM does not let ask is known by what only it may read.
async fn delegated_or_member(session: &Arc<Session>, account: &AccountId, instance: &Instance) -> CallerRole {
    let delegated = organization::is_delegated(session, account).await;
    let role = match &delegated {
        Ok(true) => CallerRole::DelegatedAdministrator,
        Ok(false) => CallerRole::Member,
        Err(_) => match sets::may_list(session, instance.arn.as_str()).await {
            true => CallerRole::DelegatedAdministrator,
            false => CallerRole::Member,
        },
    };
    match (role, delegated) {
        (CallerRole::DelegatedAdministrator, Err(error)) => session.notice(format!(
            "account {account} is taken for the delegated administrator of IAM Identity Center, because it may list \
             permission sets: who is cannot be read ({error})"
        )),
        (CallerRole::Member, _) => session.notice(format!(
            "account {account} is neither the management account ({}) nor the delegated administrator of IAM Identity \
             Center; it may read at best",
            instance.management_account.as_ref().map_or("unknown", AccountId::as_str)
        )),
        _ => {}
    }
    role
}

/// Whose Identity Center session a caller is: `…:assumed-role/AWSReservedSSO_<set>_<suffix>/<user>`.
fn identity_center_session(arn: &str) -> Option<CallerSession> {
    let (_, rest) = arn.split_once(":assumed-role/AWSReservedSSO_")?;
    let (role, user) = rest.split_once('/')?;
    let (set, _) = role.rsplit_once('_')?;
    Some(CallerSession {
        user: UserName::new(user).ok()?,
        permission_set: PermissionSetName::new(set).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_identity_center_names_its_user_and_set() {
        let arn = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_power_user_0123456789abcdef/ada@example.com";
        let session = identity_center_session(arn).unwrap();
        assert_eq!(session.permission_set.as_str(), "power_user");
        assert_eq!(session.user.as_str(), "ada@example.com");
        assert!(identity_center_session("arn:aws:sts::111122223333:assumed-role/ci/x").is_none());
        assert!(identity_center_session("arn:aws:iam::111122223333:user/ada").is_none());
    }

    #[test]
    fn an_instance_of_a_member_is_not_the_organisations() {
        let of = |owner: &str| InstanceMetadata::builder().owner_account_id(owner).build();
        let management = AccountId::new("111122223333").unwrap();
        assert!(is_an_accounts_own(&of("444455556666"), Some(&management)));
        assert!(!is_an_accounts_own(&of("111122223333"), Some(&management)));
        assert!(
            !is_an_accounts_own(&of("444455556666"), None),
            "nobody knows better"
        );
    }

    #[test]
    fn the_organisations_instance_comes_before_an_accounts_own() {
        let of = |owner: &str, status: InstanceStatus| {
            InstanceMetadata::builder()
                .owner_account_id(owner)
                .status(status)
                .build()
        };
        let management = AccountId::new("111122223333").unwrap();
        let found = [
            of("444455556666", InstanceStatus::Active),
            of("111122223333", InstanceStatus::Active),
        ];
        let chosen = choose(&found, Some(&management)).unwrap();
        assert_eq!(chosen.owner_account_id(), Some("111122223333"));
        assert!(choose(&[of("111122223333", InstanceStatus::CreateInProgress)], None).is_none());
    }
}
