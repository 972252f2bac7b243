//! The view of drift: names instead of keys, and what differs.

use std::collections::BTreeMap;

use crate::drift::{Content, Drift, DriftItem, Subject};
use crate::id::{AccountKey, EntityKey};
use crate::model::instance::{Held, HeldSubject, Observed};
use crate::model::snapshot::Snapshot;

use super::plan_view::entities::{Detail, field, group, items, permission_set, tags, user};

/// Everything that drifted, ready to be shown.
pub struct DriftView<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// What was read.
    pub observed: &'a Observed,
    /// What was found.
    pub drift: &'a Drift,
    /// The findings, in the order of [`Drift::items`].
    pub rows: Vec<DriftRow<'a>>,
    /// What is held, and why.
    pub held: Vec<(String, String)>,
}

/// One finding.
pub struct DriftRow<'a> {
    /// The finding.
    pub item: &'a DriftItem,
    /// What people call it.
    pub name: String,
    /// What differs.
    pub details: Vec<Detail>,
}

impl<'a> DriftView<'a> {
    /// The view of a comparison with what was read.
    pub fn new(stack: &'a str, drift: &'a Drift, observed: &'a Observed) -> Self {
        let row = |item: &'a DriftItem| DriftRow {
            item,
            name: name(&item.subject, &observed.snapshot),
            details: details(&item.subject),
        };
        DriftView {
            stack,
            observed,
            drift,
            rows: drift.items.iter().map(row).collect(),
            held: drift
                .held
                .iter()
                .map(|held| (held_name(held, &observed.snapshot), held.why.to_string()))
                .collect(),
        }
    }

    /// What an account is called.
    pub fn account(&self, key: &AccountKey) -> String {
        self.observed.snapshot.account_name(key)
    }

    /// What the accounts in the findings are called, by key.
    pub fn account_names(&self) -> BTreeMap<String, String> {
        let accounts = self.rows.iter().flat_map(|row| match &row.item.subject {
            Subject::Grants { accounts, .. } | Subject::Roles { accounts, .. } => accounts.as_slice(),
            Subject::Entity { .. } => &[],
        });
        accounts.map(|key| (key.to_string(), self.account(key))).collect()
    }
}

fn name(subject: &Subject, observed: &Snapshot) -> String {
    match subject {
        Subject::Entity { key, .. } => match key {
            EntityKey::Account(key) => observed.account_name(key),
            EntityKey::User(name) => match observed.users.get(name) {
                Some(user) => user.value.shown().to_owned(),
                None => name.to_string(),
            },
            key => key.name(),
        },
        Subject::Grants {
            permission_set,
            principal,
            ..
        } => {
            format!(
                "{} → {permission_set}",
                super::plan_view::principal_name(principal)
            )
        }
        Subject::Roles { permission_set, .. } => permission_set.to_string(),
    }
}

fn details(subject: &Subject) -> Vec<Detail> {
    let mut out = Vec::new();
    let Subject::Entity { contents, ids, .. } = subject else {
        return out;
    };
    if let Some((before, now)) = ids {
        field(&mut out, "id", Some(before), Some(now));
    }
    match contents.as_deref() {
        Some((Content::PermissionSet(from), Content::PermissionSet(to))) => {
            permission_set(&mut out, from, to)
        }
        Some((Content::User(from), Content::User(to))) => user(&mut out, from, to),
        Some((Content::Group(from), Content::Group(to))) => {
            group(&mut out, from, to);
            if let (Some(before), Some(now)) = (&from.members, &to.members) {
                let texts = |left: &std::collections::BTreeSet<crate::id::UserName>, right| {
                    left.difference(right).map(ToString::to_string).collect()
                };
                items(&mut out, "members", texts(before, now), texts(now, before));
            }
        }
        Some((Content::Account(from), Content::Account(to))) => {
            let shown = |ou: &crate::id::OuPath| EntityKey::OrganizationalUnit(ou.clone()).name();
            if let (Some(before), Some(now)) = (&from.ou, &to.ou) {
                field(&mut out, "ou", Some(shown(before)), Some(shown(now)));
            }
            if let (Some(before), Some(now)) = (&from.tags, &to.tags) {
                tags(&mut out, before, now);
            }
        }
        _ => {}
    }
    out
}

/// What is held, by name.
pub fn held_name(held: &Held, observed: &Snapshot) -> String {
    match &held.subject {
        HeldSubject::Entity(key) => key.to_string(),
        HeldSubject::Principal(key) => key.to_string(),
        HeldSubject::Pair(account, set) => {
            format!("permission set {set} in {}", observed.account_name(account))
        }
        HeldSubject::Members(group) => format!("members of group {group}"),
        HeldSubject::All(kind) => format!("every {}", kind.name().replace('_', " ")),
    }
}
