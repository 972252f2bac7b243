//! Inline policies: size, characters, and whether they are policies at all.
//!
//! Source: service model of IAM Identity Center, `PermissionSetPolicyDocument` (1 to 32,768 characters of
//! Latin-1); "Quotas and limits in IAM Identity Center" (10,240 bytes without white space); IAM user guide,
//! "Grammar of the IAM JSON policy language". What IAM takes and nobody can mean is in [`super::policy_lint`].

use serde_json::{Map, Value};

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

/// What is wrong in a statement, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InStatement {
    /// In which element (`""`: the statement as a whole).
    pub element: &'static str,
    /// The text that is at fault, where it is one.
    pub value: Option<String>,
    /// What is wrong.
    pub finding: Finding,
}

impl InStatement {
    fn new(element: &'static str, finding: Finding) -> Self {
        InStatement {
            element,
            value: None,
            finding,
        }
    }
}

/// Everything wrong with a policy document.
pub fn check(text: &str) -> Vec<Finding> {
    let (mut found, in_statements) = check_each(text);
    found.extend(in_statements.into_iter().map(|(_, found)| found.finding));
    found
}

/// Everything wrong with a policy document as a whole, and in each of its statements, counted from 0.
pub fn check_each(text: &str) -> (Vec<Finding>, Vec<(usize, InStatement)>) {
    let mut found: Vec<Finding> = size(text).into_iter().chain(characters(text)).collect();
    let mut in_statements = Vec::new();
    match serde_json::from_str::<Value>(text) {
        Ok(document) => {
            found.extend(document_rules(&document));
            let all = document.get("Statement").map(items).unwrap_or_default();
            for (index, one) in all.into_iter().enumerate() {
                in_statements.extend(statement(index, one).into_iter().map(|found| (index, found)));
            }
        }
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
    (found, in_statements)
}

/// What is wrong with a document besides what [`statement`] finds in each of its statements.
pub fn whole(text: &str, statements: &[Value]) -> Vec<Finding> {
    let found = size(text).into_iter().chain(characters(text));
    found
        .chain(no_statements(statements))
        .chain(repeated_sids(statements))
        .collect()
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
            found.extend(no_statements(statements));
            found.extend(repeated_sids(statements));
        }
        Some(Value::Object(_)) => {}
        _ => found.push(Finding::error(
            INVALID,
            "a policy document needs a list `Statement`",
        )),
    }
    found
}

/// Whether a policy document says nothing: its list of statements is empty.
pub fn is_empty(text: &str) -> bool {
    let document = serde_json::from_str::<Value>(text).unwrap_or_default();
    let statements = document.get("Statement").and_then(Value::as_array);
    statements.is_some_and(Vec::is_empty)
}

/// IAM takes no policy without a statement (grammar: a statement block holds one statement or more). It would allow
/// nothing, so it is read as no policy.
fn no_statements(statements: &[Value]) -> Option<Finding> {
    statements.is_empty().then(|| {
        Finding::warning(INVALID, "the policy has no statement, and is left out")
            .because("IAM refuses such a document, which would allow nothing")
            .help("add a statement, or leave the policy out")
    })
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

/// Everything wrong with one statement, the `index`th from 0.
pub fn statement(index: usize, statement: &Value) -> Vec<InStatement> {
    let error = |message: String| Finding::error(INVALID, message);
    let Value::Object(fields) = statement else {
        let message = format!("statement {} of the policy is not an object", index + 1);
        return vec![InStatement::new("", error(message))];
    };
    let name = match fields.get("Sid").and_then(Value::as_str) {
        Some(sid) if !sid.is_empty() => format!("statement `{sid}`"),
        _ => format!("statement {}", index + 1),
    };
    let mut found: Vec<InStatement> = Vec::new();
    let principal = ["Principal", "NotPrincipal"];
    if principal.iter().any(|key| fields.contains_key(*key)) {
        let finding = error(format!("{name} of the policy names a principal"))
            .because("a permission set's policy applies to whoever uses the set")
            .help("remove `Principal`; say who in an `assignment`");
        found.push(InStatement::new("", finding));
    }
    let others: Map<String, Value> = fields
        .iter()
        .filter(|(key, _)| !principal.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let unknown = unknown_keys(&others, STATEMENT, &format!("{name} of a policy"));
    found.extend(unknown.into_iter().map(|finding| InStatement::new("", finding)));
    found.extend(sid(index, fields.get("Sid")).map(|finding| InStatement::new("Sid", finding)));
    match (fields.get("Effect"), fields.get("Effect").and_then(Value::as_str)) {
        (_, Some("Allow" | "Deny")) => {}
        (None, _) => {
            let finding = error(format!("{name} of the policy needs `Effect`"));
            found.push(InStatement::new(
                "Effect",
                finding.because("an effect is `Allow` or `Deny`"),
            ));
        }
        (Some(other), _) => {
            let finding = error(format!("{name} of the policy has the `Effect` {other}"));
            found.push(InStatement::new(
                "Effect",
                finding.because("an effect is `Allow` or `Deny`"),
            ));
        }
    }
    for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource")] {
        match (fields.contains_key(one), fields.contains_key(other)) {
            (true, true) => found.push(InStatement::new(
                other,
                error(format!("{name} of the policy has both `{one}` and `{other}`")),
            )),
            (false, false) => found.push(InStatement::new(
                one,
                error(format!("{name} of the policy needs `{one}` or `{other}`")),
            )),
            _ => {}
        }
    }
    for (key, rule) in LISTS {
        if let Some(value) = fields.get(*key) {
            let wrong = list_rules(&name, key, value, *rule);
            found.extend(wrong.map(|(value, finding)| InStatement {
                value,
                ..InStatement::new(key, finding)
            }));
        }
    }
    if let Some(condition) = fields.get("Condition") {
        let wrong = condition_rules(&name, condition).into_iter();
        found.extend(wrong.map(|(value, finding)| InStatement {
            value,
            ..InStatement::new("Condition", finding)
        }));
    }
    found
}

/// A statement's id is made of ASCII letters and digits (IAM user guide, "IAM JSON policy elements: Sid").
fn sid(index: usize, value: Option<&Value>) -> Option<Finding> {
    let value = value?;
    let good = value
        .as_str()
        .is_some_and(|text| text.chars().all(|c| c.is_ascii_alphanumeric()));
    (!good).then(|| {
        let message = format!("statement {} of the policy has the `Sid` {value}", index + 1);
        let finding =
            Finding::error(INVALID, message).because("a `Sid` has letters (A-Z, a-z) and digits only");
        let kept: String = value
            .as_str()
            .unwrap_or_default()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        if kept.is_empty() {
            finding
        } else {
            finding.help(format!("`\"{kept}\"` would do"))
        }
    })
}

/// Whether a text is what it must be.
type Check = fn(&str) -> bool;

/// The elements that hold one text or a list of them, with what each text must be.
const LISTS: &[(&str, Check)] = &[
    ("Action", is_action),
    ("NotAction", is_action),
    ("Resource", is_resource),
    ("NotResource", is_resource),
];

/// `*`, or a service's prefix and an operation, perhaps with wildcards.
fn is_action(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "*?-_.".contains(c))
    };
    let pair = text
        .split_once(':')
        .is_some_and(|(service, operation)| part(service) && part(operation));
    text == "*" || pair
}

/// `*`, or something that begins like an ARN; what follows differs from service to service.
fn is_resource(text: &str) -> bool {
    text == "*" || text.strip_prefix("arn:").is_some_and(|rest| !rest.is_empty())
}

/// One finding for all wrong values of an element, with the first of them.
fn list_rules(
    name: &str,
    key: &str,
    value: &Value,
    good: fn(&str) -> bool,
) -> Option<(Option<String>, Finding)> {
    let items = items(value);
    if items.is_empty() {
        let finding = Finding::error(INVALID, format!("`{key}` of {name} of the policy is empty"))
            .because("IAM refuses a statement without it");
        return Some((None, finding));
    }
    let wrong: Vec<&Value> = items
        .into_iter()
        .filter(|item| !item.as_str().is_some_and(good))
        .collect();
    let at = wrong.first()?.as_str().map(str::to_owned);
    let bad: Vec<String> = wrong.into_iter().map(Value::to_string).collect();
    let first = bad.first()?;
    let (what, rule) = if key.ends_with("Action") {
        (
            "action",
            "an action is `service:Operation`, perhaps with wildcards, or `*`",
        )
    } else {
        ("resource", "a resource is an ARN, perhaps with wildcards, or `*`")
    };
    let message = match bad.as_slice() {
        [_] => format!("{name} of the policy has the {what} {first}"),
        _ => {
            let shown = bad.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            let rest = bad.len().saturating_sub(3);
            let rest = if rest > 0 {
                format!(" and {rest} more")
            } else {
                String::new()
            };
            format!("{name} of the policy has the {what}s {shown}{rest}")
        }
    };
    Some((at, Finding::error(INVALID, message).because(rule)))
}

fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

/// The condition operators (IAM user guide, "IAM JSON policy elements: Condition operators").
const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];

/// What is wrong, with the operator or key at fault.
fn condition_rules(name: &str, condition: &Value) -> Vec<(Option<String>, Finding)> {
    let error = |message: String| Finding::error(INVALID, message);
    let Value::Object(operators) = condition else {
        let finding = error(format!("`Condition` of {name} of the policy is not an object"));
        return vec![(None, finding.help("write `{ operator = { key = [values] } }`"))];
    };
    let mut found = Vec::new();
    for (operator, keys) in operators {
        let of_operator = |finding: Finding| (Some(operator.clone()), finding);
        found.extend(operator_rule(name, operator).map(of_operator));
        let Value::Object(keys) = keys else {
            found.push(of_operator(error(format!(
                "`{operator}` in {name} of the policy is not an object of keys and values"
            ))));
            continue;
        };
        for (key, value) in keys {
            let mut of_key = |finding: Finding| found.push((Some(key.clone()), finding));
            if !key.contains(':') {
                of_key(
                    error(format!("{name} of the policy has the condition key `{key}`"))
                        .because("a condition key is `service:Key`, as `aws:SourceIp`"),
                );
            }
            if items(value).is_empty() {
                let never = format!("the condition on `{key}` in {name} of the policy has no values");
                of_key(
                    error(never)
                        .because("nothing ever compares with a list of none")
                        .help("give it a value"),
                );
            } else if items(value)
                .iter()
                .any(|item| item.is_object() || item.is_array() || item.is_null())
            {
                of_key(error(format!(
                    "the condition on `{key}` in {name} of the policy takes texts, numbers or booleans"
                )));
            }
        }
    }
    found
}

fn operator_rule(name: &str, operator: &str) -> Option<Finding> {
    let plain = operator
        .strip_prefix("ForAllValues:")
        .or_else(|| operator.strip_prefix("ForAnyValue:"))
        .unwrap_or(operator);
    let bare = plain.strip_suffix("IfExists").unwrap_or(plain);
    let error = |cause: &str| {
        Finding::error(
            INVALID,
            format!("{name} of the policy has the condition operator `{operator}`"),
        )
        .because(cause)
    };
    if bare == "Null" && plain != bare {
        return Some(error(
            "`Null` itself asks whether a key is there, and takes no `IfExists`",
        ));
    }
    // Whether IAM minds the case is not documented; only names that are none are refused.
    if OPERATORS.iter().any(|known| known.eq_ignore_ascii_case(bare)) {
        return None;
    }
    let finding = error("there is no such operator");
    Some(match did_you_mean(bare, OPERATORS.iter().copied()) {
        Some(meant) => finding.help(meant),
        None => finding.help("the usual ones are `StringEquals`, `StringLike`, `Bool`, `IpAddress`, `ArnLike`, `DateLessThan`; with `IfExists` behind, or `ForAnyValue:` in front"),
    })
}

fn unknown_keys(fields: &Map<String, Value>, known: &[&str], what: &str) -> Vec<Finding> {
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
        let plain = r#"{"Effect":"Allow","Action":["s3:Get*","*"],"NotResource":"*","Condition":{}}"#;
        assert_eq!(with(plain), [""; 0]);
        assert_eq!(
            with(
                r#"{"Sid":"Only1","Effect":"Deny","NotAction":"execute-api:Invoke","Resource":["arn:aws:s3:::b/${aws:username}/*"],
                "Condition":{"ForAnyValue:StringLikeIfExists":{"aws:PrincipalTag/team":["a","b"]},"Bool":{"aws:SecureTransport":false},
                "Null":{"aws:TokenIssueTime":"true"},"NumericLessThanEquals":{"s3:max-keys":10}}}"#
            ),
            [""; 0]
        );
        assert_eq!(with(&format!(r#"{{"Sid":"",{}"#, &plain[1..])), [""; 0]);
    }

    #[test]
    fn white_space_does_not_count_towards_the_small_limit() {
        let padded = format!(
            r#"{{"Version":"2012-10-17",{}"Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}}]}}"#,
            " ".repeat(20_000)
        );
        assert_eq!(messages(&padded), [""; 0]);
        let resource = format!("arn:{}", "r".repeat(10_240));
        let large = with(&format!(
            r#"{{"Effect":"Allow","Action":"*","Resource":"{resource}"}}"#
        ));
        assert!(large[0].contains("10240") && large.len() == 1, "{large:?}");
        assert!(messages(&" ".repeat(32_769))[0].contains("32768"));
    }

    #[test]
    fn what_iam_would_refuse_is_found() {
        assert!(messages("{")[0].contains("not JSON"));
        assert!(with(r#"{"Effect":"allow","Action":"*","Resource":"*"}"#)[0].contains("`Effect` \"allow\""));
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
        assert!(messages(r#"{"Version":"2012-10-17","Statement":[]}"#)[0].contains("no statement"));
    }

    #[test]
    fn texts_that_iam_cannot_read_are_found_all_at_once() {
        let found = with(
            r#"{"Sid":"bad sid!","Effect":"Allow","Action":["s3:Get Object","s3"],"Resource":["not-an-arn"],
            "Condition":{"StringEqual":{"aws:x":"1"},"NullIfExists":{"aws:y":"true"},"Bool":{"mfa":true,"aws:z":[]},"IpAddress":"10.0.0.0/8"}}"#,
        );
        for part in [
            "`Sid` \"bad sid!\"",
            "actions \"s3:Get Object\", \"s3\"",
            "resource \"not-an-arn\"",
            "operator `StringEqual`",
            "operator `NullIfExists`",
            "key `mfa`",
            "`aws:z` in statement `bad sid!` of the policy has no values",
            "`IpAddress` in statement `bad sid!` of the policy is not an object",
        ] {
            assert!(
                found.iter().any(|message| message.contains(part)),
                "{part}: {found:#?}"
            );
        }
        assert_eq!(found.len(), 8, "{found:#?}");
        assert!(
            with(r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#)[0]
                .contains("`Action` of statement 1 of the policy is empty")
        );
    }
}
