//! Hashes of people: of the crowd of a row, and of what happens to whom.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::{PrincipalKey, UserName};
use crate::plan::hashing::Gathering;
use crate::plan::people::{PeopleChange, PeopleRow};

use super::People;

/// The hash of all names, where a row does not carry them all.
pub(in crate::plan) fn everyone(members: &[u32], people: &People) -> Option<Arc<str>> {
    let name = |rank: &u32| people.names.get(*rank as usize).copied();
    (members.len() > PeopleRow::MOST_NAMED).then(|| hash_of_crowd(members.iter().filter_map(name)))
}

/// The hash that stands for a crowd: of all names, ascending.
pub(in crate::plan) fn hash_of_crowd<'n>(names: impl Iterator<Item = &'n UserName>) -> Arc<str> {
    let mut hasher = Gathering::new();
    for name in names {
        hasher.update(name.as_str().as_bytes()).update(&[0]);
    }
    hasher.finalize().to_hex().as_str().into()
}

/// Covers what the row says by name, so that equal facts have equal digests whatever the ranks are.
pub(super) fn hash_row(
    hasher: &mut Gathering,
    change: PeopleChange,
    set: u32,
    (accounts, account_names): (&[u32], &[String]),
    members: &[u32],
    people: &People,
) {
    let mut text = |part: &str| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    };
    text(&format!("{change:?}"));
    text(
        people
            .principals
            .permission_set(set)
            .map_or("", |name| name.as_str()),
    );
    for account in accounts {
        text(account_names.get(*account as usize).map_or("", String::as_str));
    }
    text("");
    for member in members {
        text(
            people
                .names
                .get(*member as usize)
                .map_or("", |name| name.as_str()),
        );
    }
    text("");
}

pub(super) fn hash_principals(hasher: &mut Gathering, keys: &BTreeSet<PrincipalKey>) {
    for key in keys {
        let text = key.to_string();
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
}
