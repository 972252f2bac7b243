//! Drift as Markdown: a section per cause, for an issue or a job's summary.
//!
//! The time of the reading is left out, so that the same drift is the same document, and an issue is only updated
//! when something became different.

use jiff::Timestamp;

use crate::drift::{Cause, Effect, Subject};
use crate::id::AccountKey;
use crate::model::in_account::in_brief;
use crate::plan::risk::RiskMark;
use crate::report::drift_view::{Before, DriftRow, DriftView, HeldLine, Room};
use crate::report::hide::Hide;
use crate::report::plan_view::origin::moment;
use crate::report::wording::{counted, number};

use super::marks::{because, marks};
use super::page::{Page, Row, Section};
use super::plan::account_names;
use super::{Options, marker, text};

const MOST_NAME: usize = 200;
const MOST_PEOPLE: usize = 5;
const MOST_REACHED: usize = 6;
/// How much the place of a consequence names.
const CONSEQUENCE: Room = Room {
    minus: "−",
    people: 5,
    accounts: 5,
};
const MOST_SELECTORS: usize = 8;
const MOST_ACCOUNTS: usize = 6;

/// What drift is shown as.
#[derive(Debug, Clone, Copy)]
pub struct Title<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// The command that shows everything.
    pub everything: &'a str,
}

/// Writes drift.
pub fn write(view: &DriftView<'_>, title: Title<'_>, options: Options) -> String {
    let hide = Hide::of_drift(options.people, view);
    let most = options.max_size;
    let mut sections = vec![held(view, &hide, most)];
    let ranks = || (1..).zip(Cause::ALL);
    for (cause, title, rows) in view.sections() {
        let rank = ranks().find(|(_, known)| *known == cause);
        let rank = rank.map_or(1, |(rank, _)| rank);
        sections.push(section(view, (title, &rows), rank, &hide, most));
    }
    let page = Page {
        top: top(view, title),
        sections,
        bottom: bottom(view),
        everything: text::code(title.everything),
    };
    page.write(most)
}

fn top(view: &DriftView<'_>, title: Title<'_>) -> String {
    let stack = text::clip(view.stack, MOST_NAME);
    let mut out = marker("drift", &stack);
    out.push_str(&format!("## rolecall drift: {}\n\n", text::name(&stack)));
    let held = match view.held.len() as u64 {
        0 => String::new(),
        count => format!(
            " {} could not be read, and nothing is concluded from that.",
            counted(count, "thing")
        ),
    };
    let found = view.sum();
    out.push_str(&format!(
        "**{found}**{held} Provider {}.\n",
        text::code(title.provider)
    ));
    out
}

fn held(view: &DriftView<'_>, hide: &Hide, most: usize) -> Section {
    let mut section = Section {
        title: if view.drift.frozen.is_empty() {
            "Held: not read or not found"
        } else {
            "Held: frozen, not read or not found"
        },
        summary: number(view.held.len() as u64),
        head: &["what", "why"],
        open: 12,
        ..Section::default()
    };
    let row = |line: &HeldLine| {
        let cells = [hide.name(&line.what), hide.sentence(&line.reason())];
        Row::new(text::row(&cells), 1)
    };
    section.fill(&view.held_lines(), most, row, |_| 1);
    section
}

fn section(
    view: &DriftView<'_>,
    (title, rows): (&'static str, &[&DriftRow<'_>]),
    rank: u8,
    hide: &Hide,
    most: usize,
) -> Section {
    let mut section = Section {
        title,
        summary: number(rows.len() as u64),
        open: 10,
        rank,
        ..Section::default()
    };
    section.fill(rows, most, |item| row(view, item, hide), |_| 1);
    section
}

fn row(view: &DriftView<'_>, row: &DriftRow<'_>, hide: &Hide) -> Row {
    let place = place(view, row, hide);
    let place = if place.is_empty() {
        place
    } else {
        format!(": {place}")
    };
    let short = format!(
        "- **{}**{place}{}{}",
        title(row, hide),
        origin(row, hide),
        marks(&row.marks)
    );
    let mut full = short.clone();
    for because in because(&row.marks) {
        full.push_str(&format!("\n  - {because}"));
    }
    for item in &row.details {
        full.push('\n');
        full.push_str(&super::entities::detail(item, false, hide));
    }
    for fact in facts(view, row, hide) {
        full.push_str(&format!("\n  - {fact}"));
    }
    full.push_str(&format!("\n  - {}", hide.sentence(&row.remedy.text)));
    // A command that the sentence names needs no line of its own; one that would name people is left out.
    if let Some(command) = &row.remedy.command
        && !row.remedy.text.contains(&format!("`{command}`"))
        && hide.apply(command) == *command
    {
        full.push_str(&format!(
            "\n\n{}\n",
            text::fence("sh", std::slice::from_ref(command), 4)
        ));
    }
    Row {
        full,
        short: Some(short),
        weight: 1,
        mark: None,
    }
}

fn title(row: &DriftRow<'_>, hide: &Hide) -> String {
    let shown = hide.name(&row.name);
    match &row.item.subject {
        Subject::Entity { key, .. } => format!("{} {shown}", key.kind().name().replace('_', " ")),
        Subject::Members { .. } => format!("members of {shown}"),
        Subject::Grants { .. } | Subject::Quota { .. } => shown,
        Subject::Roles { .. } => format!("roles of {shown}"),
        Subject::Policy { .. } => format!("policy {shown}"),
    }
}

/// Where it is; for members who; for what was renamed what it is called now.
fn place(view: &DriftView<'_>, row: &DriftRow<'_>, hide: &Hide) -> String {
    match &row.item.subject {
        Subject::Entity { .. } => {
            let now = row.item.now_called.as_deref();
            now.map(|now| format!("is now {}", hide.name(now)))
                .unwrap_or_default()
        }
        Subject::Quota { .. } => String::new(),
        Subject::Members { users, .. } => {
            let names = users.iter().map(|user| view.person(user));
            let verb = if row.item.cause == Cause::Missing {
                "lost"
            } else {
                "got"
            };
            format!("{verb} {}", hide.people(names, users.len() as u64, MOST_PEOPLE))
        }
        Subject::Grants { accounts, .. }
        | Subject::Roles { accounts, .. }
        | Subject::Policy { accounts, .. } => places(view, accounts),
    }
}

fn places(view: &DriftView<'_>, accounts: &[AccountKey]) -> String {
    let names: Vec<String> = accounts.iter().map(|key| view.account(key)).collect();
    account_names(&names, MOST_ACCOUNTS)
}

/// The block, where it is written; for what is overdue, since when.
fn origin(row: &DriftRow<'_>, hide: &Hide) -> String {
    let mut parts = Vec::new();
    if let Some(block) = row.item.addresses.first() {
        let more = match row.item.addresses.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        parts.push(format!("{}{more}", hide.name(&block.to_string())));
    }
    if let Some(at) = &row.item.location {
        parts.push(text::code(&at.to_string()));
    }
    if let Some(time) = row.item.expired {
        parts.push(format!("expired {}", moment(time)));
    }
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

fn facts(view: &DriftView<'_>, row: &DriftRow<'_>, hide: &Hide) -> Vec<String> {
    let mut out = people(view, row, hide);
    for edit in &row.item.edits {
        out.push(format!("edited: {}", hide.name(&in_brief(edit))));
    }
    let alike = row.looks_like.iter();
    out.extend(alike.map(|text| format!("look twice: {}", hide.sentence(text))));
    let selectors = &row.item.selected_by;
    for selector in selectors.iter().take(MOST_SELECTORS) {
        let label = match (selector.before, selector.now) {
            (true, false) => "no longer selected by",
            (false, true) => "newly selected by",
            _ => "selected by",
        };
        let place = selector.location.as_ref();
        let place = place.map(|at| format!(" ({})", text::code(&at.to_string())));
        let block = hide.name(&selector.address.to_string());
        out.push(format!("{label} {block}{}", place.unwrap_or_default()));
    }
    out.extend(more(selectors.len(), MOST_SELECTORS, "block"));
    out.extend(since(view, row));
    let follows = view.consequences(row, CONSEQUENCE, hide);
    let lines = follows.iter().take(MOST_SELECTORS);
    out.extend(lines.map(|(word, text)| format!("{word}: {}", hide.sentence(text))));
    out.extend(more(follows.len(), MOST_SELECTORS, "consequence"));
    out
}

fn people(view: &DriftView<'_>, row: &DriftRow<'_>, hide: &Hide) -> Vec<String> {
    let all: Vec<RiskMark> = row.marks.iter().map(|risk| risk.mark).collect();
    let reached = row
        .item
        .people
        .iter()
        .enumerate()
        .take(MOST_REACHED)
        .map(|(index, found)| {
            let verb = match found.effect {
                Effect::Gained => "**gained** by",
                Effect::Lost => "**lost** by",
                Effect::Kept => "kept by",
                Effect::Concerned => "had by",
            };
            let reached = &found.reached;
            let names = reached.people.iter().map(|user| view.person(user));
            let who = hide.people(names, reached.people.len() as u64, MOST_PEOPLE);
            let accounts = places(view, &reached.accounts);
            let set = text::name(reached.permission_set.as_str());
            // What is said of the whole finding is not said again.
            let risks = row.risks.get(index).filter(|risks| **risks != all);
            let words: Vec<&str> = risks.into_iter().flatten().map(|mark| mark.word()).collect();
            let risks = match words.is_empty() {
                true => String::new(),
                false => format!(" (**{}**)", words.join(", ")),
            };
            format!("{set} in {accounts}, {verb} {who}{risks}")
        });
    let mut out: Vec<String> = reached.collect();
    out.extend(more(row.item.people.len(), MOST_REACHED, "combination"));
    out
}

fn more(count: usize, shown: usize, thing: &str) -> Option<String> {
    let rest = count.saturating_sub(shown) as u64;
    (rest > 0).then(|| format!("… {} more", counted(rest, thing)))
}

/// Since when it is so, as far as recorded readings tell. The reading just made is none of them.
fn since(view: &DriftView<'_>, row: &DriftRow<'_>) -> Option<String> {
    let second = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
    if let Some(expired) = row.item.expired {
        return Some(format!("since {}, when it expired", second(expired)));
    }
    let since = row.item.since?;
    let before_it = Before::of(row.item.cause).last_read();
    let before = (since.first_with < view.observed.at).then(|| second(since.first_with));
    match (since.last_without.map(second), before) {
        (Some(last), Some(first)) => Some(format!("since between {last} ({before_it}) and {first}")),
        (Some(last), None) => Some(format!("since after {last}, when it was {before_it}")),
        (None, Some(first)) => Some(format!("since {first} at the latest")),
        // The first reading that there is. Its time is that of the reading, which is left out.
        (None, None) => Some("since when is not known: no earlier reading tells".to_owned()),
    }
}

fn bottom(view: &DriftView<'_>) -> String {
    match view.rest() {
        rest if rest.is_empty() => "---\n\nNo other assignments were compared.\n".to_owned(),
        rest => format!("---\n\nOther assignments: {rest}.\n"),
    }
}
