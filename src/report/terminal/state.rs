//! A state, and who has access, as text.

use std::io::{self, Write};

use crate::model::record::Recorded;
use crate::model::snapshot::Management;
use crate::report::access_view::{AccessRow, AccessView};
use crate::report::escape::{escape, name};
use crate::report::plan_view::principal_name;
use crate::report::state_view::StateView;
use crate::report::style::{Meaning, Styles};
use crate::report::wording::{self, counted, number};

use super::Page;
use super::page::column;

/// Writes a state: entities, then assignments.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(
    recorded: &Recorded,
    view: &StateView<'_>,
    styles: Styles,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page::new(out, styles);
    header(recorded, &mut page)?;
    rows(recorded, view, &mut page)
}

fn header(recorded: &Recorded, page: &mut Page<'_>) -> io::Result<()> {
    let Some(lineage) = &recorded.lineage else {
        return page.line("The state is empty: nothing has been applied yet.");
    };
    page.line(&format!("state {}   lineage {lineage}", recorded.serial))?;
    if let Some(instance) = &recorded.instance {
        page.line(&format!("bound to {} in {}", instance.arn, instance.region))?;
    }
    if let Some(revision) = &recorded.revision {
        let since = match recorded.revision_outdated {
            true => "; something was applied since then without a revision",
            false => "",
        };
        page.line(&format!("applied revision {}{since}", escape(revision)))?;
    }
    if let Some(seen) = &recorded.seen {
        page.line(&format!("service last read {}", seen.at))?;
    }
    if let Some(run) = &recorded.unfinished {
        let mark = page.paint(Meaning::Warning, "unfinished");
        page.line(&format!(
            "{mark}: a run of {} since {}; `rolecall apply` takes it up",
            escape(&run.actor),
            run.started
        ))?;
    }
    page.blank()
}

/// Writes what a state holds, without the header.
///
/// # Errors
/// When `page` cannot be written to.
pub fn rows(recorded: &Recorded, view: &StateView<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if !view.entities.is_empty() {
        page.heading("Entities", &view.entities.len().to_string())?;
    }
    let width = column(view.entities.iter().map(|line| line.key.as_str()), 40);
    for line in &view.entities {
        let kind = line.kind.name();
        let held = match line.management {
            Management::Created => "",
            Management::Managed => "managed",
            Management::Referred => "referred to",
            Management::None => "seen",
        };
        let addresses: Vec<String> = line.addresses.iter().map(ToString::to_string).collect();
        let addresses = page.paint(Meaning::Aside, escape(&addresses.join(", ")));
        let cells = [
            (kind.to_owned(), 19),
            (name(&line.key).into_owned(), width),
            (line.id.clone().unwrap_or_default(), 0),
            (held.to_owned(), 0),
            (addresses, 0),
        ];
        page.row((Meaning::Aside, "·"), &cells)?;
    }
    if view.grants.is_empty() {
        return Ok(());
    }
    let total: usize = view.grants.iter().map(|line| line.accounts.len()).sum();
    page.heading("Assignments", &number(total as u64))?;
    for line in &view.grants {
        let accounts: Vec<String> = line
            .accounts
            .iter()
            .map(|key| recorded.applied.account_name(key))
            .collect();
        let addresses: Vec<String> = line.addresses.iter().map(ToString::to_string).collect();
        let who = format!(
            "{} → {}",
            name(&principal_name(line.principal)),
            line.permission_set
        );
        let what = wording::accounts(&accounts, accounts.len() as u64, 4);
        let addresses = page.paint(Meaning::Aside, escape(&addresses.join(", ")));
        page.row((Meaning::Aside, "·"), &[(who, 36), (what, 24), (addresses, 0)])?;
    }
    Ok(())
}

/// Writes who can enter what.
///
/// # Errors
/// When `out` cannot be written to.
pub fn access(view: &AccessView, styles: Styles, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(out, styles);
    let when = match view.seen_at {
        Some(time) => format!("as read from the service at {time}"),
        None => "as applied; the service was not read since".to_owned(),
    };
    let is_shut = |row: &&AccessRow| view.shut_accounts.contains_key(&row.account_id);
    let shut = match view.rows.iter().filter(is_shut).count() {
        0 => String::new(),
        count => format!(
            "; {} of them in accounts that nobody can enter now",
            number(count as u64)
        ),
    };
    page.line(&format!(
        "{} {when}{shut}",
        counted(view.rows.len() as u64, "access path")
    ))?;
    let mut last = (String::new(), String::new());
    for row in &view.rows {
        if last.0 != row.account_id {
            let title = page.paint(Meaning::Heading, name(&row.account));
            page.line(&format!(
                "{title}  {}",
                page.paint(Meaning::Aside, &row.account_id)
            ))?;
            if let Some(shut) = view.shut_accounts.get(&row.account_id) {
                page.line(&format!("  {}", page.paint(Meaning::Warning, shut)))?;
            }
            last = (row.account_id.clone(), String::new());
        }
        if last.1 != row.permission_set {
            page.line(&format!("  {}", escape(&row.permission_set)))?;
            last.1.clone_from(&row.permission_set);
        }
        let path = |path: &String| match row.undeclared_memberships.contains(path) {
            true => {
                let mark = page.paint(Meaning::Warning, "membership that no block declares");
                format!("{} ({mark})", name(path))
            }
            false => name(path).into_owned(),
        };
        let via: Vec<String> = row.via.iter().map(path).collect();
        let via = via.join(", ");
        let person = match view.namesakes.contains(&row.user_name) {
            true => format!("{} ({})", row.person, row.user_name),
            false => row.person.clone(),
        };
        let via = match (row.person.is_empty(), via.as_str()) {
            (true, group) => format!("{group} (no known members)"),
            (false, "direct") => format!("{}  directly", name(&person)),
            (false, groups) => format!("{}  via {groups}", name(&person)),
        };
        page.line(&format!("    {via}"))?;
    }
    Ok(())
}
