//! What a reading says about an effect: done, not done, or something else is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::Kind;
use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey, ServiceId};
use crate::model::access::Tuple;
use crate::model::account::Account;
use crate::model::action::{Effect, Learned};
use crate::model::instance::{HeldSubject, Observed};
use crate::model::principal::Group;
use crate::model::roles::{Provisioning, RoleSuffix};

/// What a reading says about an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It has happened, and taught this.
    Done(Learned),
    /// It has not happened, and what it starts from is there. Also when it cannot be told.
    NotDone,
    /// What is there is neither what it starts from nor what it brings about.
    Differs,
}

/// Looks an effect up in a reading. Texts that are not known yet differ from everything.
pub fn look_up(effect: &Effect, observed: &Observed) -> Found {
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
        Effect::MoveAccount { account, from, to } => match find_account(account, observed) {
            Some(found) => by_value(found.ou.as_ref(), Some(from), Some(to)),
            None => Found::NotDone,
        },
        Effect::TagAccount { account, from, to } => match find_account(account, observed) {
            Some(found) => by_value(found.tags.clone().unwrap_or_default(), from.clone(), to.clone()),
            None => Found::NotDone,
        },
        Effect::CreateUser { user } => match snapshot.users.get(&user.user_name) {
            Some(found) if found.value.same_as(user) => done(found.value.id.clone()),
            Some(_) => Found::Differs,
            None => Found::NotDone,
        },
        Effect::UpdateUser { from, to } => {
            let is = |user: &crate::model::principal::User| {
                let found = snapshot.users.get(&user.user_name);
                found.is_some_and(|found| found.value.same_as(user))
            };
            let renamed = from.user_name != to.user_name;
            let left = renamed && snapshot.users.contains_key(&from.user_name);
            by_truth(is(from), is(to) && !left)
        }
        Effect::CreateGroup { group } => match snapshot.groups.get(&group.display_name) {
            Some(found) if found.value.description == group.description => done(found.value.id.clone()),
            Some(_) => Found::Differs,
            None => Found::NotDone,
        },
        Effect::UpdateGroup { from, to } => {
            let is = |group: &Group| {
                let found = snapshot.groups.get(&group.display_name);
                found.is_some_and(|found| found.value.description == group.description)
            };
            let renamed = from.display_name != to.display_name;
            let left = renamed && snapshot.groups.contains_key(&from.display_name);
            by_truth(is(from), is(to) && !left)
        }
        Effect::AddMember { group, user } | Effect::RemoveMember { group, user } => {
            let adds = matches!(effect, Effect::AddMember { .. });
            let members = snapshot.groups.get(group).map(|group| &group.value.members);
            match members {
                Some(Some(members)) if members.contains(user) == adds => done(None),
                None if !adds && !is_held(effect, observed) => done(None),
                _ => Found::NotDone,
            }
        }
        Effect::CreatePermissionSet { permission_set: set } => {
            match snapshot.permission_sets.get(&set.name) {
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
        Effect::DeleteUser { user } => gone(!snapshot.users.contains_key(user), effect, observed),
        Effect::DeleteGroup { group } => gone(!snapshot.groups.contains_key(group), effect, observed),
        Effect::DeletePermissionSet { name } => {
            gone(!snapshot.permission_sets.contains_key(name), effect, observed)
        }
        Effect::Provision { name, accounts } => provision(name, accounts.as_ref(), observed),
        Effect::Grant {
            account,
            permission_set,
            principal,
        } => match find_grant(account, permission_set, principal, observed) {
            Some(tuple) => Found::Done(Learned {
                id: None,
                role: role_of(tuple, observed),
            }),
            None => Found::NotDone,
        },
        Effect::Revoke {
            account,
            permission_set,
            principal,
        } => {
            let absent = find_grant(account, permission_set, principal, observed).is_none();
            gone(absent, effect, observed)
        }
    }
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

/// An account by its key; one that was to be created with an e-mail address has an id afterwards.
fn find_account<'o>(key: &AccountKey, observed: &'o Observed) -> Option<&'o Account> {
    let accounts = &observed.snapshot.accounts;
    if let Some(found) = accounts.get(key) {
        return Some(&found.value);
    }
    let AccountKey::Email(email) = key else {
        return None;
    };
    let mut values = accounts.values().map(|entity| &entity.value);
    values.find(|account| account.email.as_ref() == Some(email))
}

fn create_account(account: &Account, observed: &Observed) -> Found {
    let Some(found) = find_account(&account.key, observed) else {
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
    by_key(account).or_else(|| by_key(&find_account(account, observed)?.key))
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
    use super::*;
    use crate::id::{GroupName, UserName};
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
        assert_eq!(look_up(&revoke("ops"), &observed), Found::NotDone);
        assert_eq!(look_up(&revoke("dev"), &observed), done(None));
        observed.held.push(Held {
            subject: HeldSubject::Pair(account(1), set("view")),
            why: "access denied".into(),
        });
        assert_eq!(look_up(&revoke("dev"), &observed), Found::NotDone);
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
        assert_eq!(look_up(&rename, &observed), Found::NotDone);
        let entity = observed.snapshot.groups.remove(&from.display_name).unwrap();
        observed.snapshot.groups.insert(to.display_name.clone(), entity);
        assert_eq!(look_up(&rename, &observed), done(None));
    }

    #[test]
    fn a_set_left_half_way_is_completed_from_what_is_there() {
        let observed = there();
        let mut wanted = crate::model::permission_set::PermissionSet::new(set("view"));
        wanted.managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess".into()].into();
        let create = Effect::CreatePermissionSet {
            permission_set: Box::new(wanted.clone()),
        };
        assert_eq!(look_up(&create, &observed), Found::Differs);
        let Some(Effect::UpdatePermissionSet { from, to }) = rest_of(&create, &observed) else {
            panic!("the rest of creating a set is an update");
        };
        assert_eq!(*from, observed.snapshot.permission_sets[&set("view")].value);
        assert_eq!(*to, wanted);
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
        assert_eq!(look_up(&add, &observed), done(None));
        assert_eq!(look_up(&remove, &observed), Found::NotDone);
    }
}
