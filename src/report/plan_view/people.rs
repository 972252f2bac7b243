//! Who gains and loses what, as sentences about people.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::id::{PrincipalKey, UserName};
use crate::plan::Plan;
use crate::plan::people::{EndMoved, FirstAccess, PeopleChange, PeopleRow};

use super::origin::moment;
use super::risk::{Marker, Risk, gravity};

/// One class of equal changes. Borrowed from the plan; sets that have equal people and accounts stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleLine {
    /// What happens.
    pub change: PeopleChange,
    /// To whom, as far as named.
    pub people: Vec<UserName>,
    /// To how many.
    pub count: u64,
    /// Tells classes of people apart of which not all are named.
    pub everyone: Option<Arc<str>>,
    /// Ranks of the permission sets.
    pub permission_sets: Vec<u32>,
    /// Ranks of the accounts.
    pub accounts: Vec<u32>,
    /// The paths that come (gains) or go.
    pub via: Vec<PrincipalKey>,
    /// The paths that stay or come, for [`PeopleChange::KeepsVia`].
    pub keeps: Vec<PrincipalKey>,
    /// Those of them that come with the plan.
    pub comes: Vec<PrincipalKey>,
    /// For losses: ranks of other sets that these people keep there.
    pub still: Vec<u32>,
    /// For losses: ranks of other sets that they gain there with the same plan.
    pub gained: Vec<u32>,
    /// For losses: sessions that began before may go on this long, in seconds; the longest of the sets.
    pub sessions: Option<u32>,
    /// For gains: how many of them have access for the first time.
    pub first: FirstAccess,
    /// For what is kept longer: until when.
    pub ends: Option<EndMoved>,
    /// For gains and what is kept longer: why to look twice, the gravest first.
    pub risks: Vec<Risk>,
}

/// The lines of a plan: by what happens, then the gravest marks first, then in the plan's order.
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
    let marked =
        |line: &&mut PeopleLine| matches!(line.change, PeopleChange::Gains | PeopleChange::KeepsLonger);
    for line in lines.iter_mut().filter(marked) {
        let given = (&*line.permission_sets, &*line.accounts);
        line.risks = marker.of_people(given, &line.via, line.first, line.count);
    }
    lines.sort_by_key(|line| (line.change, Reverse(gravity(&line.risks))));
    lines
}

impl PeopleLine {
    /// `until 2027-02-01 → no end`, for what is kept longer.
    pub fn until(&self) -> Option<String> {
        let ends = self.ends?;
        let to = ends.to.map_or_else(|| "no end".to_owned(), moment);
        Some(format!("until {} → {to}", moment(ends.from)))
    }

    /// `still via ops, then via dev`, for [`PeopleChange::KeepsVia`]: the paths that stay and those that come, as a
    /// format writes them.
    pub fn kept_via(&self, paths: impl Fn(&[PrincipalKey]) -> String) -> String {
        let (comes, stays): (Vec<_>, Vec<_>) = self
            .keeps
            .iter()
            .cloned()
            .partition(|key| self.comes.contains(key));
        let of = |word: &str, keys: &[PrincipalKey]| {
            (!keys.is_empty()).then(|| format!("{word} via {}", paths(keys)))
        };
        let parts: Vec<String> = [of("still", &stays), of("then", &comes)]
            .into_iter()
            .flatten()
            .collect();
        parts.join(", ")
    }
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
        && line.everyone == row.everyone
        && line.ends == row.ends
        && line.people == row.people
        && line.accounts == row.accounts
        && line.still == kept(row)
        && line.gained == row.gained
        && line.via.iter().eq(&row.via)
        && line.keeps.iter().eq(&row.keeps)
        && line.comes.iter().eq(&row.comes)
}

fn line(row: &PeopleRow, sessions: Option<u32>) -> PeopleLine {
    PeopleLine {
        change: row.change,
        people: row.people.clone(),
        count: row.count,
        everyone: row.everyone.clone(),
        permission_sets: vec![row.permission_set],
        accounts: row.accounts.clone(),
        via: row.via.iter().cloned().collect(),
        keeps: row.keeps.iter().cloned().collect(),
        comes: row.comes.iter().cloned().collect(),
        still: kept(row),
        gained: row.gained.clone(),
        sessions: sessions.filter(|_| row.change == PeopleChange::Loses),
        first: row.first,
        ends: row.ends,
        risks: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan_view::tests::{administers, small};

    #[test]
    fn classes_of_which_not_all_are_named_are_one_line_only_if_they_are_the_same_people() {
        let mut plan = small();
        let mut other = plan.people.rows[0].clone();
        other.permission_set = 1;
        plan.people.rows.push(other);
        let gains = |plan: &Plan| {
            let lines = lines(plan, &Marker::new(plan));
            lines
                .iter()
                .filter(|line| line.change == PeopleChange::Gains)
                .count()
        };
        assert_eq!(gains(&plan), 1);
        // The names that are listed and the number are equal, the people are not.
        for (row, everyone) in [(0, "one"), (2, "other")] {
            plan.people.rows[row].count = 2000;
            plan.people.rows[row].everyone = Some(everyone.into());
        }
        assert_eq!(gains(&plan), 2);
    }

    #[test]
    fn the_gravest_line_comes_first_though_it_is_about_the_fewest() {
        let mut plan = small();
        let mut few = plan.people.rows[0].clone();
        few.people.truncate(1);
        (few.count, few.permission_set, few.accounts) = (1, 1, vec![3]);
        plan.people.rows.insert(1, few);
        plan.risks.production = vec![0];
        administers(&mut plan, 1);
        let lines = lines(&plan, &Marker::new(&plan));
        let counts: Vec<u64> = lines.iter().map(|line| line.count).collect();
        assert_eq!(counts, [1, 14, 1]);
        assert_eq!(lines[0].permission_sets, [1]);
    }
}
