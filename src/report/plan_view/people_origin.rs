//! By which blocks people gain and lose: which block gives it, why and until when, and which group takes them in.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::id::{GroupName, PrincipalKey};
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::plan::change::RecordChange;
use crate::plan::people::PeopleChange;
use crate::report::escape;
use crate::report::wording::{counted, each_once, some_of};
use crate::source::Location;

use super::PlanView;
use super::assignments::{AssignmentRow, RowChange};
use super::origin::{Origin, moment};
use super::people::PeopleLine;

/// How many paths, blocks and reasons are told in words.
const MOST_PATHS: usize = 3;
const MOST_CAUSES: usize = 3;
const MOST_REASONS: usize = 2;

/// A membership that comes or goes with the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Joined<'a> {
    /// Of which group.
    pub group: &'a GroupName,
    /// Where the group's block is written.
    pub location: Option<&'a Location>,
    /// It comes; otherwise it goes.
    pub comes: bool,
}

/// What brings a line of people about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Causes<'a> {
    /// The blocks whose assignments come or go, each with how; none for those that stay, which people who join or
    /// leave a group come to or lose by that.
    pub assignments: BTreeSet<(Option<RowChange>, Origin<'a>)>,
    /// Groups that some of these people join or leave.
    pub memberships: BTreeSet<Joined<'a>>,
}

impl<'a> PlanView<'a> {
    /// What brings a line of people about.
    pub fn causes(&self, line: &PeopleLine) -> Causes<'a> {
        let comes = line.change.comes();
        let via = line.via.iter().map(|key| (key, comes));
        let paths = via.chain(line.comes.iter().map(|key| (key, true)));
        let assignments = paths.flat_map(|(key, comes)| self.behind_path(line, key, comes));
        let mut memberships = self.memberships(line, &line.via, comes);
        memberships.extend(self.memberships(line, &line.comes, true));
        Causes {
            assignments: assignments
                .map(|(change, notes)| (change, self.origin(&notes)))
                .collect(),
            memberships,
        }
    }

    /// The assignments behind one path of a line, which comes or goes: those that come or go with the plan, and those
    /// that stay, each with its notes; no note where no block declares them.
    pub fn behind_path(
        &self,
        line: &PeopleLine,
        path: &PrincipalKey,
        comes: bool,
    ) -> Vec<(Option<RowChange>, Vec<u32>)> {
        let Some(principal) = self.plan.names.principal_rank(path) else {
            return Vec::new();
        };
        let meets = |left: &[u32], right: &[u32]| left.iter().any(|rank| right.binary_search(rank).is_ok());
        let rows = self.assignments_of(principal).filter(|row| {
            row.change.is_grant() == comes
                && meets(&line.permission_sets, &row.permission_sets)
                && meets(&line.accounts, &row.accounts)
        });
        let mut found: Vec<(Option<RowChange>, Vec<u32>)> = rows
            .map(|row| (Some(row.change), self.notes_of(row, line, principal)))
            .collect();
        let behind = &self.plan.behind;
        let start = behind.partition_point(|row| row.principal < principal);
        let of_principal = behind
            .iter()
            .skip(start)
            .take_while(|row| row.principal == principal);
        let standing = of_principal.filter(|row| {
            line.permission_sets.contains(&row.permission_set) && meets(&line.accounts, &row.accounts)
        });
        found.extend(standing.map(|row| (None, row.note.into_iter().collect())));
        if line.change == PeopleChange::KeepsLonger {
            let notes = self.noted(line, principal);
            found.extend((!notes.is_empty()).then_some((None, notes)));
        }
        found
    }

    /// The notes of one principal's assignments that stay and of which the record changes.
    fn noted(&self, line: &PeopleLine, principal: u32) -> Vec<u32> {
        let index = self.records_of.get_or_init(|| {
            let mut index: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
            for (place, step) in (0..).zip(&self.plan.records) {
                if step.change != RecordChange::Forget {
                    index.entry(step.tuple.principal()).or_default().push(place);
                }
            }
            index
        });
        let of_principal = index.get(&principal).into_iter().flatten();
        let of_principal = of_principal.filter_map(|place| self.plan.records.get(*place as usize));
        let records = of_principal.filter(|step| {
            line.permission_sets.contains(&step.tuple.permission_set())
                && line.accounts.binary_search(&step.tuple.account()).is_ok()
        });
        let notes: BTreeSet<u32> = records.map(|step| step.note).collect();
        notes.into_iter().collect()
    }

    /// The notes of one principal's assignments in a row, as far as a line is about them: a row may join those of many
    /// principals, each by a block of its own.
    fn notes_of(&self, row: &AssignmentRow, line: &PeopleLine, principal: u32) -> Vec<u32> {
        if row.notes.len() <= 1 {
            return row.notes.clone();
        }
        let in_both = |left: &[u32], right: &[u32]| -> Vec<u32> {
            let ranks = left.iter().copied();
            ranks.filter(|rank| right.binary_search(rank).is_ok()).collect()
        };
        let accounts = in_both(&line.accounts, &row.accounts);
        let sets = in_both(&line.permission_sets, &row.permission_sets);
        let tuples = accounts
            .iter()
            .flat_map(|account| sets.iter().map(|set| Tuple::new(*account, *set, principal)));
        let notes: BTreeSet<u32> = tuples
            .filter_map(|tuple| self.note_of(row.change, tuple))
            .collect();
        notes.into_iter().collect()
    }

    /// The note of one assignment that comes or goes.
    fn note_of(&self, change: RowChange, tuple: Tuple) -> Option<u32> {
        match change {
            RowChange::Grant(_) => self.plan.grant(tuple).map(|step| step.note),
            RowChange::Revoke(_) => self.plan.revoke(tuple).map(|step| step.note),
        }
    }

    fn assignments_of(&self, principal: u32) -> impl Iterator<Item = &AssignmentRow> {
        let index = self.by_principal.get_or_init(|| {
            let paths = self
                .people
                .iter()
                .flat_map(|line| line.via.iter().chain(&line.comes));
            let mut index: FxHashMap<u32, Vec<usize>> = paths
                .filter_map(|key| Some((self.plan.names.principal_rank(key)?, Vec::new())))
                .collect();
            for (at, row) in self.assignments.iter().enumerate() {
                for principal in &row.principals {
                    if let Some(rows) = index.get_mut(principal) {
                        rows.push(at);
                    }
                }
            }
            index
        });
        let rows = index.get(&principal).into_iter().flatten();
        rows.filter_map(|at| self.assignments.get(*at))
    }

    /// By which paths, and which blocks bring it about, in plain words: `via Ops; joins Ops (people.hcl:4);
    /// assignment.ops (access.hcl:7), reason OPS-7, until 2027-01-01`.
    pub fn how(&self, line: &PeopleLine) -> String {
        let mut parts = Vec::new();
        let comes = line.change.comes();
        if !line.via.is_empty() {
            let names = line.via.iter().map(super::principal_name);
            let names = some_of(names, line.via.len() as u64, MOST_PATHS);
            parts.push(match comes {
                true => format!("via {names}"),
                false => format!("no longer via {names}"),
            });
        }
        let causes = self.causes(line);
        let memberships = causes.memberships.iter().map(|joined| {
            let verb = if joined.comes { "joins" } else { "leaves" };
            let place = joined.location.map(|at| format!(" ({at})")).unwrap_or_default();
            format!("{verb} {}{place}", escape::name(joined.group.as_str()))
        });
        let blocks = causes
            .assignments
            .iter()
            .map(|(change, origin)| block(*change, origin));
        let told = each_once(memberships.chain(blocks));
        let count = told.len();
        parts.extend(told.into_iter().take(MOST_CAUSES));
        if count > MOST_CAUSES {
            parts.push(format!(
                "… {}",
                counted((count - MOST_CAUSES) as u64, "more block")
            ));
        }
        parts.join("; ")
    }

    /// The memberships that come or go, of some of a line's people, in groups that are paths.
    fn memberships(&self, line: &PeopleLine, paths: &[PrincipalKey], comes: bool) -> BTreeSet<Joined<'a>> {
        let is_path = |name: &GroupName| {
            let mut paths = paths.iter();
            paths.any(|key| matches!(key, PrincipalKey::Group(group) if group == name))
        };
        let actions = self.plan.actions.iter();
        let joined = actions.filter_map(|action| match &action.effect {
            Some(Effect::AddMember { group, user }) if comes => Some((action, group, user)),
            Some(Effect::RemoveMember { group, user }) if !comes => Some((action, group, user)),
            _ => None,
        });
        joined
            .filter(|(_, group, user)| is_path(group) && line.people.binary_search(user).is_ok())
            .map(|(action, group, _)| Joined {
                group,
                location: action.location.as_ref(),
                comes,
            })
            .collect()
    }
}

fn block(change: Option<RowChange>, origin: &Origin<'_>) -> String {
    let block = origin
        .block
        .as_ref()
        .map(|block| escape::escape(&block.to_string()).into_owned());
    let mut out = block.unwrap_or_else(|| "no block".to_owned());
    if let Some((at, _)) = origin.place() {
        out.push_str(&format!(" ({})", escape::escape(&at.to_string())));
    }
    if !origin.reasons.is_empty() {
        let reasons = some_of(&origin.reasons, origin.reasons.len() as u64, MOST_REASONS);
        out.push_str(&format!(", reason {reasons}"));
    }
    if let (true, Some(time)) = (change.is_none_or(RowChange::is_grant), origin.expires) {
        out.push_str(&format!(", until {}", moment(time)));
    }
    out
}
