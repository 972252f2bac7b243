//! Role effects follow from the first and last assignment of each pair, and from the provisionings.

use crate::model::access::{Pair, Tuple};
use crate::model::action::Effect;
use crate::plan::Plan;

use super::Found;
use super::relations::{Relations, minus};

pub(super) fn check(plan: &Plan, relations: &Relations, found: &mut Found) {
    let roles = &plan.roles;
    let ascending = |pairs: &[Pair]| pairs.is_sorted_by(|left, right| left < right);
    let deleted: Vec<Pair> = roles.deleted.iter().map(|role| role.pair).collect();
    let sorted = ascending(&roles.created) && ascending(&roles.updated) && ascending(&deleted);
    found.require(sorted, "roles-sorted", String::new);
    if !sorted {
        return;
    }
    let (before, after) = (pairs(&relations.observed), pairs(&relations.after));
    let (appear, vanish) = (minus(&after, &before), minus(&before, &after));
    let updated = provisioned(plan, &before, &after);
    let mut compare = |must: &[Pair], said: &[Pair], unsaid, wrongly| {
        for pair in minus(must, said) {
            found.add(unsaid, || spell(plan, pair));
        }
        for pair in minus(said, must) {
            found.add(wrongly, || spell(plan, pair));
        }
    };
    compare(
        &appear,
        &roles.created,
        "role-created-unsaid",
        "role-created-wrongly",
    );
    compare(&vanish, &deleted, "role-deleted-unsaid", "role-deleted-wrongly");
    compare(
        &updated,
        &roles.updated,
        "role-updated-unsaid",
        "role-updated-wrongly",
    );
}

fn pairs(tuples: &[Tuple]) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = tuples.iter().map(|tuple| tuple.pair()).collect();
    pairs.dedup();
    pairs
}

/// The pairs whose role a provisioning reaches, ascending.
fn provisioned(plan: &Plan, before: &[Pair], after: &[Pair]) -> Vec<Pair> {
    let mut reached: Vec<Pair> = Vec::new();
    for action in &plan.actions {
        let Some(Effect::Provision { name, accounts }) = &action.effect else {
            continue;
        };
        let Some(set) = plan.names.permission_set_rank(name) else {
            continue;
        };
        match accounts {
            Some(accounts) => {
                let ranks = accounts.iter().filter_map(|key| plan.names.account_rank(key));
                reached.extend(ranks.map(|account| Pair::new(account, set)));
            }
            None => {
                let there = before.iter().filter(|pair| pair.permission_set() == set);
                reached.extend(there.filter(|pair| after.binary_search(pair).is_ok()));
            }
        }
    }
    reached.sort_unstable();
    reached.dedup();
    reached
}

fn spell(plan: &Plan, pair: Pair) -> String {
    let account = plan.names.account(pair.account()).map(ToString::to_string);
    let set = plan
        .names
        .permission_set(pair.permission_set())
        .map(ToString::to_string);
    format!("{} in {}", set.unwrap_or_default(), account.unwrap_or_default())
}
