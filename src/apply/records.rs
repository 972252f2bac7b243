//! The part of a plan that changes the record and nothing else.

use std::collections::BTreeSet;

use crate::id::EntityKey;
use crate::model::action::Effect;
use crate::model::snapshot::{Management, Snapshot};
use crate::plan::Plan;
use crate::plan::change::{ActionKind, Reason, RecordChange};
use crate::plan::input::PlanInput;
use crate::state::entry::RecordOnly;

use super::ids::id_in;

/// What to write when a run begins; `None` when there is nothing of the kind.
pub fn record_only(plan: &Plan, input: &PlanInput) -> Option<RecordOnly> {
    let mut changes = RecordOnly::default();
    for action in plan.actions.iter().filter(|action| action.effect.is_none()) {
        let key = action.entity.clone();
        match action.kind {
            ActionKind::Forget => changes.forgotten.push(key),
            ActionKind::Rebind => {
                if let Reason::IdChanged { to, .. } = &action.reason {
                    changes.rebound.push((key, to.clone()));
                }
            }
            ActionKind::Move => {
                let management = management(&input.desired.snapshot, &key);
                changes
                    .relabelled
                    .push((key, action.addresses.clone(), management));
            }
            ActionKind::Adopt | ActionKind::Create | ActionKind::Update | ActionKind::Delete => {
                let id = id_in(&input.observed.snapshot, &key);
                changes.adopted.push((key, id));
            }
            ActionKind::Rename => {
                if let Reason::RenamedOutside { from, to } = &action.reason {
                    changes.renamed.push((from.clone(), to.clone()));
                }
            }
            ActionKind::Provision => {}
        }
    }
    let taken_in = changes.adopted.iter().map(|(key, _)| key);
    let taken_in: BTreeSet<EntityKey> = taken_in
        .chain(changes.rebound.iter().map(|(key, _)| key))
        .cloned()
        .collect();
    for action in plan
        .actions
        .iter()
        .filter(|action| taken_in.contains(&action.entity))
    {
        if let Some(Effect::AddMember { group, user }) = &action.effect {
            changes.not_yet.push((group.clone(), user.clone()));
        }
    }
    for step in &plan.records {
        match step.change {
            RecordChange::Adopt | RecordChange::Relabel => changes.grants.push((step.tuple, step.note)),
            RecordChange::Forget => changes.forgotten_grants.push(step.tuple),
        }
    }
    (changes != RecordOnly::default()).then_some(changes)
}

fn management(desired: &Snapshot, key: &EntityKey) -> Management {
    let found = match key {
        EntityKey::OrganizationalUnit(path) => desired.organizational_units.get(path).map(|e| e.management),
        EntityKey::Account(key) => desired.accounts.get(key).map(|e| e.management),
        EntityKey::User(name) => desired.users.get(name).map(|e| e.management),
        EntityKey::Group(name) => desired.groups.get(name).map(|e| e.management),
        EntityKey::PermissionSet(name) => desired.permission_sets.get(name).map(|e| e.management),
    };
    found.unwrap_or_default()
}
