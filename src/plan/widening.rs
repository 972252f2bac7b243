//! Nobody has more on the way than before the run or after it.
//!
//! Four orders could give somebody, for a while or for good where a step fails, what the plan takes from them:
//!
//! - A permission set that comes to allow more reaches a role with the set's provisioning, and with every grant of the
//!   pair before that (service model: `CreateAccountAssignment` provisions the set as it is then). So such a change
//!   waits until the set is taken from those who lose it. What they are taken by may itself wait for grants, so that
//!   nobody is cut off: those grants are made *early*, with the set as it was, and the provisioning brings them up to
//!   date with the rest.
//! - A grant to a group waits for those who leave the group.
//! - Who joins a group waits for what is taken from the group.
//! - Who joins a group waits until what is narrowed of the group's sets has reached the roles ([`joins`]).
//!
//! The second and third hold unless groups take from each other in a circle, so that somebody keeps access by what one
//! of them is given, somebody else by what the other is: then access that is to be kept comes first.
//! What narrows a set waits for nobody. A set that becomes something else, neither wider nor narrower as far as can be
//! told, waits only where no grant would have to be early.
//!
//! What an interrupted run changed and did not provision everywhere may be more than the roles hold. So the provisioning
//! waits as a change that widens does. Grants of the set would bring it along: they wait for the provisioning where the
//! set is revoked, and else for those who leave. Grants by which somebody keeps access, or a role is kept, are made
//! first all the same: such a role is up to date a moment before it is taken away. Where the set is narrowed besides,
//! and one grant would have to be early, no grant waits.

mod joins;

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::Graph;
use crate::id::{GroupName, PermissionSetName, PrincipalKey};
use crate::model::access::{Names, Tuple};
use crate::model::action::Effect;
use crate::model::widening::Widening;

use super::change::{Action, GrantStep, RevokeStep};
use super::renames::Renames;
use super::step::{Wait, Waits};

/// What is known of names, and of sets.
pub(super) struct Known<'a> {
    pub names: &'a Names,
    pub renames: &'a Renames,
    /// Sets that have roles with an older content ([`super::provisioning::behind`]).
    pub behind: BTreeSet<u32>,
}

impl Known<'_> {
    /// Actions that others come after, besides what they refer to. Indices into `actions`, ascending.
    pub(super) fn first(
        &self,
        actions: &[Action],
        before: &[Tuple],
        access: (&[GrantStep], &[RevokeStep]),
    ) -> BTreeMap<usize, Vec<usize>> {
        let mut first = self.leavers(actions, before);
        let joins = self.narrowed_before_joining(actions, before, access, &first);
        first.extend(joins);
        first
    }

    /// For changes by which a set comes to allow more, and for provisionings that bring such a change of an earlier
    /// run: the ends of memberships, groups and users that take the set from somebody.
    fn leavers(&self, actions: &[Action], before: &[Tuple]) -> BTreeMap<usize, Vec<usize>> {
        let mut sets: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut leave: BTreeMap<PrincipalKey, Vec<usize>> = BTreeMap::new();
        for (index, action) in actions.iter().enumerate() {
            let Some(effect) = &action.effect else { continue };
            if let Some(principal) = left_by(effect) {
                leave.entry(principal).or_default().push(index);
            } else if self.widening(effect) != Widening::None {
                let rank = self.set_of(effect);
                rank.into_iter()
                    .for_each(|rank| sets.entry(rank).or_default().push(index));
            }
        }
        if sets.is_empty() || leave.is_empty() {
            return BTreeMap::new();
        }
        let mut by_rank: BTreeMap<u32, &Vec<usize>> = BTreeMap::new();
        for (principal, own) in &leave {
            let ranks = self.ranks(principal);
            by_rank.extend(ranks.into_iter().map(|rank| (rank, own)));
        }
        let mut leavers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (changes, own) in held_pairs(before, &sets, &by_rank) {
            for change in changes {
                leavers.entry(*change).or_default().extend(own.iter());
            }
        }
        for list in leavers.values_mut() {
            list.sort_unstable();
            list.dedup();
        }
        leavers
    }

    /// Whether a step may let people do more with a set that they have.
    ///
    /// A set that another one is renamed onto counts as changed for nothing: keeping access then leads from the grants
    /// of one set to those of the other, and two such sets could wait for each other.
    fn widening(&self, effect: &Effect) -> Widening {
        match effect {
            Effect::UpdatePermissionSet { to, .. } if self.is_followed(&to.name) => Widening::None,
            Effect::UpdatePermissionSet { from, to } => Widening::of(from, to),
            Effect::Provision { name, .. } if self.is_behind(name) && !self.is_followed(name) => {
                Widening::Other
            }
            _ => Widening::None,
        }
    }

    /// Whether another set gets this name.
    fn is_followed(&self, name: &PermissionSetName) -> bool {
        let mut renamed = self.renames.permission_sets.iter();
        renamed.any(|(old, new)| new == name && self.names.permission_set_rank(old).is_some())
    }

    fn is_behind(&self, name: &PermissionSetName) -> bool {
        let rank = self.names.permission_set_rank(name);
        rank.is_some_and(|rank| self.behind.contains(&rank))
    }

    fn set_of(&self, effect: &Effect) -> Option<u32> {
        match effect {
            Effect::UpdatePermissionSet { to, .. } => self.names.permission_set_rank(&to.name),
            Effect::Provision { name, .. } => self.names.permission_set_rank(name),
            _ => None,
        }
    }

    /// A group that gets another name may have grants under both.
    fn ranks(&self, principal: &PrincipalKey) -> Vec<u32> {
        let old = match principal {
            PrincipalKey::Group(group) => self.renames.groups.iter().find(|(_, new)| *new == group),
            _ => None,
        };
        let old = old.map(|(old, _)| PrincipalKey::Group(old.clone()));
        let both = [Some(principal), old.as_ref()].into_iter().flatten();
        both.filter_map(|name| self.names.principal_rank(name)).collect()
    }

    fn renamed_ranks(&self) -> BTreeMap<u32, u32> {
        let rank = |name: &GroupName| self.names.principal_rank(&PrincipalKey::Group(name.clone()));
        let groups = self.renames.groups.iter();
        groups
            .filter_map(|(old, new)| Some((rank(old)?, rank(new)?)))
            .collect()
    }
}

/// What is noted of a set and of a principal that has it, once for each such two.
fn held_pairs<'n, S, P>(
    before: &'n [Tuple],
    sets: &'n BTreeMap<u32, S>,
    principals: &'n BTreeMap<u32, P>,
) -> impl Iterator<Item = (&'n S, &'n P)> {
    let mut seen: BTreeSet<(u32, u32)> = BTreeSet::new();
    before.iter().filter_map(move |tuple| {
        let (set, principal) = (tuple.permission_set(), tuple.principal());
        let found = (sets.get(&set)?, principals.get(&principal)?);
        seen.insert((set, principal)).then_some(found)
    })
}

/// Whose access ends, for somebody, with an effect that is no revoke. What was granted to a user or group that is
/// deleted may be nobody's to revoke.
fn left_by(effect: &Effect) -> Option<PrincipalKey> {
    match effect {
        Effect::RemoveMember { group, .. } | Effect::DeleteGroup { group } => {
            Some(PrincipalKey::Group(group.clone()))
        }
        Effect::DeleteUser { user } => Some(PrincipalKey::User(user.clone())),
        _ => None,
    }
}

/// The steps by which a set comes to allow more, perhaps.
#[derive(Default)]
struct Change {
    update: Option<Update>,
    /// Of a set that has roles with an older content.
    provision: Option<usize>,
}

struct Update {
    index: usize,
    widening: Widening,
    /// Whether it takes something, as far as can be told.
    narrows: bool,
}

impl Change {
    /// Whether grants of the set can be made before it: they bring what it allows now, and nobody gets that for a while
    /// whom it was not meant for.
    fn can_have_early_grants(&self) -> bool {
        self.update
            .as_ref()
            .is_none_or(|update| update.widening == Widening::Wider || !update.narrows)
    }

    fn indices(&self) -> impl Iterator<Item = usize> {
        let update = self.update.as_ref().map(|update| update.index);
        update.into_iter().chain(self.provision)
    }
}

fn changes(actions: &[Action], known: &Known<'_>) -> BTreeMap<u32, Change> {
    let mut changes: BTreeMap<u32, Change> = BTreeMap::new();
    for (index, action) in actions.iter().enumerate() {
        let Some(effect) = &action.effect else { continue };
        let Some(set) = known.set_of(effect) else { continue };
        let widening = known.widening(effect);
        let change = changes.entry(set).or_default();
        match effect {
            Effect::UpdatePermissionSet { from, to } => {
                change.update = Some(Update {
                    index,
                    widening,
                    narrows: to.may_allow_less_than(from),
                });
            }
            _ if widening != Widening::None => change.provision = Some(index),
            _ => {}
        }
    }
    let is_more = |change: &Change| {
        let update = change.update.as_ref();
        change.provision.is_some() || update.is_some_and(|update| update.widening != Widening::None)
    };
    changes.retain(|_, change| is_more(change));
    changes
}

/// Lets a set come to allow more only when it is taken from those who lose it. `waits` has what revokes and ends of
/// memberships wait for. Returns the sets whose change waits.
pub(super) fn take_before_widening(
    actions: &[Action],
    known: &Known<'_>,
    (grants, revokes): (&[GrantStep], &[RevokeStep]),
    waits: &mut Waits,
) -> BTreeSet<u32> {
    let changes = changes(actions, known);
    let mut held = BTreeSet::new();
    if changes.is_empty() {
        return held;
    }
    let revoked: BTreeSet<u32> = revokes.iter().map(|step| step.tuple.permission_set()).collect();
    let granted: BTreeSet<u32> = grants.iter().map(|step| step.tuple.permission_set()).collect();
    let first = first_grants((grants, revokes), &changes, waits);
    let mut early: BTreeSet<u32> = BTreeSet::new();
    for (set, change) in changes {
        let own = change.indices().filter_map(|index| waits.actions.get(index));
        let ends: BTreeSet<usize> = own.flatten().filter_map(|wait| leaving(actions, wait)).collect();
        let lists = ends.iter().filter_map(|end| waits.actions.get(*end)).flatten();
        let through = lists.filter_map(|wait| grant_of_set(grants, wait, set));
        let mut needed: BTreeSet<u32> = through.collect();
        needed.extend(first.range((set, 0)..=(set, u32::MAX)).map(|(_, grant)| *grant));
        let widens = change
            .update
            .as_ref()
            .filter(|update| update.widening != Widening::None);
        let widens = widens.and_then(|update| waits.actions.get_mut(update.index));
        if !needed.is_empty() && !change.can_have_early_grants() {
            if let Some(list) = widens {
                list.retain(|wait| leaving(actions, wait).is_none());
            }
            continue;
        }
        early.extend(needed);
        held.insert(set);
        if let Some(list) = widens
            && revoked.contains(&set)
        {
            list.push(Wait::RevokesOfSet(set));
            list.sort_unstable();
            list.dedup();
        }
        if let Some(provision) = change.provision
            && granted.contains(&set)
        {
            // An account that refuses the provisioning for good would keep everybody out who comes anew.
            let taken = if revoked.contains(&set) {
                [provision].into()
            } else {
                ends
            };
            hold_grants(set, &taken, waits);
        }
    }
    waits.early_grants = early.into_iter().collect();
    held
}

/// Grants of each set that come before it is taken from somebody: the set, and the grant.
fn first_grants(
    (grants, revokes): (&[GrantStep], &[RevokeStep]),
    changes: &BTreeMap<u32, Change>,
    waits: &Waits,
) -> BTreeSet<(u32, u32)> {
    let mut first = BTreeSet::new();
    for (index, list) in &waits.revokes {
        let step = revokes.get(*index as usize);
        let set = step.map(|step| step.tuple.permission_set());
        if let Some(set) = set.filter(|set| changes.contains_key(set)) {
            let own = list.iter().filter_map(|wait| grant_of_set(grants, wait, set));
            first.extend(own.map(|grant| (set, grant)));
        }
    }
    first
}

/// Lets grants of a set wait for actions besides.
fn hold_grants(set: u32, actions: &BTreeSet<usize>, waits: &mut Waits) {
    if actions.is_empty() {
        return;
    }
    let list = waits.grants_of_set.entry(set).or_default();
    list.extend(actions.iter().filter_map(|index| u32::try_from(*index).ok()));
    list.sort_unstable();
    list.dedup();
}

/// Lets grants to a group wait for those who leave it, and who joins it for what it loses.
pub(super) fn take_before_giving(
    actions: &[Action],
    known: &Known<'_>,
    (grants, revokes): (&[GrantStep], &[RevokeStep]),
    held: &BTreeSet<u32>,
    waits: &mut Waits,
) {
    let some = |which: fn(&Effect) -> bool| {
        let mut effects = actions.iter().filter_map(|action| action.effect.as_ref());
        effects.any(which)
    };
    let leave = || some(|effect| matches!(effect, Effect::RemoveMember { .. }));
    let join = || some(|effect| matches!(effect, Effect::AddMember { .. }));
    // Most plans give, or take, and do not do both to one group.
    let both = (!grants.is_empty() && leave()) || (!revokes.is_empty() && join());
    if !both {
        return;
    }
    let turns = Turns {
        actions,
        names: known.names,
        grants,
        held,
        now: known.renamed_ranks(),
    };
    let taking = turns.taking(revokes, waits);
    let granted: BTreeSet<u32> = grants.iter().map(|step| step.tuple.principal()).collect();
    for (index, action) in (0_u32..).zip(actions) {
        let (group, joins) = match &action.effect {
            Some(Effect::AddMember { group, .. }) => (group, true),
            Some(Effect::RemoveMember { group, .. }) if taking.leavers.contains(&index) => (group, false),
            _ => continue,
        };
        let key = PrincipalKey::Group(group.clone());
        let own = known.names.principal_rank(&key);
        if own.is_some_and(|rank| taking.gives_way.contains(&rank)) {
            continue;
        }
        if joins {
            let ranks = known.ranks(&key).into_iter();
            let lost = ranks.filter(|rank| taking.revoked.get(rank) == Some(&true));
            if let Some(list) = waits.actions.get_mut(index as usize) {
                list.extend(lost.map(Wait::RevokesOfPrincipal));
                list.sort_unstable();
                list.dedup();
            }
        } else if let Some(rank) = own.filter(|rank| granted.contains(rank)) {
            waits.grants_to_principal.entry(rank).or_default().push(index);
        }
    }
    let lists = waits.grants_to_principal.values_mut();
    lists.for_each(|list| list.sort_unstable());
}

/// What is needed to tell whose turn it is.
struct Turns<'a> {
    actions: &'a [Action],
    names: &'a Names,
    grants: &'a [GrantStep],
    /// Sets whose change waits for what is taken.
    held: &'a BTreeSet<u32>,
    /// The rank of a group's new name by that of its old one.
    now: BTreeMap<u32, u32>,
}

/// The steps that take access from groups, where others may wait for them.
#[derive(Default)]
struct Taking {
    /// Ends of memberships.
    leavers: BTreeSet<u32>,
    /// Whether all revokes of a principal are such steps.
    revoked: BTreeMap<u32, bool>,
    /// Groups of which one waits for the other and back: what they gain waits for nothing that they lose.
    gives_way: BTreeSet<u32>,
}

impl Turns<'_> {
    fn taking(&self, revokes: &[RevokeStep], waits: &Waits) -> Taking {
        let mut taking = Taking::default();
        let mut first: BTreeSet<(u32, u32)> = BTreeSet::new();
        // What a group loses and gets again under a set's new name is no circle: who leaves it does not come back by that.
        let mut note = |group: u32, given: &[u32]| {
            let others = given.iter().filter(|other| **other != group);
            first.extend(others.map(|other| (group, *other)));
        };
        for ((index, action), list) in (0_u32..).zip(self.actions).zip(&waits.actions) {
            if let Some(Effect::RemoveMember { group, .. }) = &action.effect
                && let Some(given) = self.given_before(list, waits)
            {
                taking.leavers.insert(index);
                let rank = self.names.principal_rank(&PrincipalKey::Group(group.clone()));
                rank.into_iter().for_each(|rank| note(rank, &given));
            }
        }
        for (index, step) in (0_u32..).zip(revokes) {
            let principal = step.tuple.principal();
            let list = waits.revokes.get(&index).map_or(&[][..], Vec::as_slice);
            let given = self.given_before(list, waits);
            *taking.revoked.entry(principal).or_insert(true) &= given.is_some();
            let group = self.now.get(&principal).copied().unwrap_or(principal);
            given.into_iter().for_each(|given| note(group, &given));
        }
        taking.gives_way = in_circles(&first);
        taking
    }

    /// The groups and users that are given something before a step that waits so. `None` when it waits for a set to
    /// allow more, which may wait for anything that is taken.
    fn given_before(&self, list: &[Wait], waits: &Waits) -> Option<Vec<u32>> {
        let mut given = Vec::new();
        for wait in list {
            match wait {
                Wait::Grant(index) => {
                    let tuple = self.grants.get(*index as usize)?.tuple;
                    let early = || waits.early_grants.binary_search(index).is_ok();
                    if self.held.contains(&tuple.permission_set()) && !early() {
                        return None;
                    }
                    given.push(tuple.principal());
                }
                Wait::Action(index) => {
                    let effect = self.actions.get(*index as usize)?.effect.as_ref();
                    if let Some(Effect::AddMember { group, .. }) = effect {
                        given.extend(self.names.principal_rank(&PrincipalKey::Group(group.clone())));
                    }
                }
                _ => return None,
            }
        }
        Some(given)
    }
}

/// What lies on circles of "comes after".
fn in_circles(edges: &BTreeSet<(u32, u32)>) -> BTreeSet<u32> {
    let mut circles = BTreeSet::new();
    loop {
        let mut graph: Graph<u32> = Graph::new();
        for (from, to) in edges {
            if !circles.contains(from) && !circles.contains(to) {
                graph.depends(*from, *to);
            }
        }
        match graph.order() {
            Ok(_) => return circles,
            Err(cycle) => circles.extend(cycle.path),
        }
    }
}

fn grant_of_set(grants: &[GrantStep], wait: &Wait, set: u32) -> Option<u32> {
    let Wait::Grant(index) = wait else { return None };
    let step = grants.get(*index as usize)?;
    (step.tuple.permission_set() == set).then_some(*index)
}

/// The index of what ends somebody's access, if that is what is waited for.
fn leaving(actions: &[Action], wait: &Wait) -> Option<usize> {
    let Wait::Action(index) = wait else { return None };
    let effect = actions.get(*index as usize)?.effect.as_ref()?;
    left_by(effect).is_some().then_some(*index as usize)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Plan;
    use super::super::planner::plan;
    use super::super::scene::Scene;
    use super::*;

    const ADMIN: &str = "AdministratorAccess";
    const VIEW: &str = "job-function/ViewOnlyAccess";

    /// Ada is an operator, the readers are given.
    fn stack(scene: Scene, groups: &[&str], readers: &[&str], policies: &[&str]) -> Scene {
        let scene = scene.account(1).set("s").group("ops", &["ada"]);
        let scene = scene.group("readers", readers);
        let arns = policies
            .iter()
            .map(|name| Arc::from(format!("arn:aws:iam::aws:policy/{name}")));
        let scene = scene.change_set("s", |set| set.managed_policies = arns.collect());
        scene.assign("a", groups, &["s"], &[1])
    }

    /// The plan from a stack in which operators and readers (bob) have the set, to another.
    fn planned(before: &[&str], groups: &[&str], readers: &[&str], policies: &[&str]) -> Plan {
        let applied = stack(Scene::new(), &["ops", "readers"], &["bob"], before).applied();
        plan(&stack(applied, groups, readers, policies).build())
    }

    fn find(plan: &Plan, which: impl Fn(&Effect) -> bool) -> u32 {
        let found = plan
            .actions
            .iter()
            .position(|action| action.effect.as_ref().is_some_and(&which));
        found.unwrap() as u32
    }

    fn update(plan: &Plan) -> u32 {
        find(plan, |effect| {
            matches!(effect, Effect::UpdatePermissionSet { .. })
        })
    }

    fn leave(plan: &Plan) -> u32 {
        find(plan, |effect| matches!(effect, Effect::RemoveMember { .. }))
    }

    fn waits_of(plan: &Plan, action: u32) -> &[Wait] {
        &plan.waits.actions[action as usize]
    }

    #[test]
    fn a_set_is_taken_away_before_it_allows_more() {
        let revoked = planned(&[VIEW], &["ops"], &["bob"], &[ADMIN]);
        assert_eq!(waits_of(&revoked, update(&revoked)), [Wait::RevokesOfSet(0)]);
        let left = planned(&[VIEW], &["ops", "readers"], &["ada"], &[ADMIN]);
        assert_eq!(waits_of(&left, update(&left)), [Wait::Action(leave(&left))]);
        for plan in [revoked, left] {
            assert!(plan.waits.early_grants.is_empty(), "nothing is granted");
        }
    }

    #[test]
    fn what_narrows_a_set_waits_for_nobody() {
        let revoked = planned(&[ADMIN, VIEW], &["ops"], &["bob"], &[VIEW]);
        let left = planned(&[ADMIN, VIEW], &["ops", "readers"], &["ada"], &[VIEW]);
        for plan in [revoked, left] {
            assert_eq!(waits_of(&plan, update(&plan)), []);
        }
    }

    #[test]
    fn what_becomes_another_set_is_never_granted_early() {
        let update_of = |from: &str, to: &str| {
            let before = stack(Scene::new(), &["readers"], &["ada", "bob"], &[from]);
            let plan = plan(&stack(before.applied(), &["ops"], &["ada", "bob"], &[to]).build());
            assert_eq!(plan.waits.revokes[&0], [Wait::Grant(0)]);
            assert!(plan.waits.early_grants.is_empty());
            waits_of(&plan, update(&plan)).to_vec()
        };
        assert_eq!(update_of(VIEW, "SecurityAudit"), []);
        assert_eq!(update_of(ADMIN, VIEW), [], "nor what an administrator has");
        let other = planned(&[VIEW], &["ops"], &["bob"], &["SecurityAudit"]);
        assert_eq!(waits_of(&other, update(&other)), [Wait::RevokesOfSet(0)]);
        let narrowed = planned(&[ADMIN], &["ops"], &["bob"], &[VIEW]);
        assert_eq!(waits_of(&narrowed, update(&narrowed)), []);
    }

    #[test]
    fn a_set_that_gets_another_name_changes_nothing_for_those_who_leave() {
        use crate::plan::testing::{Stack, World, group};
        let base = |name: &str, members: &[&str]| {
            let stack = Stack::new().accounts(&[1]).set("s", name);
            let stack = stack.group("ops", "Ops", members);
            stack.assign("a", &[group("Ops")], &[name], &[1])
        };
        let world = World::new().has_user("ada").has_user("bob");
        let plan = world
            .apply(base("view", &["ada", "bob"]))
            .plan(base("look", &["ada"]));
        assert_eq!((plan.grants.len(), plan.revokes.len()), (1, 1));
        let ops = plan.grants[0].tuple.principal();
        assert_eq!(plan.waits.grants_to_principal[&ops], [leave(&plan)]);
    }

    #[test]
    fn who_keeps_a_set_in_another_way_gets_it_as_it_was_first() {
        let before = |scene: Scene| stack(scene, &["readers"], &["ada", "bob"], &[VIEW]);
        let after = stack(
            before(Scene::new()).applied(),
            &["ops"],
            &["ada", "bob"],
            &[ADMIN],
        );
        let plan = plan(&after.build());
        assert_eq!((plan.grants.len(), plan.revokes.len()), (1, 1));
        assert_eq!(
            plan.waits.revokes[&0],
            [Wait::Grant(0)],
            "ada is not to be cut off"
        );
        assert_eq!(
            plan.waits.early_grants,
            [0],
            "and bob is not to have it as administrator"
        );
        assert_eq!(waits_of(&plan, update(&plan)), [Wait::RevokesOfSet(0)]);
        let provision = find(&plan, |effect| matches!(effect, Effect::Provision { .. }));
        assert!(waits_of(&plan, provision).contains(&Wait::Action(update(&plan))));
    }

    #[test]
    fn a_group_gets_nothing_new_while_somebody_is_on_the_way_out_or_in() {
        let scene = |scene: Scene| scene.account(1).account(2).set("s");
        let before = scene(Scene::new())
            .group("ops", &["ada", "bob"])
            .assign("a", &["ops"], &["s"], &[1])
            .applied();
        let after = scene(before)
            .group("ops", &["ada", "eve"])
            .assign("a", &["ops"], &["s"], &[2]);
        let plan = plan(&after.build());
        let ops = plan.revokes[0].tuple.principal();
        assert_eq!(
            plan.waits.grants_to_principal[&ops],
            [leave(&plan)],
            "bob goes first"
        );
        let join = find(&plan, |effect| matches!(effect, Effect::AddMember { .. }));
        assert!(
            waits_of(&plan, join).contains(&Wait::RevokesOfPrincipal(ops)),
            "eve comes last"
        );
    }

    /// An earlier run let the set allow more, and was interrupted before the roles had it.
    #[test]
    fn what_was_left_to_provision_is_given_to_nobody_before_it_is_taken_away() {
        use crate::model::roles::Provisioning;
        use crate::plan::testing::{Stack, World, group};
        let stack = |readers: &[PrincipalKey], ops: &[PrincipalKey]| {
            let stack = Stack::new().accounts(&[1]).set("s", "s");
            let stack = stack.group("ops", "Ops", &["ada"]);
            let stack = stack.group("readers", "Readers", &["bob"]);
            let stack = stack.group("others", "Others", &["eve"]);
            let stack = stack.assign("a", &[group("Others")], &["s"], &[1]);
            let stack = stack.assign("b", readers, &["s"], &[1]);
            stack.assign("c", ops, &["s"], &[1])
        };
        let world = World::new().has_user("ada").has_user("bob").has_user("eve");
        let mut world = world.apply(stack(&[group("Readers")], &[]));
        for role in &mut world.observed.roles {
            role.provisioning = Provisioning::Stale;
        }
        let plan = world.plan(stack(&[], &[group("Ops")]));
        let provision = find(&plan, |effect| matches!(effect, Effect::Provision { .. }));
        assert_eq!(waits_of(&plan, provision), [Wait::RevokesOfSet(0)]);
        assert_eq!(plan.waits.grants_of_set[&0], [provision]);
        assert!(plan.waits.early_grants.is_empty());
        // Where nobody loses it, an account that cannot be provisioned keeps nobody out.
        let plan = world.plan(stack(&[group("Readers")], &[group("Ops")]));
        assert_eq!((plan.grants.len(), plan.revokes.len()), (1, 0));
        assert!(plan.waits.grants_of_set.is_empty());
        // Bob leaves the readers.
        let plan = world.plan(stack(&[group("Readers")], &[group("Ops")]).group("readers", "Readers", &[]));
        assert_eq!(plan.waits.grants_of_set[&0], [leave(&plan)]);
        let provision = find(&plan, |effect| matches!(effect, Effect::Provision { .. }));
        assert_eq!(waits_of(&plan, provision), [Wait::Action(leave(&plan))]);
    }
}
