//! Who joins a group gets the group's sets as they shall be.
//!
//! Where a set of the group comes to allow less in the same run, joining waits for the provisioning that brings the
//! narrowed content to the roles. If that fails, joining is left for the next run: whoever is in the group has too much
//! until then, and nobody else shall. Joining waits for nothing where that could wait for the join in turn: a
//! provisioning follows the set's revokes, and these follow the joins by which the same people keep the set. Nor does it
//! wait for what an earlier run left to provision, nor for what this caller may not do: that would keep people out for
//! good.

use std::collections::BTreeMap;

use crate::id::{GroupName, PrincipalKey};
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::widening::Widening;
use crate::plan::change::{Action, GrantStep, RevokeStep};
use crate::plan::provisioning::of_pair;

use super::{Known, held_pairs};

impl Known<'_> {
    /// For each join, the provisionings that it waits for. `leavers` are what changes of sets wait for.
    pub(super) fn narrowed_before_joining(
        &self,
        actions: &[Action],
        before: &[Tuple],
        (grants, revokes): (&[GrantStep], &[RevokeStep]),
        leavers: &BTreeMap<usize, Vec<usize>>,
    ) -> BTreeMap<usize, Vec<usize>> {
        let mut waits: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut narrowed = self.narrowed(actions, leavers);
        if narrowed.is_empty() {
            return waits;
        }
        let joins = self.joins(actions);
        if joins.is_empty() {
            return waits;
        }
        for step in revokes {
            let pair = step.tuple.pair();
            if narrowed.contains_key(&pair.permission_set()) {
                let at = grants.partition_point(|other| other.tuple.pair() < pair);
                let granted = grants.get(at).is_some_and(|other| other.tuple.pair() == pair);
                let mut beside = of_pair(before, pair).iter();
                if granted || beside.any(|tuple| joins.contains_key(&tuple.principal())) {
                    narrowed.remove(&pair.permission_set());
                }
            }
        }
        for (provision, own) in held_pairs(before, &narrowed, &joins) {
            own.iter()
                .for_each(|join| waits.entry(*join).or_default().push(*provision));
        }
        waits
    }

    /// The joins of each group, under each rank that it has.
    fn joins(&self, actions: &[Action]) -> BTreeMap<u32, Vec<usize>> {
        let mut by_name: BTreeMap<&GroupName, Vec<usize>> = BTreeMap::new();
        for (index, action) in actions.iter().enumerate() {
            if let Some(Effect::AddMember { group, .. }) = &action.effect {
                by_name.entry(group).or_default().push(index);
            }
        }
        let mut joins: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (group, own) in by_name {
            for rank in self.ranks(&PrincipalKey::Group(group.clone())) {
                joins.entry(rank).or_default().extend(&own);
            }
        }
        joins
    }

    /// Sets that come to allow less, or something else, each with its provisioning, where that waits for nobody who
    /// leaves.
    fn narrowed(&self, actions: &[Action], leavers: &BTreeMap<usize, Vec<usize>>) -> BTreeMap<u32, usize> {
        let mut changes: BTreeMap<u32, (bool, Option<usize>)> = BTreeMap::new();
        for (index, action) in actions.iter().enumerate() {
            let Some(effect) = &action.effect else { continue };
            let Some(set) = self.set_of(effect) else { continue };
            if action.blocked.is_some() || leavers.contains_key(&index) {
                continue;
            }
            match effect {
                Effect::UpdatePermissionSet { from, to } => {
                    let is_less = Widening::of(from, to) != Widening::Wider && to.may_allow_less_than(from);
                    changes.entry(set).or_default().0 = is_less && !self.is_followed(&to.name);
                }
                Effect::Provision { name, .. } if !self.is_behind(name) => {
                    changes.entry(set).or_default().1 = Some(index);
                }
                _ => {}
            }
        }
        let both = changes.into_iter();
        both.filter_map(|(set, (is_less, provision))| is_less.then_some((set, provision?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::model::roles::Provisioning;
    use crate::plan::Plan;
    use crate::plan::step::Wait;
    use crate::plan::testing::{Stack, World, group};

    use super::*;

    /// Ops have `s`, with sessions of so many hours; readers have it too, perhaps, in the other account.
    fn stack(members: &[&str], hours: u8, readers: bool) -> Stack {
        stack_of(members, hours, if readers { &[2] } else { &[] })
    }

    fn stack_of(members: &[&str], hours: u8, readers: &[u32]) -> Stack {
        let stack =
            Stack::new()
                .accounts(&[1, 2])
                .group("ops", "Ops", members)
                .group("readers", "Readers", &["bob"]);
        let stack = stack.set_with("s", "s", |set| {
            set.value.session_duration = format!("PT{hours}H").parse().unwrap();
        });
        let stack = stack.assign("a", &[group("Ops")], &["s"], &[1]);
        stack.assign("b", &[group("Readers")], &["s"], readers)
    }

    fn world() -> World {
        let users = World::new().has_user("ada").has_user("bob").has_user("eve");
        users.apply(stack(&["ada"], 4, true))
    }

    fn join_and_provision(plan: &Plan) -> (Vec<Wait>, Wait) {
        let find = |which: fn(&Effect) -> bool| {
            let mut effects = plan.actions.iter();
            effects.position(|action| action.effect.as_ref().is_some_and(which))
        };
        let join = find(|effect| matches!(effect, Effect::AddMember { .. })).unwrap();
        let provision = find(|effect| matches!(effect, Effect::Provision { .. })).unwrap();
        (plan.waits.actions[join].clone(), Wait::Action(provision as u32))
    }

    #[test]
    fn who_joins_comes_after_what_is_narrowed() {
        let narrowed = world().plan(stack(&["ada", "eve"], 1, true));
        let (join, provision) = join_and_provision(&narrowed);
        assert_eq!(join, [provision]);
        let widened = world().plan(stack(&["ada", "eve"], 8, true));
        let (join, _) = join_and_provision(&widened);
        assert_eq!(join, [], "less than eve shall have, for a while");
    }

    #[test]
    fn what_allows_no_less_holds_nobody_up() {
        let described = |members: &[&str]| {
            let stack = stack(members, 4, true);
            stack.set_with("s", "s", |set| {
                set.value.session_duration = "PT4H".parse().unwrap();
                set.value.description = Some("x".into());
            })
        };
        let (join, _) = join_and_provision(&world().plan(described(&["ada", "eve"])));
        assert_eq!(join, []);
    }

    #[test]
    fn joining_waits_for_no_provisioning_that_may_wait_for_it() {
        let plan = world().plan(stack(&["ada", "eve"], 1, false));
        let (join, provision) = join_and_provision(&plan);
        assert_eq!(plan.revokes.len(), 1);
        assert_eq!(join, [provision], "the readers' revoke has nobody beside it");
        let both = World::new().has_user("ada").has_user("bob").has_user("eve");
        let both = both.apply(stack_of(&["ada"], 4, &[1, 2]));
        let (join, _) = join_and_provision(&both.plan(stack_of(&["ada", "bob"], 1, &[2])));
        assert_eq!(join, [], "bob is in Ops before the readers lose it");
    }

    #[test]
    fn joining_waits_for_nothing_that_an_earlier_run_left() {
        let mut left = world();
        left.observed.roles[0].provisioning = Provisioning::Stale;
        let (join, _) = join_and_provision(&left.plan(stack(&["ada", "eve"], 1, true)));
        assert_eq!(join, []);
    }
}
