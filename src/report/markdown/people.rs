//! The section for people: who gains and loses what, where, and through whom.

use crate::id::PrincipalKey;
use crate::plan::change::RevokeReason;
use crate::plan::people::PeopleChange;
use crate::report::hide::Hide;
use crate::report::plan_view::assignments::RowChange;
use crate::report::plan_view::origin::{Origin, moment};
use crate::report::plan_view::people::PeopleLine;
use crate::report::plan_view::risk::{grave, gravest};
use crate::report::plan_view::{PlanView, principal_name};
use crate::report::wording::{self, counted, each_once};

use super::marks::words;
use super::page::{Row, Section};
use super::plan::accounts;
use super::text;

/// How many names, sets, paths and accounts a cell lists.
const MOST_PEOPLE: usize = 5;
/// How many names where people come to access that is marked by itself, if there is room.
const MOST_MARKED_PEOPLE: usize = 100;
const MOST_SETS: usize = 4;
const MOST_PATHS: usize = 3;
const MOST_ACCOUNTS: usize = 5;
/// How many blocks stand below a path, how many reasons of one, and how much of a reason, in characters.
const MOST_CAUSES: usize = 3;
const MOST_REASONS: usize = 2;
const MOST_REASON: usize = 160;

/// What people gain and lose; the losses first, as the more surprising.
pub fn section(view: &PlanView<'_>, hide: &Hide, most: usize) -> Section {
    let people = &view.plan.people;
    let parts: Vec<String> = [
        (people.gaining, "gains", "gain"),
        (people.losing, "loses", "lose"),
        (people.longer, "keeps access for longer", "keep access for longer"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, many)| {
        let verb = if count == 1 { one } else { many };
        format!("{} {verb}", wording::people(count))
    })
    .collect();
    let order = [
        PeopleChange::Gains,
        PeopleChange::KeepsLonger,
        PeopleChange::Loses,
        PeopleChange::Unknown,
        PeopleChange::KeepsVia,
    ];
    let lines: Vec<&PeopleLine> = order
        .into_iter()
        .flat_map(|change| view.people.iter().filter(move |line| line.change == change))
        .collect();
    let mut section = Section {
        title: "People",
        summary: parts.join(" · "),
        head: &["", "who", "permission set", "where", "how"],
        open: 15,
        rank: 1,
        ..Section::default()
    };
    let mark = |line: &&PeopleLine| gravest(&line.risks);
    section.fill_marked(&lines, most, |line| row(view, line, hide), |_| 1, mark);
    section
}

/// A row; where access is marked by itself, with everyone's names if there is room for them.
fn row(view: &PlanView<'_>, line: &PeopleLine, hide: &Hide) -> Row {
    let short = cells(view, line, hide, MOST_PEOPLE);
    if grave(&line.risks) == 0 {
        return Row::new(short, 1);
    }
    let full = cells(view, line, hide, MOST_MARKED_PEOPLE);
    Row {
        short: (full != short).then_some(short),
        ..Row::new(full, 1)
    }
}

fn cells(view: &PlanView<'_>, line: &PeopleLine, hide: &Hide, most: usize) -> String {
    let verb = match (line.change, line.count) {
        (PeopleChange::Gains, 1) => "**gains**",
        (PeopleChange::Gains, _) => "**gain**",
        (PeopleChange::KeepsLonger, 0 | 1) => "**keeps longer**",
        (PeopleChange::KeepsLonger, _) => "**keep longer**",
        (PeopleChange::Loses, 1) => "**loses**",
        (PeopleChange::Loses, _) => "**lose**",
        (PeopleChange::KeepsVia, 1) => "keeps",
        (PeopleChange::KeepsVia, _) => "keep",
        (PeopleChange::Unknown, _) => "**unknown**",
    };
    let who = match line.change {
        PeopleChange::Unknown => format!("whoever is in {}", paths(&line.via)),
        PeopleChange::KeepsLonger if line.count == 0 => format!("whoever is in {}", paths(&line.via)),
        _ => hide.people(
            line.people.iter().map(|user| view.labels.user(user)),
            line.count,
            most,
        ),
    };
    let cells = [
        verb.to_owned(),
        who,
        sets(view, &line.permission_sets),
        accounts(view, &line.accounts, MOST_ACCOUNTS),
        how(view, line, hide),
    ];
    text::row(&cells)
}

fn sets(view: &PlanView<'_>, ranks: &[u32]) -> String {
    let names = ranks.iter().map(|rank| view.labels.permission_set(*rank));
    text::some_of(names, ranks.len() as u64, MOST_SETS)
}

/// Groups by name; a grant to a person is a direct one.
pub(super) fn paths(keys: &[PrincipalKey]) -> String {
    let (direct, groups): (Vec<_>, Vec<_>) =
        keys.iter().partition(|key| matches!(key, PrincipalKey::User(_)));
    let names = groups.iter().map(|key| principal_name(key));
    let names = (!groups.is_empty()).then(|| text::some_of(names, groups.len() as u64, MOST_PATHS));
    let direct = (!direct.is_empty()).then(|| "a direct assignment".to_owned());
    let parts: Vec<String> = [names, direct].into_iter().flatten().collect();
    parts.join(" and ")
}

/// By which path, and below it which blocks bring it about.
fn how(view: &PlanView<'_>, line: &PeopleLine, hide: &Hide) -> String {
    let mut lines = vec![path(view, line)];
    let causes = view.causes(line);
    let assignments = causes.assignments.iter();
    let assignments = assignments.map(|(change, origin)| assignment(*change, origin, hide));
    let memberships = causes.memberships.iter().map(|joined| {
        let verb = if joined.comes { "joins" } else { "leaves" };
        let place = joined
            .location
            .map(|at| format!(" ({})", text::code(&at.to_string())));
        format!(
            "{verb} {}{}",
            text::name(joined.group.as_str()),
            place.unwrap_or_default()
        )
    });
    let told = each_once(memberships.chain(assignments));
    let count = told.len();
    lines.extend(told.into_iter().take(MOST_CAUSES));
    if count > MOST_CAUSES {
        lines.push(format!(
            "… {} more",
            counted((count - MOST_CAUSES) as u64, "block")
        ));
    }
    lines.retain(|line| !line.is_empty());
    lines.join("<br>")
}

/// ``assignment.ops` (`main.hcl:12`), reason `OPS-7`, until 2027-01-01`.
fn assignment(change: Option<RowChange>, origin: &Origin<'_>, hide: &Hide) -> String {
    let block = origin.block.as_ref().map(|block| hide.name(&block.to_string()));
    let mut out = block.unwrap_or_else(|| "no block".to_owned());
    if let Some((at, others)) = origin.place() {
        let more = match others {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        out.push_str(&format!(" ({}{more})", text::code(&at.to_string())));
    }
    match change {
        None | Some(RowChange::Grant(_)) => {}
        Some(RowChange::Revoke(RevokeReason::BlockRemoved)) => out.push_str(" was removed"),
        Some(RowChange::Revoke(RevokeReason::NoLongerSelected)) => out.push_str(" no longer selects it"),
        Some(RowChange::Revoke(RevokeReason::Expired)) => out.push_str(" expired"),
        Some(RowChange::Revoke(RevokeReason::Frozen)) => out.push_str(", frozen"),
        Some(RowChange::Revoke(RevokeReason::Unmanaged | RevokeReason::Renamed | RevokeReason::Destroy)) => {}
    }
    let reasons = origin.reasons.iter().take(MOST_REASONS);
    let reasons: Vec<String> = reasons
        .map(|text| hide.name(&text::clip(text, MOST_REASON)))
        .collect();
    if !reasons.is_empty() {
        out.push_str(&format!(", reason {}", reasons.join(", ")));
    }
    if let (None | Some(RowChange::Grant(_)), Some(time)) = (change, origin.expires) {
        out.push_str(&format!(", until {}", moment(time)));
    }
    out
}

fn path(view: &PlanView<'_>, line: &PeopleLine) -> String {
    match line.change {
        PeopleChange::Gains | PeopleChange::KeepsLonger => {
            let risks = (!line.risks.is_empty()).then(|| format!("**{}**", words(&line.risks)));
            let via = (!line.via.is_empty()).then(|| format!("via {}", paths(&line.via)));
            let until = line.until().map(|until| format!("**{until}**"));
            let parts: Vec<String> = [risks, until, via].into_iter().flatten().collect();
            parts.join("; ")
        }
        PeopleChange::Loses => {
            let mut parts = Vec::new();
            if !line.via.is_empty() {
                parts.push(format!("no longer via {}", paths(&line.via)));
            }
            let (keeps, gains) = match line.count {
                1 => ("keeps", "gains"),
                _ => ("keep", "gain"),
            };
            for (verb, ranks) in [(keeps, &line.still), (gains, &line.gained)] {
                if !ranks.is_empty() {
                    parts.push(format!("{verb} {} there", sets(view, ranks)));
                }
            }
            if let Some(seconds) = line.sessions {
                let time = wording::seconds(u64::from(seconds));
                parts.push(format!("sessions that are open may last another {time}"));
            }
            parts.join("; ")
        }
        PeopleChange::KeepsVia => format!("no longer via {}, {}", paths(&line.via), line.kept_via(paths)),
        PeopleChange::Unknown => "members cannot be read".to_owned(),
    }
}
