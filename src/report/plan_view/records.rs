//! Changes of the record alone, named: what the state takes in, what it calls otherwise, what it forgets.
//!
//! What is taken in belongs to the stack from then on, and goes when its block
//! goes; so a person reads which it is before saying yes.

use std::collections::BTreeMap;

use crate::id::{EntityKey, PrincipalKey};
use crate::model::access::Declaration;
use crate::plan::change::{Reason, RecordChange};
use crate::plan::{Action, ActionKind, Plan};
use crate::source::Location;

/// What happens to the record, in the order it is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// It exists, and is this stack's from now on: without its block it is removed.
    TakenIn,
    /// It is looked up or referred to: the state knows it, and nothing is ever done to it.
    Noted,
    /// Another block declares it, or it is called otherwise in the service.
    Relabelled,
    /// The state no longer has it; the service is not touched.
    Dropped,
}

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordSubject<'a> {
    /// An entity.
    Entity(&'a EntityKey),
    /// Assignments of one set to one principal: ranks; accounts ascending.
    Grants {
        /// Who has them.
        principal: u32,
        /// What they are of.
        permission_set: u32,
        /// Where.
        accounts: Vec<u32>,
    },
}

/// One line of what happens to the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow<'a> {
    /// What happens.
    pub kind: RecordKind,
    /// To what.
    pub subject: RecordSubject<'a>,
    /// Why, where there is more to say than what happens: a stable code and a sentence.
    pub reason: Option<&'a Reason>,
    /// What the blocks' reasons become, where they change: `ACC-2 → ACC-7`.
    pub reasons: Vec<String>,
    /// Where the block is written that declares it.
    pub location: Option<&'a Location>,
}

impl RecordRow<'_> {
    /// How many entities and assignments it stands for.
    pub fn count(&self) -> u64 {
        match &self.subject {
            RecordSubject::Entity(_) => 1,
            RecordSubject::Grants { accounts, .. } => accounts.len() as u64,
        }
    }

    /// Why, in words, where there is more to say than what happens.
    pub fn why(&self) -> Option<String> {
        let other = self.reason.and_then(other_name);
        let reasons = (!self.reasons.is_empty()).then(|| format!("reason {}", self.reasons.join(", ")));
        let parts: Vec<String> = [other, reasons].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// The rows of a plan: by what happens, entities before assignments, then by name.
pub fn rows(plan: &Plan) -> Vec<RecordRow<'_>> {
    let mut rows: Vec<RecordRow<'_>> = plan.actions.iter().filter_map(entity).collect();
    rows.extend(grants(plan));
    rows.sort_by(|left, right| (left.kind, &left.subject).cmp(&(right.kind, &right.subject)));
    rows
}

fn entity(action: &Action) -> Option<RecordRow<'_>> {
    let kind = match action.kind {
        _ if action.effect.is_some() => return None,
        ActionKind::Adopt if is_owned(action) => RecordKind::TakenIn,
        ActionKind::Adopt => RecordKind::Noted,
        ActionKind::Move | ActionKind::Rename => RecordKind::Relabelled,
        ActionKind::Forget => RecordKind::Dropped,
        // A rebinding is shown among the changes.
        _ => return None,
    };
    Some(RecordRow {
        kind,
        subject: RecordSubject::Entity(&action.entity),
        reason: Some(&action.reason).filter(|reason| !matches!(reason, Reason::AlreadyThere)),
        reasons: Vec::new(),
        location: action.location.as_ref(),
    })
}

/// Whether the stack will remove it once its block is gone: accounts and units are never removed, look-ups are not
/// its own.
fn is_owned(action: &Action) -> bool {
    let removable = matches!(
        action.entity,
        EntityKey::User(_) | EntityKey::Group(_) | EntityKey::PermissionSet(_)
    );
    removable && action.addresses.iter().any(|address| !address.data)
}

/// Grants by what happens, place of declaration, principal and set.
type Key<'a> = (RecordKind, Option<u32>, u32, u32, &'a [u32]);

fn grants(plan: &Plan) -> impl Iterator<Item = RecordRow<'_>> {
    let mut groups: BTreeMap<Key<'_>, Vec<u32>> = BTreeMap::new();
    for step in &plan.records {
        let kind = match step.change {
            RecordChange::Adopt => RecordKind::TakenIn,
            RecordChange::Relabel => RecordKind::Relabelled,
            RecordChange::Forget => RecordKind::Dropped,
        };
        let note = plan.notes.get(step.note as usize);
        let block = note.and_then(|note| note.declared_by.first().copied());
        // Blocks whose reason changes are told apart from others.
        let blocks = note.map_or(&[][..], |note| &note.declared_by);
        let changes = kind == RecordKind::Relabelled
            && blocks.iter().any(|block| plan.former_reasons.contains_key(block));
        let told = if changes { blocks } else { &[] };
        let (principal, set) = (step.tuple.principal(), step.tuple.permission_set());
        let key = (kind, block, principal, set, told);
        groups.entry(key).or_default().push(step.tuple.account());
    }
    groups
        .into_iter()
        .map(|((kind, block, principal, permission_set, told), accounts)| {
            let block: Option<&Declaration> = block.and_then(|block| plan.declarations.get(block as usize));
            RecordRow {
                kind,
                subject: RecordSubject::Grants {
                    principal,
                    permission_set,
                    accounts,
                },
                reason: None,
                reasons: told
                    .iter()
                    .filter_map(|block| plan.reason_change(*block))
                    .collect(),
                location: block.and_then(|block| block.location.as_ref()),
            }
        })
}

/// What a person calls the other name that a relabelled thing has or had.
fn other_name(reason: &Reason) -> Option<String> {
    match reason {
        Reason::RenamedOutside { from, to } => Some(match to {
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => {
                format!("{from} was deleted in the service")
            }
            to => format!("{from} is called {} in the service", to.name()),
        }),
        Reason::AddressChanged { from } => Some(format!("was {from}")),
        Reason::AlreadyGone => Some("gone already".to_owned()),
        Reason::NotOurs { .. } => Some("another one has its name".to_owned()),
        Reason::BlockRemoved => Some("block removed".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{Stack, World, group};

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("admin", "admin")
            .group("ops", "Ops", &[])
            .data_group("auditors", "Auditors")
            .assign("a", &[group("Ops"), group("Auditors")], &["admin"], &[1, 2])
    }

    #[test]
    fn what_is_taken_in_is_named_and_told_from_what_is_only_looked_up() {
        let mut world = World::new().has_group("Auditors", &[]);
        world = world.has_set("admin").has_group("Ops", &[]);
        world = world
            .has_grant(1, "admin", group("Ops"))
            .has_grant(2, "admin", group("Ops"));
        let plan = world.plan(stack());
        let rows = rows(&plan);
        let told: Vec<(RecordKind, String, u64)> = rows
            .iter()
            .map(|row| {
                let name = match &row.subject {
                    RecordSubject::Entity(key) => key.to_string(),
                    RecordSubject::Grants { principal, .. } => {
                        plan.names.principal(*principal).unwrap().to_string()
                    }
                };
                (row.kind, name, row.count())
            })
            .collect();
        let expected = [
            (RecordKind::TakenIn, "group Ops", 1),
            (RecordKind::TakenIn, "permission set admin", 1),
            (RecordKind::TakenIn, "group Ops", 2),
            (RecordKind::Noted, "group Auditors", 1),
        ];
        let expected: Vec<(RecordKind, String, u64)> = expected
            .into_iter()
            .map(|(kind, name, count)| (kind, name.to_owned(), count))
            .collect();
        assert_eq!(told, expected);
    }
}
