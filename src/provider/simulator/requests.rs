//! Calls that wait for an asynchronous request, and what comes after its end.

use std::sync::Arc;

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
    /// An assignment made or taken away, by the number of its request.
    Assignment(u64),
    Provision {
        request: String,
        provisions: Provisions,
    },
    Account {
        request: String,
        unit: Option<String>,
    },
}

/// The provisioning of a set account by account: one that fails keeps it from no other.
#[derive(Debug, Clone)]
pub(super) struct Provisions {
    set: String,
    /// The account whose request is awaited; `None` for all of them in one request.
    account: Option<String>,
    rest: Vec<String>,
    done: usize,
    failed: Vec<(String, CallError)>,
}

impl Provisions {
    /// Of every account that has the set, or of these one after the other.
    pub(super) fn new(set: String, accounts: Option<Vec<String>>) -> Self {
        let mut rest = accounts.unwrap_or_default();
        // Taken from the end.
        rest.reverse();
        Provisions {
            set,
            account: None,
            rest,
            done: 0,
            failed: Vec::new(),
        }
    }

    fn ended(&mut self, outcome: Result<(), CallError>) {
        match (outcome, &self.account) {
            (Ok(()), _) => self.done += 1,
            (Err(error), account) => self.failed.push((account.clone().unwrap_or_default(), error)),
        }
    }

    /// The next account's request, or the end of all.
    pub(super) fn next(mut self, world: &mut World) -> Step<Progress> {
        while let Some(account) = self.rest.pop() {
            self.account = Some(account);
            match provision(world, &self.set, self.account.as_deref()) {
                Ok(request) => {
                    return Ok(Progress::Waiting(Awaited::Provision {
                        request,
                        provisions: self,
                    }));
                }
                // Nobody may at all, or the service takes no more just now: the whole step is to be told so.
                Err(error) if self.done == 0 && self.failed.is_empty() => return Err(error),
                Err(error) => self.ended(Err(error)),
            }
        }
        self.outcome()
    }

    /// Done if every account is; otherwise what the first failure was, and how many there were.
    fn outcome(self) -> Step<Progress> {
        let count = self.failed.len();
        let of = count + self.done;
        let accounts: Vec<&str> = self.failed.iter().map(|(account, _)| account.as_str()).collect();
        let accounts = accounts.join(", ");
        let Some((_, first)) = self.failed.first() else {
            return Ok(done(None));
        };
        let mut error = first.clone();
        if of > 1 {
            error.message = format!("{count} of {of} accounts ({accounts}): {}", first.message).into();
        }
        Err(error)
    }
}

impl Awaited {
    /// The request's id, as the service writes it.
    pub(super) fn request_id(&self, world: &World) -> Arc<str> {
        match self {
            Awaited::Assignment(number) => world.request_id(*number).into(),
            Awaited::Provision { request, .. } | Awaited::Account { request, .. } => request.as_str().into(),
        }
    }

    /// Whether its request has ended, or is not known any more.
    pub(super) fn has_ended(&self, world: &World) -> bool {
        let request = match self {
            Awaited::Assignment(number) => world.requests().get(*number),
            Awaited::Provision { request, .. } | Awaited::Account { request, .. } => {
                world.find_request(request)
            }
        };
        request.is_none_or(|request| request.status != Status::InProgress)
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
        Awaited::Assignment(number) => assignment_ended(world, number),
        Awaited::Provision {
            request,
            mut provisions,
        } => {
            let operation = Operation::DescribePermissionSetProvisioningStatus;
            let status = call(world, operation, |w| {
                w.describe_permission_set_provisioning_status(&request)
            });
            provisions.ended(status.and_then(|status| {
                ended(Operation::ProvisionPermissionSet, status.failure_reason, &request)
            }));
            provisions.next(world)
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
        RequestKind::Assign { .. } | RequestKind::Unassign { .. } | RequestKind::Stranger { .. } => {
            Awaited::Assignment(request.sequence)
        }
        RequestKind::Provision { set, .. } => Awaited::Provision {
            request: request_id,
            provisions: Provisions::new(world.permission_set_arn(set)?, None),
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

/// Asks for a provisioning, in one account or in every one that has the set; gives the request's id.
fn provision(world: &mut World, set: &str, account: Option<&str>) -> Step<String> {
    let target = match account {
        Some(id) => ProvisionTarget::AwsAccount(id),
        None => ProvisionTarget::AllProvisionedAccounts,
    };
    let operation = Operation::ProvisionPermissionSet;
    let status = call(world, operation, |world| {
        world.provision_permission_set(set, target)
    })?;
    Ok(status.request_id)
}

/// Provisions every account that has a set, or these accounts one after the other.
pub(super) fn begin_provision(
    world: &mut World,
    set: String,
    accounts: Option<Vec<String>>,
) -> Step<Progress> {
    if accounts.is_some() {
        return Provisions::new(set, accounts).next(world);
    }
    let request = provision(world, &set, None)?;
    let provisions = Provisions::new(set, None);
    Ok(Progress::Waiting(Awaited::Provision { request, provisions }))
}

/// How the request for an assignment ended, and the role that a new one has.
fn assignment_ended(world: &mut World, number: u64) -> Step<Progress> {
    let (asked, about) = match world.requests().get(number).map(|request| &request.kind) {
        Some(kind) if kind.deletes_assignment() => (
            Operation::DeleteAccountAssignment,
            Operation::DescribeAccountAssignmentDeletionStatus,
        ),
        _ => (
            Operation::CreateAccountAssignment,
            Operation::DescribeAccountAssignmentCreationStatus,
        ),
    };
    let failure = call(world, about, |world| world.assignment_failure(number))?;
    if let Some(failure) = failure {
        ended(asked, Some(failure.into_string()), &world.request_id(number))?;
    }
    Ok(Progress::Done(Ok(Learned {
        id: None,
        role: granted_role(world, number),
    })))
}

fn granted_role(world: &World, number: u64) -> Option<RoleSuffix> {
    let RequestKind::Assign { account, set, .. } = world.requests().get(number)?.kind else {
        return None;
    };
    let pair = world.access().pair(account, set)?;
    world.role_suffix(account, pair).map(RoleSuffix)
}
