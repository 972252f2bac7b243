//! IAM policy documents, read for what they say: statements, patterns and what those cover.
//!
//! A reading of the form alone, by the policy grammar of the IAM user guide ("Grammar of the IAM JSON policy
//! language"): what a request meets besides the policies of one permission set is not known here.

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use super::resource_pattern::ResourcePattern;
use super::text::{Part, Text};

static EVERYTHING: LazyLock<ResourcePattern> = LazyLock::new(|| ResourcePattern::new("*"));

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementEffect {
    /// It allows.
    Allow,
    /// It denies.
    Deny,
}

/// An element and its negation: `Action` and `NotAction`, `Resource` and `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed<P = Arc<str>> {
    /// What matches one of these patterns.
    Only(Vec<P>),
    /// What matches none of these patterns.
    AllBut(Vec<P>),
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Allow or deny.
    pub effect: StatementEffect,
    /// Patterns of actions.
    pub actions: Listed,
    /// Patterns of resources.
    pub resources: Listed<ResourcePattern>,
    /// Whether it has conditions.
    pub conditional: bool,
}

/// A policy document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyDocument {
    /// Its statements, in their order. What has no readable form is left out.
    pub statements: Vec<Statement>,
}

impl PolicyDocument {
    /// Reads a document; `None` when the text is no JSON object.
    pub fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let statements = match value.as_object()?.get("Statement") {
            Some(Value::Array(items)) => items.iter().filter_map(statement).collect(),
            Some(single) => statement(single).into_iter().collect(),
            None => Vec::new(),
        };
        Some(PolicyDocument { statements })
    }

    /// Reads a text of which parts may be known only after apply; those stand for one thing each, not for patterns.
    pub fn of_text(text: &Text) -> Option<Self> {
        match text {
            Text::Known(known) => Self::parse(known),
            Text::Template(parts) => {
                let part = |part: &Part| match part {
                    Part::Literal(literal) => literal.to_string(),
                    Part::Reference(_) => "known-after-apply".to_owned(),
                };
                Self::parse(&parts.iter().map(part).collect::<String>())
            }
        }
    }

    /// A document with one statement that allows actions on every resource.
    pub fn allowing(actions: Listed) -> Self {
        let statement = Statement {
            effect: StatementEffect::Allow,
            actions,
            resources: Listed::Only(vec![EVERYTHING.clone()]),
            conditional: false,
        };
        PolicyDocument {
            statements: vec![statement],
        }
    }
}

fn statement(value: &Value) -> Option<Statement> {
    let fields = value.as_object()?;
    let effect = match fields.get("Effect")?.as_str()? {
        "Allow" => StatementEffect::Allow,
        "Deny" => StatementEffect::Deny,
        _ => return None,
    };
    let conditions = fields.get("Condition").and_then(Value::as_object);
    Some(Statement {
        effect,
        actions: listed(fields, ("Action", "NotAction"), |text| Arc::from(text))?,
        resources: listed(fields, ("Resource", "NotResource"), ResourcePattern::new)?,
        conditional: conditions.is_some_and(|conditions| !conditions.is_empty()),
    })
}

/// An element, or its negation; `None` where there is neither.
fn listed<P>(
    fields: &Map<String, Value>,
    (only, but): (&str, &str),
    pattern: impl Fn(&str) -> P,
) -> Option<Listed<P>> {
    let patterns = |value: &Value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(&pattern).collect(),
        single => single.as_str().map(&pattern).into_iter().collect(),
    };
    match (fields.get(only), fields.get(but)) {
        (Some(value), _) => Some(Listed::Only(patterns(value))),
        (None, Some(value)) => Some(Listed::AllBut(patterns(value))),
        (None, None) => None,
    }
}

impl Statement {
    /// Whether it is about an action, like `iam:PassRole`. Letter case makes no difference to IAM here.
    pub fn covers(&self, action: &str) -> bool {
        match &self.actions {
            Listed::Only(patterns) => patterns.iter().any(|pattern| matches(pattern, action)),
            Listed::AllBut(patterns) => !patterns.iter().any(|pattern| matches(pattern, action)),
        }
    }

    /// Whether it is about all actions but those of some services, and of others besides: `NotAction` names all of
    /// theirs.
    pub fn is_all_but(&self, services: &[&str]) -> bool {
        let Listed::AllBut(patterns) = &self.actions else {
            return false;
        };
        // No action is called so, and what matches it matches all of the service.
        services.iter().all(|service| {
            let any = format!("{service}:~any~action~of~it~");
            patterns.iter().any(|pattern| matches(pattern, &any))
        })
    }

    /// The patterns of resources; `NotResource` reaches everything, but for what it names.
    pub fn resource_patterns(&self) -> &[ResourcePattern] {
        match &self.resources {
            Listed::Only(patterns) => patterns,
            Listed::AllBut(_) => std::slice::from_ref(&*EVERYTHING),
        }
    }

    /// Whether it is about nothing with ARNs of a form, because `NotResource` takes all of that out.
    pub fn leaves_out(&self, form: &str) -> bool {
        match &self.resources {
            Listed::Only(_) => false,
            Listed::AllBut(but) => but.iter().any(|pattern| pattern.covers_all(form)),
        }
    }

    /// Whether it is about everything with ARNs of a form, for certain.
    pub fn is_about_all(&self, form: &str) -> bool {
        match &self.resources {
            Listed::Only(all) => all.iter().any(|pattern| pattern.covers_all(form)),
            Listed::AllBut(but) => !but.iter().any(|pattern| pattern.may_be(form)),
        }
    }

    /// Whether it is about all that a pattern means, for certain.
    pub fn is_about(&self, resources: &ResourcePattern) -> bool {
        match &self.resources {
            Listed::Only(all) => all.iter().any(|pattern| pattern.covers(resources)),
            Listed::AllBut(but) => but.is_empty(),
        }
    }
}

/// Whether a pattern with `*` and `?` matches a whole text, whatever the letter case.
pub fn matches(pattern: &str, text: &str) -> bool {
    // Actions are ASCII, so a byte is a character; this is asked very often.
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0, 0);
    // The last `*`, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while let Some(next) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(c) if *c == b'?' || c.eq_ignore_ascii_case(next) => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    read = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_iam_does() {
        assert!(matches("iam:Put*Policy", "IAM:putRolePolicy"));
        assert!(matches("*", "sts:AssumeRole"));
        assert!(matches("*:*", "sts:AssumeRole"));
        assert!(matches("sts:Assume????", "sts:AssumeRole"));
        assert!(matches("iam:*Role*", "iam:AttachRolePolicy"));
        assert!(!matches("iam:Put*", "iam:AttachRolePolicy"));
        assert!(!matches("iam:", "iam:PassRole"));
        assert!(!matches("", "iam:PassRole"));
    }

    #[test]
    fn single_values_and_lists_read_alike() {
        let one = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
        let many = r#"{"Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["*"],"Condition":{}}]}"#;
        assert_eq!(PolicyDocument::parse(one), PolicyDocument::parse(many));
        assert_eq!(PolicyDocument::parse("[]"), None);
    }
}
