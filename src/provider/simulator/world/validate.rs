//! The constraints on fields, with the service's wording of a violation.
//!
//! Patterns and lengths are those of the service models (sso-admin 2020-07-20, identitystore 2020-06-15,
//! organizations 2016-11-28); the words are those of the constraint violations that AWS's JSON services answer with.
//!
//! Of an inline policy's grammar it is known that `PutInlinePolicyToPermissionSet` refuses a document without statements
//! when it is called, as `Invalid PermissionsPolicy Document {"Statement": []}` (seen through CloudFormation: its coverage
//! roadmap, issues 1986 and 1294). The simulator answers the same to text that is no JSON object, and to a `Statement` that
//! is neither an object nor a list. How much more the service looks at is not known, and a policy that IAM does not take
//! can also fail later, when the role is provisioned. So every other document within the limits is taken; what IAM's
//! grammar does not allow `validate` reports before a call is made (`config/rules/inline_policy`).

use std::sync::LazyLock;

use regex::Regex;

use super::error::{Reason, ServiceError};

type Checked = Result<(), ServiceError>;

/// The refusal of a value that violates a constraint.
pub(super) fn violation(value: &str, field: &str, constraint: &str) -> ServiceError {
    ServiceError::invalid(format!(
        "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: Member must {constraint}"
    ))
}

/// A text with between `least` and `most` characters, all of them `allowed`.
fn text(
    field: &str,
    value: &str,
    least: usize,
    most: usize,
    pattern: &str,
    allowed: fn(char) -> bool,
) -> Checked {
    let length = value.chars().count();
    if length < least {
        return Err(violation(
            value,
            field,
            &format!("have length greater than or equal to {least}"),
        ));
    }
    if length > most {
        return Err(violation(
            value,
            field,
            &format!("have length less than or equal to {most}"),
        ));
    }
    if !value.chars().all(allowed) {
        return Err(violation(
            value,
            field,
            &format!("satisfy regular expression pattern: {pattern}"),
        ));
    }
    Ok(())
}

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

fn printable_latin(c: char) -> bool {
    matches!(c, '\u{9}' | '\u{a}' | '\u{d}' | '\u{20}'..='\u{7e}' | '\u{a1}'..='\u{ff}')
}

fn anything(_: char) -> bool {
    true
}

pub(super) fn permission_set_name(name: &str) -> Checked {
    text("name", name, 1, 32, r"[\w+=,.@-]+", word)
}

pub(super) fn description(value: &str) -> Checked {
    let pattern = r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*";
    text("description", value, 1, 700, pattern, printable_latin)
}

pub(super) fn relay_state(value: &str) -> Checked {
    let pattern = r#"[a-zA-Z0-9&$@#\\\/%?=~\-_'"|!:,.;*+\[\]\ \(\)\{\}]+"#;
    text("relayState", value, 1, 240, pattern, |c| {
        c.is_ascii_alphanumeric() || r##"&$@#\/%?=~-_'"|!:,.;*+[] (){}"##.contains(c)
    })
}

/// ISO 8601, from one hour to twelve (user guide, "Set session duration").
pub(super) fn session_duration(value: &str) -> Checked {
    text("sessionDuration", value, 1, 100, "", anything)?;
    let seconds = duration_seconds(value).ok_or_else(|| {
        violation(
            value,
            "sessionDuration",
            &format!("satisfy regular expression pattern: {DURATION}"),
        )
    })?;
    if (3_600.0..=43_200.0).contains(&seconds) {
        return Ok(());
    }
    Err(ServiceError::invalid(
        "SessionDuration must be between 1 hour (PT1H) and 12 hours (PT12H)",
    ))
}

const DURATION: &str = r"^(-?)P(\d+Y)?(\d+M)?(\d+[DW])?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$";

/// The seconds in an ISO 8601 duration; a month is 30 days and a year 365.
fn duration_seconds(value: &str) -> Option<f64> {
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(DURATION).ok());
    let captures = PATTERN.as_ref()?.captures(value)?;
    if value.ends_with('P') || value.ends_with('T') {
        return None;
    }
    let part = |n: usize| -> f64 {
        captures.get(n).map_or(0.0, |m| {
            m.as_str()
                .trim_end_matches(|c: char| c.is_ascii_alphabetic())
                .parse()
                .unwrap_or(0.0)
        })
    };
    let days = part(4)
        * if captures.get(4).is_some_and(|m| m.as_str().ends_with('W')) {
            7.0
        } else {
            1.0
        };
    let days = days + part(2) * 365.0 + part(3) * 30.0;
    let seconds = days * 86_400.0 + part(6) * 3_600.0 + part(7) * 60.0 + part(8);
    Some(if value.starts_with('-') { -seconds } else { seconds })
}

/// At most 32,768 characters and 10,240 bytes that are no white space (quotas page), and a document with statements.
pub(super) fn inline_policy(value: &str) -> Checked {
    text(
        "inlinePolicy",
        value,
        1,
        32_768,
        r"[\u0009\u000A\u000D\u0020-\u00FF]+",
        |c| matches!(c, '\u{9}' | '\u{a}' | '\u{d}' | '\u{20}'..='\u{ff}'),
    )?;
    let dense = value.bytes().filter(|b| !b.is_ascii_whitespace()).count();
    if dense > 10_240 {
        // The words were reported in LBHackney-IT/Data-Platform#2789.
        return Err(ServiceError::invalid(format!(
            "Current size of the non-whitespace characters present in the InlinePolicy Document is {dense} bytes which \
             has exceeded the maximum limit of 10240 bytes"
        )));
    }
    if has_statements(value) {
        return Ok(());
    }
    // The words are the service's, which says them of documents with bad statements too (reported as #1986 of
    // aws-cloudformation/cloudformation-coverage-roadmap).
    Err(ServiceError::invalid(format!(
        "Invalid PermissionsPolicy Document {value}"
    )))
}

fn has_statements(policy: &str) -> bool {
    match serde_json::from_str::<serde_json::Value>(policy) {
        Ok(document) => match document.get("Statement") {
            Some(serde_json::Value::Array(statements)) => {
                !statements.is_empty() && statements.iter().all(is_statement)
            }
            statement => statement.is_some_and(is_statement),
        },
        Err(_) => false,
    }
}

/// Whether it is an object whose effect, if it says one, is one of IAM's two.
fn is_statement(value: &serde_json::Value) -> bool {
    let effect = value.get("Effect");
    value.is_object() && effect.is_none_or(|effect| matches!(effect.as_str(), Some("Allow" | "Deny")))
}

/// The ARN of an AWS-managed policy: no account, 20 to 2048 characters.
pub(super) fn managed_policy_arn(arn: &str) -> Checked {
    let pattern = r"arn:(aws|aws-us-gov|aws-cn|aws-iso|aws-iso-b):iam::aws:policy((/[A-Za-z0-9\.,\+@=_-]+)*)/([A-Za-z0-9\.,\+=@_-]+)";
    text("managedPolicyArn", arn, 20, 2_048, pattern, anything)?;
    let rest = arn
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":iam::aws:policy/"));
    let good = rest.is_some_and(|(partition, path)| {
        partition.starts_with("aws")
            && path
                .split('/')
                .all(|part| !part.is_empty() && part.chars().all(word))
    });
    if good {
        Ok(())
    } else {
        Err(violation(
            arn,
            "managedPolicyArn",
            &format!("satisfy regular expression pattern: {pattern}"),
        ))
    }
}

pub(super) fn customer_policy(name: &str, path: &str) -> Checked {
    text(
        "customerManagedPolicyReference.name",
        name,
        1,
        128,
        r"[\w+=,.@-]+",
        word,
    )?;
    let pattern = r"((/[A-Za-z0-9\.,\+@=_-]+)*)/";
    text(
        "customerManagedPolicyReference.path",
        path,
        1,
        512,
        pattern,
        |c| c == '/' || word(c),
    )?;
    if path.starts_with('/') && path.ends_with('/') && !path.contains("//") {
        return Ok(());
    }
    Err(violation(
        path,
        "customerManagedPolicyReference.path",
        &format!("satisfy regular expression pattern: {pattern}"),
    ))
}

/// A tag; keys that begin with `aws:` are reserved.
pub(super) fn tag(key: &str, value: &str) -> Checked {
    let pattern = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*";
    let allowed =
        |c: char| c.is_alphanumeric() || c.is_whitespace() && !c.is_control() || "_.:/=+-@".contains(c);
    text("tags.member.key", key, 1, 128, pattern, allowed)?;
    text("tags.member.value", value, 0, 256, pattern, allowed)?;
    if key.starts_with("aws:") {
        let error = ServiceError::invalid("Tag keys that begin with aws: are reserved for AWS use");
        return Err(error.because(Reason::InvalidSystemTagsParameter));
    }
    Ok(())
}

/// `Administrator` and `AWSAdministrators` are no names of users or groups (identitystore 2020-06-15, documentation of
/// `CreateUserRequest.UserName` and `CreateGroupRequest.DisplayName`). AWS does not say whether in other case they are
/// reserved as well; the simulator takes those.
pub(super) fn unreserved(field: &str, name: &str) -> Checked {
    if ["Administrator", "AWSAdministrators"].contains(&name) {
        return Err(ServiceError::invalid(format!(
            "{name} is a reserved name and cannot be the {field}"
        )));
    }
    Ok(())
}

pub(super) fn user_name(value: &str) -> Checked {
    text("userName", value, 1, 128, r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+", |c| {
        !c.is_whitespace() && !c.is_control()
    })
}

/// A text of the identity store that is neither a name of a user nor empty: 1 to 1024 characters.
pub(super) fn display_text(field: &str, value: &str) -> Checked {
    text(
        field,
        value,
        1,
        1_024,
        r"[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r  ]+",
        |c| !c.is_control() || "\t\n\r".contains(c),
    )
}

pub(super) fn account_name(value: &str) -> Checked {
    text("accountName", value, 1, 50, r"[\u0020-\u007E]+", |c| {
        matches!(c, ' '..='~')
    })
}

pub(super) fn unit_name(value: &str) -> Checked {
    text("name", value, 1, 128, r"[\s\S]*", anything)
}

pub(super) fn email(value: &str) -> Checked {
    let pattern = r"[^\s@]+@[^\s@]+\.[^\s@]+";
    text("email", value, 6, 64, pattern, |c| !c.is_whitespace())?;
    match value.split_once('@') {
        Some((name, host)) if !name.is_empty() && host.contains('.') && !host.contains('@') => Ok(()),
        _ => Err(violation(
            value,
            "email",
            &format!("satisfy regular expression pattern: {pattern}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorCode;
    use super::*;

    #[test]
    fn names_of_permission_sets_have_up_to_32_word_characters() {
        assert!(permission_set_name(&"a".repeat(32)).is_ok());
        let error = permission_set_name(&"a".repeat(33)).unwrap_err();
        assert_eq!(error.code, ErrorCode::ValidationException);
        assert!(
            error
                .message
                .ends_with("Member must have length less than or equal to 32")
        );
        assert!(
            permission_set_name("a b")
                .unwrap_err()
                .message
                .contains(r"[\w+=,.@-]+")
        );
        assert!(permission_set_name("").is_err());
    }

    #[test]
    fn sessions_last_from_one_hour_to_twelve() {
        for good in ["PT1H", "PT12H", "PT60M", "PT3600S", "PT1H30M", "PT1H0.5S"] {
            assert!(session_duration(good).is_ok(), "{good}");
        }
        for bad in ["1h", "PT30M", "PT13H", "P1D", "-PT2H", "PT", "P", "", "PT59M59S"] {
            assert_eq!(
                session_duration(bad).unwrap_err().code,
                ErrorCode::ValidationException,
                "{bad}"
            );
        }
    }

    #[test]
    fn descriptions_are_latin_1_and_not_empty() {
        assert!(description("Ärger & Co.\n").is_ok());
        assert!(description("").is_err());
        assert!(description("日本").is_err());
        assert!(description(&"x".repeat(700)).is_ok());
        assert!(description(&"x".repeat(701)).is_err());
    }

    #[test]
    fn inline_policies_are_bounded_with_and_without_white_space() {
        let policy = |body: usize, space: usize| {
            format!(
                "{{\"Statement\":{{\"a\":\"{}\"}}}}{}",
                "x".repeat(body),
                " ".repeat(space)
            )
        };
        assert!(inline_policy(&policy(10_218, 0)).is_ok());
        assert!(inline_policy(&policy(10_218, 22_000)).is_ok());
        let error = inline_policy(&policy(10_219, 0)).unwrap_err();
        assert_eq!(error.code, ErrorCode::ValidationException);
        let error = inline_policy(&policy(100, 32_768)).unwrap_err();
        assert!(error.message.contains("less than or equal to 32768"));
    }

    #[test]
    fn an_inline_policy_without_statements_is_refused_with_its_text() {
        for bad in [
            "[]",
            "Allow all",
            "{}",
            r#"{"Version": "2012-10-17"}"#,
            r#"{"Statement": []}"#,
            r#"{"Statement": ["Allow"]}"#,
            r#"{"Statement": {"Effect": "Maybe", "Action": "*", "Resource": "*"}}"#,
            r#"{"Statement": [{"Effect": "Deny"}, {"Effect": ["Allow"]}]}"#,
            r#"{"Statement": "Allow"}"#,
            r#"{"Statement": null}"#,
        ] {
            let error = inline_policy(bad).unwrap_err();
            assert_eq!(error.code, ErrorCode::ValidationException, "{bad}");
            assert_eq!(error.message, format!("Invalid PermissionsPolicy Document {bad}"));
        }
        // The rest of the grammar is not looked at.
        assert!(inline_policy(r#"{"Statement": [{}]}"#).is_ok());
        assert!(inline_policy(r#"{"Statement": {"Effect": "Deny", "Sid": 7}}"#).is_ok());
    }

    #[test]
    fn managed_policies_are_awss_own_with_any_path() {
        assert!(managed_policy_arn("arn:aws:iam::aws:policy/AdministratorAccess").is_ok());
        assert!(managed_policy_arn("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess").is_ok());
        assert!(managed_policy_arn("arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess").is_ok());
        assert!(managed_policy_arn("arn:aws:iam::111122223333:policy/mine").is_err());
        assert!(managed_policy_arn("AdministratorAccess").is_err());
    }

    #[test]
    fn customer_managed_policies_have_a_name_and_a_path_between_slashes() {
        assert!(customer_policy("audit", "/").is_ok());
        assert!(customer_policy("audit", "/team/a/").is_ok());
        assert!(customer_policy("audit", "team/").is_err());
        assert!(customer_policy("audit", "/team").is_err());
        assert!(customer_policy("a b", "/").is_err());
        assert!(customer_policy(&"x".repeat(129), "/").is_err());
    }

    #[test]
    fn tags_relay_states_and_names_of_users() {
        assert!(tag("cost centre", "").is_ok());
        assert!(tag("aws:x", "y").is_err());
        assert!(tag("a", &"v".repeat(257)).is_err());
        assert!(tag("a*", "").is_err());
        assert!(relay_state("https://console.aws.amazon.com/billing?x=[1]").is_ok());
        assert!(relay_state("<script>").is_err());
        assert!(relay_state(&"x".repeat(241)).is_err());
        assert!(user_name("ada@example.com").is_ok());
        assert!(user_name("ada lovelace").is_err());
        assert!(email("a@b.co").is_ok());
        assert!(email("a@b@c.co").is_err());
    }
}
