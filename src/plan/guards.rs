//! Preflight: what is known to go wrong, or must not happen, is refused before anything is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::Address;
use crate::id::{EntityKey, PrincipalKey};
use crate::model::access::{Pair, Tuple};
use crate::model::action::Effect;
use crate::model::permission_set::{Boundary, CustomerManagedPolicy};
use crate::model::roles::role_name;
use crate::model::stack::Unmanaged;

use super::access_diff::AccessDiff;
use super::change::{Action, ActionKind, GrantReason};
use super::finding::{Finding, Level, counted};
use super::input::Mode;
use super::matching::Rules;
use super::provisioning::pairs_of;
use super::renames::Renames;
use super::roles::RoleEffects;
use super::sources::Sources;
use super::universe::Universe;

/// What the guards look at: the plan as it is going to be.
pub(super) struct Guarded<'a> {
    pub sources: &'a Sources<'a>,
    pub universe: &'a Universe<'a>,
    pub rules: &'a Rules,
    pub renames: &'a Renames,
    pub diff: &'a AccessDiff,
    pub actions: &'a [Action],
    pub roles: &'a RoleEffects,
    pub after: &'a [Tuple],
}

impl Guarded<'_> {
    /// Runs all guards.
    pub fn run(&self, findings: &mut Vec<Finding>) {
        self.instance(findings);
        self.rules(findings);
        if self.sources.input.options.mode == Mode::Freeze {
            // What the configuration says otherwise keeps nobody from taking access away in an incident.
            self.protected(findings);
            self.role_arns(findings);
            return;
        }
        self.blocks(findings);
        findings.extend(self.diff.ends.findings(self.universe));
        self.selectors(findings);
        self.pins(findings);
        self.removals(findings);
        self.protected(findings);
        self.idle_patterns(findings);
        findings.extend(super::idle_production::findings(self.sources.input));
        findings.extend(super::newly_production::finding(self.sources.input, self.actions));
        self.ignored_declarations(findings);
        self.quotas(findings);
        self.restores(findings);
        self.orphans(findings);
        self.role_arns(findings);
        self.policies(findings);
        findings.extend(super::taken_over::finding(self.sources, self.actions));
        findings.extend(super::taken_in::finding(
            self.sources.input,
            self.universe,
            &self.diff.records,
        ));
    }

    fn instance(&self, findings: &mut Vec<Finding>) {
        let input = self.sources.input;
        let now = &input.observed.instance;
        if let Some(bound) = &input.recorded.instance
            && bound.arn != now.arn
        {
            findings.push(Finding {
                remedy: Some(
                    "use the credentials and the Region of the instance that the state belongs to".into(),
                ),
                ..Finding::new(
                    Level::Refusal,
                    "wrong-instance",
                    format!("the state belongs to {}, and this is {}", bound.arn, now.arn),
                )
            });
        }
    }

    fn rules(&self, findings: &mut Vec<Finding>) {
        let settings = &self.sources.input.desired.settings;
        if settings.unmanaged == Unmanaged::Remove && !self.rules.has_scope {
            findings.push(Finding {
                remedy: Some("add a `scope` block, or `scope = \"instance\"` to mean all of it".into()),
                ..Finding::new(
                    Level::Refusal,
                    "scope-required",
                    "`unmanaged = \"remove\"` needs a `scope` that says where",
                )
            });
        }
        for problem in &self.rules.broken {
            findings.push(Finding::new(
                Level::Refusal,
                "bad-pattern",
                format!("a pattern of scope, ignore or protect cannot be read: {problem}"),
            ));
        }
    }

    /// Blocks that declare outside the scope, or what has expired already; blocks that others make superfluous.
    fn blocks(&self, findings: &mut Vec<Finding>) {
        for (block, count) in &self.diff.outside {
            findings.extend(self.on_block(*block, |address| Finding {
                remedy: Some("widen the scope, or declare it in the stack that is responsible".into()),
                ..Finding::new(
                    Level::Refusal,
                    "outside-scope",
                    format!("{address} declares {} outside the stack's scope", grants(*count)),
                )
            }));
        }
        findings.extend(super::expired::findings(self.sources, self.universe, self.diff));
        for (block, count) in &self.diff.still_declared {
            findings.extend(self.on_block(*block, |address| {
                Finding::new(
                    Level::Note,
                    "still-declared",
                    format!(
                        "{} of {address} stay, because other blocks declare them",
                        grants(*count)
                    ),
                )
            }));
        }
    }

    fn on_block(&self, block: u32, finding: impl FnOnce(&Address) -> Finding) -> Option<Finding> {
        let block = self.universe.declarations.get(block as usize)?;
        Some(Finding {
            location: block.location.clone(),
            ..finding(&block.address)
        })
    }

    /// A selector that selected something and now selects nothing is more likely a mistake than a wish.
    fn selectors(&self, findings: &mut Vec<Finding>) {
        let (sources, universe) = (self.sources, self.universe);
        if sources.input.options.mode == Mode::Destroy {
            return;
        }
        let selections = &sources.input.desired.selections;
        let emptied = selections.iter().filter(|(_, selection)| {
            let least = selection
                .principals
                .min(selection.permission_sets)
                .min(selection.accounts);
            least == 0 && !selection.allow_empty
        });
        let mut recorded: Option<BTreeSet<Address>> = None;
        for (address, selection) in emptied {
            if !recorded
                .get_or_insert_with(|| self.granting_blocks())
                .contains(address)
            {
                continue;
            }
            let empty: Vec<&str> = [
                ("principals", selection.principals),
                ("permission sets", selection.permission_sets),
                ("accounts", selection.accounts),
            ]
            .into_iter()
            .filter(|(_, count)| *count == 0)
            .map(|(what, _)| what)
            .collect();
            let mut blocks = universe.declarations.iter();
            let location = blocks
                .find(|block| block.address == *address)
                .and_then(|block| block.location.clone());
            findings.push(Finding {
                remedy: Some("correct the selection, or say `allow_empty = true` if it is meant".into()),
                location,
                ..Finding::new(
                    Level::Refusal,
                    "empty-selector",
                    format!(
                        "{address} granted something before and now selects no {}",
                        empty.join(" and no ")
                    ),
                )
            });
        }
    }

    /// The blocks that the state has grants of, under the addresses they have now.
    fn granting_blocks(&self) -> BTreeSet<Address> {
        let applied = &self.sources.recorded.access;
        let owned = applied.notes.iter().filter(|note| note.owned);
        owned
            .flat_map(|note| note.blocks(&applied.declarations))
            .map(|block| self.sources.address_now(&block.address))
            .collect()
    }

    /// Look-ups that are pinned to a directory's id and find something else.
    fn pins(&self, findings: &mut Vec<Finding>) {
        let observed = self.sources.observed;
        for (key, wanted) in &self.sources.input.desired.pinned {
            let found = match key {
                PrincipalKey::Group(name) => observed.groups.get(name).map(|group| &group.value.external_id),
                PrincipalKey::User(name) => observed.users.get(name).map(|user| &user.value.external_id),
                PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
            };
            let Some(found) = found.filter(|found| found.as_ref() != Some(wanted)) else {
                continue;
            };
            let found = found.as_deref().unwrap_or("none");
            findings.push(Finding {
                remedy: Some("find out which one is meant before granting it anything".into()),
                ..Finding::new(
                    Level::Refusal,
                    "external-id-differs",
                    format!("{key} is pinned to external id {wanted}, and the one found has {found}"),
                )
            });
        }
    }

    pub(super) fn spell(&self, tuple: Tuple) -> Option<Arc<str>> {
        let (account, set, principal) = self.universe.names.resolve(tuple)?;
        let account = self.sources.observed.account_name(account);
        Some(format!("{principal} → {set} in {account}").into())
    }

    /// Quotas at their peak: what is new comes before what is old goes.
    fn quotas(&self, findings: &mut Vec<Finding>) {
        let (observed, quotas) = (self.sources.observed, &self.sources.input.observed.quotas);
        let created = |wanted: fn(&Effect) -> bool| {
            self.actions
                .iter()
                .filter(|action| action.effect.as_ref().is_some_and(wanted))
                .count()
        };
        let new_sets = created(|effect| matches!(effect, Effect::CreatePermissionSet { .. }));
        let new_users = created(|effect| matches!(effect, Effect::CreateUser { .. }));
        let new_groups = created(|effect| matches!(effect, Effect::CreateGroup { .. }));
        for (what, code, new, there, limit) in [
            (
                "permission sets",
                "quota-permission-sets",
                new_sets,
                observed.permission_sets.len(),
                quotas.permission_sets,
            ),
            (
                "users",
                "quota-users",
                new_users,
                observed.users.len(),
                quotas.users,
            ),
            (
                "groups",
                "quota-groups",
                new_groups,
                observed.groups.len(),
                quotas.groups,
            ),
        ] {
            if new > 0 && there + new > limit as usize {
                findings.push(Finding::new(
                    Level::Refusal,
                    code,
                    format!(
                        "there would be {} {what} at the peak, and the quota is {limit}",
                        there + new
                    ),
                ));
            }
        }
        self.sets_per_account(quotas.permission_sets_per_account, findings);
        for action in self.actions {
            let set = match &action.effect {
                Some(
                    Effect::CreatePermissionSet { permission_set: set }
                    | Effect::UpdatePermissionSet { to: set, .. },
                ) => set,
                _ => continue,
            };
            let count = set.managed_policies.len() + set.customer_managed_policies.len();
            if count > quotas.managed_policies_per_set as usize {
                findings.push(Finding {
                    location: action.location.clone(),
                    ..Finding::new(
                        Level::Refusal,
                        "quota-managed-policies",
                        format!(
                            "permission set {} would have {count} managed policies, and the quota is {}",
                            set.name, quotas.managed_policies_per_set
                        ),
                    )
                });
            }
        }
    }

    fn sets_per_account(&self, limit: u32, findings: &mut Vec<Finding>) {
        let mut new: BTreeMap<u32, u64> = BTreeMap::new();
        for pair in &self.roles.created {
            *new.entry(pair.account()).or_default() += 1;
        }
        if new.is_empty() {
            return;
        }
        let mut peak = new.clone();
        for pair in pairs_of(&self.universe.observed.tuples) {
            if let Some(count) = peak.get_mut(&pair.account()) {
                *count += 1;
            }
        }
        let subjects: BTreeSet<Arc<str>> = peak
            .iter()
            .filter(|(_, count)| **count > u64::from(limit))
            .filter_map(|(account, count)| {
                let name = self
                    .sources
                    .observed
                    .account_name(self.universe.names.account(*account)?);
                Some(format!("{name}: {count}").into())
            })
            .collect();
        if !subjects.is_empty() {
            let message = format!(
                "{} would have more than {limit} permission sets at the peak, which is the quota",
                counted(subjects.len(), "account")
            );
            findings.push(Finding {
                subjects,
                ..Finding::new(Level::Refusal, "quota-permission-sets-per-account", message)
            });
        }
    }

    /// Grants that are recorded and gone: someone may have had a reason.
    fn restores(&self, findings: &mut Vec<Finding>) {
        let restored = self
            .diff
            .grants
            .iter()
            .filter(|step| step.reason == GrantReason::Restore);
        let subjects: BTreeSet<Arc<str>> = restored
            .clone()
            .filter_map(|step| self.spell(step.tuple))
            .collect();
        let is_role = |action: &&Action| action.kind == ActionKind::Provision;
        let actions = self
            .actions
            .iter()
            .filter(|action| action.restore && !is_role(action));
        self.given_back(findings);
        let blocks = restored
            .filter_map(|step| self.universe.notes.get(step.note as usize))
            .flat_map(|note| note.blocks(&self.universe.declarations))
            .filter_map(|block| block.location.as_ref());
        let written = actions.clone().filter_map(|action| action.location.as_ref());
        let first = blocks.chain(written).min().cloned();
        let entities: BTreeSet<Arc<str>> = actions
            .map(|action| match &action.effect {
                Some(Effect::AddMember { group, user }) => Arc::from(format!("{user} in group {group}")),
                _ => Arc::from(action.entity.to_string()),
            })
            .collect();
        if subjects.is_empty() && entities.is_empty() {
            return;
        }
        let are = if subjects.len() + entities.len() == 1 {
            "is"
        } else {
            "are"
        };
        let what = match (subjects.len(), entities.len()) {
            (count, 0) => grants(count as u64),
            (0, others) => counted(others, "thing"),
            (count, others) => format!("{} and {}", grants(count as u64), counted(others, "other thing")),
        };
        let message = format!("{what} made before {are} gone from the service and would be restored");
        findings.push(Finding {
            subjects: subjects.into_iter().chain(entities).collect(),
            remedy: Some("someone may have revoked them on purpose: find out first".into()),
            location: first,
            ..Finding::new(Level::Warning, "restore", message)
        });
    }

    /// Roles that get back what somebody took from them in the account.
    fn given_back(&self, findings: &mut Vec<Finding>) {
        let actions = self.actions.iter();
        let roles = actions.filter(|action| action.restore && action.kind == ActionKind::Provision);
        for action in roles {
            let message = format!(
                "roles of {} get back what somebody took from them in the account: {}",
                action.entity.name(),
                action.reason.sentence()
            );
            findings.push(Finding {
                remedy: Some("someone may have taken it away on purpose: find out first".into()),
                location: action.location.clone(),
                ..Finding::new(Level::Warning, "restore", message)
            });
        }
    }

    /// Deleted groups and users to whom others have granted something: those grants are left pointing at nobody.
    fn orphans(&self, findings: &mut Vec<Finding>) {
        let deleted: Vec<PrincipalKey> = self
            .actions
            .iter()
            .filter_map(|action| match &action.effect {
                Some(Effect::DeleteGroup { group }) => Some(PrincipalKey::Group(group.clone())),
                Some(Effect::DeleteUser { user }) => Some(PrincipalKey::User(user.clone())),
                _ => None,
            })
            .collect();
        if deleted.is_empty() {
            return;
        }
        let mut left: BTreeMap<u32, u64> = deleted
            .iter()
            .filter_map(|key| Some((self.universe.names.principal_rank(key)?, 0)))
            .collect();
        for tuple in self.after {
            if let Some(count) = left.get_mut(&tuple.principal()) {
                *count += 1;
            }
        }
        for key in deleted {
            let rank = self.universe.names.principal_rank(&key);
            let count = rank.and_then(|rank| left.get(&rank)).copied().unwrap_or(0);
            if count > 0 {
                findings.push(Finding::new(
                    Level::Warning,
                    "leaves-orphans",
                    format!(
                        "{key} is deleted while {} to it, made by others, stay behind",
                        grants(count)
                    ),
                ));
            }
        }
    }

    /// The last assignment of a set in an account takes the role with it; a later one brings another ARN.
    fn role_arns(&self, findings: &mut Vec<Finding>) {
        let mut by_set: BTreeMap<u32, BTreeSet<Arc<str>>> = BTreeMap::new();
        for role in &self.roles.deleted {
            let names = &self.universe.names;
            let (Some(account), Some(set)) = (
                names.account(role.pair.account()),
                names.permission_set(role.pair.permission_set()),
            ) else {
                continue;
            };
            let account = self.sources.observed.account_name(account);
            let subject = match role.suffix {
                Some(_) => format!("{account}: {}", role_name(set, role.suffix)),
                None => format!("{account}: {} (not read)", role_name(set, None)),
            };
            by_set
                .entry(role.pair.permission_set())
                .or_default()
                .insert(subject.into());
        }
        for (set, subjects) in by_set {
            let Some(name) = self.universe.names.permission_set(set) else {
                continue;
            };
            let message = format!(
                "the role of {name} disappears from {}; a later grant there gets a new ARN, which policies \
                 that name the old one do not match",
                counted(subjects.len(), "account")
            );
            findings.push(Finding {
                subjects,
                remedy: Some(format!("let policies match AWSReservedSSO_{name}_* instead of one ARN").into()),
                ..Finding::new(Level::Warning, "role-arn-changes", message)
            });
        }
    }

    /// Policies that must exist in the accounts that a set reaches, which cannot be read from here.
    fn policies(&self, findings: &mut Vec<Finding>) {
        let mut sets: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let reached: Vec<Pair> = self
            .roles
            .created
            .iter()
            .chain(&self.roles.updated)
            .copied()
            .collect();
        for pair in reached {
            sets.entry(pair.permission_set())
                .or_default()
                .insert(pair.account());
        }
        let mut needed: BTreeMap<(&CustomerManagedPolicy, bool), BTreeSet<u32>> = BTreeMap::new();
        for (set, accounts) in &sets {
            let Some(name) = self.universe.names.permission_set(*set) else {
                continue;
            };
            let desired = self
                .sources
                .desired
                .permission_sets
                .get(name)
                .filter(|set| set.is_managed());
            let Some(set) = desired.or_else(|| self.sources.observed.permission_sets.get(name)) else {
                continue;
            };
            for policy in &set.value.customer_managed_policies {
                needed.entry((policy, false)).or_default().extend(accounts);
            }
            if let Some(Boundary::CustomerManaged(policy)) = &set.value.permissions_boundary {
                needed.entry((policy, true)).or_default().extend(accounts);
            }
        }
        for ((policy, boundary), accounts) in needed {
            let what = if boundary {
                "permissions boundary"
            } else {
                "customer managed policy"
            };
            let names = accounts
                .iter()
                .filter_map(|rank| self.universe.names.account(*rank));
            findings.push(Finding {
                subjects: names
                    .map(|key| self.sources.observed.account_name(key).into())
                    .collect(),
                remedy: Some(
                    "make sure that it exists there, with this path and exactly this spelling".into(),
                ),
                ..Finding::new(
                    Level::Unverified,
                    if boundary {
                        "permissions-boundary"
                    } else {
                        "customer-managed-policy"
                    },
                    format!(
                        "{what} {policy} must exist in {}",
                        counted(accounts.len(), "account")
                    ),
                )
            });
        }
    }
}

/// Leaves out deletions of sets that somebody still has: the service would refuse them.
pub(super) fn keep_sets_in_use(
    sources: &Sources<'_>,
    universe: &Universe<'_>,
    actions: &mut Vec<Action>,
    after: &[Tuple],
    findings: &mut Vec<Finding>,
) {
    let deletes = |action: &Action| matches!(action.effect, Some(Effect::DeletePermissionSet { .. }));
    if !actions.iter().any(deletes) {
        return;
    }
    let used: BTreeSet<u32> = pairs_of(after).map(|pair| pair.permission_set()).collect();
    actions.retain(|action| {
        let Some(Effect::DeletePermissionSet { name }) = &action.effect else {
            return true;
        };
        let rank = universe.names.permission_set_rank(name);
        let Some(rank) = rank.filter(|rank| used.contains(rank)) else {
            return true;
        };
        let left = after.iter().filter(|tuple| tuple.permission_set() == rank);
        let subjects: BTreeSet<Arc<str>> = left
            .filter_map(|tuple| universe.names.resolve(*tuple))
            .map(|(account, _, principal)| {
                let account = sources.observed.account_name(account);
                Arc::from(format!("{principal} in {account}"))
            })
            .collect();
        if subjects.is_empty() {
            return true;
        }
        let message = format!(
            "{} stays for now: {} that this stack may not remove still use it",
            EntityKey::PermissionSet(name.clone()),
            grants(subjects.len() as u64)
        );
        findings.push(Finding {
            subjects,
            remedy: Some("once they are gone, the next plan deletes it".into()),
            ..Finding::new(Level::Held, "set-in-use", message)
        });
        false
    });
}

pub(super) fn grants(count: u64) -> String {
    match count {
        1 => "1 grant".to_owned(),
        count => format!("{count} grants"),
    }
}

#[cfg(test)]
mod tests {
    use crate::id::ServiceId;
    use crate::model::stack::{Matcher, NamedMatcher};
    use crate::plan::Plan;
    use crate::plan::testing::{Stack, World, group, set};

    use super::*;

    fn stack(accounts: &[u32]) -> Stack {
        Stack::new()
            .accounts(&[1, 2, 3])
            .set("view", "view")
            .group("ops", "Ops", &[])
            .assign("a", &[group("Ops")], &["view"], accounts)
    }

    fn refusals(plan: &Plan) -> Vec<&str> {
        let refused = plan
            .findings
            .iter()
            .filter(|finding| finding.level == Level::Refusal);
        refused.map(|finding| &*finding.code).collect()
    }

    #[test]
    fn more_removals_than_allowed_are_refused_and_destroy_is_exempt() {
        let mut world = World::new().apply(stack(&[1, 2, 3]));
        world.options.max_removals = Some(1);
        assert_eq!(refusals(&world.plan(stack(&[1]))), ["max-removals"]);
        assert!(refusals(&world.plan(stack(&[1, 2]))).is_empty());
        world.options.mode = Mode::Destroy;
        let plan = world.plan(stack(&[1, 2, 3]));
        assert!(refusals(&plan).is_empty());
        assert_eq!((plan.revokes.len(), plan.actions.len()), (3, 2));
        assert!(
            plan.actions
                .iter()
                .all(|action| action.reason.code() == "destroy")
        );
    }

    #[test]
    fn a_selection_that_became_empty_is_refused_unless_it_is_meant() {
        let world = World::new().apply(stack(&[1]));
        assert_eq!(refusals(&world.plan(stack(&[]))), ["empty-selector"]);
        let meant = stack(&[]).with(|desired| {
            desired
                .selections
                .values_mut()
                .for_each(|selection| selection.allow_empty = true);
        });
        let plan = world.plan(meant);
        assert!(refusals(&plan).is_empty());
        assert_eq!(plan.revokes.len(), 1);
        assert!(
            refusals(&World::new().plan(stack(&[]))).is_empty(),
            "it never selected anything"
        );
    }

    #[test]
    fn protected_grants_and_foreign_instances_are_refused() {
        let mut world = World::new().apply(stack(&[1]));
        let protected = Stack::new().accounts(&[1]).with(|desired| {
            desired.settings.protect = vec![NamedMatcher {
                label: "keep".into(),
                matcher: Matcher {
                    permission_sets: vec!["v*".into()],
                    ..Matcher::default()
                },
                location: None,
            }];
        });
        assert_eq!(refusals(&world.plan(protected)), ["protected"]);
        let mut bound = world.observed.instance.clone();
        bound.arn = ServiceId::new("arn:aws:sso:::instance/ssoins-0000000000000009").unwrap();
        world.recorded.instance = Some(bound);
        assert_eq!(refusals(&world.plan(stack(&[1]))), ["wrong-instance"]);
    }

    #[test]
    fn quotas_count_what_is_there_and_what_comes() {
        let mut world = World::new().has_set("old").has_grant(1, "old", group("X"));
        world.observed.quotas.permission_sets = 1;
        world.observed.quotas.permission_sets_per_account = 1;
        let plan = world.plan(stack(&[1, 2]));
        assert_eq!(
            refusals(&plan),
            ["quota-permission-sets", "quota-permission-sets-per-account"]
        );
    }

    #[test]
    fn policies_that_must_exist_are_listed_once_with_their_accounts() {
        let stack = stack(&[1, 2]).set_with("view", "view", |entity| {
            entity
                .value
                .customer_managed_policies
                .insert(CustomerManagedPolicy {
                    path: "/".into(),
                    name: "audit".into(),
                });
        });
        let plan = World::new().plan(stack);
        let finding = plan
            .findings
            .iter()
            .find(|finding| {
                finding.level == Level::Unverified && &*finding.code != "customer-managed-policies"
            })
            .unwrap();
        assert_eq!(
            &*finding.message,
            "customer managed policy /audit must exist in 2 accounts"
        );
    }

    #[test]
    fn a_set_that_others_use_stays_until_they_are_gone() {
        let world = World::new()
            .apply(stack(&[1]))
            .has_grant(2, "view", group("Theirs"));
        let plan = world.plan(Stack::new().accounts(&[1]).group("ops", "Ops", &[]));
        assert_eq!((plan.revokes.len(), plan.actions.len()), (1, 0));
        assert!(plan.findings.iter().any(|finding| &*finding.code == "set-in-use"));
        let world = world.loses_grant(2, "view", group("Theirs"));
        let plan = world.plan(Stack::new().accounts(&[1]).group("ops", "Ops", &[]));
        let deleted = Effect::DeletePermissionSet { name: set("view") };
        assert_eq!(plan.actions[0].effect, Some(deleted));
    }
}
