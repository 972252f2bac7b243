//! Accounts: their names.
//!
//! Source: service model of Organizations, `CreateAccountName`: 1 to 50 printable characters.

use crate::config::rules::{Finding, length};
use crate::diagnostic::Code;

/// An account name that Organizations does not take.
const INVALID: Code = Code("invalid-account-name");

/// An account's name.
pub fn name(text: &str) -> Option<Finding> {
    if let Some(message) = length("an account's name", text, 1, 50) {
        return Some(Finding::error(INVALID, message));
    }
    let bad = text.chars().find(|c| !matches!(c, '\u{20}'..='\u{7e}'))?;
    Some(Finding::error(
        INVALID,
        format!("an account's name is printable ASCII; this contains {bad:?}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_up_to_50_printable_characters() {
        assert_eq!(name(&"a".repeat(50)), None);
        assert!(name(&"a".repeat(51)).is_some());
        assert!(name("").is_some());
        assert!(name("zürich").is_some());
    }
}
