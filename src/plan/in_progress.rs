//! Requests that the service is still working on, of another run or another tool, for what a plan is about.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::action::Effect;

use super::Plan;
use super::finding::{Finding, Level};
use super::input::PlanInput;

/// Says which requests were under way when the service was read: what the plan knows of their subject is the middle of
/// something. Apply waits for those that concern a step.
pub(super) fn find(plan: &Plan, input: &PlanInput) -> Option<Finding> {
    let under_way = &input.observed.in_progress;
    let (mut waited_for, mut others) = (BTreeSet::new(), BTreeSet::new());
    for request in under_way {
        if concerns(plan, &request.what) {
            waited_for.insert(spelled(plan, &request.what));
        } else if is_about_ours(input, &request.what) {
            others.insert(spelled(plan, &request.what));
        }
    }
    let count = waited_for.len() + others.len();
    if count == 0 {
        return None;
    }
    let (requests, they) = if count == 1 {
        ("a request", "it")
    } else {
        ("requests", "they")
    };
    let waits = if waited_for.is_empty() {
        "no step of this plan depends on it"
    } else {
        "apply waits for that before it begins"
    };
    Some(Finding {
        subjects: waited_for.into_iter().chain(others).collect(),
        remedy: Some(format!("plan again once {they} ended, to see what it came to").into()),
        ..Finding::new(
            Level::Warning,
            "in-progress",
            format!("the service is still working on {requests} for what this stack declares; {waits}"),
        )
    })
}

/// Whether a step of the plan is about the same thing.
pub fn concerns(plan: &Plan, what: &Effect) -> bool {
    let effects = || plan.actions.iter().filter_map(|action| action.effect.as_ref());
    match what {
        Effect::Grant {
            account,
            permission_set,
            principal,
        }
        | Effect::Revoke {
            account,
            permission_set,
            principal,
        } => {
            let Some(tuple) = plan.names.tuple(account, permission_set, principal) else {
                return false;
            };
            plan.grant(tuple).is_some()
                || plan.revoke(tuple).is_some()
                || plan
                    .records
                    .binary_search_by_key(&tuple, |step| step.tuple)
                    .is_ok()
        }
        Effect::Provision { name, .. } => effects().any(|effect| match effect {
            Effect::UpdatePermissionSet { to, .. } => to.name == *name,
            Effect::Provision { name: other, .. } | Effect::DeletePermissionSet { name: other } => {
                other == name
            }
            _ => false,
        }),
        Effect::CreateAccount { account } => effects().any(|effect| match effect {
            Effect::CreateAccount { account: other } => {
                other.key == account.key || other.email.is_some() && other.email == account.email
            }
            _ => false,
        }),
        _ => false,
    }
}

/// Whether it is about a grant or a set that the stack declares or has made.
fn is_about_ours(input: &PlanInput, what: &Effect) -> bool {
    let snapshots = [&input.desired.snapshot, &input.recorded.applied];
    match what {
        Effect::Grant {
            account,
            permission_set,
            principal,
        }
        | Effect::Revoke {
            account,
            permission_set,
            principal,
        } => snapshots.into_iter().any(|snapshot| {
            let access = &snapshot.access;
            let tuple = access.names.tuple(account, permission_set, principal);
            tuple.is_some_and(|tuple| access.find(tuple).is_some())
        }),
        Effect::Provision { name, .. } => snapshots.into_iter().any(|snapshot| {
            let set = snapshot.permission_sets.get(name);
            set.is_some_and(crate::model::snapshot::Entity::is_managed)
        }),
        _ => false,
    }
}

fn spelled(plan: &Plan, what: &Effect) -> Arc<str> {
    match what {
        Effect::Grant {
            account,
            permission_set,
            principal,
        } => {
            let account = plan.account_name(account);
            format!("grant {permission_set} in {account} to {principal}").into()
        }
        Effect::Revoke {
            account,
            permission_set,
            principal,
        } => {
            let account = plan.account_name(account);
            format!("revoke {permission_set} in {account} from {principal}").into()
        }
        Effect::Provision { name, .. } => format!("provision {name}").into(),
        other => match other.entity() {
            Some(key) => format!("create {key}").into(),
            None => "another request".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::model::instance::InProgress;
    use crate::plan::testing::{Stack, World, account, group, set};

    use super::*;

    fn stack(accounts: &[u32]) -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("view", "view")
            .group("ops", "Ops", &[])
            .assign("a", &[group("Ops")], &["view"], accounts)
    }

    fn revoking(n: u32) -> InProgress {
        InProgress {
            request_id: format!("request-{n}").into(),
            what: Effect::Revoke {
                account: account(n),
                permission_set: set("view"),
                principal: group("Ops"),
            },
        }
    }

    fn found(plan: &Plan) -> Vec<&Finding> {
        let findings = plan.findings.iter();
        findings
            .filter(|finding| &*finding.code == "in-progress")
            .collect()
    }

    #[test]
    fn what_the_service_is_in_the_middle_of_is_said_and_does_not_change_the_digest() {
        let mut world = World::new().apply(stack(&[1, 2]));
        let before = world.plan(stack(&[1]));
        assert_eq!(found(&before), Vec::<&Finding>::new());
        // Somebody else is taking away what the plan takes away, and what it leaves.
        world.observed.in_progress = vec![revoking(1), revoking(2), revoking(7)];
        let plan = world.plan(stack(&[1]));
        let [finding] = found(&plan)[..] else {
            panic!("{:?}", plan.findings)
        };
        assert_eq!(finding.subjects.len(), 2);
        assert!(finding.message.contains("apply waits"), "{}", finding.message);
        assert!(concerns(&plan, &revoking(2).what));
        assert!(!concerns(&plan, &revoking(1).what));
        assert_eq!(plan.digest, before.digest);
    }
}
