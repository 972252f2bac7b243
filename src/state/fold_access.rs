//! The part of the fold that is about grants: merging a run's changes into the relation.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::address::Address;
use crate::id::{AccountKey, PrincipalKey};
use crate::model::access::{Access, CapacityError, Declaration, Names, Note, Tuple};

/// Grants that a run made, relabelled or took away, in the run's own ranks.
#[derive(Debug)]
pub struct GrantChanges<'a> {
    /// What tuples are ranks in.
    pub names: &'a Names,
    /// What notes refer to.
    pub declarations: &'a [Declaration],
    /// The notes.
    pub notes: &'a [Note],
    /// For each grant its note, or that it is gone.
    pub grants: FxHashMap<Tuple, Option<u32>>,
    /// Accounts that have another key now than in `names`.
    pub created: &'a BTreeMap<AccountKey, AccountKey>,
    /// Principals that got another name: what `names` and the relation call them, and what they are called now.
    pub renamed: &'a BTreeMap<PrincipalKey, PrincipalKey>,
    /// Whether the run was narrowed (`--only`): then it leaves what is known of other blocks as it was.
    pub narrowed: bool,
}

/// Merges changes into a relation, which afterwards has exactly the names, notes and declarations it uses.
///
/// # Errors
/// When there are more names than a relation can hold.
pub fn merge(access: &mut Access, changes: GrantChanges<'_>) -> Result<(), CapacityError> {
    access.rename_principals(changes.renamed);
    if changes.grants.is_empty() {
        return Ok(());
    }
    let from = called_now(changes.names, &changes)?;
    let names = Names::union([&access.names, &from])?;
    let mut table = Declarations::new(access, changes.declarations, changes.narrowed);
    let (old_places, new_places) = (std::mem::take(&mut table.old), std::mem::take(&mut table.new));
    let old_notes: Vec<u32> = access
        .notes
        .iter()
        .map(|note| table.note(note, &old_places))
        .collect();
    let new_notes: Vec<u32> = changes
        .notes
        .iter()
        .map(|note| table.note(note, &new_places))
        .collect();
    let old_ranks = access.names.remap_to(&names);
    let new_ranks = rank_run(&changes, &names);
    let mut delta: Vec<(Tuple, Option<u32>)> = changes
        .grants
        .iter()
        .map(|(tuple, note)| {
            (
                new_ranks(*tuple),
                note.map(|note| new_notes.get(note as usize).copied().unwrap_or(table.empty)),
            )
        })
        .collect();
    delta.sort_unstable_by_key(|(tuple, _)| *tuple);
    let old = access.tuples.iter().zip(&access.note_of).map(|(tuple, note)| {
        (
            old_ranks.tuple(*tuple),
            old_notes.get(*note as usize).copied().unwrap_or(table.empty),
        )
    });
    let (tuples, note_of) = merge_sorted(old, &delta);
    // A block whose time has come keeps its place without grants for as long as it is declared, also where this run
    // was the first that met it under its label: it is known, not new. A narrowed run meets no block: one that it
    // gives nothing by is as new as before.
    let known: Vec<u32> = if changes.narrowed { old_places } else { new_places };
    *access = compact(
        &names,
        table.declarations,
        &known,
        &table.notes,
        &tuples,
        &note_of,
    );
    Ok(())
}

/// The run's names, with created accounts and renamed principals under their new keys.
fn called_now(names: &Names, changes: &GrantChanges<'_>) -> Result<Names, CapacityError> {
    let account = |key: &AccountKey| changes.created.get(key).unwrap_or(key).clone();
    let principal = |key: &PrincipalKey| changes.renamed.get(key).unwrap_or(key).clone();
    Names::new(
        names.accounts.iter().map(account).collect(),
        names.permission_sets.clone(),
        names.principals.iter().map(principal).collect(),
    )
}

/// How tuples of the run translate to ranks in `wider`.
fn rank_run(changes: &GrantChanges<'_>, wider: &Names) -> impl Fn(Tuple) -> Tuple + use<> {
    let run = changes.names;
    let accounts = run.accounts.iter();
    let accounts: Vec<u32> = accounts
        .map(|key| wider.account_rank(changes.created.get(key).unwrap_or(key)))
        .map(Option::unwrap_or_default)
        .collect();
    let sets = run.permission_sets.iter();
    let sets: Vec<u32> = sets
        .map(|name| wider.permission_set_rank(name).unwrap_or(0))
        .collect();
    let principals = run.principals.iter();
    let principals: Vec<u32> = principals
        .map(|key| wider.principal_rank(changes.renamed.get(key).unwrap_or(key)))
        .map(Option::unwrap_or_default)
        .collect();
    move |tuple| {
        let at = |ranks: &[u32], rank: u32| ranks.get(rank as usize).copied().unwrap_or(0);
        Tuple::new(
            at(&accounts, tuple.account()),
            at(&sets, tuple.permission_set()),
            at(&principals, tuple.principal()),
        )
    }
}

fn merge_sorted(
    old: impl Iterator<Item = (Tuple, u32)>,
    delta: &[(Tuple, Option<u32>)],
) -> (Vec<Tuple>, Vec<u32>) {
    let mut tuples = Vec::with_capacity(old.size_hint().0 + delta.len());
    let mut notes = Vec::with_capacity(tuples.capacity());
    let mut push = |tuple: Tuple, note: u32| {
        tuples.push(tuple);
        notes.push(note);
    };
    let mut delta = delta.iter().peekable();
    for (tuple, note) in old {
        while let Some((new, note)) = delta.next_if(|(new, _)| *new < tuple) {
            note.iter().for_each(|note| push(*new, *note));
        }
        match delta.next_if(|(new, _)| *new == tuple) {
            None => push(tuple, note),
            Some((_, note)) => note.iter().for_each(|note| push(tuple, *note)),
        }
    }
    for (new, note) in delta {
        note.iter().for_each(|note| push(*new, *note));
    }
    (tuples, notes)
}

/// The declarations and notes of two sources in one pair of tables.
struct Declarations {
    declarations: Vec<Declaration>,
    /// Where the declarations of the relation, and those of the run, are in the common table.
    old: Vec<u32>,
    new: Vec<u32>,
    notes: Vec<Note>,
    index: FxHashMap<Note, u32>,
    empty: u32,
}

impl Declarations {
    /// What the run says about a block is newer. But a narrowed run changes no block, and nobody has approved what is
    /// new about one: another expiry, another reason.
    fn new(access: &Access, run: &[Declaration], narrowed: bool) -> Self {
        let (older, newer) = match narrowed {
            true => (run, access.declarations.as_slice()),
            false => (access.declarations.as_slice(), run),
        };
        let both = older.iter().chain(newer);
        let all: BTreeMap<&Address, &Declaration> = both
            .map(|declaration| (&declaration.address, declaration))
            .collect();
        let rank: BTreeMap<&Address, u32> = all.keys().copied().zip(0..).collect();
        let places = |list: &[Declaration]| -> Vec<u32> {
            list.iter()
                .map(|declaration| rank.get(&declaration.address).copied().unwrap_or(0))
                .collect()
        };
        let (old, new) = (places(&access.declarations), places(run));
        let mut table = Declarations {
            declarations: all.into_values().cloned().collect(),
            old,
            new,
            notes: Vec::new(),
            index: FxHashMap::default(),
            empty: 0,
        };
        table.empty = table.note(&Note::default(), &[]);
        table
    }

    fn note(&mut self, note: &Note, places: &[u32]) -> u32 {
        let mut declared_by: Vec<u32> = note
            .declared_by
            .iter()
            .filter_map(|block| places.get(*block as usize).copied())
            .collect();
        declared_by.sort_unstable();
        declared_by.dedup();
        let note = Note {
            declared_by,
            owned: note.owned,
        };
        let next = self.notes.len() as u32;
        *self.index.entry(note).or_insert_with_key(|note| {
            self.notes.push(note.clone());
            next
        })
    }
}

/// The relation with only what it uses: names, notes and declarations, in the order they had.
fn compact(
    names: &Names,
    declarations: Vec<Declaration>,
    known: &[u32],
    notes: &[Note],
    tuples: &[Tuple],
    note_of: &[u32],
) -> Access {
    let mut accounts = Used::new(names.accounts.len());
    let mut sets = Used::new(names.permission_sets.len());
    let mut principals = Used::new(names.principals.len());
    for tuple in tuples {
        accounts.mark(tuple.account());
        sets.mark(tuple.permission_set());
        principals.mark(tuple.principal());
    }
    let mut used_notes = Used::new(notes.len());
    note_of.iter().for_each(|note| used_notes.mark(*note));
    let note_places = used_notes.places();
    let mut blocks = Used::new(declarations.len());
    for place in known {
        if declarations
            .get(*place as usize)
            .is_some_and(|block| block.expires.is_some())
        {
            blocks.mark(*place);
        }
    }
    let kept_notes = kept(notes, &note_places);
    kept_notes
        .iter()
        .flat_map(|note| &note.declared_by)
        .for_each(|block| blocks.mark(*block));
    let (accounts, sets, principals, blocks) = (
        accounts.places(),
        sets.places(),
        principals.places(),
        blocks.places(),
    );
    let at = |places: &[Option<u32>], rank: u32| places.get(rank as usize).copied().flatten().unwrap_or(0);
    let tuples = tuples.iter().map(|tuple| {
        Tuple::new(
            at(&accounts, tuple.account()),
            at(&sets, tuple.permission_set()),
            at(&principals, tuple.principal()),
        )
    });
    Access {
        tuples: tuples.collect(),
        note_of: note_of.iter().map(|note| at(&note_places, *note)).collect(),
        notes: kept_notes
            .into_iter()
            .map(|note| Note {
                declared_by: note.declared_by.iter().map(|block| at(&blocks, *block)).collect(),
                owned: note.owned,
            })
            .collect(),
        names: Names {
            accounts: kept(&names.accounts, &accounts),
            permission_sets: kept(&names.permission_sets, &sets),
            principals: kept(&names.principals, &principals),
        },
        declarations: kept(&declarations, &blocks),
    }
}

struct Used(Vec<bool>);

impl Used {
    fn new(length: usize) -> Self {
        Used(vec![false; length])
    }

    fn mark(&mut self, rank: u32) {
        if let Some(used) = self.0.get_mut(rank as usize) {
            *used = true;
        }
    }

    /// The new rank of everything that is used.
    fn places(&self) -> Vec<Option<u32>> {
        let mut next = 0;
        self.0
            .iter()
            .map(|used| {
                used.then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect()
    }
}

fn kept<T: Clone>(items: &[T], places: &[Option<u32>]) -> Vec<T> {
    items
        .iter()
        .zip(places)
        .filter(|(_, place)| place.is_some())
        .map(|(item, _)| item.clone())
        .collect()
}

/// `state mv`, for the grants of an assignment block.
pub fn rename_declaration(access: &mut Access, from: &Address, to: &Address) {
    let rename = |declaration: &Declaration| {
        let address = if declaration.address == *from {
            to
        } else {
            &declaration.address
        };
        Declaration {
            address: address.clone(),
            ..declaration.clone()
        }
    };
    redeclare(
        access,
        &access
            .declarations
            .iter()
            .map(|declaration| Some(rename(declaration)))
            .collect::<Vec<_>>(),
    );
}

/// `state rm`, for the grants of an assignment block: a grant that no other block declares is forgotten.
pub fn forget_declaration(access: &mut Access, address: &Address) {
    let kept = access
        .declarations
        .iter()
        .map(|d| (d.address != *address).then(|| d.clone()))
        .collect::<Vec<_>>();
    redeclare(access, &kept);
}

/// Replaces each declaration, or drops it. Grants that were declared and no longer are go away.
fn redeclare(access: &mut Access, with: &[Option<Declaration>]) {
    let changed = access
        .declarations
        .iter()
        .zip(with)
        .any(|(old, new)| Some(old) != new.as_ref());
    if !changed {
        return;
    }
    let list: Vec<Declaration> = with.iter().flatten().cloned().collect();
    let mut table = Declarations::new(&Access::default(), &list, false);
    let mut next = 0..;
    let places: Vec<Option<u32>> = with
        .iter()
        .map(|new| {
            new.as_ref()
                .and_then(|_| next.next())
                .and_then(|place: usize| table.new.get(place).copied())
        })
        .collect();
    let notes: Vec<Option<u32>> = access
        .notes
        .iter()
        .map(|note| {
            let blocks = note
                .declared_by
                .iter()
                .filter_map(|block| places.get(*block as usize).copied().flatten());
            let blocks: Vec<u32> = blocks.collect();
            if blocks.is_empty() && !note.declared_by.is_empty() {
                return None;
            }
            let identity: Vec<u32> = (0..list.len() as u32).collect();
            Some(table.note(
                &Note {
                    declared_by: blocks,
                    owned: note.owned,
                },
                &identity,
            ))
        })
        .collect();
    let (tuples, note_of): (Vec<Tuple>, Vec<u32>) = access
        .tuples
        .iter()
        .zip(&access.note_of)
        .filter_map(|(tuple, note)| Some((*tuple, notes.get(*note as usize).copied().flatten()?)))
        .unzip();
    let known: Vec<u32> = (0..).zip(&table.declarations).map(|(place, _)| place).collect();
    *access = compact(
        &access.names,
        table.declarations,
        &known,
        &table.notes,
        &tuples,
        &note_of,
    );
}
