//! Roles that hold more than their permission set says, where a plan lets people in by them.
//!
//! A set that was narrowed is still as wide as before in the accounts where its provisioning failed or never ran, and what
//! somebody attached to a role is nowhere in its set. Who joins a group there gets that at once, and keeps it where the
//! provisioning fails again. A grant by itself brings what the set is (service model: `CreateAccountAssignment`
//! provisions the set), and leaves what somebody edited.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::PermissionSetName;
use crate::model::access::Pair;
use crate::model::permission_set::PermissionSet;
use crate::model::role_content::{RoleContent, RoleContents};

use super::Plan;
use super::risk::{RiskMark, SetRisk};

/// A role that people come to by a plan, and that holds more than its set says, or nobody knows what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoleRisk {
    /// Which, as ranks in the plan's names.
    pub pair: Pair,
    /// It holds what the set was before.
    pub behind: bool,
    /// Somebody edited it in the account.
    pub edited: bool,
    /// What it holds amounts to; `None` where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<SetRisk>,
}

impl RoleRisk {
    /// Its gravest mark.
    pub fn mark(&self) -> Option<RiskMark> {
        match &self.holds {
            Some(risk) => risk.mark(),
            None => Some(RiskMark::RoleNotKnown),
        }
    }
}

/// Those of a plan, by pair. Only where the role has a graver mark than its set.
pub(super) fn of_plan(
    plan: &Plan,
    contents: &RoleContents,
    sets: &BTreeMap<PermissionSetName, SetRisk>,
    judge: impl Fn(&PermissionSetName, Option<&PermissionSet>) -> SetRisk,
) -> Vec<RoleRisk> {
    let mut by_set: BTreeMap<u32, BTreeMap<u32, (&PermissionSetName, &RoleContent)>> = BTreeMap::new();
    for (account, set, content) in contents.iter() {
        let ranks = plan
            .names
            .account_rank(account)
            .zip(plan.names.permission_set_rank(set));
        if let Some((account, rank)) = ranks {
            by_set.entry(rank).or_default().insert(account, (set, content));
        }
    }
    if by_set.is_empty() {
        return Vec::new();
    }
    let mut entered: BTreeMap<Pair, (&PermissionSetName, &RoleContent)> = BTreeMap::new();
    let rows = plan.people.rows.iter().filter(|row| row.change.comes());
    for row in rows {
        let roles = by_set.get(&row.permission_set).into_iter().flatten();
        let there = roles.filter(|(account, _)| row.accounts.binary_search(account).is_ok());
        entered.extend(there.map(|(account, role)| (Pair::new(*account, row.permission_set), *role)));
    }
    // Whoever is behind a group that cannot be read.
    for pair in plan.grants.iter().map(|step| step.tuple.pair()) {
        let role = by_set
            .get(&pair.permission_set())
            .and_then(|roles| roles.get(&pair.account()));
        entered.extend(role.map(|role| (pair, *role)));
    }
    let risks = entered.into_iter().map(|(pair, (set, content))| RoleRisk {
        pair,
        behind: content.behind,
        edited: content.edited,
        holds: content.content.as_ref().map(|content| judge(set, Some(content))),
    });
    let of_set = |pair: Pair| {
        let name = plan.names.permission_set(pair.permission_set());
        name.and_then(|name| sets.get(name)).and_then(SetRisk::mark)
    };
    let is_graver = |role: &RoleRisk| {
        role.mark()
            .is_some_and(|mark| of_set(role.pair).is_none_or(|of_set| mark < of_set))
    };
    risks.filter(is_graver).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::id::AccountKey;
    use crate::model::in_account::{AccountFault, InAccount};
    use crate::model::record::Seen;
    use crate::model::role_content::OlderRoles;
    use crate::model::roles::Provisioning;
    use crate::plan::testing::{Stack, World, account, group, set};

    const ADMIN: &str = "AdministratorAccess";
    const VIEW: &str = "job-function/ViewOnlyAccess";

    fn stack(policy: &str, members: &[&str], others: &[u32]) -> Stack {
        let arn: Arc<str> = format!("arn:aws:iam::aws:policy/{policy}").into();
        let stack = Stack::new().accounts(&[1, 2]).set_with("s", "s", |set| {
            set.value.managed_policies.insert(arn);
        });
        let stack = stack.group("ops", "Ops", members).group("dev", "Dev", &["eve"]);
        let stack = stack.assign("a", &[group("Ops")], &["s"], &[1, 2]);
        stack.assign("b", &[group("Dev")], &["s"], others)
    }

    /// The set allows to look, and its role in the first account is as it was before, which is known or not.
    fn behind(known: bool) -> World {
        let users = World::new().has_user("ada").has_user("bob").has_user("eve");
        let before = users.apply(stack(ADMIN, &["ada"], &[]));
        let content = before.observed.snapshot.permission_sets[&set("s")].value.clone();
        let mut world = before.apply(stack(VIEW, &["ada"], &[]));
        world.observed.roles[0].provisioning = Provisioning::Stale;
        world.recorded.seen = Some(Seen::of(world.observed.clone()));
        if known {
            world.recorded.older_roles = vec![OlderRoles {
                permission_set: set("s"),
                content: Arc::new(content),
                accounts: [account(1)].into(),
            }];
        }
        world
    }

    fn marks(plan: &Plan) -> Vec<(Option<AccountKey>, Option<RiskMark>)> {
        let roles = plan.risks.roles.iter();
        roles
            .map(|role| (plan.names.account(role.pair.account()).cloned(), role.mark()))
            .collect()
    }

    #[test]
    fn who_joins_is_marked_by_what_the_role_still_holds() {
        let joined = || stack(VIEW, &["ada", "bob"], &[]);
        let known = behind(true).plan(joined());
        assert_eq!(marks(&known), [(Some(account(1)), Some(RiskMark::Administrator))]);
        assert!(known.risks.roles[0].behind && !known.risks.roles[0].edited);
        let rows = &known.people.rows;
        assert!(
            rows.iter().any(|row| known.risks.covers(&known, row)),
            "who joins besides stops an approved plan"
        );
        let unknown = behind(false).plan(joined());
        assert_eq!(
            marks(&unknown),
            [(Some(account(1)), Some(RiskMark::RoleNotKnown))]
        );
        // Nobody comes to it.
        assert_eq!(marks(&behind(true).plan(stack(VIEW, &["ada"], &[]))), []);
        // The set is an administrator's, whatever its roles are.
        assert_eq!(marks(&behind(true).plan(stack(ADMIN, &["ada", "bob"], &[]))), []);
    }

    #[test]
    fn what_somebody_attached_to_a_role_marks_who_comes_to_it() {
        let users = World::new().has_user("ada").has_user("bob").has_user("eve");
        let mut world = users.apply(stack(VIEW, &["ada"], &[]));
        let edit: Arc<str> = format!("policy attached: arn:aws:iam::aws:policy/{ADMIN}").into();
        world.observed.in_accounts = vec![InAccount {
            account: account(2),
            fault: AccountFault::RoleEdited {
                permission_set: set("s"),
                edits: [edit].into(),
                behind: false,
            },
        }];
        let plan = world.plan(stack(VIEW, &["ada"], &[1, 2]));
        assert_eq!(marks(&plan), [(Some(account(2)), Some(RiskMark::Administrator))]);
        assert!(plan.risks.roles[0].edited);
        let elsewhere = world.plan(stack(VIEW, &["ada"], &[1]));
        assert_eq!(marks(&elsewhere), []);
    }
}
