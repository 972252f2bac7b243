//! No gap: whoever has access before and after has it all the way.
//!
//! For each revoke and each removed membership, every person behind it who still
//! has access to the pair at the end must have it by a path that was there from
//! the start and stays, or the step must wait for the step that brings the path.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use crate::id::{GroupName, PrincipalKey, UserName};
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::plan::Plan;
use crate::plan::change::RevokeReason;
use crate::plan::input::PlanInput;
use crate::plan::step::Wait;

use super::Found;
use super::access::Relations;

pub(super) fn check(plan: &Plan, input: &PlanInput, relations: &Relations, found: &mut Found) {
    if plan.revokes.is_empty()
        && !plan
            .actions
            .iter()
            .any(|a| matches!(a.effect, Some(Effect::RemoveMember { .. })))
    {
        return;
    }
    let world = World::new(plan, input, relations);
    for (index, step) in (0_u32..).zip(&plan.revokes) {
        let waits = plan.waits.revokes.get(&index).map_or(&[][..], Vec::as_slice);
        for person in world.before_of(step.tuple.principal()) {
            world.judge(&person, step.tuple, waits, found);
        }
        if step.reason == RevokeReason::Renamed {
            renamed(plan, step.tuple, waits, found);
        }
    }
    for (index, action) in plan.actions.iter().enumerate() {
        let Some(Effect::RemoveMember { group, user }) = &action.effect else {
            continue;
        };
        let waits = plan.waits.actions.get(index).map_or(&[][..], Vec::as_slice);
        let Some(rank) = plan.names.principal_rank(&PrincipalKey::Group(group.clone())) else {
            continue;
        };
        for tuple in relations
            .observed
            .iter()
            .filter(|tuple| tuple.principal() == rank)
        {
            world.judge(user, *tuple, waits, found);
        }
    }
}

/// The old set's grant goes only after the same principal has a new one in the account.
fn renamed(plan: &Plan, tuple: Tuple, waits: &[Wait], found: &mut Found) {
    let replaced = (0_u32..).zip(&plan.grants).filter(|(_, grant)| {
        grant.tuple.account() == tuple.account()
            && grant.tuple.principal() == tuple.principal()
            && grant.reason == crate::plan::change::GrantReason::Renamed
    });
    let grants: Vec<u32> = replaced.map(|(index, _)| index).collect();
    let waited = grants.is_empty() || grants.iter().any(|index| waits.contains(&Wait::Grant(*index)));
    found.require(waited, "rename-gap", || {
        format!("{tuple:?} goes before its replacement is there")
    });
}

struct World<'a> {
    plan: &'a Plan,
    relations: &'a Relations,
    after: FxHashSet<Tuple>,
    members: BTreeMap<GroupName, (BTreeSet<UserName>, BTreeSet<UserName>)>,
    principals_of: BTreeMap<UserName, Vec<u32>>,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, input: &PlanInput, relations: &'a Relations) -> Self {
        let mut members: BTreeMap<GroupName, (BTreeSet<UserName>, BTreeSet<UserName>)> = BTreeMap::new();
        for (name, group) in &input.observed.snapshot.groups {
            let known = group.value.members.clone().unwrap_or_default();
            members.insert(name.clone(), (known.clone(), known));
        }
        for effect in plan.actions.iter().filter_map(|action| action.effect.as_ref()) {
            match effect {
                Effect::AddMember { group, user } => {
                    members.entry(group.clone()).or_default().1.insert(user.clone());
                }
                Effect::RemoveMember { group, user } => {
                    members.entry(group.clone()).or_default().1.remove(user);
                }
                _ => {}
            }
        }
        let mut principals_of: BTreeMap<UserName, Vec<u32>> = BTreeMap::new();
        for (rank, principal) in (0_u32..).zip(&plan.names.principals) {
            match principal {
                PrincipalKey::User(user) => principals_of.entry(user.clone()).or_default().push(rank),
                PrincipalKey::Group(group) => {
                    let all = members.get(group).map(|(before, after)| before.union(after));
                    for user in all.into_iter().flatten() {
                        principals_of.entry(user.clone()).or_default().push(rank);
                    }
                }
                PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => {}
            }
        }
        let mut after = relations.observed.clone();
        for step in &plan.revokes {
            after.remove(&step.tuple);
        }
        after.extend(plan.grants.iter().map(|step| step.tuple));
        World {
            plan,
            relations,
            after,
            members,
            principals_of,
        }
    }

    fn before_of(&self, principal: u32) -> Vec<UserName> {
        match self.plan.names.principal(principal) {
            Some(PrincipalKey::User(user)) => vec![user.clone()],
            Some(PrincipalKey::Group(group)) => self
                .members
                .get(group)
                .map(|(before, _)| before.iter().cloned().collect())
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn is_member(&self, person: &UserName, principal: u32, after: bool) -> bool {
        match self.plan.names.principal(principal) {
            Some(PrincipalKey::User(user)) => user == person,
            Some(PrincipalKey::Group(group)) => self.members.get(group).is_some_and(|(was, will)| {
                if after {
                    will.contains(person)
                } else {
                    was.contains(person)
                }
            }),
            _ => false,
        }
    }

    /// Whether `person` keeps the pair of `tuple` without a gap when the path through it goes.
    fn judge(&self, person: &UserName, tuple: Tuple, waits: &[Wait], found: &mut Found) {
        let principals = self.principals_of.get(person).map_or(&[][..], Vec::as_slice);
        let path = |principal: u32| Tuple::new(tuple.account(), tuple.permission_set(), principal);
        let final_paths: Vec<u32> = principals
            .iter()
            .copied()
            .filter(|p| self.after.contains(&path(*p)) && self.is_member(person, *p, true))
            .collect();
        if final_paths.is_empty() {
            return;
        }
        let steady =
            |p: &u32| self.relations.observed.contains(&path(*p)) && self.is_member(person, *p, false);
        let waited = |p: &u32| {
            let grant = self
                .plan
                .grants
                .binary_search_by_key(&path(*p), |step| step.tuple);
            let by_grant = match grant {
                Ok(index) => waits.contains(&Wait::Grant(u32::try_from(index).unwrap_or(u32::MAX))),
                Err(_) => true,
            };
            let joins = !self.is_member(person, *p, false);
            by_grant && (!joins || self.waits_for_membership(person, *p, waits))
        };
        let kept = final_paths.iter().any(|p| steady(p) || waited(p));
        found.require(kept, "access-gap", || {
            format!("{person} would be without {tuple:?} although access stays at the end")
        });
    }

    fn waits_for_membership(&self, person: &UserName, principal: u32, waits: &[Wait]) -> bool {
        let Some(PrincipalKey::Group(wanted)) = self.plan.names.principal(principal) else {
            return false;
        };
        waits.iter().any(|wait| {
            let Wait::Action(index) = wait else { return false };
            let effect = self
                .plan
                .actions
                .get(*index as usize)
                .and_then(|action| action.effect.as_ref());
            matches!(effect, Some(Effect::AddMember { group, user }) if group == wanted && user == person)
        })
    }
}
