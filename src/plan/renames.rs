//! Renames: an address that labelled one key when it was applied and labels another now.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::id::{EntityKey, GroupName, OuPath, PermissionSetName, PrincipalKey, UserName};
use crate::model::action::Effect;
use crate::model::snapshot::{Entity, Management};

use super::change::Action;
use super::sources::Sources;

/// Old key and new key, by kind, ascending by old key.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// A new set replaces an old one, since the service cannot rename one.
    pub permission_sets: BTreeMap<PermissionSetName, PermissionSetName>,
    /// The user gets the new name and stays the same.
    pub users: BTreeMap<UserName, UserName>,
    /// The group gets the new name and stays the same.
    pub groups: BTreeMap<GroupName, GroupName>,
    /// Users and groups that are made anew under another name, since the ones they were are gone: new and old key.
    pub lost_users: BTreeMap<UserName, UserName>,
    pub lost_groups: BTreeMap<GroupName, GroupName>,
    /// Unit paths that change: by a rename of the unit, or of one above it.
    pub units: BTreeMap<OuPath, OuPath>,
}

/// What a unit's path becomes by units that are renamed: itself, or one above it.
pub(super) fn unit_now(renamed: &BTreeMap<OuPath, OuPath>, path: &OuPath) -> OuPath {
    let mut above = Some(path.clone());
    while let Some(unit) = above {
        if let Some(new) = renamed.get(&unit) {
            let rest = path.as_str().get(unit.as_str().len()..).unwrap_or("");
            return OuPath::new(format!("{new}{rest}")).unwrap_or_else(|_| path.clone());
        }
        above = unit.parent();
    }
    path.clone()
}

impl Renames {
    /// Finds them.
    pub fn find(sources: &Sources<'_>) -> Self {
        let (desired, recorded, observed) = (&sources.desired, &sources.recorded, sources.observed);
        let (users, lost_users) = split(
            candidates(&recorded.users, &desired.users, sources),
            |old| sources.identity.is_replaced(&EntityKey::User(old.clone())),
            |name| Some(observed.users.get(name)?.value.external_id.is_some()),
        );
        let (groups, lost_groups) = split(
            candidates(&recorded.groups, &desired.groups, sources),
            |old| sources.identity.is_replaced(&EntityKey::Group(old.clone())),
            |name| Some(observed.groups.get(name)?.value.external_id.is_some()),
        );
        let mut renames = Renames {
            permission_sets: candidates(&recorded.permission_sets, &desired.permission_sets, sources),
            users,
            groups,
            lost_users,
            lost_groups,
            units: BTreeMap::new(),
        };
        // Parents come before children in the order of paths.
        for (old, new) in candidates(
            &recorded.organizational_units,
            &desired.organizational_units,
            sources,
        ) {
            renames.unit(old, new, sources);
        }
        for (path, entity) in &desired.organizational_units {
            if entity.is_managed()
                && let Some(path_now) = renamed_outside(sources, path)
            {
                renames.unit(path_now, path.clone(), sources);
            }
        }
        renames
    }

    /// Takes in that a unit gets another name, if it is there, the name is free, and its parent stays what it is.
    fn unit(&mut self, old: OuPath, new: OuPath, sources: &Sources<'_>) {
        if self.unit_now(&old) == new {
            return;
        }
        let observed = &sources.observed.organizational_units;
        let parent = old.parent().map(|parent| self.unit_now(&parent));
        if observed.contains_key(&old) && !observed.contains_key(&new) && parent == new.parent() {
            self.units.insert(old, new);
        }
    }

    /// What a unit's path becomes when units are renamed as planned.
    pub fn unit_now(&self, path: &OuPath) -> OuPath {
        unit_now(&self.units, path)
    }

    /// What a principal is called afterwards.
    pub fn principal_now(&self, key: &PrincipalKey) -> Option<PrincipalKey> {
        match key {
            PrincipalKey::Group(name) => self.groups.get(name).cloned().map(PrincipalKey::Group),
            PrincipalKey::User(name) => self.users.get(name).cloned().map(PrincipalKey::User),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
        }
    }

    /// A membership's step with group and user under the names that they have before any rename.
    pub fn under_present_names(&self, mut action: Action) -> Action {
        let old_group = |name: &GroupName| {
            let mut renamed = self.groups.iter();
            let found = renamed.find(|(_, new)| *new == name);
            found.map_or_else(|| name.clone(), |(old, _)| old.clone())
        };
        let old_user = |name: &UserName| {
            let mut renamed = self.users.iter();
            let found = renamed.find(|(_, new)| *new == name);
            found.map_or_else(|| name.clone(), |(old, _)| old.clone())
        };
        if let Some(Effect::AddMember { group, user } | Effect::RemoveMember { group, user }) =
            &mut action.effect
        {
            (*group, *user) = (old_group(group), old_user(user));
            action.entity = EntityKey::Group(group.clone());
        }
        action
    }

    /// What a user is called afterwards.
    pub fn user_now<'a>(&'a self, name: &'a UserName) -> &'a UserName {
        self.users.get(name).unwrap_or(name)
    }
}

/// What a recorded unit is called in the service, if that is another path than the state has.
pub(super) fn renamed_outside(sources: &Sources<'_>, recorded: &OuPath) -> Option<OuPath> {
    let observed = &sources.observed.organizational_units;
    let entity = sources.recorded.organizational_units.get(recorded)?;
    let id = entity.value.id.as_ref()?;
    if observed.contains_key(recorded) {
        return None;
    }
    let mut there = observed.iter();
    let found = there.find(|(_, unit)| unit.value.id.as_ref() == Some(id));
    found.map(|(path, _)| path.clone())
}

/// Splits candidates into those that are there and can have their new name, and those that are gone. `synced` says of
/// what is there whether a directory writes it.
fn split<K: Ord + Clone>(
    candidates: BTreeMap<K, K>,
    is_replaced: impl Fn(&K) -> bool,
    synced: impl Fn(&K) -> Option<bool>,
) -> (BTreeMap<K, K>, BTreeMap<K, K>) {
    let (mut renamed, mut lost) = (BTreeMap::new(), BTreeMap::new());
    for (old, new) in candidates.into_iter().filter(|(_, new)| synced(new).is_none()) {
        match synced(&old).filter(|_| !is_replaced(&old)) {
            None => drop(lost.insert(new, old)),
            Some(false) => drop(renamed.insert(old, new)),
            Some(true) => {}
        }
    }
    (renamed, lost)
}

/// Keys that this stack made, that nobody declares any more, and whose address labels another key now.
fn candidates<K: Ord + Clone, T>(
    recorded: &BTreeMap<K, Entity<T>>,
    desired: &BTreeMap<K, Entity<T>>,
    sources: &Sources<'_>,
) -> BTreeMap<K, K> {
    let gone: Vec<(&K, &Entity<T>)> = recorded
        .iter()
        .filter(|(key, entity)| entity.management == Management::Created && !desired.contains_key(key))
        .collect();
    if gone.is_empty() {
        return BTreeMap::new();
    }
    let mut by_address: BTreeMap<&Address, &K> = BTreeMap::new();
    for (key, entity) in desired.iter().filter(|(_, entity)| entity.is_managed()) {
        by_address.extend(entity.addresses.iter().map(|address| (address, key)));
    }
    let mut renames: BTreeMap<K, K> = BTreeMap::new();
    for (old, entity) in gone {
        let mut addresses = entity
            .addresses
            .iter()
            .map(|address| sources.address_now(address));
        if let Some(new) = addresses.find_map(|address| by_address.get(&address).copied()) {
            renames.insert(old.clone(), new.clone());
        }
    }
    renames
}
