//! The view of a state: what is recorded, by address.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{Address, Addresses, Kind};
use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey, ServiceId};
use crate::model::record::Recorded;
use crate::model::snapshot::{Entity, Management};

/// What a state holds.
pub struct StateView<'a> {
    /// Entities, by kind and key.
    pub entities: Vec<EntityLine>,
    /// Assignments grouped by blocks, set and principal.
    pub grants: Vec<GrantLine<'a>>,
}

/// A recorded entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntityLine {
    /// What kind.
    pub kind: Kind,
    /// What the service calls it.
    pub key: String,
    /// Its id or ARN, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What this stack may do with it.
    pub management: Management,
    /// The blocks that declare it.
    pub addresses: Addresses,
}

/// Recorded assignments of the same blocks, set and principal.
pub struct GrantLine<'a> {
    /// The blocks that declare them.
    pub addresses: Vec<&'a Address>,
    /// Whether this stack made or adopted them.
    pub owned: bool,
    /// What.
    pub permission_set: &'a PermissionSetName,
    /// To whom.
    pub principal: &'a PrincipalKey,
    /// Where.
    pub accounts: Vec<&'a AccountKey>,
}

impl<'a> StateView<'a> {
    /// The view of a state.
    pub fn new(recorded: &'a Recorded) -> Self {
        StateView {
            entities: entities(recorded),
            grants: grants(recorded),
        }
    }

    /// All addresses, in order.
    pub fn addresses(&self) -> BTreeSet<&Address> {
        let entities = self.entities.iter().flat_map(|line| &line.addresses);
        let grants = self.grants.iter().flat_map(|line| line.addresses.iter().copied());
        entities.chain(grants).collect()
    }

    /// Only what is recorded at an address; its instances too when it has no instance key.
    #[must_use]
    pub fn at(mut self, address: &Address) -> Self {
        let matches = |known: &Address| known == address || known.block() == *address;
        self.entities.retain(|line| line.addresses.iter().any(matches));
        self.grants
            .retain(|line| line.addresses.iter().any(|known| matches(known)));
        self
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty() && self.grants.is_empty()
    }
}

fn entities(recorded: &Recorded) -> Vec<EntityLine> {
    fn line<T>(key: EntityKey, entity: &Entity<T>, id: Option<&ServiceId>) -> EntityLine {
        EntityLine {
            kind: key.kind(),
            key: key.name(),
            id: id.map(ToString::to_string),
            management: entity.management,
            addresses: entity.addresses.clone(),
        }
    }
    let applied = &recorded.applied;
    let units = applied.organizational_units.iter();
    let units =
        units.map(|(key, e)| line(EntityKey::OrganizationalUnit(key.clone()), e, e.value.id.as_ref()));
    let accounts = applied
        .accounts
        .iter()
        .map(|(key, e)| line(EntityKey::Account(key.clone()), e, None));
    let users = applied
        .users
        .iter()
        .map(|(key, e)| line(EntityKey::User(key.clone()), e, e.value.id.as_ref()));
    let groups = applied
        .groups
        .iter()
        .map(|(key, e)| line(EntityKey::Group(key.clone()), e, e.value.id.as_ref()));
    let sets = applied.permission_sets.iter();
    let sets = sets.map(|(key, e)| line(EntityKey::PermissionSet(key.clone()), e, e.value.arn.as_ref()));
    units
        .chain(accounts)
        .chain(users)
        .chain(groups)
        .chain(sets)
        .collect()
}

fn grants(recorded: &Recorded) -> Vec<GrantLine<'_>> {
    let access = &recorded.applied.access;
    let mut groups: BTreeMap<(u32, u32, u32), Vec<u32>> = BTreeMap::new();
    for (tuple, note) in access.tuples.iter().zip(&access.note_of) {
        let key = (*note, tuple.permission_set(), tuple.principal());
        groups.entry(key).or_default().push(tuple.account());
    }
    let line = |((note, set, principal), accounts): ((u32, u32, u32), Vec<u32>)| {
        let note = access.notes.get(note as usize)?;
        Some(GrantLine {
            addresses: note
                .blocks(&access.declarations)
                .map(|block| &block.address)
                .collect(),
            owned: note.owned,
            permission_set: access.names.permission_set(set)?,
            principal: access.names.principal(principal)?,
            accounts: accounts
                .into_iter()
                .filter_map(|rank| access.names.account(rank))
                .collect(),
        })
    };
    let mut lines: Vec<GrantLine<'_>> = groups.into_iter().filter_map(line).collect();
    lines.sort_by(|left, right| {
        (&left.addresses, left.permission_set, left.principal).cmp(&(
            &right.addresses,
            right.permission_set,
            right.principal,
        ))
    });
    lines
}
