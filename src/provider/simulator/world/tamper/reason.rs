//! What a request can be told to fail with.

use super::super::call::Operation;
use super::super::error::ErrorCode;
use super::super::is_asynchronous;
use super::TamperError;

/// An operation by its name.
pub(super) fn operation(given: &str) -> Result<Operation, TamperError> {
    given.parse().map_err(|_| {
        let all: Vec<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
        TamperError::Choice {
            given: given.to_owned(),
            what: "operation of the simulator",
            choices: all.join(", "),
        }
    })
}

/// A reason as the world keeps it: `CODE: message`, or the sentence with which a request that ends later fails.
///
/// A code may be written without `Exception`, and alone: then it comes with the service's usual message.
pub(super) fn reason(operation: Operation, given: &str) -> Result<String, TamperError> {
    let (word, message) = match given.split_once(": ") {
        Some((word, message)) => (word, Some(message)),
        None => (given, None),
    };
    match (code(word), message) {
        (Some(code), Some(message)) => Ok(format!("{code}: {message}")),
        (Some(code), None) => Ok(format!("{code}: {}", usual_message(code, operation))),
        (None, _) if given.contains(' ') && is_asynchronous(operation) => Ok(given.to_owned()),
        (None, _) => {
            let all: Vec<String> = ErrorCode::ALL.iter().map(ToString::to_string).collect();
            Err(TamperError::Choice {
                given: given.to_owned(),
                what: "reason to fail with",
                choices: format!(
                    "{}; each may be followed by `: message`, and a request that ends later (CreateAccountAssignment, \
                     DeleteAccountAssignment, ProvisionPermissionSet, CreateAccount) may fail with any sentence",
                    all.join(", ")
                ),
            })
        }
    }
}

fn code(word: &str) -> Option<ErrorCode> {
    ErrorCode::named(word).or_else(|| ErrorCode::named(&format!("{word}Exception")))
}

fn usual_message(code: ErrorCode, operation: Operation) -> String {
    match code {
        ErrorCode::AccessDeniedException => format!("User is not authorized to perform: {operation}"),
        ErrorCode::ThrottlingException | ErrorCode::TooManyRequestsException => "Rate exceeded".to_owned(),
        ErrorCode::InternalServerException => {
            "An unexpected internal service exception was encountered".to_owned()
        }
        _ => format!("{operation} fails as it was told to"),
    }
}
