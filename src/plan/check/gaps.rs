//! No gap: whoever has access before and after has it all the way.
//!
//! For each revoke, each ending membership and each deleted group, every person
//! behind it who still has access to the pair at the end must have it by a path
//! that was there from the start and stays, or the step must wait for the steps
//! that bring the path. The same holds for roles.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::address::Address;
use crate::id::{GroupName, PrincipalKey, UserName};
use crate::model::access::{Pair, Tuple};
use crate::model::action::Effect;
use crate::model::snapshot::Management;
use crate::plan::Plan;
use crate::plan::change::{GrantReason, RevokeReason};
use crate::plan::input::{Mode, PlanInput};
use crate::plan::step::Wait;

use super::Found;
use super::identity::moved_to;
use super::relations::{Relations, has};

pub(super) fn check(plan: &Plan, input: &PlanInput, relations: &Relations, found: &mut Found) {
    let ends = |effect: &Effect| matches!(effect, Effect::RemoveMember { .. } | Effect::DeleteGroup { .. });
    let mut effects = plan.actions.iter().filter_map(|action| action.effect.as_ref());
    if plan.revokes.is_empty() && !effects.any(ends) {
        return;
    }
    let world = World::new(plan, input, relations);
    let replacements = replacements(plan);
    // Equal questions have equal answers: the same principal goes, and the same paths are there at the end.
    let mut sound: FxHashSet<Question> = FxHashSet::default();
    for (index, step) in (0_u32..).zip(&plan.revokes) {
        let waits = plan.waits.revokes.get(&index).map_or(&[][..], Vec::as_slice);
        let paths = world.paths(step.tuple, waits);
        let ways = paths.iter().map(|path| (path.principal, path.stands, path.comes));
        let question = (step.tuple.principal(), ways.collect());
        let by_grants = !waits.iter().any(|wait| matches!(wait, Wait::Action(_)));
        let known = by_grants && sound.contains(&question);
        if !known {
            let members = world.members(step.tuple.principal());
            let people = members.map_or(&[][..], |members| &members.before);
            if world.judge(people, step.tuple, &paths, waits, found) && by_grants {
                sound.insert(question);
            }
        }
        if step.reason == RevokeReason::Renamed {
            // Another set of the account that gets another name replaces nothing here.
            let successor = world.successors.get(&step.tuple.permission_set());
            let grant = successor.and_then(|set| {
                replacements.get(&Tuple::new(step.tuple.account(), *set, step.tuple.principal()))
            });
            let waited = grant.is_none_or(|index| waits.contains(&Wait::Grant(*index)));
            found.require(waited, "rename-gap", || {
                format!("{:?} goes before its replacement is there", step.tuple)
            });
        }
    }
    world.endings(found);
    roles(plan, relations, found);
}

/// A role that is there before and after is never without an assignment, or it would come back under another ARN.
fn roles(plan: &Plan, relations: &Relations, found: &mut Found) {
    let mut index = 0_u32;
    for revokes in plan
        .revokes
        .chunk_by(|left, right| left.tuple.pair() == right.tuple.pair())
    {
        let begin = index;
        index += u32::try_from(revokes.len()).unwrap_or(u32::MAX);
        let Some(pair) = revokes.first().map(|step| step.tuple.pair()) else {
            continue;
        };
        let after = of_pair(&relations.after, pair);
        let replaced = of_pair(&relations.observed, pair)
            .iter()
            .all(|tuple| !has(after, *tuple));
        if after.is_empty() || !replaced {
            continue;
        }
        let of_role = |wait: &Wait| match wait {
            Wait::Grant(grant) => {
                let grant = plan.grants.get(*grant as usize);
                grant.is_some_and(|grant| grant.tuple.pair() == pair)
            }
            _ => false,
        };
        let mut waits = plan.waits.revokes.range(begin..index).flat_map(|(_, list)| list);
        found.require(waits.any(of_role), "role-gap", || {
            format!("the role of {pair:?} would vanish and come back as another one")
        });
    }
}

/// Who loses a path, and the paths at the end: through whom, whether it stands, whether it comes.
type Question = (u32, Vec<(u32, bool, bool)>);

/// The grants under renamed sets' new names.
fn replacements(plan: &Plan) -> FxHashMap<Tuple, u32> {
    let grants = (0_u32..).zip(&plan.grants);
    grants
        .filter(|(_, step)| step.reason == GrantReason::Renamed)
        .map(|(index, step)| (step.tuple, index))
        .collect()
}

/// People as numbers, ascending lists.
#[derive(Default, Clone)]
struct Members {
    before: Vec<u32>,
    after: Vec<u32>,
    /// Planned joins: the action by which each of these people comes in.
    joins: BTreeMap<u32, u32>,
}

struct World<'a> {
    plan: &'a Plan,
    relations: &'a Relations,
    people: Vec<&'a UserName>,
    /// By rank of the principal; a renamed group has the same members under both names.
    members: Vec<Members>,
    /// By rank of a set that gets another name: the rank of the one that follows.
    successors: BTreeMap<u32, u32>,
}

/// A path to a pair at the end.
struct Path<'a> {
    principal: u32,
    members: &'a Members,
    /// Its grant is there from the start.
    stands: bool,
    /// Its grant is there from the start or waited for.
    comes: bool,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, input: &'a PlanInput, relations: &'a Relations) -> Self {
        let mut crowd = Crowd::new(plan);
        for (name, group) in &input.observed.snapshot.groups {
            crowd.seen(name, group.value.members.iter().flatten());
        }
        for (index, effect) in (0_u32..).zip(plan.actions.iter().map(|action| action.effect.as_ref())) {
            if let Some(effect) = effect {
                crowd.change(index, effect);
            }
        }
        let members = plan
            .names
            .principals
            .iter()
            .map(|key| crowd.members_of(key))
            .collect();
        World {
            plan,
            relations,
            people: crowd.people,
            members,
            successors: successors(plan, input),
        }
    }

    fn members(&self, principal: u32) -> Option<&Members> {
        self.members.get(principal as usize)
    }

    /// Memberships that end, one by one or with their group.
    fn endings(&self, found: &mut Found) {
        let mut grants: FxHashMap<u32, Vec<Tuple>> = FxHashMap::default();
        let effects = self
            .plan
            .actions
            .iter()
            .filter_map(|action| action.effect.as_ref());
        let renamed = effects.filter_map(|effect| match effect {
            Effect::UpdateGroup { from, to } => Some((&to.display_name, &from.display_name)),
            _ => None,
        });
        let was_called: BTreeMap<&GroupName, &GroupName> = renamed.collect();
        for (action, waits) in self.plan.actions.iter().zip(&self.plan.waits.actions) {
            let (group, user) = match &action.effect {
                Some(Effect::RemoveMember { group, user }) => (group, Some(user)),
                Some(Effect::DeleteGroup { group }) => (group, None),
                _ => continue,
            };
            if grants.is_empty() {
                for tuple in &self.relations.observed {
                    grants.entry(tuple.principal()).or_default().push(*tuple);
                }
            }
            // Grants may be under the name that the group had before, too.
            let former = was_called.get(group).copied().filter(|former| *former != group);
            for name in former.into_iter().chain([group]) {
                let rank = self.plan.names.principal_rank(&PrincipalKey::Group(name.clone()));
                let through = rank.and_then(|rank| Some((self.members(rank)?, grants.get(&rank)?)));
                if let Some((members, grants)) = through {
                    self.ending(user, members, grants, waits, found);
                }
            }
        }
    }

    /// One membership, or all of a group, ends: what the group's grants gave is judged.
    fn ending(
        &self,
        user: Option<&UserName>,
        members: &Members,
        grants: &[Tuple],
        waits: &[Wait],
        found: &mut Found,
    ) {
        let concerned = members.before.iter().copied();
        let concerned: Vec<u32> = concerned
            .filter(|person| user.is_none_or(|user| self.people.get(*person as usize) == Some(&user)))
            .collect();
        for tuple in grants {
            // What is revoked is judged as a revoke, and the deletion waits for that.
            if user.is_some() || has(&self.relations.after, *tuple) {
                let paths = self.paths(*tuple, waits);
                self.judge(&concerned, *tuple, &paths, waits, found);
            }
        }
    }

    /// The paths to the pair of `tuple` at the end, under the set's next name too.
    fn paths(&self, tuple: Tuple, waits: &[Wait]) -> Vec<Path<'_>> {
        let after = &self.relations.after;
        let successor = self.successors.get(&tuple.permission_set());
        let successor = successor.map(|set| Pair::new(tuple.account(), *set));
        let successor = successor.map_or(&[][..], |pair| of_pair(after, pair));
        of_pair(after, tuple.pair())
            .iter()
            .chain(successor)
            .filter_map(|path| self.path(*path, waits))
            .collect()
    }

    /// Whether `people` keep the pair of `tuple` without a gap when the path through it goes.
    fn judge(
        &self,
        people: &[u32],
        tuple: Tuple,
        paths: &[Path<'_>],
        waits: &[Wait],
        found: &mut Found,
    ) -> bool {
        let mut sound = true;
        for person in people {
            let contains = |list: &[u32]| list.binary_search(person).is_ok();
            let mut left = paths
                .iter()
                .filter(|path| contains(&path.members.after))
                .peekable();
            if left.peek().is_none() {
                continue;
            }
            let kept = left.any(|path| {
                let was_in = contains(&path.members.before);
                let joins = path.members.joins.get(person);
                let comes_in = joins.is_some_and(|index| waits.contains(&Wait::Action(*index)));
                (path.stands && was_in) || (path.comes && (was_in || comes_in))
            });
            sound &= kept;
            found.require(kept, "access-gap", || {
                let person = self.people.get(*person as usize).map(ToString::to_string);
                format!(
                    "{} would be without {tuple:?} although access stays at the end",
                    person.unwrap_or_default()
                )
            });
        }
        sound
    }

    fn path(&self, path: Tuple, waits: &[Wait]) -> Option<Path<'_>> {
        let stands = has(&self.relations.observed, path);
        let grant = self.plan.grants.binary_search_by_key(&path, |step| step.tuple);
        let waited = grant.is_ok_and(|index| {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            waits.contains(&Wait::Grant(index))
        });
        Some(Path {
            principal: path.principal(),
            members: self.members(path.principal())?,
            stands,
            comes: stands || waited,
        })
    }
}

/// Sets that were made here, that nobody declares any more, and whose block declares another set now.
pub(super) fn successors(plan: &Plan, input: &PlanInput) -> BTreeMap<u32, u32> {
    let (recorded, desired) = (&input.recorded.applied, &input.desired.snapshot);
    let now = |address: &Address| moved_to(&input.desired.moved, address);
    let mut successors = BTreeMap::new();
    if plan.mode == Mode::Destroy {
        return successors;
    }
    for (old, entity) in &recorded.permission_sets {
        if entity.management != Management::Created || desired.permission_sets.contains_key(old) {
            continue;
        }
        let mut sets = desired.permission_sets.iter().filter(|(_, set)| set.is_managed());
        let new = sets.find(|(_, set)| {
            entity
                .addresses
                .iter()
                .any(|was| set.addresses.contains(&now(was)))
        });
        let ranks = new.and_then(|(new, _)| {
            Some((
                plan.names.permission_set_rank(old)?,
                plan.names.permission_set_rank(new)?,
            ))
        });
        successors.extend(ranks);
    }
    successors
}

/// The tuples of a pair in an ascending list.
fn of_pair(tuples: &[Tuple], pair: Pair) -> &[Tuple] {
    let start = tuples.partition_point(|tuple| tuple.pair() < pair);
    let end = tuples.partition_point(|tuple| tuple.pair() <= pair);
    tuples.get(start..end).unwrap_or(&[])
}

/// Who is where, while it is worked out. Users and groups that get another name are known by the new one.
struct Crowd<'a> {
    people: Vec<&'a UserName>,
    numbers: FxHashMap<&'a UserName, u32>,
    users_now: BTreeMap<&'a UserName, &'a UserName>,
    groups_now: BTreeMap<&'a GroupName, &'a GroupName>,
    groups: BTreeMap<&'a GroupName, Members>,
    deleted: BTreeSet<u32>,
}

impl<'a> Crowd<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut crowd = Crowd {
            people: Vec::new(),
            numbers: FxHashMap::default(),
            users_now: BTreeMap::new(),
            groups_now: BTreeMap::new(),
            groups: BTreeMap::new(),
            deleted: BTreeSet::new(),
        };
        for effect in plan.actions.iter().filter_map(|action| action.effect.as_ref()) {
            match effect {
                Effect::UpdateUser { from, to } => {
                    crowd.users_now.insert(&from.user_name, &to.user_name);
                }
                Effect::UpdateGroup { from, to } => {
                    crowd.groups_now.insert(&from.display_name, &to.display_name);
                }
                _ => {}
            }
        }
        crowd
    }

    fn number(&mut self, user: &'a UserName) -> u32 {
        let user = self.users_now.get(user).copied().unwrap_or(user);
        *self.numbers.entry(user).or_insert_with(|| {
            self.people.push(user);
            u32::try_from(self.people.len() - 1).unwrap_or(u32::MAX)
        })
    }

    fn group(&mut self, name: &'a GroupName) -> &mut Members {
        let name = self.groups_now.get(name).copied().unwrap_or(name);
        self.groups.entry(name).or_default()
    }

    fn seen(&mut self, group: &'a GroupName, members: impl Iterator<Item = &'a UserName>) {
        let mut numbers: Vec<u32> = members.map(|user| self.number(user)).collect();
        numbers.sort_unstable();
        let members = self.group(group);
        members.after.clone_from(&numbers);
        members.before = numbers;
    }

    fn change(&mut self, index: u32, effect: &'a Effect) {
        match effect {
            Effect::AddMember { group, user } => {
                let person = self.number(user);
                let members = self.group(group);
                members.joins.insert(person, index);
                if let Err(at) = members.after.binary_search(&person) {
                    members.after.insert(at, person);
                }
            }
            Effect::RemoveMember { group, user } => {
                let person = self.number(user);
                self.group(group).after.retain(|member| *member != person);
            }
            Effect::DeleteGroup { group } => self.group(group).after.clear(),
            Effect::DeleteUser { user } => {
                let person = self.number(user);
                self.deleted.insert(person);
            }
            _ => {}
        }
    }

    fn members_of(&mut self, key: &'a PrincipalKey) -> Members {
        let mut members = match key {
            PrincipalKey::User(user) => {
                let person = vec![self.number(user)];
                Members {
                    before: person.clone(),
                    after: person,
                    joins: BTreeMap::new(),
                }
            }
            PrincipalKey::Group(group) => self.group(group).clone(),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => Members::default(),
        };
        if !self.deleted.is_empty() {
            members.after.retain(|person| !self.deleted.contains(person));
        }
        members
    }
}
