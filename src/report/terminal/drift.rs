//! Drift as text, a section per cause.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::drift::{Cause, Effect, Remedy};
use crate::model::in_account::in_brief;
use crate::plan::risk::RiskMark;
use crate::report::drift_view::{Before, DriftRow, DriftView, Room, held_title};
use crate::report::escape::{escape, name};
use crate::report::hide::Hide;
use crate::report::style::{Meaning, Styles};
use crate::report::wording::{counted, number};

use super::Page;
use super::entities::detail;
use super::page::column;

const MOST_ROWS: usize = 40;
const MOST_HELD: usize = 12;
/// What follows from one finding.
const MOST_CONSEQUENCES: usize = 5;
const MOST_PEOPLE: usize = 4;
const MOST_SELECTORS: usize = 6;
const ROOM: Room = Room {
    minus: "-",
    people: 4,
    accounts: 3,
};

/// Writes drift.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(
    view: &DriftView<'_>,
    provider: &str,
    hide: &Hide,
    styles: Styles,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page::new(out, styles);
    let title = page.paint(Meaning::Heading, "rolecall drift");
    let (stack, at) = (name(view.stack), view.observed.at);
    page.line(&format!(
        "{title}   stack {stack} · provider {provider} · read {at}"
    ))?;
    page.blank()?;
    held(view, &mut page)?;
    for (cause, title, rows) in view.sections() {
        section(view, (cause, title, &rows), hide, &mut page)?;
    }
    footer(view, &mut page)
}

fn held(view: &DriftView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.held.is_empty() {
        return Ok(());
    }
    page.heading(held_title(view.drift), &number(view.held.len() as u64))?;
    let lines = view.held_lines();
    for line in lines.iter().take(MOST_HELD) {
        let mark = page.paint(Meaning::Warning, "?");
        page.line(&format!("  {mark} {}: {}", escape(&line.what), escape(&line.why)))?;
        if let Some(remedy) = &line.remedy {
            page.line(&format!("      help: {}", escape(remedy)))?;
        }
    }
    let rest = lines.len().saturating_sub(MOST_HELD) as u64;
    if rest > 0 {
        page.line(&format!("    … {} more (--json lists all)", number(rest)))?;
    }
    Ok(())
}

fn section(
    view: &DriftView<'_>,
    (cause, title, rows): (Cause, &'static str, &[&DriftRow<'_>]),
    hide: &Hide,
    page: &mut Page<'_>,
) -> io::Result<()> {
    page.heading(title, "")?;
    let shown = || rows.iter().take(MOST_ROWS);
    let titles: Vec<String> = shown().map(|row| row.title()).collect();
    let places: Vec<String> = shown().map(|row| view.place(row, ROOM, hide)).collect();
    let first = column(titles.iter().map(String::as_str), 44);
    let second = column(places.iter().map(String::as_str), 44);
    let common = Common::of(rows);
    for ((row, title), place) in shown().zip(&titles).zip(&places) {
        let origin = page.paint(Meaning::Aside, origin(row));
        let mut cells = vec![(title.clone(), first), (place.clone(), second), (origin, 0)];
        cells.retain(|(text, width)| *width > 0 || !text.is_empty());
        page.row(mark(cause), &cells)?;
        about(view, row, hide, page)?;
        if common.since.is_none() {
            fact("since", &since(row), page)?;
        }
        if common.remedy.is_none() {
            remedy(&row.remedy, page)?;
        }
    }
    let rest = rows.len().saturating_sub(MOST_ROWS) as u64;
    if rest > 0 {
        page.line(&format!("    … {} more (--json lists all)", number(rest)))?;
    }
    if let Some(since) = common.since.filter(|since| !since.is_empty()) {
        page.line(&page.paint(Meaning::Aside, format!("    since {since}")))?;
    }
    match common.remedy {
        Some(found) => remedy(found, page),
        None => Ok(()),
    }
}

/// All that is said of a finding below its line, except what resolves it: plain, a line each.
pub fn lines(view: &DriftView<'_>, row: &DriftRow<'_>, hide: &Hide) -> Vec<String> {
    let mut out = Vec::new();
    let mut page = Page::new(&mut out, Styles::PLAIN);
    // Writing to memory does not fail.
    let _ = about(view, row, hide, &mut page);
    let _ = fact("since", &since(row), &mut page);
    let text = String::from_utf8_lossy(&out);
    text.lines()
        .map(|line| hide.apply(line.trim()).into_owned())
        .collect()
}

/// Why to look twice at it, what differs, whom it concerns, and what follows from it.
fn about(view: &DriftView<'_>, row: &DriftRow<'_>, hide: &Hide, page: &mut Page<'_>) -> io::Result<()> {
    for risk in &row.marks {
        super::entities::risk(risk, &mut *page)?;
    }
    for item in &row.details {
        detail(item, false, page)?;
    }
    for (label, text) in facts(view, row, hide) {
        fact(label, &text, page)?;
    }
    consequences(view, row, hide, page)
}

/// What follows from a finding, the first of much.
fn consequences(
    view: &DriftView<'_>,
    row: &DriftRow<'_>,
    hide: &Hide,
    page: &mut Page<'_>,
) -> io::Result<()> {
    let found = view.consequences(row, ROOM, hide);
    for (label, text) in found.iter().take(MOST_CONSEQUENCES) {
        fact(label, text, page)?;
    }
    let rest = found.len().saturating_sub(MOST_CONSEQUENCES) as u64;
    if rest > 0 {
        fact("", &format!("… {} more (--json lists all)", number(rest)), page)?;
    }
    Ok(())
}

/// What all rows of a section share, so that it is said once, below them.
struct Common<'r> {
    since: Option<String>,
    remedy: Option<&'r Remedy>,
}

impl<'r> Common<'r> {
    fn of(rows: &[&'r DriftRow<'_>]) -> Self {
        let first = rows.first();
        let all = |same: &dyn Fn(&DriftRow<'_>) -> bool| rows.iter().all(|row| same(row));
        Common {
            since: first
                .map(|first| since(first))
                .filter(|text| all(&|row| since(row) == *text)),
            remedy: first
                .map(|first| &first.remedy)
                .filter(|remedy| all(&|row| row.remedy == **remedy)),
        }
    }
}

fn fact(label: &str, text: &str, page: &mut Page<'_>) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    page.line(&format!("      {label:<25} {text}"))
}

fn remedy(remedy: &Remedy, page: &mut Page<'_>) -> io::Result<()> {
    let text = page.paint(Meaning::Aside, format!("    {}", escape(&remedy.text)));
    page.line(&text)?;
    // A command that the sentence names needs no line of its own.
    match &remedy.command {
        Some(command) if !remedy.text.contains(&format!("`{command}`")) => {
            page.line(&format!("      $ {}", escape(command)))
        }
        _ => Ok(()),
    }
}

fn mark(cause: Cause) -> (Meaning, &'static str) {
    match cause {
        Cause::Missing | Cause::RoleMissing | Cause::SamlProviderMissing | Cause::PolicyMissing => {
            (Meaning::Removed, "-")
        }
        Cause::Unmanaged | Cause::UnmanagedMembership | Cause::Orphaned => (Meaning::Added, "+"),
        Cause::Changed | Cause::AccountMoved | Cause::Renamed => (Meaning::Changed, "~"),
        Cause::Rebound
        | Cause::Overdue
        | Cause::RoleTampered
        | Cause::AccountSuspended
        | Cause::QuotaNear => (Meaning::Warning, "!"),
        Cause::StaleProvisioning => (Meaning::Changed, "↻"),
    }
}

/// What else there is to say about a finding, with a label each.
fn facts(view: &DriftView<'_>, row: &DriftRow<'_>, hide: &Hide) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let all: Vec<RiskMark> = row.marks.iter().map(|risk| risk.mark).collect();
    for (index, found) in row.item.people.iter().enumerate().take(MOST_PEOPLE) {
        let verb = match found.effect {
            Effect::Gained => "people gain",
            Effect::Lost => "people lose",
            Effect::Kept => "people keep",
            Effect::Concerned => "people with it",
        };
        let reached = &found.reached;
        // What is said of the whole finding is not said again.
        let risks = row.risks.get(index).filter(|risks| **risks != all);
        let words: Vec<&str> = risks.into_iter().flatten().map(|mark| mark.word()).collect();
        let risks = match words.is_empty() {
            true => String::new(),
            false => format!("  ! {}", words.join(", ")),
        };
        let who = view.people(&reached.people, 2, hide);
        // Two that differ in nothing but the accounts name them.
        let alike = row.item.people.iter().filter(|other| {
            other.effect == found.effect
                && other.reached.permission_set == reached.permission_set
                && other.reached.accounts.len() == reached.accounts.len()
        });
        let accounts = match reached.accounts.len() {
            1 => view.places(&reached.accounts, ROOM),
            _ if alike.count() > 1 => view.places(&reached.accounts, ROOM),
            count => counted(count as u64, "account"),
        };
        out.push((
            verb,
            format!("{who}: {} in {accounts}{risks}", reached.permission_set),
        ));
    }
    let rest = row.item.people.len().saturating_sub(MOST_PEOPLE) as u64;
    if rest > 0 {
        out.push(("", format!("… {} more (--json lists all)", number(rest))));
    }
    for edit in &row.item.edits {
        out.push(("edited", escape(&in_brief(edit)).into_owned()));
    }
    let alike = row.looks_like.iter();
    out.extend(alike.map(|text| ("look twice", escape(text).into_owned())));
    let selectors = &row.item.selected_by;
    for selector in selectors.iter().take(MOST_SELECTORS) {
        let place = selector
            .location
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let label = match (selector.before, selector.now) {
            (true, false) => "no longer selected by",
            (false, true) => "newly selected by",
            _ => "selected by",
        };
        out.push((
            label,
            format!("{}  {place}", escape(&selector.address.to_string())),
        ));
    }
    let rest = selectors.len().saturating_sub(MOST_SELECTORS) as u64;
    if rest > 0 {
        out.push((
            "",
            format!("… {} more (--json lists all)", counted(rest, "block")),
        ));
    }
    out
}

/// Since when it is so, as far as readings tell.
fn since(row: &DriftRow<'_>) -> String {
    if let Some(expired) = row.item.expired {
        return format!("{}, when it expired", moment(expired));
    }
    let Some(since) = row.item.since else {
        return String::new();
    };
    let first = moment(since.first_with);
    match since.last_without {
        Some(last) if moment(last) == first => format!("{first}"),
        Some(last) => {
            let before = Before::of(row.item.cause).last_read();
            format!("between {} ({before}) and {first}", moment(last))
        }
        None => format!("{first} at the latest; earlier: unknown"),
    }
}

/// A time to the second.
fn moment(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The block and where it is written; for what is overdue, since when.
fn origin(row: &DriftRow<'_>) -> String {
    let place = row.item.location.as_ref().map(ToString::to_string);
    let blocks = row.item.addresses.len();
    let more = if blocks > 1 {
        format!(" and {} more", blocks - 1)
    } else {
        String::new()
    };
    let block = row
        .item
        .addresses
        .first()
        .map(|block| format!("{}{more}", escape(&block.to_string())));
    let expired = row.item.expired.map(|time| format!("expired {time}"));
    let parts: Vec<String> = [block, place, expired].into_iter().flatten().collect();
    parts.join("  ")
}

fn footer(view: &DriftView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let drift = view.drift;
    if !(drift.is_empty() && view.held.is_empty()) {
        page.blank()?;
    }
    let others = match view.rest() {
        rest if rest.is_empty() => rest,
        rest => format!("  Assignments: {rest}."),
    };
    let meaning = match drift.differs() {
        true => Meaning::Heading,
        false if view.held.is_empty() => Meaning::Good,
        false => Meaning::Warning,
    };
    let sum = page.paint(meaning, view.sum());
    page.line(&format!("{sum}{others}"))
}
