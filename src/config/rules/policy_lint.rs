//! What an inline policy says that cannot be meant: actions that there are not, statements without effect, and more
//! than it seems.
//!
//! All of it is a warning: IAM takes such documents. What it refuses is in [`super::inline_policy`]. Sources: the list of
//! [`super::iam`]; IAM user guide, "IAM JSON policy elements" (Action, NotAction, Resource, Condition operators) and
//! "Policy evaluation logic"; Service Authorization Reference, "Actions table" (an action without a resource type needs
//! `"Resource": "*"`).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::rules::Finding;
use crate::config::rules::iam::{Action, Catalogue, KeyType};
use crate::diagnostic::{Code, did_you_mean};
use crate::model::policy_document::matches;

/// An action, or a service, that is not in the list.
const UNKNOWN_ACTION: Code = Code("unknown-action");
/// A statement, or a part of one, that changes nothing.
const NO_EFFECT: Code = Code("statement-without-effect");
/// A statement that allows nearly everything.
const WIDE: Code = Code("wide-statement");
/// A condition that compares what cannot be compared.
const CONDITION: Code = Code("condition-type");

/// What is not linted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// No policy is.
    pub off: bool,
    /// Actions that are there all the same, with wildcards.
    pub known_actions: Vec<Arc<str>>,
    /// `Sid`s of statements that are left alone, with wildcards.
    pub statements: Vec<Arc<str>>,
}

/// A finding with its place in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which statement, from 0.
    pub statement: usize,
    /// Which element of it.
    pub element: &'static str,
    /// The text in it that is at fault, where it is one.
    pub value: Option<String>,
    /// What is wrong.
    pub finding: Finding,
}

/// Everything worth a warning in a document that has the form of a policy.
pub fn check(document: &Value, settings: &Settings) -> Vec<Found> {
    if settings.off {
        return Vec::new();
    }
    let statements: Vec<&Map<String, Value>> = match document.get("Statement") {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(one)) => vec![one],
        _ => return Vec::new(),
    };
    let statements: Vec<Statement<'_>> = statements.into_iter().enumerate().map(Statement::new).collect();
    let mut found = Vec::new();
    for statement in &statements {
        if settings
            .statements
            .iter()
            .any(|sid| !statement.sid.is_empty() && matches(sid, statement.sid))
        {
            continue;
        }
        statement.actions(settings, &mut found);
        statement.wide(&mut found);
        statement.resources(&mut found);
        statement.conditions(&mut found);
        statement.among(&statements, &mut found);
    }
    found
}

/// A statement, read.
struct Statement<'d> {
    index: usize,
    sid: &'d str,
    fields: &'d Map<String, Value>,
    allows: bool,
    actions: Vec<&'d str>,
    all_but_actions: bool,
    resources: Vec<&'d str>,
    all_but_resources: bool,
    condition: Option<&'d Map<String, Value>>,
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => Vec::new(),
    }
}

fn is_all(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.chars().all(|c| c == '*')
}

/// Whether one pattern means all that another means; `false` where that is not plain.
fn covers(pattern: &str, other: &str) -> bool {
    pattern.eq_ignore_ascii_case(other) || !pattern.contains('?') && matches(pattern, other)
}

impl<'d> Statement<'d> {
    fn new((index, fields): (usize, &'d Map<String, Value>)) -> Self {
        let condition = fields.get("Condition").and_then(Value::as_object);
        Statement {
            index,
            sid: fields.get("Sid").and_then(Value::as_str).unwrap_or_default(),
            fields,
            allows: fields.get("Effect").and_then(Value::as_str) == Some("Allow"),
            actions: texts(fields.get("Action").or_else(|| fields.get("NotAction"))),
            all_but_actions: !fields.contains_key("Action"),
            resources: texts(fields.get("Resource").or_else(|| fields.get("NotResource"))),
            all_but_resources: !fields.contains_key("Resource"),
            condition: condition.filter(|condition| !condition.is_empty()),
        }
    }

    fn name(&self) -> String {
        match self.sid {
            "" => format!("statement {}", self.index + 1),
            sid => format!("statement `{sid}`"),
        }
    }

    fn found(&self, element: &'static str, value: Option<&str>, finding: Finding) -> Found {
        Found {
            statement: self.index,
            element,
            value: value.map(str::to_owned),
            finding,
        }
    }

    fn action_element(&self) -> &'static str {
        if self.all_but_actions {
            "NotAction"
        } else {
            "Action"
        }
    }

    /// Actions and services that are not in the list, and patterns that mean none.
    fn actions(&self, settings: &Settings, found: &mut Vec<Found>) {
        let list = Catalogue::known();
        for action in &self.actions {
            let Some((prefix, name)) = action.split_once(':') else {
                continue;
            };
            let is_given = settings.known_actions.iter().any(|known| matches(known, action));
            if is_given || prefix.contains(['*', '?']) {
                continue;
            }
            let said = match list.service(prefix) {
                None => {
                    let meant = did_you_mean(&prefix.to_ascii_lowercase(), list.prefixes());
                    Some((
                        format!("there is no service `{prefix}` in IAM's list of services"),
                        meant,
                    ))
                }
                Some(service) if service.matching(name).next().is_none() => {
                    let message = match name.contains(['*', '?']) {
                        true => format!("`{action}` means no action that is known"),
                        false => format!("the service `{prefix}` has no action `{name}` that is known"),
                    };
                    Some((
                        message,
                        did_you_mean(name, service.actions().map(|action| action.name)),
                    ))
                }
                Some(_) => None,
            };
            if let Some((message, meant)) = said {
                let date = list.date();
                let finding = Finding::warning(UNKNOWN_ACTION, message).because(format!(
                    "the list is AWS's of {date}; what came later is missing in it"
                ));
                let other = "if it is right, name it in `lint { known_actions = […] }`".to_owned();
                let finding = finding.help(meant.map_or(other.clone(), |meant| format!("{meant} {other}")));
                found.push(self.found(self.action_element(), Some(action), finding));
            }
        }
    }

    /// Whether it is about every resource.
    fn is_total(&self) -> bool {
        match self.all_but_resources {
            true => self.resources.is_empty(),
            false => self.resources.iter().any(|resource| is_all(resource)),
        }
    }

    fn wide(&self, found: &mut Vec<Found>) {
        if !self.allows || self.condition.is_some() || !self.is_total() {
            return;
        }
        let name = self.name();
        if self.all_but_actions {
            let finding = Finding::warning(WIDE, format!("{name} allows every action but those it names"))
                .because(
                    "with `Allow`, `NotAction` gives all other services too, and what AWS adds to them later",
                )
                .help("name what is allowed in `Action`, or keep `NotAction` for `Deny`");
            found.push(self.found("NotAction", None, finding));
            return;
        }
        let everything = self.actions.iter().find(|action| {
            is_all(action)
                || action
                    .split_once(':')
                    .is_some_and(|(service, name)| is_all(service) && is_all(name))
        });
        let iam = self.actions.iter().find(|action| covers(action, "iam:*"));
        let said = match (everything, iam) {
            (Some(action), _) => (action, "is an administrator's: every action on every resource"),
            (None, Some(action)) => (
                action,
                "is as good as an administrator's: who writes IAM gives themselves the rest",
            ),
            (None, None) => return,
        };
        let finding = Finding::warning(WIDE, format!("{name} {}", said.1))
            .help("attach AdministratorAccess if that is meant, so that it is seen; or name the actions");
        found.push(self.found("Action", Some(said.0), finding));
    }

    /// Resources that no action of the statement can be about.
    fn resources(&self, found: &mut Vec<Found>) {
        if self.all_but_actions || self.all_but_resources || self.is_total() || self.resources.is_empty() {
            return;
        }
        let list = Catalogue::known();
        let services: Vec<&str> = self
            .resources
            .iter()
            .map(|arn| arn.split(':').nth(2).unwrap_or("*"))
            .collect();
        let shown = self.resources.first().copied().unwrap_or_default();
        for action in &self.actions {
            let Some((prefix, name)) = action.split_once(':') else {
                continue;
            };
            let Some(service) = list.service(prefix) else {
                continue;
            };
            let meant: Vec<Action> = service.matching(name).collect();
            if meant.is_empty() {
                continue;
            }
            let message = if meant.iter().all(|action| action.only_all) {
                Some("it is about no type of resource, so that only `*` in `Resource` means it".to_owned())
            } else if !services.iter().any(|arn| service.has_arns_of(arn)) {
                Some(format!("no resource of `{prefix}` has such an ARN as {shown:?}"))
            } else {
                None
            };
            if let Some(cause) = message {
                let effect = if self.allows { "allows" } else { "denies" };
                let message = format!("{} {effect} nothing by `{action}`", self.name());
                let finding = Finding::warning(NO_EFFECT, message)
                    .because(format!("{cause} (AWS's list of {})", list.date()))
                    .help("put it into a statement with the resources that it is about");
                found.push(self.found("Action", Some(action), finding));
            }
        }
    }

    /// Values that their operators cannot compare, and operators that do not go with their keys.
    fn conditions(&self, found: &mut Vec<Found>) {
        for (operator, keys) in self.condition.into_iter().flatten() {
            let Some(family) = Family::of(operator) else {
                continue;
            };
            for (key, values) in keys.as_object().into_iter().flatten() {
                let values: Vec<String> = match values {
                    Value::Array(items) => items.iter().map(plain).collect(),
                    one => vec![plain(one)],
                };
                let bad = values
                    .iter()
                    .find(|value| !value.contains("${") && !family.takes(value));
                if let Some(bad) = bad {
                    let finding = Finding::warning(
                        CONDITION,
                        format!(
                            "`{operator}` in {} cannot compare `{key}` with {bad:?}",
                            self.name()
                        ),
                    )
                    .because(family.wants());
                    found.push(self.found("Condition", Some(bad), finding));
                } else if let Some(of) = Catalogue::known().key_type(key).filter(|of| !family.fits(*of)) {
                    let finding = Finding::warning(
                        CONDITION,
                        format!("`{operator}` in {} does not go with `{key}`", self.name()),
                    )
                    .because(format!("the key holds {}", of.words()))
                    .help(format!("use {}", of.operators()));
                    found.push(self.found("Condition", Some(key), finding));
                }
            }
        }
    }

    /// Whether it means all that another means, and holds whenever that does.
    fn includes(&self, other: &Statement<'_>) -> bool {
        let plain = !self.all_but_actions && !self.all_but_resources && self.condition.is_none();
        let all_of = |mine: &[&str], theirs: &[&str]| {
            theirs
                .iter()
                .all(|theirs| mine.iter().any(|mine| covers(mine, theirs)))
        };
        let everything = self.actions.iter().any(|action| is_all(action));
        plain
            && (everything || !other.all_but_actions && all_of(&self.actions, &other.actions))
            && (self.is_total() || !other.all_but_resources && all_of(&self.resources, &other.resources))
    }

    /// What other statements make of it.
    fn among(&self, all: &[Statement<'_>], found: &mut Vec<Found>) {
        let without_sid = |fields: &Map<String, Value>| {
            let mut fields = fields.clone();
            fields.remove("Sid");
            fields
        };
        for other in all.iter().filter(|other| other.index != self.index) {
            let is_later = self.index > other.index;
            let said = if self.allows == other.allows && without_sid(self.fields) == without_sid(other.fields)
            {
                is_later.then(|| format!("{} says the same as {}", self.name(), other.name()))
            } else if self.allows && !other.allows && other.includes(self) {
                Some(format!(
                    "{} allows nothing: {} denies all of it",
                    self.name(),
                    other.name()
                ))
            } else if self.allows == other.allows
                && other.includes(self)
                && (is_later || !self.includes(other))
            {
                Some(format!("{} adds nothing to {}", self.name(), other.name()))
            } else {
                None
            };
            if let Some(message) = said {
                let finding = Finding::warning(NO_EFFECT, message).help("remove one of them");
                found.push(self.found("", None, finding));
                return;
            }
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What operators compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Numeric,
    Date,
    Bool,
    IpAddress,
    Arn,
}

impl Family {
    fn of(operator: &str) -> Option<Self> {
        let plain = operator.rsplit(':').next().unwrap_or(operator);
        let families = [
            ("String", Family::Text),
            ("Numeric", Family::Numeric),
            ("Date", Family::Date),
            ("Bool", Family::Bool),
            ("IpAddress", Family::IpAddress),
            ("NotIpAddress", Family::IpAddress),
            ("Arn", Family::Arn),
        ];
        let begins = |name: &str| {
            plain
                .get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        families
            .iter()
            .find(|(name, _)| begins(name))
            .map(|(_, family)| *family)
    }

    fn takes(self, value: &str) -> bool {
        match self {
            Family::Text => true,
            Family::Numeric => value.parse::<f64>().is_ok_and(f64::is_finite),
            Family::Date => is_date(value),
            Family::Bool => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Family::IpAddress => is_range(value),
            Family::Arn => value.starts_with("arn:") || value.starts_with('*'),
        }
    }

    fn wants(self) -> &'static str {
        match self {
            Family::Text => "it compares texts",
            Family::Numeric => "it compares whole numbers and decimal fractions",
            Family::Date => {
                "it compares dates in the form of ISO 8601, like `2026-11-28T00:00:00Z`, or seconds since 1970"
            }
            Family::Bool => "it compares `true` and `false`",
            Family::IpAddress => "it compares addresses and ranges, like `203.0.113.0/24`",
            Family::Arn => "it compares ARNs",
        }
    }

    /// Texts are compared with ARNs and truth as they are spelled, and dates may be numbers.
    fn fits(self, of: KeyType) -> bool {
        match of {
            KeyType::Numeric => self == Family::Numeric,
            KeyType::Date => matches!(self, Family::Date | Family::Numeric),
            KeyType::Bool => matches!(self, Family::Bool | Family::Text),
            KeyType::IpAddress => self == Family::IpAddress,
            KeyType::Arn => matches!(self, Family::Arn | Family::Text),
        }
    }
}

impl KeyType {
    fn words(self) -> &'static str {
        match self {
            KeyType::Numeric => "a number",
            KeyType::Date => "a date",
            KeyType::Bool => "`true` or `false`",
            KeyType::IpAddress => "an IP address",
            KeyType::Arn => "an ARN",
        }
    }

    fn operators(self) -> &'static str {
        match self {
            KeyType::Numeric => "`NumericEquals` and its kind",
            KeyType::Date => "`DateLessThan` and its kind",
            KeyType::Bool => "`Bool`",
            KeyType::IpAddress => "`IpAddress` or `NotIpAddress`",
            KeyType::Arn => "`ArnLike` and its kind",
        }
    }
}

fn is_date(value: &str) -> bool {
    let epoch = value.parse::<i64>().is_ok();
    let date = value.parse::<jiff::civil::Date>().is_ok();
    epoch
        || date
        || value.parse::<jiff::Timestamp>().is_ok()
        || value.parse::<jiff::civil::DateTime>().is_ok()
}

fn is_range(value: &str) -> bool {
    let (address, length) = match value.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (value, None),
    };
    let Ok(address) = address.parse::<std::net::IpAddr>() else {
        return false;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(statements: &str) -> Vec<(Code, String)> {
        found_with(statements, &Settings::default())
    }

    fn found_with(statements: &str, settings: &Settings) -> Vec<(Code, String)> {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        let document: Value = serde_json::from_str(&text).unwrap();
        let found = check(&document, settings).into_iter();
        found
            .map(|found| (found.finding.code, found.finding.message))
            .collect()
    }

    fn allow(actions: &str, resource: &str) -> String {
        format!(r#"{{"Effect":"Allow","Action":[{actions}],"Resource":"{resource}"}}"#)
    }

    #[track_caller]
    fn one(statements: &str, code: Code, part: &str) {
        let found = found(statements);
        assert!(
            found.len() == 1 && found[0].0 == code && found[0].1.contains(part),
            "{statements}: {found:#?}"
        );
    }

    #[test]
    fn good_statements_are_left_alone() {
        let good = [
            allow(r#""s3:GetObject","s3:Get*","S3:listbucket""#, "arn:aws:s3:::logs/*"),
            allow(r#""s3:ListAllMyBuckets","ec2:Describe*""#, "*"),
            allow(r#""iam:PassRole""#, "arn:aws:iam::*:role/app-*"),
            allow(r#""elasticloadbalancing:*""#, "arn:aws:elasticloadbalancing:*:*:loadbalancer/*"),
            allow(r#""logs:GetLogEvents""#, "arn:*:logs:*:*:log-group:*"),
            allow(r#""*:Describe*""#, "*"),
            r#"{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*"}"#.to_owned(),
            r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}"#
                .to_owned(),
            r#"{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::111122223333:role/x"}"#.to_owned(),
        ];
        for statement in good {
            assert_eq!(found(&statement), [], "{statement}");
        }
    }

    #[test]
    fn what_is_not_in_the_list_is_told() {
        one(
            &allow(r#""s4:GetObject""#, "*"),
            UNKNOWN_ACTION,
            "no service `s4`",
        );
        one(
            &allow(r#""s3:GetObjekt""#, "*"),
            UNKNOWN_ACTION,
            "no action `GetObjekt`",
        );
        one(
            &allow(r#""s3:Gett*""#, "*"),
            UNKNOWN_ACTION,
            "`s3:Gett*` means no action",
        );
        one(
            r#"{"Effect":"Deny","NotAction":["iam:Nothing"],"Resource":"*"}"#,
            UNKNOWN_ACTION,
            "no action `Nothing`",
        );
        let known = Settings {
            known_actions: vec!["s4:*".into()],
            ..Settings::default()
        };
        assert_eq!(found_with(&allow(r#""s4:GetObject""#, "*"), &known), []);
        let sid = Settings {
            statements: vec!["Old*".into()],
            ..Settings::default()
        };
        let statement = r#"{"Sid":"OldThings","Effect":"Allow","Action":"s4:GetObject","Resource":"*"}"#;
        assert_eq!(
            (found(statement).len(), found_with(statement, &sid).len()),
            (1, 0)
        );
    }

    #[test]
    fn what_gives_nearly_everything_is_told() {
        one(&allow(r#""*""#, "*"), WIDE, "every action on every resource");
        one(&allow(r#""*:*""#, "*"), WIDE, "every action on every resource");
        one(&allow(r#""iam:*""#, "*"), WIDE, "as good as an administrator's");
        one(
            r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#,
            WIDE,
            "every action but",
        );
        assert_eq!(found(r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#), []);
    }

    #[test]
    fn resources_that_cannot_be_meant_are_told() {
        one(
            &allow(r#""s3:GetObject""#, "arn:aws:dynamodb:*:*:table/x"),
            NO_EFFECT,
            "allows nothing by `s3:GetObject`",
        );
        // Service Authorization Reference: ListAllMyBuckets has no resource types.
        one(
            &allow(r#""s3:ListAllMyBuckets""#, "arn:aws:s3:::logs"),
            NO_EFFECT,
            "ListAllMyBuckets",
        );
        let mixed = allow(r#""s3:GetObject","dynamodb:GetItem""#, "arn:aws:s3:::logs/*");
        one(&mixed, NO_EFFECT, "dynamodb:GetItem");
    }

    #[test]
    fn conditions_compare_like_with_like() {
        let with = |condition: &str| {
            format!(
                r#"{{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::x","Condition":{condition}}}"#
            )
        };
        let bad = [
            (r#"{"Bool":{"aws:SecureTransport":"yes"}}"#, "\"yes\""),
            (r#"{"NumericLessThan":{"s3:max-keys":"many"}}"#, "\"many\""),
            (
                r#"{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}"#,
                "\"tomorrow\"",
            ),
            (
                r#"{"IpAddress":{"aws:SourceIp":["10.0.0.0/33"]}}"#,
                "\"10.0.0.0/33\"",
            ),
            (r#"{"ArnLike":{"aws:PrincipalArn":"admin"}}"#, "\"admin\""),
            (
                r#"{"StringEquals":{"aws:SourceIp":"10.0.0.1"}}"#,
                "does not go with `aws:SourceIp`",
            ),
            (
                r#"{"StringLike":{"s3:max-keys":"1*"}}"#,
                "does not go with `s3:max-keys`",
            ),
        ];
        for (condition, part) in bad {
            one(&with(condition), CONDITION, part);
        }
        let good = [
            r#"{"Bool":{"aws:SecureTransport":false}}"#,
            r#"{"NumericLessThanEqualsIfExists":{"s3:max-keys":10}}"#,
            r#"{"DateGreaterThan":{"aws:CurrentTime":["2026-11-28","2026-11-28T01:00:00Z","1795867200"]}}"#,
            r#"{"ForAnyValue:NotIpAddress":{"aws:SourceIp":["2001:db8::/32","10.0.0.1"]}}"#,
            r#"{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/x","${aws:x}"]}}"#,
            r#"{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*","s3:prefix":"7"}}"#,
            r#"{"Null":{"aws:MultiFactorAuthAge":"true"}}"#,
        ];
        for condition in good {
            assert_eq!(found(&with(condition)), [], "{condition}");
        }
    }

    #[test]
    fn what_other_statements_make_superfluous_is_told() {
        let get = allow(r#""s3:GetObject""#, "arn:aws:s3:::logs/*");
        let all = allow(r#""s3:*""#, "*");
        one(
            &format!("{get},{get}"),
            NO_EFFECT,
            "statement 2 says the same as statement 1",
        );
        one(
            &format!("{get},{all}"),
            NO_EFFECT,
            "statement 1 adds nothing to statement 2",
        );
        one(
            &format!("{all},{get}"),
            NO_EFFECT,
            "statement 2 adds nothing to statement 1",
        );
        let deny = r#"{"Effect":"Deny","Action":["s3:*","sts:*"],"Resource":"*"}"#;
        one(
            &format!("{get},{deny}"),
            NO_EFFECT,
            "statement 1 allows nothing: statement 2 denies all of it",
        );
        let narrow = r#"{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#;
        assert_eq!(found(&format!("{get},{narrow}")), []);
        let put = allow(r#""s3:PutObject""#, "arn:aws:s3:::logs/*");
        assert_eq!(found(&format!("{get},{put}")), []);
        let other = allow(r#""s3:GetObject""#, "arn:aws:s3:::other/*");
        assert_eq!(found(&format!("{get},{other}")), []);
    }
}
