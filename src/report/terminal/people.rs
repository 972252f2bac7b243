//! The section for people: who gains and loses what, in sentences.

use std::io;

use crate::id::PrincipalKey;
use crate::plan::people::{PeopleChange, PeopleRow};
use crate::report::escape::name;
use crate::report::plan_view::altered::AlteredLine;
use crate::report::plan_view::people::PeopleLine;
use crate::report::plan_view::risk::{grave, gravest, of_them_marked, words};
use crate::report::plan_view::{PlanView, principal_name};
use crate::report::style::Meaning;
use crate::report::wording::{self, counted, number, some_of};

use super::Page;
use super::page::column;
use super::plan::Detail;

const ORDER: [PeopleChange; 5] = [
    PeopleChange::Loses,
    PeopleChange::Gains,
    PeopleChange::KeepsLonger,
    PeopleChange::KeepsVia,
    PeopleChange::Unknown,
];

/// How many sets that change are shown, and how many of those who have one.
const MOST_ALTERED: usize = 20;
const MOST_ALTERED_NAMES: usize = 5;

/// How many names a line has, and how many where everyone is asked for.
const MOST_NAMES: usize = 2;
const MOST_MARKED_NAMES: usize = 100;

/// How many lines each kind of change gets.
fn budget(change: PeopleChange, detail: Detail) -> usize {
    match change {
        PeopleChange::Gains | PeopleChange::KeepsLonger if detail == Detail::Causes => 100,
        PeopleChange::Gains | PeopleChange::KeepsLonger | PeopleChange::Loses => 20,
        PeopleChange::KeepsVia | PeopleChange::Unknown => 8,
    }
}

/// Writes the section, if anyone is concerned.
pub fn write(view: &PlanView<'_>, detail: Detail, page: &mut Page<'_>) -> io::Result<()> {
    if view.people.is_empty() && view.altered.is_empty() {
        return Ok(());
    }
    let people = &view.plan.people;
    let parts = [
        (people.gaining, "gain", ""),
        (people.losing, "lose", ""),
        (people.longer, "keep", " access for longer"),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let parts = parts.map(|(count, verb, what)| {
        let s = if count == 1 { "s" } else { "" };
        format!("{} {verb}{s}{what}", wording::people(count))
    });
    let mut parts: Vec<String> = parts.collect();
    if view.people.is_empty() {
        parts.push("nobody gains or loses a permission set".to_owned());
    }
    page.heading("People", &parts.join(" · "))?;
    let shown: Vec<Sentence<'_>> = ORDER
        .into_iter()
        .flat_map(|change| of_kind(view, change, budget(change, detail)))
        .collect();
    let who = column(shown.iter().map(|sentence| sentence.who.as_str()), 14);
    let what = column(shown.iter().map(|sentence| sentence.what.as_str()), 48);
    let verbs = shown.iter().map(|sentence| sentence.verb.len()).max();
    let verbs = verbs.unwrap_or_default().max(7);
    for sentence in &shown {
        let verb = page.paint(sentence.meaning, format!("{:<verbs$}", sentence.verb));
        let indent = " ".repeat(who.saturating_sub(sentence.who.chars().count()));
        let padding = " ".repeat(what.saturating_sub(sentence.what.chars().count()));
        let Sentence {
            who,
            what,
            detail: rest,
            ..
        } = sentence;
        let risks = page.marks(&sentence.risks);
        page.line(&format!(
            "  {verb} {indent}{who}   {what}{padding}   {rest}{risks}"
        ))?;
        if detail == Detail::Causes {
            if let Some(names) = everyone(view, sentence.line) {
                page.line(&format!("      {names}"))?;
            }
            let how = page.paint(Meaning::Aside, view.how(sentence.line));
            page.line(&format!("      {how}"))?;
        }
    }
    for change in ORDER {
        rest(view, change, detail, page)?;
    }
    altered(view, page)
}

/// Sets of which changes what they allow, a line each, and below it who has what becomes a risk.
fn altered(view: &PlanView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    for line in view.altered.iter().take(MOST_ALTERED) {
        let sign = page.paint(Meaning::Changed, "~");
        let risks = page.marks(&line.marks().unwrap_or_default());
        page.line(&format!("  {sign} {}{risks}", altered_words(line)))?;
        if !line.people.is_empty() {
            let names = line.people.iter().map(|user| view.labels.user(user));
            let count = line.set.holders.people;
            let names = some_of(names, count, MOST_ALTERED_NAMES);
            let rest = match count > MOST_ALTERED_NAMES as u64 {
                true if count > PeopleRow::MOST_NAMED as u64 => " (--json lists 1,000)",
                true => " (--json lists all)",
                false => "",
            };
            page.line(&format!("      {names}{rest}"))?;
        }
    }
    let rest = view.altered.len().saturating_sub(MOST_ALTERED) as u64;
    match rest {
        0 => Ok(()),
        rest => {
            let rest = counted(rest, "more permission set");
            page.line(&format!("    … {rest} (--json lists all)"))
        }
    }
}

/// `what view allows changes for 44 people in 18 accounts, via platform  access/sets.hcl:14`
pub fn altered_words(line: &AlteredLine<'_>) -> String {
    let via = line.paths(3);
    let place = line.location.map_or(String::new(), |at| format!("  {at}"));
    let words = line.words(&name(line.set.permission_set.as_str()));
    format!("{words}, {via}{place}")
}

/// What happens to people, in words.
pub struct Sentence<'v> {
    /// What it is about.
    pub line: &'v PeopleLine,
    meaning: Meaning,
    /// `gain`, `loses`
    pub verb: &'static str,
    /// How many people.
    pub who: String,
    /// Which sets, where.
    pub what: String,
    /// Who they are, and what they keep.
    pub detail: String,
    /// Why to look twice; empty without a mark.
    pub risks: String,
}

/// The sentences about losses, gains, and paths that change, at most so many of each.
pub fn sentences<'v>(view: &'v PlanView<'_>, most: usize) -> impl Iterator<Item = Sentence<'v>> + 'v {
    ORDER
        .into_iter()
        .flat_map(move |change| of_kind(view, change, most))
}

fn of_kind<'v>(
    view: &'v PlanView<'_>,
    change: PeopleChange,
    most: usize,
) -> impl Iterator<Item = Sentence<'v>> + 'v {
    let (meaning, verb) = match change {
        PeopleChange::Gains => (Meaning::Added, "gain"),
        PeopleChange::KeepsLonger => (Meaning::Added, "keep longer"),
        PeopleChange::Loses => (Meaning::Removed, "lose"),
        PeopleChange::KeepsVia => (Meaning::Aside, "keep"),
        PeopleChange::Unknown => (Meaning::Warning, "unknown"),
    };
    let of_kind = view.people.iter().filter(move |line| line.change == change);
    of_kind.take(most).map(move |line| Sentence {
        line,
        meaning,
        verb: match (verb, line.count) {
            ("unknown", _) => verb,
            ("gain", 1) => "gains",
            ("lose", 1) => "loses",
            ("keep", 1) => "keeps",
            ("keep longer", 0 | 1) => "keeps longer",
            (verb, _) => verb,
        },
        who: who(line),
        what: what(view, line),
        detail: detail(view, line),
        risks: words(&line.risks),
    })
}

fn rest(view: &PlanView<'_>, change: PeopleChange, detail: Detail, page: &mut Page<'_>) -> io::Result<()> {
    let of_kind = view.people.iter().filter(|line| line.change == change);
    let hidden = of_kind.skip(budget(change, detail));
    let rest = hidden.clone().count() as u64;
    if rest == 0 {
        return Ok(());
    }
    let marked = of_them_marked(hidden.clone().map(|line| gravest(&line.risks)));
    let most = hidden.map(|line| line.count).max().unwrap_or(0);
    page.line(&format!(
        "    … {}{marked}, for up to {} each (--json lists all)",
        counted(rest, "more line"),
        wording::people(most)
    ))
}

/// Everyone who comes to access that is marked by itself, where the line does not name all of them.
fn everyone(view: &PlanView<'_>, line: &PeopleLine) -> Option<String> {
    let is_cut = line.count > MOST_NAMES as u64 + 1 && !line.people.is_empty();
    (is_cut && grave(&line.risks) > 0).then(|| {
        let names = line.people.iter().map(|user| view.labels.user(user));
        let names = some_of(names, line.count, MOST_MARKED_NAMES);
        match line.count > MOST_MARKED_NAMES as u64 + 1 {
            true => format!("{names} (--json lists all)"),
            false => names,
        }
    })
}

fn who(line: &PeopleLine) -> String {
    match line.change {
        PeopleChange::Unknown => String::new(),
        PeopleChange::KeepsLonger if line.count == 0 => counted(line.via.len() as u64, "group"),
        _ => wording::people(line.count),
    }
}

fn what(view: &PlanView<'_>, line: &PeopleLine) -> String {
    let sets = line
        .permission_sets
        .iter()
        .map(|rank| view.labels.permission_set(*rank));
    let sets = some_of(sets, line.permission_sets.len() as u64, 3);
    let names = view.labels.accounts(&line.accounts);
    let accounts = match names.as_slice() {
        [one] => name(one).into_owned(),
        few if few.len() <= 4 => wording::accounts(few, few.len() as u64, 4),
        many => counted(many.len() as u64, "account"),
    };
    format!("{sets} in {accounts}")
}

/// `via platform, ops and a direct assignment`; nothing where people have it by name alone. Lines of the same people, set and number of
/// accounts differ in it.
fn by_groups(word: &str, via: &[PrincipalKey]) -> Option<String> {
    let groups: Vec<String> = via
        .iter()
        .filter(|key| !matches!(key, PrincipalKey::User(_)))
        .map(principal_name)
        .collect();
    let count = groups.len() as u64;
    let directly = match via.len() as u64 > count {
        true => " and a direct assignment",
        false => "",
    };
    (count > 0).then(|| format!("{word} {}{directly}", some_of(groups, count, 3)))
}

fn joined(named: String, by: Option<String>) -> String {
    match (named.is_empty(), by) {
        (_, None) => named,
        (true, Some(by)) => by,
        (false, Some(by)) => format!("{named}, {by}"),
    }
}

fn detail(view: &PlanView<'_>, line: &PeopleLine) -> String {
    let names = line.people.iter().map(|user| view.labels.user(user));
    // Without any name, the number stands in front already.
    let named = match line.people.is_empty() {
        true => String::new(),
        false => some_of(names, line.count, MOST_NAMES),
    };
    let paths = |keys: &[PrincipalKey]| some_of(keys.iter().map(principal_name), keys.len() as u64, 3);
    match line.change {
        PeopleChange::Gains => joined(named, by_groups("via", &line.via)),
        PeopleChange::KeepsLonger => {
            let named = match line.count {
                0 => "members cannot be read".to_owned(),
                _ => named,
            };
            let named = joined(named, by_groups("via", &line.via));
            joined(named, line.until())
        }
        PeopleChange::Loses => {
            let sets = |verb: &str, ranks: &[u32]| {
                let names = ranks.iter().map(|rank| view.labels.permission_set(*rank));
                (!ranks.is_empty()).then(|| format!("{verb} {}", some_of(names, ranks.len() as u64, 3)))
            };
            let (keeps, gains) = match line.count {
                1 => ("keeps", "gains"),
                _ => ("keep", "gain"),
            };
            let other = [sets(keeps, &line.still), sets(gains, &line.gained)];
            let other: Vec<String> = other.into_iter().flatten().collect();
            let still = match other.is_empty() {
                true => String::new(),
                false => format!(" ({} there)", other.join(", ")),
            };
            let sessions = line
                .sessions
                .map(|seconds| format!("; effective within {}", wording::seconds(u64::from(seconds))));
            let named = joined(named, by_groups("no longer via", &line.via));
            let rest = format!("{still}{}", sessions.unwrap_or_default());
            match named.is_empty() {
                true => rest.trim_start_matches([' ', ';']).to_owned(),
                false => format!("{named}{rest}"),
            }
        }
        PeopleChange::KeepsVia => {
            let colon = if named.is_empty() { "" } else { ": " };
            let (via, keeps) = (paths(&line.via), line.kept_via(paths));
            format!("{named}{colon}no longer via {via}, {keeps}")
        }
        PeopleChange::Unknown => {
            let groups = number(line.via.len() as u64);
            let s = if line.via.len() == 1 { "" } else { "s" };
            format!(
                "members of {groups} group{s} cannot be read: {}",
                paths(&line.via)
            )
        }
    }
}
