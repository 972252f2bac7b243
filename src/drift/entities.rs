//! Drift of units, users, groups with their members, and permission sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{EntityKey, GroupName, ServiceId, UserName};
use crate::model::action::Effect;
use crate::model::fingerprint;
use crate::model::instance::{Held, HeldSubject};
use crate::model::permission_set::PermissionSet;
use crate::model::principal::Group;
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::model::stack::Unmanaged;
use crate::model::text::{Reference, Text};

use super::named::live_key;
use super::{Cause, Content, DriftItem, Sources, Subject};

/// Adds the drift of entities other than accounts.
pub(super) fn find(sources: &Sources<'_>, out: &mut Vec<DriftItem>) {
    let finder = Finder {
        sources,
        applied: &sources.recorded.applied,
        live: sources.live,
    };
    finder.units(out);
    finder.permission_sets(out);
    finder.groups(out);
    finder.users(out);
    finder.outlived(out);
    if sources.desired.settings.unmanaged != Unmanaged::Ignore {
        finder.unmanaged_sets(out);
    }
}

/// Units that a block refers to and nobody has, as other look-ups that found nothing. Those that a plan would bring
/// about (with another name of a unit above, say) are not there yet, and those that were there once are findings.
pub(super) fn units_that_are_nowhere(sources: &Sources<'_>) -> Vec<Held> {
    let (live, applied) = (
        &sources.live.organizational_units,
        &sources.recorded.applied.organizational_units,
    );
    let declared = sources.desired.snapshot.organizational_units.iter();
    let nowhere = declared.filter(|(path, unit)| {
        let is_above_there = path
            .parent()
            .is_none_or(|above| above.is_root() || live.contains_key(&above));
        let key = EntityKey::OrganizationalUnit((*path).clone());
        unit.management != Management::Created
            && !path.is_root()
            && is_above_there
            && !live.contains_key(path)
            && !applied.contains_key(path)
            && !sources.filter.unreadable(&key)
    });
    let held = nowhere.map(|(path, _)| Held {
        why: format!("no organizational unit has the path {path}").into(),
        subject: HeldSubject::Entity(EntityKey::OrganizationalUnit(path.clone())),
    });
    held.collect()
}

struct Finder<'a> {
    sources: &'a Sources<'a>,
    applied: &'a Snapshot,
    live: &'a Snapshot,
}

/// An entity in the state with what can be told of it before its content is looked at.
struct Known<'e, T> {
    key: EntityKey,
    entity: &'e Entity<T>,
    applied_id: Option<&'e ServiceId>,
    /// The id now, if the name exists.
    live_id: Option<Option<&'e ServiceId>>,
    now_called: Option<String>,
}

impl<T> Known<'_, T> {
    fn item(&self, cause: Cause, desired: Option<&Entity<T>>) -> DriftItem {
        let origin = desired.unwrap_or(self.entity);
        DriftItem {
            addresses: origin.addresses.clone(),
            location: origin.location.clone(),
            declared: desired.is_some(),
            referred: self.entity.management == Management::Referred,
            ..DriftItem::new(cause, Subject::entity(self.key.clone()))
        }
    }

    /// Missing, renamed or rebound.
    fn gone_or_other(&self, desired: Option<&Entity<T>>) -> Option<DriftItem> {
        let Some(live) = self.live_id else {
            let cause = if self.now_called.is_some() {
                Cause::Renamed
            } else {
                Cause::Missing
            };
            let mut item = self.item(cause, desired);
            item.now_called.clone_from(&self.now_called);
            return Some(item);
        };
        let (before, now) = self.applied_id.zip(live).filter(|(before, now)| before != now)?;
        let mut item = self.item(Cause::Rebound, desired);
        item.now_called.clone_from(&self.now_called);
        if let Subject::Entity { ids, .. } = &mut item.subject {
            *ids = Some((before.clone(), now.clone()));
        }
        Some(item)
    }

    fn changed(&self, desired: Option<&Entity<T>>, contents: (Content, Content)) -> DriftItem {
        let mut item = self.item(Cause::Changed, desired);
        if let Subject::Entity { contents: known, .. } = &mut item.subject {
            *known = Some(Box::new(contents));
        }
        item
    }
}

impl Finder<'_> {
    /// What the state knows and could be read.
    fn looks_at<T>(&self, key: &EntityKey, entity: &Entity<T>) -> bool {
        entity.management != Management::None && !self.sources.filter.unreadable(key)
    }

    fn units(&self, out: &mut Vec<DriftItem>) {
        for (path, entity) in &self.applied.organizational_units {
            let key = EntityKey::OrganizationalUnit(path.clone());
            if path.is_root() || !self.looks_at(&key, entity) {
                continue;
            }
            let live = self.live.organizational_units.get(path);
            let known = Known {
                key,
                entity,
                applied_id: entity.value.id.as_ref(),
                live_id: live.map(|live| live.value.id.as_ref()),
                now_called: self.sources.renamed.units.get(path).map(ToString::to_string),
            };
            let desired = self.sources.desired.snapshot.organizational_units.get(path);
            out.extend(known.gone_or_other(desired));
        }
    }

    fn permission_sets(&self, out: &mut Vec<DriftItem>) {
        for (name, entity) in &self.applied.permission_sets {
            let key = EntityKey::PermissionSet(name.clone());
            if !self.looks_at(&key, entity) {
                continue;
            }
            let live = self.live.permission_sets.get(name).map(|live| &live.value);
            let known = Known {
                key,
                entity,
                applied_id: entity.value.arn.as_ref(),
                live_id: live.map(|live| live.arn.as_ref()),
                now_called: None,
            };
            let desired = self.sources.desired.snapshot.permission_sets.get(name);
            if let Some(item) = known.gone_or_other(desired) {
                out.push(item);
            } else if let (Some(live), true) = (live, entity.is_managed()) {
                let applied = self.resolved(&entity.value);
                if !applied.same_as(live) {
                    let boxed = |set: PermissionSet| Content::PermissionSet(Box::new(set));
                    out.push(DriftItem {
                        half_made: self.is_left_undone(&entity.value),
                        ..known.changed(desired, (boxed(applied), boxed(live.clone())))
                    });
                }
            }
        }
    }

    /// Whether the unfinished run was to write a set as it is recorded, and did not write all of it.
    fn is_left_undone(&self, set: &PermissionSet) -> bool {
        let wanted = fingerprint::of_effect(&Effect::CreatePermissionSet {
            permission_set: Box::new(set.clone()),
        });
        let run = self.sources.recorded.unfinished.as_ref();
        run.is_some_and(|run| run.has_left(wanted))
    }

    /// A set with its references filled in by what the service has.
    fn resolved(&self, set: &PermissionSet) -> PermissionSet {
        let fill = |text: &Text| text.resolve(&|reference| self.lookup(reference));
        let mut set = set.clone();
        set.description = set.description.as_ref().map(fill);
        set.relay_state = set.relay_state.as_ref().map(fill);
        set.inline_policy = set.inline_policy.as_ref().map(fill);
        set.tags = set
            .tags
            .iter()
            .map(|(key, value)| (key.clone(), fill(value)))
            .collect();
        set
    }

    fn lookup(&self, reference: &Reference) -> Option<Arc<str>> {
        let live = self.live;
        let id = match &reference.entity {
            EntityKey::OrganizationalUnit(path) => live.organizational_units.get(path)?.value.id.clone(),
            EntityKey::Account(key) => {
                let account = live.accounts.get(&live_key(key, live))?;
                return account.value.id().map(|id| id.as_str().into());
            }
            EntityKey::User(name) => live.users.get(name)?.value.id.clone(),
            EntityKey::Group(name) => live.groups.get(name)?.value.id.clone(),
            EntityKey::PermissionSet(name) => live.permission_sets.get(name)?.value.arn.clone(),
        };
        id.map(|id| id.as_str().into())
    }

    fn groups(&self, out: &mut Vec<DriftItem>) {
        for (name, entity) in &self.applied.groups {
            let key = EntityKey::Group(name.clone());
            if !self.looks_at(&key, entity) {
                continue;
            }
            let now = self.sources.renamed.groups.get(name);
            let live = self.live.groups.get(name).map(|live| &live.value);
            let known = Known {
                key,
                entity,
                applied_id: entity.value.id.as_ref(),
                live_id: live.map(|live| live.id.as_ref()),
                now_called: now.map(ToString::to_string),
            };
            let desired = self.sources.desired.snapshot.groups.get(name);
            let gone = known.gone_or_other(desired);
            let other = gone.is_some();
            out.extend(gone);
            let renamed = now
                .and_then(|now| self.live.groups.get(now))
                .map(|group| &group.value);
            let Some(live) = live
                .filter(|_| !other)
                .or(renamed)
                .filter(|_| entity.is_managed())
            else {
                continue;
            };
            if live.description != entity.value.description {
                let boxed = |group: &Group| Content::Group(Box::new(group.clone()));
                out.push(known.changed(desired, (boxed(&entity.value), boxed(live))));
            }
            self.members(&known, name, live, desired, out);
        }
    }

    /// Members that left and members that joined behind the stack's back.
    fn members(
        &self,
        known: &Known<'_, Group>,
        name: &GroupName,
        live: &Group,
        desired: Option<&Entity<Group>>,
        out: &mut Vec<DriftItem>,
    ) {
        let (Some(applied), Some(live)) = (&known.entity.value.members, &live.members) else {
            return;
        };
        if self.sources.filter.unreadable_members(name) {
            return;
        }
        let live: BTreeSet<UserName> = live
            .iter()
            .map(|user| self.sources.renamed.applied_user(user))
            .collect();
        let declared = desired.and_then(|group| group.value.members.as_ref());
        let undeclared = |user: &&UserName| declared.is_none_or(|declared| !declared.contains(*user));
        let joined: Vec<UserName> = live.difference(applied).filter(undeclared).cloned().collect();
        let left: Vec<UserName> = applied.difference(&live).cloned().collect();
        for (cause, users) in [(Cause::UnmanagedMembership, joined), (Cause::Missing, left)] {
            if users.is_empty() {
                continue;
            }
            let group = name.clone();
            out.push(DriftItem {
                subject: Subject::Members { group, users },
                now_called: known.now_called.clone(),
                ..known.item(cause, desired)
            });
        }
    }

    fn users(&self, out: &mut Vec<DriftItem>) {
        for (name, entity) in &self.applied.users {
            let key = EntityKey::User(name.clone());
            if !self.looks_at(&key, entity) {
                continue;
            }
            let live = self.live.users.get(name).map(|live| &live.value);
            let known = Known {
                key,
                entity,
                applied_id: entity.value.id.as_ref(),
                live_id: live.map(|live| live.id.as_ref()),
                now_called: self.sources.renamed.users.get(name).map(ToString::to_string),
            };
            let desired = self.sources.desired.snapshot.users.get(name);
            if let Some(item) = known.gone_or_other(desired) {
                out.push(item);
            } else if let (Some(live), true) = (live, entity.is_managed())
                && !entity.value.same_as(live)
            {
                let contents = (
                    Content::User(Box::new(entity.value.clone())),
                    Content::User(Box::new(live.clone())),
                );
                out.push(known.changed(desired, contents));
            }
        }
    }

    /// Old names of renamed sets whose `keep_old_until` has passed.
    fn outlived(&self, out: &mut Vec<DriftItem>) {
        for (name, outlived) in &self.sources.outlived {
            let key = EntityKey::PermissionSet(name.clone());
            if self.sources.filter.unreadable(&key) || !self.live.permission_sets.contains_key(name) {
                continue;
            }
            let successor = self
                .sources
                .desired
                .snapshot
                .permission_sets
                .get(&outlived.successor);
            let Some(successor) = successor else { continue };
            out.push(DriftItem {
                addresses: successor.addresses.clone(),
                location: successor.location.clone(),
                expired: Some(outlived.until),
                declared: true,
                ..DriftItem::new(Cause::Overdue, Subject::entity(key))
            });
        }
    }

    fn unmanaged_sets(&self, out: &mut Vec<DriftItem>) {
        for name in self.live.permission_sets.keys() {
            let desired = &self.sources.desired.snapshot.permission_sets;
            let known = self.applied.permission_sets.contains_key(name) || desired.contains_key(name);
            let key = EntityKey::PermissionSet(name.clone());
            if !known && !self.sources.filter.unreadable(&key) && self.sources.filter.answers_for_set(name) {
                out.push(DriftItem::new(Cause::Unmanaged, Subject::entity(key)));
            }
        }
    }
}

/// Gives assignments of deleted principals the block of the group or user that had their id.
pub(super) fn name_orphans(sources: &Sources<'_>, items: &mut [DriftItem]) {
    let mut known: BTreeMap<&ServiceId, (String, &DriftOrigin)> = BTreeMap::new();
    let origins = origins(&sources.recorded.applied);
    for origin in &origins {
        known.insert(&origin.id, (origin.name.clone(), origin));
    }
    for item in items.iter_mut().filter(|item| item.cause == Cause::Orphaned) {
        let Subject::Grants { principal, .. } = &item.subject else {
            continue;
        };
        let found = known.iter().find(|(id, _)| id.as_str() == principal.name());
        if let Some((_, (name, origin))) = found {
            item.was_called = Some(name.clone());
            if item.addresses.is_empty() {
                item.addresses.clone_from(&origin.addresses);
                item.location.clone_from(&origin.location);
            }
        }
    }
}

struct DriftOrigin {
    id: ServiceId,
    name: String,
    addresses: crate::address::Addresses,
    location: Option<crate::source::Location>,
}

fn origins(applied: &Snapshot) -> Vec<DriftOrigin> {
    let groups = applied.groups.values().filter_map(|group| {
        Some(DriftOrigin {
            id: group.value.id.clone()?,
            name: group.value.display_name.to_string(),
            addresses: group.addresses.clone(),
            location: group.location.clone(),
        })
    });
    let users = applied.users.values().filter_map(|user| {
        Some(DriftOrigin {
            id: user.value.id.clone()?,
            name: user.value.user_name.to_string(),
            addresses: user.addresses.clone(),
            location: user.location.clone(),
        })
    });
    groups.chain(users).collect()
}
