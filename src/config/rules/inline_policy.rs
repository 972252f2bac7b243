//! Inline policies: size, characters, and whether they are policies at all.
//!
//! Source: service model of IAM Identity Center, `PermissionSetPolicyDocument` (1 to 32,768 characters of
//! Latin-1); "Quotas and limits in IAM Identity Center" (10,240 bytes without white space); IAM user guide,
//! "Grammar of the IAM JSON policy language".

use serde_json::Value;

use crate::config::rules::{Finding, length};
use crate::diagnostic::{Code, did_you_mean};

/// An inline policy that is not a policy.
const INVALID: Code = Code("invalid-policy");
/// An inline policy that is too large.
const TOO_LARGE: Code = Code("policy-too-large");

/// The most characters.
const MAX_CHARACTERS: usize = 32_768;
/// The most bytes besides white space.
const MAX_BYTES: usize = 10_240;

const DOCUMENT: &[&str] = &["Version", "Id", "Statement"];
const STATEMENT: &[&str] = &[
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// Everything wrong with a policy document.
pub fn check(text: &str) -> Vec<Finding> {
    let mut found: Vec<Finding> = size(text).into_iter().chain(characters(text)).collect();
    match serde_json::from_str::<Value>(text) {
        Ok(document) => found.extend(document_rules(&document)),
        Err(error) => found.push(
            Finding::error(INVALID, "the inline policy is not JSON")
                .because(format!(
                    "at line {}, column {} of it: {}",
                    error.line(),
                    error.column(),
                    plain(&error)
                ))
                .help("`jsonencode({ … })` or `policy { statement { … } }` always write good JSON"),
        ),
    }
    found
}

fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

fn size(text: &str) -> Option<Finding> {
    let help = "shorten it: wildcards, fewer statements, or a customer-managed policy";
    if let Some(message) = length("an inline policy", text, 1, MAX_CHARACTERS) {
        return Some(Finding::error(TOO_LARGE, message).help(help));
    }
    let bytes: usize = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(char::len_utf8)
        .sum();
    (bytes > MAX_BYTES).then(|| {
        Finding::error(
            TOO_LARGE,
            format!("an inline policy has at most {MAX_BYTES} bytes besides white space; this has {bytes}"),
        )
        .help(help)
    })
}

fn characters(text: &str) -> Option<Finding> {
    let good = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}');
    let bad = text.chars().find(|c| !good(*c))?;
    Some(
        Finding::error(INVALID, format!("an inline policy cannot contain {bad:?}"))
            .because("the service takes Latin-1 only"),
    )
}

fn document_rules(document: &Value) -> Vec<Finding> {
    let Value::Object(fields) = document else {
        return vec![Finding::error(
            INVALID,
            "a policy document is a JSON object with `Version` and `Statement`",
        )];
    };
    let mut found = unknown_keys(fields, DOCUMENT, "a policy document");
    match fields.get("Version").and_then(Value::as_str) {
        Some("2012-10-17") => {}
        Some("2008-10-17") => found.push(
            Finding::warning(INVALID, "the policy has the old version `2008-10-17`")
                .because("policy variables like `${aws:username}` are plain text in it")
                .help("use `2012-10-17`"),
        ),
        Some(other) => found.push(Finding::error(
            INVALID,
            format!("a policy's version is `2012-10-17`, not `{other}`"),
        )),
        None => found.push(
            Finding::warning(INVALID, "the policy has no `Version`")
                .because("it then counts as `2008-10-17`, in which policy variables are plain text")
                .help("add `Version = \"2012-10-17\"`"),
        ),
    }
    match fields.get("Statement") {
        Some(Value::Array(statements)) => {
            let rules = statements
                .iter()
                .enumerate()
                .flat_map(|(index, statement)| statement_rules(index, statement));
            found.extend(rules);
            found.extend(repeated_sids(statements));
        }
        Some(statement @ Value::Object(_)) => found.extend(statement_rules(0, statement)),
        _ => found.push(Finding::error(
            INVALID,
            "a policy document needs a list `Statement`",
        )),
    }
    found
}

/// Statement ids that stand twice (IAM user guide, "IAM JSON policy elements: Sid": unique within a policy).
fn repeated_sids(statements: &[Value]) -> Vec<Finding> {
    let mut seen = std::collections::BTreeSet::new();
    let sids = statements
        .iter()
        .filter_map(|statement| statement.get("Sid")?.as_str());
    let repeated = sids.filter(|sid| !sid.is_empty() && !seen.insert(*sid));
    repeated
        .map(|sid| {
            Finding::error(
                INVALID,
                format!("two statements of the policy have the `Sid` `{sid}`"),
            )
            .help("give each its own, or leave `Sid` out")
        })
        .collect()
}

fn statement_rules(index: usize, statement: &Value) -> Vec<Finding> {
    let Value::Object(fields) = statement else {
        return vec![Finding::error(
            INVALID,
            format!("statement {} of the policy is not an object", index + 1),
        )];
    };
    let name = match fields.get("Sid").and_then(Value::as_str) {
        Some(sid) if !sid.is_empty() => format!("statement `{sid}`"),
        _ => format!("statement {}", index + 1),
    };
    if fields.contains_key("Principal") || fields.contains_key("NotPrincipal") {
        return vec![
            Finding::error(INVALID, format!("{name} of the policy names a principal"))
                .because("a permission set's policy applies to whoever uses the set")
                .help("remove `Principal`; say who in an `assignment`"),
        ];
    }
    let mut found = unknown_keys(fields, STATEMENT, &format!("{name} of a policy"));
    match fields.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        _ => found.push(Finding::error(
            INVALID,
            format!("{name} of the policy needs `Effect`: `Allow` or `Deny`"),
        )),
    }
    for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource")] {
        match (fields.contains_key(one), fields.contains_key(other)) {
            (true, true) => found.push(Finding::error(
                INVALID,
                format!("{name} of the policy has both `{one}` and `{other}`"),
            )),
            (false, false) => found.push(Finding::error(
                INVALID,
                format!("{name} of the policy needs `{one}` or `{other}`"),
            )),
            _ => {}
        }
    }
    let actions = fields.get("Action").or_else(|| fields.get("NotAction"));
    found.extend(actions.into_iter().flat_map(|value| action_rules(&name, value)));
    found
}

fn action_rules(name: &str, value: &Value) -> Vec<Finding> {
    let items: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    let bad = items.into_iter().filter(|item| {
        let text = item.as_str().unwrap_or("");
        let pair = text
            .split_once(':')
            .is_some_and(|(service, action)| !service.is_empty() && !action.is_empty());
        text != "*" && !pair
    });
    bad.map(|item| {
        Finding::error(INVALID, format!("{name} of the policy has the action {item}"))
            .because("an action is `service:Operation`, perhaps with wildcards, or `*`")
    })
    .collect()
}

fn unknown_keys(fields: &serde_json::Map<String, Value>, known: &[&str], what: &str) -> Vec<Finding> {
    let unknown = fields.keys().filter(|key| !known.contains(&key.as_str()));
    unknown
        .map(|key| {
            let finding = Finding::error(INVALID, format!("{what} has no `{key}`"));
            match did_you_mean(key, known.iter().copied()) {
                Some(meant) => finding.help(meant),
                None => finding.because(format!("it has {}", known.join(", "))),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        check(text).into_iter().map(|finding| finding.message).collect()
    }

    fn with(statement: &str) -> Vec<String> {
        messages(&format!(
            r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#
        ))
    }

    #[test]
    fn good_policies_pass() {
        assert_eq!(messages(r#"{"Version":"2012-10-17","Statement":[]}"#), [""; 0]);
        assert_eq!(
            with(r#"{"Sid":"A","Effect":"Allow","Action":["s3:Get*","*"],"NotResource":"*","Condition":{}}"#),
            [""; 0]
        );
    }

    #[test]
    fn white_space_does_not_count_towards_the_small_limit() {
        let padded = format!(
            r#"{{"Version":"2012-10-17",{}"Statement":[]}}"#,
            " ".repeat(20_000)
        );
        assert_eq!(messages(&padded), [""; 0]);
        let resource = "r".repeat(10_240);
        let large = with(&format!(
            r#"{{"Effect":"Allow","Action":"*","Resource":"{resource}"}}"#
        ));
        assert!(large[0].contains("10240") && large.len() == 1, "{large:?}");
        assert!(messages(&" ".repeat(32_769))[0].contains("32768"));
    }

    #[test]
    fn what_iam_would_refuse_is_found() {
        assert!(messages("{")[0].contains("not JSON"));
        assert!(with(r#"{"Effect":"allow","Action":"*","Resource":"*"}"#)[0].contains("`Allow` or `Deny`"));
        assert!(with(r#"{"Effect":"Allow","Actions":"*","Resource":"*"}"#)[0].contains("no `Actions`"));
        assert!(with(r#"{"Effect":"Allow","Action":"s3","Resource":"*"}"#)[0].contains("\"s3\""));
        assert!(
            with(r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#)[0]
                .contains("principal")
        );
        assert!(
            with(r#"{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}"#)[0].contains("both")
        );
        assert!(messages(r#"{"Statement":[]}"#)[0].contains("no `Version`"));
    }
}
