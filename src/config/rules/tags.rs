//! Tags: how many, which characters, which keys.
//!
//! Source: service models of IAM Identity Center and Organizations (keys of 1 to 128, values of 0 to 256 letters,
//! spaces, digits and `_.:/=+-@`); user guide, "Tagging": 50 per resource, keys that begin with `aws:` are AWS's.

use crate::config::rules::{Finding, length};
use crate::diagnostic::Code;

/// A tag the service does not take.
const INVALID: Code = Code("invalid-tag");
/// Too many tags.
const TOO_MANY: Code = Code("too-many-tags");

/// The most tags on one thing.
const MAX: usize = 50;

/// One tag.
pub fn tag(key: &str, value: Option<&str>) -> Option<Finding> {
    if key.to_lowercase().starts_with("aws:") {
        return Some(
            Finding::error(
                INVALID,
                format!("the tag key {key:?} is AWS's: keys that begin with `aws:` cannot be set"),
            )
            .help("choose another key"),
        );
    }
    if let Some(message) = length(&format!("a tag's key ({key:?})"), key, 1, 128) {
        return Some(Finding::error(INVALID, message));
    }
    if let Some(c) = bad_character(key) {
        return Some(
            Finding::error(INVALID, format!("the tag key {key:?} cannot contain {c:?}")).because(ALLOWED),
        );
    }
    let value = value?;
    if let Some(message) = length(&format!("the value of the tag {key:?}"), value, 0, 256) {
        return Some(Finding::error(INVALID, message));
    }
    let c = bad_character(value)?;
    Some(
        Finding::error(
            INVALID,
            format!("the value of the tag {key:?} cannot contain {c:?}"),
        )
        .because(ALLOWED),
    )
}

/// How many tags a thing has.
pub fn count(tags: usize) -> Option<Finding> {
    (tags > MAX).then(|| {
        Finding::error(
            TOO_MANY,
            format!("a thing has at most {MAX} tags; this has {tags}"),
        )
    })
}

const ALLOWED: &str = "tags take letters, digits, spaces and _.:/=+-@";

fn bad_character(text: &str) -> Option<char> {
    text.chars()
        .find(|c| !(c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(*c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_have_their_characters_and_lengths() {
        assert_eq!(tag("Kosten Stelle", Some("ä 1/2 = x@y")), None);
        assert_eq!(tag("k", Some("")), None);
        assert!(tag("aws:x", Some("")).is_some());
        assert!(tag("AWS:x", Some("")).is_some());
        assert!(tag("", Some("")).is_some());
        assert!(tag(&"k".repeat(129), None).is_some());
        assert!(tag("k", Some(&"v".repeat(257))).is_some());
        assert!(tag("k", Some("a,b")).unwrap().message.contains("','"));
        assert!(tag("k#", None).is_some());
        assert_eq!(count(50), None);
        assert!(count(51).is_some());
    }
}
