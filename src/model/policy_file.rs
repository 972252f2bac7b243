//! Policy files of a stack: rules over its plans in Rego, and the data that they go by.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyContent {
    /// Rules.
    Rego,
    /// Data, as JSON; it becomes part of `data` under the names of the directories that the file lies in.
    Data {
        /// Those names, below the directory of policies.
        under: Vec<Arc<str>>,
    },
}

/// A file of the directory that the `policy` block names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PolicyFile {
    /// Its path relative to the stack's directory, with forward slashes.
    pub path: Arc<str>,
    /// What it holds.
    pub content: PolicyContent,
    /// BLAKE3 of the file, in hexadecimal digits.
    pub hash: Arc<str>,
    /// Its text; that of a YAML file as JSON.
    pub text: Arc<str>,
}

/// What the state keeps of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PolicyHash {
    /// Its path relative to the stack's directory, with forward slashes.
    pub path: Arc<str>,
    /// BLAKE3 of the file, in hexadecimal digits.
    pub hash: Arc<str>,
}

impl From<&PolicyFile> for PolicyHash {
    fn from(file: &PolicyFile) -> Self {
        PolicyHash {
            path: Arc::clone(&file.path),
            hash: Arc::clone(&file.hash),
        }
    }
}
