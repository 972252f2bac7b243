//! Drift of grants: a merge of three sorted relations.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::address::Address;
use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::model::access::{Access, CapacityError, Names, Tuple};
use crate::model::instance::Observed;
use crate::model::record::Recorded;
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Desired, Unmanaged};
use crate::source::Location;

use super::filter::{Filter, Standing};
use super::{Cause, Drift, DriftItem, Subject};

/// What the three sources know about one tuple.
#[derive(Default, Clone, Copy)]
struct Row {
    desired: Option<usize>,
    recorded: Option<usize>,
    observed: bool,
}

/// Grants of one cause, set and principal while they are collected.
#[derive(Default)]
struct Group {
    accounts: Vec<AccountKey>,
    addresses: BTreeSet<Address>,
    location: Option<Location>,
    since: Option<Timestamp>,
}

type Groups = BTreeMap<(Cause, PermissionSetName, PrincipalKey), Group>;

/// Adds the drift of grants.
pub fn find(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
    drift: &mut Drift,
) -> Result<(), CapacityError> {
    let declared = with_ids(&desired.snapshot, &observed.snapshot)?;
    let applied = with_ids(&recorded.applied, &observed.snapshot)?;
    let live = &observed.snapshot.access;
    let names = Names::union([&declared.names, &applied.names, &live.names])?;
    let held = std::mem::take(&mut drift.held);
    let filter = Filter::new(&desired.settings, &held, &observed.snapshot);
    let mut groups = Groups::new();
    for (tuple, row) in merged(&names, &declared, &applied, live) {
        let Some((account, set, principal)) = names.resolve(tuple) else {
            continue;
        };
        match filter.grant(account, set, principal) {
            Standing::Held => continue,
            Standing::Ignored if row.observed => drift.ignored += 1,
            Standing::OutOfScope if row.observed => drift.out_of_scope += 1,
            Standing::Ignored | Standing::OutOfScope => {}
            Standing::Seen => {
                let Some((cause, origin)) = cause(row, principal, desired, &declared, &applied, now) else {
                    drift.unchanged += u64::from(row.observed);
                    continue;
                };
                let group = groups.entry((cause, set.clone(), principal.clone())).or_default();
                group.accounts.push(account.clone());
                if let Some((access, index)) = origin {
                    note_origin(group, access, index);
                }
            }
        }
    }
    drift.items.extend(groups.into_iter().map(item));
    drift.held = held;
    Ok(())
}

/// Whether a tuple is drift, and in which relation its blocks are.
fn cause<'a>(
    row: Row,
    principal: &PrincipalKey,
    desired: &Desired,
    declared: &'a Access,
    applied: &'a Access,
    now: Timestamp,
) -> Option<(Cause, Option<(&'a Access, usize)>)> {
    let recorded = row.recorded.map(|index| (applied, index));
    let owned = recorded.is_some_and(|(access, index)| access.note_at(index).is_some_and(|note| note.owned));
    match (row.observed, row.desired) {
        (false, _) if owned => Some((Cause::Missing, recorded)),
        (false, _) => None,
        (true, _) if principal.is_orphan() => Some((Cause::Orphaned, recorded)),
        (true, Some(index)) if has_expired(declared, index, now) => {
            Some((Cause::Overdue, Some((declared, index))))
        }
        (true, Some(_)) => None,
        // Declared no longer, but still ours: that is a pending removal, which `plan` shows.
        (true, None) if owned => None,
        (true, None) if desired.settings.unmanaged == Unmanaged::Ignore => None,
        (true, None) => Some((Cause::Unmanaged, None)),
    }
}

/// Whether every block that declares it has expired.
fn has_expired(access: &Access, index: usize, now: Timestamp) -> bool {
    let blocks = access
        .note_at(index)
        .into_iter()
        .flat_map(|note| &note.declared_by);
    let mut blocks = blocks
        .filter_map(|block| access.declarations.get(*block as usize))
        .peekable();
    blocks.peek().is_some() && blocks.all(|block| block.expires.is_some_and(|time| time <= now))
}

fn note_origin(group: &mut Group, access: &Access, index: usize) {
    let blocks = access
        .note_at(index)
        .into_iter()
        .flat_map(|note| &note.declared_by);
    for block in blocks.filter_map(|block| access.declarations.get(*block as usize)) {
        if group.addresses.insert(block.address.clone()) {
            group.location = group.location.take().or_else(|| block.location.clone());
            group.since = group.since.max(block.expires);
        }
    }
}

fn item(
    ((cause, permission_set, principal), group): ((Cause, PermissionSetName, PrincipalKey), Group),
) -> DriftItem {
    DriftItem {
        cause,
        subject: Subject::Grants {
            permission_set,
            principal,
            accounts: group.accounts,
        },
        addresses: group.addresses,
        location: group.location,
        since: group.since.filter(|_| cause == Cause::Overdue),
    }
}

/// All tuples of the three relations over `names`, ascending, with who knows them.
fn merged(names: &Names, declared: &Access, applied: &Access, live: &Access) -> Vec<(Tuple, Row)> {
    let mut all: Vec<(Tuple, Row)> = Vec::with_capacity(live.len() + applied.len() + declared.len());
    let empty = Row::default();
    let mut add = |access: &Access, row: &dyn Fn(usize) -> Row| {
        let remap = access.names.remap_to(names);
        let tuples = access.tuples.iter().enumerate();
        all.extend(tuples.map(|(index, tuple)| (remap.tuple(*tuple), row(index))));
    };
    add(declared, &|index| Row {
        desired: Some(index),
        ..empty
    });
    add(applied, &|index| Row {
        recorded: Some(index),
        ..empty
    });
    add(live, &|_| Row {
        observed: true,
        ..empty
    });
    // Three sorted runs: a stable sort merges them.
    all.sort_by_key(|(tuple, _)| *tuple);
    all.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1.desired = kept.1.desired.or(later.1.desired);
            kept.1.recorded = kept.1.recorded.or(later.1.recorded);
            kept.1.observed |= later.1.observed;
        }
        same
    });
    all
}

/// The relation with accounts known by e-mail under the id that the service has for them.
fn with_ids(snapshot: &Snapshot, observed: &Snapshot) -> Result<Access, CapacityError> {
    let access = &snapshot.access;
    if !access
        .names
        .accounts
        .iter()
        .any(|key| matches!(key, AccountKey::Email(_)))
    {
        return Ok(access.clone());
    }
    let keys: Vec<AccountKey> = access
        .names
        .accounts
        .iter()
        .map(|key| super::entities::live_key(key, observed))
        .collect();
    let names = Names::new(
        keys.clone(),
        access.names.permission_sets.clone(),
        access.names.principals.clone(),
    )?;
    let rank = |old: u32| {
        keys.get(old as usize)
            .and_then(|key| names.account_rank(key))
            .unwrap_or(0)
    };
    let mut rows: Vec<(Tuple, u32)> = access
        .tuples
        .iter()
        .zip(&access.note_of)
        .map(|(tuple, note)| {
            (
                Tuple::new(rank(tuple.account()), tuple.permission_set(), tuple.principal()),
                *note,
            )
        })
        .collect();
    rows.sort_unstable();
    rows.dedup_by_key(|(tuple, _)| *tuple);
    Ok(Access {
        names,
        declarations: access.declarations.clone(),
        notes: access.notes.clone(),
        tuples: rows.iter().map(|(tuple, _)| *tuple).collect(),
        note_of: rows.iter().map(|(_, note)| *note).collect(),
    })
}
