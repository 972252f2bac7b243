//! Drift of grants: a merge of three sorted relations.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::address::Address;
use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::model::access::{Access, CapacityError, Names, Tuple};
use crate::model::privilege::{Privilege, judge};
use crate::model::stack::Unmanaged;
use crate::source::Location;

use super::filter::Standing;
use super::named::with_ids;
use super::{Cause, Drift, DriftItem, Sources, Subject};

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
    expired: Option<Timestamp>,
    declared: bool,
}

type Key = (Cause, PermissionSetName, PrincipalKey);

/// Adds the drift of grants.
pub(super) fn find(sources: &Sources<'_>, drift: &mut Drift) -> Result<(), CapacityError> {
    let observed = sources.live;
    let declared = with_ids(&sources.desired.snapshot.access, observed)?;
    let applied = with_ids(&sources.recorded.applied.access, observed)?;
    let live = sources.renamed.live_as_applied(&observed.access)?;
    let names = Names::union([&declared.names, &applied.names, &live.names])?;
    let filter = sources.filter.over(&names);
    let compared = Compared {
        sources,
        declared: &declared,
        applied: &applied,
    };
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    // By the set's rank, so that each is judged once.
    let mut administration: BTreeMap<u32, bool> = BTreeMap::new();
    for (tuple, row) in merged(&names, &declared, &applied, &live) {
        let ours = row.desired.is_some() || compared.owns(row);
        match filter.standing(tuple, ours) {
            Standing::Held => continue,
            Standing::Ignored if !row.observed => continue,
            Standing::Ignored => {
                drift.ignored += 1;
                let set = tuple.permission_set();
                let is_administration = *administration
                    .entry(set)
                    .or_insert_with(|| makes_administrators(sources, names.permission_set(set)));
                drift.ignored_administration += u64::from(is_administration);
            }
            Standing::OutOfScope => drift.out_of_scope += u64::from(row.observed),
            Standing::Seen => {
                let Some((account, set, principal)) = names.resolve(tuple) else {
                    continue;
                };
                let Some((cause, origin)) = compared.cause(row, set, principal) else {
                    // What others granted is as it is, not as anyone applied it.
                    let ours = row.desired.is_some() || compared.owns(row);
                    drift.unchanged += u64::from(row.observed && ours);
                    continue;
                };
                // What nobody declared is told by the name that the service has for the group.
                let principal = match cause {
                    Cause::Unmanaged => sources.renamed.told_apart(principal),
                    _ => principal.clone(),
                };
                let group = groups.entry((cause, set.clone(), principal)).or_default();
                group.accounts.push(account.clone());
                group.declared |= row.desired.is_some();
                if let Some((access, index)) = origin {
                    note_origin(group, access, index);
                }
            }
        }
    }
    drift.items.extend(groups.into_iter().map(item));
    Ok(())
}

/// Whether a permission set, as the service has it, makes an administrator.
fn makes_administrators(sources: &Sources<'_>, name: Option<&PermissionSetName>) -> bool {
    let set = name.and_then(|name| sources.live.permission_sets.get(name));
    set.is_some_and(|set| judge(&set.value).privilege == Some(Privilege::Administrator))
}

struct Compared<'a> {
    sources: &'a Sources<'a>,
    declared: &'a Access,
    applied: &'a Access,
}

impl<'a> Compared<'a> {
    /// Whether the state records the grant as this stack's own.
    fn owns(&self, row: Row) -> bool {
        let note = row.recorded.and_then(|index| self.applied.note_at(index));
        note.is_some_and(|note| note.owned)
    }

    /// Whether a tuple is drift, and in which relation its blocks are.
    fn cause(
        &self,
        row: Row,
        set: &PermissionSetName,
        principal: &PrincipalKey,
    ) -> Option<(Cause, Option<(&'a Access, usize)>)> {
        let recorded = row.recorded.map(|index| (self.applied, index));
        let owned = self.owns(row);
        match (row.observed, row.desired) {
            (false, _) if owned => Some((Cause::Missing, recorded)),
            (false, _) => None,
            (true, _) if principal.is_orphan() => Some((Cause::Orphaned, recorded)),
            (true, Some(index)) if has_expired(self.declared, index, self.sources.now) => {
                Some((Cause::Overdue, Some((self.declared, index))))
            }
            (true, Some(_)) => None,
            (true, None) if owned && self.sources.outlived.contains_key(set) => {
                Some((Cause::Overdue, recorded))
            }
            // Declared no longer, but still ours: that is a pending removal, which `plan` shows.
            (true, None) if owned => None,
            (true, None) if self.sources.desired.settings.unmanaged == Unmanaged::Ignore => None,
            (true, None) => Some((Cause::Unmanaged, None)),
        }
    }
}

/// Whether every block that declares it has expired.
fn has_expired(access: &Access, index: usize, now: Timestamp) -> bool {
    let mut blocks = blocks(access, index).peekable();
    blocks.peek().is_some() && blocks.all(|block| block.expires.is_some_and(|time| time <= now))
}

fn blocks(access: &Access, index: usize) -> impl Iterator<Item = &crate::model::access::Declaration> {
    let note = access.note_at(index);
    note.into_iter()
        .flat_map(|note| note.blocks(&access.declarations))
}

fn note_origin(group: &mut Group, access: &Access, index: usize) {
    for block in blocks(access, index) {
        if group.addresses.insert(block.address.clone()) {
            group.location = group.location.take().or_else(|| block.location.clone());
            group.expired = group.expired.max(block.expires);
        }
    }
}

fn item(((cause, permission_set, principal), group): (Key, Group)) -> DriftItem {
    let subject = Subject::Grants {
        permission_set,
        principal,
        accounts: group.accounts,
    };
    DriftItem {
        addresses: group.addresses.into_iter().collect(),
        location: group.location,
        expired: group.expired.filter(|_| cause == Cause::Overdue),
        declared: group.declared,
        ..DriftItem::new(cause, subject)
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
