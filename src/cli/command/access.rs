//! `access`: who can enter what, from the state.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::cli::args::{AccessArgs, AccessCommand, AccessFilterArgs, AccessFormat};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::diagnostic::did_you_mean;
use crate::model::record::{Recorded, Seen};
use crate::model::snapshot::Snapshot;
use crate::report::access_view::{Filter, Query, view};
use crate::report::terminal::state::access;
use crate::state::{Entry, Kinds, StateStore};

/// Runs it.
pub fn run(env: &Env, args: &AccessArgs) -> Result<Exit, Failure> {
    match &args.question {
        Some(AccessCommand::Explain(args)) => return super::access_explain::run(env, args),
        Some(AccessCommand::Diff(args)) => return super::access_diff::run(env, args),
        None => {}
    }
    let recorded = match &args.at {
        Some(text) => as_of(env, moment(text)?)?,
        None => super::recorded_of(env)?,
    };
    let query = query(&args.filter)?;
    let (snapshot, seen_at) = match &recorded.seen {
        Some(seen) => (&seen.snapshot, Some(seen.at)),
        None => (&recorded.applied, None),
    };
    known(&args.filter, &query, snapshot)?;
    let found = view(snapshot, &recorded.applied, seen_at, &query);
    match args.format {
        _ if args.json => super::print_json(env, &found)?,
        AccessFormat::Json => super::print_json(env, &found)?,
        AccessFormat::Csv => env.print(|out| found.write_csv(out))?,
        AccessFormat::Text => env.print(|out| access(&found, env.out, out))?,
    }
    Ok(Exit::Done)
}

/// A query by patterns.
pub(super) fn query(filter: &AccessFilterArgs) -> Result<Query, Failure> {
    let (principal, account, set) = (&filter.principal, &filter.account, &filter.permission_set);
    Query::new(principal.as_deref(), account.as_deref(), set.as_deref())
        .map_err(|error| Failure::new(format!("not a pattern: {error}")))
}

/// That every filter names something. "Nobody" as the answer to a question about nothing would pass for a fact.
fn known(args: &AccessFilterArgs, query: &Query, snapshot: &Snapshot) -> Result<(), Failure> {
    let given = [
        (Filter::Principal, &args.principal, "user or group"),
        (Filter::Account, &args.account, "account"),
        (Filter::PermissionSet, &args.permission_set, "permission set"),
    ];
    let mut wrong = Vec::new();
    let mut help = Vec::new();
    for (filter, text, what) in given {
        let Some(text) = text else { continue };
        let names = query.unknown(filter, snapshot);
        let Some(names) = names else { continue };
        wrong.push(format!("no {what} is called `{text}`"));
        help.extend(did_you_mean_any_case(text, &names));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let help = if help.is_empty() {
        "names are as the service has them, with * and ? for parts; `rolecall access` shows all".to_owned()
    } else {
        help.join(" ")
    };
    Err(Failure::new(wrong.join("; ")).help(help))
}

/// Close names; the same one in other letters is the closest.
pub(super) fn did_you_mean_any_case(text: &str, names: &BTreeSet<String>) -> Option<String> {
    let same = names
        .iter()
        .find(|name| name.to_lowercase() == text.to_lowercase());
    match same {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None => did_you_mean(text, names.iter().map(String::as_str)),
    }
}

/// A time, or a day at whose start (UTC) is meant.
pub(super) fn moment(text: &str) -> Result<Timestamp, Failure> {
    let day = || text.parse::<jiff::civil::Date>().ok();
    let start = |day: jiff::civil::Date| {
        day.to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|at| at.timestamp())
    };
    let found = text.parse().ok().or_else(|| day().and_then(start));
    found.ok_or_else(|| Failure::new(format!("`{text}` is neither a day like 2026-10-01 nor a time")))
}

/// What was last seen at a time, as the journal has it.
fn as_of(env: &Env, at: Timestamp) -> Result<Recorded, Failure> {
    Ok(Recorded {
        seen: Some(reading(env, at)?),
        ..Recorded::default()
    })
}

/// The last reading at a time.
pub(super) fn reading(env: &Env, at: Timestamp) -> Result<Seen, Failure> {
    let mut found = None;
    readings(env, &mut |seen, recorded_at| {
        let goes_on = recorded_at <= at;
        if goes_on {
            found = Some(seen.clone());
        }
        goes_on
    })?;
    found.ok_or_else(|| {
        Failure::new(format!(
            "the state holds no reading of the service from {at} or before"
        ))
    })
}

/// Every reading that the journal has, in its order and with when it was recorded, until `take` has enough. One that
/// found everything as before comes again under its own time.
pub(super) fn readings(env: &Env, take: &mut dyn FnMut(&Seen, Timestamp) -> bool) -> Result<(), Failure> {
    let mut last: Option<Seen> = None;
    super::store_of(env)?.read_each(Kinds::Readings, &mut |entry| {
        let at = match entry {
            Entry::Observed(seen) => last.insert(*seen).at,
            Entry::Imported { recorded, by } => {
                last = recorded.seen;
                by.at
            }
            Entry::Confirmed { at } => {
                last.iter_mut().for_each(|seen| seen.at = at);
                at
            }
            _ => return true,
        };
        last.as_ref().is_none_or(|seen| take(seen, at))
    })?;
    Ok(())
}
