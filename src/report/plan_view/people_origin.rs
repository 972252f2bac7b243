//! By which blocks people gain and lose: which block gives it, why and until when, and which group takes them in.

use std::collections::BTreeSet;

use crate::id::{GroupName, PrincipalKey};
use crate::model::action::Effect;
use crate::plan::people::PeopleChange;
use crate::report::escape;
use crate::report::wording::{counted, some_of};
use crate::source::Location;

use super::PlanView;
use super::assignments::RowChange;
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
}

/// What brings a line of people about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Causes<'a> {
    /// The blocks whose assignments come or go, each with how.
    pub assignments: BTreeSet<(RowChange, Origin<'a>)>,
    /// Groups that some of these people join or leave.
    pub memberships: BTreeSet<Joined<'a>>,
}

impl<'a> PlanView<'a> {
    /// What brings a line of people about.
    pub fn causes(&self, line: &PeopleLine) -> Causes<'a> {
        let grants = match line.change {
            PeopleChange::Gains | PeopleChange::Unknown => true,
            PeopleChange::Loses | PeopleChange::KeepsVia => false,
        };
        let principals: BTreeSet<u32> = line
            .via
            .iter()
            .filter_map(|key| self.plan.names.principal_rank(key))
            .collect();
        let meets = |left: &[u32], right: &[u32]| left.iter().any(|rank| right.contains(rank));
        let rows = self.assignments.iter().filter(|row| {
            row.change.is_grant() == grants
                && row.principals.iter().any(|rank| principals.contains(rank))
                && meets(&row.permission_sets, &line.permission_sets)
                && meets(&line.accounts, &row.accounts)
        });
        Causes {
            assignments: rows.map(|row| (row.change, self.origin(&row.notes))).collect(),
            memberships: self.memberships(line, grants),
        }
    }

    /// By which paths, and which blocks bring it about, in plain words: `via Ops; joins Ops (people.hcl:4);
    /// assignment.ops (access.hcl:7), reason OPS-7, until 2027-01-01`.
    pub fn how(&self, line: &PeopleLine) -> String {
        let mut parts = Vec::new();
        let comes = matches!(line.change, PeopleChange::Gains | PeopleChange::Unknown);
        if !line.via.is_empty() {
            let names = line.via.iter().map(super::principal_name);
            let names = some_of(names, line.via.len() as u64, MOST_PATHS);
            parts.push(match comes {
                true => format!("via {names}"),
                false => format!("no longer via {names}"),
            });
        }
        let causes = self.causes(line);
        let count = causes.memberships.len() + causes.assignments.len();
        let memberships = causes.memberships.iter().map(|joined| {
            let verb = if comes { "joins" } else { "leaves" };
            let place = joined.location.map(|at| format!(" ({at})")).unwrap_or_default();
            format!("{verb} {}{place}", escape::name(joined.group.as_str()))
        });
        let blocks = causes
            .assignments
            .iter()
            .map(|(change, origin)| block(*change, origin));
        parts.extend(memberships.chain(blocks).take(MOST_CAUSES));
        if count > MOST_CAUSES {
            parts.push(format!(
                "… {}",
                counted((count - MOST_CAUSES) as u64, "more block")
            ));
        }
        parts.join("; ")
    }

    fn memberships(&self, line: &PeopleLine, comes: bool) -> BTreeSet<Joined<'a>> {
        let is_path = |name: &GroupName| {
            let paths = line.via.iter();
            paths
                .into_iter()
                .any(|key| matches!(key, PrincipalKey::Group(group) if group == name))
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
            })
            .collect()
    }
}

fn block(change: RowChange, origin: &Origin<'_>) -> String {
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
    if let (true, Some(time)) = (change.is_grant(), origin.expires) {
        out.push_str(&format!(", until {}", moment(time)));
    }
    out
}
