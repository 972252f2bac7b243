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

use super::ids::{IdTable, id_in};
use super::reading::{Found, is_held, look_up, rest_of, role_of};

/// What the second reading says about a plan.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Steps that are done already, with what they would have taught.
    pub already: FxHashMap<StepId, Learned>,
    /// Actions that an earlier run left half way: what is still to be done.
    pub rest: BTreeMap<u32, Effect>,
    /// Why the plan is stale, as sentences; empty: it holds.
    pub stale: Vec<String>,
}

/// The entities that a plan's steps touch: what has to be read again.
pub fn touched(plan: &Plan) -> BTreeSet<EntityKey> {
    let effects = plan.actions.iter().filter_map(|action| action.effect.as_ref());
    let mut keys: BTreeSet<EntityKey> = effects
        .flat_map(|effect| effect.entity().into_iter().chain(before_of(effect)))
        .collect();
    let grants = plan.grants.iter().map(|step| step.tuple);
    let revokes = plan.revokes.iter().map(|step| step.tuple);
    keys.extend(named(&plan.names, grants.chain(revokes)));
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
    let mut needed = BTreeSet::new();
    actions(plan, planned_on, fresh, ours, &mut checked, &mut needed);
    needed.extend(named(&plan.names, plan.grants.iter().map(|step| step.tuple)));
    let revoked: BTreeSet<EntityKey> = named(&plan.names, plan.revokes.iter().map(|step| step.tuple));
    for key in needed.union(&revoked) {
        let (before, now) = (id_in(&planned_on.snapshot, key), id_in(&fresh.snapshot, key));
        match (before, now) {
            (Some(before), Some(now)) if before != now => checked.stale.push(format!(
                "{key} is another one now: its id was {before} and is {now}"
            )),
            (Some(_), None) if needed.contains(key) => checked
                .stale
                .push(format!("{key} is gone since the plan was made")),
            _ => {}
        }
    }
    grants(plan, fresh, &mut checked);
    revokes(plan, fresh, &mut checked);
    checked
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
    planned_on: &Observed,
    fresh: &Observed,
    ours: &[Effect],
    checked: &mut Checked,
    needed: &mut BTreeSet<EntityKey>,
) {
    let ids = IdTable::new(fresh);
    for (index, action) in (0_u32..).zip(&plan.actions) {
        if action.blocked.is_some() {
            continue;
        }
        let Some(effect) = &action.effect else {
            if matches!(action.kind, ActionKind::Adopt | ActionKind::Rebind) {
                expect_id(action, &action.entity, fresh, checked);
            }
            continue;
        };
        let filled = ids.fill(effect);
        let effect = filled.as_ref().unwrap_or(effect);
        // Whether roles are up to date says nothing while their set is yet to change.
        let found = match effect {
            Effect::Provision { .. } => Found::NotDone,
            _ => look_up(effect, fresh),
        };
        match found {
            Found::Done(learned) => {
                checked.already.insert(StepId::Action(index), learned);
                continue;
            }
            Found::Differs if ours.iter().any(|other| is_same_work(effect, other)) => {
                if let Some(rest) = rest_of(effect, fresh) {
                    checked.rest.insert(index, rest);
                }
            }
            Found::Differs if look_up(effect, planned_on) != Found::Differs => checked.stale.push(format!(
                "{} is not what it was when the plan was made",
                action.entity
            )),
            Found::Differs | Found::NotDone => {}
        }
        let key = before_of(effect).unwrap_or_else(|| action.entity.clone());
        expect_id(action, &key, fresh, checked);
        needed.extend(members(effect));
    }
}

/// The entity that an action is about must be the one that the planner saw.
fn expect_id(action: &Action, key: &EntityKey, fresh: &Observed, checked: &mut Checked) {
    let Some(expected) = &action.expected_id else {
        return;
    };
    let now = id_in(&fresh.snapshot, key);
    if now.as_ref() == Some(expected) {
        return;
    }
    let now = now.map_or_else(|| "nothing".to_owned(), |id| id.to_string());
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
        Effect::AddMember { group, user } => {
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

/// How ranks of the plan translate to ranks of a reading, which may lack names.
struct Ranks {
    accounts: Vec<Option<u32>>,
    sets: Vec<Option<u32>>,
    principals: Vec<Option<u32>>,
}

impl Ranks {
    fn new(plan: &Names, observed: &Names) -> Self {
        Ranks {
            accounts: plan
                .accounts
                .iter()
                .map(|key| observed.account_rank(key))
                .collect(),
            sets: plan
                .permission_sets
                .iter()
                .map(|name| observed.permission_set_rank(name))
                .collect(),
            principals: plan
                .principals
                .iter()
                .map(|key| observed.principal_rank(key))
                .collect(),
        }
    }

    fn tuple(&self, tuple: Tuple) -> Option<Tuple> {
        let at = |table: &[Option<u32>], rank: u32| table.get(rank as usize).copied().flatten();
        Some(Tuple::new(
            at(&self.accounts, tuple.account())?,
            at(&self.sets, tuple.permission_set())?,
            at(&self.principals, tuple.principal())?,
        ))
    }
}

/// For each of ascending tuples of the plan, the tuple of the reading if it is there: one pass over both.
fn present<'t>(
    plan: &'t Plan,
    fresh: &'t Observed,
    tuples: impl Iterator<Item = Tuple> + 't,
) -> impl Iterator<Item = (u32, Option<Tuple>)> + 't {
    let access = &fresh.snapshot.access;
    let ranks = Ranks::new(&plan.names, &access.names);
    let mut rest = access.tuples.iter().copied().peekable();
    (0_u32..).zip(tuples).map(move |(index, tuple)| {
        let tuple = ranks.tuple(tuple);
        let found = tuple.filter(|tuple| {
            while rest.next_if(|other| other < tuple).is_some() {}
            rest.peek() == Some(tuple)
        });
        (index, found)
    })
}

fn grants(plan: &Plan, fresh: &Observed, checked: &mut Checked) {
    let found = present(plan, fresh, plan.grants.iter().map(|step| step.tuple));
    checked.already.extend(found.filter_map(|(index, tuple)| {
        let learned = Learned {
            id: None,
            role: role_of(tuple?, fresh),
        };
        Some((StepId::Grant(index), learned))
    }));
}

fn revokes(plan: &Plan, fresh: &Observed, checked: &mut Checked) {
    let found = present(plan, fresh, plan.revokes.iter().map(|step| step.tuple));
    let gone = found.filter(|(index, tuple)| tuple.is_none() && !revoke_is_held(plan, *index, fresh));
    checked
        .already
        .extend(gone.map(|(index, _)| (StepId::Revoke(index), Learned::default())));
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
