//! What the caller may not do, by the service's rules, and what the caller must not lose.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{AccountKey, EntityKey, GroupName, PrincipalKey, UserName};
use crate::model::access::{Pair, Tuple};
use crate::model::action::Effect;
use crate::model::instance::{CallerRole, CallerSession};

use super::change::{Action, GrantStep, RevokeStep};
use super::finding::{Finding, Level};
use super::provisioning::{has_pair, of_pair};
use super::renames::Renames;
use super::sources::Sources;
use super::universe::Universe;

/// Steps of a plan that may be blocked.
pub(super) struct Steps<'a> {
    pub actions: &'a mut [Action],
    pub grants: &'a mut [GrantStep],
    pub revokes: &'a mut [RevokeStep],
}

/// Why a delegated administrator may not run a step about access.
const DELEGATED_ACCESS: &str = "a delegated administrator may not change permission sets that are provisioned in the \
                                management account, nor assignments there";
/// Why it may not run one about the organisation.
const DELEGATED_ORGANIZATION: &str = "only the management account changes accounts and organizational units";
/// Why any other account may run none.
const MEMBER: &str = "this account is neither the management account nor the delegated administrator";

/// Blocks the steps that this caller may not run (user guide, "Delegated administration"); the rest can run.
///
/// A delegated administrator may not touch permission sets that are provisioned in the management account, not even
/// for other accounts, nor assignments there. A set that is only to come there is its own until then: it makes and
/// changes it, grants it elsewhere, and leaves the assignments there to the management account. Of Organizations it may call what reads (Organizations user guide,
/// "Delegated administrator for AWS services"). Other member accounts may read at best.
pub(super) fn block(
    sources: &Sources<'_>,
    universe: &Universe<'_>,
    steps: Steps<'_>,
    findings: &mut Vec<Finding>,
) {
    let Some(caller) = &sources.input.observed.caller else {
        return;
    };
    let is_member = match caller.role {
        CallerRole::Management => return,
        CallerRole::DelegatedAdministrator => false,
        CallerRole::Member => true,
    };
    let forbidden = Forbidden::new(is_member, sources, universe);
    let mut blocked: Blocked = BTreeMap::new();
    let mut note = |action: &'static str, why: &'static str| {
        let entry = blocked.entry(why).or_default();
        entry.0 += 1;
        entry.1.insert(action);
    };
    let grants = steps.grants.iter_mut();
    for step in grants.filter(|step| forbidden.assignment(step.tuple)) {
        step.blocked = true;
        note("sso:CreateAccountAssignment", forbidden.access);
    }
    let revokes = steps.revokes.iter_mut();
    for step in revokes.filter(|step| forbidden.assignment(step.tuple)) {
        step.blocked = true;
        note("sso:DeleteAccountAssignment", forbidden.access);
    }
    for action in steps.actions.iter_mut() {
        let Some(effect) = &action.effect else { continue };
        if let Some(why) = forbidden.entity(&action.entity, universe) {
            let missing = iam_action(effect);
            action.blocked = Some(format!("{missing}: {why}").into());
            note(missing, why);
        }
    }
    let found = blocked.into_iter();
    findings.extend(found.map(|(why, of)| finding(&caller.arn, why, &of)));
}

/// What a caller outside the management account may not change.
struct Forbidden {
    /// The caller is not the delegated administrator either, and may change nothing.
    is_member: bool,
    /// Why steps about access are blocked.
    access: &'static str,
    management: Option<u32>,
    /// By rank, whether a permission set is out of bounds.
    sets: Vec<bool>,
}

impl Forbidden {
    fn new(is_member: bool, sources: &Sources<'_>, universe: &Universe<'_>) -> Self {
        let management = management_account(sources).and_then(|key| universe.names.account_rank(&key));
        let in_management = |set: u32| {
            management.is_some_and(|account| has_pair(&universe.observed.tuples, Pair::new(account, set)))
        };
        let ranks = (0_u32..).zip(&universe.names.permission_sets);
        Forbidden {
            is_member,
            access: if is_member { MEMBER } else { DELEGATED_ACCESS },
            management,
            sets: ranks.map(|(rank, _)| is_member || in_management(rank)).collect(),
        }
    }

    fn set(&self, rank: u32) -> bool {
        self.sets.get(rank as usize) == Some(&true)
    }

    fn assignment(&self, tuple: Tuple) -> bool {
        self.set(tuple.permission_set()) || self.management == Some(tuple.account())
    }

    /// Why an entity may not be changed.
    fn entity(&self, key: &EntityKey, universe: &Universe<'_>) -> Option<&'static str> {
        if self.is_member {
            return Some(MEMBER);
        }
        match key {
            EntityKey::PermissionSet(name) => {
                let rank = universe.names.permission_set_rank(name)?;
                self.set(rank).then_some(self.access)
            }
            EntityKey::Account(_) | EntityKey::OrganizationalUnit(_) => Some(DELEGATED_ORGANIZATION),
            EntityKey::User(_) | EntityKey::Group(_) => None,
        }
    }
}

/// By reason: how many steps, and the IAM actions that they take.
type Blocked = BTreeMap<&'static str, (u64, BTreeSet<&'static str>)>;

fn finding(arn: &str, why: &str, (count, actions): &(u64, BTreeSet<&'static str>)) -> Finding {
    let steps = if *count == 1 { "step" } else { "steps" };
    let actions: Vec<&str> = actions.iter().copied().collect();
    Finding {
        remedy: Some(
            "run the same plan as the management account; what is done by then is not done again".into(),
        ),
        ..Finding::new(
            Level::Warning,
            "blocked-steps",
            format!(
                "{count} {steps} cannot be run by {arn} ({}): {why}",
                actions.join(", ")
            ),
        )
    }
}

/// The IAM action that an effect begins with (Service Authorization Reference).
fn iam_action(effect: &Effect) -> &'static str {
    match effect {
        Effect::CreateOrganizationalUnit { .. } => "organizations:CreateOrganizationalUnit",
        Effect::RenameOrganizationalUnit { .. } => "organizations:UpdateOrganizationalUnit",
        Effect::CreateAccount { .. } => "organizations:CreateAccount",
        Effect::MoveAccount { .. } => "organizations:MoveAccount",
        Effect::TagAccount { .. } => "organizations:TagResource",
        Effect::CreateUser { .. } => "identitystore:CreateUser",
        Effect::UpdateUser { .. } => "identitystore:UpdateUser",
        Effect::DeleteUser { .. } => "identitystore:DeleteUser",
        Effect::CreateGroup { .. } => "identitystore:CreateGroup",
        Effect::UpdateGroup { .. } => "identitystore:UpdateGroup",
        Effect::DeleteGroup { .. } => "identitystore:DeleteGroup",
        Effect::AddMember { .. } => "identitystore:CreateGroupMembership",
        Effect::RemoveMember { .. } => "identitystore:DeleteGroupMembership",
        Effect::CreatePermissionSet { .. } => "sso:CreatePermissionSet",
        Effect::UpdatePermissionSet { .. } => "sso:UpdatePermissionSet",
        Effect::DeletePermissionSet { .. } => "sso:DeletePermissionSet",
        Effect::Provision { .. } => "sso:ProvisionPermissionSet",
        Effect::Grant { .. } => "sso:CreateAccountAssignment",
        Effect::Revoke { .. } => "sso:DeleteAccountAssignment",
    }
}

/// The organisation's management account, as far as it is known.
pub(super) fn management_account(sources: &Sources<'_>) -> Option<AccountKey> {
    let bound = &sources.input.observed.instance.management_account;
    bound.clone().map(AccountKey::Id).or_else(|| {
        let mut accounts = sources.observed.accounts.values();
        accounts
            .find(|account| account.value.management)
            .map(|account| account.value.key.clone())
    })
}

/// Refuses a plan that cuts the caller's own last path.
pub(super) fn own_path(
    sources: &Sources<'_>,
    universe: &Universe<'_>,
    renames: &Renames,
    actions: &[Action],
    after: &[Tuple],
    findings: &mut Vec<Finding>,
) {
    let Some(caller) = &sources.input.observed.caller else {
        return;
    };
    let Some(session) = &caller.session else { return };
    let names = &universe.names;
    let account = names.account_rank(&AccountKey::Id(caller.account.clone()));
    let (Some(account), Some(set)) = (account, names.permission_set_rank(&session.permission_set)) else {
        return;
    };
    let before = &universe.observed.tuples;
    let enters = |tuples: &[Tuple], set: u32, later: bool| {
        of_pair(tuples, Pair::new(account, set)).iter().any(|tuple| {
            let principal = names.principal(tuple.principal());
            principal.is_some_and(|principal| is_behind(sources, renames, actions, session, principal, later))
        })
    };
    let renamed = renames
        .permission_sets
        .get(&session.permission_set)
        .and_then(|new| names.permission_set_rank(new));
    let stays = enters(after, set, true) || renamed.is_some_and(|new| enters(after, new, true));
    // That the caller is in proves that there is a path. If it may lead through a group whose members could not be
    // read, taking that group's grant may cut it.
    let may_lose = of_pair(before, Pair::new(account, set)).iter().any(|tuple| {
        let Some(PrincipalKey::Group(group)) = names.principal(tuple.principal()) else {
            return false;
        };
        let goes = after.binary_search(tuple).is_err() && renamed.is_none() || deletes(actions, group);
        goes && members(sources, renames, group).is_none()
    });
    if (enters(before, set, false) || may_lose) && !stays {
        findings.push(Finding {
            remedy: Some("keep that path, or run this as someone who keeps access".into()),
            ..Finding::new(
                Level::Refusal,
                "own-access",
                format!(
                    "this would take {} in account {} from {}, who is running it",
                    session.permission_set, caller.account, session.user
                ),
            )
        });
    }
}

fn deletes(actions: &[Action], group: &GroupName) -> bool {
    let gone = |action: &Action| matches!(&action.effect, Some(Effect::DeleteGroup { group: gone }) if gone == group);
    actions.iter().any(gone)
}

/// Whether the caller's user is the principal or a member of it, before or after the plan.
fn is_behind(
    sources: &Sources<'_>,
    renames: &Renames,
    actions: &[Action],
    session: &CallerSession,
    principal: &PrincipalKey,
    later: bool,
) -> bool {
    let user = renames.user_now(&session.user);
    let deleted =
        |action: &Action| matches!(&action.effect, Some(Effect::DeleteUser { user: gone }) if gone == user);
    if later && actions.iter().any(deleted) {
        return false;
    }
    match principal {
        PrincipalKey::User(name) => renames.user_now(name) == user,
        PrincipalKey::Group(group) => {
            let was = members(sources, renames, group).is_some_and(|members| members.contains(user));
            if !later {
                return was;
            }
            let group = renames.groups.get(group).unwrap_or(group);
            let mut changes = actions.iter().filter_map(|action| match &action.effect {
                Some(Effect::AddMember {
                    group: into,
                    user: who,
                }) if into == group && who == user => Some(true),
                Some(Effect::RemoveMember {
                    group: from,
                    user: who,
                }) if from == group && who == user => Some(false),
                Some(Effect::DeleteGroup { group: gone }) if gone == group => Some(false),
                _ => None,
            });
            changes.next_back().unwrap_or(was)
        }
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => false,
    }
}

/// The members that a group has now, under the names that users are going to have; `None` when they could not be read.
/// A group that is not there has none.
pub(super) fn members(
    sources: &Sources<'_>,
    renames: &Renames,
    group: &GroupName,
) -> Option<BTreeSet<UserName>> {
    let mut renamed = renames.groups.iter();
    let old = renamed.find(|(_, new)| *new == group).map(|(old, _)| old);
    let Some(observed) = sources.observed.groups.get(old.unwrap_or(group)) else {
        return Some(BTreeSet::new());
    };
    let members = observed.value.members.as_ref()?;
    let now = members.iter().map(|user| renames.user_now(user).clone());
    Some(now.collect())
}

#[cfg(test)]
mod tests {
    use crate::id::AccountId;
    use crate::model::instance::Caller;
    use crate::plan::testing::{Stack, World, group, set, user_name};

    use super::*;

    fn called_by(mut world: World, role: CallerRole, session: Option<CallerSession>) -> World {
        world.observed.instance.management_account = Some(AccountId::new("000000000001").unwrap());
        world.observed.caller = Some(Caller {
            account: AccountId::new("000000000002").unwrap(),
            arn: "arn:aws:sts::000000000002:assumed-role/x".into(),
            role,
            session,
        });
        world
    }

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("root", "root")
            .set("view", "view")
            .group("ops", "Ops", &["ada"])
            .assign("a", &[group("Ops")], &["root"], &[1, 2])
            .assign("b", &[group("Ops")], &["view"], &[2])
    }

    #[test]
    fn a_delegated_administrator_is_blocked_where_the_management_account_is_concerned() {
        let world = called_by(
            World::new().has_user("ada"),
            CallerRole::DelegatedAdministrator,
            None,
        );
        let plan = world.plan(stack());
        let blocked: Vec<bool> = plan.grants.iter().map(|step| step.blocked).collect();
        // Nothing is provisioned there yet: only what is to be is not for this caller.
        assert_eq!(blocked, [true, false, false], "root in 1, root in 2, view in 2");
        let sets = |plan: &crate::plan::Plan| {
            let sets = plan.actions.iter().filter(|action| action.blocked.is_some());
            sets.map(|action| action.entity.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(sets(&plan), [""; 0]);
        let warned: Vec<&str> = plan
            .findings
            .iter()
            .filter(|finding| &*finding.code == "blocked-steps")
            .map(|finding| &*finding.message)
            .collect();
        let expected = "1 step cannot be run by arn:aws:sts::000000000002:assumed-role/x \
                        (sso:CreateAccountAssignment): a delegated administrator may not change permission sets that are \
                        provisioned in the management account, nor assignments there";
        assert_eq!(warned, [expected]);
        assert!(!plan.is_refused());
        // Once the set is provisioned there, it is out of bounds everywhere.
        let there = called_by(
            World::new().has_user("ada").apply(stack()),
            CallerRole::DelegatedAdministrator,
            None,
        );
        let wider = stack()
            .accounts(&[1, 2, 3])
            .assign("c", &[group("Ops")], &["root", "view"], &[3]);
        let wider = wider.set_with("root", "root", |set| {
            set.value.session_duration = "PT2H".parse().unwrap()
        });
        let plan = there.plan(wider);
        let blocked: Vec<bool> = plan.grants.iter().map(|step| step.blocked).collect();
        assert_eq!(blocked, [true, false], "root in 3, view in 3");
        assert!(sets(&plan).iter().all(|set| set == "permission set root") && !sets(&plan).is_empty());
    }

    #[test]
    fn the_callers_own_last_path_is_refused_and_a_renamed_one_is_not() {
        let session = CallerSession {
            user: user_name("ada"),
            permission_set: set("view"),
        };
        let world = World::new().has_user("ada").apply(stack());
        let world = called_by(world, CallerRole::Management, Some(session));
        let without = Stack::new()
            .accounts(&[1, 2])
            .set("root", "root")
            .set("view", "view")
            .group("ops", "Ops", &["ada"])
            .assign("a", &[group("Ops")], &["root"], &[1, 2]);
        assert!(
            world
                .plan(without)
                .findings
                .iter()
                .any(|finding| &*finding.code == "own-access")
        );
        let renamed = Stack::new()
            .accounts(&[1, 2])
            .set("root", "root")
            .set("view", "look")
            .group("ops", "Ops", &["ada"])
            .assign("a", &[group("Ops")], &["root"], &[1, 2])
            .assign("b", &[group("Ops")], &["look"], &[2]);
        assert!(!world.plan(renamed).is_refused());
    }

    #[test]
    fn a_path_that_may_lead_through_unreadable_members_is_not_cut() {
        let session = CallerSession {
            user: user_name("ada"),
            permission_set: set("view"),
        };
        let mut world = World::new().has_user("ada").apply(stack());
        for group in world.observed.snapshot.groups.values_mut() {
            group.value.members = None;
        }
        let world = called_by(world, CallerRole::Management, Some(session));
        let without = Stack::new()
            .accounts(&[1, 2])
            .set("root", "root")
            .set("view", "view")
            .group("ops", "Ops", &["ada"])
            .assign("a", &[group("Ops")], &["root"], &[1, 2]);
        let refused = |plan: &crate::plan::Plan| plan.findings.iter().any(|it| &*it.code == "own-access");
        assert!(refused(&world.plan(without)));
        assert!(!refused(&world.plan(stack())), "nothing is taken");
    }
}
