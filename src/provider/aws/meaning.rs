//! The service's refusals and failures as what they mean for a run.
//!
//! Codes are those of the service models; what a `ConflictException` means only its message tells (a name that is
//! taken, something that is still assigned, or a write that has not spread yet and goes through later).

use std::error::Error;
use std::sync::Arc;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::operation::Operation;
use crate::provider::{CallError, Meaning};

/// What came back instead of an answer, without the SDK's types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status; `None` when no answer arrived.
    pub status: Option<u16>,
    /// The answer is a page for people, not for programs.
    pub is_page: bool,
    /// The service says that it did it, in an answer that is whole and not of the form of its model.
    pub is_unreadable: bool,
    /// The service's error code.
    pub code: Option<String>,
    /// Its message, or what happened to the connection.
    pub message: String,
    /// The reason that some exceptions carry.
    pub reason: Option<String>,
    /// The service's request id.
    pub request_id: Option<String>,
    /// It never left this machine: the credentials are missing or have expired.
    pub is_local: bool,
}

/// An error of the SDK in plain data.
pub fn refusal<E>(error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Some(raw) = error.raw_response() else {
        let message = chain(error);
        return Refusal {
            is_local: matches!(error, SdkError::ConstructionFailure(_)) || message.contains("credential"),
            message,
            ..Refusal::default()
        };
    };
    let header = |name: &str| raw.headers().get(name).map(str::to_owned);
    let content_type = header("content-type").unwrap_or_default();
    let body = raw.body().bytes().unwrap_or_default();
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let field = |name: &str| {
        let value = parsed.as_ref()?.get(name)?;
        value.as_str().map(str::to_owned)
    };
    let (code, message) = (
        error.code().map(str::to_owned),
        error.message().map(str::to_owned),
    );
    // Mocks send their answers as HTML as well.
    let is_page =
        parsed.is_none() && (content_type.contains("html") || body.trim_ascii_start().starts_with(b"<!"));
    let status = raw.status().as_u16();
    let is_unreadable = raw.status().is_success() && parsed.is_some();
    Refusal {
        status: Some(status),
        is_page,
        is_unreadable,
        message: message
            .or_else(|| field("message"))
            .or_else(|| field("Message"))
            .unwrap_or_else(|| match &code {
                Some(_) => String::new(),
                // What the parser makes of it says nothing to anybody.
                None if is_page && may_lack(status) => "answered with an HTML page".to_owned(),
                None if is_page => {
                    "answered with an HTML page, as a proxy or a gateway on the way does, and AWS \
                                    does not"
                        .to_owned()
                }
                None if is_unreadable => format!(
                    "the answer says that it was done, and is not of the form that AWS gives it: {}",
                    chain(error)
                ),
                None => chain(error),
            }),
        code,
        reason: field("Reason"),
        request_id: header("x-amzn-requestid").or_else(|| header("x-amz-request-id")),
        is_local: false,
    }
}

/// An error and what it comes from, as one sentence.
fn chain(error: &dyn Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}

/// The code of an answer that came whole and cannot be read: another attempt brings the same.
pub const UNREADABLE: &str = "UnreadableAnswer";

/// A refusal as what it means for a run.
pub fn call_error(operation: Operation, refusal: Refusal) -> CallError {
    let meaning = match refusal.is_unreadable && operation.reads() {
        true => Meaning::Failed,
        false => meaning(&refusal),
    };
    let missing = || missing_action(&refusal.message).unwrap_or_else(|| operation.action().into());
    let status = refusal.status;
    CallError {
        meaning,
        operation: operation.name().into(),
        missing_action: (meaning == Meaning::Denied && !refusal.is_local && names_an_action(&refusal))
            .then(missing),
        code: match (refusal.code, status) {
            (Some(code), _) => code.into(),
            (None, Some(_)) if refusal.is_unreadable => UNREADABLE.into(),
            (None, Some(status)) => format!("HTTP {status}").into(),
            (None, None) if refusal.is_local => "NoCredentials".into(),
            (None, None) => "NoAnswer".into(),
        },
        message: refusal.message.into(),
        request_id: refusal.request_id.map(Arc::from),
    }
}

/// Whether a denial is about permissions, and not about who the caller says to be.
fn names_an_action(refusal: &Refusal) -> bool {
    refusal.code.as_deref().is_none_or(|code| {
        code.contains("AccessDenied") || code.contains("NotAuthorized") || code.contains("Unauthorized")
    })
}

fn meaning(refusal: &Refusal) -> Meaning {
    if refusal.is_local {
        return Meaning::Denied;
    }
    let Some(code) = refusal.code.as_deref() else {
        return by_status(refusal);
    };
    match code {
        "ConflictException" => conflict(refusal),
        "ConcurrentModificationException" | "FinalizingOrganizationException" | "RequestTimeout" => {
            Meaning::Retry
        }
        "OrganizationalUnitNotEmptyException" => Meaning::InUse,
        "ValidationException" | "InvalidInputException" | "SerializationException" => Meaning::Invalid,
        "ServiceQuotaExceededException" | "ConstraintViolationException" => Meaning::Quota,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnauthorizedOperation"
        | "NotAuthorizedException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "OptInRequired"
        | "AccountSuspended" => Meaning::Denied,
        "UnknownOperationException"
        | "UnknownOperation"
        | "InvalidAction"
        | "NotImplemented"
        | "UnsupportedAPIEndpointException" => Meaning::Unsupported,
        _ if code.contains("Throttl")
            || code == "TooManyRequestsException"
            || code == "RequestLimitExceeded" =>
        {
            Meaning::Retry
        }
        _ if code.starts_with("Duplicate") || code.contains("AlreadyExists") => Meaning::AlreadyExists,
        _ if code.contains("NotFound") || code == "AWSOrganizationsNotInUseException" => Meaning::NotFound,
        _ => by_status(refusal),
    }
}

fn conflict(refusal: &Refusal) -> Meaning {
    match refusal.reason.as_deref() {
        Some("UNIQUENESS_CONSTRAINT_VIOLATION") => return Meaning::AlreadyExists,
        // Somebody else changed it since it was read: only another look tells what to do.
        Some("CONCURRENT_MODIFICATION") => return Meaning::Unknown,
        _ => {}
    }
    let text = refusal.message.to_lowercase();
    if text.contains("already") || text.contains("uniqueness") {
        Meaning::AlreadyExists
    } else if text.contains("could not delete") || text.contains("in use") || text.contains("still") {
        Meaning::InUse
    } else {
        Meaning::Retry
    }
}

/// Whether servers answer with this status what they lack the operation for.
fn may_lack(status: u16) -> bool {
    matches!(status, 404 | 405 | 500 | 501)
}

fn by_status(refusal: &Refusal) -> Meaning {
    match refusal.status {
        Some(429) => Meaning::Retry,
        Some(501) => Meaning::Unsupported,
        // Servers that lack an operation answer with a page, and AWS never does.
        Some(500) if refusal.is_page => Meaning::Unsupported,
        Some(404 | 405) if refusal.code.is_none() => Meaning::Unsupported,
        // What is on the way to the service refused it: no other configuration helps, and nothing was done.
        Some(status) if refusal.is_page && (400..500).contains(&status) => Meaning::Failed,
        Some(status) if (400..500).contains(&status) => Meaning::Invalid,
        // 5xx, an answer that breaks off, no answer: it may or may not have happened.
        _ => Meaning::Unknown,
    }
}

/// The action a message of IAM names.
fn missing_action(text: &str) -> Option<Arc<str>> {
    let (_, rest) = text.split_once("is not authorized to perform: ")?;
    let action = rest.split(|c: char| c.is_whitespace() || c == ',').next()?;
    action.contains(':').then(|| action.trim_end_matches('.').into())
}

/// Whether a request failed for the lack of what it was about: an assignment to delete (the second way to say so is
/// quoted in Terraform's AWS provider), a role to provision, or somebody to assign to, whom the service may yet come to
/// know, as it reads the identity store's writes with a delay.
fn lacks(reason: &str) -> bool {
    reason.contains("404 status error: Assignment not found")
        || reason.contains("EntitlementItem doesn't exist")
        || reason.contains("Permission set provision not found")
        || (reason.contains("404 status error") && reason.contains("was not found in directory"))
}

/// How an asynchronous request ended that failed: its reason as what it means.
pub fn failed(operation: Operation, reason: &str, request: &str) -> CallError {
    let meaning = if reason.contains("a 403 status error") {
        Meaning::Denied
    } else if lacks(reason) {
        Meaning::NotFound
    } else if reason == "EMAIL_ALREADY_EXISTS" {
        Meaning::AlreadyExists
    } else if reason.contains("unexpected internal service exception") {
        Meaning::Unknown
    } else {
        Meaning::Failed
    };
    CallError {
        meaning,
        operation: operation.name().into(),
        code: "FAILED".into(),
        message: reason.into(),
        request_id: Some(request.into()),
        missing_action: (meaning == Meaning::Denied)
            .then(|| missing_action(reason))
            .flatten(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::is_in_flight_limit;
    use super::*;

    fn refused(status: u16, code: &str, message: &str) -> Refusal {
        Refusal {
            status: Some(status),
            code: (!code.is_empty()).then(|| code.to_owned()),
            message: message.to_owned(),
            ..Refusal::default()
        }
    }

    #[test]
    fn conflicts_mean_what_their_messages_say() {
        let of = |message: &str| meaning(&refused(400, "ConflictException", message));
        assert_eq!(
            of("PermissionSet with name admin already exists."),
            Meaning::AlreadyExists
        );
        assert_eq!(
            of("Could not delete because PermissionSet has ApplicationProfile associated with it"),
            Meaning::InUse
        );
        assert_eq!(of("Conflicting operation in progress"), Meaning::Retry);
        let mut changed = refused(409, "ConflictException", "The resource was updated");
        changed.reason = Some("CONCURRENT_MODIFICATION".to_owned());
        assert_eq!(meaning(&changed), Meaning::Unknown);
        changed.reason = Some("UNIQUENESS_CONSTRAINT_VIOLATION".to_owned());
        assert_eq!(meaning(&changed), Meaning::AlreadyExists);
    }

    #[test]
    fn a_denial_names_the_action_of_the_message_else_of_the_operation() {
        let text = "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: \
                    sso:CreateAccountAssignment on resource: arn:aws:sso:::account/444455556666";
        let error = call_error(
            Operation::ProvisionPermissionSet,
            refused(400, "AccessDeniedException", text),
        );
        assert_eq!(error.meaning, Meaning::Denied);
        assert_eq!(
            error.missing_action.as_deref(),
            Some("sso:CreateAccountAssignment")
        );
        let error = call_error(
            Operation::TagAccount,
            refused(
                400,
                "AccessDeniedException",
                "You don't have permissions to access this resource.",
            ),
        );
        assert_eq!(error.missing_action.as_deref(), Some("organizations:TagResource"));
        let expired = call_error(
            Operation::ListInstances,
            refused(
                403,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
        );
        assert_eq!((expired.meaning, expired.missing_action), (Meaning::Denied, None));
    }

    #[test]
    fn a_page_instead_of_an_answer_is_a_lacking_operation_and_a_gateway_is_not() {
        let page = |status| {
            let mut page = refused(status, "", "");
            page.is_page = true;
            meaning(&page)
        };
        assert_eq!(page(500), Meaning::Unsupported);
        assert_eq!(page(501), Meaning::Unsupported);
        assert_eq!(page(502), Meaning::Unknown);
        assert_eq!(page(503), Meaning::Unknown);
        assert_eq!(page(403), Meaning::Failed);
        assert_eq!(
            meaning(&refused(400, "UnknownOperationException", "")),
            Meaning::Unsupported
        );
        assert_eq!(meaning(&refused(404, "", "")), Meaning::Unsupported);
        assert_eq!(
            meaning(&refused(404, "ResourceNotFoundException", "")),
            Meaning::NotFound
        );
    }

    #[test]
    fn throttling_is_told_by_code_and_silence_by_the_lack_of_one() {
        assert_eq!(meaning(&refused(400, "ThrottlingException", "")), Meaning::Retry);
        for (message, is_limit) in [
            (
                "There are too many requests processing. Please try again later.",
                true,
            ),
            (
                "Too many outstanding CreateAccountAssignment requests: at most 15 may be in progress",
                true,
            ),
            ("Rate exceeded", false),
        ] {
            let refusal = refused(400, "ThrottlingException", message);
            let error = call_error(Operation::CreateAccountAssignment, refusal);
            assert_eq!(error.meaning, Meaning::Retry);
            assert_eq!(is_in_flight_limit(&error), is_limit, "{message}");
        }
        assert_eq!(
            meaning(&refused(400, "TooManyRequestsException", "")),
            Meaning::Retry
        );
        assert_eq!(
            meaning(&refused(500, "InternalServerException", "")),
            Meaning::Unknown
        );
        assert_eq!(meaning(&Refusal::default()), Meaning::Unknown);
        assert_eq!(
            meaning(&refused(200, "", "unexpected end of input")),
            Meaning::Unknown
        );
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_none_to_a_question_and_leaves_a_change_open() {
        let refusal = Refusal {
            is_unreadable: true,
            ..refused(200, "", "expected a string")
        };
        let error = call_error(Operation::DescribePermissionSet, refusal.clone());
        assert_eq!((error.meaning, &*error.code), (Meaning::Failed, UNREADABLE));
        let error = call_error(Operation::CreatePermissionSet, refusal);
        assert_eq!((error.meaning, &*error.code), (Meaning::Unknown, UNREADABLE));
    }

    #[test]
    fn failure_reasons_that_were_seen_mean_something() {
        let of = |reason: &str| failed(Operation::ProvisionPermissionSet, reason, "r-1");
        assert_eq!(
            of("Received a 404 status error: Assignment not found.").meaning,
            Meaning::NotFound
        );
        let gone = "Received a 404 status error: EntitlementItem doesn't exist with the given entitlement key \
                    EntitlementKey{accessorId=AccessorId{value=g}, resourceId=ResourceId{value=111122223333}}";
        assert_eq!(of(gone).meaning, Meaning::NotFound);
        let nobody =
            "Received a 404 status error: the GROUP assignee g was not found in directory d-1234567890";
        assert_eq!(of(nobody).meaning, Meaning::NotFound);
        let denied = of(
            "Received a 403 status error: Access denied by IAM. Please check your policy, or wait for role \
             propagation to complete. IAM Error: User: arn:aws:sts::111122223333:assumed-role/ci/x is not authorized \
             to perform: iam:CreateRole on resource: r",
        );
        assert_eq!(denied.meaning, Meaning::Denied);
        assert_eq!(denied.missing_action.as_deref(), Some("iam:CreateRole"));
        assert_eq!(denied.request_id.as_deref(), Some("r-1"));
        assert_eq!(of("Policy audit was not found").meaning, Meaning::Failed);
    }
}
