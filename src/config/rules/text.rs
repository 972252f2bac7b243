//! Free text of a permission set: description and relay state.
//!
//! Source: the service model of IAM Identity Center, `PermissionSetDescription` (1 to 700 characters of Latin-1
//! without control characters) and `RelayState` (1 to 240 of a URL's characters).

use crate::config::rules::{Finding, length};
use crate::diagnostic::Code;

/// A description the service does not take.
const DESCRIPTION: Code = Code("invalid-description");
/// A relay state the service does not take.
const RELAY_STATE: Code = Code("invalid-relay-state");

/// A permission set's description.
pub fn description(text: &str) -> Option<Finding> {
    if let Some(message) = length("a permission set's description", text, 1, 700) {
        let finding = Finding::error(DESCRIPTION, message);
        return Some(if text.is_empty() {
            finding.help("leave `description` out instead")
        } else {
            finding
        });
    }
    let good = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{7e}' | '\u{a1}'..='\u{ff}');
    text.chars().find(|c| !good(*c)).map(|c| {
        Finding::error(DESCRIPTION, format!("a permission set's description cannot contain {c:?}"))
            .because("the service takes Latin-1 only: no emoji, typographic quotes or dashes, nor letters outside Western European ones")
            .help("replace the character")
    })
}

/// A permission set's relay state.
pub fn relay_state(text: &str) -> Option<Finding> {
    if let Some(message) = length("a relay state", text, 1, 240) {
        return Some(Finding::error(RELAY_STATE, message));
    }
    let good = |c: char| c.is_ascii_alphanumeric() || r#"&$@#\/%?=~-_'"|!:,.;*+[] (){}"#.contains(c);
    text.chars().find(|c| !good(*c)).map(|c| {
        Finding::error(RELAY_STATE, format!("a relay state cannot contain {c:?}"))
            .because("it is a URL of the console, in ASCII")
            .help("percent-encode the character")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_latin_1() {
        assert_eq!(description("Zugriff für Prüfer\n(nur lesen)"), None);
        assert_eq!(description(&"ä".repeat(700)), None);
        assert!(description(&"a".repeat(701)).unwrap().message.contains("701"));
        assert!(description("read – only").unwrap().message.contains('–'));
        assert!(description("").is_some());
        assert!(description("a\u{a0}b").is_some());
    }

    #[test]
    fn relay_states_are_urls() {
        assert_eq!(
            relay_state("https://console.aws.amazon.com/billing?x=[1]&y={2}"),
            None
        );
        assert!(relay_state("https://x/<>").is_some());
        assert!(relay_state(&"a".repeat(241)).is_some());
    }
}
