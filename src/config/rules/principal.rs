//! Fields of users and groups.
//!
//! Source: service model of the identity store: names and descriptions of 1 to 1,024 characters; user guide, "Add
//! users": first name, last name and display name are required, user names and e-mail addresses are unique.

use std::collections::BTreeMap;

use crate::config::rules::{Finding, length};
use crate::diagnostic::Code;

/// A field the service does not take.
const INVALID: Code = Code("invalid-field");
/// One e-mail address for two users.
const SAME_EMAIL: Code = Code("duplicate-email");

/// A field with 1 to 1,024 characters.
pub fn field(what: &str, text: &str) -> Option<Finding> {
    if let Some(message) = length(what, text, 1, 1024) {
        return Some(Finding::error(INVALID, message));
    }
    let bad = text
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))?;
    Some(Finding::error(INVALID, format!("{what} cannot contain {bad:?}")))
}

/// A user's e-mail address.
pub fn email(text: &str) -> Option<Finding> {
    let (name, host) = text.split_once('@').unwrap_or(("", ""));
    let good =
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(char::is_whitespace);
    if good {
        return length("a user's e-mail address", text, 1, 1024)
            .map(|message| Finding::error(INVALID, message));
    }
    Some(Finding::error(
        INVALID,
        format!("an e-mail address has the form name@host.domain; this is {text:?}"),
    ))
}

/// E-mail addresses seen so far, by what they belong to.
#[derive(Debug, Default)]
pub struct Emails {
    seen: BTreeMap<String, String>,
}

impl Emails {
    /// Notes that `owner` has an address; a finding if another has it too.
    pub fn add(&mut self, address: &str, owner: &str) -> Option<Finding> {
        let key = address.to_lowercase();
        match self.seen.get(&key) {
            Some(other) if other != owner => Some(
                Finding::error(
                    SAME_EMAIL,
                    format!("{other} and {owner} have one e-mail address, {address}"),
                )
                .because("the service wants addresses to be unique"),
            ),
            Some(_) => None,
            None => {
                self.seen.insert(key, owner.to_owned());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_case() {
        let mut emails = Emails::default();
        assert_eq!(emails.add("ada@example.com", "user ada"), None);
        assert_eq!(emails.add("ada@example.com", "user ada"), None);
        assert!(
            emails
                .add("Ada@Example.com", "user eve")
                .unwrap()
                .message
                .contains("user ada and user eve")
        );
    }

    #[test]
    fn fields_have_up_to_1024_characters() {
        assert_eq!(field("a first name", &"x".repeat(1024)), None);
        assert!(field("a first name", "").is_some());
        assert!(field("a first name", &"x".repeat(1025)).is_some());
        assert!(field("a first name", "a\u{7}").is_some());
        assert_eq!(email("a@b"), None);
        assert!(email("a b@c").is_some());
        assert!(email("ab").is_some());
    }
}
