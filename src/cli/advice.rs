//! Advice as it can be followed: commands as they must be typed where rolecall was started.

use std::path::Path;

use crate::state::{Remedy, StateError};

use super::env::Env;
use super::error::Failure;

impl Env {
    /// What helps, with commands as they are to be typed from here.
    pub fn advice(&self, failure: &Failure) -> Option<String> {
        let advice = match failure {
            Failure::State(StateError::Damaged { remedy, .. }) => self.repair(remedy),
            other => other.advice()?,
        };
        Some(self.as_typed(&advice))
    }

    /// How a damaged state is repaired.
    fn repair(&self, remedy: &Remedy) -> String {
        match remedy {
            Remedy::Import { newest: Some(export) } => format!(
                "`rolecall state import {}` takes in the newest export and keeps the damaged files aside; then \
                 `rolecall plan` shows what happened since",
                shell_word(plain(export))
            ),
            Remedy::Import { newest: None } => {
                let own = self.own_directory();
                let own = shell_word(plain(&own.to_string_lossy()));
                format!(
                    "there is no export in {own} to restore: bring that directory back from a backup, or import a \
                     file that `rolecall state export` wrote; without one, move the journal and the checkpoint away, \
                     and `rolecall plan` shows what a new state would take in"
                )
            }
            Remedy::SetAside { path } => {
                let path = plain(path);
                format!(
                    "the journal still has everything: `mv {} {}`, and the next command makes the checkpoint anew",
                    shell_word(path),
                    shell_word(&format!("{path}.damaged"))
                )
            }
            Remedy::OtherFile => {
                let exports = self.own_directory().join("exports");
                format!(
                    "name a file that `rolecall state export` or an earlier run wrote; runs write to {}",
                    plain(&exports.to_string_lossy())
                )
            }
        }
    }

    /// A command of rolecall as it is to be typed where this one was started: with the same stack.
    pub fn typed(&self, command: &str) -> String {
        if self.dir == Path::new(".") {
            return format!("rolecall {command}");
        }
        format!(
            "rolecall -C {} {command}",
            shell_word(&self.dir.to_string_lossy())
        )
    }

    /// The stack's directory as seen from where rolecall was started, which in continuous integration is the root of
    /// the repository. Empty where it is that place, or lies outside of it.
    pub fn directory_in_repository(&self) -> String {
        let inside = |part: std::path::Component<'_>| {
            matches!(
                part,
                std::path::Component::Normal(_) | std::path::Component::CurDir
            )
        };
        if self.dir.components().all(inside) {
            self.dir.to_string_lossy().replace('\\', "/")
        } else {
            String::new()
        }
    }

    /// A text whose commands (`rolecall …`) are to be typed here.
    pub fn as_typed(&self, text: &str) -> String {
        let start = self.typed("");
        text.replace("`rolecall ", &format!("`{start}"))
    }
}

/// A path without a leading `./`.
fn plain(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

/// A word as a shell takes it.
pub fn shell_word(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_-./@:+=,%".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_part_them() {
        assert_eq!(shell_word("a/b-1.plan"), "a/b-1.plan");
        assert_eq!(shell_word("my plan"), "'my plan'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(plain("./.rolecall/journal"), ".rolecall/journal");
    }
}
