//! The service as sets of names, naive on purpose.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::PrincipalKey;
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::snapshot::Snapshot;
use crate::plan::Plan;

/// A thing's name without the marks of its other names: declared (x), or given by others (y).
pub(super) fn plain(name: impl ToString) -> String {
    name.to_string().trim_end_matches(['x', 'y']).to_owned()
}

type Grant = (String, String, String);
pub(super) type Fact = (String, String, String);

/// The service as sets of names. A renamed user or group is the same; sets are told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model {
    sets: BTreeSet<String>,
    users: BTreeSet<String>,
    groups: BTreeMap<String, BTreeSet<String>>,
    grants: BTreeSet<Grant>,
}

pub(super) fn who(key: &PrincipalKey) -> String {
    match key {
        PrincipalKey::Group(name) => plain(name),
        PrincipalKey::User(name) => plain(name),
        PrincipalKey::OrphanGroup(id) | PrincipalKey::OrphanUser(id) => format!("orphan {id}"),
    }
}

impl Model {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let members = |members: &Option<BTreeSet<_>>| members.iter().flatten().map(plain).collect();
        let access = &snapshot.access;
        let names = access
            .tuples
            .iter()
            .map(|tuple| access.names.resolve(*tuple).unwrap());
        Model {
            sets: snapshot.permission_sets.keys().map(ToString::to_string).collect(),
            users: snapshot.users.keys().map(plain).collect(),
            groups: snapshot
                .groups
                .iter()
                .map(|(name, group)| (plain(name), members(&group.value.members)))
                .collect(),
            grants: names
                .map(|(account, set, principal)| (account.to_string(), set.to_string(), who(principal)))
                .collect(),
        }
    }

    pub(super) fn people(&self, principal: &str) -> BTreeSet<String> {
        if self.users.contains(principal) {
            return BTreeSet::from([principal.to_owned()]);
        }
        self.groups.get(principal).cloned().unwrap_or_default()
    }

    /// By person, account and set: the principals that give the access.
    pub(super) fn paths(&self) -> BTreeMap<Fact, BTreeSet<String>> {
        let mut paths: BTreeMap<Fact, BTreeSet<String>> = BTreeMap::new();
        for (account, set, principal) in &self.grants {
            for person in self.people(principal) {
                let fact = (person, account.clone(), set.clone());
                paths.entry(fact).or_default().insert(principal.clone());
            }
        }
        paths
    }

    /// Who can enter what; a set that the plan renames counts as the one that follows.
    pub(super) fn access(&self, renamed: &BTreeMap<String, String>) -> BTreeSet<Fact> {
        let now = |set: String| renamed.get(&set).cloned().unwrap_or(set);
        let paths = self.paths().into_keys();
        paths
            .map(|(person, account, set)| (person, account, now(set)))
            .collect()
    }

    /// The roles there are: by account and set.
    pub(super) fn roles(&self) -> BTreeSet<(String, String)> {
        let roles = self
            .grants
            .iter()
            .map(|(account, set, _)| (account.clone(), set.clone()));
        roles.collect()
    }

    pub(super) fn assigned(&self, set: &str) -> bool {
        self.grants.iter().any(|grant| grant.1 == set)
    }

    /// Carries out one effect, as the service would: it refuses what is out of order.
    pub(super) fn act(&mut self, effect: &Effect) {
        match effect {
            Effect::CreateUser { user } => assert!(self.users.insert(plain(&user.user_name))),
            Effect::DeleteUser { user } => {
                assert!(self.users.remove(&plain(user)));
                self.groups.values_mut().for_each(|members| {
                    members.remove(&plain(user));
                });
            }
            Effect::CreateGroup { group } => {
                let before = self.groups.insert(plain(&group.display_name), BTreeSet::new());
                assert_eq!(before, None);
            }
            Effect::DeleteGroup { group } => assert!(self.groups.remove(&plain(group)).is_some()),
            Effect::AddMember { group, user } => {
                assert!(self.users.contains(&plain(user)), "{user} does not exist");
                assert!(self.groups.get_mut(&plain(group)).unwrap().insert(plain(user)));
            }
            Effect::RemoveMember { group, user } => {
                assert!(self.groups.get_mut(&plain(group)).unwrap().remove(&plain(user)));
            }
            Effect::CreatePermissionSet { permission_set } => {
                assert!(self.sets.insert(permission_set.name.to_string()));
            }
            Effect::DeletePermissionSet { name } => {
                assert!(!self.assigned(name.as_str()), "{name} is assigned");
                assert!(self.sets.remove(name.as_str()));
            }
            Effect::Provision { name, .. } => assert!(self.assigned(name.as_str()), "{name} is not assigned"),
            _ => {}
        }
    }

    pub(super) fn grant(&mut self, plan: &Plan, tuple: Tuple) {
        let (account, set, principal) = plan.names.resolve(tuple).unwrap();
        assert!(self.sets.contains(set.as_str()), "{set} does not exist");
        let principal = who(principal);
        assert!(
            self.users.contains(&principal) || self.groups.contains_key(&principal),
            "no {principal}"
        );
        assert!(
            self.grants
                .insert((account.to_string(), set.to_string(), principal))
        );
    }

    pub(super) fn revoke(&mut self, plan: &Plan, tuple: Tuple) {
        let (account, set, principal) = plan.names.resolve(tuple).unwrap();
        assert!(
            self.grants
                .remove(&(account.to_string(), set.to_string(), who(principal)))
        );
    }
}
