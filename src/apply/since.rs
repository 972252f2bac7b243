//! What changed since a plan was made in whom its steps give access, and in what leaves others theirs.
//!
//! A plan says who gains, loses and keeps what. That holds for the members, paths and contents it was made from; so
//! they are read again before anything is done, and what came or went is said in people.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use crate::id::{EntityKey, GroupName, PermissionSetName, PrincipalKey, UserName};
use crate::model::access::{Pair, Tuple};
use crate::model::action::Effect;
use crate::model::instance::Observed;
use crate::plan::Plan;

use super::called::{self, Called};
use super::ids::IdTable;
use super::tuples::Ranks;

/// How many are named before the rest is counted.
const NAMED: usize = 5;

/// The groups whose members a plan's effects on people depend on, as `observed` calls them: those that get, lose or
/// keep access by it, and those by which the same access is left to somebody.
pub fn groups_that_matter(plan: &Plan, observed: &Observed) -> BTreeSet<GroupName> {
    let before = former_names(plan);
    let groups = &observed.snapshot.groups;
    let mut found: BTreeSet<GroupName> = BTreeSet::new();
    let mut used = vec![false; plan.names.principals.len()];
    for tuple in steps(plan) {
        if let Some(used) = used.get_mut(tuple.principal() as usize) {
            *used = true;
        }
    }
    let principals = plan.names.principals.iter().zip(&used);
    for (principal, _) in principals.filter(|(_, used)| **used) {
        found.extend(group_of(before.get(principal).unwrap_or(principal)));
    }
    let changed = groups_that_change(plan, observed, &before);
    found.extend(changed.iter().cloned());
    found.extend(groups_with_the_same_access(plan, observed, &changed));
    found.retain(|name| groups.contains_key(name));
    found
}

/// What is not as it was when the plan was made, as sentences. `ids` knows what the plan's names mean.
pub fn differences(plan: &Plan, planned_on: &Observed, fresh: &Observed, ids: &IdTable) -> Vec<String> {
    let mut found = Vec::new();
    for group in groups_that_matter(plan, planned_on) {
        members(&group, plan, (planned_on, fresh), ids, &mut found);
    }
    paths(plan, planned_on, fresh, ids, &mut found);
    contents(plan, planned_on, fresh, &mut found);
    accounts(plan, planned_on, fresh, &mut found);
    found
}

/// What renamed principals were called before, by what the plan calls them.
fn former_names(plan: &Plan) -> BTreeMap<PrincipalKey, PrincipalKey> {
    let effects = plan.actions.iter().filter_map(|action| action.effect.as_ref());
    let renames = effects.filter_map(|effect| match effect {
        Effect::UpdateUser { from, to } => Some((
            PrincipalKey::User(to.user_name.clone()),
            PrincipalKey::User(from.user_name.clone()),
        )),
        Effect::UpdateGroup { from, to } => Some((
            PrincipalKey::Group(to.display_name.clone()),
            PrincipalKey::Group(from.display_name.clone()),
        )),
        _ => None,
    });
    renames.collect()
}

fn group_of(principal: &PrincipalKey) -> Option<GroupName> {
    match principal {
        PrincipalKey::Group(name) => Some(name.clone()),
        _ => None,
    }
}

fn steps(plan: &Plan) -> impl Iterator<Item = Tuple> + '_ {
    let grants = plan.grants.iter().map(|step| step.tuple);
    grants.chain(plan.revokes.iter().map(|step| step.tuple))
}

/// The groups that somebody enters or leaves by the plan, and those it deletes.
fn groups_that_change(
    plan: &Plan,
    observed: &Observed,
    before: &BTreeMap<PrincipalKey, PrincipalKey>,
) -> BTreeSet<GroupName> {
    let was = |name: &GroupName| {
        let key = PrincipalKey::Group(name.clone());
        before
            .get(&key)
            .and_then(group_of)
            .unwrap_or_else(|| name.clone())
    };
    let mut changed = BTreeSet::new();
    for effect in plan.actions.iter().filter_map(|action| action.effect.as_ref()) {
        match effect {
            Effect::AddMember { group, .. } | Effect::RemoveMember { group, .. } => {
                changed.insert(was(group));
            }
            Effect::DeleteGroup { group } => {
                changed.insert(group.clone());
            }
            Effect::DeleteUser { user } => {
                let of = observed.snapshot.groups.iter().filter(|(_, group)| {
                    let members = group.value.members.as_ref();
                    members.is_some_and(|members| members.contains(user))
                });
                changed.extend(of.map(|(name, _)| name.clone()));
            }
            _ => {}
        }
    }
    changed
}

/// The groups that have access somewhere where the plan changes something about it.
fn groups_with_the_same_access(
    plan: &Plan,
    observed: &Observed,
    changed: &BTreeSet<GroupName>,
) -> BTreeSet<GroupName> {
    let access = &observed.snapshot.access;
    let ranks = Ranks::new(&plan.names, &access.names);
    let mut pairs: FxHashSet<Pair> = steps(plan).filter_map(|tuple| ranks.pair(tuple)).collect();
    let changed: FxHashSet<u32> = changed
        .iter()
        .filter_map(|name| access.names.principal_rank(&PrincipalKey::Group(name.clone())))
        .collect();
    if !changed.is_empty() {
        let theirs = access
            .tuples
            .iter()
            .filter(|tuple| changed.contains(&tuple.principal()));
        pairs.extend(theirs.map(|tuple| tuple.pair()));
    }
    let sets: FxHashSet<u32> = contents_pushed(plan)
        .filter_map(|name| access.names.permission_set_rank(name))
        .collect();
    if pairs.is_empty() && sets.is_empty() {
        return BTreeSet::new();
    }
    let mut used = vec![false; access.names.principals.len()];
    for tuple in &access.tuples {
        if (sets.contains(&tuple.permission_set()) || pairs.contains(&tuple.pair()))
            && let Some(used) = used.get_mut(tuple.principal() as usize)
        {
            *used = true;
        }
    }
    let principals = access.names.principals.iter().zip(&used);
    principals
        .filter(|(_, used)| **used)
        .filter_map(|(principal, _)| group_of(principal))
        .collect()
}

/// The sets whose content reaches roles by the plan.
fn contents_pushed(plan: &Plan) -> impl Iterator<Item = &PermissionSetName> {
    let effects = plan.actions.iter().filter_map(|action| action.effect.as_ref());
    effects.filter_map(|effect| match effect {
        Effect::UpdatePermissionSet { to, .. } => Some(&to.name),
        Effect::Provision { name, .. } => Some(name),
        _ => None,
    })
}

/// Who came into a group or left it, other than by the plan.
fn members(
    name: &GroupName,
    plan: &Plan,
    (planned_on, fresh): (&Observed, &Observed),
    ids: &IdTable,
    found: &mut Vec<String>,
) {
    let members = |name: &GroupName, observed: &Observed| -> Option<BTreeSet<UserName>> {
        observed.snapshot.groups.get(name)?.value.members.clone()
    };
    // Members that could not be read then are said to be unknown in the plan.
    let Some(before) = members(name, planned_on) else {
        return;
    };
    let now = match called::group(name, fresh, ids) {
        Called::By(name) => name,
        Called::Unknown => name.clone(),
        Called::Gone => {
            found.push(format!("group {name} is gone since this was planned"));
            return;
        }
    };
    let Some(now) = members(&now, fresh) else {
        found.push(format!("the members of group {name} cannot be read any more"));
        return;
    };
    let planned = Planned::of(name, plan);
    let joined: BTreeSet<&UserName> = now.difference(&before).collect();
    let left: BTreeSet<&UserName> = before.difference(&now).collect();
    let joined: Vec<&UserName> = joined.difference(&planned.joins).copied().collect();
    let left: Vec<&UserName> = left.difference(&planned.leaves).copied().collect();
    if !joined.is_empty() {
        let who = people(&joined, fresh);
        let what = match planned.gets(plan) {
            Some(what) => format!("; they would get {what}"),
            None => "; the plan does not know of them".to_owned(),
        };
        found.push(format!("joined group {name} since this was planned: {who}{what}"));
    }
    if !left.is_empty() {
        let who = people(&left, planned_on);
        found.push(format!(
            "left group {name} since this was planned: {who}; the plan counts on what they have by it"
        ));
    }
}

/// What a plan does with a group and its members.
struct Planned<'p> {
    principal: PrincipalKey,
    joins: BTreeSet<&'p UserName>,
    leaves: BTreeSet<&'p UserName>,
}

impl<'p> Planned<'p> {
    /// `name` is what the group was called when the plan was made.
    fn of(name: &GroupName, plan: &'p Plan) -> Self {
        let effects = || plan.actions.iter().filter_map(|action| action.effect.as_ref());
        let renamed = effects().find_map(|effect| match effect {
            Effect::UpdateGroup { from, to } if from.display_name == *name => Some(&to.display_name),
            _ => None,
        });
        let now = renamed.unwrap_or(name);
        let former: BTreeMap<&UserName, &UserName> = effects()
            .filter_map(|effect| match effect {
                Effect::UpdateUser { from, to } => Some((&to.user_name, &from.user_name)),
                _ => None,
            })
            .collect();
        let was = |user: &'p UserName| former.get(user).copied().unwrap_or(user);
        let mut planned = Planned {
            principal: PrincipalKey::Group(now.clone()),
            joins: BTreeSet::new(),
            leaves: BTreeSet::new(),
        };
        for effect in effects() {
            match effect {
                Effect::AddMember { group, user } if group == now => drop(planned.joins.insert(was(user))),
                Effect::RemoveMember { group, user } if group == now => {
                    planned.leaves.insert(was(user));
                }
                Effect::DeleteUser { user } => drop(planned.leaves.insert(user)),
                _ => {}
            }
        }
        planned
    }

    /// What the plan grants to the group: "admin in 2 accounts".
    fn gets(&self, plan: &Plan) -> Option<String> {
        let rank = plan.names.principal_rank(&self.principal)?;
        let mut accounts: BTreeMap<u32, u64> = BTreeMap::new();
        for step in plan.grants.iter().filter(|step| step.tuple.principal() == rank) {
            *accounts.entry(step.tuple.permission_set()).or_default() += 1;
        }
        let sets = accounts.iter().filter_map(|(set, count)| {
            let name = plan.names.permission_set(*set)?;
            let s = if *count == 1 { "" } else { "s" };
            Some(format!("{name} in {count} account{s}"))
        });
        let sets: Vec<String> = sets.collect();
        (!sets.is_empty()).then(|| listed(&sets))
    }
}

/// People by name, as far as there are few of them.
fn people(users: &[&UserName], observed: &Observed) -> String {
    let shown = |user: &&UserName| match observed.snapshot.users.get(*user) {
        Some(found) if found.value.shown() != user.as_str() => {
            format!("{} ({user})", found.value.shown())
        }
        _ => user.to_string(),
    };
    listed(&users.iter().map(shown).collect::<Vec<_>>())
}

fn listed(items: &[String]) -> String {
    let named = items.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Grants by which people were to keep what the plan takes away elsewhere, and grants to what it deletes.
fn paths(plan: &Plan, planned_on: &Observed, fresh: &Observed, ids: &IdTable, found: &mut Vec<String>) {
    let (before, now) = (&planned_on.snapshot.access, &fresh.snapshot.access);
    let of_plan = Ranks::new(&plan.names, &before.names);
    let revoked: FxHashSet<Tuple> = plan
        .revokes
        .iter()
        .filter_map(|step| of_plan.tuple(step.tuple))
        .collect();
    let mut gone = Vec::new();
    if !revoked.is_empty() {
        let pairs: FxHashSet<Pair> = revoked.iter().map(|tuple| tuple.pair()).collect();
        let there = Ranks::new(&before.names, &now.names);
        let kept = before.tuples.iter().filter(|tuple| pairs.contains(&tuple.pair()));
        for tuple in kept.filter(|tuple| !revoked.contains(tuple)) {
            let same = there.tuple(*tuple).and_then(|tuple| now.find(tuple));
            if same.is_none()
                && let Some((account, set, principal)) = before.names.resolve(*tuple)
            {
                gone.push(format!("{principal} → {set} in {account}"));
            }
        }
    }
    if !gone.is_empty() {
        let what = listed(&gone);
        found.push(format!("people were to keep access by what is gone now: {what}"));
    }
    let deleted: FxHashSet<u32> = plan
        .actions
        .iter()
        .filter_map(|action| match action.effect.as_ref()? {
            Effect::DeleteGroup { group } => Some(PrincipalKey::Group(group.clone())),
            Effect::DeleteUser { user } => Some(PrincipalKey::User(user.clone())),
            _ => None,
        })
        .filter_map(|key| now.names.principal_rank(&called::principal(&key, fresh, ids)))
        .collect();
    if deleted.is_empty() {
        return;
    }
    let then = Ranks::new(&now.names, &before.names);
    let theirs = now
        .tuples
        .iter()
        .filter(|tuple| deleted.contains(&tuple.principal()));
    let new = theirs.filter(|tuple| then.tuple(**tuple).and_then(|tuple| before.find(tuple)).is_none());
    let new: Vec<String> = new
        .filter_map(|tuple| now.names.resolve(*tuple))
        .map(|(account, set, principal)| format!("{principal} → {set} in {account}"))
        .collect();
    if !new.is_empty() {
        found.push(format!(
            "granted since this was planned to what it deletes: {}",
            listed(&new)
        ));
    }
}

/// Sets that are granted as they are, and are otherwise now.
fn contents(plan: &Plan, planned_on: &Observed, fresh: &Observed, found: &mut Vec<String>) {
    let mut granted = vec![false; plan.names.permission_sets.len()];
    for step in &plan.grants {
        if let Some(granted) = granted.get_mut(step.tuple.permission_set() as usize) {
            *granted = true;
        }
    }
    let changed: BTreeSet<EntityKey> = plan
        .actions
        .iter()
        .filter(|action| {
            matches!(
                action.effect,
                Some(Effect::CreatePermissionSet { .. } | Effect::UpdatePermissionSet { .. })
            )
        })
        .map(|action| action.entity.clone())
        .collect();
    let provisioned = plan.actions.iter().filter_map(|action| match &action.effect {
        Some(Effect::Provision { name, .. }) => Some(name),
        _ => None,
    });
    let granted = plan.names.permission_sets.iter().zip(&granted);
    let granted = granted.filter(|(_, granted)| **granted).map(|(name, _)| name);
    let names: BTreeSet<&PermissionSetName> = granted.chain(provisioned).collect();
    for name in names {
        let key = EntityKey::PermissionSet(name.clone());
        let sets = [planned_on, fresh].map(|observed| observed.snapshot.permission_sets.get(name));
        if let [Some(before), Some(now)] = sets
            && !changed.contains(&key)
            && !before.value.same_as(&now.value)
        {
            found.push(format!("{key} is not what it was when the plan was made"));
        }
    }
}

/// Accounts that get grants, and are elsewhere or something else now.
fn accounts(plan: &Plan, planned_on: &Observed, fresh: &Observed, found: &mut Vec<String>) {
    let mut granted = vec![false; plan.names.accounts.len()];
    for step in &plan.grants {
        if let Some(granted) = granted.get_mut(step.tuple.account() as usize) {
            *granted = true;
        }
    }
    let keys = plan.names.accounts.iter().zip(&granted);
    for (key, _) in keys.filter(|(_, granted)| **granted) {
        let accounts = [planned_on, fresh].map(|observed| observed.snapshot.accounts.get(key));
        let [Some(before), Some(now)] = accounts else {
            continue;
        };
        let (before, now) = (&before.value, &now.value);
        let moved = before.ou.is_some() && now.ou.is_some() && before.ou != now.ou;
        let tagged = before.tags.is_some() && now.tags.is_some() && before.tags != now.tags;
        let what = match (moved, tagged) {
            _ if before.status != now.status => "its status changed",
            (true, _) => "it is in another organizational unit",
            (false, true) => "its tags changed",
            (false, false) => continue,
        };
        found.push(format!(
            "{} gets grants, and {what} since this was planned",
            EntityKey::Account(key.clone())
        ));
    }
}
