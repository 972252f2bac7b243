//! The section for assignments: who gets what in which accounts, why, and where it is written.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use jiff::Timestamp;

use crate::id::{PermissionSetName, PrincipalKey};
use crate::plan::change::{GrantReason, RevokeReason};
use crate::plan::risk::RiskMark;
use crate::report::hide::Hide;
use crate::report::plan_view::assignments::{AssignmentRow, RowChange};
use crate::report::plan_view::origin::{Origin, moment};
use crate::report::plan_view::risk::{MOST_SETS as MOST_MARKED_SETS, gravest};
use crate::report::plan_view::{PlanView, principal_name};
use crate::report::wording::{self, counted, number};

use super::marks::words;
use super::page::{Row, Section};
use super::plan::accounts;
use super::text;

/// More rows than this become one per block and reason.
const MOST_ROWS: usize = 150;
const MOST_NAMES: usize = 4;
const MOST_ACCOUNTS: usize = 6;
/// The longest reason of a block that is shown whole, in characters.
const MOST_REASON: usize = 300;

/// Rows of one block, one change and one reason.
type Group<'v> = Vec<&'v AssignmentRow>;

/// Assignments to make and to take away.
pub fn section(view: &PlanView<'_>, hide: &Hide, most: usize) -> Section {
    let plan = view.plan;
    let parts: Vec<String> = [(plan.grants.len(), "added"), (plan.revokes.len(), "removed")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", number(count as u64)))
        .collect();
    let mut section = Section {
        title: "Assignments",
        summary: parts.join(" · "),
        head: &[
            "",
            "group or person",
            "permission set",
            "accounts",
            "why",
            "until",
            "written in",
        ],
        open: 15,
        rank: 2,
        thing: "assignment",
        ..Section::default()
    };
    let weight = |group: &Group<'_>| group.iter().map(|row| row.count()).sum();
    let groups = groups(view);
    let mark = |group: &Group<'_>| group.iter().filter_map(|row| gravest(&row.risks)).min();
    let row = |group: &Group<'_>| Row::new(text::row(&cells(view, group, hide)), weight(group));
    section.fill_marked(&groups, most, row, weight, mark);
    section
}

fn groups<'v>(view: &'v PlanView<'_>) -> Vec<Group<'v>> {
    if view.assignments.len() <= MOST_ROWS {
        return view.assignments.iter().map(|row| vec![row]).collect();
    }
    let mut groups: IndexMap<(RowChange, bool, Origin<'_>), Group<'v>, rustc_hash::FxBuildHasher> =
        IndexMap::default();
    for row in &view.assignments {
        let key = (row.change, row.blocked, view.origin(&row.notes));
        groups.entry(key).or_default().push(row);
    }
    groups.into_values().collect()
}

fn cells(view: &PlanView<'_>, group: &Group<'_>, hide: &Hide) -> Vec<String> {
    let Some(first) = group.first() else {
        return Vec::new();
    };
    let distinct = |of: fn(&AssignmentRow) -> &[u32]| -> Vec<u32> {
        let all: BTreeSet<u32> = group.iter().flat_map(|row| of(row)).copied().collect();
        all.into_iter().collect()
    };
    let ranks = distinct(|row| &row.accounts);
    let origin = view.origin(&first.notes);
    let place = match group.len() {
        1 => place(view, first, &ranks),
        // Rows of one block need not be a product.
        _ => {
            let count = group.iter().map(|row| row.count()).sum();
            let where_to = accounts(view, &ranks, MOST_ACCOUNTS);
            format!("{} in {where_to}", counted(count, "assignment"))
        }
    };
    let written = origin.place().map(|(at, others)| match others {
        0 => text::code(&at.to_string()),
        more => format!("{} and {more} more", text::code(&at.to_string())),
    });
    vec![
        mark(first.change).to_owned(),
        principals(view, &distinct(|row| &row.principals), hide),
        sets(view, &distinct(|row| &row.permission_sets)),
        place,
        why(view, group, &origin, hide),
        until(first.change, origin.expires),
        written.unwrap_or_default(),
    ]
}

fn mark(change: RowChange) -> &'static str {
    match change {
        RowChange::Grant(GrantReason::Restore) => "**bring back**",
        RowChange::Grant(_) => "**add**",
        RowChange::Revoke(_) => "**remove**",
    }
}

fn sets(view: &PlanView<'_>, ranks: &[u32]) -> String {
    let names = ranks.iter().map(|rank| view.labels.permission_set(*rank));
    text::some_of(names, ranks.len() as u64, MOST_NAMES)
}

/// Groups by name; people by name unless they are only counted.
fn principals(view: &PlanView<'_>, ranks: &[u32], hide: &Hide) -> String {
    let keys: Vec<&PrincipalKey> = ranks
        .iter()
        .filter_map(|rank| view.labels.principal(*rank))
        .collect();
    let is_person = |key: &&PrincipalKey| matches!(key, PrincipalKey::User(_));
    let (people, others): (Vec<&PrincipalKey>, Vec<&PrincipalKey>) = keys
        .into_iter()
        .partition(|key| hide.counts_only() && is_person(key));
    let names = others.iter().map(|key| principal_name(key));
    let named = (!others.is_empty()).then(|| text::some_of(names, others.len() as u64, MOST_NAMES));
    let counted = (!people.is_empty()).then(|| wording::people(people.len() as u64));
    let parts: Vec<String> = [named, counted].into_iter().flatten().collect();
    parts.join(", ")
}

/// `12 accounts in workloads/prod`, `2 of 14 accounts in workloads/prod: a, b`, `3 accounts: a, b, c`, `a`.
fn place(view: &PlanView<'_>, row: &AssignmentRow, ranks: &[u32]) -> String {
    let count = ranks.len() as u64;
    let listed = accounts(view, ranks, MOST_ACCOUNTS);
    let selection = row
        .notes
        .first()
        .and_then(|note| view.declarations(*note).next())
        .and_then(|block| view.plan.selections.get(&block.address))
        .filter(|_| row.change.is_grant());
    match selection.and_then(|found| Some((found.accounts, found.accounts_from.as_deref()?))) {
        None => listed,
        Some((all, from)) => {
            let of = if all > count {
                format!("{} of ", number(count))
            } else {
                String::new()
            };
            let all = counted(all.max(count), "account");
            format!("{of}{all} in {}: {}", text::name(from), names_only(&listed))
        }
    }
}

/// A list of accounts without its count.
fn names_only(listed: &str) -> &str {
    match listed.split_once(": ") {
        Some((count, names)) if !count.contains('`') => names,
        _ => listed,
    }
}

fn why(view: &PlanView<'_>, group: &Group<'_>, origin: &Origin<'_>, hide: &Hide) -> String {
    let Some(row) = group.first() else {
        return String::new();
    };
    let mut parts: Vec<String> = risks(group).into_iter().collect();
    match row.change {
        RowChange::Grant(reason) => {
            let reasons = origin.reasons.iter();
            parts.extend(reasons.map(|text| hide.name(&text::clip(text, MOST_REASON))));
            match reason {
                GrantReason::Declared => {}
                GrantReason::Restore => parts.push("applied before, and gone from the service".to_owned()),
                GrantReason::Renamed => parts.push("the permission set is renamed".to_owned()),
            }
        }
        RowChange::Revoke(reason) => parts.push(match reason {
            RevokeReason::BlockRemoved => match &origin.block {
                Some(block) => format!("{} was removed", hide.name(&block.to_string())),
                None => "its block was removed".to_owned(),
            },
            RevokeReason::NoLongerSelected if view.is_left_over(row) => {
                "it was deleted in the service".to_owned()
            }
            RevokeReason::NoLongerSelected => "its block no longer selects it".to_owned(),
            RevokeReason::Expired => "expired".to_owned(),
            RevokeReason::Unmanaged => "nobody declares it".to_owned(),
            RevokeReason::Renamed => "the permission set is renamed".to_owned(),
            RevokeReason::Destroy => "the stack is destroyed".to_owned(),
            RevokeReason::Frozen => "frozen".to_owned(),
        }),
    }
    if row.blocked {
        parts.push("**blocked for this caller**".to_owned());
    }
    parts.join("; ")
}

/// Why to look twice: of one row with its counts, of several by the marks, and the sets that have them.
fn risks(group: &Group<'_>) -> Option<String> {
    let words = match group.as_slice() {
        [row] => words(&row.risks),
        rows => of_several(rows),
    };
    (!words.is_empty()).then(|| format!("**{words}**"))
}

fn of_several(rows: &[&AssignmentRow]) -> String {
    let mut marks: BTreeMap<RiskMark, BTreeSet<&PermissionSetName>> = BTreeMap::new();
    for risk in rows.iter().flat_map(|row| &row.risks) {
        marks.entry(risk.mark).or_default().extend(&risk.sets);
    }
    let all: BTreeSet<u32> = rows
        .iter()
        .flat_map(|row| &row.permission_sets)
        .copied()
        .collect();
    let words = marks.iter().map(|(mark, sets)| {
        if sets.is_empty() || sets.len() == all.len() {
            return mark.word().to_owned();
        }
        let names = sets.iter().map(|set| set.as_str());
        format!(
            "{} ({})",
            mark.word(),
            text::some_of(names, sets.len() as u64, MOST_MARKED_SETS)
        )
    });
    words.collect::<Vec<_>>().join(", ")
}

fn until(change: RowChange, expires: Option<Timestamp>) -> String {
    match (change, expires) {
        (RowChange::Grant(_) | RowChange::Revoke(RevokeReason::Expired), Some(time)) => moment(time),
        _ => String::new(),
    }
}
