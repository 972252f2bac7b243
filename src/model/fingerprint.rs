//! Fingerprints of steps, by what each does: how a plan's steps are told again in another plan, and in the journal.

use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey};

use super::action::Effect;

/// The letter of a grant that brings back what somebody took away; see [`of_tuple`].
pub const RESTORED_GRANT: u8 = b'r';

/// What identifies an effect across plans: what it brings about, not what was there before.
pub fn of_effect(effect: &Effect) -> u64 {
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
            effect.entity().map_or(0, |key| of_removal(&key))
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
        } => of_grant(account, permission_set, principal),
        Effect::Revoke {
            account,
            permission_set,
            principal,
        } => of_revoke(account, permission_set, principal),
    }
}

/// Bringing back what somebody removed: approved as such, and never by the way.
pub fn of_restore(fingerprint: u64) -> u64 {
    hash(&("restore", fingerprint))
}

/// "There is no such entity any more."
pub fn of_removal(key: &EntityKey) -> u64 {
    hash(&("gone", key))
}

/// A grant.
pub fn of_grant(account: &AccountKey, set: &PermissionSetName, principal: &PrincipalKey) -> u64 {
    of_tuple(b'+', account, set, principal)
}

/// A grant taken away.
pub fn of_revoke(account: &AccountKey, set: &PermissionSetName, principal: &PrincipalKey) -> u64 {
    of_tuple(b'-', account, set, principal)
}

/// What is done with a grant, by a letter. Written out by hand: there may be a million of these.
pub fn of_tuple(tag: u8, account: &AccountKey, set: &PermissionSetName, principal: &PrincipalKey) -> u64 {
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

/// Anything else, by its JSON.
pub fn hash(value: &impl serde::Serialize) -> u64 {
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
