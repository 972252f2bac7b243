//! Calls that wait for an asynchronous request, and what comes after its end.

use super::meaning::{ended, refused};
use super::world::World;
use super::world::call::Operation;
use super::world::error::ServiceError;
use super::world::provisioning::ProvisionTarget;
use super::world::request::{RequestKind, Status};
use crate::id::ServiceId;
use crate::model::action::Learned;
use crate::model::roles::RoleSuffix;
use crate::provider::{CallError, Outcome};

/// How a call stands.
#[derive(Debug)]
pub(super) enum Progress {
    Done(Outcome),
    Waiting(Awaited),
}

/// The request that a call waits for, and what it does after that.
#[derive(Debug, Clone)]
pub(super) enum Awaited {
    Grant {
        request: String,
    },
    Revoke {
        request: String,
    },
    Provision {
        request: String,
        set: String,
        rest: Vec<String>,
    },
    Account {
        request: String,
        unit: Option<String>,
    },
}

impl Awaited {
    pub(super) fn request(&self) -> &str {
        match self {
            Awaited::Grant { request }
            | Awaited::Revoke { request }
            | Awaited::Provision { request, .. }
            | Awaited::Account { request, .. } => request,
        }
    }

    /// Whether its request has ended, or is not known any more.
    pub(super) fn has_ended(&self, world: &World) -> bool {
        world
            .find_request(self.request())
            .is_none_or(|request| request.status != Status::InProgress)
    }
}

type Step<T> = Result<T, CallError>;

/// Waits for the throttle, calls, and gives the answer its meaning.
pub(super) fn call<T>(
    world: &mut World,
    operation: Operation,
    body: impl FnOnce(&mut World) -> Result<T, ServiceError>,
) -> Step<T> {
    let at = world.admits_at(operation);
    world.advance_to(at);
    body(world).map_err(|error| refused(operation, &error))
}

/// A call that is done, and the id it brought.
pub(super) fn done(id: Option<String>) -> Progress {
    let id = id.and_then(|id| ServiceId::new(id).ok());
    Progress::Done(Ok(Learned { id, role: None }))
}

/// What comes after a request has ended: the next request, or the end.
pub(super) fn proceed(world: &mut World, awaited: Awaited) -> Progress {
    let next = match awaited {
        Awaited::Grant { request } => {
            let operation = Operation::DescribeAccountAssignmentCreationStatus;
            let status = call(world, operation, |w| {
                w.describe_account_assignment_creation_status(&request)
            });
            let ended = status.and_then(|status| {
                ended(
                    Operation::CreateAccountAssignment,
                    status.failure_reason,
                    &request,
                )
            });
            ended.map(|()| {
                Progress::Done(Ok(Learned {
                    id: None,
                    role: granted_role(world, &request),
                }))
            })
        }
        Awaited::Revoke { request } => {
            let operation = Operation::DescribeAccountAssignmentDeletionStatus;
            let status = call(world, operation, |w| {
                w.describe_account_assignment_deletion_status(&request)
            });
            let ended = status.and_then(|status| {
                ended(
                    Operation::DeleteAccountAssignment,
                    status.failure_reason,
                    &request,
                )
            });
            ended.map(|()| done(None))
        }
        Awaited::Provision { request, set, rest } => {
            let operation = Operation::DescribePermissionSetProvisioningStatus;
            let status = call(world, operation, |w| {
                w.describe_permission_set_provisioning_status(&request)
            });
            status
                .and_then(|status| ended(Operation::ProvisionPermissionSet, status.failure_reason, &request))
                .and_then(|()| next_provision(world, set, rest))
        }
        Awaited::Account { request, unit } => account_created(world, &request, unit),
    };
    next.unwrap_or_else(|error| Progress::Done(Err(error)))
}

/// How a request of an earlier run ended; `None` while it is in progress or when it is not known.
pub(super) fn outcome(world: &mut World, request_id: &str) -> Option<Outcome> {
    let request = world.find_request(request_id)?;
    if request.status == Status::InProgress {
        return None;
    }
    let request_id = request_id.to_owned();
    let awaited = match request.kind {
        RequestKind::Assign { .. } => Awaited::Grant { request: request_id },
        RequestKind::Unassign { .. } => Awaited::Revoke { request: request_id },
        RequestKind::Provision { set, .. } => Awaited::Provision {
            request: request_id,
            set: world.permission_set_arn(set)?,
            rest: Vec::new(),
        },
        RequestKind::Account { .. } => Awaited::Account {
            request: request_id,
            unit: None,
        },
    };
    match proceed(world, awaited) {
        Progress::Done(outcome) => Some(outcome),
        Progress::Waiting(_) => None,
    }
}

fn account_created(world: &mut World, request: &str, unit: Option<String>) -> Step<Progress> {
    let operation = Operation::DescribeCreateAccountStatus;
    let status = call(world, operation, |world| {
        world.describe_create_account_status(request)
    })?;
    ended(Operation::CreateAccount, status.failure_reason, request)?;
    let id = status.account_id.unwrap_or_default();
    if let Some(unit) = unit {
        let root = world.ids().root_id();
        call(world, Operation::MoveAccount, |world| {
            world.move_account(&id, &root, &unit)
        })?;
    }
    Ok(done(Some(id)))
}

/// Provisions the accounts one after the other.
pub(super) fn next_provision(world: &mut World, set: String, mut accounts: Vec<String>) -> Step<Progress> {
    if accounts.is_empty() {
        return Ok(done(None));
    }
    let account = accounts.remove(0);
    provision(world, set, Some(account), accounts).map(Progress::Waiting)
}

pub(super) fn provision(
    world: &mut World,
    set: String,
    account: Option<String>,
    rest: Vec<String>,
) -> Step<Awaited> {
    let target = match &account {
        Some(id) => ProvisionTarget::AwsAccount(id),
        None => ProvisionTarget::AllProvisionedAccounts,
    };
    let operation = Operation::ProvisionPermissionSet;
    let status = call(world, operation, |world| {
        world.provision_permission_set(&set, target)
    })?;
    Ok(Awaited::Provision {
        request: status.request_id,
        set,
        rest,
    })
}

fn granted_role(world: &World, request: &str) -> Option<RoleSuffix> {
    let RequestKind::Assign { account, set, .. } = world.find_request(request)?.kind else {
        return None;
    };
    let pair = world.access().pair(account, set)?;
    world.role_suffix(account, pair).map(RoleSuffix)
}
