//! Assignments by the places of their parts.
//!
//! A caller in this process asks for thousands of assignments among a few hundred accounts, sets and principals. It
//! looks each of those up once; what then happens is what the operations do once they have read the texts of a request.

use super::World;
use super::assignment::{conflict_in_progress, no_request};
use super::call::{Operation, Subject};
use super::error::ServiceError;
use super::identity_store::PrincipalKind;
use super::permission_set::missing as no_set;
use super::place::{AccountIx, PrincipalIx, SetIx};
use super::request::{Request, RequestKind};

/// The parts of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parts {
    /// Where.
    pub account: AccountIx,
    /// Which permission set.
    pub set: SetIx,
    /// To whom.
    pub principal: PrincipalIx,
}

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// The place of the account with this id.
    pub fn account_place(&self, id: &str) -> Option<AccountIx> {
        self.organization.account_by_id(id)
    }

    /// The place of the permission set with this ARN, unless it was deleted.
    pub fn set_place(&self, arn: &str) -> Option<SetIx> {
        self.find_set(arn).ok()
    }

    /// The place of the user or group with this id, also of one that was deleted.
    pub fn principal_place(&self, kind: PrincipalKind, id: &str) -> Option<PrincipalIx> {
        self.known_principal((kind, id)).ok()
    }

    /// `CreateAccountAssignment`, answered with the number of its request.
    ///
    /// # Errors
    /// As [`World::create_account_assignment`].
    pub fn assign(&mut self, parts: Parts) -> Answer<u64> {
        let operation = Operation::CreateAccountAssignment;
        self.call(operation, parts.subject(), |world| {
            world.check_parts(operation, parts)?;
            Ok(world.begin_assigning(parts)?.sequence)
        })
    }

    /// `DeleteAccountAssignment`, answered with the number of its request.
    ///
    /// # Errors
    /// As [`World::delete_account_assignment`].
    pub fn unassign(&mut self, parts: Parts) -> Answer<u64> {
        let operation = Operation::DeleteAccountAssignment;
        self.call(operation, parts.subject(), |world| {
            world.check_parts(operation, parts)?;
            Ok(world.begin_unassigning(parts)?.sequence)
        })
    }

    /// `DescribeAccountAssignmentCreationStatus` or `…DeletionStatus` of a request by its number: why it failed, if it
    /// did.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn assignment_failure(&mut self, number: u64) -> Answer<Option<Box<str>>> {
        let operation = match self.requests.get(number).map(|request| &request.kind) {
            Some(kind) if kind.deletes_assignment() => Operation::DescribeAccountAssignmentDeletionStatus,
            _ => Operation::DescribeAccountAssignmentCreationStatus,
        };
        self.call(operation, Subject::Request(number), |world| {
            let request = world.requests.get(number).ok_or_else(no_request)?;
            Ok(request.failure.clone())
        })
    }

    fn check_parts(&self, operation: Operation, parts: Parts) -> Answer<()> {
        let set = self.permission_sets.get(parts.set);
        if set.is_none_or(|set| !set.live) {
            return Err(no_set(&self.permission_set_arn(parts.set).unwrap_or_default()));
        }
        self.authorize_assignment(operation, parts.account, parts.set)
    }

    /// Starts the creation of an assignment whose parts exist or existed.
    pub(super) fn begin_assigning(&mut self, parts: Parts) -> Answer<Request> {
        let Parts {
            account,
            set,
            principal,
        } = parts;
        if self
            .in_progress(parts)
            .any(|request| matches!(request.kind, RequestKind::Unassign { .. }))
        {
            return Err(conflict_in_progress());
        }
        self.check_assignment_quotas(account, set)?;
        let kind = RequestKind::Assign {
            account,
            set,
            principal,
        };
        self.start(Operation::CreateAccountAssignment, kind)
    }

    /// Starts the deletion of an assignment whose parts exist or existed; there may be no such assignment.
    pub(super) fn begin_unassigning(&mut self, parts: Parts) -> Answer<Request> {
        let Parts {
            account,
            set,
            principal,
        } = parts;
        if self.in_progress(parts).next().is_some() {
            return Err(conflict_in_progress());
        }
        let kind = RequestKind::Unassign {
            account,
            set,
            principal,
        };
        self.start(Operation::DeleteAccountAssignment, kind)
    }

    fn in_progress(&self, parts: Parts) -> impl Iterator<Item = &Request> {
        self.requests
            .pending_pair(parts.set, parts.account)
            .filter(move |request| match request.kind {
                RequestKind::Assign { principal, .. } | RequestKind::Unassign { principal, .. } => {
                    principal == parts.principal
                }
                _ => false,
            })
    }
}

impl Parts {
    fn subject(self) -> Subject {
        Subject::Grant {
            account: self.account.number(),
            set: self.set.number(),
            principal: self.principal.number(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorCode;
    use super::super::tests::{Stage, stage};
    use super::*;

    const A: &str = "111122223333";

    fn parts(stage: &Stage) -> Parts {
        let world = &stage.world;
        Parts {
            account: world.account_place(A).unwrap(),
            set: world.set_place(&stage.set).unwrap(),
            principal: world.principal_place(PrincipalKind::Group, &stage.group).unwrap(),
        }
    }

    /// The calls and what they changed, as stored.
    fn told(world: &mut World, from: usize) -> Vec<String> {
        let entries: Vec<_> = world.calls().entries().skip(from).cloned().collect();
        entries.iter().map(|entry| world.call_text(entry)).collect()
    }

    #[test]
    fn by_places_and_by_texts_is_the_same_call() {
        let (mut one, mut other) = (stage(), stage());
        let before = one.world.calls().entries().len();
        let number = one.world.assign(parts(&one)).unwrap();
        let status = other.create(A, PrincipalKind::Group, &other.group.clone());
        let request = one.world.requests().get(number).unwrap();
        assert_eq!(one.world.request_uuid(request), status.request_id);
        // The stage has waited for its end and asked how it was.
        one.world.settle();
        assert_eq!(one.world.assignment_failure(number), Ok(None));
        assert_eq!(told(&mut one.world, before), told(&mut other.world, before));
        let p = parts(&one);
        assert!(one.world.access().has(p.account, p.set, p.principal));
    }

    #[test]
    fn who_is_gone_fails_the_request_and_a_set_that_is_gone_the_call() {
        let mut stage = stage();
        let parts = parts(&stage);
        let failure = |world: &mut World, number: u64| {
            world.settle();
            world.assignment_failure(number).unwrap().unwrap()
        };
        let number = stage.world.unassign(parts).unwrap();
        assert!(failure(&mut stage.world, number).contains("EntitlementItem doesn't exist"));
        let group = stage.group.clone();
        stage
            .world
            .delete_principal(PrincipalKind::Group, &group, None)
            .unwrap();
        let number = stage.world.assign(parts).unwrap();
        assert!(failure(&mut stage.world, number).contains("was not found in directory"));
        let set = stage.set.clone();
        stage.world.delete_permission_set(&set).unwrap();
        let error = stage.world.assign(parts).unwrap_err();
        assert_eq!(error.code, ErrorCode::ResourceNotFoundException);
    }
}
