//! Renames: an address that labelled one key when it was applied and labels another now.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::id::{GroupName, OuPath, PermissionSetName, PrincipalKey, UserName};
use crate::model::snapshot::{Entity, Management};

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
    /// Unit paths that change: by a rename of the unit, or of one above it.
    pub units: BTreeMap<OuPath, OuPath>,
}

impl Renames {
    /// Finds them.
    pub fn find(sources: &Sources<'_>) -> Self {
        let (desired, recorded, observed) = (&sources.desired, &sources.recorded, sources.observed);
        let mut users = candidates(&recorded.users, &desired.users, sources);
        users.retain(|old, new| {
            let synced = |user: &Entity<crate::model::User>| user.value.external_id.is_some();
            observed.users.get(old).is_some_and(|user| !synced(user)) && !observed.users.contains_key(new)
        });
        let mut groups = candidates(&recorded.groups, &desired.groups, sources);
        groups.retain(|old, new| {
            let synced = |group: &Entity<crate::model::Group>| group.value.external_id.is_some();
            observed.groups.get(old).is_some_and(|group| !synced(group)) && !observed.groups.contains_key(new)
        });
        let mut renames = Renames {
            permission_sets: candidates(&recorded.permission_sets, &desired.permission_sets, sources),
            users,
            groups,
            units: BTreeMap::new(),
        };
        // Parents come before children in the order of paths.
        for (old, new) in candidates(
            &recorded.organizational_units,
            &desired.organizational_units,
            sources,
        ) {
            if renames.unit_now(&old) == new {
                continue;
            }
            let parent = old.parent().map(|parent| renames.unit_now(&parent));
            let there = observed.organizational_units.contains_key(&old);
            if there && !observed.organizational_units.contains_key(&new) && parent == new.parent() {
                renames.units.insert(old, new);
            }
        }
        renames
    }

    /// What a unit's path becomes when units are renamed as planned.
    pub fn unit_now(&self, path: &OuPath) -> OuPath {
        let mut above = Some(path.clone());
        while let Some(unit) = above {
            if let Some(new) = self.units.get(&unit) {
                let rest = path.as_str().get(unit.as_str().len()..).unwrap_or("");
                return OuPath::new(format!("{new}{rest}")).unwrap_or_else(|_| path.clone());
            }
            above = unit.parent();
        }
        path.clone()
    }

    /// What a principal is called afterwards.
    pub fn principal_now(&self, key: &PrincipalKey) -> Option<PrincipalKey> {
        match key {
            PrincipalKey::Group(name) => self.groups.get(name).cloned().map(PrincipalKey::Group),
            PrincipalKey::User(name) => self.users.get(name).cloned().map(PrincipalKey::User),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
        }
    }

    /// What a user is called afterwards.
    pub fn user_now<'a>(&'a self, name: &'a UserName) -> &'a UserName {
        self.users.get(name).unwrap_or(name)
    }
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
