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
pub struct KeptPolicy {
    /// Its path relative to the stack's directory, with forward slashes.
    pub path: Arc<str>,
    /// BLAKE3 of the file, in hexadecimal digits.
    pub hash: Arc<str>,
    /// Its text, so that a plan can show what a change of it changes; that of a YAML file as JSON. `None` where it, or
    /// all of them together, are too large for that, and in states that were written before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Arc<str>>,
}

/// The largest text that is kept, in bytes.
pub const MOST_KEPT: usize = 32 << 10;
/// The most that is kept of all texts together, in bytes: every run's entry in the journal has them.
const MOST_KEPT_IN_ALL: usize = 128 << 10;

/// What the state keeps of a stack's policy files, in their order.
pub fn kept(files: &[PolicyFile]) -> Vec<KeptPolicy> {
    let mut left = MOST_KEPT_IN_ALL;
    let mut room_for = |text: &Arc<str>| {
        let fits = text.len() <= MOST_KEPT.min(left);
        left -= if fits { text.len() } else { 0 };
        fits
    };
    files
        .iter()
        .map(|file| KeptPolicy {
            path: Arc::clone(&file.path),
            hash: Arc::clone(&file.hash),
            text: Some(&file.text).filter(|text| room_for(text)).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_up_to_a_size_each_and_in_all() {
        let file = |path: &str, size: usize| PolicyFile {
            path: path.into(),
            content: PolicyContent::Rego,
            hash: "1".into(),
            text: "x".repeat(size).into(),
        };
        let mut files = vec![file("a", MOST_KEPT + 1)];
        files.extend(["b", "c", "d", "e"].map(|path| file(path, MOST_KEPT)));
        files.push(file("f", 1));
        files.push(file("g", 0));
        let kept = kept(&files);
        let with_text: Vec<&str> = kept
            .iter()
            .filter(|kept| kept.text.is_some())
            .map(|kept| &*kept.path)
            .collect();
        assert_eq!(with_text, ["b", "c", "d", "e", "g"]);
        assert_eq!(kept.len(), files.len(), "their hashes are kept all the same");
    }
}
