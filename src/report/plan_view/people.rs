//! Who gains and loses what, as sentences about people.

use crate::id::{PrincipalKey, UserName};
use crate::plan::Plan;
use crate::plan::people::{FirstAccess, PeopleChange, PeopleRow};

use super::risk::{Marker, Risk};

/// One class of equal changes. Borrowed from the plan; sets that have equal people and accounts stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleLine {
    /// What happens.
    pub change: PeopleChange,
    /// To whom, as far as named.
    pub people: Vec<UserName>,
    /// To how many.
    pub count: u64,
    /// Ranks of the permission sets.
    pub permission_sets: Vec<u32>,
    /// Ranks of the accounts.
    pub accounts: Vec<u32>,
    /// The paths that come (gains) or go.
    pub via: Vec<PrincipalKey>,
    /// The paths that stay, for [`PeopleChange::KeepsVia`].
    pub keeps: Vec<PrincipalKey>,
    /// For losses: ranks of other sets that these people keep there.
    pub still: Vec<u32>,
    /// For losses: ranks of other sets that they gain there with the same plan.
    pub gained: Vec<u32>,
    /// For losses: sessions that began before may go on this long, in seconds; the longest of the sets.
    pub sessions: Option<u32>,
    /// For gains: how many of them have access for the first time.
    pub first: FirstAccess,
    /// For gains: why to look twice, the gravest first.
    pub risks: Vec<Risk>,
}

/// The lines of a plan, in the plan's order.
pub fn lines(plan: &Plan, marker: &Marker<'_>) -> Vec<PeopleLine> {
    let mut lines: Vec<PeopleLine> = Vec::new();
    for row in &plan.people.rows {
        let sessions = plan.session_seconds.get(&row.permission_set).copied();
        match lines.iter_mut().rev().take(64).find(|line| joins(line, row)) {
            Some(line) => {
                line.permission_sets.push(row.permission_set);
                line.sessions = line.sessions.max(sessions);
            }
            None => lines.push(line(row, sessions)),
        }
    }
    for line in lines.iter_mut().filter(|line| line.change == PeopleChange::Gains) {
        line.risks = marker.of_people(&line.permission_sets, &line.accounts, line.first, line.count);
    }
    lines
}

/// The sets that people have before and after.
fn kept(row: &PeopleRow) -> Vec<u32> {
    let still = row.still.iter().filter(|set| !row.gained.contains(set));
    still.copied().collect()
}

fn joins(line: &PeopleLine, row: &PeopleRow) -> bool {
    line.change == row.change
        && line.count == row.count
        && line.first == row.first
        && line.people == row.people
        && line.accounts == row.accounts
        && line.still == kept(row)
        && line.gained == row.gained
        && line.via.iter().eq(&row.via)
        && line.keeps.iter().eq(&row.keeps)
}

fn line(row: &PeopleRow, sessions: Option<u32>) -> PeopleLine {
    PeopleLine {
        change: row.change,
        people: row.people.clone(),
        count: row.count,
        permission_sets: vec![row.permission_set],
        accounts: row.accounts.clone(),
        via: row.via.iter().cloned().collect(),
        keeps: row.keeps.iter().cloned().collect(),
        still: kept(row),
        gained: row.gained.clone(),
        sessions: sessions.filter(|_| row.change == PeopleChange::Loses),
        first: row.first,
        risks: Vec::new(),
    }
}
