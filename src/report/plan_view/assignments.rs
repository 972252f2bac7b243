//! Assignments to make and take away, as products: principals × permission sets × accounts.
//!
//! A line per tuple would be unreadable, and a line per block would hide what a
//! block resolved to. So tuples of one origin and one reason are put together
//! wherever they form a full product.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use crate::model::access::Tuple;
use crate::plan::Plan;
use crate::plan::change::{GrantReason, RevokeReason};

use super::risk::{Marker, Risk, grave};

/// What happens to the assignments of a row, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowChange {
    /// They are made.
    Grant(GrantReason),
    /// They are taken away.
    Revoke(RevokeReason),
}

impl RowChange {
    /// Whether it brings back what someone took away.
    pub fn is_restore(self) -> bool {
        self == RowChange::Grant(GrantReason::Restore)
    }

    /// Whether it makes assignments.
    pub fn is_grant(self) -> bool {
        matches!(self, RowChange::Grant(_))
    }
}

/// Assignments that form a product and share origin and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentRow {
    /// What happens, and why.
    pub change: RowChange,
    /// The notes of the assignments: which blocks declare (or declared) them. Ascending, of one origin.
    pub notes: Vec<u32>,
    /// This caller may not do it.
    pub blocked: bool,
    /// Ranks, ascending.
    pub principals: Vec<u32>,
    /// Ranks, ascending.
    pub permission_sets: Vec<u32>,
    /// Ranks, ascending.
    pub accounts: Vec<u32>,
    /// For grants: why to look twice, the gravest first.
    pub risks: Vec<Risk>,
}

impl AssignmentRow {
    /// How many assignments the row stands for.
    pub fn count(&self) -> u64 {
        self.principals.len() as u64 * self.permission_sets.len() as u64 * self.accounts.len() as u64
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    rank: (u8, u32),
    change: RowChange,
    blocked: bool,
}

/// All rows of a plan: restores, other grants, revokes; within each the gravest marks first, then by place of declaration.
pub fn rows(plan: &Plan, marker: &Marker<'_>) -> Vec<AssignmentRow> {
    let origins = Origins::new(plan);
    let grants = plan.grants.iter().map(|step| {
        let change = RowChange::Grant(step.reason);
        let first = u8::from(!change.is_restore());
        (
            origins.key(first, step.note, change, step.blocked),
            step.note,
            step.tuple,
        )
    });
    let revokes = plan.revokes.iter().map(|step| {
        let change = RowChange::Revoke(step.reason);
        (
            origins.key(2, step.note, change, step.blocked),
            step.note,
            step.tuple,
        )
    });
    // Tuples come in account order, so the account lists grow in order too.
    let mut cells: FxHashMap<(Key, u32, u32), Cell> = FxHashMap::default();
    for (key, note, tuple) in grants.chain(revokes) {
        let cell = cells
            .entry((key, tuple.permission_set(), tuple.principal()))
            .or_default();
        cell.add(note, tuple);
    }
    let mut cells: Vec<_> = cells.into_iter().collect();
    cells.sort_unstable_by_key(|(key, _)| *key);
    let mut rows = products(cells);
    for row in rows.iter_mut().filter(|row| row.change.is_grant()) {
        row.risks = marker.of_grants(&row.permission_sets, &row.accounts);
    }
    let turn = |row: &AssignmentRow| (row.change.is_restore(), row.change.is_grant());
    rows.sort_by_key(|row| Reverse((turn(row), grave(&row.risks))));
    rows
}

#[derive(Default)]
struct Cell {
    notes: Vec<u32>,
    accounts: Vec<u32>,
}

impl Cell {
    fn add(&mut self, note: u32, tuple: Tuple) {
        if self.notes.last() != Some(&note) && !self.notes.contains(&note) {
            self.notes.push(note);
        }
        self.accounts.push(tuple.account());
    }
}

/// Joins cells with equal accounts: first over principals, then over permission sets.
fn products(cells: Vec<((Key, u32, u32), Cell)>) -> Vec<AssignmentRow> {
    type Joined<'a> =
        indexmap::IndexMap<(Key, u32, Vec<u32>), (Vec<u32>, Vec<u32>), rustc_hash::FxBuildHasher>;
    let mut by_set: Joined<'_> = Joined::default();
    for ((key, set, principal), mut cell) in cells {
        cell.accounts.sort_unstable();
        let (principals, notes) = by_set.entry((key, set, cell.accounts)).or_default();
        principals.push(principal);
        notes.extend(cell.notes);
    }
    let mut rows: indexmap::IndexMap<(Key, Vec<u32>, Vec<u32>), AssignmentRow, rustc_hash::FxBuildHasher> =
        indexmap::IndexMap::default();
    for ((key, set, accounts), (principals, notes)) in by_set {
        let row =
            rows.entry((key, principals, accounts))
                .or_insert_with_key(|(key, principals, accounts)| AssignmentRow {
                    change: key.change,
                    notes: Vec::new(),
                    blocked: key.blocked,
                    principals: principals.clone(),
                    permission_sets: Vec::new(),
                    accounts: accounts.clone(),
                    risks: Vec::new(),
                });
        row.permission_sets.push(set);
        row.notes.extend(notes);
    }
    let mut rows: Vec<AssignmentRow> = rows.into_values().collect();
    for row in &mut rows {
        row.notes.sort_unstable();
        row.notes.dedup();
    }
    rows
}

/// For each note, the rank of where its blocks stand: instances of one block have one origin.
struct Origins {
    of_note: Vec<u32>,
}

impl Origins {
    fn new(plan: &Plan) -> Self {
        let text = |note: &crate::model::access::Note| -> Vec<(String, u32, u32, String)> {
            let mut places: Vec<_> = note
                .blocks(&plan.declarations)
                .map(|block| {
                    let reason = block.reason.as_deref().unwrap_or_default().to_owned();
                    match &block.location {
                        Some(place) => (place.file.to_string(), place.line, place.column, reason),
                        None => (block.address.block().to_string(), 0, 0, reason),
                    }
                })
                .collect();
            places.sort();
            places.dedup();
            places
        };
        let places: Vec<_> = plan.notes.iter().map(text).collect();
        let mut distinct: Vec<_> = places.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let rank = |place| distinct.binary_search(&place).unwrap_or_default();
        Origins {
            of_note: places
                .iter()
                .map(|place| u32::try_from(rank(place)).unwrap_or(u32::MAX))
                .collect(),
        }
    }

    fn key(&self, group: u8, note: u32, change: RowChange, blocked: bool) -> Key {
        let origin = self.of_note.get(note as usize).copied().unwrap_or(u32::MAX);
        Key {
            rank: (group, origin),
            change,
            blocked,
        }
    }
}
