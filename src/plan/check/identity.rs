//! Which recorded thing is which one in the service, by id, as this checker reads it; and which of them the plan is to
//! give another name.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Address, Addresses, InstanceKey, Kind};
use crate::id::{EntityKey, PrincipalKey, ServiceId};
use crate::model::instance::HeldSubject;
use crate::model::permission_set::PermissionSet;
use crate::model::principal::{Group, User};
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::model::stack::Moved;
use crate::plan::input::{Mode, PlanInput};

/// Names of the state, of the service, and of the configuration.
#[derive(Default)]
pub(super) struct Identity {
    /// What the state calls a principal, and what the service calls it, where that differs.
    pub now: BTreeMap<PrincipalKey, PrincipalKey>,
    /// Things of the state whose name in the service is another one's.
    pub others: BTreeSet<EntityKey>,
    /// What the service calls a principal, and what it is declared as, where it is to get another name.
    pub declared: BTreeMap<PrincipalKey, PrincipalKey>,
}

/// One thing of a kind, as far as it matters here.
struct Thing<'s> {
    key: EntityKey,
    id: Option<&'s ServiceId>,
    management: Management,
    addresses: &'s Addresses,
    synced: bool,
}

impl Identity {
    /// Reads it from the input.
    pub fn new(input: &PlanInput) -> Self {
        let destroy = input.options.mode == Mode::Destroy;
        let nothing = Snapshot::default();
        let desired = if destroy {
            &nothing
        } else {
            &input.desired.snapshot
        };
        let there = &input.observed.snapshot;
        // Few plans meet a thing whose id has gone elsewhere, and only those ask where.
        let by_id = LazyCell::new(|| -> BTreeMap<(Kind, &ServiceId), EntityKey> {
            let by_id = things(there).filter_map(|thing| Some(((thing.key.kind(), thing.id?), thing.key)));
            by_id.collect()
        });
        let orphans = &input.observed.snapshot.access.names.principals;
        let mut identity = Identity::default();
        for thing in things(&input.recorded.applied) {
            let Some(id) = thing.id else { continue };
            let seen = find(there, &thing.key);
            let seen_id = seen.as_ref().and_then(|seen| seen.id);
            if seen_id == Some(id) || (seen.is_some() && seen_id.is_none()) {
                continue;
            }
            let looked_up = find(desired, &thing.key)
                .is_some_and(|thing| matches!(thing.management, Management::Referred | Management::Managed));
            if is_held(input, &thing.key) || (looked_up && seen.is_none()) {
                continue;
            }
            if seen.is_some() {
                identity.others.insert(thing.key.clone());
            }
            let elsewhere = by_id.get(&(thing.key.kind(), id));
            let now = match (elsewhere, orphan(&thing.key, id)) {
                (Some(key), _) => principal(key),
                (None, Some(orphan)) if seen.is_some() || orphans.contains(&orphan) => Some(orphan),
                _ => None,
            };
            identity
                .now
                .extend(principal(&thing.key).and_then(|key| Some((key, now?))));
        }
        identity.find_declared(input, desired);
        identity
    }

    /// A principal that this stack made, that is there under a name that nobody declares, and whose block declares a
    /// name that nobody has.
    fn find_declared(&mut self, input: &PlanInput, desired: &Snapshot) {
        let (moved, there) = (&input.desired.moved, &input.observed.snapshot);
        for thing in things(&input.recorded.applied) {
            let Some(key) = principal(&thing.key) else {
                continue;
            };
            let seen_as = self.now.get(&key).unwrap_or(&key).clone();
            let stranger = seen_as == key && self.others.contains(&thing.key);
            let Some(seen) = entity(&seen_as).and_then(|key| find(there, &key)) else {
                continue;
            };
            let ours = thing.management == Management::Created && !stranger && !seen.synced;
            if !ours || find(desired, &seen.key).is_some() {
                continue;
            }
            let addresses: BTreeSet<Address> = thing
                .addresses
                .iter()
                .map(|address| moved_to(moved, address))
                .collect();
            let next = things(desired).find(|next| {
                let managed = matches!(next.management, Management::Created | Management::Managed);
                managed
                    && next.key.kind() == thing.key.kind()
                    && next.addresses.iter().any(|address| addresses.contains(address))
            });
            if let Some(next) = next.filter(|next| find(there, &next.key).is_none()) {
                self.declared
                    .extend(principal(&next.key).map(|declared| (seen_as, declared)));
            }
        }
    }

    /// What the state calls what the service calls `key`.
    pub fn in_state(&self, key: &PrincipalKey) -> PrincipalKey {
        let mut all = self.now.iter();
        let found = all.find(|(_, now)| *now == key);
        found.map_or_else(|| key.clone(), |(was, _)| was.clone())
    }

    /// What the service calls, before the plan has run, what a step names.
    pub fn in_service(&self, key: &PrincipalKey) -> PrincipalKey {
        let mut all = self.declared.iter();
        let found = all.find(|(_, declared)| *declared == key);
        found.map_or_else(|| key.clone(), |(now, _)| now.clone())
    }

    /// What the configuration calls what a step names.
    pub fn in_configuration(&self, key: &PrincipalKey) -> PrincipalKey {
        self.declared.get(key).unwrap_or(key).clone()
    }
}

/// Where `moved` blocks take an address in the end.
pub(super) fn moved_to(moved: &[Moved], address: &Address) -> Address {
    let mut address = address.clone();
    for _ in 0..moved.len() {
        let exact = moved.iter().find(|step| step.from == address);
        let whole = moved.iter().find(|step| {
            let bare = |address: &Address| address.instance == InstanceKey::None;
            bare(&step.from) && bare(&step.to) && step.from == address.block()
        });
        address = match (exact, whole) {
            (Some(step), _) => step.to.clone(),
            (None, Some(step)) => Address {
                instance: address.instance,
                ..step.to.clone()
            },
            (None, None) => break,
        };
    }
    address
}

fn is_held(input: &PlanInput, key: &EntityKey) -> bool {
    let destroy = input.options.mode == Mode::Destroy;
    let not_found = input.desired.held.iter().filter(|_| !destroy);
    let mut held = not_found.chain(&input.observed.held);
    held.any(|item| match &item.subject {
        HeldSubject::Entity(held) => held == key,
        HeldSubject::Principal(held) => principal(key).as_ref() == Some(held),
        HeldSubject::All(kind) => *kind == key.kind(),
        HeldSubject::Pair(..) | HeldSubject::Members(_) => false,
    })
}

/// The users, groups and permission sets of a snapshot.
fn things(snapshot: &Snapshot) -> impl Iterator<Item = Thing<'_>> {
    let users = snapshot.users.values().map(user);
    let groups = snapshot.groups.values().map(group);
    users
        .chain(groups)
        .chain(snapshot.permission_sets.values().map(set))
}

/// The one with a key.
fn find<'s>(snapshot: &'s Snapshot, key: &EntityKey) -> Option<Thing<'s>> {
    match key {
        EntityKey::User(name) => snapshot.users.get(name).map(user),
        EntityKey::Group(name) => snapshot.groups.get(name).map(group),
        EntityKey::PermissionSet(name) => snapshot.permission_sets.get(name).map(set),
        EntityKey::Account(_) | EntityKey::OrganizationalUnit(_) => None,
    }
}

fn user(user: &Entity<User>) -> Thing<'_> {
    Thing {
        key: EntityKey::User(user.value.user_name.clone()),
        id: user.value.id.as_ref(),
        management: user.management,
        addresses: &user.addresses,
        synced: user.value.external_id.is_some(),
    }
}

fn group(group: &Entity<Group>) -> Thing<'_> {
    Thing {
        key: EntityKey::Group(group.value.display_name.clone()),
        id: group.value.id.as_ref(),
        management: group.management,
        addresses: &group.addresses,
        synced: group.value.external_id.is_some(),
    }
}

fn set(set: &Entity<PermissionSet>) -> Thing<'_> {
    Thing {
        key: EntityKey::PermissionSet(set.value.name.clone()),
        id: set.value.arn.as_ref(),
        management: set.management,
        addresses: &set.addresses,
        synced: false,
    }
}

fn principal(key: &EntityKey) -> Option<PrincipalKey> {
    match key {
        EntityKey::User(name) => Some(PrincipalKey::User(name.clone())),
        EntityKey::Group(name) => Some(PrincipalKey::Group(name.clone())),
        _ => None,
    }
}

fn entity(key: &PrincipalKey) -> Option<EntityKey> {
    match key {
        PrincipalKey::User(name) => Some(EntityKey::User(name.clone())),
        PrincipalKey::Group(name) => Some(EntityKey::Group(name.clone())),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
    }
}

fn orphan(key: &EntityKey, id: &ServiceId) -> Option<PrincipalKey> {
    match key {
        EntityKey::User(_) => Some(PrincipalKey::OrphanUser(id.clone())),
        EntityKey::Group(_) => Some(PrincipalKey::OrphanGroup(id.clone())),
        _ => None,
    }
}
