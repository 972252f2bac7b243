//! Actions on entities: what is made is new, what is deleted is ours, what is referred to is left alone.

use crate::id::{AccountKey, EntityKey};
use crate::model::action::Effect;
use crate::model::snapshot::{Management, Snapshot};
use crate::plan::Plan;
use crate::plan::change::{Action, ActionKind};
use crate::plan::input::PlanInput;

use super::Found;

pub(super) fn check(plan: &Plan, input: &PlanInput, found: &mut Found) {
    for action in &plan.actions {
        let name = || format!("{:?} {}", action.kind, action.entity);
        let observed = exists(&input.observed.snapshot, &action.entity);
        kind_fits_effect(action, found);
        match (&action.kind, &action.effect) {
            (ActionKind::Create, Some(effect)) if creates(effect) => {
                found.require(!observed, "create-of-existing", name);
                let managed = management(&input.desired.snapshot, &action.entity, &input.observed.snapshot);
                found.require(managed == Some(Management::Created), "create-not-declared", name);
            }
            (ActionKind::Delete, Some(effect)) if deletes(effect) => {
                found.require(observed, "delete-of-missing", name);
                let recorded = management(&input.recorded.applied, &action.entity, &input.observed.snapshot);
                found.require(recorded == Some(Management::Created), "delete-not-ours", name);
            }
            (ActionKind::Update, Some(effect)) if !membership(effect) => {
                let managed = management(&input.desired.snapshot, &action.entity, &input.observed.snapshot);
                let writes = matches!(managed, Some(Management::Created | Management::Managed));
                found.require(writes, "update-not-managed", name);
            }
            _ => {}
        }
    }
    provisions(plan, input, found);
}

fn kind_fits_effect(action: &Action, found: &mut Found) {
    let fits = match action.kind {
        ActionKind::Forget | ActionKind::Move | ActionKind::Rebind | ActionKind::Adopt => {
            action.effect.is_none()
        }
        ActionKind::Provision => matches!(action.effect, Some(Effect::Provision { .. })),
        ActionKind::Create | ActionKind::Update | ActionKind::Delete => match &action.effect {
            Some(Effect::Grant { .. } | Effect::Revoke { .. } | Effect::Provision { .. }) | None => false,
            Some(effect) => {
                membership(effect)
                    || creates(effect) == (action.kind == ActionKind::Create)
                        && deletes(effect) == (action.kind == ActionKind::Delete)
            }
        },
    };
    found.require(fits, "effect-of-another-kind", || {
        format!("{:?} {}", action.kind, action.entity)
    });
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

/// One provision per set, after a change of its content, and none that would fail for want of assignments.
fn provisions(plan: &Plan, input: &PlanInput, found: &mut Found) {
    let mut seen = std::collections::BTreeSet::new();
    for action in plan
        .actions
        .iter()
        .filter(|action| action.kind == ActionKind::Provision)
    {
        found.require(seen.insert(&action.entity), "provision-twice", || {
            action.entity.to_string()
        });
    }
    for action in &plan.actions {
        let Some(Effect::UpdatePermissionSet { from, to }) = &action.effect else {
            continue;
        };
        let rank = input.observed.snapshot.access.names.permission_set_rank(&to.name);
        let tuples = &input.observed.snapshot.access.tuples;
        let assigned = rank.is_some_and(|rank| tuples.iter().any(|tuple| tuple.permission_set() == rank));
        let revoked_all = plan.names.permission_set_rank(&to.name).is_some_and(|rank| {
            let gone = plan
                .revokes
                .iter()
                .filter(|step| step.tuple.permission_set() == rank)
                .count();
            let rank = input.observed.snapshot.access.names.permission_set_rank(&to.name);
            gone >= tuples
                .iter()
                .filter(|tuple| Some(tuple.permission_set()) == rank)
                .count()
        });
        let needed = from.role_differs(to) && assigned && !revoked_all && action.blocked.is_none();
        found.require(
            !needed || seen.contains(&action.entity),
            "provision-missing",
            || to.name.to_string(),
        );
    }
}

fn exists(snapshot: &Snapshot, key: &EntityKey) -> bool {
    match key {
        EntityKey::OrganizationalUnit(path) => snapshot.organizational_units.contains_key(path),
        EntityKey::Account(key) => snapshot.accounts.contains_key(key),
        EntityKey::User(name) => snapshot.users.contains_key(name),
        EntityKey::Group(name) => snapshot.groups.contains_key(name),
        EntityKey::PermissionSet(name) => snapshot.permission_sets.contains_key(name),
    }
}

fn management(snapshot: &Snapshot, key: &EntityKey, observed: &Snapshot) -> Option<Management> {
    let known_email = |key: &AccountKey| {
        observed
            .accounts
            .get(key)
            .and_then(|account| account.value.email.as_ref())
    };
    match key {
        EntityKey::OrganizationalUnit(path) => snapshot.organizational_units.get(path).map(|e| e.management),
        EntityKey::Account(key) => {
            // Declared by e-mail, and known by its id since: the e-mail tells.
            let by_email = || {
                let mut accounts = snapshot.accounts.values();
                accounts.find(|account| match (key, &account.value.key) {
                    (AccountKey::Email(wanted), _) => account.value.email.as_ref() == Some(wanted),
                    (AccountKey::Id(_), AccountKey::Email(email)) => known_email(key) == Some(email),
                    (AccountKey::Id(_), AccountKey::Id(_)) => false,
                })
            };
            snapshot.accounts.get(key).or_else(by_email).map(|e| e.management)
        }
        EntityKey::User(name) => snapshot.users.get(name).map(|e| e.management),
        EntityKey::Group(name) => snapshot.groups.get(name).map(|e| e.management),
        EntityKey::PermissionSet(name) => snapshot.permission_sets.get(name).map(|e| e.management),
    }
}
