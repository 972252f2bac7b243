//! About whom the reading says nothing: a group whose members nobody could read is no empty group, and what has a name
//! in a rule and none in the directory is not nobody.

use std::collections::BTreeSet;

use crate::address::Kind;
use crate::id::{EntityKey, GroupName, PrincipalKey, UserName};
use crate::model::action::Effect;
use crate::model::instance::HeldSubject;
use crate::model::snapshot::Management;
use crate::plan::Plan;
use crate::plan::change::Reason;
use crate::plan::input::PlanInput;

use super::{GroupMembers, Membership};

/// Why nobody can tell who is behind a principal that a rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan) enum Unknown {
    /// The name means another one than it meant when it was last applied.
    Rebound,
    /// There is none of that name.
    Missing,
    /// Its members could not be read.
    Unread,
}

/// What could not be read of users and groups.
#[derive(Default)]
pub(super) struct Unread<'a> {
    principals: BTreeSet<&'a PrincipalKey>,
    entities: BTreeSet<&'a EntityKey>,
    members: BTreeSet<&'a GroupName>,
    users: bool,
    groups: bool,
}

impl<'a> Unread<'a> {
    pub fn new(input: &'a PlanInput) -> Self {
        let mut unread = Unread::default();
        for held in &input.observed.held {
            match &held.subject {
                HeldSubject::Principal(key) => drop(unread.principals.insert(key)),
                HeldSubject::Entity(key) => drop(unread.entities.insert(key)),
                HeldSubject::Members(group) => drop(unread.members.insert(group)),
                HeldSubject::All(Kind::User) => unread.users = true,
                HeldSubject::All(Kind::Group) => unread.groups = true,
                HeldSubject::All(_) | HeldSubject::Pair(..) => {}
            }
        }
        unread
    }

    /// Whether nobody can tell who is in a group that was seen, by the name that the service has.
    pub fn holds_members(&self, name: &GroupName) -> bool {
        // Without users, members are ids alone.
        self.users
            || self.groups
            || self.members.contains(name)
            || self.entities.contains(&EntityKey::Group(name.clone()))
            || self.principals.contains(&PrincipalKey::Group(name.clone()))
    }

    /// Whether groups that were not seen may be there all the same.
    pub fn hides_groups(&self) -> bool {
        self.groups
    }

    /// Whether what has an id and no name may be there all the same.
    pub fn hides_orphan(&self, key: &PrincipalKey) -> bool {
        let kind = match key {
            PrincipalKey::OrphanGroup(_) => self.groups,
            PrincipalKey::OrphanUser(_) => self.users,
            PrincipalKey::Group(_) | PrincipalKey::User(_) => false,
        };
        kind || self.principals.contains(key)
    }

    fn hides_user(&self, name: &UserName) -> bool {
        self.users
            || self.entities.contains(&EntityKey::User(name.clone()))
            || self.principals.contains(&PrincipalKey::User(name.clone()))
    }
}

/// Principals as rules name them.
pub(super) struct Named<'a> {
    input: &'a PlanInput,
    /// Look-ups that found nothing.
    not_found: BTreeSet<&'a PrincipalKey>,
    rebound: BTreeSet<&'a EntityKey>,
    created: BTreeSet<PrincipalKey>,
}

impl<'a> Named<'a> {
    pub fn new(plan: &'a Plan, input: &'a PlanInput) -> Self {
        let not_found = input.desired.held.iter().filter_map(|held| match &held.subject {
            HeldSubject::Principal(key) => Some(key),
            _ => None,
        });
        let rebound = plan.actions.iter().filter_map(|action| match action.reason {
            Reason::IdChanged { .. } => Some(&action.entity),
            _ => None,
        });
        let created = plan.actions.iter().filter_map(|action| match &action.effect {
            Some(Effect::CreateGroup { group }) => Some(PrincipalKey::Group(group.display_name.clone())),
            Some(Effect::CreateUser { user }) => Some(PrincipalKey::User(user.user_name.clone())),
            _ => None,
        });
        Named {
            input,
            not_found: not_found.collect(),
            rebound: rebound.collect(),
            created: created.collect(),
        }
    }

    /// Why nobody can tell who is meant, if that is so.
    pub fn unknown(&self, key: &PrincipalKey, groups: &GroupMembers<'a>) -> Option<Unknown> {
        let entity = match key {
            PrincipalKey::Group(name) => EntityKey::Group(name.clone()),
            PrincipalKey::User(name) => EntityKey::User(name.clone()),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => return None,
        };
        if self.rebound.contains(&entity) {
            return Some(Unknown::Rebound);
        }
        let (there, hidden) = match key {
            PrincipalKey::Group(name) => (groups.sees(name), groups.unread.hides_groups()),
            PrincipalKey::User(name) => {
                let renamed = groups.users_now.values().any(|now| *now == name);
                let there = renamed || self.input.observed.snapshot.users.contains_key(name);
                (there, groups.unread.hides_user(name))
            }
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => (true, false),
        };
        if hidden {
            return Some(Unknown::Unread);
        }
        let comes = self.created.contains(key) || self.is_yet_to_come(&entity);
        (self.not_found.contains(key) || !there && !comes).then_some(Unknown::Missing)
    }

    /// Whether this stack is to make it, and never has: nobody can be in it.
    fn is_yet_to_come(&self, key: &EntityKey) -> bool {
        let (desired, recorded) = (&self.input.desired.snapshot, &self.input.recorded.applied);
        let created = |management: Management| management == Management::Created;
        match key {
            EntityKey::Group(name) => {
                let declared = desired.groups.get(name);
                declared.is_some_and(|group| created(group.management)) && !recorded.groups.contains_key(name)
            }
            EntityKey::User(name) => {
                let declared = desired.users.get(name);
                declared.is_some_and(|user| created(user.management)) && !recorded.users.contains_key(name)
            }
            _ => false,
        }
    }
}

/// Members, or why nobody can tell.
pub(in crate::plan) type Behind = Result<Membership, Unknown>;
