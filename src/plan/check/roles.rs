//! Role effects follow from the first and last assignment of each pair.

use std::collections::BTreeSet;

use crate::model::access::Pair;
use crate::plan::Plan;
use crate::plan::input::PlanInput;

use super::Found;
use super::access::Relations;

pub(super) fn check(plan: &Plan, _input: &PlanInput, relations: &Relations, found: &mut Found) {
    let before: BTreeSet<Pair> = relations.observed.iter().map(|tuple| tuple.pair()).collect();
    let mut after = relations.observed.clone();
    for step in &plan.revokes {
        after.remove(&step.tuple);
    }
    after.extend(plan.grants.iter().map(|step| step.tuple));
    let after: BTreeSet<Pair> = after.iter().map(|tuple| tuple.pair()).collect();
    let created: BTreeSet<Pair> = plan.roles.created.iter().copied().collect();
    let deleted: BTreeSet<Pair> = plan.roles.deleted.iter().map(|role| role.pair).collect();
    let spell = |pair: &Pair| {
        let account = plan
            .names
            .account(pair.account())
            .map(ToString::to_string)
            .unwrap_or_default();
        let set = plan
            .names
            .permission_set(pair.permission_set())
            .map(ToString::to_string);
        format!("{} in {account}", set.unwrap_or_default())
    };
    for pair in after.difference(&before).filter(|pair| !created.contains(pair)) {
        found.add("role-created-unsaid", || spell(pair));
    }
    for pair in before.difference(&after).filter(|pair| !deleted.contains(pair)) {
        found.add("role-deleted-unsaid", || spell(pair));
    }
    for pair in created
        .iter()
        .filter(|pair| before.contains(pair) || !after.contains(pair))
    {
        found.add("role-created-wrongly", || spell(pair));
    }
    for pair in deleted
        .iter()
        .filter(|pair| !before.contains(pair) || after.contains(pair))
    {
        found.add("role-deleted-wrongly", || spell(pair));
    }
}
