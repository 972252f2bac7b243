//! Frozen principals: nothing is given to them, and `freeze` takes everything that they have and nothing else.

use std::collections::BTreeSet;

use crate::id::{PrincipalKey, ServiceId};
use crate::model::action::Effect;
use crate::plan::Plan;
use crate::plan::change::{Reason, RevokeReason};
use crate::plan::input::{Mode, PlanInput};

use super::Found;
use super::held::HeldNames;
use super::relations::Relations;

/// The names by which the service knows frozen principals.
fn names(input: &PlanInput) -> BTreeSet<PrincipalKey> {
    let frozen = &input.recorded.frozen;
    let ids: BTreeSet<&ServiceId> = frozen.iter().filter_map(|one| one.id.as_ref()).collect();
    let is_one = |id: &Option<ServiceId>| id.as_ref().is_some_and(|id| ids.contains(id));
    let there = &input.observed.snapshot;
    let users = there.users.values().filter(|user| is_one(&user.value.id));
    let groups = there.groups.values().filter(|group| is_one(&group.value.id));
    let by_name = frozen.iter().map(|one| one.principal.clone());
    by_name
        .chain(users.map(|user| PrincipalKey::User(user.value.user_name.clone())))
        .chain(groups.map(|group| PrincipalKey::Group(group.value.display_name.clone())))
        .collect()
}

pub(super) fn check(
    plan: &Plan,
    input: &PlanInput,
    relations: &Relations,
    held: &HeldNames,
    found: &mut Found,
) {
    let names = names(input);
    let is_frozen = |rank: u32| plan.names.principal(rank).is_some_and(|key| names.contains(key));
    let freezes = plan.mode == Mode::Freeze;
    let others = !plan.grants.is_empty() || !plan.records.is_empty();
    found.require(!freezes || !others, "freeze-outside-mode", || {
        "it makes grants or changes the record".to_owned()
    });
    for step in &plan.grants {
        found.require(!is_frozen(step.tuple.principal()), "grant-to-frozen", || {
            format!("{:?}", plan.names.resolve(step.tuple))
        });
    }
    for step in &plan.revokes {
        let fits = match step.reason {
            RevokeReason::Frozen => is_frozen(step.tuple.principal()),
            _ => !freezes,
        };
        found.require(fits, "freeze-outside-mode", || {
            format!("{:?}", plan.names.resolve(step.tuple))
        });
    }
    for action in &plan.actions {
        let of_frozen = |user: &crate::id::UserName| names.contains(&PrincipalKey::User(user.clone()));
        let fits = match &action.effect {
            Some(Effect::AddMember { user, .. }) => !of_frozen(user) && !freezes,
            Some(Effect::RemoveMember { user, .. }) if freezes => {
                of_frozen(user) && action.reason == Reason::Frozen
            }
            Some(_) => !freezes && action.reason != Reason::Frozen,
            None => true,
        };
        found.require(fits, "freeze-outside-mode", || format!("{:?}", action.effect));
    }
    if freezes && !plan.is_refused() {
        complete(plan, input, &names, found);
        for tuple in &relations.observed {
            let goes = || {
                plan.revokes
                    .binary_search_by_key(tuple, |step| step.tuple)
                    .is_ok()
            };
            found.require(
                !is_frozen(tuple.principal()) || held.holds(*tuple) || goes(),
                "frozen-and-forgotten",
                || format!("{:?}", plan.names.resolve(*tuple)),
            );
        }
    }
}

/// Every membership of a frozen user ends.
fn complete(plan: &Plan, input: &PlanInput, names: &BTreeSet<PrincipalKey>, found: &mut Found) {
    for group in input.observed.snapshot.groups.values() {
        let members = group.value.members.iter().flatten();
        for user in members.filter(|user| names.contains(&PrincipalKey::User((*user).clone()))) {
            let ends = plan.actions.iter().any(|action| {
                matches!(&action.effect, Some(Effect::RemoveMember { group: of, user: who })
                    if *of == group.value.display_name && who == user)
            });
            found.require(ends, "frozen-and-forgotten", || {
                format!("{user} in {}", group.value.display_name)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check as check_all;
    use crate::model::freeze::Frozen;
    use crate::plan::Plan;
    use crate::plan::change::{GrantReason, GrantStep, RevokeReason};
    use crate::plan::digest::digest;
    use crate::plan::input::Mode;
    use crate::plan::planner::plan;
    use crate::plan::testing::{Stack, World, time, user};

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("admin", "admin")
            .user("ada", "ada")
            .user("bob", "bob")
            .group("ops", "Ops", &["ada", "bob"])
            .assign("a", &[user("ada"), user("bob")], &["admin"], &[1])
    }

    /// The invariants that a plan breaks with bob frozen, once it was tampered with; it is sound before.
    fn broken(mode: Mode, stack: Stack, tamper: impl FnOnce(&mut Plan)) -> Vec<&'static str> {
        let mut world = World::new().apply(self::stack());
        world.options.mode = mode;
        world.recorded.freeze(&Frozen {
            principal: user("bob"),
            id: None,
            at: time("2026-06-01T00:00:00Z"),
            actor: "eve@host".into(),
            reason: None,
        });
        let input = world.input(stack);
        let mut plan = plan(&input);
        assert_eq!(check_all(&plan, &input), []);
        tamper(&mut plan);
        plan.digest = digest(&plan);
        let found = check_all(&plan, &input);
        found.iter().map(|violation| violation.invariant).collect()
    }

    #[test]
    fn nothing_is_given_to_the_frozen_and_nothing_is_left_to_them() {
        let forgotten = broken(Mode::Freeze, stack(), |plan| plan.revokes.clear());
        assert!(forgotten.contains(&"frozen-and-forgotten"), "{forgotten:?}");
        let stays = broken(Mode::Freeze, stack(), |plan| {
            plan.actions.clear();
            plan.waits.actions.clear();
        });
        assert!(stays.contains(&"frozen-and-forgotten"), "{stays:?}");
        let other = broken(Mode::Freeze, stack(), |plan| {
            plan.revokes[0].reason = RevokeReason::BlockRemoved;
        });
        assert!(other.contains(&"freeze-outside-mode"), "{other:?}");
        let wider = stack().assign("b", &[user("ada")], &["admin"], &[2]);
        let given = broken(Mode::All, wider, |plan| {
            let bob = plan.names.principal_rank(&user("bob")).unwrap();
            let step = plan.grants[0];
            plan.grants[0] = GrantStep {
                tuple: crate::model::access::Tuple::new(
                    step.tuple.account(),
                    step.tuple.permission_set(),
                    bob,
                ),
                reason: GrantReason::Declared,
                ..step
            };
        });
        assert!(given.contains(&"grant-to-frozen"), "{given:?}");
    }
}
