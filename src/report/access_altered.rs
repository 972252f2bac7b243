//! Permission sets that people have and that allow something else, by a plan or since an earlier reading.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName, PrincipalKey, UserName};
use crate::model::permission_set::PermissionSet;
use crate::model::snapshot::Snapshot;
use crate::plan::Plan;
use crate::plan::altered::{Content, differing};
use crate::plan::risk::{RiskMark, SetJudge};

use super::access_changes::{AccountName, account_name, members};
use super::access_view::Query;
use super::plan_view::principal_name;

/// A set that people have and that allows something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlteredSet {
    /// Which set.
    pub permission_set: String,
    /// What of it changes.
    pub changed: Vec<Content>,
    /// How many people have it, of those and in the accounts that are asked about.
    pub count: u64,
    /// Where.
    pub accounts: Vec<AccountName>,
    /// Through whom.
    pub via: Vec<String>,
    /// Its gravest mark so far; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_before: Option<RiskMark>,
    /// Its gravest mark then; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_after: Option<RiskMark>,
}

/// Who has a set, of those and in the accounts that are asked about.
#[derive(Default)]
struct Having<'s> {
    people: BTreeSet<&'s UserName>,
    accounts: BTreeSet<AccountName>,
    via: BTreeSet<String>,
}

impl<'s> Having<'s> {
    /// Adds those who have it through one principal in some accounts, of whom and of which any are asked about.
    fn add(
        &mut self,
        via: &PrincipalKey,
        people: impl IntoIterator<Item = &'s UserName>,
        places: Vec<AccountName>,
    ) {
        self.people.extend(people);
        self.accounts.extend(places);
        self.via.insert(principal_name(via));
    }

    fn set(
        self,
        name: &PermissionSetName,
        changed: Vec<Content>,
        marks: [Option<RiskMark>; 2],
    ) -> AlteredSet {
        let [risk_before, risk_after] = marks;
        AlteredSet {
            permission_set: name.to_string(),
            changed,
            count: self.people.len() as u64,
            accounts: self.accounts.into_iter().collect(),
            via: self.via.into_iter().collect(),
            risk_before,
            risk_after,
        }
    }
}

/// Sets of which a plan changes what they allow.
pub(super) fn of_plan(plan: &Plan, query: &Query) -> Vec<AlteredSet> {
    let sets = plan.risks.altered.iter();
    let sets = sets.filter(|set| query.wants_set(set.permission_set.as_str()));
    let found = sets.filter_map(|set| {
        let mut having = Having::default();
        for row in &set.through {
            let crowd = row.everyone.as_ref().and_then(|hash| plan.risks.crowds.get(hash));
            let path = row.via.name();
            let wanted = |user: &&UserName| {
                let shown = plan.user_names.get(*user).map(|shown| &**shown);
                query.wants_principal([path, user.as_str()].into_iter().chain(shown))
            };
            let users: Vec<&UserName> = crowd.unwrap_or(&row.people).iter().filter(wanted).collect();
            let keys = row.accounts.iter().filter_map(|rank| plan.names.account(*rank));
            let places = keys.map(|key| AccountName {
                name: plan.account_name(key).to_string(),
                id: key.to_string(),
            });
            let places: Vec<AccountName> = places
                .filter(|place| query.wants_account(&place.id, std::slice::from_ref(&place.name)))
                .collect();
            let nobody = users.is_empty() && !(row.people.is_empty() && query.wants_principal([path]));
            if !places.is_empty() && !nobody {
                having.add(&row.via, users, places);
            }
        }
        let marks = [set.before, set.after];
        (!having.via.is_empty()).then(|| having.set(&set.permission_set, set.changed.clone(), marks))
    });
    found.collect()
}

/// Who is behind a principal; `None` where that could not be read.
fn behind<'s>(snapshot: &'s Snapshot, via: &'s PrincipalKey) -> Option<Vec<&'s UserName>> {
    match via {
        PrincipalKey::User(name) => Some(vec![name]),
        PrincipalKey::Group(_) => members(snapshot, via).map(|members| members.iter().collect()),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => Some(Vec::new()),
    }
}

/// Sets that allow something else than at an earlier reading, for those who have them at the later one.
pub(super) fn between(
    before: &Snapshot,
    after: &Snapshot,
    query: &Query,
    judge: &SetJudge,
) -> Vec<AlteredSet> {
    let mut changed: BTreeMap<&PermissionSetName, (&PermissionSet, &PermissionSet, Vec<Content>)> =
        BTreeMap::new();
    for (name, now) in &after.permission_sets {
        let was = before
            .permission_sets
            .get(name)
            .filter(|_| query.wants_set(name.as_str()));
        let Some(was) = was else { continue };
        let parts = differing(&was.value, &now.value);
        if !parts.is_empty() {
            changed.insert(name, (&was.value, &now.value, parts));
        }
    }
    if changed.is_empty() {
        return Vec::new();
    }
    let mut places: BTreeMap<(&PermissionSetName, &PrincipalKey), Vec<&AccountKey>> = BTreeMap::new();
    let access = &after.access;
    let grants = access
        .tuples
        .iter()
        .filter_map(|tuple| access.names.resolve(*tuple));
    for (account, set, principal) in grants.filter(|(_, set, _)| changed.contains_key(set)) {
        places.entry((set, principal)).or_default().push(account);
    }
    let mut having: BTreeMap<&PermissionSetName, Having<'_>> = BTreeMap::new();
    for ((set, via), keys) in places {
        let places = keys.into_iter().map(|key| account_name(&[after, before], key));
        let places: Vec<AccountName> = places
            .filter(|place| query.wants_account(&place.id, std::slice::from_ref(&place.name)))
            .collect();
        let members = behind(after, via);
        let wanted = |user: &&UserName| {
            let shown = after.users.get(*user).map(|user| user.value.shown());
            query.wants_principal([via.name(), user.as_str()].into_iter().chain(shown))
        };
        let unread = members.is_none() && query.wants_principal([via.name()]);
        let people: Vec<&UserName> = members.into_iter().flatten().filter(wanted).collect();
        if !places.is_empty() && (unread || !people.is_empty()) {
            having.entry(set).or_default().add(via, people, places);
        }
    }
    let mark = |name: &PermissionSetName, set: &PermissionSet| judge.set(name, Some(set)).mark();
    let found = changed.into_iter().filter_map(|(name, (was, now, parts))| {
        let marks = [mark(name, was), mark(name, now)];
        Some(having.remove(name)?.set(name, parts, marks))
    });
    found.collect()
}
