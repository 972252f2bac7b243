//! One picture of an instance: what is declared, what was applied, or what was read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::Addresses;
use crate::id::{
    AccountKey, EntityKey, GroupName, OuPath, PermissionSetName, PrincipalKey, ServiceId, UserName,
};
use crate::source::Location;

use super::access::Access;
use super::account::{Account, OrganizationalUnit};
use super::permission_set::PermissionSet;
use super::principal::{Group, User};

/// What this stack may do with an entity.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Management {
    /// Nothing: it was only seen.
    #[default]
    None,
    /// Refer to it: a look-up, or an account or unit without `manage`. What the block says about it is an assertion.
    Referred,
    /// Change it, but not create it: an account with `manage = true`.
    Managed,
    /// Create and change it, and remove what it created (never an account or an organizational unit).
    Created,
}

/// An entity with who declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Entity<T> {
    /// The entity.
    pub value: T,
    /// The blocks that declare it or look it up; look-ups with one key are one entity. Empty in observed.
    #[serde(default, skip_serializing_if = "Addresses::is_empty")]
    pub addresses: Addresses,
    /// What this stack may do with it.
    #[serde(default)]
    pub management: Management,
    /// Where the (first) block is written. Not part of what a digest covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// `keep_old_until` of a renamed permission set: the old one stays until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_old_until: Option<jiff::Timestamp>,
}

impl<T> Entity<T> {
    /// An entity that was read and that nobody declares.
    pub fn observed(value: T) -> Self {
        Entity {
            value,
            addresses: Addresses::default(),
            management: Management::None,
            location: None,
            keep_old_until: None,
        }
    }

    /// Whether this stack writes it.
    pub fn is_managed(&self) -> bool {
        matches!(self.management, Management::Managed | Management::Created)
    }
}

/// One picture of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Snapshot {
    /// By path; the root has the empty path and is always there in observed.
    #[serde(default)]
    pub organizational_units: BTreeMap<OuPath, Entity<OrganizationalUnit>>,
    /// By id, else e-mail.
    #[serde(default, with = "pairs")]
    #[schemars(with = "Vec<(AccountKey, Entity<Account>)>")]
    pub accounts: BTreeMap<AccountKey, Entity<Account>>,
    /// By user name.
    #[serde(default)]
    pub users: BTreeMap<UserName, Entity<User>>,
    /// By display name.
    #[serde(default)]
    pub groups: BTreeMap<GroupName, Entity<Group>>,
    /// By name.
    #[serde(default)]
    pub permission_sets: BTreeMap<PermissionSetName, Entity<PermissionSet>>,
    /// Who may use which set where.
    #[serde(default)]
    pub access: Access,
}

impl Snapshot {
    /// A picture of one account and nothing else.
    pub fn of_account(key: &AccountKey, account: &Account) -> Self {
        Snapshot {
            accounts: [(key.clone(), Entity::observed(account.clone()))].into(),
            ..Snapshot::default()
        }
    }

    /// The people behind a principal; none for an orphan, or where members are not known.
    pub fn people<'s>(&'s self, principal: &'s PrincipalKey) -> impl Iterator<Item = &'s UserName> {
        let (user, group) = match principal {
            PrincipalKey::User(name) => (Some(name), None),
            PrincipalKey::Group(name) => (None, self.groups.get(name)),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => (None, None),
        };
        let members = group.into_iter().flat_map(|group| &group.value.members);
        user.into_iter().chain(members.flatten())
    }

    /// The account's name for people: `payments-prod`, else its id or e-mail.
    pub fn account_name(&self, key: &AccountKey) -> String {
        match self.accounts.get(key) {
            Some(account) if !account.value.name.is_empty() => account.value.name.to_string(),
            _ => key.to_string(),
        }
    }

    /// What keeps anybody from entering an account now, in words; `None` where it is in use, or not known.
    pub fn shut(&self, key: &AccountKey) -> Option<&'static str> {
        self.accounts.get(key)?.value.status.shut()
    }

    /// The blocks that declare an entity; empty when it is not here.
    pub fn addresses(&self, key: &EntityKey) -> Addresses {
        let found = match key {
            EntityKey::OrganizationalUnit(key) => self.organizational_units.get(key).map(|e| &e.addresses),
            EntityKey::Account(key) => self.accounts.get(key).map(|e| &e.addresses),
            EntityKey::User(key) => self.users.get(key).map(|e| &e.addresses),
            EntityKey::Group(key) => self.groups.get(key).map(|e| &e.addresses),
            EntityKey::PermissionSet(key) => self.permission_sets.get(key).map(|e| &e.addresses),
        };
        found.cloned().unwrap_or_default()
    }

    /// Gives users and groups other names, all at once, wherever they are named: as entities, as members, in grants.
    /// A principal that becomes an orphan keeps its place among the entities; its grants are the orphan's. Another
    /// entity that stands where a renamed one comes to stand makes room, unless it is the same one by its id.
    pub fn rename_principals(&mut self, now: &BTreeMap<PrincipalKey, PrincipalKey>) {
        let mut users: BTreeMap<UserName, UserName> = BTreeMap::new();
        let mut groups: BTreeMap<GroupName, GroupName> = BTreeMap::new();
        for (from, to) in now {
            match (from, to) {
                (PrincipalKey::User(from), PrincipalKey::User(to)) => {
                    users.insert(from.clone(), to.clone());
                }
                (PrincipalKey::Group(from), PrincipalKey::Group(to)) => {
                    groups.insert(from.clone(), to.clone());
                }
                _ => {}
            }
        }
        rekey(&mut self.users, &users, |user, name| {
            user.user_name = name.clone();
            user.id.clone()
        });
        rekey(&mut self.groups, &groups, |group, name| {
            group.display_name = name.clone();
            group.id.clone()
        });
        let lists = self.groups.values_mut();
        for members in lists.filter_map(|group| group.value.members.as_mut()) {
            if members.iter().any(|user| users.contains_key(user)) {
                let called = |user: UserName| users.get(&user).cloned().unwrap_or(user);
                *members = std::mem::take(members).into_iter().map(called).collect();
            }
        }
        self.access.rename_principals(now);
    }

    /// The keys of all entities, in the order of their kinds.
    pub fn entity_keys(&self) -> impl Iterator<Item = EntityKey> + '_ {
        let units = self
            .organizational_units
            .keys()
            .cloned()
            .map(EntityKey::OrganizationalUnit);
        let accounts = self.accounts.keys().cloned().map(EntityKey::Account);
        let users = self.users.keys().cloned().map(EntityKey::User);
        let groups = self.groups.keys().cloned().map(EntityKey::Group);
        let sets = self.permission_sets.keys().cloned().map(EntityKey::PermissionSet);
        units.chain(accounts).chain(users).chain(groups).chain(sets)
    }
}

/// Moves entities to other keys; `name` gives one its key and says by which id the service knows it.
fn rekey<K: Ord + Clone, T>(
    entities: &mut BTreeMap<K, Entity<T>>,
    now: &BTreeMap<K, K>,
    name: impl Fn(&mut T, &K) -> Option<ServiceId>,
) {
    let moved = now
        .iter()
        .filter_map(|(from, to)| Some((to, entities.remove(from)?)));
    let moved: Vec<(&K, Entity<T>)> = moved.collect();
    for (key, mut entity) in moved {
        let id = name(&mut entity.value, key);
        let same = |other: &mut Entity<T>| id.is_some() && name(&mut other.value, key) == id;
        if !entities.get_mut(key).is_some_and(same) {
            entities.insert(key.clone(), entity);
        }
    }
}

/// A map whose keys are not strings, as a list of pairs: JSON has no other way.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter())
    }

    pub fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
