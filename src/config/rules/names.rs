//! Names and ids that identify things: their lengths and characters.
//!
//! Source: the service models of IAM Identity Center (`PermissionSetName`), the identity store (`UserName`,
//! `GroupDisplayName`) and Organizations (account ids, e-mail addresses, names of units), as published with the SDKs.
//! The checks themselves are in [`crate::id`]; here they become findings with advice.

use crate::config::rules::Finding;
use crate::diagnostic::Code;
use crate::id::{AccountId, Email, GroupName, IdError, OuPath, PermissionSetName, UserName};

/// A name the service does not take.
const INVALID_NAME: Code = Code("invalid-name");
/// Text that is not an account's id.
const INVALID_ACCOUNT_ID: Code = Code("invalid-account-id");
/// A unit that lies deeper than Organizations allows.
const UNIT_TOO_DEEP: Code = Code("unit-too-deep");
/// How many levels of units there are below the root at most.
const DEEPEST_UNIT: usize = 5;
/// Text that is not an e-mail address.
const INVALID_EMAIL: Code = Code("invalid-email");

/// A permission set's name.
///
/// # Errors
/// The rule it breaks.
pub fn permission_set(text: &str) -> Result<PermissionSetName, Finding> {
    PermissionSetName::new(text).map_err(|error| {
        let finding = named(error);
        let finding = match taken(text) {
            Some(name) => finding.help(format!("`\"{name}\"` would do")),
            None => finding.help("a name has 1 to 32 of the letters A-Z and a-z, digits and `+=,.@_-`"),
        };
        let long = text.chars().count() > 32;
        if long { finding.because("the role in an account is called `AWSReservedSSO_<name>_<16 digits>`, and IAM allows 64 characters") } else { finding }
    })
}

/// The nearest name that the service takes, if anything is left of it.
fn taken(text: &str) -> Option<PermissionSetName> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    let words = text.split(|c| !allowed(c)).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-");
    let short: String = name.chars().take(32).collect();
    PermissionSetName::new(short.trim_end_matches('-')).ok()
}

/// A user's name.
///
/// # Errors
/// The rule it breaks.
pub fn user(text: &str) -> Result<UserName, Finding> {
    UserName::new(text).map_err(named)
}

/// A group's display name.
///
/// # Errors
/// The rule it breaks.
pub fn group(text: &str) -> Result<GroupName, Finding> {
    GroupName::new(text).map_err(named)
}

/// The path of a unit below another.
///
/// # Errors
/// The rule that the unit's name breaks.
pub fn unit(parent: &OuPath, name: &str) -> Result<OuPath, Finding> {
    parent.child(name).map_err(named)
}

/// What is wrong with how deep a unit lies, if anything (Organizations quotas page: "OU maximum nesting in a root": 5).
pub fn depth(path: &OuPath) -> Option<Finding> {
    let levels = std::iter::successors(Some(path.clone()), OuPath::parent)
        .take_while(|unit| !unit.is_root())
        .count();
    (levels > DEEPEST_UNIT).then(|| {
        Finding::error(
            UNIT_TOO_DEEP,
            format!("the unit `{path}` lies {levels} levels below the root"),
        )
        .because(format!(
            "Organizations nests units at most {DEEPEST_UNIT} levels deep"
        ))
        .help("give it a `parent` further up")
    })
}

/// An account's id.
///
/// # Errors
/// The rule it breaks.
pub fn account_id(text: &str) -> Result<AccountId, Finding> {
    AccountId::new(text).map_err(|error| {
        let finding = Finding::error(INVALID_ACCOUNT_ID, error.rule);
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        match digits.len() {
            12 if digits != text => finding.help(format!("write `\"{digits}\"`, digits only")),
            0..=11 if digits == text && !text.is_empty() => {
                finding.help(format!("if leading zeros were lost, it is `\"{digits:0>12}\"`"))
            }
            _ => finding,
        }
    })
}

/// An account's e-mail address.
///
/// # Errors
/// The rule it breaks.
pub fn email(text: &str) -> Result<Email, Finding> {
    Email::new(text).map_err(|error| Finding::error(INVALID_EMAIL, error.rule))
}

fn named(error: IdError) -> Finding {
    Finding::error(INVALID_NAME, error.rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_zeros_and_dashes_are_recognised() {
        let remedy = |text: &str| account_id(text).unwrap_err().remedy.unwrap_or_default();
        assert!(remedy("12345678901").contains("012345678901"));
        assert!(remedy("1111-2222-3333").contains("\"111122223333\""));
        assert_eq!(remedy("prod"), "");
    }

    #[test]
    fn the_limit_of_a_set_name_is_explained() {
        let finding = permission_set(&"x".repeat(33)).unwrap_err();
        assert!(finding.message.contains("1 to 32"));
        assert!(finding.cause.unwrap().contains("AWSReservedSSO_"));
        assert_eq!(permission_set("a b").unwrap_err().cause, None);
    }
}
