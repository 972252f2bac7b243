//! What a person should read before the changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::stack::ConfigurationWarning;
use crate::source::Location;

/// How much a finding weighs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The plan must not run (exit code 3).
    Refusal,
    /// Something was not read, so that nothing is concluded about it.
    Held,
    /// The plan runs; someone should look.
    Warning,
    /// A precondition that cannot be checked from here.
    Unverified,
    /// Worth knowing.
    Note,
}

/// One finding.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Finding {
    /// How much it weighs.
    pub level: Level,
    /// A stable code, kebab-case: `max-removals`, `held-principal`, `role-arn-changes`.
    pub code: Arc<str>,
    /// One sentence, with counts and names.
    pub message: Arc<str>,
    /// Names it is about, when there are several; renderers shorten the list.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub subjects: BTreeSet<Arc<str>>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Arc<str>>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Finding {
    /// A finding that is a sentence and nothing more.
    pub fn new(level: Level, code: &str, message: impl Into<Arc<str>>) -> Self {
        Finding {
            level,
            code: code.into(),
            message: message.into(),
            subjects: BTreeSet::new(),
            remedy: None,
            location: None,
        }
    }
}

impl From<&ConfigurationWarning> for Finding {
    fn from(warning: &ConfigurationWarning) -> Self {
        let message = match &warning.cause {
            Some(cause) => format!("{}: {cause}", warning.message).into(),
            None => Arc::clone(&warning.message),
        };
        Finding {
            remedy: warning.remedy.clone(),
            location: warning.location.clone(),
            ..Finding::new(Level::Warning, &warning.code, message)
        }
    }
}

/// `1 person`, `2 people`.
pub(in crate::plan) fn people(count: u64) -> String {
    match count {
        1 => "1 person".to_owned(),
        count => format!("{count} people"),
    }
}

/// A count with its noun: `1 account`, `2 accounts`.
pub(in crate::plan) fn counted(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}
