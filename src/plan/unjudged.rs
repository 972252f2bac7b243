//! What nobody can judge from here: policies that lie in the accounts, of permission sets that the plan gives or writes.
//!
//! A permission set refers to them by path and name, and each account has its own, with content of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::PermissionSetName;
use crate::model::action::Effect;
use crate::model::permission_set::{Boundary, CustomerManagedPolicy, PermissionSet};
use crate::model::privilege::has_name_of_administrator;

use super::Plan;
use super::finding::{Finding, Level};
use super::input::PlanInput;

/// One finding for all of them.
pub(super) fn customer_managed(plan: &Plan, input: &PlanInput) -> Option<Finding> {
    let written: BTreeMap<&PermissionSetName, &PermissionSet> = plan
        .actions
        .iter()
        .filter_map(|action| match action.effect.as_ref()? {
            Effect::CreatePermissionSet { permission_set } => Some((&permission_set.name, &**permission_set)),
            Effect::UpdatePermissionSet { to, .. } => Some((&to.name, &**to)),
            _ => None,
        })
        .collect();
    let there = |name: &PermissionSetName| {
        let snapshots = [&input.observed.snapshot, &input.desired.snapshot];
        let mut known = snapshots
            .into_iter()
            .filter_map(|known| known.permission_sets.get(name));
        known.next().map(|set| &set.value)
    };
    let granted = plan.grants.iter().map(|step| step.tuple.permission_set());
    let coming = plan.people.rows.iter().filter(|row| row.change.comes());
    let ranks: BTreeSet<u32> = granted.chain(coming.map(|row| row.permission_set)).collect();
    let names = ranks
        .into_iter()
        .filter_map(|rank| plan.names.permission_set(rank));
    let sets: BTreeSet<&PermissionSetName> = names.chain(written.keys().copied()).collect();
    let sets = sets
        .into_iter()
        .filter_map(|name| written.get(name).copied().or_else(|| there(name)));
    let (mut policies, mut subjects) = (BTreeSet::new(), BTreeSet::new());
    for set in sets {
        for policy in &set.customer_managed_policies {
            policies.insert(policy);
            subjects.insert(subject(set, policy, ""));
        }
        if let Some(Boundary::CustomerManaged(policy)) = &set.permissions_boundary {
            policies.insert(policy);
            subjects.insert(subject(set, policy, ", its permissions boundary"));
        }
    }
    let message = match policies.len() {
        0 => return None,
        1 => "what 1 customer-managed policy allows is not judged: it lies in each account, with content of its own"
            .to_owned(),
        count => format!(
            "what {count} customer-managed policies allow is not judged: they lie in each account, with content of \
             their own"
        ),
    };
    let remedy =
        "look at them in the accounts; a set that the `risk` block names is marked whatever they say";
    Some(Finding {
        subjects,
        remedy: Some(remedy.into()),
        ..Finding::new(Level::Unverified, "customer-managed-policies", message)
    })
}

fn subject(set: &PermissionSet, policy: &CustomerManagedPolicy, role: &str) -> Arc<str> {
    let namesake = match has_name_of_administrator(&policy.name) {
        true => ", which has the name of a policy of AWS and is another one",
        false => "",
    };
    format!("{}: {policy}{role}{namesake}", set.name).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{Stack, World, group};

    fn stack(policies: &[(&str, &str)], boundary: Option<&str>) -> Stack {
        let policy = |path: &str, name: &str| CustomerManagedPolicy {
            path: path.into(),
            name: name.into(),
        };
        Stack::new()
            .accounts(&[1])
            .group("ops", "Ops", &[])
            .set_with("audit", "audit", |set| {
                let all = policies.iter().map(|(path, name)| policy(path, name));
                set.value.customer_managed_policies = all.collect();
                set.value.permissions_boundary =
                    boundary.map(|name| Boundary::CustomerManaged(policy("/", name)));
            })
            .assign("a", &[group("Ops")], &["audit"], &[1])
    }

    fn told(plan: &Plan) -> Option<(String, Vec<String>)> {
        let mut found = plan.findings.iter();
        let found = found.find(|finding| &*finding.code == "customer-managed-policies")?;
        let subjects = found.subjects.iter().map(ToString::to_string).collect();
        Some((found.message.to_string(), subjects))
    }

    #[test]
    fn policies_of_the_accounts_are_named_and_told_from_those_of_aws() {
        let all = || {
            stack(
                &[("/team/", "deploy"), ("/", "AdministratorAccess")],
                Some("limit"),
            )
        };
        let plan = World::new().plan(all());
        let (message, subjects) = told(&plan).unwrap();
        assert_eq!(
            message,
            "what 3 customer-managed policies allow is not judged: they lie in each account, with content of their own"
        );
        assert_eq!(
            subjects,
            [
                "audit: /AdministratorAccess, which has the name of a policy of AWS and is another one",
                "audit: /limit, its permissions boundary",
                "audit: /team/deploy",
            ]
        );
        assert_eq!(told(&World::new().plan(stack(&[], None))), None);
        // Of a set that the plan does not touch there is nothing to say.
        let world = World::new().apply(all());
        assert_eq!(told(&world.plan(all().set("other", "other"))), None);
    }
}
