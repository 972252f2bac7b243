//! Account assignments, provisioning, and the requests that carry them out.

use serde_json::Value;

use super::super::super::world::World;
use super::super::super::world::assignment::{AccountAssignment, AssignmentStatus};
use super::super::super::world::call::Listed;
use super::super::super::world::clock::Time;
use super::super::super::world::error::{ErrorCode, ServiceError};
use super::super::super::world::identity_store::PrincipalKind;
use super::super::super::world::provisioning::{
    ProvisionTarget, ProvisioningRequestStatus, ProvisioningStatus,
};
use super::super::super::world::request::Status;
use super::super::input::{Input, Output, page, seconds};
use super::Answer;

pub fn create(world: &mut World, input: Input<'_>) -> Answer {
    let status = world.create_account_assignment(
        input.text("TargetId"),
        input.text("PermissionSetArn"),
        principal(input),
    )?;
    Ok(Output::new()
        .with("AccountAssignmentCreationStatus", in_full(status))
        .done())
}

pub fn delete(world: &mut World, input: Input<'_>) -> Answer {
    let status = world.delete_account_assignment(
        input.text("TargetId"),
        input.text("PermissionSetArn"),
        principal(input),
    )?;
    Ok(Output::new()
        .with("AccountAssignmentDeletionStatus", in_full(status))
        .done())
}

pub fn describe_creation(world: &mut World, input: Input<'_>) -> Answer {
    let id = input.text("AccountAssignmentCreationRequestId");
    let status = world.describe_account_assignment_creation_status(id)?;
    Ok(Output::new()
        .with("AccountAssignmentCreationStatus", in_full(status))
        .done())
}

pub fn describe_deletion(world: &mut World, input: Input<'_>) -> Answer {
    let id = input.text("AccountAssignmentDeletionRequestId");
    let status = world.describe_account_assignment_deletion_status(id)?;
    Ok(Output::new()
        .with("AccountAssignmentDeletionStatus", in_full(status))
        .done())
}

pub fn list_creations(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_account_assignment_creation_status(status_filter(input), &input.page())?;
    Ok(statuses("AccountAssignmentsCreationStatus", listed))
}

pub fn list_deletions(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_account_assignment_deletion_status(status_filter(input), &input.page())?;
    Ok(statuses("AccountAssignmentsDeletionStatus", listed))
}

pub fn list(world: &mut World, input: Input<'_>) -> Answer {
    let (account, set) = (input.text("AccountId"), input.text("PermissionSetArn"));
    let listed = world.list_account_assignments(account, set, &input.page())?;
    Ok(page("AccountAssignments", listed, assigned))
}

pub fn list_for_principal(world: &mut World, input: Input<'_>) -> Answer {
    let account = input.inner("Filter").optional("AccountId");
    let listed = world.list_account_assignments_for_principal(principal(input), account, &input.page())?;
    Ok(page("AccountAssignments", listed, assigned))
}

pub fn provision(world: &mut World, input: Input<'_>) -> Answer {
    let target = match (input.text("TargetType"), input.optional("TargetId")) {
        ("AWS_ACCOUNT", Some(id)) => ProvisionTarget::AwsAccount(id),
        ("AWS_ACCOUNT", None) => {
            return Err(ServiceError::new(
                ErrorCode::ValidationException,
                "TargetId is required when TargetType is AWS_ACCOUNT",
            ));
        }
        _ => ProvisionTarget::AllProvisionedAccounts,
    };
    let status = world.provision_permission_set(input.text("PermissionSetArn"), target)?;
    Ok(provisioning(status))
}

pub fn describe_provisioning(world: &mut World, input: Input<'_>) -> Answer {
    let id = input.text("ProvisionPermissionSetRequestId");
    world
        .describe_permission_set_provisioning_status(id)
        .map(provisioning)
}

pub fn list_provisionings(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_permission_set_provisioning_status(status_filter(input), &input.page())?;
    Ok(page("PermissionSetsProvisioningStatus", listed, |request| {
        in_short(request.status, request.request_id, request.created)
    }))
}

pub fn list_accounts_for_set(world: &mut World, input: Input<'_>) -> Answer {
    let set = input.text("PermissionSetArn");
    let listed =
        world.list_accounts_for_provisioned_permission_set(set, provisioned_filter(input), &input.page())?;
    Ok(page("AccountIds", listed, Value::from))
}

pub fn list_sets_for_account(world: &mut World, input: Input<'_>) -> Answer {
    let account = input.text("AccountId");
    let filter = provisioned_filter(input);
    let listed = world.list_permission_sets_provisioned_to_account(account, filter, &input.page())?;
    Ok(page("PermissionSets", listed, Value::from))
}

fn principal<'a>(input: Input<'a>) -> (PrincipalKind, &'a str) {
    let kind = match input.text("PrincipalType") {
        "USER" => PrincipalKind::User,
        _ => PrincipalKind::Group,
    };
    (kind, input.text("PrincipalId"))
}

fn status_filter(input: Input<'_>) -> Option<Status> {
    match input.inner("Filter").optional("Status")? {
        "IN_PROGRESS" => Some(Status::InProgress),
        "SUCCEEDED" => Some(Status::Succeeded),
        _ => Some(Status::Failed),
    }
}

fn provisioned_filter(input: Input<'_>) -> Option<ProvisioningStatus> {
    match input.optional("ProvisioningStatus")? {
        "LATEST_PERMISSION_SET_PROVISIONED" => Some(ProvisioningStatus::Latest),
        _ => Some(ProvisioningStatus::NotLatest),
    }
}

/// `AccountAssignmentOperationStatus`.
fn in_full(status: AssignmentStatus) -> Output {
    Output::new()
        .with("Status", status.status.as_str())
        .with("RequestId", status.request_id)
        .maybe("FailureReason", status.failure_reason)
        .with("TargetId", status.account_id)
        .with("TargetType", "AWS_ACCOUNT")
        .with("PermissionSetArn", status.permission_set_arn)
        .with("PrincipalType", status.principal_type.as_str())
        .with("PrincipalId", status.principal_id)
        .with("CreatedDate", seconds(status.created))
}

/// The metadata of a request, all that the lists of requests have.
fn in_short(status: Status, request_id: String, created: Time) -> Value {
    Output::new()
        .with("Status", status.as_str())
        .with("RequestId", request_id)
        .with("CreatedDate", seconds(created))
        .done()
}

fn statuses(name: &str, listed: Listed<AssignmentStatus>) -> Value {
    page(name, listed, |request| {
        in_short(request.status, request.request_id, request.created)
    })
}

fn assigned(assignment: AccountAssignment) -> Value {
    Output::new()
        .with("AccountId", assignment.account_id)
        .with("PermissionSetArn", assignment.permission_set_arn)
        .with("PrincipalType", assignment.principal_type.as_str())
        .with("PrincipalId", assignment.principal_id)
        .done()
}

fn provisioning(status: ProvisioningRequestStatus) -> Value {
    let status = Output::new()
        .with("Status", status.status.as_str())
        .with("RequestId", status.request_id)
        .maybe("AccountId", status.account_id)
        .with("PermissionSetArn", status.permission_set_arn)
        .maybe("FailureReason", status.failure_reason)
        .with("CreatedDate", seconds(status.created));
    Output::new()
        .with("PermissionSetProvisioningStatus", status)
        .done()
}
