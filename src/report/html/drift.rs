//! What drifted, by cause, as of the reading that the page shows.

use crate::drift::{Cause, DriftItem, Effect};
use crate::model::in_account::in_brief;
use crate::report::drift_view::{Before, DriftRow, DriftView, Room};
use crate::report::escape::{escape, name};
use crate::report::hide::Hide;
use crate::report::plan_view::risk::words;
use crate::report::wording::{number, some_of};

use super::text::{day, moment};

/// Rows of one cause; more are counted.
const MOST_ROWS: usize = 100;
const MOST_PEOPLE: usize = 8;
const ROOM: Room = Room {
    minus: "−",
    people: MOST_PEOPLE,
    accounts: MOST_PEOPLE,
};

/// The findings.
pub struct DriftSection {
    /// When the reading was made that it is about.
    pub at: String,
    /// How it went, in a sentence that says of when it is.
    pub sum: String,
    /// Nothing drifted then, and all of it could be read.
    pub is_good: bool,
    /// By cause, most urgent first.
    pub causes: Vec<CauseSection>,
    /// What was held, and why.
    pub held: Vec<(String, String)>,
    /// How much is as applied, ignored, out of scope.
    pub rest: String,
}

/// The findings of one cause.
pub struct CauseSection {
    /// What the cause means.
    pub title: &'static str,
    /// The class that colours them.
    pub class: &'static str,
    /// A sign.
    pub sign: &'static str,
    /// The findings.
    pub rows: Vec<DriftLine>,
    /// How many are left out.
    pub more: usize,
}

/// A finding.
pub struct DriftLine {
    /// What is concerned.
    pub title: String,
    /// Where.
    pub place: String,
    /// What it means for people, what differs: a class and a text each.
    pub details: Vec<(&'static str, String)>,
    /// Which block, and where it is written.
    pub origin: String,
    /// Since when.
    pub since: String,
    /// What to do.
    pub remedy: String,
    /// A command that does it.
    pub command: String,
}

impl DriftSection {
    /// The section of a comparison.
    pub fn new(view: &DriftView<'_>) -> Self {
        let of = |(cause, title, rows): (Cause, &'static str, Vec<&DriftRow<'_>>)| {
            let (class, sign) = mark(cause);
            CauseSection {
                title,
                class,
                sign,
                more: rows.len().saturating_sub(MOST_ROWS),
                rows: rows
                    .into_iter()
                    .take(MOST_ROWS)
                    .map(|row| line(view, row))
                    .collect(),
            }
        };
        let held = view.held_lines().into_iter().take(MOST_ROWS);
        let at = moment(view.observed.at);
        DriftSection {
            // Nobody looked since.
            sum: view.sum().replacen("No drift", &format!("No drift at {at}"), 1),
            at,
            is_good: !view.drift.differs() && view.held.is_empty() && !view.drift.never_applied,
            causes: view.sections().into_iter().map(of).collect(),
            held: held
                .map(|line| {
                    (
                        escape(&line.what).into_owned(),
                        escape(&line.reason()).into_owned(),
                    )
                })
                .collect(),
            rest: view.rest(),
        }
    }
}

fn mark(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Missing | Cause::RoleMissing | Cause::SamlProviderMissing | Cause::PolicyMissing => {
            ("loses", "−")
        }
        Cause::Unmanaged | Cause::UnmanagedMembership | Cause::Orphaned => ("unmanaged", "+"),
        Cause::Changed | Cause::AccountMoved | Cause::Renamed | Cause::StaleProvisioning => ("changes", "~"),
        Cause::Rebound
        | Cause::Overdue
        | Cause::RoleTampered
        | Cause::AccountSuspended
        | Cause::QuotaNear => ("unknown", "!"),
    }
}

fn line(view: &DriftView<'_>, row: &DriftRow<'_>) -> DriftLine {
    let item = row.item;
    let block = item
        .addresses
        .first()
        .map(|block| escape(&block.to_string()).into_owned());
    let place = item.location.as_ref().map(ToString::to_string);
    let expired = item.expired.map(|time| format!("expired {}", day(time)));
    let origin: Vec<String> = [block, place, expired].into_iter().flatten().collect();
    let command = row.remedy.command.as_deref().unwrap_or_default();
    DriftLine {
        title: row.title(),
        place: view.place(row, ROOM, &Hide::default()),
        details: details(view, row),
        origin: origin.join(" · "),
        since: since(item),
        remedy: escape(&row.remedy.text).into_owned(),
        command: escape(command).into_owned(),
    }
}

fn since(item: &DriftItem) -> String {
    match (item.expired, item.since) {
        (Some(expired), _) => format!("{}, when it expired", moment(expired)),
        (None, Some(since)) => match since.last_without {
            Some(last) => {
                let before = Before::of(item.cause).at();
                format!("{} ({before} {})", moment(since.first_with), moment(last))
            }
            None => format!("{} or before", moment(since.first_with)),
        },
        (None, None) => String::new(),
    }
}

fn details(view: &DriftView<'_>, row: &DriftRow<'_>) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    if !row.marks.is_empty() {
        out.push(("unknown", format!("! {}", words(&row.marks))));
    }
    for found in row.item.people.iter().take(MOST_PEOPLE) {
        let (class, verb) = match found.effect {
            Effect::Gained => ("gains", "+ people gained"),
            Effect::Lost => ("loses", "− people lost"),
            Effect::Kept => ("unknown", "= people keep"),
            Effect::Concerned => ("unknown", "~ people have"),
        };
        let reached = &found.reached;
        let names = reached.people.iter().map(|user| view.person(user));
        let who = some_of(names, reached.people.len() as u64, MOST_PEOPLE);
        let set = name(reached.permission_set.as_str());
        out.push((
            class,
            format!("{verb} {set} in {}: {who}", view.places(&reached.accounts, ROOM)),
        ));
    }
    let rest = row.item.people.len().saturating_sub(MOST_PEOPLE) as u64;
    if rest > 0 {
        out.push(("", format!("… {} more", number(rest))));
    }
    let edits = row
        .item
        .edits
        .iter()
        .map(|edit| ("", format!("edited: {}", escape(&in_brief(edit)))));
    out.extend(edits);
    let alike = row.looks_like.iter();
    out.extend(alike.map(|text| ("unknown", format!("! {}", escape(text)))));
    out.extend(row.details.iter().flat_map(super::plan::detail));
    let follows = view.consequences(row, ROOM, &Hide::default());
    out.extend(
        follows
            .into_iter()
            .map(|(word, text)| ("unknown", format!("{word}: {text}"))),
    );
    out
}
