//! Drift as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{Address, Kind};
use crate::drift::{Cause, DriftItem, Effect, Subject};
use crate::id::{AccountKey, UserName};
use crate::plan::people::PeopleRow;
use crate::plan::risk::RiskMark;
use crate::report::drift_view::{DriftRow, DriftView};
use crate::source::Location;

use super::parts::{FieldJson, InstanceJson, PrincipalJson};
use super::risk::RiskJson;

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
    /// Whether the service differs from what was applied and declared.
    pub drifted: bool,
    /// The findings, most urgent cause first.
    pub items: Vec<DriftItemJson<'a>>,
    /// What could not be read: nothing is said about it.
    pub held: Vec<HeldJson>,
    /// Grants that are as applied.
    pub unchanged: u64,
    /// Grants hidden by an `ignore` block.
    pub ignored: u64,
    /// How many of those are of a permission set that makes an administrator.
    pub ignored_administration: u64,
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
    /// The name it has now, for what was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now_called: Option<Cow<'a, str>>,
    /// The name it had, for what no longer exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_called: Option<Cow<'a, str>>,
    /// What was edited in a role, where that could be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Cow<'a, str>>,
    /// The assignment blocks that select the account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selected_by: Vec<SelectorJson>,
    /// Why to look twice, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<RiskJson>,
    /// Of access that nobody declared: which other names its group or permission set could be taken for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks_like: Vec<Cow<'a, str>>,
    /// What it means for people; worked out for the first thousand findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<PeopleJson<'a>>,
    /// When its time came, for what is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub expired: Option<jiff::Timestamp>,
    /// Since when it is so, as far as readings tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<SinceJson>,
    /// The finding that this one follows from, as an index into `items`: what resolves that one resolves this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequence_of: Option<u64>,
    /// What to do about it.
    pub remedy: String,
    /// A command line that does it, or shows more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Between which readings something drifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SinceJson {
    /// The last recorded reading without it; absent where nobody knows what was earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last_without: Option<jiff::Timestamp>,
    /// The first reading that has it, as have all since.
    #[schemars(with = "String")]
    pub first_with: jiff::Timestamp,
}

/// An assignment block that selects an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SelectorJson {
    /// Which block.
    pub address: Address,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// It selected the account when it was applied.
    pub before: bool,
    /// It selects it now.
    pub now: bool,
}

/// People to whom the same happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeopleJson<'a> {
    /// `gained`, `lost`, `kept` although its time has come, or `concerned`: they have it, and it is not what was applied.
    pub change: Cow<'a, str>,
    /// Who, by user name; at most a thousand.
    pub people: Vec<Cow<'a, str>>,
    /// How many.
    pub count: u64,
    /// Which permission set.
    pub permission_set: Cow<'a, str>,
    /// Where, by key.
    pub accounts: Vec<Cow<'a, str>>,
    /// For what people have: why to look twice, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<RiskMark>,
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
    /// Memberships of a group.
    Members {
        /// Of which group.
        group: Cow<'a, str>,
        /// Whose, by user name.
        users: Vec<Cow<'a, str>>,
        /// How many people.
        #[serde(default)]
        count: u64,
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
    /// A customer-managed policy that a permission set needs.
    Policy {
        /// Its path and name.
        policy: Cow<'a, str>,
        /// Which set needs it.
        permission_set: Cow<'a, str>,
        /// Where it is gone, by key.
        accounts: Vec<Cow<'a, str>>,
    },
    /// A quota.
    Quota {
        /// What is counted, and of what, for people.
        name: String,
        /// How many there are.
        used: u64,
        /// How many there may be.
        limit: u64,
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
            drifted: drift.differs(),
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
            ignored_administration: drift.ignored_administration,
            out_of_scope: drift.out_of_scope,
            account_names: view.account_names(),
        }
    }
}

fn item<'a>(row: &DriftRow<'a>) -> DriftItemJson<'a> {
    let item = row.item;
    DriftItemJson {
        cause: item.cause,
        subject: subject(row),
        fields: row.details.iter().map(FieldJson::from).collect(),
        declared_by: item.addresses.iter().cloned().collect(),
        location: item.location.clone(),
        now_called: item.now_called.as_deref().map(Cow::Borrowed),
        was_called: item.was_called.as_deref().map(Cow::Borrowed),
        edits: item.edits.iter().map(|edit| Cow::Borrowed(&**edit)).collect(),
        selected_by: item
            .selected_by
            .iter()
            .map(|selector| SelectorJson {
                address: selector.address.clone(),
                location: selector.location.clone(),
                before: selector.before,
                now: selector.now,
            })
            .collect(),
        risks: row.marks.iter().map(RiskJson::from).collect(),
        looks_like: row
            .looks_like
            .iter()
            .map(|text| Cow::Owned(text.clone()))
            .collect(),
        people: people(row),
        expired: item.expired,
        since: item.since.map(|since| SinceJson {
            last_without: since.last_without,
            first_with: since.first_with,
        }),
        consequence_of: row.follows.map(|at| at as u64),
        remedy: row.remedy.text.clone(),
        command: row.remedy.command.clone(),
    }
}

fn people<'a>(row: &DriftRow<'a>) -> Vec<PeopleJson<'a>> {
    let item: &'a DriftItem = row.item;
    let rows = item.people.iter().enumerate().map(|(index, found)| {
        let change = match found.effect {
            Effect::Gained => "gained",
            Effect::Lost => "lost",
            Effect::Kept => "kept",
            Effect::Concerned => "concerned",
        };
        let reached = &found.reached;
        PeopleJson {
            change: change.into(),
            people: names(
                reached
                    .people
                    .get(..PeopleRow::MOST_NAMED)
                    .unwrap_or(&reached.people),
            ),
            count: reached.people.len() as u64,
            permission_set: reached.permission_set.as_str().into(),
            accounts: keys(&reached.accounts),
            risks: row.risks.get(index).cloned().unwrap_or_default(),
        }
    });
    rows.collect()
}

fn names(users: &[UserName]) -> Vec<Cow<'_, str>> {
    users.iter().map(|user| user.as_str().into()).collect()
}

fn keys(accounts: &[AccountKey]) -> Vec<Cow<'_, str>> {
    accounts.iter().map(account_key).collect()
}

fn subject<'a>(row: &DriftRow<'a>) -> SubjectJson<'a> {
    match &row.item.subject {
        Subject::Entity { key, .. } => SubjectJson::Entity {
            kind: key.kind(),
            key: key.name(),
            name: row.name.clone(),
        },
        Subject::Members { group, users } => SubjectJson::Members {
            group: group.as_str().into(),
            users: names(users),
            count: users.len() as u64,
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
        Subject::Policy {
            policy,
            permission_set,
            accounts,
        } => SubjectJson::Policy {
            policy: Cow::Borrowed(policy),
            permission_set: permission_set.as_str().into(),
            accounts: keys(accounts),
        },
        Subject::Quota { used, limit, .. } => SubjectJson::Quota {
            name: row.name.clone(),
            used: *used,
            limit: *limit,
        },
    }
}

fn account_key(key: &AccountKey) -> Cow<'_, str> {
    match key {
        AccountKey::Id(id) => id.as_str().into(),
        AccountKey::Email(email) => email.as_str().into(),
    }
}
