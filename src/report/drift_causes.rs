//! Findings that only follow from another one: the assignments of a group that was made anew, the roles of a set that
//! was changed. One cause is one finding, and what follows from it is told below it.

use crate::drift::{Cause, DriftItem, Subject};
use crate::id::{EntityKey, GroupName, PermissionSetName, PrincipalKey, UserName};

/// For each finding the place of the one it follows from.
pub fn follows_from(items: &[DriftItem]) -> Vec<Option<usize>> {
    let roots: Vec<(usize, Root<'_>)> = items
        .iter()
        .enumerate()
        .filter_map(|(place, item)| Some((place, root(item)?)))
        .collect();
    let of = |item: &DriftItem| {
        let found = roots.iter().find(|(_, root)| root.explains(item));
        found.map(|(place, _)| *place)
    };
    items.iter().map(of).collect()
}

/// What happened to an entity that others refer to.
enum Root<'a> {
    /// The group is gone, or another one has its name; by which id it was known.
    Group(&'a GroupName, Option<&'a str>),
    /// The same for a user.
    User(&'a UserName, Option<&'a str>),
    /// The set is gone, or another one has its name.
    Set(&'a PermissionSetName),
    /// The set has other content.
    Content(&'a PermissionSetName),
}

fn root(item: &DriftItem) -> Option<Root<'_>> {
    let Subject::Entity { key, ids, .. } = &item.subject else {
        return None;
    };
    let was = ids.as_ref().map(|(was, _)| was.as_str());
    match (item.cause, key) {
        (Cause::Missing | Cause::Rebound, EntityKey::Group(name)) => Some(Root::Group(name, was)),
        (Cause::Missing | Cause::Rebound, EntityKey::User(name)) => Some(Root::User(name, was)),
        (Cause::Missing | Cause::Rebound, EntityKey::PermissionSet(name)) => Some(Root::Set(name)),
        (Cause::Changed, EntityKey::PermissionSet(name)) => Some(Root::Content(name)),
        _ => None,
    }
}

impl Root<'_> {
    fn explains(&self, item: &DriftItem) -> bool {
        let was_it = |name: &str, was: Option<&str>, id: &str| {
            was.map_or(item.was_called.as_deref() == Some(name), |was| was == id)
        };
        match (self, item.cause, &item.subject) {
            (Root::Group(name, _), Cause::Missing, Subject::Grants { principal, .. }) => {
                matches!(principal, PrincipalKey::Group(of) if of == *name)
            }
            (Root::Group(name, was), Cause::Orphaned, Subject::Grants { principal, .. }) => {
                matches!(principal, PrincipalKey::OrphanGroup(id) if was_it(name.as_str(), *was, id.as_str()))
            }
            (Root::Group(name, _), Cause::Missing, Subject::Members { group, .. }) => group == *name,
            (Root::User(name, _), Cause::Missing, Subject::Grants { principal, .. }) => {
                matches!(principal, PrincipalKey::User(of) if of == *name)
            }
            (Root::User(name, was), Cause::Orphaned, Subject::Grants { principal, .. }) => {
                matches!(principal, PrincipalKey::OrphanUser(id) if was_it(name.as_str(), *was, id.as_str()))
            }
            (Root::User(name, _), Cause::Missing, Subject::Members { users, .. }) => {
                users.as_slice() == [(*name).clone()]
            }
            (Root::Set(name), Cause::Missing, Subject::Grants { permission_set, .. }) => {
                permission_set == *name
            }
            (Root::Content(name), Cause::StaleProvisioning, Subject::Roles { permission_set, .. }) => {
                permission_set == *name
            }
            _ => false,
        }
    }
}

/// What a finding is in a word, where it stands below the one it follows from.
pub fn word(cause: Cause) -> &'static str {
    match cause {
        Cause::Missing => "gone with it",
        Cause::Orphaned => "left over",
        Cause::StaleProvisioning => "not provisioned since",
        _ => "follows from it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Addresses;
    use crate::id::{AccountId, AccountKey, ServiceId};

    fn item(cause: Cause, subject: Subject) -> DriftItem {
        DriftItem {
            cause,
            subject,
            addresses: Addresses::default(),
            location: None,
            declared: false,
            referred: false,
            now_called: None,
            was_called: None,
            edits: Default::default(),
            selected_by: Vec::new(),
            people: Vec::new(),
            expired: None,
            since: None,
        }
    }

    fn grants(set: &str, principal: PrincipalKey) -> Subject {
        Subject::Grants {
            permission_set: PermissionSetName::new(set).unwrap(),
            principal,
            accounts: vec![AccountKey::Id(AccountId::new("111122223333").unwrap())],
        }
    }

    fn group(name: &str) -> GroupName {
        GroupName::new(name).unwrap()
    }

    fn orphan(id: &str) -> PrincipalKey {
        PrincipalKey::OrphanGroup(ServiceId::new(id).unwrap())
    }

    #[test]
    fn what_a_group_made_anew_leaves_behind_follows_from_it() {
        let rebound = Subject::Entity {
            key: EntityKey::Group(group("ops")),
            contents: None,
            ids: Some((ServiceId::new("g-1").unwrap(), ServiceId::new("g-2").unwrap())),
        };
        let items = [
            item(Cause::Rebound, rebound),
            item(Cause::Orphaned, grants("admin", orphan("g-1"))),
            item(Cause::Orphaned, grants("admin", orphan("g-9"))),
            item(Cause::Missing, grants("admin", PrincipalKey::Group(group("ops")))),
            item(Cause::Missing, grants("admin", PrincipalKey::Group(group("dev")))),
        ];
        assert_eq!(follows_from(&items), [None, Some(0), None, Some(0), None]);
    }

    #[test]
    fn roles_are_behind_because_their_set_was_changed() {
        let set = |name: &str| PermissionSetName::new(name).unwrap();
        let roles = |name: &str| Subject::Roles {
            permission_set: set(name),
            accounts: Vec::new(),
        };
        let changed = Subject::Entity {
            key: EntityKey::PermissionSet(set("read")),
            contents: None,
            ids: None,
        };
        let items = [
            item(Cause::Changed, changed),
            item(Cause::StaleProvisioning, roles("read")),
            item(Cause::StaleProvisioning, roles("view")),
            item(Cause::RoleTampered, roles("read")),
        ];
        assert_eq!(follows_from(&items), [None, Some(0), None, None]);
    }
}
