//! What the service calls a user or a group of a step at the moment of a reading.
//!
//! Names change in the middle of a plan, by the plan itself or by somebody else, and a name that was left can be
//! another one's soon after. Ids stay. So wherever an id is known it decides who is meant.

use std::collections::BTreeMap;

use crate::id::{EntityKey, GroupName, PrincipalKey, ServiceId, UserName};
use crate::model::action::Learned;
use crate::model::instance::Observed;
use crate::model::snapshot::Entity;
use crate::plan::Plan;
use crate::provider::Ids;

use super::ids::IdTable;

/// What something is called now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called<K> {
    /// It is there, under this name.
    By(K),
    /// Nothing has its id any more.
    Gone,
    /// No id of it is known; only its name tells.
    Unknown,
}

impl<K> Called<K> {
    /// The same with another kind of name.
    pub fn map<T>(self, to: impl FnOnce(K) -> T) -> Called<T> {
        match self {
            Called::By(name) => Called::By(to(name)),
            Called::Gone => Called::Gone,
            Called::Unknown => Called::Unknown,
        }
    }
}

/// What a group is called in a reading.
pub fn group(name: &GroupName, observed: &Observed, ids: &dyn Ids) -> Called<GroupName> {
    let id = ids.id(&EntityKey::Group(name.clone()));
    called(name, id.as_ref(), &observed.snapshot.groups, |group| {
        group.id.as_ref()
    })
}

/// What a user is called in a reading.
pub fn user(name: &UserName, observed: &Observed, ids: &dyn Ids) -> Called<UserName> {
    let id = ids.id(&EntityKey::User(name.clone()));
    called(name, id.as_ref(), &observed.snapshot.users, |user| {
        user.id.as_ref()
    })
}

/// What a principal is called in a reading. The grants of one that is gone are an orphan's.
pub fn principal(key: &PrincipalKey, observed: &Observed, ids: &dyn Ids) -> PrincipalKey {
    let found = match key {
        PrincipalKey::Group(name) => match group(name, observed, ids) {
            Called::By(name) => Some(PrincipalKey::Group(name)),
            Called::Gone => ids
                .id(&EntityKey::Group(name.clone()))
                .map(PrincipalKey::OrphanGroup),
            Called::Unknown => None,
        },
        PrincipalKey::User(name) => match user(name, observed, ids) {
            Called::By(name) => Some(PrincipalKey::User(name)),
            Called::Gone => ids
                .id(&EntityKey::User(name.clone()))
                .map(PrincipalKey::OrphanUser),
            Called::Unknown => None,
        },
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
    };
    found.unwrap_or_else(|| key.clone())
}

/// The ids by every name that a plan's steps use: those of the reading it was made from, and under the names that its
/// own renames bring.
pub fn ids_of_plan(plan: &Plan, planned_on: &Observed) -> IdTable {
    let mut ids = IdTable::new(planned_on);
    for effect in plan.actions.iter().filter_map(|action| action.effect.as_ref()) {
        ids.learn(effect, &Learned::default());
    }
    ids
}

fn called<K: Ord + Clone, T>(
    name: &K,
    id: Option<&ServiceId>,
    entities: &BTreeMap<K, Entity<T>>,
    id_of: impl Fn(&T) -> Option<&ServiceId>,
) -> Called<K> {
    let Some(id) = id else { return Called::Unknown };
    let is = |entity: &Entity<T>| id_of(&entity.value) == Some(id);
    if entities.get(name).is_some_and(is) {
        return Called::By(name.clone());
    }
    let found = entities.iter().find(|(_, entity)| is(entity));
    found.map_or(Called::Gone, |(name, _)| Called::By(name.clone()))
}
