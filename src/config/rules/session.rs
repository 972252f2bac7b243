//! Session duration: one to twelve hours.
//!
//! Source: user guide, "Set session duration for AWS accounts"; the form is ISO 8601, as the API takes it, or
//! the short one.

use crate::config::rules::Finding;
use crate::diagnostic::Code;
use crate::model::duration as length;
use crate::model::permission_set::{SessionDuration, SessionDurationError};

/// A session duration the service does not take.
const SESSION: Code = Code("invalid-session-duration");

/// A session's duration.
///
/// # Errors
/// Text of another form, or out of bounds.
pub fn duration(text: &str) -> Result<SessionDuration, Finding> {
    let parsed = match length::parse(text).or_else(|| length::parse_iso(text)) {
        Some(seconds) => SessionDuration::of(text, seconds),
        None => Err(SessionDurationError::Form(text.to_owned())),
    };
    parsed.map_err(|error| {
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

/// `8 h`, `8`, `90 min`: what was meant.
fn spelled(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_alphabetic() || c == ' ');
    let number: u64 = digits.trim_start_matches("pt").parse().ok()?;
    let length = |unit: u64| {
        number
            .checked_mul(unit)
            .filter(|seconds| (3600..=12 * 3600).contains(seconds))
    };
    // Without a unit it is whatever gives a length that a session can have: hours, minutes, or seconds.
    let seconds = if lower.contains('m') {
        length(60)
    } else if lower.contains('h') {
        length(3600)
    } else if lower.contains('s') {
        length(1)
    } else {
        [3600, 60, 1].into_iter().find_map(length)
    };
    let written = match seconds {
        Some(seconds) if seconds.is_multiple_of(3600) => format!("PT{}H", seconds / 3600),
        Some(seconds) if seconds.is_multiple_of(60) => format!("PT{}M", seconds / 60),
        Some(seconds) => format!("PT{seconds}S"),
        None => return Some("sessions last from `\"PT1H\"` to `\"PT12H\"`".to_owned()),
    };
    Some(format!("write `\"{written}\"`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_are_understood_but_not_taken() {
        let remedy = |text: &str| duration(text).unwrap_err().remedy;
        assert_eq!(remedy("8 h").unwrap(), "write `\"PT8H\"`");
        assert_eq!(remedy("90 minutes").unwrap(), "write `\"PT90M\"`");
        assert_eq!(remedy("3600").unwrap(), "write `\"PT1H\"`");
        assert_eq!(remedy("5400 s").unwrap(), "write `\"PT90M\"`");
        assert!(remedy("13h").unwrap().contains("PT12H"));
        assert_eq!(remedy("pt4h").unwrap(), "write `\"PT4H\"`");
        assert_eq!(remedy("PT13H").unwrap(), "the longest is `\"PT12H\"`");
        assert_eq!(remedy("PT5M").unwrap(), "the shortest is `\"PT1H\"`");
        assert!(duration("PT12H").is_ok());
        assert_eq!(duration("90m").unwrap(), duration("PT1H30M").unwrap());
        assert!(remedy("0h").unwrap().contains("PT1H"));
    }
}
