//! Standing approvals: which grants were agreed on beforehand.
//!
//! The approvals of the last apply count, never those of the configuration at hand, so that no change approves itself;
//! and a unit's accounts are those that the service shows in it, so that no block can claim a place for an account. A
//! grant is covered only if nothing else has to be done for it: a set that is to change, a group that is to be made or
//! that means another one now, is nothing that anybody agreed to beforehand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::Address;
use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey};
use crate::model::role_content::RoleContents;
use crate::model::standing::{Cause, StandingApproval};

use super::change::{Action, ActionKind, GrantReason, GrantStep};
use super::finding::{Finding, Level, counted};
use super::sources::Sources;
use super::universe::Universe;

/// The approvals in force, and what it takes to tell what made a grant necessary.
pub(super) struct Approvals<'a> {
    approvals: Vec<&'a StandingApproval>,
    sources: &'a Sources<'a>,
    /// What other steps are planned for.
    pending: BTreeSet<&'a EntityKey>,
    /// Roles that hold something else than their sets say.
    roles: RoleContents,
    /// The blocks that granted a set to a principal at the last apply, anywhere.
    anywhere: BTreeMap<(&'a PermissionSetName, &'a PrincipalKey), BTreeSet<Address>>,
    /// The blocks that granted a set in an account at the last apply, to anybody.
    to_anybody: BTreeMap<(&'a PermissionSetName, &'a AccountKey), BTreeSet<Address>>,
}

impl<'a> Approvals<'a> {
    pub fn new(sources: &'a Sources<'a>, actions: &'a [Action]) -> Self {
        let now = sources.input.now;
        let rules = sources.input.recorded.rules.iter();
        let approvals = rules.flat_map(|rules| &rules.standing_approvals);
        let approvals = approvals.filter(|approval| approval.expires.is_none_or(|expires| expires > now));
        let pending = actions.iter().filter(|action| {
            action.effect.is_some() || matches!(action.kind, ActionKind::Rebind | ActionKind::Rename)
        });
        let mut found = Approvals {
            approvals: approvals.collect(),
            sources,
            pending: pending.map(|action| &action.entity).collect(),
            roles: sources.input.role_contents(),
            anywhere: BTreeMap::new(),
            to_anybody: BTreeMap::new(),
        };
        if !found.approvals.is_empty() {
            found.remember();
        }
        found
    }

    fn remember(&mut self) {
        let access = &self.sources.recorded.access;
        for (tuple, note) in access.tuples.iter().zip(&access.note_of) {
            let note = access.notes.get(*note as usize).filter(|note| note.owned);
            let (Some((account, set, principal)), Some(note)) = (access.names.resolve(*tuple), note) else {
                continue;
            };
            for block in note.blocks(&access.declarations) {
                let address = self.sources.address_now(&block.address);
                let anywhere = self.anywhere.entry((set, principal)).or_default();
                anywhere.insert(address.clone());
                self.to_anybody.entry((set, account)).or_default().insert(address);
            }
        }
    }

    /// Whether a grant was agreed on and can be made by itself; else why it is left out.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn covers(&self, step: &GrantStep, universe: &Universe<'_>) -> Result<(), LeftOut> {
        let Some((account, set, principal)) = universe.names.resolve(step.tuple) else {
            return Err(LeftOut::NotAgreed);
        };
        if !self.agreed(step, universe, (account, set, principal)) {
            return Err(LeftOut::NotAgreed);
        }
        if let Some(role) = self.roles.of(account, set) {
            return Err(match role.edited {
                true => LeftOut::Edited(set.clone()),
                false => LeftOut::Behind(set.clone()),
            });
        }
        if let Some(key) = self.pending(account, set, principal) {
            return Err(LeftOut::Pending(key));
        }
        match step.reason {
            GrantReason::Declared => Ok(()),
            GrantReason::Restore => Err(LeftOut::Restore),
            GrantReason::Renamed => Err(LeftOut::Pending(EntityKey::PermissionSet(set.clone()))),
        }
    }

    /// Whether an approval in force covers a grant.
    fn agreed(
        &self,
        step: &GrantStep,
        universe: &Universe<'_>,
        (account, set, principal): (&AccountKey, &PermissionSetName, &PrincipalKey),
    ) -> bool {
        let note = universe.notes.get(step.note as usize);
        let blocks = note
            .into_iter()
            .flat_map(|note| note.blocks(&universe.declarations));
        let blocks: BTreeSet<&Address> = blocks.map(|block| &block.address).collect();
        let known = |known: Option<&BTreeSet<Address>>| {
            known.is_some_and(|known| blocks.iter().any(|block| known.contains(*block)))
        };
        let account_joined = known(self.anywhere.get(&(set, principal)));
        let principal_joined = known(self.to_anybody.get(&(set, account)));
        let caused = |cause: &Cause| match cause {
            Cause::AccountJoined => account_joined,
            Cause::PrincipalJoined => principal_joined,
            Cause::Declared => true,
        };
        self.approvals.iter().any(|approval| {
            let of = &approval.of;
            of.permission_sets.as_ref().is_some_and(|of| of.contains(set))
                && of.principals.as_ref().is_none_or(|of| of.contains(principal))
                && of.accounts.as_ref().is_none_or(|of| of.contains(account))
                && self.is_placed(approval, account)
                && approval.causes.iter().any(caused)
        })
    }

    /// What a grant names and other steps are planned for.
    fn pending(
        &self,
        account: &AccountKey,
        set: &PermissionSetName,
        principal: &PrincipalKey,
    ) -> Option<EntityKey> {
        let principal = match principal {
            PrincipalKey::Group(group) => EntityKey::Group(group.clone()),
            PrincipalKey::User(user) => EntityKey::User(user.clone()),
            // Nobody grants anything to those, and no block names them.
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => {
                return Some(EntityKey::PermissionSet(set.clone()));
            }
        };
        let keys = [
            EntityKey::Account(account.clone()),
            EntityKey::PermissionSet(set.clone()),
            principal,
        ];
        keys.into_iter().find(|key| self.pending.contains(key))
    }

    /// Whether the service shows the account below one of the approval's units. What it does not show is not assumed.
    fn is_placed(&self, approval: &StandingApproval, account: &AccountKey) -> bool {
        let Some(units) = &approval.organizational_units else {
            return true;
        };
        let there = self.sources.observed.accounts.get(account);
        let unit = there.and_then(|account| account.value.ou.as_ref());
        unit.is_some_and(|unit| units.iter().any(|above| unit.is_within(above)))
    }

    /// What to say about grants that are left out: one finding for each reason.
    pub fn left_out(&self, left: &BTreeMap<LeftOut, BTreeSet<Arc<str>>>) -> Vec<Finding> {
        let finding = |(reason, subjects): (&LeftOut, &BTreeSet<Arc<str>>)| {
            let (why, remedy) = match reason {
                LeftOut::NotAgreed if self.approvals.is_empty() => (
                    "no standing approval is in force: those of the last apply count".to_owned(),
                    None,
                ),
                LeftOut::NotAgreed => (
                    "no standing approval of the last apply covers that".to_owned(),
                    None,
                ),
                LeftOut::Pending(key) => (
                    format!("{key} is to change first, and nobody agreed to that beforehand"),
                    Some("apply that change as any other; it makes these grants too"),
                ),
                LeftOut::Edited(set) => (
                    format!("somebody edited the role of {set} there, and nobody agreed to what it allows now"),
                    Some("apply what puts the role right as any other change; it makes these grants too"),
                ),
                LeftOut::Behind(set) => (
                    format!("the role of {set} there is yet to get what the set is now, and a grant would bring it"),
                    Some("apply the provisioning as any other change; it makes these grants too"),
                ),
                LeftOut::Restore => (
                    "it was made before and is gone from the service, and bringing back what somebody may have taken \
                     away takes a yes of its own"
                        .to_owned(),
                    Some("someone may have revoked it on purpose: find out first"),
                ),
            };
            Finding {
                subjects: subjects.clone(),
                remedy: remedy.map(Arc::from),
                ..Finding::new(
                    Level::Note,
                    "left-out",
                    format!("{} left out: {why}", counted(subjects.len(), "declared grant")),
                )
            }
        };
        left.iter().map(finding).collect()
    }
}

/// Why a declared grant is not made with `--standing`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LeftOut {
    /// No approval covers it.
    NotAgreed,
    /// Agreed on, but this is to change first.
    Pending(EntityKey),
    /// Agreed on, but somebody edited the role of the set there.
    Edited(PermissionSetName),
    /// Agreed on, but the role there does not hold what the set is.
    Behind(PermissionSetName),
    /// Agreed on, but it was there before and somebody took it away.
    Restore,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::OuPath;
    use crate::model::guardrail::Selector;
    use crate::model::rules::Rules;
    use crate::plan::Plan;
    use crate::plan::input::Mode;
    use crate::plan::testing::{Stack, World, account, group, set};

    fn approval(causes: &[Cause]) -> StandingApproval {
        StandingApproval {
            label: "baseline".into(),
            reason: "every account has it".into(),
            causes: causes.iter().copied().collect(),
            of: Selector {
                permission_sets: Some([set("view")].into()),
                ..Selector::default()
            },
            organizational_units: None,
            expires: None,
            location: None,
        }
    }

    fn stack(groups: &[&str], sets: &[&str], accounts: &[u32]) -> Stack {
        let groups: Vec<PrincipalKey> = groups.iter().map(|name| group(name)).collect();
        Stack::new()
            .accounts(&[1, 2, 3])
            .set("view", "view")
            .set("admin", "admin")
            .group("ops", "Ops", &[])
            .group("dev", "Dev", &[])
            .assign("a", &groups, sets, accounts)
    }

    fn world(approvals: Vec<StandingApproval>) -> World {
        let mut world = World::new().apply(stack(&["Ops"], &["view"], &[1]));
        world.recorded.rules = Some(Box::new(Rules {
            standing_approvals: approvals,
            ..Rules::default()
        }));
        world.options.mode = Mode::Standing;
        world
    }

    fn granted(plan: &Plan) -> Vec<String> {
        assert!(plan.revokes.is_empty() && plan.actions.is_empty() && plan.records.is_empty());
        let names = plan.grants.iter().map(|step| plan.names.resolve(step.tuple));
        names
            .map(|found| {
                let (account, set, principal) = found.unwrap();
                format!(
                    "{} {set} {}",
                    principal.name(),
                    account.to_string().trim_start_matches('0')
                )
            })
            .collect()
    }

    fn left_out(plan: &Plan) -> String {
        let found = plan
            .findings
            .iter()
            .filter(|finding| &*finding.code == "left-out");
        found.map(|finding| finding.message.to_string()).collect()
    }

    #[test]
    fn an_account_that_joins_gets_what_was_agreed_on_and_nothing_else_happens() {
        let world = world(vec![approval(&[Cause::AccountJoined])]);
        let more = stack(&["Ops"], &["view", "admin"], &[1, 2]);
        assert_eq!(granted(&world.plan(more)), ["Ops view 2"]);
        // A principal that joins is another cause.
        assert!(granted(&world.plan(stack(&["Ops", "Dev"], &["view"], &[1]))).is_empty());
        let other = self::world(vec![approval(&[Cause::PrincipalJoined])]);
        let both = stack(&["Ops", "Dev"], &["view"], &[1, 2]);
        assert_eq!(granted(&other.plan(both)), ["Dev view 1"]);
    }

    #[test]
    fn nothing_is_granted_of_a_role_that_is_not_as_its_set() {
        use crate::model::in_account::{AccountFault, InAccount};
        use crate::model::roles::Provisioning;
        let both = || stack(&["Ops", "Dev"], &["view"], &[1]);
        let world = world(vec![approval(&[Cause::PrincipalJoined])]);
        assert_eq!(granted(&world.plan(both())), ["Dev view 1"]);
        let mut edited = world.clone();
        edited.observed.in_accounts = vec![InAccount {
            account: account(1),
            fault: AccountFault::RoleEdited {
                permission_set: set("view"),
                edits: ["policy attached: x".into()].into(),
                behind: false,
            },
        }];
        let plan = edited.plan(both());
        assert!(granted(&plan).is_empty());
        let why = left_out(&plan);
        assert!(why.contains("somebody edited the role of view there"), "{why}");
        let mut behind = world;
        behind.observed.roles[0].provisioning = Provisioning::Stale;
        let plan = behind.plan(both());
        assert!(granted(&plan).is_empty());
        assert!(left_out(&plan).contains("yet to get what the set is now"));
    }

    #[test]
    fn a_change_does_not_approve_itself() {
        let world = world(Vec::new());
        let more = || stack(&["Ops"], &["view"], &[1, 2]);
        let own = more().with(|desired| desired.standing_approvals = vec![approval(&[Cause::AccountJoined])]);
        let plan = world.plan(own);
        assert!(granted(&plan).is_empty());
        assert!(plan.findings.iter().any(|finding| &*finding.code == "left-out"));
    }

    #[test]
    fn removals_restores_and_what_needs_other_steps_are_not_run() {
        let causes = [Cause::AccountJoined, Cause::PrincipalJoined, Cause::Declared];
        let world = world(vec![approval(&causes)]);
        assert!(granted(&world.plan(Stack::new().accounts(&[1]))).is_empty());
        let gone = world.clone().loses_grant(1, "view", group("Ops"));
        assert!(granted(&gone.plan(stack(&["Ops"], &["view"], &[1]))).is_empty());
        let longer = stack(&["Ops"], &["view"], &[1, 2]).set_with("view", "view", |entity| {
            entity.value.session_duration = "PT4H".parse().unwrap();
        });
        let plan = world.plan(longer);
        assert!(granted(&plan).is_empty(), "the set is to change");
        assert!(left_out(&plan).contains("permission set view is to change first"));
        let new = stack(&["Ops"], &["view"], &[1]).group("new", "New", &[]).assign(
            "b",
            &[group("New")],
            &["view"],
            &[1],
        );
        let plan = world.plan(new);
        assert!(granted(&plan).is_empty(), "the group is to be made");
        assert!(left_out(&plan).contains("group New is to change first"));
        assert!(left_out(&gone.plan(stack(&["Ops"], &["view"], &[1]))).contains("gone from the service"));
    }

    #[test]
    fn a_unit_has_the_accounts_that_the_service_shows_in_it() {
        let of_unit = StandingApproval {
            organizational_units: Some([OuPath::new("Workloads").unwrap()].into()),
            ..approval(&[Cause::AccountJoined])
        };
        let mut world = world(vec![of_unit]);
        let more = || stack(&["Ops"], &["view"], &[1, 2, 3]);
        assert!(
            granted(&world.plan(more())).is_empty(),
            "nobody knows where they are"
        );
        let accounts = &mut world.observed.snapshot.accounts;
        accounts.get_mut(&account(2)).unwrap().value.ou = Some(OuPath::new("Workloads/Prod").unwrap());
        accounts.get_mut(&account(3)).unwrap().value.ou = Some(OuPath::new("Sandbox").unwrap());
        assert_eq!(granted(&world.plan(more())), ["Ops view 2"]);
    }

    #[test]
    fn an_approval_that_expired_approves_nothing() {
        let expired = StandingApproval {
            expires: Some("2026-06-01T00:00:00Z".parse().unwrap()),
            ..approval(&[Cause::AccountJoined])
        };
        let world = world(vec![expired]);
        assert!(granted(&world.plan(stack(&["Ops"], &["view"], &[1, 2]))).is_empty());
    }
}
