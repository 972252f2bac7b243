//! Names that someone changed in the service: the thing that was applied is known again by its id.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::id::{AccountKey, GroupName, OuPath, PrincipalKey, ServiceId, UserName};
use crate::model::access::{Access, CapacityError, Names, Tuple};
use crate::model::principal::Group;
use crate::model::snapshot::{Entity, Management, Snapshot};

/// For each name in the state that the service no longer has, the name under which the service has that id now. A group
/// may have left its name to another one: then the service has both.
#[derive(Debug, Default)]
pub struct Renamed {
    /// Units, by path.
    pub units: BTreeMap<OuPath, OuPath>,
    /// Groups.
    pub groups: BTreeMap<GroupName, GroupName>,
    /// Users.
    pub users: BTreeMap<UserName, UserName>,
    /// Groups that have the name of one that was renamed, by a name that no group of the state has in their place.
    taken: BTreeMap<GroupName, GroupName>,
}

impl Renamed {
    /// Compares ids in the state with those that were read.
    pub fn find(applied: &Snapshot, live: &Snapshot) -> Self {
        let mut groups = by_id(&applied.groups, &live.groups, |group| group.id.as_ref());
        let others = taken_over(&applied.groups, &live.groups);
        groups.extend(others.clone());
        let last = |name: &GroupName| {
            let mut at = name;
            for _ in 0..=groups.len() {
                match groups.get(at) {
                    Some(next) => at = next,
                    None => return Some(at.clone()),
                }
            }
            // Names that went round: nobody is left over.
            None
        };
        let taken = others
            .keys()
            .filter(|name| !groups.values().any(|now| now == *name));
        let taken = taken.filter_map(|name| Some((last(name)?, name.clone())));
        Renamed {
            taken: taken.collect(),
            units: by_id(
                &applied.organizational_units,
                &live.organizational_units,
                |unit| unit.id.as_ref(),
            ),
            groups,
            users: by_id(&applied.users, &live.users, |user| user.id.as_ref()),
        }
    }

    /// What the state calls a user that the service calls `name`.
    pub fn applied_user(&self, name: &UserName) -> UserName {
        let mut users = self.users.iter();
        users
            .find(|(_, now)| *now == name)
            .map_or_else(|| name.clone(), |(applied, _)| applied.clone())
    }

    /// What the state calls a principal that the service calls `key`.
    pub fn applied_principal(&self, key: &PrincipalKey) -> PrincipalKey {
        match key {
            PrincipalKey::Group(name) => {
                let found = self
                    .groups
                    .iter()
                    .chain(&self.taken)
                    .find(|(_, now)| *now == name);
                PrincipalKey::Group(found.map_or(name, |(applied, _)| applied).clone())
            }
            PrincipalKey::User(name) => PrincipalKey::User(self.applied_user(name)),
            orphan => orphan.clone(),
        }
    }

    /// What the service calls a group that is found by the name which it has where the state is compared, if names
    /// were left to others; elsewhere what the state calls it.
    pub fn told_apart(&self, key: &PrincipalKey) -> PrincipalKey {
        let PrincipalKey::Group(name) = key else {
            return key.clone();
        };
        let now = self.taken.get(name);
        let now = now.or_else(|| self.groups.get(name).filter(|_| self.is_taken(name)));
        PrincipalKey::Group(now.unwrap_or(name).clone())
    }

    /// Whether another group of the service has this name of the state.
    pub fn is_taken(&self, name: &GroupName) -> bool {
        self.taken.values().any(|taken| taken == name)
    }

    /// The live relation with every renamed principal under the name that the state has for it.
    ///
    /// # Errors
    /// As [`Names::new`].
    pub fn live_as_applied<'a>(&self, live: &'a Access) -> Result<Cow<'a, Access>, CapacityError> {
        if self.groups.is_empty() && self.users.is_empty() {
            return Ok(Cow::Borrowed(live));
        }
        let principals = live.names.principals.iter();
        let principals = principals.map(|key| self.applied_principal(key)).collect();
        rekey(live, live.names.accounts.clone(), principals).map(Cow::Owned)
    }
}

fn by_id<K: Ord + Clone, T>(
    applied: &BTreeMap<K, Entity<T>>,
    live: &BTreeMap<K, Entity<T>>,
    id: impl Fn(&T) -> Option<&ServiceId>,
) -> BTreeMap<K, K> {
    let missing = applied
        .iter()
        .filter(|(key, entity)| entity.management != Management::None && !live.contains_key(key));
    let missing: Vec<(&K, &ServiceId)> = missing
        .filter_map(|(key, entity)| Some((key, id(&entity.value)?)))
        .collect();
    if missing.is_empty() {
        return BTreeMap::new();
    }
    let now: BTreeMap<&ServiceId, &K> = live
        .iter()
        .filter_map(|(key, entity)| Some((id(&entity.value)?, key)))
        .collect();
    let found = missing
        .into_iter()
        .filter_map(|(key, id)| Some((key.clone(), (*now.get(id)?).clone())));
    found.collect()
}

/// Groups of the state that have another name, while another group has theirs.
fn taken_over(
    applied: &BTreeMap<GroupName, Entity<Group>>,
    live: &BTreeMap<GroupName, Entity<Group>>,
) -> BTreeMap<GroupName, GroupName> {
    let applied = applied
        .iter()
        .filter(|(_, group)| group.management != Management::None);
    let left: Vec<(&GroupName, &ServiceId)> = applied
        .filter_map(|(name, group)| {
            let before = group.value.id.as_ref()?;
            let now = live.get(name)?.value.id.as_ref()?;
            (before != now).then_some((name, before))
        })
        .collect();
    let found = left.into_iter().filter_map(|(name, id)| {
        let mut live = live.iter();
        let (now, _) = live.find(|(_, group)| group.value.id.as_ref() == Some(id))?;
        Some((name.clone(), now.clone()))
    });
    found.collect()
}

/// The key under which the service has an account that is known by its e-mail address.
pub fn live_key(key: &AccountKey, observed: &Snapshot) -> AccountKey {
    let AccountKey::Email(email) = key else {
        return key.clone();
    };
    let mut accounts = observed.accounts.iter();
    let found = accounts.find(|(_, account)| account.value.email.as_ref() == Some(email));
    found.map_or_else(|| key.clone(), |(key, _)| key.clone())
}

/// The relation with accounts known by e-mail under the id that the service has for them.
///
/// # Errors
/// As [`Names::new`].
pub fn with_ids<'a>(access: &'a Access, observed: &Snapshot) -> Result<Cow<'a, Access>, CapacityError> {
    let by_email = |key: &AccountKey| matches!(key, AccountKey::Email(_));
    if !access.names.accounts.iter().any(by_email) {
        return Ok(Cow::Borrowed(access));
    }
    let accounts = access
        .names
        .accounts
        .iter()
        .map(|key| live_key(key, observed))
        .collect();
    rekey(access, accounts, access.names.principals.clone()).map(Cow::Owned)
}

/// The relation under other keys, given in the order of the old ones.
fn rekey(
    access: &Access,
    accounts: Vec<AccountKey>,
    principals: Vec<PrincipalKey>,
) -> Result<Access, CapacityError> {
    let names = Names::new(
        accounts.clone(),
        access.names.permission_sets.clone(),
        principals.clone(),
    )?;
    let account: Vec<u32> = accounts
        .iter()
        .map(|key| names.account_rank(key).unwrap_or(0))
        .collect();
    let principal: Vec<u32> = principals
        .iter()
        .map(|key| names.principal_rank(key).unwrap_or(0))
        .collect();
    let now = |ranks: &[u32], old: u32| ranks.get(old as usize).copied().unwrap_or(0);
    let mut rows: Vec<(Tuple, u32)> = access
        .tuples
        .iter()
        .zip(&access.note_of)
        .map(|(tuple, note)| {
            let (at, who) = (now(&account, tuple.account()), now(&principal, tuple.principal()));
            (Tuple::new(at, tuple.permission_set(), who), *note)
        })
        .collect();
    rows.sort_unstable();
    rows.dedup_by_key(|(tuple, _)| *tuple);
    Ok(Access {
        names,
        declarations: access.declarations.clone(),
        notes: access.notes.clone(),
        tuples: rows.iter().map(|(tuple, _)| *tuple).collect(),
        note_of: rows.iter().map(|(_, note)| *note).collect(),
    })
}
