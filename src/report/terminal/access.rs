//! Who has access, why, and since when, as text: the answers of `access explain` and `access diff`.

use std::io::{self, Write};

use crate::model::in_account::in_brief;
use crate::plan::people::PeopleChange;
use crate::report::access_changes::{AccessChange, AccessChanges, verb};
use crate::report::access_paths::{Explanation, Membership, Path, SetPaths};
use crate::report::escape::{escape, name};
use crate::report::plan_view::altered;
use crate::report::plan_view::origin::moment;
use crate::report::style::{Meaning, Styles};
use crate::report::wording::{self, counted, some_of};

use super::Page;

/// How many lines of one kind of change are shown.
const MOST_LINES: usize = 200;

/// Writes why a person can enter an account.
///
/// # Errors
/// When `out` cannot be written to.
pub fn explanation(found: &Explanation, styles: Styles, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(out, styles);
    let person = person(found);
    let production = if found.production {
        page.marks("production")
    } else {
        String::new()
    };
    let account = format!("{} ({})", name(&found.account), escape(&found.account_id));
    let read = match found.seen_at {
        Some(at) => format!("as read from the service at {at}"),
        None => "as applied; the service was not read since".to_owned(),
    };
    let with = found
        .asked
        .as_deref()
        .map_or(String::new(), |set| format!(" with {}", escape(set)));
    let can = match found.account_shut {
        None => "can enter",
        Some(_) => "has access to",
    };
    if found.permission_sets.is_empty() {
        page.line(&format!("{person} cannot enter {account}{with}, {read}."))?;
    } else {
        page.line(&format!("{person} {can} {account}{with}, {read}.{production}"))?;
    }
    if let Some(shut) = &found.account_shut {
        page.line(&format!(
            "  {}: the account is {shut}",
            page.paint(Meaning::Warning, "shut")
        ))?;
    }
    for set in &found.permission_sets {
        set_paths(set, &mut page)?;
    }
    if !found.not_known.is_empty() {
        let groups = some_of(&found.not_known, found.not_known.len() as u64, 5);
        let unknown = page.paint(Meaning::Warning, "unknown");
        page.line(&format!(
            "  {unknown}: members of {groups} are not known, and the group has access there"
        ))?;
    }
    Ok(())
}

fn person(found: &Explanation) -> String {
    match found.person == found.user_name {
        true => name(&found.person).into_owned(),
        false => format!("{} ({})", name(&found.person), escape(&found.user_name)),
    }
}

fn set_paths(set: &SetPaths, page: &mut Page<'_>) -> io::Result<()> {
    let risk = set
        .risk
        .map_or(String::new(), |risk| match set.because.len() as u64 {
            0 => page.marks(risk.word()),
            count => page.marks(&format!("{}: {}", risk.word(), some_of(&set.because, count, 3))),
        });
    let title = page.paint(Meaning::Heading, name(&set.permission_set));
    page.line(&format!("  {title}{risk}"))?;
    if let Some(holds) = &set.role_holds {
        let mark = page.paint(Meaning::Warning, format!("! {}", escape(holds)));
        page.line(&format!("    {mark}"))?;
    }
    if set.role_edited && set.role_edits.is_empty() {
        let mark = page.paint(Meaning::Warning, "! its role was edited in the account");
        page.line(&format!("    {mark}"))?;
    }
    if !set.role_edits.is_empty() {
        let edits = some_of(
            set.role_edits.iter().map(|edit| in_brief(edit)),
            set.role_edits.len() as u64,
            3,
        );
        let mark = page.paint(Meaning::Warning, "! its role was edited in the account");
        page.line(&format!("    {mark}: {edits}"))?;
    }
    for path in &set.paths {
        one_path(path, page)?;
    }
    match &set.role_arn {
        Some(arn) => page.line(&format!("    role {}", escape(arn))),
        None => Ok(()),
    }
}

fn one_path(path: &Path, page: &mut Page<'_>) -> io::Result<()> {
    let via = match &path.group {
        Some(group) => format!("through the group {}", name(group)),
        None => "directly".to_owned(),
    };
    let since = match path.since {
        Some(at) if path.at_least => format!(", at least since {at}"),
        Some(at) => format!(", since {at}"),
        None => String::new(),
    };
    page.line(&format!("    {via}{since}"))?;
    if let (Some(_), Some(membership)) = (&path.group, &path.membership) {
        let who = match membership {
            Membership { managed: true, .. } => "members written by this stack",
            Membership { undeclared: true, .. } => "members written by this stack, but not this one",
            _ => "members kept in the directory",
        };
        let place = membership
            .location
            .as_ref()
            .map_or(String::new(), |at| format!("  {at}"));
        let blocks: Vec<String> = membership.declared_by.iter().map(ToString::to_string).collect();
        let text = format!("{}{place}  {who}", escape(&blocks.join(", ")));
        page.line(&format!("      {}", page.paint(Meaning::Aside, text)))?;
        if membership.undeclared {
            let mark = page.paint(Meaning::Warning, "! no block declares the membership");
            page.line(&format!("      {mark}"))?;
        }
    }
    for block in &path.declared_by {
        let place = block
            .location
            .as_ref()
            .map_or(String::new(), |at| format!("  {at}"));
        let reason = block
            .reason
            .as_deref()
            .map_or(String::new(), |text| format!("  {}", escape(text)));
        let until = block
            .expires
            .map_or(String::new(), |at| format!("  until {}", moment(at)));
        page.line(&format!(
            "      {}{place}{reason}{until}",
            escape(&block.address.to_string())
        ))?;
    }
    if path.declared_by.is_empty() {
        page.line("      no block of this stack declares the assignment")?;
    }
    Ok(())
}

/// Writes who gained, lost and keeps access.
///
/// # Errors
/// When `out` cannot be written to.
pub fn changes(found: &AccessChanges, styles: Styles, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(out, styles);
    let what = match (&found.plan, found.from, found.to) {
        (Some(digest), ..) => format!("by the plan {}", escape(digest)),
        (None, Some(from), Some(to)) => format!("from {from} to {to}"),
        _ => String::new(),
    };
    if found.changes.is_empty() && found.altered.is_empty() {
        return page.line(&format!("Nobody's access differs, {what}."));
    }
    if found.changes.is_empty() {
        page.line(&format!("Nobody gains or loses a permission set, {what}."))?;
        return altered(found, &mut page);
    }
    let title = page.paint(Meaning::Heading, "Access");
    page.line(&format!("{title} {what}"))?;
    let order = [
        (PeopleChange::Loses, Meaning::Removed),
        (PeopleChange::Gains, Meaning::Added),
        (PeopleChange::KeepsLonger, Meaning::Added),
        (PeopleChange::KeepsVia, Meaning::Aside),
        (PeopleChange::Unknown, Meaning::Warning),
    ];
    for (kind, meaning) in order {
        let of_kind = || found.changes.iter().filter(|row| row.change == kind);
        for row in of_kind().take(MOST_LINES) {
            let verb = page.paint(meaning, format!("{:<7}", verb(kind)));
            page.line(&format!("  {verb}  {}", change(row)))?;
        }
        let rest = of_kind().count().saturating_sub(MOST_LINES) as u64;
        if rest > 0 {
            page.line(&format!(
                "    … {} (--format csv lists all)",
                counted(rest, "more line")
            ))?;
        }
    }
    altered(found, &mut page)
}

/// Sets that people have and that allow something else.
fn altered(found: &AccessChanges, page: &mut Page<'_>) -> io::Result<()> {
    for set in &found.altered {
        let sign = page.paint(Meaning::Changed, format!("{:<7}", "changes"));
        let names: Vec<&str> = set.accounts.iter().map(|account| account.name.as_str()).collect();
        let who = match set.count {
            0 => "people who cannot be read".to_owned(),
            count => wording::people(count),
        };
        let risks = altered::marks(set.risk_before, set.risk_after);
        page.line(&format!(
            "  {sign}  {}, for {who} in {}, via {}{}",
            altered::what_changes(&set.changed, &name(&set.permission_set)),
            wording::accounts(&names, names.len() as u64, 4),
            some_of(&set.via, set.via.len() as u64, 3),
            page.marks(&risks.unwrap_or_default())
        ))?;
    }
    Ok(())
}

fn change(row: &AccessChange) -> String {
    let names: Vec<&str> = row.accounts.iter().map(|account| account.name.as_str()).collect();
    let what = format!(
        "{} in {}",
        name(&row.permission_set),
        wording::accounts(&names, names.len() as u64, 4)
    );
    let list = |names: &[String]| some_of(names, names.len() as u64, 3);
    let people = row
        .people
        .iter()
        .map(|person| match person.name == person.user_name {
            true => person.name.clone(),
            false => format!("{} ({})", person.name, person.user_name),
        });
    let people = some_of(people, row.count, 3);
    let via = |names: &[String]| match names {
        [one] if row.people.iter().any(|person| person.user_name == *one) => "directly".to_owned(),
        names => format!("via {}", list(names)),
    };
    match row.change {
        PeopleChange::Gains | PeopleChange::KeepsLonger | PeopleChange::Loses => {
            format!("{people}: {what}, {}", via(&row.via))
        }
        PeopleChange::KeepsVia => {
            let (comes, stays): (Vec<String>, Vec<String>) = row
                .keeps
                .iter()
                .cloned()
                .partition(|name| row.comes.contains(name));
            let of = |word: &str, names: &[String]| {
                let told = || format!(", {word} {}", via(names));
                (!names.is_empty()).then(told).unwrap_or_default()
            };
            let (still, then) = (of("still", &stays), of("then", &comes));
            format!("{people}: {what}, no longer {}{still}{then}", via(&row.via))
        }
        PeopleChange::Unknown => format!("members of {} cannot be read: {what}", list(&row.via)),
    }
}
