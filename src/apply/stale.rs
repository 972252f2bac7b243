//! Whether what a plan depends on is still as the planner saw it.

use std::collections::BTreeSet;

use crate::id::EntityKey;
use crate::model::access::Tuple;
use crate::model::instance::Observed;
use crate::model::snapshot::Snapshot;
use crate::plan::Plan;
use crate::plan::input::PlanInput;

/// What changed of what the plan touches, one sentence each; empty when the plan still fits.
pub fn differences(plan: &Plan, input: &PlanInput, fresh: &Observed) -> Vec<String> {
    let planned = &input.observed;
    let mut found = Vec::new();
    if planned.instance.arn != fresh.instance.arn {
        found.push(format!(
            "the instance is {} now, and was {}",
            fresh.instance.arn, planned.instance.arn
        ));
        return found;
    }
    let touched: BTreeSet<&EntityKey> = plan.actions.iter().map(|action| &action.entity).collect();
    for key in touched {
        if !same_entity(key, &planned.snapshot, &fresh.snapshot) {
            found.push(format!("{key} is no longer as it was planned on"));
        }
    }
    let there = |tuple: Tuple| {
        let (account, set, principal) = plan.names.resolve(tuple)?;
        let access = &fresh.snapshot.access;
        access
            .names
            .tuple(account, set, principal)
            .and_then(|tuple| access.find(tuple))
    };
    let made = plan
        .grants
        .iter()
        .filter(|step| there(step.tuple).is_some())
        .count();
    let gone = plan
        .revokes
        .iter()
        .filter(|step| there(step.tuple).is_none())
        .count();
    // A renamed principal's grants are under its old name until the rename is done.
    let renames = plan.actions.iter().any(|action| {
        use crate::model::action::Effect;
        matches!(
            action.effect,
            Some(Effect::UpdateUser { .. } | Effect::UpdateGroup { .. })
        )
    });
    if made > 0 {
        found.push(format!("{made} of the assignments to be made are there already"));
    }
    if gone > 0 && !renames {
        found.push(format!(
            "{gone} of the assignments to be taken away are gone already"
        ));
    }
    found
}

fn same_entity(key: &EntityKey, planned: &Snapshot, fresh: &Snapshot) -> bool {
    match key {
        EntityKey::OrganizationalUnit(path) => {
            planned.organizational_units.get(path) == fresh.organizational_units.get(path)
        }
        EntityKey::Account(key) => planned.accounts.get(key) == fresh.accounts.get(key),
        EntityKey::User(name) => planned.users.get(name) == fresh.users.get(name),
        EntityKey::Group(name) => planned.groups.get(name) == fresh.groups.get(name),
        EntityKey::PermissionSet(name) => {
            planned.permission_sets.get(name) == fresh.permission_sets.get(name)
        }
    }
}
