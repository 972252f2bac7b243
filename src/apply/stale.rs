//! Whether a plan still holds, read again before anything is done.
//!
//! What the plan wants and is there already needs no call. What changed under the plan makes it stale: nothing is done
//! then, because nobody has reviewed what it would do now.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::id::{EntityKey, PrincipalKey};
use crate::model::access::{Names, Tuple};
use crate::model::action::{Effect, Learned};
use crate::model::instance::Observed;
use crate::plan::{Action, ActionKind, Plan, StepId};
use crate::provider::Ids as _;

use super::called::{self, Called, ids_of_plan};
use super::ids::{IdTable, id_in};
use super::reading::{Found, is_held, look_up, rest_of, role_of};
use super::recover::is_creation;
use super::since::{differences, groups_that_matter};
use super::tuples::present;

/// What the second reading says about a plan.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Steps that are done already, with what they would have taught.
    pub already: FxHashMap<StepId, Learned>,
    /// Actions that an earlier run left half way: what is still to be done.
    pub rest: BTreeMap<u32, Effect>,
    /// Why the plan is stale, as sentences; empty: it holds.
    pub stale: Vec<String>,
    /// A grant that the plan only drops from the record is there.
    pub came_back: bool,
}

/// The entities that a plan's steps touch, and the groups whose members its effects on people depend on: what has to
/// be read again.
pub fn touched(plan: &Plan, planned_on: &Observed) -> BTreeSet<EntityKey> {
    let effects = plan.actions.iter().filter_map(|action| action.effect.as_ref());
    let mut keys: BTreeSet<EntityKey> = effects
        .flat_map(|effect| effect.entity().into_iter().chain(before_of(effect)))
        .collect();
    let grants = plan.grants.iter().map(|step| step.tuple);
    let revokes = plan.revokes.iter().map(|step| step.tuple);
    keys.extend(named(&plan.names, grants.chain(revokes)));
    keys.extend(
        groups_that_matter(plan, planned_on)
            .into_iter()
            .map(EntityKey::Group),
    );
    keys
}

/// Compares a plan with a new reading. `planned_on` is what it was made from; `ours` are the effects that an earlier
/// run may have left half way.
pub fn check(plan: &Plan, planned_on: &Observed, fresh: &Observed, ours: &[Effect]) -> Checked {
    let mut checked = Checked::default();
    if planned_on.instance.arn != fresh.instance.arn {
        let (before, now) = (&planned_on.instance.arn, &fresh.instance.arn);
        checked
            .stale
            .push(format!("the plan is for instance {before}, and this is {now}"));
        return checked;
    }
    let ids = ids_of_plan(plan, planned_on);
    let then = Then {
        planned_on,
        fresh,
        ids: &ids,
    };
    let mut needed = BTreeSet::new();
    actions(plan, &then, ours, &mut checked, &mut needed);
    needed.extend(named(&plan.names, plan.grants.iter().map(|step| step.tuple)));
    needed.extend(named(&plan.names, plan.revokes.iter().map(|step| step.tuple)));
    let why = needed.iter().filter_map(|key| then.is_another(key));
    checked.stale.extend(why);
    grants(plan, fresh, &mut checked);
    revokes(plan, fresh, &mut checked);
    records(plan, planned_on, fresh, &mut checked);
    checked.stale.extend(differences(plan, planned_on, fresh, &ids));
    let mut said = BTreeSet::new();
    checked.stale.retain(|why| said.insert(why.clone()));
    checked
}

/// The reading that a plan was made from, and a new one.
struct Then<'a> {
    planned_on: &'a Observed,
    fresh: &'a Observed,
    /// What the plan's names mean.
    ids: &'a IdTable,
}

impl Then<'_> {
    /// Why something is not the one that the plan means; `None` when it is, or when there was none to be meant and is
    /// none now.
    fn is_another(&self, key: &EntityKey) -> Option<String> {
        let now = match key {
            EntityKey::Group(name) => called::group(name, self.fresh, self.ids).map(EntityKey::Group),
            EntityKey::User(name) => called::user(name, self.fresh, self.ids).map(EntityKey::User),
            _ => return self.is_another_by_name(key),
        };
        match now {
            // By another name only if the plan's own rename brings the one it is meant by.
            Called::By(now)
                if now == *key
                    || id_in(&self.planned_on.snapshot, &now).as_ref() == self.ids.id(key).as_ref() =>
            {
                None
            }
            Called::By(now) => Some(format!("{key} is called {} now", now.name())),
            Called::Unknown | Called::Gone => self.is_another_by_name(key),
        }
    }

    fn is_another_by_name(&self, key: &EntityKey) -> Option<String> {
        let before = id_in(&self.planned_on.snapshot, key).or_else(|| self.ids.id(key));
        match (before, id_in(&self.fresh.snapshot, key)) {
            (Some(before), Some(now)) if before != now => Some(format!(
                "{key} is another one now: its id was {before} and is {now}"
            )),
            (Some(_), None) => Some(format!("{key} is gone since the plan was made")),
            _ => None,
        }
    }
}

/// The key that an update renames away from.
fn before_of(effect: &Effect) -> Option<EntityKey> {
    Some(match effect {
        Effect::RenameOrganizationalUnit { from, .. } => EntityKey::OrganizationalUnit(from.clone()),
        Effect::UpdateUser { from, .. } => EntityKey::User(from.user_name.clone()),
        Effect::UpdateGroup { from, .. } => EntityKey::Group(from.display_name.clone()),
        _ => return None,
    })
}

fn actions(
    plan: &Plan,
    then: &Then<'_>,
    ours: &[Effect],
    checked: &mut Checked,
    needed: &mut BTreeSet<EntityKey>,
) {
    let values = IdTable::new(then.fresh);
    for (index, action) in (0_u32..).zip(&plan.actions) {
        if action.blocked.is_some() {
            continue;
        }
        let Some(effect) = &action.effect else {
            if matches!(
                action.kind,
                ActionKind::Adopt | ActionKind::Rebind | ActionKind::Rename
            ) {
                expect_id(action, then, checked);
            }
            continue;
        };
        let filled = values.fill(effect);
        let effect = filled.as_ref().unwrap_or(effect);
        // Whether roles are up to date says nothing while their set is yet to change.
        let found = match effect {
            Effect::Provision { .. } => Found::NotDone,
            _ => look_up(effect, then.fresh, then.ids),
        };
        let is_ours = || ours.iter().any(|other| is_same_work(effect, other));
        match &found {
            Found::Done(_) if is_creation(effect) && !is_ours() => checked.stale.push(format!(
                "{} is there now, made by somebody else since the plan was made",
                action.entity
            )),
            Found::Done(learned) => {
                checked.already.insert(StepId::Action(index), learned.clone());
                continue;
            }
            Found::Differs if is_ours() => {
                if let Some(rest) = rest_of(effect, then.fresh) {
                    checked.rest.insert(index, rest);
                }
            }
            Found::Differs | Found::Theirs if look_up(effect, then.planned_on, then.ids) != found => {
                checked.stale.push(format!(
                    "{} is not what it was when the plan was made",
                    action.entity
                ));
                continue;
            }
            Found::Differs | Found::Theirs | Found::NotDone => {}
        }
        taken(effect, then, checked);
        expect_id(action, then, checked);
        needed.extend(members(effect));
    }
}

/// The name that a rename brings must be as free as it was.
fn taken(effect: &Effect, then: &Then<'_>, checked: &mut Checked) {
    let Some(from) = before_of(effect) else { return };
    let Some(to) = effect.entity().filter(|to| *to != from) else {
        return;
    };
    let there = |observed: &Observed| id_in(&observed.snapshot, &to);
    if there(then.planned_on).is_none() && there(then.fresh).is_some() {
        checked.stale.push(format!(
            "{to} is there now, made by somebody else since the plan was made"
        ));
    }
}

/// The entity that an action is about must be the one that the planner saw.
fn expect_id(action: &Action, then: &Then<'_>, checked: &mut Checked) {
    let Some(expected) = &action.expected_id else {
        return;
    };
    let key = action
        .effect
        .as_ref()
        .and_then(before_of)
        .unwrap_or_else(|| action.entity.clone());
    if id_in(&then.fresh.snapshot, &key).as_ref() == Some(expected) {
        return;
    }
    let now = match id_in(&then.fresh.snapshot, &key) {
        Some(now) => now.to_string(),
        // A member goes into a group that is yet to get its new name.
        None if then.ids.id(&key).as_ref() == Some(expected) => match then.is_another(&key) {
            None => return,
            Some(why) => return checked.stale.push(why),
        },
        None => "nothing".to_owned(),
    };
    checked.stale.push(format!(
        "{key} was {expected} when the plan was made, and is {now}"
    ));
}

/// Whether two effects bring about the same thing, whatever they begin with.
fn is_same_work(effect: &Effect, other: &Effect) -> bool {
    let content = |effect: &Effect| match effect {
        Effect::CreatePermissionSet { permission_set: set } | Effect::UpdatePermissionSet { to: set, .. } => {
            Some(set.clone())
        }
        _ => None,
    };
    match (content(effect), content(other)) {
        (Some(set), Some(other)) => set.name == other.name,
        _ => effect == other,
    }
}

/// Other entities that an effect names and that must be what they were.
fn members(effect: &Effect) -> Vec<EntityKey> {
    match effect {
        Effect::AddMember { group, user } | Effect::RemoveMember { group, user } => {
            vec![EntityKey::Group(group.clone()), EntityKey::User(user.clone())]
        }
        _ => Vec::new(),
    }
}

/// The entities that tuples name.
fn named(names: &Names, tuples: impl Iterator<Item = Tuple>) -> BTreeSet<EntityKey> {
    let mut accounts = vec![false; names.accounts.len()];
    let mut sets = vec![false; names.permission_sets.len()];
    let mut principals = vec![false; names.principals.len()];
    let mark = |used: &mut Vec<bool>, rank: u32| {
        if let Some(used) = used.get_mut(rank as usize) {
            *used = true;
        }
    };
    for tuple in tuples {
        mark(&mut accounts, tuple.account());
        mark(&mut sets, tuple.permission_set());
        mark(&mut principals, tuple.principal());
    }
    let accounts = names.accounts.iter().zip(&accounts).filter(|(_, used)| **used);
    let sets = names.permission_sets.iter().zip(&sets).filter(|(_, used)| **used);
    let principals = names
        .principals
        .iter()
        .zip(&principals)
        .filter(|(_, used)| **used);
    let mut keys: BTreeSet<EntityKey> = accounts.map(|(key, _)| EntityKey::Account(key.clone())).collect();
    keys.extend(sets.map(|(name, _)| EntityKey::PermissionSet(name.clone())));
    keys.extend(principals.filter_map(|(key, _)| principal(key)));
    keys
}

fn principal(key: &PrincipalKey) -> Option<EntityKey> {
    match key {
        PrincipalKey::Group(name) => Some(EntityKey::Group(name.clone())),
        PrincipalKey::User(name) => Some(EntityKey::User(name.clone())),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
    }
}

fn grants(plan: &Plan, fresh: &Observed, checked: &mut Checked) {
    let tuples = plan.grants.iter().map(|step| step.tuple);
    let found = present(&plan.names, &fresh.snapshot.access, tuples);
    checked.already.extend(found.filter_map(|(index, tuple)| {
        let learned = Learned {
            id: None,
            role: role_of(tuple?, fresh),
        };
        Some((StepId::Grant(index), learned))
    }));
}

fn revokes(plan: &Plan, fresh: &Observed, checked: &mut Checked) {
    let tuples = plan.revokes.iter().map(|step| step.tuple);
    let found = present(&plan.names, &fresh.snapshot.access, tuples);
    let gone = found.filter(|(index, tuple)| tuple.is_none() && !revoke_is_held(plan, *index, fresh));
    checked
        .already
        .extend(gone.map(|(index, _)| (StepId::Revoke(index), Learned::default())));
}

/// What is only recorded must be there, or not, as it was: nothing is taken in that went, or dropped that came back.
fn records(plan: &Plan, planned_on: &Observed, fresh: &Observed, checked: &mut Checked) {
    let tuples = || plan.records.iter().map(|step| step.tuple);
    let before = present(&plan.names, &planned_on.snapshot.access, tuples());
    let now = present(&plan.names, &fresh.snapshot.access, tuples());
    for (((_, before), (_, now)), tuple) in before.zip(now).zip(tuples()) {
        if before.is_some() == now.is_some() {
            continue;
        }
        if let Some((account, set, principal)) = plan.names.resolve(tuple) {
            checked.came_back |= now.is_some();
            let what = if now.is_some() {
                "is there again"
            } else {
                "is gone"
            };
            checked.stale.push(format!(
                "{principal} → {set} in {account} {what} since the plan was made"
            ));
        }
    }
}

fn revoke_is_held(plan: &Plan, index: u32, fresh: &Observed) -> bool {
    !fresh.held.is_empty()
        && effect_of(plan, StepId::Revoke(index)).is_none_or(|effect| is_held(&effect, fresh))
}

/// The effect of a step as the plan has it; `None` for changes of the record alone.
pub fn effect_of(plan: &Plan, step: StepId) -> Option<Effect> {
    if let StepId::Action(index) = step {
        return plan.actions.get(index as usize)?.effect.clone();
    }
    let (account, set, principal) = plan.names.resolve(plan.tuple(step)?)?;
    let (account, permission_set, principal) = (account.clone(), set.clone(), principal.clone());
    Some(if matches!(step, StepId::Grant(_)) {
        Effect::Grant {
            account,
            permission_set,
            principal,
        }
    } else {
        Effect::Revoke {
            account,
            permission_set,
            principal,
        }
    })
}
