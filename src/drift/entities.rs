//! Drift of entities and of the roles that permission sets became.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{AccountKey, EntityKey, PermissionSetName, ServiceId};
use crate::model::account::Account;
use crate::model::instance::Observed;
use crate::model::permission_set::PermissionSet;
use crate::model::principal::Group;
use crate::model::record::Recorded;
use crate::model::roles::Provisioning;
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::model::stack::{Desired, Unmanaged};
use crate::model::text::{Reference, Text};

use super::filter::Filter;
use super::{Cause, Content, Drift, DriftItem, Subject};

/// The key under which the service has an account that is known by its e-mail address.
pub fn live_key(key: &AccountKey, observed: &Snapshot) -> AccountKey {
    let AccountKey::Email(email) = key else {
        return key.clone();
    };
    let mut accounts = observed.accounts.iter();
    let found = accounts.find(|(_, account)| account.value.email.as_ref() == Some(email));
    found.map_or_else(|| key.clone(), |(key, _)| key.clone())
}

/// Adds the drift of entities and roles.
pub fn find(desired: &Desired, recorded: &Recorded, observed: &Observed, drift: &mut Drift) {
    let held = std::mem::take(&mut drift.held);
    let filter = Filter::new(&desired.settings, &held, &observed.snapshot);
    let finder = Finder {
        applied: &recorded.applied,
        live: &observed.snapshot,
        filter: &filter,
    };
    finder.permission_sets(&mut drift.items);
    finder.groups(&mut drift.items);
    finder.users(&mut drift.items);
    finder.accounts(recorded, &mut drift.items);
    if desired.settings.unmanaged != Unmanaged::Ignore {
        finder.unmanaged_sets(&desired.snapshot, &mut drift.items);
    }
    roles(observed, &filter, &mut drift.items);
    drift.held = held;
}

struct Finder<'a> {
    applied: &'a Snapshot,
    live: &'a Snapshot,
    filter: &'a Filter<'a>,
}

/// An item about an entity that the state knows.
fn about<T>(
    cause: Cause,
    key: EntityKey,
    entity: &Entity<T>,
    contents: Option<(Content, Content)>,
) -> DriftItem {
    DriftItem {
        cause,
        subject: Subject::Entity {
            key,
            contents: contents.map(Box::new),
            ids: None,
        },
        addresses: entity.addresses.clone(),
        location: entity.location.clone(),
        since: None,
    }
}

/// Missing or rebound: what can be told without looking at the content.
fn gone_or_other<T>(
    key: EntityKey,
    entity: &Entity<T>,
    applied: Option<&ServiceId>,
    live: Option<Option<&ServiceId>>,
) -> Option<DriftItem> {
    let Some(live) = live else {
        return Some(about(Cause::Missing, key, entity, None));
    };
    let ids = applied.zip(live).filter(|(before, now)| before != now)?;
    let mut item = about(Cause::Rebound, key, entity, None);
    if let Subject::Entity { ids: known, .. } = &mut item.subject {
        *known = Some((ids.0.clone(), ids.1.clone()));
    }
    Some(item)
}

impl Finder<'_> {
    fn permission_sets(&self, out: &mut Vec<DriftItem>) {
        for (name, entity) in &self.applied.permission_sets {
            let key = EntityKey::PermissionSet(name.clone());
            if self.filter.holds(&key) || entity.management == Management::None {
                continue;
            }
            let live = self.live.permission_sets.get(name).map(|live| &live.value);
            let (before, now) = (entity.value.arn.as_ref(), live.map(|live| live.arn.as_ref()));
            if let Some(item) = gone_or_other(key.clone(), entity, before, now) {
                out.push(item);
            } else if let (Some(live), true) = (live, entity.is_managed()) {
                let applied = self.resolved(&entity.value);
                if !applied.same_as(live) {
                    let boxed = |set: PermissionSet| Content::PermissionSet(Box::new(set));
                    let contents = (boxed(applied), boxed(live.clone()));
                    out.push(about(Cause::Changed, key, entity, Some(contents)));
                }
            }
        }
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
        let id = match &reference.entity {
            EntityKey::OrganizationalUnit(path) => self.live.organizational_units.get(path)?.value.id.clone(),
            EntityKey::Account(key) => {
                let key = live_key(key, self.live);
                return self
                    .live
                    .accounts
                    .get(&key)?
                    .value
                    .id()
                    .map(|id| id.as_str().into());
            }
            EntityKey::User(name) => self.live.users.get(name)?.value.id.clone(),
            EntityKey::Group(name) => self.live.groups.get(name)?.value.id.clone(),
            EntityKey::PermissionSet(name) => self.live.permission_sets.get(name)?.value.arn.clone(),
        };
        id.map(|id| id.as_str().into())
    }

    fn groups(&self, out: &mut Vec<DriftItem>) {
        for (name, entity) in &self.applied.groups {
            let key = EntityKey::Group(name.clone());
            if self.filter.holds(&key) || entity.management == Management::None {
                continue;
            }
            let live = self.live.groups.get(name).map(|live| &live.value);
            let (before, now) = (entity.value.id.as_ref(), live.map(|live| live.id.as_ref()));
            if let Some(item) = gone_or_other(key.clone(), entity, before, now) {
                out.push(item);
            } else if let (Some(live), true) = (live, entity.is_managed())
                && self.group_differs(&entity.value, live)
            {
                let boxed = |group: &Group| Content::Group(Box::new(group.clone()));
                let contents = (boxed(&entity.value), boxed(live));
                out.push(about(Cause::Changed, key, entity, Some(contents)));
            }
        }
    }

    fn group_differs(&self, applied: &Group, live: &Group) -> bool {
        let readable = !self.filter.holds_members(&applied.display_name);
        let members = match (&applied.members, &live.members) {
            (Some(applied), Some(live)) => readable && applied != live,
            _ => false,
        };
        members || applied.description != live.description
    }

    fn users(&self, out: &mut Vec<DriftItem>) {
        for (name, entity) in &self.applied.users {
            let key = EntityKey::User(name.clone());
            if self.filter.holds(&key) || entity.management == Management::None {
                continue;
            }
            let live = self.live.users.get(name).map(|live| &live.value);
            let (before, now) = (entity.value.id.as_ref(), live.map(|live| live.id.as_ref()));
            if let Some(item) = gone_or_other(key.clone(), entity, before, now) {
                out.push(item);
            } else if let (Some(live), true) = (live, entity.is_managed())
                && !entity.value.same_as(live)
            {
                let contents = (
                    Content::User(Box::new(entity.value.clone())),
                    Content::User(Box::new(live.clone())),
                );
                out.push(about(Cause::Changed, key, entity, Some(contents)));
            }
        }
    }

    /// Accounts against the last reading, since what a block says about an account it only refers to is no record.
    fn accounts(&self, recorded: &Recorded, out: &mut Vec<DriftItem>) {
        let seen = recorded.seen.as_ref().map(|seen| &seen.snapshot.accounts);
        for (key, entity) in &self.applied.accounts {
            let key = live_key(key, self.live);
            let name = EntityKey::Account(key.clone());
            if self.filter.holds(&name) {
                continue;
            }
            let Some(live) = self.live.accounts.get(&key).map(|live| &live.value) else {
                out.push(about(Cause::Missing, name, entity, None));
                continue;
            };
            let before = seen
                .and_then(|seen| seen.get(&key))
                .map_or(&entity.value, |seen| &seen.value);
            if account_moved(before, live) {
                let contents = (
                    Content::Account(Box::new(before.clone())),
                    Content::Account(Box::new(live.clone())),
                );
                out.push(about(Cause::AccountMoved, name, entity, Some(contents)));
            }
        }
    }

    fn unmanaged_sets(&self, desired: &Snapshot, out: &mut Vec<DriftItem>) {
        for name in self.live.permission_sets.keys() {
            let known =
                self.applied.permission_sets.contains_key(name) || desired.permission_sets.contains_key(name);
            let key = EntityKey::PermissionSet(name.clone());
            if known || self.filter.holds(&key) || !self.filter.sees_set(name) {
                continue;
            }
            let subject = Subject::Entity {
                key,
                contents: None,
                ids: None,
            };
            out.push(DriftItem {
                cause: Cause::Unmanaged,
                subject,
                addresses: BTreeSet::new(),
                location: None,
                since: None,
            });
        }
    }
}

/// Whether unit or tags differ, as far as both sides say something about them.
fn account_moved(before: &Account, live: &Account) -> bool {
    let differs = |before: bool, both: bool| before && both;
    differs(before.ou != live.ou, before.ou.is_some() && live.ou.is_some())
        || differs(
            before.tags != live.tags,
            before.tags.is_some() && live.tags.is_some(),
        )
}

fn roles(observed: &Observed, filter: &Filter<'_>, out: &mut Vec<DriftItem>) {
    let names = &observed.snapshot.access.names;
    let mut groups: BTreeMap<(Cause, PermissionSetName), Vec<AccountKey>> = BTreeMap::new();
    for row in &observed.roles {
        let cause = match row.provisioning {
            Provisioning::Latest => continue,
            Provisioning::Stale => Cause::StaleProvisioning,
            Provisioning::Tampered => Cause::RoleTampered,
        };
        let (account, set) = (
            names.account(row.pair.account()),
            names.permission_set(row.pair.permission_set()),
        );
        if let (Some(account), Some(set)) = (account, set)
            && filter.sees_set(set)
            && !filter.holds_pair(account, set)
        {
            groups
                .entry((cause, set.clone()))
                .or_default()
                .push(account.clone());
        }
    }
    out.extend(
        groups
            .into_iter()
            .map(|((cause, permission_set), accounts)| DriftItem {
                cause,
                subject: Subject::Roles {
                    permission_set,
                    accounts,
                },
                addresses: BTreeSet::new(),
                location: None,
                since: None,
            }),
    );
}
