//! What a reading says about an effect: done, not done, or something else is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::Kind;
use crate::id::{AccountKey, EntityKey, GroupName, PermissionSetName, PrincipalKey, ServiceId, UserName};
use crate::model::access::Tuple;
use crate::model::account::Account;
use crate::model::action::{Effect, Learned};
use crate::model::instance::{HeldSubject, Observed};
use crate::model::principal::{Group, User};
use crate::model::roles::{Provisioning, RoleSuffix};
use crate::provider::Ids;

use super::called::{self, Called};
use super::ids::{find_account, id_in};

/// What a reading says about an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It has happened, and taught this.
    Done(Learned),
    /// It has not happened, and what it starts from is there. Also when it cannot be told.
    NotDone,
    /// What is there is neither what it starts from nor what it brings about; it may be left by an attempt that was cut
    /// short.
    Differs,
    /// What is there cannot come from this effect, not even in part: somebody else made it.
    Theirs,
}

/// Looks an effect up in a reading. Texts that are not known yet differ from everything.
///
/// Whom an effect is about is told by id, as far as `ids` knows one: between a plan and a reading a group or a user
/// may have got another name, by that plan or by somebody else.
pub fn look_up(effect: &Effect, observed: &Observed, ids: &dyn Ids) -> Found {
    let snapshot = &observed.snapshot;
    match effect {
        Effect::CreateOrganizationalUnit { path } => match snapshot.organizational_units.get(path) {
            Some(unit) => done(unit.value.id.clone()),
            None => Found::NotDone,
        },
        Effect::RenameOrganizationalUnit { from, to } => {
            let units = &snapshot.organizational_units;
            match (units.contains_key(from), units.contains_key(to)) {
                (true, true) => Found::Differs,
                (false, true) => done(None),
                // Neither: a unit above may be renamed first.
                (_, false) => Found::NotDone,
            }
        }
        Effect::CreateAccount { account } => create_account(account, observed),
        Effect::MoveAccount { account, from, to } => match find_account(account, snapshot) {
            Some(found) => by_value(found.ou.as_ref(), Some(from), Some(to)),
            None => Found::NotDone,
        },
        Effect::TagAccount { account, from, to } => match find_account(account, snapshot) {
            Some(found) => by_value(found.tags.clone().unwrap_or_default(), from.clone(), to.clone()),
            None => Found::NotDone,
        },
        Effect::CreateUser { .. } | Effect::UpdateUser { .. } | Effect::DeleteUser { .. } => {
            user(effect, observed, ids)
        }
        Effect::CreateGroup { .. } | Effect::UpdateGroup { .. } | Effect::DeleteGroup { .. } => {
            group(effect, observed, ids)
        }
        Effect::AddMember { group, user } => membership(group, user, true, observed, ids),
        Effect::RemoveMember { group, user } => membership(group, user, false, observed, ids),
        Effect::CreatePermissionSet { permission_set: set } => {
            match snapshot.permission_sets.get(&set.name) {
                // Its assignments wait until it is made, so one that has some was there before.
                Some(_) if is_assigned(&set.name, observed) => Found::Theirs,
                Some(found) if found.value.same_as(set) => done(found.value.arn.clone()),
                Some(_) => Found::Differs,
                None => Found::NotDone,
            }
        }
        Effect::UpdatePermissionSet { from, to } => {
            let found = snapshot.permission_sets.get(&to.name).map(|entity| &entity.value);
            by_truth(
                found.is_some_and(|found| found.same_as(from)),
                found.is_some_and(|found| found.same_as(to)),
            )
        }
        Effect::DeletePermissionSet { name } => {
            let known = ids.id(&EntityKey::PermissionSet(name.clone()));
            let found = snapshot.permission_sets.get(name);
            let absent = found.is_none_or(|found| is_another(known.as_ref(), found.value.arn.as_ref()));
            gone(absent, effect, observed)
        }
        Effect::Provision { name, accounts } => provision(name, accounts.as_ref(), observed),
        Effect::Grant {
            account,
            permission_set,
            principal,
        } => {
            let now = called::principal(principal, observed, ids);
            match find_grant(account, permission_set, &now, observed) {
                Some(tuple) => Found::Done(Learned {
                    id: None,
                    role: role_of(tuple, observed),
                }),
                None => Found::NotDone,
            }
        }
        Effect::Revoke {
            account,
            permission_set,
            principal,
        } => {
            let now = called::principal(principal, observed, ids);
            let absent = find_grant(account, permission_set, &now, observed).is_none();
            let revoke = Effect::Revoke {
                account: account.clone(),
                permission_set: permission_set.clone(),
                principal: now,
            };
            gone(absent, &revoke, observed)
        }
    }
}

/// Whether a user was made, changed or deleted.
fn user(effect: &Effect, observed: &Observed, ids: &dyn Ids) -> Found {
    let users = &observed.snapshot.users;
    match effect {
        Effect::CreateUser { user } => match users.get(&user.user_name) {
            Some(found) if found.value.same_as(user) => done(found.value.id.clone()),
            // One call makes a user whole.
            Some(_) => Found::Theirs,
            None => Found::NotDone,
        },
        Effect::UpdateUser { from, to } => {
            let key = EntityKey::User(from.user_name.clone());
            let id = from.id.clone().or_else(|| ids.id(&key));
            let is = |user: &User| {
                let found = users.get(&user.user_name).map(|found| &found.value);
                found.is_some_and(|found| found.same_as(user) && !is_another(id.as_ref(), found.id.as_ref()))
            };
            let left = from.user_name != to.user_name && users.contains_key(&from.user_name);
            by_truth(is(from), is(to) && !left)
        }
        Effect::DeleteUser { user } => {
            let absent = match called::user(user, observed, ids) {
                Called::By(_) => false,
                Called::Gone => true,
                Called::Unknown => !users.contains_key(user),
            };
            gone(absent, effect, observed)
        }
        _ => Found::NotDone,
    }
}

/// Whether a group was made, changed or deleted.
fn group(effect: &Effect, observed: &Observed, ids: &dyn Ids) -> Found {
    let groups = &observed.snapshot.groups;
    match effect {
        Effect::CreateGroup { group } => match groups.get(&group.display_name).map(|found| &found.value) {
            // One call makes a group whole, and its members come after it: one that has some, or that says something
            // else, is somebody else's.
            Some(found) if found.description != group.description => Found::Theirs,
            Some(Group {
                members: Some(members),
                ..
            }) if !members.is_empty() => Found::Theirs,
            Some(Group { members: None, .. }) => Found::Differs,
            Some(found) => done(found.id.clone()),
            None => Found::NotDone,
        },
        Effect::UpdateGroup { from, to } => {
            let key = EntityKey::Group(from.display_name.clone());
            let id = from.id.clone().or_else(|| ids.id(&key));
            let is = |group: &Group| {
                let found = groups.get(&group.display_name).map(|found| &found.value);
                found.is_some_and(|found| {
                    found.description == group.description && !is_another(id.as_ref(), found.id.as_ref())
                })
            };
            let left = from.display_name != to.display_name && groups.contains_key(&from.display_name);
            by_truth(is(from), is(to) && !left)
        }
        Effect::DeleteGroup { group } => {
            let absent = match called::group(group, observed, ids) {
                Called::By(_) => false,
                Called::Gone => true,
                Called::Unknown => !groups.contains_key(group),
            };
            gone(absent, effect, observed)
        }
        _ => Found::NotDone,
    }
}

/// Whether anybody has a set anywhere.
fn is_assigned(set: &PermissionSetName, observed: &Observed) -> bool {
    let access = &observed.snapshot.access;
    let Some(rank) = access.names.permission_set_rank(set) else {
        return false;
    };
    access.pairs().iter().any(|pair| pair.permission_set() == rank)
}

/// Whether a user came into a group (`adds`) or left it. With a group its memberships go, and with a user too; but a
/// name that nobody has proves nothing while it is not known who had it.
fn membership(group: &GroupName, user: &UserName, adds: bool, observed: &Observed, ids: &dyn Ids) -> Found {
    let unclear = |key: EntityKey| adds || is_entity_held(&key, observed);
    let group = match called::group(group, observed, ids) {
        Called::By(name) => name,
        Called::Unknown => group.clone(),
        Called::Gone if unclear(EntityKey::Group(group.clone())) => return Found::NotDone,
        Called::Gone => return done(None),
    };
    let user = match called::user(user, observed, ids) {
        Called::By(name) => name,
        Called::Unknown => user.clone(),
        Called::Gone if unclear(EntityKey::User(user.clone())) => return Found::NotDone,
        Called::Gone => return done(None),
    };
    let found = observed.snapshot.groups.get(&group);
    match found.and_then(|group| group.value.members.as_ref()) {
        Some(members) if members.contains(&user) == adds => done(None),
        _ => Found::NotDone,
    }
}

/// Whether an id that is known differs from one that was read.
fn is_another(known: Option<&ServiceId>, found: Option<&ServiceId>) -> bool {
    matches!((known, found), (Some(known), Some(found)) if known != found)
}

/// What is still to be done when an effect was left half way, as an effect of its own: the content of a permission
/// set is several calls.
pub fn rest_of(effect: &Effect, observed: &Observed) -> Option<Effect> {
    let wanted = match effect {
        Effect::CreatePermissionSet { permission_set: set } | Effect::UpdatePermissionSet { to: set, .. } => {
            set
        }
        _ => return None,
    };
    let found = observed.snapshot.permission_sets.get(&wanted.name)?;
    Some(Effect::UpdatePermissionSet {
        from: Box::new(found.value.clone()),
        to: wanted.clone(),
    })
}

/// The request by which the service is doing this, if it is.
pub fn in_progress<'o>(effect: &Effect, observed: &'o Observed) -> Option<&'o Arc<str>> {
    let same = |other: &Effect| match (effect, other) {
        (Effect::CreateAccount { account }, Effect::CreateAccount { account: other }) => {
            account.email.is_some() && account.email == other.email || account.key == other.key
        }
        (Effect::Provision { name, .. }, Effect::Provision { name: other, .. }) => name == other,
        _ => effect == other,
    };
    let found = observed.in_progress.iter().find(|request| same(&request.what))?;
    Some(&found.request_id)
}

/// Whether an entity, or all of its kind, could not be read.
fn is_entity_held(key: &EntityKey, observed: &Observed) -> bool {
    observed.held.iter().any(|held| match &held.subject {
        HeldSubject::Entity(entity) => entity == key,
        HeldSubject::All(kind) => *kind == key.kind(),
        _ => false,
    })
}

/// Whether the reading leaves open what an effect is about, so that nothing follows from its absence.
pub fn is_held(effect: &Effect, observed: &Observed) -> bool {
    let entity = effect.entity();
    observed.held.iter().any(|held| match (&held.subject, effect) {
        (HeldSubject::Entity(key), _) if entity.as_ref() == Some(key) => true,
        (HeldSubject::All(kind), _) if entity.as_ref().map(EntityKey::kind) == Some(*kind) => true,
        (
            HeldSubject::Members(name),
            Effect::AddMember { group, .. } | Effect::RemoveMember { group, .. },
        ) => name == group,
        (
            subject,
            Effect::Grant {
                account,
                permission_set,
                principal,
            }
            | Effect::Revoke {
                account,
                permission_set,
                principal,
            },
        ) => holds_grant(subject, account, permission_set, principal),
        _ => false,
    })
}

fn holds_grant(
    subject: &HeldSubject,
    account: &AccountKey,
    set: &PermissionSetName,
    principal: &PrincipalKey,
) -> bool {
    let principal_key = match principal {
        PrincipalKey::Group(name) => Some(EntityKey::Group(name.clone())),
        PrincipalKey::User(name) => Some(EntityKey::User(name.clone())),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
    };
    match subject {
        HeldSubject::Entity(EntityKey::Account(key)) => key == account,
        HeldSubject::Entity(EntityKey::PermissionSet(name)) => name == set,
        HeldSubject::Entity(key) => principal_key.as_ref() == Some(key),
        HeldSubject::Principal(key) => key == principal,
        HeldSubject::Pair(key, name) => key == account && name == set,
        HeldSubject::Members(_) => false,
        HeldSubject::All(kind) => match kind {
            Kind::User => !principal.is_group(),
            Kind::Group => principal.is_group(),
            Kind::OrganizationalUnit => false,
            _ => true,
        },
    }
}

/// What a creation that was cut short has taught, where what it made is there and differs yet.
pub(super) fn done_in_part(effect: &Effect, observed: &Observed) -> Learned {
    let key = effect.entity();
    Learned {
        id: key.and_then(|key| id_in(&observed.snapshot, &key)),
        role: None,
    }
}

fn done(id: Option<ServiceId>) -> Found {
    Found::Done(Learned { id, role: None })
}

fn gone(absent: bool, effect: &Effect, observed: &Observed) -> Found {
    if absent && !is_held(effect, observed) {
        done(None)
    } else {
        Found::NotDone
    }
}

fn by_truth(before: bool, after: bool) -> Found {
    match (before, after) {
        (_, true) => done(None),
        (true, false) => Found::NotDone,
        (false, false) => Found::Differs,
    }
}

fn by_value<T: PartialEq>(found: T, from: T, to: T) -> Found {
    by_truth(found == from, found == to)
}

fn create_account(account: &Account, observed: &Observed) -> Found {
    let Some(found) = find_account(&account.key, &observed.snapshot) else {
        return Found::NotDone;
    };
    let in_place = account.ou.is_none() || account.ou == found.ou;
    let wanted: BTreeMap<Arc<str>, Arc<str>> = account.tags.clone().unwrap_or_default();
    let tagged = account.tags.is_none() || wanted == found.tags.clone().unwrap_or_default();
    if in_place && tagged {
        done(found.id().and_then(|id| ServiceId::new(id.as_str()).ok()))
    } else {
        Found::Differs
    }
}

fn find_grant(
    account: &AccountKey,
    set: &PermissionSetName,
    principal: &PrincipalKey,
    observed: &Observed,
) -> Option<Tuple> {
    let access = &observed.snapshot.access;
    let by_key = |account: &AccountKey| {
        let tuple = access.names.tuple(account, set, principal)?;
        access.find(tuple).map(|_| tuple)
    };
    by_key(account).or_else(|| by_key(&find_account(account, &observed.snapshot)?.key))
}

/// The role of a grant's pair, when its name is known.
pub fn role_of(tuple: Tuple, observed: &Observed) -> Option<RoleSuffix> {
    let at = observed
        .roles
        .binary_search_by_key(&tuple.pair(), |row| row.pair)
        .ok()?;
    observed.roles.get(at)?.suffix
}

/// Provisioned is a set whose roles, where it has grants, are all up to date.
fn provision(
    name: &PermissionSetName,
    accounts: Option<&std::collections::BTreeSet<AccountKey>>,
    observed: &Observed,
) -> Found {
    let access = &observed.snapshot.access;
    let Some(set) = access.names.permission_set_rank(name) else {
        return done(None);
    };
    let wanted = |rank: u32| {
        let key = access.names.account(rank);
        accounts.is_none_or(|accounts| key.is_some_and(|key| accounts.contains(key)))
    };
    let mut pairs = access
        .pairs()
        .into_iter()
        .filter(|pair| pair.permission_set() == set && wanted(pair.account()));
    let latest = |pair| {
        let at = observed.roles.binary_search_by_key(&pair, |row| row.pair).ok();
        let row = at.and_then(|at| observed.roles.get(at));
        row.is_some_and(|row| row.provisioning == Provisioning::Latest)
    };
    if pairs.all(latest) {
        done(None)
    } else {
        Found::NotDone
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::IdTable;
    use super::*;
    use crate::model::instance::Held;
    use crate::plan::scene::{Scene, account, principal, set};

    fn there() -> Observed {
        let scene =
            Scene::new()
                .account(1)
                .group("ops", &["ada"])
                .set("view")
                .assign("a", &["ops"], &["view"], &[1]);
        scene.applied().build().observed
    }

    fn seen(effect: &Effect, observed: &Observed) -> Found {
        look_up(effect, observed, &IdTable::new(observed))
    }

    fn revoke(who: &str) -> Effect {
        Effect::Revoke {
            account: account(1),
            permission_set: set("view"),
            principal: principal(who),
        }
    }

    #[test]
    fn what_is_absent_is_gone_only_if_it_could_be_read() {
        let mut observed = there();
        assert_eq!(seen(&revoke("ops"), &observed), Found::NotDone);
        assert_eq!(seen(&revoke("dev"), &observed), done(None));
        observed.held.push(Held {
            subject: HeldSubject::Pair(account(1), set("view")),
            why: "access denied".into(),
        });
        assert_eq!(seen(&revoke("dev"), &observed), Found::NotDone);
    }

    #[test]
    fn a_rename_is_done_once_the_old_name_is_gone() {
        let mut observed = there();
        let from = observed.snapshot.groups[&GroupName::new("ops").unwrap()]
            .value
            .clone();
        let to = Group {
            display_name: GroupName::new("operations").unwrap(),
            ..from.clone()
        };
        let rename = Effect::UpdateGroup {
            from: from.clone(),
            to: to.clone(),
        };
        assert_eq!(seen(&rename, &observed), Found::NotDone);
        let entity = observed.snapshot.groups.remove(&from.display_name).unwrap();
        observed.snapshot.groups.insert(to.display_name.clone(), entity);
        assert_eq!(seen(&rename, &observed), done(None));
    }

    #[test]
    fn a_set_left_half_way_is_completed_from_what_is_there() {
        let made = Scene::new().account(1).set("view");
        let observed = made.applied().build().observed;
        let mut wanted = crate::model::permission_set::PermissionSet::new(set("view"));
        wanted.managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess".into()].into();
        let create = Effect::CreatePermissionSet {
            permission_set: Box::new(wanted.clone()),
        };
        assert_eq!(seen(&create, &observed), Found::Differs);
        let Some(Effect::UpdatePermissionSet { from, to }) = rest_of(&create, &observed) else {
            panic!("the rest of creating a set is an update");
        };
        assert_eq!(*from, observed.snapshot.permission_sets[&set("view")].value);
        assert_eq!(*to, wanted);
        // Nobody gets a set before it is made.
        assert_eq!(seen(&create, &there()), Found::Theirs);
    }

    #[test]
    fn memberships_are_read_from_the_group() {
        let observed = there();
        let (group, user) = (GroupName::new("ops").unwrap(), UserName::new("ada").unwrap());
        let (add, remove) = (
            Effect::AddMember {
                group: group.clone(),
                user: user.clone(),
            },
            Effect::RemoveMember { group, user },
        );
        assert_eq!(seen(&add, &observed), done(None));
        assert_eq!(seen(&remove, &observed), Found::NotDone);
    }

    /// The group `ops` and the user `ada` are called otherwise since `before` was read.
    fn renamed(before: &Observed) -> Observed {
        let mut now = before.clone();
        let (ops, ada) = (GroupName::new("ops").unwrap(), UserName::new("ada").unwrap());
        let mut group = now.snapshot.groups.remove(&ops).unwrap();
        group.value.display_name = GroupName::new("operations").unwrap();
        let members = group.value.members.as_mut().unwrap();
        members.remove(&ada);
        members.insert(UserName::new("ada.l").unwrap());
        now.snapshot
            .groups
            .insert(group.value.display_name.clone(), group);
        let mut user = now.snapshot.users.remove(&ada).unwrap();
        user.value.user_name = UserName::new("ada.l").unwrap();
        now.snapshot.users.insert(user.value.user_name.clone(), user);
        now.snapshot.access = crate::model::access::Access::default();
        now
    }

    #[test]
    fn a_membership_is_one_of_ids_and_not_of_names() {
        let before = there();
        let ids = IdTable::new(&before);
        let remove = Effect::RemoveMember {
            group: GroupName::new("ops").unwrap(),
            user: UserName::new("ada").unwrap(),
        };
        let mut now = renamed(&before);
        assert_eq!(look_up(&remove, &now, &ids), Found::NotDone);
        // Nobody knows who that was.
        assert_eq!(look_up(&remove, &now, &IdTable::default()), Found::NotDone);
        let operations = GroupName::new("operations").unwrap();
        let group = now.snapshot.groups.get_mut(&operations).unwrap();
        group.value.members = Some(std::collections::BTreeSet::new());
        assert_eq!(look_up(&remove, &now, &ids), done(None));
        // Another group of the old name, with somebody of the old name in it, proves nothing.
        let mut theirs = before.clone();
        let ops = GroupName::new("ops").unwrap();
        theirs.snapshot.groups.get_mut(&ops).unwrap().value.id = Some(ServiceId::new("group-9").unwrap());
        assert_eq!(look_up(&remove, &theirs, &ids), done(None));
        theirs.held.push(Held {
            subject: HeldSubject::All(Kind::Group),
            why: "access denied".into(),
        });
        assert_eq!(look_up(&remove, &theirs, &ids), Found::NotDone);
    }

    #[test]
    fn what_was_granted_is_looked_for_under_the_name_of_today() {
        let before = there();
        let ids = IdTable::new(&before);
        let mut now = renamed(&before);
        now.snapshot.access = Scene::new()
            .account(1)
            .assign("a", &["operations"], &["view"], &[1])
            .build()
            .desired
            .snapshot
            .access;
        assert_eq!(look_up(&revoke("ops"), &now, &ids), Found::NotDone);
        now.snapshot.groups.clear();
        let orphan = PrincipalKey::OrphanGroup(ServiceId::new("group-ops").unwrap());
        now.snapshot.access.names.principals = vec![orphan];
        assert_eq!(look_up(&revoke("ops"), &now, &ids), Found::NotDone);
        now.snapshot.access = crate::model::access::Access::default();
        assert_eq!(look_up(&revoke("ops"), &now, &ids), done(None));
    }

    #[test]
    fn a_group_that_has_members_was_not_only_made() {
        let observed = there();
        let ops = &observed.snapshot.groups[&GroupName::new("ops").unwrap()].value;
        let group = Group {
            members: None,
            ..ops.clone()
        };
        assert_eq!(seen(&Effect::CreateGroup { group }, &observed), Found::Theirs);
    }

    #[test]
    fn a_group_renamed_by_others_was_not_deleted() {
        let before = there();
        let delete = Effect::DeleteGroup {
            group: GroupName::new("ops").unwrap(),
        };
        let ids = IdTable::new(&before);
        assert_eq!(look_up(&delete, &renamed(&before), &ids), Found::NotDone);
    }
}
