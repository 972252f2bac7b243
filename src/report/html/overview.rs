//! The summary: readable without a script, and the answer to who administers production.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::drift_view::DriftView;
use crate::report::escape;
use crate::report::wording::{self, counted, number};

use super::Sources;
use super::data::{
    GRANTED, LEFT_OVER, MISSING, PRESENT, PageData, PrincipalEntry, REVOKED, Review, Row, UNMANAGED,
};
use super::text::moment;

/// Rows of the table of administrators; more are counted, and in the matrix.
const MOST_ROWS: usize = 200;
/// Names in one cell.
const MOST_NAMES: usize = 12;
/// Groups whose members are not known, at a count.
const MOST_UNKNOWN: usize = 3;
/// Names that could deceive.
const MOST_DECEIVING: usize = 20;

/// The summary.
pub struct Overview {
    /// What the page is about: label and value.
    pub facts: Vec<(&'static str, String)>,
    /// Counts, each with what it counts and where more is said.
    pub tiles: Vec<Tile>,
    /// Who administers production.
    pub administrators: Vec<Administrator>,
    /// How many rows of administrators are left out.
    pub more_administrators: usize,
    /// The permission sets that amount to administration.
    pub administrator_sets: String,
    /// How many accounts are in production.
    pub production: String,
    /// What production means here.
    pub production_rule: &'static str,
    /// Whether administrators of every account are listed, because none is in production.
    pub everywhere: bool,
    /// What a reviewer should look at.
    pub observations: Vec<Observation>,
}

/// A count.
pub struct Tile {
    /// How many.
    pub value: String,
    /// Of what.
    pub label: String,
    /// The part of the page that says more.
    pub href: &'static str,
    /// Whether it asks for attention.
    pub alert: bool,
}

/// Something that a reviewer should look at.
pub struct Observation {
    /// `risk`, `warning`, `note`: also the word that is shown.
    pub level: &'static str,
    /// A sentence.
    pub text: String,
    /// The part of the page that says more.
    pub href: &'static str,
}

/// A principal that administers production accounts, where the rest of the row is the same for all of them.
pub struct Administrator {
    /// The group or person.
    pub who: String,
    /// `group`, `user`, `deleted`.
    pub kind: &'static str,
    /// The people behind it.
    pub people: String,
    /// With which permission set.
    pub set: String,
    /// What was edited of its roles there.
    pub edits: String,
    /// What is the matter with them.
    pub what: &'static str,
    /// In how many accounts, and which.
    pub accounts: String,
    /// Since when.
    pub since: String,
    /// The blocks: address and place.
    pub blocks: Vec<(String, String)>,
    /// Why, and until when.
    pub reason: String,
    /// What a plan does to it, as a word and a sign.
    pub change: Change,
}

/// What becomes of access: never said by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// The plan makes it.
    Gains,
    /// The plan takes it away.
    Loses,
    /// Nobody declared it.
    Unmanaged,
    /// Whom it was for is deleted.
    LeftOver,
}

impl Change {
    /// Of a row's state.
    pub fn of(state: u8) -> Self {
        match state {
            _ if state & GRANTED != 0 => Change::Gains,
            _ if state & REVOKED != 0 => Change::Loses,
            _ if state & UNMANAGED != 0 => Change::Unmanaged,
            _ if state & LEFT_OVER != 0 => Change::LeftOver,
            _ => Change::None,
        }
    }

    /// The class of a badge, and its text.
    pub fn badge(self) -> Option<(&'static str, &'static str)> {
        match self {
            Change::None => None,
            Change::Gains => Some(("gains", "+ comes with the plan")),
            Change::Loses => Some(("loses", "− goes with the plan")),
            Change::Unmanaged => Some(("unmanaged", "? unmanaged")),
            Change::LeftOver => Some(("unmanaged", "? left over")),
        }
    }
}

impl Overview {
    /// The summary of a page.
    pub fn new(sources: &Sources<'_>, review: &Review) -> Self {
        let data = &review.data;
        let sets: Vec<&str> = data
            .sets
            .iter()
            .filter(|set| set.administrator)
            .map(|set| set.name.as_str())
            .collect();
        let administrator_sets = match sets.len() {
            0 => "none".to_owned(),
            count => wording::some_of(&sets, count as u64, MOST_NAMES),
        };
        let mut administrators = administrators(review);
        let more_administrators = administrators.len().saturating_sub(MOST_ROWS);
        administrators.truncate(MOST_ROWS);
        let production = data.accounts.iter().filter(|account| account.production).count() as u64;
        Overview {
            facts: facts(sources),
            tiles: tiles(sources, review),
            administrators,
            more_administrators,
            administrator_sets,
            production: counted(production, "account"),
            production_rule: super::marks::production_rule(sources.risk_rules()),
            everywhere: production == 0,
            observations: observations(sources, review),
        }
    }
}

fn facts(sources: &Sources<'_>) -> Vec<(&'static str, String)> {
    let recorded = sources.recorded;
    let mut facts = vec![("Stack", escape::name(sources.stack).into_owned())];
    if let Some(instance) = sources.instance() {
        facts.push(("Instance", escape::escape(instance.arn.as_str()).into_owned()));
        if let Some(organization) = &instance.organization {
            facts.push(("Organisation", escape::escape(organization.as_str()).into_owned()));
        }
        facts.push(("Region", escape::escape(&instance.region).into_owned()));
    }
    let read = match &recorded.seen {
        Some(seen) => moment(seen.at),
        None => "never: this is what was applied".to_owned(),
    };
    facts.push(("Read from the service", read));
    facts.push(("State", format!("serial {}", number(recorded.serial))));
    let plan = match sources.plan {
        Some(view) => escape::escape(&view.plan.digest).into_owned(),
        None => "no plan in this report".to_owned(),
    };
    facts.push(("Plan digest", plan));
    facts
}

fn tiles(sources: &Sources<'_>, review: &Review) -> Vec<Tile> {
    let data = &review.data;
    let present = || review.rows.iter().filter(|row| row.state & PRESENT != 0);
    let tile = |count: u64, label: &str, href, alert| Tile {
        value: number(count),
        label: label.to_owned(),
        href,
        alert,
    };
    let people_tile = |matches: &dyn Fn(&Row) -> bool, one: &str, many: &str, href, asks| {
        let count = people(review, matches).len() as u64;
        let unknown = unknown_groups(review, matches);
        let label = if count == 1 && unknown.is_empty() {
            one
        } else {
            many
        };
        match unknown.len() {
            0 => tile(count, label, href, asks && count > 0),
            all => Tile {
                value: format!("at least {}", number(count)),
                label: format!(
                    "{label}; not known: the members of {}",
                    wording::some_of(&unknown, all as u64, MOST_UNKNOWN)
                ),
                href,
                alert: true,
            },
        }
    };
    let administers = |row: &Row| is_administration(review, row);
    let mut tiles = vec![
        tile(present().count() as u64, "assignments", "#matrix", false),
        people_tile(
            &|_| true,
            "person with access",
            "people with access",
            "#matrix",
            false,
        ),
        tile(data.accounts.len() as u64, "accounts", "#matrix", false),
        tile(data.sets.len() as u64, "permission sets", "#matrix", false),
        people_tile(
            &administers,
            "person administers an account",
            "people administer an account",
            "#administrators",
            false,
        ),
        people_tile(
            &|row| administers(row) && is_production(review, row),
            "of them in production",
            "of them in production",
            "#administrators",
            true,
        ),
    ];
    if let Some(view) = sources.plan {
        let (gaining, losing) = (view.plan.people.gaining, view.plan.people.losing);
        tiles.push(tile(
            gaining,
            "people gain access with the plan",
            "#plan",
            gaining > 0,
        ));
        tiles.push(tile(losing, "people lose access with the plan", "#plan", false));
    }
    if let Ok(drift) = sources.drift {
        let count = drift.causes().count() as u64;
        tiles.push(tile(
            count,
            "drift findings at the last recorded reading",
            "#drift",
            count > 0,
        ));
    }
    tiles
}

fn is_administration(review: &Review, row: &Row) -> bool {
    let data = &review.data;
    let set = data.sets.get(row.set as usize);
    let edited = data.edited(row.account, row.set);
    set.is_some_and(|set| set.administrator) || edited.is_some_and(|role| role.administrator)
}

fn is_production(review: &Review, row: &Row) -> bool {
    review
        .data
        .accounts
        .get(row.account as usize)
        .is_some_and(|account| account.production)
}

/// The principals of the present rows that match.
fn principals(review: &Review, matches: impl Fn(&Row) -> bool) -> impl Iterator<Item = &PrincipalEntry> {
    let rows = review
        .rows
        .iter()
        .filter(|row| row.state & PRESENT != 0 && matches(row));
    let principals: BTreeSet<u32> = rows.map(|row| row.principal).collect();
    principals
        .into_iter()
        .filter_map(|principal| review.data.principals.get(principal as usize))
}

/// The people behind the present rows that match.
fn people(review: &Review, matches: impl Fn(&Row) -> bool) -> BTreeSet<u32> {
    principals(review, matches)
        .flat_map(|principal| principal.members.iter().flatten().copied())
        .collect()
}

/// The groups of present rows that match, whose members are not known.
fn unknown_groups(review: &Review, matches: impl Fn(&Row) -> bool) -> Vec<&str> {
    principals(review, matches)
        .filter(|principal| principal.kind == "group" && principal.members.is_none())
        .map(|principal| principal.name.as_str())
        .collect()
}

/// Who administers production, or all accounts where none is: rows that differ in nothing but the account are one.
fn administrators(review: &Review) -> Vec<Administrator> {
    let everywhere = !review.data.accounts.iter().any(|account| account.production);
    let mut grouped: BTreeMap<AlikeRows, Vec<u32>> = BTreeMap::new();
    for row in &review.rows {
        let is_asked_about = everywhere || is_production(review, row);
        let concerned = is_administration(review, row) && is_asked_about && row.state != MISSING;
        if concerned {
            let edited = review.data.edited(row.account, row.set);
            let edits = edited
                .map(|role| (role.what, role.edits.clone()))
                .unwrap_or_default();
            let key = (row.principal, row.set, row.note, row.since, row.state, edits);
            grouped.entry(key).or_default().push(row.account);
        }
    }
    grouped
        .into_iter()
        .filter_map(|(key, accounts)| administrator(review, key, &accounts))
        .collect()
}

/// What rows have in common that are one row: principal, set, note, since when, state, what was edited of the roles.
type AlikeRows = (u32, u32, u32, i32, u8, (&'static str, Vec<String>));

fn administrator(review: &Review, key: AlikeRows, accounts: &[u32]) -> Option<Administrator> {
    let data = &review.data;
    let (principal, set, note, since, state, (what, edits)) = key;
    let principal = data.principals.get(principal as usize)?;
    let names: Vec<&str> = accounts
        .iter()
        .filter_map(|account| Some(data.accounts.get(*account as usize)?.name.as_str()))
        .collect();
    let blocks: Vec<_> = data
        .notes
        .get(note as usize)?
        .iter()
        .filter_map(|block| data.blocks.get(*block as usize))
        .collect();
    let reasons: BTreeSet<&str> = blocks.iter().map(|block| block.reason.as_str()).collect();
    let until: BTreeSet<String> = blocks
        .iter()
        .filter(|block| !block.expires.is_empty())
        .map(|block| format!("until {}", block.expires))
        .collect();
    let mut reason: Vec<&str> = reasons.into_iter().filter(|reason| !reason.is_empty()).collect();
    reason.extend(until.iter().map(String::as_str));
    let listed = listed(names.iter().copied(), names.len());
    Some(Administrator {
        who: who(data, principal),
        kind: principal.kind,
        people: members(review, principal, since),
        set: data.sets.get(set as usize)?.name.clone(),
        edits: edits.join("; "),
        what,
        accounts: match names.len() {
            1 => listed,
            count => format!("{count} accounts: {listed}"),
        },
        since: since_text(review, since, state),
        blocks: blocks
            .iter()
            .map(|block| (block.address.clone(), block.place.clone()))
            .collect(),
        reason: reason.join(" · "),
        change: Change::of(state),
    })
}

/// The group, or the person alone.
fn who(data: &PageData, principal: &PrincipalEntry) -> String {
    let person = match (principal.kind, principal.members.as_deref()) {
        ("user", Some([person])) => data.called(*person),
        _ => None,
    };
    person.unwrap_or_else(|| principal.name.clone())
}

fn members(review: &Review, principal: &PrincipalEntry, since: i32) -> String {
    match principal.members.as_deref() {
        Some(members) if principal.kind == "user" && members.len() == 1 => "directly".to_owned(),
        Some([]) => "nobody: the group is empty".to_owned(),
        Some(members) => {
            let mut people: Vec<(bool, String)> = members
                .iter()
                .enumerate()
                .filter_map(|(place, person)| member(review, principal, place, *person, since))
                .collect();
            // What no block declares must not be cut away.
            people.sort_by_key(|(declared, _)| *declared);
            let names = listed(people.iter().map(|(_, name)| name.as_str()), members.len());
            format!("{}: {names}", wording::people(members.len() as u64))
        }
        None => "not known".to_owned(),
    }
}

/// Whether a block declares somebody a member, and the name, with since when where that is later than the assignment.
fn member(
    review: &Review,
    principal: &PrincipalEntry,
    place: usize,
    person: u32,
    since: i32,
) -> Option<(bool, String)> {
    let data = &review.data;
    let shown = data.called(person)?;
    let joined = principal.joined.get(place).copied().unwrap_or(-1);
    let first = |since: i32| Some(data.since.get(usize::try_from(since).ok()?)?.1);
    let later = first(joined).filter(|joined| first(since).is_some_and(|since| *joined > since));
    let later = later.and_then(|at| data.times.get(usize::try_from(at).ok()?));
    let declared = principal.undeclared.binary_search(&person).is_err();
    let about = [
        (!declared).then(|| "? no block declares the membership".to_owned()),
        later.map(|at| format!("since {at}")),
    ];
    let about: Vec<String> = about.into_iter().flatten().collect();
    let name = match about.is_empty() {
        true => shown,
        false => format!("{shown} ({})", about.join("; ")),
    };
    Some((declared, name))
}

/// Names that are safe to show already, cut short.
fn listed<'n>(names: impl Iterator<Item = &'n str>, total: usize) -> String {
    let names: Vec<&str> = names.take(MOST_NAMES).collect();
    match total.saturating_sub(names.len()) {
        0 => names.join(", "),
        rest => format!("{} … {} more", names.join(", "), number(rest as u64)),
    }
}

/// Since when, in words, from the tables.
fn since_text(review: &Review, since: i32, state: u8) -> String {
    let data = &review.data;
    let time = |at: i32| usize::try_from(at).ok().and_then(|at| data.times.get(at));
    let dates = usize::try_from(since).ok().and_then(|at| data.since.get(at));
    // Before the first reading nobody knows who made it.
    let by = match dates {
        Some((_, _, run)) if *run < 0 && state & PRESENT != 0 => "; not made by a run of this stack",
        _ => "",
    };
    match dates.and_then(|(without, with, _)| Some((time(*without), time(*with)?))) {
        Some((Some(without), with)) => format!("{with} (not there at {without}{by})"),
        Some((None, with)) => format!("{with} or before"),
        None if state & PRESENT == 0 => "not yet".to_owned(),
        None => "not known".to_owned(),
    }
}

fn observations(sources: &Sources<'_>, review: &Review) -> Vec<Observation> {
    let mut out = Vec::new();
    unusual_administration(review, &mut out);
    if let Ok(drift) = sources.drift {
        drifted(drift, &mut out);
    }
    if let Err(why) = sources.drift {
        let text = format!("Drift is not in this report: {}", escape::escape(why));
        out.push(Observation {
            level: "note",
            text,
            href: "#drift",
        });
    }
    if let Some(view) = sources.plan {
        planned(sources, view, &mut out);
    }
    edited_roles(review, &mut out);
    unknown_members(review, &mut out);
    deceiving(review, &mut out);
    out
}

fn unusual_administration(review: &Review, out: &mut Vec<Observation>) {
    let there = |row: &&Row| row.state & PRESENT != 0 && is_administration(review, row);
    let of = |kind: &str| {
        let rows = review.rows.iter().filter(there).filter(|row| {
            let principal = review.data.principals.get(row.principal as usize);
            principal.is_some_and(|principal| principal.kind == kind)
        });
        rows.count() as u64
    };
    let direct = of("user");
    if direct > 0 {
        let text = format!(
            "{} of administration {} to a person directly, not through a group.",
            counted(direct, "assignment"),
            if direct == 1 { "goes" } else { "go" }
        );
        out.push(Observation {
            level: "risk",
            text,
            href: "#administrators",
        });
    }
    let is_left_over = |row: &&Row| row.state & LEFT_OVER != 0;
    let is_unmanaged = |row: &&Row| !is_left_over(row) && (row.state & UNMANAGED != 0 || row.note == 0);
    let unmanaged = review.rows.iter().filter(there).filter(is_unmanaged).count() as u64;
    let left_over = review.rows.iter().filter(there).filter(is_left_over).count() as u64;
    let mut say = |count: u64, what: &str| {
        if count > 0 {
            out.push(Observation {
                level: "risk",
                text: format!("{} {what}", counted(count, "assignment")),
                href: "#drift",
            });
        }
    };
    say(unmanaged, "of administration that no block declares.");
    say(
        left_over,
        "of administration left over from a group or person that was deleted.",
    );
}

/// Roles that somebody edited into administration, and people who administer by a membership that no block declares.
fn edited_roles(review: &Review, out: &mut Vec<Observation>) {
    let edited = review.data.edited.iter().filter(|role| role.administrator);
    let count = edited.count() as u64;
    if count > 0 {
        let verb = if count == 1 { "was" } else { "were" };
        let text = format!(
            "{} {verb} edited in the account into administration.",
            counted(count, "role")
        );
        out.push(Observation {
            level: "risk",
            text,
            href: "#administrators",
        });
    }
    let rows = review.rows.iter();
    let rows = rows.filter(|row| row.state & PRESENT != 0 && is_administration(review, row));
    let strangers: BTreeSet<u32> = rows
        .filter_map(|row| review.data.principals.get(row.principal as usize))
        .flat_map(|principal| principal.undeclared.iter().copied())
        .collect();
    if !strangers.is_empty() {
        let count = strangers.len() as u64;
        let verb = if count == 1 { "administers" } else { "administer" };
        let text = format!(
            "{} {verb} an account by being in a group that no block puts them into.",
            wording::people(count)
        );
        out.push(Observation {
            level: "risk",
            text,
            href: "#administrators",
        });
    }
}

fn drifted(view: &DriftView<'_>, out: &mut Vec<Observation>) {
    let mut causes: BTreeMap<crate::drift::Cause, u64> = BTreeMap::new();
    for row in view.causes() {
        *causes.entry(row.item.cause).or_default() += 1;
    }
    for (cause, count) in causes {
        let text = format!("{}: {}.", cause.title(), counted(count, "finding"));
        out.push(Observation {
            level: "warning",
            text,
            href: "#drift",
        });
    }
    let held = view.held.len() as u64;
    if held > 0 {
        let text = format!(
            "{} could not be read or found; nothing is concluded from that.",
            counted(held, "thing")
        );
        out.push(Observation {
            level: "warning",
            text,
            href: "#drift",
        });
    }
}

fn planned(sources: &Sources<'_>, view: &crate::report::plan_view::PlanView<'_>, out: &mut Vec<Observation>) {
    let plan = view.plan;
    if plan.is_refused() {
        let text = "The plan is refused; its findings say why.".to_owned();
        out.push(Observation {
            level: "risk",
            text,
            href: "#plan",
        });
    }
    let recorded = sources.recorded;
    if plan.lineage != recorded.lineage {
        let text = "The plan was made with another state than the one this report shows.".to_owned();
        out.push(Observation {
            level: "warning",
            text,
            href: "#plan",
        });
    } else if plan.serial != recorded.serial {
        let text = format!(
            "The plan was made with state {}; this report shows state {}.",
            number(plan.serial),
            number(recorded.serial)
        );
        out.push(Observation {
            level: "warning",
            text,
            href: "#plan",
        });
    }
}

fn unknown_members(review: &Review, out: &mut Vec<Observation>) {
    let names = unknown_groups(review, |_| true);
    if !names.is_empty() {
        let text = format!(
            "The members of {} with access are not known: {}.",
            counted(names.len() as u64, "group"),
            listed(names.iter().copied(), names.len())
        );
        out.push(Observation {
            level: "warning",
            text,
            href: "#matrix",
        });
    }
}

/// Names with letters that look like others, or with characters that are not seen.
fn deceiving(review: &Review, out: &mut Vec<Observation>) {
    let data = &review.data;
    let people = data.people.iter().flat_map(|(shown, user)| [shown, user]);
    let names = people
        .chain(data.principals.iter().map(|principal| &principal.name))
        .chain(data.accounts.iter().map(|account| &account.name))
        .chain(data.sets.iter().map(|set| &set.name))
        .chain(&data.units);
    let found: BTreeSet<&str> = names
        .filter(|name| name.contains("(look-alike characters:") || name.contains("\\u{"))
        .map(String::as_str)
        .collect();
    if found.is_empty() {
        return;
    }
    let total = found.len();
    let shown: Vec<&str> = found.into_iter().take(MOST_DECEIVING).collect();
    let text = format!(
        "{} with look-alike or hidden characters, which could pass for another: {}.",
        counted(total as u64, "name"),
        listed(shown.iter().copied(), total)
    );
    out.push(Observation {
        level: "warning",
        text,
        href: "#matrix",
    });
}
