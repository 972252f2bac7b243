//! Findings that only follow from another one: the assignments of a group that was made anew, the roles of a set that
//! was changed. One cause is one finding, and what follows from it is told below it.

use rustc_hash::FxHashMap;

use crate::drift::{Cause, DriftItem, Subject};
use crate::id::{EntityKey, PermissionSetName, PrincipalKey};

/// For each finding the place of the one it follows from: the first that explains it.
pub fn follows_from(items: &[DriftItem]) -> Vec<Option<usize>> {
    let mut causes: FxHashMap<Link<'_>, usize> = FxHashMap::default();
    for (place, item) in items.iter().enumerate() {
        for link in explains(item) {
            causes.entry(link).or_insert(place);
        }
    }
    let first = |item| {
        let links = needs(item).into_iter();
        links.filter_map(|link| causes.get(&link).copied()).min()
    };
    items.iter().map(first).collect()
}

/// What happened to an entity that others refer to.
#[derive(PartialEq, Eq, Hash)]
enum Link<'a> {
    /// The group is gone, or another one has its name.
    Group(&'a str),
    /// The same for a user.
    User(&'a str),
    /// The same for who was known by an id, or, where that is not known, was called so.
    GroupById(&'a str),
    GroupCalled(&'a str),
    UserById(&'a str),
    UserCalled(&'a str),
    /// The set is gone, or another one has its name.
    Set(&'a PermissionSetName),
    /// The set has other content.
    Content(&'a PermissionSetName),
}

/// What follows from a finding, if anything does.
fn explains(item: &DriftItem) -> Vec<Link<'_>> {
    let Subject::Entity { key, ids, .. } = &item.subject else {
        return Vec::new();
    };
    let was = ids.as_ref().map(|(was, _)| was.as_str());
    match (item.cause, key) {
        (Cause::Missing | Cause::Rebound, EntityKey::Group(name)) => {
            let name = name.as_str();
            let before = was.map_or(Link::GroupCalled(name), Link::GroupById);
            vec![Link::Group(name), before]
        }
        (Cause::Missing | Cause::Rebound, EntityKey::User(name)) => {
            let name = name.as_str();
            let before = was.map_or(Link::UserCalled(name), Link::UserById);
            vec![Link::User(name), before]
        }
        (Cause::Missing | Cause::Rebound, EntityKey::PermissionSet(name)) => vec![Link::Set(name)],
        (Cause::Changed, EntityKey::PermissionSet(name)) => vec![Link::Content(name)],
        _ => Vec::new(),
    }
}

/// What a finding follows from, if any of it was found.
fn needs(item: &DriftItem) -> Vec<Link<'_>> {
    let called = item.was_called.as_deref();
    match (item.cause, &item.subject) {
        (
            Cause::Missing,
            Subject::Grants {
                principal,
                permission_set,
                ..
            },
        ) => {
            let principal = match principal {
                PrincipalKey::Group(name) => Some(Link::Group(name.as_str())),
                PrincipalKey::User(name) => Some(Link::User(name.as_str())),
                PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
            };
            principal.into_iter().chain([Link::Set(permission_set)]).collect()
        }
        (Cause::Missing, Subject::Members { group, users, .. }) => {
            let user = match users.as_slice() {
                [user] => Some(Link::User(user.as_str())),
                _ => None,
            };
            user.into_iter().chain([Link::Group(group.as_str())]).collect()
        }
        (Cause::Orphaned, Subject::Grants { principal, .. }) => match principal {
            PrincipalKey::OrphanGroup(id) => {
                let called = called.map(Link::GroupCalled);
                called.into_iter().chain([Link::GroupById(id.as_str())]).collect()
            }
            PrincipalKey::OrphanUser(id) => {
                let called = called.map(Link::UserCalled);
                called.into_iter().chain([Link::UserById(id.as_str())]).collect()
            }
            PrincipalKey::Group(_) | PrincipalKey::User(_) => Vec::new(),
        },
        (Cause::StaleProvisioning, Subject::Roles { permission_set, .. }) => {
            vec![Link::Content(permission_set)]
        }
        _ => Vec::new(),
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
    use crate::id::{AccountId, AccountKey, GroupName, ServiceId};

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
            DriftItem::new(Cause::Rebound, rebound),
            DriftItem::new(Cause::Orphaned, grants("admin", orphan("g-1"))),
            DriftItem::new(Cause::Orphaned, grants("admin", orphan("g-9"))),
            DriftItem::new(Cause::Missing, grants("admin", PrincipalKey::Group(group("ops")))),
            DriftItem::new(Cause::Missing, grants("admin", PrincipalKey::Group(group("dev")))),
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
            DriftItem::new(Cause::Changed, changed),
            DriftItem::new(Cause::StaleProvisioning, roles("read")),
            DriftItem::new(Cause::StaleProvisioning, roles("view")),
            DriftItem::new(Cause::RoleTampered, roles("read")),
        ];
        assert_eq!(follows_from(&items), [None, Some(0), None, None]);
    }
}
