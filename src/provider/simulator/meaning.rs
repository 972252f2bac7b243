//! The service's refusals and failures as what they mean for a run.

use std::sync::Arc;

use super::world::call::Operation;
use super::world::error::{ErrorCode, Reason, ServiceError};
use crate::provider::{CallError, Meaning};

/// How an asynchronous request ended: its failure reason as what it means.
pub(super) fn ended(operation: Operation, failure: Option<String>, request: &str) -> Result<(), CallError> {
    let Some(reason) = failure else { return Ok(()) };
    let meaning = if reason.contains("unexpected internal service exception") {
        Meaning::Retry
    } else if reason.contains("a 403 status error") {
        Meaning::Denied
    } else if lacks(&reason) {
        Meaning::NotFound
    } else if reason == "EMAIL_ALREADY_EXISTS" {
        Meaning::AlreadyExists
    } else {
        Meaning::Failed
    };
    Err(CallError {
        meaning,
        operation: Arc::from(operation.name()),
        code: Arc::from("FAILED"),
        missing_action: (meaning == Meaning::Denied)
            .then(|| missing_action(&reason))
            .flatten(),
        message: Arc::from(reason),
        request_id: Some(Arc::from(request)),
    })
}

/// What an error of the service means for a run.
pub(super) fn refused(operation: Operation, error: &ServiceError) -> CallError {
    let text = &error.message;
    let meaning = match error.code {
        ErrorCode::ThrottlingException | ErrorCode::TooManyRequestsException => Meaning::Retry,
        ErrorCode::InternalServerException => Meaning::Retry,
        ErrorCode::ConflictException if error.reason == Some(Reason::UniquenessConstraintViolation) => {
            Meaning::AlreadyExists
        }
        ErrorCode::ConflictException if text.contains("already") => Meaning::AlreadyExists,
        ErrorCode::ConflictException if text.starts_with("Could not delete because") => Meaning::InUse,
        ErrorCode::ConflictException => Meaning::Retry,
        ErrorCode::OrganizationalUnitNotEmptyException => Meaning::InUse,
        ErrorCode::DuplicateAccountException
        | ErrorCode::DuplicateOrganizationalUnitException
        | ErrorCode::AccountAlreadyRegisteredException => Meaning::AlreadyExists,
        ErrorCode::AccessDeniedException
        | ErrorCode::UnrecognizedClientException
        | ErrorCode::UnmodifiableEntity
        | ErrorCode::AWSOrganizationsNotInUseException => Meaning::Denied,
        ErrorCode::ValidationException
        | ErrorCode::InvalidInputException
        | ErrorCode::MasterCannotLeaveOrganizationException => Meaning::Invalid,
        ErrorCode::ServiceQuotaExceededException | ErrorCode::ConstraintViolationException => Meaning::Quota,
        ErrorCode::ResourceNotFoundException
        | ErrorCode::AccountNotFoundException
        | ErrorCode::AccountAlreadyClosedException
        | ErrorCode::AccountNotRegisteredException
        | ErrorCode::ChildNotFoundException
        | ErrorCode::CreateAccountStatusNotFoundException
        | ErrorCode::DestinationParentNotFoundException
        | ErrorCode::OrganizationalUnitNotFoundException
        | ErrorCode::ParentNotFoundException
        | ErrorCode::SourceParentNotFoundException
        | ErrorCode::TargetNotFoundException
        | ErrorCode::NoSuchEntity => Meaning::NotFound,
    };
    CallError {
        meaning,
        operation: Arc::from(operation.name()),
        code: Arc::from(error.code.to_string()),
        message: Arc::from(text.as_str()),
        request_id: None,
        missing_action: (meaning == Meaning::Denied)
            .then(|| missing_action(text).unwrap_or_else(|| Arc::from(operation.to_string()))),
    }
}

/// Whether a request failed for the lack of what it was about.
fn lacks(reason: &str) -> bool {
    reason == "Received a 404 status error: Assignment not found."
        || reason.contains("Permission set provision not found")
        || reason.contains("EntitlementItem doesn't exist")
        || reason.contains("was not found in directory")
}

fn missing_action(text: &str) -> Option<Arc<str>> {
    let (_, rest) = text.split_once("is not authorized to perform: ")?;
    rest.split_whitespace().next().map(Arc::from)
}

pub(super) fn unknown(what: &str, name: &str) -> CallError {
    CallError {
        meaning: Meaning::NotFound,
        operation: Arc::from("rolecall"),
        code: Arc::from("UnknownId"),
        message: Arc::from(format!(
            "{what} {name} is not known; it was not there when the service was read"
        )),
        request_id: None,
        missing_action: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_not() {
        let meaning = |reason: &str| {
            let failure = Some(reason.to_owned());
            ended(Operation::CreateAccountAssignment, failure, "r")
                .unwrap_err()
                .meaning
        };
        let broken = "An unexpected internal service exception was encountered. Please try again.";
        assert_eq!(meaning(broken), Meaning::Retry);
        let denied = "Received a 403 status error: User: x is not authorized to perform: iam:CreateRole on y";
        assert_eq!(meaning(denied), Meaning::Denied);
        assert_eq!(meaning("Policy audit-trail does not exist."), Meaning::Failed);
    }
}
