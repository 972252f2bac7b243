//! Order: waits point at steps that exist, there is no circle, and what is needed is waited for.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{EntityKey, PrincipalKey};
use crate::model::action::Effect;
use crate::plan::Plan;
use crate::plan::change::ActionKind;
use crate::plan::step::Wait;

use super::Found;

pub(super) fn check(plan: &Plan, found: &mut Found) {
    if in_range(plan, found) {
        circles(plan, found);
        creations(plan, found);
        deletions(plan, found);
        contents(plan, found);
        members(plan, found);
    }
}

fn in_range(plan: &Plan, found: &mut Found) -> bool {
    let before = found.violations.len();
    let fits = |wait: &Wait| match wait {
        Wait::Action(index) => (*index as usize) < plan.actions.len(),
        Wait::Grant(index) => (*index as usize) < plan.grants.len(),
        Wait::Revoke(index) => (*index as usize) < plan.revokes.len(),
        Wait::GrantsOfSet(rank) | Wait::RevokesOfSet(rank) => plan.names.permission_set(*rank).is_some(),
        Wait::RevokesOfPrincipal(rank) => plan.names.principal(*rank).is_some(),
    };
    let waits = plan
        .waits
        .actions
        .iter()
        .flatten()
        .chain(plan.waits.revokes.values().flatten());
    found.require(waits.clone().all(fits), "wait-in-range", || {
        "a step waits for one that is not there".into()
    });
    let shared = [
        &plan.waits.grants_of_set,
        &plan.waits.grants_in_account,
        &plan.waits.grants_to_principal,
    ];
    let mut actions = shared.into_iter().flat_map(|map| map.values().flatten());
    let fits = actions.all(|index| (*index as usize) < plan.actions.len());
    found.require(fits, "wait-in-range", || {
        "grants wait for an action that is not there".into()
    });
    let revokes = plan
        .waits
        .revokes
        .keys()
        .all(|index| (*index as usize) < plan.revokes.len());
    found.require(revokes, "wait-in-range", || {
        "a revoke that is not there waits".into()
    });
    found.violations.len() == before
}

/// A node of the order, with all grants or revokes that share a set or principal as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Action(u32),
    Grant(u32),
    Revoke(u32),
    Shared(Wait),
}

/// Removes what waits for nothing until nothing is left; what remains is a circle.
fn circles(plan: &Plan, found: &mut Found) {
    let mut waits: BTreeMap<Node, BTreeSet<Node>> = BTreeMap::new();
    let mut special_grants: BTreeSet<u32> = BTreeSet::new();
    let node = |wait: &Wait| match wait {
        Wait::Action(index) => Node::Action(*index),
        Wait::Grant(index) => Node::Grant(*index),
        Wait::Revoke(index) => Node::Revoke(*index),
        shared => Node::Shared(*shared),
    };
    for (index, list) in (0_u32..).zip(&plan.waits.actions) {
        waits
            .entry(Node::Action(index))
            .or_default()
            .extend(list.iter().map(node));
    }
    for (index, list) in &plan.waits.revokes {
        waits
            .entry(Node::Revoke(*index))
            .or_default()
            .extend(list.iter().map(node));
    }
    let shared: Vec<Wait> = waits
        .values()
        .flatten()
        .filter_map(|node| match node {
            Node::Shared(wait) => Some(*wait),
            _ => None,
        })
        .collect();
    special_grants.extend(waits.values().flatten().filter_map(|node| match node {
        Node::Grant(index) => Some(*index),
        _ => None,
    }));
    for wait in shared {
        let parts = parts_of(plan, wait);
        special_grants.extend(parts.iter().filter_map(|part| match part {
            Node::Grant(index) => Some(*index),
            _ => None,
        }));
        waits.insert(Node::Shared(wait), parts);
    }
    for index in special_grants {
        waits.insert(Node::Grant(index), waits_of_grant(plan, index));
    }
    loop {
        let done: BTreeSet<Node> = waits
            .iter()
            .filter(|(_, list)| list.iter().all(|w| !waits.contains_key(w)))
            .map(|(n, _)| *n)
            .collect();
        if done.is_empty() {
            break;
        }
        waits.retain(|node, _| !done.contains(node));
    }
    found.require(waits.is_empty(), "order-cycle", || {
        format!("{:?} wait for each other", waits.keys())
    });
}

fn parts_of(plan: &Plan, wait: Wait) -> BTreeSet<Node> {
    let grants = |keep: &dyn Fn(crate::model::access::Tuple) -> bool| -> BTreeSet<Node> {
        let all = (0_u32..).zip(&plan.grants).filter(|(_, step)| keep(step.tuple));
        all.map(|(index, _)| Node::Grant(index)).collect()
    };
    let revokes = |keep: &dyn Fn(crate::model::access::Tuple) -> bool| -> BTreeSet<Node> {
        let all = (0_u32..).zip(&plan.revokes).filter(|(_, step)| keep(step.tuple));
        all.map(|(index, _)| Node::Revoke(index)).collect()
    };
    match wait {
        Wait::GrantsOfSet(rank) => grants(&|tuple| tuple.permission_set() == rank),
        Wait::RevokesOfSet(rank) => revokes(&|tuple| tuple.permission_set() == rank),
        Wait::RevokesOfPrincipal(rank) => revokes(&|tuple| tuple.principal() == rank),
        Wait::Action(_) | Wait::Grant(_) | Wait::Revoke(_) => BTreeSet::new(),
    }
}

fn waits_of_grant(plan: &Plan, index: u32) -> BTreeSet<Node> {
    let Some(step) = plan.grants.get(index as usize) else {
        return BTreeSet::new();
    };
    let waits = &plan.waits;
    let lists = [
        waits.grants_of_set.get(&step.tuple.permission_set()),
        waits.grants_in_account.get(&step.tuple.account()),
        waits.grants_to_principal.get(&step.tuple.principal()),
    ];
    lists
        .into_iter()
        .flatten()
        .flatten()
        .map(|action| Node::Action(*action))
        .collect()
}

/// Grants wait for the creation or change of what they name.
fn creations(plan: &Plan, found: &mut Found) {
    for (index, action) in (0_u32..).zip(&plan.actions) {
        let (map, rank) = match &action.effect {
            Some(
                Effect::CreatePermissionSet { permission_set: set }
                | Effect::UpdatePermissionSet { to: set, .. },
            ) => (
                &plan.waits.grants_of_set,
                plan.names.permission_set_rank(&set.name),
            ),
            Some(Effect::CreateAccount { account }) => (
                &plan.waits.grants_in_account,
                plan.names.account_rank(&account.key),
            ),
            Some(Effect::CreateUser { user }) => {
                let key = PrincipalKey::User(user.user_name.clone());
                (&plan.waits.grants_to_principal, plan.names.principal_rank(&key))
            }
            Some(Effect::CreateGroup { group }) => {
                let key = PrincipalKey::Group(group.display_name.clone());
                (&plan.waits.grants_to_principal, plan.names.principal_rank(&key))
            }
            _ => continue,
        };
        let Some(rank) = rank else { continue };
        let concerned = plan.grants.iter().any(|step| match &action.entity {
            EntityKey::PermissionSet(_) => step.tuple.permission_set() == rank,
            EntityKey::Account(_) => step.tuple.account() == rank,
            _ => step.tuple.principal() == rank,
        });
        let waited = map.get(&rank).is_some_and(|list| list.contains(&index));
        found.require(!concerned || waited, "grant-before-creation", || {
            action.entity.to_string()
        });
    }
}

/// A set or principal is deleted after its last assignment is really gone.
fn deletions(plan: &Plan, found: &mut Found) {
    for (index, action) in plan.actions.iter().enumerate() {
        let waits = plan.waits.actions.get(index).map_or(&[][..], Vec::as_slice);
        let needed = match &action.effect {
            Some(Effect::DeletePermissionSet { name }) => {
                let rank = plan.names.permission_set_rank(name);
                rank.filter(|rank| {
                    plan.revokes
                        .iter()
                        .any(|step| step.tuple.permission_set() == *rank)
                })
                .map(Wait::RevokesOfSet)
            }
            Some(Effect::DeleteGroup { group }) => revokes_of(plan, &PrincipalKey::Group(group.clone())),
            Some(Effect::DeleteUser { user }) => revokes_of(plan, &PrincipalKey::User(user.clone())),
            _ => None,
        };
        let waited = needed.is_none_or(|wait| waits.contains(&wait));
        found.require(waited, "delete-before-revokes", || action.entity.to_string());
    }
}

fn revokes_of(plan: &Plan, key: &PrincipalKey) -> Option<Wait> {
    let rank = plan.names.principal_rank(key)?;
    let any = plan.revokes.iter().any(|step| step.tuple.principal() == rank);
    any.then_some(Wait::RevokesOfPrincipal(rank))
}

/// A provision follows the change of its set and that set's revokes.
fn contents(plan: &Plan, found: &mut Found) {
    for (index, action) in plan.actions.iter().enumerate() {
        if action.kind != ActionKind::Provision {
            continue;
        }
        let waits = plan.waits.actions.get(index).map_or(&[][..], Vec::as_slice);
        for (other, change) in (0_u32..).zip(&plan.actions) {
            let changes = matches!(&change.effect, Some(Effect::UpdatePermissionSet { .. }));
            if changes && change.entity == action.entity {
                found.require(
                    waits.contains(&Wait::Action(other)),
                    "provision-before-update",
                    || action.entity.to_string(),
                );
            }
        }
        let EntityKey::PermissionSet(name) = &action.entity else {
            continue;
        };
        let Some(rank) = plan.names.permission_set_rank(name) else {
            continue;
        };
        let revokes = plan
            .revokes
            .iter()
            .any(|step| step.tuple.permission_set() == rank);
        found.require(
            !revokes || waits.contains(&Wait::RevokesOfSet(rank)),
            "provision-before-revokes",
            || name.to_string(),
        );
    }
}

/// Memberships wait for the creation of both ends.
fn members(plan: &Plan, found: &mut Found) {
    let mut created: BTreeMap<EntityKey, u32> = BTreeMap::new();
    for (index, action) in (0_u32..).zip(&plan.actions) {
        if matches!(
            &action.effect,
            Some(Effect::CreateGroup { .. } | Effect::CreateUser { .. })
        ) {
            created.insert(action.entity.clone(), index);
        }
    }
    for (index, action) in plan.actions.iter().enumerate() {
        let Some(Effect::AddMember { group, user }) = &action.effect else {
            continue;
        };
        let waits = plan.waits.actions.get(index).map_or(&[][..], Vec::as_slice);
        for end in [EntityKey::Group(group.clone()), EntityKey::User(user.clone())] {
            let waited = created
                .get(&end)
                .is_none_or(|creation| waits.contains(&Wait::Action(*creation)));
            found.require(waited, "member-before-creation", || {
                format!("{user} in {group}: {end}")
            });
        }
    }
}
