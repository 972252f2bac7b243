//! Customer-managed policies: name and path.
//!
//! Source: service model of IAM Identity Center, `CustomerManagedPolicyReference`: names of 1 to 128 letters, digits
//! and `_+=,.@-`; paths of 1 to 512 characters that begin and end with `/`.

use crate::config::rules::{Finding, length};
use crate::diagnostic::Code;

/// A reference to a customer-managed policy that the service does not take.
const INVALID: Code = Code("invalid-customer-policy");

/// A policy's name.
pub fn name(text: &str) -> Option<Finding> {
    if text.starts_with("arn:") {
        let last = text.rsplit('/').next().unwrap_or(text);
        return Some(
            Finding::error(
                INVALID,
                "a customer-managed policy is named, not given by its ARN",
            )
            .because("the set is used in many accounts, each with a policy of this name")
            .help(format!("write `{{ name = {last:?}, path = \"/\" }}`")),
        );
    }
    if let Some(message) = length("a policy's name", text, 1, 128) {
        return Some(Finding::error(INVALID, message));
    }
    let bad = text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c)))?;
    let finding = Finding::error(
        INVALID,
        format!("a policy's name may contain letters, digits and _+=,.@-; this contains {bad:?}"),
    );
    Some(if bad == '/' {
        finding.help("put what is before the last `/` into `path`")
    } else {
        finding
    })
}

/// A policy's path.
pub fn path(text: &str) -> Option<Finding> {
    if let Some(message) = length("a policy's path", text, 1, 512) {
        return Some(Finding::error(INVALID, message));
    }
    let inner = match text {
        "/" => Some(""),
        _ => text
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'))
            .filter(|inner| !inner.is_empty()),
    };
    let Some(inner) = inner else {
        return Some(
            Finding::error(
                INVALID,
                format!("a policy's path begins and ends with `/`; this is {text:?}"),
            )
            .help(format!("write `\"/{}/\"`", text.trim_matches('/'))),
        );
    };
    let segment = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
    };
    let good = inner.is_empty() || inner.split('/').all(segment);
    (!good).then(|| {
        Finding::error(
            INVALID,
            format!("a policy's path has letters, digits and _+=,.@- between `/`; this is {text:?}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_enclosed_in_slashes() {
        assert_eq!(path("/"), None);
        assert_eq!(path("/team/audit/"), None);
        assert_eq!(path("team").unwrap().remedy.unwrap(), "write `\"/team/\"`");
        assert!(path("/team").is_some());
        assert!(path("//").is_some());
        assert!(path("/a b/").is_some());
        assert!(path(&format!("/{}/", "a".repeat(511))).is_some());
    }

    #[test]
    fn names_are_not_arns() {
        assert_eq!(name("audit-trail"), None);
        assert!(
            name("arn:aws:iam::111122223333:policy/audit")
                .unwrap()
                .remedy
                .unwrap()
                .contains("\"audit\"")
        );
        assert!(name("team/audit").unwrap().remedy.is_some());
        assert!(name(&"a".repeat(129)).is_some());
        assert!(name("").is_some());
    }
}
