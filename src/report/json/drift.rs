//! Drift as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{Address, Kind};
use crate::drift::{Cause, Subject};
use crate::id::AccountKey;
use crate::report::drift_view::{DriftRow, DriftView};
use crate::source::Location;

use super::parts::{FieldJson, InstanceJson, PrincipalJson};

/// The version of the drift's JSON form.
pub const FORMAT_VERSION: u32 = 1;

/// Everything that drifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriftJson<'a> {
    /// The version of this form.
    pub format_version: u32,
    /// The stack's name.
    pub stack: Cow<'a, str>,
    /// What was looked at.
    pub instance: InstanceJson<'a>,
    /// When it was read.
    #[schemars(with = "String")]
    pub at: jiff::Timestamp,
    /// Whether anything drifted.
    pub drifted: bool,
    /// The findings, most urgent cause first.
    pub items: Vec<DriftItemJson<'a>>,
    /// What could not be read: nothing is said about it.
    pub held: Vec<HeldJson>,
    /// Grants that are as applied.
    pub unchanged: u64,
    /// Grants hidden by an `ignore` block.
    pub ignored: u64,
    /// Grants outside the scope.
    pub out_of_scope: u64,
    /// What the accounts named here are called, by key.
    pub account_names: BTreeMap<String, String>,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriftItemJson<'a> {
    /// Why it is drift.
    pub cause: Cause,
    /// What is concerned.
    pub subject: SubjectJson<'a>,
    /// What differs: `before` as applied, `after` as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldJson>,
    /// The blocks that declare (or declared) it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared_by: Vec<Address>,
    /// Where the first of them is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Since when, for what is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<jiff::Timestamp>,
    /// What to do about it.
    pub remedy: Cow<'a, str>,
}

/// What is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum SubjectJson<'a> {
    /// One entity.
    Entity {
        /// What kind.
        kind: Kind,
        /// What the service calls it.
        key: String,
        /// What people call it.
        name: String,
    },
    /// Assignments of one permission set to one principal.
    Assignments {
        /// What.
        permission_set: Cow<'a, str>,
        /// To whom.
        principal: PrincipalJson<'a>,
        /// Where, by key.
        accounts: Vec<Cow<'a, str>>,
    },
    /// Roles of one permission set.
    Roles {
        /// Of which set.
        permission_set: Cow<'a, str>,
        /// Where, by key.
        accounts: Vec<Cow<'a, str>>,
    },
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldJson {
    /// What.
    pub subject: String,
    /// Why.
    pub why: String,
}

impl<'a> DriftJson<'a> {
    /// The JSON form of a view.
    pub fn new(view: &DriftView<'a>) -> Self {
        let drift = view.drift;
        DriftJson {
            format_version: FORMAT_VERSION,
            stack: Cow::Owned(view.stack.to_owned()),
            instance: (&view.observed.instance).into(),
            at: view.observed.at,
            drifted: !drift.is_empty(),
            items: view.rows.iter().map(item).collect(),
            held: view
                .held
                .iter()
                .map(|(subject, why)| HeldJson {
                    subject: subject.clone(),
                    why: why.clone(),
                })
                .collect(),
            unchanged: drift.unchanged,
            ignored: drift.ignored,
            out_of_scope: drift.out_of_scope,
            account_names: view.account_names(),
        }
    }
}

fn item<'a>(row: &DriftRow<'a>) -> DriftItemJson<'a> {
    DriftItemJson {
        cause: row.item.cause,
        subject: subject(row),
        fields: row.details.iter().map(FieldJson::from).collect(),
        declared_by: row.item.addresses.iter().cloned().collect(),
        location: row.item.location.clone(),
        since: row.item.since,
        remedy: row.item.cause.remedy().into(),
    }
}

fn subject<'a>(row: &DriftRow<'a>) -> SubjectJson<'a> {
    let keys = |accounts: &'a [AccountKey]| accounts.iter().map(account_key).collect();
    match &row.item.subject {
        Subject::Entity { key, .. } => SubjectJson::Entity {
            kind: key.kind(),
            key: key.name(),
            name: row.name.clone(),
        },
        Subject::Grants {
            permission_set,
            principal,
            accounts,
        } => SubjectJson::Assignments {
            permission_set: permission_set.as_str().into(),
            principal: principal.into(),
            accounts: keys(accounts),
        },
        Subject::Roles {
            permission_set,
            accounts,
        } => SubjectJson::Roles {
            permission_set: permission_set.as_str().into(),
            accounts: keys(accounts),
        },
    }
}

fn account_key(key: &AccountKey) -> Cow<'_, str> {
    match key {
        AccountKey::Id(id) => id.as_str().into(),
        AccountKey::Email(email) => email.as_str().into(),
    }
}
