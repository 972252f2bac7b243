//! The view of drift: names instead of keys, what differs, what it means for people, and what resolves it.

use std::collections::BTreeMap;

use crate::drift::{Around, Content, Drift, DriftItem, Effect, Remedy, Subject};
use crate::id::{AccountKey, EntityKey, PrincipalKey, UserName};
use crate::model::instance::{Held, HeldSubject, Observed};
use crate::model::reach::Reached;
use crate::model::snapshot::Snapshot;
use crate::model::stack::RiskSettings;
use crate::plan::risk::{ProductionAccounts, RiskMark, SetJudge};

use super::escape;
use super::people_names::PeopleNames;
use super::plan_view::entities::{Detail, field, group, permission_set, tags, user};

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
    names: PeopleNames<'a>,
}

/// One finding.
pub struct DriftRow<'a> {
    /// The finding.
    pub item: &'a DriftItem,
    /// What people call it.
    pub name: String,
    /// What differs.
    pub details: Vec<Detail>,
    /// What resolves it.
    pub remedy: Remedy,
    /// Why to look twice, for each of the item's classes of people; see [`DriftView::mark`].
    pub risks: Vec<Vec<RiskMark>>,
}

impl DriftRow<'_> {
    /// What it is about, with what kind of thing it is: `group Ops`, `members of Ops`.
    pub fn title(&self) -> String {
        let shown = escape::name(&self.name);
        match &self.item.subject {
            Subject::Entity { key, .. } => format!("{} {shown}", key.kind().name().replace('_', " ")),
            Subject::Members { .. } => format!("members of {shown}"),
            Subject::Grants { .. } | Subject::Quota { .. } => shown.into_owned(),
            Subject::Roles { .. } => format!("roles of {shown}"),
            Subject::Policy { .. } => format!("policy {shown}"),
        }
    }
}

impl<'a> DriftView<'a> {
    /// The view of a comparison with what was read.
    pub fn new(stack: &'a str, drift: &'a Drift, around: &Around<'a>) -> Self {
        let observed = around.observed;
        let names = PeopleNames::of(&observed.snapshot);
        let row = |item: &'a DriftItem| DriftRow {
            item,
            name: name(item, &observed.snapshot, &names),
            details: details(&item.subject),
            remedy: around.remedy(item),
            risks: Vec::new(),
        };
        DriftView {
            stack,
            observed,
            drift,
            rows: drift.items.iter().map(row).collect(),
            held: frozen(drift)
                .chain(
                    drift
                        .held
                        .iter()
                        .map(|held| (held_name(held, &observed.snapshot), held.why.to_string())),
                )
                .collect(),
            names,
        }
    }

    /// Marks access that people have and should not: sets by what they attach, accounts that are production.
    pub fn mark(&mut self, settings: &RiskSettings) {
        let snapshot = &self.observed.snapshot;
        let (judge, production) = (
            SetJudge::new(settings),
            ProductionAccounts::new(&settings.production),
        );
        let risks = |reached: &Reached| -> Vec<RiskMark> {
            let set = snapshot.permission_sets.get(&reached.permission_set);
            let risk = judge.set(&reached.permission_set, set.map(|set| &set.value));
            let is_production = |key: &AccountKey| production.contains(key, &[snapshot]);
            let mark = reached
                .accounts
                .iter()
                .any(is_production)
                .then_some(RiskMark::Production);
            risk.mark().into_iter().chain(mark).collect()
        };
        let has = |item: &DriftItem| matches!(item.effect, Some(Effect::Gained | Effect::Kept));
        for row in self.rows.iter_mut().filter(|row| has(row.item)) {
            row.risks = row.item.people.iter().map(&risks).collect();
        }
    }

    /// What an account is called.
    pub fn account(&self, key: &AccountKey) -> String {
        self.observed.snapshot.account_name(key)
    }

    /// What a person is called.
    pub fn person(&self, user: &UserName) -> String {
        person(user, &self.observed.snapshot, &self.names)
    }

    /// The user names in the findings; not all of them need be in what was read.
    pub fn user_names(&self) -> impl Iterator<Item = &'a str> {
        let items = self.drift.items.iter();
        items.flat_map(|item| {
            let own: Vec<&UserName> = match &item.subject {
                Subject::Members { users, .. } => users.iter().collect(),
                Subject::Entity {
                    key: EntityKey::User(name),
                    ..
                }
                | Subject::Grants {
                    principal: PrincipalKey::User(name),
                    ..
                } => vec![name],
                _ => Vec::new(),
            };
            let reached = item.people.iter().flat_map(|reached| &reached.people);
            own.into_iter().chain(reached).map(UserName::as_str)
        })
    }

    /// What the accounts in the findings are called, by key.
    pub fn account_names(&self) -> BTreeMap<String, String> {
        let subjects = self.rows.iter().flat_map(|row| match &row.item.subject {
            Subject::Grants { accounts, .. }
            | Subject::Roles { accounts, .. }
            | Subject::Policy { accounts, .. } => accounts.as_slice(),
            Subject::Entity { .. } | Subject::Members { .. } | Subject::Quota { .. } => &[],
        });
        let people = self.rows.iter().flat_map(|row| &row.item.people);
        let all = subjects.chain(people.flat_map(|row| &row.accounts));
        all.map(|key| (key.to_string(), self.account(key))).collect()
    }
}

fn person(user: &UserName, observed: &Snapshot, names: &PeopleNames<'_>) -> String {
    match observed.users.get(user) {
        Some(found) => names.show(user.as_str(), found.value.shown()).into_owned(),
        None => user.to_string(),
    }
}

fn name(item: &DriftItem, observed: &Snapshot, names: &PeopleNames<'_>) -> String {
    match &item.subject {
        Subject::Entity { key, .. } => entity_name(key, observed, names),
        Subject::Members { group, .. } => group.to_string(),
        Subject::Grants {
            permission_set,
            principal,
            ..
        } => {
            let who = super::plan_view::principal_name(principal);
            let was = item.was_called.as_ref().map(|was| format!(" (was {was})"));
            format!("{who}{} → {permission_set}", was.unwrap_or_default())
        }
        Subject::Roles { permission_set, .. } => permission_set.to_string(),
        Subject::Policy {
            policy,
            permission_set,
            ..
        } => format!("{policy} of {permission_set}"),
        Subject::Quota {
            what,
            of,
            used,
            limit,
        } => {
            let of = of
                .as_ref()
                .map(|key| format!(" {}", entity_name(key, observed, names)));
            format!("{what}{}: {used} of {limit}", of.unwrap_or_default())
        }
    }
}

fn entity_name(key: &EntityKey, observed: &Snapshot, names: &PeopleNames<'_>) -> String {
    match key {
        EntityKey::Account(key) => observed.account_name(key),
        EntityKey::User(name) => person(name, observed, names),
        key => key.name(),
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
        Some((Content::Group(from), Content::Group(to))) => group(&mut out, from, to),
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

/// Who is frozen, and since when.
fn frozen(drift: &Drift) -> impl Iterator<Item = (String, String)> {
    drift.frozen.iter().map(|frozen| {
        let reason = frozen.reason.as_deref();
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let why = format!("frozen since {} by {}{reason}", frozen.at, frozen.actor);
        (frozen.principal.to_string(), why)
    })
}

/// What the part about what is held is called.
pub fn held_title(drift: &Drift) -> &'static str {
    if drift.frozen.is_empty() {
        "Held: not read or not found; nothing is concluded from it"
    } else {
        "Held: frozen, not read or not found; nothing is given or concluded"
    }
}

/// What is held, by name.
pub fn held_name(held: &Held, observed: &Snapshot) -> String {
    match &held.subject {
        HeldSubject::Entity(EntityKey::Account(key)) => format!("account {}", observed.account_name(key)),
        HeldSubject::Entity(key) => key.to_string(),
        HeldSubject::Principal(key) => key.to_string(),
        HeldSubject::Pair(account, set) => {
            format!("permission set {set} in {}", observed.account_name(account))
        }
        HeldSubject::Members(group) => format!("members of group {group}"),
        HeldSubject::All(kind) => format!("every {}", kind.name().replace('_', " ")),
    }
}
