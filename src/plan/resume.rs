//! Fingerprints of steps, by what each does: how a run that was interrupted is recognised and gone on with.
//!
//! A plan made after an interruption has fewer steps than the one that was
//! approved, and some that only catch up with what was done. It resumes the run
//! if every step of it is one of the run's, or the record of one.

use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey};
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::record::UnfinishedRun;

use super::Plan;
use super::change::{Action, ActionKind, RecordChange};

/// The fingerprints of a plan's steps, ascending.
pub fn step_fingerprints(plan: &Plan) -> Vec<u64> {
    let mut steps: Vec<u64> = plan.actions.iter().map(fingerprint_of_action).collect();
    // What an interrupted run did without hearing of it is taken in by a later one.
    let made = plan
        .actions
        .iter()
        .filter(|action| action.effect.is_some() && action.kind != ActionKind::Delete);
    steps.extend(made.map(|action| outcome(true, &action.entity)));
    let of = |grant: bool| {
        move |tuple: Tuple| {
            let (account, set, principal) = plan.names.resolve(tuple)?;
            Some(fingerprint_of_tuple(grant, account, set, principal))
        }
    };
    steps.extend(plan.grants.iter().filter_map(|step| of(true)(step.tuple)));
    steps.extend(plan.revokes.iter().filter_map(|step| of(false)(step.tuple)));
    steps.extend(
        plan.records
            .iter()
            .filter_map(|step| record_fingerprint(plan, step.tuple, step.change)),
    );
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// Whether carrying out `plan` is carrying on with `unfinished`: each of its steps was one of that run's.
pub fn resume_of(unfinished: &UnfinishedRun, plan: &Plan) -> bool {
    let had = |fingerprint: u64| unfinished.steps.binary_search(&fingerprint).is_ok();
    let actions = plan.actions.iter().all(|action| {
        had(fingerprint_of_action(action))
            || done_by(action).is_some_and(|(made, key)| had(outcome(made, key)))
    });
    let tuple = |tuple: Tuple, grant: bool| {
        let names = plan.names.resolve(tuple);
        names.is_some_and(|(account, set, principal)| {
            had(fingerprint_of_tuple(grant, account, set, principal))
        })
    };
    actions
        && plan.grants.iter().all(|step| tuple(step.tuple, true))
        && plan.revokes.iter().all(|step| tuple(step.tuple, false))
        && plan.records.iter().all(|step| {
            let same = record_fingerprint(plan, step.tuple, step.change).is_some_and(had);
            same || match step.change {
                RecordChange::Adopt | RecordChange::Relabel => tuple(step.tuple, true),
                RecordChange::Forget => tuple(step.tuple, false),
            }
        })
}

/// A record of what an effect of the interrupted run did without anyone hearing of it.
fn done_by(action: &Action) -> Option<(bool, &EntityKey)> {
    match (action.kind, &action.effect) {
        (ActionKind::Adopt, None) => Some((true, &action.entity)),
        (ActionKind::Forget, None) => Some((false, &action.entity)),
        _ => None,
    }
}

/// What identifies an effect across plans: what it brings about, not what was there before.
pub fn fingerprint_of_effect(effect: &Effect) -> u64 {
    match effect {
        Effect::CreateOrganizationalUnit { .. }
        | Effect::CreateAccount { .. }
        | Effect::CreateUser { .. }
        | Effect::CreateGroup { .. }
        | Effect::CreatePermissionSet { .. }
        | Effect::UpdateUser { .. }
        | Effect::UpdateGroup { .. }
        | Effect::UpdatePermissionSet { .. }
        | Effect::RenameOrganizationalUnit { .. } => content(effect),
        Effect::DeleteUser { .. } | Effect::DeleteGroup { .. } | Effect::DeletePermissionSet { .. } => {
            effect.entity().map_or(0, |key| outcome(false, &key))
        }
        Effect::MoveAccount { account, to, .. } => hash(&("move", account, to)),
        Effect::TagAccount { account, to, .. } => hash(&("tag", account, to)),
        Effect::AddMember { group, user } => hash(&("add", group, user)),
        Effect::RemoveMember { group, user } => hash(&("remove", group, user)),
        // Fewer accounts may be left to provision.
        Effect::Provision { name, .. } => hash(&("provision", name)),
        Effect::Grant {
            account,
            permission_set,
            principal,
        } => fingerprint_of_tuple(true, account, permission_set, principal),
        Effect::Revoke {
            account,
            permission_set,
            principal,
        } => fingerprint_of_tuple(false, account, permission_set, principal),
    }
}

/// The content an entity gets; ids aside, since they come to be known on the way.
fn content(effect: &Effect) -> u64 {
    match effect {
        Effect::CreatePermissionSet { permission_set: set } | Effect::UpdatePermissionSet { to: set, .. } => {
            let mut set = set.clone();
            set.arn = None;
            hash(&("set", set))
        }
        Effect::CreateUser { user } | Effect::UpdateUser { to: user, .. } => {
            let mut user = user.clone();
            (user.id, user.external_id) = (None, None);
            hash(&("user", user))
        }
        Effect::CreateGroup { group } | Effect::UpdateGroup { to: group, .. } => {
            hash(&("group", &group.display_name, &group.description))
        }
        Effect::CreateOrganizationalUnit { path } | Effect::RenameOrganizationalUnit { to: path, .. } => {
            hash(&("unit", path))
        }
        Effect::CreateAccount { account } => hash(&("account", account)),
        other => hash(other),
    }
}

/// An action's fingerprint: its effect's, or what it does to the record.
fn fingerprint_of_action(action: &Action) -> u64 {
    match &action.effect {
        Some(effect) => fingerprint_of_effect(effect),
        None => match done_by(action) {
            Some((made, key)) => outcome(made, key),
            None => hash(&(action.kind, &action.entity)),
        },
    }
}

/// "There is such an entity now", or "there is none any more".
fn outcome(made: bool, key: &EntityKey) -> u64 {
    hash(&(if made { "made" } else { "gone" }, key))
}

fn record_fingerprint(plan: &Plan, tuple: Tuple, change: RecordChange) -> Option<u64> {
    let (account, set, principal) = plan.names.resolve(tuple)?;
    let change = match change {
        RecordChange::Adopt => b'a',
        RecordChange::Relabel => b'l',
        RecordChange::Forget => b'f',
    };
    Some(tuple_hash(change, account, set, principal))
}

fn fingerprint_of_tuple(
    grant: bool,
    account: &AccountKey,
    set: &PermissionSetName,
    principal: &PrincipalKey,
) -> u64 {
    tuple_hash(if grant { b'+' } else { b'-' }, account, set, principal)
}

/// Written out by hand: there may be a million of these.
fn tuple_hash(tag: u8, account: &AccountKey, set: &PermissionSetName, principal: &PrincipalKey) -> u64 {
    let mut hasher = blake3::Hasher::new();
    let account = match account {
        AccountKey::Id(id) => id.as_str(),
        AccountKey::Email(email) => email.as_str(),
    };
    let kind = match principal {
        PrincipalKey::Group(_) => b'g',
        PrincipalKey::User(_) => b'u',
        PrincipalKey::OrphanGroup(_) => b'G',
        PrincipalKey::OrphanUser(_) => b'U',
    };
    hasher.update(&[tag, kind]);
    for text in [account, set.as_str(), principal.name()] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    first_eight(&hasher.finalize())
}

fn hash(value: &impl serde::Serialize) -> u64 {
    let mut hasher = blake3::Hasher::new();
    // Writing to a hasher cannot fail, and these types have no maps with other than text keys.
    let _ = serde_json::to_writer(&mut hasher, value);
    first_eight(&hasher.finalize())
}

fn first_eight(hash: &blake3::Hash) -> u64 {
    let mut out = [0; 8];
    for (slot, byte) in out.iter_mut().zip(hash.as_bytes()) {
        *slot = *byte;
    }
    u64::from_le_bytes(out)
}

#[cfg(test)]
mod tests {
    use crate::plan::testing::{Stack, World, group};

    use super::*;

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("view", "view")
            .group("ops", "Ops", &["ada"])
            .assign("a", &[group("Ops")], &["view"], &[1, 2])
    }

    #[test]
    fn what_is_left_of_an_interrupted_run_resumes_it() {
        let world = World::new().has_user("ada");
        let whole = world.plan(stack());
        let unfinished = UnfinishedRun {
            run: "r".into(),
            started: world.now,
            actor: "a@b".into(),
            digest: whole.digest.clone(),
            steps: step_fingerprints(&whole),
            in_doubt: Vec::new(),
        };
        assert!(resume_of(&unfinished, &whole));
        // The set came to be without anyone hearing of it, and so did one grant.
        let halfway = world
            .has_set("view")
            .has_group("Ops", &[])
            .has_grant(1, "view", group("Ops"));
        let rest = halfway.plan(stack());
        assert_ne!(rest.digest, whole.digest);
        assert!(resume_of(&unfinished, &rest));
        let more = stack().assign("b", &[group("Ops")], &["view"], &[3]);
        assert!(!resume_of(&unfinished, &halfway.plan(more)));
        let other = stack().set_with("view", "view", |entity| {
            entity.value.description = Some("x".into())
        });
        assert!(!resume_of(&unfinished, &halfway.plan(other)));
    }
}
