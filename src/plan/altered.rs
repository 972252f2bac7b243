//! Permission sets of which a plan changes what they allow, and who has them: nobody gains or loses a set by it, and
//! people may do other things with those they have.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName, UserName};
use crate::model::action::Effect;
use crate::model::permission_set::PermissionSet;
use crate::model::privilege::{Judged, judge};
use crate::model::role_content::RoleContents;
use crate::model::stack::StopFor;

use super::Plan;
use super::becoming::{Becoming, Holders};
use super::change::Reason;
use super::risk::{RiskMark, SetRisk};

/// A part of a permission set that says what people may do with it, or for how long.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Policies of AWS.
    ManagedPolicies,
    /// Policies that exist in each account.
    CustomerManagedPolicies,
    /// The policy that is part of the set.
    InlinePolicy,
    /// The permissions boundary.
    PermissionsBoundary,
    /// How long a session lasts.
    SessionDuration,
    /// What the roles hold: they have an older content of the set, of which no more is known than that.
    Roles,
    /// What the roles hold: somebody edited them in the accounts, and they get the set's content back.
    EditedRoles,
}

/// A set of which the plan changes what it allows, and that people have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Altered {
    /// Which set.
    pub permission_set: PermissionSetName,
    /// What of it changes.
    pub changed: Vec<Content>,
    /// Its gravest mark so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<RiskMark>,
    /// Its gravest mark then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<RiskMark>,
    /// Whether those who have it are part of what is approved: who joins them since then stops the plan. Plans that were
    /// saved before this was told cover only those of sets that become a risk.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub covered: bool,
    /// How many have it before and once the plan is carried out.
    pub holders: Holders,
    /// Who they are, shortened to [`PeopleRow::MOST_NAMED`](super::people::PeopleRow::MOST_NAMED) names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub having: Vec<UserName>,
    /// Who has it once the plan is carried out, by principal.
    pub through: Vec<Becoming>,
}

impl Altered {
    /// One whose holders are yet to be found.
    fn new(
        name: &PermissionSetName,
        changed: Vec<Content>,
        (before, after): (Option<RiskMark>, Option<RiskMark>),
    ) -> Self {
        Altered {
            permission_set: name.clone(),
            changed,
            before,
            after,
            covered: false,
            holders: Holders {
                people: 0,
                accounts: 0,
            },
            having: Vec::new(),
            through: Vec::new(),
        }
    }

    /// Whether those who have the set belong to what is approved where that set of people stops a plan.
    ///
    /// By default they do where the set is marked then and its policies or its boundary change: what it newly allows is
    /// graver than it may look, and whoever joins them gets that by the same steps. It does not take that the mark gets
    /// graver: an administrator of one thing may become one of another. How long a session lasts gives nobody more
    /// rights, so that a change of that alone never stops an approval.
    pub(super) fn is_covered(&self, stop_for: StopFor) -> bool {
        let policies = self.changed.iter().any(|part| *part != Content::SessionDuration);
        policies
            && match stop_for {
                StopFor::Anyone => true,
                StopFor::RiskMarked => self.after.is_some(),
                StopFor::Nobody => false,
            }
    }
}

/// What people may do with the one set and not with the other, or for how long: which parts of them differ.
pub fn differing(from: &PermissionSet, to: &PermissionSet) -> Vec<Content> {
    let parts = [
        (
            Content::ManagedPolicies,
            from.managed_policies != to.managed_policies,
        ),
        (
            Content::CustomerManagedPolicies,
            from.customer_managed_policies != to.customer_managed_policies,
        ),
        (Content::InlinePolicy, !from.has_inline_policy_of(to)),
        (
            Content::PermissionsBoundary,
            from.permissions_boundary != to.permissions_boundary,
        ),
        (
            Content::SessionDuration,
            from.session_duration != to.session_duration,
        ),
    ];
    let parts = parts.into_iter().filter(|(_, differs)| *differs);
    parts.map(|(part, _)| part).collect()
}

/// The sets of a plan that change so, by rank, whoever has them.
pub(super) fn altered(
    plan: &Plan,
    contents: &RoleContents,
    sets: &BTreeMap<PermissionSetName, SetRisk>,
) -> BTreeMap<u32, Altered> {
    let mut found = BTreeMap::new();
    for effect in plan.actions.iter().filter_map(|action| action.effect.as_ref()) {
        let Effect::UpdatePermissionSet { from, to } = effect else {
            continue;
        };
        let changed = differing(from, to);
        let rank = plan.names.permission_set_rank(&to.name);
        let Some(rank) = rank.filter(|_| !changed.is_empty()) else {
            continue;
        };
        let now = sets.get(&to.name);
        let marks = (mark_of(judge(from), now), now.and_then(SetRisk::mark));
        found.insert(rank, Altered::new(&to.name, changed, marks));
    }
    for (name, accounts, reason) in behind(plan) {
        let risk = sets.get(name);
        let mark = risk.and_then(SetRisk::mark);
        let Some(rank) = plan.names.permission_set_rank(name) else {
            continue;
        };
        let edited = matches!(reason, Reason::RoleEdited { .. });
        // Of what nobody knows that is behind nothing is said; what was edited is told by what is known.
        let unknown = if edited {
            mark_of(Judged::default(), risk)
        } else {
            mark
        };
        let held = held(contents, name, accounts);
        let held = held.map(|was| was.map_or(unknown, |was| mark_of(judge(was), risk)));
        let mut was: Vec<Option<RiskMark>> = held.collect();
        match found.entry(rank) {
            Entry::Occupied(mut altered) if edited => {
                let altered: &mut Altered = altered.get_mut();
                altered.changed.push(Content::EditedRoles);
                was.push(altered.before);
                altered.before = so_far(&was, altered.after);
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(place) => {
                let changed = if edited {
                    Content::EditedRoles
                } else {
                    Content::Roles
                };
                let before = if was.is_empty() {
                    unknown
                } else {
                    so_far(&was, mark)
                };
                place.insert(Altered::new(name, vec![changed], (before, mark)));
            }
        }
    }
    found
}

/// What roles of a set hold in some accounts that is not what it says, each where it is known.
fn held<'c>(
    contents: &'c RoleContents,
    name: &PermissionSetName,
    accounts: Option<&BTreeSet<AccountKey>>,
) -> impl Iterator<Item = Option<&'c PermissionSet>> {
    let there = contents.iter().filter(move |(account, set, _)| {
        *set == name && accounts.is_none_or(|accounts| accounts.contains(account))
    });
    there.map(|(.., role)| role.content.as_ref())
}

/// The mark of what a set was, or is in a role. The `risk` block goes by the name, which stays.
fn mark_of(judged: Judged, now: Option<&SetRisk>) -> Option<RiskMark> {
    let was = SetRisk {
        judged,
        sensitive: now.is_some_and(|risk| risk.sensitive),
        ..SetRisk::default()
    };
    was.mark()
}

/// What roles of a set that differ come to, as one mark: it is told against those that allow less where it becomes graver
/// for them, and else against the gravest.
fn so_far(roles: &[Option<RiskMark>], after: Option<RiskMark>) -> Option<RiskMark> {
    let least = match roles.contains(&None) {
        true => None,
        false => roles.iter().flatten().max().copied(),
    };
    let gets_graver = after.is_some_and(|after| least.is_none_or(|least| after < least));
    match gets_graver {
        true => least,
        false => roles.iter().flatten().min().copied(),
    }
}

/// Sets that are provisioned because of their roles, where, and why; everywhere is `None`. The roles hold an older
/// content, perhaps one that allowed less: an interrupted run leaves that behind, and so does whoever edits a set and
/// does not provision it. Or somebody edited the roles, whether the set is changed as well or not.
pub(super) fn behind(
    plan: &Plan,
) -> impl Iterator<Item = (&PermissionSetName, Option<&BTreeSet<AccountKey>>, &Reason)> {
    let other = plan
        .actions
        .iter()
        .filter(|action| matches!(action.reason, Reason::Stale | Reason::RoleEdited { .. }));
    other.filter_map(|action| match &action.effect {
        Some(Effect::Provision { name, accounts }) => Some((name, accounts.as_ref(), &action.reason)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::in_account::{AccountFault, InAccount};
    use crate::model::roles::Provisioning;
    use crate::plan::testing::{Stack, World, group};

    #[test]
    fn who_has_a_role_that_somebody_edited_is_told_when_it_is_put_right() {
        let stack = || {
            let stack = Stack::new().accounts(&[1, 2]).set("s", "s");
            let stack = stack.group("ops", "Ops", &["ada", "bob"]);
            stack.assign("a", &[group("Ops")], &["s"], &[1, 2])
        };
        let mut world = World::new().has_user("ada").has_user("bob").apply(stack());
        let edits = |edits: &[&str]| edits.iter().map(|edit| Arc::from(*edit)).collect();
        let admin = "policy attached: arn:aws:iam::aws:policy/AdministratorAccess";
        let mut put_right = |found: &[&str]| {
            world.observed.roles[1].provisioning = Provisioning::Tampered;
            let names = &world.observed.snapshot.access.names;
            let pair = world.observed.roles[1].pair;
            let account = names.account(pair.account()).unwrap().clone();
            world.observed.in_accounts = vec![InAccount {
                account,
                fault: AccountFault::RoleEdited {
                    permission_set: PermissionSetName::new("s").unwrap(),
                    edits: edits(found),
                    behind: false,
                },
            }];
            world.plan(stack())
        };
        let plan = put_right(&[admin]);
        let found = &plan.risks.altered;
        assert_eq!(found.len(), 1, "{:#?}", plan.actions);
        assert_eq!(found[0].changed, [Content::EditedRoles]);
        assert_eq!(
            (found[0].before, found[0].after),
            (Some(RiskMark::Administrator), None)
        );
        let holders = found[0].holders;
        assert_eq!((holders.people, holders.accounts), (2, 1));
        assert_eq!(found[0].having.len(), 2);
        assert!(!found[0].covered, "what it gets back is no risk");
        // Where nobody could read what was edited, it is told all the same whom it concerns.
        let found = put_right(&[]).risks.altered;
        assert_eq!((found[0].before, found[0].holders.people), (None, 2));
    }

    #[test]
    fn a_change_of_a_set_does_not_hide_that_its_roles_were_edited() {
        let stack = |description: &str| {
            let stack = Stack::new().accounts(&[1]).set_with("s", "s", |set| {
                let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
                set.value.managed_policies.insert(admin.into());
                set.value.description = Some(description.into());
            });
            let stack = stack.group("ops", "Ops", &["ada"]);
            stack.assign("a", &[group("Ops")], &["s"], &[1])
        };
        let mut world = World::new().has_user("ada").apply(stack("x"));
        let approved = world.plan(stack("y"));
        assert!(approved.risks.altered.is_empty());
        let names = &world.observed.snapshot.access.names;
        let detached = "policy detached: arn:aws:iam::aws:policy/AdministratorAccess";
        let found = InAccount {
            account: names.accounts[0].clone(),
            fault: AccountFault::RoleEdited {
                permission_set: PermissionSetName::new("s").unwrap(),
                edits: [Arc::from(detached)].into(),
                behind: false,
            },
        };
        world.observed.in_accounts = vec![found];
        let plan = world.plan(stack("y"));
        assert_ne!(
            plan.digest, approved.digest,
            "that it comes back was not approved"
        );
        let [altered] = &plan.risks.altered[..] else {
            panic!("{:#?}", plan.risks.altered);
        };
        assert_eq!(altered.changed, [Content::EditedRoles]);
        assert_eq!(
            (altered.before, altered.after),
            (None, Some(RiskMark::Administrator))
        );
        // Sessions get longer besides.
        let longer = stack("x").set_with("s", "s", |set| {
            let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
            set.value.managed_policies.insert(admin.into());
            set.value.session_duration = "PT2H".parse().unwrap();
        });
        let plan = world.plan(longer);
        let altered = &plan.risks.altered[0];
        assert_eq!(altered.changed, [Content::SessionDuration, Content::EditedRoles]);
        assert_eq!(
            (altered.before, altered.after),
            (None, Some(RiskMark::Administrator))
        );
    }

    #[test]
    fn what_roles_are_brought_up_to_may_be_more_than_they_hold() {
        let stack = |policy: &str| {
            let arn: Arc<str> = format!("arn:aws:iam::aws:policy/{policy}").into();
            let stack = Stack::new().accounts(&[1, 2]).set_with("s", "s", |set| {
                set.value.managed_policies.insert(arn);
            });
            let stack = stack.group("ops", "Ops", &["ada", "bob"]);
            stack.assign("a", &[group("Ops")], &["s"], &[1, 2])
        };
        let altered = |policy: &str| {
            let mut world = World::new().has_user("ada").has_user("bob").apply(stack(policy));
            world.observed.roles[1].provisioning = Provisioning::Stale;
            world.plan(stack(policy)).risks.altered
        };
        let found = altered("AdministratorAccess");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].changed, [Content::Roles]);
        assert_eq!(found[0].after, Some(RiskMark::Administrator));
        let holders = found[0].holders;
        assert_eq!(
            (holders.people, holders.accounts),
            (2, 1),
            "the other role is as it should be"
        );
        assert!(found[0].covered, "who joins them stops an approved plan");
        let unmarked = altered("job-function/ViewOnlyAccess");
        assert_eq!((unmarked[0].after, unmarked[0].covered), (None, false));
    }
}
