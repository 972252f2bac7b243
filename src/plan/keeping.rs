//! Nobody who keeps access loses it on the way.
//!
//! A revoke (or the end of a membership) that takes a path from people waits for
//! the steps by which the same people have the same access again, and for
//! nothing else. People with a path that was there before and stays need no
//! waiting.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::id::{GroupName, PrincipalKey, UserName};
use crate::model::access::{Names, Pair, Tuple};
use crate::model::action::Effect;

use super::change::{Action, GrantStep, RevokeReason, RevokeStep};
use super::provisioning::of_pair;
use super::renames::Renames;
use super::sources::Sources;
use super::step::{Wait, Waits};

/// The parts of a plan that decide who keeps access and how.
pub(super) struct Keeping<'a> {
    pub sources: &'a Sources<'a>,
    pub renames: &'a Renames,
    pub names: &'a Names,
    pub before: &'a [Tuple],
    pub after: &'a [Tuple],
    pub actions: &'a [Action],
    pub grants: &'a [GrantStep],
    pub revokes: &'a [RevokeStep],
}

/// Who is in a group (or is the user): before and after, ascending.
#[derive(Default)]
struct Members<'a> {
    before: Vec<&'a UserName>,
    after: Vec<&'a UserName>,
    /// Planned joins, by user.
    joins: BTreeMap<&'a UserName, u32>,
}

/// A path at the end: a permission set, a principal, and whether its grant is yet to be made.
type Path = (u32, u32, bool);

/// A step that brings a path: the grant of this set to this principal, or an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Grant(u32, u32),
    Action(u32),
}

impl Keeping<'_> {
    /// Adds what revokes and ending memberships wait for.
    pub fn fill(&self, waits: &mut Waits) {
        let endings = self.endings();
        if self.revokes.is_empty() && endings.is_empty() {
            return;
        }
        let mut people = People::new(self);
        for (index, step) in (0_u32..).zip(self.revokes) {
            let mut needed = people.needs(self, step.tuple, None);
            needed.extend(self.replacement(step));
            if !needed.is_empty() {
                waits.revokes.insert(index, needed.into_iter().collect());
            }
        }
        let mut grants = self.grants_through(&endings);
        // Decided once for a grant, not once for each of the people who leave its group.
        for list in grants.values_mut() {
            list.retain(|tuple| people.something_comes(self, *tuple));
        }
        for (index, rank, user) in endings {
            let mut needed: BTreeSet<Wait> = BTreeSet::new();
            for tuple in grants.get(&rank).into_iter().flatten() {
                // The deletion of a group waits for its revokes, which wait for what is needed.
                if user.is_some() || self.after.binary_search(tuple).is_ok() {
                    needed.extend(people.needs(self, *tuple, user));
                }
            }
            if let Some(list) = waits.actions.get_mut(index) {
                needed.extend(list.iter().copied());
                *list = needed.into_iter().collect();
            }
        }
    }

    /// Lets the role of a pair survive when all its assignments are replaced: without one it would be deleted, and
    /// the next one would bring another ARN. One revoke of the pair waits for one of its grants; the others do not.
    pub fn keep_roles(&self, waits: &mut Waits) {
        let mut index = 0_u32;
        for revokes in self
            .revokes
            .chunk_by(|left, right| left.tuple.pair() == right.tuple.pair())
        {
            let begin = index;
            index += u32::try_from(revokes.len()).unwrap_or(u32::MAX);
            let Some(pair) = revokes.first().map(|step| step.tuple.pair()) else {
                continue;
            };
            let first = self.grants.partition_point(|step| step.tuple.pair() < pair);
            let count = self
                .grants
                .iter()
                .skip(first)
                .take_while(|step| step.tuple.pair() == pair)
                .count();
            if count == 0 || of_pair(self.before, pair).len() > revokes.len() {
                continue;
            }
            let (Ok(first), Ok(end)) = (u32::try_from(first), u32::try_from(first + count)) else {
                continue;
            };
            let in_pair = |wait: &Wait| matches!(wait, Wait::Grant(grant) if (first..end).contains(grant));
            let mut waiting = waits.revokes.range(begin..index).flat_map(|(_, list)| list);
            if !waiting.any(in_pair) {
                let list = waits.revokes.entry(index - 1).or_default();
                list.push(Wait::Grant(first));
                list.sort_unstable();
            }
        }
    }

    /// Memberships that end, one by one or with their group: the action, the group's rank, the user. A group that
    /// gets another name may have grants under both.
    fn endings(&self) -> Vec<(usize, u32, Option<&UserName>)> {
        let mut endings = Vec::new();
        for (index, action) in self.actions.iter().enumerate() {
            let (group, user) = match &action.effect {
                Some(Effect::RemoveMember { group, user }) => (group, Some(user)),
                Some(Effect::DeleteGroup { group }) => (group, None),
                _ => continue,
            };
            // Grants that nobody declares under a group's new name still stand under the old one.
            let old = self.renames.groups.iter().find(|(_, new)| *new == group);
            for name in [Some(group), old.map(|(old, _)| old)].into_iter().flatten() {
                let rank = self.names.principal_rank(&PrincipalKey::Group(name.clone()));
                endings.extend(rank.map(|rank| (index, rank, user)));
            }
        }
        endings
    }

    /// The grants there to the groups of `endings`; one pass.
    fn grants_through(&self, endings: &[(usize, u32, Option<&UserName>)]) -> BTreeMap<u32, Vec<Tuple>> {
        let mut grants: BTreeMap<u32, Vec<Tuple>> =
            endings.iter().map(|(_, rank, _)| (*rank, Vec::new())).collect();
        if !grants.is_empty() {
            for tuple in self.before {
                if let Some(list) = grants.get_mut(&tuple.principal()) {
                    list.push(*tuple);
                }
            }
        }
        grants
    }

    /// The grant that takes the place of one that a renamed set loses.
    fn replacement(&self, step: &RevokeStep) -> Option<Wait> {
        if step.reason != RevokeReason::Renamed {
            return None;
        }
        let old = self.names.permission_set(step.tuple.permission_set())?;
        let new = self
            .names
            .permission_set_rank(self.renames.permission_sets.get(old)?)?;
        // A principal that is renamed as well gets its grants under the new name.
        let principal = self.names.principal(step.tuple.principal())?;
        let now = self.renames.principal_now(principal);
        let now = now.and_then(|key| self.names.principal_rank(&key));
        let now = now.unwrap_or(step.tuple.principal());
        let tuple = Tuple::new(step.tuple.account(), new, now);
        self.grant_of(tuple).map(Wait::Grant)
    }

    /// The pair that follows when the pair's set gets another name.
    fn renamed_pair(&self, pair: Pair) -> Option<Pair> {
        if self.renames.permission_sets.is_empty() {
            return None;
        }
        let old = self.names.permission_set(pair.permission_set())?;
        let new = self.renames.permission_sets.get(old)?;
        let new = self.names.permission_set_rank(new)?;
        Some(Pair::new(pair.account(), new))
    }

    /// The grants at the end of a pair, and of the one that follows it.
    fn beside(&self, pair: Pair) -> impl Iterator<Item = &Tuple> {
        let successor = self.renamed_pair(pair);
        let successor = successor.map_or(&[][..], |pair| of_pair(self.after, pair));
        of_pair(self.after, pair).iter().chain(successor)
    }

    fn grant_of(&self, tuple: Tuple) -> Option<u32> {
        let at = self.grants.binary_search_by_key(&tuple, |step| step.tuple).ok()?;
        u32::try_from(at).ok()
    }
}

struct People<'a> {
    members: FxHashMap<u32, Members<'a>>,
    /// Answers for equal questions: the same principal goes, the same paths are there at the end.
    known: FxHashMap<(u32, Option<UserName>, Vec<Path>), Vec<Need>>,
}

impl<'a> People<'a> {
    fn new(keeping: &'a Keeping<'_>) -> Self {
        let mut changes: BTreeMap<&GroupName, Vec<(&UserName, Option<u32>)>> = BTreeMap::new();
        let mut deleted_groups: BTreeSet<&GroupName> = BTreeSet::new();
        let mut deleted_users: BTreeSet<&UserName> = BTreeSet::new();
        for (index, action) in (0_u32..).zip(keeping.actions) {
            match &action.effect {
                Some(Effect::AddMember { group, user }) => {
                    changes.entry(group).or_default().push((user, Some(index)));
                }
                Some(Effect::RemoveMember { group, user }) => {
                    changes.entry(group).or_default().push((user, None))
                }
                Some(Effect::DeleteGroup { group }) => drop(deleted_groups.insert(group)),
                Some(Effect::DeleteUser { user }) => drop(deleted_users.insert(user)),
                _ => {}
            }
        }
        let was_called: BTreeMap<&GroupName, &GroupName> = keeping
            .renames
            .groups
            .iter()
            .map(|(old, new)| (new, old))
            .collect();
        let mut members = FxHashMap::default();
        for (rank, key) in (0_u32..).zip(&keeping.names.principals) {
            let mut own = Members::default();
            match key {
                PrincipalKey::User(user) => {
                    own.before.push(keeping.renames.user_now(user));
                    own.after.clone_from(&own.before);
                }
                PrincipalKey::Group(group) => {
                    let group = keeping.renames.groups.get(group).unwrap_or(group);
                    let seen_as = was_called.get(group).copied().unwrap_or(group);
                    let observed = keeping.sources.observed.groups.get(seen_as);
                    let observed = observed.and_then(|group| group.value.members.as_ref());
                    own.before.extend(
                        observed
                            .into_iter()
                            .flatten()
                            .map(|user| keeping.renames.user_now(user)),
                    );
                    own.before.sort_unstable();
                    own.after.clone_from(&own.before);
                    for (user, join) in changes.get(group).into_iter().flatten() {
                        match join {
                            Some(index) => {
                                own.joins.insert(user, *index);
                                own.after.push(user);
                            }
                            None => own.after.retain(|member| member != user),
                        }
                    }
                    own.after.sort_unstable();
                    if deleted_groups.contains(group) {
                        own.after.clear();
                    }
                }
                PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => {}
            }
            if !deleted_users.is_empty() {
                own.after.retain(|user| !deleted_users.contains(user));
            }
            members.insert(rank, own);
        }
        People {
            members,
            known: FxHashMap::default(),
        }
    }

    /// Whether people get to a grant's pair in a new way, so that an end of `tuple` may have to wait.
    fn something_comes(&self, keeping: &Keeping<'_>, tuple: Tuple) -> bool {
        let joins = |principal: u32| {
            let members = self.members.get(&principal);
            members.is_some_and(|members| !members.joins.is_empty())
        };
        let mut paths = keeping.beside(tuple.pair());
        paths.any(|other| joins(other.principal()) || keeping.grant_of(*other).is_some())
    }

    /// What must be done before the path `tuple` is taken from its people, or from `only` one of them.
    fn needs(&mut self, keeping: &Keeping<'_>, tuple: Tuple, only: Option<&UserName>) -> BTreeSet<Wait> {
        if !self.something_comes(keeping, tuple) {
            return BTreeSet::new();
        }
        let path = |other: &Tuple| {
            let is_new = keeping.grant_of(*other).is_some();
            (other.permission_set(), other.principal(), is_new)
        };
        let paths: Vec<Path> = keeping.beside(tuple.pair()).map(path).collect();
        let question = (tuple.principal(), only.cloned(), paths);
        let needs = match self.known.get(&question) {
            Some(needs) => needs.clone(),
            None => {
                let needs = self.answer(question.0, only, &question.2);
                self.known.insert(question, needs.clone());
                needs
            }
        };
        needs
            .into_iter()
            .filter_map(|need| match need {
                Need::Action(index) => Some(Wait::Action(index)),
                Need::Grant(set, principal) => {
                    let path = Tuple::new(tuple.account(), set, principal);
                    keeping.grant_of(path).map(Wait::Grant)
                }
            })
            .collect()
    }

    fn answer(&self, principal: u32, only: Option<&UserName>, paths: &[Path]) -> Vec<Need> {
        let Some(losing) = self.members.get(&principal) else {
            return Vec::new();
        };
        let mut needs = BTreeSet::new();
        for person in losing
            .before
            .iter()
            .filter(|person| only.is_none_or(|only| only == **person))
        {
            let mut first: Option<(Path, &Members<'_>)> = None;
            let mut steady = false;
            for path in paths {
                let Some(members) = self.members.get(&path.1) else {
                    continue;
                };
                if members.after.binary_search(person).is_err() {
                    continue;
                }
                if !path.2 && members.before.binary_search(person).is_ok() {
                    steady = true;
                    break;
                }
                first = first.or(Some((*path, members)));
            }
            if let (false, Some(((set, principal, is_new), members))) = (steady, first) {
                if is_new {
                    needs.insert(Need::Grant(set, principal));
                }
                if members.before.binary_search(person).is_err() {
                    needs.extend(members.joins.get(*person).map(|index| Need::Action(*index)));
                }
            }
        }
        needs.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::input::Mode;
    use crate::plan::testing::{Stack, World, group, user};

    use super::*;

    fn base(members: &[&str]) -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("view", "view")
            .group("ops", "Ops", members)
    }

    fn world() -> World {
        World::new().has_user("ada").has_user("bob")
    }

    #[test]
    fn a_direct_grant_waits_for_the_group_that_takes_its_place() {
        let world = world().apply(base(&["ada"]).assign("a", &[user("ada"), user("bob")], &["view"], &[1]));
        let plan = world.plan(base(&["ada"]).assign("b", &[group("Ops")], &["view"], &[1]));
        assert_eq!((plan.grants.len(), plan.revokes.len()), (1, 2));
        let waiting: Vec<&Vec<Wait>> = plan.waits.revokes.values().collect();
        assert_eq!(waiting, [&vec![Wait::Grant(0)]], "ada's waits, bob's does not");
    }

    #[test]
    fn a_path_that_comes_with_a_membership_is_waited_for_whole() {
        let world = world().apply(base(&[]).assign("a", &[user("ada")], &["view"], &[1]));
        let plan = world.plan(base(&["ada"]).assign("b", &[group("Ops")], &["view"], &[1]));
        let join = plan
            .actions
            .iter()
            .position(|a| matches!(a.effect, Some(Effect::AddMember { .. })));
        let join = join.unwrap() as u32;
        assert_eq!(plan.waits.revokes[&0], [Wait::Action(join), Wait::Grant(0)]);
    }

    #[test]
    fn leaving_a_group_waits_for_a_direct_grant() {
        let world = world().apply(base(&["ada", "bob"]).assign("b", &[group("Ops")], &["view"], &[1]));
        let plan = world.plan(base(&[]).assign("b", &[group("Ops"), user("ada")], &["view"], &[1]));
        let waits: Vec<&[Wait]> = plan.waits.actions.iter().map(Vec::as_slice).collect();
        assert_eq!(
            waits,
            [&[Wait::Grant(0)][..], &[]],
            "ada has to wait, bob does not"
        );
    }

    #[test]
    fn only_revokes_leaves_out_what_would_cut_people_off() {
        let mut world =
            world().apply(base(&["ada"]).assign("a", &[user("ada"), user("bob")], &["view"], &[1]));
        world.options.mode = Mode::Revokes;
        let plan = world.plan(base(&["ada"]).assign("b", &[group("Ops")], &["view"], &[1]));
        assert_eq!(
            (plan.grants.len(), plan.revokes.len(), plan.actions.len()),
            (0, 1, 0)
        );
        let gone = plan.names.principal(plan.revokes[0].tuple.principal()).unwrap();
        assert_eq!(*gone, user("bob"));
        assert!(plan.findings.iter().any(|finding| &*finding.code == "left-out"));
    }
}
