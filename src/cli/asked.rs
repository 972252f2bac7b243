//! The block on whose behalf something was read that the service did not answer.

use std::fmt;

use crate::address::Address;
use crate::id::{AccountKey, EntityKey, PermissionSetName, ServiceId};
use crate::model::record::Recorded;
use crate::model::snapshot::{Entity, Snapshot};
use crate::provider::{Provider, ProviderError, ReadFor};
use crate::source::Location;

use super::error::Failure;

/// A block and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its address, or `provider`.
    pub block: String,
    /// Where it is written.
    pub at: Location,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}", self.block, self.at)
    }
}

/// What a reading failed with, and the block that asked for what was read: the one that declares it, else the provider's.
pub fn failure(
    error: ProviderError,
    provider: &dyn Provider,
    (declared, recorded): (&Snapshot, &Recorded),
    provider_at: Option<&Location>,
) -> Failure {
    let block = provider
        .failed_for()
        .and_then(|read| block_of(&read, declared, recorded));
    let block = block.or_else(|| {
        Some(Asked {
            block: format!("provider \"{}\"", provider.name()),
            at: provider_at?.clone(),
        })
    });
    match block {
        Some(asked) => Failure::Asked {
            error,
            asked: Box::new(asked),
        },
        None => error.into(),
    }
}

fn block_of(read: &ReadFor, declared: &Snapshot, recorded: &Recorded) -> Option<Asked> {
    match read {
        ReadFor::Entity(key) => of_entity(key, declared),
        ReadFor::Pair(account, set) => of_pair(account, set, declared),
        ReadFor::Set(arn) => of_entity(&EntityKey::PermissionSet(name_of(arn, recorded)?), declared),
        ReadFor::SetIn(account, arn) => of_pair(
            &AccountKey::Id(account.clone()),
            &name_of(arn, recorded)?,
            declared,
        ),
    }
}

/// The name by which the state knows a permission set.
fn name_of(arn: &ServiceId, recorded: &Recorded) -> Option<PermissionSetName> {
    let mut sets = recorded.applied.permission_sets.iter();
    let found = sets.find(|(_, set)| set.value.arn.as_ref() == Some(arn))?;
    Some(found.0.clone())
}

fn of_entity(key: &EntityKey, declared: &Snapshot) -> Option<Asked> {
    fn of<T>(entity: Option<&Entity<T>>) -> Option<Asked> {
        let entity = entity?;
        asked(entity.addresses.iter().next()?, entity.location.as_ref())
    }
    match key {
        EntityKey::OrganizationalUnit(key) => of(declared.organizational_units.get(key)),
        EntityKey::Account(key) => of(declared.accounts.get(key)),
        EntityKey::User(key) => of(declared.users.get(key)),
        EntityKey::Group(key) => of(declared.groups.get(key)),
        EntityKey::PermissionSet(key) => of(declared.permission_sets.get(key)),
    }
}

/// The block that assigns the permission set there, else the set's own.
fn of_pair(account: &AccountKey, set: &PermissionSetName, declared: &Snapshot) -> Option<Asked> {
    let access = &declared.access;
    let assignment = || {
        let (account, set) = (
            access.names.account_rank(account)?,
            access.names.permission_set_rank(set)?,
        );
        let mut tuples = access.tuples.iter();
        let at = tuples.position(|tuple| tuple.account() == account && tuple.permission_set() == set)?;
        let block = *access.note_at(at)?.declared_by.first()?;
        let block = access.declarations.get(block as usize)?;
        asked(&block.address, block.location.as_ref())
    };
    assignment().or_else(|| of_entity(&EntityKey::PermissionSet(set.clone()), declared))
}

fn asked(address: &Address, at: Option<&Location>) -> Option<Asked> {
    Some(Asked {
        block: address.to_string(),
        at: at?.clone(),
    })
}
