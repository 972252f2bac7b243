//! Estimates what a plan costs: calls, asynchronous requests, seconds.
//!
//! Calls are counted per API operation from what each effect needs; the time is
//! the longest of what limits a run: the call rate, the slots for asynchronous
//! requests, and the longest chain in one account, whose roles change one at a
//! time (quotas page). Latencies are typical ones, since no better are measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::id::AccountKey;
use crate::model::action::Effect;
use crate::model::instance::Quotas;
use crate::model::permission_set::PermissionSet;

use super::Plan;
use super::cost::Cost;

/// Seconds from an asynchronous request to its end, when nothing was measured.
const ASYNC_SECONDS: f64 = 3.0;

/// How many statuses one list-status call returns at most (service model: `MaxResults` 1–100).
const STATUSES_PER_CALL: u64 = 100;

/// What carrying out the plan costs under these quotas.
pub fn estimate(plan: &Plan, quotas: &Quotas) -> Cost {
    let mut count = Calls::default();
    for action in &plan.actions {
        if let Some(effect) = &action.effect
            && action.blocked.is_none()
        {
            count.effect(effect);
        }
    }
    let grants = plan
        .grants
        .iter()
        .filter(|step| !step.blocked)
        .map(|step| step.tuple.account());
    let revokes = plan
        .revokes
        .iter()
        .filter(|step| !step.blocked)
        .map(|step| step.tuple.account());
    let mut chain: FxHashMap<u32, u64> = FxHashMap::default();
    let (mut granted, mut revoked) = (0, 0);
    for account in grants {
        granted += 1;
        *chain.entry(account).or_default() += 1;
    }
    for account in revokes {
        revoked += 1;
        *chain.entry(account).or_default() += 1;
    }
    count.add("CreateAccountAssignment", granted);
    count.add("DeleteAccountAssignment", revoked);
    let longest_chain = chain.values().copied().max().unwrap_or(0);
    count.polls(granted, revoked, quotas);
    count.total(granted + revoked, longest_chain, quotas)
}

#[derive(Default)]
struct Calls {
    by_operation: BTreeMap<&'static str, u64>,
    provisions: u64,
}

impl Calls {
    fn add(&mut self, operation: &'static str, count: u64) {
        if count > 0 {
            *self.by_operation.entry(operation).or_default() += count;
        }
    }

    fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::CreateOrganizationalUnit { .. } => self.add("CreateOrganizationalUnit", 1),
            Effect::RenameOrganizationalUnit { .. } => self.add("UpdateOrganizationalUnit", 1),
            Effect::CreateAccount { .. } => {
                self.add("CreateAccount", 1);
                self.add("DescribeCreateAccountStatus", 1);
                self.add("MoveAccount", 1);
            }
            Effect::MoveAccount { .. } => self.add("MoveAccount", 1),
            Effect::TagAccount { from, to, .. } => {
                self.add(
                    "TagResource",
                    u64::from(to.iter().any(|(key, value)| from.get(key) != Some(value))),
                );
                self.add(
                    "UntagResource",
                    u64::from(from.keys().any(|key| !to.contains_key(key))),
                );
            }
            Effect::CreateUser { .. } => self.add("CreateUser", 1),
            Effect::UpdateUser { .. } => self.add("UpdateUser", 1),
            Effect::DeleteUser { .. } => self.add("DeleteUser", 1),
            Effect::CreateGroup { .. } => self.add("CreateGroup", 1),
            Effect::UpdateGroup { .. } => self.add("UpdateGroup", 1),
            Effect::DeleteGroup { .. } => self.add("DeleteGroup", 1),
            Effect::AddMember { .. } => self.add("CreateGroupMembership", 1),
            Effect::RemoveMember { .. } => self.add("DeleteGroupMembership", 1),
            Effect::CreatePermissionSet { permission_set } => {
                self.add("CreatePermissionSet", 1);
                self.content(&PermissionSet::new(permission_set.name.clone()), permission_set);
            }
            Effect::UpdatePermissionSet { from, to } => {
                let settings = from.description != to.description
                    || from.relay_state != to.relay_state
                    || from.session_duration != to.session_duration;
                self.add("UpdatePermissionSet", u64::from(settings));
                self.content(from, to);
                self.add(
                    "TagResource",
                    u64::from(to.tags.iter().any(|(k, v)| from.tags.get(k) != Some(v))),
                );
                self.add(
                    "UntagResource",
                    u64::from(from.tags.keys().any(|key| !to.tags.contains_key(key))),
                );
            }
            Effect::DeletePermissionSet { .. } => self.add("DeletePermissionSet", 1),
            Effect::Provision { accounts, .. } => self.provision(accounts.as_ref()),
            Effect::Grant { .. } => self.add("CreateAccountAssignment", 1),
            Effect::Revoke { .. } => self.add("DeleteAccountAssignment", 1),
        }
    }

    fn provision(&mut self, accounts: Option<&std::collections::BTreeSet<AccountKey>>) {
        let requests = accounts.map_or(1, |accounts| accounts.len() as u64);
        self.provisions += requests;
        self.add("ProvisionPermissionSet", requests);
    }

    /// The calls that turn the policies of one set into another's.
    fn content(&mut self, from: &PermissionSet, to: &PermissionSet) {
        let count = |items: usize| items as u64;
        self.add(
            "AttachManagedPolicyToPermissionSet",
            count(to.managed_policies.difference(&from.managed_policies).count()),
        );
        self.add(
            "DetachManagedPolicyFromPermissionSet",
            count(from.managed_policies.difference(&to.managed_policies).count()),
        );
        let (before, after) = (&from.customer_managed_policies, &to.customer_managed_policies);
        self.add(
            "AttachCustomerManagedPolicyReferenceToPermissionSet",
            count(after.difference(before).count()),
        );
        self.add(
            "DetachCustomerManagedPolicyReferenceFromPermissionSet",
            count(before.difference(after).count()),
        );
        match (&from.inline_policy, &to.inline_policy) {
            (Some(_), None) => self.add("DeleteInlinePolicyFromPermissionSet", 1),
            (before, after) if before != after => self.add("PutInlinePolicyToPermissionSet", 1),
            _ => {}
        }
        match (&from.permissions_boundary, &to.permissions_boundary) {
            (Some(_), None) => self.add("DeletePermissionsBoundaryFromPermissionSet", 1),
            (before, after) if before != after => self.add("PutPermissionsBoundaryToPermissionSet", 1),
            _ => {}
        }
    }

    /// One list-status call per batch of requests in flight.
    fn polls(&mut self, granted: u64, revoked: u64, quotas: &Quotas) {
        let batch = u64::from(quotas.assignments_in_flight).clamp(1, STATUSES_PER_CALL);
        self.add("ListAccountAssignmentCreationStatus", granted.div_ceil(batch));
        self.add("ListAccountAssignmentDeletionStatus", revoked.div_ceil(batch));
        let provisions = u64::from(quotas.provisionings_in_flight).clamp(1, STATUSES_PER_CALL);
        self.add(
            "ListPermissionSetProvisioningStatus",
            self.provisions.div_ceil(provisions),
        );
    }

    fn total(self, assignments: u64, longest_chain: u64, quotas: &Quotas) -> Cost {
        let total_calls: u64 = self.by_operation.values().sum();
        let at_rate = total_calls as f64 / f64::from(quotas.calls_per_second.max(1));
        let in_slots = assignments as f64 * ASYNC_SECONDS / f64::from(quotas.assignments_in_flight.max(1));
        let provisioning =
            self.provisions as f64 * ASYNC_SECONDS / f64::from(quotas.provisionings_in_flight.max(1));
        let in_chain = longest_chain as f64 * ASYNC_SECONDS;
        let seconds = at_rate.max(in_slots).max(in_chain) + provisioning;
        Cost {
            calls: self
                .by_operation
                .into_iter()
                .map(|(name, count)| (Arc::from(name), count))
                .collect(),
            total_calls,
            async_requests: assignments + self.provisions,
            seconds: seconds.ceil() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::planner::plan;
    use super::super::scene::{Scene, set};
    use super::*;

    fn calls(cost: &Cost) -> BTreeMap<&str, u64> {
        cost.calls.iter().map(|(name, count)| (&**name, *count)).collect()
    }

    #[test]
    fn a_plan_of_nothing_costs_nothing() {
        let cost = plan(&Scene::new().build()).cost;
        assert_eq!(cost, Cost::default());
    }

    #[test]
    fn a_first_plan_is_counted_call_by_call() {
        let scene = Scene::new()
            .account(1)
            .account(2)
            .group("ops", &["ada", "bob"])
            .set("admin")
            .change_set("admin", |set| {
                set.managed_policies
                    .insert("arn:aws:iam::aws:policy/ReadOnlyAccess".into());
            })
            .assign("a", &["ops"], &["admin"], &[1, 2]);
        let cost = plan(&scene.build()).cost;
        let expected = BTreeMap::from([
            ("AttachManagedPolicyToPermissionSet", 1),
            ("CreateAccountAssignment", 2),
            ("CreateGroup", 1),
            ("CreateGroupMembership", 2),
            ("CreatePermissionSet", 1),
            ("CreateUser", 2),
            ("ListAccountAssignmentCreationStatus", 1),
        ]);
        assert_eq!(calls(&cost), expected);
        assert_eq!((cost.total_calls, cost.async_requests), (10, 2));
        // Half a second of calls at 20 a second; one assignment in each account takes three.
        assert_eq!(cost.seconds, 3);
    }

    #[test]
    fn a_changed_set_costs_its_differences_and_one_provisioning() {
        let stack = |scene: Scene| {
            scene
                .account(1)
                .group("ops", &[])
                .set("admin")
                .assign("a", &["ops"], &["admin"], &[1])
        };
        let scene = stack(stack(Scene::new()).applied()).change_set("admin", |set| {
            set.session_duration = "PT2H".parse().unwrap();
            set.tags.insert("owner".into(), "platform".into());
        });
        let cost = plan(&scene.build()).cost;
        let expected = BTreeMap::from([
            ("ListPermissionSetProvisioningStatus", 1),
            ("ProvisionPermissionSet", 1),
            ("TagResource", 1),
            ("UpdatePermissionSet", 1),
        ]);
        assert_eq!(calls(&cost), expected);
        assert_eq!((cost.total_calls, cost.async_requests), (4, 1));
        // 0.2 s of calls, then one of three slots for three seconds.
        assert_eq!(cost.seconds, 2);
    }

    fn wide(accounts: u64, sets: u64) -> Plan {
        let names: Vec<String> = (0..sets).map(|n| format!("s{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let numbers: Vec<u64> = (1..=accounts).collect();
        let mut scene = Scene::new().group("ops", &[]);
        for n in &numbers {
            scene = scene.account(*n);
        }
        for name in &names {
            scene = scene.set(name);
        }
        plan(&scene.assign("a", &["ops"], &names, &numbers).build())
    }

    #[test]
    fn time_is_the_slowest_of_rate_slots_and_the_longest_account() {
        let quotas = Quotas {
            calls_per_second: 20,
            assignments_in_flight: 15,
            ..Quotas::default()
        };
        // 40 assignments in one account change its roles one after the other: 120 s.
        let one_account = wide(1, 40);
        assert_eq!(estimate(&one_account, &quotas).seconds, 120);
        // 40 accounts, one set: 40 × 3 s over 15 slots are 8 s.
        let many_accounts = wide(40, 1);
        assert_eq!(estimate(&many_accounts, &quotas).seconds, 8);
        // The same at one call a second: 1 set, 1 group, 40 assignments and 3 lists of statuses are 45 s.
        let slow = Quotas {
            calls_per_second: 1,
            ..quotas
        };
        let cost = estimate(&many_accounts, &slow);
        assert_eq!((cost.total_calls, cost.seconds), (45, 45));
    }

    #[test]
    fn blocked_steps_cost_nothing() {
        let mut plan = wide(3, 1);
        plan.grants.iter_mut().for_each(|step| step.blocked = true);
        plan.actions
            .iter_mut()
            .for_each(|action| action.blocked = Some("no".into()));
        assert_eq!(estimate(&plan, &Quotas::default()), Cost::default());
    }

    #[test]
    fn policies_are_put_and_deleted_by_calls_of_their_own() {
        let mut from = PermissionSet::new(set("admin"));
        from.managed_policies = ["arn:a".into(), "arn:b".into()].into();
        let mut to = PermissionSet::new(set("admin"));
        to.managed_policies = ["arn:b".into(), "arn:c".into(), "arn:d".into()].into();
        to.tags.insert("a".into(), "b".into());
        let count = |from: &PermissionSet, to: &PermissionSet| {
            let mut calls = Calls::default();
            calls.effect(&Effect::UpdatePermissionSet {
                from: Box::new(from.clone()),
                to: Box::new(to.clone()),
            });
            calls.by_operation
        };
        let there = count(&from, &to);
        let expected = BTreeMap::from([
            ("AttachManagedPolicyToPermissionSet", 2),
            ("DetachManagedPolicyFromPermissionSet", 1),
            ("TagResource", 1),
        ]);
        assert_eq!(there, expected);
        let back = count(&to, &from);
        let expected = BTreeMap::from([
            ("AttachManagedPolicyToPermissionSet", 1),
            ("DetachManagedPolicyFromPermissionSet", 2),
            ("UntagResource", 1),
        ]);
        assert_eq!(back, expected);
    }
}
