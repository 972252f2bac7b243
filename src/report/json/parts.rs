//! Pieces that several formats share.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::PrincipalKey;
use crate::model::instance::Instance;
use crate::model::stack::{Output, OutputValue};
use crate::plan::outputs::OutputChange;
use crate::report::plan_view::entities::Detail;
use crate::report::plan_view::policy_diff::DiffLine;

/// The Identity Center instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceJson<'a> {
    /// The instance's ARN.
    pub arn: Cow<'a, str>,
    /// The identity store's id.
    pub identity_store: Cow<'a, str>,
    /// The organisation's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Cow<'a, str>>,
    /// The Region.
    pub region: Cow<'a, str>,
}

impl<'a> From<&'a Instance> for InstanceJson<'a> {
    fn from(instance: &'a Instance) -> Self {
        InstanceJson {
            arn: instance.arn.as_str().into(),
            identity_store: instance.identity_store.as_str().into(),
            organization: instance.organization.as_ref().map(|id| id.as_str().into()),
            region: instance.region.as_ref().into(),
        }
    }
}

/// A group or user, existing or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PrincipalJson<'a> {
    /// What it is.
    pub kind: PrincipalKind,
    /// Its display name or user name; the id if it was deleted.
    pub name: Cow<'a, str>,
}

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A group.
    Group,
    /// A user.
    User,
    /// A group that was deleted.
    DeletedGroup,
    /// A user who was deleted.
    DeletedUser,
}

impl<'a> From<&'a PrincipalKey> for PrincipalJson<'a> {
    fn from(key: &'a PrincipalKey) -> Self {
        let kind = match key {
            PrincipalKey::Group(_) => PrincipalKind::Group,
            PrincipalKey::User(_) => PrincipalKind::User,
            PrincipalKey::OrphanGroup(_) => PrincipalKind::DeletedGroup,
            PrincipalKey::OrphanUser(_) => PrincipalKind::DeletedUser,
        };
        PrincipalJson {
            kind,
            name: key.name().into(),
        }
    }
}

/// A difference of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum FieldJson {
    /// A single value.
    Value {
        /// The attribute's name.
        name: String,
        /// Before; absent if there was none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
        /// After; absent if there will be none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// A list or a map.
    Items {
        /// The attribute's name.
        name: String,
        /// What goes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<String>,
        /// What comes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        added: Vec<String>,
    },
    /// A policy, as the differing lines of its canonical form: ` ` equal, `-` before, `+` after, `@` a gap.
    Policy {
        /// The attribute's name.
        name: String,
        /// The lines with their sign.
        lines: Vec<String>,
    },
    /// The policy of a new permission set.
    NewPolicy {
        /// How many statements; absent while that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        statements: Option<u64>,
        /// The whole document in canonical form; what is known only after apply stands in parentheses.
        #[serde(default)]
        document: String,
    },
    /// The content is pushed to roles.
    Provision {
        /// In how many accounts.
        accounts: u64,
    },
}

impl From<&Detail> for FieldJson {
    fn from(detail: &Detail) -> Self {
        match detail {
            Detail::Field { name, before, after } => FieldJson::Value {
                name: name.clone(),
                before: before.clone(),
                after: after.clone(),
            },
            Detail::Items { name, removed, added } => FieldJson::Items {
                name: (*name).to_owned(),
                removed: removed.clone(),
                added: added.clone(),
            },
            Detail::Policy { name, lines } => FieldJson::Policy {
                name: (*name).to_owned(),
                lines: lines.iter().map(signed).collect(),
            },
            Detail::NewPolicy {
                statements, document, ..
            } => FieldJson::NewPolicy {
                statements: *statements,
                document: document.clone(),
            },
            Detail::Provision { accounts, .. } => FieldJson::Provision { accounts: *accounts },
        }
    }
}

fn signed(line: &DiffLine) -> String {
    match line {
        DiffLine::Same(text) => format!(" {text}"),
        DiffLine::Removed(text) => format!("-{text}"),
        DiffLine::Added(text) => format!("+{text}"),
        DiffLine::Gap => "@".to_owned(),
    }
}

/// An output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutputJson {
    /// The value; absent when it is sensitive. A text that waits for apply says so in parentheses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// Whether it is kept from being shown.
    pub sensitive: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// An output that is not what it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutputChangeJson {
    /// As recorded; absent for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<OutputJson>,
    /// As it will be; absent for one that goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<OutputJson>,
}

impl From<&OutputChange> for OutputChangeJson {
    fn from(change: &OutputChange) -> Self {
        // What was sensitive, or will be, is not shown on either side.
        let sides = [&change.before, &change.after];
        let sensitive = sides.into_iter().flatten().any(|output| output.sensitive);
        let side = |output: &Option<Output>| output.as_ref().map(|output| shown(output, !sensitive));
        OutputChangeJson {
            before: side(&change.before),
            after: side(&change.after),
        }
    }
}

/// Outputs by name. Sensitive values are left out unless `reveal` is set.
pub fn outputs(outputs: &BTreeMap<Arc<str>, Output>, reveal: bool) -> BTreeMap<String, OutputJson> {
    outputs
        .iter()
        .map(|(name, output)| (name.to_string(), shown(output, reveal || !output.sensitive)))
        .collect()
}

fn shown(output: &Output, reveal: bool) -> OutputJson {
    OutputJson {
        value: reveal.then(|| value(&output.value)),
        sensitive: output.sensitive,
        description: output.description.as_deref().map(str::to_owned),
    }
}

/// An output's value as JSON. Numbers beyond 64 bits keep their digits, as a string.
pub fn value(output: &OutputValue) -> serde_json::Value {
    use serde_json::Value;
    match output {
        OutputValue::Null => Value::Null,
        OutputValue::Bool(value) => Value::Bool(*value),
        OutputValue::Number(digits) => {
            serde_json::from_str(digits).unwrap_or_else(|_| Value::String(digits.to_string()))
        }
        OutputValue::Text(text) => Value::String(text.to_string()),
        OutputValue::List(items) => Value::Array(items.iter().map(value).collect()),
        OutputValue::Map(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, field)| (key.to_string(), value(field)))
                .collect(),
        ),
    }
}
