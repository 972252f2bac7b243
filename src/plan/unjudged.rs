//! What nobody can judge from here, of permission sets that the plan gives or writes: policies that lie in the accounts,
//! AWS-managed policies whose content is not known, and whether a name is meant that could be taken for another's.
//!
//! A permission set refers to customer-managed policies by path and name, and each account has its own, with content of
//! its own. Of AWS's policies only those are known that tell something ([`crate::model::privilege`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::PermissionSetName;
use crate::model::action::Effect;
use crate::model::permission_set::{Boundary, CustomerManagedPolicy, PermissionSet};
use crate::model::privilege::{has_name_of_administrator, is_known};

use super::Plan;
use super::finding::{Finding, Level};
use super::input::PlanInput;

mod look_alikes;

/// At most one finding for each kind of policy, and one for names.
pub(super) fn findings(plan: &Plan, input: &PlanInput) -> impl Iterator<Item = Finding> {
    let sets = concerned(plan, input);
    let (mut of_accounts, mut of_aws) = (Unjudged::default(), Unjudged::default());
    for concerned in &sets {
        let set = concerned.set;
        for policy in &set.customer_managed_policies {
            of_accounts.add(set, policy.to_string(), subject(set, policy, ""));
        }
        if let Some(Boundary::CustomerManaged(policy)) = &set.permissions_boundary {
            let role = ", its permissions boundary";
            of_accounts.add(set, policy.to_string(), subject(set, policy, role));
        }
        if concerned.in_its_policies {
            let unknown = set.managed_policies.iter().filter(|arn| !is_known(arn));
            for arn in unknown {
                of_aws.add(set, arn.to_string(), of_aws_subject(set, arn, ""));
            }
            if let Some(Boundary::Managed(arn)) = &set.permissions_boundary
                && !is_known(arn)
            {
                let role = ", its permissions boundary";
                of_aws.add(set, arn.to_string(), of_aws_subject(set, arn, role));
            }
        }
    }
    let of_accounts = of_accounts.finding(
        input,
        "customer-managed-policies",
        |count| match count {
            1 => "what 1 customer-managed policy allows is not judged: it lies in each account, with content of its \
                  own"
                .to_owned(),
            count => format!(
                "what {count} customer-managed policies allow is not judged: they lie in each account, with content \
                 of their own"
            ),
        },
        "look at them in the accounts; a set that the `risk` block names is marked whatever they say",
    );
    let of_aws = of_aws.finding(
        input,
        "unknown-managed-policies",
        |count| match count {
            1 => "what 1 AWS-managed policy allows is not judged: its content is not known here".to_owned(),
            count => format!(
                "what {count} AWS-managed policies allow is not judged: their content is not known here"
            ),
        },
        "look at them at AWS; a set that the `risk` block names is marked whatever they say",
    );
    let alike = look_alikes::finding(plan, input);
    of_accounts.into_iter().chain(of_aws).chain(alike)
}

/// A permission set that the plan gives or writes.
struct Concerned<'a> {
    set: &'a PermissionSet,
    /// It is given, or made, or its policies change; else only something else of it is written.
    in_its_policies: bool,
}

/// By name.
fn concerned<'a>(plan: &'a Plan, input: &'a PlanInput) -> Vec<Concerned<'a>> {
    let written: BTreeMap<&PermissionSetName, (&PermissionSet, bool)> = plan
        .actions
        .iter()
        .filter_map(|action| match action.effect.as_ref()? {
            Effect::CreatePermissionSet { permission_set } => {
                Some((&permission_set.name, (&**permission_set, true)))
            }
            Effect::UpdatePermissionSet { from, to } => Some((&to.name, (&**to, !to.has_policies_of(from)))),
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
    let given: BTreeSet<&PermissionSetName> = ranks
        .into_iter()
        .filter_map(|rank| plan.names.permission_set(rank))
        .collect();
    let names: BTreeSet<&PermissionSetName> = given.iter().chain(written.keys()).copied().collect();
    let concerned = names.into_iter().filter_map(|name| {
        let written = written.get(name).copied();
        Some(Concerned {
            set: written.map(|(set, _)| set).or_else(|| there(name))?,
            in_its_policies: given.contains(name) || written.is_some_and(|(_, changes)| changes),
        })
    });
    concerned.collect()
}

/// Policies of one kind, and the sets that have them.
#[derive(Default)]
struct Unjudged<'a> {
    policies: BTreeSet<String>,
    subjects: BTreeSet<Arc<str>>,
    sets: BTreeSet<&'a PermissionSetName>,
}

impl<'a> Unjudged<'a> {
    fn add(&mut self, set: &'a PermissionSet, policy: String, subject: Arc<str>) {
        self.policies.insert(policy);
        self.subjects.insert(subject);
        self.sets.insert(&set.name);
    }

    /// Nothing for none. It stands where the first of the sets is written.
    fn finding(
        self,
        input: &PlanInput,
        code: &str,
        message: impl Fn(usize) -> String,
        remedy: &str,
    ) -> Option<Finding> {
        let message = match self.policies.len() {
            0 => return None,
            count => message(count),
        };
        let declared = &input.desired.snapshot.permission_sets;
        let places = self
            .sets
            .iter()
            .filter_map(|name| declared.get(*name)?.location.clone());
        Some(Finding {
            subjects: self.subjects,
            remedy: Some(remedy.into()),
            location: places.min(),
            ..Finding::new(Level::Unverified, code, message)
        })
    }
}

/// `audit: AmazonAthenaFullAccess`
fn of_aws_subject(set: &PermissionSet, arn: &str, role: &str) -> Arc<str> {
    let policy = arn.split_once(":policy/").map_or(arn, |(_, policy)| policy);
    format!("{}: {policy}{role}", set.name).into()
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
    use crate::model::permission_set::SessionDuration;
    use crate::model::text::Text;
    use crate::plan::testing::{Stack, World, group};
    use crate::source::Location;

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

    fn told_as(plan: &Plan, code: &str) -> Option<(String, Vec<String>)> {
        let mut found = plan.findings.iter();
        let found = found.find(|finding| &*finding.code == code)?;
        let subjects = found.subjects.iter().map(ToString::to_string).collect();
        Some((found.message.to_string(), subjects))
    }

    fn told(plan: &Plan) -> Option<(String, Vec<String>)> {
        told_as(plan, "customer-managed-policies")
    }

    /// A set with AWS-managed policies, given to nobody unless `given`.
    fn of_aws(policies: &[&str], seconds: u32, given: bool) -> Stack {
        let stack = Stack::new()
            .accounts(&[1])
            .group("ops", "Ops", &[])
            .set_with("run", "run", |set| {
                let all = policies
                    .iter()
                    .map(|name| format!("arn:aws:iam::aws:policy/{name}").into());
                set.value.managed_policies = all.collect();
                set.value.session_duration = SessionDuration::of("", u64::from(seconds)).unwrap();
                set.value.inline_policy = Some(Text::known(
                    r#"{"Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}]}"#,
                ));
                set.location = Some(Location {
                    file: "sets.hcl".into(),
                    line: 7,
                    column: 1,
                });
            });
        match given {
            true => stack.assign("a", &[group("Ops")], &["run"], &[1]),
            false => stack,
        }
    }

    #[test]
    fn policies_of_aws_that_are_not_known_are_named_where_the_set_is_written() {
        let unknown = |plan: &Plan| told_as(plan, "unknown-managed-policies");
        let glue = "service-role/AWSGlueServiceRole";
        let plan = World::new().plan(of_aws(&["ReadOnlyAccess", glue], 3600, false));
        let expected = (
            "what 1 AWS-managed policy allows is not judged: its content is not known here".to_owned(),
            vec![format!("run: {glue}")],
        );
        // The way to more rights that it may open together with iam:PassRole is no mark, so the finding has to say it.
        assert_eq!(unknown(&plan), Some(expected.clone()));
        let found = plan
            .findings
            .iter()
            .find(|found| &*found.code == "unknown-managed-policies");
        let place = found.unwrap().location.as_ref().map(ToString::to_string);
        assert_eq!(place.as_deref(), Some("sets.hcl:7"));
        assert_eq!(
            unknown(&World::new().plan(of_aws(&["ReadOnlyAccess"], 3600, true))),
            None
        );
        // Of a set that is there: when its policies change or somebody gets it, not when it only lasts longer.
        let world = World::new().apply(of_aws(&[glue], 3600, false));
        assert_eq!(unknown(&world.plan(of_aws(&[glue], 7200, false))), None);
        assert_eq!(
            unknown(&world.plan(of_aws(&[glue], 3600, true))),
            Some(expected.clone())
        );
        let more = world.plan(of_aws(&[glue, "SecurityAudit"], 3600, false));
        assert_eq!(unknown(&more), Some(expected));
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
