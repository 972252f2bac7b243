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
use crate::config::rules::iam::arn::may_be;
use crate::config::rules::iam::{Action, Catalogue, KeyType, Service};
use crate::diagnostic::{Code, did_you_mean};
use crate::model::policy_document::matches;
use crate::model::resource_pattern::ResourcePattern;

/// An action, or a service, that is not in the list.
const UNKNOWN_ACTION: Code = Code("unknown-action");
/// A statement, or a part of one, that changes nothing.
const NO_EFFECT: Code = Code("statement-without-effect");
/// A statement that allows nearly everything.
const WIDE: Code = Code("wide-statement");
/// A condition that compares what cannot be compared.
const CONDITION: Code = Code("condition-type");
/// A condition key or policy variable of all services that is not in the list.
const UNKNOWN_KEY: Code = Code("unknown-condition-key");

/// A resource that is no whole ARN.
const INCOMPLETE: Code = Code("incomplete-arn");

/// What is not linted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// No policy is.
    pub off: bool,
    /// Actions that are there all the same, with wildcards.
    pub known_actions: Vec<Arc<str>>,
    /// AWS-managed policies that are there all the same, by ARN, with wildcards.
    pub known_policies: Vec<Arc<str>>,
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
    // In older documents variables are plain text, which is told of the document.
    let has_variables = document.get("Version").and_then(Value::as_str) == Some("2012-10-17");
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
        if has_variables {
            statement.variables(&mut found);
        }
        statement.incomplete(&mut found);
        statement.among(&statements, &mut found);
    }
    found
}

/// Whether one of the statements denies all that the set's other policies can allow.
pub fn denies_all(document: &Value, settings: &Settings) -> Option<Found> {
    let statements = document.get("Statement")?;
    let all = statements
        .as_array()
        .map_or(std::slice::from_ref(statements), Vec::as_slice);
    let read = all
        .iter()
        .filter_map(Value::as_object)
        .enumerate()
        .map(Statement::new);
    let mut denying = read.filter(|statement| {
        let everything = !statement.all_but_actions && statement.actions.iter().any(|action| is_all(action));
        let is_plain = statement.condition.is_none() && statement.is_total();
        everything && is_plain && statement.fields.get("Effect").and_then(Value::as_str) == Some("Deny")
    });
    let statement = denying.next().filter(|statement| {
        let is_left_alone = |sid: &Arc<str>| !statement.sid.is_empty() && matches(sid, statement.sid);
        !settings.off && !settings.statements.iter().any(is_left_alone)
    })?;
    let message = format!(
        "{} denies every action: nothing that this set's other policies allow remains",
        statement.name()
    );
    let finding = Finding::warning(NO_EFFECT, message)
        .because("a deny counts more than any allow")
        .help("remove it, or the other policies; to take access away, remove the assignments");
    Some(statement.found("Action", None, finding))
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
        let name = self.name();
        let is_nearly_total = self.all_but_resources
            && !self.resources.is_empty()
            && (self.all_but_actions || self.actions.iter().any(|action| is_all(action)));
        if self.allows && self.condition.is_none() && is_nearly_total {
            let what = if self.all_but_actions {
                "every action but those it names"
            } else {
                "every action"
            };
            let finding = Finding::warning(
                WIDE,
                format!("{name} allows {what}, on every resource but those it names"),
            )
            .because("with `Allow`, `NotResource` gives everything else too, and what is created later")
            .help("name what is allowed in `Action` and `Resource`, or keep `NotResource` for `Deny`");
            found.push(self.found("NotResource", None, finding));
            return;
        }
        if !self.allows || self.condition.is_some() || !self.is_total() {
            return;
        }
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
                self.other_arns(service, &meant)
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

    /// Resources with fewer parts than an ARN has. One that ends with a wildcard says itself that it goes on.
    fn incomplete(&self, found: &mut Vec<Found>) {
        let element = if self.all_but_resources {
            "NotResource"
        } else {
            "Resource"
        };
        for text in self.resources.iter().filter(|text| !text.ends_with('*')) {
            let Some(whole) = ResourcePattern::completion(text) else {
                continue;
            };
            let message = format!("{} has the resource `{text}`, which is no whole ARN", self.name());
            let finding = Finding::warning(INCOMPLETE, message)
                .because(format!("IAM reads it as `{whole}`"))
                .help(format!("write `{whole}` if that is meant, or the ARN of what is"));
            found.push(self.found(element, Some(text), finding));
        }
    }

    /// If no ARN of the statement can be one that the actions are about: what those look like.
    fn other_arns(&self, service: Service, actions: &[Action]) -> Option<String> {
        let mut wanted: Vec<&str> = Vec::new();
        for action in actions.iter().filter(|action| !action.only_all) {
            let arns = service.arns_of(*action);
            if arns.is_empty() {
                return None;
            }
            wanted.extend(arns);
        }
        let mut pairs = self
            .resources
            .iter()
            .flat_map(|arn| wanted.iter().map(move |wanted| (*arn, *wanted)));
        if wanted.is_empty() || pairs.any(|(arn, wanted)| may_be(arn, wanted)) {
            return None;
        }
        wanted.sort_unstable();
        wanted.dedup();
        let shown: Vec<String> = wanted
            .iter()
            .take(3)
            .map(|arn| format!("`arn:*:{}`", arn.replace('%', "*")))
            .collect();
        Some(format!("what it is about has ARNs like {}", shown.join(" or ")))
    }

    /// Policy variables of all services that there are not, which stand for nothing.
    fn variables(&self, found: &mut Vec<Found>) {
        let conditions = self.condition.into_iter().flatten();
        let keys = conditions.flat_map(|(_, keys)| keys.as_object().into_iter().flatten());
        let compared = keys.flat_map(|(_, values)| texts(Some(values)));
        let element = if self.all_but_resources {
            "NotResource"
        } else {
            "Resource"
        };
        let places = self.resources.iter().map(|arn| (element, *arn));
        for (element, text) in places.chain(compared.map(|text| ("Condition", text))) {
            let starts = text.split("${").skip(1);
            for variable in starts
                .filter_map(|rest| rest.split_once('}'))
                .map(|(name, _)| name)
            {
                let name = variable.split(',').next().unwrap_or_default().trim();
                if is_of_all(name) && !Catalogue::is_global_key(name) {
                    let message = format!("there is no policy variable `${{{name}}}` that is known");
                    let finding = unknown_key(message, name).because(format!(
                        "a variable that there is not never has a value, and the statement never matches (AWS's \
                         list of {})",
                        Catalogue::global_date()
                    ));
                    found.push(self.found(element, Some(text), finding));
                }
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
                if is_of_all(key) && !Catalogue::is_global_key(key) {
                    let message = format!(
                        "{} has the condition key `{key}`, which is not known",
                        self.name()
                    );
                    let finding = unknown_key(message, key).because(format!(
                        "the list is AWS's of {}; what came later is missing in it",
                        Catalogue::global_date()
                    ));
                    found.push(self.found("Condition", Some(key), finding));
                }
                self.as_it_is_written(operator, key, &values, found);
                let plain = |value: &&String| !value.contains("${");
                let bad: Vec<&String> = values
                    .iter()
                    .filter(plain)
                    .filter(|value| !family.takes(value))
                    .collect();
                for bad in &bad {
                    let finding = Finding::warning(
                        CONDITION,
                        format!(
                            "`{operator}` in {} cannot compare `{key}` with {bad:?}",
                            self.name()
                        ),
                    )
                    .because(family.wants());
                    found.push(self.found("Condition", Some(bad), finding));
                }
                let of = Catalogue::known().key_type(key).filter(|of| !family.fits(*of));
                if let Some(of) = of.filter(|_| bad.is_empty()) {
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

    /// Wildcards where they are no wildcards.
    fn as_it_is_written(&self, operator: &str, key: &str, values: &[String], found: &mut Vec<Found>) {
        let plain = operator.rsplit(':').next().unwrap_or(operator);
        let plain = plain.strip_suffix("IfExists").unwrap_or(plain);
        let like = match plain {
            "StringEquals" | "StringEqualsIgnoreCase" => "StringLike",
            "StringNotEquals" | "StringNotEqualsIgnoreCase" => "StringNotLike",
            _ => return,
        };
        for value in values
            .iter()
            .filter(|value| value.replace("${*}", "").contains('*'))
        {
            let message = format!(
                "`{operator}` in {} compares `{key}` with {value:?} as it is written",
                self.name()
            );
            let finding = Finding::warning(CONDITION, message)
                .because("to this operator, `*` is a character like any other")
                .help(format!("use `{}`", operator.replace(plain, like)));
            found.push(self.found("Condition", Some(value), finding));
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

/// Whether a condition key is one of all services.
fn is_of_all(key: &str) -> bool {
    key.split_at_checked(4)
        .is_some_and(|(start, _)| start.eq_ignore_ascii_case("aws:"))
}

fn unknown_key(message: String, key: &str) -> Finding {
    let finding = Finding::warning(UNKNOWN_KEY, message);
    let known = Catalogue::global_keys();
    finding.help(match did_you_mean(key, known) {
        Some(meant) => meant,
        None => "the IAM user guide lists them: \"AWS global condition context keys\"".to_owned(),
    })
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
            allow(r#""s3:GetObject","s3:Get*","S3:listbucket""#, "arn:aws:s3:::logs*"),
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
    fn a_resource_that_is_no_whole_arn_is_told() {
        // IAM user guide, "IAM JSON policy elements: Resource": `arn:aws:sqs` is `arn:aws:sqs:*:*:*`.
        for (action, resource, whole) in [
            ("sqs:SendMessage", "arn:aws:sqs", "`arn:aws:sqs:*:*:*`"),
            (
                "iam:GetRole",
                "arn:aws:iam::111122223333",
                "`arn:aws:iam::111122223333:*`",
            ),
        ] {
            let text = allow(&format!("{action:?}"), resource);
            let document: Value = serde_json::from_str(&format!(r#"{{"Statement":{text}}}"#)).unwrap();
            let found = check(&document, &Settings::default());
            let told = found.iter().find(|one| one.finding.code == INCOMPLETE);
            let told = told.unwrap_or_else(|| panic!("{resource}: {found:#?}"));
            assert_eq!(
                (told.element, told.value.as_deref()),
                ("Resource", Some(resource))
            );
            assert!(
                told.finding.cause.as_deref().unwrap().contains(whole),
                "{told:#?}"
            );
        }
        for good in [
            "arn:aws:sqs:*",
            "arn:aws:sqs:eu-west-1:111122223333:q",
            "*",
            "arn:*",
        ] {
            let found = found(&allow(r#""sqs:SendMessage""#, good));
            assert!(
                found.iter().all(|(code, _)| *code != INCOMPLETE),
                "{good}: {found:#?}"
            );
        }
    }

    #[test]
    fn variables_of_an_old_document_are_plain_text_and_nothing_more_is_said_of_them() {
        let statement = allow(r#""s3:GetObject""#, "arn:aws:s3:::b/${aws:nothing}/*");
        for (version, count) in [("2008-10-17", 0), ("2012-10-17", 1)] {
            let text = format!(r#"{{"Version":"{version}","Statement":[{statement}]}}"#);
            let document: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(check(&document, &Settings::default()).len(), count, "{version}");
        }
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
            r#"{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/x","${aws:PrincipalArn}"]}}"#,
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

    #[test]
    fn resources_of_another_type_are_told() {
        for (action, resource, like) in [
            ("s3:PutObject", "arn:aws:s3:::bucket", "`arn:*:s3:::*/*`"),
            ("s3:ListBucket", "arn:aws:s3:::bucket/*", "`arn:*:s3:::*`"),
            (
                "dynamodb:GetItem",
                "arn:aws:dynamodb:eu-west-1:111122223333:stream/x",
                "`arn:*:dynamodb:*:*:table/*`",
            ),
            (
                "ec2:StartInstances",
                "arn:aws:ec2:eu-west-1:111122223333:volume/*",
                "`arn:*:ec2:*:*:instance/*`",
            ),
            (
                "lambda:InvokeFunction",
                "arn:aws:lambda:*:*:layer:x",
                "function:*",
            ),
            ("kms:Decrypt", "arn:aws:kms:*:*:alias/x", "key/*"),
            ("iam:PassRole", "arn:aws:iam::111122223333:user/x", "role/*"),
        ] {
            let text = allow(&format!("{action:?}"), resource);
            let document: Value = serde_json::from_str(&format!(r#"{{"Statement":{text}}}"#)).unwrap();
            let found = check(&document, &Settings::default());
            assert!(
                matches!(found.as_slice(), [one] if one.finding.code == NO_EFFECT
                    && one.finding.cause.as_deref().is_some_and(|cause| cause.contains(like))),
                "{action} on {resource}: {found:#?}"
            );
        }
    }

    /// Policies of the kinds that the IAM user guide and the services' guides give as examples.
    #[test]
    fn policies_as_people_write_them_are_left_alone() {
        let good = [
            r#"{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}"#,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b"}"#,
            r#"{"Effect":"Allow","Action":"s3:*Object","Resource":["arn:aws:s3:::b/home/${aws:username}/*"]}"#,
            r#"{"Effect":"Allow","Action":"s3:GetObject*","Resource":"arn:aws:s3:::b*"}"#,
            r#"{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b*","Condition":{"StringLike":{"s3:prefix":["","home/","home/${aws:userid}/*"]}}}"#,
            r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:*:*:accesspoint/x/object/*"}"#,
            r#"{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":["arn:aws:dynamodb:*:*:table/Books","arn:aws:dynamodb:*:*:table/Books/index/*"],"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${www.amazon.com:user_id}"]}}}"#,
            r#"{"Effect":"Allow","Action":["ec2:StartInstances","ec2:StopInstances"],"Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"StringEquals":{"aws:ResourceTag/Owner":"${aws:username}"}}}"#,
            r#"{"Effect":"Allow","Action":"ec2:RunInstances","Resource":["arn:aws:ec2:*:*:subnet/subnet-1","arn:aws:ec2:*::image/ami-*"]}"#,
            r#"{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"arn:aws:ec2:*:*:*/*"}"#,
            r#"{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:*:*:log-group:/aws/lambda/*"}"#,
            r#"{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":["arn:aws:lambda:*:*:function:x","arn:aws:lambda:*:*:function:x:live"]}"#,
            r#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/service-role/*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}"#,
            r#"{"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"arn:aws:kms:eu-west-1:111122223333:key/*","Condition":{"StringLike":{"kms:ViaService":"s3.*.amazonaws.com"}}}"#,
            r#"{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:app/*"}"#,
            r#"{"Effect":"Allow","Action":["ssm:GetParameter*"],"Resource":"arn:aws:ssm:*:*:parameter/app/*"}"#,
            r#"{"Effect":"Allow","Action":"ssm:StartSession","Resource":["arn:aws:ec2:*:*:instance/*","arn:aws:ssm:*:*:document/SSM-SessionManagerRunShell"]}"#,
            r#"{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:*:*:queue"}"#,
            r#"{"Effect":"Allow","Action":"sns:Publish","Resource":"arn:aws:sns:*:*:topic"}"#,
            r#"{"Effect":"Allow","Action":"elasticloadbalancing:AddTags","Resource":"arn:aws:elasticloadbalancing:*:*:targetgroup/*/*"}"#,
            r#"{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:*:*:abc/*/GET/pets"}"#,
            r#"{"Effect":"Allow","Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage"],"Resource":"arn:aws:ecr:*:*:repository/x"}"#,
            r#"{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/x","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1","sts:ExternalId":"*not a pattern"}}}"#,
            r#"{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1"]}}}"#,
            r#"{"Effect":"Deny","Action":"*","NotResource":["arn:aws:s3:::b"]}"#,
            r#"{"Effect":"Allow","Action":"rds:*","Resource":["arn:aws:rds:*:*:db:x","arn:aws:rds:*:*:cluster:x"]}"#,
            r#"{"Effect":"Allow","Action":"states:StartExecution","Resource":"arn:aws:states:*:*:stateMachine:x"}"#,
            r#"{"Effect":"Allow","Action":"cloudformation:*","Resource":"arn:aws:cloudformation:*:*:stack/x/*"}"#,
            r#"{"Effect":"Allow","Action":"eks:DescribeCluster","Resource":"arn:aws:eks:*:*:cluster/x"}"#,
            r#"{"Effect":"Allow","Action":"codecommit:GitPull","Resource":"arn:aws:codecommit:*:*:x"}"#,
            r#"{"Effect":"Allow","Action":["iam:*AccessKey*","iam:GetUser"],"Resource":["arn:aws:iam::*:user/${aws:username}"]}"#,
            r#"{"Effect":"Allow","Action":"iam:CreateVirtualMFADevice","Resource":"arn:aws:iam::*:mfa/*"}"#,
            r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/team, 'none'}/${*}"}"#,
        ];
        for statement in good {
            let found: Vec<_> = found(statement)
                .into_iter()
                .filter(|(_, message)| !message.contains("*not a pattern"))
                .collect();
            assert_eq!(found, [], "{statement}");
        }
    }

    #[test]
    fn keys_variables_and_wildcards_that_mean_nothing_are_told() {
        let with = |condition: &str| {
            format!(
                r#"{{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::x","Condition":{condition}}}"#
            )
        };
        one(
            &with(r#"{"StringEquals":{"aws:RequestedRegoin":"eu-west-1"}}"#),
            UNKNOWN_KEY,
            "`aws:RequestedRegoin`",
        );
        one(
            &with(r#"{"StringEquals":{"aws:PrincipalTags/x":"y"}}"#),
            UNKNOWN_KEY,
            "`aws:PrincipalTags/x`",
        );
        one(
            &with(r#"{"StringEquals":{"aws:RequestedRegion":"eu-*"}}"#),
            CONDITION,
            "with \"eu-*\" as it is written",
        );
        one(
            &with(r#"{"ForAnyValue:StringNotEqualsIfExists":{"aws:TagKeys":["a","b*"]}}"#),
            CONDITION,
            "\"b*\"",
        );
        let twice = found(&with(
            r#"{"IpAddress":{"aws:SourceIp":["10.0.0.0/33","x","10.0.0.0/8"]}}"#,
        ));
        assert_eq!(twice.len(), 2, "{twice:?}");
        one(
            &allow(r#""s3:GetObject""#, "arn:aws:s3:::b/${aws:usrname}/*"),
            UNKNOWN_KEY,
            "`${aws:usrname}`",
        );
        one(
            &with(r#"{"StringLike":{"s3:prefix":"${aws:PrincipalTags/team}/*"}}"#),
            UNKNOWN_KEY,
            "PrincipalTags/team",
        );
        one(
            r#"{"Effect":"Allow","NotAction":"s3:*","NotResource":"arn:aws:s3:::x"}"#,
            WIDE,
            "every action but those it names, on every resource but those it names",
        );
        one(
            r#"{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::x"}"#,
            WIDE,
            "every action, on",
        );
    }

    #[test]
    fn a_statement_that_denies_all_leaves_nothing_of_other_policies() {
        let denies = |statement: &str| {
            let document = serde_json::from_str(&format!(r#"{{"Statement":[{statement}]}}"#)).unwrap();
            denies_all(&document, &Settings::default()).is_some()
        };
        assert!(denies(r#"{"Effect":"Deny","Action":["*"],"Resource":"*"}"#));
        assert!(!denies(
            r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#
        ));
        assert!(!denies(r#"{"Effect":"Deny","Action":"iam:*","Resource":"*"}"#));
        assert!(!denies(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#));
        assert!(!denies(r#"{"Effect":"Deny","NotAction":"*","Resource":"*"}"#));
    }
}
