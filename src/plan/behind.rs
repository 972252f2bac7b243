//! Assignments that stay as they are, and by which people gain or lose all the same: they join or leave a group.
//!
//! A plan's steps do not name these assignments, and a reviewer asks for them first: which block gives what comes with
//! the membership, why, and until when.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use crate::id::{GroupName, PrincipalKey};
use crate::model::access::Tuple;
use crate::model::action::Effect;

use super::Plan;
use super::people::PeopleChange;
use super::universe::Universe;

/// Assignments of one set to one group that stay, and that one note tells the blocks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Behind {
    /// To whom, as a rank in the plan's names.
    pub principal: u32,
    /// Which set, as a rank in the plan's names.
    pub permission_set: u32,
    /// The blocks, as an index into the plan's notes; none where no block declares them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<u32>,
    /// Where, as ranks in the plan's names, ascending.
    pub accounts: Vec<u32>,
}

/// The relations and notes that it takes.
pub(super) struct Standing {
    /// Assignments that stay, with their notes.
    rows: Vec<(Tuple, Option<u32>)>,
}

impl Standing {
    /// Of the groups whose members change: what is declared and lives, and what is there and nobody declares.
    pub fn of(universe: &Universe<'_>, actions: &[super::Action]) -> Self {
        let groups = changed_groups(actions);
        let groups: FxHashSet<u32> = groups
            .into_iter()
            .filter_map(|group| universe.names.principal_rank(&PrincipalKey::Group(group.clone())))
            .collect();
        let mut rows = Vec::new();
        if groups.is_empty() {
            return Standing { rows };
        }
        let desired = &universe.desired;
        for (tuple, note) in desired.tuples.iter().zip(desired.notes.iter()) {
            if groups.contains(&tuple.principal())
                && let Some(note) = universe.desired_notes.get(*note as usize)
                && note.alive
            {
                rows.push((*tuple, Some(note.note)));
            }
        }
        for tuple in universe.observed.tuples.iter() {
            if groups.contains(&tuple.principal()) && desired.tuples.binary_search(tuple).is_err() {
                rows.push((*tuple, None));
            }
        }
        Standing { rows }
    }

    /// Those of them by which people of the plan gain or lose, by principal and set.
    pub fn behind(self, plan: &Plan) -> Vec<Behind> {
        let mut pairs: BTreeSet<(u32, u32)> = BTreeSet::new();
        for row in &plan.people.rows {
            let paths = match row.change {
                PeopleChange::Unknown => continue,
                PeopleChange::KeepsVia => &row.comes,
                _ => &row.via,
            };
            let via = paths.iter().filter_map(|key| plan.names.principal_rank(key));
            pairs.extend(via.map(|principal| (principal, row.permission_set)));
        }
        let stays = |tuple: Tuple| plan.grant(tuple).is_none() && plan.revoke(tuple).is_none();
        let mut found: BTreeMap<(u32, u32, Option<u32>), Vec<u32>> = BTreeMap::new();
        for (tuple, note) in self.rows {
            let pair = (tuple.principal(), tuple.permission_set());
            if pairs.contains(&pair) && stays(tuple) {
                found
                    .entry((pair.0, pair.1, note))
                    .or_default()
                    .push(tuple.account());
            }
        }
        let rows = found.into_iter();
        rows.map(|((principal, permission_set, note), mut accounts)| {
            accounts.sort_unstable();
            Behind {
                principal,
                permission_set,
                note,
                accounts,
            }
        })
        .collect()
    }
}

fn changed_groups(actions: &[super::Action]) -> BTreeSet<&GroupName> {
    let groups = actions.iter().filter_map(|action| match &action.effect {
        Some(Effect::AddMember { group, .. } | Effect::RemoveMember { group, .. }) => Some(group),
        _ => None,
    });
    groups.collect()
}
