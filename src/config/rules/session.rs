//! Session duration: one to twelve hours.
//!
//! Source: user guide, "Set session duration for AWS accounts"; the form is ISO 8601, as the API takes it.

use crate::config::rules::Finding;
use crate::diagnostic::Code;
use crate::model::permission_set::{SessionDuration, SessionDurationError};

/// A session duration the service does not take.
const SESSION: Code = Code("invalid-session-duration");

/// A session's duration.
///
/// # Errors
/// Text of another form, or out of bounds.
pub fn duration(text: &str) -> Result<SessionDuration, Finding> {
    text.parse().map_err(|error: SessionDurationError| {
        let help = match &error {
            SessionDurationError::Form(_) => spelled(text),
            SessionDurationError::Range(_, seconds) => Some(nearest(*seconds)),
        };
        let finding = Finding::error(SESSION, error.to_string());
        match help {
            Some(help) => finding.help(help),
            None => finding,
        }
    })
}

/// The bound that a duration passed.
fn nearest(seconds: u64) -> String {
    let (bound, which) = if seconds < 3600 {
        ("PT1H", "shortest")
    } else {
        ("PT12H", "longest")
    };
    format!("the {which} is `\"{bound}\"`")
}

/// `8h`, `8`, `90m`: what was meant.
fn spelled(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_alphabetic() || c == ' ');
    let number: u32 = digits.trim_start_matches("pt").parse().ok()?;
    let unit = if lower.contains('m') { 'M' } else { 'H' };
    Some(format!("write `\"PT{number}{unit}\"`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_are_understood_but_not_taken() {
        let remedy = |text: &str| duration(text).unwrap_err().remedy;
        assert_eq!(remedy("8h").unwrap(), "write `\"PT8H\"`");
        assert_eq!(remedy("90 minutes").unwrap(), "write `\"PT90M\"`");
        assert_eq!(remedy("pt4h").unwrap(), "write `\"PT4H\"`");
        assert_eq!(remedy("PT13H").unwrap(), "the longest is `\"PT12H\"`");
        assert_eq!(remedy("PT5M").unwrap(), "the shortest is `\"PT1H\"`");
        assert!(duration("PT12H").is_ok());
    }
}
