//! Provisionings: one per changed permission set, and only where it still has assignments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{AccountKey, EntityKey};
use crate::model::access::{Pair, Tuple};
use crate::model::action::Effect;
use crate::model::in_account::{AccountFault, with_edits};
use crate::model::permission_set::PermissionSet;
use crate::model::roles::Provisioning;
use crate::model::snapshot::Entity;
use crate::model::widening::Widening;

use super::change::{Action, ActionKind, Reason};
use super::held::HeldSets;
use super::sources::Sources;
use super::universe::Universe;

/// The provisionings that `actions` and what was read call for.
///
/// Grants provision their own role (service model, `CreateAccountAssignment`), so only pairs that have assignments
/// before and after count. A set without assignments is left alone: there is nothing to provision.
pub(super) fn provisions(
    sources: &Sources<'_>,
    universe: &Universe<'_>,
    held: &HeldSets,
    actions: &[Action],
    after: &[Tuple],
) -> Vec<Action> {
    let changed: BTreeSet<u32> = actions
        .iter()
        .filter_map(|action| match &action.effect {
            Some(Effect::UpdatePermissionSet { from, to }) if from.role_differs(to) => {
                universe.names.permission_set_rank(&to.name)
            }
            _ => None,
        })
        .collect();
    let mut stale = stale_pairs(sources, universe);
    stale.extend(signed_out(sources, universe, &stale));
    let concerned: BTreeSet<u32> = changed
        .iter()
        .copied()
        .chain(stale.iter().map(|pair| pair.permission_set()))
        .collect();
    if concerned.is_empty() {
        return Vec::new();
    }
    let mut remaining: BTreeMap<u32, Vec<Pair>> = BTreeMap::new();
    for pair in pairs_of(&universe.observed.tuples) {
        let set = pair.permission_set();
        if concerned.contains(&set) && has_pair(after, pair) {
            remaining.entry(set).or_default().push(pair);
        }
    }
    let mut out = Vec::new();
    for (set, pairs) in &remaining {
        let Some(name) = universe.names.permission_set(*set) else {
            continue;
        };
        let Some(entity) = sources
            .desired
            .permission_sets
            .get(name)
            .filter(|entity| entity.is_managed())
        else {
            continue;
        };
        let is_changed = changed.contains(set);
        let wanted = |pair: &Pair| {
            let first = Tuple::new(pair.account(), pair.permission_set(), 0);
            !held.holds_role(first) && (is_changed || stale.contains(pair))
        };
        let accounts: BTreeSet<AccountKey> = pairs
            .iter()
            .filter(|pair| wanted(pair))
            .filter_map(|pair| universe.names.account(pair.account()).cloned())
            .collect();
        if accounts.is_empty() {
            continue;
        }
        let gives_back = gives_back(sources, &entity.value, &accounts);
        // A change of the set puts right what somebody edited, too: that is to be said, and approved.
        let reason = match reason(sources, universe, *set, &accounts) {
            edited @ Reason::RoleEdited { .. } => edited,
            _ if is_changed => Reason::ContentChanged,
            other => other,
        };
        let everywhere = accounts.len() == pairs.len()
            && accounts.len() <= sources.input.observed.quotas.provision_all_reach as usize;
        let effect = Effect::Provision {
            name: name.clone(),
            accounts: (!everywhere).then_some(accounts),
        };
        out.push(Action {
            restore: gives_back,
            ..provision(sources, entity, effect, reason)
        });
    }
    out
}

/// Whether the set's content gives a role in one of these accounts more than somebody left it: a policy that was
/// detached, perhaps in an incident. What was attached to it is taken away without asking, unless its name says that it
/// denies.
fn gives_back(sources: &Sources<'_>, to: &PermissionSet, accounts: &BTreeSet<AccountKey>) -> bool {
    let found = sources.input.observed.in_accounts.iter();
    let mut edited = found.filter(|found| accounts.contains(&found.account));
    edited.any(|found| match &found.fault {
        AccountFault::RoleEdited {
            permission_set,
            edits,
            ..
        } if *permission_set == to.name => edits.iter().any(|edit| {
            // Each by itself: what an intruder attached must not cover what a responder took away.
            Widening::of(&with_edits(to, std::slice::from_ref(edit)), to) != Widening::None
        }),
        _ => false,
    })
}

fn provision<T>(sources: &Sources<'_>, entity: &Entity<T>, effect: Effect, reason: Reason) -> Action {
    let key = effect
        .entity()
        .unwrap_or_else(|| EntityKey::OrganizationalUnit(crate::id::OuPath::root()));
    Action {
        kind: ActionKind::Provision,
        expected_id: sources.observed_id(&key),
        entity: key,
        addresses: entity.addresses.clone(),
        effect: Some(effect),
        reason,
        restore: false,
        blocked: None,
        location: entity.location.clone(),
    }
}

/// Roles that do not hold what their set says, as pairs in the plan's ranks.
fn stale_pairs(sources: &Sources<'_>, universe: &Universe<'_>) -> BTreeSet<Pair> {
    roles_with(sources, universe, |provisioning| {
        provisioning != Provisioning::Latest
    })
}

fn roles_with(
    sources: &Sources<'_>,
    universe: &Universe<'_>,
    which: impl Fn(Provisioning) -> bool,
) -> BTreeSet<Pair> {
    let roles = sources.input.observed.roles.iter();
    let found: Vec<Pair> = roles
        .filter(|row| which(row.provisioning))
        .map(|row| row.pair)
        .collect();
    if found.is_empty() {
        return BTreeSet::new();
    }
    let remap = sources.observed.access.names.remap_to(&universe.names);
    found.into_iter().map(|pair| remap.pair(pair)).collect()
}

/// The sets that the service has changed and not provisioned wherever they stay, as ranks in the plan's names: what an
/// interrupted or failed run left.
pub(super) fn behind(sources: &Sources<'_>, universe: &Universe<'_>, after: &[Tuple]) -> BTreeSet<u32> {
    let stale = roles_with(sources, universe, |provisioning| {
        provisioning == Provisioning::Stale
    });
    let stay = stale.into_iter().filter(|pair| has_pair(after, *pair));
    let mut behind: BTreeSet<u32> = stay.map(|pair| pair.permission_set()).collect();
    // Of an edited role, the edit is told in place of this.
    for found in &sources.input.observed.in_accounts {
        if let AccountFault::RoleEdited {
            permission_set,
            behind: true,
            ..
        } = &found.fault
            && let (Some(account), Some(set)) = (
                universe.names.account_rank(&found.account),
                universe.names.permission_set_rank(permission_set),
            )
            && has_pair(after, Pair::new(account, set))
        {
            behind.insert(set);
        }
    }
    behind
}

/// For each account without its SAML provider, one pair whose provisioning makes it anew, unless one is to be
/// provisioned there anyway.
fn signed_out(sources: &Sources<'_>, universe: &Universe<'_>, stale: &BTreeSet<Pair>) -> Vec<Pair> {
    let gone = sources.input.observed.in_accounts.iter();
    let gone = gone.filter(|found| found.fault == AccountFault::SamlProviderGone);
    let managed = |pair: &Pair| {
        let name = universe.names.permission_set(pair.permission_set());
        let set = name.and_then(|name| sources.desired.permission_sets.get(name));
        set.is_some_and(|set| set.is_managed())
    };
    let one_of = |account: u32| {
        if stale
            .iter()
            .any(|pair| pair.account() == account && managed(pair))
        {
            return None;
        }
        pairs_of(&universe.observed.tuples).find(|pair| pair.account() == account && managed(pair))
    };
    gone.filter_map(|found| one_of(universe.names.account_rank(&found.account)?))
        .collect()
}

/// Why roles of a set are provisioned, but for a change of it; what someone edited says most.
fn reason(
    sources: &Sources<'_>,
    universe: &Universe<'_>,
    set: u32,
    accounts: &BTreeSet<AccountKey>,
) -> Reason {
    let name = universe.names.permission_set(set);
    let mut edits = BTreeSet::new();
    let mut by_account: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = BTreeMap::new();
    let (mut edited, mut gone, mut signed_out) = (false, false, false);
    let found = sources.input.observed.in_accounts.iter();
    for found in found.filter(|found| accounts.contains(&found.account)) {
        match &found.fault {
            AccountFault::RoleGone { permission_set } if Some(permission_set) == name => gone = true,
            AccountFault::RoleEdited {
                permission_set,
                edits: edited_there,
                ..
            } if Some(permission_set) == name => {
                edited = true;
                edits.extend(edited_there.iter().cloned());
                let account = sources.observed.account_name(&found.account);
                let there = by_account.entry(account.into()).or_default();
                there.extend(edited_there.iter().cloned());
            }
            AccountFault::SamlProviderGone => signed_out = true,
            _ => {}
        }
    }
    let known = &sources.observed.access.names;
    let tampered = sources.input.observed.roles.iter().any(|row| {
        let account = known.account(row.pair.account());
        row.provisioning == Provisioning::Tampered
            && known.permission_set(row.pair.permission_set()) == name
            && account.is_some_and(|account| accounts.contains(account))
    });
    if by_account.values().all(|there| *there == edits) {
        by_account.clear();
    }
    match (edited, gone) {
        (true, _) => Reason::RoleEdited { edits, by_account },
        (false, true) => Reason::RoleGone,
        _ if tampered => Reason::RoleEdited { edits, by_account },
        _ if signed_out => Reason::SamlProviderGone,
        _ => Reason::Stale,
    }
}

/// The pairs of a sorted relation, ascending.
pub(super) fn pairs_of(tuples: &[Tuple]) -> impl Iterator<Item = Pair> + '_ {
    tuples
        .chunk_by(|left, right| left.pair() == right.pair())
        .filter_map(|same| same.first().map(|tuple| tuple.pair()))
}

/// The tuples of a pair in a sorted relation.
pub(super) fn of_pair(tuples: &[Tuple], pair: Pair) -> &[Tuple] {
    let begin = tuples.partition_point(|tuple| tuple.pair() < pair);
    let rest = tuples.get(begin..).unwrap_or_default();
    let end = rest.partition_point(|tuple| tuple.pair() == pair);
    rest.get(..end).unwrap_or_default()
}

/// Whether a pair has a grant in a sorted relation.
pub(super) fn has_pair(tuples: &[Tuple], pair: Pair) -> bool {
    !of_pair(tuples, pair).is_empty()
}

#[cfg(test)]
mod tests {
    use crate::model::in_account::InAccount;
    use crate::plan::testing::{Stack, World, group, set};

    use super::*;

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2, 3])
            .set("view", "view")
            .group("ops", "Ops", &[])
            .assign("a", &[group("Ops")], &["view"], &[1, 2, 3])
    }

    #[test]
    fn only_the_accounts_with_a_stale_role_are_provisioned() {
        let mut world = World::new().apply(stack());
        world.observed.roles[1].provisioning = Provisioning::Stale;
        let plan = world.plan(stack());
        assert_eq!(plan.actions.len(), 1);
        assert_eq!(plan.actions[0].reason, Reason::Stale);
        let accounts = Some([crate::plan::testing::account(2)].into());
        assert_eq!(
            plan.actions[0].effect,
            Some(Effect::Provision {
                name: set("view"),
                accounts
            })
        );
        assert_eq!(plan.roles.updated.len(), 1);
        assert!(world.apply(stack()).plan(stack()).is_empty());
    }

    #[test]
    fn the_reason_tells_a_role_that_is_gone_from_one_that_was_edited() {
        let mut world = World::new().apply(stack());
        let fault = |n, fault| InAccount {
            account: crate::plan::testing::account(n),
            fault,
        };
        let permission_set = set("view");
        world.observed.roles[1].provisioning = Provisioning::Tampered;
        world.observed.in_accounts = vec![fault(
            2,
            AccountFault::RoleGone {
                permission_set: permission_set.clone(),
            },
        )];
        assert_eq!(world.plan(stack()).actions[0].reason, Reason::RoleGone);
        let edits: BTreeSet<Arc<str>> = ["policy attached: x".into()].into();
        world.observed.in_accounts = vec![fault(
            2,
            AccountFault::RoleEdited {
                permission_set,
                edits: edits.clone(),
                behind: false,
            },
        )];
        let plan = world.plan(stack());
        let by_account = BTreeMap::new();
        assert_eq!(plan.actions[0].reason, Reason::RoleEdited { edits, by_account });
        assert!(plan.actions[0].reason.sentence().contains("policy attached: x"));
        world.observed.roles[1].provisioning = Provisioning::Latest;
        world.observed.in_accounts = vec![fault(3, AccountFault::SamlProviderGone)];
        let plan = world.plan(stack());
        assert_eq!(plan.actions[0].reason, Reason::SamlProviderGone);
        assert_eq!(plan.roles.updated.len(), 1);
    }

    #[test]
    fn what_somebody_took_from_a_role_comes_back_with_a_yes_of_its_own() {
        let restores = |edit: &str| {
            let mut world = World::new().apply(stack());
            let arn: Arc<str> = "arn:aws:iam::aws:policy/SecurityAudit".into();
            let with_policy = || {
                stack().set_with("view", "view", |entity| {
                    entity.value.managed_policies.insert(Arc::clone(&arn));
                })
            };
            world = world.apply(with_policy());
            world.observed.in_accounts = vec![InAccount {
                account: crate::plan::testing::account(2),
                fault: AccountFault::RoleEdited {
                    permission_set: set("view"),
                    edits: [edit.into()].into(),
                    behind: false,
                },
            }];
            world.observed.roles[1].provisioning = Provisioning::Tampered;
            let plan = world.plan(with_policy());
            assert_eq!(plan.actions.len(), 1, "{edit}");
            let told = plan.findings.iter().any(|finding| &*finding.code == "restore");
            assert_eq!(told, plan.actions[0].restore, "{edit}");
            told
        };
        assert!(restores("policy detached: arn:aws:iam::aws:policy/SecurityAudit"));
        assert!(restores("policy attached: arn:aws:iam::aws:policy/AWSDenyAll"));
        assert!(
            !restores(r#"inline policy replaced: {"Statement":[]}"#),
            "there was none"
        );
        assert!(!restores(
            "policy attached: arn:aws:iam::aws:policy/AdministratorAccess"
        ));
        let everything = r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        assert!(!restores(&format!("inline policy replaced: {everything}")));
    }

    #[test]
    fn a_set_without_assignments_is_not_provisioned_and_tags_need_no_provisioning() {
        let changed = |stack: Stack| {
            stack.set_with("view", "view", |entity| {
                entity.value.description = Some("new".into())
            })
        };
        let bare = || Stack::new().set("view", "view");
        let plan = World::new().apply(bare()).plan(changed(bare()));
        assert_eq!(plan.actions.len(), 1);
        let tagged = stack().set_with("view", "view", |entity| {
            entity.value.tags.insert("a".into(), "b".into());
        });
        assert_eq!(World::new().apply(stack()).plan(tagged).actions.len(), 1);
    }
}
