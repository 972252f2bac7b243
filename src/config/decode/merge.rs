//! One key, one entity: look-ups that share a key are one; anything else with a key that is taken is an error.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::address::Kind;
use crate::config::decode::Decoder;
use crate::config::decode::reader::Reader;
use crate::config::entities::ModuleId;
use crate::config::evaluate::Referred;
use crate::diagnostic::{Code, Diagnostic};
use crate::id::{EntityKey, PrincipalKey};
use crate::model::denial::NO_ACCOUNT;
use crate::model::instance::{Held, HeldSubject, Observed};
use crate::model::snapshot::{Entity, Management};
use crate::model::stack::Desired;
use crate::source::Span;

/// Two blocks for one thing of the service.
const DUPLICATE: Code = Code("duplicate-entity");

/// Which block declared which key.
#[derive(Debug, Default)]
pub(super) struct Seen {
    first: FxHashMap<EntityKey, First>,
    last: FxHashMap<Kind, Span>,
    /// User e-mail addresses.
    pub emails: crate::config::rules::principal::Emails,
    /// Root e-mail addresses of accounts.
    pub account_emails: crate::config::rules::principal::Emails,
}

#[derive(Debug, Clone, Copy)]
struct First {
    span: Span,
    data: bool,
    referred: bool,
    module: ModuleId,
}

impl Seen {
    /// Where the last entity of a kind was declared.
    pub(super) fn last(&self, kind: Kind) -> Option<Span> {
        self.last.get(&kind).copied()
    }
}

impl Decoder<'_, '_> {
    /// Notes who declares a key. `None` if it is taken, which is reported; else whether it is new.
    pub(super) fn claim(
        &mut self,
        key: &EntityKey,
        reader: &Reader<'_, '_>,
        management: Management,
    ) -> Option<bool> {
        let block = reader.block;
        let this = First {
            span: block.head,
            data: block.data,
            referred: management == Management::Referred,
            module: reader.entity.module,
        };
        self.seen.last.insert(block.kind, block.head);
        let Some(first) = self.seen.first.get(key).copied() else {
            self.seen.first.insert(key.clone(), this);
            return Some(true);
        };
        // Two plain blocks of one module for one account are a slip of copying, not two references.
        let both_plain = !first.data && !this.data && first.module == this.module;
        if first.referred && this.referred && !both_plain {
            return Some(false);
        }
        let message = if first.span == this.span {
            format!("several instances of this block are one {key}")
        } else {
            format!("two blocks are one {key}")
        };
        let mut error = Diagnostic::error(DUPLICATE, message)
            .at(this.span, "this block")
            .because(if first.data || this.data {
                "what is looked up is someone else's; what is declared is written by this stack. It can be one of them"
            } else {
                "the service knows it by this name or id, so they would write the same thing"
            })
            .help(if first.span == this.span { "make its name from `each.key`" } else { "keep one of the blocks, and refer to it from elsewhere" });
        if first.span != this.span {
            error = error.also(first.span, "and this one");
        }
        self.engine.report(error);
        None
    }

    /// Wraps a value with who declares it.
    pub(super) fn entity<T>(&self, reader: &Reader<'_, '_>, management: Management, value: T) -> Entity<T> {
        Entity {
            value,
            addresses: reader.address().into_iter().collect(),
            management,
            location: reader.block.location.clone(),
            keep_old_until: None,
        }
    }

    /// Adds an entity, or its address to the one that is there.
    pub(super) fn insert<K: Ord, T>(
        map: &mut BTreeMap<K, Entity<T>>,
        key: K,
        entity: Entity<T>,
        fill: impl FnOnce(&mut T, T),
    ) {
        match map.get_mut(&key) {
            Some(known) => {
                known.addresses.extend(entity.addresses);
                fill(&mut known.value, entity.value);
            }
            None => {
                map.insert(key, entity);
            }
        }
    }

    /// What the stack refers to but does not create.
    pub(super) fn references(&self) -> Vec<Referred> {
        let snapshot = &self.out.desired.snapshot;
        let mut found = Vec::new();
        let units = snapshot
            .organizational_units
            .iter()
            .filter(|(_, unit)| unit.management != Management::Created);
        found.extend(units.map(|(path, _)| Referred::OrganizationalUnit(path.clone())));
        let accounts = snapshot.accounts.values();
        let accounts = accounts
            .filter(|account| account.value.id().is_some() || account.management != Management::Created);
        found.extend(accounts.map(|account| Referred::Account(account.value.clone())));
        let is_referred = |management: Management| management == Management::Referred;
        let users = snapshot
            .users
            .iter()
            .filter(|(_, user)| is_referred(user.management));
        found.extend(users.map(|(name, _)| Referred::User(name.clone())));
        let groups = snapshot
            .groups
            .iter()
            .filter(|(_, group)| is_referred(group.management));
        found.extend(groups.map(|(name, _)| Referred::Group(name.clone())));
        let sets = snapshot
            .permission_sets
            .iter()
            .filter(|(_, set)| is_referred(set.management));
        found.extend(sets.map(|(name, _)| Referred::PermissionSet(name.clone())));
        found
    }
}

/// Look-ups that what was read does not answer.
pub(in crate::config) fn hold_unanswered(desired: &mut Desired, observed: &Observed) {
    let seen = &observed.snapshot;
    let declared = &desired.snapshot;
    let mut missing: Vec<(HeldSubject, Kind, String)> = Vec::new();
    let is_referred = |management: Management| management == Management::Referred;
    for (name, group) in &declared.groups {
        if is_referred(group.management) && !seen.groups.contains_key(name) {
            missing.push((
                HeldSubject::Principal(PrincipalKey::Group(name.clone())),
                Kind::Group,
                format!("no group has the display name {name}"),
            ));
        }
    }
    for (name, user) in &declared.users {
        if is_referred(user.management) && !seen.users.contains_key(name) {
            missing.push((
                HeldSubject::Principal(PrincipalKey::User(name.clone())),
                Kind::User,
                format!("no user has the name {name}"),
            ));
        }
    }
    for (name, set) in &declared.permission_sets {
        if is_referred(set.management) && !seen.permission_sets.contains_key(name) {
            let key = EntityKey::PermissionSet(name.clone());
            missing.push((
                HeldSubject::Entity(key),
                Kind::PermissionSet,
                format!("no permission set has the name {name}"),
            ));
        }
    }
    for (key, account) in &declared.accounts {
        let created = account.management == Management::Created;
        if !created && !seen.accounts.contains_key(key) {
            let why = format!("{NO_ACCOUNT}{key} ({})", account.value.name);
            missing.push((
                HeldSubject::Entity(EntityKey::Account(key.clone())),
                Kind::Account,
                why,
            ));
        }
    }
    let known = |subject: &HeldSubject, kind: Kind| {
        observed
            .held
            .iter()
            .any(|held| held.subject == *subject || held.subject == HeldSubject::All(kind))
    };
    let held = missing
        .into_iter()
        .filter(|(subject, kind, _)| !known(subject, *kind));
    let held = held.map(|(subject, _, why)| Held {
        subject,
        why: why.into(),
    });
    desired.held.extend(held);
    desired.held.sort();
}
