//! The history as JSON.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::PrincipalKey;
use crate::state::entry::RunEnd;

/// The version of this form.
pub const FORMAT_VERSION: u32 = 1;

/// The history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryJson {
    /// The version of this form.
    pub format_version: u32,
    /// What happened, oldest first.
    pub history: Vec<LogLine>,
}

impl HistoryJson {
    /// A history in the present version.
    pub fn new(history: Vec<LogLine>) -> Self {
        HistoryJson {
            format_version: FORMAT_VERSION,
            history,
        }
    }
}

/// Something that happened to the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum What {
    /// A run.
    Run {
        /// The run's name.
        run: String,
        /// `apply` or `destroy`.
        command: String,
        /// The plan's digest.
        digest: String,
        /// The digest of the interrupted run that this one goes on with, where its plan was another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        goes_on_with: Option<String>,
        /// Why, as given on the command line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The revision of the configuration, as given on the command line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
        /// What it changed about the rules that plans are judged by, a sentence each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rule_changes: Vec<String>,
        /// How it ended; absent if it did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<RunEnd>,
        /// Steps done.
        done: u64,
        /// Steps failed.
        failed: u64,
        /// Steps not run.
        #[serde(default)]
        not_run: u64,
    },
    /// `freeze`
    Frozen {
        /// Who.
        principal: PrincipalKey,
        /// Why, as given on the command line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// `freeze --lift`
    Lifted {
        /// Who.
        principal: PrincipalKey,
        /// Why, as given on the command line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A run that found nothing to do, of another revision than the one before.
    Noted {
        /// The revision of the configuration, as given on the command line.
        revision: String,
    },
    /// `state mv`
    Moved {
        /// From.
        from: Address,
        /// To.
        to: Address,
    },
    /// `state rm`
    Removed {
        /// What was forgotten.
        address: Address,
    },
    /// `state import`
    Imported {
        /// The serial of the export.
        #[serde(default)]
        serial: u64,
    },
}
