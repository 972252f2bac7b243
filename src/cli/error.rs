//! How a command fails: what to say, what to suggest, and with which exit code.

use std::io;

use crate::apply::ApplyError;
use crate::diagnostic::Diagnostics;
use crate::model::access::CapacityError;
use crate::plan::input::PlanInput;
use crate::provider::{CallError, ProviderError};
use crate::source::SourceMap;
use crate::state::StateError;

use super::asked::Asked;
use super::exit::Exit;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration is wrong.
    #[error("the configuration has errors")]
    Diagnostics(Box<(Diagnostics, SourceMap)>),
    /// The state cannot be used.
    #[error("{0}")]
    State(#[from] StateError),
    /// The service cannot be used.
    #[error("{0}")]
    Provider(#[from] ProviderError),
    /// The service did not answer what a block asked for.
    #[error("{error}; asked for by {asked}")]
    Asked {
        /// What it answered instead.
        error: ProviderError,
        /// The block.
        asked: Box<Asked>,
    },
    /// More names than a plan can hold.
    #[error("{0}")]
    Capacity(#[from] CapacityError),
    /// Standard output or error is closed or full.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    /// The operating system refused; what was tried is in the context.
    #[error("{0:#}")]
    System(#[from] anyhow::Error),
    /// A finished plan broke an invariant: a fault of rolecall, never of the stack.
    #[error(
        "the plan did not pass its check, which is a fault of rolecall and not of the stack; nothing was done"
    )]
    Unsound {
        /// Which invariants.
        violations: Vec<String>,
        /// What was planned from, for a report.
        input: Box<PlanInput>,
    },
    /// Anything else, with an exit code of its own.
    #[error("{message}")]
    Said {
        /// What is wrong.
        message: String,
        /// What to do.
        help: Option<String>,
        /// How the process ends.
        exit: Exit,
    },
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Stale { why, .. } => Failure::new(why.join("; ")),
            ApplyError::State(error) => error.into(),
            ApplyError::Provider(error) => error.into(),
        }
    }
}

impl Failure {
    /// An error with exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Failure::Said {
            message: message.into(),
            help: None,
            exit: Exit::Error,
        }
    }

    /// A refusal, exit code 3.
    pub fn refused(message: impl Into<String>) -> Self {
        Failure::Said {
            message: message.into(),
            help: None,
            exit: Exit::Refused,
        }
    }

    /// The same with advice; only for [`Failure::Said`].
    #[must_use]
    pub fn help(self, advice: impl Into<String>) -> Self {
        match self {
            Failure::Said { message, exit, .. } => Failure::Said {
                message,
                help: Some(advice.into()),
                exit,
            },
            other => other,
        }
    }

    /// A file that cannot be read.
    pub fn read(path: &std::path::Path, error: io::Error) -> Self {
        anyhow::Error::new(error)
            .context(format!("cannot read {}", path.display()))
            .into()
    }

    /// A file that cannot be written.
    pub fn write(path: &std::path::Path, error: io::Error) -> Self {
        anyhow::Error::new(error)
            .context(format!("cannot write {}", path.display()))
            .into()
    }

    /// How the process ends.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::State(StateError::Locked(_)) => Exit::Locked,
            Failure::Said { exit, .. } => *exit,
            _ => Exit::Error,
        }
    }

    /// Whether the reader of standard output went away: no reason to say anything.
    pub fn is_broken_pipe(&self) -> bool {
        let Failure::Output(error) = self else {
            return false;
        };
        // A writer in between (the CSV writer, for one) wraps the system's error in its own.
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = next {
            let system = error.downcast_ref::<io::Error>();
            if system.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
                return true;
            }
            next = error.source();
        }
        false
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<String> {
        match self {
            Failure::Said { help, .. } => help.clone(),
            Failure::State(StateError::Locked(info)) => Some(format!(
                "wait for it with --lock-timeout 5m, or, if that process is gone, `rolecall force-unlock {}`",
                info.id
            )),
            Failure::Provider(ProviderError::Call(error))
            | Failure::Asked {
                error: ProviderError::Call(error),
                ..
            } => advice_on(error).map(str::to_owned),
            Failure::Unsound { .. } => Some(
                "please report it with what `rolecall plan --dump-input FILE` writes, which says who has access to what"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// What helps against an answer that is about the caller and not about what was asked.
fn advice_on(error: &CallError) -> Option<&'static str> {
    if &*error.operation == "AssumeRole" {
        return Some(
            "the trust policy of the role must name this caller, and a policy of the caller must allow sts:AssumeRole \
             for it; `role_arn` in the provider block or in the profile says which role",
        );
    }
    match &*error.code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            Some("the credentials have ended: get new ones, as with `aws sso login`, and run it again")
        }
        "UnrecognizedClientException" | "InvalidClientTokenId" => Some(
            "the service does not take the access key: `aws sts get-caller-identity` shows whether the credentials are \
             good; those of an account that is closed are not",
        ),
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed" => Some(
            "the secret key does not belong to the access key, or this machine's clock is wrong by more than five minutes",
        ),
        code if code.contains("Throttl") || code.contains("TooManyRequests") => Some(
            "the service goes on refusing so many calls: a lower `rate` in the provider block makes fewer, and other tools \
             share the quota; run it again when less is going on",
        ),
        _ => None,
    }
}
