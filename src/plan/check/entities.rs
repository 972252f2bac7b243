//! Actions on entities: what is made is new, what is deleted is ours, what is referred to is left alone.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use crate::id::{AccountKey, EntityKey, PrincipalKey, ServiceId};
use crate::model::access::{Pair, Tuple};
use crate::model::action::Effect;
use crate::model::snapshot::{Management, Snapshot};
use crate::plan::Plan;
use crate::plan::change::{Action, ActionKind, Reason};
use crate::plan::input::{Mode, PlanInput};

use super::Found;
use super::held::HeldNames;
use super::identity::Identity;
use super::relations::Relations;

pub(super) fn check(plan: &Plan, input: &PlanInput, identity: &Identity, found: &mut Found) {
    let managed = managed_groups(input);
    for action in &plan.actions {
        let name = || format!("{:?} {}", action.kind, action.entity);
        found.require(kind_fits_effect(action), "effect-of-another-kind", name);
        found.require(about_its_entity(action), "effect-of-another-entity", name);
        found.require(reason_fits(action), "reason-of-another-kind", name);
        let destroyed = action.reason == Reason::Destroy;
        found.require(
            !destroyed || plan.mode == Mode::Destroy,
            "reason-of-another-kind",
            name,
        );
        let Some(effect) = &action.effect else { continue };
        if membership(effect) {
            if action.reason == Reason::Frozen {
                // Whoever put the user in: asked in `freeze`.
                continue;
            }
            memberships(effect, input, &managed, identity, found);
            continue;
        }
        let observed = exists(&input.observed.snapshot, input, &action.entity);
        match action.kind {
            ActionKind::Create => {
                found.require(!observed, "create-of-existing", name);
                let declared = management(&input.desired.snapshot, input, &action.entity);
                found.require(declared == Some(Management::Created), "create-not-declared", name);
            }
            ActionKind::Delete => {
                found.require(observed, "delete-of-missing", name);
                let (recorded, id) = in_state(input, identity, &action.entity);
                found.require(recorded == Some(Management::Created), "delete-not-ours", name);
                let there = id_of(&input.observed.snapshot, &action.entity);
                let same = id.is_none() || there.is_none() || id == there;
                found.require(same, "delete-of-another-id", name);
                found.require(action.expected_id == there, "delete-of-another-id", name);
                let declared = management(&input.desired.snapshot, input, &action.entity);
                let wanted = declared.is_some() && plan.mode != Mode::Destroy;
                found.require(!wanted, "delete-of-declared", name);
            }
            ActionKind::Update => {
                let declared = management(&input.desired.snapshot, input, &action.entity);
                let writes = matches!(declared, Some(Management::Created | Management::Managed));
                found.require(writes, "update-not-managed", name);
            }
            _ => {}
        }
    }
}

fn kind_fits_effect(action: &Action) -> bool {
    match action.kind {
        ActionKind::Forget
        | ActionKind::Move
        | ActionKind::Rebind
        | ActionKind::Rename
        | ActionKind::Adopt => action.effect.is_none(),
        ActionKind::Provision => matches!(action.effect, Some(Effect::Provision { .. })),
        ActionKind::Create | ActionKind::Update | ActionKind::Delete => match &action.effect {
            Some(Effect::Grant { .. } | Effect::Revoke { .. } | Effect::Provision { .. }) | None => false,
            Some(effect) => {
                creates(effect) == (action.kind == ActionKind::Create)
                    && deletes(effect) == (action.kind == ActionKind::Delete)
            }
        },
    }
}

/// Accounts aside, which may be known by e-mail address or by id.
fn about_its_entity(action: &Action) -> bool {
    let entity = action.effect.as_ref().and_then(Effect::entity);
    entity.is_none_or(|entity| match (&entity, &action.entity) {
        (EntityKey::Account(_), EntityKey::Account(_)) => true,
        (effect, action) => effect == action,
    })
}

fn reason_fits(action: &Action) -> bool {
    let reason = &action.reason;
    let joins = matches!(&action.effect, Some(Effect::AddMember { .. }));
    let leaves = matches!(&action.effect, Some(Effect::RemoveMember { .. }));
    let fits = match action.kind {
        ActionKind::Create => matches!(reason, Reason::Declared | Reason::MissingOutside),
        ActionKind::Update if joins => matches!(reason, Reason::Declared | Reason::MissingOutside),
        ActionKind::Update if leaves => {
            matches!(
                reason,
                Reason::NoLongerSelected | Reason::BlockRemoved | Reason::Frozen
            )
        }
        ActionKind::Update => {
            matches!(
                reason,
                Reason::ConfigurationChanged
                    | Reason::HalfMade
                    | Reason::ChangedOutside
                    | Reason::Renamed { .. }
            )
        }
        ActionKind::Delete => {
            matches!(
                reason,
                Reason::BlockRemoved | Reason::Renamed { .. } | Reason::Destroy
            )
        }
        ActionKind::Adopt => matches!(reason, Reason::AlreadyThere),
        ActionKind::Forget => matches!(
            reason,
            Reason::BlockRemoved
                | Reason::AlreadyGone
                | Reason::Destroy
                | Reason::NotOurs { .. }
                | Reason::Renamed { .. }
        ),
        ActionKind::Rename => matches!(reason, Reason::RenamedOutside { .. }),
        ActionKind::Move => matches!(reason, Reason::AddressChanged { .. }),
        ActionKind::Rebind => matches!(reason, Reason::IdChanged { .. }),
        ActionKind::Provision => matches!(
            reason,
            Reason::ContentChanged
                | Reason::Stale
                | Reason::RoleGone
                | Reason::RoleEdited { .. }
                | Reason::SamlProviderGone
        ),
    };
    let gives_back = matches!(reason, Reason::RoleEdited { .. }) && action.kind == ActionKind::Provision;
    fits && (!action.restore || *reason == Reason::MissingOutside || gives_back)
}

fn creates(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::CreateOrganizationalUnit { .. }
            | Effect::CreateAccount { .. }
            | Effect::CreateUser { .. }
            | Effect::CreateGroup { .. }
            | Effect::CreatePermissionSet { .. }
    )
}

fn deletes(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::DeleteUser { .. } | Effect::DeleteGroup { .. } | Effect::DeletePermissionSet { .. }
    )
}

fn membership(effect: &Effect) -> bool {
    matches!(effect, Effect::AddMember { .. } | Effect::RemoveMember { .. })
}

/// The names of the groups that the configuration manages. Plans may have a hundred thousand memberships in a thousand
/// groups, which must not be gone through for each.
fn managed_groups(input: &PlanInput) -> FxHashSet<&str> {
    let groups = input.desired.snapshot.groups.values();
    groups
        .filter(|group| group.is_managed())
        .map(|group| group.value.display_name.as_str())
        .collect()
}

/// Who joins is declared as a member and not yet one; who leaves is a member by our doing and declared no more. The
/// configuration, the service and the state may each have another name for the group and the user.
fn memberships(
    effect: &Effect,
    input: &PlanInput,
    managed: &FxHashSet<&str>,
    identity: &Identity,
    found: &mut Found,
) {
    let (Effect::AddMember { group, user } | Effect::RemoveMember { group, user }) = effect else {
        return;
    };
    let name = || format!("{user} in {group}");
    let (group, user) = (
        PrincipalKey::Group(group.clone()),
        PrincipalKey::User(user.clone()),
    );
    let declared = (
        identity.in_configuration(&group),
        identity.in_configuration(&user),
    );
    found.require(
        managed.contains(declared.0.name()),
        "membership-not-managed",
        name,
    );
    let adds = matches!(effect, Effect::AddMember { .. });
    let wanted = is_in(&input.desired.snapshot, &declared.0, &declared.1);
    found.require(wanted == adds, "membership-against-declaration", name);
    let there = (identity.in_service(&group), identity.in_service(&user));
    let member = is_in(&input.observed.snapshot, &there.0, &there.1);
    found.require(member != adds, "membership-as-it-is", name);
    let (group, user) = (identity.in_state(&there.0), identity.in_state(&there.1));
    let stranger = |key: EntityKey| identity.others.contains(&key);
    let others = (group == there.0 && entity_of(&group).is_some_and(stranger))
        || (user == there.1 && entity_of(&user).is_some_and(stranger));
    let ours = is_in(&input.recorded.applied, &group, &user) && !others;
    found.require(adds || ours, "membership-not-ours", name);
}

fn entity_of(key: &PrincipalKey) -> Option<EntityKey> {
    match key {
        PrincipalKey::User(name) => Some(EntityKey::User(name.clone())),
        PrincipalKey::Group(name) => Some(EntityKey::Group(name.clone())),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
    }
}

fn is_in(snapshot: &Snapshot, group: &PrincipalKey, user: &PrincipalKey) -> bool {
    let (PrincipalKey::Group(group), PrincipalKey::User(user)) = (group, user) else {
        return false;
    };
    let group = snapshot.groups.get(group);
    let members = group.and_then(|group| group.value.members.as_ref());
    members.is_some_and(|members| members.contains(user))
}

/// The state takes up other names only for what has the same id, and for all of it that steps speak of.
pub(super) fn names(plan: &Plan, input: &PlanInput, identity: &Identity, found: &mut Found) {
    let renames = plan.actions.iter().filter_map(|action| match &action.reason {
        Reason::RenamedOutside { from, to } => Some((from, to)),
        _ => None,
    });
    let renames: BTreeMap<&PrincipalKey, &PrincipalKey> = renames.collect();
    for (from, to) in &renames {
        found.require(
            identity.now.get(*from) == Some(*to),
            "rename-of-another-id",
            || format!("{from} to {to}"),
        );
    }
    let granted = &input.recorded.applied.access.names;
    for (from, to) in &identity.now {
        let rank = plan.names.principal_rank(to);
        let mut steps = plan.revokes.iter().map(|step| step.tuple);
        let named = steps.any(|tuple| Some(tuple.principal()) == rank)
            || plan
                .records
                .iter()
                .any(|step| Some(step.tuple.principal()) == rank);
        let needed = named && granted.principal_rank(from).is_some();
        found.require(!needed || renames.contains_key(from), "rename-forgotten", || {
            format!("{from} to {to}")
        });
    }
}

/// How the state has what the service calls `key`: by its id, where there is one.
fn in_state(
    input: &PlanInput,
    identity: &Identity,
    key: &EntityKey,
) -> (Option<Management>, Option<ServiceId>) {
    let principal = match key {
        EntityKey::User(name) => Some(PrincipalKey::User(name.clone())),
        EntityKey::Group(name) => Some(PrincipalKey::Group(name.clone())),
        _ => None,
    };
    let known = principal.and_then(|key| entity_of(&identity.in_state(&key)));
    let known = known.as_ref().unwrap_or(key);
    let applied = &input.recorded.applied;
    (management(applied, input, known), id_of(applied, known))
}

fn id_of(snapshot: &Snapshot, key: &EntityKey) -> Option<ServiceId> {
    match key {
        EntityKey::User(name) => snapshot.users.get(name)?.value.id.clone(),
        EntityKey::Group(name) => snapshot.groups.get(name)?.value.id.clone(),
        EntityKey::PermissionSet(name) => snapshot.permission_sets.get(name)?.value.arn.clone(),
        EntityKey::OrganizationalUnit(_) | EntityKey::Account(_) => None,
    }
}

/// One provision per set, after a change of its content, and none that would fail for want of assignments.
pub(super) fn provisions(plan: &Plan, relations: &Relations, held: &HeldNames, found: &mut Found) {
    let provisions = plan
        .actions
        .iter()
        .filter(|action| action.kind == ActionKind::Provision);
    let mut seen = BTreeSet::new();
    for action in provisions {
        found.require(seen.insert(&action.entity), "provision-twice", || {
            action.entity.to_string()
        });
    }
    let changed = plan.actions.iter().filter_map(|action| match &action.effect {
        Some(Effect::UpdatePermissionSet { from, to }) if from.role_differs(to) => {
            Some((plan.names.permission_set_rank(&to.name)?, &action.entity))
        }
        _ => None,
    });
    let changed: BTreeMap<u32, &EntityKey> = changed.collect();
    if changed.is_empty() && seen.is_empty() {
        return;
    }
    // Which sets keep a role somewhere, and which of them where it may be changed.
    let pairs = |tuples: &[Tuple]| {
        let mut pairs: Vec<Pair> = tuples.iter().map(|tuple| tuple.pair()).collect();
        pairs.dedup();
        pairs
    };
    let (before, after) = (pairs(&relations.observed), pairs(&relations.after));
    let stays: Vec<Pair> = before
        .into_iter()
        .filter(|pair| after.binary_search(pair).is_ok())
        .collect();
    let free: BTreeSet<u32> = stays
        .iter()
        .filter(|pair| !held.holds_pair(**pair))
        .map(|pair| pair.permission_set())
        .collect();
    for (rank, entity) in changed {
        let needed = free.contains(&rank) && plan.mode == Mode::All;
        found.require(!needed || seen.contains(entity), "provision-missing", || {
            entity.to_string()
        });
    }
    for action in plan.actions.iter() {
        let Some(Effect::Provision { name, accounts }) = &action.effect else {
            continue;
        };
        let rank = plan.names.permission_set_rank(name);
        let has_role = |key: &AccountKey| {
            let pair = rank.and_then(|set| Some(Pair::new(plan.names.account_rank(key)?, set)));
            pair.is_some_and(|pair| stays.binary_search(&pair).is_ok())
        };
        let reaches = match accounts {
            Some(accounts) => !accounts.is_empty() && accounts.iter().all(has_role),
            None => rank.is_some_and(|rank| free.contains(&rank)),
        };
        found.require(reaches, "provision-of-nothing", || name.to_string());
    }
}

fn exists(snapshot: &Snapshot, input: &PlanInput, key: &EntityKey) -> bool {
    match key {
        EntityKey::OrganizationalUnit(path) => snapshot.organizational_units.contains_key(path),
        EntityKey::Account(key) => same_accounts(input, key).any(|key| snapshot.accounts.contains_key(key)),
        EntityKey::User(name) => snapshot.users.contains_key(name),
        EntityKey::Group(name) => snapshot.groups.contains_key(name),
        EntityKey::PermissionSet(name) => snapshot.permission_sets.contains_key(name),
    }
}

fn management(snapshot: &Snapshot, input: &PlanInput, key: &EntityKey) -> Option<Management> {
    match key {
        EntityKey::OrganizationalUnit(path) => snapshot.organizational_units.get(path).map(|e| e.management),
        EntityKey::Account(key) => {
            let mut keys = same_accounts(input, key);
            keys.find_map(|key| snapshot.accounts.get(key).map(|account| account.management))
        }
        EntityKey::User(name) => snapshot.users.get(name).map(|e| e.management),
        EntityKey::Group(name) => snapshot.groups.get(name).map(|e| e.management),
        EntityKey::PermissionSet(name) => snapshot.permission_sets.get(name).map(|e| e.management),
    }
}

/// The keys under which an account goes in the three snapshots: its own, and those of accounts that share its
/// e-mail address.
fn same_accounts<'a>(input: &'a PlanInput, key: &'a AccountKey) -> impl Iterator<Item = &'a AccountKey> {
    let snapshots = [
        &input.desired.snapshot,
        &input.recorded.applied,
        &input.observed.snapshot,
    ];
    let email_of = |snapshot: &'a Snapshot| snapshot.accounts.get(key).and_then(|a| a.value.email.as_ref());
    let email = match key {
        AccountKey::Email(email) => Some(email),
        AccountKey::Id(_) => snapshots.into_iter().find_map(email_of),
    };
    let all = snapshots.into_iter().flat_map(|snapshot| &snapshot.accounts);
    let same = all.filter(move |(_, account)| email.is_some() && account.value.email.as_ref() == email);
    std::iter::once(key).chain(same.map(|(key, _)| key))
}
