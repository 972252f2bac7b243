//! The section for assignments: `platform → admin   12 accounts in workloads/prod   access/prod.hcl:31`.

use std::collections::BTreeSet;
use std::io;

use crate::address::Address;
use crate::plan::change::{GrantReason, RevokeReason};
use crate::report::escape::{escape, name};
use crate::report::plan_view::assignments::{AssignmentRow, RowChange};
use crate::report::plan_view::origin::moment;
use crate::report::plan_view::risk::{Marker, words};
use crate::report::plan_view::{PlanView, principal_name};
use crate::report::style::Meaning;
use crate::report::wording::{self, counted, number, some_of};

use super::Page;
use super::page::column;

/// More rows than this are folded to one line per block and reason.
const MOST_ROWS: usize = 40;

/// Writes the section, if assignments change.
pub fn write(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let plan = view.plan;
    if view.assignments.is_empty() {
        return Ok(());
    }
    let parts: Vec<String> = [(plan.grants.len(), "added"), (plan.revokes.len(), "removed")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", number(count as u64)))
        .collect();
    page.heading("Assignments", &parts.join(" · "))?;
    let rows = view.assignments.len();
    let (lines, hidden) = if rows > MOST_ROWS {
        folded(view)
    } else {
        let lines = view.assignments.iter().map(|row| line(view, row));
        (lines.collect(), Hidden::default())
    };
    let who = column(lines.iter().map(|line| line.who.as_str()), 44);
    let where_to = column(lines.iter().map(|line| line.accounts.as_str()), 44);
    for line in &lines {
        let origin = page.paint(Meaning::Aside, &line.origin);
        let origin = format!("{origin}{}", page.marks(&line.risks));
        let cells = [
            (line.who.clone(), who),
            (line.accounts.clone(), where_to),
            (origin, 0),
        ];
        page.row(line.mark, &cells)?;
    }
    if hidden.assignments > 0 {
        let blocks = counted(hidden.lines, "more block");
        page.line(&format!(
            "    … {} of {blocks} (--json lists all)",
            counted(hidden.assignments, "assignment")
        ))?;
    }
    Ok(())
}

/// What has no line.
#[derive(Default)]
struct Hidden {
    lines: u64,
    assignments: u64,
}

/// An assignment row in words.
pub struct Line {
    mark: (Meaning, &'static str),
    /// `platform → admin`
    pub who: String,
    /// Where.
    pub accounts: String,
    /// Which block, why, until when.
    pub origin: String,
    /// What makes it one to look at twice.
    risks: String,
}

/// A row in words.
pub fn line(view: &PlanView<'_>, row: &AssignmentRow) -> Line {
    let principals = row
        .principals
        .iter()
        .filter_map(|rank| view.labels.principal(*rank));
    let principals = some_of(principals.map(principal_name), row.principals.len() as u64, 3);
    let sets = row
        .permission_sets
        .iter()
        .map(|rank| view.labels.permission_set(*rank));
    let sets = some_of(sets, row.permission_sets.len() as u64, 3);
    Line {
        mark: mark(row.change),
        who: format!("{principals} → {sets}"),
        accounts: accounts(view, row),
        origin: match view.is_left_over(row) {
            true => left_over(view, row),
            false => origin(view, row.change, &row.notes, row.blocked),
        },
        risks: words(&row.risks),
    }
}

fn mark(change: RowChange) -> (Meaning, &'static str) {
    match change {
        RowChange::Grant(GrantReason::Restore) => (Meaning::Warning, "!"),
        RowChange::Grant(_) => (Meaning::Added, "+"),
        RowChange::Revoke(_) => (Meaning::Removed, "-"),
    }
}

/// `12 accounts in workloads/prod`, `2 of 14 accounts in workloads/prod: a, b`, `3 accounts: a, b, c`, `a`.
fn accounts(view: &PlanView<'_>, row: &AssignmentRow) -> String {
    let count = row.accounts.len() as u64;
    let names = view.labels.accounts(&row.accounts);
    let listed = wording::accounts(&names, count, 3);
    let selection = row
        .notes
        .first()
        .and_then(|note| view.declarations(*note).next())
        .and_then(|block| view.plan.selections.get(&block.address))
        .filter(|_| row.change.is_grant());
    let selector = selection.and_then(|s| Some((s.accounts, s.accounts_from.as_deref()?)));
    match selector {
        _ if count == 1 => listed,
        Some((all, from)) if all <= count => format!("{} in {}", counted(count, "account"), name(from)),
        Some((all, from)) => format!(
            "{} of {} accounts in {}: {listed}",
            number(count),
            number(all),
            name(from)
        ),
        None => format!("{}: {listed}", counted(count, "account")),
    }
}

/// Where it is declared and what for; for what goes, why it goes.
fn origin(view: &PlanView<'_>, change: RowChange, notes: &[u32], blocked: bool) -> String {
    let found = view.origin(notes);
    let place = found.place().map(|(first, others)| match others {
        0 => first.to_string(),
        more => format!("{first} and {more} more"),
    });
    let reasons: Vec<String> = found
        .reasons
        .iter()
        .map(|reason| escape(reason).into_owned())
        .collect();
    let reasons = reasons.join(", ");
    let expiry = found.expires;
    let mut parts: Vec<String> = Vec::new();
    match change {
        RowChange::Grant(reason) => {
            parts.extend(place);
            parts.push(reasons);
            parts.extend(expiry.map(|time| format!("until {}", moment(time))));
            match reason {
                GrantReason::Declared => {}
                GrantReason::Restore => parts.push("gone from the service, and brought back".to_owned()),
                GrantReason::Renamed => parts.push("renamed permission set".to_owned()),
            }
        }
        RowChange::Revoke(reason) => parts.extend(revoke_origin(reason, found.block.as_ref(), place, expiry)),
    }
    if blocked {
        parts.push("blocked for this caller".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("  ")
}

/// Where the block of what is left over stands: it did not let go of anything.
fn left_over(view: &PlanView<'_>, row: &AssignmentRow) -> String {
    let origin = view.origin(&row.notes);
    let place = origin.place().map(|(at, _)| escape(&at.to_string()).into_owned());
    let blocked = row.blocked.then(|| "blocked for this caller".to_owned());
    let parts = place
        .into_iter()
        .chain(["was deleted in the service".to_owned()])
        .chain(blocked);
    parts.collect::<Vec<_>>().join("  ")
}

fn revoke_origin(
    reason: RevokeReason,
    block: Option<&Address>,
    place: Option<String>,
    expiry: Option<jiff::Timestamp>,
) -> Vec<String> {
    match reason {
        RevokeReason::BlockRemoved => {
            let label = block.map_or("block removed".to_owned(), |block| {
                format!("{} removed", escape(&block.to_string()))
            });
            vec![label]
        }
        RevokeReason::NoLongerSelected => place
            .into_iter()
            .chain(["no longer selected".to_owned()])
            .collect(),
        RevokeReason::Expired => {
            let when = expiry.map_or("expired".to_owned(), |time| format!("expired {}", moment(time)));
            place.into_iter().chain([when]).collect()
        }
        RevokeReason::Unmanaged => vec!["nobody declares it".to_owned()],
        RevokeReason::Renamed => vec!["renamed permission set".to_owned()],
        RevokeReason::Destroy => Vec::new(),
        RevokeReason::Frozen => vec!["frozen".to_owned()],
    }
}

/// One line per block and reason: how many principals, sets and accounts it stands for.
fn folded(view: &PlanView<'_>) -> (Vec<Line>, Hidden) {
    let marker = Marker::new(view.plan);
    let (mut lines, mut hidden) = (Vec::new(), Hidden::default());
    let mut groups: indexmap::IndexMap<(RowChange, String), Vec<&AssignmentRow>> = indexmap::IndexMap::new();
    for row in &view.assignments {
        let origin = origin(view, row.change, &row.notes, row.blocked);
        groups.entry((row.change, origin)).or_default().push(row);
    }
    for ((change, origin), rows) in groups {
        let count = rows.iter().map(|row| row.count()).sum();
        if lines.len() == MOST_ROWS {
            hidden.lines += 1;
            hidden.assignments += count;
            continue;
        }
        if let [row] = rows.as_slice() {
            lines.push(line(view, row));
            continue;
        }
        let distinct = |of: fn(&AssignmentRow) -> &[u32]| {
            let all: BTreeSet<u32> = rows.iter().flat_map(|row| of(row)).copied().collect();
            all.into_iter().collect::<Vec<u32>>()
        };
        let principals = distinct(|row| &row.principals);
        let sets = distinct(|row| &row.permission_sets);
        let accounts = distinct(|row| &row.accounts);
        let shown = |ranks: &[u32], thing: &str, name_of: &dyn Fn(u32) -> String| match ranks {
            [one] => name_of(*one),
            many => counted(many.len() as u64, thing),
        };
        let who = shown(&principals, "principal", &|rank| {
            view.labels
                .principal(rank)
                .map(principal_name)
                .unwrap_or_default()
        });
        let what = shown(&sets, "permission set", &|rank| {
            view.labels.permission_set(rank).to_owned()
        });
        lines.push(Line {
            mark: mark(change),
            who: format!("{} → {what}", name(&who)),
            accounts: format!(
                "{} in {}",
                counted(count, "assignment"),
                counted(accounts.len() as u64, "account")
            ),
            origin,
            risks: match change.is_grant() {
                true => words(&marker.of_grants(&sets, &accounts)),
                false => String::new(),
            },
        });
    }
    (lines, hidden)
}
