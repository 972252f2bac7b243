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
    MasterCannotLeaveOrganizationException,
    UnrecognizedClientException,
}

impl ErrorCode {
    /// Every code, for reading one from text.
    pub const ALL: [ErrorCode; 29] = [
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
        ErrorCode::MasterCannotLeaveOrganizationException,
        ErrorCode::UnrecognizedClientException,
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

/// The `Reason` member of some exceptions: those of the identity store's conflicts (service model 2020-06-15) come first,
/// and then those of `InvalidInputException` and `ConstraintViolationException` of Organizations (2016-11-28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// `UNIQUENESS_CONSTRAINT_VIOLATION`: a name, an e-mail address or a membership exists already.
    UniquenessConstraintViolation,
    /// `CONCURRENT_MODIFICATION`: the `Revision` given is not the current one.
    ConcurrentModification,
    /// `CANNOT_CLOSE_MANAGEMENT_ACCOUNT`
    CannotCloseManagementAccount,
    /// `CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR`
    CannotRegisterMasterAsDelegatedAdministrator,
    /// `CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR`
    CannotRegisterSuspendedAccountAsDelegatedAdministrator,
    /// `CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG`
    CannotRemoveDelegatedAdministratorFromOrg,
    /// `DUPLICATE_TAG_KEY`: a key is given twice.
    DuplicateTagKey,
    /// `INPUT_REQUIRED`: a parameter is missing.
    InputRequired,
    /// `INVALID_ENUM`: a value is none of those that there are.
    InvalidEnum,
    /// `INVALID_NEXT_TOKEN`: a token was not given out for this list.
    InvalidNextToken,
    /// `INVALID_PATTERN`: a text does not have its form.
    InvalidPattern,
    /// `INVALID_SYSTEM_TAGS_PARAMETER`: the key of a tag is reserved.
    InvalidSystemTagsParameter,
    /// `MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED`
    MaxDelegatedAdministratorsForServiceLimitExceeded,
    /// `MAX_LENGTH_EXCEEDED`
    MaxLengthExceeded,
    /// `MAX_TAG_LIMIT_EXCEEDED`: a resource would have too many tags.
    MaxTagLimitExceeded,
    /// `MAX_VALUE_EXCEEDED`
    MaxValueExceeded,
    /// `MIN_LENGTH_EXCEEDED`
    MinLengthExceeded,
    /// `MIN_VALUE_EXCEEDED`
    MinValueExceeded,
    /// `OU_DEPTH_LIMIT_EXCEEDED`
    OuDepthLimitExceeded,
    /// `SERVICE_ACCESS_NOT_ENABLED`: a service has no access to the organization.
    ServiceAccessNotEnabled,
    /// `UNRECOGNIZED_SERVICE_PRINCIPAL`
    UnrecognizedServicePrincipal,
    /// `WAIT_PERIOD_ACTIVE`: an account that was created has not been there for long enough.
    WaitPeriodActive,
}

impl Reason {
    /// Whether it is one of the identity store's.
    pub fn is_conflict(self) -> bool {
        matches!(
            self,
            Reason::UniquenessConstraintViolation | Reason::ConcurrentModification
        )
    }

    /// The reason for which Organizations refuses an input, from the words that say which constraint it violates. The value
    /// stands before those, so the last of them count.
    pub fn of_violation(message: &str) -> Option<Self> {
        if message == "Invalid NextToken" {
            return Some(Reason::InvalidNextToken);
        }
        let (_, constraint) = message.rsplit_once("failed to satisfy constraint: Member must ")?;
        let known = [
            ("not be null", Reason::InputRequired),
            ("satisfy enum value set", Reason::InvalidEnum),
            ("satisfy regular expression pattern", Reason::InvalidPattern),
            ("have length greater than or equal to", Reason::MinLengthExceeded),
            ("have length less than or equal to", Reason::MaxLengthExceeded),
            ("have value greater than or equal to", Reason::MinValueExceeded),
            ("have value less than or equal to", Reason::MaxValueExceeded),
        ];
        let found = known.into_iter().find(|(words, _)| constraint.starts_with(words));
        found.map(|(_, reason)| reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::UniquenessConstraintViolation => "UNIQUENESS_CONSTRAINT_VIOLATION",
            Reason::ConcurrentModification => "CONCURRENT_MODIFICATION",
            Reason::CannotCloseManagementAccount => "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
            Reason::CannotRegisterMasterAsDelegatedAdministrator => {
                "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR"
            }
            Reason::CannotRegisterSuspendedAccountAsDelegatedAdministrator => {
                "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR"
            }
            Reason::CannotRemoveDelegatedAdministratorFromOrg => {
                "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG"
            }
            Reason::DuplicateTagKey => "DUPLICATE_TAG_KEY",
            Reason::InputRequired => "INPUT_REQUIRED",
            Reason::InvalidEnum => "INVALID_ENUM",
            Reason::InvalidNextToken => "INVALID_NEXT_TOKEN",
            Reason::InvalidPattern => "INVALID_PATTERN",
            Reason::InvalidSystemTagsParameter => "INVALID_SYSTEM_TAGS_PARAMETER",
            Reason::MaxDelegatedAdministratorsForServiceLimitExceeded => {
                "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED"
            }
            Reason::MaxLengthExceeded => "MAX_LENGTH_EXCEEDED",
            Reason::MaxTagLimitExceeded => "MAX_TAG_LIMIT_EXCEEDED",
            Reason::MaxValueExceeded => "MAX_VALUE_EXCEEDED",
            Reason::MinLengthExceeded => "MIN_LENGTH_EXCEEDED",
            Reason::MinValueExceeded => "MIN_VALUE_EXCEEDED",
            Reason::OuDepthLimitExceeded => "OU_DEPTH_LIMIT_EXCEEDED",
            Reason::ServiceAccessNotEnabled => "SERVICE_ACCESS_NOT_ENABLED",
            Reason::UnrecognizedServicePrincipal => "UNRECOGNIZED_SERVICE_PRINCIPAL",
            Reason::WaitPeriodActive => "WAIT_PERIOD_ACTIVE",
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
    /// The reason that goes with it, where the service gives one.
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

    /// The same refusal with a `Reason`.
    #[must_use]
    pub fn because(self, reason: Reason) -> Self {
        ServiceError {
            reason: Some(reason),
            ..self
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
