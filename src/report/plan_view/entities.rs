//! Changes to entities: one row for each, with what differs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::id::{EntityKey, GroupName, PrincipalKey, UserName};
use crate::model::action::Effect;
use crate::model::permission_set::PermissionSet;
use crate::model::policy;
use crate::model::principal::{Group, User};
use crate::plan::Plan;
use crate::plan::change::{Action, ActionKind, Reason};
use crate::plan::people::PeopleChange;
use crate::source::Location;

use super::Labels;
use super::people::PeopleLine;
use super::policy_diff::{self, DiffLine};
use super::policy_text;
use super::risk::{Marker, Risk, grave};
use crate::report::wording;

/// What happens to an entity, most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntityChange {
    /// A look-up's name means another thing now.
    Rebound,
    /// It is made.
    Created,
    /// It goes.
    Deleted,
    /// It changes in place.
    Updated,
    /// It is pushed to its roles again, itself unchanged.
    Provisioned,
}

/// A difference of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// A field with its values; `None` where there is none.
    Field {
        /// The attribute's name in HCL.
        name: String,
        /// Before.
        before: Option<String>,
        /// After.
        after: Option<String>,
    },
    /// A field that is a list or a map: what comes and what goes.
    Items {
        /// The attribute's name in HCL.
        name: &'static str,
        /// What goes.
        removed: Vec<String>,
        /// What comes.
        added: Vec<String>,
    },
    /// A policy's differing lines.
    Policy {
        /// The attribute's name in HCL.
        name: &'static str,
        /// The lines.
        lines: Vec<DiffLine>,
    },
    /// A policy that is new.
    NewPolicy {
        /// How many statements; `None` when it is not known yet.
        statements: Option<u64>,
        /// What they say, for people.
        lines: Vec<String>,
        /// The whole document in its canonical form.
        document: String,
    },
    /// Its content is pushed to this many roles.
    Provision {
        /// How many accounts.
        accounts: u64,
        /// What somebody edited in them, where the set is changed as well.
        edited: Option<String>,
    },
}

/// `pushed to its roles in 2 accounts`, and what that puts right there.
pub fn pushed(accounts: u64, edited: Option<&str>) -> String {
    let what = format!("pushed to its roles in {}", wording::counted(accounts, "account"));
    match edited {
        Some(edited) => format!("{what}; {edited}"),
        None => what,
    }
}

/// One entity with all that happens to it.
pub struct EntityRow<'a> {
    /// Which.
    pub entity: &'a EntityKey,
    /// What people call it.
    pub name: String,
    /// What happens.
    pub change: EntityChange,
    /// Why.
    pub reason: &'a Reason,
    /// Where it is declared.
    pub location: Option<&'a Location>,
    /// It was there before, and someone removed it.
    pub restore: bool,
    /// Why this caller may not do it.
    pub blocked: Option<&'a Arc<str>>,
    /// What differs.
    pub details: Vec<Detail>,
    /// For permission sets that are made or changed, and for groups that people join: why to look twice, the gravest
    /// first.
    pub risks: Vec<Risk>,
}

/// The rows of a plan, by kind, gravest marks first, and name. Changes of the record alone are left out, rebindings are not.
pub fn rows<'a>(plan: &'a Plan, labels: &Labels<'a>, marker: &Marker<'_>) -> Vec<EntityRow<'a>> {
    let mut by_entity: BTreeMap<&EntityKey, Vec<&Action>> = BTreeMap::new();
    for action in &plan.actions {
        if action.effect.is_some() || action.kind == ActionKind::Rebind {
            by_entity.entry(&action.entity).or_default().push(action);
        }
    }
    by_entity
        .into_iter()
        .filter_map(|(entity, actions)| row(plan, labels, marker, entity, &actions))
        .collect()
}

/// Marks groups that people join with what they gain by it, and brings rows with the gravest marks to the front of
/// their kind. A group that people are in already, with a new assignment, has its mark there.
pub fn mark_memberships(plan: &Plan, marker: &Marker<'_>, people: &[PeopleLine], rows: &mut [EntityRow<'_>]) {
    let mut joining: FxHashMap<&GroupName, FxHashSet<&UserName>> = FxHashMap::default();
    for action in &plan.actions {
        if let Some(Effect::AddMember { group, user }) = &action.effect {
            joining.entry(group).or_default().insert(user);
        }
    }
    let mut gained: FxHashMap<&GroupName, (BTreeSet<u32>, BTreeSet<u32>)> = FxHashMap::default();
    for line in people.iter().filter(|line| line.change == PeopleChange::Gains) {
        let groups = line.via.iter().filter_map(|key| match key {
            PrincipalKey::Group(name) => joining.get_key_value(name),
            _ => None,
        });
        for (group, users) in groups {
            let joins = line.everyone.is_some() || line.people.iter().any(|user| users.contains(user));
            if joins {
                let (sets, accounts) = gained.entry(group).or_default();
                sets.extend(&line.permission_sets);
                accounts.extend(&line.accounts);
            }
        }
    }
    for row in rows.iter_mut() {
        if let EntityKey::Group(name) = row.entity
            && let Some((sets, accounts)) = gained.get(name)
        {
            let (sets, accounts): (Vec<u32>, Vec<u32>) =
                (sets.iter().copied().collect(), accounts.iter().copied().collect());
            row.risks = marker.of_access(&sets, &accounts, &[PrincipalKey::Group(name.clone())]);
        }
    }
    rows.sort_by_key(|row| (row.entity.kind(), !row.restore, Reverse(grave(&row.risks))));
}

fn row<'a>(
    plan: &'a Plan,
    labels: &Labels<'a>,
    marker: &Marker<'_>,
    entity: &'a EntityKey,
    actions: &[&'a Action],
) -> Option<EntityRow<'a>> {
    let main = actions.iter().min_by_key(|action| change_of(action))?;
    let mut details = Vec::new();
    for action in actions {
        if let Some(effect) = &action.effect {
            describe(effect, plan, &mut details);
        }
    }
    let is_edited = |action: &&&Action| matches!(action.reason, Reason::RoleEdited { .. });
    if let Some(action) = actions.iter().filter(|_| actions.len() > 1).find(is_edited)
        && let Some(Detail::Provision { edited, .. }) = details.last_mut()
    {
        *edited = Some(action.reason.sentence());
    }
    members(actions, labels, &mut details);
    let effects = actions.iter().filter_map(|action| action.effect.as_ref());
    let risks = effects.flat_map(|effect| marker.of_written(effect)).collect();
    Some(EntityRow {
        entity,
        name: shown_name(plan, labels, entity, main),
        change: change_of(main),
        reason: &main.reason,
        location: main.location.as_ref(),
        restore: actions.iter().any(|action| action.restore),
        blocked: actions.iter().find_map(|action| action.blocked.as_ref()),
        details,
        risks,
    })
}

fn change_of(action: &Action) -> EntityChange {
    match action.kind {
        ActionKind::Create => EntityChange::Created,
        ActionKind::Delete => EntityChange::Deleted,
        ActionKind::Rebind => EntityChange::Rebound,
        ActionKind::Provision => EntityChange::Provisioned,
        ActionKind::Update
        | ActionKind::Adopt
        | ActionKind::Forget
        | ActionKind::Move
        | ActionKind::Rename => EntityChange::Updated,
    }
}

/// The name for people. A user's is the display name, which a new user has in its effect only.
fn shown_name<'a>(plan: &'a Plan, labels: &Labels<'a>, entity: &'a EntityKey, main: &'a Action) -> String {
    match (entity, &main.effect) {
        (EntityKey::User(_), Some(Effect::CreateUser { user } | Effect::UpdateUser { to: user, .. })) => {
            labels.person(&user.user_name, user.shown()).into_owned()
        }
        (EntityKey::User(name), _) => labels.user(name).into_owned(),
        (EntityKey::Account(_), Some(Effect::CreateAccount { account })) => account.name.to_string(),
        (EntityKey::Account(key), _) => plan.account_name(key).to_string(),
        (entity, _) => entity.name(),
    }
}

fn describe(effect: &Effect, plan: &Plan, out: &mut Vec<Detail>) {
    match effect {
        Effect::RenameOrganizationalUnit { from, to } => {
            field(out, "name", Some(from.name()), Some(to.name()))
        }
        Effect::CreateAccount { account } => {
            let root = |ou: &crate::id::OuPath| {
                if ou.is_root() {
                    "root".to_owned()
                } else {
                    ou.to_string()
                }
            };
            field(out, "email", None, account.email.as_ref());
            field(out, "ou", None, account.ou.as_ref().map(root));
        }
        Effect::MoveAccount { from, to, .. } => {
            let root = |ou: &crate::id::OuPath| {
                if ou.is_root() {
                    "root".to_owned()
                } else {
                    ou.to_string()
                }
            };
            field(out, "ou", Some(root(from)), Some(root(to)));
        }
        Effect::TagAccount { from, to, .. } => tags(out, from, to),
        Effect::UpdateUser { from, to } => user(out, from, to),
        Effect::UpdateGroup { from, to } => group(out, from, to),
        Effect::CreatePermissionSet { permission_set } => new_permission_set(out, permission_set),
        Effect::UpdatePermissionSet { from, to } => permission_set(out, from, to),
        Effect::Provision { name, accounts } => {
            let updated = || {
                let rank = plan.names.permission_set_rank(name);
                let pairs = plan.roles.updated.iter();
                pairs.filter(|pair| Some(pair.permission_set()) == rank).count()
            };
            let count = accounts.as_ref().map_or_else(updated, BTreeSet::len) as u64;
            if let Some(Detail::Provision { accounts, .. }) = out.last_mut() {
                *accounts += count;
            } else {
                out.push(Detail::Provision {
                    accounts: count,
                    edited: None,
                });
            }
        }
        _ => {}
    }
}

fn members<'a>(actions: &[&'a Action], labels: &Labels<'a>, out: &mut Vec<Detail>) {
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    let shown = |user: &'a UserName| labels.user(user).into_owned();
    for action in actions {
        match &action.effect {
            Some(Effect::AddMember { user, .. }) => added.push(shown(user)),
            Some(Effect::RemoveMember { user, .. }) => removed.push(shown(user)),
            _ => {}
        }
    }
    items(out, "members", removed, added);
}

/// Adds a field if it differs.
pub fn field<T: Display>(
    out: &mut Vec<Detail>,
    name: impl Into<String>,
    before: Option<T>,
    after: Option<T>,
) {
    let (before, after) = (before.map(|v| v.to_string()), after.map(|v| v.to_string()));
    if before != after {
        out.push(Detail::Field {
            name: name.into(),
            before,
            after,
        });
    }
}

/// Adds a list if anything comes or goes.
pub fn items(out: &mut Vec<Detail>, name: &'static str, removed: Vec<String>, added: Vec<String>) {
    if !removed.is_empty() || !added.is_empty() {
        out.push(Detail::Items { name, removed, added });
    }
}

fn set_items<T: Ord + Display>(
    out: &mut Vec<Detail>,
    name: &'static str,
    from: &BTreeSet<T>,
    to: &BTreeSet<T>,
) {
    let texts = |set: &BTreeSet<T>, other: &BTreeSet<T>| set.difference(other).map(T::to_string).collect();
    items(out, name, texts(from, to), texts(to, from));
}

/// Adds the tags that differ.
pub fn tags<V: Display + PartialEq>(
    out: &mut Vec<Detail>,
    from: &BTreeMap<Arc<str>, V>,
    to: &BTreeMap<Arc<str>, V>,
) {
    let keys: BTreeSet<&Arc<str>> = from.keys().chain(to.keys()).collect();
    for key in keys {
        field(out, format!("tags.{key}"), from.get(key), to.get(key));
    }
}

/// What differs between two users.
pub fn user(out: &mut Vec<Detail>, from: &User, to: &User) {
    field(out, "user_name", Some(&from.user_name), Some(&to.user_name));
    field(out, "given_name", Some(&from.given_name), Some(&to.given_name));
    field(out, "family_name", Some(&from.family_name), Some(&to.family_name));
    field(
        out,
        "display_name",
        Some(&from.display_name),
        Some(&to.display_name),
    );
    field(out, "email", from.email.as_ref(), to.email.as_ref());
}

/// What differs between two groups, members aside.
pub fn group(out: &mut Vec<Detail>, from: &Group, to: &Group) {
    field(
        out,
        "display_name",
        Some(&from.display_name),
        Some(&to.display_name),
    );
    field(
        out,
        "description",
        from.description.as_ref(),
        to.description.as_ref(),
    );
}

/// What differs between two permission sets.
pub fn permission_set(out: &mut Vec<Detail>, from: &PermissionSet, to: &PermissionSet) {
    field(
        out,
        "description",
        from.description.as_ref(),
        to.description.as_ref(),
    );
    field(
        out,
        "session_duration",
        Some(from.session_duration),
        Some(to.session_duration),
    );
    field(
        out,
        "relay_state",
        from.relay_state.as_ref(),
        to.relay_state.as_ref(),
    );
    set_items(
        out,
        "managed_policies",
        &from.managed_policies,
        &to.managed_policies,
    );
    let (before, after) = (&from.customer_managed_policies, &to.customer_managed_policies);
    set_items(out, "customer_managed_policies", before, after);
    let (before, after) = (&from.permissions_boundary, &to.permissions_boundary);
    field(out, "permissions_boundary", before.as_ref(), after.as_ref());
    let lines = policy_diff::policies(from.inline_policy.as_ref(), to.inline_policy.as_ref(), 2);
    if !lines.is_empty() {
        out.push(Detail::Policy {
            name: "inline_policy",
            lines,
        });
    }
    tags(out, &from.tags, &to.tags);
}

/// What a new permission set gives.
fn new_permission_set(out: &mut Vec<Detail>, set: &PermissionSet) {
    field(out, "description", None, set.description.as_ref());
    field(out, "session_duration", None, Some(set.session_duration));
    let none = BTreeSet::new();
    set_items(out, "managed_policies", &none, &set.managed_policies);
    set_items(
        out,
        "customer_managed_policies",
        &BTreeSet::new(),
        &set.customer_managed_policies,
    );
    field(
        out,
        "permissions_boundary",
        None,
        set.permissions_boundary.as_ref(),
    );
    field(out, "relay_state", None, set.relay_state.as_ref());
    if let Some(text) = &set.inline_policy {
        out.push(Detail::NewPolicy {
            statements: policy_text::count(text),
            lines: policy_text::lines(text),
            document: policy::pretty(&text.to_string()),
        });
    }
    tags(out, &BTreeMap::new(), &set.tags);
}
