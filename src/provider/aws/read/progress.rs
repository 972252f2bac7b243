//! What the service is still doing: the lists of requests in progress, and what each of them is about.

use std::sync::Arc;

use aws_sdk_ssoadmin::types::{AccountAssignmentOperationStatus, OperationStatusFilter, StatusValues};

use super::super::model::Model;
use super::super::operation::Operation;
use super::super::session::Session;
use super::access::principal_id;
use super::directory::absent;
use crate::id::{AccountId, AccountKey, PermissionSetName, PrincipalKey};
use crate::model::action::Effect;
use crate::model::instance::InProgress;
use crate::provider::{CallError, Meaning};

/// The requests in progress whose names are known. A server without these lists is taken to be doing nothing.
pub async fn requests(session: &Arc<Session>, model: &Model) -> Result<Vec<InProgress>, CallError> {
    let instance = model.instance.arn.as_str();
    let (creations, deletions, provisionings) = tokio::join!(
        creations(session, instance),
        deletions(session, instance),
        provisionings(session, instance),
    );
    let mut all = Vec::new();
    for id in or_none(creations)? {
        let send = || {
            let call = session.sso.describe_account_assignment_creation_status();
            let call = call.instance_arn(instance);
            call.account_assignment_creation_request_id(&id).send()
        };
        let operation = Operation::DescribeAccountAssignmentCreationStatus;
        let status = absent(session.read(operation, send).await)?;
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
        let status = absent(session.read(operation, send).await)?;
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

fn or_none(ids: Result<Vec<String>, CallError>) -> Result<Vec<String>, CallError> {
    match ids {
        // Who may not look cannot have started anything either, and what others started shows in the end.
        Err(error) if matches!(error.meaning, Meaning::Unsupported | Meaning::Denied) => {
            if super::is_fatal(&error) {
                Err(error)
            } else {
                Ok(Vec::new())
            }
        }
        ids => ids,
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
    let answer = absent(session.read(operation, send).await)?;
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
