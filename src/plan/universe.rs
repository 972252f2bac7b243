//! One set of names for the three relations, and one table of notes.
//!
//! Ranks in these names are what the whole plan speaks in. Relations are
//! borrowed where their ranks already fit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::address::Address;
use crate::model::access::{Access, CapacityError, Declaration, Names, Note, Tuple};

use super::renames::Renames;
use super::sources::Sources;

/// A relation in the plan's ranks: tuples ascending, each with an index into its source's notes.
pub(super) struct Relation<'a> {
    pub tuples: Cow<'a, [Tuple]>,
    pub notes: Cow<'a, [u32]>,
}

/// What a note of the desired relation comes to at the moment of planning.
#[derive(Debug, Clone, Copy)]
pub(super) struct DesiredNote {
    /// The plan's note of the blocks that have not expired; of all of them when every block has.
    pub note: u32,
    /// Whether a block is left that has not expired.
    pub alive: bool,
}

/// What a note of the recorded relation means now.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordedNote {
    /// The plan's note.
    pub note: u32,
    /// Whether its grants are this stack's.
    pub owned: bool,
    /// Whether a block of it is still declared, under whatever address.
    pub block_present: bool,
    /// Whether reason or expiry of a block changed since.
    pub outdated: bool,
    /// When its grants were to end, as far as it was applied; `None` for never.
    pub ends: Option<Timestamp>,
}

/// The names, notes and relations of a plan.
pub(super) struct Universe<'a> {
    pub names: Names,
    pub declarations: Vec<Declaration>,
    /// Of declarations whose reason changed, by index: the one that was applied.
    pub former_reasons: BTreeMap<u32, Option<Arc<str>>>,
    pub notes: Vec<Note>,
    pub desired: Relation<'a>,
    pub recorded: Relation<'a>,
    pub observed: Relation<'a>,
    pub desired_notes: Vec<DesiredNote>,
    pub recorded_notes: Vec<RecordedNote>,
}

impl<'a> Universe<'a> {
    /// Brings the three relations together.
    ///
    /// # Errors
    /// When there are more names than ranks.
    pub fn new(sources: &'a Sources<'_>, renames: &Renames) -> Result<Self, CapacityError> {
        let (desired, recorded) = (&sources.desired.access, &sources.recorded.access);
        let observed = &sources.observed.access;
        let names = union(&[&desired.names, &recorded.names, &observed.names])?;
        let mut table = NoteTable::new(sources, desired, recorded);
        let desired_notes = table.desired(sources, desired);
        let recorded_notes = table.recorded(sources, recorded);
        let desired = Relation::new(desired, &names);
        let mut observed = Relation::new(observed, &names);
        let mut recorded = Relation::new(recorded, &names);
        for relation in [&mut observed, &mut recorded] {
            follow_renamed_principals(relation, &desired, &desired_notes, &names, renames);
        }
        Ok(Universe {
            declarations: table.declarations,
            former_reasons: table.former_reasons,
            notes: table.notes,
            recorded,
            desired,
            observed,
            names,
            desired_notes,
            recorded_notes,
        })
    }

    /// Takes the observed relation as it was read: no principal is renamed after all.
    pub fn forget_renames(&mut self, sources: &'a Sources<'_>) {
        self.observed = Relation::new(&sources.observed.access, &self.names);
    }
}

impl<'a> Relation<'a> {
    fn new(access: &'a Access, names: &Names) -> Self {
        let tuples = if access.names == *names {
            Cow::Borrowed(access.tuples.as_slice())
        } else {
            let remap = access.names.remap_to(names);
            Cow::Owned(access.tuples.iter().map(|tuple| remap.tuple(*tuple)).collect())
        };
        Relation {
            tuples,
            notes: Cow::Borrowed(&access.note_of),
        }
    }
}

fn union(tables: &[&Names]) -> Result<Names, CapacityError> {
    match tables {
        [first, rest @ ..] if rest.iter().all(|names| names == first) => Ok((*first).clone()),
        _ => Names::union(tables.iter().copied()),
    }
}

/// A group or user that gets a new name stays the same, so its grants are there already under the new one. Grants
/// that nobody declares under the new name stay under the old one, by which they can be revoked at once. The same goes
/// for what the state has of them.
fn follow_renamed_principals(
    observed: &mut Relation<'_>,
    desired: &Relation<'_>,
    desired_notes: &[DesiredNote],
    names: &Names,
    renames: &Renames,
) {
    let now: FxHashMap<u32, u32> = (0_u32..)
        .zip(&names.principals)
        .filter_map(|(rank, key)| Some((rank, names.principal_rank(&renames.principal_now(key)?)?)))
        .collect();
    if now.is_empty() {
        return;
    }
    let mut rows: Vec<(Tuple, u32)> = observed
        .tuples
        .iter()
        .zip(observed.notes.iter())
        .map(|(tuple, note)| {
            let followed = now
                .get(&tuple.principal())
                .map(|new| Tuple::new(tuple.account(), tuple.permission_set(), *new))
                .filter(|new| is_alive(desired, desired_notes, *new));
            (followed.unwrap_or(*tuple), *note)
        })
        .collect();
    rows.sort_by_key(|(tuple, _)| *tuple);
    rows.dedup_by_key(|(tuple, _)| *tuple);
    let (tuples, notes): (Vec<Tuple>, Vec<u32>) = rows.into_iter().unzip();
    observed.tuples = Cow::Owned(tuples);
    observed.notes = Cow::Owned(notes);
}

/// Whether a grant is declared by a block that has not expired.
fn is_alive(desired: &Relation<'_>, notes: &[DesiredNote], tuple: Tuple) -> bool {
    let at = desired.tuples.binary_search(&tuple).ok();
    let note = at.and_then(|at| desired.notes.get(at));
    note.and_then(|note| notes.get(*note as usize))
        .is_some_and(|note| note.alive)
}

/// The plan's declarations and notes while they are put together.
struct NoteTable {
    declarations: Vec<Declaration>,
    /// Where each source's declarations are in the common table.
    desired_places: Vec<u32>,
    recorded_places: Vec<u32>,
    /// By common index: whether the configuration declares it, and whether what it says changed.
    declared: Vec<bool>,
    changed: Vec<bool>,
    former_reasons: BTreeMap<u32, Option<Arc<str>>>,
    notes: Vec<Note>,
    index: FxHashMap<Note, u32>,
}

impl NoteTable {
    fn new(sources: &Sources<'_>, desired: &Access, recorded: &Access) -> Self {
        let mut table = NoteTable {
            declarations: Vec::with_capacity(desired.declarations.len()),
            desired_places: Vec::with_capacity(desired.declarations.len()),
            recorded_places: vec![0; recorded.declarations.len()],
            declared: Vec::new(),
            changed: Vec::new(),
            former_reasons: BTreeMap::new(),
            notes: Vec::new(),
            index: FxHashMap::default(),
        };
        table.merge_declarations(sources, desired, recorded);
        table
    }

    /// Both lists are sorted by address; a recorded block that nothing refers to any more is left out.
    fn merge_declarations(&mut self, sources: &Sources<'_>, desired: &Access, recorded: &Access) {
        let mut used = vec![false; recorded.declarations.len()];
        for block in recorded.notes.iter().flat_map(|note| &note.declared_by) {
            if let Some(used) = used.get_mut(*block as usize) {
                *used = true;
            }
        }
        let mut old = (0_usize..).zip(&recorded.declarations).peekable();
        for block in &desired.declarations {
            while let Some((place, before)) = old.next_if(|(_, old)| old.address < block.address) {
                if used.get(place) == Some(&true) {
                    self.push_recorded(sources, place, before);
                }
            }
            let mut changed = false;
            while let Some((place, before)) = old.next_if(|(_, old)| old.address == block.address) {
                changed |= before.reason != block.reason || before.expires != block.expires;
                if before.reason != block.reason {
                    let at = index(self.declarations.len());
                    self.former_reasons.insert(at, before.reason.clone());
                }
                self.place(place, self.declarations.len());
            }
            self.desired_places.push(index(self.declarations.len()));
            self.push(block, true, changed);
        }
        for (place, before) in old {
            if used.get(place) == Some(&true) {
                self.push_recorded(sources, place, before);
            }
        }
    }

    fn push_recorded(&mut self, sources: &Sources<'_>, place: usize, block: &Declaration) {
        self.place(place, self.declarations.len());
        let now = sources.address_now(&block.address);
        let declared = now != block.address && is_declared(sources, &now)
            || sources.input.desired.selections.contains_key(&now);
        self.push(block, declared, false);
    }

    fn place(&mut self, recorded: usize, at: usize) {
        if let Some(slot) = self.recorded_places.get_mut(recorded) {
            *slot = index(at);
        }
    }

    fn push(&mut self, block: &Declaration, declared: bool, changed: bool) {
        self.declarations.push(block.clone());
        self.declared.push(declared);
        self.changed.push(changed);
    }

    fn intern(&mut self, note: Note) -> u32 {
        let next = index(self.notes.len());
        *self.index.entry(note).or_insert_with_key(|note| {
            self.notes.push(note.clone());
            next
        })
    }

    fn desired(&mut self, sources: &Sources<'_>, access: &Access) -> Vec<DesiredNote> {
        let now = sources.input.now;
        let alive: Vec<bool> = access
            .declarations
            .iter()
            .map(|block| block.expires.is_none_or(|time| time > now))
            .collect();
        let mut out = Vec::with_capacity(access.notes.len());
        for note in &access.notes {
            let is_alive = |block: &&u32| alive.get(**block as usize) == Some(&true);
            let left: Vec<&u32> = note.declared_by.iter().filter(is_alive).collect();
            let survives = !left.is_empty();
            let blocks = if survives {
                left
            } else {
                note.declared_by.iter().collect()
            };
            let declared_by = places(blocks.into_iter(), &self.desired_places);
            let note = self.intern(Note {
                declared_by,
                owned: true,
            });
            out.push(DesiredNote {
                note,
                alive: survives,
            });
        }
        out
    }

    fn recorded(&mut self, sources: &Sources<'_>, access: &Access) -> Vec<RecordedNote> {
        let destroy = sources.desired.access.declarations.is_empty() && sources.desired.access.is_empty();
        let mut out = Vec::with_capacity(access.notes.len());
        for note in &access.notes {
            let declared_by = places(note.declared_by.iter(), &self.recorded_places);
            let any = |flags: &[bool]| {
                declared_by
                    .iter()
                    .any(|block| flags.get(*block as usize) == Some(&true))
            };
            let block_present = any(&self.declared);
            let outdated = !destroy && any(&self.changed);
            let owned = note.owned;
            let ends = note.last_end(&access.declarations);
            let note = self.intern(Note { declared_by, owned });
            out.push(RecordedNote {
                note,
                owned,
                block_present,
                outdated,
                ends,
            });
        }
        out
    }
}

fn is_declared(sources: &Sources<'_>, address: &Address) -> bool {
    let declarations = &sources.desired.access.declarations;
    declarations
        .binary_search_by(|block| block.address.cmp(address))
        .is_ok()
}

fn places<'b>(blocks: impl Iterator<Item = &'b u32>, places: &[u32]) -> Vec<u32> {
    let found: BTreeSet<u32> = blocks
        .filter_map(|block| places.get(*block as usize).copied())
        .collect();
    found.into_iter().collect()
}

fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
