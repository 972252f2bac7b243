//! What it means that the permission sets of AWS services go under `ignore`: who administers through them.

use std::collections::BTreeSet;

use crate::id::{AccountKey, GroupName, PermissionSetName, PrincipalKey, UserName};
use crate::model::privilege::{Privilege, judge};
use crate::model::snapshot::Snapshot;

/// Who administers through the permission sets under `ignore`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Administration {
    /// The sets among them that make administrators.
    pub permission_sets: BTreeSet<PermissionSetName>,
    /// Who has one of those somewhere.
    pub people: BTreeSet<UserName>,
    /// Groups that have one and whose members could not be read.
    pub unread: BTreeSet<GroupName>,
    /// Where somebody has one.
    pub accounts: BTreeSet<AccountKey>,
}

impl Administration {
    /// Through these sets.
    pub(super) fn through(ignored: &[PermissionSetName], snapshot: &Snapshot) -> Self {
        let makes_administrators = |name: &&PermissionSetName| {
            let set = snapshot.permission_sets.get(*name);
            set.is_some_and(|set| judge(&set.value).privilege == Some(Privilege::Administrator))
        };
        let mut this = Administration {
            permission_sets: ignored.iter().filter(makes_administrators).cloned().collect(),
            ..Administration::default()
        };
        let access = &snapshot.access;
        for tuple in &access.tuples {
            let Some((account, set, principal)) = access.names.resolve(*tuple) else {
                continue;
            };
            if this.permission_sets.contains(set) {
                this.accounts.insert(account.clone());
                this.add(principal, snapshot);
            }
        }
        this
    }

    fn add(&mut self, principal: &PrincipalKey, snapshot: &Snapshot) {
        match principal {
            PrincipalKey::User(name) => drop(self.people.insert(name.clone())),
            PrincipalKey::Group(name) => {
                let group = snapshot.groups.get(name);
                match group.and_then(|group| group.value.members.as_ref()) {
                    Some(members) => self.people.extend(members.iter().cloned()),
                    None => drop(self.unread.insert(name.clone())),
                }
            }
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => {}
        }
    }
}
