//! What an operation's input must look like, and the service's words for what does not.
//!
//! `shapes.json` is written from the service models by `tests/wire/generate_shapes.py`; the words are those of the
//! constraint violations that AWS's front ends answer with.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::protocol::Service;

/// At most so many violations are listed in one answer.
const VIOLATIONS_SHOWN: usize = 10;

/// The type of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Boolean,
    Timestamp,
    /// Any JSON.
    Document,
}

#[derive(Debug, Deserialize)]
struct Shape {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    members: BTreeMap<String, String>,
    #[serde(default)]
    required: Vec<String>,
    member: Option<String>,
    key: Option<String>,
    value: Option<String>,
    min: Option<i64>,
    max: Option<i64>,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
    pattern: Option<String>,
    /// The pattern as the model has it, where the other one had to be written differently.
    shown: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ServiceShapes {
    version: String,
    operations: BTreeMap<String, Option<String>>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
struct Models {
    services: BTreeMap<String, ServiceShapes>,
}

/// Why an input is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unacceptable {
    /// It has a value of another type than the model says (`SerializationException`).
    Type(String),
    /// It breaks constraints; the message lists them.
    Constraint(String),
}

/// The shapes of the inputs of every operation offered.
#[derive(Debug)]
pub struct Shapes {
    models: Models,
    patterns: Mutex<HashMap<String, Option<Regex>>>,
}

impl Shapes {
    /// Reads the shapes that were compiled in.
    ///
    /// # Errors
    /// When they are damaged, which a test excludes.
    pub fn load() -> Result<Self, serde_json::Error> {
        Ok(Shapes {
            models: serde_json::from_str(include_str!("shapes.json"))?,
            patterns: Mutex::new(HashMap::new()),
        })
    }

    /// The version of a service's API, as it stands in query requests.
    pub fn version(&self, service: Service) -> &str {
        self.service(service).map_or("", |of| of.version.as_str())
    }

    /// The operations of a service that have a shape.
    #[cfg(test)]
    pub fn operations(&self, service: Service) -> impl Iterator<Item = &str> {
        self.service(service)
            .into_iter()
            .flat_map(|of| of.operations.keys().map(String::as_str))
    }

    /// Checks an input against the model.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, service: Service, operation: &str, input: &Value) -> Result<(), Unacceptable> {
        let Some(of) = self.service(service) else {
            return Ok(());
        };
        let Some(Some(name)) = of.operations.get(operation) else {
            return Ok(());
        };
        let mut check = Check {
            shapes: self,
            of,
            violations: Vec::new(),
        };
        check.value(name, "", input).map_err(Unacceptable::Type)?;
        match check.violations.len() {
            0 => Ok(()),
            count => {
                let plural = if count == 1 { "" } else { "s" };
                let listed = check.violations.iter().take(VIOLATIONS_SHOWN);
                let listed: Vec<&str> = listed.map(String::as_str).collect();
                Err(Unacceptable::Constraint(format!(
                    "{count} validation error{plural} detected: {}",
                    listed.join("; ")
                )))
            }
        }
    }

    /// The JSON input of a query request: its parameters that the model has as scalars, with their types.
    ///
    /// # Errors
    /// When a number is none.
    pub fn query_input(
        &self,
        service: Service,
        operation: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Value, Unacceptable> {
        let shapes = self.service(service);
        let name = shapes.and_then(|of| of.operations.get(operation)?.as_deref());
        let shape = name.and_then(|name| shapes?.shapes.get(name));
        let mut input = Map::new();
        for (member, kind) in shape.into_iter().flat_map(|shape| &shape.members) {
            let Some(text) = parameters.get(member) else {
                continue;
            };
            let kind = shapes.and_then(|of| of.shapes.get(kind)).map(|shape| shape.kind);
            let value = match kind {
                Some(Kind::Integer | Kind::Long) => text.parse::<i64>().map(Value::from).map_err(|_| {
                    Unacceptable::Type(format!("\"{text}\" is not a valid value for {member}"))
                })?,
                Some(Kind::Boolean) => Value::from(text == "true"),
                _ => Value::from(text.as_str()),
            };
            input.insert(member.clone(), value);
        }
        Ok(Value::Object(input))
    }

    fn service(&self, service: Service) -> Option<&ServiceShapes> {
        self.models.services.get(service.model())
    }

    /// Whether the whole text matches; true for a pattern that cannot be read.
    fn matches(&self, pattern: &str, text: &str) -> bool {
        let mut known = self.patterns.lock().unwrap_or_else(PoisonError::into_inner);
        let regex = known
            .entry(pattern.to_owned())
            .or_insert_with(|| Regex::new(&format!("^(?:{pattern})$")).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

struct Check<'a> {
    shapes: &'a Shapes,
    of: &'a ServiceShapes,
    violations: Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, shape: &str, path: &str, value: &Value) -> Result<(), String> {
        let of = self.of;
        let Some(shape) = of.shapes.get(shape) else {
            return Ok(());
        };
        match (shape.kind, value) {
            (Kind::Structure, Value::Object(members)) => self.structure(shape, path, members),
            (Kind::List, Value::Array(items)) => self.list(shape, path, items),
            (Kind::Map, Value::Object(entries)) => self.map(shape, path, entries),
            (Kind::String, Value::String(text)) => {
                self.text(shape, path, text);
                Ok(())
            }
            (Kind::Integer | Kind::Long, Value::Number(number)) => {
                self.number(shape, path, number.as_f64().unwrap_or_default() as i64);
                Ok(())
            }
            (Kind::Boolean, Value::Bool(_)) | (Kind::Timestamp, Value::Number(_)) | (Kind::Document, _) => {
                Ok(())
            }
            (kind, found) => Err(wrong_type(kind, found)),
        }
    }

    fn structure(&mut self, shape: &Shape, path: &str, members: &Map<String, Value>) -> Result<(), String> {
        for name in &shape.required {
            if members.get(name).is_none_or(Value::is_null) {
                let path = below(path, &lower_first(name));
                self.violations.push(format!(
                    "Value null at '{path}' failed to satisfy constraint: Member must not be null"
                ));
            }
        }
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            if let Some(of) = shape.members.get(name) {
                self.value(of, &below(path, &lower_first(name)), value)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, shape: &Shape, path: &str, items: &[Value]) -> Result<(), String> {
        self.length(shape, path, &Value::from(items), items.len());
        for (index, item) in items.iter().enumerate() {
            if let Some(member) = &shape.member {
                self.value(member, &format!("{path}.{}.member", index + 1), item)?;
            }
        }
        Ok(())
    }

    fn map(&mut self, shape: &Shape, path: &str, entries: &Map<String, Value>) -> Result<(), String> {
        self.length(shape, path, &Value::from(entries.clone()), entries.len());
        for (name, value) in entries {
            if let Some(key) = &shape.key {
                self.value(key, path, &Value::from(name.as_str()))?;
            }
            if let Some(of) = &shape.value {
                self.value(of, &format!("{path}.{name}"), value)?;
            }
        }
        Ok(())
    }

    fn text(&mut self, shape: &Shape, path: &str, text: &str) {
        let value = Value::from(text);
        if !shape.values.is_empty() && !shape.values.iter().any(|known| known == text) {
            let mut values = shape.values.clone();
            values.sort();
            let constraint = format!("satisfy enum value set: [{}]", values.join(", "));
            self.violation(path, &value, &constraint);
        }
        self.length(shape, path, &value, text.chars().count());
        if let Some(pattern) = &shape.pattern
            && !self.shapes.matches(pattern, text)
        {
            let shown = shape.shown.as_ref().unwrap_or(pattern);
            self.violation(
                path,
                &value,
                &format!("satisfy regular expression pattern: {shown}"),
            );
        }
    }

    fn number(&mut self, shape: &Shape, path: &str, number: i64) {
        let value = Value::from(number);
        if let Some(least) = shape.min.filter(|least| number < *least) {
            let constraint = format!("have value greater than or equal to {least}");
            self.violation(path, &value, &constraint);
        }
        if let Some(most) = shape.max.filter(|most| number > *most) {
            self.violation(path, &value, &format!("have value less than or equal to {most}"));
        }
    }

    fn length(&mut self, shape: &Shape, path: &str, value: &Value, length: usize) {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        if let Some(least) = shape.min.filter(|least| length < *least) {
            let constraint = format!("have length greater than or equal to {least}");
            self.violation(path, value, &constraint);
        }
        if let Some(most) = shape.max.filter(|most| length > *most) {
            self.violation(path, value, &format!("have length less than or equal to {most}"));
        }
    }

    fn violation(&mut self, path: &str, value: &Value, constraint: &str) {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.violations.push(format!(
            "Value '{shown}' at '{path}' failed to satisfy constraint: Member must {constraint}"
        ));
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// `InstanceArn` as the messages write it: `instanceArn`.
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

fn wrong_type(wanted: Kind, found: &Value) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "TRUE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => return "Start of list found where not expected".to_owned(),
        Value::Object(_) => return "Start of structure or map found where not expected.".to_owned(),
    };
    let wanted = match wanted {
        Kind::Structure | Kind::Map => return "Unexpected field type".to_owned(),
        Kind::List => return "Expected list or null".to_owned(),
        Kind::String => "String",
        Kind::Integer => "Integer",
        Kind::Long => "Long",
        Kind::Boolean => "Boolean",
        Kind::Timestamp => "Timestamp",
        Kind::Document => "Document",
    };
    format!("{found} can not be converted to a {wanted}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(operation: &str, input: &Value) -> Result<(), Unacceptable> {
        Shapes::load().unwrap().check(Service::SsoAdmin, operation, input)
    }

    const INSTANCE: &str = "arn:aws:sso:::instance/ssoins-0123456789abcdef";

    #[test]
    fn every_pattern_can_be_read() {
        let shapes = Shapes::load().unwrap();
        let mut seen = 0;
        for of in shapes.models.services.values() {
            for (name, shape) in &of.shapes {
                if let Some(pattern) = &shape.pattern {
                    seen += 1;
                    assert!(
                        Regex::new(&format!("^(?:{pattern})$")).is_ok(),
                        "{name}: {pattern}"
                    );
                }
            }
        }
        assert!(seen > 40, "only {seen}");
    }

    #[test]
    fn what_is_missing_too_long_or_malformed_is_listed_together() {
        let input =
            json!({ "Name": "a name with spaces that is longer than it may be", "InstanceArn": INSTANCE });
        let Err(Unacceptable::Constraint(message)) = checked("CreatePermissionSet", &input) else {
            panic!("accepted");
        };
        assert!(message.starts_with("2 validation errors detected: Value 'a name"));
        assert!(message.contains(
            "at 'name' failed to satisfy constraint: Member must have length less than or equal to 32; "
        ));
        assert!(message.ends_with(r"Member must satisfy regular expression pattern: [\w+=,.@-]+"));
        assert_eq!(
            checked("CreatePermissionSet", &json!({ "Name": "admin" })),
            Err(Unacceptable::Constraint(
                "1 validation error detected: Value null at 'instanceArn' failed to satisfy constraint: Member must not be null"
                    .to_owned()
            ))
        );
    }

    #[test]
    fn members_of_lists_and_enumerations_are_checked() {
        let tags = json!({ "Name": "a", "InstanceArn": INSTANCE, "Tags": [{ "Key": "", "Value": "v" }] });
        let Err(Unacceptable::Constraint(message)) = checked("CreatePermissionSet", &tags) else {
            panic!("accepted");
        };
        assert!(message.contains("'tags.1.member.key'"), "{message}");
        let scope = json!({ "RegionScope": "NEARBY" });
        let Err(Unacceptable::Constraint(message)) = checked("ListInstances", &scope) else {
            panic!("accepted");
        };
        assert!(message.ends_with("Member must satisfy enum value set: [ALL_REGIONS, CURRENT_REGION]"));
    }

    #[test]
    fn patterns_are_ascii_and_match_the_whole_text() {
        let named = |name: &str| {
            checked(
                "CreatePermissionSet",
                &json!({ "Name": name, "InstanceArn": INSTANCE }),
            )
        };
        assert_eq!(named("a+=,.@-Z_9"), Ok(()));
        assert!(named("ä").is_err());
        assert!(named("a\n").is_err());
    }

    #[test]
    fn another_type_is_no_constraint_violation() {
        assert_eq!(
            checked("ListInstances", &json!({ "MaxResults": "10" })),
            Err(Unacceptable::Type(
                "STRING_VALUE can not be converted to a Integer".to_owned()
            ))
        );
        assert_eq!(
            checked("ListInstances", &json!({ "MaxResults": null, "Other": 1 })),
            Ok(())
        );
    }

    #[test]
    fn query_parameters_get_their_types() {
        let shapes = Shapes::load().unwrap();
        let parameters = |max: &str| {
            [
                ("MaxItems".to_owned(), max.to_owned()),
                ("PathPrefix".to_owned(), "/a/".to_owned()),
            ]
            .into()
        };
        assert_eq!(
            shapes.query_input(Service::Iam, "ListRoles", &parameters("7")),
            Ok(json!({ "MaxItems": 7, "PathPrefix": "/a/" }))
        );
        assert!(
            shapes
                .query_input(Service::Iam, "ListRoles", &parameters("x"))
                .is_err()
        );
    }
}
