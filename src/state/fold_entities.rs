//! The part of the fold that is about entities: what a successful effect leaves in the record.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Address, Addresses};
use crate::id::{AccountId, AccountKey, EntityKey, GroupName, OuPath, PrincipalKey, ServiceId, UserName};
use crate::model::access::Access;
use crate::model::account::OrganizationalUnit;
use crate::model::action::{Effect, Learned};
use crate::model::snapshot::{Entity, Management, Snapshot};

/// Puts what an effect did into the record. `declared` has the entities as the run declares them; who declares an
/// entity comes from there, what it is from the effect. Returns the old and the new key of an account that got
/// its id.
pub fn apply_effect(
    applied: &mut Snapshot,
    effect: &Effect,
    declared: &Snapshot,
    learned: &Learned,
) -> Option<(AccountKey, AccountKey)> {
    let id = learned.id.clone();
    match effect {
        Effect::CreateOrganizationalUnit { path } => {
            let value = OrganizationalUnit {
                path: path.clone(),
                id,
            };
            put(
                &mut applied.organizational_units,
                &declared.organizational_units,
                path.clone(),
                value,
            );
        }
        Effect::RenameOrganizationalUnit { from, to } => rename_unit(applied, declared, from, to),
        Effect::CreateAccount { .. } | Effect::MoveAccount { .. } | Effect::TagAccount { .. } => {
            return apply_account(applied, effect, declared, id.as_ref());
        }
        Effect::CreateUser { .. }
        | Effect::UpdateUser { .. }
        | Effect::DeleteUser { .. }
        | Effect::CreateGroup { .. }
        | Effect::UpdateGroup { .. }
        | Effect::DeleteGroup { .. }
        | Effect::AddMember { .. }
        | Effect::RemoveMember { .. } => apply_principal(applied, effect, declared, id),
        Effect::CreatePermissionSet { permission_set } => {
            let mut value = (**permission_set).clone();
            value.arn = id.or(value.arn);
            put(
                &mut applied.permission_sets,
                &declared.permission_sets,
                value.name.clone(),
                value,
            );
        }
        Effect::UpdatePermissionSet { from, to } => {
            let known = applied
                .permission_sets
                .get(&from.name)
                .and_then(|entity| entity.value.arn.clone());
            let mut value = (**to).clone();
            value.arn = known.or(value.arn).or_else(|| from.arn.clone());
            put(
                &mut applied.permission_sets,
                &declared.permission_sets,
                value.name.clone(),
                value,
            );
        }
        Effect::DeletePermissionSet { name } => {
            applied.permission_sets.remove(name);
        }
        // A provision changes roles, not the record of the set; grants are the relation's.
        Effect::Provision { .. } | Effect::Grant { .. } | Effect::Revoke { .. } => {}
    }
    None
}

fn apply_account(
    applied: &mut Snapshot,
    effect: &Effect,
    declared: &Snapshot,
    id: Option<&ServiceId>,
) -> Option<(AccountKey, AccountKey)> {
    match effect {
        Effect::CreateAccount { account } => {
            let mut value = account.clone();
            let new = id
                .and_then(|id| AccountId::new(id.as_str()).ok())
                .map(AccountKey::Id);
            let key = new.unwrap_or_else(|| account.key.clone());
            if let AccountKey::Email(email) = &account.key {
                value.email.get_or_insert_with(|| email.clone());
            }
            value.key = key.clone();
            let wrapper = declared
                .accounts
                .get(&account.key)
                .or_else(|| applied.accounts.get(&account.key));
            let entity = wrap(wrapper, value);
            applied.accounts.remove(&account.key);
            applied.accounts.insert(key.clone(), entity);
            return (key != account.key).then(|| (account.key.clone(), key));
        }
        Effect::MoveAccount { account, to, .. } => {
            if let Some(entity) = known(&mut applied.accounts, &declared.accounts, account) {
                entity.value.ou = Some(to.clone());
            }
        }
        Effect::TagAccount { account, to, .. } => {
            if let Some(entity) = known(&mut applied.accounts, &declared.accounts, account) {
                entity.value.tags = Some(to.clone());
            }
        }
        _ => {}
    }
    None
}

fn apply_principal(applied: &mut Snapshot, effect: &Effect, declared: &Snapshot, id: Option<ServiceId>) {
    match effect {
        Effect::CreateUser { user } => {
            let mut value = user.clone();
            value.id = id.or(value.id);
            put(
                &mut applied.users,
                &declared.users,
                value.user_name.clone(),
                value,
            );
        }
        Effect::UpdateUser { from, to } => {
            let before = applied.users.remove(&from.user_name);
            let mut value = to.clone();
            value.id = before
                .as_ref()
                .and_then(|entity| entity.value.id.clone())
                .or(value.id);
            let wrapper = declared.users.get(&to.user_name).or(before.as_ref());
            applied.users.insert(to.user_name.clone(), wrap(wrapper, value));
            for group in applied.groups.values_mut() {
                if let Some(members) = &mut group.value.members
                    && members.remove(&from.user_name)
                {
                    members.insert(to.user_name.clone());
                }
            }
        }
        Effect::DeleteUser { user } => {
            applied.users.remove(user);
            for group in applied.groups.values_mut() {
                group.value.members.as_mut().map(|members| members.remove(user));
            }
        }
        Effect::CreateGroup { group } => {
            let mut value = group.clone();
            value.id = id.or(value.id);
            value.members = Some(BTreeSet::new());
            put(
                &mut applied.groups,
                &declared.groups,
                value.display_name.clone(),
                value,
            );
        }
        Effect::UpdateGroup { from, to } => {
            let before = applied.groups.remove(&from.display_name);
            let mut value = to.clone();
            value.id = before
                .as_ref()
                .and_then(|entity| entity.value.id.clone())
                .or(value.id);
            value.members = before.as_ref().and_then(|entity| entity.value.members.clone());
            let wrapper = declared.groups.get(&to.display_name).or(before.as_ref());
            applied
                .groups
                .insert(to.display_name.clone(), wrap(wrapper, value));
        }
        Effect::DeleteGroup { group } => {
            applied.groups.remove(group);
        }
        Effect::AddMember { group, user } => {
            if let Some(entity) = applied.groups.get_mut(group) {
                entity
                    .value
                    .members
                    .get_or_insert_with(BTreeSet::new)
                    .insert(user.clone());
            }
        }
        Effect::RemoveMember { group, user } => {
            if let Some(entity) = applied.groups.get_mut(group) {
                entity.value.members.as_mut().map(|members| members.remove(user));
            }
        }
        _ => {}
    }
}

/// A unit gets another name; those below it and the accounts in them come along.
fn rename_unit(applied: &mut Snapshot, declared: &Snapshot, from: &OuPath, to: &OuPath) {
    let moved = |path: &OuPath| -> Option<OuPath> {
        let rest = path
            .is_within(from)
            .then(|| path.as_str().strip_prefix(from.as_str()))??;
        OuPath::new(format!("{to}{rest}")).ok()
    };
    let below: Vec<OuPath> = applied
        .organizational_units
        .keys()
        .filter(|path| path.is_within(from))
        .cloned()
        .collect();
    for path in below {
        let (Some(entity), Some(path)) = (applied.organizational_units.remove(&path), moved(&path)) else {
            continue;
        };
        let value = OrganizationalUnit {
            path: path.clone(),
            ..entity.value.clone()
        };
        let wrapper = declared.organizational_units.get(&path).unwrap_or(&entity);
        applied
            .organizational_units
            .insert(path, wrap(Some(wrapper), value));
    }
    for account in applied.accounts.values_mut() {
        if let Some(path) = account.value.ou.as_ref().and_then(moved) {
            account.value.ou = Some(path);
        }
    }
}

fn put<K: Ord, T: Clone>(
    applied: &mut BTreeMap<K, Entity<T>>,
    declared: &BTreeMap<K, Entity<T>>,
    key: K,
    value: T,
) {
    let wrapper = declared.get(&key).or_else(|| applied.get(&key));
    let entity = wrap(wrapper, value);
    applied.insert(key, entity);
}

/// `value`, declared as `wrapper` is.
fn wrap<T: Clone>(wrapper: Option<&Entity<T>>, value: T) -> Entity<T> {
    match wrapper {
        Some(wrapper) => Entity {
            value,
            ..wrapper.clone()
        },
        None => Entity::observed(value),
    }
}

fn known<'a, K: Ord + Clone, T: Clone>(
    applied: &'a mut BTreeMap<K, Entity<T>>,
    declared: &BTreeMap<K, Entity<T>>,
    key: &K,
) -> Option<&'a mut Entity<T>> {
    if let Some(entity) = declared.get(key)
        && !applied.contains_key(key)
    {
        applied.insert(key.clone(), entity.clone());
    }
    applied.get_mut(key)
}

/// Takes an entity in as it is declared, keeping the id that is known and the members that were made.
pub fn adopt(applied: &mut Snapshot, key: &EntityKey, id: Option<&ServiceId>, declared: &Snapshot) {
    match key {
        EntityKey::OrganizationalUnit(key) => {
            take_in(
                &mut applied.organizational_units,
                &declared.organizational_units,
                key,
                |new, old| {
                    new.id = id
                        .cloned()
                        .or_else(|| old.and_then(|old| old.id.clone()))
                        .or(new.id.take());
                },
            );
        }
        EntityKey::Account(key) => take_in(&mut applied.accounts, &declared.accounts, key, |_, _| ()),
        EntityKey::User(key) => take_in(&mut applied.users, &declared.users, key, |new, old| {
            new.id = id
                .cloned()
                .or_else(|| old.and_then(|old| old.id.clone()))
                .or(new.id.take());
        }),
        EntityKey::Group(key) => take_in(&mut applied.groups, &declared.groups, key, |new, old| {
            new.id = id
                .cloned()
                .or_else(|| old.and_then(|old| old.id.clone()))
                .or(new.id.take());
            // Members that were found in it are taken in with it; those that were made stay ours until they leave.
            let made = old.and_then(|old| old.members.clone());
            new.members = match (new.members.take(), made) {
                (Some(declared), Some(made)) => Some(declared.union(&made).cloned().collect()),
                (declared, made) => declared.or(made),
            };
        }),
        EntityKey::PermissionSet(key) => {
            take_in(
                &mut applied.permission_sets,
                &declared.permission_sets,
                key,
                |new, old| {
                    new.arn = id
                        .cloned()
                        .or_else(|| old.and_then(|old| old.arn.clone()))
                        .or(new.arn.take());
                },
            );
        }
    }
}

fn take_in<K: Ord + Clone, T: Clone>(
    applied: &mut BTreeMap<K, Entity<T>>,
    declared: &BTreeMap<K, Entity<T>>,
    key: &K,
    keep: impl FnOnce(&mut T, Option<&T>),
) {
    if let Some(entity) = declared.get(key) {
        let mut entity = entity.clone();
        keep(&mut entity.value, applied.get(key).map(|before| &before.value));
        applied.insert(key.clone(), entity);
    }
}

/// Drops an entity from the record.
pub fn forget(applied: &mut Snapshot, key: &EntityKey) {
    match key {
        EntityKey::OrganizationalUnit(key) => drop(applied.organizational_units.remove(key)),
        EntityKey::Account(key) => drop(applied.accounts.remove(key)),
        EntityKey::User(key) => drop(applied.users.remove(key)),
        EntityKey::Group(key) => drop(applied.groups.remove(key)),
        EntityKey::PermissionSet(key) => drop(applied.permission_sets.remove(key)),
    }
}

/// Changes who declares an entity and what the stack may do with it.
pub fn relabel(applied: &mut Snapshot, key: &EntityKey, addresses: &Addresses, management: Management) {
    fn set<T>(entity: Option<&mut Entity<T>>, addresses: &Addresses, management: Management) {
        if let Some(entity) = entity {
            entity.addresses = addresses.clone();
            entity.management = management;
        }
    }
    match key {
        EntityKey::OrganizationalUnit(key) => {
            set(applied.organizational_units.get_mut(key), addresses, management);
        }
        EntityKey::Account(key) => set(applied.accounts.get_mut(key), addresses, management),
        EntityKey::User(key) => set(applied.users.get_mut(key), addresses, management),
        EntityKey::Group(key) => set(applied.groups.get_mut(key), addresses, management),
        EntityKey::PermissionSet(key) => set(applied.permission_sets.get_mut(key), addresses, management),
    }
}

/// Takes in what an entity's name now means: it is recorded as it is declared, with that id. An account's id is its
/// key, which never changes.
pub fn rebind(applied: &mut Snapshot, key: &EntityKey, id: &ServiceId, declared: &Snapshot) {
    // Who was in the one before says nothing about this one.
    let members = match key {
        EntityKey::Group(name) => applied.groups.get_mut(name).map(|group| &mut group.value.members),
        _ => None,
    };
    if let (Some(Some(members)), EntityKey::Group(name)) = (members, key) {
        let declared = declared.groups.get(name);
        let declared = declared.and_then(|group| group.value.members.as_ref());
        members.retain(|user| declared.is_some_and(|declared| declared.contains(user)));
    }
    adopt(applied, key, Some(id), declared);
}

/// What an effect renames, if that is a user or a group: the old key and the new one.
pub fn renamed_principal(effect: &Effect) -> Option<(PrincipalKey, PrincipalKey)> {
    let (from, to) = match effect {
        Effect::UpdateUser { from, to } => (
            PrincipalKey::User(from.user_name.clone()),
            PrincipalKey::User(to.user_name.clone()),
        ),
        Effect::UpdateGroup { from, to } => (
            PrincipalKey::Group(from.display_name.clone()),
            PrincipalKey::Group(to.display_name.clone()),
        ),
        _ => return None,
    };
    (from != to).then_some((from, to))
}

/// Those of `members` that this stack never made: a group that is adopted must not be recorded with them.
pub fn never_made(applied: &Snapshot, members: &[(GroupName, UserName)]) -> Vec<(GroupName, UserName)> {
    let made = |group: &GroupName, user: &UserName| {
        let group = applied.groups.get(group);
        let members = group.and_then(|group| group.value.members.as_ref());
        members.is_some_and(|members| members.contains(user))
    };
    let new = members.iter().filter(|(group, user)| !made(group, user));
    new.cloned().collect()
}

/// Takes members out of the record.
pub fn leave_out(applied: &mut Snapshot, members: Vec<(GroupName, UserName)>) {
    for (group, user) in members {
        let group = applied.groups.get_mut(&group);
        if let Some(members) = group.and_then(|group| group.value.members.as_mut()) {
            members.remove(&user);
        }
    }
}

/// `state mv`, for entities.
pub fn move_address(applied: &mut Snapshot, from: &Address, to: &Address) {
    fn rename<K, T>(entities: &mut BTreeMap<K, Entity<T>>, from: &Address, to: &Address) {
        for entity in entities.values_mut() {
            if entity.addresses.remove(from) {
                entity.addresses.insert(to.clone());
            }
        }
    }
    rename(&mut applied.organizational_units, from, to);
    rename(&mut applied.accounts, from, to);
    rename(&mut applied.users, from, to);
    rename(&mut applied.groups, from, to);
    rename(&mut applied.permission_sets, from, to);
}

/// `state rm`, for entities: one that nobody else declares is forgotten.
pub fn remove_address(applied: &mut Snapshot, address: &Address) {
    fn remove<K: Ord, T>(entities: &mut BTreeMap<K, Entity<T>>, address: &Address) {
        entities.retain(|_, entity| !(entity.addresses.remove(address) && entity.addresses.is_empty()));
    }
    let Snapshot {
        organizational_units,
        accounts,
        users,
        groups,
        permission_sets,
        access: Access { .. },
    } = applied;
    remove(organizational_units, address);
    remove(accounts, address);
    remove(users, address);
    remove(groups, address);
    remove(permission_sets, address);
}
