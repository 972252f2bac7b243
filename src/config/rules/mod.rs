//! What the service will not take, said before it is asked. One file per family of rules, each with its source.
//!
//! A rule looks at plain values and returns findings without a place; whoever calls it knows where the value stands.

pub mod account;
pub mod customer_policy;
pub mod iam;
pub mod inline_policy;
pub mod managed_policy;
pub mod names;
pub mod policy_lint;
pub mod principal;
pub mod quota;
pub mod session;
pub mod tags;
pub mod text;

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::source::Span;

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Error, or a warning where the limit can be raised.
    pub severity: Severity,
    /// The stable code.
    pub code: Code,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// The rule behind it.
    pub cause: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
}

impl Finding {
    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Error,
            code,
            message: message.into(),
            cause: None,
            remedy: None,
        }
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Warning,
            ..Finding::error(code, message)
        }
    }

    /// The rule behind it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The finding at a place, about something with a name.
    pub fn at(self, span: Span, about: &str) -> Diagnostic {
        let mut diagnostic = match self.severity {
            Severity::Error => Diagnostic::error(self.code, self.message),
            Severity::Warning => Diagnostic::warning(self.code, self.message),
        };
        diagnostic = diagnostic.at(span, about);
        if let Some(cause) = self.cause {
            diagnostic = diagnostic.because(cause);
        }
        match self.remedy {
            Some(remedy) => diagnostic.help(remedy),
            None => diagnostic,
        }
    }
}

/// How many characters `what` has, if that is out of bounds, as "a description has 1 to 700 characters; this has 701".
fn length(what: &str, text: &str, least: usize, most: usize) -> Option<String> {
    let count = text.chars().count();
    let fits = (least..=most).contains(&count);
    (!fits).then(|| format!("{what} has {least} to {most} characters; this has {count}"))
}
