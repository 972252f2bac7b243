//! Who joins a group gets the group's sets as they shall be.
//!
//! Where a set of the group is narrowed in the same run, joining waits for the provisioning that brings the narrowed
//! content to the roles. Joining waits for nothing where that could wait for the join in turn: a provisioning follows
//! the set's revokes, and these follow the joins by which the same people keep the set. Nor does it wait for what an
//! earlier run left to provision: an account that refuses it for good would keep people out for good.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::PrincipalKey;
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::widening::Widening;
use crate::plan::change::{Action, RevokeStep};

use super::Known;

impl Known<'_> {
    /// For each join, the provisionings that it waits for. `leavers` are what changes of sets wait for.
    pub(super) fn narrowed_before_joining(
        &self,
        actions: &[Action],
        before: &[Tuple],
        revokes: &[RevokeStep],
        leavers: &BTreeMap<usize, Vec<usize>>,
    ) -> BTreeMap<usize, Vec<usize>> {
        let mut joins: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, action) in actions.iter().enumerate() {
            if let Some(Effect::AddMember { group, .. }) = &action.effect {
                let ranks = self.ranks(&PrincipalKey::Group(group.clone()));
                ranks
                    .into_iter()
                    .for_each(|rank| joins.entry(rank).or_default().push(index));
            }
        }
        let mut waits: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        if joins.is_empty() {
            return waits;
        }
        let narrowed = self.narrowed(actions, revokes, leavers);
        if narrowed.is_empty() {
            return waits;
        }
        let mut seen: BTreeSet<(u32, u32)> = BTreeSet::new();
        for tuple in before {
            let (set, group) = (tuple.permission_set(), tuple.principal());
            let (Some(provision), Some(own)) = (narrowed.get(&set), joins.get(&group)) else {
                continue;
            };
            if seen.insert((set, group)) {
                own.iter()
                    .for_each(|join| waits.entry(*join).or_default().push(*provision));
            }
        }
        waits
    }

    /// Sets that come to allow less, or something else, each with its provisioning, where that waits for nobody.
    fn narrowed(
        &self,
        actions: &[Action],
        revokes: &[RevokeStep],
        leavers: &BTreeMap<usize, Vec<usize>>,
    ) -> BTreeMap<u32, usize> {
        let mut narrowed: BTreeMap<u32, (bool, Option<usize>)> = BTreeMap::new();
        for (index, action) in actions.iter().enumerate() {
            let Some(effect) = &action.effect else { continue };
            let Some(set) = self.set_of(effect) else { continue };
            let own = narrowed.entry(set).or_default();
            match effect {
                _ if leavers.contains_key(&index) => {
                    narrowed.remove(&set);
                }
                Effect::UpdatePermissionSet { from, to } => {
                    own.0 = !self.is_followed(&to.name) && Widening::of(from, to) != Widening::Wider;
                }
                Effect::Provision { name, .. } if !self.is_behind(name) => own.1 = Some(index),
                _ => {}
            }
        }
        for step in revokes {
            narrowed.remove(&step.tuple.permission_set());
        }
        let both = narrowed.into_iter();
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

    /// Ops have `s`, with sessions of so many hours; readers have it too, in the other account.
    fn stack(members: &[&str], hours: u8, readers: bool) -> Stack {
        let stack =
            Stack::new()
                .accounts(&[1, 2])
                .group("ops", "Ops", members)
                .group("readers", "Readers", &["bob"]);
        let stack = stack.set_with("s", "s", |set| {
            set.value.session_duration = format!("PT{hours}H").parse().unwrap();
        });
        let stack = stack.assign("a", &[group("Ops")], &["s"], &[1]);
        let of_readers: &[PrincipalKey] = if readers { &[group("Readers")] } else { &[] };
        stack.assign("b", of_readers, &["s"], &[2])
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
    fn joining_waits_for_no_provisioning_that_may_wait_or_fail_for_good() {
        let (join, _) = join_and_provision(&world().plan(stack(&["ada", "eve"], 1, false)));
        assert_eq!(join, [], "the provisioning follows the readers' revoke");
        let mut left = world();
        left.observed.roles[0].provisioning = Provisioning::Stale;
        let (join, _) = join_and_provision(&left.plan(stack(&["ada", "eve"], 4, true)));
        assert_eq!(join, []);
    }
}
