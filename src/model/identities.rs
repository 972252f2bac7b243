//! Who is who from one reading to the next: people and groups are known again by their ids, whatever they are called.

use std::collections::BTreeMap;

use crate::id::{PrincipalKey, ServiceId};

use super::snapshot::Snapshot;

/// By which ids the service knew people and groups when they were last read.
#[derive(Debug, Clone, Default)]
pub struct Identities(BTreeMap<PrincipalKey, ServiceId>);

impl Identities {
    /// Those of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        Identities(ids(snapshot).map(|(key, id)| (key, id.clone())).collect())
    }

    /// Takes in the next reading, and tells under which keys it has those who were known by others.
    pub fn read(&mut self, snapshot: &Snapshot) -> Succession {
        let succession = self.succession(snapshot);
        for from in succession.0.keys() {
            self.0.remove(from);
        }
        for (key, id) in ids(snapshot) {
            if self.0.get(&key) != Some(id) {
                self.0.insert(key, id.clone());
            }
        }
        succession
    }

    /// Under which keys a snapshot has those who are known by others here.
    pub fn succession(&self, snapshot: &Snapshot) -> Succession {
        let elsewhere = self
            .0
            .iter()
            .filter(|(key, id)| id_of(snapshot, key) != Some(*id));
        let elsewhere: Vec<_> = elsewhere.collect();
        if elsewhere.is_empty() {
            return Succession::default();
        }
        let now: BTreeMap<&ServiceId, PrincipalKey> = ids(snapshot).map(|(key, id)| (id, key)).collect();
        let orphans = snapshot.access.names.principals.iter();
        let orphans: BTreeMap<&ServiceId, &PrincipalKey> = orphans
            .filter_map(|key| match key {
                PrincipalKey::OrphanGroup(id) | PrincipalKey::OrphanUser(id) => Some((id, key)),
                PrincipalKey::Group(_) | PrincipalKey::User(_) => None,
            })
            .collect();
        let followed = elsewhere.into_iter().filter_map(|(key, id)| {
            let found = now.get(id).or_else(|| orphans.get(id).copied());
            match (found, id_of(snapshot, key)) {
                (Some(now), _) => (now != key).then(|| (key.clone(), Some(now.clone()))),
                (None, Some(_another)) => Some((key.clone(), None)),
                // Not there, which a reading that could not read everything does not prove.
                (None, None) => None,
            }
        });
        Succession(followed.collect())
    }
}

/// Under which keys those who were known by others are found now.
#[derive(Debug, Clone, Default)]
pub struct Succession(BTreeMap<PrincipalKey, Option<PrincipalKey>>);

impl Succession {
    /// The key of whoever had this one; `None` if they are gone and somebody else has it.
    pub fn now<'k>(&'k self, key: &'k PrincipalKey) -> Option<&'k PrincipalKey> {
        self.0.get(key).map_or(Some(key), Option::as_ref)
    }

    /// The key of whoever had this one, if they are still there; else this one.
    pub fn now_there<'k>(&'k self, key: &'k PrincipalKey) -> &'k PrincipalKey {
        let now = self.now(key).filter(|now| !now.is_orphan());
        now.unwrap_or(key)
    }

    /// The key that whoever has this one had; `None` if it was somebody else's.
    pub fn before<'k>(&'k self, key: &'k PrincipalKey) -> Option<&'k PrincipalKey> {
        let mut moved = self.moved();
        match moved.find(|(_, now)| *now == key) {
            Some((before, _)) => Some(before),
            None => (!self.0.contains_key(key)).then_some(key),
        }
    }

    /// Whether everybody is known by the same key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who has another key, before and now.
    pub fn moved(&self) -> impl Iterator<Item = (&PrincipalKey, &PrincipalKey)> {
        self.0.iter().filter_map(|(from, to)| Some((from, to.as_ref()?)))
    }
}

/// The ids by which the service knows people and groups that it has.
fn ids(snapshot: &Snapshot) -> impl Iterator<Item = (PrincipalKey, &ServiceId)> {
    let groups = snapshot
        .groups
        .iter()
        .filter_map(|(name, group)| Some((PrincipalKey::Group(name.clone()), group.value.id.as_ref()?)));
    let users = snapshot
        .users
        .iter()
        .filter_map(|(name, user)| Some((PrincipalKey::User(name.clone()), user.value.id.as_ref()?)));
    groups.chain(users)
}

fn id_of<'s>(snapshot: &'s Snapshot, key: &'s PrincipalKey) -> Option<&'s ServiceId> {
    match key {
        PrincipalKey::Group(name) => snapshot.groups.get(name)?.value.id.as_ref(),
        PrincipalKey::User(name) => snapshot.users.get(name)?.value.id.as_ref(),
        PrincipalKey::OrphanGroup(id) | PrincipalKey::OrphanUser(id) => Some(id),
    }
}
