//! What the service answers when it refuses: AWS's error code, its message, and for some a `Reason`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// AWS's name of an error, as it stands on the wire (`__type` in JSON protocols).
///
/// The first seven are common to IAM Identity Center and the identity store (service models 2020-07-20 and
/// 2020-06-15); the rest belong to Organizations and IAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the variants are AWS's own names")]
pub enum ErrorCode {
    AccessDeniedException,
    ValidationException,
    ResourceNotFoundException,
    ConflictException,
    ThrottlingException,
    ServiceQuotaExceededException,
    InternalServerException,
    AccountNotFoundException,
    AccountAlreadyRegisteredException,
    AccountNotRegisteredException,
    ChildNotFoundException,
    ConstraintViolationException,
    CreateAccountStatusNotFoundException,
    DestinationParentNotFoundException,
    DuplicateAccountException,
    DuplicateOrganizationalUnitException,
    InvalidInputException,
    OrganizationalUnitNotEmptyException,
    OrganizationalUnitNotFoundException,
    ParentNotFoundException,
    SourceParentNotFoundException,
    TargetNotFoundException,
    TooManyRequestsException,
    NoSuchEntity,
    AccountAlreadyClosedException,
    UnmodifiableEntity,
    AWSOrganizationsNotInUseException,
}

impl ErrorCode {
    /// Every code, for reading one from text.
    pub const ALL: [ErrorCode; 27] = [
        ErrorCode::AccessDeniedException,
        ErrorCode::ValidationException,
        ErrorCode::ResourceNotFoundException,
        ErrorCode::ConflictException,
        ErrorCode::ThrottlingException,
        ErrorCode::ServiceQuotaExceededException,
        ErrorCode::InternalServerException,
        ErrorCode::AccountNotFoundException,
        ErrorCode::AccountAlreadyRegisteredException,
        ErrorCode::AccountNotRegisteredException,
        ErrorCode::ChildNotFoundException,
        ErrorCode::ConstraintViolationException,
        ErrorCode::CreateAccountStatusNotFoundException,
        ErrorCode::DestinationParentNotFoundException,
        ErrorCode::DuplicateAccountException,
        ErrorCode::DuplicateOrganizationalUnitException,
        ErrorCode::InvalidInputException,
        ErrorCode::OrganizationalUnitNotEmptyException,
        ErrorCode::OrganizationalUnitNotFoundException,
        ErrorCode::ParentNotFoundException,
        ErrorCode::SourceParentNotFoundException,
        ErrorCode::TargetNotFoundException,
        ErrorCode::TooManyRequestsException,
        ErrorCode::NoSuchEntity,
        ErrorCode::AccountAlreadyClosedException,
        ErrorCode::UnmodifiableEntity,
        ErrorCode::AWSOrganizationsNotInUseException,
    ];

    /// The code with this name, if the world knows it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.to_string() == name)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The `Reason` member that some exceptions of the identity store carry (service model 2020-06-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// `UNIQUENESS_CONSTRAINT_VIOLATION`: a name, an e-mail address or a membership exists already.
    UniquenessConstraintViolation,
    /// `CONCURRENT_MODIFICATION`: the `Revision` given is not the current one.
    ConcurrentModification,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::UniquenessConstraintViolation => "UNIQUENESS_CONSTRAINT_VIOLATION",
            Reason::ConcurrentModification => "CONCURRENT_MODIFICATION",
        })
    }
}

/// A refusal by the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// AWS's error code.
    pub code: ErrorCode,
    /// The message, in the service's words where they are known.
    pub message: String,
    /// The identity store's reason for a conflict.
    pub reason: Option<Reason>,
}

impl ServiceError {
    /// A refusal without a `Reason`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ServiceError {
            code,
            message: message.into(),
            reason: None,
        }
    }

    pub(super) fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::AccessDeniedException, message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationException, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ResourceNotFoundException, message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ConflictException, message)
    }

    pub(super) fn quota(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ServiceQuotaExceededException, message)
    }

    pub(super) fn duplicate(message: impl Into<String>) -> Self {
        ServiceError {
            reason: Some(Reason::UniquenessConstraintViolation),
            ..Self::conflict(message)
        }
    }

    /// A refusal from a text such as `ConflictException: try again`; a text without a known code is an
    /// `InternalServerException` with that message.
    pub fn from_text(text: &str) -> Self {
        match text.split_once(": ") {
            Some((name, message)) if ErrorCode::named(name).is_some() => Self::new(
                ErrorCode::named(name).unwrap_or(ErrorCode::InternalServerException),
                message,
            ),
            _ => Self::new(ErrorCode::InternalServerException, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_known_code_becomes_that_error() {
        let error = ServiceError::from_text("ConflictException: try again");
        assert_eq!(error.code, ErrorCode::ConflictException);
        assert_eq!(error.message, "try again");
        let error = ServiceError::from_text("An unexpected internal service exception was encountered");
        assert_eq!(error.code, ErrorCode::InternalServerException);
    }

    #[test]
    fn every_code_is_found_by_its_name() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::named(&code.to_string()), Some(code));
        }
    }
}
