//! What the service is still doing: the lists of requests in progress, and what each of them is about.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_organizations::types::CreateAccountState;
use aws_sdk_ssoadmin::types::{AccountAssignmentOperationStatus, OperationStatusFilter, StatusValues};

use super::super::model::Model;
use super::super::operation::Operation;
use super::super::session::Session;
use super::Scope;
use super::access::principal_id;
use super::directory::absent;
use crate::id::{AccountId, AccountKey, Email, PermissionSetName, PrincipalKey};
use crate::model::account::{Account, AccountStatus};
use crate::model::action::Effect;
use crate::model::instance::InProgress;
use crate::provider::{CallError, Meaning};

/// The requests in progress whose names are known. A server without these lists is taken to be doing nothing.
pub async fn requests(
    session: &Arc<Session>,
    model: &Model,
    scope: &Scope,
) -> Result<Vec<InProgress>, CallError> {
    let instance = model.instance.arn.as_str();
    let (creations, deletions, provisionings, accounts) = tokio::join!(
        creations(session, instance),
        deletions(session, instance),
        provisionings(session, instance),
        accounts(session, model, scope),
    );
    let mut all = or_none(accounts)?;
    for id in or_none(creations)? {
        let send = || {
            let call = session.sso.describe_account_assignment_creation_status();
            let call = call.instance_arn(instance);
            call.account_assignment_creation_request_id(&id).send()
        };
        let operation = Operation::DescribeAccountAssignmentCreationStatus;
        let status = or_untold(session, session.read(operation, send).await)?;
        let status = status.and_then(|status| status.account_assignment_creation_status);
        let names = status.and_then(|status| names(model, status));
        all.extend(names.map(|(account, permission_set, principal)| InProgress {
            request_id: id.as_str().into(),
            what: Effect::Grant {
                account,
                permission_set,
                principal,
            },
        }));
    }
    for id in or_none(deletions)? {
        let send = || {
            let call = session.sso.describe_account_assignment_deletion_status();
            let call = call.instance_arn(instance);
            call.account_assignment_deletion_request_id(&id).send()
        };
        let operation = Operation::DescribeAccountAssignmentDeletionStatus;
        let status = or_untold(session, session.read(operation, send).await)?;
        let status = status.and_then(|status| status.account_assignment_deletion_status);
        let names = status.and_then(|status| names(model, status));
        all.extend(names.map(|(account, permission_set, principal)| InProgress {
            request_id: id.as_str().into(),
            what: Effect::Revoke {
                account,
                permission_set,
                principal,
            },
        }));
    }
    for id in or_none(provisionings)? {
        all.extend(provisioning(session, model, &id).await?);
    }
    Ok(all)
}

fn or_none<T>(found: Result<Vec<T>, CallError>) -> Result<Vec<T>, CallError> {
    match found {
        // Who may not look cannot have started anything either, and what others started shows in the end.
        Err(error) if matches!(error.meaning, Meaning::Unsupported | Meaning::Denied) => {
            if super::is_fatal(&error) {
                Err(error)
            } else {
                Ok(Vec::new())
            }
        }
        found => found,
    }
}

/// What a request is about; `None` where it is gone, or nobody tells, which is said.
fn or_untold<T>(session: &Session, found: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match absent(found) {
        Err(error) if !super::is_fatal(&error) => {
            session.notice(format!(
                "the service is working on a request, and what it is about cannot be read ({error}); what it changes \
                 shows when it has ended"
            ));
            Ok(None)
        }
        found => found,
    }
}

fn in_progress() -> OperationStatusFilter {
    OperationStatusFilter::builder()
        .status(StatusValues::InProgress)
        .build()
}

async fn creations(session: &Arc<Session>, instance: &str) -> Result<Vec<String>, CallError> {
    let send = |token| {
        let call = session.sso.list_account_assignment_creation_status();
        let call = call.instance_arn(instance).filter(in_progress()).max_results(100);
        call.set_next_token(token).send()
    };
    let found = session
        .pages(Operation::ListAccountAssignmentCreationStatus, send, |page| {
            (
                page.account_assignments_creation_status.unwrap_or_default(),
                page.next_token,
            )
        })
        .await?;
    Ok(found.into_iter().filter_map(|status| status.request_id).collect())
}

async fn deletions(session: &Arc<Session>, instance: &str) -> Result<Vec<String>, CallError> {
    let send = |token| {
        let call = session.sso.list_account_assignment_deletion_status();
        let call = call.instance_arn(instance).filter(in_progress()).max_results(100);
        call.set_next_token(token).send()
    };
    let found = session
        .pages(Operation::ListAccountAssignmentDeletionStatus, send, |page| {
            (
                page.account_assignments_deletion_status.unwrap_or_default(),
                page.next_token,
            )
        })
        .await?;
    Ok(found.into_iter().filter_map(|status| status.request_id).collect())
}

async fn provisionings(session: &Arc<Session>, instance: &str) -> Result<Vec<String>, CallError> {
    let send = |token| {
        let call = session.sso.list_permission_set_provisioning_status();
        let call = call.instance_arn(instance).filter(in_progress()).max_results(100);
        call.set_next_token(token).send()
    };
    let found = session
        .pages(Operation::ListPermissionSetProvisioningStatus, send, |page| {
            (
                page.permission_sets_provisioning_status.unwrap_or_default(),
                page.next_token,
            )
        })
        .await?;
    Ok(found.into_iter().filter_map(|status| status.request_id).collect())
}

async fn provisioning(
    session: &Arc<Session>,
    model: &Model,
    id: &str,
) -> Result<Option<InProgress>, CallError> {
    let send = || {
        let call = session.sso.describe_permission_set_provisioning_status();
        let call = call.instance_arn(model.instance.arn.as_str());
        call.provision_permission_set_request_id(id).send()
    };
    let operation = Operation::DescribePermissionSetProvisioningStatus;
    let answer = or_untold(session, session.read(operation, send).await)?;
    let Some(status) = answer.and_then(|answer| answer.permission_set_provisioning_status) else {
        return Ok(None);
    };
    let set = status.permission_set_arn().and_then(|arn| model.sets.get(arn));
    Ok(set.map(|set| InProgress {
        request_id: id.into(),
        what: Effect::Provision {
            name: set.name.clone(),
            accounts: account(status.account_id()).map(|account| [account].into()),
        },
    }))
}

/// The accounts in the making among those that are to be created and are not there. Which they are, only their names
/// tell: where several are to have one name, each of them is taken to be in the making.
async fn accounts(
    session: &Arc<Session>,
    model: &Model,
    scope: &Scope,
) -> Result<Vec<InProgress>, CallError> {
    let there: BTreeSet<&Email> = model
        .accounts
        .values()
        .filter_map(|account| account.email.as_ref())
        .collect();
    let is_missing = |emails: &BTreeSet<Email>| emails.iter().any(|email| !there.contains(email));
    if !scope.creating.values().any(is_missing) {
        return Ok(Vec::new());
    }
    let send = |token| {
        let call = session.organizations.list_create_account_status();
        let call = call.states(CreateAccountState::InProgress).max_results(20);
        call.set_next_token(token).send()
    };
    let found = session
        .pages(Operation::ListCreateAccountStatus, send, |page| {
            (page.create_account_statuses.unwrap_or_default(), page.next_token)
        })
        .await?;
    let mut all = Vec::new();
    for status in found {
        let (Some(id), Some(name)) = (status.id(), status.account_name()) else {
            continue;
        };
        let emails = scope.creating.get(name).into_iter().flatten();
        all.extend(
            emails
                .filter(|email| !there.contains(email))
                .map(|email| InProgress {
                    request_id: id.into(),
                    what: Effect::CreateAccount {
                        account: in_the_making(name, email),
                    },
                }),
        );
    }
    Ok(all)
}

fn in_the_making(name: &str, email: &Email) -> Account {
    Account {
        key: AccountKey::Email(email.clone()),
        name: name.into(),
        email: Some(email.clone()),
        ou: None,
        tags: None,
        status: AccountStatus::PendingActivation,
        management: false,
    }
}

type Named = (AccountKey, PermissionSetName, PrincipalKey);

fn names(model: &Model, status: AccountAssignmentOperationStatus) -> Option<Named> {
    let principal = principal_id(status.principal_type.as_ref(), status.principal_id.clone())?;
    Some((
        account(status.target_id())?,
        model.sets.get(status.permission_set_arn()?)?.name.clone(),
        model.principal(&principal)?,
    ))
}

fn account(id: Option<&str>) -> Option<AccountKey> {
    AccountId::new(id?).ok().map(AccountKey::Id)
}
